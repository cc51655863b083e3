"""The page of a comparison says the verdict first and leaves nothing out; numbers are those of the comparison."""

import io
import math
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from multisymbol.comparison.result import Comparison, NotRun
from multisymbol.reports.comparison import comparison_figures, comparison_lines, comparison_page
from multisymbol.reports.page import Bullets, Caution, Facts, Page, page_html, page_markdown
from multisymbol.reports.tables.comparison import (
    against_table,
    arm_table,
    by_effect,
    comparison_symbol_table,
    envelope,
    p_text,
    question_table,
    symbol_test_table,
    trade_table,
)
from multisymbol.reports.tables.table import to_csv
from multisymbol.statistics.aa_test import AATest
from multisymbol.statistics.verdict import Kind
from tests.reports.comparisons import WORLDS, World, compared, trading

KINDS: dict[World, Kind] = {
    "universal": "UNIVERSAL_BETTER",
    "single": "SINGLE_BETTER",
    "equivalent": "EQUIVALENT",
    "inconclusive": "INCONCLUSIVE",
    "no skill": "NO_SKILL",
    "exploratory": "UNIVERSAL_BETTER",
}
TITLES: dict[World, str] = {
    "universal": "Universal better",
    "single": "Single better",
    "equivalent": "Equivalent",
    "inconclusive": "Inconclusive",
    "no skill": "No skill",
    "exploratory": "Explored, no claim",
}


def facts_of(page: Page) -> dict[str, str]:
    """Return what the first section says in facts."""
    return dict(next(part for part in page.sections[0].parts if isinstance(part, Facts)).items)


def cautions(page: Page) -> list[str]:
    return [part.text for part in page.sections[0].parts if isinstance(part, Caution)]


def without_figures(page: Page) -> Page:
    """Leave the drawings out: they take long, and their text is theirs to test."""
    kept = ((section, [part for part in section.parts if not isinstance(part, Figure)]) for section in page.sections)
    return replace(page, sections=tuple(replace(section, parts=tuple(parts)) for section, parts in kept))


def with_aa_share(comparison: Comparison, share: float) -> Comparison:
    """Return the comparison with another result of the A/A test."""
    diagnostics = replace(
        comparison.primary.diagnostics,
        aa_test=AATest(p=np.full(200, 0.5), alpha=0.05, share=share, low=0.02, high=0.08, blocks=20),
    )
    return replace(
        comparison, results={**comparison.results, "overall": replace(comparison.primary, diagnostics=diagnostics)}
    )


@pytest.mark.parametrize("world", WORLDS)
def test_the_verdict_comes_first(world: World) -> None:
    comparison = compared(world)
    assert comparison.primary.verdict.kind == KINDS[world]
    page = comparison_page(comparison)
    assert page.title == f"One universal model or one per symbol? {TITLES[world]}"
    assert page.lead.startswith(comparison.primary.verdict.sentence)
    assert page.sections[0].title == "Answer"
    assert comparison_lines(comparison)[0] == comparison.primary.verdict.sentence


@pytest.mark.parametrize("world", WORLDS)
def test_page_is_one_file_without_numbers_that_are_none(world: World) -> None:
    page = comparison_page(compared(world))
    text = page_html(without_figures(page))
    words = re.sub(r"<style>.*?</style>|<[^>]+>", " ", text, flags=re.S)
    assert not re.search(r"\bnan\b|\binf\b|None", words)
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "NEW&lt;1&gt;" in text
    assert page_markdown(page).count("\n## ") == 9


def test_same_comparison_gives_the_same_bytes_with_all_figures_drawn() -> None:
    text = page_html(comparison_page(compared("universal")))
    assert text == page_html(comparison_page(compared("universal")))
    assert text.count("<svg") == len(comparison_figures(compared("universal")))
    assert "<script" not in text


def test_a_band_on_the_other_side_is_no_part_of_the_effect() -> None:
    primary = compared("single").primary
    assert abs(primary.evidence.beyond) > abs(primary.differentials.effect)
    assert primary.verdict.sentence.endswith(
        "on markets without signal the same arms differ the other way, so all of it is more than that."
    )


def test_a_gain_in_activity_alone_is_not_told_as_one_in_direction() -> None:
    lead = comparison_page(compared("universal")).lead
    assert "Direction (BUY against SELL): equivalent; activity (HOLD against the rest): universal better." in lead


def test_symbols_are_counted_by_verdict_and_few_are_named() -> None:
    assert (
        "Of 6 symbols: universal better for 5, inconclusive for 1 (NEW<1>)."
        in comparison_page(compared("universal")).lead
    )
    lead = comparison_page(compared("inconclusive")).lead
    assert "Of 6 symbols: inconclusive for 5, no skill for 1 (BTCUSDT)." in lead


@pytest.mark.parametrize(
    ("universal", "single", "said"),
    [
        (-1.2, -1.9, "neither covers its costs."),
        (1.2, -1.9, "only the universal one covers its costs on these bars, which was not tested against chance."),
        (1.2, 0.4, "both cover their costs on these bars, which was not tested against chance."),
        (
            float("nan"),
            -0.4,
            "profit per trade after costs: −0.4 bp for the single model (the universal one does not trade); neither",
        ),
        (float("nan"), float("nan"), "Under the trading rule neither model trades."),
    ],
)
def test_lead_says_whether_a_trade_pays(universal: float, single: float, said: str) -> None:
    comparison = replace(compared("universal"), trading=trading(universal, single))
    assert said in comparison_page(comparison).lead


def test_a_gain_without_skill_is_called_luck() -> None:
    without = replace(compared("no skill"), trading=trading(12.6, 21.9))
    assert "both cover their costs on these bars, by luck or by the market's drift" in comparison_page(without).lead


def test_a_primary_test_that_rejects_too_often_is_reported_before_the_verdict() -> None:
    comparison = with_aa_share(compared("universal"), 0.31)
    page = comparison_page(comparison)
    assert page.lead.startswith(
        "In the A/A test, where there is no difference, the primary test rejects in 31.0% of 200 assignments "
        "(expected at 5%: 2.0% to 8.0%): its p-values are too small here and prove nothing. Over all symbols"
    )
    assert len(cautions(page)) == 1
    assert "rejects 31.0% at 5%, TOO OFTEN" in facts_of(page)["detectable effect"]
    careful = with_aa_share(compared("universal"), 0.0)
    assert comparison_page(careful).lead.startswith("Over all symbols")
    assert cautions(comparison_page(careful))[0].endswith("it may miss a difference here.")


def test_exploration_claims_nothing_anywhere() -> None:
    comparison = compared("exploratory")
    page = comparison_page(comparison)
    assert page.lead.startswith("Exploratory, no claim: ")
    assert cautions(page)[0].startswith("Exploratory: fewer seeds or surrogate markets than a claim needs.")
    said = [row[1] for table in (comparison_symbol_table(comparison), question_table(comparison)) for row in table.rows]
    assert all(str(text).endswith("(exploratory)") for text in said)
    assert facts_of(page)["beyond surrogates"] == "unknown, no surrogate markets were run"
    assert any(line.startswith("caution    Exploratory") for line in comparison_lines(comparison))


def test_first_screen_has_every_number_that_is_asked_for() -> None:
    comparison = compared("universal")
    primary = comparison.primary
    facts = facts_of(comparison_page(comparison))
    assert primary.evidence.interval is not None
    ends = f"95% interval +{primary.evidence.interval.low:.4f} to +{primary.evidence.interval.high:.4f}"
    assert facts["effect"] == f"+{primary.differentials.effect:.4f} nats per forecast ({ends})"
    assert facts["beyond surrogates"].startswith(f"+{primary.evidence.beyond:.4f} (drift kept ")
    assert facts["p"] == "<0.0001 Diebold-Mariano, <0.0001 batch means, <0.0001 with seeds"
    assert facts["balanced accuracy"] == "+1.20 points (95% interval +0.40 to +2.10)"
    assert facts["net of costs"] == (
        "universal −1.2 bp per trade, single −1.9 bp per trade; difference +0.7 bp (95% interval −1.3 to +2.7)"
    )
    assert facts["not run"] == "fine-tuned arm, SPA"
    assert facts["sample size"].startswith(
        f"900 instants, effective sample size {primary.diagnostics.effective_instants:,.0f}"
    )


def test_everything_asked_for_is_on_the_page() -> None:
    text = page_markdown(comparison_page(compared("universal")))
    for title in (
        "by fold",
        "by class",
        "by session",
        "budgets",
        "symbols that the universal model was not trained on",
    ):
        assert f"**{title}**" in text
    for figure in (
        "Gain from pooling against own history",
        "Effect changes sign between seeds",
        "2 folds, tested from",
    ):
        assert figure in text
    for item in (
        "- fine-tuned arm: not asked for",
        "- results: beef",
        "- data: da7a",
        "Not distinguishable from the best",
        "p 0.0030, adjusted for all arms",
    ):
        assert item in text


@pytest.mark.parametrize(
    "lacking",
    [
        lambda whole: replace(whole, trading=None),
        lambda whole: replace(whole, accuracy=None, confidence_set=None, any_better=math.nan, sessions=(), not_run=()),
        lambda whole: replace(whole, trading=replace(trading(1.0, 2.0), difference=None)),
        lambda whole: replace(whole, results={"overall": whole.primary}),
        lambda whole: replace(whole, symbols=tuple(replace(own, history=0) for own in whole.symbols)),
    ],
)
def test_what_was_not_done_leaves_no_hole(lacking: Callable[[Comparison], Comparison]) -> None:
    comparison = lacking(compared("single"))
    page = comparison_page(comparison)
    assert page.lead.startswith("Over all symbols")
    assert "not run    " in "\n".join(comparison_lines(comparison))
    assert not re.search(r"\bnan\b|None", page_markdown(page).replace("None of", ""))


def test_many_things_not_run_are_counted_first_and_listed_by_reason_below() -> None:
    absent = tuple(NotRun(what=f"S{number} in fold 1", why="no train rows") for number in range(9))
    comparison = replace(compared("universal"), not_run=(*absent, NotRun(what="arm pooled", why="not asked for")))
    page = comparison_page(comparison)
    assert facts_of(page)["not run"] == "S6 in fold 1, S7 in fold 1, S8 in fold 1, arm pooled, 6 more"
    assert page.sections[-1].parts == (
        Bullets(
            items=(
                ", ".join(f"S{number} in fold 1" for number in range(9)) + ": no train rows",
                "arm pooled: not asked for",
            )
        ),
    )


def test_tables_hold_the_comparisons_numbers() -> None:
    comparison = compared("universal")
    table = comparison_symbol_table(comparison)
    ranked = by_effect(comparison.primary.by_symbol)
    assert [row[0] for row in table.rows] == [own.test.symbol for own in ranked]
    assert [row[2] for row in table.rows] == [own.test.effect for own in ranked]
    assert table.rows[-1][0] == "NEW<1>"
    assert table.rows[-1][1] == "inconclusive"
    assert to_csv(table).splitlines()[-1].startswith("NEW<1>,inconclusive,0.0")
    skills = {row[0]: row[-1] for row in symbol_test_table(comparison).rows}
    assert (skills["MSFT"], skills["NEW<1>"]) == ("universal, single", "none")
    assert [row[0] for row in question_table(comparison).rows] == ["overall (primary)", "direction", "activity"]
    assert [row[-1] for row in arm_table(comparison).rows] == ["yes", "", ""]
    assert list(against_table(comparison).rows[0][1:5]) == [0.03, 0.03 - 0.01, 0.03 + 0.01, "0.0030"]
    assert comparison.trading is not None
    assert trade_table(comparison.trading).total == ("all", -1.2, -1.9)


def test_band_of_several_kinds_is_all_of_them() -> None:
    bands = compared("universal").nulls
    assert envelope(bands) == (min(own.low for own in bands), max(own.high for own in bands))
    assert np.isnan(envelope(())).all()


@pytest.mark.parametrize(
    ("p", "text"),
    [(float("nan"), "–"), (1e-9, "<0.0001"), (0.00312, "0.0031"), (0.0496, "0.0496"), (0.123, "0.123"), (1.0, "1.000")],
)
def test_p_has_as_many_digits_as_matter(p: float, text: str) -> None:
    assert p_text(p) == text


def test_forest_shows_symbols_in_the_tables_order_and_marks_those_beyond_the_band() -> None:
    comparison = compared("universal")
    drawn = comparison_figures(comparison)
    assert list(drawn) == ["forest", "time", "pooling", "seeds", "folds"]
    drawn["forest"].savefig(io.BytesIO(), format="png", dpi=30)
    axes = drawn["forest"].axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [*(str(row[0]) for row in comparison_symbol_table(comparison).rows), "all"]
    title = axes.get_title(loc="left")
    assert title.startswith("Effects beyond 0 and the surrogate band: universal 5, single 0, neither 1")


def test_effect_over_time_begins_anew_with_each_fold() -> None:
    axes = comparison_figures(compared("universal"))["time"].axes[0]
    starts = [float(np.asarray(line.get_xdata())[0]) for line in axes.lines if len(np.asarray(line.get_xdata())) > 2]
    days = [fold.test_from / 86_400e9 for fold in compared("universal").declared.folds]
    np.testing.assert_allclose(starts, days, atol=1.0)

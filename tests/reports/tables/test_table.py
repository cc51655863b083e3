import csv
import io
import math

import numpy as np
import pytest
from rich.console import Console

from multisymbol.learning.metrics import Scores
from multisymbol.reports.tables.scores import score_table
from multisymbol.reports.tables.table import (
    Table,
    column,
    drop_table,
    fold_table,
    sampling_table,
    show,
    tabulate,
    to_csv,
    to_markdown,
)
from multisymbol.samples.fold import FoldCount
from multisymbol.samples.ledger import SymbolCount
from multisymbol.samples.mixture import SamplingWeights
from multisymbol.serving.metrics import DIRECTION, ScoreMetric
from multisymbol.serving.scores import DirectionRows, QuestionScores, SkillScores


def scored(mcc: float = 0.0521) -> dict[str, float]:
    return {
        "test_log_loss": 0.98144,
        "test_no_skill_log_loss": 0.993,
        "test_skill": 0.01,
        "test_balanced_accuracy": 0.371,
        "test_no_skill_balanced_accuracy": 0.352,
        "test_mcc": mcc,
        "test_brier": 0.196,
        "test_rows": 46101.0,
    }


def scores_of(*symbols: str, mcc: float = 0.0521, roles: dict[str, str] | None = None) -> Table:
    by_symbol = {symbol: scored(mcc if symbol == symbols[-1] else 0.0521) for symbol in symbols}
    return score_table(DIRECTION, by_symbol, scored(), roles=roles)


def printed(table: Table, *, terminal: bool, most: int | None = None) -> str:
    out = io.StringIO()
    Console(file=out, width=40, force_terminal=terminal, soft_wrap=True).print(show(table, most=most, width=100))
    return out.getvalue()


def test_scores_stand_in_aligned_columns() -> None:
    text = printed(scores_of("AUDJPY", "GC=F", mcc=math.nan), terminal=False)
    assert text.splitlines() == [
        "test                        no-skill = the better of prior and rule, same rows",
        "symbol     rows   log-loss   no-skill   bal.acc   no-skill acc     MCC   Brier",
        "AUDJPY   46,101      0.981      0.993     0.371          0.352   0.052   0.196",
        "GC=F     46,101      0.981      0.993     0.371          0.352       –   0.196",
        "all      46,101      0.981      0.993     0.371          0.352   0.052   0.196",
    ]


def test_piped_output_has_no_colour_codes_and_a_long_name_ends_in_an_ellipsis() -> None:
    table = scores_of("A" * 60)
    assert "\x1b" in printed(table, terminal=True)
    piped = printed(table, terminal=False)
    assert "\x1b" not in piped
    assert "AAAAA…AAAAA" in piped
    assert max(map(len, piped.splitlines())) <= 100


def wide(*, reason: str = "") -> Table:
    shown = (
        column("symbol", of=lambda item: item),
        *(column(f"number {place}", ".3f", of=lambda _: 1.5, spare=9 - place) for place in range(9)),
        column("why", of=lambda _: reason),
    )
    return tabulate("wide", ("A", "B"), *shown, note="a note that stands at the right end where there is room for it")


@pytest.mark.parametrize("width", [40, 60, 80, 100])
@pytest.mark.parametrize("reason", ["", "no bars before the year began " * 4])
def test_a_narrow_screen_drops_what_can_be_spared_and_says_so(width: int, reason: str) -> None:
    lines = show(wide(reason=reason), width=width).plain.splitlines()
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    assert "number 8" in text
    shown, _, left_out = text.partition("not shown at this width: ")
    for place in range(9):
        assert (f"number {place}" in shown) != (f"number {place}" in left_out)
    assert "number 7" in shown or width < 60
    words = text.split()
    assert words.count("year") == (8 if reason else 0), "the last text is wrapped whole"


def test_columns_that_cannot_be_spared_stay() -> None:
    table = tabulate("", ("A",), column("symbol", of=lambda item: item), *map(column, ()), note="")
    assert show(table, width=3).plain.splitlines() == ["symbol", "A"]


def test_roles_are_shown_only_where_they_differ() -> None:
    assert "role" not in printed(scores_of("A", "B", roles=dict.fromkeys("AB", "trained")), terminal=False)
    assert "unseen" in printed(scores_of("A", "B", roles={"A": "trained", "B": "unseen"}), terminal=False)


def test_long_tables_count_what_they_leave_out_and_keep_the_total() -> None:
    lines = printed(scores_of(*(f"S{index}" for index in range(200))), terminal=False, most=20).splitlines()
    assert len(lines) == 2 + 20 + 1 + 1
    assert lines[-2] == "… 180 more rows in the run's tables"
    assert lines[-1].startswith("all ")


def test_csv_keeps_every_row_and_digit() -> None:
    table = scores_of("GC=F", "BRK.B", mcc=math.nan)
    _, first, last = csv.DictReader(io.StringIO(to_csv(table)))
    assert (float(first["log_loss"]), float(first["no_skill_log_loss"])) == (0.98144, 0.993)
    assert first["mcc"] == ""
    assert last["symbol"] == "all"


def test_markdown_shows_what_the_terminal_shows() -> None:
    lines = to_markdown(scores_of("A|B")).splitlines()
    assert lines[0].startswith("| symbol | rows | log-loss |")
    assert lines[1].startswith("| :--- | ---: |")
    assert lines[2] == "| A\\|B | 46,101 | 0.981 | 0.993 | 0.371 | 0.352 | 0.052 | 0.196 |"


def test_sampling_table_adds_up() -> None:
    share, draws = np.array([0.5, 0.5, 0.0]), np.array([200, 200, 0])
    shares = SamplingWeights(rows=np.array([100, 300, 0]), share=share, draws=draws, weight=np.ones(3))
    lines = printed(sampling_table(["A", "B", "C"], shares), terminal=False).splitlines()
    assert [line.split() for line in lines[2:]] == [
        ["A", "100", "50.0%", "200", "2.00"],
        ["B", "300", "50.0%", "200", "0.67"],
        ["C", "0", "0.0%", "0", "0.00"],
        ["all", "400", "100.0%", "400", "1.00"],
    ]


def test_fold_table_adds_up() -> None:
    counts = [
        FoldCount(symbol="A", train=1000, validation=20, test=30, purged=4, role="trained"),
        FoldCount(symbol="B", train=0, validation=1, test=2, purged=3, role="unseen"),
    ]
    assert fold_table(counts).total == ("all", "", 1000, 21, 32, 7)


def test_drop_table_accounts_for_every_bar() -> None:
    counts = [
        SymbolCount(symbol="A", bars=100, warmup=10, filling=15, unresolved=5, strided=30, samples=35, misaligned=5)
    ]
    table = drop_table(counts * 2)
    assert table.rows[0] == ("A", 100, 5, 10, 15, 5, 30, 35)
    assert table.total == ("all", 200, 10, 20, 30, 10, 60, 70)
    assert drop_table(counts).total is None


def test_no_symbols_make_an_empty_table_not_an_error() -> None:
    assert printed(drop_table([]), terminal=False).splitlines()[-1].startswith("symbol")


def test_no_skill_is_the_better_of_prior_and_rule() -> None:
    def of(log_loss: float) -> Scores:
        return Scores(
            rows=9, log_loss=log_loss, brier=0.5, macro_f1=0.3, balanced_accuracy=log_loss / 2, mcc=0.0, accuracy=0.4
        )

    answer = QuestionScores(rows=9, model=1.0, prior=1.0, rule=1.0, no_skill="prior", skill=0.0)
    worth = SkillScores(
        model=of(0.9),
        prior=of(1.1),
        rule=of(1.0),
        no_skill="rule",
        skill=0.1,
        direction=answer,
        activity=answer,
        support=(3, 3, 3),
        confusion=((1, 1, 1), (1, 1, 1), (1, 1, 1)),
    )
    stored = DIRECTION.stored(DIRECTION.named(None, worth), rows=9, pooled=False)
    one = score_table(DIRECTION, {"A": stored}, stored)
    cells = dict(zip((each.key for each in one.columns), one.rows[0], strict=True))
    assert (cells["log_loss"], cells["no_skill_log_loss"]) == (0.9, 1.0)
    assert cells["no_skill_balanced_accuracy"] == pytest.approx(0.5)
    assert one.total is None
    two = score_table(DIRECTION, {"A": stored, "B": stored}, stored)
    assert [row[0] for row in two.rows] == ["A", "B"]
    assert two.total is not None


def test_two_columns_of_a_table_never_share_a_heading() -> None:
    with pytest.raises(AssertionError, match="two columns with the same heading"):
        tabulate("t", [], column("from"), column("from", key="other"))


def test_a_declared_metric_is_computed_stored_and_shown() -> None:
    """One declaration is all that a new metric needs."""
    confident = ScoreMetric(
        name="confidence", heading="confident", better="higher", of=lambda rows: rows.model.max(axis=1).mean()
    )
    kind = DIRECTION.extended([confident])
    prob = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]])
    rows = DirectionRows(model=prob, prior=prob, rule=prob, label=np.array([0, 2]))
    stored = kind.stored({"confidence": confident.score(rows, None)}, rows=2, pooled=True)
    assert stored == {"test_confidence": pytest.approx(0.55), "test_rows": 2.0}
    assert "confident" in printed(score_table(kind, {"A": stored}, stored), terminal=False)

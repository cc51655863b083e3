"""The report of a comparison: lines for the terminal, and a page whose first sentence is the verdict."""

import json
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from multisymbol.comparison.preregistration import current_keys
from multisymbol.comparison.result import Comparison, TradeCounts, Trading
from multisymbol.markets.provenance import marked, synthetic_lines
from multisymbol.markets.time import iso
from multisymbol.reports.figures import comparison as figures
from multisymbol.reports.figures.canvas import signed
from multisymbol.reports.page import Bullets, Caution, Code, Facts, Folded, OwnSection, Page, Part, Section, sections_of
from multisymbol.reports.tables import comparison as tables
from multisymbol.reports.tables.table import ABSENT
from multisymbol.statistics.aa_test import AATest
from multisymbol.statistics.bootstrap import Interval
from multisymbol.statistics.compare import ComparisonResult, Diagnostics, SymbolResult
from multisymbol.statistics.heterogeneity import Heterogeneity
from multisymbol.statistics.verdict import REALISTIC_MONTHS
from multisymbol.wording import group_by

_NAMED = 4
"""Largest number of symbols that a sentence names; more are counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonShown:
    """What the page of a comparison shows."""

    comparison: Comparison
    drawn: Mapping[str, Figure]  # `comparison_figures`


def comparison_page(
    comparison: Comparison, *, drawn: Mapping[str, Figure] | None = None, sections: Iterable[OwnSection] = ()
) -> Page:
    """Write the page of a comparison; the first screen is the answer, the rest is below or folded.

    Figures (`comparison_figures`) are drawn unless they are given; `sections` are the user's own.
    """
    shown = ComparisonShown(comparison=comparison, drawn=comparison_figures(comparison) if drawn is None else drawn)
    name, hashes = tables.VERDICTS[comparison.primary.verdict.kind].capitalize(), comparison.hashes
    made_by = f"plan {hashes.plan} · results {hashes.results} · code {hashes.code}"
    return Page(
        title=marked(
            f"One universal model or one per symbol? {'Explored, no claim' if _exploratory(comparison) else name}",
            synthetic=comparison.synthetic,
        ),
        lead=" ".join(_lead(comparison)),
        sections=sections_of("comparison", shown, SECTIONS, sections),
        footer=f"Comparison {comparison.declared.name} · {made_by} · labels known until {iso(comparison.data_until)}",
    )


def comparison_lines(comparison: Comparison) -> list[str]:
    """Return the lines for the terminal: verdict, effect, precision, what was not run."""
    primary = comparison.primary
    net = "not traded" if comparison.trading is None else _net(comparison.trading)
    return [
        *_lead(comparison),
        f"effect     {_effect(primary)} · p {_ps(primary)} · beyond the surrogate band: {_beyond(primary)}",
        f"accuracy   {_accuracy(comparison)}, balanced",
        f"net        {net}",
        f"precision  {_size(primary)} · {_seeds(primary.diagnostics)} · {_aa_result(primary.diagnostics)}",
        *(f"caution    {text}" for text in _cautions(comparison)),
        f"not run    {_left_out(comparison)}",
        f"hashes     plan {comparison.hashes.plan} · results {comparison.hashes.results}",
    ]


def comparison_figures(comparison: Comparison) -> dict[str, Figure]:
    """Draw the primary effect by symbol, over time, against history and by seed; and the folds."""
    primary, folds = comparison.primary, comparison.declared.folds
    differentials, names = primary.differentials, [own.name for own in comparison.declared.folds]
    instants, starts = differentials.instants, np.array([own.test_from for own in folds], dtype=np.int64)
    fold = np.clip(np.searchsorted(starts, instants, side="right") - 1, 0, None)
    drawn = {
        "forest": _forest(primary),
        "time": figures.effect_over_time_figure(
            instants, effect=differentials.series, fold=fold, names=names, lag=differentials.lag
        ),
    }
    known = [own for own in comparison.symbols if own.history > 0]
    if known:
        tests = {own.test.symbol: own.test for own in primary.by_symbol}
        drawn["pooling"] = figures.pooling_figure(
            [own.symbol for own in known],
            history=np.array([own.history for own in known], dtype=np.int64),
            effects=_effects([(tests[own.symbol].effect, tests[own.symbol].interval) for own in known]),
            groups=[own.asset_class for own in known],
        )
    if len(differentials.seeds) > 1:
        by_seed, pooled = differentials.symbol_by_seed.T, primary.diagnostics.split.effects
        drawn["seeds"] = figures.seed_figure(differentials.symbols, effect=by_seed, pooled=pooled)
    cuts = [(own.train_from, own.validation_from, own.test_from, own.test_until) for own in folds]
    drawn["folds"] = figures.folds_figure(names, cuts=np.array(cuts, dtype=np.int64))
    return drawn


def _forest(primary: ComparisonResult) -> Figure:
    ranked = tables.by_effect(primary.by_symbol)
    nulls = [*(tables.envelope(own.evidence.nulls) for own in ranked), tables.envelope(primary.evidence.nulls)]
    low, high = np.array(nulls, dtype=np.float64).T
    has_bands = bool(primary.evidence.nulls)
    return figures.forest_figure(
        [own.test.symbol for own in ranked],
        effects=_effects([(own.test.effect, own.evidence.interval) for own in ranked]),
        band=figures.EffectSeries(value=np.full(len(nulls), np.nan), low=low, high=high) if has_bands else None,
        pooled=_effects([(primary.differentials.effect, primary.evidence.interval)]),
        verdicts=[*(tables.VERDICTS[own.verdict.kind] for own in ranked), tables.VERDICTS[primary.verdict.kind]],
        smallest=primary.evidence.smallest,
        arms=(primary.differentials.first, primary.differentials.second),
    )


def _effects(found: Sequence[tuple[float, Interval | None]]) -> figures.EffectSeries:
    value, low, high = np.array([(effect, *tables.ends(interval)) for effect, interval in found], dtype=np.float64).T
    return figures.EffectSeries(value=value, low=low, high=high)


# --- Sentences -------------------------------------------------------------------------------------------------------


def _lead(comparison: Comparison) -> Iterator[str]:
    """Yield one sentence each: overall verdict, direction and activity, counts by symbol, profit of trading.

    If the A/A test shows that the primary test rejects too often, that comes first: a reader who stops must know it.
    """
    primary = comparison.primary
    symbols = [each.symbol for each in comparison.symbols] if comparison.synthetic else []
    yield from synthetic_lines(symbols, of=len(symbols))
    aa_test = primary.diagnostics.aa_test
    if aa_test.share > aa_test.high:
        yield _wrong_size(aa_test)
    yield primary.verdict.sentence
    others = [
        f"{tables.QUESTIONS[question]}: {tables.verdict_text(result.verdict, result.evidence)}"
        for question, result in comparison.results.items()
        if question != primary.question
    ]
    if others:
        text = "; ".join(others)
        yield f"{text[:1].upper()}{text[1:]}."
    yield f"Of {_counted(primary.by_symbol)}{', all exploratory' if _exploratory(comparison) else ''}."
    if comparison.trading is not None:
        yield from _profit(comparison.trading, skilled=primary.evidence.skilled)


def _counted(results: Sequence[SymbolResult]) -> str:
    """Count symbols by verdict; a few with the same verdict are named, unless all have it."""
    counts = Counter(own.verdict.kind for own in results)
    texts = []
    for kind in (each for each in tables.VERDICTS if counts[each]):
        names = [own.test.symbol for own in results if own.verdict.kind == kind]
        named = f" ({', '.join(names)})" if len(names) <= _NAMED and len(counts) > 1 else ""
        texts.append(f"{tables.VERDICTS[kind]} for {len(names)}{named}")
    return f"{len(results)} symbol{'s' if len(results) > 1 else ''}: {', '.join(texts)}"


def _profit(trading: Trading, *, skilled: Collection[str]) -> Iterator[str]:
    """State the profit per trade; whether it exceeds luck was not tested, and without skill it does not.

    One sentence more if an arm has skill, and none that has covers its costs.
    """
    nets = {"universal": trading.universal.net_bps, "single": trading.single.net_bps}
    earned = [f"{_bp(net)} for the {name} model" for name, net in nets.items() if not math.isnan(net)]
    idle = [f" (the {name} one does not trade)" for name, net in nets.items() if math.isnan(net)]
    paid = [name for name, net in nets.items() if net > 0]
    who = "both cover their costs" if len(paid) == 2 else f"only the {paid[0]} one covers its costs" if paid else ""
    if not paid:
        paying = "neither covers its costs"
    elif not set(paid) & set(skilled):
        paying = f"{who} on these bars, by luck or by the market's drift, since no skill is shown"
    else:
        paying = f"{who} on these bars, which was not tested against chance"
    if earned:
        yield f"Mean profit per trade after costs: {' and '.join(earned)}{''.join(idle)}; {paying}."
    else:
        yield "Under the trading rule neither model trades."
    if skilled and not any(nets[name] > 0 for name in skilled):
        yield "Skill, not tradable."


def _cautions(comparison: Comparison) -> list[str]:
    """List what a reader must not overlook, the most serious first."""
    primary, aa_test = comparison.primary, comparison.primary.diagnostics.aa_test
    exploratory = "Exploratory: fewer seeds or surrogate markets than a claim needs. Nothing here is a claim."
    texts = [exploratory] if _exploratory(comparison) else []
    return [*texts, *([] if aa_test.within else [_wrong_size(aa_test)]), *primary.verdict.caveats]


def _wrong_size(aa_test: AATest) -> str:
    """State that the primary test does not have its nominal size on these data."""
    liberal = aa_test.share > aa_test.high
    effect = "its p-values are too small here and prove nothing" if liberal else "it may miss a difference here"
    return (
        f"In the A/A test, where there is no difference, the primary test rejects in {aa_test.share:.1%} of "
        f"{len(aa_test.p):,} assignments (expected at {aa_test.alpha:.0%}: {aa_test.low:.1%} to {aa_test.high:.1%}): "
        f"{effect}."
    )


def _effect(result: ComparisonResult) -> str:
    interval = result.evidence.interval
    nats = f"{_nats(result.differentials.effect)} nats per forecast"
    return f"{nats} (not tested)" if interval is None else f"{nats} ({_between(interval, '+.4f')})"


def _ps(result: ComparisonResult) -> str:
    evidence = result.evidence
    tests = {"Diebold-Mariano": evidence.p, "batch means": evidence.p_cross_check, "with seeds": evidence.p_seeds}
    return ", ".join(f"{tables.p_text(p)} {test}" for test, p in tests.items())


def _beyond(result: ComparisonResult) -> str:
    bands = [
        f"{null.kind} {_nats(null.low)} to {_nats(null.high)} in {null.draws} draw{'s' if null.draws > 1 else ''}"
        for null in result.evidence.nulls
    ]
    return (
        f"{_nats(result.evidence.beyond)} ({', '.join(bands)})" if bands else "unknown, no surrogate markets were run"
    )


def _net(trading: Trading) -> str:
    difference = trading.difference
    apart = "not tested" if difference is None else f"{_bp(difference.estimate)} ({_between(difference, '+.1f')})"
    nets = f"universal {_a_trade(trading.universal)}, single {_a_trade(trading.single)}"
    return f"{nets}; difference {apart}"


def _a_trade(trades: TradeCounts) -> str:
    return "no trade" if math.isnan(trades.net_bps) else f"{_bp(trades.net_bps)} per trade"


def _size(result: ComparisonResult) -> str:
    differentials, diagnostics = result.differentials, result.diagnostics
    return (
        f"{len(differentials.instants):,} instants, effective sample size {diagnostics.effective_instants:,.0f} · "
        f"{len(differentials.symbols)} symbols, effective number {diagnostics.effective_symbols:.1f}"
    )


def _seeds(diagnostics: Diagnostics) -> str:
    seeds, spread = len(diagnostics.split.effects), diagnostics.split.spread
    return f"{seeds} seeds, standard deviation {spread:.4f}" if seeds > 1 else "1 seed, standard deviation unknown"


def _aa_result(diagnostics: Diagnostics) -> str:
    aa_test = diagnostics.aa_test
    size = "" if aa_test.within else ", TOO OFTEN" if aa_test.share > aa_test.high else ", TOO RARELY"
    expected = f"expected {aa_test.low:.1%} to {aa_test.high:.1%}, {aa_test.blocks} blocks of time"
    return f"A/A test rejects {aa_test.share:.1%} at {aa_test.alpha:.0%}{size} ({expected})"


def _accuracy(comparison: Comparison) -> str:
    interval = comparison.accuracy
    if interval is None:
        return "not tested"
    points = (100 * each for each in (interval.estimate, interval.low, interval.high))
    value, low, high = (signed(each, "+.2f") for each in points)
    return f"{value} points ({interval.level:.0%} interval {low} to {high})"


def _left_out(comparison: Comparison) -> str:
    """Name the last entries that were not run (arms and surrogates follow symbols); the page lists all."""
    names = [own.what for own in comparison.not_run]
    before = [f"{len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return ", ".join([*names[-_NAMED:], *before]) or "nothing was left out"


def _exploratory(comparison: Comparison) -> bool:
    return comparison.primary.evidence.exploratory


def _between(interval: Interval, form: str) -> str:
    return f"{interval.level:.0%} interval {signed(interval.low, form)} to {signed(interval.high, form)}"


def _nats(value: float) -> str:
    return ABSENT if math.isnan(value) else signed(value, "+.4f")


def _bp(value: float) -> str:
    return f"{ABSENT if math.isnan(value) else signed(value, '+.1f')} bp"


# --- Sections --------------------------------------------------------------------------------------------------------


def _result_section(shown: ComparisonShown) -> Section:
    comparison, drawn = shown.comparison, shown.drawn
    primary = comparison.primary
    parts = [
        (tables.QUESTIONS[question], f"{tables.verdict_text(result.verdict, result.evidence)}, {_effect(result)}")
        for question, result in comparison.results.items()
        if question != primary.question
    ]
    facts = (
        ("effect", _effect(primary)),
        ("beyond surrogates", _beyond(primary)),
        ("p", _ps(primary)),
        *parts,
        ("balanced accuracy", _accuracy(comparison)),
        ("net of costs", "not traded" if comparison.trading is None else _net(comparison.trading)),
        ("sample size", f"{_size(primary)} · {_seeds(primary.diagnostics)}"),
        ("detectable effect", f"{primary.diagnostics.detectable:.4f} nats · {_aa_result(primary.diagnostics)}"),
        ("not run", _left_out(comparison)),
    )
    cautions = (Caution(text=text) for text in _cautions(comparison))
    return Section(
        title="Answer",
        note="Effect: loss of the single models less that of the universal one; above 0 the universal one is better.",
        parts=(*cautions, Facts(items=facts), drawn["forest"], drawn["time"]),
    )


def _symbol_section(shown: ComparisonShown) -> Section:
    comparison, drawn = shown.comparison, shown.drawn
    primary = comparison.primary
    sentences = tuple(own.verdict.sentence for own in tables.by_effect(primary.by_symbol))
    alpha = primary.evidence.alpha
    tested = {"symbols": primary.between_symbols, "asset classes": primary.between_classes}
    return Section(
        title="Symbols",
        note=f"The chance of any false claim among all symbols of the table is at most {alpha:.0%}.",
        parts=(
            tables.comparison_symbol_table(comparison),
            *(_apart(test, what, alpha=alpha) for what, test in tested.items() if test is not None),
            *([drawn["pooling"]] if "pooling" in drawn else []),
            Folded(title="Verdict of each symbol", parts=(Bullets(items=sentences),)),
            Folded(title="All tests", parts=(tables.symbol_test_table(comparison),)),
        ),
    )


def _apart(test: Heterogeneity, what: str, *, alpha: float) -> str:
    if math.isnan(test.p):
        return f"Whether the gain differs between {what} could not be tested."
    shown = "is shown to differ" if test.p <= alpha else "is not shown to differ"
    return f"The gain {shown} between {what} (p {tables.p_text(test.p)}, {test.blocks} blocks)."


def _question_section(shown: ComparisonShown) -> Section:
    comparison = shown.comparison
    sentences = tuple(result.verdict.sentence for result in comparison.results.values())
    return Section(
        title="Direction and activity",
        note="The log-loss has two parts: HOLD against the rest, and BUY against SELL where it is not HOLD.",
        parts=(Bullets(items=sentences), tables.question_table(comparison)),
    )


def _where_section(shown: ComparisonShown) -> Section:
    comparison = shown.comparison
    groups = {"by fold": comparison.folds, "by class": comparison.classes}
    if comparison.sessions:
        groups["by session"] = comparison.sessions
    name = tables.QUESTIONS[comparison.primary.question].capitalize()
    return Section(
        title="Subgroups",
        note=f"{name} in parts of the test rows: descriptive, not for claims.",
        parts=tuple(tables.subgroup_table(own, title=title) for title, own in groups.items()),
    )


def _arm_section(shown: ComparisonShown) -> Section:
    comparison = shown.comparison
    kept = comparison.confidence_set
    best = [] if kept is None else [f"Not distinguishable from the best arm: {', '.join(kept.kept)}."]
    if not math.isnan(comparison.any_better):
        best.append(f"No arm loses less than single: p {tables.p_text(comparison.any_better)}, adjusted for all arms.")
    traded: list[Part] = []
    trading = comparison.trading
    if trading is not None:
        counts = [
            f"{name} {own.trades:,.0f} trades per seed, {_bp(own.gross_bps)} per trade before costs, "
            f"{_bp(own.net_bps)} after"
            for name, own in (("universal", trading.universal), ("single", trading.single))
        ]
        by_symbol = Folded(title="Net of costs, by symbol", parts=(tables.trade_table(trading),))
        traded = [f"Traded by {trading.rule}: {'; '.join(counts)}.", by_symbol]
    return Section(
        title="Arms",
        note="All on the same test rows, each calibrated by a temperature fitted on validation rows.",
        parts=(
            tables.arm_table(comparison),
            *best,
            tables.against_table(comparison),
            Bullets(items=tuple(f"{own.arm}: {own.what}" for own in comparison.arms)),
            *([tables.unseen_table(comparison.unseen)] if comparison.unseen else []),
            *traded,
            Folded(title="Budgets", parts=(tables.budget_table(comparison.arms, matched=comparison.declared.budget),)),
        ),
    )


def _skill_section(shown: ComparisonShown) -> Section:
    primary = shown.comparison.primary
    nulls, none = primary.evidence.nulls, "No surrogate markets were run: "
    bands = tables.null_table(nulls) if nulls else f"{none}apparent skill may come from how the labels are constructed."
    return Section(
        title="Skill",
        note="An arm has skill if it loses less than the no-skill forecast and gains more than on surrogate markets.",
        parts=(tables.skill_table(primary), bands),
    )


def _diagnostics_section(shown: ComparisonShown) -> Section:
    comparison, drawn = shown.comparison, shown.drawn
    primary, diagnostics, evidence = comparison.primary, comparison.primary.diagnostics, comparison.primary.evidence
    split, differentials = diagnostics.split, primary.differentials
    months, effective = primary.verdict.months_needed, f"effective sample size {diagnostics.effective_instants:,.0f}"
    more = "" if math.isnan(months) else ", no realistic number more would decide it"
    if months <= REALISTIC_MONTHS:
        more = f", about {max(math.ceil(months), 1):,} more would decide it"
    equivalent = f"p-value of equivalence {tables.p_text(evidence.p_equivalent)}"
    facts = (
        ("test rows", f"{sum(own.test_rows for own in comparison.symbols):,}, which are not independent"),
        ("instants", f"{len(differentials.instants):,}, {effective}"),
        ("symbols", f"{len(differentials.symbols)}, effective number {diagnostics.effective_symbols:.1f}"),
        ("label overlap", f"{differentials.lag:,} instants"),
        ("test span", f"{evidence.months:.1f} months{more}"),
        ("detectable effect", f"{diagnostics.detectable:.4f} nats"),
        ("smallest effect of interest", f"{evidence.smallest:.4g} nats, {equivalent}"),
        ("variance by time, seeds, symbols", f"{split.time:.2g} / {split.seed:.2g} / {split.symbol:.2g}"),
        ("seeds", _seeds(diagnostics)),
        ("A/A test", _aa_result(diagnostics)),
    )
    seeds = [drawn["seeds"]] if "seeds" in drawn else []
    return Section(title="Precision and test size", parts=(Facts(items=facts), *seeds))


def _declared_section(shown: ComparisonShown) -> Section:
    comparison, drawn = shown.comparison, shown.drawn
    declared, hashes = comparison.declared, comparison.hashes
    draws = ", ".join(f"{kind} {count}" for kind, count in declared.surrogates.items()) or "none"
    facts = (
        ("primary question", tables.QUESTIONS[declared.primary]),
        ("test", declared.test),
        ("smallest effect", f"{declared.smallest:.4g} nats"),
        ("seeds", ", ".join(map(str, declared.seeds))),
        ("budgets", tables.BUDGETS[declared.budget]),
        ("surrogate draws", draws),
        *((name, getattr(hashes, name)) for name in ("plan", "data", "features", "labels", "code", "results")),
    )
    content = json.dumps(current_keys(declared.content), indent=1, sort_keys=True, default=str)
    return Section(
        title="Preregistration",
        note="Written down and hashed before any model was trained.",
        parts=(
            Facts(items=facts),
            drawn["folds"],
            tables.comparison_fold_table(comparison),
            Folded(title="Full plan", parts=(Code(text=content),)),
        ),
    )


def _not_run_section(shown: ComparisonShown) -> Section:
    comparison = shown.comparison
    by_reason = group_by(comparison.not_run, lambda own: own.why)
    items = tuple(f"{', '.join(each.what for each in own)}: {why}" for why, own in by_reason.items())
    return Section(title="Not run", parts=(Bullets(items=items),) if items else ("Nothing was left out.",))


SECTIONS: tuple[Callable[[ComparisonShown], Section | None], ...] = (
    _result_section,
    _symbol_section,
    _question_section,
    _where_section,
    _arm_section,
    _skill_section,
    _diagnostics_section,
    _declared_section,
    _not_run_section,
)
"""The sections of the page, from top to bottom: one more is one more function in this list."""

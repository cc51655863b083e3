"""Tables of a comparison by question, symbol, subgroup, arm and fold: every number that its page shows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import attrgetter, itemgetter

from multisymbol.comparison.result import ArmOutcome, BudgetUnit, Comparison, SubgroupEffect, Trading
from multisymbol.markets.time import iso
from multisymbol.reports.tables.table import ABSENT, ALL, RIGHT, Cell, Column, Table, column, columns, tabulate
from multisymbol.statistics.bootstrap import Interval
from multisymbol.statistics.compare import ComparisonResult, SymbolResult
from multisymbol.statistics.surrogate_null import SurrogateNull
from multisymbol.statistics.verdict import REALISTIC_MONTHS, Conclusion, Kind, Question, VerdictEvidence

VERDICTS: Mapping[Kind, str] = {
    "UNIVERSAL_BETTER": "universal better",
    "SINGLE_BETTER": "single better",
    "EQUIVALENT": "equivalent",
    "INCONCLUSIVE": "inconclusive",
    "NO_SKILL": "no skill",
}
"""Words for a verdict in tables and figures."""
QUESTIONS: Mapping[Question, str] = {
    "overall": "whole log-loss",
    "direction": "direction (BUY against SELL)",
    "activity": "activity (HOLD against the rest)",
}
BUDGETS: Mapping[BudgetUnit, str] = {
    "epochs": "matched in epochs: a single model has fewer samples, so fewer steps per epoch than the universal one",
    "steps": "matched in epochs and steps: a single model's epoch repeats its samples up to the universal one's steps",
}

_NATS = "+.4f"


def _interval(of: str) -> tuple[Column, Column]:
    """Declare the ends of an interval, an attribute of the rows' items."""
    interval = attrgetter(of)
    return (
        column("from", _NATS, key="low", of=lambda own: ends(interval(own))[0]),
        column("to", _NATS, key="high", of=lambda own: ends(interval(own))[1]),
    )


def _envelope(of: str) -> tuple[Column, Column]:
    """Declare the ends of the surrogate band."""
    nulls = attrgetter(of)
    return (
        column("band from", _NATS, key="band_low", of=lambda own: envelope(nulls(own))[0]),
        column("band to", _NATS, key="band_high", of=lambda own: envelope(nulls(own))[1]),
    )


def _p(name: str, of: str, *, key: str = "") -> Column:
    """Declare a p-value, an attribute of the rows' items."""
    p = attrgetter(of)
    return column(name, RIGHT, key=key or of.rpartition(".")[2], of=lambda own: p_text(p(own)))


_VERDICT = column("verdict", of=lambda own: verdict_text(own.verdict, own.evidence))


def question_table(comparison: Comparison) -> Table:
    """Return a row for each question; the primary one is marked."""
    primary = comparison.declared.primary
    return tabulate(
        "three questions",
        comparison.results.values(),
        column("question", of=lambda own: own.question + (" (primary)" if own.question == primary else "")),
        _VERDICT,
        column("effect", _NATS, of="differentials.effect"),
        *_interval("evidence.interval"),
        column("beyond", _NATS, of="evidence.beyond"),
        _p("p", "evidence.p"),
        _p("batch means", "evidence.p_cross_check"),
        _p("with seeds", "evidence.p_seeds"),
        _p("equivalent", "evidence.p_equivalent"),
        note="nats per forecast, above 0 the universal arm is better; beyond: part outside the surrogate band",
    )


def comparison_symbol_table(comparison: Comparison) -> Table:
    """Return a row for each symbol on the primary question, the largest effect first."""
    facts = {own.symbol: own for own in comparison.symbols}
    return tabulate(
        "symbol by symbol",
        by_effect(comparison.primary.by_symbol),
        column("symbol", of="test.symbol"),
        _VERDICT,
        column("effect", _NATS, of="test.effect"),
        *_interval("test.interval"),
        column("beyond", _NATS, of="evidence.beyond"),
        _p("p Holm", "test.p_holm"),
        column("own train rows", ",d", key="history", of=lambda own: facts[own.test.symbol].history),
        column("test rows", ",d", of=lambda own: facts[own.test.symbol].test_rows),
        column("months more", ",.1f", key="months_needed", of=lambda own: _months(own.verdict.months_needed)),
        note="verdicts use the p-value adjusted by Holm; intervals are not adjusted",
    )


def symbol_test_table(comparison: Comparison) -> Table:
    """Return further results for each symbol: all p-values, shrunk effect, surrogate band, skill."""
    facts = {own.symbol: own for own in comparison.symbols}
    return tabulate(
        "all tests by symbol",
        by_effect(comparison.primary.by_symbol),
        column("symbol", of="test.symbol"),
        column("class", key="asset_class", of=lambda own: facts[own.test.symbol].asset_class),
        column("folds", ",d", of=lambda own: facts[own.test.symbol].folds),
        _p("p", "test.p"),
        _p("Holm", "test.p_holm"),
        _p("BH", "test.p_bh"),
        _p("equivalent", "test.p_equivalent"),
        column("shrunk", _NATS, of="test.shrunk"),
        *_envelope("evidence.nulls"),
        column("skill", of=lambda own: ", ".join(own.evidence.skilled) or "none"),
        note="shrunk: shrunk towards the common effect; band: over all kinds of surrogate",
    )


def by_effect(results: Sequence[SymbolResult]) -> list[SymbolResult]:
    """Sort symbols by effect, the largest first; untested ones come last."""
    return sorted(results, key=lambda own: (own.test.test is None, -own.test.effect))


def subgroup_table(groups: Sequence[SubgroupEffect], *, title: str) -> Table:
    """Return a row for each subgroup: its primary effect."""
    return tabulate(
        title,
        groups,
        column(title.removeprefix("by "), key="group"),
        column("effect", _NATS),
        *_interval("interval"),
        _p("p", "p"),
        *columns("instants", "symbols", form=",d"),
        note="p-values are not adjusted for the number of rows",
    )


def arm_table(comparison: Comparison) -> Table:
    """Return a row for each arm: its scores."""
    best = () if comparison.confidence_set is None else comparison.confidence_set.kept
    return tabulate(
        "arms",
        comparison.arms,
        column("arm"),
        *columns("log-loss", "activity", "direction", form=".4f"),
        column("bal.acc", ".2%", key="balanced_accuracy"),
        column("gain", _NATS),
        column("symbols", ",d", of=lambda own: len(own.symbols)),
        column("best", of=lambda own: "yes" if own.arm in best else ""),
        note="gain: over the class prior, nats; best: not distinguishable from the best arm",
    )


def against_table(comparison: Comparison) -> Table:
    """Return a row for each arm: its gain over the single and over the universal arm."""

    def against(other: str) -> tuple[Column, ...]:
        interval = attrgetter(f"against_{other}")
        return (
            column(f"on {other}", _NATS, of=lambda own: interval(own).estimate if interval(own) else math.nan),
            column(f"{other} from", _NATS, key=f"on_{other}_low", of=lambda own: ends(interval(own))[0]),
            column(f"{other} to", _NATS, key=f"on_{other}_high", of=lambda own: ends(interval(own))[1]),
            _p(f"{other} p", f"p_against_{other}", key=f"p_on_{other}"),
        )

    return tabulate(
        "arms against the single and the universal one",
        comparison.arms,
        column("arm"),
        *against("single"),
        *against("universal"),
        note="above 0 the arm of the row is better; p-values are not adjusted for the number of arms",
    )


def budget_table(arms: Sequence[ArmOutcome], *, matched: BudgetUnit) -> Table:
    """Return a row for each arm: its training effort; the note states how budgets are matched."""

    def steps_an_epoch(own: ArmOutcome) -> float:
        return own.budget.steps / (own.budget.models * own.budget.epochs) if own.budget.models else math.nan

    return tabulate(
        "budgets",
        arms,
        column("arm"),
        column("models", ",d", of="budget.models"),
        column("train rows", ",d", of="budget.train_rows"),
        column("epochs", ".1f", of="budget.epochs"),
        column("best epoch", ".1f", of="budget.best_epoch"),
        column("steps", ",d", of="budget.steps"),
        column("per epoch", ",.1f", key="steps_an_epoch", of=steps_an_epoch),
        column("stopped early", ".0%", of="budget.stopped_early"),
        note=(
            f"universal and single matched in {matched}   train rows: one epoch of all models of one seed   "
            "epochs: means over models   per epoch: mean steps of one model"
        ),
    )


def trade_table(trading: Trading) -> Table:
    """Return the mean net profit per trade of both arms, by symbol and over all."""
    arms = {"universal": trading.universal, "single": trading.single}
    names = dict.fromkeys(name for arm in arms.values() for name in arm.by_symbol)
    nets = [(name, *(arm.by_symbol.get(name, math.nan) for arm in arms.values())) for name in names]
    return tabulate(
        "net of costs, basis points per trade",
        nets,
        column("symbol", of=itemgetter(0)),
        *(column(name, "+.1f", of=itemgetter(place)) for place, name in enumerate(arms, start=1)),
        note="one symbol has few trades: its numbers are not tested",
        total=(ALL, *(arm.net_bps for arm in arms.values())),
    )


def skill_table(result: ComparisonResult) -> Table:
    """Return a row for both arms: gain over the no-skill forecast, surrogate band, and whether skill is shown."""
    skilled = result.evidence.skilled
    return tabulate(
        "skill",
        (result.evidence.skills.first, result.evidence.skills.second),
        column("arm"),
        column("gain", _NATS, of="effect"),
        _p("p no-skill", "p_prior"),
        *_envelope("nulls"),
        _p("p surrogates", "p_surrogates"),
        column("skill", of=lambda own: "shown" if own.arm in skilled else "not shown"),
        note="gain over the no-skill forecast, nats; band: 5 to 95 % of surrogate markets",
    )


def null_table(nulls: Sequence[SurrogateNull]) -> Table:
    """Return a row for each kind of surrogate: the effect beside its surrogate null."""
    return tabulate(
        "effect on markets without signal",
        nulls,
        column("surrogate", of="kind"),
        column("draws", ",d"),
        column("5 %", _NATS, key="low"),
        column("95 %", _NATS, key="high"),
        column("real market", _NATS, key="value"),
        column("beyond", _NATS),
        _p("p", "p_above", key="p"),
        note="p: share of draws with as large an effect, one-sided",
    )


def comparison_fold_table(comparison: Comparison) -> Table:
    """Return a row for each fold: when it trains and tests."""

    def at(name: str) -> Column:
        instant = attrgetter(name.replace(" ", "_"))
        return column(name, of=lambda own: iso(instant(own)))

    return tabulate(
        "folds",
        comparison.declared.folds,
        column("fold", of="name"),
        *map(at, ("train from", "validation from", "test from", "test until")),
        column("symbols", ",d", of=lambda own: len(own.symbols)),
        *columns("train rows", "test rows", form=",d"),
    )


def unseen_table(unseen: Mapping[str, ComparisonResult]) -> Table:
    """Return a row for each asset class: universal model without the symbol against the symbol's own model."""

    def of_result(declared: Column) -> Column:
        return replace(declared, of=lambda item: declared.of(item[1]))

    shown = (
        _VERDICT,
        column("effect", _NATS, of="differentials.effect"),
        *_interval("evidence.interval"),
        _p("p", "evidence.p"),
        column("symbols", ",d", of=lambda own: len(own.differentials.symbols)),
    )
    return tabulate(
        "symbols that the universal model was not trained on",
        unseen.items(),
        column("class", key="asset_class", of=itemgetter(0)),
        *map(of_result, shown),
        note="exploratory: not run on surrogate markets",
    )


def verdict_text(verdict: Conclusion, evidence: VerdictEvidence) -> str:
    """Return the words for a verdict; an exploratory one claims nothing and is marked."""
    return VERDICTS[verdict.kind] + (" (exploratory)" if evidence.exploratory else "")


def p_text(p: float) -> str:
    """Format a p-value; digits below 0.0001 would be more precise than any test is."""
    if math.isnan(p):
        return ABSENT
    return "<0.0001" if p < 1e-4 else f"{p:.4f}" if p < 0.1 else f"{p:.3f}"


def _months(months: float) -> Cell:
    return f">{REALISTIC_MONTHS:,}" if months > REALISTIC_MONTHS else months


def ends(interval: Interval | None) -> tuple[float, float]:
    """Return both ends of an interval; NaN without one."""
    return (math.nan, math.nan) if interval is None else (interval.low, interval.high)


def envelope(nulls: Sequence[SurrogateNull]) -> tuple[float, float]:
    """Return the ends of the band over all nulls; NaN without any."""
    return min((own.low for own in nulls), default=math.nan), max((own.high for own in nulls), default=math.nan)

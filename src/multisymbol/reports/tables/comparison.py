"""Tables of a comparison: every number that its page shows, by question, symbol, group, arm and fold."""

import math
from collections.abc import Mapping, Sequence

from multisymbol.comparison.result import ArmOutcome, BudgetUnit, Comparison, SubgroupEffect, Trading
from multisymbol.markets.time import iso
from multisymbol.reports.tables.table import ABSENT, Cell, Table, TableColumn
from multisymbol.statistics.bootstrap import Interval
from multisymbol.statistics.compare import ComparisonResult, SymbolResult
from multisymbol.statistics.skill import Skill
from multisymbol.statistics.surrogate_null import SurrogateNull
from multisymbol.statistics.verdict import REALISTIC_MONTHS, Conclusion, Kind, Question, VerdictEvidence

VERDICTS: Mapping[Kind, str] = {
    "UNIVERSAL_BETTER": "universal better",
    "SINGLE_BETTER": "single better",
    "EQUIVALENT": "equivalent",
    "INCONCLUSIVE": "undecided",
    "NO_SKILL": "no skill",
}
"""How a verdict is said in a table or a figure."""
QUESTIONS: Mapping[Question, str] = {
    "overall": "whole log-loss",
    "direction": "direction (BUY against SELL)",
    "activity": "activity (HOLD against the rest)",
}
BUDGETS: Mapping[BudgetUnit, str] = {
    "epochs": "matched in epochs: a single model has fewer samples, so fewer steps an epoch than the universal one",
    "steps": "matched in epochs and steps: a single model's epoch repeats its samples up to the universal one's steps",
}

_P = " "  # text, set to the right
_NATS = "+.4f"
_INTERVAL = (TableColumn(name="from", key="low", form=_NATS), TableColumn(name="to", key="high", form=_NATS))


def question_table(comparison: Comparison) -> Table:
    """Set the three questions one below the other, the primary one named."""
    rows = tuple(
        _question_row(answer, primary=question == comparison.declared.primary)
        for question, answer in comparison.results.items()
    )
    return Table(
        title="three questions",
        note="nats a forecast, above 0 the universal arm is better; beyond: outside the surrogate band",
        columns=(
            TableColumn(name="question", key="question"),
            TableColumn(name="verdict", key="verdict"),
            TableColumn(name="effect", key="effect", form=_NATS),
            *_INTERVAL,
            TableColumn(name="beyond", key="beyond", form=_NATS),
            TableColumn(name="p", key="p", form=_P),
            TableColumn(name="batch means", key="p_cross_check", form=_P),
            TableColumn(name="with seeds", key="p_seeds", form=_P),
            TableColumn(name="equivalent", key="p_equivalent", form=_P),
        ),
        rows=rows,
    )


def comparison_symbol_table(comparison: Comparison) -> Table:
    """Return a row per symbol of the primary question, the largest effect first."""
    facts = {own.symbol: own for own in comparison.symbols}
    rows: list[tuple[Cell, ...]] = [
        (
            own.test.symbol,
            verdict_text(own.verdict, own.evidence),
            own.test.effect,
            *ends(own.test.interval),
            own.evidence.beyond,
            p_text(own.test.p_holm),
            facts[own.test.symbol].history,
            facts[own.test.symbol].test_rows,
            _months(own.verdict.months_needed),
        )
        for own in by_effect(comparison.primary.by_symbol)
    ]
    return Table(
        title="symbol by symbol",
        note="verdicts rest on Holm's p; intervals are not adjusted",
        columns=(
            TableColumn(name="symbol", key="symbol"),
            TableColumn(name="verdict", key="verdict"),
            TableColumn(name="effect", key="effect", form=_NATS),
            *_INTERVAL,
            TableColumn(name="beyond", key="beyond", form=_NATS),
            TableColumn(name="p Holm", key="p_holm", form=_P),
            TableColumn(name="own train rows", key="history", form=",d"),
            TableColumn(name="test rows", key="test_rows", form=",d"),
            TableColumn(name="months more", key="months_needed", form=",.1f"),
        ),
        rows=tuple(rows),
    )


def symbol_test_table(comparison: Comparison) -> Table:
    """Return what else is known of each symbol's test: every p, the effect pulled towards the common one, skill."""
    facts = {own.symbol: own for own in comparison.symbols}
    rows: list[tuple[Cell, ...]] = [
        (
            own.test.symbol,
            facts[own.test.symbol].asset_class,
            facts[own.test.symbol].folds,
            p_text(own.test.p),
            p_text(own.test.p_holm),
            p_text(own.test.p_bh),
            p_text(own.test.p_equivalent),
            own.test.shrunk,
            *envelope(own.evidence.nulls),
            ", ".join(own.evidence.skilled) or "none",
        )
        for own in by_effect(comparison.primary.by_symbol)
    ]
    return Table(
        title="tests of every symbol",
        note="shrunk: pulled towards the common effect; band: all surrogates together",
        columns=(
            TableColumn(name="symbol", key="symbol"),
            TableColumn(name="class", key="asset_class"),
            TableColumn(name="folds", key="folds", form=",d"),
            TableColumn(name="p", key="p", form=_P),
            TableColumn(name="Holm", key="p_holm", form=_P),
            TableColumn(name="BH", key="p_bh", form=_P),
            TableColumn(name="equivalent", key="p_equivalent", form=_P),
            TableColumn(name="shrunk", key="shrunk", form=_NATS),
            TableColumn(name="band from", key="band_low", form=_NATS),
            TableColumn(name="to", key="band_high", form=_NATS),
            TableColumn(name="skill", key="skill"),
        ),
        rows=tuple(rows),
    )


def by_effect(results: Sequence[SymbolResult]) -> list[SymbolResult]:
    """Sort symbols, the largest effect first; those that could not be tested come last."""
    return sorted(results, key=lambda own: (own.test.test is None, -own.test.effect))


def group_table(groups: Sequence[SubgroupEffect], *, title: str) -> Table:
    """Return the primary effect in parts of the rows."""
    return Table(
        title=title,
        note="p is not adjusted for the number of lines",
        columns=(
            TableColumn(name=title.removeprefix("by "), key="group"),
            TableColumn(name="effect", key="effect", form=_NATS),
            *_INTERVAL,
            TableColumn(name="p", key="p", form=_P),
            TableColumn(name="instants", key="instants", form=",d"),
            TableColumn(name="symbols", key="symbols", form=",d"),
        ),
        rows=tuple(
            (own.group, own.effect, *ends(own.interval), p_text(own.p), own.instants, own.symbols) for own in groups
        ),
    )


def arm_table(comparison: Comparison) -> Table:
    """Set the scores of all arms beside one another."""
    best = () if comparison.confidence_set is None else comparison.confidence_set.kept
    return Table(
        title="arms",
        note="gain: on the prior, nats; best: cannot be told from the best arm",
        columns=(
            TableColumn(name="arm", key="arm"),
            TableColumn(name="log-loss", key="log_loss", form=".4f"),
            TableColumn(name="activity", key="activity", form=".4f"),
            TableColumn(name="direction", key="direction", form=".4f"),
            TableColumn(name="bal.acc", key="balanced_accuracy", form=".2%"),
            TableColumn(name="gain", key="gain", form=_NATS),
            TableColumn(name="symbols", key="symbols", form=",d"),
            TableColumn(name="best", key="best"),
        ),
        rows=tuple(
            (
                own.arm,
                own.log_loss,
                own.activity,
                own.direction,
                own.balanced_accuracy,
                own.gain,
                len(own.symbols),
                "yes" if own.arm in best else "",
            )
            for own in comparison.arms
        ),
    )


def against_table(comparison: Comparison) -> Table:
    """Say what each arm loses less than the single and than the universal one."""
    return Table(
        title="arms against the single and the universal one",
        note="above 0 the arm of the line is better; p is not adjusted for the number of arms",
        columns=(
            TableColumn(name="arm", key="arm"),
            TableColumn(name="on single", key="on_single", form=_NATS),
            TableColumn(name="from", key="on_single_low", form=_NATS),
            TableColumn(name="to", key="on_single_high", form=_NATS),
            TableColumn(name="p", key="p_on_single", form=_P),
            TableColumn(name="on universal", key="on_universal", form=_NATS),
            TableColumn(name="from", key="on_universal_low", form=_NATS),
            TableColumn(name="to", key="on_universal_high", form=_NATS),
            TableColumn(name="p", key="p_on_universal", form=_P),
        ),
        rows=tuple(
            (
                own.arm,
                *_against(own.against_single),
                p_text(own.p_against_single),
                *_against(own.against_universal),
                p_text(own.p_against_universal),
            )
            for own in comparison.arms
        ),
    )


def budget_table(arms: Sequence[ArmOutcome], *, matched: BudgetUnit) -> Table:
    """Say what each arm's trainings took, and what universal and single models have the same number of."""
    return Table(
        title="budgets",
        note=(
            f"universal and single matched in {matched}   train rows: one epoch of all models of one seed   "
            "epochs: means over models   per epoch: mean steps of one model"
        ),
        columns=(
            TableColumn(name="arm", key="arm"),
            TableColumn(name="models", key="models", form=",d"),
            TableColumn(name="train rows", key="train_rows", form=",d"),
            TableColumn(name="epochs", key="epochs", form=".1f"),
            TableColumn(name="best epoch", key="best_epoch", form=".1f"),
            TableColumn(name="steps", key="steps", form=",d"),
            TableColumn(name="per epoch", key="steps_an_epoch", form=",.1f"),
            TableColumn(name="stopped early", key="stopped_early", form=".0%"),
        ),
        rows=tuple(
            (
                own.arm,
                own.budget.models,
                own.budget.train_rows,
                own.budget.epochs,
                own.budget.best_epoch,
                own.budget.steps,
                own.budget.steps / (own.budget.models * own.budget.epochs) if own.budget.models else math.nan,
                own.budget.stopped_early,
            )
            for own in arms
        ),
    )


def trade_table(trading: Trading) -> Table:
    """Return what a trade of each arm earns, by symbol and over all."""
    universal, single = trading.universal, trading.single
    names = dict.fromkeys((*universal.by_symbol, *single.by_symbol))
    rows = [(name, universal.by_symbol.get(name, math.nan), single.by_symbol.get(name, math.nan)) for name in names]
    return Table(
        title="net of costs, basis points a trade",
        note="one symbol's trades are few: its numbers are not tested",
        columns=(
            TableColumn(name="symbol", key="symbol"),
            TableColumn(name="universal", key="universal", form="+.1f"),
            TableColumn(name="single", key="single", form="+.1f"),
        ),
        rows=tuple(rows),
        total=("all", universal.net_bps, single.net_bps),
    )


def skill_table(answer: ComparisonResult) -> Table:
    """Say of both arms whether they gain more than a no-skill forecast, and more than on markets without signal."""
    evidence = answer.evidence
    skills = (evidence.skills.first, evidence.skills.second)
    return Table(
        title="skill",
        note="gain on the no-skill forecast, nats; band: 5 to 95 % of what surrogate markets give",
        columns=(
            TableColumn(name="arm", key="arm"),
            TableColumn(name="gain", key="gain", form=_NATS),
            TableColumn(name="p no-skill", key="p_prior", form=_P),
            TableColumn(name="band from", key="band_low", form=_NATS),
            TableColumn(name="to", key="band_high", form=_NATS),
            TableColumn(name="p surrogates", key="p_surrogates", form=_P),
            TableColumn(name="skill", key="skill"),
        ),
        rows=tuple(_skill_row(own, shown=own.arm in evidence.skilled) for own in skills),
    )


def null_table(nulls: Sequence[SurrogateNull]) -> Table:
    """Set the effect beside its surrogate nulls."""
    return Table(
        title="the effect on markets without signal",
        note="p: share of draws with as large an effect, one-sided",
        columns=(
            TableColumn(name="surrogate", key="surrogate"),
            TableColumn(name="draws", key="draws", form=",d"),
            TableColumn(name="5 %", key="low", form=_NATS),
            TableColumn(name="95 %", key="high", form=_NATS),
            TableColumn(name="real market", key="value", form=_NATS),
            TableColumn(name="beyond", key="beyond", form=_NATS),
            TableColumn(name="p", key="p", form=_P),
        ),
        rows=tuple(
            (own.kind, own.draws, own.low, own.high, own.value, own.beyond, p_text(own.p_above)) for own in nulls
        ),
    )


def comparison_fold_table(comparison: Comparison) -> Table:
    """Say when each fold trains and tests."""
    return Table(
        title="folds",
        columns=(
            *(
                TableColumn(name=name, key=name.replace(" ", "_"))
                for name in ("fold", "train from", "validation from", "test from", "test until")
            ),
            TableColumn(name="symbols", key="symbols", form=",d"),
            TableColumn(name="train rows", key="train_rows", form=",d"),
            TableColumn(name="test rows", key="test_rows", form=",d"),
        ),
        rows=tuple(
            (
                own.name,
                *(iso(at) for at in (own.train_from, own.validation_from, own.test_from, own.test_until)),
                len(own.symbols),
                own.train_rows,
                own.test_rows,
            )
            for own in comparison.declared.folds
        ),
    )


def unseen_table(unseen: Mapping[str, ComparisonResult]) -> Table:
    """Set the universal model that never saw a symbol against the symbol's own, by asset class."""
    return Table(
        title="symbols the universal model was not trained on",
        note="exploratory: not tested against surrogates",
        columns=(
            TableColumn(name="class", key="asset_class"),
            TableColumn(name="verdict", key="verdict"),
            TableColumn(name="effect", key="effect", form=_NATS),
            *_INTERVAL,
            TableColumn(name="p", key="p", form=_P),
            TableColumn(name="symbols", key="symbols", form=",d"),
        ),
        rows=tuple(
            (
                name,
                verdict_text(own.verdict, own.evidence),
                own.differentials.effect,
                *ends(own.evidence.interval),
                p_text(own.evidence.p),
                len(own.differentials.symbols),
            )
            for name, own in unseen.items()
        ),
    )


def verdict_text(verdict: Conclusion, evidence: VerdictEvidence) -> str:
    """Say a verdict in a cell; an exploratory one claims nothing and must not look as if it did."""
    return VERDICTS[verdict.kind] + (" (exploratory)" if evidence.exploratory else "")


def p_text(p: float) -> str:
    """Write a p-value; below 0.0001 the digits would say more than any test knows."""
    if math.isnan(p):
        return ABSENT
    return "<0.0001" if p < 1e-4 else f"{p:.4f}" if p < 0.1 else f"{p:.3f}"


def _months(months: float) -> Cell:
    return f">{REALISTIC_MONTHS:,}" if months > REALISTIC_MONTHS else months


def ends(interval: Interval | None) -> tuple[float, float]:
    """Return both ends of an interval, NaN where there is none."""
    return (math.nan, math.nan) if interval is None else (interval.low, interval.high)


def envelope(nulls: Sequence[SurrogateNull]) -> tuple[float, float]:
    """Return the ends of all nulls together, NaN without any."""
    return min((own.low for own in nulls), default=math.nan), max((own.high for own in nulls), default=math.nan)


def _question_row(answer: ComparisonResult, *, primary: bool) -> tuple[Cell, ...]:
    evidence = answer.evidence
    return (
        answer.question + (" (primary)" if primary else ""),
        verdict_text(answer.verdict, evidence),
        answer.differentials.effect,
        *ends(evidence.interval),
        evidence.beyond,
        p_text(evidence.p),
        p_text(evidence.p_cross_check),
        p_text(evidence.p_seeds),
        p_text(evidence.p_equivalent),
    )


def _against(interval: Interval | None) -> tuple[float, float, float]:
    return (math.nan if interval is None else interval.estimate, *ends(interval))


def _skill_row(own: Skill, *, shown: bool) -> tuple[Cell, ...]:
    verdict = "shown" if shown else "not shown"
    return (own.arm, own.effect, p_text(own.p_prior), *envelope(own.nulls), p_text(own.p_surrogates), verdict)

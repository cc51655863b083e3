"""The comparison of two arms from beginning to end: losses in, tests, intervals and verdicts out.

    row_losses(prob, label)                       one forecast's loss, and its parts on activity and direction
    answer(first, second, no_skill, ..)           one of the three questions, over all symbols and for each
    effects(first, second, no_skill)              what is kept of a surrogate market (`effects.py`)

Nothing here knows of models or files. What a number means stands where it is made: `differences`, `mean_tests`,
`bootstrap`, `symbol_tests`, `heterogeneity`, `seed_spread`, `skill`, `nulls`, `power`, `relabelling`, `verdict`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from multisymbol.arrays import Floats
from multisymbol.errors import ComparisonError
from multisymbol.seeding import named_seed
from multisymbol.statistics.aa_test import AATest, run_aa_test
from multisymbol.statistics.bootstrap import mean_interval
from multisymbol.statistics.heterogeneity import Heterogeneity, heterogeneity_test
from multisymbol.statistics.loss_differentials import ArmLosses, LossDifferentials
from multisymbol.statistics.mean_tests import MeanTest, batch_means, diebold_mariano, fixed_smoothing, instants_problem
from multisymbol.statistics.multiple_testing import SymbolTest, symbol_tests
from multisymbol.statistics.power import detectable_effect, effective_instants, effective_symbols, months_needed
from multisymbol.statistics.seed_variance import (
    VarianceSplit,
    interval_with_seeds,
    larger_p,
    seeds_problem,
    variance_split,
    with_seeds,
)
from multisymbol.statistics.skill import BETWEEN, ArmSkills, Pairs, Surrogates, overall_skills, symbol_skills
from multisymbol.statistics.surrogate_null import SurrogateNull, draws_problem
from multisymbol.statistics.verdict import ALL, Conclusion, Question, VerdictEvidence, decide

LEAST_DRAWS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Levels and sizes of everything.

    Args:
        smallest: Smallest effect of interest, nats a forecast.
        alpha: Of every test, for example 0.05.
        level: Coverage of intervals, for example 0.95.
        power: At which detectable effects are stated, for example 0.8.
        draws: Resamples of an interval.
        aa_draws: Of the A/A run, at most.
        seed: Of resampling.
        weights: Symbol -> weight in the mean over live symbols; None: all the same.
        exploratory: Allow fewer than 3 seeds and 20 surrogate draws; then nothing is claimed.
    """

    smallest: float
    alpha: float
    level: float
    power: float
    draws: int
    aa_draws: int
    seed: int
    weights: Mapping[str, float] | None
    exploratory: bool

    def __post_init__(self) -> None:
        problems = [
            f"{name}={value}: expected a number above 0 and below 1"
            for name, value in (("alpha", self.alpha), ("level", self.level), ("power", self.power))
            if not 0 < value < 1
        ]
        if not 0 < self.smallest < math.inf:
            problems.append(f"smallest={self.smallest}: expected the nats a forecast that would matter to you, above 0")
        problems += [
            f"{name}={count}: expected at least {LEAST_DRAWS}"
            for name, count in (("draws", self.draws), ("aa_draws", self.aa_draws))
            if count < LEAST_DRAWS
        ]
        if problems:
            raise ComparisonError("; ".join(problems))


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolResult:
    """One symbol of a comparison.

    Args:
        test: Its test, adjusted over all symbols.
        evidence: What the verdict rests on.
        verdict: A claim on any symbol of the table is false with a chance of alpha at most.
    """

    test: SymbolTest
    evidence: VerdictEvidence
    verdict: Conclusion


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnostics:
    """How sure the primary test can be, and whether it is honest on these data.

    Args:
        effective_instants: Independent instants that these are worth.
        effective_symbols: Independent symbols that these are worth.
        detectable: Effect that fixed smoothing with the seeds' variance would have found with the plan's power, nats.
        split: Seeds, time and symbols as parts of the variance.
        aa_test: The A/A run.
    """

    effective_instants: float
    effective_symbols: float
    detectable: float
    split: VarianceSplit
    aa_test: AATest


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonResult:
    """One question of a comparison, answered.

    Args:
        question: The whole log-loss, or one part of it.
        differentials: The loss differentials.
        primary: Diebold-Mariano on the series over all symbols.
        cross_check: Batch means on it.
        smoothed: Fixed smoothing on it, from which equivalence is judged.
        diagnostics: Precision of the primary test, and whether it keeps its size on these data.
        between_symbols: Do gains differ between symbols?
        between_classes: Do they between asset classes? None where no classes were given.
        evidence: What the verdict rests on.
        verdict: Over all symbols.
        by_symbol: In the order of `differentials.symbols`.
    """

    question: Question
    differentials: LossDifferentials
    primary: MeanTest
    cross_check: MeanTest
    smoothed: MeanTest
    diagnostics: Diagnostics
    between_symbols: Heterogeneity
    between_classes: Heterogeneity | None
    evidence: VerdictEvidence
    verdict: Conclusion
    by_symbol: tuple[SymbolResult, ...]


def compare_arms(
    first: ArmLosses,
    second: ArmLosses,
    no_skill: ArmLosses,
    *,
    question: Question,
    surrogates: Sequence[Surrogates],
    classes: Mapping[str, str] | None,
    plan: Plan,
) -> ComparisonResult:
    """Answer one question from the losses of both arms and of the no-skill forecast on the same rows.

    Args:
        first: The universal arm; positive effects are in its favour.
        second: The single arm.
        no_skill: The forecast to beat, repeated for each seed.
        question: Which losses these are.
        surrogates: One for each kind (drift kept, drift removed); none only where the plan is exploratory.
        classes: Asset class of each symbol; None leaves the comparison of classes out.
        plan: Declared before.

    Raises:
        ComparisonError: Unmatched arms, too few seeds or surrogate draws, too few instants for the labels' span.
    """
    pairs = Pairs.of(first, second, no_skill, weights=plan.weights)
    differentials = pairs.between
    _check(differentials, surrogates, plan=plan)
    tests = symbol_tests(
        differentials, smallest=plan.smallest, draws=plan.draws, level=plan.level, seed=plan.seed, name=question
    )
    primary = diebold_mariano(differentials.series, lag=differentials.lag)
    cross_check = batch_means(differentials.series, lag=differentials.lag)
    smoothed = fixed_smoothing(differentials.series, lag=differentials.lag)
    diagnostics = _diagnostics(differentials, primary, smoothed, spread=tests.spread, plan=plan)
    evidence = VerdictEvidence(
        subject=ALL,
        question=question,
        skills=overall_skills(pairs, surrogates),
        interval=interval_with_seeds(
            mean_interval(
                differentials.series,
                lag=differentials.lag,
                draws=plan.draws,
                seed=named_seed(plan.seed, f"bootstrap/{question}"),
                level=plan.level,
            ),
            effects=diagnostics.split.effects,
        ),
        p=primary.p,
        p_cross_check=cross_check.p,
        p_seeds=diagnostics.split.p,
        p_equivalent=larger_p(
            smoothed, effects=diagnostics.split.effects, p=lambda own: own.p_equivalent(plan.smallest)
        ),
        nulls=tuple(
            SurrogateNull.of(differentials.effect, kind.overall()[:, BETWEEN], kind=kind.kind) for kind in surrogates
        ),
        smallest=plan.smallest,
        alpha=plan.alpha,
        months=differentials.months,
        months_needed=_months(
            smoothed, effects=diagnostics.split.effects, months=differentials.months, tests=1, plan=plan
        ),
        not_tested="",
        exploratory=plan.exploratory,
    )
    return ComparisonResult(
        question=question,
        differentials=differentials,
        primary=primary,
        cross_check=cross_check,
        smoothed=smoothed,
        diagnostics=diagnostics,
        between_symbols=heterogeneity_test(
            differentials, groups=differentials.symbols, seed=named_seed(plan.seed, "signs")
        ),
        between_classes=_between_classes(differentials, classes, plan=plan),
        evidence=evidence,
        verdict=decide(evidence),
        by_symbol=_by_symbol(pairs, tests.tests, surrogates, question=question, plan=plan),
    )


def _check(differentials: LossDifferentials, surrogates: Sequence[Surrogates], *, plan: Plan) -> None:
    """List everything that is missing at once."""
    draws = min((len(kind.draws) for kind in surrogates), default=0)
    problems = [
        instants_problem(len(differentials.instants), lag=differentials.lag, of=ALL),
        *([] if plan.exploratory else [seeds_problem(len(differentials.seeds)), draws_problem(draws)]),
    ]
    if any(problems):
        raise ComparisonError("\n".join(filter(None, problems)))


def _diagnostics(
    differentials: LossDifferentials, primary: MeanTest, smoothed: MeanTest, *, spread: float, plan: Plan
) -> Diagnostics:
    split = variance_split(differentials, test=primary, symbol_variance=spread)
    narrow = with_seeds(smoothed, effects=split.effects)
    return Diagnostics(
        effective_instants=effective_instants(differentials.series, primary),
        effective_symbols=effective_symbols(differentials.by_symbol),
        detectable=detectable_effect(narrow, power=plan.power, alpha=plan.alpha),
        split=split,
        aa_test=run_aa_test(
            differentials.series,
            lag=differentials.lag,
            draws=plan.aa_draws,
            seed=named_seed(plan.seed, "relabelling"),
            alpha=plan.alpha,
        ),
    )


def _months(test: MeanTest, *, effects: Floats, months: float, tests: int, plan: Plan) -> float:
    """Plan at the level that the smallest of so many p must reach."""
    return months_needed(
        test, effects=effects, months=months, smallest=plan.smallest, power=plan.power, alpha=plan.alpha / tests
    )


def _between_classes(
    differentials: LossDifferentials, classes: Mapping[str, str] | None, *, plan: Plan
) -> Heterogeneity | None:
    if classes is None:
        return None
    groups = [classes[name] for name in differentials.symbols]
    return heterogeneity_test(differentials, groups=groups, seed=named_seed(plan.seed, "signs"))


def _by_symbol(
    pairs: Pairs,
    tests: Sequence[SymbolTest],
    surrogates: Sequence[Surrogates],
    *,
    question: Question,
    plan: Plan,
) -> tuple[SymbolResult, ...]:
    skills = symbol_skills(pairs, surrogates)
    draws = {kind.kind: kind.of(pairs.between.symbols)[:, :, BETWEEN] for kind in surrogates}
    more = _more_months(pairs.between, tests, plan=plan)
    results = []
    for number, (test, own) in enumerate(zip(tests, skills, strict=True)):
        nulls = tuple(SurrogateNull.of(test.effect, drawn[:, number], kind=kind) for kind, drawn in draws.items())
        months = (pairs.between.months_of(number), more[number])
        evidence = _symbol_evidence(test, own, nulls=nulls, months=months, question=question, plan=plan)
        results.append(SymbolResult(test=test, evidence=evidence, verdict=decide(evidence)))
    return tuple(results)


def _more_months(differentials: LossDifferentials, tests: Sequence[SymbolTest], *, plan: Plan) -> list[float]:
    """Plan for each symbol: until it can be tested, or until it could be decided at the level of Holm's first step."""
    count = sum(own.test is not None for own in tests)
    more = []
    for number, own in enumerate(tests):
        months, effects = differentials.months_of(number), differentials.symbol_by_seed[:, number]
        if own.test is None:
            more.append(months * (own.least / own.instants - 1))
        else:
            more.append(_months(own.test, effects=effects, months=months, tests=count, plan=plan))
    return more


def _symbol_evidence(
    own: SymbolTest,
    skills: ArmSkills,
    *,
    nulls: tuple[SurrogateNull, ...],
    months: tuple[float, float],
    question: Question,
    plan: Plan,
) -> VerdictEvidence:
    """Gather what one symbol's verdict rests on; months: those there are, and how many more it takes."""
    why = f"it has {own.instants:,} test instants, labels that overlap {own.lag:,} of them need {own.least:,}"
    return VerdictEvidence(
        subject=own.symbol,
        question=question,
        skills=skills,
        interval=own.interval,
        p=own.p_holm,
        p_cross_check=float("nan"),
        p_seeds=float("nan"),
        p_equivalent=own.p_equivalent,
        nulls=nulls,
        smallest=plan.smallest,
        alpha=plan.alpha,
        months=months[0],
        months_needed=months[1],
        not_tested=why if own.test is None else "",
        exploratory=plan.exploratory,
    )

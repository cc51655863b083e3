"""The comparison of two arms from their losses to the verdict: `compare_arms`.

`losses.compare_losses` is the same procedure for arrays and tables of any models' losses. Nothing here knows of models
or files. Each number is explained in the module that computes it: `loss_differentials`, `mean_tests`, `bootstrap`,
`multiple_testing`, `heterogeneity`, `seed_variance`, `skill`, `surrogate_null`, `power`, `aa_test` and `verdict`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

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
from multisymbol.statistics.skill import BETWEEN, Pairs, Surrogates, overall_skills, symbol_skills
from multisymbol.statistics.surrogate_null import SurrogateNull, draws_problem
from multisymbol.statistics.verdict import ALL, LOG_LOSS, Conclusion, LossTerms, Question, VerdictEvidence, decide

LEAST_DRAWS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is declared before the losses are known; part of the hash that preregisters a comparison.

    Raises:
        ComparisonError: Levels or sizes out of range, all listed.
    """

    smallest: float  # smallest effect of interest, in the unit of the losses (nats per forecast), above 0
    alpha: float  # level of every test, for example 0.05
    level: float  # coverage of intervals, for example 0.95
    power: float  # power at which detectable effects are stated, for example 0.8
    draws: int  # bootstrap resamples of an interval
    aa_draws: int  # largest number of sign patterns in the A/A test
    seed: int
    weights: Mapping[str, float] | None  # symbol -> weight in the mean over live symbols; None gives all the same
    exploratory: bool  # whether fewer than 3 seeds and 20 surrogate draws are allowed; nothing is claimed then

    def __post_init__(self) -> None:
        shares = {"alpha": self.alpha, "level": self.level, "power": self.power}
        counts = {"draws": self.draws, "aa_draws": self.aa_draws}
        expected = "expected the difference per forecast that would matter to you, above 0"
        problems = [
            *(
                f"{key}={value}: expected a number above 0 and below 1"
                for key, value in shares.items()
                if not 0 < value < 1
            ),
            *([] if 0 < self.smallest < math.inf else [f"smallest={self.smallest}: {expected}"]),
            *(
                f"{key}={count}: expected at least {LEAST_DRAWS}"
                for key, count in counts.items()
                if count < LEAST_DRAWS
            ),
        ]
        if problems:
            raise ComparisonError("; ".join(problems))


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolResult:
    """Result for one symbol."""

    test: SymbolTest
    evidence: VerdictEvidence
    verdict: Conclusion  # the chance of any false claim among all symbols is at most alpha


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnostics:
    """How precise the primary test is, and whether it keeps its size on these data."""

    effective_instants: float  # effective sample size over time: independent instants that would give the same error
    effective_symbols: float  # effective number of independent symbols
    detectable: float  # effect that fixed smoothing with the variance between seeds finds with the declared power
    split: VarianceSplit
    aa_test: AATest


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonResult:
    """Result of a comparison on one question."""

    question: Question  # the whole loss, or one part of it
    differentials: LossDifferentials  # loss differentials, positive in favour of the first arm
    primary: MeanTest  # Diebold-Mariano test of the series over all symbols
    cross_check: MeanTest  # batch-means test of the same series
    smoothed: MeanTest  # fixed-smoothing test of the same series; equivalence is judged by it
    diagnostics: Diagnostics  # precision of the primary test, and whether it keeps its size on these data
    between_symbols: Heterogeneity  # test whether gains differ between symbols
    between_classes: Heterogeneity | None  # test whether gains differ between asset classes; None without classes
    evidence: VerdictEvidence
    verdict: Conclusion
    by_symbol: tuple[SymbolResult, ...]  # results in the order of `differentials.symbols`


def compare_arms(
    first: ArmLosses,
    second: ArmLosses,
    no_skill: ArmLosses | None,
    *,
    question: Question,
    surrogates: Sequence[Surrogates],
    classes: Mapping[str, str] | None,
    plan: Plan,
    terms: LossTerms = LOG_LOSS,
) -> ComparisonResult:
    """Compare two arms on one question.

    Args:
        first: Universal arm, or any other; positive effects favour it.
        second: Single arm, scored on the same rows.
        no_skill: Forecast to beat, repeated for each seed; None leaves the skill gate out, and then only an exploratory
            plan is allowed.
        question: Which losses these are.
        surrogates: Effects on surrogate markets, one for each kind; empty only if the plan is exploratory.
        classes: Asset class of each symbol; None leaves the comparison of classes out.
        plan: Levels and sizes, declared before.
        terms: Words for the losses in the verdict's sentences.

    Raises:
        ComparisonError: Unmatched arms, too few seeds or surrogate draws, too few instants for the labels' span.
    """
    pairs = Pairs.of(first, second, no_skill, weights=plan.weights)
    differentials = pairs.between
    series, lag, symbols = differentials.series, differentials.lag, differentials.symbols
    _check(differentials, surrogates, no_skill=no_skill, plan=plan)
    tests = symbol_tests(
        differentials, smallest=plan.smallest, draws=plan.draws, level=plan.level, seed=plan.seed, name=question
    )
    primary, cross_check = diebold_mariano(series, lag=lag), batch_means(series, lag=lag)
    smoothed = fixed_smoothing(series, lag=lag)
    split = variance_split(differentials, test=primary, symbol_variance=tests.spread)
    seed = named_seed(plan.seed, f"bootstrap/{question}")
    over_time = mean_interval(series, lag=lag, draws=plan.draws, seed=seed, level=plan.level)
    evidence = VerdictEvidence(
        subject=ALL,
        question=question,
        skills=overall_skills(pairs, surrogates),
        interval=interval_with_seeds(over_time, effects=split.effects),
        p=primary.p,
        p_cross_check=cross_check.p,
        p_seeds=split.p,
        p_equivalent=larger_p(smoothed, effects=split.effects, p=lambda test: test.p_equivalent(plan.smallest)),
        nulls=tuple(
            SurrogateNull.of(differentials.effect, kind.overall()[:, BETWEEN], kind=kind.kind) for kind in surrogates
        ),
        smallest=plan.smallest,
        alpha=plan.alpha,
        months=differentials.months,
        months_needed=_months(smoothed, effects=split.effects, months=differentials.months, tests=1, plan=plan),
        not_tested="",
        exploratory=plan.exploratory,
        terms=terms,
    )
    groups = None if classes is None else [classes[name] for name in symbols]
    signs = named_seed(plan.seed, "signs")
    return ComparisonResult(
        question=question,
        differentials=differentials,
        primary=primary,
        cross_check=cross_check,
        smoothed=smoothed,
        diagnostics=_diagnostics(differentials, primary, smoothed, split=split, plan=plan),
        between_symbols=heterogeneity_test(differentials, groups=symbols, seed=signs),
        between_classes=None if groups is None else heterogeneity_test(differentials, groups=groups, seed=signs),
        evidence=evidence,
        verdict=decide(evidence),
        by_symbol=_by_symbol(pairs, tests.tests, surrogates, overall=evidence, plan=plan),
    )


def _check(
    differentials: LossDifferentials, surrogates: Sequence[Surrogates], *, no_skill: ArmLosses | None, plan: Plan
) -> None:
    """List everything that is missing at once."""
    draws = min((len(kind.draws) for kind in surrogates), default=0)
    problems = [instants_problem(len(differentials.instants), lag=differentials.lag, of=ALL)]
    if not plan.exploratory:
        problems += [
            "" if no_skill is not None else "there is no no-skill forecast to beat: pass one, or say exploratory=true",
            seeds_problem(len(differentials.seeds)),
            draws_problem(draws),
        ]
    if any(problems):
        raise ComparisonError("\n".join(filter(None, problems)))


def _diagnostics(
    differentials: LossDifferentials, primary: MeanTest, smoothed: MeanTest, *, split: VarianceSplit, plan: Plan
) -> Diagnostics:
    series, lag = differentials.series, differentials.lag
    seed = named_seed(plan.seed, "relabelling")  # an earlier name of the test; another would change its draws
    narrow = with_seeds(smoothed, effects=split.effects)
    return Diagnostics(
        effective_instants=effective_instants(series, primary),
        effective_symbols=effective_symbols(differentials.by_symbol),
        detectable=detectable_effect(narrow, power=plan.power, alpha=plan.alpha),
        split=split,
        aa_test=run_aa_test(series, lag=lag, draws=plan.aa_draws, seed=seed, alpha=plan.alpha),
    )


def _months(test: MeanTest, *, effects: Floats, months: float, tests: int, plan: Plan) -> float:
    """Plan at the level that the smallest of `tests` p-values must reach."""
    return months_needed(
        test, effects=effects, months=months, smallest=plan.smallest, power=plan.power, alpha=plan.alpha / tests
    )


def _by_symbol(
    pairs: Pairs,
    tests: Sequence[SymbolTest],
    surrogates: Sequence[Surrogates],
    *,
    overall: VerdictEvidence,
    plan: Plan,
) -> tuple[SymbolResult, ...]:
    between, skills = pairs.between, symbol_skills(pairs, surrogates)
    draws = {kind.kind: kind.of(between.symbols)[:, :, BETWEEN] for kind in surrogates}
    tested = sum(test.test is not None for test in tests)
    results = []
    for number, (test, symbol_skill) in enumerate(zip(tests, skills, strict=True)):
        months, effects, not_tested = between.months_of(number), between.symbol_by_seed[:, number], ""
        if test.test is None:
            needed = months * (test.least / test.instants - 1)  # until it can be tested
            overlap = f"labels that overlap {test.lag:,} of them need {test.least:,}"
            not_tested = f"it has {test.instants:,} test instants, {overlap}"
        else:  # until it could be decided at the level of Holm's first step
            needed = _months(test.test, effects=effects, months=months, tests=tested, plan=plan)
        evidence = replace(
            overall,
            subject=test.symbol,
            skills=symbol_skill,
            interval=test.interval,
            p=test.p_holm,
            p_cross_check=math.nan,
            p_seeds=math.nan,
            p_equivalent=test.p_equivalent,
            nulls=tuple(SurrogateNull.of(test.effect, drawn[:, number], kind=kind) for kind, drawn in draws.items()),
            months=months,
            months_needed=needed,
            not_tested=not_tested,
        )
        results.append(SymbolResult(test=test, evidence=evidence, verdict=decide(evidence)))
    return tuple(results)

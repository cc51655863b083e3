"""Every symbol tested by itself: Holm for claims, Benjamini-Hochberg for exploration.

A symbol's p, that of equivalence too, is the larger of two: by fixed smoothing over time, and with the seeds'
variance. Diebold-Mariano's own tail is too heavy to survive Holm in short series (docs/sizes.md).
"""

# N symbol

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from multisymbol.learning.seeding import named_seed
from multisymbol.statistics.bootstrap import Interval, mean_interval
from multisymbol.statistics.heterogeneity import shrunk_effects, spread_between
from multisymbol.statistics.loss_differentials import Differences
from multisymbol.statistics.mean_tests import MeanTest, fixed_smoothing, least_instants
from multisymbol.statistics.multiple_testing import benjamini_hochberg, holm
from multisymbol.statistics.plan import Plan
from multisymbol.statistics.seed_variance import interval_with_seeds, larger_p

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolTest:
    """One symbol; `test` and `interval` are None and every p is NaN where it has too few instants for its labels.

    Args:
        symbol: Its name.
        instants: It was decided at.
        least: Instants a test needs.
        lag: Instants of its own clock that labels overlap.
        effect: Mean loss of the second arm less that of the first, nats.
        shrunk: Effect pulled towards the common one; NaN if not tested.
        test: Over time.
        interval: Of the effect, over time and seeds, not adjusted for the number of symbols.
        p: The larger of the p over time and the p with seeds.
        p_holm: Adjusted for claims.
        p_bh: Adjusted for exploration.
        p_equivalent: Of two one-sided tests, adjusted for claims.
    """

    symbol: str
    instants: int
    least: int
    lag: int
    effect: float
    shrunk: float
    test: MeanTest | None
    interval: Interval | None
    p: float
    p_holm: float
    p_bh: float
    p_equivalent: float


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolTests:
    """All symbols, in the order of the differences.

    Args:
        tests: One for each symbol.
        spread: Variance of true effects between symbols; 0 where chance explains all of it.
    """

    tests: tuple[SymbolTest, ...]
    spread: float


def symbol_tests(found: Differences, *, plan: Plan, name: str) -> SymbolTests:
    """Test every symbol and adjust over all of them.

    Args:
        found: The paired differences.
        plan: Levels and sizes.
        name: What is tested, so that every use of chance has its own seed.
    """
    alone = [_alone(found, number, plan=plan, name=name) for number in range(len(found.symbols))]
    p = np.array([own.p for own in alone])
    p_holm, p_bh, p_equivalent = holm(p), benjamini_hochberg(p), holm(np.array([own.p_equivalent for own in alone]))
    effect = np.array([own.effect for own in alone])
    error = np.array([np.nan if own.test is None or own.test.error == 0 else own.test.error for own in alone])
    shrunk = shrunk_effects(effect, error)
    adjusted = zip(alone, shrunk.tolist(), p_holm.tolist(), p_bh.tolist(), p_equivalent.tolist(), strict=True)
    return SymbolTests(
        tests=tuple(
            replace(own, shrunk=pulled, p_holm=claim, p_bh=exploring, p_equivalent=equivalent)
            for own, pulled, claim, exploring, equivalent in adjusted
        ),
        spread=spread_between(effect, error),
    )


def time_test(found: Differences, number: int) -> MeanTest | None:
    """Test one symbol over time by fixed smoothing; None where it has too few instants for its labels."""
    series, lag = found.of_symbol(number), int(found.symbol_lags[number])
    return fixed_smoothing(series, lag=lag) if len(series) >= least_instants(lag) else None


def _alone(found: Differences, number: int, *, plan: Plan, name: str) -> SymbolTest:
    """Test one symbol, nothing adjusted yet."""
    series, lag, nan = found.of_symbol(number), int(found.symbol_lags[number]), float("nan")
    test = time_test(found, number)
    effects = found.symbol_by_seed[:, number]
    seed = named_seed(plan.seed, f"bootstrap/{name}/{found.symbols[number]}")
    return SymbolTest(
        symbol=found.symbols[number],
        instants=len(series),
        least=least_instants(lag),
        lag=lag,
        effect=float(series.mean()),
        shrunk=nan,
        test=test,
        interval=None
        if test is None
        else interval_with_seeds(
            mean_interval(series, lag=lag, draws=plan.draws, seed=seed, level=plan.level), effects=effects
        ),
        p=nan if test is None else larger_p(test, effects=effects, p=lambda own: own.p),
        p_holm=nan,
        p_bh=nan,
        p_equivalent=nan
        if test is None
        else larger_p(test, effects=effects, p=lambda own: own.p_equivalent(plan.smallest)),
    )

"""Chance of training as a part of the doubt: seeds beside time and symbols.

A test over time takes the trained networks as given. A claim about two ways of training, be it that they differ or that
they do not, must also hold for other seeds, so it takes both errors:

    error^2 = variance over time + variance over seeds / S

A test over seeds alone is no test at all: all of them saw the same test span.
"""

# S seed, N symbol

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from scipy import stats

from multisymbol.arrays import Floats
from multisymbol.statistics.bootstrap import Interval
from multisymbol.statistics.loss_differentials import LossDifferentials
from multisymbol.statistics.mean_tests import MeanTest

LEAST_SEEDS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class VarianceSplit:
    """Where the doubt about the effect comes from: parts of the variance of the estimate.

    Args:
        effects: Effect of each seed. Shape (S,).
        seed: Part of the seeds, their variance / S; NaN for a single one.
        time: Part of the test span, the squared error of the test over time.
        symbol: Part of which symbols were taken, were they drawn from many: the variance between symbols / N. Not in
            `p`: the claim is about these symbols.
        p: Two-sided, with seed and time together (Satterthwaite 1946); NaN for a single seed.
    """

    effects: Floats
    seed: float
    time: float
    symbol: float
    p: float

    @property
    def spread(self) -> float:
        """Standard deviation of the effect from seed to seed; NaN for a single one."""
        return math.sqrt(self.seed * len(self.effects))


def seeds_problem(seeds: int) -> str:
    """Say why so few seeds are no comparison of ways of training; empty if they are enough."""
    if seeds >= LEAST_SEEDS:
        return ""
    return (
        f"{seeds} seeds cannot tell chance of training from a difference: at least {LEAST_SEEDS}, better 5; or say "
        "exploratory=true, which claims nothing"
    )


def variance_split(differentials: LossDifferentials, *, test: MeanTest, symbol_variance: float) -> VarianceSplit:
    """Split the variance of the effect.

    Args:
        differentials: Loss differentials of the two arms.
        test: Over time, of `differentials.series`.
        symbol_variance: Variance of true effects between symbols.
    """
    effects = differentials.by_seed.mean(axis=1)
    return VarianceSplit(
        effects=effects,
        seed=mean_seed_variance(effects),
        time=test.error**2,
        symbol=symbol_variance / len(differentials.symbols),
        p=p_with_seeds(test, effects=effects),
    )


def p_with_seeds(test: MeanTest, *, effects: Floats) -> float:
    """Return the two-sided p of a test over time once the seeds' variance is in its error; NaN for a single seed.

    Args:
        test: Of the series averaged over seeds.
        effects: Mean of the series of each seed. Shape (S,).
    """
    return with_seeds(test, effects=effects).p if len(effects) > 1 else math.nan


def with_seeds(test: MeanTest, *, effects: Floats) -> MeanTest:
    """Return a test over time with the seeds' variance in its error; itself for a single seed, or seeds that agree.

    Args:
        test: Of the series averaged over seeds.
        effects: Mean of the series of each seed. Shape (S,).
    """
    seed, time = mean_seed_variance(effects), test.error**2
    if math.isnan(seed) or seed == 0:
        return test
    # Satterthwaite (1946): degrees of freedom of a sum of two independent variances.
    freedom = (seed + time) ** 2 / (seed**2 / (len(effects) - 1) + time**2 / test.freedom)
    return replace(test, error=math.sqrt(seed + time), freedom=freedom)


def interval_with_seeds(interval: Interval, *, effects: Floats) -> Interval:
    """Widen an interval over time by the seeds' variance; itself for a single seed, or seeds that agree.

    The half-width grows as the error does, and as Satterthwaite's t quantile against the normal one; what the bootstrap
    has found of the time's own tails stays in it.

    Args:
        interval: Around its estimate, over time.
        effects: Of each seed. Shape (S,).
    """
    seed, time = mean_seed_variance(effects), interval.error**2
    if math.isnan(seed) or seed == 0:
        return interval
    freedom, tail = (len(effects) - 1) * ((seed + time) / seed) ** 2, (1 + interval.level) / 2
    error = math.sqrt(seed + time)
    quantile = float(stats.t.ppf(tail, freedom))
    over_time = float(stats.norm.ppf(tail)) * interval.error
    half = error * quantile * ((interval.high - interval.low) / 2 / over_time if time > 0 else 1.0)
    return replace(interval, low=interval.estimate - half, high=interval.estimate + half, error=error)


def larger_p(test: MeanTest, *, effects: Floats, p: Callable[[MeanTest], float]) -> float:
    """Return the larger of two p: of a test over time, and of the same with the seeds' variance.

    Args:
        test: Of the series averaged over seeds.
        effects: Mean of the series of each seed. Shape (S,).
        p: Which p of a test is asked for.
    """
    return max(p(test), p(with_seeds(test, effects=effects)))


def mean_seed_variance(effects: Floats) -> float:
    """Return the variance over seeds / S, as a part of the mean's variance; NaN for a single seed."""
    return float(effects.var(ddof=1)) / len(effects) if len(effects) > 1 else math.nan

"""Variance between training seeds, added to the variance over time.

A test over time takes the trained networks as given. A claim about two ways of training, whether they differ or not,
must also hold for other seeds, so it needs both errors:

    error^2 = variance over time + variance between seeds / S

A test over seeds alone is not valid: all seeds were scored on the same test span.

Source: Satterthwaite 1946, An Approximate Distribution of Estimates of Variance Components (degrees of freedom).
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
    """Variance of the estimated effect, by source."""

    effects: Floats  # effect of each seed, shape (S,)
    seed: float  # variance from seeds, their variance / S; NaN for a single seed
    time: float  # variance from the test span, the squared error of the test over time
    symbol: float  # had the symbols been drawn from many: their variance / N. Not in `p`: the claim is about these
    p: float  # two-sided p-value with the variances from seeds and time (Satterthwaite 1946); NaN for a single seed

    @property
    def spread(self) -> float:
        """Standard deviation of the effect between seeds; NaN for a single seed."""
        return math.sqrt(self.seed * len(self.effects))


def seeds_problem(seeds: int) -> str:
    """Explain why there are too few seeds to compare ways of training; empty if there are enough."""
    if seeds >= LEAST_SEEDS:
        return ""
    return (
        f"{seeds} seeds cannot tell chance of training from a difference: at least {LEAST_SEEDS}, better 5; or say "
        "exploratory=true, which claims nothing"
    )


def variance_split(differentials: LossDifferentials, *, test: MeanTest, symbol_variance: float) -> VarianceSplit:
    """Split the variance of the effect, given the test over time and the variance of true effects between symbols."""
    effects = differentials.by_seed.mean(axis=1)
    return VarianceSplit(
        effects=effects,
        seed=mean_seed_variance(effects),
        time=test.error**2,
        symbol=symbol_variance / len(differentials.symbols),
        p=p_with_seeds(test, effects=effects),
    )


def p_with_seeds(test: MeanTest, *, effects: Floats) -> float:
    """Return the two-sided p-value of `with_seeds`; NaN for a single seed."""
    return with_seeds(test, effects=effects).p if len(effects) > 1 else math.nan


def with_seeds(test: MeanTest, *, effects: Floats) -> MeanTest:
    """Add the variance between seeds to the error of a test over time; unchanged for one seed, or seeds that agree.

    Args:
        test: Test of the series averaged over seeds.
        effects: Mean of the series of each seed. Shape (S,).
    """
    seed, time = mean_seed_variance(effects), test.error**2
    if math.isnan(seed) or seed == 0:
        return test
    # Satterthwaite (1946): degrees of freedom of a sum of two independent variances.
    freedom = (seed + time) ** 2 / (seed**2 / (len(effects) - 1) + time**2 / test.freedom)
    return replace(test, error=math.sqrt(seed + time), freedom=freedom)


def interval_with_seeds(interval: Interval, *, effects: Floats) -> Interval:
    """Widen an interval over time by the variance between seeds; unchanged for a single seed, or seeds that agree.

    The half-width grows by the ratio of the errors, and by the ratio of Satterthwaite's t quantile to the normal one.
    The heavier tails over time that the bootstrap has estimated are kept. The interval over time is symmetric.
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
    """Return the larger of two p-values, each taken by `p`: of a test over time, and of the same `with_seeds`."""
    return max(p(test), p(with_seeds(test, effects=effects)))


def mean_seed_variance(effects: Floats) -> float:
    """Return the variance of a mean over the effects of S seeds, their variance / S; NaN for a single seed."""
    return float(effects.var(ddof=1)) / len(effects) if len(effects) > 1 else math.nan

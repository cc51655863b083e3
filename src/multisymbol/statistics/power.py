"""How much information the data hold: effective sample sizes, detectable effect, months that a decision would take."""

# T instant, N symbol

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import optimize, stats

from multisymbol.arrays import Floats
from multisymbol.statistics.mean_tests import MeanTest, autocovariances
from multisymbol.statistics.seed_variance import with_seeds

_MOST_TIMES = 1e6
"""Largest multiple of the data at hand that is planned for."""


def effective_instants(series: Floats, test: MeanTest) -> float:
    """Return the effective sample size T c_0 / LRV, the number of independent instants that would give the same error.

    The error of the test of the series, shape (T,), gives the long-run variance. At most T; NaN for a constant series.
    """
    if test.error == 0:
        return math.nan
    return min(float(len(series)), float(autocovariances(series, lag=0)[0]) / test.error**2)


def effective_symbols(by_symbol: Floats) -> float:
    """Return the effective number of symbols N / (1 + (N - 1) rho), 1 .. N.

    rho is the mean correlation of two symbols' loss differentials over the instants at which both are live, at least 0
    (design effect of a cluster sample: Kish 1965).

    Args:
        by_symbol: Loss differentials; NaN where a symbol is not live. Shape (T, N).
    """
    symbols = by_symbol.shape[1]
    live = (~np.isnan(by_symbol)).astype(np.float64)
    # Sums of products over the instants at which both symbols are live, all pairs at once. Centred first: the moments
    # would otherwise lose the digits of a small spread around a large mean.
    value = np.nan_to_num(by_symbol - np.nanmean(by_symbol, axis=0))
    count, first, square, product = live.T @ live, value.T @ live, (value**2).T @ live, value.T @ value
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = product / count - first * first.T / count**2
        variance = square / count - (first / count) ** 2
        correlations = (covariance / np.sqrt(variance * variance.T))[np.triu_indices(symbols, k=1)]
    known = correlations[np.isfinite(correlations)]
    rho = float(known.mean()) if len(known) else 0.0
    return float(symbols / (1 + (symbols - 1) * min(max(rho, 0.0), 1.0)))


def detectable_effect(test: MeanTest, *, power: float, alpha: float) -> float:
    """Return the true mean that a two-sided test detects with the given probability.

    Args:
        test: Least powerful of the tests that must agree, with the variance between seeds; its degrees of freedom
            reflect how well its error is known.
        power: Probability of detection, for example 0.8.
        alpha: Level of the test.
    """
    return float(stats.t.ppf(1 - alpha / 2, test.freedom) + stats.t.ppf(power, test.freedom)) * test.error


def months_needed(
    test: MeanTest, *, effects: Floats, months: float, smallest: float, power: float, alpha: float
) -> float:
    """Return the further months of test data that a decision would take.

    The plan covers a true effect of `smallest` and one of zero: enough data to detect the first, and to call the second
    equivalent, each with the given power. Where the data suffice for that already, the estimate lies near the edge of
    what matters, and the plan assumes that the estimate stays what it is; on the edge itself it takes a million times
    the data. The variance between seeds does not shrink with time; where it alone is too large, the result is infinite.

    Args:
        test: Test over time of the data at hand; its error shrinks with the root of the months.
        effects: Effect of each seed. Shape (S,).
        months: Months of data at hand.
        smallest: Smallest effect of interest.
        power: Probability of a decision, for example 0.8.
        alpha: Level of the tests; for one of N symbols alpha / N, the level of Holm's first step.
    """

    def planned(later: MeanTest) -> float:
        difference = _quantile(later, 1 - alpha / 2) + _quantile(later, power)
        equivalence = _quantile(later, 1 - alpha) + _quantile(later, (1 + power) / 2)
        return max(difference, equivalence) * later.error - smallest

    def estimated(later: MeanTest) -> float:
        gap = smallest - abs(test.mean)
        needed = _quantile(later, 1 - alpha) if gap >= 0 else _quantile(later, 1 - alpha / 2)
        return needed * later.error - (gap if gap >= 0 else abs(test.mean))

    return months * (_times_more(planned, test, effects=effects) or _times_more(estimated, test, effects=effects))


def _times_more(lacking: Callable[[MeanTest], float], test: MeanTest, *, effects: Floats) -> float:
    """Return the multiple of the data that must be added until `lacking` is 0; infinite if seeds alone prevent it."""

    def grown(times: float) -> MeanTest:
        return replace(test, error=test.error / math.sqrt(times), freedom=test.freedom * times)

    def after(times: float) -> float:
        return lacking(with_seeds(grown(times), effects=effects))

    if after(1.0) <= 0:
        return 0.0
    if after(_MOST_TIMES) <= 0:
        return float(optimize.brentq(after, 1.0, _MOST_TIMES)) - 1.0
    return math.inf if lacking(grown(_MOST_TIMES)) <= 0 else _MOST_TIMES


def _quantile(test: MeanTest, probability: float) -> float:
    return float(stats.t.ppf(probability, test.freedom))

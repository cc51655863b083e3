"""How much the data are worth: independent observations in them, what they could have shown, how many more it takes."""

# T instant, N symbol

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from multisymbol.arrays import Floats
from multisymbol.statistics.mean_tests import MeanTest, autocovariances
from multisymbol.statistics.seed_variance import with_seeds

_MOST_TIMES = 1e6
"""Of the data at hand; nobody asks beyond."""


def effective_instants(series: Floats, test: MeanTest) -> float:
    """Return T c_0 / LRV: so many independent instants would give the same error; at most T, NaN for a constant.

    Args:
        series: Shape (T,).
        test: Of this series; its error gives the long-run variance.
    """
    if test.error == 0:
        return math.nan
    return min(float(len(series)), float(autocovariances(series, lag=0)[0]) / test.error**2)


def effective_symbols(by_symbol: Floats) -> float:
    """Return N / (1 + (N - 1) rho), rho the mean correlation of two symbols' differences where both are live; 1 .. N.

    Args:
        by_symbol: NaN where a symbol is not live. Shape (T, N).
    """
    symbols = by_symbol.shape[1]
    correlations = _pairwise_correlations(by_symbol)
    known = correlations[np.triu_indices(symbols, k=1)]
    known = known[np.isfinite(known)]
    rho = float(known.mean()) if len(known) else 0.0
    return float(symbols / (1 + (symbols - 1) * min(max(rho, 0.0), 1.0)))


def detectable_effect(test: MeanTest, *, power: float, alpha: float) -> float:
    """Return the true mean that a two-sided test would find with this probability.

    Args:
        test: The narrowest of those that must agree: its degrees of freedom say how well its error is known, and seeds
            are in it.
        power: For example 0.8.
        alpha: Of the test.
    """
    return float(stats.t.ppf(1 - alpha / 2, test.freedom) + stats.t.ppf(power, test.freedom)) * test.error


def months_needed(
    test: MeanTest, *, effects: Floats, months: float, smallest: float, power: float, alpha: float
) -> float:
    """Return how many more months of test data a decision takes.

    Planned for an effect of `smallest` and for one of zero: enough to find the first, and to call the second
    equivalent, each with this power. Where that many are there already, the estimate lies near the edge of what
    matters, and the answer is how many it takes if the estimate stays what it is: a million times as many on the edge
    itself. The seeds' variance stays whatever the months; where it is too large by itself they are infinitely many.

    Args:
        test: Over time, of the data at hand; its error shrinks with the root of the months.
        effects: Of each seed. Shape (S,).
        months: Of the data at hand.
        smallest: Smallest effect of interest.
        power: For example 0.8.
        alpha: Of the tests; for one of N symbols alpha / N, the level of Holm's first step.
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
    """Return how many times the data must come on top until a test of them lacks nothing; infinite for the seeds'."""

    def after(times: float) -> float:
        return lacking(with_seeds(_grown(test, times), effects=effects))

    if after(1.0) <= 0:
        return 0.0
    if after(_MOST_TIMES) <= 0:
        return float(optimize.brentq(after, 1.0, _MOST_TIMES)) - 1.0
    return math.inf if lacking(_grown(test, _MOST_TIMES)) <= 0 else _MOST_TIMES


def _grown(test: MeanTest, times: float) -> MeanTest:
    return replace(test, error=test.error / math.sqrt(times), freedom=test.freedom * times)


def _quantile(test: MeanTest, probability: float) -> float:
    return float(stats.t.ppf(probability, test.freedom))


def _pairwise_correlations(by_symbol: Floats) -> Floats:
    live: npt.NDArray[Any] = (~np.isnan(by_symbol)).astype(np.float64)
    # Centred first: the moments below would lose the digits of a small spread around a large mean.
    value = np.nan_to_num(by_symbol - np.nanmean(by_symbol, axis=0))
    count, first, square, product = live.T @ live, value.T @ live, (value**2).T @ live, value.T @ value
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = product / count - first * first.T / count**2
        variance = square / count - (first / count) ** 2
        found: Floats = covariance / np.sqrt(variance * variance.T)
    return found

"""How much the data are worth: independent observations in them, what they could have shown, how many more it takes."""

# T instant, N symbol

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from multisymbol.evaluation.statistics.mean_tests import MeanTest, autocovariances

Floats = npt.NDArray[np.float64]


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
    """Return the true mean that a two-sided test would find with this probability."""
    return float(stats.t.ppf(1 - alpha / 2, test.freedom) + stats.t.ppf(power, test.freedom)) * test.error


def months_needed(test: MeanTest, *, months: float, smallest: float, power: float, alpha: float) -> float:
    """Return how many more months of test data a decision takes.

    Planned for an effect of `smallest` and for one of zero: enough to find the first, and to call the second
    equivalent, each with this power. Where that many are there already, the estimate lies near the edge of what
    matters, and the answer is how many it takes if the estimate stays what it is: infinitely many on the edge itself.

    Args:
        test: Of the data at hand; its error shrinks with the root of the months.
        months: Of the data at hand.
        smallest: Smallest effect of interest.
        power: For example 0.8.
        alpha: Of the tests.
    """
    difference = _normal(1 - alpha / 2) + _normal(power)
    equivalence = _normal(1 - alpha) + _normal((1 + power) / 2)
    planned = months * (max(difference, equivalence) * test.error / smallest) ** 2 - months
    if planned > 0:
        return planned
    gap = smallest - abs(test.mean)
    quantile = _normal(1 - alpha) if gap > 0 else _normal(1 - alpha / 2)
    distance = gap if gap > 0 else abs(test.mean)
    return max(months * (quantile * test.error / distance) ** 2 - months, 0.0) if gap else math.inf


def _normal(probability: float) -> float:
    return float(stats.norm.ppf(probability))


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

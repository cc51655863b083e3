"""How much a price moves per bar, as known at the bar's close: the yardstick that labels of all symbols share."""

from typing import NamedTuple

import numpy as np
from numba import njit

from multisymbol.arrays import Floats


class _Moments(NamedTuple):
    """Mean of the first k + 1 values, and the sum of their squared deviations from it, at k. Shape (n,) each."""

    mean: Floats
    squares: Floats


@njit(cache=True)
def trailing_deviation(close: Floats, period: int) -> Floats:
    """Standard deviation of the last `period` (2 or more) log returns at each bar. Shape (n,).

    NaN for the first `period` bars, exactly 0 where all are the same. A window is the end of one block of `period`
    returns and the beginning of the next. Both are summed from their common border and merged, so that a window costs
    the same however long it is, and a wild return that has left it leaves no rounding error behind.

    Source: Chan, Golub and LeVeque 1983, The American Statistician 37, eq. 2.1 (merging); blocks as in van Herk 1992.
    """
    deviations = np.full(len(close), np.nan)
    returns = np.log(close[1:] / close[:-1])
    before = _running_moments(returns[:0])
    for start in range(0, len(returns), period):
        block = returns[start : start + period]
        here = _running_moments(block)
        for k in range(0 if start > 0 else period - 1, len(block)):
            squares = here.squares[k]
            count = k + 1
            rest = period - count
            if rest > 0:
                shift = before.mean[rest - 1] - here.mean[k]
                squares += before.squares[rest - 1] + shift * shift * (count * rest / period)
            deviations[start + count] = np.sqrt(squares / period)
        before = _running_moments(block[::-1])
    return deviations


@njit(cache=True)
def _running_moments(values: Floats) -> _Moments:
    """Add one value at a time (Welford 1962): equal values have exactly their mean, and squares of exactly 0."""
    means = np.empty(len(values))
    squares = np.empty(len(values))
    mean = 0.0
    total = 0.0
    for k in range(len(values)):
        change = values[k] - mean
        mean += change / (k + 1)
        total += change * (values[k] - mean)
        means[k] = mean
        squares[k] = total
    return _Moments(means, squares)

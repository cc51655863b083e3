"""How much a price moves per bar, as known at the bar's close: the yardstick that labels of all symbols share."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit


class _Moments(NamedTuple):
    """Mean of the first k + 1 values, and the sum of their squared deviations from it, at k. Shape (n,) each."""

    mean: npt.NDArray[np.float64]
    squares: npt.NDArray[np.float64]


@njit(cache=True)
def trailing_deviation(close: npt.NDArray[np.float64], period: int) -> npt.NDArray[np.float64]:
    """Standard deviation of the last `period` log returns at each bar.

    A window is the end of one block of `period` returns and the beginning of the next. Both are summed from their
    common border and merged, so that a window costs the same however long it is, and a wild return that has left it
    leaves no rounding error behind, as it would in a sum from which it is taken away again.

    Args:
        close: Shape (n,).
        period: Returns in the deviation, 2 or more.

    Returns:
        Shape (n,); NaN for the first `period` bars, exactly 0 where all are the same.

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
def _running_moments(values: npt.NDArray[np.float64]) -> _Moments:
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

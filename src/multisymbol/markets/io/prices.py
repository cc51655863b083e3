"""Prices that may be true but look odd: pure functions of a history's prices, validation and not features.

They look at bars after the one they judge. Prices are logarithms, shape (n,) each.
"""

from dataclasses import dataclass

import numpy as np

from multisymbol.arrays import Flags, Floats, Ints

_WICK_TIMES = 4.0
_AROUND = 12
"""An odd price is at least so many times the median range of the bars so many before and after."""

_OUTLIER_BARS = 5
_OUTLIER_LEAST = float(np.log(1.2))
"""A run of at most so many bars, all of whose prices are at least so far from the bars on both sides."""

_RATIOS = np.array([1.25, 1.5, *range(2, 51), 75, 100, 1000])
"""Shares after a split for one before, and units mistaken for one another; a consolidation is the inverse."""
_STEP_DEVIATIONS = 10.0
_LARGE, _ROUND_DEVIATIONS_LARGE, _ROUND_DEVIATIONS = float(np.log(2.5)), 3.0, 1.5
_SMALL, _CALM_TIMES = float(np.log(1.35)), 1.2
"""Prices move by 1.25 by themselves, too, and then in a bar of a wide range."""
_NORMAL = 1.4826
"""Median absolute deviation -> standard deviation, of a normal distribution."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LogPrices:
    """The logarithms of n bars' prices."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats

    def usual_range(self, bar: int) -> float:
        """Return the median range of the bars around one."""
        around = slice(max(bar - _AROUND, 0), bar + _AROUND + 1)
        return float(np.median(self.high[around] - self.low[around]))


def wicks(prices: LogPrices, *, limit: float) -> Ints:
    """Find prices beyond all prices before, after and beside them: single wrong trades, and some real flash crashes.

    By how much each price is outside the others:

        high, low   the bar's open and close, the close before, the open after
        open        the close before, the bar's close
        close       the bar's open, the open after
    """
    opened, close = prices.open, prices.close
    before, after = np.r_[opened[0], close[:-1]], np.r_[opened[1:], close[-1]]
    beside = np.stack([opened, close, before, after])
    excess = np.maximum.reduce(
        [
            prices.high - beside.max(axis=0),
            beside.min(axis=0) - prices.low,
            _outside(opened, before, close),
            _outside(close, opened, after),
        ]
    )
    far = np.flatnonzero(excess > np.log1p(limit))
    usual = [prices.usual_range(bar) for bar in far.tolist()]
    found: Ints = far[excess[far] > _WICK_TIMES * np.array(usual)]
    return found


def outliers(prices: LogPrices, *, limit: float) -> Ints:
    """Find bars wrong in all four prices, such as pence among pounds: a few bars beyond those on both sides of them.

    All prices of a run of at most five bars lie above, or all below, the close before and the open after, and those two
    are closer to one another than to the run.
    """
    least, rows = max(_OUTLIER_LEAST, float(np.log1p(limit))), len(prices.close)
    found = np.zeros(rows, dtype=np.bool_)
    for length in range(1, min(_OUTLIER_BARS, rows - 2) + 1):
        before, after = prices.close[: -length - 1], prices.open[length + 1 :]
        windows = (np.lib.stride_tricks.sliding_window_view(each[1:-1], length) for each in (prices.low, prices.high))
        lowest, highest = (next(windows).min(axis=1), next(windows).max(axis=1))
        beyond = np.maximum(lowest - np.maximum(before, after), np.minimum(before, after) - highest)
        for start in np.flatnonzero((beyond > least) & (np.abs(after - before) < beyond)).tolist():
            if beyond[start] > _WICK_TIMES * prices.usual_range(start + 1):
                found[start + 1 : start + 1 + length] = True
    return np.flatnonzero(found)


def steps(prices: LogPrices, *, known: Flags) -> dict[int, float]:
    """Find lasting steps by the ratio of a split, or of units mistaken for one another (100 pence to a pound).

    A step from a close to the next open counts where its log return is beyond 10 deviations of a bar's and within 3 (up
    to a ratio of 2.5 within 1.5) of the logarithm of a ratio, and the bar after it stays there. For 1.25 the range of
    that bar must be usual, too: prices move so far by themselves, on wild days. The deviation is 1.4826 times the
    median absolute return, from close to close, of the bars whose price moved: the steps themselves do not raise it. A
    split lies between bars; a crash of a market that never closes lies within one, and is none.

    Args:
        prices: Of n bars.
        known: Bars named for another reason: no step from or to one counts. Shape (n,).

    Returns:
        Row after each step -> ratio, below 1 where the price fell.
    """
    move = np.abs(np.diff(prices.close))
    if not move.any():
        return {}
    deviation = _NORMAL * float(np.median(move[move > 0]))
    step = prices.open[1:] - prices.close[:-1]
    far = np.flatnonzero((np.abs(step) > _STEP_DEVIATIONS * deviation) & ~known[1:] & ~known[:-1])
    size, after = np.abs(step[far]), far + 1
    off = np.abs(size[:, None] - np.log(_RATIOS)).min(axis=1)
    stays = np.abs(prices.close[after] - prices.open[after]) < size / 2
    usual = np.array([prices.usual_range(row) for row in after.tolist()])
    calm = prices.high[after] - prices.low[after] <= _CALM_TIMES * usual
    allowed = np.where(size > _LARGE, _ROUND_DEVIATIONS_LARGE, _ROUND_DEVIATIONS) * deviation
    named = far[stays & (off <= allowed) & (calm | (size > _SMALL))]
    return {row + 1: float(np.exp(step[row])) for row in named.tolist()}


def _outside(value: Floats, one: Floats, other: Floats) -> Floats:
    beyond: Floats = np.maximum(value - np.maximum(one, other), np.minimum(one, other) - value)
    return beyond

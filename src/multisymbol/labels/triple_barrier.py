r"""Triple barrier: which of two prices is reached first, one above the close and one below, or neither in time.

    upper  - - - - - - - - - - - - - - -   close * exp(+upper_sigmas * s)       reached first: BUY
                        _/\
    close  o__    _/\__/   \      |        neither within horizon_bars: by the close then, HOLD within
              \__/          \_____|        close * exp(+-expiry_sigmas * s), else its side of the entry
    lower  - - - - - - - - - - - - | - -   close * exp(-lower_sigmas * s)       reached first: SELL
           t                   t + horizon_bars

    s = trailing deviation of one bar's log return, known at t, times sqrt(horizon_bars)

`s` is the deviation of the return over the whole horizon, so that 1 sigma asks the same of a random walk whatever the
horizon: with both barriers at 1, a continuous one reaches them in time in 63 % of cases. (Lopez de Prado and KTRDR
scale by one bar's deviation; divide such a multiple by sqrt(horizon_bars).) Distances are of log prices, so that a
market turned upside down has its labels turned upside down. The entry is the close; later, highs and lows count.

Source: Lopez de Prado 2018, Advances in Financial Machine Learning, 3.4.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numba import njit

from multisymbol.arrays import Codes, Floats, Ints
from multisymbol.errors import LabelError, require_fields
from multisymbol.labels.labels import BUY, HOLD, SELL, SegmentLabels
from multisymbol.labels.outcomes import side, with_rule
from multisymbol.labels.volatility import trailing_deviation
from multisymbol.markets.bars import Bars

BothHit: TypeAlias = Literal["by_close", "stop_first"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TripleBarrier:
    """Labels of the first barrier reached.

    Args:
        upper_sigmas: Log distance of the upper barrier from the close in deviations of the horizon, above 0.
        lower_sigmas: Likewise of the lower barrier.
        horizon_bars: Bars until a label expires, 1 or more; gaps that do not end a stretch count as no bar.
        volatility_bars: Log returns in the deviation of one bar, those up to the labelled bar, 2 or more. A bar without
            a deviation, or with one of 0, has no barriers: its label stays unresolved.
        both_hit: What a bar says that reaches both barriers, its open between them, so that nobody knows which was
            first. `by_close`: the side of the entry on which it closes, on neither HOLD. `stop_first`: whoever bought
            may have been stopped out before the gain, and so may whoever sold: HOLD.
        expiry_sigmas: A label that expires is HOLD if the close then is at most so many deviations of the horizon away,
            else BUY or SELL by its side; 0 or more. From the barriers' distance on, every expiry is HOLD.

    Raises:
        LabelError: A value is out of its range; all problems at once.
    """

    upper_sigmas: float
    lower_sigmas: float
    horizon_bars: int
    volatility_bars: int
    both_hit: BothHit
    expiry_sigmas: float

    def __post_init__(self) -> None:
        require_fields(
            LabelError,
            self,
            "triple_barrier",
            ("upper_sigmas", 0.0 < self.upper_sigmas < np.inf, "a number above 0"),
            ("lower_sigmas", 0.0 < self.lower_sigmas < np.inf, "a number above 0"),
            ("horizon_bars", self.horizon_bars >= 1, "1 or more bars"),
            ("volatility_bars", self.volatility_bars >= 2, "2 or more bars"),
            ("both_hit", self.both_hit in get_args(BothHit), f"one of {', '.join(get_args(BothHit))}"),
            ("expiry_sigmas", 0.0 <= self.expiry_sigmas < np.inf, "a number, 0 or more"),
        )

    def label(self, bars: Bars, stretch: slice) -> SegmentLabels:
        """Label the bars of `stretch`, using those and no others.

        A label becomes known at the close of the bar that reaches a barrier, or of the one `horizon_bars` later; where
        the stretch ends before either, it stays unresolved. The rule is the latest bar's label that is known. The
        target is of the close of the resolving bar, not of the barrier: on a martingale its mean is 0, wherever the
        barriers are.
        """
        close = bars.close[stretch]
        prices = _Prices(bars.open[stretch], bars.high[stretch], bars.low[stretch], close)
        sigma = trailing_deviation(close, self.volatility_bars) * np.sqrt(self.horizon_bars)
        ends = _walk(prices, sigma, float(self.upper_sigmas), float(self.lower_sigmas), self.horizon_bars)
        return with_rule(value=self._classes(ends), resolved_row=ends.row, moved=ends.moved)

    def _classes(self, ends: "_Ends") -> Codes:
        value: Codes = side(ends.moved, float(self.expiry_sigmas))
        both = ends.reached == _BOTH
        value[both] = side(ends.moved[both], 0.0) if self.both_hit == "by_close" else HOLD
        value[ends.reached == _UPPER] = BUY
        value[ends.reached == _LOWER] = SELL
        return value


class _Prices(NamedTuple):
    """Of one stretch. Shape (n,) each."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats


class _Ends(NamedTuple):
    """The bar that resolves each bar's label (-1: none), what it reached first, and the log return to it in sigmas."""

    row: Ints
    reached: Codes
    moved: Floats


_NEITHER, _UPPER, _LOWER, _BOTH = 0, 1, 2, 3


@njit(cache=True)
def _walk(prices: _Prices, sigma: Floats, upper_sigmas: float, lower_sigmas: float, horizon: int) -> _Ends:
    """Walk from each bar to the one that resolves its label."""
    n = len(sigma)
    ends = _Ends(np.full(n, -1, np.int64), np.full(n, _NEITHER, np.int8), np.full(n, np.nan))
    for row in range(n):
        if not sigma[row] > 0.0:
            continue
        entry = prices.close[row]
        upper = entry * np.exp(upper_sigmas * sigma[row])
        lower = entry * np.exp(-lower_sigmas * sigma[row])
        end = _first_touch(prices, row + 1, min(row + horizon, n), upper, lower)
        if end < n:
            ends.row[row] = end
            ends.reached[row] = _first_reached(prices, end, upper, lower)
            ends.moved[row] = np.log(prices.close[end] / entry) / sigma[row]
    return ends


@njit(cache=True)
def _first_touch(prices: _Prices, start: int, stop: int, upper: float, lower: float) -> int:
    """Return the first bar of start..stop-1 that reaches a barrier, else `stop`."""
    for row in range(start, stop):
        if prices.high[row] >= upper or prices.low[row] <= lower:
            return row
    return stop


@njit(cache=True)
def _first_reached(prices: _Prices, row: int, upper: float, lower: float) -> int:
    """Return which barrier a bar reached first; its open comes before its extremes."""
    if prices.open[row] >= upper:
        return _UPPER
    if prices.open[row] <= lower:
        return _LOWER
    above, below = prices.high[row] >= upper, prices.low[row] <= lower
    if above and below:
        return _BOTH
    if above:
        return _UPPER
    return _LOWER if below else _NEITHER

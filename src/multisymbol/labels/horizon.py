"""Fixed horizon: where the close stands a number of bars later, measured in the volatility known at the bar's close.

    log(close[t + bars] / close[t]) / (deviation[t] * sqrt(bars))    above the dead band BUY, below it SELL, in it HOLD

All labels of one symbol span the same number of bars, so nothing of the span can be learned. What can be learned
without any sense of direction is volatility: where the trailing deviation is below what comes (before an open, after a
quiet night), HOLD is rarer. Look at BUY against SELL and at HOLD against the rest apart.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from multisymbol.arrays import Floats
from multisymbol.errors import LabelError, require_fields
from multisymbol.labels.labels import SegmentLabels
from multisymbol.labels.outcomes import side, with_rule
from multisymbol.labels.volatility import trailing_deviation
from multisymbol.markets.bars import Bars


@dataclass(frozen=True, kw_only=True, slots=True)
class Horizon:
    """Labels of the return over a fixed number of bars.

    Args:
        bars: Bars to the one that decides, 1 or more; gaps that do not end a stretch count as no bar.
        dead_band_sigmas: A return of at most so many of the horizon's deviations, up or down, is HOLD; 0 or more. The
            horizon's deviation is that of one bar times sqrt(bars). With 0 only an equal close is HOLD.
        volatility_bars: Log returns in the deviation of one bar, those up to the labelled bar, 2 or more. A bar without
            a deviation, or with one of 0, has no yardstick: its label stays unresolved.

    Raises:
        LabelError: A value is out of its range; all problems at once.
    """

    bars: int
    dead_band_sigmas: float
    volatility_bars: int

    def __post_init__(self) -> None:
        require_fields(
            LabelError,
            self,
            "horizon",
            ("bars", self.bars >= 1, "1 or more bars"),
            ("dead_band_sigmas", 0.0 <= self.dead_band_sigmas < np.inf, "a number, 0 or more"),
            ("volatility_bars", self.volatility_bars >= 2, "2 or more bars"),
        )

    def label(self, bars: Bars, stretch: slice) -> SegmentLabels:
        """Label the bars of `stretch`, using those and no others.

        A label becomes known at the close of the bar `self.bars` later; the last `self.bars` stay unresolved. The rule
        is the latest label known, `self.bars` bars old.
        """
        close = bars.close[stretch]
        sigma = trailing_deviation(close, self.volatility_bars) * np.sqrt(self.bars)
        moved = _moves(close, sigma, self.bars)
        resolved_row = np.where(np.isnan(moved), -1, np.arange(len(moved)) + self.bars)
        return with_rule(value=side(moved, float(self.dead_band_sigmas)), resolved_row=resolved_row, moved=moved)


@njit(cache=True)
def _moves(close: Floats, sigma: Floats, horizon: int) -> Floats:
    """Log return to the close `horizon` bars later, in sigmas; NaN without the one or the other. Shape (n,)."""
    moved = np.full(len(close), np.nan)
    for row in range(len(close) - horizon):
        if sigma[row] > 0.0:
            moved[row] = np.log(close[row + horizon] / close[row]) / sigma[row]
    return moved

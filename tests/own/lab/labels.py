"""Labels of the user's own."""

from dataclasses import dataclass

import numpy as np

from multisymbol.labels.labels import SegmentLabels
from multisymbol.labels.outcomes import with_rule
from multisymbol.markets.bars import Bars


@dataclass(frozen=True, kw_only=True, slots=True)
class NextBars:
    """BUY, HOLD or SELL by the log return over the next bars.

    Args:
        bars: How many.
        least: Smallest move that is not HOLD.
    """

    bars: int
    least: float

    def label(self, bars: Bars, stretch: slice) -> SegmentLabels:
        """Label the bars of a stretch."""
        close = bars.close[stretch]
        moved = np.full(len(close), np.nan)
        moved[: -self.bars] = np.log(close[self.bars :] / close[: -self.bars])
        known = np.isfinite(moved)
        value = np.where(moved > self.least, 0, np.where(moved < -self.least, 2, 1))
        row = np.where(known, np.arange(len(close)) + self.bars, -1)
        return with_rule(value=np.where(known, value, -1).astype(np.int8), resolved_row=row, moved=moved)

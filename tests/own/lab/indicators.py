"""Indicators of the user's own."""

import numpy as np

from multisymbol.features.indicators.registry import BarSegment, Columns, Count, indicator


@indicator(outputs=("body_share",), warmup=lambda period: period)
def body_share(bars: BarSegment, *, period: Count) -> Columns:
    """Share of a bar's range between open and close, averaged over `period` bars."""
    spread = np.maximum(bars.high - bars.low, 1e-12)
    share = (bars.close - bars.open) / spread
    mean = np.convolve(share, np.full(period, 1.0 / period))[: len(share)]
    return (mean,)

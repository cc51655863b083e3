"""What volume adds to price; every window of it stands alone, so a bar without volume is forgotten with its window.

The result is NaN where a bar the window looks at has no volume (NaN); the pipeline turns that into 0, and `has_volume`
tells. Bars with a volume of 0 have one, and are defined below.
"""

import numpy as np
from numba import njit

from multisymbol.features.indicators.registry import Array, BarSegment, Columns, Count, Span, indicator
from multisymbol.features.indicators.rolling import divide, window_deviation, window_mean

THINNEST = 0.01
"""A bar with less than this share of the usual volume counts as having it: the logarithm of 0 has no value."""


@indicator(outputs=("obv_slope",), warmup=lambda period: period, uses_volume=True)
def obv_slope(bars: BarSegment, *, period: Count) -> Columns:
    """Share by which volume on rising closes outweighs that on falling ones: (OBV_t - OBV_{t-n}) / volume of n bars.

    The window of n bars makes it independent of where the history begins, as on-balance volume itself is not. -1 to 1;
    0 where nothing was traded or no close moved.

    Source: Granville 1963, Granville's New Key to Stock Market Profits (on-balance volume).
    """
    return (_volume_balance(bars.close, bars.volume, period),)


@indicator(outputs=("volume_ratio",), warmup=lambda period: period - 1, uses_volume=True)
def volume_ratio(bars: BarSegment, *, period: Count) -> Columns:
    """Logarithm of the bar's volume over the mean of the last `period` bars, itself included.

    From log(`THINNEST`) = -4.6 to log(period); 0 where nothing was traded in the window.
    """
    share = divide(bars.volume, window_mean(bars.volume, period), otherwise=1.0)
    return (np.log(np.maximum(share, THINNEST)),)


@indicator(outputs=("volume_zscore",), warmup=lambda period: period - 1, uses_volume=True)
def volume_zscore(bars: BarSegment, *, period: Span) -> Columns:
    """Distance of the bar's volume from the mean of the last `period` bars, itself included, in their deviations.

    At most sqrt(period - 1) from 0; 0 where the window's volumes are all the same.
    """
    distance = bars.volume - window_mean(bars.volume, period)
    return (divide(distance, window_deviation(bars.volume, period), otherwise=0.0),)


@njit(cache=True)
def _volume_balance(close: Array, volume: Array, period: int) -> Array:
    """Signed over unsigned volume of the last `period` bars; the sign is that of each close against the one before."""
    balance = np.full(len(close), np.nan)
    for row in range(period, len(close)):
        signed = 0.0
        traded = 0.0
        for i in range(row - period + 1, row + 1):
            traded += volume[i]
            signed += volume[i] * np.sign(close[i] - close[i - 1])
        balance[row] = signed / traded if traded != 0.0 else 0.0
    return balance

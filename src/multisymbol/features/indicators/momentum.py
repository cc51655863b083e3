"""How fast price has moved, measured against itself: RSI, stochastic, rate of change."""

import numpy as np
import talib

from multisymbol.features.indicators.registry import BarSegment, Columns, Count, Span, indicator, wilder_warmup
from multisymbol.features.indicators.rolling import divide, window_mean


@indicator(outputs=("rsi",), warmup=wilder_warmup)
def rsi(bars: BarSegment, *, period: Span) -> Columns:
    """Relative strength index: Wilder's average gain in percent of average gain + average loss, 0 to 100.

    Taken from Chande's oscillator, 50 + CMO / 2: the same averages, and 50 while price has not moved at all since the
    stretch began. The newest bar weighs 1/period.

    Source: Wilder 1978, New Concepts in Technical Trading Systems, section VI.
    """
    return (50.0 + talib.CMO(bars.close, period) / 2.0,)


@indicator(outputs=("k", "d"), warmup=lambda k, smooth, d: k + smooth + d - 3)
def stochastic(bars: BarSegment, *, k: Count, smooth: Count, d: Count) -> Columns:
    """Slow stochastic: where the close lies in the range of the last `k` bars, averaged over `smooth`, then `d` bars.

    Returns:
        Columns k and d in percent, 0 to 100; a bar whose range is 0 counts as 50.
    """
    # TA-Lib knows no window of one.
    highest, lowest = (bars.high, bars.low) if k == 1 else (talib.MAX(bars.high, k), talib.MIN(bars.low, k))
    position = divide(100.0 * (bars.close - lowest), highest - lowest, otherwise=50.0)
    slow_k = window_mean(position, smooth)
    return slow_k, window_mean(slow_k, d)


@indicator(outputs=("roc",), warmup=lambda period: period)
def roc(bars: BarSegment, *, period: Count) -> Columns:
    """Rate of change: the close against the close `period` bars ago, as a share (0.01 = 1 % up)."""
    change = np.full(len(bars.close), np.nan)
    before = bars.close[:-period]
    change[period:] = (bars.close[period:] - before) / before
    return (change,)

"""Where price is heading: MACD, distance from moving averages, ADX."""

import numpy as np
import talib

from multisymbol.features.indicators.registry import (
    BarSegment,
    Columns,
    Count,
    Span,
    ema_warmup,
    indicator,
    wilder_warmup,
)
from multisymbol.features.indicators.rolling import divide


@indicator(
    outputs=("line", "histogram"),
    warmup=lambda fast, slow, signal: ema_warmup(slow) + ema_warmup(signal),
    ascending=("fast", "slow"),
)
def macd(bars: BarSegment, *, fast: Span, slow: Span, signal: Count) -> Columns:
    """Moving average convergence/divergence as a share of the close, so it compares across prices.

    `fast` and `slow` are spans of exponential averages, whose newest bar weighs 2/(span + 1), `signal` that of the
    average of their difference.

    Returns:
        Columns line, (fast - slow) / close, and histogram, (line - its average) / close.

    Source: Appel 2005, Technical Analysis: Power Tools for Active Investors, chapter 8.
    """
    line, _, histogram = talib.MACD(bars.close, fast, slow, signal)
    return line / bars.close, histogram / bars.close


@indicator(outputs=("fast", "slow"), warmup=lambda fast, slow: ema_warmup(slow), ascending=("fast", "slow"))
def moving_average(bars: BarSegment, *, fast: Span, slow: Span) -> Columns:
    """Distance of the close from two exponential averages as a share of the close (0.01 = 1 % above).

    The newest bar weighs 2/(span + 1). Columns fast and slow.
    """
    return 1.0 - talib.EMA(bars.close, fast) / bars.close, 1.0 - talib.EMA(bars.close, slow) / bars.close


@indicator(outputs=("strength", "direction"), warmup=lambda period: 2 * wilder_warmup(period))
def adx(bars: BarSegment, *, period: Span) -> Columns:
    """Directional movement over Wilder's averages: how much of a trend there is, and which way.

    Returns:
        Columns strength, the ADX, 0 to 100, and direction, (+DI - -DI) / (+DI + -DI), -1 to 1. Both are 0 where no high
        and no low has ever moved; strength keeps its value through bars without any movement (TA-Lib's rule).

    Source: Wilder 1978, New Concepts in Technical Trading Systems, section IV.
    """
    ohlc = (bars.high, bars.low, bars.close, period)
    up, down = talib.PLUS_DI(*ohlc), talib.MINUS_DI(*ohlc)
    return np.clip(talib.ADX(*ohlc), 0.0, 100.0), divide(up - down, up + down, otherwise=0.0)

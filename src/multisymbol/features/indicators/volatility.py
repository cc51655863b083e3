"""How far price swings: Bollinger bands, average true range, deviation of returns."""

import numpy as np
import talib

from multisymbol.features.indicators.registry import BarSegment, Columns, Count, Span, indicator, wilder_warmup
from multisymbol.features.indicators.rolling import divide, window_deviation, window_mean


@indicator(outputs=("position", "width"), warmup=lambda period, width: period - 1)
def bollinger(bars: BarSegment, *, period: Span, width: float) -> Columns:
    """Bollinger bands: the mean of `period` closes, plus and minus `width` standard deviations of the population.

    Returns:
        Columns position, (close - lower) / (upper - lower), 0.5 where the bands coincide, and width,
        (upper - lower) / mean.

    Source: Bollinger 2001, Bollinger on Bollinger Bands, chapters 7 and 8 (%b and BandWidth).
    """
    mean = window_mean(bars.close, period)
    span = 2.0 * width * window_deviation(bars.close, period)
    return 0.5 + divide(bars.close - mean, span, otherwise=0.0), span / mean


@indicator(outputs=("atr",), warmup=wilder_warmup)
def atr(bars: BarSegment, *, period: Count) -> Columns:
    """Average true range as a share of the close, 0 or more; the newest bar weighs 1/period (Wilder's average).

    Source: Wilder 1978, New Concepts in Technical Trading Systems, section III.
    """
    return (talib.ATR(bars.high, bars.low, bars.close, period) / bars.close,)


@indicator(outputs=("volatility",), warmup=lambda period: period)
def volatility(bars: BarSegment, *, period: Span) -> Columns:
    """Standard deviation of the last `period` log returns, per bar (0.01 = about 1 %); exactly 0 where all equal."""
    returns = np.full(len(bars.close), np.nan)
    returns[1:] = np.log(bars.close[1:] / bars.close[:-1])
    return (window_deviation(returns, period),)

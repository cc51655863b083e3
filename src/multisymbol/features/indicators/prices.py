"""Indicators of prices: how fast they move (RSI, stochastic, rate of change), where to, and how far they swing."""

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
from multisymbol.features.indicators.rolling import divide, window_deviation, window_mean


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

"""Small worlds for the tests of this layer: bars of random walks, a symbol's configuration, a New York week."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from multisymbol.features.indicators import BarSegment
from multisymbol.markets.bars import Bars
from multisymbol.markets.sessions import SessionClock, session_clock
from multisymbol.markets.symbols import Costs, Gaps, SymbolConfig
from multisymbol.markets.time import HOUR, Timeframe, instant

START = instant("2020-03-02T00:00")

INDICATORS: Mapping[str, Mapping[str, Any]] = {
    "rsi": {"period": 5},
    "rsi_slow": {"type": "rsi", "period": 9},
    "macd": {"fast": 3, "slow": 6, "signal": 3},
    "bollinger": {"period": 8, "width": 2.0},
    "atr": {"period": 5},
    "adx": {"period": 4},
    "stochastic": {"k": 6, "smooth": 3, "d": 2},
    "roc": {"period": 4},
    "moving_average": {"fast": 3, "slow": 8},
    "volatility": {"period": 10},
    "obv_slope": {"period": 6},
    "volume_ratio": {"period": 6},
    "volume_zscore": {"period": 6},
}
FUZZY: Mapping[str, Mapping[str, Any]] = {
    "rsi": {"low": {"left_shoulder": [30, 50]}, "mid": {"triangular": [30, 50, 70]}, "high": {"sigmoid": [60, 0.2]}},
    "macd_histogram": {"near": {"gaussian": [0.0, 0.01]}},
    "volume_ratio": {"thin": {"left_shoulder": [-0.5, 0.0]}, "usual": {"trapezoidal": [-0.5, 0.0, 0.2, 0.5]}},
}


def walk(bars: int, *, seed: int = 0, start: float = 100.0, deviation: float = 0.01) -> BarSegment:
    """A random walk of closes with highs, lows and opens around them, and volumes some of which are 0."""
    random = np.random.default_rng(seed)
    close = start * np.exp(np.cumsum(random.normal(0.0, deviation, bars)))
    opened = np.concatenate([[start], close[:-1]])
    wick = np.exp(random.exponential(deviation / 2, (2, bars)))
    volume = np.where(random.random(bars) < 0.05, 0.0, random.lognormal(8.0, 1.0, bars))
    return BarSegment(
        open=opened,
        high=np.maximum(opened, close) * wick[0],
        low=np.minimum(opened, close) / wick[1],
        close=close,
        volume=volume,
    )


def flat(bars: int, *, price: float = 100.0) -> BarSegment:
    """A market that does not move and does not trade."""
    still = np.full(bars, price)
    return BarSegment(open=still, high=still, low=still, close=still, volume=np.zeros(bars))


def bars_of(stretch: BarSegment, *, segment: npt.NDArray[np.int32] | None = None) -> Bars:
    """Hourly bars at every hour from `START`, in one segment unless said otherwise."""
    count = len(stretch.close)
    opened_at = START + HOUR * np.arange(count, dtype=np.int64)
    return Bars(
        symbol="WALK",
        timeframe=Timeframe.parse("1h"),
        opened_at=opened_at,
        closed_at=opened_at + HOUR,
        open=stretch.open,
        high=stretch.high,
        low=stretch.low,
        close=stretch.close,
        volume=stretch.volume,
        segment=np.zeros(count, dtype=np.int32) if segment is None else segment,
        synthetic=True,
        origin="tests",
    )


def first(bars: Bars, count: int) -> Bars:
    """The first `count` bars."""
    return _cut(bars, slice(count))


def after(bars: Bars, begin: int) -> Bars:
    """The bars from number `begin` on."""
    return _cut(bars, slice(begin, None))


def _cut(bars: Bars, rows: slice) -> Bars:
    columns = ("opened_at", "closed_at", "open", "high", "low", "close", "volume", "segment")
    return replace(bars, **{name: getattr(bars, name)[rows] for name in columns})


def config(
    *,
    indicators: Mapping[str, Mapping[str, Any]] = INDICATORS,
    fuzzy: Mapping[str, Mapping[str, Any]] = FUZZY,
    volume: Literal["required", "optional", "none"] = "optional",
) -> SymbolConfig:
    """A symbol's configuration; only its features matter here."""
    return SymbolConfig(
        symbol="WALK",
        asset_class="stock",
        calendar="XNYS",
        volume=volume,
        costs=Costs(**dict.fromkeys((entry.name for entry in fields(Costs)), 0.0)),
        gaps=Gaps(over_closed="carry", max_missing_hours=24.0),
        indicators=indicators,
        fuzzy=fuzzy,
        label={},
    )


def new_york() -> SessionClock:
    """New York's sessions around `START`."""
    return session_clock("XNYS", start=START, end=instant("2020-12-31"))

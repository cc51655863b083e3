"""Small worlds for the tests of this layer."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from multisymbol.markets.bars import Bars
from multisymbol.markets.time import HOUR, Timeframe, instant

START = instant("2020-03-02")
BY_ROW = ("opened_at", "closed_at", "open", "high", "low", "close", "volume", "segment")


def walk(bars: int, *, seed: int = 0, deviation: float = 0.01) -> npt.NDArray[np.float64]:
    """Closes of a random walk that begins near 100."""
    returns: npt.NDArray[np.float64] = np.random.default_rng(seed).normal(0.0, deviation, bars)
    closes: npt.NDArray[np.float64] = 100.0 * np.exp(np.cumsum(returns))
    return closes


def bars_of(closes: npt.NDArray[np.float64], *, segment: npt.NDArray[np.int32] | None = None) -> Bars:
    """Hourly bars with these closes, in one segment unless said otherwise."""
    opened_at = START + HOUR * np.arange(len(closes), dtype=np.int64)
    return Bars(
        symbol="WALK",
        timeframe=Timeframe.parse("1h"),
        opened_at=opened_at,
        closed_at=opened_at + HOUR,
        open=closes,
        high=closes,
        low=closes,
        close=closes,
        volume=np.full(len(closes), np.nan),
        segment=np.zeros(len(closes), dtype=np.int32) if segment is None else segment,
        synthetic=True,
        origin="tests",
    )


def path_bars(
    closes: npt.ArrayLike, *, highs: dict[int, float] | None = None, lows: dict[int, float] | None = None
) -> Bars:
    """Bars that open at the close before and reach no further than open and close, but for the rows said."""
    close = np.asarray(closes, dtype=np.float64)
    opened = np.append(close[:1], close[:-1])
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    for extremes, given in ((high, highs), (low, lows)):
        for row, price in (given or {}).items():
            extremes[row] = price
    return replace(bars_of(close), open=opened, high=high, low=low)


def martingale(bars: int, *, seed: int, steps: int = 8, deviation: float = 0.01) -> Bars:
    """Bars of a symmetric random walk of log price, `steps` steps to a bar."""
    path = walk(bars * steps, seed=seed, deviation=deviation / np.sqrt(steps)).reshape(bars, steps)
    opened = np.append(100.0, path[:-1, -1])
    high, low = np.maximum(opened, path.max(axis=1)), np.minimum(opened, path.min(axis=1))
    return replace(bars_of(path[:, -1].copy()), open=opened, high=high, low=low)


def rough(bars: int, *, seed: int, tick: float = 0.0) -> Bars:
    """Bars with jumps, opens away from the close before, times when nothing moves, and prices in ticks (0: as fine
    as numbers are)."""
    random = np.random.default_rng(seed)
    jumps = np.where(random.random(bars) < 0.05, 10.0, 1.0)
    still = np.repeat(random.random(bars // 8 + 1) < 0.3, 8)[:bars]
    returns = np.where(still, 0.0, random.normal(0.0, 0.01, bars) * jumps)
    close = 100.0 * np.exp(np.cumsum(returns))
    gap = np.where(random.random(bars) < 0.2, random.normal(0.0, 0.02, bars), 0.0)
    opened = np.append(close[:1], close[:-1]) * np.where(still, 1.0, np.exp(gap))
    reach = np.where(still, 0.0, np.abs(random.normal(0.0, 0.01, (2, bars))))
    high = np.maximum(opened, close) * np.exp(reach[0])
    low = np.minimum(opened, close) * np.exp(-reach[1])
    prices = [np.maximum(np.round(price / tick), 1.0) * tick if tick else price for price in (opened, high, low, close)]
    return replace(bars_of(prices[3]), open=prices[0], high=prices[1], low=prices[2])


def part(bars: Bars, rows: slice) -> Bars:
    """These rows as if there were no others."""
    arrays: dict[str, Any] = {name: getattr(bars, name)[rows] for name in BY_ROW}
    return replace(bars, **arrays)


def joined(first: Bars, second: Bars) -> Bars:
    """Rows of `first`, then those of `second` at the instants that follow, its prices moved to where `first` ends."""
    factor = first.close[-1] / second.open[0] if len(first) and len(second) else 1.0
    whole = bars_of(np.append(first.close, factor * second.close))
    prices: dict[str, Any] = {
        name: np.append(getattr(first, name), factor * getattr(second, name)) for name in ("open", "high", "low")
    }
    return replace(whole, **prices)

"""Small worlds for the tests of this layer: bars with the closes of a random walk."""

import numpy as np
import numpy.typing as npt

from multisymbol.markets.bars import Bars
from multisymbol.markets.instants import HOUR, Timeframe, instant

START = instant("2020-03-02")


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

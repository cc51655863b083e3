"""Bars: the OHLCV of one symbol, validated once, known at `closed_at`."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from multisymbol.markets.instants import Instants, Period, Timeframe
from multisymbol.markets.symbols import Gaps, SymbolConfig
from multisymbol.markets.sessions import SessionClock


@dataclass(frozen=True, kw_only=True, slots=True)
class Bars:
    """The bars of one symbol in order of time; arrays are read-only and of one length n.

    Args:
        symbol: Whose bars.
        timeframe: Their length.
        opened_at: Nominal start of each bar. Shape (n,).
        closed_at: When it is known: nothing of a bar may be used before. Strictly ascending. Shape (n,).
        open: First price. float64, shape (n,); likewise high, low, close.
        volume: Traded volume or tick count, NaN where the market has none. float64, shape (n,).
        segment: Number of the uninterrupted stretch each bar is in, from 0, see `Gaps`. int32, shape (n,).
        synthetic: Whether the bars were generated.
        origin: File or generator, for messages.
    """

    symbol: str
    timeframe: Timeframe
    opened_at: Instants
    closed_at: Instants
    open: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    close: npt.NDArray[np.float64]
    volume: npt.NDArray[np.float64]
    segment: npt.NDArray[np.int32]
    synthetic: bool
    origin: str

    def __len__(self) -> int:
        return len(self.closed_at)

    def segments(self) -> list[slice]:
        """Return the stretches as slices of rows, in order."""
        raise NotImplementedError


def validate(
    frame: pd.DataFrame,
    *,
    config: SymbolConfig,
    timeframe: Timeframe,
    stamped: Literal["open", "close"],
    period: Period,
    min_bars: int,
    synthetic: bool,
    origin: str,
) -> Bars:
    """Turn a frame with columns timestamp, open, high, low, close, volume into Bars, or list all its defects.

    Rows outside the period are left out first. Row numbers in messages count from 0 within the file.

    Raises:
        BarsError: All kinds of defect at once: missing column, text in a price, naive, unsorted or duplicate
            timestamps, NaN or non-positive prices, high < low (or open/close outside them), NaN volume where the
            asset class requires one, negative volume, fewer than `min_bars` bars. Each kind: count, first rows, timestamps.
    """
    raise NotImplementedError


def segment_numbers(
    opened_at: Instants, closed_at: Instants, *, clock: SessionClock, gaps: Gaps
) -> npt.NDArray[np.int32]:
    """Number the uninterrupted stretches of a history by the gap policy. Shape (n,)."""
    raise NotImplementedError

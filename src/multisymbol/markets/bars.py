"""Bars: the OHLCV of one symbol, validated once, known at `closed_at`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from multisymbol.arrays import Floats
from multisymbol.markets.sessions import SessionClock
from multisymbol.markets.symbols import Gaps
from multisymbol.markets.time import Instants, Timeframe

_ARRAYS = ("opened_at", "closed_at", "open", "high", "low", "close", "volume", "segment")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Bars:
    """The bars of one symbol in order of time; arrays are read-only and of one length n."""

    symbol: str  # whose bars
    timeframe: Timeframe  # their length
    opened_at: Instants  # nominal start of each bar. Shape (n,)
    closed_at: Instants  # when it is known: nothing of a bar may be used before. Strictly ascending. Shape (n,)
    open: Floats  # first price. float64, shape (n,); likewise high, low, close
    high: Floats
    low: Floats
    close: Floats
    volume: Floats  # traded volume or tick count, NaN where the market has none. float64, shape (n,)
    # number of the uninterrupted stretch each bar is in, from 0, see `Gaps`. int32, shape (n,)
    segment: npt.NDArray[np.int32]
    synthetic: bool  # whether the bars were generated
    origin: str  # file or generator, for messages
    # kind of defect -> rows left out for it, see `OnDefect`; together as many as were left out
    dropped: Mapping[str, int] = field(default_factory=dict)
    # kind of defect -> rows kept in spite of it, for gaps bars that are missing
    kept_defects: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.closed_at)

    def segments(self) -> list[slice]:
        """Return the stretches as slices of rows, in order."""
        borders = np.flatnonzero(np.diff(self.segment)) + 1
        edges = [0, *borders.tolist(), len(self)] if len(self) else []
        return [slice(start, stop) for start, stop in pairwise(edges)]


def segment_numbers(
    opened_at: Instants, closed_at: Instants, *, clock: SessionClock, gaps: Gaps
) -> npt.NDArray[np.int32]:
    """Number the uninterrupted stretches of a history by the gap policy. Shape (n,).

    A bar begins a new stretch by what lies between the bar before and itself, never by anything later.
    """
    missing_hours = clock.open_hours_between(closed_at[:-1], opened_at[1:])
    cut = missing_hours > gaps.max_missing_hours
    if gaps.over_closed == "reset":
        session = clock.facts(closed_at - 1).session  # a bar's open may lie before its session's
        cut |= clock.closure_between(session[:-1], session[1:])
    return np.cumsum(np.r_[False, cut][: len(opened_at)]).astype(np.int32)


def bars_between(bars: Bars, begin: int, stop: int) -> Bars:
    """Return the bars of some rows, without a copy."""
    if (begin, stop) == (0, len(bars)):
        return bars
    arrays: Mapping[str, Any] = {name: getattr(bars, name)[begin:stop] for name in _ARRAYS}
    return replace(bars, **arrays)

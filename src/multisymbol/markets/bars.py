"""Bars: the OHLCV of one symbol, validated once, known at `closed_at`."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from multisymbol.errors import BarsError, CalendarError, nearest
from multisymbol.markets.defects import PRICES, RawBars, describe, find_defects
from multisymbol.markets.instants import Instants, Period, Timeframe
from multisymbol.markets.sessions import SessionClock, session_clock
from multisymbol.markets.symbols import Gaps, SymbolConfig

_Scalar = TypeVar("_Scalar", bound=np.generic)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
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
        borders = np.flatnonzero(np.diff(self.segment)) + 1
        edges = [0, *borders.tolist(), len(self)] if len(self) else []
        return [slice(start, stop) for start, stop in pairwise(edges)]


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
            asset class requires one, negative volume, bars that overlap or do not fit the timeframe, fewer than
            `min_bars` bars. Each kind: count, first rows, timestamps.
        CalendarError: The calendar of `config` is unknown or does not cover the bars.
    """
    _check_columns(frame, volume=config.volume, origin=origin)
    raw = _read(frame, config=config, timeframe=timeframe, stamped=stamped, origin=origin)
    inside = (raw.opened_at >= period.from_ns) & (raw.closed_at <= period.until_ns)
    raw = raw.taken(inside | ~raw.dated)
    found = find_defects(raw, volume=config.volume, timeframe=timeframe, min_bars=min_bars)
    if found:
        raise BarsError(describe(found, raw=raw, origin=origin))
    segment = segment_numbers(raw.opened_at, raw.closed_at, clock=raw.clock, gaps=config.gaps)
    return Bars(
        symbol=config.symbol,
        timeframe=timeframe,
        opened_at=_frozen(raw.opened_at),
        closed_at=_frozen(raw.closed_at),
        open=_frozen(raw.numbers["open"]),
        high=_frozen(raw.numbers["high"]),
        low=_frozen(raw.numbers["low"]),
        close=_frozen(raw.numbers["close"]),
        volume=_frozen(raw.numbers["volume"]),
        segment=_frozen(segment),
        synthetic=synthetic,
        origin=origin,
    )


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


def _check_columns(frame: pd.DataFrame, *, volume: str, origin: str) -> None:
    """Refuse a frame whose rows cannot be judged: columns missing, or instants that nobody can place."""
    needed = ("timestamp", *PRICES, *(("volume",) if volume == "required" else ()))
    names = [str(name) for name in frame.columns]
    problems = [f"column '{name}' is missing{_hint(name, names)}" for name in needed if name not in names]
    if "timestamp" in names:
        problems += _zone_problems(frame["timestamp"])
    if problems:
        there = f"It has the columns {', '.join(names)}."
        raise BarsError("\n  ".join([f"{origin} cannot be read as bars; nothing was written.", *problems, there]))


def _zone_problems(stamps: pd.Series) -> list[str]:
    if isinstance(stamps.dtype, pd.DatetimeTZDtype):
        return []
    if pd.api.types.is_datetime64_dtype(stamps.dtype):
        return [
            "column 'timestamp' has no time zone, so its instants are not known; say in the file which clock it is:",
            '  frame["timestamp"] = frame["timestamp"].dt.tz_localize("UTC")    or "America/New_York", ...',
        ]
    return [
        f"column 'timestamp' holds {stamps.dtype}, not instants; make it so, and name its clock where it has none:",
        '  frame["timestamp"] = pd.to_datetime(frame["timestamp"]).dt.tz_localize("UTC")',
    ]


def _hint(name: str, names: Sequence[str]) -> str:
    alike = [other for other in names if other.casefold() == name]
    return f", did you mean '{alike[0]}'?" if alike else nearest(name, names)


def _read(
    frame: pd.DataFrame, *, config: SymbolConfig, timeframe: Timeframe, stamped: Literal["open", "close"], origin: str
) -> RawBars:
    index = pd.DatetimeIndex(frame["timestamp"]).as_unit("ns")
    stamp, dated = index.asi8, np.asarray(index.notna(), dtype=np.bool_)
    columns = [name for name in (*PRICES, "volume") if name in frame.columns]
    numbers = {name: _numbers(frame[name]) for name in columns}
    if "volume" not in numbers or config.volume == "none":
        numbers["volume"] = np.full(len(frame), np.nan)
    opened_at = np.where(dated, stamp, stamp[dated][0] if dated.any() else 0)
    opened_at = opened_at - (timeframe.nanoseconds if stamped == "close" else 0)
    clock = _clock(opened_at, config=config, origin=origin)
    return RawBars(
        row=np.arange(len(frame)),
        stamp=stamp,
        dated=dated,
        opened_at=opened_at,
        closed_at=clock.closed_at(opened_at, timeframe),
        numbers=numbers,
        texts={name: frame[name].to_numpy(dtype=object) for name in columns if not _numeric(frame[name])},
        clock=clock,
    )


def _numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column.dtype)


def _numbers(column: pd.Series) -> npt.NDArray[np.float64]:
    """Read a column as float64; text is NaN here, also text that looks like a number: its writer knew no better."""
    if not _numeric(column):
        column = pd.to_numeric(column.mask(column.map(lambda value: isinstance(value, str))), errors="coerce")
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _clock(opened_at: Instants, *, config: SymbolConfig, origin: str) -> SessionClock:
    start, end = (int(opened_at.min()), int(opened_at.max())) if len(opened_at) else (0, 0)
    try:
        return session_clock(config.calendar, start=start, end=end)
    except CalendarError as error:
        message = f"{config.symbol} ({origin}): {error}"
        raise CalendarError(message) from error


def _frozen(values: npt.NDArray[_Scalar]) -> npt.NDArray[_Scalar]:
    own = np.array(values)
    own.flags.writeable = False
    return own

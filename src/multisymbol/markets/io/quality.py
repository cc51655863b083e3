"""Examination: the rows of one file are judged once, all their defects named, and become Bars."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from multisymbol.arrays import Floats, Ints, frozen
from multisymbol.errors import BarsError, CalendarError, nearest
from multisymbol.markets.bars import Bars, segment_numbers
from multisymbol.markets.io.defects import (
    PRICES,
    Defect,
    Expected,
    Limits,
    OnDefect,
    Policy,
    RawBars,
    describe_defects,
    dropped,
    dropped_counts,
    find_defects,
    kept_counts,
)
from multisymbol.markets.io.stamps import epoch_unit, implausible, named_rows
from multisymbol.markets.sessions import SessionClock, session_clock
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import NEVER, Instants, Period, Timeframe


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadOptions:
    """How the rows of a file become bars: the choices that all sources share."""

    timeframe: Timeframe  # length of the bars
    stamped: Literal["open", "close"]  # whether a timestamp is the bar's open or its close
    min_bars: int  # fewer bars than this are refused
    on_defect: OnDefect  # what happens to the rows of each kind of defect
    limits: Limits  # what counts as odd
    timezone: str | None = None  # clock whose days daily bars are, where it is not the calendar's


@dataclass(frozen=True, kw_only=True, slots=True)
class FileFinding:
    """One kind of defect in one file, for tables and pictures."""

    key: str  # field of `OnDefect`; empty where only repair helps
    kind: str  # in words
    policy: Policy  # what was done with the rows
    count: int  # rows; for gaps bars that are missing
    at: Instants  # start of the bars, those without an instant left out. Ascending, shape (at most count,)
    note: str = ""  # what else there is to say


@dataclass(frozen=True, kw_only=True, slots=True)
class Examined:
    """A file after examination."""

    opened_at: Instants  # start of each row that has an instant, ascending; rows outside the period left out
    bars: Bars | None  # what it holds, None where it is refused
    findings: tuple[FileFinding, ...]  # its defects, whatever the policy
    refusal: BarsError | None  # why it is refused, None where it is not

    def accepted(self) -> Bars:
        """Return the bars.

        Raises:
            BarsError: The file is refused.
        """
        if self.refusal is not None:
            raise self.refusal
        assert self.bars is not None
        return self.bars


def examine_rows(
    frame: pd.DataFrame,
    *,
    config: SymbolConfig,
    period: Period,
    reading: ReadOptions,
    synthetic: bool,
    origin: str,
    stamps: npt.NDArray[np.object_] | None = None,
    rows: Ints | None = None,
    now: int | None = None,
) -> Examined:
    """Turn a frame with columns timestamp, open, high, low, close, volume into bars, and list all its defects.

    Rows outside the period are left out first. Row numbers in messages count from 0 within the file.

    Args:
        frame: The rows.
        config: Whose.
        period: Which of them.
        reading: How they are read.
        synthetic: Whether they were generated.
        origin: File or generator, for messages.
        stamps: The timestamps as the file has them, where it holds text; shape (rows,).
        rows: Number of each row in its file; None: they are all rows, in order. Shape (rows,).
        now: Instant after which no bar has ended, UTC ns; None: now. A generated market has a clock of its own.

    Raises:
        BarsError: The rows cannot be judged: a column that is missing or there twice, timestamps that are text, without
            time zone, or of a year that no bar is of.
        CalendarError: The calendar of `config` is unknown or does not cover the bars.
        ConfigError: There is no limit for the symbol's asset class.
    """
    _check_columns(frame, volume=config.volume, origin=origin)
    row = np.arange(len(frame)) if rows is None else rows
    raw = _read(frame, config=config, reading=reading, origin=origin, stamps=stamps, row=row)
    inside = (raw.opened_at >= period.from_ns) & (raw.closed_at <= period.until_ns)
    raw = raw.taken(inside | ~raw.dated)
    clock_says = NEVER if synthetic else time.time_ns() if now is None else now
    found = find_defects(raw, expected=_expected(config, reading, now=clock_says))
    refused = [defect for defect in found if reading.on_defect.policy(defect) == "raise"]
    return Examined(
        opened_at=np.sort(raw.opened_at[raw.dated]),
        bars=None if refused else _bars(raw, found, config=config, reading=reading, synthetic=synthetic, origin=origin),
        findings=tuple(_finding(defect, raw=raw, policy=reading.on_defect.policy(defect)) for defect in found),
        refusal=BarsError(describe_defects(refused, raw=raw, origin=origin)) if refused else None,
    )


def _expected(config: SymbolConfig, reading: ReadOptions, *, now: int) -> Expected:
    return Expected(
        volume=config.volume,
        timeframe=reading.timeframe,
        min_bars=reading.min_bars,
        on_defect=reading.on_defect,
        wick=reading.limits.wick_of(config.asset_class),
        flat_bars=reading.limits.flat_bars,
        timezone=reading.timezone,
        now=now,
    )


def _bars(
    raw: RawBars, found: Sequence[Defect], *, config: SymbolConfig, reading: ReadOptions, synthetic: bool, origin: str
) -> Bars:
    on_defect = reading.on_defect
    left = raw.taken(~dropped(found, rows=len(raw), on_defect=on_defect))
    segment = segment_numbers(left.opened_at, left.closed_at, clock=left.clock, gaps=config.gaps)
    return Bars(
        symbol=config.symbol,
        timeframe=reading.timeframe,
        opened_at=frozen(left.opened_at),
        closed_at=frozen(left.closed_at),
        open=frozen(left.numbers["open"]),
        high=frozen(left.numbers["high"]),
        low=frozen(left.numbers["low"]),
        close=frozen(left.numbers["close"]),
        volume=frozen(left.numbers["volume"]),
        segment=frozen(segment),
        synthetic=synthetic,
        origin=origin,
        dropped=dropped_counts(found, on_defect=on_defect),
        kept_defects=kept_counts(found, on_defect=on_defect),
    )


def _finding(defect: Defect, *, raw: RawBars, policy: Policy) -> FileFinding:
    at = defect.surplus if policy == "drop" else defect.at
    return FileFinding(
        key=defect.key,
        kind=defect.kind,
        policy=policy,
        count=defect.missing or len(at),
        at=np.sort(raw.opened_at[at][raw.dated[at]]),
        note=defect.note,
    )


def _check_columns(frame: pd.DataFrame, *, volume: str, origin: str) -> None:
    """Refuse a frame whose rows cannot be judged: columns missing or twice, or instants that nobody can place."""
    needed = ("timestamp", *PRICES, *(("volume",) if volume == "required" else ()))
    names = [str(name) for name in frame.columns]
    problems = [f"column '{name}' is missing{_hint(name, names)}" for name in needed if name not in names]
    problems += [f"column '{name}' is there twice" for name in (*needed, "volume")[:6] if names.count(name) > 1]
    if names.count("timestamp") == 1:
        problems += _stamp_problems(frame["timestamp"])
    if problems:
        there = f"It has the columns {', '.join(names)}."
        raise BarsError("\n  ".join([f"{origin} cannot be read as bars; nothing was written.", *problems, there]))


def _stamp_problems(stamps: pd.Series) -> list[str]:
    """Say why timestamps are no instants, and the line of pandas that makes them some."""
    if isinstance(stamps.dtype, pd.DatetimeTZDtype):
        wrong = implausible(stamps)
        rows = named_rows(stamps.reset_index(drop=True), wrong)
        return [f"a year that no bar is of: {rows}; {int(wrong.sum()):,} such rows"] if wrong.any() else []
    if pd.api.types.is_datetime64_dtype(stamps.dtype):
        return [
            "column 'timestamp' has no time zone, so its instants are not known; say in the file which clock it is:",
            '  frame["timestamp"] = frame["timestamp"].dt.tz_localize("UTC")    or "America/New_York", ...',
        ]
    return [
        f"column 'timestamp' holds {stamps.dtype}, not instants; make it so, and name its clock where it has none:",
        f'  frame["timestamp"] = {_to_instants(stamps)}',
    ]


def _to_instants(stamps: pd.Series) -> str:
    """Return what turns a column into instants: an epoch in its unit, text with a zone as it stands, other text."""
    if pd.api.types.is_numeric_dtype(stamps.dtype):
        unit = epoch_unit(stamps.to_numpy(dtype=np.float64, na_value=np.nan))
        return f'pd.to_datetime(frame["timestamp"], unit="{unit or "s"}", utc=True)' + (
            "" if unit else '    or "ms", "us", "ns": these are no plausible years in any'
        )
    zoned = stamps.dropna().astype(str).str.fullmatch(r".*\d{2}:\d{2}.*(Z|[+-]\d{2}:?\d{2})").all()
    if zoned:
        return 'pd.to_datetime(frame["timestamp"], utc=True)'
    return 'pd.to_datetime(frame["timestamp"]).dt.tz_localize("UTC")'


def _hint(name: str, names: Sequence[str]) -> str:
    alike = [other for other in names if other.casefold() == name]
    return f", did you mean '{alike[0]}'?" if alike else nearest(name, names)


def _read(
    frame: pd.DataFrame,
    *,
    config: SymbolConfig,
    reading: ReadOptions,
    origin: str,
    stamps: npt.NDArray[np.object_] | None,
    row: Ints,
) -> RawBars:
    index = pd.DatetimeIndex(frame["timestamp"]).as_unit("ns")
    stamp, dated = index.asi8, np.asarray(index.notna(), dtype=np.bool_)
    columns = [name for name in (*PRICES, "volume") if name in frame.columns]
    numbers = {name: _numbers(frame[name]) for name in columns}
    if "volume" not in numbers or config.volume == "none":
        numbers["volume"] = np.full(len(frame), np.nan)
    texts = {name: frame[name].to_numpy(dtype=object) for name in columns if not _numeric(frame[name])}
    opened_at = np.where(dated, stamp, stamp[dated][0] if dated.any() else 0)
    clock = _clock(opened_at, config=config, origin=origin)
    if reading.stamped == "close":
        opened_at = clock.starts(opened_at, reading.timeframe, timezone=reading.timezone)
    return RawBars(
        row=row,
        stamp=stamp,
        dated=dated,
        opened_at=opened_at,
        closed_at=clock.closed_at(opened_at, reading.timeframe, timezone=reading.timezone),
        numbers=numbers,
        texts=texts if stamps is None else {**texts, "timestamp": stamps},
        clock=clock,
    )


def _numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)


def _numbers(column: pd.Series) -> Floats:
    """Read a column as float64; what is no number is NaN, also text that looks like one: its writer knew no better."""
    if not _numeric(column):
        number = column.map(lambda value: isinstance(value, Number) and not isinstance(value, bool))
        column = pd.to_numeric(column.astype(object).where(number, None), errors="coerce")
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _clock(opened_at: Instants, *, config: SymbolConfig, origin: str) -> SessionClock:
    start, end = (int(opened_at.min()), int(opened_at.max())) if len(opened_at) else (0, 0)
    try:
        return session_clock(config.calendar, start=start, end=end)
    except CalendarError as error:
        raise CalendarError(f"{config.symbol} ({origin}): {error}") from error

"""Defects: what can be wrong with the rows of one file, found all at once and named with row, time and value."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from multisymbol.markets.instants import Instants, Timeframe, iso
from multisymbol.markets.sessions import SessionClock

PRICES = ("open", "high", "low", "close")

_ROWS_NAMED = 3
_SPACING_NEEDS = 20
"""Fewer bars than this say too little to find the timeframe wrong by."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RawBars:
    """Rows as they were read, not yet judged, shape (n,) each.

    Args:
        row: Number of each row in its file, from 0.
        stamp: Timestamp as it stands in the file; `pd.NaT`'s integer where it is missing.
        dated: Whether there is a timestamp.
        opened_at: Start of the bar.
        closed_at: When it is known.
        numbers: Column -> float64 values, NaN where missing or not a number.
        texts: Column -> original values, for columns in which something is not a number.
        clock: The market's sessions.
    """

    row: npt.NDArray[np.int64]
    stamp: Instants
    dated: npt.NDArray[np.bool_]
    opened_at: Instants
    closed_at: Instants
    numbers: Mapping[str, npt.NDArray[np.float64]]
    texts: Mapping[str, npt.NDArray[np.object_]]
    clock: SessionClock

    def __len__(self) -> int:
        return len(self.row)

    def taken(self, mask: npt.NDArray[np.bool_]) -> "RawBars":
        """Return the rows of `mask` alone."""
        return RawBars(
            row=self.row[mask],
            stamp=self.stamp[mask],
            dated=self.dated[mask],
            opened_at=self.opened_at[mask],
            closed_at=self.closed_at[mask],
            numbers={name: values[mask] for name, values in self.numbers.items()},
            texts={name: values[mask] for name, values in self.texts.items()},
            clock=self.clock,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Defect:
    """One kind of defect.

    Args:
        kind: What is wrong, in words.
        at: Positions among the rows judged; empty where the history as a whole is wrong.
        columns: Columns whose values at the first of them are shown.
        note: What else there is to say.
    """

    kind: str
    at: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    columns: tuple[str, ...] = ()
    note: str = ""


def find_defects(
    raw: RawBars, *, volume: Literal["required", "optional", "none"], timeframe: Timeframe, min_bars: int
) -> list[Defect]:
    """List the defects of the rows, one entry a kind; order and spacing are judged where all timestamps are there."""
    found = [*_stamp_defects(raw), *_price_defects(raw)]
    if volume != "none":
        found += _volume_defects(raw, required=volume == "required")
    if not any(defect.kind.endswith("timestamp") for defect in found):
        found += _spacing_defects(raw, timeframe=timeframe)
    if len(raw) < max(min_bars, 1):
        found.append(_too_few(raw, min_bars=min_bars))
    return found


def describe(found: Sequence[Defect], *, raw: RawBars, origin: str) -> str:
    """Write the message: how much is wrong, a line for each kind, what to do."""
    rows = len(np.unique(np.concatenate([defect.at for defect in found])))
    kinds = "1 kind" if len(found) == 1 else f"{len(found)} kinds"
    among = f" in {rows:,} of {len(raw):,} rows" if rows else ""
    cells = [(defect.kind, _rows(raw, defect.at), _detail(raw, defect)) for defect in found]
    widths = [max(len(line[column]) for line in cells) for column in (0, 1)]
    lines = [f"  {kind:<{widths[0]}}   {where:<{widths[1]}}   {detail}".rstrip() for kind, where, detail in cells]
    head = f"{origin} has {kinds} of defect{among}; nothing was written."
    cure = ["  Repair the file: nothing is dropped, filled or clipped in silence."] if rows else []
    return "\n".join([head, *lines, *cure])


def _stamp_defects(raw: RawBars) -> Iterator[Defect]:
    yield from _where("missing timestamp", ~raw.dated)
    dated = np.flatnonzero(raw.dated)
    stamp = raw.stamp[dated]
    _, value, count = np.unique(stamp, return_inverse=True, return_counts=True)
    yield from _at("duplicate timestamp", dated[count[value] > 1])
    yield from _at("unsorted timestamp", dated[1:][np.diff(stamp) < 0])


def _price_defects(raw: RawBars) -> Iterator[Defect]:
    for name in PRICES:
        text, value = _text_mask(raw, name), raw.numbers[name]
        yield from _where(f"text in {name}", text, name)
        yield from _where(f"{name} is not a number", ~np.isfinite(value) & ~text, name)
        yield from _where(f"{name} is not positive", value <= 0, name)
    high, low = raw.numbers["high"], raw.numbers["low"]
    inverted = high < low
    yield from _where("high below low", inverted, "high", "low")
    for name in ("open", "close"):
        value = raw.numbers[name]
        outside = np.isfinite(value) & ((value > high) | (value < low))
        yield from _where(f"{name} outside high and low", outside & ~inverted, name, "high", "low")


def _volume_defects(raw: RawBars, *, required: bool) -> Iterator[Defect]:
    text, value = _text_mask(raw, "volume"), raw.numbers["volume"]
    yield from _where("text in volume", text, "volume")
    if required:
        yield from _where("volume is missing", np.isnan(value) & ~text)
    yield from _where("volume is not finite", np.isinf(value), "volume")
    yield from _where("volume is negative", np.isfinite(value) & (value < 0), "volume")


def _spacing_defects(raw: RawBars, *, timeframe: Timeframe) -> Iterator[Defect]:
    """Find bars that overlap, and bars of another length than the timeframe says.

    A step may be shorter than a bar: the half hour 09:30 to 10:00 of a stock, a day of 23 hours.
    """
    step = np.diff(raw.opened_at)
    if step.size == 0:
        return
    usual = np.unique(step, return_counts=True)
    most_often = _length(int(usual[0][np.argmax(usual[1])]))
    skipped = raw.clock.open_hours_between(raw.closed_at[:-1], raw.opened_at[1:]) > 0
    sparse = step.min() > timeframe.nanoseconds and skipped.mean() > 0.5 and len(raw) >= _SPACING_NEEDS
    if np.mean(step < timeframe.nanoseconds) > 0.5 or sparse:
        note = f"bars mostly follow one another by {most_often}, but timeframe={timeframe.text}"
        yield Defect(kind="wrong timeframe", note=note)
        return
    close_by = (2 * step < timeframe.nanoseconds) | (np.diff(raw.closed_at) <= 0)
    at = np.flatnonzero(close_by) + 1
    if at.size:
        yield Defect(kind="bars overlap", at=at, note=f"{_length(int(step[at[0] - 1]))} after the bar before")


def _too_few(raw: RawBars, *, min_bars: int) -> Defect:
    span = f" from {iso(raw.opened_at[0])} to {iso(raw.closed_at[-1])}" if len(raw) else ""
    note = f"{len(raw):,} bars in the period{span}, at least {max(min_bars, 1):,} are needed (min_bars)"
    return Defect(kind="too few bars", note=note)


def _where(kind: str, mask: npt.NDArray[np.bool_], *columns: str) -> Iterator[Defect]:
    return _at(kind, np.flatnonzero(mask), *columns)


def _at(kind: str, at: npt.NDArray[np.int64], *columns: str) -> Iterator[Defect]:
    if at.size:
        yield Defect(kind=kind, at=at, columns=columns)


def _text_mask(raw: RawBars, name: str) -> npt.NDArray[np.bool_]:
    if name not in raw.texts:
        return np.zeros(len(raw), dtype=np.bool_)
    return np.array([isinstance(value, str) for value in raw.texts[name]], dtype=np.bool_)


def _value(raw: RawBars, name: str, at: int) -> str:
    given = raw.texts[name][at] if name in raw.texts else raw.numbers[name][at]
    return f"{name} '{given}'" if isinstance(given, str) else f"{name} {given:.10g}"


def _rows(raw: RawBars, at: npt.NDArray[np.int64]) -> str:
    numbers = [f"{row:,}" for row in raw.row[at[:_ROWS_NAMED]]]
    if not numbers:
        return ""
    if len(at) > _ROWS_NAMED:
        return f"{len(at):,} rows, first {', '.join(numbers)}"
    return f"row {numbers[0]}" if len(numbers) == 1 else f"rows {', '.join(numbers)}"


def _detail(raw: RawBars, defect: Defect) -> str:
    if not defect.at.size:
        return defect.note
    first = int(defect.at[0])
    stamp = iso(int(raw.stamp[first])) if raw.dated[first] else "no timestamp"
    values = [_value(raw, name, first) for name in defect.columns]
    return "  ".join([f"{'first ' if defect.at.size > 1 else ''}{stamp}", *values, *filter(None, [defect.note])])


def _length(nanoseconds: int) -> str:
    minutes = nanoseconds / 60e9
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes >= size and minutes % size == 0:
            return f"{minutes / size:g}{unit}"
    return f"{minutes:g}m"

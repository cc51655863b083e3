"""Defects: what can be wrong with the rows of one file, found all at once and named with row, time and value.

Rows are judged in three steps, each on the rows that the steps before left: what a row says by itself (instant, prices,
volume), how rows follow one another, and what looks odd beside the calendar and the bars around. `OnDefect` says what
happens to the rows of each kind.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Literal, get_args, get_type_hints

import numpy as np
import numpy.typing as npt

from multisymbol.arrays import Flags, Floats, Ints
from multisymbol.errors import ConfigError, nearest
from multisymbol.markets.io.prices import LogPrices, outliers, steps, wicks
from multisymbol.markets.sessions import SessionClock
from multisymbol.markets.time import DAY, HOUR, Instants, Timeframe, iso
from multisymbol.wording import printable

PRICES = ("open", "high", "low", "close")

Policy = Literal["raise", "drop", "keep"]
Positions = Ints

_ROWS_NAMED = 3
_CHOICES_NAMED = 4
_SPACING_NEEDS = 20
"""Fewer bars than this say too little to find the timeframe wrong by."""

_ROUNDING = 1e-9
"""Share of a price by which open and close may lie outside high and low: adjusting each price by itself does that."""

_STEPS_NAMED = 3

_STAMP_KINDS = {"missing_timestamp", "duplicate", "unsorted", "unfinished"}


@dataclass(frozen=True, kw_only=True, slots=True)
class OnDefect:
    """What to do with the rows of each kind of defect: refuse the file (`raise`), `drop` them or `keep` them.

    Dropped and kept rows are counted in `Bars`. What arithmetic cannot use is never kept. Text in a price, a missing
    column or zone, a wrong timeframe and too few bars have no policy: only repair helps. The defaults are those of
    `conf/source`: what cannot be true is refused, what is odd is kept and counted.

    Raises:
        ConfigError: A policy that the kind does not allow.
    """

    # no instant: empty, or a local time that the change of clocks made twice or never
    missing_timestamp: Literal["raise", "drop"] = "raise"
    duplicate: Literal["raise", "drop"] = "raise"  # a timestamp again. `drop` leaves the first row of each
    # a timestamp before that of an earlier row. `drop` leaves the rows that are in order
    unsorted: Literal["raise", "drop"] = "raise"
    # a bar that has not ended yet. A bar that begins in the future has no policy
    unfinished: Literal["raise", "drop"] = "drop"
    not_a_number: Literal["raise", "drop"] = "raise"  # a price that is empty or infinite
    not_positive: Literal["raise", "drop"] = "raise"  # a price of 0 or less
    high_below_low: Literal["raise", "drop"] = "raise"  # the high is below the low
    # open or close is above the high or below the low, by more than rounding
    outside_range: Literal["raise", "drop", "keep"] = "raise"
    missing_volume: Literal["raise", "drop", "keep"] = "raise"  # no volume where the asset class requires one
    bad_volume: Literal["raise", "drop"] = "raise"  # a volume that is negative or infinite
    # a bar that begins in the first half of the one before, or is known no later. `drop` leaves the first
    overlap: Literal["raise", "drop"] = "raise"
    # a price far from all others of its bar and of the bars beside it, see `Limits`
    wick: Literal["raise", "drop", "keep"] = "keep"
    # a few bars wrong in all four prices, such as pence among pounds; those on both sides agree
    outlier: Literal["raise", "drop", "keep"] = "keep"
    # the first bar after a lasting step by a split's ratio, or by that of two units
    step: Literal["raise", "keep"] = "keep"
    flat: Literal["raise", "drop", "keep"] = "keep"  # a run of bars in which the price never moves, see `Limits`
    # a bar within which the market, by its calendar, never is open. Where most bars are, the time zone is wrong and the
    # file refused; unless it has the calendar's hours too and the others are to be dropped
    outside_hours: Literal["raise", "drop", "keep"] = "keep"
    # bars that the calendar has and the file has not. Nothing is there to be dropped
    gap: Literal["raise", "keep"] = "keep"

    def __post_init__(self) -> None:
        wrong = [
            f"source.on_defect.{key}: expected {' or '.join(allowed(key))}, got {getattr(self, key)!r}"
            f"{nearest(str(getattr(self, key)), allowed(key))}"
            for key in KINDS
            if getattr(self, key) not in allowed(key)
        ]
        if wrong:
            raise ConfigError("\n".join(wrong))

    def policy(self, defect: "Defect") -> Policy:
        """Return what is done with the rows of a defect; without a policy of its own it is refused."""
        chosen: Policy = getattr(self, defect.key) if defect.key else "raise"
        return chosen


KINDS = tuple(entry.name for entry in fields(OnDefect))
"""Kinds of defect that have a policy, in the order in which they are judged."""


def allowed(key: str) -> tuple[Policy, ...]:
    """Return the policies that a kind of defect allows."""
    return get_args(get_type_hints(OnDefect)[key])


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What counts as odd.

    Raises:
        ConfigError: A limit that is not above 0, or a run of no bars.
    """

    # asset class -> share of the price (0.1 = 10 %) by which a wick is away from all prices around it. A wick is also
    # longer than four times the median range of the 25 bars around: wild days have long wicks
    wick: Mapping[str, float]
    flat_bars: int  # bars without a move that make a flat run

    def __post_init__(self) -> None:
        wrong = [
            f"source.limits.wick.{name}={value}: a share of the price is above 0"
            for name, value in self.wick.items()
            if not value > 0
        ]
        if self.flat_bars < 1:
            wrong.append(f"source.limits.flat_bars={self.flat_bars}: a run has at least 1 bar")
        if wrong:
            raise ConfigError("\n".join(wrong))

    def wick_of(self, asset_class: str) -> float:
        """Return the limit of an asset class.

        Raises:
            ConfigError: There is none.
        """
        if asset_class not in self.wick:
            raise ConfigError(
                f"source.limits.wick has no asset class '{asset_class}'{nearest(asset_class, tuple(self.wick))}\n"
                f"  Say source.limits.wick.{asset_class}=0.05 (there are {', '.join(self.wick)})."
            )
        return self.wick[asset_class]


@dataclass(frozen=True, kw_only=True, slots=True)
class RawBars:
    """Rows as they were read, not yet judged, shape (n,) each."""

    row: Ints  # number of each row in its file, from 0
    stamp: Instants  # timestamp as it stands in the file; `pd.NaT`'s integer where it is missing
    dated: Flags  # whether there is an instant
    opened_at: Instants  # start of the bar
    closed_at: Instants  # when it is known
    numbers: Mapping[str, Floats]  # column -> float64 values, NaN where missing or not a number
    # column -> original values, for columns in which something is not a number or an instant
    texts: Mapping[str, npt.NDArray[np.object_]]
    clock: SessionClock  # the market's sessions

    def __len__(self) -> int:
        return len(self.row)

    def taken(self, mask: Flags) -> "RawBars":
        """Return the rows of `mask` alone."""
        if mask.all():
            return self
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


def _none() -> Positions:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, kw_only=True, slots=True)
class Defect:
    """One kind of defect."""

    kind: str  # what is wrong, in words
    key: str = ""  # its field of `OnDefect`; empty where only repair helps
    # positions among the rows judged; empty where the history as a whole is wrong
    at: Positions = field(default_factory=_none)
    # those of them that stay where the kind is dropped: the first row of a timestamp
    spared: Positions = field(default_factory=_none)
    columns: tuple[str, ...] = ()  # columns whose values at the first of them are shown
    note: str = ""  # what else there is to say
    missing: int = 0  # bars that are not there, for gaps

    @property
    def surplus(self) -> Positions:
        """Positions that go where the kind is dropped."""
        return np.setdiff1d(self.at, self.spared)

    def moved(self, positions: Positions) -> "Defect":
        """Return the defect in terms of the rows whose `positions` were judged."""
        return replace(self, at=positions[self.at], spared=positions[self.spared])


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What the rows of a symbol are judged by."""

    volume: Literal["required", "optional", "none"]  # as in `AssetClass`
    timeframe: Timeframe  # length of the bars
    min_bars: int  # fewer are refused
    on_defect: OnDefect  # what happens to the rows of each kind
    wick: float  # limit of the asset class
    flat_bars: int  # as in `Limits`
    timezone: str | None  # clock of the days of daily bars, None for the calendar's
    now: int  # instant by the wall clock: no later bar is over. UTC ns


def find_defects(raw: RawBars, *, expected: Expected) -> list[Defect]:
    """List the defects of the rows, one entry a kind.

    Order and spacing are judged where all timestamps are there or to be dropped; what is odd, where they are right.
    """
    on_defect = expected.on_defect
    found = [*_stamp_defects(raw), *_future_defects(raw, now=expected.now), *_price_defects(raw)]
    if expected.volume != "none":
        found += _volume_defects(raw, required=expected.volume == "required")
    if not any(defect.key in _STAMP_KINDS and on_defect.policy(defect) == "raise" for defect in found):
        left = ~dropped(found, rows=len(raw), on_defect=on_defect)
        spacing = _among(raw, left, list(_spacing_defects(raw.taken(left), expected=expected)))
        found += spacing
        if all(defect.key for defect in spacing):
            sound = left & ~_marked([defect for defect in found if on_defect.policy(defect) != "keep"], rows=len(raw))
            found += _among(raw, sound, list(_oddities(raw.taken(sound), expected=expected)))
    gone = dropped(found, rows=len(raw), on_defect=on_defect)
    found = [defect for each in found if (defect := _left(each, gone, on_defect=on_defect)).at.size or not each.at.size]
    bars = raw.taken(~gone)
    if len(bars) < max(expected.min_bars, 1):
        found.append(_too_few(bars, min_bars=expected.min_bars, newest_first=_newest_first(raw)))
    return found


def dropped(found: Sequence[Defect], *, rows: int, on_defect: OnDefect) -> Flags:
    """Mark the rows that the policies drop. Shape (rows,)."""
    mask = np.zeros(rows, dtype=np.bool_)
    for defect in found:
        if on_defect.policy(defect) == "drop":
            mask[defect.surplus] = True
    return mask


def dropped_counts(found: Sequence[Defect], *, on_defect: OnDefect) -> dict[str, int]:
    """Count dropped rows by kind; a row of several kinds counts for the first, so that the counts add up."""
    gone, counts = _none(), dict[str, int]()
    for defect in found:
        if on_defect.policy(defect) == "drop":
            new = np.setdiff1d(defect.surplus, gone)
            gone = np.union1d(gone, new)
            counts[defect.key] = counts.get(defect.key, 0) + len(new)
    return {key: count for key, count in counts.items() if count}


def kept_counts(found: Sequence[Defect], *, on_defect: OnDefect) -> dict[str, int]:
    """Count the rows that are kept by kind, for gaps the bars that are missing."""
    rows: dict[str, Positions] = {}
    missing: dict[str, int] = {}
    for defect in found:
        if on_defect.policy(defect) == "keep":
            rows[defect.key] = np.union1d(rows.get(defect.key, _none()), defect.at)
            missing[defect.key] = missing.get(defect.key, 0) + defect.missing
    return {key: missing[key] or len(at) for key, at in rows.items()}


def describe_defects(found: Sequence[Defect], *, raw: RawBars, origin: str) -> str:
    """Write the message: how much is wrong, a line for each kind, what to do."""
    rows = len(np.unique(np.concatenate([defect.at for defect in found])))
    kinds = "1 kind" if len(found) == 1 else f"{len(found)} kinds"
    among = f" in {rows:,} of {len(raw):,} rows" if rows else ""
    cells = [(defect.kind, _rows(raw, defect.at), _detail(raw, defect)) for defect in found]
    widths = [max(len(line[column]) for line in cells) for column in (0, 1)]
    lines = [f"  {kind:<{widths[0]}}   {where:<{widths[1]}}   {detail}".rstrip() for kind, where, detail in cells]
    head = f"{origin} has {kinds} of defect{among}; nothing was written."
    newest_first = [_turn_round(len(raw))] if _newest_first(raw) else []
    return "\n".join([head, *lines, *newest_first, *_cure(found, turned=bool(newest_first))])


def _newest_first(raw: RawBars) -> bool:
    """Tell whether the rows are in exactly descending order: whole, but written from the end."""
    stamp = raw.stamp[raw.dated]
    return len(stamp) > 1 and bool(np.all(np.diff(stamp) < 0))


def _turn_round(rows: int) -> str:
    return (
        f"  The rows are in order, the newest first: source.on_defect.unsorted=drop would leave 1 of {rows:,}. "
        "No option sorts;\n  write the file again with the oldest row first, in pandas: frame.iloc[::-1]"
    )


def _cure(found: Sequence[Defect], *, turned: bool) -> Iterator[str]:
    """Name the policies that would let the rows pass; text has none, and rows to be turned round need none for it."""
    found = [defect for defect in found if defect.at.size and not (turned and defect.key == "unsorted")]
    if found:
        yield _policies(found)


def _policies(found: Sequence[Defect]) -> str:
    keys = list(dict.fromkeys(defect.key for defect in found))
    choices = [f"source.on_defect.{key}={allowed(key)[1]}" for key in keys if key]
    if not choices:
        return "  Repair the file: nothing is dropped, filled or clipped in silence."
    said = " ".join(choices) if len(choices) <= _CHOICES_NAMED else "source/on_defect=drop"
    but = "" if all(keys) else "   (text has to be repaired)"
    return f"  Repair the file, or say what to do with such rows: {said}{but}"


def _left(defect: Defect, gone: Flags, *, on_defect: OnDefect) -> Defect:
    """Forget rows that are dropped for another kind; text stays a defect, and so does a gap before a dropped row."""
    if not defect.key or defect.missing or on_defect.policy(defect) == "drop":
        return defect
    return replace(defect, at=defect.at[~gone[defect.at]])


def _among(raw: RawBars, mask: Flags, found: Sequence[Defect]) -> list[Defect]:
    """Translate positions among the rows of `mask` into positions among all."""
    return list(found) if mask.all() else [defect.moved(np.flatnonzero(mask)) for defect in found]


def _marked(found: Sequence[Defect], *, rows: int) -> Flags:
    mask = np.zeros(rows, dtype=np.bool_)
    for defect in found:
        mask[np.setdiff1d(defect.at, defect.spared)] = True
    return mask


def _stamp_defects(raw: RawBars) -> Iterator[Defect]:
    given = raw.texts.get("timestamp")
    text = ~raw.dated & (np.zeros(len(raw), dtype=np.bool_) if given is None else given != "")
    for defect in _at("timestamp names no instant", "missing_timestamp", np.flatnonzero(text), "timestamp"):
        yield replace(defect, note="the change of clocks made this local time twice, or never")
    yield from _at("missing timestamp", "missing_timestamp", np.flatnonzero(~raw.dated & ~text))
    dated = np.flatnonzero(raw.dated)
    stamp = raw.stamp[dated]
    _, first, value, count = np.unique(stamp, return_index=True, return_inverse=True, return_counts=True)
    for defect in _at("duplicate timestamp", "duplicate", dated[count[value] > 1]):
        yield replace(defect, spared=np.sort(dated[first[count > 1]]))
    late = stamp[1:] < np.maximum.accumulate(stamp)[:-1]
    yield from _at("unsorted timestamp", "unsorted", dated[1:][late])


def _future_defects(raw: RawBars, *, now: int) -> Iterator[Defect]:
    """Find bars that are not over by the wall clock: a forming one, as live feeds have, and impossible ones."""
    begun = raw.opened_at <= now
    for defect in _where("timestamp in the future", "", raw.dated & ~begun):
        yield replace(defect, note=f"it is {iso(now)} now; is the unit of the timestamps right?")
    yield from _where("bar is not over", "unfinished", raw.dated & begun & (raw.closed_at > now))


def _price_defects(raw: RawBars) -> Iterator[Defect]:
    for name in PRICES:
        text, value = _text_mask(raw, name), raw.numbers[name]
        yield from _where(f"text in {name}", "", text, name)
        yield from _where(f"{name} is not a number", "not_a_number", ~np.isfinite(value) & ~text, name)
        yield from _where(f"{name} is not positive", "not_positive", value <= 0, name)
    high, low = raw.numbers["high"], raw.numbers["low"]
    inverted = high < low
    yield from _where("high below low", "high_below_low", inverted, "high", "low")
    for name in ("open", "close"):
        value = raw.numbers[name]
        finite = np.isfinite(value)
        room = np.where(finite, _ROUNDING * np.abs(value), 0.0)
        outside = finite & ((value > high + room) | (value < low - room))
        yield from _where(f"{name} outside high and low", "outside_range", outside & ~inverted, name, "high", "low")


def _volume_defects(raw: RawBars, *, required: bool) -> Iterator[Defect]:
    text, value = _text_mask(raw, "volume"), raw.numbers["volume"]
    yield from _where("text in volume", "", text, "volume")
    if required:
        yield from _where("volume is missing", "missing_volume", np.isnan(value) & ~text)
    yield from _where("volume is not finite", "bad_volume", np.isinf(value), "volume")
    yield from _where("volume is negative", "bad_volume", np.isfinite(value) & (value < 0), "volume")


def _spacing_defects(raw: RawBars, *, expected: Expected) -> Iterator[Defect]:
    """Find bars that overlap, and bars of another length or of other days than the timeframe says.

    A step may be shorter than a bar: the half hour 09:30 to 10:00 of a stock, a day of 23 hours.
    """
    timeframe, step = expected.timeframe, np.diff(raw.opened_at)
    if step.size == 0:
        return
    usual = np.unique(step, return_counts=True)
    most_often = length_text(int(usual[0][np.argmax(usual[1])]))
    skipped = raw.clock.open_hours_between(raw.closed_at[:-1], raw.opened_at[1:]) > 0
    sparse = step.min() > timeframe.nanoseconds and skipped.mean() > 0.5 and len(raw) >= _SPACING_NEEDS
    if np.mean(step < timeframe.nanoseconds) > 0.5 or sparse:
        note = f"bars mostly follow one another by {most_often}, but timeframe={timeframe.text}"
        yield Defect(kind="wrong timeframe", note=note)
        return
    yield from _foreign_days(raw, expected=expected)
    again = _second_of_date(raw, timeframe=timeframe)
    if np.any((2 * step < timeframe.nanoseconds) | (np.diff(raw.closed_at) <= 0) | again[1:]):
        at = _overlapping(raw, again=again, timeframe=timeframe)
        note = f"{length_text(int(step[at[0] - 1]))} after the bar before"
        if timeframe.whole_days and raw.clock.within_dates():
            note += ", and of its session"
        yield Defect(kind="bars overlap", key="overlap", at=at, note=note)


def _foreign_days(raw: RawBars, *, expected: Expected) -> Iterator[Defect]:
    """Find days of 23 and of 25 hours where the source names no clock that has such days."""
    if not expected.timeframe.whole_days or raw.clock.within_dates():
        return
    apart = raw.opened_at[1:] - raw.clock.ends(raw.opened_at[:-1], expected.timeframe, timezone=expected.timezone)
    longer, shorter = (np.flatnonzero(apart == sign * HOUR) + 1 for sign in (1, -1))
    if longer.size and shorter.size:
        note = (
            f"some days have 23 and some 25 hours, which days of {expected.timezone or raw.clock.timezone} do not; "
            "say whose clock they are of: source.timezone=America/New_York"
        )
        yield Defect(kind="days of another clock", at=np.union1d(longer, shorter), note=note)


def _second_of_date(raw: RawBars, *, timeframe: Timeframe) -> Flags:
    """Mark daily bars of an exchange without a session of their own, on the date of the bar before. Shape (n,).

    Some vendors add the last quote to the newest day, stamped after the close.
    """
    if not (timeframe.whole_days and raw.clock.within_dates()):
        return np.zeros(len(raw), dtype=np.bool_)
    again: Flags = ~raw.clock.traded(raw.opened_at, timeframe)
    again[1:] &= np.diff(raw.clock.dates(raw.opened_at)) == 0
    return again


def _overlapping(raw: RawBars, *, again: Flags, timeframe: Timeframe) -> Positions:
    """Return the bars that begin in the first half of the last bar before that does not, or are known no later.

    Two daily bars of one session are known at once; `again` marks those after its close.
    """
    opened, closed = raw.opened_at.tolist(), raw.closed_at.tolist()
    last, found = 0, []
    for bar in range(1, len(raw)):
        near = 2 * (opened[bar] - opened[last]) < timeframe.nanoseconds
        if near or closed[bar] <= closed[last] or again[bar]:
            found.append(bar)
        else:
            last = bar
    return np.array(found, dtype=np.int64)


def _oddities(raw: RawBars, *, expected: Expected) -> Iterator[Defect]:
    """Find what may be true but looks odd; the rows are in order and their numbers sound."""
    if len(raw) == 0:
        return
    yield from _odd_prices(raw, limit=expected.wick)
    yield from _at("price does not move", "flat", _flat(raw, bars=expected.flat_bars), "close")
    yield from _closed_hours(raw, expected=expected)
    if expected.timeframe.nanoseconds <= DAY:
        yield from _gaps(raw, timeframe=expected.timeframe)


def _closed_hours(raw: RawBars, *, expected: Expected) -> Iterator[Defect]:
    """Find bars while the market is closed; where those are most, the instants or the calendar are wrong."""
    traded = raw.clock.traded(raw.opened_at, expected.timeframe, timezone=expected.timezone)
    share = float(np.mean(~traded))
    if len(raw) < _SPACING_NEEDS or share <= 0.5:
        yield from _where("market is closed", "outside_hours", ~traded)
        return
    hours = raw.clock.open_hours_between(raw.opened_at[:1], raw.closed_at[-1:])[0]
    extended = 2 * raw.clock.open_hours_between(raw.opened_at, raw.closed_at).sum() >= hours > 0
    if extended and expected.on_defect.outside_hours == "drop":
        yield from _where("market is closed", "outside_hours", ~traded)
        return
    first = iso(int(raw.opened_at[~traded][0]))
    note = f"{share:.0%} of the bars lie while {raw.clock.calendar} is closed, first {first}; correct the times"
    also = ", or keep the calendar's hours alone: source.on_defect.outside_hours=drop" if extended else ""
    yield Defect(kind="wrong time zone", note=f"{note}, choose the right calendar{also}")


def _odd_prices(raw: RawBars, *, limit: float) -> Iterator[Defect]:
    prices = LogPrices(**{name: np.log(raw.numbers[name]) for name in PRICES})
    single = wicks(prices, limit=limit)
    whole = outliers(prices, limit=limit)
    yield from _at("price far from all around it", "wick", single, *PRICES)
    yield from _at("all prices far from the bars around", "outlier", whole, "open", "close")
    known = np.zeros(len(raw), dtype=np.bool_)
    known[np.union1d(single, whole)] = True
    found = steps(prices, known=known)
    largest = sorted(found, key=lambda row: abs(np.log(found[row])), reverse=True)[:_STEPS_NAMED]
    named = ", ".join(f"{iso(int(raw.opened_at[row]))[:10]} x{found[row]:.4g}" for row in sorted(largest))
    for defect in _at("lasting step", "step", np.array(list(found), dtype=np.int64)):
        note = f"{named}: a split that is not adjusted for, or another unit (pence, lots)?"
        yield replace(defect, note=note)


def _flat(raw: RawBars, *, bars: int) -> Positions:
    """Find runs of at least `bars` bars of one price, that of the close before."""
    high, low, close = (raw.numbers[name] for name in ("high", "low", "close"))
    still = (high == low) & (close == np.r_[np.nan, close[:-1]])
    edges = np.flatnonzero(np.diff(np.r_[False, still, False].astype(np.int8)))
    runs = [np.arange(start, stop) for start, stop in edges.reshape(-1, 2).tolist() if stop - start >= bars]
    return np.concatenate([_none(), *runs])


def _gaps(raw: RawBars, *, timeframe: Timeframe) -> Iterator[Defect]:
    """Find the bars before which the calendar has others."""
    missing = np.zeros(len(raw), dtype=np.int64)
    missing[1:] = raw.clock.bars_between(raw.closed_at[:-1], raw.opened_at[1:], timeframe)
    at = np.flatnonzero(missing)
    if at.size:
        total = int(missing.sum())
        note = f"{total:,} bars of the calendar are missing, at most {missing.max():,} in one place"
        yield Defect(kind="gap before", key="gap", at=at, note=note, missing=total)


def _too_few(raw: RawBars, *, min_bars: int, newest_first: bool) -> Defect:
    span = f" from {iso(raw.opened_at[0])} to {iso(raw.closed_at[-1])}" if len(raw) else ""
    note = f"{len(raw):,} bars in the period{span}, at least {max(min_bars, 1):,} are needed (min_bars)"
    note += "; the rows were the newest first, and unsorted=drop left one" if newest_first else ""
    return Defect(kind="too few bars", note=note)


def _where(kind: str, key: str, mask: Flags, *columns: str) -> Iterator[Defect]:
    return _at(kind, key, np.flatnonzero(mask), *columns)


def _at(kind: str, key: str, at: Positions, *columns: str) -> Iterator[Defect]:
    if at.size:
        yield Defect(kind=kind, key=key, at=at, columns=columns)


def _text_mask(raw: RawBars, name: str) -> Flags:
    if name not in raw.texts:
        return np.zeros(len(raw), dtype=np.bool_)
    return np.array([isinstance(value, str) for value in raw.texts[name]], dtype=np.bool_)


def _value(raw: RawBars, name: str, at: int) -> str:
    given = raw.texts[name][at] if name in raw.texts else raw.numbers[name][at]
    return f"{name} {given:.10g}" if isinstance(given, int | float) else f"{name} '{printable(str(given))}'"


def _rows(raw: RawBars, at: Positions) -> str:
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
    stamps = [] if "timestamp" in defect.columns else [stamp]
    values = [_value(raw, name, first) for name in defect.columns]
    detail = "  ".join([*stamps, *values, *filter(None, [defect.note])])
    return f"first {detail}" if defect.at.size > 1 else detail


def length_text(nanoseconds: int) -> str:
    """Write a length of time as a timeframe: `1h`, `15m`."""
    minutes = nanoseconds / 60e9
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes >= size and minutes % size == 0:
            return f"{minutes / size:g}{unit}"
    return f"{minutes:g}m"

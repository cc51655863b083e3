"""Timestamps of files become instants: epochs, ISO and other texts; no zone and no order of day and month is guessed.

An epoch's unit is told by its size, for the years it can mean do not meet: 1.6e9 is 2020 in seconds, and as
milliseconds a day in January 1970.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from multisymbol.errors import BarsError, ConfigError, nearest
from multisymbol.markets.sessions import session_clock
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import Timeframe
from multisymbol.wording import printable

EpochUnit: TypeAlias = Literal["s", "ms", "us", "ns"]
DateOrder: TypeAlias = Literal["dmy", "mdy"]

EMPTY = ("", "nan", "NaN", "null", "NULL", "None", "NaT")
_PER_SECOND: dict[EpochUnit, int] = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_EARLIEST, _LATEST = (pd.Timestamp(year, tz="UTC").value // 10**9 for year in ("1975", "2100"))

_ISO = r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?( ?(Z|[+-]\d{2}:?\d{2}))?)?"
_ZONED = r".*\d{2}:\d{2}.*(Z|[+-]\d{2}:?\d{2})"
_TIME = r"(?P<time>\d{2}:?\d{2}(?::?\d{2}(?:\.\d+)?)?)"
_ZONE = r" ?(?P<zone>Z|UTC|(?:GMT)?[+-]\d{2}:?\d{2})"
_YEAR_FIRST = rf"(?P<y>\d{{4}})(?P<sep>[-./]?)(?P<m>\d{{2}})(?P=sep)(?P<d>\d{{2}})(?:[ T]{_TIME}(?:{_ZONE})?)?"
_YEAR_LAST = rf"(?P<a>\d{{1,2}})(?P<sep>[-./])(?P<b>\d{{1,2}})(?P=sep)(?P<y>\d{{4}})(?:[ T]{_TIME}(?:{_ZONE})?)?"


@dataclass(frozen=True, kw_only=True, slots=True)
class StampOptions:
    """How the timestamps of a file are read.

    Args:
        timezone: Clock of those that name none, None: refused where it is needed.
        epoch: Unit of numbers, None: by their size.
        date_order: Order of `06/01/2018`, None: where the file itself does not prove it, refused.

    Raises:
        ConfigError: The zone, the unit or the order is unknown.
    """

    timezone: str | None = None
    epoch: EpochUnit | None = None
    date_order: DateOrder | None = None

    def __post_init__(self) -> None:
        for key, choices in (("epoch", get_args(EpochUnit)), ("date_order", get_args(DateOrder))):
            value = getattr(self, key)
            if value is not None and value not in choices:
                raise ConfigError(f"source.{key}: expected {' or '.join(choices)}, got {value!r}")
        if self.timezone is None:
            return
        try:
            pd.Timestamp("2000-01-01").tz_localize(self.timezone)
        except (KeyError, ValueError, OSError) as error:
            import zoneinfo

            hint = nearest(self.timezone, sorted(zoneinfo.available_timezones()))
            message = f"source.timezone '{self.timezone}' is unknown{hint}; write UTC, America/New_York, ..."
            raise ConfigError(message) from error

    def within(self, *, utc: bool, day_first: bool) -> "StampOptions":
        """Return the options for a format that fixes its clock, or its order of day and month where none is said."""
        order = self.date_order or ("dmy" if day_first else None)
        return replace(self, timezone="UTC" if utc else self.timezone, date_order=order)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamps:
    """Timestamps as instants.

    Args:
        instants: UTC, NaT where there is none, or where the clocks made a local time twice or never. Shape (rows,).
        texts: What the file says, for messages. Shape (rows,).
        clock: How they were read, in words: `epoch ms`, `UTC`, `sessions of XNYS`.
    """

    instants: pd.DatetimeIndex
    texts: npt.NDArray[np.object_]
    clock: str


def read_stamps(
    column: pd.Series, *, options: StampOptions, config: SymbolConfig, timeframe: Timeframe | None, origin: str
) -> Stamps:
    """Read a column of timestamps.

    Args:
        column: Numbers, instants, local times, dates or text; its index has the numbers of the rows in the file.
        options: What the user says.
        config: Whose bars.
        timeframe: Length of the bars; None: not known.
        origin: The file, for messages.

    Raises:
        BarsError: Text that is no timestamp, a mixture of kinds, no zone or order of day and month to be found, or a
            year that no bar is of.
        CalendarError: The calendar of `config` is unknown or does not cover the dates.
    """
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        instants = _checked(column, column, origin=origin)
        return Stamps(instants=instants, texts=column.astype(str).to_numpy(dtype=object), clock=str(column.dt.tz))
    if pd.api.types.is_datetime64_dtype(column.dtype):
        given = column.dropna()
        dates = bool((given == given.dt.normalize()).all()) and (timeframe is None or not timeframe.intraday)
        return _local(column, column.astype(str), dates=dates, options=options, config=config, origin=origin)
    texts = _texts(column)
    numbers = pd.to_numeric(texts.where(texts != "", None), errors="coerce").to_numpy(dtype=np.float64)
    if len(numbers) and not np.isnan(numbers[texts.to_numpy() != ""]).any() and not _compact(texts):
        return _epochs(texts, numbers, unit=options.epoch, origin=origin)
    return _of_text(texts, options=options, config=config, origin=origin)


def epoch_units(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return the ticks per second that make each epoch a plausible year, 0 where none does. Shape (n,)."""
    found = np.zeros(len(values), dtype=np.int64)
    for per_second in _PER_SECOND.values():
        found[(values >= _EARLIEST * per_second) & (values < _LATEST * per_second)] = per_second
    return found


def epoch_unit(values: npt.NDArray[np.float64]) -> EpochUnit | None:
    """Return the unit that makes all epochs plausible years, None where none does."""
    units = set(epoch_units(values[np.isfinite(values)]).tolist())
    return next((unit for unit, per_second in _PER_SECOND.items() if units == {per_second}), None)


def implausible(instants: pd.Series) -> npt.NDArray[np.bool_]:
    """Mark the instants of years that no bar is of: nanoseconds end in 2262, calendars sooner. Shape (n,)."""
    year = instants.dt.year
    return np.asarray((year < 1900) | (year >= 2100))


def named_rows(texts: pd.Series, mask: npt.NDArray[np.bool_] | pd.Series, *, rows: int = 3) -> str:
    """Name the first rows of a mask with what they say."""
    return ", ".join(f"row {int(str(row)):,} '{printable(str(text))}'" for row, text in texts[mask][:rows].items())


def _texts(column: pd.Series) -> pd.Series:
    """Return what the cells say, the empty ones as empty text."""
    if pd.api.types.is_float_dtype(column.dtype):
        column = column.map(lambda value: str(int(value)) if value.is_integer() else str(value), na_action="ignore")
    texts = column.where(column.notna(), None).astype(str).str.strip()
    return texts.where(~texts.isin(EMPTY) & column.notna(), "")


def _compact(texts: pd.Series) -> bool:
    """Tell whether all texts are dates like 20180601: as epochs they would be of August 1970."""
    return bool(texts[texts != ""].str.fullmatch(r"(?:19|20)\d{6}").all())


def _refused(origin: str, *problems: str) -> BarsError:
    return BarsError("\n  ".join([f"{origin} cannot be read as bars; nothing was written.", *problems]))


def _checked(read: pd.Series, texts: pd.Series, *, origin: str) -> pd.DatetimeIndex:
    """Return nanoseconds of UTC; refuse years that no bar is of."""
    wrong = implausible(read)
    if wrong.any():
        rows = f"{named_rows(texts, wrong)}; {int(wrong.sum()):,} such rows"
        raise _refused(origin, f"a year that no bar is of: {rows}", "Write the true time there, or leave the row out.")
    zoned = read if isinstance(read.dtype, pd.DatetimeTZDtype) else read.dt.tz_localize("UTC")
    return pd.DatetimeIndex(zoned).tz_convert("UTC").as_unit("ns")


def _epochs(texts: pd.Series, numbers: npt.NDArray[np.float64], *, unit: EpochUnit | None, origin: str) -> Stamps:
    """Read numbers since 1970; files that were joined may change their unit, as Binance's did in 2025."""
    there = ~np.isnan(numbers)
    ticks = epoch_units(numbers) if unit is None else np.full(len(numbers), _PER_SECOND[unit])
    wrong = there & ((epoch_units(numbers) != ticks) | (ticks == 0))
    if wrong.any():
        seen = f"{named_rows(texts, wrong)}; {int(wrong.sum()):,} such rows"
        said = f"in {unit} (source.epoch)" if unit else "in s, ms, us or ns since 1970"
        better = epoch_unit(numbers[wrong]) if unit else None
        fix = (
            f"Say source.epoch={better}"
            if better
            else "Say which column has the time: source.columns='{timestamp: NAME}'"
        )
        raise _refused(origin, f"numbers in timestamp that are no plausible year {said}: {seen}", fix)
    whole = pd.to_numeric(
        texts.where(there, "0")
    ).to_numpy()  # int64 where all are whole: 2**53 is less than nanoseconds
    per_tick = 10**9 // np.maximum(ticks, 1)
    fraction = np.rint((whole - np.floor(whole)) * per_tick).astype(np.int64)
    nanoseconds = np.where(there, np.floor(whole).astype(np.int64) if whole.dtype != np.int64 else whole, 0) * per_tick
    nanoseconds = np.where(there, nanoseconds + fraction, pd.NaT.value)
    used = [name for name, per_second in _PER_SECOND.items() if per_second in set(ticks[there].tolist())]
    instants = pd.DatetimeIndex(nanoseconds.view("datetime64[ns]")).tz_localize("UTC")
    return Stamps(instants=instants, texts=texts.to_numpy(dtype=object), clock=f"epoch {' and '.join(used)}")


def _of_text(texts: pd.Series, *, options: StampOptions, config: SymbolConfig, origin: str) -> Stamps:
    given = texts[texts != ""]
    form = given if given.str.fullmatch(_ISO).all() else _iso_form(given, options=options, origin=origin)
    problems = list(_text_problems(given, form.isna()))
    zoned = form.str.fullmatch(_ZONED).fillna(value=False).astype(bool)
    if not problems and zoned.any() and not zoned.all():
        rows = f"{named_rows(given, zoned, rows=1)}, but {named_rows(given, ~zoned, rows=1)}"
        problems.append(f"some timestamps name their zone and some do not: {rows}")
    read = pd.to_datetime(form, format="ISO8601", utc=True, errors="coerce")
    problems = problems or list(_text_problems(given, read.isna()))
    if problems:
        raise _refused(origin, *problems)
    whole = read.reindex(texts.index)
    if zoned.any() or not given.size:
        return Stamps(instants=_checked(whole, texts, origin=origin), texts=texts.to_numpy(dtype=object), clock="UTC")
    dates = bool((form.str.len() == len("2018-06-01")).all())
    local = whole.dt.tz_localize(None)
    return _local(local, texts, dates=dates, options=options, config=config, origin=origin)


def _iso_form(given: pd.Series, *, options: StampOptions, origin: str) -> pd.Series:
    """Write timestamps of any one form in the ISO form; missing where a row is of another."""
    given = given.astype(object)
    parts = given.str.extract(f"^{_YEAR_FIRST}$")
    if parts["y"].isna().all():
        parts = _year_last(given, options=options, origin=origin)
    separator = parts["sep"].mode().get(0, "")
    digits = parts["time"].str.replace(":", "")
    if separator == "" and bool((digits.str.strip("0") == "").all()):  # Stooq gives days the time 000000
        digits = digits.where(digits.isna(), None)
    clock = "T" + digits.str[:2] + ":" + digits.str[2:4] + ":" + digits.str[4:].where(digits.str.len() > 4, "00")
    zone = parts["zone"].str.removeprefix("GMT").str.replace("UTC", "Z")
    form = parts["y"] + "-" + parts["m"] + "-" + parts["d"] + clock.fillna("") + zone.fillna("")
    return form.where(parts["sep"] == separator, None).astype(str).where(parts["sep"] == separator, None)


def _year_last(given: pd.Series, *, options: StampOptions, origin: str) -> pd.DataFrame:
    """Read 13.06.2018: the order is what the user says, or what a number above 12 proves."""
    parts = given.str.extract(f"^{_YEAR_LAST}$")
    if parts["y"].isna().all():
        return parts.assign(m=parts["a"], d=parts["b"])
    first, second = (pd.to_numeric(parts[name]) for name in ("a", "b"))
    proven = {order for order, number in (("dmy", first), ("mdy", second)) if (number > 12).any()}
    if options.date_order is None and len(proven) != 1:
        seen = named_rows(given, parts["y"].notna())
        raise _refused(
            origin,
            f"the order of day and month is not known: {seen}",
            "Say which it is: source.date_order=dmy (day first) or source.date_order=mdy (nothing is guessed)",
        )
    order = options.date_order or proven.pop()
    day, month = (parts["a"], parts["b"]) if order == "dmy" else (parts["b"], parts["a"])
    return parts.assign(d=day.str.zfill(2), m=month.str.zfill(2))


def _text_problems(given: pd.Series, wrong: pd.Series) -> Iterator[str]:
    if wrong.any():
        yield f"text in timestamp: {named_rows(given, wrong)}; {int(wrong.sum()):,} such rows"
        yield (
            "Write 2018-06-01, 2018-06-01 14:30 or 2018-06-01T14:30:00Z, all rows alike: "
            "the order of day and month is not guessed"
        )


def _local(
    local: pd.Series, texts: pd.Series, *, dates: bool, options: StampOptions, config: SymbolConfig, origin: str
) -> Stamps:
    """Place local times on their clock; a date without time is a session's on an exchange, whatever the zone."""
    bounds = pd.DatetimeIndex(_checked(local, texts, origin=origin)).dropna().asi8
    zone = options.timezone
    nonexistent: Literal["shift_forward", "NaT"] = "NaT"
    if dates and bounds.size:
        clock = session_clock(config.calendar, start=int(bounds.min()), end=int(bounds.max()))
        zone = clock.timezone if clock.within_dates() else zone
        nonexistent = "shift_forward"  # some days begin at 01:00
    if zone is None and bounds.size:
        row = named_rows(texts, np.asarray(local.notna()), rows=1)
        raise _refused(
            origin,
            f"timestamps have no time zone ({row}), so their instants are not known",
            "Say which clock it is: source.timezone=UTC, America/New_York, ... (nothing is guessed)",
        )
    naive = pd.DatetimeIndex(local).as_unit("ns")
    placed = naive.tz_localize(zone or "UTC", ambiguous="NaT", nonexistent=nonexistent).tz_convert("UTC")
    said = f"dates of {config.calendar}" if dates and zone != options.timezone else str(zone)
    return Stamps(instants=placed, texts=texts.to_numpy(dtype=object), clock=said)

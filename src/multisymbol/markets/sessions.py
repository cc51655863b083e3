"""The session clock: exchange calendars, the currency week, and markets that never close.

A stretch of sessions of XNYS; `)` is a close, which is no longer open:

    Mon 09:30 [=====) 16:00      Tue 09:30 [=====) 16:00      Wed (early close) 09:30 [===) 13:00
"""

from dataclasses import dataclass, field
from datetime import time
from functools import lru_cache
from importlib.metadata import version
from itertools import product
from textwrap import shorten

import exchange_calendars
import numpy as np
import pandas as pd
from exchange_calendars.exchange_calendar import HolidayCalendar
from pandas.tseries.holiday import Holiday

from multisymbol.arrays import Flags, Floats, Ints
from multisymbol.errors import CalendarError, nearest
from multisymbol.markets.time import DAY, HOUR, MINUTE, Instants, Timeframe, iso

_MARGIN_DAYS = 31
"""Longer than any exchange's holidays, so that a session lies before the first and after the last instant asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionFacts:
    """What the clock says at n instants."""

    is_open: Flags  # whether a session contains the instant, its open included, its close not. Shape (n,)
    minutes_since_open: Floats  # minutes since the latest open at or before, at most that session's length. Shape (n,)
    minutes_to_close: Floats  # minutes to the end of that same session, 0 after it. Shape (n,)
    session: Ints  # index of that session in the clock, -1 before the first. Shape (n,)
    local_hour: Floats  # hour of the day on the calendar's own clock, with fraction, 0 <= h < 24. Shape (n,)
    local_weekday: Ints  # Monday 0 to Sunday 6 on the calendar's own clock. Shape (n,)


def _no_instants() -> Instants:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SessionClock:
    """The sessions of one calendar between two instants."""

    calendar: str  # its name
    timezone: str  # zone of its own clock
    opens: Instants  # opens of the sessions, ascending. Shape (sessions,)
    closes: Instants  # their closes; the close of one may be the open of the next. Shape (sessions,)
    # starts of breaks within sessions (lunch in Hong Kong): the market is closed. Shape (breaks,)
    break_starts: Instants = field(default_factory=_no_instants)
    break_ends: Instants = field(default_factory=_no_instants)  # their ends. Shape (breaks,)

    def facts(self, at: Instants) -> SessionFacts:
        """Look up n instants at once.

        A break counts as closed, but the minutes since the open and to the close run on through it. Before the first
        session of the clock both are 0.
        """
        session = np.searchsorted(self.opens, at, side="right") - 1
        known = session >= 0
        opened, closed = self.opens[session], self.closes[session]
        reached = np.minimum(at, closed)
        local = _local(at, self.timezone)
        return SessionFacts(
            is_open=known & (at < closed) & ~_inside(at, self.break_starts, self.break_ends),
            minutes_since_open=np.where(known, (reached - opened) / MINUTE, 0.0),
            minutes_to_close=np.where(known, (closed - reached) / MINUTE, 0.0),
            session=session.astype(np.int64),
            local_hour=(local % DAY) / HOUR,
            local_weekday=(local // DAY + 3) % 7,  # 1970 began on a Thursday
        )

    def ends(self, opened_at: Instants, timeframe: Timeframe, *, timezone: str | None = None) -> Instants:
        """Return the nominal end of each bar; a day is one of the wall clock, also where that has 23 or 25 hours.

        Days and weeks count by a wall clock where they begin at its midnight (`timezone`, else the calendar's), or at
        an open or close of the calendar; all others have 24 hours.

        Args:
            opened_at: Start of each bar. Shape (n,).
            timeframe: Length of the bars.
            timezone: Clock of the days, where the source names one.
        """
        return self._moved(opened_at, timeframe.nanoseconds, timezone)

    def starts(self, ended_at: Instants, timeframe: Timeframe, *, timezone: str | None = None) -> Instants:
        """Return the start of each bar from its nominal end: the inverse of `ends`."""
        return self._moved(ended_at, -timeframe.nanoseconds, timezone)

    def closed_at(self, opened_at: Instants, timeframe: Timeframe, *, timezone: str | None = None) -> Instants:
        """Return when each bar is known: its end, cut back to the last instant the market was open within it.

        On an exchange a session belongs to the daily bar in which its middle lies, and the bar is known at its close:
        one stamped at midnight New York at 16:00, on an early-close day sooner, and one stamped at midnight UTC in
        Sydney (11:00) at 16:00 of that day. A bar within which the market never was open (odd prints after an early
        close) keeps its nominal end. Sessions and breaks are scheduled, so nothing later than the bar itself decides on
        it.
        """
        end = self.ends(opened_at, timeframe, timezone=timezone)
        if self._by_session(timeframe):
            session = self._session_before(end)
            return np.where(self._has_middle(session, opened_at), self.closes[session], end)
        closures = self._closures()
        latest = np.searchsorted(closures, end, side="right") - 1
        last_closure = np.where(latest >= 0, closures[latest], opened_at)
        cut = ~self._is_open(end - 1) & (last_closure > opened_at)
        return np.where(cut, last_closure, end)

    def traded(self, opened_at: Instants, timeframe: Timeframe, *, timezone: str | None = None) -> Flags:
        """Tell whether the market is open within each bar; a daily bar of an exchange has a session of its own."""
        end = self.ends(opened_at, timeframe, timezone=timezone)
        if self._by_session(timeframe):
            return self._has_middle(self._session_before(end), opened_at)
        return self.open_hours_between(opened_at, end) > 0

    def _by_session(self, timeframe: Timeframe) -> bool:
        return timeframe.whole_days and self.within_dates()

    def _session_before(self, end: Instants) -> Ints:
        """Return the last session whose middle lies before each instant, -1 where there is none."""
        return np.searchsorted(self._middles(), end, side="left").astype(np.int64) - 1

    def _has_middle(self, session: Ints, opened_at: Instants) -> Flags:
        return (session >= 0) & (self._middles()[session] >= opened_at)

    def _middles(self) -> Instants:
        return self.opens + (self.closes - self.opens) // 2

    def _moved(self, at: Instants, step: int, timezone: str | None) -> Instants:
        moved = at + step
        if step % DAY:
            return moved
        borders = np.concatenate([[0], _local(np.concatenate([self.opens, self.closes]), self.timezone) % DAY])
        days = {self.timezone: np.unique(borders)}
        days = days if timezone in {None, self.timezone} else {**days, str(timezone): np.zeros(1, dtype=np.int64)}
        for zone, begins in days.items():
            wall = _local(at, zone)
            midnight = wall - wall % DAY
            wall = np.where(_utc(midnight, zone) == at, midnight, wall)  # where clocks change then, days begin at 01:00
            moved = np.where(np.isin(wall % DAY, begins), _utc(wall + step, zone), moved)
        return moved

    def open_hours_between(self, start: Instants, end: Instants) -> Floats:
        """Return the hours of open market in each [start, end), 0 where end <= start."""
        open_time: Instants = np.maximum(self._open_time(end) - self._open_time(start), 0)
        return open_time / HOUR

    def bars_ended(self, start: Instants, end: int, timeframe: Timeframe) -> Ints:
        """Return how many whole bars of open market have ended since each start, for the age of a feed. Shape (n,).

        A session of an exchange is a day, weekends and holidays are none; bars of more than a day count by elapsed
        time. 0 where end <= start.
        """
        until = np.full(len(start), max(end, int(self.opens[0])), dtype=np.int64)
        if timeframe.nanoseconds > DAY:
            passed = until - start
        elif self._by_session(timeframe):
            closed = [np.searchsorted(self.closes, at, side="right") for at in (start, until)]
            passed = (closed[1] - closed[0]) * timeframe.nanoseconds
        else:
            passed = self._open_time(until) - self._open_time(start)
        ended: Ints = np.maximum(passed, 0) // timeframe.nanoseconds
        return ended

    def bars_between(self, start: Instants, end: Instants, timeframe: Timeframe) -> Ints:
        """Return how many bars of at most a day fit into the open market of each [start, end). Shape (n,).

        Each session is cut by itself: a rest of half a bar or more is a bar (09:30 to 10:00 of a stock's hours), and so
        is a whole session that is shorter (6.5 hours of a stock's day). 0 where end <= start or the market is closed.
        """
        first = np.searchsorted(self.closes, start, side="right")
        counts = np.maximum(np.searchsorted(self.opens, end, side="left") - first, 0)
        which = np.repeat(np.arange(len(start)), counts)
        session = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts - first, counts)
        opens, closes = self.opens[session], self.closes[session]
        traded = self._open_time(np.minimum(closes, end[which])) - self._open_time(np.maximum(opens, start[which]))
        whole = traded == self._open_time(closes) - self._open_time(opens)
        bars = np.maximum((2 * traded // timeframe.nanoseconds + 1) // 2, whole)
        return np.bincount(which, weights=bars, minlength=len(start)).astype(np.int64)

    def dates(self, at: Instants) -> Instants:
        """Return the date of each instant on the calendar's own clock, in days since 1970."""
        return _local(at, self.timezone) // DAY

    def within_dates(self) -> bool:
        """Tell whether each session lies within one date of the calendar's own clock, as an exchange's does.

        Sessions of `FX` begin on the date before, those of `24/7` last to the next.
        """
        return bool(np.all(self.dates(self.opens) == self.dates(self.closes)))

    def closure_between(self, earlier: Ints, later: Ints) -> Flags:
        """Tell whether the market closes and opens again between two sessions (indices), breaks aside.

        Days of a market that never closes follow one another without a closure, and so do Monday to Friday of `FX`.
        """
        closed_before = np.cumsum(np.r_[True, self.opens[1:] > self.closes[:-1]])
        return closed_before[later] > closed_before[np.maximum(earlier, 0)]

    def _is_open(self, at: Instants) -> Flags:
        return _inside(at, self.opens, self.closes) & ~_inside(at, self.break_starts, self.break_ends)

    def _closures(self) -> Instants:
        return np.sort(np.concatenate([self.closes, self.break_starts]))

    def _open_time(self, at: Instants) -> Instants:
        return _time_inside(at, self.opens, self.closes) - _time_inside(at, self.break_starts, self.break_ends)


def session_clock(calendar: str, *, start: int, end: int) -> SessionClock:
    """Build the clock of `calendar` covering [start, end] with a margin of some weeks, explicit bounds always.

    Whole years are built and kept, so the symbols of one calendar share one clock.

    Args:
        calendar: Name in exchange_calendars, `FX` or `24/7`.
        start: First instant that will be asked for.
        end: Last one.

    Raises:
        CalendarError: Unknown name (with the nearest right one), or bounds the calendar does not cover.
    """
    known = [*exchange_calendars.get_calendar_names(), CurrencyWeek.name]
    if calendar not in known:
        raise CalendarError(
            f"calendar '{calendar}' is unknown{nearest(calendar, known)}\n"
            "  Take a name of exchange_calendars (XNYS, XLON, ...), FX or 24/7."
        )
    first, last = _date(start), _date(end)
    margin = pd.Timedelta(days=_MARGIN_DAYS)
    # A calendar's holidays are recorded between bounds: near one the margin has to give way.
    starts = (pd.Timestamp(year=first.year, month=1, day=1) - margin, first)
    ends = (pd.Timestamp(year=last.year, month=12, day=31) + margin, last + pd.Timedelta(days=1))
    refusals = []
    for from_date, to_date in product(starts, ends):
        try:
            return _build(calendar, from_date, to_date)
        except ValueError as error:
            refusals.append(shorten(str(error), width=240))
        except NotImplementedError as error:  # Orthodox Easter, which some releases of pandas do not compute
            releases = f"exchange_calendars {version('exchange_calendars')} with pandas {pd.__version__}"
            message = f"calendar '{calendar}' cannot be built by {releases}: {error}"
            cure = "Install releases that fit one another, or give these symbols another calendar."
            raise CalendarError(f"{message}\n  {cure}") from error
    raise CalendarError(f"calendar '{calendar}' does not cover {iso(start)} to {iso(end)}: {refusals[-1]}")


class CurrencyWeek(exchange_calendars.ExchangeCalendar):  # type: ignore[misc]
    """The week of currencies and metals: Monday to Friday, each from 17:00 New York of the day before to 17:00.

    So it runs from Sunday 17:00 to Friday 17:00 without a closure, at 21:00 or 22:00 UTC by the season.
    """

    name = "FX"
    tz = "America/New_York"
    open_times = ((None, time(17)),)
    open_offset = -1
    close_times = ((None, time(17)),)
    # No quotes are expected on these days: a policy, kept as data.
    regular_holidays = HolidayCalendar(
        [Holiday("Christmas Day", month=12, day=25), Holiday("New Year's Day", month=1, day=1)]
    )


@lru_cache(maxsize=64)
def _build(calendar: str, first: pd.Timestamp, last: pd.Timestamp) -> SessionClock:
    if calendar == CurrencyWeek.name:
        built = CurrencyWeek(start=first, end=last)
    else:
        built = exchange_calendars.get_calendar(calendar, start=first, end=last)
    schedule = built.schedule
    breaks = schedule[["break_start", "break_end"]].dropna()
    return SessionClock(
        calendar=calendar,
        timezone=str(built.tz),
        opens=_instants(schedule["open"]),
        closes=_instants(schedule["close"]),
        break_starts=_instants(breaks["break_start"]),
        break_ends=_instants(breaks["break_end"]),
    )


def _instants(stamps: pd.Series) -> Instants:
    instants = pd.DatetimeIndex(stamps).as_unit("ns").asi8.copy()
    instants.flags.writeable = False  # clocks are shared
    return instants


def _date(at: int) -> pd.Timestamp:
    return pd.Timestamp(at, unit="ns").normalize()


def _local(at: Instants, timezone: str) -> Instants:
    stamps = pd.DatetimeIndex(np.asarray(at).view("datetime64[ns]")).tz_localize("UTC").tz_convert(timezone)
    return stamps.tz_localize(None).asi8


def _utc(wall: Instants, timezone: str) -> Instants:
    """Return the instants of a wall clock's times: the first of two, or the next where there is none."""
    stamps = pd.DatetimeIndex(np.asarray(wall).view("datetime64[ns]"))
    first = np.ones(len(stamps), dtype=np.bool_)
    return stamps.tz_localize(timezone, ambiguous=first, nonexistent="shift_forward").asi8


def _inside(at: Instants, starts: Instants, ends: Instants) -> Flags:
    if starts.size == 0:
        return np.zeros(at.shape, dtype=np.bool_)
    latest = np.searchsorted(starts, at, side="right") - 1
    return (latest >= 0) & (at < ends[latest])


def _time_inside(at: Instants, starts: Instants, ends: Instants) -> Instants:
    if starts.size == 0:
        return np.zeros(at.shape, dtype=np.int64)
    lengths = ends - starts
    before = np.cumsum(lengths) - lengths
    latest = np.searchsorted(starts, at, side="right") - 1
    within = np.clip(at - starts[latest], 0, lengths[latest])
    return np.where(latest >= 0, before[latest] + within, 0)

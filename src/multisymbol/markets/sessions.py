"""The session clock: exchange calendars, the currency week, and markets that never close."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from multisymbol.markets.instants import Instants, Timeframe


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionFacts:
    """What the clock says at n instants.

    Args:
        is_open: Whether a session contains the instant, its open included, its close not. Shape (n,).
        minutes_since_open: Minutes since the latest open at or before, at most that session's length. Shape (n,).
        minutes_to_close: Minutes to the end of that same session, 0 after it. Shape (n,).
        session: Index of that session in the clock, -1 before the first. Shape (n,).
        local_hour: Hour of the day on the calendar's own clock, with fraction, 0 <= h < 24. Shape (n,).
        local_weekday: Monday 0 to Sunday 6 on the calendar's own clock. Shape (n,).
    """

    is_open: npt.NDArray[np.bool_]
    minutes_since_open: npt.NDArray[np.float64]
    minutes_to_close: npt.NDArray[np.float64]
    session: npt.NDArray[np.int64]
    local_hour: npt.NDArray[np.float64]
    local_weekday: npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionClock:
    """The sessions of one calendar between two instants.

    Args:
        calendar: Its name.
        timezone: Zone of its own clock.
        opens: Opens of the sessions, ascending. Shape (sessions,).
        closes: Their closes; the close of one may be the open of the next. Shape (sessions,).
    """

    calendar: str
    timezone: str
    opens: Instants
    closes: Instants

    def facts(self, at: Instants) -> SessionFacts:
        """Look up n instants at once."""
        raise NotImplementedError

    def closed_at(self, opened_at: Instants, timeframe: Timeframe) -> Instants:
        """Return when each bar is known: its end, cut back to the last instant the market was open within it.

        A daily bar of a stock stamped at midnight New York closes at 16:00, on an early-close day sooner. A bar within
        which the market never was open (odd prints after an early close) keeps its nominal end.
        """
        raise NotImplementedError

    def open_hours_between(self, start: Instants, end: Instants) -> npt.NDArray[np.float64]:
        """Return the hours of open market in each [start, end), 0 where end <= start."""
        raise NotImplementedError


def session_clock(calendar: str, *, start: int, end: int) -> SessionClock:
    """Build the clock of `calendar` covering [start, end] with a margin of some weeks, explicit bounds always.

    Args:
        calendar: Name in exchange_calendars, `FX` or `24/7`.
        start: First instant that will be asked for.
        end: Last one.

    Raises:
        CalendarError: Unknown name (with the nearest right one), or bounds the calendar does not cover.
    """
    raise NotImplementedError

"""Time as a feature: hour, weekday, the symbol's own session, and the three great sessions of the world.

Everything is said at the bar's close, the instant of the decision, and is known long before: calendars are published.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from functools import cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from exchange_calendars.exchange_calendar_xlon import XLONExchangeCalendar
from exchange_calendars.exchange_calendar_xnys import XNYSExchangeCalendar
from exchange_calendars.exchange_calendar_xtks import XTKSExchangeCalendar

from multisymbol.markets.sessions import SessionClock
from multisymbol.markets.time import DAY, HOUR, MINUTE, NEVER, Instants

CLOCK_COLUMNS: Mapping[str, Literal["raw", "clock"]] = {
    "hour_sin": "clock",
    "hour_cos": "clock",
    "weekday_sin": "clock",
    "weekday_cos": "clock",
    "is_market_open": "clock",
    "minutes_since_open": "raw",
    "minutes_to_close": "raw",
    "early_close": "clock",
    "session_asia": "clock",
    "session_europe": "clock",
    "session_america": "clock",
}
"""The columns in order; `raw` ones get scaled."""

USUAL_SESSIONS = 10
"""A session is short against the median of this many before it."""


FORMULAS = 2
"""Version of the formulas, stored with a model: it keeps the inputs it was trained on.

1: Tokyo closes at 15:00 at all times. 2: the world sessions follow the hours' history (Tokyo: 15:30 from 2024-11-05).
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class WallHours:
    """Hours of trade on weekdays by a zone's wall clock: date they are in force from -> time of day.

    Both in nanoseconds, of the wall clock since 1970 and since midnight; the first date is the earliest there is.
    """

    zone: str
    opens: Mapping[int, int]
    closes: Mapping[int, int]


_WORLD_CALENDARS: Mapping[str, Any] = {
    "session_asia": XTKSExchangeCalendar,
    "session_europe": XLONExchangeCalendar,
    "session_america": XNYSExchangeCalendar,
}
"""Tokyo, London and New York; holidays and Tokyo's lunch are not looked at."""


@cache
def world_sessions(formulas: int) -> Mapping[str, WallHours]:
    """Return the hours of the three great sessions, by a version of the formulas."""
    changes = None if formulas > 1 else 1
    return {
        name: WallHours(
            zone=str(calendar.tz),
            opens=_in_force(calendar.open_times[:changes]),
            closes=_in_force(calendar.close_times[:changes]),
        )
        for name, calendar in _WORLD_CALENDARS.items()
    }


def _in_force(times: tuple[tuple[pd.Timestamp | None, time], ...]) -> dict[int, int]:
    return {
        -NEVER if since is None else int(since.as_unit("ns").value): at.hour * HOUR + at.minute * MINUTE
        for since, at in times
    }


def clock_columns(at: Instants, clock: SessionClock, *, formulas: int = FORMULAS) -> dict[str, npt.NDArray[np.float64]]:
    """Return the clock columns of bars known at `at`.

    Hour and weekday are the calendar's own, as points on a circle. `minutes_*` are those of the latest session begun.
    `early_close` is 1 where that session is shorter than usual (see `short_sessions`); `session_*` are 1 inside the
    hours of `world_sessions`, the first instant included, the last not.

    Args:
        at: `closed_at` of the bars. Shape (n,).
        clock: Sessions of the symbol's calendar.
        formulas: Version of the formulas.

    Returns:
        Column -> values, shape (n,), in the order of `CLOCK_COLUMNS`.
    """
    facts = clock.facts(at)
    hour_angle = facts.local_hour * (2.0 * np.pi / 24.0)
    weekday_angle = facts.local_weekday * (2.0 * np.pi / 7.0)
    columns = {
        "hour_sin": np.sin(hour_angle),
        "hour_cos": np.cos(hour_angle),
        "weekday_sin": np.sin(weekday_angle),
        "weekday_cos": np.cos(weekday_angle),
        "is_market_open": facts.is_open.astype(np.float64),
        "minutes_since_open": facts.minutes_since_open,
        "minutes_to_close": facts.minutes_to_close,
        "early_close": _short_at(facts.session, clock),
    }
    return columns | {name: within(at, hours).astype(np.float64) for name, hours in world_sessions(formulas).items()}


def within(at: Instants, hours: WallHours) -> npt.NDArray[np.bool_]:
    """Whether each instant lies inside the hours, by the zone's wall clock and so with its daylight saving.

    Args:
        at: Shape (n,).
        hours: Zone and hours.

    Returns:
        Shape (n,).
    """
    stamps = pd.DatetimeIndex(pd.to_datetime(at, unit="ns", utc=True)).tz_convert(hours.zone).tz_localize(None)
    wall = stamps.as_unit("ns").asi8
    # 1970-01-01 was a Thursday, weekday 3.
    weekday = (wall // DAY + 3) % 7
    since_midnight = wall % DAY
    opens, closes = _at(wall, hours.opens), _at(wall, hours.closes)
    inside: npt.NDArray[np.bool_] = (weekday < 5) & (since_midnight >= opens) & (since_midnight < closes)
    return inside


def _at(wall: Instants, changes: Mapping[int, int]) -> Instants:
    """Return the time of day in force at each instant of the wall clock."""
    latest = np.searchsorted(np.array(list(changes)), wall, side="right") - 1
    return np.array(list(changes.values()))[latest]


def short_sessions(clock: SessionClock) -> npt.NDArray[np.bool_]:
    """Whether each session is shorter than the median of the `USUAL_SESSIONS` before it; no for the first ones.

    Measured against its own past, so a calendar that changes its hours for good is not early ever after, and one
    that is built for a longer span says the same.

    Args:
        clock: The sessions.

    Returns:
        Shape (sessions,).
    """
    lengths = clock.closes - clock.opens
    short = np.zeros(len(lengths), dtype=np.bool_)
    if len(lengths) > USUAL_SESSIONS:
        before = np.lib.stride_tricks.sliding_window_view(lengths[:-1], USUAL_SESSIONS)
        short[USUAL_SESSIONS:] = lengths[USUAL_SESSIONS:] < np.median(before, axis=1)
    return short


def _short_at(session: npt.NDArray[np.int64], clock: SessionClock) -> npt.NDArray[np.float64]:
    """1 where the session with this index is short; 0 before the first session (-1)."""
    short = np.append(short_sessions(clock), False)
    return short[session].astype(np.float64)

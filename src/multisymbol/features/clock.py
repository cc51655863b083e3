"""Time as a feature: hour, weekday, the symbol's own session, and the three great sessions of the world.

Everything is said at the bar's close, the instant of the decision, and is known long before: calendars are published.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from multisymbol.markets.sessions import SessionClock
from multisymbol.markets.time import DAY, HOUR, MINUTE, Instants

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


@dataclass(frozen=True, kw_only=True, slots=True)
class WallHours:
    """Hours of trade on weekdays by a zone's wall clock; nanoseconds since its midnight."""

    zone: str
    opens: int
    closes: int


WORLD_SESSIONS: Mapping[str, WallHours] = {
    "session_asia": WallHours(zone="Asia/Tokyo", opens=9 * HOUR, closes=15 * HOUR),
    "session_europe": WallHours(zone="Europe/London", opens=8 * HOUR, closes=16 * HOUR + 30 * MINUTE),
    "session_america": WallHours(zone="America/New_York", opens=9 * HOUR + 30 * MINUTE, closes=16 * HOUR),
}
"""Tokyo, London and New York; holidays and Tokyo's lunch are not looked at."""


def clock_columns(at: Instants, clock: SessionClock) -> dict[str, npt.NDArray[np.float64]]:
    """Return the clock columns of bars known at `at`.

    Hour and weekday are the calendar's own, as points on a circle. `minutes_*` are those of the latest session begun.
    `early_close` is 1 where that session is shorter than usual (see `short_sessions`); `session_*` are 1 inside the
    hours of `WORLD_SESSIONS`, the first instant included, the last not.

    Args:
        at: `closed_at` of the bars. Shape (n,).
        clock: Sessions of the symbol's calendar.

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
    return columns | {name: within(at, hours).astype(np.float64) for name, hours in WORLD_SESSIONS.items()}


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
    inside: npt.NDArray[np.bool_] = (weekday < 5) & (since_midnight >= hours.opens) & (since_midnight < hours.closes)
    return inside


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

"""Instants, timeframes and periods: every time in this package is int64 nanoseconds of UTC since 1970."""

import re
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from multisymbol.arrays import Ints
from multisymbol.errors import ConfigError

Instants: TypeAlias = Ints
"""Array of UTC nanoseconds since 1970."""

MINUTE = 60_000_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NEVER = int(np.iinfo(np.int64).max)
"""The instant that never comes: `resolved_at` of an unresolved label, the end of an open period."""

_UNITS = {"m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}


def instant(text: str) -> int:
    """Read an ISO date or timestamp; one without zone is UTC.

    Args:
        text: For example `2018-06-01` or `2018-06-01T14:30-04:00`.

    Returns:
        Nanoseconds of UTC.

    Raises:
        ConfigError: `text` is not a timestamp.
    """
    try:
        stamp = pd.Timestamp(str(text))
    except ValueError as error:
        raise ConfigError(f"'{text}' is not a timestamp; write it like 2018-06-01 or 2018-06-01T14:30Z") from error
    stamp = stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")
    return int(stamp.as_unit("ns").value)


def iso(at: int) -> str:
    """Write an instant as `2018-06-01T14:30Z`, seconds only where there are some; `NEVER` as `never`."""
    if at == NEVER:
        return "never"
    stamp = pd.Timestamp(int(at), unit="ns", tz="UTC")
    return stamp.strftime("%Y-%m-%dT%H:%M:%SZ" if stamp.second else "%Y-%m-%dT%H:%MZ")


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeframe:
    """Length of a bar, such as `15m`, `1h`, `1d`."""

    text: str
    nanoseconds: int

    @classmethod
    def parse(cls, text: str) -> "Timeframe":
        """Read `<number><m|h|d|w>`; raise ConfigError for anything else."""
        match = re.fullmatch(r"([1-9][0-9]*)([mhdw])", str(text))
        if match is None:
            message = f"timeframe '{text}' is not understood; write a number and m, h, d or w, like 15m, 1h or 1d"
            raise ConfigError(message)
        return cls(text=str(text), nanoseconds=int(match[1]) * _UNITS[match[2]])

    @property
    def intraday(self) -> bool:
        """Whether several bars fit into one day."""
        return self.nanoseconds < DAY

    @property
    def whole_days(self) -> bool:
        """Whether a bar is a number of calendar days, of 23 or 25 hours where clocks change."""
        return self.nanoseconds % DAY == 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """The bars in use: opened at or after `start`, closed at or before `end` (ISO text, None = open)."""

    start: str | None = None
    end: str | None = None

    def __post_init__(self) -> None:
        if self.from_ns >= self.until_ns:
            raise ConfigError(f"period.start {self.start} is not before period.end {self.end}")

    @property
    def from_ns(self) -> int:
        """First instant of the period."""
        return -NEVER if self.start is None else instant(self.start)

    @property
    def until_ns(self) -> int:
        """Last instant of the period, itself included."""
        return NEVER if self.end is None else instant(self.end)

"""Different trading hours in one universe: keep all hours, or those in which every market is open."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from multisymbol.errors import SampleError
from multisymbol.markets.sessions import SessionClock, session_clock
from multisymbol.markets.time import Instants, Timeframe
from multisymbol.samples.panel import Panel


@dataclass(frozen=True, kw_only=True, slots=True)
class Alignment:
    """What is done about different trading hours: a file in `conf/alignment`.

    Args:
        clock_features: Whether the clock columns are among the features.
        hours: `all` bars of every symbol, or those of the `common` hours alone, see `common_hours`.
    """

    clock_features: bool
    hours: Literal["all", "common"]

    def kept(self, panel: Panel, *, calendars: Sequence[str], timeframe: Timeframe) -> npt.NDArray[np.bool_] | None:
        """Return the rows of the panel that samples are made of, for `build_ledger`; None for all of them.

        Raises:
            SampleError: See `common_hours`.
        """
        return common_hours(panel, calendars=calendars, timeframe=timeframe) if self.hours == "common" else None


def common_hours(panel: Panel, *, calendars: Sequence[str], timeframe: Timeframe) -> npt.NDArray[np.bool_]:
    """Return the rows that lie in hours in which every market of the universe is open, by calendar.

    A bar of less than a day is kept where every market was open in the instant before the bar's close: the last bar of
    a session belongs to it, and the first bars of the others that end after the open of the latest. A bar of a day or
    more has no hours: it is kept where every market was open at some time between its open and its close, so weekends
    and any market's holidays are left out for all. Calendars decide, not which bars exist: a missing bar of one symbol
    changes nothing for another.

    Features and labels are made of all bars before; only windows and decisions are of the common hours.

    Args:
        panel: The bars.
        calendars: Calendar of each symbol.
        timeframe: Length of the bars.

    Returns:
        Shape (N,).

    Raises:
        SampleError: A symbol keeps no bar; names all such symbols, and the calendars with their hours.
        CalendarError: A calendar does not cover the bars of the universe.
    """
    kept = open_everywhere(panel.opened_at, panel.closed_at, calendars=calendars, timeframe=timeframe)
    bare = [name for index, name in enumerate(panel.symbols) if not kept[panel.rows(index)].any()]
    if bare:
        clocks = _clocks(panel.opened_at, panel.closed_at, calendars=calendars)
        raise SampleError(_nothing_left(bare, clocks=clocks, timeframe=timeframe))
    return kept


def open_everywhere(
    opened_at: Instants, closed_at: Instants, *, calendars: Sequence[str], timeframe: Timeframe
) -> npt.NDArray[np.bool_]:
    """Mark the bars in hours in which all markets are open, as `common_hours` says; at least one bar. Shape (n,).

    Raises:
        CalendarError: A calendar does not cover the bars.
    """
    looked_from = closed_at - 1 if timeframe.intraday else opened_at
    kept = np.ones(len(closed_at), dtype=np.bool_)
    for clock in _clocks(opened_at, closed_at, calendars=calendars):
        kept &= clock.open_hours_between(looked_from, closed_at) > 0
    return kept


def _clocks(opened_at: Instants, closed_at: Instants, *, calendars: Sequence[str]) -> list[SessionClock]:
    start, end = int(opened_at.min()), int(closed_at.max())
    return [session_clock(calendar, start=start, end=end) for calendar in dict.fromkeys(calendars)]


def _nothing_left(bare: Sequence[str], *, clocks: Sequence[SessionClock], timeframe: Timeframe) -> str:
    rule = "in which every market is open as it ends" if timeframe.intraday else "in which every market opens"
    return "\n".join(
        [
            f"alignment.hours=common leaves no bar of {', '.join(bare)}: there is none {rule}",
            *(f"  {_usual_hours(clock)}" for clock in clocks),
            "keep all hours and tell the network the time (alignment=clock_features), "
            f"or leave symbols out (symbols.without=[{','.join(bare)}])",
        ]
    )


def _usual_hours(clock: SessionClock) -> str:
    opens, closes = (
        float(np.median(clock.facts(instants).local_hour)) % 24 for instants in (clock.opens, clock.closes)
    )
    return f"{clock.calendar}: {_time(opens)} to {_time(closes)} {clock.timezone}"


def _time(hour: float) -> str:
    return f"{int(hour):02d}:{round(hour % 1 * 60):02d}"

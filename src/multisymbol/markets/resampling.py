"""Coarser bars from finer ones, session by session: no bar reaches over a close.

Hours of a stock (session 09:30 to 16:00, bars stamped at the full hour) as 4h bars; `|` begins a bar:

    09 10 11 12 | 13 14 15 ) close      the first bar is three and a half hours long, the second three
"""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from multisymbol.arrays import Flags, Floats, Ints, frozen
from multisymbol.errors import BarsError, ConfigError
from multisymbol.markets.bars import Bars, bars_between
from multisymbol.markets.io.quality import Examined, FileFinding
from multisymbol.markets.io.source import AcceptedBars, ExaminedSource
from multisymbol.markets.provenance import provenance_of
from multisymbol.markets.sessions import SessionClock, session_clock
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import DAY, Instants, Period, Timeframe

INCOMPLETE = "incomplete"
"""Kind of defect: a coarse bar in which finer bars are missing. Kept and counted."""


class Resampled(AcceptedBars):
    """The bars of another source, made coarser.

    Args:
        source: Has the finer bars; its policies and `min_bars` are about those.
        timeframe: Length of the coarse bars, a multiple of the source's and at most `1d`. `1d` is a whole session.

    Raises:
        ConfigError: Bars of this length cannot be made of the source's.
    """

    def __init__(self, *, source: ExaminedSource, timeframe: str) -> None:
        self.source = source
        self.timeframe = Timeframe.parse(timeframe)
        fine, coarse = source.timeframe.nanoseconds, self.timeframe.nanoseconds
        if coarse <= fine or coarse % fine or coarse > DAY:
            why = "they would reach over sessions" if coarse > DAY else "a coarse bar is made of two or more whole ones"
            message = f"resample={timeframe} cannot be made of bars of {source.timeframe.text}: {why}; at most 1d"
            raise ConfigError(message)

    def is_synthetic(self, config: SymbolConfig) -> bool:
        """Return what the finer bars are."""
        return provenance_of(self.source, config) == "synthetic"

    def fingerprint(self, config: SymbolConfig, period: Period) -> str:
        """Return a hash of the finer bars' fingerprint and the timeframe.

        Raises:
            SourceError: There is nothing for this symbol.
        """
        finer = self.source.fingerprint(config, period)
        return hashlib.sha256(f"{finer} resampled to {self.timeframe.text}".encode()).hexdigest()

    def examine(self, config: SymbolConfig, period: Period) -> Examined:
        """Judge the finer bars and make them coarser; incomplete ones are a finding of their own.

        Raises:
            SourceError: Nothing there for this symbol, or not readable.
            BarsError: The rows cannot be judged.
        """
        finer = self.source.examine(config, period)
        if finer.bars is None:
            return finer
        start, end = int(finer.bars.opened_at[0]), int(finer.bars.closed_at[-1])
        clock = session_clock(config.calendar, start=start, end=end)
        until = end if period.end is None else period.until_ns
        bars, incomplete = coarser(finer.bars, timeframe=self.timeframe, clock=clock, until=until)
        if len(bars) == 0:
            message = (
                f"{finer.bars.origin}: its {len(finer.bars):,} bars of {self.source.timeframe.text} make no whole bar"
            )
            return replace(finer, bars=None, refusal=BarsError(f"{message} of {self.timeframe.text}"))
        findings = finer.findings
        if incomplete.any():
            at = bars.opened_at[incomplete]
            kind = f"{self.timeframe.text} bar with missing {self.source.timeframe.text} bars"
            findings += (FileFinding(key=INCOMPLETE, kind=kind, policy="keep", count=len(at), at=at),)
        return Examined(opened_at=bars.opened_at, bars=bars, findings=findings, refusal=None)


def coarser(bars: Bars, *, timeframe: Timeframe, clock: SessionClock, until: int) -> tuple[Bars, Flags]:
    """Join the bars of each stretch of `timeframe` within a session.

    Open first, high highest, low lowest, close last, volume summed over those that have one (NaN where none has). A
    coarse bar opens with the first of its bars. It is known when its stretch is over by the calendar, or its last bar
    is closed where that is later: that no bar follows within the stretch is not known before. One that is not over at
    `until` is left out. A border of segments within a stretch comes before the coarse bar.

    Args:
        bars: The finer bars.
        timeframe: Of the coarse bars.
        clock: The market's sessions, covering the bars.
        until: Instant up to which the bars are known, UTC ns.

    Returns:
        The coarse bars, and which of them lack some of their bars, shape (coarse bars,).
    """
    blocks = _blocks(bars, timeframe=timeframe, clock=clock)
    first, last = blocks.first, np.append(blocks.first[1:], len(bars)) - 1
    closed_at = np.maximum(bars.closed_at[last], blocks.end)
    over = int(np.searchsorted(closed_at, until, side="right"))
    incomplete = ((last - first + 1) < clock.bars_between(blocks.start, blocks.end, bars.timeframe))[:over]
    kept = {**bars.kept_defects, **({INCOMPLETE: int(incomplete.sum())} if incomplete.any() else {})}
    joined = replace(
        bars,
        timeframe=timeframe,
        opened_at=frozen(bars.opened_at[first]),
        closed_at=frozen(closed_at),
        open=frozen(bars.open[first]),
        high=frozen(np.maximum.reduceat(bars.high, first)),
        low=frozen(np.minimum.reduceat(bars.low, first)),
        close=frozen(bars.close[last]),
        volume=frozen(_sums(bars.volume, first)),
        segment=frozen(_renumbered(bars.segment[last])),
        origin=f"{bars.origin} as {timeframe.text}",
        kept_defects=kept,
    )
    return bars_between(joined, 0, over), incomplete


@dataclass(frozen=True, kw_only=True, slots=True)
class _Blocks:
    """Stretches of a session that have bars, shape (blocks,) each."""

    first: Ints  # position of the first bar
    start: Instants  # where the stretch begins on the grid of the finer bars
    end: Instants  # where it ends by the calendar: the session's close at the latest


def _blocks(bars: Bars, *, timeframe: Timeframe, clock: SessionClock) -> _Blocks:
    """Cut each session into stretches, beginning with the finer bar that the session's open lies in.

    A bar while the market is closed belongs to the session before it: to its day where that is not over (thin prints
    after an early close), else to a stretch of its own.
    """
    session = clock.facts(bars.closed_at - 1).session  # a bar's open may lie before its session's
    opens, closes = clock.opens[session], clock.closes[session]
    base = opens - (opens - bars.opened_at) % bars.timeframe.nanoseconds
    number = (bars.opened_at - base) // timeframe.nanoseconds
    if timeframe.nanoseconds == DAY:
        number = np.where(bars.opened_at < closes, 0, number)  # a day of 25 hours is one
    begins = np.r_[True, (np.diff(session) != 0) | (np.diff(number) != 0)]
    first = np.flatnonzero(begins)
    start = base[first] + number[first] * timeframe.nanoseconds
    end = clock.closed_at(start, timeframe)
    if timeframe.nanoseconds == DAY:
        end = np.where(number[first] == 0, closes[first], end)
    return _Blocks(first=first, start=start, end=end)


def _sums(volume: Floats, first: Ints) -> Floats:
    known = ~np.isnan(volume)
    totals = np.add.reduceat(np.where(known, volume, 0.0), first)
    return np.where(np.logical_or.reduceat(known, first), totals, np.nan)


def _renumbered(segment: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Number segments without holes: one may have ended within a stretch."""
    return np.cumsum(np.r_[False, np.diff(segment) > 0]).astype(np.int32)

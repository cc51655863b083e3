"""Seeded markets with a known answer: for the demo, for tests, for nulls.

The return of bar t of a symbol, its sessions and closures being those of its real calendar, is

    return_t = sigma_t * (sqrt(c) * F_t + sqrt(1 - c) * e_t + signal * f(m_t-1))

    sigma_t   annual volatility, shared out over open hours by time of day, times a GARCH(1,1) factor (clustering)
    F_t       common factor of all symbols: the same instants have the same F, whichever symbols are asked for
    e_t       the symbol's own shock, Student t with 5 degrees of freedom (fat tails)
    m_t       momentum: moving average of standardised returns over about 48 bars (weight 1/24), of unit variance
    f(m)      tanh(m) / 0.63: bounded, mean square about 1, one form for all symbols

So `signal` is the planted drift per bar in standard deviations of that bar (0.05 is weak, 0.2 plain to see). It is
causal: m_t-1 is made of closes up to t-1, and RSI, MACD or rate of change show it. It makes legs go on, so part of it
is seen in how far price has come back from its extreme already. Logistic regressions on ZigZag labels, hourly bars of
four symbols, log-loss on the last 30 % from that retracement alone, and with RSI and m_t added:

    signal 0     sigmas 12: 0.507, 0.506      sigmas 6: 0.530, 0.531
    signal 0.1   sigmas 12: 0.393, 0.387      sigmas 6: 0.436, 0.423

With signal = 0 the same random numbers make prices that are a martingale: only volatility and volume can be predicted.
"""

import calendar
import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd
from numba import njit

from multisymbol.arrays import Floats
from multisymbol.errors import ConfigError, SourceError, nearest
from multisymbol.markets.io.defects import Limits, OnDefect
from multisymbol.markets.io.quality import Examined, ReadOptions, examine_rows
from multisymbol.markets.io.source import AcceptedBars, fingerprint_of
from multisymbol.markets.provenance import foreign_symbols
from multisymbol.markets.sessions import SessionClock, session_clock
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import DAY, HOUR, MINUTE, Instants, Period, Timeframe, instant

MOMENTUM_WEIGHT = 1 / 24
"""Weight of the newest standardised return in the momentum m_t: a moving average of about 48 bars."""

_MOMENTUM_SCALE = 0.6279
"""Root mean square of tanh(m) for a standard normal m."""

_GARCH_SHOCK, _GARCH_MEMORY = 0.04, 0.95
_DEGREES_OF_FREEDOM = 5
_CLOSED_HOUR_WEIGHT = 0.125  # an hour of night moves price an eighth as much (in variance) as one of the session
_CLOSED_HOURS_COUNTED = 24.0  # a weekend moves price hardly more than a night
_LARGEST_RETURN = 0.5  # symmetric, so the mean stays 0
_GRID = 15 * MINUTE
_YEAR = 365.25 * DAY


class SyntheticSource(AcceptedBars):
    """A seeded market: bars of any symbol name, always the same for the same seed and name.

    Args:
        timeframe: Length of the bars, at most `1d`; bars begin at the session's open, its last one is cut at the close.
        start: First instant.
        end: Last one.
        seed: Of all random numbers, 0 or more.
        signal: Planted drift per bar in standard deviations of the bar, 0 = a martingale, negative = reversal.
        correlation: Share of the variance that comes from the common factor, 0 to 1.
        annual_volatility: Asset class -> standard deviation of a year's return (0.2 = 20 %).
        ragged: Whether symbols start at instants of their own in the first half of the span.
        prices: Asset class -> price between half and twice of which a symbol begins; None: between 1 and 100.
        symbols: The only symbols it has; None: any.
        min_bars: Fewer bars than this are refused.
        on_defect: What happens to the bars of each kind of defect; what is odd is counted here as in a file.
        limits: What counts as odd.

    Raises:
        ConfigError: Values outside these ranges, all at once.
    """

    def __init__(
        self,
        *,
        timeframe: str,
        start: str,
        end: str,
        seed: int,
        signal: float,
        correlation: float,
        annual_volatility: dict[str, float],
        ragged: bool,
        min_bars: int,
        on_defect: OnDefect,
        limits: Limits,
        prices: dict[str, float] | None = None,
        symbols: list[str] | None = None,
    ) -> None:
        self.timeframe = Timeframe.parse(timeframe)
        self.reading = ReadOptions(
            timeframe=self.timeframe, stamped="open", min_bars=min_bars, on_defect=on_defect, limits=limits
        )
        self.start, self.end = start, end
        self.seed = seed
        self.signal = signal
        self.correlation = correlation
        self.annual_volatility = dict(annual_volatility)
        self.ragged = ragged
        self.prices = None if prices is None else dict(prices)
        self.symbols = None if symbols is None else tuple(symbols)
        problems = list(self._problems())
        if problems:
            raise ConfigError("\n  ".join(["The synthetic market cannot be made.", *problems]))

    def is_synthetic(self, config: SymbolConfig) -> bool:
        """Return True: the bars are generated."""
        del config
        return True

    def fingerprint(self, config: SymbolConfig, period: Period) -> str:
        """Return a hash of all that the bars depend on.

        Raises:
            SourceError: There is no volatility for the symbol's asset class.
        """
        origin = {
            "market": "synthetic",
            "numpy": np.__version__,
            "timeframe": self.timeframe.text,
            "span": [instant(self.start), instant(self.end)],
            "seed": self.seed,
            "signal": self.signal,
            "correlation": self.correlation,
            "volatility": _of_class(self.annual_volatility, config, what="volatility"),
            "ragged": self.ragged,
            **({} if self.prices is None else {"price": _of_class(self.prices, config, what="price")}),
        }
        return fingerprint_of(origin, config=config, period=period, reading=self.reading)

    def examine(self, config: SymbolConfig, period: Period) -> Examined:
        """Make and judge the symbol's bars; those of a shorter period are the same bars.

        Raises:
            SourceError: It has no such symbol, or no volatility or price for the symbol's asset class.
        """
        if problem := foreign_symbols(self.symbols, [config.symbol]):
            raise SourceError(problem)
        frame = synthetic_frame(
            config,
            timeframe=self.timeframe,
            start=self.start,
            end=self.end,
            seed=self.seed,
            signal=self.signal,
            correlation=self.correlation,
            annual_volatility=self.annual_volatility,
            ragged=self.ragged,
            prices=self.prices,
        )
        return examine_rows(
            frame,
            config=config,
            period=period,
            reading=self.reading,
            synthetic=True,
            origin=f"synthetic {config.symbol} (seed {self.seed})",
        )

    def _problems(self) -> Iterator[str]:
        if self.timeframe.nanoseconds > DAY:
            yield f"timeframe={self.timeframe.text}: bars are at most a session long, 1d"
        if instant(self.start) >= instant(self.end):
            yield f"start={self.start} is not before end={self.end}"
        if self.seed < 0:
            yield f"seed={self.seed}: a seed is 0 or more"
        if not abs(self.signal) <= 1:
            yield f"signal={self.signal}: the drift per bar is between -1 and 1 standard deviations of the bar"
        if not 0 <= self.correlation <= 1:
            yield f"correlation={self.correlation}: a share of the variance is between 0 and 1"
        for name, value in (self.prices or {}).items():
            if not 0 < value < math.inf:
                yield f"prices.{name}={value}: a price is above 0"
        for name, value in self.annual_volatility.items():
            if not 0 < value <= 5:
                yield f"annual_volatility.{name}={value}: a volatility is above 0 and at most 5 (0.2 = 20 % a year)"


def synthetic_frame(
    config: SymbolConfig,
    *,
    timeframe: Timeframe,
    start: str,
    end: str,
    seed: int,
    signal: float,
    correlation: float,
    annual_volatility: Mapping[str, float],
    ragged: bool,
    prices: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Make the bars of one symbol as a file would hold them; arguments as in `SyntheticSource`.

    Returns:
        Columns timestamp (open of the bar, datetime64[ns, UTC]), open, high, low, close, volume; volume is NaN unless
        the asset class requires it.

    Raises:
        SourceError: There is no volatility or price for the symbol's asset class.
    """
    volatility = _of_class(annual_volatility, config, what="volatility")
    price = None if prices is None else _of_class(prices, config, what="price")
    first, last = instant(start), instant(end)
    clock = session_clock(config.calendar, start=first, end=last)
    if ragged:
        first += int(_generator(seed, "start", config.symbol).uniform(0, 0.5) * (last - first))
    plan = _schedule(clock, timeframe=timeframe, start=first, end=last, volatility=volatility)
    path = _walk(
        _shocks(seed, "gap", config.symbol, plan.closed_before, plan.opened_at, common=correlation),
        _shocks(seed, "bar", config.symbol, plan.opened_at, plan.closed_at, common=correlation),
        plan.gap_sd,
        plan.bar_sd,
        float(signal),
    )
    spread = path[_LEVEL] * plan.bar_sd
    volume = np.full(len(plan.opened_at), np.nan)
    if config.volume == "required":
        volume = _volumes(spread / volatility, generator=_generator(seed, "volume", config.symbol))
    timestamp = pd.DatetimeIndex(plan.opened_at.view("datetime64[ns]")).tz_localize("UTC")
    generator = _generator(seed, "price", config.symbol)
    made = _prices(path[_GAP], path[_MOVE], spread, generator=generator, price=price)
    return pd.DataFrame({"timestamp": timestamp, **made, "volume": volume})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Schedule:
    """When the bars of a symbol are, and how far price may move, shape (n,) each."""

    opened_at: Instants  # start of each bar
    closed_at: Instants  # its end, the session's close for the last of a session
    closed_before: Instants  # end of the bar before, its own start for the first bar
    gap_sd: Floats  # standard deviation of the move over the closure before the bar, 0 where there is none
    bar_sd: Floats  # that of the bar


def _schedule(clock: SessionClock, *, timeframe: Timeframe, start: int, end: int, volatility: float) -> _Schedule:
    """Share out a year's variance over the closures, the bars, and the hours of the day."""
    opened_at, closed_at = _bar_times(clock, timeframe=timeframe, start=start, end=end)
    closed_before = np.r_[opened_at[:1], closed_at[:-1]]
    closure = _CLOSED_HOUR_WEIGHT * np.minimum((opened_at - closed_before) / HOUR, _CLOSED_HOURS_COUNTED)
    busy = clock.open_hours_between(opened_at, closed_at) * _rhythm(clock, (opened_at + closed_at) // 2)
    years = (closed_at[-1] - opened_at[0]) / _YEAR if len(opened_at) else 1.0
    variance = volatility**2 * years / (closure.sum() + busy.sum()) if len(opened_at) else 0.0
    return _Schedule(
        opened_at=opened_at,
        closed_at=closed_at,
        closed_before=closed_before,
        gap_sd=np.sqrt(variance * closure),
        bar_sd=np.sqrt(variance * busy),
    )


def _rhythm(clock: SessionClock, at: Instants) -> Floats:
    """Return how busy the market is by time of day: exchanges at open and close, markets around the clock at midday."""
    facts = clock.facts(at)
    session_minutes = facts.minutes_since_open + facts.minutes_to_close
    position = facts.minutes_since_open / session_minutes
    rhythm: Floats = np.where(
        session_minutes <= 12 * 60, 0.6 + 1.2 * (2 * position - 1) ** 2, 0.5 + np.sin(np.pi * position) ** 2
    )
    return rhythm


def _bar_times(clock: SessionClock, *, timeframe: Timeframe, start: int, end: int) -> tuple[Instants, Instants]:
    """Cut the sessions of [start, end] into bars from each open on, the last of a session as long as what is left."""
    inside = (clock.opens >= start) & (clock.closes <= end)
    opens, closes = clock.opens[inside], clock.closes[inside]
    counts = -(-(closes - opens) // timeframe.nanoseconds)
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    opened_at = np.repeat(opens, counts) + number * timeframe.nanoseconds
    closed_at = np.minimum(opened_at + timeframe.nanoseconds, np.repeat(closes, counts))
    traded = clock.open_hours_between(opened_at, closed_at) > 0  # a bar may lie in a lunch break
    return opened_at[traded], closed_at[traded]


def _of_class(table: Mapping[str, float], config: SymbolConfig, *, what: Literal["volatility", "price"]) -> float:
    """Return what a table of the source has for the symbol's asset class.

    Raises:
        SourceError: It has nothing for that class.
    """
    if config.asset_class not in table:
        hint = nearest(config.asset_class, tuple(table))
        key, example = {"volatility": ("annual_volatility", 0.2), "price": ("prices", 100)}[what]
        raise SourceError(
            f"the synthetic market has no {what} for {config.symbol} of class '{config.asset_class}'{hint}\n"
            f"  Say source.{key}.{config.asset_class}={example} (there are {', '.join(table)})."
        )
    return float(table[config.asset_class])


def _generator(seed: int, *names: str) -> np.random.Generator:
    """Derive a stream of random numbers from the seed by name, so that none depends on which others were used."""
    digest = hashlib.sha256("\x1f".join([str(seed), *names]).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def _student(generator: np.random.Generator, size: int) -> Floats:
    """Draw from Student's t, scaled to unit variance."""
    degrees = _DEGREES_OF_FREEDOM
    return generator.standard_t(degrees, size) * math.sqrt((degrees - 2) / degrees)


def _shocks(seed: int, name: str, symbol: str, start: Instants, end: Instants, *, common: float) -> Floats:
    """Draw the unit shock of each [start, end): the common factor's part and the symbol's own."""
    own = _student(_generator(seed, name, symbol), len(start))
    return math.sqrt(common) * _common_factor(seed, start, end) + math.sqrt(1 - common) * own


def _common_factor(seed: int, start: Instants, end: Instants) -> Floats:
    """Return the common factor's move over each [start, end) in units of its deviation, 0 where end <= start.

    The factor is a walk over a grid of 15 minutes that depends on the seed and the instant alone. Times between
    are taken back to the grid, so moves of bars that follow one another share no part of it.
    """
    if len(start) == 0:
        return np.empty(0)
    years = range(_year(int(start[0])), _year(int(end[-1])) + 1)
    steps = np.concatenate([_factor_steps(seed, year) for year in years])
    walk = np.r_[0.0, np.cumsum(steps)]
    first = pd.Timestamp(year=years[0], month=1, day=1).as_unit("ns").value
    from_step, to_step = (start - first) // _GRID, (end - first) // _GRID
    move: Floats = (walk[to_step] - walk[from_step]) / np.sqrt(np.maximum(to_step - from_step, 1))
    return move


@lru_cache(maxsize=256)
def _factor_steps(seed: int, year: int) -> Floats:
    days = 366 if calendar.isleap(year) else 365
    steps = _student(_generator(seed, "common", str(year)), days * DAY // _GRID)
    steps.flags.writeable = False  # shared by all symbols
    return steps


def _year(at: int) -> int:
    return pd.Timestamp(at, unit="ns").year


_GAP, _MOVE, _LEVEL = 0, 1, 2


@njit(cache=True)
def _walk(gap_shock: Floats, bar_shock: Floats, gap_sd: Floats, bar_sd: Floats, signal: float) -> Floats:
    """Run volatility and momentum through the bars.

    The GARCH factor is fed by the shocks alone, so the same seed has the same volatility with any signal.

    Returns:
        Rows: return over the closure before the bar, return of the bar, volatility factor. Shape (3, n).
    """
    path = np.empty((3, len(bar_sd)))
    level, momentum = 1.0, 0.0
    unit = math.sqrt((2 - MOMENTUM_WEIGHT) / MOMENTUM_WEIGHT)
    for bar in range(len(bar_sd)):
        deviation = math.sqrt(level)
        drift = signal * math.tanh(unit * momentum) / _MOMENTUM_SCALE
        total = math.sqrt(gap_sd[bar] ** 2 + bar_sd[bar] ** 2)
        shock = (gap_sd[bar] * gap_shock[bar] + bar_sd[bar] * bar_shock[bar]) / total
        gap = deviation * gap_sd[bar] * gap_shock[bar]
        move = deviation * bar_sd[bar] * (bar_shock[bar] + drift)
        path[0, bar] = min(max(gap, -_LARGEST_RETURN), _LARGEST_RETURN)
        path[1, bar] = min(max(move, -_LARGEST_RETURN), _LARGEST_RETURN)
        path[2, bar] = deviation
        observed = shock + bar_sd[bar] * drift / total
        momentum += MOMENTUM_WEIGHT * (observed - momentum)
        level = (1 - _GARCH_SHOCK - _GARCH_MEMORY) + level * (_GARCH_SHOCK * shock**2 + _GARCH_MEMORY)
    return path


def _prices(
    gap: Floats, move: Floats, spread: Floats, *, generator: np.random.Generator, price: float | None
) -> dict[str, Floats]:
    """Turn returns into bars; highs and lows are the extremes of a Brownian bridge from open to close.

    The maximum of a bridge from 0 to x with variance s^2 is (x + sqrt(x^2 - 2 s^2 log U)) / 2 with U uniform
    (Karatzas and Shreve 1991, section 4.3).
    """
    draw = generator.uniform(0, 2)
    first = 10**draw if price is None else price * 2 ** (draw - 1)
    close = first * np.cumprod((1 + gap) * (1 + move))
    opened = close / (1 + move)
    change = np.log1p(move)
    room = -2 * spread**2 * np.log(1 - generator.random((2, len(move))))  # 1 - [0, 1) is never 0
    high = opened * np.exp((change + np.sqrt(change**2 + room[0])) / 2)
    low = opened * np.exp((change - np.sqrt(change**2 + room[1])) / 2)
    return {
        "open": opened,
        "high": np.maximum(high, np.maximum(opened, close)),  # rounding may leave one a hair outside
        "low": np.minimum(low, np.minimum(opened, close)),
        "close": close,
    }


def _volumes(spread: Floats, *, generator: np.random.Generator) -> Floats:
    """Make whole, clustered volumes that grow with the variance of the bar and say nothing of its direction."""
    size = 10 ** generator.uniform(9, 11)
    mood = _moods(0.3 * generator.standard_normal(len(spread)))
    volume: Floats = np.maximum(np.rint(size * spread**2 * np.exp(mood)), 1.0)
    return volume


@njit(cache=True)
def _moods(shocks: Floats) -> Floats:
    """Follow mood_t = 0.9 mood_t-1 + shock_t from 0. Shape (n,)."""
    moods = np.empty(len(shocks))
    mood = 0.0
    for bar in range(len(shocks)):
        mood = 0.9 * mood + shocks[bar]
        moods[bar] = mood
    return moods

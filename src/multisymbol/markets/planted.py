"""Planted worlds: markets whose signal is known to the last digit, for proofs of the whole pipeline.

Around the clock, bars of equal length, no gaps. The log return of bar t+1 of symbol i is

    return_t+1 = volatility * (b_i * x_t + sqrt(1 - b_i^2) * (sqrt(c) * F_t+1 + sqrt(1 - c) * e_t+1))

    b_i       effect of the symbol: the share b_i^2 of a bar's variance can be known one bar before
    x_t       what carries the signal, of unit variance and independent of everything else
    F_t, e_t  standard normal shocks, common to all symbols and the symbol's own

The signal x_t can be seen in the volume of bar t alone (indicator volume_ratio), so prices by themselves are a
martingale, and the sign of a surrogate market (`markets.surrogate`) leaves nothing of it.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from multisymbol.arrays import Floats
from multisymbol.errors import ConfigError
from multisymbol.markets.bars import Bars
from multisymbol.markets.io.defects import Limits, OnDefect
from multisymbol.markets.io.quality import Examined, ReadOptions, examine_rows
from multisymbol.markets.io.source import AcceptedBars, ExaminedSource, fingerprint_of
from multisymbol.markets.sessions import session_clock
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import Period, Timeframe, instant

VOLUME_SPREAD = 0.5
"""Deviation of the logarithm of volume."""
_USUAL_VOLUME = 1e6
_STEPS = 12  # prices seen within a bar


class PlantedSource(AcceptedBars):
    """A market around the clock in which next bar's return depends on this bar's volume, symbol by symbol.

    Args:
        timeframe: Length of the bars.
        start: Open of the first bar.
        bars: How many.
        seed: Of all random numbers, 0 or more.
        effects: Symbol -> b, between -1 and 1; a symbol that is not named has none.
        correlation: Share of the shocks' variance that all symbols have in common, 0 to 1.
        volatility: Deviation of a bar's log return.
        lengths: Symbol -> bars it has, the last ones; a symbol that is not named has all.
        min_bars: Fewer bars than this are refused.
        on_defect: What happens to the bars of each kind of defect.
        limits: What counts as odd.

    Raises:
        ConfigError: Values outside these ranges, all at once.
    """

    def __init__(
        self,
        *,
        timeframe: str,
        start: str,
        bars: int,
        seed: int,
        effects: dict[str, float],
        correlation: float,
        volatility: float,
        lengths: dict[str, int],
        min_bars: int,
        on_defect: OnDefect,
        limits: Limits,
    ) -> None:
        self.timeframe = Timeframe.parse(timeframe)
        self.reading = ReadOptions(
            timeframe=self.timeframe, stamped="open", min_bars=min_bars, on_defect=on_defect, limits=limits
        )
        self.start = start
        self.bars = bars
        self.seed = seed
        self.effects = dict(effects)
        self.correlation = correlation
        self.volatility = volatility
        self.lengths = dict(lengths)
        problems = list(self._problems())
        if problems:
            raise ConfigError("\n  ".join(["The planted world cannot be made.", *problems]))

    def is_synthetic(self, config: SymbolConfig) -> bool:
        """Return True: the bars are generated."""
        del config
        return True

    def fingerprint(self, config: SymbolConfig, period: Period) -> str:
        """Return a hash of all that the bars depend on."""
        origin = {
            "market": "planted",
            "numpy": np.__version__,
            "timeframe": self.timeframe.text,
            "start": instant(self.start),
            "bars": [self.bars, self.lengths.get(config.symbol)],
            "seed": self.seed,
            "effect": self.effects.get(config.symbol, 0.0),
            "correlation": self.correlation,
            "volatility": self.volatility,
        }
        return fingerprint_of(origin, config=config, period=period, reading=self.reading)

    def examine(self, config: SymbolConfig, period: Period) -> Examined:
        """Make and judge the symbol's bars."""
        return examine_rows(
            self._frame(config.symbol),
            config=config,
            period=period,
            reading=self.reading,
            synthetic=True,
            origin=f"planted world, {config.symbol} (seed {self.seed})",
        )

    def _frame(self, symbol: str) -> pd.DataFrame:
        made = _made(
            _Chances(seed=self.seed, symbol=symbol, bars=self.bars),
            effect=self.effects.get(symbol, 0.0),
            correlation=self.correlation,
            volatility=self.volatility,
        )
        opened_at = instant(self.start) + self.timeframe.nanoseconds * np.arange(self.bars, dtype=np.int64)
        timestamp = pd.DatetimeIndex(opened_at.view("datetime64[ns]")).tz_localize("UTC")
        frame = pd.DataFrame({"timestamp": timestamp, **made})
        return frame.tail(self.lengths.get(symbol, self.bars)).reset_index(drop=True)

    def _problems(self) -> Iterator[str]:
        if self.bars < 2:
            yield f"bars={self.bars}: a market has 2 or more"
        if self.seed < 0:
            yield f"seed={self.seed}: a seed is 0 or more"
        if not 0 <= self.correlation <= 1:
            yield f"correlation={self.correlation}: a share of the variance is between 0 and 1"
        if not 0 < self.volatility <= 0.1:
            yield f"volatility={self.volatility}: the deviation of a bar's return is above 0 and at most 0.1"
        for symbol, effect in self.effects.items():
            if not abs(effect) < 1:
                yield f"effects.{symbol}={effect}: an effect is between -1 and 1 deviations of the bar"
        for symbol, length in self.lengths.items():
            if not 2 <= length <= self.bars:
                yield f"lengths.{symbol}={length}: between 2 and bars={self.bars}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Chances:
    """The random numbers of one symbol; those named `common` are every symbol's."""

    seed: int
    symbol: str
    bars: int

    def own(self, name: str, *shape: int) -> Floats:
        return _generator(self.seed, name, self.symbol).standard_normal((self.bars, *shape))

    def common(self) -> Floats:
        return _generator(self.seed, "common").standard_normal(self.bars)


def _made(chances: _Chances, *, effect: float, correlation: float, volatility: float) -> dict[str, Floats]:
    """Make open, high, low, close and volume of all bars."""
    signal = chances.own("signal")
    shock = math.sqrt(correlation) * chances.common() + math.sqrt(1 - correlation) * chances.own("shock")
    known = np.r_[0.0, signal[:-1]]
    moves = volatility * (effect * known + math.sqrt(1 - effect**2) * shock)
    end = math.log(100.0) + np.cumsum(moves)
    path = _bridges(moves, chances.own("within", _STEPS), volatility) + (end - moves)[:, None]
    opened, close = np.exp(end - moves), np.exp(end)
    reach = np.exp(path)
    return {
        "open": opened,
        "high": np.maximum(np.maximum(opened, close), reach.max(axis=1)),
        "low": np.minimum(np.minimum(opened, close), reach.min(axis=1)),
        "close": close,
        "volume": np.rint(_USUAL_VOLUME * np.exp(VOLUME_SPREAD * signal)),
    }


def _bridges(moves: Floats, steps: Floats, volatility: float) -> Floats:
    """Walk from 0 to each bar's move in `_STEPS` random steps. Shape (bars, _STEPS)."""
    walk = np.cumsum(steps, axis=1) * (volatility / math.sqrt(_STEPS))
    share = np.arange(1, _STEPS + 1) / _STEPS
    bridge: Floats = walk - share * walk[:, -1:] + share * moves[:, None]
    return bridge


def _generator(seed: int, *names: str) -> np.random.Generator:
    digest = hashlib.sha256("\x1f".join(["planted", str(seed), *names]).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


class OpeningSource(AcceptedBars):
    """The bars of another source with a drift in one bar of every session, found by its distance from the open.

    Args:
        inner: Has the bars.
        minutes: From the session's open to that bar's.
        effect: Drift in deviations of that bar's log returns.
    """

    def __init__(self, *, inner: ExaminedSource, minutes: int, effect: float) -> None:
        self.inner = inner
        self.timeframe = inner.timeframe
        self.minutes = minutes
        self.effect = effect

    def is_synthetic(self, config: SymbolConfig) -> bool:
        """Return True: the drift is generated."""
        del config
        return True

    def fingerprint(self, config: SymbolConfig, period: Period) -> str:
        """Return a hash of the inner source's fingerprint and the drift."""
        inner = self.inner.fingerprint(config, period)
        return hashlib.sha256(f"{inner} opening {self.minutes} {self.effect}".encode()).hexdigest()

    def examine(self, config: SymbolConfig, period: Period) -> Examined:
        """Judge the inner source's bars and let them drift."""
        found = self.inner.examine(config, period)
        return found if found.bars is None else replace(found, bars=self._drifting(found.bars, config))

    def _drifting(self, bars: Bars, config: SymbolConfig) -> Bars:
        clock = session_clock(config.calendar, start=int(bars.opened_at[0]), end=int(bars.closed_at[-1]))
        chosen = np.abs(clock.facts(bars.opened_at).minutes_since_open - self.minutes) < 1e-6
        own = np.log(bars.close / bars.open)
        drift = np.where(chosen, self.effect * own[chosen].std(), 0.0)
        after = np.exp(np.cumsum(drift))
        before = after / np.exp(drift)
        opened, close = bars.open * before, bars.close * after
        return replace(
            bars,
            open=opened,
            close=close,
            high=np.maximum(bars.high * before, close),
            low=np.minimum(bars.low * before, opened),
            synthetic=True,
            origin=f"{bars.origin} with a drift {self.minutes} minutes after the open",
        )

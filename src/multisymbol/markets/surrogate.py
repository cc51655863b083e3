"""Surrogate markets: the bars of another source with one random sign per instant, the same for all symbols.

Direction becomes unpredictable. Volatility and its clustering, the correlation between symbols, sessions, gaps and
volumes survive. So what a model scores on surrogates is mechanics of the labels, and only what lies above is knowledge.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from multisymbol.arrays import Floats, frozen
from multisymbol.errors import ConfigError
from multisymbol.markets.bars import Bars
from multisymbol.markets.io.quality import Examined
from multisymbol.markets.io.source import AcceptedBars, ExaminedSource
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import Instants, Period

Drift = Literal["kept", "removed"]

_STEP, _FIRST, _SECOND = (np.uint64(number) for number in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


class SurrogateSource(AcceptedBars):
    """The bars of another source, each turned over or not by the toss of a coin that all symbols share.

    Args:
        inner: Has the bars.
        seed: Of the signs, 0 or more.
        drift: Whether the mean log return of a symbol's bars survives ("kept": buy and hold earns what it earned) or
            is tossed over like everything else ("removed": nothing earns anything).

    Raises:
        ConfigError: A negative seed, or a drift that is neither.
    """

    def __init__(self, *, inner: ExaminedSource, seed: int, drift: Drift) -> None:
        self.inner = inner
        self.timeframe = inner.timeframe
        self.seed = seed
        self.drift = drift
        problems = list(self._problems())
        if problems:
            raise ConfigError("\n  ".join(["The surrogate market cannot be made.", *problems]))

    def is_synthetic(self, config: SymbolConfig) -> bool:
        """Return True: the signs are generated."""
        del config
        return True

    def fingerprint(self, config: SymbolConfig, period: Period) -> str:
        """Return a hash of the inner source's fingerprint and the signs.

        Raises:
            SourceError: There is nothing for this symbol.
        """
        facts = [self.inner.fingerprint(config, period), "surrogate", self.seed, self.drift]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def examine(self, config: SymbolConfig, period: Period) -> Examined:
        """Judge the inner source's bars and turn them over; what is odd about them is the inner source's.

        The first bar of the period keeps its open, so another period has other levels, and with the drift kept another
        mean; its signs are the same.

        Raises:
            SourceError: Nothing there for this symbol, or not readable.
            BarsError: The rows cannot be judged.
        """
        found = self.inner.examine(config, period)
        if found.bars is None:
            return found
        return replace(found, bars=mirrored(found.bars, signs(found.bars.closed_at, seed=self.seed), drift=self.drift))

    def _problems(self) -> Iterator[str]:
        if self.seed < 0:
            yield f"seed={self.seed}: a seed is 0 or more"
        if self.drift not in get_args(Drift):
            yield f"drift={self.drift}: expected kept or removed"


def signs(closed_at: Instants, *, seed: int) -> Floats:
    """Toss a coin for each instant: +1 or -1 as a function of the seed and the instant alone.

    The bits are those of SplitMix64 (Steele, Lea and Flood 2014), started once from the seed and once from the instant.

    Args:
        closed_at: Any instants. Shape (n,).
        seed: 0 or more.

    Returns:
        Shape (n,). Bars of two symbols that close at the same instant have the same sign; those that close at
        different ones, such as 15:30 and 16:00, do not share it.
    """
    start = _mixed(np.array([seed], dtype=np.uint64))
    bits = _mixed(closed_at.view(np.uint64) ^ start)
    return np.where(bits >> np.uint64(63), -1.0, 1.0)


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    values = values + _STEP
    values = (values ^ (values >> np.uint64(30))) * _FIRST
    values = (values ^ (values >> np.uint64(27))) * _SECOND
    return values ^ (values >> np.uint64(31))


def mirrored(bars: Bars, sign: Floats, *, drift: Drift) -> Bars:
    """Turn bars over in log prices, each at the close of the bar before it; high and low change places.

    Args:
        bars: At least one; prices above 0.
        sign: 1 leaves a bar's shape as it is, -1 turns it over. Shape (n,).
        drift: "kept": signs apply to what is left of log returns after their mean, which is put back.

    Returns:
        Bars marked synthetic; instants, volumes and segments are the same arrays. The first open is unchanged.
    """
    before = np.log(np.r_[bars.open[:1], bars.close[:-1]])
    moves = {name: np.log(getattr(bars, name)) - before for name in ("open", "high", "low", "close")}
    mean = float(moves["close"].mean()) if drift == "kept" else 0.0
    turned = {name: np.where(sign > 0, move, 2 * mean - move) for name, move in moves.items()}
    turned["open"][0] = 0.0
    end = before[0] + np.cumsum(turned["close"])
    base = np.r_[before[:1], end[:-1]]
    opened, close = np.exp(base + turned["open"]), np.exp(base + turned["close"])
    ends = [np.exp(base + turned["high"]), np.exp(base + turned["low"]), opened, close]
    return replace(
        bars,
        open=frozen(opened),
        high=frozen(np.maximum.reduce(ends)),
        low=frozen(np.minimum.reduce(ends)),
        close=frozen(close),
        synthetic=True,
        origin=f"surrogate of {bars.origin}",
    )

"""Where bars come from: what every source of bars can do, and what it hashes."""

import hashlib
import importlib.metadata
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol

from multisymbol.markets.bars import Bars
from multisymbol.markets.io.quality import Examined, ReadOptions
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import Period, Timeframe

_LATER_POLICIES = {"unfinished": "drop", "outlier": "keep", "step": "keep"}


class BarSource(Protocol):
    """Anything that has bars."""

    @property
    def timeframe(self) -> Timeframe:
        """Length of the bars it has."""
        ...

    def fingerprint(self, config: SymbolConfig, period: Period) -> str:
        """Return a hash that changes whenever `read` would return other bars; cheap (no parsing of rows).

        Raises:
            SourceError: There is nothing for this symbol.
        """
        ...

    def read(self, config: SymbolConfig, period: Period) -> Bars:
        """Read, validate and return the symbol's bars.

        Raises:
            SourceError: Nothing there for this symbol, or not readable.
            BarsError: The bars have defects.
        """
        ...


class ExaminedSource(BarSource, Protocol):
    """A source that also tells what is wrong with its bars, whatever the policies."""

    def examine(self, config: SymbolConfig, period: Period) -> Examined:
        """Read and judge the symbol's bars.

        Raises:
            SourceError: Nothing there for this symbol, or not readable.
            BarsError: The rows cannot be judged: a missing column, timestamps without time zone.
        """
        ...


class AcceptedBars(ABC):
    """The part all our sources share: what they read is what they examine, as their policies accept it."""

    @abstractmethod
    def examine(self, config: SymbolConfig, period: Period) -> Examined:
        """Read or make the symbol's bars, and judge them."""

    def is_synthetic(self, config: SymbolConfig) -> bool:
        """Return whether the symbol's bars are generated, without reading them; a source of its own may say so."""
        del config
        return False

    def read(self, config: SymbolConfig, period: Period) -> Bars:
        """Return the symbol's bars as the policies accept them.

        Raises:
            SourceError: Nothing there for this symbol, or not readable.
            BarsError: The bars have defects, or are too few.
        """
        return self.examine(config, period).accepted()


def fingerprint_of(origin: Mapping[str, Any], *, config: SymbolConfig, period: Period, reading: ReadOptions) -> str:
    """Hash where bars come from together with all else that decides on the `Bars` of a symbol.

    Session times come from exchange_calendars, whose holidays are corrected by its releases: its version counts.
    """
    facts = {
        "origin": dict(origin),
        "symbol": config.symbol,
        "calendar": config.calendar,
        "volume": config.volume,
        "gaps": asdict(config.gaps),
        "period": [period.from_ns, period.until_ns],
        "reading": _reading(reading),
        "wick": reading.limits.wick_of(config.asset_class),
        "exchange_calendars": importlib.metadata.version("exchange_calendars"),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _reading(reading: ReadOptions) -> dict[str, Any]:
    """Return how bars are read; what came later counts where it is not as before, so that earlier hashes stay."""
    facts = asdict(reading)
    for options, later in ((facts, {"timezone": None}), (facts["on_defect"], _LATER_POLICIES)):
        for key, before in later.items():
            if options[key] == before:
                del options[key]
    return facts

"""Where bars come from: one protocol, and a folder of Parquet files."""

import hashlib
import importlib.metadata
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, Protocol

import pandas as pd
import pyarrow
from pyarrow import parquet

from multisymbol.errors import SourceError
from multisymbol.markets.bars import Bars
from multisymbol.markets.io.defects import Limits, OnDefect
from multisymbol.markets.io.folder import BarFolder
from multisymbol.markets.io.quality import Examined, ReadOptions, examine_rows
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import Period, Timeframe

SYNTHETIC_KEY = b"multisymbol.synthetic"
"""Key in the metadata of a Parquet schema that says the bars were generated."""


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

    def read(self, config: SymbolConfig, period: Period) -> Bars:
        """Return the symbol's bars as the policies accept them.

        Raises:
            SourceError: Nothing there for this symbol, or not readable.
            BarsError: The bars have defects, or are too few.
        """
        return self.examine(config, period).accepted()


class ParquetSource(AcceptedBars):
    """A folder of Parquet files, one per symbol.

    Args:
        root: The folder.
        pattern: File name with `{symbol}`, `{slug}` and `{timeframe}` filled in, for example `{symbol}.parquet`.
        timeframe: Length of the bars, for example `1h`.
        stamped: Whether a timestamp is the bar's open or its close.
        min_bars: Fewer bars than this are refused.
        on_defect: What happens to the rows of each kind of defect.
        limits: What counts as odd.

    Raises:
        ConfigError: The pattern has another placeholder, or none that tells symbols apart.
    """

    def __init__(
        self,
        *,
        root: str,
        pattern: str,
        timeframe: str,
        stamped: Literal["open", "close"],
        min_bars: int,
        on_defect: OnDefect,
        limits: Limits,
    ) -> None:
        self.timeframe = Timeframe.parse(timeframe)
        self.folder = BarFolder(root=Path(root), pattern=pattern, timeframe=self.timeframe)
        self.reading = ReadOptions(
            timeframe=self.timeframe, stamped=stamped, min_bars=min_bars, on_defect=on_defect, limits=limits
        )

    def fingerprint(self, config: SymbolConfig, period: Period) -> str:
        """Return the SHA-256 over the file's bytes and all else that `read` depends on.

        Raises:
            SourceError: There is no file for this symbol.
        """
        content = {"content": self.folder.content_digest(config)}
        return fingerprint_of(content, config=config, period=period, reading=self.reading)

    def examine(self, config: SymbolConfig, period: Period) -> Examined:
        """Read and judge the symbol's bars.

        Raises:
            SourceError: No file for this symbol, or not a Parquet file.
            BarsError: The rows cannot be judged.
        """
        return examine_parquet(self.folder.file(config), config=config, period=period, reading=self.reading)


def examine_parquet(path: Path, *, config: SymbolConfig, period: Period, reading: ReadOptions) -> Examined:
    """Read and judge one Parquet file.

    Raises:
        SourceError: It is not a Parquet file.
        BarsError: Its rows cannot be judged.
    """
    try:
        table = parquet.ParquetFile(path).read()
    except (pyarrow.ArrowException, OSError) as error:
        message = f"{path} cannot be read as Parquet: {error}"
        raise SourceError(message) from error
    return examine_rows(
        _with_timestamp(table.to_pandas()),
        config=config,
        period=period,
        reading=reading,
        synthetic=SYNTHETIC_KEY in (table.schema.metadata or {}),
        origin=str(path),
    )


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
        "reading": asdict(reading),
        "wick": reading.limits.wick_of(config.asset_class),
        "exchange_calendars": importlib.metadata.version("exchange_calendars"),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _with_timestamp(frame: pd.DataFrame) -> pd.DataFrame:
    """Take the timestamp from the index where it is kept there under that name."""
    return frame.reset_index() if frame.index.name == "timestamp" else frame

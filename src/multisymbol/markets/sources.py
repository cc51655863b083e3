"""Where bars come from: one protocol, a Parquet folder, the synthetic market."""

import hashlib
import importlib.metadata
import json
import re
import string
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, Protocol

import pandas as pd
import pyarrow
from pyarrow import parquet

from multisymbol.errors import ConfigError, SourceError, nearest
from multisymbol.markets.bars import Bars, validate
from multisymbol.markets.instants import Period, Timeframe
from multisymbol.markets.symbols import SymbolConfig, unslug

SYNTHETIC_KEY = b"multisymbol.synthetic"
"""Key in the metadata of a Parquet schema that says the bars were generated."""

_PLACEHOLDERS = ("symbol", "slug", "timeframe")
_NAMES_SHOWN = 20


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


class ParquetSource:
    """A folder of Parquet files, one per symbol.

    Args:
        root: The folder.
        pattern: File name with `{symbol}`, `{slug}` and `{timeframe}` filled in, for example `{symbol}.parquet`.
        timeframe: Length of the bars, for example `1h`.
        stamped: Whether a timestamp is the bar's open or its close.
        min_bars: Fewer bars than this are refused.

    Raises:
        ConfigError: The pattern has another placeholder, or none that tells symbols apart.
    """

    def __init__(
        self, *, root: str, pattern: str, timeframe: str, stamped: Literal["open", "close"], min_bars: int
    ) -> None:
        _check_pattern(pattern)
        self.root = Path(root)
        self.pattern = pattern
        self.timeframe = Timeframe.parse(timeframe)
        self.stamped = stamped
        self.min_bars = min_bars

    def fingerprint(self, config: SymbolConfig, period: Period) -> str:
        """Return the SHA-256 over the file's bytes and all else that `read` depends on.

        Raises:
            SourceError: There is no file for this symbol.
        """
        with self._file(config).open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        choices = {"stamped": self.stamped, "timeframe": self.timeframe.text, "min_bars": self.min_bars}
        return fingerprint_of({"content": content, **choices}, config=config, period=period)

    def read(self, config: SymbolConfig, period: Period) -> Bars:
        """Read, validate and return the symbol's bars; columns other than the six are ignored.

        Raises:
            SourceError: No file for this symbol, or not a Parquet file.
            BarsError: The bars have defects.
        """
        path = self._file(config)
        try:
            table = parquet.ParquetFile(path).read()
        except (pyarrow.ArrowException, OSError) as error:
            message = f"{path} cannot be read as Parquet: {error}"
            raise SourceError(message) from error
        return validate(
            _with_timestamp(table.to_pandas()),
            config=config,
            timeframe=self.timeframe,
            stamped=self.stamped,
            period=period,
            min_bars=self.min_bars,
            synthetic=SYNTHETIC_KEY in (table.schema.metadata or {}),
            origin=str(path),
        )

    def _file(self, config: SymbolConfig) -> Path:
        if "{symbol}" in self.pattern and re.search(r"[/\\]|^\.\.?$", config.symbol):
            message = (
                f"'{config.symbol}' cannot be part of a file name; write source.pattern with {{slug}}: {config.slug}"
            )
            raise SourceError(message)
        path = self.root / self.pattern.format(symbol=config.symbol, slug=config.slug, timeframe=self.timeframe.text)
        if not path.is_file():
            raise SourceError(self._absent(path, config.symbol))
        return path

    def _absent(self, path: Path, symbol: str) -> str:
        """Say why there is no file: no folder, nothing in it, or other symbols."""
        if not self.root.is_dir():
            return f"{self.root} is not a folder; source.root names the folder that holds {self.pattern}"
        there = self._symbols()
        if not there:
            return f"{self.root} holds no file like {self.pattern}, looked for {symbol} (source.root, source.pattern)"
        alike = [name for name in there if name.casefold() == symbol.casefold()]
        hint = f", did you mean '{alike[0]}'?" if alike else nearest(symbol, there)
        more = f" and {len(there) - _NAMES_SHOWN} more" if len(there) > _NAMES_SHOWN else ""
        return (
            f"{path} does not exist, so there are no bars of {symbol}{hint}\n"
            f"  {self.root} has {', '.join(there[:_NAMES_SHOWN])}{more}"
        )

    def _symbols(self) -> list[str]:
        """List the symbols that the folder has files of."""
        expression = _file_expression(self.pattern, self.timeframe)
        paths = self.root.glob("/".join("*" for _ in Path(self.pattern).parts))
        names = [path.relative_to(self.root).as_posix() for path in paths]
        found = [match.groupdict() for name in names if (match := expression.fullmatch(name))]
        return sorted({entry["symbol"] if "symbol" in entry else unslug(entry["slug"]) for entry in found})


def fingerprint_of(origin: Mapping[str, Any], *, config: SymbolConfig, period: Period) -> str:
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
        "exchange_calendars": importlib.metadata.version("exchange_calendars"),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _check_pattern(pattern: str) -> None:
    try:
        used = [name for _, name, _, _ in string.Formatter().parse(pattern) if name is not None]
    except ValueError as error:
        message = f"source.pattern '{pattern}' is not a pattern: {error}"
        raise ConfigError(message) from error
    wrong = [f"{{{name}}}{nearest(name, _PLACEHOLDERS)}" for name in used if name not in _PLACEHOLDERS]
    if wrong:
        message = (
            f"source.pattern '{pattern}' has unknown placeholders: {'; '.join(wrong)}\n"
            "  There are {symbol}, {slug} and {timeframe}."
        )
        raise ConfigError(message)
    if not {"symbol", "slug"} & set(used):
        message = f"source.pattern '{pattern}' names one file for all symbols; put {{symbol}} or {{slug}} in it"
        raise ConfigError(message)


def _file_expression(pattern: str, timeframe: Timeframe) -> re.Pattern[str]:
    """Turn a pattern into an expression with the groups `symbol` and `slug`."""
    expression, seen = "", set()
    for literal, name, _, _ in string.Formatter().parse(pattern):
        expression += re.escape(literal)
        if name == "timeframe":
            expression += re.escape(timeframe.text)
        elif name is not None:
            expression += f"(?P={name})" if name in seen else f"(?P<{name}>[^/]+)"
            seen.add(name)
    return re.compile(expression)


def _with_timestamp(frame: pd.DataFrame) -> pd.DataFrame:
    """Take the timestamp from the index where it is kept there under that name."""
    return frame.reset_index() if frame.index.name == "timestamp" else frame

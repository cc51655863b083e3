"""A folder with one file of bars per symbol: names by a pattern, and plain words where a file is missing."""

import hashlib
import re
import string
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from multisymbol.errors import ConfigError, SourceError, nearest
from multisymbol.markets.symbols import SymbolConfig, slugs, unslug
from multisymbol.markets.time import Timeframe
from multisymbol.wording import listed

_PLACEHOLDERS = ("symbol", "slug", "timeframe")
_NAMES_SHOWN = 20
_OTHERS_SHOWN = 6


class BarFolder:
    """The files of a folder.

    Args:
        root: The folder.
        pattern: File name with `{symbol}`, `{slug}` and `{timeframe}` filled in, for example `{symbol}.parquet`.
        timeframe: Length of the bars.
        files: Symbol -> name of its file, for those that the pattern does not name.

    Raises:
        ConfigError: The pattern has another placeholder, or none that tells symbols apart.
    """

    def __init__(
        self, *, root: Path, pattern: str, timeframe: Timeframe, files: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        _check_pattern(pattern)
        self.root = root
        self.files = files
        self.pattern = pattern
        self.timeframe = timeframe

    def content_digest(self, config: SymbolConfig) -> str:
        """Return the SHA-256 over the bytes of the symbol's file.

        Raises:
            SourceError: There is no file for this symbol, or it cannot be read.
        """
        path = self.file(config)
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {error.strerror}") from error

    def file(self, config: SymbolConfig) -> Path:
        """Return the symbol's file.

        Raises:
            SourceError: There is none.
        """
        if config.symbol in self.files:
            path = self.root / self.files[config.symbol]
            if not path.is_file():
                raise SourceError(self._no_such(path, config.symbol))
            return path
        if "{symbol}" in self.pattern and re.search(r"[/\\]|^\.\.?$", config.symbol):
            raise SourceError(
                f"'{config.symbol}' cannot be part of a file name; write source.pattern with {{slug}}: {config.slug}"
            )
        paths = [
            self.root / self.pattern.format(symbol=config.symbol, slug=text, timeframe=self.timeframe.text)
            for text in slugs(config.symbol)
        ]
        there = [path for path in paths if path.is_file()]
        if not there:
            raise SourceError(self._absent(paths[0], config.symbol))
        return there[0]

    def file_or_any(self, config: SymbolConfig) -> Path:
        """Return the symbol's file, else the first of its folder.

        Raises:
            SourceError: There is none at all.
        """
        try:
            return self.file(config)
        except SourceError:
            others = sorted(self.root.glob(f"*{Path(self.pattern).suffix}"))
            if not others:
                raise
            return others[0]

    def _no_such(self, path: Path, symbol: str) -> str:
        """Say that a file the user named is not there."""
        there = sorted(entry.name for entry in self.root.iterdir()) if self.root.is_dir() else []
        why = "is a folder" if path.is_dir() else f"does not exist{nearest(path.name, there)}"
        return f"{path} {why} (source.files.{symbol})\n  {self.root} has {listed(there, most=_NAMES_SHOWN)}"

    def _absent(self, path: Path, symbol: str) -> str:
        """Say why there is no file: no folder, nothing in it, or other symbols."""
        if path.is_dir():
            return f"{path} is a folder; source.pattern names the file of a symbol, such as {{symbol}}/bars.csv"
        if not self.root.is_dir():
            return f"{self.root} is not a folder; source.root names the folder that holds {self.pattern}"
        there = self._symbols()
        if not there:
            others = sorted(entry.name for entry in self.root.iterdir())
            has = f"it has {listed(others, most=_OTHERS_SHOWN)}"
            return (
                f"{self.root} holds no file like {self.pattern}; {has if others else 'it is empty'}\n"
                "  source.root is the folder, source.pattern the names in it, such as source.pattern={symbol}.csv;\n"
                f"  or name the file: source.files={{{symbol}: {others[0] if others else 'FILE'}}}"
            )
        alike = [name for name in there if name.casefold() == symbol.casefold()]
        hint = f", did you mean '{alike[0]}'?" if alike else nearest(symbol, there)
        return (
            f"{path} does not exist, so there are no bars of {symbol}{hint}\n"
            f"  {self.root} has {listed(there, most=_NAMES_SHOWN)}"
        )

    def _symbols(self) -> list[str]:
        """List the symbols that the folder has files of."""
        expression = _file_expression(self.pattern, self.timeframe)
        paths = self.root.glob("/".join("*" for _ in Path(self.pattern).parts))
        names = [path.relative_to(self.root).as_posix() for path in paths]
        found = [match.groupdict() for name in names if (match := expression.fullmatch(name))]
        return sorted({entry["symbol"] if "symbol" in entry else unslug(entry["slug"]) for entry in found})


def _check_pattern(pattern: str) -> None:
    try:
        used = [name for _, name, _, _ in string.Formatter().parse(pattern) if name is not None]
    except ValueError as error:
        raise ConfigError(f"source.pattern '{pattern}' is not a pattern: {error}") from error
    wrong = [f"{{{name}}}{nearest(name, _PLACEHOLDERS)}" for name in used if name not in _PLACEHOLDERS]
    if wrong:
        raise ConfigError(
            f"source.pattern '{pattern}' has unknown placeholders: {'; '.join(wrong)}\n"
            "  There are {symbol}, {slug} and {timeframe}."
        )
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

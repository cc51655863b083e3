"""`multisymbol import-bars`: turn vendors' files into clean Parquet once, and say what was done.

The folder then holds a file for each symbol (timestamp in UTC, open, high, low, close, volume) and universe.csv, a
table of the symbols ready to train on.
"""

import argparse
import csv
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from multisymbol.cli.check_data import look, show_findings
from multisymbol.cli.commands import Parser
from multisymbol.errors import ConfigError, MultisymbolError, OutputError, SourceError, nearest, raise_all
from multisymbol.markets.io.files import FileOptions, ParquetSource
from multisymbol.markets.io.importing import Imported, find_symbols, imported, write_bars
from multisymbol.markets.io.quality import ReadOptions
from multisymbol.markets.io.shipped import asset_classes, bare_universe, read_options
from multisymbol.markets.io.stamps import StampOptions
from multisymbol.markets.io.tables import RawTable
from multisymbol.markets.symbols import Universe
from multisymbol.markets.time import DAY, Period
from multisymbol.progress import Terminal, complain
from multisymbol.wording import counted, group_by, listed, printable, short_path

_OPTIONS = {
    "out": "folder to write",
    "asset_class": "whose calendar the bars are checked against: stock, forex, crypto, metal; or {AAPL: stock, ...}",
    "symbol": "the symbol, where neither the file nor its name says it",
    "calendar": "calendar in place of the asset class's, such as XTKS",
    "overwrite": "true: replace files that are there",
    "source.files": "file of each symbol, where names do not say it: {BTCUSDT: XBTUSD_60.csv}",
    "source.timeframe": "length of the bars (default: measured)",
    "source.timezone": "clock of timestamps that name none, such as UTC or America/New_York",
    "source.stamped": "whether a timestamp is the bar's open or its close (default: open)",
    "source.columns": "our name for the file's, {timestamp: Time}; or all names of a file without header, [date,...]",
    "source.epoch": "unit of timestamps that are numbers: s, ms, us, ns (default: by their size)",
    "source.date_order": "order of 06/01/2018: dmy or mdy",
    "source.delimiter": "what separates the cells of a CSV file (default: what its first line has most of)",
    "source.on_defect.KIND": "what happens to rows with a defect: raise, drop or keep",
    "source/on_defect": "the same for all kinds: default, drop or strict",
}
_CHOICES = {
    "source.stamped": ("open", "close"),
    "source.epoch": ("s", "ms", "us", "ns"),
    "source.date_order": ("dmy", "mdy"),
    "overwrite": ("true", "false"),
}
_KIND = "source.on_defect."
_NAMED = 6


def parser() -> argparse.ArgumentParser:
    """Return the parser that writes the help."""
    keys = "\n".join(f"  {key}=\n      {text}" for key, text in _OPTIONS.items())
    return Parser(
        prog="multisymbol import-bars",
        usage="multisymbol import-bars FILE... out=DIR asset_class=CLASS [key=value ...]",
        description=f"Write clean Parquet files from vendors' files, one per symbol, and check them.\n\n{keys}",
        epilog="The formats that are recognised: docs/data.md. Times are never guessed: where a file does not name its "
        "clock, source.timezone= does.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def run(arguments: Sequence[str]) -> int:
    """Import files; return the exit status: 2 where one of them is refused."""
    if {"-h", "--help"} & set(arguments):
        parser().print_help()
        return 0
    try:
        import_bars(_request(arguments), Terminal())
    except MultisymbolError as error:
        complain(str(error))
        return 2
    return 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportRequest:
    """What the command line asks for."""

    paths: Mapping[Path, str | None]  # file -> its symbol, None where the file or its name says it
    out: Path  # folder to write
    asset_class: str | Mapping[str, str]  # class of all symbols, or symbol -> class
    calendar: str | None  # calendar of all in place of their class's
    timeframe: str | None  # length of the bars; None: measured
    options: FileOptions  # how the files are read
    reading: Mapping[str, Any]  # further arguments of `read_options`
    overwrite: bool  # whether files may be replaced

    def universe(self, symbols: Sequence[str]) -> Universe:
        """Return the symbols with their classes.

        Raises:
            SymbolError: A class is unknown.
            ConfigError: A symbol has none.
        """
        named = self.asset_class
        missing = [symbol for symbol in symbols if not isinstance(named, str) and symbol not in named]
        if missing:
            message = f"asset_class does not name the class of {listed(missing, most=_NAMED)}"
            raise ConfigError(f"{message}; write asset_class='{{{missing[0]}: stock, ...}}'")
        members = {symbol: named if isinstance(named, str) else named[symbol] for symbol in symbols}
        return bare_universe(members, calendar=self.calendar)

    def read_options(self, timeframe: str) -> ReadOptions:
        """Return how bars of a length are judged."""
        return read_options(timeframe=timeframe, **self.reading)


def import_bars(request: ImportRequest, terminal: Terminal) -> None:
    """Write what the files hold, say what was done and check it; then refuse what is refused, all at once.

    Raises:
        MultisymbolError: Files that cannot be read or bars that are refused; the others are written.
    """
    table = lru_cache(maxsize=2)(request.options.table)
    with terminal.progress("files") as progress:
        found, problems = find_symbols(request.paths, options=request.options, table=table, progress=progress)
    results = _imports(found, request, table, terminal) if found else []
    _tell_read(results, request, terminal)
    written = [result for result in results if result.bars is not None]
    if written:
        symbols = request.universe([result.symbol for result in written])
        _write_universe(request, symbols)
        _tell_written(symbols, written[0].timeframe, request, terminal)
    problems += [result.problem for result in results if result.problem is not None]
    raise_all(problems)


def _imports(
    found: Mapping[str, Sequence[Path]], request: ImportRequest, table: Callable[[Path], RawTable], terminal: Terminal
) -> list[Imported]:
    """Read and write symbol by symbol; the first that is accepted says the length of all bars."""
    symbols, timeframe, results = request.universe(list(found)), request.timeframe, list[Imported]()
    _check_free(request, symbols)
    with terminal.progress("import") as progress:
        for done, config in enumerate(symbols, start=1):
            result = imported(
                found[config.symbol],
                config=config,
                options=request.options,
                table=table,
                timeframe=timeframe,
                reading=request.read_options,
            )
            results.append(result)
            if result.bars is not None:
                timeframe = result.timeframe
                facts = {"symbol": result.symbol, "files": result.files, "format": result.format, "time": result.clock}
                write_bars(request.out / f"{config.slug}.parquet", result.bars, facts=facts)
            progress(config.symbol, done, len(symbols))
    return results


def _request(arguments: Sequence[str]) -> ImportRequest:
    """Read the words of the command line.

    Raises:
        ConfigError: An unknown option, a missing one, or a value that is none.
    """
    given: dict[str, Any] = {}
    paths: list[Path] = []
    for word in arguments:
        key, equals, value = word.partition("=")
        if not equals or Path(word).exists():
            paths += sorted(Path().glob(word)) if "*" in word and not Path(word).is_absolute() else [Path(word)]
        elif key in _OPTIONS or key.startswith(_KIND):
            given[key] = _value(key, value)
        else:
            message = f"there is no option {printable(key)}={nearest(key, list(_OPTIONS))}"
            raise ConfigError(f"{message}; there are {', '.join(_OPTIONS)}")
    named = _named_files(paths, given)
    if not named or "out" not in given:
        raise ConfigError("name the files and the folder to write: multisymbol import-bars FILE... out=DIR")
    if "asset_class" not in given:
        known = ", ".join(asset_classes())
        raise ConfigError(
            f"say which market's hours the bars are checked against: asset_class=stock (there are {known})"
        )
    source = {key.removeprefix("source."): value for key, value in given.items()}
    stamps = StampOptions(**{key: source.get(key) for key in ("timezone", "epoch", "date_order")})
    kinds = {key.removeprefix(_KIND): value for key, value in given.items() if key.startswith(_KIND)}
    return ImportRequest(
        paths=named,
        out=Path(given["out"]),
        asset_class=given["asset_class"],
        calendar=given.get("calendar"),
        timeframe=source.get("timeframe"),
        options=FileOptions(columns=source.get("columns"), delimiter=source.get("delimiter"), stamps=stamps),
        reading={
            "stamped": source.get("stamped", "open"),
            "timezone": stamps.timezone,
            "policies": given.get("source/on_defect", "default"),
            "kinds": kinds,
        },
        overwrite=given.get("overwrite") == "true",
    )


def _value(key: str, text: str) -> Any:
    """Read a list or mapping in brackets; all else is text, a symbol named 600519 or NO as well."""
    if key in _CHOICES and text not in _CHOICES[key]:
        raise ConfigError(f"{key}: expected {' or '.join(_CHOICES[key])}, got '{printable(text)}'")
    if text[:1] not in {"[", "{"}:
        return text
    try:
        return yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise ConfigError(f"{key}={printable(text)} is not readable; write {{name: value, ...}} or [a, b]") from error


def _named_files(paths: Sequence[Path], given: Mapping[str, Any]) -> dict[Path, str | None]:
    """Return the files with the symbols the user names."""
    by_name = {str(file): str(symbol) for symbol, file in dict(given.get("source.files", {})).items()}
    named: dict[Path, str | None] = {Path(file): symbol for file, symbol in by_name.items()}
    for path in paths:
        own = by_name.get(path.name)
        if own is not None:
            named.pop(Path(path.name), None)
        named[path] = own or named.get(path) or given.get("symbol")
    return named


def _check_free(request: ImportRequest, symbols: Universe) -> None:
    there = [config.slug for config in symbols if (request.out / f"{config.slug}.parquet").exists()]
    if there and not request.overwrite:
        message = f"{request.out} has files of {listed(there, most=_NAMED)} already; nothing was written"
        raise OutputError(f"{message}. Add overwrite=true, or choose another folder: out=DIR")


def _tell_read(results: Sequence[Imported], request: ImportRequest, terminal: Terminal) -> None:
    """Say how the files were read, once for all that were read alike."""
    groups = group_by(results, lambda each: (each.format, each.clock, each.timeframe, each.unused))
    for (name, clock, timeframe, unused), each in groups.items():
        if timeframe:
            files = each[0].files
            more = f" and {counted(len(files) - 1, 'more file')}" if len(files) > 1 else ""
            of = f"{each[0].symbol} from {files[0]}{more}"
            terminal.fact("read", printable(of if len(each) == 1 else listed([r.symbol for r in each], most=_NAMED)))
            terminal.fact("", f"{name}, time {clock}, bars of {timeframe}{'' if request.timeframe else ' (measured)'}")
        if timeframe and unused:
            terminal.fact("", printable(f"columns not read: {listed([n or '(no name)' for n in unused], most=8)}"))


def _tell_written(symbols: Universe, timeframe: str, request: ImportRequest, terminal: Terminal) -> None:
    """Check the bars that were written as `check-data` does, and print the command that trains on them."""
    out, reading = short_path(request.out), request.read_options(timeframe)
    terminal.fact("wrote", f"{counted(len(symbols), 'symbol')} in {out}, times in UTC, stamped at the open")
    terminal.show("")
    source = ParquetSource(
        root=str(request.out),
        pattern="{slug}.parquet",
        timeframe=timeframe,
        stamped="open",
        min_bars=1,
        on_defect=reading.on_defect,
        limits=reading.limits,
        timezone=reading.timezone,
    )
    show_findings(look(source, symbols, Period()), terminal)
    words = ["multisymbol", "train", "strategy=mine", "symbols=table", f"symbols.file={out}/universe.csv"]
    own = ["source=parquet", f"source.root={out}", f"source.timeframe={timeframe}"]
    if reading.timezone is not None and reading.timeframe.nanoseconds >= DAY:
        own.append(f"source.timezone={reading.timezone}")  # whose days the bars are
    slugs = ["source.pattern={slug}.parquet"] if any(config.slug != config.symbol for config in symbols) else []
    terminal.fact("train", f"{shlex.join(words)} \\")
    terminal.fact("", f"  {shlex.join([*own, *slugs])}")


def _write_universe(request: ImportRequest, symbols: Universe) -> None:
    """Write the table of symbols; rows of an earlier import stay."""
    path = request.out / "universe.csv"
    own = {} if request.calendar is None else {"calendar": request.calendar}
    rows = {config.symbol: {"symbol": config.symbol, "asset_class": config.asset_class, **own} for config in symbols}
    try:
        if path.is_file():
            with path.open(encoding="utf-8", newline="") as file:
                earlier = {row.get("symbol", ""): row for row in csv.DictReader(file)}
            rows = {**earlier, **{symbol: {**earlier.get(symbol, {}), **row} for symbol, row in rows.items()}}
        columns = list(dict.fromkeys(name for row in rows.values() for name in row))
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows.values())
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} cannot be written: {error}; choose another folder: out=DIR") from error

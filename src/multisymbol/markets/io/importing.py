"""Importing: vendors' files become clean Parquet once, several files of a symbol joined, several symbols separated."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
from pyarrow import parquet

from multisymbol.errors import MultisymbolError, OutputError, SourceError
from multisymbol.markets.bars import Bars
from multisymbol.markets.io.defects import PRICES, length_text
from multisymbol.markets.io.files import FileOptions, FileRows, rows_of
from multisymbol.markets.io.formats import file_format, symbols_in
from multisymbol.markets.io.quality import ReadOptions, examine_rows
from multisymbol.markets.io.tables import SYNTHETIC_KEY, RawTable
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import Instants, Period, Timeframe
from multisymbol.wording import counted

Reading = Callable[[str], ReadOptions]
"""Timeframe -> how its bars are judged."""

_IMPORT_KEY = b"multisymbol.import"
_INTERVAL = r"(?:[135]|15|30|60|240|720|1440|\d+(?:m|h|d|w|min|hour|day|mo)|[MHDW]N?\d+|daily|hourly|Candlestick)"
_DATE = r"(?:\d{4}[-.]\d{2}|\d{8}|\d{2}\.\d{2}\.\d{4})"
_SUFFIXES = re.compile(rf"[-_, ]+(?:{_INTERVAL}(?=$|[-_, ])|{_DATE}).*$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """What became of one symbol's part of the files."""

    symbol: str  # its name
    files: tuple[str, ...]  # names of the files it was in
    format: str = ""  # what they were recognised as
    clock: str = ""  # how their timestamps were read
    unused: tuple[str, ...] = ()  # columns that were not read
    timeframe: str = ""  # length of the bars; empty where nothing could be read
    bars: Bars | None = None  # its bars; None where they are refused
    problem: MultisymbolError | None = None  # why they are


def named_by(path: Path) -> str:
    """Return the symbol that a file's name says: `BTCUSDT-1h-2024-01.csv` and `BTCUSDT.parquet` say BTCUSDT."""
    stem = path.name.split(".csv")[0].split(".parquet")[0].split(".feather")[0].split(".txt")[0].split(".zip")[0]
    return _SUFFIXES.sub("", stem) or stem


def find_symbols(
    paths: Mapping[Path, str | None],
    *,
    options: FileOptions,
    table: Callable[[Path], RawTable],
    progress: Callable[[str, int, int], None],
) -> tuple[dict[str, list[Path]], list[MultisymbolError]]:
    """Open files and tell whose bars they hold.

    Args:
        paths: File -> its symbol; None: the file says, or its name does.
        options: What the user says about them.
        table: Reads a file.
        progress: Called with (file, files done, files of all).

    Returns:
        Symbol -> its files in their order; and why files cannot be read.
    """
    found: dict[str, list[Path]] = {}
    problems: list[MultisymbolError] = []
    for done, (path, symbol) in enumerate(paths.items(), start=1):
        try:
            for name in _symbols(table(path), path=path, symbol=symbol, options=options):
                found.setdefault(name, []).append(path)
        except MultisymbolError as error:
            problems.append(error)
        progress(path.name, done, len(paths))
    return found, problems


def _symbols(table: RawTable, *, path: Path, symbol: str | None, options: FileOptions) -> list[str]:
    tickers = [ticker for ticker in table.tickers if ticker]
    found = file_format(table, columns=options.columns, symbol=(tickers or [""])[0], origin=str(path))
    there = symbols_in(table, found)
    if symbol is not None and len(there) > 1:
        raise SourceError(f"{path} has {len(there)} symbols, so symbol={symbol} cannot name it; leave symbol out")
    return [symbol] if symbol is not None else there or [named_by(path)]


def imported(
    paths: Sequence[Path],
    *,
    config: SymbolConfig,
    options: FileOptions,
    table: Callable[[Path], RawTable],
    timeframe: str | None,
    reading: Reading,
) -> Imported:
    """Read, judge and join the files of one symbol.

    Args:
        paths: Its files.
        config: The symbol.
        options: What the user says about the files.
        table: Reads a file.
        timeframe: Length of the bars; None: measured.
        reading: How bars of a timeframe are judged.

    Returns:
        Its bars, or the reason why there are none.
    """
    problems: list[MultisymbolError] = []
    rows: list[FileRows] = []
    accepted: list[Bars] = []
    unused: list[str] = []
    given = Timeframe.parse(timeframe) if timeframe else None
    for path in paths:
        try:
            raw = table(path)
            found = rows_of(raw, config=config, options=options, timeframe=given, origin=str(path))
            rows.append(found)
            unused += found.format.unused(raw)
            timeframe = timeframe or measured(found.frame["timestamp"], origin=str(path))
            examined = found.examined(config, period=Period(), reading=reading(timeframe), origin=str(path))
            accepted.append(examined.accepted())
        except MultisymbolError as error:
            problems.append(error)
    result = Imported(
        symbol=config.symbol,
        files=tuple(path.name for path in paths),
        format=", ".join(dict.fromkeys(each.format.name for each in rows)),
        clock=", ".join(dict.fromkeys(each.clock for each in rows)),
        unused=tuple(dict.fromkeys(unused)),
        timeframe=timeframe or "",
    )
    if not problems and timeframe:
        try:
            return replace(result, bars=_joined(accepted, config=config, reading=reading(timeframe)))
        except MultisymbolError as error:
            problems.append(error)
    return replace(result, problem=type(problems[0])("\n".join(map(str, problems))))


def measured(instants: pd.Series, *, origin: str) -> str:
    """Return the length by which most bars follow one another, such as `1h`.

    Raises:
        SourceError: There are fewer than two bars, or it is no length of bars.
    """
    steps = np.diff(np.unique(pd.DatetimeIndex(instants.dropna()).asi8))
    values, counts = np.unique(steps, return_counts=True)
    text = length_text(int(values[np.argmax(counts)])) if steps.size else ""
    if not re.fullmatch(r"[1-9]\d*[mhd]", text):
        why = f"most follow one another by {text}" if text else "there are fewer than two"
        raise SourceError(f"{origin}: the length of the bars is not known ({why}); say it: source.timeframe=1h")
    return text


def _joined(parts: Sequence[Bars], *, config: SymbolConfig, reading: ReadOptions) -> Bars:
    """Join the bars of several files, the earliest first; what overlaps is a defect like any other."""
    if len(parts) == 1:
        return parts[0]
    ordered = sorted(parts, key=lambda bars: int(bars.opened_at[0]))
    columns = {name: np.concatenate([getattr(bars, name) for bars in ordered]) for name in (*PRICES, "volume")}
    stamps = np.concatenate([bars.opened_at for bars in ordered])
    more = counted(len(ordered) - 1, "more file")
    origin = f"{Path(ordered[0].origin).name} joined with {more} of {config.symbol}"
    return examine_rows(
        pd.DataFrame({"timestamp": pd.to_datetime(stamps, unit="ns", utc=True), **columns}),
        config=config,
        period=Period(),
        reading=replace(reading, stamped="open"),
        synthetic=any(bars.synthetic for bars in ordered),
        origin=origin,
    ).accepted()


def write_bars(path: Path, bars: Bars, *, facts: Mapping[str, object]) -> None:
    """Write bars as Parquet: our columns, timestamps in UTC, and where they come from in the metadata.

    Raises:
        OutputError: The file cannot be written.
    """
    columns = {name: getattr(bars, name) for name in (*PRICES, "volume")}
    table = pyarrow.table({"timestamp": _utc(bars.opened_at), **columns})
    key = SYNTHETIC_KEY if bars.synthetic else _IMPORT_KEY
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(table.replace_schema_metadata({key: json.dumps(dict(facts)).encode()}), path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error}; choose another folder: out=DIR") from error


def _utc(instants: Instants) -> pyarrow.Array:
    return pyarrow.array(instants, type=pyarrow.timestamp("ns", tz="UTC"))

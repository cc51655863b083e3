"""Layouts: which column of a vendor's file is which of ours, found by names and content, or said by a small map."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from multisymbol.errors import ConfigError, SourceError, nearest
from multisymbol.markets.io.defects import PRICES
from multisymbol.markets.io.stamps import epoch_units
from multisymbol.markets.io.tables import RawTable
from multisymbol.wording import listed, printable

Columns = Mapping[str, str] | Sequence[str]
"""Our name -> the file's, or the names of a file without header in order."""

_NAMES = {
    "timestamp": (
        *("timestamp", "datetime", "date", "time", "open_time", "open time", "window_start"),
        *("gmt time", "local time", "<date>", "unix", "t", ""),
    ),
    "open": ("open", "<open>", "o"),
    "high": ("high", "<high>", "h"),
    "low": ("low", "<low>", "l"),
    "close": ("close", "<close>", "c"),
    "volume": ("volume", "<tickvol>", "<vol>", "v"),
    "symbol": ("symbol", "ticker", "<ticker>", "T"),
}
"""Our name -> what vendors call it, the first that a file has; one letter in exactly that case: Polygon's T is no t."""

_SPLIT_TIMES = (("date", "time"), ("<date>", "<time>"))
_MAPPED = (*_NAMES, "date", "time")

_VENDORS = (
    ("Binance klines", {"open_time", "close_time"}),
    ("Polygon flat file", {"window_start", "open"}),
    ("Polygon aggregates", {"t", "o", "h", "l", "c"}),
    ("MetaTrader", {"<date>", "<tickvol>"}),
    ("Stooq", {"<ticker>", "<per>", "<date>"}),
    ("Dukascopy", {"gmt time"}),
    ("Dukascopy", {"local time"}),
    ("Alpaca", {"timestamp", "trade_count", "vwap"}),
    ("yfinance", {"date", "adj close"}),
    ("yfinance", {"stock splits", "dividends"}),
)
"""What a file is called where it has all these columns."""

_TAKER = ("taker_buy_volume", "taker_buy_quote_volume", "ignore")
_BINANCE = 12, ("timestamp", *PRICES, "volume", *("close_time", "quote_volume", "count"), *_TAKER)
_KRAKEN = 7, ("timestamp", *PRICES, "volume", "trades")


@dataclass(frozen=True, kw_only=True, slots=True)
class FileFormat:
    """Where the columns of bars are in a table.

    Args:
        name: The format, in words.
        places: Our name -> number of the column; `date` and `time` where the timestamp is in two.
        utc: Whether the format says that its clock is UTC.
        day_first: Whether the format says that dates are written day.month.year.
        columns: Name of each column where the file has no header.
    """

    name: str
    places: Mapping[str, int]
    utc: bool = False
    day_first: bool = False
    columns: tuple[str, ...] = ()

    def column(self, table: RawTable, name: str) -> pd.Series:
        """Return the values of one of ours."""
        return table.columns[self.places[name]]

    def unused(self, table: RawTable) -> list[str]:
        """Return the names of columns that are not read."""
        return [name for place, name in enumerate(self.columns or table.names) if place not in self.places.values()]


def check_columns(columns: Columns | None) -> None:
    """Refuse a map that cannot be one, before any file is read.

    Raises:
        ConfigError: A name that is not ours, or a list without prices.
    """
    if columns is None:
        return
    if isinstance(columns, Mapping):
        wrong = [name for name in columns if name not in _MAPPED]
        if wrong:
            turned = all(str(value) in _MAPPED for value in columns.values())
            fix = f"write {{{', '.join(f'{ours}: {theirs}' for theirs, ours in columns.items())}}}" if turned else ""
            hint = nearest(str(wrong[0]), _MAPPED)
            message = f"source.columns: {wrong[0]} is no name of ours{hint}; the keys are {', '.join(_MAPPED)}"
            raise ConfigError(f"{message}, the values the file's names. {fix}".strip())
        return
    names = [str(name).casefold() for name in columns]
    missing = [name for name in PRICES if not set(_NAMES[name]) & set(names)]
    if missing or not set(_NAMES["timestamp"]) & set(names):
        needed = ", ".join(["timestamp (or date and time)", *PRICES])
        raise ConfigError(f"source.columns={list(columns)} lists the columns of a file in order; it needs {needed}")


def file_format(table: RawTable, *, columns: Columns | None, symbol: str, origin: str) -> FileFormat:
    """Find the columns of bars.

    Args:
        table: The file.
        columns: What the user says.
        symbol: Whose columns, where each ticker has its own.
        origin: The file, for messages.

    Raises:
        SourceError: The layout is unknown, a column appears twice, or a named column is missing.
    """
    if not table.headed:
        return _headless(table, origin=origin)
    own = columns if isinstance(columns, Mapping) else {}
    ticker = _ticker(table, symbol=symbol, origin=origin)
    there = [place for place, of in enumerate(table.tickers) if of in {None, ticker}]
    names = [table.names[place].strip() for place in there]
    chosen = {ours: _place(theirs, names, key=ours, origin=origin) for ours, theirs in own.items()}
    places = {**_recognised(names, table, mapped=set(own), origin=origin), **chosen}
    if {"date", "time"} <= set(places):
        places.pop("timestamp", None)
    elif "date" in places:
        places["timestamp"] = places.pop("date")
    missing = [name for name in ("date" if "date" in places else "timestamp", *PRICES) if name not in places]
    if missing:
        raise SourceError(_unknown(table, missing=missing, origin=origin))
    found = {name.casefold() if len(name) > 1 else name for name in names}
    vendor = next((name for name, evidence in _VENDORS if evidence <= found), "yfinance" if ticker else "")
    where = {ours: there[place] for ours, place in places.items()}
    return FileFormat(
        name=f"{vendor} {table.container}".strip(),
        places=where,
        utc="gmt time" in found,
        day_first=vendor == "Dukascopy",
    )


def symbols_in(table: RawTable, found: FileFormat) -> list[str]:
    """Return the symbols a file names, in the order in which they appear; none where its name has to say."""
    if "symbol" in found.places:
        return [str(name) for name in found.column(table, "symbol").astype(str).str.strip().unique()]
    return list(dict.fromkeys(ticker for ticker in table.tickers if ticker))


def of_symbol(table: RawTable, found: FileFormat, *, symbol: str, origin: str) -> RawTable:
    """Return the rows of one symbol: all where the file has one alone.

    Raises:
        SourceError: The file has several, and not this one.
    """
    there = symbols_in(table, found) if "symbol" in found.places else []
    if len(there) < 2:
        return table
    if symbol not in there:
        raise SourceError(_absent(symbol, there, origin=origin))
    return table.taken(np.asarray(found.column(table, "symbol").astype(str).str.strip() == symbol))


def _absent(symbol: str, there: Sequence[str], *, origin: str) -> str:
    return f"{origin} has no bars of {symbol}{nearest(symbol, there)}\n  It has {printable(listed(there, most=12))}."


def _ticker(table: RawTable, *, symbol: str, origin: str) -> str | None:
    """Return the ticker whose columns are read: the only one there is, or the symbol's."""
    there = list(dict.fromkeys(ticker for ticker in table.tickers if ticker))
    if not there:
        return None
    wanted = there[0] if len(there) == 1 else symbol
    if wanted not in there:
        raise SourceError(_absent(symbol, there, origin=origin))
    return wanted


def _recognised(names: Sequence[str], table: RawTable, *, mapped: set[str], origin: str) -> dict[str, int]:
    """Find our columns among the names of a file, those the user mapped left out."""
    known = [name.casefold() if len(name) > 1 else name for name in names]
    places: dict[str, int] = {}
    for pair in _SPLIT_TIMES:
        if set(pair) <= set(known) and not mapped & {"timestamp", "date", "time"} and "timestamp" not in known:
            places |= {"date": known.index(pair[0]), "time": known.index(pair[1])}
    wanted = {ours: alike for ours, alike in _NAMES.items() if ours not in mapped}
    if places or {"date", "time"} & mapped:
        wanted.pop("timestamp", None)
    for ours, alike in wanted.items():
        name = next((each for each in alike if each in known), None)
        if name is not None and (name or known[0] == ""):
            places[ours] = known.index(name)
    twice = [known[place] for place in places.values() if known.count(known[place]) > 1]
    if twice:
        problem = f"it names {', '.join(twice)} twice"
        raise SourceError(f"{origin} cannot be read as bars: {problem}. Its header:\n    {table.head[0]}")
    return places


def _place(theirs: str, names: Sequence[str], *, key: str, origin: str) -> int:
    if names.count(theirs) == 1:
        return names.index(theirs)
    alike = [place for place, name in enumerate(names) if name.casefold() == str(theirs).casefold()]
    if len(alike) != 1:
        why = f"names {theirs} twice" if alike else f"has no column '{theirs}'{nearest(str(theirs), names)}"
        raise SourceError(f"{origin} {why} (source.columns.{key})\n  It has {printable(', '.join(names))}.")
    return alike[0]


def _headless(table: RawTable, *, origin: str) -> FileFormat:
    """Recognise the two exports without header by their content; the order of columns is not guessed otherwise."""
    for name, (width, names) in (("Binance klines", _BINANCE), ("Kraken OHLCVT", _KRAKEN)):
        if len(table.columns) == width and _holds(table, names):
            ours = {"timestamp", *PRICES, "volume"}
            places = {name: place for place, name in enumerate(names) if name in ours}
            return FileFormat(name=f"{name} {table.container}", places=places, columns=names)
    raise SourceError(_unknown(table, origin=origin))


def _holds(table: RawTable, names: Sequence[str]) -> bool:
    """Tell whether the first rows can be what the names say: epochs of a plausible year, the high highest."""
    few = {
        name: pd.to_numeric(column.head(100), errors="coerce")
        for name, column in zip(names, table.columns, strict=True)
    }
    stamps = [few[name].to_numpy(dtype=np.float64) for name in ("timestamp", "close_time") if name in few]
    if not len(table) or any(not epoch_units(values).all() for values in stamps):
        return False
    prices = pd.DataFrame({name: few[name] for name in PRICES})
    highest, lowest = prices.max(axis=1), prices.min(axis=1)
    return bool((few["high"] >= highest).mean() > 0.9 and (few["low"] <= lowest).mean() > 0.9)


def _unknown(table: RawTable, *, missing: Sequence[str] = (), origin: str) -> str:
    line = "header" if table.headed else "first line"
    lines = [f"{origin} cannot be read as bars: of no known layout. Its {line}:", *(f"    {row}" for row in table.head)]
    if table.headed:
        known = {name for alike in _NAMES.values() for name in alike}
        other = next((name for name in table.names if name.strip().casefold() not in known), "NAME")
        lines += [
            f"  It has no column for {', '.join(missing)} under any name that common exports use (docs/data.md).",
            f"  Say what its names mean, ours first: source.columns='{{{missing[0]}: {printable(other)}}}'",
        ]
    else:
        if len(table.columns) == 1:
            lines.append("  Its cells are not separated by , ; | or tabs; say by what: source.delimiter=' '")
        named = [*("timestamp", *PRICES, "volume"), *("_" for _ in table.columns)][: len(table.columns)]
        lines.append(f"  It has no header; name its columns in their order: source.columns=[{','.join(named)}]")
    return "\n".join(lines)

"""Bars in CSV files: the layouts there are, read without guessing a zone, a date's order or a number.

plain             timestamp,open,high,low,close,volume          also `date`, `datetime` or `time`, in any letters
KTRDR             the same, stamps with +00:00
yfinance, flat    Date,Open,High,Low,Close,Adj Close,Volume     the prices as they stand; Adj Close is not used
yfinance          Price,Close,High,...  /  Ticker,AAPL,AAPL,...  /  Date,,,      three rows, also several tickers
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow
from pyarrow import csv as arrow_csv

from multisymbol.errors import BarsError, ConfigError, SourceError, nearest
from multisymbol.markets.io.defects import PRICES, Limits, OnDefect
from multisymbol.markets.io.folder import BarFolder
from multisymbol.markets.io.parquet import AcceptedBars, fingerprint_of
from multisymbol.markets.io.quality import Examined, ReadOptions, examine_rows
from multisymbol.markets.sessions import session_clock
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import Period, Timeframe

_TIME_NAMES = ("timestamp", "datetime", "date", "time")
_HEADER_ROWS = 3
_EMPTY = ("", "nan", "NaN", "null", "NULL", "None", "NaT")
_STAMP = r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?"
_ZONED = _STAMP + r" ?(Z|[+-]\d{2}:?\d{2})"


class CsvSource(AcceptedBars):
    """A folder of CSV files, one per symbol.

    Args:
        root: The folder.
        pattern: File name with `{symbol}`, `{slug}` and `{timeframe}` filled in, such as `{symbol}_{timeframe}.csv`;
            compressed files (`.csv.gz`) are read as they are.
        timeframe: Length of the bars, for example `1h`.
        timezone: Clock of timestamps that name none, for example `UTC`; None: such files are refused. A date without a
            time is that of a session on an exchange's own clock, and a day on this clock where markets do not close at
            night.
        stamped: Whether a timestamp is the bar's open or its close.
        min_bars: Fewer bars than this are refused.
        on_defect: What happens to the rows of each kind of defect.
        limits: What counts as odd.

    Raises:
        ConfigError: The pattern cannot be used, or the zone is unknown.
    """

    def __init__(
        self,
        *,
        root: str,
        pattern: str,
        timeframe: str,
        timezone: str | None,
        stamped: Literal["open", "close"],
        min_bars: int,
        on_defect: OnDefect,
        limits: Limits,
    ) -> None:
        _check_zone(timezone)
        self.timeframe = Timeframe.parse(timeframe)
        self.folder = BarFolder(root=Path(root), pattern=pattern, timeframe=self.timeframe)
        self.timezone = timezone
        self.reading = ReadOptions(
            timeframe=self.timeframe, stamped=stamped, min_bars=min_bars, on_defect=on_defect, limits=limits
        )

    def fingerprint(self, config: SymbolConfig, period: Period) -> str:
        """Return the SHA-256 over the file's bytes and all else that `read` depends on.

        Raises:
            SourceError: There is no file for this symbol.
        """
        facts = {"csv": self.folder.content_digest(config), "timezone": self.timezone}
        return fingerprint_of(facts, config=config, period=period, reading=self.reading)

    def examine(self, config: SymbolConfig, period: Period) -> Examined:
        """Read and judge the symbol's bars.

        Raises:
            SourceError: No file for this symbol, or of no known layout.
            BarsError: The rows cannot be judged: timestamps that are no instants, or without time zone.
        """
        path = self.folder.file(config)
        texts = read_texts(path, symbol=config.symbol)
        stamps = texts["timestamp"].str.strip()
        stamps = stamps.where(~stamps.isin(_EMPTY), "")
        instants = _instants(stamps, config=config, timezone=self.timezone, origin=str(path))
        columns = {name: _numbers(texts[name]) for name in texts.columns if name != "timestamp"}
        return examine_rows(
            pd.DataFrame({"timestamp": instants, **columns}),
            config=config,
            period=period,
            reading=self.reading,
            synthetic=False,
            origin=str(path),
            stamps=stamps.to_numpy(dtype=object),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layout:
    """Where the columns of bars are in a file.

    Args:
        header_rows: Rows before the first bar.
        width: Columns of the file.
        places: Our name -> number of the column.
    """

    header_rows: int
    width: int
    places: dict[str, int]


def read_texts(path: Path, *, symbol: str) -> pd.DataFrame:
    """Read the columns of bars as text, whatever the layout.

    Args:
        path: The file.
        symbol: Whose columns, where the file has several tickers.

    Returns:
        Columns timestamp, then those of open, high, low, close, volume that there are.

    Raises:
        SourceError: The file is of no known layout, not UTF-8, or has rows of different lengths.
    """
    try:
        with pyarrow.input_stream(str(path), compression="detect") as stream:
            content = stream.read()
        head = content[:65536].decode("utf-8-sig", errors="ignore")
        layout = _layout(list(csv.reader(io.StringIO(head)))[:_HEADER_ROWS], symbol=symbol, origin=str(path))
        names = [str(column) for column in range(layout.width)]
        table = arrow_csv.read_csv(
            pyarrow.BufferReader(content),
            read_options=arrow_csv.ReadOptions(skip_rows=layout.header_rows, column_names=names),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pyarrow.string()), strings_can_be_null=False
            ),
        )
    except (pyarrow.ArrowException, OSError) as error:
        message = f"{path} cannot be read as CSV: {error}"
        raise SourceError(message) from error
    return pd.DataFrame({name: table.column(place).to_pandas() for name, place in layout.places.items()}, dtype=str)


def _layout(rows: Sequence[Sequence[str]], *, symbol: str, origin: str) -> _Layout:
    first = [[cell.strip() for cell in row] for row in rows]
    heads = {row[0] for row in first[:2] if row}
    if heads == {"Price", "Ticker"} and len(first) == _HEADER_ROWS:
        prices, tickers = (row for row in sorted(first[:2], key=lambda row: row[0]))
        places = _of_ticker(prices, tickers, symbol=symbol, origin=origin)
        return _checked(first, places, header_rows=3, origin=origin)
    names = [cell.casefold() for cell in first[0]] if first else []
    times = [name for name in _TIME_NAMES if name in names] or ([""] if names[:1] == [""] else [])
    places = {name: names.index(name) for name in (*PRICES, "volume") if name in names}
    if times:
        places = {"timestamp": names.index(times[0]), **places}
    return _checked(first, places, header_rows=1, origin=origin)


def _of_ticker(prices: Sequence[str], tickers: Sequence[str], *, symbol: str, origin: str) -> dict[str, int]:
    """Return the columns of one ticker: the only one there is, or the symbol's."""
    there = list(dict.fromkeys(tickers[1:]))
    wanted = there[0] if len(there) == 1 else symbol
    if wanted not in there:
        message = f"{origin} has no bars of {symbol}{nearest(symbol, there)}\n  It has {', '.join(there)}."
        raise SourceError(message)
    fields = zip(prices[1:], tickers[1:], strict=False)
    places = {
        name.casefold(): place for place, (name, ticker) in enumerate(fields, start=1) if ticker == wanted and name
    }
    return {"timestamp": 0, **{name: places[name] for name in (*PRICES, "volume") if name in places}}


def _checked(rows: Sequence[Sequence[str]], places: dict[str, int], *, header_rows: int, origin: str) -> _Layout:
    """Refuse a header without instants and prices, or with one of them twice."""
    names = [cell.casefold() for cell in rows[0]] if rows else []
    twice = [name for name in places if header_rows == 1 and names.count(name) > 1]
    if {"timestamp", *PRICES} <= set(places) and not twice:
        return _Layout(header_rows=header_rows, width=len(names), places=places)
    seen = "\n".join(f"    {','.join(row)}" for row in rows[:header_rows])
    why = f"it names {', '.join(twice)} twice" if twice else "of no known layout"
    message = "\n".join(
        [
            f"{origin} cannot be read as bars: {why}. Its header:",
            seen or "    (the file is empty)",
            "  Layouts known, separated by commas:",
            "    timestamp,open,high,low,close,volume                first column also date, datetime or time",
            "    Date,Open,High,Low,Close,Adj Close,Volume           yfinance, flat",
            "    Price,Close,High,...  Ticker,AAPL,...  Date,,...     yfinance, three rows",
        ]
    )
    raise SourceError(message)


def _numbers(texts: pd.Series) -> pd.Series:
    """Return float64 values; where a text is no number (1,234.5 or 1,5 are none) the column keeps that text."""
    stripped = texts.str.strip()
    plain = stripped.where(~stripped.isin(_EMPTY), None)
    values = pd.to_numeric(plain, errors="coerce").astype(np.float64)
    wrong = values.isna() & plain.notna()
    return values.astype(object).where(~wrong, stripped) if wrong.any() else values


def _check_zone(timezone: str | None) -> None:
    if timezone is None:
        return
    try:
        pd.Timestamp("2000-01-01").tz_localize(timezone)
    except (KeyError, ValueError, OSError) as error:
        import zoneinfo

        hint = nearest(timezone, sorted(zoneinfo.available_timezones()))
        message = f"source.timezone '{timezone}' is unknown{hint}; write UTC, America/New_York, ..."
        raise ConfigError(message) from error


def _instants(stamps: pd.Series, *, config: SymbolConfig, timezone: str | None, origin: str) -> pd.DatetimeIndex:
    """Read timestamps; NaT where there is none, or where the clocks made a local time twice or never.

    Raises:
        BarsError: There is text that is no timestamp, a mixture with and without zone, or no zone to be found.
        CalendarError: The calendar of `config` is unknown or does not cover the dates.
    """
    given = stamps[stamps != ""]
    zoned, naive = given.str.fullmatch(_ZONED), given.str.fullmatch(_STAMP)
    read = pd.to_datetime(given.where(zoned | naive, None), format="ISO8601", utc=True, errors="coerce")
    problems = _text_problems(given, read.isna())
    if zoned.any() and naive.any():
        rows = f"{_named(given, zoned, rows=1)}, but {_named(given, naive, rows=1)}"
        problems.append(f"some timestamps name their zone and some do not: {rows}")
    elif naive.any() and timezone is None:
        problems += [
            f"timestamps have no time zone ({_named(given, naive, rows=1)}), so their instants are not known",
            "Say which clock it is: source.timezone=UTC, America/New_York, ... (nothing is guessed)",
        ]
    if problems:
        raise BarsError("\n  ".join([f"{origin} cannot be read as bars; nothing was written.", *problems]))
    instants = pd.DatetimeIndex(read.reindex(stamps.index))
    return instants if not naive.any() else _placed(instants, given=given, config=config, timezone=str(timezone))


def _placed(instants: pd.DatetimeIndex, *, given: pd.Series, config: SymbolConfig, timezone: str) -> pd.DatetimeIndex:
    """Take what was read as UTC for local times."""
    dates_alone = bool((given.str.len() == len("2018-06-01")).all())
    local = instants.tz_localize(None)
    if not dates_alone:
        return local.tz_localize(timezone, ambiguous="NaT", nonexistent="NaT")
    bounds = local.dropna().as_unit("ns").asi8
    clock = session_clock(config.calendar, start=int(bounds.min()), end=int(bounds.max()))
    zone = clock.timezone if clock.within_dates() else timezone
    return local.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward")  # some days begin at 01:00


def _text_problems(given: pd.Series, wrong: pd.Series) -> list[str]:
    if not wrong.any():
        return []
    return [
        f"text in timestamp: {_named(given, wrong)}; {int(wrong.sum()):,} such rows",
        "Write 2018-06-01, 2018-06-01 14:30 or 2018-06-01T14:30:00Z: the order of day and month is not guessed",
    ]


def _named(given: pd.Series, mask: pd.Series, *, rows: int = 3) -> str:
    """Name the first rows of a mask with what they say."""
    return ", ".join(f"row {int(str(row)):,} '{text}'" for row, text in given[mask][:rows].items())

"""Folders of files with bars, one per symbol or with several: any format of `formats`, any kind of `tables`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from multisymbol.errors import ConfigError, SourceError
from multisymbol.markets.io.defects import PRICES, Limits, OnDefect
from multisymbol.markets.io.folder import BarFolder
from multisymbol.markets.io.formats import Columns, FileFormat, check_columns, file_format, of_symbol
from multisymbol.markets.io.quality import Examined, ReadOptions, examine_rows
from multisymbol.markets.io.source import AcceptedBars, fingerprint_of
from multisymbol.markets.io.stamps import EMPTY, DateOrder, EpochUnit, StampOptions, read_stamps
from multisymbol.markets.io.tables import RawTable, read_table, says_synthetic
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import Period, Timeframe


@dataclass(frozen=True, kw_only=True, slots=True)
class FileOptions:
    """What a user says about files that do not say it themselves.

    Args:
        columns: Our name -> the file's (`{timestamp: Time, volume: Vol}`), or, for files without header, the names of
            all columns in order.
        delimiter: What separates the cells of a CSV file; None: told by its first line.
        stamps: Clock, epoch unit and order of dates.

    Raises:
        ConfigError: The map cannot be one, or the delimiter is not one character.
    """

    columns: Columns | None = None
    delimiter: str | None = None
    stamps: StampOptions = field(default_factory=StampOptions)

    def __post_init__(self) -> None:
        check_columns(self.columns)
        if self.delimiter == r"\t":  # as a command line has it
            object.__setattr__(self, "delimiter", "\t")
        mark = self.delimiter
        if mark is not None and (len(mark) != 1 or not mark.isascii() or mark in '"\r\n'):
            raise ConfigError(f"source.delimiter: expected one character such as ';' or '|', got {mark!r}")

    def table(self, path: Path) -> RawTable:
        """Read a file.

        Raises:
            SourceError: It is not readable.
        """
        names = None if self.columns is None or isinstance(self.columns, Mapping) else list(self.columns)
        return read_table(path, delimiter=self.delimiter, names=names)


@dataclass(frozen=True, kw_only=True, slots=True)
class FileRows:
    """One symbol's rows of a file, not yet judged.

    Args:
        frame: Columns timestamp (UTC), open, high, low, close and, where there is one, volume.
        texts: Timestamps as the file has them. Shape (rows,).
        rows: Number of each row in the file, from 0. Shape (rows,).
        format: Which columns were read.
        clock: How the timestamps were read, in words.
        synthetic: Whether the file says that its bars were generated.
    """

    frame: pd.DataFrame
    texts: npt.NDArray[np.object_]
    rows: npt.NDArray[np.int64]
    format: FileFormat
    clock: str
    synthetic: bool

    def examined(self, config: SymbolConfig, *, period: Period, reading: ReadOptions, origin: str) -> Examined:
        """Judge the rows.

        Raises:
            BarsError: They cannot be judged: a column is missing.
            CalendarError: The calendar does not cover them.
        """
        return examine_rows(
            self.frame,
            config=config,
            period=period,
            reading=reading,
            synthetic=self.synthetic,
            origin=origin,
            stamps=self.texts,
            rows=self.rows,
        )


def rows_of(
    table: RawTable, *, config: SymbolConfig, options: FileOptions, timeframe: Timeframe | None, origin: str
) -> FileRows:
    """Find one symbol's columns and rows in a table, and read its timestamps and numbers.

    Raises:
        SourceError: Of no known format, or without this symbol.
        BarsError: Timestamps that are none, or whose zone or order of day and month is not known.
    """
    found = file_format(table, columns=options.columns, symbol=config.symbol, origin=origin)
    own = of_symbol(table, found, symbol=config.symbol, origin=origin)
    stamps = read_stamps(
        _stamp_column(own, found),
        options=options.stamps.within(utc=found.utc, day_first=found.day_first),
        config=config,
        timeframe=timeframe,
        origin=origin,
    )
    numbers = [name for name in (*PRICES, "volume") if name in found.places]
    columns = {name: found.column(own, name).reset_index(drop=True) for name in numbers}
    return FileRows(
        frame=pd.DataFrame(
            {"timestamp": stamps.instants, **{n: _numbers(c) if own.text else c for n, c in columns.items()}}
        ),
        texts=stamps.texts,
        rows=own.columns[0].index.to_numpy(),
        format=found,
        clock=stamps.clock,
        synthetic=own.synthetic,
    )


class FileSource(AcceptedBars):
    """A folder of files with bars.

    Args:
        root: The folder.
        pattern: File name with `{symbol}`, `{slug}` and `{timeframe}` filled in, such as `{symbol}_{timeframe}.csv`.
        timeframe: Length of the bars, for example `1h`.
        stamped: Whether a timestamp is the bar's open or its close.
        min_bars: Fewer bars than this are refused.
        on_defect: What happens to the rows of each kind of defect.
        limits: What counts as odd.
        timezone: Clock of timestamps that name none, for example `UTC`; None: such files are refused. A date without a
            time is that of a session on an exchange's own clock, and a day on this clock where markets do not close at
            night. Daily bars that begin at its midnight are its days, of 23 and 25 hours where clocks change.
        columns: Our name -> the file's, or the names of all columns of files without header; None: recognised.
        epoch: Unit of timestamps that are numbers; None: by their size.
        date_order: Order of day and month in `06/01/2018`; None: refused where the file does not prove it.
        delimiter: What separates the cells of CSV files; None: told by the first line.
        files: Symbol -> file in the folder, for those that the pattern does not name.

    Raises:
        ConfigError: The pattern or the map cannot be used, or the zone is unknown.
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
        timezone: str | None = None,
        columns: dict[str, str] | list[str] | None = None,
        epoch: EpochUnit | None = None,
        date_order: DateOrder | None = None,
        delimiter: str | None = None,
        files: dict[str, str] | None = None,
    ) -> None:
        self.timeframe = Timeframe.parse(timeframe)
        self.folder = BarFolder(root=Path(root), pattern=pattern, timeframe=self.timeframe, files=files or {})
        self.reading = ReadOptions(
            timeframe=self.timeframe,
            stamped=stamped,
            min_bars=min_bars,
            on_defect=on_defect,
            limits=limits,
            timezone=timezone,
        )
        stamps = StampOptions(timezone=timezone, epoch=epoch, date_order=date_order)
        self.options = FileOptions(columns=columns, delimiter=delimiter, stamps=stamps)

    def is_synthetic(self, config: SymbolConfig) -> bool:
        """Return whether the symbol's file says that its bars were generated, or without one, a file beside it."""
        try:
            return says_synthetic(self.folder.file_or_any(config))
        except SourceError:
            return False  # reading it says what is wrong

    def fingerprint(self, config: SymbolConfig, period: Period) -> str:
        """Return the SHA-256 over the file's bytes and all else that `read` depends on.

        Raises:
            SourceError: There is no file for this symbol.
        """
        facts = self._origin(self.folder.content_digest(config))
        return fingerprint_of(facts, config=config, period=period, reading=self.reading)

    def _origin(self, digest: str) -> dict[str, object]:
        options = asdict(self.options)
        said = {name: value for name, value in (options.pop("stamps") | options).items() if value is not None}
        return {"content": digest, **said}

    def examine(self, config: SymbolConfig, period: Period) -> Examined:
        """Read and judge the symbol's bars.

        Raises:
            SourceError: No file for this symbol, or of no known format.
            BarsError: The rows cannot be judged: timestamps that are no instants, or without time zone.
        """
        path = self.folder.file(config)
        return examine_file(path, config=config, period=period, reading=self.reading, options=self.options)


class ParquetSource(FileSource):
    """A folder of Parquet files, as `conf/source/parquet.yaml` names it."""


class CsvSource(FileSource):
    """A folder of CSV files, as `conf/source/csv.yaml` names it."""

    def _origin(self, digest: str) -> dict[str, object]:
        said = {name: value for name, value in super()._origin(digest).items() if name not in {"content", "timezone"}}
        return {"csv": digest, "timezone": self.options.stamps.timezone, **said}  # as ever: panels are found again


def examine_file(
    path: Path, *, config: SymbolConfig, period: Period, reading: ReadOptions, options: FileOptions | None = None
) -> Examined:
    """Read and judge one symbol's bars of one file.

    Raises:
        SourceError: It is not readable, or of no known format.
        BarsError: Its rows cannot be judged.
    """
    options = options or FileOptions()
    rows = rows_of(options.table(path), config=config, options=options, timeframe=reading.timeframe, origin=str(path))
    return rows.examined(config, period=period, reading=reading, origin=str(path))


def _stamp_column(table: RawTable, found: FileFormat) -> pd.Series:
    """Return the timestamps, joined where a file has date and time in two columns."""
    if "date" not in found.places:
        return found.column(table, "timestamp")
    parts = [found.column(table, name).astype(str).str.strip() for name in ("date", "time")]
    return parts[0] + " " + parts[1]


def _numbers(texts: pd.Series) -> pd.Series:
    """Return float64 values; where a text is no number (1,234.5 or 1,5 are none) the column keeps that text."""
    stripped = texts.str.strip()
    plain = stripped.where(~stripped.isin(EMPTY), None)
    values = pd.to_numeric(plain, errors="coerce").astype(np.float64)
    wrong = values.isna() & plain.notna()
    return values.astype(object).where(~wrong, stripped) if wrong.any() else values

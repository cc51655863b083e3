"""Files as tables: CSV, Parquet and Feather, recognised by their content, unpacked and decoded, not yet interpreted.

A name says little: a download named `.csv` may be a zip archive, a spreadsheet's "text" UTF-16. The first bytes decide.
"""

import csv
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow
from pyarrow import csv as arrow_csv
from pyarrow import feather, parquet

from multisymbol.errors import SourceError
from multisymbol.wording import listed, printable

SYNTHETIC_KEY = b"multisymbol.synthetic"
"""Key in the metadata of a Parquet schema that says the bars were generated."""

_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4"}
_DELIMITERS = (",", ";", "\t", "|")
_TICKER_ROWS = {"Price", "Ticker"}


@dataclass(frozen=True, kw_only=True, slots=True)
class RawTable:
    """The columns of a file, not yet interpreted.

    Args:
        names: Name of each column; numbers where the file has no header.
        tickers: Symbol of each column where a second header row names it, else None.
        columns: Values: text of a CSV file, what was stored in others. Shape (rows,) each.
        text: Whether all values are text.
        headed: Whether the names come from the file.
        head: The first lines, for messages.
        container: `CSV`, `Parquet` or `Feather`.
        synthetic: Whether the file says that its bars were generated.
    """

    names: tuple[str, ...]
    tickers: tuple[str | None, ...]
    columns: tuple[pd.Series, ...]
    text: bool
    headed: bool
    head: tuple[str, ...]
    container: str
    synthetic: bool = False

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def taken(self, rows: npt.NDArray[np.bool_]) -> "RawTable":
        """Return the rows of a mask; their numbers stay."""
        columns = tuple(column[rows] for column in self.columns)
        return RawTable(**{**{name: getattr(self, name) for name in self.__slots__}, "columns": columns})


def read_table(path: Path, *, delimiter: str | None = None, names: Sequence[str] | None = None) -> RawTable:
    """Read a file of any of the three kinds.

    Args:
        path: The file.
        delimiter: What separates the cells of a CSV file; None: whichever its first line has most of.
        names: The columns of a CSV file without header, in order; None: the first line says.

    Raises:
        SourceError: Not a file, not readable, damaged, or of no such kind.
    """
    try:
        packed = path.read_bytes()
    except IsADirectoryError as error:
        raise SourceError(f"{path} is a folder; name the file of bars in it") from error
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror} (relative to {Path.cwd()})") from error
    try:
        content = _unpacked(packed, path)
        if content.startswith(b"PAR1"):
            file = parquet.ParquetFile(pyarrow.BufferReader(content))
            return _of_arrow(file.read(), container="Parquet", path=path)
        if content.startswith((b"ARROW1", b"FEA1")):
            return _of_arrow(feather.read_table(pyarrow.BufferReader(content)), container="Feather", path=path)
        return _of_text(_utf8(content, path), delimiter=delimiter, names=names, path=path)
    except SourceError:
        raise
    # Whatever the libraries make of a damaged file, they say so in many types: Arrow's, zlib's, ValueError, KeyError.
    except Exception as error:
        message = (
            f"{path} cannot be read: {printable(str(error) or type(error).__name__)}; fetch or write the file again"
        )
        raise SourceError(message) from error


def _unpacked(content: bytes, path: Path) -> bytes:
    for magic, codec in _PACKED.items():
        if content.startswith(magic):
            return bytes(pyarrow.CompressedInputStream(pyarrow.BufferReader(content), codec).read())
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            inside = [name for name in archive.namelist() if not name.endswith("/")]
            if len(inside) != 1:
                holds = printable(listed(inside, most=4))
                raise SourceError(f"{path} is an archive or a spreadsheet with {holds}; unpack it, or save it as CSV")
            return archive.read(inside[0])
    return content


def _utf8(content: bytes, path: Path) -> bytes:
    """Return UTF-8 with line ends of one kind."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        content = content.decode("utf-16").encode()
    content = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        what = f"line {line:,} has the byte 0x{content[error.start]:02x}"
        raise SourceError(f"{path} is not UTF-8 text: {what}; save it as UTF-8 (or UTF-16 with its mark)") from error
    if b"\x00" in content:
        line = content.count(b"\n", 0, content.index(b"\x00")) + 1
        raise SourceError(f"{path} is no text: line {line:,} has a zero byte; save it as CSV in UTF-8, or as Parquet")
    return content


def _of_text(content: bytes, *, delimiter: str | None, names: Sequence[str] | None, path: Path) -> RawTable:
    lines = content[:65536].decode(errors="ignore").split("\n")[:3]
    if not lines[0].strip():
        at = "is empty" if not content.strip() else "begins with an empty line"
        raise SourceError(f"{path} {at}; a header such as timestamp,open,high,low,close,volume is expected there")
    mark = delimiter or max(_DELIMITERS, key=lines[0].count)
    cells = [max(map(line.count, _DELIMITERS)) + 1 for line in lines[:2]]
    if delimiter is None and cells[0] == 1 and cells[-1] >= 5:  # a title line, as CryptoDataDownload has
        title = f"line 1, '{printable(lines[0].strip())}', is a title: line 2 has {cells[-1]} cells"
        raise SourceError(f"{path} does not begin with its header; {title}. Delete line 1")
    rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO("\n".join(lines)), delimiter=mark)]
    prices, tickers, header_rows = _header(rows, names=names)
    if names is not None and len(names) != len(rows[0]):
        said = f"source.columns names {len(names)} columns, the file has {len(rows[0])}"
        raise SourceError(f"{path}: {said}. Its first line:\n    {printable(lines[0])}")
    keys = [str(place) for place in range(len(rows[0]))]
    table = arrow_csv.read_csv(
        pyarrow.BufferReader(content),
        parse_options=arrow_csv.ParseOptions(delimiter=mark),
        read_options=arrow_csv.ReadOptions(skip_rows=header_rows, column_names=keys),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(keys, pyarrow.string()), strings_can_be_null=False
        ),
    )
    return RawTable(
        names=tuple(prices),
        tickers=tuple(tickers),
        columns=tuple(table.column(key).to_pandas().astype(str) for key in keys),
        text=True,
        headed=header_rows > 0 or names is not None,
        head=tuple(map(printable, lines[: max(header_rows, 1)])),
        container="CSV",
    )


def _header(
    rows: Sequence[Sequence[str]], *, names: Sequence[str] | None
) -> tuple[Sequence[str], Sequence[str | None], int]:
    """Return the name and ticker of each column, and the rows of the header."""
    first: Sequence[str] = rows[0]
    if names is not None:
        return names, [None] * len(names), 0
    if len(rows) == 3 and {rows[0][0], rows[1][0]} == _TICKER_ROWS:
        prices, tickers = sorted(rows[:2], key=lambda row: row[0])
        return [rows[2][0] or "Date", *prices[1:]], [None, *tickers[1:]], 3
    if not any(char.isalpha() for cell in first[1:] for char in cell.replace("e", "").replace("nan", "")):
        return [str(place) for place in range(len(first))], [None] * len(first), 0
    return first, [None] * len(first), 1


def _of_arrow(table: pyarrow.Table, *, container: str, path: Path) -> RawTable:
    twice = sorted({name for name in table.schema.names if table.schema.names.count(name) > 1})
    if twice:
        raise SourceError(f"{path} cannot be read as bars: it names {', '.join(twice)} twice; leave one of each")
    frame = table.to_pandas()
    if not _plain_index(frame.index):
        frame.index.names = [name if name is not None else "" for name in frame.index.names]
        frame = frame.reset_index()
    labels = [_label(label) for label in frame.columns]
    return RawTable(
        names=tuple(name for name, _ in labels),
        tickers=tuple(ticker for _, ticker in labels),
        columns=tuple(_decoded(frame.iloc[:, place]) for place in range(len(labels))),
        text=False,
        headed=True,
        head=(printable(", ".join(name if ticker is None else f"{name}/{ticker}" for name, ticker in labels)),),
        container=container,
        synthetic=SYNTHETIC_KEY in (table.schema.metadata or {}),
    )


def _decoded(column: pd.Series) -> pd.Series:
    """Return the values of a column, numbered from 0; those of a dictionary column in place of its codes."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return pd.Series(np.asarray(column))
    return column.reset_index(drop=True)


def says_synthetic(path: Path) -> bool:
    """Whether a file says that its bars were generated; only its schema is read, and what has none says nothing."""
    for schema_of in (parquet.read_schema, lambda file: pyarrow.ipc.open_file(file).schema):
        try:
            return SYNTHETIC_KEY in (schema_of(path).metadata or {})
        except (pyarrow.ArrowException, OSError):
            continue
    return False


def _plain_index(index: pd.Index) -> bool:
    """Tell whether an index only counts the rows."""
    return index.nlevels == 1 and index.name is None and pd.api.types.is_integer_dtype(index.dtype)


_FIELDS = {"open", "high", "low", "close", "adj close", "volume"}


def _label(label: object) -> tuple[str, str | None]:
    """Split a label of two levels, (Close, AAPL) or (AAPL, Close), into name and ticker."""
    if not isinstance(label, tuple):
        return str(label), None
    first, second = (str(part) for part in label[:2])
    name, ticker = (second, first) if second.casefold() in _FIELDS else (first, second)
    return name, ticker or None

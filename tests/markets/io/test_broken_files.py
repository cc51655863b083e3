"""No file brings a library's exception to the user: it is read right, or refused with file, place and fix."""

import gzip
import io
import re
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import exchange_calendars
import numpy as np
import pandas as pd
import pyarrow
import pytest
from pyarrow import feather, parquet

from multisymbol.errors import BarsError, CalendarError, ConfigError, SourceError
from multisymbol.markets.io.defects import OnDefect
from multisymbol.markets.io.files import CsvSource, FileSource, ParquetSource
from multisymbol.markets.time import Period
from tests.markets.conftest import LIMITS, config_of
from tests.markets.test_bars import bars_of
from tests.vendor_files import Frame, bars

COIN = config_of("BTCUSDT", "crypto")


def text(frame: Frame, **options: Any) -> bytes:
    stamps = frame["timestamp"].astype(object).map(lambda stamp: f"{stamp:%Y-%m-%d %H:%M:%S}+00:00")
    return str(frame.assign(timestamp=stamps).to_csv(index=False, **options)).encode()


def packed(frame: Frame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def feathered(frame: Frame) -> bytes:
    buffer = io.BytesIO()
    feather.write_feather(frame, buffer)
    return buffer.getvalue()


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def of_arrow(**columns: Any) -> bytes:
    table = pyarrow.Table.from_pandas(bars(), preserve_index=False)
    for name, values in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, pyarrow.array(values))
    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    return buffer.getvalue()


def twice() -> bytes:
    table = pyarrow.Table.from_pandas(bars(), preserve_index=False)
    buffer = io.BytesIO()
    parquet.write_table(table.append_column("close", table.column("close")), buffer)
    return buffer.getvalue()


def at(row: int, column: str, value: object) -> Frame:
    frame = bars().astype({column: object})
    frame.loc[row, column] = value  # type: ignore[call-overload]
    return frame


def last_year(year: int) -> Frame:
    frame = bars()
    stamps = frame["timestamp"].dt.as_unit("us")
    return frame.assign(timestamp=stamps.where(stamps.index < 39, pd.Timestamp(year, 12, 31, tz="UTC").as_unit("us")))


READ: dict[str, bytes] = {
    "carriage returns alone": text(bars(), lineterminator="\r"),
    "UTF-16": text(bars()).decode().encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + text(bars()),
    "gzip named csv": gzip.compress(text(bars())),
    "zip named csv": zipped(bars=text(bars())),
    "parquet": packed(bars()),
    "feather": feathered(bars()),
    "prices as a dictionary": of_arrow(close=pyarrow.array(bars()["close"]).dictionary_encode()),
    "decimals": of_arrow(close=[Decimal(str(value)) for value in bars()["close"]]),
    "whole numbers as floats": text(bars()).replace(b"10.0\n", b"1e1\n"),
    "blank lines at the end": text(bars()) + b"\n\n",
}

REFUSED: dict[str, tuple[bytes, str]] = {
    "year 9999": (text(last_year(9999)), r"9999-12-31"),
    "year 9999 in parquet": (packed(last_year(9999)), r"a year that no bar is of: row 39 '9999-12-31"),
    "year 1200": (text(last_year(1200)), r"row 39 '1200-12-31"),
    "year 2150 in feather": (feathered(last_year(2150)), r"row 39 '2150-12-31"),
    "column twice": (text(bars()).replace(b"volume", b"close", 1), "it names close twice"),
    "column twice in parquet": (twice(), "it names close twice"),
    "Latin-1": (text(bars()).replace(b"volume", b"volume\xe9", 1), "not UTF-8 text: line 1 has the byte 0xe9; save it"),
    "UTF-16 without mark": (
        text(bars()).decode().encode("utf-16-le"),
        "line 1 has a zero byte; save it as CSV in UTF-8",
    ),
    "empty": (b"", "is empty; a header such as timestamp"),
    "white space": (b" \n\n", "is empty"),
    "empty first line": (b"\n" + text(bars()), "begins with an empty line"),
    "header alone": (text(bars()[:0]), "0 bars in the period"),
    "truncated parquet": (packed(bars())[:-20], "cannot be read: .*; fetch or write the file again"),
    "truncated feather": (feathered(bars())[:200], "cannot be read: .*; fetch or write the file again"),
    "truncated gzip": (gzip.compress(text(bars()))[:-30], "cannot be read: .*; fetch or write the file again"),
    "archive of two": (zipped(a=text(bars()), b=b""), "an archive or a spreadsheet with a, b; unpack it"),
    "half an archive": (zipped(a=text(bars()))[:60], "cannot be read: .*; fetch or write the file again"),
    "page of an error": (b"<!DOCTYPE html>\n<html><body>429 Too many\x1b[31m</body></html>\n", "of no known layout"),
    "JSON": (b'{"t": [1, 2], "o": [1, 2]}\n', "of no known layout"),
    "random bytes": (np.random.default_rng(0).bytes(500), "is not UTF-8 text|zero byte"),
    "ragged row": (text(bars()).replace(b"\n", b",1\n", 3).replace(b",1\n", b"\n", 2), "Expected 6 columns, got 7"),
    "open quote": (text(bars()).replace(b"10.0\n", b'"10.0\n'), "."),
    "text in a price": (text(at(3, "close", "1,5")), "text in close *row 3"),
    "text in a price of parquet": (packed(at(3, "close", "1.5").astype({"close": str})), "text in close"),
    "text in a dictionary": (of_arrow(close=pyarrow.array(["x"] * 40).dictionary_encode()), "text in close"),
    "truth values as prices": (of_arrow(close=[True] * 40), "close is not a number *40 rows"),
    "instants as prices": (of_arrow(close=bars()["timestamp"]), "close is not a number *40 rows"),
    "infinite time": (of_arrow(timestamp=[np.inf] * 40), "numbers in timestamp that are no plausible year"),
    "title line": (b"https://example.org\n" + text(bars()), "line 2 has 6 cells. Delete line 1"),
    "cells between blanks": (text(bars()).replace(b",", b"~"), "not separated by .*source.delimiter"),
    "lists as prices": (of_arrow(close=[[1.0]] * 40), "close is not a number"),
    "text as time": (of_arrow(timestamp=["then"] * 40), "text in timestamp: row 0 'then'"),
    "mixed times": (text(bars()).replace(b"2019-01-07 05:00:00+00:00", b"1546837200"), "text in timestamp: row 5"),
    "epoch of no year": (of_arrow(timestamp=list(range(40))), "numbers in timestamp that are no plausible year"),
    "no times at all": (of_arrow(timestamp=pyarrow.nulls(40)), "missing timestamp"),
    "escape in a name": (text(bars()).replace(b"close", b"cl\x1b[2Jose", 1), r"of no known layout"),
}


def opened(folder: Path, kind: type[FileSource], **options: Any) -> FileSource:
    return kind(
        root=str(folder),
        pattern="{symbol}.csv",
        timeframe="1h",
        stamped="open",
        min_bars=1,
        on_defect=OnDefect(),
        limits=LIMITS,
        **options,
    )


@pytest.fixture(params=[CsvSource, ParquetSource])
def examine(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[bytes], Any]:
    """Write a file and read it, whatever its name says it is."""

    def call(content: bytes) -> Any:
        (tmp_path / "BTCUSDT.csv").write_bytes(content)
        return opened(tmp_path, request.param).read(COIN, Period())

    return call


@pytest.mark.parametrize("name", READ)
def test_an_odd_file_is_read_right(name: str, examine: Callable[[bytes], Any]) -> None:
    assert examine(READ[name]).close.tolist() == bars()["close"].tolist()


@pytest.mark.parametrize("name", REFUSED)
def test_a_broken_file_is_refused_with_its_name_and_the_fix(name: str, examine: Callable[[bytes], Any]) -> None:
    content, reason = REFUSED[name]
    with pytest.raises((SourceError, BarsError), match=reason) as refused:
        examine(content)
    said = str(refused.value)
    assert "BTCUSDT.csv" in said.splitlines()[0]
    assert said.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("epoch", "m", "source.epoch: expected s or ms or us or ns, got 'm'"),
        ("date_order", "ymd", "source.date_order: expected dmy or mdy, got 'ymd'"),
        ("delimiter", "||", "source.delimiter: expected one character"),
        ("delimiter", "\n", "source.delimiter: expected one character"),
        ("delimiter", "", "source.delimiter: expected one character"),
        ("delimiter", "é", "source.delimiter: expected one character"),
    ],
)
def test_options_of_files_are_checked_before_any_file_is_read(
    key: str, value: str, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=re.escape(reason)):
        opened(tmp_path, CsvSource, **{key: value})


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_epochs_in_parquet_are_dated_by_their_size_and_the_cure_for_frames_names_their_unit(
    unit: Literal["s", "ms", "us", "ns"], examine: Callable[[bytes], Any]
) -> None:
    frame = bars()
    epochs = frame.assign(timestamp=frame["timestamp"].dt.as_unit(unit).astype("int64"))
    assert examine(packed(epochs)).opened_at.tolist() == frame["timestamp"].dt.as_unit("ns").astype("int64").tolist()
    with pytest.raises(BarsError, match=f'unit="{unit}", utc=True'):
        bars_of(epochs, COIN)


def test_a_tab_may_be_typed(tmp_path: Path) -> None:
    (tmp_path / "BTCUSDT.csv").write_bytes(text(bars(), sep="\t"))
    assert len(opened(tmp_path, CsvSource, delimiter=r"\t").read(COIN, Period())) == 40


def test_a_folder_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "BTCUSDT.csv").mkdir()
    for call in ("fingerprint", "read"):
        with pytest.raises(SourceError, match=r"BTCUSDT.csv is a folder; source.pattern names the file of a symbol"):
            getattr(opened(tmp_path, CsvSource), call)(COIN, Period())


CALENDARS = exchange_calendars.get_calendar_names(include_aliases=False)
QUICK = ("24/7", "FX", "XNYS", "ASEX", "XTKS", "XBOM")


@pytest.mark.parametrize(
    "calendar", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in CALENDARS if name not in QUICK)]
)
def test_no_calendar_brings_an_exception_of_its_own(calendar: str, tmp_path: Path) -> None:
    config = config_of("BTCUSDT", "crypto", calendar=calendar)
    for start in ("1901-06-03", "2019-01-07", "2090-01-02"):
        (tmp_path / "BTCUSDT.csv").write_bytes(text(bars("1D", rows=3, start=start)))
        try:
            opened(tmp_path, CsvSource).examine(config, Period())
        except (BarsError, CalendarError) as refused:
            assert "BTCUSDT" in str(refused)  # noqa: PT017

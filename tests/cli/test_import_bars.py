"""Importing vendors' files: what is written, what is said, and what is refused beside the rest."""

import re
import shlex
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from multisymbol.cli.commands.import_bars import run
from tests.vendor_files import VENDORS, bars

IMPORT = ("out=out", "asset_class=crypto")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, **changes: Any) -> str:
    VENDORS[name].write(VENDORS[name].bars(**changes), Path(VENDORS[name].file))
    return VENDORS[name].file


def out(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def error(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


DOCUMENTED = re.findall(
    r"^\| [^|]+ \| `([^`]+)` \| [^|]+ \| `multisymbol import-bars ([^`]+)` \|$",
    (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8"),
    flags=re.MULTILINE,
)
BY_FILE = {vendor.file: vendor for vendor in VENDORS.values()}


def test_the_page_has_a_row_for_every_format_that_is_tested() -> None:
    assert [file for file, _ in DOCUMENTED] == list(BY_FILE)
    assert len(VENDORS) == len(BY_FILE) >= 20


@pytest.mark.parametrize(("file", "command"), DOCUMENTED, ids=[file for file, _ in DOCUMENTED])
def test_each_command_of_the_page_writes_our_columns_in_utc(
    file: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    vendor = BY_FILE[file]
    frame = vendor.bars()
    vendor.write(frame, Path(file))
    assert run(shlex.split(command)) == 0, error(capsys)
    written = pd.read_parquet(f"bars/{vendor.symbol}.parquet")
    assert list(written.columns) == ["timestamp", "open", "high", "low", "close", "volume"]
    assert str(written["timestamp"].dtype) == "datetime64[ns, UTC]"
    assert written["close"].tolist() == frame["close"].tolist()
    said = out(capsys)
    assert said[1].startswith(f"{vendor.name}, time ")
    assert f"bars of {'1h' if vendor.freq == '1h' else '1d'} (measured)" in said[1]


def test_it_says_what_was_done_and_how_to_train(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([write("binance"), *IMPORT]) == 0
    said = out(capsys)
    assert said[:4] == [
        "read BTCUSDT from BTCUSDT-1h-2019-01.csv",
        "Binance klines CSV, time epoch ms, bars of 1h (measured)",
        "columns not read: close_time, quote_volume, count, taker_buy_volume, taker_buy_quote_volume, ignore",
        "wrote 1 symbol in out, times in UTC, stamped at the open",
    ]
    assert "BTCUSDT crypto 40 2019-01-07 2019-01-08 1" in said
    assert said[-2:] == [
        "train multisymbol train strategy=mine symbols=table symbols.file=out/universe.csv \\",
        "source=parquet source.root=out source.timeframe=1h",
    ]
    assert Path("out/universe.csv").read_text() == "symbol,asset_class\nBTCUSDT,crypto\n"


def test_files_of_one_symbol_are_joined_whatever_their_order_and_unit() -> None:
    january, february = write("binance"), write("binance-us", start="2019-01-08 16:00")
    assert run([february, january, *IMPORT]) == 0
    stamps = pd.read_parquet("out/BTCUSDT.parquet")["timestamp"]
    assert (len(stamps), stamps.is_monotonic_increasing) == (80, True)
    assert stamps.diff().dropna().unique().tolist() == [pd.Timedelta("1h")]


def test_files_that_overlap_are_refused_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    files = [write("binance"), write("binance-us", start="2019-01-08 12:00")]
    assert run([*files, *IMPORT]) == 2
    said = error(capsys)
    assert said.startswith("BTCUSDT-1h-2019-01.csv joined with 1 more file of BTCUSDT has 2 kinds of defect")
    assert "duplicate timestamp" in said
    assert not Path("out/BTCUSDT.parquet").exists()
    assert run([*files, *IMPORT, "source.on_defect.duplicate=drop", "source.on_defect.unsorted=drop"]) == 0
    assert len(pd.read_parquet("out/BTCUSDT.parquet")) == 76


def test_several_symbols_of_one_file_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([write("alpaca"), "out=out", "asset_class={AAPL: stock, MSFT: crypto}"]) == 0
    assert sorted(path.name for path in Path("out").glob("*.parquet")) == ["AAPL.parquet", "MSFT.parquet"]
    assert Path("out/universe.csv").read_text() == "symbol,asset_class\nAAPL,stock\nMSFT,crypto\n"
    assert run([write("alpaca"), "out=more", "asset_class={AAPL: stock}"]) == 2
    assert "does not name the class of MSFT" in error(capsys)


def test_one_bad_file_does_not_keep_the_others_from_being_written(capsys: pytest.CaptureFixture[str]) -> None:
    Path("AAA.csv").write_bytes(b"\xff\xfe\x00")
    Path("BBB.csv").write_text("a,b\n1,2\n")
    write("metatrader")
    assert run([write("binance"), "AAA.csv", "BBB.csv", "nowhere.csv", VENDORS["metatrader"].file, *IMPORT]) == 2
    said = error(capsys)
    for part in (
        "AAA.csv cannot",
        "BBB.csv cannot",
        "nowhere.csv cannot be read: No such file",
        "timestamps have no time zone",
    ):
        assert part in said
    assert [path.name for path in Path("out").glob("*.parquet")] == ["BTCUSDT.parquet"]


def test_nothing_is_written_over_unless_it_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    file = write("binance")
    assert run([file, *IMPORT]) == 0
    assert run([file, *IMPORT]) == 2
    assert "has files of BTCUSDT already; nothing was written. Add overwrite=true" in error(capsys)
    assert run([file, *IMPORT, "overwrite=true"]) == 0
    assert run([write("kraken"), *IMPORT]) == 0
    assert Path("out/universe.csv").read_text() == "symbol,asset_class\nBTCUSDT,crypto\nXBTUSD,crypto\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "name the files and the folder to write"),
        ("a.csv out=out", "say which market's hours the bars are checked against: asset_class=stock"),
        ("a.csv out=out asset_class=stocks", "stocks"),
        (
            "a.csv out=out asset_class=stock source.tmezone=UTC",
            "there is no option source.tmezone=, did you mean 'source.timezone'?",
        ),
        ("a.csv out=out asset_class=stock source.timezone=Utopia", "source.timezone 'Utopia' is unknown"),
        (
            "a.csv out=out asset_class=stock source.epoch=minutes",
            "source.epoch: expected s or ms or us or ns, got 'minutes'",
        ),
        ("a.csv out=out asset_class=stock 'source.columns={<DATE>: date}'", "write {date: <DATE>}"),
        (
            "a.csv out=out asset_class=stock source/on_defect=dorp",
            "source/on_defect=dorp: there is no 'dorp', did you mean 'drop'",
        ),
        ("a.csv out=out asset_class=stock calendar=XNIS", "calendar 'XNIS' is unknown, did you mean"),
    ],
)
def test_a_wrong_command_is_refused_with_the_fix(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    bars().to_csv("a.csv", index=False)
    assert run(shlex.split(words)) == 2
    assert said in error(capsys)


def test_symbols_that_yaml_reads_as_values_stay_symbols() -> None:
    frame = bars()
    for name in ("600519", "NO", "1E5"):
        frame.to_parquet(f"{name}.parquet")
    assert run(["600519.parquet", "NO.parquet", "source.files={TRUE: 1E5.parquet}", "1E5.parquet", *IMPORT]) == 0
    assert {path.stem for path in Path("out").glob("*.parquet")} == {"600519", "NO", "TRUE"}


@pytest.mark.parametrize(
    ("file", "symbol"),
    [
        ("BTCUSDT-1h-2024-01.csv", "BTCUSDT"),
        ("BTCUSDT-1h-2024-01.zip", "BTCUSDT"),
        ("XBTUSD_60.csv", "XBTUSD"),
        ("EURUSD_H1_201901070000_201901090000.csv", "EURUSD"),
        ("EURUSD_Candlestick_1_Hour_BID_07.01.2019-09.01.2019.csv", "EURUSD"),
        ("BTC-USD.csv.gz", "BTC-USD"),
        ("BRK-B.parquet", "BRK-B"),
        ("BRK.B.csv", "BRK.B"),
        ("BAC-D.csv", "BAC-D"),
        ("2330.TW_1d.csv", "2330.TW"),
        ("^GSPC.csv", "^GSPC"),
    ],
)
def test_a_symbol_is_told_by_the_name_of_its_file(file: str, symbol: str) -> None:
    from multisymbol.markets.io.importing import named_by

    assert named_by(Path(file)) == symbol

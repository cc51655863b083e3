"""CSV files: layouts, zones and numbers are read as they are or refused, never guessed."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from multisymbol.errors import BarsError, ConfigError, SourceError
from multisymbol.markets.io.defects import PRICES, OnDefect
from multisymbol.markets.io.files import CsvSource
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import Period, iso
from tests.markets.conftest import LIMITS, config_of

PLAIN = """timestamp,open,high,low,close,volume
2019-01-07 00:00:00,1.1,1.3,1.0,1.2,10
2019-01-07 01:00:00,1.2,1.4,1.1,1.3,20
2019-01-07 02:00:00,1.3,1.5,1.2,1.4,30
"""
KTRDR = PLAIN.replace(":00:00,", ":00:00+00:00,")
FLAT = """Date,Open,High,Low,Close,Adj Close,Volume
2019-01-07,1.1,1.3,1.0,1.2,0.6,10
2019-01-08,1.2,1.4,1.1,1.3,0.7,20
2019-01-09,1.3,1.5,1.2,1.4,0.8,30
"""
DOWNLOAD = """Price,Close,High,Low,Open,Volume
Ticker,AAPL,AAPL,AAPL,AAPL,AAPL
Date,,,,,
2019-01-07,1.2,1.3,1.0,1.1,10
2019-01-08,1.3,1.4,1.1,1.2,20
2019-01-09,1.4,1.5,1.2,1.3,30
"""
TWO = """Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume
Ticker,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT
Datetime,,,,,,,,,,
2019-01-07 14:30:00+00:00,1.2,9,1.3,9,1.0,9,1.1,9,10,90
2019-01-07 15:30:00+00:00,1.3,9,1.4,9,1.1,9,1.2,9,20,90
2019-01-07 16:30:00+00:00,1.4,9,1.5,9,1.2,9,1.3,9,30,90
"""
BY_TICKER = "\n".join(TWO.split("\n")[row] for row in (1, 0, 2, 3, 4, 5))

Write = Callable[..., CsvSource]


@pytest.fixture
def written(tmp_path: Path) -> Write:
    """Write a file of the symbol BAR and return its source."""

    def call(text: str | bytes, **changes: Any) -> CsvSource:
        choices: dict[str, Any] = {
            "root": str(tmp_path),
            "pattern": "{symbol}_{timeframe}.csv",
            "timeframe": "1h",
            "timezone": "UTC",
            "stamped": "open",
            "min_bars": 1,
            "on_defect": OnDefect(),
            "limits": LIMITS,
        }
        source = CsvSource(**{**choices, **changes})
        path = tmp_path / source.folder.pattern.format(symbol="BAR", timeframe=source.timeframe.text)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return source

    return call


def coin() -> SymbolConfig:
    return config_of("BAR", "crypto")


def stock() -> SymbolConfig:
    return config_of("BAR", "stock")


def said(source: CsvSource, config: SymbolConfig) -> list[str]:
    with pytest.raises((BarsError, SourceError)) as caught:
        source.read(config, Period())
    return [" ".join(line.split()) for line in str(caught.value).splitlines()]


@pytest.mark.parametrize(
    ("text", "timeframe", "config"),
    [
        (PLAIN, "1h", coin()),
        (KTRDR, "1h", coin()),
        (PLAIN.replace("timestamp", "date", 1), "1h", coin()),
        (PLAIN.replace("timestamp", "", 1), "1h", coin()),
        (PLAIN.replace("timestamp,open", "Time,Open", 1), "1h", coin()),
        ("\ufeff" + PLAIN, "1h", coin()),
        (PLAIN.replace("\n", "\r\n"), "1h", coin()),
        (PLAIN + "\n\n", "1h", coin()),
        (FLAT, "1d", stock()),
        (DOWNLOAD, "1d", stock()),
        (TWO.replace("AAPL", "BAR"), "1h", stock()),
        (BY_TICKER.replace("AAPL", "BAR"), "1h", stock()),
    ],
)
def test_every_layout_gives_the_same_bars(text: str, timeframe: str, config: SymbolConfig, written: Write) -> None:
    bars = written(text, timeframe=timeframe).read(config, Period())
    assert bars.open.tolist() == [1.1, 1.2, 1.3]
    assert bars.high.tolist() == [1.3, 1.4, 1.5]
    assert bars.low.tolist() == [1.0, 1.1, 1.2]
    assert bars.close.tolist() == [1.2, 1.3, 1.4]
    assert bars.volume.tolist() == [10, 20, 30]
    assert iso(int(bars.opened_at[0]))[:10] == "2019-01-07"


def test_compressed_files_are_read(written: Write) -> None:
    source = written(gzip.compress(PLAIN.encode()), pattern="{symbol}.csv.gz")
    assert len(source.read(coin(), Period())) == 3


def test_ticker_is_chosen_by_the_symbol_where_there_are_several(written: Write) -> None:
    source = written(TWO)
    assert said(source, stock()) == [f"{source.folder.root}/BAR_1h.csv has no bars of BAR", "It has AAPL, MSFT."]
    (source.folder.root / "MSFT_1h.csv").write_text(TWO)
    assert source.read(config_of("MSFT", "stock"), Period()).close.tolist() == [9, 9, 9]


def test_zone_is_asked_for_never_guessed(written: Write) -> None:
    assert said(written(PLAIN, timezone=None), coin())[1:] == [
        "timestamps have no time zone (row 0 '2019-01-07 00:00:00'), so their instants are not known",
        "Say which clock it is: source.timezone=UTC, America/New_York, ... (nothing is guessed)",
    ]
    assert said(written(FLAT, timeframe="1d", timezone=None), coin())[1].startswith("timestamps have no time zone")
    assert len(written(FLAT, timeframe="1d", timezone=None).read(stock(), Period())) == 3  # a date is the session's
    assert len(written(KTRDR, timezone=None).read(coin(), Period())) == 3


def test_zone_of_a_stamp_wins_over_the_source_and_offsets_may_change(written: Write) -> None:
    lines = ["timestamp,open,high,low,close,volume"]
    lines += [f"{stamp},1,1,1,1,1" for stamp in ("2019-11-03 01:30:00-04:00", "2019-11-03 01:30:00-05:00")]
    bars = written("\n".join(lines), timezone="Asia/Tokyo").read(coin(), Period())
    assert [iso(int(at)) for at in bars.opened_at] == ["2019-11-03T05:30Z", "2019-11-03T06:30Z"]


def test_local_times_are_read_on_the_clock_of_the_source(written: Write) -> None:
    bars = written(PLAIN, timezone="America/New_York").read(coin(), Period())
    assert iso(int(bars.opened_at[0])) == "2019-01-07T05:00Z"


def test_mixture_of_stamps_with_and_without_zone_is_refused(written: Write) -> None:
    text = PLAIN.replace("01:00:00", "01:00:00Z")
    assert said(written(text), coin())[1] == (
        "some timestamps name their zone and some do not: row 1 '2019-01-07 01:00:00Z', but row 0 '2019-01-07 00:00:00'"
    )


LOCAL = "timestamp,open,high,low,close,volume\n" + "".join(
    f"{stamp},1,1,1,1,1\n"
    for stamp in ("2019-11-03 00:00", "2019-11-03 01:00", "2019-11-03 01:00", "2019-11-03 02:00", "2019-11-03 03:00")
)


def test_local_time_that_came_twice_is_a_defect_with_row_and_policy(written: Write) -> None:
    source = written(LOCAL, timezone="America/New_York")
    assert said(source, coin())[1:] == [
        "timestamp names no instant rows 1, 2 first timestamp '2019-11-03 01:00' "
        "the change of clocks made this local time twice, or never",
        "Repair the file, or say what to do with such rows: source.on_defect.missing_timestamp=drop",
    ]
    dropping = written(LOCAL, timezone="America/New_York", on_defect=OnDefect(missing_timestamp="drop"))
    bars = dropping.read(coin(), Period())
    assert (len(bars), dict(bars.dropped), dict(bars.kept_defects)) == (3, {"missing_timestamp": 2}, {"gap": 2})


def test_local_time_that_never_came_is_a_defect(written: Write) -> None:
    text = LOCAL.replace("2019-11-03", "2019-03-10").replace(
        "01:00,1,1,1,1,1\n2019-03-10 01", "00:30,1,1,1,1,1\n2019-03-10 01"
    )
    lines = said(written(text, timezone="America/New_York", timeframe="30m"), coin())
    assert lines[1].startswith("timestamp names no instant row 3 timestamp '2019-03-10 02:00'")


def test_empty_timestamp_is_missing_not_misread(written: Write) -> None:
    text = PLAIN.replace("2019-01-07 01:00:00", "")
    assert said(written(text), coin())[1] == "missing timestamp row 1 no timestamp"


@pytest.mark.parametrize("stamp", ["07/01/2019", "7.1.2019 01:00", "20190107", "1546822800000", "2019-02-30 01:00:00"])
def test_order_of_day_and_month_is_not_guessed(stamp: str, written: Write) -> None:
    lines = said(written(PLAIN.replace("2019-01-07 01:00:00", stamp)), coin())
    assert lines[1] == f"text in timestamp: row 1 '{stamp}'; 1 such rows"
    assert "the order of day and month is not guessed" in lines[2]


def test_date_of_an_exchange_is_its_session_whatever_the_zone(written: Write) -> None:
    for timezone in ("UTC", "Asia/Tokyo"):
        bars = written(FLAT, timeframe="1d", timezone=timezone).read(stock(), Period())
        assert iso(int(bars.opened_at[0])) == "2019-01-07T05:00Z"
        assert iso(int(bars.closed_at[0])) == "2019-01-07T21:00Z"
    sydney = replace(stock(), calendar="XASX")  # opens at 23:00 UTC of the evening before
    bars = written(FLAT, timeframe="1d").read(sydney, Period())
    assert iso(int(bars.closed_at[0])) == "2019-01-07T05:00Z"


@pytest.mark.parametrize(
    ("asset_class", "timezone", "opened"),
    [("crypto", "UTC", "2019-01-07T00:00Z"), ("forex", "EET", "2019-01-06T22:00Z")],
)
def test_date_of_a_market_around_the_clock_is_a_day_of_the_given_zone(
    asset_class: str, timezone: str, opened: str, written: Write
) -> None:
    bars = written(FLAT, timeframe="1d", timezone=timezone).read(config_of("BAR", asset_class), Period())
    assert iso(int(bars.opened_at[0])) == opened
    assert bars.closed_at[0] - bars.opened_at[0] == pd.Timedelta("1D").value


def test_text_that_is_no_number_is_a_defect_named_with_its_row_alone(written: Write) -> None:
    text = PLAIN.replace("1.2,1.4,1.1,1.3,20", '1.2,1.4,"1,1",1.3,"1,020"')
    assert said(written(text), coin())[1:3] == [
        "text in low row 1 2019-01-07T01:00Z low '1,1'",
        "text in volume row 1 2019-01-07T01:00Z volume '1,020'",
    ]


def test_comma_that_splits_a_number_is_never_misread(written: Write) -> None:
    text = PLAIN.replace("2019-01-07 01:00:00,1.2,1.4", "2019-01-07 01:00:00,1,2,1,4")
    assert "Expected 6 columns, got 8" in said(written(text), coin())[0]
    assert "Expected 6 columns, got 8" in said(written(PLAIN.replace("0,1.", "0,1,")), coin())[0]


def test_empty_price_is_no_number_and_numbers_may_be_in_any_form(written: Write) -> None:
    assert "close is not a number row 1" in said(written(PLAIN.replace("1.3,20", ",20")), coin())[1]
    bars = written(PLAIN.replace("1.3,20", " 1.3e0,2E1")).read(coin(), Period())
    assert (bars.close[1], bars.volume[1]) == (1.3, 20.0)


@pytest.mark.parametrize(
    ("text", "shown", "cure"),
    [
        ("a,b,c\n1,2,3\n", "Its header:", "source.columns='{timestamp: a}'"),
        (PLAIN.split("\n", 1)[1], "Its first line:", "source.columns=[timestamp,open,high,low,close,volume]"),
        (PLAIN.replace("close", "last"), "Its header:", "source.columns='{close: last}'"),
    ],
)
def test_unknown_layout_shows_the_header_and_the_map_to_write(text: str, shown: str, cure: str, written: Write) -> None:
    lines = said(written(text), coin())
    assert lines[0].endswith(f"BAR_1h.csv cannot be read as bars: of no known layout. {shown}")
    assert lines[1] == text.split("\n", maxsplit=1)[0]
    assert lines[-1].endswith(cure)


def test_the_map_that_a_refusal_prints_reads_the_file(written: Write) -> None:
    headless = PLAIN.split("\n", 1)[1]
    for text, columns in (
        (PLAIN.replace("close", "last"), {"close": "last"}),
        (headless, ["timestamp", *PRICES, "volume"]),
        (headless.replace(" ", ","), ["date", "time", *PRICES, "_"]),
    ):
        bars = written(text, columns=columns).read(config_of("BAR", "forex"), Period())
        assert (bars.close.tolist(), iso(int(bars.opened_at[2]))) == ([1.2, 1.3, 1.4], "2019-01-07T02:00Z")


def test_cells_may_be_separated_by_something_else(written: Write) -> None:
    for mark in ";\t|":
        assert len(written(PLAIN.replace(",", mark)).read(coin(), Period())) == 3
    assert len(written(KTRDR.replace(",", "^"), delimiter="^").read(coin(), Period())) == 3


def test_column_twice_is_refused(written: Write) -> None:
    assert (
        "it names open twice"
        in said(written(PLAIN.replace("high", "OPEN,high").replace(",1.3,", ",1,1.3,")), coin())[0]
    )


def test_volume_may_be_absent_where_the_class_allows_it(written: Write) -> None:
    text = "\n".join(line.rpartition(",")[0] for line in PLAIN.splitlines())
    assert len(written(text).read(config_of("BAR", "forex"), Period())) == 3
    assert "column 'volume' is missing" in said(written(text), coin())


def test_unknown_zone_is_refused_with_the_nearest(written: Write) -> None:
    with pytest.raises(
        ConfigError, match=r"source.timezone 'America/NewYork' is unknown, did you mean 'America/New_York'"
    ):
        written(PLAIN, timezone="America/NewYork")


def test_fingerprint_changes_with_file_and_zone(written: Write) -> None:
    prints = {
        written(text, timezone=zone).fingerprint(coin(), Period())
        for text, zone in ((PLAIN, "UTC"), (PLAIN, "Asia/Tokyo"), (KTRDR, "UTC"))
    }
    assert len(prints) == 3

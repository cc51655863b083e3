"""Downloads: fetched once, resumed where they stopped, read like any file; and what vendors' libraries give."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

from multisymbol.errors import ConfigError, OutputError, SourceError
from multisymbol.markets.io.defects import OnDefect
from multisymbol.markets.io.download import CandlePage, DownloadSource
from multisymbol.markets.io.vendors import Ccxt, YFinance
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import DAY, HOUR, Period, Timeframe, instant, iso
from tests.markets.conftest import LIMITS, config_of

START, END = "2019-01-07", "2019-01-12"


def hourly(since: int, until: int) -> pd.DataFrame:
    """Return the bars that the market of these tests has in [since, until)."""
    at = np.arange(-(-since // HOUR) * HOUR, until, HOUR)
    close = 100.0 + (at // HOUR) % 7
    prices = {"open": close - 0.5, "high": close + 1, "low": close - 1, "close": close, "volume": 5.0}
    return pd.DataFrame({"timestamp": pd.DatetimeIndex(at.view("datetime64[ns]")).tz_localize("UTC"), **prices})


@dataclass(kw_only=True)
class Recorded:
    """A vendor that gives a day per page, and refuses to answer when told to."""

    name: str = "recorded"
    restated: bool = False
    fail_from: int | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)

    def check(self, timeframe: Timeframe) -> None:
        if timeframe.text != "1h":
            message = f"no bars of {timeframe.text}"
            raise ConfigError(message)

    def ready(self) -> None:
        """Need no library."""

    def page(self, name: str, *, timeframe: Timeframe, since: int, until: int) -> CandlePage:
        assert timeframe.text == "1h"
        if self.fail_from is not None and since >= self.fail_from:
            message = "the line is down"
            raise SourceError(message)
        self.asked.append((name, iso(since)))
        end = min(since + DAY, until)
        return CandlePage(bars=hourly(since, end) if name != "NONE" else hourly(since, since), go_on=end)


@dataclass(kw_only=True)
class Watch:
    """A clock that only goes on while it is slept on, or told to."""

    seconds: float = instant("2020-01-01") / 1e9
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


Make = Callable[..., DownloadSource]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def call(vendor: Any, watch: Watch | None = None, **changes: Any) -> DownloadSource:
        watch = watch or Watch()
        choices: dict[str, Any] = {
            "cache": str(tmp_path),
            "timeframe": "1h",
            "start": START,
            "end": END,
            "names": {"BTCUSDT": "BTC/USDT"},
            "pause_seconds": 2.0,
            "min_bars": 1,
            "on_defect": OnDefect(),
            "limits": LIMITS,
        }
        return DownloadSource(vendor=vendor, now=watch.now, sleep=watch.sleep, **{**choices, **changes})

    return call


def test_bars_are_fetched_once_page_by_page_under_the_vendors_name(make: Make, coin: SymbolConfig) -> None:
    vendor = Recorded()
    source = make(vendor)
    bars = source.read(coin, Period())
    assert vendor.asked == [("BTC/USDT", f"2019-01-{day:02d}T00:00Z") for day in range(7, 12)]
    assert (len(bars), iso(int(bars.opened_at[-1]))) == (120, "2019-01-11T23:00Z")
    assert (bars.close == hourly(instant(START), instant(END))["close"].to_numpy()).all()
    print_ = source.fingerprint(coin, Period())
    again = make(Recorded(fail_from=0))
    assert len(again.read(coin, Period())) == 120
    assert again.fingerprint(coin, Period()) == print_


class EveryLength(Recorded):
    """Has candles of any length, the forming one among them."""

    def check(self, timeframe: Timeframe) -> None:
        """Accept all."""

    def page(self, name: str, *, timeframe: Timeframe, since: int, until: int) -> CandlePage:
        bars = hourly(since, until)
        begins = (pd.DatetimeIndex(bars["timestamp"]).as_unit("ns").asi8 - instant(START)) % timeframe.nanoseconds == 0
        return CandlePage(bars=bars[begins], go_on=until)


@pytest.mark.parametrize(
    ("end", "timeframe", "bars"),
    [
        ("2019-01-08T12:30", "1h", 36),
        ("2019-01-08T12:00", "1h", 36),
        ("2019-01-08T12:00", "4h", 9),
        ("2019-01-08T11:59", "4h", 8),
        ("2019-01-09T23:59", "1d", 2),
        ("2019-01-21T00:00", "1w", 2),
    ],
)
def test_the_candle_that_has_not_ended_is_not_stored(
    make: Make, coin: SymbolConfig, end: str, timeframe: str, bars: int
) -> None:
    stored = pd.read_parquet(make(EveryLength(), end=end, timeframe=timeframe).download(coin))
    ends = pd.DatetimeIndex(stored["timestamp"]).as_unit("ns").asi8 + Timeframe.parse(timeframe).nanoseconds
    assert (len(stored), ends.max() <= instant(end)) == (bars, True)


def test_a_day_of_a_stock_has_ended_at_its_close(make: Make) -> None:
    """New York closes at 21:00 UTC in January."""
    for end, days in (("2019-01-08T20:59", 1), ("2019-01-08T21:00", 2)):
        path = make(EveryLength(), end=end, timeframe="1d").download(config_of("AAPL", "stock"))
        assert len(pd.read_parquet(path)) == days


def test_files_of_other_choices_lie_elsewhere(make: Make, tmp_path: Path) -> None:
    path = make(Recorded()).download(config_of("EUR/USD", "forex"))
    assert path == tmp_path / "recorded" / "1h" / "2019-01-07..2019-01-12" / "EUR_2FUSD.parquet"
    assert make(Recorded(), end="2019-01-11").folder.root != path.parent
    assert make(Recorded(name="other")).folder.root != path.parent
    assert {left.suffix for left in path.parent.iterdir()} == {".parquet", ".lock"}


def test_interrupted_download_goes_on_where_it_stopped(make: Make, coin: SymbolConfig) -> None:
    with pytest.raises(SourceError) as caught:
        make(Recorded(fail_from=instant("2019-01-10"))).read(coin, Period())
    assert str(caught.value).splitlines() == [
        "the line is down",
        "  What came before 2019-01-10T00:00Z is kept; start again to go on from there.",
    ]
    vendor = Recorded()
    assert len(make(vendor).read(coin, Period())) == 120
    assert [since for _, since in vendor.asked] == ["2019-01-10T00:00Z", "2019-01-11T00:00Z"]


@pytest.mark.parametrize(("kind", "pages"), [("as traded", 2), ("restated", 5)])
def test_adjusted_prices_of_two_days_are_never_joined(kind: str, pages: int, make: Make, coin: SymbolConfig) -> None:
    with pytest.raises(SourceError):
        make(Recorded(restated=kind == "restated", fail_from=instant("2019-01-10"))).read(coin, Period())
    tomorrow = Recorded(restated=kind == "restated")
    make(tomorrow, Watch(seconds=instant("2020-01-02") / 1e9)).read(coin, Period())
    assert len(tomorrow.asked) == pages


def test_page_that_was_being_written_when_the_process_died_is_fetched_again(make: Make, coin: SymbolConfig) -> None:
    with pytest.raises(SourceError):
        make(Recorded(fail_from=instant("2019-01-09"))).read(coin, Period())
    source = make(Recorded())
    (source.folder.root / "BTCUSDT.pages" / "000002.writing").write_bytes(b"half a page")
    assert len(source.read(coin, Period())) == 120


def test_requests_keep_their_distance(make: Make, coin: SymbolConfig) -> None:
    watch = Watch()
    source = make(Recorded(), watch)
    source.read(coin, Period())
    source.read(config_of("ETHUSDT", "crypto"), Period())
    assert watch.slept == [2.0] * 9


def test_progress_is_told_in_hours_of_history(make: Make, coin: SymbolConfig) -> None:
    told: list[tuple[str, int, int]] = []
    make(Recorded()).download(coin, progress=lambda symbol, done, of: told.append((symbol, done, of)))
    assert told == [("BTCUSDT", 24 * day, 120) for day in range(1, 6)]


def test_vendor_without_bars_of_a_symbol_leaves_no_file(make: Make) -> None:
    source = make(Recorded())
    with pytest.raises(SourceError, match=r"recorded has no bars of NONE in the span .* \(source.names says"):
        source.read(config_of("NONE", "crypto"), Period())
    assert [path.suffix for path in source.folder.root.iterdir()] == [".lock"]


def test_end_in_the_future_is_refused_before_anything_is_fetched(make: Make, coin: SymbolConfig) -> None:
    vendor = Recorded()
    with pytest.raises(SourceError, match=r"source.end=2020-01-02T00:00Z lies in the future"):
        make(vendor, end="2020-01-02").read(coin, Period())
    assert vendor.asked == []


def test_wrong_choices_are_refused_at_once(make: Make) -> None:
    with pytest.raises(ConfigError, match="no bars of 2h"):
        make(Recorded(), timeframe="2h")
    with pytest.raises(ConfigError, match=r"source.start=2019-01-12 is not before source.end=2019-01-12"):
        make(Recorded(), start=END)


def test_cache_that_cannot_be_written_names_the_key(make: Make, coin: SymbolConfig, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot be written.*source.cache=DIR"):
        make(Recorded(), cache=str(tmp_path / "file")).read(coin, Period())


def test_defects_of_a_download_are_judged_like_those_of_a_file(make: Make, coin: SymbolConfig) -> None:
    source = make(Recorded())
    path = source.download(coin)
    frame = parquet.read_table(path).to_pandas()
    frame.loc[7, "low"] = 1.0
    frame.to_parquet(path)
    assert dict(source.read(coin, Period()).kept_defects) == {"wick": 1}


class LibraryError(Exception):
    """Stands for the library's error."""


class NoPricesError(LibraryError):
    """Likewise."""


def yahoo(monkeypatch: pytest.MonkeyPatch, history: Callable[..., pd.DataFrame]) -> None:
    module = ModuleType("yfinance")
    parts = {
        "config": SimpleNamespace(debug=SimpleNamespace(hide_exceptions=True)),
        "exceptions": SimpleNamespace(YFException=LibraryError, YFPricesMissingError=NoPricesError),
        "Ticker": lambda name: SimpleNamespace(history=lambda **wanted: history(name, **wanted)),
    }
    for name, part in parts.items():
        setattr(module, name, part)
    monkeypatch.setitem(sys.modules, "yfinance", module)


def recorded_days(name: str, **wanted: Any) -> pd.DataFrame:
    """Return what yfinance gives for daily bars: dates of New York, the prices capitalised."""
    assert (name, wanted["interval"], wanted["auto_adjust"]) == ("AAPL", "1d", True)
    index = pd.DatetimeIndex(["2019-01-07", "2019-01-08"], tz="America/New_York", name="Date")
    inside = (index >= wanted["start"]) & (index < wanted["end"])
    prices = {"Open": 1.0, "High": 2.0, "Low": 0.5, "Close": 1.5, "Volume": 100}
    return pd.DataFrame(prices, index=index[inside])


def test_yahoos_days_are_sessions(make: Make, stock: SymbolConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    yahoo(monkeypatch, recorded_days)
    bars = make(YFinance(adjusted=True), timeframe="1d", start="2005-01-01").read(stock, Period())
    assert [iso(int(at)) for at in bars.opened_at] == ["2019-01-07T05:00Z", "2019-01-08T05:00Z"]
    assert iso(int(bars.closed_at[0])) == "2019-01-07T21:00Z"
    assert (bars.high[0], bars.volume[0]) == (2.0, 100.0)


def test_what_yahoo_refuses_names_symbol_and_instant(
    make: Make, stock: SymbolConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str, **wanted: Any) -> pd.DataFrame:
        raise LibraryError("Too Many Requests")

    yahoo(monkeypatch, refuse)
    with pytest.raises(SourceError, match="yfinance gave no bars of AAPL from 2019-01-07T00:00Z: Too Many Requests"):
        make(YFinance(adjusted=True)).read(stock, Period())

    def nothing(name: str, **wanted: Any) -> pd.DataFrame:
        raise NoPricesError("1h data not available: the range must be within the last 730 days\x1b[0m")

    yahoo(monkeypatch, nothing)
    reason = r"(?s)yfinance-adjusted has no bars of AAPL in the span.*It says: 1h data not available: .* 730 days\\x1b"
    with pytest.raises(SourceError, match=reason):
        make(YFinance(adjusted=True)).read(stock, Period())

    def broken(name: str, **wanted: Any) -> pd.DataFrame:
        raise TypeError

    yahoo(monkeypatch, broken)
    with pytest.raises(SourceError, match="yfinance gave no bars of AAPL from 2019-01-07T00:00Z: TypeError"):
        make(YFinance(adjusted=True)).read(stock, Period())


def test_a_history_that_begins_years_late_says_so_with_the_vendors_reason(
    make: Make, stock: SymbolConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def listed_later(name: str, **wanted: Any) -> pd.DataFrame:
        bars = recorded_days(name, **wanted)
        if bars.empty:
            raise NoPricesError("Data doesn't exist for startDate")
        return bars

    yahoo(monkeypatch, listed_later)
    source = make(YFinance(adjusted=True), timeframe="1d", start="2005-01-01")
    said = "AAPL begins 2019-01-07, 14.0 years after source.start=2005-01-01: Data doesn't exist for startDate"
    assert source.late_start(stock) == said
    assert make(Recorded()).late_start(stock) == ""


def test_bars_that_yahoo_has_not_are_refused_with_those_it_has(make: Make) -> None:
    with pytest.raises(ConfigError, match=r"yfinance has no bars of 4h; it has 1m, 2m, .* resample=4h"):
        make(YFinance(adjusted=True), timeframe="4h")


class Exchange:
    """A recorded exchange: up to 50 bars a request, none before 2019-01-08."""

    timeframes = ("1h", "1d")
    options: Any = None

    def __init__(self, options: Any) -> None:
        type(self).options = options

    def fetch_ohlcv(self, name: str, timeframe: str, *, since: int, limit: int) -> list[list[float]]:
        if name != "BTC/USDT":
            message = f"unknown market {name}"
            raise LibraryError(message)
        first = since * 1_000_000
        bars = hourly(first, min(first + limit * HOUR, instant("2019-01-20")))
        bars = bars[bars["timestamp"] >= "2019-01-08"]
        stamps = bars["timestamp"].dt.as_unit("ns").astype("int64") // 1_000_000
        rows: Sequence[Any] = bars.assign(timestamp=stamps).to_numpy().tolist()
        return list(rows)


@pytest.fixture
def ccxt(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("ccxt")
    for name, part in {"exchanges": ["binance", "kraken"], "BaseError": LibraryError, "binance": Exchange}.items():
        setattr(module, name, part)
    monkeypatch.setitem(sys.modules, "ccxt", module)


@pytest.mark.usefixtures("ccxt")
def test_bars_of_an_exchange_are_joined_without_seam_though_it_was_listed_later(make: Make, coin: SymbolConfig) -> None:
    bars = make(Ccxt(exchange="binance", page_bars=7)).read(coin, Period())
    assert (np.diff(bars.opened_at) == HOUR).all()
    assert [iso(int(bars.opened_at[place])) for place in (0, -1)] == ["2019-01-08T00:00Z", "2019-01-11T23:00Z"]
    assert Exchange.options == {"enableRateLimit": True}


@pytest.mark.usefixtures("ccxt")
def test_what_an_exchange_does_not_know_is_named(make: Make, coin: SymbolConfig) -> None:
    with pytest.raises(ConfigError, match=r"ccxt has no exchange 'binanse', did you mean 'binance'\?"):
        make(Ccxt(exchange="binanse", page_bars=7)).read(coin, Period())
    with pytest.raises(ConfigError, match="binance has no bars of 2h; it has 1h, 1d"):
        make(Ccxt(exchange="binance", page_bars=7), timeframe="2h").read(coin, Period())
    with pytest.raises(SourceError, match=r"binance gave no bars of BTCUSDT from .*: unknown market BTCUSDT"):
        make(Ccxt(exchange="binance", page_bars=7), names={}).read(coin, Period())


@pytest.mark.parametrize("vendor", [YFinance(adjusted=True), Ccxt(exchange="binance", page_bars=7)])
def test_library_that_is_not_installed_is_named_with_the_command(
    vendor: Any, make: Make, coin: SymbolConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = "yfinance" if isinstance(vendor, YFinance) else "ccxt"
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError) as caught:
        make(vendor).read(coin, Period())
    assert str(caught.value) == (
        f"source={name} needs the package {name}, which is not installed: pip install 'multisymbol[{name}]'"
    )
    assert list(tmp_path.iterdir()) == []

"""Files of bars as vendors write them, made from bars of our own: no vendor's data is in here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

Frame = pd.DataFrame


def bars(
    freq: str = "1h", rows: int = 40, start: str = "2019-01-07", seed: int = 0, *, new_york: bool = False
) -> Frame:
    """Return flawless bars on consecutive stamps of UTC, or on those of New York's hours in winter."""
    random = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(random.normal(0, 0.002, rows))), 4)
    opened = np.r_[close[0], close[:-1]]
    stamps = pd.date_range(start, periods=rows * (5 if new_york else 1), freq=freq, tz="UTC")
    if new_york:
        stamps = stamps[(stamps.hour >= 14) & (stamps.hour < 21) & (stamps.dayofweek < 5)][:rows]
    frame = pd.DataFrame({"timestamp": stamps, "open": opened})
    frame["high"] = np.round(np.maximum(opened, close) + 0.05, 4)
    frame["low"] = np.round(np.minimum(opened, close) - 0.05, 4)
    return frame.assign(close=close, volume=np.arange(rows) + 10.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class VendorFile:
    """One export.

    Args:
        file: Its name as the vendor gives it.
        write: Writes bars to a path.
        name: What the import calls the format.
        asset_class: Of the symbol.
        freq: Length of the bars.
        options: What the user has to say, as words of the command line.
        symbol: The symbol it is imported as.
    """

    file: str
    write: Callable[[Frame, Path], object]
    name: str
    asset_class: str = "crypto"
    freq: str = "1h"
    options: tuple[str, ...] = ()
    symbol: str = "BTCUSDT"

    def bars(self, **changes: Any) -> Frame:
        """Return bars of the symbol's market."""
        return bars(self.freq, new_york=self.asset_class == "stock" and self.freq == "1h", **changes)


def _epoch(frame: Frame, unit: str) -> "pd.Series[Any]":
    return pd.Series(frame["timestamp"].dt.as_unit(unit).astype("int64"))


def _prices(frame: Frame) -> list[pd.Series]:
    return [frame[name] for name in ("open", "high", "low", "close", "volume")]


def _text(frame: Frame, form: str, zone: str = "UTC") -> pd.Series:
    return pd.Series(frame["timestamp"].dt.tz_convert(zone).dt.strftime(form))


def _klines(frame: Frame, path: Path, *, unit: str, header: bool) -> None:
    opened = _epoch(frame, unit)
    last = opened + (opened[1] - opened[0]) - 1
    rest = {"quote_volume": frame["volume"], "count": 5, "taker_buy_volume": 1.0, "taker_buy_quote_volume": 1.0}
    columns = dict(zip(("open_time", "open", "high", "low", "close", "volume"), [opened, *_prices(frame)], strict=True))
    pd.DataFrame({**columns, "close_time": last, **rest, "ignore": 0}).to_csv(path, index=False, header=header)


def _kraken(frame: Frame, path: Path) -> None:
    frame.assign(timestamp=_epoch(frame, "s"), trades=7).to_csv(path, index=False, header=False)


def _metatrader(frame: Frame, path: Path) -> None:
    """Write the clock of a broker at EET, in UTF-16 as the terminal does."""
    columns = {"<DATE>": _text(frame, "%Y.%m.%d", "EET"), "<TIME>": _text(frame, "%H:%M:%S", "EET")}
    names = ("<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<TICKVOL>")
    table = pd.DataFrame({**columns, **dict(zip(names, _prices(frame), strict=True)), "<VOL>": 0, "<SPREAD>": 3})
    path.write_bytes(table.to_csv(index=False, sep="\t", lineterminator="\r\n").encode("utf-16"))


def _tradingview(frame: Frame, path: Path, *, iso: bool) -> None:
    stamps = _text(frame, "%Y-%m-%dT%H:%M:%SZ") if iso else _epoch(frame, "s")
    frame.assign(timestamp=stamps, MA=1.5).rename(columns={"timestamp": "time", "volume": "Volume"}).to_csv(
        path, index=False
    )


def _stooq(frame: Frame, path: Path) -> None:
    stamps = {"Date": _text(frame, "%Y-%m-%d")}
    names = ("Open", "High", "Low", "Close", "Volume")
    pd.DataFrame({**stamps, **dict(zip(names, _prices(frame), strict=True))}).to_csv(path, index=False)


def _stooq_bulk(frame: Frame, path: Path) -> None:
    columns = {"<TICKER>": "AAPL.US", "<PER>": "D", "<DATE>": _text(frame, "%Y%m%d"), "<TIME>": "000000"}
    names = ("<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<VOL>")
    pd.DataFrame(
        {**columns, **dict(zip(names, _prices(frame), strict=True)), "<OPENINT>": 0}, index=frame.index
    ).to_csv(path, index=False)


def _capitalised(frame: Frame, *, index: str = "Date", adjusted: bool = True) -> Frame:
    naive = frame.assign(timestamp=frame["timestamp"].dt.tz_localize(None))
    table = naive.set_index("timestamp").rename_axis(index).rename(columns=str.capitalize)
    return table.assign(**{"Adj Close": table["Close"] / 2}) if adjusted else table


def _two_tickers(frame: Frame) -> Frame:
    one = _capitalised(frame, adjusted=False)
    both = pd.concat({"AAPL": one, "MSFT": one * 2}, axis=1).swaplevel(axis=1).sort_index(axis=1)
    return both.rename_axis(columns=["Price", "Ticker"])


def _freqtrade(frame: Frame) -> Frame:
    return frame.assign(timestamp=frame["timestamp"].dt.as_unit("ms")).rename(columns={"timestamp": "date"})


def _alpaca(frame: Frame) -> Frame:
    both = [frame.assign(symbol=name, trade_count=4.0, vwap=1.0) for name in ("AAPL", "MSFT")]
    return pd.concat(both).set_index(["symbol", "timestamp"])


def _polygon_flat(frame: Frame, path: Path) -> None:
    order = ["ticker", "volume", "open", "close", "high", "low", "window_start", "transactions"]
    table = frame.assign(ticker="AAPL", window_start=_epoch(frame, "ns"), transactions=9)
    table[order].to_csv(path, index=False)


def _polygon(frame: Frame, path: Path) -> None:
    names = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
    table = frame.assign(t=_epoch(frame, "ms"), vw=1.0, n=3).rename(columns=names)
    table[["v", "vw", "o", "c", "h", "l", "t", "n"]].to_csv(path, index=False)


def _dukascopy(frame: Frame, path: Path) -> None:
    table = frame.assign(timestamp=_text(frame, "%d.%m.%Y %H:%M:%S.000"))
    table.rename(columns=str.capitalize).rename(columns={"Timestamp": "Gmt time"}).to_csv(path, index=False)


def _headless_spreadsheet(frame: Frame, path: Path) -> None:
    table = frame.assign(timestamp=_text(frame, "%m/%d/%Y"), time=_text(frame, "%H:%M"))
    table[["timestamp", "time", "open", "high", "low", "close", "volume"]].to_csv(
        path, index=False, header=False, sep=";"
    )


STOCK_DAYS: dict[str, Any] = {"asset_class": "stock", "freq": "B", "symbol": "AAPL"}

VENDORS: Mapping[str, VendorFile] = {
    "binance": VendorFile(
        file="BTCUSDT-1h-2019-01.csv",
        write=lambda f, p: _klines(f, p, unit="ms", header=False),
        name="Binance klines CSV",
    ),
    "binance-us": VendorFile(
        file="BTCUSDT-1h-2025-01.csv",
        write=lambda f, p: _klines(f, p, unit="us", header=False),
        name="Binance klines CSV",
    ),
    "binance-futures": VendorFile(
        file="BTCUSDT-1h-2019-02.csv",
        write=lambda f, p: _klines(f, p, unit="ms", header=True),
        name="Binance klines CSV",
    ),
    "kraken": VendorFile(file="XBTUSD_60.csv", write=_kraken, name="Kraken OHLCVT CSV", symbol="XBTUSD"),
    "metatrader": VendorFile(
        file="EURUSD_H1_201901070000_201901090000.csv",
        write=_metatrader,
        name="MetaTrader CSV",
        asset_class="forex",
        options=("source.timezone=EET",),
        symbol="EURUSD",
    ),
    "tradingview": VendorFile(
        file="BINANCE_BTCUSDT, 60.csv",
        write=lambda f, p: _tradingview(f, p, iso=False),
        name="CSV",
        options=("symbol=BTCUSDT",),
    ),
    "tradingview-iso": VendorFile(
        file="BINANCE_BTCUSDT, 60_a1b2c.csv",
        write=lambda f, p: _tradingview(f, p, iso=True),
        name="CSV",
        options=("symbol=BTCUSDT",),
    ),
    "stooq": VendorFile(file="aapl_us_d.csv", write=_stooq, name="CSV", options=("symbol=AAPL",), **STOCK_DAYS),
    "stooq-bulk": VendorFile(
        file="aapl.us.txt", write=_stooq_bulk, name="Stooq CSV", options=("symbol=AAPL",), **STOCK_DAYS
    ),
    "yfinance": VendorFile(
        file="AAPL.csv", write=lambda f, p: _capitalised(f).to_csv(p), name="yfinance CSV", **STOCK_DAYS
    ),
    "yfinance-parquet": VendorFile(
        file="AAPL.parquet", write=lambda f, p: _capitalised(f).to_parquet(p), name="yfinance Parquet", **STOCK_DAYS
    ),
    "yfinance-tickers": VendorFile(
        file="download.csv", write=lambda f, p: _two_tickers(f).to_csv(p), name="yfinance CSV", **STOCK_DAYS
    ),
    "yfinance-tickers-parquet": VendorFile(
        file="download.parquet", write=lambda f, p: _two_tickers(f).to_parquet(p), name="yfinance Parquet", **STOCK_DAYS
    ),
    "freqtrade-feather": VendorFile(
        file="BTC_USDT-1h.feather",
        write=lambda f, p: _freqtrade(f).to_feather(p),
        name="Feather",
        options=("symbol=BTCUSDT",),
    ),
    "freqtrade-parquet": VendorFile(
        file="BTC_USDT-1h.parquet",
        write=lambda f, p: _freqtrade(f).to_parquet(p, index=False),
        name="Parquet",
        options=("symbol=BTCUSDT",),
    ),
    "pandas": VendorFile(
        file="BTCUSDT.parquet",
        write=lambda f, p: f.set_index("timestamp").rename_axis("when").to_parquet(p),
        name="Parquet",
        options=("source.columns={timestamp: when}",),
    ),
    "alpaca": VendorFile(
        file="bars.csv", write=lambda f, p: _alpaca(f).to_csv(p), name="Alpaca CSV", asset_class="stock", symbol="AAPL"
    ),
    "alpaca-parquet": VendorFile(
        file="bars.parquet",
        write=lambda f, p: _alpaca(f).to_parquet(p),
        name="Alpaca Parquet",
        asset_class="stock",
        symbol="AAPL",
    ),
    "polygon-flat": VendorFile(
        file="2019-01-07.csv.gz", write=_polygon_flat, name="Polygon flat file CSV", asset_class="stock", symbol="AAPL"
    ),
    "polygon": VendorFile(
        file="aggs.csv",
        write=_polygon,
        name="Polygon aggregates CSV",
        asset_class="stock",
        options=("symbol=AAPL",),
        symbol="AAPL",
    ),
    "dukascopy": VendorFile(
        file="EURUSD_Candlestick_1_Hour_BID_07.01.2019-09.01.2019.csv",
        write=_dukascopy,
        name="Dukascopy CSV",
        asset_class="forex",
        symbol="EURUSD",
    ),
    "headless": VendorFile(
        file="BTCUSDT.txt",
        write=_headless_spreadsheet,
        name="CSV",
        options=(
            "source.columns=[date,time,open,high,low,close,volume]",
            "source.date_order=mdy",
            "source.timezone=UTC",
        ),
    ),
}
"""What `docs/data.md` says can be read -> how to make such a file."""

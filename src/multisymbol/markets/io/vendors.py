"""Vendors: who gives bars for the asking. Their libraries are extras, imported when they are first used."""

import importlib
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any

import pandas as pd

from multisymbol.errors import ConfigError, SourceError, nearest
from multisymbol.markets.io.download import CandlePage
from multisymbol.markets.time import DAY, Timeframe, iso
from multisymbol.wording import printable

_MILLISECOND = 1_000_000
_CCXT_COLUMNS = ("timestamp", "open", "high", "low", "close", "volume")


@dataclass(frozen=True, kw_only=True, slots=True)
class YFinance:
    """Yahoo's bars through yfinance: daily for decades, hourly for two years, finer for weeks."""

    # whether prices are adjusted for dividends (as of the day of the download); for splits they always are
    adjusted: bool

    @property
    def name(self) -> str:
        """Name of the folder."""
        return "yfinance-adjusted" if self.adjusted else "yfinance"

    @property
    def restated(self) -> bool:
        """Every dividend and split changes all prices before it."""
        return True

    def check(self, timeframe: Timeframe) -> None:
        """Refuse bars of a length that Yahoo has not.

        Raises:
            ConfigError: There are none.
        """
        if timeframe.text not in _YAHOO_PAGES:
            message = f"yfinance has no bars of {timeframe.text}; it has {', '.join(_YAHOO_PAGES)}, and resample=4h"
            raise ConfigError(f"{message} makes others of them")

    def ready(self) -> None:
        """Import yfinance.

        Raises:
            ConfigError: It is not installed.
        """
        _library("yfinance")

    def page(self, name: str, *, timeframe: Timeframe, since: int, until: int) -> CandlePage:
        """Fetch some days or years of bars.

        Raises:
            SourceError: Yahoo does not know the name, or does not answer.
        """
        library = _library("yfinance")
        library.config.debug.hide_exceptions = False
        end = min(since + _YAHOO_PAGES[timeframe.text] * DAY, until)
        try:
            bars = library.Ticker(name).history(
                start=_stamp(since), end=_stamp(end), interval=timeframe.text, auto_adjust=self.adjusted, actions=False
            )
        except library.exceptions.YFPricesMissingError as error:
            return CandlePage(bars=_no_bars(), go_on=end, reason=str(error))
        # A page that Yahoo changed makes yfinance fail in any way: KeyError, TypeError, its own errors and requests'.
        except Exception as error:
            raise SourceError(f"yfinance gave no bars of {name} from {iso(since)}: {_words(error)}") from error
        return CandlePage(bars=_of_yahoo(bars) if len(bars) else _no_bars(), go_on=end)


_YAHOO_PAGES = {"1m": 7, "2m": 59, "5m": 59, "15m": 59, "30m": 59, "1h": 365, "1d": 3650}
"""Timeframe -> days that are asked for at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ccxt:
    """Bars of a crypto exchange through ccxt."""

    exchange: str  # its name in ccxt, such as binance or kraken
    page_bars: int  # bars asked for at once; exchanges give 300 to 1,000

    @property
    def name(self) -> str:
        """Name of the folder."""
        return f"ccxt-{self.exchange}"

    @property
    def restated(self) -> bool:
        """What was traded stays."""
        return False

    def check(self, timeframe: Timeframe) -> None:
        """Accept all: only the exchange's library knows, see `page`."""

    def ready(self) -> None:
        """Import ccxt and look for the exchange.

        Raises:
            ConfigError: ccxt is not installed, or does not know the exchange.
        """
        _exchange(_library("ccxt"), self.exchange)

    def page(self, name: str, *, timeframe: Timeframe, since: int, until: int) -> CandlePage:
        """Fetch up to `page_bars` bars; a page without any skips as much time, for there may be later ones.

        Raises:
            ConfigError: The exchange has no bars of this length.
            SourceError: The exchange does not know the name, or does not answer.
        """
        del until
        library = _library("ccxt")
        exchange = _exchange(library, self.exchange)
        if timeframe.text not in exchange.timeframes:
            message = f"{self.exchange} has no bars of {timeframe.text}; it has {', '.join(exchange.timeframes)}"
            raise ConfigError(message)
        try:
            rows = exchange.fetch_ohlcv(name, timeframe.text, since=since // _MILLISECOND, limit=self.page_bars)
        except Exception as error:  # ccxt's own errors, and KeyError or TypeError where an answer is not as expected
            raise SourceError(f"{self.exchange} gave no bars of {name} from {iso(since)}: {_words(error)}") from error
        bars = pd.DataFrame(rows, columns=list(_CCXT_COLUMNS))
        last = (
            int(bars["timestamp"].max()) * _MILLISECOND
            if rows
            else since + (self.page_bars - 1) * timeframe.nanoseconds
        )
        stamps = pd.to_datetime(bars["timestamp"], unit="ms", utc=True)
        return CandlePage(bars=bars.assign(timestamp=stamps), go_on=max(last, since) + timeframe.nanoseconds)


def _words(error: Exception) -> str:
    """Return a library's own words, or the kind of error where it has none."""
    return printable(str(error), most=300) or type(error).__name__


def _of_yahoo(bars: pd.DataFrame) -> pd.DataFrame:
    columns = {name: name.casefold() for name in ("Open", "High", "Low", "Close", "Volume")}
    return bars.rename(columns=columns).rename_axis("timestamp").reset_index()


def _no_bars() -> pd.DataFrame:
    stamps = pd.DatetimeIndex([], tz="UTC")
    return pd.DataFrame({"timestamp": stamps, **dict.fromkeys(_CCXT_COLUMNS[1:], pd.Series(dtype="float64"))})


def _stamp(at: int) -> pd.Timestamp:
    return pd.Timestamp(at, unit="ns", tz="UTC")


@lru_cache
def _exchange(library: ModuleType, name: str) -> Any:
    if name not in library.exchanges:
        raise ConfigError(f"ccxt has no exchange '{name}'{nearest(name, library.exchanges)}")
    return getattr(library, name)({"enableRateLimit": True})


def _library(name: str) -> ModuleType:
    """Import a library; the extra that installs it and the source that needs it have its name."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        message = f"source={name} needs the package {name}, which is not installed: pip install 'multisymbol[{name}]'"
        raise ConfigError(message) from error

"""Downloads: bars of a vendor, fetched once into a folder of Parquet files, read from there ever after.

    CACHE/ccxt-binance/1h/2018-01-01..2020-01-01/BTC_2FUSDT.parquet    whole: read, never fetched again
                                                 BTC_2FUSDT.pages/     pages of one that is not whole yet

A page is on disk before the next is asked for, so a download that was interrupted goes on where it stopped.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import pyarrow
from filelock import FileLock
from pyarrow import parquet

from multisymbol.errors import ConfigError, OutputError, SourceError
from multisymbol.markets.io.defects import PRICES, Limits, OnDefect
from multisymbol.markets.io.files import examine_file
from multisymbol.markets.io.folder import BarFolder
from multisymbol.markets.io.quality import Examined, ReadOptions
from multisymbol.markets.io.source import AcceptedBars, fingerprint_of
from multisymbol.markets.sessions import session_clock
from multisymbol.markets.symbols import SymbolConfig, slugs
from multisymbol.markets.time import DAY, HOUR, Period, Timeframe, instant, iso
from multisymbol.wording import printable

_PAGE_KEY = b"multisymbol.page"
_REASON_KEY = b"multisymbol.reason"
_LATE = 30 * DAY
"""A history that begins later than this after `source.start` is not the one that was asked for."""

_COLUMNS = ("timestamp", *PRICES, "volume")

Progress = Callable[[str, int, int], None]
"""Called with (symbol, hours of history done, hours of all) after each page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CandlePage:
    """What a vendor gives in one request."""

    bars: pd.DataFrame  # columns timestamp (start of the bar, with zone), open, high, low, close, volume; may be empty
    go_on: int  # instant from which the next page has to begin, later than this one's
    reason: str = ""  # why there are no bars, in the vendor's own words; empty where it gives none


class Vendor(Protocol):
    """Anyone who has bars for the asking."""

    @property
    def name(self) -> str:
        """Name of the folder of its bars: another name wherever the bars would be others."""
        ...

    @property
    def restated(self) -> bool:
        """Whether prices depend on the day they are fetched, as adjusted ones do: pages of two days do not fit."""
        ...

    def check(self, timeframe: Timeframe) -> None:
        """Refuse bars of a length that the vendor has not.

        Raises:
            ConfigError: There are none.
        """
        ...

    def ready(self) -> None:
        """Make sure that the library which fetches bars is there.

        Raises:
            ConfigError: It is not installed, or does not know the vendor.
        """
        ...

    def page(self, name: str, *, timeframe: Timeframe, since: int, until: int) -> CandlePage:
        """Fetch one page of bars that open in [since, until).

        Raises:
            ConfigError: There are no bars of this length.
            SourceError: The vendor does not know the name, or does not answer.
        """
        ...


class DownloadSource(AcceptedBars):
    """Bars of a vendor, kept in a folder.

    Args:
        vendor: Who has them.
        cache: The folder of all downloads.
        timeframe: Length of the bars.
        start: First instant.
        end: Last one, in the past, so that the same download is the same tomorrow.
        names: Symbol -> the vendor's name for it, where that is another.
        pause_seconds: Least time between two requests.
        min_bars: Fewer bars than this are refused.
        on_defect: What happens to the rows of each kind of defect.
        limits: What counts as odd.
        now: Returns seconds since 1970.
        sleep: Waits some seconds.

    Raises:
        ConfigError: The span is empty, or the vendor has no such bars.
    """

    def __init__(
        self,
        *,
        vendor: Vendor,
        cache: str,
        timeframe: str,
        start: str,
        end: str,
        names: dict[str, str],
        pause_seconds: float,
        min_bars: int,
        on_defect: OnDefect,
        limits: Limits,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.timeframe = Timeframe.parse(timeframe)
        vendor.check(self.timeframe)
        self._since, self._until = instant(start), instant(end)
        if self._since >= self._until:
            raise ConfigError(f"source.start={start} is not before source.end={end}")
        span = f"{_file_name(self._since)}..{_file_name(self._until)}"
        root = Path(cache) / vendor.name / self.timeframe.text / span
        self.folder = BarFolder(root=root, pattern="{slug}.parquet", timeframe=self.timeframe)
        self.reading = ReadOptions(
            timeframe=self.timeframe, stamped="open", min_bars=min_bars, on_defect=on_defect, limits=limits
        )
        self._vendor = vendor
        self._names: Mapping[str, str] = dict(names)
        self._pause_seconds = pause_seconds
        self._now, self._sleep = now, sleep
        self._next_request = 0.0

    def fingerprint(self, config: SymbolConfig, period: Period) -> str:
        """Return the SHA-256 over the downloaded file and all else that `read` depends on; download where needed.

        Raises:
            SourceError: The vendor has nothing for this symbol, or does not answer.
        """
        self.download(config)
        content = {"content": self.folder.content_digest(config)}
        return fingerprint_of(content, config=config, period=period, reading=self.reading)

    def examine(self, config: SymbolConfig, period: Period) -> Examined:
        """Read and judge the symbol's bars; download where needed.

        Raises:
            SourceError: The vendor has nothing for this symbol, or does not answer.
        """
        return examine_file(self.download(config), config=config, period=period, reading=self.reading)

    def download(self, config: SymbolConfig, *, progress: Progress | None = None) -> Path:
        """Fetch what is not there yet, and return the symbol's file; one process fetches, others wait.

        Raises:
            ConfigError: The library that fetches bars is not installed.
            SourceError: The vendor has nothing for this symbol, or does not answer; what came so far is kept.
            OutputError: The cache cannot be written.
        """
        kept = [self.folder.root / f"{text}.parquet" for text in slugs(config.symbol)]
        if there := [path for path in kept if path.is_file()]:
            return there[0]
        whole = kept[0]
        self._check_past()
        self._vendor.ready()
        with _writing(self.folder.root):
            self.folder.root.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{whole}.lock"):
                if not whole.is_file():
                    pages = _Pages(whole.with_suffix(".pages"))
                    self._fetch(config, pages, progress=progress)
                    _join(pages, whole, why=f"{self._vendor.name} has no bars of {self._name(config)}")
        return whole

    def late_start(self, config: SymbolConfig) -> str:
        """Say that a history begins long after `source.start`, and why; empty where it does not. Downloads if needed.

        Raises:
            SourceError: See `download`.
        """
        file = parquet.ParquetFile(self.download(config))
        first = int(file.read_row_group(0, columns=["timestamp"]).column(0)[0].value)
        if first - self._since <= _LATE:
            return ""
        years = (first - self._since) / (365.25 * DAY)
        reason = (file.schema_arrow.metadata or {}).get(_REASON_KEY, b"").decode()
        why = f": {printable(reason, most=200)}" if reason else ""
        start = iso(self._since)[:10]
        return f"{config.symbol} begins {iso(first)[:10]}, {years:.1f} years after source.start={start}{why}"

    def _check_past(self) -> None:
        if self._until > self._now() * 1e9:
            message = f"source.end={iso(self._until)} lies in the future; a download ends in the past, to stay the same"
            raise SourceError(message)

    def _fetch(self, config: SymbolConfig, pages: "_Pages", *, progress: Progress | None) -> None:
        today = iso(int(self._now() * 1e9))[:10]
        at = pages.opened(since=self._since, fetched=today if self._vendor.restated else None)
        while at < self._until:
            page = self._page(config, at, pages)
            inside = self._ended(_trimmed(page.bars, since=at, until=self._until, why=self._vendor.name), config)
            assert page.go_on > at
            at = min(page.go_on, self._until)
            pages.add(inside, go_on=at, fetched=today, reason=page.reason)
            if progress is not None:
                progress(config.symbol, (at - self._since) // HOUR, (self._until - self._since) // HOUR)

    def _ended(self, bars: pd.DataFrame, config: SymbolConfig) -> pd.DataFrame:
        """Leave out the candle that has not ended at the end of the download: what it holds will still change."""
        opened_at = pd.DatetimeIndex(bars["timestamp"]).asi8
        clock = session_clock(config.calendar, start=self._since, end=self._until)
        return bars[clock.closed_at(opened_at, self.timeframe) <= self._until]

    def _page(self, config: SymbolConfig, at: int, pages: "_Pages") -> CandlePage:
        """Ask for one page, not sooner than is polite."""
        wait = self._next_request - self._now()
        if wait > 0:
            self._sleep(wait)
        self._next_request = self._now() + self._pause_seconds
        try:
            return self._vendor.page(self._name(config), timeframe=self.timeframe, since=at, until=self._until)
        except SourceError as error:
            kept = f"\n  What came before {iso(at)} is kept; start again to go on from there." if pages.count else ""
            raise SourceError(f"{error}{kept}") from error

    def _name(self, config: SymbolConfig) -> str:
        return self._names.get(config.symbol, config.symbol)


def downloads_of(source: object) -> DownloadSource | None:
    """Return the source that downloads, below one that makes bars coarser or turns them over; None: there is none."""
    while source is not None and not isinstance(source, DownloadSource):
        source = getattr(source, "source", getattr(source, "inner", None))
    return source


class _Pages:
    """The pages of a download that is not whole: numbered Parquet files that say where the next page begins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0

    def opened(self, *, since: int, fetched: str | None) -> int:
        """Return the instant to go on from; pages of another day than `fetched` are thrown away.

        Args:
            since: Where the first page begins.
            fetched: Day on which all pages must have been fetched; None: any.
        """
        facts = [self._facts(path) for path in self.paths()]
        if any(fetched not in {None, fact["fetched"]} for fact in facts):
            shutil.rmtree(self.folder)
            facts = []
        self.count = len(facts)
        return int(facts[-1]["go_on"]) if facts else since

    def add(self, bars: pd.DataFrame, *, go_on: int, fetched: str, reason: str) -> None:
        """Write one page: under its name only when it is whole."""
        self.folder.mkdir(exist_ok=True)
        facts = json.dumps({"go_on": go_on, "fetched": fetched, "reason": reason}).encode()
        table = pyarrow.Table.from_pandas(bars, preserve_index=False).replace_schema_metadata({_PAGE_KEY: facts})
        _write(table, self.folder / f"{self.count:06d}.parquet")
        self.count += 1

    def paths(self) -> list[Path]:
        """Return the whole pages in order."""
        return sorted(self.folder.glob("*.parquet"))

    def reason(self) -> str:
        """Return why the first page without bars has none, in the vendor's words."""
        return next(filter(None, (str(self._facts(path).get("reason", "")) for path in self.paths())), "")

    @staticmethod
    def _facts(path: Path) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads(parquet.read_schema(path).metadata[_PAGE_KEY])
        return facts


def _join(pages: _Pages, whole: Path, *, why: str) -> None:
    """Write all pages as one file and remove them."""
    table = pyarrow.concat_tables([parquet.ParquetFile(path).read() for path in pages.paths()])
    reason = pages.reason()
    if table.num_rows:
        _write(table.replace_schema_metadata({_REASON_KEY: reason.encode()} if reason else None), whole)
    shutil.rmtree(pages.folder)
    if not table.num_rows:
        said = f"\n  It says: {printable(reason, most=300)}" if reason else ""
        message = f"{why} in the span of source.start and source.end (source.names says what it calls a symbol){said}"
        raise SourceError(message)


def _trimmed(bars: pd.DataFrame, *, since: int, until: int, why: str) -> pd.DataFrame:
    """Return the six columns in UTC, of bars that open in [since, until)."""
    missing = [name for name in _COLUMNS if name not in bars.columns]
    if missing:
        raise SourceError(f"{why} gave bars without {', '.join(missing)}")
    timestamp = pd.DatetimeIndex(bars["timestamp"]).tz_convert("UTC").as_unit("ns")
    inside = (timestamp.asi8 >= since) & (timestamp.asi8 < until)
    numbers = {name: bars[name].astype("float64") for name in _COLUMNS[1:]}
    return pd.DataFrame({"timestamp": timestamp, **{name: column.to_numpy() for name, column in numbers.items()}})[
        inside
    ]


def _write(table: pyarrow.Table, path: Path) -> None:
    temporary = path.with_suffix(".writing")
    parquet.write_table(table, temporary)
    os.replace(temporary, path)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error}. Choose another folder: source.cache=DIR") from error


def _file_name(at: int) -> str:
    return iso(at).removesuffix("T00:00Z").replace(":", "")

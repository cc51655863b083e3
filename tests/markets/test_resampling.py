"""Coarser bars: of a session, of what was known, and of nothing else."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.errors import BarsError, ConfigError
from multisymbol.markets.bars import Bars
from multisymbol.markets.io.defects import OnDefect
from multisymbol.markets.io.quality import Examined
from multisymbol.markets.resampling import Resampled, coarser
from multisymbol.markets.sessions import session_clock
from multisymbol.markets.symbols import Gaps, SymbolConfig
from multisymbol.markets.synthetic import SyntheticSource
from multisymbol.markets.time import HOUR, NEVER, Period, Timeframe, instant, iso
from tests.markets.conftest import LIMITS, config_of
from tests.markets.io.test_defects import stock_hours
from tests.markets.test_bars import examined

Hours = Callable[..., pd.DataFrame]
NAMES = ("opened_at", "closed_at", "open", "high", "low", "close", "volume", "segment")


class Frame:
    """The rows of one frame, as a source."""

    def __init__(self, frame: pd.DataFrame, timeframe: str = "1h") -> None:
        self.frame = frame
        self.timeframe = Timeframe.parse(timeframe)

    def fingerprint(self, config: SymbolConfig, period: Period) -> str:
        return f"{config.symbol} {period.start} {len(self.frame)}"

    def examine(self, config: SymbolConfig, period: Period) -> Examined:
        return examined(self.frame, config, period=period, timeframe=self.timeframe)

    def read(self, config: SymbolConfig, period: Period) -> Bars:
        return self.examine(config, period).accepted()


def resampled(frame: pd.DataFrame, config: SymbolConfig, timeframe: str, *, source: str = "1h") -> Bars:
    return Resampled(source=Frame(frame, source), timeframe=timeframe).read(config, Period())


def numbered(frame: pd.DataFrame) -> pd.DataFrame:
    """Return bars that can be told apart: row n has open n + 10, high n + 13, low n + 8, close n + 11, volume n."""
    number = np.arange(len(frame), dtype=float)
    prices = {"open": number + 10, "high": number + 13, "low": number + 8, "close": number + 11}
    return frame.assign(**prices, volume=number)


def spans(bars: Bars) -> list[str]:
    return [f"{iso(int(a))[5:16]} {iso(int(b))[11:16]}" for a, b in zip(bars.opened_at, bars.closed_at, strict=True)]


def test_hours_of_a_stock_as_four_hours_begin_with_the_session_and_end_with_it(stock: SymbolConfig) -> None:
    bars = resampled(numbered(stock_hours("2019-06-03", "2019-06-04")), stock, "4h")
    assert spans(bars) == [
        "06-03T13:00 17:00",
        "06-03T17:00 20:00",
        "06-04T13:00 17:00",
        "06-04T17:00 20:00",
    ]
    assert bars.open.tolist() == [10, 14, 17, 21]
    assert bars.high.tolist() == [16, 19, 23, 26]
    assert bars.low.tolist() == [8, 12, 15, 19]
    assert bars.close.tolist() == [14, 17, 21, 24]
    assert bars.volume.tolist() == [0 + 1 + 2 + 3, 4 + 5 + 6, 7 + 8 + 9 + 10, 11 + 12 + 13]
    assert (bars.timeframe.text, dict(bars.kept_defects)) == ("4h", {})
    assert bars.origin == "bars/BTC.parquet as 4h"


def test_hours_from_the_half_hour_are_cut_from_the_half_hour(stock: SymbolConfig) -> None:
    frame = stock_hours("2019-06-03")
    frame["timestamp"] += pd.Timedelta("30min")
    assert spans(resampled(frame, stock, "4h")) == ["06-03T13:30 17:30", "06-03T17:30 20:00"]


def test_day_of_a_stock_is_its_session_and_known_at_its_close(stock: SymbolConfig) -> None:
    frame = numbered(stock_hours("2017-06-30", "2017-07-03", "2017-07-05"))  # 3 July closed at 13:00
    early = ~frame["timestamp"].isin(pd.to_datetime(["2017-07-03T17:00Z", "2017-07-03T18:00Z", "2017-07-03T19:00Z"]))
    bars = resampled(frame[early], stock, "1d")
    assert spans(bars) == ["06-30T13:00 20:00", "07-03T13:00 17:00", "07-05T13:00 20:00"]
    assert bars.close.tolist() == [17, 21, 31]
    assert not bars.kept_defects


def test_print_after_an_early_close_belongs_to_its_day_which_is_known_after_it(stock: SymbolConfig) -> None:
    bars = resampled(numbered(stock_hours("2017-06-30", "2017-07-03", "2017-07-05")), stock, "1d")
    assert spans(bars)[1] == "07-03T13:00 20:00"
    assert bars.close[1] == 24


def test_days_of_a_coin_are_those_of_utc(hours: Hours, coin: SymbolConfig) -> None:
    bars = resampled(hours(60, start="2019-01-07T05:00"), coin, "1d")
    assert spans(bars) == ["01-07T05:00 00:00", "01-08T00:00 00:00"]  # the third is not over at 17:00
    assert spans(resampled(hours(9, start="2019-01-07T03:00"), coin, "4h")) == [
        "01-07T03:00 04:00",
        "01-07T04:00 08:00",
        "01-07T08:00 12:00",
    ]


def test_days_of_a_pair_run_from_17_new_york_over_the_change_of_clocks(hours: Hours) -> None:
    frame = hours(48, start="2019-03-07T22:00")  # Thursday 17:00, summer time begins on Sunday
    local = pd.DatetimeIndex(frame["timestamp"]).tz_convert("America/New_York")
    week = pd.concat([frame[:24], hours(24, start="2019-03-10T21:00")], ignore_index=True)
    assert local[0].hour == 17
    assert spans(resampled(week, config_of("EURUSD", "forex"), "1d")) == ["03-07T22:00 22:00", "03-10T21:00 21:00"]


def test_bar_that_lacks_its_last_hour_is_counted_and_not_known_before_the_calendar_says(
    hours: Hours, coin: SymbolConfig
) -> None:
    bars = resampled(hours(12).drop(index=[2, 7]), coin, "4h")
    assert spans(bars) == ["01-07T00:00 04:00", "01-07T04:00 08:00", "01-07T08:00 12:00"]
    assert dict(bars.kept_defects) == {"gap": 2, "incomplete": 2}
    finding = Resampled(source=Frame(hours(12).drop(index=[2, 7])), timeframe="4h").examine(coin, Period()).findings[-1]
    assert (finding.key, finding.count, finding.kind) == ("incomplete", 2, "4h bar with missing 1h bars")
    assert [iso(int(at)) for at in finding.at] == ["2019-01-07T00:00Z", "2019-01-07T04:00Z"]


def test_volume_is_summed_over_what_is_known(hours: Hours) -> None:
    frame = hours(12)
    frame.loc[[1, 4, 5, 6, 7], "volume"] = np.nan
    bars = resampled(frame, config_of("EURUSD", "forex", calendar="24/7"), "4h")
    assert bars.volume[[0, 2]].tolist() == [30, 40]
    assert np.isnan(bars.volume[1])


def test_border_of_segments_within_a_bar_comes_before_it(hours: Hours, coin: SymbolConfig) -> None:
    config = replace(coin, gaps=Gaps(over_closed="carry", max_missing_hours=2.0))
    frame = hours(48).drop(index=[8, 9, 10, 25, 26, 27])
    assert Frame(frame).read(config, Period()).segment.max() == 2
    assert resampled(frame, config, "6h").segment.tolist() == [0, 1, 1, 1, 2, 2, 2, 2]


@pytest.mark.parametrize(
    ("source", "timeframe", "why"),
    [
        ("1h", "1h", "a coarse bar is made of two or more whole ones"),
        ("1h", "30m", "a coarse bar is made of two or more whole ones"),
        ("1h", "90m", "a coarse bar is made of two or more whole ones"),
        ("1d", "1w", "they would reach over sessions"),
    ],
)
def test_what_is_no_multiple_within_a_session_is_refused(source: str, timeframe: str, why: str, hours: Hours) -> None:
    with pytest.raises(ConfigError, match=f"resample={timeframe} cannot be made of bars of {source}: {why}"):
        Resampled(source=Frame(hours(3), source), timeframe=timeframe)


def market(**changes: Any) -> SyntheticSource:
    choices: dict[str, Any] = {
        "timeframe": "1h",
        "start": "2018-01-01",
        "end": "2018-12-31",
        "seed": 3,
        "signal": 0.1,
        "correlation": 0.3,
        "annual_volatility": {"stock": 0.3, "forex": 0.08, "crypto": 0.8},
        "ragged": False,
        "min_bars": 100,
        "on_defect": OnDefect(),
        "limits": LIMITS,
    }
    return SyntheticSource(**{**choices, **changes})


@pytest.mark.parametrize(("asset_class", "zone"), [("stock", "America/New_York"), ("crypto", "UTC")])
def test_days_equal_those_added_up_by_local_date(asset_class: str, zone: str) -> None:
    config = config_of("AAA", asset_class)
    fine, days = market().read(config, Period()), Resampled(source=market(), timeframe="1d").read(config, Period())
    names = ("open", "high", "low", "close", "volume")
    frame = pd.DataFrame({name: getattr(fine, name) for name in names})
    frame["closed_at"] = fine.closed_at
    dates = pd.DatetimeIndex(fine.opened_at.view("datetime64[ns]")).tz_localize("UTC").tz_convert(zone).date
    how = dict(zip(names, ("first", "max", "min", "last", "sum"), strict=True))
    expected = frame.groupby(dates).agg({**how, "closed_at": "last"})
    assert len(days) == len(expected) > 200
    for name in (*names, "closed_at"):
        assert np.array_equal(getattr(days, name), expected[name].to_numpy()), name
    assert days.synthetic


@settings(max_examples=30, deadline=None)
@given(st.data(), st.sampled_from(["stock", "forex", "crypto"]), st.sampled_from(["2h", "4h", "1d"]))
def test_bars_that_are_known_do_not_change_when_later_ones_come(
    data: st.DataObject, asset_class: str, timeframe: str
) -> None:
    config = config_of("AAA", asset_class, gaps=Gaps(over_closed="carry", max_missing_hours=6.0))
    start = instant("2018-03-05")
    chosen = data.draw(st.lists(st.integers(0, 24 * 9), min_size=10, max_size=150, unique=True))
    stamps = pd.DatetimeIndex((start + np.array(sorted(chosen)) * HOUR).view("datetime64[ns]")).tz_localize("UTC")
    prices = {name: np.arange(1.0, len(stamps) + 1) for name in ("open", "high", "low", "close", "volume")}
    fine = Frame(pd.DataFrame({"timestamp": stamps, **prices})).examine(config, Period()).bars
    if fine is None:  # so sparse that it looks like another timeframe
        return
    clock = session_clock(config.calendar, start=start, end=start + 20 * 24 * HOUR)
    whole, _ = coarser(fine, timeframe=Timeframe.parse(timeframe), clock=clock, until=NEVER)
    assert (np.diff(whole.closed_at) > 0).all()
    now = data.draw(st.sampled_from(whole.closed_at.tolist()))
    known = fine.closed_at <= now
    seen = replace(fine, **{name: getattr(fine, name)[known] for name in NAMES})
    then, _ = coarser(seen, timeframe=Timeframe.parse(timeframe), clock=clock, until=now)
    for name in NAMES:
        assert np.array_equal(getattr(then, name), getattr(whole, name)[whole.closed_at <= now]), name


@pytest.mark.parametrize(
    ("end", "timeframe", "whole"),
    [(None, "4h", 2), (None, "1d", 0), ("2019-01-07T12:00", "4h", 3), ("2019-01-07T11:59", "4h", 2)],
)
def test_a_coarse_bar_is_there_when_the_bars_or_the_period_reach_its_end(
    hours: Hours, coin: SymbolConfig, end: str | None, timeframe: str, whole: int
) -> None:
    source = Resampled(source=Frame(hours(11)), timeframe=timeframe)
    examined_ = source.examine(coin, Period(end=end))
    assert (0 if examined_.bars is None else len(examined_.bars)) == whole
    if not whole:
        with pytest.raises(BarsError, match="its 11 bars of 1h make no whole bar of 1d"):
            examined_.accepted()


def test_fingerprint_is_of_source_and_timeframe(hours: Hours, coin: SymbolConfig) -> None:
    prints = {
        Resampled(source=Frame(hours(n)), timeframe=timeframe).fingerprint(coin, Period())
        for n in (3, 4)
        for timeframe in ("4h", "1d")
    }
    assert len(prints) == 4

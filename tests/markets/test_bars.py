from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.errors import BarsError, CalendarError
from multisymbol.markets.bars import Bars, segment_numbers
from multisymbol.markets.io.defects import OnDefect
from multisymbol.markets.io.quality import Examined, ReadOptions, examine_rows
from multisymbol.markets.sessions import session_clock
from multisymbol.markets.symbols import Gaps, SymbolConfig
from multisymbol.markets.time import HOUR, Period, Timeframe, instant, iso
from tests.markets.conftest import LIMITS, config_of

Hours = Callable[..., pd.DataFrame]


def reading(**changes: Any) -> ReadOptions:
    choices: dict[str, Any] = {
        "timeframe": Timeframe.parse("1h"),
        "stamped": "open",
        "min_bars": 1,
        "on_defect": OnDefect(),
        "limits": LIMITS,
    }
    return ReadOptions(**{**choices, **changes})


def bars_of(frame: pd.DataFrame, config: SymbolConfig, *, period: Period = Period(), **changes: Any) -> Bars:  # noqa: B008
    return examined(frame, config, period=period, **changes).accepted()


def examined(frame: pd.DataFrame, config: SymbolConfig, *, period: Period = Period(), **changes: Any) -> Examined:  # noqa: B008
    return examine_rows(
        frame,
        config=config,
        period=period,
        reading=reading(**changes),
        synthetic=False,
        origin="bars/BTC.parquet",
    )


def defects(frame: pd.DataFrame, config: SymbolConfig, **changes: Any) -> list[str]:
    with pytest.raises(BarsError) as caught:
        bars_of(frame, config, **changes)
    return [" ".join(line.split()) for line in str(caught.value).split("\n")]


def test_flawless_bars_pass_unchanged_and_read_only(hours: Hours, coin: SymbolConfig) -> None:
    frame = hours(48)
    bars = bars_of(frame, coin)
    assert len(bars) == 48
    assert (bars.close == frame["close"].to_numpy()).all()
    assert (bars.closed_at - bars.opened_at == HOUR).all()
    assert bars.segments() == [slice(0, 48)]
    for name in ("opened_at", "closed_at", "open", "high", "low", "close", "volume", "segment"):
        assert not getattr(bars, name).flags.writeable


def test_timestamps_in_microseconds_and_in_another_zone_are_the_same_instants(hours: Hours, coin: SymbolConfig) -> None:
    frame = hours(5)
    other = frame.assign(timestamp=frame["timestamp"].dt.tz_convert("Asia/Tokyo").dt.as_unit("us"))
    assert (bars_of(other, coin).opened_at == bars_of(frame, coin).opened_at).all()


def test_stamped_close_moves_the_open_back(hours: Hours, coin: SymbolConfig) -> None:
    bars = bars_of(hours(3), coin, stamped="close")
    assert iso(int(bars.closed_at[0])) == "2019-01-07T00:00Z"
    assert iso(int(bars.opened_at[0])) == "2019-01-06T23:00Z"


def test_daily_stock_bars_stamped_at_their_close_are_known_then(hours: Hours, stock: SymbolConfig) -> None:
    frame = hours(3, start="2019-07-02 16:00", freq="D", zone="America/New_York")[:1]
    bars = bars_of(frame, stock, stamped="close", timeframe=Timeframe.parse("1d"))
    assert iso(int(bars.closed_at[0])) == "2019-07-02T20:00Z"


def test_period_holds_bars_opened_and_closed_inside_it(hours: Hours, coin: SymbolConfig) -> None:
    bars = bars_of(hours(48), coin, period=Period(start="2019-01-07T05:00Z", end="2019-01-07T09:00Z"))
    assert [iso(int(bars.opened_at[0])), iso(int(bars.closed_at[-1]))] == ["2019-01-07T05:00Z", "2019-01-07T09:00Z"]


def test_defects_outside_the_period_do_not_matter_and_rows_count_in_the_file(hours: Hours, coin: SymbolConfig) -> None:
    frame = hours(48)
    frame.loc[3, "close"] = np.nan
    period = Period(start="2019-01-07T05:00Z")
    assert len(bars_of(frame, coin, period=period)) == 43
    frame.loc[30, "close"] = np.nan
    lines = defects(frame, coin, period=period)
    assert lines[0] == "bars/BTC.parquet has 1 kind of defect in 1 of 43 rows; nothing was written."
    assert lines[1] == "close is not a number row 30 2019-01-08T06:00Z close nan"


def test_every_kind_of_defect_is_named_at_once_with_row_time_and_value(hours: Hours, coin: SymbolConfig) -> None:
    frame = hours(1200).astype({"open": object})
    frame.loc[2, "open"] = "n/a"
    frame.loc[3, "open"] = "101.5"  # text that looks like a number is text
    frame.loc[4, "close"] = np.inf
    frame.loc[[5, 6, 7, 1100], "low"] = 0.0
    frame.loc[8, ["high", "low"]] = [99.0, 104.0]
    frame.loc[9, "close"] = 300.0
    frame.loc[10, "volume"] = np.nan
    frame.loc[11, "volume"] = -5.0
    stamps = frame["timestamp"].array.copy()
    stamps[1001], stamps[1002] = stamps[1000], pd.NaT
    frame["timestamp"] = stamps
    assert defects(frame, coin) == [
        "bars/BTC.parquet has 9 kinds of defect in 14 of 1,200 rows; nothing was written.",
        "missing timestamp row 1,002 no timestamp",
        "duplicate timestamp rows 1,000, 1,001 first 2019-02-17T16:00Z",
        "text in open rows 2, 3 first 2019-01-07T02:00Z open 'n/a'",
        "low is not positive 4 rows, first 5, 6, 7 first 2019-01-07T05:00Z low 0",
        "close is not a number row 4 2019-01-07T04:00Z close inf",
        "high below low row 8 2019-01-07T08:00Z high 99 low 104",
        "close outside high and low row 9 2019-01-07T09:00Z close 300 high 105 low 103",
        "volume is missing row 10 2019-01-07T10:00Z",
        "volume is negative row 11 2019-01-07T11:00Z volume -5",
        "Repair the file, or say what to do with such rows: source/on_defect=drop (text has to be repaired)",
    ]


def test_columns_of_a_message_line_up(hours: Hours, coin: SymbolConfig) -> None:
    frame = hours(20)
    frame.loc[3, "close"] = np.nan
    frame.loc[[5, 6], ["high", "low"]] = [1.0, 2.0]
    with pytest.raises(BarsError) as caught:
        bars_of(frame, coin)
    lines = str(caught.value).split("\n")[1:3]
    assert [line.index("row") for line in lines] == [lines[0].index("row")] * 2


def test_unsorted_rows_are_named(hours: Hours, coin: SymbolConfig) -> None:
    frame = hours(10).iloc[[0, 1, 3, 2, 4, 5, 6, 7, 8, 9]].reset_index(drop=True)
    assert defects(frame, coin)[1] == "unsorted timestamp row 3 2019-01-07T02:00Z"


def test_naive_timestamps_say_how_to_add_the_zone(hours: Hours, coin: SymbolConfig) -> None:
    lines = defects(hours(10, zone=None), coin)
    assert lines[1].startswith("column 'timestamp' has no time zone")
    assert 'dt.tz_localize("UTC")' in lines[2]


def test_text_timestamps_are_refused(hours: Hours, coin: SymbolConfig) -> None:
    frame = hours(10)
    assert "holds str, not instants" in defects(frame.assign(timestamp=frame["timestamp"].astype(str)), coin)[1]


def test_missing_columns_are_named_with_the_nearest(hours: Hours, coin: SymbolConfig) -> None:
    lines = defects(hours(10).rename(columns={"close": "Close", "volume": "vol", "open": "first"}), coin)
    assert lines[1:] == [
        "column 'open' is missing",
        "column 'close' is missing, did you mean 'Close'?",
        "column 'volume' is missing, did you mean 'vol'?",
        "It has the columns timestamp, first, high, low, Close, vol.",
    ]


def test_volume_is_judged_by_the_asset_class(hours: Hours, coin: SymbolConfig) -> None:
    frame = hours(10).assign(volume=np.nan)
    assert defects(frame, coin)[1] == "volume is missing 10 rows, first 0, 1, 2 first 2019-01-07T00:00Z"
    assert np.isnan(bars_of(frame, replace(coin, volume="optional")).volume).all()
    assert np.isnan(bars_of(hours(10), replace(coin, volume="none")).volume).all()
    assert np.isnan(bars_of(frame.drop(columns="volume"), replace(coin, volume="optional")).volume).all()
    assert "volume is negative" in defects(frame.assign(volume=-1.0), replace(coin, volume="optional"))[1]
    assert len(bars_of(frame.assign(volume=-1.0), replace(coin, volume="none"))) == 10


def test_too_few_bars_say_how_many_there_are(hours: Hours, coin: SymbolConfig) -> None:
    lines = defects(hours(10), coin, min_bars=500)
    assert lines[0] == "bars/BTC.parquet has 1 kind of defect; nothing was written."
    assert "10 bars in the period from 2019-01-07T00:00Z to 2019-01-07T10:00Z, at least 500 are needed" in lines[1]
    assert "0 bars in the period, at least 1 are needed" in defects(hours(10)[:0], coin)[1]


@pytest.mark.parametrize(("freq", "timeframe"), [("30min", "1h"), ("1h", "1d"), ("1D", "1h"), ("1h", "15m")])
def test_bars_of_another_length_than_the_timeframe_are_refused(
    freq: str, timeframe: str, hours: Hours, coin: SymbolConfig
) -> None:
    lines = defects(hours(60, freq=freq), coin, timeframe=Timeframe.parse(timeframe))
    shown = {"30min": "30m", "1h": "1h", "1D": "1d"}[freq]
    assert lines[1] == f"wrong timeframe bars mostly follow one another by {shown}, but timeframe={timeframe}"


def test_daily_stock_bars_taken_for_hourly_are_refused(hours: Hours, stock: SymbolConfig) -> None:
    frame = hours(40, freq="B", zone="America/New_York")
    assert len(bars_of(frame, stock, timeframe=Timeframe.parse("1d"))) == 40
    assert "wrong timeframe" in defects(frame, stock)[1]


def test_overlapping_bars_are_named(hours: Hours, coin: SymbolConfig) -> None:
    frame = hours(40)
    frame["timestamp"] += pd.to_timedelta([40 * (row == 7) for row in range(40)], unit="min")
    assert defects(frame, coin)[1] == "bars overlap row 8 2019-01-07T08:00Z 20m after the bar before"


def test_bars_that_would_be_known_at_one_instant_overlap(hours: Hours, stock: SymbolConfig) -> None:
    # Four-hour bars of 12:00 and 15:00 New York both end with the session at 16:00.
    frame = hours(2, start="2019-06-03 12:00", freq="3h", zone="America/New_York")
    frame = pd.concat([hours(3, start="2019-05-31 04:00", freq="4h", zone="America/New_York"), frame])
    assert "bars overlap row 4" in defects(frame, stock, timeframe=Timeframe.parse("4h"))[1]


def test_calendar_that_does_not_cover_the_bars_names_symbol_and_file(hours: Hours, stock: SymbolConfig) -> None:
    with pytest.raises(CalendarError, match=r"AAPL \(bars/BTC.parquet\): calendar 'XHKG' does not cover 1930"):
        bars_of(hours(10, start="1930-01-01"), replace(stock, calendar="XHKG"))


def stock_hours(*days: str) -> pd.DataFrame:
    """Seven bars a day, stamped 09:00 to 15:00 New York, the first with half an hour of session in it."""
    stamps = pd.DatetimeIndex(
        [pd.Timestamp(f"{day} {hour}:00", tz="America/New_York") for day in days for hour in range(9, 16)]
    )
    return pd.DataFrame({"timestamp": stamps, "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "volume": 1.0})


def test_nights_weekends_and_holidays_are_not_missing_hours(stock: SymbolConfig) -> None:
    # Friday, Monday, Wednesday: 4 July 2017 was a Tuesday, 3 July an early close with prints after it.
    bars = bars_of(stock_hours("2017-06-30", "2017-07-03", "2017-07-05"), replace(stock, gaps=no_gap("carry")))
    assert bars.segments() == [slice(0, 21)]


def no_gap(over_closed: Any) -> Gaps:
    return Gaps(over_closed=over_closed, max_missing_hours=0.0)


def test_reset_cuts_at_every_scheduled_closure_but_not_within_a_session(stock: SymbolConfig) -> None:
    bars = bars_of(stock_hours("2019-06-03", "2019-06-04", "2019-06-05"), replace(stock, gaps=no_gap("reset")))
    assert bars.segments() == [slice(0, 7), slice(7, 14), slice(14, 21)]


def test_reset_cuts_the_currency_week_at_weekends_alone(hours: Hours) -> None:
    pair = config_of("EURUSD", "forex", gaps=no_gap("reset"))
    frame = hours(24 * 8, start="2019-06-05")
    local = frame["timestamp"].dt.tz_convert("America/New_York")
    closed = ((local.dt.dayofweek == 4) & (local.dt.hour >= 17)) | (local.dt.dayofweek == 5)
    frame = frame[~(closed | ((local.dt.dayofweek == 6) & (local.dt.hour < 17)))]
    bars = bars_of(frame, pair)
    assert [iso(int(bars.opened_at[part.start])) for part in bars.segments()] == [
        "2019-06-05T00:00Z",
        "2019-06-09T21:00Z",
    ]


def test_history_is_cut_where_more_open_hours_are_missing_than_allowed(hours: Hours, coin: SymbolConfig) -> None:
    frame = hours(72).drop(index=range(20, 40))  # 20 hours are missing
    assert len(bars_of(frame, replace(coin, gaps=Gaps(over_closed="carry", max_missing_hours=20.0))).segments()) == 1
    bars = bars_of(frame, replace(coin, gaps=Gaps(over_closed="carry", max_missing_hours=19.9)))
    assert bars.segments() == [slice(0, 20), slice(20, 52)]
    assert bars.segment.tolist() == [0] * 20 + [1] * 32


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from(["XNYS", "FX", "24/7"]), st.sampled_from(["carry", "reset"]))
def test_a_later_bar_changes_no_earlier_segment_or_closing(
    data: st.DataObject, calendar: str, over_closed: Any
) -> None:
    start = instant("2019-06-01")
    chosen = data.draw(st.lists(st.integers(0, 24 * 20), min_size=2, max_size=40, unique=True))
    opened = start + np.array(sorted(chosen), dtype=np.int64) * HOUR
    cut = data.draw(st.integers(1, len(opened) - 1))
    market = session_clock(calendar, start=start, end=start + 30 * 24 * HOUR)
    gaps = Gaps(over_closed=over_closed, max_missing_hours=5.0)

    def number(until: int) -> tuple[list[int], list[int]]:
        closed = market.closed_at(opened[:until], Timeframe.parse("1h"))
        return closed.tolist(), segment_numbers(opened[:until], closed, clock=market, gaps=gaps).tolist()

    closed, segment = number(len(opened))
    assert number(cut) == (closed[:cut], segment[:cut])
    assert segment[0] == 0
    assert set(np.diff(segment)) <= {0, 1}

import dataclasses

import numpy as np
import pandas as pd
import pytest

from multisymbol.errors import SampleError
from multisymbol.markets.time import DAY, HOUR, Instants, Timeframe, instant
from multisymbol.samples.alignment import Alignment, common_hours
from multisymbol.samples.panel import Panel
from tests.samples.worlds import HOURLY, hand_panel, history

DAILY = Timeframe.parse("1d")


def panel_of(*histories: tuple[Instants, Instants]) -> Panel:
    """Symbols with bars of these opens and closes."""
    panel = hand_panel([history(len(opened_at)) for opened_at, _ in histories])
    return dataclasses.replace(
        panel,
        opened_at=np.concatenate([opened_at for opened_at, _ in histories]),
        closed_at=np.concatenate([closed_at for _, closed_at in histories]),
    )


def hourly(first: str, last: str) -> tuple[Instants, Instants]:
    opened_at = np.arange(instant(first), instant(last), HOUR)
    return opened_at, opened_at + HOUR


def daily(first: str, last: str) -> tuple[Instants, Instants]:
    """Days of UTC."""
    opened_at = np.arange(instant(first), instant(last), DAY)
    return opened_at, opened_at + DAY


def wall(instants: Instants, zone: str) -> list[str]:
    stamps = pd.DatetimeIndex(pd.to_datetime(instants, unit="ns", utc=True)).tz_convert(zone)
    return [stamp.strftime("%a %H:%M") for stamp in stamps]


def test_the_hours_of_a_stock_exchange_are_kept_for_all_whatever_the_season() -> None:
    # Monday 9 March 2020 is the first with daylight saving in New York: 09:30 is 14:30 UTC before and 13:30 after.
    panel = panel_of(hourly("2020-03-06", "2020-03-10"), hourly("2020-03-06", "2020-03-10"))
    kept = common_hours(panel, calendars=("24/7", "XNYS"), timeframe=HOURLY)
    ends = ["10:00", "11:00", "12:00", "13:00", "14:00", "15:00", "16:00"]
    for index in range(2):
        own = panel.closed_at[panel.rows(index)][kept[panel.rows(index)]]
        assert wall(own, "America/New_York") == [f"{day} {end}" for day in ("Fri", "Mon") for end in ends]


def test_holidays_and_early_closes_of_one_market_are_left_out_for_all() -> None:
    # Thanksgiving 2019: closed on Thursday the 28th, open until 13:00 on the Friday.
    panel = panel_of(hourly("2019-11-27", "2019-11-30"))
    kept = common_hours(panel, calendars=("FX", "XNYS"), timeframe=HOURLY)
    found = wall(panel.closed_at[kept], "America/New_York")
    assert found == [
        *(f"Wed {hour}:00" for hour in range(10, 17)),
        *(f"Fri {hour}:00" for hour in range(10, 14)),
    ]


def test_a_lunch_break_is_no_common_hour() -> None:
    panel = panel_of(hourly("2020-06-03", "2020-06-04"))
    kept = common_hours(panel, calendars=("XHKG", "24/7"), timeframe=HOURLY)
    hours = [text.split()[1] for text in wall(panel.closed_at[kept], "Asia/Hong_Kong")]
    assert hours == ["10:00", "11:00", "12:00", "14:00", "15:00", "16:00"]


def test_where_all_symbols_are_of_one_calendar_every_bar_of_a_session_is_kept() -> None:
    half_past = instant("2020-06-03T13:30")
    opened_at = half_past + HOUR * np.arange(7)
    closed_at = np.minimum(opened_at + HOUR, instant("2020-06-03T20:00"))
    panel = panel_of((opened_at, closed_at))
    assert common_hours(panel, calendars=("XNYS",), timeframe=HOURLY).all()


def test_calendars_decide_and_not_which_bars_exist() -> None:
    whole = panel_of(hourly("2020-06-01", "2020-06-05"), hourly("2020-06-01", "2020-06-05"))
    fewer = panel_of(hourly("2020-06-01", "2020-06-05"), hourly("2020-06-02T15:00", "2020-06-02T17:00"))
    one, other = (common_hours(own, calendars=("24/7", "XNYS"), timeframe=HOURLY) for own in (whole, fewer))
    assert one[whole.rows(0)].tolist() == other[fewer.rows(0)].tolist()
    assert other[fewer.rows(1)].all()


def test_daily_bars_are_kept_on_days_on_which_every_market_opens() -> None:
    # Friday 3 July 2020 was a holiday in New York; the 4th and 5th were a weekend.
    panel = panel_of(daily("2020-07-01", "2020-07-08"))
    kept = common_hours(panel, calendars=("24/7", "XNYS"), timeframe=DAILY)
    assert wall(panel.opened_at[kept], "UTC") == ["Wed 00:00", "Thu 00:00", "Mon 00:00", "Tue 00:00"]
    assert common_hours(panel, calendars=("24/7",), timeframe=DAILY).all()


def test_markets_that_are_never_open_together_are_named_with_their_hours_and_the_cure() -> None:
    panel = panel_of(hourly("2020-06-01", "2020-06-05"), hourly("2020-06-01", "2020-06-05"))
    with pytest.raises(SampleError) as caught:
        common_hours(panel, calendars=("XNYS", "XTKS"), timeframe=HOURLY)
    text = str(caught.value)
    assert (
        "alignment.hours=common leaves no bar of S0, S1: there is none in which every market is open as it ends" in text
    )
    assert "XNYS: 09:30 to 16:00 America/New_York" in text
    assert "XTKS: 09:00 to 15:00 Asia/Tokyo" in text
    assert "alignment=clock_features" in text
    assert "symbols.without=[S0,S1]" in text


def test_a_symbol_that_keeps_no_bar_is_named_alone() -> None:
    panel = panel_of(hourly("2020-06-01", "2020-06-05"), hourly("2020-06-06", "2020-06-07"))
    with pytest.raises(SampleError, match="leaves no bar of S1: "):
        common_hours(panel, calendars=("XNYS", "24/7"), timeframe=HOURLY)


def test_all_hours_is_no_choice_of_rows() -> None:
    panel = panel_of(hourly("2020-06-01", "2020-06-05"))
    alignment = Alignment(clock_features=False, hours="all")
    assert alignment.kept(panel, calendars=("XNYS",), timeframe=HOURLY) is None
    common = dataclasses.replace(alignment, hours="common").kept(panel, calendars=("XNYS",), timeframe=HOURLY)
    assert common is not None
    assert common.sum() == 4 * 7

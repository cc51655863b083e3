import exchange_calendars
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.errors import CalendarError
from multisymbol.markets.sessions import SessionClock, session_clock
from multisymbol.markets.time import DAY, HOUR, Instants, Timeframe, instant, iso

HOURLY, DAILY = Timeframe.parse("1h"), Timeframe.parse("1d")


def clock(calendar: str, start: str = "2018-01-01", end: str = "2019-12-31") -> SessionClock:
    return session_clock(calendar, start=instant(start), end=instant(end))


def at(*texts: str) -> Instants:
    return np.array([instant(text) for text in texts], dtype=np.int64)


def closes(calendar: str, timeframe: Timeframe, *opened: str) -> list[str]:
    return [iso(when) for when in clock(calendar).closed_at(at(*opened), timeframe)]


def test_daily_stock_bar_stamped_at_midnight_new_york_is_known_at_the_session_close() -> None:
    # 2018-03-09 is before the change to summer time, 2018-03-12 after it.
    opened = ("2018-03-09T05:00Z", "2018-03-12T04:00Z")
    assert closes("XNYS", DAILY, *opened) == ["2018-03-09T21:00Z", "2018-03-12T20:00Z"]


@pytest.mark.parametrize(
    ("opened", "closed"),
    [
        ("2018-07-03T04:00Z", "2018-07-03T17:00Z"),
        ("2018-11-23T05:00Z", "2018-11-23T18:00Z"),
        ("2018-12-24T05:00Z", "2018-12-24T18:00Z"),
        ("2019-07-03T04:00Z", "2019-07-03T17:00Z"),
    ],
)
def test_daily_stock_bar_of_an_early_close_is_known_at_13_new_york(opened: str, closed: str) -> None:
    assert closes("XNYS", DAILY, opened) == [closed]


def test_hourly_stock_bars_of_an_early_close_end_with_it_and_later_prints_keep_their_end() -> None:
    opened = ("2018-07-03T13:00Z", "2018-07-03T16:00Z", "2018-07-03T17:00Z")
    assert closes("XNYS", HOURLY, *opened) == ["2018-07-03T14:00Z", "2018-07-03T17:00Z", "2018-07-03T18:00Z"]


def test_last_hour_from_a_half_past_open_is_cut_at_the_close() -> None:
    assert closes("XNYS", HOURLY, "2019-06-03T19:30Z") == ["2019-06-03T20:00Z"]


def test_daily_bar_stamped_at_the_open_does_not_wait_for_the_next_open() -> None:
    assert closes("XNYS", DAILY, "2019-06-03T13:30Z") == ["2019-06-03T20:00Z"]


def test_holidays_have_no_session() -> None:
    holidays = at(
        "2018-01-01T15:00Z", "2018-07-04T15:00Z", "2018-12-05T15:00Z", "2019-11-28T15:00Z", "2019-12-25T15:00Z"
    )
    assert not clock("XNYS").facts(holidays).is_open.any()


@pytest.mark.parametrize(
    ("sunday_open", "friday_close"),
    [
        ("2019-03-03T22:00Z", "2019-03-08T22:00Z"),  # winter time
        ("2019-03-10T21:00Z", "2019-03-15T21:00Z"),  # clocks changed on this Sunday morning
        ("2019-10-27T21:00Z", "2019-11-01T21:00Z"),
        ("2019-11-03T22:00Z", "2019-11-08T22:00Z"),  # and back
    ],
)
def test_currency_week_runs_from_sunday_17_to_friday_17_new_york(sunday_open: str, friday_close: str) -> None:
    opened, closed = instant(sunday_open), instant(friday_close)
    edges = np.array([opened - 1, opened, closed - 1, closed], dtype=np.int64)
    assert clock("FX").facts(edges).is_open.tolist() == [False, True, True, False]
    assert clock("FX").open_hours_between(edges[1:2], edges[3:4]).tolist() == [120.0]


def test_currency_market_is_closed_on_christmas_and_new_year_from_17_to_17() -> None:
    days = at("2018-12-24T21:59Z", "2018-12-24T22:00Z", "2018-12-25T21:59Z", "2018-12-25T22:00Z", "2019-01-01T12:00Z")
    assert clock("FX").facts(days).is_open.tolist() == [True, False, False, True, False]


def test_daily_currency_bars_run_through_the_17_oclock_border_and_end_on_friday() -> None:
    opened = ("2019-06-05T00:00Z", "2019-06-07T00:00Z", "2019-06-09T00:00Z")  # Wednesday, Friday, Sunday
    assert closes("FX", DAILY, *opened) == ["2019-06-06T00:00Z", "2019-06-07T21:00Z", "2019-06-10T00:00Z"]


def test_always_open_market_knows_no_closure() -> None:
    bitcoin = clock("24/7")
    assert closes("24/7", DAILY, "2018-12-24T00:00Z") == ["2018-12-25T00:00Z"]
    assert bitcoin.open_hours_between(at("2018-12-24"), at("2019-01-03")).tolist() == [240.0]
    assert not bitcoin.closure_between(np.array([3]), np.array([300])).any()


def test_facts_of_an_early_close_day_hand_worked() -> None:
    # Before the open, at it, an hour in, at the close, an hour after; summer, so New York is UTC-4.
    stamps = ("2018-07-03T13:00Z", "2018-07-03T13:30Z", "2018-07-03T14:30Z", "2018-07-03T17:00Z", "2018-07-03T18:00Z")
    facts = clock("XNYS").facts(at(*stamps))
    assert facts.is_open.tolist() == [False, True, True, False, False]
    assert facts.minutes_since_open.tolist() == [390.0, 0.0, 60.0, 210.0, 210.0]
    assert facts.minutes_to_close.tolist() == [0.0, 210.0, 150.0, 0.0, 0.0]
    assert (facts.session - facts.session[0]).tolist() == [0, 1, 1, 1, 1]
    assert facts.local_hour.tolist() == [9.0, 9.5, 10.5, 13.0, 14.0]
    assert facts.local_weekday.tolist() == [1] * 5


def test_local_time_follows_the_change_of_clocks() -> None:
    facts = clock("XNYS").facts(at("2019-03-10T06:59Z", "2019-03-10T07:00Z", "2019-11-03T05:30Z", "2019-11-03T06:30Z"))
    assert facts.local_hour.round(4).tolist() == [1.9833, 3.0, 1.5, 1.5]
    assert facts.local_weekday.tolist() == [6, 6, 6, 6]


def test_before_the_first_session_nothing_is_open_and_its_index_is_minus_one() -> None:
    small = SessionClock(
        calendar="own",
        timezone="UTC",
        opens=np.array([DAY], dtype=np.int64),
        closes=np.array([2 * DAY], dtype=np.int64),
    )
    facts = small.facts(np.array([DAY - 1, DAY], dtype=np.int64))
    assert (facts.session.tolist(), facts.is_open.tolist()) == ([-1, 0], [False, True])
    assert (facts.minutes_since_open.tolist(), facts.minutes_to_close.tolist()) == ([0.0, 0.0], [0.0, 1440.0])


def test_lunch_break_counts_as_closed_but_the_session_goes_on() -> None:
    # Hong Kong: 09:30-12:00 and 13:00-16:00, UTC+8.
    hong_kong = clock("XHKG")
    facts = hong_kong.facts(at("2019-06-05T03:59Z", "2019-06-05T04:00Z", "2019-06-05T05:00Z"))
    assert facts.is_open.tolist() == [True, False, True]
    assert facts.minutes_since_open.tolist() == [149.0, 150.0, 210.0]
    assert np.unique(facts.session).size == 1
    assert hong_kong.open_hours_between(at("2019-06-05"), at("2019-06-06")).tolist() == [5.5]
    bars = hong_kong.closed_at(at("2019-06-05T03:30Z", "2019-06-05T04:00Z", "2019-06-05T04:30Z"), HOURLY)
    assert [iso(when) for when in bars] == ["2019-06-05T04:00Z", "2019-06-05T05:00Z", "2019-06-05T05:30Z"]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["XNYS", "FX", "24/7", "XHKG"]),
    st.lists(st.integers(0, 720 * 24 * 60), min_size=2, max_size=8, unique=True),
    st.sampled_from(["15m", "1h", "4h"]),
)
def test_a_bar_closes_within_its_nominal_span_and_nothing_is_open_after_it(
    calendar: str, minutes: list[int], timeframe: str
) -> None:
    market, length = clock(calendar), Timeframe.parse(timeframe)
    opened = instant("2018-01-01") + np.array(sorted(minutes), dtype=np.int64) * 60_000_000_000
    closed = market.closed_at(opened, length)
    end = opened + length.nanoseconds
    assert ((closed > opened) & (closed <= end)).all()
    assert (market.open_hours_between(closed, end) == 0).all()
    # Whole minutes counted one by one say the same as the sums.
    grid = np.arange(opened[0], min(opened[-1], opened[0] + 3 * DAY), HOUR // 60)
    counted = market.facts(grid).is_open.sum() / 60
    assert market.open_hours_between(grid[:1], grid[:1] + len(grid) * (HOUR // 60)).tolist() == pytest.approx([counted])


CALENDARS = sorted({*exchange_calendars.get_calendar_names(include_aliases=False), "FX"})
QUICK = ("XNYS", "XLON", "XTKS", "XASX", "XNZE", "XHKG", "XSAU", "FX", "24/7")


BROKEN = {"ASEX", "XBEL", "XBSE", "XCYS", "XTAE"}


def year_of(calendar: str) -> SessionClock:
    """A year with both changes of clocks, wherever clocks change."""
    if calendar in BROKEN:
        pytest.skip("exchange_calendars itself cannot build it")
    return clock(calendar, "2021-01-04", "2021-12-30")


@pytest.mark.parametrize("calendar", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in CALENDARS])
def test_every_session_has_one_daily_bar_that_is_known_at_its_close_however_it_is_stamped(calendar: str) -> None:
    market = year_of(calendar)
    if not market.within_dates():
        pytest.skip("its sessions reach over dates")
    usual = market.closes - market.opens >= np.median(market.closes - market.opens)
    wall = pd.DatetimeIndex(pd.to_datetime(market.opens, unit="ns", utc=True)).tz_convert(market.timezone)
    date = wall.tz_localize(None).normalize()
    midnight = date.tz_localize(market.timezone, ambiguous=np.ones(len(date), bool), nonexistent="shift_forward")
    stamps = {
        "midnight": midnight.as_unit("ns").asi8,
        "open": market.opens,
        "stamped close": market.starts(market.closes, DAILY),
    }
    for how, opened in stamps.items():
        assert (market.closed_at(opened, DAILY) == market.closes).all(), how
        assert market.traded(opened, DAILY).all(), how
        assert (market.starts(market.ends(opened, DAILY), DAILY) == opened).all(), how
    by_utc = market.closed_at(date.as_unit("ns").asi8, DAILY) == market.closes
    assert by_utc[usual & np.r_[usual[1:], True]].all()  # half a day in Wellington ends before midnight UTC
    next_midnight = market.ends(stamps["midnight"], DAILY)
    assert set(((next_midnight - stamps["midnight"]) // HOUR).tolist()) <= {23, 24, 25}
    assert (market.closed_at(market.starts(next_midnight, DAILY), DAILY) == market.closes).all()


@pytest.mark.parametrize("calendar", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in CALENDARS])
@pytest.mark.parametrize("timeframe", ["15m", "1h", "4h"])
def test_no_bar_is_known_before_the_market_is_closed_for_the_rest_of_it(calendar: str, timeframe: str) -> None:
    market, length = year_of(calendar), Timeframe.parse(timeframe)
    opened = instant("2021-01-04") + np.arange(0, 350 * DAY, length.nanoseconds)
    closed, end = market.closed_at(opened, length), opened + length.nanoseconds
    assert ((closed > opened) & (closed <= end)).all()
    assert (market.open_hours_between(closed, end) == 0).all()
    assert (np.diff(closed) > 0).all()


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Australia/Sydney", "America/Havana", "UTC"])
@pytest.mark.parametrize(("timeframe", "days"), [("1d", 1), ("1w", 7)])
def test_days_and_weeks_of_a_local_clock_end_where_the_next_begin(zone: str, timeframe: str, days: int) -> None:
    midnights = pd.date_range("2021-01-04", "2021-12-27", freq=f"{days}D")
    local = midnights.tz_localize(zone, ambiguous=np.ones(len(midnights), bool), nonexistent="shift_forward")
    opened, length, market = (
        local.as_unit("ns").asi8,
        Timeframe.parse(timeframe),
        clock("24/7", "2021-01-01", "2022-01-31"),
    )
    ends = market.closed_at(opened, length, timezone=zone)
    assert (ends[:-1] == opened[1:]).all()
    assert {hours % 24 for hours in ((ends - opened) // HOUR).tolist()} == ({0} if zone == "UTC" else {0, 1, 23})
    assert (market.starts(ends, length, timezone=zone) == opened).all()


def test_weeks_of_new_york_end_on_friday_and_days_of_currencies_at_17() -> None:
    weekly = Timeframe.parse("1w")
    mondays = ("2021-03-08T05:00Z", "2021-03-15T04:00Z", "2021-11-01T04:00Z", "2021-11-08T05:00Z")
    fridays = ["2021-03-12T21:00Z", "2021-03-19T20:00Z", "2021-11-05T20:00Z", "2021-11-12T21:00Z"]
    new_york = clock("XNYS", "2021-01-01", "2021-12-31")
    assert [iso(when) for when in new_york.closed_at(at(*mondays), weekly)] == fridays
    currencies = clock("FX", "2021-01-01", "2021-12-31")
    opened = at("2021-03-11T22:00Z", "2021-03-14T21:00Z", "2021-11-04T21:00Z", "2021-11-07T22:00Z")
    assert (currencies.closed_at(opened, DAILY) - opened == DAY).all()


def test_days_of_utc_stay_of_24_hours_on_a_calendar_whose_clock_changes() -> None:
    opened = instant("2021-01-04") + DAY * np.arange(350)
    assert (clock("FX", "2021-01-01", "2021-12-31").ends(opened, DAILY) == opened + DAY).all()


def test_a_session_of_sydney_belongs_to_its_date_in_utc() -> None:
    """Midnight UTC is 11:00 in Sydney in summer: the bar meets two sessions, 10:00 to 16:00 each."""
    sydney = clock("XASX", "2021-01-01", "2021-12-31")
    assert [iso(when) for when in sydney.closed_at(at("2021-01-05", "2021-01-06"), DAILY)] == [
        "2021-01-05T05:00Z",
        "2021-01-06T05:00Z",
    ]


@pytest.mark.parametrize("calendar", ["ASEX", "XTAE"])
def test_a_calendar_that_the_libraries_cannot_build_is_refused_in_a_few_lines(calendar: str) -> None:
    with pytest.raises(CalendarError, match=f"calendar '{calendar}' (does not cover|cannot be built)") as refused:
        clock(calendar, "2021-01-04", "2021-12-30")
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("calendar", "timeframe", "start", "end", "bars"),
    [
        ("XNYS", "1h", "2019-06-07T20:00Z", "2019-06-10T13:30Z", 0),  # Friday's close to Monday's open
        ("XNYS", "1h", "2019-06-07T20:00Z", "2019-06-10T15:29Z", 1),
        ("XNYS", "1h", "2019-07-03T17:00Z", "2019-07-05T14:30Z", 1),  # early close, holiday
        ("XNYS", "1d", "2019-06-07T20:00Z", "2019-06-10T19:59Z", 0),
        ("XNYS", "1d", "2019-06-07T20:00Z", "2019-06-11T20:00Z", 2),
        ("XNYS", "1w", "2019-06-07T20:00Z", "2019-06-20T20:00Z", 1),
        ("FX", "1h", "2019-06-07T21:00Z", "2019-06-09T22:59Z", 1),
        ("FX", "1d", "2019-06-06T21:00Z", "2019-06-10T21:00Z", 2),
        ("24/7", "4h", "2019-06-07T20:00Z", "2019-06-09T03:59Z", 7),
        ("24/7", "1h", "2019-06-07T20:00Z", "2019-06-07T19:00Z", 0),
    ],
)
def test_bars_that_have_ended_since(calendar: str, timeframe: str, start: str, end: str, bars: int) -> None:
    assert clock(calendar).bars_ended(at(start), instant(end), Timeframe.parse(timeframe)).tolist() == [bars]


def test_backward_spans_have_no_open_hours() -> None:
    assert clock("24/7").open_hours_between(at("2019-01-02"), at("2019-01-01")).tolist() == [0.0]


def test_unknown_calendar_names_the_nearest() -> None:
    with pytest.raises(CalendarError, match="calendar 'XNSY' is unknown, did you mean 'XNYS'"):
        clock("XNSY")


def test_calendar_that_does_not_reach_so_far_says_so() -> None:
    with pytest.raises(CalendarError, match=r"calendar 'XHKG' does not cover 2019-01-01T00:00Z to 2060-.*2049"):
        clock("XHKG", "2019-01-01", "2060-01-01")


def test_margin_gives_way_at_the_edge_of_a_calendar() -> None:
    edge = clock("XHKG", "2048-01-01", "2049-12-30")
    assert iso(int(edge.closes[-1])).startswith("2049-12-3")


def test_symbols_of_one_calendar_share_one_clock() -> None:
    assert clock("XNYS", "2018-02-01", "2019-03-01") is clock("XNYS", "2018-05-01", "2019-10-01")

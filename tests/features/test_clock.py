import numpy as np
import pandas as pd
import pytest

from multisymbol.features.clock import (
    CLOCK_COLUMNS,
    FORMULAS,
    clock_columns,
    short_sessions,
    within,
    world_sessions,
)
from multisymbol.markets.sessions import SessionClock, session_clock
from multisymbol.markets.time import DAY, HOUR, MINUTE, instant
from tests.features.worlds import new_york


def at(*texts: str) -> dict[str, list[float]]:
    """Clock columns of a New York stock at some instants."""
    columns = clock_columns(np.array([instant(text) for text in texts]), new_york())
    return {name: column.tolist() for name, column in columns.items()}


def test_columns_come_in_their_order() -> None:
    assert tuple(at("2020-03-02T15:00Z")) == tuple(CLOCK_COLUMNS)


def test_the_hour_after_the_open_is_the_same_in_winter_and_summer() -> None:
    # The open is 14:30 UTC until Friday 2020-03-06 and 13:30 UTC from Monday 2020-03-09.
    columns = at("2020-03-06T15:00Z", "2020-03-09T14:00Z")
    for name in ("hour_sin", "hour_cos", "minutes_since_open", "minutes_to_close", "is_market_open", "session_america"):
        assert columns[name][0] == pytest.approx(columns[name][1]), name
    assert columns["minutes_since_open"] == [30.0, 30.0]
    assert columns["minutes_to_close"] == [360.0, 360.0]
    assert columns["hour_sin"][0] == pytest.approx(np.sin(2 * np.pi * 10 / 24))


def test_the_close_is_no_longer_open() -> None:
    columns = at("2020-03-06T20:59Z", "2020-03-06T21:00Z")
    assert columns["is_market_open"] == [1.0, 0.0]
    assert columns["session_america"] == [1.0, 0.0]
    assert columns["minutes_to_close"] == [1.0, 0.0]


def test_the_weekday_is_a_point_on_a_circle() -> None:
    columns = at("2020-03-02T15:00Z", "2020-03-04T15:00Z")  # Monday and Wednesday
    np.testing.assert_allclose(columns["weekday_sin"], [0.0, np.sin(4 * np.pi / 7)], atol=1e-15)
    np.testing.assert_allclose(columns["weekday_cos"], [1.0, np.cos(4 * np.pi / 7)])


def test_an_early_close_is_told_from_its_open_on() -> None:
    # The day after Thanksgiving closes at 13:00 New York.
    columns = at("2020-11-25T15:00Z", "2020-11-27T15:00Z", "2020-11-27T18:00Z", "2020-11-30T15:00Z")
    assert columns["early_close"] == [0.0, 1.0, 1.0, 0.0]
    assert columns["minutes_to_close"] == [360.0, 180.0, 0.0, 360.0]


def test_short_sessions_are_measured_against_their_own_past() -> None:
    hours = np.array([6] * 12 + [3] + [6] * 3 + [7] * 15 + [6])
    opens = DAY * np.arange(len(hours), dtype=np.int64)
    clock = SessionClock(calendar="X", timezone="UTC", opens=opens, closes=opens + hours * HOUR)
    # The half day, and a day of the old length once the new one has become usual.
    assert np.flatnonzero(short_sessions(clock)).tolist() == [12, len(hours) - 1]


def test_instants_before_the_first_session_have_values() -> None:
    clock = SessionClock(
        calendar="X", timezone="UTC", opens=np.array([instant("2020-03-02")]), closes=np.array([instant("2020-03-03")])
    )
    for name, column in clock_columns(np.array([instant("2020-01-01")]), clock).items():
        assert np.isfinite(column).all(), name


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("session_asia", ["2020-03-02T00:00Z", "2020-07-01T05:59Z"], ["2020-03-01T00:00Z", "2020-03-02T06:00Z"]),
        ("session_europe", ["2020-01-06T08:00Z", "2020-07-01T07:00Z"], ["2020-01-06T07:59Z", "2020-07-01T15:30Z"]),
        ("session_america", ["2020-01-06T14:30Z", "2020-07-01T13:30Z"], ["2020-01-06T14:29Z", "2020-07-04T15:00Z"]),
    ],
)
def test_world_sessions_follow_the_wall_clock_of_their_city(name: str, inside: list[str], outside: list[str]) -> None:
    for texts, expected in ((inside, True), (outside, False)):
        instants = np.array([instant(text) for text in texts])
        assert within(instants, world_sessions(FORMULAS)[name]).tolist() == [expected] * len(texts)


def test_world_sessions_agree_with_pandas_over_a_year_of_quarter_hours() -> None:
    instants = instant("2019-12-30") + 15 * MINUTE * np.arange(36_000, dtype=np.int64)
    for name, zone, opens, closes in (
        ("session_asia", "Asia/Tokyo", "09:00", "14:59"),
        ("session_europe", "Europe/London", "08:00", "16:29"),
        ("session_america", "America/New_York", "09:30", "15:59"),
    ):
        local = pd.Series(1, index=pd.to_datetime(instants, utc=True).tz_convert(zone))
        stamps = pd.DatetimeIndex(local.between_time(opens, closes).index)
        assert within(instants, world_sessions(FORMULAS)[name]).sum() == (stamps.day_of_week < 5).sum()


def test_a_market_that_never_closes_is_always_open() -> None:
    clock = session_clock("24/7", start=instant("2020-03-01"), end=instant("2020-03-08"))
    columns = clock_columns(instant("2020-03-01") + HOUR * np.arange(168, dtype=np.int64), clock)
    assert (columns["is_market_open"] == 1.0).all()
    assert (columns["early_close"] == 0.0).all()


def tokyo(*texts: str, formulas: int) -> tuple[list[float], list[float]]:
    """Return `session_asia` and whether Tokyo's own calendar is open."""
    at = np.array([instant(text) for text in texts])
    clock = session_clock("XTKS", start=int(at.min()), end=int(at.max()))
    columns = clock_columns(at, clock, formulas=formulas)
    return columns["session_asia"].tolist(), columns["is_market_open"].tolist()


def test_tokyo_closes_half_an_hour_later_from_the_day_it_did() -> None:
    """Case: 15:00 of 2024-11-01, 15:00, 15:15 and 15:30 of 2024-11-06, by Tokyo's clock."""
    texts = ("2024-11-01T06:00Z", "2024-11-06T06:00Z", "2024-11-06T06:15Z", "2024-11-06T06:30Z")
    assert tokyo(*texts, formulas=FORMULAS) == ([0, 1, 1, 0], [0, 1, 1, 0])
    assert tokyo(*texts, formulas=1)[0] == [0, 0, 0, 0]


def test_the_versions_differ_in_the_last_half_hour_of_tokyo_alone() -> None:
    at = instant("2023-01-01") + 15 * MINUTE * np.arange(3 * 365 * 96, dtype=np.int64)
    clock = session_clock("24/7", start=int(at[0]), end=int(at[-1]))
    old, new = (clock_columns(at, clock, formulas=version) for version in (1, FORMULAS))
    for name in CLOCK_COLUMNS:
        changed = at[old[name] != new[name]]
        assert len(changed) == 0 or name == "session_asia"
    changed = at[old["session_asia"] != new["session_asia"]]
    assert len(changed) > 500
    assert changed.min() == instant("2024-11-05T06:00Z")
    assert set((changed % DAY // MINUTE).tolist()) == {360, 375}

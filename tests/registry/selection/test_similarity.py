"""A profile knows the past alone, and the distance of two of them is one."""

import dataclasses
import json
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.errors import BundleError
from multisymbol.markets.bars import Bars
from multisymbol.markets.sessions import SessionClock, session_clock
from multisymbol.markets.time import DAY, HOUR, Timeframe, instant
from multisymbol.registry.selection.similarity import (
    COMPONENTS,
    DAYS_KEPT,
    LEAST_COMMON_DAYS,
    Profile,
    Scale,
    distance,
    fit_scale,
    profile,
)

START = instant("2017-01-02")
YEARS = 365 * 24  # hourly bars of a coin
SOME = Scale(spread={**{each.name: each.usual for each in COMPONENTS}, "hour_curve": 0.2, "hours": 0.2}, profiles=0)


def clock_of(calendar: str) -> SessionClock:
    return session_clock(calendar, start=START, end=START + 4 * 366 * DAY)


def hourly(count: int, calendar: str = "24/7") -> npt.NDArray[np.int64]:
    """Return the opens of `count` hourly bars that lie in sessions of the calendar."""
    opens = START + HOUR * np.arange(count * (6 if calendar == "XNYS" else 2), dtype=np.int64)
    return opens[clock_of(calendar).facts(opens).is_open][:count]


def make_bars(changes: npt.NDArray[np.float64], *, calendar: str = "24/7", **given: Any) -> Bars:
    """Make hourly bars whose close-to-close log returns are `changes` (the first is ignored)."""
    opened = hourly(len(changes), calendar)
    close = 100.0 * np.exp(np.cumsum(changes) - changes[0])
    facts: dict[str, Any] = {
        "symbol": "AAA",
        "timeframe": Timeframe.parse("1h"),
        "opened_at": opened,
        "closed_at": opened + HOUR,
        "open": close,
        "high": close,
        "low": close,
        "close": close,
        "volume": np.full(len(close), np.nan),
        "segment": np.zeros(len(close), dtype=np.int32),
        "synthetic": True,
        "origin": "test",
    }
    return Bars(**{**facts, **given})


def described(changes: npt.NDArray[np.float64], *, calendar: str = "24/7", until: int = 2**62, **given: Any) -> Profile:
    bars = make_bars(changes, calendar=calendar, **given)
    return profile(bars, until=until, clock=clock_of(calendar), half_spread_bps=1.0)


def noise(seed: int, count: int = YEARS, sigma: float = 0.01) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=count) * sigma


# --- Components ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("calendar", "per_year"), [("24/7", 8766), ("XNYS", 252 * 6)])
def test_volatility_is_annualised_with_the_bars_the_calendar_really_has(calendar: str, per_year: int) -> None:
    changes = np.where(np.arange(3000) % 2, 0.01, -0.01)
    known = described(changes, calendar=calendar)
    assert known.log_volatility is not None
    assert math.exp(known.log_volatility) == pytest.approx(0.01 * math.sqrt(per_year), rel=0.02)


def test_years_without_bars_do_not_lower_volatility() -> None:
    changes = noise(1, 4000)
    opened = hourly(4000)
    opened = opened + np.where(np.arange(4000) >= 2000, 300 * DAY, 0)
    torn = described(
        changes, opened_at=opened, closed_at=opened + HOUR, segment=(np.arange(4000) >= 2000).astype(np.int32)
    )
    whole = described(changes)
    assert torn.log_volatility == pytest.approx(whole.log_volatility, abs=0.01)


def test_return_over_the_border_of_a_segment_does_not_count() -> None:
    changes = noise(2, 6000)
    jump = changes.copy()
    jump[1000] = 3.0
    segment = (np.arange(6000) >= 1000).astype(np.int32)
    there, not_there = (described(each, segment=segment) for each in (jump, changes))
    for component in COMPONENTS:
        assert getattr(there, component.name) == pytest.approx(getattr(not_there, component.name), rel=1e-9)


def test_constant_weekly_volatility_has_none_of_its_own_and_changing_one_has() -> None:
    calm = np.where(np.arange(YEARS) % 2, 0.01, -0.01)
    weeks = (hourly(YEARS) // (7 * DAY)) % 2  # every other week twice as wild: log 2 apart, half of it the deviation
    wild = calm * np.where(weeks, 2.0, 1.0)
    assert described(calm).volatility_of_volatility == pytest.approx(0.0, abs=1e-9)
    assert described(wild).volatility_of_volatility == pytest.approx(math.log(2) / 2, rel=0.05)


def test_autocorrelation_is_that_of_the_process() -> None:
    shocks = noise(3, 20000)
    changes = shocks.copy()
    for row in range(1, len(changes)):
        changes[row] += 0.5 * changes[row - 1]
    assert described(changes).autocorrelation == pytest.approx(0.5, abs=0.03)
    assert described(shocks).autocorrelation == pytest.approx(0.0, abs=0.03)


def test_clustered_volatility_shows_in_absolute_returns_alone() -> None:
    wild = np.repeat(np.random.default_rng(4).choice([0.2, 1.0], size=YEARS // 24), 24)
    known = described(noise(5) * wild)
    assert known.absolute_autocorrelation is not None
    assert known.absolute_autocorrelation > 0.2
    assert known.autocorrelation == pytest.approx(0.0, abs=0.05)


def test_one_crash_is_not_the_whole_of_an_autocorrelation() -> None:
    changes = noise(6)
    crash = changes.copy()
    crash[5000], crash[5001] = -1.0, 1.0
    assert described(crash).autocorrelation == pytest.approx(described(changes).autocorrelation, abs=0.01)


@pytest.mark.parametrize("alpha", [2.0, 4.0])
def test_tail_is_one_over_the_index_of_a_pareto_law(alpha: float) -> None:
    random = np.random.default_rng(7)
    changes = 0.001 * random.pareto(alpha, size=20000).clip(0, 500) * random.choice([-1, 1], size=20000)
    # numpy's pareto is shifted by one: add it back, then the law is exact above 1
    exact = np.sign(changes) * (np.abs(changes) + 0.001)
    assert described(exact).tail == pytest.approx(1 / alpha, rel=0.1)


def test_jump_share_is_zero_without_jumps_and_large_with_them() -> None:
    smooth = np.where(np.arange(YEARS) % 2, 0.01, -0.01)  # |r| constant: bipower is pi/2 of the variance
    rough = smooth.copy()
    rough[::84] *= 20  # two a week
    assert described(smooth).jump_share == 0.0
    # of 84 returns one is 0.2 and 83 are 0.01: 1 - pi/2 * (82 * 0.01^2 + 2 * 0.2 * 0.01) / (0.2^2 + 83 * 0.01^2)
    assert described(rough).jump_share == pytest.approx(0.603, abs=0.02)


def test_hours_of_volatility_follow_the_session_through_a_change_of_season() -> None:
    opened = hourly(3000, "XNYS")
    first = clock_of("XNYS").facts(opened).minutes_since_open < 60
    curve = described(noise(8, 3000) * np.where(first, 4.0, 1.0), calendar="XNYS").hour_curve
    assert curve is not None
    known = curve[~np.isnan(curve)]
    assert known[0] - known[1:].mean() == pytest.approx(math.log(4), abs=0.15)
    assert np.ptp(known[1:]) < 0.3
    assert known.mean() == pytest.approx(0.0, abs=1e-12)


def test_daily_bars_have_no_curve() -> None:
    opened = START + DAY * np.arange(900, dtype=np.int64)
    known = described(
        noise(9, 900), timeframe=Timeframe.parse("1d"), opened_at=opened, closed_at=opened + DAY, calendar="24/7"
    )
    assert known.hour_curve is None
    assert known.log_volatility is not None


def test_hours_of_the_week_count_both_seasons_but_no_odd_print() -> None:
    assert described(noise(10), calendar="24/7").hours.sum() == 168
    stock = described(noise(11, 3000), calendar="XNYS").hours
    by_day = stock.reshape(7, 24)
    assert by_day[5:].sum() == 0
    # bars open 15:00 to 20:00 UTC in winter (the hourly grid lies within 14:30-21:00), an hour sooner in summer
    assert np.flatnonzero(by_day[1]).tolist() == list(range(14, 21))


def test_daily_returns_are_from_close_to_close_of_utc_days() -> None:
    changes = noise(12, 24 * 10)
    known = described(changes)
    log_close = np.cumsum(changes) - changes[0]
    assert known.days.tolist() == [START // DAY + day for day in range(1, 10)]
    np.testing.assert_allclose(known.returns, np.diff(log_close[23::24]), rtol=1e-5)


def test_no_more_days_are_kept_than_a_profile_carries() -> None:
    known = described(noise(13, 24 * 800))
    assert known.days.size == DAYS_KEPT
    assert known.days[-1] == START // DAY + 799


def test_relative_spread_is_in_basis_points_of_price() -> None:
    assert described(noise(14, 600)).relative_spread == pytest.approx(math.log(2))


# --- Time, price, missing --------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(cut=st.integers(0, 1999), seed=st.integers(0, 5))
def test_bars_after_until_change_nothing(cut: int, seed: int) -> None:
    changes, other = noise(20, 2000), noise(20, 2000)
    other[cut + 1 :] = noise(100 + seed, 2000, 0.5)[cut + 1 :]
    until = int(hourly(2000)[cut] + HOUR)
    one, two = described(changes, until=until), described(other, until=until)
    assert one.to_json() == two.to_json()
    assert one.until == until
    assert one.bars == cut + 1


def test_later_bars_change_the_profile_of_later() -> None:
    changes = noise(20, 2000)
    assert described(changes).to_json() != described(changes, until=int(hourly(2000)[1500])).to_json()


def test_bar_that_closes_after_until_is_not_looked_at() -> None:
    until = int(hourly(2000)[1500] + HOUR)
    assert described(noise(21, 2000), until=until - 1).bars == 1500


@pytest.mark.parametrize("factor", [2.0**-10, 1024.0])
def test_level_of_price_does_not_matter(factor: float) -> None:
    bars = make_bars(noise(22, 2000))
    scaled = dataclasses.replace(bars, close=bars.close * factor)
    one, two = (profile(each, until=2**62, clock=clock_of("24/7"), half_spread_bps=1.0) for each in (bars, scaled))
    assert distance(one, two, SOME).total == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("count", [0, 1, 2, 499])
def test_too_short_a_history_says_so_component_by_component(count: int) -> None:
    known = described(noise(23, 600), until=int(hourly(600)[count]))
    assert known.bars == count
    assert [getattr(known, each.name) for each in COMPONENTS[:-1]] == [None] * 6
    assert known.hour_curve is None
    assert json.loads(json.dumps(known.to_json())) == known.to_json()
    apart = distance(known, described(noise(24)), SOME)
    assert apart.total == math.inf
    assert "log_volatility" in apart.missing


def test_price_that_never_moves_has_no_components() -> None:
    known = described(np.zeros(2000))
    assert known.log_volatility is None
    assert known.tail is None
    assert distance(known, known, SOME).total == math.inf


def test_what_one_side_lacks_is_left_out_and_named() -> None:
    long, short = described(noise(25)), described(noise(26, 700), symbol="BBB")  # a month: too few weeks
    apart = distance(long, short, SOME)
    assert apart.missing == ("volatility_of_volatility",)
    assert math.isfinite(apart.total)
    assert sum(apart.shares.values()) == pytest.approx(1.0)


# --- Distance --------------------------------------------------------------------------------------------------------


def test_distance_by_hand() -> None:
    """Two components differ by 2 and 1 units, all days move alike to a half."""
    one = described(noise(30))
    other = dataclasses.replace(
        one,
        symbol="BBB",
        log_volatility=(one.log_volatility or 0) + 1.0,
        tail=(one.tail or 0) - 0.04,
        returns=one.returns,
    )
    apart = distance(one, other, SOME)
    # weights 2 and 0.5 of 8.5 in all; spreads 0.5 and 0.04
    assert apart.profile == pytest.approx(math.sqrt((2 * 2.0**2 + 0.5 * 1.0**2) / 8.5))
    assert apart.correlation == 0.0
    assert apart.rho == 1.0
    assert apart.total == apart.profile
    assert apart.shares["log_volatility"] == pytest.approx(8 / 8.5)


def with_days(known: Profile, returns: npt.NDArray[np.float64], *, symbol: str, first: int = 18000) -> Profile:
    days = first + np.arange(len(returns), dtype=np.int64)
    return dataclasses.replace(known, symbol=symbol, days=days, returns=returns)


def test_correlation_is_shrunk_on_fishers_scale() -> None:
    known, x = described(noise(31)), noise(32, 400)
    y = 0.6 * x + 0.8 * noise(33, 400)
    rho = float(np.corrcoef(x, y)[0, 1])
    apart = distance(with_days(known, x, symbol="A"), with_days(known, y, symbol="B"), SOME)
    assert apart.rho == pytest.approx(math.tanh(math.atanh(rho) * 400 / 460))
    assert apart.correlation == pytest.approx(math.sqrt((1 - (apart.rho or 0)) / 2))
    assert apart.total == apart.profile + apart.correlation == apart.correlation


@pytest.mark.parametrize(("days", "known"), [(LEAST_COMMON_DAYS - 1, False), (LEAST_COMMON_DAYS, True)])
def test_too_few_common_days_count_as_no_correlation(days: int, known: bool) -> None:  # noqa: FBT001
    base, x = described(noise(34)), noise(35, days)
    apart = distance(with_days(base, x, symbol="A"), with_days(base, x, symbol="B"), SOME)
    assert apart.common_days == days
    assert apart.rho == (1.0 if known else None)
    assert apart.correlation == pytest.approx(0.0 if known else math.sqrt(0.5))


def test_days_that_move_against_one_another_are_farthest() -> None:
    base, x = described(noise(36)), noise(37, 300)
    apart = distance(with_days(base, x, symbol="A"), with_days(base, -x, symbol="B"), SOME)
    assert apart.correlation == 1.0


def test_return_over_a_day_the_other_lacks_belongs_to_the_next_common_day() -> None:
    base, x = described(noise(38)), noise(39, 400)
    whole = with_days(base, x, symbol="A")
    kept = np.arange(400) % 5 != 2  # the other has no bars on every fifth day: its next return is over two
    merged = np.add.reduceat(x, np.flatnonzero(np.r_[True, kept[:-1]]))
    gappy = dataclasses.replace(with_days(base, x, symbol="B"), days=whole.days[kept], returns=merged)
    apart = distance(whole, gappy, SOME)
    assert apart.common_days == kept.sum() - 1
    assert apart.rho == 1.0


@pytest.fixture(scope="module")
def several() -> list[Profile]:
    wide = [
        described(noise(40 + seed, 6000, sigma), symbol=f"S{seed}") for seed, sigma in enumerate([0.001, 0.01, 0.02])
    ]
    stock = [described(noise(50, 3000), symbol="ST", calendar="XNYS"), described(noise(51, 700), symbol="NEW")]
    return [*wide, *stock]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_distance_is_symmetric_and_zero_to_itself(several: list[Profile], data: st.DataObject) -> None:
    one, other = (data.draw(st.sampled_from(several)) for _ in range(2))
    scale = fit_scale(several)
    there, back = distance(one, other, scale), distance(other, one, scale)
    assert there == back
    assert distance(one, one, scale).total == 0.0
    assert (there.total > 0) == (one is not other)


def test_symbols_of_other_hours_differ_in_them(several: list[Profile]) -> None:
    apart = distance(several[1], several[3], SOME)
    assert apart.shares["hours"] > 0.3


def test_bars_of_another_length_are_not_compared(several: list[Profile]) -> None:
    assert distance(several[0], dataclasses.replace(several[0], timeframe="4h"), SOME).total == math.inf


# --- Scale -----------------------------------------------------------------------------------------------------------


def test_scale_of_none_is_the_usual_one() -> None:
    scale = fit_scale([])
    assert scale.profiles == 0
    assert scale.spread["log_volatility"] == pytest.approx(0.5)
    assert scale.spread["hour_curve"] == pytest.approx(0.2)


def test_scale_is_robust_and_shrunk(several: list[Profile]) -> None:
    base = several[0]
    volatilities = [0.0, 1.0, 2.0, 3.0, 1000.0]  # median 2, absolute deviations 2, 1, 0, 1, 998: median 1
    scale = fit_scale(dataclasses.replace(base, log_volatility=value) for value in volatilities)
    expected = math.sqrt((5 * 1.4826**2 + 8 * 0.5**2) / 13)
    assert scale.spread["log_volatility"] == pytest.approx(expected)


def test_equal_profiles_do_not_make_differences_infinite(several: list[Profile]) -> None:
    scale = fit_scale([several[0]] * 50)
    assert all(value > 0 for value in scale.spread.values())


def test_order_of_profiles_does_not_matter(several: list[Profile]) -> None:
    assert fit_scale(several) == fit_scale(several[::-1])


# --- Stored ----------------------------------------------------------------------------------------------------------


def test_stored_profile_is_the_same_profile(several: list[Profile]) -> None:
    for known in several:
        data = json.loads(json.dumps(known.to_json(), allow_nan=False))
        back = Profile.from_json(data)
        assert back.to_json() == known.to_json()
        assert (back.first, back.until) == (known.first, known.until)
        np.testing.assert_array_equal(back.returns, known.returns)
        assert distance(back, known, SOME).total == 0.0


def test_stored_profile_is_small(several: list[Profile]) -> None:
    assert len(json.dumps(described(noise(60, 24 * 800)).to_json(), indent=2)) < 20_000


@pytest.mark.parametrize(
    "change",
    [
        {"hours": "ff"},
        {"hours": "zz"},
        {"days": "1 2"},
        {"until": "yesterday"},
        {"returns": None},
        {"hour_curve": "x"},
        {"tail": "fat"},
        {"hour_curve": [1.0]},
    ],
)
def test_profile_of_another_form_is_refused(several: list[Profile], change: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match=r"similarity.json: the profile of S0 is not of the form"):
        Profile.from_json(several[0].to_json() | change)


def test_profile_without_a_field_is_refused(several: list[Profile]) -> None:
    data = several[0].to_json()
    del data["tail"]
    with pytest.raises(BundleError, match="'tail'"):
        Profile.from_json(data)

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.backtest.performance import Track, TradeResults, measure
from multisymbol.backtest.portfolio import EqualWeight, InverseVolatility, Portfolio, Weighting, combine, standing
from multisymbol.config.build import build
from multisymbol.config.check import check
from multisymbol.errors import BacktestError
from multisymbol.markets.time import DAY, HOUR, instant, iso

Floats = npt.NDArray[np.float64]
MONDAY = instant("2020-03-02")


def track(closed_at: Any, equity: Any, *, capital: float = 100.0, **changes: Any) -> Track:
    curve = np.asarray(equity, dtype=np.float64)
    parts: dict[str, Any] = {"position": np.zeros(len(curve)), "traded": np.zeros(len(curve))}
    return Track(closed_at=np.asarray(closed_at, dtype=np.int64), equity=curve, capital=capital, **parts | changes)


def days(*numbers: int) -> npt.NDArray[np.int64]:
    """Midnights that end so many days from Monday."""
    return MONDAY + DAY * np.array(numbers)


def trades(exit_row: list[int], net: list[float]) -> TradeResults:
    rows = np.array(exit_row, dtype=np.int64)
    made = np.array(net)
    return TradeResults(exit_row=rows, net=made, commission=made / 10, spread=made / 10, slippage=made / 10, carry=made)


def random_track(seed: int, *, deviation: float = 0.01) -> Track:
    """A few weeks of hours, of which some are missing; it holds and trades at random."""
    random = np.random.default_rng(seed)
    hours = np.flatnonzero(random.random(24 * 40) < random.uniform(0.2, 1.0))[random.integers(0, 100) :]
    equity = 1000.0 * np.cumprod(1.0 + random.normal(0.0, deviation, len(hours)))
    closing = np.sort(random.choice(len(hours), 5, replace=False))
    return track(
        MONDAY + HOUR * hours,
        equity,
        capital=1000.0,
        position=equity * random.random(len(hours)) * (random.random(len(hours)) < 0.5),
        traded=equity * random.random(len(hours)) * (random.random(len(hours)) < 0.1),
        trades=trades(closing.tolist(), random.normal(0.0, 10.0, 5).tolist()),
    )


def universe(seed: int, *, symbols: int = 4) -> dict[str, Track]:
    return {f"S{i}": random_track(seed * 100 + i, deviation=0.002 * (i + 1)) for i in range(symbols)}


WEIGHTINGS: list[Weighting] = [
    EqualWeight(rebalance="never"),
    EqualWeight(rebalance="day"),
    EqualWeight(rebalance="week"),
    InverseVolatility(rebalance="day", days=5.0),
    InverseVolatility(rebalance="month", days=5.0),
]
every_weighting = pytest.mark.parametrize("weighting", WEIGHTINGS, ids=str)


# --- worked by hand ---------------------------------------------------------------------------------------------------


def two() -> dict[str, Track]:
    """A has bars on days 1, 2, 4; B, whose account is ten times as large, on days 2, 3, 4."""
    return {
        "A": track(days(1, 2, 4), [110.0, 121.0, 242.0], position=np.array([55.0, 0.0, 121.0])),
        "B": track(days(2, 3, 4), [500.0, 1000.0, 1000.0], capital=1000.0, traded=np.array([100.0, 0.0, 100.0])),
    }


def test_money_stays_where_it_was_put_at_the_start() -> None:
    found = combine(two(), weighting=EqualWeight(rebalance="never"), capital=1000.0)
    assert [(at - MONDAY) // DAY for at in found.track.closed_at] == [1, 2, 3, 4]
    # B is cash on day 1, A keeps its value on day 3.
    np.testing.assert_allclose(found.track.equity, [550 + 500, 605 + 250, 605 + 500, 1210 + 500])
    np.testing.assert_allclose(found.track.position, [275, 0, 0, 605])
    np.testing.assert_allclose(found.track.traded, [0, 50, 0, 50])
    np.testing.assert_allclose(found.profit, [710, 0])
    assert found.symbols == ("A", "B")


def test_money_is_handed_out_anew_each_day() -> None:
    found = combine(two(), weighting=EqualWeight(rebalance="day"), capital=1000.0)
    # The only close of day 2 is its first: half of 855 each from there on, half of 1282.5 from day 3 on.
    expected = [1050.0, 855.0, 427.5 + 855.0, 641.25 * 2 + 641.25]
    np.testing.assert_allclose(found.track.equity, expected)
    assert [(at - MONDAY) // DAY for at in found.rebalanced_at] == [1, 2, 3, 4]
    # At the close of day 4 A's position is scaled once more: from 641.25 / 121 to 961.875 / 242 units of its account.
    np.testing.assert_allclose(found.track.traded[-1], 100 * 0.64125 + 121 * (641.25 / 121 - 961.875 / 242))


def test_trades_are_scaled_to_the_money_their_symbol_had() -> None:
    tracks = two() | {"A": dataclasses.replace(two()["A"], trades=trades([1, 2], [10.0, 20.0]))}
    found = combine(tracks, weighting=EqualWeight(rebalance="never"), capital=1000.0).track
    np.testing.assert_allclose(found.trades.net, [50, 100])
    assert found.trades.costs() == pytest.approx({"commission": 15, "spread": 15, "slippage": 15, "carry": 150})
    assert found.trades.exit_row.tolist() == [1, 3]


def test_twice_the_volatility_gets_half_the_money_and_an_unknown_one_an_equal_share() -> None:
    swing = np.tile([1.0, -1.0], 10)
    at = MONDAY + DAY * np.arange(1, 21)
    tracks = {
        "calm": track(at, 100 * np.cumprod(1 + 0.01 * swing)),
        "wild": track(at, 100 * np.cumprod(1 + 0.02 * swing)),
        "late": track(at[-3:], [110.0, 90.0, 110.0]),
        "still": track(at, [100.0] * 20),
    }
    found = combine(tracks, weighting=InverseVolatility(rebalance="day", days=4.0), capital=1.0)
    np.testing.assert_allclose(found.weights[0], 0.25)
    np.testing.assert_allclose(found.weights[-1], [2 / 3 * 0.5, 1 / 3 * 0.5, 0.25, 0.25], rtol=1e-12)
    four_days = InverseVolatility(rebalance="day", days=4.0).weights(list(tracks.values()), at=at)
    known = [(at - MONDAY) // DAY for at in at[four_days[:, 0] != 0.25]]
    # Bars since day 1 reach back four days from day 5 on.
    assert known == list(range(5, 21))


def test_symbols_with_many_bars_a_day_compare_with_those_of_one() -> None:
    random = np.random.default_rng(0)
    hourly = random.normal(0.0, 0.01 / np.sqrt(24), 24 * 400)
    daily = random.normal(0.0, 0.01, 400)
    tracks = {
        "hourly": track(MONDAY + HOUR * np.arange(1, 24 * 400 + 1), 100 * np.cumprod(1 + hourly)),
        "daily": track(MONDAY + DAY * np.arange(1, 401), 100 * np.cumprod(1 + daily)),
    }
    found = combine(tracks, weighting=InverseVolatility(rebalance="month", days=300.0), capital=1.0)
    np.testing.assert_allclose(found.weights[-1], 0.5, atol=0.03)


def test_periods_begin_with_the_first_close_in_them_and_midnight_belongs_to_the_day_before() -> None:
    at = instant("2020-02-28T12:00Z") + 12 * HOUR * np.arange(10)
    curve = {"A": track(at, np.arange(100.0, 110.0))}

    def closes(rebalance: Any) -> list[str]:
        found = combine(curve, weighting=EqualWeight(rebalance=rebalance), capital=1.0)
        return [iso(int(each)) for each in found.rebalanced_at[1:]]

    noons = ["2020-02-29T12:00Z", "2020-03-01T12:00Z", "2020-03-02T12:00Z", "2020-03-03T12:00Z"]
    assert closes("day") == noons
    assert closes("week") == ["2020-03-02T12:00Z"]
    assert closes("month") == ["2020-03-01T12:00Z"]
    assert closes("never") == []


def test_a_ruined_symbol_keeps_what_it_has_and_the_others_go_on() -> None:
    tracks = {
        "A": track(days(1, 2, 3, 4), [50.0, -20.0, -20.0, -20.0]),
        "B": track(days(1, 2, 3, 4), [100.0, 100.0, 200.0, 200.0]),
    }
    found = combine(tracks, weighting=EqualWeight(rebalance="never"), capital=200.0)
    np.testing.assert_allclose(found.track.equity, [150, 80, 180, 180])
    shared = combine(tracks, weighting=EqualWeight(rebalance="day"), capital=200.0)
    # The 80 left on day 2 are shared; A's 40 stay cash, B's 40 double, and are shared again.
    np.testing.assert_allclose(shared.track.equity, [150, 80, 120, 120])
    np.testing.assert_allclose(shared.profit.sum(), shared.track.equity[-1] - 200)


def test_a_ruined_portfolio_stays_what_it_is() -> None:
    tracks = {"A": track(days(1, 2, 3), [50.0, -20.0, -20.0]), "B": track(days(1, 2, 3), [100.0, 1.0, 50.0])}
    found = combine(tracks, weighting=EqualWeight(rebalance="day"), capital=200.0)
    assert found.track.equity[1] < 0
    assert found.track.equity[2] == pytest.approx(found.track.equity[1])


# --- properties -------------------------------------------------------------------------------------------------------


@every_weighting
def test_the_portfolio_of_one_symbol_is_that_symbol(weighting: Weighting) -> None:
    one = random_track(1)
    found = combine({"A": one}, weighting=weighting, capital=one.capital)
    for name in ("closed_at", "equity", "position", "traded"):
        np.testing.assert_allclose(getattr(found.track, name), getattr(one, name), rtol=1e-12, atol=1e-9)
    alone, together = (dataclasses.asdict(measure(each)) for each in (one, found.track))
    costs = together.pop("costs")
    assert costs == pytest.approx(alone.pop("costs"))
    assert together.pop("deepest") == pytest.approx(alone.pop("deepest"))
    assert together.pop("longest") == pytest.approx(alone.pop("longest"))
    assert together == pytest.approx(alone)


@given(seed=st.integers(0, 1000), order=st.permutations(range(4)), weighting=st.sampled_from(WEIGHTINGS))
@settings(max_examples=30, deadline=None)
def test_the_order_of_symbols_changes_nothing(seed: int, order: list[int], weighting: Weighting) -> None:
    tracks = universe(seed)
    one = combine(tracks, weighting=weighting, capital=1000.0)
    other = combine({f"S{i}": tracks[f"S{i}"] for i in order}, weighting=weighting, capital=1000.0)
    np.testing.assert_allclose(other.track.equity, one.track.equity, rtol=1e-12)
    np.testing.assert_allclose(other.weights, one.weights[:, order], rtol=1e-12)
    np.testing.assert_allclose(other.profit, one.profit[order], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(other.track.traded, one.track.traded, rtol=1e-9, atol=1e-9)


@given(seed=st.integers(0, 1000), weighting=st.sampled_from(WEIGHTINGS))
@settings(max_examples=30, deadline=None)
def test_weights_sum_to_one_and_profits_to_the_change_of_equity(seed: int, weighting: Weighting) -> None:
    found = combine(universe(seed), weighting=weighting, capital=1000.0)
    np.testing.assert_allclose(found.weights.sum(axis=1), 1.0, rtol=1e-12)
    assert (found.weights > 0.0).all()
    assert found.profit.sum() == pytest.approx(found.track.equity[-1] - 1000.0)


@given(seed=st.integers(0, 1000), weighting=st.sampled_from(WEIGHTINGS), hour=st.integers(110, 900))
@settings(max_examples=40, deadline=None)
def test_what_comes_later_changes_nothing_earlier(seed: int, weighting: Weighting, hour: int) -> None:
    tracks, until = universe(seed), MONDAY + HOUR * hour
    before = combine(tracks, weighting=weighting, capital=1000.0)
    later = {
        symbol: dataclasses.replace(
            one, equity=np.where(one.closed_at > until, one.equity * np.linspace(1, 3, len(one)), one.equity)
        )
        for symbol, one in tracks.items()
    }
    after = combine(later, weighting=weighting, capital=1000.0)
    known = before.track.closed_at <= until
    np.testing.assert_array_equal(after.track.equity[known], before.track.equity[known])
    given_out = before.rebalanced_at <= until
    np.testing.assert_array_equal(after.weights[given_out], before.weights[given_out])


@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_without_rebalancing_the_trades_of_the_portfolio_add_up_as_those_of_its_symbols(seed: int) -> None:
    tracks = universe(seed)
    found = combine(tracks, weighting=EqualWeight(rebalance="never"), capital=4000.0)
    assert found.track.trades.net.sum() == pytest.approx(sum(one.trades.net.sum() for one in tracks.values()))
    assert found.track.traded.sum() == pytest.approx(sum(one.traded.sum() for one in tracks.values()))
    assert (np.diff(found.track.trades.exit_row) >= 0).all()


# --- the whole universe -----------------------------------------------------------------------------------------------


def test_standing_measures_symbols_classes_and_the_whole() -> None:
    tracks, weighting = universe(1), EqualWeight(rebalance="week")
    classes = {"S0": "stock", "S1": "forex", "S2": "stock", "S3": "forex"}
    found = standing(tracks, asset_class=classes, weighting=weighting, capital=1000.0)
    assert list(found.by_symbol) == ["S0", "S1", "S2", "S3"]
    assert found.by_symbol["S2"] == measure(tracks["S2"])
    assert list(found.by_class) == ["forex", "stock"]
    own = combine({"S0": tracks["S0"], "S2": tracks["S2"]}, weighting=weighting, capital=1000.0)
    assert found.by_class["stock"] == measure(own.track)
    assert found.performance == measure(found.portfolio.track)
    assert found.class_profit["stock"] == pytest.approx(found.portfolio.profit[[0, 2]].sum())
    assert sum(found.class_profit.values()) == pytest.approx(found.performance.net_profit)
    assert isinstance(found.portfolio, Portfolio)


def test_a_symbol_without_a_class_is_named() -> None:
    with pytest.raises(BacktestError, match="no asset class is given for S1, S3"):
        standing(universe(1), asset_class={"S0": "a", "S2": "a"}, weighting=WEIGHTINGS[0], capital=1.0)


def test_no_accounts_make_no_portfolio() -> None:
    with pytest.raises(BacktestError, match="needs the account of one symbol at least"):
        combine({}, weighting=WEIGHTINGS[0], capital=1.0)


@pytest.mark.parametrize("wrong", [{"rebalance": "never", "days": 5.0}, {"rebalance": "day", "days": 0.0}])
def test_inverse_volatility_needs_days_and_rebalancing(wrong: dict[str, Any]) -> None:
    with pytest.raises(BacktestError, match="expected rebalance day, week or month and days above 0, got"):
        InverseVolatility(**wrong)


def test_an_unknown_period_is_refused() -> None:
    with pytest.raises(BacktestError, match="expected rebalance never, day, week or month, got 'year'"):
        EqualWeight(rebalance="year")  # type: ignore[arg-type]


def test_a_configuration_can_name_a_weighting() -> None:
    node = {"_target_": "multisymbol.backtest.portfolio.InverseVolatility", "rebalance": "week", "days": 60.0}
    assert check(node, schema=node["_target_"]) == []  # type: ignore[arg-type]
    assert build(node, role="weighting") == InverseVolatility(rebalance="week", days=60.0)

import dataclasses
import json
import math
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.backtest.account import Prices, Rules, simulate
from multisymbol.backtest.decision import buy_and_hold
from multisymbol.backtest.performance import (
    NO_TRADES,
    YEAR,
    Performance,
    Track,
    TradeResults,
    against,
    bars_per_year,
    break_even_bps,
    drawdowns,
    measure,
    sharpe,
    sharpe_error,
    sortino,
    track_of,
)
from multisymbol.errors import BacktestError
from multisymbol.markets.symbols import Costs
from multisymbol.markets.time import DAY, HOUR, NEVER, instant

Floats = npt.NDArray[np.float64]
START = instant("2020-01-01")
NO_COSTS: dict[str, float] = dict.fromkeys((entry.name for entry in dataclasses.fields(Costs)), 0.0)


def track(equity: Any, *, capital: float = 100.0, step: int = DAY, **changes: Any) -> Track:
    """One account, flat throughout unless said otherwise, a bar every `step`."""
    curve = np.asarray(equity, dtype=np.float64)
    parts: dict[str, Any] = {"position": np.zeros(len(curve)), "traded": np.zeros(len(curve))}
    return Track(
        closed_at=START + step * np.arange(1, len(curve) + 1), equity=curve, capital=capital, **parts | changes
    )


def results(**changes: Any) -> TradeResults:
    rows = len(changes["net"])
    zero = dict.fromkeys(("commission", "spread", "slippage", "carry"), np.zeros(rows))
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in changes.items() if name != "exit_row"}
    return TradeResults(exit_row=np.asarray(changes.get("exit_row", np.zeros(rows)), dtype=np.int64), **zero | arrays)


def of_returns(returns: Floats, *, bars_a_year: float = 252.0) -> Track:
    return track(100.0 * np.cumprod(1.0 + returns), step=round(YEAR / bars_a_year))


def seeded() -> Floats:
    return np.random.default_rng(20200101).normal(0.0004, 0.011, 1500).round(6)


# --- worked by hand --------------------------------------------------------------------------------------------------


def test_measures_worked_by_hand() -> None:
    found = measure(
        track(
            [110.0, 99.0, 99.0, 118.8],
            position=np.array([55.0, 0.0, 0.0, 59.4]),
            traded=np.array([50.0, 55.0, 0.0, 49.5]),
            trades=results(
                exit_row=[1, 3, 3],
                net=[-11.0, 30.0, 0.0],
                commission=[0.1, 0.2, 0.0],
                spread=[0.5, 0.5, 0.0],
                slippage=[0.1, 0.1, 0.0],
                carry=[-1.0, 3.0, 0.0],
            ),
        )
    )
    assert found.bars == 4
    assert found.bars_per_year == pytest.approx(365.25)
    assert found.years == pytest.approx(4 / 365.25)
    assert found.total_return == pytest.approx(0.188)
    assert found.annual_return == pytest.approx(1.188 ** (365.25 / 4) - 1)
    returns = [0.1, -0.1, 0.0, 0.2]
    assert found.volatility == pytest.approx(np.std(returns, ddof=1) * math.sqrt(365.25))
    assert found.sharpe == pytest.approx(0.05 / np.std(returns, ddof=1) * math.sqrt(365.25))
    assert found.sortino == pytest.approx(0.05 / math.sqrt(0.01 / 4) * math.sqrt(365.25))
    assert found.max_drawdown == pytest.approx(0.1)
    assert found.calmar == pytest.approx(found.annual_return / 0.1)
    assert (found.trades, found.hit_rate) == pytest.approx((3, 1 / 3))
    assert found.profit_factor == pytest.approx(30 / 11)
    assert found.mean_trade == pytest.approx(19 / 3)
    assert found.exposure == 0.5
    assert found.mean_weight == pytest.approx((55 / 100 + 59.4 / 99) / 4)
    assert found.turnover == pytest.approx((50 / 100 + 55 / 110 + 49.5 / 99) / (4 / 365.25))
    assert found.net_profit == pytest.approx(18.8)
    assert found.costs == pytest.approx({"commission": 0.3, "spread": 1.0, "slippage": 0.2, "carry": 2.0})
    assert found.cost_bps == pytest.approx(1.5 / 154.5 * 1e4)
    assert (found.first_at, found.last_at, found.ruined_at) == (START + DAY, START + 4 * DAY, NEVER)


def test_a_cost_in_the_first_bar_is_part_of_the_return() -> None:
    assert measure(track([99.0, 99.0])).total_return == pytest.approx(-0.01)
    np.testing.assert_allclose(track([99.0, 99.0]).returns(), [-0.01, 0.0])


def test_drawdowns_worked_by_hand() -> None:
    found = measure(track([90.0, 100.0, 120.0, 60.0, 90.0, 119.0, 119.0, 119.0, 120.0, 110.0]))
    deepest = found.deepest
    assert deepest is not None
    assert deepest.depth == 0.5
    assert [(at - START) // DAY for at in (deepest.peak_at, deepest.trough_at, deepest.recovered_at)] == [3, 4, 9]
    assert deepest.bars == 6
    assert found.longest == deepest
    first, _, last = drawdowns(track([90.0, 100.0, 120.0, 60.0, 120.0, 110.0, 115.0]))
    # Below the capital from the first bar on; then below the last peak to the end.
    assert (first.depth, first.bars) == pytest.approx((0.1, 2))
    assert (first.peak_at, first.trough_at, first.recovered_at) == (START + DAY, START + DAY, START + 2 * DAY)
    assert (last.depth, last.bars) == pytest.approx((1 / 12, 2))
    assert last.recovered_at == NEVER


def test_bars_of_a_year_are_counted_from_the_instants() -> None:
    hours = START + HOUR * np.arange(24 * 365)
    assert bars_per_year(hours) == pytest.approx(8766)
    # Seven bars a day, five days a week, for ten years.
    day, hour = np.divmod(np.arange(7 * 5 * 522), 7)
    week, weekday = np.divmod(day, 5)
    sessions = START + week * 7 * DAY + weekday * DAY + hour * HOUR
    assert bars_per_year(sessions) == pytest.approx(35 * 365.25 / 7, rel=1e-3)
    assert math.isnan(bars_per_year(hours[:1]))


def test_the_same_equity_in_bars_and_in_days_has_the_same_yearly_measures() -> None:
    daily = np.random.default_rng(0).normal(0.001, 0.01, 2000)
    slow = of_returns(daily, bars_a_year=365.25)
    # Each day's move in one of its 24 hours, the others still.
    hourly = np.zeros(24 * len(daily))
    hourly[23::24] = daily
    fast = of_returns(hourly, bars_a_year=8766.0)
    one, other = measure(slow), measure(fast)
    assert other.annual_return == pytest.approx(one.annual_return, rel=1e-3)
    assert other.sharpe == pytest.approx(one.sharpe, rel=1e-2)
    assert other.volatility == pytest.approx(one.volatility, rel=1e-2)
    assert other.sortino == pytest.approx(one.sortino, rel=1e-2)
    assert other.max_drawdown == pytest.approx(one.max_drawdown)


# --- agreement with a metrics library --------------------------------------------------------------------------------

# empyrical-reloaded 0.7.1 and quantstats 0.0.86 agree on these for `seeded`, 252 bars a year, to 1e-12.
AGREED = {
    "total_return": 0.2769307801951053,
    "annual_return": 0.041924177381465144,
    "volatility": 0.17794305897312693,
    "sharpe": 0.3197581536945079,
    "sortino": 0.4582485844353659,
    "max_drawdown": 0.2940015309323986,
    "calmar": 0.14259850024762286,
}


def test_measures_are_those_of_the_libraries_where_conventions_meet() -> None:
    found = measure(of_returns(seeded()))
    assert found.bars_per_year == pytest.approx(252, rel=1e-12)
    assert {name: getattr(found, name) for name in AGREED} == pytest.approx(AGREED, rel=1e-10)
    assert found.profit_factor != found.profit_factor  # no trades
    as_trades = measure(dataclasses.replace(of_returns(seeded()), trades=results(net=seeded())))
    assert as_trades.profit_factor == pytest.approx(1.051957605252415, rel=1e-12)  # quantstats
    assert as_trades.hit_rate == pytest.approx(0.5026666666666667, rel=1e-12)  # quantstats


def test_measures_against_a_benchmark_are_those_of_the_libraries() -> None:
    other = np.random.default_rng(7).normal(0.0003, 0.01, 1500).round(6)
    found = against(of_returns(seeded()), of_returns(other))
    assert found.beta == pytest.approx(0.033358493469722535, rel=1e-9)
    assert found.information_ratio / math.sqrt(252) == pytest.approx(0.032941621777382926, rel=1e-9)


def test_agreement_still_holds_where_the_library_is_installed() -> None:
    empyrical = pytest.importorskip("empyrical")
    returns = seeded()
    theirs = {
        "annual_return": empyrical.annual_return(returns, annualization=252),
        "volatility": empyrical.annual_volatility(returns, annualization=252),
        "sharpe": empyrical.sharpe_ratio(returns, annualization=252),
        "sortino": empyrical.sortino_ratio(returns, annualization=252),
        "max_drawdown": -empyrical.max_drawdown(returns),
        "calmar": empyrical.calmar_ratio(returns, annualization=252),
    }
    found = measure(of_returns(returns))
    assert {name: getattr(found, name) for name in theirs} == pytest.approx(theirs, rel=1e-10)


# --- standard error of the Sharpe ratio ------------------------------------------------------------------------------


def test_sharpe_error_of_independent_normal_returns_is_los() -> None:
    returns = np.random.default_rng(1).normal(0.05, 0.1, 100_000)
    ratio = sharpe(returns, bars_per_year=1.0)
    assert sharpe_error(returns, bars_per_year=1.0) == pytest.approx(math.sqrt((1 + ratio**2 / 2) / 100_000), rel=0.03)
    assert sharpe_error(returns, bars_per_year=252.0) == pytest.approx(
        sharpe_error(returns, bars_per_year=1.0) * math.sqrt(252)
    )


@pytest.mark.parametrize("memory", [-0.3, 0.0, 0.3])
def test_sharpe_error_is_the_spread_of_ratios_of_returns_that_remember(memory: float) -> None:
    shocks = np.random.default_rng(2).standard_t(5, (2000, 400))
    returns = np.empty_like(shocks)
    returns[0] = shocks[0]
    for t in range(1, len(shocks)):
        returns[t] = memory * returns[t - 1] + shocks[t]
    returns += 0.1
    ratios = [sharpe(column, bars_per_year=1.0) for column in returns.T]
    errors = [sharpe_error(column, bars_per_year=1.0) for column in returns.T]
    assert np.mean(errors) == pytest.approx(np.std(ratios), rel=0.1)
    naive = 1 / math.sqrt(len(returns))
    if memory:
        assert abs(np.mean(errors) / naive - 1) > 0.15


# --- properties ------------------------------------------------------------------------------------------------------

CURVES = st.lists(st.floats(1.0, 1000.0), min_size=2, max_size=30)


@given(equity=CURVES, factor=st.floats(0.01, 1000.0))
@settings(max_examples=60, deadline=None)
def test_money_has_no_unit(equity: list[float], factor: float) -> None:
    one, other = measure(track(equity)), measure(track(np.array(equity) * factor, capital=100.0 * factor))
    for name in ("total_return", "annual_return", "volatility", "max_drawdown"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-6, abs=1e-9)


@given(equity=CURVES)
@settings(max_examples=60, deadline=None)
def test_deepest_drawdown_is_the_worst_fall_between_any_two_points(equity: list[float]) -> None:
    curve = [100.0, *equity]
    worst = max(1 - low / high for i, high in enumerate(curve) for low in curve[i:])
    found = measure(track(equity))
    assert found.max_drawdown == pytest.approx(worst, abs=1e-12)
    assert sum(fall.bars for fall in drawdowns(track(equity))) <= 2 * len(equity)
    assert (found.deepest is None) == (worst == 0.0)


@given(st.lists(st.tuples(st.floats(-0.05, 0.05), st.floats(0.0, 2.0)), min_size=2, max_size=40), st.floats(0.0, 0.001))
@settings(max_examples=100, deadline=None)
def test_break_even_cost_leaves_equity_where_it_began(rows: list[tuple[float, float]], paid: float) -> None:
    gross, ratio = (np.array(column).round(6) for column in zip(*rows, strict=True))
    ratio[0] += 0.5

    def with_cost(cost: float) -> Track:
        growth = 1.0 + gross - cost * ratio
        equity = 100.0 * np.cumprod(growth)
        before = np.append(100.0, equity[:-1])
        trades = results(exit_row=[len(rows) - 1], net=[equity[-1] - 100.0], commission=[cost * (before @ ratio)])
        return track(equity, traded=before * ratio, trades=trades)

    found = break_even_bps(with_cost(paid))
    again = 1.0 + gross - found * 1e-4 * ratio
    assert np.log(again).sum() == pytest.approx(0.0, abs=1e-9)
    assert break_even_bps(with_cost(0.0)) == pytest.approx(found, abs=1e-6)


def test_break_even_cost_of_huge_gains_is_found() -> None:
    # Bought for 100, worth 300: a cost of 200 % leaves 100. The first tangent leads far beyond a loss of everything.
    assert break_even_bps(track([300.0, 300.0], traded=np.array([100.0, 0.0]), trades=results(net=[200.0]))) == (
        pytest.approx(20_000.0)
    )


# --- accounts --------------------------------------------------------------------------------------------------------


def prices(rows: int, *, seed: int = 0, edge: Floats | None = None) -> Prices:
    random = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.01, rows) + (0.0 if edge is None else edge)))
    opened = close * np.exp(random.normal(0.0, 0.003, rows))
    spread = random.uniform(0.0, 0.01, (2, rows))
    return Prices(
        symbol="A",
        opened_at=START + HOUR * np.arange(rows),
        closed_at=START + HOUR * np.arange(1, rows + 1),
        open=opened,
        high=np.maximum(opened, close) * (1 + spread[0]),
        low=np.minimum(opened, close) * (1 - spread[1]),
        close=close,
        segment=(np.arange(rows) >= rows // 2).astype(np.int32),
    )


def rules(fill: Literal["next_open", "same_close", "next_vwap"] = "next_open", **changes: Any) -> Rules:
    plain: dict[str, Any] = {"units": "fractional", "stop": None, "target": None, "capital": 1e5}
    return Rules(fill=fill, **plain | changes)


@pytest.mark.parametrize("fill", ["next_open", "same_close", "next_vwap"])
@pytest.mark.parametrize("stop", [None, 0.01])
def test_what_a_track_traded_is_what_its_trades_bought_and_sold(
    fill: Literal["next_open", "same_close", "next_vwap"], stop: float | None
) -> None:
    here, random = prices(500), np.random.default_rng(3)
    weight = np.where(random.random(500) < 0.3, random.uniform(-1.0, 1.0, 500).round(1), np.nan)
    terms = rules(fill, stop=stop, target=stop)
    account = simulate(here, weight, rules=terms, costs=Costs(**NO_COSTS | {"half_spread_bps": 1.0}))
    found = track_of(account, prices=here, rules=terms)
    trades = account.trades
    assert found.traded.sum() == pytest.approx((trades.quantity * (trades.entry_price + trades.exit_price)).sum())
    assert found.traded.sum() * 1e-4 == pytest.approx(trades.spread.sum())
    measured = measure(found)
    assert measured.cost_bps == pytest.approx(1.0)
    assert measured.net_profit == pytest.approx(trades.net.sum())
    assert (measured.trades, found.position[-1]) == (len(trades), 0.0)


def test_a_backtest_at_its_break_even_cost_earns_nothing() -> None:
    random = np.random.default_rng(5)
    side = np.repeat(random.choice([-1.0, 0.0, 1.0], 100), 10)
    here, terms = prices(1000, edge=np.append(np.zeros(1), side[:-1]) * 0.001), rules()

    def traded(commission_bps: float) -> Performance:
        costs = Costs(**NO_COSTS | {"commission_bps": commission_bps})
        return measure(track_of(simulate(here, side, rules=terms, costs=costs), prices=here, rules=terms))

    one = traded(2.0)
    assert one.break_even_bps > 10.0
    assert one.total_return > 0.5
    assert traded(one.break_even_bps).total_return == pytest.approx(0.0, abs=0.01)
    assert traded(20.0).break_even_bps == pytest.approx(one.break_even_bps, rel=1e-2)


def test_buy_and_hold_against_itself_and_half_of_it() -> None:
    here = prices(400)
    costs, terms = Costs(**NO_COSTS), rules("same_close")
    whole, flat = (
        track_of(simulate(here, weight, rules=terms, costs=costs), prices=here, rules=terms)
        for weight in (buy_and_hold(here.segment), np.zeros(400))
    )
    halved = np.asarray(100_000.0 * np.cumprod(1 + whole.returns() / 2), dtype=np.float64)
    half = dataclasses.replace(whole, equity=halved)
    itself, by_half, by_flat = against(whole, whole), against(half, whole), against(whole, flat)
    assert (itself.excess_return, itself.beta, itself.correlation) == pytest.approx((0, 1, 1))
    assert math.isnan(itself.information_ratio)
    assert (by_half.beta, by_half.correlation) == pytest.approx((0.5, 1))
    assert by_flat.excess_return == measure(whole).total_return
    assert by_flat.information_ratio == measure(whole).sharpe
    assert by_flat.information_error == measure(whole).sharpe_error
    assert math.isnan(by_flat.beta)


# --- nothing to measure ----------------------------------------------------------------------------------------------


def missing(found: Performance) -> set[str]:
    return {name for name, value in dataclasses.asdict(found).items() if isinstance(value, float) and math.isnan(value)}


RATIOS = {"sharpe", "sharpe_error", "sortino", "calmar"}
OF_TRADES = {"hit_rate", "profit_factor", "mean_trade", "cost_bps", "break_even_bps"}


def test_a_constant_equity_has_no_ratios() -> None:
    found = measure(track([100.0] * 5))
    assert missing(found) == RATIOS | OF_TRADES
    assert (found.total_return, found.annual_return, found.volatility, found.max_drawdown) == (0, 0, 0, 0)
    assert (found.exposure, found.turnover, found.trades) == (0, 0, 0)
    assert found.deepest is found.longest is None
    # A steady gain varies by rounding alone.
    steady = measure(track(100.0 * 1.001 ** np.arange(1, 50)))
    assert steady.volatility == 0
    assert missing(steady) == RATIOS | OF_TRADES


def test_one_bar_has_a_return_and_no_year() -> None:
    found = measure(track([90.0]))
    assert (found.total_return, found.max_drawdown) == pytest.approx((-0.1, 0.1))
    unknown = {"bars_per_year", "years", "annual_return", "volatility", "turnover"}
    assert missing(found) == RATIOS | OF_TRADES | unknown


def test_ruin_is_dated_and_ends_the_returns() -> None:
    ruined = track([120.0, 60.0, -30.0, -30.0], traded=np.array([100.0, 0.0, 60.0, 0.0]))
    np.testing.assert_allclose(ruined.returns(), [0.2, -0.5, -1.5, np.nan])
    found = measure(ruined)
    assert found.ruined_at == START + 3 * DAY
    assert (found.total_return, found.annual_return) == pytest.approx((-1.3, -1.0))
    assert found.max_drawdown == pytest.approx(1.25)
    assert found.calmar == pytest.approx(-1 / 1.25)
    assert {"volatility", "sharpe", "sharpe_error", "sortino", "break_even_bps"} <= missing(found)


def test_no_loss_and_no_trade_leave_no_profit_factor() -> None:
    assert math.isnan(measure(track([101.0, 102.0], trades=results(net=[1.0, 1.0]))).profit_factor)
    assert measure(track([99.0, 98.0], trades=results(net=[-1.0, -1.0]))).profit_factor == 0
    assert math.isnan(measure(track([101.0, 102.0], trades=NO_TRADES)).profit_factor)


def test_a_ratio_of_returns_without_a_fall_is_missing() -> None:
    assert math.isnan(sortino(np.array([0.0, 0.1]), bars_per_year=1.0))


def test_performance_is_plain_numbers() -> None:
    text = json.dumps(dataclasses.asdict(measure(track([110.0, 99.0, 120.0]))))
    assert json.loads(text)["total_return"] == pytest.approx(0.2)


def test_a_track_that_cannot_be_is_refused_with_all_its_problems() -> None:
    with pytest.raises(BacktestError) as caught:
        track([100.0, np.nan, 1.0], capital=0.0, step=-1, traded=np.zeros(2))
    message = str(caught.value)
    for part in (
        "traded has shape (2,), expected one value a bar or trade",
        "the capital is 0.0, expected more than 0",
        "bars are out of order at row 1",
        "equity is no number at 1 bars, first row 1",
    ):
        assert part in message
    with pytest.raises(BacktestError, match="there are no bars"):
        track([])
    with pytest.raises(BacktestError, match=r"trades.exit_row has shape \(1,\)"):
        track([1.0], trades=results(net=[1.0, 2.0], exit_row=[0]))


def test_a_benchmark_on_other_bars_is_refused() -> None:
    with pytest.raises(BacktestError, match="3 bars are compared with 2 others"):
        against(track([1.0, 2.0, 3.0]), track([1.0, 2.0]))

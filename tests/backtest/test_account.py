"""Facts of the accounting over random markets, rules and costs; trades worked out by hand are in test_answers.py."""

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.backtest.account import (
    REASONS,
    Account,
    Distance,
    FillAt,
    Prices,
    Rules,
    Units,
    prices_of,
    rows_decided,
    simulate,
)
from multisymbol.errors import BacktestError
from multisymbol.markets.bars import Bars
from multisymbol.markets.symbols import Costs
from multisymbol.markets.time import DAY, HOUR, Timeframe
from tests.serving.markets import costs, prices

Floats = npt.NDArray[np.float64]
SOME = costs(
    commission_bps=3.0,
    commission_per_unit=0.01,
    commission_minimum=0.5,
    half_spread_bps=4.0,
    slippage_bps=2.0,
    slippage_range_share=0.05,
    borrow_bps_per_year=400.0,
    funding_bps_per_year=300.0,
)
FLAT = prices([[10, 11, 9, 10]] * 4)


def make_rules(
    fill: FillAt = "next_open",
    units: Units = "fractional",
    *,
    stop: float | None = None,
    target: float | None = None,
    capital: float = 1e5,
    stop_in: Distance = "fraction",
) -> Rules:
    return Rules(fill=fill, units=units, stop=stop, target=target, capital=capital, stop_in=stop_in)


def market(seed: int, *, bars: int = 80, wildness: float = 0.02, cuts: bool = True) -> Prices:
    """A random walk with gaps at the opens, missing bars and cuts."""
    rng = np.random.default_rng(seed)
    close = 50.0 * np.exp(np.cumsum(rng.normal(0.0, wildness, bars)))
    opened = np.append(50.0, close[:-1]) * np.exp(rng.normal(0.0, wildness / 2, bars))
    closed_at = np.cumsum(rng.choice([1, 1, 1, 2, 60], bars)) * HOUR
    return Prices(
        symbol="WALK",
        opened_at=closed_at - HOUR,
        closed_at=closed_at,
        open=opened,
        high=np.maximum(opened, close) * np.exp(rng.exponential(wildness / 2, bars)),
        low=np.minimum(opened, close) * np.exp(-rng.exponential(wildness / 2, bars)),
        close=close,
        segment=np.cumsum(rng.random(bars) < (0.04 if cuts else 0.0)).astype(np.int32),
    )


def wishes(seed: int, *, bars: int = 80, most: float = 1.0, silence: float = 0.5) -> Floats:
    """Random weights, some repeated, some 0, some missing."""
    rng = np.random.default_rng([seed, 1])
    weight = rng.choice([-1.0, -0.6, -0.3, 0.0, 0.0, 0.2, 0.5, 1.0], bars) * most
    return np.where(rng.random(bars) < silence, np.nan, weight)


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    """Everything that may differ."""
    seed = draw(st.integers(0, 10**6))
    distance = st.sampled_from([None, 0.01, 0.05])
    rules = make_rules(
        draw(st.sampled_from(["next_open", "same_close", "next_vwap"])),
        draw(st.sampled_from(["fractional", "whole"])),
        stop=draw(distance),
        target=draw(distance),
        capital=draw(st.sampled_from([1e3, 1e5, 1e7])),
    )
    return {
        "prices": market(seed, wildness=draw(st.sampled_from([0.001, 0.02, 0.15]))),
        "weight": wishes(seed, most=draw(st.sampled_from([0.5, 1.0, 3.0])), silence=draw(st.sampled_from([0.0, 0.7]))),
        "rules": rules,
        "costs": SOME.times(draw(st.sampled_from([0.0, 1.0, 10.0]))),
    }


def run(case: dict[str, Any]) -> Account:
    return simulate(case["prices"], case["weight"], rules=case["rules"], costs=case["costs"])


@given(case=cases())
@settings(max_examples=150, deadline=None)
def test_net_of_all_trades_is_the_change_of_equity_to_the_cent(case: dict[str, Any]) -> None:
    account, capital = run(case), case["rules"].capital
    assert abs(account.trades.net.sum() - (account.equity[-1] - capital)) < 0.005
    trades = account.trades
    np.testing.assert_allclose(trades.net, trades.gross - trades.costs, rtol=1e-12, atol=1e-9)
    moved = trades.side * trades.quantity * (trades.exit_price - trades.entry_price)
    np.testing.assert_allclose(trades.gross, moved, rtol=1e-9, atol=1e-6)


@given(case=cases())
@settings(max_examples=60, deadline=None)
def test_equity_is_cash_and_units_at_the_close_of_every_bar(case: dict[str, Any]) -> None:
    account = run(case)
    assert np.array_equal(account.equity, account.cash + account.units * case["prices"].close)
    assert account.units[-1] == 0.0
    if case["rules"].units == "whole":
        assert np.array_equal(account.units, np.trunc(account.units))


@given(case=cases(), row=st.integers(0, 78), seed=st.integers(0, 100))
@settings(max_examples=100, deadline=None)
def test_later_prices_and_decisions_change_nothing_earlier(case: dict[str, Any], row: int, seed: int) -> None:
    before, other = case["prices"], market(seed + 7)
    factor = before.close[row] / other.close[row]
    later = {
        name: np.append(getattr(before, name)[: row + 1], getattr(other, name)[row + 1 :] * factor)
        for name in ("open", "high", "low", "close")
    }
    segment = np.append(before.segment[: row + 1], other.segment[row + 1 :] + before.segment[row]).astype(np.int32)
    weight = np.append(case["weight"][: row + 1], wishes(seed + 9)[row + 1 :])
    changed = {**case, "prices": replace(before, **later, segment=segment), "weight": weight}
    one, two = run(case), run(changed)
    assert np.array_equal(one.equity[: row + 1], two.equity[: row + 1])
    assert np.array_equal(one.units[: row + 1], two.units[: row + 1])
    ended = one.trades.exit_row <= row
    assert np.array_equal(one.trades.net[ended], two.trades.net[two.trades.exit_row <= row])


@given(case=cases(), rows=st.integers(2, 79))
@settings(max_examples=50, deadline=None)
def test_shorter_history_gives_the_same_account_up_to_its_last_bar(case: dict[str, Any], rows: int) -> None:
    arrays = {entry.name: getattr(case["prices"], entry.name)[:rows] for entry in fields(Prices)[1:]}
    short = run({**case, "prices": Prices(symbol="X", **arrays), "weight": case["weight"][:rows]})
    assert np.array_equal(short.equity[:-1], run(case).equity[: rows - 1])


@given(case=cases())
@settings(max_examples=60, deadline=None)
def test_account_is_that_of_a_plain_loop_without_trades_or_short_cuts(case: dict[str, Any]) -> None:
    np.testing.assert_allclose(run(case).equity, plain_equity(**case), rtol=1e-9, atol=1e-6)


def plain_equity(prices: Prices, weight: Floats, rules: Rules, costs: Costs) -> list[float]:  # noqa: C901
    """Keep cash and units alone, in the order in which the events of a bar are documented."""
    cash, held, entry, wish, order, ruined = rules.capital, 0.0, 0.0, 0.0, math.nan, False
    equity = []

    def trade(target: float, price: float, row: int) -> None:
        nonlocal cash, held, entry
        steps = [0.0, target] if held * target < 0.0 else [target]
        for step in steps:
            change = step - held
            if change == 0.0:
                continue
            span = prices.high[row] - prices.low[row]
            share = (costs.half_spread_bps + costs.slippage_bps) / 1e4 * price + costs.slippage_range_share * span
            effective = price + math.copysign(share, change)
            fee = abs(change) * (max(0.0, effective) * costs.commission_bps / 1e4 + costs.commission_per_unit)
            cash -= change * effective + max(costs.commission_minimum, fee)
            if abs(step) > abs(held):
                entry = (abs(held) * entry + abs(change) * price) / abs(step)
            held = step

    for row in range(len(prices)):
        if row > 0:
            hours = (prices.closed_at[row] - prices.closed_at[row - 1]) / HOUR
            yearly = costs.funding_bps_per_year + (costs.borrow_bps_per_year if held < 0.0 else 0.0)
            cash -= abs(held) * prices.close[row - 1] * yearly / 1e4 * hours / (365 * 24)
            if prices.segment[row] != prices.segment[row - 1]:
                wish, order = 0.0, math.nan
                trade(0.0, prices.open[row], row)
        watched = True
        if not math.isnan(order):
            watched = rules.fill == "next_open"
            trade(order, prices.open[row] if watched else prices.vwap[row], row)
            order = math.nan
        if held != 0.0 and watched:
            side = math.copysign(1.0, held)
            stop = entry * (1.0 - side * (rules.stop or math.inf))
            target = entry * (1.0 + side * (rules.target or math.inf))
            reached = sorted([prices.low[row], prices.high[row]], key=lambda price: side * price)
            if side * prices.open[row] <= side * stop or side * prices.open[row] >= side * target:
                trade(0.0, prices.open[row], row)
            elif side * reached[0] <= side * stop:
                trade(0.0, stop, row)
            elif side * reached[1] >= side * target:
                trade(0.0, target, row)
        worth = cash + held * prices.close[row]
        if row == len(prices) - 1:
            trade(0.0, prices.close[row], row)
        elif worth <= 0.0:
            ruined, order = True, 0.0
        elif not ruined and not math.isnan(weight[row]) and weight[row] != wish:
            wish = float(weight[row])
            order = wish * worth / prices.close[row]
            order = float(np.trunc(order * (1 + 1e-12))) if rules.units == "whole" else order
        if rules.fill == "same_close" and not math.isnan(order):
            trade(order, prices.close[row], row)
            order = math.nan
        equity.append(cash + held * prices.close[row])
    return equity


@given(seed=st.integers(0, 10**6), kind=st.sampled_from([entry.name for entry in fields(Costs)]))
@settings(max_examples=80, deadline=None)
def test_higher_costs_never_leave_more(seed: int, kind: str) -> None:
    # No minimum and no whole units, which make sizes jump; no stop; no ruin.
    base = replace(SOME, commission_minimum=0.0)
    dearer = replace(base, **{kind: 2.0 * getattr(SOME, kind)})
    weight = wishes(seed, most=0.5)
    cheap, dear = (
        simulate(market(seed), weight, rules=make_rules(), costs=given_costs).equity[-1]
        for given_costs in (base, dearer)
    )
    assert dear <= cheap


@given(seed=st.integers(0, 10**6), power=st.integers(-4, 4), shares=st.integers(-3, 3))
@settings(max_examples=50, deadline=None)
def test_fractional_account_scales_with_capital_and_with_the_unit_of_price(seed: int, power: int, shares: int) -> None:
    # Powers of two: exact in floats. Money per unit and money per fill are the two costs that have a scale.
    plain = replace(SOME, commission_minimum=0.0, commission_per_unit=0.0)
    before, size, price = market(seed), 2.0**power, 2.0**shares
    scaled = replace(before, **{name: getattr(before, name) * price for name in ("open", "high", "low", "close")})
    rules = make_rules(stop=0.05, target=0.05)
    one = simulate(before, wishes(seed), rules=rules, costs=plain)
    two = simulate(scaled, wishes(seed), rules=replace(rules, capital=size * rules.capital), costs=plain)
    assert np.array_equal(two.equity, size * one.equity)
    assert np.array_equal(two.units * price, size * one.units)


def test_no_wish_costs_nothing() -> None:
    for weight in (np.zeros(80), np.full(80, np.nan)):
        account = simulate(market(1), weight, rules=make_rules(), costs=SOME)
        assert np.array_equal(account.equity, np.full(80, 1e5))
        assert len(account.trades) == 0


def test_same_weight_again_trades_nothing_whatever_the_price_does() -> None:
    once, always = np.full(80, np.nan), np.full(80, 0.7)
    once[0] = 0.7
    walk = market(2, cuts=False)
    one, two = (simulate(walk, weight, rules=make_rules(), costs=SOME) for weight in (once, always))
    assert np.array_equal(one.equity, two.equity)
    assert len(two.trades) == 1


def test_after_a_cut_the_same_weight_is_decided_anew() -> None:
    walk = replace(market(2, cuts=False), segment=np.repeat([0, 1], 40).astype(np.int32))
    account = simulate(walk, np.full(80, 0.7), rules=make_rules(), costs=SOME)
    assert account.trades.exit_row.tolist() == [40, 79]
    assert account.trades.entry_row.tolist() == [1, 41]
    assert [REASONS[reason] for reason in account.trades.reason] == ["segment_end", "end"]


def test_every_reason_comes_about() -> None:
    found = set()
    for seed in range(30):
        walk, weight = market(seed, wildness=0.1), wishes(seed, most=3.0)
        for rules in (make_rules(stop=0.1, target=0.2), make_rules()):
            account = simulate(walk, weight, rules=rules, costs=SOME)
            found |= {REASONS[reason] for reason in account.trades.reason}
    assert found == set(REASONS)


def test_whole_units_forgive_rounding_but_not_a_missing_unit() -> None:
    bars = prices([[0.1, 0.1, 0.1, 0.1]] * 3)
    weight = np.array([0.3, np.nan, np.nan])  # 0.3 * 1 / 0.1 is 2.9999999999999996 in floats
    held = [
        simulate(bars, weight, rules=make_rules(units="whole", capital=capital), costs=costs()).units[1]
        for capital in (1.0, 1.0 - 1e-9)
    ]
    assert held == [3.0, 2.0]


def test_excursions_enclose_the_trade() -> None:
    account = simulate(market(5), wishes(5), rules=make_rules(), costs=SOME)
    trades = account.trades
    moved = trades.side * (trades.exit_price / trades.entry_price - 1.0)
    assert (trades.mae <= np.minimum(moved, 0.0) + 1e-12).all()
    assert (trades.mfe >= np.maximum(moved, 0.0) - 1e-12).all()
    assert (trades.bars_held == trades.exit_row - trades.entry_row).all()


@pytest.mark.slow
def test_on_a_martingale_every_rule_loses_its_costs_and_no_more() -> None:
    """Mean of net + costs over 4,000 paths lies within 4 standard errors of 0, whatever is decided and filled."""
    for fill in ("next_open", "next_vwap", "same_close"):
        gross = []
        for seed in range(4000):
            rng = np.random.default_rng([seed, 2])
            path = 100.0 * np.exp(np.cumsum(rng.normal(-0.5 * 0.005**2, 0.005, (60, 8)).ravel())).reshape(60, 8)
            bars = Prices(
                symbol="M",
                opened_at=np.arange(60) * DAY,
                closed_at=np.arange(1, 61) * DAY,
                open=path[:, 0].copy(),
                high=path.max(axis=1),
                low=path.min(axis=1),
                close=path[:, -1].copy(),
                segment=np.zeros(60, np.int32),
            )
            trend = np.append(np.nan, np.sign(np.diff(bars.close)))  # any rule of the past
            rules = make_rules(fill)
            account = simulate(bars, 0.8 * trend, rules=rules, costs=SOME)
            gross.append(account.equity[-1] - 1e5 + account.trades.costs.sum())
        error = np.std(gross) / math.sqrt(len(gross))
        assert abs(np.mean(gross)) < 4.0 * error, fill


BARS: dict[str, Any] = {
    "opened_at": np.arange(4) * HOUR,
    "closed_at": np.arange(1, 5) * HOUR,
    "open": np.full(4, 10.0),
    "high": np.full(4, 11.0),
    "low": np.full(4, 9.0),
    "close": np.full(4, 10.0),
    "segment": np.zeros(4, np.int32),
}


def at(row: int, value: float, *, of: float) -> Floats:
    changed = np.full(4, of)
    changed[row] = value
    return changed


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (
            {"low": at(2, 0.0, of=9.0)},
            "low is not a price above 0 in 1 of 4 bars, first row 2 closed 1970-01-01T03:00Z: 0.0; repair the file",
        ),
        ({"open": at(1, -1.0, of=10.0)}, "open is not a price above 0 in 1 of 4 bars, first row 1"),
        ({"close": at(3, math.nan, of=10.0)}, "close is not a price above 0 in 1 of 4 bars, first row 3"),
        ({"high": at(0, math.inf, of=11.0)}, "high is not a price above 0 in 1 of 4 bars, first row 0"),
        ({"high": at(0, 9.5, of=11.0)}, "open or close lies outside low .. high in 1 of 4 bars, first row 0"),
        ({"closed_at": np.array([1, 3, 3, 4]) * HOUR}, "closed_at goes back or stands still in 1 of 4 bars, first"),
        ({"segment": np.array([0, 1, 0, 0], np.int32)}, "segment goes back in 1 of 4 bars, first row 2"),
        ({"high": np.full(3, 11.0)}, "one value for each bar is needed, got opened_at 4, closed_at 4, open 4, high 3"),
    ],
)  # fmt: skip
def test_prices_nobody_can_trade_at_are_refused_with_row_and_instant(changed: dict[str, Any], line: str) -> None:
    with pytest.raises(BacktestError) as caught:
        Prices(symbol="EURUSD", **{**BARS, **changed})
    first, *lines = str(caught.value).split("\n")
    assert first == "EURUSD: these bars cannot be backtested."
    assert any(text.strip().startswith(line) for text in lines), lines


def test_all_kinds_of_bad_prices_come_at_once() -> None:
    with pytest.raises(BacktestError) as caught:
        Prices(symbol="X", **{**BARS, "open": at(1, 0.0, of=10.0), "close": at(2, math.nan, of=10.0)})
    assert "open is not" in str(caught.value)
    assert "close is not" in str(caught.value)


def test_no_bars_are_refused() -> None:
    with pytest.raises(BacktestError, match="there are no bars"):
        Prices(symbol="X", **{name: array[:0] for name, array in BARS.items()})


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.zeros(3), "3 weights for 4 bars; one for each bar is needed, NaN for no decision"),
        (at(1, math.inf, of=0.0), "weight inf at row 1 closed 1970-01-01T02:00Z; a weight is a share of equity from"),
        (at(3, -80.0, of=0.0), "weight -80.0 at row 3 closed 1970-01-01T04:00Z; .* -1 is short all of it"),
    ],
)
def test_weights_that_are_no_shares_are_refused(weight: Floats, message: str) -> None:
    with pytest.raises(BacktestError, match=message):
        simulate(FLAT, weight, rules=make_rules(), costs=SOME)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"fill": "open"}, "fill: expected one of next_open, same_close, next_vwap, got 'open'"),
        ({"units": "half"}, "units: expected one of fractional, whole, got 'half'"),
        ({"capital": 0.0}, "capital: expected money above 0, got 0.0"),
        ({"capital": math.nan}, "capital: expected money above 0, got nan"),
        ({"stop": 0.0}, "stop: expected a distance above 0, or null for none, got 0.0"),
        ({"target": -1.0}, "target: expected a distance above 0, or null for none, got -1.0"),
        ({"stop": 2.0}, "stop: expected a fraction of the entry price below 1, got 2.0; 2 % is 0.02"),
        ({"stop_in": "atr"}, "stop_in: expected one of fraction, volatility, got 'atr'"),
    ],
)
def test_rules_out_of_range_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(BacktestError, match=message):
        replace(make_rules(), **changed)


@pytest.mark.parametrize(
    ("given_costs", "message"),
    [
        (replace(SOME, slippage_bps=math.nan), "costs.slippage_bps: expected a number of 0 or more, got nan"),
        (replace(SOME, commission_minimum=-1.0), "costs.commission_minimum: expected a number of 0 or more, got -1.0"),
        (replace(SOME, half_spread_bps=9999.0), "make up the whole price; 10000 basis points are 100 %"),
    ],
)
def test_costs_that_cannot_be_are_refused(given_costs: Costs, message: str) -> None:
    with pytest.raises(BacktestError, match=message):
        simulate(FLAT, np.zeros(4), rules=make_rules(), costs=given_costs)


def test_stop_in_volatility_needs_one_wherever_a_position_may_open() -> None:
    rules = make_rules(stop=2.0, stop_in="volatility")
    weight = np.array([np.nan, 0.5, 0.0, np.nan])
    with pytest.raises(BacktestError, match="none is given; give it, or stop_in: fraction"):
        simulate(FLAT, weight, rules=rules, costs=SOME)
    with pytest.raises(BacktestError, match="3 volatilities for 4 bars"):
        simulate(FLAT, weight, rules=rules, costs=SOME, volatility=np.ones(3))
    for bad in (math.nan, 0.0, -1.0, math.inf):
        with pytest.raises(BacktestError, match=r"1 decisions have no volatility above 0 .* first row 1 closed 1970"):
            simulate(FLAT, weight, rules=rules, costs=SOME, volatility=at(1, bad, of=0.1))
    simulate(FLAT, weight, rules=rules, costs=SOME, volatility=np.array([np.nan, 0.1, np.nan, np.nan]))


def test_decisions_belong_to_the_bars_they_were_made_at() -> None:
    assert rows_decided(FLAT, decided_at=FLAT.closed_at[[2, 0]]).tolist() == [2, 0]


def test_decision_for_a_missing_bar_or_two_for_one_are_refused() -> None:
    with pytest.raises(
        BacktestError, match="1 of 2 decisions are for bars that are missing: 1970-01-01T02:30Z; decide"
    ):
        rows_decided(FLAT, decided_at=np.array([HOUR, HOUR * 5 // 2]))
    with pytest.raises(BacktestError, match=r"6 of 6 .*: 1970-01-02T00:00Z, .* and 1 more"):
        rows_decided(FLAT, decided_at=np.arange(1, 7) * DAY)
    with pytest.raises(BacktestError, match="two decisions for one bar: 1970-01-01T01:00Z"):
        rows_decided(FLAT, decided_at=np.array([HOUR, HOUR]))


def test_prices_are_those_of_the_bars() -> None:
    arrays = {entry.name: getattr(FLAT, entry.name) for entry in fields(Prices)[1:]}
    timeframe = Timeframe(text="1h", nanoseconds=HOUR)
    bars = Bars(symbol="X", timeframe=timeframe, **arrays, volume=np.ones(4), synthetic=False, origin="test")
    taken = prices_of(bars)
    assert all(np.array_equal(getattr(taken, name), arrays[name]) for name in arrays)
    np.testing.assert_array_equal(taken.vwap, np.full(4, 10.0))


def test_arrays_of_any_layout_give_the_same_account() -> None:
    walk, weight = market(3), wishes(3)
    arrays = {entry.name: getattr(walk, entry.name) for entry in fields(Prices)[1:]}
    strided = Prices(symbol="X", **{name: np.repeat(array, 2)[::2] for name, array in arrays.items()})
    weight.setflags(write=False)
    one, two = (simulate(bars, weight, rules=make_rules(), costs=SOME) for bars in (walk, strided))
    assert np.array_equal(one.equity, two.equity)

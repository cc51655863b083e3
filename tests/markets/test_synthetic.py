from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from multisymbol.errors import BarsError, ConfigError, SourceError
from multisymbol.markets import synthetic
from multisymbol.markets.bars import Bars
from multisymbol.markets.io.defects import OnDefect
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.synthetic import MOMENTUM_WEIGHT, SyntheticSource
from multisymbol.markets.time import HOUR, Period, iso
from tests.markets.conftest import LIMITS, config_of


def market(**changes: Any) -> SyntheticSource:
    choices: dict[str, Any] = {
        "timeframe": "1h",
        "start": "2016-01-01",
        "end": "2019-01-01",
        "seed": 1,
        "signal": 0.0,
        "correlation": 0.3,
        "annual_volatility": {"stock": 0.3, "forex": 0.08, "crypto": 0.8},
        "ragged": False,
        "min_bars": 100,
        "on_defect": OnDefect(),
        "limits": LIMITS,
    }
    return SyntheticSource(**{**choices, **changes})


def read(symbol: str = "AAA", asset_class: str = "stock", **changes: Any) -> Bars:
    return market(**changes).read(config_of(symbol, asset_class), Period())


def moves(bars: Bars) -> npt.NDArray[np.float64]:
    """Returns of the bars themselves, each in deviations of its own trailing volatility."""
    move = bars.close / bars.open - 1
    scale = np.sqrt(pd.Series(move**2).ewm(span=100).mean().shift(1).to_numpy())
    standardised: npt.NDArray[np.float64] = (move / scale)[200:]
    return standardised


def same(one: Bars, other: Bars) -> bool:
    names = ("opened_at", "closed_at", "open", "high", "low", "close", "volume")
    return all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in names)


def test_bars_depend_on_seed_and_name_alone_not_on_who_was_asked_before() -> None:
    first = market()
    alone = first.read(config_of("AAA", "stock"), Period())
    second = market()
    for name, asset_class in (("ZZZ", "stock"), ("EURUSD", "forex")):
        second.read(config_of(name, asset_class), Period())
    assert same(second.read(config_of("AAA", "stock"), Period()), alone)
    assert not np.array_equal(read(seed=2).close, alone.close)
    assert not np.array_equal(read("BBB").close, alone.close)


def test_a_shorter_period_is_a_part_of_the_same_bars() -> None:
    whole = read()
    part = market().read(config_of("AAA", "stock"), Period(start="2017-01-01", end="2018-01-01"))
    rows = np.isin(whole.opened_at, part.opened_at)
    assert 1500 < len(part) == rows.sum()
    assert np.array_equal(whole.close[rows], part.close)


@pytest.mark.parametrize("asset_class", ["stock", "forex", "crypto"])
@pytest.mark.parametrize("timeframe", ["1h", "1d"])
def test_bars_are_consistent_and_marked_synthetic(asset_class: str, timeframe: str) -> None:
    bars = read(asset_class=asset_class, timeframe=timeframe, signal=0.2)
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert (bars.low > 0).all()
    assert (np.diff(bars.closed_at) > 0).all()
    assert bars.synthetic
    assert len(bars.segments()) == 1
    assert np.isnan(bars.volume).all() == (asset_class == "forex")
    if asset_class != "forex":
        assert (bars.volume >= 1).all()


def test_stock_bars_fill_the_sessions_of_new_york_and_no_more() -> None:
    bars = read(start="2018-07-02", end="2018-07-06", min_bars=1)
    assert [iso(int(at)) for at in bars.opened_at[[0, 6, 7, 10, 11]]] == [
        "2018-07-02T13:30Z",
        "2018-07-02T19:30Z",
        "2018-07-03T13:30Z",
        "2018-07-03T16:30Z",  # half an hour, to the early close
        "2018-07-05T13:30Z",
    ]
    assert [iso(int(at)) for at in bars.closed_at[[6, 10]]] == ["2018-07-02T20:00Z", "2018-07-03T17:00Z"]


def test_currency_bars_fill_the_week_across_the_change_of_clocks() -> None:
    bars = read("EURUSD", "forex", start="2018-03-04", end="2018-03-18", min_bars=1)
    weekends = np.flatnonzero(np.diff(bars.opened_at) > HOUR)
    assert [iso(int(bars.closed_at[row])) for row in weekends] == ["2018-03-09T22:00Z"]
    assert [iso(int(bars.opened_at[row + 1])) for row in weekends] == ["2018-03-11T21:00Z"]


def test_calendar_with_a_lunch_break_has_no_bar_in_it() -> None:
    config = config_of("0005.HK", "stock", calendar="XHKG")
    opened = pd.to_datetime(market(timeframe="30m").read(config, Period()).opened_at, utc=True)
    local = opened.tz_convert("Asia/Hong_Kong")
    assert sorted(set(local.strftime("%H:%M"))) == [
        f"{hour:02}:{minute:02}"
        for hour in range(9, 16)
        for minute in (0, 30)
        if (hour, minute) >= (9, 30) and hour != 12
    ]


@pytest.mark.parametrize(("asset_class", "volatility"), [("stock", 0.3), ("forex", 0.08), ("crypto", 0.8)])
def test_annual_volatility_is_near_what_was_asked_for(asset_class: str, volatility: float) -> None:
    found = [np.sum(np.diff(np.log(read(name, asset_class).close)) ** 2) / 3 for name in ("A", "B", "C", "D")]
    assert np.sqrt(np.mean(found)) == pytest.approx(volatility, rel=0.12)


def test_volatility_clusters_and_tails_are_fat() -> None:
    bars = read("BTC", "crypto")
    size = (bars.close / bars.open - 1) ** 2
    size /= (
        pd.Series(size).groupby(np.arange(len(size)) % 24).transform("mean").to_numpy()
    )  # the day's rhythm taken out
    assert np.corrcoef(np.minimum(size[1:], 9), np.minimum(size[:-1], 9))[0, 1] > 0.05
    assert np.mean(size**2) / np.mean(size) ** 2 > 4  # a normal has 3


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.7])
def test_symbols_share_the_common_factor_as_asked_also_across_asset_classes(correlation: float) -> None:
    one, other = (read(name, "crypto", correlation=correlation) for name in ("A", "B"))
    assert np.corrcoef(moves(one), moves(other))[0, 1] == pytest.approx(correlation, abs=0.05)
    pair = read("EURUSD", "forex", correlation=correlation)
    _, at_coin, at_pair = np.intersect1d(one.opened_at, pair.opened_at, return_indices=True)
    coin_move, pair_move = ((bars.close / bars.open - 1)[rows] for bars, rows in ((one, at_coin), (pair, at_pair)))
    assert np.corrcoef(coin_move, pair_move)[0, 1] == pytest.approx(correlation, abs=0.07)


def momentum(move: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What a user can compute at each close: an exponential mean of past standardised moves."""
    return pd.Series(move).ewm(alpha=MOMENTUM_WEIGHT, adjust=False).mean().to_numpy()


def predictability(signal: float, seed: int) -> float:
    """t-statistic of next moves on the sign of momentum, pooled over three classes."""
    gains = []
    for name, asset_class in (("A", "stock"), ("B", "forex"), ("C", "crypto")):
        move = moves(read(name, asset_class, signal=signal, seed=seed, correlation=0.0))
        gains.append(np.sign(momentum(move)[:-1]) * move[1:])
    gain = np.concatenate(gains)
    return float(gain.mean() / gain.std() * np.sqrt(len(gain)))


def test_without_signal_nothing_is_predictable() -> None:
    scores = np.array([predictability(0.0, seed) for seed in range(8)])
    assert abs(scores.mean()) * np.sqrt(len(scores)) < 3
    assert abs(scores).max() < 3.5
    for lag in (1, 2, 24):
        move = moves(read("B", "crypto", seed=5))
        assert abs(np.corrcoef(move[lag:], move[:-lag])[0, 1]) < 4 / np.sqrt(len(move))


def test_planted_signal_is_predictable_from_past_closes_and_its_sign_turns_it() -> None:
    assert predictability(0.1, 3) > 8
    assert predictability(-0.1, 3) < -8


def test_drift_is_the_documented_function_of_earlier_returns_alone() -> None:
    shock, size = np.random.default_rng(1).standard_normal(500), 0.001
    none, flat = np.zeros(500), np.full(500, size)
    _, move, level = synthetic._walk(none, shock, none, flat, 0.3)
    observed = move / (level * size)
    mean = pd.Series(np.r_[0.0, observed]).ewm(alpha=MOMENTUM_WEIGHT, adjust=False).mean().to_numpy()[:-1]
    unit = mean * np.sqrt((2 - MOMENTUM_WEIGHT) / MOMENTUM_WEIGHT)
    assert np.allclose(observed - shock, 0.3 * np.tanh(unit) / 0.6279)


def test_rounding_leaves_no_price_outside_high_and_low() -> None:
    move = np.random.default_rng(1).normal(0, 0.01, 5000)
    still = np.zeros(5000)
    prices = synthetic._prices(still, move, still, generator=np.random.default_rng(2), price=None)
    assert (prices["high"] >= np.maximum(prices["open"], prices["close"])).all()
    assert (prices["low"] <= np.minimum(prices["open"], prices["close"])).all()


def test_signal_leaves_the_random_numbers_as_they_are() -> None:
    calm, moved = read(correlation=0.2), read(correlation=0.2, signal=1e-9)
    assert not np.array_equal(calm.close, moved.close)
    assert np.allclose(calm.close, moved.close, rtol=1e-6)
    assert np.array_equal(calm.volume, moved.volume)


def test_ragged_histories_start_apart_and_end_together() -> None:
    bars = [read(name, ragged=True) for name in ("A", "B", "C")]
    assert len({int(one.opened_at[0]) for one in bars}) == 3
    assert len({int(one.closed_at[-1]) for one in bars}) == 1
    assert all(
        one.opened_at[0] < bars[0].opened_at[0] + 0.75 * (bars[0].closed_at[-1] - bars[0].opened_at[0]) for one in bars
    )


def test_class_without_volatility_is_refused_with_the_nearest_name(stock: SymbolConfig) -> None:
    with pytest.raises(SourceError, match=r"no volatility for AAPL of class 'stock', did you mean 'stocks'"):
        market(annual_volatility={"stocks": 0.1}).read(stock, Period())


def test_all_wrong_choices_come_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        market(timeframe="1w", end="2010-01-01", seed=-1, signal=2.0, correlation=1.5, annual_volatility={"stock": 0.0})
    assert len(str(caught.value).split("\n")) == 7


def test_too_short_a_span_is_refused(stock: SymbolConfig) -> None:
    with pytest.raises(BarsError, match="0 bars in the period"):
        market(start="2016-01-01", end="2016-01-02").read(stock, Period())


def test_fingerprint_changes_with_each_choice_and_not_with_other_classes(stock: SymbolConfig) -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"seed": 2},
        {"signal": 0.1},
        {"correlation": 0.4},
        {"ragged": True},
        {"timeframe": "2h"},
        {"start": "2016-02-01"},
        {"end": "2018-12-01"},
        {"min_bars": 101},
        {"annual_volatility": {"stock": 0.2}},
    ]
    prints = [market(**change).fingerprint(stock, Period()) for change in changes]
    assert len(set(prints)) == len(prints)
    assert market(annual_volatility={"stock": 0.3}).fingerprint(stock, Period()) == prints[0]

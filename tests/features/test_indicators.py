from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import talib

from multisymbol.errors import FeatureError
from multisymbol.features.indicators import INDICATORS, BarSegment, Configured, configure
from multisymbol.features.indicators.registry import FORGOTTEN, ema_warmup, wilder_warmup
from multisymbol.features.indicators.rolling import window_deviation, window_mean
from tests.features.worlds import flat, walk

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "rsi": {"period": 14},
    "macd": {"fast": 12, "slow": 26, "signal": 9},
    "bollinger": {"period": 20, "width": 2.0},
    "atr": {"period": 14},
    "adx": {"period": 14},
    "stochastic": {"k": 14, "smooth": 3, "d": 3},
    "roc": {"period": 10},
    "moving_average": {"fast": 10, "slow": 50},
    "volatility": {"period": 50},
    "obv_slope": {"period": 20},
    "volume_ratio": {"period": 20},
    "volume_zscore": {"period": 20},
}
SMALLEST: Mapping[str, Mapping[str, Any]] = {
    "rsi": {"period": 2},
    "macd": {"fast": 2, "slow": 3, "signal": 1},
    "bollinger": {"period": 2, "width": 0.1},
    "atr": {"period": 1},
    "adx": {"period": 2},
    "stochastic": {"k": 1, "smooth": 1, "d": 1},
    "roc": {"period": 1},
    "moving_average": {"fast": 2, "slow": 3},
    "volatility": {"period": 2},
    "obv_slope": {"period": 1},
    "volume_ratio": {"period": 1},
    "volume_zscore": {"period": 2},
}
RECURSIVE = ("rsi", "macd", "atr", "adx", "moving_average")


def columns(key: str, bars: BarSegment, entry: Mapping[str, Any] | None = None) -> dict[str, npt.NDArray[np.float64]]:
    """Columns of one indicator after its warm-up."""
    each = configure(key, DEFAULTS[key] if entry is None else entry)
    return {name: column[each.warmup :] for name, column in zip(each.columns, each.compute(bars), strict=True)}


def cut(bars: BarSegment, rows: slice) -> BarSegment:
    """Some bars of a stretch."""
    return BarSegment(
        open=bars.open[rows], high=bars.high[rows], low=bars.low[rows], close=bars.close[rows], volume=bars.volume[rows]
    )


def scaled(bars: BarSegment, *, price: float, volume: float) -> BarSegment:
    """The same market in other units."""
    return BarSegment(
        open=bars.open * price,
        high=bars.high * price,
        low=bars.low * price,
        close=bars.close * price,
        volume=bars.volume * volume,
    )


def test_every_indicator_is_tested_here() -> None:
    assert set(DEFAULTS) == set(SMALLEST) == set(INDICATORS)


@pytest.mark.parametrize("key", sorted(DEFAULTS))
@pytest.mark.parametrize("entries", [DEFAULTS, SMALLEST], ids=["default", "smallest"])
@pytest.mark.parametrize("market", ["walk", "flat", "flat_after_walk", "barely_longer_than_the_warm_up"])
def test_values_are_finite_from_the_warm_up_on(key: str, entries: Mapping[str, Any], market: str) -> None:
    bars = {
        "walk": walk(900),
        "flat": flat(900),
        "flat_after_walk": BarSegment(
            **{
                name: np.concatenate([getattr(walk(300), name), getattr(flat(1500), name)])
                for name in ("open", "high", "low", "close", "volume")
            }
        ),
        "barely_longer_than_the_warm_up": walk(configure(key, entries[key]).warmup + 1),
    }[market]
    for name, column in columns(key, bars, entries[key]).items():
        assert len(column) > 0
        assert np.isfinite(column).all(), name


@pytest.mark.parametrize("key", sorted(DEFAULTS))
def test_a_value_uses_its_bar_and_earlier_ones_alone(key: str) -> None:
    bars = walk(700, seed=3)
    whole = columns(key, bars)
    for count in (500, 501, 640):
        part = columns(key, cut(bars, slice(0, count)))
        for name, column in part.items():
            np.testing.assert_array_equal(column, whole[name][: len(column)], err_msg=name)


@pytest.mark.parametrize("key", sorted(DEFAULTS))
def test_units_of_price_and_volume_do_not_matter(key: str) -> None:
    bars = walk(700, seed=4)
    reference = columns(key, bars)
    for price, volume in ((1000.0, 1e6), (0.0012, 1e-3)):
        for name, column in columns(key, scaled(bars, price=price, volume=volume)).items():
            np.testing.assert_allclose(column, reference[name], rtol=1e-7, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("key", RECURSIVE)
def test_what_lies_before_the_warm_up_is_forgotten(key: str) -> None:
    bars = walk(6000, seed=5)
    each = configure(key, DEFAULTS[key])
    whole = columns(key, bars)
    for name, column in whole.items():
        spread = column.std()
        position = each.columns.index(name)
        worst = max(
            abs(each.compute(cut(bars, slice(row - each.warmup, row + 1)))[position][-1] - column[row - each.warmup])
            for row in range(1000, 6000, 50)
        )
        # Below a few times the weight allowed, and not by so much that half the bars would do.
        assert worst < 3 * FORGOTTEN * spread, (name, worst / spread)


@pytest.mark.parametrize("key", RECURSIVE)
def test_half_the_warm_up_would_not_do(key: str) -> None:
    bars = walk(6000, seed=5)
    each = configure(key, DEFAULTS[key])
    whole = each.compute(bars)
    worst = 0.0
    for row in range(1000, 6000, 50):
        short = each.compute(cut(bars, slice(row - each.warmup // 2, row + 1)))
        for part, column in zip(short, whole, strict=True):
            worst = max(worst, abs(part[-1] - column[row]) / np.nanstd(column))
    assert worst > 3 * FORGOTTEN


@pytest.mark.parametrize("key", sorted(set(DEFAULTS) - set(RECURSIVE)))
def test_a_window_is_bit_equal_wherever_the_history_begins(key: str) -> None:
    bars = walk(400, seed=6)
    each = configure(key, DEFAULTS[key])
    for row in (200, 399):
        window = each.compute(cut(bars, slice(row - each.warmup, row + 1)))
        for part, column in zip(window, each.compute(bars), strict=True):
            assert part[-1] == column[row]
            last = part
        assert np.isnan(last[:-1]).all()  # the warm-up is exact: not one bar fewer would do


def test_memory_is_that_of_the_literature() -> None:
    # ln(1e-4) / ln(19/21) = 92.03 for EMA(20), ln(1e-4) / ln(13/14) = 124.3 for Wilder's 14; and the first mean's bars
    assert ema_warmup(20) == 93 + 19
    assert wilder_warmup(14) == 125 + 14
    assert wilder_warmup(1) == 1


def test_rsi_is_that_of_ta_lib_and_50_in_a_market_that_never_moved() -> None:
    bars = walk(500)
    np.testing.assert_allclose(columns("rsi", bars)["rsi"], talib.RSI(bars.close, 14)[139:], rtol=1e-12)
    assert (columns("rsi", flat(300))["rsi"] == 50.0).all()
    rising = replace(bars, close=np.linspace(1.0, 2.0, 500))
    np.testing.assert_allclose(columns("rsi", rising)["rsi"], 100.0)


def test_stochastic_by_hand() -> None:
    bars = BarSegment(
        open=np.array([5.0, 5.0, 6.0]),
        high=np.array([10.0, 9.0, 8.0]),
        low=np.array([5.0, 4.0, 6.0]),
        close=np.array([5.0, 6.0, 7.0]),
        volume=np.ones(3),
    )
    # Ranges of two bars: 4..10 and 4..9; closes 6 and 7 lie at 2/6 and 3/5 of them.
    k, d = columns("stochastic", bars, {"k": 2, "smooth": 1, "d": 2}).values()
    np.testing.assert_allclose(k, [60.0])
    np.testing.assert_allclose(d, [(100 / 3 + 60.0) / 2])
    assert (columns("stochastic", flat(40))["stochastic_k"] == 50.0).all()


def test_bollinger_by_hand() -> None:
    bars = replace(flat(4), close=np.array([1.0, 2.0, 3.0, 6.0]))
    position, width = columns("bollinger", bars, {"period": 4, "width": 2.0}).values()
    deviation = np.sqrt(3.5)  # mean 3; squares 4, 1, 0, 9 over 4
    np.testing.assert_allclose(position, [0.5 + 3.0 / (4.0 * deviation)])
    np.testing.assert_allclose(width, [4.0 * deviation / 3.0])


@pytest.mark.parametrize("price", [100.0, 0.1, 1e-7, 98765.43])
def test_bollinger_position_is_the_middle_where_the_bands_coincide(price: float) -> None:
    position, width = columns("bollinger", flat(60, price=price)).values()
    assert (position == 0.5).all()
    assert (width == 0.0).all()


@pytest.mark.parametrize("price", [1e5, 0.12, 1e-6])
def test_deviations_keep_their_digits_at_any_price(price: float) -> None:
    # Moves of a millionth: E[x^2] - E[x]^2 in doubles would have four digits left.
    moves = np.random.default_rng(0).normal(0.0, 1e-6, 500)
    values = price * (1.0 + moves)
    exact = np.array([np.std((values[i - 19 : i + 1] / price - 1.0).astype(np.longdouble)) for i in range(19, 500)])
    np.testing.assert_allclose(window_deviation(values, 20)[19:] / price, exact.astype(np.float64), rtol=1e-8)


def test_windows_are_those_of_numpy_and_forget_a_nan_with_its_window() -> None:
    values = np.random.default_rng(1).normal(5.0, 2.0, 100)
    values[40] = np.nan
    windows = np.lib.stride_tricks.sliding_window_view(values, 7)
    np.testing.assert_allclose(window_mean(values, 7)[6:], windows.mean(axis=1))
    np.testing.assert_allclose(window_deviation(values, 7)[6:], windows.std(axis=1))
    assert np.flatnonzero(np.isnan(window_mean(values, 7))).tolist() == [*range(6), *range(40, 47)]


def test_macd_and_averages_are_shares_of_the_close() -> None:
    bars = walk(600, seed=7)
    line, _, histogram = talib.MACD(bars.close, 12, 26, 9)
    both = columns("macd", bars)
    np.testing.assert_allclose(both["macd_line"], (line / bars.close)[-len(both["macd_line"]) :])
    np.testing.assert_allclose(both["macd_histogram"], (histogram / bars.close)[-len(both["macd_line"]) :])
    distance = columns("moving_average", bars)["moving_average_slow"]
    average = talib.EMA(bars.close, 50)[-len(distance) :]
    np.testing.assert_allclose(average / (1.0 - distance) * (1.0 - distance), average)
    np.testing.assert_allclose(bars.close[-len(distance) :] * (1.0 - distance), average)


def test_atr_and_adx_are_those_of_ta_lib() -> None:
    bars = walk(600, seed=8)
    ohlc = (bars.high, bars.low, bars.close, 14)
    atr = columns("atr", bars)["atr"]
    np.testing.assert_allclose(atr, (talib.ATR(*ohlc) / bars.close)[-len(atr) :])
    adx = columns("adx", bars)
    np.testing.assert_allclose(adx["adx_strength"], talib.ADX(*ohlc)[-len(adx["adx_strength"]) :])
    rising = replace(bars, high=np.linspace(2, 3, 600), low=np.linspace(1, 2, 600), close=np.linspace(1.5, 2.5, 600))
    np.testing.assert_allclose(columns("adx", rising)["adx_direction"], 1.0)
    assert (columns("adx", flat(600))["adx_direction"] == 0.0).all()


def test_roc_and_volatility_by_hand() -> None:
    bars = replace(flat(4), close=np.array([100.0, 110.0, 99.0, 99.0]))
    np.testing.assert_allclose(columns("roc", bars, {"period": 2})["roc"], [-0.01, -0.1])
    returns = np.log([1.1, 0.9])
    np.testing.assert_allclose(columns("volatility", bars, {"period": 2})["volatility"][0], returns.std())


def test_volume_indicators_by_hand() -> None:
    bars = replace(flat(4), close=np.array([1.0, 2.0, 1.5, 1.5]), volume=np.array([9.0, 6.0, 2.0, 4.0]))
    np.testing.assert_allclose(columns("obv_slope", bars, {"period": 3})["obv_slope"], [(6 - 2 + 0) / 12])
    np.testing.assert_allclose(columns("volume_ratio", bars, {"period": 2})["volume_ratio"][-1], np.log(4 / 3))
    np.testing.assert_allclose(columns("volume_zscore", bars, {"period": 2})["volume_zscore"][-1], 1.0)


def test_bars_without_trades_have_defined_values() -> None:
    silent = flat(60)
    for key in ("obv_slope", "volume_ratio", "volume_zscore"):
        assert (columns(key, silent)[key] == 0.0).all(), key
    one_silent = replace(silent, volume=np.where(np.arange(60) == 50, 0.0, 100.0))
    assert columns("volume_ratio", one_silent)["volume_ratio"][50 - 19] == np.log(0.01)


def test_a_missing_volume_is_forgotten_with_its_window() -> None:
    bars = walk(100)
    bars.volume[50] = np.nan
    for key in ("obv_slope", "volume_ratio", "volume_zscore"):
        each = configure(key, {"period": 5})
        missing = np.flatnonzero(np.isnan(each.compute(bars)[0])).tolist()
        assert missing == [*range(each.warmup), *range(50, 55)], key


def test_columns_are_named_after_the_key() -> None:
    assert configure("rsi_slow", {"type": "rsi", "period": 28}).columns == ("rsi_slow",)
    assert configure("quick", {"type": "macd", "fast": 3, "slow": 6, "signal": 2}).columns == (
        "quick_line",
        "quick_histogram",
    )


@pytest.mark.parametrize(
    ("key", "entry", "message"),
    [
        ("rsj", {"period": 14}, "indicators.rsj: there is no indicator 'rsj', did you mean 'rsi'?; known are adx"),
        ("slow", {"type": "rsii", "period": 3}, "indicators.slow: there is no indicator 'rsii', did you mean 'rsi'?"),
        ("rsi", {"perod": 14}, "features.indicators.rsi.perod: rsi has no such parameter, did you mean 'period'?"),
        ("rsi", {}, "features.indicators.rsi: rsi needs 'period', a whole number of at least 2"),
        ("rsi", {"period": 14.0}, "features.indicators.rsi.period: expected a whole number of at least 2, got 14.0"),
        ("rsi", {"period": "14"}, "expected a whole number of at least 2, got '14'"),
        ("rsi", {"period": True}, "expected a whole number of at least 2, got True"),
        ("rsi", {"period": 1}, "expected a whole number of at least 2, got 1"),
        ("rsi", {"period": 100_001}, "expected a whole number of at least 2, got 100001"),
        ("atr", {"period": 0}, "features.indicators.atr.period: expected a whole number of at least 1, got 0"),
        ("bollinger", {"period": 20, "width": 0.0}, "bollinger.width: expected a number above 0, got 0.0"),
        ("bollinger", {"period": 20, "width": float("nan")}, "expected a number above 0, got nan"),
        ("macd", {"fast": 26, "slow": 12, "signal": 9}, "fast must be smaller than slow, got fast 26 and slow 12"),
        ("rsi", 14, "features.indicators.rsi: expected parameters like {period: 14}, got 14"),
    ],
)  # fmt: skip
def test_an_unfit_entry_is_named(key: str, entry: object, message: str) -> None:
    with pytest.raises(FeatureError) as caught:
        configure(key, entry)
    assert message in str(caught.value)


def test_all_problems_of_an_entry_are_told_at_once() -> None:
    with pytest.raises(FeatureError) as caught:
        configure("macd", {"fst": 12, "slow": -1, "signal": 9})
    assert len(str(caught.value).splitlines()) == 3


def test_a_whole_number_is_a_number() -> None:
    assert isinstance(configure("bollinger", {"period": 20, "width": 2}), Configured)

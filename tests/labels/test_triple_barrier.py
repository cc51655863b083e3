import math
import statistics
from dataclasses import replace
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.errors import LabelError
from multisymbol.labels.labels import BUY, HOLD, SELL, UNRESOLVED, SegmentLabels, class_shares
from multisymbol.labels.triple_barrier import BothHit, TripleBarrier
from multisymbol.labels.volatility import trailing_deviation
from multisymbol.markets.bars import Bars
from tests.labels.worlds import martingale, path_bars, rough

# On closes 100, 110, 100, 110, ... two returns have a deviation of ln 1.1, so that of four bars is 2 ln 1.1, and three
# quarters of it are a factor of 1.1 ** 1.5 = 1.1537: from 100 to 115.37 and 86.68, from 110 to 126.91 and 95.35.
BARRIERS = TripleBarrier(
    upper_sigmas=0.75, lower_sigmas=0.75, horizon_bars=4, volatility_bars=2, both_hit="by_close", expiry_sigmas=0.25
)
PESSIMIST = replace(BARRIERS, both_hit="stop_first")
B, H, S, U = BUY, HOLD, SELL, UNRESOLVED


def label(bars: Bars, labeller: TripleBarrier = BARRIERS) -> SegmentLabels:
    return labeller.label(bars, slice(0, len(bars)))


def zigzagging(bars: int) -> list[float]:
    return [100.0, 110.0] * (bars // 2)


# Bar 4 reaches 116: 2 is BUY. Bar 6 falls to 95: 3 and 5 are SELL. 4 sees neither barrier until bar 8, which closes
# where 4 did: HOLD. Bar 9 reaches both barriers of 6, 7 and 8, and closes above the entry of 6 and 8, at that of 7.
EXAMPLE = path_bars(zigzagging(10), highs={4: 116.0, 9: 130.0}, lows={6: 95.0, 9: 80.0})


def test_labels_by_hand() -> None:
    labels = label(EXAMPLE)
    assert labels.value.tolist() == [U, U, B, S, H, S, B, H, B, U]
    assert labels.resolved_row.tolist() == [-1, -1, 4, 6, 8, 6, 9, 9, 9, -1]
    # At bar 8 the label of 4 becomes known, but that of 5 is of a later bar and known since bar 6.
    assert labels.rule.tolist() == [U, U, U, U, B, B, S, S, S, B]
    expected = [np.nan, np.nan, 0.0, -0.5, 0.0, -0.5, 0.5, 0.0, 0.5, np.nan]
    np.testing.assert_allclose(labels.target, expected, atol=1e-7)


def test_whoever_may_have_been_stopped_out_has_not_won() -> None:
    labels = label(EXAMPLE, PESSIMIST)
    assert labels.value.tolist() == [U, U, B, S, H, S, H, H, H, U]
    np.testing.assert_array_equal(labels.resolved_row, label(EXAMPLE).resolved_row)
    np.testing.assert_array_equal(labels.target, label(EXAMPLE).target)


def after_100(*bars: tuple[float, float, float, float], labeller: TripleBarrier = BARRIERS) -> tuple[int, int]:
    """Label an entry at 100 that is followed by these (open, high, low, close): its class, and bars to resolve it."""
    prices = [(100.0,) * 4, (110.0,) * 4, (100.0,) * 4, *bars]
    columns = [np.array(column) for column in zip(*prices, strict=True)]
    world = replace(path_bars(columns[3]), open=columns[0], high=columns[1], low=columns[2])
    labels = label(world, labeller)
    return int(labels.value[2]), int(labels.resolved_row[2]) - 2


CALM = (100.0, 105.0, 95.0, 100.0)


@pytest.mark.parametrize("labeller", [BARRIERS, PESSIMIST])
def test_the_first_barrier_reached_decides(labeller: TripleBarrier) -> None:
    up, down = (100.0, 116.0, 99.0, 101.0), (100.0, 101.0, 86.0, 99.0)
    assert after_100(CALM, up, down, labeller=labeller) == (BUY, 2)
    assert after_100(down, up, CALM, labeller=labeller) == (SELL, 1)
    assert after_100(CALM, CALM, CALM, up, labeller=labeller) == (BUY, 4)
    assert after_100(CALM, CALM, CALM, CALM, up, labeller=labeller) == (HOLD, 4)


@pytest.mark.parametrize(("close", "said"), [(100.1, BUY), (99.9, SELL), (100.0, HOLD)])
def test_a_bar_that_reaches_both_is_read_by_its_close_or_not_at_all(close: float, said: int) -> None:
    wild = (100.0, 120.0, 80.0, close)
    assert after_100(CALM, wild) == (said, 2)
    assert after_100(CALM, wild, labeller=PESSIMIST) == (HOLD, 2)


@pytest.mark.parametrize("labeller", [BARRIERS, PESSIMIST])
def test_a_bar_that_opens_beyond_a_barrier_reached_that_one_first(labeller: TripleBarrier) -> None:
    assert after_100((117.0, 120.0, 80.0, 90.0), labeller=labeller) == (BUY, 1)
    assert after_100((85.0, 120.0, 80.0, 110.0), labeller=labeller) == (SELL, 1)


@pytest.mark.parametrize(
    ("close", "said"),
    [
        (100.0, HOLD),
        (100.0 * 1.1**0.49, HOLD),  # a quarter of 2 ln 1.1 is a factor of 1.1 ** 0.5
        (100.0 * 1.1**0.51, BUY),
        (100.0 / 1.1**0.49, HOLD),
        (100.0 / 1.1**0.51, SELL),
    ],
)
def test_an_expired_label_is_hold_near_the_entry_alone(close: float, said: int) -> None:
    assert after_100(CALM, CALM, CALM, (100.0, 106.0, 94.0, close)) == (said, 4)


def test_a_dead_band_of_0_holds_an_equal_close_and_a_wide_one_every_expiry() -> None:
    sharp, wide = replace(BARRIERS, expiry_sigmas=0.0), replace(BARRIERS, expiry_sigmas=0.75)
    for close, said in ((100.0, HOLD), (100.01, BUY), (99.99, SELL)):
        assert after_100(CALM, CALM, CALM, (100.0, 106.0, 94.0, close), labeller=sharp) == (said, 4)
    assert after_100(CALM, CALM, CALM, (100.0, 115.3, 94.0, 115.2), labeller=wide) == (HOLD, 4)


def test_the_end_is_missing_and_never_hold() -> None:
    assert after_100(CALM, CALM, CALM)[0] == UNRESOLVED
    assert after_100()[0] == UNRESOLVED


@pytest.mark.parametrize("bars_before", [0, 3])
def test_a_barrier_is_reached_at_its_very_price(bars_before: int) -> None:
    distance = 0.75 * trailing_deviation(np.array([100.0, 110.0, 100.0]), 2)[2] * np.sqrt(4)
    upper, lower = 100.0 * np.exp(distance), 100.0 * np.exp(-distance)
    calm = (CALM,) * bars_before
    assert after_100(*calm, (100.0, upper, 99.0, 100.0), CALM, CALM, CALM) == (BUY, bars_before + 1)
    assert after_100(*calm, (100.0, 101.0, lower, 100.0), CALM, CALM, CALM) == (SELL, bars_before + 1)
    inside = (100.0, np.nextafter(upper, 0.0), np.nextafter(lower, 200.0), 100.0)
    assert after_100(*calm, inside, CALM, CALM, CALM) == (HOLD, 4)


def plain_label(bars: Bars, labeller: TripleBarrier, row: int) -> tuple[int, int, float]:
    """The label of one bar, from the definition."""
    unknown = (UNRESOLVED, -1, math.nan)
    if row < labeller.volatility_bars:
        return unknown
    logs = [math.log(price) for price in bars.close[row - labeller.volatility_bars : row + 1]]
    sigma = statistics.pstdev(b - a for a, b in pairwise(logs)) * math.sqrt(labeller.horizon_bars)
    if sigma < 1e-12:
        return unknown
    entry = bars.close[row]
    for later in range(row + 1, min(row + labeller.horizon_bars + 1, len(bars))):
        moves = [math.log(getattr(bars, price)[later] / entry) / sigma for price in ("open", "high", "low", "close")]
        expired = later == row + labeller.horizon_bars
        said = plain_class(moves, labeller, expired=expired)
        if said is not None:
            return said, later, moves[3]
    return unknown


def plain_class(moves: list[float], labeller: TripleBarrier, *, expired: bool) -> int | None:
    """What a bar says that lies so many deviations from the entry; None if nothing."""
    opened, high, low, close = moves
    won, lost = high >= labeller.upper_sigmas, low <= -labeller.lower_sigmas
    if won and lost and -labeller.lower_sigmas < opened < labeller.upper_sigmas:
        return HOLD if labeller.both_hit == "stop_first" else sign(close, 0.0)
    if won and lost:
        return BUY if opened > 0 else SELL
    if won or lost:
        return BUY if won else SELL
    return sign(close, labeller.expiry_sigmas) if expired else None


def sign(move: float, dead_band: float) -> int:
    return HOLD if abs(move) <= dead_band else BUY if move > 0 else SELL


@settings(max_examples=40, deadline=None)
@given(
    bars=st.builds(rough, st.integers(2, 150), seed=st.integers(0, 10_000), tick=st.sampled_from([0.0, 0.5])),
    labeller=st.builds(
        TripleBarrier,
        upper_sigmas=st.sampled_from([0.31, 1.07]),
        lower_sigmas=st.sampled_from([0.29, 1.03]),
        horizon_bars=st.sampled_from([1, 5, 17]),
        volatility_bars=st.sampled_from([3, 20]),
        both_hit=st.sampled_from(["by_close", "stop_first"]),
        expiry_sigmas=st.sampled_from([0.0, 0.23]),
    ),
)
def test_labels_are_those_of_the_definition(bars: Bars, labeller: TripleBarrier) -> None:
    labels = label(bars, labeller)
    plain = [plain_label(bars, labeller, row) for row in range(len(bars))]
    assert labels.value.tolist() == [value for value, _, _ in plain]
    assert labels.resolved_row.tolist() == [resolved_row for _, resolved_row, _ in plain]
    np.testing.assert_allclose(labels.target, [target for _, _, target in plain], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("both_hit", get_args(BothHit))
def test_a_market_upside_down_has_its_labels_upside_down(both_hit: BothHit) -> None:
    bars = rough(5000, seed=3)
    turned = replace(bars, open=1 / bars.open, high=1 / bars.low, low=1 / bars.high, close=1 / bars.close)
    labeller = replace(BARRIERS, upper_sigmas=0.4, lower_sigmas=0.6, volatility_bars=20, both_hit=both_hit)
    labels = label(bars, labeller)
    mirrored = label(turned, replace(labeller, upper_sigmas=0.6, lower_sigmas=0.4))
    np.testing.assert_array_equal(mirrored.value, np.array([2, 1, 0, -1])[labels.value])
    np.testing.assert_array_equal(mirrored.resolved_row, labels.resolved_row)
    np.testing.assert_allclose(mirrored.target, -labels.target, rtol=1e-5, atol=1e-6)


MARTINGALE = martingale(200_000, seed=4)


@pytest.mark.parametrize("both_hit", get_args(BothHit))
@pytest.mark.parametrize("sigmas", [0.2, 1.0])
def test_a_martingale_has_as_many_buy_as_sell(sigmas: float, both_hit: BothHit) -> None:
    labeller = replace(BARRIERS, upper_sigmas=sigmas, lower_sigmas=sigmas, horizon_bars=12, volatility_bars=100)
    labels = label(MARTINGALE, replace(labeller, both_hit=both_hit))
    apart = labels.value[100::12]  # labels that share no bar
    buy, hold, sell = class_shares(apart)
    assert buy == pytest.approx(sell, abs=4.0 * math.sqrt((1.0 - hold) / len(apart)))
    assert min(buy, sell) > 0.25


@pytest.mark.parametrize(("upper", "lower"), [(1.0, 1.0), (0.3, 1.2), (1.2, 0.3)])
def test_no_pair_of_barriers_earns_anything_on_a_martingale(upper: float, lower: float) -> None:
    labeller = replace(BARRIERS, upper_sigmas=upper, lower_sigmas=lower, horizon_bars=12, volatility_bars=100)
    labels = label(MARTINGALE, labeller)
    apart = labels.target[100:-12:12]
    assert apart.mean() == pytest.approx(0.0, abs=4.0 * float(apart.std()) / math.sqrt(len(apart)))
    if upper < lower:
        assert class_shares(labels.value)[0] > 0.6  # though the near barrier is mostly reached first


def test_barriers_of_one_sigma_are_reached_as_often_whatever_the_horizon() -> None:
    """0.629 for a continuous walk: 1 - P(max |W| < 1 on [0, 1]), Feller 1971, X.5; steps reach a little less far."""
    all_hold = replace(BARRIERS, upper_sigmas=1.0, lower_sigmas=1.0, volatility_bars=100, expiry_sigmas=1.0)
    for horizon in (6, 24, 96):
        _, hold, _ = class_shares(label(MARTINGALE, replace(all_hold, horizon_bars=horizon)).value)
        assert 1.0 - hold == pytest.approx(0.6, abs=0.04)


def test_the_rule_knows_nothing_of_the_direction_on_a_martingale() -> None:
    labels = label(MARTINGALE, replace(BARRIERS, horizon_bars=12, volatility_bars=100))
    labels_apart, rule = labels.value[200:-12:12], labels.rule[200:-12:12]
    moves = (labels_apart != HOLD) & (rule != HOLD)
    assert np.mean((labels_apart == rule)[moves]) == pytest.approx(0.5, abs=2.0 / math.sqrt(moves.sum()))


def test_unfit_parameters_are_all_named() -> None:
    with pytest.raises(LabelError) as caught:
        TripleBarrier(
            upper_sigmas=0.0,
            lower_sigmas=math.inf,
            horizon_bars=0,
            volatility_bars=1,
            both_hit="closest",  # type: ignore[arg-type]
            expiry_sigmas=-0.1,
        )
    assert str(caught.value).splitlines() == [
        "triple_barrier.upper_sigmas: expected a number above 0, got 0.0",
        "triple_barrier.lower_sigmas: expected a number above 0, got inf",
        "triple_barrier.horizon_bars: expected 1 or more bars, got 0",
        "triple_barrier.volatility_bars: expected 2 or more bars, got 1",
        "triple_barrier.both_hit: expected one of by_close, stop_first, got 'closest'",
        "triple_barrier.expiry_sigmas: expected a number, 0 or more, got -0.1",
    ]

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.errors import LabelError
from multisymbol.labels.horizon import Horizon
from multisymbol.labels.labels import BUY, HOLD, SELL, UNRESOLVED, SegmentLabels, class_shares
from multisymbol.markets.bars import Bars
from tests.labels.worlds import bars_of, rough, walk

B, H, S, U = BUY, HOLD, SELL, UNRESOLVED
EIGHT = Horizon(bars=8, dead_band_sigmas=0.4, volatility_bars=100)


def label(bars: Bars, labeller: Horizon) -> SegmentLabels:
    return labeller.label(bars, slice(0, len(bars)))


def test_labels_by_hand() -> None:
    # Two returns of +-10 % in turn have a deviation of ln 1.1; the last step is of 1 %, a tenth of it.
    bars = bars_of(np.array([100.0, 110.0, 100.0, 110.0, 100.0, 110.0, 111.0]))
    labels = label(bars, Horizon(bars=1, dead_band_sigmas=0.5, volatility_bars=2))
    assert labels.value.tolist() == [U, U, B, S, B, H, U]
    assert labels.resolved_row.tolist() == [-1, -1, 3, 4, 5, 6, -1]
    assert labels.rule.tolist() == [U, U, U, B, S, B, H]
    expected = [np.nan, np.nan, 1.0, -1.0, 1.0, math.log(111 / 110) / math.log(1.1), np.nan]
    np.testing.assert_allclose(labels.target, expected, rtol=1e-6)


def test_a_move_is_measured_by_the_deviation_of_the_whole_horizon() -> None:
    closes = [100.0, 110.0, 100.0, 105.0, 103.0, 104.0, 100.0 * 1.1**2]
    labels = label(bars_of(np.array(closes)), Horizon(bars=4, dead_band_sigmas=0.99, volatility_bars=2))
    assert labels.value.tolist() == [U, U, B, U, U, U, U]
    assert labels.target[2] == pytest.approx(1.0, rel=1e-6)  # two deviations of a bar are one of four bars


@pytest.mark.parametrize(("exponent", "said"), [(0.39, H), (0.41, B), (-0.39, H), (-0.41, S)])
def test_a_move_within_the_dead_band_is_hold(exponent: float, said: int) -> None:
    bars = bars_of(np.array([100.0, 110.0, 100.0, 100.0 * 1.1**exponent]))
    assert label(bars, Horizon(bars=1, dead_band_sigmas=0.4, volatility_bars=2)).value[2] == said


@pytest.mark.parametrize(("close", "said"), [(100.0, H), (100.01, B), (99.99, S)])
def test_without_a_dead_band_an_equal_close_is_hold(close: float, said: int) -> None:
    bars = bars_of(np.array([100.0, 110.0, 100.0, close]))
    assert label(bars, Horizon(bars=1, dead_band_sigmas=0.0, volatility_bars=2)).value[2] == said


def plain_target(closes: list[float], labeller: Horizon, row: int) -> float:
    """The target of one bar, from the definition."""
    if row < labeller.volatility_bars or row + labeller.bars >= len(closes):
        return math.nan
    logs = [math.log(price) for price in closes]
    returns = [logs[i] - logs[i - 1] for i in range(row - labeller.volatility_bars + 1, row + 1)]
    sigma = statistics.pstdev(returns) * math.sqrt(labeller.bars)
    return (logs[row + labeller.bars] - logs[row]) / sigma if sigma > 1e-12 else math.nan


@settings(max_examples=40, deadline=None)
@given(
    bars=st.builds(rough, st.integers(1, 120), seed=st.integers(0, 10_000), tick=st.sampled_from([0.0, 0.5])),
    labeller=st.builds(
        Horizon,
        bars=st.sampled_from([1, 3, 20]),
        dead_band_sigmas=st.sampled_from([0.0, 0.37, 2.3]),
        volatility_bars=st.sampled_from([3, 20]),
    ),
)
def test_labels_are_those_of_the_definition(bars: Bars, labeller: Horizon) -> None:
    labels = label(bars, labeller)
    closes = bars.close.tolist()
    for row in range(len(bars)):
        target = plain_target(closes, labeller, row)
        np.testing.assert_allclose(labels.target[row], target, rtol=1e-6, atol=1e-7)
        band = max(labeller.dead_band_sigmas, 1e-9)  # logs of equal prices differ by nothing, here by rounding
        said = U if math.isnan(target) else H if abs(target) <= band else B if target > 0 else S
        assert labels.value[row] == said
        assert labels.resolved_row[row] == (-1 if said == U else row + labeller.bars)


def test_a_random_walk_has_as_many_buy_as_sell_and_a_known_share_of_hold() -> None:
    labels = label(bars_of(walk(200_000, seed=6)), EIGHT)
    buy, hold, sell = class_shares(labels.value[::8])
    assert buy == pytest.approx(sell, abs=4.0 * math.sqrt((1.0 - hold) / 25_000))
    assert hold == pytest.approx(math.erf(0.4 / math.sqrt(2.0)), abs=0.015)
    assert np.nanstd(labels.target) == pytest.approx(1.0, abs=0.03)


def test_the_rule_knows_nothing_of_the_direction_on_a_random_walk() -> None:
    """A rule that was allowed the label of the bar before, which is not known yet, would be right almost always."""
    labels = label(bars_of(walk(200_000, seed=7)), EIGHT)
    rows = np.arange(200, 199_990, 8)
    moves = rows[(labels.value[rows] != H) & (labels.rule[rows] != H)]
    assert np.mean(labels.value[moves] == labels.rule[moves]) == pytest.approx(0.5, abs=2.0 / math.sqrt(len(moves)))
    before = labels.value[moves - 1]
    assert np.mean((labels.value[moves] == before)[before != H]) > 0.9


def test_unfit_parameters_are_all_named() -> None:
    with pytest.raises(LabelError) as caught:
        Horizon(bars=0, dead_band_sigmas=-1.0, volatility_bars=1)
    assert str(caught.value).splitlines() == [
        "horizon.bars: expected 1 or more bars, got 0",
        "horizon.dead_band_sigmas: expected a number, 0 or more, got -1.0",
        "horizon.volatility_bars: expected 2 or more bars, got 1",
    ]

"""What holds for all labels: they are known exactly when they say so, and the rule and the target never before."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.labels.horizon import Horizon
from multisymbol.labels.labels import CLASSES, UNRESOLVED, Labeller, SegmentLabels
from multisymbol.labels.triple_barrier import TripleBarrier
from multisymbol.labels.zigzag import ZigZag
from multisymbol.markets.bars import Bars
from tests.labels.worlds import joined, part, rough

BARRIERS = TripleBarrier(
    upper_sigmas=1.0, lower_sigmas=1.0, horizon_bars=12, volatility_bars=20, both_hit="by_close", expiry_sigmas=0.5
)
LABELLERS: dict[str, Labeller] = {
    "zigzag of 2 %": ZigZag(threshold="percent", percent=2.0, sigmas=5.0, volatility_bars=20),
    "zigzag of 5 sigmas": ZigZag(threshold="volatility", percent=2.0, sigmas=5.0, volatility_bars=20),
    "barriers": BARRIERS,
    "near barriers, stop first": replace(BARRIERS, upper_sigmas=0.3, lower_sigmas=0.2, both_hit="stop_first"),
    "near barriers, by close": replace(BARRIERS, upper_sigmas=0.2, lower_sigmas=0.3, volatility_bars=2),
    "far barriers, all expire": replace(BARRIERS, upper_sigmas=50.0, lower_sigmas=50.0, expiry_sigmas=0.0),
    "barriers for one bar": replace(BARRIERS, horizon_bars=1, expiry_sigmas=2.0),
    "horizon of one bar": Horizon(bars=1, dead_band_sigmas=0.0, volatility_bars=2),
    "horizon of 8 bars": Horizon(bars=8, dead_band_sigmas=0.4, volatility_bars=20),
    "horizon of 40 bars": Horizon(bars=40, dead_band_sigmas=1.0, volatility_bars=30),
}
WITHOUT_TARGET = {"zigzag of 2 %", "zigzag of 5 sigmas"}

every_labeller = pytest.mark.parametrize("name", LABELLERS)
markets = st.builds(rough, st.integers(1, 220), seed=st.integers(0, 10_000), tick=st.sampled_from([0.0, 0.5]))
few = settings(max_examples=20, deadline=None)


def label(bars: Bars, name: str) -> SegmentLabels:
    return LABELLERS[name].label(bars, slice(0, len(bars)))


def resolved(labels: SegmentLabels) -> npt.NDArray[np.int64]:
    return np.flatnonzero(labels.value != UNRESOLVED)


def assert_same(first: SegmentLabels, second: SegmentLabels) -> None:
    for field in ("value", "resolved_row", "rule", "target"):
        np.testing.assert_array_equal(getattr(first, field), getattr(second, field), err_msg=field)


@every_labeller
@few
@given(bars=markets)
def test_a_label_is_reproduced_without_the_bars_after_its_resolution(name: str, bars: Bars) -> None:
    labels = label(bars, name)
    for row in resolved(labels)[::9]:
        cut = label(part(bars, slice(0, labels.resolved_row[row] + 1)), name)
        assert cut.value[row] == labels.value[row]
        assert cut.resolved_row[row] == labels.resolved_row[row]
        np.testing.assert_array_equal(cut.target[row], labels.target[row])


@every_labeller
@few
@given(bars=markets)
def test_a_label_is_unresolved_without_the_bar_that_resolves_it(name: str, bars: Bars) -> None:
    labels = label(bars, name)
    for row in resolved(labels)[::9]:
        assert labels.resolved_row[row] > row
        cut = label(part(bars, slice(0, labels.resolved_row[row])), name)
        assert cut.value[row] == UNRESOLVED
        assert cut.resolved_row[row] == -1
        assert np.isnan(cut.target[row])


@every_labeller
@few
@given(bars=markets, seed=st.integers(0, 100), share=st.floats(0.1, 0.95))
def test_prices_after_the_resolution_change_nothing(name: str, bars: Bars, seed: int, share: float) -> None:
    border = int(share * len(bars))
    changed = joined(part(bars, slice(0, border)), rough(len(bars) - border, seed=seed))
    labels, other = label(bars, name), label(changed, name)
    known = (labels.value != UNRESOLVED) & (labels.resolved_row < border)
    np.testing.assert_array_equal(other.value[known], labels.value[known])
    np.testing.assert_array_equal(other.resolved_row[known], labels.resolved_row[known])
    np.testing.assert_array_equal(other.target[known], labels.target[known])
    np.testing.assert_array_equal(other.rule[:border], labels.rule[:border])


@every_labeller
@few
@given(bars=markets)
def test_what_is_not_known_is_missing_everywhere(name: str, bars: Bars) -> None:
    labels = label(bars, name)
    unknown = labels.value == UNRESOLVED
    assert set(np.unique(labels.value)) <= {UNRESOLVED, *range(len(CLASSES))}
    np.testing.assert_array_equal(labels.resolved_row == -1, unknown)
    np.testing.assert_array_equal(np.isnan(labels.target), unknown | (name in WITHOUT_TARGET))
    assert unknown[-1]  # nothing is known of the last bar, whatever the labels


@every_labeller
@few
@given(bars=markets, start=st.integers(0, 60))
def test_labels_look_at_their_stretch_alone(name: str, bars: Bars, start: int) -> None:
    stretch = slice(min(start, len(bars)), len(bars) - min(start, len(bars)) // 2)
    if stretch.start < stretch.stop:
        assert_same(LABELLERS[name].label(bars, stretch), label(part(bars, stretch), name))


@every_labeller
@few
@given(bars=markets, doublings=st.sampled_from([-20, -1, 3, 30]))
def test_labels_do_not_depend_on_the_unit_of_the_price(name: str, bars: Bars, doublings: int) -> None:
    prices = {field: getattr(bars, field) * 2.0**doublings for field in ("open", "high", "low", "close")}
    assert_same(label(replace(bars, **prices), name), label(bars, name))


@every_labeller
@pytest.mark.parametrize("count", [1, 2, 3, 21, 60])
def test_a_short_stretch_has_labels(name: str, count: int) -> None:
    labels = label(rough(count, seed=1), name)
    arrays = (labels.value, labels.resolved_row, labels.rule, labels.target)
    assert [array.dtype.name for array in arrays] == ["int8", "int64", "int8", "float32"]
    assert {len(array) for array in arrays} == {count}


@every_labeller
def test_a_market_in_which_nothing_moves_has_no_labels(name: str) -> None:
    bars = part(rough(100, seed=1), slice(0, 100))
    flat = np.full(100, 100.0)
    labels = label(replace(bars, open=flat, high=flat, low=flat, close=flat), name)
    assert (labels.value == UNRESOLVED).all()
    assert (labels.rule == UNRESOLVED).all()


@every_labeller
def test_each_class_occurs(name: str) -> None:
    """What all other tests here look at is there to be seen."""
    values, counts = np.unique(label(rough(4000, seed=2, tick=0.5), name).value, return_counts=True)
    assert values.tolist() == [UNRESOLVED, *range(len(CLASSES))]
    assert (counts[1:] > 100).all()

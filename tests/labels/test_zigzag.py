from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.errors import LabelError
from multisymbol.labels.labels import BUY, HOLD, SELL, UNRESOLVED, SegmentLabels
from multisymbol.labels.zigzag import ZigZag
from tests.labels.worlds import bars_of, walk

PERCENT = ZigZag(threshold="percent", percent=2.0, sigmas=5.0, volatility_bars=20)
VOLATILITY = ZigZag(threshold="volatility", percent=2.0, sigmas=5.0, volatility_bars=20)

walks = st.builds(walk, st.integers(2, 250), seed=st.integers(0, 10_000))
both = st.sampled_from([PERCENT, VOLATILITY])


def label(closes: npt.ArrayLike, labeller: ZigZag = PERCENT) -> SegmentLabels:
    """Labels of one stretch of closes."""
    bars = bars_of(np.asarray(closes, dtype=np.float64))
    return labeller.label(bars, slice(0, len(bars)))


def test_labels_by_hand() -> None:
    # 0 is the first extreme; 102 sets the direction up; 104 is a new extreme; 101.9 has come back by 2.02 %.
    closes = [100.0, 101.0, 102.0, 103.0, 102.5, 104.0, 103.0, 101.9, 101.0, 102.0, 103.1]
    labels = label(closes)
    b, h, s, u = BUY, HOLD, SELL, UNRESOLVED
    assert labels.value.tolist() == [h, b, b, b, b, h, s, s, h, b, u]
    assert labels.resolved_row.tolist() == [2, 2, 3, 5, 5, 7, 7, 8, 10, 10, -1]
    # Half the threshold is 1 %: 102.5 has given back 0.49 % of 103, 103 has 0.96 % of 104; 102 has 0.99 % of 101.
    assert labels.rule.tolist() == [u, u, b, b, b, b, b, s, s, s, b]


def test_the_rule_turns_at_half_the_threshold() -> None:
    labels = label([100.0, 102.0, 104.0, 103.0, 102.9])
    assert labels.rule.tolist() == [UNRESOLVED, BUY, BUY, BUY, SELL]


def test_an_equal_close_does_not_move_the_extreme() -> None:
    labels = label([100.0, 104.0, 104.0, 101.0, 98.0])
    # The first of the two tops is the turn; the second belongs to the way down.
    assert labels.value.tolist() == [HOLD, HOLD, SELL, SELL, UNRESOLVED]


@pytest.mark.parametrize("percent", [0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0])
def test_a_change_of_exactly_the_threshold_ends_a_leg(percent: float) -> None:
    labeller = replace(PERCENT, percent=percent)
    assert label([100.0, 100.0 + percent], labeller).value[0] == HOLD
    assert label([100.0, 100.0 - percent], labeller).value[0] == HOLD
    assert label([50.0, 100.0, 100.0 - percent], labeller).value[1] == HOLD
    assert label([200.0, 100.0, 100.0 + percent], labeller).value[1] == HOLD
    assert label([100.0, 100.0 + 0.999 * percent], labeller).value[0] == UNRESOLVED


def test_the_end_is_missing_and_never_hold() -> None:
    labels = label([100.0, 104.0, 103.5, 103.0])
    assert labels.value.tolist() == [HOLD, UNRESOLVED, UNRESOLVED, UNRESOLVED]
    assert (label(np.full(50, 100.0)).value == UNRESOLVED).all()
    assert (label(np.full(50, 100.0)).rule == UNRESOLVED).all()


@given(closes=walks, labeller=both)
@settings(max_examples=30, deadline=None)
def test_resolved_labels_are_a_prefix_and_their_instants_do_not_go_back(
    closes: npt.NDArray[np.float64], labeller: ZigZag
) -> None:
    labels = label(closes, labeller)
    known = np.flatnonzero(labels.value != UNRESOLVED)
    if len(known):
        assert known.tolist() == list(range(known[0], known[-1] + 1))
        assert (np.diff(labels.resolved_row[known]) >= 0).all()
    np.testing.assert_array_equal(labels.resolved_row == -1, labels.value == UNRESOLVED)


def plain_legs(closes: list[float], change: float) -> list[int]:
    """The labels that KTRDR describes (2.1), written down again in two passes: mark turns, fill between them."""
    marked = {0}
    extreme, direction = 0, 0
    for row, price in enumerate(closes):
        moved = (price - closes[extreme]) / closes[extreme]
        if direction == 0 and abs(moved) >= change:
            direction = 1 if moved > 0 else -1
        elif direction != 0 and moved * direction > 0:
            marked.discard(extreme)
        elif direction != 0 and moved * direction <= -change:
            direction = -direction
        else:
            continue
        marked.add(row)
        extreme = row
    labels = [HOLD] * len(closes)
    turns = sorted(marked)
    for left, right in pairwise(turns):
        labels[left + 1 : right] = [BUY if closes[right] > closes[left] else SELL] * (right - left - 1)
    return labels


@given(closes=walks, percent=st.sampled_from([0.5, 2.0, 5.0]))
@settings(max_examples=60, deadline=None)
def test_percent_labels_are_those_of_ktrdr_where_resolved(closes: npt.NDArray[np.float64], percent: float) -> None:
    labels = label(closes, replace(PERCENT, percent=percent))
    known = labels.value != UNRESOLVED
    np.testing.assert_array_equal(labels.value[known], np.array(plain_legs(closes.tolist(), percent / 100))[known])


@pytest.mark.parametrize("labeller", [PERCENT, replace(VOLATILITY, sigmas=12.0, volatility_bars=100)])
def test_the_rule_is_right_three_times_in_four_on_a_random_walk(labeller: ZigZag) -> None:
    labels = label(walk(60_000, seed=1, deviation=0.002), labeller)
    said = (labels.value != UNRESOLVED) & (labels.rule != UNRESOLVED)
    assert (labels.value == labels.rule)[said].mean() == pytest.approx(0.75, abs=0.03)


def test_labels_and_rule_begin_with_the_first_deviation() -> None:
    labels = label(walk(250, seed=3), VOLATILITY)
    assert (labels.value[:20] == UNRESOLVED).all()
    assert labels.value[20] == HOLD
    assert (labels.rule[:21] == UNRESOLVED).all()


def test_a_wild_bar_does_not_freeze_the_legs_after_it() -> None:
    # Down 18 % and up 9: five of the deviations then, 20 %, are more than this market ever rises above that low.
    closes = walk(2200, seed=4, deviation=0.001)
    closes[200] *= 0.82
    closes[201:] *= 0.9
    assert closes[200:].max() / closes[200] < 1.2 < 1.0 + VOLATILITY.thresholds(closes)[200]
    labels = label(closes, VOLATILITY)
    assert (labels.value == UNRESOLVED).sum() < 200
    assert (labels.value == HOLD).sum() > 20


def test_a_market_that_stands_still_for_long_keeps_its_threshold() -> None:
    moving = walk(100, seed=5)
    closes = np.concatenate([moving, np.full(60, moving[-1]), moving[-1] * walk(100, seed=6) / 100.0])
    labels = label(closes, VOLATILITY)
    assert (labels.value[160:200] != UNRESOLVED).any()
    still = labels.value[130:160]
    assert (still == HOLD).sum() == 0


def test_unfit_parameters_are_all_named() -> None:
    with pytest.raises(LabelError) as caught:
        ZigZag(threshold="sigma", percent=200.0, sigmas=0.0, volatility_bars=1)  # type: ignore[arg-type]
    assert str(caught.value).splitlines() == [
        "zigzag.threshold: expected one of percent, volatility, got 'sigma'",
        "zigzag.percent: expected a number above 0 and below 100 (2.0 is 2 %), got 200.0",
        "zigzag.sigmas: expected a number above 0, got 0.0",
        "zigzag.volatility_bars: expected 2 or more bars, got 1",
    ]

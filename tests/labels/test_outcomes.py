import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.labels.labels import BUY, HOLD, SELL, UNRESOLVED
from multisymbol.labels.outcomes import persistence, side, with_rule

U = UNRESOLVED


def test_the_rule_is_the_label_of_the_latest_bar_whose_label_is_known() -> None:
    value = np.array([BUY, SELL, HOLD, BUY, U, U, U], dtype=np.int8)
    resolved_row = np.array([5, 2, 6, 4, -1, -1, -1])
    # At 2 the label of 1 is known, at 4 that of 3; those of 0 and 2, known at 5 and 6, are of earlier bars.
    assert persistence(value, resolved_row).tolist() == [U, U, SELL, SELL, BUY, BUY, BUY]


@settings(max_examples=60, deadline=None)
@given(spans=st.lists(st.one_of(st.none(), st.integers(1, 9)), max_size=60), seed=st.integers(0, 100))
def test_the_rule_is_that_of_the_definition(spans: list[int | None], seed: int) -> None:
    n = len(spans)
    ends = [-1 if span is None or row + span >= n else row + span for row, span in enumerate(spans)]
    drawn = np.random.default_rng(seed).integers(0, 3, n)
    value = np.where(np.array(ends, dtype=np.int64) >= 0, drawn, U).astype(np.int8)
    rule = persistence(value, np.array(ends, dtype=np.int64))
    for now in range(n):
        known = [row for row, end in enumerate(ends) if 0 <= end <= now]
        assert rule[now] == (value[known[-1]] if known else U)


def test_the_border_of_the_dead_band_is_hold_and_what_is_not_known_is_missing() -> None:
    moved = np.array([0.5, 0.4, 0.0, -0.4, -0.5, np.nan])
    assert side(moved, 0.4).tolist() == [BUY, HOLD, HOLD, HOLD, SELL, U]
    assert side(np.array([1e-12, 0.0, -1e-12, np.nan]), 0.0).tolist() == [BUY, HOLD, SELL, U]


def test_the_rule_and_the_move_complete_labels() -> None:
    value, resolved_row = np.array([SELL, U], np.int8), np.array([1, -1])
    labels = with_rule(value=value, resolved_row=resolved_row, moved=np.array([-1.5, np.nan]))
    assert labels.value is value
    assert labels.resolved_row is resolved_row
    assert labels.rule.tolist() == [U, SELL]
    np.testing.assert_array_equal(labels.target, np.array([-1.5, np.nan], dtype=np.float32))

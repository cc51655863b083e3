import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.labels.labels import BUY, HOLD, SELL, UNRESOLVED
from multisymbol.labels.outcomes import Outcomes, persistence, side, with_rule

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


@pytest.mark.parametrize(
    ("moved", "dead_band", "said"),
    [(0.5, 0.4, BUY), (0.4, 0.4, HOLD), (-0.4, 0.4, HOLD), (-0.5, 0.4, SELL), (0.0, 0.0, HOLD), (1e-12, 0.0, BUY)],
)
def test_the_border_of_the_dead_band_is_hold(moved: float, dead_band: float, said: int) -> None:
    assert side(moved, dead_band) == said


def test_the_rule_completes_outcomes() -> None:
    outcomes = Outcomes(np.array([SELL, U], np.int8), np.array([1, -1]), np.array([-1.0, np.nan], np.float32))
    labels = with_rule(outcomes)
    assert labels.value is outcomes.value
    assert labels.resolved_row is outcomes.resolved_row
    assert labels.target is outcomes.target
    assert labels.rule.tolist() == [U, SELL]

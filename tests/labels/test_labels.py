import numpy as np
import pytest

from multisymbol.labels.horizon import Horizon
from multisymbol.labels.labels import UNRESOLVED, Labeller, class_shares, label_bars
from multisymbol.labels.zigzag import ZigZag
from multisymbol.markets.time import NEVER
from tests.labels.worlds import bars_of, walk

LABELLER = ZigZag(threshold="percent", percent=2.0, sigmas=12.0, volatility_bars=100)
HORIZON = Horizon(bars=5, dead_band_sigmas=0.4, volatility_bars=20)


@pytest.mark.parametrize("labeller", [LABELLER, HORIZON])
def test_a_label_is_known_at_the_close_of_the_bar_that_resolves_it(labeller: Labeller) -> None:
    bars = bars_of(walk(200))
    labels, rows = label_bars(bars, labeller), labeller.label(bars, slice(0, 200))
    known = rows.value != UNRESOLVED
    assert 0 < known.sum() < 200
    np.testing.assert_array_equal(labels.value, rows.value)
    np.testing.assert_array_equal(labels.rule, rows.rule)
    np.testing.assert_array_equal(labels.target, rows.target)
    np.testing.assert_array_equal(labels.resolved_at[known], bars.closed_at[rows.resolved_row[known]])
    assert (labels.resolved_at[~known] == NEVER).all()


def test_no_price_beyond_a_gap_resolves_a_label() -> None:
    closes = walk(200, seed=1)
    whole = bars_of(closes, segment=np.repeat([0, 1], [120, 80]).astype(np.int32))
    labels = label_bars(whole, LABELLER)
    first, second = label_bars(bars_of(closes[:120]), LABELLER), label_bars(bars_of(closes[120:]), LABELLER)
    np.testing.assert_array_equal(labels.value, np.concatenate([first.value, second.value]))
    np.testing.assert_array_equal(labels.rule, np.concatenate([first.rule, second.rule]))
    assert labels.value[119] == UNRESOLVED
    resolved = labels.resolved_at[:120]
    assert (resolved[resolved != NEVER] <= whole.closed_at[119]).all()
    later = labels.resolved_at[120:]
    assert (later > whole.closed_at[120:]).all()


def test_no_return_over_a_gap_is_a_target() -> None:
    closes = walk(200, seed=1)
    whole = bars_of(closes, segment=np.repeat([0, 1], [120, 80]).astype(np.int32))
    target = label_bars(whole, HORIZON).target
    assert target.dtype == np.float32
    parts = [label_bars(bars_of(part), HORIZON).target for part in (closes[:120], closes[120:])]
    np.testing.assert_array_equal(target, np.concatenate(parts))
    assert np.flatnonzero(~np.isnan(target)).tolist() == [*range(20, 115), *range(140, 195)]


def test_shares_are_of_the_labels_that_are_known() -> None:
    assert class_shares(np.array([0, 0, -1, 1, -1, 2, 2, 2], dtype=np.int8)) == (2 / 6, 1 / 6, 3 / 6)
    assert class_shares(np.array([0, 0], dtype=np.int8)) == (1.0, 0.0, 0.0)
    assert class_shares(np.array([-1, -1], dtype=np.int8)) == (0.0, 0.0, 0.0)
    assert class_shares(np.empty(0, dtype=np.int8)) == (0.0, 0.0, 0.0)


def test_no_bars_have_no_labels() -> None:
    labels = label_bars(bars_of(np.empty(0)), LABELLER)
    assert len(labels.value) == len(labels.target) == 0

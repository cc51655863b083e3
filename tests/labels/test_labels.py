import numpy as np

from multisymbol.labels.labels import UNRESOLVED, label_bars
from multisymbol.labels.zigzag import ZigZag
from multisymbol.markets.instants import NEVER
from tests.labels.worlds import bars_of, walk

LABELLER = ZigZag(threshold="percent", percent=2.0, sigmas=12.0, volatility_bars=100)


def test_a_label_is_known_at_the_close_of_the_bar_that_resolves_it() -> None:
    bars = bars_of(walk(200))
    labels, rows = label_bars(bars, LABELLER), LABELLER.label(bars, slice(0, 200))
    known = rows.value != UNRESOLVED
    assert 0 < known.sum() < 200
    np.testing.assert_array_equal(labels.value, rows.value)
    np.testing.assert_array_equal(labels.rule, rows.rule)
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


def test_no_bars_have_no_labels() -> None:
    assert len(label_bars(bars_of(np.empty(0)), LABELLER).value) == 0

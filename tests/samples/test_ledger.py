import dataclasses

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.errors import SampleError
from multisymbol.markets.time import HOUR, NEVER
from multisymbol.samples.ledger import build_ledger
from multisymbol.samples.panel import Panel
from tests.samples.worlds import START, History, hand_panel, history


def with_segments(own: History, *, borders: list[int]) -> History:
    """Cut a history before the rows given; each segment begins with its warm-up."""
    segment = np.zeros(len(own), dtype=np.int32)
    segment[borders] = 1
    segment = np.cumsum(segment, dtype=np.int32)
    first = np.searchsorted(segment, segment)
    return dataclasses.replace(own, segment=segment, ready=np.arange(len(own)) - first >= own.warmup_bars)


@st.composite
def panels(draw: st.DrawFn) -> Panel:
    """One to four ragged symbols with random segments, warm-up and unresolved labels, some not ready in the middle."""
    histories = []
    for index in range(draw(st.integers(1, 4))):
        bars = draw(st.integers(1, 40))
        own = history(
            bars,
            first=draw(st.integers(0, 20)),
            warmup_bars=draw(st.integers(0, 4)),
            span_bars=draw(st.integers(1, 5)),
            seed=index,
        )
        borders = draw(st.lists(st.integers(1, bars - 1), max_size=3)) if bars > 1 else []
        own = with_segments(own, borders=borders)
        holes = draw(st.lists(st.integers(0, bars - 1), max_size=2))
        own.ready[holes] = False
        histories.append(own)
    return hand_panel(histories)


Kept = npt.NDArray[np.bool_] | None


def kept_of(panel: Panel, share: float | None) -> Kept:
    """Some rows at random; None: no choice made."""
    return None if share is None else np.random.default_rng(5).random(len(panel.label)) < share


def sample_rows_by_hand(panel: Panel, *, window: int, stride: int, kept: Kept) -> list[tuple[int, int, int]]:
    """(symbol, row, first row its window and warm-up use) of each sample, one bar at a time."""
    samples = []
    for symbol in range(len(panel.symbols)):
        everything = range(*panel.rows(symbol).indices(len(panel.segment)))
        own = [row for row in everything if kept is None or kept[row]]
        for place, row in enumerate(own):
            rows = own[place - window + 1 : place + 1] if place >= window - 1 else []
            if not rows or len({int(panel.segment[other]) for other in rows}) > 1:
                continue
            if not all(panel.ready[other] for other in rows) or panel.label[row] < 0 or place % stride:
                continue
            same = [other for other in everything if panel.segment[other] == panel.segment[row]]
            samples.append((symbol, row, max(rows[0] - int(panel.warmup_bars[symbol]), same[0])))
    return samples


SHARES = st.sampled_from([None, 1.0, 0.8, 0.4])


@settings(max_examples=120, deadline=None)
@given(panel=panels(), window=st.integers(1, 6), stride=st.integers(1, 3), share=SHARES)
def test_samples_are_those_found_bar_by_bar(panel: Panel, window: int, stride: int, share: float | None) -> None:
    kept = kept_of(panel, share)
    expected = sample_rows_by_hand(panel, window=window, stride=stride, kept=kept)
    if not expected:
        with pytest.raises(SampleError, match="no symbol has a single sample"):
            build_ledger(panel, window=window, stride=stride, kept=kept)
        return
    ledger = build_ledger(panel, window=window, stride=stride, kept=kept)
    rows = [row for _, row, _ in expected]
    assert list(zip(ledger.symbol.tolist(), ledger.row.tolist(), strict=True)) == [(s, row) for s, row, _ in expected]
    assert ledger.window_start.tolist() == panel.opened_at[[first for _, _, first in expected]].tolist()
    assert ledger.decided_at.tolist() == panel.closed_at[rows].tolist()
    assert ledger.resolved_at.tolist() == panel.resolved_at[rows].tolist()
    assert ledger.label.tolist() == panel.label[rows].tolist()
    assert ledger.target.tolist() == panel.target[rows].tolist()
    assert ledger.weight.tolist() == [1.0] * len(rows)


@settings(max_examples=80, deadline=None)
@given(panel=panels(), window=st.integers(1, 6), stride=st.integers(1, 3), share=SHARES)
def test_no_window_touches_another_symbol_another_segment_or_a_row_that_is_not_ready_or_not_kept(
    panel: Panel, window: int, stride: int, share: float | None
) -> None:
    kept = kept_of(panel, share)
    try:
        ledger = build_ledger(panel, window=window, stride=stride, kept=kept)
    except SampleError:
        return
    view = np.arange(len(panel.label)) if ledger.view is None else ledger.view
    owner = np.repeat(np.arange(len(panel.symbols)), np.diff(panel.offsets))
    places = np.searchsorted(view, ledger.row)[:, None] + np.arange(1 - window, 1)
    assert (places >= 0).all()
    rows = view[places]
    assert (owner[rows] == ledger.symbol[:, None]).all()
    assert (panel.segment[rows] == panel.segment[ledger.row][:, None]).all()
    assert panel.ready[rows].all()
    assert kept is None or kept[rows].all()


@settings(max_examples=80, deadline=None)
@given(panel=panels(), window=st.integers(1, 6), stride=st.integers(1, 3), share=SHARES)
def test_every_bar_is_counted_once(panel: Panel, window: int, stride: int, share: float | None) -> None:
    kept = kept_of(panel, share)
    try:
        ledger = build_ledger(panel, window=window, stride=stride, kept=kept)
    except SampleError:
        return
    assert sum(count.bars for count in ledger.counts) == len(panel.label)
    out = np.zeros(len(panel.label), dtype=np.bool_) if kept is None else ~kept
    for index, count in enumerate(ledger.counts):
        own = panel.rows(index)
        assert count.bars == own.stop - own.start
        parts = (count.misaligned, count.warmup, count.filling, count.unresolved, count.strided, count.samples)
        assert count.bars == sum(parts)
        assert count.samples == (ledger.symbol == index).sum()
        assert count.misaligned == out[own].sum()
        assert count.warmup == (~panel.ready[own] & ~out[own]).sum()


def test_a_history_with_bars_left_out_worked_by_hand() -> None:
    # 12 bars, warm-up 2, window 3; rows 0 3 6 9 left out. Row 1 warms up; of 2 4 5 7 8 10 11 the first two fill the
    # window; 5 sees 2 4 5, 7 sees 4 5 7, ...; 11 has no label.
    own = history(12, warmup_bars=2)
    kept = np.arange(12) % 3 != 0
    ledger = build_ledger(hand_panel([own]), window=3, stride=1, kept=kept)
    assert ledger.row.tolist() == [5, 7, 8, 10]
    assert ((ledger.window_start - START) // HOUR).tolist() == [0, 2, 3, 5]  # rows 2 4 5 7, and 2 bars of warm-up
    (count,) = ledger.counts
    assert (count.misaligned, count.warmup, count.filling, count.unresolved, count.samples) == (4, 1, 2, 1, 4)


def test_the_stride_counts_kept_bars() -> None:
    kept = np.arange(12) % 3 != 0
    ledger = build_ledger(hand_panel([history(12)]), window=1, stride=2, kept=kept)
    assert ledger.row.tolist() == [1, 4, 7, 10]


def test_a_history_worked_by_hand() -> None:
    # 12 bars, warm-up 2, a new segment at row 7, window 3, labels known 1 bar later but never for the last bar:
    # rows 0 1 warm up, 2 3 fill, 4 5 6 count; 7 8 warm up, 9 10 fill, 11 has no label.
    own = with_segments(history(12, warmup_bars=2), borders=[7])
    ledger = build_ledger(hand_panel([own]), window=3, stride=1)
    assert ledger.row.tolist() == [4, 5, 6]
    assert ((ledger.window_start - START) // HOUR).tolist() == [0, 1, 2]  # window 3 and warm-up 2 reach back 4 bars
    assert ((ledger.decided_at - START) // HOUR).tolist() == [5, 6, 7]
    (count,) = ledger.counts
    assert (count.bars, count.warmup, count.filling, count.unresolved, count.samples) == (12, 4, 4, 1, 3)


def test_window_start_does_not_reach_before_the_segment() -> None:
    own = with_segments(history(8), borders=[4])
    own = dataclasses.replace(own, warmup_bars=3)  # ready from the first bar, as if carried in
    ledger = build_ledger(hand_panel([own]), window=2, stride=1)
    assert ledger.row.tolist() == [1, 2, 3, 5, 6]
    assert ((ledger.window_start - START) // HOUR).tolist() == [0, 0, 0, 4, 4]


def test_an_unresolved_label_is_never_a_sample_whatever_its_value() -> None:
    own = history(6)
    own.resolved_at[2] = NEVER
    ledger = build_ledger(hand_panel([own]), window=1, stride=1)
    assert ledger.row.tolist() == [0, 1, 3, 4]


def test_the_stride_counts_within_the_symbol() -> None:
    ledger = build_ledger(hand_panel([history(5), history(8)]), window=1, stride=3)
    assert ledger.row.tolist() == [0, 3, 5, 8, 11]


def test_no_sample_at_all_says_where_the_bars_of_each_symbol_went() -> None:
    panel = hand_panel([history(5, warmup_bars=3), history(9, warmup_bars=1)])
    with pytest.raises(SampleError) as caught:
        build_ledger(panel, window=9, stride=1)
    text = str(caught.value)
    assert "S0: 5 bars = 3 warm-up + 2 filling the window + 0 unresolved labels" in text
    assert "S1: 9 bars = 1 warm-up + 8 filling" in text
    assert "shorter window" in text


def test_no_sample_at_all_says_what_the_common_hours_left_out() -> None:
    with pytest.raises(SampleError, match=r"S0: 9 bars = 5 outside the common hours . 0 warm-up . 4 filling"):
        build_ledger(hand_panel([history(9)]), window=6, stride=1, kept=np.arange(9) >= 5)


@pytest.mark.parametrize(("window", "stride"), [(0, 1), (1, 0), (-3, 1)])
def test_window_and_stride_below_one_are_refused(window: int, stride: int) -> None:
    with pytest.raises(SampleError, match=f"got window={window}, stride={stride}"):
        build_ledger(hand_panel([history(5)]), window=window, stride=stride)

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.markets.time import HOUR
from multisymbol.samples.ledger import Ledger, uniqueness
from tests.samples.worlds import START, hand_ledger


def spans(*pairs: tuple[int, int], symbol: list[int] | None = None) -> Ledger:
    """Samples that are decided and known at these hours."""
    begins, ends = START + HOUR * np.array(pairs, dtype=np.int64).T
    return hand_ledger(symbol or [0] * len(pairs), decided_at=begins, resolved_at=ends)


def test_three_labels_worked_by_hand() -> None:
    # Labels open at hours 0 to 4: 1, 2, 2, 1, 1. A 0..2: (1 + 1/2 + 1/2) / 3, B 1..3: (1/2 + 1/2 + 1) / 3,
    # C 4..4: 1, alone.  Mean of 2/3, 2/3, 1 is 7/9.
    found = uniqueness(spans((0, 2), (1, 3), (4, 4)))
    np.testing.assert_allclose(found, [6 / 7, 6 / 7, 9 / 7], rtol=1e-6)


def test_the_end_of_a_span_belongs_to_it() -> None:
    # A is known at the instant B is decided: two labels are open then.
    found = uniqueness(spans((0, 1), (1, 2), (3, 4)))
    np.testing.assert_allclose(found / found[2], [0.75, 0.75, 1.0], rtol=1e-6)


def test_labels_that_do_not_overlap_all_weigh_one() -> None:
    assert uniqueness(spans((0, 1), (2, 3), (4, 9))).tolist() == [1.0, 1.0, 1.0]


def test_other_symbols_do_not_count() -> None:
    together = spans((0, 2), (1, 3), (4, 4), (0, 9), (3, 5), symbol=[0, 0, 0, 1, 1])
    assert uniqueness(together)[:3].tolist() == uniqueness(spans((0, 2), (1, 3), (4, 4))).tolist()
    assert uniqueness(together)[3:].mean() == pytest.approx(1.0)


def uniqueness_by_hand(ledger: Ledger) -> npt.NDArray[np.float64]:
    """One sample and one instant at a time."""
    weights = np.empty(len(ledger))
    for index in range(len(ledger.symbols)):
        own = np.flatnonzero(ledger.symbol == index)
        pairs = [(int(ledger.decided_at[i]), int(ledger.resolved_at[i])) for i in own]
        instants = sorted({instant for pair in pairs for instant in pair})
        opened = {at: sum(begin <= at <= end for begin, end in pairs) for at in instants}
        for i, (begin, end) in zip(own, pairs, strict=True):
            weights[i] = np.mean([1 / opened[at] for at in instants if begin <= at <= end])
        weights[own] /= weights[own].mean() if len(own) else 1.0
    return weights


@settings(max_examples=60, deadline=None)
@given(
    samples=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30), st.integers(0, 12)), min_size=1, max_size=40).map(
        sorted
    )
)
def test_weights_are_those_counted_one_by_one_and_of_mean_one_per_symbol(samples: list[tuple[int, int, int]]) -> None:
    ledger = spans(*((at, at + span) for _, at, span in samples), symbol=[symbol for symbol, _, _ in samples])
    found = uniqueness(ledger)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, uniqueness_by_hand(ledger), rtol=1e-5)
    for index in np.unique(ledger.symbol):
        assert found[ledger.symbol == index].mean() == pytest.approx(1.0, rel=1e-5)

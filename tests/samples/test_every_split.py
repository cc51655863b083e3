"""What holds for every fold of every split: invariant 3, the seal, counts, and one clock."""

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from multisymbol.errors import SplitError
from multisymbol.markets.time import HOUR, NEVER, iso
from multisymbol.samples.fold import PURGED, TEST, TRAIN, VALIDATION, FoldAssignment, check_disjoint
from multisymbol.samples.ledger import Ledger
from tests.samples.worlds import HOURLY, START, every_split, hand_ledger

NAMES = list(every_split())
CLASSES = ("coins", "forex")


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """Four to six symbols of two classes: ragged histories of up to 400 hours, windows and label spans of up to 25."""
    symbol, window_start, decided_at, resolved_at = [], [], [], []
    symbols = draw(st.integers(4, 6))
    for index in range(symbols):
        random = np.random.default_rng(index)
        first = draw(st.integers(0, 100))
        hours = START + HOUR * np.arange(first, first + draw(st.integers(150, 300)))
        symbol.append(np.full(len(hours), index, dtype=np.int32))
        window_start.append(hours - HOUR * draw(st.integers(0, 25)))
        decided_at.append(hours)
        resolved_at.append(hours + HOUR * random.integers(0, draw(st.integers(0, 25)) + 1, len(hours)))
    return hand_ledger(
        np.concatenate(symbol),
        window_start=np.concatenate(window_start),
        decided_at=np.concatenate(decided_at),
        resolved_at=np.concatenate(resolved_at),
        asset_classes=[CLASSES[index % 2] for index in range(symbols)],
    )


def folds_or_reject(
    name: str, ledger: Ledger, *, embargo_bars: int = 1, sealed_hour: int | None = None
) -> tuple[FoldAssignment, ...]:
    """The folds; an example in which a part happens to be empty is no example."""
    sealed_from = None if sealed_hour is None else iso(START + HOUR * sealed_hour)
    try:
        return every_split(embargo_bars=embargo_bars, sealed_from=sealed_from)[name].folds(ledger, timeframe=HOURLY)
    except SplitError as error:
        assume("would be empty" not in str(error) and " fit; " not in str(error))
        raise


def meets(ledger: Ledger, one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> bool:
    """Whether any two spans [decided_at, resolved_at] meet, pair by pair."""
    begins, ends = ledger.decided_at, ledger.resolved_at
    return bool(((begins[one][:, None] <= ends[other]) & (begins[other] <= ends[one][:, None])).any())


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30, deadline=None)
@given(ledger=ledgers(), embargo_bars=st.integers(0, 5))
def test_no_train_or_validation_span_meets_a_test_span_of_any_symbol(
    name: str, ledger: Ledger, embargo_bars: int
) -> None:
    embargo = embargo_bars * HOUR
    for parts in folds_or_reject(name, ledger, embargo_bars=embargo_bars):
        train, validation, test = (parts.positions(part) for part in (TRAIN, VALIDATION, TEST))
        assert not meets(ledger, train, validation)
        assert ledger.resolved_at[train].max() + embargo < ledger.decided_at[validation].min()
        for start, stop in parts.fold.test_spans:
            own = test[(ledger.decided_at[test] >= start) & (ledger.decided_at[test] < stop)]
            for used in (train, validation):
                assert not meets(ledger, used, own)
                before = ledger.resolved_at[used] + embargo < start
                after = ledger.window_start[used] > ledger.resolved_at[own].max(initial=-NEVER) + embargo
                assert (before | after).all()
                assert before.all() or parts.fold.blocks


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None)
@given(ledger=ledgers())
def test_every_sample_is_counted_once_and_in_the_part_it_is_in(name: str, ledger: Ledger) -> None:
    folds = folds_or_reject(name, ledger)
    assert len({parts.fold.name for parts in folds}) == len(folds)
    for parts in folds:
        for index, count in enumerate(parts.counts):
            own = parts.part[ledger.symbol == index]
            counted = (count.purged, count.train, count.validation, count.test)
            assert counted == tuple((own == part).sum() for part in (PURGED, TRAIN, VALIDATION, TEST))
            assert sum(counted) == (ledger.symbol == index).sum()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None)
@given(ledger=ledgers())
def test_every_part_keeps_to_the_instants_of_the_fold(name: str, ledger: Ledger) -> None:
    for parts in folds_or_reject(name, ledger):
        fold = parts.fold
        decided_at = ledger.decided_at
        assert (decided_at[parts.part == TRAIN] >= fold.train_from).all()
        assert (ledger.resolved_at[parts.part == TRAIN] < fold.validation_from - fold.embargo_ns).all()
        assert (decided_at[parts.part == VALIDATION] >= fold.validation_from).all()
        tested = decided_at[parts.part == TEST]
        assert (fold.test_from, fold.test_until) == (fold.test_spans[0].start, fold.test_spans[-1].stop)
        assert all(any(start <= at < stop for start, stop in fold.test_spans) for at in tested)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None)
@given(ledger=ledgers(), sealed_hour=st.integers(180, 260))
def test_nothing_is_decided_or_known_in_the_sealed_span_and_what_is_kept_out_is_counted(
    name: str, ledger: Ledger, sealed_hour: int
) -> None:
    sealed = ledger.resolved_at >= START + HOUR * sealed_hour
    for parts in folds_or_reject(name, ledger, sealed_hour=sealed_hour):
        assert (parts.part[sealed] == PURGED).all()
        assert [count.sealed for count in parts.counts] == np.bincount(
            ledger.symbol[sealed], minlength=len(ledger.symbols)
        ).tolist()
        assert all(count.sealed <= count.purged for count in parts.counts)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=10, deadline=None)
@given(ledger=ledgers(), sealed_hour=st.integers(180, 240))
def test_no_fold_depends_on_what_lies_in_the_sealed_span(name: str, ledger: Ledger, sealed_hour: int) -> None:
    known = ledger.resolved_at < START + HOUR * sealed_hour
    assume(len(np.unique(ledger.symbol[known])) == len(ledger.symbols))
    fields = ("symbol", "row", "window_start", "decided_at", "resolved_at", "label", "rule", "target", "weight")
    without = dataclasses.replace(ledger, **{field: getattr(ledger, field)[known] for field in fields})
    one = folds_or_reject(name, ledger, sealed_hour=sealed_hour)
    other = folds_or_reject(name, without, sealed_hour=sealed_hour)
    for with_it, without_it in zip(one, other, strict=True):
        assert with_it.fold == without_it.fold
        assert with_it.part[known].tolist() == without_it.part.tolist()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=10, deadline=None)
@given(ledger=ledgers(), sealed_hour=st.integers(150, 200))
def test_opened_the_sealed_span_is_the_test_and_all_of_it_comes_later(
    name: str, ledger: Ledger, sealed_hour: int
) -> None:
    sealed_from = START + HOUR * sealed_hour
    split = every_split(sealed_from=iso(sealed_from))[name]
    try:
        opened = split.opened(ledger, timeframe=HOURLY)
    except SplitError as error:
        assume("would be empty" not in str(error))
        raise
    tested = np.zeros(len(ledger), dtype=np.int64)
    for parts in opened:
        tested += parts.part == TEST
        used = np.isin(parts.part, (TRAIN, VALIDATION))
        assert used.any()
        assert (ledger.resolved_at[used] < sealed_from - HOUR).all()
    assert tested.tolist() == (ledger.decided_at >= sealed_from).astype(int).tolist()


@pytest.mark.parametrize("name", NAMES)
def test_an_opening_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(SplitError, match=r"nothing is sealed, .* split\.sealed_from"):
        every_split()[name].opened(steady_world(), timeframe=HOURLY)


@pytest.mark.parametrize("name", NAMES)
def test_a_seal_before_all_samples_is_refused_with_the_cure(name: str) -> None:
    with pytest.raises(
        SplitError, match=r"every sample is sealed: .* first label is known at 2020-01-01T02:00Z; seal less"
    ):
        every_split(sealed_from="2019-06-01")[name].folds(steady_world(), timeframe=HOURLY)


@pytest.mark.parametrize("name", NAMES)
def test_folds_are_the_same_when_made_again(name: str) -> None:
    one, other = (every_split()[name].folds(steady_world(), timeframe=HOURLY) for _ in range(2))
    assert [parts.fold for parts in one] == [parts.fold for parts in other]
    assert [parts.part.tolist() for parts in one] == [parts.part.tolist() for parts in other]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("part", [TRAIN, VALIDATION])
def test_a_sample_slipped_in_beside_the_test_is_caught(name: str, part: int) -> None:
    """The assertion at run time is not the rule that made the parts: it looks at the spans again."""
    ledger = steady_world()
    parts = every_split()[name].folds(ledger, timeframe=HOURLY)[-1]
    just_before = np.flatnonzero(ledger.decided_at < parts.fold.test_spans[-1].start)[-1]
    parts.part[just_before] = part
    with pytest.raises(SplitError, match="lets the future in"):
        check_disjoint(ledger, parts)


@pytest.mark.parametrize("name", ["combinatorial", "one group"])
def test_a_sample_slipped_in_just_after_the_test_is_caught_by_its_window(name: str) -> None:
    ledger = steady_world()
    parts = every_split()[name].folds(ledger, timeframe=HOURLY)[0]
    known = ledger.resolved_at[parts.part == TEST].max()
    beside = np.flatnonzero((ledger.decided_at > known) & (ledger.window_start <= known))
    assert set(parts.part[beside].tolist()) == {PURGED}
    parts.part[beside[0]] = TRAIN
    with pytest.raises(SplitError, match="lets the future in"):
        check_disjoint(ledger, parts)


def steady_world() -> Ledger:
    """Four symbols of two classes, 300 hours, labels known an hour later, or two, or three, or four."""
    hours = np.tile(START + HOUR * np.arange(1, 301), 4)
    symbol = np.repeat(np.arange(4, dtype=np.int32), 300)
    return hand_ledger(
        symbol,
        window_start=hours - 3 * HOUR,
        decided_at=hours,
        resolved_at=hours + HOUR * (1 + symbol.astype(np.int64)),
        asset_classes=("coins", "coins", "forex", "forex"),
    )

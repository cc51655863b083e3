import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from multisymbol.errors import LabelError, SplitError
from multisymbol.markets.time import HOUR, NEVER
from multisymbol.samples.fold import (
    PURGED,
    TEST,
    TRAIN,
    VALIDATION,
    Fold,
    FoldAssignment,
    check_classes,
    check_disjoint,
    cut,
)
from multisymbol.samples.ledger import Ledger, build_ledger
from tests.samples.hours import at, hours, steady, together
from tests.samples.worlds import HOURLY, hand_ledger, hand_panel, history, single_cut


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """One to four symbols with ragged histories and label spans from 0 to 60 hours."""
    owns = []
    for seed in range(draw(st.integers(1, 4))):
        random = np.random.default_rng(seed)
        first = draw(st.integers(0, 100))
        decided_at = hours(*range(first, first + draw(st.integers(1, 200))))
        longest = draw(st.integers(0, 60))
        spans = random.integers(0, longest + 1, len(decided_at))
        owns.append(hand_ledger([0] * len(decided_at), decided_at=decided_at, resolved_at=decided_at + spans * HOUR))
    return together(*owns)


def folds_or_reject(ledger: Ledger, *, a: int, b: int, embargo_bars: int) -> FoldAssignment:
    split = single_cut(validation_from=at(a), test_from=at(b), embargo_bars=embargo_bars, allow=True)
    try:
        (parts,) = split.folds(ledger, timeframe=HOURLY)
    except SplitError as error:
        assume("would be empty" not in str(error))
        raise
    return parts


@settings(max_examples=60, deadline=None)
@given(ledger=ledgers(), a=st.integers(1, 250), gap=st.integers(1, 50), embargo_bars=st.integers(0, 5))
def test_no_train_span_meets_a_validation_or_test_span_of_any_symbol(
    ledger: Ledger, a: int, gap: int, embargo_bars: int
) -> None:
    parts = folds_or_reject(ledger, a=a, b=a + gap, embargo_bars=embargo_bars)
    decided_at, resolved_at = ledger.decided_at, ledger.resolved_at
    for earlier, later in ((TRAIN, VALIDATION), (TRAIN, TEST), (VALIDATION, TEST)):
        one, other = parts.positions(earlier), parts.positions(later)
        meets = (decided_at[one][:, None] <= resolved_at[other]) & (decided_at[other] <= resolved_at[one][:, None])
        assert not meets.any()
        assert resolved_at[one].max() + embargo_bars * HOUR < decided_at[other].min()


@settings(max_examples=50, deadline=None)
@given(ledger=ledgers(), a=st.integers(1, 250), gap=st.integers(1, 50), embargo_bars=st.integers(0, 5))
def test_every_sample_is_in_the_part_the_rule_says_and_counted_once(
    ledger: Ledger, a: int, gap: int, embargo_bars: int
) -> None:
    parts = folds_or_reject(ledger, a=a, b=a + gap, embargo_bars=embargo_bars)
    fold = parts.fold
    assert (fold.validation_from, fold.test_from, fold.test_until) == (*hours(a, a + gap).tolist(), NEVER)
    for part, decided_at, resolved_at in zip(parts.part, ledger.decided_at, ledger.resolved_at, strict=True):
        expected = PURGED
        if resolved_at < fold.validation_from - fold.embargo_ns:
            expected = TRAIN
        elif decided_at >= fold.validation_from and resolved_at < fold.test_from - fold.embargo_ns:
            expected = VALIDATION
        elif decided_at >= fold.test_from:
            expected = TEST
        assert part == expected
    for index, count in enumerate(parts.counts):
        own = parts.part[ledger.symbol == index]
        counted = (count.purged, count.train, count.validation, count.test)
        assert counted == tuple((own == part).sum() for part in (PURGED, TRAIN, VALIDATION, TEST))


@settings(max_examples=50, deadline=None)
@given(ledger=ledgers(), a=st.integers(1, 250))
def test_positions_by_symbol_are_the_positions_of_the_part(ledger: Ledger, a: int) -> None:
    parts = folds_or_reject(ledger, a=a, b=a + 20, embargo_bars=0)
    by_symbol = parts.positions_by_symbol(TRAIN, ledger=ledger)
    assert len(by_symbol) == len(ledger.symbols)
    assert np.concatenate(by_symbol).tolist() == parts.positions(TRAIN).tolist()
    for index, own in enumerate(by_symbol):
        assert (ledger.symbol[own] == index).all()


def test_a_cut_worked_by_hand() -> None:
    # Samples of hours 0..19, labels known 2 hours later, A = 8, B = 14, embargo 1 hour: train must be known before 7
    # (hours 0..4), validation decided from 8 and known before 13 (8..10), test decided from 14.
    split = single_cut(validation_from=at(8), test_from=at(14))
    (parts,) = split.folds(steady(0, 20, span=2), timeframe=HOURLY)
    assert parts.positions(TRAIN).tolist() == [0, 1, 2, 3, 4]
    assert parts.positions(VALIDATION).tolist() == [8, 9, 10]
    assert parts.positions(TEST).tolist() == [14, 15, 16, 17, 18, 19]
    (count,) = parts.counts
    assert (count.train, count.validation, count.test, count.purged, count.role) == (5, 3, 6, 6, "trained")


def test_samples_from_test_until_on_are_left_out() -> None:
    split = single_cut(validation_from=at(8), test_from=at(14), test_until=at(16))
    (parts,) = split.folds(steady(0, 20), timeframe=HOURLY)
    assert parts.positions(TEST).tolist() == [14, 15]


def test_shares_are_of_the_universes_time_not_of_rows() -> None:
    # 101 hours in all; S0 has a sample in each, S1 only in the last 31: by rows the cut would lie elsewhere.
    ledger = together(steady(0, 101), steady(70, 101))
    (parts,) = single_cut(validation_share=0.1, test_share=0.2, allow=True).folds(ledger, timeframe=HOURLY)
    assert (parts.fold.validation_from, parts.fold.test_from) == tuple(hours(70, 80).tolist())


def test_validation_from_its_share_lies_just_before_a_given_test() -> None:
    (parts,) = single_cut(test_from=at(60), validation_share=0.1).folds(steady(0, 101), timeframe=HOURLY)
    assert parts.fold.validation_from == hours(50)[0]


def test_roles_say_who_is_trained_and_who_is_scored() -> None:
    ledger = together(steady(0, 100), steady(0, 50), steady(80, 100), steady(61, 70))
    (parts,) = single_cut(validation_from=at(60), test_from=at(75), allow=True).folds(ledger, timeframe=HOURLY)
    assert [count.role for count in parts.counts] == ["trained", "trains only", "unseen", "unused"]


def test_absent_symbols_are_refused_all_at_once_with_span_and_cure() -> None:
    ledger = together(steady(0, 100), steady(0, 50), steady(80, 100))
    with pytest.raises(SplitError) as caught:
        single_cut(validation_from=at(60), test_from=at(75)).folds(ledger, timeframe=HOURLY)
    text = str(caught.value)
    assert "2 of 3 symbols" in text
    assert "S0" not in text
    assert "S1: 2020-01-01T00:00Z .. 2020-01-03T01:00Z, train 50, validation 0, test 0" in text
    assert "S2: 2020-01-04T08:00Z .. 2020-01-05T03:00Z, train 0, validation 0, test 20" in text
    assert "test from 2020-01-04T03:00Z to the end" in text
    assert "never" not in text
    assert "test 0; no test: no sample is decided in that time" in text
    assert "test 20; no train: none of its samples is decided in that time" in text
    assert "split.absent=allow" in text
    assert "symbols.without=[S1,S2]" in text


@pytest.mark.parametrize(("a", "b", "c"), [(60, 60, 90), (70, 60, 90), (50, 60, 60)])
def test_cuts_out_of_order_are_refused(a: int, b: int, c: int) -> None:
    with pytest.raises(SplitError, match="of 'single cut' are out of order: validation from 2020-01-0"):
        single_cut(validation_from=at(a), test_from=at(b), test_until=at(c)).folds(steady(0, 100), timeframe=HOURLY)


@pytest.mark.parametrize(
    ("a", "b", "empty"),
    [(1, 60, "train"), (50, 52, "validation"), (50, 200, "test"), (200, 300, "validation and test")],
)
def test_an_empty_part_is_refused_by_name(a: int, b: int, empty: str) -> None:
    with pytest.raises(
        SplitError, match=f"^{empty} would be empty in 'single cut': .*from 2020-01-01T00:00Z to 2020-01-05T03:00Z"
    ):
        single_cut(validation_from=at(a), test_from=at(b)).folds(steady(0, 100), timeframe=HOURLY)


def test_wrong_parameters_are_named_at_once() -> None:
    with pytest.raises(SplitError) as caught:
        single_cut(validation_share=0.0, test_share=1.5, embargo_bars=-1)
    text = str(caught.value)
    for part in ("validation_share=0.0", "test_share=1.5", "embargo_bars=-1"):
        assert part in text


def test_a_split_by_rows_of_ragged_symbols_is_caught_by_the_invariant() -> None:
    """World 7: the deliberately wrong split."""
    ledger = together(steady(0, 100), steady(50, 150))
    fold = Fold(name="wrong", validation_from=0, test_from=1, test_until=NEVER, embargo_ns=0)
    part = np.tile(np.repeat(np.array([TRAIN, TEST], dtype=np.int8), [80, 20]), 2)
    with pytest.raises(SplitError, match=r"train lets the future in: a label known at .*, but test begins at"):
        check_disjoint(ledger, FoldAssignment(fold=fold, part=part, counts=()))


def test_a_label_known_in_the_instant_the_test_begins_is_caught() -> None:
    ledger = steady(0, 10)
    fold = Fold(name="wrong", validation_from=0, test_from=1, test_until=NEVER, embargo_ns=0)
    part = np.array([TRAIN] * 5 + [TEST] * 5, dtype=np.int8)
    with pytest.raises(SplitError, match="lets the future in"):
        check_disjoint(ledger, FoldAssignment(fold=fold, part=part, counts=()))
    part[4] = PURGED
    check_disjoint(ledger, FoldAssignment(fold=fold, part=part, counts=()))


def test_a_class_missing_from_train_is_refused_with_the_counts() -> None:
    decided_at = hours(*range(20))
    label = np.array([0, 2] * 5 + [1] * 10, dtype=np.int8)
    ledger = hand_ledger([0] * 20, decided_at=decided_at, resolved_at=decided_at, label=label)
    fold = Fold(
        name="cut", validation_from=int(hours(10)[0]), test_from=int(hours(15)[0]), test_until=NEVER, embargo_ns=0
    )
    parts = cut(ledger, fold=fold)
    with pytest.raises(LabelError, match=r"no train sample is labelled HOLD .*BUY 5, HOLD 0, SELL 5.*label threshold"):
        check_classes(ledger, parts)


def test_all_classes_in_train_pass() -> None:
    ledger = steady(0, 100)
    (parts,) = single_cut().folds(ledger, timeframe=HOURLY)
    check_classes(ledger, parts)


def test_a_sealed_span_shortens_the_time_and_is_counted() -> None:
    # Hours 0..99 sealed from 50: the last label known before it is that of hour 48, so 0.25 of 48 hours are the test.
    split = single_cut(validation_share=0.25, test_share=0.25, sealed_from=at(50))
    (parts,) = split.folds(steady(0, 100), timeframe=HOURLY)
    assert parts.positions(TEST).tolist() == list(range(36, 49))
    assert parts.positions(VALIDATION).tolist() == list(range(24, 34))
    (count,) = parts.counts
    assert (count.sealed, count.test, count.purged) == (51, 13, 51 + 4)
    (opened,) = split.opened(steady(0, 100), timeframe=HOURLY)
    assert opened.positions(TEST).tolist() == list(range(50, 100))
    assert opened.positions(VALIDATION)[0] == 50 - 12 - 0  # a quarter of 50 hours, rounded, before the seal
    assert opened.counts[0].sealed == 0


@pytest.mark.parametrize(("a", "b", "c"), [(20, 40, 60), (20, 60, 70), (60, 70, 80)])
def test_cuts_in_the_sealed_span_are_refused(a: int, b: int, c: int) -> None:
    split = single_cut(validation_from=at(a), test_from=at(b), test_until=at(c), sealed_from=at(50))
    with pytest.raises(SplitError) as caught:
        split.folds(steady(0, 100), timeframe=HOURLY)
    text = str(caught.value)
    assert "the cuts of 'single cut' reach into the sealed span, which begins at 2020-01-03T02:00Z" in text
    assert "move them before it: the sealed span is opened by itself, once, at the end" in text


def test_a_symbol_without_a_sample_is_told_where_its_bars_went() -> None:
    panel = hand_panel([history(200), history(9, warmup_bars=3)])
    ledger = build_ledger(panel, window=8, stride=1)
    with pytest.raises(SplitError, match="S1: no sample in 9 bars: 3 warm-up, 6 too few for a window of 8, 0 without"):
        single_cut().folds(ledger, timeframe=HOURLY)


def test_what_took_the_bars_of_an_absent_symbol_is_named_with_its_keys() -> None:
    # S1 begins with S0, but 120 of its 200 bars warm it up: its first sample comes after validation begins at hour 100.
    panel = hand_panel([history(200), history(200, warmup_bars=120)])
    ledger = build_ledger(panel, window=8, stride=2)
    with pytest.raises(SplitError) as caught:
        single_cut(validation_from=at(100), test_from=at(150)).folds(ledger, timeframe=HOURLY)
    text = str(caught.value)
    assert "no train: none of its samples is decided in that time; of 200 bars 120 warm-up, 7 too few for a" in text
    (keys,) = [line for line in text.splitlines() if line.startswith("what changes it: ")]
    assert keys.startswith(
        "what changes it: warm-up: shorter periods in asset_class.coins.indicators (they count bars)"
    )
    assert "; left out by the stride: stride; too few for a window: window;" in keys
    assert keys.index("stride") < keys.index("window") < keys.index("split.embargo_bars")


def test_purged_train_samples_are_named_as_the_cause() -> None:
    ledger = together(steady(0, 100), steady(40, 100, span=30))
    with pytest.raises(
        SplitError, match=r"no train: 20 of its samples are purged: their labels .or windows. reach over a cut"
    ):
        single_cut(validation_from=at(60), test_from=at(75)).folds(ledger, timeframe=HOURLY)


def test_a_part_that_is_empty_for_all_names_what_took_the_bars() -> None:
    ledger = build_ledger(hand_panel([history(200, warmup_bars=120)]), window=8, stride=1)
    with pytest.raises(SplitError, match=r"(?s)^train would be empty.*of 200 bars 120 warm-up, .*\nwhat changes it: "):
        single_cut(validation_from=at(100), test_from=at(150)).folds(ledger, timeframe=HOURLY)


def test_shares_of_rows_are_of_all_symbols_pooled_and_cut_at_one_instant() -> None:
    # 100 samples of S0 in hours 0..99 and 100 of S1 in hours 100..199: a fifth of the 200 rows are the last 40 of S1,
    # and the fifth before it is 40 more. By time the same; with S1 twice as dense, half as many hours.
    ledger = together(steady(0, 100), steady(100, 200))
    (parts,) = single_cut(shares_of="rows", allow=True).folds(ledger, timeframe=HOURLY)
    assert (parts.fold.validation_from, parts.fold.test_from) == tuple(hours(120, 160).tolist())
    dense = together(steady(0, 100), steady(100, 150), steady(100, 150))
    (parts,) = single_cut(shares_of="rows", allow=True).folds(dense, timeframe=HOURLY)
    assert (parts.fold.validation_from, parts.fold.test_from) == tuple(hours(110, 130).tolist())


def test_the_validation_share_of_rows_lies_just_before_a_given_test() -> None:
    ledger = together(steady(0, 100), steady(50, 100))  # 150 rows, a tenth of them are 15: 8 hours of two symbols
    (parts,) = single_cut(test_from=at(80), validation_share=0.1, shares_of="rows").folds(ledger, timeframe=HOURLY)
    assert parts.fold.validation_from == hours(72)[0]


def test_a_late_history_trains_by_rows_and_does_not_by_time() -> None:
    ledger = together(steady(0, 100), steady(700, 1000), steady(700, 1000))
    (by_rows,) = single_cut(shares_of="rows", allow=True).folds(ledger, timeframe=HOURLY)
    (by_time,) = single_cut(shares_of="time", validation_share=0.15, allow=True).folds(ledger, timeframe=HOURLY)
    assert [count.role for count in by_rows.counts] == ["trains only", "trained", "trained"]
    assert [count.role for count in by_time.counts] == ["trains only", "unseen", "unseen"]


@settings(max_examples=60, deadline=None)
@given(ledger=ledgers(), embargo_bars=st.integers(0, 5), test_share=st.floats(0.05, 0.6))
def test_a_cut_at_shares_of_rows_leaks_nothing_and_keeps_its_share(
    ledger: Ledger, embargo_bars: int, test_share: float
) -> None:
    split = single_cut(shares_of="rows", test_share=test_share, embargo_bars=embargo_bars, allow=True)
    try:
        (parts,) = split.folds(ledger, timeframe=HOURLY)
    except SplitError as error:
        assume("would be empty" not in str(error) and "out of order" not in str(error))
        raise
    check_disjoint(ledger, parts)
    tested = int((parts.part == TEST).sum())
    at_the_cut = int((ledger.decided_at == parts.fold.test_from).sum())
    assert round(test_share * len(ledger)) <= max(tested, 1)
    assert tested < max(round(test_share * len(ledger)), 1) + at_the_cut


def test_a_sealed_span_shortens_the_rows_that_shares_are_of() -> None:
    # Hours 0..48 are known before hour 50: a quarter of 49 rows, 12, are the test, 12 more before it validate.
    split = single_cut(validation_share=0.25, test_share=0.25, sealed_from=at(50), shares_of="rows")
    (parts,) = split.folds(steady(0, 100), timeframe=HOURLY)
    assert parts.positions(TEST).tolist() == list(range(37, 49))
    assert parts.positions(VALIDATION)[0] == 25
    (opened,) = split.opened(steady(0, 100), timeframe=HOURLY)
    assert opened.positions(TEST).tolist() == list(range(50, 100))
    assert opened.positions(VALIDATION)[0] == 37

import pytest

from multisymbol.errors import SplitError
from multisymbol.markets.time import NEVER
from multisymbol.samples.fold import TEST, TRAIN, VALIDATION, FoldAssignment
from multisymbol.samples.ledger import Ledger
from tests.samples.hours import at, hours_in, steady, together
from tests.samples.worlds import HOURLY, walk_forward

HUNDRED = steady(0, 100)


def spans(folds: tuple[FoldAssignment, ...], ledger: Ledger = HUNDRED) -> list[list[list[int]]]:
    """First and last hour of train, validation and test of each fold, of the first symbol."""
    found = [[hours_in(parts, part, ledger=ledger) for part in (TRAIN, VALIDATION, TEST)] for parts in folds]
    return [[[part[0], part[-1]] for part in parts] for parts in found]


def test_an_anchored_walk_worked_by_hand() -> None:
    # Hours 0..99, labels known 1 hour later, embargo 1 hour. Tests of 20 hours, the last one up to hour 99: from 80, 60
    # and 40; each validates on the 10 hours before, less 2 for label and embargo, and trains on all before those, less
    # 2. A fourth, from 20, would have 10 hours to train on and not 25.
    split = walk_forward(train="25h", validation="10h", test="20h")
    folds = split.folds(HUNDRED, timeframe=HOURLY)
    assert [parts.fold.name for parts in folds] == ["fold 1 of 3", "fold 2 of 3", "fold 3 of 3"]
    assert spans(folds) == [
        [[0, 27], [30, 37], [40, 59]],
        [[0, 47], [50, 57], [60, 79]],
        [[0, 67], [70, 77], [80, 99]],
    ]


def test_a_rolling_walk_forgets_what_is_older_than_its_train_part() -> None:
    split = walk_forward(window="rolling", train="25h", validation="10h", test="20h")
    folds = split.folds(HUNDRED, timeframe=HOURLY)
    assert spans(folds) == [
        [[5, 27], [30, 37], [40, 59]],
        [[25, 47], [50, 57], [60, 79]],
        [[45, 67], [70, 77], [80, 99]],
    ]


def test_a_step_leaves_time_between_tests_and_a_count_takes_the_last_ones() -> None:
    split = walk_forward(train="25h", validation="10h", test="10h", step="25h")
    folds = split.folds(HUNDRED, timeframe=HOURLY)
    assert [tested for _, _, tested in spans(folds)] == [[40, 49], [65, 74], [90, 99]]
    split = walk_forward(train="25h", validation="10h", test="10h", step="25h", count=2)
    assert [tested for _, _, tested in spans(split.folds(HUNDRED, timeframe=HOURLY))] == [[65, 74], [90, 99]]


def test_all_symbols_are_cut_at_the_same_instants() -> None:
    ledger = together(HUNDRED, steady(50, 90))
    folds = walk_forward(train="25h", validation="10h").folds(ledger, timeframe=HOURLY)
    assert spans(folds, ledger) == spans(walk_forward(train="25h", validation="10h").folds(HUNDRED, timeframe=HOURLY))
    assert [parts.counts[1].role for parts in folds] == ["unseen", "unseen", "trained"]


def test_a_seal_moves_the_last_test_before_it() -> None:
    split = walk_forward(train="25h", validation="10h", sealed_from=at(70))
    folds = split.folds(HUNDRED, timeframe=HOURLY)
    assert spans(folds)[-1] == [[0, 36], [39, 46], [49, 68]]  # hour 69 is known at 70
    (opened,) = split.opened(HUNDRED, timeframe=HOURLY)
    assert opened.fold.name == "sealed"
    assert spans((opened,)) == [[[0, 57], [60, 67], [70, 99]]]
    assert opened.fold.test_until == NEVER


def test_an_opened_rolling_walk_trains_on_its_length_alone() -> None:
    split = walk_forward(window="rolling", train="25h", validation="10h", sealed_from=at(70))
    (opened,) = split.opened(HUNDRED, timeframe=HOURLY)
    assert spans((opened,)) == [[[35, 57], [60, 67], [70, 99]]]


def test_folds_that_do_not_fit_are_refused_with_what_is_needed_what_is_there_and_how_many_fit() -> None:
    ledger = steady(0, 24 * 100)
    with pytest.raises(SplitError) as caught:
        walk_forward(train="60d", validation="10d", test="10d", count=5).folds(ledger, timeframe=HOURLY)
    text = str(caught.value)
    assert "5 folds of train 60d, validation 10d and test 10d need 120 days" in text
    assert "decided from 2020-01-01T00:00Z to 2020-04-09T23:00Z, 100 days: 3 fit; " in text
    assert "split.count, split.train" in text


def test_data_too_short_for_a_single_fold_is_refused() -> None:
    with pytest.raises(SplitError, match=r"1 fold of train 900d, .* need 901 days, .* 4 days: 0 fit"):
        walk_forward(train="900d", validation="12h", test="12h").folds(HUNDRED, timeframe=HOURLY)


def test_the_absent_of_all_folds_are_listed_at_once() -> None:
    ledger = together(HUNDRED, steady(50, 90))
    with pytest.raises(SplitError) as caught:
        walk_forward(train="25h", validation="10h", allow=False).folds(ledger, timeframe=HOURLY)
    text = str(caught.value)
    assert "1 of 2 symbols have no train or no test samples in 'fold 1 of 3'" in text
    assert "in 'fold 2 of 3'" in text
    assert "in 'fold 3 of 3'" not in text


def test_wrong_parameters_are_named_at_once() -> None:
    with pytest.raises(SplitError) as caught:
        walk_forward(train="two years", validation="90", test="30d", step="20d", count=0, embargo_bars=-1)
    text = str(caught.value)
    for part in (
        "embargo_bars=-1",
        "count=0 must be at least 1 fold, or null",
        "train=two years is no length of time; write a number and m, h, d or w, like 180d",
        "validation=90 is no length",
        "step=20d is shorter than test=30d: rows would be tested twice",
    ):
        assert part in text

from itertools import combinations
from math import comb

import numpy as np
import pytest

from multisymbol.errors import SplitError
from multisymbol.samples.fold import TEST, TRAIN, VALIDATION, Span
from tests.samples.hours import hours, hours_in, steady, together
from tests.samples.worlds import HOURLY, combinatorial

HUNDRED = steady(0, 100, span=2, window=3)
"""Windows begin 3 hours before the decision, labels are known 2 hours after it."""


def test_a_fold_worked_by_hand() -> None:
    # Groups of 20 hours; 2 and 4 are tested: hours 20..39 and 60..79, known at 41 and 81; embargo 1 hour. Outside lie
    # 60 hours, of which the last 0.25 validate: 85..99. Before a test: decided + 2 < 20 - 1, hour 16 the last. After
    # it: decided - 3 > 41 + 1, hour 46 the first. Before validation: decided + 2 < 85 - 1, but of hours 80..84 the
    # first to begin late enough would be 86: none trains, and validation begins at 86 too.
    folds = combinatorial(5, 2, validation_share=0.25).folds(HUNDRED, timeframe=HOURLY)
    parts = next(own for own in folds if own.fold.name == "groups 2+4 of 5")
    assert parts.fold.validation_from == hours(85)[0]
    assert hours_in(parts, TRAIN, ledger=HUNDRED) == [*range(17), *range(46, 57)]
    assert hours_in(parts, VALIDATION, ledger=HUNDRED) == list(range(86, 100))
    assert hours_in(parts, TEST, ledger=HUNDRED) == [*range(20, 40), *range(60, 80)]


def test_a_symbol_whose_labels_are_known_late_keeps_the_others_from_training_too() -> None:
    slow = steady(0, 100, span=10, window=3)
    folds = combinatorial(5, 1, validation_share=0.25).folds(together(HUNDRED, slow), timeframe=HOURLY)
    train = hours_in(folds[1], TRAIN, ledger=together(HUNDRED, slow))
    assert train == [*range(17), *range(54, 77)]  # known at 49 at the latest: window from 51 on, decided from 54


def test_validation_may_reach_over_a_test_span() -> None:
    # Group 5 of 5 hours is tested, 80..99; of the 80 hours before it the last 0.3 validate, from 56 on.
    folds = combinatorial(5, 1, validation_share=0.3).folds(HUNDRED, timeframe=HOURLY)
    assert hours_in(folds[4], VALIDATION, ledger=HUNDRED) == list(range(56, 77))
    # Group 4, 60..79: outside lie 0..59 and 80..99, the last 0.3 of them are 80..99 and 56..59.
    assert folds[3].fold.validation_from == hours(56)[0]
    assert hours_in(folds[3], VALIDATION, ledger=HUNDRED) == [56, *range(86, 100)]


@pytest.mark.parametrize(("groups", "test_groups"), [(2, 1), (4, 2), (5, 3), (6, 2)])
def test_every_choice_of_groups_is_tested_once_and_every_sample_equally_often(groups: int, test_groups: int) -> None:
    folds = combinatorial(groups, test_groups).folds(HUNDRED, timeframe=HOURLY)
    assert len(folds) == comb(groups, test_groups)
    names = ["+".join(map(str, chosen)) for chosen in combinations(range(1, groups + 1), test_groups)]
    assert [parts.fold.name.split(" ")[1] for parts in folds] == names
    tested = np.sum([parts.part == TEST for parts in folds], axis=0)
    assert set(tested.tolist()) == {comb(groups - 1, test_groups - 1)}


def test_neighbouring_groups_are_one_span() -> None:
    folds = combinatorial(5, 3).folds(HUNDRED, timeframe=HOURLY)
    spans = {parts.fold.name: parts.fold.test_spans for parts in folds}
    last = int(hours(100)[0])
    assert [len(own) for own in spans.values()] == [1, 2, 2, 2, 3, 2, 1, 2, 2, 1]
    assert spans["groups 3+4+5 of 5"][-1] == Span(spans["groups 1+3+4 of 5"][1].start, last)


def test_a_part_that_would_be_empty_is_refused_with_the_name_of_each_fold() -> None:
    with pytest.raises(SplitError) as caught:
        combinatorial(10, 1, validation_share=0.03).folds(steady(0, 100, span=2), timeframe=HOURLY)
    text = str(caught.value)
    assert "validation would be empty in 'group 10 of 10': validation from" in text
    assert "validation would be empty in 'group 9 of 10'" not in text


def test_wrong_parameters_are_named_at_once() -> None:
    with pytest.raises(SplitError) as caught:
        combinatorial(3, 3, validation_share=1.0, embargo_bars=-2)
    text = str(caught.value)
    for part in (
        "test_groups=3 of groups=3: test at least one, and leave one",
        "validation_share=1.0",
        "embargo_bars=-2",
    ):
        assert part in text

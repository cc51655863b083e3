import numpy as np
import pytest

from multisymbol.errors import SplitError
from multisymbol.samples.fold import TEST, TRAIN, VALIDATION
from tests.samples.hours import at, hours_in, steady, together
from tests.samples.worlds import HOURLY, leave_symbols_out, single_cut

KINDS = ("coins", "coins", "coins", "forex", "forex", "stocks")
SIX = together(*[steady(0, 100)] * 6, asset_classes=KINDS)
CUT = single_cut(validation_from=at(60), test_from=at(80))


def test_a_group_left_out_is_tested_alone_and_the_others_alone_are_trained() -> None:
    folds = leave_symbols_out([["S0", "S3"], ["S5"]], cut=CUT).folds(SIX, timeframe=HOURLY)
    assert [parts.fold.name for parts in folds] == [
        "without group 1 of 2",
        "without group 2 of 2",
    ]
    assert folds[0].fold.left_out == ("S0", "S3")
    roles = [[count.role for count in parts.counts] for parts in folds]
    assert roles[0] == ["unseen", "trains only", "trains only", "unseen", "trains only", "trains only"]
    assert roles[1] == ["trains only"] * 5 + ["unseen"]
    assert [(count.train, count.validation, count.test) for count in folds[1].counts[4:]] == [(58, 18, 0), (0, 0, 20)]


def test_the_instants_are_those_of_the_cut() -> None:
    (plain,) = CUT.folds(SIX, timeframe=HOURLY)
    for parts in leave_symbols_out([["S1"], ["S0"]], cut=CUT).folds(SIX, timeframe=HOURLY):
        left = np.isin(SIX.symbol, [SIX.symbols.index(name) for name in parts.fold.left_out])
        assert parts.part[left & (parts.part == TEST)].size == 20
        for part in (TRAIN, VALIDATION):
            assert ((parts.part == part) == ((plain.part == part) & ~left)).all()
    assert hours_in(plain, TEST, ledger=SIX) == list(range(80, 100))


@pytest.mark.parametrize("groups", [2, 3, 5])
def test_dealt_groups_leave_every_symbol_out_once_that_is_not_alone_and_spread_each_class(groups: int) -> None:
    for seed in range(10):
        folds = leave_symbols_out(groups, seed=seed, cut=CUT).folds(SIX, timeframe=HOURLY)
        left_out = [parts.fold.left_out for parts in folds]
        assert sorted(name for group in left_out for name in group) == ["S0", "S1", "S2", "S3", "S4"]
        for some in (("S0", "S1", "S2"), ("S3", "S4"), SIX.symbols):
            found = [sum(name in some for name in group) for group in left_out]
            assert max(found) - min(found) <= 1
        assert {parts.counts[5].role for parts in folds} == {"trains only"}  # the only stock


def test_the_seed_deals() -> None:
    def dealt(seed: int) -> list[tuple[str, ...]]:
        split = leave_symbols_out(2, seed=seed, cut=CUT)
        return [parts.fold.left_out for parts in split.folds(SIX, timeframe=HOURLY)]

    assert dealt(1) == dealt(1)
    assert len({tuple(dealt(seed)) for seed in range(8)}) > 2


def test_each_asset_class_may_be_left_out_by_itself() -> None:
    folds = leave_symbols_out("asset_class", cut=CUT).folds(SIX, timeframe=HOURLY)
    assert {parts.fold.name: parts.fold.left_out for parts in folds} == {
        "without coins": ("S0", "S1", "S2"),
        "without forex": ("S3", "S4"),
        "without stocks": ("S5",),
    }


def test_a_left_out_symbol_without_test_samples_is_refused_and_so_is_another_without_train_samples() -> None:
    ledger = together(steady(0, 100), steady(0, 70), steady(75, 100), steady(0, 100))
    cut = single_cut(validation_from=at(60), test_from=at(80))
    with pytest.raises(SplitError) as caught:
        leave_symbols_out([["S1", "S3"], ["S0"]], cut=cut).folds(ledger, timeframe=HOURLY)
    text = str(caught.value)
    assert "2 of 4 symbols have no train or no test samples in 'without group 1 of 2'" in text
    assert "1 of 4 symbols have no train or no test samples in 'without group 2 of 2'" in text
    assert "S1: 2020-01-01T00:00Z .. 2020-01-03T21:00Z, train 0, validation 0, test 0" in text


def test_leaving_all_out_at_once_leaves_nothing_to_train() -> None:
    with pytest.raises(SplitError, match="train and validation would be empty in 'without group 1 of 1'"):
        leave_symbols_out([list(SIX.symbols)], cut=CUT).folds(SIX, timeframe=HOURLY)


def test_unknown_symbols_are_refused_all_at_once_with_the_nearest_names() -> None:
    with pytest.raises(SplitError) as caught:
        leave_symbols_out([["SO1", "S2"], ["EURUSD"]], cut=CUT).folds(SIX, timeframe=HOURLY)
    text = str(caught.value)
    assert "groups name SO1, and there is no such symbol, did you mean 'S1'?" in text
    assert "groups name EURUSD, and there is no such symbol in the universe" in text


def test_more_groups_than_symbols_are_refused() -> None:
    with pytest.raises(SplitError, match="groups=6, but 5 of 6 symbols are not alone in their asset class; take"):
        leave_symbols_out(6, cut=CUT).folds(SIX, timeframe=HOURLY)


def test_groups_that_cannot_be_are_refused() -> None:
    with pytest.raises(SplitError, match="groups=1 must be 2 or more"):
        leave_symbols_out(1, cut=CUT)
    with pytest.raises(SplitError, match=r"groups name S1 more than once: it would be tested twice"):
        leave_symbols_out([["S1", "S2"], ["S1"]], cut=CUT)
    with pytest.raises(SplitError, match="must not be empty"):
        leave_symbols_out([["S1"], []], cut=CUT)

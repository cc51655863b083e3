import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional import classification

from multisymbol.learning.metrics import PROBABILITY_FLOOR, Scores, SymbolCounts, scores


def confusion(labels: Sequence[int], decisions: Sequence[int]) -> "np.ndarray[tuple[int, int], np.dtype[np.int64]]":
    table = np.zeros((3, 3), dtype=np.int64)
    np.add.at(table, (np.array(labels, dtype=int), np.array(decisions, dtype=int)), 1)
    return table


def test_scores_worked_by_hand() -> None:
    # Labels 0 0 0 1 1 2, decisions 0 0 1 1 0 2: recalls 2/3, 1/2, 1; F1 2/3, 1/2, 1.
    found = scores(confusion([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 0, 2]), log_loss_sum=3.0, brier_sum=1.5)
    assert (found.rows, found.log_loss, found.brier) == (6, 0.5, 0.25)
    assert found.accuracy == pytest.approx(4 / 6)
    assert found.balanced_accuracy == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert found.macro_f1 == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    # Gorodkin: (4 * 6 - (9 + 4 + 1)) / sqrt((36 - 14) * (36 - 14)).
    assert found.mcc == pytest.approx(10 / 22)


def test_classes_absent_among_labels_do_not_count_but_their_decisions_do() -> None:
    found = scores(confusion([0, 0, 2, 2], [0, 1, 2, 2]), log_loss_sum=0.0, brier_sum=0.0)
    assert found.balanced_accuracy == pytest.approx((0.5 + 1) / 2)
    assert found.macro_f1 == pytest.approx((2 / 3 + 1) / 2)


def test_no_rows_give_nan() -> None:
    found = scores(np.zeros((3, 3), dtype=np.int64), log_loss_sum=0.0, brier_sum=0.0)
    assert found.rows == 0
    assert all(math.isnan(getattr(found, name)) for name in ("log_loss", "brier", "macro_f1", "mcc", "accuracy"))


@pytest.mark.parametrize("decisions", [[1, 1, 1], [0, 1, 2]])
def test_undefined_mcc_is_zero(decisions: list[int]) -> None:
    assert scores(confusion([1, 1, 1], decisions), log_loss_sum=0.0, brier_sum=0.0).mcc == 0


def test_mcc_survives_as_many_rows_as_there_are() -> None:
    table = np.array([[2, 1, 0], [0, 2, 1], [1, 0, 2]], dtype=np.int64)
    small, large = (scores(table * times, log_loss_sum=0.0, brier_sum=0.0).mcc for times in (1, 10**9))
    assert small == pytest.approx(large)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_scores_equal_torchmetrics_where_all_classes_are_present(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(3), random.integers(0, 3, 40)])
    decisions = random.integers(0, 3, 43)
    found = scores(confusion(labels.tolist(), decisions.tolist()), log_loss_sum=0.0, brier_sum=0.0)
    y, d = torch.tensor(labels), torch.tensor(decisions)
    f1 = classification.multiclass_f1_score(d, y, num_classes=3, average="macro")
    recall = classification.multiclass_recall(d, y, num_classes=3, average="macro")
    mcc = classification.multiclass_matthews_corrcoef(d, y, num_classes=3)
    assert found.macro_f1 == pytest.approx(float(f1), abs=1e-6)
    assert found.balanced_accuracy == pytest.approx(float(recall), abs=1e-6)
    assert found.mcc == pytest.approx(float(mcc), abs=1e-6)


def batch(rows: int, *, symbols: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    prob = torch.softmax(torch.randn(rows, 3, generator=generator, dtype=torch.float64), 1)
    y = torch.randint(3, (rows,), generator=generator)
    return prob, y, torch.randint(symbols, (rows,), generator=generator)


def by_hand(prob: torch.Tensor, y: torch.Tensor) -> Scores:
    table = confusion(y.tolist(), prob.argmax(1).tolist())
    hot = torch.nn.functional.one_hot(y, 3)
    log_loss = -sum(math.log(p[c]) for p, c in zip(prob.tolist(), y.tolist(), strict=True))
    return scores(table, log_loss_sum=log_loss, brier_sum=float(((prob - hot) ** 2).sum()))


def close(one: Scores, other: Scores) -> bool:
    names = ("rows", "log_loss", "brier", "macro_f1", "balanced_accuracy", "mcc", "accuracy")
    return all(getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-12, nan_ok=True) for name in names)


@pytest.mark.parametrize("symbols", [1, 4])
def test_counts_over_batches_equal_scores_of_each_symbols_rows(symbols: int) -> None:
    prob, y, symbol = batch(300, symbols=symbols, seed=1)
    counts = SymbolCounts(symbols=symbols)
    for part in torch.arange(300).split(70):  # type: ignore[no-untyped-call]
        counts.update(prob[part], y[part], symbol[part])
    assert close(counts.overall(), by_hand(prob, y))
    for number, found in enumerate(counts.by_symbol()):
        assert close(found, by_hand(prob[symbol == number], y[symbol == number]))


def test_symbol_without_rows_has_nan_and_does_not_spoil_the_whole() -> None:
    prob, y, symbol = batch(50, symbols=2, seed=2)
    counts = SymbolCounts(symbols=3)
    counts.update(prob, y, symbol)
    assert counts.by_symbol()[2].rows == 0
    assert close(counts.overall(), by_hand(prob, y))


def test_reset_forgets() -> None:
    counts = SymbolCounts(symbols=2)
    counts.update(*batch(50, symbols=2, seed=3))
    counts.reset()
    counts.update(*batch(20, symbols=2, seed=4))
    assert counts.overall().rows == 20


def test_certain_mistake_costs_the_floor() -> None:
    counts = SymbolCounts(symbols=1)
    counts.update(torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([1]), torch.tensor([0]))
    assert counts.overall().log_loss == pytest.approx(-math.log(PROBABILITY_FLOOR))
    assert counts.overall().brier == 2


def test_brier_of_equal_probabilities_is_two_thirds() -> None:
    counts = SymbolCounts(symbols=1)
    counts.update(torch.full((5, 3), 1 / 3), torch.tensor([0, 1, 2, 0, 1]), torch.zeros(5, dtype=torch.int64))
    assert counts.overall().brier == pytest.approx(2 / 3)

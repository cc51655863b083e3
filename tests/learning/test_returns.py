import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.learning.returns import ReturnScores, ReturnSums
from multisymbol.learning.tasks import Direction, ForwardReturn
from tests.learning.worlds import world


def tally(f: list[float], y: list[float], *, delta: float = 1.0) -> ReturnScores:
    sums = ReturnSums(symbols=1, delta=delta)
    sums.update(torch.tensor(f), torch.tensor(y), torch.zeros(len(f), dtype=torch.int64))
    return sums.overall()


def test_scores_worked_by_hand() -> None:
    found = tally([1.0, -1.0, 0.0, 2.0], [2.0, 1.0, -1.0, 0.0], delta=1.0)
    # Errors -1, -2, 1, 2: Huber 0.5, 1.5, 0.5, 1.5; signs right, wrong, half, not asked.
    assert (found.rows, found.huber, found.mse) == (4, 1.0, 2.5)
    assert found.sign_accuracy == pytest.approx(1.5 / 3)
    # Means 0.5 and 0.5: products of the distances 0.75, -0.75, 0.75, -0.75; both variances 5 over 4 rows.
    assert found.ic == pytest.approx(0.0)
    assert tally([1.0, 2.0, 3.0], [10.0, 20.0, 30.0]).ic == pytest.approx(1)
    assert tally([1.0, 2.0, 3.0], [1.0, 0.0, -1.0]).ic == pytest.approx(-1)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 5))
@settings(max_examples=25, deadline=None)
def test_sums_over_batches_equal_the_formulas_on_each_symbols_rows(seed: int, delta: float) -> None:
    random = np.random.default_rng(seed)
    f, y, symbol = random.normal(size=90), random.normal(size=90), random.integers(0, 2, 90)
    sums = ReturnSums(symbols=3, delta=delta)
    for part in np.array_split(np.arange(90), 4):
        sums.update(*(torch.from_numpy(values[part]) for values in (f, y, symbol)))
    for number, found in [(0, sums.by_symbol()[0]), (1, sums.by_symbol()[1]), (None, sums.overall())]:
        own = symbol == number if number is not None else np.ones(90, dtype=bool)
        error = np.abs(f - y)[own]
        huber = np.where(error <= delta, error**2 / 2, delta * (error - delta / 2))
        assert found.rows == own.sum()
        assert found.huber == pytest.approx(huber.mean())
        assert found.mse == pytest.approx((error**2).mean())
        assert found.ic == pytest.approx(np.corrcoef(f[own], y[own])[0, 1])
        assert found.sign_accuracy == pytest.approx((np.sign(f) == np.sign(y))[own].mean())
    assert sums.by_symbol()[2].rows == 0
    assert math.isnan(sums.by_symbol()[2].huber)


def test_forecast_of_zero_has_half_the_signs_and_no_correlation() -> None:
    found = tally([0.0, 0.0, 0.0], [1.0, -2.0, 3.0])
    assert (found.sign_accuracy, found.ic) == (0.5, 0.0)
    assert math.isnan(tally([1.0, 2.0], [0.0, 0.0]).sign_accuracy)


@pytest.mark.parametrize("rows", [3, 7, 100, 999])
@pytest.mark.parametrize("constant", [0.1, 0.3, 1 / 3, 1e6 + 0.1, -3e-9])
def test_constant_forecast_has_no_correlation_whatever_its_rounding(constant: float, rows: int) -> None:
    target = np.random.default_rng(0).normal(size=rows).tolist()
    assert tally([constant] * rows, target).ic == 0


def test_number_that_is_none_shows() -> None:
    found = tally([1.0, math.nan], [1.0, 2.0])
    assert math.isnan(found.huber)
    assert math.isnan(found.ic)


def test_reset_forgets() -> None:
    sums = ReturnSums(symbols=1, delta=1.0)
    sums.update(torch.ones(5), torch.ones(5), torch.zeros(5, dtype=torch.int64))
    sums.reset()
    sums.update(torch.ones(2), torch.zeros(2), torch.zeros(2, dtype=torch.int64))
    assert (sums.overall().rows, sums.overall().huber) == (2, 0.5)


def test_task_names_its_score_and_what_it_compares_with() -> None:
    batch = world().datamodule().dataset[torch.arange(4)]
    direction, forward = Direction(), ForwardReturn(delta=1.0)
    assert (direction.monitor, direction.outputs, forward.monitor, forward.outputs) == (
        "val/log_loss",
        3,
        "val/huber",
        1,
    )
    assert direction.truth(batch) is batch.y_B
    assert forward.truth(batch) is batch.target_B
    forecast = forward.forecast(torch.tensor([[1.5], [-2.0]]), torch.zeros(1))
    assert forecast.tolist() == [1.5, -2.0]
    assert forward.score(tally([0.0], [3.0])) == 2.5

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.errors import SampleError
from multisymbol.serving.calibration import apply_temperature, fit_temperature, reliability


def sample(rows: int, *, seed: int = 0) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Probabilities that mean what they say, and labels drawn from them."""
    random = np.random.default_rng(seed)
    prob = np.exp(random.normal(size=(rows, 3)))
    prob /= prob.sum(axis=1, keepdims=True)
    y = (random.random(rows)[:, None] > prob.cumsum(axis=1)).sum(axis=1)
    return prob, y


def test_bins_hold_equal_mass_worked_by_hand() -> None:
    p = np.array([0.1, 0.2, 0.3, 0.4])
    table = reliability(p, np.array([False, True, True, True]), bins=2)
    assert [b.rows for b in table.bins] == [2, 2]
    assert [b.predicted for b in table.bins] == pytest.approx([0.15, 0.35])
    assert [b.observed for b in table.bins] == [0.5, 1.0]
    assert table.error == pytest.approx((0.35 + 0.65) / 2)


@given(st.integers(1, 400), st.integers(1, 12), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_every_row_is_in_one_bin_and_bins_are_about_equal(rows: int, bins: int, seed: int) -> None:
    p = np.random.default_rng(seed).random(rows)
    table = reliability(p, p > 0.5, bins=bins)
    assert sum(b.rows for b in table.bins) == rows
    assert len(table.bins) == min(bins, rows)
    assert max(b.rows for b in table.bins) - min(b.rows for b in table.bins) <= 1
    assert [b.predicted for b in table.bins] == sorted(b.predicted for b in table.bins)


def test_equal_probabilities_share_a_bin() -> None:
    table = reliability(np.full(100, 0.3), np.arange(100) < 40, bins=10)
    assert [(b.rows, b.observed) for b in table.bins] == [(100, 0.4)]


def test_calibrated_probabilities_have_little_error() -> None:
    prob, y = sample(20_000)
    assert reliability(prob[:, 0], y == 0, bins=10).error < 0.015
    assert reliability(prob[:, 0] ** 2, y == 0, bins=10).error > 0.05


def test_no_rows_give_nan() -> None:
    table = reliability(np.array([]), np.array([], dtype=bool), bins=10)
    assert table.bins == ()
    assert math.isnan(table.error)


@pytest.mark.parametrize("true", [0.5, 1.0, 2.5])
def test_temperature_that_was_applied_is_found(true: float) -> None:
    prob, y = sample(20_000)
    found = fit_temperature(apply_temperature(prob, 1 / true), y)
    assert found.value == pytest.approx(true, rel=0.05)
    assert found.log_loss_after <= found.log_loss_before


def test_fitted_temperature_is_the_minimum() -> None:
    prob, y = sample(500, seed=4)
    found = fit_temperature(prob, y)
    for factor in (0.9, 0.99, 1.01, 1.1):
        p = apply_temperature(prob, found.value * factor)[np.arange(500), y]
        assert -np.log(p).mean() > found.log_loss_after
    assert -np.log(prob[np.arange(500), y]).mean() == pytest.approx(found.log_loss_before)


def test_temperature_one_changes_nothing() -> None:
    prob, _ = sample(50)
    np.testing.assert_allclose(apply_temperature(prob, 1.0), prob)


def test_temperature_keeps_the_order_of_classes_and_sums_to_one() -> None:
    prob, _ = sample(50)
    hot = apply_temperature(prob, 3.0)
    np.testing.assert_array_equal(hot.argsort(axis=1), prob.argsort(axis=1))
    np.testing.assert_allclose(hot.sum(axis=1), 1)
    assert hot.max() < prob.max()


def test_certain_forecasts_stay_within_bounds() -> None:
    always_right = fit_temperature(np.array([[0.9, 0.05, 0.05]] * 5), np.zeros(5, dtype=np.int64))
    always_wrong = fit_temperature(np.array([[1.0, 0.0, 0.0]] * 5), np.ones(5, dtype=np.int64))
    assert 1 / 50 <= always_right.value < 0.1
    assert always_right.log_loss_after == pytest.approx(0, abs=1e-12)
    assert always_wrong.value == pytest.approx(50, rel=1e-6)


def test_temperature_without_rows_is_refused() -> None:
    with pytest.raises(SampleError, match="needs validation rows, got none"):
        fit_temperature(np.empty((0, 3)), np.array([], dtype=np.int64))

import math

import numpy as np
import pytest
from arch.bootstrap import CircularBlockBootstrap, optimal_block_length

from multisymbol.arrays import Floats
from multisymbol.errors import ComparisonError
from multisymbol.statistics import bootstrap
from multisymbol.statistics.bootstrap import (
    Interval,
    balanced_accuracy_difference,
    balanced_accuracy_sums,
    block_length,
    functional_interval,
    mean_interval,
)
from multisymbol.statistics.model_confidence_set import confidence_set, superior_predictive_ability


def overlapping(seed: int, instants: int, overlap: int) -> Floats:
    shocks = np.random.default_rng(seed).standard_normal(instants + overlap - 1)
    return np.convolve(shocks, np.ones(overlap) / math.sqrt(overlap), mode="valid")


SERIES = overlapping(1, 600, 10)


def interval(series: Floats, *, method: bootstrap.Method = "studentised", draws: int = 1999, seed: int = 3) -> Interval:
    return mean_interval(series, lag=9, draws=draws, seed=seed, level=0.95, method=method)


def test_block_is_the_longer_of_two_lags_and_politis_and_whites() -> None:
    # Nearly independent instants with long labels, and a slow series with short ones.
    short, slow = overlapping(2, 300, 3), np.cumsum(overlapping(2, 3000, 1))[::3]
    assert block_length(short, lag=40) == 80
    theirs = float(optimal_block_length(slow)["circular"].iloc[0])
    assert block_length(slow, lag=2) == math.ceil(theirs) > 4


def test_interval_is_the_same_for_the_same_seed_and_symmetric_about_the_mean() -> None:
    found = interval(SERIES)
    assert found == interval(SERIES)
    assert found != interval(SERIES, seed=4)
    assert found.estimate == pytest.approx(SERIES.mean())
    assert (found.low + found.high) / 2 == pytest.approx(found.estimate)


def test_percentile_interval_agrees_with_arch() -> None:
    found = interval(SERIES, method="percentile", draws=20_000)
    theirs = CircularBlockBootstrap(found.block, SERIES, seed=5)
    low, high = theirs.conf_int(np.mean, reps=20_000, method="percentile", size=0.95).ravel()
    assert found.low == pytest.approx(low, abs=0.02)
    assert found.high == pytest.approx(high, abs=0.02)


def test_studentised_interval_is_wider_than_the_percentile_one() -> None:
    studentised, percentile = interval(SERIES), interval(SERIES, method="percentile")
    assert studentised.high - studentised.low > 1.05 * (percentile.high - percentile.low)


def test_sign_shift_and_scale_move_the_interval_along() -> None:
    found, turned = interval(SERIES), interval(5 - 2 * SERIES)
    assert turned.low == pytest.approx(5 - 2 * found.high)
    assert turned.high == pytest.approx(5 - 2 * found.low)


@pytest.mark.parametrize("instant", [0, 3, 49])
def test_blocks_wrap_round_so_that_every_instant_is_drawn_equally_often(instant: int) -> None:
    # The total of an indicator of one instant is how often it was drawn.
    sums = np.eye(50)[:, [instant]]
    drawn, _ = bootstrap._resample(
        sums, sums[:, 0], functional=lambda totals: totals[:, 0], block=7, draws=20_000, seed=1
    )
    assert drawn.mean() == pytest.approx(1.0, abs=0.05)


def test_resamples_hold_as_many_instants_as_the_data_where_blocks_do_not_divide_them() -> None:
    ones = np.ones((50, 1))
    drawn, _ = bootstrap._resample(ones, ones[:, 0], functional=lambda totals: totals[:, 0], block=7, draws=10, seed=1)
    np.testing.assert_array_equal(drawn, 50.0)


def test_memory_limit_does_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = interval(SERIES)
    monkeypatch.setattr(bootstrap, "_AT_ONCE", 500)
    assert interval(SERIES) == whole


def test_constant_series_has_an_interval_of_no_length() -> None:
    found = interval(np.full(200, 0.25))
    assert (found.low, found.high, found.excludes_zero) == (0.25, 0.25, True)


def test_short_series_is_refused() -> None:
    with pytest.raises(ComparisonError, match="bootstrap: 60 test instants are too few for labels that overlap 9"):
        interval(SERIES[:60])


def test_balanced_accuracy_difference_by_hand() -> None:
    # Instant 0: labels 0 0 1, instant 1: labels 1 2; class recalls of first 1/2 1 1, of second 1 1/2 0.
    label, first, second = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 2]), np.array([0, 0, 1, 0, 1])
    sums = balanced_accuracy_sums(first, second, label, instant=np.array([0, 0, 0, 1, 1]), instants=2, classes=3)
    np.testing.assert_array_equal(sums, [[1, 1, 0, 2, 1, 0, 2, 1, 0], [0, 1, 1, 0, 0, 0, 0, 1, 1]])
    totals = sums.sum(axis=0)[None]
    np.testing.assert_allclose(balanced_accuracy_difference(totals), [(2.5 - 1.5) / 3])


def test_balanced_accuracy_is_over_the_classes_that_have_rows() -> None:
    totals = np.array([[1.0, 0, 0, 0, 0, 0, 2, 4, 0], [0.0] * 9])
    np.testing.assert_allclose(balanced_accuracy_difference(totals), [0.25, math.nan])


def test_interval_of_a_ratio_has_the_error_of_its_slope() -> None:
    generator = np.random.default_rng(7)
    sums = generator.normal([3.0, 2.0], [1.0, 0.5], size=(4000, 2))
    found = functional_interval(
        sums, functional=lambda totals: totals[:, 0] / totals[:, 1], lag=0, draws=999, seed=1, level=0.95
    )
    # d(a / b) = da / b - a db / b^2
    assert found.error == pytest.approx(math.sqrt((1 / 4 + (3 / 4) ** 2 * 0.25) / 4000), rel=0.05)
    assert found.high - found.estimate == pytest.approx(1.96 * found.error, rel=0.1)


def test_interval_of_a_function_without_value_is_refused() -> None:
    with pytest.raises(ComparisonError, match="statistic to be bootstrapped is nan on the data"):
        functional_interval(
            np.zeros((50, 9)), functional=balanced_accuracy_difference, lag=1, draws=100, seed=1, level=0.95
        )


def test_several_arms_are_told_from_the_best_only_where_they_differ() -> None:
    market = overlapping(8, 1000, 5)[:, None]
    noise = np.random.default_rng(9).standard_normal((1000, 3))
    losses = 1.0 + market + 0.3 * noise + np.array([0.0, 0.0, 0.2])
    found = confidence_set(losses, arms=("universal", "finetuned", "single"), lag=4, draws=500, seed=1, alpha=0.05)
    assert found.kept == ("universal", "finetuned")
    assert found.p[2] < 0.05
    assert superior_predictive_ability(losses[:, 2], losses[:, :2], lag=4, draws=500, seed=1) < 0.01
    assert superior_predictive_ability(losses[:, 0], losses[:, 1:], lag=4, draws=500, seed=1) > 0.05

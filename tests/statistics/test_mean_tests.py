import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.sandwich_covariance import cov_hac, weights_uniform

from multisymbol.errors import ComparisonError
from multisymbol.statistics.mean_tests import (
    MeanTest,
    autocovariances,
    batch_means,
    diebold_mariano,
    fixed_smoothing,
    least_instants,
    long_run_variance,
)
from multisymbol.statistics.power import detectable_effect, effective_instants, effective_symbols, months_needed

# Mean 1; deviations -1 0 1 0 repeated; c_0 = 6/12, c_1 = 0.
WAVE = np.array([0.0, 1.0, 2.0, 1.0] * 3)
AGREED = np.zeros(5)
"""Seeds that do not differ."""


def noise(seed: int, instants: int, overlap: int = 1) -> npt.NDArray[np.float64]:
    shocks = np.random.default_rng(seed).standard_normal(instants + overlap - 1)
    return np.convolve(shocks, np.ones(overlap), mode="valid")


def test_autocovariances_by_hand() -> None:
    # c_2: products of neighbours two apart are -1 at five places of ten, 0 at the others.
    np.testing.assert_allclose(autocovariances(WAVE, lag=2), [6 / 12, 0.0, -5 / 12])


def test_diebold_mariano_by_hand() -> None:
    found = diebold_mariano(WAVE, lag=1)
    # h = 2: f = (12 + 1 - 4 + 2/12) / 12; error^2 = 0.5 / 12 / f.
    f = (13 - 4 + 2 / 12) / 12
    assert found.method == "diebold_mariano"
    assert found.error == pytest.approx(math.sqrt(0.5 / 12 / f))
    assert found.statistic == pytest.approx(math.sqrt(12 / 0.5 * f))
    assert found.p == pytest.approx(2 * stats.t.sf(found.statistic, 11))


def test_negative_variance_falls_back_on_batch_means() -> None:
    # Alternating: c_0 + 2 c_1 is below zero.
    series = np.array([1.0, -1.0] * 12) + np.arange(24) * 1e-3
    assert long_run_variance(series, lag=1) < 0
    assert diebold_mariano(series, lag=1) == batch_means(series, lag=1)


def test_batch_means_by_hand() -> None:
    # Four blocks of three: means 0, 3, 0, 3; standard deviation sqrt(3).
    found = batch_means(np.array([0.0, 0, 0, 3, 3, 3, 0, 0, 0, 2, 3, 4]), lag=1)
    assert (found.mean, found.freedom) == (1.5, 3)
    assert found.error == pytest.approx(math.sqrt(3) / 2)


def test_batch_means_has_at_most_twenty_blocks_of_at_least_three_lags() -> None:
    assert batch_means(noise(1, 10_000), lag=5).freedom == 19
    assert batch_means(noise(1, 100), lag=5).freedom == 5


def test_fixed_smoothing_by_hand() -> None:
    series = noise(2, 48)
    found = fixed_smoothing(series, lag=3)
    # v = min(int(0.4 * 48^(2/3)), 48 // 8) = min(5, 6)
    assert found.freedom == 5
    bars = np.arange(48) + 0.5
    cosines = [math.sqrt(2 / 48) * np.cos(math.pi * j * bars / 48) @ series for j in range(1, 6)]
    assert found.error == pytest.approx(math.sqrt(np.mean(np.square(cosines)) / 48))


def test_fixed_smoothing_looks_at_no_frequency_above_a_quarter_of_the_labels() -> None:
    # 0.4 * 240^(2/3) would be 15.
    assert fixed_smoothing(noise(2, 240), lag=19).freedom == 240 // (2 * 20)


def test_variance_is_that_of_statsmodels_with_uniform_weights() -> None:
    series = noise(3, 400, overlap=10)
    fitted = OLS(series, np.ones(len(series))).fit()
    theirs = float(cov_hac(fitted, nlags=9, weights_func=weights_uniform, use_correction=False)[0, 0])
    assert long_run_variance(series, lag=9) / len(series) == pytest.approx(theirs)


def test_without_overlap_it_is_the_t_test_but_for_the_divisor() -> None:
    series = noise(4, 50) + 0.2
    found, plain = diebold_mariano(series, lag=0), stats.ttest_1samp(series, 0.0)
    # With h = 1 the correction turns divisor T into T - 1.
    assert found.statistic == pytest.approx(plain.statistic)
    assert found.p == pytest.approx(plain.pvalue)


Method = Callable[..., MeanTest]
METHODS: list[Method] = [diebold_mariano, batch_means, fixed_smoothing]
NAMES = ["diebold_mariano", "batch_means", "fixed_smoothing"]


@pytest.mark.parametrize("method", METHODS, ids=NAMES)
@given(st.integers(0, 1000), st.floats(1e-3, 1e3))
@settings(max_examples=10, deadline=None)
def test_sign_and_scale_of_the_series_do_not_change_p(method: Method, seed: int, scale: float) -> None:
    series = noise(seed, 300, overlap=5) + 0.3
    found, turned = method(series, lag=4), method(-scale * series, lag=4)
    assert turned.p == pytest.approx(found.p, rel=1e-6)
    assert turned.mean == pytest.approx(-scale * found.mean)
    assert turned.p_above == pytest.approx(1 - found.p_above, abs=1e-9)


@pytest.mark.parametrize("method", METHODS, ids=NAMES)
def test_constant_series_is_certain(method: Method) -> None:
    assert method(np.zeros(50), lag=2).p == 1.0
    assert method(np.full(50, 0.1), lag=2).p == 0.0
    assert method(np.zeros(50), lag=2).p_equivalent(0.1) == 0.0
    assert method(np.full(50, 0.1), lag=2).p_equivalent(0.01) == 1.0


def test_two_one_sided_tests_take_the_worse_side() -> None:
    found = MeanTest(method="diebold_mariano", mean=-0.4, error=0.3, freedom=10)
    below, above = stats.t.sf((-0.4 + 1) / 0.3, 10), stats.t.cdf((-0.4 - 1) / 0.3, 10)
    assert found.p_equivalent(1.0) == pytest.approx(max(below, above))
    assert found.p_equivalent(0.4) == pytest.approx(0.5)


def test_short_series_is_refused_with_the_numbers_and_the_cure() -> None:
    assert least_instants(19) == 228
    with pytest.raises(ComparisonError) as error:
        diebold_mariano(noise(1, 114), lag=19)
    assert str(error.value) == (
        "Diebold-Mariano: 114 test instants are too few for labels that overlap 19 of them: the tests need 228 "
        "(4 blocks of 3 label spans). Make the test span 2.0 times as long, or the labels shorter"
    )


def test_overlap_over_ten_bars_leaves_a_tenth_of_the_instants() -> None:
    # Moving sums of 10 shocks: c_0 = 10, long-run variance 100.
    series = noise(5, 200_000, overlap=10)
    assert effective_instants(series, diebold_mariano(series, lag=9)) == pytest.approx(20_000, rel=0.1)


def test_ten_symbols_that_correlate_by_half_count_as_1_8() -> None:
    generator = np.random.default_rng(6)
    matrix = generator.standard_normal((50_000, 1)) + generator.standard_normal((50_000, 10)) + 100.0
    assert effective_symbols(matrix) == pytest.approx(10 / 5.5, rel=0.03)
    matrix[:25_000, :5] = np.nan
    assert effective_symbols(matrix) == pytest.approx(10 / 5.5, rel=0.03)


def test_symbols_that_never_meet_count_as_independent() -> None:
    assert effective_symbols(np.array([[1.0, math.nan], [2.0, math.nan], [math.nan, 1.0], [math.nan, 3.0]])) == 2.0


def test_detectable_effect_is_found_with_its_power() -> None:
    test = MeanTest(method="diebold_mariano", mean=0.0, error=0.01, freedom=100_000)
    assert detectable_effect(test, power=0.8, alpha=0.05) == pytest.approx(0.01 * (1.959964 + 0.841621), rel=1e-4)


def test_months_grow_with_the_square_of_what_the_error_lacks() -> None:
    test = MeanTest(method="diebold_mariano", mean=0.0, error=0.01, freedom=1000)
    # Equivalence at 80 % needs z(0.95) + z(0.9) = 2.9264 errors within the smallest effect.
    more = months_needed(test, effects=AGREED, months=12.0, smallest=0.01, power=0.8, alpha=0.05)
    assert more == pytest.approx(12 * 2.9264**2 - 12, rel=2e-3)


def test_months_take_the_time_part_down_and_leave_that_of_the_seeds() -> None:
    test = MeanTest(method="fixed_smoothing", mean=0.0, error=0.01, freedom=1000)
    # So many seeds that the quantiles are the normal ones; their variance is s^2, their part s^2 / S.
    seeds = np.repeat([-1.0, 1.0], 500) * math.sqrt(0.5e-5 * 999)
    # The variance must come down to (0.01 / 2.9264)^2 = 1.1677e-5; seeds take 0.5e-5 of it.
    more = months_needed(test, effects=seeds, months=12.0, smallest=0.01, power=0.8, alpha=0.05)
    assert more == pytest.approx(12 * 1e-4 / 0.6677e-5 - 12, rel=5e-3)
    apart = seeds * math.sqrt(1.2 / 0.5)
    assert months_needed(test, effects=apart, months=12.0, smallest=0.01, power=0.8, alpha=0.05) == math.inf


def test_months_know_that_an_error_from_few_seeds_is_hardly_known() -> None:
    test = MeanTest(method="fixed_smoothing", mean=0.0, error=0.01, freedom=1000)
    few, many = (np.repeat([-1.0, 1.0], count) for count in (2, 500))
    more = [
        months_needed(
            test,
            effects=seeds * math.sqrt(0.6e-5 * (len(seeds) - 1)),
            months=12.0,
            smallest=0.01,
            power=0.8,
            alpha=0.05,
        )
        for seeds in (few, many)
    ]
    assert more[0] > 1.2 * more[1]


def test_months_of_an_estimate_near_the_edge_are_those_it_takes_if_it_stays() -> None:
    test = MeanTest(method="diebold_mariano", mean=0.009, error=0.001, freedom=1000)
    more = months_needed(test, effects=AGREED, months=12.0, smallest=0.01, power=0.8, alpha=0.05)
    assert more == pytest.approx(12 * 1.6449**2 - 12, rel=3e-3)
    on_edge = MeanTest(method="diebold_mariano", mean=0.01, error=0.001, freedom=1000)
    assert months_needed(on_edge, effects=AGREED, months=12.0, smallest=0.01, power=0.8, alpha=0.05) > 1e6

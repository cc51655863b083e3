import numpy as np
import pytest
from validation.null_worlds import World, null_differentials

from multisymbol.arrays import Floats
from multisymbol.errors import ComparisonError
from multisymbol.statistics.aa_test import binomial_bounds, expected_rates, run_aa_test, share_interval
from multisymbol.statistics.mean_tests import block_edges, diebold_mariano, sign_patterns

DAILY = {"instants": 565, "lag": 29}
"""Of 36 daily symbols in 240 days, labels over 8 days: six blocks, 32 different sign patterns."""


def overlapping(seed: int, *, instants: int, lag: int) -> Floats:
    shocks = np.random.default_rng(seed).standard_normal(instants + lag)
    return np.convolve(shocks, np.ones(lag + 1), mode="valid")


def test_sign_patterns_differ_by_more_than_a_common_sign() -> None:
    few = sign_patterns(6, most=32, seed=1)
    assert few.shape == (32, 6)
    assert len({tuple(row) for row in (few * few[:, -1:]).tolist()}) == 32
    assert (few[0] == 1).all()
    many = sign_patterns(20, most=4096, seed=1)
    assert many.shape == (4096, 20)
    assert (many[0] == 1).all()


@pytest.mark.parametrize(("instants", "lag"), [(565, 29), (300, 19), (200, 0), (241, 20)])
def test_p_is_that_of_the_primary_test_on_the_series_with_its_signs_changed(instants: int, lag: int) -> None:
    # White noise: in short series its variance at the lag is often negative, so both ways of testing are met.
    series = np.random.default_rng(instants).standard_normal(instants) + 0.2
    found = run_aa_test(series, lag=lag, draws=100, seed=4, alpha=0.05)
    signs = sign_patterns(found.blocks, most=100, seed=4)
    lengths = np.diff(block_edges(instants, blocks=found.blocks))
    off = series - series.mean()
    theirs = [diebold_mariano(off * np.repeat(sign, lengths), lag=lag) for sign in signs]
    np.testing.assert_allclose(found.p, [own.p for own in theirs], atol=1e-12)
    assert {own.method for own in theirs} <= {"diebold_mariano", "batch_means"}


def test_every_sign_pattern_is_used_once_where_there_are_few() -> None:
    found = run_aa_test(overlapping(1, **DAILY), lag=DAILY["lag"], draws=400, seed=1, alpha=0.05)
    assert (found.blocks, len(found.p)) == (6, 32)
    assert found.share * 32 == pytest.approx(round(found.share * 32))


def test_rejecting_nothing_is_what_six_blocks_give_a_right_test() -> None:
    low, high = expected_rates(**DAILY, draws=400, seed=1, alpha=0.05)
    assert low == 0
    assert 0.1 < high < 0.25
    # Long series narrow it down.
    low, high = expected_rates(2000, lag=4, draws=400, seed=1, alpha=0.05)
    assert 0.02 < low < 0.04
    assert 0.06 < high < 0.09


def test_series_that_suit_the_test_are_within_the_bounds_and_would_not_be_within_the_binomial_ones() -> None:
    shares = []
    for seed in range(200):
        found = run_aa_test(overlapping(seed, **DAILY), lag=DAILY["lag"], draws=400, seed=1, alpha=0.05)
        shares.append((found.share, found.within))
    assert np.mean([within for _, within in shares]) >= 0.93
    low, high = binomial_bounds(400, share=0.05)
    assert np.mean([low <= share <= high for share, _ in shares]) < 0.4


def test_labels_that_overlap_further_than_the_lag_says_are_caught() -> None:
    series = overlapping(3, instants=1500, lag=9)
    right, wrong = (run_aa_test(series, lag=lag, draws=400, seed=1, alpha=0.05) for lag in (9, 0))
    assert right.within
    assert wrong.share > wrong.high


def test_the_difference_is_removed_before_signs_change() -> None:
    series = null_differentials(World(instants=1500, symbols=6, seeds=5, horizon=10), seed=1).series
    one, other = (run_aa_test(own, lag=9, draws=50, seed=1, alpha=0.05) for own in (series, series + 100.0))
    np.testing.assert_allclose(other.p, one.p, rtol=1e-6)
    assert diebold_mariano(series + 100.0, lag=9).p < 1e-9


def test_arms_that_differ_by_a_constant_are_never_told_apart_once_made_equal() -> None:
    assert run_aa_test(np.full(300, 0.1), lag=9, draws=100, seed=1, alpha=0.05).p.min() == 1.0


def test_too_short_a_series_is_refused() -> None:
    with pytest.raises(ComparisonError, match=r"^A/A: 100 test instants are too few"):
        run_aa_test(np.zeros(100), lag=9, draws=100, seed=1, alpha=0.05)


def test_bounds_of_a_share_by_the_binomial() -> None:
    assert binomial_bounds(400, share=0.05) == (12 / 400, 29 / 400)
    assert list(share_interval(0, 100)) == pytest.approx([0.0, 1 - 0.025 ** (1 / 100)])

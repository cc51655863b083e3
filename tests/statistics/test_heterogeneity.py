import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from validation.null_worlds import World, null_differentials

from multisymbol.statistics.bootstrap import Interval
from multisymbol.statistics.heterogeneity import _block_sums, heterogeneity_test, shrunk_effects, spread_between
from multisymbol.statistics.loss_differentials import LossDifferentials, symbol_mean
from multisymbol.statistics.mean_tests import MeanTest
from multisymbol.statistics.seed_variance import (
    interval_with_seeds,
    larger_p,
    p_with_seeds,
    seeds_problem,
    variance_split,
    with_seeds,
)

WORLD = null_differentials(World(instants=1500, symbols=6, seeds=5, horizon=10), seed=1)


def shifted(found: LossDifferentials, shift: npt.NDArray[np.float64]) -> LossDifferentials:
    """Let each symbol gain more by so much."""
    by_symbol = found.by_symbol + shift
    series = symbol_mean(by_symbol, weights=found.weights)
    return replace(found, by_symbol=by_symbol, by_seed=np.tile(series, (len(found.seeds), 1)))


def test_what_all_symbols_share_is_no_heterogeneity() -> None:
    plain = heterogeneity_test(WORLD, groups=WORLD.symbols, seed=1)
    for shift in (-5.0, 5.0):
        same = heterogeneity_test(shifted(WORLD, np.full(6, shift)), groups=WORLD.symbols, seed=1)
        assert same.p == plain.p > 0.05
        np.testing.assert_allclose(same.effect, plain.effect, atol=1e-12)


def test_one_symbol_that_gains_otherwise_is_seen() -> None:
    found = heterogeneity_test(shifted(WORLD, np.array([0.0, 0, 0, 0, 0, 0.5])), groups=WORLD.symbols, seed=1)
    assert found.p < 0.01
    assert int(np.argmax(found.effect)) == 5


def test_order_of_symbols_does_not_matter() -> None:
    order = [3, 1, 5, 0, 4, 2]
    other = replace(
        WORLD,
        symbols=tuple(WORLD.symbols[place] for place in order),
        by_symbol=WORLD.by_symbol[:, order],
        weights=WORLD.weights[order],
    )
    one, two = (heterogeneity_test(found, groups=found.symbols, seed=1) for found in (WORLD, other))
    assert two.p == one.p
    assert two.groups == one.groups
    np.testing.assert_allclose(two.effect, one.effect)


def test_classes_are_compared_by_their_means() -> None:
    shift = np.array([0.0, 0, 0, 0.5, 0.5, 0.5])
    found = heterogeneity_test(shifted(WORLD, shift), groups=["stock"] * 3 + ["forex"] * 3, seed=1)
    assert found.groups == ("forex", "stock")
    assert found.p < 0.01
    assert found.effect[0] > 0 > found.effect[1]


def test_too_few_blocks_or_one_group_cannot_be_tested() -> None:
    short = null_differentials(World(instants=150, symbols=3, seeds=2, horizon=11), seed=1)
    assert math.isnan(heterogeneity_test(short, groups=short.symbols, seed=1).p)
    assert math.isnan(heterogeneity_test(WORLD, groups=["stock"] * 6, seed=1).p)


def test_half_a_lag_before_each_following_block_is_left_out() -> None:
    sums = _block_sums(np.ones((30, 1)), blocks=3, gap=4)
    np.testing.assert_array_equal(sums, [[6], [6], [10]])


def test_effects_are_shrunk_the_more_the_less_is_known() -> None:
    effect, error = np.array([0.0, 1.0, 2.0, math.nan]), np.array([0.1, 0.1, 0.8, 0.1])
    # Weights 100 100 1.5625, mean 0.5116; Q = 53.46, less 2, over 201.5625 - 20002.44 / 201.5625.
    assert spread_between(effect, error) == pytest.approx(0.50282, rel=1e-3)
    shrunk = shrunk_effects(effect, error)
    assert 0 < shrunk[0] < 0.05
    assert 0.5 < shrunk[2] < 1.5
    assert math.isnan(shrunk[3])


def test_effects_that_chance_explains_are_pulled_together_wholly() -> None:
    shrunk = shrunk_effects(np.array([0.1, -0.1]), np.array([1.0, 1.0]))
    np.testing.assert_allclose(shrunk, [0.0, 0.0], atol=1e-15)


def test_variance_is_split_by_hand() -> None:
    # Seeds' effects 1 2 3: variance 1, over 3; time 0.2^2; symbols 0.6 / 6.
    found = replace(WORLD, by_seed=np.repeat([[1.0], [2.0], [3.0]], 1500, axis=1), seeds=(1, 2, 3))
    test = MeanTest(method="diebold_mariano", mean=2.0, error=0.2, freedom=99)
    split = variance_split(found, test=test, symbol_variance=0.6)
    assert [split.seed, split.time, split.symbol] == pytest.approx([1 / 3, 0.04, 0.1])
    assert split.spread == pytest.approx(1.0)
    # t = 2 / sqrt(0.3733) = 3.273 with (0.3733)^2 / (0.1111 / 2 + 0.0016 / 99) = 2.508 degrees of freedom.
    assert split.p == pytest.approx(0.0611, abs=2e-3)


def test_seeds_that_agree_add_nothing_and_one_seed_says_nothing() -> None:
    test = MeanTest(method="diebold_mariano", mean=2.0, error=1.0, freedom=99)
    assert p_with_seeds(test, effects=np.array([2.0, 2.0, 2.0])) == test.p
    assert math.isnan(p_with_seeds(test, effects=np.array([2.0])))
    assert p_with_seeds(test, effects=np.array([0.0, 2.0, 4.0])) > test.p


def test_the_larger_p_is_taken_of_a_test_and_the_same_with_seeds() -> None:
    test = MeanTest(method="fixed_smoothing", mean=2.0, error=0.2, freedom=99)
    apart = np.array([0.0, 2.0, 4.0])
    assert larger_p(test, effects=apart, p=lambda own: own.p) == p_with_seeds(test, effects=apart) > 0.05
    assert larger_p(test, effects=np.array([2.0]), p=lambda own: own.p) == test.p
    # Seeds that hardly differ lend the time's error their degrees of freedom; the p over time alone is kept then.
    short = MeanTest(method="fixed_smoothing", mean=2.0, error=1.0, freedom=3)
    alike = np.array([1.9, 2.0, 2.1])
    assert p_with_seeds(short, effects=alike) < larger_p(short, effects=alike, p=lambda own: own.p) == short.p


def test_seeds_count_in_a_claim_that_there_is_no_difference() -> None:
    test = MeanTest(method="fixed_smoothing", mean=0.0, error=0.2, freedom=99)
    both = with_seeds(test, effects=np.array([-1.0, 0.0, 1.0]))
    # error^2 = 1/3 + 0.04; freedom as above.
    assert (both.error**2, both.freedom) == pytest.approx((0.37333, 2.508), rel=1e-3)
    assert test.p_equivalent(1.0) < 1e-5
    assert both.p_equivalent(1.0) > 0.05


def test_an_interval_grows_by_what_seeds_differ() -> None:
    alone = Interval(estimate=2.0, low=1.5, high=2.5, error=0.25, level=0.95, block=9, method="studentised")
    assert interval_with_seeds(alone, effects=np.array([2.0])) == alone
    assert interval_with_seeds(alone, effects=np.array([2.0, 2.0, 2.0])) == alone
    # Seeds 1 2 3: variance 1/3 beside 0.0625; freedom 2 (0.39583 / 0.33333)^2 = 2.8203.
    both = interval_with_seeds(alone, effects=np.array([1.0, 2.0, 3.0]))
    assert both.error == pytest.approx(math.sqrt(1 / 3 + 0.0625))
    half = stats.t.ppf(0.975, 2.8203) * both.error * 0.5 / (1.959964 * 0.25)
    assert (both.low, both.high) == pytest.approx((2 - half, 2 + half), rel=1e-4)
    # Without any doubt over time it is the t interval of the seeds.
    certain = replace(alone, low=2.0, high=2.0, error=0.0)
    seeds = interval_with_seeds(certain, effects=np.array([1.0, 2.0, 3.0]))
    assert seeds.high - 2 == pytest.approx(stats.t.ppf(0.975, 2) / math.sqrt(3))


def test_two_seeds_are_too_few() -> None:
    assert seeds_problem(3) == ""
    assert seeds_problem(2).startswith("2 seeds cannot tell chance of training from a difference: at least 3")

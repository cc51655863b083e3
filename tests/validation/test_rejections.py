import numpy as np
import pytest
from validation.null_worlds import World, null_differentials
from validation.rejections import NAIVE, USED, Trial

from multisymbol.statistics.aa_test import binomial_bounds
from multisymbol.statistics.mean_tests import autocovariances
from multisymbol.statistics.multiple_testing import symbol_tests
from tests.statistics.test_statistics import PLAN

SIZE = World(instants=500, symbols=10, seeds=5, horizon=20)


def test_a_world_has_overlapping_labels_correlated_symbols_and_ragged_histories() -> None:
    world = null_differentials(SIZE, seed=1)
    assert world.lag == 19
    first = (~np.isnan(world.by_symbol)).argmax(axis=0)
    assert first[0] == 0
    assert len(np.unique(first)) > 5
    assert first.max() < 250
    covariances = autocovariances(world.by_symbol[:, 0], lag=1)
    assert covariances[1] > 0.4 * covariances[0]
    both = world.by_symbol[250:]
    assert np.corrcoef(both[:, 1], both[:, 2])[0, 1] > 0.1


def test_a_world_has_no_better_arm() -> None:
    means = np.array([null_differentials(SIZE, seed=seed).effect for seed in range(200)])
    assert abs(means.mean()) < 3 * means.std() / np.sqrt(200)


def test_table_of_symbols_has_the_p_that_is_simulated() -> None:
    world = null_differentials(SIZE, seed=2)
    trial = Trial(differentials=world, other_seeds=world, alpha=0.05, draws=199, seed=1)
    tests = symbol_tests(
        world, smallest=PLAN.smallest, draws=PLAN.draws, level=PLAN.level, seed=PLAN.seed, name="overall"
    ).tests
    assert USED["any symbol, Holm"](trial) == min(own.p_holm for own in tests)


@pytest.mark.slow
def test_tests_that_are_used_keep_their_size_and_those_that_are_not_do_not() -> None:
    worlds = 150
    rejected = dict.fromkeys([*USED, *NAIVE], 0)
    for seed in range(worlds):
        trial = Trial(
            differentials=null_differentials(SIZE, seed=seed),
            other_seeds=null_differentials(
                World(instants=500, symbols=10, seeds=5, horizon=20, seed_effect=0.05), seed=10_000 + seed
            ),
            alpha=0.05,
            draws=299,
            seed=seed,
        )
        for name, test in {**USED, **NAIVE}.items():
            rejected[name] += test(trial) <= 0.05
    most = binomial_bounds(worlds, share=0.065)[1] * worlds
    assert {name: rejected[name] for name in USED if rejected[name] > most} == {}
    surely = binomial_bounds(worlds, share=0.05)[1] * worlds
    assert all(rejected[name] > surely for name in NAIVE if "percentile" not in name and "Holm" not in name)

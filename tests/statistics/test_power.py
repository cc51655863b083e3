"""What is said of power and of months is what happens, by simulation."""

from collections.abc import Sequence

import numpy as np
import pytest
from validation.null_worlds import World, null_differentials

from multisymbol.arrays import Floats
from multisymbol.statistics.loss_differentials import LossDifferentials
from multisymbol.statistics.mean_tests import MeanTest, fixed_smoothing
from multisymbol.statistics.power import detectable_effect, months_needed
from multisymbol.statistics.seed_variance import with_seeds

WORLDS, SEED_EFFECT = 300, 0.02


def worlds(instants: int, *, first: int) -> list[LossDifferentials]:
    size = World(instants=instants, symbols=5, seeds=5, horizon=10, seed_effect=SEED_EFFECT)
    return [null_differentials(size, seed=first + number) for number in range(WORLDS)]


def effects(found: LossDifferentials) -> Floats:
    means: Floats = found.by_seed.mean(axis=1)
    return means


def narrow(found: LossDifferentials) -> MeanTest:
    return with_seeds(fixed_smoothing(found.series, lag=found.lag), effects=effects(found))


def shifted(test: MeanTest, by: float) -> MeanTest:
    return MeanTest(method=test.method, mean=test.mean + by, error=test.error, freedom=test.freedom)


def share(yes: Sequence[bool]) -> float:
    return float(np.mean(yes))


@pytest.mark.slow
@pytest.mark.parametrize("instants", [200, 1000])
def test_the_detectable_effect_is_found_in_four_cases_of_five(instants: int) -> None:
    tests = [narrow(found) for found in worlds(instants, first=0)]
    detectable = float(np.median([detectable_effect(test, power=0.8, alpha=0.05) for test in tests]))
    assert 0.72 <= share([shifted(test, detectable).p <= 0.05 for test in tests]) <= 0.88


@pytest.mark.slow
def test_after_the_months_that_are_said_both_decisions_fall_in_four_cases_of_five() -> None:
    short, smallest = worlds(400, first=0), 0.06
    months = [
        months_needed(
            fixed_smoothing(found.series, lag=found.lag),
            effects=effects(found),
            months=1.0,
            smallest=smallest,
            power=0.8,
            alpha=0.05,
        )
        for found in short
    ]
    more = float(np.median(months))
    assert 0.5 < more < 5.0
    tests = [narrow(found) for found in worlds(round(400 * (1 + more)), first=10_000)]
    assert 0.7 <= share([test.p_equivalent(smallest) <= 0.05 for test in tests]) <= 0.9
    assert 0.72 <= share([shifted(test, smallest).p <= 0.05 for test in tests]) <= 0.9
    # Before, they do not.
    before = [narrow(found) for found in short]
    assert share([test.p_equivalent(smallest) <= 0.05 for test in before]) < 0.5

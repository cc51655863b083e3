import numpy as np
import pytest

from multisymbol.comparison.result import Budget
from multisymbol.comparison.scores import ArmScores, ScoredRows
from multisymbol.comparison.subgroups import arm_outcome, arms_confidence_set, subgroup_effects
from multisymbol.markets.time import HOUR
from multisymbol.statistics.loss_differentials import paired_differentials
from multisymbol.statistics.mean_tests import fixed_smoothing
from multisymbol.statistics.seed_variance import larger_p
from tests.statistics.test_statistics import PLAN

INSTANTS, HORIZON, SEEDS = 300, 6, 3
NOTHING = Budget(models=0, train_rows=0, epochs=0.0, best_epoch=0.0, steps=0, stopped_early=0.0)


def rows() -> ScoredRows:
    at = np.tile(np.arange(INSTANTS, dtype=np.int64), 2)
    return ScoredRows(
        seeds=(1, 2, 3),
        symbols=("A", "B"),
        symbol=np.repeat(np.array([0, 1], dtype=np.int32), INSTANTS),
        decided_at=at * HOUR,
        resolved_at=(at + HORIZON) * HOUR,
        label=np.random.default_rng(1).integers(0, 3, 2 * INSTANTS).astype(np.int8),
        fold=(at >= INSTANTS // 2).astype(np.int64),
        session=np.zeros(2 * INSTANTS, dtype=np.int8),
    )


def scores(arm: str, of: ScoredRows, *, skill: tuple[float, float, float]) -> ArmScores:
    """Forecasts that know the label by a little, each seed by another."""
    noise = np.random.default_rng(len(arm)).dirichlet((9.0, 9.0, 9.0), (SEEDS, len(of)))
    share = np.array(skill)[:, None, None]
    return ArmScores(arm=arm, rows=of, prob=(1 - share) * noise + share * np.eye(3)[of.label])


OF = rows()
UNIVERSAL = scores("universal", OF, skill=(0.06, 0.02, 0.04))
OTHERS = {
    "single": scores("single", OF, skill=(0.03, 0.03, 0.03)),
    "universal": UNIVERSAL,
    "prior": scores("prior", OF, skill=(0.0, 0.0, 0.0)),
}
FOUND = paired_differentials(UNIVERSAL.losses("overall"), OTHERS["single"].losses("overall"))


def test_arms_are_told_apart_by_fixed_smoothing_with_the_seeds_in_it() -> None:
    outcome = arm_outcome(UNIVERSAL, others=OTHERS, what="one model", budget=NOTHING, plan=PLAN)
    over_time, effects = fixed_smoothing(FOUND.series, lag=FOUND.lag), FOUND.by_seed.mean(axis=1)
    assert outcome.p_against_single == larger_p(over_time, effects=effects, p=lambda own: own.p) > over_time.p
    assert outcome.against_single is not None
    assert outcome.against_single.error**2 > effects.var(ddof=1) / SEEDS
    assert outcome.against_universal is None


def test_groups_are_tested_by_fixed_smoothing_on_their_own_instants() -> None:
    early, late = subgroup_effects(FOUND, OF, group=OF.fold, names=("early", "late"), plan=PLAN)
    half = INSTANTS // 2
    for found, series in ((early, FOUND.series[:half]), (late, FOUND.series[half:])):
        assert found.p == pytest.approx(fixed_smoothing(series, lag=HORIZON - 1).p)
        assert found.effect == pytest.approx(series.mean())


def test_an_arm_that_scores_some_rows_is_compared_on_those() -> None:
    late = OF.fold == 1
    some = scores("zero_shot", OF, skill=(0.05, 0.05, 0.05)).only(late)
    outcome = arm_outcome(some, others=OTHERS, what="", budget=NOTHING, plan=PLAN)
    expected = paired_differentials(some.losses("overall"), OTHERS["prior"].only(late).losses("overall"))
    assert outcome.gain == expected.effect
    assert outcome.against_single is not None
    together = arms_confidence_set([UNIVERSAL, OTHERS["single"], some], plan=PLAN)
    apart = arms_confidence_set([own.only(late) for own in (UNIVERSAL, OTHERS["single"])] + [some], plan=PLAN)
    assert together is not None
    assert apart is not None
    assert (together.kept, together.p.tolist()) == (apart.kept, apart.p.tolist())

from dataclasses import replace

import numpy as np
import pytest

from multisymbol.arrays import Floats
from multisymbol.errors import ComparisonError
from multisymbol.markets.time import HOUR
from multisymbol.statistics.compare import ComparisonResult, Plan, compare_arms
from multisymbol.statistics.loss_differentials import ArmLosses, Rows
from multisymbol.statistics.mean_tests import fixed_smoothing
from multisymbol.statistics.multiple_testing import holm
from multisymbol.statistics.power import months_needed
from multisymbol.statistics.seed_variance import larger_p
from multisymbol.statistics.skill import Effects, Pairs, Surrogates, effects, symbol_skills

SYMBOLS = ("A", "B", "C", "NEW")
INSTANTS, SEEDS, HORIZON = 1200, 3, 6
PLAN = Plan(
    smallest=0.005,
    alpha=0.05,
    level=0.95,
    power=0.8,
    draws=199,
    aa_draws=100,
    seed=1,
    weights=None,
    exploratory=False,
)


def losses(arm: str, gain: Floats, *, seed: int, seeds: int = SEEDS) -> ArmLosses:
    """Losses around 0.7 less each symbol's gain; instants share the market, labels overlap; NEW has 40 instants."""
    market = np.random.default_rng(0).standard_normal((INSTANTS + HORIZON, 1))
    own = np.random.default_rng(seed).standard_normal((seeds, INSTANTS + HORIZON, 4))
    shocks = np.cumsum(market + 0.3 * own, axis=1)
    overlapping = 0.05 * (shocks[:, HORIZON:] - shocks[:, :-HORIZON])
    trained, instant, symbol = np.nonzero(
        np.broadcast_to((np.arange(INSTANTS)[:, None] >= [0, 100, 300, INSTANTS - 40]), (seeds, INSTANTS, 4))
    )
    rows = Rows(
        symbols=SYMBOLS,
        symbol=symbol,
        decided_at=instant * HOUR,
        resolved_at=(instant + HORIZON) * HOUR,
        seed=trained,
    )
    return ArmLosses(arm=arm, rows=rows, loss=(0.7 - gain + overlapping)[trained, instant, symbol])


def draws(kind: str, center: tuple[float, float, float], *, count: int = 20) -> Surrogates:
    generator = np.random.default_rng(5)

    def draw() -> Effects:
        noise = 0.002 * generator.standard_normal((5, 3)) + np.array(center)
        return Effects(symbols=SYMBOLS, overall=noise[4], by_symbol=noise[:4])

    return Surrogates(kind=kind, draws=tuple(draw() for _ in range(count)))


QUIET = (draws("drift kept", (0.002, 0.0, 0.0)), draws("drift removed", (0.001, 0.0, 0.0)))
ALIKE = np.full(4, 0.05)


def answered(
    universal: Floats, single: Floats, *, surrogates: tuple[Surrogates, ...] = QUIET, plan: Plan = PLAN
) -> ComparisonResult:
    return compare_arms(
        losses("universal", universal, seed=1),
        losses("single", single, seed=2),
        losses("prior", np.zeros(4), seed=3),
        question="overall",
        surrogates=surrogates,
        classes={"A": "stock", "B": "stock", "C": "forex", "NEW": "forex"},
        plan=plan,
    )


def kinds(found: ComparisonResult) -> list[str]:
    return [own.verdict.kind for own in found.by_symbol]


@pytest.fixture(scope="module")
def better() -> ComparisonResult:
    return answered(ALIKE, ALIKE - 0.03)


def test_a_shared_gain_is_found_over_all_and_for_each_symbol_with_history(better: ComparisonResult) -> None:
    assert better.verdict.kind == "UNIVERSAL_BETTER"
    assert better.verdict.effect == pytest.approx(0.03, abs=0.01)
    assert 0.015 < better.verdict.beyond < better.verdict.effect
    assert kinds(better) == ["UNIVERSAL_BETTER"] * 3 + ["INCONCLUSIVE"]
    assert better.between_symbols.p > 0.05
    assert better.between_classes is not None


def test_a_symbol_with_too_few_instants_is_shown_and_not_counted(better: ComparisonResult) -> None:
    new = better.by_symbol[3]
    assert new.verdict.sentence == (
        "For NEW, nothing can be said yet: it has 40 test instants, labels that overlap 5 of them need 60."
    )
    assert new.test.test is None
    assert np.isnan([new.test.p, new.test.p_holm, new.test.shrunk]).all()
    # Half as many again as the 39 hours there are.
    assert new.verdict.months_needed == pytest.approx(39 / 2 / (24 * 365.25 / 12))
    tested = [own.test.p for own in better.by_symbol[:3]]
    np.testing.assert_allclose([own.test.p_holm for own in better.by_symbol[:3]], holm(np.array(tested)))
    assert [own.evidence.p for own in better.by_symbol[:3]] == [own.test.p_holm for own in better.by_symbol[:3]]


def test_opposite_gains_are_found_symbol_by_symbol_and_as_heterogeneity() -> None:
    found = answered(ALIKE + np.array([0.05, -0.05, 0.0, 0.0]), ALIKE)
    assert kinds(found)[:2] == ["UNIVERSAL_BETTER", "SINGLE_BETTER"]
    assert found.between_symbols.p < 0.01
    assert found.by_symbol[0].test.shrunk < found.by_symbol[0].test.effect


def test_arms_that_are_the_same_are_equivalent() -> None:
    found = answered(ALIKE, ALIKE, plan=replace(PLAN, smallest=0.03))
    assert found.verdict.kind == "EQUIVALENT"


def test_ways_of_training_are_not_called_equivalent_where_their_seeds_differ_too_much() -> None:
    """Over time alone the mean over three networks is known well; what other seeds would give is not."""
    plan = replace(PLAN, smallest=0.03)
    universal, single = losses("universal", ALIKE, seed=1), losses("single", ALIKE, seed=2)
    apart = replace(universal, loss=universal.loss + np.array([-0.06, 0.0, 0.06])[universal.rows.seed])
    found = compare_arms(
        apart,
        single,
        losses("prior", np.zeros(4), seed=3),
        question="overall",
        surrogates=QUIET,
        classes=None,
        plan=plan,
    )
    assert found.smoothed.p_equivalent(0.03) <= 0.05 < found.evidence.p_equivalent
    assert found.verdict.kind != "EQUIVALENT"
    assert "EQUIVALENT" not in kinds(found)
    assert found.evidence.interval is not None
    assert found.evidence.interval.error**2 > found.smoothed.error**2 + 0.06**2 / 3 * 0.9
    # More data do not bring seeds together.
    assert found.evidence.months_needed == np.inf


def test_months_of_a_symbol_are_planned_at_the_level_its_claim_must_reach(better: ComparisonResult) -> None:
    found = answered(ALIKE, ALIKE - 0.03, plan=replace(PLAN, smallest=0.007)).by_symbol[1]
    test = better.by_symbol[1].test.test
    assert test is not None
    expected = months_needed(
        test,
        effects=better.differentials.symbol_by_seed[:, 1],
        months=better.differentials.months_of(1),
        smallest=0.007,
        power=0.8,
        alpha=0.05 / 3,
    )
    assert 0 < expected < np.inf
    assert found.evidence.months_needed == pytest.approx(expected)


def test_gains_no_larger_than_on_markets_without_signal_are_no_skill() -> None:
    mechanics = (draws("drift kept", (0.03, 0.05, 0.02)), draws("drift removed", (0.03, 0.05, 0.02)))
    found = answered(ALIKE, ALIKE - 0.03, surrogates=mechanics)
    assert found.verdict.kind == "NO_SKILL"
    assert kinds(found)[:3] == ["NO_SKILL"] * 3
    assert found.verdict.beyond == pytest.approx(0.0, abs=2e-3)


def test_skill_of_arms_on_symbols_is_adjusted_over_all_of_them() -> None:
    pairs = Pairs.of(
        losses("universal", ALIKE, seed=1),
        losses("single", ALIKE, seed=2),
        losses("prior", ALIKE - 0.006, seed=3),
        weights=None,
    )
    alone = [
        larger_p(
            fixed_smoothing(arm.of_symbol(number), lag=5),
            effects=arm.symbol_by_seed[:, number],
            p=lambda test: test.p_above,
        )
        for number in range(3)
        for arm in pairs.arms or ()
    ]
    skills = symbol_skills(pairs, QUIET)
    adjusted = [arm.p_prior for own in skills[:3] for arm in (own.first, own.second)]
    np.testing.assert_allclose(adjusted, holm(np.array(alone)))
    assert min(adjusted) == pytest.approx(6 * min(alone))
    assert np.isnan(skills[3].first.p_prior)


def test_skill_must_lie_beyond_every_kind_of_surrogate() -> None:
    half = (QUIET[0], draws("drift removed", (0.03, 0.05, 0.02)))
    assert answered(ALIKE, ALIKE - 0.03, surrogates=half).verdict.kind == "NO_SKILL"


def test_everything_that_is_missing_is_refused_at_once() -> None:
    few = (draws("drift kept", (0.0, 0.0, 0.0), count=5),)
    with pytest.raises(ComparisonError) as error:
        compare_arms(
            losses("universal", ALIKE, seed=1, seeds=2),
            losses("single", ALIKE, seed=2, seeds=2),
            losses("prior", ALIKE, seed=3, seeds=2),
            question="overall",
            surrogates=few,
            classes=None,
            plan=PLAN,
        )
    lines = str(error.value).splitlines()
    assert [line.split(" ", 2)[:2] for line in lines] == [["2", "seeds"], ["5", "surrogate"]]


def test_exploring_is_allowed_with_less_and_claims_nothing() -> None:
    found = answered(ALIKE, ALIKE - 0.03, surrogates=(), plan=replace(PLAN, exploratory=True))
    assert found.verdict.sentence.startswith("Exploratory, no claim: ")
    assert found.evidence.nulls == ()


def test_same_losses_and_plan_give_the_same_answer(better: ComparisonResult) -> None:
    again = answered(ALIKE, ALIKE - 0.03)
    assert again.verdict == better.verdict
    assert [own.verdict for own in again.by_symbol] == [own.verdict for own in better.by_symbol]


def test_effects_of_a_surrogate_are_the_three_mean_differences() -> None:
    found = effects(
        losses("universal", ALIKE, seed=1), losses("single", ALIKE - 0.03, seed=1), losses("prior", 0 * ALIKE, seed=1)
    )
    np.testing.assert_allclose(found.overall, [0.03, 0.05, 0.02], atol=1e-12)
    np.testing.assert_allclose(found.of(("C", "gone")), [[0.03, 0.05, 0.02], [np.nan] * 3], atol=1e-12)


def test_a_plan_lists_everything_that_is_wrong_with_it() -> None:
    with pytest.raises(ComparisonError) as error:
        replace(PLAN, alpha=5.0, smallest=0.0, draws=10)
    assert str(error.value) == (
        "alpha=5.0: expected a number above 0 and below 1; smallest=0.0: expected the difference per forecast that "
        "would matter to you, above 0; draws=10: expected at least 100"
    )

import math
from dataclasses import replace

import numpy as np
import pytest

from multisymbol.statistics.bootstrap import Interval
from multisymbol.statistics.skill import ArmSkills, Skill
from multisymbol.statistics.surrogate_null import SurrogateNull
from multisymbol.statistics.verdict import ALL, VerdictEvidence, decide

DRAWS = np.linspace(0.0, 0.002, 20)
"""5 % and 95 % points just inside 0 and 0.002."""


def interval(estimate: float, half: float) -> Interval:
    return Interval(
        estimate=estimate,
        low=estimate - half,
        high=estimate + half,
        error=half / 2,
        level=0.95,
        block=10,
        method="studentised",
    )


def skill(arm: str, effect: float, *, p_prior: float = 0.001, p_surrogates: float = 1 / 21) -> Skill:
    bands = (SurrogateNull.of(effect, DRAWS, kind="drift kept"),)
    return Skill(arm=arm, effect=effect, p_prior=p_prior, p_surrogates=p_surrogates, nulls=bands)


SKILLED = ArmSkills(first=skill("universal", 0.03), second=skill("single", 0.02))
BETTER = VerdictEvidence(
    subject=ALL,
    question="overall",
    skills=SKILLED,
    interval=interval(0.0119, 0.006),
    p=0.0004,
    p_cross_check=0.001,
    p_seeds=0.002,
    p_equivalent=0.9,
    nulls=(
        SurrogateNull.of(0.0119, DRAWS, kind="drift kept"),
        SurrogateNull.of(0.0119, DRAWS + 0.005, kind="drift removed"),
    ),
    smallest=0.005,
    alpha=0.05,
    months=18.0,
    months_needed=7.3,
    not_tested="",
    exploratory=False,
)


def test_universal_is_better_and_the_sentence_says_how_much_lies_beyond_the_band() -> None:
    verdict = decide(BETTER)
    assert verdict.kind == "UNIVERSAL_BETTER"
    assert verdict.beyond == pytest.approx(0.0119 - 0.007, abs=1e-4)
    assert verdict.sentence == (
        "Over all symbols, the universal model loses 0.0119 nats a forecast less than the single one "
        "(95% interval 0.0059 to 0.0179); 0.0049 of it is more than the same arms differ by on markets without signal."
    )
    assert verdict.caveats == ()
    assert math.isnan(verdict.months_needed)


def test_single_is_better_in_the_mirror() -> None:
    bands = (SurrogateNull.of(-0.0119, -DRAWS, kind="drift kept"),)
    verdict = decide(replace(BETTER, interval=interval(-0.0119, 0.006), nulls=bands, subject="AAPL"))
    assert verdict.kind == "SINGLE_BETTER"
    assert verdict.sentence.startswith(
        "For AAPL, the single model loses 0.0119 nats a forecast less than the universal one "
        "(95% interval 0.0059 to 0.0179); 0.0099 of it"
    )


@pytest.mark.parametrize(("shift", "compared"), [(0.011, "as much as"), (0.05, "less than")])
def test_a_gain_that_markets_without_signal_show_too_is_said_to_be_no_knowledge(shift: float, compared: str) -> None:
    verdict = decide(replace(BETTER, nulls=(SurrogateNull.of(0.0119, DRAWS + shift, kind="drift kept"),)))
    assert verdict.kind == "UNIVERSAL_BETTER"
    assert f"that is {compared} the same arms differ by on markets without signal" in verdict.sentence
    assert verdict.sentence.endswith("not in knowing the market better.")


def test_without_skill_beyond_surrogates_nothing_else_counts() -> None:
    arms = ArmSkills(first=skill("universal", 0.03, p_surrogates=0.2), second=skill("single", 0.02, p_surrogates=0.3))
    verdict = decide(replace(BETTER, skills=arms))
    assert verdict.kind == "NO_SKILL"
    assert verdict.sentence == (
        "Over all symbols, neither the universal nor the single model shows skill: what they gain on a no-skill "
        "forecast is not shown to be more than is gained on markets without any signal. Which of them loses less "
        "does not matter."
    )


def test_without_skill_beyond_the_prior_the_sentence_says_so() -> None:
    arms = ArmSkills(first=skill("universal", -0.01), second=skill("single", 0.02, p_prior=0.5))
    verdict = decide(replace(BETTER, skills=arms, question="direction"))
    assert verdict.kind == "NO_SKILL"
    assert verdict.sentence.startswith("Over all symbols, as to direction (BUY against SELL), neither")
    assert "beyond a forecast of fixed class shares" in verdict.sentence


def test_skill_of_one_arm_is_enough_and_is_said() -> None:
    arms = ArmSkills(first=skill("universal", 0.03), second=skill("single", 0.02, p_surrogates=0.5))
    verdict = decide(replace(BETTER, skills=arms))
    assert verdict.kind == "UNIVERSAL_BETTER"
    assert verdict.caveats == ("Only the universal model shows skill.",)


@pytest.mark.parametrize(
    "changed",
    [
        replace(BETTER, p=0.06),
        replace(BETTER, p_seeds=0.06),
        replace(BETTER, interval=interval(0.0119, 0.012)),
        replace(BETTER, smallest=0.012),
    ],
    ids=["p", "seeds", "interval", "too small"],
)
def test_each_condition_of_a_claim_is_needed(changed: VerdictEvidence) -> None:
    assert decide(changed).kind == "INCONCLUSIVE"


def test_equivalence_is_claimed_of_what_is_too_small_also_where_a_difference_is_shown() -> None:
    verdict = decide(replace(BETTER, smallest=0.02, p_equivalent=0.01))
    assert verdict.kind == "EQUIVALENT"
    assert verdict.sentence == (
        "Over all symbols, the universal and the single model are as good as each other: the difference in log-loss "
        "is shown to be smaller than 0.02 nats a forecast."
    )


def test_a_claim_goes_before_equivalence() -> None:
    assert decide(replace(BETTER, p_equivalent=0.001)).kind == "UNIVERSAL_BETTER"


def test_inconclusive_says_how_many_months_it_takes() -> None:
    verdict = decide(replace(BETTER, p=0.3, interval=interval(0.0119, 0.02)))
    assert verdict.months_needed == 7.3
    assert verdict.sentence == (
        "Over all symbols, no difference is shown, and one of 0.005 nats a forecast is not ruled out; about 8 more "
        "months of test data would decide it."
    )


def test_inconclusive_says_when_a_difference_is_there_but_may_be_too_small() -> None:
    verdict = decide(replace(BETTER, smallest=0.012, months_needed=1201.0))
    assert "there is a difference (+0.0119 nats a forecast), but whether it reaches the 0.012 that matter is open" in (
        verdict.sentence
    )
    assert verdict.sentence.endswith("no realistic amount of further data would decide it.")


def test_seeds_that_differ_too_much_ask_for_seeds_and_not_for_months() -> None:
    verdict = decide(replace(BETTER, p=0.3, interval=interval(0.0119, 0.02), months_needed=math.inf))
    assert verdict.sentence.endswith(
        "; more test data alone would not decide it, since the seeds differ too much: train more of them."
    )


def test_networks_that_differ_by_seed_are_named_as_the_reason() -> None:
    assert decide(replace(BETTER, p_seeds=0.4)).caveats == (
        "Seeds differ too much: the networks differ, the ways of training are not shown to.",
    )


def test_a_cross_check_that_disagrees_is_named() -> None:
    assert decide(replace(BETTER, p_cross_check=0.21)).caveats == (
        "The cross-check does not confirm it (batch means p 0.21).",
    )


def test_a_symbol_that_cannot_be_tested_gets_no_verdict_on_skill() -> None:
    why = "it has 50 test instants, labels that overlap 7 of them need 84"
    verdict = decide(replace(BETTER, subject="NEW", interval=None, p=math.nan, not_tested=why, months_needed=2.0))
    assert verdict.kind == "INCONCLUSIVE"
    assert verdict.sentence == f"For NEW, nothing can be said yet: {why}."
    assert math.isnan(verdict.effect)


def test_exploring_without_surrogates_claims_nothing_and_says_what_was_not_run() -> None:
    arms = ArmSkills(
        first=replace(SKILLED.first, nulls=(), p_surrogates=math.nan),
        second=replace(SKILLED.second, nulls=(), p_surrogates=math.nan),
    )
    bare = replace(BETTER, skills=arms, nulls=())
    assert decide(bare).kind == "NO_SKILL"
    verdict = decide(replace(bare, exploratory=True, p_seeds=math.nan))
    assert verdict.kind == "UNIVERSAL_BETTER"
    assert verdict.sentence.startswith("Exploratory, no claim: Over all symbols")
    assert "it was not compared with markets without signal, so it may know the market no better" in verdict.sentence
    assert verdict.caveats == (
        "No surrogate markets were run: apparent skill may come from how the labels are constructed.",
        "There is one seed: chance of training is not in the interval.",
    )

"""The five verdicts, and one sentence for each that gives no wrong idea to a reader who stops there.

In this order:

    NO_SKILL            no arm is shown to beat both the no-skill forecast and markets without signal
    UNIVERSAL_BETTER    p, seeds and interval agree that the first arm loses less, and by at least the smallest effect
    SINGLE_BETTER       likewise the second
    EQUIVALENT          two one-sided tests: the difference is smaller than the smallest effect of interest
    INCONCLUSIVE        none of these; with the months of test data it would take

**What the surrogate band of the difference does.** On markets without signal one arm also loses less than the other: it
overfits less, or is better calibrated. That advantage is real and it is the same on the real market, so it may decide
which model serves; but it is no knowledge of the market. So the band does not change the kind of the verdict (with a
true shared signal the gain IS less overfitting: p/n against p/(nN)). It changes the sentence: the part of the
effect beyond the band is named, and where there is none, or it points the other way, the sentence says so.
"""

import math
from dataclasses import dataclass
from typing import Literal

from multisymbol.statistics.bootstrap import Interval
from multisymbol.statistics.skill import ArmSkills
from multisymbol.statistics.surrogate_null import SurrogateNull, beyond_all

Kind = Literal["NO_SKILL", "UNIVERSAL_BETTER", "SINGLE_BETTER", "EQUIVALENT", "INCONCLUSIVE"]
Question = Literal["overall", "direction", "activity"]
ALL = "all symbols"
"""Subject of the verdict over all of them."""
REALISTIC_MONTHS = 1200
"""Nobody waits longer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VerdictEvidence:
    """All that a verdict rests on.

    Args:
        subject: `all symbols`, or a symbol's name.
        question: The whole log-loss, or its part on direction or activity.
        skills: Of the universal (first) and the single (second) arm.
        interval: Of the effect: mean loss of the second less that of the first, nats; None where it was not tested.
        p: Two-sided, of the primary test; adjusted (Holm) for one of many symbols. NaN where it was not tested.
        p_cross_check: Of batch means. NaN where not done.
        p_seeds: With the seeds' variance. NaN for a single seed, and for one symbol, whose `p` has it in.
        p_equivalent: Of two one-sided tests; adjusted likewise.
        nulls: Of the effect, one for each kind of surrogate.
        smallest: Smallest effect of interest, nats, above 0.
        alpha: Of all tests.
        months: Of test data that there are.
        months_needed: More that would be needed; infinitely many where the seeds differ too much.
        not_tested: Why the difference could not be tested; empty if it was.
        exploratory: Too few seeds or draws were allowed: nothing is claimed.
    """

    subject: str
    question: Question
    skills: ArmSkills
    interval: Interval | None
    p: float
    p_cross_check: float
    p_seeds: float
    p_equivalent: float
    nulls: tuple[SurrogateNull, ...]
    smallest: float
    alpha: float
    months: float
    months_needed: float
    not_tested: str
    exploratory: bool

    @property
    def beyond(self) -> float:
        """Part of the effect beyond the surrogate band; NaN without surrogates."""
        return beyond_all(self.nulls)

    @property
    def skilled(self) -> tuple[str, ...]:
        """Names of the arms that show skill."""
        return tuple(
            arm.arm
            for arm in (self.skills.first, self.skills.second)
            if arm.shown(alpha=self.alpha, exploratory=self.exploratory)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Conclusion:
    """The answer.

    Args:
        kind: One of five.
        sentence: In plain words; enough for a reader who stops there.
        caveats: What a careful reader must know besides, each a sentence.
        effect: Nats; NaN where there is none.
        beyond: Part of it beyond the surrogate band, with its sign; NaN without surrogates.
        months_needed: More months of test data for a decision; NaN where none are needed.
    """

    kind: Kind
    sentence: str
    caveats: tuple[str, ...]
    effect: float
    beyond: float
    months_needed: float


def decide(evidence: VerdictEvidence) -> Conclusion:
    """Give the verdict."""
    kind = _kind(evidence)
    prefix = "Exploratory, no claim: " if evidence.exploratory else ""
    return Conclusion(
        kind=kind,
        sentence=prefix + _sentence(kind, evidence),
        caveats=tuple(_caveats(kind, evidence)),
        effect=math.nan if evidence.interval is None else evidence.interval.estimate,
        beyond=evidence.beyond,
        months_needed=evidence.months_needed if kind == "INCONCLUSIVE" else math.nan,
    )


def _kind(evidence: VerdictEvidence) -> Kind:
    interval = evidence.interval
    if interval is None:
        return "INCONCLUSIVE"
    if not evidence.skilled:
        return "NO_SKILL"
    if _differs(evidence, interval) and abs(interval.estimate) >= evidence.smallest:
        return "UNIVERSAL_BETTER" if interval.estimate > 0 else "SINGLE_BETTER"
    return "EQUIVALENT" if evidence.p_equivalent <= evidence.alpha else "INCONCLUSIVE"


def _differs(evidence: VerdictEvidence, interval: Interval) -> bool:
    seeds_agree = math.isnan(evidence.p_seeds) or evidence.p_seeds <= evidence.alpha
    return evidence.p <= evidence.alpha and seeds_agree and interval.excludes_zero


def _sentence(kind: Kind, evidence: VerdictEvidence) -> str:
    if evidence.interval is None:
        return f"{_of(evidence)}nothing can be said yet: {evidence.not_tested}."
    if kind == "NO_SKILL":
        return _no_skill(evidence)
    if kind == "EQUIVALENT":
        return _equivalent(evidence)
    if kind == "INCONCLUSIVE":
        return _inconclusive(evidence, evidence.interval)
    return _better(evidence, evidence.interval)


def _of(evidence: VerdictEvidence) -> str:
    subject = "Over all symbols" if evidence.subject == ALL else f"For {evidence.subject}"
    asked = {
        "overall": "",
        "direction": ", as to direction (BUY against SELL)",
        "activity": ", as to activity (HOLD against the rest)",
    }[evidence.question]
    return f"{subject}{asked}, "


def _loss(evidence: VerdictEvidence) -> str:
    return "log-loss" if evidence.question == "overall" else f"{evidence.question} log-loss"


def _no_skill(evidence: VerdictEvidence) -> str:
    arms = (evidence.skills.first, evidence.skills.second)
    opening = f"{_of(evidence)}neither the {arms[0].arm} nor the {arms[1].arm} model shows skill"
    if any(arm.beats_prior(alpha=evidence.alpha) for arm in arms):
        return (
            f"{opening}: what they gain on a no-skill forecast is not shown to be more than is gained on markets "
            "without any signal. Which of them loses less does not matter."
        )
    return f"{opening} beyond a forecast of fixed class shares. Which of them loses less does not matter."


def _equivalent(evidence: VerdictEvidence) -> str:
    arms = f"the {evidence.skills.first.arm} and the {evidence.skills.second.arm} model are as good as each other"
    size = f"{evidence.smallest:.4g} nats a forecast"
    return f"{_of(evidence)}{arms}: the difference in {_loss(evidence)} is shown to be smaller than {size}."


def _better(evidence: VerdictEvidence, interval: Interval) -> str:
    better, other = evidence.skills.first, evidence.skills.second
    if interval.estimate < 0:
        better, other = other, better
    size, ends = abs(interval.estimate), sorted((abs(interval.low), abs(interval.high)))
    return (
        f"{_of(evidence)}the {better.arm} model loses {size:.4f} nats a forecast less than the {other.arm} one "
        f"({interval.level:.0%} interval {ends[0]:.4f} to {ends[1]:.4f}); {_beyond(evidence, interval.estimate)}."
    )


def _beyond(evidence: VerdictEvidence, effect: float) -> str:
    beyond = evidence.beyond
    if math.isnan(beyond):
        return "it was not compared with markets without signal, so it may know the market no better"
    if beyond * effect > 0 and abs(beyond) > abs(effect):
        return "on markets without signal the same arms differ the other way, so all of it is more than that"
    if beyond * effect > 0:
        return f"{abs(beyond):.4f} of it is more than the same arms differ by on markets without signal"
    compared = "as much as" if beyond == 0 else "less than"
    return (
        f"that is {compared} the same arms differ by on markets without signal, so the gain lies in how they are "
        "fitted, not in knowing the market better"
    )


def _inconclusive(evidence: VerdictEvidence, interval: Interval) -> str:
    if not _differs(evidence, interval):
        found = f"no difference is shown, and one of {evidence.smallest:.4g} nats a forecast is not ruled out"
    else:
        found = (
            f"there is a difference ({interval.estimate:+.4f} nats a forecast), but whether it reaches the "
            f"{evidence.smallest:.4g} that matter is open"
        )
    return f"{_of(evidence)}{found}; {_months(evidence.months_needed)}."


def _months(months: float) -> str:
    if math.isnan(months) or months == 0:
        return "the tests contradict each other, so more data are needed"
    if math.isinf(months):
        return "more test data alone would not decide it, since the seeds differ too much: train more of them"
    if months > REALISTIC_MONTHS:
        return "no realistic amount of further data would decide it"
    return f"about {max(math.ceil(months), 1):,} more month{'s' if months > 1 else ''} of test data would decide it"


def _caveats(kind: Kind, evidence: VerdictEvidence) -> list[str]:
    found = []
    claims = kind in {"UNIVERSAL_BETTER", "SINGLE_BETTER"}
    if evidence.interval is not None and not evidence.nulls:
        found.append("No surrogate markets were run: skill may be mechanics of the labels.")
    if claims and evidence.p_cross_check > evidence.alpha:
        found.append(f"The cross-check does not confirm it (batch means p {evidence.p_cross_check:.2g}).")
    if kind == "INCONCLUSIVE" and evidence.p <= evidence.alpha < evidence.p_seeds:
        found.append("Seeds differ too much: the networks differ, the ways of training are not shown to.")
    if claims and len(evidence.skilled) == 1:
        found.append(f"Only the {evidence.skilled[0]} model shows skill.")
    if claims and math.isnan(evidence.p_seeds) and evidence.subject == ALL:
        found.append("There is one seed: chance of training is not in the interval.")
    return found

"""The five verdicts, each with one sentence that does not mislead a reader who stops there.

In this order:

    NO_SKILL            no arm is shown to beat both the no-skill forecast and markets without signal
    UNIVERSAL_BETTER    p, seeds and interval agree that the first arm loses less, and by at least the smallest effect
    SINGLE_BETTER       the same for the second arm
    EQUIVALENT          two one-sided tests: the difference is smaller than the smallest effect of interest
    INCONCLUSIVE        none of these; with the months of test data that a decision would take

**What the surrogate null of the difference does.** On markets without signal one arm also loses less than the other: it
overfits less, or is better calibrated. That advantage is real and the same on the real market, so it may decide which
model serves, but it is not knowledge of the market. The null therefore does not change the kind of the verdict (with a
true shared signal the gain IS less overfitting: p/n against p/(nN)). It changes the sentence, which names the part of
the effect beyond the null, and says so where there is none or where it points the other way.
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
"""Subject of the overall verdict."""
REALISTIC_MONTHS = 1200
"""A plan for more months than this is not a plan."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LossTerms:
    """Words for the losses in a verdict's sentences."""

    loss: str  # name of the loss
    unit: str  # unit of the loss of one forecast
    baseline: str  # name of the no-skill forecast, with its article
    form: str  # format of a loss, for example `.4f`


LOG_LOSS = LossTerms(loss="log-loss", unit="nats", baseline="a forecast of fixed class shares", form=".4f")


@dataclass(frozen=True, kw_only=True, slots=True)
class VerdictEvidence:
    """Everything that a verdict rests on."""

    subject: str  # `all symbols`, or the name of a symbol
    question: Question  # the whole loss, or its part on direction or activity
    skills: ArmSkills  # skill of the first (universal) and the second (single) arm
    interval: Interval | None  # of the mean loss of the second arm less that of the first; None if not tested
    p: float  # two-sided p-value of the primary test; for one of many symbols adjusted by Holm. NaN if not tested
    p_cross_check: float  # p-value of batch means; NaN if not computed
    p_seeds: float  # with the variance between seeds; NaN for one seed, and for one symbol, whose `p` includes it
    p_equivalent: float  # p-value of two one-sided tests, adjusted as `p` is
    nulls: tuple[SurrogateNull, ...]  # surrogate null of the effect, one for each kind of surrogate
    smallest: float  # smallest effect of interest, above 0, in the unit of the losses
    alpha: float  # level of all tests
    months: float  # months of test data at hand
    months_needed: float  # further months that a decision would take; infinite where the seeds differ too much
    not_tested: str  # reason why the difference could not be tested; empty if it was
    exploratory: bool  # whether fewer seeds or draws were allowed than a claim needs
    terms: LossTerms = LOG_LOSS

    @property
    def beyond(self) -> float:
        """Part of the effect beyond the surrogate null; NaN without surrogates."""
        return beyond_all(self.nulls)

    @property
    def gated(self) -> bool:
        """Whether there is a no-skill forecast, so that skill can be tested."""
        return not math.isnan(self.skills.first.effect)

    @property
    def skilled(self) -> tuple[str, ...]:
        """Names of the arms that are shown to have skill."""
        arms = (self.skills.first, self.skills.second)
        return tuple(arm.arm for arm in arms if arm.shown(alpha=self.alpha, exploratory=self.exploratory))


@dataclass(frozen=True, kw_only=True, slots=True)
class Conclusion:
    """What the evidence says, as a kind and in words."""

    kind: Kind
    sentence: str  # the verdict in words, enough for a reader who stops there
    caveats: tuple[str, ...]  # further sentences that a careful reader must know
    effect: float  # estimated effect in the unit of the losses; NaN if not tested
    beyond: float  # part of the effect beyond the surrogate null, with its sign; NaN without surrogates
    months_needed: float  # further months that a decision would take; NaN unless INCONCLUSIVE


def decide(evidence: VerdictEvidence) -> Conclusion:
    """Decide on one of the five verdicts and put it into words."""
    kind, interval = _kind(evidence), evidence.interval
    if interval is None:
        sentence = f"{_of(evidence)}nothing can be said yet: {evidence.not_tested}."
    elif kind == "NO_SKILL":
        sentence = _no_skill(evidence)
    elif kind == "EQUIVALENT":
        sentence = _equivalent(evidence)
    else:
        sentence = (_inconclusive if kind == "INCONCLUSIVE" else _better)(evidence, interval)
    return Conclusion(
        kind=kind,
        sentence=("Exploratory, no claim: " if evidence.exploratory else "") + sentence,
        caveats=tuple(_caveats(kind, evidence)),
        effect=math.nan if interval is None else interval.estimate,
        beyond=evidence.beyond,
        months_needed=evidence.months_needed if kind == "INCONCLUSIVE" else math.nan,
    )


def _kind(evidence: VerdictEvidence) -> Kind:
    interval = evidence.interval
    if interval is None:
        return "INCONCLUSIVE"
    if evidence.gated and not evidence.skilled:
        return "NO_SKILL"
    if _differs(evidence, interval) and abs(interval.estimate) >= evidence.smallest:
        return "UNIVERSAL_BETTER" if interval.estimate > 0 else "SINGLE_BETTER"
    return "EQUIVALENT" if evidence.p_equivalent <= evidence.alpha else "INCONCLUSIVE"


def _differs(evidence: VerdictEvidence, interval: Interval) -> bool:
    seeds_agree = math.isnan(evidence.p_seeds) or evidence.p_seeds <= evidence.alpha
    return evidence.p <= evidence.alpha and seeds_agree and interval.excludes_zero


def _of(evidence: VerdictEvidence) -> str:
    subject = "Over all symbols" if evidence.subject == ALL else f"For {evidence.subject}"
    parts = {"direction": "BUY against SELL", "activity": "HOLD against the rest"}
    part = parts.get(evidence.question)
    return f"{subject}, as to {evidence.question} ({part}), " if part else f"{subject}, "


def _no_skill(evidence: VerdictEvidence) -> str:
    arms = (evidence.skills.first, evidence.skills.second)
    reason = f" beyond {evidence.terms.baseline}"
    if any(arm.beats_prior(alpha=evidence.alpha) for arm in arms):
        gain = (
            "what they gain on a no-skill forecast is not shown to be more than is gained on markets without any signal"
        )
        reason = f": {gain}"
    neither = f"neither the {arms[0].arm} nor the {arms[1].arm} model shows skill{reason}"
    return f"{_of(evidence)}{neither}. Which of them loses less does not matter."


def _equivalent(evidence: VerdictEvidence) -> str:
    arms = f"the {evidence.skills.first.arm} and the {evidence.skills.second.arm} model are as good as each other"
    loss = evidence.terms.loss if evidence.question == "overall" else f"{evidence.question} {evidence.terms.loss}"
    size = f"{evidence.smallest:.4g} {evidence.terms.unit} a forecast"
    return f"{_of(evidence)}{arms}: the difference in {loss} is shown to be smaller than {size}."


def _better(evidence: VerdictEvidence, interval: Interval) -> str:
    better, other = evidence.skills.first, evidence.skills.second
    if interval.estimate < 0:
        better, other = other, better
    form, unit = evidence.terms.form, evidence.terms.unit
    size, ends = abs(interval.estimate), sorted((abs(interval.low), abs(interval.high)))
    return (
        f"{_of(evidence)}the {better.arm} model loses {size:{form}} {unit} a forecast less than the {other.arm} one "
        f"({interval.level:.0%} interval {ends[0]:{form}} to {ends[1]:{form}}); {_beyond(evidence, interval.estimate)}."
    )


def _beyond(evidence: VerdictEvidence, effect: float) -> str:
    beyond = evidence.beyond
    if math.isnan(beyond):
        return "it was not compared with markets without signal, so it may know the market no better"
    if beyond * effect > 0 and abs(beyond) > abs(effect):
        return "on markets without signal the same arms differ the other way, so all of it is more than that"
    if beyond * effect > 0:
        size = f"{abs(beyond):{evidence.terms.form}}"
        return f"{size} of it is more than the same arms differ by on markets without signal"
    compared = "as much as" if beyond == 0 else "less than"
    return (
        f"that is {compared} the same arms differ by on markets without signal, so the gain lies in how they are "
        "fitted, not in knowing the market better"
    )


def _inconclusive(evidence: VerdictEvidence, interval: Interval) -> str:
    form, unit, smallest = evidence.terms.form, f"{evidence.terms.unit} a forecast", f"{evidence.smallest:.4g}"
    finding = f"no difference is shown, and one of {smallest} {unit} is not ruled out"
    if _differs(evidence, interval):
        difference = f"there is a difference ({interval.estimate:+{form}} {unit})"
        finding = f"{difference}, but whether it reaches the {smallest} that matter is open"
    return f"{_of(evidence)}{finding}; {_months(evidence.months_needed)}."


def _months(months: float) -> str:
    if math.isnan(months) or months == 0:
        return "the tests contradict each other, so more data are needed"
    if math.isinf(months):
        return "more test data alone would not decide it, since the seeds differ too much: train more of them"
    if months > REALISTIC_MONTHS:
        return "no realistic amount of further data would decide it"
    return f"about {max(math.ceil(months), 1):,} more month{'s' if months > 1 else ''} of test data would decide it"


def _caveats(kind: Kind, evidence: VerdictEvidence) -> list[str]:
    caveats = []
    claims = kind in {"UNIVERSAL_BETTER", "SINGLE_BETTER"}
    if evidence.interval is not None and not evidence.gated:
        caveats.append("There is no no-skill forecast beside the arms: whether either has skill was not tested.")
    if evidence.interval is not None and evidence.gated and not evidence.nulls:
        caveats.append("No surrogate markets were run: apparent skill may come from how the labels are constructed.")
    if claims and evidence.p_cross_check > evidence.alpha:
        caveats.append(f"The cross-check does not confirm it (batch means p {evidence.p_cross_check:.2g}).")
    if kind == "INCONCLUSIVE" and evidence.p <= evidence.alpha < evidence.p_seeds:
        caveats.append("Seeds differ too much: the networks differ, the ways of training are not shown to.")
    if claims and len(evidence.skilled) == 1:
        caveats.append(f"Only the {evidence.skilled[0]} model shows skill.")
    if claims and math.isnan(evidence.p_seeds) and evidence.subject == ALL:
        caveats.append("There is one seed: chance of training is not in the interval.")
    return caveats

"""The skill gate: does an arm gain on the no-skill forecast, and more than it gains on markets without signal?

Only arms that pass are worth comparing. Two arms are tested, overall and for each symbol, so every p-value is
adjusted: by Holm over the tests against the no-skill forecast (with the variance between seeds), by the largest
statistic over the tests against surrogate markets (`surrogate_null.adjusted_p_above`).
"""

# N symbol, B surrogate draw

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from multisymbol.arrays import Floats
from multisymbol.statistics.loss_differentials import ArmLosses, LossDifferentials, paired_differentials
from multisymbol.statistics.mean_tests import fixed_smoothing, least_instants
from multisymbol.statistics.multiple_testing import holm
from multisymbol.statistics.seed_variance import larger_p
from multisymbol.statistics.surrogate_null import SurrogateNull, adjusted_p_above

BETWEEN, FIRST, SECOND = 0, 1, 2
"""Columns of `Effects`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Effects:
    """Three mean loss differentials: second less first arm, no-skill less first, no-skill less second."""

    symbols: tuple[str, ...]
    overall: Floats  # mean over instants of the mean over live symbols, shape (3,)
    by_symbol: Floats  # mean over each symbol's instants, shape (N, 3)

    def of(self, symbols: Sequence[str]) -> Floats:
        """Return the effects of named symbols, NaN for those without rows. Shape (len(symbols), 3)."""
        place = {name: number for number, name in enumerate(self.symbols)}
        padded = np.vstack([self.by_symbol, np.full((1, 3), np.nan)])
        chosen: Floats = padded[[place.get(name, -1) for name in symbols]]
        return chosen


@dataclass(frozen=True, kw_only=True, slots=True)
class Surrogates:
    """The three effects on markets without signal."""

    kind: str  # kind of surrogate market, for example `drift kept`
    draws: tuple[Effects, ...]  # effects on each market; a symbol may be missing from some

    def overall(self) -> Floats:
        """Return the effects over all symbols. Shape (B, 3)."""
        return np.array([draw.overall for draw in self.draws]).reshape(-1, 3)

    def of(self, symbols: Sequence[str]) -> Floats:
        """Return the effects of named symbols. Shape (B, N, 3)."""
        return np.array([draw.of(symbols) for draw in self.draws]).reshape(-1, len(symbols), 3)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """The loss differentials of a comparison."""

    between: LossDifferentials  # second arm less first; positive values favour the first arm
    arms: tuple[LossDifferentials, LossDifferentials] | None  # no-skill forecast less each arm

    @classmethod
    def of(
        cls, first: ArmLosses, second: ArmLosses, no_skill: ArmLosses | None, *, weights: Mapping[str, float] | None
    ) -> "Pairs":
        """Pair the arms.

        Raises:
            ComparisonError: Arms that are not matched.
        """
        between = paired_differentials(first, second, weights=weights)
        if no_skill is None:
            return cls(between=between, arms=None)
        gains = (paired_differentials(arm, no_skill, weights=weights) for arm in (first, second))
        return cls(between=between, arms=(next(gains), next(gains)))


def effects(
    first: ArmLosses, second: ArmLosses, no_skill: ArmLosses, *, weights: Mapping[str, float] | None = None
) -> Effects:
    """Average the loss differentials of matched arms: all that a surrogate market contributes to a comparison.

    Raises:
        ComparisonError: Arms that are not matched.
    """
    pairs = Pairs.of(first, second, no_skill, weights=weights)
    assert pairs.arms is not None
    return _means((pairs.between, *pairs.arms))


@dataclass(frozen=True, kw_only=True, slots=True)
class Skill:
    """Gain of one arm on the no-skill forecast. Everything is NaN, and `nulls` empty, without a no-skill forecast."""

    arm: str
    effect: float  # loss of the no-skill forecast less the arm's, nats
    p_prior: float  # one-sided; no better than the no-skill forecast; adjusted over all arms and symbols tested
    p_surrogates: float  # one-sided; no better than on surrogate markets; adjusted likewise, the largest over kinds
    nulls: tuple[SurrogateNull, ...]  # surrogate null of the gain, one for each kind of surrogate

    def beats_prior(self, *, alpha: float) -> bool:
        """Whether the arm is shown to lose less than the no-skill forecast."""
        return self.effect > 0 and self.p_prior <= alpha

    def shown(self, *, alpha: float, exploratory: bool) -> bool:
        """Whether it also gains more than on surrogate markets; when exploring, lying above every null suffices."""
        beyond = self.p_surrogates <= alpha or (exploratory and all(null.beyond > 0 for null in self.nulls))
        return beyond and self.beats_prior(alpha=alpha)


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmSkills:
    """Skill of the two arms, on one symbol or overall."""

    first: Skill
    second: Skill


def overall_skills(pairs: Pairs, surrogates: Sequence[Surrogates]) -> ArmSkills:
    """Test both arms over all symbols together: two tests of each kind."""
    arms = pairs.arms
    if arms is None:
        return _unknown(pairs.between)
    p_prior = [_p_gain(arm.series, lag=arm.lag, effects=arm.by_seed.mean(axis=1)) for arm in arms]
    draws = {kind.kind: kind.overall()[:, None, [FIRST, SECOND]] for kind in surrogates}
    value = np.array([[arm.effect for arm in arms]])
    return _skills(arms, value=value, p_prior=np.array([p_prior]), draws=draws)[0]


def symbol_skills(pairs: Pairs, surrogates: Sequence[Surrogates]) -> tuple[ArmSkills, ...]:
    """Test both arms on every symbol with enough instants: 2 N tests of each kind. In the order of the symbols."""
    arms = pairs.arms
    if arms is None:
        return tuple(_unknown(pairs.between) for _ in pairs.between.symbols)
    p_prior = np.full((len(arms[0].symbols), 2), np.nan)
    for side, arm in enumerate(arms):
        for number, lag in enumerate(arm.symbol_lags.tolist()):
            series = arm.of_symbol(number)
            if len(series) >= least_instants(lag):
                p_prior[number, side] = _p_gain(series, lag=lag, effects=arm.symbol_by_seed[:, number])
    draws = {kind.kind: kind.of(arms[0].symbols)[:, :, [FIRST, SECOND]] for kind in surrogates}
    return _skills(arms, value=_means(arms).by_symbol, p_prior=p_prior, draws=draws)


def _means(parts: Sequence[LossDifferentials]) -> Effects:
    return Effects(
        symbols=parts[0].symbols,
        overall=np.array([part.effect for part in parts]),
        by_symbol=np.column_stack([np.nanmean(part.by_symbol, axis=0) for part in parts]),
    )


def _unknown(between: LossDifferentials) -> ArmSkills:
    """Return the skills of arms that no no-skill forecast stands beside."""
    nan = math.nan
    first = Skill(arm=between.first, effect=nan, p_prior=nan, p_surrogates=nan, nulls=())
    return ArmSkills(first=first, second=replace(first, arm=between.second))


def _p_gain(series: Floats, *, lag: int, effects: Floats) -> float:
    """Test one-sided whether the mean of a series is above 0, for other seeds too."""
    return larger_p(fixed_smoothing(series, lag=lag), effects=effects, p=lambda test: test.p_above)


def _skills(
    arms: Sequence[LossDifferentials], *, value: Floats, p_prior: Floats, draws: dict[str, Floats]
) -> tuple[ArmSkills, ...]:
    """Adjust over all cells of (N, 2) and collect; draws have shape (B, N, 2)."""
    adjusted = holm(p_prior.ravel()).reshape(p_prior.shape)
    p_surrogates = np.full(value.shape, np.nan)
    for drawn in draws.values():
        above = adjusted_p_above(value.ravel(), drawn.reshape(len(drawn), -1)).reshape(value.shape)
        p_surrogates = np.fmax(p_surrogates, above)

    def skill(number: int, side: int) -> Skill:
        effect = float(value[number, side])
        return Skill(
            arm=arms[side].first,
            effect=effect,
            p_prior=float(adjusted[number, side]),
            p_surrogates=float(p_surrogates[number, side]),
            nulls=tuple(SurrogateNull.of(effect, drawn[:, number, side], kind=kind) for kind, drawn in draws.items()),
        )

    return tuple(ArmSkills(first=skill(number, 0), second=skill(number, 1)) for number in range(len(value)))

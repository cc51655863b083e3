"""Subgroup effects by fold, class and session, effects of further arms, and the effect in balanced accuracy.

These tests have no cross-check beside them, so they use fixed smoothing, whose size is nearly correct on its own.
"""

# T instant, N symbol, S seed

from collections.abc import Mapping, Sequence

import numpy as np

from multisymbol.arrays import Floats, Ints
from multisymbol.comparison.result import ArmOutcome, Budget, SubgroupEffect
from multisymbol.comparison.scores import QUESTIONS, ArmScores, ScoredRows
from multisymbol.labels.labels import CLASSES
from multisymbol.seeding import named_seed
from multisymbol.statistics.bootstrap import (
    Interval,
    balanced_accuracy_difference,
    balanced_accuracy_sums,
    functional_interval,
    mean_interval,
)
from multisymbol.statistics.compare import Plan
from multisymbol.statistics.loss_differentials import (
    LossDifferentials,
    label_lag,
    mean_losses,
    paired_differentials,
    symbol_mean,
)
from multisymbol.statistics.mean_tests import fixed_smoothing, least_instants
from multisymbol.statistics.model_confidence_set import ConfidenceSet, confidence_set, superior_predictive_ability
from multisymbol.statistics.seed_variance import interval_with_seeds, larger_p


def subgroup_effects(
    differentials: LossDifferentials,
    rows: ScoredRows,
    *,
    group: Ints,
    names: Sequence[str],
    plan: Plan,
) -> tuple[SubgroupEffect, ...]:
    """Return the effect within each named subgroup of the rows, given the number of each row's subgroup, shape (n,)."""
    code = np.full(differentials.by_symbol.shape, -1, dtype=np.int64)
    column = {name: number for number, name in enumerate(differentials.symbols)}
    place = np.array([column.get(name, -1) for name in rows.symbols])
    code[np.searchsorted(differentials.instants, rows.decided_at), place[rows.symbol]] = group
    found = []
    for number, name in enumerate(names):
        if not (group == number).any():
            continue
        own, kept = rows.only(group == number), code == number
        series = symbol_mean(np.where(kept, differentials.by_symbol, np.nan), weights=differentials.weights)
        live = ~np.isnan(series)
        lag = label_lag(differentials.instants[live], decided_at=own.decided_at, resolved_at=own.resolved_at)
        interval, p = _tested(series[live], lag=lag, name=f"group/{name}", plan=plan)
        instants, symbols, effect = int(live.sum()), int(kept.any(axis=0).sum()), float(series[live].mean())
        found.append(
            SubgroupEffect(group=name, instants=instants, symbols=symbols, effect=effect, interval=interval, p=p)
        )
    return tuple(found)


def _tested(
    series: Floats, *, lag: int, name: str, plan: Plan, effects: Floats | None = None
) -> tuple[Interval | None, float]:
    """Test a mean over time, and over seeds where their effects are given; None and NaN if too short for its lag."""
    if len(series) < least_instants(lag):
        return None, float("nan")
    seed = named_seed(plan.seed, f"bootstrap/{name}")
    interval = mean_interval(series, lag=lag, draws=plan.draws, seed=seed, level=plan.level)
    test = fixed_smoothing(series, lag=lag)
    if effects is None:
        return interval, test.p
    return interval_with_seeds(interval, effects=effects), larger_p(test, effects=effects, p=lambda of: of.p)


def arm_outcome(
    scores: ArmScores, *, others: Mapping[str, ArmScores], what: str, budget: Budget, plan: Plan
) -> ArmOutcome:
    """Score an arm, and compare it with the prior, the universal and the single arm (`others`) on the rows it has."""
    beside = {name: other.on(scores.rows) for name, other in others.items()}
    means = {question: mean_losses(scores.losses(question), weights=plan.weights) for question in QUESTIONS}
    tested = {name: _against(scores, beside[name], plan=plan) for name in ("single", "universal")}
    overall = means["overall"]
    return ArmOutcome(
        arm=scores.arm,
        what=what,
        budget=budget,
        symbols=scores.scored(),
        log_loss=overall.effect,
        activity=means["activity"].effect,
        direction=means["direction"].effect,
        balanced_accuracy=scores.balanced_accuracy(),
        by_symbol=dict(zip(overall.symbols, np.nanmean(overall.by_symbol, axis=0).tolist(), strict=True)),
        against_single=tested["single"][0],
        p_against_single=tested["single"][1],
        against_universal=tested["universal"][0],
        p_against_universal=tested["universal"][1],
        gain=_difference(scores, beside["prior"], plan=plan).effect,
    )


def _against(scores: ArmScores, other: ArmScores, *, plan: Plan) -> tuple[Interval | None, float]:
    if scores.arm == other.arm:
        return None, float("nan")
    found = _difference(scores, other, plan=plan)
    effects, name = found.by_seed.mean(axis=1), f"{scores.arm}/{other.arm}"
    return _tested(found.series, lag=found.lag, name=name, plan=plan, effects=effects)


def _difference(scores: ArmScores, other: ArmScores, *, plan: Plan) -> LossDifferentials:
    """Pair an arm with another one; positive differentials favour the arm."""
    return paired_differentials(scores.losses("overall"), other.losses("overall"), weights=plan.weights)


def arms_confidence_set(scores: Sequence[ArmScores], *, plan: Plan) -> ConfidenceSet | None:
    """Find the arms that cannot be distinguished from the best, on the rows that all have; None if not testable."""
    losses = _on_common_rows(scores, plan=plan)
    if losses is None:
        return None
    series, arms, seed = np.column_stack([arm.series for arm in losses]), [arm.arm for arm in scores], _draws_seed(plan)
    return confidence_set(series, arms=arms, lag=losses[0].lag, draws=plan.draws, seed=seed, alpha=plan.alpha)


def p_any_better(benchmark: ArmScores, others: Sequence[ArmScores], *, plan: Plan) -> float:
    """Test whether any of several arms loses less than a benchmark, accounting for the number of arms tried.

    Returns:
        p-value of `superior_predictive_ability` on the rows that all arms have; NaN if not testable.
    """
    losses = _on_common_rows([benchmark, *others], plan=plan)
    if losses is None:
        return float("nan")
    first, rest = losses[0], np.column_stack([arm.series for arm in losses[1:]])
    return superior_predictive_ability(first.series, rest, lag=first.lag, draws=plan.draws, seed=_draws_seed(plan))


def _on_common_rows(scores: Sequence[ArmScores], *, plan: Plan) -> list[LossDifferentials] | None:
    """Return the mean losses of each arm on the rows that all have; None if these are too few for the tests."""
    common = scores[0]
    for arm in scores[1:]:
        common = common.on(arm.rows)
    if len(scores) < 2 or not len(common.rows):
        return None
    losses = [mean_losses(arm.on(common.rows).losses("overall"), weights=plan.weights) for arm in scores]
    return None if len(losses[0].instants) < least_instants(losses[0].lag) else losses


def _draws_seed(plan: Plan) -> int:
    return named_seed(plan.seed, "arms") % 2**32


def accuracy_interval(first: ArmScores, second: ArmScores, *, lag: int, plan: Plan) -> Interval | None:
    """Return the interval of the difference of balanced accuracies, over the same rows and all seeds.

    Returns:
        Balanced accuracy of the first less the second, -1..1; None if not testable.
    """
    instants, instant = np.unique(first.rows.decided_at, return_inverse=True)
    count, label = len(instants), first.rows.label
    if count < least_instants(lag):
        return None
    sums = np.zeros((count, 3 * len(CLASSES)))
    for one, two in zip(first.prob.argmax(axis=2), second.prob.argmax(axis=2), strict=True):
        sums += balanced_accuracy_sums(one, two, label, instant=instant, instants=count, classes=len(CLASSES))
    difference, seed = balanced_accuracy_difference, named_seed(plan.seed, "bootstrap/accuracy")
    return functional_interval(sums, functional=difference, lag=lag, draws=plan.draws, seed=seed, level=plan.level)

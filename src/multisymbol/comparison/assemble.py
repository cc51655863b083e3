"""From every arm's forecasts to the result of a comparison: tests, effects of subgroups, trading, what was not run."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np

from multisymbol.comparison.arms import Arm, FoldTask
from multisymbol.comparison.fit import FoldForecasts, TrainingRecord
from multisymbol.comparison.result import (
    PRIOR,
    SINGLE,
    UNIVERSAL,
    ArmOutcome,
    Budget,
    Comparison,
    Hashes,
    NotRun,
    Preregistration,
    SubgroupEffect,
    SymbolFacts,
    Trading,
)
from multisymbol.comparison.score_folds import fold_scores
from multisymbol.comparison.scores import QUESTIONS, ArmScores, joined, shared
from multisymbol.comparison.spec import CompareSpec
from multisymbol.comparison.subgroups import (
    accuracy_interval,
    arm_outcome,
    arms_confidence_set,
    p_any_better,
    subgroup_effects,
)
from multisymbol.comparison.trading import TradedMarket, decided_bars, trading
from multisymbol.markets.surrogate import Drift
from multisymbol.markets.time import DAY
from multisymbol.samples.fold import TRAIN, Span
from multisymbol.statistics.compare import ComparisonResult, Plan, compare_arms
from multisymbol.statistics.loss_differentials import ArmLosses, label_lag
from multisymbol.statistics.mean_tests import least_instants
from multisymbol.statistics.skill import Surrogates
from multisymbol.statistics.verdict import Question
from multisymbol.training.mlflow_run import git_commit
from multisymbol.training.register import data_digest

QUARTERS = ("night, 0 to 5", "morning, 6 to 11", "afternoon, 12 to 17", "evening, 18 to 23")


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoredArms:
    """Every arm's forecasts, before anything is tested.

    Args:
        spec: What is compared.
        declared: The plan.
        tasks: The folds.
        scored: Arm -> its forecasts and trainings, fold by fold.
        scores: Arm -> its forecasts of all folds, on rows that all arms share.
        drawn: Question -> effects on markets without signal.
    """

    spec: CompareSpec
    declared: Preregistration
    tasks: tuple[FoldTask, ...]
    scored: Mapping[str, tuple[FoldForecasts, ...]]
    scores: Mapping[str, ArmScores]
    drawn: Mapping[Question, tuple[Surrogates, ...]]

    @classmethod
    def of(
        cls,
        spec: CompareSpec,
        declared: Preregistration,
        *,
        tasks: tuple[FoldTask, ...],
        scored: Mapping[str, tuple[FoldForecasts, ...]],
        drawn: Mapping[Question, tuple[Surrogates, ...]],
    ) -> "ScoredArms":
        """Join the folds of each arm."""
        scores = {
            key: joined(
                [fold_scores(key, own, task, number=n) for n, (own, task) in enumerate(zip(each, tasks, strict=True))]
            )
            for key, each in scored.items()
        }
        return cls(spec=spec, declared=declared, tasks=tasks, scored=scored, scores=shared(scores), drawn=drawn)

    @property
    def plan(self) -> Plan:
        """Levels and sizes of the statistics."""
        return self.spec.plan

    @property
    def classes(self) -> dict[str, str]:
        """Symbol -> asset class."""
        ledger = self.tasks[0].whole.ledger
        return dict(zip(ledger.symbols, ledger.asset_classes, strict=True))


def assembled(arms: ScoredArms, left_out: Sequence[NotRun]) -> Comparison:
    """Test what was declared and describe everything beside it.

    Args:
        arms: Every arm's forecasts.
        left_out: Symbols that are not compared, and why.
    """
    results = {question: _result_of(arms, question) for question in QUESTIONS}
    primary = results[arms.declared.primary]
    universal, single, order = arms.scores[UNIVERSAL], arms.scores[SINGLE], _in_order(arms.spec.arms)
    return Comparison(
        declared=arms.declared,
        results=results,
        arms=tuple(_outcome(arms, key, arms.spec.arms[key]) for key in order),
        confidence_set=arms_confidence_set([arms.scores[key] for key in order], plan=arms.plan),
        any_better=p_any_better(single, [arms.scores[key] for key in order if key != SINGLE], plan=arms.plan),
        accuracy=accuracy_interval(universal, single, lag=primary.differentials.lag, plan=arms.plan),
        trading=_trading(arms, lag=primary.differentials.lag),
        folds=_by_fold(arms, primary),
        classes=_by_class(arms, primary),
        sessions=_by_session(arms, primary),
        symbols=tuple(_facts(arms, name) for name in primary.differentials.symbols),
        unseen=_unseen(arms),
        data_until=int(universal.rows.resolved_at.max()),
        hashes=_hashes(arms),
        not_run=(*left_out, *_not_run(arms)),
    )


def _in_order(arms: Iterable[str]) -> list[str]:
    return [UNIVERSAL, SINGLE, *(key for key in arms if key not in {UNIVERSAL, SINGLE})]


def _result_of(arms: ScoredArms, question: Question) -> ComparisonResult:
    return compare_arms(
        arms.scores[UNIVERSAL].losses(question),
        arms.scores[SINGLE].losses(question),
        arms.scores[PRIOR].losses(question),
        question=question,
        surrogates=arms.drawn[question],
        classes=arms.classes,
        plan=arms.plan,
    )


def _outcome(arms: ScoredArms, key: str, arm: Arm) -> ArmOutcome:
    took = [own for scored in arms.scored[key] for own in scored.took]
    return arm_outcome(
        arms.scores[key],
        others={name: arms.scores[name] for name in (UNIVERSAL, SINGLE, PRIOR)},
        what=arm.description,
        budget=_budget(took, seeds=len(arms.declared.seeds)),
        plan=arms.plan,
    )


def _budget(took: Sequence[TrainingRecord], *, seeds: int) -> Budget:
    if not took:
        return Budget(models=0, train_rows=0, epochs=0.0, best_epoch=0.0, steps=0, stopped_early=0.0)
    return Budget(
        models=len(took),
        train_rows=sum(own.train_rows for own in took) // seeds,
        epochs=float(np.mean([own.epochs for own in took])),
        best_epoch=float(np.mean([own.best_epoch for own in took])),
        steps=sum(own.steps for own in took),
        stopped_early=float(np.mean([own.stopped_early for own in took])),
    )


def _trading(arms: ScoredArms, *, lag: int) -> Trading:
    whole = arms.tasks[0].whole
    rows = arms.scores[UNIVERSAL].rows
    markets = {}
    for config in whole.universe:
        own = rows.decided_at[rows.symbol == rows.symbols.index(config.symbol)]
        if len(own):
            bars = whole.source.read(config, arms.spec.data.period)
            markets[config.symbol] = TradedMarket(
                config=config,
                bars=decided_bars(bars, start=int(own.min()), end=int(own.max())),
                spans=_tested(arms, config.symbol),
            )
    return trading(
        arms.scores[UNIVERSAL],
        arms.scores[SINGLE],
        markets=markets,
        rule=arms.spec.decision,
        rule_text=f"{arms.spec.run.record.decision}, decided at the close, filled at the next open",
        capital=arms.spec.capital,
        lag=lag,
        plan=arms.plan,
    )


def _tested(arms: ScoredArms, symbol: str) -> tuple[Span, ...]:
    """List the test spans of the folds that compare a symbol."""
    folds = [own.whole.parts.fold for own in arms.tasks if own.whole.ledger.symbols.index(symbol) in own.compared]
    return tuple(span for fold in folds for span in fold.test_spans)


def _by_fold(arms: ScoredArms, primary: ComparisonResult) -> tuple[SubgroupEffect, ...]:
    rows = arms.scores[UNIVERSAL].rows
    names = [fold.name for fold in arms.declared.folds]
    return subgroup_effects(primary.differentials, rows, group=rows.fold, names=names, plan=arms.plan)


def _by_class(arms: ScoredArms, primary: ComparisonResult) -> tuple[SubgroupEffect, ...]:
    rows = arms.scores[UNIVERSAL].rows
    names = sorted(set(arms.classes.values()))
    group = np.array([names.index(arms.classes[name]) for name in rows.symbols])[rows.symbol]
    return subgroup_effects(primary.differentials, rows, group=group, names=names, plan=arms.plan)


def _by_session(arms: ScoredArms, primary: ComparisonResult) -> tuple[SubgroupEffect, ...]:
    """Bars of a day or more have no session."""
    if arms.tasks[0].whole.source.timeframe.nanoseconds >= DAY:
        return ()
    rows = arms.scores[UNIVERSAL].rows
    group = rows.session.astype(np.int64)
    return subgroup_effects(primary.differentials, rows, group=group, names=QUARTERS, plan=arms.plan)


def _facts(arms: ScoredArms, name: str) -> SymbolFacts:
    rows = arms.scores[UNIVERSAL].rows
    own = rows.symbol == rows.symbols.index(name)
    last = arms.tasks[int(rows.fold[own].max())].whole
    ledger = last.ledger
    train = last.parts.positions(TRAIN)
    return SymbolFacts(
        symbol=name,
        asset_class=arms.classes[name],
        history=int((ledger.symbol[train] == ledger.symbols.index(name)).sum()),
        test_rows=int(own.sum()),
        folds=len(np.unique(rows.fold[own])),
    )


def _unseen(arms: ScoredArms) -> dict[str, ComparisonResult]:
    """Compare what the universal model says of symbols it was never shown with their own models, class by class."""
    zero = arms.scores.get("zero_shot")
    if zero is None:
        return {}
    plan = replace(arms.plan, exploratory=True, weights=None)
    found = {}
    for asset_class in sorted(set(arms.classes.values())):
        names = [name for name in zero.scored() if arms.classes[name] == asset_class]
        if not names:
            continue
        rows = zero.of(names).rows
        own, single, prior = (arms.scores[key].on(rows).losses("overall") for key in ("zero_shot", SINGLE, PRIOR))
        if len(np.unique(own.rows.decided_at)) < least_instants(_lag(own)):
            continue
        found[asset_class] = compare_arms(
            own, single, prior, question="overall", surrogates=(), classes=None, plan=plan
        )
    return found


def _lag(losses: ArmLosses) -> int:
    rows = losses.rows
    return label_lag(np.unique(rows.decided_at), decided_at=rows.decided_at, resolved_at=rows.resolved_at)


def _hashes(arms: ScoredArms) -> Hashes:
    whole = arms.tasks[0].whole
    results = hashlib.sha256()
    for key in sorted(arms.scores):
        results.update(key.encode())
        results.update(np.ascontiguousarray(arms.scores[key].prob).data)
    return Hashes(
        plan=arms.declared.digest,
        data=data_digest(whole),
        features=whole.panel.spec.digest,
        labels=arms.spec.run.record.label,
        code=git_commit(),
        results=results.hexdigest()[:16],
    )


KNOWN_ARMS = ("universal", "single", "zero_shot", "finetuned", "head_only", "adapter", "pooled", "prior", "rule")


def _not_run(arms: ScoredArms) -> list[NotRun]:
    asked = arms.spec.arms
    found = [NotRun(what=f"arm {key}", why="not among the arms asked for") for key in KNOWN_ARMS if key not in asked]
    drawn = arms.spec.surrogates.draws
    found += [
        NotRun(what=f"surrogate markets, drift {kind}", why="not asked for")
        for kind in get_args(Drift)
        if kind not in drawn
    ]
    if asked.keys() - {UNIVERSAL, SINGLE, PRIOR} and drawn:
        found.append(
            NotRun(
                what="surrogate markets of the other arms",
                why="only the universal and the single arm are trained on them: the others' gains have no band",
            )
        )
    zero = arms.scores.get("zero_shot")
    if zero is not None:
        found += _never_unseen(arms, zero)
    return found


def _never_unseen(arms: ScoredArms, zero: ArmScores) -> Iterator[NotRun]:
    """Name the symbols that a fold compares, but not without having been seen."""
    for number, task in enumerate(arms.tasks):
        ledger = task.whole.ledger
        scored = np.unique(zero.rows.symbol[zero.rows.fold == number])
        for index in sorted(set(task.compared) - set(scored.tolist())):
            yield NotRun(
                what=f"{ledger.symbols[index]} without having been seen, in {task.whole.parts.fold.name}",
                why="no other symbol of its asset class trains there",
            )

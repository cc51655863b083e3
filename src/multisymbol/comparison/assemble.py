"""From every arm's forecasts to the result of a comparison: tests, effects of subgroups, trading, what was not run."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import get_args

import numpy as np

from multisymbol.arrays import Ints
from multisymbol.comparison import subgroups
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
from multisymbol.comparison.scores import QUESTIONS, ArmScores, fold_scores, joined, shared
from multisymbol.comparison.spec import CompareSpec
from multisymbol.comparison.trading import TradedMarket, decided_bars, trading
from multisymbol.markets.surrogate import Drift
from multisymbol.markets.time import DAY
from multisymbol.samples.fold import TRAIN
from multisymbol.statistics.compare import ComparisonResult, compare_arms
from multisymbol.statistics.mean_tests import least_instants
from multisymbol.statistics.skill import Surrogates
from multisymbol.statistics.verdict import Question
from multisymbol.training.mlflow_run import git_commit
from multisymbol.training.register import data_digest

QUARTERS = ("night, 0 to 5", "morning, 6 to 11", "afternoon, 12 to 17", "evening, 18 to 23")


@dataclass(frozen=True, kw_only=True)  # without slots: scores are joined once and kept
class ScoredArms:
    """Every arm's forecasts, before anything is tested."""

    spec: CompareSpec
    declared: Preregistration
    tasks: tuple[FoldTask, ...]
    scored: Mapping[str, tuple[FoldForecasts, ...]]  # arm -> its forecasts and trainings, fold by fold
    drawn: Mapping[Question, tuple[Surrogates, ...]]  # question -> effects on markets without signal

    @cached_property
    def scores(self) -> dict[str, ArmScores]:
        """Arm -> its forecasts of all folds, on rows that all arms share."""
        found = {}
        for key, each in self.scored.items():
            folds = enumerate(zip(each, self.tasks, strict=True))
            found[key] = joined([fold_scores(key, own, task, number=number) for number, (own, task) in folds])
        return shared(found)

    @property
    def classes(self) -> dict[str, str]:
        """Symbol -> asset class."""
        ledger = self.tasks[0].whole.ledger
        return dict(zip(ledger.symbols, ledger.asset_classes, strict=True))


def assembled(arms: ScoredArms, left_out: Sequence[NotRun]) -> Comparison:
    """Test what was declared and describe everything beside it; `left_out` says which symbols are not compared."""
    scores, plan = arms.scores, arms.spec.plan
    results = {question: _result_of(arms, question) for question in QUESTIONS}
    primary = results[arms.declared.primary].differentials
    universal, single, rows = scores[UNIVERSAL], scores[SINGLE], scores[UNIVERSAL].rows
    order = [UNIVERSAL, SINGLE, *(key for key in arms.spec.arms if key not in {UNIVERSAL, SINGLE})]
    names = sorted(set(arms.classes.values()))
    class_of = np.array([names.index(arms.classes[symbol]) for symbol in rows.symbols])
    folds = [fold.name for fold in arms.declared.folds]
    intraday = arms.tasks[0].whole.source.timeframe.nanoseconds < DAY

    def effects(group: Ints, names: Sequence[str]) -> tuple[SubgroupEffect, ...]:
        return subgroups.subgroup_effects(primary, rows, group=group, names=names, plan=plan)

    return Comparison(
        declared=arms.declared,
        results=results,
        arms=tuple(_outcome(arms, key, arms.spec.arms[key]) for key in order),
        confidence_set=subgroups.arms_confidence_set([scores[key] for key in order], plan=plan),
        any_better=subgroups.p_any_better(single, [scores[key] for key in order if key != SINGLE], plan=plan),
        accuracy=subgroups.accuracy_interval(universal, single, lag=primary.lag, plan=plan),
        trading=_trading(arms, lag=primary.lag),
        folds=effects(rows.fold, folds),
        classes=effects(class_of[rows.symbol], names),
        sessions=effects(rows.session.astype(np.int64), QUARTERS) if intraday else (),
        symbols=tuple(_facts(arms, name) for name in primary.symbols),
        unseen=_unseen(arms),
        data_until=int(rows.resolved_at.max()),
        hashes=_hashes(arms),
        not_run=(*left_out, *_not_run(arms)),
        provenance="synthetic" if arms.tasks[0].whole.panel.synthetic else "real",
    )


def _result_of(arms: ScoredArms, question: Question) -> ComparisonResult:
    first, second, prior = (arms.scores[key].losses(question) for key in (UNIVERSAL, SINGLE, PRIOR))
    drawn, classes = arms.drawn[question], arms.classes
    return compare_arms(first, second, prior, question=question, surrogates=drawn, classes=classes, plan=arms.spec.plan)


def _outcome(arms: ScoredArms, key: str, arm: Arm) -> ArmOutcome:
    took = [own for scored in arms.scored[key] for own in scored.took]
    budget, plan = _budget(took, seeds=len(arms.declared.seeds)), arms.spec.plan
    others = {name: arms.scores[name] for name in (UNIVERSAL, SINGLE, PRIOR)}
    return subgroups.arm_outcome(arms.scores[key], others=others, what=arm.description, budget=budget, plan=plan)


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
            # The test spans of the folds that compare the symbol.
            index = whole.ledger.symbols.index(config.symbol)
            folds = [task.whole.parts.fold for task in arms.tasks if index in task.compared]
            markets[config.symbol] = TradedMarket(
                config=config,
                bars=decided_bars(bars, start=int(own.min()), end=int(own.max())),
                spans=tuple(span for fold in folds for span in fold.test_spans),
            )
    return trading(
        arms.scores[UNIVERSAL],
        arms.scores[SINGLE],
        markets=markets,
        rule=arms.spec.decision,
        rule_text=f"{arms.spec.run.record.decision}, decided at the close, filled at the next open",
        capital=arms.spec.capital,
        lag=lag,
        plan=arms.spec.plan,
    )


def _facts(arms: ScoredArms, name: str) -> SymbolFacts:
    rows = arms.scores[UNIVERSAL].rows
    own = rows.symbol == rows.symbols.index(name)
    last = arms.tasks[int(rows.fold[own].max())].whole
    ledger, train = last.ledger, last.parts.positions(TRAIN)
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
    plan = replace(arms.spec.plan, exploratory=True, weights=None)
    found = {}
    for asset_class in sorted(set(arms.classes.values())):
        names = [name for name in zero.scored() if arms.classes[name] == asset_class]
        if not names:
            continue
        rows = zero.of(names).rows
        own, single, prior = (arms.scores[key].on(rows).losses("overall") for key in ("zero_shot", SINGLE, PRIOR))
        layout = own.rows.layout
        if len(layout.instants) >= least_instants(layout.lag):
            found[asset_class] = compare_arms(
                own, single, prior, question="overall", surrogates=(), classes=None, plan=plan
            )
    return found


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
    undrawn = [kind for kind in get_args(Drift) if kind not in drawn]
    found += [NotRun(what=f"surrogate markets, drift {kind}", why="not asked for") for kind in undrawn]
    if asked.keys() - {UNIVERSAL, SINGLE, PRIOR} and drawn:
        why = "only the universal and the single arm are trained on them: the others' gains have no band"
        found.append(NotRun(what="surrogate markets of the other arms", why=why))
    zero = arms.scores.get("zero_shot")
    for number, task in enumerate(arms.tasks if zero is not None else ()):
        assert zero is not None
        scored = np.unique(zero.rows.symbol[zero.rows.fold == number])
        for index in sorted(set(task.compared) - set(scored.tolist())):
            what = f"{task.whole.ledger.symbols[index]} without having been seen, in {task.whole.parts.fold.name}"
            found.append(NotRun(what=what, why="no other symbol of its asset class trains there"))
    return found

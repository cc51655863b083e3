"""The engine of a comparison: declared, trained, scored and answered; what is done stays done.

    plan.json                what was declared, before anything was trained
    folds/{n}/{arm}.npz      forecasts of an arm in a fold
    surrogates/{draw}.json   effects on a market without signal
    comparison.json          the answer, to the last digit

Whatever is there is read, not made again: a comparison that was killed goes on, and comes to the same bytes.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias, get_args

import numpy as np

from multisymbol.comparison.arms import Arm, FoldTask, Start, TrainedArm, UntrainedArm
from multisymbol.comparison.fit import FoldForecasts, TrainingRecord, forecasts, recipe_of, trained, why_one_by_one
from multisymbol.comparison.preregistration import as_kept, check_kept, keep_plan, preregister, tasks_of
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
    to_json,
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
from multisymbol.comparison.surrogates import surrogates
from multisymbol.comparison.trading import TradedMarket, decided_bars, trading
from multisymbol.errors import ComparisonError, ConfigError
from multisymbol.markets.surrogate import Drift
from multisymbol.markets.time import DAY
from multisymbol.progress import Terminal
from multisymbol.samples.dataset import prepare_folds
from multisymbol.samples.fold import TRAIN, Span
from multisymbol.statistics.compare import ComparisonResult, Plan, compare_arms
from multisymbol.statistics.loss_differentials import ArmLosses, label_lag
from multisymbol.statistics.mean_tests import least_instants
from multisymbol.statistics.skill import Surrogates
from multisymbol.statistics.verdict import Question
from multisymbol.training.mlflow_run import git_commit
from multisymbol.training.register import data_digest

RESULT = "comparison.json"
QUARTERS = ("night, 0 to 5", "morning, 6 to 11", "afternoon, 12 to 17", "evening, 18 to 23")

Announce: TypeAlias = Callable[[Preregistration], None]
ByArm: TypeAlias = Mapping[str, ArmScores]


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonRun:
    """Everything a comparison was made of, for those who record it.

    Args:
        spec: What was asked.
        comparison: The answer.
        tasks: The folds.
        scored: Arm -> what it came to, fold by fold.
        folder: Holds the results.
    """

    spec: CompareSpec
    comparison: Comparison
    tasks: tuple[FoldTask, ...]
    scored: Mapping[str, tuple[FoldForecasts, ...]]
    folder: Path

    def fold_folder(self, number: int) -> Path:
        """Return where a fold's results are."""
        return _fold_folder(self.folder, number)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclaredComparison:
    """A comparison that can be made: declared, nothing trained or written.

    Args:
        spec: What is compared.
        tasks: The folds.
        left_out: Symbols that are not compared, and why.
        declared: The plan; not named yet.
        one_by_one: Arm -> why its networks cannot be trained as a stack; empty where all can.
    """

    spec: CompareSpec
    tasks: tuple[FoldTask, ...]
    left_out: tuple[NotRun, ...]
    declared: Preregistration
    one_by_one: Mapping[str, str]


def compare(
    spec: CompareSpec,
    folder: Path,
    *,
    terminal: Terminal,
    name: str = "comparison",
    announce: Announce = lambda _: None,
) -> ComparisonRun:
    """Compare arms: declare, train, score and answer; what the folder holds already is not made again.

    Args:
        spec: What is compared.
        folder: The comparison's folder.
        terminal: Shows progress.
        name: Name of the comparison.
        announce: Called with the plan before anything is trained.

    Raises:
        ComparisonError: It cannot be made, or is another one than the folder's.
    """
    return finish(begin(spec, folder, terminal=terminal), folder, terminal=terminal, name=name, announce=announce)


def begin(spec: CompareSpec, folder: Path, *, terminal: Terminal) -> DeclaredComparison:
    """Prepare the data and declare; every refusal comes here.

    Args:
        spec: What is compared.
        folder: The comparison's folder.
        terminal: Shows progress.

    Raises:
        ComparisonError: It cannot be made, or is another one than the folder's.
    """
    tasks, left_out = tasks_of(spec, prepare_folds(spec.data, terminal))
    declared = as_kept(preregister(spec, tasks, name=""), folder)
    check_kept(declared, folder)
    one_by_one = _one_by_one(spec, tasks[0])
    if one_by_one:
        terminal.fact("one by one", _cost(spec, tasks, one_by_one))
    return DeclaredComparison(
        spec=spec, tasks=tuple(tasks), left_out=tuple(left_out), declared=declared, one_by_one=one_by_one
    )


def _one_by_one(spec: CompareSpec, task: FoldTask) -> dict[str, str]:
    """Name the arms whose networks cannot be stacked, and why."""
    found: dict[str, str] = {}
    problems = []
    for name, arm in spec.arms.items():
        try:
            why = why_one_by_one(arm, task) if isinstance(arm, TrainedArm) else ""
        except (ConfigError, TypeError) as error:
            problems.append(f"  arms.{name}: {error}")
        else:
            found |= {name: why} if why else {}
    if problems:
        raise ComparisonError("\n".join(["this comparison cannot be made; nothing was trained.", *problems]))
    return found


def _cost(spec: CompareSpec, tasks: Sequence[FoldTask], one_by_one: Mapping[str, str]) -> str:
    """Say what training one by one costs; on a CPU a stack is faster by the cores it uses (benchmarks/stack.py)."""
    starts: dict[int, Start] = {seed: {} for seed in spec.seeds}
    counts = {
        name: [len(arm.trainings(task, starts)) for task in tasks]
        for name in one_by_one
        if isinstance(arm := spec.arms[name], TrainedArm)
    }
    on_surrogates = sum(sum(counts.get(name, ())) for name in (UNIVERSAL, SINGLE)) // len(spec.seeds)
    trainings = sum(map(sum, counts.values())) + sum(spec.surrogates.draws.values()) * on_surrogates
    on_cpu = recipe_of(spec.fit, threads=spec.threads).device.type == "cpu"
    times = spec.threads if on_cpu else max(map(max, counts.values()))
    slower = f"about {times} times slower than as a stack" if times > 1 else "about as fast as a stack on one core"
    whose = "this network" if len(set(one_by_one.values())) == 1 else f"the networks of {', '.join(one_by_one)}"
    why = "; ".join(dict.fromkeys(one_by_one.values()))
    return f"{whose} cannot be stacked ({why}): {trainings:,} trainings one by one, {slower}"


def finish(
    begun: DeclaredComparison, folder: Path, *, terminal: Terminal, name: str, announce: Announce
) -> ComparisonRun:
    """Write the plan down, then train, score and answer, going on with what the folder holds.

    Args:
        begun: What was declared.
        folder: The comparison's folder.
        terminal: Shows progress.
        name: Name of the comparison.
        announce: Called with the plan before anything is trained.
    """
    spec, tasks = begun.spec, begun.tasks
    declared = replace(begun.declared, name=name)
    keep_plan(declared, folder)
    announce(declared)
    terminal.fact("plan", f"{declared.digest}, written down before training · {_asked(declared)}")
    scored = {key: tuple(own) for key, own in _train(spec, tasks, folder, terminal).items()}
    drawn = _surrogates(spec, tasks, folder, terminal)
    scores = {
        key: joined(
            [fold_scores(key, own, task, number=n) for n, (own, task) in enumerate(zip(each, tasks, strict=True))]
        )
        for key, each in scored.items()
    }
    made = _Made(spec=spec, declared=declared, tasks=tasks, scored=scored, scores=shared(scores), drawn=drawn)
    with terminal.progress("tests") as progress:
        progress("testing", 0, 1)
        comparison = _assembled(made, begun.left_out)
    _written(comparison, folder / RESULT)
    return ComparisonRun(spec=spec, comparison=comparison, tasks=tasks, scored=scored, folder=folder)


def _asked(declared: Preregistration) -> str:
    symbols = {name for fold in declared.folds for name in fold.symbols}
    draws = " + ".join(f"{count} {kind}" for kind, count in declared.surrogates.items()) or "no"
    return (
        f"{len(symbols)} symbols, {len(declared.folds)} folds, {len(declared.seeds)} seeds, {draws} surrogate markets; "
        f"arms {', '.join(declared.arms)}; budgets matched in {declared.budget}"
    )


def _train(
    spec: CompareSpec, tasks: Sequence[FoldTask], run_dir: Path, terminal: Terminal
) -> dict[str, list[FoldForecasts]]:
    """Train every arm in every fold; those that start from the universal one come after it."""
    arms = spec.arms
    order = sorted(arms, key=lambda key: _follows(arms[key]))
    found: dict[str, list[FoldForecasts]] = {key: [] for key in arms}
    for number, task in enumerate(tasks):
        folder = _fold_folder(run_dir, number)
        folder.mkdir(parents=True, exist_ok=True)
        for key in order:
            made = _one(arms[key], task, name=key, folder=folder, threads=spec.threads, terminal=terminal)
            found[key].append(made)
    return found


def _follows(arm: Arm) -> bool:
    return isinstance(arm, TrainedArm) and arm.needs_universal


def _fold_folder(run_dir: Path, number: int) -> Path:
    return run_dir / "folds" / str(number + 1)


def _one(arm: Arm, task: FoldTask, *, name: str, folder: Path, threads: int, terminal: Terminal) -> FoldForecasts:
    if isinstance(arm, UntrainedArm):
        return forecasts(arm, task)
    assert isinstance(arm, TrainedArm)
    with terminal.progress(name) as progress:
        return trained(arm, task, name=name, folder=folder, threads=threads, progress=progress)


def _surrogates(
    spec: CompareSpec, tasks: Sequence[FoldTask], run_dir: Path, terminal: Terminal
) -> dict[Question, tuple[Surrogates, ...]]:
    with terminal.progress("surrogates") as progress:
        return surrogates(
            spec,
            folds=[task.whole.parts.fold for task in tasks],
            compared=[tuple(task.whole.ledger.symbols[index] for index in task.compared) for task in tasks],
            folder=run_dir / "surrogates",
            progress=progress,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Made:
    """All results, before they are answered."""

    spec: CompareSpec
    declared: Preregistration
    tasks: tuple[FoldTask, ...]
    scored: Mapping[str, tuple[FoldForecasts, ...]]
    scores: ByArm
    drawn: Mapping[Question, tuple[Surrogates, ...]]

    @property
    def plan(self) -> Plan:
        return self.spec.plan

    @property
    def classes(self) -> dict[str, str]:
        ledger = self.tasks[0].whole.ledger
        return dict(zip(ledger.symbols, ledger.asset_classes, strict=True))


def _assembled(made: _Made, left_out: Sequence[NotRun]) -> Comparison:
    results = {question: _result_of(made, question) for question in QUESTIONS}
    primary = results[made.declared.primary]
    universal, single, order = made.scores[UNIVERSAL], made.scores[SINGLE], _in_order(made.spec.arms)
    return Comparison(
        declared=made.declared,
        results=results,
        arms=tuple(_outcome(made, key, made.spec.arms[key]) for key in order),
        confidence_set=arms_confidence_set([made.scores[key] for key in order], plan=made.plan),
        any_better=p_any_better(single, [made.scores[key] for key in order if key != SINGLE], plan=made.plan),
        accuracy=accuracy_interval(universal, single, lag=primary.differentials.lag, plan=made.plan),
        trading=_trading(made, lag=primary.differentials.lag),
        folds=_by_fold(made, primary),
        classes=_by_class(made, primary),
        sessions=_by_session(made, primary),
        symbols=tuple(_facts(made, name) for name in primary.differentials.symbols),
        unseen=_unseen(made),
        data_until=int(universal.rows.resolved_at.max()),
        hashes=_hashes(made),
        not_run=(*left_out, *_not_run(made)),
    )


def _in_order(arms: Iterable[str]) -> list[str]:
    return [UNIVERSAL, SINGLE, *(key for key in arms if key not in {UNIVERSAL, SINGLE})]


def _result_of(made: _Made, question: Question) -> ComparisonResult:
    return compare_arms(
        made.scores[UNIVERSAL].losses(question),
        made.scores[SINGLE].losses(question),
        made.scores[PRIOR].losses(question),
        question=question,
        surrogates=made.drawn[question],
        classes=made.classes,
        plan=made.plan,
    )


def _outcome(made: _Made, key: str, arm: Arm) -> ArmOutcome:
    took = [own for scored in made.scored[key] for own in scored.took]
    return arm_outcome(
        made.scores[key],
        others={name: made.scores[name] for name in (UNIVERSAL, SINGLE, PRIOR)},
        what=arm.description,
        budget=_budget(took, seeds=len(made.declared.seeds)),
        plan=made.plan,
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


def _trading(made: _Made, *, lag: int) -> Trading:
    whole = made.tasks[0].whole
    rows = made.scores[UNIVERSAL].rows
    markets = {}
    for config in whole.universe:
        own = rows.decided_at[rows.symbol == rows.symbols.index(config.symbol)]
        if len(own):
            bars = whole.source.read(config, made.spec.data.period)
            markets[config.symbol] = TradedMarket(
                config=config,
                bars=decided_bars(bars, start=int(own.min()), end=int(own.max())),
                spans=_tested(made, config.symbol),
            )
    return trading(
        made.scores[UNIVERSAL],
        made.scores[SINGLE],
        markets=markets,
        rule=made.spec.decision,
        rule_text=f"{made.spec.run.record.decision}, decided at the close, filled at the next open",
        capital=made.spec.capital,
        lag=lag,
        plan=made.plan,
    )


def _tested(made: _Made, symbol: str) -> tuple[Span, ...]:
    """List the test spans of the folds that compare a symbol."""
    folds = [own.whole.parts.fold for own in made.tasks if own.whole.ledger.symbols.index(symbol) in own.compared]
    return tuple(span for fold in folds for span in fold.test_spans)


def _by_fold(made: _Made, primary: ComparisonResult) -> tuple[SubgroupEffect, ...]:
    rows = made.scores[UNIVERSAL].rows
    names = [fold.name for fold in made.declared.folds]
    return subgroup_effects(primary.differentials, rows, group=rows.fold, names=names, plan=made.plan)


def _by_class(made: _Made, primary: ComparisonResult) -> tuple[SubgroupEffect, ...]:
    rows = made.scores[UNIVERSAL].rows
    names = sorted(set(made.classes.values()))
    group = np.array([names.index(made.classes[name]) for name in rows.symbols])[rows.symbol]
    return subgroup_effects(primary.differentials, rows, group=group, names=names, plan=made.plan)


def _by_session(made: _Made, primary: ComparisonResult) -> tuple[SubgroupEffect, ...]:
    """Bars of a day or more have no session."""
    if made.tasks[0].whole.source.timeframe.nanoseconds >= DAY:
        return ()
    rows = made.scores[UNIVERSAL].rows
    group = rows.session.astype(np.int64)
    return subgroup_effects(primary.differentials, rows, group=group, names=QUARTERS, plan=made.plan)


def _facts(made: _Made, name: str) -> SymbolFacts:
    rows = made.scores[UNIVERSAL].rows
    own = rows.symbol == rows.symbols.index(name)
    last = made.tasks[int(rows.fold[own].max())].whole
    ledger = last.ledger
    train = last.parts.positions(TRAIN)
    return SymbolFacts(
        symbol=name,
        asset_class=made.classes[name],
        history=int((ledger.symbol[train] == ledger.symbols.index(name)).sum()),
        test_rows=int(own.sum()),
        folds=len(np.unique(rows.fold[own])),
    )


def _unseen(made: _Made) -> dict[str, ComparisonResult]:
    """Compare what the universal model says of symbols it was never shown with their own models, class by class."""
    zero = made.scores.get("zero_shot")
    if zero is None:
        return {}
    plan = replace(made.plan, exploratory=True, weights=None)
    found = {}
    for asset_class in sorted(set(made.classes.values())):
        names = [name for name in zero.scored() if made.classes[name] == asset_class]
        if not names:
            continue
        rows = zero.of(names).rows
        own, single, prior = (made.scores[key].on(rows).losses("overall") for key in ("zero_shot", SINGLE, PRIOR))
        if len(np.unique(own.rows.decided_at)) < least_instants(_lag(own)):
            continue
        found[asset_class] = compare_arms(
            own, single, prior, question="overall", surrogates=(), classes=None, plan=plan
        )
    return found


def _lag(losses: ArmLosses) -> int:
    rows = losses.rows
    return label_lag(np.unique(rows.decided_at), decided_at=rows.decided_at, resolved_at=rows.resolved_at)


def _hashes(made: _Made) -> Hashes:
    whole = made.tasks[0].whole
    results = hashlib.sha256()
    for key in sorted(made.scores):
        results.update(key.encode())
        results.update(np.ascontiguousarray(made.scores[key].prob).data)
    return Hashes(
        plan=made.declared.digest,
        data=data_digest(whole),
        features=whole.panel.spec.digest,
        labels=made.spec.run.record.label,
        code=git_commit(),
        results=results.hexdigest()[:16],
    )


_KNOWN_ARMS = ("universal", "single", "zero_shot", "finetuned", "head_only", "adapter", "pooled", "prior", "rule")


def _not_run(made: _Made) -> list[NotRun]:
    arms = made.spec.arms
    found = [NotRun(what=f"arm {key}", why="not among the arms asked for") for key in _KNOWN_ARMS if key not in arms]
    drawn = made.spec.surrogates.draws
    found += [
        NotRun(what=f"surrogate markets, drift {kind}", why="not asked for")
        for kind in get_args(Drift)
        if kind not in drawn
    ]
    if arms.keys() - {UNIVERSAL, SINGLE, PRIOR} and drawn:
        found.append(
            NotRun(
                what="surrogate markets of the other arms",
                why="only the universal and the single arm are trained on them: the others' gains have no band",
            )
        )
    zero = made.scores.get("zero_shot")
    if zero is not None:
        found += _never_unseen(made, zero)
    return found


def _never_unseen(made: _Made, zero: ArmScores) -> Iterator[NotRun]:
    """Name the symbols that a fold compares, but not without having been seen."""
    for number, task in enumerate(made.tasks):
        ledger = task.whole.ledger
        scored = np.unique(zero.rows.symbol[zero.rows.fold == number])
        for index in sorted(set(task.compared) - set(scored.tolist())):
            yield NotRun(
                what=f"{ledger.symbols[index]} without having been seen, in {task.whole.parts.fold.name}",
                why="no other symbol of its asset class trains there",
            )


def _written(comparison: Comparison, path: Path) -> None:
    temporary = path.with_suffix(".part")
    temporary.write_text(to_json(comparison), encoding="utf-8")
    temporary.replace(path)

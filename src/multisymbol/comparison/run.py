"""The engine of a comparison: declared, trained, scored and answered; what is done stays done.

    plan.json                what was declared, before anything was trained
    folds/{n}/{arm}.npz      forecasts of an arm in a fold
    surrogates/{draw}.json   effects on a market without signal
    comparison.json          the answer, to the last digit

Whatever is there is read, not made again: a comparison that was killed goes on, and comes to the same bytes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from multisymbol.comparison.arms import Arm, FoldTask, Start, TrainedArm, UntrainedArm
from multisymbol.comparison.assemble import ScoredArms, assembled
from multisymbol.comparison.fit import FoldForecasts, forecasts, recipe_of, trained, why_one_by_one
from multisymbol.comparison.preregistration import as_kept, check_kept, keep_plan, preregister, tasks_of
from multisymbol.comparison.result import (
    SINGLE,
    UNIVERSAL,
    Comparison,
    NotRun,
    Preregistration,
    to_json,
)
from multisymbol.comparison.spec import CompareSpec
from multisymbol.comparison.surrogates import surrogates
from multisymbol.errors import ComparisonError, ConfigError
from multisymbol.progress import Terminal
from multisymbol.samples.dataset import prepare_folds
from multisymbol.statistics.skill import Surrogates
from multisymbol.statistics.verdict import Question

RESULT = "comparison.json"

Announce: TypeAlias = Callable[[Preregistration], None]


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
    slower = f"about {times} times slower" if times > 1 else "about as fast on one core"
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
    with terminal.progress("tests") as progress:
        progress("testing", 0, 1)
        arms = ScoredArms.of(spec, declared, tasks=tasks, scored=scored, drawn=drawn)
        comparison = assembled(arms, begun.left_out)
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


def _written(comparison: Comparison, path: Path) -> None:
    temporary = path.with_suffix(".part")
    temporary.write_text(to_json(comparison), encoding="utf-8")
    temporary.replace(path)

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

from multisymbol.comparison.arms import FoldTask, Start, TrainedArm, UntrainedArm
from multisymbol.comparison.assemble import ScoredArms, assembled
from multisymbol.comparison.fit import FoldForecasts, forecasts, recipe_of, trained, why_one_by_one
from multisymbol.comparison.preregistration import as_kept, keep_plan, preregister, tasks_of
from multisymbol.comparison.result import SINGLE, UNIVERSAL, Comparison, NotRun, Preregistration, to_json
from multisymbol.comparison.spec import CompareSpec
from multisymbol.comparison.surrogates import surrogates
from multisymbol.errors import ComparisonError, ConfigError
from multisymbol.progress import Terminal
from multisymbol.samples.dataset import prepare_folds
from multisymbol.samples.storage import write_whole

RESULT = "comparison.json"

Announce: TypeAlias = Callable[[Preregistration], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonRun:
    """Everything a comparison was made of, for those who record it."""

    spec: CompareSpec
    comparison: Comparison
    tasks: tuple[FoldTask, ...]
    scored: Mapping[str, tuple[FoldForecasts, ...]]  # arm -> what it came to, fold by fold
    folder: Path  # holds the results

    def fold_folder(self, number: int) -> Path:
        """Return where a fold's results are."""
        return self.folder / "folds" / str(number + 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclaredComparison:
    """A comparison that can be made: declared, nothing trained or written."""

    spec: CompareSpec
    tasks: tuple[FoldTask, ...]
    left_out: tuple[NotRun, ...]  # symbols that are not compared, and why
    declared: Preregistration  # the plan; not named yet
    one_by_one: Mapping[str, str]  # arm -> why its networks cannot be trained as a stack; empty where all can


def compare(
    spec: CompareSpec,
    folder: Path,
    *,
    terminal: Terminal,
    name: str = "comparison",
    announce: Announce = lambda _: None,
) -> ComparisonRun:
    """Compare arms: `begin`, then `finish`; what the folder holds already is not made again.

    Raises:
        ComparisonError: It cannot be made, or is another one than the folder's.
    """
    return finish(begin(spec, folder, terminal=terminal), folder, terminal=terminal, name=name, announce=announce)


def begin(spec: CompareSpec, folder: Path, *, terminal: Terminal) -> DeclaredComparison:
    """Prepare the data and declare; every refusal comes here.

    Raises:
        ComparisonError: It cannot be made, or is another one than the folder's.
    """
    tasks, left_out = tasks_of(spec, prepare_folds(spec.data, terminal))
    declared = as_kept(preregister(spec, tasks, name=""), folder)
    one_by_one = _one_by_one(spec, tasks[0])
    if one_by_one:
        terminal.fact("one by one", _cost(spec, tasks, one_by_one))
    folds, skipped = tuple(tasks), tuple(left_out)
    return DeclaredComparison(spec=spec, tasks=folds, left_out=skipped, declared=declared, one_by_one=one_by_one)


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
    """Write the plan down and announce it, then train, score and answer, going on with what the folder holds."""
    spec, tasks = begun.spec, begun.tasks
    declared = replace(begun.declared, name=name)
    keep_plan(declared, folder)
    announce(declared)
    terminal.fact("plan", f"{declared.digest}, written down before training · {_asked(declared)}")
    scored = {key: tuple(own) for key, own in _train(spec, tasks, folder, terminal).items()}
    compared = [tuple(task.whole.ledger.symbols[index] for index in task.compared) for task in tasks]
    folds = [task.whole.parts.fold for task in tasks]
    with terminal.progress("surrogates") as progress:
        drawn = surrogates(
            spec,
            folds=folds,
            compared=compared,
            plan=declared.digest,
            folder=folder / "surrogates",
            progress=progress,
        )
    with terminal.progress("tests") as progress:
        progress("testing", 0, 1)
        arms = ScoredArms(spec=spec, declared=declared, tasks=tasks, scored=scored, drawn=drawn)
        comparison = assembled(arms, begun.left_out)
    write_whole(folder / RESULT, to_json(comparison))
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

    def follows(key: str) -> bool:
        arm = spec.arms[key]
        return isinstance(arm, TrainedArm) and arm.change is not None

    found: dict[str, list[FoldForecasts]] = {key: [] for key in spec.arms}
    for number, task in enumerate(tasks, start=1):
        folder = run_dir / "folds" / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        for key in sorted(spec.arms, key=follows):
            arm = spec.arms[key]
            if isinstance(arm, UntrainedArm):
                found[key].append(forecasts(arm, task))
                continue
            assert isinstance(arm, TrainedArm)
            with terminal.progress(key) as progress:
                made = trained(arm, task, name=key, folder=folder, threads=spec.threads, progress=progress)
            found[key].append(made)
    return found

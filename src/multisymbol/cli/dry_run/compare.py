"""What a comparison would do, and nothing else: `dry_run=true` prepares the data, shows the plan and stops.

Samples and trainings are counted on the very views and orders that would be trained on.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

from multisymbol.cli.specs import compare_spec
from multisymbol.comparison.arms import Arm, FoldTask, TrainedArm
from multisymbol.comparison.fit import Progress, order_of, recipe_of
from multisymbol.comparison.preregistration import instants_of, lag_of
from multisymbol.comparison.result import SINGLE, UNIVERSAL, NotRun, Preregistration
from multisymbol.comparison.run import DeclaredComparison, begin
from multisymbol.markets.time import iso
from multisymbol.progress import Terminal
from multisymbol.reports.run_summary import mark_synthetic
from multisymbol.reports.tables.comparison import BUDGETS, QUESTIONS
from multisymbol.reports.tables.table import Column, Table, column, show, tabulate
from multisymbol.wording import group_by


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmPlan:
    """What an arm would train in all folds; all zero for an arm without networks."""

    name: str  # of the arm
    what: str  # in words
    trainings: int  # of all folds and seeds
    train_rows: int  # samples of one epoch of all of them, one seed
    steps: tuple[int, ...]  # optimizer steps an epoch of each training
    epochs: int  # at most

    @property
    def most_steps(self) -> int:
        """Optimizer steps together, where nothing stops early."""
        return sum(self.steps) * self.epochs


def compare_dry_run(values: Mapping[str, Any], run_dir: Path) -> float:
    """Show what a comparison would do; nothing is trained, and nothing is written but the panel that it would use.

    Args:
        values: Plain, checked configuration (`conf/compare.yaml`).
        run_dir: The comparison's folder; nothing is written there.

    Returns:
        NaN: there is no score.

    Raises:
        ComparisonError: It cannot be made.
    """
    terminal = Terminal()
    begun = begin(compare_spec(values), run_dir, terminal=terminal)
    mark_synthetic(begun.tasks[0].whole, terminal)
    with terminal.progress("arms") as progress:
        plans = planned_arms(begun, progress)
    terminal.show(show(planned_fold_table(begun.tasks, begun.declared)))
    terminal.show("")
    terminal.show(show(planned_arm_table(plans)))
    terminal.show("")
    for name, text in _facts(begun, plans):
        terminal.fact(name, text)
    return math.nan


def planned_arms(begun: DeclaredComparison, progress: Progress) -> list[ArmPlan]:
    """Count what each arm would train.

    Args:
        begun: The comparison.
        progress: Called after each arm.
    """
    plans = []
    for done, (name, arm) in enumerate(begun.spec.arms.items(), start=1):
        plans.append(_plan(name, arm, begun.tasks))
        progress(name, done, len(begun.spec.arms))
    return plans


def _plan(name: str, arm: Arm, tasks: Sequence[FoldTask]) -> ArmPlan:
    if not isinstance(arm, TrainedArm):
        return ArmPlan(name=name, what=arm.description, trainings=0, train_rows=0, steps=(), epochs=0)
    steps, rows, seeds = list[int](), 0, tasks[0].seeds
    for task in tasks:
        # No network is built here, so the weights to start from are not read.
        trainings = arm.trainings(task, {seed: {} for seed in seeds})
        steps += [len(order_of(own)) for own in trainings]
        rows += sum(int(own.dataset.shares.draws.sum()) for own in trainings)
    return ArmPlan(
        name=name,
        what=arm.description,
        trainings=len(steps),
        train_rows=rows // len(seeds),
        steps=tuple(steps),
        epochs=recipe_of(arm.fit(tasks[0].fit), threads=1).epochs,
    )


def planned_fold_table(tasks: Sequence[FoldTask], declared: Preregistration) -> Table:
    """Say of each fold what is trained and tested when, and how long its labels last."""

    def day(name: str, of: str, *, spare: int = 0) -> Column:
        instant = attrgetter(of)
        return column(name, of=lambda item: iso(instant(item[0]))[:10], spare=spare)

    return tabulate(
        "folds",
        list(zip(declared.folds, tasks, strict=True)),
        column("fold", of=lambda item: item[0].name),
        day("train", "train_from"),
        day("validation", "validation_from", spare=3),
        day("test", "test_from"),
        day("until", "test_until", spare=1),
        column("symbols", ",d", of=lambda item: len(item[0].symbols)),
        column("train rows", ",d", of=lambda item: item[0].train_rows),
        column("test rows", ",d", of=lambda item: item[0].test_rows),
        column("instants", ",d", of=lambda item: len(instants_of(item[1])), spare=2),
        column("lag", ",d", of=lambda item: lag_of(item[1])),
        note="rows of compared symbols   lag: 95 % of the labels' spans, in test instants",
    )


def planned_arm_table(plans: Sequence[ArmPlan]) -> Table:
    """Say what each arm would train."""
    return tabulate(
        "arms",
        plans,
        column("arm", of="name"),
        column("trainings", ",d"),
        column("rows", ",d", of="train_rows", spare=2),
        column("steps an epoch", of=lambda own: _span(own.steps)),
        column("epochs ≤", ",d", of="epochs", spare=1),
        column("steps ≤", ",d", of="most_steps"),
        column("what"),
        note="rows: one epoch of all models of one seed   steps ≤: together, where nothing stops early",
    )


def _span(steps: Sequence[int]) -> str:
    """Write the fewest and the most."""
    ends = sorted({min(steps, default=0), max(steps, default=0)})
    return " to ".join(f"{steps:,}" for steps in ends)


def _facts(begun: DeclaredComparison, plans: Sequence[ArmPlan]) -> Iterator[tuple[str, str]]:
    declared, plan = begun.declared, begun.spec.plan
    yield "symbols", _symbols(begun)
    yield from (("left out", text) for text in _left_out(begun.left_out))
    yield "budgets", BUDGETS[declared.budget]
    yield "seeds", ", ".join(map(str, declared.seeds))
    yield "surrogates", _surrogates(declared, plans)
    yield (
        "question",
        f"{QUESTIONS[declared.primary]}; {declared.smallest:.4g} nats would matter; alpha {plan.alpha:g}",
    )
    yield "test", declared.test
    yield "detectable", "unknown before training: it hangs on how much the losses of the two arms vary, and together"
    if plan.exploratory:
        yield "claims", "none: the comparison is exploratory"
    yield "plan", declared.digest
    yield "dry run", "nothing was trained; without dry_run=true this is done, with the panel that is ready now"


def _symbols(begun: DeclaredComparison) -> str:
    """Name all that are compared in any fold, by class."""
    compared = {name for fold in begun.declared.folds for name in fold.symbols}
    universe = [config for config in begun.tasks[0].whole.universe if config.symbol in compared]
    classes = group_by(universe, lambda config: config.asset_class)
    listed = (f" · {name}: {', '.join(each.symbol for each in own)}" for name, own in classes.items())
    return f"{len(compared)}{''.join(listed)}"


def _left_out(left_out: Sequence[NotRun]) -> Iterator[str]:
    """Say why symbols are not compared, one line a reason."""
    reasons = group_by(left_out, lambda own: own.why)
    yield from (f"{why}: {', '.join(each.what for each in own)}" for why, own in reasons.items())


def _surrogates(declared: Preregistration, plans: Sequence[ArmPlan]) -> str:
    """Say how many markets, and what is trained on them: one seed of universal and single each."""
    markets = sum(declared.surrogates.values())
    if not markets:
        return "none"
    kinds = ", ".join(f"{count} with the drift {kind}" for kind, count in declared.surrogates.items())
    each = sum(own.trainings for own in plans if own.name in {UNIVERSAL, SINGLE}) // len(declared.seeds)
    plural = "s" if markets > 1 else ""
    return f"{markets} market{plural} without signal ({kinds}), {each:,} trainings on each: {markets * each:,}"

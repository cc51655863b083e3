"""Budgets in epochs or steps, and a dry run: what it counts is what is trained."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from multisymbol.cli import command
from multisymbol.cli.dry_run.compare import ArmPlan, _facts, compare_dry_run, planned_arms
from multisymbol.cli.specs import compare_spec
from multisymbol.comparison.arms import TrainedArm
from multisymbol.comparison.fit import train_apart
from multisymbol.comparison.preregistration import fold_task, preregister
from multisymbol.comparison.result import BudgetUnit, NotRun
from multisymbol.comparison.run import DeclaredComparison, begin
from multisymbol.config.check import Problem
from multisymbol.progress import Terminal
from tests.comparison.test_run import values_in
from tests.conftest import Command

UNITS: tuple[BudgetUnit, ...] = ("epochs", "steps")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def values(folder: Path) -> dict[str, Any]:
    return values_in(folder, "source.end=2018-03-01", "split.test=60d", "trainer.max_epochs=1")


@pytest.fixture(scope="module")
def in_epochs(values: dict[str, Any], folder: Path) -> DeclaredComparison:
    return begin(compare_spec(values), folder / "run", terminal=Terminal(silent=True))


def with_budget(begun: DeclaredComparison, budget: BudgetUnit | None) -> DeclaredComparison:
    """The same data under another budget; None: before there was a choice."""
    values = begun.spec.run.record.data
    node = {key: own for key, own in values["comparison"].items() if key != "budget"}
    spec = compare_spec({**values, "comparison": node if budget is None else {**node, "budget": budget}})
    tasks = tuple(fold_task(spec, task.whole, task.compared) for task in begun.tasks)
    return replace(begun, spec=spec, tasks=tasks, declared=preregister(spec, tasks, name=""))


@pytest.fixture(scope="module")
def plans(in_epochs: DeclaredComparison) -> dict[BudgetUnit, dict[str, ArmPlan]]:
    return {
        unit: {plan.name: plan for plan in planned_arms(with_budget(in_epochs, unit), lambda *_: None)}
        for unit in UNITS
    }


@pytest.mark.parametrize("unit", UNITS)
def test_what_is_counted_is_what_is_trained(
    unit: BudgetUnit, in_epochs: DeclaredComparison, plans: dict[BudgetUnit, dict[str, ArmPlan]]
) -> None:
    begun = with_budget(in_epochs, unit)
    for name in ("universal", "single"):
        arm, plan = begun.spec.arms[name], plans[unit][name]
        assert isinstance(arm, TrainedArm)
        took = [
            own
            for task in begun.tasks
            for own in train_apart(arm, task, starts={}, checkpoint=None, threads=1, progress=None)[0].took
        ]
        assert plan.trainings == len(took)
        assert plan.train_rows == sum(own.train_rows for own in took) / len(begun.declared.seeds)
        assert plan.steps == tuple(own.steps for own in took)
        assert plan.epochs == 1
        assert plan.most_steps == sum(own.steps for own in took)


def test_budgets_in_steps_give_single_models_the_universal_ones_steps_and_change_no_other_arm(
    plans: dict[BudgetUnit, dict[str, ArmPlan]],
) -> None:
    in_epochs, in_steps = plans["epochs"], plans["steps"]
    assert [name for name in in_steps if in_steps[name] != in_epochs[name]] == ["single"]
    first, last = in_steps["universal"].steps[0], in_steps["universal"].steps[-1]
    assert in_steps["single"].steps == (first,) * 8 + (last,) * 8
    assert max(in_epochs["single"].steps) < first < last
    assert in_epochs["prior"].trainings == in_epochs["prior"].most_steps == 0


def test_what_budgets_are_matched_in_is_declared(in_epochs: DeclaredComparison) -> None:
    in_steps = with_budget(in_epochs, "steps")
    assert (in_epochs.declared.budget, in_steps.declared.budget) == ("epochs", "steps")
    assert in_epochs.declared.digest == with_budget(in_steps, "epochs").declared.digest != in_steps.declared.digest


def test_a_comparison_begun_before_there_was_a_choice_goes_on_in_epochs(in_epochs: DeclaredComparison) -> None:
    before = with_budget(in_epochs, None)
    assert before.declared.budget == "epochs"
    assert "budget" not in before.declared.content["comparison"]
    single = before.spec.arms["single"]
    assert isinstance(single, TrainedArm)
    trainings = single.trainings(before.tasks[0], {})
    assert all(own.dataset is own.like for own in trainings)


def test_one_screen_that_trains_nothing(
    values: dict[str, Any],
    folder: Path,
    in_epochs: DeclaredComparison,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("nothing may be trained")

    monkeypatch.setattr("multisymbol.comparison.fit.fit_stack", refuse)
    compare_dry_run(values, folder / "dry")
    said = capsys.readouterr().out
    assert not (folder / "dry").exists()
    assert len(said.splitlines()) < 36
    for part in (
        f"\nplan       {in_epochs.declared.digest}\n",
        "symbols    4 · stock: SYN_A, SYN_B · forex: SYN_D, SYN_E",
        "fold 2 of 2 ",
        "matched in epochs",
        "detectable unknown before training",
        "claims     none",
        "1 market without signal (1 with the drift kept), 10 trainings on each: 10",
    ):
        assert part in said
    assert re.search(r"\nadapter +16 +[\d,]+ .*\n? +.* by rank 1\n", said)


def test_symbols_left_out_are_named_by_reason(in_epochs: DeclaredComparison) -> None:
    left_out = tuple(
        NotRun(what=what, why=why)
        for what, why in (("A in fold 1", "no train samples"), ("B in fold 1", "too few"), ("A in fold 2", "too few"))
    )
    facts = list(_facts(replace(in_epochs, left_out=left_out), ()))
    assert [text for name, text in facts if name == "left out"] == [
        "no train samples: A in fold 1",
        "too few: B in fold 1, A in fold 2",
    ]


@pytest.fixture
def wrong_options() -> Iterator[list[Problem]]:
    yield command._line.wrong_options
    command._line.wrong_options.clear()


@pytest.mark.parametrize("given", ["[universal,single,finetund,prior]", "[universal, single, finetund, prior]"])
def test_a_mistyped_arm_is_answered_with_the_nearest(given: str, wrong_options: list[Problem]) -> None:
    command._arguments([f"arms={given}"])
    (problem,) = wrong_options
    assert problem.text.startswith("there is no 'finetund', did you mean 'finetuned'? Options: adapter, ")


@pytest.mark.slow
def test_the_command_leaves_nothing_but_the_panel(command: Command, tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    done = command(
        "scripts/compare.py",
        "comparison=quick",
        "dry_run=true",
        "arms=[universal, single, head_only, prior]",
        f"paths.outputs={outputs}",
        "symbols.only=[SYN_A,SYN_B]",
        "split.count=1",
    )
    assert done.returncode == 0, done.stderr
    assert "head_only" in done.stdout
    assert [path.name for path in outputs.iterdir()] == ["cache"]

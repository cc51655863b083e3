"""The command `compare`: the answer at the terminal, as a page, in the store and in the registry."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multisymbol.cli.specs import compare_spec, own_sections, training_report
from multisymbol.cli.train import resumed
from multisymbol.comparison.preregistration import current_keys
from multisymbol.comparison.register import promote, register_last_fold, tag_verdicts
from multisymbol.comparison.result import UNIVERSAL, Comparison
from multisymbol.comparison.run import ComparisonRun, begin, finish
from multisymbol.comparison.spec import CompareSpec
from multisymbol.errors import ComparisonError
from multisymbol.progress import Terminal
from multisymbol.registry.store.store import Run
from multisymbol.reports.comparison import comparison_lines
from multisymbol.reports.comparison_artifacts import announce, record_comparison
from multisymbol.reports.run_summary import mark_synthetic, name_suspects
from multisymbol.reports.training_artifacts import TrainingReport
from multisymbol.training.mlflow_run import group_run
from multisymbol.training.register import check_names
from multisymbol.training.run import resumable
from multisymbol.training.run_folder import at_work, was_done
from multisymbol.wording import short_path


def compare_command(values: Mapping[str, Any], run_dir: Path) -> Comparison:
    """Compare, and leave the answer everywhere it is looked for.

    Args:
        values: Plain, checked configuration (`conf/compare.yaml`).
        run_dir: The comparison's folder.

    Raises:
        ComparisonError: It cannot be made, or is another one than the folder's.
    """
    resume = bool(values["resume"])
    if resume:
        stored, run_dir = resumed(values)
        values = current_keys(stored)
    with at_work(run_dir):
        return _compare(values, run_dir, resume=resume)


def _compare(values: Mapping[str, Any], run_dir: Path, *, resume: bool) -> Comparison:
    spec = compare_spec(values)
    _check_promotion(spec)
    register = spec.register and not spec.plan.exploratory
    check_names(spec.data, spec.run, universal=register, each_symbol=register)
    terminal, started = Terminal(), time.perf_counter()
    if not resume and was_done(run_dir, spec.run, command="compare"):
        terminal.fact("done", f"{run_dir} holds this very comparison: it was done already, and nothing is trained")
    begun = begin(spec, run_dir, terminal=terminal)
    mark_synthetic(begun.tasks[0].whole, terminal)
    name_suspects(begun.tasks[0].whole, terminal)
    with group_run(spec.run, run_dir, name="comparison") as run, resumable(run, command="compare"):
        terminal.fact("run", f"{run.name}; if interrupted, continue: multisymbol compare resume={run.name}")
        done = finish(
            begun,
            run_dir,
            terminal=terminal,
            name=run.name,
            announce=lambda declared: announce(run, declared, spec.run.record),
        )
        with terminal.progress("page"):
            page = record_comparison(run, done, sections=own_sections(values))
        _store(run, done, spec, terminal, report=training_report(values))
    terminal.show("")
    for line in comparison_lines(done.comparison):
        terminal.say(line)
    terminal.show("")
    terminal.fact("page", short_path(page))
    terminal.fact("time", f"{time.perf_counter() - started:,.0f} s")
    return done.comparison


def _check_promotion(spec: CompareSpec) -> None:
    """Refuse before anything is trained what would be refused after."""
    problems = []
    if spec.promote and spec.plan.exploratory:
        problems.append("an exploratory comparison claims nothing, so it moves no champion")
    if spec.promote and not spec.register:
        problems.append("without registered models (registry.register=false) there is no champion to move")
    if problems:
        raise ComparisonError(f"promote=true: {'; '.join(problems)}; leave it out")


def _store(run: Run, done: ComparisonRun, spec: CompareSpec, terminal: Terminal, *, report: TrainingReport) -> None:
    """Register the last fold's models with the verdicts, if models are to be registered and something is claimed."""
    if not spec.register:
        return
    if spec.plan.exploratory:
        terminal.fact(
            "registered", "nothing: the comparison is exploratory, so no model of it shall answer for a symbol"
        )
        return
    versions = register_last_fold(run, done, pages=report)
    tag_verdicts(spec.run.store, versions[UNIVERSAL], done.comparison)
    universal = versions[UNIVERSAL]
    terminal.fact(
        "registered",
        f"{universal.name} version {universal.version} with the verdicts, and {len(versions) - 1} single models",
    )
    if spec.promote:
        moved = promote(spec.run.store, versions, done.comparison)
        terminal.fact("champions", ", ".join(moved) or "none moved: no verdict speaks for one")

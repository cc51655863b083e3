"""The verb `train`: one configuration in; fitted, scored, recorded and registered models out.

Most configurations mean one model. `mode=per_symbol` means one for each symbol, a split of several folds one for each
fold; then the runs are children of one run that shows them side by side.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from multisymbol.errors import ConfigError
from multisymbol.learning.trainer import FitResult
from multisymbol.progress import Terminal
from multisymbol.registry.store.store import Run, StoredVersion
from multisymbol.reports.run_summary import describe_run, no_skill
from multisymbol.reports.tables.table import Table, one_line, show, table_from_json, to_csv, to_markdown
from multisymbol.reports.training_artifacts import PREDICTIONS, record_training
from multisymbol.samples.dataset import FoldDataset, prepare_folds, single_arms
from multisymbol.training.finetune import INHERITED, find_parent, inherited, prepare_tuning
from multisymbol.training.fit import assess, fit_network
from multisymbol.training.mlflow_run import SEALED_TAG, group_run, opened_run, prepared_store
from multisymbol.training.register import register
from multisymbol.training.resume import interrupted

_DONE = "done.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One model to be trained.

    Args:
        name: Its folder within the run's; empty where there is but one.
        values: Its plain configuration.
        prepared: Its data.
        run_dir: Its folder.
        register: Whether the model becomes a registered version: of the folds of a walk only the last one's, and none
            that leaves symbols or spans out, which is made to be tested.
    """

    name: str
    values: Mapping[str, Any]
    prepared: FoldDataset
    run_dir: Path
    register: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """What a job came to.

    Args:
        score: Validation log-loss of the best epoch.
        table: Its test scores in one line: over all symbols, or of its only one.
        registered: Name and version, or why not.
    """

    score: float
    table: Table
    registered: str


def train(values: Mapping[str, Any], run_dir: Path) -> float:
    """Train, score, record and register what a configuration describes.

    Args:
        values: Plain, checked configuration (`conf/train.yaml`).
        run_dir: The run's folder.

    Returns:
        Validation log-loss of the best epoch, the mean over the models where there are several: what a sweep minimises.
    """
    if values["resume"]:
        values, run_dir = interrupted(values)
    first = os.environ.get("LOCAL_RANK", "0") == "0"
    terminal = Terminal(silent=not first)
    started = time.perf_counter()
    if values["mode"] == "finetune":
        parent = find_parent(values)
        values = inherited(values, parent)
        folds = prepare_tuning(values, parent, terminal)
        terminal.fact("parent", f"{parent.name}: {', '.join(INHERITED)} are its own")
    else:
        folds = prepare_folds(values, terminal)
    describe_run(folds, values, terminal, seconds=time.perf_counter() - started)
    if values["open_sealed"] and first:
        _tell_of_earlier_openings(values, terminal)
    jobs = _plan(values, folds, run_dir)
    if not first:
        return fit_network(values, jobs[0].prepared, run_dir, run=None)[1].best_score
    score = _one(jobs[0], terminal) if len(jobs) == 1 else _several(jobs, values, run_dir, terminal)
    terminal.fact("look at it", _where_to_look(values))
    terminal.fact("memory", f"{_peak_memory():,.0f} MB at its peak")
    return score


def _tell_of_earlier_openings(values: Mapping[str, Any], terminal: Terminal) -> None:
    """A sealed span answers one question; each further one is a trial more, and is said to be."""
    earlier = prepared_store(values).runs_tagged(SEALED_TAG)
    asked = "; ".join(f"'{question}' ({name})" for name, question in earlier.items())
    terminal.fact("sealed", f"opened for '{values['open_sealed']}', recorded. Before: {asked or 'never'}")


def _plan(values: Mapping[str, Any], folds: Sequence[FoldDataset], run_dir: Path) -> list[Job]:
    """List the models to be trained, fold by fold."""
    per_symbol = values["mode"] == "per_symbol"
    keep = bool(values["registry"]["register"])
    jobs = []
    for place, fold in enumerate(folds):
        arms = single_arms(values, fold) if per_symbol else [(values, fold)]
        for arm_values, prepared in arms:
            symbol = [prepared.universe.configs[0].slug] if per_symbol else []
            folded = [fold.parts.fold.name.replace(" ", "-")] if len(folds) > 1 else []
            name = "-".join([*symbol, *folded])
            newest = place == len(folds) - 1 and not (fold.parts.fold.left_out or fold.parts.fold.blocks)
            jobs.append(
                Job(name=name, values=arm_values, prepared=prepared, run_dir=run_dir / name, register=newest and keep)
            )
    if len(jobs) > 1 and values["trainer"]["devices"] not in {1, "1"}:
        message = f"{len(jobs)} models in one command train on one device; use trainer=cpu or trainer=gpu"
        raise ConfigError(message)
    return jobs


def _one(job: Job, terminal: Terminal) -> float:
    done = _train(job, terminal, parent=None, alone=True)
    terminal.fact("registered" if job.register else "run", done.registered)
    return done.score


def _several(jobs: Sequence[Job], values: Mapping[str, Any], run_dir: Path, terminal: Terminal) -> float:
    """Train model after model under one run; those that were done before an interruption are not trained again."""
    with group_run(values, run_dir) as group, _resumable(group, terminal):
        done = []
        for place, job in enumerate(jobs, start=1):
            done.append(_train(job, terminal, parent=group, alone=False))
            terminal.fact(f"{place}/{len(jobs)}", f"{job.name}: {done[-1].registered}")
        table = replace(done[0].table, rows=tuple(item.table.rows[0] for item in done))
        group.log_text(to_csv(table), path="tables/test.csv")
        group.log_text(to_markdown(table), path="tables/test.md")
        file = run_dir / PREDICTIONS
        parts = [pd.read_parquet(job.run_dir / PREDICTIONS).assign(model=job.name) for job in jobs]
        pd.concat(parts, ignore_index=True).to_parquet(file)
        group.log_file(file)
    terminal.show("")
    terminal.show(show(table, most=40))
    return sum(item.score for item in done) / len(done)


def _train(job: Job, terminal: Terminal, *, parent: Run | None, alone: bool) -> Done:
    note = job.run_dir / _DONE
    if note.is_file():
        stored = json.loads(note.read_text(encoding="utf-8"))
        return Done(score=stored["score"], table=table_from_json(stored["table"]), registered=stored["registered"])
    with (
        opened_run(job.values, job.prepared, job.run_dir, parent=parent) as run,
        _resumable(run, terminal, alone=alone),
    ):
        module, fitted = fit_network(job.values, job.prepared, job.run_dir, run=run)
        if alone:
            terminal.fact("trained", _speed(fitted, monitor=module.task.monitor))
        outcome = assess(module, fitted, job.values, job.prepared)
        record_training(run, outcome, job.prepared, job.run_dir)
        version = register(run, outcome, job.values, job.prepared, job.run_dir) if job.register else None
        line = one_line(outcome.table(job.prepared), name=job.name)
        done = Done(score=fitted.best_score, table=line, registered=_registered(version, run))
        note.write_text(json.dumps(asdict(done)), encoding="utf-8")
    if alone:
        terminal.show("")
        terminal.show(show(outcome.table(job.prepared), most=40))
        if lacking := no_skill(outcome.pooled(), outcome.by_symbol()):
            terminal.fact("skill", lacking)
    return done


@contextmanager
def _resumable(run: Run, terminal: Terminal, *, alone: bool = True) -> Iterator[None]:
    """On Ctrl-C, say how to continue; of a model among several the command's own run says it."""
    try:
        yield
    except KeyboardInterrupt:
        if alone:
            terminal.fact("stopped", f"continue: multisymbol train resume={run.name}")
        raise


def _registered(version: StoredVersion | None, run: Run) -> str:
    if version is None:
        return f"{run.name}, not registered"
    return f"{version.name} version {version.version} (alias newest)      run {run.name}"


def _speed(fitted: FitResult, *, monitor: str) -> str:
    score = monitor.replace("val/", "validation ").replace("log_loss", "log-loss")
    why = "stopped early" if fitted.stopped_early else "all of them"
    return (
        f"{fitted.epochs_run} epochs ({why}), best {fitted.best_epoch}: {score} {fitted.best_score:.4f} · "
        f"{fitted.steps:,} steps · {fitted.windows_per_second:,.0f} windows/s · {fitted.seconds:.1f} s"
    )


def _where_to_look(values: Mapping[str, Any]) -> str:
    """Say how the store is looked at: a server's address, or the command for a file, short where it lies below here."""
    uri = str(values["registry"]["uri"])
    short = uri.replace(f"sqlite:///{Path.cwd()}/", "sqlite:///")
    return f"mlflow ui --backend-store-uri {short}" if uri.startswith("sqlite:") else uri


def _peak_memory() -> float:
    """Return this process's largest resident set so far, MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)

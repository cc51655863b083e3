"""Training the models of one command: fitted, scored, recorded and registered, each in a run of its own.

Most commands mean one model. `mode=per_symbol` means one for each symbol, a split of several folds one for each fold;
then the runs are children of one run that shows them side by side. A model that is done leaves `done.json`, and is not
trained again when an interrupted command is resumed.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from multisymbol.errors import ConfigError, LabelError
from multisymbol.learning.trainer import FitResult
from multisymbol.progress import Terminal
from multisymbol.registry.store.store import NEWEST, Run
from multisymbol.registry.store.versions import Candidate
from multisymbol.samples.dataset import FoldDataset, prepare_folds
from multisymbol.samples.fold import check_classes
from multisymbol.samples.storage import write_whole
from multisymbol.samples.views import own_view
from multisymbol.training.finetune import prepare_tuning
from multisymbol.training.fit import assess, fit_network
from multisymbol.training.mlflow_run import RunLogger, group_run, opened_run
from multisymbol.training.register import ModelPages, register
from multisymbol.training.result import EvaluationResult
from multisymbol.training.run_folder import check_reuse, read_note
from multisymbol.training.spec import TrainSpec

_DONE = "done.json"


class TrainingPages(ModelPages, Protocol):
    """What a person reads of a training; `reports` makes it."""

    def record(self, run: Run, result: EvaluationResult, dataset: FoldDataset, run_dir: Path) -> None:
        """Log tables, figures, scores and test forecasts to the run."""

    def line(self, result: EvaluationResult, dataset: FoldDataset, *, name: str) -> Mapping[str, Any]:
        """Return the test scores in one line of a table, as JSON."""

    def record_group(self, run: Run, models: Sequence["TrainedModel"], run_dir: Path) -> None:
        """Log the lines of several models as one table, and their test forecasts as one file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One model to be trained; `name` is its folder within the run's, empty where there is but one."""

    name: str
    spec: TrainSpec
    dataset: FoldDataset
    run_dir: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainedModel:
    """What a job came to."""

    name: str
    run_dir: Path
    run: str  # name of its MLflow run
    score: float  # validation score of the best epoch, lower is better: log-loss in nats, Huber loss for a return
    line: Mapping[str, Any]  # its test scores in one line, over all symbols or of its only one: a table as JSON
    version: tuple[str, int] | None  # registered name and number; None where it was not registered
    candidate: Candidate | None  # what it is a candidate of, see `TrainSpec`
    dataset: FoldDataset  # its data
    result: EvaluationResult | None  # the fit and its test scores; None where it was trained before an interruption

    @property
    def registered(self) -> str:
        """What became of it, for people."""
        if self.version is None:
            return f"{self.run}, not registered"
        role = f"alias {NEWEST}" if self.candidate is None else f"candidate of a {self.candidate}, not promoted"
        return f"{self.version[0]} version {self.version[1]} ({role})      run {self.run}"


def prepare_training(spec: TrainSpec, terminal: Terminal) -> tuple[FoldDataset, ...]:
    """Prepare the data of a training: the universe's, or a symbol's as the stored parent model sees it."""
    return prepare_tuning(spec.data, spec.parent, terminal) if spec.parent else prepare_folds(spec.data, terminal)


def jobs_of(spec: TrainSpec, folds: Sequence[FoldDataset], run_dir: Path, *, one_device: bool) -> list[Job]:
    """List the models to be trained, fold by fold.

    Of several folds only the last one's model is registered, and none that leaves symbols or spans out: such a model is
    made to be tested.

    Args:
        spec: The training.
        folds: Its data.
        run_dir: The command's folder.
        one_device: Whether the trainer uses one device.

    Raises:
        ConfigError: Several models, and a trainer of several devices.
        LabelError: A symbol's own train samples lack a class; all such symbols are named.
    """
    jobs = []
    for place, fold in enumerate(folds):
        folded = [fold.parts.fold.name.replace(" ", "-")] if len(folds) > 1 else []
        last = place == len(folds) - 1 and not (fold.parts.fold.left_out or fold.parts.fold.blocks)
        candidate: Candidate | None = "sweep" if spec.run.sweep else "fold" if folded else spec.candidate
        kept = replace(spec, register=last and spec.register, candidate=candidate)
        pairs = single_models(kept, fold) if spec.run.mode == "per_symbol" else [(kept, fold)]
        for own, dataset in pairs:
            whose = [dataset.universe.configs[0].slug] if spec.run.mode == "per_symbol" else []
            name = "-".join([*whose, *folded])
            jobs.append(Job(name=name, spec=own, dataset=dataset, run_dir=run_dir / name))
    if len(jobs) > 1 and not one_device:
        raise ConfigError(f"{len(jobs)} models in one command train on one device; use trainer=cpu or trainer=gpu")
    return jobs


def single_models(
    spec: TrainSpec, whole: FoldDataset, *, without: Sequence[str] = ()
) -> list[tuple[TrainSpec, FoldDataset]]:
    """Return the training of each symbol's own model, on exactly its samples and parts in the universe's fold.

    Args:
        spec: Training of the universe.
        whole: The universe's data, one fold.
        without: Symbols that get none, such as those of `no_own_model`; likewise those that do not train.

    Raises:
        LabelError: A symbol's own train samples lack a class; all such symbols are named.
    """
    found, problems = [], []
    for index, (config, count) in enumerate(zip(whole.universe, whole.parts.counts, strict=True)):
        if count.role != "trained" or count.symbol in without:
            continue
        own = spec.of_symbol(config.symbol)
        try:
            dataset = own_view(own.data, whole, index)
            check_classes(dataset.ledger, dataset.parts)
            found.append((own, dataset))
        except LabelError as error:
            problems.append(f"  {config.symbol}: {error}")
    if problems:
        raise LabelError("\n".join(["symbols without a model of their own", *problems]))
    return found


def train_jobs(
    jobs: Sequence[Job], spec: TrainSpec, run_dir: Path, terminal: Terminal, *, pages: TrainingPages
) -> list[TrainedModel]:
    """Train every job that is not done; several become children of one run in the folder of the command.

    Raises:
        OutputError: A job's folder holds a model that was asked for, or made from, something else.
    """
    changed = {name for job in jobs for name in check_reuse(job.run_dir, job.spec.run.record, job.dataset)}
    if changed:
        terminal.fact("code", f"{', '.join(sorted(changed))} changed since the run was begun; it is used as it is now")
    if len(jobs) == 1:
        return [_train(jobs[0], terminal, pages=pages, parent=None)]
    with group_run(spec.run, run_dir) as group, resumable(group), terminal.progress("models") as progress:
        models = []
        for place, job in enumerate(jobs, start=1):
            progress(job.name, place - 1, len(jobs))
            models.append(_train(job, terminal, pages=pages, parent=group))
            terminal.fact(f"{place}/{len(jobs)}", f"{job.name}: {models[-1].registered}")
        pages.record_group(group, models, run_dir)
    return models


def _train(job: Job, terminal: Terminal, *, pages: TrainingPages, parent: Run | None) -> TrainedModel:
    note = job.run_dir / _DONE
    if note.is_file():
        _finish(job)
        return _read(job, json.loads(note.read_text(encoding="utf-8")))
    alone = parent is None
    spec, dataset = job.spec, job.dataset
    with opened_run(spec.run, dataset, job.run_dir, parent=parent) as run, resumable(run, alone=alone):
        stored = spec.parent.bundle if spec.parent else None
        logger = RunLogger(run)
        module, fitted = fit_network(spec.fit, dataset, job.run_dir, parent=stored, loggers=[logger], resume=True)
        if alone:
            terminal.fact("trained", _speed(fitted, monitor=module.task.monitor))
        with terminal.progress("evaluation") as progress:
            progress("test rows", 0, 3)
            result = assess(module, fitted, spec.fit, dataset)
            progress("page", 1, 3)
            pages.record(run, result, dataset, job.run_dir)
            progress("registry", 2, 3)
            version = register(run, result, spec, dataset, job.run_dir, pages=pages) if spec.register else None
        model = TrainedModel(
            name=job.name,
            run_dir=job.run_dir,
            run=run.name,
            score=fitted.best_score,
            line=pages.line(result, dataset, name=job.name),
            version=None if version is None else (version.name, version.version),
            candidate=spec.candidate,
            dataset=dataset,
            result=result,
        )
        left = {"score": model.score, "table": model.line, "registered": model.registered}
        left |= {"run": model.run, "version": model.version, "candidate": model.candidate}
        write_whole(note, json.dumps(left))
    return model


def _finish(job: Job) -> None:
    """End the run of a job that is done: its process may have been killed before it did."""
    store, note = job.spec.run.store, read_note(job.run_dir)
    found = store.find_run(str(note["run_id"])) if note else None
    if found and found.status != "FINISHED":
        store.resume_run(found.run_id).finish()


def _read(job: Job, stored: Mapping[str, Any]) -> TrainedModel:
    """Read what a job left; notes of before name run and version in `registered` alone."""
    version, run = stored.get("version"), stored.get("run")
    if run is None:
        text, _, run = str(stored["registered"]).partition("      run ")
        run = run or text.removesuffix(", not registered")
        version = text.partition(" version ")[::2] if " version " in text else None
        version = version and (version[0], int(version[1].split()[0]))
    return TrainedModel(
        name=job.name,
        run_dir=job.run_dir,
        run=str(run),
        score=float(stored["score"]),
        line=stored["table"],
        version=None if version is None else (str(version[0]), int(version[1])),
        candidate=stored.get("candidate"),
        dataset=job.dataset,
        result=None,
    )


@contextmanager
def resumable(run: Run, *, alone: bool = True, command: str = "train") -> Iterator[None]:
    """Let Ctrl-C say how to resume; for a model among several the command's own run says it."""
    try:
        yield
    except KeyboardInterrupt as stop:
        if not alone:
            raise
        message = f"continue: multisymbol {command} resume={run.name}"
        raise KeyboardInterrupt(message) from stop


def _speed(fitted: FitResult, *, monitor: str) -> str:
    score = monitor.replace("val/", "validation ").replace("log_loss", "log-loss")
    why = "stopped early" if fitted.stopped_early else "all of them"
    return (
        f"{fitted.epochs_run} epochs ({why}), best {fitted.best_epoch}: {score} {fitted.best_score:.4f} · "
        f"{fitted.steps:,} steps · {fitted.windows_per_second:,.0f} windows/s · {fitted.seconds:.1f} s"
    )

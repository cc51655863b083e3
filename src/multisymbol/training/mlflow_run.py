"""What a run leaves in the MLflow store: parameters, metrics, inputs, tables, pictures, and the model."""

import json
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers.logger import Logger

from multisymbol.config.installation import checkout
from multisymbol.errors import OutputError
from multisymbol.markets.time import iso
from multisymbol.registry.store.store import DataFacts, Run, Status, Store
from multisymbol.samples.dataset import FoldDataset
from multisymbol.samples.storage import write_whole
from multisymbol.training.run_folder import CONFIG, begin_note, check_reuse, read_note
from multisymbol.training.spec import RunSpec, SweepJob

SEALED_TAG = "opened_sealed_span"
"""Tag of the runs that tested a sealed span; its value is the question that was asked."""


class RunLogger(Logger):
    """Hands Lightning's metrics to our run, one transaction an epoch; the run is opened and ended by us.

    Lightning's own MLflow logger alters names, cuts parameters and ends the run after the fit.
    """

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run

    @property
    def name(self) -> str:
        """Name of the run."""
        return self._run.name

    @property
    def version(self) -> str:
        """Identity of the run."""
        return self._run.run_id

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Write metrics at their epoch."""
        epoch = int(metrics.pop("epoch", step or 0))
        if metrics:
            self._run.log_metrics(metrics, step=epoch)

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: parameters are logged once, by `open_run`."""


@contextmanager
def opened_run(spec: RunSpec, dataset: FoldDataset, run_dir: Path, *, parent: Run | None) -> Iterator[Run]:
    """Open a run, record its inputs, and end it as what it became: FINISHED, FAILED or KILLED.

    A folder that holds an interrupted run of the same configuration and data continues that run.

    Args:
        spec: How it is kept.
        dataset: Its data.
        run_dir: The run's folder.
        parent: The run it is a child of; None: that of the sweep, if it is part of one.

    Raises:
        OutputError: The folder holds something else.
    """
    check_reuse(run_dir, spec.record, dataset)
    with _run_in(run_dir, spec, parent=parent, name=None, dataset=dataset) as run:
        if not run_dir.joinpath("checkpoints").exists():
            run.log_params(spec.record.params())
            run.log_json(spec.record.stored(), path=CONFIG)
            run.log_inputs(data_facts(dataset, source=spec.record.source), context=spec.mode)
        yield run


@contextmanager
def group_run(spec: RunSpec, run_dir: Path, *, name: str | None = None, parent: Run | None = None) -> Iterator[Run]:
    """Open a run that trains nothing itself: one whose children are the models of a command, or another command's.

    Args:
        spec: How it is kept.
        run_dir: The run's folder.
        name: Beginning of its name; None: that of a training.
        parent: As in `opened_run`.
    """
    with _run_in(run_dir, spec, parent=parent, name=name, dataset=None) as run:
        run.log_json(spec.record.stored(), path=CONFIG)
        yield run


@contextmanager
def _run_in(
    run_dir: Path, spec: RunSpec, *, parent: Run | None, name: str | None, dataset: FoldDataset | None
) -> Iterator[Run]:
    spec.store.prepare()
    sweep = _sweep_run(spec.store, spec.sweep) if parent is None and spec.sweep else None
    run = _open(spec, run_dir, parent=parent or sweep, name=name, dataset=dataset)
    status: Status = "FAILED"
    try:
        yield run
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        run.finish(status)
        if sweep:
            sweep.finish()


def _open(spec: RunSpec, run_dir: Path, *, parent: Run | None, name: str | None, dataset: FoldDataset | None) -> Run:
    if note := read_note(run_dir):
        return spec.store.resume_run(str(note["run_id"]))
    # MLflow's own names repeat where a run seeds the generators.
    run = spec.store.open_run(
        f"{name or spec.name}-{secrets.token_hex(8)}",
        tags={**_tags(spec), "run_dir": str(run_dir)},
        parent_run_id=parent.run_id if parent else None,
    )
    begin_note(run_dir, spec.record, dataset, run={"run_id": run.run_id, "name": run.name})
    return run


def _sweep_run(store: Store, job: SweepJob) -> Run:
    """Find or make the run that groups a sweep: the first job makes it, whichever process that is in."""
    note = job.folder / "parent_run.json"
    with FileLock(job.folder / "parent_run.lock"):
        if note.is_file():
            kept = json.loads(note.read_text(encoding="utf-8"))
            if kept.get("over", list(job.over)) != list(job.over):
                there, asked = " ".join(kept["over"]), " ".join(job.over)
                message = f"{job.folder} holds a sweep over {there}, not over {asked}"
                raise OutputError(f"{message}; start it in a folder of its own (leave out hydra.sweep.dir)")
            return store.resume_run(kept["run_id"])
        parent = store.parent_run(
            f"sweep-{secrets.token_hex(8)}", tags={"sweep_dir": job.folder.name, "sweep_over": " ".join(job.over)}
        )
        write_whole(note, json.dumps({"run_id": parent.run_id, "over": list(job.over)}))
        return parent


def best_of_sweep(job: SweepJob, *, run: str, score: float, versions: Sequence[str]) -> str:
    """Note what a job of a sweep came to, and say which job is the best so far and how its models are promoted.

    Args:
        job: The sweep.
        run: Name of the job's run.
        score: What the sweep minimises.
        versions: Registered versions of the job, as `NAME/3`.
    """
    file = job.folder / "jobs.json"
    with FileLock(file.with_suffix(".lock")):
        done = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        done[run] = {"score": score, "versions": list(versions)}
        write_whole(file, json.dumps(done, indent=1))
    name, best = min(done.items(), key=lambda each: each[1]["score"])
    said = f"best of {len(done)} so far: {name}, validation score {best['score']:.4f}"
    commands = [f"multisymbol models promote {version}" for version in best["versions"]]
    return " · ".join([said, *([f"promote it: {' && '.join(commands)}"] if commands else [])])


def _tags(spec: RunSpec) -> dict[str, str]:
    sealed = {} if spec.open_sealed is None else {SEALED_TAG: spec.open_sealed}
    return {
        **sealed,
        "strategy": spec.strategy,
        "mode": spec.mode,
        "symbols": ",".join(spec.symbols),
        "git_commit": git_commit(),
    }


def data_facts(dataset: FoldDataset, *, source: str) -> list[DataFacts]:
    """Return, for each symbol, the hash, source, number and span of the bars used.

    Args:
        dataset: The data.
        source: Where the bars came from, for people.
    """
    ledger, panel = dataset.ledger, dataset.panel
    return [
        DataFacts(
            name=config.slug,
            digest=panel.fingerprints[config.symbol],
            source=source,
            profile={
                "symbol": config.symbol,
                "asset_class": config.asset_class,
                "bars": count.bars,
                "samples": count.samples,
                "first": iso(int(panel.opened_at[panel.rows(index)][0])),
                "last": iso(int(panel.closed_at[panel.rows(index)][-1])),
            },
        )
        for index, (config, count) in enumerate(zip(dataset.universe, ledger.counts, strict=True))
    ]


def git_commit() -> str:
    """Return the commit of the code, `+changes` where files differ from it, `unknown` outside a checkout."""
    source = checkout()
    if source is None:
        return "unknown"

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=source, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"

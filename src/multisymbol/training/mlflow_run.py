"""What a run leaves in the MLflow store: parameters, metrics, inputs, tables, pictures, and the model."""

import json
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers.logger import Logger

from multisymbol.cli.schema import OF_ONE_SYMBOL
from multisymbol.config.installation import checkout
from multisymbol.config.names import stored_form
from multisymbol.markets.symbols import slug
from multisymbol.markets.time import iso
from multisymbol.registry.store.store import DataFacts, Run, Status, Store
from multisymbol.samples.dataset import FoldDataset

CONFIG = "config.json"
"""Name of the resolved configuration in a run's folder and among its artifacts."""

_NOTE = "run.json"
SEALED_TAG = "opened_sealed_span"
"""Tag of the runs that tested a sealed span; its value is the question that was asked."""

_PARAM_GROUPS = ("alignment", "labels", "scaling", "split", "sampling", "model", "loss", "optimizer")
_PARAM_KEYS = ("strategy", "mode", "symbol", "from", "seed", "window", "stride", "batch_size")


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


def prepared_store(values: Mapping[str, Any]) -> Store:
    """Return the store a configuration names, ready for use."""
    store = Store.of(values["registry"])
    store.prepare()
    return store


@contextmanager
def opened_run(values: Mapping[str, Any], prepared: FoldDataset, run_dir: Path, *, parent: Run | None) -> Iterator[Run]:
    """Open a run, note what goes into it, and end it as what it became: FINISHED, FAILED or KILLED.

    A folder that holds an interrupted run goes on with that run.

    Args:
        values: Plain configuration.
        prepared: Its data.
        run_dir: The run's folder.
        parent: The run it is a child of; None: that of the sweep, if it is part of one.
    """
    with _run_in(run_dir, values, parent=parent) as run:
        if not run_dir.joinpath("checkpoints").exists():
            _note_inputs(run, values, prepared)
        yield run


@contextmanager
def group_run(
    values: Mapping[str, Any], run_dir: Path, *, name: str | None = None, parent: Run | None = None
) -> Iterator[Run]:
    """Open a run that trains nothing itself: one whose children are the models of a command, or another verb's.

    Args:
        values: Plain configuration.
        run_dir: The run's folder.
        name: Beginning of its name; None: that of a training.
        parent: As in `opened_run`.
    """
    with _run_in(run_dir, values, parent=parent, name=name) as run:
        run.log_json(stored_form(values), path=CONFIG)
        yield run


@contextmanager
def _run_in(run_dir: Path, values: Mapping[str, Any], *, parent: Run | None, name: str | None = None) -> Iterator[Run]:
    store = prepared_store(values)
    sweep = _parent(store) if parent is None else None
    run = _open(store, run_dir, values, parent=parent or sweep, name=name)
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


def _open(store: Store, run_dir: Path, values: Mapping[str, Any], *, parent: Run | None, name: str | None) -> Run:
    note = run_dir / _NOTE
    if note.is_file():
        return store.resume_run(json.loads(note.read_text(encoding="utf-8"))["run_id"])
    tags = {**_tags(values), "run_dir": str(run_dir)}
    run = store.open_run(_name(values, name), tags=tags, parent_run_id=parent.run_id if parent else None)
    run_dir.mkdir(parents=True, exist_ok=True)
    (run_dir / CONFIG).write_text(json.dumps(stored_form(values)), encoding="utf-8")
    note.write_text(json.dumps({"run_id": run.run_id, "name": run.name}), encoding="utf-8")
    return run


def _name(values: Mapping[str, Any], given: str | None) -> str:
    """Say whose model it is and of which network; MLflow's own names repeat when a run seeds the generators."""
    if given is not None:
        return f"{given}-{secrets.token_hex(3)}"
    whose = slug(values["symbol"]) if values["mode"] in OF_ONE_SYMBOL else values["mode"]
    return f"{whose}-{values['model']['_target_'].rpartition('.')[2].lower()}-{secrets.token_hex(3)}"


def _parent(store: Store) -> Run | None:
    """Find or make the run that groups a sweep: the first job makes it, whichever process that is in."""
    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return None
    folder = Path(HydraConfig.get().sweep.dir)
    note = folder / "parent_run.json"
    with FileLock(folder / "parent_run.lock"):
        if note.is_file():
            return store.resume_run(json.loads(note.read_text(encoding="utf-8"))["run_id"])
        overrides = [text for text in HydraConfig.get().overrides.task if "," in text]
        parent = store.parent_run(
            f"sweep-{secrets.token_hex(3)}", tags={"sweep_dir": folder.name, "sweep_over": " ".join(overrides)}
        )
        note.write_text(json.dumps({"run_id": parent.run_id}), encoding="utf-8")
        return parent


def _tags(values: Mapping[str, Any]) -> dict[str, str]:
    sealed = {} if values["open_sealed"] is None else {SEALED_TAG: str(values["open_sealed"])}
    return {
        **sealed,
        "strategy": values["strategy"],
        "mode": values["mode"],
        "symbols": ",".join(values["symbol_configs"]),
        "git_commit": git_commit(),
    }


def _note_inputs(run: Run, values: Mapping[str, Any], prepared: FoldDataset) -> None:
    run.log_params(flat_params(values))
    run.log_json(stored_form(values), path=CONFIG)
    run.log_inputs(data_facts(prepared, values), context=values["mode"])


def data_facts(prepared: FoldDataset, values: Mapping[str, Any]) -> list[DataFacts]:
    """Say of each symbol which bars were used: their hash, source, number and span."""
    ledger, panel = prepared.ledger, prepared.panel
    return [
        DataFacts(
            name=config.slug,
            digest=panel.fingerprints[config.symbol],
            source=str(values["source"].get("root", values["source"]["_target_"])),
            profile={
                "symbol": config.symbol,
                "asset_class": config.asset_class,
                "bars": count.bars,
                "samples": count.samples,
                "first": iso(int(panel.opened_at[panel.rows(index)][0])),
                "last": iso(int(panel.closed_at[panel.rows(index)][-1])),
            },
        )
        for index, (config, count) in enumerate(zip(prepared.universe, ledger.counts, strict=True))
    ]


def flat_params(values: Mapping[str, Any]) -> dict[str, object]:
    """Pick the choices one compares runs by: single keys, and the groups with their values."""
    params: dict[str, object] = {key: values[key] for key in _PARAM_KEYS}
    params["symbols"] = len(values["symbol_configs"])
    params["max_epochs"] = values["trainer"]["max_epochs"]
    for group in _PARAM_GROUPS:
        node = values[group]
        params[group] = str(node["_target_"]).rpartition(".")[2]
        params |= {f"{group}.{key}": value for key, value in node.items() if not key.startswith("_")}
    return params


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

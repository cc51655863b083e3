"""The command `train`: one configuration in; fitted, scored, recorded and registered models out."""

import re
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from multisymbol.cli.schema import symbol_configs
from multisymbol.cli.specs import source_of, store_of, train_spec, training_report
from multisymbol.errors import ConfigError
from multisymbol.progress import Terminal, first_process
from multisymbol.registry.store.database import PREFIX
from multisymbol.reports.run_summary import describe_run, mark_synthetic, no_skill
from multisymbol.reports.tables.table import show
from multisymbol.reports.training_artifacts import model_scores_table, run_score_table
from multisymbol.training.finetune import INHERITED, Parent, find_parent
from multisymbol.training.fit import fit_network
from multisymbol.training.mlflow_run import SEALED_TAG, best_of_sweep
from multisymbol.training.register import check_names
from multisymbol.training.resume import interrupted
from multisymbol.training.run import TrainedModel, jobs_of, prepare_training, train_jobs
from multisymbol.training.run_folder import at_work, was_done
from multisymbol.training.spec import SweepJob, TrainSpec
from multisymbol.wording import short_path

_MAY_CHANGE = ("resume", "paths", "registry", "trust", "metrics", "sections")
_MOST_ROWS = 40


def train(values: Mapping[str, Any], run_dir: Path) -> float:
    """Train what a configuration describes; returns what a sweep minimises.

    Args:
        values: Plain, checked configuration (`conf/train.yaml`).
        run_dir: The run's folder.
    """
    return train_models(values, run_dir, Terminal(silent=not first_process()))[1]


def train_models(
    values: Mapping[str, Any], run_dir: Path, terminal: Terminal
) -> tuple[tuple[TrainedModel, ...], float]:
    """Train, score, record and register what a configuration describes.

    Args:
        values: Plain, checked configuration (`conf/train.yaml`).
        run_dir: The run's folder.
        terminal: Says what is going on.

    Returns:
        The models, in the order they were trained (none on other processes than the first), and the validation score of
        the best epoch, the mean over the models: what a sweep minimises.
    """
    resume = bool(values["resume"])
    if resume:
        values, run_dir = resumed(values)
    if not first_process():
        return _train(values, run_dir, terminal, resume=resume)
    with at_work(run_dir):
        return _train(values, run_dir, terminal, resume=resume)


def _train(
    values: Mapping[str, Any], run_dir: Path, terminal: Terminal, *, resume: bool
) -> tuple[tuple[TrainedModel, ...], float]:
    first = first_process()
    started = time.perf_counter()
    parent = parent_of(values) if values["mode"] == "finetune" else None
    values = inherited(values, parent) if parent else values
    spec = train_spec(values, parent=parent, sweep=sweep_job())
    if first and not resume and was_done(run_dir, spec.run, command="train"):
        terminal.fact("done", f"{run_dir} holds this very run: it was done already, and nothing is trained")
    if parent:
        parent.check_provenance(spec.data.source, spec.data.universe.configs[0])
    own = spec.run.mode == "per_symbol"
    check_names(spec.data, spec.run, universal=spec.register and not own, each_symbol=spec.register and own)
    folds = prepare_training(spec, terminal)
    if parent:
        terminal.fact("parent", f"{parent.name} fixes {', '.join(INHERITED)}")
    describe_run(folds, spec.run.record, terminal, seconds=time.perf_counter() - started)
    if spec.run.open_sealed and first:
        _tell_of_earlier_openings(spec, terminal)
    jobs = jobs_of(spec, folds, run_dir, one_device=values["trainer"]["devices"] in {1, "1"})
    if not first:
        stored = parent.bundle if parent else None
        fitted = fit_network(spec.fit, jobs[0].dataset, run_dir, parent=stored, resume=True)[1]
        return (), fitted.best_score
    models = train_jobs(jobs, spec, run_dir, terminal, pages=training_report(values))
    score = sum(model.score for model in models) / len(models)
    _show(models, terminal)
    if spec.run.sweep:
        versions = [f"{name}/{number}" for name, number in filter(None, (model.version for model in models))]
        terminal.fact("sweep", best_of_sweep(spec.run.sweep, run=models[0].run, score=score, versions=versions))
    elif models[0].version and not models[1:]:
        name, number = models[0].version
        terminal.fact("next", "multisymbol compare: a log-loss below no-skill alone is not yet skill")
        terminal.fact("", f"to make it champion: multisymbol models promote {name}/{number}")
    terminal.fact("view", _where_to_look(spec))
    terminal.fact("memory", f"{_peak_memory():,.0f} MB at its peak")
    return tuple(models), score


def resumed(values: Mapping[str, Any]) -> tuple[dict[str, Any], Path]:
    """Return the configuration and folder of the run that `resume` names.

    Raises:
        StoreError: There is no such run, it is finished, or its folder is gone.
        ConfigError: Other keys are set as well: a resumed run goes on as it was started.
    """
    others = [text for text in _overrides() if text.split("=")[0].split(".")[0] not in _MAY_CHANGE]
    if others:
        raise ConfigError(
            f"a resumed run goes on as it was started; leave out {', '.join(others)}, or start a new run with them"
        )
    return interrupted(store_of(values), str(values["resume"]))


def parent_of(values: Mapping[str, Any]) -> Parent:
    """Look up the stored model that `from` names.

    Raises:
        ConfigError: `from` is missing.
        StoreError: There is no such version.
    """
    if values["from"] is None:
        raise ConfigError("mode=finetune needs a model to start from: from=champion, from=NAME@alias or from=NAME/3")
    return find_parent(
        str(values["from"]),
        store=store_of(values),
        strategy=values["strategy"],
        timeframe=source_of(values).timeframe.text,
    )


def inherited(values: Mapping[str, Any], parent: Parent) -> dict[str, Any]:
    """Take over what is the parent's to say, and resolve the symbol with it.

    Raises:
        ConfigError: The command line says otherwise.
        SymbolError: The parent was not trained on the symbol's asset class.
    """
    mine = [text for text in _overrides() if re.split(r"[.=@]", text)[0] in INHERITED]
    if mine:
        raise ConfigError(f"{', '.join(mine)}: that is fixed by {parent.name}, which is fitted further; leave it out")
    config = parent.bundle.config
    taken = {**values, **{key: config[key] for key in INHERITED}, "split": _split(values["split"], parent)}
    parent.check_class(values["symbol"], values["symbol_configs"][values["symbol"]]["asset_class"])
    return {**taken, "from": parent.name, "symbol_configs": symbol_configs(taken)}


def _split(split: Mapping[str, Any], parent: Parent) -> Mapping[str, Any]:
    """Cut where the parent was cut, unless the configuration gives an instant or another kind of split.

    Raises:
        ConfigError: The command line asks for shares, of which there are none then.
    """
    if "test_share" not in split or split["validation_from"] or split["test_from"]:
        return split
    shares = [text for text in _overrides() if re.match(r"split\.(shares_of|validation_share|test_share)=", text)]
    if shares:
        cuts = " ".join(f"split.{key}={at}" for key, at in parent.cuts.items())
        raise ConfigError(
            f"{', '.join(shares)}: {parent.name} says where the data is cut ({cuts}); give instants or leave it out"
        )
    return {**split, **parent.cuts}


def sweep_job() -> SweepJob | None:
    """Return the sweep this process runs a job of; None outside Hydra's multirun."""
    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return None
    over = tuple(text for text in HydraConfig.get().overrides.task if "," in text)
    return SweepJob(folder=Path(HydraConfig.get().sweep.dir), over=over)


def _overrides() -> list[str]:
    """Return what the command line set, without the signs Hydra puts in front."""
    if not HydraConfig.initialized():
        return []
    return [text.lstrip("+~") for text in HydraConfig.get().overrides.task]


def _tell_of_earlier_openings(spec: TrainSpec, terminal: Terminal) -> None:
    """A sealed span answers one question; each further one is another trial, and is listed."""
    spec.run.store.prepare()
    earlier = spec.run.store.runs_tagged(SEALED_TAG)
    asked = "; ".join(f"'{question}' ({name})" for name, question in earlier.items())
    terminal.fact("sealed", f"opened for '{spec.run.open_sealed}', recorded. Before: {asked or 'never'}")


def _show(models: Sequence[TrainedModel], terminal: Terminal) -> None:
    alone = models[0]
    terminal.show("")
    mark_synthetic(models[0].dataset, terminal)
    if len(models) > 1:
        terminal.show(show(model_scores_table(models), most=_MOST_ROWS))
        return
    if alone.result is not None:
        terminal.show(show(run_score_table(alone.result, alone.dataset), most=_MOST_ROWS))
        if lacking := no_skill(alone.result.pooled(), alone.result.by_symbol()):
            terminal.fact("skill", lacking)
    terminal.fact("registered" if alone.version else "run", alone.registered)


def _where_to_look(spec: TrainSpec) -> str:
    """Say how the store is looked at: a server's address, or the command for a file, short where it lies below here."""
    uri = spec.run.store.uri
    if not uri.startswith(PREFIX):
        return uri
    return f"mlflow ui --backend-store-uri {PREFIX}{short_path(Path(uri.removeprefix(PREFIX)))}"


def _peak_memory() -> float:
    """Return this process's largest resident set so far, MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)

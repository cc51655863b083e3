"""The verb `train`: one configuration in, one fitted, scored and registered model out."""

import os
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch import seed_everything

from multisymbol.config import build
from multisymbol.evaluation.calibration import Temperature, fit_temperature
from multisymbol.evaluation.inference import Probabilities, predict
from multisymbol.evaluation.measures import Evaluation, evaluate
from multisymbol.learning.datamodule import MultiSymbolDataModule
from multisymbol.learning.fitting import FitResult, fit, load_best
from multisymbol.learning.losses import mixture_class_counts
from multisymbol.learning.module import DirectionModule
from multisymbol.learning.networks.embedding import NetworkShape
from multisymbol.registry.store import Run
from multisymbol.reports.tables import show
from multisymbol.reports.terminal import Terminal
from multisymbol.samples.splits import TEST, TRAIN
from multisymbol.workflows.preparation import Prepared, prepare
from multisymbol.workflows.recording import record, register, tables
from multisymbol.workflows.resuming import interrupted
from multisymbol.workflows.summary import describe
from multisymbol.workflows.tracking import RunLogger, opened_run


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a training came to.

    Args:
        fitted: The fit.
        module: With the best epoch's weights.
        temperature: Fitted on validation, applied to test.
        validation: Probabilities of the validation rows, before the temperature.
        test: Probabilities of the test rows, after it.
        evaluation: Scores on the test rows beside the no-skill forecasts.
        before: The same scores without the temperature.
    """

    fitted: FitResult
    module: DirectionModule
    temperature: Temperature
    validation: Probabilities
    test: Probabilities
    evaluation: Evaluation
    before: Evaluation


def train(values: Mapping[str, Any], run_dir: Path) -> float:
    """Train, score, record and register one model.

    Args:
        values: Plain, checked configuration (`conf/train.yaml`).
        run_dir: The run's folder.

    Returns:
        Validation log-loss of the best epoch: what a sweep minimises.
    """
    resumed = interrupted(values) if values["resume"] else None
    if resumed:
        values, run_dir = resumed.values, resumed.run_dir
    first = os.environ.get("LOCAL_RANK", "0") == "0"
    terminal = Terminal(silent=not first)
    started = time.perf_counter()
    prepared = prepare(values, terminal)
    describe(prepared, values, terminal, seconds=time.perf_counter() - started)
    if not first:
        return fit_network(values, prepared, run_dir, run=None, resume=resumed is not None)[1].best_score
    with opened_run(values, prepared, run_dir, resumed_run_id=resumed.run_id if resumed else None) as run:
        module, fitted = fit_network(values, prepared, run_dir, run=run, resume=resumed is not None)
        terminal.fact("trained", _speed(fitted))
        outcome = assess(module, fitted, values, prepared)
        record(run, outcome, values, prepared, run_dir)
        version = register(run, outcome, values, prepared, run_dir) if values["registry"]["register"] else None
    terminal.show("")
    terminal.show(show(tables(outcome, prepared)["test"], most=40))
    if version:
        terminal.fact("registered", f"{version.name} version {version.version} (alias newest)      run {run.name}")
    else:
        terminal.fact("run", f"{run.name}, not registered (registry.register=false)")
    terminal.fact("look at it", f"mlflow ui --backend-store-uri {_shown_uri(values)}")
    terminal.fact("memory", f"{_peak_memory():,.0f} MB at its peak")
    return fitted.best_score


def fit_network(
    values: Mapping[str, Any], prepared: Prepared, run_dir: Path, *, run: Run | None, resume: bool
) -> tuple[DirectionModule, FitResult]:
    """Build network, loss and data from the configuration and fit them; the module then holds the best epoch."""
    seed_everything(values["seed"], workers=True, verbose=False)
    module = _module(values, prepared)
    fitted = fit(
        module,
        datamodule=_datamodule(values, prepared),
        trainer=build(values["trainer"]),
        callbacks=[build(node) for node in values["callbacks"].values()],
        loggers=[RunLogger(run)] if run else [],
        folder=run_dir / "checkpoints",
        resume=resume and (run_dir / "checkpoints" / "last.ckpt").exists(),  # killed before the first: from the start
    )
    load_best(module, fitted.best_path)
    return module, fitted


def assess(module: DirectionModule, fitted: FitResult, values: Mapping[str, Any], prepared: Prepared) -> Outcome:
    """Score the best epoch on the test rows, with a temperature fitted on the validation rows of trained symbols."""
    ledger, parts = prepared.ledger, prepared.parts
    data = _datamodule(values, prepared)
    common = {
        "dataset": data.dataset,
        "batch_size": values["eval_batch_size"],
        "log_weights": module.loss.log_weights,
        "device": module.device,
    }
    validation = predict(module.network, positions=data.positions("val"), **common)
    temperature = fit_temperature(validation.prob, ledger.label[validation.positions])
    train, rows = parts.positions(TRAIN), parts.positions(TEST)
    before = predict(module.network, positions=rows, **common)
    test = predict(module.network, positions=rows, temperature=temperature.value, **common)
    return Outcome(
        fitted=fitted,
        module=module,
        temperature=temperature,
        validation=validation,
        test=test,
        evaluation=evaluate(test.prob, ledger, rows, train),
        before=evaluate(before.prob, ledger, rows, train),
    )


def network_shape(values: Mapping[str, Any], prepared: Prepared) -> NetworkShape:
    """Return what the data fix about the network."""
    return NetworkShape(
        features=len(prepared.panel.spec.columns),
        window=values["window"],
        symbols=len(prepared.trained),
        asset_classes=len(prepared.trained_classes),
    )


def _module(values: Mapping[str, Any], prepared: Prepared) -> DirectionModule:
    ledger, train = prepared.ledger, prepared.parts.positions(TRAIN)
    counts = mixture_class_counts(ledger.label[train], symbols=ledger.symbol[train], draws=prepared.shares.draws)
    return DirectionModule(
        network=build(values["model"])(shape=network_shape(values, prepared)),
        loss=build(values["loss"])(class_counts=counts.tolist()),
        optimizer=build(values["optimizer"]),
        schedule=build(values["scheduler"]),
        symbols=prepared.universe.symbols,
        seed=values["seed"],
    )


def _datamodule(values: Mapping[str, Any], prepared: Prepared) -> MultiSymbolDataModule:
    return MultiSymbolDataModule(
        features=prepared.features,
        ledger=prepared.ledger,
        parts=prepared.parts,
        shares=prepared.shares,
        symbol_slots=prepared.symbol_slots,
        class_slots=prepared.class_slots,
        seed=values["seed"],
        batch_size=values["batch_size"],
        eval_batch_size=values["eval_batch_size"],
    )


def _speed(fitted: FitResult) -> str:
    why = "stopped early" if fitted.stopped_early else "all of them"
    return (
        f"{fitted.epochs_run} epochs ({why}), best {fitted.best_epoch}: validation log-loss {fitted.best_score:.4f} · "
        f"{fitted.steps:,} steps · {fitted.windows_per_second:,.0f} windows/s · {fitted.seconds:.1f} s"
    )


def _shown_uri(values: Mapping[str, Any]) -> str:
    """Shorten the store's address where it lies in the working folder."""
    uri = str(values["registry"]["uri"])
    return uri.replace(f"sqlite:///{Path.cwd()}/", "sqlite:///")


def _peak_memory() -> float:
    """Return this process's largest resident set so far, MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)

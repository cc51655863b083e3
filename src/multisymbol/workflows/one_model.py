"""One model: built from the configuration, fitted, and scored on the test rows of its fold."""

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
from multisymbol.samples.splits import TEST, TRAIN
from multisymbol.workflows.preparation import Prepared
from multisymbol.workflows.tracking import RunLogger


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


def fit_network(
    values: Mapping[str, Any], prepared: Prepared, run_dir: Path, *, run: Run | None
) -> tuple[DirectionModule, FitResult]:
    """Build network, loss and data from the configuration and fit them; the module then holds the best epoch.

    A run whose folder holds a checkpoint goes on from it: it was interrupted there.
    """
    folder = run_dir / "checkpoints"
    seed_everything(values["seed"], workers=True, verbose=False)
    module = _module(values, prepared)
    fitted = fit(
        module,
        datamodule=_datamodule(values, prepared),
        trainer=build(values["trainer"]),
        callbacks=[build(node) for node in values["callbacks"].values()],
        loggers=[RunLogger(run)] if run else [],
        folder=folder,
        resume=(folder / "last.ckpt").exists(),
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

"""One model: built from the configuration, fitted, and scored on the test rows of its fold."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import seed_everything
from torch import nn

from multisymbol.config.build import build
from multisymbol.errors import ConfigError
from multisymbol.learning.datamodule import MultiSymbolDataModule
from multisymbol.learning.losses import ClassLoss, Loss, completed, mixture_class_counts
from multisymbol.learning.module import DirectionModule
from multisymbol.learning.networks.embedding import NetworkShape
from multisymbol.learning.tasks import ForwardReturn
from multisymbol.learning.trainer import FitResult, fit, load_best
from multisymbol.registry.bundle.format import Bundle
from multisymbol.registry.store.store import Run
from multisymbol.samples.dataset import FoldDataset
from multisymbol.samples.fold import TEST, TRAIN
from multisymbol.serving.calibration import fit_temperature
from multisymbol.serving.inference import Probabilities, predict_probabilities, predict_returns
from multisymbol.serving.return_scores import evaluate_regression
from multisymbol.serving.scores import evaluate
from multisymbol.training.mlflow_run import RunLogger
from multisymbol.training.result import DirectionResult, EvaluationResult, ReturnResult

Made = TypeVar("Made")


def fit_network(
    values: Mapping[str, Any], prepared: FoldDataset, run_dir: Path, *, run: Run | None
) -> tuple[DirectionModule, FitResult]:
    """Build network, loss and data from the configuration and fit them; the module then holds the best epoch.

    A run whose folder holds a checkpoint goes on from it: it was interrupted there.

    Raises:
        ConfigError: torch or Lightning refuses a value of the optimizer or the trainer.
    """
    folder = run_dir / "checkpoints"
    seed_everything(values["seed"], workers=True, verbose=False)
    module = _module(values, prepared)
    _refusing(build(values["optimizer"]), name="optimizer")(module.parameters())
    fitted = fit(
        module,
        datamodule=_datamodule(values, prepared),
        trainer=_refusing(build(values["trainer"]), name="trainer"),
        callbacks=[build(node) for node in values["callbacks"].values()],
        loggers=[RunLogger(run)] if run else [],
        folder=folder,
        resume=(folder / "last.ckpt").exists(),
    )
    load_best(module, fitted.best_path)
    if prepared.parent:
        build(values["finetune"]).close(module.network)
    return module, fitted


def _refusing(factory: Callable[..., Made], *, name: str) -> Callable[..., Made]:
    """Say as the user's mistake what only the library itself can judge, such as a GPU that is not there."""

    def made(*arguments: Any, **further: Any) -> Made:
        try:
            return factory(*arguments, **further)
        except (ValueError, MisconfigurationException) as error:
            message = f"{name}: {error}\n  See conf/{name}, or --cfg job for the values in use."
            raise ConfigError(message) from error

    return made


def assess(
    module: DirectionModule, fitted: FitResult, values: Mapping[str, Any], prepared: FoldDataset
) -> EvaluationResult:
    """Score the best epoch on the test rows."""
    task = module.task
    if isinstance(task, ForwardReturn):
        return _assess_returns(module, fitted, values, prepared, delta=task.delta)
    return _assess_directions(module, fitted, values, prepared)


def _assess_directions(
    module: DirectionModule, fitted: FitResult, values: Mapping[str, Any], prepared: FoldDataset
) -> DirectionResult:
    """Fit a temperature on the validation rows of trained symbols, then score with and without it."""
    ledger, parts = prepared.ledger, prepared.parts
    data = _datamodule(values, prepared)

    def predicted(positions: npt.NDArray[np.int64], temperature: float = 1.0) -> Probabilities:
        return predict_probabilities(
            module.network,
            dataset=data.dataset,
            positions=positions,
            batch_size=values["eval_batch_size"],
            log_weights=module.loss.log_weights,
            device=module.device,
            temperature=temperature,
        )

    validation = predicted(data.positions("val"))
    temperature = fit_temperature(validation.prob, ledger.label[validation.positions])
    train, rows = parts.positions(TRAIN), parts.positions(TEST)
    test = predicted(rows, temperature.value)
    return DirectionResult(
        fitted=fitted,
        module=module,
        temperature=temperature,
        test=test,
        evaluation=evaluate(test.prob, ledger, rows, train),
        before=evaluate(predicted(rows).prob, ledger, rows, train),
    )


def _assess_returns(
    module: DirectionModule, fitted: FitResult, values: Mapping[str, Any], prepared: FoldDataset, *, delta: float
) -> ReturnResult:
    rows = prepared.parts.positions(TEST)
    test = predict_returns(
        module.network,
        dataset=_datamodule(values, prepared).dataset,
        positions=rows,
        batch_size=values["eval_batch_size"],
        device=module.device,
    )
    evaluation = evaluate_regression(test.forecast, prepared.ledger, rows, delta=delta)
    return ReturnResult(fitted=fitted, module=module, test=test, evaluation=evaluation)


def network_shape(values: Mapping[str, Any], prepared: FoldDataset, *, outputs: int) -> NetworkShape:
    """Return what the data and the task, or the parent, fix about the network."""
    if prepared.parent:
        return NetworkShape(window=values["window"], classes=outputs, **prepared.parent.bundle.metadata["shape"])
    return NetworkShape(
        features=len(prepared.panel.spec.columns),
        window=values["window"],
        symbols=len(prepared.trained),
        asset_classes=len(prepared.trained_classes),
        classes=outputs,
    )


def fold_loss(values: Mapping[str, Any], prepared: FoldDataset) -> Loss:
    """Build the loss for a fold's train samples."""
    ledger, train = prepared.ledger, prepared.parts.positions(TRAIN)
    drawn = prepared.shares.draws * prepared.shares.weight  # the prior a network learns is that of the weighted mixture
    counts = mixture_class_counts(ledger.label[train], symbols=ledger.symbol[train], draws=drawn)
    loss: Loss = completed(build(values["loss"]), class_counts=counts.tolist())
    return loss


def _module(values: Mapping[str, Any], prepared: FoldDataset) -> DirectionModule:
    loss = fold_loss(values, prepared)
    network = build(values["model"])(shape=network_shape(values, prepared, outputs=loss.task.outputs))
    if prepared.parent:
        _go_on_from(prepared.parent.bundle, network, loss)
        build(values["finetune"]).open(network)
    return DirectionModule(
        network=network,
        loss=loss,
        optimizer=build(values["optimizer"]),
        schedule=build(values["scheduler"]),
        symbols=prepared.universe.symbols,
        seed=values["seed"],
    )


def _go_on_from(parent: Bundle, network: nn.Module, loss: Loss) -> None:
    """Give a network the parent's weights, and its loss the parent's class weights, which its outputs include."""
    network.load_state_dict(dict(parent.weights))
    if isinstance(loss, ClassLoss):
        loss.weight_C = torch.tensor(parent.metadata["log_class_weights"]).float().exp()


def _datamodule(values: Mapping[str, Any], prepared: FoldDataset) -> MultiSymbolDataModule:
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

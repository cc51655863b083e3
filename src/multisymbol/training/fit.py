"""One model: built from the configuration, fitted, and scored on the test rows of its fold."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import seed_everything
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger
from torch import nn
from torch.optim import Optimizer

from multisymbol.errors import ConfigError
from multisymbol.learning.datamodule import MultiSymbolDataModule
from multisymbol.learning.finetuning import FineTuning
from multisymbol.learning.losses import ClassLoss, Loss, completed, mixture_class_counts
from multisymbol.learning.module import DirectionModule
from multisymbol.learning.networks.embedding import NetworkShape
from multisymbol.learning.schedules import Schedule
from multisymbol.learning.tasks import ForwardReturn
from multisymbol.learning.trainer import FitResult, TrainerFactory, fit, load_best
from multisymbol.registry.bundle.format import Bundle
from multisymbol.samples.dataset import FoldDataset
from multisymbol.samples.fold import TEST, TRAIN
from multisymbol.serving.calibration import fit_temperature
from multisymbol.serving.inference import Probabilities, predict_probabilities, predict_returns
from multisymbol.serving.metrics import DIRECTION, FORWARD_RETURN, ScoreMetric
from multisymbol.serving.return_scores import evaluate_regression
from multisymbol.serving.scores import evaluate
from multisymbol.training.result import DirectionResult, EvaluationResult, ReturnResult

Made = TypeVar("Made")


NetworkFactory: TypeAlias = Callable[..., nn.Module]
"""Makes a network from the keyword `shape`, a `NetworkShape`: a class of ours or of your own with its sizes bound."""
OptimizerFactory: TypeAlias = Callable[[Iterable[nn.Parameter]], Optimizer]


@dataclass(frozen=True, kw_only=True, slots=True)
class FitSpec:
    """Everything that decides how a network is fitted to given samples.

    What is made anew for every training is held as a factory, typically `functools.partial` of a class.

    Args:
        network: Makes the network.
        loss: The loss; a partial one wants the keyword `class_counts` of the training samples.
        optimizer: Makes the optimizer from the network's parameters.
        schedule: How the learning rate changes.
        trainer: Makes the Trainer without what the run decides; see `conf/trainer`.
        callbacks: Makes the callbacks, by name.
        finetune: What of a stored network may change where one is fitted further.
        seed: Seed of first weights, order of samples and dropout.
        window: Bars the network sees.
        batch_size: Samples a step, over all processes.
        eval_batch_size: Samples a forward pass without gradients.
        metrics: Further metrics of the test scores.
    """

    network: NetworkFactory
    loss: Loss | partial[Loss]
    optimizer: OptimizerFactory
    schedule: Schedule
    trainer: TrainerFactory
    callbacks: Mapping[str, Callable[[], Callback]]
    finetune: FineTuning | None
    seed: int
    window: int
    batch_size: int
    eval_batch_size: int
    metrics: tuple[ScoreMetric, ...] = ()


def fit_network(
    spec: FitSpec,
    dataset: FoldDataset,
    folder: Path,
    *,
    parent: Bundle | None = None,
    loggers: Sequence[Logger] = (),
    resume: bool = False,
) -> tuple[DirectionModule, FitResult]:
    """Build network and loss and fit them; the module then holds the best epoch.

    Args:
        spec: How to fit.
        dataset: The samples of one fold.
        folder: The run's folder; checkpoints go below it.
        parent: Stored model that is fitted further, in the way `spec.finetune` says.
        loggers: Lightning loggers of the metrics.
        resume: Go on from the folder's last checkpoint, if there is one; the caller has made sure that it is of the
            same fit and samples (`run_folder.check_reuse`).

    Raises:
        ConfigError: torch or Lightning refuses a value of the optimizer or the trainer.
    """
    folder = folder / "checkpoints"
    seed_everything(spec.seed, workers=True, verbose=False)
    module = _module(spec, dataset, parent)
    _refusing(spec.optimizer, name="optimizer")(module.parameters())
    fitted = fit(
        module,
        datamodule=_datamodule(spec, dataset),
        trainer=_refusing(spec.trainer, name="trainer"),
        callbacks=[make() for make in spec.callbacks.values()],
        loggers=loggers,
        folder=folder,
        resume=resume,
    )
    load_best(module, fitted.best_path)
    if parent:
        _finetuning(spec).close(module.network)
    return module, fitted


def _finetuning(spec: FitSpec) -> FineTuning:
    if spec.finetune is None:
        message = "a stored model is fitted further only in a declared way: give FitSpec.finetune"
        raise ConfigError(message)
    return spec.finetune


def _refusing(factory: Callable[..., Made], *, name: str) -> Callable[..., Made]:
    """Say as the user's mistake what only the library itself can judge, such as a GPU that is not there."""

    def made(*arguments: Any, **further: Any) -> Made:
        try:
            return factory(*arguments, **further)
        except (ValueError, MisconfigurationException) as error:
            message = f"{name}: {error}\n  See conf/{name}, or --cfg job for the values in use."
            raise ConfigError(message) from error

    return made


def assess(module: DirectionModule, fitted: FitResult, spec: FitSpec, dataset: FoldDataset) -> EvaluationResult:
    """Score the best epoch on the test rows."""
    task = module.task
    if isinstance(task, ForwardReturn):
        return _assess_returns(module, fitted, spec, dataset, delta=task.delta)
    return _assess_directions(module, fitted, spec, dataset)


def _assess_directions(
    module: DirectionModule, fitted: FitResult, spec: FitSpec, dataset: FoldDataset
) -> DirectionResult:
    """Fit a temperature on the validation rows of trained symbols, then score with and without it."""
    ledger, parts = dataset.ledger, dataset.parts
    data = _datamodule(spec, dataset)

    def predicted(positions: npt.NDArray[np.int64], temperature: float = 1.0) -> Probabilities:
        return predict_probabilities(
            module.network,
            dataset=data.dataset,
            positions=positions,
            batch_size=spec.eval_batch_size,
            log_weights=module.loss.log_weights,
            device=module.device,
            temperature=temperature,
        )

    validation = predicted(data.positions("val"))
    temperature = fit_temperature(validation.prob, ledger.label[validation.positions])
    train, rows = parts.positions(TRAIN), parts.positions(TEST)
    test = predicted(rows, temperature.value)
    kind = DIRECTION.extended(spec.metrics)
    return DirectionResult(
        fitted=fitted,
        module=module,
        temperature=temperature,
        test=test,
        evaluation=evaluate(test.prob, ledger, rows, train, kind=kind),
        before=evaluate(predicted(rows).prob, ledger, rows, train, kind=kind),
        kind=kind,
    )


def _assess_returns(
    module: DirectionModule, fitted: FitResult, spec: FitSpec, dataset: FoldDataset, *, delta: float
) -> ReturnResult:
    rows = dataset.parts.positions(TEST)
    test = predict_returns(
        module.network,
        dataset=_datamodule(spec, dataset).dataset,
        positions=rows,
        batch_size=spec.eval_batch_size,
        device=module.device,
    )
    kind = FORWARD_RETURN.extended(spec.metrics)
    evaluation = evaluate_regression(test.forecast, dataset.ledger, rows, delta=delta, kind=kind)
    return ReturnResult(fitted=fitted, module=module, test=test, evaluation=evaluation, kind=kind)


def network_shape(spec: FitSpec, dataset: FoldDataset, *, outputs: int, parent: Bundle | None = None) -> NetworkShape:
    """Return what the data and the task, or the parent, fix about the network."""
    if parent:
        return NetworkShape(window=spec.window, classes=outputs, **parent.metadata["shape"])
    return NetworkShape(
        features=len(dataset.panel.spec.columns),
        window=spec.window,
        symbols=len(dataset.trained),
        asset_classes=len(dataset.trained_classes),
        classes=outputs,
    )


def fold_loss(spec: FitSpec, dataset: FoldDataset) -> Loss:
    """Build the loss for a fold's train samples."""
    ledger, train = dataset.ledger, dataset.parts.positions(TRAIN)
    drawn = dataset.shares.draws * dataset.shares.weight  # the prior a network learns is that of the weighted mixture
    counts = mixture_class_counts(ledger.label[train], symbols=ledger.symbol[train], draws=drawn)
    given = spec.loss if isinstance(spec.loss, partial) else deepcopy(spec.loss)
    loss: Loss = completed(given, class_counts=counts.tolist())
    return loss


def _module(spec: FitSpec, dataset: FoldDataset, parent: Bundle | None) -> DirectionModule:
    loss = fold_loss(spec, dataset)
    network = spec.network(shape=network_shape(spec, dataset, outputs=loss.task.outputs, parent=parent))
    if parent:
        _load_parent(parent, network, loss)
        _finetuning(spec).open(network)
    return DirectionModule(
        network=network,
        loss=loss,
        optimizer=spec.optimizer,
        schedule=spec.schedule,
        symbols=dataset.universe.symbols,
        seed=spec.seed,
    )


def _load_parent(parent: Bundle, network: nn.Module, loss: Loss) -> None:
    """Give a network the parent's weights, and its loss the parent's class weights, which its outputs include."""
    network.load_state_dict(dict(parent.weights))
    if isinstance(loss, ClassLoss):
        loss.weight_C = torch.tensor(parent.metadata["log_class_weights"]).float().exp()


def _datamodule(spec: FitSpec, dataset: FoldDataset) -> MultiSymbolDataModule:
    return MultiSymbolDataModule(
        features=dataset.features,
        ledger=dataset.ledger,
        parts=dataset.parts,
        shares=dataset.shares,
        symbol_slots=dataset.symbol_slots,
        class_slots=dataset.class_slots,
        seed=spec.seed,
        batch_size=spec.batch_size,
        eval_batch_size=spec.eval_batch_size,
    )

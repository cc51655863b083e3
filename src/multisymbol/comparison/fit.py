"""Training one arm in one fold, as a stack where its networks can be stacked, and scoring it: once, even if killed.

{fold}/{arm}.npz     its forecasts of the test rows, and what the trainings took: the arm is done in the fold
{fold}/{arm}.pt      its weights
{fold}/{arm}.ckpt    the stack after its last epoch, while it is trained
{fold}/{arm}.ckpts/  the same of networks that are trained one by one, a file each
"""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np
import torch

from multisymbol.arrays import Floats, Ints
from multisymbol.comparison.arms import Arm, FoldTask, Start, TrainedArm, TrainingTask, UntrainedArm
from multisymbol.errors import ComparisonError, ConfigError
from multisymbol.labels.labels import CLASSES
from multisymbol.learning.callbacks import Patience
from multisymbol.learning.checkpoints import AtomicCheckpointIO
from multisymbol.learning.stacking.fit import StackMember, StackRecipe, StackResult, fit_stack, predict_stack
from multisymbol.learning.stacking.members import kind_problems
from multisymbol.learning.stacking.one_by_one import fit_one_by_one, predict_one_by_one
from multisymbol.learning.stacking.probe import stack_problem
from multisymbol.learning.tasks import ForwardReturn
from multisymbol.samples.dataset import FoldDataset
from multisymbol.samples.fold import TRAIN, VALIDATION
from multisymbol.samples.sampler import EpochSampler
from multisymbol.samples.storage import appearing
from multisymbol.samples.windows import WindowDataset
from multisymbol.serving.calibration import apply_temperature, fit_temperature
from multisymbol.training.fit import FitSpec, fold_loss, network_shape

Progress: TypeAlias = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingRecord:
    """What one training, named as its task, came to; its score, temperature and scores by epoch are on validation."""

    name: str
    symbol: str  # empty where the model is for several
    seed: int
    train_rows: int  # samples of one epoch
    epochs: int
    best_epoch: int  # from 1
    best_score: float
    steps: int
    stopped_early: bool
    temperature: float
    scores: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldForecasts:
    """An arm's forecasts in one fold."""

    rows: Ints  # positions in the universe's ledger, ascending, shape (n,)
    prob: Floats  # of each seed, in the task's order. float64, shape (S, n, 3)
    took: tuple[TrainingRecord, ...]  # its trainings; none for an arm without a network


def forecasts(arm: UntrainedArm, task: FoldTask) -> FoldForecasts:
    """Score an arm without a network; every seed has the same forecast."""
    prob = arm.forecast(task)
    return FoldForecasts(rows=task.rows, prob=np.repeat(prob[None], len(task.seeds), axis=0), took=())


def trained(
    arm: TrainedArm, task: FoldTask, *, name: str, folder: Path, threads: int, progress: Progress | None
) -> FoldForecasts:
    """Train and score an arm in one fold, or read what was scored before; see `train_apart`.

    Raises:
        ComparisonError: The results before are of other rows.
    """
    done = folder / f"{name}.npz"
    if done.exists():
        return _read(done, task)
    starts = weights_of(folder, "universal", task.seeds) if arm.change is not None else {}
    file = folder / f"{name}.ckpt"
    scored, weights = train_apart(arm, task, starts=starts, checkpoint=file, threads=threads, progress=progress)
    names = [own.name for own in scored.took]
    AtomicCheckpointIO().save_checkpoint(dict(zip(names, weights, strict=True)), folder / f"{name}.pt")
    _write(done, scored)
    file.unlink(missing_ok=True)
    shutil.rmtree(file.with_suffix(".ckpts"), ignore_errors=True)
    return scored


def score_once(arm: Arm, task: FoldTask) -> FoldForecasts:
    """Train and score an arm in one fold, keeping nothing, on one core: for a market that is looked at once."""
    if isinstance(arm, UntrainedArm):
        return forecasts(arm, task)
    assert isinstance(arm, TrainedArm)
    return train_apart(arm, task, starts={}, checkpoint=None, threads=1, progress=None)[0]


def weights_of(folder: Path, arm: str, seeds: Sequence[int]) -> dict[int, Start]:
    """Read the weights of an arm that has one network a seed."""
    stored: dict[str, Start] = torch.load(folder / f"{arm}.pt", map_location="cpu", weights_only=True)
    return {seed: stored[f"all/{seed}"] for seed in seeds}


def train_apart(
    arm: TrainedArm,
    task: FoldTask,
    *,
    starts: Mapping[int, Start],
    checkpoint: Path | None,
    threads: int,
    progress: Progress | None,
) -> tuple[FoldForecasts, list[Start]]:
    """Train an arm in one fold, score it, and return its weights too, in the order of its trainings.

    Args:
        arm: The arm.
        task: The fold.
        starts: Seed -> the universal model's weights, where the arm starts from them.
        checkpoint: File that holds a stack after each epoch; None: nothing is kept.
        threads: Cores a stack uses.
        progress: Called after each epoch of a stack, or each training.
    """
    trainings = arm.trainings(task, starts)
    if not trainings:
        return FoldForecasts(rows=task.rows[:0], prob=np.empty((len(task.seeds), 0, len(CLASSES))), took=()), []
    windows: dict[int, WindowDataset] = {}
    for own in trainings:
        windows.setdefault(id(own.dataset), windows_of(own.dataset))
    members = [_member(own, task, dataset=windows[id(own.dataset)]) for own in trainings]
    recipe = recipe_of(arm.fit(task.fit), threads=threads)
    stacked = not (stack_problem(members[0], recipe) or kind_problems(members))
    if stacked:
        after_epoch = None if progress is None else lambda ended: progress("", ended.epoch, recipe.epochs)
        results = fit_stack(members, recipe=recipe, checkpoint=checkpoint, progress=after_epoch)
    else:
        kept = None if checkpoint is None else checkpoint.with_suffix(".ckpts")
        results = fit_one_by_one(members, recipe=recipe, folder=kept, progress=progress)
    weights = [_closed(own, member, result) for own, member, result in zip(trainings, members, results, strict=True)]
    scored = _scored(trainings, members, results, weights=weights, task=task, recipe=recipe, stacked=stacked)
    return scored, weights


def why_one_by_one(arm: TrainedArm, task: FoldTask) -> str:
    """Say why the networks of an arm cannot be trained as a stack; empty if they can. Nothing is trained.

    Raises:
        ConfigError: The network cannot be built for the arm, or fails on the fold's samples.
        ComparisonError: The loss is not one of BUY, HOLD and SELL.
    """
    fit, whole, none = replace(arm.fit(task.fit), seed=task.seeds[0]), task.whole, task.rows[:0]
    probe = TrainingTask(name="", fit=fit, dataset=whole, test=none, rows=none, like=whole, change=arm.change)
    return stack_problem(_member(probe, task, dataset=windows_of(whole)), recipe_of(fit, threads=1))


def _closed(training: TrainingTask, member: StackMember, result: StackResult) -> Start:
    """Return a training's weights in the form of the model it started from; closes the member's network."""
    if training.change is None:
        return result.weights
    # Not a copy: torch's parametrized copies share a class, and closing one would break the others.
    member.network.load_state_dict(dict(result.weights))
    training.change.close(member.network)
    return dict(member.network.state_dict())


def windows_of(fold: FoldDataset) -> WindowDataset:
    """Return the windows of a fold's samples."""
    return WindowDataset(
        features=fold.features,
        ledger=fold.ledger,
        symbol_slots=fold.symbol_slots,
        class_slots=fold.class_slots,
        symbol_weights=fold.shares.weight,
    )


def _member(training: TrainingTask, task: FoldTask, *, dataset: WindowDataset) -> StackMember:
    loss = fold_loss(training.fit, training.like)
    if isinstance(loss.task, ForwardReturn):
        message = "a comparison is of models of BUY, HOLD and SELL; take a loss on classes, such as loss=class_weighted"
        raise ComparisonError(message)
    torch.manual_seed(training.fit.seed)
    network = training.fit.network(shape=network_shape(training.fit, task.whole, outputs=len(CLASSES)))
    if training.start is not None:
        network.load_state_dict(dict(training.start))
    if training.change is not None:
        training.change.open(network)
    # Validation rows of symbols that train, as `MultiSymbolDataModule` has them.
    own = training.dataset
    validation = own.parts.positions(VALIDATION)
    return StackMember(
        name=training.name,
        dataset=dataset,
        sampler=order_of(training),
        validation=validation[(own.shares.rows > 0)[own.ledger.symbol[validation]]],
        network=network,
        loss=loss,
        seed=training.fit.seed,
    )


def order_of(training: TrainingTask) -> EpochSampler:
    """Return the order of a training's samples; its length is the optimizer steps of an epoch."""
    dataset = training.dataset
    return EpochSampler(
        positions=dataset.parts.positions_by_symbol(TRAIN, ledger=dataset.ledger),
        shares=dataset.shares,
        seed=training.fit.seed,
        batch_size=training.fit.batch_size,
        rank=0,
        ranks=1,
    )


def recipe_of(fit: FitSpec, *, threads: int) -> StackRecipe:
    """Return how a stack is trained, on so many cores, where a network alone is fitted as `fit` says.

    Trainer and callback `early_stopping` are read, not used.

    Raises:
        ConfigError: The trainer's settings cannot be read.
    """
    trainer = getattr(fit.trainer, "keywords", {})
    if "max_epochs" not in trainer:
        raise ConfigError(
            "FitSpec.trainer: a comparison reads max_epochs from it; give functools.partial(Trainer, max_epochs=...)"
        )
    stopping = fit.callbacks["early_stopping"]() if "early_stopping" in fit.callbacks else None
    if not (stopping is None or isinstance(stopping, Patience)):
        raise ConfigError(
            f"callbacks.early_stopping: a comparison stops by patience and min_delta, got {type(stopping).__name__}; "
            "take multisymbol.learning.callbacks.early_stopping"
        )
    accelerator = trainer.get("accelerator", "auto")
    gpu = accelerator in {"gpu", "cuda"} or (accelerator == "auto" and torch.cuda.is_available())
    return StackRecipe(
        optimizer=fit.optimizer,
        schedule=fit.schedule,
        clip=trainer.get("gradient_clip_val"),
        epochs=trainer["max_epochs"],
        patience=None if stopping is None else stopping.patience,
        min_delta=0.0 if stopping is None else -stopping.min_delta,  # Lightning keeps it with the sign of the mode
        eval_batch_size=fit.eval_batch_size,
        device=torch.device("cuda" if gpu else "cpu"),
        threads=threads,
    )


def _scored(
    trainings: Sequence[TrainingTask],
    members: Sequence[StackMember],
    results: Sequence[StackResult],
    *,
    weights: Sequence[Start],
    task: FoldTask,
    recipe: StackRecipe,
    stacked: bool,
) -> FoldForecasts:
    """Forecast validation and test in one go, calibrate on the former, and lay the latter in the order of the rows."""
    predict = predict_stack if stacked else predict_one_by_one
    asked = [np.concatenate([member.validation, own.test]) for member, own in zip(members, trainings, strict=True)]
    size, device = recipe.eval_batch_size, recipe.device
    predicted = predict(members, weights=weights, positions=asked, eval_batch_size=size, device=device)
    rows = np.unique(np.concatenate([own.rows for own in trainings]))
    prob = np.full((len(task.seeds), len(rows), len(CLASSES)), np.nan)
    took = []
    for own, member, result, found in zip(trainings, members, results, predicted, strict=True):
        count = len(member.validation)
        label = own.dataset.ledger.label[member.validation]
        temperature = fit_temperature(found[:count], label).value
        place = np.searchsorted(rows, own.rows)
        prob[task.seeds.index(own.fit.seed), place] = apply_temperature(found[count:], temperature)
        record = TrainingRecord(
            name=own.name,
            symbol=own.symbol,
            seed=own.fit.seed,
            train_rows=int(own.dataset.shares.draws.sum()),
            epochs=result.epochs_run,
            best_epoch=result.best_epoch,
            best_score=result.best_score,
            steps=result.steps,
            stopped_early=result.stopped_early,
            temperature=temperature,
            scores=result.scores,
        )
        took.append(record)
    assert np.isfinite(prob).all(), "every seed must be scored on every row"
    return FoldForecasts(rows=rows, prob=prob, took=tuple(took))


def _write(path: Path, scored: FoldForecasts) -> None:
    took = json.dumps([asdict(own) for own in scored.took])
    with appearing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, rows=scored.rows, prob=scored.prob, took=np.array(took))


def _read(path: Path, task: FoldTask) -> FoldForecasts:
    with np.load(path, allow_pickle=False) as stored:
        rows, prob, took = stored["rows"], stored["prob"], json.loads(str(stored["took"]))
    if not np.isin(rows, task.rows).all() or len(prob) != len(task.seeds):
        raise ComparisonError(f"{path} holds forecasts of other rows or seeds: remove it, and the arm is trained again")
    found = tuple(TrainingRecord(**{**own, "scores": tuple(own["scores"])}) for own in took)
    return FoldForecasts(rows=cast(Ints, rows), prob=cast(Floats, prob), took=found)

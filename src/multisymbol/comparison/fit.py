"""Training one arm in one fold as a stack, and scoring it: once, whatever happens in between.

{fold}/{arm}.npz     its forecasts of the test rows, and what the trainings took: the arm is done in the fold
{fold}/{arm}.pt      its weights
{fold}/{arm}.ckpt    the stack after its last epoch, while it is trained
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import torch

from multisymbol.comparison.arms import FoldTask, Start, Trained, TrainingTask, Untrained
from multisymbol.config.build import build
from multisymbol.errors import ComparisonError
from multisymbol.labels.labels import CLASSES
from multisymbol.learning.checkpoints import AtomicCheckpointIO
from multisymbol.learning.losses import ClassLoss
from multisymbol.learning.stacking.fit import StackMember, StackRecipe, StackResult, fit_stack, predict_stack
from multisymbol.samples.dataset import FoldDataset
from multisymbol.samples.fold import TRAIN, VALIDATION
from multisymbol.samples.sampler import EpochSampler
from multisymbol.samples.storage import appearing
from multisymbol.samples.windows import WindowDataset
from multisymbol.serving.calibration import apply_temperature, fit_temperature
from multisymbol.training.fit import fold_loss, network_shape

Progress: TypeAlias = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingRecord:
    """What one training came to.

    Args:
        name: Of the lesson.
        symbol: Whose model; empty where it is for several.
        seed: Of the training.
        train_rows: Samples of one epoch.
        epochs: That were run.
        best_epoch: From 1.
        best_score: On validation.
        steps: Of the optimizer.
        stopped_early: Whether patience ended it.
        temperature: Fitted on validation.
        scores: On validation, epoch by epoch.
    """

    name: str
    symbol: str
    seed: int
    train_rows: int
    epochs: int
    best_epoch: int
    best_score: float
    steps: int
    stopped_early: bool
    temperature: float
    scores: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldForecasts:
    """An arm's forecasts in one fold.

    Args:
        rows: Positions in the universe's ledger, ascending. Shape (n,).
        prob: Of each seed, in the task's order. float64, shape (S, n, 3).
        took: Its trainings; none for an arm without a network.
    """

    rows: npt.NDArray[np.int64]
    prob: npt.NDArray[np.float64]
    took: tuple[TrainingRecord, ...]


def forecasts(arm: Untrained, task: FoldTask) -> FoldForecasts:
    """Score an arm without a network; every seed has the same forecast."""
    prob = arm.forecast(task)
    return FoldForecasts(rows=task.rows, prob=np.repeat(prob[None], len(task.seeds), axis=0), took=())


def trained(
    arm: Trained, task: FoldTask, *, name: str, folder: Path, threads: int, progress: Progress | None
) -> FoldForecasts:
    """Train and score an arm in one fold, or read what was scored before.

    Args:
        arm: The arm.
        task: The fold.
        name: Of the arm.
        folder: Of the fold.
        threads: Cores of the stack.
        progress: Called after each epoch.

    Raises:
        ComparisonError: The results before are of other rows.
    """
    done = folder / f"{name}.npz"
    if done.exists():
        return _read(done, task)
    starts = weights_of(folder, "universal", task.seeds) if arm.needs_universal else {}
    scored, weights = train_apart(
        arm, task, starts=starts, checkpoint=folder / f"{name}.ckpt", threads=threads, progress=progress
    )
    names = [own.name for own in scored.took]
    AtomicCheckpointIO().save_checkpoint(dict(zip(names, weights, strict=True)), folder / f"{name}.pt")
    _write(done, scored)
    (folder / f"{name}.ckpt").unlink(missing_ok=True)
    return scored


def weights_of(folder: Path, arm: str, seeds: Sequence[int]) -> dict[int, Start]:
    """Read the weights of an arm that has one network a seed."""
    stored: dict[str, Start] = torch.load(folder / f"{arm}.pt", map_location="cpu", weights_only=True)
    return {seed: stored[f"all/{seed}"] for seed in seeds}


def train_apart(
    arm: Trained,
    task: FoldTask,
    *,
    starts: Mapping[int, Start],
    checkpoint: Path | None,
    threads: int,
    progress: Progress | None,
) -> tuple[FoldForecasts, list[Start]]:
    """Train an arm in one fold, score it, and return its weights too, in the order of its trainings."""
    lessons = arm.lessons(task, starts)
    if not lessons:
        return FoldForecasts(rows=task.rows[:0], prob=np.empty((len(task.seeds), 0, len(CLASSES))), took=()), []
    members = _members(lessons, task)
    recipe = _recipe(arm.values(task.values), threads=threads)
    results = fit_stack(
        members,
        recipe=recipe,
        checkpoint=checkpoint,
        progress=None if progress is None else lambda ended: progress("", ended.epoch, recipe.epochs),
    )
    weights = [_closed(lesson, member, own) for lesson, member, own in zip(lessons, members, results, strict=True)]
    return _scored(lessons, members, results, weights=weights, task=task, recipe=recipe), weights


def _closed(lesson: TrainingTask, member: StackMember, result: StackResult) -> Start:
    """Return a training's weights in the form of the model it went out from; closes the member's network."""
    if lesson.change is None:
        return result.weights
    # Not a copy: torch's parametrized copies share a class, and closing one would break the others.
    member.network.load_state_dict(dict(result.weights))
    lesson.change.close(member.network)
    return dict(member.network.state_dict())


def _members(lessons: Sequence[TrainingTask], task: FoldTask) -> list[StackMember]:
    datasets: dict[int, WindowDataset] = {}
    for lesson in lessons:
        datasets.setdefault(id(lesson.prepared), _dataset(lesson.prepared))
    return [_member(lesson, task, dataset=datasets[id(lesson.prepared)]) for lesson in lessons]


def _dataset(prepared: FoldDataset) -> WindowDataset:
    return WindowDataset(
        features=prepared.features,
        ledger=prepared.ledger,
        symbol_slots=prepared.symbol_slots,
        class_slots=prepared.class_slots,
        symbol_weights=prepared.shares.weight,
    )


def _member(lesson: TrainingTask, task: FoldTask, *, dataset: WindowDataset) -> StackMember:
    prepared, values = lesson.prepared, lesson.values
    loss = fold_loss(values, lesson.like)
    if not isinstance(loss, ClassLoss):
        message = "a comparison is of models of BUY, HOLD and SELL; take a loss on classes, such as loss=class_weighted"
        raise ComparisonError(message)
    torch.manual_seed(lesson.seed)
    network = build(values["model"])(shape=network_shape(values, task.whole, outputs=len(CLASSES)))
    if lesson.start is not None:
        network.load_state_dict(dict(lesson.start))
    if lesson.change is not None:
        lesson.change.open(network)
    return StackMember(
        name=lesson.name,
        dataset=dataset,
        sampler=order_of(lesson),
        validation=_validation(prepared),
        network=network,
        loss=loss,
        seed=lesson.seed,
    )


def order_of(lesson: TrainingTask) -> EpochSampler:
    """Return the order of a training's samples; its length is the optimizer steps of an epoch."""
    prepared = lesson.prepared
    return EpochSampler(
        positions=prepared.parts.positions_by_symbol(TRAIN, ledger=prepared.ledger),
        shares=prepared.shares,
        seed=lesson.seed,
        batch_size=lesson.values["batch_size"],
        rank=0,
        ranks=1,
    )


def _validation(prepared: FoldDataset) -> npt.NDArray[np.int64]:
    """Positions of the validation rows of symbols that train, as `MultiSymbolDataModule` has them."""
    positions = prepared.parts.positions(VALIDATION)
    return positions[(prepared.shares.rows > 0)[prepared.ledger.symbol[positions]]]


def _recipe(values: Mapping[str, Any], *, threads: int) -> StackRecipe:
    stopping = values["callbacks"].get("early_stopping")
    clip = values["trainer"]["gradient_clip_val"]
    return StackRecipe(
        optimizer=build(values["optimizer"]),
        schedule=build(values["scheduler"]),
        clip=clip,
        epochs=values["trainer"]["max_epochs"],
        patience=None if stopping is None else stopping["patience"],
        min_delta=0.0 if stopping is None else stopping["min_delta"],
        eval_batch_size=values["eval_batch_size"],
        device=_device(values["trainer"]["accelerator"]),
        threads=threads,
    )


def _device(accelerator: str) -> torch.device:
    gpu = accelerator in {"gpu", "cuda"} or (accelerator == "auto" and torch.cuda.is_available())
    return torch.device("cuda" if gpu else "cpu")


def _scored(
    lessons: Sequence[TrainingTask],
    members: Sequence[StackMember],
    results: Sequence[StackResult],
    *,
    weights: Sequence[Start],
    task: FoldTask,
    recipe: StackRecipe,
) -> FoldForecasts:
    """Forecast validation and test in one go, calibrate on the former, and lay the latter in the order of the rows."""
    predicted = predict_stack(
        members,
        weights=weights,
        positions=[
            np.concatenate([member.validation, lesson.test]) for member, lesson in zip(members, lessons, strict=True)
        ],
        eval_batch_size=recipe.eval_batch_size,
        device=recipe.device,
    )
    rows = np.unique(np.concatenate([lesson.rows for lesson in lessons]))
    prob = np.full((len(task.seeds), len(rows), len(CLASSES)), np.nan)
    took = []
    for lesson, member, result, found in zip(lessons, members, results, predicted, strict=True):
        count = len(member.validation)
        label = lesson.prepared.ledger.label[member.validation]
        temperature = fit_temperature(found[:count], label).value
        place = np.searchsorted(rows, lesson.rows)
        prob[task.seeds.index(lesson.seed), place] = apply_temperature(found[count:], temperature)
        took.append(_took(lesson, result, temperature))
    assert np.isfinite(prob).all(), "every seed must be scored on every row"
    return FoldForecasts(rows=rows, prob=prob, took=tuple(took))


def _took(lesson: TrainingTask, result: StackResult, temperature: float) -> TrainingRecord:
    return TrainingRecord(
        name=lesson.name,
        symbol=lesson.symbol,
        seed=lesson.seed,
        train_rows=int(lesson.prepared.shares.draws.sum()),
        epochs=result.epochs_run,
        best_epoch=result.best_epoch,
        best_score=result.best_score,
        steps=result.steps,
        stopped_early=result.stopped_early,
        temperature=temperature,
        scores=result.scores,
    )


def _write(path: Path, scored: FoldForecasts) -> None:
    took = json.dumps([asdict(own) for own in scored.took])
    with appearing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, rows=scored.rows, prob=scored.prob, took=np.array(took))


def _read(path: Path, task: FoldTask) -> FoldForecasts:
    with np.load(path, allow_pickle=False) as stored:
        rows, prob, took = stored["rows"], stored["prob"], json.loads(str(stored["took"]))
    if not np.isin(rows, task.rows).all() or len(prob) != len(task.seeds):
        message = f"{path} holds forecasts of other rows or seeds: remove it, and the arm is trained again"
        raise ComparisonError(message)
    found = tuple(TrainingRecord(**{**own, "scores": tuple(own["scores"])}) for own in took)
    return FoldForecasts(rows=cast(npt.NDArray[np.int64], rows), prob=cast(npt.NDArray[np.float64], prob), took=found)

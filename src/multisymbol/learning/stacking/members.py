"""What a stack of networks is made of, and what it comes to."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from multisymbol.arrays import Floats, Ints
from multisymbol.errors import ConfigError, LabelError, SampleError, require
from multisymbol.learning.losses import Loss
from multisymbol.learning.module import OptimizerFactory
from multisymbol.learning.schedules import Schedule
from multisymbol.learning.stacking.network import learning_shapes
from multisymbol.samples.sampler import EpochSampler
from multisymbol.samples.windows import WindowDataset


@dataclass(frozen=True, kw_only=True, slots=True)
class StackMember:
    """One model: what it would be trained with alone."""

    name: str  # of the model, unlike the others'
    dataset: WindowDataset  # its samples; several members may share one, or its features
    sampler: EpochSampler  # order of its train samples, of a single process
    validation: Ints  # ledger positions its epochs are scored on, not empty; int64
    # With its first weights, which are not changed. Members' networks differ in weights alone. Parameters that need
    # no gradient stay as they are, and a network opened by `finetuning.Adapter` learns its changes
    network: nn.Module
    loss: Loss  # members' losses differ in class weights alone
    seed: int  # of its dropout, as the run's in `DirectionModule`


@dataclass(frozen=True, kw_only=True, slots=True)
class StackRecipe:
    """How each member is trained."""

    optimizer: OptimizerFactory  # makes an AdamW; learning rate, betas, weight decay and epsilon are taken from it
    schedule: Schedule  # of the learning rate, each member's own
    clip: float | None  # largest norm of a member's gradient, as `trainer.gradient_clip_val`; None: any
    epochs: int  # at most, >= 1
    patience: int | None  # epochs without improvement after which a member stops, >= 1; None: none stops early
    min_delta: float  # of the score that counts as improvement
    eval_batch_size: int  # samples of all members together in one forward pass of validation
    device: torch.device
    threads: int  # cores to use on a CPU, >= 1; results do not depend on it


@dataclass(frozen=True, kw_only=True, slots=True)
class StackResult:
    """What a member came to; epochs are counted from 1."""

    name: str
    # `state_dict` of its network after the best epoch, on the CPU; opened as the network was
    weights: Mapping[str, torch.Tensor]
    best_epoch: int
    best_score: float  # score on validation of that epoch; lower is better
    epochs_run: int
    stopped_early: bool  # whether patience ended it
    steps: int
    train_losses: tuple[float, ...]  # mean loss of each epoch's steps
    scores: tuple[float, ...]  # score on validation of each epoch


@dataclass(frozen=True, kw_only=True, slots=True)
class StackEpoch:
    """An epoch of the stack that has just ended: each member's score on validation, and how many go on."""

    epoch: int
    scores: Mapping[str, float]
    running: int


def check_recipe(recipe: StackRecipe) -> None:
    """Raise ConfigError for numbers outside their range, all at once."""
    checks = {
        f"epochs must be 1 or more, got {recipe.epochs}": recipe.epochs >= 1,
        f"patience must be 1 or more epochs, or null, got {recipe.patience}": recipe.patience is None
        or recipe.patience >= 1,
        f"clip must be above 0, or null, got {recipe.clip}": recipe.clip is None or recipe.clip > 0,
        f"eval_batch_size must be 1 or more, got {recipe.eval_batch_size}": recipe.eval_batch_size >= 1,
        f"threads must be 1 or more, got {recipe.threads}": recipe.threads >= 1,
    }
    require(ConfigError, checks, of="stack: ")


def check_members(members: Sequence[StackMember]) -> None:
    """Raise ConfigError unless there are members, of different names, whose networks and losses can be one."""
    problems = [*name_problems(members), *kind_problems(members)]
    if problems:
        raise ConfigError("stack: " + "; ".join(problems))


def name_problems(members: Sequence[StackMember]) -> list[str]:
    """List members whose results would share a name."""
    names = [member.name for member in members]
    twice = sorted({name for name in names if names.count(name) > 1})
    problems = [] if members else ["a stack needs at least one member"]
    return problems + [f"members need names of their own; more than one is called {name}" for name in twice]


def kind_problems(members: Sequence[StackMember]) -> list[str]:
    """Say which networks, losses or windows differ in more than their numbers."""
    problems = []

    def window_kind(member: StackMember) -> tuple[int, ...]:
        return member.dataset.window, member.dataset.features.shape[1]

    for what, kind in (("network", _network_kind), ("loss", _loss_kind), ("window", window_kind)):
        others = [member.name for member in members if kind(member) != kind(members[0])]
        if others:
            problems.append(f"{what} of {', '.join(others)} is of another kind than that of {members[0].name}")
    return problems


def _network_kind(member: StackMember) -> tuple[Any, ...]:
    parameters = tuple(
        (name, parameter.shape, parameter.dtype, parameter.requires_grad)
        for name, parameter in member.network.named_parameters()
    )
    # Not the type: torch makes a class of its own for every parametrized module.
    return type(member.network).forward, str(member.network), parameters


def _loss_kind(member: StackMember) -> tuple[Any, ...]:
    """Return all that makes a loss what it is, but its class weights."""
    common = {*vars(nn.Module()), "weight_C"}
    own = {name: value for name, value in vars(member.loss).items() if name not in common}
    # A tensor cannot be compared as a whole: its numbers can.
    return type(member.loss), {
        key: each.tolist() if isinstance(each, torch.Tensor) else each for key, each in own.items()
    }


def check_samples(members: Sequence[StackMember], orders: Sequence[torch.Tensor]) -> None:
    """Refuse members without validation samples, or with samples that hold nothing to learn.

    Args:
        members: All.
        orders: Ledger positions of the train samples of one epoch of each.

    Raises:
        SampleError: No validation samples.
        LabelError: Samples without a forward return, for a loss that learns it.
    """
    empty = [member.name for member in members if len(member.validation) == 0]
    if empty:
        raise SampleError(
            f"{', '.join(empty)}: no validation samples, so that the best epoch cannot be told; move the cuts"
        )
    missing = []
    for member, order in zip(members, orders, strict=True):
        positions = torch.from_numpy(np.union1d(order.numpy(), member.validation))
        truth = member.loss.task.truth(member.dataset.without_windows(positions))
        if truth.is_floating_point() and truth.isnan().any():
            missing.append(f"{int(truth.isnan().sum()):,} of {len(truth):,} of {member.name}")
    if missing:
        raise LabelError(
            f"train and validation samples have no forward return, which this loss learns: {', '.join(missing)}; "
            "their labels (zigzag) give none; take labels=horizon"
        )


def check_finite(names: Sequence[str], losses: Sequence[float], scores: Sequence[float]) -> None:
    """Refuse losses and validation scores of an epoch that are no numbers; say of whom, and why."""
    diverged, broken = (
        ", ".join(name for name, number in zip(names, numbers, strict=True) if not math.isfinite(number))
        for numbers in (losses, scores)
    )
    if diverged:
        raise SampleError(
            f"training of {diverged} diverged: the loss is no finite number any more. Lower optimizer.lr, set "
            "trainer.gradient_clip_val, or look for NaN and extreme features"
        )
    if broken:
        raise SampleError(f"scores of {broken} are no numbers: their features hold NaN in validation samples")


def check_forecasts(members: Sequence[StackMember], forecasts: Sequence[Floats]) -> None:
    """Refuse forecasts that are no numbers; name the members."""
    broken = [member.name for member, own in zip(members, forecasts, strict=True) if not np.isfinite(own).all()]
    if broken:
        raise SampleError(
            f"forecasts of {', '.join(broken)} are no numbers: their features hold NaN, or the network does"
        )


def scaled_forecast(loss: Loss, output_BC: torch.Tensor, temperature: float) -> Floats:
    """Return what a loss's task forecasts from outputs in float64: softmax((logits - log w) / T) for classes.

    `temperature` is the T of the calibration, 1 for none.
    """
    forecast: Floats = loss.task.forecast(
        output_BC / temperature, loss.log_weights.cpu().double() / temperature
    ).numpy()
    return forecast


def identity(members: Sequence[StackMember], orders: Sequence[torch.Tensor], recipe: StackRecipe) -> str:
    """Return what tells a stack from another: recipe, first weights, samples, their order, and bars of some of them.

    `orders` are the ledger positions of the train samples of the first epoch of each member.
    """
    optimizer = recipe.optimizer([nn.Parameter(torch.zeros(()))])
    schedule = recipe.schedule.factory(optimizer)
    numbers = {name: value for name, value in optimizer.param_groups[0].items() if name != "params"}
    digest = hashlib.blake2b(digest_size=16)
    told = (recipe.clip, recipe.epochs, recipe.patience, recipe.min_delta, sorted(numbers.items()))
    digest.update(repr((told, type(schedule).__name__, recipe.schedule.interval)).encode())
    for member, order in zip(members, orders, strict=True):
        told_of = (member.name, member.seed, _loss_kind(member), str(member.network), learning_shapes(member.network))
        digest.update(repr(told_of).encode())
        batch = member.dataset.without_windows(order)
        some = member.dataset[order[:64]].x_BTF
        weights = [member.loss.log_weights, *member.network.state_dict().values()]
        validation = torch.tensor(member.validation)
        for tensor in (order, validation, member.loss.task.truth(batch), batch.weight_B, some, *weights):
            digest.update(np.ascontiguousarray(tensor.detach().cpu().numpy()).data)
    return digest.hexdigest()


def stored_state(file: Path, told: str, *, what: str) -> dict[str, Any]:
    """Read a checkpoint, tensors and plain values only; refuse one whose identity is another."""
    content: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    if content.get("identity") != told:
        raise ConfigError(
            f"{file} is of another {what}: its samples, first weights or recipe have changed; continue with those it "
            "was started with, or remove it to start again"
        )
    return content

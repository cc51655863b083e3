"""Networks that cannot be stacked, trained one after another: the same members, recipe and results as a stack's.

Each network sees the samples, the order, the learning rates, the dropout and the stopping it has in a stack; it may
hold buffers (a batch norm's running statistics) and learn by any optimizer of torch. The price is time: nothing is
shared between the networks.
"""

# B batch, C output

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from multisymbol.arrays import Floats, Ints
from multisymbol.errors import ConfigError
from multisymbol.learning.checkpoints import AtomicCheckpointIO
from multisymbol.learning.stacking.members import (
    StackMember,
    StackRecipe,
    StackResult,
    check_finite,
    check_forecasts,
    check_recipe,
    check_samples,
    identity,
    name_problems,
    scaled_forecast,
    stored_state,
)
from multisymbol.learning.stacking.network import Weights
from multisymbol.learning.stacking.state import History
from multisymbol.samples.sampler import EpochSampler
from multisymbol.seeding import named_seed


def fit_one_by_one(
    members: Sequence[StackMember],
    *,
    recipe: StackRecipe,
    folder: Path | None,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[StackResult]:
    """Train members one after another; return what each came to, in their order.

    Args:
        members: At least one; their networks may differ.
        recipe: The same for all; its optimizer may be any of torch.
        folder: Holds each network after its last epoch, a file a member. What is there is not trained again, and an
            interrupted training continues to the same end, bit for bit. None: nothing is kept.
        progress: Called before each training and after the last with the member's name, trainings done and of how many.

    Raises:
        ConfigError: Names that are not unique, a recipe out of range, or files of other trainings.
        LabelError: Samples hold nothing the loss could learn.
        SampleError: A member has no validation samples, or a score that is no number; names the member.
        OutputError: A file cannot be written.
    """
    check_recipe(recipe)
    problems = name_problems(members)
    if problems:
        raise ConfigError("; ".join(problems))
    orders = [torch.cat(list(_order(member, 0))) for member in members]
    check_samples(members, orders)
    results = []
    for number, (member, order) in enumerate(zip(members, orders, strict=True)):
        if progress is not None:
            progress(member.name, number, len(members))
        file = None if folder is None else folder / f"{number}.ckpt"
        results.append(_fitted(member, recipe, file=file, told=identity([member], [order], recipe)))
    if progress is not None:
        progress(members[-1].name, len(members), len(members))
    return results


def predict_one_by_one(
    members: Sequence[StackMember],
    *,
    weights: Sequence[Weights],
    positions: Sequence[Ints],
    eval_batch_size: int,
    device: torch.device,
) -> list[Floats]:
    """Run each member's network over samples of its own; arguments, result and errors as `predict_stack`."""
    found = []
    for member, own, rows in zip(members, weights, positions, strict=True):
        network = copy.deepcopy(member.network).to(device)
        network.load_state_dict(dict(own))
        pairs = _outputs(network, member, torch.from_numpy(rows.copy()), size=eval_batch_size, device=device)
        outputs = [torch.empty(0, member.loss.task.outputs), *(output_BC.cpu() for output_BC, _ in pairs)]
        found.append(scaled_forecast(member.loss, torch.cat(outputs).double(), 1.0))
    check_forecasts(members, found)
    return found


def _outputs(
    network: nn.Module, member: StackMember, positions: torch.Tensor, *, size: int, device: torch.device
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield outputs and what they are compared with, without dropout and gradients."""
    network.eval()
    with torch.no_grad():
        for part in torch.split(positions, size) if len(positions) else ():
            batch = member.dataset[part]
            inputs = (batch.x_BTF, batch.symbol_slot_B, batch.class_slot_B)
            yield network(*(tensor.to(device) for tensor in inputs)), member.loss.task.truth(batch)


class _Training:
    """One network on its way."""

    def __init__(self, member: StackMember, recipe: StackRecipe) -> None:
        self._member, self._recipe = member, recipe
        self._network = copy.deepcopy(member.network).to(recipe.device)
        self._loss = copy.deepcopy(member.loss)
        if isinstance(self._loss, nn.Module):
            self._loss.to(recipe.device)
        self._learning = [own for own in self._network.parameters() if own.requires_grad]
        self._optimizer = recipe.optimizer(self._learning)
        self._scheduler = recipe.schedule.scheduler(self._optimizer)
        self._best = self._weights()
        self._history = History()

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to do."""
        return self._history.stopped(self._recipe.patience) or len(self._history.scores) >= self._recipe.epochs

    def epoch(self) -> None:
        """Train and score for an epoch; raises SampleError for a score that is no number."""
        loss = self._learn(len(self._history.scores))
        score = self._score()
        check_finite([self._member.name], [loss], [score])
        if self._history.close(loss, score, min_delta=self._recipe.min_delta):
            self._best = self._weights()
        self._recipe.schedule.after_epoch(self._scheduler, score)

    def _learn(self, epoch: int) -> float:
        """Make an epoch's steps; return their mean loss."""
        self._network.train()
        total = torch.zeros((), dtype=torch.float64, device=self._recipe.device)
        order = _order(self._member, epoch)
        for step, positions in enumerate(order):
            seed = named_seed(self._member.seed, "dropout", epoch, step, 0)  # as `DirectionModule` seeds it
            torch.default_generator.manual_seed(seed)
            if self._recipe.device.type == "cuda":
                torch.cuda.manual_seed(seed)
            total += self._step(positions)
        return float(total) / len(order)

    def _step(self, positions: torch.Tensor) -> torch.Tensor:
        batch, device = self._member.dataset[positions], self._recipe.device
        inputs = [tensor.to(device) for tensor in (batch.x_BTF, batch.symbol_slot_B, batch.class_slot_B)]
        truth_B, weight_B = self._loss.task.truth(batch).to(device), batch.weight_B.to(device)

        def closure() -> torch.Tensor:
            self._optimizer.zero_grad()
            loss = self._loss(self._network(*inputs), truth_B, weight_B)
            loss.backward()  # type: ignore[no-untyped-call]
            if self._recipe.clip is not None:
                nn.utils.clip_grad_norm_(self._learning, self._recipe.clip)
            return loss.detach()

        loss: torch.Tensor = self._optimizer.step(closure)  # type: ignore[assignment, arg-type]
        self._recipe.schedule.after_step(self._scheduler)
        return loss

    def _score(self) -> float:
        """Return the score on the validation samples."""
        task = self._loss.task
        tally, log_weights = task.tally(1), self._loss.log_weights.cpu()
        positions = torch.tensor(self._member.validation)
        size = self._recipe.eval_batch_size
        for output_BC, truth_B in _outputs(
            self._network, self._member, positions, size=size, device=self._recipe.device
        ):
            forecast = task.forecast(output_BC.cpu(), log_weights)
            tally.update(forecast, truth_B, torch.zeros(len(truth_B), dtype=torch.int64))
        return task.score(tally.by_symbol()[0])

    def _weights(self) -> dict[str, torch.Tensor]:
        return {name: tensor.detach().cpu().clone() for name, tensor in self._network.state_dict().items()}

    def result(self) -> StackResult:
        """Return what it has come to."""
        batches, patience = len(self._member.sampler), self._recipe.patience
        return self._history.result(self._member.name, self._best, batches=batches, patience=patience)

    def state_dict(self) -> dict[str, Any]:
        """Return tensors and plain values."""
        return {
            "network": self._weights(),
            "best": self._best,
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._scheduler.state_dict(),
            "history": asdict(self._history),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them up again."""
        self._network.load_state_dict(state["network"])
        self._best = state["best"]
        self._optimizer.load_state_dict(state["optimizer"])
        self._scheduler.load_state_dict(state["schedule"])
        self._history = History(**state["history"])


def _fitted(member: StackMember, recipe: StackRecipe, *, file: Path | None, told: str) -> StackResult:
    training = _Training(member, recipe)
    if file is not None and file.exists():
        training.load_state_dict(stored_state(file, told, what="training"))
    while not training.ended:
        training.epoch()
        if file is not None:
            AtomicCheckpointIO().save_checkpoint({"identity": told, **training.state_dict()}, file)
    return training.result()


def _order(member: StackMember, epoch: int) -> EpochSampler:
    """Return the batches of an epoch."""
    sampler = copy.copy(member.sampler)
    sampler.set_epoch(epoch)
    return sampler

"""What a stack has learned so far: weights, optimizer states, learning rates and the best epoch of every model."""

# M model, R running model, P numbers of one model

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW, Optimizer
from torch.optim.adamw import adamw

from multisymbol.errors import ConfigError
from multisymbol.learning.module import OptimizerFactory
from multisymbol.learning.schedules import Schedule
from multisymbol.learning.stacking.members import StackResult
from multisymbol.learning.stacking.network import Layout


class OptimizerState:
    """One model's learning rate and the other numbers of its AdamW, as its own schedule moves them.

    The optimizer is a real one, of a parameter that never changes: any schedule of torch works on it.

    Raises:
        ConfigError: Another optimizer than AdamW, or a form of it that cannot be stacked.
    """

    def __init__(self, optimizer: OptimizerFactory, schedule: Schedule) -> None:
        self._optimizer = optimizer([nn.Parameter(torch.zeros(()))])
        if not _can_be_stacked(self._optimizer):
            raise ConfigError(f"optimizer: a stack learns by AdamW without amsgrad and maximize, got {self._optimizer}")
        self._schedule, self._scheduler = schedule, schedule.scheduler(self._optimizer)
        self._optimizer.step()  # else torch warns that the schedule moves before the optimizer did

    @property
    def numbers(self) -> tuple[float, float, float, float, float, bool]:
        """Learning rate, both betas, weight decay and epsilon of the next step, and whether it is one kernel."""
        group = self._optimizer.param_groups[0]
        return group["lr"], *group["betas"], group["weight_decay"], group["eps"], bool(group["fused"])

    def step(self) -> None:
        """Move a schedule that moves with every step."""
        self._schedule.after_step(self._scheduler)

    def epoch(self, score: float) -> None:
        """Move a schedule that moves with every epoch, or waits for its score."""
        self._schedule.after_epoch(self._scheduler, score)

    def state_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"optimizer": self._optimizer.state_dict(), "schedule": self._scheduler.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them up again."""
        self._optimizer.load_state_dict(state["optimizer"])
        self._scheduler.load_state_dict(state["schedule"])


def optimizer_problem(optimizer: OptimizerFactory) -> str:
    """Name an optimizer that a stack does not know; empty if it does."""
    made = optimizer([nn.Parameter(torch.zeros(()))])
    if _can_be_stacked(made):
        return ""
    options = ", ".join(name for name in ("amsgrad", "maximize") if made.defaults.get(name))
    return f"optimizer {type(made).__name__}{f'({options})' if options else ''}"


def _can_be_stacked(optimizer: Optimizer) -> bool:
    group = optimizer.param_groups[0]
    return type(optimizer) is AdamW and not (group["amsgrad"] or group["maximize"])


@dataclass(kw_only=True, slots=True)
class History:
    """One model's epochs so far; `dataclasses.asdict` is its state."""

    losses: list[float] = field(default_factory=list)  # mean train loss of each epoch
    scores: list[float] = field(default_factory=list)  # on validation, float32 as Lightning logs it
    best_epoch: int = -1  # from 0; -1 before the first
    waited: int = 0  # epochs without an improvement of `min_delta` over `awaited`
    awaited: float = math.inf

    def close(self, loss: float, score: float, *, min_delta: float) -> bool:
        """Add an epoch; return whether it is the best one. The rules of Lightning's checkpoints and early stopping.

        Scores are compared as float32, in which Lightning keeps them.
        """
        now = torch.tensor(score, dtype=torch.float32)
        best = self.best_epoch < 0 or float(now) < self.scores[self.best_epoch]
        if best:
            self.best_epoch = len(self.scores)
        self.losses.append(loss)
        self.scores.append(float(now))
        if now + min_delta < self.awaited:
            self.awaited, self.waited = float(now), 0
        else:
            self.waited += 1
        return best

    def result(
        self, name: str, weights: Mapping[str, torch.Tensor], *, batches: int, patience: int | None
    ) -> StackResult:
        """Return what the model has come to: weights of its best epoch, and epochs of so many batches."""
        return StackResult(
            name=name,
            weights=weights,
            best_epoch=self.best_epoch + 1,
            best_score=self.scores[self.best_epoch],
            epochs_run=len(self.scores),
            stopped_early=self.stopped(patience),
            steps=len(self.scores) * batches,
            train_losses=tuple(self.losses),
            scores=tuple(self.scores),
        )

    def stopped(self, patience: int | None) -> bool:
        """Whether patience has ended the training."""
        return patience is not None and self.waited >= patience


class StackState:
    """The state of a stack, between two epochs that of a checkpoint.

    Args:
        rows: Each model's first weights. Shape (M, P), on the device.
        learning: The first so many of the P numbers learn; the others stay as they are, to the bit.
        paces: Each model's.
        running: Numbers of the models, in the order of the stack.
    """

    def __init__(
        self, rows: torch.Tensor, *, learning: int, paces: Sequence[OptimizerState], running: Sequence[int]
    ) -> None:
        self.epoch = 0
        self.running = list(running)
        self.best = rows.clone()
        self.progress = [History() for _ in paces]
        self._paces = paces
        self._learning = learning
        order = torch.tensor(self.running, device=rows.device)
        weights = rows.index_select(0, order)
        steps = torch.zeros(len(order), device=rows.device)
        moments = torch.zeros_like(weights[:, :learning])
        self._set(weights, moments, moments.clone(), steps)

    def _set(self, weights: torch.Tensor, first: torch.Tensor, second: torch.Tensor, steps: torch.Tensor) -> None:
        """Hold weights (R, P), moments (R, learning) and steps (R,) of the running models; what a step moves, apart."""
        self.weights = weights
        self._whole = (weights, first, second, steps)
        self._each = tuple(tensor.unbind() for tensor in (weights[:, : self._learning], first, second, steps))

    def pace(self, place: int) -> OptimizerState:
        """Return the pace of the model at a place of the stack."""
        return self._paces[self.running[place]]

    def step(self, start: int, slopes_RP: torch.Tensor) -> None:
        """Let the models from place `start` on make a step of AdamW, each with its own step count and rate."""
        alike: dict[tuple[float, float, float, float, float, bool], list[int]] = {}
        for index in range(len(slopes_RP)):
            alike.setdefault(self.pace(start + index).numbers, []).append(index)
        slopes = slopes_RP.unbind()
        for numbers, members in alike.items():
            weights, first, second, steps = ([each[start + index] for index in members] for each in self._each)
            lr, beta1, beta2, weight_decay, eps, fused = numbers
            adamw(
                weights,
                [slopes[index] for index in members],
                first,
                second,
                [],
                steps,
                fused=fused,
                foreach=not fused,
                amsgrad=False,
                beta1=beta1,
                beta2=beta2,
                lr=lr,
                weight_decay=weight_decay,
                eps=eps,
                maximize=False,
            )
        for index in range(len(slopes_RP)):
            self.pace(start + index).step()

    def close_epoch(self, losses: Sequence[float], scores: Sequence[float], *, min_delta: float) -> None:
        """Note the epoch of each running model, in the order of the stack; keep weights that are the best so far."""
        for place, model in enumerate(self.running):
            if self.progress[model].close(losses[place], scores[place], min_delta=min_delta):
                self.best[model] = self.weights[place]
            self._paces[model].epoch(scores[place])
        self.epoch += 1

    def drop(self, stopped: Sequence[int]) -> None:
        """Leave models out from here on, by number."""
        places = [place for place, model in enumerate(self.running) if model not in stopped]
        self.running = [self.running[place] for place in places]
        order = torch.tensor(places, dtype=torch.int64, device=self.best.device)
        self._set(*(tensor.index_select(0, order) for tensor in self._whole))

    def state_dict(self) -> dict[str, Any]:
        """Return tensors and plain values."""
        return {
            "epoch": self.epoch,
            "running": list(self.running),
            "tensors": [tensor.cpu() for tensor in (*self._whole, self.best)],
            "progress": [asdict(progress) for progress in self.progress],
            "paces": [pace.state_dict() for pace in self._paces],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them up again."""
        self.epoch, self.running = state["epoch"], list(state["running"])
        *whole, best = (tensor.to(self.best.device) for tensor in state["tensors"])
        self._set(*whole)
        self.best = best
        self.progress = [History(**values) for values in state["progress"]]
        for pace, values in zip(self._paces, state["paces"], strict=True):
            pace.load_state_dict(values)


class Gradients:
    """Gradients of at most so many models, laid out as rows of the parameters that learn.

    Each is clipped to its own norm, `clip` at most; None: any.
    """

    def __init__(self, layout: Layout, *, models: int, clip: float | None, device: torch.device) -> None:
        self._layout = layout
        self._clip = clip
        self._rows = torch.zeros(models, layout.width, device=device)

    def rows(self, gradients: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the rows, (models, P); they hold until the next call. As `torch.nn.utils.clip_grad_norm_` clips."""
        models = len(gradients[0])
        rows = self._rows[:models]
        flat = [gradient.flatten(1) if gradient.dim() > 1 else gradient[:, None] for gradient in gradients]
        scale_M1 = self._scale(flat)
        for gradient, view in zip(flat, self._layout.views(rows).values(), strict=True):
            torch.mul(gradient, scale_M1, out=view.flatten(1) if view.dim() > 1 else view[:, None])
        return rows

    def _scale(self, flat: Sequence[torch.Tensor]) -> torch.Tensor:
        if self._clip is None:
            return torch.ones(len(flat[0]), 1, device=flat[0].device)
        norms = torch.stack([torch.linalg.vector_norm(gradient, dim=1) for gradient in flat])
        norm_M = torch.linalg.vector_norm(norms, dim=0)
        scale_M: torch.Tensor = (self._clip / (norm_M + 1e-6)).clamp(max=1.0)
        return scale_M[:, None]

"""The loss a network is fitted with.

A loss compares outputs with what came, row by row, and knows which weights its logits have in them. It is the sum over
the rows DIVIDED BY THEIR NUMBER, never by the sum of their weights, as `torch.nn.CrossEntropyLoss` does: that divisor
differs between the halves of a batch, so the mean of two ranks' gradients would not be the gradient of the whole batch.
"""

# B batch, C class or output

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from multisymbol.arrays import Codes, Floats, Ints
from multisymbol.errors import ConfigError, LabelError, require
from multisymbol.learning.tasks import Direction, ForwardReturn, PredictionTask


class Loss(Protocol):
    """A module that compares outputs with what came."""

    @property
    def task(self) -> PredictionTask:
        """What it is about."""

    @property
    def log_weights(self) -> torch.Tensor:
        """What `probabilities` subtracts from the logits; zeros for a loss that leaves the prior alone. Shape (C,)."""

    def __call__(self, output_BC: torch.Tensor, truth_B: torch.Tensor, weight_B: torch.Tensor) -> torch.Tensor:
        """Return the mean over the rows of weight times loss."""


AnyLoss = TypeVar("AnyLoss", bound=Loss)


def completed(given: AnyLoss | partial[AnyLoss], *, class_counts: Sequence[float]) -> AnyLoss:
    """Give a file of `conf/loss` what it still lacks: a loss on classes wants `class_counts`."""
    return given(class_counts=class_counts) if isinstance(given, partial) else given


def mixture_class_counts(
    labels: Codes, *, symbols: npt.NDArray[np.int32], draws: Ints | Floats, classes: int = 3
) -> Floats:
    """Return the expected draws of each class in one epoch of the mixture: the prior that the network learns.

    Args:
        labels: Labels of the train samples. Shape (n,).
        symbols: Their symbol. Shape (n,).
        draws: Draws per epoch of each symbol, times their loss weight (`SamplingWeights`). Shape (symbols,).
        classes: C.

    Returns:
        Shape (C,), sums to the draws of the symbols that have samples.
    """
    cells = symbols.astype(np.int64) * classes + labels
    counts = np.bincount(cells, minlength=len(draws) * classes).reshape(len(draws), classes)
    rows = counts.sum(axis=1)
    per_row = np.divide(draws, rows, out=np.zeros(len(draws)), where=rows > 0)
    mixed: Floats = per_row @ counts
    return mixed


def class_weights(counts: Sequence[float] | Floats, *, power: float, cap: float) -> Floats:
    """Weigh rare classes up: proportional to (1 / frequency)^power, at most `cap` times the commonest class's weight.

    Scaled so that the mean over train rows is 1: the loss, and with it a good learning rate, keeps its scale. A class
    without rows weighs as much as the commonest: it is never seen, so nothing is to be made up for. Shape (C,).

    Args:
        counts: Train rows (or expected draws) per class. Shape (C,).
        power: 0 weighs all rows alike, 1 gives all classes the same total weight.
        cap: >= 1. ZigZag's HOLD is 1 bar in 40 to 160: uncapped, a handful of bars would be the whole loss.

    Raises:
        ConfigError: power outside 0..1 or cap below 1.
        LabelError: No row, or a negative or non-finite count.
    """
    count_C = np.asarray(counts, dtype=np.float64)
    checks = {
        f"power must be between 0 (no weights) and 1 (inverse frequency), got {power}": 0 <= power <= 1,
        f"cap must be 1 or more, got {cap}": cap >= 1,
    }
    require(ConfigError, checks, of="loss: ")
    if not np.all(np.isfinite(count_C)) or count_C.min() < 0 or count_C.sum() <= 0:
        raise LabelError(f"class weights need train rows: class counts (BUY, HOLD, SELL) are {count_C.tolist()}")
    ratio_C = np.divide(count_C.max(), count_C, out=np.ones_like(count_C), where=count_C > 0)
    weight_C = np.minimum(ratio_C**power, cap)
    scaled: Floats = weight_C * count_C.sum() / (weight_C @ count_C)
    return scaled


class ClassLoss(nn.Module, ABC):
    """Mean over the batch of sample weight * class weight * loss of the row; arguments as in `class_weights`."""

    task: ClassVar[PredictionTask] = Direction()

    def __init__(self, *, class_counts: Sequence[float], power: float, cap: float) -> None:
        super().__init__()
        self.weight_C = torch.from_numpy(class_weights(class_counts, power=power, cap=cap)).float()

    @property
    def log_weights(self) -> torch.Tensor:
        """What `probabilities` subtracts. Shape (C,)."""
        return self.weight_C.log()

    def forward(self, logits_BC: torch.Tensor, y_B: torch.Tensor, weight_B: torch.Tensor) -> torch.Tensor:
        """Return the loss, a scalar."""
        log_p_BC = torch.log_softmax(logits_BC.float(), dim=1)
        return (self.weight_C.float()[y_B] * weight_B * self.rows(log_p_BC, y_B)).mean()

    @abstractmethod
    def rows(self, log_p_BC: torch.Tensor, y_B: torch.Tensor) -> torch.Tensor:
        """Return each row's loss, unweighted, from log probabilities and labels. Shape (B,)."""

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Self:  # noqa: FBT001, FBT002
        # Moved with the module, but no buffer: DDP broadcasts buffers before every forward, and ranks with unequal
        # numbers of validation batches would wait for each other for ever.
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.weight_C = fn(self.weight_C)
        return self


class ClassWeightedCrossEntropy(ClassLoss):
    """-log p(label): strictly proper, the logits become log (p w) and `log_weights` takes the weights out exactly."""

    def rows(self, log_p_BC: torch.Tensor, y_B: torch.Tensor) -> torch.Tensor:
        """See ClassLoss."""
        return _log_loss(log_p_BC, y_B)


class Focal(ClassLoss):
    """(1 - p(label))^gamma * -log p(label) (Lin et al. 2017): rows already right count for less.

    Not proper for gamma > 0: the p that minimises it is flatter than the truth (Charoenphakdee et al. 2021), though its
    largest class is the right one. `log_weights` takes out the class weights approximately; the temperature fitted on
    validation (below 1) makes up for most of the flatness. Look at the reliability table before you use a threshold.

    Args:
        gamma: >= 0; 0 is cross entropy, 2 the authors' choice.
    """

    def __init__(self, *, class_counts: Sequence[float], power: float, cap: float, gamma: float) -> None:
        super().__init__(class_counts=class_counts, power=power, cap=cap)
        if not 0 <= gamma < float("inf"):
            raise ConfigError(f"loss: gamma must be 0 (cross entropy) or more, got {gamma}")
        self._gamma = gamma

    def rows(self, log_p_BC: torch.Tensor, y_B: torch.Tensor) -> torch.Tensor:
        """See ClassLoss."""
        log_loss_B = _log_loss(log_p_BC, y_B)
        # 1 - p without cancellation, kept above 0, where the slope of a power below 1 is infinite.
        missed_B = -torch.expm1(-log_loss_B)
        return missed_B.clamp(min=1e-7) ** self._gamma * log_loss_B


class LabelSmoothing(ClassLoss):
    """Cross entropy against (1 - epsilon) of the label and epsilon spread over all classes (Szegedy et al. 2016).

    Not proper for epsilon > 0: without class weights the p that minimises it is (1 - epsilon) p + epsilon / C, so no
    forecast is ever surer than that. `log_weights` takes out the class weights approximately; the temperature fitted
    on validation (below 1) gives the sureness back. Labels are noisy: that is what it is for.

    Args:
        epsilon: 0 <= epsilon < 1; 0 is cross entropy.
    """

    def __init__(self, *, class_counts: Sequence[float], power: float, cap: float, epsilon: float) -> None:
        super().__init__(class_counts=class_counts, power=power, cap=cap)
        if not 0 <= epsilon < 1:
            raise ConfigError(f"loss: epsilon must be at least 0 (cross entropy) and below 1, got {epsilon}")
        self._epsilon = epsilon

    def rows(self, log_p_BC: torch.Tensor, y_B: torch.Tensor) -> torch.Tensor:
        """See ClassLoss."""
        return (1 - self._epsilon) * _log_loss(log_p_BC, y_B) - self._epsilon * log_p_BC.mean(dim=1)


class Ordinal(ClassLoss):
    """Squared earth mover's distance between forecast and label on BUY < HOLD < SELL (Hou et al. 2016).

    sum over k of (P(class <= k) - 1[label <= k])^2: to say BUY where SELL came costs twice what HOLD would. It is the
    ranked probability score (Epstein 1969), which is strictly proper: what minimises it are the true probabilities, and
    `log_weights` takes class weights out exactly. A cumulative-link model, the other usual form, has one score and two
    thresholds for all: it cannot say "a move, but I do not know which way", which is what markets often are.

    The loss is bounded: a forecast that is sure and wrong is corrected more slowly than by cross entropy.
    """

    def rows(self, log_p_BC: torch.Tensor, y_B: torch.Tensor) -> torch.Tensor:
        """See ClassLoss."""
        below_BC = log_p_BC.exp().cumsum(dim=1)[:, :-1]
        border_C = torch.arange(below_BC.shape[1], device=y_B.device)
        return (below_BC - (y_B[:, None] <= border_C).float()).square().sum(dim=1)


class Huber(nn.Module):
    """Mean over the batch of sample weight * Huber loss of a forward return (Huber 1964).

    Squared up to delta, linear beyond: a crash does not outvote a year of bars. The forecast that minimises it lies
    between mean and median of the return.

    Args:
        delta: > 0, in deviations of the target's horizon.
    """

    def __init__(self, *, delta: float) -> None:
        super().__init__()
        if not 0 < delta < float("inf"):
            raise ConfigError(f"loss: delta must be above 0, got {delta}")
        self.task: PredictionTask = ForwardReturn(delta=delta)
        self._delta = delta

    @property
    def log_weights(self) -> torch.Tensor:
        """One zero: there is nothing to take out of a forecast."""
        return torch.zeros(1)

    def forward(self, output_BC: torch.Tensor, target_B: torch.Tensor, weight_B: torch.Tensor) -> torch.Tensor:
        """Return the loss, a scalar; outputs have shape (B, 1)."""
        forecast_B = output_BC.squeeze(1).float()
        loss_B = functional.huber_loss(forecast_B, target_B, delta=self._delta, reduction="none")
        return (weight_B * loss_B).mean()


def _log_loss(log_p_BC: torch.Tensor, y_B: torch.Tensor) -> torch.Tensor:
    return functional.nll_loss(log_p_BC, y_B, reduction="none")

"""The loss a network is fitted with, and the way back from its logits to probabilities under the true class shares."""

# B batch, C class

from collections.abc import Callable, Sequence
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from multisymbol.errors import ConfigError, LabelError


def mixture_class_counts(
    labels: npt.NDArray[np.int8], *, symbols: npt.NDArray[np.int32], draws: npt.NDArray[np.int64], classes: int = 3
) -> npt.NDArray[np.float64]:
    """Expected draws of each class in one epoch of the mixture: what the network sees, and so the prior it learns.

    Args:
        labels: Labels of the train samples. Shape (n,).
        symbols: Their symbol. Shape (n,).
        draws: Draws per epoch of each symbol (`Shares.draws`). Shape (symbols,).
        classes: C.

    Returns:
        Shape (C,), sums to the draws of the symbols that have samples.
    """
    cells = symbols.astype(np.int64) * classes + labels
    counts = np.bincount(cells, minlength=len(draws) * classes).reshape(len(draws), classes)
    rows = counts.sum(axis=1)
    per_row = np.divide(draws, rows, out=np.zeros(len(draws)), where=rows > 0)
    mixed: npt.NDArray[np.float64] = per_row @ counts
    return mixed


def class_weights(
    counts: Sequence[float] | npt.NDArray[np.float64], *, power: float, cap: float
) -> npt.NDArray[np.float64]:
    """Weigh rare classes up: proportional to (1 / frequency)^power, at most `cap` times the commonest class's weight.

    Scaled so that the mean over train rows is 1: the loss, and with it a good learning rate, keeps its scale.
    A class without rows weighs as much as the commonest: it is never seen, so nothing is to be made up for.

    Args:
        counts: Train rows (or expected draws) per class. Shape (C,).
        power: 0 weighs all rows alike, 1 gives all classes the same total weight.
        cap: >= 1. ZigZag's HOLD is 1 bar in 40 to 160: uncapped, a handful of bars would be the whole loss.

    Returns:
        Shape (C,).

    Raises:
        ConfigError: power outside 0..1 or cap below 1.
        LabelError: No row, or a negative or non-finite count.
    """
    count_C = np.asarray(counts, dtype=np.float64)
    _check(power, cap)
    if not np.all(np.isfinite(count_C)) or count_C.min() < 0 or count_C.sum() <= 0:
        message = f"class weights need train rows: class counts (BUY, HOLD, SELL) are {count_C.tolist()}"
        raise LabelError(message)
    ratio_C = np.divide(count_C.max(), count_C, out=np.ones_like(count_C), where=count_C > 0)
    weight_C = np.minimum(ratio_C**power, cap)
    scaled: npt.NDArray[np.float64] = weight_C * count_C.sum() / (weight_C @ count_C)
    return scaled


def _check(power: float, cap: float) -> None:
    problems = []
    if not 0 <= power <= 1:
        problems.append(f"power must be between 0 (no weights) and 1 (inverse frequency), got {power}")
    if not cap >= 1:
        problems.append(f"cap must be 1 or more, got {cap}")
    if problems:
        raise ConfigError("loss: " + "; ".join(problems))


def probabilities(logits_BC: torch.Tensor, log_weights: torch.Tensor, *, temperature: float = 1.0) -> torch.Tensor:
    """Turn logits of a network fitted with class weights into probabilities under the class shares of the mixture.

    Weights w make the network learn p_c w_c / sum p w; subtracting log w takes them out again (Elkan 2001). The one way
    from logits to probabilities: metrics while training, evaluation and serving all come here.

    Args:
        logits_BC: Any float type.
        log_weights: Log of the class weights, zeros without. Shape (C,).
        temperature: > 0; above 1 flattens (fitted on validation).

    Returns:
        float64, shape (B, C): a small p must not round to 0 where its logarithm is taken.
    """
    corrected_BC = (logits_BC.double() - log_weights.to(logits_BC.device, torch.float64)) / temperature
    return torch.softmax(corrected_BC, dim=-1)


class ClassWeightedCrossEntropy(nn.Module):
    """Mean over the batch of w_y * cross entropy.

    NOT divided by the sum of the batch's weights, as `torch.nn.CrossEntropyLoss` does: that divisor differs between the
    halves of a batch, so the mean of two ranks' gradients would not be the gradient of the whole batch. Divided by the
    number of rows, two ranks of half a batch equal one of a whole.

    Args:
        class_counts: Train rows (or expected draws) per class.
        power: As in `class_weights`.
        cap: As in `class_weights`.
    """

    def __init__(self, *, class_counts: Sequence[float], power: float, cap: float) -> None:
        super().__init__()
        self.weight_C = torch.from_numpy(class_weights(class_counts, power=power, cap=cap)).float()

    @property
    def log_weights(self) -> torch.Tensor:
        """What `probabilities` subtracts. Shape (C,)."""
        return self.weight_C.log()

    def forward(self, logits_BC: torch.Tensor, y_B: torch.Tensor) -> torch.Tensor:
        """Return the loss, a scalar."""
        total = functional.cross_entropy(logits_BC.float(), y_B, weight=self.weight_C.float(), reduction="sum")
        return total / len(y_B)

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Self:  # noqa: FBT001, FBT002
        # Moved with the module, but no buffer: DDP broadcasts buffers before every forward, and ranks with unequal
        # numbers of validation batches would wait for each other for ever.
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.weight_C = fn(self.weight_C)
        return self

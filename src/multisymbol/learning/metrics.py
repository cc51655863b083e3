"""Scores of a classifier from counts that add up: over batches, symbols and processes."""

# B batch, S symbol, C class

import math
from dataclasses import dataclass, fields

import numpy as np
import torch
from torchmetrics import Metric

from multisymbol.arrays import Floats, Ints

PROBABILITY_FLOOR = 1e-15
"""Where a logarithm is taken, probabilities are raised to this: a certain mistake costs 34.5 nats, not infinity."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """Scores on one set of rows. NaN where there are no rows."""

    rows: int
    log_loss: float  # mean of -log p(label), nats
    brier: float  # mean of sum over classes of (p - 1[label])^2, 0..2
    macro_f1: float  # mean F1 over the classes present among labels
    balanced_accuracy: float  # mean recall over the classes present among labels
    mcc: float  # multi-class Matthews correlation (Gorodkin 2004); 0 where undefined
    accuracy: float  # share right; never shown alone


def scores(confusion: Ints, *, log_loss_sum: float, brier_sum: float) -> Scores:
    """Derive scores from counts and from the sums over rows of -log p(label) and of the Brier terms.

    `confusion` has labels in rows and decisions (argmax) in columns. Shape (C, C).
    """
    rows = int(confusion.sum())
    if rows == 0:
        return Scores(rows=0, **{each.name: math.nan for each in fields(Scores)[1:]})
    right = np.diag(confusion).astype(np.float64)
    labels, decisions = confusion.sum(axis=1).astype(np.float64), confusion.sum(axis=0).astype(np.float64)
    present = labels > 0
    # Gorodkin 2004, eq. 8; 0 where labels or decisions are constant.
    spread = (rows**2 - labels @ labels) * (rows**2 - decisions @ decisions)
    together = right.sum() * rows - labels @ decisions
    return Scores(
        rows=rows,
        log_loss=float(log_loss_sum) / rows,
        brier=float(brier_sum) / rows,
        macro_f1=float(np.mean(2 * right[present] / (labels + decisions)[present])),
        balanced_accuracy=float(np.mean(right[present] / labels[present])),
        mcc=float(together / math.sqrt(spread)) if spread > 0 else 0.0,
        accuracy=float(right.sum() / rows),
    )


class SymbolCounts(Metric):
    """Counts per symbol, summed over batches and processes; every score is derived from them.

    A symbol is known by its number, 0..S - 1, since a name with a dot cannot name a state.
    """

    full_state_update = False
    confusion: torch.Tensor
    log_loss_sum: torch.Tensor
    brier_sum: torch.Tensor

    def __init__(self, *, symbols: int, classes: int = 3) -> None:
        super().__init__()
        self.symbols = symbols
        self.classes = classes
        cells = symbols * classes * classes
        self.add_state("confusion", torch.zeros(cells, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("log_loss_sum", torch.zeros(symbols, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("brier_sum", torch.zeros(symbols, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, prob_BC: torch.Tensor, y_B: torch.Tensor, symbol_B: torch.Tensor) -> None:
        """Add a batch: probabilities, labels and symbol numbers. `index_add_` is deterministic and never waits."""
        prob_BC = prob_BC.double()
        cell_B = (symbol_B * self.classes + y_B) * self.classes + prob_BC.argmax(dim=1)
        p_label_B = prob_BC.gather(1, y_B[:, None]).squeeze(1)
        brier_B = prob_BC.square().sum(dim=1) - 2 * p_label_B + 1
        self.confusion.index_add_(0, cell_B, torch.ones_like(cell_B))
        self.log_loss_sum.index_add_(0, symbol_B, -p_label_B.clamp(min=PROBABILITY_FLOOR).log())
        self.brier_sum.index_add_(0, symbol_B, brier_B)

    def compute(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return confusion, log-loss sums and Brier sums over all processes."""
        return self.confusion, self.log_loss_sum, self.brier_sum

    def by_symbol(self) -> list[Scores]:
        """Return each symbol's scores, in order of their number; NaN scores for a symbol without rows."""
        confusion, log_loss, brier = self._arrays()
        rows = zip(confusion, log_loss.tolist(), brier.tolist(), strict=True)
        return [scores(counts, log_loss_sum=nats, brier_sum=squares) for counts, nats, squares in rows]

    def overall(self) -> Scores:
        """Return the scores over all rows, whatever their symbol."""
        confusion, log_loss, brier = self._arrays()
        return scores(confusion.sum(axis=0), log_loss_sum=float(log_loss.sum()), brier_sum=float(brier.sum()))

    def _arrays(self) -> tuple[Ints, Floats, Floats]:
        # torchmetrics squeezes what compute returns: with one symbol the sums come back without a dimension.
        confusion, log_loss, brier = (total.cpu().numpy() for total in self.compute())
        cells = confusion.reshape(self.symbols, self.classes, self.classes)
        return cells, log_loss.reshape(-1), brier.reshape(-1)

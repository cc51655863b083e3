"""What a network is fitted to tell, a direction or a return, and the score that chooses its best epoch."""

# B batch, C output

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
import torch

from multisymbol.arrays import Ints
from multisymbol.errors import LabelError
from multisymbol.labels.labels import CLASSES
from multisymbol.learning.metrics import Scores, SymbolCounts
from multisymbol.learning.probabilities import probabilities
from multisymbol.learning.returns import ReturnScores, ReturnSums
from multisymbol.samples.ledger import Ledger
from multisymbol.samples.windows import Batch

Tally: TypeAlias = SymbolCounts | ReturnSums
"""Sums over batches, symbols and processes from which scores are derived: a `torchmetrics.Metric`."""


class PredictionTask(ABC):
    """What a loss is about; a loss says which one it serves."""

    watched: ClassVar[tuple[str, ...]]
    """Scores logged as `val/<name>` after each epoch, the monitored one first; lower is better for that one."""
    outputs: ClassVar[int]
    """Numbers a network gives per window."""

    @property
    def monitor(self) -> str:
        """Name of the score that early stopping, the best checkpoint and a plateau schedule watch."""
        return f"val/{self.watched[0]}"

    def score(self, scores: Scores | ReturnScores) -> float:
        """Return the monitored one of these scores."""
        return float(getattr(scores, self.watched[0]))

    @abstractmethod
    def truth(self, batch: Batch) -> torch.Tensor:
        """Return what the batch's outputs are compared with, shape (B,)."""

    @abstractmethod
    def forecast(self, output_BC: torch.Tensor, log_weights: torch.Tensor) -> torch.Tensor:
        """Turn outputs into what is scored, float64, given the loss's `log_weights`."""

    @abstractmethod
    def tally(self, symbols: int) -> Tally:
        """Return empty sums for so many symbols."""

    def check(self, ledger: Ledger, positions: Ints) -> None:  # noqa: B027
        """Raise LabelError where samples hold nothing to learn."""


@dataclass(frozen=True)
class Direction(PredictionTask):
    """BUY, HOLD or SELL: logits in, probabilities under the class shares of the mixture out."""

    watched: ClassVar[tuple[str, ...]] = ("log_loss", "macro_f1", "balanced_accuracy", "mcc", "brier")
    outputs: ClassVar[int] = len(CLASSES)

    def truth(self, batch: Batch) -> torch.Tensor:
        """Return the labels, int64."""
        return batch.y_B

    def forecast(self, output_BC: torch.Tensor, log_weights: torch.Tensor) -> torch.Tensor:
        """Return probabilities, shape (B, C)."""
        return probabilities(output_BC, log_weights)

    def tally(self, symbols: int) -> SymbolCounts:
        """See PredictionTask."""
        return SymbolCounts(symbols=symbols, classes=self.outputs)


@dataclass(frozen=True)
class ForwardReturn(PredictionTask):
    """The forward return in units of volatility (`Ledger.target`), as one number.

    Args:
        delta: Of the Huber loss that is monitored: errors beyond it count linearly.
    """

    delta: float
    watched: ClassVar[tuple[str, ...]] = ("huber", "mse", "ic", "sign_accuracy")
    outputs: ClassVar[int] = 1

    def truth(self, batch: Batch) -> torch.Tensor:
        """Return the targets, float32."""
        return batch.target_B

    def forecast(self, output_BC: torch.Tensor, log_weights: torch.Tensor) -> torch.Tensor:
        """Return the forecasts, shape (B,)."""
        return output_BC.squeeze(1).double()

    def tally(self, symbols: int) -> ReturnSums:
        """See PredictionTask."""
        return ReturnSums(symbols=symbols, delta=self.delta)

    def check(self, ledger: Ledger, positions: Ints) -> None:
        """Refuse samples without a forward return."""
        missing = np.isnan(ledger.target[positions])
        if missing.any():
            names = [ledger.symbols[i] for i in np.unique(ledger.symbol[positions[missing]])]
            raise LabelError(
                f"{missing.sum():,} of {len(positions):,} train and validation samples of {', '.join(names)} have no "
                f"forward return, which this loss learns: their labels (zigzag) give none; take labels=horizon"
            )

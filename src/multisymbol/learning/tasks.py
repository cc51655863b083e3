"""What a network is fitted to tell, a direction or a return, and the score that chooses its best epoch."""

# B batch, C output

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import torch

from multisymbol.errors import LabelError
from multisymbol.labels.labels import CLASSES
from multisymbol.learning.metrics import Scores, SymbolCounts
from multisymbol.learning.probabilities import probabilities
from multisymbol.learning.returns import ReturnScores, ReturnSums
from multisymbol.samples.ledger import Ledger
from multisymbol.samples.windows import Batch


class Tally(Protocol):
    """Sums over batches, symbols and processes from which scores are derived: a `torchmetrics.Metric`."""

    def update(self, forecast_B: torch.Tensor, truth_B: torch.Tensor, symbol_B: torch.Tensor, /) -> None:
        """Add a batch."""

    def reset(self) -> None:
        """Forget all."""

    def overall(self) -> Scores | ReturnScores:
        """Return the scores over all rows."""

    def by_symbol(self) -> Sequence[Scores | ReturnScores]:
        """Return each symbol's scores, in order of their number."""


class PredictionTask(Protocol):
    """What a loss is about; a loss says which one it serves."""

    @property
    def monitor(self) -> str:
        """Name of the score that early stopping, the best checkpoint and a plateau schedule watch; lower is better."""

    @property
    def watched(self) -> tuple[str, ...]:
        """Scores logged as `val/<name>` after each epoch, the monitored one first."""

    @property
    def outputs(self) -> int:
        """Numbers a network gives per window."""

    def truth(self, batch: Batch) -> torch.Tensor:
        """Return what the batch's outputs are compared with, shape (B,)."""

    def forecast(self, output_BC: torch.Tensor, log_weights: torch.Tensor) -> torch.Tensor:
        """Turn outputs into what is scored, float64, given the loss's `log_weights`."""

    def tally(self, symbols: int) -> Tally:
        """Return empty sums for so many symbols."""

    def score(self, scores: Scores | ReturnScores) -> float:
        """Return the monitored one of these scores."""

    def check(self, ledger: Ledger, positions: npt.NDArray[np.int64]) -> None:
        """Raise LabelError where samples hold nothing to learn."""


class _Watched:
    """Names of scores, the monitored one first."""

    watched: ClassVar[tuple[str, ...]]

    @property
    def monitor(self) -> str:
        """See PredictionTask."""
        return f"val/{self.watched[0]}"

    def score(self, scores: Scores | ReturnScores) -> float:
        """See PredictionTask."""
        return float(getattr(scores, self.watched[0]))


@dataclass(frozen=True)
class Direction(_Watched):
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

    def check(self, ledger: Ledger, positions: npt.NDArray[np.int64]) -> None:
        """Accept: every sample of a ledger has a label."""


@dataclass(frozen=True)
class ForwardReturn(_Watched):
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

    def check(self, ledger: Ledger, positions: npt.NDArray[np.int64]) -> None:
        """Refuse samples without a forward return."""
        missing = np.isnan(ledger.target[positions])
        if missing.any():
            names = [ledger.symbols[i] for i in np.unique(ledger.symbol[positions[missing]])]
            raise LabelError(
                f"{missing.sum():,} of {len(positions):,} train and validation samples of {', '.join(names)} have no "
                f"forward return, which this loss learns: their labels (zigzag) give none; take labels=horizon"
            )

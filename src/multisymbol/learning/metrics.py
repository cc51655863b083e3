"""Scores of a classifier from counts that add up: over batches, symbols and processes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """Scores on one set of rows. NaN where there are no rows.

    Args:
        rows: How many.
        log_loss: Mean of -log p(label), nats.
        brier: Mean of sum over classes of (p - 1[label])^2, 0..2.
        macro_f1: Mean F1 over the classes present among labels.
        balanced_accuracy: Mean recall over the classes present among labels.
        mcc: Multi-class Matthews correlation (Gorodkin 2004); 0 where undefined.
        accuracy: Share right; never shown alone.
    """

    rows: int
    log_loss: float
    brier: float
    macro_f1: float
    balanced_accuracy: float
    mcc: float
    accuracy: float


def scores(confusion: npt.NDArray[np.int64], *, log_loss_sum: float, brier_sum: float) -> Scores:
    """Derive scores from counts.

    Args:
        confusion: Rows are labels, columns are decisions (argmax). Shape (C, C).
        log_loss_sum: Sum over rows of -log p(label).
        brier_sum: Sum over rows of the Brier terms.
    """
    raise NotImplementedError

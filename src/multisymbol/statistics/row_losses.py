"""What one forecast lost, in nats, and which part of it on which question: will it move, and if so, which way?

Chain rule: p(label) = p(move or hold) p(side | move), so  total = activity + direction  row by row. A HOLD row asks
no question of direction and loses nothing there; it is kept, with a direction loss of 0, because rows chosen by their
label would be chosen by the future.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from multisymbol.labels.labels import BUY, HOLD, SELL
from multisymbol.learning.metrics import PROBABILITY_FLOOR


@dataclass(frozen=True, kw_only=True, slots=True)
class RowLosses:
    """Log-losses of n forecasts, nats, each 0 or more; total = activity + direction.

    Args:
        total: -log p(label). Shape (n,).
        activity: -log of the probability of a move, or of none, whichever came. Shape (n,).
        direction: -log p(side | move); 0 on HOLD rows. Its mean over ALL rows is the share of moves times the mean
            over moves. Shape (n,).
    """

    total: npt.NDArray[np.float64]
    activity: npt.NDArray[np.float64]
    direction: npt.NDArray[np.float64]


def row_losses(prob: npt.NDArray[np.float64], label: npt.NDArray[np.integer[Any]]) -> RowLosses:
    """Split the log-loss of each forecast.

    Probabilities are raised to `PROBABILITY_FLOOR` before the logarithm, as in every other score.

    Args:
        prob: BUY, HOLD, SELL; rows sum to 1. Shape (n, 3).
        label: 0 BUY, 1 HOLD, 2 SELL. Shape (n,).
    """
    p_label = prob[np.arange(len(label)), label]
    p_activity = np.where(label == HOLD, prob[:, HOLD], prob[:, BUY] + prob[:, SELL])
    total, activity = (-np.log(np.clip(p, PROBABILITY_FLOOR, 1.0)) for p in (p_label, p_activity))
    return RowLosses(total=total, activity=activity, direction=total - activity)

"""More than two arms at once: the model confidence set, and the test for superior predictive ability.

Both account for the number of arms that were tried, and resample whole instants in circular blocks as `bootstrap` does.
"""

# T instant, A arm

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from multisymbol.arrays import Floats
from multisymbol.statistics.bootstrap import block_length
from multisymbol.statistics.mean_tests import require_instants


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfidenceSet:
    """Arms that cannot be distinguished from the best one (Hansen, Lunde, Nason 2011)."""

    arms: tuple[str, ...]  # all arms that were compared
    p: Floats  # p-value of each arm, the smallest level at which it is dropped, shape (A,)
    kept: tuple[str, ...]  # with p above alpha; the best arm is among them with probability 1 - alpha or more
    block: int  # instants per block


def confidence_set(
    losses: Floats, *, arms: Sequence[str], lag: int, draws: int, seed: int, alpha: float
) -> ConfidenceSet:
    """Find the arms that cannot be distinguished from the best.

    Args:
        losses: Mean losses over live symbols and seeds, in order of time. Shape (T, A), A at least 2.
        arms: Names of the arms.
        lag: Number of later instants that a label overlaps.
        draws: Number of resamples.
        seed: Seed for resampling, below 2^32.
        alpha: Level, for example 0.05.

    Raises:
        ComparisonError: Too few instants for the lag.
    """
    from arch.bootstrap import MCS  # takes 2 s to import

    block = _block(losses - losses.mean(axis=1, keepdims=True), lag=lag)
    procedure = MCS(losses, alpha, reps=draws, block_size=block, method="R", bootstrap="circular", seed=seed)
    procedure.compute()
    p = procedure.pvalues["Pvalue"].sort_index().to_numpy(dtype=np.float64, copy=True)
    return ConfidenceSet(arms=tuple(arms), p=p, kept=tuple(np.array(arms)[p > alpha].tolist()), block=block)


def superior_predictive_ability(benchmark: Floats, others: Floats, *, lag: int, draws: int, seed: int) -> float:
    """Return the consistent p-value of "no arm loses less than the benchmark" (SPA test, Hansen 2005).

    Mean losses in order of time: of the benchmark, shape (T,), and of the other arms, shape (T, A). All else as in
    `confidence_set`.
    """
    from arch.bootstrap import SPA

    block = _block(benchmark[:, None] - others, lag=lag)
    procedure = SPA(benchmark, others, block_size=block, reps=draws, bootstrap="circular", seed=seed)
    procedure.compute()
    return float(procedure.pvalues["consistent"])


def _block(differentials: Floats, *, lag: int) -> int:
    require_instants(len(differentials), lag=lag, of="comparison of several arms")
    return max(block_length(column, lag=lag) for column in differentials.T)

"""More than two arms at once: which of them cannot be told from the best, and does any beat a benchmark?

Both questions allow for having looked at all arms, and resample whole instants in circular blocks as `bootstrap` does.
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
    """Arms that cannot be told from the best one (Hansen, Lunde, Nason 2011).

    Args:
        arms: All that were compared.
        p: Of each: the smallest level at which it is dropped. Shape (A,).
        kept: Those whose p is above alpha: the best one is among them with probability 1 - alpha.
        block: Instants per block.
    """

    arms: tuple[str, ...]
    p: Floats
    kept: tuple[str, ...]
    block: int


def confidence_set(
    losses: Floats, *, arms: Sequence[str], lag: int, draws: int, seed: int, alpha: float
) -> ConfidenceSet:
    """Find the arms that are as good as the best.

    Args:
        losses: Mean over live symbols and seeds at each instant, in order of time. Shape (T, A), A at least 2.
        arms: Their names.
        lag: Instants that labels overlap.
        draws: Resamples.
        seed: Of them.
        alpha: Level.

    Raises:
        ComparisonError: Too few instants for the lag.
    """
    from arch.bootstrap import MCS  # takes 2 s to import

    block = _block(losses - losses.mean(axis=1, keepdims=True), lag=lag)
    found = MCS(losses, alpha, reps=draws, block_size=block, method="R", bootstrap="circular", seed=seed)
    found.compute()
    p = found.pvalues["Pvalue"].sort_index().to_numpy(dtype=np.float64, copy=True)
    kept = tuple(arm for arm, own in zip(arms, p, strict=True) if own > alpha)
    return ConfidenceSet(arms=tuple(arms), p=p, kept=kept, block=block)


def superior_predictive_ability(benchmark: Floats, others: Floats, *, lag: int, draws: int, seed: int) -> float:
    """Test whether any of several arms loses less than the benchmark (SPA, Hansen 2005, consistent p).

    Args:
        benchmark: Its loss at each instant. Shape (T,).
        others: Theirs. Shape (T, A).
        lag: Instants that labels overlap.
        draws: Resamples.
        seed: Of them.

    Raises:
        ComparisonError: Too few instants for the lag.
    """
    from arch.bootstrap import SPA

    block = _block(benchmark[:, None] - others, lag=lag)
    found = SPA(benchmark, others, block_size=block, reps=draws, bootstrap="circular", seed=seed)
    found.compute()
    return float(found.pvalues["consistent"])


def _block(differences: Floats, *, lag: int) -> int:
    require_instants(len(differences), lag=lag, of="comparison of several arms")
    return max(block_length(column, lag=lag) for column in differences.T)

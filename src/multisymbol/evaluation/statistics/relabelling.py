"""A/A: how often the primary test sees a difference between arms that are made equal on the very data at hand.

The arms swap names in random blocks of time: the sign of the centred difference changes, everything else stays. A test
of nominal size 5 % should then reject 5 times in 100.
"""

# T instant, k block

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from multisymbol.evaluation.statistics.mean_tests import LAGS_PER_BLOCK, block_edges, diebold_mariano, require_instants

Floats = npt.NDArray[np.float64]
BOUNDS_LEVEL = 0.95


@dataclass(frozen=True, kw_only=True, slots=True)
class Relabelled:
    """Result of the A/A run.

    Args:
        p: Of the primary test, one for each relabelling. Shape (R,).
        alpha: Nominal size.
        share: Of relabellings that were rejected.
        low: Rejections a test of the right size stays above with 95 %, as a share; likewise `high`.
        blocks: In which names were swapped.
    """

    p: Floats
    alpha: float
    share: float
    low: float
    high: float
    blocks: int

    @property
    def within(self) -> bool:
        """Whether the share of rejections is what chance allows a test of the nominal size."""
        return self.low <= self.share <= self.high


def relabelled(series: Floats, *, lag: int, draws: int, seed: int, alpha: float) -> Relabelled:
    """Swap the arms' names at random in blocks of three lags and test each time.

    Few blocks have few sign patterns (2^k), so in short series the draws repeat and the bounds are too narrow.

    Args:
        series: d_t. Shape (T,).
        lag: Instants up to which values overlap.
        draws: R.
        seed: Of the signs.
        alpha: Nominal size.

    Raises:
        ComparisonError: Too few values for the lag.
    """
    require_instants(len(series), lag=lag, of="A/A")
    blocks = len(series) // (LAGS_PER_BLOCK * max(lag, 1))
    lengths = np.diff(block_edges(len(series), blocks=blocks))
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(draws, blocks))
    off = series - series.mean()
    p = np.array([diebold_mariano(off * np.repeat(sign, lengths), lag=lag).p for sign in signs])
    low, high = binomial_bounds(draws, share=alpha)
    return Relabelled(p=p, alpha=alpha, share=float((p <= alpha).mean()), low=low, high=high, blocks=blocks)


def binomial_bounds(draws: int, *, share: float) -> tuple[float, float]:
    """Return between which observed shares 95 % of binomial outcomes lie, ends included, if the true one is `share`."""
    low, high = stats.binom.interval(BOUNDS_LEVEL, draws, share)
    return float(low) / draws, float(high) / draws


def share_interval(hits: int, draws: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a true share after so many hits (Clopper, Pearson 1934)."""
    found = stats.binomtest(hits, draws).proportion_ci(confidence_level=BOUNDS_LEVEL, method="exact")
    return float(found.low), float(found.high)

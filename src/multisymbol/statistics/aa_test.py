"""A/A: how often the primary test sees a difference between arms that are made equal on the very data at hand.

The arms swap names in blocks of time: the sign of the centred difference changes, everything else stays.

How many relabellings a test of the right size rejects is no binomial matter: all are made of the same k block sums,
and whether these happen to be large or small beside the variance at the lag is in every one. With six blocks a right
test rejects none of them in three data sets of ten, and more than a tenth in others. What is to be expected is
therefore found by doing the same to series that suit the test: moving sums of independent normal shocks, as long and
with as long an overlap. The bounds so found are wide in short series; there the check can find only what is far off.
"""

# T instant, k block, R relabelling, W series

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import stats

from multisymbol.arrays import Floats
from multisymbol.statistics.mean_tests import (
    LAGS_PER_BLOCK,
    block_edges,
    diebold_mariano,
    require_instants,
    sign_patterns,
    small_sample,
)

Whole = npt.NDArray[np.int64]
BOUNDS_LEVEL = 0.95
_SUITED, _AT_ONCE = 1000, 1_000_000
"""Series that bounds are found from, and values of them in memory at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AATest:
    """Result of the A/A run.

    Args:
        p: Of the primary test, one for each relabelling. Shape (R,).
        alpha: Nominal size.
        share: Of relabellings that were rejected.
        low: Share that 97.5 % of series that suit the test reach; likewise `high`, which 97.5 % do not exceed.
        blocks: In which names were swapped.
    """

    p: Floats = field(repr=False)
    alpha: float
    share: float
    low: float
    high: float
    blocks: int

    @property
    def within(self) -> bool:
        """Whether the share of rejections is what series of this length give where the test has its size."""
        return self.low <= self.share <= self.high


def run_aa_test(series: Floats, *, lag: int, draws: int, seed: int, alpha: float) -> AATest:
    """Swap the arms' names in blocks of three lags and test each time.

    Args:
        series: d_t. Shape (T,).
        lag: Instants up to which values overlap.
        draws: Relabellings at most; all 2^(k-1) that differ are made where they are no more.
        seed: Of the signs.
        alpha: Nominal size.

    Raises:
        ComparisonError: Too few values for the lag.
    """
    require_instants(len(series), lag=lag, of="A/A")
    (p,) = _p(series[None], lag=lag, signs=_signs(len(series), lag=lag, draws=draws, seed=seed))
    low, high = expected_rates(len(series), lag=lag, draws=draws, seed=seed, alpha=alpha)
    share = float((p <= alpha).mean())
    return AATest(p=p, alpha=alpha, share=share, low=low, high=high, blocks=_blocks(len(series), lag=lag))


@lru_cache(maxsize=64)
def expected_rates(instants: int, *, lag: int, draws: int, seed: int, alpha: float) -> tuple[float, float]:
    """Return between which shares of rejections 95 % of series lie that suit the test, ends included.

    Args:
        instants: T.
        lag: Instants up to which values overlap.
        draws: Relabellings at most, with the same signs as the data's.
        seed: Of the signs.
        alpha: Nominal size.
    """
    signs = _signs(instants, lag=lag, draws=draws, seed=seed)
    shares = np.concatenate([(_p(own, lag=lag, signs=signs) <= alpha).mean(axis=1) for own in _suited(instants, lag)])
    tail = (1 - BOUNDS_LEVEL) / 2
    low, high = np.quantile(shares, tail, method="lower"), np.quantile(shares, 1 - tail, method="higher")
    return float(low), float(high)


def binomial_bounds(draws: int, *, share: float) -> tuple[float, float]:
    """Return between which observed shares 95 % of binomial outcomes lie, ends included, if the true one is `share`."""
    low, high = stats.binom.interval(BOUNDS_LEVEL, draws, share)
    return float(low) / draws, float(high) / draws


def share_interval(hits: int, draws: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a true share after so many hits (Clopper, Pearson 1934)."""
    found = stats.binomtest(hits, draws).proportion_ci(confidence_level=BOUNDS_LEVEL, method="exact")
    return float(found.low), float(found.high)


def _blocks(instants: int, *, lag: int) -> int:
    return instants // (LAGS_PER_BLOCK * max(lag, 1))


def _signs(instants: int, *, lag: int, draws: int, seed: int) -> Floats:
    return sign_patterns(_blocks(instants, lag=lag), most=draws, seed=seed)


def _suited(instants: int, lag: int) -> Iterator[Floats]:
    """Yield moving sums of lag + 1 shocks, always the same, some at a time. Shape (w, T)."""
    generator = np.random.default_rng(0)
    most = max(1, _AT_ONCE // instants)
    for done in range(0, _SUITED, most):
        shape = (min(most, _SUITED - done), instants + lag + 1)
        total = np.cumsum(generator.standard_normal(shape), axis=1)
        yield total[:, lag + 1 :] - total[:, :instants]


def _p(series: Floats, *, lag: int, signs: Floats) -> Floats:
    """Test centred series under each pattern by Diebold-Mariano. Shapes (W, T), (R, k) to (W, R)."""
    n, edges = series.shape[1], block_edges(series.shape[1], blocks=signs.shape[1])
    off = np.where(np.ptp(series, axis=1, keepdims=True) > 0, series - series.mean(axis=1, keepdims=True), 0.0)
    mean = np.add.reduceat(off, edges[:-1], axis=1) @ signs.T / n
    variance = _variances(off, mean, signs, edges=edges, lag=lag)
    positive = variance > 0
    error = np.sqrt(np.where(positive, variance, 1.0) / n / small_sample(n, horizon=lag + 1))
    p: Floats = 2 * stats.t.sf(np.abs(mean) / error, n - 1)
    for one, pattern in np.argwhere(~positive).tolist():  # where the test itself turns to batch means
        p[one, pattern] = diebold_mariano(off[one] * np.repeat(signs[pattern], np.diff(edges)), lag=lag).p
    return p


def _variances(off: Floats, mean: Floats, signs: Floats, *, edges: Whole, lag: int) -> Floats:
    """Return each pattern's long-run variance at the lag, from sums of products within and between blocks.

    With y_t = s_b x_t and m its mean, T LRV = sum over |t - u| <= lag of (y_t - m) (y_u - m). A block is longer than
    the lag, so products reach from a block into the one before and no further, and s^2 = 1 within it.

    Args:
        off: x. Shape (W, T).
        mean: m. Shape (W, R).
        signs: s. Shape (R, k).
        edges: Of the blocks. Shape (k + 1,).
        lag: Of the variance.

    Returns:
        Shape (W, R).
    """
    n, first = off.shape[1], edges[:-1]
    start, end = (np.repeat(each, np.diff(edges)) for each in (first, edges[1:]))
    low, high = np.maximum(np.arange(n) - lag, 0), np.minimum(np.arange(n) + lag + 1, n)
    total = np.pad(np.cumsum(off, axis=1), ((0, 0), (1, 0)))
    within = total[:, np.minimum(high, end)] - total[:, np.maximum(low, start)]
    before = total[:, start] - total[:, np.minimum(low, start)]
    same = (off * within).sum(axis=1, keepdims=True)
    other = 2 * np.add.reduceat(off * before, first, axis=1)[:, 1:] @ (signs[:, 1:] * signs[:, :-1]).T
    neighbours = (high - low).astype(np.float64)
    centring = 2 * mean * (np.add.reduceat(off * neighbours, first, axis=1) @ signs.T) - mean**2 * neighbours.sum()
    variances: Floats = (same + other - centring) / n
    return variances

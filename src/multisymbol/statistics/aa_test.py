"""A/A test: how often the primary test reports a difference between arms that were made equal on these very data.

The arms swap names in blocks of time: the sign of the centred loss differential changes, everything else stays. One
assignment of signs to blocks is a sign pattern; the primary test is run on each.

The share of patterns that a test of correct size rejects is not binomial. All patterns reuse the same k block sums, so
if these happen to be large beside the variance at the lag, they are large in every pattern. With six blocks a correct
test rejects no pattern in three data sets of ten, and more than a tenth of them in others. The expected range is
therefore simulated: the same patterns are applied to series for which the test is correct, moving sums of independent
normal shocks of the same length and overlap. The range is wide in short series, where only gross errors can be found.
"""

# T instant, k block, R sign pattern, W series

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from scipy import stats

from multisymbol.arrays import Floats, Ints
from multisymbol.statistics.mean_tests import (
    LAGS_PER_BLOCK,
    block_edges,
    diebold_mariano,
    require_instants,
    sign_patterns,
    small_sample,
)

BOUNDS_LEVEL = 0.95
_SERIES, _AT_ONCE = 1000, 1_000_000
"""Number of simulated series, and number of their values in memory at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AATest:
    """Result of the A/A test."""

    p: Floats = field(repr=False)  # p-value of the primary test for each sign pattern, shape (R,)
    alpha: float
    share: float  # share of patterns that the test rejects
    low: float  # share that 97.5 % of simulated series reach
    high: float  # share that 97.5 % of simulated series do not exceed
    blocks: int  # number of blocks in which names were swapped

    @property
    def within(self) -> bool:
        """Whether the share of rejections is in the range of series on which the test has its nominal size."""
        return self.low <= self.share <= self.high


def run_aa_test(series: Floats, *, lag: int, draws: int, seed: int, alpha: float) -> AATest:
    """Swap the arms' names in blocks of three lags, and test after each swap.

    Args:
        series: Loss differentials d_t in order of time. Shape (T,).
        lag: Number of neighbours that a value overlaps.
        draws: Largest number of sign patterns; all 2^(k-1) that differ are used if they are no more.
        seed: Seed for the signs.
        alpha: Nominal size.

    Raises:
        ComparisonError: Too few values for the lag.
    """
    require_instants(len(series), lag=lag, of="A/A")
    signs = _signs(len(series), lag=lag, draws=draws, seed=seed)
    (p,) = _p(series[None], lag=lag, signs=signs)
    low, high = expected_rates(len(series), lag=lag, draws=draws, seed=seed, alpha=alpha)
    return AATest(p=p, alpha=alpha, share=float((p <= alpha).mean()), low=low, high=high, blocks=signs.shape[1])


@lru_cache(maxsize=64)
def expected_rates(instants: int, *, lag: int, draws: int, seed: int, alpha: float) -> tuple[float, float]:
    """Return the range that holds the share of rejections of 95 % of simulated series of T instants, ends included.

    The sign patterns are those of `run_aa_test` with the same arguments.
    """
    signs = _signs(instants, lag=lag, draws=draws, seed=seed)
    batches = _simulated(instants, lag)
    shares = np.concatenate([(_p(batch, lag=lag, signs=signs) <= alpha).mean(axis=1) for batch in batches])
    tail = (1 - BOUNDS_LEVEL) / 2
    low, high = np.quantile(shares, tail, method="lower"), np.quantile(shares, 1 - tail, method="higher")
    return float(low), float(high)


def binomial_bounds(draws: int, *, share: float) -> tuple[float, float]:
    """Return the range that holds the observed share of `draws` binomial trials in 95 % of samples, ends included."""
    low, high = stats.binom.interval(BOUNDS_LEVEL, draws, share)
    return float(low) / draws, float(high) / draws


def share_interval(hits: int, draws: int) -> tuple[float, float]:
    """Return the exact 95 % interval of the share of hits (Clopper, Pearson 1934)."""
    interval = stats.binomtest(hits, draws).proportion_ci(confidence_level=BOUNDS_LEVEL, method="exact")
    return float(interval.low), float(interval.high)


def _signs(instants: int, *, lag: int, draws: int, seed: int) -> Floats:
    return sign_patterns(instants // (LAGS_PER_BLOCK * max(lag, 1)), most=draws, seed=seed)


def _simulated(instants: int, lag: int) -> Iterator[Floats]:
    """Yield moving sums of lag + 1 shocks, always the same ones, a batch at a time. Shape (w, T)."""
    generator = np.random.default_rng(0)
    most = max(1, _AT_ONCE // instants)
    for done in range(0, _SERIES, most):
        shape = (min(most, _SERIES - done), instants + lag + 1)
        total = np.cumsum(generator.standard_normal(shape), axis=1)
        yield total[:, lag + 1 :] - total[:, :instants]


def _p(series: Floats, *, lag: int, signs: Floats) -> Floats:
    """Test centred series, shape (W, T), under each sign pattern, shape (R, k), by Diebold-Mariano. Shape (W, R)."""
    n, edges = series.shape[1], block_edges(series.shape[1], blocks=signs.shape[1])
    off = np.where(np.ptp(series, axis=1, keepdims=True) > 0, series - series.mean(axis=1, keepdims=True), 0.0)
    mean = np.add.reduceat(off, edges[:-1], axis=1) @ signs.T / n
    variance = _variances(off, mean, signs, edges=edges, lag=lag)
    positive = variance > 0
    error = np.sqrt(np.where(positive, variance, 1.0) / n / small_sample(n, horizon=lag + 1))
    p: Floats = 2 * stats.t.sf(np.abs(mean) / error, n - 1)
    for one, pattern in np.argwhere(~positive).tolist():  # where the test falls back to batch means
        p[one, pattern] = diebold_mariano(off[one] * np.repeat(signs[pattern], np.diff(edges)), lag=lag).p
    return p


def _variances(off: Floats, mean: Floats, signs: Floats, *, edges: Ints, lag: int) -> Floats:
    """Return the long-run variance at the lag under each sign pattern, without building the R signed series.

    Let y_t = s_b x_t be the signed series and m its mean. Then

        T LRV = sum over |t - u| <= lag of (y_t - m)(y_u - m)
              = sum of y_t y_u  -  2 m sum of y_t n_t  +  m^2 sum of n_t,    n_t: instants within `lag` of t

    A block is at least three lags long, so a product y_t y_u joins instants of the same block, where s^2 = 1 and the
    sign drops out, or of two neighbouring blocks, where it is s_b s_(b-1). Sums per block are computed once; a pattern
    costs k multiplications instead of T (lag + 1). Shapes: x (W, T), m and the variances (W, R), s (R, k).
    """
    n, first = off.shape[1], edges[:-1]
    # Of each instant: first and end of its block, and of its window t - lag .. t + lag, cut at the ends of the series.
    start, end = (np.repeat(each, np.diff(edges)) for each in (first, edges[1:]))
    low, high = np.maximum(np.arange(n) - lag, 0), np.minimum(np.arange(n) + lag + 1, n)
    # Differences of cumulated sums: x summed over the window's part in the own block, and in the block before.
    total = np.pad(np.cumsum(off, axis=1), ((0, 0), (1, 0)))
    within = total[:, np.minimum(high, end)] - total[:, np.maximum(low, start)]
    before = total[:, start] - total[:, np.minimum(low, start)]
    # Each pair of neighbouring blocks is met from the later one only, hence the factor 2.
    same = (off * within).sum(axis=1, keepdims=True)
    other = 2 * np.add.reduceat(off * before, first, axis=1)[:, 1:] @ (signs[:, 1:] * signs[:, :-1]).T
    neighbours = (high - low).astype(np.float64)
    centring = 2 * mean * (np.add.reduceat(off * neighbours, first, axis=1) @ signs.T) - mean**2 * neighbours.sum()
    variances: Floats = (same + other - centring) / n
    return variances

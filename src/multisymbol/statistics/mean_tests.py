"""Tests of mean zero for a series whose neighbours depend on each other.

Three tests for a series d_1 .. d_T whose values up to `lag` apart overlap. All are t-statistics, mean / error:

    Diebold-Mariano      error^2 = (c_0 + 2 sum_{k<=lag} c_k) / T / f,  f = (T + 1 - 2h + h(h-1)/T) / T,  h = lag + 1,
                         T - 1 degrees of freedom (Diebold, Mariano 1995; f: Harvey, Leybourne, Newbold 1997, eq. 9)
    batch means          t-test over the means of k <= 20 blocks of at least 3 lags, k - 1 degrees
    fixed smoothing      error^2 = mean of the first v squared cosine coefficients / T, v degrees (equal-weighted
                         cosines: Lazarus, Lewis, Stock, Watson 2018, eq. 4-5; for forecasts: Coroneo, Iacone 2020)

Diebold-Mariano is the primary test, batch means its cross-check. Far in the tails, where Holm's correction looks,
Diebold-Mariano rejects too often in short series (docs/sizes.md). Tests of many symbols and of equivalence therefore
use fixed smoothing.

Sources: Diebold and Mariano 1995, Comparing Predictive Accuracy; Harvey, Leybourne and Newbold 1997, Testing the
Equality of Prediction Mean Squared Errors; Lazarus, Lewis, Stock and Watson 2018, HAR Inference; Coroneo and Iacone
2020, Comparing Predictive Accuracy in Small Samples Using Fixed-Smoothing Asymptotics.
"""

# T instant, R pattern, k block

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import fft, stats

from multisymbol.arrays import Floats, Ints
from multisymbol.errors import ComparisonError

Method = Literal["diebold_mariano", "batch_means", "fixed_smoothing"]

MOST_BLOCKS = 20
LEAST_BLOCKS = 4
LAGS_PER_BLOCK = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class MeanTest:
    """Result of a t-test of mean zero."""

    method: Method  # test that was made; Diebold-Mariano falls back to batch means where its variance is not positive
    mean: float
    error: float  # standard error of the mean, all corrections included; 0 for a constant series
    freedom: float  # degrees of freedom; not an integer once the variance between seeds is included (`seed_variance`)

    @property
    def statistic(self) -> float:
        """Mean over error; for a constant series 0 where the mean is 0, else infinite."""
        if self.error == 0:
            return 0.0 if self.mean == 0 else math.copysign(math.inf, self.mean)
        return self.mean / self.error

    @property
    def p(self) -> float:
        """Two-sided p-value."""
        return float(2 * stats.t.sf(abs(self.statistic), self.freedom))

    @property
    def p_above(self) -> float:
        """One-sided p-value of mean zero or less, small if the mean is above zero."""
        return float(stats.t.sf(self.statistic, self.freedom))

    def p_equivalent(self, smallest: float) -> float:
        """Return the p-value of two one-sided tests (Schuirmann 1987) of |mean| >= smallest: small means equivalent."""
        off = smallest - abs(self.mean)
        statistic = off / self.error if self.error > 0 else math.copysign(math.inf, off)
        return float(stats.t.sf(statistic, self.freedom))


def least_instants(lag: int) -> int:
    """Return the number of instants the tests need: four blocks of three lags."""
    return LEAST_BLOCKS * LAGS_PER_BLOCK * max(lag, 1)


def instants_problem(instants: int, *, lag: int, of: str, cure: str = "") -> str:
    """Explain why a series, named `of`, is too short for its lag, and the cure; empty if it is long enough."""
    least = least_instants(lag)
    if instants >= least:
        return ""
    return (
        f"{of}: {instants:,} test instants are too few for labels that overlap {lag:,} of them: the tests need "
        f"{least:,} ({LEAST_BLOCKS} blocks of {LAGS_PER_BLOCK} label spans). Make the test span "
        f"{least / max(instants, 1):.1f} times as long, or the labels shorter{cure}"
    )


def require_instants(instants: int, *, lag: int, of: str) -> None:
    """Raise ComparisonError for a series that is too short for its lag, see `instants_problem`."""
    problem = instants_problem(instants, lag=lag, of=of)
    if problem:
        raise ComparisonError(problem)


def diebold_mariano(series: Floats, *, lag: int) -> MeanTest:
    """Test with the long-run variance at `lag`, or with batch means where that variance is not positive.

    Args:
        series: Values in order of time, finite. Shape (T,).
        lag: Number of neighbours that a value overlaps.

    Raises:
        ComparisonError: Too few values for the lag.
    """
    n = len(series)
    require_instants(n, lag=lag, of="Diebold-Mariano")
    constant = np.ptp(series) == 0
    variance = 0.0 if constant else long_run_variance(series, lag=lag)
    if variance <= 0 and not constant:
        return batch_means(series, lag=lag)
    error = math.sqrt(variance / n / small_sample(n, horizon=lag + 1))
    return MeanTest(method="diebold_mariano", mean=float(series.mean()), error=error, freedom=n - 1)


def batch_means(series: Floats, *, lag: int) -> MeanTest:
    """Test with the means of blocks of at least three lags, at most 20 blocks; see `diebold_mariano`.

    Block lengths differ by one value at most; the mean is the mean of the blocks.
    """
    require_instants(len(series), lag=lag, of="batch means")
    blocks = most_blocks(len(series), lag=lag)
    edges = block_edges(len(series), blocks=blocks)
    means = np.add.reduceat(series, edges[:-1]) / np.diff(edges)
    error = 0.0 if np.ptp(series) == 0 else float(means.std(ddof=1)) / math.sqrt(blocks)
    return MeanTest(method="batch_means", mean=float(means.mean()), error=error, freedom=blocks - 1)


def fixed_smoothing(series: Floats, *, lag: int) -> MeanTest:
    """Test with the long-run variance from the v lowest cosine frequencies; see `diebold_mariano`.

    v = 0.4 T^(2/3) as Lazarus et al. recommend, but no frequency above 1 / (4 lag + 4) per instant, a quarter of the
    way to the frequency at which the spectrum of overlapping labels falls to zero.
    """
    n = len(series)
    require_instants(n, lag=lag, of="fixed smoothing")
    freedom = max(2, min(int(0.4 * n ** (2 / 3)), n // (2 * (lag + 1))))
    # Cosine j of length T has frequency j / (2 T). Each squared coefficient estimates the spectrum there, so near zero
    # each is an independent estimate of the long-run variance; v of them make a chi-square, and the t-test exact as T
    # grows with v fixed. Coefficient 0 is the mean itself.
    coefficients = fft.dct(series, norm="ortho")[1 : freedom + 1]
    error = 0.0 if np.ptp(series) == 0 else math.sqrt(float(coefficients @ coefficients) / freedom / n)
    return MeanTest(method="fixed_smoothing", mean=float(series.mean()), error=error, freedom=freedom)


def mean_error(series: Floats, *, lag: int) -> float:
    """Return the standard error of the mean of overlapping values (Newey and West 1987, Bartlett weights).

    Args:
        series: Values in order of time. Shape (T,).
        lag: Number of neighbours a value is correlated with; at most T - 1 are used.
    """
    covariances = autocovariances(series, lag=min(lag, len(series) - 1))
    weights = 1 - np.arange(len(covariances)) / (lag + 1)
    variance = 2 * float((weights * covariances).sum()) - float(covariances[0])
    return math.sqrt(max(variance, 0.0) / len(series))


def autocovariances(series: Floats, *, lag: int) -> Floats:
    """Return the autocovariances c_0 .. c_lag of values in order of time, divisor T, lag below T. Shape (lag + 1,).

    Summed in one thread: BLAS splits long sums, and on a busy machine its threads wait for each other.
    """
    off = series - series.mean()
    n = len(off)
    return np.array([np.einsum("i,i->", off[k:], off[: n - k]) for k in range(lag + 1)]) / n


def long_run_variance(series: Floats, *, lag: int) -> float:
    """Return c_0 + 2 (c_1 + .. + c_lag), without declining weights; may be negative. See `autocovariances`."""
    # Equal weights are unbiased when values more than `lag` apart are independent, as non-overlapping labels are;
    # declining (Bartlett) weights would underestimate the variance. The price is that the sum may be negative.
    covariances = autocovariances(series, lag=lag)
    return float(covariances[0] + 2 * covariances[1:].sum())


def most_blocks(instants: int, *, lag: int) -> int:
    """Return how many blocks of at least three lags fit, at most 20."""
    return min(MOST_BLOCKS, instants // (LAGS_PER_BLOCK * max(lag, 1)))


def block_edges(instants: int, *, blocks: int) -> Ints:
    """Cut 0 .. T into blocks that differ by one instant at most. Shape (blocks + 1,)."""
    return np.arange(blocks + 1) * instants // blocks


def small_sample(instants: int, *, horizon: int) -> float:
    """Return the factor f by which Harvey, Leybourne and Newbold (1997, eq. 9) divide the squared error.

    The horizon is the lag plus 1.
    """
    return (instants + 1 - 2 * horizon + horizon * (horizon - 1) / instants) / instants


def sign_patterns(blocks: int, *, most: int, seed: int) -> Floats:
    """Return sign patterns of k blocks, -1 or 1, for tests by change of sign; the first is all plus. Shape (R, k).

    All 2^(k-1) that differ by more than a common sign are returned if they are no more than `most`, otherwise `most`
    random ones.
    """
    if 2 ** (blocks - 1) <= most:
        # Row r holds the binary digits of r: digit 1 flips the block. The last block never flips.
        bits = np.arange(2 ** (blocks - 1))[:, None] >> np.arange(blocks) & 1
        return np.where(bits, -1.0, 1.0)
    drawn = np.random.default_rng(seed).choice([-1.0, 1.0], size=(most, blocks))
    drawn[0] = 1.0
    return drawn

"""Bootstrap intervals: whole instants are resampled, all symbols together, in circular blocks that keep neighbours.

A statistic is a function of sums over instants, so a resample is a few sums over blocks, read off cumulative sums.

The plain percentile interval is too short: as a test at 5 % it rejects up to 13 % (docs/sizes.md). The default is
studentised and symmetric: the deviation of each resample is divided by the resample's own error, which reflects how few
blocks there are.

Sources: Politis and Romano 1992 (circular blocks); Politis and White 2004 (block length); Hall 1988, Goetze and Kuensch
1996 (studentised block bootstrap).
"""

# T instant, K sum, R resample, b block

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from multisymbol.arrays import Floats
from multisymbol.errors import ComparisonError
from multisymbol.statistics.mean_tests import long_run_variance, require_instants

Functional: TypeAlias = Callable[[Floats], Floats]
"""Function from totals of K sums, shape (R, K), to R values."""
Method = Literal["studentised", "percentile"]

LAGS_PER_BLOCK = 2
_AT_ONCE = 4_000_000
"""Values in memory at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A bootstrap interval; approximate in short series."""

    estimate: float
    low: float
    high: float
    error: float  # standard error of the estimate
    level: float  # nominal coverage, for example 0.95
    block: int  # instants per block
    method: Method

    @property
    def excludes_zero(self) -> bool:
        """Whether both ends are above zero, or both below."""
        return self.low > 0 or self.high < 0


def block_length(series: Floats, *, lag: int) -> int:
    """Return the block length: Politis and White (2004) for circular blocks, at least two lags, at most T / 3."""
    from arch.bootstrap import optimal_block_length  # takes 2 s to import

    least = max(LAGS_PER_BLOCK * lag, 1)
    if np.ptp(series) == 0:
        return least
    best = float(optimal_block_length(series)["circular"].iloc[0])
    return min(max(math.ceil(best) if math.isfinite(best) else 1, least), max(len(series) // 3, least))


def mean_interval(
    series: Floats, *, lag: int, draws: int, seed: int, level: float, method: Method = "studentised"
) -> Interval:
    """Return the interval of the mean of a series, values in order of time, shape (T,); see `functional_interval`."""
    return functional_interval(
        series[:, None],
        functional=lambda totals: totals[:, 0] / len(series),
        lag=lag,
        draws=draws,
        seed=seed,
        level=level,
        method=method,
    )


def functional_interval(
    sums: Floats,
    *,
    functional: Functional,
    lag: int,
    draws: int,
    seed: int,
    level: float,
    method: Method = "studentised",
) -> Interval:
    """Return the interval of a function of totals, such as a difference of balanced accuracies.

    Standard errors come from the slope of the function at the data (delta method): the influence of an instant is the
    slope times its sums.

    Args:
        sums: Contribution of each instant to the totals, all symbols together. Shape (T, K).
        functional: Smooth function of the totals.
        lag: Number of neighbours that an instant depends on.
        draws: Number of resamples, R.
        seed: Seed for resampling.
        level: Coverage.
        method: Studentised, or plain percentiles.

    Raises:
        ComparisonError: Too few instants for the lag, or the function is not finite on the data.
    """
    require_instants(len(sums), lag=lag, of="bootstrap")
    totals = sums.sum(axis=0)
    estimate = float(functional(totals[None])[0])
    if not math.isfinite(estimate):
        message = f"a statistic to be bootstrapped is {estimate} on the data: has every class rows in the test span?"
        raise ComparisonError(message)
    influence = _influence(sums, functional=functional)
    block = block_length(influence, lag=lag)
    drawn, drawn_error = _resample(sums, influence, functional=functional, block=block, draws=draws, seed=seed)
    error = _error(influence, lag=lag, block=block)
    if method == "percentile":
        low, high = np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2]).tolist()
    else:
        off = np.abs(drawn - estimate)
        ratio = np.divide(off, drawn_error, out=np.zeros_like(off), where=drawn_error > 0)
        half = float(np.nanquantile(ratio, level)) * error
        low, high = estimate - half, estimate + half
    return Interval(estimate=estimate, low=low, high=high, error=error, level=level, block=block, method=method)


def balanced_accuracy_sums(
    first: npt.NDArray[np.integer[Any]],
    second: npt.NDArray[np.integer[Any]],
    label: npt.NDArray[np.integer[Any]],
    *,
    instant: npt.NDArray[np.integer[Any]],
    instants: int,
    classes: int,
) -> Floats:
    """Count for each instant and class: rows that the first arm decided correctly, that the second did, all rows.

    Args:
        first: Decisions of the first arm, class numbers. Shape (n,).
        second: Decisions of the second arm. Shape (n,).
        label: Labels, class numbers. Shape (n,).
        instant: Number of each row's instant, 0 .. T-1. Shape (n,).
        instants: Number of instants, T.
        classes: Number of classes, C.

    Returns:
        Counts. Shape (T, 3 C).
    """
    cell, size = instant.astype(np.int64) * classes + label, instants * classes
    chosen = (first == label, second == label, np.ones(len(label), dtype=np.bool_))
    counts = [np.bincount(cell, weights=rows, minlength=size).reshape(instants, classes) for rows in chosen]
    return np.concatenate(counts, axis=1)


def balanced_accuracy_difference(totals: Floats) -> Floats:
    """Return the balanced accuracy of the first arm less that of the second, over the classes that have rows.

    From totals of `balanced_accuracy_sums`, shape (R, 3 C), to differences, -1..1, shape (R,); NaN without rows.
    """
    first, second, rows = np.split(totals, 3, axis=1)
    present = rows > 0
    recall = np.divide(first - second, rows, out=np.zeros_like(rows), where=present)
    count = present.sum(axis=1)
    mean: Floats = np.divide(recall.sum(axis=1), count, out=np.full(len(rows), np.nan), where=count > 0)
    return mean


def _influence(sums: Floats, *, functional: Functional) -> Floats:
    """Return T times the slope along the deviation of each instant.

    The influence has mean 0, and the standard error of its mean is that of the function (delta method).
    """
    totals = sums.sum(axis=0)
    spread = np.sqrt(len(sums)) * sums.std(axis=0)
    # A step of a hundredth of the total's own error: the function is straight there, and rounding does not matter.
    steps = np.where(spread > 0, spread, 1.0) * 1e-2
    up, down = functional(totals + np.diag(steps)), functional(totals - np.diag(steps))
    slope = (up - down) / (2 * steps)
    influence: Floats = len(sums) * ((sums - sums.mean(axis=0)) @ slope)
    return influence


def _error(influence: Floats, *, lag: int, block: int) -> float:
    """Take the larger of two variances: that of circular blocks, which misses products across edges, and at the lag."""
    n = len(influence)
    wrapped = np.concatenate([[0.0], np.cumsum(np.concatenate([influence, influence[:block]]))])
    sums = wrapped[block : block + n] - wrapped[:n]
    of_blocks = float(sums @ sums) / n / block
    return math.sqrt(max(of_blocks, long_run_variance(influence, lag=lag)) / n)


def _resample(
    sums: Floats, influence: Floats, *, functional: Functional, block: int, draws: int, seed: int
) -> tuple[Floats, Floats]:
    """Return the statistic of R resamples, and its error estimated from the blocks of each. Shape (R,) both."""
    n, columns = len(sums), np.column_stack([sums, influence])
    width, blocks = columns.shape[1], -(-n // block)
    # Cumulative sums over the circle, once around and one block further: a block is one difference.
    wrapped = np.concatenate([np.zeros((1, width)), np.cumsum(np.tile(columns, (2, 1))[: n + block], axis=0)])
    lengths = np.full(blocks, block)
    lengths[-1] = n - block * (blocks - 1)
    generator, most = np.random.default_rng(seed), max(1, _AT_ONCE // (blocks * width))
    value, error = [], []
    for done in range(0, draws, most):
        starts = generator.integers(0, n, size=(min(most, draws - done), blocks))
        parts = wrapped[starts + lengths] - wrapped[starts]
        value.append(functional(parts[..., :-1].sum(axis=1)))
        influences = parts[..., -1]
        mean = influences.sum(axis=1, keepdims=True) / n
        variance = np.square(influences - mean * lengths).sum(axis=1) / n * blocks / max(blocks - 1, 1)
        error.append(np.sqrt(variance / n))
    return np.concatenate(value), np.concatenate(error)

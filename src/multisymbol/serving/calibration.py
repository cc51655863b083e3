"""Whether probabilities mean what they say: reliability tables and temperature scaling."""

# n rows, C class

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from multisymbol.arrays import Flags, Floats
from multisymbol.errors import SampleError
from multisymbol.learning.metrics import PROBABILITY_FLOOR

_BETA_RANGE = (0.02, 50.0)
_HALVINGS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Bin:
    """Rows given about the same probability of a class: its mean, and the share of rows in which the class came."""

    rows: int
    predicted: float
    observed: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Reliability:
    """Calibration of one class: bins by `predicted`, and the mean over rows of |predicted - observed| (NaN without)."""

    bins: tuple[Bin, ...]
    error: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Temperature:
    """Temperature scaling, p_c ~ p_c^(1/value) (Guo et al. 2017), with mean log-loss on the rows it was fitted on."""

    value: float
    log_loss_before: float
    log_loss_after: float


def reliability(p: Floats, hit: Flags, *, bins: int) -> Reliability:
    """Table of one class, from its probability and whether it was the label, in at most `bins` bins of equal mass.

    Ties stay together: equal probabilities fall into one bin, so a constant forecast has a single one.
    """
    if len(p) == 0:
        return Reliability(bins=(), error=float("nan"))
    last = (np.arange(1, bins) * len(p) - 1) // bins  # rank of each bin's last row, in whole numbers: k / bins rounds
    edges = np.unique(np.sort(p)[last])
    number = np.searchsorted(edges, p, side="left")
    rows = np.bincount(number)
    filled = rows > 0
    predicted = np.bincount(number, weights=p)[filled] / rows[filled]
    observed = np.bincount(number, weights=hit)[filled] / rows[filled]
    table = zip(rows[filled].tolist(), predicted.tolist(), observed.tolist(), strict=True)
    return Reliability(
        bins=tuple(Bin(rows=count, predicted=said, observed=came) for count, said, came in table),
        error=float(rows[filled] @ np.abs(predicted - observed) / len(p)),
    )


def fit_temperature(prob: Floats, y: npt.NDArray[np.integer[Any]]) -> Temperature:
    """Fit the temperature on validation rows: `prob` has shape (n, C), labels `y` (n,).

    Mean log-loss is convex in b = 1 / temperature, so the sign of its slope leads to the one minimum; b is kept
    within 0.02 .. 50.

    Raises:
        SampleError: No rows.
    """
    if len(y) == 0:
        raise SampleError("temperature scaling needs validation rows, got none; move split.validation_from")
    log_p = np.log(np.maximum(prob, PROBABILITY_FLOOR))
    low, high = _BETA_RANGE
    for _ in range(_HALVINGS):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if _slope(log_p, y, beta=middle) < 0 else (low, middle)
    beta = float(np.sqrt(low * high))
    return Temperature(
        value=1 / beta, log_loss_before=_log_loss(log_p, y, beta=1.0), log_loss_after=_log_loss(log_p, y, beta=beta)
    )


def apply_temperature(prob: Floats, temperature: float) -> Floats:
    """Return p^(1/temperature), rows scaled to sum 1: the same as dividing corrected logits by it. Shape (n, C)."""
    return _powers(np.log(np.maximum(prob, PROBABILITY_FLOOR)), beta=1 / temperature)


def _powers(log_p: Floats, *, beta: float) -> Floats:
    scaled = np.exp(beta * (log_p - log_p.max(axis=1, keepdims=True)))
    powers: Floats = scaled / scaled.sum(axis=1, keepdims=True)
    return powers


def _slope(log_p: Floats, y: npt.NDArray[np.integer[Any]], *, beta: float) -> float:
    """d(mean log-loss)/d(beta): expected minus actual log p."""
    expected = (_powers(log_p, beta=beta) * log_p).sum(axis=1)
    return float(np.mean(expected - log_p[np.arange(len(y)), y]))


def _log_loss(log_p: Floats, y: npt.NDArray[np.integer[Any]], *, beta: float) -> float:
    p = _powers(log_p, beta=beta)[np.arange(len(y)), y]
    return float(-np.mean(np.log(np.maximum(p, PROBABILITY_FLOOR))))

"""The surrogate null: the distribution of a statistic over markets without signal, and what lies beyond it.

A surrogate draw rebuilds bars, features and labels with one random sign per instant for all symbols, so that direction
is unpredictable, and trains and scores everything again. If the real market had no signal either, its statistic would
take any rank among the draws with equal probability. The test by rank is exact for any number of draws.

Sources: Phipson and Smyth 2010, Permutation P-values Should Never Be Zero; Westfall and Young 1993, Resampling-Based
Multiple Testing (single step).
"""

# B draw, K statistic

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from multisymbol.arrays import Floats

LEAST_DRAWS = 20
"""A one-sided test at 5 % needs 19 draws or more: with fewer no p-value is small enough."""
BAND = (0.05, 0.95)
"""Quantiles of the draws that tables and figures show as a band."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SurrogateNull:
    """A statistic on the real market beside its surrogate draws."""

    kind: str  # kind of surrogate, for example `drift kept`
    value: float  # statistic on the real market
    low: float  # 5 % quantile of the draws, i / (B + 1): a further draw lies below it with probability 5 %
    high: float  # 95 % quantile, likewise
    position: float  # share of draws below the value, 0..1
    p_above: float  # one-sided Monte Carlo p-value, (1 + draws not below the value) / (B + 1) (Phipson, Smyth 2010)
    draws: int

    @classmethod
    def of(cls, value: float, draws: Floats, *, kind: str) -> "SurrogateNull":
        """Put a statistic, NaN where it does not exist, beside its draws, shape (B,); NaN draws are left out."""
        known = draws[np.isfinite(draws)]
        count = len(known)
        if count == 0 or math.isnan(value):
            low = high = position = p_above = math.nan
        else:
            low, high = np.quantile(known, BAND, method="weibull").tolist()
            position = float((known < value).mean())
            p_above = (1 + int((known >= value).sum())) / (count + 1)
        return cls(kind=kind, value=value, low=low, high=high, position=position, p_above=p_above, draws=count)

    @property
    def beyond(self) -> float:
        """Signed distance of the value from the nearer quantile; 0 between the two, NaN without value or draws."""
        return self.value - float(np.clip(self.value, self.low, self.high))


def draws_problem(draws: int) -> str:
    """Explain why there are too few surrogate draws for a null; empty if there are enough."""
    if draws >= LEAST_DRAWS:
        return ""
    return (
        f"{draws} surrogate draws are too few: at least {LEAST_DRAWS} of each kind; or say exploratory=true, "
        "which claims nothing"
    )


def beyond_all(nulls: Sequence[SurrogateNull]) -> float:
    """Return the part of a value beyond every null: the smallest part, 0 if signs differ; NaN without nulls."""
    parts = [null.beyond for null in nulls]
    if not parts or any(math.isnan(part) for part in parts):
        return math.nan
    if min(parts) > 0:
        return min(parts)
    return max(parts) if max(parts) < 0 else 0.0


def adjusted_p_above(values: Floats, draws: Floats) -> Floats:
    """Test K statistics at once: is any of them larger than on markets without signal?

    The chance of even one false claim is alpha at most. Each statistic is standardised over the real market and all
    draws together. A real one must exceed the largest of a draw (Westfall, Young 1993, single step). With 20 draws a
    statistic must lie about five deviations out to be found among 40; more draws find smaller ones.

    Args:
        values: Statistics on the real market; NaN stays NaN. Shape (K,).
        draws: The same statistics on each surrogate market; NaN where missing: a statistic is ranked among the draws
            that have it. Shape (B, K).

    Returns:
        Adjusted one-sided p-values. Shape (K,).
    """
    pooled = np.vstack([values, draws])
    known = np.isfinite(pooled)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, pooled, 0.0).sum(axis=0) / count
    off = np.where(known, pooled - mean, np.nan)
    deviation = np.sqrt(np.nansum(np.square(off), axis=0) / count)
    scores = np.divide(off, deviation, out=np.zeros_like(off), where=deviation > 0)
    scores[~known] = -math.inf
    # Ties count against a claim, even where rounding has separated them.
    largest, real = scores[1:].max(axis=1, initial=-math.inf), scores[0] - 1e-9
    comparable = known[1:]
    p = (1 + (comparable & (largest[:, None] >= real)).sum(axis=0)) / (1 + comparable.sum(axis=0))
    return np.where(known[0], p, np.nan)

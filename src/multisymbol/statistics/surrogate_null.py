"""What a number comes to on markets without signal: the surrogate band beside it, and what lies beyond it.

A surrogate draw rebuilds bars, features and labels with one random sign per instant for all symbols, so no
direction can be known, and trains and scores everything again. If the real market were one of them, its number would be
as likely to have any rank among them as any draw's: that is the whole test, exact for any number of draws.
"""

# B draw, K number

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from multisymbol.arrays import Floats

LEAST_DRAWS = 20
"""One-sided at 5 % needs 19 draws at least: with fewer no p can be small enough."""
BAND = (0.05, 0.95)


@dataclass(frozen=True, kw_only=True, slots=True)
class SurrogateNull:
    """A number beside its draws.

    Args:
        kind: Of the surrogate, for example `drift kept`.
        value: On the real market.
        low: 5 % point of the draws, at the plotting position i / (B + 1), so that another draw lies below it with 5 %;
            likewise `high`, the 95 % point.
        position: Share of draws below the value, 0..1.
        p_above: (1 + draws not below the value) / (B + 1), the one-sided Monte Carlo p (Phipson, Smyth 2010).
        draws: B.
    """

    kind: str
    value: float
    low: float
    high: float
    position: float
    p_above: float
    draws: int

    @classmethod
    def of(cls, value: float, draws: Floats, *, kind: str) -> "SurrogateNull":
        """Put a statistic beside its surrogate draws.

        Args:
            value: The statistic on the real market; NaN where it does not exist.
            draws: The same statistic on each surrogate market; NaN draws are left out. Shape (B,).
            kind: Kind of surrogate, for example `drift kept`.
        """
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
        """How far the value lies outside, from the nearer edge, with its sign; 0 inside, NaN without value or draws."""
        return self.value - float(np.clip(self.value, self.low, self.high))


def draws_problem(draws: int) -> str:
    """Say why so few surrogate draws make no band; empty if they are enough."""
    if draws >= LEAST_DRAWS:
        return ""
    return (
        f"{draws} surrogate draws make no band: at least {LEAST_DRAWS} of each kind; or say exploratory=true, "
        "which claims nothing"
    )


def beyond_all(nulls: Sequence[SurrogateNull]) -> float:
    """Return the part of a value beyond every band: the smallest part, 0 if parts differ in sign; NaN without nulls."""
    parts = [own.beyond for own in nulls]
    if not parts or any(math.isnan(part) for part in parts):
        return math.nan
    if min(parts) > 0:
        return min(parts)
    return max(parts) if max(parts) < 0 else 0.0


def adjusted_p_above(values: Floats, draws: Floats) -> Floats:
    """Test K numbers at once: is any of them above what markets without signal give?

    The chance of even one false yes is alpha. Every number is standardised over the real market and all draws together;
    the largest of each draw is what the real ones must exceed (Westfall, Young 1993, single step). With 20 draws a
    number must lie about five deviations out to be seen among 40; more draws see further.

    Args:
        values: On the real market. Shape (K,); NaN stays NaN.
        draws: On each surrogate. Shape (B, K); missing ones are NaN: a number is ranked among those draws that have it.
    """
    pooled = np.vstack([values, draws])
    known = np.isfinite(pooled)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, pooled, 0.0).sum(axis=0) / count
    off = np.where(known, pooled - mean, np.nan)
    deviation = np.sqrt(np.nansum(np.square(off), axis=0) / count)
    scores = np.divide(off, deviation, out=np.zeros_like(off), where=deviation > 0)
    scores[~known] = -math.inf
    # Ties count against the claim, also where rounding has separated them.
    largest, real = scores[1:].max(axis=1, initial=-math.inf), scores[0] - 1e-9
    comparable = known[1:]
    p = (1 + (comparable & (largest[:, None] >= real)).sum(axis=0)) / (1 + comparable.sum(axis=0))
    return np.where(known[0], p, np.nan)

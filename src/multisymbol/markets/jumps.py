"""Jumps: steps between two bars by which a share may have been split, and nobody adjusted the prices before.

A report, not a defect: a price that fell by half overnight looks the same.
"""

from dataclasses import dataclass

import numpy as np

from multisymbol.markets.bars import Bars

_RATIOS = np.array([1.5, *range(2, 51)])
"""Shares after a split for one before; a consolidation is the inverse."""

_FROM_DEVIATIONS = 10.0
_ROUND_DEVIATIONS = 3.0
_NORMAL = 1.4826
"""Median absolute deviation -> standard deviation, of a normal distribution."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Jump:
    """A step from a close to the open after it.

    Args:
        opened_at: Start of the bar after it, UTC ns.
        ratio: Higher price by the lower one, above 1.
        deviations: Its log return in deviations of the symbol's bars.
    """

    opened_at: int
    ratio: float
    deviations: float


def jumps(bars: Bars) -> list[Jump]:
    """Find steps that are far too large for the symbol, and by a ratio that a split has.

    A step counts where its log return is beyond 10 deviations of a bar's, and within 3 of the logarithm of 1.5 or of a
    whole number from 2 to 50. The deviation is 1.4826 times the median absolute return, from close to close, of the
    bars whose price moved: the steps themselves do not raise it. A split lies between bars; a crash of a market that
    never closes lies within one, and is none.
    """
    close = np.log(bars.close)
    moves = np.abs(np.diff(close))
    if not moves.any():
        return []
    deviation = _NORMAL * float(np.median(moves[moves > 0]))
    step = np.abs(np.log(bars.open[1:]) - close[:-1])
    far = np.flatnonzero(step > _FROM_DEVIATIONS * deviation)
    off = np.abs(step[far, None] - np.log(_RATIOS)).min(axis=1)
    return [
        Jump(
            opened_at=int(bars.opened_at[at + 1]),
            ratio=float(np.exp(step[at])),
            deviations=float(step[at] / deviation),
        )
        for at in far[off <= _ROUND_DEVIATIONS * deviation].tolist()
    ]

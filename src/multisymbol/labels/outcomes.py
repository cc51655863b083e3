"""What labels of a return that lies ahead have in common, whatever ends them."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from multisymbol.labels.labels import BUY, HOLD, SELL, UNRESOLVED, SegmentLabels


class Outcomes(NamedTuple):
    """As in `SegmentLabels`; what a compiled function can return. Shape (n,) each."""

    value: npt.NDArray[np.int8]
    resolved_row: npt.NDArray[np.int64]
    target: npt.NDArray[np.float32]


@njit(cache=True)
def unresolved(count: int) -> Outcomes:
    """Return outcomes of `count` bars none of which is known."""
    return Outcomes(
        np.full(count, UNRESOLVED, np.int8), np.full(count, -1, np.int64), np.full(count, np.nan, np.float32)
    )


@njit(cache=True)
def side(moved: float, dead_band: float) -> int:
    """Return the class of a move: HOLD for one of at most `dead_band` up or down."""
    if abs(moved) <= dead_band:
        return HOLD
    return BUY if moved > 0.0 else SELL


def with_rule(outcomes: Outcomes) -> SegmentLabels:
    """Complete outcomes with their no-skill forecast, persistence."""
    rule = persistence(outcomes.value, outcomes.resolved_row)
    return SegmentLabels(value=outcomes.value, resolved_row=outcomes.resolved_row, rule=rule, target=outcomes.target)


@njit(cache=True)
def persistence(value: npt.NDArray[np.int8], resolved_row: npt.NDArray[np.int64]) -> npt.NDArray[np.int8]:
    """Say at each bar what the label of the latest bar was whose label is known at this bar's close.

    That label is of prices up to this bar, and this bar's label is of prices after it: they share no return. On a
    martingale the rule knows nothing of the direction. The label of the bar before is another matter: it shares nearly
    all its bars with this bar's and mostly equals it, but is not known yet.

    Args:
        value: As in `SegmentLabels`. Shape (n,).
        resolved_row: As in `SegmentLabels`; labels may become known in another order than their bars'. Shape (n,).

    Returns:
        Shape (n,); -1 while no label is known.
    """
    resolved = np.full(len(value), -1)  # the latest bar whose label becomes known at this one
    for row in range(len(value)):
        if resolved_row[row] >= 0:
            resolved[resolved_row[row]] = row
    rule = np.full(len(value), UNRESOLVED, np.int8)
    latest = -1
    for row in range(len(value)):
        latest = max(latest, resolved[row])
        if latest >= 0:
            rule[row] = value[latest]
    return rule

"""What labels of a return that lies ahead have in common, whatever ends them.

Called from Python, never from a compiled function elsewhere: one that lies compiled on disk does not notice when a
function that it calls in another file has changed.
"""

import numpy as np
from numba import njit

from multisymbol.arrays import Codes, Floats, Ints
from multisymbol.labels.labels import BUY, HOLD, SELL, UNRESOLVED, SegmentLabels


@njit(cache=True)
def side(moved: Floats, dead_band: float) -> Codes:
    """Return the class of each move: HOLD for one of at most `dead_band` up or down, unresolved for NaN. Shape (n,)."""
    value = np.full(len(moved), UNRESOLVED, np.int8)
    for row in range(len(moved)):
        if abs(moved[row]) <= dead_band:
            value[row] = HOLD
        elif moved[row] > 0.0:
            value[row] = BUY
        elif moved[row] < 0.0:
            value[row] = SELL
    return value


def with_rule(*, value: Codes, resolved_row: Ints, moved: Floats) -> SegmentLabels:
    """Complete labels with their no-skill forecast, persistence; the move is their target. Shape (n,) each."""
    rule = persistence(value, resolved_row)
    return SegmentLabels(value=value, resolved_row=resolved_row, rule=rule, target=moved.astype(np.float32))


@njit(cache=True)
def persistence(value: Codes, resolved_row: Ints) -> Codes:
    """Say at each bar what the label of the latest bar was whose label is known at this bar's close. Shape (n,).

    That label is of prices up to this bar, and this bar's label is of prices after it: they share no return. On a
    martingale the rule knows nothing of the direction. The label of the bar before is another matter: it shares nearly
    all its bars with this bar's and mostly equals it, but is not known yet. Where labels end when something happens,
    the latest known one ended early: the rule says HOLD less often than labels do. -1 while no label is known.
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

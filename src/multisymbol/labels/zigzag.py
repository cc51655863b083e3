r"""ZigZag: every bar is labelled with the direction of the leg it lies in, and turning points with HOLD.

        H            A leg ends at the extreme from which the close has come back by the threshold.
       / \           Going up: BUY. Going down: SELL. The turns themselves: HOLD.
      B   S
     /     S   B     A label becomes known when the close makes a new extreme (the bars up to it belong to the leg),
    H       \ /      or has come back by the threshold (the extreme was the turn, the bars since it belong to the
             H       new leg). Until then it is unresolved, and unresolved is not HOLD.

Such labels look predictable on pure noise: the retracement rule names the leg of three bars in four on a random walk,
and nothing can be earned by it. So every label comes with that rule's answer, to be compared with.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numba import njit

from multisymbol.arrays import Codes, Floats, Ints
from multisymbol.errors import LabelError, require_fields
from multisymbol.labels.labels import BUY, HOLD, SELL, UNRESOLVED, SegmentLabels
from multisymbol.labels.volatility import trailing_deviation
from multisymbol.markets.bars import Bars

Threshold: TypeAlias = Literal["percent", "volatility"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ZigZag:
    """Labels of ZigZag legs on closes.

    The first bar that has a threshold is the first extreme; the first close that differs from it by the threshold sets
    the direction. An equal close does not move an extreme. Changes are relative to the extreme, (p - E) / E.

    Args:
        threshold: What ends a leg: `percent`, a fixed change, or `volatility`, a number of the symbol's own deviations.
        percent: With `percent`: the change in percent, above 0 and below 100.
        sigmas: With `volatility`: the change in standard deviations of log returns per bar, above 0.
        volatility_bars: With `volatility`: returns in the deviation, 2 or more. Each bar's is of the returns up to it,
            and the smallest since the extreme counts: one wild bar (the franc's of 15 January 2015, AIG's of 2008)
            would otherwise set a threshold that no price ever reaches, and leave years unresolved. A deviation of 0 is
            passed over. Bars before the first deviation stay unresolved and have no rule.

    Raises:
        LabelError: A value is out of its range; all problems at once.
    """

    threshold: Threshold
    percent: float
    sigmas: float
    volatility_bars: int

    def __post_init__(self) -> None:
        require_fields(
            LabelError,
            self,
            "zigzag",
            ("threshold", self.threshold in get_args(Threshold), f"one of {', '.join(get_args(Threshold))}"),
            ("percent", 0.0 < self.percent < 100.0, "a number above 0 and below 100 (2.0 is 2 %)"),
            ("sigmas", 0.0 < self.sigmas < np.inf, "a number above 0"),
            ("volatility_bars", self.volatility_bars >= 2, "2 or more bars"),
        )

    def label(self, bars: Bars, stretch: slice) -> SegmentLabels:
        """Label the bars of `stretch`, using those and no others.

        Everything still pending at the end of the stretch is unresolved. The rule at a bar uses closes up to it: the
        leg's direction while less than half the threshold has been given back, else the opposite.
        """
        close = bars.close[stretch]
        legs = _legs(close, self.thresholds(close))
        no_target = np.full(len(close), np.nan, dtype=np.float32)  # a leg has no horizon to scale a return by
        return SegmentLabels(value=legs.value, resolved_row=legs.resolved_row, rule=legs.rule, target=no_target)

    def thresholds(self, close: Floats) -> Floats:
        """Return the relative change each bar's volatility asks for; NaN where it is not known yet. Shape (n,)."""
        if self.threshold == "percent":
            return np.full(len(close), self.percent / 100.0)
        scaled: Floats = self.sigmas * trailing_deviation(close, self.volatility_bars)
        return scaled


class _Legs(NamedTuple):
    """As in `SegmentLabels`; what a compiled function can return."""

    value: Codes
    resolved_row: Ints
    rule: Codes


@njit(cache=True)
def _legs(close: Floats, thresholds: Floats) -> _Legs:
    """Walk the closes once; at each bar, resolve what its close makes known. Shape (n,) each."""
    n = len(close)
    value = np.full(n, UNRESOLVED, np.int8)
    resolved_row = np.full(n, -1, np.int64)
    rule = np.full(n, UNRESOLVED, np.int8)
    extreme = 0
    while extreme < n and not thresholds[extreme] > 0.0:
        extreme += 1
    if extreme == n:
        return _Legs(value, resolved_row, rule)
    threshold = thresholds[extreme]
    direction = 0
    for row in range(extreme + 1, n):
        if 0.0 < thresholds[row] < threshold:
            threshold = thresholds[row]
        change = (close[row] - close[extreme]) / close[extreme]
        if direction == 0:
            reverses = abs(change) >= threshold
            extends = False
        else:
            extends = direction * change > 0.0
            reverses = direction * change <= -threshold
        if extends or reverses:
            if reverses:
                direction = 1 if change > 0.0 else -1
            leg = BUY if direction > 0 else SELL
            value[extreme] = HOLD if reverses else leg
            value[extreme + 1 : row] = leg
            resolved_row[extreme:row] = row
            extreme = row
            if thresholds[row] > 0.0:
                threshold = thresholds[row]
        if direction != 0:
            given_back = direction * (close[extreme] - close[row]) / close[extreme]
            upward = (direction > 0) == (given_back < threshold / 2.0)
            rule[row] = BUY if upward else SELL
    return _Legs(value, resolved_row, rule)

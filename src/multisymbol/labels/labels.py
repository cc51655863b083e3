"""Labels: a value per bar and the instant it became known."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from multisymbol.arrays import Codes, Ints, Singles
from multisymbol.markets.bars import Bars
from multisymbol.markets.time import NEVER, Instants

CLASSES = ("BUY", "HOLD", "SELL")
BUY, HOLD, SELL = 0, 1, 2
UNRESOLVED = -1
"""Value of a label that is not known yet, and of a rule that says nothing: missing, never HOLD."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentLabels:
    """Labels of one uninterrupted stretch of n bars.

    Args:
        value: 0 BUY, 1 HOLD, 2 SELL, -1 unresolved. int8, shape (n,).
        resolved_row: Row, within the stretch, of the bar at whose close the label became known; -1. int64, shape (n,).
        rule: What the labels' own mechanics say at the bar's close, with nothing learned (for ZigZag the retracement
            rule): the no-skill forecast. A class or -1. int8, shape (n,).
        target: What a regression learns: log return from the bar's close to the resolving bar's, in units of the
            volatility of the labeller's whole horizon as known at the bar's close. Known when the label is; NaN where
            the label is unresolved or the labeller has no such return. float32, shape (n,).
    """

    value: Codes
    resolved_row: Ints
    rule: Codes
    target: Singles


class Labeller(Protocol):
    """Makes labels from the bars of one uninterrupted stretch."""

    def label(self, bars: Bars, stretch: slice) -> SegmentLabels:
        """Label the bars of `stretch`, using those and no others."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Labels:
    """Labels of all bars of one symbol, shape (n,) each: as in `SegmentLabels`, but for `resolved_at`.

    Args:
        resolved_at: `closed_at` of the resolving bar; NEVER where unresolved.
    """

    value: Codes
    resolved_at: Instants
    rule: Codes
    target: Singles


def label_bars(bars: Bars, labeller: Labeller) -> Labels:
    """Label each stretch of `bars` by itself.

    What is pending at the end of a stretch stays unresolved: no price beyond a gap resolves it.
    """
    value = np.full(len(bars), UNRESOLVED, dtype=np.int8)
    resolved_at = np.full(len(bars), NEVER, dtype=np.int64)
    rule = np.full(len(bars), UNRESOLVED, dtype=np.int8)
    target = np.full(len(bars), np.nan, dtype=np.float32)
    for stretch in bars.segments():
        labels = labeller.label(bars, stretch)
        known = labels.value != UNRESOLVED
        value[stretch], rule[stretch], target[stretch] = labels.value, labels.rule, labels.target
        resolved_at[stretch][known] = bars.closed_at[stretch][labels.resolved_row[known]]
    return Labels(value=value, resolved_at=resolved_at, rule=rule, target=target)


def class_shares(labels: Codes) -> tuple[float, float, float]:
    """Return the shares of BUY, HOLD and SELL among resolved labels, of any shape; all 0 where none is resolved."""
    known = labels[labels != UNRESOLVED]
    buy, hold, sell = np.bincount(known, minlength=len(CLASSES)) / max(len(known), 1)
    return float(buy), float(hold), float(sell)

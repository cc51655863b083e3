"""Ledgers of hourly samples, told apart by their hour."""

from collections.abc import Sequence

import numpy as np

from multisymbol.markets.time import HOUR, Instants, iso
from multisymbol.samples.fold import FoldAssignment
from multisymbol.samples.ledger import Ledger
from tests.samples.worlds import START, hand_ledger


def hours(*values: int) -> Instants:
    return START + HOUR * np.array(values, dtype=np.int64)


def at(hour: int) -> str:
    return iso(START + HOUR * hour)


def steady(first: int, last: int, *, span: int = 1, window: int = 0) -> Ledger:
    """One sample an hour, its label known `span` hours later, its window begun `window` hours before."""
    decided_at = hours(*range(first, last))
    return hand_ledger(
        [0] * len(decided_at),
        window_start=decided_at - window * HOUR,
        decided_at=decided_at,
        resolved_at=decided_at + span * HOUR,
    )


def together(*ledgers: Ledger, asset_classes: Sequence[str] | None = None) -> Ledger:
    """One symbol after another."""
    return hand_ledger(
        np.repeat(np.arange(len(ledgers), dtype=np.int32), [len(own) for own in ledgers]),
        window_start=np.concatenate([own.window_start for own in ledgers]),
        decided_at=np.concatenate([own.decided_at for own in ledgers]),
        resolved_at=np.concatenate([own.resolved_at for own in ledgers]),
        asset_classes=asset_classes,
    )


def hours_in(parts: FoldAssignment, part: int, *, ledger: Ledger) -> list[int]:
    """Hours of the first symbol's samples in a part."""
    own = (parts.part == part) & (ledger.symbol == 0)
    found: list[int] = ((ledger.decided_at[own] - START) // HOUR).tolist()
    return found

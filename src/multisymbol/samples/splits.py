"""Folds: cuts in time at instants common to all symbols, purged by when labels became known."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from multisymbol.markets.instants import Timeframe
from multisymbol.samples.ledger import Ledger

PURGED, TRAIN, VALIDATION, TEST = -1, 0, 1, 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Fold:
    """One cut (METHOD 3a), instants in UTC.

    Train: resolved_at < validation_from - embargo. Validation: decided_at >= validation_from and
    resolved_at < test_from - embargo. Test: test_from <= decided_at < test_until.

    Args:
        name: For tables and pictures.
        validation_from: A.
        test_from: B.
        test_until: C, NEVER for the end of the data.
        embargo_ns: e, nanoseconds.
    """

    name: str
    validation_from: int
    test_from: int
    test_until: int
    embargo_ns: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldCount:
    """One symbol's samples in a fold. role: `trained`, `trains only` or `unseen` (scored, never trained on)."""

    symbol: str
    train: int
    validation: int
    test: int
    purged: int
    role: Literal["trained", "trains only", "unseen", "unused"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """A ledger cut by a fold.

    Args:
        fold: The cut.
        part: PURGED, TRAIN, VALIDATION or TEST for each ledger row. int8, shape (M,).
        counts: Per symbol, in the ledger's order.
    """

    fold: Fold
    part: npt.NDArray[np.int8]
    counts: tuple[FoldCount, ...]

    def positions(self, part: int) -> npt.NDArray[np.int64]:
        """Ledger positions in one part, ascending."""
        return np.flatnonzero(self.part == part)


@dataclass(frozen=True, kw_only=True, slots=True)
class SingleCut:
    """One train/validation/test cut: `conf/split/single_cut.yaml`.

    Args:
        validation_from: Instant A as ISO text; None: `validation_share` of the universe's span of time before B.
        test_from: Instant B; None: the last `test_share` of the span.
        test_until: Instant C; None: the end of the data.
        validation_share: Share of TIME (first to last decided_at over all symbols), never of rows.
        test_share: Likewise.
        embargo_bars: Embargo in bars of the timeframe.
        absent: What to do with a symbol without train or without test samples: `refuse`, or `allow`: it then only
            trains, or is scored as unseen.
    """

    validation_from: str | None
    test_from: str | None
    test_until: str | None
    validation_share: float
    test_share: float
    embargo_bars: int
    absent: Literal["refuse", "allow"]

    def folds(self, ledger: Ledger, *, timeframe: Timeframe) -> tuple[Parts, ...]:
        """Cut the ledger; a tuple of one.

        Raises:
            SplitError: Cuts out of order, a part empty, a symbol absent under `refuse` (all of them listed, with the
                instants and the symbol's own span), or a train span that meets a test span (invariant 3, always asserted).
        """
        raise NotImplementedError

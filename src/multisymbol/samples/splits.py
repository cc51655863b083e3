"""Folds: cuts in time at instants common to all symbols, purged by when labels became known."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from multisymbol.errors import LabelError, SplitError
from multisymbol.labels.labels import CLASSES
from multisymbol.markets.instants import NEVER, Timeframe, instant, iso
from multisymbol.samples.ledger import Ledger

PURGED, TRAIN, VALIDATION, TEST = -1, 0, 1, 2
"""Parts of a fold. PURGED: in none, because its label reaches over a cut or it lies after the test part."""

Role = Literal["trained", "trains only", "unseen", "unused"]


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
    """One symbol's samples in a fold.

    Args:
        symbol: Whose.
        train: Samples trained on.
        validation: Samples that choose the epoch.
        test: Samples scored.
        purged: Samples in none of these.
        role: `trained` (train and test), `trains only`, `unseen` (scored, never trained on), `unused` (neither).
    """

    symbol: str
    train: int
    validation: int
    test: int
    purged: int
    role: Role


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

    def positions_by_symbol(self, part: int, *, ledger: Ledger) -> list[npt.NDArray[np.int64]]:
        """Ledger positions in one part, ascending, for each symbol of the ledger."""
        positions = self.positions(part)
        borders = np.searchsorted(ledger.symbol[positions], np.arange(1, len(ledger.symbols)))
        return np.split(positions, borders)


@dataclass(frozen=True, kw_only=True, slots=True)
class SingleCut:
    """One train/validation/test cut: `conf/split/single_cut.yaml`.

    Args:
        validation_from: Instant A as ISO text; None: `validation_share` of the universe's span of time, just before B.
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

    def __post_init__(self) -> None:
        problems = [
            f"{name}={share} must lie between 0 and 1"
            for name, share in (("validation_share", self.validation_share), ("test_share", self.test_share))
            if not 0 < share < 1
        ]
        if self.embargo_bars < 0:
            problems.append(f"embargo_bars={self.embargo_bars} must not be negative")
        if self.absent not in {"refuse", "allow"}:
            problems.append(f"absent={self.absent} must be refuse or allow")
        if problems:
            raise SplitError("\n".join(f"split: {problem}" for problem in problems))

    def folds(self, ledger: Ledger, *, timeframe: Timeframe) -> tuple[Parts, ...]:
        """Cut the ledger; a tuple of one.

        Raises:
            SplitError: Cuts out of order, a part empty, a symbol absent under `refuse` (all of them listed, with the
                instants and the symbol's own span), or a train span that meets a test span (invariant 3, always
                asserted).
        """
        parts = cut(ledger, fold=self._fold(ledger, timeframe=timeframe))
        check_disjoint(ledger, parts)
        if self.absent == "refuse":
            check_present(ledger, parts)
        return (parts,)

    def _fold(self, ledger: Ledger, *, timeframe: Timeframe) -> Fold:
        first, last = int(ledger.decided_at.min()), int(ledger.decided_at.max())
        span = last - first
        test_from = last - round(self.test_share * span) if self.test_from is None else instant(self.test_from)
        validation_from = test_from - round(self.validation_share * span)
        if self.validation_from is not None:
            validation_from = instant(self.validation_from)
        return Fold(
            name="single cut",
            validation_from=validation_from,
            test_from=test_from,
            test_until=NEVER if self.test_until is None else instant(self.test_until),
            embargo_ns=self.embargo_bars * timeframe.nanoseconds,
        )


def cut(ledger: Ledger, *, fold: Fold) -> Parts:
    """Put each sample of the ledger into its part of the fold.

    Raises:
        SplitError: Cuts out of order, or a part empty.
    """
    if not fold.validation_from < fold.test_from < fold.test_until:
        message = f"the cuts are out of order: {_cuts(fold)}; each must lie before the next"
        raise SplitError(message)
    train = ledger.resolved_at < fold.validation_from - fold.embargo_ns
    validation = ledger.decided_at >= fold.validation_from
    validation &= ledger.resolved_at < fold.test_from - fold.embargo_ns
    test = (ledger.decided_at >= fold.test_from) & (ledger.decided_at < fold.test_until)
    part = np.full(len(ledger), PURGED, dtype=np.int8)
    for value, chosen in ((TRAIN, train), (VALIDATION, validation), (TEST, test)):
        part[chosen] = value
    parts = Parts(fold=fold, part=part, counts=_counts(ledger, part=part))
    _check_parts(ledger, parts)
    return parts


def check_disjoint(ledger: Ledger, parts: Parts) -> None:
    """Assert invariant 3 over all symbols: no span [decided_at, resolved_at] of a part meets one of a later part.

    Enough for cuts in time: the last label of a part was known before the first decision of any later one.

    Raises:
        SplitError: It does not hold; with the two instants.
    """
    names = ("train", "validation", "test")
    for earlier, later in ((TRAIN, VALIDATION), (VALIDATION, TEST), (TRAIN, TEST)):
        known = int(ledger.resolved_at[parts.part == earlier].max(initial=-NEVER))
        decided = int(ledger.decided_at[parts.part == later].min(initial=NEVER))
        if known >= decided:
            message = (
                f"{names[earlier]} lets the future in: a label known at {iso(known)}, but {names[later]} begins at "
                f"{iso(decided)}; cut at instants common to all symbols and purge by when labels became known"
            )
            raise SplitError(message)


def check_present(ledger: Ledger, parts: Parts) -> None:
    """Check that every symbol has train and test samples.

    Raises:
        SplitError: Lists all that have not, with their spans.
    """
    absent = [index for index, count in enumerate(parts.counts) if count.role != "trained"]
    if not absent:
        return
    names = ",".join(parts.counts[index].symbol for index in absent)
    lines = [
        f"{len(absent)} of {len(parts.counts)} symbols have no train or no test samples ({_cuts(parts.fold)}):",
        *(_absence(ledger, parts.counts[index], index=index) for index in absent),
        "let them train only or be scored as unseen (split.absent=allow), choose other instants, "
        f"or leave them out (symbols.without=[{names}])",
    ]
    raise SplitError("\n".join(lines))


def check_classes(ledger: Ledger, parts: Parts) -> None:
    """Check that every class of labels is among the train samples: what is never shown cannot be learned.

    Raises:
        LabelError: A class is absent; with the counts of all.
    """
    counts = np.bincount(ledger.label[parts.part == TRAIN], minlength=len(CLASSES))
    absent = [name for name, count in zip(CLASSES, counts, strict=True) if count == 0]
    if absent:
        table = ", ".join(f"{name} {count:,}" for name, count in zip(CLASSES, counts.tolist(), strict=True))
        message = (
            f"no train sample is labelled {' or '.join(absent)} (train labels: {table}); "
            "take another label threshold, or a longer train part"
        )
        raise LabelError(message)


def _counts(ledger: Ledger, *, part: npt.NDArray[np.int8]) -> tuple[FoldCount, ...]:
    table = np.bincount(ledger.symbol * np.int64(4) + part + 1, minlength=4 * len(ledger.symbols)).reshape(-1, 4)
    return tuple(
        FoldCount(symbol=name, train=train, validation=validation, test=test, purged=purged, role=_role(train, test))
        for name, (purged, train, validation, test) in zip(ledger.symbols, table.tolist(), strict=True)
    )


def _role(train: int, test: int) -> Role:
    if train and test:
        return "trained"
    if train:
        return "trains only"
    return "unseen" if test else "unused"


def _check_parts(ledger: Ledger, parts: Parts) -> None:
    empty = [
        name
        for value, name in ((TRAIN, "train"), (VALIDATION, "validation"), (TEST, "test"))
        if not (parts.part == value).any()
    ]
    if empty:
        first, last = int(ledger.decided_at.min()), int(ledger.decided_at.max())
        message = (
            f"{' and '.join(empty)} would be empty: {_cuts(parts.fold)}, embargo {parts.fold.embargo_ns / 3.6e12:g} h, "
            f"but the samples were decided from {iso(first)} to {iso(last)} and a label counts from when it became "
            "known; choose other instants or shares (split)"
        )
        raise SplitError(message)


def _cuts(fold: Fold) -> str:
    return f"validation from {iso(fold.validation_from)}, test from {iso(fold.test_from)} until {iso(fold.test_until)}"


def _absence(ledger: Ledger, count: FoldCount, *, index: int) -> str:
    decided_at = ledger.decided_at[ledger.symbol == index]
    span = "no samples" if len(decided_at) == 0 else f"{iso(int(decided_at[0]))} .. {iso(int(decided_at[-1]))}"
    return f"  {count.symbol}: {span}, train {count.train:,}, validation {count.validation:,}, test {count.test:,}"

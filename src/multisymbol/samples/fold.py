"""Folds: cuts in time at instants common to all symbols, purged by when labels became known.

    one cut           train ........|e validation ..|e test .....
    combinatorial     train ..|e test ..|e train ........|e test ..|e train ..|e validation ..    (combinatorial.py)

The e is the embargo. Walk-forward (walk_forward.py) is one cut after another; left_out.py leaves symbols out of a cut.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from multisymbol.errors import LabelError, SplitError
from multisymbol.labels.labels import CLASSES
from multisymbol.markets.time import NEVER, Timeframe, iso
from multisymbol.samples.ledger import Ledger, SymbolCount

PURGED, TRAIN, VALIDATION, TEST = -1, 0, 1, 2
"""Parts of a fold. PURGED: in none, because its label reaches over a cut or it lies after the test part."""

Role = Literal["trained", "trains only", "unseen", "unused"]
Absent = Literal["refuse", "allow"]


class Span(NamedTuple):
    """From `start` on, before `stop`."""

    start: int
    stop: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Fold:
    """One cut, instants in UTC.

    Train: train_from <= decided_at and resolved_at < validation_from - embargo. Validation: decided_at >=
    validation_from. Test: decided_at in a test span. Train and validation also keep clear of each test span: they are
    known, resolved_at < its start - embargo; or, in a combinatorial fold, they begin after it, window_start > the last
    resolved_at of its samples + embargo. Nothing is decided or known at or after the seal.

    Args:
        name: For tables and pictures; unique among the folds of a split.
        validation_from: A. All train samples lie before it.
        test_from: B, the start of the first test span.
        test_until: C, the end of the last one; NEVER for the end of the data.
        embargo_ns: e, nanoseconds.
        train_from: Where a rolling train part begins.
        blocks: The test spans of a combinatorial fold, in order; empty: one from B to C, and nothing after it is used.
        left_out: Symbols that neither train nor validate; where there are some, they alone are tested.
        sealed_from: Start of the time that is kept for the end.
    """

    name: str
    validation_from: int
    test_from: int
    test_until: int
    embargo_ns: int
    train_from: int = -NEVER
    blocks: tuple[Span, ...] = ()
    left_out: tuple[str, ...] = ()
    sealed_from: int = NEVER

    @property
    def test_spans(self) -> tuple[Span, ...]:
        """Where the test samples are decided."""
        return self.blocks or (Span(self.test_from, self.test_until),)


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
        sealed: Of the purged, those that are not known before the seal.
    """

    symbol: str
    train: int
    validation: int
    test: int
    purged: int
    role: Role
    sealed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldAssignment:
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

    def without(self, indices: Sequence[int], *, ledger: Ledger) -> "FoldAssignment":
        """Return it with all samples of some symbols in no part."""
        part = np.where(np.isin(ledger.symbol, indices), np.int8(PURGED), self.part)
        sealed = ledger.resolved_at >= self.fold.sealed_from
        return FoldAssignment(fold=self.fold, part=part, counts=_counts(ledger, part=part, sealed=sealed))


class Split(Protocol):
    """A file in `conf/split`.

    Every split has `embargo_bars`; `absent`, what to do with a symbol without train or without test samples in a fold:
    `refuse`, or `allow`: it then only trains, or is scored as unseen; and `sealed_from`, an instant as ISO text, or
    None. No fold decides or knows anything at or after the seal: what lies there is counted, and kept for `opened`.
    """

    @property
    def sealed_from(self) -> str | None:
        """Start of the sealed span."""
        ...

    def folds(self, ledger: Ledger, *, timeframe: Timeframe) -> tuple[FoldAssignment, ...]:
        """Cut the ledger into train, validation and test, once per fold, in order of time.

        Raises:
            SplitError: Cuts out of order, out of the data or into the sealed span, a part empty, a symbol absent under
                `refuse`, or a train span that meets a test span (invariant 3, always asserted). All folds' problems at
                once.
        """
        ...

    def opened(self, ledger: Ledger, *, timeframe: Timeframe) -> tuple[FoldAssignment, ...]:
        """Cut the ledger so that the sealed span is the test: once, for the question that was asked before.

        Raises:
            SplitError: As `folds`; or nothing is sealed.
        """
        ...


def cut_all(ledger: Ledger, folds: Iterable[Fold], *, absent: Absent) -> tuple[FoldAssignment, ...]:
    """Cut the ledger by each fold and check what comes out.

    Raises:
        SplitError: See Split; the problems of all folds.
    """
    parts, problems = [], []
    for fold in folds:
        try:
            parts.append(cut(ledger, fold=fold))
            check_disjoint(ledger, parts[-1])
            if absent == "refuse":
                check_present(ledger, parts[-1])
        except SplitError as error:
            problems.append(str(error))
    refuse_split(problems)
    return tuple(parts)


def cut(ledger: Ledger, *, fold: Fold) -> FoldAssignment:
    """Put each sample of the ledger into its part of the fold.

    Raises:
        SplitError: Cuts out of order or in the sealed span, or a part empty.
    """
    _check_cuts(fold)
    unsealed = ledger.resolved_at < fold.sealed_from
    left_out = np.isin(ledger.symbols, fold.left_out)[ledger.symbol]
    test = unsealed & _decided_in(ledger, fold.test_spans)
    if fold.left_out:
        test &= left_out
    usable = unsealed & ~left_out & _clear_of_test(ledger, fold=fold, test=test)
    train = usable & (ledger.decided_at >= fold.train_from)
    train &= ledger.resolved_at < fold.validation_from - fold.embargo_ns
    part = np.full(len(ledger), PURGED, dtype=np.int8)
    part[usable & (ledger.decided_at >= fold.validation_from)] = VALIDATION
    part[train] = TRAIN
    part[test] = TEST
    parts = FoldAssignment(fold=fold, part=part, counts=_counts(ledger, part=part, sealed=~unsealed))
    _check_parts(ledger, parts)
    return parts


def _decided_in(ledger: Ledger, spans: Iterable[Span]) -> npt.NDArray[np.bool_]:
    inside = np.zeros(len(ledger), dtype=np.bool_)
    for start, stop in spans:
        inside |= (ledger.decided_at >= start) & (ledger.decided_at < stop)
    return inside


def _clear_of_test(ledger: Ledger, *, fold: Fold, test: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Tell which samples are known before each test span or, in a combinatorial fold, begin after it is known."""
    clear = np.ones(len(ledger), dtype=np.bool_)
    for span in fold.test_spans:
        beside = ledger.resolved_at < span.start - fold.embargo_ns
        if fold.blocks:
            known = ledger.resolved_at[test & _decided_in(ledger, [span])].max(initial=-NEVER)
            beside |= ledger.window_start > known + fold.embargo_ns
        clear &= beside
    return clear


def check_disjoint(ledger: Ledger, parts: FoldAssignment) -> None:
    """Assert invariant 3 over all symbols: no span [decided_at, resolved_at] of a part meets one of another.

    The last train label was known before the first decision of validation. Around the test samples of each test span,
    train and validation samples were known before its first decision; in a combinatorial fold they may instead begin,
    windows and warm-up included, after its last label was known.

    Raises:
        SplitError: It does not hold; with the instants.
    """
    decided_at, resolved_at = ledger.decided_at, ledger.resolved_at
    train, validation, test = (parts.part == part for part in (TRAIN, VALIDATION, TEST))
    spans = [test & _decided_in(ledger, [span]) for span in parts.fold.test_spans]
    pairs = [("train", train, "validation", validation)]
    pairs += [
        (name, used, "test", own) for own in spans for name, used in (("train", train), ("validation", validation))
    ]
    for earlier, used, later, own in pairs:
        begins, known = decided_at[own].min(initial=NEVER), resolved_at[own].max(initial=-NEVER)
        meets = used & (resolved_at >= begins)
        if later == "test" and parts.fold.blocks:
            meets &= ledger.window_start <= known
        if meets.any():
            message = (
                f"{earlier} lets the future in: a label known at {iso(resolved_at[meets].max())}, but {later} begins "
                f"at {iso(begins)}; cut at instants common to all symbols and purge by when labels became known"
            )
            raise SplitError(message)


def check_present(ledger: Ledger, parts: FoldAssignment) -> None:
    """Check that every symbol does what it is there for: train and be tested, or one of them where some are left out.

    Raises:
        SplitError: Lists all that do not, with their spans.
    """
    absent = [index for index, count in enumerate(parts.counts) if count.role != _intended(count, parts.fold)]
    if not absent:
        return
    names = ",".join(parts.counts[index].symbol for index in absent)
    lines = [
        f"{len(absent)} of {len(parts.counts)} symbols have no train or no test samples in '{parts.fold.name}' "
        f"({_cuts(parts.fold)}):",
        *(_absence(ledger, parts, index) for index in absent),
        *what_changes_it(ledger, parts, absent),
        "let them train only or be scored as unseen (split.absent=allow), choose other instants, "
        f"or leave them out (symbols.without=[{names}])",
    ]
    raise SplitError("\n".join(lines))


def _intended(count: FoldCount, fold: Fold) -> Role:
    if not fold.left_out:
        return "trained"
    return "unseen" if count.symbol in fold.left_out else "trains only"


def check_classes(ledger: Ledger, parts: FoldAssignment) -> None:
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


def refuse_split(problems: Sequence[str]) -> None:
    """Raise one SplitError with all problems, if there are any."""
    if problems:
        raise SplitError("\n".join(problems))


def _counts(ledger: Ledger, *, part: npt.NDArray[np.int8], sealed: npt.NDArray[np.bool_]) -> tuple[FoldCount, ...]:
    symbols = len(ledger.symbols)
    table = np.bincount(ledger.symbol * np.int64(4) + part + 1, minlength=4 * symbols).reshape(-1, 4)
    of_sealed = np.bincount(ledger.symbol[sealed], minlength=symbols)
    return tuple(
        FoldCount(
            symbol=name,
            train=train,
            validation=validation,
            test=test,
            purged=purged,
            role=_role(train, test),
            sealed=own_sealed,
        )
        for name, (purged, train, validation, test), own_sealed in zip(
            ledger.symbols, table.tolist(), of_sealed.tolist(), strict=True
        )
    )


def _role(train: int, test: int) -> Role:
    if train and test:
        return "trained"
    if train:
        return "trains only"
    return "unseen" if test else "unused"


def _check_cuts(fold: Fold) -> None:
    ordered = fold.train_from < fold.validation_from and all(start < stop for start, stop in fold.test_spans)
    if not fold.blocks:
        ordered &= fold.validation_from < fold.test_from
    if not ordered:
        message = f"the cuts of '{fold.name}' are out of order: {_cuts(fold)}; each must lie before the next"
        raise SplitError(message)
    if max(fold.validation_from, fold.test_until) > fold.sealed_from:
        message = (
            f"the cuts of '{fold.name}' reach into the sealed span, which begins at {iso(fold.sealed_from)}: "
            f"{_cuts(fold)}; move them before it: the sealed span is opened by itself, once, at the end"
        )
        raise SplitError(message)


def _check_parts(ledger: Ledger, parts: FoldAssignment) -> None:
    empty = [
        name
        for value, name in ((TRAIN, "train"), (VALIDATION, "validation"), (TEST, "test"))
        if not (parts.part == value).any()
    ]
    if empty:
        first, last = int(ledger.decided_at.min()), int(ledger.decided_at.max())
        message = (
            f"{' and '.join(empty)} would be empty in '{parts.fold.name}': {_cuts(parts.fold)}, embargo "
            f"{parts.fold.embargo_ns / 3.6e12:g} h, but the samples were decided from {iso(first)} to {iso(last)} and "
            "a label counts from when it became known; choose other instants or shares (split)"
        )
        everyone = range(len(ledger.symbols))
        raise SplitError(
            "\n".join([message, *_spent(ledger, parts, everyone), *what_changes_it(ledger, parts, everyone)])
        )


def _cuts(fold: Fold) -> str:
    tests = " and ".join(
        f"from {iso(start)} " + ("to the end" if stop == NEVER else f"until {iso(stop)}")
        for start, stop in fold.test_spans
    )
    sealed = "" if fold.sealed_from == NEVER else f", sealed from {iso(fold.sealed_from)}"
    return f"validation from {iso(fold.validation_from)}, test {tests}{sealed}"


def _absence(ledger: Ledger, parts: FoldAssignment, index: int) -> str:
    count, own = parts.counts[index], ledger.symbol == index
    decided_at = ledger.decided_at[own]
    if len(decided_at) == 0:
        return f"  {count.symbol}: {_no_sample(ledger.counts[index], window=ledger.window)}"
    span = f"{iso(int(decided_at[0]))} .. {iso(int(decided_at[-1]))}"
    sealed = f", sealed {count.sealed:,}" if count.sealed else ""
    return (
        f"  {count.symbol}: {span}, train {count.train:,}, validation {count.validation:,}, test {count.test:,}{sealed}"
        f"{why_absent(ledger, parts, index)}"
    )


def why_absent(ledger: Ledger, parts: FoldAssignment, index: int) -> str:
    """Say why a symbol does not train, or is not tested, and which of its bars are no samples; begins with `; `."""
    fold, count, own = parts.fold, parts.counts[index], ledger.symbol == index
    tested = _decided_in(ledger, fold.test_spans) & own
    early = own & ~tested & (ledger.decided_at >= fold.train_from) & (ledger.decided_at < fold.validation_from)
    texts = []
    if not count.train and count.symbol not in fold.left_out:
        known = f"{early.sum():,} of its samples are purged: their labels (or windows) reach over a cut"
        texts.append(f"no train: {known if early.any() else 'none of its samples is decided in that time'}")
    if not count.test and (not fold.left_out or count.symbol in fold.left_out):
        texts.append(f"no test: {'what is there is sealed' if tested.any() else 'no sample is decided in that time'}")
    return "".join(f"; {text}" for text in [*texts, *_spent(ledger, parts, [index])])


def _spent(ledger: Ledger, parts: FoldAssignment, indices: Sequence[int]) -> Iterator[str]:
    """Yield what took the bars of some symbols, if anything did."""
    taken = _taken(ledger, parts, indices)
    if taken:
        bars = sum(ledger.counts[index].bars for index in indices)
        yield f"of {bars:,} bars " + ", ".join(f"{number:,} {name}" for name, number in taken.items())


def _taken(ledger: Ledger, parts: FoldAssignment, indices: Sequence[int]) -> dict[str, int]:
    """Count the bars of some symbols that no part uses, by what took them, as `_KEYS` calls it."""
    counts = [ledger.counts[index] for index in indices]
    numbers = {
        "outside the common hours": sum(count.misaligned for count in counts),
        "warm-up": sum(count.warmup for count in counts),
        "too few for a window": sum(count.filling for count in counts),
        "without a known label": sum(count.unresolved for count in counts),
        "left out by the stride": sum(count.strided for count in counts),
        "purged": sum(parts.counts[index].purged for index in indices),
    }
    return {name: number for name, number in numbers.items() if number}


_KEYS = {
    "outside the common hours": "alignment.hours",
    "warm-up": "shorter periods in {classes} (they count bars)",
    "too few for a window": "window",
    "without a known label": "labels",
    "left out by the stride": "stride",
    "purged": "labels (a shorter span), split.embargo_bars",
}


def what_changes_it(ledger: Ledger, parts: FoldAssignment, indices: Sequence[int]) -> Iterator[str]:
    """Name the keys behind what took the bars of some symbols, in one line, that of most bars first."""
    taken = _taken(ledger, parts, indices)
    names = sorted({ledger.asset_classes[index] for index in indices})
    classes = ", ".join(f"asset_class.{name}.indicators" for name in names)
    ordered = sorted(taken, key=taken.__getitem__, reverse=True)
    if ordered:
        yield "what changes it: " + "; ".join(f"{name}: {_KEYS[name].format(classes=classes)}" for name in ordered)


def _no_sample(count: SymbolCount, *, window: int) -> str:
    misaligned = f"{count.misaligned:,} outside the common hours, " if count.misaligned else ""
    return (
        f"no sample in {count.bars:,} bars: {misaligned}{count.warmup:,} warm-up, {count.filling:,} too few for a "
        f"window of {window}, {count.unresolved:,} without a known label"
    )

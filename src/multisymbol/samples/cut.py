"""Cuts: at which instants, common to all symbols, a split cuts the time; the single cut, and what the others share."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from multisymbol.errors import SplitError
from multisymbol.markets.time import NEVER, Instants, Timeframe, instant, iso
from multisymbol.samples.fold import Fold, FoldAssignment, cut_all, refuse_split
from multisymbol.samples.ledger import Ledger


@dataclass(frozen=True, kw_only=True, slots=True)
class SingleCut:
    """One train/validation/test cut: `conf/split/single_cut.yaml`.

    The instants are common to all symbols, however their shares are counted: no symbol is cut at rows of its own.

    Args:
        validation_from: Instant A as ISO text; None: `validation_share` just before B.
        test_from: Instant B; None: the last `test_share`.
        test_until: Instant C; None: the end of the data, or the seal.
        validation_share: Share of what `shares_of` names. Opened, it is the share of what lies before the seal.
        test_share: Likewise.
        embargo_bars: Embargo in bars of the timeframe.
        absent: See Split; likewise `sealed_from`.
        sealed_from: The seal.
        shares_of: `rows`: the samples of all symbols in one order of decided_at, so that histories that begin late have
            train rows; `time`: from the first to the last decided_at of any symbol, as configurations mean that were
            stored before there was a choice.
    """

    validation_from: str | None
    test_from: str | None
    test_until: str | None
    validation_share: float
    test_share: float
    embargo_bars: int
    absent: Literal["refuse", "allow"]
    sealed_from: str | None
    shares_of: Literal["rows", "time"] = "time"

    def __post_init__(self) -> None:
        problems = [
            *share_problems(validation_share=self.validation_share, test_share=self.test_share),
            *rule_problems(embargo_bars=self.embargo_bars, absent=self.absent),
        ]
        refuse_split(problems)

    def folds(self, ledger: Ledger, *, timeframe: Timeframe) -> tuple[FoldAssignment, ...]:
        """See Split; a tuple of one."""
        return cut_all(ledger, [self.fold(ledger, timeframe=timeframe)], absent=self.absent)

    def opened(self, ledger: Ledger, *, timeframe: Timeframe) -> tuple[FoldAssignment, ...]:
        """See Split; a tuple of one."""
        return cut_all(ledger, [self.opened_fold(ledger, timeframe=timeframe)], absent=self.absent)

    def fold(self, ledger: Ledger, *, timeframe: Timeframe) -> Fold:
        """Return the instants of the cut."""
        sealed_from = seal(self.sealed_from)
        decided_at = known_decisions(ledger, sealed_from=sealed_from)
        test_from = (
            self._share_before(decided_at, share=self.test_share) if self.test_from is None else instant(self.test_from)
        )
        validation_from = (
            self._share_before(decided_at, share=self.validation_share, until=test_from)
            if self.validation_from is None
            else instant(self.validation_from)
        )
        return Fold(
            name="single cut",
            validation_from=validation_from,
            test_from=test_from,
            test_until=sealed_from if self.test_until is None else instant(self.test_until),
            embargo_ns=self.embargo_bars * timeframe.nanoseconds,
            sealed_from=sealed_from,
        )

    def opened_fold(self, ledger: Ledger, *, timeframe: Timeframe) -> Fold:
        """Return the instants of the cut that tests the sealed span."""
        sealed_from = seal(self.sealed_from)
        decided_at = known_decisions(ledger, sealed_from=sealed_from)
        if self.shares_of == "rows":
            length = sealed_from - self._share_before(decided_at, share=self.validation_share)
        else:
            length = round(self.validation_share * (sealed_from - int(decided_at[0])))
        embargo_ns = self.embargo_bars * timeframe.nanoseconds
        return sealed_fold(self.sealed_from, validation_ns=length, embargo_ns=embargo_ns)

    def _share_before(self, decided_at: Instants, *, share: float, until: int | None = None) -> int:
        """Return the instant from which on lies a share of everything, counted back from `until`, None: the end."""
        first, last = int(decided_at[0]), int(decided_at[-1])
        if self.shares_of == "time":
            return (last if until is None else until) - round(share * (last - first))
        end = len(decided_at) if until is None else int(np.searchsorted(decided_at, until))
        return int(decided_at[max(end - max(round(share * len(decided_at)), 1), 0)])


def seal(sealed_from: str | None) -> int:
    """Read the start of the sealed span; NEVER for none."""
    return NEVER if sealed_from is None else instant(sealed_from)


def known_decisions(ledger: Ledger, *, sealed_from: int) -> Instants:
    """Return the instants at which the samples known before the seal were decided, ascending, over all symbols.

    Raises:
        SplitError: There are none.
    """
    decided_at = np.sort(ledger.decided_at[ledger.resolved_at < sealed_from])
    if len(decided_at) == 0:
        message = (
            f"every sample is sealed: sealed_from is {iso(sealed_from)}, and the first label is known at "
            f"{iso(ledger.resolved_at.min())}; seal less (split.sealed_from), or take a longer period"
        )
        raise SplitError(message)
    return decided_at


class Decisions(NamedTuple):
    """The first and the last decision of any symbol."""

    first: int
    last: int

    def until(self, timeframe: Timeframe, *, sealed_from: int) -> int:
        """Return the end of the time they lie in: a bar after the last one, and not past the seal."""
        return min(self.last + timeframe.nanoseconds, sealed_from)


def decisions(ledger: Ledger, *, sealed_from: int) -> Decisions:
    """Return the first and the last decision of any sample known before the seal.

    Raises:
        SplitError: There are none.
    """
    decided_at = known_decisions(ledger, sealed_from=sealed_from)
    return Decisions(int(decided_at[0]), int(decided_at[-1]))


def sealed_fold(sealed_from: str | None, *, validation_ns: int, embargo_ns: int, train_from: int = -NEVER) -> Fold:
    """Return the cut that tests the sealed span, validating on the time just before it.

    Raises:
        SplitError: Nothing is sealed.
    """
    if sealed_from is None:
        message = "nothing is sealed, so there is nothing to open; seal the end of the data with split.sealed_from"
        raise SplitError(message)
    test_from = instant(sealed_from)
    return Fold(
        name="sealed",
        train_from=train_from,
        validation_from=test_from - validation_ns,
        test_from=test_from,
        test_until=NEVER,
        embargo_ns=embargo_ns,
    )


def share_problems(**shares: float) -> list[str]:
    """Name the shares that are none."""
    return [f"split: {name}={share} must lie between 0 and 1" for name, share in shares.items() if not 0 < share < 1]


def rule_problems(*, embargo_bars: int, absent: str) -> list[str]:
    """Check what all splits have in common."""
    problems = []
    if embargo_bars < 0:
        problems.append(f"split: embargo_bars={embargo_bars} must not be negative")
    if absent not in {"refuse", "allow"}:
        problems.append(f"split: absent={absent} must be refuse or allow")
    return problems

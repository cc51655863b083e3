"""Combinatorial purged cross-validation: time in groups, every choice of some of them is tested once.

    groups 2+5 of 6    train ....|e test ....|e train ..................|e test ....|e train ..|e validation

Each group is tested in many folds, so that a strategy gets many paths of history instead of one. Train samples after a
test span know what came after it, as no trader could: this checks how much luck a single cut holds, and is no forecast
of what a model would have earned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Literal

from multisymbol.markets.time import Timeframe
from multisymbol.samples.cut import decisions, rule_problems, seal, sealed_fold, share_problems
from multisymbol.samples.fold import Fold, FoldAssignment, Span, cut_all, refuse_split
from multisymbol.samples.ledger import Ledger


@dataclass(frozen=True, kw_only=True, slots=True)
class CombinatorialPurged:
    """Every `test_groups` of `groups` spans of equal time: `conf/split/combinatorial.yaml`.

    Before a test span, train and validation samples are known, resolved_at < its start - embargo. After it, their
    windows and warm-up begin later than the last label of its samples, of any symbol, became known, + embargo.

    Validation is the last `validation_share` of the time outside the test spans, and train what lies before: one side
    of it meets train, as in a single cut, though it may reach over a test span.

    Args:
        groups: N, spans of equal time from the first to the last decision of any symbol.
        test_groups: k of them are tested, in each of the C(N, k) folds.
        validation_share: Share of the time outside the test spans.
        embargo_bars: Embargo in bars of the timeframe.
        absent: See Split; likewise `sealed_from`.
        sealed_from: The seal.

    Source: Lopez de Prado 2018, Advances in Financial Machine Learning, sections 7.4 (purging, embargo) and 12.4.
    """

    groups: int
    test_groups: int
    validation_share: float
    embargo_bars: int
    absent: Literal["refuse", "allow"]
    sealed_from: str | None

    def __post_init__(self) -> None:
        problems = [
            *share_problems(validation_share=self.validation_share),
            *rule_problems(embargo_bars=self.embargo_bars, absent=self.absent),
        ]
        if not 1 <= self.test_groups < self.groups:
            problems.append(
                f"split: test_groups={self.test_groups} of groups={self.groups}: test at least one, and leave one"
            )
        refuse_split(problems)

    def folds(self, ledger: Ledger, *, timeframe: Timeframe) -> tuple[FoldAssignment, ...]:
        """See Split; in the order of their test groups."""
        sealed_from = seal(self.sealed_from)
        known = decisions(ledger, sealed_from=sealed_from)
        length = known.until(timeframe, sealed_from=sealed_from) - known.first
        borders = [known.first + length * number // self.groups for number in range(self.groups + 1)]
        spans = [Span(*pair) for pair in pairwise(borders)]
        folds = [
            self._fold(spans, chosen, embargo_ns=self.embargo_bars * timeframe.nanoseconds, sealed_from=sealed_from)
            for chosen in combinations(range(self.groups), self.test_groups)
        ]
        return cut_all(ledger, folds, absent=self.absent)

    def _fold(self, spans: Sequence[Span], chosen: Sequence[int], *, embargo_ns: int, sealed_from: int) -> Fold:
        blocks = _joined([spans[group] for group in chosen])
        outside = _joined([span for group, span in enumerate(spans) if group not in chosen])
        numbers = "+".join(str(group + 1) for group in chosen)
        return Fold(
            name=f"group{'s' * (len(chosen) > 1)} {numbers} of {len(spans)}",
            validation_from=_last_share_from(outside, self.validation_share),
            test_from=blocks[0].start,
            test_until=blocks[-1].stop,
            blocks=blocks,
            embargo_ns=embargo_ns,
            sealed_from=sealed_from,
        )

    def opened(self, ledger: Ledger, *, timeframe: Timeframe) -> tuple[FoldAssignment, ...]:
        """See Split; a tuple of one, a single cut: there is nothing after the sealed span."""
        first = decisions(ledger, sealed_from=seal(self.sealed_from)).first
        fold = sealed_fold(
            self.sealed_from,
            validation_ns=round(self.validation_share * (seal(self.sealed_from) - first)),
            embargo_ns=self.embargo_bars * timeframe.nanoseconds,
        )
        return cut_all(ledger, [fold], absent=self.absent)


def _joined(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Join neighbours."""
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1].stop == span.start:
            joined[-1] = Span(joined[-1].start, span.stop)
        else:
            joined.append(span)
    return tuple(joined)


def _last_share_from(spans: Sequence[Span], share: float) -> int:
    """Return the instant from which on lies the last share of the time inside the spans."""
    left = round(share * sum(stop - start for start, stop in spans))
    for start, stop in reversed(spans):
        if left <= stop - start:
            return stop - left
        left -= stop - start
    return spans[0].start

"""Walk-forward: one cut after another, each tested on the time that follows, as if refitted now and then.

anchored    train ........|validation|test|                  rolling   train ..|validation|test|
            train .............|validation|test|                            train ..|validation|test|
            train ..................|validation|test|                            train ..|validation|test|
"""

from dataclasses import dataclass
from typing import Literal

from multisymbol.errors import ConfigError, SplitError
from multisymbol.markets.time import DAY, NEVER, Timeframe, iso
from multisymbol.samples.cut import Decisions, decisions, rule_problems, seal, sealed_fold
from multisymbol.samples.fold import Fold, FoldAssignment, cut_all, refuse_split
from multisymbol.samples.ledger import Ledger


@dataclass(frozen=True, kw_only=True, slots=True)
class WalkForward:
    """Cuts at a regular distance, the last one tested up to the last decision: `conf/split/walk_forward.yaml`.

    Lengths are of time, as text: `180d`, `26w`, `12h`. All symbols are cut at the same instants.

    Args:
        window: `anchored`: each fold trains on all that was before; `rolling`: on the last `train` alone.
        train: Length of the train part; anchored: of the first fold's, at least.
        validation: Length of the validation part, just before the test.
        test: Length of the test part.
        step: From one test to the next, no shorter than a test: no row is tested twice. None: `test`.
        count: Number of folds, the last ones that fit; None: as many as fit.
        embargo_bars: Embargo in bars of the timeframe.
        absent: See Split; likewise `sealed_from`.
        sealed_from: The seal.
    """

    window: Literal["anchored", "rolling"]
    train: str
    validation: str
    test: str
    step: str | None
    count: int | None
    embargo_bars: int
    absent: Literal["refuse", "allow"]
    sealed_from: str | None

    def __post_init__(self) -> None:
        problems = rule_problems(embargo_bars=self.embargo_bars, absent=self.absent)
        if self.window not in {"anchored", "rolling"}:
            problems.append(f"split: window={self.window} must be anchored or rolling")
        if self.count is not None and self.count < 1:
            problems.append(f"split: count={self.count} must be at least 1 fold, or null for as many as fit")
        lengths = {"train": self.train, "validation": self.validation, "test": self.test, "step": self._step}
        known = {name: length for name, text in lengths.items() if (length := _length(text)) is not None}
        problems += [
            f"split: {name}={lengths[name]} is no length of time; write a number and m, h, d or w, like 180d"
            for name in lengths
            if name not in known
        ]
        if {"step", "test"} <= set(known) and known["step"] < known["test"]:
            problems.append(f"split: step={self.step} is shorter than test={self.test}: rows would be tested twice")
        refuse_split(problems)

    def folds(self, ledger: Ledger, *, timeframe: Timeframe) -> tuple[FoldAssignment, ...]:
        """See Split; the oldest first.

        Raises:
            SplitError: Also where fewer folds than asked for fit into the time.
        """
        sealed_from = seal(self.sealed_from)
        known = decisions(ledger, sealed_from=sealed_from)
        end = known.until(timeframe, sealed_from=sealed_from)
        fitting = (end - known.first - self._train - self._validation - self._test) // _nanoseconds(self._step) + 1
        if fitting < (self.count or 1):
            raise SplitError(self._too_short(known, fitting=max(fitting, 0)))
        count = self.count or fitting
        starts = [end - self._test - back * _nanoseconds(self._step) for back in reversed(range(count))]
        folds = [
            Fold(
                name=f"fold {number} of {count}",
                train_from=self._train_from(start - self._validation),
                validation_from=start - self._validation,
                test_from=start,
                test_until=start + self._test,
                embargo_ns=self.embargo_bars * timeframe.nanoseconds,
                sealed_from=sealed_from,
            )
            for number, start in enumerate(starts, start=1)
        ]
        return cut_all(ledger, folds, absent=self.absent)

    def opened(self, ledger: Ledger, *, timeframe: Timeframe) -> tuple[FoldAssignment, ...]:
        """See Split; a tuple of one, which tests all of the sealed span."""
        fold = sealed_fold(
            self.sealed_from,
            validation_ns=self._validation,
            embargo_ns=self.embargo_bars * timeframe.nanoseconds,
            train_from=self._train_from(seal(self.sealed_from) - self._validation),
        )
        return cut_all(ledger, [fold], absent=self.absent)

    @property
    def _step(self) -> str:
        return self.test if self.step is None else self.step

    @property
    def _train(self) -> int:
        return _nanoseconds(self.train)

    @property
    def _validation(self) -> int:
        return _nanoseconds(self.validation)

    @property
    def _test(self) -> int:
        return _nanoseconds(self.test)

    def _train_from(self, validation_from: int) -> int:
        return validation_from - self._train if self.window == "rolling" else -NEVER

    def _too_short(self, known: Decisions, *, fitting: int) -> str:
        count = self.count or 1
        needed = self._train + self._validation + self._test + (count - 1) * _nanoseconds(self._step)
        first, last = known
        return (
            f"{count} fold{'s' * (count > 1)} of train {self.train}, validation {self.validation} and test {self.test} "
            f"need {needed / DAY:,.0f} days, but the samples were decided from {iso(first)} to {iso(last)}, "
            f"{(last - first) / DAY:,.0f} days: {fitting} fit; "
            "take fewer folds or shorter parts (split.count, split.train, split.validation, split.test), or more data"
        )


def _length(text: str) -> int | None:
    try:
        return _nanoseconds(text)
    except ConfigError:
        return None


def _nanoseconds(text: str) -> int:
    return Timeframe.parse(text).nanoseconds

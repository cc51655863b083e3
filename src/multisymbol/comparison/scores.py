"""Forecasts of an arm on the test rows of all folds, and the scores that follow from them alone."""

# n rows, S seed, C class

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from multisymbol.arrays import Codes, Flags, Floats, Ints
from multisymbol.comparison.arms import FoldTask
from multisymbol.comparison.fit import FoldForecasts
from multisymbol.labels.labels import CLASSES
from multisymbol.samples.strata import SESSION, strata
from multisymbol.statistics.loss_differentials import ArmLosses, Rows, row_losses
from multisymbol.statistics.verdict import Question

QUESTIONS: tuple[Question, ...] = ("overall", "direction", "activity")
_COLUMNS = ("symbol", "decided_at", "resolved_at", "label", "fold", "session")


@dataclass(frozen=True, kw_only=True)  # without slots: the layout is computed once and kept
class ScoredRows:
    """Test rows of a comparison, fold after fold. Arms scored on the same rows should share one object."""

    seeds: tuple[int, ...]  # training seeds that each row is scored with
    symbols: tuple[str, ...]
    symbol: npt.NDArray[np.int32]  # index into `symbols` of each row, shape (n,)
    decided_at: Ints  # instant of the forecast, UTC nanoseconds, shape (n,)
    resolved_at: Ints  # instant at which the label became known, UTC nanoseconds, shape (n,)
    label: Codes  # 0 BUY, 1 HOLD, 2 SELL, shape (n,)
    fold: Ints  # number of the fold, shape (n,)
    session: Codes  # quarter of the day, 0 to 3, in the time zone of the symbol's calendar, shape (n,)

    def __len__(self) -> int:
        return len(self.label)

    @cached_property
    def of_losses(self) -> Rows:
        """Rows of every seed, seed after seed."""
        seeds = len(self.seeds)
        return Rows(
            symbols=self.symbols,
            symbol=np.tile(self.symbol, seeds),
            decided_at=np.tile(self.decided_at, seeds),
            resolved_at=np.tile(self.resolved_at, seeds),
            seed=np.repeat(np.array(self.seeds, dtype=np.int64), len(self)),
        )

    def only(self, chosen: Flags) -> "ScoredRows":
        """Keep some of the rows."""
        return replace(self, **{name: getattr(self, name)[chosen] for name in _COLUMNS})

    def same(self, other: "ScoredRows") -> bool:
        """Whether both hold the same rows in the same order."""
        head = (self.seeds, self.symbols, len(self)) == (other.seeds, other.symbols, len(other))
        return head and all(np.array_equal(getattr(self, name), getattr(other, name)) for name in _COLUMNS)


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmScores:
    """Forecasts of an arm."""

    arm: str
    rows: ScoredRows
    prob: Floats  # probabilities of BUY, HOLD, SELL for each seed and row, shape (S, n, 3)

    def losses(self, question: Question) -> ArmLosses:
        """Return the losses of every row and seed."""
        part = "total" if question == "overall" else question
        parts = [getattr(row_losses(prob, self.rows.label), part) for prob in self.prob]
        return ArmLosses(arm=self.arm, rows=self.rows.of_losses, loss=np.concatenate(parts))

    def only(self, chosen: Flags) -> "ArmScores":
        """Keep some of the rows."""
        return replace(self, rows=self.rows.only(chosen), prob=self.prob[:, chosen])

    def of(self, symbols: Sequence[str]) -> "ArmScores":
        """Keep the rows of some symbols."""
        numbers = [self.rows.symbols.index(name) for name in symbols]
        chosen = np.isin(self.rows.symbol, numbers)
        return self if chosen.all() else self.only(chosen)

    def on(self, rows: ScoredRows) -> "ArmScores":
        """Keep the rows that another arm has too."""
        if rows is self.rows:
            return self
        instants = np.union1d(self.rows.decided_at, rows.decided_at)
        own, others = (
            each.symbol.astype(np.int64) * len(instants) + np.searchsorted(instants, each.decided_at)
            for each in (self.rows, rows)
        )
        chosen = np.isin(own, others)
        return self if chosen.all() else self.only(chosen)

    def scored(self) -> tuple[str, ...]:
        """Return the names of the symbols that have rows."""
        return tuple(self.rows.symbols[number] for number in np.unique(self.rows.symbol).tolist())

    def balanced_accuracy(self) -> float:
        """Return the mean recall of the classes that have rows, averaged over seeds."""
        return float(np.mean([balanced_accuracy(prob, self.rows.label) for prob in self.prob]))


def balanced_accuracy(prob: Floats, label: Codes) -> float:
    """Return the mean recall of the classes that have rows, given probabilities of shape (n, C)."""
    rows = np.bincount(label, minlength=len(CLASSES))
    right = np.bincount(label[prob.argmax(axis=1) == label], minlength=len(CLASSES))
    return float((right[rows > 0] / rows[rows > 0]).mean())


def fold_scores(name: str, scored: FoldForecasts, task: FoldTask, *, number: int) -> ArmScores:
    """Say of each forecast that the named arm made in a fold whose and when it is."""
    fold, ledger, rows = task.whole, task.whole.ledger, scored.rows
    calendars = [config.calendar for config in fold.universe]
    session = strata(SESSION, panel=fold.panel, ledger=ledger, parts=fold.parts, calendars=calendars)
    assert session is not None
    return ArmScores(
        arm=name,
        rows=ScoredRows(
            seeds=task.seeds,
            symbols=ledger.symbols,
            symbol=ledger.symbol[rows],
            decided_at=ledger.decided_at[rows],
            resolved_at=ledger.resolved_at[rows],
            label=ledger.label[rows],
            fold=np.full(len(rows), number),
            session=session[rows],
        ),
        prob=scored.prob,
    )


def joined(parts: Sequence[ArmScores]) -> ArmScores:
    """Concatenate the folds of an arm."""
    rows = [part.rows for part in parts]
    columns: dict[str, Any] = {name: np.concatenate([getattr(own, name) for own in rows]) for name in _COLUMNS}
    prob = np.concatenate([part.prob for part in parts], axis=1)
    return replace(parts[0], rows=replace(rows[0], **columns), prob=prob)


def shared(scores: Mapping[str, ArmScores]) -> dict[str, ArmScores]:
    """Let arms that are scored on the same rows share one rows object, so that its layout is computed once."""
    known: list[ScoredRows] = []
    found = {}
    for name, own in scores.items():
        rows = next((rows for rows in known if rows.same(own.rows)), own.rows)
        if rows is own.rows:
            known.append(rows)
        found[name] = replace(own, rows=rows)
    return found

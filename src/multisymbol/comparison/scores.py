"""Forecasts of an arm on the test rows of all folds, and what follows from them alone."""

# n rows, S seed, C class

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from multisymbol.arrays import Floats
from multisymbol.labels.labels import CLASSES
from multisymbol.statistics.loss_differentials import ArmLosses, Rows, row_losses
from multisymbol.statistics.verdict import Question

QUESTIONS: tuple[Question, ...] = ("overall", "direction", "activity")
_PARTS = {"overall": "total", "direction": "direction", "activity": "activity"}


_COLUMNS = ("symbol", "decided_at", "resolved_at", "label", "fold", "session")


@dataclass(frozen=True, kw_only=True)  # without slots: how they are laid out is worked out once and kept
class ScoredRows:
    """The test rows of a comparison, those of one fold after those of another. Shape (n,) each.

    Share one object between arms scored on the same rows.

    Args:
        seeds: Trainings that each row is scored by.
        symbols: Names; `symbol` counts in them.
        symbol: Whose.
        decided_at: UTC ns.
        resolved_at: UTC ns.
        label: 0 BUY, 1 HOLD, 2 SELL.
        fold: Number of the fold.
        session: Quarter of the day, 0 to 3, on the symbol's calendar's clock.
    """

    seeds: tuple[int, ...]
    symbols: tuple[str, ...]
    symbol: npt.NDArray[np.int32]
    decided_at: npt.NDArray[np.int64]
    resolved_at: npt.NDArray[np.int64]
    label: npt.NDArray[np.int8]
    fold: npt.NDArray[np.int64]
    session: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.label)

    @cached_property
    def of_losses(self) -> Rows:
        """The rows of every seed, one seed after another."""
        seeds = len(self.seeds)
        return Rows(
            symbols=self.symbols,
            symbol=np.tile(self.symbol, seeds),
            decided_at=np.tile(self.decided_at, seeds),
            resolved_at=np.tile(self.resolved_at, seeds),
            seed=np.repeat(np.array(self.seeds, dtype=np.int64), len(self)),
        )

    def only(self, chosen: npt.NDArray[np.bool_]) -> "ScoredRows":
        """Keep some of the rows."""
        columns = {name: getattr(self, name)[chosen] for name in _COLUMNS}
        return ScoredRows(seeds=self.seeds, symbols=self.symbols, **columns)

    def same(self, other: "ScoredRows") -> bool:
        """Whether they are the very same rows in the same order."""
        head = (self.seeds, self.symbols, len(self)) == (other.seeds, other.symbols, len(other))
        return head and all(np.array_equal(getattr(self, name), getattr(other, name)) for name in _COLUMNS)


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmScores:
    """What an arm forecast.

    Args:
        arm: Its name.
        rows: Those it has forecasts for.
        prob: Shape (S, n, 3).
    """

    arm: str
    rows: ScoredRows
    prob: Floats

    def losses(self, question: Question) -> ArmLosses:
        """Return the losses of every row and seed."""
        parts = [getattr(row_losses(prob, self.rows.label), _PARTS[question]) for prob in self.prob]
        return ArmLosses(arm=self.arm, rows=self.rows.of_losses, loss=np.concatenate(parts))

    def only(self, chosen: npt.NDArray[np.bool_]) -> "ArmScores":
        """Keep some of the rows."""
        return ArmScores(arm=self.arm, rows=self.rows.only(chosen), prob=self.prob[:, chosen])

    def of(self, symbols: Sequence[str]) -> "ArmScores":
        """Keep the rows of some symbols."""
        numbers = [self.rows.symbols.index(name) for name in symbols]
        chosen = np.isin(self.rows.symbol, numbers)
        return self if chosen.all() else self.only(chosen)

    def on(self, rows: ScoredRows) -> "ArmScores":
        """Keep the rows that another arm has as well."""
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
        """Name the symbols that have rows."""
        return tuple(self.rows.symbols[number] for number in np.unique(self.rows.symbol).tolist())

    def balanced_accuracy(self) -> float:
        """Mean recall of the classes that have rows, over all rows; mean of the seeds."""
        label = self.rows.label
        rows = np.bincount(label, minlength=len(CLASSES))
        recalls = []
        for prob in self.prob:
            right = np.bincount(label[prob.argmax(axis=1) == label], minlength=len(CLASSES))
            recalls.append((right[rows > 0] / rows[rows > 0]).mean())
        return float(np.mean(recalls))


def joined(parts: Sequence[ArmScores]) -> ArmScores:
    """Put the folds of an arm after one another."""
    first = parts[0].rows
    columns = {name: np.concatenate([getattr(part.rows, name) for part in parts]) for name in _COLUMNS}
    return ArmScores(
        arm=parts[0].arm,
        rows=ScoredRows(seeds=first.seeds, symbols=first.symbols, **columns),
        prob=np.concatenate([part.prob for part in parts], axis=1),
    )


def shared(scores: Mapping[str, ArmScores]) -> dict[str, ArmScores]:
    """Let arms that are scored on the same rows share one object of them: they are laid out once."""
    known: list[ScoredRows] = []
    found = {}
    for name, own in scores.items():
        rows = next((rows for rows in known if rows.same(own.rows)), None)
        if rows is None:
            known.append(own.rows)
        found[name] = own if rows is None else replace(own, rows=rows)
    return found

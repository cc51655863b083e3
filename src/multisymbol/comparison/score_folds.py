"""From folds of prepared data to each arm's forecasts of all test rows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from multisymbol.comparison.arms import Arm, FoldTask, TrainedArm, UntrainedArm
from multisymbol.comparison.fit import FoldForecasts, forecasts, train_apart
from multisymbol.comparison.scores import ArmScores, ScoredRows, joined, shared
from multisymbol.samples.dataset import FoldDataset
from multisymbol.samples.fold import TRAIN, VALIDATION
from multisymbol.samples.strata import SESSION, strata


def arm_scores(
    tasks: Sequence[FoldTask], *, compared: Sequence[tuple[str, ...]], arms: Mapping[str, Arm]
) -> dict[str, ArmScores]:
    """Train and score arms in every fold, keeping nothing: for a market that is looked at once.

    Args:
        tasks: The folds.
        compared: Names of the symbols compared in each fold; those that cannot be here are left out.
        arms: By name.
    """
    parts: dict[str, list[ArmScores]] = {name: [] for name in arms}
    for number, (given, names) in enumerate(zip(tasks, compared, strict=True)):
        task = replace(given, compared=_possible(given.whole, names))
        for name, arm in arms.items():
            parts[name].append(fold_scores(name, _once(arm, task), task, number=number))
    return shared({name: joined(own) for name, own in parts.items()})


def _once(arm: Arm, task: FoldTask) -> FoldForecasts:
    if isinstance(arm, UntrainedArm):
        return forecasts(arm, task)
    assert isinstance(arm, TrainedArm)
    return train_apart(arm, task, starts={}, checkpoint=None, threads=1, progress=None)[0]


def _possible(fold: FoldDataset, names: Sequence[str]) -> tuple[int, ...]:
    """Number the symbols that train and validate in this fold as well."""
    has = [
        {int(index) for index in np.unique(fold.ledger.symbol[fold.parts.positions(part)])}
        for part in (TRAIN, VALIDATION)
    ]
    numbers = [fold.ledger.symbols.index(name) for name in names]
    return tuple(number for number in numbers if all(number in own for own in has))


def fold_scores(name: str, scored: FoldForecasts, task: FoldTask, *, number: int) -> ArmScores:
    """Say of each forecast whose and when it is.

    Args:
        name: Of the arm.
        scored: Its forecasts in the fold.
        task: The fold.
        number: Of the fold.
    """
    ledger, rows = task.whole.ledger, scored.rows
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
            session=sessions(task.whole)[rows],
        ),
        prob=scored.prob,
    )


def sessions(fold: FoldDataset) -> npt.NDArray[np.int8]:
    """Return the quarter of the day of each ledger row, on the symbol's own calendar's clock."""
    calendars = [config.calendar for config in fold.universe]
    found = strata(SESSION, panel=fold.panel, ledger=fold.ledger, parts=fold.parts, calendars=calendars)
    assert found is not None
    return found

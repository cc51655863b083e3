"""The arms of a comparison: what each of them trains, on which samples, and what of it is scored.

    universal             one network for all symbols
    single                one for each symbol
    zero_shot             the universal one, never shown the symbols it is scored on; each training without a group
    finetuned             the universal one, trained further on one symbol's own samples
    head_only, adapter    likewise, but little of it may change
    pooled                the universal one, told which symbol it looks at
    prior, rule           forecasts without a network

Every arm is scored on the very test rows of the fold's compared symbols; a file in `conf/arms` is one of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch

from multisymbol.cli.compare_schema import budget_of
from multisymbol.learning.finetuning import FineTuning
from multisymbol.samples.dataset import FoldDataset
from multisymbol.samples.fold import TEST, TRAIN
from multisymbol.samples.left_out import dealt
from multisymbol.samples.views import matched_view, own_values, own_view, tuned_view, without_view
from multisymbol.serving.scores import prior_forecast, rule_forecast

Positions: TypeAlias = npt.NDArray[np.int64]
Start: TypeAlias = Mapping[str, torch.Tensor]
"""Weights a training goes out from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldTask:
    """What all arms of a fold share.

    Args:
        values: Plain configuration.
        whole: The universe's data of the fold.
        compared: Numbers of the symbols that are compared in it.
        seeds: Of the trainings.
    """

    values: Mapping[str, Any]
    whole: FoldDataset
    compared: tuple[int, ...]
    seeds: tuple[int, ...]

    @property
    def rows(self) -> Positions:
        """Ledger positions of the compared test rows, ascending."""
        test = self.whole.parts.positions(TEST)
        return test[np.isin(self.whole.ledger.symbol[test], self.compared)]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingTask:
    """One network to be trained, and the rows it is scored on.

    Args:
        name: Unique within the arm and fold.
        symbol: Whose model it is; empty where it is for several.
        seed: Of first weights, order and dropout.
        values: Its configuration.
        prepared: Its data.
        test: Rows it is scored on, positions in its own ledger.
        rows: The same rows in the universe's ledger.
        start: Weights to go out from; None: fresh ones.
        change: What of them may change; None: all, from fresh ones.
        like: Data whose mixture gives the loss its class weights.
    """

    name: str
    symbol: str
    seed: int
    values: Mapping[str, Any]
    prepared: FoldDataset
    test: Positions
    rows: Positions
    start: Start | None
    change: FineTuning | None
    like: FoldDataset


class Arm(Protocol):
    """A file in `conf/arms`."""

    @property
    def what(self) -> str:
        """Say what it is, for people."""
        ...


@runtime_checkable
class Trained(Arm, Protocol):
    """An arm with networks."""

    @property
    def needs_universal(self) -> bool:
        """Whether its trainings go out from the universal arm's weights."""
        ...

    def values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the configuration its networks are trained with."""
        ...

    def lessons(self, task: FoldTask, starts: Mapping[int, Start]) -> list[TrainingTask]:
        """List its trainings in a fold.

        Args:
            task: The fold.
            starts: Seed -> the universal model's weights, where it needs them.
        """
        ...


@runtime_checkable
class Untrained(Arm, Protocol):
    """An arm without a network."""

    def forecast(self, task: FoldTask) -> npt.NDArray[np.float64]:
        """Return probabilities for the task's rows, shape (n, 3)."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Universal:
    """One network for all symbols of the universe."""

    needs_universal: bool = field(default=False, init=False)

    @property
    def what(self) -> str:
        """See Arm."""
        return "one network for all symbols"

    def values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """See Trained."""
        return dict(values)

    def lessons(self, task: FoldTask, starts: Mapping[int, Start]) -> list[TrainingTask]:
        """See Trained."""
        del starts
        return list(_of_all(task, self.values(task.values)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Pooled:
    """Between the two: one network for all symbols that learns a vector for each.

    Args:
        embedding_dim: Numbers in it.
        unknown_dropout: Share of samples shown without it.
    """

    embedding_dim: int
    unknown_dropout: float
    needs_universal: bool = field(default=False, init=False)

    @property
    def what(self) -> str:
        """See Arm."""
        return f"one network for all symbols with {self.embedding_dim} learned numbers for each"

    def values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """See Trained."""
        told = {
            "embedding": "symbol",
            "embedding_dim": self.embedding_dim,
            "unknown_dropout": self.unknown_dropout,
        }
        return {**values, "model": {**values["model"], **told}}

    def lessons(self, task: FoldTask, starts: Mapping[int, Start]) -> list[TrainingTask]:
        """See Trained."""
        del starts
        return list(_of_all(task, self.values(task.values)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Single:
    """One network for each symbol, from its own samples alone.

    Where budgets are matched in steps, an epoch draws them again until it has the universal model's steps.
    """

    needs_universal: bool = field(default=False, init=False)

    @property
    def what(self) -> str:
        """See Arm."""
        return "one network for each symbol, of the same form"

    def values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """See Trained."""
        return dict(values)

    def lessons(self, task: FoldTask, starts: Mapping[int, Start]) -> list[TrainingTask]:
        """See Trained."""
        del starts
        found: list[TrainingTask] = []
        for index in task.compared:
            symbol = task.whole.ledger.symbols[index]
            values = own_values(task.values, symbol)
            own = own_view(values, task.whole, index)
            in_steps = budget_of(values) == "steps"
            taught = matched_view(own, task.whole, batch_size=values["batch_size"]) if in_steps else own
            found += _of_one(task, index, values=values, prepared=taught, like=own, starts=None, change=None)
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Finetuned:
    """The universal network of the same seed, trained further on the symbol's own samples.

    Args:
        epochs: At most.
        lr: Learning rate it begins with.
        change: What of it may change, as in mode=finetune.
    """

    epochs: int
    lr: float
    change: FineTuning
    needs_universal: bool = field(default=True, init=False)

    @property
    def what(self) -> str:
        """See Arm."""
        further = f"the universal network, {self.epochs} epochs further on the symbol alone at lr {self.lr:g}"
        return f"{further}, changing {self.change.what}"

    def values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """See Trained."""
        factory = dict(values["scheduler"]["factory"])
        if "T_max" in factory:  # a cosine ends with the training
            factory["T_max"] = self.epochs
        return {
            **values,
            "optimizer": {**values["optimizer"], "lr": self.lr},
            "scheduler": {**values["scheduler"], "factory": factory},
            "trainer": {**values["trainer"], "max_epochs": self.epochs},
        }

    def lessons(self, task: FoldTask, starts: Mapping[int, Start]) -> list[TrainingTask]:
        """See Trained."""
        values = self.values(task.values)
        found: list[TrainingTask] = []
        for index in task.compared:
            own = own_values(values, task.whole.ledger.symbols[index])
            found += _of_one(
                task,
                index,
                values=own,
                prepared=tuned_view(own, task.whole, index),
                like=task.whole,
                starts=starts,
                change=self.change,
            )
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class ZeroShot:
    """The universal network for symbols it was never shown: groups of symbols are left out in turn.

    A symbol that is alone in its asset class is in no group: nobody could scale it. Nor is one scored in a fold in
    which no other of its class trains.

    Args:
        groups: As many trainings; symbols of each class are spread over them.
        seed: Deals the symbols.
    """

    groups: int
    seed: int
    needs_universal: bool = field(default=False, init=False)

    @property
    def what(self) -> str:
        """See Arm."""
        return f"one network for all symbols but those it is scored on, {self.groups} groups left out in turn"

    def values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """See Trained."""
        return dict(values)

    def lessons(self, task: FoldTask, starts: Mapping[int, Start]) -> list[TrainingTask]:
        """See Trained."""
        del starts
        ledger, found = task.whole.ledger, []
        for number, names, left_out in self.unseen(task):
            prepared = without_view(task.values, task.whole, names)
            rows = task.rows[np.isin(ledger.symbol[task.rows], left_out)]
            found += [
                TrainingTask(
                    name=f"group {number}/{seed}",
                    symbol="",
                    seed=seed,
                    values=task.values,
                    prepared=prepared,
                    test=rows,
                    rows=rows,
                    start=None,
                    change=None,
                    like=prepared,
                )
                for seed in task.seeds
            ]
        return found

    def unseen(self, task: FoldTask) -> list[tuple[int, tuple[str, ...], list[int]]]:
        """List the groups that can be left out: number, symbols, and which of these can be scored, by number."""
        ledger = task.whole.ledger
        scaled = task.values["scaling"]["method"] != "none"
        found = []
        for number, names in enumerate(dealt(ledger, self.groups, self.seed), start=1):
            others = [count for count in task.whole.parts.counts if count.symbol not in names and count.train]
            classes = {ledger.asset_classes[ledger.symbols.index(count.symbol)] for count in others}
            left_out = [
                index
                for index in map(ledger.symbols.index, names)
                if index in task.compared and (not scaled or ledger.asset_classes[index] in classes)
            ]
            if left_out and any(count.validation for count in others):
                found.append((number, names, left_out))
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Prior:
    """Class shares among the symbol's own train samples: the forecast without skill."""

    @property
    def what(self) -> str:
        """See Arm."""
        return "class shares among the symbol's train samples"

    def forecast(self, task: FoldTask) -> npt.NDArray[np.float64]:
        """See Untrained."""
        return prior_forecast(task.whole.ledger, task.rows, task.whole.parts.positions(TRAIN))


@dataclass(frozen=True, kw_only=True, slots=True)
class MechanicalBaseline:
    """What the labels' own mechanics say: for ZigZag the retracement rule."""

    @property
    def what(self) -> str:
        """See Arm."""
        return "class shares among train samples of all symbols in the same state of the labels' own mechanics"

    def forecast(self, task: FoldTask) -> npt.NDArray[np.float64]:
        """See Untrained."""
        return rule_forecast(task.whole.ledger, task.rows, task.whole.parts.positions(TRAIN))


def _of_all(task: FoldTask, values: Mapping[str, Any]) -> Iterable[TrainingTask]:
    """Train on all symbols, score on all compared ones."""
    for seed in task.seeds:
        yield TrainingTask(
            name=f"all/{seed}",
            symbol="",
            seed=seed,
            values=values,
            prepared=task.whole,
            test=task.rows,
            rows=task.rows,
            start=None,
            change=None,
            like=task.whole,
        )


def _of_one(
    task: FoldTask,
    index: int,
    *,
    values: Mapping[str, Any],
    prepared: FoldDataset,
    like: FoldDataset,
    starts: Mapping[int, Start] | None,
    change: FineTuning | None,
) -> Iterable[TrainingTask]:
    """Train and score on one symbol."""
    symbol, test = prepared.ledger.symbols[0], prepared.parts.positions(TEST)
    rows = np.flatnonzero(task.whole.ledger.symbol == index)[test]
    for seed in task.seeds:
        yield TrainingTask(
            name=f"{symbol}/{seed}",
            symbol=symbol,
            seed=seed,
            values=values,
            prepared=prepared,
            test=test,
            rows=rows,
            start=None if starts is None else starts[seed],
            change=change,
            like=like,
        )

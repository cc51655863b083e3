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

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np
import torch

from multisymbol.arrays import Floats, Ints
from multisymbol.comparison.result import BudgetUnit
from multisymbol.learning.finetuning import FineTuning
from multisymbol.samples.dataset import DataSpec, FoldDataset
from multisymbol.samples.fold import TEST, TRAIN
from multisymbol.samples.left_out import dealt
from multisymbol.samples.views import matched_view, own_view, tuned_view, without_view
from multisymbol.serving.scores import prior_forecast, rule_forecast
from multisymbol.training.fit import FitSpec

_Made = TypeVar("_Made")
Start: TypeAlias = Mapping[str, torch.Tensor]
"""First weights of a training, by parameter name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldTask:
    """What all arms of a fold share."""

    data: DataSpec  # the samples of the universe
    fit: FitSpec  # how the universal arm's network is fitted
    whole: FoldDataset  # the universe's data of the fold
    compared: tuple[int, ...]  # numbers of the symbols that are compared in it
    seeds: tuple[int, ...]
    budget: BudgetUnit  # what universal and single models have in equal number

    @property
    def rows(self) -> Ints:
        """Ledger positions of the compared test rows, ascending."""
        test = self.whole.parts.positions(TEST)
        return test[np.isin(self.whole.ledger.symbol[test], self.compared)]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingTask:
    """One network to be trained, and the rows it is scored on."""

    name: str  # unique within the arm and fold
    symbol: str = ""  # whose model it is; empty where it is for several
    fit: FitSpec  # how it is fitted; its seed is that of first weights, order and dropout
    dataset: FoldDataset
    test: Ints  # rows it is scored on, positions in its own ledger
    rows: Ints  # the same rows in the universe's ledger
    like: FoldDataset  # data whose mixture gives the loss its class weights
    start: Start | None = None  # first weights; None: random ones
    change: FineTuning | None = None  # which of them may change; None: all, from random ones


class Arm(Protocol):
    """A file in `conf/arms`."""

    @property
    def description(self) -> str:
        """What it is, for people."""
        ...


@runtime_checkable
class TrainedArm(Arm, Protocol):
    """An arm with networks."""

    @property
    def change(self) -> FineTuning | None:
        """Which weights may change of the universal network that it starts from; None: it starts from random ones."""
        return None

    def fit(self, universal: FitSpec) -> FitSpec:
        """Return how its networks are fitted, given how the universal arm's is."""
        return universal

    def trainings(self, task: FoldTask, starts: Mapping[int, Start]) -> list[TrainingTask]:
        """List its trainings in a fold, given the universal model's weights by seed where it starts from them."""
        ...


@runtime_checkable
class UntrainedArm(Arm, Protocol):
    """An arm without a network."""

    def forecast(self, task: FoldTask) -> Floats:
        """Return probabilities for the task's rows, shape (n, 3)."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Universal(TrainedArm):
    """One network for all symbols of the universe."""

    @property
    def description(self) -> str:
        """See Arm."""
        return "one network for all symbols"

    def trainings(self, task: FoldTask, starts: Mapping[int, Start]) -> list[TrainingTask]:
        """See TrainedArm."""
        fit, whole, rows = self.fit(task.fit), task.whole, task.rows
        return _each_seed(task, TrainingTask(name="all", fit=fit, dataset=whole, test=rows, rows=rows, like=whole))


@dataclass(frozen=True, kw_only=True, slots=True)
class Pooled(Universal):
    """Between the two: one network for all symbols that learns a vector for each.

    Args:
        embedding_dim: Numbers in it.
        unknown_dropout: Share of samples shown without it.
    """

    embedding_dim: int
    unknown_dropout: float

    @property
    def description(self) -> str:
        """See Arm."""
        return f"one network for all symbols with {self.embedding_dim} learned numbers for each"

    def fit(self, universal: FitSpec) -> FitSpec:
        """See TrainedArm."""
        vector = {"embedding_dim": self.embedding_dim, "unknown_dropout": self.unknown_dropout}
        return replace(universal, network=_bound(universal.network, embedding="symbol", **vector))


@dataclass(frozen=True, kw_only=True, slots=True)
class Single(TrainedArm):
    """One network for each symbol, from its own samples alone.

    Where budgets are matched in steps, an epoch draws them again until it has the universal model's steps.
    """

    @property
    def description(self) -> str:
        """See Arm."""
        return "one network for each symbol, of the same form"

    def trainings(self, task: FoldTask, starts: Mapping[int, Start]) -> list[TrainingTask]:
        """See TrainedArm."""
        found: list[TrainingTask] = []
        for index in task.compared:
            own = own_view(task.data, task.whole, index)
            in_steps = task.budget == "steps"
            taught = matched_view(own, task.whole, batch_size=task.fit.batch_size) if in_steps else own
            found += _each_seed(task, _of_one(task, index, fit=task.fit, dataset=taught, like=own))
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

    @property
    def description(self) -> str:
        """See Arm."""
        further = f"the universal network, {self.epochs} epochs further on the symbol alone at lr {self.lr:g}"
        return f"{further}, changing {self.change.what}"

    def fit(self, universal: FitSpec) -> FitSpec:
        """See TrainedArm."""
        schedule = universal.schedule
        if isinstance(schedule.factory, partial) and "T_max" in schedule.factory.keywords:  # a cosine ends with it
            schedule = replace(schedule, factory=_bound(schedule.factory, T_max=self.epochs))
        optimizer = _bound(universal.optimizer, lr=self.lr)
        trainer = _bound(universal.trainer, max_epochs=self.epochs)
        return replace(universal, optimizer=optimizer, schedule=schedule, trainer=trainer)

    def trainings(self, task: FoldTask, starts: Mapping[int, Start]) -> list[TrainingTask]:
        """See TrainedArm."""
        fit, whole, found = self.fit(task.fit), task.whole, list[TrainingTask]()
        for index in task.compared:
            own = tuned_view(task.data, whole, index)
            training = _of_one(task, index, fit=fit, dataset=own, like=whole, change=self.change)
            found += _each_seed(task, training, starts)
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class ZeroShot(TrainedArm):
    """The universal network for symbols it was never shown: groups of symbols are left out in turn.

    A symbol that is alone in its asset class is in no group: nobody could scale it. Nor is one scored in a fold in
    which no other of its class trains.

    Args:
        groups: As many trainings; symbols of each class are spread over them.
        seed: Deals the symbols.
    """

    groups: int
    seed: int

    @property
    def description(self) -> str:
        """See Arm."""
        return f"one network for all symbols but those it is scored on, {self.groups} groups left out in turn"

    def trainings(self, task: FoldTask, starts: Mapping[int, Start]) -> list[TrainingTask]:
        """See TrainedArm."""
        ledger, found = task.whole.ledger, list[TrainingTask]()
        for number, names, left_out in self.unseen(task):
            own = without_view(task.data, task.whole, names)
            rows = task.rows[np.isin(ledger.symbol[task.rows], left_out)]
            name, fit = f"group {number}", task.fit
            found += _each_seed(task, TrainingTask(name=name, fit=fit, dataset=own, test=rows, rows=rows, like=own))
        return found

    def unseen(self, task: FoldTask) -> list[tuple[int, tuple[str, ...], list[int]]]:
        """List the groups that can be left out: number, symbols, and which of these can be scored, by number."""
        ledger = task.whole.ledger
        scaled = task.data.scaling.method != "none"
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
    def description(self) -> str:
        """See Arm."""
        return "class shares among the symbol's train samples"

    def forecast(self, task: FoldTask) -> Floats:
        """See UntrainedArm."""
        return prior_forecast(task.whole.ledger, task.rows, task.whole.parts.positions(TRAIN))


@dataclass(frozen=True, kw_only=True, slots=True)
class MechanicalBaseline:
    """A forecast from the label's construction alone: for ZigZag the retracement rule."""

    @property
    def description(self) -> str:
        """See Arm."""
        return "class shares among train samples of all symbols in the same state of the labels' own mechanics"

    def forecast(self, task: FoldTask) -> Floats:
        """See UntrainedArm."""
        return rule_forecast(task.whole.ledger, task.rows, task.whole.parts.positions(TRAIN))


def _bound(factory: Callable[..., _Made], **changes: Any) -> Callable[..., _Made]:
    """Return a factory with keyword arguments replaced; its own signature need not name them."""
    return partial(factory, **changes)


def _each_seed(task: FoldTask, training: TrainingTask, starts: Mapping[int, Start] | None = None) -> list[TrainingTask]:
    """List the same training with each seed of the task, from random weights or from those of its seed."""
    return [
        replace(
            training,
            name=f"{training.name}/{seed}",
            fit=replace(training.fit, seed=seed),
            start=None if starts is None else starts[seed],
        )
        for seed in task.seeds
    ]


def _of_one(
    task: FoldTask,
    index: int,
    *,
    fit: FitSpec,
    dataset: FoldDataset,
    like: FoldDataset,
    change: FineTuning | None = None,
) -> TrainingTask:
    """Train and score on one symbol."""
    name, test = dataset.ledger.symbols[0], dataset.parts.positions(TEST)
    rows = np.flatnonzero(task.whole.ledger.symbol == index)[test]
    return TrainingTask(
        name=name, symbol=name, fit=fit, dataset=dataset, test=test, rows=rows, like=like, change=change
    )

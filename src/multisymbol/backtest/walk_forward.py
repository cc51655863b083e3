"""Walk-forward: models trained fold by fold, each traded on the time that follows its own training."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from multisymbol.backtest.prediction_source import (
    OWN,
    UNIVERSAL,
    Arm,
    FoldModel,
    Histories,
    NoFoldModel,
    SymbolPredictions,
    predict_all,
    read_histories,
)
from multisymbol.backtest.predictions import Predictor
from multisymbol.errors import BacktestError
from multisymbol.markets.symbols import Universe
from multisymbol.markets.time import iso
from multisymbol.progress import Terminal
from multisymbol.samples.dataset import FoldDataset, no_own_model, prepare_folds
from multisymbol.serving.served_model import Model
from multisymbol.training.fit import assess, fit_network
from multisymbol.training.register import bundle_of, spans
from multisymbol.training.run import single_models
from multisymbol.training.run_folder import begin_note, check_reuse, read_note
from multisymbol.training.spec import TrainSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class RetrainedModelsSpec:
    """Models trained for each fold, traded on its test span."""

    train: TrainSpec  # the training; its split cuts the folds, its folder, run and registration are not used
    universe: Universe  # symbols to trade: those of the training, or some of them
    # Kinds of model traded on the same bars; empty: the kind that the mode of the training names
    arms: tuple[Arm, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RetrainedModels:
    """The folds of a universe in order of time, prepared once for all arms; `run_dir` holds the checkpoints."""

    spec: RetrainedModelsSpec
    folds: Sequence[FoldDataset]
    histories: Histories
    run_dir: Path
    terminal: Terminal

    @classmethod
    def prepare(cls, spec: RetrainedModelsSpec, run_dir: Path, terminal: Terminal) -> "RetrainedModels":
        """Read the bars and cut the folds.

        Raises:
            BacktestError: They do not follow one another in time.
            MultisymbolError: As `prepare_folds`.
        """
        data = spec.train.data
        histories = read_histories(spec.universe, data.source, period=data.period, terminal=terminal)
        folds = prepare_folds(data, terminal)
        problems = list(_gaps(folds))
        if problems:
            cure = "say split=walk_forward split.step=null: each test then begins where the one before ends"
            raise BacktestError("\n".join(["the folds cannot be stitched", *problems, cure]))
        return cls(spec=spec, folds=folds, histories=histories, run_dir=run_dir, terminal=terminal)

    @property
    def arms(self) -> Sequence[Arm]:
        """See PredictionSource."""
        return self.spec.arms or ((OWN,) if self.spec.train.run.mode == "per_symbol" else (UNIVERSAL,))

    def predict(self, arm: str) -> SymbolPredictions:
        """See PredictionSource: train a model for each fold, or for each fold and symbol, and predict its test span."""
        models = self._fit_all(arm)
        symbols = self.histories.universe.symbols
        who = {symbol: [each.predictor for each in models if symbol in each.symbols] for symbol in symbols}
        without = {symbol: "no fold trains a model for it" for symbol, predictors in who.items() if not predictors}
        predicted = predict_all(
            {symbol: each for symbol, each in who.items() if each}, self.histories, terminal=self.terminal
        )
        return SymbolPredictions(
            predictions=predicted.predictions,
            left_out={**without, **predicted.left_out},
            account="".join(f"{each.predictor.name}: seen until {iso(each.predictor.seen_until)}\n" for each in models),
            fold_models=tuple(models),
            without_model=self.without_model(arm),
        )

    def without_model(self, arm: str) -> tuple[NoFoldModel, ...]:
        """List the symbols that are tested in a fold, but cannot have a model of their own there."""
        return tuple(each for fold in self.folds for each in _without_model(fold)) if arm == OWN else ()

    def trainings(self, arm: str) -> Iterator[tuple[TrainSpec, FoldDataset]]:
        """Yield the training and the data of each model, fold by fold; a fold's are let go before the next one's."""
        for fold in self.folds:
            if arm == OWN:
                without = [each.symbol for each in _without_model(fold)]
                yield from single_models(self.spec.train, fold, without=without)
            else:
                yield self.spec.train, fold

    def _fit_all(self, arm: str) -> list[FoldModel]:
        models: list[FoldModel] = []
        without = {(each.fold, each.symbol) for each in self.without_model(arm)}
        counts = ((fold.parts.fold.name, count) for fold in self.folds for count in fold.parts.counts)
        own = sum(count.role == "trained" and (name, count.symbol) not in without for name, count in counts)
        total = own if arm == OWN else len(self.folds)
        with self.terminal.progress(f"train {arm}") as progress:
            for done, (spec, dataset) in enumerate(self.trainings(arm), start=1):
                models.append(self._fit(spec, dataset, arm=arm))
                progress(models[-1].predictor.name, done, total)
        return models

    def _fit(self, spec: TrainSpec, dataset: FoldDataset, *, arm: str) -> FoldModel:
        fold = dataset.parts.fold
        symbols = dataset.universe.symbols
        own = arm == OWN
        name = f"{symbols[0]}, {fold.name}" if own else fold.name
        whose = dataset.universe.configs[0].slug if own else arm
        folder = self.run_dir / "folds" / f"{whose}-{fold.name.replace(' ', '-')}"
        if changed := check_reuse(folder, spec.run.record, dataset):
            self.terminal.fact("code", f"{', '.join(changed)} changed since {name} was begun; it is used as it is now")
        if read_note(folder) is None:
            begin_note(folder, spec.run.record, dataset)
        module, fitted = fit_network(spec.fit, dataset, folder, resume=True)
        result = assess(module, fitted, spec.fit, dataset)
        bundle = bundle_of(result, spec, dataset, similarity={})
        seen_until = spans(dataset)["train_until"]
        assert seen_until < fold.test_from, "a fold tests what it has seen"
        return FoldModel(
            fold=fold.name,
            symbols=symbols,
            predictor=Predictor(
                model=Model.of(bundle, name=name, version=None),
                name=name,
                role="retrained",
                seen_until=seen_until,
                # A fold tests decisions from `test_from` on, before `test_until`.
                after=fold.test_from - 1,
                until=fold.test_until - 1,
            ),
            rows=sum(count.train for count in dataset.parts.counts),
            scores=result.pooled(),
        )


def _without_model(fold: FoldDataset) -> list[NoFoldModel]:
    """Say of which symbols that are tested in a fold none can be trained, and why."""
    name = fold.parts.fold.name
    return [
        NoFoldModel(fold=name, symbol=count.symbol, reason=reason)
        for index, count in enumerate(fold.parts.counts)
        if (reason := no_own_model(fold, index)) and count.test
    ]


def _gaps(folds: Sequence[FoldDataset]) -> Iterator[str]:
    for each in (dataset.parts.fold for dataset in folds):
        if each.blocks or each.left_out:
            yield f"  {each.name} was cut to be tested, not to be traded: it leaves symbols or spans of time out"
    for before, after in pairwise(dataset.parts.fold for dataset in folds):
        if before.test_until != after.test_from:
            yield f"  {before.name} ends at {iso(before.test_until)}, {after.name} begins at {iso(after.test_from)}"

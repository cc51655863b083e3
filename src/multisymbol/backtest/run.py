"""A whole backtest: models predict bars they have not seen, and their predictions are traded.

BacktestSpec ─> PredictionSource ─> predictions of each arm, on the same bars ─> Backtest of each arm
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from multisymbol.backtest.engine import ELSEWHERE, Backtest, BacktestSettings, run_backtest
from multisymbol.backtest.prediction_source import (
    Histories,
    PredictionSource,
    StoredModels,
    StoredModelsSpec,
    SymbolPredictions,
)
from multisymbol.backtest.predictions import in_common
from multisymbol.backtest.walk_forward import RetrainedModels, RetrainedModelsSpec
from multisymbol.errors import BacktestError
from multisymbol.progress import Terminal

ModelsSpec: TypeAlias = StoredModelsSpec | RetrainedModelsSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class BacktestSpec:
    """A backtest: whose predictions are traded (stored models, or models trained fold by fold), and how."""

    models: ModelsSpec
    settings: BacktestSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class BacktestResult:
    """What a backtest came to."""

    arms: Mapping[str, Backtest]  # kind of model -> backtest; a single one where nothing is set against anything
    # Kind of model -> the predictions that were traded, and how their models were chosen or trained
    predictions: Mapping[str, SymbolPredictions]
    histories: Histories  # the bars

    @property
    def first(self) -> Backtest:
        """Backtest of the first arm."""
        return next(iter(self.arms.values()))

    @property
    def seen(self) -> bool:
        """Whether a model had seen bars that were traded: such a backtest proves nothing."""
        return any(each.seen_bars for each in self.arms.values())


def run(spec: BacktestSpec, folder: Path, terminal: Terminal) -> BacktestResult:
    """Run a backtest; `folder` holds the checkpoints where models are trained, stored models write nothing.

    Raises:
        MultisymbolError: Bars, models or rules that cannot be traded, each with its cure.
    """
    return trade_all(prediction_source(spec.models, folder, terminal), settings=spec.settings)


def prediction_source(spec: ModelsSpec, folder: Path, terminal: Terminal) -> PredictionSource:
    """Read the bars, and list the stored models or cut the folds; raises MultisymbolError as `run`."""
    if isinstance(spec, RetrainedModelsSpec):
        return RetrainedModels.prepare(spec, folder, terminal)
    return StoredModels.open(spec, terminal)


def trade_all(source: PredictionSource, *, settings: BacktestSettings) -> BacktestResult:
    """Let the models of every arm predict, and trade; several arms on the symbols and bars that all of them can trade.

    Raises MultisymbolError as `run`.
    """
    predicted = {arm: source.predict(arm) for arm in source.arms}
    if len(predicted) > 1 and all(each.predictions for each in predicted.values()):
        predicted = _matched(predicted)
    return BacktestResult(
        arms={
            arm: run_backtest(each.predictions, settings=settings, left_out=each.left_out)
            for arm, each in predicted.items()
        },
        predictions=predicted,
        histories=source.histories,
    )


def _matched(predicted: Mapping[str, SymbolPredictions]) -> dict[str, SymbolPredictions]:
    """Keep the symbols that all arms predict, each at the bars at which all are asked; refuse where there are none."""
    own = {arm: {each.config.symbol: each for each in of_arm.predictions} for arm, of_arm in predicted.items()}
    kept = {
        symbol: dict(zip(predicted, common, strict=True))
        for symbol in set.intersection(*(set(each) for each in own.values()))
        if (common := in_common([each[symbol] for each in own.values()]))
    }
    if not kept:
        raise BacktestError(
            f"no symbol is traded by all of the arms {', '.join(predicted)}; train the models that are missing"
        )
    return {
        arm: replace(
            of_arm,
            predictions=[kept[symbol][arm] for symbol in own[arm] if symbol in kept],
            left_out={**of_arm.left_out, **{symbol: ELSEWHERE for symbol in own[arm] if symbol not in kept}},
        )
        for arm, of_arm in predicted.items()
    }

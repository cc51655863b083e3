"""What a training came to, for models of direction and for models of return: scores, tables, pictures, forecasts."""

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import pandas as pd

from multisymbol.arrays import Ints
from multisymbol.labels.labels import CLASSES
from multisymbol.learning.module import DirectionModule
from multisymbol.learning.trainer import FitResult
from multisymbol.samples.dataset import FoldDataset
from multisymbol.serving.calibration import Temperature
from multisymbol.serving.inference import Probabilities, Returns
from multisymbol.serving.metrics import DIRECTION, FORWARD_RETURN, ScoreKind
from multisymbol.serving.return_scores import ReturnEvaluation
from multisymbol.serving.scores import Evaluation


@dataclass(frozen=True, kw_only=True)
class EvaluationResult(ABC):
    """What is recorded of a model, whatever it forecasts."""

    fitted: FitResult  # the fit
    module: DirectionModule  # with the best epoch's weights
    evaluation: Any  # scores on the test rows beside the no-skill forecasts
    kind: ScoreKind  # the metrics of the scores

    def pooled(self) -> dict[str, float]:
        """Name the scores over all test rows."""
        overall = self.evaluation.overall
        return self.kind.stored(overall.named, rows=overall.model.rows, pooled=True)

    def by_symbol(self) -> dict[str, dict[str, float]]:
        """Name the same scores of each symbol, and what else is known of it."""
        return {
            symbol: self.kind.stored(scored.named, rows=scored.model.rows, pooled=False)
            for symbol, scored in self.evaluation.by_symbol.items()
        }

    @abstractmethod
    def predictions(self, dataset: FoldDataset) -> pd.DataFrame:
        """Return one row per test sample: symbol, decided_at, resolved_at, truth and forecast."""

    @abstractmethod
    def more_metrics(self) -> dict[str, float]:
        """Name numbers of the whole run that have no counterpart per symbol."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """Return what a stored model must know to turn outputs into forecasts."""


@dataclass(frozen=True, kw_only=True)
class DirectionResult(EvaluationResult):
    """A model of BUY, HOLD and SELL."""

    temperature: Temperature  # fitted on validation, applied to test
    test: Probabilities  # probabilities of the test rows, after it
    evaluation: Evaluation
    before: Evaluation  # the scores without the temperature
    kind: ScoreKind = DIRECTION

    def predictions(self, dataset: FoldDataset) -> pd.DataFrame:
        """See EvaluationResult."""
        rows = self.test.positions
        label = pd.Categorical.from_codes(dataset.ledger.label[rows], pd.Index(CLASSES))
        forecast = {f"p_{name.lower()}": self.test.prob[:, place] for place, name in enumerate(CLASSES)}
        return _sample_rows(dataset, rows).assign(label=label, **forecast)

    def more_metrics(self) -> dict[str, float]:
        """See EvaluationResult."""
        overall = self.evaluation.overall
        return {
            "test/direction_skill": overall.direction.skill,
            "test/activity_skill": overall.activity.skill,
            "calibration/temperature": self.temperature.value,
            "calibration/val_log_loss_before": self.temperature.log_loss_before,
            "calibration/val_log_loss_after": self.temperature.log_loss_after,
        }

    def facts(self) -> dict[str, Any]:
        """See EvaluationResult."""
        temperature = self.temperature
        return {
            "task": self.kind.task,
            "classes": list(CLASSES),
            "log_class_weights": self.module.loss.log_weights.tolist(),
            "temperature": temperature.value,
            "calibration": {name: getattr(temperature, name) for name in ("log_loss_before", "log_loss_after")},
        }


@dataclass(frozen=True, kw_only=True)
class ReturnResult(EvaluationResult):
    """A model of the forward return; no skill is a forecast of zero."""

    test: Returns
    evaluation: ReturnEvaluation
    kind: ScoreKind = FORWARD_RETURN

    def predictions(self, dataset: FoldDataset) -> pd.DataFrame:
        """See EvaluationResult."""
        rows = self.test.positions
        return _sample_rows(dataset, rows).assign(target=dataset.ledger.target[rows], forecast=self.test.forecast)

    def more_metrics(self) -> dict[str, float]:
        """See EvaluationResult."""
        cross = self.evaluation.cross_section
        if cross is None:
            return {}
        return {f"test/cross_section_{name}": float(value) for name, value in dataclasses.asdict(cross).items()}

    def facts(self) -> dict[str, Any]:
        """See EvaluationResult."""
        return {"task": self.kind.task, "classes": []}


def _sample_rows(dataset: FoldDataset, rows: Ints) -> pd.DataFrame:
    """Say whose and when each row is: forecasts are joined by these, never by position."""
    ledger = dataset.ledger
    return pd.DataFrame(
        {
            "symbol": pd.Categorical.from_codes(ledger.symbol[rows], pd.Index(ledger.symbols)),
            "decided_at": pd.to_datetime(ledger.decided_at[rows], unit="ns", utc=True),
            "resolved_at": pd.to_datetime(ledger.resolved_at[rows], unit="ns", utc=True),
        }
    )

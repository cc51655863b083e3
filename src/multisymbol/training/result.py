"""What a training came to, for models of direction and for models of return: scores, tables, pictures, forecasts."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from multisymbol.labels.labels import CLASSES
from multisymbol.learning.module import DirectionModule
from multisymbol.learning.trainer import FitResult
from multisymbol.samples.dataset import FoldDataset
from multisymbol.serving.calibration import Temperature
from multisymbol.serving.inference import Probabilities, Returns
from multisymbol.serving.return_scores import ReturnEvaluation, ReturnSkillScores
from multisymbol.serving.scores import Evaluation, SkillScores


class EvaluationResult(Protocol):
    """What is recorded of a model, whatever it forecasts."""

    @property
    def fitted(self) -> FitResult:
        """The fit."""
        ...

    @property
    def module(self) -> DirectionModule:
        """With the best epoch's weights."""
        ...

    def predictions(self, dataset: FoldDataset) -> pd.DataFrame:
        """Return one row per test sample: symbol, decided_at, resolved_at, truth and forecast."""
        ...

    def pooled(self) -> dict[str, float]:
        """Name the scores over all test rows."""
        ...

    def by_symbol(self) -> dict[str, dict[str, float]]:
        """Name the same scores of each symbol, and what else is known of it."""
        ...

    def more_metrics(self) -> dict[str, float]:
        """Name numbers of the whole run that have no counterpart per symbol."""
        ...

    def facts(self) -> dict[str, Any]:
        """Return what a stored model must know to turn outputs into forecasts."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class DirectionResult:
    """A model of BUY, HOLD and SELL.

    Args:
        fitted: The fit.
        module: With the best epoch's weights.
        temperature: Fitted on validation, applied to test.
        test: Probabilities of the test rows, after it.
        evaluation: Scores on the test rows beside the no-skill forecasts.
        before: The same scores without the temperature.
    """

    fitted: FitResult
    module: DirectionModule
    temperature: Temperature
    test: Probabilities
    evaluation: Evaluation
    before: Evaluation

    def predictions(self, dataset: FoldDataset) -> pd.DataFrame:
        """See EvaluationResult."""
        rows = self.test.positions
        label = pd.Categorical.from_codes(dataset.ledger.label[rows], pd.Index(CLASSES))
        forecast = {f"p_{name.lower()}": self.test.prob[:, place] for place, name in enumerate(CLASSES)}
        return _sample_rows(dataset, rows).assign(label=label, **forecast)

    def pooled(self) -> dict[str, float]:
        """See EvaluationResult."""
        return _direction_scores(self.evaluation.overall)

    def by_symbol(self) -> dict[str, dict[str, float]]:
        """See EvaluationResult."""
        return {
            symbol: {
                **_direction_scores(worth),
                "test_prior_log_loss": worth.prior.log_loss,
                "test_rule_log_loss": worth.rule.log_loss,
            }
            for symbol, worth in self.evaluation.by_symbol.items()
        }

    def more_metrics(self) -> dict[str, float]:
        """See EvaluationResult."""
        return {
            "test/direction_skill": self.evaluation.overall.direction.skill,
            "test/activity_skill": self.evaluation.overall.activity.skill,
            "calibration/temperature": self.temperature.value,
            "calibration/val_log_loss_before": self.temperature.log_loss_before,
            "calibration/val_log_loss_after": self.temperature.log_loss_after,
        }

    def facts(self) -> dict[str, Any]:
        """See EvaluationResult."""
        return {
            "task": "direction",
            "classes": list(CLASSES),
            "log_class_weights": self.module.loss.log_weights.tolist(),
            "temperature": self.temperature.value,
            "calibration": {
                "log_loss_before": self.temperature.log_loss_before,
                "log_loss_after": self.temperature.log_loss_after,
            },
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class ReturnResult:
    """A model of the forward return.

    Args:
        fitted: The fit.
        module: With the best epoch's weights.
        test: Forecasts of the test rows.
        evaluation: Scores on the test rows beside a forecast of zero.
    """

    fitted: FitResult
    module: DirectionModule
    test: Returns
    evaluation: ReturnEvaluation

    def predictions(self, dataset: FoldDataset) -> pd.DataFrame:
        """See EvaluationResult."""
        rows = self.test.positions
        return _sample_rows(dataset, rows).assign(target=dataset.ledger.target[rows], forecast=self.test.forecast)

    def pooled(self) -> dict[str, float]:
        """See EvaluationResult."""
        return _return_scores(self.evaluation.overall)

    def by_symbol(self) -> dict[str, dict[str, float]]:
        """See EvaluationResult."""
        return {symbol: _return_scores(worth) for symbol, worth in self.evaluation.by_symbol.items()}

    def more_metrics(self) -> dict[str, float]:
        """See EvaluationResult."""
        cross = self.evaluation.cross_section
        if cross is None:
            return {}
        return {f"test/cross_section_{name}": float(value) for name, value in dataclasses.asdict(cross).items()}

    def facts(self) -> dict[str, Any]:
        """See EvaluationResult."""
        return {"task": "forward_return", "classes": []}


def _sample_rows(dataset: FoldDataset, rows: "np.typing.NDArray[np.int64]") -> pd.DataFrame:
    """Say whose and when each row is: forecasts are joined by these, never by position."""
    ledger = dataset.ledger
    return pd.DataFrame(
        {
            "symbol": pd.Categorical.from_codes(ledger.symbol[rows], pd.Index(ledger.symbols)),
            "decided_at": pd.to_datetime(ledger.decided_at[rows], unit="ns", utc=True),
            "resolved_at": pd.to_datetime(ledger.resolved_at[rows], unit="ns", utc=True),
        }
    )


def _direction_scores(worth: SkillScores) -> dict[str, float]:
    no_skill = worth.prior if worth.no_skill == "prior" else worth.rule
    return {
        "test_log_loss": worth.model.log_loss,
        "test_no_skill_log_loss": no_skill.log_loss,
        "test_skill": worth.skill,
        "test_balanced_accuracy": worth.model.balanced_accuracy,
        "test_no_skill_balanced_accuracy": no_skill.balanced_accuracy,
        "test_macro_f1": worth.model.macro_f1,
        "test_mcc": worth.model.mcc,
        "test_brier": worth.model.brier,
        "test_rows": float(worth.model.rows),
    }


def _return_scores(worth: ReturnSkillScores) -> dict[str, float]:
    return {
        "test_huber": worth.model.huber,
        "test_zero_huber": worth.zero.huber,
        "test_skill": worth.skill,
        "test_r2": worth.r2,
        "test_ic": worth.model.ic,
        "test_rank_ic": worth.rank_ic,
        "test_sign_accuracy": worth.model.sign_accuracy,
        "test_rows": float(worth.model.rows),
    }

"""Test scores, each declared once: tables, model cards, MLflow metrics and stored metadata follow the declaration.

A metric of our own is one more `ScoreMetric` in `DIRECTION` or `FORWARD_RETURN`. A metric of the user's own is a
subclass whose fields have defaults, named by the configuration:

    @dataclass(frozen=True, kw_only=True)
    class Confidence(ScoreMetric):
        name: str = "confidence"
        heading: str = "confident"
        better: Better = "higher"
        of: Callable[[DirectionRows], float] = lambda rows: rows.model.max(axis=1).mean()

    metrics: {confidence: {_target_: mypackage.metrics.Confidence}}

Nothing here needs torch, so that commands that only list models start quickly.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from typing import Any, Literal

from multisymbol.labels.labels import CLASSES

Shown = Literal["tables", "card", "stored"]
Better = Literal["lower", "higher"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreMetric:
    """One score of a model on test rows."""

    name: str  # stored as `test_<name>`, logged as `test/<name>`, column `<name>` of CSV files
    heading: str  # column heading in tables
    better: Better  # which values are better
    # Attribute of `SkillScores` or `ReturnSkillScores` with dots, or a function of the scored rows (`DirectionRows` or
    # `ReturnRows`)
    of: str | Callable[[Any], float]
    form: str = ".3f"  # format of the number
    # `tables`: in a run's table and on the card; `card`: on the card only; `stored`: in neither
    shown: Shown = "tables"
    each_symbol: bool = False  # whether MLflow gets it for each symbol too, as `test/<name>/<symbol>`
    pooled: bool = True  # whether it is also stored over the rows of all symbols together
    task: Literal["direction", "forward_return"] = "direction"  # kind of model it is for

    @property
    def key(self) -> str:
        """Name in stored metadata."""
        return f"test_{self.name}"

    def score(self, rows: Any, scores: Any) -> float:
        """Compute it from `DirectionRows` or `ReturnRows`, and the `SkillScores` or `ReturnSkillScores` on them."""
        return float(attrgetter(self.of)(scores) if isinstance(self.of, str) else self.of(rows))


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreKind:
    """Scores of one kind of model."""

    task: str  # name of what is forecast in stored metadata
    forecast: str  # the same in words, as in "a model of ..."
    without_skill: str  # the forecast that needs no skill, in a few words
    explained: str  # the same in a sentence's length
    title: str  # heading of its tables
    # In the order in which they are stored and shown. The first is the loss it was trained for, the second that of the
    # forecast without skill
    metrics: tuple[ScoreMetric, ...]

    @property
    def loss(self) -> ScoreMetric:
        """Loss of the model."""
        return self.metrics[0]

    @property
    def reference(self) -> ScoreMetric:
        """Loss of the forecast without skill."""
        return self.metrics[1]

    def extended(self, metrics: Iterable[ScoreMetric]) -> "ScoreKind":
        """Return the kind with further metrics, those of other kinds left out."""
        return replace(self, metrics=(*self.metrics, *(metric for metric in metrics if metric.task == self.task)))

    def named(self, rows: Any, scores: Any) -> dict[str, float]:
        """Compute every metric: name -> value."""
        return {metric.name: metric.score(rows, scores) for metric in self.metrics}

    def stored(self, named: Mapping[str, float], *, rows: int, pooled: bool) -> dict[str, float]:
        """Return scores as they are stored: those over all symbols, or those of one symbol, which are more."""
        values = {metric: named[metric.name] for metric in self.metrics if metric.name in named}
        common = {metric.key: value for metric, value in values.items() if metric.pooled}
        by_symbol = {} if pooled else {metric.key: value for metric, value in values.items() if not metric.pooled}
        return {**common, "test_rows": float(rows), **by_symbol}

    def shown(self, *places: Shown) -> list[ScoreMetric]:
        """Return the metrics that are shown in these places."""
        return [metric for metric in self.metrics if metric.shown in places]


_lower, _higher = partial(ScoreMetric, better="lower"), partial(ScoreMetric, better="higher")
_SKILL = _higher(name="skill", heading="skill", of="skill", form=".1%", shown="card", each_symbol=True)


DIRECTION = ScoreKind(
    task="direction",
    forecast=f"{', '.join(CLASSES[:-1])} and {CLASSES[-1]}",
    without_skill="the better of prior and rule",
    explained="the better of the symbol's own class shares (prior) and the labels' own mechanics (rule)",
    title="test",
    metrics=(
        _lower(name="log_loss", heading="log-loss", of="model.log_loss", each_symbol=True),
        _lower(name="no_skill_log_loss", heading="no-skill", of="reference.log_loss"),
        _SKILL,
        _higher(name="balanced_accuracy", heading="bal.acc", of="model.balanced_accuracy"),
        _higher(name="no_skill_balanced_accuracy", heading="no-skill acc", of="reference.balanced_accuracy"),
        _higher(name="macro_f1", heading="macro F1", of="model.macro_f1", shown="stored"),
        _higher(name="mcc", heading="MCC", of="model.mcc"),
        _lower(name="brier", heading="Brier", of="model.brier"),
        _lower(name="prior_log_loss", heading="prior", of="prior.log_loss", shown="card", pooled=False),
        _lower(name="rule_log_loss", heading="rule", of="rule.log_loss", shown="card", pooled=False),
    ),
)
FORWARD_RETURN = ScoreKind(
    task="forward_return",
    forecast="the forward return, in deviations of its horizon",
    without_skill="a forecast of zero",
    explained="a forecast of zero",
    title="test, forward return in deviations of its horizon",
    metrics=(
        _lower(name="huber", heading="Huber", of="model.huber", form=".4f", each_symbol=True),
        _lower(name="zero_huber", heading="zero", of="zero.huber", form=".4f"),
        _SKILL,
        _higher(name="r2", heading="R2 to zero", of="r2", form=".4f"),
        _higher(name="ic", heading="IC", of="model.ic", form=".4f", each_symbol=True),
        _higher(name="rank_ic", heading="rank IC", of="rank_ic", form=".4f"),
        _higher(name="sign_accuracy", heading="sign acc.", of="model.sign_accuracy", form=".4f"),
    ),
)


def skill_of(loss: float, reference: float) -> float:
    """Return 1 - loss / that of the forecast without skill: 0 is worthless, 1 perfect; NaN where that is 0."""
    return 1 - loss / reference if reference > 0 else math.nan


def kind_of(metadata: Mapping[str, Any]) -> ScoreKind:
    """Return the kind of a stored model; where metadata has no task, the kind of its test scores."""
    known = metadata.get("test", {})
    task = metadata.get("task", FORWARD_RETURN.task if FORWARD_RETURN.loss.key in known else DIRECTION.task)
    return FORWARD_RETURN if task == FORWARD_RETURN.task else DIRECTION

"""What a model's probabilities are worth beside forecasts without skill, on the same rows."""

# n rows, C class

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from multisymbol.arrays import Codes, Flags, Floats, Ints
from multisymbol.errors import SampleError
from multisymbol.labels.labels import BUY, CLASSES, HOLD, SELL
from multisymbol.learning.metrics import PROBABILITY_FLOOR, Scores, scores
from multisymbol.samples.ledger import Ledger
from multisymbol.serving.calibration import Reliability, reliability
from multisymbol.serving.metrics import DIRECTION, ScoreKind, skill_of

CALIBRATION_BINS = 10

NoSkill = Literal["prior", "rule"]
Question = Literal["direction", "activity"]


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionScores:
    """Log-loss on one yes-or-no question within the three classes; NaN without rows."""

    rows: int  # rows the question is asked of
    model: float  # mean log-loss, nats; likewise `prior` and `rule`
    prior: float
    rule: float
    no_skill: NoSkill  # which of prior and rule is the better one
    skill: float  # 1 - model / no_skill's


@dataclass(frozen=True, kw_only=True, slots=True)
class SkillScores:
    """Scores of model, prior and rule on the same rows."""

    model: Scores  # of the probabilities given
    prior: Scores  # of the class shares among train rows: the symbol's own, pooled ones for a symbol without train rows
    rule: Scores  # of P(class | state of the mechanical baseline) among train rows of all symbols
    no_skill: NoSkill  # whichever of the two has the lower log-loss on these very rows: the harder one to beat
    skill: float  # 1 - log-loss / no-skill log-loss; 0 is worthless, 1 perfect; NaN without rows
    direction: QuestionScores  # BUY against SELL, on rows whose label is not HOLD. Chosen by the label: no strategy
    activity: QuestionScores  # HOLD against the rest, on all rows
    support: tuple[int, ...]  # rows of each class
    confusion: tuple[tuple[int, ...], ...]  # rows are labels, columns decisions
    named: Mapping[str, float] = field(default_factory=dict)  # the metrics declared in `serving.metrics`, by name

    @property
    def reference(self) -> Scores:
        """Scores of the better forecast without skill."""
        return self.prior if self.no_skill == "prior" else self.rule


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """What a model is worth, over all rows and for each symbol that has some; plain numbers all through.

    `reliability` is that of each class, over all rows, in bins of equal mass.
    """

    overall: SkillScores
    by_symbol: Mapping[str, SkillScores]
    reliability: Mapping[str, Reliability]


@dataclass(frozen=True, kw_only=True, slots=True)
class DirectionRows:
    """Three forecasts of the same n rows, shape (n, C) each, and the labels that came, shape (n,)."""

    model: Floats
    prior: Floats
    rule: Floats
    label: Ints

    def only(self, chosen: Flags) -> "DirectionRows":
        """Keep some of the rows."""
        return DirectionRows(**{each.name: getattr(self, each.name)[chosen] for each in fields(self)})


def evaluate(
    prob: Floats, ledger: Ledger, positions: Ints, train_positions: Ints, *, kind: ScoreKind = DIRECTION
) -> Evaluation:
    """Score probabilities (shape (n, 3)) of rows beside the prior and the rule, both fitted on train rows alone.

    Raises:
        SampleError: No rows to score, no train rows, probabilities of another shape or that are no numbers.
    """
    _check(prob, positions, train_positions)
    rows = DirectionRows(
        model=prob,
        prior=prior_forecast(ledger, positions, train_positions),
        rule=rule_forecast(ledger, positions, train_positions),
        label=ledger.label[positions].astype(np.int64),
    )
    symbol = ledger.symbol[positions]
    tables = {name: reliability(prob[:, c], rows.label == c, bins=CALIBRATION_BINS) for c, name in enumerate(CLASSES)}
    by_symbol = {ledger.symbols[i]: _skill_scores(rows.only(symbol == i), kind) for i in np.unique(symbol)}
    return Evaluation(overall=_skill_scores(rows, kind), by_symbol=by_symbol, reliability=tables)


def prior_forecast(ledger: Ledger, positions: Ints, train_positions: Ints) -> Floats:
    """Class shares among the symbol's train rows, each class counted once more; pooled without any. Shape (n, 3)."""
    counts = _counts(ledger.label[train_positions], group=ledger.symbol[train_positions], groups=len(ledger.symbols))
    own = counts.sum(axis=1) > 0
    shares = np.where(own[:, None], _shares(counts), _shares(counts.sum(axis=0)))
    forecast: Floats = shares[ledger.symbol[positions]]
    return forecast


def rule_forecast(ledger: Ledger, positions: Ints, train_positions: Ints) -> Floats:
    """P(class | what the rule says) among train rows of all symbols, each class counted once more. Shape (n, 3).

    Rows on which the rule is silent get the pooled class shares.
    """
    rule = ledger.rule[train_positions]
    spoken = train_positions[rule >= 0]
    shares = np.empty((len(CLASSES) + 1, len(CLASSES)))
    shares[:-1] = _shares(_counts(ledger.label[spoken], group=ledger.rule[spoken], groups=len(CLASSES)))
    # Silence is -1, which indexes the last row.
    shares[-1] = _shares(np.bincount(ledger.label[train_positions], minlength=len(CLASSES)))
    forecast: Floats = shares[ledger.rule[positions]]
    return forecast


def _counts(label: Codes, *, group: npt.NDArray[np.integer[Any]], groups: int) -> Ints:
    cells = group.astype(np.int64) * len(CLASSES) + label
    return np.bincount(cells, minlength=groups * len(CLASSES)).reshape(groups, len(CLASSES))


def _shares(counts: Ints) -> Floats:
    shares: Floats = (counts + 1) / (counts + 1).sum(axis=-1, keepdims=True)
    return shares


def _skill_scores(rows: DirectionRows, kind: ScoreKind) -> SkillScores:
    model, prior, rule = (_scores(p, rows.label) for p in (rows.model, rows.prior, rows.rule))
    no_skill = _better(prior.log_loss, rule.log_loss)
    confusion = _confusion(rows.model, rows.label)
    scored = SkillScores(
        model=model,
        prior=prior,
        rule=rule,
        no_skill=no_skill,
        skill=skill_of(model.log_loss, {"prior": prior, "rule": rule}[no_skill].log_loss),
        direction=_question_scores(rows, question="direction"),
        activity=_question_scores(rows, question="activity"),
        support=tuple(confusion.sum(axis=1).tolist()),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )
    return replace(scored, named=kind.named(rows, scored))


def _question_scores(rows: DirectionRows, *, question: Question) -> QuestionScores:
    asked = rows.only(rows.label != HOLD) if question == "direction" else rows
    model, prior, rule = (
        _binary_log_loss(p, asked.label, question=question) for p in (asked.model, asked.prior, asked.rule)
    )
    no_skill = _better(prior, rule)
    skill = skill_of(model, min(prior, rule))
    return QuestionScores(rows=len(asked.label), model=model, prior=prior, rule=rule, no_skill=no_skill, skill=skill)


def _binary_log_loss(p: Floats, y: Ints, *, question: Question) -> float:
    """Mean log-loss of the answer's probability: p_label / (p_buy + p_sell), or p_hold against p_buy + p_sell."""
    if len(y) == 0:
        return math.nan
    p_label, p_move = p[np.arange(len(y)), y], p[:, BUY] + p[:, SELL]
    if question == "direction":
        p_right = p_label / np.maximum(p_move, PROBABILITY_FLOOR)
    else:
        p_right = np.where(y == HOLD, p[:, HOLD], p_move)
    return float(-np.mean(np.log(np.clip(p_right, PROBABILITY_FLOOR, 1.0))))


def _better(prior: float, rule: float) -> NoSkill:
    return "rule" if rule < prior else "prior"


def _scores(p: Floats, y: Ints) -> Scores:
    p_label = p[np.arange(len(y)), y]
    return scores(
        _confusion(p, y),
        log_loss_sum=float(-np.log(np.maximum(p_label, PROBABILITY_FLOOR)).sum()),
        brier_sum=float((np.square(p).sum(axis=1) - 2 * p_label + 1).sum()),
    )


def _confusion(p: Floats, y: Ints) -> Ints:
    classes = p.shape[1]
    return np.bincount(y * classes + p.argmax(axis=1), minlength=classes**2).reshape(classes, classes)


def _check(prob: Floats, positions: Ints, train_positions: Ints) -> None:
    problems = []
    if len(positions) == 0:
        problems.append("there are no rows to score; move the cuts in conf/split")
    if len(train_positions) == 0:
        problems.append("there are no train rows to take the no-skill forecasts from")
    if prob.shape != (len(positions), len(CLASSES)):
        problems.append(f"probabilities have shape {prob.shape}, expected {(len(positions), len(CLASSES))}")
    elif not np.allclose(prob.sum(axis=1), 1.0, atol=1e-6):
        first = int(np.flatnonzero(~np.isclose(prob.sum(axis=1), 1.0, atol=1e-6))[0])
        problems.append(f"probabilities do not sum to 1, first at row {first}: {prob[first].tolist()}")
    if problems:
        raise SampleError("; ".join(problems))

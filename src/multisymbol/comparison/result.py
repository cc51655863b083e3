"""The result of a comparison: everything its page, the store and the registry need, independent of how it was run.

    Preregistration   written down and hashed before anything is trained
    Comparison        the results on the three questions, and everything a careful reader wants to know about them

Effects are in nats per forecast: the loss of the single arm less that of the universal one, so positive effects favour
the universal model. All is plain data and arrays; equal comparisons give equal text (`to_json`).
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from multisymbol.errors import ComparisonError
from multisymbol.statistics.bootstrap import Interval
from multisymbol.statistics.compare import ComparisonResult, Diagnostics
from multisymbol.statistics.model_confidence_set import ConfidenceSet
from multisymbol.statistics.skill import Skill
from multisymbol.statistics.surrogate_null import SurrogateNull
from multisymbol.statistics.verdict import Question, VerdictEvidence

UNIVERSAL, SINGLE, PRIOR, RULE = "universal", "single", "prior", "rule"
"""Names of arms with a role of their own; the first two are the ones compared."""
BudgetUnit: TypeAlias = Literal["epochs", "steps"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldFacts:
    """One fold; instants in UTC nanoseconds.

    Args:
        name: Name of the fold.
        train_from: First training decision.
        validation_from: Start of validation.
        test_from: First test decision.
        test_until: Last test decision.
        symbols: Compared symbols: those with training, validation and test samples.
        train_rows: Training samples of these symbols.
        test_rows: Test samples of these symbols.
    """

    name: str
    train_from: int
    validation_from: int
    test_from: int
    test_until: int
    symbols: tuple[str, ...]
    train_rows: int
    test_rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Preregistration:
    """What was written down before training.

    Args:
        name: Name of the comparison's run.
        digest: Hash of `content`, 16 hex digits.
        content: Resolved configuration of everything that can change a number: arms, seeds, folds, tests.
        primary: Question that the verdict is about.
        test: Primary test in words.
        arms: Name of an arm -> its description.
        seeds: Training seeds.
        surrogates: Kind of surrogate market -> number of draws.
        smallest: Smallest effect of interest, nats per forecast.
        budget: Unit in which the budgets of universal and single models are matched.
        folds: Folds in order of time.
    """

    name: str
    digest: str
    content: Mapping[str, Any]
    primary: Question
    test: str
    arms: Mapping[str, str]
    seeds: tuple[int, ...]
    surrogates: Mapping[str, int]
    smallest: float
    budget: BudgetUnit
    folds: tuple[FoldFacts, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """Training effort of an arm over all folds and seeds; all zero for an arm without training.

    Args:
        models: Number of models trained.
        train_rows: Samples of one epoch of all models, for one seed.
        epochs: Mean number of epochs run.
        best_epoch: Mean of the epochs that were kept.
        steps: Optimizer steps in total.
        stopped_early: Share of models stopped by patience, 0..1.
    """

    models: int
    train_rows: int
    epochs: float
    best_epoch: float
    steps: int
    stopped_early: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TradeCounts:
    """Profit of an arm's trades, over all seeds.

    Args:
        trades: Closed trades over all symbols, mean over seeds.
        gross_bps: Mean profit per trade before costs, basis points of the notional; NaN without trades.
        net_bps: Mean profit per trade after costs.
        by_symbol: Symbol -> mean profit per trade after costs.
    """

    trades: float
    gross_bps: float
    net_bps: float
    by_symbol: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trading:
    """Both arms traded by the same rule, with next-bar fills and the costs of each class.

    Args:
        rule: Trading rule in words, with its parameters.
        universal: Trades of the universal arm.
        single: Trades of the single arm.
        difference: Net basis points per trade, universal less single; None where an arm does not trade or the test
            span is too short.
    """

    rule: str
    universal: TradeCounts
    single: TradeCounts
    difference: Interval | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmOutcome:
    """Scores of one arm over all folds, seeds and compared symbols, weighted as in the primary test.

    Args:
        arm: Name of the arm.
        what: Description of the arm.
        budget: Training effort.
        symbols: Scored symbols; an arm that leaves some out is compared on the others alone.
        log_loss: Mean log-loss, nats.
        activity: Part of the log-loss on activity, HOLD against the rest, nats.
        direction: Part of the log-loss on direction, BUY against SELL, nats.
        balanced_accuracy: Balanced accuracy over all rows, mean over seeds, 0..1.
        by_symbol: Symbol -> mean log-loss.
        against_single: Loss of the single arm less this arm's; None for the single arm, or if not tested.
        p_against_single: Two-sided p-value of it: fixed smoothing, over time and seeds.
        against_universal: Loss of the universal arm less this arm's; None for the universal arm, or if not tested.
        p_against_universal: Two-sided p-value of it.
        gain: Loss of the class prior less this arm's, nats.
    """

    arm: str
    what: str
    budget: Budget
    symbols: tuple[str, ...]
    log_loss: float
    activity: float
    direction: float
    balanced_accuracy: float
    by_symbol: Mapping[str, float]
    against_single: Interval | None
    p_against_single: float
    against_universal: Interval | None
    p_against_universal: float
    gain: float


@dataclass(frozen=True, kw_only=True, slots=True)
class SubgroupEffect:
    """Effect on the primary question within a subgroup of the rows: a fold, a class or a session.

    Args:
        group: Name of the subgroup.
        instants: Number of instants with rows of the subgroup.
        symbols: Number of symbols with rows of it.
        effect: Mean over instants of the mean over live symbols.
        interval: Interval of the effect; None with too few instants for the labels' span.
        p: Two-sided p-value, fixed smoothing over time, not adjusted for the number of subgroups; NaN if not tested.
    """

    group: str
    instants: int
    symbols: int
    effect: float
    interval: Interval | None
    p: float


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolFacts:
    """Facts about a compared symbol.

    Args:
        symbol: Name of the symbol.
        asset_class: Asset class.
        history: Training samples of the symbol in the last fold it is compared in.
        test_rows: Test rows in all folds.
        folds: Number of folds it is compared in.
    """

    symbol: str
    asset_class: str
    history: int
    test_rows: int
    folds: int


@dataclass(frozen=True, kw_only=True, slots=True)
class NotRun:
    """Something that a reader could expect and that was not run, with the reason."""

    what: str
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Hashes:
    """Hashes of everything the comparison depends on.

    Args:
        plan: `Preregistration.digest`.
        data: Hash of the bars of all symbols.
        features: Hash of the feature columns.
        labels: Label definition in words.
        code: Commit of the code.
        results: Hash of all forecasts.
    """

    plan: str
    data: str
    features: str
    labels: str
    code: str
    results: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """The complete comparison.

    Args:
        declared: What was written down before training.
        results: Question -> result, for all three questions.
        arms: All arms, universal and single first.
        confidence_set: Arms that cannot be distinguished from the best, on the rows that all of them score; None if not
            tested.
        any_better: p-value of "no other arm loses less than the single one", adjusted for the number of arms (Hansen
            2005); NaN if not tested.
        accuracy: Difference of balanced accuracies, universal less single, -1..1; None if not tested.
        trading: Trades of both arms, net of costs.
        folds: Effect on the primary question by fold.
        classes: The same by asset class.
        sessions: The same by quarter of the day in the time zone of the symbol's calendar; empty for daily bars.
        symbols: In the order of `answers[..].by_symbol`.
        unseen: Asset class -> universal model trained without the symbol (first arm) against the symbol's own model;
            empty without the zero-shot arm. Not run on surrogate markets, so always exploratory.
        data_until: Last instant at which a test label became known, UTC nanoseconds.
        hashes: Hashes of everything the comparison depends on.
        not_run: Everything that was left out, with reasons.
    """

    declared: Preregistration
    results: Mapping[Question, ComparisonResult]
    arms: tuple[ArmOutcome, ...]
    confidence_set: ConfidenceSet | None
    any_better: float
    accuracy: Interval | None
    trading: Trading | None
    folds: tuple[SubgroupEffect, ...]
    classes: tuple[SubgroupEffect, ...]
    sessions: tuple[SubgroupEffect, ...]
    symbols: tuple[SymbolFacts, ...]
    unseen: Mapping[str, ComparisonResult]
    data_until: int
    hashes: Hashes
    not_run: tuple[NotRun, ...]

    @property
    def primary(self) -> ComparisonResult:
        """Result on the question the verdict is about."""
        return self.results[self.declared.primary]

    @property
    def nulls(self) -> tuple[SurrogateNull, ...]:
        """Surrogate nulls of the primary effect, one for each kind."""
        return self.primary.evidence.nulls

    def arm(self, name: str) -> ArmOutcome:
        """Return an arm by its name.

        Raises:
            ComparisonError: The arm was not run.
        """
        for own in self.arms:
            if own.arm == name:
                return own
        raise ComparisonError(f"arm {name} was not run; these were: {', '.join(own.arm for own in self.arms)}")


_STORED: Mapping[type, Mapping[str, str]] = {
    Comparison: {"results": "answers"},
    ComparisonResult: {"differentials": "found", "diagnostics": "doubt"},
    Diagnostics: {"aa_test": "same_arm"},
    VerdictEvidence: {"nulls": "bands", "terms": ""},
    Skill: {"nulls": "bands"},
}
"""Field -> its key in comparison.json where they differ: a stored result keeps its bytes when a field is renamed.
Empty for a field that is not stored, since it is the same in every comparison."""


def digest(content: Mapping[str, Any]) -> str:
    """Hash plain data, whatever the order of its keys: 16 hex digits."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all, even if this process is killed."""
    temporary = path.with_suffix(".part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def to_json(comparison: Comparison) -> str:
    """Write a comparison as text: the same comparison gives the same bytes, floats with all their digits."""
    return json.dumps(_plain(comparison), indent=1, sort_keys=True, allow_nan=True) + "\n"


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        stored = _STORED.get(type(value), {})
        keys = {entry.name: stored.get(entry.name, entry.name) for entry in dataclasses.fields(value)}
        return {key: _plain(getattr(value, name)) for name, key in keys.items() if key}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value

"""What a comparison of arms came to: all that its page, the store and the registry need, and nothing of how it was run.

    Declaration     written down and hashed before anything is trained
    Comparison      the answers to the three questions, and everything a careful reader asks about them

Effects are nats a forecast: loss of the single arm less that of the universal one, so positive ones favour the
universal. Plain data and arrays; `digest` tells two comparisons apart to the last bit.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
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
"""Names of arms that every comparison knows; the first two are the ones it is about."""
BudgetUnit: TypeAlias = Literal["epochs", "steps"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldFacts:
    """One fold, instants in UTC.

    Args:
        name: Of the fold.
        train_from: First decision of the train part.
        validation_from: Where validation begins.
        test_from: First test decision.
        test_until: Last one.
        symbols: Compared in it: those that train, validate and are tested.
        train_rows: Train samples of these.
        test_rows: Test samples of these.
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
        name: Of the comparison's run.
        digest: Hash of `content`, 16 hex digits.
        content: Resolved configuration of everything that can change a number, arms, seeds, folds, test.
        primary: The question that the verdict is about.
        test: The primary test in words.
        arms: Name -> what it is.
        seeds: Of the trainings.
        surrogates: Kind of surrogate market -> draws.
        smallest: Smallest effect of interest, nats.
        budget: What universal and single models have the same number of.
        folds: In order of time.
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
    """What an arm's trainings took in all folds and seeds; all zero for an arm without training.

    Args:
        models: Trained.
        train_rows: Samples of one epoch of all of them, one seed.
        epochs: Mean number of epochs that were run.
        best_epoch: Mean of the epochs that were taken.
        steps: Optimizer steps together.
        stopped_early: Share of models that patience ended.
    """

    models: int
    train_rows: int
    epochs: float
    best_epoch: float
    steps: int
    stopped_early: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TradeCounts:
    """What an arm's decisions earn after costs; mean over seeds. Per trade: sums over trades, divided by their number.

    Args:
        trades: Closed ones, all symbols, mean of the seeds.
        gross_bps: Before costs, basis points of the notional a trade; NaN without trades.
        net_bps: After them.
        by_symbol: Symbol -> net_bps.
    """

    trades: float
    gross_bps: float
    net_bps: float
    by_symbol: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trading:
    """Both arms traded by the same rule, with next-bar fills and the costs of each class.

    Args:
        rule: In words, with its parameters.
        universal: Of that arm.
        single: Likewise.
        difference: Net basis points a trade, universal less single; None where an arm does not trade or the test span
            is too short.
    """

    rule: str
    universal: TradeCounts
    single: TradeCounts
    difference: Interval | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmOutcome:
    """One arm over all folds, seeds and compared symbols; means weigh instants as the primary test does.

    Args:
        arm: Its name.
        what: In words.
        budget: What it took.
        symbols: Scored: an arm may leave some out, and is then compared on the others alone.
        log_loss: Mean, nats; likewise `activity` and `direction`, its parts.
        activity: HOLD against the rest.
        direction: BUY against SELL.
        balanced_accuracy: Over all its rows, mean of the seeds.
        by_symbol: Symbol -> mean log-loss.
        against_single: Loss of the single arm less this arm's; None for the single arm, or where it was not tested.
        p_against_single: Two-sided, fixed smoothing, over time and seeds.
        against_universal: Loss of the universal arm less this arm's; likewise.
        p_against_universal: Likewise.
        gain: Loss of the prior less this arm's, nats.
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
    """The effect of the primary question on some of the rows: a fold, a class, a session.

    Args:
        group: Its name.
        instants: That have rows of it.
        symbols: That have.
        effect: Mean over instants of the mean over live symbols.
        interval: None where there are too few instants for the labels' span.
        p: Two-sided, fixed smoothing over time; NaN where there is no interval. Not adjusted for the number of groups.
    """

    group: str
    instants: int
    symbols: int
    effect: float
    interval: Interval | None
    p: float


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolFacts:
    """What is known of a compared symbol besides its answers.

    Args:
        symbol: Its name.
        asset_class: Its class.
        history: Train samples of its own in the last fold it is compared in.
        test_rows: In all folds.
        folds: In which it is compared.
    """

    symbol: str
    asset_class: str
    history: int
    test_rows: int
    folds: int


@dataclass(frozen=True, kw_only=True, slots=True)
class NotRun:
    """Something a reader could expect to find and does not, and why."""

    what: str
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Hashes:
    """What the comparison was made of.

    Args:
        plan: `Declaration.digest`.
        data: Of the bars of all symbols.
        features: Of the columns.
        labels: In words.
        code: Commit.
        results: Of all stored forecasts.
    """

    plan: str
    data: str
    features: str
    labels: str
    code: str
    results: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """All of it.

    Args:
        declared: What was written down before.
        results: Question -> result, all three.
        arms: All that were run, universal and single first.
        confidence_set: Arms that cannot be told from the best, on the symbols all of them score; None where it was not
            tested.
        any_better: p that no other arm loses less than the single one, adjusted for all that were tried (Hansen 2005);
            NaN where it was not tested.
        accuracy: Difference of balanced accuracies, universal less single, 0..1; None where it was not tested.
        trading: Net of costs.
        folds: The primary effect by fold.
        classes: By asset class.
        sessions: By quarter of the day on the symbol's own calendar's clock; empty for bars of a day.
        symbols: In the order of `answers[..].by_symbol`.
        unseen: Asset class -> the universal model without a symbol (first) against the symbol's own, over the class's
            symbols; empty without the zero-shot arm. Never tested against surrogates, so always exploratory.
        data_until: Last instant a test label became known, UTC ns.
        hashes: What it was made of.
        not_run: Everything that was left out.
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
        """The answer the verdict is about."""
        return self.results[self.declared.primary]

    @property
    def nulls(self) -> tuple[SurrogateNull, ...]:
        """Surrogate bands of the primary effect, one for each kind."""
        return self.primary.evidence.nulls

    def arm(self, name: str) -> ArmOutcome:
        """Look an arm up.

        Raises:
            ComparisonError: It was not run.
        """
        for own in self.arms:
            if own.arm == name:
                return own
        message = f"arm {name} was not run; these were: {', '.join(own.arm for own in self.arms)}"
        raise ComparisonError(message)


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

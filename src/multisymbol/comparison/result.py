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
from typing import Any, Literal, TypeAlias

import numpy as np

from multisymbol.errors import ComparisonError
from multisymbol.markets.provenance import Provenance
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
    """One fold; instants in UTC nanoseconds."""

    name: str
    train_from: int  # first training decision
    validation_from: int  # start of validation
    test_from: int  # first test decision
    test_until: int  # last test decision
    symbols: tuple[str, ...]  # compared symbols: those with training, validation and test samples
    train_rows: int  # training samples of these symbols
    test_rows: int  # test samples of these symbols


@dataclass(frozen=True, kw_only=True, slots=True)
class Preregistration:
    """What was written down before training."""

    name: str  # name of the comparison's run
    digest: str  # hash of `content`, 16 hex digits
    content: Mapping[str, Any]  # configuration of everything that can change a number: arms, seeds, folds, tests
    primary: Question  # question that the verdict is about
    test: str  # primary test in words
    arms: Mapping[str, str]  # name of an arm -> its description
    seeds: tuple[int, ...]
    surrogates: Mapping[str, int]  # kind of surrogate market -> number of draws
    smallest: float  # smallest effect of interest, nats per forecast
    budget: BudgetUnit  # unit in which the budgets of universal and single models are matched
    folds: tuple[FoldFacts, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """Training effort of an arm over all folds and seeds; all zero for an arm without training."""

    models: int  # number of models trained
    train_rows: int  # samples of one epoch of all models, for one seed
    epochs: float  # mean number of epochs run
    best_epoch: float  # mean of the epochs that were kept
    steps: int  # optimizer steps in total
    stopped_early: float  # share of models stopped by patience, 0..1


@dataclass(frozen=True, kw_only=True, slots=True)
class TradeCounts:
    """Profit of an arm's trades, over all seeds."""

    trades: float  # closed trades over all symbols, mean over seeds
    gross_bps: float  # mean profit per trade before costs, basis points of the notional; NaN without trades
    net_bps: float  # mean profit per trade after costs
    by_symbol: Mapping[str, float]  # symbol -> mean profit per trade after costs


@dataclass(frozen=True, kw_only=True, slots=True)
class Trading:
    """Both arms traded by the same rule, with next-bar fills and the costs of each class."""

    rule: str  # trading rule in words, with its parameters
    universal: TradeCounts  # trades of the universal arm
    single: TradeCounts  # trades of the single arm
    difference: Interval | None  # net basis points per trade, universal less single; None if not tested


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmOutcome:
    """Scores of one arm over all folds, seeds and compared symbols, weighted as in the primary test."""

    arm: str
    what: str  # description of the arm
    budget: Budget
    symbols: tuple[str, ...]  # scored symbols; an arm that leaves some out is compared on the others alone
    log_loss: float  # mean log-loss, nats
    activity: float  # part of the log-loss on activity, HOLD against the rest, nats
    direction: float  # part of the log-loss on direction, BUY against SELL, nats
    balanced_accuracy: float  # balanced accuracy over all rows, mean over seeds, 0..1
    by_symbol: Mapping[str, float]  # symbol -> mean log-loss
    against_single: Interval | None  # loss of the single arm less this arm's; None for the single arm, or if not tested
    p_against_single: float  # two-sided p-value of it: fixed smoothing, over time and seeds
    against_universal: Interval | None  # the same against the universal arm
    p_against_universal: float  # two-sided p-value of it
    gain: float  # loss of the class prior less this arm's, nats


@dataclass(frozen=True, kw_only=True, slots=True)
class SubgroupEffect:
    """Effect on the primary question within a subgroup of the rows: a fold, a class or a session."""

    group: str
    instants: int  # number of instants with rows of the subgroup
    symbols: int  # number of symbols with rows of it
    effect: float  # mean over instants of the mean over live symbols
    interval: Interval | None  # interval of the effect; None with too few instants for the labels' span
    p: float  # two-sided, fixed smoothing over time, not adjusted for the number of subgroups; NaN if not tested


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolFacts:
    """Facts about a compared symbol."""

    symbol: str
    asset_class: str
    history: int  # training samples of the symbol in the last fold it is compared in
    test_rows: int  # test rows in all folds
    folds: int  # number of folds it is compared in


@dataclass(frozen=True, kw_only=True, slots=True)
class NotRun:
    """Something that a reader could expect and that was not run, with the reason."""

    what: str
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Hashes:
    """Hashes of everything the comparison depends on."""

    plan: str  # `Preregistration.digest`
    data: str  # hash of the bars of all symbols
    features: str  # hash of the feature columns
    labels: str  # label definition in words
    code: str  # commit of the code
    results: str  # hash of all forecasts


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """The complete comparison.

    Args:
        unseen: Asset class -> universal model trained without the symbol (first arm) against the symbol's own model;
            empty without the zero-shot arm. Not run on surrogate markets, so always exploratory.
    """

    declared: Preregistration
    results: Mapping[Question, ComparisonResult]
    arms: tuple[ArmOutcome, ...]  # all arms, universal and single first
    confidence_set: ConfidenceSet | None  # arms as good as the best, on rows that all score; None if not tested
    any_better: float  # p of "no other arm loses less than single", adjusted for their number; NaN if not tested
    accuracy: Interval | None  # difference of balanced accuracies, universal less single, -1..1; None if not tested
    trading: Trading | None
    folds: tuple[SubgroupEffect, ...]  # effect on the primary question by fold
    classes: tuple[SubgroupEffect, ...]  # the same by asset class
    sessions: tuple[SubgroupEffect, ...]  # by quarter of the day, on the calendar's clock; none for daily bars
    symbols: tuple[SymbolFacts, ...]  # in the order of `results[..].by_symbol`
    unseen: Mapping[str, ComparisonResult]
    data_until: int  # last instant at which a test label became known, UTC nanoseconds
    hashes: Hashes
    not_run: tuple[NotRun, ...]
    provenance: Provenance = "real"

    @property
    def synthetic(self) -> bool:
        """Whether the bars were generated."""
        return self.provenance == "synthetic"

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

"""The bench that proofs stand on: a planted market, its samples, arms trained on them, and the verdict.

Everything is the project's own: bars, features, labels and folds as `multisymbol train` prepares them, arms trained,
calibrated, scored and judged by the engine of `multisymbol compare`. What is the bench's: the market, a short list of
features, one fold with a long test span, small networks.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from multisymbol.cli.schema import symbol_configs
from multisymbol.cli.specs import data_spec, fit_spec
from multisymbol.comparison.arms import Arm, FoldTask, Prior, Single, Universal
from multisymbol.comparison.fit import score_once
from multisymbol.comparison.result import PRIOR, SINGLE, UNIVERSAL
from multisymbol.comparison.scores import ArmScores, fold_scores
from multisymbol.comparison.scores import shared as with_shared_rows
from multisymbol.comparison.surrogates import surrogate_data
from multisymbol.progress import Terminal
from multisymbol.samples.dataset import FoldDataset, prepare_folds
from multisymbol.seeding import named_seed
from multisymbol.statistics.compare import ComparisonResult, Plan, compare_arms
from multisymbol.statistics.skill import Effects, Surrogates, effects

SYMBOLS = tuple(f"S{number:02}" for number in range(1, 11))
"""Ten symbols of one class."""

SEEDS = (1, 2, 3)
"""Trainings of each arm."""
SMALLEST = 0.0005
"""Smallest effect of interest of the proofs, nats."""
BATCH = 256
"""Samples of a step."""
SHARED = 0.1414
"""b whose square, 2 %, is what can be known of the next bar."""


def shared(effect: float, symbols: Sequence[str] = SYMBOLS) -> dict[str, float]:
    """Return the same b for all."""
    return dict.fromkeys(symbols, effect)


def opposite(effect: float, symbols: Sequence[str] = SYMBOLS) -> dict[str, float]:
    """Return b of alternating sign."""
    return {name: effect * (-1) ** place for place, name in enumerate(symbols)}


SIGNAL_FEATURES: Mapping[str, Any] = {
    "indicators": {"volume_ratio": {"period": 20}, "roc": {"period": 1}},
    "fuzzy": {},
    "raw": None,
    "restart_bars": 1024,
}
"""The column that a planted signal is seen in, and one without any use."""

ONE_CUT: Mapping[str, Any] = {
    "_target_": "multisymbol.samples.cut.SingleCut",
    "validation_from": None,
    "test_from": None,
    "test_until": None,
    "validation_share": 0.15,
    "test_share": 0.35,
    "embargo_bars": 1,
    "absent": "refuse",
    "sealed_from": None,
}
"""The split of the bench: a long test span, since tests are what is looked at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """How networks of the bench are trained; all else is what conf/compare.yaml says."""

    hidden: int = 8  # width of the one hidden layer
    epochs: int = 8  # at most
    patience: int = 3  # epochs without improvement on validation after which a model stops
    lr: float = 1e-2  # at the beginning

    def over(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Lay this training over a configuration."""
        scheduler, callbacks = values["scheduler"], values["callbacks"]
        return {
            **values,
            "model": {**values["model"], "hidden": [self.hidden], "dropout": 0.0},
            "optimizer": {**values["optimizer"], "lr": self.lr},
            "batch_size": BATCH,
            "trainer": {**values["trainer"], "max_epochs": self.epochs},
            "scheduler": {**scheduler, "factory": {**scheduler["factory"], "T_max": self.epochs}},
            "callbacks": {**callbacks, "early_stopping": {**callbacks["early_stopping"], "patience": self.patience}},
        }


def market(
    base: Mapping[str, Any],
    *,
    seed: int,
    cache: Path,
    effects: Mapping[str, float] | None = None,
    symbols: Sequence[str] = SYMBOLS,
    bars: int = 3000,
    window: int = 4,
    correlation: float = 0.3,
    lengths: Mapping[str, int] | None = None,
    labels: Mapping[str, Any] | None = None,
    features: Mapping[str, Any] = SIGNAL_FEATURES,
) -> dict[str, Any]:
    """Write the configuration of a planted market.

    Args:
        base: Composed configuration whose other choices are kept.
        seed: Of the market.
        cache: Folder of its panels.
        effects: Symbol -> b; None: there is no signal.
        symbols: Their names.
        bars: Of each.
        window: Bars of a sample.
        correlation: Of the shocks.
        lengths: Bars of symbols that have fewer.
        labels: Node of the labels; None: the next bar's direction, a third of them HOLD.
        features: As in conf/features.
    """
    crypto = {**base["asset_class"]["crypto"], "indicators": {}, "fuzzy": {}, "labels": {}}
    values = {
        **base,
        "asset_class": {"crypto": crypto},
        "symbols": {"members": {name: {"asset_class": "crypto"} for name in symbols}},
        "features": dict(features),
        "labels": dict(labels or next_bar()),
        "window": window,
        "split": dict(ONE_CUT),
        "paths": {**base["paths"], "cache": str(cache)},
        "source": {
            "_target_": "multisymbol.markets.planted.PlantedSource",
            "timeframe": "1h",
            "start": "2015-01-01",
            "bars": bars,
            "seed": seed,
            "effects": dict(effects or {}),
            "correlation": correlation,
            "volatility": 0.005,
            "lengths": dict(lengths or {}),
            "min_bars": 50,
            "on_defect": base["source"]["on_defect"],
            "limits": base["source"]["limits"],
        },
    }
    return {**values, "symbol_configs": symbol_configs(values)}


def next_bar(*, bars: int = 1, dead_band_sigmas: float = 0.43) -> dict[str, Any]:
    """Return the labels' node: direction of the next bars' return, about a third of them HOLD."""
    return {
        "_target_": "multisymbol.labels.horizon.Horizon",
        "bars": bars,
        "dead_band_sigmas": dead_band_sigmas,
        "volatility_bars": 50,
    }


def legs(*, sigmas: float) -> dict[str, Any]:
    """Return the node of ZigZag labels."""
    return {
        "_target_": "multisymbol.labels.zigzag.ZigZag",
        "threshold": "volatility",
        "percent": 2.0,
        "sigmas": sigmas,
        "volatility_bars": 50,
    }


def prepared(values: Mapping[str, Any]) -> FoldDataset:
    """Prepare the one fold of a market."""
    (whole,) = prepare_folds(data_spec(values), Terminal(silent=True))
    return whole


@contextmanager
def scratch() -> Iterator[Path]:
    """Give a folder for panels, and remove it."""
    with TemporaryDirectory(prefix="proof") as folder:
        yield Path(folder)


ARMS: Mapping[str, Arm] = {UNIVERSAL: Universal(), SINGLE: Single(), PRIOR: Prior()}


def fold_task(values: Mapping[str, Any], *, training: Training, seeds: Sequence[int] = SEEDS) -> FoldTask:
    """Prepare a market as the one fold of a comparison of all its symbols."""
    data = data_spec(values)
    (whole,) = prepare_folds(data, Terminal(silent=True))
    fit, compared = fit_spec(training.over(values)), tuple(range(len(whole.ledger.symbols)))
    return FoldTask(data=data, fit=fit, whole=whole, compared=compared, seeds=tuple(seeds), budget="epochs")


def scores_of(task: FoldTask, arms: Mapping[str, Arm] = ARMS) -> dict[str, ArmScores]:
    """Train every arm with every seed and score it on the test samples."""
    scores = {name: fold_scores(name, score_once(arm, task), task, number=0) for name, arm in arms.items()}
    return with_shared_rows(scores)


def effects_of(scores: Mapping[str, ArmScores]) -> Effects:
    """Average over time how both arms and the no-skill forecast differ on the whole log-loss."""
    return effects(*(scores[name].losses("overall") for name in ARMS))


def answer(scores: Mapping[str, ArmScores], plan: Plan, surrogates: Sequence[Surrogates] = ()) -> ComparisonResult:
    """Give the verdict on the whole log-loss."""
    universal, single, prior = (scores[name].losses("overall") for name in ARMS)
    return compare_arms(universal, single, prior, question="overall", surrogates=surrogates, classes=None, plan=plan)


def plan(*, smallest: float, seed: int, exploratory: bool = False) -> Plan:
    """Declare the statistics of a proof."""
    return Plan(
        smallest=smallest,
        alpha=0.05,
        level=0.95,
        power=0.8,
        draws=499,
        aa_draws=100,
        seed=seed,
        weights=None,
        exploratory=exploratory,
    )


def surrogates(task: FoldTask, *, draws: int, seed: int) -> Surrogates:
    """Retrain both arms, one seed of each, on surrogates of the market: features and labels rebuilt, drift removed."""
    found = []
    for draw in range(draws):
        signs = named_seed(seed, "surrogate", draw)
        data = surrogate_data(task.data, seed=signs, drift="removed", cache=task.data.cache)
        (whole,) = prepare_folds(data, Terminal(silent=True), folds=[task.whole.parts.fold])
        found.append(effects_of(scores_of(replace(task, data=data, whole=whole, seeds=task.seeds[:1]))))
    return Surrogates(kind="drift removed", draws=tuple(found))

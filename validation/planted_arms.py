"""The bench that proofs stand on: a planted market, its samples, two arms trained on them, and the verdict.

Bars, features, labels, folds, scaling, mixture, training, temperature, losses, tests and verdict are those of the
project. What is the bench's own: the market, a short list of features, small networks, and a single arm that is cut
out of the universe's samples instead of being prepared once more (the same samples and, with `scaling.method=symbol`,
the same features; tests/validation/test_prove.py compares them).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import ConstantLR

from multisymbol.arrays import Floats
from multisymbol.cli.schema import symbol_configs
from multisymbol.cli.specs import data_spec
from multisymbol.comparison.fit import windows_of
from multisymbol.config.build import build
from multisymbol.labels.labels import CLASSES
from multisymbol.learning.losses import ClassLoss, completed, mixture_class_counts
from multisymbol.learning.networks.embedding import NetworkShape
from multisymbol.learning.schedules import Schedule
from multisymbol.learning.stacking.fit import StackMember, StackRecipe, fit_stack, predict_stack
from multisymbol.markets.surrogate import Drift
from multisymbol.progress import Terminal
from multisymbol.samples.dataset import FoldDataset, prepare_folds
from multisymbol.samples.fold import TEST, TRAIN, VALIDATION, FoldCount
from multisymbol.samples.mixture import Mixture, SamplingWeights
from multisymbol.samples.sampler import EpochSampler
from multisymbol.samples.strata import fold_shares
from multisymbol.seeding import named_seed
from multisymbol.serving.calibration import fit_temperature
from multisymbol.statistics.compare import ComparisonResult, Plan, compare_arms
from multisymbol.statistics.loss_differentials import ArmLosses, Rows, row_losses
from multisymbol.statistics.skill import Effects, Surrogates, effects

# n test rows, C classes

SYMBOLS = tuple(f"S{number:02}" for number in range(1, 11))
"""Ten symbols of one class."""

SEEDS = (1, 2, 3)
"""Trainings of each arm."""
SMALLEST = 0.0005
"""Smallest effect of interest of the proofs, nats."""
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
    "_target_": "multisymbol.samples.fold.SingleCut",
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
    """How networks of the bench are trained.

    Args:
        hidden: Width of the one hidden layer.
        epochs: At most.
        patience: Epochs without improvement on validation after which a model stops.
        lr: Of AdamW.
        embedding: What the universal network may know of the symbol.
    """

    hidden: int = 8
    epochs: int = 8
    patience: int = 3
    lr: float = 1e-2
    embedding: str = "none"


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


def turned(values: Mapping[str, Any], *, seed: int, drift: Drift) -> dict[str, Any]:
    """Return the same configuration on a surrogate of its market."""
    source = {
        "_target_": "multisymbol.markets.surrogate.SurrogateSource",
        "inner": values["source"],
        "seed": seed,
        "drift": drift,
    }
    return {**values, "source": source}


def prepared(values: Mapping[str, Any]) -> FoldDataset:
    """Prepare the one fold of a market."""
    (whole,) = prepare_folds(data_spec(values), Terminal(silent=True))
    return whole


@contextmanager
def scratch() -> Iterator[Path]:
    """Give a folder for panels, and remove it."""
    with TemporaryDirectory(prefix="proof") as folder:
        yield Path(folder)


def own_part(mixture: Mixture, whole: FoldDataset, index: int) -> FoldDataset:
    """Keep one symbol's samples for a model of its own."""
    part = np.where(whole.ledger.symbol == index, whole.parts.part, -1).astype(np.int8)
    return with_parts(mixture, whole, part)


def with_parts(mixture: Mixture, whole: FoldDataset, part: npt.NDArray[np.int8]) -> FoldDataset:
    """Use other samples of the same fold; the mixture follows."""
    parts = replace(whole.parts, part=part, counts=_counts(whole, part))
    shares = fold_shares(
        mixture,
        panel=whole.panel,
        ledger=whole.ledger,
        parts=parts,
        calendars=[config.calendar for config in whole.universe],
    )
    return replace(whole, parts=parts, shares=shares)


def _counts(whole: FoldDataset, part: npt.NDArray[np.int8]) -> tuple[FoldCount, ...]:
    train, validation, test = (
        np.bincount(whole.ledger.symbol[part == number], minlength=len(whole.ledger.symbols)).tolist()
        for number in (TRAIN, VALIDATION, TEST)
    )
    return tuple(
        replace(count, train=train[index], validation=validation[index], test=test[index])
        for index, count in enumerate(whole.parts.counts)
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One model to be trained.

    Args:
        name: Unlike the others'.
        data: Its samples.
        seed: Of its first weights, order of samples and dropout.
    """

    name: str
    data: FoldDataset
    seed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """Models that were trained together.

    Args:
        jobs: What each was trained for.
        members: As the stack knows them.
        weights: Of the best epoch of each.
        temperatures: Fitted on the validation samples of each.
    """

    jobs: tuple[Job, ...]
    members: tuple[StackMember, ...]
    weights: tuple[Mapping[str, torch.Tensor], ...]
    temperatures: tuple[float, ...]

    def forecast(
        self, positions: Sequence[npt.NDArray[np.int64]], *, shown: Sequence[FoldDataset] | None = None
    ) -> list[Floats]:
        """Return probabilities of BUY, HOLD and SELL of samples for each model. Shape (n, C) each.

        Args:
            positions: Samples for each.
            shown: Data whose features are looked at instead of those trained on, for each.
        """
        members = list(self.members)
        if shown is not None:
            members = [
                replace(member, dataset=windows_of(data)) for member, data in zip(self.members, shown, strict=True)
            ]
        return _predicted(members, self.weights, positions, self.temperatures)


def train(jobs: Sequence[Job], values: Mapping[str, Any], *, training: Training) -> Trained:
    """Train all jobs as one stack and fit each one's temperature on its validation samples."""
    model, loss = _model(values, training), build({**values["loss"], "power": 0.0}, role="loss")
    members = [_member(job, values, model=model, loss=loss) for job in jobs]
    results = fit_stack(members, recipe=_recipe(training), checkpoint=None)
    weights = [result.weights for result in results]
    validation = [member.validation for member in members]
    seen = _predicted(members, weights, validation)
    temperatures = [
        fit_temperature(prob, job.data.ledger.label[own]).value
        for job, prob, own in zip(jobs, seen, validation, strict=True)
    ]
    return Trained(jobs=tuple(jobs), members=tuple(members), weights=tuple(weights), temperatures=tuple(temperatures))


def forecasts(
    jobs: Sequence[Job],
    values: Mapping[str, Any],
    *,
    training: Training,
    positions: Sequence[npt.NDArray[np.int64]] | None = None,
) -> list[Floats]:
    """Train all jobs and forecast.

    Args:
        jobs: What is trained.
        values: Configuration of the market.
        training: How.
        positions: Samples each forecasts; None: the test samples of its own part.

    Returns:
        Probabilities of BUY, HOLD and SELL for each job. Shape (n, C) each.
    """
    asked = positions or [job.data.parts.positions(TEST) for job in jobs]
    return train(jobs, values, training=training).forecast(asked)


def _predicted(
    members: Sequence[StackMember],
    weights: Sequence[Mapping[str, torch.Tensor]],
    positions: Sequence[npt.NDArray[np.int64]],
    temperatures: Sequence[float] | None = None,
) -> list[Floats]:
    return predict_stack(
        members,
        weights=weights,
        positions=positions,
        eval_batch_size=65536,
        device=torch.device("cpu"),
        temperatures=temperatures,
    )


def _model(values: Mapping[str, Any], training: Training) -> Callable[..., nn.Module]:
    node = {
        **values["model"],
        "hidden": [training.hidden],
        "dropout": 0.0,
        "embedding": training.embedding,
        "activation": "relu",
    }
    factory: Callable[..., nn.Module] = build(node, role="network")
    return factory


def _member(
    job: Job, values: Mapping[str, Any], *, model: Callable[..., nn.Module], loss: partial[ClassLoss]
) -> StackMember:
    data, ledger = job.data, job.data.ledger
    train = data.parts.positions(TRAIN)
    drawn = data.shares.draws * data.shares.weight
    counts = mixture_class_counts(ledger.label[train], symbols=ledger.symbol[train], draws=drawn)
    shape = NetworkShape(
        features=data.features.shape[1],
        window=values["window"],
        symbols=len(data.trained),
        asset_classes=len(data.trained_classes),
        classes=len(CLASSES),
    )
    torch.manual_seed(named_seed(job.seed, "network"))
    return StackMember(
        name=job.name,
        dataset=windows_of(data),
        sampler=_sampler(data, data.shares, seed=job.seed),
        validation=data.parts.positions(VALIDATION),
        network=model(shape=shape),
        loss=completed(loss, class_counts=counts.tolist()),
        seed=job.seed,
    )


def _sampler(data: FoldDataset, shares: SamplingWeights, *, seed: int) -> EpochSampler:
    rows = data.parts.positions_by_symbol(TRAIN, ledger=data.ledger)
    return EpochSampler(positions=rows, shares=shares, seed=seed, batch_size=BATCH, rank=0, ranks=1)


BATCH = 256
"""Samples of a step."""


def _recipe(training: Training) -> StackRecipe:
    return StackRecipe(
        optimizer=partial(AdamW, lr=training.lr),
        schedule=Schedule(factory=partial(ConstantLR, factor=1.0), interval="epoch"),
        clip=1.0,
        epochs=training.epochs,
        patience=training.patience,
        min_delta=0.0,
        eval_batch_size=65536,
        device=torch.device("cpu"),
        threads=1,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Arms:
    """What two arms and the no-skill forecast lost on the same test samples.

    Args:
        universal: One model for all.
        single: One model for each.
        prior: Class shares of all train samples.
        prob: The universal arm's forecasts of each seed, in the order of `positions`. Shape (seeds, n, C).
        own_prob: The single arm's. Shape (seeds, n, C).
        positions: Ledger positions of the test samples.
    """

    universal: ArmLosses
    single: ArmLosses
    prior: ArmLosses
    prob: Floats
    own_prob: Floats
    positions: npt.NDArray[np.int64]

    def effects(self) -> Effects:
        """Average over time."""
        return effects(self.universal, self.single, self.prior)

    def answer(self, plan: Plan, surrogates: Sequence[Surrogates] = ()) -> ComparisonResult:
        """Give the verdict on the whole log-loss."""
        return compare_arms(
            self.universal,
            self.single,
            self.prior,
            question="overall",
            surrogates=surrogates,
            classes=None,
            plan=plan,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """A market, configured and prepared."""

    values: Mapping[str, Any]
    whole: FoldDataset


def arms(values: Mapping[str, Any], whole: FoldDataset, *, seeds: Sequence[int], training: Training) -> Arms:
    """Train both arms with every seed and score them on the test samples."""
    (made,) = arms_of_many([Field(values=values, whole=whole)], seeds=seeds, training=training)
    return made


def arms_of_many(fields: Sequence[Field], *, seeds: Sequence[int], training: Training) -> list[Arms]:
    """Do the same for many markets at once: all universal models as one stack, all single ones as another."""
    values = fields[0].values
    mixture = build(values["sampling"], role="sampling")
    pooled = [
        Job(name=f"{number} universal {seed}", data=each.whole, seed=seed)
        for number, each in enumerate(fields)
        for seed in seeds
    ]
    owned = [
        Job(name=f"{number} {name} {seed}", data=own, seed=seed)
        for number, each in enumerate(fields)
        for index, name in enumerate(each.whole.ledger.symbols)
        for own in [own_part(mixture, each.whole, index)]
        for seed in seeds
    ]
    universal = forecasts(pooled, values, training=training)
    single = iter(forecasts(owned, values, training=replace(training, embedding="none")))
    found = []
    for number, each in enumerate(fields):
        prob = np.stack(universal[number * len(seeds) : (number + 1) * len(seeds)])
        by_symbol = [[next(single) for _ in seeds] for _ in each.whole.ledger.symbols]
        own_prob = np.stack([np.concatenate(parts) for parts in zip(*by_symbol, strict=True)])
        found.append(_scored(each.whole, prob, own_prob, seeds=seeds))
    return found


def _scored(whole: FoldDataset, prob: Floats, own_prob: Floats, *, seeds: Sequence[int]) -> Arms:
    positions = whole.parts.positions(TEST)
    rows, label = test_rows(whole, positions=positions, seeds=seeds), whole.ledger.label[positions]
    constant = np.broadcast_to(class_prior(whole), prob.shape)
    universal, single, prior = (
        scored(name, made, label, rows=rows)
        for name, made in (("universal", prob), ("single", own_prob), ("prior", constant))
    )
    return Arms(universal=universal, single=single, prior=prior, prob=prob, own_prob=own_prob, positions=positions)


def class_prior(whole: FoldDataset) -> Floats:
    """Return the class shares of all train samples. Shape (C,)."""
    counts = np.bincount(whole.ledger.label[whole.parts.positions(TRAIN)], minlength=len(CLASSES))
    shares: Floats = counts / counts.sum()
    return shares


def test_rows(whole: FoldDataset, *, positions: npt.NDArray[np.int64], seeds: Sequence[int]) -> Rows:
    """Lay out the rows that every arm is scored on: the samples once for each seed."""
    ledger, count = whole.ledger, len(seeds)
    return Rows(
        symbols=ledger.symbols,
        symbol=np.tile(ledger.symbol[positions], count),
        decided_at=np.tile(ledger.decided_at[positions], count),
        resolved_at=np.tile(ledger.resolved_at[positions], count),
        seed=np.repeat(np.asarray(seeds), len(positions)),
    )


def scored(arm: str, prob: Floats, label: npt.NDArray[np.int8], *, rows: Rows) -> ArmLosses:
    """Score forecasts of shape (seeds, n, C) of labels of shape (n,)."""
    return ArmLosses(arm=arm, rows=rows, loss=np.concatenate([row_losses(own, label).total for own in prob]))


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


def surrogates(values: Mapping[str, Any], *, draws: int, seeds: Sequence[int], training: Training) -> Surrogates:
    """Retrain both arms on surrogates of the market, features and labels rebuilt; drift removed."""
    fields = []
    for draw in range(draws):
        drawn = turned(values, seed=named_seed(values["source"]["seed"], "surrogate", draw), drift="removed")
        fields.append(Field(values=drawn, whole=prepared(drawn)))
    made = arms_of_many(fields, seeds=seeds, training=training)
    return Surrogates(kind="drift removed", draws=tuple(each.effects() for each in made))

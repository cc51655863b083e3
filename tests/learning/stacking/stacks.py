"""Members of a stack, each of one symbol of the small world, and the same trained alone."""

import copy
import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import nn

from multisymbol.learning.callbacks import early_stopping
from multisymbol.learning.datamodule import MultiSymbolDataModule
from multisymbol.learning.losses import ClassWeightedCrossEntropy, Loss
from multisymbol.learning.module import DirectionModule
from multisymbol.learning.networks.embedding import NetworkShape
from multisymbol.learning.networks.mlp import Mlp
from multisymbol.learning.schedules import Schedule
from multisymbol.learning.stacking.fit import StackMember, StackRecipe
from multisymbol.learning.trainer import FitResult, fit, load_best
from multisymbol.samples.fold import TRAIN, VALIDATION
from multisymbol.samples.mixture import SamplingWeights, tempered
from multisymbol.samples.sampler import EpochSampler
from tests.learning.worlds import FEATURES, SYMBOLS, WINDOW, World, exponential, trainer, world

WORLD = world(bars=160)
LEFT_OUT = (0, 25, 80)
"""Train samples each symbol does without: the last keeps fewer than a batch."""
UNSCORED = (5, 0, 12)
"""Validation samples each symbol does without."""
BATCH = 20
SHAPE = NetworkShape(features=FEATURES, window=WINDOW, symbols=3, asset_classes=3)


def mlp(*, dropout: float = 0.0, classes: int = 3) -> nn.Module:
    return Mlp(
        hidden=[8, 6],
        dropout=dropout,
        activation="relu",
        embedding="symbol",
        embedding_dim=2,
        unknown_dropout=dropout,
        shape=dataclasses.replace(SHAPE, classes=classes),
    )


def weighted(symbol: int) -> ClassWeightedCrossEntropy:
    return ClassWeightedCrossEntropy(class_counts=[20, 60 + 40 * symbol, 20], power=0.5, cap=10.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Single:
    """One symbol's training: what a run of its own has, and a stack too."""

    member: StackMember
    datamodule: MultiSymbolDataModule


def single(
    symbol: int,
    *,
    network: Callable[[], nn.Module] = mlp,
    loss: Callable[[int], Loss] = weighted,
    made: World = WORLD,
    seed: int | None = None,
) -> Single:
    """Each symbol has features of its own, as if its own scaler had made them."""
    own = own_part(made, symbol)
    features = (made.features * (1 + 0.5 * symbol)).astype(np.float32)
    rows = [np.flatnonzero((own.parts.part == TRAIN) & (own.ledger.symbol == index)) for index in range(3)]
    shares = tempered([len(each) for each in rows], temperature=1.0, max_passes=np.inf, epoch_samples=None)
    number = 5 + symbol if seed is None else seed
    datamodule = MultiSymbolDataModule(
        features=features,
        ledger=own.ledger,
        parts=own.parts,
        shares=shares,
        symbol_slots=np.array([1, 2, 3]),
        class_slots=np.array([1, 2, 3]),
        seed=number,
        batch_size=BATCH,
        eval_batch_size=13,
    )
    torch.manual_seed(number)
    member = StackMember(
        name=SYMBOLS[symbol],
        dataset=datamodule.dataset,
        sampler=sampler(rows, shares, seed=number),
        validation=datamodule.positions("val"),
        network=network(),
        loss=loss(symbol),
        seed=number,
    )
    return Single(member=member, datamodule=datamodule)


def own_part(made: World, symbol: int) -> World:
    part = np.where(made.ledger.symbol == symbol, made.parts.part, -1).astype(np.int8)
    part[np.flatnonzero(part == TRAIN)[: LEFT_OUT[symbol]]] = -1
    part[np.flatnonzero(part == VALIDATION)[: UNSCORED[symbol]]] = -1
    return dataclasses.replace(made, parts=dataclasses.replace(made.parts, part=part))


def sampler(rows: list[np.ndarray[Any, np.dtype[np.int64]]], shares: SamplingWeights, *, seed: int) -> EpochSampler:
    return EpochSampler(positions=rows, shares=shares, seed=seed, batch_size=BATCH, rank=0, ranks=1)


def singles(**given: Any) -> list[Single]:
    return [single(symbol, **given) for symbol in range(3)]


RECIPE = StackRecipe(
    optimizer=partial(torch.optim.AdamW, lr=5e-2, weight_decay=0.1, fused=True),
    schedule=Schedule(factory=exponential, interval="epoch"),
    clip=0.3,
    epochs=8,
    patience=2,
    min_delta=0.003,
    eval_batch_size=50,
    device=torch.device("cpu"),
    threads=1,
)


def alone(given: Single, folder: Path, *, recipe: StackRecipe = RECIPE) -> tuple[FitResult, dict[str, torch.Tensor]]:
    """Train as a run does; return what it came to, and the weights of the best epoch."""

    def clipping(**settings: Any) -> pl.Trainer:
        made = trainer(epochs=recipe.epochs)(**settings)
        made.gradient_clip_val = recipe.clip
        return made

    module = DirectionModule(
        network=copy.deepcopy(given.member.network),
        loss=given.member.loss,
        optimizer=recipe.optimizer,
        schedule=recipe.schedule,
        symbols=SYMBOLS,
        seed=given.member.seed,
    )
    stopping = early_stopping(patience=recipe.patience or 1000, min_delta=recipe.min_delta)
    result = fit(
        module,
        datamodule=given.datamodule,
        trainer=clipping,
        callbacks=[stopping],
        loggers=(),
        folder=folder,
        resume=False,
    )
    load_best(module, result.best_path)
    return result, module.network.state_dict()

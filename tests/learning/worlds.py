"""A small world made by hand: three symbols whose labels follow from the first feature, but for noise."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import numpy.typing as npt
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger

from multisymbol.learning.datamodule import MultiSymbolDataModule
from multisymbol.learning.losses import ClassWeightedCrossEntropy, Huber, Loss
from multisymbol.learning.module import DirectionModule
from multisymbol.learning.networks.embedding import NetworkShape
from multisymbol.learning.networks.mlp import Mlp
from multisymbol.learning.schedules import Schedule
from multisymbol.markets.time import HOUR, NEVER, instant
from multisymbol.samples.fold import TEST, TRAIN, VALIDATION, Fold, FoldAssignment
from multisymbol.samples.ledger import Ledger
from multisymbol.samples.mixture import SamplingWeights

SYMBOLS = ("BRK.B", "EURUSD", "BTC-USD")
CLASSES = ("stock", "forex", "crypto")
WINDOW, FEATURES = 2, 3
START = instant("2020-01-01")


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """Samples with features, cut 60 : 20 : 20 in time."""

    features: npt.NDArray[np.float32]
    ledger: Ledger
    parts: FoldAssignment

    def datamodule(
        self, *, batch_size: int = 32, eval_batch_size: int = 16, seed: int = 5, symbol_weight: float = 1.0
    ) -> MultiSymbolDataModule:
        shares = equal_shares(self.train_rows())
        return MultiSymbolDataModule(
            features=self.features,
            ledger=self.ledger,
            parts=self.parts,
            shares=replace(shares, weight=np.full(len(SYMBOLS), symbol_weight)),
            symbol_slots=np.array([1, 2, 3]),
            class_slots=np.array([1, 2, 3]),
            seed=seed,
            batch_size=batch_size,
            eval_batch_size=eval_batch_size,
        )

    def train_rows(self) -> npt.NDArray[np.int64]:
        return np.bincount(self.ledger.symbol[self.parts.positions(TRAIN)], minlength=len(SYMBOLS))

    def without_training(self, symbol: int) -> "World":
        """The same with one symbol that does not train: its train rows purged."""
        part = np.where((self.ledger.symbol == symbol) & (self.parts.part == TRAIN), -1, self.parts.part)
        return replace(self, parts=replace(self.parts, part=part.astype(np.int8)))


def equal_shares(rows: npt.NDArray[np.int64]) -> SamplingWeights:
    """Every symbol that trains equally often, in an epoch about as long as there are rows."""
    trains = (rows > 0).astype(np.float64)
    share = trains / trains.sum()
    return SamplingWeights(
        rows=rows, share=share, draws=(rows.sum() * share).astype(np.int64), weight=np.ones(len(rows))
    )


def world(*, bars: int = 200, noise: float = 0.5, seed: int = 3) -> World:
    random = np.random.default_rng(seed)
    features = random.normal(size=(bars * len(SYMBOLS), FEATURES)).astype(np.float32)
    score = features[:, 0] + noise * random.normal(size=len(features))
    label = np.select([score > 0.8, score < -0.8], [0, 2], default=1).astype(np.int8)
    bar = np.tile(np.arange(bars), len(SYMBOLS))
    row = np.flatnonzero(bar >= WINDOW - 1)
    closed_at = START + HOUR * (bar + 1)
    ledger = Ledger(
        symbols=SYMBOLS,
        asset_classes=CLASSES,
        window=WINDOW,
        symbol=(row // bars).astype(np.int32),
        row=row,
        window_start=closed_at[row] - WINDOW * HOUR,
        decided_at=closed_at[row],
        resolved_at=closed_at[row] + HOUR,
        label=label[row],
        rule=np.where(features[row, 1] > 0, 0, -1).astype(np.int8),
        target=score[row].astype(np.float32),
        weight=np.ones(len(row), dtype=np.float32),
        counts=(),
    )
    part = np.select([bar[row] < 0.6 * bars, bar[row] < 0.8 * bars], [TRAIN, VALIDATION], default=TEST)
    fold = Fold(name="cut", validation_from=START, test_from=START, test_until=NEVER, embargo_ns=0)
    return World(
        features=features, ledger=ledger, parts=FoldAssignment(fold=fold, part=part.astype(np.int8), counts=())
    )


def mlp(*, dropout: float = 0.0, classes: int = 3) -> Mlp:
    return Mlp(
        hidden=[8],
        dropout=dropout,
        activation="relu",
        embedding="symbol",
        embedding_dim=2,
        unknown_dropout=dropout,
        shape=NetworkShape(features=FEATURES, window=WINDOW, symbols=3, asset_classes=3, classes=classes),
    )


def exponential(optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
    return torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)


def module(
    *,
    lr: float = 1e-2,
    dropout: float = 0.0,
    seed: int = 5,
    network: torch.nn.Module | None = None,
    loss: Loss | None = None,
    schedule: Schedule | None = None,
) -> DirectionModule:
    torch.manual_seed(seed)
    weighted = ClassWeightedCrossEntropy(class_counts=[20, 60, 20], power=0.5, cap=10.0)
    return DirectionModule(
        network=mlp(dropout=dropout) if network is None else network,
        loss=weighted if loss is None else loss,
        optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=lr, fused=True),
        schedule=Schedule(factory=exponential, interval="epoch") if schedule is None else schedule,
        symbols=SYMBOLS,
        seed=seed,
    )


def regression(*, dropout: float = 0.0, seed: int = 5, delta: float = 1.0) -> DirectionModule:
    torch.manual_seed(seed)
    return module(seed=seed, network=mlp(dropout=dropout, classes=1), loss=Huber(delta=delta))


def trainer(
    *, epochs: int, accelerator: str = "cpu", use_distributed_sampler: bool = False
) -> Callable[..., pl.Trainer]:
    def call(*, logger: list[Logger], callbacks: list[Callback], default_root_dir: Path) -> pl.Trainer:
        return pl.Trainer(
            max_epochs=epochs,
            accelerator=accelerator,
            devices=1,
            logger=logger,
            callbacks=callbacks,
            default_root_dir=default_root_dir,
            num_sanity_val_steps=0,
            use_distributed_sampler=use_distributed_sampler,
            deterministic=True,
            enable_progress_bar=False,
            enable_model_summary=False,
        )

    return call

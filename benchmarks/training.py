"""Training through Lightning against a bare loop on the same data: python benchmarks/training.py [--rounds 3].

Same network, loss, optimizer, sampler and windows on both sides, in turns within one process, one thread. The bare loop
has no metrics and no callbacks; validation is left out of both. CPU seconds, so that other load counts less.
"""

import argparse
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch

from multisymbol.learning.callbacks import Progress
from multisymbol.learning.datamodule import MultiSymbolDataModule
from multisymbol.learning.fitting import fit
from multisymbol.learning.losses import ClassWeightedCrossEntropy
from multisymbol.learning.module import DirectionModule
from multisymbol.learning.networks.embedding import NetworkShape
from multisymbol.learning.networks.mlp import Mlp
from multisymbol.learning.schedules import Schedule
from multisymbol.markets.instants import NEVER
from multisymbol.samples.ledger import Ledger
from multisymbol.samples.mixture import Balanced
from multisymbol.samples.sampler import EpochSampler
from multisymbol.samples.splits import TRAIN, VALIDATION, Fold, Parts

SYMBOLS, BARS, FEATURES, WINDOW, BATCH, SEED = 10, 20_000, 32, 64, 1024, 1


def data() -> MultiSymbolDataModule:
    """Random bars of ten symbols, every window trained on but for the last thousand of each."""
    random = np.random.default_rng(SEED)
    features = random.normal(size=(SYMBOLS * BARS, FEATURES)).astype(np.float32)
    bar = np.tile(np.arange(BARS), SYMBOLS)
    row = np.flatnonzero(bar >= WINDOW - 1)
    names = tuple(f"S{i}" for i in range(SYMBOLS))
    ledger = Ledger(
        symbols=names,
        asset_classes=names,
        window=WINDOW,
        symbol=(row // BARS).astype(np.int32),
        row=row,
        window_start=bar[row],
        decided_at=bar[row],
        resolved_at=bar[row],
        label=random.integers(0, 3, len(row)).astype(np.int8),
        rule=np.full(len(row), -1, dtype=np.int8),
        counts=(),
    )
    part = np.where(bar[row] < BARS - 1000, TRAIN, VALIDATION).astype(np.int8)
    fold = Fold(name="cut", validation_from=0, test_from=0, test_until=NEVER, embargo_ns=0)
    rows = np.bincount(ledger.symbol[part == TRAIN], minlength=SYMBOLS)
    return MultiSymbolDataModule(
        features=features,
        ledger=ledger,
        parts=Parts(fold=fold, part=part, counts=()),
        shares=Balanced(epoch_samples=None, max_passes=4.0).shares(rows),
        symbol_slots=np.arange(1, SYMBOLS + 1),
        class_slots=np.arange(1, SYMBOLS + 1),
        seed=SEED,
        batch_size=BATCH,
        eval_batch_size=4096,
    )


def module() -> DirectionModule:
    """The default network of conf/model/mlp.yaml."""
    torch.manual_seed(SEED)
    network = Mlp(
        hidden=[64, 32],
        dropout=0.1,
        activation="relu",
        embedding="none",
        embedding_dim=4,
        unknown_dropout=0.1,
        shape=NetworkShape(features=FEATURES, window=WINDOW, symbols=SYMBOLS, asset_classes=SYMBOLS),
    )
    constant = partial(torch.optim.lr_scheduler.ConstantLR, factor=1.0)
    return DirectionModule(
        network=network,
        loss=ClassWeightedCrossEntropy(class_counts=[1, 1, 1], power=0.5, cap=10.0),
        optimizer=partial(torch.optim.AdamW, lr=1e-3, fused=True),
        schedule=Schedule(factory=constant, interval="epoch"),
        symbols=[f"S{i}" for i in range(SYMBOLS)],
        seed=SEED,
    )


def bare(made: MultiSymbolDataModule, sampler: EpochSampler) -> float:
    """CPU seconds of one epoch of a bare loop."""
    given = module()
    network, loss = given.network.train(), given.loss
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    started = time.process_time()
    for positions in sampler:
        batch = made.dataset[positions]
        optimizer.zero_grad()
        value = loss(network(batch.x_BTF, batch.symbol_slot_B, batch.class_slot_B), batch.y_B)
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return time.process_time() - started


class Clock(pl.Callback):
    """CPU seconds of the training batches of the epoch, validation left out: the bare loop has none."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start."""
        self.seconds = time.process_time()

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop."""
        self.seconds = time.process_time() - self.seconds


def through_lightning(made: MultiSymbolDataModule, folder: Path) -> float:
    """CPU seconds of one epoch through module, data module, metrics and callbacks."""
    clock = Clock()

    def trainer(**given: Any) -> pl.Trainer:
        return pl.Trainer(
            max_epochs=1,
            accelerator="cpu",
            devices=1,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            deterministic=True,
            enable_progress_bar=False,
            enable_model_summary=False,
            **given,
        )

    progress = Progress(refresh_seconds=0.2)
    fit(
        module(), datamodule=made, trainer=trainer, callbacks=[progress, clock], loggers=(), folder=folder, resume=False
    )
    return clock.seconds


def main(rounds: int) -> None:
    """Print both rates and their ratio."""
    torch.set_num_threads(1)
    made = data()
    positions = made.positions("train")
    ledger = made._ledger
    by_symbol = [positions[ledger.symbol[positions] == i] for i in range(SYMBOLS)]
    sampler = EpochSampler(positions=by_symbol, shares=made._shares, seed=SEED, batch_size=BATCH, rank=0, ranks=1)
    windows = len(sampler) * BATCH
    pairs = []
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            pairs.append((bare(made, sampler), through_lightning(made, Path(folder))))
        plain, ours = pairs[-1]
        print(f"round {number + 1}: bare {windows / plain:,.0f} windows/s, through Lightning {windows / ours:,.0f}")
    ratios = [plain / ours for plain, ours in pairs]
    median, low, high = statistics.median(ratios), min(ratios), max(ratios)
    print(f"through Lightning: {median:.1%} of the bare loop, median of {rounds} ({low:.1%} .. {high:.1%})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    main(parser.parse_args().rounds)

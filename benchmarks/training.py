"""Training through Lightning against a bare loop on the same data: python benchmarks/training.py [--rounds 3].

Same network, loss, optimizer, clipping, sampler and windows on both sides, step by step in turns within one process, on
one thread. The bare loop has no metrics, callbacks, checkpoints or seeds of its own for each step; validation is left
out. CPU seconds, so that other load counts less.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import numpy.typing as npt
import torch

from multisymbol.learning.callbacks import LastCheckpoint, Progress, early_stopping
from multisymbol.learning.datamodule import MultiSymbolDataModule
from multisymbol.learning.losses import ClassWeightedCrossEntropy
from multisymbol.learning.module import DirectionModule
from multisymbol.learning.networks.embedding import NetworkShape
from multisymbol.learning.networks.mlp import Mlp
from multisymbol.learning.schedules import Schedule
from multisymbol.learning.trainer import fit
from multisymbol.markets.time import NEVER
from multisymbol.samples.fold import TRAIN, VALIDATION, Fold, FoldAssignment
from multisymbol.samples.ledger import Ledger
from multisymbol.samples.mixture import SamplingWeights, tempered
from multisymbol.samples.sampler import EpochSampler
from multisymbol.samples.windows import Batch

SYMBOLS, BARS, FEATURES, WINDOW, BATCH, SEED = 10, 20_000, 32, 64, 1024, 1
WARM_UP = 10


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
        target=np.full(len(row), np.nan, dtype=np.float32),
        weight=np.ones(len(row), dtype=np.float32),
        counts=(),
    )
    part = np.where(bar[row] < BARS - 1000, TRAIN, VALIDATION).astype(np.int8)
    fold = Fold(name="cut", validation_from=0, test_from=0, test_until=NEVER, embargo_ns=0)
    made = [np.flatnonzero((ledger.symbol == i) & (part == TRAIN)) for i in range(SYMBOLS)]
    return MultiSymbolDataModule(
        features=features,
        ledger=ledger,
        parts=FoldAssignment(fold=fold, part=part, counts=()),
        shares=shares(made),
        symbol_slots=np.arange(1, SYMBOLS + 1),
        class_slots=np.arange(1, SYMBOLS + 1),
        seed=SEED,
        batch_size=BATCH,
        eval_batch_size=4096,
    )


def shares(rows: Sequence[npt.NDArray[np.int64]]) -> SamplingWeights:
    """All symbols alike."""
    return tempered([len(own) for own in rows], temperature=np.inf, max_passes=4.0, epoch_samples=None)


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


class BareLoop:
    """What a person would write without a framework, a step at a time."""

    def __init__(self, made: MultiSymbolDataModule, sampler: EpochSampler) -> None:
        given = module()
        self._network, self._loss = given.network.train(), given.loss
        self._parameters = list(self._network.parameters())
        self._optimizer = torch.optim.AdamW(self._parameters, lr=1e-3, fused=True)
        self._dataset, self._positions = made.dataset, iter(sampler)

    def step(self) -> None:
        """Learn from the next batch."""
        batch = self._dataset[next(self._positions)]
        self._optimizer.zero_grad()
        output_BC = self._network(batch.x_BTF, batch.symbol_slot_B, batch.class_slot_B)
        value = self._loss(output_BC, batch.y_B, batch.weight_B)
        value.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimizer.step()


class Turns(pl.Callback):
    """After each step of Lightning's a step of the bare loop; CPU seconds of both.

    Whatever else the machine does, both see the same of it. The first steps, which find memory cold, are left out.
    """

    def __init__(self, loop: BareLoop) -> None:
        self._loop = loop
        self._mark = 0.0
        self.ours: list[float] = []
        self.bare: list[float] = []

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Take the time of the step that ends here, and make one of the bare loop's."""
        ended = time.process_time()
        self._loop.step()
        if batch_idx >= WARM_UP:
            self.ours.append(ended - self._mark)
            self.bare.append(time.process_time() - ended)
        self._mark = time.process_time()


def through_lightning(made: MultiSymbolDataModule, turns: Turns, folder: Path) -> None:
    """Fit one epoch through module, data module, metrics and callbacks, as a run does."""

    def trainer(**given: Any) -> pl.Trainer:
        return pl.Trainer(
            max_epochs=1,
            accelerator="cpu",
            devices=1,
            gradient_clip_val=1.0,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            deterministic=True,
            enable_progress_bar=False,
            enable_model_summary=False,
            **given,
        )

    callbacks = [
        Progress(refresh_seconds=0.2),
        early_stopping(patience=5, min_delta=0.0),
        LastCheckpoint(every_steps=1000),
        turns,
    ]
    fit(module(), datamodule=made, trainer=trainer, callbacks=callbacks, loggers=(), folder=folder, resume=False)


def main(rounds: int) -> None:
    """Print both rates and their ratio."""
    torch.set_num_threads(1)
    made = data()
    positions = made.positions("train")
    symbol = made.ledger.symbol[positions]
    rows = [positions[symbol == i] for i in range(SYMBOLS)]
    sampler = EpochSampler(positions=rows, shares=shares(rows), seed=SEED, batch_size=BATCH, rank=0, ranks=1)
    ratios = []
    for number in range(rounds):
        turns = Turns(BareLoop(made, sampler))
        with tempfile.TemporaryDirectory() as folder:
            through_lightning(made, turns, Path(folder))
        ours, bare = sum(turns.ours), sum(turns.bare)
        windows, steps = BATCH * len(turns.ours), len(turns.ours)
        ratios.append(bare / ours)
        print(
            f"round {number + 1}: bare {windows / bare:,.0f} windows/s, through Lightning {windows / ours:,.0f}, "
            f"{(ours - bare) / steps * 1e6:+,.0f} us a step"
        )
    print(
        f"through Lightning: {statistics.median(ratios):.1%} of the bare loop, "
        f"median of {rounds} ({min(ratios):.1%} .. {max(ratios):.1%})"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    main(parser.parse_args().rounds)

"""Many single-symbol networks as one stack, against one by one: python benchmarks/stack.py [--network gru].

The same data four ways, in turns within one process, start-up included, validation and early stopping too:

- alone: every symbol's network through Lightning, as `learning.fitting.fit` does, one after another;
- bare: every symbol's network in the plainest loop, one after another, without validation;
- universal: one network through Lightning over the samples of all symbols, as many as the others have together;
- stack: every symbol's network in one stack.

CPU seconds, so that other load counts less; with --threads 2 look at wall seconds too. Made numbers: the shapes are
those of 22 symbols of hourly bars with 57 features and windows of 16 bars.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from multisymbol.learning.callbacks import Progress, early_stopping
from multisymbol.learning.datamodule import MultiSymbolDataModule
from multisymbol.learning.losses import ClassWeightedCrossEntropy
from multisymbol.learning.module import DirectionModule
from multisymbol.learning.networks.embedding import NetworkShape
from multisymbol.learning.networks.mlp import Mlp
from multisymbol.learning.networks.recurrent import Gru, Lstm
from multisymbol.learning.schedules import Schedule
from multisymbol.learning.stacking.fit import StackMember, StackRecipe, fit_stack
from multisymbol.learning.trainer import fit
from multisymbol.markets.time import NEVER
from multisymbol.samples.fold import TRAIN, VALIDATION, Fold, FoldAssignment
from multisymbol.samples.ledger import Ledger
from multisymbol.samples.mixture import tempered
from multisymbol.samples.sampler import EpochSampler

FEATURES, WINDOW, SEED = 57, 16, 1
OPTIMIZER = partial(torch.optim.AdamW, lr=1e-3, weight_decay=1e-2, fused=True)
SCHEDULE = Schedule(factory=partial(torch.optim.lr_scheduler.ConstantLR, factor=1.0), interval="epoch")


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """What is trained.

    Args:
        network: mlp, gru or lstm.
        symbols: How many.
        bars: Of the longest symbol; the shortest has two thirds of that.
        batch: Samples per step.
        epochs: As many for all.
        threads: Of the stack.
    """

    network: str
    symbols: int
    bars: int
    batch: int
    epochs: int
    threads: int

    def made(self) -> nn.Module:
        """Build the default network of conf/model."""
        torch.manual_seed(SEED)
        shape = NetworkShape(features=FEATURES, window=WINDOW, symbols=1, asset_classes=1)
        common: dict[str, Any] = {
            "dropout": 0.1,
            "embedding": "none",
            "embedding_dim": 4,
            "unknown_dropout": 0.1,
            "shape": shape,
        }
        if self.network == "mlp":
            return Mlp(hidden=[64, 32], activation="relu", **common)
        return {"gru": Gru, "lstm": Lstm}[self.network](hidden=32, layers=1, **common)

    def lengths(self) -> list[int]:
        """Return the bars of each symbol."""
        return [round(self.bars * (1 - i / (3 * max(1, self.symbols - 1)))) for i in range(self.symbols)]


def data(lengths: Sequence[int], *, batch: int) -> MultiSymbolDataModule:
    """Return random bars of symbols, the last eighth of each for validation."""
    random = np.random.default_rng(SEED)
    rows = sum(lengths)
    bar = np.concatenate([np.arange(length) for length in lengths])
    share = np.concatenate([np.arange(length) / length for length in lengths])
    symbol = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    row = np.flatnonzero(bar >= WINDOW - 1)
    names = tuple(f"S{i}" for i in range(len(lengths)))
    ledger = Ledger(
        symbols=names,
        asset_classes=names,
        window=WINDOW,
        symbol=symbol[row],
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
    part = np.where(share[row] < 7 / 8, TRAIN, VALIDATION).astype(np.int8)
    fold = Fold(name="cut", validation_from=0, test_from=0, test_until=NEVER, embargo_ns=0)
    train = np.bincount(ledger.symbol[part == TRAIN], minlength=len(lengths))
    return MultiSymbolDataModule(
        features=random.normal(size=(rows, FEATURES)).astype(np.float32),
        ledger=ledger,
        parts=FoldAssignment(fold=fold, part=part, counts=()),
        shares=tempered(train, temperature=1.0, max_passes=np.inf, epoch_samples=None),
        symbol_slots=np.ones(len(lengths), dtype=np.int64),
        class_slots=np.ones(len(lengths), dtype=np.int64),
        seed=SEED,
        batch_size=batch,
        eval_batch_size=4096,
    )


def rows_by_symbol(made: MultiSymbolDataModule) -> list[npt.NDArray[np.int64]]:
    """Return the train samples of each symbol."""
    positions = made.positions("train")
    symbol = made.ledger.symbol[positions]
    return [positions[symbol == i] for i in range(len(made.ledger.symbols))]


def sampler(made: MultiSymbolDataModule, batch: int) -> EpochSampler:
    """Return the order that Lightning would take."""
    rows = rows_by_symbol(made)
    shares = tempered([len(own) for own in rows], temperature=1.0, max_passes=np.inf, epoch_samples=None)
    return EpochSampler(positions=rows, shares=shares, seed=SEED, batch_size=batch, rank=0, ranks=1)


def loss() -> ClassWeightedCrossEntropy:
    """Return the default loss of conf/loss."""
    return ClassWeightedCrossEntropy(class_counts=[1, 1, 1], power=0.5, cap=10.0)


def through_lightning(made: MultiSymbolDataModule, size: Size) -> None:
    """Fit as a run does."""

    def trainer(**given: Any) -> pl.Trainer:
        return pl.Trainer(
            max_epochs=size.epochs,
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

    module = DirectionModule(
        network=size.made(),
        loss=loss(),
        optimizer=OPTIMIZER,
        schedule=SCHEDULE,
        symbols=made.ledger.symbols,
        seed=SEED,
    )
    callbacks = [Progress(refresh_seconds=0.2), early_stopping(patience=99, min_delta=0.0)]
    with tempfile.TemporaryDirectory() as folder:
        fit(
            module, datamodule=made, trainer=trainer, callbacks=callbacks, loggers=(), folder=Path(folder), resume=False
        )


def in_a_bare_loop(made: MultiSymbolDataModule, size: Size) -> None:
    """Fit as a person would without a framework; nothing is validated, seeded or kept."""
    network, compared, order = size.made().train(), loss(), sampler(made, size.batch)
    parameters = list(network.parameters())
    optimizer = OPTIMIZER(parameters)
    for epoch in range(size.epochs):
        order.set_epoch(epoch)
        for positions in order:
            batch = made.dataset[positions]
            optimizer.zero_grad()
            output_BC = network(batch.x_BTF, batch.symbol_slot_B, batch.class_slot_B)
            compared(output_BC, batch.y_B, batch.weight_B).backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()


def in_a_stack(all_made: Sequence[MultiSymbolDataModule], size: Size) -> None:
    """Fit all symbols at once, with a checkpoint of every epoch."""
    members = [
        StackMember(
            name=f"S{number}",
            dataset=made.dataset,
            sampler=sampler(made, size.batch),
            validation=made.positions("val"),
            network=size.made(),
            loss=loss(),
            seed=SEED,
        )
        for number, made in enumerate(all_made)
    ]
    recipe = StackRecipe(
        optimizer=OPTIMIZER,
        schedule=SCHEDULE,
        clip=1.0,
        epochs=size.epochs,
        patience=99,
        min_delta=0.0,
        eval_batch_size=4096,
        device=torch.device("cpu"),
        threads=size.threads,
    )
    with tempfile.TemporaryDirectory() as folder:
        fit_stack(members, recipe=recipe, checkpoint=Path(folder) / "stack.ckpt")


def one_by_one(
    fitted: Callable[[MultiSymbolDataModule, Size], None], all_made: Sequence[MultiSymbolDataModule], size: Size
) -> None:
    """Fit one symbol after another."""
    for made in all_made:
        fitted(made, size)


@dataclass(frozen=True, kw_only=True, slots=True)
class Seconds:
    """What a way took: of the CPU, and on the clock."""

    cpu: float
    wall: float


def taken(work: Callable[[], None]) -> Seconds:
    """Do it, and say what it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return Seconds(cpu=time.process_time() - cpu, wall=time.perf_counter() - wall)


def main(size: Size, rounds: int) -> None:
    """Print what each way took, and the ratios."""
    torch.set_num_threads(1)
    singles = [data([length], batch=size.batch) for length in size.lengths()]
    whole = data(size.lengths(), batch=size.batch)
    ways: dict[str, Callable[[], None]] = {
        "stack": lambda: in_a_stack(singles, size),
        "universal": lambda: through_lightning(whole, size),
        "bare": lambda: one_by_one(in_a_bare_loop, singles, size),
        "alone": lambda: one_by_one(through_lightning, singles, size),
    }
    seen: dict[str, list[Seconds]] = {name: [] for name in ways}
    through_lightning(data([2000], batch=size.batch), size)  # what the first use of Lightning loads is no one's
    for number in range(rounds):
        for name, work in ways.items():
            seen[name].append(taken(work))
        times = ", ".join(f"{name} {own[-1].cpu:.1f} s ({own[-1].wall:.1f} wall)" for name, own in seen.items())
        print(f"round {number + 1}: {times}", flush=True)
    for other in ("universal", "bare", "alone"):
        for clock in ("cpu", "wall"):
            ratios = [
                getattr(ours, clock) / getattr(theirs, clock)
                for ours, theirs in zip(seen["stack"], seen[other], strict=True)
            ]
            spread = f"({min(ratios):.2f} .. {max(ratios):.2f})"
            print(f"stack / {other}: {statistics.median(ratios):.2f} of its {clock} seconds {spread}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", choices=["mlp", "gru", "lstm"], default="mlp")
    parser.add_argument("--symbols", type=int, default=22)
    parser.add_argument("--bars", type=int, default=12_000)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    given = vars(parser.parse_args())
    rounds_asked = given.pop("rounds")
    main(Size(**given), rounds_asked)

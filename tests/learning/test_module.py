import dataclasses
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers.logger import Logger

from multisymbol.errors import ConfigError
from multisymbol.learning.metrics import SymbolCounts
from multisymbol.learning.probabilities import probabilities
from multisymbol.learning.schedules import Schedule
from multisymbol.learning.tasks import Direction
from multisymbol.learning.trainer import fit
from multisymbol.markets.symbols import slug
from multisymbol.samples.fold import VALIDATION
from multisymbol.seeding import named_seed
from tests.learning.worlds import SYMBOLS, module, trainer, world

MONITOR, WATCHED = "val/log_loss", Direction().watched


class Book(Logger):
    """Remembers what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[dict[str, float]] = []

    @property
    def name(self) -> str:
        return "book"

    @property
    def version(self) -> str:
        return "0"

    def log_hyperparams(self, params: object) -> None:
        raise AssertionError("no hyperparameters are logged")

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.rows.append({**metrics, "step": float(step or 0)})

    def by_name(self, name: str) -> list[float]:
        return [row[name] for row in self.rows if name in row]


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Book:
    logger = Book()
    fit(
        module(),
        datamodule=world().datamodule(),
        trainer=trainer(epochs=3),
        callbacks=(),
        loggers=[logger],
        folder=tmp_path_factory.mktemp("run"),
        resume=False,
    )
    return logger


def test_every_score_is_logged_once_an_epoch(book: Book) -> None:
    names = ["train/loss", *(f"val/{name}" for name in WATCHED), *(f"{MONITOR}/{slug(name)}" for name in SYMBOLS)]
    assert {name: len(book.by_name(name)) for name in names} == dict.fromkeys(names, 3)
    assert "val/log_loss/BRK_2EB" in names
    logged = {name for row in book.rows for name in row} - {"step", "epoch"}
    assert logged == set(names)


def test_logged_log_loss_is_that_of_the_corrected_probabilities(tmp_path: Path) -> None:
    made, given, logger = world(), module(), Book()
    fit(
        given,
        datamodule=made.datamodule(),
        trainer=trainer(epochs=1),
        callbacks=(),
        loggers=[logger],
        folder=tmp_path,
        resume=False,
    )
    batch = made.datamodule().dataset[torch.from_numpy(made.parts.positions(VALIDATION))]
    counts = SymbolCounts(symbols=3)
    with torch.no_grad():
        logits = given.eval()(batch.x_BTF, batch.symbol_slot_B, batch.class_slot_B)
    counts.update(probabilities(logits, given.loss.log_weights), batch.y_B, batch.symbol_B)
    assert logger.by_name(MONITOR)[0] == pytest.approx(counts.overall().log_loss, rel=1e-6)
    uncorrected = SymbolCounts(symbols=3)
    uncorrected.update(torch.softmax(logits, 1), batch.y_B, batch.symbol_B)
    assert uncorrected.overall().log_loss != pytest.approx(counts.overall().log_loss, rel=1e-3)


class Losses(Callback):
    """Remembers the loss of each step, epoch by epoch."""

    def __init__(self) -> None:
        self.epochs: list[list[float]] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.epochs.append([])

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.epochs[-1].append(float(outputs["loss"]))


def test_train_loss_is_the_mean_over_the_steps_of_its_epoch(tmp_path: Path) -> None:
    losses, logger = Losses(), Book()
    fit(
        module(),
        datamodule=world().datamodule(),
        trainer=trainer(epochs=2),
        callbacks=[losses],
        loggers=[logger],
        folder=tmp_path,
        resume=False,
    )
    assert logger.by_name("train/loss") == pytest.approx([sum(epoch) / len(epoch) for epoch in losses.epochs], rel=1e-6)


def test_loss_is_weighed_by_sample_and_by_symbol_and_the_score_is_not(tmp_path: Path) -> None:
    made, logger, losses = world(), Book(), Losses()
    heavy = dataclasses.replace(made, ledger=dataclasses.replace(made.ledger, weight=3 * made.ledger.weight))
    for name, data in (("plain", made.datamodule()), ("heavy", heavy.datamodule(symbol_weight=2.0))):
        fit(
            module(lr=0.0),
            datamodule=data,
            trainer=trainer(epochs=1),
            callbacks=[losses],
            loggers=[logger],
            folder=tmp_path / name,
            resume=False,
        )
    assert losses.epochs[1] == pytest.approx([6 * loss for loss in losses.epochs[0]])
    assert logger.by_name(MONITOR)[0] == logger.by_name(MONITOR)[1]


def test_training_lowers_the_loss(book: Book) -> None:
    assert book.by_name("train/loss")[-1] < book.by_name("train/loss")[0]
    assert book.by_name(MONITOR)[-1] < book.by_name(MONITOR)[0]


def plateau(interval: Literal["epoch", "step"] = "epoch") -> Schedule:
    # A change counts from 1000 nats on: the best score is the first epoch's, all others are without improvement.
    cut = partial(
        torch.optim.lr_scheduler.ReduceLROnPlateau, factor=0.1, patience=1, threshold=1e3, threshold_mode="abs"
    )
    return Schedule(factory=cut, interval=interval)


class Rates(Callback):
    """Remembers the learning rate of each epoch."""

    def __init__(self) -> None:
        self.epochs: list[float] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.epochs.append(trainer.optimizers[0].param_groups[0]["lr"])


def test_plateau_schedule_moves_once_an_epoch_by_the_score(tmp_path: Path) -> None:
    rates = Rates()
    fit(
        module(lr=1e-2, schedule=plateau()),
        datamodule=world().datamodule(),
        trainer=trainer(epochs=5),
        callbacks=[rates],
        loggers=(),
        folder=tmp_path,
        resume=False,
    )
    # Epoch 1 is the best, 2 and 3 are no improvement: cut; 4 and 5 likewise.
    assert rates.epochs == pytest.approx([1e-2, 1e-2, 1e-2, 1e-3, 1e-3])


def test_plateau_schedule_after_each_step_is_refused() -> None:
    with pytest.raises(ConfigError, match="interval must be epoch for ReduceLROnPlateau, got step"):
        module(schedule=plateau("step")).configure_optimizers()


def test_module_has_no_buffers_ranks_would_wait_for() -> None:
    assert list(module().buffers()) == []


def test_seeds_differ_by_name_and_index_and_are_stable() -> None:
    assert named_seed(1, "dropout", 2, 3) == named_seed(1, "dropout", 2, 3)
    others = {named_seed(1, "dropout"), named_seed(2, "dropout"), named_seed(1, "split"), named_seed(1, "dropout", 0)}
    assert len(others) == 4
    assert all(0 <= seed < 2**63 for seed in others)

"""The LightningModule: a network, a loss and what is watched while fitting."""

# B batch, T time, F feature, C class, S symbol

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Protocol

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import nn
from torch.optim import Optimizer
from torchmetrics import MeanMetric

from multisymbol.errors import SampleError
from multisymbol.learning.losses import probabilities
from multisymbol.learning.metrics import Scores, SymbolCounts
from multisymbol.learning.schedules import Schedule
from multisymbol.learning.seeding import named_seed
from multisymbol.markets.symbols import slug
from multisymbol.samples.windows import Batch

MONITOR = "val/log_loss"
"""What early stopping, the best checkpoint and a plateau schedule watch; lower is better."""

WATCHED = ("log_loss", "macro_f1", "balanced_accuracy", "mcc", "brier")
"""Scores logged as `val/<name>` after each epoch."""

OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]


class Loss(Protocol):
    """A module that compares logits (B, C) with labels (B,)."""

    @property
    def log_weights(self) -> torch.Tensor:
        """What `probabilities` subtracts from the logits; zeros for a loss that leaves the prior alone."""
        ...

    def __call__(self, logits_BC: torch.Tensor, y_B: torch.Tensor) -> torch.Tensor:
        """Return the mean over the rows."""
        ...


class DirectionModule(pl.LightningModule):
    """Fits a network to directions: forward, one step, optimizers.

    Saves no hyperparameters: the network is rebuilt from the stored configuration and `load_best` (PITFALLS L1, L2).

    Args:
        network: Windows and slots to logits.
        loss: As `Loss`, a module.
        optimizer: Parameters -> optimizer.
        schedule: Of the learning rate.
        symbols: Names by number.
        seed: The run's.
    """

    def __init__(
        self,
        *,
        network: nn.Module,
        loss: Loss,
        optimizer: OptimizerFactory,
        schedule: Schedule,
        symbols: Sequence[str],
        seed: int,
    ) -> None:
        super().__init__()
        self.network = network
        self.loss = loss
        self.symbols = tuple(symbols)
        self.validation_scores: list[Scores] = []
        self._optimizer = optimizer
        self._schedule = schedule
        self._seed = seed
        self._train_loss = MeanMetric(nan_strategy="disable")
        self._validation = SymbolCounts(symbols=len(self.symbols))

    def forward(self, x_BTF: torch.Tensor, symbol_slot_B: torch.Tensor, class_slot_B: torch.Tensor) -> torch.Tensor:
        """Return logits, shape (B, C)."""
        logits_BC: torch.Tensor = self.network(x_BTF, symbol_slot_B, class_slot_B)
        return logits_BC

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """Return the loss of a batch."""
        return self._step(batch, "train")

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Count a batch."""
        self._step(batch, "val")

    def _step(self, batch: Batch, split: Literal["train", "val"]) -> torch.Tensor:
        logits_BC = self(batch.x_BTF, batch.symbol_slot_B, batch.class_slot_B)
        loss = self.loss(logits_BC, batch.y_B)
        # Summed on the device, logged once an epoch: a `self.log` a step would cost as much as a small network.
        if split == "train":
            self._train_loss.update(loss.detach())
        else:
            self._validation.update(probabilities(logits_BC, self.loss.log_weights), batch.y_B, batch.symbol_B)
        return loss

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed dropout for this step: checkpoints hold no generator, yet a resumed run must draw the same."""
        seed = named_seed(self._seed, "dropout", self.current_epoch, batch_idx, self.global_rank)
        # `torch.manual_seed` prepares every kind of device, with a stack trace each: 140 us, a tenth of a small step.
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)

    def on_train_epoch_start(self) -> None:
        """Forget the last epoch's loss."""
        self._train_loss.reset()

    def on_train_epoch_end(self) -> None:
        """Log the epoch's loss."""
        self.log("train/loss", self._train_loss.compute())

    def on_validation_epoch_start(self) -> None:
        """Forget the last epoch's counts."""
        self._validation.reset()

    def on_validation_epoch_end(self) -> None:
        """Log the scores, over all rows and per symbol; raise SampleError when they are no numbers."""
        overall, self.validation_scores = self._validation.overall(), self._validation.by_symbol()
        if not math.isfinite(overall.log_loss):
            raise SampleError(self._no_numbers(overall))
        # The counts are summed over the processes already: each of them logs the same numbers.
        self.log_dict({f"val/{name}": getattr(overall, name) for name in WATCHED}, rank_zero_only=False)
        by_symbol = {
            f"{MONITOR}/{slug(symbol)}": scores.log_loss
            for symbol, scores in zip(self.symbols, self.validation_scores, strict=True)
            if scores.rows
        }
        for logger in self.loggers:
            logger.log_metrics(by_symbol, step=self.global_step)

    def _no_numbers(self, overall: Scores) -> str:
        """Say why validation gave no finite log-loss."""
        if overall.rows == 0:
            return "there are no validation samples; the best epoch cannot be told. Move split.validation_from"
        broken = [s for s, scores in zip(self.symbols, self.validation_scores, strict=True) if not _finite(scores)]
        if self._train_loss.update_called and not math.isfinite(float(self._train_loss.compute())):
            rate = self.trainer.optimizers[0].defaults["lr"]
            return (
                f"training diverged in epoch {self.current_epoch + 1}: the loss is no finite number any more. Lower "
                f"optimizer.lr (it was {rate:g}), set trainer.gradient_clip_val, or look for NaN and extreme features"
            )
        return (
            f"epoch {self.current_epoch + 1}: log-loss on validation is no finite number for {', '.join(broken)}. "
            f"Their features hold NaN: is their asset class among the trained ones?"
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Write the epoch's own score beside its weights: by it a file proves to be the best epoch's."""
        checkpoint[MONITOR] = float(self.trainer.callback_metrics[MONITOR])

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Build optimizer and schedule."""
        optimizer = self._optimizer(self.network.parameters())
        scheduler = self._schedule.factory(optimizer)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": self._schedule.interval, "monitor": MONITOR},
        }


def _finite(scores: Scores) -> bool:
    return scores.rows == 0 or math.isfinite(scores.log_loss)

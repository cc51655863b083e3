"""The LightningModule: a network, a loss and what is watched while fitting."""

# B batch, T time, F feature, C class, S symbol

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities.types import LRSchedulerConfigType, LRSchedulerTypeUnion, OptimizerLRScheduler
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from multisymbol.errors import SampleError
from multisymbol.learning.losses import Loss
from multisymbol.learning.metrics import Scores
from multisymbol.learning.returns import ReturnScores
from multisymbol.learning.schedules import Schedule
from multisymbol.markets.symbols import slug
from multisymbol.samples.windows import Batch
from multisymbol.seeding import named_seed

PROOF = "multisymbol"
"""Key under which a checkpoint says which score its weights had, and how far its epoch had come."""

OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]


class _EpochLoss:
    """Sum of the losses of an epoch's steps, on the device; kept apart, since a module is slow to be written to."""

    def __init__(self) -> None:
        self.sum = torch.zeros((), dtype=torch.float64)
        self.steps = 0

    def add(self, loss: torch.Tensor) -> None:
        self.sum += loss
        self.steps += 1

    def reset(self) -> None:
        self.sum.zero_()
        self.steps = 0


class DirectionModule(pl.LightningModule):
    """Fits a network to what its loss is about, directions or returns: forward, one step, optimizers.

    Saves no hyperparameters: the network is rebuilt from the stored configuration and `load_best`.

    Args:
        network: Windows and slots to outputs, `loss.task.outputs` of them.
        loss: A module; it names the task.
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
        self.task = loss.task
        self.symbols = tuple(symbols)
        self.validation_scores: Sequence[Scores | ReturnScores] = ()
        self._optimizer = optimizer
        self._schedule = schedule
        self._seed = seed
        self._validation = self.task.tally(len(self.symbols))
        self._epoch = _EpochLoss()
        self._scored = False

    def __setattr__(self, name: str, value: Any) -> None:
        # Lightning notes the hook it is in some 46 times a step; nn.Module would look for parameters each time.
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def forward(self, x_BTF: torch.Tensor, symbol_slot_B: torch.Tensor, class_slot_B: torch.Tensor) -> torch.Tensor:
        """Return the network's outputs, shape (B, C)."""
        output_BC: torch.Tensor = self.network(x_BTF, symbol_slot_B, class_slot_B)
        return output_BC

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """Return the loss of a batch."""
        return self._step(batch, "train")

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Count a batch."""
        self._step(batch, "val")

    def _step(self, batch: Batch, split: Literal["train", "val"]) -> torch.Tensor:
        output_BC = self(batch.x_BTF, batch.symbol_slot_B, batch.class_slot_B)
        truth_B = self.task.truth(batch)
        loss = self.loss(output_BC, truth_B, batch.weight_B)
        # Summed on the device, logged once an epoch: a `self.log` a step would cost as much as a small network.
        if split == "train":
            self._epoch.add(loss.detach())
        else:
            self._validation.update(self.task.forecast(output_BC, self.loss.log_weights), truth_B, batch.symbol_B)
        return loss

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed dropout for this step: checkpoints hold no generator, yet a resumed run must draw the same."""
        seed = named_seed(self._seed, "dropout", self.current_epoch, batch_idx, self.global_rank)
        # `torch.manual_seed` prepares every kind of device, with a stack trace each: 140 us, a tenth of a small step.
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)

    def on_train_start(self) -> None:
        """Move the sum of losses, which is no buffer (see `losses`), to the device."""
        self._epoch.sum = self._epoch.sum.to(self.device)

    def on_train_epoch_start(self) -> None:
        """Forget the last epoch; not called where an epoch is gone on with."""
        self._epoch.reset()
        self._scored = False

    def on_train_epoch_end(self) -> None:
        """Log the epoch's loss."""
        self.log("train/loss", self._epoch.sum / self._epoch.steps, sync_dist=True)

    def on_validation_epoch_start(self) -> None:
        """Forget the last epoch's counts."""
        self._validation.reset()

    def on_validation_epoch_end(self) -> None:
        """Log the scores, over all rows and per symbol; raise SampleError when they are no numbers."""
        overall, self.validation_scores = self._validation.overall(), [*self._validation.by_symbol()]
        score = self.task.score(overall)
        if not math.isfinite(score):
            raise SampleError(self._no_numbers(overall.rows))
        # The counts are summed over the processes already: each of them logs the same numbers.
        self.log_dict({f"val/{name}": getattr(overall, name) for name in self.task.watched}, rank_zero_only=False)
        by_symbol = {
            f"{self.task.monitor}/{slug(symbol)}": self.task.score(scores)
            for symbol, scores in zip(self.symbols, self.validation_scores, strict=True)
            if scores.rows
        }
        for logger in self.loggers:
            logger.log_metrics(by_symbol, step=self.global_step)
        scheduler = self.lr_schedulers()
        if isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step(score)
        self._scored = True

    def _no_numbers(self, rows: int) -> str:
        """Say why validation gave no finite score."""
        if rows == 0:
            return "there are no validation samples; the best epoch cannot be told. Move split.validation_from"
        broken = [
            symbol
            for symbol, scores in zip(self.symbols, self.validation_scores, strict=True)
            if scores.rows and not math.isfinite(self.task.score(scores))
        ]
        if not math.isfinite(float(self._epoch.sum)):
            rate = self.trainer.optimizers[0].defaults["lr"]
            return (
                f"training diverged in epoch {self.current_epoch + 1}: the loss is no finite number any more. Lower "
                f"optimizer.lr (it was {rate:g}), set trainer.gradient_clip_val, or look for NaN and extreme features"
            )
        return (
            f"epoch {self.current_epoch + 1}: {self.task.monitor} is no finite number for {', '.join(broken)}. "
            f"Their features hold NaN: is their asset class among the trained ones?"
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Write the epoch's own score beside its weights: by it a file proves to be the best epoch's.

        In mid-epoch there is none yet, so the losses so far are used; of several processes, their mean.
        """
        loss_sum = self.trainer.strategy.reduce(self._epoch.sum.clone(), reduce_op="mean")
        checkpoint[PROOF] = {
            "monitor": self.task.monitor,
            "score": float(self.trainer.callback_metrics[self.task.monitor]) if self._scored else None,
            "loss_sum": float(loss_sum),
            "steps": self._epoch.steps,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up the losses of the epoch that is gone on with."""
        self._epoch.sum.fill_(checkpoint[PROOF]["loss_sum"])
        self._epoch.steps = checkpoint[PROOF]["steps"]

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Build optimizer and schedule; raises ConfigError as `Schedule.scheduler`."""
        optimizer = self._optimizer(self.network.parameters())
        scheduler = self._schedule.scheduler(optimizer)
        # Lightning moves a plateau schedule after the checkpoint of its epoch is written, and not at all in an epoch
        # that is gone on with (loops/fit_loop.py, 2.6.6): a resumed run would differ. So it is ours, see above.
        interval = self._schedule.interval
        ours: LRSchedulerConfigType = {"scheduler": scheduler, "interval": interval, "reduce_on_plateau": False}
        return {"optimizer": optimizer, "lr_scheduler": ours}

    def lr_scheduler_step(self, scheduler: LRSchedulerTypeUnion, metric: Any | None) -> None:
        """Move a schedule, but for one that waits for the score."""
        if not isinstance(scheduler, ReduceLROnPlateau):
            super().lr_scheduler_step(scheduler, metric)

"""What happens around the epochs: stopping early, keeping the best and the last epoch, showing progress."""

import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from multisymbol.learning.module import MONITOR
from multisymbol.samples.windows import Batch


def early_stopping(*, patience: int, min_delta: float) -> EarlyStopping:
    """Stop when validation log-loss has not improved by more than `min_delta` nats for `patience` epochs."""
    # A score that is no number is an error of its own (DirectionModule), not a reason to stop and go on as if well.
    return EarlyStopping(MONITOR, mode="min", patience=patience, min_delta=min_delta, check_finite=False)


def checkpoints(folder: Path) -> tuple[ModelCheckpoint, ModelCheckpoint]:
    """Keep `best.ckpt` and `last.ckpt`, in this order: Lightning's "best" is the first one (PITFALLS L3).

    `last.ckpt` is the last whole epoch: written without a score, after each epoch, it is what a run resumes from.
    """
    best = ModelCheckpoint(
        folder, filename="best", monitor=MONITOR, mode="min", save_top_k=1, enable_version_counter=False
    )
    last = ModelCheckpoint(folder, filename="last", monitor=None, save_top_k=1, enable_version_counter=False)
    return best, last


class Throughput(Callback):
    """Counts the windows learned from, over all processes, and the seconds that took, validation included."""

    def __init__(self) -> None:
        self.windows = 0
        self.steps = 0
        self._started_at = 0.0

    @property
    def seconds(self) -> float:
        """Since fitting started."""
        return time.monotonic() - self._started_at

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self.windows, self.steps, self._started_at = 0, 0, time.monotonic()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Count a batch."""
        self.windows += len(batch.y_B) * trainer.world_size
        self.steps += 1


class Progress(Throughput):
    """One line at a terminal: epoch, speed, time left, last and best score; nothing when piped.

    Args:
        refresh_seconds: Pause between two refreshes: drawing costs more than a small network's step.
        console: Where; None: standard error.
    """

    def __init__(self, *, refresh_seconds: float, console: Console | None = None) -> None:
        super().__init__()
        self._refresh_seconds = refresh_seconds
        self._console = Console(stderr=True) if console is None else console
        self._bar: Bar | None = None
        self._scores: list[float] = []
        self._drawn_at = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the line."""
        super().on_train_start(trainer, pl_module)
        if trainer.is_global_zero and self._console.is_terminal:
            share = TextColumn("{task.percentage:>3.0f} %{task.fields[text]}")
            columns = (TextColumn("{task.description}"), BarColumn(), share)
            self._bar = Bar(*columns, console=self._console, auto_refresh=False)
            self._bar.add_task("", total=1.0, text="")
            self._bar.start()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Draw, if the last time is long enough ago."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        if time.monotonic() - self._drawn_at >= self._refresh_seconds:
            self._draw(trainer, batch_idx + 1)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take up the epoch's score."""
        self._scores.append(float(trainer.callback_metrics[MONITOR]))
        self._draw(trainer, int(trainer.num_training_batches))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the line."""
        self._close()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Close the line, so that the message starts on one of its own."""
        self._close()

    def _draw(self, trainer: pl.Trainer, batches: int) -> None:
        if self._bar is None:
            return
        self._drawn_at = time.monotonic()
        per_epoch, epochs = int(trainer.num_training_batches), trainer.max_epochs or 0
        steps_left = (epochs - trainer.current_epoch) * per_epoch - batches
        text = progress_text(
            windows_per_second=self.windows / self.seconds,
            seconds_left=self.seconds / self.steps * steps_left,
            scores=self._scores,
        )
        self._bar.update(
            self._bar.task_ids[0],
            completed=batches / per_epoch,
            description=f"epoch {trainer.current_epoch + 1}/{epochs}",
            text=text,
            refresh=True,
        )

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def progress_text(*, windows_per_second: float, seconds_left: float, scores: Sequence[float]) -> str:
    """Write ` · 41k windows/s · 0:00:52 left · val/log_loss 0.981 (best 0.979, epoch 5)`.

    Args:
        windows_per_second: Since fitting started.
        seconds_left: At that speed, if no epoch is saved by stopping early.
        scores: Of the epochs done in this run, in order.
    """
    speed = f"{windows_per_second / 1000:.0f}k" if windows_per_second >= 10_000 else f"{windows_per_second:.0f}"
    text = f" · {speed} windows/s · {timedelta(seconds=round(seconds_left))} left"
    if not scores:
        return text
    best = min(range(len(scores)), key=scores.__getitem__)
    return f"{text} · {MONITOR} {scores[-1]:.3f} (best {scores[best]:.3f}, epoch {best + 1})"

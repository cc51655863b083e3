"""What happens around the epochs: stopping early, keeping the best and the last epoch, showing progress."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback, Checkpoint, EarlyStopping, ModelCheckpoint

from multisymbol.errors import ConfigError
from multisymbol.learning.module import DirectionModule
from multisymbol.progress import Stage, stage
from multisymbol.samples.windows import Batch


class Patience(EarlyStopping):
    """Stops when the monitored score of the module's task gets no better; see `early_stopping`."""

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Take up the task's monitor."""
        assert isinstance(pl_module, DirectionModule)
        self.monitor = pl_module.task.monitor
        super().setup(trainer, pl_module, stage)

    @property
    def state_key(self) -> str:
        """Its key in a checkpoint, constant: Lightning asks for it in every hook, and would write it anew."""
        return "Patience"

    @property
    def stopped(self) -> bool:
        """Whether it has ended the training."""
        return self.wait_count >= self.patience

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stay stopped: Lightning forgets it when a run that was stopped early is resumed."""
        trainer.should_stop = trainer.should_stop or self.stopped


def early_stopping(*, patience: int, min_delta: float) -> Patience:
    """Stop when the monitored score has not improved by more than `min_delta` for `patience` epochs.

    Raises:
        ConfigError: patience below 1.
    """
    if patience < 1:
        raise ConfigError(f"callbacks.early_stopping: patience must be 1 or more epochs, got {patience}")
    # A score that is no number is an error of its own (DirectionModule), not a reason to stop and go on as if well.
    return Patience("", mode="min", patience=patience, min_delta=min_delta, check_finite=False)


class BestCheckpoint(ModelCheckpoint):
    """Keeps `best.ckpt`, the epoch with the lowest score."""

    def __init__(self, folder: Path, *, monitor: str) -> None:
        super().__init__(folder, filename="best", monitor=monitor, mode="min", enable_version_counter=False)

    @property
    def state_key(self) -> str:
        """As in Patience."""
        return "BestCheckpoint"

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the best epoch where the folder lies now: of one that was moved, Lightning would forget its score."""

        def here(path: str) -> str:
            return str(Path(str(self.dirpath)) / Path(path).name) if path else path

        moved = {name: here(state_dict[name]) for name in state_dict if name.endswith("_model_path")}
        best = {here(path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict({**state_dict, **moved, "best_k_models": best, "dirpath": self.dirpath})


class LastCheckpoint(Checkpoint):
    """Writes `last.ckpt`, what a run resumes from, after each epoch and every so many steps within it.

    The last step of an epoch writes none: the epoch's own follows after validation.

    Args:
        every_steps: Optimizer steps, >= 1, what a kill can cost; None: after each epoch alone.
    """

    def __init__(self, *, every_steps: int | None) -> None:
        super().__init__()
        if every_steps is not None and every_steps < 1:
            raise ConfigError(f"callbacks.last_checkpoint: every_steps must be 1 or more, or null, got {every_steps}")
        self._every_steps = every_steps

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Write, if it is time."""
        if self._every_steps is None or trainer.global_step % self._every_steps:
            return
        if batch_idx + 1 < trainer.num_training_batches:
            trainer.save_checkpoint(last_path(Path(trainer.default_root_dir)))

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write; called after those that watch the score, so that their state is in the file."""
        trainer.save_checkpoint(last_path(Path(trainer.default_root_dir)))


def last_path(folder: Path) -> Path:
    """Return where a run's `last.ckpt` lies."""
    return folder / "last.ckpt"


class Throughput(Callback):
    """Counts the windows learned from, over all processes, and the seconds that took, validation included."""

    def __init__(self) -> None:
        self.windows = 0
        self.steps = 0
        self._started_at: float | None = None

    @property
    def seconds(self) -> float:
        """Since fitting started; 0 where there was nothing left to do."""
        return time.monotonic() - self._started_at if self._started_at is not None else 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self.windows, self.steps, self._started_at = 0, 0, time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Count a batch."""
        self.windows += len(batch.y_B) * trainer.world_size
        self.steps += 1


class Progress(Throughput):
    """The epoch, its share, time left, last and best score, speed, on the terminal's line of progress.

    The scores are in the checkpoints, so that a resumed run knows the best of all its epochs.

    Args:
        refresh_seconds: Pause between two updates.
    """

    def __init__(self, *, refresh_seconds: float) -> None:
        super().__init__()
        self._refresh_seconds = refresh_seconds
        self._showing: AbstractContextManager[Stage] | None = None
        self._stage = Stage(name="")
        self._monitor = ""
        self._scores: list[float] = []
        self._drawn_at = 0.0

    @property
    def state_key(self) -> str:
        """As in Patience."""
        return "Progress"

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run's line needs."""
        return {"scores": list(self._scores)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the scores of the epochs before."""
        self._scores = list(state_dict["scores"])

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the line."""
        super().on_train_start(trainer, pl_module)
        assert isinstance(pl_module, DirectionModule)
        self._monitor = pl_module.task.monitor
        if trainer.is_global_zero:
            self._showing = stage("training")
            self._stage = self._showing.__enter__()
            self._stage.share_before = trainer.current_epoch / (trainer.max_epochs or 1)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Update, if the last time is long enough ago."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        if time.monotonic() - self._drawn_at >= self._refresh_seconds:
            self._update(trainer, batch_idx + 1)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take up the epoch's score."""
        self._scores.append(float(trainer.callback_metrics[self._monitor]))
        self._update(trainer, int(trainer.num_training_batches))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave the line."""
        if self._showing is not None:
            self._showing.__exit__(None, None, None)
            self._showing = None

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Leave the line, so that the message starts on one of its own."""
        self.on_train_end(trainer, pl_module)

    def _update(self, trainer: pl.Trainer, batches: int) -> None:
        self._drawn_at = time.monotonic()
        per_epoch, epochs = int(trainer.num_training_batches), trainer.max_epochs or 0
        done = trainer.current_epoch * per_epoch + batches
        self._stage.name = f"epoch {trainer.current_epoch + 1}/{epochs}"
        speed = self.windows / self.seconds
        facts = (score_text(self._monitor, self._scores), f"{speed / 1000:,.0f}k windows/s")
        self._stage.update(done, epochs * per_epoch, *facts, count=f"{done / (epochs * per_epoch):.0%}")


def score_text(monitor: str, scores: Sequence[float]) -> str:
    """Write `val/log_loss 0.981 (best 0.979, epoch 5)`; nothing before the first epoch's end.

    `scores` are those of all epochs done, in order.
    """
    if not scores:
        return ""
    best = min(range(len(scores)), key=scores.__getitem__)
    return f"{monitor} {scores[-1]:.3f} (best {scores[best]:.3f}, epoch {best + 1})"

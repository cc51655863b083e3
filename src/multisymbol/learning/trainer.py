"""Fitting: a trainer, a module and its data in; the best epoch out, with proof."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger
from lightning.pytorch.profilers import PassThroughProfiler

from multisymbol.errors import BundleError, SampleError
from multisymbol.learning.callbacks import BestCheckpoint, LastCheckpoint, Patience, Throughput, last_path
from multisymbol.learning.checkpoints import AtomicCheckpointIO
from multisymbol.learning.datamodule import MultiSymbolDataModule
from multisymbol.learning.module import PROOF, DirectionModule


class TrainerFactory(Protocol):
    """A file in `conf/trainer`: a Trainer without what the run decides."""

    def __call__(self, *, logger: list[Logger], callbacks: list[Callback], default_root_dir: Path) -> pl.Trainer:
        """Return a trainer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FitResult:
    """What fitting came to; epochs are counted from 1, epochs and steps before a resume included."""

    best_path: Path  # checkpoint of the best epoch
    last_path: Path  # checkpoint of the last epoch, to resume from
    best_score: float  # its score on validation, as `monitor` names it (`val/log_loss`); lower is better
    monitor: str
    best_epoch: int
    epochs_run: int  # whole epochs
    seconds: float  # from the first step to the last, validation included; this process's
    steps: int
    windows_per_second: float  # windows learned from over `seconds`, all processes together
    stopped_early: bool  # whether early stopping ended it


class BestEpoch(NamedTuple):
    """What a checkpoint says of itself: epoch from 1, and its score on validation."""

    epoch: int
    score: float


def fit(
    module: DirectionModule,
    *,
    datamodule: MultiSymbolDataModule,
    trainer: TrainerFactory,
    callbacks: Sequence[Callback],
    loggers: Sequence[Logger],
    folder: Path,
    resume: bool,
) -> FitResult:
    """Fit the module and return the best epoch; the module keeps the LAST epoch's weights, see `load_best`.

    The caller seeds (`lightning.pytorch.seed_everything(seed, workers=True)`) before it builds the network.

    Args:
        module: Network, loss, optimizer.
        datamodule: Train and validation batches.
        trainer: Makes the Trainer.
        callbacks: Early stopping, progress, how often `last.ckpt` is written within an epoch (`LastCheckpoint`; without
            one, after each epoch); the best checkpoint is added here.
        loggers: Where metrics go.
        folder: Gets `best.ckpt` and `last.ckpt`.
        resume: Go on from the folder's `last.ckpt`, in mid-epoch too, to the same end as if nothing had happened; the
            best epoch stays the best of all. A run that was killed before the first one starts anew.

    Raises:
        ConfigError: The trainer would wrap our samplers, or a run is resumed with other data.
        LabelError: Samples hold nothing the loss could learn.
        SampleError: No train or validation samples, a loss that is no number, or no epoch with a score.
        OutputError: A checkpoint cannot be written.
        KeyboardInterrupt: Ctrl-C; `last.ckpt` is whole, and what a run resumes from.
    """
    positions = np.concatenate([datamodule.positions("train"), datamodule.positions("val")])
    module.task.check(datamodule.ledger, positions)
    monitor = module.task.monitor
    best = BestCheckpoint(folder, monitor=monitor)
    throughput = next((callback for callback in callbacks if isinstance(callback, Throughput)), Throughput())
    others = [callback for callback in callbacks if callback is not throughput]
    if not any(isinstance(callback, LastCheckpoint) for callback in callbacks):
        others.append(LastCheckpoint(every_steps=None))
    with _quiet():
        # The best checkpoint is the first: Lightning's "best" is that one's.
        built = trainer(logger=list(loggers), callbacks=[best, throughput, *others], default_root_dir=folder)
        built.strategy.checkpoint_io = AtomicCheckpointIO()
        if isinstance(built.profiler, PassThroughProfiler):  # type: ignore[attr-defined]
            built.profiler = Unprofiled()  # type: ignore[attr-defined]
        resume_from = last_path(folder) if resume and last_path(folder).exists() else None
        _run(built, module, datamodule=datamodule, resume_from=resume_from)
    seconds = throughput.seconds
    found = _proof(Path(best.best_model_path)) if best.best_model_score is not None else None
    if found is None:
        raise SampleError(
            f"no epoch was scored by {monitor}: {built.current_epoch} of trainer.max_epochs {built.max_epochs} ran"
        )
    return FitResult(
        best_path=Path(best.best_model_path),
        last_path=last_path(folder),
        best_score=found.score,
        monitor=monitor,
        best_epoch=found.epoch,
        epochs_run=built.current_epoch,
        seconds=seconds,
        steps=built.global_step,
        windows_per_second=throughput.windows / seconds if seconds else 0.0,
        stopped_early=any(isinstance(callback, Patience) and callback.stopped for callback in others),
    )


def load_best(module: DirectionModule, path: Path) -> BestEpoch:
    """Give the module the weights of the best epoch, after the file has proved that it holds them (invariant 10).

    Reads tensors and plain values only (`weights_only`): a checkpoint cannot run code.

    Raises:
        BundleError: The file is another epoch's, or no checkpoint of this package.
    """
    found = _proof(path)
    module.load_state_dict(_read(path)["state_dict"])
    return found


def _proof(path: Path) -> BestEpoch:
    """Compare the epoch's own score with the best one known when the file was written."""
    content = _read(path)
    kept, proof = content.get("callbacks", {}).get("BestCheckpoint", {}), content.get(PROOF)
    if proof is None or kept.get("best_model_score") is None:
        raise BundleError(f"{path} does not say which score it has: it is no checkpoint of multisymbol, or no epoch's")
    epoch, score, best = content["epoch"] + 1, proof["score"], float(kept["best_model_score"])
    if score != best:
        has = "written within it, before its score" if score is None else f"with {proof['monitor']} {score:.6f}"
        raise BundleError(
            f"{path} is epoch {epoch} {has}, but an earlier epoch had {best:.6f}; use {kept['best_model_path']}"
        )
    return BestEpoch(epoch=epoch, score=score)


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return content


def _run(
    trainer: pl.Trainer, module: DirectionModule, *, datamodule: MultiSymbolDataModule, resume_from: Path | None
) -> None:
    """Fit; an interrupt comes out as what it is, where Lightning turns it into SystemExit (trainer/call.py, 2.6.6)."""
    try:
        trainer.fit(module, datamodule=datamodule, ckpt_path=resume_from, weights_only=True)
    except SystemExit as stop:
        if not trainer.interrupted:
            raise
        raise KeyboardInterrupt("fitting was interrupted; last.ckpt is whole, and what a run resumes from") from stop


class Unprofiled(PassThroughProfiler):
    """Measures nothing, faster: a step is wrapped some 90 times, each time in a generator of Lightning's."""

    _NOTHING = nullcontext()

    def profile(self, action_name: str) -> nullcontext[None]:  # type: ignore[override]
        """Return what does nothing."""
        return self._NOTHING


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's remarks on devices, workers and log intervals off the user's screen."""
    logs = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*number of training batches.*smaller than the logging interval.*")
        # Ours are summed over the processes before they are logged.
        warnings.filterwarnings("ignore", message=".*recommended to use `self.log.*sync_dist=True.*")
        warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
        warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty.*")
        try:
            yield
        finally:
            for log, level in zip(logs, levels, strict=True):
                log.setLevel(level)

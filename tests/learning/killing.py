"""Train the small world in a process that somebody kills; a fork server imports this, so Lightning is loaded once."""

import signal
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback

from multisymbol.learning.callbacks import LastCheckpoint, early_stopping
from multisymbol.learning.trainer import fit
from tests.learning.worlds import module, trainer, world

INTERRUPTED = 3


class Begun(Callback):
    """Says in a file that training has begun."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._file.touch()


def train(folder: Path, begun: Path, epochs: int) -> None:
    """Fit, or go on fitting."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    torch.set_num_threads(1)
    callbacks = [Begun(begun), LastCheckpoint(every_steps=2), early_stopping(patience=99, min_delta=0.0)]
    try:
        fit(
            module(dropout=0.3),
            datamodule=world().datamodule(),
            trainer=trainer(epochs=epochs),
            callbacks=callbacks,
            loggers=(),
            folder=folder,
            resume=True,
        )
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None

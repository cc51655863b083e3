"""Checkpoints that are whole or not there: whenever a process is killed, the file before stays readable."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from multisymbol.samples.storage import writing


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the target, to the disk, and renames.

    Lightning's own writes to the machine's temporary folder and moves: across disks that is a copy, which a kill can
    cut in two.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Write a checkpoint; raises OutputError where the disk refuses."""
        assert storage_options is None
        target = Path(path)
        temporary = target.with_name(f"{target.name}.part")
        with writing(target.parent), _interrupt_waits():
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with temporary.open("wb") as file:
                    torch.save(checkpoint, file)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, target)
            finally:
                temporary.unlink(missing_ok=True)


@contextmanager
def _interrupt_waits() -> Iterator[None]:
    """Hold Ctrl-C back until the file is whole: within torch's writer it would come out as a RuntimeError."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[tuple[int, FrameType | None]] = []
    handler = signal.signal(signal.SIGINT, lambda number, frame: held.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if held and callable(handler):
        handler(*held[0])

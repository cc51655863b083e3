"""Checkpoints that are whole or not there: whenever a process is killed, the file before stays readable."""

import os
from pathlib import Path
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
        with writing(target.parent):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with temporary.open("wb") as file:
                    torch.save(checkpoint, file)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, target)
            finally:
                temporary.unlink(missing_ok=True)

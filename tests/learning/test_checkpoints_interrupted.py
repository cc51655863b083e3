"""Ctrl-C while a checkpoint is written waits until the file is whole, and then comes out as what it is."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from multisymbol.learning.checkpoints import AtomicCheckpointIO


def test_interrupt_in_mid_write_waits_for_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = torch.save

    def interrupted(content: Any, file: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        whole(content, file)

    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        monkeypatch.setattr(torch, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            AtomicCheckpointIO().save_checkpoint({"epoch": 3}, tmp_path / "last.ckpt")
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, previous)
    assert torch.load(tmp_path / "last.ckpt", weights_only=True) == {"epoch": 3}
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]

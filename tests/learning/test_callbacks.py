import io
from pathlib import Path

import pytest
from rich.console import Console

from multisymbol.learning.callbacks import Progress, checkpoints, early_stopping, progress_text
from multisymbol.learning.fitting import fit
from multisymbol.learning.module import MONITOR
from tests.learning.worlds import module, trainer, world


def shown(folder: Path, *, terminal: bool) -> str:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=terminal, width=140, color_system=None)
    fit(
        module(),
        datamodule=world().datamodule(),
        trainer=trainer(epochs=2),
        callbacks=[Progress(refresh_seconds=0.0, console=console)],
        loggers=(),
        folder=folder,
        resume=False,
    )
    return screen.getvalue()


def test_progress_shows_epoch_speed_time_left_and_scores_at_a_terminal(tmp_path: Path) -> None:
    text = shown(tmp_path, terminal=True)
    assert "epoch 1/2" in text
    assert "epoch 2/2" in text
    assert "100 % · " in text
    assert "windows/s · 0:00:00 left · val/log_loss " in text
    assert ", epoch 2)" in text


def test_progress_is_silent_when_piped(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert shown(tmp_path, terminal=False) == ""
    assert capfd.readouterr() == ("", "")


def test_progress_text_is_the_promised_one() -> None:
    text = progress_text(windows_per_second=41_234, seconds_left=52.3, scores=[0.99, 0.979, 0.981])
    assert text == " · 41k windows/s · 0:00:52 left · val/log_loss 0.981 (best 0.979, epoch 2)"
    assert progress_text(windows_per_second=876, seconds_left=3700, scores=[]) == " · 876 windows/s · 1:01:40 left"


def test_best_checkpoint_comes_before_the_last(tmp_path: Path) -> None:
    best, last = checkpoints(tmp_path)
    assert (best.monitor, best.mode, best.filename) == (MONITOR, "min", "best")
    assert (last.monitor, last.filename) == (None, "last")


def test_early_stopping_watches_the_monitor() -> None:
    stopping = early_stopping(patience=3, min_delta=0.01)
    assert (stopping.monitor, stopping.mode, stopping.patience, stopping.min_delta) == (MONITOR, "min", 3, -0.01)

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import Callback

from multisymbol.errors import ConfigError
from multisymbol.learning.callbacks import LastCheckpoint, Progress, early_stopping, score_text
from multisymbol.learning.module import DirectionModule
from multisymbol.learning.schedules import Schedule
from multisymbol.learning.trainer import fit, load_best
from multisymbol.progress import Stage, line_of
from tests.learning.worlds import module, regression, trainer, world


def shown(
    folder: Path,
    *,
    given: DirectionModule | None = None,
    callbacks: tuple[Callback, ...] = (),
    epochs: int = 2,
    resume: bool = False,
) -> str:
    lines: list[str] = []
    update = Stage.update

    def noted(self: Stage, done: float, total: float, *facts: str, count: str) -> None:
        update(self, done, total, *facts, count=count)
        lines.append(line_of([self], width=140))

    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(Stage, "update", noted)
        fit(
            module() if given is None else given,
            datamodule=world().datamodule(),
            trainer=trainer(epochs=epochs),
            callbacks=[Progress(refresh_seconds=0.0), *callbacks],
            loggers=(),
            folder=folder,
            resume=resume,
        )
    return "\n".join(lines)


def test_progress_shows_epoch_speed_time_left_and_scores(tmp_path: Path) -> None:
    text = shown(tmp_path)
    assert "epoch 1/2" in text
    assert "epoch 2/2" in text
    assert "100% · 0:00:00 left · val/log_loss " in text
    assert "windows/s" in text
    assert ", epoch 2)" in text


def test_resumed_run_shows_the_best_of_all_its_epochs(tmp_path: Path) -> None:
    diverging = partial(module, lr=0.05, schedule=Schedule(factory=growing, interval="epoch"))
    whole = shown(tmp_path / "whole", given=diverging(), epochs=4)
    shown(tmp_path / "cut", given=diverging(), epochs=2)
    resumed = shown(tmp_path / "cut", given=diverging(), epochs=4, resume=True)
    (before,) = set(re.findall(r"best ([\d.]+, epoch \d)", resumed))
    assert before == re.findall(r"best ([\d.]+, epoch \d)", whole)[-1]
    assert before.endswith("epoch 1")
    assert "val/log_loss" in resumed.splitlines()[0]
    assert load_best(diverging(), tmp_path / "cut" / "best.ckpt").epoch == 1


def test_best_epoch_stays_the_best_where_the_folder_of_the_run_was_moved(tmp_path: Path) -> None:
    diverging = partial(module, lr=0.05, schedule=Schedule(factory=growing, interval="epoch"))
    shown(tmp_path / "before", given=diverging(), epochs=2)
    (tmp_path / "before").rename(tmp_path / "after")
    shown(tmp_path / "after", given=diverging(), epochs=3, resume=True)
    assert load_best(diverging(), tmp_path / "after" / "best.ckpt").epoch == 1


def growing(optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
    return torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=20.0)


def test_progress_is_silent_when_piped(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shown(tmp_path)
    assert capfd.readouterr() == ("", "")


def test_score_text_is_the_promised_one() -> None:
    assert score_text("val/log_loss", [0.99, 0.979, 0.981]) == "val/log_loss 0.981 (best 0.979, epoch 2)"
    assert score_text("val/huber", []) == ""


@pytest.mark.parametrize(("given", "monitor"), [(module, "val/log_loss"), (regression, "val/huber")])
def test_early_stopping_best_checkpoint_and_progress_watch_the_score_of_the_task(
    given: Callable[[], DirectionModule], monitor: str, tmp_path: Path
) -> None:
    stopping = early_stopping(patience=3, min_delta=0.01)
    assert shown(tmp_path, given=given(), callbacks=(stopping,)).count(monitor) > 0
    assert (stopping.monitor, stopping.mode, stopping.patience, stopping.min_delta) == (monitor, "min", 3, -0.01)
    state = torch.load(tmp_path / "best.ckpt", weights_only=True)["callbacks"]["BestCheckpoint"]
    assert state["monitor"] == monitor


class Writes(LastCheckpoint):
    """Notes the step and the epoch's batch at which something is written."""

    def __init__(self, *, every_steps: int | None) -> None:
        super().__init__(every_steps=every_steps)
        self.steps: list[int] = []

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        self.steps.append(trainer.global_step)


@pytest.mark.parametrize(
    # Two epochs of 11 steps; at the end of each one write of the best epoch and one of the last.
    ("every_steps", "written"),
    [(None, [11, 11, 22, 22]), (4, [4, 8, 11, 11, 12, 16, 20, 22, 22]), (11, [11, 11, 22, 22]), (22, [11, 11, 22, 22])],
)
def test_last_checkpoint_is_written_every_so_many_steps_and_once_after_each_epoch(
    every_steps: int | None, written: list[int], tmp_path: Path
) -> None:
    writes = Writes(every_steps=every_steps)
    shown(tmp_path, callbacks=(writes,))
    assert writes.steps == written
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.ckpt", "last.ckpt"]


def test_useless_numbers_are_refused() -> None:
    with pytest.raises(ConfigError, match="every_steps must be 1 or more, or null, got 0"):
        LastCheckpoint(every_steps=0)
    with pytest.raises(ConfigError, match="patience must be 1 or more epochs, got 0"):
        early_stopping(patience=0, min_delta=0.0)

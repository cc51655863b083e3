"""A run that stops anywhere and goes on ends as if nothing had happened."""

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import Callback

from multisymbol.errors import ConfigError, OutputError
from multisymbol.learning.callbacks import LastCheckpoint, early_stopping
from multisymbol.learning.checkpoints import AtomicCheckpointIO
from multisymbol.learning.module import DirectionModule
from multisymbol.learning.schedules import Schedule
from multisymbol.learning.trainer import FitResult, fit
from tests.learning.worlds import exponential, module, regression, trainer, world

WORLD = world()
STEPS = 11  # per epoch
EVERY = 3  # steps between two checkpoints


class Stopped(Exception):  # noqa: N818 (nothing is wrong)
    pass


class Watch(Callback):
    """Remembers what each step saw and lost, and each epoch scored; stops at a moment, if it is given one."""

    def __init__(self, stop_at: int | None = None, *, in_validation: bool = False) -> None:
        self.stop_at = stop_at
        self.in_validation = in_validation
        self.samples: list[list[int]] = []
        self.losses: list[float] = []
        self.rates: list[float] = []
        self.logged: list[dict[str, float]] = []

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self.stop_at and not self.in_validation:
            raise Stopped
        self.samples.append(batch.sample_B.tolist())
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.losses.append(float(outputs["loss"]))

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.global_step == self.stop_at and self.in_validation:
            raise Stopped

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._take(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._take(trainer)

    def _take(self, trainer: pl.Trainer) -> None:
        if trainer.callback_metrics:
            self.logged.append({name: float(value) for name, value in trainer.callback_metrics.items()})


def run(given: DirectionModule, folder: Path, *, watch: Watch, resume: bool = False, epochs: int = 6) -> FitResult:
    return fit(
        given,
        datamodule=WORLD.datamodule(),
        trainer=trainer(epochs=epochs),
        callbacks=[watch, LastCheckpoint(every_steps=EVERY), early_stopping(patience=2, min_delta=0.1)],
        loggers=(),
        folder=folder,
        resume=resume,
    )


def content(path: Path) -> dict[str, Any]:
    """Read a checkpoint without the paths in it."""
    read: dict[str, Any] = torch.load(path, weights_only=True)
    for state in read["callbacks"].values():
        for name in [name for name in state if "path" in name or name in {"best_k_models", "dirpath"}]:
            del state[name]
    return read


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else bool(one == other)


def facts(result: FitResult) -> dict[str, Any]:
    taken = dataclasses.asdict(result)
    return {name: taken[name] for name in ("best_score", "best_epoch", "epochs_run", "steps", "stopped_early")}


def plateau(optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
    return torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.3, patience=0, threshold=0.3)


def one_cycle(optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.05, total_steps=6 * STEPS)


SCHEDULES = {
    "exponential": Schedule(factory=exponential, interval="epoch"),
    "plateau": Schedule(factory=plateau, interval="epoch"),
    "one_cycle": Schedule(factory=one_cycle, interval="step"),
}
MAKERS: dict[str, Callable[..., DirectionModule]] = {
    **{name: partial(module, dropout=0.3, lr=0.05, schedule=schedule) for name, schedule in SCHEDULES.items()},
    "regression": partial(regression, dropout=0.3),
}


@dataclasses.dataclass(frozen=True)
class Whole:
    """A run nothing happened to."""

    result: FitResult
    watch: Watch
    folder: Path


@pytest.fixture(scope="module")
def wholes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Whole]:
    made = {}
    for name, maker in MAKERS.items():
        folder, watch = tmp_path_factory.mktemp(name), Watch()
        made[name] = Whole(result=run(maker(), folder, watch=watch), watch=watch, folder=folder)
    return made


def test_undisturbed_runs_are_worth_comparing(wholes: dict[str, Whole]) -> None:
    assert wholes["exponential"].result.stopped_early
    assert wholes["exponential"].result.epochs_run < 6
    assert len(set(wholes["plateau"].watch.rates)) > 1


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize(
    "stops",
    [
        (1,),  # before the first checkpoint: anew
        (5,),  # within the first epoch
        (STEPS,),  # right after an epoch
        (STEPS + 1,),  # before the first checkpoint of an epoch
        (3 * STEPS - 1,),  # before the last step of an epoch
        (4, 7, 7, 2 * STEPS + 5, 3 * STEPS),
    ],
    ids=str,
)
def test_stopped_run_goes_on_as_if_nothing_had_happened(
    name: str, stops: tuple[int, ...], wholes: dict[str, Whole], tmp_path: Path
) -> None:
    made = MAKERS[name]
    for number, stop in enumerate(stops):
        given = other_start(made) if number else made()
        with pytest.raises(Stopped):
            run(given, tmp_path, watch=Watch(stop), resume=number > 0)
    resumed_from = max((step for step in range(1, stops[-1] + 1) if step % EVERY == 0 or step % STEPS == 0), default=0)
    whole, watch = wholes[name], Watch()
    result = run(other_start(made) if resumed_from else made(), tmp_path, watch=watch, resume=True)
    done = len(watch.losses)
    assert watch.samples == whole.watch.samples[-done:]
    assert watch.losses == whole.watch.losses[-done:]
    assert watch.rates == whole.watch.rates[-done:]
    assert watch.logged == whole.watch.logged[-len(watch.logged) :]
    assert done == whole.result.steps - resumed_from
    assert facts(result) == facts(whole.result)
    for file in ("best.ckpt", "last.ckpt"):
        assert same(content(tmp_path / file), content(whole.folder / file)), file


def other_start(maker: Callable[..., DirectionModule]) -> DirectionModule:
    """Make a module whose weights are others than a run starts with: those of the checkpoint count."""
    given = maker()
    for parameter in given.parameters():
        torch.nn.init.normal_(parameter)
    return given


def test_run_stopped_between_the_files_of_an_epoch_repeats_its_end(wholes: dict[str, Whole], tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        run(MAKERS["plateau"](), tmp_path, watch=Watch(2 * STEPS, in_validation=True))
    result = run(MAKERS["plateau"](), tmp_path, watch=Watch(), resume=True)
    assert facts(result) == facts(wholes["plateau"].result)
    assert same(content(tmp_path / "last.ckpt"), content(wholes["plateau"].folder / "last.ckpt"))


@pytest.mark.parametrize("name", ["exponential", "one_cycle"])
def test_run_that_is_over_stays_over(name: str, wholes: dict[str, Whole], tmp_path: Path) -> None:
    run(MAKERS[name](), tmp_path, watch=Watch())
    watch = Watch()
    result = run(MAKERS[name](), tmp_path, watch=watch, resume=True)
    assert watch.losses == []
    assert facts(result) == facts(wholes[name].result)
    assert same(content(tmp_path / "last.ckpt"), content(wholes[name].folder / "last.ckpt"))


def test_finished_run_may_be_given_more_epochs(tmp_path: Path) -> None:
    run(module(dropout=0.3), tmp_path / "less", watch=Watch(), epochs=2)
    watch, longer = Watch(), Watch()
    run(module(dropout=0.3), tmp_path / "less", watch=watch, epochs=4, resume=True)
    run(module(dropout=0.3), tmp_path / "more", watch=longer, epochs=4)
    assert watch.losses == longer.losses[2 * STEPS :]
    assert same(content(tmp_path / "less" / "last.ckpt"), content(tmp_path / "more" / "last.ckpt"))


def test_other_batches_than_those_of_the_run_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        run(module(), tmp_path, watch=Watch(5))
    with pytest.raises(
        ConfigError, match=r"stopped at step 3 of 11 of an epoch, which has 22 steps now; resume it with"
    ):
        fit(
            module(),
            datamodule=WORLD.datamodule(batch_size=16),
            trainer=trainer(epochs=6),
            callbacks=[Watch(), LastCheckpoint(every_steps=EVERY), early_stopping(patience=2, min_delta=0.1)],
            loggers=(),
            folder=tmp_path,
            resume=True,
        )


class Killed(BaseException):
    pass


def test_writing_that_is_cut_short_leaves_the_file_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, io = tmp_path / "run" / "last.ckpt", AtomicCheckpointIO()
    io.save_checkpoint({"step": 1}, target)

    def half(content: Any, file: Any) -> None:
        file.write(b"PK half a checkpoint")
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", half)
        with pytest.raises(Killed):
            io.save_checkpoint({"step": 2}, target)
    assert torch.load(target, weights_only=True) == {"step": 1}
    assert [path.name for path in target.parent.iterdir()] == ["last.ckpt"]


def test_what_a_killed_process_left_half_written_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "last.ckpt.part").write_bytes(b"PK half a checkpoint")
    AtomicCheckpointIO().save_checkpoint({"step": 2}, tmp_path / "last.ckpt")
    assert torch.load(tmp_path / "last.ckpt", weights_only=True) == {"step": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


def test_disk_that_refuses_is_named(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where the folder should be")
    with pytest.raises(OutputError, match=r"run cannot be written \(.*\); make it writable"):
        AtomicCheckpointIO().save_checkpoint({"step": 1}, tmp_path / "run" / "last.ckpt")

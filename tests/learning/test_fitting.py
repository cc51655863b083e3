import dataclasses
import signal
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from torch import nn

from multisymbol.errors import BundleError, ConfigError, SampleError
from multisymbol.learning.callbacks import early_stopping
from multisymbol.learning.fitting import FitResult, fit, load_best
from multisymbol.learning.module import DirectionModule
from multisymbol.samples.splits import VALIDATION
from tests.learning.worlds import World, module, trainer, world


@pytest.fixture(scope="module")
def small() -> World:
    return world()


def run(
    given: DirectionModule,
    made: World,
    folder: Path,
    *,
    epochs: int = 3,
    callbacks: tuple[Callback, ...] = (),
    resume: bool = False,
) -> FitResult:
    return fit(
        given,
        datamodule=made.datamodule(),
        trainer=trainer(epochs=epochs),
        callbacks=callbacks,
        loggers=(),
        folder=folder,
        resume=resume,
    )


def weights(given: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in given.state_dict().items()}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class Worsening(nn.Module):
    """Forecasts better until the second epoch and worse afterwards: its state is the number of steps it was trained."""

    def __init__(self, steps_per_epoch: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1))
        self.register_buffer("steps", torch.zeros(()))
        self.steps: torch.Tensor
        self.steps_per_epoch = steps_per_epoch

    def forward(self, x_BTF: torch.Tensor, symbol_slot_B: torch.Tensor, class_slot_B: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.steps += 1
        distance = (self.steps / self.steps_per_epoch - 2).abs()
        hold = torch.tensor([0.0, -1.0, 0.0]) * distance
        return hold.expand(len(x_BTF), 3) + 0 * self.bias


class Watch(Callback):
    """Remembers weights and score of each epoch."""

    def __init__(self) -> None:
        self.weights: list[dict[str, torch.Tensor]] = []
        self.scores: list[float] = []
        self.losses: list[float] = []

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.weights.append(weights(pl_module))
        self.scores.append(float(trainer.callback_metrics["val/log_loss"]))

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.losses.append(float(outputs["loss"]))


def test_best_epoch_is_saved_and_loaded_when_later_ones_are_worse(small: World, tmp_path: Path) -> None:
    batches = int(small.train_rows().sum()) // 32
    given, watch = module(network=Worsening(batches)), Watch()
    result = run(given, small, tmp_path, epochs=4, callbacks=(watch,))
    assert watch.scores.index(min(watch.scores)) == 1
    assert (result.best_epoch, result.best_score, result.epochs_run) == (2, watch.scores[1], 4)
    assert not equal(weights(given), watch.weights[1])
    best = load_best(given, result.best_path)
    assert (best.epoch, best.score) == (2, watch.scores[1])
    assert equal(weights(given), watch.weights[1])


def test_loading_another_epoch_than_the_best_is_refused(small: World, tmp_path: Path) -> None:
    given = module(network=Worsening(int(small.train_rows().sum()) // 32))
    result = run(given, small, tmp_path, epochs=3)
    with pytest.raises(BundleError, match=r"last.ckpt is epoch 3 with val/log_loss .* use .*best.ckpt"):
        load_best(given, result.last_path)


def test_checkpoints_hold_plain_values_only(small: World, tmp_path: Path) -> None:
    result = run(module(), small, tmp_path, epochs=1)
    for path in (result.best_path, result.last_path):
        assert "hyper_parameters" not in torch.load(path, weights_only=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.ckpt", "last.ckpt"]


def test_resumed_run_equals_uninterrupted_run_bit_for_bit(small: World, tmp_path: Path) -> None:
    whole, whole_watch = module(dropout=0.3), Watch()
    run(whole, small, tmp_path / "whole", epochs=4, callbacks=(whole_watch,))
    run(module(dropout=0.3), small, tmp_path / "half", epochs=2)
    resumed, watch = module(dropout=0.3, seed=5), Watch()
    result = run(resumed, small, tmp_path / "half", epochs=4, callbacks=(watch,), resume=True)
    assert watch.losses == whole_watch.losses[len(whole_watch.losses) // 2 :]
    assert watch.scores == whole_watch.scores[2:]
    assert equal(weights(resumed), weights(whole))
    assert (result.epochs_run, result.steps) == (4, len(whole_watch.losses))


def test_same_seed_gives_same_weights_and_another_seed_does_not(small: World, tmp_path: Path) -> None:
    ends = []
    for number, seed in enumerate((5, 5, 6)):
        given = module(dropout=0.3)
        fit(
            given,
            datamodule=small.datamodule(seed=seed),
            trainer=trainer(epochs=1),
            callbacks=(),
            loggers=(),
            folder=tmp_path / str(number),
            resume=False,
        )
        ends.append(weights(given))
    assert equal(ends[0], ends[1])
    assert not equal(ends[0], ends[2])


def test_fit_stops_early_and_says_so(small: World, tmp_path: Path) -> None:
    given = module(network=Worsening(int(small.train_rows().sum()) // 32))
    result = run(given, small, tmp_path, epochs=9, callbacks=(early_stopping(patience=2, min_delta=0.0),))
    assert (result.stopped_early, result.best_epoch, result.epochs_run) == (True, 2, 4)


def test_result_counts_steps_and_windows(small: World, tmp_path: Path) -> None:
    result = run(module(), small, tmp_path, epochs=2)
    batches = int(small.train_rows().sum()) // 32
    assert (result.steps, result.epochs_run, result.stopped_early) == (2 * batches, 2, False)
    assert result.windows_per_second * result.seconds == pytest.approx(2 * batches * 32)


def test_diverged_training_is_refused_with_a_cure(small: World, tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=r"training diverged in epoch 1.*Lower\s+optimizer.lr \(it was 1e\+30\)"):
        run(module(lr=1e30), small, tmp_path)


def test_nan_features_in_validation_name_the_symbol(small: World, tmp_path: Path) -> None:
    features = small.features.copy()
    features[-60] = torch.nan
    with pytest.raises(SampleError, match=r"no finite number for BTC-USD\..*asset class"):
        run(module(), dataclasses.replace(small, features=features), tmp_path)


def test_distributed_sampler_is_refused_with_a_cure(small: World, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"set trainer\.use_distributed_sampler=false"):
        fit(
            module(),
            datamodule=small.datamodule(),
            trainer=trainer(epochs=1, use_distributed_sampler=True),
            callbacks=(),
            loggers=(),
            folder=tmp_path,
            resume=False,
        )


class Interrupt(Callback):
    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if trainer.current_epoch == 1 and batch_idx == 2:
            raise KeyboardInterrupt


def test_interrupt_comes_out_as_interrupt_and_leaves_the_last_whole_epoch(small: World, tmp_path: Path) -> None:
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(module(), small, tmp_path, callbacks=(Interrupt(),))
    assert signal.getsignal(signal.SIGINT) is handler
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["epoch"] == 0


def test_unseen_symbols_are_not_validated_on(small: World) -> None:
    symbols = small.without_training(1).datamodule
    made = symbols()
    assert set(small.ledger.symbol[made.positions("val")]) == {0, 2}


def test_resume_without_a_checkpoint_is_refused(small: World, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing to resume from: .*last\.ckpt does not exist"):
        run(module(), small, tmp_path, resume=True)


def test_best_epoch_before_a_resume_stays_the_best(small: World, tmp_path: Path) -> None:
    batches = int(small.train_rows().sum()) // 32
    run(module(network=Worsening(batches)), small, tmp_path, epochs=3)
    result = run(module(network=Worsening(batches)), small, tmp_path, epochs=5, resume=True)
    assert (result.best_epoch, result.epochs_run) == (2, 5)


def test_empty_validation_is_refused(small: World, tmp_path: Path) -> None:
    part = np.where(small.parts.part == VALIDATION, -1, small.parts.part).astype(np.int8)
    made = dataclasses.replace(small, parts=dataclasses.replace(small.parts, part=part))
    with pytest.raises(SampleError, match="0 validation samples of trained symbols"):
        run(module(), made, tmp_path)

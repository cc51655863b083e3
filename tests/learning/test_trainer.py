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
from torch.nn import functional

from multisymbol.errors import BundleError, ConfigError, LabelError, SampleError
from multisymbol.learning.callbacks import LastCheckpoint, early_stopping
from multisymbol.learning.module import DirectionModule
from multisymbol.learning.trainer import FitResult, fit, load_best
from multisymbol.samples.fold import VALIDATION
from tests.learning.worlds import World, module, regression, trainer, world


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


class Failure(Exception):  # noqa: N818 (nothing is wrong)
    pass


class FailAt(Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self.step:
            raise Failure


def test_loading_what_was_written_within_an_epoch_is_refused(small: World, tmp_path: Path) -> None:
    given = module()
    with pytest.raises(Failure):
        run(given, small, tmp_path, callbacks=(LastCheckpoint(every_steps=2), FailAt(15)))
    with pytest.raises(BundleError, match=r"last.ckpt is epoch 2 written within it, before its score, .*use .*best"):
        load_best(given, tmp_path / "last.ckpt")
    load_best(given, tmp_path / "best.ckpt")


def test_checkpoints_hold_plain_values_only(small: World, tmp_path: Path) -> None:
    result = run(module(), small, tmp_path, epochs=1)
    for path in (result.best_path, result.last_path):
        assert "hyper_parameters" not in torch.load(path, weights_only=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.ckpt", "last.ckpt"]


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


def test_returns_are_fitted_through_the_same_module(small: World, tmp_path: Path) -> None:
    given = regression()
    result = run(given, small, tmp_path, epochs=5)
    last = torch.load(result.last_path, weights_only=True)
    assert result.monitor == "val/huber"
    load_best(given, result.best_path)
    rows = torch.from_numpy(small.parts.positions(VALIDATION))
    batch = small.datamodule().dataset[rows]
    with torch.no_grad():
        forecast = given.eval()(batch.x_BTF, batch.symbol_slot_B, batch.class_slot_B).squeeze(1)
    huber = functional.huber_loss(forecast, batch.target_B)
    assert result.best_score == pytest.approx(float(huber), rel=1e-6)
    assert result.best_score < 0.5 * float(functional.huber_loss(torch.zeros_like(forecast), batch.target_B))
    assert sum(scores.rows for scores in given.validation_scores) == len(rows)
    assert "ic" in dataclasses.asdict(given.validation_scores[0])
    assert last["epoch"] == 4


def test_samples_without_a_return_are_refused_for_a_regression_alone(small: World, tmp_path: Path) -> None:
    target = small.ledger.target.copy()
    target[small.parts.positions(VALIDATION)[:2]] = np.nan
    made = dataclasses.replace(small, ledger=dataclasses.replace(small.ledger, target=target))
    with pytest.raises(LabelError, match=r"2 of 477 train and validation samples of BRK\.B .*take labels=horizon"):
        run(regression(), made, tmp_path / "returns")
    assert not (tmp_path / "returns").exists()
    run(module(), made, tmp_path / "directions", epochs=1)


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


def test_empty_validation_is_refused(small: World, tmp_path: Path) -> None:
    part = np.where(small.parts.part == VALIDATION, -1, small.parts.part).astype(np.int8)
    made = dataclasses.replace(small, parts=dataclasses.replace(small.parts, part=part))
    with pytest.raises(SampleError, match="0 validation samples of trained symbols"):
        run(module(), made, tmp_path)

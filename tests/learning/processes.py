"""Fit the small world on several processes and write what each saw: `python -m tests.learning.processes 2 FOLDER MODE`.

Every fit of the script runs on the same processes: Lightning starts the others once, with the first.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback

from multisymbol.errors import SampleError
from multisymbol.learning.callbacks import LastCheckpoint, early_stopping
from multisymbol.learning.module import DirectionModule
from multisymbol.learning.networks.embedding import NetworkShape
from multisymbol.learning.networks.recurrent import Gru
from multisymbol.learning.trainer import FitResult, fit
from multisymbol.samples.windows import Batch
from tests.learning.worlds import FEATURES, WINDOW, module, regression, world

RANK = int(os.environ.get("LOCAL_RANK", "0"))


class Diary(Callback):
    def __init__(self) -> None:
        self.samples: list[list[int]] = []
        self.losses: list[float] = []
        self.validated: list[list[int]] = []
        self.scores: list[float] = []
        self.logged: list[float] = []

    def facts(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("samples", "losses", "validated", "scores", "logged")}

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        self.samples.append(batch.sample_B.tolist())
        self.losses.append(float(outputs["loss"]))

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.validated.append([])

    def on_validation_batch_end(  # noqa: PLR0917 (the signature of Lightning)
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self.validated[-1] += batch.sample_B.tolist()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, DirectionModule)
        self.scores.append(float(trainer.callback_metrics[pl_module.task.monitor]))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.logged.append(float(trainer.callback_metrics["train/loss"]))


class Failure(Callback):
    """Fails on one process, or on all, at a step."""

    def __init__(self, step: int, rank: int | None) -> None:
        self.step = step
        self.rank = rank

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self.step and self.rank in {None, trainer.global_rank}:
            print(f"failed at {time.time()}", file=sys.stderr, flush=True)
            message = f"process {trainer.global_rank} cannot go on"
            raise SampleError(message)


def run(
    given: DirectionModule,
    *,
    processes: int,
    folder: Path,
    callbacks: Sequence[Callback],
    epochs: int = 2,
    resume: bool = False,
) -> FitResult:
    def trainer(*, logger: Any, callbacks: list[Callback], default_root_dir: Path) -> pl.Trainer:
        return pl.Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            devices=processes,
            strategy="ddp" if processes > 1 else "auto",
            logger=logger,
            callbacks=callbacks,
            default_root_dir=default_root_dir,
            gradient_clip_val=1.0,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )

    # 120 validation rows in batches of 50: three batches, so two processes have unequally many.
    made = world().datamodule(eval_batch_size=50)
    return fit(given, datamodule=made, trainer=trainer, callbacks=callbacks, loggers=(), folder=folder, resume=resume)


def gru() -> DirectionModule:
    torch.manual_seed(5)
    network = Gru(
        hidden=6,
        layers=1,
        dropout=0.0,
        embedding="symbol",
        embedding_dim=2,
        unknown_dropout=0.0,
        shape=NetworkShape(features=FEATURES, window=WINDOW, symbols=3, asset_classes=3),
    )
    return module(network=network)


def compared(make: Callable[[], DirectionModule], *, processes: int, folder: Path) -> dict[str, Any]:
    """Fit with early stopping that ends it after the second of five epochs."""
    diary, given = Diary(), make()
    stopping = early_stopping(patience=1, min_delta=10.0)
    result = run(given, processes=processes, folder=folder, callbacks=[diary, stopping], epochs=5)
    return {
        **diary.facts(),
        "rows": sum(scores.rows for scores in given.validation_scores),
        "best": [result.best_epoch, result.best_score],
        "ended": [result.epochs_run, result.steps, result.stopped_early],
        "weights": torch.cat([parameter.detach().flatten() for parameter in given.network.parameters()]).tolist(),
    }


def compare(processes: int, folder: Path) -> dict[str, Any]:
    """Fit three networks, each process with a folder of its own: only the first one's may come to be."""
    own = folder / f"rank-{RANK}"
    makers: dict[str, Callable[[], DirectionModule]] = {"mlp": module, "gru": gru, "returns": regression}
    return {name: compared(make, processes=processes, folder=own / name) for name, make in makers.items()}


def resume(processes: int, folder: Path) -> dict[str, Any]:
    """Fit undisturbed, and stopped on all processes in mid-epoch and gone on with."""
    facts = {}
    for name, stops in {"whole": [], "stopped": [15, 5]}.items():
        diary, number = Diary(), 0
        while stops:
            try:
                failure = [LastCheckpoint(every_steps=3), Failure(stops.pop(), rank=None)]
                run(
                    module(dropout=0.3),
                    processes=processes,
                    folder=folder / name,
                    callbacks=failure,
                    epochs=3,
                    resume=number > 0,
                )
            except SampleError:
                number += 1
        given = module(dropout=0.3)
        callbacks = [diary, LastCheckpoint(every_steps=3)]
        run(given, processes=processes, folder=folder / name, callbacks=callbacks, epochs=3, resume=number > 0)
        weights = torch.cat([parameter.detach().flatten() for parameter in given.network.parameters()]).tolist()
        facts[name] = {**diary.facts(), "weights": weights}
    return facts


def main(processes: int, folder: Path, mode: str) -> None:
    if mode.startswith("fail-"):
        failure = Failure(3, rank=int(mode.removeprefix("fail-")))
        run(module(), processes=processes, folder=folder, callbacks=[failure])
        return
    facts = {"compare": compare, "resume": resume}[mode](processes, folder)
    (folder / f"facts-{RANK}.json").write_text(json.dumps(facts), encoding="utf-8")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])

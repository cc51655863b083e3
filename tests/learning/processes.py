"""Fit the small world on several processes and write what each saw: `python -m tests.learning.processes 2 FOLDER`."""

import json
import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from multisymbol.learning.fitting import fit
from multisymbol.samples.windows import Batch
from tests.learning.worlds import module, world


class Diary(Callback):
    def __init__(self) -> None:
        self.samples: list[list[int]] = []
        self.losses: list[float] = []
        self.validated: list[list[int]] = []
        self.scores: list[float] = []

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
        self.scores.append(float(trainer.callback_metrics["val/log_loss"]))


def main(processes: int, folder: Path) -> None:
    diary, given = Diary(), module()

    def trainer(*, logger: Any, callbacks: list[Callback], default_root_dir: Path) -> pl.Trainer:
        return pl.Trainer(
            max_epochs=2,
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

    # 117 validation rows in batches of 50: three batches, so two processes have unequally many.
    made = world().datamodule(eval_batch_size=50)
    result = fit(given, datamodule=made, trainer=trainer, callbacks=[diary], loggers=(), folder=folder, resume=False)
    facts = {
        "samples": diary.samples,
        "losses": diary.losses,
        "validated": diary.validated,
        "scores": diary.scores,
        "rows": sum(scores.rows for scores in given.validation_scores),
        "best": [result.best_epoch, result.best_score],
        "weights": given.network.first.weight.flatten().tolist(),  # type: ignore[union-attr, operator]
    }
    (folder / f"rank-{given.global_rank}.json").write_text(json.dumps(facts), encoding="utf-8")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))

"""The LightningDataModule: connects ledger, parts, mixture, samplers and windows; computes nothing."""

from typing import Any, Literal

import lightning.pytorch as pl
import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Sampler

from multisymbol.errors import ConfigError, SampleError
from multisymbol.samples.ledger import Ledger
from multisymbol.samples.mixture import Shares
from multisymbol.samples.sampler import EpochSampler, OrderedSampler
from multisymbol.samples.splits import TRAIN, VALIDATION, Parts
from multisymbol.samples.windows import Batch, WindowDataset


class MultiSymbolDataModule(pl.LightningDataModule):
    """Loaders of whole batches for training and validation, sliced by rank.

    Validation holds the symbols that train, and no others: choosing the best epoch by an unseen symbol would make
    it a seen one.

    Args:
        features: Scaled panel, float32, shape (N, F), may be a memory map.
        ledger: The samples.
        parts: Their parts.
        shares: The mixture; a symbol with 0 rows does not train.
        symbol_slots: As in WindowDataset.
        class_slots: As in WindowDataset.
        seed: The run's.
        batch_size: Samples per optimizer step over all processes.
        eval_batch_size: Samples per validation batch of one process.
    """

    def __init__(
        self,
        *,
        features: npt.NDArray[np.float32],
        ledger: Ledger,
        parts: Parts,
        shares: Shares,
        symbol_slots: npt.NDArray[np.int64],
        class_slots: npt.NDArray[np.int64],
        seed: int,
        batch_size: int,
        eval_batch_size: int,
    ) -> None:
        super().__init__()
        self.dataset = WindowDataset(
            features=features, ledger=ledger, symbol_slots=symbol_slots, class_slots=class_slots
        )
        self._ledger = ledger
        self._parts = parts
        self._shares = shares
        self._seed = seed
        self._batch_size = batch_size
        self._eval_batch_size = eval_batch_size

    def setup(self, stage: str) -> None:
        """Refuse a trainer that would wrap our samplers."""
        if self._trainer._accelerator_connector.use_distributed_sampler:
            message = (
                "trainer.use_distributed_sampler is true: Lightning would shuffle the mixture again and repeat "
                "validation rows; set trainer.use_distributed_sampler=false"
            )
            raise ConfigError(message)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Batches of the mixture."""
        return self._loader("train")

    def val_dataloader(self) -> DataLoader[Batch]:
        """Every validation row of the trained symbols, once."""
        return self._loader("val")

    def positions(self, split: Literal["train", "val"]) -> npt.NDArray[np.int64]:
        """Ledger positions of a split, ascending, of symbols that train."""
        positions = self._parts.positions(TRAIN if split == "train" else VALIDATION)
        trains = self._shares.rows > 0
        return positions[trains[self._ledger.symbol[positions]]]

    @property
    def _trainer(self) -> pl.Trainer:
        assert self.trainer is not None, "loaders are asked for by a trainer"
        return self.trainer

    def _loader(self, split: Literal["train", "val"]) -> DataLoader[Batch]:
        rank, ranks = self._trainer.global_rank, self._trainer.world_size
        positions = self.positions(split)
        sampler: Sampler[torch.Tensor]
        if split == "train":
            sampler = EpochSampler(
                positions=_by_symbol(positions, self._ledger),
                shares=self._shares,
                seed=self._seed,
                batch_size=self._batch_size,
                rank=rank,
                ranks=ranks,
            )
        else:
            batch_size = min(self._eval_batch_size, len(positions) // ranks)
            if batch_size < 1:
                raise SampleError(_too_few(len(positions), ranks))
            sampler = OrderedSampler(positions=positions, batch_size=batch_size, rank=rank, ranks=ranks)
        # A sampler of whole batches with batch_size=None is left alone by Lightning, and gets `set_epoch`.
        loader: DataLoader[Any] = DataLoader(self.dataset, sampler=sampler, batch_size=None, num_workers=0)
        return loader


def _too_few(rows: int, ranks: int) -> str:
    # A process without a batch would leave out validation, and the others would wait for its counts for ever.
    return (
        f"{rows} validation samples of trained symbols for {ranks} processes: each needs one, and without any the best "
        f"epoch cannot be told; move the cuts in conf/split"
    )


def _by_symbol(positions: npt.NDArray[np.int64], ledger: Ledger) -> list[npt.NDArray[np.int64]]:
    symbol = ledger.symbol[positions]
    return [positions[symbol == i] for i in range(len(ledger.symbols))]

"""The LightningDataModule: connects ledger, parts, mixture, samplers and windows; computes nothing."""

from collections.abc import Iterator
from itertools import islice
from typing import Literal

import lightning.pytorch as pl
import torch

from multisymbol.arrays import Ints, Singles
from multisymbol.errors import ConfigError, SampleError
from multisymbol.samples.fold import TRAIN, VALIDATION, FoldAssignment
from multisymbol.samples.ledger import Ledger
from multisymbol.samples.mixture import SamplingWeights
from multisymbol.samples.sampler import EpochSampler, OrderedSampler
from multisymbol.samples.windows import Batch, WindowDataset


class BatchLoader:
    """Whole batches of ledger positions in a sampler's order, from where a checkpoint was written.

    Lightning asks a loader for its state when it writes a checkpoint, and gives it back where an epoch is gone on with.
    The position is counted in batches: it is the same on every process, and on any number of them. A `DataLoader` would
    do nothing else here, at 80 us a batch.
    """

    batch_sampler: None = None  # Lightning looks at it wherever there is a sampler

    def __init__(self, dataset: WindowDataset, sampler: EpochSampler | OrderedSampler) -> None:
        self.dataset = dataset
        self.sampler = sampler
        self._start = 0
        self._done = 0

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[Batch]:
        # A generator: nothing happens before the first batch is asked for, and `set_epoch` is called until then.
        start, self._start = self._start, 0
        self._done = start
        for positions in islice(self.sampler, start, None):
            self._done += 1
            yield self.dataset[positions]

    def state_dict(self) -> dict[str, int]:
        """Return how many batches of the epoch were given out, and of how many."""
        return {"batches": self._done, "of": len(self)}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Leave out the batches that were given out before, once.

        Raises:
            ConfigError: An epoch has another number of batches now.
        """
        if state["of"] != len(self):
            raise ConfigError(
                f"the run to resume stopped at step {state['batches']} of {state['of']} of an epoch, which has "
                f"{len(self)} steps now; resume it with the data, sampling and batch_size it was started with"
            )
        self._start = state["batches"]


class MultiSymbolDataModule(pl.LightningDataModule):
    """Loaders of whole batches for training and validation, sliced by rank.

    Validation holds the symbols that train, and no others: choosing the best epoch by an unseen symbol would make
    it a seen one.

    Args:
        features: Scaled panel, float32, shape (N, F), may be a memory map.
        ledger: The samples; `parts` says in which part of the fold each is.
        shares: The mixture; a symbol with 0 rows does not train.
        symbol_slots: As in WindowDataset; likewise `class_slots`.
        seed: The run's.
        batch_size: Samples per optimizer step over all processes.
        eval_batch_size: Samples per validation batch of one process.
    """

    def __init__(
        self,
        *,
        features: Singles,
        ledger: Ledger,
        parts: FoldAssignment,
        shares: SamplingWeights,
        symbol_slots: Ints,
        class_slots: Ints,
        seed: int,
        batch_size: int,
        eval_batch_size: int,
    ) -> None:
        super().__init__()
        self.dataset = WindowDataset(
            features=features,
            ledger=ledger,
            symbol_slots=symbol_slots,
            class_slots=class_slots,
            symbol_weights=shares.weight,
        )
        self.ledger = ledger
        self._parts = parts
        self._shares = shares
        self._seed = seed
        self._batch_size = batch_size
        self._eval_batch_size = eval_batch_size

    def setup(self, stage: str) -> None:
        """Refuse a trainer that would wrap our samplers."""
        if self._trainer._accelerator_connector.use_distributed_sampler:
            raise ConfigError(
                "trainer.use_distributed_sampler is true: Lightning would shuffle the mixture again and repeat "
                "validation rows; set trainer.use_distributed_sampler=false"
            )

    def train_dataloader(self) -> BatchLoader:
        """Batches of the mixture."""
        return self._loader("train")

    def val_dataloader(self) -> BatchLoader:
        """Every validation row of the trained symbols, once."""
        return self._loader("val")

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Move a batch, if it has to move: Lightning's general way looks into it for 60 us each time."""
        if batch.x_BTF.device.type == device.type == "cpu":
            return batch
        return Batch(*(tensor.to(device, non_blocking=True) for tensor in batch))

    def positions(self, split: Literal["train", "val"]) -> Ints:
        """Ledger positions of a split, ascending, of symbols that train."""
        positions = self._parts.positions(TRAIN if split == "train" else VALIDATION)
        trains = self._shares.rows > 0
        return positions[trains[self.ledger.symbol[positions]]]

    @property
    def _trainer(self) -> pl.Trainer:
        assert self.trainer is not None, "loaders are asked for by a trainer"
        return self.trainer

    def _loader(self, split: Literal["train", "val"]) -> BatchLoader:
        rank, ranks = self._trainer.global_rank, self._trainer.world_size
        positions = self.positions(split)
        if split == "val":
            batch_size = min(self._eval_batch_size, len(positions) // ranks)
            if batch_size < 1:
                # A process without a batch would leave out validation, and the others wait for its counts for ever.
                raise SampleError(
                    f"{len(positions)} validation samples of trained symbols for {ranks} processes: each needs one, "
                    "and without any the best epoch cannot be told; move the cuts in conf/split"
                )
            ordered = OrderedSampler(positions=positions, batch_size=batch_size, rank=rank, ranks=ranks)
            return BatchLoader(self.dataset, ordered)
        symbol = self.ledger.symbol[positions]
        sampler = EpochSampler(
            positions=[positions[symbol == i] for i in range(len(self.ledger.symbols))],
            shares=self._shares,
            seed=self._seed,
            batch_size=self._batch_size,
            rank=rank,
            ranks=ranks,
        )
        return BatchLoader(self.dataset, sampler)

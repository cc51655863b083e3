"""The order of samples: a pure function of (seed, epoch, mixture), cut into global batches, sliced by rank."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Sampler

from multisymbol.samples.mixture import Shares


def epoch_order(
    positions: list[npt.NDArray[np.int64]], shares: Shares, *, seed: int, epoch: int
) -> npt.NDArray[np.int64]:
    """Return the ledger positions of one epoch in the order they are learned from.

    Each symbol's draws are whole reshuffled passes and a partial one (every sample floor or ceil of `passes` times),
    spread evenly over the epoch with random offsets, so that each batch holds close to the symbol's share.

    Args:
        positions: Per symbol, the ledger positions of its train samples.
        shares: How many draws each symbol has.
        seed: The run's.
        epoch: From 0.

    Returns:
        int64, shape (draws,).
    """
    raise NotImplementedError


class EpochSampler(Sampler[torch.Tensor]):
    """Yields one rank's part of each global batch as an int64 tensor of ledger positions.

    Passed as `sampler=` with `batch_size=None` (PITFALLS L6-L9): Lightning then calls `set_epoch`. The incomplete last
    batch is left out, unless it is the only one. Multiset per global step is the same for any number of ranks.

    Args:
        positions: As in `epoch_order`.
        shares: As in `epoch_order`.
        seed: The run's.
        batch_size: GLOBAL batch size, over all ranks; divisible by `ranks`.
        rank: This process.
        ranks: Number of processes.
    """

    def __init__(
        self, *, positions: list[npt.NDArray[np.int64]], shares: Shares, seed: int, batch_size: int, rank: int, ranks: int
    ) -> None:
        raise NotImplementedError

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; called by Lightning."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[torch.Tensor]:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError


class OrderedSampler(Sampler[torch.Tensor]):
    """Every position once, in order: batches rank, rank + ranks, ...; no padding, no row twice.

    Args:
        positions: Ledger positions. Shape (M,).
        batch_size: Rows per batch.
        rank: This process.
        ranks: Number of processes.
    """

    def __init__(self, *, positions: npt.NDArray[np.int64], batch_size: int, rank: int, ranks: int) -> None:
        raise NotImplementedError

    def __iter__(self) -> Iterator[torch.Tensor]:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

"""The order of samples: a pure function of (seed, epoch, mixture), cut into global batches, sliced by rank."""

import zlib
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Sampler

from multisymbol.arrays import Floats, Ints
from multisymbol.errors import SampleError
from multisymbol.samples.mixture import SamplingWeights, equal_draws

_STREAM = zlib.crc32(b"samples.sampler.epoch_order")
_KEPT = zlib.crc32(b"samples.sampler.kept")
"""Set these random numbers apart from others drawn from the same seed."""


def epoch_order(positions: list[Ints], shares: SamplingWeights, *, seed: int, epoch: int) -> Ints:
    """Return the ledger positions of one epoch in the order they are learned from. int64, shape (draws,).

    Each symbol's draws are whole reshuffled passes and a partial one (every sample floor or ceil of `passes` times),
    spread evenly over the epoch: its k-th of d draws comes at a random instant of [k/d, (k+1)/d), so that each batch
    holds close to the symbol's share. With strata the same holds for each stratum of each symbol. Round robin takes the
    symbols' draws in turn instead. A symbol's random numbers depend on (seed, epoch, its index, stratum) alone; which
    samples are kept, where not all are, on (seed, its index).

    Args:
        positions: Per symbol, the ledger positions of its train samples.
        shares: How many draws each symbol has.
        seed: The run's, from 0 up.
        epoch: From 0.
    """
    assert [len(own) for own in positions] == shares.rows.tolist()
    queues = [_queue(own, shares, symbol=symbol, seed=seed, epoch=epoch) for symbol, own in enumerate(positions)]
    if shares.order == "round_robin":
        return np.stack([queue.positions for queue in queues if len(queue.positions)], axis=1).ravel()
    return _merged(queues).positions


class _Queue(NamedTuple):
    """Draws in order, each with its instant in [0, 1) of the epoch."""

    positions: Ints
    instants: Floats


def _queue(own: Ints, shares: SamplingWeights, *, symbol: int, seed: int, epoch: int) -> _Queue:
    """Draw one symbol's samples."""
    draws = int(shares.draws[symbol])
    if shares.kept is not None and shares.kept[symbol] < len(own):
        own = np.sort(_random(seed, _KEPT, symbol).permutation(own)[: shares.kept[symbol]])
    if shares.stratum is None or draws == 0:
        return _passes(own, draws=draws, random=_random(seed, _STREAM, epoch, symbol))
    strata, place = np.unique(shares.stratum[own], return_inverse=True)
    each = equal_draws(draws, sizes=np.bincount(place), max_passes=shares.max_passes)
    return _merged(
        [
            _passes(own[place == index], draws=int(each[index]), random=_random(seed, _STREAM, epoch, symbol, stratum))
            for index, stratum in enumerate(strata.tolist())
        ]
    )


def _passes(own: Ints, *, draws: int, random: np.random.Generator) -> _Queue:
    passes = [random.permutation(own) for _ in range(-(-draws // max(len(own), 1)))]
    return _Queue(
        positions=np.concatenate([own[:0], *passes])[:draws],
        instants=(np.arange(draws) + random.random(draws)) / max(draws, 1),
    )


def _merged(queues: list[_Queue]) -> _Queue:
    instants = np.concatenate([queue.instants for queue in queues])
    order = np.argsort(instants, kind="stable")
    return _Queue(positions=np.concatenate([queue.positions for queue in queues])[order], instants=instants[order])


def _random(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


class EpochSampler(Sampler[torch.Tensor]):
    """Yields one rank's part of each global batch as an int64 tensor of ledger positions.

    Passed as `sampler=` with `batch_size=None`: Lightning then calls `set_epoch`. The incomplete last
    batch is left out, unless it is the only one. Multiset per global step is the same for any number of ranks.

    Args:
        positions: As in `epoch_order`; likewise `shares` and `seed`.
        batch_size: GLOBAL batch size, over all ranks; divisible by `ranks`.
        rank: This process.
        ranks: Number of processes.

    Raises:
        SampleError: The batch size is not divisible by `ranks`, or a rank would get no sample.
    """

    def __init__(
        self, *, positions: list[Ints], shares: SamplingWeights, seed: int, batch_size: int, rank: int, ranks: int
    ) -> None:
        super().__init__()
        assert 0 <= rank < ranks
        draws = int(shares.draws.sum())
        if batch_size < 1 or batch_size % ranks:
            raise SampleError(
                f"the batch size {batch_size} is for all {ranks} processes together and must be a multiple of their "
                f"number; take {max(ranks, batch_size // ranks * ranks)}"
            )
        if draws < ranks:
            raise SampleError(f"{draws} samples per epoch for {ranks} processes: each needs one; take fewer processes")
        self._order = partial(epoch_order, positions, shares, seed=seed)
        self._batch_size, self._rank, self._ranks = batch_size, rank, ranks
        self._batches, self._epoch = max(1, draws // batch_size), 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; called by Lightning."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[torch.Tensor]:
        order = torch.from_numpy(self._order(epoch=self._epoch))
        for batch in torch.split(order[: self._batches * self._batch_size], self._batch_size):
            # Neighbours stay together: of a round robin over two symbols, every second draw would be one symbol.
            yield torch.tensor_split(batch, self._ranks)[self._rank]

    def __len__(self) -> int:
        return self._batches


class OrderedSampler(Sampler[torch.Tensor]):
    """Every position once, in order: batches rank, rank + ranks, ...; no padding, no row twice.

    Raises:
        SampleError: The batch size is less than 1.
    """

    def __init__(self, *, positions: Ints, batch_size: int, rank: int, ranks: int) -> None:
        super().__init__()
        assert 0 <= rank < ranks
        if batch_size < 1:
            raise SampleError(f"the batch size must be at least 1, got {batch_size}")
        batches = torch.split(torch.tensor(positions, dtype=torch.int64), batch_size)
        self._batches = batches[rank::ranks] if len(positions) else ()

    def __iter__(self) -> Iterator[torch.Tensor]:
        return iter(self._batches)

    def __len__(self) -> int:
        return len(self._batches)

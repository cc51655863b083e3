"""Probabilities or returns of a network for chosen samples: one plain loop for validation, test and serving.

A prediction must not depend on the other windows of its batch, or a live prediction would differ from the panel's in
the last bits. By itself it would: a matrix product is summed in another order for 1 row than for 2 or 4,096, and for a
row that starts at another multiple of 4 bytes (all layers whose width is no multiple of 16). Networks therefore only
see batches of exactly `BLOCK` windows, and a window's slot in the batch follows from its newest features:

    slot  0 1 2 3 4 5 6 7         windows c and e have the same slot: e goes into the next batch;
    batch b . c a . . d f         empty slots are filled with any window
    batch . . e . . . . .

On one kind of processor the same window then gives the same bits, whatever else is predicted.
"""

# N asked for, B batch, F feature, C class

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from multisymbol.arrays import Floats, Ints
from multisymbol.errors import SampleError
from multisymbol.learning.probabilities import probabilities
from multisymbol.samples.windows import WindowDataset

BLOCK = 256
"""Windows a network sees at once: 2 to 8 ms for one answer, and little more than all at once for thousands."""
_GOLDEN = -7046029254386353131
"""2^64 over the golden ratio, odd: what it multiplies is spread evenly (Knuth, volume 3, section 6.4)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Probabilities:
    """What a network says of n samples."""

    prob: Floats  # BUY, HOLD, SELL; rows sum to 1. float64, shape (n, 3)
    positions: Ints  # ledger positions they are for. int64, shape (n,)


@dataclass(frozen=True, kw_only=True, slots=True)
class Returns:
    """What a network fitted to returns says of n samples."""

    forecast: Floats  # in units of the target (`Ledger.target`). float64, shape (n,)
    positions: Ints  # ledger positions they are for. int64, shape (n,)


def predict_probabilities(
    network: nn.Module,
    *,
    dataset: WindowDataset,
    positions: Ints,
    batch_size: int,
    log_weights: torch.Tensor,
    device: torch.device | str,
    temperature: float = 1.0,
) -> Probabilities:
    """Run the network over samples, in the order of `positions`; it is left in the mode it was in.

    `log_weights` are those of the loss it was fitted with, shape (3,); `temperature` is the calibration's, 1 for none.

    Raises:
        SampleError: A probability is no number; names the symbols by number and the first position.
    """

    def read(logits_BC: torch.Tensor) -> torch.Tensor:
        return probabilities(logits_BC, log_weights, temperature=temperature)

    if len(positions) == 0:
        return Probabilities(prob=np.empty((0, len(log_weights))), positions=positions)
    prob = _outputs(network, dataset=dataset, positions=positions, batch_size=batch_size, device=device, read=read)
    return Probabilities(prob=prob, positions=positions)


def predict_returns(
    network: nn.Module, *, dataset: WindowDataset, positions: Ints, batch_size: int, device: torch.device | str
) -> Returns:
    """Run a network fitted to returns over samples, as `predict_probabilities` does.

    Raises:
        SampleError: A forecast is no number.
    """
    if len(positions) == 0:
        return Returns(forecast=np.empty(0), positions=positions)
    said = _outputs(
        network, dataset=dataset, positions=positions, batch_size=batch_size, device=device, read=torch.Tensor.double
    )
    return Returns(forecast=said[:, 0], positions=positions)


def _outputs(
    network: nn.Module,
    *,
    dataset: WindowDataset,
    positions: Ints,
    batch_size: int,
    device: torch.device | str,
    read: Callable[[torch.Tensor], torch.Tensor],
) -> Floats:
    network.to(device)
    training = network.training
    network.eval()
    asked_N = torch.from_numpy(positions.copy())
    place_N = _places(torch.cat([_batch_slots(dataset.newest(part)) for part in torch.split(asked_N, batch_size)]))
    # Empty slots take the first position, up to a whole batch.
    blocks = int(place_N.max()) // BLOCK + 1
    placed = asked_N[:1].repeat(blocks * BLOCK).index_copy_(0, place_N, asked_N)
    batches = torch.split(placed, max(batch_size // BLOCK, 1) * BLOCK)

    def outputs(positions_B: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():  # of a thread, not of the process
            batch = dataset[positions_B]
            inputs = [tensor.to(device) for tensor in (batch.x_BTF, batch.symbol_slot_B, batch.class_slot_B)]
            parts = zip(*(torch.split(tensor, BLOCK) for tensor in inputs), strict=True)
            return read(torch.cat([network(*part) for part in parts])).cpu()

    try:
        with _one_thread_an_operation() as threads:
            if len(batches) == 1 or threads == 1:
                computed = [outputs(batch) for batch in batches]
            else:
                with ThreadPoolExecutor(max_workers=threads) as pool:
                    computed = list(pool.map(outputs, batches))
    finally:
        network.train(training)
    said: Floats = torch.cat(computed).index_select(0, place_N).numpy()
    _check(said, asked_N, dataset=dataset)
    return said


@contextmanager
def _one_thread_an_operation() -> Iterator[int]:
    """Let torch compute each operation in one thread, as a block is too small to be shared out; yield how many it had.

    Several batches at once use the cores better, and an answer's bits no longer depend on how many cores there are.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


def _check(said: Floats, asked_N: torch.Tensor, *, dataset: WindowDataset) -> None:
    broken = np.flatnonzero(~np.isfinite(said).all(axis=1))
    if len(broken):
        symbols = np.unique(dataset.without_windows(asked_N[broken]).symbol_B.numpy()).tolist()
        raise SampleError(
            f"{len(broken)} predictions are no numbers, first at ledger position {int(asked_N[broken[0]])}, "
            f"symbols number {symbols}: their features hold NaN, or the network does. Is their asset class trained?"
        )


def _batch_slots(newest_BF: torch.Tensor) -> torch.Tensor:
    """Return the batch slot of windows with these newest features, spread even if all are 0 or 1. Shape (B,)."""
    bits_BF = newest_BF.contiguous().view(torch.int32).long()
    powers_F = torch.full((bits_BF.shape[1],), _GOLDEN).cumprod(dim=0)  # wraps around
    return ((bits_BF * powers_F).sum(dim=1) >> 32) % BLOCK


def _places(slot_N: torch.Tensor) -> torch.Tensor:
    """Find the first batch in which each window's slot is free. Batch times `BLOCK` plus slot, shape (N,)."""
    order_N = torch.argsort(slot_N, stable=True)
    count = torch.bincount(slot_N, minlength=BLOCK)
    block_N = torch.empty_like(slot_N)
    block_N[order_N] = torch.arange(len(slot_N)) - (torch.cumsum(count, 0) - count)[slot_N[order_N]]
    return block_N * BLOCK + slot_N

"""Probabilities or returns of a network for chosen samples: one plain loop for validation, test and serving.

What a network says of a window must not depend on the windows beside it, or a live answer would differ from the panel's
in its last bits: a product of matrices is computed by another kernel for 1 row than for 2 or 4,096. So a network only
ever sees blocks of exactly `BLOCK` windows, the last one filled up with zeros; within blocks of one size the answers
were the same to the bit for every network, place in the block and number of threads.
"""

# B batch, C class

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from multisymbol.errors import SampleError
from multisymbol.learning.probabilities import probabilities
from multisymbol.samples.windows import Batch, WindowDataset

BLOCK = 128
"""Windows a network sees at once: as fast per window as thousands, and 0.3 to 2 ms for a single answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Probabilities:
    """What a network says of n samples.

    Args:
        prob: BUY, HOLD, SELL; rows sum to 1. float64, shape (n, 3).
        positions: Ledger positions they are for. int64, shape (n,).
    """

    prob: npt.NDArray[np.float64]
    positions: npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Returns:
    """What a network fitted to returns says of n samples.

    Args:
        forecast: In units of the target (`Ledger.target`). float64, shape (n,).
        positions: Ledger positions they are for. int64, shape (n,).
    """

    forecast: npt.NDArray[np.float64]
    positions: npt.NDArray[np.int64]


def predict(
    network: nn.Module,
    *,
    dataset: WindowDataset,
    positions: npt.NDArray[np.int64],
    batch_size: int,
    log_weights: torch.Tensor,
    device: torch.device | str,
    temperature: float = 1.0,
) -> Probabilities:
    """Run the network over samples, in the order of `positions`; it is left in the mode it was in.

    Args:
        network: Windows and slots to logits; moved to `device`.
        dataset: The samples.
        positions: Which of them, any order; none gives an empty result.
        batch_size: Samples at once.
        log_weights: Of the loss it was fitted with. Shape (3,).
        device: Where.
        temperature: Of the calibration, 1 for none.

    Raises:
        SampleError: A probability is no number; names the symbols by number and the first position.
    """

    def read(logits_BC: torch.Tensor) -> torch.Tensor:
        return probabilities(logits_BC, log_weights, temperature=temperature)

    parts = _outputs(network, dataset=dataset, positions=positions, batch_size=batch_size, device=device, read=read)
    return Probabilities(prob=np.concatenate([np.empty((0, len(log_weights))), *parts]), positions=positions)


def predict_returns(
    network: nn.Module,
    *,
    dataset: WindowDataset,
    positions: npt.NDArray[np.int64],
    batch_size: int,
    device: torch.device | str,
) -> Returns:
    """Run a network fitted to returns over samples, as `predict` does.

    Raises:
        SampleError: A forecast is no number.
    """
    parts = _outputs(
        network,
        dataset=dataset,
        positions=positions,
        batch_size=batch_size,
        device=device,
        read=lambda output_BC: output_BC.double(),
    )
    return Returns(forecast=np.concatenate([np.empty((0, 1)), *parts])[:, 0], positions=positions)


def _outputs(
    network: nn.Module,
    *,
    dataset: WindowDataset,
    positions: npt.NDArray[np.int64],
    batch_size: int,
    device: torch.device | str,
    read: Callable[[torch.Tensor], torch.Tensor],
) -> list[npt.NDArray[np.float64]]:
    network.to(device)
    training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            return [
                _batch(network, dataset[part], device=device, read=read)
                for part in torch.split(torch.from_numpy(positions.copy()), batch_size)
                if len(part)
            ]
    finally:
        network.train(training)


def _batch(
    network: nn.Module, batch: Batch, *, device: torch.device | str, read: Callable[[torch.Tensor], torch.Tensor]
) -> npt.NDArray[np.float64]:
    inputs = [tensor.to(device) for tensor in (batch.x_BTF, batch.symbol_slot_B, batch.class_slot_B)]
    blocks = zip(*(torch.split(tensor, BLOCK) for tensor in inputs), strict=True)
    read_BC = np.concatenate([_block(network, block, read=read) for block in blocks])
    broken = np.flatnonzero(~np.isfinite(read_BC).all(axis=1))
    if len(broken):
        symbols = np.unique(batch.symbol_B.numpy()[broken]).tolist()
        message = (
            f"{len(broken)} predictions are no numbers, first at ledger position {int(batch.sample_B[broken[0]])}, "
            f"symbols number {symbols}: their features hold NaN, or the network does. Is their asset class trained?"
        )
        raise SampleError(message)
    return read_BC


def _block(
    network: nn.Module, inputs: Sequence[torch.Tensor], *, read: Callable[[torch.Tensor], torch.Tensor]
) -> npt.NDArray[np.float64]:
    """Read at most `BLOCK` windows, with as many of zeros beside them as make a whole block."""
    rows = len(inputs[0])
    whole = inputs if rows == BLOCK else [_filled(tensor) for tensor in inputs]
    read_BC: npt.NDArray[np.float64] = read(network(*whole))[:rows].cpu().numpy()
    return read_BC


def _filled(tensor: torch.Tensor) -> torch.Tensor:
    return torch.cat([tensor, tensor.new_zeros(BLOCK - len(tensor), *tensor.shape[1:])])

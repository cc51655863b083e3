"""Probabilities of a network for chosen samples: one plain loop for validation, test and serving."""

# B batch, C class

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from multisymbol.errors import SampleError
from multisymbol.learning.losses import probabilities
from multisymbol.samples.windows import Batch, WindowDataset


@dataclass(frozen=True, kw_only=True, slots=True)
class Probabilities:
    """What a network says of n samples.

    Args:
        prob: BUY, HOLD, SELL; rows sum to 1. float64, shape (n, 3).
        positions: Ledger positions they are for. int64, shape (n,).
    """

    prob: npt.NDArray[np.float64]
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
    network.to(device)
    training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            parts = [
                _batch(network, dataset[part], log_weights=log_weights, device=device, temperature=temperature)
                for part in torch.split(torch.from_numpy(positions.copy()), batch_size)
                if len(part)
            ]
    finally:
        network.train(training)
    prob = np.concatenate([np.empty((0, len(log_weights))), *parts])
    return Probabilities(prob=prob, positions=positions)


def _batch(
    network: nn.Module, batch: Batch, *, log_weights: torch.Tensor, device: torch.device | str, temperature: float
) -> npt.NDArray[np.float64]:
    inputs = (batch.x_BTF, batch.symbol_slot_B, batch.class_slot_B)
    logits_BC = network(*(tensor.to(device) for tensor in inputs))
    prob_BC: npt.NDArray[np.float64] = probabilities(logits_BC, log_weights, temperature=temperature).cpu().numpy()
    broken = np.flatnonzero(~np.isfinite(prob_BC).all(axis=1))
    if len(broken):
        symbols = np.unique(batch.symbol_B.numpy()[broken]).tolist()
        message = (
            f"{len(broken)} predictions are no numbers, first at ledger position {int(batch.sample_B[broken[0]])}, "
            f"symbols number {symbols}: their features hold NaN, or the network does. Is their asset class trained?"
        )
        raise SampleError(message)
    return prob_BC

"""Windows: a whole batch in one gather from the memory-mapped panel."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset

from multisymbol.samples.ledger import Ledger


class Batch(NamedTuple):
    """B samples; T bars per window, F features.

    Args:
        x_BTF: Scaled features, float32.
        y_B: Labels, int64.
        rule_B: The no-skill rule, int64, -1 where silent.
        symbol_B: Index in the universe, int64.
        symbol_slot_B: Embedding slot of the symbol, 0 = unknown, int64.
        class_slot_B: Embedding slot of the asset class, 0 = unknown, int64.
        sample_B: Ledger positions, int64.
    """

    x_BTF: torch.Tensor
    y_B: torch.Tensor
    rule_B: torch.Tensor
    symbol_B: torch.Tensor
    symbol_slot_B: torch.Tensor
    class_slot_B: torch.Tensor
    sample_B: torch.Tensor


class WindowDataset(Dataset[Batch]):
    """Batches by tensors of ledger positions; never one item at a time.

    Args:
        features: Scaled panel, float32, shape (N, F), may be a memory map.
        ledger: The samples.
        symbol_slots: Slot of each symbol, 0 for one not trained on. int64, shape (symbols,).
        class_slots: Slot of each symbol's asset class, 0 for one not trained on. int64, shape (symbols,).
    """

    def __init__(
        self, *, features: npt.NDArray[np.float32], ledger: Ledger, symbol_slots: npt.NDArray[np.int64],
        class_slots: npt.NDArray[np.int64],
    ) -> None:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def __getitem__(self, positions: torch.Tensor) -> Batch:
        raise NotImplementedError

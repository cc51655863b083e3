"""Windows: a whole batch in one gather from the memory-mapped panel."""

# ruff: noqa: N815 (fields carry shape letters)
import warnings
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from multisymbol.arrays import Floats, Ints, Singles
from multisymbol.samples.ledger import Ledger


class Batch(NamedTuple):
    """B samples; T bars per window, F features; int64 unless said."""

    x_BTF: torch.Tensor  # scaled features, float32
    y_B: torch.Tensor  # labels
    rule_B: torch.Tensor  # the no-skill rule, -1 where silent
    symbol_B: torch.Tensor  # index in the universe
    symbol_slot_B: torch.Tensor  # embedding slot of the symbol, 0 = unknown; likewise `class_slot_B` of its asset class
    class_slot_B: torch.Tensor
    target_B: torch.Tensor  # what a regression learns, NaN where the labels have none, float32
    weight_B: torch.Tensor  # of the sample in the loss: its own times that of its symbol in the mixture, float32
    sample_B: torch.Tensor  # ledger positions


class WindowDataset(Dataset[Batch]):
    """Batches by tensors of ledger positions; never one item at a time.

    The panel is seen as one overlapping row per window, T*F wide and F further than the one before, so that a batch is
    one `index_select`: as fast as memcpy, and nothing is ever materialised but the batch.

    Args:
        features: Scaled panel, float32, C-contiguous, shape (N, F), may be a read-only memory map. Where the ledger has
            a `view`, its rows are copied.
        ledger: The samples.
        symbol_slots: Slot of each symbol, 0 for one not trained on. int64, shape (symbols,).
        class_slots: Likewise of each symbol's asset class.
        symbol_weights: Loss weight of each symbol's samples; None: 1. float64, shape (symbols,).
    """

    def __init__(
        self,
        *,
        features: Singles,
        ledger: Ledger,
        symbol_slots: Ints,
        class_slots: Ints,
        symbol_weights: Floats | None = None,
    ) -> None:
        assert features.flags.c_contiguous
        end = ledger.row
        if ledger.view is not None:
            features, end = features[ledger.view], np.searchsorted(ledger.view, ledger.row)
        self.features = _shared(features)
        self.window = ledger.window
        self._windows = overlapping(self.features, window=self.window)
        self._start = torch.tensor(end - (self.window - 1))
        self._label = torch.tensor(ledger.label)
        self._rule = torch.tensor(ledger.rule)
        self._target = torch.tensor(ledger.target)
        self._weight = torch.tensor(_weights(ledger, symbol_weights))
        self._symbol = torch.tensor(ledger.symbol)
        self._symbol_slots = torch.tensor(symbol_slots, dtype=torch.int64)
        self._class_slots = torch.tensor(class_slots, dtype=torch.int64)

    def __len__(self) -> int:
        return len(self._start)

    def __getitem__(self, positions: torch.Tensor) -> Batch:
        windows = self._windows.index_select(0, self.starts(positions))
        return self._batch(positions, windows.view(-1, self.window, self.features.shape[1]))

    def without_windows(self, positions: torch.Tensor) -> Batch:
        """Return the samples with windows of no bars: for one who gathers them itself (`overlapping`, `starts`)."""
        return self._batch(positions, self.features.new_empty(len(positions), 0, self.features.shape[1]))

    def newest(self, positions: torch.Tensor) -> torch.Tensor:
        """Return the features of the samples' last bars. Shape (B, F)."""
        return self.features.index_select(0, self.starts(positions) + self.window - 1)

    def starts(self, positions: torch.Tensor) -> torch.Tensor:
        """Return the rows of `features` that the samples' windows start at."""
        return self._start.index_select(0, positions)

    def _batch(self, positions: torch.Tensor, x_BTF: torch.Tensor) -> Batch:
        symbol = self._symbol.index_select(0, positions).long()
        return Batch(
            x_BTF=x_BTF,
            y_B=self._label.index_select(0, positions).long(),
            rule_B=self._rule.index_select(0, positions).long(),
            symbol_B=symbol,
            symbol_slot_B=self._symbol_slots.index_select(0, symbol),
            class_slot_B=self._class_slots.index_select(0, symbol),
            target_B=self._target.index_select(0, positions),
            weight_B=self._weight.index_select(0, positions),
            sample_B=positions,
        )


def overlapping(features: torch.Tensor, *, window: int) -> torch.Tensor:
    """See rows as one overlapping row per window, each F further than the one before. Shape (N - T + 1, T * F)."""
    rows, width = features.shape
    return features.as_strided((rows - window + 1, window * width), (width, 1))


def _weights(ledger: Ledger, symbol_weights: Floats | None) -> Singles:
    if symbol_weights is None:
        return ledger.weight
    return (ledger.weight * symbol_weights[ledger.symbol]).astype(np.float32)


def _shared(features: Singles) -> torch.Tensor:
    """Make a tensor of the array's own memory, of which torch warns where it is read-only: it is only read from here.

    A writable private map instead would count in full against the memory limit; a shared one could change the file.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(features)

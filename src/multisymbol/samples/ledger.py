"""The ledger: one row per sample, saying where it comes from and when it was known."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from multisymbol.markets.instants import Instants
from multisymbol.samples.panel import Panel


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolCount:
    """Where one symbol's bars went: bars = warmup + filling + unresolved + strided + samples."""

    symbol: str
    bars: int
    warmup: int
    filling: int
    unresolved: int
    strided: int
    samples: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """M samples, symbol after symbol, in order of time within each. Shape (M,) each.

    Args:
        symbols: Names; `symbol` holds positions in it.
        asset_classes: Class of each symbol.
        window: Bars a sample's window has.
        symbol: int32.
        row: Panel row of the window's last bar; the window is rows row-window+1 .. row. int64.
        window_start: `opened_at` of the first bar that window AND its warm-up use (METHOD 3a: w0).
        decided_at: `closed_at` of the window's last bar.
        resolved_at: When the label became known, always > decided_at or = it, never NEVER.
        label: 0, 1, 2. int8.
        rule: 0, 1, 2 or -1. int8.
        counts: Per symbol, in order.
    """

    symbols: tuple[str, ...]
    asset_classes: tuple[str, ...]
    window: int
    symbol: npt.NDArray[np.int32]
    row: npt.NDArray[np.int64]
    window_start: Instants
    decided_at: Instants
    resolved_at: Instants
    label: npt.NDArray[np.int8]
    rule: npt.NDArray[np.int8]
    counts: tuple[SymbolCount, ...]

    def __len__(self) -> int:
        return len(self.row)


def build_ledger(panel: Panel, *, window: int, stride: int) -> Ledger:
    """List the samples of a panel: windows of ready bars inside one segment, with a resolved label.

    Args:
        panel: The bars.
        window: Bars per window, >= 1.
        stride: Keep every stride-th bar of a symbol as window end (by the bar's row within the symbol), >= 1.

    Raises:
        SampleError: No sample at all, or window < 1, stride < 1; says per symbol where its bars went.
    """
    raise NotImplementedError

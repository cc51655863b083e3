"""The ledger: one row per sample, saying where it comes from and when it was known."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from multisymbol.errors import SampleError
from multisymbol.labels.labels import UNRESOLVED
from multisymbol.markets.instants import NEVER, Instants
from multisymbol.samples.panel import Panel


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolCount:
    """Where one symbol's bars went: bars = warmup + filling + unresolved + strided + samples.

    Each bar counts once, under the first that applies: not past its indicators' warm-up; too close to the start of its
    segment for a whole window; label not known by the end of the data; left out by the stride.
    """

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
        target: What a regression learns, known at `resolved_at`; NaN where the labels have none. float32.
        weight: Of the sample in the loss, 1 unless it was given another (`samples.weights`). float32.
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
    target: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]
    counts: tuple[SymbolCount, ...]

    def __len__(self) -> int:
        return len(self.row)


def build_ledger(panel: Panel, *, window: int, stride: int) -> Ledger:
    """List the samples of a panel: windows of ready bars inside one segment, with a resolved label.

    `window_start` reaches back over the window and the symbol's `warmup_bars` before it, to its segment's first bar at
    most: what recursive indicators remember from further back has faded (METHOD 3c), and the segment holds no more.

    Args:
        panel: The bars.
        window: Bars per window, >= 1.
        stride: Keep every stride-th bar of a symbol as window end (by the bar's row within the symbol), >= 1.

    Raises:
        SampleError: No sample at all, or window < 1, stride < 1; says per symbol where its bars went.
    """
    if window < 1 or stride < 1:
        message = f"window and stride are numbers of bars, at least 1; got window={window}, stride={stride}"
        raise SampleError(message)
    bars = np.diff(panel.offsets)
    symbol = np.repeat(np.arange(len(bars), dtype=np.int32), bars)
    row = np.arange(len(symbol))
    segment_start = _segment_starts(panel)
    fate = _fates(panel, row=row, segment_start=segment_start, window=window, stride=stride)
    counts = _counts(panel, symbol=symbol, fate=fate)
    row = np.flatnonzero(fate == _SAMPLE)
    if len(row) == 0:
        raise SampleError(_no_samples(counts, window=window, stride=stride))
    symbol = symbol[row]
    reach = panel.warmup_bars[symbol] + window - 1
    return Ledger(
        symbols=panel.symbols,
        asset_classes=panel.asset_classes,
        window=window,
        symbol=symbol,
        row=row,
        window_start=panel.opened_at[np.maximum(row - reach, segment_start[row])],
        decided_at=panel.closed_at[row],
        resolved_at=panel.resolved_at[row],
        label=panel.label[row],
        rule=panel.rule[row],
        target=panel.target[row],
        weight=np.ones(len(row), dtype=np.float32),
        counts=counts,
    )


_WARMUP, _FILLING, _UNRESOLVED, _STRIDED, _SAMPLE = range(5)
"""What becomes of a bar, in the order in which it is decided."""


def _segment_starts(panel: Panel) -> npt.NDArray[np.int64]:
    """Return for each row the first row of its segment of its symbol. Shape (N,)."""
    first = np.ones(len(panel.segment), dtype=np.bool_)
    first[1:] = np.diff(panel.segment) != 0
    first[panel.offsets[:-1]] = True
    starts = np.flatnonzero(first)
    return np.repeat(starts, np.diff(starts, append=len(first)))


def _fates(
    panel: Panel, *, row: npt.NDArray[np.int64], segment_start: npt.NDArray[np.int64], window: int, stride: int
) -> npt.NDArray[np.int8]:
    """Return what becomes of each bar. Shape (N,)."""
    unready = np.maximum.accumulate(np.where(panel.ready, -1, row))
    run = row - np.maximum(unready, segment_start - 1)  # ready bars of this segment up to and with this one
    within = row - np.repeat(panel.offsets[:-1], np.diff(panel.offsets))
    fate = np.full(len(row), _SAMPLE, dtype=np.int8)
    fate[within % stride != 0] = _STRIDED
    fate[(panel.label == UNRESOLVED) | (panel.resolved_at == NEVER)] = _UNRESOLVED
    fate[run < window] = _FILLING
    fate[~panel.ready] = _WARMUP
    return fate


def _counts(panel: Panel, *, symbol: npt.NDArray[np.int32], fate: npt.NDArray[np.int8]) -> tuple[SymbolCount, ...]:
    table = np.bincount(symbol * np.int64(5) + fate, minlength=5 * len(panel.symbols)).reshape(-1, 5)
    return tuple(
        SymbolCount(
            symbol=name,
            bars=int(fates.sum()),
            warmup=int(fates[_WARMUP]),
            filling=int(fates[_FILLING]),
            unresolved=int(fates[_UNRESOLVED]),
            strided=int(fates[_STRIDED]),
            samples=int(fates[_SAMPLE]),
        )
        for name, fates in zip(panel.symbols, table, strict=True)
    )


def _no_samples(counts: tuple[SymbolCount, ...], *, window: int, stride: int) -> str:
    lines = [
        f"no symbol has a single sample with window={window}, stride={stride}; "
        "take a longer period, a shorter window or faster indicators",
        *(
            f"  {count.symbol}: {count.bars} bars = {count.warmup} warm-up + {count.filling} filling the window"
            f" + {count.unresolved} unresolved labels + {count.strided} left out by the stride"
            for count in counts
        ),
    ]
    return "\n".join(lines)

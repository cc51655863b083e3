"""The ledger: one row per sample, saying where it comes from and when it was known."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from multisymbol.arrays import Codes, Flags, Floats, Ints, Singles
from multisymbol.errors import SampleError
from multisymbol.labels.labels import UNRESOLVED
from multisymbol.markets.time import NEVER, Instants
from multisymbol.samples.panel import Panel


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolCount:
    """Where one symbol's bars went: bars = misaligned + warmup + filling + unresolved + strided + samples.

    Each bar counts once, under the first that applies: outside the common hours of trade, where those alone are kept;
    not past its indicators' warm-up; too close to the start of its segment for a whole window; label not known by the
    end of the data; left out by the stride.
    """

    symbol: str
    bars: int
    warmup: int
    filling: int
    unresolved: int
    strided: int
    samples: int
    misaligned: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """M samples, symbol after symbol, in order of time within each. Shape (M,) each."""

    # Names; `symbol` (int32) holds positions in it, `asset_classes` their classes, `counts` their bars
    symbols: tuple[str, ...]
    asset_classes: tuple[str, ...]
    window: int  # bars a sample's window has
    symbol: npt.NDArray[np.int32]
    row: Ints  # panel row of the window's last bar; the window is that row and the window-1 before it in `view`
    window_start: Instants  # `opened_at` of the first bar that window AND its warm-up use
    decided_at: Instants  # `closed_at` of the window's last bar
    resolved_at: Instants  # when the label became known, at `decided_at` or later, never NEVER
    label: Codes  # 0, 1, 2; likewise `rule`, which may be -1
    rule: Codes
    target: Singles  # what a regression learns, known at `resolved_at`; NaN where the labels have none. float32
    weight: Singles  # of the sample in the loss, 1 unless it was given another (`uniqueness`). float32
    counts: tuple[SymbolCount, ...]
    view: Ints | None = None  # rows of the panel that windows are made of, ascending, shape (V,); None: all

    def __len__(self) -> int:
        return len(self.row)


def build_ledger(panel: Panel, *, window: int, stride: int, kept: Flags | None = None) -> Ledger:
    """List the samples of a panel: windows of ready bars inside one segment, with a resolved label.

    With `kept`, bars left out of it are as if they were not there: a window is of consecutive kept bars of its symbol
    within a segment, and may reach over closed hours. Its features, made of all bars, do not change. `window_start`
    reaches back over the window and the symbol's `warmup_bars` before it, to its segment's first bar at most.

    Args:
        panel: The bars.
        window: Bars per window, >= 1.
        stride: Keep every stride-th bar of a symbol as window end (by the bar's place among its kept ones), >= 1.
        kept: Rows of the panel that samples are made of (`Alignment.kept`); None: all. Shape (N,).

    Raises:
        SampleError: No sample at all, or window < 1, stride < 1; says per symbol where its bars went.
    """
    if window < 1 or stride < 1:
        raise SampleError(f"window and stride are numbers of bars, at least 1; got window={window}, stride={stride}")
    bars = np.diff(panel.offsets)
    symbol = np.repeat(np.arange(len(bars), dtype=np.int32), bars)
    view = np.arange(len(symbol)) if kept is None else np.flatnonzero(kept)
    fate = np.full(len(symbol), _MISALIGNED, dtype=np.int8)
    fate[view] = _fates(panel, view=view, symbol=symbol[view], window=window, stride=stride)
    counts = _counts(panel, symbol=symbol, fate=fate)
    place = np.flatnonzero(fate[view] == _SAMPLE)
    if len(place) == 0:
        raise SampleError(_no_samples(counts, window=window, stride=stride))
    row = view[place]
    reach = view[place - window + 1] - panel.warmup_bars[symbol[row]]
    return Ledger(
        symbols=panel.symbols,
        asset_classes=panel.asset_classes,
        window=window,
        symbol=symbol[row],
        row=row,
        view=None if kept is None else view,
        window_start=panel.opened_at[np.maximum(reach, _starts(symbol, panel.segment)[row])],
        decided_at=panel.closed_at[row],
        resolved_at=panel.resolved_at[row],
        label=panel.label[row],
        rule=panel.rule[row],
        target=panel.target[row],
        weight=np.ones(len(row), dtype=np.float32),
        counts=counts,
    )


_FATES = ("misaligned", "warmup", "filling", "unresolved", "strided", "samples")
_MISALIGNED, _WARMUP, _FILLING, _UNRESOLVED, _STRIDED, _SAMPLE = range(6)
"""What becomes of a bar, in the order in which it is decided."""


def _starts(*keys: npt.NDArray[np.int32]) -> Ints:
    """Return for each row the first row of its run, in which no key changes. Shape (n,), as each key's."""
    first = np.ones(len(keys[0]), dtype=np.bool_)
    first[1:] = np.any([np.diff(key) != 0 for key in keys], axis=0)
    starts = np.flatnonzero(first)
    return np.repeat(starts, np.diff(starts, append=len(first)))


def _fates(panel: Panel, *, view: Ints, symbol: npt.NDArray[np.int32], window: int, stride: int) -> Codes:
    """Return what becomes of each bar of the view, as if there were no others. Shape (V,)."""
    place, ready = np.arange(len(view)), panel.ready[view]
    unready = np.maximum.accumulate(np.where(ready, -1, place))
    run = place - np.maximum(unready, _starts(symbol, panel.segment[view]) - 1)  # ready bars of this segment so far
    fate = np.full(len(view), _SAMPLE, dtype=np.int8)
    fate[(place - _starts(symbol)) % stride != 0] = _STRIDED
    fate[(panel.label[view] == UNRESOLVED) | (panel.resolved_at[view] == NEVER)] = _UNRESOLVED
    fate[run < window] = _FILLING
    fate[~ready] = _WARMUP
    return fate


def _counts(panel: Panel, *, symbol: npt.NDArray[np.int32], fate: Codes) -> tuple[SymbolCount, ...]:
    table = np.bincount(symbol * np.int64(6) + fate, minlength=6 * len(panel.symbols)).reshape(-1, 6)
    return tuple(
        SymbolCount(symbol=name, bars=sum(fates), **dict(zip(_FATES, fates, strict=True)))
        for name, fates in zip(panel.symbols, table.tolist(), strict=True)
    )


def _no_samples(counts: tuple[SymbolCount, ...], *, window: int, stride: int) -> str:
    lines = [
        f"  {count.symbol}: {count.bars} bars = "
        + (f"{count.misaligned} outside the common hours + " if count.misaligned else "")
        + f"{count.warmup} warm-up + {count.filling} filling the window"
        f" + {count.unresolved} unresolved labels + {count.strided} left out by the stride"
        for count in counts
    ]
    heading = f"no symbol has a single sample with window={window}, stride={stride}"
    return "\n".join([f"{heading}; take a longer period, a shorter window or faster indicators", *lines])


def uniqueness(ledger: Ledger) -> Singles:
    """Return the average uniqueness of each sample's span [decided_at, resolved_at] in its symbol, of mean 1. (M,).

    At an instant at which c labels of the symbol are open each is 1/c unique; a sample's uniqueness is the mean of that
    over the instants of its span at which a label of the symbol begins or ends: with a stride of 1, its bars.

    How many labels are open at an instant is known then, so a weight tells nothing from after the sample's own label;
    the scale (mean 1 over all samples of the symbol) is one number for the whole history.

    Source: Lopez de Prado 2018, Advances in Financial Machine Learning, sections 4.3 and 4.4.
    """
    weight = np.empty(len(ledger), dtype=np.float32)
    for index in range(len(ledger.symbols)):
        own = ledger.symbol == index
        if own.any():
            unique = average_uniqueness(ledger.decided_at[own], ledger.resolved_at[own])
            weight[own] = unique / unique.mean()
    return weight


def average_uniqueness(begins: Instants, ends: Instants) -> Floats:
    """Return the average uniqueness of the spans [begins, ends] of a symbol's labels, above 0, at most 1. Shape (m,).

    Their sum says how many independent labels they are worth.
    """
    instants = np.unique(np.concatenate([begins, ends]))
    first, after = np.searchsorted(instants, begins), np.searchsorted(instants, ends, side="right")
    count = len(instants) + 1
    still_open = np.cumsum(np.bincount(first, minlength=count) - np.bincount(after, minlength=count))
    # every instant begins or ends a label: none is 0
    summed = np.concatenate([[0.0], np.cumsum(1.0 / still_open[:-1])])
    average: Floats = (summed[after] - summed[first]) / (after - first)
    return average

"""The panel: features, labels and times of all symbols, on disk, memory-mapped, content-addressed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from multisymbol.features.pipeline import FeatureSpec
from multisymbol.features.scaling import Scaler
from multisymbol.labels.labels import Labeller
from multisymbol.markets.instants import Instants, Period
from multisymbol.markets.sources import BarSource
from multisymbol.markets.symbols import Universe


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """All bars of a universe, symbol after symbol, N rows; every array is a read-only memory map.

    Args:
        folder: Where it lies.
        key: Hash of all that made it.
        reused: Whether it was found rather than built.
        spec: Columns of `features`.
        symbols: Names, in the universe's order.
        asset_classes: Class of each symbol.
        offsets: Rows of symbol i are offsets[i]:offsets[i+1]. int64, shape (symbols + 1,).
        features: Unscaled, NaN while warming up. float32, shape (N, features).
        opened_at: Shape (N,).
        closed_at: Shape (N,).
        segment: Uninterrupted stretch within the symbol. int32, shape (N,).
        ready: Past the warm-up. bool, shape (N,).
        label: 0, 1, 2 or -1. int8, shape (N,).
        resolved_at: NEVER where unresolved. int64, shape (N,).
        rule: The labels' own mechanics, 0, 1, 2 or -1. int8, shape (N,).
        warmup_bars: Per symbol. int64, shape (symbols,).
        fingerprints: Symbol -> hash of its bars.
    """

    folder: Path
    key: str
    reused: bool
    spec: FeatureSpec
    symbols: tuple[str, ...]
    asset_classes: tuple[str, ...]
    offsets: npt.NDArray[np.int64]
    features: npt.NDArray[np.float32]
    opened_at: Instants
    closed_at: Instants
    segment: npt.NDArray[np.int32]
    ready: npt.NDArray[np.bool_]
    label: npt.NDArray[np.int8]
    resolved_at: Instants
    rule: npt.NDArray[np.int8]
    warmup_bars: npt.NDArray[np.int64]
    fingerprints: Mapping[str, str]

    def rows(self, index: int) -> slice:
        """Rows of the symbol with this index."""
        return slice(int(self.offsets[index]), int(self.offsets[index + 1]))


def ensure_panel(
    cache: Path,
    *,
    universe: Universe,
    source: BarSource,
    period: Period,
    spec: FeatureSpec,
    labellers: Mapping[str, Labeller],
    progress: Callable[[str, int, int], None] | None = None,
) -> Panel:
    """Open the panel for these choices, or build it: symbol by symbol, in a temporary folder, renamed when whole.

    The key covers the bars' fingerprints, the resolved symbol configs, spec, period and the source code of
    `markets`, `features` and `labels`: a changed formula is another panel. A file lock lets one process build while others wait.

    Args:
        cache: `outputs/cache`.
        universe: Symbols and their resolved configs.
        source: Where bars come from.
        period: Which bars.
        spec: Columns.
        labellers: Symbol -> labeller.
        progress: Called with (symbol, done, all) after each symbol.

    Raises:
        BarsError: One error with the defects of ALL files, nothing written. Likewise SourceError for missing symbols.
        OutputError: The cache cannot be written.
    """
    raise NotImplementedError


def ensure_scaled(panel: Panel, scaler: Scaler, cache: Path) -> npt.NDArray[np.float32]:
    """Return the panel's features scaled, memory-mapped read-only, shape (N, features); built once per (panel, scaler).

    A symbol neither seen nor of a fitted class keeps NaN rows; warm-up rows stay NaN: a window that touched one would show.
    """
    raise NotImplementedError

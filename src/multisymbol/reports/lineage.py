"""What a training knows of one bar: its features, label, window and part, and where each parameter was written.

Everything is taken from what `prepare_folds` made, as a training takes it; nothing is computed a second time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from multisymbol.arrays import Ints
from multisymbol.config.names import short_name
from multisymbol.errors import ConfigError
from multisymbol.features.indicators import configure
from multisymbol.labels.labels import UNRESOLVED
from multisymbol.markets.bars import Bars
from multisymbol.markets.sessions import SessionClock, session_clock
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import NEVER, iso
from multisymbol.samples.dataset import DataSpec, FoldDataset

Origin: TypeAlias = Callable[[tuple[str, ...], str], str]
"""Names the place where a parameter of the symbol was written.

Takes the keys within the entry of a symbol or an asset class, such as `("indicators", "rsi", "period")`, and the dotted
key of the default; returns a file, a line of a table, or `command line`.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """One value of the configuration, and the file it was written in."""

    name: str
    value: Any
    origin: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LineageColumn:
    """One feature at the bar."""

    name: str
    kind: str  # as in the feature spec
    value: float  # unscaled; NaN while warming up
    center: float  # subtracted; NaN where the column is not scaled
    spread: float  # divided by
    scaled: float  # what the network sees
    made_from: tuple[Value, ...]  # parameters of the indicator, or break points of the membership


@dataclass(frozen=True, kw_only=True, slots=True)
class LineageLabel:
    """The label of the bar."""

    value: int  # a class, -1 unresolved
    resolved_at: int  # when it became known; NEVER
    resolved_row: int | None  # row, within the symbol's bars, of the bar that resolved it
    rule: int  # mechanical baseline, -1 for none
    target: float  # what a regression learns; NaN where there is none
    made_from: tuple[Value, ...]  # parameters of the labeller


@dataclass(frozen=True, kw_only=True, slots=True)
class Lineage:
    """All that a training knows of one bar."""

    config: SymbolConfig
    bars: Bars  # of the symbol
    row: int  # the bar's row in them; the last whose `closed_at` is not after the instant asked for
    asked: int  # that instant
    clock: SessionClock
    columns: tuple[LineageColumn, ...]  # in the order of the spec
    label: LineageLabel
    position: int | None  # of the sample in the ledger; None: it is none
    refusal: str  # why it is no sample; empty where it is one
    window_rows: tuple[int, ...]  # of the window's bars, fewer than `window` where its segment has no more
    window_start: int  # `opened_at` of the first bar that the window and its warm-up use


def trace_bar(spec: DataSpec, prepared: FoldDataset, *, symbol: str, at: int, origin: Origin) -> Lineage:
    """Collect what a training knows of the last bar of `symbol` that was known at `at`, UTC nanoseconds.

    Args:
        spec: Data of the training.
        prepared: Its samples, one fold.
        symbol: The symbol.
        at: Instant.
        origin: Names the place where a parameter of the symbol was written.

    Raises:
        ConfigError: `at` lies before the first bar was known, or after the last.
    """
    panel, index = prepared.panel, prepared.universe.symbols.index(symbol)
    config, rows = prepared.universe.configs[index], prepared.panel.rows(index)
    bars = prepared.source.read(config, spec.period)
    assert np.array_equal(bars.closed_at, panel.closed_at[rows])
    first, last = int(bars.closed_at[0]), int(bars.closed_at[-1])
    if not first <= at <= last:
        side = "before the first bar of" if at < first else "after the last bar of"
        raise ConfigError(
            f"at: {iso(at)} lies {side} {bars.symbol}; its bars became known from {iso(first)} to {iso(last)}"
        )
    row = int(np.searchsorted(bars.closed_at, at, side="right")) - 1
    found = np.flatnonzero(prepared.ledger.row == rows.start + row)
    position = int(found[0]) if len(found) else None
    segment_start = next(stretch.start for stretch in bars.segments() if stretch.start <= row < stretch.stop)
    window = _window_rows(prepared, index, row=row, window=spec.window)
    reach = max(int(window[0]) - int(panel.warmup_bars[index]), segment_start)
    return Lineage(
        config=config,
        bars=bars,
        row=row,
        asked=at,
        clock=session_clock(config.calendar, start=int(bars.opened_at[0]), end=int(bars.closed_at[-1])),
        columns=_columns(prepared, config, panel_row=rows.start + row, origin=origin),
        label=_label(prepared, config, bars, panel_row=rows.start + row, origin=origin),
        position=position,
        refusal="" if position is not None else lineage_refusal(spec, prepared, index, row=row),
        window_rows=tuple(window.tolist()),
        window_start=int(bars.opened_at[reach]),
    )


def lineage_refusal(spec: DataSpec, prepared: FoldDataset, index: int, *, row: int) -> str:
    """Say why a bar, at `row` of the symbol numbered `index`, is no sample: the first reason that holds."""
    panel, own, kept = prepared.panel, prepared.panel.rows(index), _kept_rows(prepared, index)
    if row not in kept:
        return "misaligned: it lies outside the hours that all markets have in common (alignment)"
    if not panel.ready[own][row]:
        return f"warm-up: the first {panel.warmup_bars[index]} bars of a segment only warm the indicators up"
    window = _window_rows(prepared, index, row=row, window=spec.window)
    if len(window) < spec.window or not panel.ready[own][window].all():
        return f"filling: fewer than {spec.window} bars past the warm-up, so no whole window yet"
    if panel.label[own][row] == UNRESOLVED or panel.resolved_at[own][row] == NEVER:
        return "unresolved: its label was not known when its segment (or the data) ended"
    place = int(np.searchsorted(kept, row))
    return f"strided: stride={spec.stride} takes bars whose place is a multiple of it, this one's is {place}"


def _kept_rows(prepared: FoldDataset, index: int) -> Ints:
    """Return the rows of a symbol that samples are made of: all, or those of the common hours."""
    own, view = prepared.panel.rows(index), prepared.ledger.view
    if view is None:
        return np.arange(own.stop - own.start)
    mine: Ints = view[(view >= own.start) & (view < own.stop)] - own.start
    return mine


def _window_rows(prepared: FoldDataset, index: int, *, row: int, window: int) -> Ints:
    """Return the kept rows of one segment, `window` at most, that end with this one; itself alone if it is not kept."""
    kept, segment = _kept_rows(prepared, index), prepared.panel.segment[prepared.panel.rows(index)]
    last = kept[kept <= row][-window:]
    return last[segment[last] == segment[row]] if row in last else np.array([row])


def _columns(
    prepared: FoldDataset, config: SymbolConfig, *, panel_row: int, origin: Origin
) -> tuple[LineageColumn, ...]:
    scaler, recipes = prepared.scaler, _recipes(config, origin)
    affine = scaler.by_symbol.get(config.symbol, scaler.by_class.get(config.asset_class))
    return tuple(
        LineageColumn(
            name=column.name,
            kind=column.kind,
            value=float(prepared.panel.features[panel_row, place]),
            center=float(affine.center[place]) if affine else float("nan"),
            spread=float(affine.spread[place]) if affine else float("nan"),
            scaled=float(prepared.features[panel_row, place]),
            made_from=recipes.get(column.name, ()),
        )
        for place, column in enumerate(prepared.panel.spec.columns)
    )


def _recipes(config: SymbolConfig, origin: Origin) -> dict[str, tuple[Value, ...]]:
    """Return column -> parameters of its indicator, or the shape of its membership with the break points."""

    def value(name: str, given: Any, *path: str) -> Value:
        return Value(name=name, value=given, origin=origin(path, f"features.{'.'.join(path)}"))

    recipes: dict[str, tuple[Value, ...]] = {}
    for key, entry in config.indicators.items():
        configured = configure(key, entry)
        parameters = (value(name, given, "indicators", key, name) for name, given in configured.given.items())
        recipes |= dict.fromkeys(configured.columns, tuple(parameters))
    for column, sets in config.fuzzy.items():
        for name, definition in sets.items():
            shapes = (value(shape, points, "fuzzy", column, name, shape) for shape, points in definition.items())
            recipes[f"{column}_{name}"] = tuple(shapes)
    return recipes


def _label(prepared: FoldDataset, config: SymbolConfig, bars: Bars, *, panel_row: int, origin: Origin) -> LineageLabel:
    panel = prepared.panel
    resolved_at = int(panel.resolved_at[panel_row])
    group = short_name(config.label)
    return LineageLabel(
        value=int(panel.label[panel_row]),
        resolved_at=resolved_at,
        resolved_row=None if resolved_at == NEVER else int(np.searchsorted(bars.closed_at, resolved_at)),
        rule=int(panel.rule[panel_row]),
        target=float(panel.target[panel_row]),
        made_from=tuple(
            Value(name=name, value=value, origin=origin(("labels", group, name), f"labels.{name}"))
            for name, value in config.label.items()
            if not name.startswith("_")
        ),
    )

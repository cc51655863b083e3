"""Where a number comes from: one sample followed from its raw bars to the label and the loss it has a part in.

Everything is taken from what `prepare` made, as a training takes it; nothing is computed a second time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from multisymbol.errors import ConfigError, OutputError, nearest
from multisymbol.features.indicators import configure
from multisymbol.features.scaling import Affine
from multisymbol.labels.labels import CLASSES, UNRESOLVED
from multisymbol.markets.bars import Bars
from multisymbol.markets.instants import NEVER, Period, instant, iso
from multisymbol.markets.sessions import SessionClock, session_clock
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.table import member_lines
from multisymbol.reports.tables import Column, Table, show, to_markdown
from multisymbol.reports.terminal import Terminal
from multisymbol.samples.splits import PURGED, TEST, TRAIN, VALIDATION, Fold
from multisymbol.workflows.preparation import Prepared, prepare_folds, single_arms
from multisymbol.workflows.settings import TrainSettings, members

Origin: TypeAlias = Callable[[str], str]
"""Dotted key of the configuration -> the file that holds it, or `command line`."""

BARS_SHOWN = 5
_NAMES_SHOWN = 12
PARTS = {TRAIN: "train", VALIDATION: "validation", TEST: "test", PURGED: "purged"}


@dataclass(frozen=True, kw_only=True, slots=True)
class TraceSettings(TrainSettings):
    """Every key of `conf/trace.yaml`."""

    symbol: str
    at: str
    fold: str | None
    out: str | None


SCHEMA = f"{__name__}.TraceSettings"


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """One value of the configuration, and the file it was written in."""

    name: str
    value: Any
    origin: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TracedColumn:
    """One feature at the bar.

    Args:
        name: Of the column.
        kind: As in the feature spec.
        value: Unscaled; NaN while warming up.
        center: Subtracted, and `spread`: divided by; 0 and 1 where the column is not scaled.
        spread: See `center`.
        scaled: What the network sees.
        made_from: Parameters of the indicator, or the break points of the membership; empty for clock and flags.
    """

    name: str
    kind: str
    value: float
    center: float
    spread: float
    scaled: float
    made_from: tuple[Value, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TracedLabel:
    """The label of the bar.

    Args:
        value: A class, -1 unresolved.
        resolved_at: When it became known; NEVER.
        resolved_row: Row, within the symbol's bars, of the bar that resolved it; None.
        rule: What the labels' own mechanics say, -1 nothing.
        target: What a regression learns; NaN where there is none.
        made_from: Parameters of the labeller.
    """

    value: int
    resolved_at: int
    resolved_row: int | None
    rule: int
    target: float
    made_from: tuple[Value, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """All that a training knows of one bar.

    Args:
        config: The symbol's, resolved.
        bars: Of the symbol.
        row: The bar's row in them; the last whose `closed_at` is not after the instant asked for.
        asked: That instant.
        clock: Sessions of the calendar.
        columns: Features at the bar, in the order of the spec.
        label: Its label.
        position: Of the sample in the ledger; None: it is none.
        refusal: Why it is no sample; empty where it is one.
        first_row: Row of the window's first bar.
        window_start: `opened_at` of the first bar that the window and its warm-up use.
    """

    config: SymbolConfig
    bars: Bars
    row: int
    asked: int
    clock: SessionClock
    columns: tuple[TracedColumn, ...]
    label: TracedLabel
    position: int | None
    refusal: str
    first_row: int
    window_start: int


def trace(values: Mapping[str, Any], *, origin: Origin) -> Trace:
    """Follow one sample, show it, and write it as Markdown where `out` names a file.

    Args:
        values: Plain, checked configuration (`conf/trace.yaml`).
        origin: Names the file of a key.

    Raises:
        ConfigError: The symbol is not in the universe, `at` is no instant, or it lies outside the symbol's bars.
        OutputError: The file cannot be written.
    """
    terminal = Terminal()
    at = instant(values["at"])
    _check_known("symbol", values["symbol"], known=list(values["symbol_configs"]))
    folds = {prepared.parts.fold.name: prepared for prepared in _prepared(values, terminal)}
    chosen = values["fold"] or next(iter(folds))
    _check_known("fold", chosen, known=list(folds))
    traced = trace_bar(folds[chosen], values, symbol=values["symbol"], at=at, origin=origin)
    tables = sections(traced, folds[chosen], values, folds=list(folds.values()))
    for table in tables:
        terminal.show(show(table))
        terminal.show("")
    if values["out"] is not None:
        _write(Path(values["out"]), tables)
        terminal.fact("written", values["out"])
    return traced


def _check_known(key: str, name: str, *, known: Sequence[str]) -> None:
    if name not in known:
        listed = ", ".join(known[:_NAMES_SHOWN]) + (", ..." if len(known) > _NAMES_SHOWN else "")
        message = f"{key}: there is no '{name}'{nearest(name, known)}\n  In use: {listed}"
        raise ConfigError(message)


def _prepared(values: Mapping[str, Any], terminal: Terminal) -> list[Prepared]:
    """Prepare what a training of these values would learn from, fold by fold."""
    folds = prepare_folds(values, terminal)
    if values["mode"] != "per_symbol":
        return list(folds)
    arms = [
        prepared for fold in folds for own, prepared in single_arms(values, fold) if own["symbol"] == values["symbol"]
    ]
    if not arms:
        message = f"symbol: {values['symbol']} has no model of its own: it has no train or no test samples in any fold"
        raise ConfigError(message)
    return arms


def trace_bar(prepared: Prepared, values: Mapping[str, Any], *, symbol: str, at: int, origin: Origin) -> Trace:
    """Collect what a training knows of the last bar of `symbol` that was known at `at`.

    Raises:
        ConfigError: `at` lies before the first bar was known, or after the last.
    """
    panel, index = prepared.panel, prepared.universe.symbols.index(symbol)
    config, rows = prepared.universe.configs[index], prepared.panel.rows(index)
    bars = prepared.source.read(config, Period(**values["period"]))
    assert np.array_equal(bars.closed_at, panel.closed_at[rows])
    row = _row_at(bars, at=at)
    found = np.flatnonzero(prepared.ledger.row == rows.start + row)
    position = int(found[0]) if len(found) else None
    source = partial(_origin_of, layers=_layers(values, config, origin), origin=origin)
    segment_start = next(stretch.start for stretch in bars.segments() if stretch.start <= row < stretch.stop)
    first_row = max(row - values["window"] + 1, segment_start)
    reach = max(first_row - int(panel.warmup_bars[index]), segment_start)
    return Trace(
        config=config,
        bars=bars,
        row=row,
        asked=at,
        clock=session_clock(config.calendar, start=int(bars.opened_at[0]), end=int(bars.closed_at[-1])),
        columns=_columns(prepared, config, panel_row=rows.start + row, source=source),
        label=_label(prepared, config, bars, panel_row=rows.start + row, source=source),
        position=position,
        refusal="" if position is not None else refusal(prepared, index, row=row, values=values),
        first_row=first_row,
        window_start=int(bars.opened_at[reach]),
    )


def sections(traced: Trace, prepared: Prepared, values: Mapping[str, Any], *, folds: Sequence[Prepared]) -> list[Table]:
    """Return the tables a person reads, from the raw bars to the loss.

    Args:
        traced: The bar.
        prepared: The fold whose scaling and mixture are shown.
        values: The configuration.
        folds: All folds.
    """
    index = prepared.universe.symbols.index(traced.config.symbol)
    indicators = [column for column in traced.columns if column.kind == "raw" and column.made_from]
    memberships = [column for column in traced.columns if column.kind == "membership"]
    rest = [column for column in traced.columns if not column.made_from]
    return [
        _facts(f"{traced.config.symbol} at {iso(traced.asked)}", _head(traced)),
        _bar_table(traced),
        _made_table("indicators", indicators, what="parameters"),
        _made_table("memberships", memberships, what="break points"),
        _scaled_table(traced, prepared, values),
        _facts("clock and flags", [(column.name, f"{column.value:.6g}") for column in rest]),
        _facts("window", _window(traced, values)),
        _facts("label", _label_facts(traced)),
        _made_label(traced),
        _fold_table(traced, folds),
        _facts("mixture", _mixture_facts(traced, prepared, index)),
    ]


def _row_at(bars: Bars, *, at: int) -> int:
    first, last = int(bars.closed_at[0]), int(bars.closed_at[-1])
    if not first <= at <= last:
        side = "before the first bar of" if at < first else "after the last bar of"
        message = f"at: {iso(at)} lies {side} {bars.symbol}; its bars became known from {iso(first)} to {iso(last)}"
        raise ConfigError(message)
    return int(np.searchsorted(bars.closed_at, at, side="right")) - 1


def refusal(prepared: Prepared, index: int, *, row: int, values: Mapping[str, Any]) -> str:
    """Say why a bar is no sample: the first of the reasons the ledger counts that holds.

    Args:
        prepared: The samples.
        index: Of the symbol.
        row: Of the bar within the symbol.
        values: The configuration.
    """
    panel, own = prepared.panel, prepared.panel.rows(index)
    ready, segment = panel.ready[own], panel.segment[own]
    window = range(row - values["window"] + 1, row + 1)
    if not ready[row]:
        return f"warm-up: the first {panel.warmup_bars[index]} bars of a segment only warm the indicators up"
    if window[0] < 0 or not (ready[window].all() and (segment[window] == segment[row]).all()):
        return f"filling: fewer than {values['window']} bars past the warm-up, so no whole window yet"
    if panel.label[own][row] == UNRESOLVED or panel.resolved_at[own][row] == NEVER:
        return "unresolved: its label was not known when its segment (or the data) ended"
    return f"strided: stride={values['stride']} takes every bar whose row is a multiple of it, this is row {row}"


def _columns(
    prepared: Prepared, config: SymbolConfig, *, panel_row: int, source: "_Source"
) -> tuple[TracedColumn, ...]:
    affine = _affine(prepared, config)
    recipes = {**_indicator_recipes(config, source), **_membership_recipes(config, source)}
    return tuple(
        TracedColumn(
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


def _affine(prepared: Prepared, config: SymbolConfig) -> Affine | None:
    """Return the transform the scaler takes for this symbol."""
    scaler = prepared.scaler
    return scaler.by_symbol.get(config.symbol, scaler.by_class.get(config.asset_class))


_Source: TypeAlias = Callable[..., str]


def _indicator_recipes(config: SymbolConfig, source: _Source) -> dict[str, tuple[Value, ...]]:
    """Return indicator column -> its parameters."""
    recipes: dict[str, tuple[Value, ...]] = {}
    for key, entry in config.indicators.items():
        configured = configure(key, entry)
        parameters = tuple(
            Value(
                name=name,
                value=value,
                origin=source(("indicators", key, name), default=f"features.indicators.{key}.{name}"),
            )
            for name, value in configured.values.items()
        )
        recipes |= dict.fromkeys(configured.columns, parameters)
    return recipes


def _membership_recipes(config: SymbolConfig, source: _Source) -> dict[str, tuple[Value, ...]]:
    """Return membership column -> its shape with the break points."""
    return {
        f"{column}_{name}": tuple(
            Value(
                name=shape,
                value=points,
                origin=source(("fuzzy", column, name, shape), default=f"features.fuzzy.{column}.{name}.{shape}"),
            )
            for shape, points in definition.items()
        )
        for column, sets in config.fuzzy.items()
        for name, definition in sets.items()
    }


def _label(prepared: Prepared, config: SymbolConfig, bars: Bars, *, panel_row: int, source: _Source) -> TracedLabel:
    panel = prepared.panel
    resolved_at = int(panel.resolved_at[panel_row])
    group = str(config.label["_target_"]).split(".")[-2]
    return TracedLabel(
        value=int(panel.label[panel_row]),
        resolved_at=resolved_at,
        resolved_row=None if resolved_at == NEVER else int(np.searchsorted(bars.closed_at, resolved_at)),
        rule=int(panel.rule[panel_row]),
        target=float(panel.target[panel_row]),
        made_from=tuple(
            Value(name=name, value=value, origin=source(("labels", group, name), default=f"labels.{name}"))
            for name, value in config.label.items()
            if not name.startswith("_")
        ),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layer:
    """What an asset class or a symbol says of itself, and how to name the place where it says it."""

    entry: Any
    origin: Origin


def _layers(values: Mapping[str, Any], config: SymbolConfig, origin: Origin) -> list[_Layer]:
    """List what lies over the defaults of a symbol, that which wins first."""
    selection, own, shared = values["symbols"], f"symbols.members.{config.symbol}", f"asset_class.{config.asset_class}"
    layers = [_Layer(entry=selection["members"].get(config.symbol), origin=lambda path: origin(f"{own}.{path}"))]
    if selection.get("file") is not None:
        row = f"{selection['file']} line {member_lines(Path(selection['file'])).get(config.symbol)}"
        layers.append(_Layer(entry=members(values).get(config.symbol), origin=lambda _: row))
    by_class = values["asset_class"][config.asset_class]
    return [*layers, _Layer(entry=by_class, origin=lambda path: origin(f"{shared}.{path}"))]


def _origin_of(keys: tuple[str, ...], *, default: str, layers: Sequence[_Layer], origin: Origin) -> str:
    """Name where a resolved value was written: the symbol's own entry, else its class's, else the default's.

    Args:
        keys: Within an entry, such as `("indicators", "rsi", "period")`.
        default: Dotted key of the default.
        layers: See `_layers`.
        origin: Names the file of a key.
    """
    path = ".".join(keys)
    return next((layer.origin(path) for layer in layers if _has(layer.entry, keys)), "") or origin(default)


def _has(entry: Any, keys: Sequence[str]) -> bool:
    for key in keys:
        if not isinstance(entry, Mapping) or key not in entry:
            return False
        entry = entry[key]
    return True


def _facts(title: str, facts: Sequence[tuple[str, str]], *, note: str = "") -> Table:
    return Table(
        title=title, note=note, columns=(Column(name="", key="what"), Column(name="", key="is")), rows=tuple(facts)
    )


def _head(traced: Trace) -> list[tuple[str, str]]:
    config, bars, closed_at = traced.config, traced.bars, int(traced.bars.closed_at[traced.row])
    exactly = "known exactly then" if closed_at == traced.asked else "the latest known by then"
    return [
        ("symbol", f"{config.symbol} · {config.asset_class} · calendar {config.calendar} · {bars.timeframe.text} bars"),
        ("bars", f"{bars.origin} · {len(bars):,} from {iso(int(bars.opened_at[0]))} to {iso(int(bars.closed_at[-1]))}"),
        ("bar", f"row {traced.row:,}, known at {iso(closed_at)}: {exactly}"),
        (
            "sample",
            f"none: {traced.refusal}" if traced.position is None else f"number {traced.position:,} of the ledger",
        ),
    ]


def _bar_table(traced: Trace) -> Table:
    bars, rows = traced.bars, range(max(traced.row - BARS_SHOWN + 1, 0), traced.row + 1)
    sessions = traced.clock.facts(bars.closed_at[rows] - 1).session
    prices = [Column(name=name, key=name, form=".6g") for name in ("open", "high", "low", "close", "volume")]
    return Table(
        title=f"raw bars, the last {len(rows)}",
        note=f"sessions by the clock of {traced.clock.timezone}",
        columns=(
            Column(name="row", key="row", form=",d"),
            Column(name="opened at", key="opened_at"),
            Column(name="known at", key="closed_at"),
            *prices,
            Column(name="segment", key="segment", form="d"),
            Column(name="session", key="session"),
        ),
        rows=tuple(
            (
                row,
                iso(int(bars.opened_at[row])),
                iso(int(bars.closed_at[row])),
                *(float(getattr(bars, column.key)[row]) for column in prices),
                int(bars.segment[row]),
                _session(traced.clock, int(session)),
            )
            for row, session in zip(rows, sessions, strict=True)
        ),
    )


def _session(clock: SessionClock, session: int) -> str:
    """Write a session's hours on its own clock."""
    opened, closed = (
        pd.Timestamp(int(at), unit="ns", tz="UTC").tz_convert(clock.timezone)
        for at in (clock.opens[session], clock.closes[session])
    )
    until = "%H:%M" if opened.date() == closed.date() else "%Y-%m-%d %H:%M"
    return f"{opened.strftime('%a %Y-%m-%d %H:%M')} .. {closed.strftime(until)}"


def _made_table(title: str, columns: Sequence[TracedColumn], *, what: str) -> Table:
    return Table(
        title=title,
        columns=(
            Column(name="column", key="column"),
            Column(name="value", key="value", form=".6g"),
            Column(name=what, key="made_from"),
            Column(name="written in", key="origin"),
        ),
        rows=tuple((each.name, each.value, _parameters(each.made_from), _origins(each.made_from)) for each in columns),
    )


def _parameters(made_from: Sequence[Value]) -> str:
    return ", ".join(f"{each.name} {each.value}" for each in made_from)


def _origins(made_from: Sequence[Value]) -> str:
    """Name the file once where all values come from one."""
    files = list(dict.fromkeys(each.origin for each in made_from))
    if len(files) < 2:
        return "".join(files)
    return ", ".join(
        f"{' and '.join(each.name for each in made_from if each.origin == file)}: {file}" for file in files
    )


def _scaled_table(traced: Trace, prepared: Prepared, values: Mapping[str, Any]) -> Table:
    scaler, config, shares = prepared.scaler, traced.config, prepared.shares
    fitted = [symbol == config.symbol for symbol in prepared.universe.symbols]
    whose = f"of {config.symbol}"
    if config.symbol not in scaler.by_symbol:
        fitted = [each.asset_class == config.asset_class for each in prepared.universe]
        whose = f"of its class {config.asset_class}"
    span = f"{iso(scaler.fitted_from)} to {iso(scaler.fitted_until)}"
    method = values["scaling"].get("method", "")
    return Table(
        title="scaled features: (value - center) / spread",
        note=f"{method} {whose}: {int(shares.rows[fitted].sum()):,} train rows, all rows known {span}",
        columns=(
            Column(name="column", key="column"),
            *(Column(name=name, key=name, form=".6g") for name in ("value", "center", "spread", "scaled")),
        ),
        rows=tuple(
            (each.name, each.value, each.center, each.spread, each.scaled)
            for each in traced.columns
            if each.kind == "raw"
        ),
    )


def _window(traced: Trace, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    bars, first, last = traced.bars, traced.first_row, traced.row
    return [
        ("bars", f"{last - first + 1} of window={values['window']}: rows {first:,} to {last:,}"),
        ("span", f"{iso(int(bars.opened_at[first]))} to {iso(int(bars.closed_at[last]))}"),
        ("with its warm-up", f"from {iso(traced.window_start)}: nothing before it has a part in the sample"),
    ]


def _label_facts(traced: Trace) -> list[tuple[str, str]]:
    label, bars = traced.label, traced.bars
    facts = [("value", "unresolved" if label.value == UNRESOLVED else CLASSES[label.value])]
    if label.resolved_row is not None:
        row = label.resolved_row
        later = (
            f"{row - traced.row} bars later, by the close of {bars.close[row]:.6g} after {bars.close[traced.row]:.6g}"
        )
        facts += [("known at", f"{iso(label.resolved_at)}, {later}")]
    facts += [
        ("no-skill rule", "silent" if label.rule == UNRESOLVED else CLASSES[label.rule]),
        ("target", "none" if np.isnan(label.target) else f"{label.target:.6g}"),
    ]
    return facts


def _made_label(traced: Trace) -> Table:
    return Table(
        title=f"labeller {str(traced.config.label['_target_']).rpartition('.')[2]}",
        columns=tuple(Column(name=name, key=name) for name in ("parameter", "value", "written in")),
        rows=tuple((each.name, str(each.value), each.origin) for each in traced.label.made_from),
    )


def _fold_table(traced: Trace, folds: Sequence[Prepared]) -> Table:
    return Table(
        title="fold",
        columns=tuple(
            Column(name=name, key=name) for name in ("fold", "validation from", "test from", "until", "part", "because")
        ),
        rows=tuple(_fold_row(traced, prepared) for prepared in folds),
    )


def _fold_row(traced: Trace, prepared: Prepared) -> tuple[str, ...]:
    fold = prepared.parts.fold
    cuts = (fold.name, iso(fold.validation_from), iso(fold.test_from), iso(fold.test_until))
    if traced.position is None:
        return (*cuts, "none", f"no sample ({traced.refusal.partition(':')[0]})")
    ledger, part = prepared.ledger, int(prepared.parts.part[traced.position])
    decided_at, resolved_at = (int(column[traced.position]) for column in (ledger.decided_at, ledger.resolved_at))
    return (*cuts, PARTS[part], why(fold, part=part, decided_at=decided_at, resolved_at=resolved_at))


def why(fold: Fold, *, part: int, decided_at: int, resolved_at: int) -> str:
    """Say which condition of a fold put a sample into its part."""
    train_until, validation_until = fold.validation_from - fold.embargo_ns, fold.test_from - fold.embargo_ns
    decided, known = f"decided at {iso(decided_at)}", f"label known at {iso(resolved_at)}"
    if part == TRAIN and resolved_at < train_until:
        return f"{known}, before {iso(train_until)} (the cut less the embargo)"
    if part == VALIDATION and fold.validation_from <= decided_at and resolved_at < validation_until:
        return f"{decided}; {known}, before {iso(validation_until)} (the cut less the embargo)"
    if part == TEST and fold.test_from <= decided_at < fold.test_until:
        return f"{decided}, between test from and until"
    if part == PURGED and decided_at >= fold.test_until:
        return f"{decided}, after the test part"
    until = train_until if decided_at < fold.validation_from else validation_until
    if part == PURGED and decided_at < fold.test_from and resolved_at >= until:
        return f"{decided}, but {known}, not before {iso(until)}: it would carry prices over the cut"
    return f"{decided}, {known}: by the fold's own rule (conf/split)"


def _mixture_facts(traced: Trace, prepared: Prepared, index: int) -> list[tuple[str, str]]:
    shares = prepared.shares
    if shares.rows[index] == 0:
        return [("share", "none: the symbol does not train")]
    weight = float(shares.weight[index])
    own = 1.0 if traced.position is None else float(prepared.ledger.weight[traced.position])
    pool = int(shares.rows[index] - shares.dropped[index])
    return [
        ("share", f"{shares.share[index]:.2%} of the loss"),
        ("draws", f"{int(shares.draws[index]):,} per epoch from {pool:,} train samples of {traced.config.symbol}"),
        ("passes", f"{shares.passes[index]:.3f} per epoch"),
        ("loss weight", f"{weight * own:.6g} = {weight:.6g} of the symbol x {own:.6g} of the sample"),
    ]


def _write(path: Path, tables: Sequence[Table]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(_markdown(tables)), encoding="utf-8")
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}. Choose another file: out=FILE"
        raise OutputError(message) from error


def _markdown(tables: Sequence[Table]) -> Iterator[str]:
    for level, table in zip(["#", *["##"] * (len(tables) - 1)], tables, strict=True):
        yield f"{level} {table.title}\n"
        if table.note:
            yield f"{table.note}\n"
        yield to_markdown(table)

"""The verb `trace`: where a number comes from, for one sample, in the same numbers a training sees."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from multisymbol.cli.schema import TrainConfig, members
from multisymbol.cli.specs import data_spec
from multisymbol.errors import ConfigError, OutputError, nearest
from multisymbol.markets.io.universe_file import member_lines
from multisymbol.markets.time import instant
from multisymbol.progress import Terminal
from multisymbol.reports.lineage import Lineage, Origin, trace_bar
from multisymbol.reports.lineage_page import markdown, sections
from multisymbol.reports.tables.table import Table, show
from multisymbol.samples.dataset import DataSpec, FoldDataset, prepare_folds
from multisymbol.samples.views import own_view
from multisymbol.wording import listed

KeyOrigin: TypeAlias = Callable[[str], str]
"""Dotted key of the configuration -> the file that holds it, or `command line`."""

_NAMES_SHOWN = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class TraceConfig(TrainConfig):
    """Every key of `conf/trace.yaml`."""

    symbol: str
    at: str | int
    fold: str | None
    out: str | None


SCHEMA = f"{__name__}.TraceConfig"


def trace(values: Mapping[str, Any], *, origin: KeyOrigin) -> Lineage:
    """Follow one sample, show it, and write it as Markdown where `out` names a file.

    Args:
        values: Plain, checked configuration (`conf/trace.yaml`).
        origin: Names the file of a key.

    Raises:
        ConfigError: The symbol is not in the universe, `at` is no instant, or it lies outside the symbol's bars.
        OutputError: The file cannot be written.
    """
    terminal = Terminal()
    at = instant(str(values["at"]))
    _check_known("symbol", values["symbol"], known=list(values["symbol_configs"]))
    spec = data_spec(values)
    folds = {prepared.parts.fold.name: prepared for prepared in _prepared(spec, values, terminal)}
    chosen = values["fold"] or next(iter(folds))
    _check_known("fold", chosen, known=list(folds))
    places = parameter_origin(values, values["symbol"], origin=origin)
    traced = trace_bar(spec, folds[chosen], symbol=values["symbol"], at=at, origin=places)
    tables = sections(traced, spec, folds[chosen], folds=list(folds.values()))
    for table in tables:
        terminal.show(show(table))
        terminal.show("")
    if values["out"] is not None:
        _write(Path(values["out"]), tables)
        terminal.fact("written", values["out"])
    return traced


def _check_known(key: str, name: str, *, known: Sequence[str]) -> None:
    if name not in known:
        message = f"{key}: there is no '{name}'{nearest(name, known)}\n  In use: {listed(known, most=_NAMES_SHOWN)}"
        raise ConfigError(message)


def _prepared(spec: DataSpec, values: Mapping[str, Any], terminal: Terminal) -> list[FoldDataset]:
    """Prepare what a training of these values would learn from, fold by fold."""
    folds = prepare_folds(spec, terminal)
    if values["mode"] != "per_symbol":
        return list(folds)
    index = spec.universe.symbols.index(values["symbol"])
    own = [
        own_view(spec.of_symbol(values["symbol"]), fold, index)
        for fold in folds
        if fold.parts.counts[index].role == "trained"
    ]
    if not own:
        message = f"symbol: {values['symbol']} has no model of its own: it has no train or no test samples in any fold"
        raise ConfigError(message)
    return own


def _write(path: Path, tables: Sequence[Table]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(markdown(tables)), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}. Choose another file: out=FILE") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layer:
    """What an asset class or a symbol says of itself, and how to name the place where it says it."""

    entry: Any
    origin: KeyOrigin


def parameter_origin(values: Mapping[str, Any], symbol: str, *, origin: KeyOrigin) -> Origin:
    """Return what names the place where a parameter of a symbol was written.

    That is the symbol's own entry, else its class's, else the default's.

    Args:
        values: The configuration.
        symbol: The symbol.
        origin: Names the file of a key.
    """
    return partial(_place, layers=_layers(values, symbol, origin), origin=origin)


def _layers(values: Mapping[str, Any], symbol: str, origin: KeyOrigin) -> list[_Layer]:
    """List what lies over the defaults of a symbol, that which wins first."""
    asset_class = values["symbol_configs"][symbol]["asset_class"]
    selection, own, shared = values["symbols"], f"symbols.members.{symbol}", f"asset_class.{asset_class}"
    layers = [_Layer(entry=selection["members"].get(symbol), origin=lambda path: origin(f"{own}.{path}"))]
    if selection.get("file") is not None:
        row = f"{selection['file']} line {member_lines(Path(selection['file'])).get(symbol)}"
        layers.append(_Layer(entry=members(values).get(symbol), origin=lambda _: row))
    by_class = values["asset_class"][asset_class]
    return [*layers, _Layer(entry=by_class, origin=lambda path: origin(f"{shared}.{path}"))]


def _place(keys: tuple[str, ...], default: str, *, layers: Sequence[_Layer], origin: KeyOrigin) -> str:
    path = ".".join(keys)
    return next((layer.origin(path) for layer in layers if _has(layer.entry, keys)), "") or origin(default)


def _has(entry: Any, keys: Sequence[str]) -> bool:
    for key in keys:
        if not isinstance(entry, Mapping) or key not in entry:
            return False
        entry = entry[key]
    return True

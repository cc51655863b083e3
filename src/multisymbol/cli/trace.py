"""The verb `trace`: where a number comes from, for one sample, in the same numbers a training sees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multisymbol.cli.schema import TrainConfig
from multisymbol.cli.specs import data_spec
from multisymbol.errors import ConfigError, OutputError, nearest
from multisymbol.markets.time import instant
from multisymbol.progress import Terminal
from multisymbol.reports.lineage import Lineage, Origin, trace_bar
from multisymbol.reports.lineage_page import markdown, sections
from multisymbol.reports.tables.table import Table, show
from multisymbol.samples.dataset import FoldDataset, prepare_folds
from multisymbol.samples.views import own_view

_NAMES_SHOWN = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class TraceConfig(TrainConfig):
    """Every key of `conf/trace.yaml`."""

    symbol: str
    at: str | int
    fold: str | None
    out: str | None


SCHEMA = f"{__name__}.TraceConfig"


def trace(values: Mapping[str, Any], *, origin: Origin) -> Lineage:
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


def _prepared(values: Mapping[str, Any], terminal: Terminal) -> list[FoldDataset]:
    """Prepare what a training of these values would learn from, fold by fold."""
    spec = data_spec(values)
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
        message = f"{path} cannot be written: {error.strerror}. Choose another file: out=FILE"
        raise OutputError(message) from error

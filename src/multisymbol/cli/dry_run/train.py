"""What a run would use, symbol by symbol, and nothing else: `dry_run=true` reads the bars, shows a table and stops."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from multisymbol.cli.specs import features_of, source_of
from multisymbol.config.build import build
from multisymbol.errors import MultisymbolError, raise_all
from multisymbol.features.pipeline import FeatureSpec, history_bars, warmup_bars
from multisymbol.markets.bars import Bars
from multisymbol.markets.symbols import SymbolConfig, universe
from multisymbol.markets.time import Period, iso
from multisymbol.progress import Terminal
from multisymbol.reports.run_summary import mark_source
from multisymbol.reports.tables.table import Table, column, show, tabulate
from multisymbol.wording import group_by, listed

_NAMES_SHOWN = 8
SAME = "–"
"""Stands for "as the default"."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolPlan:
    """What a run would use for one symbol."""

    config: SymbolConfig  # resolved
    bars: int  # how many there are
    first: int  # `opened_at` of the first
    last: int  # `closed_at` of the last
    origin: str  # file or generator
    warmup_bars: int  # bars at the start of each segment that are no sample
    history_bars: int  # bars of a segment up to its first sample: the warm-up and a window
    most_samples: int  # window ends, before labels that stay unresolved and before the fold purges


def dry_run(values: Mapping[str, Any]) -> float:
    """Show what a training would use; nothing is written.

    Args:
        values: Plain, checked configuration (`conf/train.yaml`).

    Returns:
        NaN: there is no score.

    Raises:
        MultisymbolError: The bars of any symbol are absent or have defects; those of all files at once.
    """
    terminal = Terminal()
    plans = planned(values, terminal)
    terminal.show(show(plan_table(plans, values)))
    terminal.show("")
    for name, text in _facts(plans, values):
        terminal.fact(name, text)
    return math.nan


def planned(values: Mapping[str, Any], terminal: Terminal) -> list[SymbolPlan]:
    """Read each symbol's bars and count what would become of them."""
    configs = universe(values["symbol_configs"])
    source = source_of(values)
    spec = features_of(values)
    plans: list[SymbolPlan] = []
    problems: list[MultisymbolError] = []
    mark_source(source, tuple(configs), terminal)
    with terminal.progress("bars") as progress:
        for done, config in enumerate(configs, start=1):
            try:
                build(config.label, role="label")
                bars = source.read(config, Period(**values["period"]))
                plans.append(_plan(bars, config=config, spec=spec, window=values["window"], stride=values["stride"]))
            except MultisymbolError as error:
                problems.append(error)
            progress(config.symbol, done, len(configs))
    raise_all(problems)
    return plans


def plan_table(plans: Sequence[SymbolPlan], values: Mapping[str, Any]) -> Table:
    """Set the symbols under one another; `–` where nothing differs from the defaults."""
    indicators, fuzzy = values["features"]["indicators"], values["features"]["fuzzy"]
    labels = _in_force(values["labels"])
    return tabulate(
        "a run would use",
        plans,
        column("symbol", of="config.symbol"),
        column("class", of="config.asset_class"),
        column("calendar", of="config.calendar", spare=4),
        column("bars", ",d"),
        column("first open", key="first", of=lambda plan: iso(plan.first)[:10]),
        column("last close", key="last", of=lambda plan: iso(plan.last)[:10], spare=3),
        column("warm-up", ",d", key="warmup_bars", spare=1),
        column("1st sample", ",d", key="history_bars", spare=6),
        column("samples ≤", ",d", key="most_samples"),
        column("costs bp", key="costs_bps", of=_costs),
        column("label", of=lambda plan: _joined(_changed(_in_force(plan.config.label), labels)), spare=5),
        column("indicators", of=lambda plan: _joined(_changed_parameters(plan.config, indicators)), spare=2),
        column("fuzzy", of=lambda plan: _shortened(_changed_columns(plan.config, fuzzy), of=fuzzy)),
        *((column("file", of="origin"),) if _common_origin(plans) is None else ()),
        note=f"costs: commission+half spread+slippage of one side   {SAME} as the default",
    )


def _costs(plan: SymbolPlan) -> str:
    costs = plan.config.costs
    return f"{costs.commission_bps:g}+{costs.half_spread_bps:g}+{costs.slippage_bps:g}"


def _plan(bars: Bars, *, config: SymbolConfig, spec: FeatureSpec, window: int, stride: int) -> SymbolPlan:
    warmup = warmup_bars(config=config, spec=spec)
    unready = warmup + window - 1
    ends = np.concatenate([np.arange(len(bars))[rows][unready:] for rows in bars.segments()])
    return SymbolPlan(
        config=config,
        bars=len(bars),
        first=int(bars.opened_at[0]),
        last=int(bars.closed_at[-1]),
        origin=bars.origin,
        warmup_bars=warmup,
        history_bars=unready + 1,
        most_samples=int((ends % stride == 0).sum()),
    )


_WITHOUT_USE = {"volatility": ("percent",), "percent": ("sigmas", "volatility_bars")}
"""What ends a leg of ZigZag -> the parameters it then passes over."""


def _in_force(label: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the parameters of a label that do nothing with its threshold."""
    without = _WITHOUT_USE.get(label.get("threshold", ""), ())
    return {key: value for key, value in label.items() if key not in without}


def _history(plans: Sequence[SymbolPlan], *, spec: FeatureSpec, window: int) -> str:
    """Say what one answer of a trained model needs, which is more than lies before the first sample."""
    needed = [history_bars(config=plan.config, spec=spec, window=window) for plan in plans]
    return (
        f"one answer later on needs at most {max(needed):,} bars: those to the 1st sample, and up to "
        f"restart_bars={spec.restart_bars} more"
    )


def _changed(given: Mapping[str, Any], default: Mapping[str, Any]) -> Iterator[str]:
    """Name what differs as `key=value`."""
    return (f"{key}={_text(value)}" for key, value in given.items() if default.get(key) != value)


def _changed_parameters(config: SymbolConfig, default: Mapping[str, Any]) -> Iterator[str]:
    for name, parameters in config.indicators.items():
        yield from (f"{name}.{text}" for text in _changed(parameters, default.get(name) or {}))


def _changed_columns(config: SymbolConfig, default: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the columns whose fuzzy sets differ from the default's."""
    return tuple(column for column, sets in config.fuzzy.items() if default.get(column) != sets)


def _joined(parts: Iterator[str]) -> str:
    return " ".join(parts) or SAME


def _shortened(columns: Sequence[str], *, of: Mapping[str, Any]) -> str:
    return f"{len(columns)} of {len(of)}" if columns else SAME


def _facts(plans: Sequence[SymbolPlan], values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is common to all symbols."""
    spec = features_of(values)
    kinds = [column.kind for column in spec.columns]
    counts = " · ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    yield "source", _call({key: value for key, value in values["source"].items() if not isinstance(value, Mapping)})
    if handled := _handled(values["source"].get("on_defect") or {}):
        yield "defects", handled
    if origin := _common_origin(plans):
        yield "bars", origin
    yield from (("short", text) for text in _short(plans))
    yield "features", f"{len(kinds)} columns: {counts}      spec {spec.digest}"
    yield from (("fuzzy", text) for text in _fuzzy_lines(plans, values))
    yield "labels", _call(_in_force(values["labels"]))
    ends = "at every bar" if values["stride"] == 1 else f"every {values['stride']} bars"
    yield "window", f"{values['window']} bars, one ends {ends} · {_call(values['alignment'])}"
    yield "history", _history(plans, spec=spec, window=values["window"])
    yield "split", _call(values["split"])
    yield "sampling", f"{_call(values['sampling'])} · batches of {values['batch_size']:,}"
    yield from ((part, _call(values[part])) for part in ("model", "loss", "optimizer"))
    bars, samples = sum(plan.bars for plan in plans), sum(plan.most_samples for plan in plans)
    yield "samples", f"{samples:,} at most, of {bars:,} bars; alignment, unresolved labels and the cuts take some more"
    yield "dry run", "nothing was written; without dry_run=true this is trained"


def _handled(on_defect: Mapping[str, str]) -> str:
    """Say which defects of bars are not refused, and what is done about them instead."""
    handled = [kind for kind, done in on_defect.items() if not kind.startswith("_") and done != "raise"]
    kinds = group_by(handled, on_defect.__getitem__)
    return " · ".join(f"{done}: {', '.join(names)}" for done, names in kinds.items())


def _fuzzy_lines(plans: Sequence[SymbolPlan], values: Mapping[str, Any]) -> Iterator[str]:
    """Say whose fuzzy sets differ in which columns, one line for all that agree."""
    fuzzy = values["features"]["fuzzy"]
    own = group_by(plans, lambda plan: _changed_columns(plan.config, fuzzy))
    for columns, group in ((columns, group) for columns, group in own.items() if columns):
        classes = sorted({plan.config.asset_class for plan in group})
        count = f"{len(group)} symbol{'s' if len(group) > 1 else ''}"
        yield f"own ranges in {count} ({', '.join(classes)}): {', '.join(columns)}"


def _short(plans: Sequence[SymbolPlan]) -> Iterator[str]:
    """Name symbols most of whose bars only warm their indicators up: periods are in bars, whatever a bar's length."""
    short = [plan for plan in plans if plan.warmup_bars * 2 > plan.bars]
    if short:
        names = listed((plan.config.symbol for plan in short), most=_NAMES_SHOWN)
        worst = max(short, key=lambda plan: plan.warmup_bars / plan.bars)
        yield (
            f"{names}: the warm-up takes most of their bars ({worst.warmup_bars:,} of {worst.bars:,} of "
            f"{worst.config.symbol}); periods count bars, and those of conf/asset_class are meant for 1h"
        )


def _common_origin(plans: Sequence[SymbolPlan]) -> str | None:
    """Return the origin with `{symbol}` in the symbol's place where all symbols then have the same."""
    patterns = {plan.origin.replace(plan.config.symbol, "{symbol}") for plan in plans}
    return patterns.pop() if len(patterns) == 1 else None


def _call(node: Mapping[str, Any]) -> str:
    """Write a node as `Name(key=value)`, or `Name(value)` where all have the same; what is null is left out."""
    given = {key: _text(value) for key, value in node.items() if not key.startswith("_") and value is not None}
    alike = len(given) > 1 and len(set(given.values())) == 1
    inner = next(iter(given.values())) if alike else ", ".join(f"{key}={text}" for key, text in given.items())
    return f"{str(node['_target_']).rpartition('.')[2]}({inner})"


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return (
            _call(value) if "_target_" in value else "{" + ", ".join(f"{k}: {_text(v)}" for k, v in value.items()) + "}"
        )
    return f"{value:g}" if isinstance(value, float) else str(value)

"""The command `resolve`: which stored model answers for a symbol, and why that one; exit status 2 where none may.

No torch, no Lightning and, with a SQLite store, no MLflow: an answer takes two seconds, most of them imports.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from hydra.core.hydra_config import HydraConfig
from rich.text import Text

from multisymbol.cli.schema import TrainConfig, market_symbols, members
from multisymbol.cli.specs import features_of, source_of, store_of
from multisymbol.config.build import build
from multisymbol.config.names import short_name
from multisymbol.config.record import ConfigRecord
from multisymbol.errors import SymbolError, nearest
from multisymbol.markets.provenance import foreign_symbols
from multisymbol.markets.symbols import SymbolConfig, resolve_symbols, universe
from multisymbol.markets.time import Timeframe, instant
from multisymbol.progress import Terminal
from multisymbol.registry.selection.resolve import Request, Resolution, resolution_lines, train_command
from multisymbol.serving.resolver import Resolver, ResolveSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolveConfig(TrainConfig):
    """Every key of `conf/resolve.yaml`: those of a training, and its own."""

    timeframe: str | None  # length of the symbol's bars, None for the source's
    as_of: str | None  # only what was known then counts, None for now
    allow_seen: bool  # whether a model trained past `as_of` may answer
    as_class: str | None  # asset class of a symbol that is no member
    # what a model must fit: the strategy's name, or features and labels of the configuration too
    match: Literal["strategy", "config"]
    output: Literal["text", "json"]  # text for people or JSON for programs


OWN_KEYS = ("symbol", "timeframe", "as_of", "allow_seen", "as_class", "match", "output", "out", "mode", "from")
"""Keys that the command which trains the missing model does not take over."""


def resolve_spec(values: Mapping[str, Any]) -> ResolveSpec:
    """Return what a model must fit to answer, as `resolve`, `predict` or `backtest` were configured.

    Args:
        values: Plain, checked configuration of one of these commands; `timeframe` and `as_of` may be absent.

    Raises:
        ConfigError: The source or the policy refuses its arguments, `as_of` is no timestamp, or the timeframe is none.
    """
    source, matched = source_of(values), values["match"] == "config"
    timeframe, as_of = values.get("timeframe"), values.get("as_of")
    return ResolveSpec(
        store=store_of(values),
        source=source,
        policy=build(values["registry"]["policy"], role="policy"),
        strategy=values["strategy"],
        timeframe=None if timeframe is None else Timeframe.parse(timeframe),
        as_of=None if as_of is None else instant(as_of),
        allow_seen=values["allow_seen"],
        feature_digest=features_of(values).digest if matched else None,
        label=ConfigRecord(values).label if matched else None,
        score_on_labels=values["registry"]["donors"] != "profile",
        command=partial(missing_model_command, timeframe=source.timeframe.text, known=members(values)),
    )


def symbol_config(values: Mapping[str, Any], symbol: str | None) -> SymbolConfig:
    """Resolve the configuration of a symbol that need be no member: `as_class` then says its asset class.

    Raises:
        SymbolError: There is none, its asset class is not known, or `as_class` contradicts the member's.
    """
    if symbol is None:
        raise SymbolError("say who needs a model: symbol=SYN_A")
    entry, given = members(values).get(symbol), values["as_class"]
    classes = list(values["asset_class"])
    if given is not None and given not in classes:
        raise SymbolError(f"as_class={given}: no such class{nearest(given, classes)} Classes: {', '.join(classes)}")
    if entry is None and given is None:
        known = nearest(symbol, list(members(values)))
        cure = f"For a symbol that is none, name its class: as_class={classes[0]} (or {', '.join(classes[1:])})"
        raise SymbolError(f"symbol={symbol} is no member of symbols.members{known or '.'} {cure}")
    if entry is not None and given not in {None, entry["asset_class"]}:
        raise SymbolError(f"as_class={given}, but symbols.members says that {symbol} is of {entry['asset_class']}")
    if problem := foreign_symbols(market_symbols(values["source"]), [symbol]):
        raise SymbolError(problem)
    resolved = resolve_symbols(
        symbols={symbol: entry or {"asset_class": given}},
        asset_classes=values["asset_class"],
        features=values["features"],
        labels=values["labels"],
        label_name=short_name(values["labels"]),
    )
    return universe(resolved).configs[0]


def show_resolution(values: Mapping[str, Any]) -> Resolution:
    """Print which model answers for `symbol`, and how that came about.

    Args:
        values: Plain, checked configuration (`conf/resolve.yaml`).

    Raises:
        ModelNotFoundError: None may; with output=json the chain was printed as JSON before.
    """
    config = symbol_config(values, values["symbol"])
    resolver = Resolver.open(resolve_spec(values))
    resolution = resolver.resolve(config)
    chosen = resolution.chosen
    bars = None if chosen is None else resolver.history_bars(chosen, config)
    terminal = Terminal()
    if values["output"] == "json":
        data = resolution.to_json() | {"history_bars": bars}
        terminal.show(Text(json.dumps(data, indent=2, ensure_ascii=False)))
    elif chosen is not None:
        lines = [*resolution_lines(resolution), f"bars of history needed for one answer: at most {bars:,}"]
        terminal.say("\n".join(lines))
    resolver.require(resolution, instead=None if chosen is not None else _at_other_timeframes(resolver, config))
    return resolution


def _at_other_timeframes(resolver: Resolver, config: SymbolConfig) -> str | None:
    """Say at which other lengths of bars a model answers, None for none."""
    served = [f"timeframe={text}" for text in resolver.other_timeframes(config)]
    return f"a model answers at another length of bars: {', or '.join(served)}" if served else None


def missing_model_command(request: Request, *, timeframe: str, known: Collection[str]) -> str:
    """Write the command that would train the missing model from the sources this command was given.

    Args:
        request: Who needs the model.
        timeframe: Length of the source's bars.
        known: Members of the universe.
    """
    settings = _own_pages() + [text.lstrip("+") for text in _overrides() if not _is_own(text)]
    if request.timeframe != timeframe:
        settings.append(f"resample={request.timeframe}")
    return train_command(request, settings=settings, member=request.symbol in known)


def _is_own(override: str) -> bool:
    key = override.lstrip("+").split("=")[0]
    return key in OWN_KEYS or key.split("/")[0].split(".")[0] in {"backtest", "decision", "period"}


def _own_pages() -> list[str]:
    """Return the option that adds a folder of pages, as this command was given it."""
    sources = HydraConfig.get().runtime.config_sources if HydraConfig.initialized() else []
    return [
        word for source in sources if source.provider == "command-line" for word in ("--config-dir", str(source.path))
    ]


def _overrides() -> list[str]:
    """Return the command line's overrides; none where no command is running."""
    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []

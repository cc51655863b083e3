"""Symbols, asset classes and the universe; resolution default < asset class < symbol."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from multisymbol.errors import SymbolError
from multisymbol.markets.overrides import (
    Check,
    OverrideTable,
    amount,
    anything,
    exactly,
    membership,
    merged,
    one_of,
    override_problems,
    text,
)

LONGEST_SLUG = 120
"""Characters of a name in file names and registered names, which have 255 with all that is around them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Costs:
    """What trading and holding a symbol costs; a basis point is 1e-4.

    Each fill, one side of a trade, pays a commission, half the spread and slippage:

        max(commission_minimum, commission_bps of what is paid or received + commission_per_unit * units)
        half_spread_bps of the notional at the reference price, such as the open
        slippage_bps of that notional + slippage_range_share * (high - low of the bar) * units

    Whatever is held at a bar's close pays until the next close, by calendar time of a year of 365 days:

        (funding_bps_per_year, and borrow_bps_per_year where it is held short) of its notional at that close
    """

    commission_bps: float  # of the notional after spread and slippage
    commission_per_unit: float  # money for each share, coin or unit of currency
    commission_minimum: float  # money, the least that a fill costs
    half_spread_bps: float  # from the middle of the market to where one buys or sells
    slippage_bps: float  # what the market moves against the order
    slippage_range_share: float  # the same as a share of the range of the bar in which the order is filled
    borrow_bps_per_year: float  # of the notional held short
    funding_bps_per_year: float  # of the notional held long or short, all of it, whatever part of it is leverage

    def times(self, factor: float) -> "Costs":
        """Return the same costs `factor` times as high: 0 for none."""
        return Costs(**{entry.name: factor * getattr(self, entry.name) for entry in fields(self)})


@dataclass(frozen=True, kw_only=True, slots=True)
class Gaps:
    """Where the history of a symbol is cut into segments.

    No indicator, window or label reaches over the border of a segment.
    """

    # `carry`: a scheduled closure (night, weekend, holiday) does not cut; `reset`: it does
    over_closed: Literal["carry", "reset"]
    max_missing_hours: float  # hours of open market without a bar, by the calendar, above which the history is cut


@dataclass(frozen=True, kw_only=True, slots=True)
class AssetClass:
    """What the symbols of one class have in common: the schema of a file in `conf/asset_class`."""

    calendar: str  # name in exchange_calendars (`XNYS`), `FX` (Sunday 17:00 to Friday 17:00 New York) or `24/7`
    # `required`: a NaN is a defect; `optional`: NaN is legal; `none`: volume is not looked at
    volume: Literal["required", "optional", "none"]
    costs: dict[str, float]  # keys of `Costs`
    gaps: dict[str, Any]  # keys of `Gaps`
    # overrides of `features.indicators`, indicator -> parameter -> value
    indicators: dict[str, dict[str, Any]] = field(default_factory=dict)
    # overrides of `features.fuzzy`, column -> membership -> definition
    fuzzy: dict[str, dict[str, Any]] = field(default_factory=dict)
    # overrides of label parameters, name of the file in `conf/labels` -> parameter -> value
    labels: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolConfig:
    """One symbol with everything that is its own, resolved: default < asset class < symbol."""

    symbol: str  # name as the source knows it
    asset_class: str  # name of its class
    calendar: str  # as in `AssetClass`
    volume: Literal["required", "optional", "none"]  # as in `AssetClass`
    costs: Costs  # of a fill and of holding
    gaps: Gaps  # segmentation of the history
    indicators: Mapping[str, Mapping[str, Any]]  # indicator -> parameters (and optional `type`)
    fuzzy: Mapping[str, Mapping[str, Any]]  # feature column -> membership name -> {shape: break points}
    label: Mapping[str, Any]  # `_target_` and parameters of the labeller

    @property
    def slug(self) -> str:
        """File- and MLflow-safe name."""
        return slug(self.symbol)


@dataclass(frozen=True, kw_only=True, slots=True)
class Universe:
    """The symbols in use, in a fixed order; a symbol's index is its position.

    Raises:
        SymbolError: No symbol, or two that differ in case alone (one file on some disks).
    """

    configs: tuple[SymbolConfig, ...]

    def __post_init__(self) -> None:
        if not self.configs:
            raise SymbolError("the universe is empty; name at least one symbol")
        seen: dict[str, str] = {}
        alike = [
            (first, name) for name in self.symbols if (first := seen.setdefault(name.casefold(), name)) is not name
        ]
        if alike:
            pairs = ", ".join(f"'{first}' and '{second}'" for first, second in alike)
            message = f"symbols that differ in case alone would share one file on some disks: {pairs}; keep one of each"
            raise SymbolError(message)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(config.symbol for config in self.configs)

    @property
    def asset_classes(self) -> tuple[str, ...]:
        """Names of the classes present, sorted."""
        return tuple(sorted({config.asset_class for config in self.configs}))

    def __len__(self) -> int:
        return len(self.configs)

    def __iter__(self) -> Iterator[SymbolConfig]:
        return iter(self.configs)


def slug(symbol: str) -> str:
    """Write a symbol with letters, digits, `-` and `_` only, one-to-one: any other character as `_` and its hex bytes.

    `BRK.B` -> `BRK_2EB`, `EUR/USD` -> `EUR_2FUSD`; `BTC-USD` and `SYN_A` stay. An underscore is escaped only where it
    would read as an escape: `A_2E` -> `A_5F2E`.
    """
    return re.sub(r"_(?=[0-9A-F]{2})|[^A-Za-z0-9_-]", _escaped, symbol)


def slugs(symbol: str) -> tuple[str, ...]:
    """Return the slug, then how earlier versions wrote it, where that differs: they escaped every underscore."""
    earlier = re.sub(r"[^A-Za-z0-9-]", _escaped, symbol)
    return tuple(dict.fromkeys((slug(symbol), earlier)))


def _escaped(match: re.Match[str]) -> str:
    return "".join(f"_{byte:02X}" for byte in match[0].encode())


def name_problem(name: object) -> str | None:
    """Say why something cannot be a symbol's name, and what to write; None where it can."""
    if not isinstance(name, str):
        return f"a symbol is text, got {name!r}; put it in quotes as it is written (YAML reads NO and 1E5 as values)"
    if not name.strip():
        return f"a symbol is text, got {name!r}; give it a name"
    if not name.isprintable() or name != name.strip():
        return f"{name!r} has control characters, or blanks around it; write the name without them"
    if len(slug(name)) > LONGEST_SLUG:
        taken = f"'{name[:20]}…' takes {len(slug(name))} characters in file names"
        return f"{taken}; give it a name of at most {LONGEST_SLUG}"
    return None


def unslug(text: str) -> str:
    """Invert `slug`."""
    return re.sub(r"(?:_[0-9A-F]{2})+", lambda match: bytes.fromhex(match[0].replace("_", "")).decode(), text)


def resolve_symbols(
    *,
    symbols: Mapping[str, Mapping[str, Any]],
    asset_classes: Mapping[str, Mapping[str, Any]],
    features: Mapping[str, Any],
    labels: Mapping[str, Any],
    label_name: str,
) -> dict[str, dict[str, Any]]:
    """Merge default < asset class < symbol for every symbol, as plain mappings.

    Args:
        symbols: Symbol -> `{asset_class: name, **overrides of AssetClass keys}`.
        asset_classes: Name -> keys of `AssetClass` (a `_target_` is ignored).
        features: Holds the defaults `indicators` and `fuzzy`.
        labels: `_target_` and default parameters of the labeller.
        label_name: The key under which classes and symbols override the labeller's parameters (`zigzag`).

    Returns:
        Symbol -> plain mapping with the fields of `SymbolConfig`, in the order of `symbols`.

    Raises:
        SymbolError: All problems at once: a symbol without or with an unknown asset class, an unknown key,
            an override of an unknown indicator, parameter, column or label parameter; each with the nearest right name.
    """
    schema = _class_schema(features, labels, label_name)
    classes = {name: _without_target(entry) for name, entry in asset_classes.items()}
    found = [
        *(line for name, entry in classes.items() for line in _class_problems(name, entry, schema=schema)),
        *(
            line
            for name, entry in symbols.items()
            for line in _symbol_problems(name, entry, tuple(classes), schema=schema)
        ),
    ]
    if found:
        count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
        raise SymbolError("\n  ".join([f"The symbols have {count}; nothing was started.", *found]))
    return {
        symbol: _merge(
            symbol, (classes[entry["asset_class"]], entry), features=features, labels=labels, name=label_name
        )
        for symbol, entry in symbols.items()
    }


def universe(resolved: Mapping[str, Mapping[str, Any]]) -> Universe:
    """Build the universe from what `resolve_symbols` returned (or what a bundle stored).

    Raises:
        SymbolError: No symbol, or two that differ in case alone.
    """
    return Universe(configs=tuple(_config(entry) for entry in resolved.values()))


def _config(entry: Mapping[str, Any]) -> SymbolConfig:
    return SymbolConfig(**{**entry, "costs": Costs(**entry["costs"]), "gaps": Gaps(**entry["gaps"])})


def _class_schema(features: Mapping[str, Any], labels: Mapping[str, Any], label_name: str) -> OverrideTable:
    """Describe an asset class: the names an override may use are those that the defaults have."""
    indicators, columns = features.get("indicators") or {}, features.get("fuzzy") or {}
    overridable: dict[str, OverrideTable | Check] = {
        "calendar": text,
        "volume": one_of(("required", "optional", "none")),
        "costs": OverrideTable(noun="cost", entries=dict.fromkeys(_names(Costs), amount)),
        "gaps": OverrideTable(
            noun="key", entries={"over_closed": one_of(("carry", "reset")), "max_missing_hours": amount}
        ),
        "indicators": OverrideTable(
            noun="indicator", entries={name: _parameters(given) for name, given in indicators.items()}
        ),
        "fuzzy": OverrideTable(
            noun="column",
            entries={
                column: OverrideTable(noun="membership", entries=dict.fromkeys(sets or {}, membership))
                for column, sets in columns.items()
            },
        ),
        "labels": OverrideTable(noun="label", entries={label_name: _parameters(_without_target(labels))}, others=True),
    }
    assert set(overridable) == set(_names(AssetClass))
    return OverrideTable(noun="key", entries=overridable)


def _parameters(defaults: Mapping[str, Any] | None) -> OverrideTable:
    entries: dict[str, OverrideTable | Check] = dict.fromkeys(defaults or {}, anything)
    if defaults and "type" in defaults:
        entries["type"] = exactly(defaults["type"], because="the columns are common to all symbols")
    return OverrideTable(noun="parameter", entries=entries)


def _class_problems(name: str, entry: Any, *, schema: OverrideTable) -> Iterator[str]:
    where = f"asset_classes.{name}"
    yield from override_problems(entry, schema=schema, where=where)
    given = entry if isinstance(entry, Mapping) else {}
    yield from (f"{where}.{key}: missing" for key in ("calendar", "volume", "costs", "gaps") if key not in given)
    for key, kind in (("costs", Costs), ("gaps", Gaps)):
        parts = given.get(key, kind)
        if parts is None or isinstance(parts, Mapping):
            yield from (f"{where}.{key}.{part}: missing" for part in _names(kind) if part not in (parts or {}))


def _symbol_problems(name: Any, entry: Any, classes: tuple[str, ...], *, schema: OverrideTable) -> Iterator[str]:
    where = f"symbols.{name}"
    if problem := name_problem(name):
        yield f"{where if len(where) < LONGEST_SLUG else 'symbols'}: {problem}"
    with_class = OverrideTable(noun="key", entries={"asset_class": one_of(classes), **schema.entries})
    yield from override_problems(entry, schema=with_class, where=where)
    if entry is None or (isinstance(entry, Mapping) and "asset_class" not in entry):
        yield f"{where}.asset_class: missing, one of {', '.join(classes)}"


def _merge(
    symbol: str,
    layers: tuple[Mapping[str, Any], Mapping[str, Any]],
    *,
    features: Mapping[str, Any],
    labels: Mapping[str, Any],
    name: str,
) -> dict[str, Any]:
    """Lay class and symbol over the defaults; a membership is replaced whole, all else key by key."""
    top = {**layers[0], **layers[1]}
    parts = {key: [layer.get(key) for layer in layers] for key in ("costs", "gaps", "indicators", "fuzzy", "labels")}
    gaps = merged(*parts["gaps"], depth=1)
    return {
        "symbol": symbol,
        "asset_class": top["asset_class"],
        "calendar": top["calendar"],
        "volume": top["volume"],
        "costs": {key: float(value) for key, value in merged(*parts["costs"], depth=1).items()},
        "gaps": {**gaps, "max_missing_hours": float(gaps["max_missing_hours"])},
        "indicators": merged(features.get("indicators"), *parts["indicators"], depth=2),
        "fuzzy": merged(features.get("fuzzy"), *parts["fuzzy"], depth=2),
        "label": merged(labels, *((given or {}).get(name) for given in parts["labels"]), depth=1),
    }


def _names(schema: type) -> tuple[str, ...]:
    return tuple(entry.name for entry in fields(schema))


def _without_target(entry: Any) -> Any:
    return {key: value for key, value in entry.items() if key != "_target_"} if isinstance(entry, Mapping) else entry

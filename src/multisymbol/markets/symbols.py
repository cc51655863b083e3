"""Symbols, asset classes and the universe; resolution default < asset class < symbol."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from multisymbol.errors import SymbolError


@dataclass(frozen=True, kw_only=True, slots=True)
class Costs:
    """Costs of one side of a trade in basis points (1e-4) of its notional."""

    commission_bps: float
    half_spread_bps: float
    slippage_bps: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Gaps:
    """Where the history of a symbol is cut into segments.

    No indicator, window or label reaches over the border of a segment.

    Args:
        over_closed: `carry`: a scheduled closure (night, weekend, holiday) does not cut; `reset`: it does.
        max_missing_hours: Hours of open market without a bar, by the calendar, above which the history is cut.
    """

    over_closed: Literal["carry", "reset"]
    max_missing_hours: float


@dataclass(frozen=True, kw_only=True, slots=True)
class AssetClass:
    """What the symbols of one class have in common: the schema of a file in `conf/asset_class`.

    Args:
        calendar: Name in exchange_calendars (`XNYS`), `FX` (Sunday 17:00 to Friday 17:00 New York) or `24/7`.
        volume: `required`: a NaN is a defect; `optional`: NaN is legal; `none`: volume is not looked at.
        costs: Keys of `Costs`.
        gaps: Keys of `Gaps`.
        indicators: Overrides of `features.indicators`, indicator -> parameter -> value.
        fuzzy: Overrides of `features.fuzzy`, column -> membership -> definition.
        labels: Overrides of label parameters, name of the file in `conf/labels` -> parameter -> value.
    """

    calendar: str
    volume: Literal["required", "optional", "none"]
    costs: dict[str, float]
    gaps: dict[str, Any]
    indicators: dict[str, dict[str, Any]] = field(default_factory=dict)
    fuzzy: dict[str, dict[str, Any]] = field(default_factory=dict)
    labels: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolConfig:
    """One symbol with everything that is its own, resolved: default < asset class < symbol.

    Args:
        symbol: Name as the source knows it.
        asset_class: Name of its class.
        calendar: As in `AssetClass`.
        volume: As in `AssetClass`.
        costs: One side of a trade.
        gaps: Segmentation of the history.
        indicators: Indicator -> parameters (and optional `type`).
        fuzzy: Feature column -> membership name -> {shape: break points}.
        label: `_target_` and parameters of the labeller.
    """

    symbol: str
    asset_class: str
    calendar: str
    volume: Literal["required", "optional", "none"]
    costs: Costs
    gaps: Gaps
    indicators: Mapping[str, Mapping[str, Any]]
    fuzzy: Mapping[str, Mapping[str, Any]]
    label: Mapping[str, Any]

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
        raise NotImplementedError

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

    `BRK.B` -> `BRK_2EB`, `EUR/USD` -> `EUR_2FUSD`, `BTC-USD` stays.
    """
    return re.sub(r"[^A-Za-z0-9-]", lambda match: "".join(f"_{byte:02X}" for byte in match[0].encode()), symbol)


def unslug(text: str) -> str:
    """Invert `slug`."""
    return re.sub(r"(?:_[0-9A-F]{2})+", lambda match: bytes.fromhex(match[0].replace("_", "")).decode(), text)


def resolve(
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
    raise NotImplementedError


def universe(resolved: Mapping[str, Mapping[str, Any]]) -> Universe:
    """Build the universe from what `resolve` returned (or what a bundle stored)."""
    raise NotImplementedError



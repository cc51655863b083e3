"""The keys of `conf/train.yaml`: their types, and the resolved configuration of every symbol."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from omegaconf import DictConfig, OmegaConf
from pydantic import NonNegativeInt, PositiveInt

from multisymbol.config import Problem, check, plain
from multisymbol.errors import SymbolError, nearest
from multisymbol.markets.instants import Period
from multisymbol.markets.symbols import AssetClass, resolve


@dataclass(frozen=True, kw_only=True, slots=True)
class Paths:
    """Folders a run writes to."""

    root: str
    outputs: str
    cache: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolSelection:
    """A file in `conf/symbols`.

    Args:
        members: Symbol -> `{asset_class: name, **own overrides}`.
        only: Members to use, None for all.
        without: Members to leave out.
    """

    members: dict[str, dict[str, Any]]
    only: list[str] | None = None
    without: list[str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureDefaults:
    """A file in `conf/features`: see `multisymbol.features.pipeline.feature_spec`."""

    indicators: dict[str, dict[str, Any]]
    fuzzy: dict[str, dict[str, Any]]
    raw: list[str] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistrySettings:
    """A file in `conf/registry`."""

    register: bool
    uri: str
    artifacts: str
    mlflow_experiment: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainSettings:
    """Every key of `conf/train.yaml`; a node with `_target_` is checked against what it names."""

    paths: Paths
    symbols: SymbolSelection
    asset_class: dict[str, AssetClass]
    source: Any
    features: FeatureDefaults
    alignment: Any
    labels: Any
    scaling: Any
    split: Any
    sampling: Any
    model: Any
    loss: Any
    optimizer: Any
    scheduler: Any
    callbacks: dict[str, Any]
    trainer: Any
    registry: RegistrySettings
    strategy: str
    mode: Literal["universal", "single"]
    symbol: str | None
    seed: NonNegativeInt
    window: PositiveInt
    stride: PositiveInt
    batch_size: PositiveInt
    eval_batch_size: PositiveInt
    period: Period


SCHEMA = f"{__name__}.TrainSettings"
_COMPUTED = ("symbol_configs",)


def problems(config: DictConfig) -> list[Problem]:
    """List everything that is wrong with a composed configuration, before anything is loaded."""
    values = plain(config, leave_out=_COMPUTED)
    found = check(values, schema=SCHEMA)
    if any(problem.path.split(".")[0] in {"symbols", "asset_class", "features", "labels", "mode"} for problem in found):
        return found
    try:
        symbol_configs(values)
    except SymbolError as error:
        found += [_as_problem(line) for line in str(error).splitlines() if line.startswith("  ")]
    return found


def _as_problem(line: str) -> Problem:
    path, _, text = line.strip().partition(": ")
    own = path.startswith("symbols.") and path not in {"symbols.only", "symbols.without"}
    return Problem(path=path.replace("symbols.", "symbols.members.", 1) if own else path, text=text.strip())


def symbol_configs(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Resolve default < asset class < symbol for the members in use.

    Raises:
        SymbolError: See `multisymbol.markets.symbols.resolve`; or a selected member is unknown.
    """
    return resolve(
        symbols=_selected(values),
        asset_classes=values["asset_class"],
        features=values["features"],
        labels=values["labels"],
        label_name=str(values["labels"]["_target_"]).split(".")[-2],
    )


def _selected(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Apply `symbols.only`, `symbols.without` and, in mode single, `symbol`."""
    selection = values["symbols"]
    members: dict[str, dict[str, Any]] = selection["members"]
    only, without = selection.get("only"), selection.get("without") or []
    chosen = list(members) if only is None else only
    named = [("symbols.only", name) for name in only or []] + [("symbols.without", name) for name in without]
    if values["mode"] == "single":
        if values["symbol"] is None:
            message = f"\n  symbol: mode=single needs one, for example symbol={next(iter(members), 'AAPL')}"
            raise SymbolError(message)
        chosen = [values["symbol"]]
        named.append(("symbol", values["symbol"]))
    unknown = [
        f"  {key}: no member '{name}'{nearest(name, list(members))} Members: {_listed(members)}"
        for key, name in named
        if name not in members
    ]
    if unknown:
        raise SymbolError("\n".join(["symbols are not in the universe", *unknown]))
    left = {name: members[name] for name in chosen if name not in without}
    if not left:
        message = "\n  symbols: no member is left; see symbols.only and symbols.without"
        raise SymbolError(message)
    return left


def _listed(members: Mapping[str, Any], most: int = 12) -> str:
    names = list(members)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _resolver(_root_: DictConfig) -> DictConfig:
    return OmegaConf.create(symbol_configs(plain(_root_, leave_out=_COMPUTED)))


OmegaConf.register_new_resolver("multisymbol.symbol_configs", _resolver, replace=True)

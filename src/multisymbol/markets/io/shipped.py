"""What the shipped `conf/` says of asset classes and defects, for commands and functions without a composed page."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

import yaml

from multisymbol.config.installation import conf_folder
from multisymbol.errors import ConfigError, nearest
from multisymbol.markets.io.defects import KINDS, Limits, OnDefect
from multisymbol.markets.io.quality import ReadOptions
from multisymbol.markets.symbols import Universe, resolve_symbols, universe
from multisymbol.markets.time import Timeframe


@lru_cache
def asset_classes() -> Mapping[str, dict[str, Any]]:
    """Return what of each asset class bears on bars: calendar, volume, costs and gaps."""
    files = sorted((conf_folder() / "asset_class").glob("*.yaml"))
    classes = {name: entry for path in files for name, entry in _page(path.relative_to(conf_folder())).items()}
    keys = ("calendar", "volume", "costs", "gaps")
    return {name: {key: entry[key] for key in keys} for name, entry in classes.items()}


def bare_universe(members: Mapping[str, str], *, calendar: str | None = None) -> Universe:
    """Return symbols without features and labels.

    Args:
        members: Symbol -> asset class.
        calendar: Calendar of all in place of their class's.

    Raises:
        SymbolError: An unknown asset class.
    """
    own = {} if calendar is None else {"calendar": calendar}
    symbols = {symbol: {"asset_class": of_class, **own} for symbol, of_class in members.items()}
    classes = asset_classes()
    return universe(resolve_symbols(symbols=symbols, asset_classes=classes, features={}, labels={}, label_name="none"))


def read_options(
    *,
    timeframe: str,
    stamped: Literal["open", "close"] = "open",
    timezone: str | None = None,
    min_bars: int = 1,
    policies: str = "default",
    kinds: Mapping[str, Any] = MappingProxyType({}),
) -> ReadOptions:
    """Return how bars are judged.

    Args:
        timeframe: Length of the bars.
        stamped: Whether a timestamp is the bar's open or its close.
        timezone: Clock whose days daily bars are, where it is not the calendar's.
        min_bars: Fewer bars than this are refused.
        policies: A file of `conf/source/on_defect`: `default`, `drop` or `strict`.
        kinds: Kind of defect -> policy, for those that are another.

    Raises:
        ConfigError: An unknown kind, policy or timeframe.
    """
    offered = sorted(path.stem for path in (conf_folder() / "source/on_defect").glob("*.yaml"))
    wrong = [(f"source.on_defect.{kind}", list(KINDS)) for kind in kinds if kind not in KINDS]
    wrong += [] if policies in offered else [(f"source/on_defect={policies}", offered)]
    for said, known in wrong:
        name = said.rpartition(".")[2].rpartition("=")[2]
        raise ConfigError(f"{said}: there is no '{name}'{nearest(name, known)}; there are {', '.join(known)}")
    return ReadOptions(
        timeframe=Timeframe.parse(timeframe),
        stamped=stamped,
        timezone=timezone,
        min_bars=min_bars,
        on_defect=OnDefect(**{**_page(f"source/on_defect/{policies}.yaml"), **kinds}),
        limits=Limits(**_page("source/limits/default.yaml")),
    )


def _page(path: Any) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((conf_folder() / path).read_text(encoding="utf-8"))
    return {key: value for key, value in values.items() if key != "_target_"}

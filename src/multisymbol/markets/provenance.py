"""Whether bars are a market's or were generated: a model of one kind never answers for bars of the other."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from multisymbol.config.names import current_form, registered
from multisymbol.errors import SourceError, SymbolError
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.wording import listed

Provenance: TypeAlias = Literal["real", "synthetic"]

SYNTHETIC = "SYNTHETIC"
"""What stands first wherever numbers from generated bars are shown."""
SYNTHETIC_NOTE = "generated bars, no market: nothing here says anything about trading"
"""What is said beside it."""
_GENERATED = frozenset({"source:synthetic", "source:planted", "source:opening"})
"""Registered names of the sources that make their bars up."""
_NAMES_SHOWN = 6


def synthetic_lines(symbols: Sequence[str], *, of: int) -> list[str]:
    """Return the line that comes first where numbers of these generated bars are shown; none where no bars are.

    Args:
        symbols: Symbols whose bars were generated.
        of: Number of symbols shown; fewer generated ones are named.
    """
    whose = "" if len(symbols) == of else f" ({listed(symbols, most=_NAMES_SHOWN)})"
    return [f"{SYNTHETIC}{whose}: {SYNTHETIC_NOTE}."] if symbols else []


def marked(title: str, *, synthetic: bool) -> str:
    """Return the title of a page or table, that its numbers come from generated bars first."""
    return f"{SYNTHETIC}: {title}" if synthetic else title


def foreign_symbols(known: Sequence[str] | None, wanted: Iterable[str]) -> str | None:
    """Say which symbols a market has no bars of, and what to do; None where it has all.

    Args:
        known: Symbols of the market; None: any.
        wanted: Symbols bars are asked for.
    """
    strangers = [] if known is None else [symbol for symbol in wanted if symbol not in known]
    if not strangers:
        return None
    return (
        f"no bars are given for {listed(strangers, most=_NAMES_SHOWN)}, and none are made up; say where they are: "
        "source=parquet source.root=FOLDER (or source=csv, ccxt, yfinance). Made-up bars for any name: source=synthetic"
    )


def provenance_of(source: object, config: SymbolConfig) -> Provenance:
    """Say whether a source's bars of a symbol are real, without reading them.

    A source says so by a method `is_synthetic(config) -> bool`; the bars of one that has none are real.
    """
    judge = getattr(source, "is_synthetic", None)
    return "synthetic" if judge is not None and judge(config) else "real"


def common_provenance(source: object, configs: Iterable[SymbolConfig]) -> Provenance:
    """Return the provenance that all symbols share.

    Raises:
        SourceError: Some have real bars and some have generated ones: no model learns from both.
    """
    kinds: dict[Provenance, list[str]] = {}
    for config in configs:
        kinds.setdefault(provenance_of(source, config), []).append(config.symbol)
    if len(kinds) > 1:
        generated, real = (listed(kinds[kind], most=_NAMES_SHOWN) for kind in ("synthetic", "real"))
        raise SourceError(
            f"the bars of {generated} are synthetic, those of {real} are real: a model learns from one kind alone; "
            f"leave one of them out (symbols.without=[...])"
        )
    return next(iter(kinds), "real")


def check_served_by(model: str, trained_on: Provenance, *, source: object, config: SymbolConfig) -> None:
    """Refuse a model that was named for bars of the other kind.

    Raises:
        SymbolError: It was.
    """
    own = provenance_of(source, config)
    if own != trained_on:
        said: dict[Provenance, str] = {"synthetic": SYNTHETIC, "real": "real"}
        raise SymbolError(
            f"{model} was trained on {said[trained_on]} bars, those of {config.symbol} are {said[own]}: a model "
            "answers for bars of its own kind alone; name another model, or another source"
        )


def configured_provenance(config: Mapping[str, Any]) -> Provenance:
    """Return the provenance by the source in a stored configuration: for what was stored before it was recorded."""
    target = str(current_form(config.get("source") or {}).get("_target_", ""))
    return "synthetic" if registered(target) in _GENERATED else "real"

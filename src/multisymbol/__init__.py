"""Neuro-fuzzy trading models on the bars of many symbols at once: universal against single, with valid statistics."""

from typing import Any

__version__ = "0.1.0"

_API = "multisymbol.api"
_NAMES = (
    *("ComparisonReport", "Config", "TrainingResult", "backtest", "compare", "load_config", "load_model", "predict"),
    *("prepare", "read_bars", "resolve", "train"),
)
_PUBLIC = {
    "Bars": "multisymbol.markets.bars",
    "Universe": "multisymbol.markets.symbols",
    **dict.fromkeys(_NAMES, _API),
}
"""Public name -> the module that holds it, imported when the name is first used."""

__all__ = ["Bars", "Universe", "__version__", *_NAMES]  # noqa: PLE0604 (loaded by __getattr__)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import multisymbol` stays fast."""
    if name not in _PUBLIC:
        message = f"module 'multisymbol' has no attribute '{name}'"
        raise AttributeError(message)
    from importlib import import_module

    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})

"""Neuro-fuzzy trading models on the bars of many symbols at once: universal against single, with valid statistics."""

from typing import Any

__version__ = "0.1.0"

_API = "multisymbol.api"
_PUBLIC = {
    "Bars": "multisymbol.markets.bars",
    "Universe": "multisymbol.markets.symbols",
    **dict.fromkeys(("Config", "TrainingResult", "load_config", "load_model", "prepare", "read_bars", "train"), _API),
}
"""Public name -> the module that holds it, imported when the name is first used."""

__all__ = [
    "Bars",
    "Config",
    "TrainingResult",
    "Universe",
    "__version__",
    "load_config",
    "load_model",
    "prepare",
    "read_bars",
    "train",
]


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

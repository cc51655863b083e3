"""Building what a configuration names, and resolving a composed configuration into plain Python."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from multisymbol.errors import ConfigError, MultisymbolError


def build(node: Mapping[str, Any]) -> Any:
    """Instantiate the `_target_` of a node; nested lists and mappings arrive as plain Python.

    Args:
        node: A plain mapping or DictConfig with `_target_`; with `_partial_: true` the result is a factory.

    Raises:
        MultisymbolError: The target refuses its arguments; its own message is passed on.
    """
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    try:
        return instantiate(OmegaConf.create(dict(node)), _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, MultisymbolError):
            raise cause from error
        message = f"{node.get('_target_')}: {cause or error}"
        raise ConfigError(message) from error


def project_root() -> Path:
    """Return the folder that holds `conf` and `outputs`."""
    return Path(__file__).resolve().parents[3]


def computed(key: str, compute: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
    """Let a top-level key follow from all others, as `${multisymbol.<key>:}` in a page says.

    `plain` calls `compute` itself: a DictConfig of hundreds of symbols takes seconds to make and seconds to take apart.
    """
    _computed[key] = compute
    OmegaConf.register_new_resolver(
        f"multisymbol.{key}",
        lambda _root_: OmegaConf.create(compute(plain(_root_, leave_out=list(_computed)))),
        replace=True,
    )


_computed: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {}


def plain(config: DictConfig, *, leave_out: Sequence[str] = ()) -> dict[str, Any]:
    """Resolve a composed configuration into plain Python, some top-level keys left out; a missing value stays `???`."""
    keys = [str(key) for key in config if key not in leave_out]
    given = {key: _plain(config, key) for key in keys if key not in _computed}
    return given | {key: _computed[key](given) for key in keys if key in _computed}


def _plain(config: DictConfig, key: str) -> Any:
    if OmegaConf.is_missing(config, key):
        return "???"
    value = config[key]
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


_suffix = secrets.token_hex(2)
OmegaConf.register_new_resolver("multisymbol.project_root", lambda: str(project_root()), replace=True)
OmegaConf.register_new_resolver("multisymbol.suffix", lambda: _suffix, replace=True)

"""Building what a configuration names, and resolving a composed configuration into plain Python."""

import functools
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from multisymbol.config.installation import conf_folder
from multisymbol.config.names import NESTED, Role, current_form
from multisymbol.config.trust import load, node_problems
from multisymbol.errors import ConfigError, MultisymbolError


def build(node: Mapping[str, Any], *, role: Role) -> Any:
    """Judge and make what a node names; what is nested in it arrives built, lists and mappings as plain Python.

    `node` has `_target_` and the arguments by name (with `_partial_: true` the result is a factory); `role` is what it
    is for, and decides which classes may be named (`trust`).

    Raises:
        ConfigError: The class may not be named here, or refuses its arguments.
        MultisymbolError: The class's own message.
    """
    given: Any = OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
    present = current_form(given)
    problems = list(node_problems(present, role=role))
    if problems:
        raise ConfigError("\n".join(f"{role}.{problem.path}: {problem.text}" for problem in problems))
    return _built(present, role=role)


def _built(node: Mapping[str, Any], *, role: Role) -> Any:
    """Make a node that was judged, the innermost first."""
    target, inner = str(node["_target_"]), NESTED.get(role, {})
    made = load(target, role=role)
    arguments = {
        key: _built(value, role=inner[key])
        if key in inner and isinstance(value, Mapping) and "_target_" in value
        else value
        for key, value in node.items()
        if key not in {"_target_", "_partial_"}
    }
    try:
        return functools.partial(made, **arguments) if node.get("_partial_", False) else made(**arguments)
    except MultisymbolError:
        raise
    except Exception as error:  # whatever a constructor raises, its arguments are the user's
        raise ConfigError(f"{target}: {error}") from error


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
    given: dict[str, Any] = {}
    for key in (key for key in keys if key not in _computed):
        value = "???" if OmegaConf.is_missing(config, key) else config[key]
        given[key] = current_form(OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value)
    return given | {key: _computed[key](given) for key in keys if key in _computed}


_suffix = secrets.token_hex(8)
OmegaConf.register_new_resolver("multisymbol.working_folder", lambda: str(Path.cwd()), replace=True)
OmegaConf.register_new_resolver("multisymbol.conf", lambda: str(conf_folder()), replace=True)
OmegaConf.register_new_resolver("multisymbol.suffix", lambda: _suffix, replace=True)

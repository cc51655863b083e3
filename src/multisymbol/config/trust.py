"""Which code a configuration may name: one rule for checking, building, resuming, importing and serving.

Every key that may name a class has a role (`names`). At a role, the classes of this project's tables may be named, and
classes of packages that the user of this process trusts:

    trust: [mypackage]                  a key of the user's configuration, or of the command line: trust=[mypackage]
    MULTISYMBOL_TRUST=mypackage,other   an environment variable, for what reads no configuration, such as a server

Nothing stored, downloaded or imported can grant trust: a `trust` key in it is never looked at. A class is judged by
its text before anything is imported; once imported, it must be defined in the module that is named, or at least in a
trusted package, and be what its role needs (a network is a `torch.nn.Module`).
"""

import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multisymbol.config.names import NESTED, Role, entries, named, registered, role_at
from multisymbol.errors import ConfigError, nearest

VARIABLE = "MULTISYMBOL_TRUST"
_EARLIER_VARIABLE = "MULTISYMBOL_TRUSTED_PACKAGES"

NEEDED: Mapping[Role, tuple[str, ...]] = {
    "network": ("torch.nn.modules.module.Module",),
    "loss": ("torch.nn.modules.module.Module",),
    "optimizer": ("torch.optim.optimizer.Optimizer",),
    "lr_scheduler": ("torch.optim.lr_scheduler.LRScheduler",),
    "callback": ("lightning.pytorch.callbacks.callback.Callback",),
    "label": ("label",),
    "source": ("fingerprint", "read"),
    "vendor": ("check", "ready"),
    "split": ("folds",),
    "sampling": ("shares",),
    "finetune": ("what", "open", "close"),
    "arm": ("description",),
    "decision": ("weights",),
    "weighting": ("weights",),
    "policy": ("preference",),
    "metric": ("multisymbol.serving.metrics.ScoreMetric",),
    "section": ("page", "section"),
}
"""Roles that are open to the user's own code -> base class (a dotted path) and attributes that its class must have."""

_NOT_A_KEY = {
    "_args_": "give arguments by name",
    "_convert_": "lists and mappings always arrive as plain Python",
    "_recursive_": "what is nested is always built first",
}
_PARTIAL: frozenset[Role] = frozenset({"network", "loss", "optimizer", "lr_scheduler", "trainer"})
"""Roles whose object is completed by the run: `_partial_: true`."""
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_DEEPEST = 40
"""Levels of a configuration; no real one has half of them."""
_LIBRARIES = frozenset(
    {
        *("multisymbol", "torch", "lightning", "numpy", "pandas", "mlflow", "joblib", "hydra", "omegaconf", "pydantic"),
        *("yaml", "safetensors", "numba", "scipy", "talib", "rich", "pyarrow", "arch", "matplotlib", "filelock"),
        *("exchange_calendars", "torchmetrics", "sklearn", "cloudpickle", "dill"),
    }
)
"""Packages that nobody has written themselves: no message suggests to trust them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One wrong key or value: its dotted path, and what is wrong with it."""

    path: str
    text: str


def trusted() -> tuple[str, ...]:
    """Return the packages and modules that the user of this process trusts, besides this project's own classes."""
    given = ",".join(os.environ.get(name, "") for name in (VARIABLE, _EARLIER_VARIABLE))
    return tuple(dict.fromkeys(name.strip() for name in given.split(",") if name.strip()))


def is_trusted(path: str) -> bool:
    """Whether a dotted path lies in a trusted package or module."""
    return any(path == name or path.startswith(f"{name}.") for name in trusted())


def trust_problems(packages: Any) -> list[Problem]:
    """List what is wrong with the value of the key `trust`."""
    if not isinstance(packages, list | tuple):
        return [Problem(path="trust", text=f"expected a list of packages, trust=[mypackage], got {packages!r}")]
    reasons = {repr(name): _not_trustworthy(name) for name in packages}
    return [Problem(path="trust", text=f"{name} is {why}") for name, why in reasons.items() if why]


def trust_hint(packages: Sequence[str]) -> str:
    """Say how a user trusts packages."""
    names = ",".join(packages)
    return (
        f"If that is your own code, add trust=[{names}] (in a file: 'trust: [{names}]'; without a configuration: "
        f"{VARIABLE}={names})"
    )


def allow(packages: Sequence[str], *, folders: Sequence[Path] = ()) -> None:
    """Trust packages for the rest of this process and in the processes it starts.

    Args:
        packages: Names as `import` takes them: a package, or a module that is a single file.
        folders: Where they are looked for if they are not installed: beside the configuration, the working folder.

    Raises:
        ConfigError: A name is none, or is a part of Python itself.
    """
    problems = trust_problems(packages)
    if problems:
        raise ConfigError("\n".join(f"{problem.path}: {problem.text}" for problem in problems))
    os.environ[VARIABLE] = ",".join(dict.fromkeys([*trusted(), *packages]))
    for name in trusted():
        _make_importable(name, folders)


@contextmanager
def trusting(packages: Sequence[str], *, folders: Sequence[Path] = ()) -> Iterator[None]:
    """Trust packages within a block, as `allow` does."""
    before, path = os.environ.get(VARIABLE), list(sys.path)
    try:
        allow(packages, folders=folders)
        yield
    finally:
        sys.path[:] = path
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before


def import_trusted() -> None:
    """Import every trusted package, so that what its decorators register is there.

    Raises:
        ConfigError: One cannot be imported.
    """
    for name in trusted():
        _imported(name)


def source_file(module: str) -> Path | None:
    """Return the file of a module: a package's `__init__`, a module in it, or a single file; nothing is imported."""
    top, *rest = module.split(".")
    if is_trusted(module):
        _make_importable(top, ())
    try:
        spec = importlib.util.find_spec(top)
    except ValueError:  # a module without a file, such as a notebook's own
        spec = None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        base = Path(next(iter(spec.submodule_search_locations))).joinpath(*rest)
        candidates = [base.with_suffix(".py"), base / "__init__.py"]
    else:
        candidates = [Path(spec.origin)] if spec.origin and not rest and is_trusted(top) else []
    return next((file for file in candidates if file.suffix == ".py" and file.is_file()), None)


def config_problems(config: Mapping[str, Any]) -> list[Problem]:
    """Judge every class that a whole configuration names, whoever wrote it; its own `trust` key is not looked at."""
    return list(_within(config, path=()))


def stored_problems(config: Mapping[str, Any], *, file: str) -> list[str]:
    """Judge a stored configuration (`names.current_form`): the classes it names, and that nothing is to be looked up.

    `file` is its name, for the messages.
    """
    named = [f"{file}: {problem.path}: {problem.text}" for problem in config_problems(config)]
    return named or [
        f"{file}: {path}: {text!r} would be looked up; a stored configuration is resolved"
        for path, text in _interpolations(config)
    ]


def node_problems(node: Mapping[str, Any], *, role: Role, path: str = "") -> Iterator[Problem]:
    """Judge one node that is to be built for a role, with all that is nested in it; `path` ends with a dot."""
    text = _refusal(node.get("_target_"), role)
    if text is not None:
        yield Problem(path=f"{path}_target_", text=text)
    for key, value in node.items():
        inner = NESTED.get(role, {}).get(key)
        if path.count(".") > _DEEPEST:
            yield Problem(path=path[:80], text="nested too deep for a configuration")
            return
        if key in _NOT_A_KEY:
            yield Problem(path=f"{path}{key}", text=f"is no key here: {_NOT_A_KEY[key]}")
        elif key == "_partial_":
            if not isinstance(value, bool) or (value and role not in _PARTIAL):
                yield Problem(path=f"{path}{key}", text=f"expected no such key for the role {role}, got {value!r}")
        elif inner and isinstance(value, Mapping) and "_target_" in value:
            yield from node_problems(value, role=inner, path=f"{path}{key}.")
        elif key != "_target_":
            yield from _naming_nothing(value, path=f"{path}{key}")


def load(target: str, *, role: Role) -> Callable[..., Any]:
    """Import what a `_target_` names.

    Raises:
        ConfigError: It may not be named at this role, cannot be imported, is defined elsewhere than its path says, or
            is not what the role needs.
    """
    text = _refusal(target, role)
    if text is not None:
        raise ConfigError(f"_target_: {text}")
    module, _, name = target.rpartition(".")
    found: Callable[..., Any] | None = getattr(_imported(module), name, None)
    if found is None:
        raise ConfigError(f"_target_: {module} has no '{name}'")
    home = getattr(found, "__module__", None)
    if target in named(role).values():
        if home != module:
            raise ConfigError(f"_target_: '{target}' is not defined there, but in {home}")
    elif not isinstance(home, str) or not is_trusted(home):
        raise ConfigError(f"_target_: '{target}' is not defined in the trusted package, but in {home}")
    elif (lacking := _lacking(found, role)) is not None:
        raise ConfigError(f"_target_: '{target}' cannot be a {role}: {lacking}")
    return found


def _not_trustworthy(name: Any) -> str | None:
    if not isinstance(name, str) or not _DOTTED.fullmatch(name):
        return "not the name of a package: write it as `import` takes it"
    if name.partition(".")[0] in {*sys.stdlib_module_names, "multisymbol"}:
        return "part of Python or of this project; trust names packages of your own"
    return None


def _make_importable(name: str, folders: Sequence[Path]) -> None:
    """Put the first folder that holds a module at the end of the import path, unless the module is found already."""
    top = name.partition(".")[0]
    if top in sys.modules or importlib.util.find_spec(top) is not None:
        return
    for folder in (*folders, Path.cwd()):
        if (folder / f"{top}.py").is_file() or (folder / top).is_dir():
            sys.path.append(str(folder.resolve()))
            importlib.invalidate_caches()
            return


def _imported(module: str) -> Any:
    if is_trusted(module):
        _make_importable(module, ())
    try:
        return importlib.import_module(module)
    except ImportError as error:
        message = f"'{module}' cannot be imported: {error}"
        cure = f"install it, or put {module.partition('.')[0]}.py beside your --config-dir or into the working folder"
        raise ConfigError(f"{message}; {cure}") from error


def _within(value: Any, *, path: tuple[str, ...]) -> Iterator[Problem]:
    """Walk through a configuration down to the places that may name a class."""
    if len(path) > _DEEPEST:
        yield Problem(path=".".join(path[:4]), text="nested too deep for a configuration")
    elif isinstance(value, Mapping) and "_target_" in value:
        role = role_at(path)
        if role is None:
            yield Problem(path=".".join((*path, "_target_")), text=_no_place(value["_target_"]))
        else:
            yield from node_problems(value, role=role, path=".".join(path) + ".")
    else:
        for key, item in entries(value):
            yield from _within(item, path=(*path, key))


def _naming_nothing(value: Any, *, path: str, depth: int = 0) -> Iterator[Problem]:
    """Refuse every class named where a plain value belongs."""
    if depth > _DEEPEST:
        yield Problem(path=path, text="nested too deep for a configuration")
        return
    for key, item in entries(value):
        if key == "_target_" and isinstance(value, Mapping):
            yield Problem(path=f"{path}._target_", text=_no_place(item))
        else:
            yield from _naming_nothing(item, path=f"{path}.{key}", depth=depth + 1)


def _interpolations(value: Any, *, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str) and "${" in value:
        yield path, value[:60]
    for key, item in entries(value):
        yield from _interpolations(item, path=f"{path}.{key}" if path else key)


def _no_place(target: Any) -> str:
    return f"no class may be named here, got {target!r:.80}; give plain values"


def _refusal(target: Any, role: Role) -> str | None:
    """Say why a target may not be named at a role, or None."""
    if not isinstance(target, str) or not _DOTTED.fullmatch(target):
        return f"expected package.module.Name, got {target!r:.80}"
    known = named(role)
    if target in known.values():
        return None
    shown = f"{role} '{target}'" if len(target) < 120 else f"{role} of this name"
    top = target.partition(".")[0]
    if is_trusted(target):
        return None if role in NEEDED else f"a {role} cannot be code of your own; known are {', '.join(known.values())}"
    if registered(target) != target:
        return f"'{target}' is {registered(target).replace(':', ' ')}, no {role}; known are {', '.join(known.values())}"
    if top in _LIBRARIES or top in sys.stdlib_module_names or role not in NEEDED:
        return f"there is no {shown}{_nearest(target, known) or '.'} Known are {', '.join(known.values())}"
    return f"'{target}' is not part of multisymbol and its package is not trusted. {trust_hint([top])}"


def _nearest(target: str, known: Mapping[str, str]) -> str:
    """Return the hint of `nearest`, going by the last part where a path was written another way."""
    by_name = {path.rpartition(".")[2]: path for path in known.values()}
    hint = nearest(target.rpartition(".")[2], list(by_name))
    return nearest(target, list(known.values())) or next(
        (f", did you mean '{path}'?" for name, path in by_name.items() if f"'{name}'" in hint), ""
    )


def _lacking(found: Any, role: Role) -> str | None:
    """Say what the user's own class lacks for its role, or None."""
    if not isinstance(found, type):
        return "it is no class"
    bases = {f"{base.__module__}.{base.__qualname__}" for base in found.__mro__}
    annotated = {name for base in found.__mro__ for name in vars(base).get("__annotations__", {})}
    missing = [
        needed
        for needed in NEEDED[role]
        if not (needed in bases if "." in needed else needed in annotated or hasattr(found, needed))
    ]
    return f"it lacks {', '.join(missing)}" if missing else None

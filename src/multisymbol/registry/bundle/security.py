"""What a stored model from elsewhere may hold: no code of others, no page that acts, nothing that is installed unseen.

A bundle's configuration names classes (`_target_`) that are built when the model is used, MLflow's files name a module
to import and packages to install, and the card is opened in a browser. Each is held against what this project writes.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from html.parser import HTMLParser
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

LOADER_MODULE = "multisymbol.serving.served_model"
"""The module MLflow imports to load one of our models."""
TRUSTED_VARIABLE = "MULTISYMBOL_TRUSTED_PACKAGES"
"""Environment variable: packages of one's own, comma-separated, whose classes a stored model may name."""
_BUILDING_LAYERS = {"markets", "features", "labels", "samples", "learning", "evaluation"}
_FOR_TRAINING = re.compile(
    r"torch\.optim\.[a-z_]+\.[A-Z]\w*|lightning\.pytorch\.(callbacks|loggers|trainer)\.[a-z_]+\.[A-Z]\w*"
)
"""Named by a configuration, built by a training alone, never when a stored model is used."""
_FLAVOUR_KEYS = {"loader_module", "data", "env", "python_version", "config", "streamable"}
_ENVIRONMENT = "python_env.yaml"
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==[A-Za-z0-9.+!_-]+")
_INSTALLERS = {"pip", "setuptools", "wheel"}
_ACTING_TAGS = {"script", "iframe", "frame", "object", "embed", "applet", "base", "form", "link", "foreignobject"}
_ADDRESSES = {"href", "src", "xlink:href", "action", "formaction", "data", "poster", "background", "srcset"}
_POLICY = "content-security-policy"
"""The one header a page may set for itself: it forbids."""
_LOADING_STYLE = re.compile(r"@import|url\((?!\s*['\"]?\s*(#|data:))", re.IGNORECASE)


def foreign_targets(data: Any, *, at: str) -> list[str]:
    """List what a configuration names that is no class or function of this project.

    Args:
        data: Plain data, as read from JSON.
        at: Name of the file.
    """
    return list(_foreign(data, at=at))


def flavour_problems(files: Mapping[str, bytes]) -> list[str]:
    """List what is foreign about the files MLflow wants: `MLmodel`, `requirements.txt`, `python_env.yaml`.

    Args:
        files: Path inside the model's folder -> content; absent ones are no problem.
    """
    checks = {"MLmodel": _mlmodel, "requirements.txt": _requirements, "python_env.yaml": _environment}
    return [f"{name}: {text}" for name, check in checks.items() if name in files for text in check(files[name])]


def page_problems(content: bytes) -> list[str]:
    """List what a page would do besides being read: run a script, load from elsewhere, send something."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return ["is not UTF-8 text"]
    reader = _Page()
    reader.feed(text)
    reader.close()
    return sorted(reader.problems)


def _foreign(data: Any, *, at: str) -> Iterator[str]:
    if isinstance(data, Mapping):
        for key, value in data.items():
            if key == "_target_" and not _trusted(value):
                yield (
                    f"{at}: _target_ {value!r} is no part of this project; if it is code of your own, name its package "
                    f"in {TRUSTED_VARIABLE}"
                )
            yield from _foreign(value, at=f"{at}: {key}")
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from _foreign(item, at=f"{at}[{index}]")
    elif isinstance(data, str) and "${" in data:
        yield f"{at}: {data[:60]!r} would be looked up when it is used; a stored configuration is resolved"


def _trusted(target: Any) -> bool:
    if not isinstance(target, str):
        return False
    own = [name.strip() for name in os.environ.get(TRUSTED_VARIABLE, "").split(",") if name.strip()]
    if any(target.startswith(f"{package}.") for package in own):
        return True
    return bool(_FOR_TRAINING.fullmatch(target)) or _defined_here(target)


@cache
def _defined_here(target: str) -> bool:
    """Whether the package itself defines it: `multisymbol.x.shutil.rmtree` is reached through it and not its own."""
    if not re.fullmatch(r"multisymbol(\.[a-z][a-z0-9_]*)+\.[A-Za-z][A-Za-z0-9_]*", target):
        return False
    _, layer, *inner = target.split(".")
    module, name = inner[:-1], inner[-1]
    if layer not in _BUILDING_LAYERS:
        return False
    file = _package_root().joinpath(layer, *module).with_suffix(".py")
    if not file.is_file():
        return False
    return bool(re.search(rf"^(class|def) {name}\b", file.read_text(encoding="utf-8"), re.MULTILINE))


@cache
def _package_root() -> Path:
    spec = find_spec("multisymbol")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


def _mlmodel(content: bytes) -> Iterator[str]:
    data = _yaml(content)
    flavors = data.get("flavors") if isinstance(data, dict) else None
    if not isinstance(flavors, dict) or set(flavors) != {"python_function"}:
        yield "must have the flavour python_function and no other"
        return
    flavour = flavors["python_function"]
    if not isinstance(flavour, dict) or flavour.get("loader_module") != LOADER_MODULE:
        yield f"must be loaded by {LOADER_MODULE}"
        return
    yield from (f"{key} may hold code and is not allowed" for key in sorted(set(flavour) - _FLAVOUR_KEYS, key=str))
    if flavour.get("data", "bundle") not in ("bundle", "."):
        yield f"data {flavour['data']!r} must be the bundle"
    env = flavour.get("env", _ENVIRONMENT)
    if env not in (_ENVIRONMENT, {"virtualenv": _ENVIRONMENT}):
        yield f"env {env!r} must name {_ENVIRONMENT}"
    example = data.get("saved_input_example_info", {})
    paths = [value for key, value in example.items() if "path" in str(key)] if isinstance(example, dict) else [example]
    yield from (f"example {path!r} must be a file of the model" for path in paths if not _plain_name(path))


def _plain_name(path: Any) -> bool:
    return isinstance(path, str) and bool(re.fullmatch(r"[a-z_]+\.json", path))


def _requirements(content: bytes) -> Iterator[str]:
    lines = [line.strip() for line in content.decode(errors="replace").splitlines()]
    yield from _strange([line for line in lines if line and not line.startswith("#")], known=_own_requirements())


def _environment(content: bytes) -> Iterator[str]:
    data = _yaml(content)
    lists = {"build_dependencies", "dependencies"}
    if not isinstance(data, dict) or set(data) - {"python", *lists}:
        yield "must hold python, build_dependencies and dependencies"
        return
    if not re.fullmatch(r"3\.[0-9.]+", str(data.get("python", "3.11"))):
        yield f"python {data['python']!r} is no version"
    given = [item for key in sorted(lists) for item in (data.get(key) or [])]
    lines = [item for item in given if item != "-r requirements.txt"]
    yield from _strange(lines, known=_own_requirements() | _INSTALLERS)


def _strange(lines: Sequence[Any], *, known: set[str]) -> Iterator[str]:
    """Name requirements this project does not have itself: they would be installed when the model is served."""
    for line in lines:
        match = _REQUIREMENT.fullmatch(line) if isinstance(line, str) else None
        if match is None:
            yield f"{line!r} is not of the form package==version"
        elif _canonical(match[1]) not in known:
            yield f"{match[1]} is no requirement of this project"


@cache
def _own_requirements() -> set[str]:
    try:
        texts = requires("multisymbol") or []
    except PackageNotFoundError:
        texts = []
    names = [match[0] for text in texts if (match := re.match(r"[A-Za-z0-9._-]+", text))]
    return {"multisymbol", *map(_canonical, names)}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _yaml(content: bytes) -> Any:
    try:
        return yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError):
        return None


class _Page(HTMLParser):
    """Collects what acts in a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.problems: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element."""
        if tag in _ACTING_TAGS:
            self.problems.add(f"has a <{tag}>")
        if tag == "meta" and (dict(attrs).get("http-equiv") or _POLICY).lower() != _POLICY:
            self.problems.add("has a <meta http-equiv>")
        for key, value in attrs:
            if key.startswith("on"):
                self.problems.add(f"has {key}=")
            if key in _ADDRESSES and not re.match(r"#|data:image/(png|svg\+xml|jpeg);", (value or "#").strip()):
                self.problems.add(f"loads or links {key}={value!r:.60}")
            if key == "style":
                self.handle_data(value or "")

    def handle_data(self, data: str) -> None:
        """Look at text: a style sheet can load from elsewhere."""
        if _LOADING_STYLE.search(data):
            self.problems.add("loads by a style sheet")

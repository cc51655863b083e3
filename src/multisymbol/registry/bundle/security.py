"""What a stored model from elsewhere may hold beside its bundle: no page that acts, nothing that is installed unseen.

MLflow's files name a module to import and packages to install, and the card is opened in a browser. Each is held
against what this project writes. Which classes a bundle's configuration may name is the rule of `config.trust`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from html.parser import HTMLParser
from importlib.metadata import PackageNotFoundError, requires
from typing import Any

import yaml

from multisymbol.config.names import EARLIER_LOADERS, LOADER

_FLAVOUR_KEYS = {"loader_module", "data", "env", "python_version", "config", "streamable"}
_ENVIRONMENT = "python_env.yaml"
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==[A-Za-z0-9.+!_-]+")
_INSTALLERS = {"pip", "setuptools", "wheel"}
_ACTING_TAGS = {"script", "iframe", "frame", "object", "embed", "applet", "base", "form", "link", "foreignobject"}
_ADDRESSES = {"href", "src", "xlink:href", "action", "formaction", "data", "poster", "background", "srcset"}
_POLICY = "content-security-policy"
"""The one header a page may set for itself: it forbids."""
_LOADING_STYLE = re.compile(r"@import|url\((?!\s*['\"]?\s*(#|data:))", re.IGNORECASE)


def flavour_problems(files: Mapping[str, bytes]) -> list[str]:
    """List what this project never writes in the files MLflow wants: `MLmodel`, `requirements.txt`, `python_env.yaml`.

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


def _mlmodel(content: bytes) -> Iterator[str]:
    data = _yaml(content)
    flavors = data.get("flavors") if isinstance(data, dict) else None
    if not isinstance(flavors, dict) or set(flavors) != {"python_function"}:
        yield "must have the flavour python_function and no other"
        return
    flavour = flavors["python_function"]
    if not isinstance(flavour, dict) or flavour.get("loader_module") not in {LOADER, *EARLIER_LOADERS}:
        yield f"must be loaded by {LOADER}"
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

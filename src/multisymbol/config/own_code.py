"""The user's own code behind a configuration: which packages it comes from, and a hash of their source."""

import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from multisymbol.config.names import entries, registered
from multisymbol.config.trust import source_file, trusted


def own_packages(config: Any, *, modules: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the packages and single-file modules of the user's own that a configuration uses, sorted.

    `modules` are those of further objects in use, such as indicators; this project's own are passed over.
    """
    named = {target.rpartition(".")[0] for target in _targets(config) if registered(target) == target}
    tops = {module.partition(".")[0] for module in (*named, *modules)}
    return tuple(sorted(tops - {"multisymbol", ""} - sys.stdlib_module_names))


def own_code(config: Any, *, modules: Iterable[str] = ()) -> dict[str, str]:
    """Return each of `own_packages` with the hash of its source."""
    return {name: source_digest(name) for name in own_packages(config, modules=modules)}


def source_digest(package: str) -> str:
    """Hash the Python files of a package, or the only file of a module: 16 hex digits; `unknown` without source."""
    file = source_file(package)
    if file is None:
        return "unknown"
    files = sorted(file.parent.rglob("*.py")) if file.name == "__init__.py" else [file]
    return _digest(file.parent, tuple((path, path.stat().st_mtime_ns) for path in files))


def untrusted_code(stored: Any) -> list[str]:
    """Name the packages of stored hashes of which nothing is trusted by the user of this process."""
    tops = {name.partition(".")[0] for name in trusted()}
    return [str(name) for name in stored if name not in tops] if isinstance(stored, Mapping) else []


def changed_code(stored: Any) -> list[str]:
    """Name the packages whose source is not what it was when their hash was stored."""
    known = stored if isinstance(stored, Mapping) else {}
    return [str(name) for name, digest in known.items() if source_digest(str(name)) != digest]


def _targets(data: Any) -> Iterator[str]:
    for key, value in entries(data):
        if key == "_target_" and isinstance(value, str):
            yield value
        else:
            yield from _targets(value)


@cache
def _digest(folder: Path, files: tuple[tuple[Path, int], ...]) -> str:
    digest = hashlib.sha256()
    for path, _ in files:
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]

"""The files of a stored model as bytes: which there may be, how large, and that they are as they were written.

What comes from elsewhere is judged here before anything reads it: no torch, no pickle, no link is followed.
"""

import hashlib
import json
import math
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from stat import S_ISREG
from typing import Any, NoReturn

from multisymbol.config.names import current_form
from multisymbol.errors import BundleError

BUNDLE_FOLDER = "bundle"
"""Folder of the bundle inside a stored model's folder; beside it lie the files MLflow wants, and the card."""
WEIGHTS = "weights.safetensors"
HASHES = "hashes.json"
FACTS = (
    "config.json",
    "feature_spec.json",
    "metadata.json",
    "scalers.json",
    "similarity.json",
    "symbol_configs.json",
    "symbols.json",
)
MAX_FACT_BYTES = 64 * 2**20
"""Of one JSON file: thousands of symbols take a tenth of it."""
MAX_WEIGHT_BYTES = 2 * 2**30
MAX_INTEGER = 2**63 - 1
"""A larger number fits no array: nobody wrote it in earnest."""


def read_files(folder: Path) -> dict[str, bytes]:
    """Read every file of a bundle once: what is hashed is what is parsed.

    Raises:
        BundleError: Files are missing, unexpected, links, or too large; all of them listed.
    """
    expected = {WEIGHTS, HASHES, *FACTS}
    try:
        found = {path.name for path in folder.iterdir()}
        problems = [f"{name} is missing" for name in sorted(expected - found)]
        problems += [f"{name} does not belong to a stored model" for name in sorted(found - expected)]
        problems += [text for name in sorted(expected & found) if (text := _problem(folder / name))]
        refuse_file(f"{folder} is not a stored model of this project", problems)
        return {name: (folder / name).read_bytes() for name in sorted(expected)}
    except OSError as error:
        raise BundleError(f"{folder} cannot be read as a stored model: {error.strerror or error}") from error


def check_hashes(folder: Path, files: Mapping[str, bytes]) -> None:
    """Compare the files of a bundle with `hashes.json`.

    Raises:
        BundleError: A file was changed, or the hashes are those of other files.
    """
    stored = parse(folder / HASHES, files[HASHES])
    names = {WEIGHTS, *FACTS}
    problems = [f"{HASHES}: no hash of {name}" for name in sorted(names - set(stored))]
    problems += [f"{HASHES}: {name} is not a file of a stored model" for name in sorted(set(stored) - names)]
    problems += [
        f"{name} was changed (SHA-256 {sha256(files[name])[:16]}…, at writing {str(stored[name])[:16]}…)"
        for name in sorted(names & set(stored))
        if stored[name] != sha256(files[name])
    ]
    refuse_file(f"{folder} is not as it was written", problems)


def parse(path: Path, content: bytes) -> dict[str, Any]:
    """Read a JSON mapping.

    Raises:
        BundleError: It is none, is nested too deep, names a key twice, or holds a number nobody can use.
    """
    try:
        data = json.loads(
            content, parse_constant=_not_json, parse_float=_finite, parse_int=_integer, object_pairs_hook=_mapping
        )
    except RecursionError as error:
        raise BundleError(f"{path} is nested too deep to be a fact of a model") from error
    except ValueError as error:
        raise BundleError(f"{path} is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise BundleError(f"{path} must hold a mapping, but holds a {type(data).__name__}")
    return data


def read_facts(folder: Path, files: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """Read the JSON files of a bundle: name -> content, classes by their present paths.

    Args:
        folder: The bundle's, for messages.
        files: As `read_files` returns them, hashes checked.

    Raises:
        BundleError: One is not of the form.
    """
    facts = {name: parse(folder / name, files[name]) for name in FACTS}
    return facts | {name: current_form(facts[name]) for name in ("config.json", "symbol_configs.json")}


def files_digest(folder: Path) -> str:
    """Hash all files of a stored model with their places: what a registered version's tag `files_digest` says.

    Raises:
        BundleError: Something in it is neither file nor folder, a link for example, or cannot be read.
    """
    try:
        paths = sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
        refuse_file(f"{folder} cannot be stored", [text for path in paths if (text := _problem(path))])
        lines = [f"{path.relative_to(folder).as_posix()}\0{sha256(path.read_bytes())}\n" for path in paths]
    except OSError as error:
        raise BundleError(f"{folder} cannot be read as a stored model: {error.strerror or error}") from error
    return sha256("".join(lines).encode())


def sha256(content: bytes) -> str:
    """Return the SHA-256 as 64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def delete_path(path: Path) -> None:
    """Delete a file, or a folder with all in it, as far as that can be done."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def refuse_file(heading: str, problems: Sequence[str]) -> None:
    """Raise BundleError with all problems, if there are any."""
    if problems:
        raise BundleError(heading + ":\n" + "\n".join(f"  {problem}" for problem in problems))


def limit(name: str) -> int:
    """Return the bytes a file of this name may have."""
    return MAX_WEIGHT_BYTES if name == WEIGHTS else MAX_FACT_BYTES


def _problem(path: Path) -> str | None:
    facts = path.lstat()
    if not S_ISREG(facts.st_mode):
        return f"{path.name} is a link or no file at all; a stored model holds plain files only"
    if facts.st_size > limit(path.name):
        return f"{path.name} has {facts.st_size:,} bytes; at most {limit(path.name):,} are read"
    return None


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number in JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large a number")
    return number


def _integer(text: str) -> int:
    if len(text) > 20 or abs(number := int(text)) > MAX_INTEGER:
        raise ValueError(f"{text[:20]}… is too large a number")
    return number


def _mapping(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    pairs = list(pairs)
    data = dict(pairs)
    if len(data) != len(pairs):
        twice = sorted({key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1})
        raise ValueError(f"the key '{twice[0]}' stands there twice")
    return data

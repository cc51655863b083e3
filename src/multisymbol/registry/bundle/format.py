"""A stored model as plain files: safetensors weights and JSON facts; no pickle anywhere."""

import json
import math
import os
import shutil
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from multisymbol.config.names import stored_form
from multisymbol.config.own_code import untrusted_code
from multisymbol.config.trust import stored_problems, trust_hint
from multisymbol.errors import BundleError, MultisymbolError, OutputError
from multisymbol.features.pipeline import FeatureSpec
from multisymbol.features.scaling import Scaler
from multisymbol.markets.provenance import Provenance, configured_provenance
from multisymbol.registry.bundle.files import (
    HASHES,
    MAX_INTEGER,
    WEIGHTS,
    check_hashes,
    read_facts,
    read_files,
    refuse_file,
    sha256,
)

Fact = TypeVar("Fact", FeatureSpec, Scaler)

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "metadata.json": ("strategy", "scope", "timeframe", "seed", "window", "classes", "created_at"),
    "symbols.json": ("scope", "timeframe", "symbols"),
}
"""Keys without which nobody can tell what a stored model is, or for whom."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """All that is needed to use a model on raw bars, and to know what it is.

    Files: `weights.safetensors`, `config.json` (resolved configuration of the run), `feature_spec.json`,
    `symbols.json` (scope, timeframe, trained symbols with slot, asset class and slot, rows per part),
    `symbol_configs.json`, `scalers.json`, `similarity.json` (profile of each trained symbol), `metadata.json`
    (strategy, scope, timeframe, seed, window, classes, class-weight correction, spans, scores per symbol with no-skill,
    hashes of data and code, library versions, created_at), and `hashes.json`: SHA-256 of every other file.
    """

    weights: Mapping[str, torch.Tensor]  # state dict of the network alone
    config: Mapping[str, Any]  # `config.json`
    spec: FeatureSpec  # columns
    symbols: Mapping[str, Any]  # `symbols.json`
    symbol_configs: Mapping[str, Any]  # symbol -> resolved configuration (`resolve` in markets.symbols)
    scaler: Scaler  # fitted transforms with their span
    similarity: Mapping[str, Any]  # `similarity.json`: trained symbol -> profile (`registry.similarity`); may be empty
    metadata: Mapping[str, Any]  # `metadata.json`

    @property
    def provenance(self) -> Provenance:
        """What bars it was trained on; one of an earlier release says it by its configuration's source alone."""
        generated = "synthetic" in {self.metadata.get("provenance"), configured_provenance(self.config)}
        return "synthetic" if generated else "real"


def write_bundle(bundle: Bundle, folder: Path) -> None:
    """Write the files into a new folder, whole or not at all (a temporary folder, then a rename).

    Mappings keep their order, which carries meaning (that of symbols and fuzzy sets). A score in `metadata` that is not
    finite (an MCC without support) is written as null; anywhere else a number that is not finite is refused.

    Raises:
        BundleError: The folder exists, or the facts are not plain data, incomplete or do not fit one another.
        OutputError: It cannot be written.
    """
    if folder.exists():
        raise BundleError(f"{folder} exists; a stored model is never written over: choose another folder")
    files = _files(bundle)
    draft = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    try:
        draft.mkdir(parents=True)
        for name, content in files.items():
            _write(draft / name, content)
        draft.rename(folder)
    except OSError as error:
        raise OutputError(f"the model cannot be written to {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle back after checking every hash; loads no pickle, and names no code that is not trusted.

    Raises:
        BundleError: A file is missing, unexpected, too large, changed (hash differs) or not of the form.
    """
    files = read_files(folder)
    check_hashes(folder, files)
    facts = read_facts(folder, files)
    refused = stored_problems(facts["config.json"], file="config.json")
    refused += stored_problems({"symbol_configs": facts["symbol_configs.json"]}, file="symbol_configs.json")
    unknown = untrusted_code(facts["metadata.json"].get("own_code"))
    if unknown and not refused:
        refused = [f"metadata.json: it computes with {', '.join(unknown)}; {trust_hint(unknown)}"]
    refuse_file(f"{folder} names code that may not be run; nothing was", refused)
    return _bundle(folder, weights=_load(folder / WEIGHTS, files[WEIGHTS]), facts=facts)


def _files(bundle: Bundle) -> dict[str, bytes]:
    facts = {
        "config.json": stored_form(bundle.config),
        "feature_spec.json": bundle.spec.to_json(),
        "metadata.json": bundle.metadata,
        "scalers.json": bundle.scaler.to_json(),
        "similarity.json": bundle.similarity,
        "symbol_configs.json": stored_form(bundle.symbol_configs),
        "symbols.json": bundle.symbols,
    }
    problems: list[str] = []
    plain = {name: _plain(data, at=name, problems=problems) for name, data in facts.items()}
    problems += _misfits(bundle)
    refuse_file("the model cannot be stored", problems)
    files = {name: _json(data) for name, data in plain.items()} | {WEIGHTS: _safetensors(bundle.weights)}
    return files | {HASHES: _json({name: sha256(files[name]) for name in sorted(files)})}


def _safetensors(weights: Mapping[str, torch.Tensor]) -> bytes:
    # Tied tensors share memory, which safetensors refuses: each name gets its own copy.
    content: bytes = save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()})
    return content


def _plain(value: Any, *, at: str, problems: list[str]) -> Any:
    """Copy JSON data, noting in `problems` what JSON cannot hold or would change in silence."""
    match value:
        case int() if abs(value) > MAX_INTEGER:
            problems.append(f"{at}: {value} is too large a number")
        case None | bool() | int() | str():
            return value
        case float():
            return _finite(value, at=at, problems=problems)
        case Mapping():
            problems += [f"{at}: key {key!r} is not text" for key in value if not isinstance(key, str)]
            return {key: _plain(item, at=f"{at}: {key}", problems=problems) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item, at=f"{at}[{index}]", problems=problems) for index, item in enumerate(value)]
        case _:
            problems.append(f"{at}: {type(value).__name__} is not plain data; give text, numbers, lists and mappings")
    return None


def _finite(value: float, *, at: str, problems: list[str]) -> float | None:
    if math.isfinite(value):
        return float(value)
    if not at.startswith("metadata.json"):
        problems.append(f"{at}: {value} is not a number that can be used")
    return None


def _misfits(bundle: Bundle) -> list[str]:
    """List what is missing and what contradicts itself, by file."""
    given = {"metadata.json": bundle.metadata, "symbols.json": bundle.symbols}
    missing = [
        f"{file}: '{key}' is missing" for file, keys in REQUIRED.items() for key in keys if key not in given[file]
    ]
    unequal = [
        f"symbols.json: {key} {bundle.symbols[key]!r}, but metadata.json says {bundle.metadata[key]!r}"
        for key in ("scope", "timeframe")
        if bundle.symbols.get(key) != bundle.metadata.get(key) and not missing
    ]
    known = bundle.symbols.get("symbols", {})
    if not isinstance(known, Mapping):
        return [*missing, "symbols.json: 'symbols' must be a mapping of symbol to its facts"]
    unknown = [
        f"{file}: {symbol} is not in symbols.json"
        for file, named in (("symbol_configs.json", bundle.symbol_configs), ("similarity.json", bundle.similarity))
        for symbol in named
        if symbol not in known
    ]
    other = bundle.scaler.spec_digest != bundle.spec.digest
    digests = (
        f"scalers.json: fitted for columns {bundle.scaler.spec_digest}, feature_spec.json has {bundle.spec.digest}"
    )
    return missing + unequal + unknown + [digests] * other


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        # Without it a power cut after the rename can leave a folder of empty files.
        os.fsync(file.fileno())


def _bundle(folder: Path, *, weights: Mapping[str, torch.Tensor], facts: Mapping[str, dict[str, Any]]) -> Bundle:
    bundle = Bundle(
        weights=weights,
        config=facts["config.json"],
        spec=_of_form(FeatureSpec.from_json, folder / "feature_spec.json", facts["feature_spec.json"]),
        symbols=facts["symbols.json"],
        symbol_configs=facts["symbol_configs.json"],
        scaler=_of_form(Scaler.from_json, folder / "scalers.json", facts["scalers.json"]),
        similarity=facts["similarity.json"],
        metadata=facts["metadata.json"],
    )
    refuse_file(f"{folder} does not fit together", _misfits(bundle))
    return bundle


def _of_form(read: Callable[[Mapping[str, Any]], Fact], path: Path, data: Mapping[str, Any]) -> Fact:
    try:
        return read(data)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, MultisymbolError) as error:
        raise BundleError(f"{path} is not of the form: {type(error).__name__}: {error}") from error


def _load(path: Path, content: bytes) -> dict[str, torch.Tensor]:
    try:
        weights: dict[str, torch.Tensor] = load(content)
    except SafetensorError as error:
        raise BundleError(f"{path} is not a safetensors file: {error}") from error
    return weights


def _json(data: Any) -> bytes:
    return (json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()

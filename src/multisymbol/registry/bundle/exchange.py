"""A stored model on its own: written to a folder or zip, and taken in from one that nobody vouches for.

A folder as written here is a model MLflow can serve; `version.json` beside its files says where it comes from. On the
way in nothing is believed but the bundle's own facts: the tags of the new version are made from them.
"""

import json
import struct
import tempfile
import uuid
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from stat import S_ISLNK
from typing import Any

from multisymbol.errors import BundleError, ConfigError, OutputError, StoreError
from multisymbol.markets.provenance import Provenance
from multisymbol.markets.time import instant
from multisymbol.registry.bundle.files import (
    BUNDLE_FOLDER,
    FACTS,
    HASHES,
    WEIGHTS,
    delete_path,
    limit,
    parse,
    refuse_file,
    sha256,
)
from multisymbol.registry.bundle.security import flavour_problems, page_problems
from multisymbol.registry.store.runs import Status
from multisymbol.registry.store.store import Store
from multisymbol.registry.store.versions import StoredVersion, SymbolScores, VersionTags, model_name

ORIGIN = "version.json"
"""Says which version of which store the files are, and their hashes."""
_OF_BUNDLE = frozenset(f"{BUNDLE_FOLDER}/{name}" for name in (WEIGHTS, HASHES, *FACTS))
_PAGES = frozenset({"card.html", "card.md"})
_FRAMES = frozenset({"input_example.json", "answer.json"})
KNOWN = _OF_BUNDLE | _PAGES | _FRAMES | {"MLmodel", "requirements.txt", "python_env.yaml", ORIGIN}
"""Every file a stored model may have."""
MAX_ARCHIVE_BYTES = 3 * 2**30
MAX_RATIO = 250
"""How much a file of a zip may grow: weights hardly do, JSON tenfold."""
_FREE_GROWTH = 2**22
_WRITTEN_AT = (1980, 1, 1, 0, 0, 0)  # the same model gives the same zip, byte for byte


def export_model(store: Store, version: StoredVersion, target: Path) -> None:
    """Write a version's files to a new folder, or to a zip where the name ends so; whole or not at all.

    Raises:
        StoreError: The version's files are gone.
        BundleError: They are not those that were registered.
        OutputError: The target exists or cannot be written.
    """
    if target.exists():
        raise OutputError(f"{target} exists and is not written over; choose another name")
    folder = store.download(version).parent
    contents = {name: (folder / name).read_bytes() for name in sorted(_names(folder))}
    contents[ORIGIN] = _origin(version, contents)
    draft = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        (_write_zip if target.suffix == ".zip" else _write_folder)(draft, contents)
        target.touch(exist_ok=False) if target.suffix == ".zip" else target.mkdir()  # two exports at once: one gets it
        draft.replace(target)
    except FileExistsError as error:
        raise OutputError(f"{target} exists and is not written over; choose another name") from error
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        delete_path(draft)


def import_model(store: Store, source: Path, *, rename: str | None) -> StoredVersion:
    """Register the model in a folder or zip as the next version of its name, in a run of its own.

    It answers for nobody until it is promoted.

    Args:
        store: Takes it in.
        source: As `export_model` wrote it, or a model's folder without `version.json`; anybody may have made it.
        rename: Another strategy, or the whole name; None: as the model calls itself.

    Raises:
        BundleError: Something is unknown, missing, changed, too large or not trusted; nothing was stored.
        StoreError: The name does not fit the model, or the store fails.
    """
    with _unpacked(source) as folder:
        origin = _judge(folder, shown=source)
        facts = _facts(folder)
        tags = _renamed(_tags(facts, shown=source), rename)
        return _register(store, folder, tags=tags, facts=facts, origin=origin)


def _names(folder: Path) -> list[str]:
    """List a model's files, ours alone: a file nobody knows is not handed on."""
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    refuse_file(f"{folder} holds what no stored model has", [f"{name} is not known" for name in sorted(names - KNOWN)])
    return sorted(names - {ORIGIN})


def _origin(version: StoredVersion, contents: Mapping[str, bytes]) -> bytes:
    facts = {
        "name": version.name,
        "version": version.version,
        "run_id": version.run_id,
        "files": {name: sha256(content) for name, content in contents.items()},
    }
    return (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode()


def _write_folder(draft: Path, contents: Mapping[str, bytes]) -> None:
    for name, content in contents.items():
        (draft / name).parent.mkdir(parents=True, exist_ok=True)
        (draft / name).write_bytes(content)


def _write_zip(draft: Path, contents: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(draft, "x") as archive:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name, date_time=_WRITTEN_AT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)


@contextmanager
def _unpacked(source: Path) -> Iterator[Path]:
    """Copy what is to be imported into a folder of our own, where nobody changes it between judging and storing."""
    with tempfile.TemporaryDirectory(prefix="multisymbol-import-") as room:
        folder = Path(room) / "model"
        try:
            if source.is_dir():
                _copy_folder(source, folder)
            else:
                _extract(source, folder)
        except OSError as error:
            raise BundleError(f"{source} cannot be read as a stored model: {error.strerror or error}") from error
        yield folder


def _copy_folder(source: Path, folder: Path) -> None:
    found = [path for path in source.rglob("*") if path.is_symlink() or not path.is_dir()]
    names = {path.relative_to(source).as_posix(): path for path in found}
    problems = [f"{name} does not belong to a stored model" for name in sorted(set(names) - KNOWN)]
    problems += [f"{name} is a link or no plain file" for name, path in names.items() if not _plain_file(path)]
    problems += _too_large({name: path.lstat().st_size for name, path in names.items()})
    refuse_file(f"{source} is not a stored model of this project", problems)
    for name, path in names.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(path.read_bytes())


def _plain_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _too_large(sizes: Mapping[str, int]) -> list[str]:
    return [
        f"{name} has {size:,} bytes; at most {_limit(name):,} are taken in"
        for name, size in sorted(sizes.items())
        if size > _limit(name)
    ]


def _limit(name: str) -> int:
    return limit(name.rpartition("/")[2])


def _extract(source: Path, folder: Path) -> None:
    """Unpack a zip whose table of contents was judged first; no name of it ever becomes a path that was not known."""
    _check_end(source)
    try:
        with zipfile.ZipFile(source) as archive:
            entries = archive.infolist()
            refuse_file(f"{source} is not a stored model of this project", _zip_problems(entries))
            for entry in entries:
                (folder / entry.filename).parent.mkdir(parents=True, exist_ok=True)
                (folder / entry.filename).write_bytes(_content(archive, entry))
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise BundleError(f"{source} is not a zip of a stored model: {error}") from error
    except zlib.error as error:
        raise BundleError(f"{source} is damaged: {error}") from error


def _check_end(source: Path) -> None:
    """Look at the last bytes of a zip before its table of contents is read into memory, however long it may be."""
    size = source.stat().st_size
    with source.open("rb") as file:
        file.seek(max(0, size - 42))
        end = file.read(42)
    record = end[-22:]
    if size > MAX_ARCHIVE_BYTES or len(record) < 22 or record[:4] != b"PK\5\6" or end[:4] == b"PK\6\7":
        message = f"{source} is neither a folder nor a plain zip of a stored model"
        raise BundleError(f"{message} (at most {MAX_ARCHIVE_BYTES // 2**30} GiB, no comment at its end)")
    _, _, _, _, entries, length, _, _ = struct.unpack("<4s4H2LH", record)
    if entries > len(KNOWN) or length > len(KNOWN) * 2**10:
        raise BundleError(f"{source} has {entries} files; a stored model has at most {len(KNOWN)}")


def _zip_problems(entries: list[zipfile.ZipInfo]) -> list[str]:
    names = [entry.filename for entry in entries]
    problems = [f"{name} is there twice" for name in sorted({name for name in names if names.count(name) > 1})]
    problems += [f"{name!r} does not belong to a stored model" for name in names if name not in KNOWN]
    problems += [f"{entry.filename} is a link" for entry in entries if S_ISLNK(entry.external_attr >> 16)]
    problems += [f"{entry.filename} is encrypted" for entry in entries if entry.flag_bits & 1]
    problems += _too_large({entry.filename: entry.file_size for entry in entries})
    return problems + [
        f"{entry.filename} would grow to {entry.file_size:,} bytes, over {MAX_RATIO} times what it takes in the zip"
        for entry in entries
        if entry.file_size > _FREE_GROWTH + MAX_RATIO * entry.compress_size
    ]


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Read one file, never more of it than its table of contents admits to."""
    with archive.open(entry) as file:
        content = file.read(entry.file_size + 1)
    if len(content) != entry.file_size:
        raise BundleError(f"{entry.filename} has {len(content):,} bytes where {entry.file_size:,} were declared")
    return content


def _judge(folder: Path, *, shown: Path) -> Mapping[str, Any]:
    """Refuse what this project does not write; return where the model says it comes from, `{}` where it does not."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    contents = {name: path.read_bytes() for name, path in files.items() if name not in _OF_BUNDLE}
    problems = flavour_problems(contents)
    problems += [f"{name} {text}" for name in sorted(_PAGES & set(files)) for text in page_problems(contents[name])]
    refuse_file(f"{shown} holds what this project does not write", problems)
    for name in _FRAMES & set(contents):
        parse(shown / name, contents[name])
    if ORIGIN not in contents:
        return {}
    origin = parse(shown / ORIGIN, contents[ORIGIN])
    (folder / ORIGIN).unlink()  # says where the files come from, is none of them
    _check_origin(origin, {name: sha256(path.read_bytes()) for name, path in files.items() if name != ORIGIN}, shown)
    return origin


def _check_origin(origin: Mapping[str, Any], hashes: Mapping[str, str], shown: Path) -> None:
    stored = origin.get("files")
    if not isinstance(stored, dict) or not isinstance(origin.get("name"), str):
        raise BundleError(f"{shown}/{ORIGIN} must hold name, version, run_id and files")
    problems = [f"{name} is missing" for name in sorted(set(stored) - set(hashes))]
    problems += [f"{name} was added" for name in sorted(set(hashes) - set(stored))]
    problems += [f"{name} was changed" for name in sorted(set(hashes) & set(stored)) if stored[name] != hashes[name]]
    refuse_file(f"{shown} is not as it was exported", problems)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Facts:
    """A bundle's facts that have been read by `read_bundle`, which checked hashes, form and code."""

    metadata: Mapping[str, Any]
    symbols: Mapping[str, Any]
    feature_digest: str
    provenance: Provenance


def _facts(folder: Path) -> _Facts:
    from multisymbol.registry.bundle.format import read_bundle  # torch: an export needs none of it

    bundle = read_bundle(folder / BUNDLE_FOLDER)
    return _Facts(
        metadata=bundle.metadata,
        symbols=bundle.symbols["symbols"],
        feature_digest=bundle.spec.digest,
        provenance=bundle.provenance,
    )


def _tags(facts: _Facts, *, shown: Path) -> VersionTags:
    """Make a version's tags from the facts of its bundle."""
    try:
        tags = _version_tags(facts)
        _name_of(tags)  # a strategy, timeframe or symbol that names no model
    except (KeyError, TypeError, ValueError, AttributeError, ConfigError, StoreError) as error:
        raise BundleError(f"{shown}: the facts of the model do not say what it is: {error!r}") from error
    return tags


def _version_tags(facts: _Facts) -> VersionTags:
    """Read what a version says of itself from its bundle; KeyError and its like where a fact is missing or strange."""
    metadata = facts.metadata
    trained = {symbol: of for symbol, of in facts.symbols.items() if of["train"] > 0}
    spans = {key: instant(metadata["spans"][key]) for key in ("train_from", "train_until", "test_from", "test_until")}
    test, parent = metadata.get("test", {}), metadata.get("finetuned_from")
    if metadata["scope"] not in {"universal", "single"} or not trained:
        raise ValueError("a scope other than universal and single, or no trained symbol")
    return VersionTags(
        strategy=str(metadata["strategy"]),
        scope=metadata["scope"],
        timeframe=str(metadata["timeframe"]),
        asset_classes=sorted({str(of["asset_class"]) for of in trained.values()}),
        symbols=list(trained),
        feature_digest=facts.feature_digest,
        label=str(metadata["label"]),
        data_digest=str(metadata["data_digest"]),
        git_commit=str(metadata["git_commit"]),
        rows=sum(int(of["train"]) for of in trained.values()),
        test_log_loss=_number(test.get("test_log_loss")),
        no_skill=_number(test.get("test_no_skill_log_loss")),
        parent=None if parent is None else f"{parent['name']}/{int(parent['version'])}",
        test_huber=_number(test.get("test_huber")),
        test_zero_huber=_number(test.get("test_zero_huber")),
        provenance=facts.provenance,
        source=None if metadata.get("source") is None else str(metadata["source"]),
        candidate="import",
        **spans,
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _name_of(tags: VersionTags) -> str:
    symbol = tags.symbols[0] if tags.scope == "single" else None
    return model_name(tags.strategy, timeframe=tags.timeframe, symbol=symbol)


def _renamed(tags: VersionTags, rename: str | None) -> VersionTags:
    """Give a model another strategy; the rest of its name says what it is and stays.

    Raises:
        StoreError: The name says another timeframe or symbol than the model has.
    """
    if rename is None:
        return tags
    renamed = replace(tags, strategy=rename.split(".")[0])
    if rename not in {renamed.strategy, _name_of(renamed)}:
        raise StoreError(f"the model cannot be called {rename}; it is {_name_of(renamed)}")
    return renamed


def _register(
    store: Store, folder: Path, *, tags: VersionTags, facts: _Facts, origin: Mapping[str, Any]
) -> StoredVersion:
    """Register in a run of its own, which says where the model comes from."""
    notes = {"imported_from": f"{origin['name']}/{origin.get('version')}"} if origin else {"imported_from": "a folder"}
    notes |= {"original_run_id": str(origin["run_id"])} if origin.get("run_id") else {}
    run = store.open_run(f"import-{_name_of(tags)}-{uuid.uuid4().hex[:16]}", tags={"mode": "import", **notes})
    bars = facts.metadata.get("bars", {})
    scores = [
        SymbolScores(symbol=symbol, digest=str(bars.get(symbol, "unknown")), metrics=_numbers(metrics))
        for symbol, metrics in facts.metadata.get("test_by_symbol", {}).items()
    ]
    finished: Status = "FAILED"
    try:
        pooled = _numbers(facts.metadata.get("test", {}))
        version = store.register(
            run, folder, name=_name_of(tags), tags=tags, scores=scores, pooled=pooled, more_tags=notes
        )
        finished = "FINISHED"
    finally:
        run.finish(finished)
    return version


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Take what is a number; a score that does not exist is stored as null."""
    return {key: float(value) for key, value in metrics.items() if isinstance(value, int | float)}

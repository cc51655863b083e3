"""What a process that was killed, or a hand in the store, leaves behind: found, named, and removed on request.

A thing somebody is working on right now is none: runs know their process, temporary files their lock or age.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from multisymbol.errors import BundleError, StoreError
from multisymbol.registry.bundle.files import BUNDLE_FOLDER, check_hashes, delete_path, read_files
from multisymbol.registry.store.client import client, pages, translated
from multisymbol.registry.store.database import draft_of
from multisymbol.registry.store.processes import alive
from multisymbol.registry.store.queries import empty_models, list_aliases
from multisymbol.registry.store.registration import MODEL_TYPE, REGISTERED_TAG
from multisymbol.registry.store.store import PROCESS_TAG, Store
from multisymbol.registry.store.versions import StoredVersion

if TYPE_CHECKING:
    from mlflow.entities import Run as MlflowRun

MAX_DRAFT_SECONDS = 3600.0
"""Age from which a temporary folder without a lock is nobody's: writing a model takes seconds."""
_DRAFT = "[0-9a-f]" * 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Orphan:
    """One thing that should not be there."""

    kind: str  # `run`, `files`, `version`, `model`, `alias` or `path`
    what: str  # its name
    reason: str  # what is wrong with it
    remove: Callable[[], None] | None  # removes it; None where that cannot be decided from here


def store_orphans(store: Store) -> list[Orphan]:
    """Look through runs, logged models, versions and aliases of a store; every file of every version is hashed.

    Raises:
        StoreError: The store fails.
    """
    with store.only_one(), translated(f"{store.uri} cannot be looked through"):
        versions = store.versions()
        return [
            *_runs(store),
            *_unregistered(store, versions),
            *(found for version in versions if (found := _version(store, version))),
            *_aliases(store, versions),
            *_empty(store),
        ]


def stray_paths(folders: Sequence[Path], *, database: Path | None) -> list[Orphan]:
    """Find temporary folders and lock files that nobody uses.

    Args:
        folders: Looked through with all below: outputs, cache.
        database: The store's file, or None.
    """
    roots = sorted({folder.resolve() for folder in folders if folder.is_dir()})
    outer = [root for root in roots if not any(root != other and root.is_relative_to(other) for other in roots)]
    found = {path for root in outer for path in root.rglob("*")} | ({draft_of(database)} if database else set())
    return [leaving for path in sorted(found) if (leaving := _stray(path, database))]


def _runs(store: Store) -> Iterator[Orphan]:
    for run in pages(lambda token: _running(store, token)):
        process = run.data.tags.get(PROCESS_TAG, "")
        lives, name = alive(process), str(run.info.run_name)
        if lives is False:
            yield Orphan(
                kind="run",
                what=name,
                reason="is RUNNING, but its process is dead",
                remove=partial(client(store.uri).set_terminated, run.info.run_id, "KILLED"),
            )
        elif lives is None:
            where = f"on {process.split()[0]}" if process else "by an earlier release"
            yield Orphan(
                kind="run", what=name, reason=f"is RUNNING, started {where}: look there whether it is", remove=None
            )


def _running(store: Store, token: str | None) -> Any:
    return client(store.uri).search_runs([store.experiment_id()], "attributes.status = 'RUNNING'", page_token=token)


def _unregistered(store: Store, versions: Sequence[StoredVersion]) -> Iterator[Orphan]:
    """Find files that are of no version: of a kill between upload and registration, or in the middle of a deletion."""
    used = {version.tags.get("model_id") for version in versions}

    def page(token: str | None) -> Any:
        condition = f"attributes.model_type = '{MODEL_TYPE}' AND tags.`{REGISTERED_TAG}` = 'no'"
        return client(store.uri).search_logged_models([store.experiment_id()], condition, page_token=token)

    for model in pages(page):
        if model.model_id not in used and not _at_work(store, model.source_run_id):
            yield Orphan(
                kind="files",
                what=model.model_id,
                reason=f"were uploaded for {model.name}, but are of no version",
                remove=partial(store.delete_files, model.model_id, model.artifact_location),
            )


def _at_work(store: Store, run_id: str | None) -> bool:
    """Whether the run that uploaded files may still register them."""
    from mlflow.exceptions import MlflowException

    try:
        run: MlflowRun = client(store.uri).get_run(run_id or "")
    except MlflowException:  # deleted for good
        return False
    return run.info.status == "RUNNING" and alive(run.data.tags.get(PROCESS_TAG, "")) is not False


def _version(store: Store, version: StoredVersion) -> Orphan | None:
    try:
        with TemporaryDirectory(prefix="multisymbol-cleanup-") as room:  # what a server has, not what was kept of it
            bundle = store.download(version, room=Path(room))
            check_hashes(bundle, read_files(bundle))
    except (StoreError, BundleError) as error:
        return Orphan(
            kind="version",
            what=f"{version.name}/{version.version}",
            reason=str(error).splitlines()[0],
            remove=partial(store.delete_version, version),
        )
    return None


def _aliases(store: Store, versions: Sequence[StoredVersion]) -> Iterator[Orphan]:
    there = {(version.name, version.version) for version in versions}
    for name, number, alias in list_aliases(store.uri):
        if (name, number) not in there:
            yield Orphan(
                kind="alias",
                what=f"{name}@{alias}",
                reason=f"names version {number}, which does not exist",
                remove=partial(store.drop_alias, name, alias),
            )


def _empty(store: Store) -> Iterator[Orphan]:
    for name in empty_models(store.uri):
        yield Orphan(
            kind="model",
            what=name,
            reason="is registered without a version",
            remove=partial(client(store.uri).delete_registered_model, name),
        )


def _stray(path: Path, database: Path | None) -> Orphan | None:
    reason = _reason(path, database)
    if reason is None:
        return None
    return Orphan(kind="path", what=str(path), reason=reason, remove=partial(delete_path, path))


def _reason(path: Path, database: Path | None) -> str | None:
    """Say what is wrong with a path, or None."""
    if database is not None and path == draft_of(database):
        unused = path.exists() and _free(Path(f"{database}.lock"))
        return "is half a database" if unused else None
    target, building, _ = path.name.rpartition("-building-")
    if building and path.is_dir():
        return "is half a panel" if _free(path.with_name(f"{target}.lock")) else None
    if path.match(f".{BUNDLE_FOLDER}.{_DRAFT}"):
        return "is half a bundle" if time.time() - path.stat().st_mtime > MAX_DRAFT_SECONDS else None
    if path.suffix == ".lock" and path.is_file():
        return "locks what is not there" if not _guards(path) and _free(path) else None
    return None


def _guards(lock: Path) -> bool:
    """Whether a lock's neighbour is there: `panel-1` of `panel-1.lock`, `mlflow.db` of both of its locks."""
    target = lock.name.removesuffix(".lock").removesuffix(".registration")
    return any(each.name.startswith(target) and each.suffix != ".lock" for each in lock.parent.iterdir())


def _free(lock: Path) -> bool:
    if not lock.exists():
        return True
    try:
        with FileLock(lock, timeout=0):
            return True
    except Timeout:
        return False

"""The files of a version, wherever they lie: in a folder of this machine, or with a server that hands them out.

What a server handed out is kept, and used again as long as its hash is the registered one.
"""

import shutil
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from multisymbol.errors import StoreError
from multisymbol.registry.bundle.files import BUNDLE_FOLDER, files_digest, sha256
from multisymbol.registry.store.client import translated
from multisymbol.registry.store.versions import StoredVersion


def local_folder(place: str) -> Path | None:
    """Return the folder that an address of files names, None where a server has them."""
    local = urlparse(place)
    if local.scheme not in {"", "file"}:
        return None
    return Path(unquote(local.path) if local.scheme else place)


def kept_folder(place: str, *, uri: str, room: Path) -> Path:
    """Return where the files of a server's place are kept below `room`, there or not."""
    return room / sha256(f"{uri} {place}".encode())[:32]


def fetched(version: StoredVersion, *, uri: str, room: Path) -> Path:
    """Return a folder with the files a server has of a version: those fetched before, if they are the registered ones.

    Raises:
        StoreError: The server does not hand them out, or they cannot be written.
    """
    target = kept_folder(version.source, uri=uri, room=room)
    if target.is_dir() and files_digest(target) == version.tags.get("files_digest"):
        return target
    draft = room / f".{BUNDLE_FOLDER}.{uuid.uuid4().hex}"
    message = f"the files of {version} cannot be fetched from {version.source}"
    try:
        with translated(message):
            _download(version.source, uri=uri, draft=draft)
        shutil.rmtree(target, ignore_errors=True)
        return draft.rename(target)
    except OSError as error:
        if target.is_dir():  # another process was faster
            return target
        raise StoreError(f"{message}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def delete_place(place: str, *, model_id: str, uri: str, root: Path, room: Path) -> None:
    """Delete the files at an address: of this machine's only those below `root`; a server's, and what was kept of them.

    Raises:
        StoreError: The server does not do that.
    """
    local = local_folder(place)
    if local is None:
        _delete_remote(place, uri=uri)
        shutil.rmtree(kept_folder(place, uri=uri, room=room), ignore_errors=True)
    elif local.resolve().is_relative_to(root.resolve()):
        shutil.rmtree(local.parent if local.parent.name == model_id else local, ignore_errors=True)


def _delete_remote(place: str, *, uri: str) -> None:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    with translated(f"the files at {place} cannot be deleted from {uri}"):
        files: Any = get_artifact_repository(place, tracking_uri=uri)  # its methods are untyped
        files.delete_artifacts()


def _download(place: str, *, uri: str, draft: Path) -> None:
    from mlflow.artifacts import download_artifacts

    found = Path(download_artifacts(place, tracking_uri=uri, dst_path=str(draft)))
    if found != draft:  # MLflow keeps the last part of the address
        for path in list(found.iterdir()):
            path.rename(draft / path.name)
        found.rmdir()

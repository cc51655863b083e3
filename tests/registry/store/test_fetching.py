"""Files that a server hands out: fetched once, and again when the copy is not what was registered."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from multisymbol.errors import StoreError
from multisymbol.registry.bundle.files import files_digest
from multisymbol.registry.store import fetching
from multisymbol.registry.store.fetching import fetched, local_folder
from multisymbol.registry.store.versions import StoredVersion

URI = "http://127.0.0.1:5000"
Fetch = Callable[[], Path]


@pytest.fixture
def asked(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let a server hand out the model's folder; return what it was asked for."""
    places: list[str] = []

    def download(place: str, *, uri: str, draft: Path) -> None:
        assert uri == URI
        places.append(place)
        for path in model_folder.rglob("*"):
            if path.is_file():
                (draft / path.relative_to(model_folder)).parent.mkdir(parents=True, exist_ok=True)
                (draft / path.relative_to(model_folder)).write_bytes(path.read_bytes())

    monkeypatch.setattr(fetching, "_download", download)
    return places


@pytest.fixture
def version(model_folder: Path) -> StoredVersion:
    tags = {"files_digest": files_digest(model_folder)}
    return StoredVersion(
        name="neuro.1h.universal",
        version=1,
        tags=tags,
        aliases=(),
        source="mlflow-artifacts:/1/models/m-1/artifacts",
        run_id="r",
    )


@pytest.mark.parametrize(
    ("place", "folder"),
    [("/a/b c", "/a/b c"), ("file:///a/b%20c", "/a/b c"), ("mlflow-artifacts:/1/models/m-1/artifacts", None)],
)
def test_only_this_machines_folders_are_local(place: str, folder: str | None) -> None:
    assert local_folder(place) == (None if folder is None else Path(folder))


def test_files_are_fetched_once(asked: list[str], version: StoredVersion, tmp_path: Path) -> None:
    first, second = (fetched(version, uri=URI, room=tmp_path / "fetched") for _ in range(2))
    assert first == second
    assert files_digest(first) == version.tags["files_digest"]
    assert asked == [version.source]
    assert [path.name for path in (tmp_path / "fetched").iterdir()] == [first.name]


def test_changed_copy_is_fetched_again(asked: list[str], version: StoredVersion, tmp_path: Path) -> None:
    copy = fetched(version, uri=URI, room=tmp_path / "fetched")
    (copy / "card.md").write_text("# another", encoding="utf-8")
    assert (fetched(version, uri=URI, room=tmp_path / "fetched") / "card.md").read_text() == "# neuro"
    assert len(asked) == 2


def test_two_places_have_two_copies(asked: list[str], version: StoredVersion, tmp_path: Path) -> None:
    other = replace(version, version=2, source="mlflow-artifacts:/1/models/m-2/artifacts")
    assert fetched(version, uri=URI, room=tmp_path) != fetched(other, uri=URI, room=tmp_path)
    assert asked == [version.source, other.source]


def test_folder_that_cannot_be_written_is_named(asked: list[str], version: StoredVersion, tmp_path: Path) -> None:
    (tmp_path / "fetched").write_text("a file")
    with pytest.raises(
        StoreError, match=r"files of neuro.1h.universal version 1 cannot be fetched .*: Not a directory"
    ):
        fetched(version, uri=URI, room=tmp_path / "fetched")
    assert len(asked) == 1

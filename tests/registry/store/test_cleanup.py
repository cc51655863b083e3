"""What a kill leaves is no version; it is named, and removed without touching what is in use."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from multisymbol.registry.store.cleanup import Orphan, store_orphans, stray_paths
from multisymbol.registry.store.client import client
from multisymbol.registry.store.processes import alive, this_process
from multisymbol.registry.store.store import Run, Store
from tests.registry.conftest import NAME
from tests.registry.killing import STEPS


def kinds(found: list[Orphan]) -> list[str]:
    return [each.kind for each in found]


def remove(found: list[Orphan]) -> None:
    for each in found:
        assert each.remove is not None, each
        each.remove()


def old(path: Path) -> Path:
    os.utime(path, (0, 0))
    return path


# --- killed processes ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_kill_before_a_version_exists_leaves_nothing_to_find_and_all_to_remove(
    store: Store, model_folder: Path, step: str
) -> None:
    outputs = str(Path(store.artifact_root).parent)
    command = [sys.executable, "-m", "tests.registry.killing", outputs, str(model_folder), step]
    died = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)
    assert died.returncode == -9, died.stderr
    assert store.versions() == []
    assert store.find(NAME, alias="newest") is None
    found = store_orphans(store)
    expected = ["run", "files", *(["model"] if step == "create_model_version" else [])]
    assert kinds(found) == expected
    assert found[0].what == "killed"
    remove(found)
    assert store_orphans(store) == []
    assert not list(Path(store.artifact_root).glob("models/*"))
    stopped = store.find_run("killed")
    assert stopped is not None
    assert stopped.status == "KILLED"


@pytest.mark.slow
def test_kill_does_not_stop_the_next_registration(
    store: Store, registered: Callable[..., int], model_folder: Path
) -> None:
    """The lock of a dead process is free, and the number it was about to take is taken by the next."""
    outputs = str(Path(store.artifact_root).parent)
    command = [sys.executable, "-m", "tests.registry.killing", outputs, str(model_folder), "create_model_version"]
    assert subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, check=False).returncode == -9
    assert registered() == 1
    assert kinds(store_orphans(store)) == ["run", "files"]


def test_this_process_lives_and_a_past_one_does_not() -> None:
    assert alive(this_process()) is True
    done = subprocess.run(
        [sys.executable, "-c", "from multisymbol.registry.store.processes import this_process; print(this_process())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert alive(done.stdout.strip()) is False


def test_number_that_was_given_to_another_process_is_not_the_one_that_died() -> None:
    machine, pid, _ = this_process().rsplit(" ", 2)
    assert alive(f"{machine} {pid} 1") is False


@pytest.mark.parametrize("process", ["", "elsewhere pid:[1] 1 1", "nonsense"])
def test_process_of_another_machine_cannot_be_judged(process: str) -> None:
    assert alive(process) is None


def test_killed_child_that_nobody_waits_for_is_dead() -> None:
    code = "from multisymbol.registry.store.processes import this_process; print(this_process(), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, text=True) as child:
        assert child.stdout is not None
        name = child.stdout.readline().strip()
        assert alive(name) is True
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, and left a zombie
        assert alive(name) is False


# --- runs ------------------------------------------------------------------------------------------------------------


def test_run_at_work_is_none_and_neither_are_its_files(
    store: Store, run: Run, registered: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(client(store.uri)), "create_model_version", stopped)
        with pytest.raises(KeyboardInterrupt):
            registered()
    assert kinds(store_orphans(store)) == ["model"]
    run.finish("FAILED")
    assert kinds(store_orphans(store)) == ["files", "model"]


def test_resumed_run_is_of_the_process_that_resumed_it(store: Store, run: Run) -> None:
    client(store.uri).set_tag(run.run_id, "process", f"{this_process().rsplit(' ', 1)[0]} 1")
    assert kinds(store_orphans(store)) == ["run"]
    store.resume_run(run.run_id)
    assert store_orphans(store) == []


def test_run_of_another_machine_is_named_and_left_alone(store: Store, run: Run) -> None:
    client(store.uri).set_tag(run.run_id, "process", "far pid:[1] 77 1")
    (found,) = store_orphans(store)
    assert (found.kind, found.what, found.remove) == ("run", "finch", None)
    assert found.reason == "is RUNNING, started on far: look there whether it is"


# --- versions, aliases, models ---------------------------------------------------------------------------------------


def test_sound_store_has_none(store: Store, registered: Callable[..., int]) -> None:
    registered()
    registered()
    assert store_orphans(store) == []


@pytest.mark.parametrize(("file", "reason"), [("bundle/config.json", "are not those that were"), ("", "are not at")])
def test_version_whose_files_are_changed_or_gone_is_named_and_removed(
    store: Store, registered: Callable[..., int], file: str, reason: str
) -> None:
    registered()
    registered()
    version = store.model_versions(NAME)[0]
    folder = store.model_folder(version)
    if file:
        (folder / file).write_text("{}")
    else:
        folder.rename(folder.with_name("elsewhere"))
    (found,) = store_orphans(store)
    assert (found.kind, found.what) == ("version", f"{NAME}/1")
    assert reason in found.reason
    remove([found])
    assert [each.version for each in store.versions()] == [2]
    assert store_orphans(store) == []


def test_alias_of_no_version_is_named_and_removed(store: Store, registered: Callable[..., int]) -> None:
    registered()
    with sqlite3.connect(store.uri.removeprefix("sqlite:///")) as connection:
        connection.execute(
            "INSERT INTO registered_model_aliases (alias, version, name) VALUES ('champion', 9, ?)", (NAME,)
        )
    (found,) = store_orphans(store)
    assert (found.kind, found.what, found.reason) == (
        "alias",
        f"{NAME}@champion",
        "names version 9, which does not exist",
    )
    remove([found])
    assert store_orphans(store) == []


def test_interrupted_deletion_is_finished(
    store: Store, run: Run, registered: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    registered()
    run.finish()

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Store, "delete_files", stopped)
        with pytest.raises(KeyboardInterrupt):
            store.delete_version(store.versions()[0])
    found = store_orphans(store)
    assert kinds(found) == ["files", "model"]
    remove(found)
    assert store_orphans(store) == []
    assert not list(Path(store.artifact_root).glob("models/*"))


# --- paths -----------------------------------------------------------------------------------------------------------


def test_temporary_folders_and_locks_of_nobody_are_found_and_removed(store: Store, tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    cache = outputs / "cache"
    (cache / "panel-1").mkdir(parents=True)
    (cache / "panel-1.lock").touch()
    (cache / "panel-2-building-ab12").mkdir()
    (cache / "panel-2.lock").touch()
    draft = outputs / "runs" / "a" / "model" / f".bundle.{'0a' * 16}"
    draft.mkdir(parents=True)
    (outputs / "mlflow.db.draft").write_text("half")
    (outputs / "mlflow.db.registration.lock").touch()
    found = stray_paths([outputs, cache], database=store.database)
    expected = {"mlflow.db.draft", "panel-2-building-ab12"}
    assert {Path(each.what).name for each in found} == expected
    old(draft)
    found = stray_paths([outputs, cache], database=store.database)
    assert {Path(each.what).name for each in found} == expected | {draft.name}
    remove(found)
    (again,) = stray_paths([outputs], database=store.database)
    assert (Path(again.what).name, again.reason) == ("panel-2.lock", "locks what is not there")
    remove([again])
    assert stray_paths([outputs], database=store.database) == []
    assert sorted(path.name for path in cache.iterdir()) == ["panel-1", "panel-1.lock"]


def test_what_a_process_is_building_is_none(store: Store, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    (cache / "panel-2-building-ab12").mkdir(parents=True)
    with FileLock(cache / "panel-2.lock"):
        assert stray_paths([cache], database=store.database) == []

"""A run's folder: one process works in it at a time, and what it holds is compared with what is asked before any reuse.

config.json   what was asked
run.json      the MLflow run, and what it was begun with: the hash of config.json, of each symbol's bars, features, code
run.lock      held by the process at work
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from multisymbol.config.names import current_form, stored_form
from multisymbol.config.own_code import changed_code, own_code, source_digest
from multisymbol.config.record import ConfigRecord, differences
from multisymbol.errors import ConfigError, OutputError
from multisymbol.features.indicators import modules_of
from multisymbol.samples.dataset import FoldDataset
from multisymbol.samples.storage import write_whole, writing
from multisymbol.training.spec import RunSpec

CONFIG = "config.json"
"""Name of the resolved configuration in a run's folder and among its artifacts."""
NOTE = "run.json"
_MOST_SHOWN = 12


@contextmanager
def at_work(folder: Path) -> Iterator[None]:
    """Hold a run's folder, which is made if need be, for this process alone.

    Raises:
        OutputError: Another process holds it, or it cannot be written.
    """
    lock = FileLock(folder / "run.lock")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(blocking=False)
        except Timeout as error:
            raise OutputError(
                f"another process is at work in {folder}; wait until it has ended, or start a run in a folder of its "
                "own (leave out hydra.run.dir)"
            ) from error
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
        if not any(folder.iterdir()):
            folder.rmdir()


def read_note(folder: Path) -> dict[str, Any] | None:
    """Return what `run.json` says of a folder's run; None where no run was begun there.

    Raises:
        OutputError: It is damaged.
        ConfigError: `config.json` is not the one the run was begun with.
    """
    file = folder / NOTE
    if not file.is_file():
        return None
    try:
        note: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        config = (folder / CONFIG).read_bytes()
    except (OSError, ValueError) as error:
        message = f"{folder} holds a run whose {NOTE} or {CONFIG} is damaged ({error}); start a new run"
        raise OutputError(message) from error
    if note.get("config", hashlib.sha256(config).hexdigest()) != hashlib.sha256(config).hexdigest():
        raise ConfigError(
            f"{folder / CONFIG} was changed after run {_name(note, folder)} was begun with it; put it back as it was, "
            "or start a new run with other settings"
        )
    return note


def begin_note(
    folder: Path, record: ConfigRecord, dataset: FoldDataset | None, *, run: Mapping[str, str] | None = None
) -> None:
    """Write down what is begun in a folder.

    Args:
        folder: The run's folder, which is made.
        record: What was asked.
        dataset: Its data; None for a run that trains nothing itself.
        run: `run_id` and `name` of its MLflow run, if it has one.
    """
    text = json.dumps(record.stored())
    note = {**(run or {}), "config": hashlib.sha256(text.encode()).hexdigest(), **_begun_with(record, dataset)}
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / CONFIG, text)
        write_whole(folder / NOTE, json.dumps(note))


def check_reuse(folder: Path, record: ConfigRecord, dataset: FoldDataset) -> list[str]:
    """Refuse to go on in a folder that holds something else; name the packages whose code has changed since.

    A note of an earlier release says less, and what it does not say is not compared.

    Args:
        folder: The folder of one model.
        record: What is asked.
        dataset: The data it would be made from.

    Raises:
        OutputError: The folder's model was asked for, or made from, something else.
    """
    note = read_note(folder)
    if note is None:
        if (folder / "checkpoints").exists():
            raise OutputError(f"{folder} holds checkpoints, but nothing says of which run; choose another folder")
        return []
    _check_asked(folder, note, record)
    now = _begun_with(record, dataset)
    other = [
        f"  {path}: {before} then, {after} now"
        for key in ("bars", "features")
        for path, before, after in differences(note.get(key, now[key]), now[key], key)
    ]
    if other:
        head = f"{folder} holds run {_name(note, folder)}, which was made from other data; nothing was started."
        cure = "Put the data back as they were, or start a new run in a folder of its own"
        raise OutputError("\n".join([head, *other[:_MOST_SHOWN], cure]))
    return changed_code(note.get("code"))


def was_done(folder: Path, run: RunSpec, *, command: str) -> bool:
    """Say whether a folder holds the finished run of what is asked; False where it holds none.

    Args:
        folder: The command's folder.
        run: What is asked.
        command: The command, for people.

    Raises:
        OutputError: It holds another run, or one that is not finished: only `resume` continues it.
    """
    note = read_note(folder)
    if note is None:
        return False
    _check_asked(folder, note, run.record)
    run.store.prepare()
    found = run.store.find_run(str(note["run_id"]))
    if found is None or found.status != "FINISHED":
        raise OutputError(
            f"{folder} holds run {_name(note, folder)}, which is not finished; continue it: "
            f"multisymbol {command} resume={_name(note, folder)}      or start a new run in a folder of its own"
        )
    return True


def own_code_of(record: ConfigRecord, dataset: FoldDataset) -> dict[str, str]:
    """Return the user's own packages behind a training, each with the hash of its source."""
    modules = {module for config in dataset.universe for module in modules_of(config.indicators)}
    return own_code(record.portable(), modules=modules)


def _begun_with(record: ConfigRecord, dataset: FoldDataset | None) -> dict[str, Any]:
    if dataset is None:
        return {}
    code = {"multisymbol": source_digest("multisymbol"), **own_code_of(record, dataset)}
    return {"bars": dict(dataset.panel.fingerprints), "features": dataset.panel.spec.digest, "code": code}


def _check_asked(folder: Path, note: Mapping[str, Any], record: ConfigRecord) -> None:
    stored = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    there, asked = stored_form(current_form(stored)), json.loads(json.dumps(record.stored()))
    other = [f"  {path}: {before} there, {now} asked" for path, before, now in differences(there, asked)]
    if other:
        more = [f"  and {len(other) - _MOST_SHOWN} more"] if len(other) > _MOST_SHOWN else []
        head = f"{folder} holds run {_name(note, folder)}, which was asked for something else; nothing was started."
        cure = "Start the new run in a folder of its own: leave out hydra.run.dir and hydra.sweep.dir, or change them"
        raise OutputError("\n".join([head, *other[:_MOST_SHOWN], *more, cure]))


def _name(note: Mapping[str, Any], folder: Path) -> str:
    return str(note.get("name", folder.name))

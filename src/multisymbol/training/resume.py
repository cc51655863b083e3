"""Going on with a run that was interrupted or killed: its own configuration, folder and MLflow run."""

import json
from pathlib import Path
from typing import Any

from multisymbol.config.names import current_form
from multisymbol.config.trust import stored_problems
from multisymbol.errors import ConfigError, StoreError, nearest
from multisymbol.registry.store.store import Store
from multisymbol.training.run_folder import CONFIG, read_note


def interrupted(store: Store, name: str) -> tuple[dict[str, Any], Path]:
    """Find an unfinished run by its name or id: the configuration it was started with, and its folder.

    The folder knows what is done and which MLflow run it is; the configuration's own `trust` grants nothing.

    Raises:
        StoreError: There is no such run, it is finished, or its folder is gone or another run's.
        ConfigError: `config.json` was changed since it was begun, or names classes that are neither this project's nor
            trusted by whoever resumes it.
    """
    store.prepare()
    found = store.find_run(name)
    if found is None:
        open_runs = store.unfinished_runs()
        raise StoreError(
            f"there is no run '{name}'{nearest(name, open_runs) or '.'} "
            f"Not finished: {', '.join(open_runs[:9]) or 'none'}"
        )
    if found.status == "FINISHED":
        raise StoreError(f"run {found.name} is finished; start a new one instead of resuming it")
    run_dir = Path(found.tags.get("run_dir", "-"))
    note = read_note(run_dir)
    if note is None:
        raise StoreError(f"run {found.name} cannot go on: its folder {run_dir} with {CONFIG} is gone; start a new one")
    if note.get("run_id") != found.run_id:
        raise StoreError(f"run {found.name} cannot go on: its folder {run_dir} is that of run {note.get('name')}")
    file = run_dir / CONFIG
    values: dict[str, Any] = current_form(json.loads(file.read_text(encoding="utf-8")))
    problems = stored_problems(values, file=str(file))
    if problems:
        raise ConfigError("\n  ".join(["the run cannot go on; nothing was started.", *problems]))
    return values, run_dir

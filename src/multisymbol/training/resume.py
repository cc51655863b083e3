"""Going on with a run that was interrupted or killed: its own configuration, folder and MLflow run."""

import json
from pathlib import Path
from typing import Any

from multisymbol.errors import StoreError, nearest
from multisymbol.registry.store.store import Store
from multisymbol.training.mlflow_run import CONFIG


def interrupted(store: Store, name: str) -> tuple[dict[str, Any], Path]:
    """Find an unfinished run by its name or id; the folder knows what is done and which MLflow run it is.

    Returns:
        The configuration it was started with, and its folder.

    Raises:
        StoreError: There is no such run, it is finished, or its folder is gone.
    """
    store.prepare()
    found = store.find_run(name)
    if found is None:
        open_runs = store.unfinished_runs()
        message = (
            f"there is no run '{name}'{nearest(name, open_runs) or '.'} "
            f"Not finished: {', '.join(open_runs[:9]) or 'none'}"
        )
        raise StoreError(message)
    if found.status == "FINISHED":
        message = f"run {found.name} is finished; start a new one instead of resuming it"
        raise StoreError(message)
    run_dir = Path(found.tags.get("run_dir", "-"))
    if not (run_dir / CONFIG).is_file():
        message = f"run {found.name} cannot go on: its folder {run_dir} with {CONFIG} is gone; start a new one"
        raise StoreError(message)
    return json.loads((run_dir / CONFIG).read_text(encoding="utf-8")), run_dir

"""A process that registers a model and is killed at a chosen step: `python -m tests.registry.killing FOLDER STEP`."""

import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from multisymbol.registry.store.client import client
from multisymbol.registry.store.store import Store
from tests.registry.conftest import NAME, scored, store_at, version_tags

STEPS = (
    "log_model_artifacts",  # files not yet there
    "finalize_logged_model",  # files there, the logged model still pending
    "create_registered_model",  # uploaded and ready, nothing registered
    "create_model_version",  # the name there, no version of it
)
"""MLflow's calls, in their order; a kill before each leaves something that is no version."""


def killed(*_: Any, **__: Any) -> NoReturn:
    """End this process as the kernel ends one that is out of memory."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def register_and_die(store: Store, folder: Path, *, step: str) -> None:
    """Register a model; die before the step."""
    store.prepare()
    run = store.open_run("killed", tags={})
    setattr(type(client(store.uri)), step, killed)
    store.register(run, folder, name=NAME, tags=version_tags(), scores=[scored("GC=F", 0.9)], pooled={})


if __name__ == "__main__":
    register_and_die(store_at(Path(sys.argv[1])), Path(sys.argv[2]), step=sys.argv[3])

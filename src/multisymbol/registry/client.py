"""The way to MLflow: one client per address, MLflow's errors in our words.

MLflow costs 2.5 s to import, so whoever uses this imports nothing of MLflow before it is needed.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

from multisymbol.errors import StoreError

if TYPE_CHECKING:
    from mlflow import MlflowClient

# Read once, when mlflow is imported: no telemetry, no page of migration notices before the first run.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")


@lru_cache
def client(uri: str) -> "MlflowClient":
    """Return the client of a store, runs and registry in one."""
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextmanager
def translated(message: str) -> Iterator[None]:
    """Turn MLflow's error into a StoreError that begins with `message`."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise StoreError(f"{message}: {error.message}") from error


def milliseconds() -> int:
    """Return the time as MLflow counts it."""
    return time.time_ns() // 1_000_000

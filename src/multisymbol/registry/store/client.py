"""The way to MLflow: one client per address, MLflow's errors in our words.

MLflow costs 2.5 s to import, so whoever uses this imports nothing of MLflow before it is needed.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from multisymbol.errors import StoreError

if TYPE_CHECKING:
    from mlflow import MlflowClient

# Read by mlflow: no telemetry, no page of migration notices before the first run, and with a server no bar for every
# model fetched and no address for every run that ends.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

_PATIENCE_SECONDS = 10.0
"""For a server's first answer; MLflow would knock for four minutes. Later, at work, its patience is welcome."""


@lru_cache
def client(uri: str) -> "MlflowClient":
    """Return the client of a store, runs and registry in one.

    Raises:
        StoreError: Nobody answers at the server's address.
    """
    if is_server(uri):
        _knock(uri)
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def is_server(uri: str) -> bool:
    """Whether an address is that of an MLflow server."""
    return uri.startswith(("http://", "https://"))


def _knock(uri: str) -> None:
    """Refuse an address at which nobody answers; what is answered, and to whom, is for MLflow to judge."""
    try:
        urlopen(f"{uri.rstrip('/')}/health", timeout=_PATIENCE_SECONDS).close()
    except HTTPError:
        return
    except (URLError, TimeoutError, ConnectionError, ValueError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ConnectionError | TimeoutError | socket.gaierror | ValueError):
            message = f"no MLflow server answers at {uri} ({getattr(reason, 'strerror', None) or reason})"
            raise StoreError(f"{message}; start it (mlflow server), or correct registry.uri") from error


@contextmanager
def translated(message: str) -> Iterator[None]:
    """Turn MLflow's error into a StoreError that begins with `message`."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise StoreError(f"{message}: {error.message}") from error


def pages(search: Callable[[str | None], Any]) -> Iterator[Any]:
    """Yield what a search finds, page after page.

    Args:
        search: Returns the page that begins at a token of MLflow's; None: the first.
    """
    page = search(None)
    yield from page
    while page.token:
        page = search(page.token)
        yield from page


def milliseconds() -> int:
    """Return the time as MLflow counts it."""
    return time.time_ns() // 1_000_000

"""A live MLflow server in place of the SQLite file: the same answers, and two writers at once."""

import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from multisymbol.cli.models import Filter, find_orphans, list_models, place, promote_model
from multisymbol.errors import StoreError
from multisymbol.registry.bundle.exchange import export_model, import_model
from multisymbol.registry.selection.lookup import chosen
from multisymbol.registry.store.store import Store
from multisymbol.registry.store.versions import StoredVersion
from tests.cli.test_predict import MEMBERS, PRESENT, composed, predicted
from tests.conftest import prepared_outputs, train_small

NAME = "neuro_fuzzy.1h.universal"
_START_SECONDS = 120


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, store_template: Path) -> Iterator[str]:
    """Start a server on a free port, over a database whose migrations are paid; return its address."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(store_template, folder / "mlflow.db")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/files"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        wait_for(f"http://127.0.0.1:{port}", process, log=folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=60)


def wait_for(uri: str, process: subprocess.Popen[bytes], *, log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            urlopen(f"{uri}/health", timeout=1).close()
        except (URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
        else:
            return
    raise AssertionError(log.read_text()[-2000:])


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory, store_template: Path) -> Path:
    """Outputs whose SQLite store has a small universal model."""
    folder = prepared_outputs(tmp_path_factory.mktemp("local"), store_template)
    train_small(folder, f"symbols.only=[{','.join(MEMBERS)}]", "model.hidden=[8]", "trainer.max_epochs=1")
    return folder


def store_on(uri: str, folder: Path) -> Store:
    store = Store(uri=uri, artifact_root=str(folder / "artifacts"), mlflow_experiment="multisymbol")
    store.prepare()
    return store


def said(values: dict[str, Any]) -> list[dict[str, Any]]:
    answers = predicted(values)
    assert any(each.served for each in answers)
    return [each.to_json() for each in answers]


def register_some(uri: str, folder: str, model: str) -> list[StoredVersion]:
    store = store_on(uri, Path(folder))
    return [import_model(store, Path(model), rename="race") for _ in range(3)]


@pytest.mark.slow
def test_server_answers_as_the_file_does_and_takes_two_writers(server: str, outputs: Path, tmp_path: Path) -> None:
    local = store_on(f"sqlite:///{outputs}/mlflow.db", outputs)
    promote_model(local, f"{NAME}/1", alias="champion")
    export_model(local, chosen(local, NAME), tmp_path / "model.zip")

    remote = store_on(server, tmp_path)
    import_model(remote, tmp_path / "model.zip", rename=None)
    promote_model(remote, f"{NAME}/1", alias="champion")
    at_server = composed(f"paths.outputs={tmp_path}", f"registry.uri={server}", PRESENT)
    assert said(at_server) == said(composed(f"paths.outputs={outputs}", PRESENT))
    version = chosen(remote, NAME)
    assert remote.download(version).is_relative_to(tmp_path / "artifacts" / "fetched")

    with multiprocessing.get_context("spawn").Pool(2) as pool:
        made = pool.starmap(register_some, [(server, str(tmp_path), str(tmp_path / "model.zip"))] * 2, chunksize=1)
    numbers = sorted(each.version for own in made for each in own)
    race = remote.model_versions("race.1h.universal")
    assert numbers == [each.version for each in race] == [1, 2, 3, 4, 5, 6]
    assert [each.aliases for each in race] == [()] * 6, "an import serves once it is promoted"
    assert len({each.tags["model_id"] for each in race}) == 6

    where = place(server, create=False)
    assert find_orphans(where, remove=False).data == []
    remote.delete_version(version)
    with pytest.raises(StoreError, match=f"files of {version} cannot be fetched from mlflow-artifacts:"):
        remote.download(version)
    assert list_models(remote, Filter(strategy="neuro_fuzzy"), now=time.time_ns()).data == []

"""Fixtures of the whole project: composed configurations, a folder for outputs, commands as a user starts them."""

import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path

import pytest
from filelock import FileLock
from hydra.core.global_hydra import GlobalHydra
from hydra.core.singleton import Singleton
from omegaconf import DictConfig

from multisymbol.cli import command as command_line
from multisymbol.cli.schema import config_problems
from multisymbol.config.build import plain
from multisymbol.registry.store.store import Store
from tests import composing

Compose = Callable[..., DictConfig]
Command = Callable[..., subprocess.CompletedProcess[str]]

ROOT = composing.ROOT

os.environ["COLUMNS"] = "160"  # what a command says is then on one line, unless a test asks for a screen's width

compose_train = partial(composing.composed_page, "train")
"""Compose conf/train.yaml with overrides."""


@pytest.fixture
def composed() -> Compose:
    """Return `compose_train`."""
    return compose_train


@pytest.fixture(scope="session")
def command() -> Command:
    """Start a script the way a user does."""

    def call(
        *arguments: str, cwd: Path = ROOT, timeout: float = 300, env: Sequence[tuple[str, str]] = ()
    ) -> subprocess.CompletedProcess[str]:
        script, *rest = arguments
        return subprocess.run(
            [sys.executable, str(ROOT / script), *rest],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, **dict(env)},
        )

    return call


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a script in this process: its own would import for seconds and prove no more of what the script says."""

    def call(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        capsys.readouterr()
        with monkeypatch.context() as changed:
            changed.setattr(sys, "argv", [script, *arguments])
            changed.setattr(command_line, "_line", command_line._CommandLine())
            changed.setenv("HYDRA_FULL_ERROR", "0")
            status = _status_of(ROOT / script)
        said = capsys.readouterr()
        return subprocess.CompletedProcess([script, *arguments], status, said.out, said.err)

    return call


def _status_of(script: Path) -> int:
    """Run it as `python script` does, Hydra as it is in a new process; returns the exit status."""
    hydra = Singleton.get_state()
    GlobalHydra.instance().clear()
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as stop:
        return int(stop.code or 0)
    finally:
        Singleton.set_state(hydra)
    return 0


Trained = Callable[..., Path]

SMALL = (
    "source.start=2017-01-01",
    "source.end=2019-01-01",
    "source.signal=0.12",
    "trainer.max_epochs=2",
    "batch_size=256",
    "window=4",
    "stride=3",
    "sampling.epoch_samples=4096",
)
"""Overrides that make a training of a few seconds, on a market whose signal is found by it."""


@pytest.fixture(scope="session")
def store_template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a prepared MLflow database: its migrations take seconds, a copy does not. All workers share one."""
    from mlflow.store.db import utils

    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "store"
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            uri, artifacts = f"sqlite:///{folder}/mlflow.db", str(folder / "artifacts")
            Store(uri=uri, artifact_root=artifacts, mlflow_experiment="none").prepare()
    with pytest.MonkeyPatch.context() as changed:
        # MLflow reads all its migrations whenever a store is opened, to know the newest, which stays what it is.
        changed.setattr(utils, "_get_latest_schema_revision", cache(utils._get_latest_schema_revision))
        yield folder / "mlflow.db"


def prepared_outputs(folder: Path, store_template: Path) -> Path:
    """Return a folder for outputs that holds a prepared store."""
    outputs = folder / "outputs"
    outputs.mkdir()
    shutil.copy(store_template, outputs / "mlflow.db")
    return outputs


def train_small(outputs: Path, *overrides: str, folder: Path | None = None, name: str = "run") -> Path:
    """Train in this process with overrides on top of SMALL; returns the run's folder."""
    from multisymbol.cli.train import train

    config = compose_train(f"paths.outputs={outputs}", *SMALL, *overrides, folder=folder)
    assert config_problems(config) == []
    run_dir = outputs / "runs" / name
    train(plain(config), run_dir)
    return run_dir


@pytest.fixture
def training(tmp_path: Path, store_template: Path) -> Trained:
    """Return `train_small` with outputs of the test's own."""
    return partial(train_small, prepared_outputs(tmp_path, store_template))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests that share a fixture of their module on one worker: it is made once, not once a worker."""
    for item in items:
        if isinstance(item, pytest.Function) and _shares(item):
            item.add_marker(pytest.mark.xdist_group(item.module.__name__))


def _shares(item: pytest.Function) -> bool:
    definitions = item._fixtureinfo.name2fixturedefs.values()
    return any(definition[-1].scope == "module" for definition in definitions if definition)

"""Fixtures of the whole project: composed configurations, a folder for outputs, commands as a user starts them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from multisymbol.config import plain
from multisymbol.registry.store import Store
from multisymbol.workflows.settings import problems

ROOT = Path(__file__).parents[1]

Compose = Callable[..., DictConfig]
Command = Callable[..., subprocess.CompletedProcess[str]]


def compose_train(*overrides: str, folder: Path | None = None) -> DictConfig:
    """Compose conf/train.yaml with overrides, as Hydra would; `folder` is a user's own configuration folder."""
    GlobalHydra.instance().clear()
    search = [f"hydra.searchpath=[file://{folder}]"] if folder else []
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose("train", [*search, *overrides], return_hydra_config=False)


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
            env={**os.environ, **dict(env), "COLUMNS": "160"},
        )

    return call


Trained = Callable[..., Path]

SMALL = (
    "source.start=2017-01-01",
    "source.end=2019-01-01",
    "trainer.max_epochs=2",
    "batch_size=256",
    "window=4",
    "stride=3",
    "sampling.epoch_samples=4096",
)
"""Overrides that make a training of a few seconds."""


@pytest.fixture(scope="session")
def store_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a prepared MLflow database: its migrations take seconds, a copy does not."""
    folder = tmp_path_factory.mktemp("store")
    Store(
        uri=f"sqlite:///{folder}/mlflow.db", artifact_root=str(folder / "artifacts"), mlflow_experiment="none"
    ).prepare()
    return folder / "mlflow.db"


def prepared_outputs(folder: Path, store_template: Path) -> Path:
    """Return a folder for outputs that holds a prepared store."""
    outputs = folder / "outputs"
    outputs.mkdir()
    shutil.copy(store_template, outputs / "mlflow.db")
    return outputs


def train_small(outputs: Path, *overrides: str, folder: Path | None = None, name: str = "run") -> Path:
    """Train in this process with overrides on top of SMALL; returns the run's folder."""
    from multisymbol.workflows.train import train

    config = compose_train(f"paths.outputs={outputs}", *SMALL, *overrides, folder=folder)
    assert problems(config) == []
    run_dir = outputs / "runs" / name
    train(plain(config), run_dir)
    return run_dir


@pytest.fixture
def training(tmp_path: Path, store_template: Path) -> Trained:
    """Return `train_small` with outputs of the test's own."""
    return partial(train_small, prepared_outputs(tmp_path, store_template))

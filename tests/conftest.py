"""Fixtures of the whole project: composed configurations, a folder for outputs, commands as a user starts them."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

import multisymbol.workflows.settings  # registers the resolvers  # noqa: F401

ROOT = Path(__file__).parents[1]

Compose = Callable[..., DictConfig]
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def composed() -> Compose:
    """Compose conf/train.yaml with overrides, as Hydra would."""

    def call(*overrides: str, folder: Path | None = None) -> DictConfig:
        GlobalHydra.instance().clear()
        search = [f"hydra.searchpath=[file://{folder}]"] if folder else []
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            return compose("train", [*search, *overrides], return_hydra_config=False)

    return call


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

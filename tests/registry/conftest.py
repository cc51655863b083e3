"""A tiny bundle, and stores copied from one prepared database: migrations are paid once per session."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from multisymbol.features.pipeline import FeatureColumn, FeatureSpec
from multisymbol.features.scaling import Affine, Scaler
from multisymbol.registry.bundle.format import Bundle, write_bundle
from multisymbol.registry.store.store import Run, Store, StoredVersion, SymbolScores, VersionTags

NAME = "neuro.1h.universal"


def tiny_bundle(**changes: Any) -> Bundle:
    spec = FeatureSpec(
        columns=(FeatureColumn(name="rsi_14", kind="raw"), FeatureColumn(name="hour_sin", kind="clock")),
        restart_bars=1024,
    )
    affine = Affine(center=np.array([0.1 + 0.2, 0.0]), spread=np.array([1 / 3, 1.0]))
    facts: dict[str, Any] = {
        "weights": {"head.weight": torch.arange(6.0).reshape(3, 2).T, "steps": torch.tensor(7)},
        "config": {"seed": 1, "window": 16, "symbols": {"GC=F": {}, "AAPL": {}}},
        "spec": spec,
        "symbols": {
            "scope": "universal",
            "timeframe": "1h",
            "symbols": {"GC=F": {"slot": 0, "asset_class": "metal"}, "AAPL": {"slot": 1, "asset_class": "stock"}},
        },
        "symbol_configs": {"GC=F": {"asset_class": "metal"}, "AAPL": {"asset_class": "stock"}},
        "scaler": Scaler(
            spec_digest=spec.digest,
            by_symbol={"GC=F": affine},
            by_class={"metal": affine},
            asset_classes={"GC=F": "metal"},
            clip=5.0,
            fitted_from=0,
            fitted_until=1,
        ),
        "similarity": {"GC=F": {"volatility": 0.01}},
        "metadata": {
            "strategy": "neuro",
            "scope": "universal",
            "timeframe": "1h",
            "seed": 1,
            "window": 16,
            "classes": ["BUY", "HOLD", "SELL"],
            "created_at": "2020-01-01T00:00Z",
            "scores": {"GC=F": {"log_loss": 0.981}},
        },
    }
    return Bundle(**{**facts, **changes})


def version_tags(**changes: Any) -> VersionTags:
    facts: dict[str, Any] = {
        "strategy": "neuro",
        "scope": "universal",
        "timeframe": "1h",
        "asset_classes": ("stock", "metal"),
        "symbols": ("GC=F", "BRK.B"),
        "feature_digest": "f00d",
        "label": "zigzag",
        "train_from": 0,
        "train_until": 1_527_811_200_000_000_000,
        "test_from": 1_543_622_400_000_000_000,
        "test_until": 1_590_710_400_000_000_000,
        "data_digest": "d1",
        "git_commit": "c0ffee",
        "rows": 1000,
        "test_log_loss": 0.981,
        "no_skill": 0.993,
        "parent": None,
    }
    return VersionTags(**{**facts, **changes})


def scored(symbol: str, log_loss: float) -> SymbolScores:
    return SymbolScores(symbol=symbol, digest="d" * 64, metrics={"test_log_loss": log_loss})


def the(found: StoredVersion | None) -> StoredVersion:
    assert found is not None
    return found


def store_at(folder: Path) -> Store:
    return Store(
        uri=f"sqlite:///{folder}/mlflow.db", artifact_root=str(folder / "artifacts"), mlflow_experiment="multisymbol"
    )


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    write_bundle(tiny_bundle(), tmp_path / "model" / "bundle")
    (tmp_path / "model" / "card.md").write_text("# neuro", encoding="utf-8")
    return tmp_path / "model"


@pytest.fixture
def bundle_folder(model_folder: Path) -> Path:
    return model_folder / "bundle"


@pytest.fixture(scope="session")
def template(store_template: Path) -> Path:
    """Return a database with MLflow's tables and no experiment of ours."""
    return store_template


@pytest.fixture
def store(template: Path, tmp_path: Path) -> Store:
    (tmp_path / "outputs").mkdir()
    shutil.copy(template, tmp_path / "outputs" / "mlflow.db")
    prepared = store_at(tmp_path / "outputs")
    prepared.prepare()
    return prepared


@pytest.fixture
def run(store: Store) -> Run:
    return store.open_run("finch", tags={"mode": "universal"})


@pytest.fixture
def registered(store: Store, run: Run, model_folder: Path) -> Callable[..., int]:
    """Register the tiny bundle, give it a role if asked; return the version's number."""

    def call(name: str = NAME, *, role: str | None = None, **changes: Any) -> int:
        scores = [scored("GC=F", 0.9), scored("BRK.B", 1.1)]
        choices: dict[str, Any] = {"tags": version_tags(), "scores": scores, "pooled": {"test_log_loss": 1.0}} | changes
        version = store.register(run, model_folder, name=name, **choices)
        if role is not None:
            store.set_alias(version, role)
        return version.version

    return call


@pytest.fixture
def command_python() -> Callable[[str], str]:
    """Run code in a process of its own; return what it printed."""

    def call(code: str) -> str:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call

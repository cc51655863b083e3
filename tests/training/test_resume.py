"""A killed run goes on as if nothing had happened: the same MLflow run, the same folder, the same weights."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from mlflow import MlflowClient
from safetensors.torch import load_file

from multisymbol.errors import StoreError
from tests.conftest import ROOT, SMALL, prepared_outputs, train_small

LONG = (*SMALL, "trainer.max_epochs=12", "callbacks.early_stopping.patience=20", "model.dropout=0.3")


def start(outputs: Path, *overrides: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(ROOT / "scripts/train.py"), *overrides, f"paths.outputs={outputs}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def weights(outputs: Path) -> dict[str, torch.Tensor]:
    (file,) = outputs.glob("runs/*/*/model/bundle/weights.safetensors")
    loaded: dict[str, torch.Tensor] = load_file(file)
    return loaded


def all_runs(outputs: Path) -> list[tuple[str, str]]:
    store = MlflowClient(f"sqlite:///{outputs}/mlflow.db")
    experiment = store.get_experiment_by_name("multisymbol")
    assert experiment is not None
    return [(run.info.run_name, run.info.status) for run in store.search_runs([experiment.experiment_id])]


@pytest.mark.slow
def test_killed_run_goes_on_to_bit_equal_weights_in_the_same_mlflow_run(tmp_path: Path, store_template: Path) -> None:
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    whole, killed = (prepared_outputs(tmp_path / name, store_template) for name in ("whole", "killed"))
    undisturbed = start(whole, *LONG)
    process = start(killed, *LONG)
    deadline = time.monotonic() + 120
    while (
        not list(killed.glob("runs/*/*/checkpoints/last.ckpt"))
        and process.poll() is None
        and time.monotonic() < deadline
    ):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert undisturbed.wait(timeout=200) == 0
    ((name, status),) = all_runs(killed)
    assert status == "RUNNING"
    resumed = start(killed, f"resume={name}")
    _, stderr = resumed.communicate(timeout=200)
    assert resumed.returncode == 0, stderr
    assert all_runs(killed) == [(name, "FINISHED")]
    assert len(list(killed.glob("runs/*/*"))) == 1, "the resuming command leaves no folder of its own"
    expected, got = weights(whole), weights(killed)
    assert all(torch.equal(expected[key], got[key]) for key in expected)
    again = start(killed, f"resume={name}")
    _, stderr = again.communicate(timeout=100)
    assert again.returncode == 2
    assert f"run {name} is finished" in stderr


def test_unknown_run_is_refused_with_those_that_could_be_meant(tmp_path: Path, store_template: Path) -> None:
    with pytest.raises(StoreError, match="there is no run 'nobody'"):
        train_small(prepared_outputs(tmp_path, store_template), "resume=nobody")

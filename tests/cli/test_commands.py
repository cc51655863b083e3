"""Commands as a user gives them: a run, a sweep, two processes, an interruption, bars from files."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.conftest import ROOT, SMALL, Command, prepared_outputs


def client(outputs: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{outputs}/mlflow.db")


def runs(outputs: Path) -> list[dict[str, str]]:
    """Return each run's tags, with its status and id."""
    store = client(outputs)
    (experiment,) = [item for item in store.search_experiments() if item.name == "multisymbol"]
    found = store.search_runs([experiment.experiment_id])
    return [{**run.data.tags, "status": run.info.status, "run_id": run.info.run_id} for run in found]


@pytest.mark.slow
def test_run_ends_with_table_model_and_the_line_that_opens_mlflow(command: Command, tmp_path: Path) -> None:
    done = command("scripts/train.py", *SMALL, f"paths.outputs={tmp_path / 'outputs'}")
    assert done.returncode == 0, done.stderr
    assert re.search(r"SYN_D +[0-9,]+ +0\.[0-9]{3}", done.stdout)
    assert "registered neuro_fuzzy.1h.universal version 1 (alias newest)" in done.stdout
    assert f"mlflow ui --backend-store-uri sqlite:///{tmp_path}/outputs/mlflow.db" in done.stdout
    assert "\x1b" not in done.stdout, "no colour when piped"
    stages = done.stderr.splitlines()
    assert stages[0] == "loading train …"
    assert all(stage.endswith(" …") for stage in stages), "nothing but the stages"


@pytest.mark.slow
def test_sweep_is_one_parent_with_a_child_per_job(command: Command, tmp_path: Path, store_template: Path) -> None:
    outputs = prepared_outputs(tmp_path, store_template)
    sweep = ("-m", "model=mlp,gru", "seed=1,2", *SMALL, "trainer.max_epochs=1", "sampling.epoch_samples=1024")
    done = command("scripts/train.py", *sweep, f"paths.outputs={outputs}")
    assert done.returncode == 0, done.stderr
    found = runs(outputs)
    parents = [run for run in found if "mlflow.parentRunId" not in run]
    children = [run for run in found if "mlflow.parentRunId" in run]
    assert len(parents) == 1
    assert {child["mlflow.parentRunId"] for child in children} == {parents[0]["run_id"]}
    assert len(children) == 4
    assert {run["status"] for run in found} == {"FINISHED"}


@pytest.mark.ddp
def test_two_processes_train_the_same_model_as_one(command: Command, tmp_path: Path, store_template: Path) -> None:
    outputs = prepared_outputs(tmp_path, store_template)
    scores = []
    for trainer in ("cpu", "ddp_sim"):
        small = (*SMALL, f"trainer={trainer}", "trainer.max_epochs=2", "model.dropout=0")
        done = command("scripts/train.py", *small, f"paths.outputs={outputs}")
        assert done.returncode == 0, done.stderr
        found = re.search(r"validation log-loss ([0-9.]+)", done.stdout)
        assert found
        scores.append(float(found[1]))
    assert scores[0] == pytest.approx(scores[1], abs=2e-4)
    assert len(runs(outputs)) == 2, "only the first process writes"
    assert len(client(outputs).search_model_versions("name='neuro_fuzzy.1h.universal'")) == 2


@pytest.mark.slow
def test_two_runs_may_start_on_a_fresh_folder_at_once(tmp_path: Path) -> None:
    small = (*SMALL, "trainer.max_epochs=1", "sampling.epoch_samples=512", f"paths.outputs={tmp_path / 'outputs'}")
    started = [
        subprocess.Popen(
            [sys.executable, str(ROOT / "scripts/train.py"), *small, f"seed={seed}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in (1, 2)
    ]
    said = [process.communicate(timeout=200) for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    versions = client(tmp_path / "outputs").search_model_versions("name='neuro_fuzzy.1h.universal'")
    assert sorted(int(version.version) for version in versions) == [1, 2]


@pytest.mark.slow
def test_interrupted_run_is_marked_and_keeps_its_checkpoint(tmp_path: Path, store_template: Path) -> None:
    outputs = prepared_outputs(tmp_path, store_template)
    long = (*SMALL, "trainer.max_epochs=2000", "callbacks.early_stopping.patience=2000", f"paths.outputs={outputs}")
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "scripts/train.py"), *long],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        # Test workers ignore the signal and hand that on; nothing here runs threads.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    deadline = time.monotonic() + 120
    while not list(outputs.glob("runs/*/*/checkpoints/last.ckpt")) and time.monotonic() < deadline:
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    try:
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in stderr
    (name,) = [run["mlflow.runName"] for run in runs(outputs)]
    assert stderr.splitlines()[-1] == f"interrupted; continue: multisymbol train resume={name}", stdout
    assert [run["status"] for run in runs(outputs)] == ["KILLED"]
    assert list(outputs.glob("runs/*/*/checkpoints/last.ckpt"))


@pytest.mark.slow
def test_generated_bars_can_be_trained_on_with_the_printed_line(command: Command, tmp_path: Path) -> None:
    bars = tmp_path / "bars"
    made = command(
        "scripts/generate_test_data.py", "--symbols", "SYN_A,SYN_B,SYN_C", "--timeframe", "1h", "--out", str(bars)
    )
    assert made.returncode == 0, made.stderr
    whole = made.stdout.replace("\\\n", "")
    (line,) = [text.strip() for text in whole.splitlines() if "multisymbol train" in text]
    arguments = [word.strip("'\"") for word in line.split("multisymbol train")[1].split()]
    few = ("trainer.max_epochs=1", "sampling.epoch_samples=1024", f"paths.outputs={tmp_path / 'outputs'}")
    done = command("scripts/train.py", *arguments, *few)
    assert done.returncode == 0, done.stderr
    assert "3 symbols" in done.stdout


@pytest.mark.slow
def test_a_model_of_a_strong_signal_has_skill_beyond_the_market_without_it(
    tmp_path: Path, store_template: Path
) -> None:
    """Skill of mechanics alone (legs can be told from how far price came back) is what the silent market shows."""
    from tests.conftest import train_small

    skill = {}
    outputs = prepared_outputs(tmp_path, store_template)
    span = ("source.start=2014-01-01", "source.end=2020-01-01", "window=16", "stride=2", "batch_size=1024")
    whole = (*span, "sampling.epoch_samples=null", "trainer.max_epochs=6")
    for strength in ("0.12", "0"):
        run_dir = train_small(
            outputs,
            *whole,
            "sampling.epoch_samples=null",
            "trainer.max_epochs=6",
            f"source.signal={strength}",
            name=strength,
        )
        (version,) = client(outputs).search_model_versions(f"tags.run_id = '{_newest_run(outputs)}'")
        skill[strength] = client(outputs).get_run(str(version.run_id)).data.metrics["test/skill"]
        shutil.rmtree(run_dir)
    assert skill["0.12"] > skill["0"] + 0.06, skill


def _newest_run(outputs: Path) -> str:
    return runs(outputs)[0]["run_id"]

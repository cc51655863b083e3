"""The same run on one and on two processes."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.ddp
ROOT = Path(__file__).parents[2]
NETWORKS = ("mlp", "gru", "returns")

Runs = tuple[dict[str, Any], list[dict[str, Any]], Path]


def started(processes: int, folder: Path, mode: str) -> subprocess.CompletedProcess[str]:
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tests.learning.processes", str(processes), str(folder), mode]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=ROOT, check=False, timeout=240, capture_output=True, env=environment, text=True)


def facts(processes: int, folder: Path, mode: str) -> list[dict[str, Any]]:
    ended = started(processes, folder, mode)
    assert ended.returncode == 0, ended.stderr
    return [json.loads((folder / f"facts-{rank}.json").read_text(encoding="utf-8")) for rank in range(processes)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("processes")
    (one,) = facts(1, folder / "one", "compare")
    return one, facts(2, folder / "two", "compare"), folder


@pytest.mark.parametrize("name", NETWORKS)
def test_global_steps_hold_the_same_samples(name: str, runs: Runs) -> None:
    one, two = runs[0][name], [rank[name] for rank in runs[1]]
    both = [sorted(first + second) for first, second in zip(two[0]["samples"], two[1]["samples"], strict=True)]
    assert both == [sorted(step) for step in one["samples"]]
    assert len(both) > 10


@pytest.mark.parametrize("name", NETWORKS)
def test_loss_paths_and_weights_are_equal(name: str, runs: Runs) -> None:
    one, two = runs[0][name], [rank[name] for rank in runs[1]]
    mean = [(first + second) / 2 for first, second in zip(two[0]["losses"], two[1]["losses"], strict=True)]
    assert mean == pytest.approx(one["losses"], abs=1e-6)
    assert two[0]["weights"] == two[1]["weights"]
    assert two[0]["weights"] == pytest.approx(one["weights"], abs=1e-5)
    assert two[0]["logged"] == two[1]["logged"] == pytest.approx(one["logged"], abs=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_validation_counts_every_row_once(name: str, runs: Runs) -> None:
    one, two = runs[0][name], [rank[name] for rank in runs[1]]
    for epoch in range(2):
        both = two[0]["validated"][epoch] + two[1]["validated"][epoch]
        assert sorted(both) == sorted(set(both)) == one["validated"][epoch]
        assert len(two[0]["validated"][epoch]) != len(two[1]["validated"][epoch])
    assert one["rows"] == two[0]["rows"] == two[1]["rows"] == len(one["validated"][0])


@pytest.mark.parametrize("name", NETWORKS)
def test_scores_and_best_epoch_are_equal(name: str, runs: Runs) -> None:
    one, two = runs[0][name], [rank[name] for rank in runs[1]]
    assert two[0]["scores"] == two[1]["scores"] == pytest.approx(one["scores"], abs=1e-6)
    assert two[0]["best"] == two[1]["best"]
    assert two[0]["best"] == pytest.approx(one["best"], abs=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_processes_stop_early_together(name: str, runs: Runs) -> None:
    ended = [runs[0][name]["ended"], *(rank[name]["ended"] for rank in runs[1])]
    assert ended == [[2, 22, True]] * 3


def test_only_the_first_process_writes(runs: Runs) -> None:
    folder = runs[2] / "two"
    assert sorted(path.name for path in folder.iterdir()) == ["facts-0.json", "facts-1.json", "rank-0"]
    for name in NETWORKS:
        assert sorted(path.name for path in (folder / "rank-0" / name).iterdir()) == ["best.ckpt", "last.ckpt"]


def test_run_stopped_in_mid_epoch_goes_on_bit_for_bit_on_two_processes(tmp_path: Path) -> None:
    for rank in facts(2, tmp_path / "two", "resume"):
        whole, stopped = rank["whole"], rank["stopped"]
        assert stopped["weights"] == whole["weights"]
        assert stopped["samples"] == whole["samples"][15:]
        assert stopped["losses"] == whole["losses"][15:]
        assert stopped["scores"] == whole["scores"][1:]
        assert stopped["logged"] == pytest.approx(whole["logged"], rel=1e-9)


@pytest.mark.parametrize("rank", [0, 1])
def test_process_that_fails_takes_the_other_with_it_and_its_message_is_seen(rank: int, tmp_path: Path) -> None:
    ended = started(2, tmp_path, f"fail-{rank}")
    now = time.time()
    assert ended.returncode != 0
    assert f"SampleError: process {rank} cannot go on" in ended.stderr
    failed_at = re.search(r"failed at (\S+)", ended.stderr)
    assert failed_at is not None
    assert now - float(failed_at.group(1)) < 15

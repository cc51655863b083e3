"""The same run on one and on two processes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.ddp
ROOT = Path(__file__).parents[2]


def diaries(processes: int, folder: Path) -> list[dict[str, Any]]:
    folder.mkdir()
    command = [sys.executable, "-m", "tests.learning.processes", str(processes), str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=ROOT, check=True, timeout=240, capture_output=True, env=environment)
    return [json.loads((folder / f"rank-{rank}.json").read_text(encoding="utf-8")) for rank in range(processes)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("processes")
    (one,) = diaries(1, folder / "one")
    return one, diaries(2, folder / "two")


def test_global_steps_hold_the_same_samples(runs: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    one, two = runs
    both = [sorted(first + second) for first, second in zip(two[0]["samples"], two[1]["samples"], strict=True)]
    assert both == [sorted(step) for step in one["samples"]]
    assert len(both) > 10


def test_loss_paths_and_weights_are_equal(runs: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    one, two = runs
    mean = [(first + second) / 2 for first, second in zip(two[0]["losses"], two[1]["losses"], strict=True)]
    assert mean == pytest.approx(one["losses"], abs=1e-6)
    assert two[0]["weights"] == two[1]["weights"]
    assert two[0]["weights"] == pytest.approx(one["weights"], abs=1e-5)


def test_validation_counts_every_row_once(runs: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    one, two = runs
    for epoch in range(2):
        both = two[0]["validated"][epoch] + two[1]["validated"][epoch]
        assert sorted(both) == sorted(set(both)) == one["validated"][epoch]
        assert len(two[0]["validated"][epoch]) != len(two[1]["validated"][epoch])
    assert one["rows"] == two[0]["rows"] == two[1]["rows"] == len(one["validated"][0])


def test_scores_and_best_epoch_are_equal(runs: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    one, two = runs
    assert two[0]["scores"] == two[1]["scores"] == pytest.approx(one["scores"], abs=1e-6)
    assert two[0]["best"] == two[1]["best"]
    assert two[0]["best"] == pytest.approx(one["best"], abs=1e-6)

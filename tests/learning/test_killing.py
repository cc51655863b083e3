"""A training that is killed at any moment and resumed ends as if nothing had happened."""

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch

from tests.learning.killing import INTERRUPTED, train
from tests.learning.test_resuming import content, same

pytestmark = pytest.mark.slow
EPOCHS, KILLS, PATIENCE = 40, 10, 120.0


@pytest.fixture(scope="module")
def server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.learning.killing"])
    return context


@contextmanager
def training(server: ForkServerContext, folder: Path) -> Iterator[BaseProcess]:
    """Start a training and wait until its first step is due."""
    begun = folder / "begun"
    begun.unlink(missing_ok=True)
    process = server.Process(target=train, args=(folder, begun, EPOCHS))
    process.start()
    try:
        deadline = time.monotonic() + PATIENCE
        while not begun.exists() and process.is_alive() and time.monotonic() < deadline:
            time.sleep(0.002)
        yield process
    finally:
        process.join(PATIENCE)


@pytest.fixture(scope="module")
def whole(server: ForkServerContext, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """Return the folder of a run nothing happened to, and the seconds it trained."""
    folder = tmp_path_factory.mktemp("whole")
    with training(server, folder) as process:
        started = time.monotonic()
        process.join(PATIENCE)
    assert process.exitcode == 0
    return folder, time.monotonic() - started


def steps_done(folder: Path) -> int:
    path = folder / "last.ckpt"
    return int(torch.load(path, weights_only=True)["global_step"]) if path.exists() else 0


@pytest.mark.parametrize("signals", [[signal.SIGKILL], [signal.SIGINT], [signal.SIGKILL, signal.SIGINT]])
def test_killed_training_ends_bit_equal(
    signals: list[signal.Signals], server: ForkServerContext, whole: tuple[Path, float], tmp_path: Path
) -> None:
    undisturbed, seconds = whole
    moments = random.Random(len(signals))
    done = [0]
    for number in range(KILLS):
        sent = signals[number % len(signals)]
        with training(server, tmp_path) as process:
            time.sleep(moments.uniform(0, 2 * seconds / KILLS))
            assert process.pid is not None
            if process.is_alive():
                os.kill(process.pid, sent)
        # Who was over before the signal came ended well.
        assert process.exitcode in {0, -signal.SIGKILL if sent is signal.SIGKILL else INTERRUPTED}
        done.append(steps_done(tmp_path))  # the file can be read, whenever the signal came
    assert done == sorted(done)
    assert len(set(done)) > KILLS // 2, "most of them trained on for a while"
    with training(server, tmp_path) as process:
        pass
    assert process.exitcode == 0
    for file in ("last.ckpt", "best.ckpt"):
        assert same(content(tmp_path / file), content(undisturbed / file)), file
    assert {path.name for path in tmp_path.iterdir()} - {"begun"} == {"best.ckpt", "last.ckpt"}

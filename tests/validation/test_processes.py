"""Work side by side: in the order asked for, with progress, and gone when its asker is."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from validation.processes import Say, side_by_side

ROOT = Path(__file__).parents[2]
ENDLESS = 60.0
"""Seconds that nobody waits for."""


def squared(number: int, say: Say) -> int:
    say(f"squaring {number}", 0, 1)
    time.sleep(0.2 if number == 1 else 0.0)  # the first one asked for ends last
    return number * number


def dying(number: int, say: Say) -> int:
    del say
    if number == 2:
        os._exit(1)
    return number


def endless(number: int, say: Say, *, folder: Path) -> int:
    with TemporaryDirectory(dir=folder):
        say("at work", 0, 1)
        time.sleep(ENDLESS)
    return number


def unheard(what: str, done: int, total: int) -> None:
    del what, done, total


def lost(number: int) -> int:
    return -number


def test_pieces_come_in_the_order_asked_for_and_what_runs_is_shown() -> None:
    shown: list[tuple[str, int, int]] = []
    found = side_by_side(
        squared, [1, 3, 2], workers=2, lost=lost, show=lambda what, done, total: shown.append((what, done, total))
    )
    assert list(found) == [1, 9, 4]
    assert any("squaring 1 0/1" in what for what, _, _ in shown)
    assert shown[-1][1:] == (3, 3)


def test_a_piece_whose_process_dies_is_lost_and_the_others_are_not() -> None:
    assert list(side_by_side(dying, [1, 2, 3], workers=2, lost=lost, show=unheard)) == [1, -2, 3]


def test_whoever_is_interrupted_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    def interrupted(what: str, done: int, total: int) -> None:
        if what.count("at work") == 2:
            raise KeyboardInterrupt

    running = side_by_side(partial(endless, folder=tmp_path), [1, 2], workers=2, lost=lost, show=interrupted)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(running)
    assert time.monotonic() - started < ENDLESS / 2
    assert multiprocessing.active_children() == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_ctrl_c_ends_a_proof_and_keeps_what_was_proved(tmp_path: Path) -> None:
    out = tmp_path / "proof.md"
    words = ["worlds=[16,4]", "workers=2", f"out={out}", f"paths.outputs={tmp_path}"]
    proof = subprocess.Popen(
        [sys.executable, str(ROOT / "validation" / "prove.py"), *words], stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 120
    while not out.exists() and time.monotonic() < until:
        time.sleep(0.1)
    proof.send_signal(signal.SIGINT)
    _, said = proof.communicate(timeout=180)
    assert said.strip() == "interrupted; start the same command again"
    assert "| 16 | registry drill |" in out.read_text(encoding="utf-8")

"""Every screen of every command at 80 and at 100 columns; what an interruption says; what comes before imports."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from multisymbol.cli import main
from multisymbol.cli.commands import COMMANDS, PAGES
from tests.comparison.test_run import SMALL as COMPARED
from tests.conftest import ROOT, SMALL, Command, prepared_outputs

WIDTHS = (80, 100)
SCRIPTS = {"generate-data": "generate_test_data"}
MARKET = tuple(text for text in SMALL if not text.startswith("trainer"))
QUICK_SCREENS = (
    "train dry_run=true",
    "check-data",
    "train sed=3 optimizer.lr=fast mode=singel",
    "resolve symbol=NOWHERE",
    "models nothing",
    "models show NOWHERE --store nowhere",
    "generate-data --symbols A,B:nothing",
    "generate-data --symbols A,B --start 2019-06-01 --out outputs/synthetic",
)
"""Screens that take no model, each under a second."""
STORED_SCREENS = (
    "train trainer.max_epochs=1",
    "train trainer.max_epochs=1 mode=per_symbol",
    "predict",
    "predict as_of=2017-06-01",
    "resolve symbol=SYN_A",
    "resolve symbol=SYN_A as_of=2017-06-01",
    "trace symbol=SYN_A at=2018-06-01T15:00Z",
    "backtest",
    "backtest backtest.arms=[universal,own]",
    "models list",
    "models show neuro_fuzzy.1h.universal",
    "models compare neuro_fuzzy.1h.universal/1 neuro_fuzzy.1h.sym.SYN_A/1",
    "models promote neuro_fuzzy.1h.universal/1",
    "models retire neuro_fuzzy.1h.sym.SYN_B/1",
    "models export neuro_fuzzy.1h.universal/1 out.zip",
    "models import out.zip --as another",
    "models cleanup",
    "models delete another.1h.universal --yes",
)
"""Screens of what was trained, in this order."""


Shown = Callable[[str, tuple[str, ...], int], list[str]]


@pytest.fixture
def shown(called: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shown:
    """Return what runs a command with settings at a width, in an empty folder, and all it says, both streams."""
    monkeypatch.chdir(tmp_path)

    def run(line: str, settings: tuple[str, ...], width: int) -> list[str]:
        name, *arguments = line.split()
        monkeypatch.setenv("COLUMNS", str(width))
        script = SCRIPTS.get(name, name.replace("-", "_"))
        done = called(f"scripts/{script}.py", *arguments, *(settings if name in PAGES else ()))
        assert "Traceback" not in done.stderr, done.stderr
        return [*done.stderr.splitlines(), *done.stdout.splitlines()]

    return run


@pytest.fixture
def outputs(tmp_path: Path, store_template: Path) -> Path:
    """Return a folder of outputs that has its store."""
    return prepared_outputs(tmp_path, store_template)


def misfits(lines: list[str], width: int) -> list[str]:
    """Return the lines wider than the screen, and those in which two columns are headed alike."""
    assert lines, "it says something"
    wide = [line for line in lines if len(line) > width and len(line.split()) > 1]  # a path may be longer
    heads = [
        re.split(r" {2,}", line.strip())
        for above, line in pairwise(lines)
        if above and re.match(r"(symbol|model|arm|fold|column|fact)  +\w", line)
    ]
    return [*wide, *("  ".join(head) for head in heads if len(head) != len(set(head)))]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", [*COMMANDS])
def test_help_fits(name: str, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    monkeypatch.setattr(sys, "argv", ["multisymbol", name, "--help"])
    with pytest.raises(SystemExit) as stopped:
        main.main()
    assert stopped.value.code == 0
    assert misfits(capsys.readouterr().out.splitlines(), width) == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("line", QUICK_SCREENS)
def test_screen_fits(line: str, width: int, shown: Shown) -> None:
    assert misfits(shown(line, MARKET, width), width) == []


@pytest.mark.slow
@pytest.mark.usefixtures("outputs")
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("lines", "settings"),
    [(STORED_SCREENS, MARKET), (("compare dry_run=true", "compare"), COMPARED)],
    ids=["stored models", "comparison"],
)
def test_screens_that_follow_one_another_fit(
    lines: tuple[str, ...], settings: tuple[str, ...], width: int, shown: Shown
) -> None:
    for line in lines:
        assert misfits(shown(line, settings, width), width) == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_ends_with_its_status_and_one_line(
    number: signal.Signals, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> int:
        os.kill(os.getpid(), number)
        signal.pause()
        return 0

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as stopped:
            main.exit_with(work)
    finally:
        signal.signal(signal.SIGINT, before)
    assert stopped.value.code == status
    assert capsys.readouterr() == ("", "interrupted; start the same command again\n")
    assert signal.getsignal(signal.SIGTERM) is handler


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "completion"])
def test_a_command_says_something_before_anything_heavy_is_imported(name: str) -> None:
    code = f"""
import sys
from multisymbol import progress
from multisymbol.cli.commands import run
def said(begun, *, quiet):
    heavy = {{"hydra", "omegaconf", "numpy", "pandas", "torch", "mlflow", "pydantic"}} & set(sys.modules)
    print(begun.facts, sorted(heavy))
    sys.exit(0)
progress._LINE.load = said
run({name!r}, [])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stdout == f"('{name}',) []\n", done.stderr

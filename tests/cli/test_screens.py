"""Every screen of every command at 80 and at 100 columns; what an interruption says; what comes before imports."""

import os
import re
import signal
import subprocess
import sys
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


def screen(line: str, *further: str, width: int, called: Command, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run a command and return all it says, both streams."""
    name, *arguments = line.split()
    monkeypatch.setenv("COLUMNS", str(width))
    script = SCRIPTS.get(name, name.replace("-", "_"))
    done = called(f"scripts/{script}.py", *arguments, *further)
    assert "Traceback" not in done.stderr, done.stderr
    return [*done.stderr.splitlines(), *done.stdout.splitlines()]


def check(lines: list[str], width: int) -> None:
    """No line is wider than the screen, and of two columns none is headed like the other."""
    assert lines
    assert [line for line in lines if len(line) > width and len(line.split()) > 1] == []  # a path may be longer
    for above, line in pairwise(lines):
        if re.match(r"(symbol|model|arm|fold|column|fact)  +\w", line) and above:
            headings = re.split(r" {2,}", line.strip())
            assert len(headings) == len(set(headings)), line


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", [*COMMANDS])
def test_help_fits(name: str, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    monkeypatch.setattr(sys, "argv", ["multisymbol", name, "--help"])
    with pytest.raises(SystemExit) as stopped:
        main.main()
    assert stopped.value.code == 0
    check(capsys.readouterr().out.splitlines(), width)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("line", QUICK_SCREENS)
def test_screen_fits(line: str, width: int, called: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    further = MARKET if line.split(maxsplit=1)[0] in PAGES else ()
    check(screen(line, *further, width=width, called=called, monkeypatch=monkeypatch), width)


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_screens_of_stored_models_fit(
    width: int, called: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store_template: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    prepared_outputs(tmp_path, store_template)
    for line in STORED_SCREENS:
        further = MARKET if line.split(maxsplit=1)[0] in PAGES else ()
        check(screen(line, *further, width=width, called=called, monkeypatch=monkeypatch), width)


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_screens_of_a_comparison_fit(
    width: int, called: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store_template: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    prepared_outputs(tmp_path, store_template)
    for line in ("compare dry_run=true", "compare"):
        check(screen(line, *COMPARED, width=width, called=called, monkeypatch=monkeypatch), width)


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

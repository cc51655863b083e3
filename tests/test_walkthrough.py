"""The commands of README and docs run, in their order, in one folder: on the synthetic market and on real-shaped files.

What is run is read from the pages; only settings that make it small are added.
"""

import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.singleton import Singleton

from multisymbol.cli import command as command_line
from multisymbol.cli.main import console
from tests.conftest import ROOT, prepared_outputs
from tests.shaped import History, write_bars

README = ROOT / "README.md"
IN_ORDER = (
    "README.md",
    "docs/commands.md",
    "docs/models.md",
    "docs/backtest.md",
    "docs/trace.md",
    "docs/comparison.md",
)
"""Pages whose commands build on one another; the rest follows."""
PAGES = [ROOT / name for name in IN_ORDER] + [
    page for page in sorted((ROOT / "docs").glob("*.md")) if f"docs/{page.name}" not in IN_ORDER
]
ELSEWHERE = {
    r"\bresume=": "needs a run that was killed: tests/training/test_resume.py, tests/comparison",
    r"=DIR\b": "needs the 22 or 36 histories of an experiment: tests/test_conf_files.py checks it",
    r"\bHOST\b": "needs a server: tests/cli/test_server.py",
    r"\btrainer=ddp": "starts processes: tests/learning/test_processes.py",
    r"\bsource=(ccxt|yfinance)": "downloads: tests/markets/io",
    r"\btrust=|my model=": "needs own code: tests/test_extending.py",
    r"^completion|--cfg|--help|^COMMAND|\.\.\.": "prints a page: tests/cli/test_main.py",
    r"^generate-data": "writes files: tests/cli/test_generate_data.py",
    r"^import-bars|\bsource\.files=|\bsource\.columns=": "reads vendors' files: tests/markets/io",
    r"\b(RUN|FILE|DIR|KEY)\b": "has a placeholder",
}
"""Commands that another test runs, and where."""
OWN = {
    "AAPL": History(asset_class="stock", start="2017-03-01", end="2018-12-28", price=35.0),
    "EURUSD": History(asset_class="forex", start="2018-01-02", end="2018-11-30", price=1.2),
    "BTCUSDT": History(asset_class="crypto", start="2018-05-01", end="2018-12-31", price=9000.0),
}
"""The files that README's own universe names, in the shape of real ones."""
NAME = "neuro_fuzzy.1h.universal"
"""What stands for NAME: the model that README's first command trains."""
SHORT_MARKET = ("source.start=2017-01-01", "source.end=2019-01-01")
SHORT = {
    "train": ("trainer.max_epochs=1", "batch_size=256", "stride=3", "sampling.epoch_samples=4096"),
    "compare": (
        *("trainer.max_epochs=1", "batch_size=256", "stride=4", "arms=[universal,single,prior]"),
        *("split.train=240d", "split.validation=60d", "split.test=90d", "split.count=1"),
        *("comparison.exploratory=true", "comparison.seeds=[1,2]", "comparison.draws=100", "comparison.aa_draws=100"),
        *("comparison.surrogates.kept=0", "comparison.surrogates.removed=0"),
    ),
}
"""Settings added to a command, unless it has them itself."""


def commands_of(page: Path) -> Iterator[list[str]]:
    """Yield the words after `multisymbol` of each command on a line of its own or in a table's first column."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        found = re.match(r"(?: {4,}|\$ | {4,}\$ |\| `)multisymbol ([a-z-]+\b.*)", line)
        if found:
            words = found[1].split("`")[0] if line.startswith("|") else found[1]
            yield shlex.split(words.replace("NAME", NAME), comments=True)


def place_of(words: list[str]) -> str | None:
    """Say where a command is run that is not run here."""
    text = " ".join(words)
    return next((why for pattern, why in ELSEWHERE.items() if re.search(pattern, text)), None)


def shortened(words: list[str]) -> list[str]:
    """Add what makes a command small."""
    name, *given = words
    own = {word.partition("=")[0] for word in given}
    market = SHORT_MARKET if name not in {"models", "generate-data"} and "source" not in own else ()
    if words[:2] == ["models", "delete"]:
        return [*words, "--yes"]  # it asks otherwise
    return [name, *given, *(word for word in (*market, *SHORT.get(name, ())) if word.partition("=")[0] not in own)]


def run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a command in this process, as in a new one."""
    hydra = Singleton.get_state()
    GlobalHydra.instance().clear()
    with monkeypatch.context() as changed:
        changed.setattr(sys, "argv", ["multisymbol", *words])
        changed.setattr(command_line, "_line", command_line._CommandLine())
        changed.setenv("HYDRA_FULL_ERROR", "0")
        try:
            return console(words)
        except SystemExit as stop:
            return int(stop.code or 0)
        finally:
            Singleton.set_state(hydra)


@pytest.fixture
def folder(tmp_path: Path, store_template: Path) -> Iterator[Path]:
    """A working folder with the bars of README's own universe, and the files README writes."""
    prepared_outputs(tmp_path, store_template)
    (tmp_path / "bars").mkdir()
    write_bars(tmp_path / "bars", OWN, timeframe="1h")
    text = re.sub(r"^ {4}", "", README.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for name, content in re.findall(r"^cat > (\S+) <<'END'\n(.*?)^END$", text, flags=re.MULTILINE | re.DOTALL):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    with chdir(tmp_path):
        yield tmp_path


def refused(commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, said: pytest.CaptureFixture[str]) -> str:
    """Run commands in order; return those that do not end with 0, with what they say; empty where all do."""
    found = []
    for words in commands:
        said.readouterr()
        if status := run(shortened(words), monkeypatch):
            found.append(f"multisymbol {shlex.join(words)}: {status}: {said.readouterr().err[-600:]}")
    return "\n".join(found)


def test_every_command_of_the_pages_is_run_here_or_by_a_test_that_is_named() -> None:
    here = [words for page in PAGES for words in commands_of(page) if place_of(words) is None]
    assert len(here) >= 20
    assert {words[0] for words in here} >= {"train", "compare", "backtest", "predict", "resolve", "models", "trace"}
    own = [words for words in commands_of(README) if "--config-dir" in words]
    assert own, "README shows a universe of one's own"
    assert all(place_of(words) is None for words in commands_of(README))


def test_the_universe_of_ones_own_is_trained_as_the_readme_says(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (own, *_) = [words for words in commands_of(README) if "--config-dir" in words and words[0] == "train"]
    assert refused([own], monkeypatch, capsys) == ""


@pytest.mark.slow
def test_the_commands_of_all_pages_run_in_their_order(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = {page: [words for words in commands_of(page) if place_of(words) is None] for page in PAGES}
    promote = ["models", "promote", f"{NAME}/1", "champion"]
    first, *others = PAGES
    commands = [*pages[first], promote, *(words for page in others for words in pages[page])]
    unique = [list(words) for words in dict.fromkeys(map(tuple, commands))]
    assert refused(unique, monkeypatch, capsys) == ""


@pytest.mark.slow
def test_the_four_commands_and_the_other_modes_run_on_a_universe_of_ones_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (own, *_) = [words[1:] for words in commands_of(README) if "--config-dir" in words and words[0] == "train"]
    four = [words for words in commands_of(README) if "--config-dir" not in words][:4]
    assert [words[0] for words in four] == ["train", "compare", "backtest", "predict"]
    tuned = ["train", "mode=finetune", "symbol=AAPL", "from=champion"]
    modes = [["train", "mode=single", "symbol=BTCUSDT"], ["train", "mode=per_symbol"], ["check-data"]]
    promote = ["models", "promote", "mine.1h.universal/1", "champion"]
    ended = {"predict": ["max_age_bars=null"]}  # the files end in 2018: a dead feed
    first, *rest = [[*words, *own, *ended.get(words[0], [])] for words in four]
    commands = [first, promote, *rest, *([*words, *own] for words in (tuned, *modes))]
    assert refused(commands, monkeypatch, capsys) == ""

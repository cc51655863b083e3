"""The command line: options anywhere, text with braces, help on one screen, mistakes with the argument they are in."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from multisymbol.cli import command
from multisymbol.cli.help import help_page
from tests.composing import CONF, VALIDATION_CONF
from tests.conftest import Command

FOLDERS = [VALIDATION_CONF, CONF]
Given = Callable[..., list[str]]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    """Return what Hydra is given of a command line."""

    def call(*arguments: str) -> list[str]:
        seen: list[str] = []
        monkeypatch.setattr(sys, "argv", ["multisymbol", "train", *arguments])
        monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
        assert command.start(lambda: seen.extend(sys.argv[1:]), page="train", arguments=arguments) == 0
        assert sys.argv == ["multisymbol", "train", *arguments]
        return seen

    return call


def test_options_may_stand_between_overrides(given: Given, tmp_path: Path) -> None:
    folder = str(tmp_path)
    assert given("seed=2", "-m", "--config-dir", folder, "model=mlp,gru", "--info", "window=3") == [
        "++seed=2",
        "model=mlp,gru",
        "++window=3",
        "-m",
        "--config-dir",
        folder,
        "--info",
    ]
    assert given("--info", "defaults-tree", "~sweep", "+x=1") == ["~sweep", "+x=1", "--info", "defaults-tree"]
    assert given("--cfg", "job", "seed=2") == ["++seed=2", "--cfg", "job", "--resolve"]


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("source.pattern={symbol}.csv", "{symbol}.csv"),
        ("source.pattern={symbol}_{timeframe}.csv", "{symbol}_{timeframe}.csv"),
        ('source.pattern="{symbol}.csv"', "{symbol}.csv"),
        ("source.pattern=bars/{slug} (new).csv", "bars/{slug} (new).csv"),
        ('source.pattern={symbol} "new".csv', '{symbol} "new".csv'),
        ("period={start: 2018-01-01}", {"start": "2018-01-01"}),
        ("source.root=${paths.root}/bars", "${paths.root}/bars"),
    ],
)
def test_a_placeholder_is_text(typed: str, read: object, given: Given) -> None:
    (argument,) = given(typed)
    assert OverridesParser.create().parse_override(argument).value() == read


@pytest.mark.parametrize(
    "page", ["train", "check_data", "survey", "trace", "resolve", "predict", "backtest", "compare", "prove", "sizes"]
)
def test_help_says_what_a_command_is_for_on_one_screen(page: str) -> None:
    said = help_page(page, usage=f"multisymbol {page}", folders=FOLDERS)
    file = next(folder / f"{page}.yaml" for folder in FOLDERS if (folder / f"{page}.yaml").is_file())
    first = file.read_text().splitlines()[0].removeprefix("# ")
    assert first in said
    assert "--cfg job" in said
    assert "_self_" not in said.partition("Keys of")[2]
    assert len(said.splitlines()) < 80


def test_help_shows_keys_with_their_words_and_own_pages(
    given: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "symbols").mkdir()
    (tmp_path / "symbols" / "mine.yaml").write_text("members: {}")
    assert given("--help", "--config-dir", str(tmp_path)) == []
    said = capsys.readouterr().out
    assert "dry_run: false               # true: show what the run would use" in said
    assert "daily36, demo, hourly22, mine, table" in said
    assert "registry/policy   evidence, own_first, plan" in said
    assert "More keys: multisymbol train --help" in help_page("trace", usage="multisymbol trace", folders=[CONF])


def test_what_cannot_be_read_is_named(called: Command) -> None:
    done = called("scripts/train.py", "seed=3", "source.root=a[b")
    assert done.returncode == 2
    assert "command line: 'source.root=a[b' cannot be read" in done.stderr
    assert "hydra.cc" not in done.stderr
    done = called("scripts/train.py", "sealed")
    assert "command line: 'sealed' cannot be read: missing EQUAL" in done.stderr
    assert "Write key=value." in done.stderr

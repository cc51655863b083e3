"""What the pages name exists: every file, every configuration choice, every key a command sets."""

import re
from pathlib import Path

import pytest

from multisymbol.cli.schema import problems
from tests.conftest import ROOT, compose_train

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_exist(page: Path) -> None:
    named = re.findall(r"`?((?:scripts|conf|tests|docs|benchmarks|src)/[\w./-]+[\w])", page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_choice_of_the_readme_exists_and_every_file_is_named() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text[text.index("## Choices") : text.index("## Your own bars")]
    for group in ("source", "alignment", "labels", "sampling", "split", "model", "loss"):
        (row,) = [line for line in table.splitlines() if line.startswith(f"| `{group}`")]
        for file in (ROOT / "conf" / group).glob("*.yaml"):
            assert f"`{file.stem}`" in row, f"{group}={file.stem} is not in the README"


def test_training_commands_of_the_readme_pass_the_check() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"`python scripts/train.py ([^`]+)`", text)
    plain = [command.split() for command in commands if not command.startswith("-") and "mine" not in command]
    assert len(plain) >= 4
    for overrides in plain:
        assert problems(compose_train(*overrides)) == []

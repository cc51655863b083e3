"""Every combination of the shipped choices works on a small market, and the table says what each does."""

from pathlib import Path

import pytest

from tests.conftest import SMALL, Command


@pytest.mark.slow
def test_survey_tries_every_combination_and_writes_its_table(command: Command, tmp_path: Path) -> None:
    small = ("source.start=2017-06-01", "source.end=2018-12-01", *SMALL[3:], "split.absent=allow", "model.hidden=[8]")
    page = tmp_path / "choices.md"
    done = command("scripts/survey.py", *small, f"paths.outputs={tmp_path / 'outputs'}", f"out={page}", timeout=900)
    assert done.returncode == 0, done.stderr
    lines = [line for line in page.read_text().splitlines() if line.startswith("| ") and ":--" not in line]
    assert len(lines) == 1 + 3 * 5 * 3
    assert "refused" not in page.read_text()
    assert not list((tmp_path / "outputs").glob("runs/**/*.ckpt"))

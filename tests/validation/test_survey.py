"""Every combination of the shipped choices works on a small market, and the table says what each does."""

from pathlib import Path

import pytest
from validation.choices import Line, _reasons, _table

from tests.conftest import SMALL, Command


@pytest.mark.slow
def test_survey_tries_every_combination_and_writes_its_table(command: Command, tmp_path: Path) -> None:
    small = ("source.start=2017-06-01", "source.end=2018-12-01", *SMALL[4:], "split.absent=allow", "model.hidden=[8]")
    page = tmp_path / "choices.md"
    done = command("validation/survey.py", *small, f"paths.outputs={tmp_path / 'outputs'}", f"out={page}", timeout=900)
    assert done.returncode == 0, done.stderr
    kinds = ("| clock_features ", "| common_hours ", "| none ")
    assert len([line for line in page.read_text().splitlines() if line.startswith(kinds)]) == 3 * 5 * 3
    assert "refused" not in page.read_text()
    assert not list((tmp_path / "outputs").glob("runs/**/*.ckpt"))


def test_a_reason_is_said_once_and_whole_and_no_zero_stands_for_what_is_not_there() -> None:
    good = Line(choice=("none",), bars=9, samples=5, classes=(0.5, 0.0, 0.5))
    refused = [Line(choice=(name,), refused="1 of 2 symbols:\n  AAA: train 0\nleave it out") for name in ("a", "b")]
    assert list(_reasons([good, *refused])) == [
        "2 of 3 combinations are refused, the first is a:\n1 of 2 symbols:\n  AAA: train 0\nleave it out"
    ]
    rows = _table(("alignment",), [good, *refused]).rows
    assert rows[0][1] == 5
    assert not [cell for cell in rows[1] if cell == 0]
    assert rows[1][0] == "a"
    assert "refused" in rows[1]


@pytest.mark.slow
def test_survey_that_is_refused_throughout_ends_with_status_2(command: Command, tmp_path: Path) -> None:
    over = "over={alignment: [none], sampling: [balanced], labels: [zigzag, horizon]}"
    small = ("source.start=2018-01-01", "source.end=2018-12-01", "split.test_from=2030-01-01")
    done = command("validation/survey.py", over, *small, f"paths.outputs={tmp_path / 'outputs'}")
    assert done.returncode == 2
    assert "2 of 2 combinations are refused" in done.stderr or "1 of 2 combinations are refused" in done.stderr
    assert "Traceback" not in done.stderr

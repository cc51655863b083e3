"""What a training says of its own worth."""

from types import SimpleNamespace
from typing import Any

import pytest

from multisymbol.progress import Terminal
from multisymbol.reports.run_summary import name_suspects, no_skill


def scores(**skill: float) -> dict[str, dict[str, float]]:
    return {symbol: {"test_skill": value} for symbol, value in skill.items()}


def test_a_model_that_is_better_everywhere_needs_no_word() -> None:
    assert no_skill({"test_skill": 0.1}, scores(AAA=0.1, BBB=0.01)) is None


def test_symbols_without_skill_are_named() -> None:
    assert no_skill({"test_skill": 0.1}, scores(AAA=0.1, BBB=0.0)) == (
        "no better than no-skill for 1 of 2 symbols (BBB); elsewhere it may be the labels' mechanics alone"
    )
    many = scores(AAA=1.0, **{f"S{place}": -1.0 for place in range(9)})
    assert no_skill({"test_skill": 0.1}, many) == (
        "no better than no-skill for 9 of 10 symbols (S0, S1, S2, S3, S4, S5, S6, S7 and 1 more); "
        "elsewhere it may be the labels' mechanics alone"
    )


def test_a_model_without_skill_over_all_rows_is_called_so() -> None:
    assert no_skill({"test_skill": -0.2}, scores(AAA=-0.1, BBB=-0.3)) == (
        "none over all test rows: a forecast without skill is as good or better for 2 of 2 symbols"
    )
    assert str(no_skill({"test_skill": float("nan")}, scores(AAA=float("nan")))).startswith("none over all test rows")


def test_suspects_stand_in_the_header_and_many_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []
    for count in (0, 3, 10):
        suspects = tuple(f"S{number}: 1 lasting step (step)" for number in range(count))
        dataset: Any = SimpleNamespace(panel=SimpleNamespace(suspects=suspects))
        name_suspects(dataset, Terminal())
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == min(count, 9)
        assert all(line.startswith("suspect") for line in lines)
        assert not count or "S0: 1 lasting step" in lines[0]
    assert "2 more: multisymbol check-data names all" in lines[-1]

from pathlib import Path
from typing import Any

import pytest
from validation.size_simulation import sizes

from multisymbol.errors import ConfigError
from tests.conftest import Command

SMALL: dict[str, Any] = {
    "worlds": 3,
    "instants": [60, 120],
    "symbols": 3,
    "seeds": 3,
    "horizon": 5,
    "draws": 100,
    "alpha": 0.05,
    "seed": 1,
    "out": None,
}


def test_every_test_is_counted_at_every_length_and_the_page_says_how(tmp_path: Path) -> None:
    page = tmp_path / "sizes.md"
    found = sizes({**SMALL, "out": str(page)})
    assert {tuple(size.tested for size in row) for row in found.values()} <= {(3, 3), (0, 3)}
    text = page.read_text(encoding="utf-8")
    assert "worlds=3 symbols=3 seeds=3 horizon=5 draws=100 seed=1" in text
    assert "| gain differs between symbols | not testable |" in text
    assert str(tmp_path) not in text
    assert sizes(SMALL) == found


def test_what_cannot_be_simulated_is_refused_all_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        sizes({**SMALL, "draws": 10, "instants": [40, 120]})
    assert str(error.value) == (
        "draws=10: expected at least 100\n"
        "instants=40: 40 test instants are too few for labels that overlap 4 of them: the tests need 48 (4 blocks of 3 "
        "label spans). Make the test span 1.2 times as long, or the labels shorter"
    )


@pytest.mark.slow
def test_command_shows_both_tables_and_names_a_wrong_key(command: Command) -> None:
    done = command("validation/sizes.py", "worlds=2", "instants=[120]", "horizon=5", "draws=100")
    assert done.returncode == 0
    assert "tests that are used: rejections of 2 worlds, %, at nominal 5 %" in done.stdout
    assert "t-test over all rows" in done.stdout
    wrong = command("validation/sizes.py", "world=2")
    assert wrong.returncode == 2
    assert "did you mean 'worlds'?" in wrong.stderr

"""A page whose skill earns no costs says so in two words more."""

from dataclasses import replace

import pytest

from multisymbol.reports.comparison import comparison_lines, comparison_page
from tests.reports.comparisons import World, compared, trading

WORDS = "Skill, not tradable."
NO_TRADE = float("nan")


@pytest.mark.parametrize(
    ("world", "universal", "single", "told"),
    [
        ("universal", -1.2, -1.9, True),
        ("universal", NO_TRADE, -1.9, True),
        ("universal", 1.2, -1.9, False),
        ("universal", 1.2, 0.4, False),
        ("no skill", -1.2, -1.9, False),
    ],
)
def test_skill_that_pays_no_costs_is_said_to_be_not_tradable(
    *, world: World, universal: float, single: float, told: bool
) -> None:
    comparison = replace(compared(world), trading=trading(universal, single))
    assert (WORDS in comparison_lines(comparison)) is told
    assert (WORDS in comparison_page(comparison).lead) is told

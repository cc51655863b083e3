"""Trades worked out by hand in tests/answers/backtest, compared line by line."""

import re
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from multisymbol.backtest.account import REASONS, Account, Rules, simulate
from tests.serving.markets import costs, prices

FILES = sorted((Path(__file__).parents[1] / "answers" / "backtest").glob("*.yaml"))


def exactly(text: object, known: Mapping[str, Fraction]) -> Fraction:
    """Evaluate arithmetic in fractions: every number in it is taken as it is written."""
    exact = re.sub(r"(?<![\w.])(\d+(?:\.\d+)?)(?![\w.])", r"Fraction('\1')", str(text))
    return Fraction(eval(exact, {"__builtins__": {}, "Fraction": Fraction}, dict(known)))


def account_of(case: Mapping[str, Any]) -> Account:
    market = prices(case["bars"], closed_at_hour=case.get("closed_at_hour"), segment=case.get("segment"))
    rules = Rules(
        fill=case.get("fill", "next_open"),
        units=case.get("units", "fractional"),
        stop=case.get("stop"),
        target=case.get("target"),
        capital=case["capital"],
        stop_in=case.get("stop_in", "fraction"),
    )
    weight = np.array([np.nan if wish == "." else wish for wish in case["weight"]], dtype=np.float64)
    volatility = np.array(case["volatility"], dtype=np.float64) if "volatility" in case else None
    return simulate(market, weight, rules=rules, costs=costs(**case["costs"]), volatility=volatility)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_account_is_what_was_worked_out_by_hand(file: Path) -> None:
    case = yaml.safe_load(file.read_text(encoding="utf-8"))
    known: dict[str, Fraction] = {}
    for name, text in case.get("work", {}).items():
        known[name] = exactly(text, known)
    account = account_of(case)
    for row, text in case["equity"].items():
        assert account.equity[row] == pytest.approx(float(exactly(text, known)), rel=1e-12), f"equity of row {row}"
    assert len(account.trades) == len(case["trades"])
    for number, trade in enumerate(case["trades"]):
        for name, text in trade.items():
            given = getattr(account.trades, name)[number]
            wanted = REASONS.index(text) if name == "reason" else float(exactly(text, known))
            assert given == pytest.approx(wanted, rel=1e-11, abs=1e-11), f"{name} of trade {number}"
    assert account.void_decisions == case.get("void", 0)
    assert account.trades.net.sum() == pytest.approx(account.equity[-1] - case["capital"], abs=1e-9)


def test_there_are_answers() -> None:
    assert len(FILES) == 14

"""Jumps: a split is found either way, a crash and wild prices are not."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from multisymbol.markets.jumps import jumps
from multisymbol.markets.symbols import SymbolConfig
from tests.markets.test_bars import bars_of

Hours = Callable[..., pd.DataFrame]


@pytest.fixture
def found(hours: Hours, coin: SymbolConfig) -> Callable[..., list[tuple[int, float]]]:
    def call(*steps: tuple[int, float], deviation: float = 0.01) -> list[tuple[int, float]]:
        """Return (bar, ratio) of what is found where the price is divided at some bars."""
        returns = np.random.default_rng(5).normal(0.0, deviation, 400)
        for bar, ratio in steps:
            returns[bar] = -np.log(ratio)
        close = 100 * np.exp(np.cumsum(returns))
        frame = hours(400).assign(open=close, high=close, low=close, close=close)
        bars = bars_of(frame, coin)
        return [(int(np.searchsorted(bars.opened_at, jump.opened_at)), round(jump.ratio, 3)) for jump in jumps(bars)]

    return call


Found = Callable[..., list[tuple[int, float]]]


def test_splits_and_consolidations_are_found(found: Found) -> None:
    assert found((50, 7.0), (120, 1 / 10), (300, 1.5)) == [(50, 7.0), (120, 10.0), (300, 1.5)]


def test_no_step_and_steps_of_other_ratios_are_not(found: Found) -> None:
    assert found() == []
    assert found((50, 1.25), (120, 2.5), (200, 80.0)) == []


def test_what_is_usual_for_a_wild_symbol_is_not(found: Found) -> None:
    assert found((50, 2.0), deviation=0.09) == []
    assert found((50, 2.0), deviation=0.05) == [(50, 2.0)]


def test_a_crash_within_a_bar_is_not(hours: Hours, coin: SymbolConfig) -> None:
    frame = hours(30)
    close = np.where(np.arange(30) < 20, 100.0, 50.0) * (1 + 0.001 * (np.arange(30) % 2))
    opened = np.r_[100.0, close[:-1]]
    frame = frame.assign(open=opened, close=close, high=np.maximum(opened, close), low=np.minimum(opened, close))
    assert jumps(bars_of(frame, coin)) == []
    assert len(jumps(bars_of(frame.assign(open=close, high=close, low=close), coin))) == 1


def test_prices_that_never_move_have_none(hours: Hours, coin: SymbolConfig) -> None:
    frame = hours(30).assign(open=5.0, high=5.0, low=5.0, close=5.0)
    assert jumps(bars_of(frame, coin)) == []

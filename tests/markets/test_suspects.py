"""Copies of another symbol: the same instant or later, in any unit, whole or in part; and none among others."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from multisymbol.markets.suspects import copies, return_prints, suspects
from tests.markets.conftest import config_of
from tests.markets.io.test_prices import scaled, walk
from tests.markets.test_bars import bars_of

Hours = Callable[..., pd.DataFrame]
PRICES = ["open", "high", "low", "close"]


def found(**frames: pd.DataFrame) -> list[str]:
    return copies([return_prints(bars_of(frame, config_of(name, "crypto"))) for name, frame in frames.items()])


def later(frame: pd.DataFrame, bars: int) -> pd.DataFrame:
    """Return the same prices, some bars later."""
    return frame.assign(timestamp=frame["timestamp"] + pd.Timedelta(hours=bars))


@pytest.mark.parametrize("unit", [1.0, 100.0, 1 / 75])
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_a_duplicate_is_named_in_any_unit(hours: Hours, unit: float, kind: str) -> None:
    copy = scaled(walk(hours), slice(None), unit).astype(dict.fromkeys(PRICES, kind))
    (text,) = found(A=walk(hours), B=walk(hours, seed=1), C=copy)
    assert text.startswith("C has the same returns as A, in about ")


@pytest.mark.parametrize(("lag", "said"), [(1, "1h"), (5, "5h"), (48, "2d")])
def test_a_lagged_copy_is_named_with_its_lag_whichever_comes_first(hours: Hours, lag: int, said: str) -> None:
    frame = walk(hours)
    assert found(A=frame, B=later(frame, lag)) == [f"B repeats A {said} later, in about 100% of its bars"]
    assert found(B=later(frame, lag), A=frame) == [f"B repeats A {said} later, in about 100% of its bars"]


def test_a_part_that_is_copied_is_named(hours: Hours) -> None:
    frame, other = walk(hours), walk(hours, seed=2)
    other.loc[250:, PRICES] = frame.loc[250:, PRICES]
    (text,) = found(A=frame, B=other)
    assert text.startswith("B has the same returns as A, in about ")


def test_symbols_of_their_own_are_not_named(hours: Hours) -> None:
    still = hours(400).assign(**dict.fromkeys(PRICES, 5.0))
    assert (
        found(**{f"S{seed}": walk(hours, seed=seed) for seed in range(20)}, FLAT=still, OTHER=still, FEW=hours(5)) == []
    )
    assert copies([]) == []


def test_three_hundred_symbols_are_compared_through_one_index(hours: Hours) -> None:
    frames = {f"S{seed}": walk(hours, seed=seed) for seed in range(40)}
    prints = [return_prints(bars_of(frame, config_of(name, "crypto"))) for name, frame in frames.items()]
    many = [each for each in prints for _ in range(8)][:300]
    assert len(copies(many)) == 300 - 38  # each but the first of its kind, once


def test_odd_prices_are_suspects_of_a_run(hours: Hours) -> None:
    bars = bars_of(scaled(walk(hours), slice(200, 203), 100), config_of("VOD", "crypto"))
    assert suspects([return_prints(bars)]) == ["VOD: 3 bars wrong in all four prices (outlier)"]
    assert np.isfinite(bars.close).all()

"""Odd prices: units mistaken, splits not adjusted for, and the real moves that are neither."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from multisymbol.markets.io.defects import OnDefect
from multisymbol.markets.io.quality import FileFinding
from multisymbol.markets.symbols import SymbolConfig
from tests.markets.conftest import config_of
from tests.markets.test_bars import bars_of, examined

Hours = Callable[..., pd.DataFrame]
PRICES = ["open", "high", "low", "close"]
BARS = 400


def walk(hours: Hours, *, deviation: float = 0.01, seed: int = 5) -> pd.DataFrame:
    """Bars of a random walk; each opens a tenth of a deviation from the close before."""
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, deviation, BARS)))
    opened = np.r_[100.0, close[:-1]] * np.exp(random.normal(0, deviation / 10, BARS))
    wick = np.exp(random.exponential(deviation / 3, (2, BARS)))
    high, low = np.maximum(opened, close) * wick[0], np.minimum(opened, close) / wick[1]
    return hours(BARS).assign(open=opened, high=high, low=low, close=close)


def named(frame: pd.DataFrame, config: SymbolConfig) -> dict[str, list[int]]:
    """Return kind -> rows, of the odd prices."""
    found = examined(frame, config).findings
    stamps = pd.DatetimeIndex(frame["timestamp"]).as_unit("ns").asi8
    return {f.key: np.searchsorted(stamps, f.at).tolist() for f in found if f.key in {"outlier", "step", "wick"}}


def scaled(frame: pd.DataFrame, rows: slice, factor: float) -> pd.DataFrame:
    frame.loc[frame.index[rows], PRICES] *= factor
    return frame


@pytest.mark.parametrize("bars", [1, 2, 3])
@pytest.mark.parametrize("factor", [100.0, 1000.0, 75.0, 1.25, 2.0, 1 / 100, 1 / 1000, 1 / 75, 0.8])
def test_bars_wrong_in_all_four_prices_are_named(hours: Hours, bars: int, factor: float) -> None:
    stock = config_of("VOD", "stock", calendar="24/7")
    assert named(scaled(walk(hours), slice(200, 200 + bars), factor), stock) == {"outlier": [*range(200, 200 + bars)]}


@pytest.mark.parametrize(
    "ratio",
    [100.0, 1000.0, 75.0, 50.0, 10.0, 7.0, 3.0, 2.0, 1.5, 1.25, 0.8, 1 / 2, 1 / 3, 1 / 10, 1 / 75, 1 / 100, 1 / 1000],
)
def test_lasting_steps_are_named_with_date_and_ratio(hours: Hours, coin: SymbolConfig, ratio: float) -> None:
    frame = scaled(walk(hours, deviation=0.005), slice(200, None), ratio)
    assert named(frame, coin) == {"step": [200]}
    (step,) = [finding for finding in examined(frame, coin).findings if finding.key == "step"]
    date, said = step.note.split(":")[0].split(" x")
    assert date == str(frame["timestamp"][200])[:10]
    assert float(said) == pytest.approx(ratio, rel=0.01)


def test_pence_among_pounds_in_one_file_and_for_good_in_another(hours: Hours) -> None:
    """A day in pence, then three days in hundredths of a pound; and a step to pence that stays."""
    stock = config_of("VOD", "stock", calendar="24/7")
    pence = scaled(scaled(walk(hours), slice(300, 301), 100), slice(350, 353), 1 / 100)
    assert named(pence, stock) == {"outlier": [300, 350, 351, 352]}
    assert named(scaled(walk(hours), slice(300, None), 1 / 100), stock) == {"step": [300]}


@pytest.mark.parametrize("seed", range(8))
def test_clean_walks_have_no_odd_price(hours: Hours, seed: int) -> None:
    for deviation in (0.001, 0.01, 0.05):
        assert named(walk(hours, deviation=deviation, seed=seed), config_of("BTC", "crypto")) == {}


def test_what_prices_do_by_themselves_is_not_named(hours: Hours, coin: SymbolConfig) -> None:
    crash = walk(hours)  # within a bar, as in a market that never closes
    crash.loc[200:, PRICES] *= 0.5
    before = float(crash["close"].iloc[199])
    crash.loc[[200], ["open", "high"]] = before, before * 1.001
    assert "step" not in named(crash, coin)
    news = scaled(walk(hours), slice(200, None), 0.8)  # a gap on a day of a wide range
    news.loc[[200], ["low"]] *= 0.93
    assert named(news, coin) == {}
    other = scaled(scaled(walk(hours, deviation=0.005), slice(100, None), 2.5), slice(300, None), 1 / 62.5)
    assert named(other, coin) == {}
    assert named(scaled(walk(hours, deviation=0.09), slice(200, None), 1 / 2), coin) == {}


def test_bars_in_another_unit_are_dropped_on_purpose_and_steps_refused(hours: Hours, coin: SymbolConfig) -> None:
    frame = scaled(walk(hours), slice(200, 203), 100)
    bars = bars_of(frame, coin, on_defect=OnDefect(outlier="drop"))
    assert (len(bars), dict(bars.dropped)) == (BARS - 3, {"outlier": 3})
    assert dict(bars_of(frame, coin).kept_defects) == {"outlier": 3}
    stepped = examined(scaled(walk(hours), slice(200, None), 100), coin, on_defect=OnDefect(step="raise"))
    assert "a split that is not adjusted for, or another unit" in str(stepped.refusal)


def test_prices_that_never_move_have_no_step(hours: Hours, coin: SymbolConfig) -> None:
    found: list[FileFinding] = list(examined(hours(30).assign(**dict.fromkeys(PRICES, 5.0)), coin).findings)
    assert [finding.key for finding in found] == ["flat"]

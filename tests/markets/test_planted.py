from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from multisymbol.errors import BarsError, ConfigError
from multisymbol.markets.bars import Bars
from multisymbol.markets.io.defects import OnDefect
from multisymbol.markets.planted import VOLUME_SPREAD, OpeningSource, PlantedSource
from multisymbol.markets.sessions import session_clock
from multisymbol.markets.surrogate import SurrogateSource
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import Period, instant
from tests.markets.conftest import LIMITS, config_of
from tests.markets.test_synthetic import market

Floats = npt.NDArray[np.float64]


def planted(**changes: Any) -> PlantedSource:
    choices: dict[str, Any] = {
        "timeframe": "1h",
        "start": "2015-01-01",
        "bars": 20_000,
        "seed": 1,
        "effects": {"AAA": 0.3, "BBB": -0.3},
        "correlation": 0.4,
        "volatility": 0.005,
        "lengths": {},
        "min_bars": 50,
        "on_defect": OnDefect(),
        "limits": LIMITS,
    }
    return PlantedSource(**{**choices, **changes})


def read(symbol: str = "AAA", **changes: Any) -> Bars:
    return planted(**changes).read(config_of(symbol, "crypto"), Period())


def moves(bars: Bars) -> Floats:
    return np.asarray(np.diff(np.log(bars.close)), dtype=np.float64)


def signal(bars: Bars) -> Floats:
    """What carries the signal, as the volume shows it; of all bars but the last."""
    return np.asarray(np.log(bars.volume[:-1] / 1e6) / VOLUME_SPREAD, dtype=np.float64)


def correlation(one: Floats, other: Floats) -> float:
    return float(np.corrcoef(one, other)[0, 1])


@pytest.mark.parametrize(("symbol", "effect"), [("AAA", 0.3), ("BBB", -0.3), ("CCC", 0.0)])
def test_the_next_return_depends_on_this_volume_as_much_as_planted(symbol: str, effect: float) -> None:
    bars = read(symbol)
    assert correlation(signal(bars), moves(bars)) == pytest.approx(effect, abs=0.02)
    assert moves(bars).std() == pytest.approx(0.005, rel=0.02)


def test_prices_alone_are_a_martingale() -> None:
    steps = moves(read())
    for lag in range(1, 10):
        assert abs(correlation(steps[lag:], steps[:-lag])) < 4 / np.sqrt(len(steps))
    assert abs(steps.mean()) < 4 * steps.std() / np.sqrt(len(steps))


def test_a_surrogate_of_it_has_no_signal_left() -> None:
    turned = SurrogateSource(inner=planted(), seed=3, drift="removed").read(config_of("AAA", "crypto"), Period())
    assert abs(correlation(signal(turned), moves(turned))) < 4 / np.sqrt(len(turned))


def test_shocks_are_correlated_as_asked_and_signals_are_not() -> None:
    one, other = read("CCC"), read("DDD")
    assert correlation(moves(one), moves(other)) == pytest.approx(0.4, abs=0.02)
    assert abs(correlation(signal(one), signal(other))) < 0.03


def test_bars_are_valid_unbroken_and_marked_synthetic() -> None:
    bars = read()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    np.testing.assert_allclose(bars.open[1:], bars.close[:-1])
    assert len(bars.segments()) == 1
    assert bars.synthetic
    assert bars.opened_at[0] == instant("2015-01-01")


def test_a_short_symbol_has_the_last_bars_of_the_long_one() -> None:
    whole, short = read(), read(lengths={"AAA": 700})
    assert len(short) == 700
    np.testing.assert_array_equal(short.close, whole.close[-700:])
    assert len(read("BBB", lengths={"AAA": 700})) == 20_000


def test_the_same_seed_gives_the_same_bars_and_the_fingerprint_tells_all_else_apart() -> None:
    np.testing.assert_array_equal(read().close, read().close)
    assert not np.allclose(read(seed=2).close, read().close)
    config = config_of("AAA", "crypto")
    changes: list[dict[str, Any]] = [
        {},
        {"seed": 2},
        {"effects": {}},
        {"correlation": 0.1},
        {"volatility": 0.004},
        {"bars": 19_000},
        {"lengths": {"AAA": 700}},
    ]
    assert len({planted(**change).fingerprint(config, Period()) for change in changes}) == len(changes)
    other = planted(effects={"AAA": 0.3})
    assert other.fingerprint(config, Period()) == planted().fingerprint(config, Period())


def test_too_short_a_period_is_refused() -> None:
    with pytest.raises(BarsError, match="min_bars"):
        planted().read(config_of("AAA", "crypto"), Period(end="2015-01-02"))


def test_wrong_values_are_named_together() -> None:
    with pytest.raises(ConfigError) as error:
        planted(bars=1, seed=-1, correlation=2.0, volatility=0.5, effects={"AAA": 1.0}, lengths={"BBB": 1})
    for name in ("bars=1", "seed=-1", "correlation=2.0", "volatility=0.5", "effects.AAA=1.0", "lengths.BBB=1"):
        assert name in str(error.value)


def test_only_the_chosen_bar_of_a_session_drifts_whatever_daylight_saving_says(stock: SymbolConfig) -> None:
    inner = market(timeframe="15m", start="2018-01-02", end="2018-12-31", correlation=0.2)
    plain = inner.read(stock, Period())
    drifting = OpeningSource(inner=inner, minutes=15, effect=1.0).read(stock, Period())
    added = np.log(drifting.close / drifting.open) - np.log(plain.close / plain.open)
    clock = session_clock(stock.calendar, start=int(plain.opened_at[0]), end=int(plain.closed_at[-1]))
    chosen = np.isclose(clock.facts(plain.opened_at).minutes_since_open, 15)
    assert 240 < chosen.sum() < 260
    np.testing.assert_allclose(added[~chosen], 0.0, atol=1e-12)
    np.testing.assert_allclose(added[chosen], np.log(plain.close / plain.open)[chosen].std(), rtol=1e-9)
    assert (drifting.high >= np.maximum(drifting.open, drifting.close)).all()
    assert (drifting.low <= np.minimum(drifting.open, drifting.close)).all()
    hours = {int(at) for at in plain.opened_at[chosen] // (60 * 60 * 10**9) % 24}
    assert hours == {13, 14}

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest

from multisymbol.config.build import build
from multisymbol.config.check import check
from multisymbol.errors import BarsError, ConfigError
from multisymbol.labels.labels import HOLD
from multisymbol.labels.zigzag import ZigZag
from multisymbol.markets.bars import Bars
from multisymbol.markets.surrogate import SurrogateSource, mirrored, signs
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.synthetic import SyntheticSource
from multisymbol.markets.time import HOUR, Period, instant
from tests.markets.conftest import LIMITS, config_of
from tests.markets.test_synthetic import market

Drift = Literal["kept", "removed"]
DRIFTS: tuple[Drift, ...] = ("kept", "removed")


def surrogate(*, seed: int = 3, drift: Drift = "removed", **changes: Any) -> SurrogateSource:
    return SurrogateSource(inner=market(**changes), seed=seed, drift=drift)


def log_returns(bars: Bars) -> npt.NDArray[np.float64]:
    """Of all bars, the first one's from its open."""
    return np.diff(np.log(np.r_[bars.open[0], bars.close]))


def both(config: SymbolConfig, *, seed: int = 3, drift: Drift = "removed", **changes: Any) -> tuple[Bars, Bars]:
    source = surrogate(seed=seed, drift=drift, **changes)
    return source.inner.read(config, Period()), source.read(config, Period())


def flat(*closes: float, high: float = 0.5, low: float = 1.0) -> Bars:
    """Bars that open where the one before closed, and reach `high` above and `low` below their ends."""
    close = np.asarray(closes)
    opened = np.r_[100.0, close[:-1]]
    opened_at = instant("2019-01-07") + HOUR * np.arange(len(close))
    return Bars(
        symbol="X",
        timeframe=market().timeframe,
        opened_at=opened_at,
        closed_at=opened_at + HOUR,
        open=opened,
        high=np.maximum(opened, close) + high,
        low=np.minimum(opened, close) - low,
        close=close,
        volume=np.arange(1.0, len(close) + 1),
        segment=np.zeros(len(close), np.int32),
        synthetic=False,
        origin="by hand",
    )


def test_one_bar_turned_over_by_hand() -> None:
    turned = mirrored(flat(110.0, 121.0), np.array([1.0, -1.0]), drift="removed")
    np.testing.assert_allclose(turned.close, [110.0, 100.0])
    np.testing.assert_allclose(turned.open, [100.0, 110.0])
    np.testing.assert_allclose(turned.high[1], 110.0 * 110.0 / (110.0 - 1.0))
    np.testing.assert_allclose(turned.low[1], 110.0 * 110.0 / (121.0 + 0.5))
    np.testing.assert_allclose([turned.high[0], turned.low[0]], [110.5, 99.0])


def test_with_the_drift_kept_signs_apply_to_what_is_left_after_the_mean_by_hand() -> None:
    steps = np.log(np.array([1.1, 1.3]))
    turned = mirrored(flat(110.0, 143.0), np.array([-1.0, 1.0]), drift="kept")
    np.testing.assert_allclose(log_returns(turned), [2 * steps.mean() - steps[0], steps[1]])


def test_a_gap_over_a_closure_is_turned_over_with_its_bar() -> None:
    gapped = flat(100.0, 110.0)
    gapped = replace(gapped, open=np.array([100.0, 105.0]))
    turned = mirrored(gapped, np.array([1.0, -1.0]), drift="removed")
    np.testing.assert_allclose(turned.open, [100.0, 100.0 / 1.05])


def test_all_symbols_have_the_same_sign_at_one_instant() -> None:
    for other in ("BBB", "CCC"):
        first, turned_first = both(config_of("AAA", "crypto"))
        second, turned_second = both(config_of(other, "crypto"), ragged=True)
        place = np.searchsorted(first.closed_at, second.closed_at)
        assert np.array_equal(first.closed_at[place], second.closed_at)
        of_first = np.sign(log_returns(first) * log_returns(turned_first))[place]
        of_second = np.sign(log_returns(second) * log_returns(turned_second))
        assert np.array_equal(of_first, of_second)
        assert 0.48 < (of_second > 0).mean() < 0.52


def test_signs_are_a_function_of_seed_and_instant_and_fair_coins() -> None:
    at = instant("2010-01-01") + HOUR * np.arange(100_000)
    tosses = signs(at, seed=1)
    assert np.array_equal(signs(at[500:700], seed=1), tosses[500:700])
    assert set(np.unique(tosses)) == {-1.0, 1.0}
    for series in (tosses, tosses[1:] * tosses[:-1], tosses[24:] * tosses[:-24], tosses * signs(at, seed=2)):
        assert abs(series.mean()) < 4 / np.sqrt(len(series))


@pytest.mark.parametrize("drift", DRIFTS)
def test_the_same_seed_gives_the_same_bars_and_another_one_others(stock: SymbolConfig, drift: Drift) -> None:
    once = surrogate(drift=drift).read(stock, Period())
    again = surrogate(drift=drift).read(stock, Period())
    other = surrogate(drift=drift, seed=4).read(stock, Period())
    assert np.array_equal(once.close, again.close)
    assert np.array_equal(once.high, again.high)
    assert not np.allclose(once.close[100:], other.close[100:])


def test_log_returns_keep_their_size_and_with_the_drift_kept_their_distance_from_the_mean(stock: SymbolConfig) -> None:
    real, turned = both(stock)
    np.testing.assert_allclose(np.abs(log_returns(turned)), np.abs(log_returns(real)), atol=1e-12)
    real, turned = both(stock, drift="kept")
    mean = log_returns(real).mean()
    np.testing.assert_allclose(np.abs(log_returns(turned) - mean), np.abs(log_returns(real) - mean), atol=1e-12)


@pytest.mark.parametrize("drift", DRIFTS)
def test_bars_stay_valid_and_all_but_prices_stays(stock: SymbolConfig, drift: Drift) -> None:
    real, turned = both(stock, drift=drift, signal=0.2)
    assert (turned.low <= np.minimum(turned.open, turned.close)).all()
    assert (turned.high >= np.maximum(turned.open, turned.close)).all()
    assert (turned.low > 0).all()
    for name in ("opened_at", "closed_at", "volume", "segment"):
        np.testing.assert_array_equal(getattr(turned, name), getattr(real, name))
    assert turned.synthetic
    assert turned.origin == f"surrogate of {real.origin}"
    np.testing.assert_allclose(np.log(turned.high / turned.low), np.log(real.high / real.low), atol=1e-12)


def test_a_market_that_only_rises_keeps_its_drift_or_loses_it() -> None:
    rising = flat(*100.0 * np.exp(0.01 * np.arange(1, 5001) / 10))
    tossed = signs(rising.closed_at, seed=5)
    kept, removed = (mirrored(rising, tossed, drift=drift) for drift in DRIFTS)
    np.testing.assert_allclose(kept.close, rising.close)
    np.testing.assert_allclose(log_returns(removed), 0.001 * tossed, atol=1e-12)
    assert abs(log_returns(removed).mean()) < 4 * 0.001 / np.sqrt(5000)


def test_clustering_of_volatility_and_correlation_between_symbols_survive() -> None:
    first, turned_first = both(config_of("AAA", "stock"), correlation=0.5)
    second, turned_second = both(config_of("BBB", "stock"), correlation=0.5)
    pairs = ((first, second), (turned_first, turned_second))
    together = [np.corrcoef(log_returns(one), log_returns(other))[0, 1] for one, other in pairs]
    assert together[0] > 0.3
    assert together[1] == pytest.approx(together[0], abs=0.02)
    sizes = [np.abs(log_returns(bars)) for bars in (first, turned_first)]
    clustering = [np.corrcoef(size[7:], size[:-7])[0, 1] for size in sizes]
    assert clustering[0] > 0.1
    assert clustering[1] == pytest.approx(clustering[0], abs=1e-9)


def test_a_planted_trend_is_gone() -> None:
    real, turned = both(config_of("AAA", "crypto"), signal=0.3)
    follow = [
        np.corrcoef(np.convolve(moves, np.ones(24), "valid")[:-1], moves[24:])[0, 1]
        for moves in map(log_returns, (real, turned))
    ]
    assert follow[0] > 0.1
    assert abs(follow[1]) < 4 / np.sqrt(len(real))


@pytest.mark.parametrize("drift", DRIFTS)
def test_the_retracement_rule_names_three_legs_in_four_as_before(drift: Drift) -> None:
    zigzag = ZigZag(threshold="volatility", percent=2.0, sigmas=12.0, volatility_bars=100)
    hits = []
    for symbol in ("AAA", "BBB", "CCC"):
        bars = surrogate(drift=drift).read(config_of(symbol, "crypto"), Period())
        found = zigzag.label(bars, slice(0, len(bars)))
        judged = (found.value >= 0) & (found.rule >= 0) & (found.value != HOLD)
        hits.append((found.value == found.rule)[judged])
    assert np.concatenate(hits).mean() == pytest.approx(0.75, abs=0.03)


def test_the_fingerprint_tells_seed_drift_and_inner_bars_apart(stock: SymbolConfig) -> None:
    sources: list[SurrogateSource | SyntheticSource] = [
        market(),
        surrogate(),
        surrogate(seed=4),
        surrogate(drift="kept"),
        surrogate(start="2016-02-01"),
    ]
    prints = [source.fingerprint(stock, Period()) for source in sources]
    assert len({*prints, surrogate().fingerprint(stock, Period(start="2017-01-01"))}) == 6
    assert surrogate().fingerprint(stock, Period()) == prints[1]


def test_a_shorter_period_has_the_same_moves(stock: SymbolConfig) -> None:
    whole = surrogate().read(stock, Period())
    part = surrogate().read(stock, Period(start="2017-01-01", end="2018-01-01"))
    rows = np.isin(whole.opened_at, part.opened_at)
    assert 1500 < len(part) == rows.sum()
    np.testing.assert_allclose(log_returns(part)[1:], log_returns(whole)[rows][1:], atol=1e-12)


def test_a_refusal_of_the_inner_source_is_passed_on(stock: SymbolConfig) -> None:
    with pytest.raises(BarsError, match="min_bars"):
        surrogate(min_bars=1_000_000).read(stock, Period())


def test_a_wrong_seed_and_drift_are_named_together() -> None:
    wrong: Callable[..., SurrogateSource] = SurrogateSource
    with pytest.raises(ConfigError) as error:
        wrong(inner=market(), seed=-1, drift="gone")
    assert "seed=-1: a seed is 0 or more" in str(error.value)
    assert "drift=gone: expected kept or removed" in str(error.value)


def test_it_is_made_and_checked_from_a_configuration_around_any_source() -> None:
    inner = {
        "_target_": "multisymbol.markets.synthetic.SyntheticSource",
        "timeframe": "1h",
        "start": "2016-01-01",
        "end": "2017-01-01",
        "seed": 1,
        "signal": 0.0,
        "correlation": 0.3,
        "annual_volatility": {"stock": 0.3},
        "ragged": False,
        "min_bars": 100,
        "on_defect": {"_target_": "multisymbol.markets.io.defects.OnDefect"},
        "limits": {"_target_": "multisymbol.markets.io.defects.Limits", "wick": dict(LIMITS.wick), "flat_bars": 5},
    }
    node = {
        "_target_": "multisymbol.markets.surrogate.SurrogateSource",
        "inner": inner,
        "seed": 3,
        "drift": "kept",
    }
    assert check({**node, "sed": 1}, schema="multisymbol.markets.surrogate.SurrogateSource")
    assert not check(node, schema="multisymbol.markets.surrogate.SurrogateSource")
    built = build(node, role="source")
    assert isinstance(built, SurrogateSource)
    assert len(built.read(config_of("AAA", "stock"), Period())) > 1000

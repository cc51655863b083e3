"""Leaks planted one at a time into a clean pipeline on bars by hand: each is named, and nothing else is."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from validation.leakage_checks import LeakageFinding, Pipeline, look_ahead, otherwise, until

from multisymbol.labels.horizon import Horizon
from multisymbol.labels.labels import BUY, HOLD, UNRESOLVED, Labels, label_bars
from multisymbol.labels.zigzag import ZigZag
from multisymbol.markets.bars import Bars
from multisymbol.markets.time import HOUR, Timeframe, instant

Floats = npt.NDArray[np.float64]
CUTS = range(250, 400, 15)


def walk(n: int = 500, seed: int = 0) -> Bars:
    random = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(0.01 * random.standard_normal(n)))
    opened = np.r_[100.0, close[:-1]]
    opened_at = instant("2019-01-07") + HOUR * np.arange(n)
    return Bars(
        symbol="X",
        timeframe=Timeframe.parse("1h"),
        opened_at=opened_at,
        closed_at=opened_at + HOUR,
        open=opened,
        high=np.maximum(opened, close) * 1.001,
        low=np.minimum(opened, close) * 0.999,
        close=close,
        volume=np.full(n, 10.0),
        segment=np.zeros(n, np.int32),
        synthetic=True,
        origin="by hand",
    )


def returns(bars: Bars) -> Floats:
    return np.asarray(np.diff(np.log(bars.close), prepend=np.log(bars.close[0])), dtype=np.float64)


def trailing(bars: Bars) -> Floats:
    total = np.cumsum(returns(bars))
    return np.asarray(np.r_[np.full(9, np.nan), total[9:] - np.r_[0.0, total[:-10]]], dtype=np.float64)


def zigzag(bars: Bars) -> Labels:
    return label_bars(bars, ZigZag(threshold="percent", percent=4.0, sigmas=1.0, volatility_bars=20))


def pipeline(
    *,
    column: Callable[[Bars], Floats] = trailing,
    labels: Callable[[Bars], Labels] = zigzag,
    samples: Callable[[Bars], npt.NDArray[np.bool_]] | None = None,
) -> Pipeline:
    def kept(bars: Bars) -> npt.NDArray[np.bool_]:
        return np.asarray(labels(bars).value != UNRESOLVED)

    return Pipeline(
        columns=("return", "column"),
        features=lambda bars: np.column_stack([returns(bars), column(bars)]),
        labels=labels,
        samples=samples or kept,
    )


def found(checked: Pipeline) -> list[tuple[str, str, float]]:
    return [(each.leak, each.name, each.reach) for each in look_ahead(checked, walk(), cuts=CUTS)]


@pytest.mark.parametrize(
    "labels", [zigzag, lambda bars: label_bars(bars, Horizon(bars=5, dead_band_sigmas=0.3, volatility_bars=20))]
)
def test_nothing_is_found_where_nothing_is_planted(labels: Callable[[Bars], Labels]) -> None:
    assert found(pipeline(labels=labels)) == []


def ahead(by: int) -> Callable[[Bars], Floats]:
    return lambda bars: np.r_[returns(bars)[by:], np.full(by, np.nan)]


@pytest.mark.parametrize("bars_ahead", [1, 3, 20])
def test_a_feature_of_later_bars_is_named_with_its_reach(bars_ahead: int) -> None:
    assert found(pipeline(column=ahead(bars_ahead))) == [("feature", "column", float(bars_ahead))]


def test_a_centred_mean_reaches_half_its_window_ahead() -> None:
    def centred(bars: Bars) -> Floats:
        padded = np.r_[np.full(4, np.nan), np.convolve(bars.close, np.ones(9) / 9, "valid"), np.full(4, np.nan)]
        return np.asarray(padded)

    assert found(pipeline(column=centred)) == [("feature", "column", 4.0)]


def test_what_was_fitted_on_the_whole_sample_never_settles() -> None:
    def scaled(bars: Bars) -> Floats:
        return np.asarray((bars.close - bars.close.mean()) / bars.close.std())

    assert found(pipeline(column=scaled)) == [("feature", "column", math.inf)]


def test_hold_at_the_end_of_the_data_is_told_from_a_label_that_is_known() -> None:
    def filled(bars: Bars) -> Labels:
        made = zigzag(bars)
        unknown = made.value == UNRESOLVED
        return replace(
            made,
            value=np.where(unknown, HOLD, made.value).astype(np.int8),
            resolved_at=np.where(unknown, bars.closed_at[-1], made.resolved_at),
        )

    everything = pipeline(labels=filled, samples=lambda bars: np.ones(len(bars), dtype=np.bool_))
    assert found(everything) == [("label", "HOLD at the end", 0.0)]


def test_another_guess_at_the_end_is_a_label_that_changes() -> None:
    def guessed(bars: Bars) -> Labels:
        made = zigzag(bars)
        unknown = made.value == UNRESOLVED
        return replace(made, value=np.where(unknown, BUY, made.value).astype(np.int8))

    everything = pipeline(labels=guessed, samples=lambda bars: np.ones(len(bars), dtype=np.bool_))
    assert [name for _, name, _ in found(everything)] == ["changed labels"]


def test_a_label_that_claims_to_be_known_before_it_is() -> None:
    def early(bars: Bars) -> Labels:
        made = zigzag(bars)
        known = made.value != UNRESOLVED
        return replace(made, resolved_at=np.where(known, bars.closed_at, made.resolved_at))

    assert found(pipeline(labels=early)) == [("label", "known too early", 0.0)]


def test_samples_chosen_by_their_label_are_found_out() -> None:
    def moves_only(bars: Bars) -> npt.NDArray[np.bool_]:
        value = zigzag(bars).value
        return np.asarray((value != UNRESOLVED) & (value != HOLD))

    assert found(pipeline(samples=moves_only)) == [("sample", "filtered samples", 0.0)]


def test_findings_say_in_words_what_was_seen() -> None:
    (one,) = look_ahead(pipeline(column=ahead(1)), walk(), cuts=CUTS)
    (three,) = look_ahead(pipeline(column=ahead(3)), walk(), cuts=CUTS)
    assert isinstance(one, LeakageFinding)
    assert one.text == "column looks at the bar after its own"
    assert three.text == "column looks 3 bars ahead: a window that is not trailing"


def test_bars_are_cut_and_turned_over_where_asked() -> None:
    bars = walk(50)
    assert len(until(bars, 20)) == 20
    turned = otherwise(bars, after=30)
    np.testing.assert_allclose(turned.close[:31], bars.close[:31])
    np.testing.assert_allclose(returns(turned)[31:], -returns(bars)[31:], atol=1e-12)

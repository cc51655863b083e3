import io

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.text import Text

from multisymbol.markets.time import HOUR, instant
from multisymbol.reports.figures.comparison import (
    EffectSeries,
    _colour,
    _style,
    cumulative_mean,
    effect_over_time_figure,
    forest_figure,
    pooling_figure,
    rank_correlation,
    seed_figure,
)

START = instant("2018-01-01")


def effects(*rows: tuple[float, float, float]) -> EffectSeries:
    value, low, high = np.array(rows, dtype=np.float64).T
    return EffectSeries(value=value, low=low, high=high)


def drawn(figure: Figure) -> Axes:
    figure.savefig(io.BytesIO(), format="png", dpi=30)
    return figure.axes[0]


def forest(band: EffectSeries | None) -> Axes:
    return drawn(
        forest_figure(
            ["A", "B$", "C", "D"],
            effects=effects((0.03, 0.01, 0.05), (-0.03, -0.05, -0.01), (0.0, -0.01, 0.01), (np.nan, np.nan, np.nan)),
            band=band,
            pooled=effects((0.01, 0.002, 0.018)),
            verdicts=["better", "worse", "open", "not run", "better"],
            smallest=0.002,
            arms=("universal", "single"),
        )
    )


def test_forest_counts_intervals_clear_of_zero() -> None:
    assert "Effects beyond 0: universal 1, single 1, neither 2" in forest(None).get_title(loc="left")


def test_forest_counts_only_what_no_skill_does_not_give_too() -> None:
    band = effects((0.0, -0.02, 0.02), (0.0, -0.005, 0.02), (0.0, -0.1, 0.1), (0.0, -0.1, 0.1), (0.0, -0.003, 0.007))
    axes = forest(band)
    said = "Effects beyond 0 and the surrogate band: universal 0, single 1, neither 3"
    assert said in axes.get_title(loc="left")
    assert "all: +0.0100 (+0.0020 to +0.0180) · surrogate band −0.0030 to +0.0070" in [t.get_text() for t in axes.texts]


def test_forest_names_both_directions_and_every_row() -> None:
    axes = forest(None)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["A", r"B\$", "C", "D", "all"]
    assert "← single better" in axes.get_xlabel()
    assert {"better", "worse", "open", "not run"} <= {text.get_text() for text in axes.texts}


def test_effects_need_an_interval_each() -> None:
    with pytest.raises(AssertionError, match="an interval per effect"):
        EffectSeries(value=np.zeros(2), low=np.zeros(1), high=np.zeros(2))


def test_cumulative_mean_by_hand() -> None:
    mean, error = cumulative_mean(np.array([1.0, 3.0, 5.0]), lag=0)
    assert mean.tolist() == [1.0, 2.0, 3.0]
    assert error == pytest.approx(np.sqrt((8 / 3) / np.array([1, 2, 3])))


def test_distant_effects_weigh_less_in_the_error() -> None:
    # around the mean: -2, -1, 3; squares 14, neighbours' products 2 - 3 = -1 at weight 1/2, twice
    assert cumulative_mean(np.array([1.0, 2.0, 6.0]), lag=1)[1][-1] == pytest.approx(np.sqrt(13 / 3 / 3))


def test_standard_error_counts_what_hangs_together() -> None:
    """Each of 500 independent effects comes ten times over: the error is that of 500, not of 5000."""
    independent = np.random.default_rng(0).normal(size=500)
    error = cumulative_mean(np.repeat(independent, 10), lag=40)[1][-1]
    assert error == pytest.approx(independent.std() / np.sqrt(500), rel=0.2)
    assert error > 2.5 * cumulative_mean(np.repeat(independent, 10), lag=0)[1][-1]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=0, max_size=40), st.integers(0, 60))
def test_standard_error_is_never_negative_or_missing(values: list[float], lag: int) -> None:
    mean, error = cumulative_mean(np.array(values), lag=lag)
    assert mean.shape == error.shape == (len(values),)
    assert (error >= 0).all()


def test_each_fold_begins_anew() -> None:
    at = START + HOUR * np.arange(600, dtype=np.int64)
    fold = np.repeat([0, 1], 300)
    effect = np.where(fold == 0, 1.0, -1.0)
    axes = drawn(effect_over_time_figure(at, effect=effect, fold=fold, names=["one", "two"], lag=5))
    ends = [float(np.asarray(line.get_ydata())[-1]) for line in axes.lines[:2]]
    assert ends == [1.0, -1.0]
    assert "above 0 in 1 of 2 folds" in axes.get_title(loc="left")


def test_band_is_not_drawn_before_it_means_something() -> None:
    at = START + HOUR * np.arange(300, dtype=np.int64)
    effect = np.random.default_rng(0).normal(size=300)
    axes = drawn(effect_over_time_figure(at, effect=effect, fold=np.zeros(300, np.int64), names=["one"], lag=20))
    assert len(np.asarray(axes.lines[0].get_xdata())) == 300 - 60


def pooling(count: int) -> Axes:
    rng = np.random.default_rng(0)
    value = rng.normal(0, 0.01, count)
    return drawn(
        pooling_figure(
            [f"S{i}" for i in range(count)],
            history=rng.integers(300, 30_000, count),
            effects=EffectSeries(value=value, low=value - 0.01, high=value + 0.01),
            groups=["stock", "forex"] * (count // 2),
        )
    )


def test_pooling_names_few_symbols_and_not_many() -> None:
    assert {"S0", "S7"} <= {text.get_text() for text in pooling(8).texts}
    assert "S0" not in {text.get_text() for text in pooling(40).texts}


def test_pooling_has_counts_on_a_scale_of_ratios() -> None:
    axes = pooling(8)
    assert axes.get_xscale() == "log"
    assert all("e" not in label.get_text() and "^" not in label.get_text() for label in axes.get_xticklabels())
    assert sum(isinstance(each, LineCollection) for each in axes.collections) == 2


def test_symbols_with_one_history_can_be_drawn() -> None:
    same = effects((0.1, 0.0, 0.2), (0.2, 0.1, 0.3), (np.nan, np.nan, np.nan))
    axes = drawn(pooling_figure(["A", "B", "C"], history=np.full(3, 500), effects=same, groups=["x"] * 3))
    assert "2 symbols" in axes.get_title(loc="left")
    assert not [text for text in axes.findobj(Text) if "nan" in text.get_text()]


def test_rank_correlation_by_hand() -> None:
    assert rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 1e9])) == pytest.approx(1.0)
    assert rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0])) == pytest.approx(-1.0)
    # ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: covariance 4.5, variances 4.5 and 5
    assert rank_correlation(np.array([1.0, 5.0, 5.0, 9.0]), np.arange(4.0)) == pytest.approx(4.5 / np.sqrt(22.5))
    assert np.isnan(rank_correlation(np.ones(3), np.arange(3.0)))
    assert np.isnan(rank_correlation(np.arange(2.0), np.arange(2.0)))


def test_seeds_say_where_they_turn_the_sign() -> None:
    effect: npt.NDArray[np.float64] = np.array([[0.1, 0.2, 0.3], [-0.1, 0.1, 0.1], [np.nan, np.nan, 0.2]])
    axes = drawn(seed_figure(["A", "B", "C"], effect=effect, pooled=np.array([0.1, 0.1, 0.1])))
    assert axes.get_title(loc="left").startswith("Effect changes sign between seeds for 1 of 3 symbols")
    beside = [text.get_text() for text in axes.texts[:4]]
    assert beside == ["±0.1000", "±0.1155", "–", "±0.0000"]


def test_more_series_than_colours_stay_apart() -> None:
    assert len({(_colour(place), _style(place)) for place in range(9)}) == 9

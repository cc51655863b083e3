import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.errors import SampleError
from multisymbol.samples.mixture import tempered
from tests.samples.worlds import EVERY_MIXTURE, balanced, concat, interleaved, temperature, undersampled

ROWS = st.lists(st.integers(0, 5000), min_size=2, max_size=8).filter(any)
NINE_LONG_ONE_SHORT = [15] * 9 + [1]  # nine symbols of 15 years, one of 1 year


def test_concat_draws_every_sample_once() -> None:
    shares = concat().shares([3, 0, 5])
    assert shares.draws.tolist() == [3, 0, 5]
    assert shares.share.tolist() == [0.375, 0.0, 0.625]
    assert shares.passes.tolist() == [1.0, 0.0, 1.0]


def test_balanced_gives_every_symbol_with_rows_the_same_share() -> None:
    shares = balanced(epoch_samples=9).shares([3, 0, 5, 100])
    assert shares.draws.tolist() == [3, 0, 3, 3]
    np.testing.assert_allclose(shares.share, [1 / 3, 0, 1 / 3, 1 / 3])


def test_what_the_cap_takes_from_one_goes_to_the_others_alike() -> None:
    # 108 draws over 4 symbols would be 27 each; S0 takes 2 * 4, S1 2 * 12, the others (108 - 32) / 2 each.
    shares = balanced(epoch_samples=108, max_passes=2.0).shares([4, 12, 40, 52])
    assert shares.draws.tolist() == [8, 24, 38, 38]
    np.testing.assert_allclose(shares.share * 108, [8, 24, 38, 38])


def test_the_cap_can_bind_in_a_second_round() -> None:
    # 30 each; S0 is cut to 2, which lifts the others to 39.33: only now S1 (cap 36) is over.
    assert balanced(epoch_samples=120, max_passes=2.0).shares([1, 18, 100, 100]).draws.tolist() == [2, 36, 41, 41]


def test_where_all_are_at_the_cap_the_epoch_is_shorter() -> None:
    shares = balanced(epoch_samples=1000).shares([10, 0, 30])
    assert shares.draws.tolist() == [40, 0, 120]
    assert shares.share.tolist() == [0.25, 0.0, 0.75]


@pytest.mark.parametrize(("degrees", "share", "passes"), [(1, 0.007, 1.0), (2, 0.028, 3.8), (5, 0.061, 8.3)])
def test_temperatures_of_the_worked_example(degrees: float, share: float, passes: float) -> None:
    rows = [1000 * years for years in NINE_LONG_ONE_SHORT]
    shares = temperature(degrees).shares(rows)
    assert shares.share[-1] == pytest.approx(share, abs=0.0005)
    assert shares.passes[-1] == pytest.approx(passes, abs=0.05)


def test_an_infinite_temperature_without_cap_makes_13_6_passes_over_the_short_symbol() -> None:
    shares = tempered([1000 * n for n in NINE_LONG_ONE_SHORT], temperature=math.inf, max_passes=99, epoch_samples=None)
    assert shares.share[-1] == pytest.approx(0.1)
    assert shares.passes[-1] == pytest.approx(13.6)


def test_temperature_one_is_concat_and_infinity_is_balanced() -> None:
    rows = [300, 0, 40, 1000]
    assert temperature(1.0).shares(rows).draws.tolist() == concat().shares(rows).draws.tolist()
    hot = temperature(math.inf, max_passes=4.0).shares(rows)
    assert hot.draws.tolist() == balanced().shares(rows).draws.tolist()


def test_weights_by_name_multiply_the_shares() -> None:
    hot = temperature(math.inf, max_passes=9.0, epoch_samples=40, weights={"B": 2.0})
    assert hot.shares([10, 10, 10], symbols=["A", "B", "C"]).draws.tolist() == [10, 20, 10]


def test_the_short_symbol_of_the_worked_example_by_loss_weights_is_repeated_by_none_and_weighs_3_8() -> None:
    rows = [1000 * years for years in NINE_LONG_ONE_SHORT]
    shares = temperature(2.0, how="loss_weights").shares(rows)
    assert shares.draws.tolist() == rows
    assert shares.share[-1] == pytest.approx(0.028, abs=0.0005)
    assert shares.weight[-1] == pytest.approx(3.8, abs=0.05)
    assert temperature(5.0, how="loss_weights", max_passes=4.0).shares(rows).weight[-1] == pytest.approx(4.0)


def test_interleaved_ends_before_the_shortest_symbol_is_passed_too_often() -> None:
    # 90 samples of 3 symbols would be 30 rounds; 2 passes over 10 samples are 20.
    shares = interleaved(max_passes=2.0).shares([50, 0, 30, 10])
    assert shares.draws.tolist() == [20, 0, 20, 20]
    assert shares.passes.tolist() == [0.4, 0.0, 20 / 30, 2.0]
    assert interleaved(max_passes=9.0).shares([50, 0, 30, 10]).draws.tolist() == [30, 0, 30, 30]
    assert interleaved(epoch_samples=11).shares([50, 0, 30, 10]).draws.tolist() == [3, 0, 3, 3]


def test_interleaved_weights_act_on_the_loss() -> None:
    shares = interleaved(weights={"C": 2.0}).shares([10, 0, 10, 10], symbols=["A", "B", "C", "D"])
    assert shares.draws.tolist() == [10, 0, 10, 10]
    np.testing.assert_allclose(shares.share, [0.25, 0, 0.5, 0.25])
    np.testing.assert_allclose(shares.weight, [0.75, 1.0, 1.5, 0.75])


def test_an_epoch_of_less_than_a_round_is_refused() -> None:
    with pytest.raises(SampleError, match="epoch_samples=2 is less than one round of the 3 symbols that train"):
        interleaved(epoch_samples=2).shares([50, 0, 30, 10])


def test_undersampled_keeps_of_each_symbol_as_many_as_the_shortest_has() -> None:
    shares = undersampled().shares([1500, 0, 100])
    assert shares.draws.tolist() == [100, 0, 100]
    assert shares.dropped.tolist() == [1400, 0, 0]
    assert shares.passes.tolist() == [1.0, 0.0, 1.0]
    assert undersampled(epoch_samples=300).shares([1500, 0, 100]).passes.tolist() == [1.5, 0.0, 1.5]


def test_of_the_worked_example_undersampled_drops_93_percent() -> None:
    shares = undersampled().shares([1000 * years for years in NINE_LONG_ONE_SHORT])
    assert shares.dropped.sum() / shares.rows.sum() == pytest.approx(0.93, abs=0.005)


def test_weights_of_unknown_symbols_and_weights_not_above_zero_are_refused_all_at_once() -> None:
    mixture = temperature(2.0, weights={"EURUSED": 2.0, "XX": 1.0, "GBPUSD": 0.0})
    with pytest.raises(SampleError) as caught:
        mixture.shares([10, 10], symbols=["EURUSD", "GBPUSD"])
    text = str(caught.value)
    assert "sampling.symbol_weights.EURUSED: there is no such symbol, did you mean 'EURUSD'?" in text
    assert "sampling.symbol_weights.XX: there is no such symbol in the universe" in text
    assert "sampling.symbol_weights.GBPUSD=0.0 must be above 0; leave a symbol out with symbols.without" in text


@pytest.mark.parametrize("name", EVERY_MIXTURE)
def test_every_mixture_says_that_nobody_trains(name: str) -> None:
    with pytest.raises(SampleError, match="no symbol has train samples"):
        EVERY_MIXTURE[name].shares([0, 0], symbols=["S0", "S1"])


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(list(EVERY_MIXTURE)), rows=ROWS)
def test_shares_of_every_mixture_sum_to_one_and_are_what_draws_and_weights_make(name: str, rows: list[int]) -> None:
    shares = EVERY_MIXTURE[name].shares(rows, symbols=[f"S{index}" for index in range(len(rows))])
    epoch = shares.draws.sum()
    assert shares.share.sum() == pytest.approx(1)
    assert epoch > 0
    assert (shares.draws[np.array(rows) == 0] == 0).all()
    # Each symbol's draws are within 1 of what makes its share; so is their product with the weight.
    assert (np.abs(shares.draws * shares.weight - shares.share * epoch) <= shares.weight + 1e-6).all()
    assert shares.rows.tolist() == rows
    assert ((shares.dropped >= 0) & (shares.dropped <= shares.rows)).all()
    if name.endswith("by sampling"):
        assert shares.weight.tolist() == [1.0] * len(rows)
    if "loss_weights" in name and "undersampled" not in name:
        concat_draws = concat(epoch_samples=int(epoch)).shares(rows).draws
        assert shares.draws.tolist() == concat_draws.tolist()
        trains = shares.rows > 0
        np.testing.assert_allclose(shares.weight[trains], (shares.share * sum(rows))[trains] / shares.rows[trains])


@settings(max_examples=60, deadline=None)
@given(
    rows=ROWS,
    degrees=st.sampled_from([1.0, 2.0, 5.0, math.inf]),
    max_passes=st.sampled_from([1.0, 1.5, 4.0, math.inf]),
    epoch_samples=st.none() | st.integers(1, 20_000),
)
def test_draws_by_sampling_add_up_stay_within_one_of_the_share_and_below_the_cap(
    rows: list[int], degrees: float, max_passes: float, epoch_samples: int | None
) -> None:
    shares = tempered(rows, temperature=degrees, max_passes=max_passes, epoch_samples=epoch_samples)
    epoch = int(shares.draws.sum())
    most = math.inf if math.isinf(max_passes) else sum(math.floor(max_passes * n) for n in rows)
    assert epoch == min(epoch_samples or sum(rows), most)
    assert shares.share.sum() == pytest.approx(1)
    assert (np.abs(shares.draws - shares.share * epoch) < 1).all()
    assert (shares.passes <= max_passes).all()
    assert (shares.draws[np.array(rows) == 0] == 0).all()


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, epoch_samples=st.none() | st.integers(1, 20_000))
def test_below_the_cap_balanced_shares_are_equal_and_none_is_above_them(
    rows: list[int], epoch_samples: int | None
) -> None:
    shares = balanced(epoch_samples=epoch_samples, max_passes=2.0).shares(rows)
    ideal = shares.share * shares.draws.sum()
    below = (ideal < 2 * shares.rows - 1e-6) & (shares.rows > 0)
    if below.any():
        np.testing.assert_allclose(ideal[below], ideal.max())


def test_all_wrong_parameters_are_named_at_once() -> None:
    with pytest.raises(SampleError) as caught:
        tempered([0, 0], temperature=0.5, max_passes=0.1, epoch_samples=0)
    text = str(caught.value)
    for part in ("no symbol has train samples", "temperature must be", "max_passes must be", "epoch_samples must be"):
        assert part in text

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.errors import SampleError
from multisymbol.samples.mixture import Balanced, Concat, tempered

ROWS = st.lists(st.integers(0, 5000), min_size=1, max_size=8).filter(any)
NINE_LONG_ONE_SHORT = [15] * 9 + [1]  # METHOD 3f: nine symbols of 15 years, one of 1 year


def test_concat_draws_every_sample_once() -> None:
    shares = Concat(epoch_samples=None).shares([3, 0, 5])
    assert shares.draws.tolist() == [3, 0, 5]
    assert shares.share.tolist() == [0.375, 0.0, 0.625]
    assert shares.passes.tolist() == [1.0, 0.0, 1.0]


def test_balanced_gives_every_symbol_with_rows_the_same_share() -> None:
    shares = Balanced(epoch_samples=9, max_passes=4.0).shares([3, 0, 5, 100])
    assert shares.draws.tolist() == [3, 0, 3, 3]
    np.testing.assert_allclose(shares.share, [1 / 3, 0, 1 / 3, 1 / 3])


def test_what_the_cap_takes_from_one_goes_to_the_others_alike() -> None:
    # 108 draws over 4 symbols would be 27 each; S0 takes 2 * 4, S1 2 * 12, the others (108 - 32) / 2 each.
    shares = Balanced(epoch_samples=108, max_passes=2.0).shares([4, 12, 40, 52])
    assert shares.draws.tolist() == [8, 24, 38, 38]
    np.testing.assert_allclose(shares.share * 108, [8, 24, 38, 38])


def test_the_cap_can_bind_in_a_second_round() -> None:
    # 30 each; S0 is cut to 2, which lifts the others to 39.33: only now S1 (cap 36) is over.
    assert Balanced(epoch_samples=120, max_passes=2.0).shares([1, 18, 100, 100]).draws.tolist() == [2, 36, 41, 41]


def test_where_all_are_at_the_cap_the_epoch_is_shorter() -> None:
    shares = Balanced(epoch_samples=1000, max_passes=4.0).shares([10, 0, 30])
    assert shares.draws.tolist() == [40, 0, 120]
    assert shares.share.tolist() == [0.25, 0.0, 0.75]


@pytest.mark.parametrize(("temperature", "share", "passes"), [(1, 0.007, 1.0), (2, 0.028, 3.8), (5, 0.061, 8.3)])
def test_temperatures_of_the_worked_example(temperature: float, share: float, passes: float) -> None:
    rows = [1000 * years for years in NINE_LONG_ONE_SHORT]
    shares = tempered(rows, temperature=temperature, max_passes=math.inf, epoch_samples=None)
    assert shares.share[-1] == pytest.approx(share, abs=0.0005)
    assert shares.passes[-1] == pytest.approx(passes, abs=0.05)


def test_an_infinite_temperature_without_cap_makes_13_6_passes_over_the_short_symbol() -> None:
    shares = tempered([1000 * n for n in NINE_LONG_ONE_SHORT], temperature=math.inf, max_passes=99, epoch_samples=None)
    assert shares.share[-1] == pytest.approx(0.1)
    assert shares.passes[-1] == pytest.approx(13.6)


def test_weights_multiply_the_shares() -> None:
    shares = tempered([10, 10, 10], temperature=math.inf, max_passes=9, epoch_samples=40, weights=[1.0, 2.0, 1.0])
    assert shares.draws.tolist() == [10, 20, 10]


@settings(max_examples=60, deadline=None)
@given(
    rows=ROWS,
    temperature=st.sampled_from([1.0, 2.0, 5.0, math.inf]),
    max_passes=st.sampled_from([1.0, 1.5, 4.0, math.inf]),
    epoch_samples=st.none() | st.integers(1, 20_000),
)
def test_draws_add_up_stay_within_one_of_the_share_and_below_the_cap(
    rows: list[int], temperature: float, max_passes: float, epoch_samples: int | None
) -> None:
    shares = tempered(rows, temperature=temperature, max_passes=max_passes, epoch_samples=epoch_samples)
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
    shares = Balanced(epoch_samples=epoch_samples, max_passes=2.0).shares(rows)
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

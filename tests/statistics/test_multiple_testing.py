import math

import numpy as np
import numpy.typing as npt
import pytest
from statsmodels.stats.multitest import multipletests

from multisymbol.statistics.multiple_testing import benjamini_hochberg, holm
from multisymbol.statistics.surrogate_null import SurrogateNull, adjusted_p_above, beyond_all, draws_problem

P = np.array([0.04, 0.01, 0.03, math.nan, 0.6])


def test_holm_by_hand() -> None:
    # Sorted .01 .03 .04 .6 times 4 3 2 1: .04 .09 .08 .6, never falling.
    np.testing.assert_allclose(holm(P), [0.09, 0.04, 0.09, math.nan, 0.6])


def test_benjamini_hochberg_by_hand() -> None:
    # Sorted .01 .03 .04 .6 times 4/1 4/2 4/3 4/4: .04 .06 .0533 .6, never rising from the right.
    np.testing.assert_allclose(benjamini_hochberg(P), [0.16 / 3, 0.04, 0.16 / 3, math.nan, 0.6])


def test_both_agree_with_statsmodels() -> None:
    p = np.random.default_rng(1).random(50) ** 3
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1])
    np.testing.assert_allclose(benjamini_hochberg(p), multipletests(p, method="fdr_bh")[1])


def test_nothing_to_adjust() -> None:
    assert holm(np.array([])).shape == (0,)
    assert np.isnan(benjamini_hochberg(np.array([math.nan]))).all()


def test_band_covers_another_draw_as_often_as_it_says() -> None:
    # 20 draws 1 .. 20: 5 % point at place 0.05 * 21 = 1.05, 95 % point at 19.95.
    found = SurrogateNull.of(3.0, np.arange(20, 0, -1.0), kind="drift kept")
    assert [found.low, found.high] == pytest.approx([1.05, 19.95])
    assert (found.position, found.draws) == (0.1, 20)
    assert found.p_above == pytest.approx(19 / 21)
    assert found.beyond == 0.0


def test_a_value_beyond_the_band_is_measured_from_the_nearer_edge() -> None:
    draws = np.arange(1.0, 21.0)
    assert SurrogateNull.of(25.0, draws, kind="").beyond == pytest.approx(25 - 19.95)
    assert SurrogateNull.of(25.0, draws, kind="").p_above == pytest.approx(1 / 21)
    assert SurrogateNull.of(0.0, draws, kind="").beyond == pytest.approx(-1.05)


def test_missing_draws_are_left_out_and_without_any_nothing_is_known() -> None:
    assert SurrogateNull.of(1.0, np.array([0.0, math.nan, 2.0]), kind="").draws == 2
    assert math.isnan(SurrogateNull.of(1.0, np.array([math.nan]), kind="").beyond)
    assert math.isnan(SurrogateNull.of(math.nan, np.arange(20.0), kind="").p_above)


def test_two_bands_leave_the_smaller_part_and_none_where_they_contradict() -> None:
    draws = np.arange(1.0, 21.0)
    low, middle, high = (SurrogateNull.of(25.0, draws + shift, kind="") for shift in (0, 2, 50))
    assert beyond_all([low, middle]) == pytest.approx(25 - 21.95)
    assert beyond_all([low, high]) == 0.0
    assert beyond_all([high]) == pytest.approx(25 - 51.05)
    assert math.isnan(beyond_all([]))


def test_a_number_far_outside_its_draws_has_the_smallest_possible_p() -> None:
    draws = np.random.default_rng(1).standard_normal((20, 3))
    p = adjusted_p_above(np.array([50.0, 0.0, math.nan]), draws)
    assert p[0] == pytest.approx(1 / 21)
    assert p[1] > 0.3
    assert math.isnan(p[2])


def test_a_number_equal_to_all_of_its_draws_is_no_evidence() -> None:
    assert adjusted_p_above(np.array([0.1]), np.full((20, 1), 0.1)).tolist() == [1.0]


def test_scale_and_place_of_a_number_do_not_matter() -> None:
    generator = np.random.default_rng(2)
    values, draws = generator.standard_normal(4) + 2, generator.standard_normal((20, 4))
    scale, place = np.array([1.0, 10.0, 1e-3, 5.0]), np.array([0.0, 100.0, -1.0, 3.0])
    np.testing.assert_array_equal(
        adjusted_p_above(values, draws), adjusted_p_above(scale * values + place, scale * draws + place)
    )


def test_a_market_like_its_surrogates_passes_no_more_often_than_alpha() -> None:
    generator = np.random.default_rng(3)

    def smallest_p() -> float:
        pooled: npt.NDArray[np.float64] = generator.standard_t(3, (21, 10)) + generator.standard_normal((21, 1))
        return float(adjusted_p_above(pooled[0], pooled[1:]).min())

    passed = sum(smallest_p() <= 0.05 for _ in range(2000))
    assert 65 <= passed <= 128  # binomial bounds of 1/21 at 99.9 %


def test_a_number_is_ranked_among_the_draws_that_have_it() -> None:
    """A symbol that could be trained on five of twenty surrogate markets can never be among the rarest 5 %."""
    draws = np.random.default_rng(4).standard_normal((20, 2))
    draws[5:, 0] = math.nan
    p = adjusted_p_above(np.array([100.0, 100.0]), draws)
    assert p.tolist() == pytest.approx([1 / 6, 1 / 21])
    assert adjusted_p_above(np.array([100.0]), np.full((20, 1), math.nan)).tolist() == [1.0]


def test_nineteen_draws_make_no_band() -> None:
    assert draws_problem(20) == ""
    assert draws_problem(19) == (
        "19 surrogate draws are too few: at least 20 of each kind; or say exploratory=true, which claims nothing"
    )

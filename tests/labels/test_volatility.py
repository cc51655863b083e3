import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.labels.volatility import trailing_deviation
from tests.labels.worlds import walk


def windows(closes: npt.NDArray[np.float64], period: int) -> npt.NDArray[np.float64]:
    """Each window's deviation, computed by itself."""
    returns = np.log(closes[1:] / closes[:-1])
    deviations: npt.NDArray[np.float64] = np.lib.stride_tricks.sliding_window_view(returns, period).std(axis=1)
    return deviations


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 200), period=st.integers(2, 40), seed=st.integers(0, 1000))
def test_the_deviation_is_that_of_the_returns_up_to_the_bar(count: int, period: int, seed: int) -> None:
    closes = walk(count, seed=seed)
    deviation = trailing_deviation(closes, period)
    assert len(deviation) == count
    assert np.isnan(deviation[:period]).all()
    if count > period:
        np.testing.assert_allclose(deviation[period:], windows(closes, period), rtol=1e-10)


def test_a_wild_return_leaves_no_rounding_error_behind() -> None:
    closes = walk(400, seed=1, deviation=1e-5)
    closes[150:] *= 1e6
    deviation = trailing_deviation(closes, 100)
    np.testing.assert_allclose(deviation[250:], windows(closes, 100)[150:], rtol=1e-9)
    assert deviation[249] > 1.0
    assert deviation[250] < 2e-5


@pytest.mark.parametrize("closes", [np.full(50, 100.0), 2.0 ** np.arange(50.0)], ids=["still", "steady"])
def test_equal_returns_have_a_deviation_of_exactly_0(closes: npt.NDArray[np.float64]) -> None:
    assert (trailing_deviation(closes, 7)[7:] == 0.0).all()


def test_no_closes_have_no_deviation() -> None:
    assert len(trailing_deviation(np.empty(0), 5)) == 0

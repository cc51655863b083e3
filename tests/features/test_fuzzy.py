import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.errors import FeatureError
from multisymbol.features.fuzzy import read_membership, write_degrees


def degrees(definition: object, values: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Degrees of values in one fuzzy set."""
    given_values = np.asarray(values, dtype=np.float64)
    out = np.full(len(given_values), -9.0, dtype=np.float32)
    write_degrees(given_values, read_membership("rsi", "low", definition), out)
    return out


@pytest.mark.parametrize(
    ("definition", "values", "expected"),
    [
        ({"triangular": [35, 50, 65]}, [30, 35, 42.5, 50, 57.5, 65, 70], [0, 0, 0.5, 1, 0.5, 0, 0]),
        ({"trapezoidal": [0, 10, 20, 40]}, [-1, 0, 5, 10, 15, 20, 30, 40], [0, 0, 0.5, 1, 1, 1, 0.5, 0]),
        ({"left_shoulder": [30, 40]}, [-np.inf, 0, 30, 35, 40, 50], [1, 1, 1, 0.5, 0, 0]),
        ({"right_shoulder": [60, 70]}, [50, 60, 65, 70, 100, np.inf], [0, 0, 0.5, 1, 1, 1]),
        ({"gaussian": [50, 10]}, [50, 60, 40], [1, np.exp(-0.5), np.exp(-0.5)]),
        ({"sigmoid": [50, 0.5]}, [50, 52, 1e9, -1e9], [0.5, 1 / (1 + np.exp(-1)), 1, 0]),
        ({"sigmoid": [50, -0.5]}, [52], [1 / (1 + np.exp(1))]),
        # Upright sides: the peak counts as inside.
        ({"triangular": [70, 100, 100]}, [70, 85, 100, 101], [0, 0.5, 1, 0]),
        ({"triangular": [0, 0, 30]}, [-1, 0, 15, 30], [0, 1, 0.5, 0]),
        ({"trapezoidal": [0, 0, 20, 30]}, [0, 25], [1, 0.5]),
        ({"left_shoulder": [30, 30]}, [30, 30.1], [1, 0]),
        ({"right_shoulder": [30, 30]}, [29.9, 30], [0, 1]),
    ],
)  # fmt: skip
def test_degrees_by_hand(definition: object, values: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(degrees(definition, values), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "definition",
    [
        {"triangular": [1, 2, 3]},
        {"left_shoulder": [1, 2]},
        {"right_shoulder": [1, 2]},
        {"gaussian": [0, 1]},
        {"sigmoid": [0, 1]},
    ],
)
def test_nan_has_the_degree_nan(definition: object) -> None:
    assert np.isnan(degrees(definition, [np.nan, 1.5])).tolist() == [True, False]


@given(
    corners=st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3, unique=True).map(sorted),
    value=st.floats(-2e6, 2e6),
)
@settings(max_examples=50, deadline=None)
def test_shoulders_around_a_triangle_add_up_to_one(corners: list[float], value: float) -> None:
    a, b, c = corners
    parts = [{"left_shoulder": [a, b]}, {"triangular": [a, b, c]}, {"right_shoulder": [b, c]}]
    assert sum(float(degrees(part, [value])[0]) for part in parts) == pytest.approx(1.0, abs=1e-6)


def test_degrees_go_into_a_column_of_a_matrix() -> None:
    matrix = np.zeros((3, 2), dtype=np.float32)
    write_degrees(np.array([0.0, 1.0, 2.0]), read_membership("x", "y", {"triangular": [0, 1, 2]}), matrix[:, 1])
    np.testing.assert_array_equal(matrix, [[0, 0], [0, 1], [0, 0]])


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({"triangle": [1, 2, 3]}, "rsi.low: there is no shape 'triangle', did you mean 'triangular'?; known"),
        ({"triangular": [30, 50]}, "features.fuzzy.rsi.low: triangular takes 3 numbers [a, b, c], got [30, 50]"),
        ({"triangular": [30, "50", 70]}, "triangular takes 3 numbers [a, b, c], got [30, '50', 70]"),
        ({"triangular": 30}, "triangular takes 3 numbers [a, b, c], got 30"),
        ({"triangular": [50, 30, 70]}, "rsi.low: triangular [a, b, c] needs ascending numbers, got [50, 30, 70]"),
        ({"triangular": [5, 5, 5]}, "triangular [a, b, c] needs a first number below the last one, got [5, 5, 5]"),
        ({"left_shoulder": [40, 30]}, "left_shoulder [b, c] needs ascending numbers, got [40, 30]"),
        ({"left_shoulder": [float("-inf"), 30]}, "needs finite numbers, got [-inf, 30]"),
        ({"gaussian": [50, 0]}, "gaussian [mean, sigma] needs sigma above 0, got [50, 0]"),
        ({"sigmoid": [50, 0]}, "sigmoid [centre, slope] needs a slope other than 0 (negative falls), got [50, 0]"),
        ([30, 50, 70], "features.fuzzy.rsi.low: expected one shape like {triangular: [35, 50, 65]}, got [30, 50, 70]"),
        ({"triangular": [1, 2, 3], "gaussian": [1, 2]}, "expected one shape like {triangular: [35, 50, 65]}, got {"),
    ],
)  # fmt: skip
def test_an_unfit_definition_is_named_with_its_values(definition: object, message: str) -> None:
    with pytest.raises(FeatureError) as caught:
        read_membership("rsi", "low", definition)
    assert message in str(caught.value)

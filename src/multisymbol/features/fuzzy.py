r"""Fuzzy memberships: to what degree, 0 to 1, a number is `low`, `high`, `oversold`.

    left_shoulder [b, c]     1 up to b, down to 0 at c          ‾‾\__
    triangular [a, b, c]     0 at a, up to 1 at b, 0 at c       __/\__
    trapezoidal [a, b, c, d] 1 from b to c, 0 outside a, d      _/‾‾\_
    right_shoulder [a, b]    0 up to a, up to 1 at b            __/‾‾
    gaussian [mean, sigma]   exp(-((x - mean) / sigma)^2 / 2)
    sigmoid [centre, slope]  1 / (1 + exp(-slope (x - centre)))

The four straight ones are trapezoids. At the peak, b to c, the degree is 1, also where a side is upright (a = b or
c = d). NaN has the degree NaN.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numba import njit

from multisymbol.arrays import Floats, Singles
from multisymbol.errors import FeatureError, nearest

SHAPES: Mapping[str, tuple[str, ...]] = {
    "triangular": ("a", "b", "c"),
    "trapezoidal": ("a", "b", "c", "d"),
    "left_shoulder": ("b", "c"),
    "right_shoulder": ("a", "b"),
    "gaussian": ("mean", "sigma"),
    "sigmoid": ("centre", "slope"),
}
"""Shapes and the names of their numbers."""

Points: TypeAlias = tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Membership:
    """One fuzzy set on a column, checked by `read_membership`; `points` are its numbers, in units of the column."""

    name: str
    shape: str
    points: Points


def read_membership(column: str, name: str, definition: object) -> Membership:
    """Read one membership of a column, such as `{triangular: [35, 50, 65]}`.

    Raises:
        FeatureError: Not one shape, an unknown one, too few or too many numbers, or numbers the shape cannot have.
    """
    where = f"features.fuzzy.{column}.{name}"
    if not isinstance(definition, Mapping) or len(definition) != 1:
        raise FeatureError(f"{where}: expected one shape like {{triangular: [35, 50, 65]}}, got {definition!r}")
    shape, numbers = next(iter(definition.items()))
    if shape not in SHAPES:
        message = f"{where}: there is no shape '{shape}'{nearest(str(shape), list(SHAPES))}"
        raise FeatureError(f"{message}; known are {', '.join(SHAPES)}")
    points = _points(shape, numbers, where=where)
    problem = _problem(shape, points)
    if problem:
        raise FeatureError(f"{where}: {shape} [{', '.join(SHAPES[shape])}] needs {problem}, got {numbers!r}")
    return Membership(name=name, shape=shape, points=points)


def write_degrees(values: Floats, membership: Membership, out: Singles) -> None:
    """Write the degree of each value into `out`, a column of the matrix. Shape (n,), any stride."""
    if membership.shape == "gaussian":
        _write_gaussian(values, out, *membership.points)
    elif membership.shape == "sigmoid":
        _write_sigmoid(values, out, *membership.points)
    else:
        _write_trapezoid(values, out, _corners(membership))


def _points(shape: str, numbers: object, *, where: str) -> Points:
    names = SHAPES[shape]
    given = numbers if isinstance(numbers, list | tuple) else ()
    if len(given) != len(names) or any(isinstance(x, bool) or not isinstance(x, int | float) for x in given):
        raise FeatureError(f"{where}: {shape} takes {len(names)} numbers [{', '.join(names)}], got {numbers!r}")
    return tuple(float(x) for x in given)


def _problem(shape: str, points: Points) -> str:
    """Say what the numbers of a shape lack; empty when they are fit."""
    if not all(math.isfinite(point) for point in points):
        return "finite numbers"
    if shape == "gaussian":
        return "" if points[1] > 0 else "sigma above 0"
    if shape == "sigmoid":
        return "" if points[1] != 0 else "a slope other than 0 (negative falls)"
    if list(points) != sorted(points):
        return "ascending numbers"
    spread = points[0] < points[-1] or "shoulder" in shape
    return "" if spread else "a first number below the last one"


def _corners(membership: Membership) -> tuple[float, float, float, float]:
    """The trapezoid that a straight shape is."""
    points = membership.points
    if membership.shape == "left_shoulder":
        return -math.inf, -math.inf, points[0], points[1]
    if membership.shape == "right_shoulder":
        return points[0], points[1], math.inf, math.inf
    return points[0], points[1], points[-2], points[-1]


@njit(cache=True)
def _write_trapezoid(values: Floats, out: Singles, corners: tuple[float, float, float, float]) -> None:
    a, b, c, d = corners
    for i in range(len(values)):
        x = values[i]
        if b <= x <= c:
            out[i] = 1.0
        elif x <= a or x >= d:
            out[i] = 0.0
        elif x < b:
            out[i] = (x - a) / (b - a)
        else:  # between c and d, or NaN
            out[i] = (d - x) / (d - c)


@njit(cache=True)
def _write_gaussian(values: Floats, out: Singles, mean: float, sigma: float) -> None:
    for i in range(len(values)):
        out[i] = np.exp(-0.5 * ((values[i] - mean) / sigma) ** 2)


@njit(cache=True)
def _write_sigmoid(values: Floats, out: Singles, centre: float, slope: float) -> None:
    for i in range(len(values)):
        out[i] = 1.0 / (1.0 + np.exp(-slope * (values[i] - centre)))

"""Moments of the last n values, each window summed by itself.

A running sum would be faster, and would carry the rounding of a VXX at 100,000 into a VXX at 20. Here a value
depends on the bits of its own window and on nothing else; deviations are taken from the window's last value,
so a flat window has the mean it should have and a deviation of exactly 0, at any price.
"""

import numpy as np
from numba import njit

from multisymbol.arrays import Floats

Array = Floats


@njit(cache=True)
def window_mean(values: Array, period: int) -> Array:
    """Mean of each value and the `period` - 1 before it; NaN for the first ones and beside a NaN. Shape (n,)."""
    means = np.full(len(values), np.nan)
    for row in range(period - 1, len(values)):
        last = values[row]
        total = 0.0
        for i in range(row - period + 1, row + 1):
            total += values[i] - last
        means[row] = last + total / period
    return means


@njit(cache=True)
def window_deviation(values: Array, period: int) -> Array:
    """Standard deviation (of the population, divided by n) of each value and the `period` - 1 before it. Shape (n,).

    NaN for the first ones and where the window has a NaN, exactly 0 where it is flat.
    """
    deviations = np.full(len(values), np.nan)
    for row in range(period - 1, len(values)):
        last = values[row]
        total = 0.0
        for i in range(row - period + 1, row + 1):
            total += values[i] - last
        mean = total / period
        squares = 0.0
        for i in range(row - period + 1, row + 1):
            squares += (values[i] - last - mean) ** 2
        deviations[row] = np.sqrt(squares / period)
    return deviations


def divide(numerator: Array, denominator: Array, *, otherwise: float) -> Array:
    """Divide element by element, with `otherwise` where the denominator is 0; NaN stays NaN."""
    quotient = np.full(len(numerator), otherwise)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0.0)
    return quotient

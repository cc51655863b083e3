"""Many tests at once: p values adjusted so that a claim on any of them may be made at the stated level."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def holm(p: Floats) -> Floats:
    """Adjust for claims: the chance of even one false claim stays below alpha, however the tests depend (Holm 1979).

    Args:
        p: NaN for a test that could not be made; it is not counted and stays NaN. Shape (n,).
    """
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    stepped = np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1))
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def benjamini_hochberg(p: Floats) -> Floats:
    """Adjust for exploration: the share of false ones among those found stays below alpha (Benjamini, Hochberg 1995).

    Holds for independent and for positively dependent tests.

    Args:
        p: NaN for a test that could not be made; it is not counted and stays NaN. Shape (n,).
    """
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(-p[tested], kind="stable")]
    stepped = np.minimum.accumulate(p[order] * len(order) / np.arange(len(order), 0, -1))
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted

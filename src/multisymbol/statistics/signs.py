"""Random signs of whole blocks of time: what tests and checks by change of sign are made of."""

# k block, R pattern

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def sign_patterns(blocks: int, *, most: int, seed: int) -> Floats:
    """Return all patterns that differ by more than a common sign, or `most` random ones; the first is all plus.

    Args:
        blocks: k.
        most: Patterns; all 2^(k-1) of them are taken where they are no more.
        seed: Of the random ones.

    Returns:
        -1 and 1. Shape (R, k).
    """
    if 2 ** (blocks - 1) <= most:
        bits = np.arange(2 ** (blocks - 1))[:, None] >> np.arange(blocks) & 1
        patterns: Floats = (1 - 2 * bits).astype(np.float64)
        return patterns
    drawn = np.random.default_rng(seed).choice([-1.0, 1.0], size=(most, blocks))
    drawn[0] = 1.0
    return drawn

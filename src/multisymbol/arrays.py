"""Names of array types that the whole package shares."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
"""Array of double-precision numbers; the docstring that takes one says its shape and unit."""

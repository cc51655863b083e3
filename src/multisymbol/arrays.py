"""Names of array types that the whole package shares; the docstring that takes one says its shape and unit."""

from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Singles: TypeAlias = npt.NDArray[np.float32]
Ints: TypeAlias = npt.NDArray[np.int64]
Codes: TypeAlias = npt.NDArray[np.int8]
"""Classes of labels, parts of a fold."""
Flags: TypeAlias = npt.NDArray[np.bool_]

_Scalar = TypeVar("_Scalar", bound=np.generic)


def frozen(values: npt.NDArray[_Scalar]) -> npt.NDArray[_Scalar]:
    """Return a read-only copy, of the same shape."""
    own = np.array(values)
    own.flags.writeable = False
    return own

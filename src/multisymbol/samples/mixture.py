"""Mixtures: how often the samples of each symbol are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True, slots=True)
class Shares:
    """The mixture of one epoch, shape (symbols,) each.

    Args:
        rows: Train samples a symbol has. int64.
        share: Its part of the draws, sums to 1. float64.
        draws: Draws per epoch, sums to the epoch's length (largest remainder). int64.
    """

    rows: npt.NDArray[np.int64]
    share: npt.NDArray[np.float64]
    draws: npt.NDArray[np.int64]

    @property
    def passes(self) -> npt.NDArray[np.float64]:
        """Effective passes over each symbol's samples in one epoch; 0 where it has none."""
        return np.divide(self.draws, self.rows, out=np.zeros(len(self.rows)), where=self.rows > 0)


class Mixture(Protocol):
    """A file in `conf/sampling`."""

    def shares(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> Shares:
        """Return shares, draws and passes for symbols with so many train samples (0: the symbol does not train)."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Concat:
    """Every sample equally often: a symbol's share is its share of rows.

    Args:
        epoch_samples: Draws per epoch; None: as many as there are train samples.
    """

    epoch_samples: int | None

    def shares(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> Shares:
        """See Mixture."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True, slots=True)
class Balanced:
    """Every symbol equally often, as far as `max_passes` allows; nothing is deleted (METHOD 3f).

    Args:
        epoch_samples: Draws per epoch; None: as many as there are train samples.
        max_passes: Most expected passes over one symbol in an epoch; the surplus goes to the others.
    """

    epoch_samples: int | None
    max_passes: float

    def shares(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> Shares:
        """See Mixture."""
        raise NotImplementedError

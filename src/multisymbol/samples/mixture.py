"""Mixtures: how often the samples of each symbol are drawn."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from multisymbol.errors import SampleError


@dataclass(frozen=True, kw_only=True, slots=True)
class Shares:
    """The mixture of one epoch, shape (symbols,) each.

    Args:
        rows: Train samples a symbol has. int64.
        share: Its part of the draws, sums to 1. float64.
        draws: Draws per epoch, sums to the epoch's length (largest remainder: within 1 of share * length). int64.
        weight: Loss weight of each of its samples. float64.
    """

    rows: npt.NDArray[np.int64]
    share: npt.NDArray[np.float64]
    draws: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64]

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
        return tempered(rows, temperature=1.0, max_passes=math.inf, epoch_samples=self.epoch_samples)


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
        return tempered(rows, temperature=math.inf, max_passes=self.max_passes, epoch_samples=self.epoch_samples)


def tempered(
    rows: Sequence[int] | npt.NDArray[np.int64],
    *,
    temperature: float,
    max_passes: float,
    epoch_samples: int | None,
    weights: Sequence[float] | npt.NDArray[np.float64] | None = None,
) -> Shares:
    """Return the mixture p ~ w n^(1/T), with passes capped and the surplus given to the symbols below the cap.

    T = 1 with equal weights draws every sample equally often, T = inf every symbol. Symbols without rows are not drawn.
    Draws never exceed `max_passes * rows`. Where all symbols are at the cap the epoch is shorter than asked for:
    `max_passes` passes over everything, shares as the rows.

    Args:
        rows: Train samples of each symbol. Shape (symbols,).
        temperature: T, from 1 up.
        max_passes: Cap, from 1 up; inf for none.
        epoch_samples: Draws per epoch; None: as many as there are rows.
        weights: w, > 0; None: all equal. Shape (symbols,).

    Raises:
        SampleError: No rows at all, or a parameter out of its range.

    Source: temperature sampling as in multilingual training (Arivazhagan et al. 2019, arXiv 1907.05019); the cap on
        repeats as in UniMax (Chung et al. 2023, arXiv 2304.09151).
    """
    n = np.asarray(rows, dtype=np.int64)
    _check(n, temperature=temperature, max_passes=max_passes, epoch_samples=epoch_samples)
    cap = np.full(len(n), math.inf) if math.isinf(max_passes) else np.floor(np.round(max_passes * n, 6))
    asked = int(n.sum()) if epoch_samples is None else epoch_samples
    epoch = int(min(asked, cap.sum()))
    w = np.ones(len(n)) if weights is None else np.asarray(weights, dtype=np.float64)
    ideal = _fill_up(np.where(n > 0, w * n ** (1.0 / temperature), 0.0), cap=cap, total=epoch)
    return Shares(rows=n, share=ideal / epoch, draws=_largest_remainder(ideal, total=epoch), weight=np.ones(len(n)))


def _check(rows: npt.NDArray[np.int64], *, temperature: float, max_passes: float, epoch_samples: int | None) -> None:
    problems = []
    if rows.sum() == 0:
        problems.append("no symbol has train samples; see the counts of ledger and fold")
    if not temperature >= 1:
        problems.append(f"temperature must be at least 1 (rows as they are; inf: all symbols alike), got {temperature}")
    if not max_passes >= 1:
        problems.append(f"max_passes must be at least 1, got {max_passes}; a shorter epoch is epoch_samples")
    if epoch_samples is not None and epoch_samples < 1:
        problems.append(f"epoch_samples must be at least 1 or null, got {epoch_samples}")
    if problems:
        raise SampleError("\n".join(problems))


def _fill_up(weight: npt.NDArray[np.float64], *, cap: npt.NDArray[np.float64], total: int) -> npt.NDArray[np.float64]:
    """Divide `total` in proportion to `weight`, at most `cap` each; what one cannot take goes to the rest likewise."""
    amount = np.zeros(len(weight))
    free = weight > 0
    while free.any():
        amount[free] = (total - amount[~free].sum()) * weight[free] / weight[free].sum()
        over = free & (amount >= cap)
        if not over.any():
            break
        amount[over] = cap[over]
        free &= ~over
    return amount


def _largest_remainder(ideal: npt.NDArray[np.float64], *, total: int) -> npt.NDArray[np.int64]:
    """Round to integers that add up to `total`, each within 1 of its ideal; among equal remainders the first gain."""
    snapped = np.round(ideal, 6)  # 2.9999999999 is 3: no rounding error decides who gains
    whole = np.floor(snapped).astype(np.int64)
    gain = np.argsort(whole - snapped, kind="stable")[: total - int(whole.sum())]
    whole[gain] += 1
    return whole

"""The three differences of a comparison: between the arms, and of each arm from the no-skill forecast."""

# N symbol, B surrogate draw

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from multisymbol.statistics.loss_differentials import ArmLosses, Differences, differences

Floats = npt.NDArray[np.float64]
BETWEEN, FIRST, SECOND = 0, 1, 2
"""Columns of `Effects`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Effects:
    """Three mean differences, nats: second less first arm, no-skill less first, no-skill less second.

    Args:
        symbols: Those that have rows.
        overall: Mean over instants of the mean over live symbols. Shape (3,).
        by_symbol: Mean over each symbol's instants. Shape (N, 3).
    """

    symbols: tuple[str, ...]
    overall: Floats
    by_symbol: Floats

    def of(self, symbols: Sequence[str]) -> Floats:
        """Return the effects of named symbols, NaN for those without rows. Shape (len(symbols), 3)."""
        place = {name: number for number, name in enumerate(self.symbols)}
        padded = np.vstack([self.by_symbol, np.full((1, 3), np.nan)])
        chosen: Floats = padded[[place.get(name, -1) for name in symbols]]
        return chosen


@dataclass(frozen=True, kw_only=True, slots=True)
class Surrogates:
    """The same three differences on markets without signal.

    Args:
        kind: How they were made, for example `drift kept`.
        draws: One for each market; a symbol may be missing from some.
    """

    kind: str
    draws: tuple[Effects, ...]

    def overall(self) -> Floats:
        """Return the effects over all symbols. Shape (B, 3)."""
        return np.array([draw.overall for draw in self.draws]).reshape(-1, 3)

    def of(self, symbols: Sequence[str]) -> Floats:
        """Return the effects of named symbols. Shape (B, N, 3)."""
        return np.array([draw.of(symbols) for draw in self.draws]).reshape(-1, len(symbols), 3)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """The paired differences behind `Effects`; positive ones favour the first arm, or the arm with skill."""

    between: Differences
    first: Differences
    second: Differences

    @classmethod
    def of(
        cls, first: ArmLosses, second: ArmLosses, no_skill: ArmLosses, *, weights: Mapping[str, float] | None
    ) -> "Pairs":
        """Pair the arms.

        Raises:
            ComparisonError: Arms that are not matched.
        """
        return cls(
            between=differences(first, second, weights=weights),
            first=differences(first, no_skill, weights=weights),
            second=differences(second, no_skill, weights=weights),
        )

    def effects(self) -> Effects:
        """Average over time."""
        parts = (self.between, self.first, self.second)
        return Effects(
            symbols=self.between.symbols,
            overall=np.array([part.effect for part in parts]),
            by_symbol=np.column_stack([np.nanmean(part.by_symbol, axis=0) for part in parts]),
        )


def effects(
    first: ArmLosses, second: ArmLosses, no_skill: ArmLosses, *, weights: Mapping[str, float] | None = None
) -> Effects:
    """Average the differences of matched arms: all that need be kept of a surrogate market.

    Raises:
        ComparisonError: Arms that are not matched.
    """
    return Pairs.of(first, second, no_skill, weights=weights).effects()

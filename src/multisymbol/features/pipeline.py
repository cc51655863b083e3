"""From bars to the columns a network sees: names and order (FeatureSpec), and their values (feature_rows)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from multisymbol.markets.bars import Bars
from multisymbol.markets.sessions import SessionClock
from multisymbol.markets.symbols import SymbolConfig

Kind = Literal["raw", "membership", "clock", "flag"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One feature: `raw` columns get scaled, memberships, clock columns and flags do not."""

    name: str
    kind: Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureSpec:
    """Names and order of the columns, common to all symbols; what a stored model demands of its input."""

    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    @property
    def digest(self) -> str:
        """Return the first 16 hex digits of the SHA-256 over names, kinds and order."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Return plain data for a file."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "FeatureSpec":
        """Invert `to_json`; raise FeatureError when the stored digest does not fit the columns."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureRows:
    """Features of n bars, unscaled.

    Args:
        values: float32, shape (n, features); NaN while an indicator warms up.
        ready: Whether the row is past the warm-up of its segment. Shape (n,).
        warmup_bars: Bars at the start of each segment that are not ready.
    """

    values: npt.NDArray[np.float32]
    ready: npt.NDArray[np.bool_]
    warmup_bars: int


def feature_spec(
    *, indicators: Mapping[str, Mapping[str, Any]], fuzzy: Mapping[str, Mapping[str, Any]], raw: Sequence[str] | None,
    clock: bool,
) -> FeatureSpec:
    """Derive the columns from the default configuration.

    Order: raw indicator outputs, memberships (`{column}_{membership}`), flags, clock columns.

    Args:
        indicators: `features.indicators`: name -> parameters, `type` where the name is not an indicator's.
        fuzzy: `features.fuzzy`: indicator column -> membership -> {shape: break points}.
        raw: Indicator columns that are inputs themselves; None means all, an empty list none.
        clock: Whether the clock columns are part of it (alignment=clock_features).

    Raises:
        FeatureError: Unknown indicator, shape or column, with the nearest right name; all problems at once.
    """
    raise NotImplementedError


def feature_rows(bars: Bars, *, config: SymbolConfig, spec: FeatureSpec, clock: SessionClock) -> FeatureRows:
    """Compute the columns of `spec`, each segment of `bars` by itself: a row uses its bar and earlier ones.

    The one code path for panels and for live calls (DESIGN invariant 6).
    """
    raise NotImplementedError

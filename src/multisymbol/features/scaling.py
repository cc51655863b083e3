"""Scaling of raw columns: fitted on train rows per symbol, shrunk to the asset class, remembering its span."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from multisymbol.features.pipeline import FeatureSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Affine:
    """`(x - center) / spread`, column by column; 0 and 1 where a column is not scaled. float64, shape (features,)."""

    center: npt.NDArray[np.float64]
    spread: npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scaling:
    """How to fit: the file in `conf/scaling`.

    Args:
        method: `class_shrunk` (default), `symbol` (own statistics alone) or `none`.
        shrinkage_rows: k in `(n m_symbol + k m_class) / (n + k)`.
        clip: Scaled values beyond +-clip are cut to it.
    """

    method: Literal["class_shrunk", "symbol", "none"]
    shrinkage_rows: float
    clip: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Scaler:
    """Fitted transforms of all symbols and classes.

    Args:
        spec_digest: Digest of the FeatureSpec it was fitted for.
        by_symbol: Symbol -> transform, trained symbols only.
        by_class: Asset class -> transform.
        asset_classes: Symbol -> class, trained symbols.
        clip: As in `Scaling`.
        fitted_from: First and (`fitted_until`) last decided_at of the rows it was fitted on.
    """

    spec_digest: str
    by_symbol: Mapping[str, Affine]
    by_class: Mapping[str, Affine]
    asset_classes: Mapping[str, str]
    clip: float
    fitted_from: int
    fitted_until: int

    def transform(self, values: npt.NDArray[np.float32], *, symbol: str, asset_class: str) -> npt.NDArray[np.float32]:
        """Scale rows of one symbol; an unseen symbol gets its class's transform. Same shape (n, features), float32.

        Elementwise: a row's result does not depend on the other rows (bit-equal live and in the panel).

        Raises:
            FeatureError: Neither the symbol nor its class was fitted (METHOD 6: other classes' statistics do harm).
        """
        raise NotImplementedError

    @property
    def digest(self) -> str:
        """Return the first 16 hex digits of the SHA-256 over everything that changes a result."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Return plain data; floats survive the round trip bit for bit."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Scaler":
        """Invert `to_json`."""
        raise NotImplementedError


def fit_scaler(
    rows: Mapping[str, npt.NDArray[np.float32]], *, asset_classes: Mapping[str, str], spec: FeatureSpec,
    scaling: Scaling, fitted_from: int, fitted_until: int,
) -> Scaler:
    """Fit on train rows.

    Args:
        rows: Symbol -> its unscaled train rows, shape (n_i, features), n_i >= 1; symbols without train rows are absent.
        asset_classes: Symbol -> class.
        spec: Its columns.
        scaling: How.
        fitted_from: First decided_at of the rows.
        fitted_until: Last one.
    """
    raise NotImplementedError

"""Scaling of raw columns: fitted on train rows per symbol, shrunk to the asset class, remembering its span."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from multisymbol.arrays import Flags, Floats, Singles
from multisymbol.errors import FeatureError, require_fields
from multisymbol.features.pipeline import FeatureSpec

Method: TypeAlias = Literal["class_shrunk", "symbol", "none"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Affine:
    """`(x - center) / spread`, column by column; 0 and 1 where a column is not scaled. float64, shape (features,)."""

    center: Floats
    spread: Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class Scaling:
    """How to fit: the file in `conf/scaling`.

    Raises:
        FeatureError: Unknown method, negative shrinkage_rows, or clip below 1.
    """

    method: Method  # `class_shrunk` (default), `symbol` (own statistics alone) or `none`
    shrinkage_rows: float  # k in `(n m_symbol + k m_class) / (n + k)`
    # Scaled values beyond +-clip are cut to it; at least 1, for memberships and clock columns pass it too. Without
    # effect for `none`
    clip: float

    def __post_init__(self) -> None:
        require_fields(
            FeatureError,
            self,
            "scaling",
            ("method", self.method in get_args(Method), f"one of {', '.join(get_args(Method))}"),
            ("shrinkage_rows", 0 <= self.shrinkage_rows < math.inf, "a number of rows, 0 or more"),
            ("clip", self.clip >= 1, "a number of at least 1"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Scaler:
    """Fitted transforms of all trained symbols and of their classes."""

    spec_digest: str  # digest of the FeatureSpec it was fitted for
    by_symbol: Mapping[str, Affine]  # symbol -> transform; likewise `by_class`
    by_class: Mapping[str, Affine]
    asset_classes: Mapping[str, str]  # symbol -> class
    clip: float  # as in `Scaling`; infinite where nothing is scaled
    fitted_from: int  # first and (`fitted_until`) last decided_at of the rows it was fitted on
    fitted_until: int

    def transform(self, values: Singles, *, symbol: str, asset_class: str) -> Singles:
        """Scale rows of one symbol; an unseen symbol gets its class's transform. Same shape (n, features), float32.

        Elementwise: a row's result does not depend on the other rows (bit-equal live and in the panel). NaN stays NaN.

        Raises:
            FeatureError: Neither the symbol nor its class was fitted (other classes' statistics do harm), or
                the rows have another number of columns.
        """
        affine = self.by_symbol.get(symbol, self.by_class.get(asset_class))
        if affine is None:
            fitted = ", ".join(sorted(self.by_class))
            message = (
                f"no scaling for {symbol}: neither it nor its class {asset_class} was trained on (classes: {fitted})"
            )
            raise FeatureError(f"{message}; statistics of another class would do harm, so none are lent")
        if values.shape[1] != len(affine.center):
            message = f"{symbol}: the scaler was fitted on {len(affine.center)} columns, got {values.shape[1]}"
            raise FeatureError(f"{message}; use the feature spec with digest {self.spec_digest}")
        scaled = (values.astype(np.float64) - affine.center) / affine.spread
        return np.clip(scaled, -self.clip, self.clip).astype(np.float32)

    @property
    def digest(self) -> str:
        """Return the first 16 hex digits of the SHA-256 over everything that changes a result."""
        data = self.to_json()
        deciding = {key: data[key] for key in ("spec_digest", "by_symbol", "by_class", "clip")}
        return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """Return plain data; floats survive the round trip bit for bit."""
        return {
            "spec_digest": self.spec_digest,
            "by_symbol": {symbol: _plain(affine) for symbol, affine in self.by_symbol.items()},
            "by_class": {name: _plain(affine) for name, affine in self.by_class.items()},
            "asset_classes": dict(self.asset_classes),
            "clip": None if math.isinf(self.clip) else self.clip,
            "fitted_from": self.fitted_from,
            "fitted_until": self.fitted_until,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Scaler":
        """Invert `to_json`; raise FeatureError where a key is missing."""
        try:
            return cls(
                spec_digest=data["spec_digest"],
                by_symbol={symbol: _affine(plain) for symbol, plain in data["by_symbol"].items()},
                by_class={name: _affine(plain) for name, plain in data["by_class"].items()},
                asset_classes=dict(data["asset_classes"]),
                clip=math.inf if data["clip"] is None else float(data["clip"]),
                fitted_from=int(data["fitted_from"]),
                fitted_until=int(data["fitted_until"]),
            )
        except KeyError as error:
            raise FeatureError(f"the stored scaler has no {error}; it is not one of this version") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class _Moments:
    """Rows, mean and variance (of the population) of each column. mean and variance: shape (features,)."""

    rows: int
    mean: Floats
    variance: Floats


def fit_scaler(
    rows: Mapping[str, Singles],
    *,
    asset_classes: Mapping[str, str],
    spec: FeatureSpec,
    scaling: Scaling,
    fitted_from: int,
    fitted_until: int,
) -> Scaler:
    """Fit on train rows: symbol -> its unscaled ones, shape (n_i, features), n_i >= 1; others are absent.

    A class has the mean and variance of the rows of all its symbols together. With `class_shrunk` a symbol has
    (n m_symbol + k m_class) / (n + k), for the mean and for the variance. A column that never varies is
    centred on its value and not stretched: it becomes 0. `fitted_from` and `fitted_until`: first and last decided_at.

    Raises:
        FeatureError: Rows with a NaN or of another width, or no rows of a symbol.
    """
    _check_rows(rows, spec=spec)
    moments = {symbol: _moments(values) for symbol, values in rows.items()}
    members = {name: [s for s in rows if asset_classes[s] == name] for name in sorted({asset_classes[s] for s in rows})}
    pooled = {name: _pool([moments[symbol] for symbol in symbols]) for name, symbols in members.items()}
    own = {symbol: _shrink(each, pooled[asset_classes[symbol]], scaling) for symbol, each in moments.items()}
    if scaling.method == "none":  # nothing is fitted, so nothing is missing for a class without rows
        pooled |= {name: _pool(list(moments.values())) for name in set(asset_classes.values()) - set(pooled)}
    scaled = np.array([scaling.method != "none" and column.kind == "raw" for column in spec.columns])
    return Scaler(
        spec_digest=spec.digest,
        by_symbol={symbol: _transform_of(each, scaled=scaled) for symbol, each in own.items()},
        by_class={name: _transform_of(each, scaled=scaled) for name, each in pooled.items()},
        asset_classes={symbol: asset_classes[symbol] for symbol in rows},
        clip=math.inf if scaling.method == "none" else float(scaling.clip),
        fitted_from=fitted_from,
        fitted_until=fitted_until,
    )


def _check_rows(rows: Mapping[str, Singles], *, spec: FeatureSpec) -> None:
    problems = []
    for symbol, values in rows.items():
        if values.shape[0] == 0 or values.shape[1] != len(spec.columns):
            problems.append(
                f"{symbol}: expected rows of {len(spec.columns)} columns, got an array of shape {values.shape}"
            )
        elif not np.isfinite(values).all():
            bad = np.flatnonzero(~np.isfinite(values).all(axis=0))
            names = ", ".join(spec.names[index] for index in bad)
            problems.append(
                f"{symbol}: train rows that are not finite, in columns {names}; rows not ready are no train rows"
            )
    if problems:
        raise FeatureError("the scaler cannot be fitted\n" + "\n".join(problems))


def _moments(values: Singles) -> _Moments:
    """Moments in float64, in which the sum of equal float32 numbers is exact: a constant has a variance of 0."""
    exact = values.astype(np.float64)
    return _Moments(rows=len(values), mean=exact.mean(axis=0), variance=exact.var(axis=0))


def _pool(parts: Sequence[_Moments]) -> _Moments:
    """Moments of all rows together: the mean variance within the parts plus the variance between them."""
    rows = np.array([part.rows for part in parts], dtype=np.float64)
    weights = (rows / rows.sum())[:, None]
    first = parts[0].mean
    shifted = np.stack([part.mean - first for part in parts])
    mean = (weights * shifted).sum(axis=0)
    within = np.stack([part.variance for part in parts])
    variance = (weights * (within + np.square(shifted - mean))).sum(axis=0)
    return _Moments(rows=int(rows.sum()), mean=first + mean, variance=variance)


def _shrink(own: _Moments, pooled: _Moments, scaling: Scaling) -> _Moments:
    """Weigh a symbol's own statistics by n / (n + k), its class's by the rest."""
    weight = own.rows / (own.rows + scaling.shrinkage_rows) if scaling.method == "class_shrunk" else 1.0
    return _Moments(
        rows=own.rows,
        mean=pooled.mean + weight * (own.mean - pooled.mean),
        variance=pooled.variance + weight * (own.variance - pooled.variance),
    )


def _transform_of(moments: _Moments, *, scaled: Flags) -> Affine:
    deviation = np.sqrt(np.maximum(moments.variance, 0.0))
    return Affine(
        center=np.where(scaled, moments.mean, 0.0), spread=np.where(scaled & (deviation > 0.0), deviation, 1.0)
    )


def _plain(affine: Affine) -> dict[str, list[float]]:
    return {"center": affine.center.tolist(), "spread": affine.spread.tolist()}


def _affine(plain: Mapping[str, Sequence[float]]) -> Affine:
    center, spread = (np.array(plain[key], dtype=np.float64) for key in ("center", "spread"))
    return Affine(center=center, spread=spread)

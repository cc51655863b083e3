"""Mixtures: how often the samples of each symbol are drawn, and how much each of them weighs in the loss."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, cast

import numpy as np

from multisymbol.arrays import Codes, Floats, Ints
from multisymbol.errors import SampleError, nearest, require
from multisymbol.markets.time import NEVER

Rows: TypeAlias = Sequence[int] | Ints
"""Train samples of each symbol, 0 where it does not train. Shape (symbols,)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplingWeights:
    """The mixture of one epoch, shape (symbols,) each unless said."""

    rows: Ints  # train samples a symbol has. int64
    share: Floats  # its part of the loss, draws times weight; sums to 1. float64
    draws: Ints  # draws per epoch. By sampling they are within 1 of share * their sum (largest remainder). int64
    # Loss weight of each of its samples, of mean 1 over the draws: all 1 where draws make the share. float64
    weight: Floats
    kept: Ints | None = None  # samples a symbol may be drawn from, the same in every epoch; None: all it has. int64
    # `spread`: each symbol's draws evenly over the epoch, at random instants; `round_robin`: one draw of each symbol in
    # turn, which have the same number of draws
    order: Literal["spread", "round_robin"] = "spread"
    # Second stratum of each row of the LEDGER, drawn from equally within a symbol; None: not looked at. int8, shape
    # (M,)
    stratum: Codes | None = None
    max_passes: float = math.inf  # cap on the passes over one symbol's samples in one stratum

    @property
    def passes(self) -> Floats:
        """Effective passes over the samples a symbol may be drawn from, in one epoch; 0 where it has none."""
        pool = self.rows - self.dropped
        passes: Floats = np.divide(self.draws, pool, out=np.zeros(len(pool)), where=pool > 0)
        return passes

    @property
    def dropped(self) -> Ints:
        """Train samples of each symbol that no epoch draws from."""
        return np.zeros_like(self.rows) if self.kept is None else self.rows - self.kept


class Mixture(Protocol):
    """A file in `conf/sampling`.

    Every mixture has `symbol_weights`, the w of its formula: symbol -> weight above 0, 1 for a symbol not named (None:
    all 1). And `stratum`, within which a symbol's draws are made equally: `none`, `session` or a column (`strata`).

    Those that may reach a symbol's share in two ways have `how`: `sampling` draws by the share, weights
    are 1; `loss_weights` draws every sample equally often, as `Concat` does, and weighs a symbol's samples by its share
    of the mixture over its share of the rows: nothing is repeated, gradients are noisier.
    """

    @property
    def stratum(self) -> str:
        """Second stratum: `none`, `session`, or a feature column."""
        ...

    def shares(self, rows: Rows, *, symbols: Sequence[str] | None = None) -> SamplingWeights:
        """Return shares, draws and loss weights of the named symbols.

        Raises:
            SampleError: No rows at all, a parameter out of its range, or a weight of a symbol there is not.
        """
        ...


def without_symbol_weights(mixture: Mixture) -> Mixture:
    """Return the mixture of one symbol alone, which has nobody to be weighed against."""
    known: Any = mixture
    if dataclasses.is_dataclass(known) and getattr(known, "symbol_weights", None) is not None:
        return cast(Mixture, dataclasses.replace(known, symbol_weights=None))  # type: ignore[type-var]
    return mixture


@dataclass(frozen=True, kw_only=True, slots=True)
class _Tempered:
    """What all mixtures p ~ w n^(1/T) have."""

    # Draws per epoch; None: as many as there are train samples (of `Undersampled`, as are kept)
    epoch_samples: int | None
    how: Literal["sampling", "loss_weights"]  # see Mixture; likewise `symbol_weights` and `stratum`
    symbol_weights: dict[str, float] | None  # the w
    stratum: str  # within a symbol

    def _tempered(
        self, rows: Rows, symbols: Sequence[str] | None, *, temperature: float = 1.0, max_passes: float = math.inf
    ) -> SamplingWeights:
        return tempered(
            rows,
            temperature=temperature,
            max_passes=max_passes,
            epoch_samples=self.epoch_samples,
            how=self.how,
            weights=named_weights(self.symbol_weights, symbols=symbols, count=len(rows)),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class TemperatureMixture(_Tempered):
    """Between Concat and Balanced: p ~ w n^(1/T), with a cap on repeats; nothing is deleted."""

    temperature: float  # T, from 1 (shares as the rows) up to inf (all symbols alike)
    # Most expected passes over one symbol in an epoch; the surplus goes to the others. With `loss_weights` the largest
    # weight
    max_passes: float

    def shares(self, rows: Rows, *, symbols: Sequence[str] | None = None) -> SamplingWeights:
        """See Mixture."""
        return self._tempered(rows, symbols, temperature=self.temperature, max_passes=self.max_passes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Concat(_Tempered):
    """Every sample equally often: a symbol's share is its share of rows."""

    def shares(self, rows: Rows, *, symbols: Sequence[str] | None = None) -> SamplingWeights:
        """See Mixture."""
        return self._tempered(rows, symbols)


@dataclass(frozen=True, kw_only=True, slots=True)
class Balanced(_Tempered):
    """Every symbol equally often, as far as `max_passes` allows: Temperature at T = inf."""

    max_passes: float  # as in `TemperatureMixture`

    def shares(self, rows: Rows, *, symbols: Sequence[str] | None = None) -> SamplingWeights:
        """See Mixture."""
        return self._tempered(rows, symbols, temperature=math.inf, max_passes=self.max_passes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Interleaved:
    """Round robin: draw k of the epoch is the next sample of symbol k mod S, of the S symbols that train.

    A batch holds each symbol equally often, to within one. The epoch is made of whole rounds: as many as fit into
    `epoch_samples`, and no more than pass `max_passes` times over the shortest symbol. Draws being equal,
    `symbol_weights` act as loss weights.
    """

    epoch_samples: int | None  # draws per epoch at most; None: as many as there are train samples
    max_passes: float  # most passes over one symbol in an epoch
    symbol_weights: dict[str, float] | None  # see Mixture; likewise `stratum`
    stratum: str

    def shares(self, rows: Rows, *, symbols: Sequence[str] | None = None) -> SamplingWeights:
        """See Mixture."""
        n = np.asarray(rows, dtype=np.int64)
        _check(n, temperature=1.0, max_passes=self.max_passes, epoch_samples=self.epoch_samples)
        weights = named_weights(self.symbol_weights, symbols=symbols, count=len(rows))
        trains = n > 0
        asked = int(n.sum()) if self.epoch_samples is None else self.epoch_samples
        rounds = int(min(asked // trains.sum(), _cap(n[trains], self.max_passes).min()))
        if rounds < 1:
            raise SampleError(
                f"epoch_samples={asked} is less than one round of the {trains.sum()} symbols that train; take more"
            )
        share = np.where(trains, weights, 0.0) / weights[trains].sum()
        return SamplingWeights(
            rows=n,
            share=share,
            draws=np.where(trains, rounds, 0),
            weight=np.where(trains, weights / weights[trains].mean(), 1.0),
            order="round_robin",
            max_passes=self.max_passes,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Undersampled(_Tempered):
    """Drop rows of every symbol, at random, down to the number of the shortest: for comparison alone.

    What `df.sample(n=min)` does, as far as windows stay whole: with nine symbols of 15 years and one of 1 year, 93 % of
    the samples are never learned from. The same ones are left out in every epoch, chosen by the run's seed;
    `SamplingWeights.dropped` counts them.
    """

    def shares(self, rows: Rows, *, symbols: Sequence[str] | None = None) -> SamplingWeights:
        """See Mixture."""
        n = np.asarray(rows, dtype=np.int64)
        kept = np.minimum(n, n[n > 0].min(initial=NEVER))
        return dataclasses.replace(self._tempered(kept, symbols), rows=n, kept=kept)


def tempered(
    rows: Rows,
    *,
    temperature: float,
    max_passes: float,
    epoch_samples: int | None,
    how: Literal["sampling", "loss_weights"] = "sampling",
    weights: Floats | None = None,
) -> SamplingWeights:
    """Return the mixture p ~ w n^(1/T), with passes capped and the surplus given to the symbols below the cap.

    n are the `rows` and w the `weights` (None: all 1) of each symbol, shape (symbols,). T = 1 with equal weights draws
    every sample equally often, T = inf every symbol. By sampling, draws never exceed `max_passes * rows`; where all
    symbols are at the cap the epoch is shorter than asked for. By loss weights, every sample is drawn equally often,
    and a symbol's weight is p * all rows / its rows, at most `max_passes`. `epoch_samples` None: as many draws as rows.

    Raises:
        SampleError: No rows at all, or a parameter out of its range.

    Source: temperature sampling as in multilingual training (Arivazhagan et al. 2019, arXiv 1907.05019); the cap on
        repeats as in UniMax (Chung et al. 2023, arXiv 2304.09151).
    """
    n = np.asarray(rows, dtype=np.int64)
    _check(n, temperature=temperature, max_passes=max_passes, epoch_samples=epoch_samples)
    w = np.ones(len(n)) if weights is None else weights
    wanted = np.where(n > 0, w * n ** (1.0 / temperature), 0.0)
    if how == "loss_weights":
        return _weighed(n, wanted=wanted, max_weight=max_passes, epoch_samples=epoch_samples)
    cap = np.floor(_cap(n, max_passes))
    epoch = int(min(n.sum() if epoch_samples is None else epoch_samples, cap.sum()))
    ideal = _fill_up(wanted, cap=cap, total=epoch)
    return SamplingWeights(
        rows=n,
        share=ideal / epoch,
        draws=_largest_remainder(ideal, total=epoch),
        weight=np.ones(len(n)),
        max_passes=max_passes,
    )


def _weighed(rows: Ints, *, wanted: Floats, max_weight: float, epoch_samples: int | None) -> SamplingWeights:
    """Draw every sample equally often, and let its weight make up its symbol's share."""
    total = int(rows.sum())
    epoch = total if epoch_samples is None else epoch_samples
    share = _fill_up(wanted, cap=_cap(rows, max_weight), total=total) / total
    return SamplingWeights(
        rows=rows,
        share=share,
        draws=_largest_remainder(epoch * rows / total, total=epoch),
        weight=np.divide(share * total, rows, out=np.ones(len(rows)), where=rows > 0),
        max_passes=max(max_weight, math.ceil(epoch / total)),
    )


def named_weights(symbol_weights: Mapping[str, float] | None, *, symbols: Sequence[str] | None, count: int) -> Floats:
    """Return each symbol's weight, 1 where none is given. Shape (count,).

    Raises:
        SampleError: A weight that is not above 0, or of a symbol there is not; all at once, with the nearest names.
    """
    if not symbol_weights:
        return np.ones(count)
    assert symbols is not None, "weights by name need the names"
    assert len(symbols) == count
    problems = [
        f"sampling.symbol_weights.{name}: there is no such symbol{nearest(name, symbols) or ' in the universe'}"
        for name in symbol_weights
        if name not in symbols
    ]
    problems += [
        f"sampling.symbol_weights.{name}={weight} must be above 0; leave a symbol out with symbols.without=[{name}]"
        for name, weight in symbol_weights.items()
        if not 0 < weight < math.inf
    ]
    if problems:
        raise SampleError("\n".join(problems))
    return np.array([symbol_weights.get(name, 1.0) for name in symbols], dtype=np.float64)


def equal_draws(draws: int, *, sizes: Ints, max_passes: float) -> Ints:
    """Divide a symbol's draws equally between its strata, to within 1, each passing `max_passes` over its rows at most.

    What a small stratum cannot take goes to the others. `sizes` (samples in each, > 0) and the result: shape (strata,).
    """
    return _largest_remainder(_fill_up(np.ones(len(sizes)), cap=_cap(sizes, max_passes), total=draws), total=draws)


def _check(rows: Ints, *, temperature: float, max_passes: float, epoch_samples: int | None) -> None:
    checks = {
        "no symbol has train samples; see the counts of ledger and fold": bool(rows.any()),
        f"temperature must be at least 1 (rows as they are; inf: all symbols alike), got {temperature}": temperature
        >= 1,
        f"max_passes must be at least 1, got {max_passes}; a shorter epoch is epoch_samples": max_passes >= 1,
        f"epoch_samples must be at least 1 or null, got {epoch_samples}": epoch_samples is None or epoch_samples >= 1,
    }
    require(SampleError, checks, between="\n")


def _cap(rows: Ints, max_passes: float) -> Floats:
    """Return the most draws that stay within `max_passes`; inf also where there are no rows."""
    # 2.9999999999 is 3
    return np.full(len(rows), math.inf) if math.isinf(max_passes) else np.round(max_passes * rows, 6)


def _fill_up(weight: Floats, *, cap: Floats, total: int) -> Floats:
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


def _largest_remainder(ideal: Floats, *, total: int) -> Ints:
    """Round to integers that add up to `total`, each within 1 of its ideal; among equal remainders the first gain."""
    snapped = np.round(ideal, 6)  # 2.9999999999 is 3: no rounding error decides who gains
    whole = np.floor(snapped).astype(np.int64)
    gain = np.argsort(whole - snapped, kind="stable")[: total - int(whole.sum())]
    whole[gain] += 1
    return whole

"""From the losses of two arms on the same rows to one series of differences: by how much is the first one better?

    row (symbol i, instant t, seed s):   d_its = loss of the second arm - loss of the first     > 0: the first is better
    mean over seeds:                     d_it
    weighted mean over live symbols:     d_t         one number per instant, which is what every test looks at

Rows of one instant share the market's news and rows of neighbouring instants share the labels' future, so neither may
be counted as independent (METHOD 3e; a t-test over all rows sees a difference that is not there in 70-90 % of cases).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from multisymbol.errors import ComparisonError
from multisymbol.markets.instants import DAY, iso

# T instant, N symbol, S seed, n rows

Floats = npt.NDArray[np.float64]
MONTH = 365.25 / 12 * DAY
"""Nanoseconds of a mean month."""
SPAN_QUANTILE = 0.95
"""Share of labels whose span the lag covers (METHOD 3e.4)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmLosses:
    """What one arm lost on n rows, in any order; (symbol, decided_at, seed) is unique.

    Args:
        arm: Its name.
        symbols: Names; `symbol` counts in them.
        symbol: Shape (n,).
        decided_at: Close of the bar decided at, UTC ns. Shape (n,).
        resolved_at: When the label became known, UTC ns. Shape (n,).
        seed: Which training, any whole number. Shape (n,).
        loss: Nats, finite. Shape (n,).
    """

    arm: str
    symbols: tuple[str, ...]
    symbol: npt.NDArray[np.integer[Any]]
    decided_at: npt.NDArray[np.int64]
    resolved_at: npt.NDArray[np.int64]
    seed: npt.NDArray[np.integer[Any]]
    loss: Floats

    def __post_init__(self) -> None:
        problems = []
        columns = (self.symbol, self.decided_at, self.resolved_at, self.seed, self.loss)
        if len({column.shape for column in columns}) > 1 or self.loss.ndim != 1:
            problems.append(f"its columns have shapes {[column.shape for column in columns]}, expected one (n,)")
        elif len(self.loss) == 0:
            problems.append("it has no rows; move the cuts in conf/split")
        broken = np.flatnonzero(~np.isfinite(self.loss))
        if len(broken):
            problems.append(f"{len(broken):,} of its losses are no numbers, first at row {broken[0]}")
        if problems:
            message = f"arm {self.arm}: {'; '.join(problems)}"
            raise ComparisonError(message)


@dataclass(frozen=True, kw_only=True, slots=True)
class Differences:
    """How much better the first arm is than the second, by instant and symbol.

    Args:
        first: Name of the arm that is better where differences are positive.
        second: Of the other one.
        symbols: Those that have rows.
        seeds: In ascending order.
        instants: The common clock: every instant any symbol was decided at, UTC ns. Shape (T,).
        by_symbol: Mean over seeds, NaN where a symbol has no row. Shape (T, N).
        by_seed: Weighted mean over live symbols, for each seed. Shape (S, T).
        symbol_by_seed: Mean over instants. Shape (S, N).
        weights: Declared weights of the symbols; at each instant those of live symbols are scaled to sum 1. Shape (N,).
        lag: Instants of the common clock that labels overlap, see `label_lag`.
        symbol_lags: Likewise on each symbol's own clock. Shape (N,).
    """

    first: str
    second: str
    symbols: tuple[str, ...]
    seeds: tuple[int, ...]
    instants: npt.NDArray[np.int64]
    by_symbol: Floats
    by_seed: Floats
    symbol_by_seed: Floats
    weights: Floats
    lag: int
    symbol_lags: npt.NDArray[np.int64]

    @property
    def series(self) -> Floats:
        """d_t, the mean over seeds. Shape (T,)."""
        series: Floats = self.by_seed.mean(axis=0)
        return series

    @property
    def effect(self) -> float:
        """Mean of d_t: every instant counts the same, however many symbols are live at it."""
        return float(self.series.mean())

    @property
    def months(self) -> float:
        """Calendar months from the first instant to the last."""
        return float(self.instants[-1] - self.instants[0]) / MONTH

    def months_of(self, number: int) -> float:
        """Calendar months from a symbol's first instant to its last."""
        own = self.instants[~np.isnan(self.by_symbol[:, number])]
        return float(own[-1] - own[0]) / MONTH

    def of_symbol(self, number: int) -> Floats:
        """Return the series of one symbol over its own instants. Shape (T_i,)."""
        column = self.by_symbol[:, number]
        own: Floats = column[~np.isnan(column)]
        return own


def differences(first: ArmLosses, second: ArmLosses, *, weights: Mapping[str, float] | None = None) -> Differences:
    """Pair two arms row by row and average.

    Args:
        first: Positive differences mean that this one loses less.
        second: The arm it is compared with; must have the very same rows.
        weights: Symbol -> weight, declared before the results are known; None: all the same.

    Raises:
        ComparisonError: Unmatched or repeated rows, rows of some seeds only, or weights that do not fit.
    """
    order_first, order_second = _order(first), _order(second)
    _check_matched(first, second, order_first, order_second)
    rows = _Rows.of(first, order_first, second.loss[order_second] - first.loss[order_first])
    symbol_weights = _weights(rows.symbols, weights)
    cells = _cells(rows, symbol_weights)
    return Differences(
        first=first.arm,
        second=second.arm,
        symbols=rows.symbols,
        seeds=tuple(rows.seeds.tolist()),
        instants=rows.instants,
        by_symbol=cells.by_symbol,
        by_seed=cells.by_seed,
        symbol_by_seed=cells.symbol_by_seed,
        weights=symbol_weights,
        lag=label_lag(rows.instants, decided_at=rows.decided_at, resolved_at=rows.resolved_at),
        symbol_lags=np.array([rows.own_lag(number) for number in range(len(rows.symbols))], dtype=np.int64),
    )


def label_lag(
    instants: npt.NDArray[np.int64], *, decided_at: npt.NDArray[np.int64], resolved_at: npt.NDArray[np.int64]
) -> int:
    """Count over how many instants a decision's label overlaps later ones: the 95th percentile over rows.

    A label over a horizon of h bars, decided at each of them, overlaps h - 1 later ones.

    Args:
        instants: The clock, ascending, unique.
        decided_at: On the clock. Shape (n,).
        resolved_at: Shape (n,).
    """
    within = np.searchsorted(instants, resolved_at) - np.searchsorted(instants, decided_at, side="right")
    return math.ceil(float(np.quantile(np.maximum(within, 0), SPAN_QUANTILE)))


def symbol_mean(by_symbol: Floats, *, weights: Floats) -> Floats:
    """Average over the live symbols of each instant by weight; NaN where none is live. Shapes (T, N), (N,) to (T,)."""
    live = ~np.isnan(by_symbol)
    total = live @ weights
    summed = np.where(live, by_symbol, 0.0) @ weights
    mean: Floats = np.divide(summed, total, out=np.full(len(total), np.nan), where=total > 0)
    return mean


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rows:
    """Paired rows, sorted by seed, symbol and instant; symbols without rows are gone.

    Args:
        place: Number of the row's cell, instant * N + symbol. Shape (n,).
    """

    symbols: tuple[str, ...]
    seeds: npt.NDArray[np.int64]
    instants: npt.NDArray[np.int64]
    symbol: npt.NDArray[np.int64]
    seed: npt.NDArray[np.int64]
    decided_at: npt.NDArray[np.int64]
    resolved_at: npt.NDArray[np.int64]
    place: npt.NDArray[np.int64]
    difference: Floats

    @classmethod
    def of(cls, arm: ArmLosses, order: npt.NDArray[np.int64], difference: Floats) -> "_Rows":
        used, symbol = np.unique(arm.symbol[order], return_inverse=True)
        seeds, seed = np.unique(arm.seed[order].astype(np.int64), return_inverse=True)
        instants, instant = np.unique(arm.decided_at[order], return_inverse=True)
        return cls(
            symbols=tuple(arm.symbols[number] for number in used),
            seeds=seeds,
            instants=instants,
            symbol=symbol,
            seed=seed,
            decided_at=arm.decided_at[order],
            resolved_at=arm.resolved_at[order],
            place=instant * len(used) + symbol,
            difference=difference,
        )

    def own_lag(self, number: int) -> int:
        """Lag on the symbol's own clock, from the rows of the first seed, which come first."""
        of_first_seed = self.symbol[: int(np.searchsorted(self.seed, 1))]
        own = slice(*np.searchsorted(of_first_seed, [number, number + 1]).tolist())
        decided_at = self.decided_at[own]
        return label_lag(decided_at, decided_at=decided_at, resolved_at=self.resolved_at[own])


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cells:
    by_symbol: Floats
    by_seed: Floats
    symbol_by_seed: Floats


def _cells(rows: _Rows, weights: Floats) -> _Cells:
    """Fill one matrix per seed; all of them at once would take as many times the memory."""
    shape = (len(rows.instants), len(rows.symbols))
    total, by_seed, symbol_by_seed = np.zeros(shape), [], []
    for number in range(len(rows.seeds)):
        own = rows.seed == number
        matrix = np.full(shape, np.nan)
        matrix.ravel()[rows.place[own]] = rows.difference[own]
        if number and not np.array_equal(np.isnan(matrix), np.isnan(total)):
            raise _uneven_seeds(rows, np.isnan(matrix) != np.isnan(total), seed=int(rows.seeds[number]))
        total += matrix
        by_seed.append(symbol_mean(matrix, weights=weights))
        symbol_by_seed.append(np.nanmean(matrix, axis=0))
    return _Cells(by_symbol=total / len(rows.seeds), by_seed=np.stack(by_seed), symbol_by_seed=np.stack(symbol_by_seed))


def _uneven_seeds(rows: _Rows, differ: npt.NDArray[np.bool_], *, seed: int) -> ComparisonError:
    instant, symbol = (int(place) for place in np.argwhere(differ)[0])
    message = (
        f"seed {seed} has other rows than seed {int(rows.seeds[0])}: {int(differ.sum()):,} differ, first "
        f"{rows.symbols[symbol]} at {iso(int(rows.instants[instant]))}. Every seed must be scored on every test row: "
        "score the missing ones, or leave the seed out of both arms"
    )
    return ComparisonError(message)


def _order(arm: ArmLosses) -> npt.NDArray[np.int64]:
    """Sort rows by seed, symbol name's place and instant."""
    order: npt.NDArray[np.int64] = np.lexsort((arm.decided_at, arm.symbol, arm.seed))
    keys = _keys(arm, order)
    twice = np.flatnonzero((keys[1:] == keys[:-1]).all(axis=1))
    if len(twice):
        message = (
            f"arm {arm.arm} has {len(twice):,} rows twice, first {_shown(arm, keys[twice[0]])}. "
            "Overlapping test spans? Score each row in one fold only"
        )
        raise ComparisonError(message)
    return order


def _keys(arm: ArmLosses, order: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.column_stack([arm.seed[order], arm.symbol[order], arm.decided_at[order]]).astype(np.int64)


def _shown(arm: ArmLosses, key: npt.NDArray[np.int64]) -> str:
    return f"{arm.symbols[key[1]]} at {iso(int(key[2]))}, seed {key[0]}"


def _check_matched(
    first: ArmLosses,
    second: ArmLosses,
    order_first: npt.NDArray[np.int64],
    order_second: npt.NDArray[np.int64],
) -> None:
    problems = []
    if first.symbols != second.symbols:
        problems.append(f"their symbols are {first.symbols} and {second.symbols}")
    else:
        keys_first, keys_second = _keys(first, order_first), _keys(second, order_second)
        if not np.array_equal(keys_first, keys_second):
            problems += _only_in(first, keys_first, second, keys_second)
            problems += _only_in(second, keys_second, first, keys_first)
        elif not np.array_equal(first.resolved_at[order_first], second.resolved_at[order_second]):
            problems.append("their labels resolve at different instants: they have different labels")
    if problems:
        message = (
            f"arms {first.arm} and {second.arm} are not matched: {'; '.join(problems)}. Both must be scored on the "
            "same samples, folds and seeds: run them from one comparison config"
        )
        raise ComparisonError(message)


def _only_in(
    arm: ArmLosses, keys: npt.NDArray[np.int64], other: ArmLosses, other_keys: npt.NDArray[np.int64]
) -> list[str]:
    known = set(map(tuple, other_keys.tolist()))
    alone = [key for key in keys.tolist() if tuple(key) not in known]
    if not alone:
        return []
    return [
        f"{len(alone):,} of {len(keys):,} rows of {arm.arm} are missing from {other.arm}, "
        f"first {_shown(arm, np.array(alone[0]))}"
    ]


def _weights(symbols: tuple[str, ...], declared: Mapping[str, float] | None) -> Floats:
    if declared is None:
        return np.full(len(symbols), 1.0 / len(symbols))
    missing = [name for name in symbols if name not in declared]
    wrong = [name for name in symbols if name in declared and not 0 < declared[name] < math.inf]
    if missing or wrong:
        message = (
            f"weights of symbols: {', '.join(missing) or 'none'} missing; {', '.join(wrong) or 'none'} not above 0. "
            "Give every symbol that is scored a weight above 0, before the results are known"
        )
        raise ComparisonError(message)
    weights = np.array([declared[name] for name in symbols], dtype=np.float64)
    scaled: Floats = weights / weights.sum()
    return scaled

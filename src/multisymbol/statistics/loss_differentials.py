"""From the losses of two arms on the same rows to one series of loss differentials: how much better is the first arm?

    row (symbol i, instant t, seed s):   d_its = loss of the second arm - loss of the first     > 0: the first is better
    mean over seeds:                     d_it
    weighted mean over live symbols:     d_t         one number per instant; every test looks at this series

Rows of one instant share the market's news, and labels of neighbouring instants overlap. Neither may be counted as
independent: a t-test over all rows reports a difference that does not exist in 70-90 % of cases.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from multisymbol.arrays import Floats, Ints
from multisymbol.errors import ComparisonError

# T instant, N symbol, S seed, n rows

MONTH = 365.25 / 12 * 24 * 3_600_000_000_000
"""Nanoseconds of a mean month."""
PROBABILITY_FLOOR = 1e-15
"""Probabilities are raised to this before a logarithm: a certain mistake costs 34.5 nats, not infinity."""
BUY, HOLD, SELL = 0, 1, 2
"""Columns of class probabilities, and values of labels."""
SPAN_QUANTILE = 0.95
"""Share of labels whose span the lag covers."""


@dataclass(frozen=True, kw_only=True)  # without slots: the layout is computed once and kept
class Rows:
    """The rows that n losses belong to, in any order. Arms scored on the same rows should share one object.

    Raises:
        ComparisonError: Columns of different shapes, or no rows.
    """

    symbols: tuple[str, ...]
    symbol: npt.NDArray[np.integer[Any]]  # index into `symbols` of each row, shape (n,)
    decided_at: Ints  # instant of the forecast (the close of its last bar), UTC nanoseconds, shape (n,)
    resolved_at: Ints  # instant at which the label became known, UTC nanoseconds, shape (n,)
    seed: npt.NDArray[np.integer[Any]]  # training seed of each row, any integer, shape (n,)

    def __post_init__(self) -> None:
        shapes = {column.shape for column in (self.symbol, self.decided_at, self.resolved_at, self.seed)}
        if len(shapes) > 1 or self.symbol.ndim != 1:
            raise ComparisonError(f"columns of rows have shapes {sorted(shapes)}, expected one (n,)")
        if len(self) == 0:
            raise ComparisonError("there are no rows to compare arms on; move the cuts so that the test span has rows")

    def __len__(self) -> int:
        return len(self.symbol)

    @cached_property
    def layout(self) -> "_Layout":
        """The rows sorted into cells of instant and symbol.

        Raises:
            ComparisonError: Repeated rows, or rows that only some seeds have.
        """
        return _layout(self)

    def text(self, row: int) -> str:
        """Name a row in a message: symbol, instant (with seconds where there are any) and seed."""
        instant = datetime.fromtimestamp(int(self.decided_at[row]) // 1_000_000_000, tz=UTC)
        at = instant.strftime("%Y-%m-%dT%H:%M:%SZ" if instant.second else "%Y-%m-%dT%H:%MZ")
        return f"{self.symbols[int(self.symbol[row])]} at {at}, seed {self.seed[row]}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmLosses:
    """Losses of one arm.

    Raises:
        ComparisonError: Another shape, or losses that are not finite.
    """

    arm: str
    rows: Rows
    loss: Floats  # loss of each row, finite; nats for log-losses, shape (n,)

    def __post_init__(self) -> None:
        if self.loss.shape != (len(self.rows),):
            raise ComparisonError(f"arm {self.arm}: losses have shape {self.loss.shape}, expected {(len(self.rows),)}")
        broken = np.flatnonzero(~np.isfinite(self.loss))
        if len(broken):
            raise ComparisonError(
                f"arm {self.arm}: losses are not finite in {len(broken):,} of {len(self.loss):,} rows, first in row "
                f"{broken[0]} ({self.rows.text(int(broken[0]))}). Score these rows, or leave them out of all arms"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class LossDifferentials:
    """How much better the first arm is than the second, by instant and symbol."""

    first: str  # the arm that is better where differentials are positive
    second: str
    symbols: tuple[str, ...]
    seeds: tuple[int, ...]
    instants: Ints  # common clock: every instant at which any symbol has a row, UTC nanoseconds, shape (T,)
    by_symbol: Floats  # mean over seeds; NaN where a symbol has no row, shape (T, N)
    by_seed: Floats  # weighted mean over live symbols, for each seed, shape (S, T)
    symbol_by_seed: Floats  # mean over instants, shape (S, N)
    weights: Floats  # declared symbol weights; at each instant those of live symbols are scaled to sum to 1, shape (N,)
    lag: int  # number of later instants of the common clock that a label overlaps, see `label_lag`
    symbol_lags: Ints  # the same on each symbol's own clock, shape (N,)

    @property
    def series(self) -> Floats:
        """d_t, the mean over seeds. Shape (T,)."""
        return np.asarray(self.by_seed.mean(axis=0))

    @property
    def effect(self) -> float:
        """Mean of d_t: every instant has the same weight, however many symbols are live."""
        return float(self.series.mean())

    @property
    def months(self) -> float:
        """Calendar months from the first instant to the last."""
        return float(self.instants[-1] - self.instants[0]) / MONTH

    def months_of(self, number: int) -> float:
        """Calendar months from the first instant of symbol `number` to its last."""
        live = self.instants[~np.isnan(self.by_symbol[:, number])]
        return float(live[-1] - live[0]) / MONTH

    def of_symbol(self, number: int) -> Floats:
        """Return the series of symbol `number` over its own instants. Shape (T_i,)."""
        column = self.by_symbol[:, number]
        return column[~np.isnan(column)]


def paired_differentials(
    first: ArmLosses, second: ArmLosses, *, weights: Mapping[str, float] | None = None
) -> LossDifferentials:
    """Pair two arms row by row and average.

    Args:
        first: Arm that positive differentials favour.
        second: Arm that it is compared with, scored on the very same rows.
        weights: Symbol -> weight above 0, declared before the results are known; None gives all symbols the same.

    Raises:
        ComparisonError: Unmatched or repeated rows, rows that only some seeds have, or missing weights.
    """
    if first.rows is not second.rows:
        _check_matched(first, second)
    layout = first.rows.layout
    symbol, instant = layout.symbol, layout.instant
    symbol_weights = _weights(layout.symbols, weights)
    by_row = (second.loss[second.rows.layout.order] - first.loss[layout.order]).reshape(len(layout.seeds), -1)
    by_symbol = np.full((len(layout.instants), len(layout.symbols)), np.nan)
    by_symbol[instant, symbol] = by_row.mean(axis=0)
    weight, rows = symbol_weights[symbol], np.bincount(symbol)
    share = weight / np.bincount(instant, weights=weight)[instant]  # of a row in the mean over live symbols
    return LossDifferentials(
        first=first.arm,
        second=second.arm,
        symbols=layout.symbols,
        seeds=layout.seeds,
        instants=layout.instants,
        by_symbol=by_symbol,
        by_seed=np.stack([np.bincount(instant, weights=of_seed * share) for of_seed in by_row]),
        symbol_by_seed=np.stack([np.bincount(symbol, weights=of_seed) / rows for of_seed in by_row]),
        weights=symbol_weights,
        lag=layout.lag,
        symbol_lags=layout.symbol_lags,
    )


def mean_losses(losses: ArmLosses, *, weights: Mapping[str, float] | None = None) -> LossDifferentials:
    """Average an arm's own losses as `paired_differentials` averages: differentials from an arm that loses nothing."""
    return paired_differentials(replace(losses, loss=np.zeros(len(losses.loss))), losses, weights=weights)


def label_lag(instants: Ints, *, decided_at: Ints, resolved_at: Ints) -> int:
    """Count the later instants that a label overlaps: the 95th percentile over rows.

    A label over a horizon of h bars, with a forecast at every bar, overlaps h - 1 later ones.

    Args:
        instants: Clock: ascending, unique, UTC nanoseconds. Shape (T,).
        decided_at: Instants of the forecasts, all of them on the clock. Shape (n,).
        resolved_at: Instants at which the labels became known. Shape (n,).
    """
    within = np.searchsorted(instants, resolved_at) - np.searchsorted(instants, decided_at, side="right")
    return math.ceil(float(np.quantile(np.maximum(within, 0), SPAN_QUANTILE)))


def symbol_mean(by_symbol: Floats, *, weights: Floats) -> Floats:
    """Average over the live symbols of each instant: values of shape (T, N), NaN where not live; weights (N,) above 0.

    Returns:
        Weighted means; NaN where no symbol is live. Shape (T,).
    """
    live = ~np.isnan(by_symbol)
    total = live @ weights
    summed = np.where(live, by_symbol, 0.0) @ weights
    mean: Floats = np.divide(summed, total, out=np.full(len(total), np.nan), where=total > 0)
    return mean


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layout:
    """Rows sorted by seed, symbol and instant, without symbols that have no rows. All seeds have the same m rows."""

    order: Ints  # positions of the sorted rows among the given ones, shape (n,), n = S m
    symbols: tuple[str, ...]
    seeds: tuple[int, ...]
    instants: Ints  # common clock, ascending, shape (T,)
    symbol: Ints  # of the rows of one seed, shape (m,)
    instant: Ints  # of the rows of one seed, shape (m,)
    lag: int  # overlap on the common clock, see `label_lag`
    symbol_lags: Ints  # overlap on each symbol's own clock, shape (N,)


def _layout(rows: Rows) -> _Layout:
    order = np.lexsort((rows.decided_at, rows.symbol, rows.seed))
    seeds, starts = np.unique(rows.seed[order], return_index=True)
    columns = (rows.seed, rows.symbol, rows.decided_at)
    twice = np.flatnonzero(np.logical_and.reduce([np.diff(column[order]) == 0 for column in columns]))
    if len(twice):
        raise ComparisonError(
            f"{len(twice):,} of {len(rows):,} rows occur twice, first {rows.text(int(order[twice[0]]))}. Score each "
            "symbol and instant once per seed; overlapping test spans repeat rows"
        )
    _check_seeds(rows, order, starts)
    one_seed = order[: len(order) // len(seeds)]
    used, symbol = np.unique(rows.symbol[one_seed], return_inverse=True)
    decided_at, resolved_at = rows.decided_at[one_seed], rows.resolved_at[one_seed]
    instants, instant = np.unique(decided_at, return_inverse=True)
    edges = np.searchsorted(symbol, np.arange(len(used) + 1)).tolist()
    lags = [
        label_lag(decided_at[low:high], decided_at=decided_at[low:high], resolved_at=resolved_at[low:high])
        for low, high in pairwise(edges)
    ]
    return _Layout(
        order=order,
        symbols=tuple(rows.symbols[number] for number in used.tolist()),
        seeds=tuple(seeds.tolist()),
        instants=instants,
        symbol=symbol,
        instant=instant,
        lag=label_lag(instants, decided_at=decided_at, resolved_at=resolved_at),
        symbol_lags=np.array(lags, dtype=np.int64),
    )


def _check_seeds(rows: Rows, order: Ints, starts: Ints) -> None:
    """Refuse rows that only some seeds have: seeds would then be scored on different rows."""
    first, *others = np.split(order, starts[1:])
    for other in others:
        unmatched = _unmatched(rows, first, rows, other) + _unmatched(rows, other, rows, first)
        if unmatched:
            raise ComparisonError(
                f"{len(unmatched):,} of {len(rows):,} rows are missing for some seeds, first "
                f"{rows.text(unmatched[0])}: seeds {rows.seed[first[0]]} and {rows.seed[other[0]]} do not both "
                "have it. Score every seed on every row, or leave that seed out of all arms"
            )


def _unmatched(rows: Rows, chosen: Ints, other_rows: Rows, other: Ints, *, seeds: bool = False) -> list[int]:
    """Return the rows that have no counterpart of the same symbol and instant (and seed) among the other rows."""
    names = ("symbol", "decided_at", "seed") if seeds else ("symbol", "decided_at")
    one = [getattr(rows, name)[chosen] for name in names]
    two = [getattr(other_rows, name)[other] for name in names]
    if len(chosen) == len(other) and all(map(np.array_equal, one, two)):
        return []
    known = set(zip(*(column.tolist() for column in two), strict=True))
    place = zip(chosen.tolist(), zip(*(column.tolist() for column in one), strict=True), strict=True)
    return [number for number, key in place if key not in known]


def _check_matched(first: ArmLosses, second: ArmLosses) -> None:
    problems = []
    if first.rows.symbols != second.rows.symbols:
        problems.append(f"their symbols are {first.rows.symbols} and {second.rows.symbols}")
    else:
        problems += [*_missing(first, second), *_missing(second, first)]
    if not problems:
        one, two = (arm.rows.resolved_at[arm.rows.layout.order] for arm in (first, second))
        if not np.array_equal(one, two):
            problems.append("their labels resolve at different instants: they have different labels")
    if problems:
        raise ComparisonError(
            f"arms {first.arm} and {second.arm} are not matched: {'; '.join(problems)}. Score both on the same "
            "symbols, instants and seeds"
        )


def _missing(arm: ArmLosses, other: ArmLosses) -> list[str]:
    """Describe the rows of an arm that another arm lacks; the first by seed, symbol and instant is named."""
    own, others = (np.lexsort((rows.decided_at, rows.symbol, rows.seed)) for rows in (arm.rows, other.rows))
    unmatched = _unmatched(arm.rows, own, other.rows, others, seeds=True)
    if not unmatched:
        return []
    first = arm.rows.text(unmatched[0])
    return [f"{len(unmatched):,} of {len(arm.rows):,} rows of {arm.arm} are missing from {other.arm}, first {first}"]


def _weights(symbols: tuple[str, ...], declared: Mapping[str, float] | None) -> Floats:
    if declared is None:
        return np.full(len(symbols), 1.0 / len(symbols))
    missing = [name for name in symbols if name not in declared]
    wrong = [name for name in symbols if name in declared and not 0 < declared[name] < math.inf]
    if missing or wrong:
        raise ComparisonError(
            f"weights of symbols: {', '.join(missing) or 'none'} missing; {', '.join(wrong) or 'none'} not above 0. "
            "Give every scored symbol a weight above 0, and do so before the results are known"
        )
    weights = np.array([declared[name] for name in symbols], dtype=np.float64)
    return np.asarray(weights / weights.sum())


@dataclass(frozen=True, kw_only=True, slots=True)
class RowLosses:
    """Log-losses of n forecasts, nats, each 0 or more; total = activity + direction.

    Chain rule: p(label) = p(move or hold) p(side | move). A HOLD row has no direction and loses nothing there. It is
    kept with a direction loss of 0, because selecting rows by their label would select them by the future.
    The mean direction loss over ALL rows is the share of moves times the mean over moves.
    """

    total: Floats  # -log p(label), shape (n,)
    activity: Floats  # -log of the probability of a move, or of none, whichever came, shape (n,)
    direction: Floats  # -log p(side | move); 0 on HOLD rows, shape (n,)


def row_losses(prob: Floats, label: npt.NDArray[np.integer[Any]]) -> RowLosses:
    """Split the log-loss of each forecast into activity (will price move?) and direction (which way?).

    Args:
        prob: Probabilities of BUY, HOLD, SELL, rows sum to 1; raised to `PROBABILITY_FLOOR`. Shape (n, 3).
        label: Labels: 0 BUY, 1 HOLD, 2 SELL. Shape (n,).
    """
    p_label = prob[np.arange(len(label)), label]
    p_activity = np.where(label == HOLD, prob[:, HOLD], prob[:, BUY] + prob[:, SELL])
    total, activity = (-np.log(np.clip(p, PROBABILITY_FLOOR, 1.0)) for p in (p_label, p_activity))
    return RowLosses(total=total, activity=activity, direction=total - activity)

"""What forecasts of a return are worth beside the forecast that needs no skill: zero, on the same rows."""

# n rows, K instants

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from multisymbol.arrays import Flags, Floats, Ints
from multisymbol.errors import SampleError
from multisymbol.learning.returns import ReturnScores, Sums, return_scores, row_sums
from multisymbol.samples.ledger import Ledger
from multisymbol.serving.metrics import FORWARD_RETURN, ScoreKind, skill_of
from multisymbol.statistics.mean_tests import mean_error

LEAST_SYMBOLS = 8
"""Symbols alive at an instant from which on a correlation across them is taken."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReturnSkillScores:
    """Scores of the model and of zero on the same rows."""

    model: ReturnScores  # of the forecasts given
    zero: ReturnScores  # of a forecast of zero
    # Correlation of ranks (Spearman; ties share their mean rank) of forecast and target over these rows; 0 where either
    # is constant, NaN without rows
    rank_ic: float
    skill: float  # 1 - Huber loss / that of zero; 0 is worthless, 1 perfect; NaN where zero makes no error
    # Likewise of the squared error: out-of-sample R2 against zero, not against the mean (Gu, Kelly, Xiu 2020)
    r2: float
    named: Mapping[str, float] = field(default_factory=dict)  # the metrics declared in `serving.metrics`, by name


@dataclass(frozen=True, kw_only=True, slots=True)
class ReturnRows:
    """Forecasts and the returns that came, shape (n,) each."""

    forecast: Floats
    target: Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class CrossSection:
    """Which symbols did better at an instant: correlations across symbols, averaged over instants."""

    # Instants with at least `LEAST_SYMBOLS` symbols whose forecasts, and whose targets, are not all equal
    instants: int
    symbols: float  # mean number of symbols at them
    ic: float  # mean correlation
    ic_error: float  # its standard error (Newey and West 1987), over as many instants as labels overlap
    rank_ic: float  # mean correlation of ranks
    rank_ic_error: float  # likewise
    lag: int  # instants by which labels overlap: the 95th percentile of the instants decided within a label's span


@dataclass(frozen=True, kw_only=True, slots=True)
class ReturnEvaluation:
    """What a model is worth; plain numbers all through."""

    overall: ReturnSkillScores  # over all rows, of all symbols together
    by_symbol: Mapping[str, ReturnSkillScores]  # over time, of each symbol that has rows, in the ledger's order
    cross_section: CrossSection | None  # over symbols, at each instant; None where never enough of them are alive


def evaluate_regression(
    forecast: Floats, ledger: Ledger, positions: Ints, *, delta: float, kind: ScoreKind = FORWARD_RETURN
) -> ReturnEvaluation:
    """Score forecasts of `ledger.target` (shape (n,)) at these rows; `delta` is that of the Huber loss.

    Raises:
        SampleError: No rows, forecasts of another shape or that are no numbers, or rows without a target.
    """
    target = ledger.target[positions].astype(np.float64)
    _check(forecast, target)
    symbol = ledger.symbol[positions]

    def scored(chosen: Flags | slice) -> ReturnSkillScores:
        return _skill_scores(ReturnRows(forecast=forecast[chosen], target=target[chosen]), delta=delta, kind=kind)

    return ReturnEvaluation(
        overall=scored(slice(None)),
        by_symbol={ledger.symbols[i]: scored(symbol == i) for i in np.unique(symbol)},
        cross_section=_cross_section(
            forecast, target, decided_at=ledger.decided_at[positions], resolved_at=ledger.resolved_at[positions]
        ),
    )


def mean_ranks(values: Floats, *, group: Ints) -> Floats:
    """Rank values within their group (0, 1, ...), from 1; equal values share their mean rank. Shape (n,) each."""
    order = np.lexsort((values, group))
    sorted_values, sorted_group = values[order], group[order]
    new_group = np.diff(sorted_group, prepend=-1) != 0
    new_run = new_group | (np.diff(sorted_values, prepend=np.nan) != 0)
    run = np.cumsum(new_run) - 1
    mean_place = np.bincount(run, weights=np.arange(len(values))) / np.bincount(run)
    group_start = np.flatnonzero(new_group)[np.cumsum(new_group) - 1]
    ranks = np.empty(len(values))
    ranks[order] = mean_place[run] - group_start + 1
    return ranks


def correlations(x: Floats, y: Floats, *, group: Ints) -> Floats:
    """Correlate x and y within each group 0 .. K-1; NaN where either is constant. Shape (K,)."""
    rows = np.bincount(group)
    x_off, y_off = (v - (np.bincount(group, weights=v) / rows)[group] for v in (x, y))
    xx, yy, xy = (np.bincount(group, weights=v) for v in (x_off * x_off, y_off * y_off, x_off * y_off))
    # What is left of a constant is rounding error.
    least = 1e-24 * np.bincount(group, weights=x * x), 1e-24 * np.bincount(group, weights=y * y)
    varies = (xx > least[0]) & (yy > least[1])
    found: Floats = np.divide(xy, np.sqrt(xx * yy), out=np.full(len(rows), np.nan), where=varies)
    return found


def _skill_scores(rows: ReturnRows, *, delta: float, kind: ScoreKind) -> ReturnSkillScores:
    forecast, target = rows.forecast, rows.target
    model, zero = (_scores(f, target, delta=delta) for f in (forecast, np.zeros_like(forecast)))
    group = np.zeros(len(target), dtype=np.int64)
    rank_ic = correlations(mean_ranks(forecast, group=group), mean_ranks(target, group=group), group=group)[0]
    scored = ReturnSkillScores(
        model=model,
        zero=zero,
        rank_ic=0.0 if math.isnan(rank_ic) else float(rank_ic),
        skill=skill_of(model.huber, zero.huber),
        r2=skill_of(model.mse, zero.mse),
    )
    return replace(scored, named=kind.named(rows, scored))


def _scores(forecast: Floats, target: Floats, *, delta: float) -> ReturnScores:
    sums = row_sums(torch.from_numpy(forecast), torch.from_numpy(target), delta=delta).sum(dim=0)
    return return_scores(Sums(*sums.tolist()))


def _cross_section(forecast: Floats, target: Floats, *, decided_at: Ints, resolved_at: Ints) -> CrossSection | None:
    instants, group, alive = np.unique(decided_at, return_inverse=True, return_counts=True)
    ic = correlations(forecast, target, group=group)
    rank_ic = correlations(mean_ranks(forecast, group=group), mean_ranks(target, group=group), group=group)
    used = (alive >= LEAST_SYMBOLS) & np.isfinite(ic)
    if not used.any():
        return None
    within = np.searchsorted(instants[used], resolved_at) - np.searchsorted(instants[used], decided_at, side="right")
    lag = math.ceil(np.quantile(np.maximum(within[used[group]], 0), 0.95))
    return CrossSection(
        instants=int(used.sum()),
        symbols=float(alive[used].mean()),
        ic=float(ic[used].mean()),
        ic_error=mean_error(ic[used], lag=lag),
        rank_ic=float(rank_ic[used].mean()),
        rank_ic_error=mean_error(rank_ic[used], lag=lag),
        lag=lag,
    )


def _check(forecast: Floats, target: Floats) -> None:
    problems = []
    if len(target) == 0:
        problems.append("there are no rows to score; move the cuts in conf/split")
    if forecast.shape != target.shape:
        problems.append(f"forecasts have shape {forecast.shape}, expected {target.shape}")
    elif not np.isfinite(forecast).all():
        problems.append(f"a forecast is no number, first at row {int(np.flatnonzero(~np.isfinite(forecast))[0])}")
    if np.isnan(target).any():
        problems.append(f"{np.isnan(target).sum():,} rows have no forward return; take labels=horizon")
    if problems:
        raise SampleError("; ".join(problems))

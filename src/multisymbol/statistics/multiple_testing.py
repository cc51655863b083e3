"""Many tests at once: p-values adjusted so that a claim on any of them holds at the stated level; every symbol tested.

A symbol's p-value, and that of its equivalence test, is the larger of two: by fixed smoothing over time, and with the
variance between seeds added. The tail of the Diebold-Mariano test is too heavy to survive Holm's correction in short
series (docs/sizes.md).
"""

# N symbol

import math
from dataclasses import dataclass, replace

import numpy as np

from multisymbol.arrays import Floats
from multisymbol.seeding import named_seed
from multisymbol.statistics.bootstrap import Interval, mean_interval
from multisymbol.statistics.heterogeneity import shrunk_effects, spread_between
from multisymbol.statistics.loss_differentials import LossDifferentials
from multisymbol.statistics.mean_tests import MeanTest, fixed_smoothing, least_instants
from multisymbol.statistics.seed_variance import interval_with_seeds, larger_p


def holm(p: Floats) -> Floats:
    """Adjust p-values for claims: the chance of even one false claim is at most alpha (Holm 1979).

    Valid under any dependence of the tests.

    Args:
        p: p-values; NaN for a test that could not be made, which is not counted and stays NaN. Shape (n,).
    """
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    stepped = np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1))
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def benjamini_hochberg(p: Floats) -> Floats:
    """Adjust p-values, as `holm` does, for exploration: the expected share of false findings is at most alpha.

    Valid for independent and for positively dependent tests (Benjamini, Hochberg 1995; Benjamini, Yekutieli 2001).
    """
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(-p[tested], kind="stable")]
    stepped = np.minimum.accumulate(p[order] * len(order) / np.arange(len(order), 0, -1))
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolTest:
    """Test of one symbol. With too few instants, `test` and `interval` are None and every p-value is NaN."""

    symbol: str
    instants: int
    least: int  # number of instants a test needs
    lag: int  # number of later instants of its own clock that a label overlaps
    effect: float  # mean loss of the second arm less that of the first
    shrunk: float = math.nan  # effect shrunk towards the common one; NaN if not tested
    test: MeanTest | None = None
    interval: Interval | None = None  # of the effect, over time and seeds; not adjusted for the number of symbols
    p: float = math.nan  # two-sided; the larger of over time, and with the variance between seeds
    p_holm: float = math.nan  # the same, adjusted for claims (Holm)
    p_bh: float = math.nan  # the same, adjusted for exploration (Benjamini-Hochberg)
    p_equivalent: float = math.nan  # p-value of two one-sided tests, adjusted for claims


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolTests:
    """Tests of all symbols, in the order of the loss differentials."""

    tests: tuple[SymbolTest, ...]
    spread: float  # variance of true effects between symbols; 0 where chance explains all of it


def symbol_tests(
    differentials: LossDifferentials, *, smallest: float, draws: int, level: float, seed: int, name: str
) -> SymbolTests:
    """Test every symbol and adjust over all of them; the name gives each test a random stream of its own.

    Effects and the smallest one of interest are in nats per forecast.
    """
    raw = []
    for number, symbol in enumerate(differentials.symbols):
        own = named_seed(seed, f"bootstrap/{name}/{symbol}")
        raw.append(_symbol_test(differentials, number, smallest=smallest, draws=draws, level=level, seed=own))
    p, p_equivalent, effect = (
        np.array([getattr(result, field) for result in raw]) for field in ("p", "p_equivalent", "effect")
    )
    errors = [math.nan if result.test is None else result.test.error for result in raw]
    error = np.array([each or math.nan for each in errors])  # 0 for a constant series: nothing to weigh it by
    columns = (shrunk_effects(effect, error), holm(p), benjamini_hochberg(p), holm(p_equivalent))
    adjusted = zip(raw, *(column.tolist() for column in columns), strict=True)
    tests = tuple(
        replace(result, shrunk=shrunk, p_holm=claimed, p_bh=explored, p_equivalent=equivalent)
        for result, shrunk, claimed, explored, equivalent in adjusted
    )
    return SymbolTests(tests=tests, spread=spread_between(effect, error))


def time_test(differentials: LossDifferentials, number: int) -> MeanTest | None:
    """Test one symbol, by its column, over time by fixed smoothing; None if it has too few instants for its labels."""
    series, lag = differentials.of_symbol(number), int(differentials.symbol_lags[number])
    return fixed_smoothing(series, lag=lag) if len(series) >= least_instants(lag) else None


def _symbol_test(
    differentials: LossDifferentials, number: int, *, smallest: float, draws: int, level: float, seed: int
) -> SymbolTest:
    """Test one symbol, without any adjustment."""
    series, lag = differentials.of_symbol(number), int(differentials.symbol_lags[number])
    by_seed = differentials.symbol_by_seed[:, number]
    untested = SymbolTest(
        symbol=differentials.symbols[number],
        instants=len(series),
        least=least_instants(lag),
        lag=lag,
        effect=float(series.mean()),
    )
    test = time_test(differentials, number)
    if test is None:
        return untested
    interval = mean_interval(series, lag=lag, draws=draws, seed=seed, level=level)
    return replace(
        untested,
        test=test,
        interval=interval_with_seeds(interval, effects=by_seed),
        p=larger_p(test, effects=by_seed, p=lambda of: of.p),
        p_equivalent=larger_p(test, effects=by_seed, p=lambda of: of.p_equivalent(smallest)),
    )

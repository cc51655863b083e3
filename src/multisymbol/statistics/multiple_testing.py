"""Many tests at once: p-values adjusted so that a claim on any of them holds at the stated level; every symbol tested.

A symbol's p-value, and that of its equivalence test, is the larger of two: by fixed smoothing over time, and with the
variance between seeds added. The tail of the Diebold-Mariano test is too heavy to survive Holm's correction in short
series (docs/sizes.md).
"""

# N symbol

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
    """Adjust for claims: the chance of even one false claim stays below alpha, however the tests depend (Holm 1979).

    Args:
        p: NaN for a test that could not be made; it is not counted and stays NaN. Shape (n,).
    """
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    stepped = np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1))
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def benjamini_hochberg(p: Floats) -> Floats:
    """Adjust for exploration: the share of false ones among those found stays below alpha (Benjamini, Hochberg 1995).

    Holds for independent and for positively dependent tests.

    Args:
        p: NaN for a test that could not be made; it is not counted and stays NaN. Shape (n,).
    """
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(-p[tested], kind="stable")]
    stepped = np.minimum.accumulate(p[order] * len(order) / np.arange(len(order), 0, -1))
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolTest:
    """One symbol; `test` and `interval` are None and every p is NaN where it has too few instants for its labels.

    Args:
        symbol: Its name.
        instants: It was decided at.
        least: Instants a test needs.
        lag: Instants of its own clock that labels overlap.
        effect: Mean loss of the second arm less that of the first, nats.
        shrunk: Effect pulled towards the common one; NaN if not tested.
        test: Over time.
        interval: Of the effect, over time and seeds, not adjusted for the number of symbols.
        p: The larger of the p over time and the p with seeds.
        p_holm: Adjusted for claims.
        p_bh: Adjusted for exploration.
        p_equivalent: Of two one-sided tests, adjusted for claims.
    """

    symbol: str
    instants: int
    least: int
    lag: int
    effect: float
    shrunk: float
    test: MeanTest | None
    interval: Interval | None
    p: float
    p_holm: float
    p_bh: float
    p_equivalent: float


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolTests:
    """All symbols, in the order of the differences.

    Args:
        tests: One for each symbol.
        spread: Variance of true effects between symbols; 0 where chance explains all of it.
    """

    tests: tuple[SymbolTest, ...]
    spread: float


def symbol_tests(
    differentials: LossDifferentials, *, smallest: float, draws: int, level: float, seed: int, name: str
) -> SymbolTests:
    """Test every symbol and adjust over all of them.

    Args:
        differentials: Loss differentials of the two arms.
        smallest: Smallest effect of interest, nats per forecast.
        draws: Bootstrap resamples of each interval.
        level: Coverage of the intervals, for example 0.95.
        seed: Seed for resampling.
        name: Name of the test, so that each test has a random stream of its own.
    """
    sizes = {"smallest": smallest, "level": level}
    alone = [
        _alone(differentials, number, draws=draws, seed=named_seed(seed, f"bootstrap/{name}/{symbol}"), **sizes)
        for number, symbol in enumerate(differentials.symbols)
    ]
    p = np.array([own.p for own in alone])
    p_holm, p_bh, p_equivalent = holm(p), benjamini_hochberg(p), holm(np.array([own.p_equivalent for own in alone]))
    effect = np.array([own.effect for own in alone])
    error = np.array([np.nan if own.test is None or own.test.error == 0 else own.test.error for own in alone])
    shrunk = shrunk_effects(effect, error)
    adjusted = zip(alone, shrunk.tolist(), p_holm.tolist(), p_bh.tolist(), p_equivalent.tolist(), strict=True)
    return SymbolTests(
        tests=tuple(
            replace(own, shrunk=pulled, p_holm=claim, p_bh=exploring, p_equivalent=equivalent)
            for own, pulled, claim, exploring, equivalent in adjusted
        ),
        spread=spread_between(effect, error),
    )


def time_test(differentials: LossDifferentials, number: int) -> MeanTest | None:
    """Test one symbol over time by fixed smoothing; None where it has too few instants for its labels."""
    series, lag = differentials.of_symbol(number), int(differentials.symbol_lags[number])
    return fixed_smoothing(series, lag=lag) if len(series) >= least_instants(lag) else None


def _alone(
    differentials: LossDifferentials, number: int, *, smallest: float, draws: int, level: float, seed: int
) -> SymbolTest:
    """Test one symbol, nothing adjusted yet."""
    series, lag, nan = differentials.of_symbol(number), int(differentials.symbol_lags[number]), float("nan")
    test = time_test(differentials, number)
    effects = differentials.symbol_by_seed[:, number]
    return SymbolTest(
        symbol=differentials.symbols[number],
        instants=len(series),
        least=least_instants(lag),
        lag=lag,
        effect=float(series.mean()),
        shrunk=nan,
        test=test,
        interval=None
        if test is None
        else interval_with_seeds(mean_interval(series, lag=lag, draws=draws, seed=seed, level=level), effects=effects),
        p=nan if test is None else larger_p(test, effects=effects, p=lambda own: own.p),
        p_holm=nan,
        p_bh=nan,
        p_equivalent=nan if test is None else larger_p(test, effects=effects, p=lambda own: own.p_equivalent(smallest)),
    )

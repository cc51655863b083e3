"""What every test says of one world in which no arm is better: a rejection is a false alarm.

Beside the tests that are used stand those that look natural and are not: over rows, over instants as if they were
independent, over seeds, with percentile intervals.
"""

# T instant, N symbol, S seed, B surrogate draw

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from multisymbol.arrays import Floats
from multisymbol.seeding import named_seed
from multisymbol.statistics.aa_test import AATest, binomial_bounds, run_aa_test
from multisymbol.statistics.bootstrap import Interval, mean_interval
from multisymbol.statistics.heterogeneity import heterogeneity_test
from multisymbol.statistics.loss_differentials import LossDifferentials
from multisymbol.statistics.mean_tests import MeanTest, batch_means, diebold_mariano, fixed_smoothing, least_instants
from multisymbol.statistics.multiple_testing import holm, time_test
from multisymbol.statistics.seed_variance import interval_with_seeds, larger_p, p_with_seeds
from multisymbol.statistics.surrogate_null import adjusted_p_above

_SURROGATES, _RELABELLINGS = 20, 400
_EDGE = 10.0
"""An effect so large beside its error that only one of the two one-sided tests can fail."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One world to be tested.

    Args:
        found: Its differences.
        other_seeds: A world of the same size whose networks truly differ from seed to seed, no arm being better.
        alpha: Nominal size.
        draws: Resamples of an interval.
        seed: Of the tests' own chance.
    """

    found: LossDifferentials
    other_seeds: LossDifferentials
    alpha: float
    draws: int
    seed: int


def _p(test: Callable[[Floats, int], float]) -> Callable[[Trial], float]:
    return lambda trial: test(trial.found.series, trial.found.lag)


def _interval(found: LossDifferentials, trial: Trial) -> Interval:
    return mean_interval(
        found.series, lag=found.lag, draws=trial.draws, seed=named_seed(trial.seed, "bootstrap"), level=1 - trial.alpha
    )


def _with_seeds(found: LossDifferentials, trial: Trial) -> Interval:
    return interval_with_seeds(_interval(found, trial), effects=found.by_seed.mean(axis=1))


def _excludes(interval: Interval) -> float:
    """0 where the interval excludes zero, else 1."""
    return float(not interval.excludes_zero)


def _percentile_p(trial: Trial) -> float:
    found = trial.found
    interval = mean_interval(
        found.series,
        lag=found.lag,
        draws=trial.draws,
        seed=named_seed(trial.seed, "bootstrap"),
        level=1 - trial.alpha,
        method="percentile",
    )
    return float(not interval.excludes_zero)


def _claim_p(found: LossDifferentials, trial: Trial) -> float:
    """Primary test, seeds and interval together, as a verdict needs them."""
    primary = diebold_mariano(found.series, lag=found.lag)
    largest = max(primary.p, p_with_seeds(primary, effects=found.by_seed.mean(axis=1)))
    return largest if largest > trial.alpha else max(largest, _excludes(_with_seeds(found, trial)))


def _symbols_p(trial: Trial) -> float:
    """Smallest adjusted p over symbols, as the table of symbols has them."""
    found = trial.found
    tests = [time_test(found, number) for number in range(len(found.symbols))]
    p = [
        np.nan if test is None else larger_p(test, effects=found.symbol_by_seed[:, number], p=lambda own: own.p)
        for number, test in enumerate(tests)
    ]
    return float(np.nanmin(holm(np.array(p))))


def _symbols_by_diebold_mariano_p(trial: Trial) -> float:
    found, p = trial.found, []
    for number, lag in enumerate(found.symbol_lags.tolist()):
        series = found.of_symbol(number)
        p.append(diebold_mariano(series, lag=lag).p if len(series) >= least_instants(lag) else np.nan)
    return float(np.nanmin(holm(np.array(p))))


def _at_edge(found: LossDifferentials) -> MeanTest:
    """Test a series whose true mean is just the smallest effect of interest."""
    test = fixed_smoothing(found.series, lag=found.lag)
    return replace(test, mean=test.mean + _EDGE)


def _equivalence_p(found: LossDifferentials) -> float:
    """Two one-sided tests, over time and with the seeds' variance, as a verdict needs them."""
    return larger_p(_at_edge(found), effects=found.by_seed.mean(axis=1), p=lambda own: own.p_equivalent(_EDGE))


def _gain_p(found: LossDifferentials) -> float:
    """Test one-sided whether the first arm gains, as the gate asks of an arm and the no-skill forecast."""
    test = fixed_smoothing(found.series, lag=found.lag)
    return larger_p(test, effects=found.by_seed.mean(axis=1), p=lambda own: own.p_above)


def _gate_p(trial: Trial) -> float:
    """Smallest adjusted p of both arms on every symbol against surrogates, where the real market is one of them."""
    generator = np.random.default_rng(named_seed(trial.seed, "surrogates"))
    common = generator.standard_t(5, size=(_SURROGATES + 1, 1))
    skills = common + generator.standard_t(5, size=(_SURROGATES + 1, 2 * len(trial.found.symbols)))
    return float(adjusted_p_above(skills[0], skills[1:]).min())


def _gate_by_eye_p(trial: Trial) -> float:
    """0 where any of the same numbers lies above the 95 % point of its own draws."""
    generator = np.random.default_rng(named_seed(trial.seed, "surrogates"))
    common = generator.standard_t(5, size=(_SURROGATES + 1, 1))
    skills = common + generator.standard_t(5, size=(_SURROGATES + 1, 2 * len(trial.found.symbols)))
    return float(not (skills[0] > np.quantile(skills[1:], 0.95, axis=0)).any())


def _same_arm(trial: Trial) -> AATest:
    """Make the A/A run, with the same signs in every world: what is to be expected is then worked out once."""
    return run_aa_test(trial.found.series, lag=trial.found.lag, draws=_RELABELLINGS, seed=1, alpha=trial.alpha)


def _same_arm_by_binomial_p(trial: Trial) -> float:
    low, high = binomial_bounds(_RELABELLINGS, share=trial.alpha)
    return float(low <= _same_arm(trial).share <= high)


def _rows_p(trial: Trial) -> float:
    rows = trial.found.by_symbol[~np.isnan(trial.found.by_symbol)]
    return _t_test(rows)


def _t_test(values: Floats) -> float:
    return float(stats.ttest_1samp(values, 0.0).pvalue)


USED: Mapping[str, Callable[[Trial], float]] = {
    "Diebold-Mariano (primary)": _p(lambda series, lag: diebold_mariano(series, lag=lag).p),
    "batch means (cross-check)": _p(lambda series, lag: batch_means(series, lag=lag).p),
    "fixed smoothing": _p(lambda series, lag: fixed_smoothing(series, lag=lag).p),
    "interval, studentised": lambda trial: _excludes(_with_seeds(trial.found, trial)),
    "interval, networks differ by seed": lambda trial: _excludes(_with_seeds(trial.other_seeds, trial)),
    "claim: primary, seeds and interval": lambda trial: _claim_p(trial.found, trial),
    "claim, networks differ by seed": lambda trial: _claim_p(trial.other_seeds, trial),
    "any symbol, Holm": _symbols_p,
    "gain differs between symbols": lambda trial: (
        heterogeneity_test(trial.found, groups=trial.found.symbols, seed=named_seed(trial.seed, "signs")).p
    ),
    "equivalence, at its edge": lambda trial: _equivalence_p(trial.found),
    "equivalence, networks differ by seed": lambda trial: _equivalence_p(trial.other_seeds),
    "skill against class shares, networks differ by seed": lambda trial: _gain_p(trial.other_seeds),
    "skill gate, 2 arms × symbols": _gate_p,
    "A/A test on the data: outside its bounds": lambda trial: float(_same_arm(trial).within),
}
"""Tests that verdicts rest on, and how p is found; NaN where the test cannot be made."""

NAIVE: Mapping[str, Callable[[Trial], float]] = {
    "t-test over all rows": _rows_p,
    "t-test over instants": lambda trial: _t_test(trial.found.series),
    "t-test over seeds": lambda trial: _t_test(trial.found.by_seed.mean(axis=1)),
    "interval, percentile": _percentile_p,
    "interval over time alone, networks differ by seed": lambda trial: _excludes(_interval(trial.other_seeds, trial)),
    "Diebold-Mariano, networks differ by seed": lambda trial: (
        diebold_mariano(trial.other_seeds.series, lag=trial.other_seeds.lag).p
    ),
    "equivalence over time alone, networks differ by seed": lambda trial: _at_edge(trial.other_seeds).p_equivalent(
        _EDGE
    ),
    "any symbol, Diebold-Mariano and Holm": _symbols_by_diebold_mariano_p,
    "skill gate, each number above its own band": _gate_by_eye_p,
    "A/A test on the data: outside binomial bounds": _same_arm_by_binomial_p,
}
"""Tests that look natural, for contrast."""

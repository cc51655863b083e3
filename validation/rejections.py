"""All tests on one simulated panel in which no arm is better, so that every rejection is a false one.

Naive tests stand beside those in use: over rows, over instants as if independent, over seeds, percentile intervals.
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

_SURROGATES, _AA_DRAWS = 20, 400
_EDGE = 10.0
"""An effect so large beside its error that only one of the two one-sided tests can fail."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One simulated panel.

    Args:
        differentials: Loss differentials of two equally good arms.
        other_seeds: Loss differentials of a panel of the same size whose networks differ between seeds.
        alpha: Nominal size.
        draws: Bootstrap resamples of an interval.
        seed: Seed for the tests.
    """

    differentials: LossDifferentials
    other_seeds: LossDifferentials
    alpha: float
    draws: int
    seed: int


def _p(test: Callable[[Floats, int], float]) -> Callable[[Trial], float]:
    return lambda trial: test(trial.differentials.series, trial.differentials.lag)


def _interval(differentials: LossDifferentials, trial: Trial) -> Interval:
    return mean_interval(
        differentials.series,
        lag=differentials.lag,
        draws=trial.draws,
        seed=named_seed(trial.seed, "bootstrap"),
        level=1 - trial.alpha,
    )


def _with_seeds(differentials: LossDifferentials, trial: Trial) -> Interval:
    return interval_with_seeds(_interval(differentials, trial), effects=differentials.by_seed.mean(axis=1))


def _excludes(interval: Interval) -> float:
    """0 where the interval excludes zero, else 1."""
    return float(not interval.excludes_zero)


def _percentile_p(trial: Trial) -> float:
    differentials = trial.differentials
    interval = mean_interval(
        differentials.series,
        lag=differentials.lag,
        draws=trial.draws,
        seed=named_seed(trial.seed, "bootstrap"),
        level=1 - trial.alpha,
        method="percentile",
    )
    return float(not interval.excludes_zero)


def _claim_p(differentials: LossDifferentials, trial: Trial) -> float:
    """Return the p-value of primary test, seeds and interval together, as a verdict uses them."""
    primary = diebold_mariano(differentials.series, lag=differentials.lag)
    largest = max(primary.p, p_with_seeds(primary, effects=differentials.by_seed.mean(axis=1)))
    return largest if largest > trial.alpha else max(largest, _excludes(_with_seeds(differentials, trial)))


def _symbols_p(trial: Trial) -> float:
    """Return the smallest adjusted p-value over symbols."""
    differentials = trial.differentials
    tests = [time_test(differentials, number) for number in range(len(differentials.symbols))]
    p = [
        np.nan
        if test is None
        else larger_p(test, effects=differentials.symbol_by_seed[:, number], p=lambda test: test.p)
        for number, test in enumerate(tests)
    ]
    return float(np.nanmin(holm(np.array(p))))


def _symbols_by_diebold_mariano_p(trial: Trial) -> float:
    differentials, p = trial.differentials, []
    for number, lag in enumerate(differentials.symbol_lags.tolist()):
        series = differentials.of_symbol(number)
        p.append(diebold_mariano(series, lag=lag).p if len(series) >= least_instants(lag) else np.nan)
    return float(np.nanmin(holm(np.array(p))))


def _at_edge(differentials: LossDifferentials) -> MeanTest:
    """Test a series whose true mean equals the smallest effect of interest."""
    test = fixed_smoothing(differentials.series, lag=differentials.lag)
    return replace(test, mean=test.mean + _EDGE)


def _equivalence_p(differentials: LossDifferentials) -> float:
    """Return the p-value of equivalence, over time and with the variance between seeds, as a verdict uses it."""
    return larger_p(
        _at_edge(differentials), effects=differentials.by_seed.mean(axis=1), p=lambda test: test.p_equivalent(_EDGE)
    )


def _gain_p(differentials: LossDifferentials) -> float:
    """Test one-sided whether the first arm gains, as the skill gate does."""
    test = fixed_smoothing(differentials.series, lag=differentials.lag)
    return larger_p(test, effects=differentials.by_seed.mean(axis=1), p=lambda test: test.p_above)


def _gate_p(trial: Trial) -> float:
    """Return the smallest adjusted p-value of both arms on all symbols, where the real market is like a surrogate."""
    generator = np.random.default_rng(named_seed(trial.seed, "surrogates"))
    common = generator.standard_t(5, size=(_SURROGATES + 1, 1))
    skills = common + generator.standard_t(5, size=(_SURROGATES + 1, 2 * len(trial.differentials.symbols)))
    return float(adjusted_p_above(skills[0], skills[1:]).min())


def _gate_by_eye_p(trial: Trial) -> float:
    """Return 0 if any of the same statistics lies above the 95 % quantile of its own draws."""
    generator = np.random.default_rng(named_seed(trial.seed, "surrogates"))
    common = generator.standard_t(5, size=(_SURROGATES + 1, 1))
    skills = common + generator.standard_t(5, size=(_SURROGATES + 1, 2 * len(trial.differentials.symbols)))
    return float(not (skills[0] > np.quantile(skills[1:], 0.95, axis=0)).any())


def _aa_test(trial: Trial) -> AATest:
    """Run the A/A test with the same signs on every panel, so that its bounds are computed once."""
    return run_aa_test(
        trial.differentials.series, lag=trial.differentials.lag, draws=_AA_DRAWS, seed=1, alpha=trial.alpha
    )


def _aa_by_binomial_p(trial: Trial) -> float:
    low, high = binomial_bounds(_AA_DRAWS, share=trial.alpha)
    return float(low <= _aa_test(trial).share <= high)


def _rows_p(trial: Trial) -> float:
    rows = trial.differentials.by_symbol[~np.isnan(trial.differentials.by_symbol)]
    return _t_test(rows)


def _t_test(values: Floats) -> float:
    return float(stats.ttest_1samp(values, 0.0).pvalue)


USED: Mapping[str, Callable[[Trial], float]] = {
    "Diebold-Mariano (primary)": _p(lambda series, lag: diebold_mariano(series, lag=lag).p),
    "batch means (cross-check)": _p(lambda series, lag: batch_means(series, lag=lag).p),
    "fixed smoothing": _p(lambda series, lag: fixed_smoothing(series, lag=lag).p),
    "interval, studentised": lambda trial: _excludes(_with_seeds(trial.differentials, trial)),
    "interval, networks differ by seed": lambda trial: _excludes(_with_seeds(trial.other_seeds, trial)),
    "claim: primary, seeds and interval": lambda trial: _claim_p(trial.differentials, trial),
    "claim, networks differ by seed": lambda trial: _claim_p(trial.other_seeds, trial),
    "any symbol, Holm": _symbols_p,
    "gain differs between symbols": lambda trial: (
        heterogeneity_test(
            trial.differentials, groups=trial.differentials.symbols, seed=named_seed(trial.seed, "signs")
        ).p
    ),
    "equivalence, at its edge": lambda trial: _equivalence_p(trial.differentials),
    "equivalence, networks differ by seed": lambda trial: _equivalence_p(trial.other_seeds),
    "skill against class shares, networks differ by seed": lambda trial: _gain_p(trial.other_seeds),
    "skill gate, 2 arms × symbols": _gate_p,
    "A/A test on the data: outside its bounds": lambda trial: float(_aa_test(trial).within),
}
"""Tests that verdicts rest on, and how p is found; NaN where the test cannot be made."""

NAIVE: Mapping[str, Callable[[Trial], float]] = {
    "t-test over all rows": _rows_p,
    "t-test over instants": lambda trial: _t_test(trial.differentials.series),
    "t-test over seeds": lambda trial: _t_test(trial.differentials.by_seed.mean(axis=1)),
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
    "A/A test on the data: outside binomial bounds": _aa_by_binomial_p,
}
"""Tests that look natural, for contrast."""

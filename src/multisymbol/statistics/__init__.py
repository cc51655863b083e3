"""Forecast comparison for panels of dependent losses: a library of its own, for the forecasts of any model.

    verdict = compare_losses({"mine": a, "theirs": b}, timestamps, symbols, baseline=c, lag=0, smallest_effect=0.005)

Pure functions of arrays. `compare_losses` goes from losses to a verdict. Everything it uses can be called alone: tests
of a mean, bootstrap intervals, the A/A test, multiple testing, seed variance, heterogeneity, power, surrogate nulls,
the model confidence set and backtest overfitting.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multisymbol.statistics.aa_test import AATest, binomial_bounds, expected_rates, run_aa_test, share_interval
    from multisymbol.statistics.bootstrap import (
        Interval,
        balanced_accuracy_difference,
        balanced_accuracy_sums,
        block_length,
        functional_interval,
        mean_interval,
    )
    from multisymbol.statistics.compare import ComparisonResult, Diagnostics, Plan, SymbolResult, compare_arms
    from multisymbol.statistics.heterogeneity import Heterogeneity, heterogeneity_test, shrunk_effects, spread_between
    from multisymbol.statistics.loss_differentials import (
        ArmLosses,
        LossDifferentials,
        RowLosses,
        Rows,
        label_lag,
        mean_losses,
        paired_differentials,
        row_losses,
        symbol_mean,
    )
    from multisymbol.statistics.losses import Verdict, compare_losses, surrogate_effects
    from multisymbol.statistics.mean_tests import (
        MeanTest,
        autocovariances,
        batch_means,
        diebold_mariano,
        fixed_smoothing,
        least_instants,
        long_run_variance,
        mean_error,
    )
    from multisymbol.statistics.model_confidence_set import ConfidenceSet, confidence_set, superior_predictive_ability
    from multisymbol.statistics.multiple_testing import SymbolTest, SymbolTests, benjamini_hochberg, holm, symbol_tests
    from multisymbol.statistics.overfitting import (
        deflated_sharpe,
        expected_best,
        overfitting_probability,
        probabilistic_sharpe,
        sharpe_ratios,
    )
    from multisymbol.statistics.power import detectable_effect, effective_instants, effective_symbols, months_needed
    from multisymbol.statistics.seed_variance import (
        VarianceSplit,
        interval_with_seeds,
        mean_seed_variance,
        p_with_seeds,
        variance_split,
        with_seeds,
    )
    from multisymbol.statistics.skill import ArmSkills, Effects, Skill, Surrogates, effects
    from multisymbol.statistics.surrogate_null import SurrogateNull, adjusted_p_above
    from multisymbol.statistics.verdict import Conclusion, LossTerms, VerdictEvidence, decide

_PUBLIC = {
    "AATest": "aa_test",
    "ArmLosses": "loss_differentials",
    "ArmSkills": "skill",
    "ComparisonResult": "compare",
    "Conclusion": "verdict",
    "ConfidenceSet": "model_confidence_set",
    "Diagnostics": "compare",
    "Effects": "skill",
    "Heterogeneity": "heterogeneity",
    "Interval": "bootstrap",
    "LossDifferentials": "loss_differentials",
    "LossTerms": "verdict",
    "MeanTest": "mean_tests",
    "Plan": "compare",
    "RowLosses": "loss_differentials",
    "Rows": "loss_differentials",
    "Skill": "skill",
    "SurrogateNull": "surrogate_null",
    "Surrogates": "skill",
    "SymbolResult": "compare",
    "SymbolTest": "multiple_testing",
    "SymbolTests": "multiple_testing",
    "VarianceSplit": "seed_variance",
    "Verdict": "losses",
    "VerdictEvidence": "verdict",
    "adjusted_p_above": "surrogate_null",
    "autocovariances": "mean_tests",
    "balanced_accuracy_difference": "bootstrap",
    "balanced_accuracy_sums": "bootstrap",
    "batch_means": "mean_tests",
    "benjamini_hochberg": "multiple_testing",
    "binomial_bounds": "aa_test",
    "block_length": "bootstrap",
    "compare_arms": "compare",
    "compare_losses": "losses",
    "confidence_set": "model_confidence_set",
    "decide": "verdict",
    "deflated_sharpe": "overfitting",
    "detectable_effect": "power",
    "diebold_mariano": "mean_tests",
    "effective_instants": "power",
    "effective_symbols": "power",
    "effects": "skill",
    "expected_best": "overfitting",
    "expected_rates": "aa_test",
    "fixed_smoothing": "mean_tests",
    "functional_interval": "bootstrap",
    "heterogeneity_test": "heterogeneity",
    "holm": "multiple_testing",
    "interval_with_seeds": "seed_variance",
    "label_lag": "loss_differentials",
    "least_instants": "mean_tests",
    "long_run_variance": "mean_tests",
    "mean_error": "mean_tests",
    "mean_interval": "bootstrap",
    "mean_losses": "loss_differentials",
    "months_needed": "power",
    "overfitting_probability": "overfitting",
    "p_with_seeds": "seed_variance",
    "paired_differentials": "loss_differentials",
    "probabilistic_sharpe": "overfitting",
    "row_losses": "loss_differentials",
    "run_aa_test": "aa_test",
    "mean_seed_variance": "seed_variance",
    "share_interval": "aa_test",
    "sharpe_ratios": "overfitting",
    "shrunk_effects": "heterogeneity",
    "spread_between": "heterogeneity",
    "superior_predictive_ability": "model_confidence_set",
    "surrogate_effects": "losses",
    "symbol_mean": "loss_differentials",
    "symbol_tests": "multiple_testing",
    "variance_split": "seed_variance",
    "with_seeds": "seed_variance",
}
"""Public name -> its module, imported when the name is first used: scipy alone takes a second."""

__all__ = [
    "AATest",
    "ArmLosses",
    "ArmSkills",
    "ComparisonResult",
    "Conclusion",
    "ConfidenceSet",
    "Diagnostics",
    "Effects",
    "Heterogeneity",
    "Interval",
    "LossDifferentials",
    "LossTerms",
    "MeanTest",
    "Plan",
    "RowLosses",
    "Rows",
    "Skill",
    "SurrogateNull",
    "Surrogates",
    "SymbolResult",
    "SymbolTest",
    "SymbolTests",
    "VarianceSplit",
    "Verdict",
    "VerdictEvidence",
    "adjusted_p_above",
    "autocovariances",
    "balanced_accuracy_difference",
    "balanced_accuracy_sums",
    "batch_means",
    "benjamini_hochberg",
    "binomial_bounds",
    "block_length",
    "compare_arms",
    "compare_losses",
    "confidence_set",
    "decide",
    "deflated_sharpe",
    "detectable_effect",
    "diebold_mariano",
    "effective_instants",
    "effective_symbols",
    "effects",
    "expected_best",
    "expected_rates",
    "fixed_smoothing",
    "functional_interval",
    "heterogeneity_test",
    "holm",
    "interval_with_seeds",
    "label_lag",
    "least_instants",
    "long_run_variance",
    "mean_error",
    "mean_interval",
    "mean_losses",
    "mean_seed_variance",
    "months_needed",
    "overfitting_probability",
    "p_with_seeds",
    "paired_differentials",
    "probabilistic_sharpe",
    "row_losses",
    "run_aa_test",
    "share_interval",
    "sharpe_ratios",
    "shrunk_effects",
    "spread_between",
    "superior_predictive_ability",
    "surrogate_effects",
    "symbol_mean",
    "symbol_tests",
    "variance_split",
    "with_seeds",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _PUBLIC:
        message = f"module 'multisymbol.statistics' has no attribute '{name}'"
        raise AttributeError(message)
    value = getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})

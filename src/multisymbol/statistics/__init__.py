"""Forecast comparison for panels of dependent losses: a library of its own, for the forecasts of any model.

    verdict = compare_losses({"mine": a, "theirs": b}, timestamps, symbols, baseline=c, lag=0, smallest_effect=0.005)

Pure functions of arrays. `compare_losses` goes from losses to a verdict. Everything it uses can be called alone: tests
of a mean, bootstrap intervals, the A/A test, multiple testing, seed variance, heterogeneity, power, surrogate nulls,
the model confidence set and backtest overfitting.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # each name with its type, for type checkers
    from multisymbol.statistics.aa_test import *  # noqa: F403
    from multisymbol.statistics.bootstrap import *  # noqa: F403
    from multisymbol.statistics.compare import *  # noqa: F403
    from multisymbol.statistics.heterogeneity import *  # noqa: F403
    from multisymbol.statistics.loss_differentials import *  # noqa: F403
    from multisymbol.statistics.losses import *  # noqa: F403
    from multisymbol.statistics.mean_tests import *  # noqa: F403
    from multisymbol.statistics.model_confidence_set import *  # noqa: F403
    from multisymbol.statistics.multiple_testing import *  # noqa: F403
    from multisymbol.statistics.overfitting import *  # noqa: F403
    from multisymbol.statistics.power import *  # noqa: F403
    from multisymbol.statistics.seed_variance import *  # noqa: F403
    from multisymbol.statistics.skill import *  # noqa: F403
    from multisymbol.statistics.surrogate_null import *  # noqa: F403
    from multisymbol.statistics.verdict import *  # noqa: F403

_NAMES = {
    "aa_test": "AATest binomial_bounds expected_rates run_aa_test share_interval",
    "bootstrap": (
        "Interval balanced_accuracy_difference balanced_accuracy_sums block_length functional_interval mean_interval"
    ),
    "compare": "ComparisonResult Diagnostics Plan SymbolResult compare_arms",
    "heterogeneity": "Heterogeneity heterogeneity_test shrunk_effects spread_between",
    "loss_differentials": (
        "ArmLosses LossDifferentials RowLosses Rows label_lag mean_losses paired_differentials row_losses symbol_mean"
    ),
    "losses": "Verdict compare_losses surrogate_effects",
    "mean_tests": (
        "MeanTest autocovariances batch_means diebold_mariano fixed_smoothing least_instants "
        "long_run_variance mean_error"
    ),
    "model_confidence_set": "ConfidenceSet confidence_set superior_predictive_ability",
    "multiple_testing": "SymbolTest SymbolTests benjamini_hochberg holm symbol_tests",
    "overfitting": "deflated_sharpe expected_best overfitting_probability probabilistic_sharpe sharpe_ratios",
    "power": "detectable_effect effective_instants effective_symbols months_needed",
    "seed_variance": "VarianceSplit interval_with_seeds mean_seed_variance p_with_seeds variance_split with_seeds",
    "skill": "ArmSkills Effects Skill Surrogates effects",
    "surrogate_null": "SurrogateNull adjusted_p_above",
    "verdict": "Conclusion LossTerms VerdictEvidence decide",
}
_PUBLIC = {name: module for module, names in _NAMES.items() for name in names.split()}
"""Public name -> its module, imported when the name is first used: scipy alone takes a second."""

__all__ = [*_PUBLIC]  # noqa: PLE0604 (loaded by __getattr__)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'multisymbol.statistics' has no attribute '{name}'")
    value = getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})

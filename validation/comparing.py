"""A planted market through the front door, as `multisymbol compare` runs it.

The configuration is that of conf/compare.yaml (validation/conf/prove.yaml stands on it): its folds, arms, loss, tests,
decision, and surrogate markets of both kinds. What is laid over it stands here: folds as long as the market allows, a
small network, three seeds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multisymbol.cli.specs import compare_spec
from multisymbol.comparison.run import ComparisonRun, compare
from multisymbol.progress import Terminal
from multisymbol.statistics.verdict import Kind
from validation.bench import Bench
from validation.planted_arms import SEEDS, SMALLEST

FOLDS = 2
_TRAIN, _VALIDATION, _TEST = 0.44, 0.12, 0.18
"""Shares of the market's time: of the first fold's train part at least, of a validation part, of a test part."""


def compared(
    bench: Bench, values: Mapping[str, Any], *, folder: Path, draws: int, laid_over: Mapping[str, Any] | None = None
) -> ComparisonRun:
    """Compare the arms on a market.

    Args:
        bench: What is worked with.
        values: Configuration of the market.
        folder: Gets the comparison.
        draws: Surrogate markets of each kind; 0: the comparison is exploratory.
        laid_over: Top level keys that are unlike those of conf/compare.yaml.
    """
    given = {**_small(bench, values), "comparison": _declared(bench, draws=draws), **(laid_over or {})}
    return compare(compare_spec(given), folder / "comparison", terminal=Terminal(silent=True), name="proof")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """What the front door said of a market.

    Args:
        kind: The verdict.
        text: With its numbers.
    """

    kind: Kind
    text: str


def through_compare(bench: Bench, values: Mapping[str, Any], *, folder: Path) -> Answered:
    """Compare with as many surrogate markets of each kind as a claim needs; parameters as in `compared`."""
    comparison = compared(bench, values, folder=folder, draws=bench.draws).comparison
    found, declared = comparison.primary, comparison.declared
    draws = " + ".join(f"{count} {kind}" for kind, count in declared.surrogates.items())
    aa_test = found.diagnostics.aa_test
    return Answered(
        kind=found.verdict.kind,
        text=f"through compare: {found.verdict.kind} (effect {found.differentials.effect:+.4f}, "
        f"p {found.primary.p:.1g}, {len(declared.folds)} folds, surrogates {draws}, A/A {aa_test.share:.0%})",
    )


def _small(bench: Bench, values: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the folds and the training of the bench over the market's configuration."""
    bars, parts = values["source"]["bars"], {"train": _TRAIN, "validation": _VALIDATION, "test": _TEST}
    lengths = {name: f"{int(share * bars)}h" for name, share in parts.items()}
    return bench.training.over({**values, "split": {**bench.values["split"], **lengths, "count": FOLDS}})


def _declared(bench: Bench, *, draws: int) -> dict[str, Any]:
    return {
        **bench.values["comparison"],
        "seeds": list(SEEDS),
        "smallest": SMALLEST,
        "draws": 499,
        "aa_draws": 100,
        "exploratory": draws == 0,
        "surrogates": {**bench.values["comparison"]["surrogates"], "kept": draws, "removed": draws, "workers": 1},
        "threads": 1,
    }

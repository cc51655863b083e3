"""World 13: a signal that is there and cannot be traded, and whether the report says so."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from multisymbol.comparison.result import PRIOR, SINGLE, UNIVERSAL, TradeCounts
from multisymbol.comparison.run import ComparisonRun
from multisymbol.labels.labels import CLASSES
from multisymbol.reports.comparison import comparison_lines
from multisymbol.samples.fold import TRAIN
from validation.bench import Bench, Proved
from validation.comparing import compared
from validation.planted_arms import SHARED, market, scratch, shared

WORDS = "Skill, not tradable"
_LIKELIEST = 0.36
"""Probability above which a side is taken: a little more than one in three, since the signal is weak."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Worth:
    """What a market's signal was worth.

    Args:
        skilled: Whether the universal model is shown to have skill.
        accuracy: Of the universal model, mean of the seeds, all folds.
        prior: Of always saying the commonest class of the train samples.
        trades: Of the universal model, costs of conf/asset_class/crypto.yaml.
        said: Whether the report says that it cannot be traded.
    """

    skilled: bool
    accuracy: float
    prior: float
    trades: TradeCounts
    said: bool

    @property
    def passed(self) -> bool:
        return (
            self.skilled
            and self.accuracy > self.prior
            and self.trades.gross_bps > 0 >= self.trades.net_bps
            and self.said
        )


def not_tradable(bench: Bench) -> Proved:
    """World 13, every market through the front door."""
    seeds = bench.seeds(5)
    found = []
    for done, seed in enumerate(seeds):
        bench.say("13 below cost", done, len(seeds))
        with scratch() as folder:
            found.append(_worth(_small_signal(bench, seed=seed, folder=folder)))
    spans = {
        "accuracy less the prior's": [own.accuracy - own.prior for own in found],
        "gross": [own.trades.gross_bps for own in found],
        "net": [own.trades.net_bps for own in found],
    }
    shown = ", ".join(
        f"{name} {min(own):+.3f} to {max(own):+.3f}"
        if max(map(abs, own)) < 1
        else f"{name} {min(own):+.1f} to {max(own):+.1f} bp a trade"
        for name, own in spans.items()
    )
    return Proved(
        passed=all(own.passed for own in found),
        measured=f"universal skilled in {sum(own.skilled for own in found)}/{len(seeds)}, {shown}; the report says "
        f"'{WORDS}' in {sum(own.said for own in found)}/{len(seeds)}",
        seeds=seeds,
    )


def _small_signal(bench: Bench, *, seed: int, folder: Path) -> ComparisonRun:
    values = market(bench.values, seed=seed, cache=folder, effects=shared(SHARED))
    return compared(
        bench,
        values,
        folder=folder,
        draws=0,
        laid_over={
            "arms": {name: values["arms"][name] for name in (UNIVERSAL, SINGLE, PRIOR)},
            "decision": {**values["decision"], "enter_confidence": _LIKELIEST, "exit_confidence": _LIKELIEST},
        },
    )


def _worth(done: ComparisonRun) -> _Worth:
    comparison = done.comparison
    assert comparison.trading is not None
    accuracy, prior = np.mean([_accuracy(done, number) for number in range(len(done.tasks))], axis=0)
    return _Worth(
        skilled=UNIVERSAL in comparison.primary.evidence.skilled,
        accuracy=float(accuracy),
        prior=float(prior),
        trades=comparison.trading.universal,
        said=any(WORDS in line for line in comparison_lines(comparison)),
    )


def _accuracy(done: ComparisonRun, number: int) -> tuple[float, float]:
    """Return that of the universal model in a fold, and that of the commonest class."""
    scored, whole = done.scored[UNIVERSAL][number], done.tasks[number].whole
    label = whole.ledger.label[scored.rows]
    commonest = np.bincount(whole.ledger.label[whole.parts.positions(TRAIN)], minlength=len(CLASSES)).argmax()
    return float((scored.prob.argmax(axis=2) == label).mean()), float((label == commonest).mean())

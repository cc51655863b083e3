"""What a comparison is: its data, its arms, and everything that is declared before training."""

from collections.abc import Mapping
from dataclasses import dataclass

from multisymbol.backtest.decision import DecisionRule
from multisymbol.comparison.arms import Arm
from multisymbol.comparison.result import BudgetUnit
from multisymbol.markets.surrogate import Drift
from multisymbol.samples.dataset import DataSpec
from multisymbol.statistics.compare import Plan
from multisymbol.statistics.verdict import Question
from multisymbol.training.fit import FitSpec
from multisymbol.training.spec import RunSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class SurrogateSpec:
    """Markets without signal on which the universal and the single arm are trained again.

    Args:
        kept: Draws with each symbol's drift, 0 for none; a claim needs 20 of each kind that is drawn.
        removed: Draws without drift.
        seed: Seed of the first draw; later ones count up from it.
        workers: Parallel processes, one core each.
    """

    kept: int
    removed: int
    seed: int
    workers: int

    @property
    def draws(self) -> dict[Drift, int]:
        """Kind of drift -> draws, kinds without draws left out."""
        counts: dict[Drift, int] = {"kept": self.kept, "removed": self.removed}
        return {kind: count for kind, count in counts.items() if count}


@dataclass(frozen=True, kw_only=True, slots=True)
class CompareSpec:
    """One comparison.

    Args:
        data: The samples.
        fit: How the universal arm's network is fitted; other arms derive theirs from it.
        run: How the comparison and its models are kept; its record is what the plan is hashed over.
        arms: Name -> what it trains. `universal`, `single` and `prior` are in every comparison.
        primary: The question that the verdict is about.
        seeds: One training of every arm per seed.
        plan: Levels, sizes and weights of the statistics; whether anything is claimed.
        budget: What universal and single models have in equal number.
        surrogates: Markets without signal.
        decision: From probabilities to positions, for results net of costs.
        capital: Capital of each account that is traded; matters only for costs in money.
        threads: Cores a stack uses; no number depends on it.
        register: Whether the last fold's models become registered versions.
        promote: Whether champions move as the verdicts say.
    """

    data: DataSpec
    fit: FitSpec
    run: RunSpec
    arms: Mapping[str, Arm]
    primary: Question
    seeds: tuple[int, ...]
    plan: Plan
    budget: BudgetUnit
    surrogates: SurrogateSpec
    decision: DecisionRule
    capital: float
    threads: int
    register: bool = False
    promote: bool = False

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
    """Markets without signal on which the universal and the single arm are trained again."""

    kept: int  # draws with each symbol's drift, 0 for none; a claim needs 20 of each kind that is drawn
    removed: int  # draws without drift
    seed: int  # seed of the first draw; later ones count up from it
    workers: int  # parallel processes, one core each

    @property
    def draws(self) -> dict[Drift, int]:
        """Kind of drift -> draws, kinds without draws left out."""
        counts: dict[Drift, int] = {"kept": self.kept, "removed": self.removed}
        return {kind: count for kind, count in counts.items() if count}


@dataclass(frozen=True, kw_only=True, slots=True)
class CompareSpec:
    """One comparison."""

    data: DataSpec
    fit: FitSpec  # how the universal arm's network is fitted; other arms derive theirs from it
    run: RunSpec  # how the comparison and its models are kept; its record is what the plan is hashed over
    arms: Mapping[str, Arm]  # name -> what it trains. `universal`, `single` and `prior` are in every comparison
    primary: Question  # the question that the verdict is about
    seeds: tuple[int, ...]  # one training of every arm per seed
    plan: Plan  # levels, sizes and weights of the statistics; whether anything is claimed
    budget: BudgetUnit  # what universal and single models have in equal number
    surrogates: SurrogateSpec
    decision: DecisionRule  # from probabilities to positions, for results net of costs
    capital: float  # capital of each account that is traded; matters only for costs in money
    threads: int  # cores a stack uses; no number depends on it
    register: bool = False  # whether the last fold's models become registered versions
    promote: bool = False  # whether champions move as the verdicts say

"""The keys of `conf/compare.yaml`: their types."""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from multisymbol.cli.schema import TrainConfig

SCHEMA = f"{__name__}.CompareConfig"


@dataclass(frozen=True, kw_only=True, slots=True)
class SurrogateSettings:
    """Markets without signal on which both arms are trained again.

    Args:
        kept: Draws with the drift kept; likewise `removed`. 20 at least of a kind, or 0 for none of it.
        removed: See there.
        seed: Of the first draw; the next ones count on.
        workers: Processes at a time, one core each.
    """

    kept: NonNegativeInt
    removed: NonNegativeInt
    seed: NonNegativeInt
    workers: PositiveInt


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonSettings:
    """A file in `conf/comparison`; see `evaluation.plan.Plan` for the levels and sizes.

    Args:
        primary: The question that the verdict is about.
        seeds: Of the trainings of every arm.
        smallest: Smallest effect of interest, nats a forecast.
        alpha: Of every test.
        level: Coverage of intervals.
        power: At which detectable effects are stated.
        draws: Resamples of an interval.
        aa_draws: Of the A/A run.
        seed: Of resampling.
        weights: Symbol -> weight in the mean over symbols; None: all alike.
        budget: What a single and the universal model have the same number of: epochs, or steps an epoch too.
        capital: Money of each account that is traded; it matters only for costs that are money.
        exploratory: Allow fewer than 3 seeds and 20 draws; nothing is claimed then.
        surrogates: Markets without signal.
        threads: Cores of a stack.
    """

    primary: Literal["overall", "direction", "activity"]
    seeds: list[NonNegativeInt]
    smallest: float
    alpha: float
    level: float
    power: float
    draws: PositiveInt
    aa_draws: PositiveInt
    seed: NonNegativeInt
    weights: dict[str, float] | None
    budget: Literal["epochs", "steps"]
    capital: PositiveFloat
    exploratory: bool
    surrogates: SurrogateSettings
    threads: PositiveInt


@dataclass(frozen=True, kw_only=True, slots=True)
class CompareConfig(TrainConfig):
    """Every key of `conf/compare.yaml`: those of a training, and its own.

    Args:
        comparison: What is declared.
        arms: Name -> what it trains; the arms that are run.
        decision: From probabilities to positions, for the net of costs.
        promote: Whether champions move as the verdicts say.
    """

    comparison: ComparisonSettings
    arms: dict[str, Any]
    decision: Any
    promote: bool

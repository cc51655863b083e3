"""What is declared of the statistics before training; part of the hash that pre-registers a comparison."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from multisymbol.errors import ComparisonError

LEAST_DRAWS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Levels and sizes of everything.

    Args:
        smallest: Smallest effect of interest, nats a forecast.
        alpha: Of every test, for example 0.05.
        level: Coverage of intervals, for example 0.95.
        power: At which detectable effects are stated, for example 0.8.
        draws: Resamples of an interval.
        relabellings: Of the A/A run, at most.
        seed: Of resampling.
        weights: Symbol -> weight in the mean over live symbols; None: all the same.
        exploratory: Allow fewer than 3 seeds and 20 surrogate draws; then nothing is claimed.
    """

    smallest: float
    alpha: float
    level: float
    power: float
    draws: int
    relabellings: int
    seed: int
    weights: Mapping[str, float] | None
    exploratory: bool

    def __post_init__(self) -> None:
        problems = [
            f"{name}={value}: expected a number above 0 and below 1"
            for name, value in (("alpha", self.alpha), ("level", self.level), ("power", self.power))
            if not 0 < value < 1
        ]
        if not 0 < self.smallest < math.inf:
            problems.append(f"smallest={self.smallest}: expected the nats a forecast that would matter to you, above 0")
        problems += [
            f"{name}={count}: expected at least {LEAST_DRAWS}"
            for name, count in (("draws", self.draws), ("relabellings", self.relabellings))
            if count < LEAST_DRAWS
        ]
        if problems:
            raise ComparisonError("; ".join(problems))

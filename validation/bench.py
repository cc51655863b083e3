"""What every proof is given and gives back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from validation.planted_arms import Training


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """What a proof works with.

    Args:
        values: Composed configuration that markets are laid over.
        seed: First market's; the others follow.
        repeats: Markets; None: as many as the proof says.
        draws: Surrogate markets of a verdict.
        training: How networks are trained.
        say: Shows progress: what, done, of how many.
    """

    values: Mapping[str, Any]
    seed: int
    repeats: int | None
    draws: int
    training: Training
    say: Callable[[str, int, int], None]

    def seeds(self, usual: int) -> range:
        """Return the seeds of the markets: as many as asked for, else the usual number."""
        return range(self.seed, self.seed + (self.repeats or usual))


@dataclass(frozen=True, kw_only=True, slots=True)
class Proved:
    """What a proof came to.

    Args:
        passed: Whether the pass rule holds.
        measured: Numbers that it rests on.
        seeds: Of the markets.
    """

    passed: bool
    measured: str
    seeds: range

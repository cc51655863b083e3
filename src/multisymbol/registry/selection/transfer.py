"""Source models, the models of similar symbols: which is asked first, by profile and, if there are any, by scores.

A transfer score is what a source model lost on labels of the target itself. Its rank among the source models is shrunk
to that by profile:

    score = (1 - w) * rank by distance + w * rank by loss        w = n / (n + 50), n independent labels

so that with a handful of labels the profile rules, and with many the losses do. Ranks, not numbers: a distance and a
loss have no unit in common, and one absurd model would otherwise decide on the order of the others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from multisymbol.registry.store.versions import StoredVersion

PRIOR_LABELS = 50.0
"""Independent labels that weigh as much as the profile.

Losses of two models on one label differ with a standard deviation of some 0.3 nats, so that 50 labels tell differences
of 0.04 from none: about what separates source models worth choosing between. A judgement, not a measurement.
"""
MOST_TRIED = 5
"""Source models that are tried, the nearest: each has to be loaded and asked for every bar."""

Key: TypeAlias = tuple[str, int]
"""Name and number of a version."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TransferScore:
    """What a source model lost on labels of the target."""

    # its mean log-loss less that of all source models tried, on the same rows; nats, below 0 is better
    difference: float
    labels: float  # how many independent labels that rests on; overlapping ones count in part

    @property
    def weight(self) -> float:
        """How much the trial weighs against the profile, 0 to 1."""
        return self.labels / (self.labels + PRIOR_LABELS)


Trials: TypeAlias = Callable[[Sequence[StoredVersion]], Mapping[Key, TransferScore | str]]
"""Scores source models, nearest first, on the same rows; text says why one was not tried."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceModel:
    """A model that may answer for a similar symbol."""

    version: StoredVersion  # of the model
    distance: float  # to its symbol
    trial: TransferScore | None = None  # None where it was not tried
    said: str = ""  # the trial in words, empty where there was none


def key_of(version: StoredVersion) -> Key:
    """Return what names a version in a table of trials."""
    return version.name, version.version


def by_evidence(models: Sequence[SourceModel], trials: Mapping[Key, TransferScore | str]) -> list[SourceModel]:
    """Put the source models that were tried in the order of their scores; the others keep their places.

    Args:
        models: By distance, nearest first.
        trials: Of some of them, all on the same rows, or why there is none.
    """
    found = [trials.get(key_of(model.version)) for model in models]
    tried = {place: trial for place, trial in enumerate(found) if isinstance(trial, TransferScore)}
    losses = sorted(trial.difference for trial in tried.values())
    scored = []
    for near, (place, trial) in enumerate(tried.items(), start=1):
        rank = losses.index(trial.difference) + 1
        score = (1.0 - trial.weight) * near + trial.weight * rank
        said = _said(trial, ranks=(near, rank), of=len(tried), score=score)
        scored.append((score, near, replace(models[place], trial=trial, said=said)))
    result = [
        replace(model, said=f"not tried: {why}") if isinstance(why, str) else model
        for model, why in zip(models, found, strict=True)
    ]
    for place, (_, _, model) in zip(tried, sorted(scored, key=lambda each: each[:2]), strict=True):
        result[place] = model
    return result


def _said(trial: TransferScore, *, ranks: tuple[int, int], of: int, score: float) -> str:
    return (
        f"by profile {ranks[0]}, by loss {ranks[1]} of {of} ({trial.difference:+.4f} nats against their mean, "
        f"{trial.labels:.0f} independent labels, weight {trial.weight:.2f}): score {score:.2f}"
    )

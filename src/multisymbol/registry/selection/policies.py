"""Policies: in which order the kinds of model are tried for a symbol, and why.

plan        universal ─> own ─> similar
own_first   own ─> universal ─> similar
evidence    the kind that the symbol's last comparison found better, as the tags of the universal versions say
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from multisymbol.markets.symbols import slugs
from multisymbol.markets.time import iso
from multisymbol.registry.selection.candidates import (
    Place,
    Request,
    is_universal,
    names_in,
    nanoseconds,
    of_other_form,
    ordered,
)
from multisymbol.registry.store.versions import StoredVersion

VERDICT_TAG = "verdict."
UNSEEN = "unseen."
"""`verdict.{slug}` is about one symbol, `verdict.unseen.{asset_class}` about symbols the model was not trained on."""

Verdict: TypeAlias = Literal["UNIVERSAL_BETTER", "SINGLE_BETTER", "EQUIVALENT", "INCONCLUSIVE", "NO_SKILL"]

_ORDERS: Mapping[str, tuple[Place, Place, Place]] = {
    "universal": ("universal", "own", "similar"),
    "own": ("own", "universal", "similar"),
}
_MEANING: Mapping[str, str] = {
    "UNIVERSAL_BETTER": "UNIVERSAL_BETTER",
    "SINGLE_BETTER": "SINGLE_BETTER",
    "EQUIVALENT": "EQUIVALENT, so the universal model answers",
    "INCONCLUSIVE": "INCONCLUSIVE, so the order without evidence holds",
    "NO_SKILL": "NO_SKILL: neither kind of model has shown any skill, its probabilities are no reason to trade",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Preference:
    """In which order the places are tried, and why."""

    places: tuple[Place, Place, Place]
    reason: str


class Policy(Protocol):
    """What decides on the order of places.

    Args:
        limit: Distance beyond which a similar symbol's model is refused.
    """

    @property
    def name(self) -> str:
        """Its name in `conf/registry/policy`."""
        ...

    @property
    def limit(self) -> float:
        """Distance beyond which a similar symbol's model is refused."""
        ...

    def preference(self, request: Request, versions: Sequence[StoredVersion]) -> Preference:
        """Order the places; `versions` are those of the request's timeframe and strategy."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class FixedOrder:
    """The same order for all: see `conf/registry/policy/plan.yaml` and `own_first.yaml`."""

    # the kind of model that is tried first; the other kind comes second, a similar symbol's last
    first: Literal["universal", "own"]
    limit: float  # distance beyond which a similar symbol's model is refused, see `registry.selection.similarity`

    @property
    def name(self) -> str:
        """Return `plan` or `own_first`."""
        return {"universal": "plan", "own": "own_first"}[self.first]

    def preference(self, request: Request, versions: Sequence[StoredVersion]) -> Preference:
        """Return the order."""
        del request, versions  # it is the same for all
        places = _ORDERS[self.first]
        return Preference(places=places, reason=", ".join(places))


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidencePolicy:
    """The last comparison decides: see `conf/registry/policy/evidence.yaml`.

    Its verdict for the symbol, else, for a universal model that was not trained on the symbol, its verdict for unseen
    symbols of the class. Only comparisons whose data end at or before `as_of` count, of models with the columns and
    labels asked for; a retired version's verdict still is evidence.
    """

    limit: float  # as in `FixedOrder`

    @property
    def name(self) -> str:
        """Return `evidence`."""
        return "evidence"

    def preference(self, request: Request, versions: Sequence[StoredVersion]) -> Preference:
        """Put the kind of model first that the evidence speaks for, universal where it speaks for none."""
        found, notes = _evidence(request, versions)
        own_first = found is not None and found.verdict == "SINGLE_BETTER"
        places = _ORDERS["own" if own_first else "universal"]
        reason = f"no comparison has judged {request.symbol}: {', '.join(places)}" if found is None else found.text()
        return Preference(places=places, reason="; ".join([reason, *notes]))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Judgement:
    """The verdict of a comparison, as a tag of the universal version it judged."""

    about: str
    of_symbol: bool
    verdict: Verdict
    data_until: int
    comparison: str
    version: StoredVersion

    def text(self) -> str:
        whose = f"comparison {self.comparison} (data until {iso(self.data_until)})"
        return f"{whose} says of {self.about} {_MEANING[self.verdict]}"

    def rank(self) -> tuple[bool, int, int, str]:
        """A verdict on the symbol itself counts before one on its class, then the newest."""
        return self.of_symbol, self.data_until, self.version.version, self.version.name


def _evidence(request: Request, versions: Sequence[StoredVersion]) -> tuple[_Judgement | None, list[str]]:
    """Return the verdict that counts, and what is to be said about those that do not."""
    judgements, notes = [], []
    universal = [version for version in versions if is_universal(version.tags, request)]
    for version in ordered([version for version in universal if not of_other_form(version, request)]):
        for tag, about in _verdict_tags(request, version):
            try:
                judgements.append(_judgement(tag, about, version))
            except (ValueError, KeyError, TypeError) as error:
                notes.append(f"tag {tag} of {version.name} version {version.version} cannot be read ({error})")
    known = [each for each in judgements if request.as_of is None or each.data_until <= request.as_of]
    newer = sorted({each.comparison for each in judgements} - {each.comparison for each in known})
    notes += [f"comparison {name} is newer than as_of and not used" for name in newer]
    return max(known, key=_Judgement.rank, default=None), notes


def _verdict_tags(request: Request, version: StoredVersion) -> Iterator[tuple[str, str]]:
    """Yield the tags of a version that are about the symbol, and about whom each is."""
    unseen = f"{VERDICT_TAG}{UNSEEN}{request.asset_class}"
    own = [f"{VERDICT_TAG}{text}" for text in slugs(request.symbol)]
    if stored := [tag for tag in own if tag in version.tags]:
        yield stored[0], request.symbol
    if unseen in version.tags and request.symbol not in names_in(version, "symbols"):
        yield unseen, f"unseen {request.asset_class}"


def _judgement(tag: str, about: str, version: StoredVersion) -> _Judgement:
    data = json.loads(version.tags[tag])
    if data["verdict"] not in _MEANING:
        raise ValueError(f"no verdict '{data['verdict']}'")
    return _Judgement(
        about=about,
        of_symbol=not tag.startswith(VERDICT_TAG + UNSEEN),
        verdict=data["verdict"],
        data_until=nanoseconds(data["data_until"]),
        comparison=str(data["comparison"]),
        version=version,
    )

"""Which stored versions may answer for a symbol: the request, the places they belong to, and the hard filters.

Decided by tags alone, so thousands are judged in milliseconds and no file is opened.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal, TypeAlias

from multisymbol.errors import ConfigError
from multisymbol.markets.provenance import SYNTHETIC, Provenance
from multisymbol.markets.time import NEVER, iso
from multisymbol.registry.selection.similarity import Profile
from multisymbol.registry.store.versions import CANDIDATE_TAG, CHAMPION, RETIRED_TAG, StoredVersion

Place: TypeAlias = Literal["universal", "own", "similar"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """Who needs a model, and what it must fit.

    Raises:
        ConfigError: The profile is another symbol's, of other bars, or knows bars after `as_of`.
    """

    symbol: str  # name
    asset_class: str  # its class
    timeframe: str  # length of its bars, `1h`
    strategy: str | None  # first part of the model's name, None for any
    feature_digest: str | None  # digest of the columns the model must have, None for any
    label: str | None  # definition of the labels it must have learned, None for any
    as_of: int | None  # only what was known then may be used; None: now
    allow_seen: bool  # whether a model that was trained past `as_of` may answer; the answer then says so
    # the symbol's own bars up to `as_of`, None where there are none: then no similar symbol is looked for
    profile: Profile | None
    provenance: Provenance = "real"  # whether its bars are real or generated: a model of the other kind never answers

    def __post_init__(self) -> None:
        known = self.profile
        if known is None:
            return
        problems = [
            f"is of {given}, not of {asked}"
            for given, asked in ((known.symbol, self.symbol), (known.timeframe, self.timeframe))
            if given != asked
        ]
        if self.as_of is not None and known.until > self.as_of:
            problems.append(f"knows bars until {iso(known.until)}, past as_of {iso(self.as_of)}")
        if problems:
            raise ConfigError(f"the profile for {self.symbol} {self.timeframe} {' and '.join(problems)}")


def concerns(version: StoredVersion, request: Request) -> bool:
    """Whether a version is of the request's timeframe and strategy."""
    return version.tags.get("timeframe") == request.timeframe and of_strategy(version, request)


def of_strategy(version: StoredVersion, request: Request) -> bool:
    """Whether a version is of the request's strategy, if it has one."""
    return request.strategy is None or version.tags.get("strategy") == request.strategy


def of_place(place: Place, request: Request, versions: Sequence[StoredVersion]) -> list[StoredVersion]:
    """Return the versions that belong to a place, in the order they are tried."""
    belongs = {"universal": is_universal, "own": _is_own, "similar": _is_similar}[place]
    return ordered([version for version in versions if belongs(version.tags, request)])


def is_universal(tags: Mapping[str, str], request: Request) -> bool:
    """Whether a version's tags are those of a universal model."""
    del request  # it is everybody's
    return tags.get("scope") == "universal"


def _is_own(tags: Mapping[str, str], request: Request) -> bool:
    return tags.get("scope") == "single" and tags.get("symbols") == _as_tag(request.symbol)


def _is_similar(tags: Mapping[str, str], request: Request) -> bool:
    same_class = tags.get("asset_classes") == _as_tag(request.asset_class)
    return tags.get("scope") == "single" and same_class and not _is_own(tags, request)


def ordered(versions: Sequence[StoredVersion]) -> list[StoredVersion]:
    """Sort models with a champion first, then by name; within a model the champion first, then the newest number."""
    with_champion = {version.name for version in versions if CHAMPION in version.aliases}
    return sorted(
        versions,
        key=lambda each: (each.name not in with_champion, each.name, CHAMPION not in each.aliases, -each.version),
    )


def refusals(version: StoredVersion, request: Request) -> list[str]:
    """List every hard filter a version fails, in words."""
    tags = version.tags
    problems = [f"retired {tags[RETIRED_TAG]}"] if RETIRED_TAG in tags else []
    problems += _not_promoted(version)
    problems += _of_other_provenance(version, request)
    problems += of_other_form(version, request)
    classes = names_in(version, "asset_classes")
    if request.asset_class not in classes:
        problems.append(f"trained on {_listed(classes)}, never on {request.asset_class}")
    return [*problems, *_unknowns(version), *_past(version, request)]


def _not_promoted(version: StoredVersion) -> list[str]:
    if version.retired or version.serves:
        return []
    return [
        f"candidate of a {version.tags[CANDIDATE_TAG]}, not promoted (multisymbol models promote {version.reference})"
    ]


def _of_other_provenance(version: StoredVersion, request: Request) -> list[str]:
    if version.provenance in {None, request.provenance}:  # None: a resolver asks the files of the version it chooses
        return []
    if version.provenance == "synthetic":
        return [f"trained on {SYNTHETIC} bars; those of {request.symbol} are real"]
    return [f"trained on real bars; those of {request.symbol} are {SYNTHETIC}"]


def of_other_form(version: StoredVersion, request: Request) -> list[str]:
    """List where columns or labels are not those asked for."""
    asked = {"columns": ("feature_digest", request.feature_digest), "labels": ("label", request.label)}
    return [
        f"{what} {version.tags.get(tag, 'unknown')}, asked for {wanted}"
        for what, (tag, wanted) in asked.items()
        if wanted is not None and version.tags.get(tag) != wanted
    ]


def is_past(version: StoredVersion, request: Request) -> bool:
    """Whether a model has seen anything after `as_of`; one that does not say what it has seen may have seen all."""
    return request.as_of is not None and (trained_until(version) or NEVER) > request.as_of


def trained_until(version: StoredVersion) -> int | None:
    """Return the last instant a model has seen, None where its tag does not say."""
    try:
        return nanoseconds(version.tags.get("train_until", ""))
    except ValueError:
        return None


def _unknowns(version: StoredVersion) -> list[str]:
    unknown = [] if trained_until(version) is not None else ["does not say until when it was trained"]
    return unknown + ([] if names_in(version, "symbols") else ["does not name its symbols"])


def _past(version: StoredVersion, request: Request) -> list[str]:
    until = trained_until(version)
    if request.as_of is None or request.allow_seen or until is None or until <= request.as_of:
        return []
    return [f"trained to {version.tags['train_until']}, past as_of {iso(request.as_of)}"]


def names_in(version: StoredVersion, tag: str) -> list[str]:
    """Read a list of names; a tag that is missing or none of ours is an empty one."""
    try:
        names = json.loads(version.tags.get(tag, "[]"))
    except ValueError:
        return []
    return [str(name) for name in names] if isinstance(names, list) else []


@lru_cache(maxsize=256)  # asked once per version
def _as_tag(name: str) -> str:
    return json.dumps([name], ensure_ascii=False)


def nanoseconds(text: str) -> int:
    """Read what `instants.iso` writes; a hundredth of the time of a pandas timestamp, and there may be thousands.

    Without a zone it is UTC; a fraction of a second is cut off.

    Raises:
        ValueError: No ISO timestamp.
    """
    if text == "never":
        return NEVER
    stamp = datetime.fromisoformat(text)
    known = stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp
    return int(known.timestamp()) * 1_000_000_000


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "no class it names"

"""Resolution: which stored model answers for a symbol, and why that one; or none, and why.

    request ─> policy ─> universal │ own │ similar, in the policy's order
                             │
               hard filters: retired, columns, label, asset class, as_of; then champion, else the newest number

Pure: it looks at versions that were listed before and asks nobody. What was tried is in the chain, with reasons.
The facts of a version do not change, but who is champion is today's knowledge, also where `as_of` lies in the past.
"""

import math
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from multisymbol.errors import BundleError, ModelNotFoundError, StoreError
from multisymbol.markets.provenance import synthetic_lines
from multisymbol.markets.time import iso
from multisymbol.registry.selection.candidates import (
    Place,
    Request,
    concerns,
    is_past,
    names_in,
    of_place,
    of_strategy,
    refusals,
)
from multisymbol.registry.selection.policies import Policy
from multisymbol.registry.selection.similarity import Profile, distance, fit_scale
from multisymbol.registry.selection.transfer import MOST_TRIED, SourceModel, TransferScore, Trials, by_evidence
from multisymbol.registry.store.versions import CHAMPION, NEWEST, StoredVersion

__all__ = ["Policy", "Profiles", "Request", "Resolution", "Step", "resolution_lines", "resolve_model", "train_command"]

ROLES = (CHAMPION, NEWEST)
"""Aliases a version may be chosen by; a challenger is only ever compared."""
NOT_PROMOTED = "not promoted"
"""What is said of a version that answers although nobody made it the champion."""
Outcome: TypeAlias = Literal["taken", "refused", "not needed", "none"]
Profiles: TypeAlias = Callable[[StoredVersion], Mapping[str, Profile]]

_MOST_LINES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One thing that was tried."""

    place: Place  # `universal`, `own` or `similar`
    model: str | None  # registered name, None where there is none or none was looked for
    version: int | None  # its number
    outcome: Outcome  # what became of it
    reason: str  # why
    distance: float | None = None  # to the model's symbol, where it was measured and can be
    trial: TransferScore | None = None  # what the model lost on labels of the symbol itself, where it was tried


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolution:
    """Which model answers, and how that came about."""

    request: Request  # what was asked
    policy: str  # name of the policy
    chain: tuple[Step, ...]  # everything that was tried, in order; each place of the policy has at least one step
    chosen: StoredVersion | None  # the version that answers, None for none: stay out of the market
    role: Place | None  # the place it was found in
    alias: str | None  # `champion` or `newest` where the version holds it
    reason: str  # why the places were tried in that order, and what came of it
    distance: float | None  # to the chosen model's symbol, where that is another one
    seen: bool  # whether the chosen model was trained past `as_of`

    @property
    def standing(self) -> str:
        """The chosen version's alias, and that nobody has promoted it where that is so."""
        promoted = self.chosen is not None and self.chosen.promoted
        return ", ".join(filter(None, [self.alias, None if promoted else NOT_PROMOTED]))

    def require(self, *, command: str | None = None, instead: str | None = None) -> StoredVersion:
        """Return the chosen version.

        Args:
            instead: What would be answered without another model, where the caller knows.
            command: Would train a model, where the caller knows it better than `train_command`.

        Raises:
            ModelNotFoundError: There is none; the message has the chain and the command that would train one.
        """
        if self.chosen is None:
            command = train_command(self.request) if command is None else command
            cures = [f"train one: {command}"] if instead is None else [instead, f"or train one: {command}"]
            raise ModelNotFoundError("\n".join([*resolution_lines(self), *cures]))
        return self.chosen

    def to_json(self) -> dict[str, Any]:
        """Return plain data; of the profile only until when it knows bars."""
        asked, chosen = self.request, self.chosen
        return {
            "symbol": asked.symbol,
            "asset_class": asked.asset_class,
            "timeframe": asked.timeframe,
            "strategy": asked.strategy,
            "feature_digest": asked.feature_digest,
            "label": asked.label,
            "as_of": None if asked.as_of is None else iso(asked.as_of),
            "allow_seen": asked.allow_seen,
            "profile_until": None if asked.profile is None else iso(asked.profile.until),
            "policy": self.policy,
            "model": None if chosen is None else chosen.name,
            "version": None if chosen is None else chosen.version,
            "role": self.role,
            "alias": self.alias,
            "promoted": None if chosen is None else chosen.promoted,
            "provenance": asked.provenance,
            "reason": self.reason,
            "distance": self.distance,
            "seen": self.seen,
            "careful": None if chosen is None else chosen.without_skill,
            "chain": [
                {
                    "place": step.place,
                    "model": step.model,
                    "version": step.version,
                    "outcome": step.outcome,
                    "reason": step.reason,
                    "distance": step.distance,
                    "trial": _plain_trial(step.trial),
                }
                for step in self.chain
            ],
        }


def _plain_trial(trial: TransferScore | None) -> dict[str, float] | None:
    if trial is None:
        return None
    return {"loss_difference": trial.difference, "independent_labels": trial.labels, "weight": trial.weight}


# --- Resolving -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class _Search:
    """What a place came to."""

    steps: tuple[Step, ...]
    found: StoredVersion | None = None


def resolve_model(
    request: Request,
    *,
    versions: Sequence[StoredVersion],
    policy: Policy,
    profiles: Profiles,
    trials: Trials | None = None,
) -> Resolution:
    """Choose the version that answers.

    Places are tried in the policy's order; within one, the versions of a model champion first, then from the newest
    number down, until one passes every hard filter: an older version answers where a newer one is refused. Where
    `strategy` is None and several have a model, those with a champion come first, then by name. A universal model that
    was not trained on the symbol's class does not answer for it, and a similar symbol is one of the same class: a new
    class is served by nobody.

    Args:
        request: Who asks.
        versions: All that might answer; the order is of no importance. Those without our tags are not looked at.
        policy: Decides on the order of places.
        profiles: Reads the profiles stored with a version, symbol -> profile; called only where a similar symbol is
            needed, once per model that passes the filters.
        trials: Scores the nearest source models within the limit on the symbol's own labels; the scores then count
            with the profile; called only where there are two or more. None: the profile alone decides.
    """
    known = [version for version in versions if concerns(version, request)]
    preference = policy.preference(request, known)
    chain: list[Step] = []
    chosen: StoredVersion | None = None
    role: Place | None = None
    for place in preference.places:
        if chosen is not None:
            chain.append(_not_needed(place, request, known, role=role))
            continue
        search = _search(place, request, known, limit=policy.limit, profiles=profiles, trials=trials)
        chain += search.steps or [_nothing(place, request, versions)]
        if search.found is not None:
            chosen, role = search.found, place
    return Resolution(
        request=request,
        policy=policy.name,
        chain=tuple(chain),
        chosen=chosen,
        role=role,
        alias=None if chosen is None else next((alias for alias in ROLES if alias in chosen.aliases), None),
        reason=preference.reason,
        distance=next((step.distance for step in chain if step.outcome == "taken"), None),
        seen=chosen is not None and is_past(chosen, request),
    )


def _search(
    place: Place,
    request: Request,
    versions: Sequence[StoredVersion],
    *,
    limit: float,
    profiles: Profiles,
    trials: Trials | None,
) -> _Search:
    if place == "similar":
        return _similar(request, versions, limit=limit, profiles=profiles, trials=trials)
    return _first_passing(place, request, of_place(place, request, versions))


def _first_passing(place: Place, request: Request, candidates: Sequence[StoredVersion]) -> _Search:
    """Go through versions in order until one passes."""
    steps: list[Step] = []
    for version in candidates:
        refusal = "; ".join(refusals(version, request))
        if not refusal:
            reason = _why(version, request, refused=[step.reason for step in steps])
            return _Search(steps=(*steps, _step(place, version, "taken", reason)), found=version)
        steps.append(_step(place, version, "refused", refusal))
    return _Search(steps=tuple(steps))


def _similar(
    request: Request, versions: Sequence[StoredVersion], *, limit: float, profiles: Profiles, trials: Trials | None
) -> _Search:
    """Find the nearest symbol of the class that has a model of its own."""
    models: dict[str, list[StoredVersion]] = {}
    for version in of_place("similar", request, versions):
        models.setdefault(version.name, []).append(version)
    if not models:
        return _Search(steps=())
    searches = [_first_passing("similar", request, model) for model in models.values()]
    refused = [step for search in searches for step in search.steps if step.outcome == "refused"]
    passing = [search.found for search in searches if search.found]
    if request.profile is None and passing:
        reason = f"{request.symbol} has no bars to compare with those of {_count(len(passing), 'symbol')}"
        unmeasured = Step(place="similar", model=None, version=None, outcome="refused", reason=reason)
        return _Search(steps=(*refused, unmeasured))
    sources, strangers = _measured(passing, request, profiles)
    return _nearest(request, _tried(sources, limit=limit, trials=trials), limit=limit, before=(*refused, *strangers))


def _tried(sources: Sequence[SourceModel], *, limit: float, trials: Trials | None) -> Sequence[SourceModel]:
    """Let scores of the nearest source models that may answer count, if there is a choice."""
    near = [source for source in sources if source.distance <= limit][:MOST_TRIED]
    if trials is None or len(near) < 2:
        return sources
    return [*by_evidence(near, trials([source.version for source in near])), *sources[len(near) :]]


def _measured(
    passing: Sequence[StoredVersion], request: Request, profiles: Profiles
) -> tuple[list[SourceModel], list[Step]]:
    """Measure the distance to every source model; those that cannot be compared are refused."""
    known: list[tuple[StoredVersion, Profile]] = []
    strangers: list[Step] = []
    for version in passing:
        found = _profile(version, request, profiles)
        if isinstance(found, Profile):
            known.append((version, found))
        else:
            strangers.append(_step("similar", version, "refused", found))
    scale = fit_scale(source for _, source in known)
    far = [(distance(request.profile, source, scale), version) for version, source in known if request.profile]
    strangers += [
        _step("similar", version, "refused", f"cannot be compared: {', '.join(apart.missing)} missing")
        for apart, version in far
        if math.isinf(apart.total)
    ]
    sources = [
        SourceModel(version=version, distance=apart.total) for apart, version in far if math.isfinite(apart.total)
    ]
    return sorted(sources, key=lambda each: (each.distance, each.version.name)), strangers


def _profile(version: StoredVersion, request: Request, profiles: Profiles) -> Profile | str:
    """Return the profile of a source model's symbol, or why there is none to use."""
    try:
        found = profiles(version).get(names_in(version, "symbols")[0])
    except (BundleError, StoreError) as error:
        return f"its profile cannot be read: {error}"
    if found is None:
        return "no profile is stored with it"
    if request.as_of is not None and found.until > request.as_of and not request.allow_seen:
        return f"its profile knows bars until {iso(found.until)}, past as_of {iso(request.as_of)}"
    return found


def _nearest(request: Request, sources: Sequence[SourceModel], *, limit: float, before: Sequence[Step]) -> _Search:
    """Take the first source model that is within the limit."""
    steps, found = list(before), None
    for source in sources:
        outcome, reason = _judged(source, request, limit=limit, taken=found)
        found = source.version if outcome == "taken" else found
        step = _step("similar", source.version, outcome, "; ".join(text for text in (source.said, reason) if text))
        steps.append(replace(step, distance=source.distance, trial=source.trial))
    return _Search(steps=tuple(steps), found=found)


def _judged(source: SourceModel, request: Request, *, limit: float, taken: StoredVersion | None) -> tuple[Outcome, str]:
    if taken is not None:
        return "not needed", "" if source.trial else "farther away"
    if source.distance > limit:
        return "refused", f"beyond the limit {limit:g}"
    first = "first" if source.trial else "nearest"
    return "taken", f"{first} of the class, within the limit {limit:g}; {_why(source.version, request, refused=[])}"


def _not_needed(place: Place, request: Request, versions: Sequence[StoredVersion], *, role: Place | None) -> Step:
    """Say of a place behind the taken one what it would have had; distances are not measured for that."""
    reason = f"the {role} model answers" if role != "own" else "its own model answers"
    step = Step(place=place, model=None, version=None, outcome="not needed", reason=reason)
    if place == "similar":
        return step
    found = _first_passing(place, request, of_place(place, request, versions)).found
    return step if found is None else replace(step, model=found.name, version=found.version)


def _nothing(place: Place, request: Request, versions: Sequence[StoredVersion]) -> Step:
    """Say that a place has no model, and at which timeframes it has."""
    strategy = f" of strategy {request.strategy}" if request.strategy else ""
    what = "no other symbol of its class has a model" if place == "similar" else "none registered"
    elsewhere = {
        text
        for version in of_place(place, request, versions)
        if (text := version.tags.get("timeframe", "")) != request.timeframe and of_strategy(version, request)
    }
    others = f"; there are some at {', '.join(sorted(elsewhere))}" if elsewhere else ""
    reason = f"{what} at {request.timeframe}{strategy}{others}"
    return Step(place=place, model=None, version=None, outcome="none", reason=reason)


def _why(version: StoredVersion, request: Request, *, refused: Sequence[str]) -> str:
    """Say what speaks for a version that passes."""
    role = CHAMPION if CHAMPION in version.aliases else "the newest that passes" if refused else "the newest"
    parts = [role]
    if version.tags["scope"] == "universal":
        parts.append(_coverage(version, request))
    if is_past(version, request):
        past = f"trained to {version.tags['train_until']}, past as_of {iso(request.as_of or 0)}"
        parts.append(f"it HAS SEEN the bars it serves: {past} (allow_seen)")
    return "; ".join(parts)


def _coverage(version: StoredVersion, request: Request) -> str:
    if request.symbol in names_in(version, "symbols"):
        return f"covers {request.asset_class}, {request.symbol} among its symbols"
    return f"covers {request.asset_class}; {request.symbol} unseen in training: class scaling, unknown slot"


def _step(place: Place, version: StoredVersion, outcome: Outcome, reason: str) -> Step:
    return Step(place=place, model=version.name, version=version.version, outcome=outcome, reason=reason)


# --- Text ------------------------------------------------------------------------------------------------------------


def resolution_lines(resolution: Resolution) -> list[str]:
    """Write a resolution as it is shown: who answers, then the chain, and whether who answers has shown no skill.

    That the bars are synthetic comes before all else.

    Of a place at most five steps are written out, the taken one among them; the others are counted.
    """
    width = max(len(step.place) for step in resolution.chain)
    asked = resolution.request
    mark = synthetic_lines([asked.symbol] if asked.provenance == "synthetic" else [], of=1)
    lines = [*mark, _headline(resolution), f"  policy {resolution.policy}: {resolution.reason}"]
    number = 0
    for place in dict.fromkeys(step.place for step in resolution.chain):
        steps = [step for step in resolution.chain if step.place == place]
        shown = _shown(steps)
        for before, step in zip([None, *shown], shown, strict=False):
            number += 1
            lines.append(f"  {number} {place:<{width}}   {_said(step, before)}")
        if len(shown) < len(steps):
            lines.append(f"    {place:<{width}}   and {len(steps) - len(shown):,} more that did not answer")
    if resolution.chosen is not None and resolution.chosen.without_skill:
        lines.append(f"careful: {resolution.chosen.without_skill}")
    return lines


def train_command(request: Request, *, settings: Sequence[str] | None = None, member: bool = False) -> str:
    """Write the command that would train a model of the symbol's own, ready for a shell.

    Args:
        request: Who needs it.
        settings: Overrides that say where bars come from and what else differs from the shipped configuration; None:
            what the request says, strategy and length of bars.
        member: Whether the symbol is a member of that configuration's universe; if not, it is made one.
    """
    symbol, key = (_in_grammar(request.symbol, quoted=quoted) for quoted in (True, False))
    if settings is None:
        settings = [f"strategy={request.strategy}"] if request.strategy else []
        settings += [f"source.timeframe={request.timeframe}"]
    own = [] if member else [f"symbols.members={{{key}:{{asset_class:{request.asset_class}}}}}"]
    words = [*settings, "mode=single", f"symbol={symbol}", *own]
    return " ".join(["multisymbol train", *map(shlex.quote, words)])


def _in_grammar(symbol: str, *, quoted: bool) -> str:
    """Write a symbol in Hydra's grammar: a value in quotes where it needs them, a key (which takes none) escaped."""
    if quoted:
        return symbol if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", symbol) else f"'{symbol}'"
    return "".join(f"\\{letter}" if letter in "=,:()[]{} \t\\" else letter for letter in symbol)


def _headline(resolution: Resolution) -> str:
    asked, chosen = resolution.request, resolution.chosen
    at = "" if asked.as_of is None else f" as of {iso(asked.as_of)}"
    if chosen is None:
        return f"{asked.symbol} {asked.timeframe}{at} is served by no model"
    alias = f" ({resolution.standing})"
    seen = ", which HAS SEEN bars after as_of" if resolution.seen else ""
    return f"{asked.symbol} {asked.timeframe}{at} is served by {chosen.name} version {chosen.version}{alias}{seen}"


def _shown(steps: Sequence[Step]) -> list[Step]:
    """Pick the taken step and those nearest to it, in order."""
    taken = next((place for place, step in enumerate(steps) if step.outcome == "taken"), 0)
    first = max(0, min(taken - _MOST_LINES // 2, len(steps) - _MOST_LINES))
    return list(steps[first : first + _MOST_LINES])


def _said(step: Step, before: Step | None) -> str:
    if step.model is None:
        return step.reason if step.outcome == "none" else f"{step.outcome}: {step.reason}"
    same = before is not None and before.model == step.model
    name = f"version {step.version}" if same else f"{step.model} version {step.version}"
    apart = "" if step.distance is None else f" at distance {step.distance:.2f}"
    return f"{name}{apart} {step.outcome}: {step.reason}"


def _count(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number:,} {noun}s"

"""Resolution: which stored model answers for a symbol, and why that one; or none, and why.

    request ─> policy ─> universal │ own │ similar, in the policy's order
                             │
               hard filters: retired, columns, label, asset class, as_of; then champion, else the newest number

Pure: it looks at versions that were listed before and asks nobody. What was tried is in the chain, with reasons.
The facts of a version do not change, but who is champion is today's knowledge, also where `as_of` lies in the past.
"""

import json
import math
import shlex
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, Protocol, TypeAlias

from multisymbol.errors import BundleError, ConfigError, ModelNotFoundError, StoreError
from multisymbol.markets.instants import NEVER, iso
from multisymbol.markets.symbols import slug
from multisymbol.registry.similarity import Profile, distance, fit_scale
from multisymbol.registry.versions import CHAMPION, NEWEST, RETIRED_TAG, StoredVersion

ROLES = (CHAMPION, NEWEST)
"""Aliases a version may be chosen by; a challenger is only ever compared."""
VERDICT_TAG = "verdict."
UNSEEN = "unseen."
"""`verdict.{slug}` is about one symbol, `verdict.unseen.{asset_class}` about symbols the model was not trained on."""

Place: TypeAlias = Literal["universal", "own", "similar"]
Outcome: TypeAlias = Literal["taken", "refused", "not needed", "none"]
Verdict: TypeAlias = Literal["UNIVERSAL_BETTER", "SINGLE_BETTER", "EQUIVALENT", "INCONCLUSIVE", "NO_SKILL"]
Profiles: TypeAlias = Callable[[StoredVersion], Mapping[str, Profile]]

_MEANING: Mapping[str, str] = {
    "UNIVERSAL_BETTER": "UNIVERSAL_BETTER",
    "SINGLE_BETTER": "SINGLE_BETTER",
    "EQUIVALENT": "EQUIVALENT, so the universal model answers",
    "INCONCLUSIVE": "INCONCLUSIVE, so the order without evidence holds",
    "NO_SKILL": "NO_SKILL: neither kind of model has shown any skill, its probabilities are no reason to trade",
}
_MOST_LINES = 5
_WIDTH = 116


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """Who needs a model, and what it must fit.

    Args:
        symbol: Name.
        asset_class: Its class.
        timeframe: Length of its bars, `1h`.
        strategy: First part of the model's name, None for any.
        feature_digest: Digest of the columns the model must have, None for any.
        label: Definition of the labels it must have learned, None for any.
        as_of: Only what was known then may be used; None: now.
        allow_seen: Whether a model that was trained past `as_of` may answer; the answer then says so.
        profile: The symbol's own bars up to `as_of`, None where there are none: then no similar symbol is looked for.

    Raises:
        ConfigError: The profile is another symbol's, of other bars, or knows bars after `as_of`.
    """

    symbol: str
    asset_class: str
    timeframe: str
    strategy: str | None
    feature_digest: str | None
    label: str | None
    as_of: int | None
    allow_seen: bool
    profile: Profile | None

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
            message = f"the profile for {self.symbol} {self.timeframe} {' and '.join(problems)}"
            raise ConfigError(message)


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One thing that was tried.

    Args:
        place: `universal`, `own` or `similar`.
        model: Registered name, None where there is none or none was looked for.
        version: Its number.
        outcome: What became of it.
        reason: Why.
        distance: To the model's symbol, where it was measured and can be.
    """

    place: Place
    model: str | None
    version: int | None
    outcome: Outcome
    reason: str
    distance: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolution:
    """Which model answers, and how that came about.

    Args:
        request: What was asked.
        policy: Name of the policy.
        chain: Everything that was tried, in order; each place of the policy has at least one step.
        chosen: The version that answers, None for none: stay out of the market.
        role: The place it was found in.
        alias: `champion` or `newest` where the version holds it.
        reason: Why the places were tried in that order, and what came of it.
        distance: To the chosen model's symbol, where that is another one.
        seen: Whether the chosen model was trained past `as_of`.
    """

    request: Request
    policy: str
    chain: tuple[Step, ...]
    chosen: StoredVersion | None
    role: Place | None
    alias: str | None
    reason: str
    distance: float | None
    seen: bool

    def require(self, *, command: str | None = None) -> StoredVersion:
        """Return the chosen version.

        Args:
            command: Would train a model, where the caller knows it better than `train_command`.

        Raises:
            ModelNotFoundError: There is none; the message has the chain and the command that would train one.
        """
        if self.chosen is None:
            command = train_command(self.request) if command is None else command
            raise ModelNotFoundError("\n".join([*resolution_lines(self), f"train one: {command}"]))
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
            "reason": self.reason,
            "distance": self.distance,
            "seen": self.seen,
            "chain": [
                {
                    "place": step.place,
                    "model": step.model,
                    "version": step.version,
                    "outcome": step.outcome,
                    "reason": step.reason,
                    "distance": step.distance,
                }
                for step in self.chain
            ],
        }


# --- Policies --------------------------------------------------------------------------------------------------------


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
class Plan:
    """Universal, else own, else similar: see `conf/registry/policy/plan.yaml`.

    Args:
        limit: Distance beyond which a similar symbol's model is refused, see `multisymbol.registry.similarity`.
    """

    limit: float

    @property
    def name(self) -> str:
        """Return `plan`."""
        return "plan"

    def preference(self, request: Request, versions: Sequence[StoredVersion]) -> Preference:
        """Return the order of the original plan."""
        del request, versions  # it is the same for all
        return Preference(places=("universal", "own", "similar"), reason="universal, own, similar")


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnFirst:
    """Own, else universal, else similar: see `conf/registry/policy/own_first.yaml`.

    Args:
        limit: As in `Plan`.
    """

    limit: float

    @property
    def name(self) -> str:
        """Return `own_first`."""
        return "own_first"

    def preference(self, request: Request, versions: Sequence[StoredVersion]) -> Preference:
        """Return the order that trusts a symbol's own model most."""
        del request, versions  # it is the same for all
        return Preference(places=("own", "universal", "similar"), reason="own, universal, similar")


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """The last comparison decides: see `conf/registry/policy/evidence.yaml`.

    Its verdict for the symbol, else, for a universal model that was not trained on the symbol, its verdict for unseen
    symbols of the class. Only comparisons whose data end at or before `as_of` count, of models with the columns and
    labels asked for; a retired version's verdict still is evidence.

    Args:
        limit: As in `Plan`.
    """

    limit: float

    @property
    def name(self) -> str:
        """Return `evidence`."""
        return "evidence"

    def preference(self, request: Request, versions: Sequence[StoredVersion]) -> Preference:
        """Put the kind of model first that the evidence speaks for, universal where it speaks for none."""
        found, notes = _evidence(request, versions)
        own_first = found is not None and found.verdict == "SINGLE_BETTER"
        reason = (
            f"no comparison has judged {request.symbol}: universal, own, similar" if found is None else found.text()
        )
        return Preference(
            places=("own", "universal", "similar") if own_first else ("universal", "own", "similar"),
            reason="; ".join([reason, *notes]),
        )


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
    universal = [version for version in versions if _is_universal(version.tags, request)]
    for version in _ordered([version for version in universal if not _of_other_form(version, request)]):
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
    own, unseen = f"{VERDICT_TAG}{slug(request.symbol)}", f"{VERDICT_TAG}{UNSEEN}{request.asset_class}"
    if own in version.tags:
        yield own, request.symbol
    if unseen in version.tags and request.symbol not in _names(version, "symbols"):
        yield unseen, f"unseen {request.asset_class}"


def _judgement(tag: str, about: str, version: StoredVersion) -> _Judgement:
    data = json.loads(version.tags[tag])
    if data["verdict"] not in _MEANING:
        raise ValueError(f"no verdict '{data['verdict']}'")
    return _Judgement(
        about=about,
        of_symbol=not tag.startswith(VERDICT_TAG + UNSEEN),
        verdict=data["verdict"],
        data_until=_nanoseconds(data["data_until"]),
        comparison=str(data["comparison"]),
        version=version,
    )


# --- Resolving -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class _Search:
    """What a place came to."""

    steps: tuple[Step, ...]
    found: StoredVersion | None = None


def resolve(request: Request, *, versions: Sequence[StoredVersion], policy: Policy, profiles: Profiles) -> Resolution:
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
    """
    known = [version for version in versions if _concerns(version, request)]
    preference = policy.preference(request, known)
    chain: list[Step] = []
    chosen: StoredVersion | None = None
    role: Place | None = None
    for place in preference.places:
        if chosen is not None:
            chain.append(_not_needed(place, request, known, role=role))
            continue
        search = _search(place, request, known, limit=policy.limit, profiles=profiles)
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
        seen=chosen is not None and _is_past(chosen, request),
    )


def _search(
    place: Place, request: Request, versions: Sequence[StoredVersion], *, limit: float, profiles: Profiles
) -> _Search:
    if place == "similar":
        return _similar(request, versions, limit=limit, profiles=profiles)
    return _first_passing(place, request, _of_place(place, request, versions))


def _first_passing(place: Place, request: Request, candidates: Sequence[StoredVersion]) -> _Search:
    """Go through versions in order until one passes."""
    steps: list[Step] = []
    for version in candidates:
        refusal = "; ".join(_refusals(version, request))
        if not refusal:
            reason = _why(version, request, refused=[step.reason for step in steps])
            return _Search(steps=(*steps, _step(place, version, "taken", reason)), found=version)
        steps.append(_step(place, version, "refused", refusal))
    return _Search(steps=tuple(steps))


def _similar(request: Request, versions: Sequence[StoredVersion], *, limit: float, profiles: Profiles) -> _Search:
    """Find the nearest symbol of the class that has a model of its own."""
    models: dict[str, list[StoredVersion]] = {}
    for version in _of_place("similar", request, versions):
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
    donors, strangers = _measured(passing, request, profiles)
    return _nearest(request, donors, limit=limit, before=(*refused, *strangers))


def _measured(
    passing: Sequence[StoredVersion], request: Request, profiles: Profiles
) -> tuple[list[tuple[float, StoredVersion]], list[Step]]:
    """Measure the distance to every donor; those that cannot be compared are refused."""
    known: list[tuple[StoredVersion, Profile]] = []
    strangers: list[Step] = []
    for version in passing:
        found = _profile(version, request, profiles)
        if isinstance(found, Profile):
            known.append((version, found))
        else:
            strangers.append(_step("similar", version, "refused", found))
    scale = fit_scale(donor for _, donor in known)
    far = [(distance(request.profile, donor, scale), version) for version, donor in known if request.profile]
    strangers += [
        _step("similar", version, "refused", f"cannot be compared: {', '.join(apart.missing)} missing")
        for apart, version in far
        if math.isinf(apart.total)
    ]
    donors = [(apart.total, version) for apart, version in far if math.isfinite(apart.total)]
    return sorted(donors, key=lambda pair: (pair[0], pair[1].name)), strangers


def _profile(version: StoredVersion, request: Request, profiles: Profiles) -> Profile | str:
    """Return the profile of a donor's symbol, or why there is none to use."""
    try:
        found = profiles(version).get(_names(version, "symbols")[0])
    except (BundleError, StoreError) as error:
        return f"its profile cannot be read: {error}"
    if found is None:
        return "no profile is stored with it"
    if request.as_of is not None and found.until > request.as_of and not request.allow_seen:
        return f"its profile knows bars until {iso(found.until)}, past as_of {iso(request.as_of)}"
    return found


def _nearest(
    request: Request, donors: Sequence[tuple[float, StoredVersion]], *, limit: float, before: Sequence[Step]
) -> _Search:
    """Take the nearest donor if it is within the limit."""
    steps, found = list(before), None
    for apart, version in donors:
        if found is not None:
            step = _step("similar", version, "not needed", "farther away")
        elif apart <= limit:
            found = version
            reason = f"nearest of the class, within the limit {limit:g}; {_why(version, request, refused=[])}"
            step = _step("similar", version, "taken", reason)
        else:
            step = _step("similar", version, "refused", f"beyond the limit {limit:g}")
        steps.append(replace(step, distance=apart))
    return _Search(steps=tuple(steps), found=found)


def _not_needed(place: Place, request: Request, versions: Sequence[StoredVersion], *, role: Place | None) -> Step:
    """Say of a place behind the taken one what it would have had; distances are not measured for that."""
    reason = f"the {role} model answers" if role != "own" else "its own model answers"
    step = Step(place=place, model=None, version=None, outcome="not needed", reason=reason)
    if place == "similar":
        return step
    found = _first_passing(place, request, _of_place(place, request, versions)).found
    return step if found is None else replace(step, model=found.name, version=found.version)


def _nothing(place: Place, request: Request, versions: Sequence[StoredVersion]) -> Step:
    """Say that a place has no model, and at which timeframes it has."""
    strategy = f" of strategy {request.strategy}" if request.strategy else ""
    what = "no other symbol of its class has a model" if place == "similar" else "none registered"
    elsewhere = {
        text
        for version in _of_place(place, request, versions)
        if (text := version.tags.get("timeframe", "")) != request.timeframe and _of_strategy(version, request)
    }
    others = f"; there are some at {', '.join(sorted(elsewhere))}" if elsewhere else ""
    reason = f"{what} at {request.timeframe}{strategy}{others}"
    return Step(place=place, model=None, version=None, outcome="none", reason=reason)


# --- Versions --------------------------------------------------------------------------------------------------------


def _concerns(version: StoredVersion, request: Request) -> bool:
    return version.tags.get("timeframe") == request.timeframe and _of_strategy(version, request)


def _of_strategy(version: StoredVersion, request: Request) -> bool:
    return request.strategy is None or version.tags.get("strategy") == request.strategy


def _of_place(place: Place, request: Request, versions: Sequence[StoredVersion]) -> list[StoredVersion]:
    """Return the versions that belong to a place, in the order they are tried."""
    belongs = {"universal": _is_universal, "own": _is_own, "similar": _is_similar}[place]
    return _ordered([version for version in versions if belongs(version.tags, request)])


def _is_universal(tags: Mapping[str, str], request: Request) -> bool:
    del request  # a universal model is everybody's
    return tags.get("scope") == "universal"


def _is_own(tags: Mapping[str, str], request: Request) -> bool:
    return tags.get("scope") == "single" and tags.get("symbols") == _as_tag(request.symbol)


def _is_similar(tags: Mapping[str, str], request: Request) -> bool:
    same_class = tags.get("asset_classes") == _as_tag(request.asset_class)
    return tags.get("scope") == "single" and same_class and not _is_own(tags, request)


def _ordered(versions: Sequence[StoredVersion]) -> list[StoredVersion]:
    """Sort models with a champion first, then by name; within a model the champion first, then the newest number."""
    with_champion = {version.name for version in versions if CHAMPION in version.aliases}
    return sorted(
        versions,
        key=lambda each: (each.name not in with_champion, each.name, CHAMPION not in each.aliases, -each.version),
    )


def _refusals(version: StoredVersion, request: Request) -> list[str]:
    """List every hard filter a version fails, in words."""
    tags = version.tags
    problems = [f"retired {tags[RETIRED_TAG]}"] if RETIRED_TAG in tags else []
    problems += _of_other_form(version, request)
    classes = _names(version, "asset_classes")
    if request.asset_class not in classes:
        problems.append(f"trained on {_listed(classes)}, never on {request.asset_class}")
    if "train_until" not in tags:
        problems.append("does not say until when it was trained")
    elif _is_past(version, request) and not request.allow_seen:
        problems.append(f"trained to {tags['train_until']}, past as_of {iso(request.as_of or 0)}")
    return problems


def _of_other_form(version: StoredVersion, request: Request) -> list[str]:
    """List where columns or labels are not those asked for."""
    asked = {"columns": ("feature_digest", request.feature_digest), "labels": ("label", request.label)}
    return [
        f"{what} {version.tags.get(tag, 'unknown')}, asked for {wanted}"
        for what, (tag, wanted) in asked.items()
        if wanted is not None and version.tags.get(tag) != wanted
    ]


def _is_past(version: StoredVersion, request: Request) -> bool:
    """Whether a model has seen anything after `as_of`."""
    return request.as_of is not None and _nanoseconds(version.tags["train_until"]) > request.as_of


def _why(version: StoredVersion, request: Request, *, refused: Sequence[str]) -> str:
    """Say what speaks for a version that passes."""
    role = CHAMPION if CHAMPION in version.aliases else "the newest that passes" if refused else "the newest"
    parts = [role]
    if version.tags["scope"] == "universal":
        parts.append(_coverage(version, request))
    if _is_past(version, request):
        past = f"trained to {version.tags['train_until']}, past as_of {iso(request.as_of or 0)}"
        parts.append(f"it HAS SEEN what it is asked about: {past} (allow_seen)")
    return "; ".join(parts)


def _coverage(version: StoredVersion, request: Request) -> str:
    if request.symbol in _names(version, "symbols"):
        return f"covers {request.asset_class}, {request.symbol} among its symbols"
    return f"covers {request.asset_class}; {request.symbol} unseen in training: class scaling, unknown slot"


def _names(version: StoredVersion, tag: str) -> list[str]:
    """Read a list of names; a tag that is missing or none of ours is an empty one."""
    try:
        names = json.loads(version.tags.get(tag, "[]"))
    except ValueError:
        return []
    return [str(name) for name in names] if isinstance(names, list) else []


@lru_cache(maxsize=256)  # asked once per version
def _as_tag(name: str) -> str:
    return json.dumps([name], ensure_ascii=False)


def _nanoseconds(text: str) -> int:
    """Read what `instants.iso` writes; a hundredth of the time of a pandas timestamp, and there may be thousands."""
    return NEVER if text == "never" else int(datetime.fromisoformat(text).timestamp()) * 1_000_000_000


def _step(place: Place, version: StoredVersion, outcome: Outcome, reason: str) -> Step:
    return Step(place=place, model=version.name, version=version.version, outcome=outcome, reason=reason)


# --- Text ------------------------------------------------------------------------------------------------------------


def resolution_lines(resolution: Resolution) -> list[str]:
    """Write a resolution as it is shown: who answers, then the chain.

    Of a place at most five steps are written out, the taken one among them; the others are counted.
    """
    width = max(len(step.place) for step in resolution.chain)
    lines = [_headline(resolution), *_wrapped(f"  policy {resolution.policy}: {resolution.reason}", indent=4)]
    number = 0
    for place in dict.fromkeys(step.place for step in resolution.chain):
        steps = [step for step in resolution.chain if step.place == place]
        shown = _shown(steps)
        for before, step in zip([None, *shown], shown, strict=False):
            number += 1
            head = f"  {number} {place:<{width}}   "
            lines += _wrapped(f"{head}{_said(step, before)}", indent=len(head))
        if len(shown) < len(steps):
            lines.append(f"    {place:<{width}}   and {len(steps) - len(shown):,} more that did not answer")
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
    return " ".join(["python scripts/train.py", *map(shlex.quote, words)])


def _in_grammar(symbol: str, *, quoted: bool) -> str:
    """Write a symbol in Hydra's grammar: a value in quotes where it needs them, a key (which takes none) escaped."""
    if quoted:
        return symbol if symbol.isalnum() else f"'{symbol}'"
    return "".join(f"\\{letter}" if letter in "=,:()[]{} \t\\" else letter for letter in symbol)


def _headline(resolution: Resolution) -> str:
    asked, chosen = resolution.request, resolution.chosen
    at = "" if asked.as_of is None else f" as of {iso(asked.as_of)}"
    if chosen is None:
        return f"{asked.symbol} {asked.timeframe}{at} is served by no model"
    alias = f" ({resolution.alias})" if resolution.alias else ""
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


def _wrapped(text: str, *, indent: int) -> list[str]:
    return textwrap.wrap(text, _WIDTH, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "no class it names"


def _count(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number:,} {noun}s"

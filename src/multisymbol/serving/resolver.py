"""Which stored model answers for a symbol: the versions of a store at one moment, and what a model must fit.

    ResolveSpec ─> Resolver.open: versions ─> resolve(config): universal │ own │ similar ─> Resolution

No torch and, with a SQLite store, no MLflow is loaded, unless models of similar symbols are scored on the symbol's
labels.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from multisymbol.config.names import short_name
from multisymbol.errors import BarsError, SourceError
from multisymbol.features.pipeline import FeatureSpec, history_bars
from multisymbol.markets.bars import Bars
from multisymbol.markets.io.source import ExaminedSource
from multisymbol.markets.provenance import provenance_of
from multisymbol.markets.sessions import session_clock
from multisymbol.markets.symbols import SymbolConfig, resolve_symbols, universe
from multisymbol.markets.time import Period, Timeframe, iso
from multisymbol.registry.bundle.files import check_hashes, read_facts, read_files
from multisymbol.registry.selection.resolve import Policy, Request, Resolution, Step, resolve_model, train_command
from multisymbol.registry.selection.similarity import Profile, profile, read_profiles
from multisymbol.registry.selection.transfer import Key, TransferScore, Trials
from multisymbol.registry.store.store import BUNDLE_FOLDER, Store
from multisymbol.registry.store.versions import PROVENANCE_TAG, StoredVersion


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolveSpec:
    """Where stored models and bars are, and what a model must fit to answer.

    Args:
        store: MLflow store of the models.
        source: Source of bars; a symbol's own are read only to compare it with similar symbols.
        policy: Order in which kinds of model are preferred.
        strategy: Strategy of the models.
        timeframe: Length of the symbol's bars; None: the source's.
        as_of: Only what was known at this instant counts, UTC nanoseconds; None: now.
        allow_seen: Whether a model trained past `as_of` may answer.
        feature_digest: Digest of the feature columns a model must have; None: any.
        label: Definition of the labels a model must have learned, as in its tag; None: any.
        score_on_labels: Whether models of similar symbols are ranked by their losses on the symbol's labels, too.
        command: Writes the shell command that trains a missing model.
    """

    store: Store
    source: ExaminedSource
    policy: Policy
    strategy: str
    timeframe: Timeframe | None = None
    as_of: int | None = None
    allow_seen: bool = False
    feature_digest: str | None = None
    label: str | None = None
    score_on_labels: bool = False
    command: Callable[[Request], str] = train_command


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolver:
    """The versions of a store at one moment, to be asked about any number of symbols.

    Args:
        spec: What a model must fit.
        versions: All versions of the strategy; a store that was never used has none.
    """

    spec: ResolveSpec
    versions: Sequence[StoredVersion]

    @classmethod
    def open(cls, spec: ResolveSpec) -> "Resolver":
        """List what is stored, once.

        Raises:
            StoreError: The store fails.
        """
        store = spec.store
        unused = store.database is not None and not store.database.exists()
        return cls(spec=spec, versions=() if unused else store.versions(strategy=spec.strategy))

    @property
    def timeframe(self) -> str:
        """Length of the bars a model is wanted for."""
        return (self.spec.timeframe or self.spec.source.timeframe).text

    def resolve(self, config: SymbolConfig) -> Resolution:
        """Choose a model; the symbol's bars are read only where nothing but a similar symbol is left."""
        request = Request(
            symbol=config.symbol,
            asset_class=config.asset_class,
            timeframe=self.timeframe,
            strategy=self.spec.strategy,
            feature_digest=self.spec.feature_digest,
            label=self.spec.label,
            as_of=self.spec.as_of,
            allow_seen=self.spec.allow_seen,
            profile=None,
            provenance=provenance_of(self.spec.source, config),
        )
        resolution = self._resolution(request)
        if not any(map(_is_unmeasured, resolution.chain)):
            return resolution
        try:
            bars = self._bars(config, request)
        except (SourceError, BarsError) as error:
            return _because(resolution, str(error))
        known = replace(request, profile=_profile(bars, config))
        return self._resolution(known, trials=self._trials(bars, config))

    def require(self, resolution: Resolution, *, instead: str | None = None) -> StoredVersion:
        """Return the version a resolution has chosen.

        Args:
            resolution: Made by this resolver.
            instead: Another cure than to train a model.

        Raises:
            ModelNotFoundError: There is none; the message has the chain and the command that would train one.
        """
        return resolution.require(command=self.spec.command(resolution.request), instead=instead)

    def other_timeframes(self, config: SymbolConfig) -> list[str]:
        """Return the other lengths of bars at which a model answers for the symbol, shortest first."""
        known = {version.tags["timeframe"] for version in self.versions if "timeframe" in version.tags}
        others = sorted(map(Timeframe.parse, known - {self.timeframe}), key=lambda each: each.nanoseconds)
        resolvers = [replace(self, spec=replace(self.spec, timeframe=each)) for each in others]
        return [each.timeframe for each in resolvers if each.resolve(config).chosen]

    def profiles(self, version: StoredVersion) -> Mapping[str, Profile]:
        """Read the profiles that are stored with a version.

        Raises:
            BundleError: They are missing or were changed.
            StoreError: A server does not hand them out.
        """
        return read_profiles(self.spec.store.model_folder(version) / BUNDLE_FOLDER)

    def history_bars(self, version: StoredVersion, config: SymbolConfig) -> int:
        """Return how many bars one answer for the symbol needs at most, by the model's own files.

        Raises:
            BundleError: They are not as they were written.
            StoreError: They are gone.
        """
        folder = self.spec.store.model_folder(version) / BUNDLE_FOLDER
        files = read_files(folder)
        check_hashes(folder, files)
        facts = read_facts(folder, files)
        return history_bars(
            config=_as_trained(config, facts),
            spec=FeatureSpec.from_json(facts["feature_spec.json"]),
            window=int(facts["metadata.json"]["window"]),
        )

    def _resolution(self, request: Request, *, trials: Trials | None = None) -> Resolution:
        """Choose a version; one of an earlier release says in its files alone whether its bars were real."""
        versions = list(self.versions)
        while True:
            found = resolve_model(
                request, versions=versions, policy=self.spec.policy, profiles=self.profiles, trials=trials
            )
            if found.chosen is None or found.chosen.provenance is not None:
                return found
            known = self.spec.store.known_provenance(found.chosen)
            if known == request.provenance:
                return found
            tagged = replace(found.chosen, tags={**found.chosen.tags, PROVENANCE_TAG: known})
            versions[versions.index(found.chosen)] = tagged

    def _trials(self, bars: Bars, config: SymbolConfig) -> Trials | None:
        """Return what scores source models on the symbol's labels, if that is asked for."""
        if not self.spec.score_on_labels:
            return None

        def scored(models: Sequence[StoredVersion]) -> Mapping[Key, TransferScore | str]:
            from multisymbol.serving.transfer_scores import transfer_scores  # torch: only where models are scored

            return transfer_scores(models, store=self.spec.store, config=config, bars=bars, as_of=self.spec.as_of)

        return scored

    def _bars(self, config: SymbolConfig, request: Request) -> Bars:
        """Read the symbol's bars up to `as_of`.

        Raises:
            SourceError: The source has no bars of it, or others.
            BarsError: Too few, or defective ones.
        """
        source = self.spec.source
        if source.timeframe.text != request.timeframe:
            raise SourceError(f"the source has bars of {source.timeframe.text}")
        return source.read(config, Period(end=None if request.as_of is None else iso(request.as_of)))


def _because(resolution: Resolution, problem: str) -> Resolution:
    """Say in the chain why the symbol has no bars to compare."""
    chain = tuple(
        replace(step, reason=f"{step.reason}: {problem}") if _is_unmeasured(step) else step for step in resolution.chain
    )
    return replace(resolution, chain=chain)


def _profile(bars: Bars, config: SymbolConfig) -> Profile:
    """Describe the symbol by its bars."""
    until = int(bars.closed_at[-1])
    clock = session_clock(config.calendar, start=int(bars.opened_at[0]), end=until)
    return profile(bars, until=until, clock=clock, half_spread_bps=config.costs.half_spread_bps)


def _is_unmeasured(step: Step) -> bool:
    """Whether a similar symbol could be looked for, if only the symbol's own bars were known."""
    return step.place == "similar" and step.outcome == "refused" and step.model is None


def _as_trained(config: SymbolConfig, facts: Mapping[str, Mapping[str, Any]]) -> SymbolConfig:
    """Return what a model would compute with: its own configuration of the symbol, else that of the symbol's class."""
    stored, given = facts["symbol_configs.json"], facts["config.json"]
    if config.symbol in stored:
        return universe({config.symbol: stored[config.symbol]}).configs[0]
    resolved = resolve_symbols(
        symbols={config.symbol: {"asset_class": config.asset_class}},
        asset_classes=given["asset_class"],
        features=given["features"],
        labels=given["labels"],
        label_name=short_name(given["labels"]),
    )
    return universe(resolved).configs[0]

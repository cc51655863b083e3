"""The verb `resolve`: which stored model answers for a symbol, and why that one; exit status 2 where none may.

No torch, no Lightning and, with a SQLite store, no MLflow: an answer takes two seconds, most of them imports.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from hydra.core.hydra_config import HydraConfig
from rich.text import Text

from multisymbol.cli.schema import TrainConfig, members
from multisymbol.cli.specs import features_of, source_of
from multisymbol.config.build import build
from multisymbol.config.names import short_name
from multisymbol.config.record import ConfigRecord
from multisymbol.errors import BarsError, SourceError, SymbolError, nearest
from multisymbol.features.pipeline import FeatureSpec, history_bars
from multisymbol.markets.bars import Bars
from multisymbol.markets.io.parquet import ExaminedSource
from multisymbol.markets.sessions import session_clock
from multisymbol.markets.symbols import SymbolConfig, resolve_symbols, universe
from multisymbol.markets.time import Period, Timeframe, instant, iso
from multisymbol.progress import Terminal
from multisymbol.registry.bundle.files import check_hashes, read_facts, read_files
from multisymbol.registry.selection.resolve import (
    Policy,
    Request,
    Resolution,
    Step,
    resolution_lines,
    resolve_model,
    train_command,
)
from multisymbol.registry.selection.similarity import Profile, profile, read_profiles
from multisymbol.registry.selection.transfer import Key, TransferScore, Trials
from multisymbol.registry.store.store import BUNDLE_FOLDER, Store
from multisymbol.registry.store.versions import StoredVersion


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolveConfig(TrainConfig):
    """Every key of `conf/resolve.yaml`: those of a training, and its own.

    Args:
        timeframe: Length of the symbol's bars, None for the source's.
        as_of: Only what was known then counts, None for now.
        allow_seen: Whether a model trained past `as_of` may answer.
        as_class: Asset class of a symbol that is no member.
        match: What a model must fit: the strategy's name, or features and labels of the configuration too.
        output: Text for people or JSON for programs.
    """

    timeframe: str | None
    as_of: str | None
    allow_seen: bool
    as_class: str | None
    match: Literal["strategy", "config"]
    output: Literal["text", "json"]


OWN_KEYS = ("symbol", "timeframe", "as_of", "allow_seen", "as_class", "match", "output", "out", "mode", "from")
"""Keys that the command which trains the missing model does not take over."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lookup:
    """The versions of a store at one moment, to be asked about any number of symbols.

    Args:
        values: Plain, checked configuration with the keys of `ResolveConfig`.
        source: Where bars come from.
        store: Where the models are.
        versions: All of the strategy; a store that was never used has none.
        policy: In which order models are preferred.
        feature_digest: Columns a model must have, None for any.
        label: Labels it must have learned, None for any.
    """

    values: Mapping[str, Any]
    source: ExaminedSource
    store: Store
    versions: Sequence[StoredVersion]
    policy: Policy
    feature_digest: str | None
    label: str | None

    @property
    def timeframe(self) -> str:
        """Length of the bars a model is wanted for."""
        given = self.values["timeframe"]
        return self.source.timeframe.text if given is None else Timeframe.parse(given).text

    def resolve(self, config: SymbolConfig) -> Resolution:
        """Choose a model; the symbol's bars are read only where nothing but a similar symbol is left.

        Raises:
            ConfigError: `as_of` is no timestamp, or the timeframe is none.
        """
        as_of = self.values["as_of"]
        request = Request(
            symbol=config.symbol,
            asset_class=config.asset_class,
            timeframe=self.timeframe,
            strategy=self.values["strategy"],
            feature_digest=self.feature_digest,
            label=self.label,
            as_of=None if as_of is None else instant(as_of),
            allow_seen=self.values["allow_seen"],
            profile=None,
        )
        found = self._answer(request)
        if not any(map(_is_unmeasured, found.chain)):
            return found
        try:
            bars = self._bars(config, request)
        except (SourceError, BarsError) as error:
            return _because(found, str(error))
        known = replace(request, profile=_profile(bars, config))
        return self._answer(known, trials=self._trials(bars, config, known))

    def _answer(self, request: Request, *, trials: Trials | None = None) -> Resolution:
        return resolve_model(request, versions=self.versions, policy=self.policy, profiles=self.profiles, trials=trials)

    def _trials(self, bars: Bars, config: SymbolConfig, request: Request) -> Trials | None:
        """Return what tries donors on the symbol's labels, if that is asked for."""
        if self.values["registry"]["donors"] == "profile":
            return None

        def tried(donors: Sequence[StoredVersion]) -> Mapping[Key, TransferScore | str]:
            from multisymbol.serving.transfer_trials import try_donors  # torch: only those who try donors need it

            return try_donors(donors, store=self.store, config=config, bars=bars, as_of=request.as_of)

        return tried

    def profiles(self, version: StoredVersion) -> Mapping[str, Profile]:
        """Read the profiles that are stored with a version.

        Raises:
            BundleError: They are missing or were changed.
            StoreError: A server does not hand them out.
        """
        return read_profiles(self.store.model_folder(version) / BUNDLE_FOLDER)

    def history_bars(self, version: StoredVersion, config: SymbolConfig) -> int:
        """Return how many bars one answer for the symbol needs at most, by the model's own files.

        Raises:
            BundleError: They are not as they were written.
            StoreError: They are gone.
        """
        folder = self.store.model_folder(version) / BUNDLE_FOLDER
        files = read_files(folder)
        check_hashes(folder, files)
        facts = read_facts(folder, files)
        return history_bars(
            config=_as_trained(config, facts),
            spec=FeatureSpec.from_json(facts["feature_spec.json"]),
            window=int(facts["metadata.json"]["window"]),
        )

    def _bars(self, config: SymbolConfig, request: Request) -> Bars:
        """Read the symbol's bars up to `as_of`.

        Raises:
            SourceError: The source has no bars of it, or others.
            BarsError: Too few, or defective ones.
        """
        if self.source.timeframe.text != request.timeframe:
            raise SourceError(f"the source has bars of {self.source.timeframe.text}")
        return self.source.read(config, Period(end=None if request.as_of is None else iso(request.as_of)))


def lookup(values: Mapping[str, Any]) -> Lookup:
    """List what is stored, once, and take from the configuration what a model must fit.

    Raises:
        ConfigError: The source or the policy refuses its arguments.
        StoreError: The store fails.
    """
    store = Store.of(values["registry"])
    unused = store.database is not None and not store.database.exists()
    feature_digest, label = _form(values) if values["match"] == "config" else (None, None)
    return Lookup(
        values=values,
        source=source_of(values),
        store=store,
        versions=() if unused else store.versions(strategy=values["strategy"]),
        policy=build(values["registry"]["policy"], role="policy"),
        feature_digest=feature_digest,
        label=label,
    )


def symbol_config(values: Mapping[str, Any], symbol: str | None) -> SymbolConfig:
    """Resolve the configuration of a symbol that need be no member: `as_class` then says its asset class.

    Raises:
        SymbolError: There is none, its asset class is not known, or `as_class` contradicts the member's.
    """
    if symbol is None:
        raise SymbolError("say who needs a model: symbol=AAPL")
    entry, given = members(values).get(symbol), values["as_class"]
    classes = list(values["asset_class"])
    if given is not None and given not in classes:
        raise SymbolError(f"as_class={given}: no such class{nearest(given, classes)} Classes: {', '.join(classes)}")
    if entry is None and given is None:
        known = nearest(symbol, list(members(values)))
        cure = f"say of which class it is: as_class={classes[0]} (or {', '.join(classes[1:])})"
        raise SymbolError(f"symbol={symbol} is no member of symbols.members{known}; {cure}")
    if entry is not None and given not in {None, entry["asset_class"]}:
        raise SymbolError(f"as_class={given}, but symbols.members says that {symbol} is of {entry['asset_class']}")
    return _resolved(symbol, entry or {"asset_class": given}, values)


def show_resolution(values: Mapping[str, Any]) -> Resolution:
    """Print which model answers for `symbol`, and how that came about.

    Args:
        values: Plain, checked configuration (`conf/resolve.yaml`).

    Raises:
        ModelNotFoundError: None may; with output=json the chain was printed as JSON before.
    """
    config = symbol_config(values, values["symbol"])
    found = lookup(values)
    resolution = found.resolve(config)
    chosen = resolution.chosen
    bars = None if chosen is None else found.history_bars(chosen, config)
    terminal = Terminal()
    if values["output"] == "json":
        data = resolution.to_json() | {"history_bars": bars}
        terminal.show(Text(json.dumps(data, indent=2, ensure_ascii=False)))
    elif chosen is not None:
        lines = [*resolution_lines(resolution), f"bars of history needed for one answer: at most {bars:,}"]
        terminal.show(Text("\n".join(lines)))
    resolution.require(
        command=missing_model_command(found, resolution.request),
        instead=None if chosen is not None else _at_other_lengths(found, config),
    )
    return resolution


def _because(found: Resolution, problem: str) -> Resolution:
    """Say in the chain why the symbol has no bars to compare."""
    chain = tuple(
        replace(step, reason=f"{step.reason}: {problem}") if _is_unmeasured(step) else step for step in found.chain
    )
    return replace(found, chain=chain)


def _profile(bars: Bars, config: SymbolConfig) -> Profile:
    """Describe the symbol by its bars."""
    until = int(bars.closed_at[-1])
    clock = session_clock(config.calendar, start=int(bars.opened_at[0]), end=until)
    return profile(bars, until=until, clock=clock, half_spread_bps=config.costs.half_spread_bps)


def _is_unmeasured(step: Step) -> bool:
    """Whether a similar symbol could be looked for, if only the symbol's own bars were known."""
    return step.place == "similar" and step.outcome == "refused" and step.model is None


def _form(values: Mapping[str, Any]) -> tuple[str, str]:
    """Return digest of the columns and text of the labels of a configuration, as its models' tags say them."""
    return features_of(values).digest, ConfigRecord(values).label


def _resolved(symbol: str, entry: Mapping[str, Any], values: Mapping[str, Any]) -> SymbolConfig:
    resolved = resolve_symbols(
        symbols={symbol: entry},
        asset_classes=values["asset_class"],
        features=values["features"],
        labels=values["labels"],
        label_name=short_name(values["labels"]),
    )
    return universe(resolved).configs[0]


def _as_trained(config: SymbolConfig, facts: Mapping[str, Mapping[str, Any]]) -> SymbolConfig:
    """Return what a model would compute with: its own configuration of the symbol, else that of the symbol's class."""
    stored = facts["symbol_configs.json"]
    if config.symbol in stored:
        return universe({config.symbol: stored[config.symbol]}).configs[0]
    return _resolved(config.symbol, {"asset_class": config.asset_class}, facts["config.json"])


def _at_other_lengths(found: Lookup, config: SymbolConfig) -> str | None:
    """Say at which other lengths of bars a model answers, None for none."""
    known = {version.tags["timeframe"] for version in found.versions if "timeframe" in version.tags}
    others = sorted(known - {found.timeframe}, key=lambda text: Timeframe.parse(text).nanoseconds)
    asked = [replace(found, values={**found.values, "timeframe": text}) for text in others]
    served = [f"timeframe={each.timeframe}" for each in asked if each.resolve(config).chosen]
    return f"a model answers at another length of bars: {', or '.join(served)}" if served else None


def missing_model_command(found: Lookup, request: Request) -> str:
    """Write the command that would train the missing model from the sources this command was given."""
    settings = _own_pages() + [text.lstrip("+") for text in _overrides() if not _is_own(text)]
    if request.timeframe != found.source.timeframe.text:
        settings.append(f"resample={request.timeframe}")
    return train_command(request, settings=settings, member=request.symbol in members(found.values))


def _is_own(override: str) -> bool:
    key = override.lstrip("+").split("=")[0]
    return key in OWN_KEYS or key.split("/")[0].split(".")[0] in {"backtest", "decision", "period"}


def _own_pages() -> list[str]:
    """Return the option that adds a folder of pages, as this command was given it."""
    sources = HydraConfig.get().runtime.config_sources if HydraConfig.initialized() else []
    return [
        word for source in sources if source.provider == "command-line" for word in ("--config-dir", str(source.path))
    ]


def _overrides() -> list[str]:
    """Return the command line's overrides; none where no command is running."""
    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []

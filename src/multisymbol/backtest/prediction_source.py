"""Whose predictions a backtest trades: stored models', once or as of each date, and only on bars they have not seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, Protocol, TypeAlias

import numpy as np

from multisymbol.backtest.predictions import Predictions, Predictor, predict_history
from multisymbol.errors import BacktestError, FeatureError, MultisymbolError, SampleError, SymbolError, raise_all
from multisymbol.markets.bars import Bars
from multisymbol.markets.io.source import ExaminedSource
from multisymbol.markets.provenance import check_served_by
from multisymbol.markets.symbols import SymbolConfig, Universe
from multisymbol.markets.time import NEVER, Period, instant, iso
from multisymbol.progress import Terminal
from multisymbol.registry.selection.candidates import names_in, trained_until
from multisymbol.registry.selection.resolve import Resolution, resolution_lines
from multisymbol.registry.store.versions import StoredVersion
from multisymbol.serving.resolver import Resolver, ResolveSpec
from multisymbol.serving.served_model import Model
from multisymbol.training.finetune import named_version

Arm: TypeAlias = Literal["universal", "own"]
"""Kind of model that can be set against another."""
UNIVERSAL: Arm = "universal"
OWN: Arm = "own"
ANY = "any"
"""The arm of whichever model answers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Histories:
    """The bars of the symbols that are traded, each from the beginning of its history on."""

    universe: Universe
    source: ExaminedSource
    period: Period
    bars: Mapping[str, Bars]

    def reread(self, config: SymbolConfig) -> Bars:
        """Read a symbol's bars as another configuration has them."""
        return self.source.read(config, self.period)


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldModel:
    """A model trained for one fold."""

    fold: str  # name of the fold
    symbols: tuple[str, ...]  # symbols it predicts: one for a symbol's own model, else all of the fold
    predictor: Predictor  # the model, with the span of time it predicts
    rows: int  # number of train samples
    scores: Mapping[str, float]  # test scores by name


@dataclass(frozen=True, kw_only=True, slots=True)
class NoFoldModel:
    """A symbol that is tested in a fold, but has too few samples there for a model of its own; and why."""

    fold: str
    symbol: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolPredictions:
    """Predictions of the symbols of a universe."""

    predictions: Sequence[Predictions]  # one for each symbol that can be traded
    left_out: Mapping[str, str]  # symbol -> why it cannot be traded
    account: str = ""  # how the models were chosen, for the record
    fold_models: tuple[FoldModel, ...] = ()  # the models, where they were trained for the backtest
    without_model: tuple[NoFoldModel, ...] = ()  # where a symbol's own model is missing


class PredictionSource(Protocol):
    """Where predictions come from."""

    @property
    def arms(self) -> Sequence[str]:
        """Kinds of model that are traded, one after the other; `ANY` for whichever answers."""

    @property
    def histories(self) -> Histories:
        """The bars."""

    def predict(self, arm: str) -> SymbolPredictions:
        """Let the models of an arm predict all symbols; raises MultisymbolError with the cure where none may or can."""


def read_histories(symbols: Universe, source: ExaminedSource, *, period: Period, terminal: Terminal) -> Histories:
    """Read the bars of all symbols; raises MultisymbolError that names all files that are missing or have defects."""
    bars: dict[str, Bars] = {}
    problems: list[MultisymbolError] = []
    with terminal.progress("bars") as progress:
        for done, config in enumerate(symbols, start=1):
            try:
                bars[config.symbol] = source.read(config, period)
            except MultisymbolError as error:
                problems.append(error)
            progress(config.symbol, done, len(symbols))
    raise_all(problems)
    return Histories(universe=symbols, source=source, period=period, bars=bars)


def predict_all(
    who: Mapping[str, Sequence[Predictor]], histories: Histories, *, terminal: Terminal
) -> SymbolPredictions:
    """Let the models of each symbol predict, in order of time; one that none of its models can predict is left out.

    Raises:
        BacktestError: As `predict_history`.
    """
    predictions: list[Predictions] = []
    left_out: dict[str, str] = {}
    with terminal.progress("answers") as progress:
        for done, config in enumerate((each for each in histories.universe if each.symbol in who), start=1):
            symbol = config.symbol
            try:
                predictions.append(
                    predict_history(who[symbol], histories.bars[symbol], config=config, reread=histories.reread)
                )
            except (SampleError, SymbolError, FeatureError) as error:
                left_out[symbol] = str(error).removeprefix(f"{symbol}: ")
            progress(symbol, done, len(who))
    return SymbolPredictions(predictions=predictions, left_out=left_out)


class Choice(NamedTuple):
    """What was chosen for one symbol and stretch of time: a model, or none; and how, for the record."""

    predictor: Predictor | None
    text: str
    resolution: Resolution | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredModelsSpec:
    """Stored models, traded on bars they have not seen."""

    universe: Universe  # symbols to trade
    resolve: ResolveSpec  # what a model must fit, and where models and bars are; its `as_of` is not used
    # Decisions are made after its start and up to its end; start None: from the first bar that no model has seen
    period: Period = field(default_factory=Period)
    # The version that predicts all symbols, `champion`, `NAME@alias` or `NAME/3`; None: the policy chooses
    version: str | None = None
    arms: tuple[Arm, ...] = ()  # kinds of model traded on the same bars; empty: whichever model the policy chooses
    every: int | None = None  # time from one choice of models to the next, nanoseconds; None: they are chosen once
    # Instant from which on bars are sealed; None: the seals of the models' trainings alone count
    sealed_from: int | None = None
    open_sealed: str | None = None  # the question sealed bars are opened for; None leaves them sealed


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredModels:
    """The stored models that may be traded, and how one of them is chosen.

    Args:
        named: The version that predicts all symbols, None where the policy chooses.
    """

    spec: StoredModelsSpec
    histories: Histories
    resolver: Resolver
    named: StoredVersion | None
    terminal: Terminal
    _models: dict[tuple[str, int], Model] = field(default_factory=dict)

    @classmethod
    def open(cls, spec: StoredModelsSpec, terminal: Terminal) -> "StoredModels":
        """Read the bars and list the stored models; raises MultisymbolError where one of them is missing or broken."""
        source = spec.resolve.source
        histories = read_histories(spec.universe, source, period=Period(end=spec.period.end), terminal=terminal)
        resolver = Resolver.open(spec.resolve)
        store, strategy, timeframe = spec.resolve.store, spec.resolve.strategy, source.timeframe.text
        named = None
        if spec.version is not None:
            named = named_version(spec.version, store=store, strategy=strategy, timeframe=timeframe)
            trained_on = store.known_provenance(named)
            for config in histories.universe:
                check_served_by(named.reference, trained_on, source=source, config=config)
        return cls(spec=spec, histories=histories, resolver=resolver, named=named, terminal=terminal)

    @property
    def arms(self) -> Sequence[str]:
        """See PredictionSource."""
        return self.spec.arms or (ANY,)

    def predict(self, arm: str) -> SymbolPredictions:
        """See PredictionSource: a model for each symbol as of `start`, or as of each date from then on.

        Raises:
            BacktestError: A model has seen bars that are to be traded, or cannot predict them.
            ModelNotFoundError: No model may answer for any of the symbols.
        """
        dates = self._dates(self.start())
        choices = {
            config.symbol: [self._choice(config, arm=arm, after=after, until=until) for after, until in dates]
            for config in self.histories.universe
        }
        resolutions = [each.resolution for chosen in choices.values() for each in chosen if each.resolution]
        who = {
            symbol: _joined([each.predictor for each in found if each.predictor]) for symbol, found in choices.items()
        }
        if not any(who.values()):
            self.resolver.require(resolutions[0], instead=self._later(arm))
        without = {symbol: "no model may answer for it" for symbol, predictors in who.items() if not predictors}
        who = {symbol: predictors for symbol, predictors in who.items() if predictors}
        if not self.spec.resolve.allow_seen:
            self._refuse_seen(who)
        if self.spec.open_sealed is None:
            self._refuse_sealed(who)
        predicted = predict_all(who, self.histories, terminal=self.terminal)
        account = dict.fromkeys(each.text for found in choices.values() for each in found)
        return replace(predicted, left_out={**without, **predicted.left_out}, account="\n".join([*account, ""]))

    def start(self) -> int:
        """Return the instant after which decisions are made: `period.start`, or when no model needed has seen more.

        Raises:
            ModelNotFoundError: No model may answer for any of the symbols.
        """
        if self.spec.period.start is not None:
            return instant(self.spec.period.start)
        if self.spec.resolve.allow_seen:
            return min(int(bars.opened_at[0]) for bars in self.histories.bars.values())
        if self.named is not None:
            return trained_until(self.named) or NEVER
        found = [self._resolved(config, arm=arm, as_of=None) for config in self.histories.universe for arm in self.arms]
        known = [trained_until(each.chosen) or NEVER for each in found if each.chosen]
        if not known:
            self.resolver.require(found[0])
        return max(known) if self.spec.every is None else min(known)

    def _dates(self, after: int) -> list[tuple[int, int]]:
        """List the stretches of time for each of which models are chosen, (after, until]."""
        every = self.spec.every
        if every is None or self.named is not None:
            return [(after, NEVER)]
        end = max(int(bars.closed_at[-1]) for bars in self.histories.bars.values())
        # After the end of the bars there is one stretch all the same, whose models say that they have none.
        return [(start, start + every) for start in range(after, end, every)] or [(after, NEVER)]

    def _choice(self, config: SymbolConfig, *, arm: str, after: int, until: int) -> Choice:
        if self.named is not None:
            asked_for = self._predictor(self.named, role="asked for", after=after, until=until)
            return Choice(asked_for, f"{asked_for.name} was asked for")
        resolution = self._resolved(config, arm=arm, as_of=after)
        version, role = resolution.chosen, str(resolution.role)
        predictor = None if version is None else self._predictor(version, role=role, after=after, until=until)
        return Choice(predictor, "\n".join(resolution_lines(resolution)), resolution)

    def _resolved(self, config: SymbolConfig, *, arm: str, as_of: int | None) -> Resolution:
        of_arm = [each for each in self.resolver.versions if arm == ANY or _is_of(each, arm, symbol=config.symbol)]
        spec = replace(self.resolver.spec, as_of=as_of)
        return replace(self.resolver, versions=of_arm, spec=spec).resolve(config)

    def _predictor(self, version: StoredVersion, *, role: str, after: int, until: int) -> Predictor:
        key = (version.name, version.version)
        if key not in self._models:
            folder = self.resolver.spec.store.download(version)
            self._models[key] = Model.read(folder, name=version.name, version=version.version)
            if version.without_skill:
                self.terminal.fact("careful", version.without_skill)
        return Predictor(
            model=self._models[key],
            name=str(version),
            role=role,
            seen_until=trained_until(version) or NEVER,
            after=after,
            until=until,
        )

    def _later(self, arm: str) -> str | None:
        """Name the first start at which any model may answer; None where none may at any time."""
        served = [each for each in self.histories.universe if self._resolved(each, arm=arm, as_of=None).chosen]
        known = {trained_until(each) for each in self.resolver.versions if served}
        for start in sorted(until for until in known if until is not None):
            if any(self._resolved(config, arm=arm, as_of=start).chosen for config in served):
                return f"start later: period.start={iso(start)} is the first at which a model may answer"
        return None

    def _refuse_seen(self, who: Mapping[str, Sequence[Predictor]]) -> None:
        seen = [
            (symbol, each, int(first))
            for symbol, predictors in who.items()
            for each in predictors
            if (first := _first_after(self.histories.bars[symbol], each.after)) <= each.seen_until
        ]
        if not seen:
            return
        lines = [
            f"  {symbol}: {each.name} was trained on data through {iso(each.seen_until)}, "
            f"the first bar to be traded closes at {iso(first)}"
            for symbol, each, first in seen[:5]
        ]
        lines += [f"  and {len(seen) - 5} more"] if len(seen) > 5 else []
        latest = iso(max(each.seen_until for _, each, _ in seen))
        cure = f"Start later (period.start={latest}), or take an older version"
        loud = "allow_seen=true trades them all the same; every output then says that it proves nothing"
        raise BacktestError("\n".join(["models have seen bars that are to be traded", *lines, f"{cure}; {loud}"]))

    def _refuse_sealed(self, who: Mapping[str, Sequence[Predictor]]) -> None:
        """Leave the span unread that a model's training kept for one last question."""
        splits = [each.model.bundle.config["split"] for predictors in who.values() for each in predictors]
        seals = [instant(each["sealed_from"]) for each in splits if each.get("sealed_from") is not None]
        seals += [] if self.spec.sealed_from is None else [self.spec.sealed_from]
        last = max(int(bars.closed_at[-1]) for bars in self.histories.bars.values())
        if seals and last >= min(seals):
            until = iso(min(seals))
            raise BacktestError(
                f"bars from {until} on are sealed, kept for one last question, and the last to be traded closes at "
                f"{iso(last)}; end before (period.end={until}), or ask it: open_sealed='...', which is recorded"
            )


def _is_of(version: StoredVersion, arm: str, *, symbol: str) -> bool:
    """Whether a version is of the kind an arm is made of."""
    scope = version.tags.get("scope")
    return scope == "universal" if arm == UNIVERSAL else scope == "single" and names_in(version, "symbols") == [symbol]


def _joined(predictors: Sequence[Predictor]) -> list[Predictor]:
    """Make one of stretches of the same model that follow one another."""
    joined: list[Predictor] = []
    for each in predictors:
        if joined and joined[-1].name == each.name and joined[-1].until == each.after:
            joined[-1] = replace(joined[-1], until=each.until)
        else:
            joined.append(each)
    return joined


def _first_after(bars: Bars, after: int) -> int:
    """Return when the first bar that closes after an instant does; NEVER for none."""
    row = int(np.searchsorted(bars.closed_at, after, side="right"))
    return int(bars.closed_at[row]) if row < len(bars) else NEVER

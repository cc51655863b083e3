"""Who answers in a backtest: stored models, once or as of each date, and only for bars they have not seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from multisymbol.backtest.predictions import Predictions, Predictor, predict_history
from multisymbol.cli.backtest_schema import UNIVERSAL
from multisymbol.cli.resolve import Lookup, lookup, missing_model_command
from multisymbol.errors import BacktestError, FeatureError, MultisymbolError, SampleError, SymbolError, nearest
from multisymbol.markets.bars import Bars
from multisymbol.markets.io.parquet import ExaminedSource
from multisymbol.markets.symbols import SymbolConfig, Universe, universe
from multisymbol.markets.time import NEVER, Period, Timeframe, instant, iso
from multisymbol.progress import Terminal
from multisymbol.registry.selection.candidates import names_in, trained_until
from multisymbol.registry.selection.resolve import Resolution, resolution_lines
from multisymbol.registry.store.versions import StoredVersion
from multisymbol.reports.tables.table import Table
from multisymbol.samples.sources import bar_source
from multisymbol.serving.live import raise_all
from multisymbol.serving.served_model import Model
from multisymbol.training.finetune import named_version

ANY = "any"
"""The arm of whichever model answers."""

_SHOWN = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Histories:
    """The bars of the symbols that are traded, each from the beginning of its history on.

    Args:
        universe: The symbols.
        source: Where the bars come from.
        period: Which are read.
        bars: Symbol -> bars.
    """

    universe: Universe
    source: ExaminedSource
    period: Period
    bars: Mapping[str, Bars]

    def reread(self, config: SymbolConfig) -> Bars:
        """Read a symbol's bars as another configuration has them."""
        return self.source.read(config, self.period)


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolPredictions:
    """What models said of the symbols.

    Args:
        answers: One for each symbol that can be traded.
        left_out: Symbol -> why it cannot.
        account: How the models were chosen, for the record.
        tables: What else is to be told of them.
    """

    answers: Sequence[Predictions]
    left_out: Mapping[str, str]
    account: str = ""
    tables: tuple[Table, ...] = ()


class PredictionSource(Protocol):
    """Where answers come from.

    Args:
        arms: Kinds of model that are asked, one after the other; `ANY` for whichever answers.
        histories: The bars.
    """

    @property
    def arms(self) -> Sequence[str]:
        """Kinds of model."""
        ...

    @property
    def histories(self) -> Histories:
        """The bars."""
        ...

    def ask(self, arm: str) -> SymbolPredictions:
        """Let the models of an arm answer for all symbols.

        Raises:
            MultisymbolError: None may, or one cannot, with the cure.
        """
        ...


def read_histories(values: Mapping[str, Any], *, period: Period, terminal: Terminal) -> Histories:
    """Read the bars of `symbol`, or of all members in use.

    Raises:
        SymbolError: `symbol` is no member.
        MultisymbolError: Files are missing or have defects; all of them are named.
    """
    symbols = _members(values)
    source = bar_source(values)
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
    """Let the models answer; a symbol that none of its models can answer for is left out, with the reason.

    Args:
        who: Symbol -> its models in order of time.
        histories: The bars.
        terminal: Shows how far it is.

    Raises:
        BacktestError: As `predict_history`.
    """
    answers: list[Predictions] = []
    left_out: dict[str, str] = {}
    with terminal.progress("answers") as progress:
        for done, config in enumerate((each for each in histories.universe if each.symbol in who), start=1):
            symbol = config.symbol
            try:
                answers.append(
                    predict_history(who[symbol], histories.bars[symbol], config=config, reread=histories.reread)
                )
            except (SampleError, SymbolError, FeatureError) as error:
                left_out[symbol] = str(error).removeprefix(f"{symbol}: ")
            progress(symbol, done, len(who))
    return SymbolPredictions(answers=answers, left_out=left_out)


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What was chosen for one symbol and stretch of time.

    Args:
        answerer: Who answers, None for nobody.
        resolution: How that came about, None where `from` names the model.
    """

    answerer: Predictor | None
    resolution: Resolution | None

    def text(self) -> str:
        """Say how it came about."""
        if self.resolution is not None:
            return "\n".join(resolution_lines(self.resolution))
        assert self.answerer is not None
        return f"{self.answerer.name} was asked for"


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredModels:
    """The stored models that may answer, and how one of them is chosen.

    Args:
        values: Plain, checked configuration (`conf/backtest.yaml`).
        histories: The bars.
        found: The versions and the policy.
        named: The version that `from` names, None where the policy chooses.
        terminal: Shows how far it is.
    """

    values: Mapping[str, Any]
    histories: Histories
    found: Lookup
    named: StoredVersion | None
    terminal: Terminal
    _models: dict[tuple[str, int], Model] = field(default_factory=dict)

    @classmethod
    def open(cls, values: Mapping[str, Any], terminal: Terminal) -> "StoredModels":
        """Read the bars and list the stored models.

        Raises:
            MultisymbolError: Bars are missing or have defects; the store fails, or has no such version as `from` names.
        """
        histories = read_histories(values, period=Period(end=values["period"]["end"]), terminal=terminal)
        found = lookup({**values, "timeframe": None, "as_of": None})
        named = None if values["from"] is None else named_version(values, found.store)
        return cls(values=values, histories=histories, found=found, named=named, terminal=terminal)

    @property
    def arms(self) -> Sequence[str]:
        """See Askers."""
        return self.values["backtest"]["arms"] or [ANY]

    def ask(self, arm: str) -> SymbolPredictions:
        """See Askers: a model for each symbol as of `start`, or as of each date from then on.

        Raises:
            BacktestError: A model has seen bars that are to be traded, or cannot answer for them.
            ModelNotFoundError: No model may answer for any of the symbols.
        """
        dates = self._dates(self.start())
        choices = {
            config.symbol: [self._choice(config, arm=arm, after=after, until=until) for after, until in dates]
            for config in self.histories.universe
        }
        resolutions = [each.resolution for chosen in choices.values() for each in chosen if each.resolution]
        who = {symbol: _joined([each.answerer for each in found if each.answerer]) for symbol, found in choices.items()}
        if not any(who.values()):
            self._refuse_none(resolutions, instead=self._later(arm))
        silent = {symbol: "no model may answer for it" for symbol, answerers in who.items() if not answerers}
        who = {symbol: answerers for symbol, answerers in who.items() if answerers}
        self._refuse(who)
        asked = predict_all(who, self.histories, terminal=self.terminal)
        account = dict.fromkeys(each.text() for found in choices.values() for each in found)
        return replace(asked, left_out={**silent, **asked.left_out}, account="\n".join([*account, ""]))

    def start(self) -> int:
        """Return the instant after which decisions are made: `period.start`, or when no model needed has seen more.

        Raises:
            ModelNotFoundError: No model may answer for any of the symbols.
        """
        if self.values["period"]["start"] is not None:
            return instant(self.values["period"]["start"])
        if self.values["allow_seen"]:
            return min(int(bars.opened_at[0]) for bars in self.histories.bars.values())
        if self.named is not None:
            return trained_until(self.named) or NEVER
        found = [self._resolved(config, arm=arm, as_of=None) for config in self.histories.universe for arm in self.arms]
        known = [trained_until(each.chosen) or NEVER for each in found if each.chosen]
        if not known:
            self._refuse_none(found)
        return min(known) if self.values["backtest"]["models"] == "as_of" else max(known)

    def _dates(self, after: int) -> list[tuple[int, int]]:
        """List the stretches of time for each of which models are chosen, (after, until]."""
        if self.values["backtest"]["models"] != "as_of" or self.named is not None:
            return [(after, NEVER)]
        every = Timeframe.parse(self.values["backtest"]["every"]).nanoseconds
        end = max(int(bars.closed_at[-1]) for bars in self.histories.bars.values())
        # After the end of the bars there is one stretch all the same, whose models say that they have none.
        return [(start, start + every) for start in range(after, end, every)] or [(after, NEVER)]

    def _choice(self, config: SymbolConfig, *, arm: str, after: int, until: int) -> Choice:
        if self.named is not None:
            return Choice(
                answerer=self._answerer(self.named, role="asked for", after=after, until=until), resolution=None
            )
        resolution = self._resolved(config, arm=arm, as_of=after)
        version = resolution.chosen
        answerer = (
            None if version is None else self._answerer(version, role=str(resolution.role), after=after, until=until)
        )
        return Choice(answerer=answerer, resolution=resolution)

    def _resolved(self, config: SymbolConfig, *, arm: str, as_of: int | None) -> Resolution:
        of_arm = [each for each in self.found.versions if arm == ANY or _is_of(each, arm, symbol=config.symbol)]
        values = {**self.found.values, "as_of": None if as_of is None else iso(as_of)}
        return replace(self.found, versions=of_arm, values=values).resolve(config)

    def _answerer(self, version: StoredVersion, *, role: str, after: int, until: int) -> Predictor:
        key = (version.name, version.version)
        if key not in self._models:
            folder = self.found.store.download(version)
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

    def _refuse_none(self, resolutions: Sequence[Resolution], *, instead: str | None = None) -> None:
        """Say of the first symbol what was tried, and how a model is trained."""
        first = resolutions[0]
        first.require(command=missing_model_command(self.found, first.request), instead=instead)

    def _later(self, arm: str) -> str | None:
        """Name the first start at which any model may answer; None where none may at any time."""
        served = [
            config
            for config in self.histories.universe
            if self._resolved(config, arm=arm, as_of=None).chosen is not None
        ]
        known = {trained_until(each) for each in self.found.versions if served}
        for start in sorted(until for until in known if until is not None):
            if any(self._resolved(config, arm=arm, as_of=start).chosen for config in served):
                return f"start later: period.start={iso(start)} is the first at which a model may answer"
        return None

    def _refuse(self, who: Mapping[str, Sequence[Predictor]]) -> None:
        if not self.values["allow_seen"]:
            self._refuse_seen(who)
        if self.values["open_sealed"] is None:
            self._refuse_sealed(who)

    def _refuse_seen(self, who: Mapping[str, Sequence[Predictor]]) -> None:
        seen = [
            (symbol, each, int(first))
            for symbol, answerers in who.items()
            for each in answerers
            if (first := _first_after(self.histories.bars[symbol], each.after)) <= each.seen_until
        ]
        if not seen:
            return
        lines = [
            f"  {symbol}: {each.name} was trained on data through {iso(each.seen_until)}, "
            f"the first bar to be traded closes at {iso(first)}"
            for symbol, each, first in seen[:_SHOWN]
        ]
        more = [f"  and {len(seen) - _SHOWN} more"] if len(seen) > _SHOWN else []
        latest = iso(max(each.seen_until for _, each, _ in seen))
        cure = f"Start later (period.start={latest}), or take an older version"
        loud = "allow_seen=true trades them all the same; every output then says that it proves nothing"
        raise BacktestError(
            "\n".join(["models have seen bars that are to be traded", *lines, *more, f"{cure}; {loud}"])
        )

    def _refuse_sealed(self, who: Mapping[str, Sequence[Predictor]]) -> None:
        """Leave the span unread that a model's training kept for one last question."""
        splits = [self.values["split"]]
        splits += [each.model.bundle.config["split"] for answerers in who.values() for each in answerers]
        seals = [instant(each["sealed_from"]) for each in splits if each.get("sealed_from") is not None]
        last = max(int(bars.closed_at[-1]) for bars in self.histories.bars.values())
        if seals and last >= min(seals):
            until = iso(min(seals))
            raise BacktestError(
                f"bars from {until} on are sealed, kept for one last question, and the last to be traded closes at "
                f"{iso(last)}; end before (period.end={until}), or ask it: open_sealed='...', which is recorded"
            )


def _members(values: Mapping[str, Any]) -> Universe:
    symbols, wanted = universe(values["symbol_configs"]), values["symbol"]
    if wanted is None:
        return symbols
    chosen = tuple(config for config in symbols if config.symbol == wanted)
    if not chosen:
        hint = nearest(wanted, symbols.symbols)
        raise SymbolError(
            f"symbol={wanted} is no member of symbols.members{hint} Members: {', '.join(symbols.symbols)}"
        )
    return Universe(configs=chosen)


def _is_of(version: StoredVersion, arm: str, *, symbol: str) -> bool:
    """Whether a version is of the kind an arm is made of."""
    scope = version.tags.get("scope")
    return scope == "universal" if arm == UNIVERSAL else scope == "single" and names_in(version, "symbols") == [symbol]


def _joined(answerers: Sequence[Predictor]) -> list[Predictor]:
    """Make one of stretches of the same model that follow one another."""
    joined: list[Predictor] = []
    for each in answerers:
        if joined and joined[-1].name == each.name and joined[-1].until == each.after:
            joined[-1] = replace(joined[-1], until=each.until)
        else:
            joined.append(each)
    return joined


def _first_after(bars: Bars, after: int) -> int:
    """Return when the first bar that closes after an instant does; NEVER for none."""
    row = int(np.searchsorted(bars.closed_at, after, side="right"))
    return int(bars.closed_at[row]) if row < len(bars) else NEVER

"""The newest decision on each symbol, by the model that resolution chooses for it.

    symbols ─> Resolver.resolve ─> by version: Model ─> bars up to as_of ─> windows ─> probabilities

Bars take the path of training (`bar_windows`), so that the answer is the panel's row to the bit. A symbol that no
model may answer for is listed with the reason and without a decision: stay out of the market.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from multisymbol.errors import ConfigError, MultisymbolError, SampleError
from multisymbol.labels.labels import CLASSES
from multisymbol.markets.bars import bars_between
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import NEVER, Period, Timeframe, iso
from multisymbol.progress import stepwise
from multisymbol.registry.selection.candidates import trained_until
from multisymbol.registry.selection.resolve import Resolution, Step
from multisymbol.registry.store.versions import StoredVersion
from multisymbol.serving.live import Windows, age_bars, bar_windows
from multisymbol.serving.resolver import Resolver
from multisymbol.serving.served_model import Model

PROBABILITIES = tuple(name.lower() for name in CLASSES)
"""Names of the outputs of a model of directions."""
_FRESH_BARS = 2
"""A decision whose bar closed more bars of open market ago is marked."""
MAX_AGE_BARS = 5
"""The same for one that is withheld, unless said otherwise; see `conf/predict.yaml`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """The newest decision on one symbol.

    Args:
        resolution: Which model was chosen, and how that came about.
        decided_at: Close of the bar that was decided at, also where that is too old; None where none was reached.
        outputs: `buy`, `hold`, `sell` (probabilities, sum 1) of a model of directions, or `forecast` of a model of
            returns, in units of its target; empty where there is no decision.
        decision: The likeliest class; None where there is no decision, or the model forecasts a return.
        known: Whether the model was trained on the symbol.
        seen: Whether it was trained past that bar, or past `as_of`: such a decision proves nothing.
        reason: Why this model answers, or why none does.
        age_bars: Bars of open market that ended between that close and `clock`; None where no bar was reached.
        clock: Instant the age is measured at: `as_of`, else now; of a synthetic market its end at the latest.
    """

    resolution: Resolution
    decided_at: int | None
    outputs: Mapping[str, float]
    decision: str | None
    known: bool
    seen: bool
    reason: str
    age_bars: int | None = None
    clock: int | None = None

    @property
    def served(self) -> bool:
        """Whether a model has answered, by bars that are not too old."""
        return bool(self.outputs)

    @property
    def synthetic(self) -> bool:
        """Whether the bars were generated: their market's clock stands still where they end."""
        return self.resolution.request.provenance == "synthetic"

    @property
    def old(self) -> bool:
        """Whether its bars ended longer ago than a working feed's."""
        return self.age_bars is not None and self.age_bars > _FRESH_BARS

    def to_json(self) -> dict[str, Any]:
        """Return plain data, the same keys for every symbol; what does not apply is None."""
        asked, chosen = self.resolution.request, self.resolution.chosen
        return {
            "symbol": asked.symbol,
            "asset_class": asked.asset_class,
            "timeframe": asked.timeframe,
            "as_of": None if asked.as_of is None else iso(asked.as_of),
            "decided_at": None if self.decided_at is None else iso(self.decided_at),
            "age_bars": self.age_bars,
            "clock": None if self.clock is None else iso(self.clock),
            **{name: self.outputs.get(name) for name in (*PROBABILITIES, "forecast")},
            "decision": self.decision,
            "model": None if chosen is None else chosen.name,
            "version": None if chosen is None else chosen.version,
            "role": self.resolution.role,
            "alias": self.resolution.alias,
            "promoted": None if chosen is None else chosen.promoted,
            "provenance": asked.provenance,
            "known": self.known,
            "seen": self.seen,
            "careful": None if chosen is None else chosen.without_skill,
            "reason": self.reason,
        }


def predict_latest(
    resolver: Resolver,
    configs: Iterable[SymbolConfig],
    *,
    max_age_bars: int | None = MAX_AGE_BARS,
    now: Callable[[], int] = time.time_ns,
) -> list[Prediction]:
    """Choose a model for each symbol and let it predict at the newest bar; each model is loaded once.

    Args:
        resolver: The stored versions; its spec says where bars come from and what counts as known.
        configs: The symbols: a `Universe`, or any others.
        max_age_bars: A decision is withheld where more bars of open market have ended since its own; None: never.
        now: Returns the time by the wall clock, UTC ns.

    Returns:
        One prediction per symbol, in the order of the symbols.

    Raises:
        ConfigError: `max_age_bars` is negative.
    """
    if max_age_bars is not None and max_age_bars < 0:
        raise ConfigError(f"max_age_bars={max_age_bars}: an age is 0 bars or more; null withholds nothing")
    configs, until = list(configs), now() if resolver.spec.as_of is None else resolver.spec.as_of
    resolutions = {config.symbol: resolver.resolve(config) for config in stepwise("models", configs, _symbol)}
    by_version: dict[tuple[str, int], list[SymbolConfig]] = {}
    for config in configs:
        if chosen := resolutions[config.symbol].chosen:
            by_version.setdefault((chosen.name, chosen.version), []).append(config)
    served = {
        each.resolution.request.symbol: each
        for group in stepwise("answers", by_version.values(), lambda group: _symbol(group[0]))
        for each in _of_one_model(
            group, [resolutions[config.symbol] for config in group], resolver=resolver, until=until
        )
    }
    predictions = [
        served.get(config.symbol) or _none(resolutions[config.symbol], _tried(resolutions[config.symbol]))
        for config in configs
    ]
    timeframe = resolver.spec.source.timeframe
    return with_age(predictions, configs, timeframe=timeframe, until=until, max_age_bars=max_age_bars)


def with_age(
    predictions: Sequence[Prediction],
    configs: Sequence[SymbolConfig],
    *,
    timeframe: Timeframe,
    until: int,
    max_age_bars: int | None,
) -> list[Prediction]:
    """Measure how old decisions are: mark those of a feed that is late, and withhold those of a dead one.

    Args:
        predictions: One for each of `configs`.
        configs: The symbols.
        timeframe: Length of the source's bars.
        until: Time of the question, UTC ns; a synthetic market's own time ends with its bars.
        max_age_bars: As for `predict_latest`.
    """
    ends = [each.decided_at for each in predictions if each.synthetic and each.decided_at is not None]
    market_end = min(until, max(ends, default=until))
    return [
        _aged(each, config, timeframe=timeframe, clock=market_end if each.synthetic else until, limit=max_age_bars)
        for each, config in zip(predictions, configs, strict=True)
    ]


def _symbol(config: SymbolConfig) -> str:
    return config.symbol


def prediction_frame(predictions: Sequence[Prediction]) -> pd.DataFrame:
    """Return one row per symbol: the columns of `to_json`, instants as UTC timestamps, absent values missing."""
    frame = pd.DataFrame([each.to_json() for each in predictions])
    for name in ("as_of", "decided_at", "clock"):
        frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[ns, UTC]")
    kinds = dict.fromkeys((*PROBABILITIES, "forecast"), "float64") | dict.fromkeys(("version", "age_bars"), "Int64")
    kinds |= {"promoted": "boolean", "provenance": "string"}
    texts = ("symbol", "asset_class", "timeframe", "decision", "model", "role", "alias", "careful", "reason")
    return frame.astype(kinds | dict.fromkeys(texts, "string"))


def _of_one_model(
    configs: Sequence[SymbolConfig], resolutions: Sequence[Resolution], *, resolver: Resolver, until: int
) -> list[Prediction]:
    """Load a model and let it answer for all its symbols at once; what is wrong with one leaves the others alone."""
    version = resolutions[0].chosen
    assert version is not None
    try:
        model = Model.read(resolver.spec.store.download(version), name=version.name, version=version.version)
    except MultisymbolError as error:
        return [_none(each, str(error)) for each in resolutions]
    windows: list[Windows] = []
    asked: list[Resolution] = []
    unserved: list[Prediction] = []
    for config, resolution in zip(configs, resolutions, strict=True):
        try:
            window = _newest(model, resolver, config, until=until)
            _check_unseen(window, version, allowed=resolver.spec.allow_seen)
        except MultisymbolError as error:
            unserved.append(_none(resolution, str(error).removeprefix(f"{config.symbol}: ")))
        else:
            windows.append(window)
            asked.append(resolution)
    return unserved + (_predicted(model, windows, asked) if windows else [])


def _newest(model: Model, resolver: Resolver, config: SymbolConfig, *, until: int) -> Windows:
    """Make the window that ends with the newest bar of the symbol that is over.

    The forming bar of a live feed is not shown to a model.

    Raises:
        MultisymbolError: There is no such window: no bars, defective or too few ones, or a class the model lacks.
    """
    own = model.config_of(config.symbol, asset_class=config.asset_class)
    bars = resolver.spec.source.read(own, Period(end=iso(until)))
    over = int(np.searchsorted(bars.closed_at, until, side="right"))  # a joined bar may not be over when its parts are
    if over == 0:
        raise SampleError(f"no bar is over at {iso(until)}")
    return bar_windows(bars_between(bars, 0, over), config=own, recipe=model.recipe, all_rows=False, from_start=True)


def _check_unseen(window: Windows, version: StoredVersion, *, allowed: bool) -> None:
    decided_at, seen_until = int(window.decided_at[-1]), _seen_until(version)
    if decided_at <= seen_until and not allowed:
        raise SampleError(
            f"its newest bar closed at {iso(decided_at)}, and {version} was trained on data through {iso(seen_until)}; "
            f"give newer bars, ask an older model (as_of={iso(decided_at)}), or say allow_seen=true"
        )


def _seen_until(version: StoredVersion) -> int:
    """Return the last instant of the training; a model that does not say may have seen all."""
    until = trained_until(version)
    return NEVER if until is None else until


def _predicted(model: Model, windows: Sequence[Windows], resolutions: Sequence[Resolution]) -> list[Prediction]:
    frame = model.answer(windows)
    names = [name for name in (*PROBABILITIES, "forecast") if name in frame]
    predictions = []
    for place, (window, resolution) in enumerate(zip(windows, resolutions, strict=True)):
        assert resolution.chosen is not None
        decided_at = int(window.decided_at[-1])
        past = decided_at <= _seen_until(resolution.chosen)
        warning = "it HAS SEEN this bar (allow_seen); " if past and not resolution.seen else ""
        predictions.append(
            Prediction(
                resolution=resolution,
                decided_at=decided_at,
                outputs={name: float(frame[name].iloc[place]) for name in names},
                decision=str(frame["decision"].iloc[place]) if "decision" in frame else None,
                known=bool(frame["known"].iloc[place]),
                seen=past or resolution.seen,
                reason=f"{warning}{_taken(resolution)}",
            )
        )
    return predictions


def _none(resolution: Resolution, reason: str) -> Prediction:
    return Prediction(
        resolution=resolution,
        decided_at=None,
        outputs={},
        decision=None,
        known=False,
        seen=resolution.seen,
        reason=reason,
    )


def _taken(resolution: Resolution) -> str:
    step = next(step for step in resolution.chain if step.outcome == "taken")
    apart = "" if step.distance is None else f" at distance {step.distance:.2f}"
    return f"{step.place}{apart}: {step.reason}"


def _tried(resolution: Resolution) -> str:
    """Say in one line what was tried."""
    return "no model may answer: " + "; ".join(map(_attempt, resolution.chain))


def _attempt(step: Step) -> str:
    name = "" if step.model is None else f"{step.model}/{step.version} "
    return f"{step.place} {name}{step.reason}"


def _aged(
    prediction: Prediction, config: SymbolConfig, *, timeframe: Timeframe, clock: int, limit: int | None
) -> Prediction:
    if prediction.decided_at is None:
        return prediction
    decided_at = np.array([prediction.decided_at], dtype=np.int64)
    age = int(age_bars(decided_at, config=config, timeframe=timeframe, now=clock)[0])
    aged = replace(prediction, age_bars=age, clock=clock)
    ended = f"its newest bar closed at {iso(prediction.decided_at)}, {age:,} bars of open market before {iso(clock)}"
    if limit is not None and age > limit:
        cure = f"give newer bars, or ask as_of={iso(prediction.decided_at)}; max_age_bars={limit}"
        return replace(aged, outputs={}, decision=None, reason=f"OLD, no decision: {ended}; {cure}")
    return replace(aged, reason=f"OLD: {ended}; {aged.reason}") if aged.old else aged

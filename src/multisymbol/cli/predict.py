"""The verb `predict`: the newest decision on each symbol, by the model that resolution chooses for it.

    symbols ─> Lookup.resolve ─> by version: Model ─> bars up to as_of ─> windows ─> probabilities

Bars take the path of training (`bar_windows`), so that the answer is the panel's row to the bit. A symbol that nobody
may answer for is listed with the reason and without a decision: stay out of the market.
"""

import json
import math
import os
import textwrap
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from rich.text import Text

from multisymbol.cli.resolve import Lookup, lookup, missing_model_command, symbol_config
from multisymbol.cli.schema import TrainConfig
from multisymbol.errors import ConfigError, ModelNotFoundError, MultisymbolError, OutputError, SampleError
from multisymbol.labels.labels import CLASSES
from multisymbol.markets.io.parquet import ExaminedSource
from multisymbol.markets.symbols import SymbolConfig, universe
from multisymbol.markets.time import DAY, NEVER, Period, instant, iso
from multisymbol.progress import Terminal
from multisymbol.registry.selection.candidates import trained_until
from multisymbol.registry.selection.resolve import Resolution, Step
from multisymbol.registry.store.versions import StoredVersion
from multisymbol.reports.tables.table import Cell, Table, TableColumn, show
from multisymbol.serving.live import Windows, bar_windows, bars_between
from multisymbol.serving.served_model import Model

PROBABILITIES = tuple(name.lower() for name in CLASSES)
"""Columns of what a model of directions says."""
_LATE = 7 * DAY
"""No market is closed for longer."""
_WIDTH = 116


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictConfig(TrainConfig):
    """Every key of `conf/predict.yaml`: those of a training, and its own.

    Args:
        as_class: Asset class of a symbol that is no member.
        as_of: Only what was known then counts, None for now.
        allow_seen: Whether a model may answer for a bar it was trained on.
        match: What a model must fit: the strategy's name, or features and labels of the configuration too.
        output: Form of the answer.
        out: File it is written to, None for the terminal.
    """

    as_class: str | None
    as_of: str | None
    allow_seen: bool
    match: Literal["strategy", "config"]
    output: Literal["table", "json", "parquet"]
    out: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """What is known of one symbol.

    Args:
        resolution: Which model was chosen, and how that came about.
        decided_at: Close of the bar that was decided at; None where there is no decision.
        said: `buy`, `hold`, `sell` (probabilities, sum 1) of a model of directions, or `forecast` of a model of
            returns, in units of its target; empty where there is no decision.
        decision: The likeliest class; None where there is no decision, or the model forecasts a return.
        known: Whether the model was trained on the symbol.
        seen: Whether it was trained past that bar, or past `as_of`: such a decision proves nothing.
        reason: Why this model answers, or why nobody does.
    """

    resolution: Resolution
    decided_at: int | None
    said: Mapping[str, float]
    decision: str | None
    known: bool
    seen: bool
    reason: str

    @property
    def served(self) -> bool:
        """Whether there is an answer."""
        return self.decided_at is not None

    def to_json(self) -> dict[str, Any]:
        """Return plain data, the same keys for every symbol; what there is not is None."""
        asked, chosen = self.resolution.request, self.resolution.chosen
        return {
            "symbol": asked.symbol,
            "asset_class": asked.asset_class,
            "timeframe": asked.timeframe,
            "as_of": None if asked.as_of is None else iso(asked.as_of),
            "decided_at": None if self.decided_at is None else iso(self.decided_at),
            **{name: self.said.get(name) for name in (*PROBABILITIES, "forecast")},
            "decision": self.decision,
            "model": None if chosen is None else chosen.name,
            "version": None if chosen is None else chosen.version,
            "role": self.resolution.role,
            "alias": self.resolution.alias,
            "known": self.known,
            "seen": self.seen,
            "careful": None if chosen is None else chosen.without_skill,
            "reason": self.reason,
        }


def show_predictions(values: Mapping[str, Any]) -> Sequence[Prediction]:
    """Print or write the newest decision on each symbol.

    Args:
        values: Plain, checked configuration (`conf/predict.yaml`).

    Raises:
        ConfigError: The form of the answer needs a file, or `as_of` is no timestamp.
        OutputError: The file cannot be written; said before anything is asked.
        MultisymbolError: Nobody is served; the answer was shown before.
    """
    _check_output(values)
    found = _stored(values)
    predictions = predict_latest(values, found)
    _put(_text(predictions, values=values), values=values, predictions=predictions)
    if not any(each.served for each in predictions):
        _refuse(predictions, found)
    return predictions


def predict_latest(values: Mapping[str, Any], found: Lookup) -> list[Prediction]:
    """Choose a model for each symbol and let it answer; each model is loaded once.

    Args:
        values: Plain, checked configuration (`conf/predict.yaml`).
        found: The stored versions; its `values` are those of the configuration.

    Returns:
        One per symbol, in the order of the universe.

    Raises:
        SymbolError: `symbol` is not known.
        ConfigError: `as_of` is no timestamp.
    """
    configs = _asked(values)
    resolutions = {config.symbol: found.resolve(config) for config in configs}
    by_version: dict[tuple[str, int], list[SymbolConfig]] = {}
    for config in configs:
        if chosen := resolutions[config.symbol].chosen:
            by_version.setdefault((chosen.name, chosen.version), []).append(config)
    served = {
        each.resolution.request.symbol: each
        for group in by_version.values()
        for each in _of_one_model(group, [resolutions[config.symbol] for config in group], values=values, found=found)
    }
    predictions = [
        served.get(config.symbol) or _silent(resolutions[config.symbol], _tried(resolutions[config.symbol]))
        for config in configs
    ]
    return _with_age(predictions, late=max(_LATE, 2 * found.source.timeframe.nanoseconds))


def prediction_table(predictions: Sequence[Prediction]) -> Table:
    """Set the decisions one below the other; columns nobody has a number for are left out.

    Where there is none, the row has the number of the reason in `reasons_for_none`.
    """
    said = [name for name in (*PROBABILITIES, "forecast") if any(name in each.said for each in predictions)]
    columns = (
        TableColumn(name="symbol", key="symbol"),
        TableColumn(name="decided at", key="decided_at"),
        *(TableColumn(name=name.upper() if name in PROBABILITIES else name, key=name, form=".3f") for name in said),
        TableColumn(name="decision", key="decision"),
        TableColumn(name="model", key="model"),
        TableColumn(name="why", key="reason"),
    )
    numbers = {reason: number for number, reason in enumerate(reasons_for_none(predictions), start=1)}
    rows = tuple(_row(each, said, numbers=numbers) for each in predictions)
    as_of = predictions[0].resolution.request.as_of
    return Table(
        title="newest decisions" if as_of is None else f"newest decisions as of {iso(as_of)}",
        columns=columns,
        rows=rows,
    )


def reasons_for_none(predictions: Sequence[Prediction]) -> list[str]:
    """Return why there is no decision, each reason once: they are long, and many symbols share one."""
    return list(dict.fromkeys(_on_one_line(each.reason) for each in predictions if not each.served))


def prediction_frame(predictions: Sequence[Prediction]) -> pd.DataFrame:
    """Return one row per symbol: the columns of `to_json`, instants as UTC timestamps, what there is not missing."""
    frame = pd.DataFrame([each.to_json() for each in predictions])
    for name in ("as_of", "decided_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[ns, UTC]")
    kinds = dict.fromkeys((*PROBABILITIES, "forecast"), "float64") | {"version": "Int64"}
    texts = ("symbol", "asset_class", "timeframe", "decision", "model", "role", "alias", "careful", "reason")
    return frame.astype(kinds | dict.fromkeys(texts, "string"))


def _stored(values: Mapping[str, Any]) -> Lookup:
    """List the stored versions; the length of bars is the source's."""
    return lookup({**values, "timeframe": None})


def _asked(values: Mapping[str, Any]) -> tuple[SymbolConfig, ...]:
    if values["symbol"] is not None:
        return (symbol_config(values, values["symbol"]),)
    if values["as_class"] is not None:
        raise ConfigError(f"as_class={values['as_class']} is the class of one symbol: say which, symbol=NVDA")
    return universe(values["symbol_configs"]).configs


def _of_one_model(
    configs: Sequence[SymbolConfig], resolutions: Sequence[Resolution], *, values: Mapping[str, Any], found: Lookup
) -> list[Prediction]:
    """Load a model and let it answer for all its symbols at once; what is wrong with one leaves the others alone."""
    version = resolutions[0].chosen
    assert version is not None
    try:
        model = Model.read(found.store.download(version), name=version.name, version=version.version)
    except MultisymbolError as error:
        return [_silent(each, str(error)) for each in resolutions]
    windows: list[Windows] = []
    asking: list[Resolution] = []
    silent: list[Prediction] = []
    until = _until(values)
    for config, resolution in zip(configs, resolutions, strict=True):
        try:
            window = _newest(model, found.source, config, until=until)
            _check_unseen(window, version, allowed=values["allow_seen"])
        except MultisymbolError as error:
            silent.append(_silent(resolution, str(error).removeprefix(f"{config.symbol}: ")))
        else:
            windows.append(window)
            asking.append(resolution)
    return silent + (_answered(model, windows, asking) if windows else [])


def _until(values: Mapping[str, Any]) -> int:
    """Return the instant at which a bar must be over: the forming one of a live feed is not shown to a model."""
    return time.time_ns() if values["as_of"] is None else instant(values["as_of"])


def _newest(model: Model, source: ExaminedSource, config: SymbolConfig, *, until: int) -> Windows:
    """Make the window that ends with the newest bar of the symbol that is over.

    Raises:
        MultisymbolError: There is no such window: no bars, defective or too few ones, or a class the model lacks.
    """
    own = model.config_of(config.symbol, asset_class=config.asset_class)
    bars = source.read(own, Period(end=iso(until)))
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


def _answered(model: Model, windows: Sequence[Windows], resolutions: Sequence[Resolution]) -> list[Prediction]:
    frame = model.answer(windows)
    said = [name for name in (*PROBABILITIES, "forecast") if name in frame]
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
                said={name: float(frame[name].iloc[place]) for name in said},
                decision=str(frame["decision"].iloc[place]) if "decision" in frame else None,
                known=bool(frame["known"].iloc[place]),
                seen=past or resolution.seen,
                reason=f"{warning}{_taken(resolution)}",
            )
        )
    return predictions


def _silent(resolution: Resolution, reason: str) -> Prediction:
    return Prediction(
        resolution=resolution, decided_at=None, said={}, decision=None, known=False, seen=resolution.seen, reason=reason
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


def _with_age(predictions: Sequence[Prediction], *, late: int) -> list[Prediction]:
    """Say of a decision that it is old: its bars end long before `as_of`, or before those of the other symbols."""
    as_of = predictions[0].resolution.request.as_of
    newest = max((each.decided_at for each in predictions if each.decided_at is not None), default=0)
    now = newest if as_of is None else as_of
    return [
        replace(each, reason=f"OLD by {(now - each.decided_at) / DAY:,.0f} days, its bars end there; {each.reason}")
        if each.decided_at is not None and now - each.decided_at > late
        else each
        for each in predictions
    ]


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def _row(each: Prediction, said: Sequence[str], *, numbers: Mapping[str, int]) -> tuple[Cell, ...]:
    chosen, alias = each.resolution.chosen, each.resolution.alias
    name = "–" if chosen is None else f"{chosen.name}/{chosen.version}" + (f" ({alias})" if alias else "")
    return (
        each.resolution.request.symbol,
        "–" if each.decided_at is None else iso(each.decided_at),
        *(each.said.get(column, math.nan) for column in said),
        each.decision or "–",
        name,
        _on_one_line(each.reason) if each.served else f"see ({numbers[_on_one_line(each.reason)]})",
    )


def _text(predictions: Sequence[Prediction], *, values: Mapping[str, Any]) -> str:
    if values["output"] == "json":
        chains = [each.to_json() | {"chain": each.resolution.to_json()["chain"]} for each in predictions]
        return json.dumps(chains, indent=2, ensure_ascii=False)
    seen = [each.resolution.request.symbol for each in predictions if each.served and each.seen]
    warning = [f"SEEN: trained past these bars, which proves nothing: {', '.join(seen)}"] if seen else []
    reasons = [
        textwrap.fill(f"({number}) {reason}", _WIDTH, subsequent_indent="    ", break_on_hyphens=False)
        for number, reason in enumerate(reasons_for_none(predictions), start=1)
    ]
    chosen = [each.resolution.chosen for each in predictions if each.served]
    careful = dict.fromkeys(f"careful: {each.without_skill}" for each in chosen if each and each.without_skill)
    return "\n".join([show(prediction_table(predictions)).plain, *reasons, *warning, *careful])


def _check_output(values: Mapping[str, Any]) -> None:
    out = values["out"]
    if out is None and values["output"] == "parquet":
        raise ConfigError("output=parquet is written to a file: say which, out=decisions.parquet")
    if out is not None and (Path(out).is_dir() or not Path(out).absolute().parent.is_dir()):
        raise OutputError(f"out={out}: {'that is a folder' if Path(out).is_dir() else 'there is no such folder'}")


def _put(text: str, *, values: Mapping[str, Any], predictions: Sequence[Prediction]) -> None:
    """Print the answer, or write it whole or not at all: a reader may come at any time."""
    if values["out"] is None:
        Terminal().show(Text(text))
        return
    out = Path(values["out"])
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        if values["output"] == "parquet":
            prediction_frame(predictions).to_parquet(temporary, index=False)
        else:
            temporary.write_text(f"{text}\n", encoding="utf-8")
        os.replace(temporary, out)
    except OSError as error:
        raise OutputError(f"out={out} cannot be written: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)
    served = sum(each.served for each in predictions)
    Terminal().fact("decisions", f"{served} of {len(predictions)} symbols are served · {out}")


def _refuse(predictions: Sequence[Prediction], found: Lookup) -> None:
    """Say why nobody is served: of the first symbol without a model the whole chain and the command to train one.

    Raises:
        MultisymbolError: Always.
    """
    lines = [f"none of {len(predictions)} symbols is served"] if len(predictions) > 1 else []
    silent: dict[str, list[str]] = {}
    for each in predictions:
        if each.resolution.chosen:
            silent.setdefault(each.reason, []).append(each.resolution.request.symbol)
    lines += [f"{', '.join(symbols)}: {reason}" for reason, symbols in silent.items()]
    modelless = [each.resolution for each in predictions if each.resolution.chosen is None]
    if not modelless:
        raise SampleError("\n".join(lines))
    try:
        modelless[0].require(command=missing_model_command(found, modelless[0].request))
    except ModelNotFoundError as error:
        raise ModelNotFoundError("\n".join([*lines, str(error)])) from error

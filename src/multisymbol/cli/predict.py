"""The command `predict`: the newest decision on each symbol, printed or written to a file."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich.text import Text

from multisymbol.cli.resolve import resolve_spec, symbol_config
from multisymbol.cli.schema import TrainConfig
from multisymbol.errors import ConfigError, ModelNotFoundError, OutputError, SampleError
from multisymbol.markets.symbols import SymbolConfig, universe
from multisymbol.progress import Terminal, wrapped
from multisymbol.reports.tables.predictions import prediction_text
from multisymbol.serving.latest import Prediction, predict_latest, prediction_frame
from multisymbol.serving.resolver import Resolver


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictConfig(TrainConfig):
    """Every key of `conf/predict.yaml`: those of a training, and its own."""

    as_class: str | None  # asset class of a symbol that is no member
    as_of: str | None  # only what was known then counts, None for now
    allow_seen: bool  # whether a model may answer for a bar it was trained on
    max_age_bars: int | None  # a decision on an older bar is withheld, in bars of open market; None for none
    # what a model must fit: the strategy's name, or features and labels of the configuration too
    match: Literal["strategy", "config"]
    output: Literal["table", "json", "parquet"]  # form of the answer
    out: str | None  # file it is written to, None for the terminal


def show_predictions(values: Mapping[str, Any]) -> Sequence[Prediction]:
    """Print or write the newest decision on each symbol.

    Args:
        values: Plain, checked configuration (`conf/predict.yaml`).

    Raises:
        ConfigError: The form of the answer needs a file, or `as_of` is no timestamp.
        OutputError: The file cannot be written; said before any model is asked.
        MultisymbolError: No symbol is served; the table was shown before.
    """
    _check_output(values)
    resolver, predictions = predicted(values)
    text = _json(predictions) if values["output"] == "json" else prediction_text(predictions)
    _put(text, values=values, predictions=predictions)
    if not any(each.served for each in predictions):
        _refuse(predictions, resolver)
    return predictions


def predicted(values: Mapping[str, Any]) -> tuple[Resolver, list[Prediction]]:
    """Return the resolver, and the newest decision on each symbol by the models it chooses.

    Raises:
        MultisymbolError: Bars or store are not usable, or a symbol is not known.
    """
    configs = asked_symbols(values)
    resolver = Resolver.open(resolve_spec(values))
    return resolver, predict_latest(resolver, configs, max_age_bars=values["max_age_bars"])


def asked_symbols(values: Mapping[str, Any]) -> tuple[SymbolConfig, ...]:
    """Return the symbols a configuration asks about: `symbol`, or all members in use.

    Raises:
        SymbolError: `symbol` is not known.
        ConfigError: `as_class` without a symbol.
    """
    if values["symbol"] is not None:
        return (symbol_config(values, values["symbol"]),)
    if values["as_class"] is not None:
        raise ConfigError(f"as_class={values['as_class']} is the class of one symbol: say which, symbol=NVDA")
    return universe(values["symbol_configs"]).configs


def _json(predictions: Sequence[Prediction]) -> str:
    chains = [each.to_json() | {"chain": each.resolution.to_json()["chain"]} for each in predictions]
    return json.dumps(chains, indent=2, ensure_ascii=False)


def _check_output(values: Mapping[str, Any]) -> None:
    out = values["out"]
    if out is None and values["output"] == "parquet":
        raise ConfigError("output=parquet is written to a file: say which, out=decisions.parquet")
    if out is not None and (Path(out).is_dir() or not Path(out).absolute().parent.is_dir()):
        raise OutputError(f"out={out}: {'that is a folder' if Path(out).is_dir() else 'there is no such folder'}")


def _put(text: str, *, values: Mapping[str, Any], predictions: Sequence[Prediction]) -> None:
    """Print the answer, or write it whole or not at all: a reader may come at any time."""
    if values["out"] is None:
        Terminal().show(Text(text if values["output"] == "json" else wrapped(text)))
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


def _refuse(predictions: Sequence[Prediction], resolver: Resolver) -> None:
    """Say why no symbol is served: of the first one without a model the whole chain and the command to train one.

    Raises:
        MultisymbolError: Always.
    """
    lines = [f"none of {len(predictions)} symbols is served"] if len(predictions) > 1 else []
    unserved: dict[str, list[str]] = {}
    for each in predictions:
        if each.resolution.chosen:
            unserved.setdefault(each.reason, []).append(each.resolution.request.symbol)
    lines += [f"{', '.join(symbols)}: {reason}" for reason, symbols in unserved.items()]
    modelless = [each.resolution for each in predictions if each.resolution.chosen is None]
    if not modelless:
        raise SampleError("\n".join(lines))
    try:
        resolver.require(modelless[0])
    except ModelNotFoundError as error:
        raise ModelNotFoundError("\n".join([*lines, str(error)])) from error

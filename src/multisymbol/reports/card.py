"""A model's card: what it was trained on, what it is worth beside no skill, how to ask it, what it is not for.

Made from a bundle's facts alone, so that the card of any stored model can be made again.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from multisymbol.features.pipeline import history_bars
from multisymbol.markets.provenance import marked, synthetic_lines
from multisymbol.markets.symbols import universe
from multisymbol.markets.time import DAY, instant, iso
from multisymbol.registry.bundle.format import Bundle
from multisymbol.registry.store.versions import lacks_skill
from multisymbol.reports.figures.canvas import BLUE, GREEN, ORANGE, canvas, dated, legend, say
from multisymbol.reports.figures.training import score_figure
from multisymbol.reports.page import Bullets, Caution, Code, Facts, Folded, OwnSection, Page, Part, Section, sections_of
from multisymbol.reports.tables.scores import class_table, score, score_table
from multisymbol.reports.tables.table import ALL, Cell, Table, column, plain_table, tabulate
from multisymbol.reports.tables.table import to_markdown as table_markdown
from multisymbol.serving.metrics import DIRECTION, ScoreKind, ScoreMetric, kind_of
from multisymbol.wording import group_by

ZIGZAG_WARNING = (
    "The labels are ZigZag legs. About 75 % of such labels can be predicted on a pure random walk, from how far the "
    "price has come back from its extreme, and this earns nothing. A network learns this more finely than the "
    "retracement rule does, so even a score better than no-skill is no evidence of foresight: only the excess over the "
    "same training on a market without signal is."
)
VOLATILITY_WARNING = (
    "HOLD is a move too small to count, so a model that knows when a market is quiet already scores above no-skill. "
    "Look at BUY against SELL alone before calling it foresight."
)
_MECHANICS = " Most of the gain on such labels comes from the labels' own mechanics and earns nothing."


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """What a card shows."""

    bundle: Bundle  # all that is known of the model
    name: str | None  # registered name; None: not registered
    version: int | None  # number in the registry; None: not yet known
    figures: Sequence[Figure] = ()  # pictures of its training, where they are at hand; they stand with the scores
    hashes: Mapping[str, str] | None = None  # `hashes.json` of the stored bundle: file -> SHA-256; None: left out
    metrics: Sequence[ScoreMetric] = ()  # further metrics of its test scores

    @property
    def kind(self) -> ScoreKind:
        """The metrics of its test scores."""
        return kind_of(self.bundle.metadata).extended(self.metrics)


def model_card(card: Card, *, sections: Iterable[OwnSection] = ()) -> Page:
    """Write the card of a stored model; `sections` are the user's own."""
    metadata = card.bundle.metadata
    called = card.name or f"{metadata['strategy']} {metadata['timeframe']} {metadata['scope']}, not registered"
    return Page(
        title=marked(
            called if card.version is None else f"{called} version {card.version}",
            synthetic=card.bundle.provenance == "synthetic",
        ),
        lead=_lead(card.bundle, card.kind),
        sections=sections_of("card", card, SECTIONS, sections),
        footer=f"Made {metadata['created_at']}.",
    )


def summary(bundle: Bundle) -> str:
    """Say what a stored model is and what it scored, as Markdown for a page that shows little more."""
    kind = kind_of(bundle.metadata)
    return f"{_lead(bundle, kind)}\n\n{table_markdown(_score_table(bundle, kind))}"


def span_figure(spans: Mapping[str, str]) -> Figure:
    """Show when the model was trained, validated and tested.

    Args:
        spans: `metadata["spans"]`: instants `train_from`, `train_until` (of the last label seen, validation included),
            `test_from`, `test_until`, and perhaps `validation_from`.
    """
    at = {key: instant(text) for key, text in spans.items()}
    cut = at.get("validation_from")
    trained = ("train", BLUE) if cut is not None else ("train and validation", BLUE)
    parts = [(*trained, at["train_from"], at["train_until"] if cut is None else cut)]
    parts += [("validation", ORANGE, cut, at["train_until"])] if cut is not None else []
    parts += [("test", GREEN, at["test_from"], at["test_until"])]
    figure, (axes,) = canvas(height=1.45)
    for _, colour, start, stop in parts:
        axes.barh(0, (stop - start) / DAY, left=start / DAY, height=0.7, color=colour)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    dated(axes)
    say(axes, f"Seen: {_day(at['train_from'])} to {_day(at['train_until'])}; tested from {_day(at['test_from'])}")
    legend(figure, {name: colour for name, colour, _, _ in parts})
    return figure


def _lead(bundle: Bundle, task: ScoreKind) -> str:
    metadata, trained = bundle.metadata, trained_symbols(bundle)
    who = trained[0] if len(trained) == 1 else f"{len(trained)} symbols ({', '.join(trained_classes(bundle))})"
    until = metadata.get("spans", {}).get("train_until")
    so_far = f", on bars up to {until[:10]}" if until else ""
    mark = synthetic_lines(trained, of=len(trained)) if bundle.provenance == "synthetic" else []
    sentence = (
        f"A {metadata['scope']} model of {task.forecast}, for {metadata['timeframe']} bars, trained on {who}{so_far}."
    )
    first = " ".join([*mark, sentence])
    scores = metadata.get("test", {})
    loss, reference = score(scores, task.loss.key), score(scores, task.reference.key)
    if not math.isfinite(loss):
        return f"{first} It has no test scores."
    worth = f"{task.loss.heading} {loss:{task.loss.form}} against {reference:{task.reference.form}} without skill"
    verdict = ": no better than the no-skill forecast" if lacks_skill(score(scores, "test_skill")) else ""
    tail = _MECHANICS if _is_zigzag(bundle) else ""
    return f"{first} On {score(scores, 'test_rows'):,.0f} test rows: {worth}{verdict}.{tail}"


def _training(bundle: Bundle) -> Iterator[Part]:
    metadata, config = bundle.metadata, bundle.config
    validation = next((key for key in metadata if key.startswith("validation_")), None)
    spans, parent = metadata.get("spans"), metadata.get("finetuned_from")
    facts = {
        "scope": f"{metadata['scope']}, strategy {metadata['strategy']}",
        "fine-tuned from": f"{parent['name']} version {parent['version']}" if parent else "",
        "network": _call(config.get("model")),
        "loss": _call(config.get("loss")),
        "mixture": _call(config.get("sampling")),
        "split": _call(config.get("split")),
        "train and validation": f"{spans['train_from']} to {spans['train_until']}" if spans else "",
        "test": f"{spans['test_from']} to {spans['test_until']}" if spans else "",
        "seed": str(metadata["seed"]),
        "best epoch": str(metadata.get("best_epoch", "")),
        "validation": f"{validation.removeprefix('validation_')} {metadata[validation]:.4f}" if validation else "",
        "time of the fit": f"{metadata['fit_seconds']:,.0f} s" if "fit_seconds" in metadata else "",
    }
    yield Facts(items=tuple((key, text) for key, text in facts.items() if text))
    if spans:
        yield span_figure(spans)
    yield _symbol_table(bundle)


def _symbol_table(bundle: Bundle) -> Table:
    entries = bundle.symbols["symbols"]
    parts = ("train", "validation", "test")
    total = {part: sum(entry.get(part, 0) for entry in entries.values()) for part in parts}

    def value(key: str, default: Cell) -> Callable[[tuple[str, Mapping[str, Any]]], Cell]:
        return lambda item: item[1].get(key, default)

    return tabulate(
        "symbols",
        entries.items(),
        column("symbol", of=lambda item: item[0]),
        column("class", key="asset_class", of=value("asset_class", "")),
        column("role", of=value("role", "trained")),
        *(column(part, ",d", of=value(part, 0)) for part in parts),
        column("share", ".1%", of=lambda item: item[1].get("train", 0) / max(total["train"], 1)),
        note="share: of all training rows; the mixture sets how often each symbol is drawn",
        total=(ALL, total | {"role": ""}) if len(entries) > 1 else None,
    )


def _label(bundle: Bundle) -> Iterator[Part]:
    yield f"{bundle.metadata.get('label', 'Not said.')}"
    labels = group_by(bundle.symbol_configs, lambda symbol: _call(bundle.symbol_configs[symbol].get("label")))
    if len(labels) > 1:
        rows = [(", ".join(symbols), label) for label, symbols in labels.items()]
        yield plain_table("Parameters by symbol", rows, "symbols", "label")


def _scores(bundle: Bundle, task: ScoreKind) -> Iterator[Part]:
    by_symbol: Mapping[str, Mapping[str, Any]] = bundle.metadata.get("test_by_symbol", {})
    if not by_symbol:
        yield "It has no test scores."
        return
    model, no_skill = (
        np.array([score(each, m.key) for each in by_symbol.values()]) for m in (task.loss, task.reference)
    )
    yield score_figure(list(by_symbol), model=model, no_skill=no_skill, measure=task.loss.heading)
    yield _score_table(bundle, task)
    if len(by_symbol) > 1:
        classes = {symbol: entry["asset_class"] for symbol, entry in bundle.symbols["symbols"].items()}
        yield class_table(task, by_symbol, asset_classes=classes)


def _score_table(bundle: Bundle, kind: ScoreKind) -> Table:
    pooled, by_symbol = bundle.metadata.get("test", {}), bundle.metadata["test_by_symbol"]
    return score_table(kind, by_symbol, pooled, places=("tables", "card"), title="test, by symbol")


def _calibration(metadata: Mapping[str, Any]) -> Iterator[Part]:
    if kind_of(metadata).task != DIRECTION.task:
        return
    temperature = metadata.get("temperature")
    if temperature is None:
        yield "No temperature was fitted: the probabilities are the network's raw output."
        return
    way = "moved towards uniform" if temperature > 1 else "moved away from uniform"
    yield f"Logits are divided by {temperature:.3f}, fitted on validation rows: probabilities are {way}."
    fit = metadata.get("calibration", {})
    if "log_loss_before" in fit:
        yield (
            f"Validation log-loss {fit['log_loss_before']:.4f} before, {fit['log_loss_after']:.4f} after. "
            "Test scores are after."
        )
    if any(metadata.get("log_class_weights", [])):
        yield "Classes had different weights in the loss; their logarithms are subtracted from the logits first."


def _limits(bundle: Bundle) -> Iterator[Part]:
    if _is_zigzag(bundle):
        yield Caution(text=ZIGZAG_WARNING)
    elif kind_of(bundle.metadata).task == DIRECTION.task:
        yield Caution(text=VOLATILITY_WARNING)
    yield Bullets(items=tuple(_limit_lines(bundle)))


def _limit_lines(bundle: Bundle) -> Iterator[str]:
    metadata = bundle.metadata
    spans = metadata.get("spans", {})
    classes = ", ".join(trained_classes(bundle))
    yield f"Bars of {metadata['timeframe']} only, and only symbols of the classes {classes}; others are refused."
    if spans:
        yield f"No backtest before {spans['train_until']}: labels up to then were used for training or early stopping."
        tested = f"{_day(instant(spans['test_from']))} to {_day(instant(spans['test_until']))}"
        yield f"The scores are of {tested}, of one seed ({metadata['seed']}), of rows whose labels share their future."
    yield "Scores ignore costs: spread, commission and slippage. Run a backtest before trading."
    yield "Whether it beats another model of the same symbol is not shown here: run a comparison."
    thin = [symbol for symbol, each in metadata.get("test_by_symbol", {}).items() if score(each, "test_rows") < 500]
    if thin:
        yield f"Fewer than 500 test rows, so the scores are uncertain: {', '.join(thin)}."


def _unseen(bundle: Bundle) -> Iterator[str]:
    classes = ", ".join(sorted(bundle.scaler.by_class)) or "none"
    if bundle.metadata["scope"] == "single":
        only = ", ".join(trained_symbols(bundle))
        yield f"It is a model of {only}: another symbol gets it only where resolution finds them alike."
    if math.isinf(bundle.scaler.clip):
        yield "Features are not scaled."
    else:
        yield f"Its features are scaled with the statistics of its asset class. There are those of: {classes}."
    yield "Indicator periods, fuzzy sets and session clock are those of its asset class."
    yield {
        "symbol": "The network knows symbols: one it has not seen gets the vector of the unknown, which it has learned "
        "by sometimes being told no symbol in training.",
        "asset_class": "The network knows asset classes: the symbol gets the vector of its class.",
    }.get(str((bundle.config.get("model") or {}).get("embedding")), "The network has no input for the symbol.")
    left_out = [symbol for symbol, each in bundle.symbols["symbols"].items() if each.get("role") == "unseen"]
    if left_out:
        yield f"What it is worth there: its scores above for {', '.join(left_out)}, never trained on."


def _asking(bundle: Bundle, *, name: str | None, version: int | None) -> Iterator[Part]:
    yield "Input: raw bars without gaps. Bars needed for one forecast, at most; more bars change nothing:"
    yield _history_table(bundle)
    stamped = bundle.metadata.get("stamped")
    stamp = f" A bar is stamped with its {stamped}." if stamped else ""
    yield f"Columns: symbol, timestamp, open, high, low, close, volume; timestamps have a time zone.{stamp}"
    if name is not None:
        symbol, timeframe = trained_symbols(bundle)[0], bundle.metadata["timeframe"]
        yield Code(text="\n".join(_commands(name, version=version, symbol=symbol, timeframe=timeframe)))
    yield Code(
        text="from pathlib import Path\n\nfrom multisymbol.serving.served_model import Model\n\n"
        f"model = Model.read(Path('bundle'), name={(name or 'model')!r}, version={version})\n"
        "model.predict(bars)  # one row per symbol: decided_at, forecast, decision"
    )


def _commands(name: str, *, version: int | None, symbol: str, timeframe: str) -> Iterator[str]:
    uri = f"models:/{name}/{version}" if version is not None else f"models:/{name}@newest"
    asked = f"symbol={symbol}" if re.fullmatch(r"[\w.-]+", symbol) else f"'symbol=\"{symbol}\"'"
    yield f"multisymbol resolve {asked} timeframe={timeframe}    # is it the one to use, and why"
    yield f"mlflow models serve --env-manager local -m '{uri}'"
    yield f"mlflow models predict --env-manager local -m '{uri}' -i bars.json -t json"


def _history_table(bundle: Bundle) -> Table:
    """Say how many bars one answer needs at most: the most any symbol of a class asks for."""
    window = int(bundle.metadata["window"])
    needed: dict[str, int] = {}
    for config in universe(bundle.symbol_configs):
        bars = history_bars(config=config, spec=bundle.spec, window=window)
        needed[config.asset_class] = max(needed.get(config.asset_class, 0), bars)
    shown = (column("class", of=itemgetter(0)), column("bars of history", ",d", of=itemgetter(1)))
    return tabulate("", sorted(needed.items()), *shown)


def _features(bundle: Bundle) -> Iterator[Part]:
    kinds = [column.kind for column in bundle.spec.columns]
    counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    yield f"{len(kinds)} columns ({counted}), {bundle.metadata['window']} bars in a window; raw columns are scaled."
    rows = [(str(place), each.name, each.kind) for place, each in enumerate(bundle.spec.columns, start=1)]
    yield Folded(title=f"All {len(kinds)} columns", parts=(plain_table("", rows, "number", "column", "kind"),))


def _provenance(bundle: Bundle, hashes: Mapping[str, str] | None) -> Iterator[Part]:
    metadata, scaler = bundle.metadata, bundle.scaler
    facts = {
        "commit": metadata.get("git_commit"),
        "data": metadata.get("data_digest"),
        "feature spec": bundle.spec.digest,
        "scaling": f"{scaler.digest}, fitted on {_day(scaler.fitted_from)} to {_day(scaler.fitted_until)}",
        "libraries": ", ".join(f"{name} {number}" for name, number in metadata.get("libraries", {}).items()),
    }
    yield Facts(items=tuple((key, str(text)) for key, text in facts.items() if text))
    if metadata.get("bars"):
        yield _hash_table("SHA-256 of each symbol's bars", metadata["bars"], of="symbol")
    if hashes:
        yield _hash_table("SHA-256 of the bundle's files", hashes, of="file")


def _hash_table(title: str, hashes: Mapping[str, str], *, of: str) -> Folded:
    return Folded(title=title, parts=(plain_table("", hashes.items(), of, "SHA-256"),))


def _call(node: Any) -> str:
    """Write a configuration node as `Name(key=value, ...)`; empty where there is none."""
    if not isinstance(node, Mapping) or "_target_" not in node:
        return ""
    shown = {key: value for key, value in node.items() if not key.startswith("_") and value is not None}
    values = (
        f"{key}={(_call(value) or json.dumps(value)) if isinstance(value, Mapping) else value}"
        for key, value in shown.items()
    )
    return f"{str(node['_target_']).rpartition('.')[2]}({', '.join(values)})"


def trained_symbols(bundle: Bundle) -> list[str]:
    """Return the symbols whose rows it learned from."""
    entries = bundle.symbols["symbols"].items()
    return [symbol for symbol, each in entries if each.get("role", "trained") in {"trained", "trains only"}]


def trained_classes(bundle: Bundle) -> list[str]:
    """Return their asset classes, sorted."""
    return sorted({bundle.symbols["symbols"][symbol]["asset_class"] for symbol in trained_symbols(bundle)})


def _is_zigzag(bundle: Bundle) -> bool:
    return str(bundle.metadata.get("label", "")).startswith("ZigZag")


def _day(at: int) -> str:
    return iso(at)[:10]


def _section(
    title: str, parts: Callable[[Card], Iterable[Part]], *, note: Callable[[Card], str] = lambda card: ""
) -> Callable[[Card], Section | None]:
    """Make a section of its parts; one without parts is left out."""

    def made(card: Card) -> Section | None:
        shown = tuple(parts(card))
        return Section(title=title, note=note(card), parts=shown) if shown else None

    return made


SECTIONS: tuple[Callable[[Card], Section | None], ...] = (
    _section("Training", lambda card: _training(card.bundle)),
    _section("Label", lambda card: _label(card.bundle)),
    _section(
        "Scores",
        lambda card: (*_scores(card.bundle, card.kind), *card.figures),
        note=lambda card: f"No-skill is {card.kind.explained}.",
    ),
    _section("Calibration", lambda card: _calibration(card.bundle.metadata)),
    _section("Limits", lambda card: _limits(card.bundle)),
    _section("Unseen symbols", lambda card: [Bullets(items=tuple(_unseen(card.bundle)))]),
    _section("Usage", lambda card: _asking(card.bundle, name=card.name, version=card.version)),
    _section("Features", lambda card: _features(card.bundle)),
    _section("Provenance", lambda card: _provenance(card.bundle, card.hashes)),
)
"""The sections of a card, from top to bottom: one more is one more function in this list."""

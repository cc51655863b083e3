"""The stored model of a training: its files, what they say of it, and its registration."""

import datetime
import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from multisymbol.cli.schema import OF_ONE_SYMBOL, label_text
from multisymbol.config.installation import library_versions
from multisymbol.config.names import LOADER
from multisymbol.markets.sessions import session_clock
from multisymbol.markets.time import Period, iso
from multisymbol.registry.bundle.files import HASHES
from multisymbol.registry.bundle.flavor import write_flavour
from multisymbol.registry.bundle.format import Bundle, write_bundle
from multisymbol.registry.selection.similarity import profile
from multisymbol.registry.store.runs import NOTE_TAG
from multisymbol.registry.store.store import BUNDLE_FOLDER, Run, StoredVersion, SymbolScores, VersionTags, model_name
from multisymbol.reports.card import model_card, summary
from multisymbol.reports.page import page_html, page_markdown
from multisymbol.samples.dataset import FoldDataset
from multisymbol.samples.fold import TEST, TRAIN, VALIDATION
from multisymbol.samples.sources import bar_source
from multisymbol.serving.served_model import Model, requirements_of
from multisymbol.training.mlflow_run import git_commit
from multisymbol.training.result import EvaluationResult


def register(
    run: Run, outcome: EvaluationResult, values: Mapping[str, Any], prepared: FoldDataset, run_dir: Path
) -> StoredVersion:
    """Write the stored model's files and register them as the next version of its name, alias `newest`."""
    folder = run_dir / "model"
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed while it registered
    name = model_name(
        values["strategy"],
        timeframe=prepared.source.timeframe.text,
        symbol=values["symbol"] if _scope(values) == "single" else None,
    )
    bundle = bundle_of(outcome, values, prepared, similarity=_similarity(values, prepared))
    _write(bundle, folder, name=name, values=values, prepared=prepared)
    description = summary(bundle)
    run.set_tags({NOTE_TAG: description})
    return run.store.register(
        run,
        folder,
        name=name,
        tags=_tags(outcome, values, prepared),
        scores=[
            SymbolScores(symbol=symbol, digest=prepared.panel.fingerprints[symbol], metrics=scores)
            for symbol, scores in outcome.by_symbol().items()
        ],
        pooled=outcome.pooled(),
        description=description,
    )


def _write(bundle: Bundle, folder: Path, *, name: str, values: Mapping[str, Any], prepared: FoldDataset) -> None:
    """Write the bundle, its card, and what MLflow wants beside it: an example of raw bars with the model's answer."""
    write_bundle(bundle, folder / BUNDLE_FOLDER)
    own_bars = bar_source({**values, "resample": None})  # as a caller has them
    period = Period(**values["period"])
    shown = [config for config in prepared.universe if config.symbol in prepared.trained][:1]
    example = Model.of(bundle, name=name, version=None).example([own_bars.read(config, period) for config in shown])
    write_flavour(
        folder,
        loader_module=LOADER,
        example=example.rows,
        answer=example.answer,
        requirements=requirements_of(bundle),
    )
    hashes = json.loads((folder / BUNDLE_FOLDER / HASHES).read_text(encoding="utf-8"))
    card = model_card(bundle, name=name, version=None, hashes=hashes)
    (folder / "card.html").write_text(page_html(card), encoding="utf-8")
    (folder / "card.md").write_text(page_markdown(card), encoding="utf-8")


def bundle_of(
    outcome: EvaluationResult, values: Mapping[str, Any], prepared: FoldDataset, *, similarity: Mapping[str, Any]
) -> Bundle:
    """Take all that a stored model must know from a training.

    Args:
        outcome: The fitted network and its scores.
        values: Plain configuration.
        prepared: Its data.
        similarity: Profiles of the trained symbols; empty for a model that is not stored.
    """
    network = outcome.module.network
    return Bundle(
        weights={name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()},
        config={key: value for key, value in values.items() if key not in {"paths", "registry", "trust"}},
        spec=prepared.panel.spec,
        symbols=_symbols(values, prepared),
        symbol_configs={name: values["symbol_configs"][name] for name in prepared.trained},
        scaler=prepared.scaler,
        similarity=similarity,
        metadata=_metadata(outcome, values, prepared),
    )


def _symbols(values: Mapping[str, Any], prepared: FoldDataset) -> dict[str, Any]:
    """Say who was trained on, with slots and rows."""
    counts = {count.symbol: count for count in prepared.parts.counts}
    slots = zip(prepared.universe, prepared.symbol_slots.tolist(), prepared.class_slots.tolist(), strict=True)
    return {
        "scope": _scope(values),
        "timeframe": prepared.source.timeframe.text,
        "symbols": {
            config.symbol: {
                "slot": slot,
                "asset_class": config.asset_class,
                "class_slot": class_slot,
                "train": counts[config.symbol].train,
                "validation": counts[config.symbol].validation,
                "test": counts[config.symbol].test,
                "role": counts[config.symbol].role,
            }
            for config, slot, class_slot in slots
        },
    }


def _metadata(outcome: EvaluationResult, values: Mapping[str, Any], prepared: FoldDataset) -> dict[str, Any]:
    return {
        "strategy": values["strategy"],
        "scope": _scope(values),
        "timeframe": prepared.source.timeframe.text,
        "seed": values["seed"],
        "window": values["window"],
        "created_at": datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="seconds"),
        **_shape(prepared),
        "finetuned_from": _origin(outcome, values, prepared),
        "stamped": values["source"].get("stamped", "open"),
        "calendars": list(prepared.calendars),
        **outcome.facts(),
        "label": label_text(values),
        "spans": {
            key: iso(at) for key, at in {**spans(prepared), "validation_from": _validation_from(prepared)}.items()
        },
        "best_epoch": outcome.fitted.best_epoch,
        "fit_seconds": round(outcome.fitted.seconds, 1),
        outcome.module.task.monitor.replace("val/", "validation_"): outcome.fitted.best_score,
        "test": outcome.pooled(),
        "test_by_symbol": outcome.by_symbol(),
        "bars": dict(prepared.panel.fingerprints),
        "data_digest": data_digest(prepared),
        "git_commit": git_commit(),
        "libraries": library_versions(),
    }


def _similarity(values: Mapping[str, Any], prepared: FoldDataset) -> dict[str, Any]:
    """Describe each trained symbol by the bars the model has learned from; later ones are not looked at."""
    until = spans(prepared)["train_until"]
    profiles = {}
    for config in prepared.universe:
        if config.symbol not in prepared.trained:
            continue
        bars = prepared.source.read(config, Period(**values["period"]))
        clock = session_clock(config.calendar, start=int(bars.opened_at[0]), end=int(bars.closed_at[-1]))
        described = profile(bars, until=until, clock=clock, half_spread_bps=config.costs.half_spread_bps)
        profiles[config.symbol] = described.to_json()
    return profiles


def _scope(values: Mapping[str, Any]) -> Literal["universal", "single"]:
    return "single" if values["mode"] in OF_ONE_SYMBOL else "universal"


def _shape(prepared: FoldDataset) -> dict[str, Any]:
    """Say which slots the network has and what it was told of the data; a fine-tuned one keeps its parent's."""
    if prepared.parent:
        return {key: prepared.parent.bundle.metadata[key] for key in ("shape", "asset_classes")}
    return {
        "shape": {
            "features": len(prepared.panel.spec.columns),
            "symbols": len(prepared.trained),
            "asset_classes": len(prepared.trained_classes),
        },
        "asset_classes": {name: slot for slot, name in enumerate(prepared.trained_classes, start=1)},
    }


def _origin(outcome: EvaluationResult, values: Mapping[str, Any], prepared: FoldDataset) -> dict[str, Any] | None:
    """Say what a fine-tuned model goes out from, and what the tuning took."""
    if prepared.parent is None:
        return None
    version = prepared.parent.version
    return {
        "name": version.name,
        "version": version.version,
        "how": str(values["finetune"]["_target_"]).rpartition(".")[2],
        "bars": prepared.ledger.counts[0].bars,
        "train_rows": prepared.parts.counts[0].train,
    }


def spans(prepared: FoldDataset) -> dict[str, int]:
    """Return what the model has seen and what it was scored on, as instants.

    `train_until` counts validation in, and what a parent has seen.
    """
    ledger, parts = prepared.ledger, prepared.parts
    train, test = parts.positions(TRAIN), parts.positions(TEST)
    seen = np.concatenate([train, parts.positions(VALIDATION)])
    earlier = prepared.parent.trained_until if prepared.parent else 0
    return {
        "train_from": int(ledger.decided_at[train].min()),
        "train_until": max(int(ledger.resolved_at[seen].max()), earlier),
        "test_from": int(ledger.decided_at[test].min()),
        "test_until": int(ledger.decided_at[test].max()),
    }


def _validation_from(prepared: FoldDataset) -> int:
    return int(prepared.ledger.decided_at[prepared.parts.positions(VALIDATION)].min())


def data_digest(prepared: FoldDataset) -> str:
    """Hash the bars of all symbols, 16 hex digits."""
    text = "".join(f"{symbol}:{digest};" for symbol, digest in sorted(prepared.panel.fingerprints.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _tags(outcome: EvaluationResult, values: Mapping[str, Any], prepared: FoldDataset) -> VersionTags:
    pooled = outcome.pooled()
    return VersionTags(
        strategy=values["strategy"],
        scope=_scope(values),
        timeframe=prepared.source.timeframe.text,
        asset_classes=prepared.trained_classes,
        symbols=prepared.trained,
        feature_digest=prepared.panel.spec.digest,
        label=label_text(values),
        data_digest=data_digest(prepared),
        git_commit=git_commit(),
        rows=sum(count.train for count in prepared.parts.counts),
        test_log_loss=pooled.get("test_log_loss"),
        no_skill=pooled.get("test_no_skill_log_loss"),
        parent=prepared.parent.name if prepared.parent else None,
        test_huber=pooled.get("test_huber"),
        test_zero_huber=pooled.get("test_zero_huber"),
        **spans(prepared),
    )

"""The stored model of a training: its files, what they say of it, and its registration."""

import datetime
import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from multisymbol.config.installation import library_versions
from multisymbol.config.names import LOADER
from multisymbol.markets.provenance import Provenance, common_provenance
from multisymbol.markets.sessions import session_clock
from multisymbol.markets.time import Timeframe, iso
from multisymbol.registry.bundle.files import HASHES
from multisymbol.registry.bundle.flavor import write_flavour
from multisymbol.registry.bundle.format import Bundle, write_bundle
from multisymbol.registry.selection.similarity import profile
from multisymbol.registry.store.runs import NOTE_TAG
from multisymbol.registry.store.store import BUNDLE_FOLDER, Run, StoredVersion, SymbolScores, VersionTags, model_name
from multisymbol.samples.dataset import DataSpec, FoldDataset
from multisymbol.samples.fold import TEST, TRAIN, VALIDATION
from multisymbol.serving.served_model import Model, requirements_of
from multisymbol.training.finetune import Parent
from multisymbol.training.mlflow_run import git_commit
from multisymbol.training.result import EvaluationResult
from multisymbol.training.run_folder import own_code_of
from multisymbol.training.spec import RunSpec, TrainSpec


class ModelPages(Protocol):
    """What a person reads of a stored model; `reports` makes it."""

    def card(self, bundle: Bundle, *, name: str, hashes: Mapping[str, str]) -> Mapping[str, str]:
        """Return the model card: file name -> text."""
        ...

    def summary(self, bundle: Bundle) -> str:
        """Return the description of the run and the version, Markdown."""
        ...


def register(
    run: Run, result: EvaluationResult, spec: TrainSpec, dataset: FoldDataset, run_dir: Path, *, pages: ModelPages
) -> StoredVersion:
    """Write the stored model's files and register them as the next version of its name, once a run.

    Args:
        run: The training's run.
        result: What the training came to.
        spec: The training.
        dataset: Its data.
        run_dir: The run's folder.
        pages: Makes the model card.
    """
    name = _name(spec.run, dataset.source.timeframe)
    if earlier := spec.run.store.version_of(run, name):
        return earlier  # the run was killed after it registered
    folder = run_dir / "model"
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed while it registered
    bundle = bundle_of(result, spec, dataset, similarity=_similarity(spec, dataset))
    _write(bundle, folder, name=name, spec=spec, dataset=dataset, pages=pages)
    description = pages.summary(bundle)
    run.set_tags({NOTE_TAG: description})
    return spec.run.store.register(
        run,
        folder,
        name=name,
        tags=_tags(result, spec, dataset),
        scores=[
            SymbolScores(symbol=symbol, digest=dataset.panel.fingerprints[symbol], metrics=scores)
            for symbol, scores in result.by_symbol().items()
        ],
        pooled=result.pooled(),
        description=description,
    )


def check_names(data: DataSpec, run: RunSpec, *, universal: bool, each_symbol: bool) -> None:
    """Refuse models that could not be registered beside those their names hold; asked before the work.

    Args:
        data: What they learn from.
        run: How they are kept.
        universal: Whether the run's own model is registered.
        each_symbol: Whether one for each symbol is.

    Raises:
        SourceError: Some bars are real and some are generated.
        StoreError: A name holds models of bars of the other kind.
    """
    provenance = common_provenance(data.source, data.universe)
    runs = [*([run] if universal else []), *(map(run.of_symbol, data.universe.symbols) if each_symbol else [])]
    run.store.check_provenance([_name(each, data.source.timeframe) for each in runs], provenance)


def _name(run: RunSpec, timeframe: Timeframe) -> str:
    return model_name(run.strategy, timeframe=timeframe.text, symbol=run.symbol if run.scope == "single" else None)


def _provenance(dataset: FoldDataset) -> Provenance:
    return "synthetic" if dataset.panel.synthetic else "real"


def _write(
    bundle: Bundle, folder: Path, *, name: str, spec: TrainSpec, dataset: FoldDataset, pages: ModelPages
) -> None:
    """Write the bundle, its card, and what MLflow wants beside it: an example of raw bars with the model's answer."""
    write_bundle(bundle, folder / BUNDLE_FOLDER)
    shown = [config for config in dataset.universe if config.symbol in dataset.trained][:1]
    bars = [spec.data.finer_source.read(config, spec.data.period) for config in shown]  # as a caller has them
    example = Model.of(bundle, name=name, version=None).example(bars)
    write_flavour(
        folder,
        loader_module=LOADER,
        example=example.rows,
        answer=example.answer,
        requirements=requirements_of(bundle),
    )
    hashes = json.loads((folder / BUNDLE_FOLDER / HASHES).read_text(encoding="utf-8"))
    for file, text in pages.card(bundle, name=name, hashes=hashes).items():
        (folder / file).write_text(text, encoding="utf-8")


def bundle_of(
    result: EvaluationResult, spec: TrainSpec, dataset: FoldDataset, *, similarity: Mapping[str, Any]
) -> Bundle:
    """Collect all that a stored model must know from a training.

    Args:
        result: The fitted network and its scores.
        spec: The training.
        dataset: Its data.
        similarity: Profiles of the trained symbols; empty for a model that is not stored.
    """
    network, record = result.module.network, spec.run.record
    return Bundle(
        weights={name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()},
        config=record.portable(),
        spec=dataset.panel.spec,
        symbols=_symbols(spec, dataset),
        symbol_configs={name: record.symbol_config(name) for name in dataset.trained},
        scaler=dataset.scaler,
        similarity=similarity,
        metadata=_metadata(result, spec, dataset),
    )


def _symbols(spec: TrainSpec, dataset: FoldDataset) -> dict[str, Any]:
    """Say who was trained on, with slots and rows."""
    counts = {count.symbol: count for count in dataset.parts.counts}
    slots = zip(dataset.universe, dataset.symbol_slots.tolist(), dataset.class_slots.tolist(), strict=True)
    return {
        "scope": spec.run.scope,
        "timeframe": dataset.source.timeframe.text,
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


def _metadata(result: EvaluationResult, spec: TrainSpec, dataset: FoldDataset) -> dict[str, Any]:
    own = own_code_of(spec.run.record, dataset)
    return {
        "strategy": spec.run.strategy,
        "scope": spec.run.scope,
        "timeframe": dataset.source.timeframe.text,
        "seed": spec.fit.seed,
        "window": spec.data.window,
        "created_at": datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="seconds"),
        **_shape(spec, dataset),
        "finetuned_from": _origin(spec, dataset),
        "stamped": spec.run.record.stamped,
        "calendars": list(dataset.calendars),
        **result.facts(),
        "label": spec.run.record.label,
        "spans": {key: iso(at) for key, at in (spans(dataset, spec.parent) | _validation_from(dataset)).items()},
        "best_epoch": result.fitted.best_epoch,
        "fit_seconds": round(result.fitted.seconds, 1),
        result.module.task.monitor.replace("val/", "validation_"): result.fitted.best_score,
        "test": result.pooled(),
        "test_by_symbol": result.by_symbol(),
        "provenance": _provenance(dataset),
        "source": spec.run.record.choice("source"),
        "bars": dict(dataset.panel.fingerprints),
        "data_digest": data_digest(dataset),
        "git_commit": git_commit(),
        "libraries": library_versions(),
        **({"own_code": own} if own else {}),
    }


def _similarity(spec: TrainSpec, dataset: FoldDataset) -> dict[str, Any]:
    """Describe each trained symbol by the bars the model has learned from; later ones are not looked at."""
    until = spans(dataset, spec.parent)["train_until"]
    profiles = {}
    for config in dataset.universe:
        if config.symbol not in dataset.trained:
            continue
        bars = dataset.source.read(config, spec.data.period)
        clock = session_clock(config.calendar, start=int(bars.opened_at[0]), end=int(bars.closed_at[-1]))
        described = profile(bars, until=until, clock=clock, half_spread_bps=config.costs.half_spread_bps)
        profiles[config.symbol] = described.to_json()
    return profiles


def _shape(spec: TrainSpec, dataset: FoldDataset) -> dict[str, Any]:
    """Say which slots the network has and what it was told of the data; a fine-tuned one keeps its parent's."""
    if spec.parent:
        return {key: spec.parent.bundle.metadata[key] for key in ("shape", "asset_classes")}
    return {
        "shape": {
            "features": len(dataset.panel.spec.columns),
            "symbols": len(dataset.trained),
            "asset_classes": len(dataset.trained_classes),
        },
        "asset_classes": {name: slot for slot, name in enumerate(dataset.trained_classes, start=1)},
    }


def _origin(spec: TrainSpec, dataset: FoldDataset) -> dict[str, Any] | None:
    """Describe the parent of a fine-tuned model and the cost of its tuning."""
    if spec.parent is None:
        return None
    version = spec.parent.version
    return {
        "name": version.name,
        "version": version.version,
        "how": spec.run.record.choice("finetune"),
        "bars": dataset.ledger.counts[0].bars,
        "train_rows": dataset.parts.counts[0].train,
    }


def spans(dataset: FoldDataset, parent: Parent | None = None) -> dict[str, int]:
    """Return what the model has seen and what it was scored on, as instants.

    `train_until` counts validation in, and what a parent has seen.
    """
    ledger, parts = dataset.ledger, dataset.parts
    train, test = parts.positions(TRAIN), parts.positions(TEST)
    seen = np.concatenate([train, parts.positions(VALIDATION)])
    earlier = parent.trained_until if parent else 0
    return {
        "train_from": int(ledger.decided_at[train].min()),
        "train_until": max(int(ledger.resolved_at[seen].max()), earlier),
        "test_from": int(ledger.decided_at[test].min()),
        "test_until": int(ledger.decided_at[test].max()),
    }


def _validation_from(dataset: FoldDataset) -> dict[str, int]:
    return {"validation_from": int(dataset.ledger.decided_at[dataset.parts.positions(VALIDATION)].min())}


def data_digest(dataset: FoldDataset) -> str:
    """Hash the bars of all symbols, 16 hex digits."""
    text = "".join(f"{symbol}:{digest};" for symbol, digest in sorted(dataset.panel.fingerprints.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _tags(result: EvaluationResult, spec: TrainSpec, dataset: FoldDataset) -> VersionTags:
    pooled = result.pooled()
    return VersionTags(
        strategy=spec.run.strategy,
        scope=spec.run.scope,
        timeframe=dataset.source.timeframe.text,
        asset_classes=dataset.trained_classes,
        symbols=dataset.trained,
        feature_digest=dataset.panel.spec.digest,
        label=spec.run.record.label,
        data_digest=data_digest(dataset),
        git_commit=git_commit(),
        rows=sum(count.train for count in dataset.parts.counts),
        test_log_loss=pooled.get("test_log_loss"),
        no_skill=pooled.get("test_no_skill_log_loss"),
        parent=spec.parent.name if spec.parent else None,
        test_huber=pooled.get("test_huber"),
        test_zero_huber=pooled.get("test_zero_huber"),
        provenance=_provenance(dataset),
        source=spec.run.record.choice("source"),
        candidate=spec.candidate,
        **spans(dataset, spec.parent),
    )

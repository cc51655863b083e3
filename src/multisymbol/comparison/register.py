"""The last fold's models of a comparison in the registry, its verdicts on the universal one, and champions moved."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from multisymbol.comparison.fit import TrainingRecord
from multisymbol.comparison.result import SINGLE, UNIVERSAL, Comparison
from multisymbol.comparison.run import ComparisonRun
from multisymbol.errors import ComparisonError
from multisymbol.learning.module import DirectionModule
from multisymbol.learning.trainer import FitResult
from multisymbol.markets.symbols import slug
from multisymbol.markets.time import iso
from multisymbol.registry.selection.policies import UNSEEN, VERDICT_TAG
from multisymbol.registry.store.store import Run, Store, StoredVersion
from multisymbol.samples.dataset import FoldDataset
from multisymbol.samples.views import own_view
from multisymbol.statistics.verdict import Kind
from multisymbol.training.fit import FitSpec, assess, fold_loss, network_shape
from multisymbol.training.mlflow_run import opened_run
from multisymbol.training.register import ModelPages, register
from multisymbol.training.spec import TrainSpec

CHAMPION = "champion"
_NOTE = "registered.json"
"""Slug of the symbol, or `universal` -> name and number of the version."""
_UNIVERSAL_SERVES: tuple[Kind, ...] = ("UNIVERSAL_BETTER", "EQUIVALENT")


def register_last_fold(run: Run, done: ComparisonRun, *, pages: ModelPages) -> dict[str, StoredVersion]:
    """Register the last fold's models of the first seed, each once; return them by symbol, and `universal`.

    Args:
        run: The comparison's run.
        done: What it came to.
        pages: Makes the model cards.
    """
    folder = done.folder / "models"
    note = done.folder / _NOTE
    known, found = plain_note(note), {}
    for key, arm, spec, dataset in _models(done):
        if key not in known:
            version = _registered(run, done, arm, spec, dataset, folder=folder / slug(key), pages=pages)
            known[key] = [version.name, version.version]
            note.write_text(json.dumps(known), encoding="utf-8")
        stored = done.spec.run.store.find(known[key][0], version=known[key][1])
        if stored is not None:
            found[key] = stored
    return found


def plain_note(path: Path) -> dict[str, Any]:
    """Read a note of plain data; empty where there is none."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def _models(done: ComparisonRun) -> list[tuple[str, str, TrainSpec, FoldDataset]]:
    """List key, arm, training and data of each model, as if it had been trained by a command of its own."""
    spec, task = done.spec, done.tasks[-1]
    seed = task.seeds[0]
    whole = TrainSpec(
        data=spec.data,
        fit=replace(spec.fit, seed=seed),
        run=replace(spec.run, record=spec.run.record.of_training(seed=seed)),
        register=True,
    )
    found = [(UNIVERSAL, UNIVERSAL, whole, task.whole)]
    for index in task.compared:
        own = whole.of_symbol(task.whole.ledger.symbols[index])
        found.append((task.whole.ledger.symbols[index], SINGLE, own, own_view(own.data, task.whole, index)))
    return found


def _registered(
    run: Run,
    done: ComparisonRun,
    arm: str,
    spec: TrainSpec,
    dataset: FoldDataset,
    *,
    folder: Path,
    pages: ModelPages,
) -> StoredVersion:
    """Put the network together again, score it as a training would, and register it."""
    name = f"{spec.run.symbol}/{spec.fit.seed}" if arm == SINGLE else f"all/{spec.fit.seed}"
    file = done.fold_folder(len(done.tasks) - 1) / f"{arm}.pt"
    weights = torch.load(file, map_location="cpu", weights_only=True)[name]
    took = next(own for own in done.scored[arm][-1].took if own.name == name)
    module = _module(spec.fit, dataset, weights)
    with opened_run(spec.run, dataset, folder, parent=run) as child:
        result = assess(module, _fit_result(took, file=file, monitor=module.task.monitor), spec.fit, dataset)
        return register(child, result, spec, dataset, folder, pages=pages)


def _module(fit: FitSpec, dataset: FoldDataset, weights: Mapping[str, torch.Tensor]) -> DirectionModule:
    loss = fold_loss(fit, dataset)
    network = fit.network(shape=network_shape(fit, dataset, outputs=loss.task.outputs))
    network.load_state_dict(dict(weights))
    return DirectionModule(
        network=network,
        loss=loss,
        optimizer=fit.optimizer,
        schedule=fit.schedule,
        symbols=dataset.universe.symbols,
        seed=fit.seed,
    )


def _fit_result(took: TrainingRecord, *, file: Path, monitor: str) -> FitResult:
    return FitResult(
        best_path=file,
        last_path=file,
        best_score=took.best_score,
        monitor=monitor,
        best_epoch=took.best_epoch,
        epochs_run=took.epochs,
        seconds=0.0,  # trained with many others at once
        steps=took.steps,
        windows_per_second=0.0,
        stopped_early=took.stopped_early,
    )


def tag_verdicts(store: Store, version: StoredVersion, comparison: Comparison) -> None:
    """Write every verdict on the universal version, where resolution reads them; an exploratory one is none."""
    if comparison.primary.evidence.exploratory:
        return
    tags = {
        f"{VERDICT_TAG}{slug(own.test.symbol)}": _tag(
            comparison, symbol=own.test.symbol, kind=own.verdict.kind, effect=own.test.effect
        )
        for own in comparison.primary.by_symbol
    }
    tags |= {
        f"{VERDICT_TAG}{UNSEEN}{asset_class}": _tag(
            comparison, symbol=f"unseen {asset_class}", kind=own.verdict.kind, effect=own.differentials.effect
        )  # gated by the prior alone: no arm but the two is trained on surrogate markets
        for asset_class, own in comparison.unseen.items()
    }
    store.set_version_tags(version, tags)


def _tag(comparison: Comparison, *, symbol: str, kind: Kind, effect: float) -> str:
    return json.dumps(
        {
            "symbol": symbol,
            "verdict": kind,
            "data_until": iso(comparison.data_until),
            "comparison": comparison.declared.name,
            "effect": effect,
        }
    )


def promote(store: Store, versions: Mapping[str, StoredVersion], comparison: Comparison) -> list[str]:
    """Move champions as the verdicts say; return what was moved.

    The universal version becomes champion where it is better or as good over all symbols; a symbol's own one where that
    is better. No skill and no decision move nothing.

    Raises:
        ComparisonError: The comparison is exploratory.
    """
    if comparison.primary.evidence.exploratory:
        message = "an exploratory comparison claims nothing, so it moves no champion; leave out promote=true"
        raise ComparisonError(message)
    chosen = [versions[UNIVERSAL]] if comparison.primary.verdict.kind in _UNIVERSAL_SERVES else []
    chosen += [
        versions[own.test.symbol]
        for own in comparison.primary.by_symbol
        if own.verdict.kind == "SINGLE_BETTER" and own.test.symbol in versions
    ]
    for version in chosen:
        store.set_alias(version, CHAMPION)
    return [f"{version.name} version {version.version}" for version in chosen]

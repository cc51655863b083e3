"""The last fold's models of a comparison in the registry, its verdicts on the universal one, and champions moved."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch

from multisymbol.comparison.result import SINGLE, UNIVERSAL, Comparison
from multisymbol.comparison.run import ComparisonRun
from multisymbol.errors import ComparisonError
from multisymbol.learning.module import DirectionModule
from multisymbol.learning.trainer import FitResult
from multisymbol.markets.symbols import slug
from multisymbol.markets.time import iso
from multisymbol.progress import stepwise
from multisymbol.registry.selection.policies import UNSEEN, VERDICT_TAG
from multisymbol.registry.store.store import Run, Store, StoredVersion
from multisymbol.samples.dataset import FoldDataset
from multisymbol.samples.views import own_view
from multisymbol.statistics.verdict import Kind
from multisymbol.training.fit import assess, fold_loss, network_shape
from multisymbol.training.mlflow_run import opened_run
from multisymbol.training.register import ModelPages, register
from multisymbol.training.spec import TrainSpec

CHAMPION = "champion"
_NOTE = "registered.json"
"""Slug of the symbol, or `universal` -> name and number of the version."""
_UNIVERSAL_SERVES: tuple[Kind, ...] = ("UNIVERSAL_BETTER", "EQUIVALENT")


def register_last_fold(run: Run, done: ComparisonRun, *, pages: ModelPages) -> dict[str, StoredVersion]:
    """Register the last fold's models of the first seed, each once; return them by symbol, and `universal`."""
    note, found = done.folder / _NOTE, {}
    known = json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}
    for key, arm, spec, dataset in stepwise("registry", _models(done), lambda model: model[0]):
        if key not in known:
            folder = done.folder / "models" / slug(key)
            version = _registered(run, done, arm, spec, dataset, folder=folder, pages=pages)
            known[key] = [version.name, version.version]
            note.write_text(json.dumps(known), encoding="utf-8")
        stored = done.spec.run.store.find(known[key][0], version=known[key][1])
        if stored is not None:
            found[key] = stored
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
        candidate="comparison",
    )
    found = [(UNIVERSAL, UNIVERSAL, whole, task.whole)]
    for index in task.compared:
        symbol = task.whole.ledger.symbols[index]
        own = whole.of_symbol(symbol)
        found.append((symbol, SINGLE, own, own_view(own.data, task.whole, index)))
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
    fit = spec.fit
    name = f"{spec.run.symbol}/{fit.seed}" if arm == SINGLE else f"all/{fit.seed}"
    file = done.fold_folder(len(done.tasks) - 1) / f"{arm}.pt"
    loss = fold_loss(fit, dataset)
    network = fit.network(shape=network_shape(fit, dataset, outputs=loss.task.outputs))
    network.load_state_dict(torch.load(file, map_location="cpu", weights_only=True)[name])
    module = DirectionModule(
        network=network,
        loss=loss,
        optimizer=fit.optimizer,
        schedule=fit.schedule,
        symbols=dataset.universe.symbols,
        seed=fit.seed,
    )
    took = next(own for own in done.scored[arm][-1].took if own.name == name)
    fitted = FitResult(
        best_path=file,
        last_path=file,
        best_score=took.best_score,
        monitor=module.task.monitor,
        best_epoch=took.best_epoch,
        epochs_run=took.epochs,
        seconds=0.0,  # trained with many others at once
        steps=took.steps,
        windows_per_second=0.0,
        stopped_early=took.stopped_early,
    )
    with opened_run(spec.run, dataset, folder, parent=run) as child:
        return register(child, assess(module, fitted, fit, dataset), spec, dataset, folder, pages=pages)


def tag_verdicts(store: Store, version: StoredVersion, comparison: Comparison) -> None:
    """Write every verdict on the universal version, where resolution reads them; an exploratory one is none."""
    if comparison.primary.evidence.exploratory:
        return

    def tag(symbol: str, kind: Kind, effect: float) -> str:
        data_until, name = iso(comparison.data_until), comparison.declared.name
        facts = {"symbol": symbol, "verdict": kind, "data_until": data_until, "comparison": name, "effect": effect}
        return json.dumps(facts)

    tags = {}
    for of_symbol in comparison.primary.by_symbol:
        symbol = of_symbol.test.symbol
        tags[f"{VERDICT_TAG}{slug(symbol)}"] = tag(symbol, of_symbol.verdict.kind, of_symbol.test.effect)
    for asset_class, own in comparison.unseen.items():  # gated by the prior alone: trained on no surrogate market
        unseen = tag(f"unseen {asset_class}", own.verdict.kind, own.differentials.effect)
        tags[f"{VERDICT_TAG}{UNSEEN}{asset_class}"] = unseen
    store.set_version_tags(version, tags)


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

"""Fine-tuning: the stored universal model a symbol's own one goes out from, and what it fixes for it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from hydra.core.hydra_config import HydraConfig

from multisymbol.cli.models import chosen
from multisymbol.cli.schema import symbol_configs
from multisymbol.errors import ConfigError, SplitError, SymbolError
from multisymbol.markets.time import DAY, iso
from multisymbol.progress import Terminal
from multisymbol.registry.bundle.format import read_bundle
from multisymbol.registry.store.store import Store, StoredVersion, model_name
from multisymbol.samples.dataset import FoldDataset, Parent, prepare_folds
from multisymbol.samples.fold import TEST
from multisymbol.samples.panel import ensure_scaled
from multisymbol.samples.sources import bar_source
from multisymbol.training.mlflow_run import prepared_store

INHERITED = ("features", "alignment", "window", "labels", "model", "loss", "scaling", "asset_class")
"""Keys that are the parent's to say: with others its weights would mean something else."""


def find_parent(values: Mapping[str, Any]) -> Parent:
    """Look up what `from` names: an alias of the universal model (`champion`), `NAME@alias` or `NAME/3`.

    Raises:
        ConfigError: `from` is missing.
        StoreError: There is no such version.
    """
    if values["from"] is None:
        message = "mode=finetune needs a model to go out from: from=champion, from=NAME@alias or from=NAME/3"
        raise ConfigError(message)
    store = prepared_store(values)
    version = named_version(values, store)
    return Parent(version=version, bundle=read_bundle(store.download(version)))


def named_version(values: Mapping[str, Any], store: Store) -> StoredVersion:
    """Look up the version that `from` names, as `chosen`; an alias alone is the universal model's.

    Raises:
        StoreError: It is written otherwise, or there is no such version; says what there is.
    """
    text = str(values["from"])
    if re.fullmatch(r"[A-Za-z0-9_-]+", text):  # no dot, so no model's name
        text = f"{model_name(values['strategy'], timeframe=bar_source(values).timeframe.text)}@{text}"
    return chosen(store, text)


def inherited(values: Mapping[str, Any], parent: Parent) -> dict[str, Any]:
    """Take over what is the parent's to say, and resolve the symbol with it.

    Raises:
        ConfigError: The command line says otherwise.
        SymbolError: The parent was not trained on the symbol's asset class.
    """
    _refuse_overrides(parent)
    config = parent.bundle.config
    taken = {**values, **{key: config[key] for key in INHERITED}}
    asset_class = values["symbol_configs"][values["symbol"]]["asset_class"]
    known = parent.bundle.metadata["asset_classes"]
    if asset_class not in known:
        message = (
            f"{values['symbol']} is of class {asset_class}, {parent.name} was trained on {', '.join(known)}: there is "
            "nothing it could hand on. Train a model of its own: mode=single"
        )
        raise SymbolError(message)
    return {**taken, "from": parent.name, "symbol_configs": symbol_configs(taken)}


def prepare_tuning(values: Mapping[str, Any], parent: Parent, terminal: Terminal) -> tuple[FoldDataset, ...]:
    """Prepare the symbol's samples as the parent would see them: its scaling, its slots; one per fold.

    Raises:
        SplitError: The parent has seen bars of a test span.
    """
    return tuple(_as_parent_sees(fold, values, parent) for fold in prepare_folds(values, terminal))


def _as_parent_sees(fold: FoldDataset, values: Mapping[str, Any], parent: Parent) -> FoldDataset:
    test_from = int(fold.ledger.decided_at[fold.parts.positions(TEST)].min())
    if test_from <= parent.trained_until:
        next_day = iso((parent.trained_until // DAY + 1) * DAY)[:10]
        message = (
            f"{parent.name} has seen the world until {iso(parent.trained_until)}, but {fold.parts.fold.name} tests "
            f"from {iso(test_from)}; test later (split.test_from={next_day}), or go out from an older version"
        )
        raise SplitError(message)
    config = fold.universe.configs[0]
    symbol_slot, class_slot = parent.slots(config.symbol, config.asset_class)
    scaler = parent.bundle.scaler
    return replace(
        fold,
        scaler=scaler,
        features=ensure_scaled(fold.panel, scaler, Path(values["paths"]["cache"])),
        symbol_slots=np.array([symbol_slot]),
        class_slots=np.array([class_slot]),
        parent=parent,
    )


def _refuse_overrides(parent: Parent) -> None:
    if not HydraConfig.initialized():
        return
    given = [text.lstrip("+~") for text in HydraConfig.get().overrides.task]
    mine = [text for text in given if re.split(r"[.=@]", text)[0] in INHERITED]
    if mine:
        message = f"{', '.join(mine)}: that is fixed by {parent.name}, which is fitted further; leave it out"
        raise ConfigError(message)

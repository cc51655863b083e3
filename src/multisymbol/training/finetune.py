"""Fine-tuning: the stored universal model a symbol's own one starts from, and what it fixes for it."""

import re
from dataclasses import dataclass, replace

import numpy as np

from multisymbol.errors import SplitError, SymbolError
from multisymbol.markets.provenance import check_served_by
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import DAY, instant, iso
from multisymbol.progress import Terminal
from multisymbol.registry.bundle.format import Bundle, read_bundle
from multisymbol.registry.selection.lookup import chosen
from multisymbol.registry.store.store import Store, StoredVersion, model_name
from multisymbol.samples.dataset import DataSpec, FoldDataset, prepare_folds
from multisymbol.samples.fold import TEST
from multisymbol.samples.panel import ensure_scaled

INHERITED = ("features", "alignment", "window", "labels", "model", "loss", "scaling", "asset_class")
"""Keys that are the parent's to say: with others its weights would mean something else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parent:
    """A stored model that is fitted further."""

    version: StoredVersion  # its name, number and tags
    bundle: Bundle  # its weights and facts

    @property
    def name(self) -> str:
        """Name and number, as `from` takes them."""
        return self.version.reference

    @property
    def trained_until(self) -> int:
        """Last instant of the data it was trained on."""
        return instant(self.version.tags["train_until"])

    @property
    def cuts(self) -> dict[str, str]:
        """Where its validation and its test began, as `conf/split/single_cut.yaml` takes them."""
        return {key: str(self.bundle.metadata["spans"][key]) for key in ("validation_from", "test_from")}

    def slots(self, symbol: str, asset_class: str) -> tuple[int, int]:
        """Return the embedding slots of a symbol and its class; 0 for a symbol the parent was not trained on."""
        known = self.bundle.symbols["symbols"].get(symbol)
        return (known["slot"] if known else 0), self.bundle.metadata["asset_classes"].get(asset_class, 0)

    def check_provenance(self, source: object, config: SymbolConfig) -> None:
        """Refuse bars of another kind than the parent's, real or generated.

        Raises:
            SymbolError: They are.
        """
        check_served_by(self.name, self.bundle.provenance, source=source, config=config)

    def check_class(self, symbol: str, asset_class: str) -> None:
        """Refuse a symbol of an asset class the parent was not trained on.

        Raises:
            SymbolError: It is of such a class.
        """
        known = self.bundle.metadata["asset_classes"]
        if asset_class not in known:
            raise SymbolError(
                f"{symbol} is of class {asset_class}, {self.name} was trained on {', '.join(known)}: there is "
                "nothing it could hand on. Train a model of its own: mode=single"
            )


def find_parent(text: str, *, store: Store, strategy: str, timeframe: str) -> Parent:
    """Look up a stored model: an alias of the universal one (`champion`), `NAME@alias` or `NAME/3`.

    Args:
        text: What was written.
        store: The MLflow store.
        strategy: First part of the universal model's name.
        timeframe: Its timeframe, such as `1h`.

    Raises:
        StoreError: There is no such version.
    """
    store.prepare()
    version = named_version(text, store=store, strategy=strategy, timeframe=timeframe)
    return Parent(version=version, bundle=read_bundle(store.download(version)))


def named_version(text: str, *, store: Store, strategy: str, timeframe: str) -> StoredVersion:
    """Look up the version a text names; an alias alone is the universal model's.

    Raises:
        StoreError: It is written otherwise, or there is no such version; says what there is.
    """
    if re.fullmatch(r"[A-Za-z0-9_-]+", text):  # no dot, so no model's name
        text = f"{model_name(strategy, timeframe=timeframe)}@{text}"
    return chosen(store, text)


def prepare_tuning(spec: DataSpec, parent: Parent, terminal: Terminal) -> tuple[FoldDataset, ...]:
    """Prepare a symbol's samples as the parent would see them: its scaling, its slots; one dataset a fold.

    Raises:
        SplitError: The parent was trained on bars of a test span.
    """
    return tuple(_as_parent_sees(fold, spec, parent) for fold in prepare_folds(spec, terminal))


def _as_parent_sees(fold: FoldDataset, spec: DataSpec, parent: Parent) -> FoldDataset:
    test_from = int(fold.ledger.decided_at[fold.parts.positions(TEST)].min())
    if test_from <= parent.trained_until:
        next_day = iso((parent.trained_until // DAY + 1) * DAY)[:10]
        raise SplitError(
            f"{parent.name} was trained on data through {iso(parent.trained_until)}, but {fold.parts.fold.name} tests "
            f"from {iso(test_from)}; test later (split.test_from={next_day}), or start from an older version"
        )
    config = fold.universe.configs[0]
    symbol_slot, class_slot = parent.slots(config.symbol, config.asset_class)
    scaler = parent.bundle.scaler
    return replace(
        fold,
        scaler=scaler,
        features=ensure_scaled(fold.panel, scaler, spec.cache),
        symbol_slots=np.array([symbol_slot]),
        class_slots=np.array([class_slot]),
    )

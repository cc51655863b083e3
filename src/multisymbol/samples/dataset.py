"""From configuration to samples: universe, panel, ledger, fold, mixture and scaled features, for any verb."""

import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from multisymbol.config.build import build
from multisymbol.errors import LabelError, MultisymbolError, SplitError
from multisymbol.features.pipeline import FeatureSpec, feature_spec
from multisymbol.features.scaling import Scaler, Scaling, fit_scaler
from multisymbol.labels.labels import CLASSES, Labeller, class_shares
from multisymbol.markets.io.parquet import BarSource
from multisymbol.markets.symbols import Universe, universe
from multisymbol.markets.time import Period, instant
from multisymbol.progress import Terminal
from multisymbol.registry.bundle.format import Bundle
from multisymbol.registry.store.store import StoredVersion
from multisymbol.samples.fold import (
    TEST,
    TRAIN,
    VALIDATION,
    Fold,
    FoldAssignment,
    Split,
    check_classes,
    cut_all,
    what_changes_it,
    why_absent,
)
from multisymbol.samples.ledger import Ledger, build_ledger
from multisymbol.samples.mixture import SamplingWeights
from multisymbol.samples.panel import Panel, ensure_panel, ensure_scaled
from multisymbol.samples.sources import bar_source
from multisymbol.samples.storage import only_one
from multisymbol.samples.strata import fold_shares
from multisymbol.samples.weights import uniqueness

_LEAST_OF_A_CLASS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Parent:
    """A stored model that is fitted further.

    Args:
        version: Its name, number and tags.
        bundle: Its weights and facts.
    """

    version: StoredVersion
    bundle: Bundle

    @property
    def name(self) -> str:
        """Name and number, as `from` takes them."""
        return f"{self.version.name}/{self.version.version}"

    @property
    def trained_until(self) -> int:
        """Last instant it has seen anything of."""
        return instant(self.version.tags["train_until"])

    def slots(self, symbol: str, asset_class: str) -> tuple[int, int]:
        """Return the embedding slots of a symbol and its class; 0 for a symbol the parent was not trained on."""
        known = self.bundle.symbols["symbols"].get(symbol)
        return (known["slot"] if known else 0), self.bundle.metadata["asset_classes"].get(asset_class, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldDataset:
    """Everything a training needs of the data, and everything a record says of it.

    Args:
        universe: Symbols and their resolved configurations.
        source: Where the bars came from.
        panel: All bars, features and labels.
        ledger: The samples.
        parts: The ledger cut by the fold.
        shares: The mixture of the train samples.
        scaler: Fitted on the train rows.
        features: The panel, scaled. float32, shape (rows, features).
        symbol_slots: Embedding slot of each symbol, 0 where it does not train. int64, shape (symbols,).
        class_slots: Likewise for its asset class.
        calendars: Of all markets whose common hours count where the alignment asks for them.
        parent: The model that is fitted further, in mode finetune.
    """

    universe: Universe
    source: BarSource
    panel: Panel
    ledger: Ledger
    parts: FoldAssignment
    shares: SamplingWeights
    scaler: Scaler
    features: npt.NDArray[np.float32]
    symbol_slots: npt.NDArray[np.int64]
    class_slots: npt.NDArray[np.int64]
    calendars: tuple[str, ...]
    parent: Parent | None = None

    @property
    def trained(self) -> tuple[str, ...]:
        """Symbols with train samples, in the universe's order."""
        return tuple(count.symbol for count in self.parts.counts if count.train)

    @property
    def trained_classes(self) -> tuple[str, ...]:
        """Their asset classes, sorted."""
        return tuple(sorted({config.asset_class for config in self.universe if config.symbol in self.trained}))


def prepare(values: Mapping[str, Any], terminal: Terminal) -> FoldDataset:
    """Build what a configuration describes for its first fold: see `prepare_folds`."""
    return prepare_folds(values, terminal)[0]


def prepare_folds(
    values: Mapping[str, Any], terminal: Terminal, *, folds: Sequence[Fold] | None = None
) -> tuple[FoldDataset, ...]:
    """Build what a configuration describes, fold by fold; the panel and its scaled forms are reused where they exist.

    Args:
        values: Plain, checked configuration.
        terminal: Shows what is going on.
        folds: Cut here, as other bars of the same time were; None: as the configuration's split says.

    Returns:
        One per fold of the split, sharing panel and ledger.
    """
    symbols = universe(values["symbol_configs"])
    source = bar_source(values)
    with _kept_on_success(_panel(values, symbols, source, terminal)) as panel:
        ledger = _ledger(values, panel, calendars=[config.calendar for config in symbols], source=source)
        cuts = _cuts(values, ledger, source) if folds is None else cut_all(ledger, folds, absent="allow")
        for parts in cuts:
            check_classes(ledger, parts)
            _check_shares(ledger, parts, least=values["least_class_share"])
            if values["scaling"]["method"] != "none":
                _check_unseen(symbols, ledger, parts)
        return tuple(_prepared(values, symbols, source, panel, ledger=ledger, parts=parts) for parts in cuts)


def _cuts(values: Mapping[str, Any], ledger: Ledger, source: BarSource) -> tuple[FoldAssignment, ...]:
    split: Split = build(values["split"])
    return (split.opened if values["open_sealed"] else split.folds)(ledger, timeframe=source.timeframe)


def no_own_model(fold: FoldDataset, index: int) -> str:
    """Say why a symbol cannot have a model of its own that is tested here; empty if it can."""
    ledger, part = fold.ledger, fold.parts.part[fold.ledger.symbol == index]
    label = ledger.label[ledger.symbol == index]
    for number, name in ((TRAIN, "train"), (VALIDATION, "validation"), (TEST, "test")):
        if not (part == number).any():
            return f"no {name} samples"
    counts = np.bincount(label[part == TRAIN], minlength=len(CLASSES))
    scarce = [name for name, count in zip(CLASSES, counts.tolist(), strict=True) if count < _LEAST_OF_A_CLASS]
    return f"{int(counts.sum())} train samples, hardly any {' or '.join(scarce)} among them" if scarce else ""


def single_arms(
    values: Mapping[str, Any], whole: FoldDataset, *, without: Collection[str] = ()
) -> list[tuple[dict[str, Any], FoldDataset]]:
    """Prepare one model per symbol on exactly the samples and parts the symbol has in the universe's fold.

    Args:
        values: Configuration of the universe.
        whole: The universe's data, one fold.
        without: Symbols that get none, such as those of `no_own_model`.

    Returns:
        Configuration (mode single) and data of each symbol that trains and is tested; the others cannot have a model.

    Raises:
        LabelError: A symbol's own train samples lack a class; all such symbols are named.
    """
    arms, problems = [], []
    for index, (config, count) in enumerate(zip(whole.universe, whole.parts.counts, strict=True)):
        if count.role != "trained" or count.symbol in without:
            continue
        own = {**values, "mode": "single", "symbol": config.symbol}
        own["symbol_configs"] = {config.symbol: values["symbol_configs"][config.symbol]}
        own["sampling"] = {**values["sampling"], "symbol_weights": None}  # among one symbol there is nothing to weigh
        try:
            arms.append((own, _single_arm(own, whole, index)))
        except LabelError as error:
            problems.append(f"  {config.symbol}: {error}")
    if problems:
        raise LabelError("\n".join(["symbols without a model of their own", *problems]))
    return arms


def _single_arm(values: Mapping[str, Any], whole: FoldDataset, index: int) -> FoldDataset:
    symbols = universe(values["symbol_configs"])
    with _kept_on_success(_panel(values, symbols, whole.source, Terminal(silent=True))) as panel:
        calendars = [config.calendar for config in whole.universe]  # the universe's common hours, not the symbol's own
        ledger = _ledger(values, panel, calendars=calendars, source=whole.source)
        mine = whole.ledger.symbol == index
        assert np.array_equal(ledger.decided_at, whole.ledger.decided_at[mine]), "arms must have the same samples"
        parts = FoldAssignment(fold=whole.parts.fold, part=whole.parts.part[mine], counts=(whole.parts.counts[index],))
        check_classes(ledger, parts)
        own = _prepared(values, symbols, whole.source, panel, ledger=ledger, parts=parts)
        return replace(own, calendars=whole.calendars)


@contextmanager
def _kept_on_success(panel: Panel) -> Iterator[Panel]:
    """Remove a panel again that was built for a configuration that turns out to be mistaken: nothing is left behind."""
    try:
        yield panel
    except MultisymbolError:
        if not panel.reused:
            with only_one(panel.folder):
                shutil.rmtree(panel.folder)
        raise


def _prepared(
    values: Mapping[str, Any],
    symbols: Universe,
    source: BarSource,
    panel: Panel,
    *,
    ledger: Ledger,
    parts: FoldAssignment,
) -> FoldDataset:
    scaler = fitted_scaler(panel, ledger, parts, build(values["scaling"]))
    symbol_slots, class_slots = slots(symbols, parts)
    return FoldDataset(
        universe=symbols,
        source=source,
        panel=panel,
        ledger=ledger,
        parts=parts,
        shares=fold_shares(
            build(values["sampling"]),
            panel=panel,
            ledger=ledger,
            parts=parts,
            calendars=[config.calendar for config in symbols],
        ),
        scaler=scaler,
        features=ensure_scaled(panel, scaler, Path(values["paths"]["cache"])),
        symbol_slots=symbol_slots,
        class_slots=class_slots,
        calendars=tuple(dict.fromkeys(config.calendar for config in symbols)),
    )


def _ledger(values: Mapping[str, Any], panel: Panel, *, calendars: Sequence[str], source: BarSource) -> Ledger:
    """List the samples of the hours the alignment keeps, weighed as asked."""
    kept = build(values["alignment"]).kept(panel, calendars=calendars, timeframe=source.timeframe)
    ledger = build_ledger(panel, window=values["window"], stride=values["stride"], kept=kept)
    return replace(ledger, weight=uniqueness(ledger)) if values["sample_weights"] == "uniqueness" else ledger


def _check_shares(ledger: Ledger, parts: FoldAssignment, *, least: float) -> None:
    """Refuse to learn a class that hardly exists in training: its scores would be noise."""
    shares = class_shares(ledger.label[parts.positions(TRAIN)])
    scarce = [f"{name} {share:.2%}" for name, share in zip(CLASSES, shares, strict=True) if share < least]
    if scarce:
        message = (
            f"{', '.join(scarce)} of the train samples, below least_class_share={least:g}; change threshold or dead "
            "band of the labels, or allow it: least_class_share=0"
        )
        raise LabelError(message)


def _panel(values: Mapping[str, Any], symbols: Universe, source: BarSource, terminal: Terminal) -> Panel:
    labellers: dict[str, Labeller] = {config.symbol: build(config.label) for config in symbols}
    with terminal.progress("panel") as progress:
        return ensure_panel(
            Path(values["paths"]["cache"]),
            universe=symbols,
            source=source,
            period=Period(**values["period"]),
            spec=spec_of(values),
            labellers=labellers,
            progress=progress,
        )


def spec_of(values: Mapping[str, Any]) -> FeatureSpec:
    """Return the columns a configuration asks for."""
    features = values["features"]
    return feature_spec(
        indicators=features["indicators"],
        fuzzy=features["fuzzy"],
        raw=features["raw"],
        restart_bars=features["restart_bars"],
        clock=build(values["alignment"]).clock_features,
    )


def fitted_scaler(panel: Panel, ledger: Ledger, parts: FoldAssignment, scaling: Scaling) -> Scaler:
    """Fit on the train samples' rows, symbol by symbol: nothing after the purge is looked at."""
    train = parts.positions(TRAIN)
    owner, row = ledger.symbol[train], ledger.row[train]
    rows = {
        symbol: panel.features[row[owner == index]]
        for index, symbol in enumerate(ledger.symbols)
        if np.any(owner == index)
    }
    decided = ledger.decided_at[train]
    return fit_scaler(
        rows,
        asset_classes=dict(zip(ledger.symbols, ledger.asset_classes, strict=True)),
        spec=panel.spec,
        scaling=scaling,
        fitted_from=int(decided.min()),
        fitted_until=int(decided.max()),
    )


def _check_unseen(symbols: Universe, ledger: Ledger, parts: FoldAssignment) -> None:
    """Refuse to score a symbol whose asset class nobody trained on: other classes' statistics do harm."""
    trained = {config.asset_class for config, count in zip(symbols, parts.counts, strict=True) if count.train}
    strangers = [
        index
        for index, (config, count) in enumerate(zip(symbols, parts.counts, strict=True))
        if count.role == "unseen" and config.asset_class not in trained
    ]
    if strangers:
        names = ",".join(symbols.symbols[index] for index in strangers)
        lines = [
            f"  {symbols.symbols[index]}: {parts.counts[index].test:,} test samples, but no symbol of class "
            f"'{symbols.configs[index].asset_class}' trains{why_absent(ledger, parts, index)}"
            for index in strangers
        ]
        cure = f"Leave them out (symbols.without=[{names}]), cut later, or do without scaling (scaling.method=none)"
        head = "symbols of an unseen asset class cannot be scored"
        raise SplitError("\n".join([head, *lines, *what_changes_it(ledger, parts, strangers), cure]))


def slots(symbols: Universe, parts: FoldAssignment) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Number trained symbols and classes from 1; 0 is `unknown`."""
    trained = [count.train > 0 for count in parts.counts]
    symbol_slots = np.where(trained, np.cumsum(trained), 0)
    known = sorted({config.asset_class for config, has in zip(symbols, trained, strict=True) if has})
    class_slots = [known.index(config.asset_class) + 1 if config.asset_class in known else 0 for config in symbols]
    return symbol_slots.astype(np.int64), np.asarray(class_slots, dtype=np.int64)

"""From a specification to samples: panel, ledger, folds, mixture and scaled features."""

import shutil
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from multisymbol.errors import BarsError, LabelError, MultisymbolError, SourceError, SplitError
from multisymbol.features.pipeline import FeatureSpec
from multisymbol.features.scaling import Scaler, Scaling, fit_scaler
from multisymbol.labels.labels import CLASSES, Labeller, class_shares
from multisymbol.markets.io.source import BarSource, ExaminedSource
from multisymbol.markets.symbols import Universe
from multisymbol.markets.time import Period
from multisymbol.progress import Terminal
from multisymbol.samples.alignment import Alignment
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
from multisymbol.samples.ledger import Ledger, build_ledger, uniqueness
from multisymbol.samples.mixture import Mixture, SamplingWeights, without_symbol_weights
from multisymbol.samples.panel import Panel, ensure_panel, ensure_scaled
from multisymbol.samples.storage import only_one
from multisymbol.samples.strata import fold_shares

_LEAST_OF_A_CLASS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSpec:
    """Everything that decides which samples there are and what their features are.

    Args:
        universe: Symbols with their resolved configurations.
        source: Where the bars come from, made coarser where asked for.
        finer_source: The same source before it was made coarser: the bars a caller of a stored model has.
        period: Span of bars to read.
        features: Feature columns.
        labellers: Symbol -> its labeller.
        alignment: Treatment of different trading hours.
        split: How time (and symbols) are cut into folds.
        sampling: How symbols are mixed in training.
        scaling: How raw features are standardised.
        window: Bars a sample shows the network.
        stride: Every stride-th bar ends a window.
        sample_weights: `uniqueness`: samples whose labels overlap weigh less in the loss.
        least_class_share: Smallest share of the train samples a class may have.
        open_sealed: The question the sealed span is opened for; None leaves it sealed.
        cache: Folder of panels and their scaled copies.
        cut_by: Data whose rows say at which instants the folds are cut, such as the universe's for a symbol's own
            model; None: the rows of this data.
    """

    universe: Universe
    source: ExaminedSource
    finer_source: ExaminedSource
    period: Period
    features: FeatureSpec
    labellers: Mapping[str, Labeller]
    alignment: Alignment
    split: Split
    sampling: Mixture
    scaling: Scaling
    window: int
    stride: int
    sample_weights: Literal["none", "uniqueness"]
    least_class_share: float
    open_sealed: str | None
    cache: Path
    cut_by: "DataSpec | None" = None

    def of_symbol(self, symbol: str) -> "DataSpec":
        """Return the data of one symbol's own model; among one symbol there is nothing to weigh."""
        return replace(
            self._without(set(self.universe.symbols) - {symbol}), sampling=without_symbol_weights(self.sampling)
        )

    def _without(self, names: Container[str]) -> "DataSpec":
        kept = tuple(config for config in self.universe if config.symbol not in names)
        labellers = {config.symbol: self.labellers[config.symbol] for config in kept}
        return replace(self, universe=replace(self.universe, configs=kept), labellers=labellers)


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldDataset:
    """The data of one fold: all that a training needs and a record reports.

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

    @property
    def trained(self) -> tuple[str, ...]:
        """Symbols with train samples, in the universe's order."""
        return tuple(count.symbol for count in self.parts.counts if count.train)

    @property
    def trained_classes(self) -> tuple[str, ...]:
        """Their asset classes, sorted."""
        return tuple(sorted({config.asset_class for config in self.universe if config.symbol in self.trained}))


def prepare(spec: DataSpec, terminal: Terminal) -> FoldDataset:
    """Prepare the first fold: see `prepare_folds`."""
    return prepare_folds(spec, terminal)[0]


def prepare_folds(
    spec: DataSpec, terminal: Terminal, *, folds: Sequence[Fold] | None = None
) -> tuple[FoldDataset, ...]:
    """Prepare the samples of each fold; the panel and its scaled copies are reused where they exist.

    Args:
        spec: What to prepare.
        terminal: Shows progress.
        folds: Folds to cut at, taken from other bars of the same time; None: as the split cuts `spec.cut_by`, or else
            these bars.

    Returns:
        One dataset a fold, sharing panel and ledger.
    """
    with ExitStack() as stack:
        if folds is None and spec.cut_by is not None:
            folds = _folds_of(spec.cut_by, terminal, stack)
        panel = stack.enter_context(_kept_on_success(_panel(spec, terminal)))
        ledger = _ledger(spec, panel)
        cuts = _cuts(spec, ledger) if folds is None else cut_all(ledger, folds, absent="allow")
        if spec.scaling.method != "none":
            cuts = tuple(_without_unseen_classes(spec.universe, ledger, parts) for parts in cuts)
        for parts in cuts:
            check_classes(ledger, parts)
            _check_shares(ledger, parts, least=spec.least_class_share)
        return tuple(_prepared(spec, panel, ledger=ledger, parts=parts) for parts in cuts)


def _cuts(spec: DataSpec, ledger: Ledger) -> tuple[FoldAssignment, ...]:
    cut = spec.split.opened if spec.open_sealed else spec.split.folds
    return cut(ledger, timeframe=spec.source.timeframe)


def _folds_of(spec: DataSpec, terminal: Terminal, stack: ExitStack) -> tuple[Fold, ...]:
    """Return where the split cuts the rows of a universe; symbols whose bars are refused are named and have none."""
    try:
        panel = _panel(spec, terminal)
    except (BarsError, SourceError):
        refused = _refused(spec)
        if not 0 < len(refused) < len(spec.universe):
            raise
        terminal.fact("cuts", f"of the universe without {', '.join(refused)}: their bars are refused (check-data)")
        spec = spec._without(refused)
        panel = _panel(spec, terminal)
    stack.enter_context(_kept_on_success(panel))
    return tuple(parts.fold for parts in _cuts(spec, _ledger(spec, panel)))


def _refused(spec: DataSpec) -> list[str]:
    refused = []
    for config in spec.universe:
        try:
            spec.source.read(config, spec.period)
        except (BarsError, SourceError):
            refused.append(config.symbol)
    return refused


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


def _prepared(spec: DataSpec, panel: Panel, *, ledger: Ledger, parts: FoldAssignment) -> FoldDataset:
    scaler = fitted_scaler(panel, ledger, parts, spec.scaling)
    symbol_slots, class_slots = slots(spec.universe, parts)
    calendars = [config.calendar for config in spec.universe]
    return FoldDataset(
        universe=spec.universe,
        source=spec.source,
        panel=panel,
        ledger=ledger,
        parts=parts,
        shares=fold_shares(spec.sampling, panel=panel, ledger=ledger, parts=parts, calendars=calendars),
        scaler=scaler,
        features=ensure_scaled(panel, scaler, spec.cache),
        symbol_slots=symbol_slots,
        class_slots=class_slots,
        calendars=tuple(dict.fromkeys(calendars)),
    )


def _ledger(spec: DataSpec, panel: Panel) -> Ledger:
    """List the samples of the hours the alignment keeps, weighed as asked."""
    calendars = [config.calendar for config in spec.universe]
    kept = spec.alignment.kept(panel, calendars=calendars, timeframe=spec.source.timeframe)
    ledger = build_ledger(panel, window=spec.window, stride=spec.stride, kept=kept)
    return replace(ledger, weight=uniqueness(ledger)) if spec.sample_weights == "uniqueness" else ledger


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


def _panel(spec: DataSpec, terminal: Terminal) -> Panel:
    with terminal.progress("panel") as progress:
        return ensure_panel(
            spec.cache,
            universe=spec.universe,
            source=spec.source,
            period=spec.period,
            spec=spec.features,
            labellers=spec.labellers,
            progress=progress,
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


def _without_unseen_classes(symbols: Universe, ledger: Ledger, parts: FoldAssignment) -> FoldAssignment:
    """Leave out what cannot be scored: symbols of a class nobody trains on; other classes' statistics would do harm.

    Raises:
        SplitError: Nothing would be left to validate or test on, or symbols are left out on purpose to be scored.
    """
    trained = {config.asset_class for config, count in zip(symbols, parts.counts, strict=True) if count.train}
    strangers = [
        index
        for index, (config, count) in enumerate(zip(symbols, parts.counts, strict=True))
        if (count.validation or count.test) and config.asset_class not in trained
    ]
    if not strangers:
        return parts
    left = parts.without(strangers, ledger=ledger)
    if all((left.part == part).any() for part in (VALIDATION, TEST)) and not parts.fold.left_out:
        return left
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

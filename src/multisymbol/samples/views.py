"""Other views of a prepared fold: one symbol of it, or all but some. Nothing is read or computed again.

The samples, parts and features are the universe's own, so two arms of a comparison cannot differ in them.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from multisymbol.arrays import Flags, Singles
from multisymbol.errors import FeatureError
from multisymbol.features.scaling import Scaler
from multisymbol.samples.dataset import DataSpec, FoldDataset, fitted_scaler, slots
from multisymbol.samples.fold import FoldAssignment, cut
from multisymbol.samples.ledger import Ledger
from multisymbol.samples.mixture import Mixture, SamplingWeights, without_symbol_weights
from multisymbol.samples.panel import Panel
from multisymbol.samples.strata import fold_shares

_OF_ROWS = ("features", "opened_at", "closed_at", "segment", "ready", "label", "resolved_at", "rule", "target")
_OF_SAMPLES = ("window_start", "decided_at", "resolved_at", "label", "rule", "target", "weight")


def own_view(spec: DataSpec, whole: FoldDataset, index: int) -> FoldDataset:
    """Return what a symbol's own model is given: its samples and parts in the fold, scaled by its own train rows.

    The same, bit for bit, as `prepare_folds` would prepare from the bars of symbol number `index` alone at the
    universe's cuts.
    """
    alone = _only(whole, index)
    return _fitted_anew(spec, alone, without_symbol_weights(spec.sampling))


def matched_view(own: FoldDataset, whole: FoldDataset, *, batch_size: int) -> FoldDataset:
    """Return a symbol's view whose epoch has the universal model's optimizer steps, of as many samples each.

    The symbol's samples are drawn again, whole reshuffled passes and a rest (`samples.sampler.epoch_order`).
    """
    total, before = int(whole.shares.draws.sum()), int(own.shares.draws.sum())
    draws = total // batch_size * batch_size or total  # an incomplete last batch is left out, unless it is the only one
    shares = replace(
        own.shares,
        draws=np.array([draws], dtype=np.int64),
        max_passes=own.shares.max_passes * max(1.0, draws / before),  # over a stratum: its part stays what it was
    )
    return replace(own, shares=shares)


def tuned_view(spec: DataSpec, whole: FoldDataset, index: int) -> FoldDataset:
    """Return a symbol's samples as the universal model sees them: its scaling, its slots, the symbol's own mixture."""
    alone = _only(whole, index)
    shares = _shares(without_symbol_weights(spec.sampling), alone)
    return replace(alone, shares=shares, features=whole.features[whole.panel.rows(index)])


def without_view(spec: DataSpec, whole: FoldDataset, names: Sequence[str]) -> FoldDataset:
    """Return the fold without some symbols: they neither train nor validate, and alone are tested."""
    fold = replace(whole.parts.fold, left_out=tuple(names))
    unused = [
        index for index, count in enumerate(whole.parts.counts) if count.role == "unused" and not count.validation
    ]
    parts = cut(whole.ledger, fold=fold).without(unused, ledger=whole.ledger)
    return _fitted_anew(spec, replace(whole, parts=parts), spec.sampling)


def _fitted_anew(spec: DataSpec, data: FoldDataset, mixture: Mixture) -> FoldDataset:
    """Mix, scale and number by the train samples of these parts."""
    scaler = fitted_scaler(data.panel, data.ledger, data.parts, spec.scaling)
    symbol_slots, class_slots = slots(data.universe, data.parts)
    return replace(
        data,
        shares=_shares(mixture, data),
        scaler=scaler,
        features=scaled(data.panel, scaler),
        symbol_slots=symbol_slots,
        class_slots=class_slots,
    )


def _shares(mixture: Mixture, data: FoldDataset) -> SamplingWeights:
    calendars = [config.calendar for config in data.universe]
    return fold_shares(mixture, panel=data.panel, ledger=data.ledger, parts=data.parts, calendars=calendars)


def scaled(panel: Panel, scaler: Scaler) -> Singles:
    """Scale in memory what `ensure_scaled` scales on disk. Shape (rows, features)."""
    result = np.full(panel.features.shape, np.nan, dtype=np.float32)
    for index, (symbol, asset_class) in enumerate(zip(panel.symbols, panel.asset_classes, strict=True)):
        rows = panel.rows(index)
        try:
            result[rows] = scaler.transform(panel.features[rows], symbol=symbol, asset_class=asset_class)
        except FeatureError:
            continue  # of a class nobody trained on: NaN, as in the cache
    return result


def _only(whole: FoldDataset, index: int) -> FoldDataset:
    """Cut one symbol out of universe, panel, ledger and parts; the rest is still the universe's."""
    mine = whole.ledger.symbol == index
    config = whole.universe.configs[index]
    return replace(
        whole,
        universe=replace(whole.universe, configs=(config,)),
        panel=_only_panel(whole.panel, index),
        ledger=_only_ledger(whole.ledger, mine, index, rows=whole.panel.rows(index)),
        parts=FoldAssignment(fold=whole.parts.fold, part=whole.parts.part[mine], counts=(whole.parts.counts[index],)),
        symbol_slots=whole.symbol_slots[index : index + 1],
        class_slots=whole.class_slots[index : index + 1],
    )


def _only_panel(panel: Panel, index: int) -> Panel:
    rows, symbol = panel.rows(index), panel.symbols[index]
    return replace(
        panel,
        symbols=(symbol,),
        asset_classes=(panel.asset_classes[index],),
        offsets=np.array([0, rows.stop - rows.start]),
        warmup_bars=panel.warmup_bars[index : index + 1],
        fingerprints={symbol: panel.fingerprints[symbol]},
        **{name: getattr(panel, name)[rows] for name in _OF_ROWS},
    )


def _only_ledger(ledger: Ledger, mine: Flags, index: int, *, rows: slice) -> Ledger:
    view = ledger.view
    if view is not None:
        view = view[(view >= rows.start) & (view < rows.stop)] - rows.start
    return replace(
        ledger,
        symbols=(ledger.symbols[index],),
        asset_classes=(ledger.asset_classes[index],),
        symbol=np.zeros(int(mine.sum()), dtype=np.int32),
        row=ledger.row[mine] - rows.start,
        view=view,
        counts=(ledger.counts[index],),
        **{name: getattr(ledger, name)[mine] for name in _OF_SAMPLES},
    )

"""Invariants 1 and 2: a sample knows where it comes from, and nothing is known before its time."""

import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
import torch

from multisymbol.features.pipeline import feature_rows
from multisymbol.features.scaling import Scaler
from multisymbol.labels.horizon import Horizon
from multisymbol.labels.labels import Labeller, label_bars
from multisymbol.labels.triple_barrier import TripleBarrier
from multisymbol.markets.sessions import session_clock
from multisymbol.markets.symbols import SymbolConfig, Universe
from multisymbol.samples.alignment import Alignment
from multisymbol.samples.fold import TRAIN, FoldAssignment
from multisymbol.samples.ledger import Ledger, build_ledger
from multisymbol.samples.mixture import Mixture
from multisymbol.samples.panel import Panel, ensure_scaled
from multisymbol.samples.sampler import EpochSampler
from multisymbol.samples.windows import Batch, WindowDataset
from tests.samples.memory import (
    MemorySource,
    changed_from,
    make_labellers,
    make_panel,
    make_scaler,
    make_source,
    make_universe,
)
from tests.samples.worlds import EVERY_MIXTURE, HOURLY, single_cut

WINDOW = 6


class Alone:
    """One symbol recomputed from its own bars, as if there were no others and no panel."""

    def __init__(
        self,
        config: SymbolConfig,
        *,
        source: MemorySource,
        labeller: Labeller,
        panel: Panel,
        scaler: Scaler,
        kept: npt.NDArray[np.bool_],
    ) -> None:
        bars = source.bars[config.symbol]
        clock = session_clock(config.calendar, start=int(bars.opened_at[0]), end=int(bars.closed_at[-1]))
        features = feature_rows(bars, config=config, spec=panel.spec, clock=clock, from_start=True)
        labels = label_bars(bars, labeller)
        self.x = scaler.transform(features.values, symbol=config.symbol, asset_class=config.asset_class)
        self.y = labels.value
        self.rule = labels.rule
        self.target = labels.target
        self.resolved_at = labels.resolved_at
        self.kept_rows = np.flatnonzero(kept)
        self.row_at = {int(closed_at): row for row, closed_at in enumerate(bars.closed_at)}

    def window(self, decided_at: int) -> npt.NDArray[np.float32]:
        """Return the last kept bars up to the decision."""
        place = int(np.searchsorted(self.kept_rows, self.row_at[decided_at]))
        return self.x[self.kept_rows[place - WINDOW + 1 : place + 1]]


def labellers_of(name: str, universe: Universe) -> dict[str, Labeller]:
    if name == "zigzag":
        return make_labellers(universe)
    return {
        config.symbol: Horizon(bars=3 + index % 4, dead_band_sigmas=0.3, volatility_bars=20)
        if name == "horizon"
        else TripleBarrier(
            upper_sigmas=1.0,
            lower_sigmas=0.8,
            horizon_bars=5 + index % 4,
            volatility_bars=20,
            both_hit="by_close",
            expiry_sigmas=0.3,
        )
        for index, config in enumerate(universe)
    }


@pytest.mark.parametrize("name", ["zigzag", "horizon", "triple_barrier"])
@pytest.mark.parametrize("symbols", [1, 3, 10])
@pytest.mark.parametrize("hours", ["all", "common"])
def test_x_and_y_of_every_sample_are_those_of_its_symbol_computed_alone(
    tmp_path: Path, symbols: int, name: str, hours: Literal["all", "common"]
) -> None:
    universe, source = make_universe(symbols), make_source(symbols)
    labellers = labellers_of(name, universe)
    panel = make_panel(tmp_path, universe=universe, source=source, labellers=labellers)
    calendars = [config.calendar for config in universe]
    alignment = Alignment(clock_features=False, hours=hours)
    kept = alignment.kept(panel, calendars=calendars, timeframe=HOURLY)
    assert symbols == 1 or ((kept is None) == (hours == "all") and (kept is None or not kept.all()))
    ledger = build_ledger(panel, window=WINDOW, stride=1, kept=kept)
    (parts,) = single_cut(allow=True).folds(ledger, timeframe=HOURLY)
    scaler = make_scaler(panel, ledger=ledger, parts=parts)
    slots = np.arange(symbols)
    dataset = WindowDataset(
        features=ensure_scaled(panel, scaler, tmp_path), ledger=ledger, symbol_slots=slots, class_slots=slots
    )
    alone = [
        Alone(
            config,
            source=source,
            labeller=labellers[config.symbol],
            panel=panel,
            scaler=scaler,
            kept=np.ones(len(panel.closed_at), np.bool_)[panel.rows(i)] if kept is None else kept[panel.rows(i)],
        )
        for i, config in enumerate(universe)
    ]
    everything = dataset[torch.arange(len(ledger))]
    assert_recomputed(everything, decided_at=ledger.decided_at, resolved_at=ledger.resolved_at, alone=alone)
    assert {int(symbol) for symbol in everything.symbol_B} == set(range(symbols))
    assert {0, 2} <= {int(label) for label in everything.y_B}
    assert np.isfinite(everything.target_B.numpy()).all() == (name != "zigzag")
    for mixture in EVERY_MIXTURE.values():
        assert_every_batch_is_of_train_rows(mixture, dataset=dataset, everything=everything, ledger=ledger, parts=parts)


def assert_every_batch_is_of_train_rows(
    mixture: Mixture, *, dataset: WindowDataset, everything: Batch, ledger: Ledger, parts: FoldAssignment
) -> None:
    """Whatever the order, a batch holds exactly the samples it names, and those train."""
    positions = parts.positions_by_symbol(TRAIN, ledger=ledger)
    if len(positions) == 1:
        positions.append(np.empty(0, dtype=np.int64))  # some mixtures weigh S1
    names = [f"S{index}" for index in range(len(positions))]
    shares = mixture.shares([len(own) for own in positions], symbols=names)
    for batch in map(
        dataset.__getitem__,
        EpochSampler(positions=positions, shares=shares, seed=7, batch_size=32, rank=0, ranks=1),
    ):
        assert (parts.part[batch.sample_B.numpy()] == TRAIN).all()
        for name, values in batch._asdict().items():
            expected = getattr(everything, name)[batch.sample_B]
            assert torch.equal(torch.nan_to_num(values), torch.nan_to_num(expected)), name


def assert_recomputed(
    batch: Batch, *, decided_at: npt.NDArray[np.int64], resolved_at: npt.NDArray[np.int64], alone: list[Alone]
) -> None:
    for index, (position, symbol) in enumerate(zip(batch.sample_B.tolist(), batch.symbol_B.tolist(), strict=True)):
        own, decided = alone[symbol], int(decided_at[position])
        row = own.row_at[decided]
        assert np.array_equal(batch.x_BTF[index].numpy(), own.window(decided)), (symbol, decided)
        assert np.isfinite(own.window(decided)).all()
        assert (batch.y_B[index], batch.rule_B[index]) == (own.y[row], own.rule[row])
        assert np.array_equal(batch.target_B[index].numpy(), own.target[row], equal_nan=True)
        assert resolved_at[position] == own.resolved_at[row] >= decided


def test_prices_after_an_instant_change_no_earlier_feature_and_no_label_known_by_then(tmp_path: Path) -> None:
    universe, source = make_universe(3), make_source(3)
    panel = make_panel(tmp_path, universe=universe, source=source)
    for quantile in (0.3, 0.55, 0.8):
        instant = int(np.quantile(panel.closed_at, quantile))
        changed = {name: changed_from(bars, instant=instant) for name, bars in source.bars.items()}
        other = make_panel(tmp_path, universe=universe, source=dataclasses.replace(source, bars=changed))
        before, known = panel.closed_at <= instant, panel.resolved_at <= instant
        assert other.key != panel.key
        np.testing.assert_array_equal(panel.features[before], other.features[before])
        np.testing.assert_array_equal(panel.ready, other.ready)
        np.testing.assert_array_equal(panel.rule[before], other.rule[before])
        np.testing.assert_array_equal(panel.label[known], other.label[known])
        np.testing.assert_array_equal(panel.resolved_at[known], other.resolved_at[known])
        assert (other.resolved_at[~known] > instant).all()
        assert (panel.label[~known & before] != other.label[~known & before]).any(), "the change must be felt"
        assert not np.array_equal(panel.features[~before], other.features[~before], equal_nan=True)


def test_a_symbols_rows_do_not_depend_on_the_other_symbols(tmp_path: Path) -> None:
    source = make_source(3)
    together = make_panel(tmp_path, universe=make_universe(3), source=source)
    alone = make_panel(tmp_path, universe=make_universe(1), source=source)
    own = together.rows(0)
    np.testing.assert_array_equal(together.features[own], alone.features)
    np.testing.assert_array_equal(together.label[own], alone.label)
    np.testing.assert_array_equal(together.resolved_at[own], alone.resolved_at)

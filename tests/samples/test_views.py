"""A symbol of a universe's fold, without reading or computing anything again."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from multisymbol.cli.specs import data_spec
from multisymbol.config.build import plain
from multisymbol.progress import Terminal
from multisymbol.samples.dataset import DataSpec, FoldDataset, prepare, prepare_folds
from multisymbol.samples.fold import TEST, TRAIN
from multisymbol.samples.sampler import EpochSampler, epoch_order
from multisymbol.samples.views import matched_view, own_view, tuned_view, without_view
from tests.conftest import compose_train

SMALL = (
    "symbols.only=[SYN_A,SYN_B,SYN_D,SYN_E]",
    "source.start=2018-01-01",
    "source.signal=0.12",
    "source.end=2019-04-01",
    "stride=3",
    "window=4",
    "least_class_share=0",
)


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> DataSpec:
    folder = tmp_path_factory.mktemp("outputs")
    return data_spec(plain(compose_train(*SMALL, f"paths.outputs={folder}", "hydra.run.dir=.")))


@pytest.fixture(scope="module")
def whole(spec: DataSpec) -> FoldDataset:
    return prepare(spec, Terminal(silent=True))


def test_a_symbols_view_is_bit_for_bit_what_is_prepared_from_its_bars_alone(spec: DataSpec, whole: FoldDataset) -> None:
    for index, symbol in enumerate(whole.trained):
        own = spec.of_symbol(symbol)
        (alone,) = prepare_folds(own, Terminal(silent=True), folds=[whole.parts.fold])
        view = own_view(own, whole, index)
        assert view.trained == alone.trained == (symbol,)
        np.testing.assert_array_equal(view.features, alone.features)
        np.testing.assert_array_equal(view.ledger.row, alone.ledger.row)
        np.testing.assert_array_equal(view.ledger.decided_at, alone.ledger.decided_at)
        np.testing.assert_array_equal(view.ledger.label, alone.ledger.label)
        np.testing.assert_array_equal(view.parts.part, alone.parts.part)
        np.testing.assert_array_equal(view.shares.draws, alone.shares.draws)
        assert view.scaler.digest == alone.scaler.digest
        assert view.panel.fingerprints == alone.panel.fingerprints


@pytest.mark.parametrize("batch_size", [64, 1000, 10**6])
def test_a_matched_view_repeats_its_samples_evenly_up_to_the_universal_models_steps(
    spec: DataSpec, whole: FoldDataset, batch_size: int
) -> None:
    def order(prepared: FoldDataset) -> EpochSampler:
        return EpochSampler(
            positions=prepared.parts.positions_by_symbol(TRAIN, ledger=prepared.ledger),
            shares=prepared.shares,
            seed=1,
            batch_size=batch_size,
            rank=0,
            ranks=1,
        )

    own = own_view(spec, whole, 2)
    matched = matched_view(own, whole, batch_size=batch_size)
    batches = list(order(matched))
    assert [len(batch) for batch in batches] == [len(batch) for batch in order(whole)]
    _, times = np.unique(torch.cat(batches).numpy(), return_counts=True)
    assert len(times) == own.parts.counts[0].train
    assert times.max() - times.min() <= 1
    assert times.min() >= 2
    assert torch.equal(torch.cat(batches), torch.cat(list(order(matched))))


def test_a_matched_view_keeps_the_parts_of_strata(spec: DataSpec, whole: FoldDataset) -> None:
    own = own_view(spec, whole, 2)
    stratum = (np.arange(len(own.ledger.row)) % 10 == 0).astype(np.int8)
    shares = replace(own.shares, stratum=stratum, max_passes=1.25)
    matched = matched_view(replace(own, shares=shares), whole, batch_size=64)
    parts = []
    for taken in (shares, matched.shares):
        positions = own.parts.positions_by_symbol(TRAIN, ledger=own.ledger)
        drawn = epoch_order(positions, taken, seed=1, epoch=0)
        parts.append(float(stratum[drawn].mean()))
    assert parts[1] == pytest.approx(parts[0], abs=1e-3)


def test_a_tuned_view_sees_what_the_universal_model_sees(spec: DataSpec, whole: FoldDataset) -> None:
    view = tuned_view(spec, whole, 2)
    mine = whole.ledger.symbol == 2
    np.testing.assert_array_equal(view.features[view.ledger.row], whole.features[whole.ledger.row[mine]])
    assert view.symbol_slots.tolist() == [whole.symbol_slots[2]] == [3]
    assert view.scaler is whole.scaler


def test_left_out_symbols_neither_train_nor_are_scaled_by_their_own_rows(spec: DataSpec, whole: FoldDataset) -> None:
    view = without_view(spec, whole, ["SYN_B", "SYN_E"])
    train, test = view.parts.positions(TRAIN), view.parts.positions(TEST)
    assert set(np.unique(view.ledger.symbol[train])) == {0, 2}
    assert set(np.unique(view.ledger.symbol[test])) == {1, 3}
    assert "SYN_B" not in view.scaler.by_symbol
    assert np.isfinite(view.features[view.ledger.row[test]]).all()
    theirs = np.isin(whole.ledger.symbol, [1, 3]) & (whole.parts.part == TEST)
    np.testing.assert_array_equal(test, np.flatnonzero(theirs))

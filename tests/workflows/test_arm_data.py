"""A symbol of a universe's fold, without reading or computing anything again."""

from typing import Any

import numpy as np
import pytest

from multisymbol.config import plain
from multisymbol.reports.terminal import Terminal
from multisymbol.samples.splits import TEST, TRAIN
from multisymbol.workflows.arm_data import own_values, own_view, tuned_view, without_view
from multisymbol.workflows.preparation import Prepared, prepare, single_arms
from tests.conftest import compose_train

SMALL = (
    "symbols.only=[AAPL,MSFT,EURUSD,USDJPY]",
    "source.start=2018-01-01",
    "source.end=2019-04-01",
    "stride=3",
    "window=4",
    "least_class_share=0",
)


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("outputs")
    return plain(compose_train(*SMALL, f"paths.outputs={folder}", "hydra.run.dir=."))


@pytest.fixture(scope="module")
def whole(values: dict[str, Any]) -> Prepared:
    return prepare(values, Terminal(silent=True))


def test_a_symbols_view_is_bit_for_bit_what_is_prepared_from_its_bars_alone(
    values: dict[str, Any], whole: Prepared
) -> None:
    for index, (own, alone) in enumerate(single_arms(values, whole)):
        view = own_view(own_values(values, own["symbol"]), whole, index)
        assert view.trained == alone.trained == (own["symbol"],)
        np.testing.assert_array_equal(view.features, alone.features)
        np.testing.assert_array_equal(view.ledger.row, alone.ledger.row)
        np.testing.assert_array_equal(view.ledger.decided_at, alone.ledger.decided_at)
        np.testing.assert_array_equal(view.ledger.label, alone.ledger.label)
        np.testing.assert_array_equal(view.parts.part, alone.parts.part)
        np.testing.assert_array_equal(view.shares.draws, alone.shares.draws)
        assert view.scaler.digest == alone.scaler.digest
        assert view.panel.fingerprints == alone.panel.fingerprints


def test_a_tuned_view_sees_what_the_universal_model_sees(values: dict[str, Any], whole: Prepared) -> None:
    view = tuned_view(own_values(values, "EURUSD"), whole, 2)
    mine = whole.ledger.symbol == 2
    np.testing.assert_array_equal(view.features[view.ledger.row], whole.features[whole.ledger.row[mine]])
    assert view.symbol_slots.tolist() == [whole.symbol_slots[2]] == [3]
    assert view.scaler is whole.scaler


def test_left_out_symbols_neither_train_nor_are_scaled_by_their_own_rows(
    values: dict[str, Any], whole: Prepared
) -> None:
    view = without_view(values, whole, ["MSFT", "USDJPY"])
    train, test = view.parts.positions(TRAIN), view.parts.positions(TEST)
    assert set(np.unique(view.ledger.symbol[train])) == {0, 2}
    assert set(np.unique(view.ledger.symbol[test])) == {1, 3}
    assert "MSFT" not in view.scaler.by_symbol
    assert np.isfinite(view.features[view.ledger.row[test]]).all()
    theirs = np.isin(whole.ledger.symbol, [1, 3]) & (whole.parts.part == TEST)
    np.testing.assert_array_equal(test, np.flatnonzero(theirs))

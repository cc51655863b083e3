from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from multisymbol.errors import SampleError
from multisymbol.learning.networks.attention import Transformer
from multisymbol.learning.networks.convolution import Tcn
from multisymbol.learning.networks.embedding import NetworkShape
from multisymbol.learning.networks.mlp import Mlp
from multisymbol.learning.networks.recurrent import Gru, Lstm
from multisymbol.learning.probabilities import probabilities
from multisymbol.samples.fold import TEST
from multisymbol.samples.windows import Batch
from multisymbol.serving.calibration import apply_temperature
from multisymbol.serving.inference import BLOCK, _batch_slots, _places, predict_probabilities
from tests.learning.worlds import module, world

WORLD = world()
GIVEN = module(dropout=0.5)
POSITIONS = WORLD.parts.positions(TEST)
NO_WEIGHTS = torch.zeros(3)


def run(
    *,
    positions: "np.ndarray[tuple[int], np.dtype[np.int64]]" = POSITIONS,
    batch_size: int = 64,
    log_weights: torch.Tensor = NO_WEIGHTS,
    temperature: float = 1.0,
) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    return predict_probabilities(
        GIVEN.network,
        dataset=WORLD.datamodule().dataset,
        positions=positions,
        batch_size=batch_size,
        log_weights=log_weights,
        device="cpu",
        temperature=temperature,
    ).prob


def test_probabilities_are_those_of_the_module() -> None:
    batch = WORLD.datamodule().dataset[torch.from_numpy(POSITIONS)]
    GIVEN.eval()
    with torch.no_grad():
        logits = GIVEN(batch.x_BTF, batch.symbol_slot_B, batch.class_slot_B)
    expected = probabilities(logits, GIVEN.loss.log_weights)
    np.testing.assert_allclose(run(log_weights=GIVEN.loss.log_weights), expected.numpy(), rtol=1e-6)


def test_batch_size_changes_no_probability() -> None:
    np.testing.assert_array_equal(run(batch_size=7), run(batch_size=1000))


def test_row_follows_its_position() -> None:
    shuffled = np.random.default_rng(0).permutation(len(POSITIONS))
    np.testing.assert_array_equal(run(positions=POSITIONS[shuffled]), run()[shuffled])


def test_two_runs_are_equal_bit_for_bit() -> None:
    np.testing.assert_array_equal(run(), run())


def test_network_is_left_in_the_mode_it_was_in() -> None:
    for training in (True, False):
        GIVEN.network.train(training)
        first, second = run(), run()
        np.testing.assert_array_equal(first, second)
        assert GIVEN.network.training == training


def test_temperature_before_or_after_is_the_same() -> None:
    weights = GIVEN.loss.log_weights
    np.testing.assert_allclose(
        run(log_weights=weights, temperature=2.0), apply_temperature(run(log_weights=weights), 2.0), rtol=1e-9
    )


def test_no_positions_give_an_empty_result() -> None:
    assert run(positions=POSITIONS[:0]).shape == (0, 3)


def test_nan_features_are_refused_naming_symbol_and_position() -> None:
    features = WORLD.features.copy()
    features[WORLD.ledger.row[POSITIONS[-1]]] = np.nan
    made = type(WORLD)(features=features, ledger=WORLD.ledger, parts=WORLD.parts)
    with pytest.raises(
        SampleError,
        match=rf"1 predictions are no numbers, first at ledger position {POSITIONS[-1]}, symbols number \[2\]",
    ):
        predict_probabilities(
            GIVEN.network,
            dataset=made.datamodule().dataset,
            positions=POSITIONS,
            batch_size=16,
            log_weights=NO_WEIGHTS,
            device="cpu",
        )


SHAPE = NetworkShape(features=41, window=16, symbols=5, asset_classes=3)
COMMON: dict[str, Any] = {"dropout": 0.1, "embedding": "symbol", "embedding_dim": 4, "unknown_dropout": 0.1}
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "mlp": lambda: Mlp(hidden=[64, 32], activation="gelu", shape=SHAPE, **COMMON),
    "gru": lambda: Gru(hidden=32, layers=1, shape=SHAPE, **COMMON),
    "lstm": lambda: Lstm(hidden=20, layers=2, shape=SHAPE, **COMMON),
    "tcn": lambda: Tcn(channels=24, kernel=3, blocks=None, activation="relu", shape=SHAPE, **COMMON),
    "transformer": lambda: Transformer(width=32, heads=4, layers=2, patch=4, shape=SHAPE, **COMMON),
    # Rows that begin at any multiple of 4 bytes, which products of matrices treat differently.
    "odd mlp": lambda: Mlp(hidden=[33, 10], activation="gelu", shape=SHAPE, **COMMON),
    "odd gru": lambda: Gru(hidden=17, layers=1, shape=SHAPE, **COMMON),
    "odd tcn": lambda: Tcn(channels=17, kernel=2, blocks=None, activation="tanh", shape=SHAPE, **COMMON),
    "odd transformer": lambda: Transformer(width=20, heads=4, layers=1, patch=3, shape=SHAPE, **COMMON),
}


class Windows:
    """Random windows by position, as a WindowDataset gives them."""

    def __init__(self, rows: int) -> None:
        chance = torch.Generator().manual_seed(3)
        self.x_BTF = torch.randn(rows, SHAPE.window, SHAPE.features, generator=chance)
        self.slot_B = torch.randint(0, SHAPE.symbols + 1, (rows,), generator=chance)

    def __getitem__(self, positions: torch.Tensor) -> Batch:
        slot_B, nothing_B = self.slot_B[positions], torch.zeros(len(positions))
        whole_B = nothing_B.long()
        return Batch(self.x_BTF[positions], whole_B, whole_B, whole_B, slot_B, whole_B, nothing_B, nothing_B, positions)

    def newest(self, positions: torch.Tensor) -> torch.Tensor:
        return self.x_BTF[positions, -1]


@pytest.mark.parametrize("name", NETWORKS)
def test_an_answer_does_not_depend_on_the_windows_beside_it_to_the_bit(name: str) -> None:
    network, rows = NETWORKS[name](), 300
    windows: Any = Windows(rows)

    def ask(positions: "np.ndarray[tuple[int], np.dtype[np.int64]]", batch_size: int) -> Any:
        return predict_probabilities(
            network,
            dataset=windows,
            positions=positions,
            batch_size=batch_size,
            log_weights=NO_WEIGHTS,
            device="cpu",
        ).prob

    whole = ask(np.arange(rows), rows)
    for batch_size in (37, 128):
        np.testing.assert_array_equal(ask(np.arange(rows), batch_size), whole)
    shuffled = np.random.default_rng(0).permutation(rows)[:133]
    np.testing.assert_array_equal(ask(shuffled, 4096), whole[shuffled])
    for alone in (0, 1, 127, 128, 299):
        np.testing.assert_array_equal(ask(np.array([alone]), 4096), whole[[alone]])


def test_batch_slot_depends_on_the_window_alone() -> None:
    newest = Windows(500).newest(torch.arange(500))
    place = _places(_batch_slots(newest))
    assert len(torch.unique(place)) == 500
    shuffled = torch.randperm(500, generator=torch.Generator().manual_seed(0))
    assert torch.equal(_places(_batch_slots(newest[shuffled])) % BLOCK, place[shuffled] % BLOCK)
    same = _places(_batch_slots(newest[:1].expand(3, -1)))
    assert torch.unique(same % BLOCK).numel() == 1
    assert (same // BLOCK).tolist() == [0, 1, 2]  # blocks one after the other


def test_batch_slots_are_spread_if_features_are_zero_or_one() -> None:
    bits = torch.randint(0, 2, (6400, 12), generator=torch.Generator().manual_seed(0)).float()
    counts = torch.bincount(_batch_slots(bits), minlength=BLOCK)
    assert int(counts.max()) < 100  # of 25 in the mean; sums of plain bits all have one slot

import numpy as np
import pytest
import torch

from multisymbol.errors import SampleError
from multisymbol.evaluation.calibration import apply_temperature
from multisymbol.evaluation.inference import predict
from multisymbol.learning.probabilities import probabilities
from multisymbol.samples.splits import TEST
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
    return predict(
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
    np.testing.assert_allclose(run(batch_size=7), run(batch_size=1000), rtol=1e-6)


def test_row_follows_its_position() -> None:
    shuffled = np.random.default_rng(0).permutation(len(POSITIONS))
    np.testing.assert_allclose(run(positions=POSITIONS[shuffled]), run()[shuffled], rtol=1e-6)


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
        predict(
            GIVEN.network,
            dataset=made.datamodule().dataset,
            positions=POSITIONS,
            batch_size=16,
            log_weights=NO_WEIGHTS,
            device="cpu",
        )

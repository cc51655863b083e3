import dataclasses
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from multisymbol.samples.ledger import Ledger, build_ledger
from multisymbol.samples.windows import WindowDataset
from tests.samples.worlds import hand_panel, history


def dataset(features: np.ndarray[tuple[int, ...], np.dtype[np.float32]], ledger: Ledger) -> WindowDataset:
    return WindowDataset(
        features=features, ledger=ledger, symbol_slots=np.array([1, 0, 2]), class_slots=np.array([1, 1, 0])
    )


@pytest.mark.parametrize("window", [1, 4])
def test_a_batch_holds_exactly_the_rows_of_each_window(window: int) -> None:
    panel = hand_panel([history(30, width=5, seed=seed) for seed in range(3)])
    ledger = build_ledger(panel, window=window, stride=1)
    positions = torch.from_numpy(np.random.default_rng(0).permutation(len(ledger)))
    batch = dataset(panel.features, ledger)[positions]
    for index, position in enumerate(positions.tolist()):
        row = int(ledger.row[position])
        assert batch.x_BTF[index].tolist() == panel.features[row - window + 1 : row + 1].tolist()


@pytest.mark.parametrize("window", [1, 4])
def test_a_window_is_made_of_the_kept_rows_alone(window: int) -> None:
    panel = hand_panel([history(30, width=5, seed=seed) for seed in range(3)])
    kept = np.random.default_rng(1).random(90) < 0.6
    ledger = build_ledger(panel, window=window, stride=1, kept=kept)
    batch = dataset(panel.features, ledger)[torch.arange(len(ledger))]
    for index, row in enumerate(ledger.row.tolist()):
        rows = np.flatnonzero(kept[: row + 1])[-window:]
        assert batch.x_BTF[index].tolist() == panel.features[rows].tolist()


def test_every_field_belongs_to_the_sample_asked_for() -> None:
    panel = hand_panel([history(30, seed=seed) for seed in range(3)])
    ledger = build_ledger(panel, window=3, stride=2)
    positions = torch.tensor([len(ledger) - 1, 0, 5, 5, 15])
    batch = dataset(panel.features, ledger)[positions]
    chosen = positions.numpy()
    assert batch.y_B.tolist() == ledger.label[chosen].tolist()
    assert batch.rule_B.tolist() == ledger.rule[chosen].tolist()
    assert batch.symbol_B.tolist() == ledger.symbol[chosen].tolist() == [2, 0, 0, 0, 1]
    assert batch.symbol_slot_B.tolist() == [2, 1, 1, 1, 0]
    assert batch.class_slot_B.tolist() == [0, 1, 1, 1, 1]
    assert batch.sample_B.tolist() == positions.tolist()
    assert batch.x_BTF.dtype == torch.float32
    assert batch.target_B.tolist() == ledger.target[chosen].tolist()
    floats = {name for name in batch._fields if getattr(batch, name).dtype == torch.float32}
    assert floats == {"x_BTF", "target_B", "weight_B"}
    assert {part.dtype for name, part in batch._asdict().items() if name not in floats} == {torch.int64}


def test_the_weight_is_the_samples_own_times_its_symbols() -> None:
    panel = hand_panel([history(30, seed=seed) for seed in range(3)])
    ledger = build_ledger(panel, window=3, stride=1)
    own = np.random.default_rng(0).random(len(ledger)).astype(np.float32)
    ledger = dataclasses.replace(ledger, weight=own)
    slots = np.zeros(3, dtype=np.int64)
    everything = torch.arange(len(ledger))

    def weights(of_symbols: np.ndarray[tuple[int], np.dtype[np.float64]] | None) -> list[float]:
        windows = WindowDataset(
            features=panel.features, ledger=ledger, symbol_slots=slots, class_slots=slots, symbol_weights=of_symbols
        )
        found: list[float] = windows[everything].weight_B.tolist()
        return found

    assert weights(None) == own.tolist()
    doubled = weights(np.array([1.0, 2.0, 0.5]))
    assert doubled == (own * np.array([1.0, 2.0, 0.5], dtype=np.float32)[ledger.symbol]).tolist()


def test_length_is_the_number_of_samples_and_no_sample_may_be_out_of_it() -> None:
    panel = hand_panel([history(30)])
    ledger = build_ledger(panel, window=3, stride=1)
    windows = dataset(panel.features, ledger)
    assert len(windows) == len(ledger) == 27
    with pytest.raises((IndexError, RuntimeError)):
        windows[torch.tensor([27])]


def test_a_read_only_map_is_used_in_place_and_without_a_warning(tmp_path: Path) -> None:
    panel = hand_panel([history(30, width=5)])
    np.save(tmp_path / "features.npy", panel.features)
    mapped = np.load(tmp_path / "features.npy", mmap_mode="r")
    ledger = build_ledger(panel, window=4, stride=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        windows = dataset(mapped, ledger)
    assert windows._windows.data_ptr() == mapped.ctypes.data
    batch = windows[torch.arange(len(ledger))]
    assert batch.x_BTF.tolist() == dataset(panel.features, ledger)[torch.arange(len(ledger))].x_BTF.tolist()


def test_changing_a_batch_changes_neither_panel_nor_later_batches() -> None:
    panel = hand_panel([history(30, width=5)])
    before = panel.features.copy()
    windows = dataset(panel.features, build_ledger(panel, window=4, stride=1))
    windows[torch.tensor([3])].x_BTF.zero_()
    assert panel.features.tolist() == before.tolist()

import hashlib
import json
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from multisymbol.errors import BundleError, OutputError
from multisymbol.registry.bundle.files import FACTS, HASHES, WEIGHTS
from multisymbol.registry.bundle.format import read_bundle, write_bundle
from tests.registry.conftest import tiny_bundle


def rewritten(folder: Path, name: str, content: bytes) -> None:
    """Change a file and its stored hash, as someone who edits a model on purpose would."""
    (folder / name).write_bytes(content)
    hashes = json.loads((folder / HASHES).read_text())
    (folder / HASHES).write_text(json.dumps(hashes | {name: hashlib.sha256(content).hexdigest()}))


def test_bundle_reads_back_bit_for_bit(bundle_folder: Path) -> None:
    written, read = tiny_bundle(), read_bundle(bundle_folder)
    assert read.weights.keys() == written.weights.keys()
    assert all(torch.equal(read.weights[name], tensor) for name, tensor in written.weights.items())
    assert read.scaler.digest == written.scaler.digest
    assert np.array_equal(read.scaler.by_symbol["GC=F"].spread, written.scaler.by_symbol["GC=F"].spread)
    assert (read.spec, read.config, read.symbols) == (written.spec, written.config, written.symbols)
    assert (read.symbol_configs, read.metadata) == (written.symbol_configs, written.metadata)


def test_symbols_keep_their_order(bundle_folder: Path) -> None:
    assert list(read_bundle(bundle_folder).symbol_configs) == ["GC=F", "AAPL"]


def test_same_bundle_gives_same_bytes(bundle_folder: Path, tmp_path: Path) -> None:
    write_bundle(tiny_bundle(), tmp_path / "again")
    for name in (WEIGHTS, HASHES, *FACTS):
        assert (tmp_path / "again" / name).read_bytes() == (bundle_folder / name).read_bytes()


def test_facts_are_readable_text(bundle_folder: Path) -> None:
    assert '\n  "strategy": "neuro",\n' in (bundle_folder / "metadata.json").read_text()


def test_tied_and_transposed_weights_are_stored(tmp_path: Path) -> None:
    shared = torch.ones(2, 3).T
    write_bundle(tiny_bundle(weights={"a": shared, "b": shared}), tmp_path / "tied")
    assert torch.equal(read_bundle(tmp_path / "tied").weights["b"], torch.ones(3, 2))


def test_reading_loads_no_pickle(bundle_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a pickle was loaded")

    for owner, name in ((pickle, "load"), (pickle, "loads"), (pickle, "Unpickler"), (torch, "load")):
        monkeypatch.setattr(owner, name, refuse)
    assert read_bundle(bundle_folder).metadata["strategy"] == "neuro"


@pytest.mark.parametrize("stranger", ["model.pt", "pytorch_model.bin", ".hidden"])
def test_foreign_file_is_refused_by_name(bundle_folder: Path, stranger: str) -> None:
    (bundle_folder / stranger).write_bytes(pickle.dumps({}))
    with pytest.raises(BundleError, match=f"{stranger} does not belong"):
        read_bundle(bundle_folder)


def test_all_missing_files_are_listed(bundle_folder: Path) -> None:
    (bundle_folder / "config.json").unlink()
    (bundle_folder / WEIGHTS).unlink()
    with pytest.raises(BundleError, match=r"(?s)config.json is missing.*weights.safetensors is missing"):
        read_bundle(bundle_folder)


@pytest.mark.parametrize("name", [WEIGHTS, *FACTS])
def test_one_changed_byte_is_noticed(bundle_folder: Path, name: str) -> None:
    content = bytearray((bundle_folder / name).read_bytes())
    content[-3] ^= 1
    (bundle_folder / name).write_bytes(bytes(content))
    with pytest.raises(BundleError, match=f"{name} was changed"):
        read_bundle(bundle_folder)


def test_pickle_in_place_of_weights_is_refused(bundle_folder: Path) -> None:
    rewritten(bundle_folder, WEIGHTS, pickle.dumps({"head.weight": [1.0]}))
    with pytest.raises(BundleError, match=r"weights.safetensors is not a safetensors file"):
        read_bundle(bundle_folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", b"[1]", "config.json must hold a mapping, but holds a list"),
        ("config.json", b"{", "config.json is not JSON"),
        ("config.json", b'{"lr": NaN}', "NaN is not a number in JSON"),
        ("config.json", b"\xff", "config.json is not JSON"),
        ("feature_spec.json", b"{}", "feature_spec.json is not of the form"),
        ("scalers.json", b'{"clip": 1}', "scalers.json is not of the form"),
        ("metadata.json", b"{}", "metadata.json: 'strategy' is missing"),
        ("symbols.json", b'{"scope": "universal", "timeframe": "1h", "symbols": []}', "must be a mapping of symbol"),
    ],
)
def test_file_of_wrong_form_is_named(bundle_folder: Path, name: str, content: bytes, message: str) -> None:
    rewritten(bundle_folder, name, content)
    with pytest.raises(BundleError, match=message):
        read_bundle(bundle_folder)


@pytest.mark.parametrize("hashes", ["{}", '{"config.json": "0"}', '{"../x": "0"}'])
def test_hashes_that_do_not_cover_the_files_are_refused(bundle_folder: Path, hashes: str) -> None:
    (bundle_folder / HASHES).write_text(hashes)
    with pytest.raises(BundleError, match="no hash of weights"):
        read_bundle(bundle_folder)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"nowhere cannot be read.*No such file"):
        read_bundle(tmp_path / "nowhere")


def test_existing_folder_is_never_written_over(bundle_folder: Path) -> None:
    with pytest.raises(BundleError, match="exists; a stored model is never written over"):
        write_bundle(tiny_bundle(), bundle_folder)


def test_unwritable_place_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot be written to .*file/bundle"):
        write_bundle(tiny_bundle(), tmp_path / "file" / "bundle")


def test_failed_write_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("multisymbol.registry.bundle.format._write", full_disk)
    with pytest.raises(OutputError, match="No space left"):
        write_bundle(tiny_bundle(), tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_score_that_does_not_exist_becomes_null(tmp_path: Path) -> None:
    metadata = {**tiny_bundle().metadata, "scores": {"AAPL": {"mcc": math.nan}}}
    write_bundle(tiny_bundle(metadata=metadata), tmp_path / "bundle")
    assert read_bundle(tmp_path / "bundle").metadata["scores"] == {"AAPL": {"mcc": None}}


def test_all_that_json_cannot_hold_is_listed(tmp_path: Path) -> None:
    config = {"lr": math.inf, "dim": np.int64(3), "layers": {1: "a"}}
    with pytest.raises(BundleError) as caught:
        write_bundle(tiny_bundle(config=config), tmp_path / "bundle")
    lines = str(caught.value).splitlines()[1:]
    assert [line.strip().split(";")[0] for line in lines] == [
        "config.json: lr: inf is not a number that can be used",
        "config.json: dim: int64 is not plain data",
        "config.json: layers: key 1 is not text",
    ]
    assert not (tmp_path / "bundle").exists()


def test_parts_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    symbols = {"scope": "single", "timeframe": "1h", "symbols": {"TSLA": {"slot": 0}}}
    with pytest.raises(
        BundleError, match=r"(?s)scope 'single', but metadata.json says 'universal'.*AAPL is not in symbols.json"
    ):
        write_bundle(tiny_bundle(symbols=symbols), tmp_path / "bundle")


def test_scaler_of_other_columns_is_refused(tmp_path: Path) -> None:
    scaler = type(tiny_bundle().scaler)(
        spec_digest="0" * 16, by_symbol={}, by_class={}, asset_classes={}, clip=1.0, fitted_from=0, fitted_until=0
    )
    with pytest.raises(BundleError, match=r"scalers.json: fitted for columns 0000000000000000"):
        write_bundle(tiny_bundle(scaler=scaler), tmp_path / "bundle")

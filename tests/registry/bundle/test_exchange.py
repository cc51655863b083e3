"""Models going out and coming in: the same files to the bit; whatever is foreign is refused before it is stored."""

import hashlib
import json
import pickle
import re
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from multisymbol.errors import BundleError, OutputError, StoreError
from multisymbol.registry.bundle.exchange import export_model, import_model
from multisymbol.registry.bundle.files import HASHES, WEIGHTS
from multisymbol.registry.bundle.format import read_bundle
from multisymbol.registry.store.client import client
from multisymbol.registry.store.store import Store, StoredVersion
from tests.registry.conftest import NAME, tiny_bundle, version_tags
from tests.registry.stored import ML_MODEL, PAGE, SPANS, model_at


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def changed(folder: Path, name: str, content: bytes) -> None:
    """Change a file of the bundle with its stored hash, as someone who means it would."""
    (folder / "bundle" / name).write_bytes(content)
    hashes = json.loads((folder / "bundle" / HASHES).read_text())
    hashes[name] = hashlib.sha256(content).hexdigest()
    (folder / "bundle" / HASHES).write_text(json.dumps(hashes))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return model_at(tmp_path / "foreign")


@pytest.fixture
def stored(store: Store, tmp_path: Path) -> StoredVersion:
    run = store.open_run("finch", tags={})
    folder = model_at(tmp_path / "model")
    return store.register(run, folder, name=NAME, tags=version_tags(), scores=[], pooled={})


def refused(store: Store, source: Path) -> str:
    """Return why an import was refused; nothing may be stored by it: no version, no run, no file."""
    with pytest.raises(BundleError) as error:
        import_model(store, source, rename=None)
    nothing_stored(store)
    return str(error.value)


def nothing_stored(store: Store) -> None:
    experiment = client(store.uri).get_experiment_by_name("multisymbol")
    assert experiment is not None
    assert store.versions() == []
    assert list(client(store.uri).search_runs([experiment.experiment_id])) == []
    assert not list(Path(store.artifact_root).rglob("*.json"))


def zipped(files: dict[str, bytes], target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in files.items():
            out.writestr(name, content)
    return target


# --- out and in ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["out.zip", "out"])
def test_exported_model_comes_in_bit_by_bit_and_says_where_from(
    store: Store, stored: StoredVersion, tmp_path: Path, target: str
) -> None:
    export_model(store, stored, tmp_path / target)
    taken = import_model(store, tmp_path / target, rename=None)
    assert (taken.name, taken.version, taken.aliases) == (NAME, 2, ())
    assert contents(store.download(taken).parent) == contents(store.download(stored).parent)
    assert taken.tags["files_digest"] == stored.tags["files_digest"]
    assert (taken.tags["imported_from"], taken.tags["original_run_id"]) == (f"{NAME}/1", stored.run_id)
    run = client(store.uri).get_run(taken.run_id)
    assert (run.info.status, run.data.tags["imported_from"]) == ("FINISHED", f"{NAME}/1")
    assert run.data.metrics["test_log_loss"] == 0.981


def test_tags_of_an_imported_model_are_the_facts_of_its_bundle(store: Store, model: Path) -> None:
    tags = import_model(store, model, rename=None).tags
    own = {"run_id", "model_id", "files_digest", "registered_at"}
    assert {key: text for key, text in tags.items() if key not in own} == {
        "strategy": "neuro",
        "scope": "universal",
        "timeframe": "1h",
        "asset_classes": '["metal", "stock"]',
        "symbols": '["AAPL", "GC=F"]',
        "feature_digest": tiny_bundle().spec.digest,
        "label": "ZigZag(threshold=0.02)",
        "data_digest": "d1",
        "git_commit": "c0ffee",
        "rows": "1000",
        "test_log_loss": "0.981",
        "no_skill": "0.993",
        "imported_from": "a folder",
        "candidate": "import",
        "provenance": "real",
        **SPANS,
    }


def test_same_version_gives_the_same_zip(store: Store, stored: StoredVersion, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        export_model(store, stored, tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_model_comes_in_under_another_strategy(store: Store, model: Path) -> None:
    first = import_model(store, model, rename="theirs")
    second = import_model(store, model, rename="theirs.1h.universal")
    assert [(each.name, each.version) for each in (first, second)] == [
        (f"theirs.{NAME[6:]}", 1),
        (f"theirs.{NAME[6:]}", 2),
    ]
    assert first.tags["strategy"] == "theirs"


@pytest.mark.parametrize("name", ["theirs.4h.universal", "theirs.1h.sym.GC_3DF", "theirs/../x", "a b", ".1h.universal"])
def test_name_that_does_not_fit_the_model_is_refused(store: Store, model: Path, name: str) -> None:
    with pytest.raises(StoreError, match=r"cannot be called|cannot name a model"):
        import_model(store, model, rename=name)
    nothing_stored(store)


def test_export_never_writes_over_and_leaves_nothing_half(
    store: Store, stored: StoredVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there.zip").write_text("mine")
    with pytest.raises(OutputError, match=r"there.zip exists and is not written over"):
        export_model(store, stored, tmp_path / "there.zip")

    def full_disk(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full_disk)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OutputError, match="No space left"):
        export_model(store, stored, tmp_path / "new.zip")
    assert sorted(tmp_path.iterdir()) == before


def test_changed_version_is_not_exported(store: Store, stored: StoredVersion, tmp_path: Path) -> None:
    (store.model_folder(stored) / "card.md").write_text("# other")
    with pytest.raises(BundleError, match="not those that were registered"):
        export_model(store, stored, tmp_path / "out.zip")


def test_failed_registration_ends_the_run_as_failed(store: Store, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise StoreError("the store is gone")

    monkeypatch.setattr(Store, "register", broken)
    with pytest.raises(StoreError, match="the store is gone"):
        import_model(store, model, rename=None)
    experiment = client(store.uri).get_experiment_by_name("multisymbol")
    assert experiment is not None
    assert [run.info.status for run in client(store.uri).search_runs([experiment.experiment_id])] == ["FAILED"]


# --- changed on the way ----------------------------------------------------------------------------------------------


def test_exported_files_that_were_changed_added_or_lost_are_all_named(
    store: Store, stored: StoredVersion, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    export_model(store, stored, out)
    (out / "card.md").write_text("# other")
    (out / "card.html").unlink()
    (out / "answer.json").write_text("{}")
    with pytest.raises(BundleError, match=r"(?s)card.html is missing.*answer.json was added.*card.md was changed"):
        import_model(store, out, rename=None)


def test_bundle_whose_hash_does_not_match_is_refused(store: Store, model: Path) -> None:
    (model / "bundle" / "config.json").write_text("{}")
    assert re.search(r"config.json was changed", refused(store, model))


def test_incomplete_model_is_refused(store: Store, model: Path) -> None:
    (model / "bundle" / "scalers.json").unlink()
    assert re.search(r"scalers.json is missing", refused(store, model))


# --- foreign content -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["model.pkl", "python_model.pkl", "bundle/model.pt", "bundle/config.json.bak", "code/evil.py", ".hidden"]
)
def test_file_of_a_name_nobody_knows_is_refused(store: Store, model: Path, tmp_path: Path, name: str) -> None:
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).write_bytes(pickle.dumps({}))
    assert re.search(rf"{name} does not belong to a stored model", refused(store, model))
    assert re.search(r"does not belong to a stored model", refused(store, zipped(contents(model), tmp_path / "x.zip")))


def header(data: dict[str, Any]) -> bytes:
    text = json.dumps(data).encode()
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps({"head.weight": [1.0]}),
        b"PK\3\4" + b"\0" * 64,
        b"",
        struct.pack("<Q", 2**62) + b"{}",
        struct.pack("<Q", 2**26) + b"{}",
        header({"w": {"dtype": "F32", "shape": [2**40, 2**20], "data_offsets": [0, 4]}}) + b"\0" * 4,
        header({"w": {"dtype": "F32", "shape": [2**63, 2**63], "data_offsets": [0, 4]}}) + b"\0" * 4,
        header({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 2**50]}}) + b"\0" * 4,
        header({"w": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}) + b"\0" * 4,
        header({"w": {"dtype": "O", "shape": [1], "data_offsets": [0, 4]}}) + b"\0" * 4,
    ],
    ids=["pickle", "zip", "empty", "huge header", "long header", "shape", "overflow", "offsets", "negative", "dtype"],
)
def test_weights_that_are_none_are_refused(store: Store, model: Path, content: bytes) -> None:
    changed(model, WEIGHTS, content)
    assert re.search(r"weights.safetensors is not a safetensors file", refused(store, model))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"seed": ' + "9" * 5000 + "}", "too large a number"),
        ('{"seed": ' + "9" * 20 + "}", "too large a number"),
        ('{"lr": 1e999}', "too large a number"),
        ('{"lr": Infinity}', "is not a number in JSON"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deep"),
        ('{"seed": 1, "seed": 2}', "'seed' stands there twice"),
    ],
    ids=["digits", "integer", "exponent", "infinity", "nesting", "twice"],
)
def test_json_nobody_can_use_is_refused(store: Store, model: Path, text: str, message: str) -> None:
    changed(model, "config.json", text.encode())
    assert re.search(message, refused(store, model))


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "builtins.eval",
        "subprocess.run",
        "multisymbol.registry.bundle.format.shutil.rmtree",
        "multisymbol.samples.storage.shutil.rmtree",
        "multisymbol.registry.bundle.format.write_bundle",
        "multisymbol.learning.networks.mlp.Nothing",
        "multisymbol.learning...networks.mlp.Mlp",
        "torch.load",
        "torch.hub.load",
        "lightning.pytorch.cli.LightningCLI",
        7,
    ],
)
def test_configuration_that_names_foreign_code_is_refused(store: Store, model: Path, target: Any) -> None:
    changed(model, "config.json", json.dumps({"model": {"layers": [{"_target_": target}]}}).encode())
    assert re.search(
        r"config.json: model.layers.0._target_: no class may be named here, got .*; give plain", refused(store, model)
    )


@pytest.mark.parametrize("target", ["os.system", "pandas.read_pickle", "lab.networks.Net", 7])
def test_network_of_foreign_code_is_refused(store: Store, model: Path, target: Any) -> None:
    changed(model, "config.json", json.dumps({"model": {"_target_": target}}).encode())
    assert re.search(
        r"config.json: model._target_: (there is no network|.* is not trusted|expected package)", refused(store, model)
    )


def test_configuration_that_looks_something_up_is_refused(store: Store, model: Path) -> None:
    changed(model, "symbol_configs.json", json.dumps({"AAPL": {"label": "${oc.env:HOME}"}}).encode())
    assert re.search(
        r"symbol_configs.json: symbol_configs.AAPL.label: '\$\{oc.env:HOME\}' would be looked up", refused(store, model)
    )


def test_code_of_one_s_own_is_taken_where_its_package_is_named(
    store: Store, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(model, "config.json", json.dumps({"model": {"_target_": "lab.networks.Net"}}).encode())
    monkeypatch.setenv("MULTISYMBOL_TRUSTED_PACKAGES", "other, lab")
    assert import_model(store, model, rename=None).version == 1
    monkeypatch.setenv("MULTISYMBOL_TRUSTED_PACKAGES", "la")
    with pytest.raises(BundleError, match=r"its package is not trusted.*trust=\[lab\]"):
        read_bundle(model / "bundle")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("MLmodel", ML_MODEL.replace("multisymbol.serving", "mlflow.pyfunc.model"), "must be loaded by"),
        ("MLmodel", ML_MODEL.replace("    env:", "    python_model: x.pkl\n    env:"), "python_model may hold code"),
        ("MLmodel", ML_MODEL.replace("    env:", "    code: code\n    env:"), "code may hold code"),
        ("MLmodel", ML_MODEL.replace("    env:", "    data: ../../etc\n    env:"), "must be the bundle"),
        ("MLmodel", ML_MODEL + "model_uuid: !!python/object/apply:os.system [ls]\n", "python_function and no other"),
        ("MLmodel", "flavors: {python_function: {}, sklearn: {pickled_model: x.pkl}}", "and no other"),
        ("MLmodel", ML_MODEL.replace("python_env.yaml", "/tmp/env.yaml"), "must name python_env.yaml"),
        ("MLmodel", ML_MODEL.replace("input_example.json", "../../secret"), "must be a file of the model"),
        ("requirements.txt", "torch==2.9.0\nevil==1.0\n", "evil is no requirement of this project"),
        ("requirements.txt", "--index-url https://evil.example\ntorch==2.9.0\n", "is not of the form package==version"),
        ("requirements.txt", "torch @ git+https://evil.example/x\n", "is not of the form package==version"),
        ("python_env.yaml", "dependencies: [evil==1]\n", "evil is no requirement"),
        ("python_env.yaml", "python: 3.11; rm -rf\n", "is no version"),
        ("card.html", PAGE.replace("<body>", "<body><script>1</script>"), "has a <script>"),
        ("card.html", PAGE.replace("<body>", "<body onload=x()>"), "has onload="),
        ("card.html", PAGE.replace("<body>", "<body><img src=//evil.example/x.png>"), "loads or links src="),
        ("card.html", PAGE.replace("#1", "javascript:x()"), "loads or links href="),
        ("card.html", PAGE.replace("color:red", "background:url(https://evil.example)"), "loads by a style sheet"),
        ("card.html", PAGE.replace("<head>", "<head><meta http-equiv=refresh content=0>"), "has a <meta http-equiv>"),
        ("card.md", "<iframe src=x>", "has a <iframe>"),
        ("input_example.json", "{", "input_example.json is not JSON"),
    ],
)
def test_file_of_mlflow_or_page_that_acts_is_refused(
    store: Store, model: Path, name: str, text: str, message: str
) -> None:
    (model / name).write_text(text)
    assert re.search(message, refused(store, model))


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("metadata.json", {"strategy": "../x"}),
        ("metadata.json", {"strategy": "a b"}),
        ("metadata.json", {"spans": {}}),
        ("metadata.json", {"spans": {**SPANS, "train_until": "whenever"}}),
        ("metadata.json", {"test": {"test_log_loss": "much"}}),
        ("metadata.json", {"finetuned_from": "x"}),
        ("symbols.json", {"symbols": {"AAPL": {"train": 0, "asset_class": "stock"}}}),
        ("symbols.json", {"symbols": {"AAPL": 7, "GC=F": 8}}),
    ],
)
def test_facts_that_do_not_say_what_the_model_is_are_refused(
    store: Store, model: Path, file: str, change: dict[str, Any]
) -> None:
    facts = json.loads((model / "bundle" / file).read_text()) | change
    changed(model, file, json.dumps(facts).encode())
    if file == "symbols.json":
        changed(model, "symbol_configs.json", b"{}")
        changed(model, "similarity.json", b"{}")
    assert re.search(r"the facts of the model do not say what it is", refused(store, model))


def test_link_in_a_folder_is_refused(store: Store, model: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("# mine")
    (model / "card.md").unlink()
    (model / "card.md").symlink_to(tmp_path / "secret")
    assert re.search(r"card.md is a link or no plain file", refused(store, model))


def test_file_larger_than_its_limit_is_refused(
    store: Store, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = zipped(contents(model), tmp_path / "x.zip")
    monkeypatch.setattr("multisymbol.registry.bundle.files.MAX_FACT_BYTES", 100)
    for place in (model, source):
        assert re.search(r"bundle/metadata.json has [0-9]+ bytes; at most 100 are taken in", refused(store, place))


def test_no_pickle_is_loaded_and_no_tensor_file_of_torch(
    store: Store, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a pickle was loaded")

    for owner, name in ((pickle, "load"), (pickle, "loads"), (pickle, "Unpickler"), (torch, "load")):
        monkeypatch.setattr(owner, name, refuse)
    assert import_model(store, model, rename=None).version == 1


# --- zips ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["../evil", "bundle/../../evil", "/etc/evil", "C:\\evil", "bundle\\config.json", "bundle/", "BUNDLE/config.json"],
)
def test_zip_that_names_a_path_of_its_own_is_refused(store: Store, model: Path, tmp_path: Path, name: str) -> None:
    assert re.search(
        r"does not belong to a stored model",
        refused(store, zipped({**contents(model), name: b"x"}, tmp_path / "x.zip")),
    )
    assert not (tmp_path / "evil").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_zip_with_a_name_twice_is_refused(store: Store, model: Path, tmp_path: Path) -> None:
    source = zipped(contents(model), tmp_path / "x.zip")
    with zipfile.ZipFile(source, "a") as out:
        out.writestr("card.md", "# other")
    assert re.search(r"card.md is there twice", refused(store, source))


def test_link_in_a_zip_is_refused(store: Store, model: Path, tmp_path: Path) -> None:
    files = contents(model)
    del files["card.md"]
    source = zipped(files, tmp_path / "x.zip")
    with zipfile.ZipFile(source, "a") as out:
        entry = zipfile.ZipInfo("card.md")
        entry.external_attr = 0o120777 << 16
        out.writestr(entry, "/etc/hostname")
    assert re.search(r"card.md is a link", refused(store, source))


def test_zip_that_grows_without_measure_is_refused(store: Store, model: Path, tmp_path: Path) -> None:
    bomb = zipped({**contents(model), "card.md": b" " * 2**25}, tmp_path / "x.zip")
    assert bomb.stat().st_size < 2**20
    assert re.search(r"card.md would grow to 33,554,432 bytes, over 250 times", refused(store, bomb))


def test_zip_that_lies_about_a_size_is_refused(store: Store, model: Path, tmp_path: Path) -> None:
    """The table of contents admits to ten bytes of a file of thirty million."""
    real = 2**25
    source = zipped({**contents(model), "card.md": b" " * real}, tmp_path / "x.zip")
    source.write_bytes(source.read_bytes().replace(struct.pack("<L", real), struct.pack("<L", 10)))
    assert re.search(r"is not a zip of a stored model: .*card.md", refused(store, source))


def test_zip_of_too_many_files_is_refused_before_they_are_listed(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = zipped({f"f{index}": b"" for index in range(1000)}, tmp_path / "x.zip")

    def listed(*_: Any, **__: Any) -> None:
        raise AssertionError("the table of contents was read")

    monkeypatch.setattr(zipfile, "ZipFile", listed)
    assert re.search(r"has 1000 files; a stored model has at most 17", refused(store, source))


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\5\6" + b"\0" * 18, pickle.dumps({})])
def test_file_that_is_no_zip_is_refused(store: Store, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    assert re.search(r"neither a folder nor a plain zip|cannot be read|is missing", refused(store, tmp_path / "x.zip"))


def test_damaged_zip_is_refused(store: Store, model: Path, tmp_path: Path) -> None:
    source = zipped(contents(model), tmp_path / "x.zip")
    content = bytearray(source.read_bytes())
    content[200:260] = b"\xff" * 60
    source.write_bytes(bytes(content))
    assert re.search(r"x.zip is (damaged|not a zip of a stored model)", refused(store, source))


def test_missing_source_is_named(store: Store, tmp_path: Path) -> None:
    assert re.search(
        r"nowhere.zip cannot be read as a stored model: No such file", refused(store, tmp_path / "nowhere.zip")
    )


def test_nothing_is_left_in_the_folder_for_temporary_files(
    store: Store, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = tmp_path / "temporary"
    room.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(room))
    import_model(store, model, rename=None)
    (model / "card.md").write_text("<script>")
    with pytest.raises(BundleError):
        import_model(store, model, rename=None)
    assert list(room.iterdir()) == []

"""The user's own code goes every way ours does: trained, registered, served, fine-tuned; and no way without trust."""

import json
import logging
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import getitem
from pathlib import Path

import pandas as pd
import pytest
import torch
from mlflow import pyfunc

from multisymbol.cli.schema import config_problems
from multisymbol.config.build import plain
from multisymbol.config.own_code import own_code, source_digest
from multisymbol.config.trust import VARIABLE, trusting
from multisymbol.errors import BundleError, FeatureError, MultisymbolError
from multisymbol.features.indicators import INDICATORS
from multisymbol.markets.synthetic import SyntheticSource
from multisymbol.registry.bundle.exchange import export_model, import_model
from multisymbol.registry.bundle.flavor import ANSWER, EXAMPLE, read_frame
from multisymbol.registry.bundle.format import Bundle, read_bundle
from multisymbol.registry.store.store import Store
from multisymbol.serving.served_model import Model
from tests.conftest import SMALL, Command, compose_train, prepared_outputs, train_small
from tests.stored import restored

OWN = Path(__file__).parent / "own"
PAGES = (
    "model=normed",
    "loss=brier",
    "labels=next_bars",
    "sampling=halved",
    "split=cut",
    "source=market",
    "optimizer=sgd",
    "features=own",
)
"""Every page that names something of the user's own; optimizer=sgd is torch's."""
PARENT = ("symbols.only=[SYN_A,SYN_C]", "trainer.max_epochs=1")
CUT = ("split.validation_from=2018-05-01", "split.test_from=2018-09-01")


@dataclass(frozen=True, kw_only=True)
class World:
    """What a user has on disk.

    Args:
        folder: Holds the package, the single file, and `conf`.
        outputs: With a model of everything of the user's own, trained without SYN_B.
    """

    folder: Path
    outputs: Path

    @property
    def conf(self) -> Path:
        return self.folder / "conf"

    @property
    def model(self) -> Path:
        return self.outputs / "runs" / "parent" / "model"

    def train(self, *overrides: str, name: str) -> Path:
        return train_small(self.outputs, *overrides, folder=self.conf, name=name)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, store_template: Path) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("user")
    shutil.copytree(OWN, folder / "own")
    made = World(folder=folder / "own", outputs=prepared_outputs(folder, store_template))
    with trusting(["lab"], folders=[made.folder]):
        made.train(*PAGES, *CUT, *PARENT, name="parent")
    yield made
    for name in [name for name in sys.modules if name.partition(".")[0] in {"lab", "onefile"}]:
        del sys.modules[name]


@pytest.fixture
def trusted(world: World) -> Iterator[None]:
    with trusting(["lab"], folders=[world.folder]):
        yield


@pytest.fixture
def bundle(world: World, trusted: None) -> Bundle:
    return read_bundle(world.model / "bundle")


def test_everything_of_the_user_s_own_is_trained_and_registered(bundle: Bundle) -> None:
    assert bundle.config["model"]["_target_"] == "lab.nets.Normed"
    assert bundle.config["optimizer"]["_target_"] == "torch.optim.sgd.SGD"
    assert "trust" not in bundle.config
    assert "body_share" in bundle.spec.names
    assert bundle.metadata["own_code"] == {"lab": source_digest("lab")}
    assert {"norm.running_mean", "norm.running_var", "norm.num_batches_tracked"} <= set(bundle.weights)
    assert int(bundle.weights["norm.num_batches_tracked"]) > 0


def test_what_is_stored_names_ours_by_name_and_the_user_s_by_path(world: World) -> None:
    for file in (world.model / "bundle" / "config.json", world.model.parent / "config.json"):
        text = file.read_text(encoding="utf-8")
        assert '"optimizer:sgd"' in text
        assert '"lab.nets.Normed"' in text
        assert '"multisymbol.' not in text


def test_served_answers_are_those_of_training(world: World, trusted: None) -> None:
    model = Model.read(world.model / "bundle", name=None, version=None)
    assert model.check()
    assert not model.network.training
    served = pyfunc.load_model(str(world.model))
    example, answer = read_frame(world.model / EXAMPLE), read_frame(world.model / ANSWER)
    found = served.predict(example, params={"from_start": True})
    names = ["buy", "hold", "sell"]
    pd.testing.assert_frame_equal(found[names], answer[names], check_exact=True)


def test_served_model_says_that_the_user_s_code_has_changed(
    world: World, trusted: None, caplog: pytest.LogCaptureFixture
) -> None:
    file = world.folder / "lab" / "nets.py"
    before = file.read_text(encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        Model.read(world.model / "bundle", name=None, version=None)
        assert caplog.text == ""
        file.write_text(before + "\n# changed\n", encoding="utf-8")
        try:
            Model.read(world.model / "bundle", name=None, version=None)
        finally:
            file.write_text(before, encoding="utf-8")
    assert "the code of lab has changed since the model was trained" in caplog.text


@pytest.mark.parametrize("way", ["head", "all", "adapter"])
def test_fine_tuned_models_are_of_the_user_s_own_network(world: World, trusted: None, bundle: Bundle, way: str) -> None:
    own = ("sampling=halved", "split=cut", "source=market", "optimizer=sgd", f"finetune={way}", *CUT)
    run = world.train("mode=finetune", "symbol=SYN_B", "from=newest", *own, name=f"tuned-{way}")
    tuned = read_bundle(run / "model" / "bundle")
    assert tuned.config["model"] == bundle.config["model"]
    changed = {name for name, tensor in tuned.weights.items() if not torch.equal(tensor, bundle.weights[name])}
    statistics = {"norm.running_mean", "norm.running_var", "norm.num_batches_tracked"}
    assert {"output.weight", "output.bias"} <= changed
    assert statistics <= changed if way == "all" else not statistics & changed
    assert Model.read(run / "model" / "bundle", name=None, version=None).check()


def test_export_is_imported_where_the_package_is_trusted(world: World, tmp_path: Path, trusted: None) -> None:
    store = _store(world)
    version = store.find("neuro_fuzzy.1h.universal", alias="newest")
    assert version is not None
    export_model(store, version, tmp_path / "model.zip")
    assert import_model(store, tmp_path / "model.zip", rename="mine").name == "mine.1h.universal"


def _store(world: World) -> Store:
    uri, artifacts = f"sqlite:///{world.outputs}/mlflow.db", str(world.outputs / "artifacts")
    return Store(uri=uri, artifact_root=artifacts, mlflow_experiment="multisymbol")


@pytest.mark.parametrize(
    "page", [page for page in (*PAGES, "+decision=half") if "sgd" not in page and "own" not in page]
)
def test_without_trust_a_page_is_refused_before_anything_starts(world: World, page: str) -> None:
    problems = config_problems(compose_train(page, folder=world.conf))
    (found,) = [problem for problem in problems if problem.path.endswith("_target_")]
    assert "is not trusted" in found.text
    assert "add trust=[lab]" in found.text
    if page != "+decision=half":  # a training has no such key
        with trusting(["lab"], folders=[world.folder]):
            assert config_problems(compose_train(page, "trust=[lab]", folder=world.conf)) == []


def test_without_trust_an_indicator_is_refused_before_a_bar_is_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(INDICATORS, "body_share")
    monkeypatch.delattr(SyntheticSource, "examine")
    with pytest.raises(
        FeatureError, match=r"no indicator 'body_share'.*needs its package trusted: trust=\[mypackage\]"
    ):
        world.train("features=own", name="refused")


def test_without_trust_a_stored_model_is_refused_in_plain_words(world: World, tmp_path: Path) -> None:
    store = _store(world)
    version = store.find("neuro_fuzzy.1h.universal", version=1)
    assert version is not None
    export_model(store, version, tmp_path / "model")
    said = r"model._target_: 'lab.nets.Normed' is not part of multisymbol .*MULTISYMBOL_TRUST=lab"
    for use in (
        lambda: read_bundle(world.model / "bundle"),
        lambda: pyfunc.load_model(str(world.model)),
        lambda: import_model(store, tmp_path / "model", rename=None),
        lambda: world.train("mode=finetune", "symbol=SYN_B", "from=neuro_fuzzy.1h.universal/1", *CUT, name="untrusted"),
    ):
        with pytest.raises(BundleError, match=said):
            use()
    assert not (world.outputs / "runs" / "untrusted").exists()


def test_indicators_alone_need_trust_too(world: World, bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    from multisymbol.registry.bundle import format as bundle_format

    monkeypatch.setattr(bundle_format, "stored_problems", lambda *_, **__: [])
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(BundleError, match=r"it computes with lab; .*trust=\[lab\]"):
        read_bundle(world.model / "bundle")


def test_panel_is_made_again_when_the_user_s_source_changes(world: World, trusted: None) -> None:
    file = world.folder / "lab" / "labels.py"
    before = file.read_text(encoding="utf-8")
    known = set(world.outputs.glob("cache/panel-*/"))
    file.write_text(before + "\n# another formula\n", encoding="utf-8")
    try:
        world.train(*PAGES, *CUT, *PARENT, name="again")
    finally:
        file.write_text(before, encoding="utf-8")
    assert len(set(world.outputs.glob("cache/panel-*/")) - known) == 1


def test_own_code_is_hashed_by_package(world: World, trusted: None) -> None:
    values = plain(compose_train("model=normed", "loss=brier", folder=world.conf))
    assert list(own_code(values)) == ["lab"]
    assert own_code(plain(compose_train())) == {}


def test_single_file_beside_the_pages_is_trained_served_and_fine_tuned(
    world: World, called: Command, tmp_path: Path, store_template: Path
) -> None:
    outputs = prepared_outputs(tmp_path, store_template)
    small = [text for text in SMALL if not text.startswith("window")]
    common = ("--config-dir", str(world.conf), f"paths.outputs={outputs}", *small, *CUT, "trainer.max_epochs=1")
    own = ("model=last", "optimizer=sgd", "symbols.only=[SYN_A,SYN_B]", "window=4")
    refused = called("scripts/train.py", *common, *own)
    assert refused.returncode == 2
    assert "conf/model/last.yaml: model._target_" in refused.stderr
    assert "add trust=[onefile]" in refused.stderr
    assert not list(outputs.glob("runs/*/*/*"))
    done = called("scripts/train.py", *common, *own, "trust=[onefile]")
    assert done.returncode == 0, done.stderr
    tuned = ("mode=finetune", "symbol=SYN_A", "from=newest", "finetune=head", "optimizer=sgd")
    assert "MULTISYMBOL_TRUST=onefile" in called("scripts/train.py", *common, *tuned).stderr
    done = called("scripts/train.py", *common, *tuned, "trust=[onefile]")
    assert done.returncode == 0, done.stderr
    (model,) = [file.parent for file in outputs.glob("runs/*/*/model/MLmodel") if _scope(file.parent) == "single"]
    with pytest.raises(MultisymbolError, match="onefile"):
        Model.read(model / "bundle", name=None, version=None)
    with trusting(["onefile"], folders=[world.folder]):
        assert Model.read(model / "bundle", name=None, version=None).check()


def _scope(model: Path) -> str:
    return "single" if '"scope": "single"' in (model / "bundle" / "metadata.json").read_text(encoding="utf-8") else ""


CHANGED = {
    ("source",): "pandas.read_pickle",
    ("callbacks", "progress"): "os.system",
    ("model",): "lab.nets.Normed",
    ("optimizer", "lr"): "torch.load",
    ("symbol_configs", "AAPL", "label"): "joblib.load",
    ("labels", "bars"): "numpy.load",
    ("seed",): "os.system",
}


def test_a_changed_configuration_of_a_run_is_refused_when_it_is_resumed(tmp_path: Path, called: Command) -> None:
    stored = restored(tmp_path / "copy")
    file = stored.run_folder(stored.expected["interrupted"]) / "config.json"
    script, *arguments = stored.expected["finishing"]["resumed_run"]
    text = file.read_text(encoding="utf-8")
    for path, target in CHANGED.items():
        config = {**json.loads(text), "trust": ["lab", "pandas", "os"]}
        *above, key = path
        reduce(getitem, above, config)[key] = {"_target_": target, "command": "true"}
        file.write_text(json.dumps(config), encoding="utf-8")
        done = called(f"scripts/{script}.py", *arguments)
        assert done.returncode == 2
        assert "the run cannot go on; nothing was started" in done.stderr
        assert f"config.json: {'.'.join(path)}._target_: " in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr
    assert not (file.parent / "model").exists()

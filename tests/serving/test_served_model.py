"""What a stored model says of raw bars, of whom, and what it refuses to say."""

import importlib
import json
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from multisymbol.config.build import build
from multisymbol.config.names import EARLIER_LOADERS, LOADER
from multisymbol.errors import BarsError, BundleError, ConfigError, FeatureError, SampleError, SymbolError
from multisymbol.learning.networks.embedding import NetworkShape
from multisymbol.markets.time import iso
from multisymbol.registry.bundle.format import Bundle, write_bundle
from multisymbol.serving import _load_pyfunc
from multisymbol.serving.live import live_windows
from multisymbol.serving.served_model import Model, Served, requirements_of
from tests.serving.stored import SYMBOLS, bundle_of, changed, store, world


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store(world(), tmp_path_factory.mktemp("model"))


@pytest.fixture
def folder(stored: Path, tmp_path: Path) -> Path:
    """Return a stored model of the test's own."""
    return Path(shutil.copytree(stored, tmp_path / "model"))


def test_there_is_one_answer_per_symbol_for_its_newest_bar() -> None:
    made = world()
    frame = pd.concat([made.rows(symbol) for symbol in SYMBOLS])
    answers = made.model.predict(frame)
    assert answers["symbol"].tolist() == list(SYMBOLS)
    ends = [made.bars(symbol).closed_at[-1] for symbol in SYMBOLS]
    assert [stamp.as_unit("ns").value for stamp in answers["decided_at"]] == ends
    prob = answers[["buy", "hold", "sell"]].to_numpy()
    np.testing.assert_allclose(prob.sum(axis=1), 1.0, rtol=1e-12)
    assert answers["decision"].tolist() == [("BUY", "HOLD", "SELL")[at] for at in prob.argmax(axis=1)]
    assert set(answers["model"]) == {"neuro.1h.universal"}
    assert set(answers["version"]) == {3}
    assert answers["known"].all()


def test_as_of_looks_at_no_later_bar_and_is_the_clock_of_ages() -> None:
    made, symbol = world(), SYMBOLS[0]
    rows, closed_at = made.rows(symbol), made.bars(symbol).closed_at
    then = iso(int(closed_at[-4]))
    given, cut = made.model.predict(rows, as_of=then), made.model.predict(rows.iloc[:-3], as_of=then)
    pd.testing.assert_frame_equal(given, cut)
    assert given["decided_at"].iloc[0].as_unit("ns").value == closed_at[-4]
    assert given["age_bars"].tolist() == [0]
    assert made.model.predict(rows)["age_bars"].iloc[0] > 1000  # by the wall clock, years later
    served = Served(made.model).predict(rows, {"as_of": then})
    pd.testing.assert_frame_equal(served, given)


def test_who_else_is_asked_and_in_which_order_changes_nothing() -> None:
    made = world()
    alone = pd.concat([made.model.predict(made.rows(symbol)) for symbol in SYMBOLS], ignore_index=True)
    # In order of time over all symbols, as a feed delivers them.
    mixed = pd.concat([made.rows(symbol) for symbol in SYMBOLS]).sort_values("timestamp", kind="stable")
    together = made.model.predict(mixed).set_index("symbol").loc[list(SYMBOLS)].reset_index()
    pd.testing.assert_frame_equal(together, alone, check_exact=True)


def test_a_symbol_that_was_not_trained_on_gets_the_unknown_slot_and_its_classs_scaling() -> None:
    made = world()
    rows = made.rows("SYN_A").assign(symbol="XOM", asset_class="stock")
    config = made.model.config_of("XOM", asset_class="stock")
    assert config == replace(made.model.config_of("SYN_A"), symbol="XOM")
    live = live_windows(rows, config=config, recipe=made.model.recipe, all_rows=False, from_start=False)
    own = live_windows(
        made.rows("SYN_A"),
        config=made.model.config_of("SYN_A"),
        recipe=replace(made.model.recipe, scaler=replace(made.bundle.scaler, by_symbol={})),
        all_rows=False,
        from_start=False,
    )
    np.testing.assert_array_equal(live.rows, own.rows)
    window = torch.from_numpy(live.rows[live.ends[0] - 7 : live.ends[0] + 1].copy())[None]
    slot = made.bundle.metadata["asset_classes"]["stock"]
    with torch.inference_mode():
        logits = made.network(window, torch.tensor([0]), torch.tensor([slot])).double()
    corrected = (logits - torch.tensor(made.bundle.metadata["log_class_weights"])) / made.bundle.metadata["temperature"]
    answer = made.model.predict(rows)
    assert not answer["known"].any()
    np.testing.assert_allclose(
        answer[["buy", "hold", "sell"]].to_numpy(), torch.softmax(corrected, 1).numpy(), rtol=1e-4
    )


@pytest.mark.parametrize(
    ("symbol", "asset_class", "message"),
    [
        ("SYNA", None, r"not trained on SYNA, did you mean 'SYN_A'\?; say its class in the column 'asset_class'"),
        ("XOM", "stocks", "expected one of stock, forex, crypto, metal, got 'stocks', did you mean 'stock'"),
        ("SYN_A", "forex", "SYN_A is of class stock in this model, the rows say forex"),
    ],
)
def test_a_symbol_without_its_class_is_refused(symbol: str, asset_class: str | None, message: str) -> None:
    made = world()
    rows = made.rows("SYN_A").assign(symbol=symbol, asset_class=asset_class)
    with pytest.raises(SymbolError, match=message):
        made.model.predict(rows)


def test_a_model_of_synthetic_bars_answers_for_its_own_market_alone() -> None:
    made = world()
    source = {**made.bundle.config["source"], "end": "2018-09-01"}
    facts = {**made.bundle.metadata, "provenance": "synthetic"}
    bundle = replace(made.bundle, metadata=facts, config={**made.bundle.config, "source": source})
    model = Model.of(bundle, name=None, version=None)
    rows = made.rows("SYN_A")
    assert len(model.predict(rows)) == 1
    with pytest.raises(SymbolError, match=r"SYNTHETIC bars of SYN_A, .* not XOM"):
        model.predict(rows.assign(symbol="XOM", asset_class="stock"))
    later = replace(bundle, config={**bundle.config, "source": {**source, "end": "2018-05-01"}})
    with pytest.raises(SymbolError, match=r"SYNTHETIC market that ends at 2018-05-01T00:00Z; the bars of SYN_A"):
        Model.of(later, name=None, version=None).predict(rows)


def test_a_symbol_has_one_class() -> None:
    made = world()
    rows = made.rows("SYN_A").assign(symbol="XOM", asset_class="stock")
    rows.loc[0, "asset_class"] = "forex"
    with pytest.raises(SymbolError, match="XOM: its rows name several asset classes, forex, stock"):
        made.model.predict(rows)


def test_a_class_that_was_not_trained_on_is_lent_no_statistics() -> None:
    made = world()
    rows = made.rows("SYN_D").assign(symbol="XAUUSD", asset_class="metal", volume=1.0)
    with pytest.raises(FeatureError, match="neither it nor its class metal was trained on"):
        made.model.predict(rows)


def test_columns_that_are_missing_are_named_with_the_nearest() -> None:
    rows = world().rows("SYN_A").rename(columns={"timestamp": "timestmp", "close": "last"})
    with pytest.raises(BarsError) as caught:
        world().model.predict(rows)
    assert "column 'timestamp' is missing, did you mean 'timestmp'?" in str(caught.value)
    assert "column 'close' is missing" in str(caught.value)


def test_no_rows_and_rows_of_nobody_are_refused() -> None:
    rows = world().rows("SYN_A")
    with pytest.raises(SampleError, match="there are no rows"):
        world().model.predict(rows.iloc[:0])
    rows["symbol"] = rows["symbol"].astype(object)
    rows.loc[5, "symbol"] = None
    with pytest.raises(BarsError, match="1 rows name no symbol, first row 5"):
        world().model.predict(rows)


def test_a_model_of_returns_forecasts_a_number() -> None:
    made = world()
    shape = NetworkShape(window=8, classes=1, **made.bundle.metadata["shape"])
    network = build(made.bundle.config["model"], role="network")(shape=shape).eval()
    bundle = changed(bundle_of(network, made.bundle.config, made.prepared), task="forward_return", classes=[])
    model = Model.of(bundle, name=None, version=None)
    answer = model.predict(made.rows("SYN_A"))
    assert list(answer.columns) == ["symbol", "decided_at", "forecast", "model", "version", "known", "age_bars"]
    assert np.isfinite(answer["forecast"]).all()


def test_a_stored_model_answers_its_example(stored: Path) -> None:
    model = Model.read(stored / "bundle", name=None, version=None)
    assert model.check()
    assert not Model.of(world().bundle, name=None, version=None).check()


def test_a_bundle_without_an_example_has_nothing_to_be_checked_with(tmp_path: Path) -> None:
    write_bundle(world().bundle, tmp_path / "bundle")
    assert not Model.read(tmp_path / "bundle", name=None, version=None).check()


def test_another_answer_than_the_stored_one_is_refused_with_the_versions(folder: Path) -> None:
    answer = json.loads((folder / "answer.json").read_text())
    was = answer["data"][0][2]
    answer["data"][0][2] = was + 0.001
    (folder / "answer.json").write_text(json.dumps(answer))
    with pytest.raises(BundleError) as caught:
        _load_pyfunc(str(folder))
    assert f"answered otherwise now: buy of SYN_A was {was + 0.001}, is {was}" in str(caught.value)
    assert "multisymbol's own (commit c0ffee then)" in str(caught.value)


def test_libraries_that_are_others_now_are_named(tmp_path: Path) -> None:
    older = changed(world().bundle, libraries={"numpy": "1.0.0", "torch": "0.1", "gone": "2"}, temperature=1.5)
    made = replace(world(), bundle=older)
    folder = store(made, tmp_path / "model")
    shutil.rmtree(folder / "bundle")
    write_bundle(changed(older, temperature=1.3), folder / "bundle")
    with pytest.raises(
        BundleError, match=r"numpy 1\.0\.0 then, 2.* now, torch 0\.1 then, .* now, gone 2 then, not inst"
    ):
        Model.read(folder / "bundle", name=None, version=None).check()


def test_an_example_that_has_no_answer_any_more_is_refused(folder: Path) -> None:
    example = json.loads((folder / "input_example.json").read_text())
    (folder / "input_example.json").write_text(json.dumps({**example, "data": example["data"][:9]}))
    with pytest.raises(BundleError, match="the stored example has no answer any more: SYN_A: 9 bars of 1h given"):
        _load_pyfunc(str(folder))


def test_name_and_version_are_what_mlflow_noted_or_unknown(folder: Path) -> None:
    served = _load_pyfunc(str(folder)).model
    assert (served.name, served.version) == (None, None)
    answer = served.predict(world().rows("SYN_A"))
    assert (answer["model"].tolist(), answer["version"].tolist()) == ([None], [None])
    (folder / "registered_model_meta").write_text("model_name: neuro.1h.universal\nmodel_version: '7'\n")
    served = _load_pyfunc(str(folder)).model
    assert (served.name, served.version) == ("neuro.1h.universal", 7)
    (folder / "registered_model_meta").write_text("")  # as another process begins to write it
    assert _load_pyfunc(str(folder)).model.name is None


def test_there_is_nothing_to_configure(folder: Path) -> None:
    with pytest.raises(ConfigError, match="takes no model_config, got device"):
        _load_pyfunc(str(folder), {"device": "cuda"})


def test_requirements_are_pinned_without_local_versions() -> None:
    bundle = changed(world().bundle, libraries={"torch": "2.13.0+cpu", "TA-Lib": "0.8.2"})
    assert requirements_of(bundle) == ["torch==2.13.0", "TA-Lib==0.8.2"]


def test_a_configuration_without_a_source_is_refused_as_foreign() -> None:
    bundle: Bundle = world().bundle
    config = {key: value for key, value in bundle.config.items() if key != "source"}
    with pytest.raises(BundleError, match=r"does not say how bars are read \(KeyError: 'source'\)"):
        Model.of(replace(bundle, config=config), name=None, version=None)


@pytest.fixture
def no_pickle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every way to load a pickle fail."""
    import cloudpickle  # type: ignore[import-untyped]

    class Refused(pickle.Unpickler):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            raise AssertionError("a pickle is loaded")

    def refused(*arguments: Any, **named: Any) -> Any:
        raise AssertionError("a pickle is loaded")

    for module in (pickle, cloudpickle):
        monkeypatch.setattr(module, "load", refused)
        monkeypatch.setattr(module, "loads", refused)
    monkeypatch.setattr(pickle, "Unpickler", Refused)
    monkeypatch.setattr(pickle, "_Unpickler", Refused)
    monkeypatch.setattr(torch, "load", refused)


@pytest.mark.usefixtures("no_pickle")
def test_no_pickle_is_loaded(folder: Path) -> None:
    from mlflow import pyfunc

    with pytest.raises(AssertionError, match="a pickle is loaded"):  # the trap works
        pickle.loads(b"N.")
    model = pyfunc.load_model(str(folder))
    assert len(model.predict(model.input_example)) == 2
    assert not [path for path in folder.rglob("*") if path.suffix in {".pkl", ".pickle", ".pt", ".pth", ".ckpt"}]


def test_mlflow_takes_what_people_have(stored: Path) -> None:
    from mlflow import pyfunc
    from mlflow.exceptions import MlflowException

    made = world()
    model = pyfunc.load_model(str(stored))
    rows = made.rows("SYN_A")  # instants with their zone
    whole = rows.assign(volume=rows["volume"].round().astype("int64"))
    expected = made.model.predict(whole).drop(columns=["model", "version"])
    answer = model.predict(whole).drop(columns=["model", "version"])
    pd.testing.assert_frame_equal(answer, expected, check_exact=True)
    assert len(model.predict(whole, params={"all_rows": True})) > 100
    with pytest.raises(MlflowException, match="SYN_A: 20 bars of 1h given; an answer at its newest needs up to"):
        model.predict(whole.iloc[:20])
    with pytest.raises(MlflowException, match="Model is missing inputs"):
        model.predict(whole.drop(columns="close"))


@pytest.mark.slow
def test_a_served_model_loads_neither_training_nor_tracking(stored: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from multisymbol.serving.served_model import Model
model = Model.read(Path({str(stored / "bundle")!r}), name=None, version=None)
assert model.check()
print([name for name in ("lightning", "mlflow", "hydra", "torchmetrics", "torch._dynamo") if name in sys.modules])
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.stdout == "[]\n", ended.stderr


def test_the_loader_is_named_by_its_module() -> None:
    assert [LOADER, *EARLIER_LOADERS] == ["multisymbol.serving", "multisymbol.evaluation.serving"]
    for name in (LOADER, *EARLIER_LOADERS):
        assert importlib.import_module(name)._load_pyfunc is _load_pyfunc

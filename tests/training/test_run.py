"""The whole way: from a configuration to a registered model, its record, and the facts that must hold of both."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from mlflow import MlflowClient
from safetensors.torch import load_file

from multisymbol.cli.specs import train_spec
from multisymbol.config.build import plain
from multisymbol.errors import SplitError
from multisymbol.progress import Terminal
from multisymbol.registry.bundle.format import read_bundle
from multisymbol.samples.dataset import prepare
from multisymbol.samples.fold import TEST, TRAIN, VALIDATION
from multisymbol.training.run import single_models
from tests.conftest import SMALL, Trained, compose_train, prepared_outputs, train_small


@pytest.fixture(scope="module")
def universal_run(tmp_path_factory: pytest.TempPathFactory, store_template: Path) -> Path:
    return train_small(prepared_outputs(tmp_path_factory.mktemp("universal"), store_template))


def client(run_dir: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{run_dir.parents[1]}/mlflow.db")


def test_universal_run_leaves_everything_it_should(universal_run: Path) -> None:
    run_dir = universal_run
    mlflow = client(run_dir)
    version = mlflow.get_model_version_by_alias("neuro_fuzzy.1h.universal", "newest")
    assert int(version.version) == 1
    assert version.tags["scope"] == "universal"
    assert json.loads(version.tags["asset_classes"]) == ["crypto", "forex", "stock"]
    assert {"strategy", "timeframe", "feature_digest", "train_until", "test_from", "git_commit"} <= set(version.tags)
    run_id = str(version.run_id)
    run = mlflow.get_run(run_id)
    assert run.inputs is not None
    assert run.info.status == "FINISHED"
    assert run.data.params["model"] == "Mlp"
    assert len(run.inputs.dataset_inputs) == 6
    assert {"val/log_loss", "val/log_loss/SYN_A", "test/log_loss", "test/skill/SYN_D", "train/loss"} <= set(
        run.data.metrics
    )
    assert len(mlflow.get_metric_history(run_id, "val/log_loss")) == 2
    stored = {file.path for folder in ("figures", "tables") for file in mlflow.list_artifacts(run_id, folder)}
    assert {"figures/fold.png", "figures/confusion.png", "figures/calibration.png", "tables/sampling.csv"} <= stored
    found = mlflow.search_logged_models(
        [run.info.experiment_id], filter_string="metrics.test_log_loss < 5", datasets=[{"dataset_name": "SYN_A"}]
    )
    assert [model.model_id for model in found] == [version.tags["model_id"]]


def test_bundle_holds_what_is_needed_to_use_the_model(universal_run: Path) -> None:
    run_dir = universal_run
    bundle = read_bundle(run_dir / "model" / "bundle")
    assert set(bundle.symbol_configs) == {"SYN_A", "SYN_B", "SYN_C", "SYN_D", "SYN_E", "SYN_F"}
    assert bundle.symbol_configs["SYN_F"]["costs"]["half_spread_bps"] == 0.5
    assert bundle.scaler.fitted_until < pd.Timestamp(bundle.metadata["spans"]["test_from"]).value
    assert bundle.symbols["symbols"]["SYN_A"]["slot"] == 1
    weights = load_file(run_dir / "model" / "bundle" / "weights.safetensors")
    assert set(weights) == set(bundle.weights)


def test_best_epoch_is_what_is_saved(training: Trained) -> None:
    """A learning rate that spoils the network after the first epoch: the last epoch is not the best one."""
    run_dir = training(
        "optimizer.lr=0.3", "trainer.max_epochs=3", "callbacks.early_stopping.patience=9", "scheduler=constant"
    )
    history = client(run_dir).get_metric_history(_run_id(run_dir), "val/log_loss")
    scores = [metric.value for metric in sorted(history, key=lambda metric: metric.step)]
    best = torch.load(run_dir / "checkpoints" / "best.ckpt", weights_only=True)
    last = torch.load(run_dir / "checkpoints" / "last.ckpt", weights_only=True)
    assert best["epoch"] == int(np.argmin(scores)) != last["epoch"]
    stored = read_bundle(run_dir / "model" / "bundle").weights
    for name, tensor in stored.items():
        assert torch.equal(tensor, best["state_dict"][f"network.{name}"])
    assert any(not torch.equal(tensor, last["state_dict"][f"network.{name}"]) for name, tensor in stored.items())


def test_single_model_is_registered_under_its_symbol(training: Trained) -> None:
    run_dir = training("mode=single", "symbol=SYN_A", "stride=1")
    version = client(run_dir).get_model_version_by_alias("neuro_fuzzy.1h.sym.SYN_A", "newest")
    assert json.loads(version.tags["symbols"]) == ["SYN_A"]


def test_same_seed_gives_the_same_weights_bit_for_bit_and_another_does_not(
    universal_run: Path, training: Trained
) -> None:
    once, again, other = (
        load_file(run_dir / "model" / "bundle" / "weights.safetensors")
        for run_dir in (universal_run, training(), training("seed=4", name="other"))
    )
    assert len(once) >= 4
    assert all(torch.equal(once[name], again[name]) for name in once)
    assert any(not torch.equal(once[name], other[name]) for name in once)


def test_predictions_are_joined_by_symbol_and_instant(universal_run: Path) -> None:
    table = pd.read_parquet(universal_run / "predictions.parquet")
    assert not table.duplicated(["symbol", "decided_at"]).any()
    assert np.allclose(table[["p_buy", "p_hold", "p_sell"]].sum(axis=1), 1)
    assert (table["resolved_at"] > table["decided_at"]).all()


LATE = (
    "source.ragged=true",
    "split.absent=allow",
    "split.validation_from=2017-07-13",
    "split.test_from=2017-08-15",
    "stride=1",
)
"""SYN_A, SYN_B and SYN_D begin too late to train, SYN_C and SYN_E train; the coin, alone in its class, does not."""


def test_symbol_of_an_untrained_class_is_left_out_by_name(
    training: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = read_bundle(training(*LATE) / "model" / "bundle")
    said = capsys.readouterr().out
    assert "absent     scored as unseen (no train rows): SYN_A, SYN_B, SYN_D · left out (no rows, or no train" in said
    assert "cut by     split: validation_from=2017-07-13 test_from=2017-08-15 validation_share=0.15" in said
    assert "SYN_F" not in bundle.metadata["test_by_symbol"]
    with pytest.raises(SplitError, match=r"SYN_F: .*no train: none of its samples"):
        training(*LATE, "split.absent=refuse", "symbols.without=[SYN_A,SYN_B,SYN_D]", name="refused")


def test_unseen_symbol_is_scored_with_its_class_and_never_trained(training: Trained) -> None:
    run_dir = training(*LATE, "symbols.without=[SYN_F]")
    bundle = read_bundle(run_dir / "model" / "bundle")
    unseen = [name for name, facts in bundle.symbols["symbols"].items() if facts["role"] == "unseen"]
    assert unseen == ["SYN_A", "SYN_B", "SYN_D"]
    assert all(bundle.symbols["symbols"][name]["slot"] == 0 for name in unseen)
    assert not set(unseen) & (set(bundle.scaler.by_symbol) | set(bundle.symbol_configs))
    assert set(unseen) <= set(bundle.metadata["test_by_symbol"])


def _run_id(run_dir: Path) -> str:
    return str(client(run_dir).get_model_version_by_alias("neuro_fuzzy.1h.universal", "newest").run_id)


def test_per_symbol_trains_and_registers_one_model_each_on_the_universe_s_cuts(training: Trained) -> None:
    run_dir = training("mode=per_symbol", "symbols.only=[SYN_A,SYN_D]", "trainer.max_epochs=1", "stride=1")
    store = client(run_dir)
    names = {model.name for model in store.search_registered_models()}
    assert names == {"neuro_fuzzy.1h.sym.SYN_A", "neuro_fuzzy.1h.sym.SYN_D"}
    begins = [
        pd.Timestamp(read_bundle(run_dir / name / "model" / "bundle").metadata["spans"]["test_from"])
        for name in ("SYN_A", "SYN_D")
    ]
    assert abs(begins[0] - begins[1]) < pd.Timedelta("18h"), "one clock: at most a night until the stock's next session"
    versions = [store.get_model_version_by_alias(name, "newest") for name in names]
    parents = {store.get_run(str(version.run_id)).data.tags["mlflow.parentRunId"] for version in versions}
    assert len(parents) == 1
    table = pd.read_parquet(run_dir / "predictions.parquet")
    assert set(table["symbol"]) == set(table["model"]) == {"SYN_A", "SYN_D"}


def test_single_arm_learns_from_exactly_the_universe_s_samples_of_its_symbol(tmp_path: Path) -> None:
    values = plain(compose_train(f"paths.outputs={tmp_path}", *SMALL))
    spec = train_spec(values)
    whole = prepare(spec.data, Terminal(silent=True))
    for index, (own, prepared) in enumerate(single_models(spec, whole)):
        assert own.run.symbol == whole.universe.symbols[index]
        for part in (TRAIN, VALIDATION, TEST):
            mine = whole.parts.positions(part)
            mine = mine[whole.ledger.symbol[mine] == index]
            theirs = prepared.parts.positions(part)
            assert np.array_equal(whole.ledger.decided_at[mine], prepared.ledger.decided_at[theirs])
            assert np.array_equal(whole.ledger.label[mine], prepared.ledger.label[theirs])
            same = whole.panel.features[whole.ledger.row[mine]] == prepared.panel.features[prepared.ledger.row[theirs]]
            assert same.all()


@pytest.mark.slow
def test_every_fold_is_a_run_of_its_own_and_the_last_one_s_model_is_registered(training: Trained) -> None:
    lengths = ("split.train=200d", "split.validation=90d", "split.test=90d", "split.count=3", "split.absent=allow")
    run_dir = training("split=walk_forward", *lengths, "trainer.max_epochs=1", "stride=1")
    store = client(run_dir)
    versions = store.search_model_versions("name='neuro_fuzzy.1h.universal'")
    assert len(versions) == 1
    tested = pd.read_parquet(run_dir / "predictions.parquet")
    assert tested["model"].nunique() == 3
    spans = tested.groupby("model")["decided_at"].agg(["min", "max"]).sort_values("min")
    assert (spans["min"].iloc[1:].to_numpy() > spans["max"].iloc[:-1].to_numpy()).all(), "test spans follow one another"
    assert not tested.duplicated(["symbol", "decided_at"]).any(), "stitched: each instant is tested once"
    last = str(spans.index[-1])
    assert store.get_run(str(versions[0].run_id)).data.tags["run_dir"].endswith(last)


@pytest.mark.slow
def test_sealed_span_is_never_read_until_it_is_opened_and_the_opening_is_recorded(training: Trained) -> None:
    seal = "split.sealed_from=2018-08-01"
    closed = pd.read_parquet(training(seal, name="closed") / "predictions.parquet")
    assert closed["resolved_at"].max() < pd.Timestamp("2018-08-01", tz="UTC")
    run_dir = training(seal, "open_sealed=does it hold", name="opened")
    opened = pd.read_parquet(run_dir / "predictions.parquet")
    assert opened["decided_at"].min() >= pd.Timestamp("2018-08-01", tz="UTC")
    tags = [run.data.tags for run in client(run_dir).search_runs(["1"])]
    assert [tag["opened_sealed_span"] for tag in tags if "opened_sealed_span" in tag] == ["does it hold"]


def test_return_is_learned_and_recorded_beside_zero(training: Trained) -> None:
    run_dir = training("labels=horizon", "loss=huber", "source.signal=0.3")
    table = pd.read_parquet(run_dir / "predictions.parquet")
    assert {"target", "forecast"} <= set(table.columns)
    scored = read_bundle(run_dir / "model" / "bundle").metadata
    assert scored["task"] == "forward_return"
    assert scored["test"]["test_ic"] > 0.05, "a plain signal is found"


def test_coarser_bars_are_made_of_the_source_s(training: Trained) -> None:
    run_dir = training("resample=4h", "stride=1", "split.absent=allow", "symbols.only=[SYN_D,SYN_F]", "labels.sigmas=6")
    (model,) = client(run_dir).search_registered_models()
    assert model.name == "neuro_fuzzy.4h.universal"

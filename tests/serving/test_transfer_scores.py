"""Scores of source models in a planted world: one forecasts what comes more often, one swears to the opposite."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from multisymbol.labels.labels import BUY, HOLD, SELL
from multisymbol.markets.bars import Bars, bars_between
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import iso
from multisymbol.registry.bundle.format import Bundle, write_bundle
from multisymbol.registry.selection.transfer import Key, SourceModel, TransferScore, by_evidence, key_of
from multisymbol.registry.store.store import BUNDLE_FOLDER, Store
from multisymbol.registry.store.versions import StoredVersion
from multisymbol.serving.served_model import Model
from multisymbol.serving.transfer_scores import transfer_scores
from multisymbol.statistics.loss_differentials import PROBABILITY_FLOOR
from tests.serving.stored import World, world

TARGET = "SYN_D"
SEEN = "2017-11-01T00:00Z"


@pytest.fixture(scope="module")
def made() -> World:
    return world("features.restart_bars=200")


@pytest.fixture(scope="module")
def bars(made: World) -> Bars:
    return made.bars(TARGET)


@pytest.fixture
def target(made: World) -> SymbolConfig:
    return made.model.config_of(TARGET)


@pytest.fixture
def local(tmp_path: Path) -> Store:
    return Store(uri=f"sqlite:///{tmp_path}/mlflow.db", artifact_root=str(tmp_path), mlflow_experiment="multisymbol")


def saying(bundle: Bundle, sure_of: int) -> Bundle:
    """Return the bundle with a network that says the same of every window."""
    weights = {name: torch.zeros_like(tensor) for name, tensor in bundle.weights.items()}
    (head,) = [name for name, tensor in weights.items() if tensor.shape == (3,)]
    weights[head] = torch.full((3,), -3.0)
    weights[head][sure_of] = 0.0
    return replace(bundle, weights=weights)


def source_model(folder: Path, name: str, bundle: Bundle, *, seen: str = SEEN) -> StoredVersion:
    write_bundle(bundle, folder / name / BUNDLE_FOLDER)
    tags = {"train_until": seen, "symbols": json.dumps([name])}
    return StoredVersion(
        name=f"neuro.1h.sym.{name}", version=1, tags=tags, aliases=(), source=str(folder / name), run_id="r"
    )


def test_planted_world_the_nearest_source_model_is_bad_and_its_losses_say_so(
    made: World, bars: Bars, target: SymbolConfig, local: Store, tmp_path: Path
) -> None:
    bad = source_model(tmp_path, "NEAR", saying(made.bundle, HOLD))
    good = source_model(tmp_path, "FAR", saying(made.bundle, BUY))
    found = transfer_scores([bad, good], store=local, config=target, bars=bars, as_of=None)
    trials = {key: each for key, each in found.items() if isinstance(each, TransferScore)}
    assert trials[key_of(good)].difference < -0.5
    assert sum(each.difference for each in trials.values()) == pytest.approx(0.0, abs=1e-12)
    ordered = by_evidence([SourceModel(version=bad, distance=0.4), SourceModel(version=good, distance=0.9)], found)
    assert [each.version for each in ordered] == [good, bad]
    few = {key: replace(each, labels=9.0) for key, each in trials.items()}
    assert (
        by_evidence([SourceModel(version=bad, distance=0.4), SourceModel(version=good, distance=0.9)], few)[0].version
        == bad
    )


def test_trials_know_nothing_after_as_of(
    made: World, bars: Bars, target: SymbolConfig, local: Store, tmp_path: Path
) -> None:
    asked = [source_model(tmp_path, "A", made.bundle), source_model(tmp_path, "B", saying(made.bundle, SELL))]
    last = int(0.7 * len(bars))
    as_of = int(bars.closed_at[last - 1])
    full, cut = (
        transfer_scores(asked, store=local, config=target, bars=each, as_of=as_of)
        for each in (bars, bars_between(bars, 0, last))
    )
    assert full == cut
    assert all(isinstance(each, TransferScore) for each in full.values())


def test_no_row_counts_that_any_source_model_has_seen(
    made: World, bars: Bars, target: SymbolConfig, local: Store, tmp_path: Path
) -> None:
    def labels(seen: str) -> dict[Key, TransferScore | str]:
        asked = [
            source_model(tmp_path / seen, "A", saying(made.bundle, BUY)),
            source_model(tmp_path / seen, "B", saying(made.bundle, SELL), seen=seen),
        ]
        return transfer_scores(asked, store=local, config=target, bars=bars, as_of=None)

    early, late = (list(labels(seen).values()) for seen in (SEEN, "2018-05-01T00:00Z"))
    assert all(isinstance(each, TransferScore) for each in early + late)
    assert [each.labels > 2 * other.labels > 0 for each, other in zip(early, late, strict=True)] == [True, True]  # type: ignore[union-attr]
    end = iso(int(bars.closed_at[-1]))
    assert set(labels(end).values()) == {f"no label was decided after {end} and known before now"}


def test_independent_labels_are_fewer_than_the_rows(
    made: World, bars: Bars, target: SymbolConfig, local: Store, tmp_path: Path
) -> None:
    asked = [source_model(tmp_path, name, saying(made.bundle, BUY)) for name in ("A", "B")]
    found = transfer_scores(asked, store=local, config=target, bars=bars, as_of=None)
    trial = found[key_of(asked[0])]
    assert isinstance(trial, TransferScore)
    assert trial.difference == 0.0
    assert 1.0 < trial.labels < 0.5 * len(bars)


def test_source_model_that_cannot_be_tried_says_why(
    made: World, bars: Bars, target: SymbolConfig, local: Store, tmp_path: Path
) -> None:
    first, second = (source_model(tmp_path, name, saying(made.bundle, BUY)) for name in ("A", "B"))
    damaged = source_model(tmp_path, "C", made.bundle)
    (tmp_path / "C" / BUNDLE_FOLDER / "metadata.json").write_text("{}")
    config = json.loads(json.dumps(made.bundle.config))
    for entry in config["symbol_configs"].values():
        entry["label"] |= {"sigmas": 3.0}
    own = {name: config["symbol_configs"][name] for name in made.bundle.symbol_configs}
    other = source_model(tmp_path, "D", replace(made.bundle, config=config, symbol_configs=own))
    found = transfer_scores([first, damaged, other, second], store=local, config=target, bars=bars, as_of=None)
    kinds = [type(each) for each in found.values()]
    assert kinds == [TransferScore, str, str, TransferScore]
    assert "was changed" in str(found[key_of(damaged)])
    assert found[key_of(other)] == "its labels are others"
    alone = transfer_scores([first, damaged], store=local, config=target, bars=bars, as_of=None)
    assert alone[key_of(first)] == "no other source model can be tried"


def test_losses_are_those_of_the_answers_on_resolved_rows(
    made: World, bars: Bars, target: SymbolConfig, local: Store, tmp_path: Path
) -> None:
    bundles = {"A": made.bundle, "B": saying(made.bundle, SELL)}
    asked = [source_model(tmp_path, name, bundle) for name, bundle in bundles.items()]
    found = transfer_scores(asked, store=local, config=target, bars=bars, as_of=None)
    ledger = made.prepared.ledger
    index = ledger.symbols.index(TARGET)
    counts = (ledger.symbol == index) & (ledger.decided_at > np.datetime64("2017-11-01", "ns").astype(np.int64))
    label = dict(zip(ledger.decided_at[counts].tolist(), ledger.label[counts].tolist(), strict=True))
    means = []
    for bundle in bundles.values():
        answers = Model.of(bundle, name=None, version=None).predict(
            made.rows(TARGET).assign(asset_class="forex"), all_rows=True, from_start=True
        )
        at = answers["decided_at"].dt.as_unit("ns").astype("int64")
        rows = answers[at.isin(label)]
        prob = np.maximum(rows[["buy", "hold", "sell"]].to_numpy(), PROBABILITY_FLOOR)
        classes = [label[each] for each in at[at.isin(label)]]
        means.append(-np.log(prob[np.arange(len(prob)), classes]).mean())
    trial = found[key_of(asked[0])]
    assert isinstance(trial, TransferScore)
    assert trial.difference == pytest.approx((means[0] - means[1]) / 2, rel=1e-9)

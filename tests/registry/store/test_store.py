import hashlib
import json
import math
import multiprocessing
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock, Timeout
from matplotlib.figure import Figure

from multisymbol.errors import OutputError, StoreError
from multisymbol.registry.bundle.files import files_digest
from multisymbol.registry.bundle.format import read_bundle, write_bundle
from multisymbol.registry.store.client import client
from multisymbol.registry.store.queries import list_versions
from multisymbol.registry.store.registration import settle_newest
from multisymbol.registry.store.store import DataFacts, Run, Store, model_name
from tests.registry.conftest import NAME, scored, store_at, the, tiny_bundle, version_tags


def models_below(store: Store, limit: str, symbol_slug: str) -> int:
    asked = client(store.uri)
    experiment = asked.get_experiment_by_name("multisymbol")
    assert experiment is not None
    found = asked.search_logged_models(
        [experiment.experiment_id], f"metrics.test_log_loss < {limit}", datasets=[{"dataset_name": symbol_slug}]
    )
    return len(found)


# --- prepare ---------------------------------------------------------------------------------------------------------


def test_prepared_database_is_write_ahead_and_keeps_files_where_told(store: Store) -> None:
    with sqlite3.connect(store.uri.removeprefix("sqlite:///")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        places = dict(connection.execute("SELECT name, artifact_location FROM experiments").fetchall())
    assert places["multisymbol"] == store.artifact_root
    assert "mlruns" not in places["Default"]


def test_prepared_store_is_recognised_without_importing_mlflow(store: Store) -> None:
    code = f"""
import sys
from multisymbol.registry.store.store import Store
Store(uri={store.uri!r}, artifact_root={store.artifact_root!r}, mlflow_experiment="multisymbol").prepare()
assert "mlflow" not in sys.modules, "mlflow was imported"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "outputs").write_text("a file")
    with pytest.raises(OutputError, match=r"outputs cannot be made: .*exists"):
        store_at(tmp_path / "outputs").prepare()


def test_relative_paths_are_refused() -> None:
    with pytest.raises(StoreError, match=r"absolute paths, got mlflow.db, artifacts"):
        Store(uri="sqlite:///mlflow.db", artifact_root="artifacts", mlflow_experiment="multisymbol")


@pytest.mark.parametrize("uri", ["localhost:5000", "postgresql://user@host/db", "mlflow.db", "http:/localhost"])
def test_address_that_is_neither_file_nor_server_is_refused(uri: str) -> None:
    with pytest.raises(StoreError, match=rf"{uri} is no address of a store; write sqlite:////absolute"):
        Store(uri=uri, artifact_root="/nowhere", mlflow_experiment="multisymbol")


def test_server_that_does_not_answer_is_named_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{free.getsockname()[1]}"
        store = Store(uri=uri, artifact_root="/nowhere", mlflow_experiment="multisymbol")
        with pytest.raises(StoreError, match=rf"no MLflow server answers at {uri} \(Connection refused\); start it"):
            store.prepare()


def test_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("not a database at all, but long enough to be read as one" * 20)
    with pytest.raises(StoreError, match=r"mlflow.db is not a database"):
        store_at(tmp_path).prepare()


def test_moved_store_is_refused_before_files_go_elsewhere(store: Store, tmp_path: Path) -> None:
    moved = Store(uri=store.uri, artifact_root=str(tmp_path / "new"), mlflow_experiment="multisymbol")
    with pytest.raises(StoreError, match=r"keeps its files in .*outputs/artifacts, not in .*new"):
        moved.prepare()


def test_a_moved_folder_is_found_again_with_its_models(
    registered: Callable[..., int], store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    registered()
    digest = files_digest(store.download(the(store.find(NAME, version=1))))
    old = Path(store.artifact_root).parent
    new = old.rename(old.with_name("elsewhere"))
    moved = store_at(new)
    folder = moved.download(the(moved.find(NAME, version=1)))  # a command that only reads
    assert f"the store was moved from {old}/artifacts to {new}/artifacts" in " ".join(capsys.readouterr().err.split())
    assert folder.is_relative_to(new)
    assert files_digest(folder) == digest
    with sqlite3.connect(new / "mlflow.db") as connection:
        assert str(old) + "/" not in "\n".join(connection.iterdump())
    moved.prepare()
    assert capsys.readouterr().err == ""


def test_deleted_experiment_is_refused(store: Store) -> None:
    experiment = client(store.uri).get_experiment_by_name("multisymbol")
    assert experiment is not None
    client(store.uri).delete_experiment(experiment.experiment_id)
    with pytest.raises(StoreError, match="was deleted; restore it, or choose another name"):
        store.prepare()


def test_killed_preparation_leaves_no_half_database(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(database: Path, *, artifact_root: str) -> None:
        database.write_text(f"half a database for {artifact_root}")
        raise KeyboardInterrupt

    def migrated(database: Path, *, artifact_root: str) -> None:
        assert artifact_root
        database.write_bytes(template.read_bytes())

    monkeypatch.setattr("multisymbol.registry.store.database._migrate", killed)
    with pytest.raises(KeyboardInterrupt):
        store_at(tmp_path).prepare()
    assert not (tmp_path / "mlflow.db").exists()
    monkeypatch.setattr("multisymbol.registry.store.database._migrate", migrated)
    store_at(tmp_path).prepare()
    assert store_at(tmp_path).open_run(None, tags={}).name


# --- runs ------------------------------------------------------------------------------------------------------------


def test_run_holds_what_was_logged(store: Store, run: Run, tmp_path: Path) -> None:
    (tmp_path / "card.md").write_text("# card")
    run.log_params({f"p{index}": index for index in range(150)})
    run.log_metrics({"val/log_loss": 0.98, "val/mcc": math.nan}, step=3)
    run.log_text("a,b", path="tables/symbols.csv")
    run.log_json({"b": 1, "a": 2}, path="config.json")
    run.log_file(tmp_path / "card.md", folder="docs")
    run.set_tags({"verdict": "none"})
    run.finish()
    stored = client(store.uri).get_run(run.run_id)
    assert stored.data.params["p149"] == "149"
    assert stored.data.metrics["val/log_loss"] == 0.98
    assert math.isnan(stored.data.metrics["val/mcc"])
    assert (stored.data.tags["mode"], stored.data.tags["verdict"]) == ("universal", "none")
    assert (stored.info.status, stored.info.run_name) == ("FINISHED", "finch")
    files = Path(store.artifact_root) / run.run_id / "artifacts"
    assert (files / "tables/symbols.csv").read_text() == "a,b"
    assert list(json.loads((files / "config.json").read_text())) == ["b", "a"]
    assert (files / "docs/card.md").exists()


def test_figure_is_stored_in_the_format_of_its_name(store: Store, run: Run) -> None:
    run.log_figure(Figure(), path="figures/folds.png")
    content = (Path(store.artifact_root) / run.run_id / "artifacts/figures/folds.png").read_bytes()
    assert content.startswith(b"\x89PNG")


NAMES = [f"SYMBOL_WITH_A_LONG_NAME_{number:03d}" for number in range(300)]


def test_what_mlflow_would_cut_is_shortened_with_length_hash_and_place(store: Store, caplog: Any) -> None:
    weights = str(dict.fromkeys(NAMES, 1.0))
    opened = store.open_run("many", tags={"symbols": ",".join(NAMES), "short": "x" * 8000})
    opened.log_params({"weights": weights, "others": weights.replace("1.0}", "2.0}"), "just": "x" * 6000})
    opened.set_tags({"again": ",".join(NAMES)})
    stored = client(store.uri).get_run(opened.run_id).data
    assert (stored.params["just"], stored.tags["short"]) == ("x" * 6000, "x" * 8000)
    assert stored.tags["symbols"] == stored.tags["again"]
    names = ",".join(NAMES)
    for text, limit, whole in ((stored.params["weights"], 6000, weights), (stored.tags["symbols"], 8000, names)):
        assert len(text) == limit
        digest = hashlib.sha256(whole.encode()).hexdigest()[:16]
        end = f"… [{len(whole):,} characters, sha256 {digest}; all of it: the run's artifact config.json]"
        assert text == whole[: limit - len(end)] + end
    assert stored.params["weights"] != stored.params["others"], "they differ in their last value alone"
    opened.log_params({"weights": weights})
    assert "param_drift" not in client(store.uri).get_run(opened.run_id).data.tags
    assert "truncated" not in caplog.text


def test_a_version_of_300_symbols_names_them_all(store: Store, registered: Callable[..., int]) -> None:
    number = registered(tags=replace(version_tags(), symbols=NAMES), description="long " * 2000)
    (version,) = [each for each in store.versions() if each.version == number]
    assert json.loads(version.tags["symbols"]) == NAMES


def test_resumed_run_notes_changed_params_instead_of_failing(store: Store, run: Run) -> None:
    run.log_params({"lr": 0.1, "seed": 1})
    run.finish("FAILED")
    resumed = store.resume_run(run.run_id)
    resumed.log_params({"lr": 0.2, "seed": 1, "new": 3})
    stored = client(store.uri).get_run(run.run_id)
    assert (resumed.name, stored.info.status) == ("finch", "RUNNING")
    assert stored.data.params == {"lr": "0.1", "seed": "1", "new": "3"}
    assert json.loads(stored.data.tags["param_drift"]) == {"lr": ["0.1", "0.2"]}


def test_unknown_run_is_named(store: Store) -> None:
    with pytest.raises(StoreError, match="run nope cannot be resumed"):
        store.resume_run("nope")


def test_children_point_to_their_parent(store: Store) -> None:
    parent = store.parent_run("sweep", tags={"sweep_over": "seed=1,2"})
    child = store.open_run("job 0", tags={}, parent_run_id=parent.run_id)
    tags = client(store.uri).get_run(child.run_id).data.tags
    assert tags["mlflow.parentRunId"] == parent.run_id


def test_inputs_name_each_symbol_by_slug_digest_and_profile(store: Store, run: Run) -> None:
    facts = [
        DataFacts(name=slug, digest="0123456789" * 6, source="bars/x.parquet", profile={"bars": 9})
        for slug in ("GC_3DF", "BRK_2EB")
    ]
    run.log_inputs(facts, context="train")
    stored = client(store.uri).get_run(run.run_id).inputs
    assert stored is not None
    inputs = stored.dataset_inputs
    assert sorted(item.dataset.name for item in inputs) == ["BRK_2EB", "GC_3DF"]
    assert {item.dataset.digest for item in inputs} == {("0123456789" * 6)[:36]}
    assert json.loads(inputs[0].dataset.profile or "") == {"bars": 9}
    assert inputs[0].tags[0].value == "train"


def test_store_without_experiment_says_prepare_first(template: Path) -> None:
    bare = Store(uri=f"sqlite:///{template}", artifact_root="/nowhere", mlflow_experiment="multisymbol")
    with pytest.raises(StoreError, match=r"no MLflow experiment 'multisymbol'; call prepare\(\) first"):
        bare.open_run("early", tags={})


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        (None, "neuro.1h.universal"),
        ("BRK.B", "neuro.1h.sym.BRK_2EB"),
        ("GC=F", "neuro.1h.sym.GC_3DF"),
        ("^GSPC", "neuro.1h.sym._5EGSPC"),
        ("EUR/USD", "neuro.1h.sym.EUR_2FUSD"),
        ("BTC-USD", "neuro.1h.sym.BTC-USD"),
    ],
)
def test_model_names_are_built_from_slugs(symbol: str | None, expected: str) -> None:
    assert model_name("neuro", timeframe="1h", symbol=symbol) == expected


@pytest.mark.parametrize("symbol", ["BRK.B", "GC=F", "^GSPC", "EUR/USD", "BTC-USD", "日経", "a" * 80])
def test_mlflow_takes_every_name_we_build(registered: Callable[..., int], store: Store, symbol: str) -> None:
    name = model_name("neuro", timeframe="1h", symbol=symbol)
    registered(name, tags=version_tags(scope="single", symbols=(symbol,)), scores=[scored(symbol, 0.9)])
    found = store.find(name, alias="newest")
    assert found is not None
    assert json.loads(found.tags["symbols"]) == [symbol]


@pytest.mark.parametrize("strategy", ["a.b", "a/b", "a:b", "", "../x", "a b", "-x"])
def test_strategy_that_cannot_name_a_model_is_refused(strategy: str) -> None:
    with pytest.raises(StoreError, match="cannot name a model; use letters, digits"):
        model_name(strategy, timeframe="1h")


def test_too_long_name_is_refused() -> None:
    with pytest.raises(StoreError, match="at most 250 characters"):
        model_name("n" * 240, timeframe="1h")


@pytest.mark.parametrize("alias", ["latest", "Latest", "v1", "V2", "a b", "", "ä"])
def test_alias_mlflow_refuses_is_refused_before_it_is_asked(
    registered: Callable[..., int], store: Store, alias: str
) -> None:
    registered()
    with pytest.raises(StoreError, match=f"'{alias}' cannot be an alias"):
        store.set_alias(the(store.find(NAME, version=1)), alias)
    assert the(store.find(NAME, version=1)).aliases == ("newest",)


# --- registry --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("candidate", ["sweep", "fold", "comparison", "import"])
def test_newest_is_moved_by_a_training_of_its_own_alone(
    registered: Callable[..., int], store: Store, candidate: str
) -> None:
    own, taken = registered(), registered(tags=version_tags(candidate=candidate))
    assert the(store.find(NAME, version=own)).aliases == ("newest",)
    assert (the(store.find(NAME, version=taken)).aliases, the(store.find(NAME, version=taken)).serves) == ((), False)
    store.retire(the(store.find(NAME, version=own)))
    assert store.find(NAME, alias="newest") is None, "no candidate takes its place"
    store.set_alias(the(store.find(NAME, version=taken)), "champion")
    assert the(store.find(NAME, version=taken)).serves


def test_registered_version_is_found_by_alias_and_number_with_its_tags(
    registered: Callable[..., int], store: Store, run: Run, model_folder: Path
) -> None:
    assert registered() == 1
    found = store.find(NAME, alias="newest")
    assert found == store.find(NAME, version=1)
    assert found is not None
    assert (found.version, found.aliases, found.run_id) == (1, ("newest",), run.run_id)
    model_id = found.tags["model_id"]
    assert found.tags == {
        "strategy": "neuro",
        "scope": "universal",
        "timeframe": "1h",
        "asset_classes": '["metal", "stock"]',
        "symbols": '["BRK.B", "GC=F"]',
        "feature_digest": "f00d",
        "label": "zigzag",
        "train_from": "1970-01-01T00:00Z",
        "train_until": "2018-06-01T00:00Z",
        "test_from": "2018-12-01T00:00Z",
        "test_until": "2020-05-29T00:00Z",
        "data_digest": "d1",
        "git_commit": "c0ffee",
        "rows": "1000",
        "test_log_loss": "0.981",
        "no_skill": "0.993",
        "provenance": "real",
        "run_id": run.run_id,
        "model_id": model_id,
        "files_digest": files_digest(model_folder),
        "registered_at": found.tags["registered_at"],
    }
    assert model_id in found.source


def test_registered_model_says_what_it_is_for(registered: Callable[..., int], store: Store) -> None:
    registered()
    name = model_name("neuro", timeframe="1h", symbol="GC=F")
    registered(name, tags=version_tags(scope="single", symbols=("GC=F",), asset_classes=("metal",)))
    universal, single = (client(store.uri).get_registered_model(each).tags for each in (NAME, name))
    assert universal == {"strategy": "neuro", "scope": "universal", "timeframe": "1h"}
    assert (single["scope"], single["symbol"], single["asset_class"]) == ("single", "GC=F", "metal")


def test_downloaded_bundle_is_the_one_registered(registered: Callable[..., int], store: Store) -> None:
    registered()
    found = store.find(NAME, version=1)
    assert found is not None
    assert read_bundle(store.download(found)).metadata == tiny_bundle().metadata


def test_whole_folder_of_a_model_is_stored(registered: Callable[..., int], store: Store) -> None:
    registered()
    found = store.find(NAME, version=1)
    assert found is not None
    assert (store.download(found).parent / "card.md").read_text() == "# neuro"


def test_folder_without_a_bundle_is_refused_before_anything_is_stored(store: Store, run: Run, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"holds no 'bundle' folder; write the bundle into it first"):
        store.register(run, tmp_path, name=NAME, tags=version_tags(), scores=[], pooled={})
    assert models_below(store, "9", "GC_3DF") == 0


def test_lost_files_are_named(registered: Callable[..., int], store: Store) -> None:
    registered()
    found = store.find(NAME, version=1)
    assert found is not None
    folder = store.download(found)
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(StoreError, match=rf"files of {NAME} version 1 are not at"):
        store.download(found)


def test_what_is_not_there_is_none(registered: Callable[..., int], store: Store) -> None:
    assert store.find("other.1h.universal", alias="newest") is None
    assert store.find("other.1h.universal", version=1) is None
    registered()
    assert store.find(NAME, alias="champion") is None
    assert store.find(NAME, version=2) is None


def test_failing_store_is_an_error_not_an_absence(registered: Callable[..., int], store: Store) -> None:
    registered()
    with sqlite3.connect(store.uri.removeprefix("sqlite:///")) as connection:
        connection.execute("DROP TABLE registered_model_aliases")
    with pytest.raises(StoreError, match=f"{NAME} cannot be looked up"):
        store.find(NAME, alias="newest")


@pytest.mark.parametrize("choice", [{}, {"alias": "newest", "version": 1}])
def test_asking_by_both_or_neither_is_refused(store: Store, choice: dict[str, Any]) -> None:
    with pytest.raises(StoreError, match="by alias or by version"):
        store.find(NAME, **choice)


def test_newest_moves_with_each_version_and_other_aliases_stay(registered: Callable[..., int], store: Store) -> None:
    registered(role="champion")
    assert registered() == 2
    newest, champion = (the(store.find(NAME, alias=alias)) for alias in ("newest", "champion"))
    assert (newest.version, champion.version) == (2, 1)


def test_alias_never_moves_back(registered: Callable[..., int], store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type(client(store.uri))
    create = kind.create_model_version

    def overtaken(self: Any, name: str, *arguments: Any, **choices: Any) -> Any:
        made = create(self, name, *arguments, **choices)
        later = create(self, name, *arguments, **choices)
        self.set_registered_model_alias(name, "newest", str(later.version))
        return made

    monkeypatch.setattr(kind, "create_model_version", overtaken)
    assert registered() == 1
    assert the(store.find(NAME, alias="newest")).version == 2


def test_newest_is_right_when_another_registers_between_our_look_and_our_change(
    registered: Callable[..., int], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered()
    second = registered()
    store.drop_alias(NAME, "newest")
    listed = [each for each in list_versions(store.uri, name=NAME, tags={}) if each.version != second]
    looks = iter([listed])
    now = partial(list_versions, store.uri, name=NAME, tags={})
    monkeypatch.setattr(
        "multisymbol.registry.store.registration.list_versions", lambda *_, **__: next(looks, None) or now()
    )
    settle_newest(store.uri, NAME)
    assert the(store.find(NAME, alias="newest")).version == second


def test_newest_is_right_when_the_version_it_was_to_name_is_deleted_meanwhile(
    registered: Callable[..., int], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered()
    second = replace(the(store.find(NAME, version=1)), version=2, aliases=())
    looks = iter([[second]])
    now = partial(list_versions, store.uri, name=NAME, tags={})
    monkeypatch.setattr(
        "multisymbol.registry.store.registration.list_versions", lambda *_, **__: next(looks, None) or now()
    )
    settle_newest(store.uri, NAME)
    assert the(store.find(NAME, alias="newest")).version == 1


def test_version_retired_while_it_is_promoted_gets_no_role(
    registered: Callable[..., int], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered()
    version = the(store.find(NAME, version=1))
    kind = type(client(store.uri))
    give = kind.set_registered_model_alias

    def overtaken(self: Any, name: str, alias: str, number: str) -> None:
        give(self, name, alias, number)
        store.set_version_tags(version, {"retired": "2020-01-01T00:00Z"})

    monkeypatch.setattr(kind, "set_registered_model_alias", overtaken)
    with pytest.raises(StoreError, match="is retired; take that back first"):
        store.set_alias(version, "champion")
    assert store.find(NAME, alias="champion") is None


def test_kill_before_the_alias_leaves_nothing_an_alias_could_pick(
    registered: Callable[..., int], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered()

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(client(store.uri)), "set_registered_model_alias", killed)
        with pytest.raises(KeyboardInterrupt):
            registered()
    half, newest = store.find(NAME, version=2), store.find(NAME, alias="newest")
    assert half is not None
    assert newest is not None
    assert (newest.version, half.aliases) == (1, ())
    assert half.tags["data_digest"] == "d1"


def test_models_are_found_by_their_score_on_one_symbol(registered: Callable[..., int], store: Store) -> None:
    registered()
    assert models_below(store, "1", "GC_3DF") == 1
    assert models_below(store, "1", "BRK_2EB") == 0
    assert models_below(store, "1.2", "BRK_2EB") == 1
    assert models_below(store, "9", "AAPL") == 0


def test_every_score_of_many_symbols_arrives(registered: Callable[..., int], store: Store) -> None:
    registered(scores=[scored(f"S{index}", index / 100) for index in range(120)])
    experiment = client(store.uri).get_experiment_by_name("multisymbol")
    assert experiment is not None
    (model,) = client(store.uri).search_logged_models([experiment.experiment_id])
    stored = {metric.dataset_name: metric.value for metric in model.metrics or []}
    assert stored == {f"S{index}": index / 100 for index in range(120)} | {None: 1.0}


def test_run_shows_the_score_over_all_symbols(registered: Callable[..., int], store: Store, run: Run) -> None:
    registered(pooled={"test_log_loss": 0.5})
    assert client(store.uri).get_run(run.run_id).data.metrics["test_log_loss"] == 0.5


def test_score_that_does_not_exist_is_absent_not_zero(registered: Callable[..., int], store: Store) -> None:
    registered(scores=[scored("GC=F", math.nan)])
    assert models_below(store, "1", "GC_3DF") == 0


def test_version_and_alias_are_made_by_one_process_at_a_time(
    registered: Callable[..., int], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(client(store.uri))
    create = kind.create_model_version
    held = []

    def watched(self: Any, *arguments: Any, **choices: Any) -> Any:
        with pytest.raises(Timeout), FileLock(f"{store.uri.removeprefix('sqlite:///')}.registration.lock", timeout=0):
            pass
        held.append(True)
        return create(self, *arguments, **choices)

    monkeypatch.setattr(kind, "create_model_version", watched)
    registered()
    assert held == [True]


# --- several processes -----------------------------------------------------------------------------------------------


def prepare_and_log(folder: str) -> str:
    store = store_at(Path(folder))
    store.prepare()
    run = store.open_run(None, tags={})
    run.log_metrics({"x": 1.0}, step=0)
    return run.run_id


def register_some(folder: str, model: str, count: int) -> list[int]:
    store = store_at(Path(folder))
    store.prepare()
    run = store.open_run(None, tags={})
    choices: dict[str, Any] = {"tags": version_tags(), "scores": [scored("GC=F", 0.9)], "pooled": {}}
    return [store.register(run, Path(model), name=NAME, **choices).version for _ in range(count)]


@pytest.mark.slow
def test_processes_that_prepare_a_fresh_folder_at_once_all_work(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        runs = pool.map(prepare_and_log, [str(tmp_path / "fresh")] * 3, chunksize=1)
    assert len(set(runs)) == 3
    assert not (tmp_path / "fresh" / "mlflow.db.draft").exists()


@pytest.mark.slow
def test_processes_that_register_at_once_get_distinct_versions(store: Store, tmp_path: Path) -> None:
    write_bundle(tiny_bundle(), tmp_path / "model" / "bundle")
    folder = str(Path(store.artifact_root).parent)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        versions = pool.starmap(register_some, [(folder, str(tmp_path / "model"), 8)] * 2, chunksize=1)
    assert sorted(versions[0] + versions[1]) == list(range(1, 17))
    newest = store.find(NAME, alias="newest")
    assert newest is not None
    assert newest.version == 16

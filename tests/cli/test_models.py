"""The registry from the command line: what is shown, what changes, and what a mistake is answered with."""

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from multisymbol.cli import models
from multisymbol.cli.commands import models as models_command
from multisymbol.config.build import plain
from multisymbol.markets.time import DAY, instant
from multisymbol.registry.store.client import client
from multisymbol.registry.store.store import Store, StoredVersion
from multisymbol.reports.tables.models import list_table
from tests.conftest import ROOT, Command, Trained, compose_train
from tests.registry.conftest import NAME, store_at, version_tags
from tests.registry.stored import METADATA, SYMBOLS, model_at

Say = Callable[..., str]
SINGLE = "neuro.1h.sym.GC_3DF"


def register(store: Store, folder: Path, *, name: str = NAME, **changes: Any) -> StoredVersion:
    """Register a model whose bundle and tags say the same."""
    metadata = {**METADATA, **changes.pop("metadata", {})}
    symbols = changes.pop("symbols", SYMBOLS)
    model_at(folder, metadata={**metadata, "scope": symbols["scope"]}, symbols=symbols, **changes.pop("bundle", {}))
    run = store.open_run(None, tags={})
    tags = version_tags(scope=symbols["scope"], label=metadata["label"], **changes)
    version = store.register(run, folder, name=name, tags=tags, scores=[], pooled={})
    run.finish()
    return version


def scores(first: float, second: float) -> dict[str, Any]:
    """Return test scores of two symbols."""
    return {
        "GC=F": {"test_log_loss": first, "test_no_skill_log_loss": 0.95, "test_rows": 100.0},
        "AAPL": {"test_log_loss": second, "test_no_skill_log_loss": 0.97, "test_rows": 50.0},
    }


BARS = {"GC=F": "f" * 64, "AAPL": "e" * 64}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, store_template: Path) -> Path:
    """Return outputs with two versions of a universal model and a single one."""
    outputs = tmp_path_factory.mktemp("outputs")
    shutil.copy(store_template, outputs / "mlflow.db")
    store = store_at(outputs)
    store.prepare()
    rooms = (outputs / f"model{number}" for number in range(3))
    universal: dict[str, Any] = {"symbols": SYMBOLS, "asset_classes": ("stock", "metal")}
    register(store, next(rooms), metadata={"test_by_symbol": scores(0.9, 0.8), "bars": BARS}, **universal)
    changed: dict[str, Any] = {"bundle": {"config": {"seed": 2, "window": 32}}, "test_log_loss": 0.97}
    register(store, next(rooms), metadata={"test_by_symbol": scores(0.92, 0.75), "bars": BARS}, **universal, **changed)
    alone = {"scope": "single", "timeframe": "1h", "symbols": {"GC=F": {"slot": 1, "asset_class": "metal", "train": 9}}}
    register(
        store,
        next(rooms),
        name=SINGLE,
        metadata={"test_by_symbol": {"GC=F": scores(0.88, 0)["GC=F"]}, "bars": {"GC=F": "f" * 64}},
        bundle={"symbol_configs": {}, "similarity": {}},
        symbols=alone,
        asset_classes=("metal",),
        parent=f"{NAME}/1",
    )
    return outputs


@pytest.fixture
def outputs(filled: Path, tmp_path: Path) -> Path:
    """Return a store of the test's own, which may be changed."""
    own = tmp_path / "outputs"
    shutil.copytree(filled, own)
    text = f"UPDATE {{table}} SET {{column}} = replace({{column}}, '{filled}', '{own}')"
    places = {"experiments": "artifact_location", "logged_models": "artifact_location", "model_versions": "source"}
    with sqlite3.connect(own / "mlflow.db") as connection:
        for table, column in places.items():
            connection.execute(text.format(table=table, column=column))
    return own


@pytest.fixture
def say(outputs: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a verb; return what it printed, on standard error where it fails."""

    def call(verb: str, *arguments: str, status: int = 0, store: Path = outputs) -> str:
        assert models_command.run([verb, *arguments, "--store", str(store)]) == status
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return said.err.strip() if status == 2 else said.out.strip()

    return call


# --- list and show ---------------------------------------------------------------------------------------------------


def test_list_sets_each_version_s_score_beside_that_without_skill(say: Say) -> None:
    lines = say("list").splitlines()
    assert lines[0].startswith("3 versions of 2 models")
    columns = re.split(r" {3,}", lines[1])
    names = "model, version, aliases, scope, symbols, timeframe, test, no-skill, better by, age"
    assert columns == names.split(", ")
    cells = {tuple(re.split(r" {2,}", line)[:2]): re.split(r" {2,}", line) for line in lines[2:]}
    row = cells[NAME, "2"]
    assert row[:9] == [NAME, "2", "newest", "universal", "BRK.B, GC=F", "1h", "0.9700", "0.9930", "+0.0230"]
    assert set(cells) == {(NAME, "1"), (NAME, "2"), (SINGLE, "1")}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (("--scope", "single"), {SINGLE}),
        (("--alias", "newest"), {NAME, SINGLE}),
        (("--asset-class", "stock"), {NAME}),
        (("--symbol", "BRK.B"), {NAME, SINGLE}),
        (("--symbol", "TSLA"), set()),
        (("--timeframe", "4h"), set()),
        (("--strategy", "neuro", "--timeframe", "1h"), {NAME, SINGLE}),
    ],
)
def test_list_shows_what_is_asked_for(say: Say, choice: tuple[str, ...], expected: set[str]) -> None:
    assert {version["name"] for version in json.loads(say("list", *choice, "--json"))} == expected
    assert expected or say("list", *choice) == "no model fits"


def test_age_is_in_the_largest_unit_that_fits() -> None:
    def age(passed: int) -> object:
        at = instant("2020-01-01")
        version = StoredVersion(
            name="n", version=1, tags={"registered_at": "2020-01-01T00:00Z"}, aliases=(), source="", run_id=""
        )
        return list_table([version], now=at + passed).rows[0][-1]

    assert [age(DAY // part) for part in (86_400, 1440, 24, 1)] == ["1 s", "1 min", "1 h", "1 d"]
    assert age(400 * DAY) == "400 d"


def test_list_of_an_old_version_without_a_score_has_no_number(say: Say, outputs: Path) -> None:
    store = store_at(outputs)
    folder = outputs / "later"
    register(store, folder, name="other.1h.universal", test_log_loss=None, no_skill=None, symbols=SYMBOLS)
    (line,) = [line for line in say("list").splitlines() if line.startswith("other")]
    assert re.split(r" {2,}", line)[6:9] == ["–", "–", "–"]


def test_show_tells_what_a_version_was_trained_on_and_scored(say: Say) -> None:
    said = say("show", f"{NAME}/1")
    assert said.startswith(f"{NAME} version 1")
    assert "trained on BRK.B, GC=F (metal, stock), 1,000 rows, 1h" in said
    assert "train      1970-01-01T00:00Z .. 2018-06-01T00:00Z (validation included)" in said
    assert re.search(r"AAPL +stock +400 +– +0.8000 +0.9700", said)
    assert json.loads(say("show", f"{NAME}/1", "--json"))["metadata"]["test_by_symbol"] == scores(0.9, 0.8)


@pytest.mark.parametrize(("text", "version"), [(NAME, 2), (f"{NAME}@newest", 2), (f"{NAME}/1", 1), (SINGLE, 1)])
def test_bare_name_means_the_newest_where_there_is_no_champion(say: Say, text: str, version: int) -> None:
    assert json.loads(say("show", text, "--json"))["version"] == version


def test_bare_name_means_the_champion(say: Say) -> None:
    say("promote", f"{NAME}/1")
    assert json.loads(say("show", NAME, "--json"))["version"] == 1


# --- compare ---------------------------------------------------------------------------------------------------------


def test_compare_shows_what_differs_and_scores_on_the_same_rows(say: Say) -> None:
    said = say("compare", f"{NAME}/1", f"{NAME}/2")
    assert re.search(r"^test_log_loss +0.981 +0.97$", said, re.MULTILINE)
    assert re.search(r"^seed +1 +2$", said, re.MULTILINE)
    assert re.search(r"^GC=F +100 +0.9000 +0.9200 +\+0.0200 +0.9500$", said, re.MULTILINE)
    assert re.search(r"^AAPL +50 +0.8000 +0.7500 +-0.0500 +0.9700$", said, re.MULTILINE)
    assert "label" not in said


def test_compare_of_universal_and_single_takes_the_symbol_they_share(say: Say) -> None:
    data = json.loads(say("compare", f"{NAME}/1", f"{SINGLE}/1", "--json"))
    assert data["scores"] == {"GC=F": [100.0, 0.9, 0.88, 0.95]}
    assert data["left_out"] == ["AAPL"]
    assert data["differing"]["scope"] == ["universal", "single"]
    assert "not compared: AAPL (other test rows, or tested in one alone)" in say("compare", f"{NAME}/1", f"{SINGLE}/1")


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"label": "Horizon(bars=5)"}, r"the labels differ \(ZigZag\(threshold=0.02\) and Horizon\(bars=5\)\)"),
        ({"spans": {**METADATA["spans"], "test_until": "2021-01-01T00:00Z"}}, "the test spans differ"),
        ({"test": {"test_huber": 0.1}}, "one is judged by log-loss, the other by Huber"),
        ({"bars": {"GC=F": "0" * 64}}, "no symbol has the same test rows"),
        ({"test_by_symbol": {"GC=F": {"test_log_loss": 0.1, "test_rows": 99.0}}}, "no symbol has the same test rows"),
    ],
)
def test_scores_of_different_rows_are_not_set_beside_each_other(
    say: Say, outputs: Path, metadata: dict[str, Any], reason: str
) -> None:
    other = {"test_by_symbol": scores(0.1, 0.1), "bars": BARS, **metadata}
    register(store_at(outputs), outputs / "later", metadata=other, symbols=SYMBOLS)
    said = say("compare", f"{NAME}/1", f"{NAME}/3")
    assert re.search(f"scores cannot be compared: {reason}", said)
    assert "0.1000" not in said
    assert json.loads(say("compare", f"{NAME}/1", f"{NAME}/3", "--json"))["scores"] == {}


# --- roles -----------------------------------------------------------------------------------------------------------


def test_promote_says_whom_it_replaces(say: Say) -> None:
    assert say("promote", f"{NAME}/1") == f"{NAME} version 1 is champion"
    assert say("promote", f"{NAME}/1") == f"{NAME} version 1 is champion"
    assert say("promote", f"{NAME}/2", "challenger") == f"{NAME} version 2 is challenger"
    assert say("promote", f"{NAME}@challenger") == f"{NAME} version 2 is champion, in place of version 1"


def test_promotion_of_a_model_without_skill_is_obeyed_and_said(say: Say, outputs: Path) -> None:
    with sqlite3.connect(outputs / "mlflow.db") as connection:
        connection.execute("UPDATE model_version_tags SET value = '1.2' WHERE key = 'test_log_loss' AND version = 2")
    said, careful = say("promote", f"{NAME}/2").splitlines()
    assert said == f"{NAME} version 2 is champion"
    assert careful == (
        f"careful: {NAME} version 2 has shown no skill: its test log-loss 1.2000 is above that of the forecast without "
        "skill, 0.9930"
    )
    assert json.loads(say("promote", f"{NAME}/2", "--json"))["careful"] == careful.removeprefix("careful: ")


def test_retired_version_is_listed_on_request_only_and_may_come_back(say: Say) -> None:
    say("promote", f"{NAME}/2")
    said = say("retire", f"{NAME}/2")
    assert said.splitlines() == [
        f"{NAME} version 2 is retired; it was champion, newest",
        f"{NAME} has no champion: version 1, its newest, answers now",
    ]
    assert "2 versions of 2 models" in say("list")
    assert re.search(rf"{NAME} +2 +retired", say("list", "--retired"))
    assert "version 2 is retired; take that back first" in say("promote", f"{NAME}/2", status=2)
    assert say("retire", f"{NAME}/2", "--undo") == f"{NAME} version 2 may answer again"
    assert "3 versions" in say("list")


# --- out, in, away ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["out.zip", "out"])
def test_model_goes_to_another_store_and_is_the_same_there(
    say: Say, tmp_path: Path, store_template: Path, target: str
) -> None:
    assert say("export", f"{NAME}/1", str(tmp_path / target)) == f"{NAME} version 1 is in {tmp_path / target}"
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    shutil.copy(store_template, theirs / "mlflow.db")
    said = say("import", str(tmp_path / target), "--as", "ours", store=theirs)
    assert f"is ours.1h.universal version 1 (it was {NAME}/1)" in said
    assert said.endswith("until it is promoted: multisymbol models promote ours.1h.universal/1")
    (version,) = store_at(theirs).versions()
    assert version.tags["imported_from"] == f"{NAME}/1"
    assert say("export", f"{NAME}/1", str(tmp_path / target), status=2).endswith("choose another name")


def test_foreign_model_is_refused_in_the_house_s_form(say: Say, tmp_path: Path) -> None:
    folder = model_at(tmp_path / "foreign")
    (folder / "python_model.pkl").write_bytes(b"x")
    said = say("import", str(folder), status=2)
    assert said.splitlines()[1:] == ["  python_model.pkl does not belong to a stored model"]


def test_deletion_asks_or_is_told(
    say: Say, outputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = say("delete", f"{NAME}/2", status=2)
    assert said == f"this would delete {NAME} version 2 (newest) and all files, for good; confirm with --yes"
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    asked: list[str] = []
    for answer, left in (("n", 3), ("", 3), ("y", 2)):

        def answered(question: str, answer: str = answer) -> str:
            asked.append(question)
            return answer

        monkeypatch.setattr("builtins.input", answered)
        models_command.run(["delete", f"{NAME}/2", "--store", str(outputs)])
        assert len(store_at(outputs).versions()) == left
    assert asked == [f"delete {NAME} version 2 (newest) and all files, for good? [y/N] "] * 3
    assert capsys.readouterr().out.splitlines() == ["nothing was deleted", "nothing was deleted", f"deleted {NAME}/2"]


def test_bare_name_deletes_all_versions_and_the_model(say: Say, outputs: Path) -> None:
    assert "with 2 versions (newest)" in say("delete", NAME, status=2)
    assert say("delete", NAME, "--yes").splitlines() == [f"deleted {NAME}/1", f"deleted {NAME}/2"]
    assert {version.name for version in store_at(outputs).versions()} == {SINGLE}
    assert say("cleanup") == "nothing is left over; every file is as it was registered"


# --- cleanup ---------------------------------------------------------------------------------------------------------


def test_cleanup_names_leavings_removes_them_and_says_so_by_its_status(say: Say, outputs: Path) -> None:
    store = store_at(outputs)
    first, second = store.model_versions(NAME)
    (store.download(first) / "config.json").write_text("{}")
    shutil.rmtree(store.model_folder(second))
    (outputs / "cache" / "panel-9-building-x").mkdir(parents=True)
    far = store.open_run("afar", tags={"process": "x"})
    client(store.uri).set_tag(far.run_id, "process", "far pid:[1] 1 1")
    said = say("cleanup", status=1)
    assert said.splitlines()[0] == "4 orphans"
    assert said.endswith("remove them: multisymbol models cleanup --remove")
    said = say("cleanup", "--remove", status=1)
    rows = [re.split(r" {2,}", line) for line in said.splitlines()[2:] if not line.startswith(" ")]
    outcomes = {(kind, what): outcome for kind, what, outcome, _ in rows}
    assert outcomes == {
        ("run", "afar"): "stays",
        ("version", f"{NAME}/1"): "removed",
        ("version", f"{NAME}/2"): "removed",
        ("model", NAME): "removed",
        ("path", str(outputs / "cache" / "panel-9-building-x")): "removed",
    }
    far.finish()
    assert json.loads(say("cleanup", "--json")) == []


# --- mistakes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", f"{NAME}/9"), f"{NAME} has no version 9. There are versions 1, 2 (newest)"),
        (("show", f"{NAME}@champion"), f"{NAME} has no alias champion. There are versions 1, 2 (newest)"),
        (
            ("show", "neuro.1h.univresal"),
            f"there is no model neuro.1h.univresal, did you mean '{NAME}'? There are: {SINGLE}, {NAME}",
        ),
        (("show", "a/b/c"), "'a/b/c' names no version; write NAME/3, NAME@champion or NAME"),
        (("show", f"{NAME}/0"), f"'{NAME}/0' names no version; write NAME/3, NAME@champion or NAME"),
        (("show", "../x"), "'../x' names no version; write NAME/3, NAME@champion or NAME"),
        (("show", "a b"), "'a b' cannot name a model; use model_name(), at most 250 characters"),
        (
            ("promote", NAME, "latest"),
            "'latest' cannot be an alias; use letters, digits, _ and -, not 'latest', not 'v1'",
        ),
        (("promote", NAME, "newest"), "'newest' is the version that was trained last; choose another alias"),
        (("delete", "nothing"), f"there is no model nothing. There are: {SINGLE}, {NAME}"),
    ],
)
def test_mistake_is_answered_with_what_there_is(say: Say, arguments: tuple[str, ...], message: str) -> None:
    assert say(*arguments, status=2) == message


def test_place_without_a_store_is_named_and_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert models_command.run(["list", "--store", str(tmp_path / "nowhere.db")]) == 2
    assert capsys.readouterr().err.startswith(f"there is no store at {tmp_path}/nowhere.db; train a model")
    assert list(tmp_path.iterdir()) == []


def test_verbose_shows_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert models_command.run(["list", "-v", "--store", str(tmp_path / "nowhere.db")]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_configured_place_is_that_of_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    values = plain(compose_train(), leave_out=("symbol_configs",))
    opened: list[Store] = []

    def prepared(store: Store) -> None:
        opened.append(store)

    monkeypatch.setattr(Store, "prepare", prepared)
    models.place(None, create=True)
    assert opened == [
        Store(
            uri=values["registry"]["uri"],
            artifact_root=values["registry"]["artifacts"],
            mlflow_experiment=values["registry"]["mlflow_experiment"],
        )
    ]


@pytest.mark.slow
def test_trained_model_goes_out_and_in_with_its_tags_and_files(training: Trained, tmp_path: Path) -> None:
    """What a training writes is nothing foreign, and its bundle says all that the version's tags say."""
    for mode in (("mode=universal",), ("mode=single", "symbol=SYN_F")):
        run_dir = training("trainer.max_epochs=1", *mode, name=mode[0])
        store = store_at(run_dir.parents[1])
        trained = max(store.versions(), key=lambda each: each.tags["scope"] == mode[0].removeprefix("mode="))
        models.export_stored(store, f"{trained.name}/1", tmp_path / f"{trained.name}.zip")
        models.import_stored(store, tmp_path / f"{trained.name}.zip", rename=None)
        _, taken = store.model_versions(trained.name)
        own = {"run_id", "model_id", "registered_at", "imported_from", "original_run_id", "candidate"}
        tags = [{key: text for key, text in each.tags.items() if key not in own} for each in (trained, taken)]
        assert tags[0] == tags[1]
        assert models.find_orphans(models.Place(store=store, folders=(run_dir.parents[1],)), remove=False).data == []


@pytest.mark.slow
def test_list_and_show_start_without_torch_and_mlflow(command: Command, outputs: Path) -> None:
    for verb in (("list",), ("show", NAME), ("compare", f"{NAME}/1", f"{NAME}/2")):
        code = f"""
import sys
from multisymbol.cli.main import main
sys.argv = ["multisymbol", "models", *{verb!r}, "--store", {str(outputs)!r}]
try:
    main()
except SystemExit as ended:
    heavy = {{"torch", "mlflow", "lightning", "numba", "matplotlib"}} & set(sys.modules)
    sys.exit(f"imported {{heavy}}" if heavy or ended.code else 0)
"""
        script = outputs / "start.py"
        script.write_text(code)
        done = command(str(script))
        assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_command_line_in_a_pipe_that_closes_early_is_quiet(outputs: Path) -> None:
    line = f"{sys.executable} {ROOT}/scripts/models.py list --json --store {outputs} | head -1"
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[\n", "")

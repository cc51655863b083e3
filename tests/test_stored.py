"""Files stored by commit 625966f: models load and predict the same bits, interrupted work resumes to the same end."""

import hashlib
import inspect
import json
import shutil
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow import pyfunc

from multisymbol.config.names import current_form, registered
from tests.conftest import Command
from tests.stored import Stored, restored

Ask = Callable[[Sequence[str]], str]

MEMBERS = "symbols.members={AAPL:{asset_class:stock},EURUSD:{asset_class:forex}}"
"""The demo's universe had these names at that commit."""

PROBABILITIES = ["buy", "hold", "sell"]
CLOSE = 1e-4
"""Largest difference of probabilities on a processor that rounds differently."""


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    """Return a fresh copy of the stored files."""
    return restored(tmp_path / "copy")


@pytest.fixture
def ask(called: Command) -> Ask:
    """Return a function that runs a script, requires success and returns its output."""

    def run(command: Sequence[str]) -> str:
        script, *arguments = command
        if any(text.startswith("symbols.only=") for text in arguments):
            arguments.append(MEMBERS)
        done = called(f"scripts/{script}.py", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def rows_equal(stored: Stored, now: list[dict[str, Any]], then: list[dict[str, Any]]) -> bool:
    """Compare printed decisions; probabilities must have the same bits if the machine computes alike."""
    if stored.to_the_bit:
        return [{key: row[key] for key in before} for row, before in zip(now, then, strict=True)] == then

    def facts(rows: list[dict[str, Any]]) -> list[list[Any]]:
        return [[row["symbol"], row["decided_at"], row["model"], row["version"], row["decision"]] for row in rows]

    return facts(now) == facts(then) and all(
        one[name] == pytest.approx(other[name], abs=CLOSE)
        for one, other in zip(now, then, strict=True)
        for name in PROBABILITIES
    )


def weights_of(run_folder: Path) -> str:
    (file,) = run_folder.rglob("weights.safetensors")
    return hashlib.sha256(file.read_bytes()).hexdigest()


def newest_run(stored: Stored) -> Path:
    return max(stored.outputs.glob("runs/*/*/run.json"), key=lambda path: path.stat().st_mtime_ns).parent


def test_no_stored_text_names_a_place_but_the_one_that_is_replaced() -> None:
    folder = Path(__file__).parent / "answers" / "stored"
    for file in folder.rglob("*"):
        if file.is_file() and file.parent != folder:
            content = file.read_bytes()
            for place in ("tmp", "home", "root", "Users"):
                assert f"/{place}/".encode() not in content, file


def test_old_store_lists_its_versions_with_their_roles(stored: Stored, ask: Ask) -> None:
    assert json.loads(ask(stored.expected["asked"]["listed"])) == stored.expected["printed"]["listed"]


def test_old_store_says_which_model_answers(stored: Stored, ask: Ask) -> None:
    now, then = json.loads(ask(stored.expected["asked"]["resolved"])), stored.expected["printed"]["resolved"]
    assert {key: now[key] for key in then} == then
    assert now["provenance"] == "real", "by the source in the stored configuration"


@pytest.mark.parametrize("question", ["predicted", "predicted_own_first"])
def test_old_models_predict_the_same_to_the_bit(stored: Stored, ask: Ask, question: str) -> None:
    now = json.loads(ask(stored.expected["asked"][question]))
    assert rows_equal(stored, now, stored.expected["printed"][question])


def test_every_old_model_is_loaded_by_mlflow_itself_and_answers_all_bars_of_its_example_the_same(
    stored: Stored,
) -> None:
    for listed in stored.expected["printed"]["listed"]:
        folder = Path(listed["source"])
        frame = pd.DataFrame(**json.loads((folder / "input_example.json").read_text(encoding="utf-8")))
        answer = pd.DataFrame(**json.loads((folder / "answer.json").read_text(encoding="utf-8")))
        model = pyfunc.load_model(str(folder))
        newest = model.predict(frame, params={"from_start": True})
        every = model.predict(frame, params={"all_rows": True, "from_start": True})
        assert newest[PROBABILITIES].to_numpy() == pytest.approx(answer[PROBABILITIES].to_numpy(), abs=CLOSE)
        if stored.to_the_bit:
            assert newest[PROBABILITIES].equals(answer[PROBABILITIES])
            digest_now = hashlib.sha256(every[PROBABILITIES].to_numpy().tobytes()).hexdigest()
            assert digest_now == stored.expected["all_rows"][listed["name"]]


@pytest.mark.parametrize("name", ["universal", "universal.zip"])
def test_old_export_is_imported_and_answers_the_same(stored: Stored, ask: Ask, store_template: Path, name: str) -> None:
    database = stored.outputs / "mlflow.db"
    shutil.rmtree(stored.outputs)
    stored.outputs.mkdir()
    shutil.copy(store_template, database)
    ask(["models", "import", str(stored.exported / name), "--store", str(database)])
    ask(["models", "promote", stored.expected["printed"]["listed"][-1]["name"], "--store", str(database)])
    now = json.loads(ask(stored.expected["asked"]["predicted"]))
    context = {"alias", "reason", "chain"}  # here it is not the champion and has no rivals
    then = stored.expected["printed"]["predicted"]
    kept = [{key: value for key, value in row.items() if key not in context} for row in now]
    assert rows_equal(stored, kept, [{key: value for key, value in row.items() if key not in context} for row in then])


def test_old_model_is_fine_tuned_to_the_same_weights_and_its_panel_is_found_or_built_anew(
    stored: Stored, ask: Ask
) -> None:
    (panel,) = stored.outputs.glob("cache/panel-*/")
    before = {file.name: file.read_bytes() for file in panel.iterdir()}
    printed = ask([*stored.expected["finishing"]["finetuned"], "split.shares_of=time"])  # all there was
    (line,) = (line for line in printed.splitlines() if line.startswith("panel"))
    assert ("reused" in line) is (panel.name in line)
    assert ("built" in line) is (panel.name not in line)
    assert {file.name: file.read_bytes() for file in panel.iterdir()} == before
    if stored.to_the_bit:
        assert weights_of(newest_run(stored)) == stored.expected["finetuned"]


def test_old_interrupted_run_is_resumed_to_the_same_weights(stored: Stored, ask: Ask) -> None:
    name = stored.expected["interrupted"]
    printed = ask(stored.expected["finishing"]["resumed_run"])
    assert f"run {name}" in printed
    assert len(list(stored.outputs.glob("runs/*/*/run.json"))) == 2, "the resuming command leaves no run of its own"
    if stored.to_the_bit:
        assert weights_of(stored.run_folder(name)) == stored.expected["resumed_run"]


@pytest.mark.slow
def test_old_half_done_comparison_is_resumed_to_the_same_result(stored: Stored, ask: Ask) -> None:
    folder = stored.run_folder(stored.expected["half_done"])
    done = {file: file.stat().st_mtime_ns for file in folder.glob("folds/*/*.npz")}
    assert done
    if not stored.to_the_bit:
        (folder / "folds/2/universal.ckpt").unlink()  # its identity covers the bits of the features
    ask(stored.expected["finishing"]["resumed_comparison"])
    assert {file: file.stat().st_mtime_ns for file in done} == done, "what was done is not made again"
    found = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    expected = stored.expected["resumed_comparison"]
    assert found["hashes"]["plan"] == expected["hashes"]["plan"]
    found["hashes"].pop("code")
    if stored.to_the_bit:
        for key, value in expected.items():
            assert found[key] == value or digest(found[key]) == value, key


def test_every_class_an_old_page_named_still_has_a_name_and_takes_the_same_arguments(stored: Stored) -> None:
    for target, arguments in stored.expected["targets"].items():
        path = current_form({"_target_": target})["_target_"]
        assert registered(path) != path, f"{target} has no registered name"
        module, _, name = path.rpartition(".")
        accepted = inspect.signature(getattr(import_module(module), name)).parameters
        assert set(arguments) <= set(accepted), f"{target} is {path} now"


def digest(value: object) -> str:
    """Hash plain data as `make.py` does."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()

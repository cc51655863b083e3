"""A folder that holds a run is reused for the same question and data alone, by one process at a time."""

import json
from pathlib import Path

import pytest
from mlflow import MlflowClient

from multisymbol.errors import ConfigError, OutputError, StoreError
from multisymbol.training.run_folder import at_work, read_note
from tests.conftest import Trained

SHORT = ("trainer.max_epochs=1",)


def versions(run_dir: Path) -> list[str]:
    store = MlflowClient(f"sqlite:///{run_dir.parents[1]}/mlflow.db")
    return [str(version.run_id) for version in store.search_model_versions("name='neuro_fuzzy.1h.universal'")]


def status(run_dir: Path, new: str | None = None) -> str:
    store, note = MlflowClient(f"sqlite:///{run_dir.parents[1]}/mlflow.db"), read_note(run_dir)
    assert note is not None
    if new is not None:
        store.update_run(note["run_id"], status=new)
    return str(store.get_run(note["run_id"]).info.status)


def forget(run_dir: Path, **changes: object) -> None:
    file = run_dir / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_finished_run_is_never_taken_for_another_nor_made_twice(
    training: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = training(*SHORT)
    with pytest.raises(OutputError, match=r"asked for something else; nothing was started.\n  seed: 1 there, 2 asked"):
        training(*SHORT, "seed=2")
    written = (run_dir / "checkpoints" / "best.ckpt").stat().st_mtime_ns
    capsys.readouterr()
    training(*SHORT)
    assert "it was done already, and nothing is trained" in " ".join(capsys.readouterr().out.split())
    assert (run_dir / "checkpoints" / "best.ckpt").stat().st_mtime_ns == written
    assert len(versions(run_dir)) == 1


def test_only_resume_continues_and_a_kill_after_registration_registers_once(training: Trained) -> None:
    run_dir = training(*SHORT)
    (run_dir / "done.json").unlink()
    status(run_dir, "RUNNING")
    note = read_note(run_dir)
    assert note is not None
    with pytest.raises(OutputError, match=f"not finished; continue it: multisymbol train resume={note['name']}"):
        training(*SHORT)
    with at_work(run_dir), pytest.raises(OutputError, match="another process is at work"):
        training(f"resume={note['name']}", name="other")
    training(f"resume={note['name']}", name="other")
    assert (status(run_dir), versions(run_dir)) == ("FINISHED", [note["run_id"]])
    assert not (run_dir.parent / "other").exists()


def test_resume_takes_only_the_configuration_bars_and_features_it_began_with(
    training: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = training(*SHORT)
    status(run_dir, "KILLED")
    note = read_note(run_dir)
    assert note is not None
    resume = f"resume={note['name']}"
    forget(run_dir, bars={**note["bars"], "SYN_A": "other"})
    with pytest.raises(OutputError, match=r"other data; nothing was started.\n  bars.SYN_A: 'other' then, "):
        training(resume)
    forget(run_dir, bars=note["bars"], features="other")
    with pytest.raises(OutputError, match=r"features: 'other' then, "):
        training(resume)
    forget(run_dir, features=note["features"], run_id="0")
    with pytest.raises(StoreError, match="is that of run"):
        training(resume)
    forget(run_dir, run_id=note["run_id"], code={"multisymbol": "other"})
    config = (run_dir / "config.json").read_text()
    (run_dir / "config.json").write_text(config.replace('"seed": 1', '"seed": 2'))
    with pytest.raises(ConfigError, match=r"config.json was changed after run "):
        training(resume)
    (run_dir / "config.json").write_text(config)
    training(resume)
    assert "multisymbol changed since the run was begun" in capsys.readouterr().out
    assert status(run_dir) == "FINISHED", "a run that was killed after its note is ended"


def test_checkpoints_of_nobody_are_not_continued(training: Trained, tmp_path: Path) -> None:
    (tmp_path / "outputs" / "runs" / "run" / "checkpoints").mkdir(parents=True)
    with pytest.raises(OutputError, match="nothing says of which run"):
        training(*SHORT)


def test_a_refused_run_leaves_no_lock_and_no_folder(tmp_path: Path) -> None:
    with at_work(tmp_path / "run"):
        assert (tmp_path / "run" / "run.lock").exists()
    assert not (tmp_path / "run").exists()

"""The command: killed and resumed it comes to the same bytes; what it leaves in the store and in the registry."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from multisymbol.cli import compare
from multisymbol.cli.specs import compare_spec
from multisymbol.comparison.register import promote, register_last_fold, tag_verdicts
from multisymbol.comparison.result import Comparison
from multisymbol.comparison.run import RESULT
from multisymbol.comparison.run import compare as run_comparison
from multisymbol.comparison.spec import CompareSpec
from multisymbol.config.build import plain
from multisymbol.errors import ComparisonError
from multisymbol.progress import Terminal
from multisymbol.registry.store.runs import NOTE_TAG
from multisymbol.registry.store.store import Store, StoredVersion
from multisymbol.reports.training_artifacts import TrainingReport
from multisymbol.statistics.verdict import Kind
from tests.comparison.test_run import SMALL, composed
from tests.conftest import ROOT, Command

SHORT = (
    *(text for text in SMALL if not text.startswith("arms")),
    "arms=[universal,single,prior]",
)


def values_of(folder: Path) -> dict[str, Any]:
    return plain(composed(*SHORT, f"paths.outputs={folder}"))


def version(name: str, number: int = 1) -> StoredVersion:
    return cast(StoredVersion, SimpleNamespace(name=name, version=number))


class Recorded:
    """Takes down what a store is told."""

    def __init__(self) -> None:
        self.tags: dict[str, str] = {}
        self.champions: list[str] = []

    def set_version_tags(self, version: StoredVersion, tags: Mapping[str, str]) -> None:
        assert version.name == "all"
        self.tags |= tags

    def set_alias(self, version: StoredVersion, alias: str) -> None:
        assert alias == "champion"
        self.champions.append(version.name)


def judged(kinds: Mapping[str, Kind], *, overall: Kind, exploratory: bool = False) -> Comparison:
    """A comparison of which only the verdicts are known."""

    def own(symbol: str, kind: Kind) -> Any:
        return SimpleNamespace(test=SimpleNamespace(symbol=symbol, effect=0.5), verdict=SimpleNamespace(kind=kind))

    primary = SimpleNamespace(
        by_symbol=tuple(own(symbol, kind) for symbol, kind in kinds.items()),
        verdict=SimpleNamespace(kind=overall),
        evidence=SimpleNamespace(exploratory=exploratory),
    )
    unseen = SimpleNamespace(verdict=SimpleNamespace(kind="EQUIVALENT"), differentials=SimpleNamespace(effect=0.1))
    facts = SimpleNamespace(
        primary=primary, unseen={"forex": unseen}, data_until=0, declared=SimpleNamespace(name="tested")
    )
    return cast(Comparison, facts)


VERSIONS = {"universal": version("all"), "EUR/USD": version("eurusd"), "AAPL": version("aapl")}


def test_verdicts_are_tags_of_the_universal_version() -> None:
    store = Recorded()
    tag_verdicts(cast(Store, store), VERSIONS["universal"], judged({"EUR/USD": "NO_SKILL"}, overall="NO_SKILL"))
    (own, unseen) = (json.loads(text) for text in store.tags.values())
    assert [key for key in store.tags if key.startswith("verdict.unseen.")] == ["verdict.unseen.forex"]
    assert own == {
        "symbol": "EUR/USD",
        "verdict": "NO_SKILL",
        "data_until": "1970-01-01T00:00Z",
        "comparison": "tested",
        "effect": 0.5,
    }
    assert unseen["verdict"] == "EQUIVALENT"


def test_exploratory_comparison_leaves_no_verdict_and_moves_no_champion() -> None:
    store = Recorded()
    exploring = judged({"AAPL": "SINGLE_BETTER"}, overall="UNIVERSAL_BETTER", exploratory=True)
    tag_verdicts(cast(Store, store), VERSIONS["universal"], exploring)
    with pytest.raises(ComparisonError, match="claims nothing"):
        promote(cast(Store, store), VERSIONS, exploring)
    assert (store.tags, store.champions) == ({}, [])


def test_exploratory_comparison_registers_nothing_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def registered(*_: Any) -> Any:
        raise AssertionError("models of an exploratory comparison were registered")

    monkeypatch.setattr(compare, "register_last_fold", registered)
    spec = SimpleNamespace(register=True, plan=SimpleNamespace(exploratory=True))
    compare._store(cast(Any, None), cast(Any, None), cast(CompareSpec, spec), Terminal(), report=cast(Any, None))
    assert capsys.readouterr().out.startswith("registered nothing: the comparison is exploratory")


@pytest.mark.parametrize(
    ("overall", "own", "champions"),
    [
        ("UNIVERSAL_BETTER", "SINGLE_BETTER", ["all", "aapl"]),
        ("EQUIVALENT", "UNIVERSAL_BETTER", ["all"]),
        ("SINGLE_BETTER", "SINGLE_BETTER", ["aapl"]),
        ("NO_SKILL", "NO_SKILL", []),
        ("INCONCLUSIVE", "INCONCLUSIVE", []),
    ],
)
def test_champions_move_as_the_verdicts_say(overall: Kind, own: Kind, champions: list[str]) -> None:
    store = Recorded()
    promote(cast(Store, store), VERSIONS, judged({"AAPL": own}, overall=overall))
    assert store.champions == champions


@pytest.mark.slow
def test_promotion_of_an_exploratory_comparison_is_refused_before_training(command: Command, tmp_path: Path) -> None:
    ended = command("scripts/compare.py", *SHORT, "promote=true", f"paths.outputs={tmp_path}/outputs")
    assert ended.returncode == 2
    assert "an exploratory comparison claims nothing" in ended.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_killed_comparison_goes_on_without_training_again_and_comes_to_the_same_bytes(
    command: Command, tmp_path: Path
) -> None:
    arguments = [*SHORT, f"paths.outputs={tmp_path}"]
    started = subprocess.Popen([sys.executable, str(ROOT / "scripts/compare.py"), *arguments])
    while not (done := list(tmp_path.glob("runs/*/*/folds/1/single.npz"))) and started.poll() is None:
        time.sleep(0.02)
    os.kill(started.pid, signal.SIGKILL)
    assert started.wait() == -signal.SIGKILL
    run_dir = done[0].parents[2]
    assert not (run_dir / RESULT).exists()
    before = {path: path.stat().st_mtime_ns for path in run_dir.glob("folds/*/*.npz")}
    name = json.loads((run_dir / "run.json").read_text())["name"]

    ended = command("scripts/compare.py", f"resume={name}", f"paths.outputs={tmp_path}")
    assert ended.returncode == 0, ended.stderr
    assert {path: path.stat().st_mtime_ns for path in before} == before
    values = values_of(tmp_path)
    whole = run_comparison(compare_spec(values), tmp_path / "whole", terminal=Terminal(silent=True), name=name)
    assert (run_dir / RESULT).read_bytes() == (whole.folder / RESULT).read_bytes()

    store = Store(
        uri=values["registry"]["uri"],
        artifact_root=values["registry"]["artifacts"],
        mlflow_experiment=values["registry"]["mlflow_experiment"],
    )
    assert not store.versions()  # it is exploratory; one that claims something would register these
    run = store.open_run(None, tags={})
    register_last_fold(run, whole, pages=TrainingReport())
    run.finish()
    assert {each.name for each in store.versions()} == {
        "neuro_fuzzy.1h.universal",
        *(f"neuro_fuzzy.1h.sym.{symbol}" for symbol in ("SYN_A", "SYN_B", "SYN_D", "SYN_E")),
    }
    found = store.find_run(name)
    assert found is not None
    assert found.status == "FINISHED"
    assert found.tags["plan"] == whole.comparison.declared.digest
    assert found.tags[NOTE_TAG].startswith("SYNTHETIC")
    assert whole.comparison.primary.verdict.sentence in found.tags[NOTE_TAG]
    assert len(store.runs_tagged("arm")) == 16  # 2 arms, 4 symbols, 2 seeds

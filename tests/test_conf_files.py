"""Every file under conf/ composes, passes the check, and what it names can be built."""

from pathlib import Path
from typing import Any

import pytest

from multisymbol.config import build, plain
from multisymbol.workflows.settings import problems
from tests.conftest import ROOT, Compose

CONF = ROOT / "conf"
LISTS = {"asset_class"}  # groups chosen as a list
GLOBAL = {"experiment", "debug", "sweep"}
# Not of conf/train.yaml; test_decision.py, test_backtest.py and test_compare.py build them.
ELSEWHERE = {"hydra", "decision", "backtest", "arms", "comparison"}
OF_COMPARE = "universal_vs_single"
"""Beginning of the experiments that are not trainings."""
FILES = sorted(
    file
    for file in CONF.rglob("*.yaml")
    if file.parent != CONF and file.relative_to(CONF).parts[0] not in ELSEWHERE and not file.stem.startswith(OF_COMPARE)
)
EXPERIMENTS = sorted(file.stem for file in FILES if file.parent.name == "experiment")


def override(file: Path) -> list[str]:
    group, option = file.parent.relative_to(CONF).as_posix(), file.stem
    chosen = f"{group}=[stock,forex,crypto,metal]" if group in LISTS else f"{group}={option}"
    needs_root = option in {"csv", "parquet", "real_hourly"}
    from_table = [f"symbols.file={ROOT / 'tests' / 'markets' / 'universe.csv'}"] if option == "table" else []
    return [chosen, *(["source.root=bars"] if needs_root else []), *from_table]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CONF)))
def test_file_composes_and_passes_the_check(file: Path, composed: Compose) -> None:
    assert problems(composed(*override(file))) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CONF)))
def test_file_says_what_choosing_it_means(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert (file.parent.name not in GLOBAL) or lines[0] == "# @package _global_"
    assert len(lines[1 if file.parent.name in GLOBAL else 0]) > 20


def targets(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, dict):
        own = [node] if "_target_" in node else []
        return own + [found for value in node.values() for found in targets(value)]
    return []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CONF)))
def test_everything_a_file_names_can_be_built(file: Path, composed: Compose) -> None:
    group = file.parent.name
    values = plain(composed(*override(file)), leave_out=("symbol_configs",))
    if group in LISTS | GLOBAL | {"paths", "symbols", "features", "registry"}:
        return
    node: Any = values
    for part in file.parent.relative_to(CONF).parts:
        node = node[part]
    made = [build(found) for found in targets(node)]
    assert all(item is not None for item in made)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_changes_the_configuration(name: str, composed: Compose) -> None:
    changed = plain(composed(f"experiment={name}", "++source.root=bars"), leave_out=("symbol_configs",))
    base = plain(composed("++source.root=bars"), leave_out=("symbol_configs",))
    assert changed != base
    assert "experiment" not in changed

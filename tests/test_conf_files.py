"""Every file under conf/ composes, passes the check, and what it names can be built."""

from pathlib import Path
from typing import Any

import pytest

from multisymbol.cli.schema import config_problems
from multisymbol.config.build import build, plain
from multisymbol.config.names import registered
from tests.composing import CONF, ROOT
from tests.conftest import Compose

LISTS = {"asset_class"}  # groups chosen as a list
GLOBAL = {"experiment", "debug", "sweep"}
NAMES_NOTHING = LISTS | GLOBAL | {"paths", "symbols", "features", "registry"}
"""Groups of plain values; what an asset class names is built for each of its symbols."""
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


def together(file: Path) -> list[str]:
    """Choose a file, and of every other group the file of the same place: composing takes long, files are many."""
    if file.parent.name in GLOBAL:
        return override(file)
    place = sorted(file.parent.glob("*.yaml")).index(file)
    peers = {each.parent: each for each in FILES if each.parent.name not in GLOBAL | LISTS}
    for group in peers:
        options = sorted(group.glob("*.yaml"))
        peers[group] = options[min(place, len(options) - 1)]
    demo = CONF / "source" / "demo.yaml"  # has bars of the demo's symbols alone
    peers |= {CONF / "symbols": CONF / "symbols" / "demo.yaml"} if peers[demo.parent] == demo == file else {}
    peers |= {demo.parent: demo.with_stem("synthetic")} if peers[demo.parent] == demo != file else {}
    return [text for each in sorted(peers.values()) for text in override(each)]


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


def role_of(node: dict[str, Any]) -> Any:
    """Return the role its class is registered for."""
    return registered(node["_target_"]).partition(":")[0]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CONF)))
def test_file_passes_the_check_and_what_it_names_can_be_built(file: Path, composed: Compose) -> None:
    config = composed(*together(file))
    assert config_problems(config) == []
    if file.parent.name in NAMES_NOTHING:
        return
    node: Any = plain(config, leave_out=("symbol_configs",))
    for part in file.parent.relative_to(CONF).parts:
        node = node[part]
    named = targets(node)
    assert named
    assert all(build(found, role=role_of(found)) is not None for found in named)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_changes_the_configuration(name: str, composed: Compose) -> None:
    changed = plain(composed(f"experiment={name}", "++source.root=bars"), leave_out=("symbol_configs",))
    base = plain(composed("++source.root=bars"), leave_out=("symbol_configs",))
    assert changed != base
    assert "experiment" not in changed

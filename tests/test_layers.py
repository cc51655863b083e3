"""Imports point one way, as docs/architecture.md says."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "multisymbol"
RANK = {
    "__main__": 11,
    "api": 11,
    "cli": 10,
    "reports": 9,
    "comparison": 8,
    "backtest": 7,
    "training": 6,
    "serving": 5,
    "evaluation": 5.5,  # an earlier place of serving, named by stored models
    "statistics": 4,
    "learning": 3,
    "registry": 3,
    "samples": 2,
    "features": 1.5,
    "labels": 1.5,
    "markets": 1,
    "config": 0.5,
    "progress": 0,
    "errors": 0,
    "arrays": 0,
    "seeding": 0,
    "wording": 0,
}
LEAVES = {"arrays", "config", "errors", "progress", "seeding", "wording"}
FRAMEWORKS = {
    "mlflow": {"registry/store", "registry/bundle/flavor.py"},
    "lightning": {"learning", "training"},
    "hydra": {"config", "cli"},
    "omegaconf": {"config", "cli"},
}


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            yield node.module or ""


def layer(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def allowed(importer: str, imported: str) -> bool:
    """Same layer, or a lower one; leaves use errors and wording, nothing else of ours."""
    if imported in {importer, "errors", "wording"}:
        return True
    return importer not in LEAVES and RANK[imported] < RANK[importer]


FILES = sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_imports_point_down(file: Path) -> None:
    importer = file.relative_to(SOURCE).parts[0].removesuffix(".py")
    if importer == "__init__":
        assert not [name for name in imports(file) if name.startswith("multisymbol")]
        return
    ours = [layer(name) for name in imports(file) if name.startswith("multisymbol.")]
    upward = [name for name in ours if not allowed(importer, name)]
    assert upward == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_frameworks_stay_in_their_rooms(file: Path) -> None:
    place = file.relative_to(SOURCE).as_posix()
    used = {name.split(".")[0] for name in imports(file)} & set(FRAMEWORKS)
    strays = [
        name for name in used if not any(place == room or place.startswith(f"{room}/") for room in FRAMEWORKS[name])
    ]
    assert strays == []


def test_siblings_do_not_import_each_other() -> None:
    assert not allowed("registry", "learning")
    assert not allowed("features", "labels")
    assert not allowed("config", "markets")
    assert allowed("cli", "markets")


def module(file: Path) -> str:
    return ".".join(("multisymbol", *file.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")


def test_no_circle_between_files() -> None:
    """Late imports and those for type checkers alone count too: a circle is a circle, whenever it is walked."""
    names = {module(file) for file in FILES}
    graph = {module(file): sorted(_imported(file, names) - {module(file)}) for file in FILES}
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name not in done:
            for other in graph[name]:
                walk(other, (*path, name))
            done.add(name)

    for name in graph:
        walk(name, ())


def _imported(file: Path, names: set[str]) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    inner = {name for name in found if name in names}
    return {name for name in inner if not any(other.startswith(f"{name}.") for other in inner)}


def test_no_folder_has_more_than_sixteen_files() -> None:
    folders = {file.parent for file in FILES}
    assert [folder.name for folder in folders if len(list(folder.glob("*.py"))) > 16] == []


def test_no_two_public_classes_have_one_name() -> None:
    homes: dict[str, list[str]] = {}
    for file in FILES:
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(module(file))
    assert {name: found for name, found in homes.items() if len(found) > 1} == {}


def test_no_configuration_is_passed_whole_below_the_command_line() -> None:
    seers = ("cli/", "api.py", "config/")
    below = [file for file in FILES if not file.relative_to(SOURCE).as_posix().startswith(seers)]
    found = [module(file) for file in below if _words(file)]
    assert found == []


def _words(file: Path) -> set[str]:
    text = file.read_text(encoding="utf-8")
    return set(re.findall(r"\bvalues: Mapping|(?<![.\w])values\[\"", text))

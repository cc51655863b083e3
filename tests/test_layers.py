"""Imports point one way, as docs/architecture.md says."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "multisymbol"
RANK = {
    "workflows": 7,
    "reports": 6,
    "evaluation": 5,
    "registry": 4,
    "learning": 4,
    "samples": 3,
    "features": 2,
    "labels": 2,
    "markets": 1,
    "config": 0,
    "errors": 0,
}
FRAMEWORKS = {
    "mlflow": {
        f"registry/{name}.py"
        for name in (
            "catalogue",
            "client",
            "database",
            "fetching",
            "flavour",
            "leavings",
            "registration",
            "runs",
            "store",
        )
    },
    "lightning": {"learning", "workflows"},
    "hydra": {"config.py", "workflows"},
    "omegaconf": {"config.py", "workflows"},
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
    """Same layer, or a lower one; config may use errors, nothing else of ours."""
    if imported in {importer, "errors"}:
        return True
    return RANK[imported] < RANK[importer]


FILES = sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_imports_point_down(file: Path) -> None:
    importer = file.relative_to(SOURCE).parts[0].removesuffix(".py")
    if importer == "__init__":
        assert not [name for name in imports(file) if name.startswith("multisymbol")]
        return
    ours = [layer(name) for name in imports(file) if name.startswith("multisymbol.")]
    assert [name for name in ours if not allowed(importer, name)] == []


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
    assert allowed("workflows", "markets")

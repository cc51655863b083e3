"""The built wheel, in an environment of its own and an empty folder: commands work and write only below that folder."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, SMALL

pytestmark = pytest.mark.slow

QUICK = (*SMALL, "trainer.max_epochs=1", "sampling.epoch_samples=1024", "symbols.only=[SYN_A,SYN_D]")

Installed = Callable[..., subprocess.CompletedProcess[str]]


def ran(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | environment
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an environment that holds the wheel and sees the libraries of this one; nothing is downloaded."""
    folder: Path = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-q")
    ran(*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(folder), str(ROOT), cwd=folder)
    (wheel,) = folder.glob("multisymbol-*.whl")
    ran(sys.executable, "-m", "venv", "--without-pip", str(folder / "venv"), cwd=folder)
    (packages,) = folder.glob("venv/lib/python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    python = folder / "venv" / "bin" / "python"
    ran(*pip, "--python", str(python), "install", "--no-deps", "--no-index", str(wheel), cwd=folder)
    return folder / "venv"


@pytest.fixture
def installed(environment: Path, tmp_path: Path) -> Installed:
    """Run the installed command in an empty folder."""
    (tmp_path / "work").mkdir()

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return ran(str(environment / "bin" / "multisymbol"), *arguments, cwd=tmp_path / "work", COLUMNS="160")

    return call


def shipped(environment: Path) -> set[Path]:
    (package,) = environment.glob("lib/python*/site-packages/multisymbol")
    return {path for path in package.rglob("*") if "__pycache__" not in path.parts}


def test_wheel_holds_code_configuration_and_marker_and_no_validation(environment: Path) -> None:
    (packages,) = environment.glob("lib/python*/site-packages")
    kept = {file.relative_to(ROOT) for file in (ROOT / "conf").rglob("*.yaml") if "local" not in file.parts}
    assert {file.relative_to(packages / "multisymbol") for file in packages.glob("multisymbol/conf/**/*.yaml")} == kept
    assert (packages / "multisymbol" / "py.typed").is_file()
    assert not list(packages.glob("validation*"))


def test_commands_work_in_an_empty_folder_and_write_below_it(
    environment: Path, installed: Installed, tmp_path: Path
) -> None:
    before = shipped(environment)
    trained = installed("train", *QUICK)
    assert "registered neuro_fuzzy.1h.universal version 1 (alias newest)" in trained.stdout
    assert "neuro_fuzzy.1h.universal" in installed("models", "list").stdout
    assert "SYN_A" in installed("predict", "allow_seen=true", *QUICK).stdout
    assert "multisymbol compare [key=value ...]" in installed("compare", "--help").stdout
    sweep = installed("train", "-m", "seed=1,2", "registry.register=false", *QUICK)
    assert "job 2" in sweep.stdout
    assert {path.name for path in (tmp_path / "work").iterdir()} == {"outputs"}
    assert {path.name for path in tmp_path.iterdir()} == {"work"}
    assert shipped(environment) == before


@pytest.mark.ddp
def test_two_processes_are_started_from_the_console_command(installed: Installed) -> None:
    done = installed("train", *QUICK, "trainer=ddp_sim")
    assert "registered neuro_fuzzy.1h.universal version 1 (alias newest)" in done.stdout
    assert "Traceback" not in done.stderr


def test_help_needs_no_hydra(environment: Path, tmp_path: Path) -> None:
    code = "import sys; from multisymbol.cli.main import console; console(['--help']); print('hydra' in sys.modules)"
    done = ran(str(environment / "bin" / "python"), "-c", code, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "False"


def test_code_that_was_never_installed_says_so_before_training(environment: Path, tmp_path: Path) -> None:
    """From a source tree on PYTHONPATH everything can be imported, but a stored model could not name its version."""
    bare = tmp_path / "venv"
    ran(sys.executable, "-m", "venv", "--without-pip", str(bare), cwd=tmp_path)
    (packages,) = bare.glob("lib/python*/site-packages")
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not entry.name.lower().startswith(("multisymbol", "_multisymbol", "_editable")):
            (libraries / entry.name).symlink_to(entry)
    (packages / "libraries.pth").write_text(f"{libraries}\n")
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(bare / "bin" / "python"), "-m", "multisymbol", "train", *QUICK],
        cwd=tmp_path,
        env={**env, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    first, *cure = done.stderr.splitlines()
    said = " ".join(" ".join(cure).replace("\\ ", " ").split())  # however long the paths are
    assert first == "loading train …"
    assert said.startswith("multisymbol is not installed for ")
    assert said.endswith(f"-m pip install -e {ROOT}")
    assert done.stdout == ""

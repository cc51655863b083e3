"""The console command: help at once, the nearest command for a typo, completion, and re-launching."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

import multisymbol
from multisymbol.cli import command as command_line
from multisymbol.cli.commands import COMMANDS, PAGES, command_module, configured
from multisymbol.cli.completion import SCRIPTS, candidates
from multisymbol.cli.main import console
from tests.conftest import ROOT

HEAVY = {"hydra", "omegaconf", "torch", "numpy", "pandas", "pydantic", "mlflow"}


def in_new_process(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)


def test_help_lists_every_command_on_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert console(["--help"]) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert {name: text for name, text in lines if name in COMMANDS} == dict(COMMANDS)


def test_help_and_a_typo_import_nothing_heavy() -> None:
    for arguments in (["--help"], ["trian"], ["--version"]):
        done = in_new_process(
            f"import sys; from multisymbol.cli.main import console; console({arguments!r}); print(sorted(sys.modules))"
        )
        assert not HEAVY & {name.strip("'[] \n") for name in done.stdout.splitlines()[-1].split(",")}


def test_import_is_light_and_names_are_loaded_on_use() -> None:
    done = in_new_process("import sys, multisymbol; print(sorted(sys.modules)); print(multisymbol.Bars.__name__)")
    modules, name = done.stdout.splitlines()
    assert name == "Bars", done.stderr
    assert not HEAVY & {name.strip("'[] ") for name in modules.split(",")}
    assert "Bars" in dir(multisymbol)
    with pytest.raises(AttributeError, match="Barz"):
        getattr(multisymbol, "Barz")  # noqa: B009 (mypy would refuse the attribute)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert console(["--version"]) == 0
    assert capsys.readouterr().out == f"multisymbol {multisymbol.__version__}\n"


def test_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert console(["trian", "seed=2"]) == 2
    said = capsys.readouterr().err
    assert "multisymbol has no command 'trian', did you mean 'train'?" in said
    assert "Traceback" not in said
    assert console([]) == 2
    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize("name", [*COMMANDS])
def test_every_command_has_help(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["multisymbol", name, "--help"])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    with suppress(SystemExit):  # argparse ends so
        assert console([name, "--help"]) == 0
    assert f"multisymbol {name}" in capsys.readouterr().out


def test_subcommand_is_in_argv_while_the_work_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning starts its other processes with sys.argv; Hydra's parser must not see the subcommand."""
    monkeypatch.setattr(sys, "argv", ["multisymbol", "train", "seed=2", "-m"])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    seen: list[list[str]] = []

    def main() -> None:
        seen.append(list(sys.argv))
        with command_line._restartable():
            seen.append(list(sys.argv))
        seen.append(list(sys.argv))

    assert command_line.start(main, page="train", arguments=["seed=2", "-m"]) == 0
    for_hydra = ["multisymbol", "++seed=2", "-m"]
    assert seen == [for_hydra, ["multisymbol", "train", *for_hydra[1:]], for_hydra]
    assert sys.argv == ["multisymbol", "train", "seed=2", "-m"]


# --- completion ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("multisymbol tr", ["trace", "train"]),
        ("multisymbol models pro", ["promote"]),
        ("multisymbol models list --sc", ["--scope"]),
        ("multisymbol models list --scope ", ["single", "universal"]),
        ("multisymbol completion ", ["--help", "bash", "zsh"]),
        ("multisymbol train optim", ["optimizer.", "optimizer="]),
        ("multisymbol train optimizer.l", ["optimizer.lr="]),
        ("multisymbol train model=", ["model=gru", "model=lstm", "model=mlp", "model=tcn", "model=transformer"]),
        ("multisymbol train -m model=mlp,g", ["model=mlp,gru"]),
        ("multisymbol train registry/policy=o", ["registry/policy=own_first"]),
        ("multisymbol train mode=", ["mode=universal"]),
        ("multisymbol train source=parquet source.roo", ["source.root="]),
        ("multisymbol train source.root=", []),
        ("multisymbol train --cfg ", ["all", "hydra", "job"]),
        ("multisymbol train --config-dir ", []),
        ("multisymbol check-data symbols=ho", ["symbols=hourly22"]),
        ("multisymbol trian ", []),
    ],
)
def test_candidates(line: str, found: list[str]) -> None:
    assert candidates(line) == found


def test_candidates_include_the_user_s_own_files(tmp_path: Path) -> None:
    (tmp_path / "symbols").mkdir()
    (tmp_path / "symbols" / "mine.yaml").write_text("members: {}")
    assert candidates(f"multisymbol train --config-dir {tmp_path} symbols=mi") == ["symbols=mine"]


@pytest.fixture
def program(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which `multisymbol` is this checkout's command."""
    (tmp_path / "multisymbol").write_text(f'#!/bin/sh\nexec {sys.executable} -m multisymbol "$@"\n')
    (tmp_path / "multisymbol").chmod(0o755)
    return {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": f"{ROOT / 'src'}"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("multisymbol comp", ["compare", "completion"]),
        ("multisymbol train model=tr", ["transformer"]),
        ("multisymbol train optimizer.l", ["optimizer.lr="]),
    ],
)
def test_bash_completes(line: str, found: list[str], program: dict[str, str]) -> None:
    code = f"""{SCRIPTS["bash"]}
COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}
compopt() {{ :; }}
_multisymbol
printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", code], env=program, capture_output=True, text=True, check=False)
    assert done.stdout.split() == found, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "becomes"),
    [
        ("multisymbol train model=tr", "multisymbol train model=transformer "),
        ("multisymbol train optimizer.l", "multisymbol train optimizer.lr="),
    ],
)
def test_zsh_completes(typed: str, becomes: str, program: dict[str, str], tmp_path: Path) -> None:
    if subprocess.run(["/bin/sh", "-c", "command -v zsh"], capture_output=True, check=False).returncode != 0:
        pytest.skip("zsh is not installed")
    (tmp_path / ".zshrc").write_text(
        f"PS1='> '\nautoload -Uz compinit && compinit -u -D\n{SCRIPTS['zsh']}\n"
        "report() { print -r -- \"<$BUFFER>\"; exit }\nzle -N report\nbindkey '^X' report\n"
    )
    code = f"""zmodload zsh/zpty
zpty shell env ZDOTDIR={tmp_path} zsh -i
zpty -w -n shell $'{typed}\\t'
sleep 8
zpty -w -n shell $'\\x18'
while zpty -r shell part; do print -r -- "$part"; done"""
    done = subprocess.run(["zsh", "-fc", code], env=program, capture_output=True, text=True, check=False, timeout=60)
    assert f"<{becomes}>" in done.stdout, done.stdout + done.stderr


def test_commands_of_hydra_and_of_argparse_are_all_of_them() -> None:
    assert set(PAGES) == set(configured._COMMANDS)
    assert all(hasattr(command_module(name), "parser") for name in COMMANDS if name not in PAGES)

"""Looking at data before training: the table, the picture, and the refusal at the end."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from multisymbol.cli.check_data import SCHEMA, check_data
from multisymbol.cli.schema import config_problems
from multisymbol.config.build import plain
from multisymbol.errors import BarsError, OutputError, SourceError
from tests.cli.test_mistakes import bars, with_duplicate, with_naive
from tests.composing import composed_page
from tests.conftest import Command

PAGE = "members:\n" + "".join(f"  {name}: {{asset_class: crypto}}\n" for name in ("AAA", "BBB", "CCC"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with bars of three coins, one of which begins late and has a wick, and a universe page."""
    (tmp_path / "bars").mkdir()
    (tmp_path / "symbols").mkdir()
    (tmp_path / "symbols" / "coins.yaml").write_text(PAGE)
    late = bars(rows=900, start="2018-02-01", seed=2)
    late["low"] = late["low"].where(late.index != 70, late["low"] * 0.4)
    for name, frame in (("AAA", bars()), ("BBB", bars(seed=1)), ("CCC", late)):
        frame.to_parquet(tmp_path / "bars" / f"{name}.parquet")
    return tmp_path


Check = Callable[..., Path]


@pytest.fixture
def check(folder: Path) -> Check:
    def call(*overrides: str) -> Path:
        mine = ("symbols=coins", "source=parquet", f"source.root={folder}/bars", f"paths.outputs={folder}/outputs")
        config = composed_page("check_data", *mine, *overrides, folder=folder)
        assert config_problems(config, schema=SCHEMA) == []
        run_dir = folder / "outputs" / "runs" / "check"
        assert np.isnan(check_data(plain(config), run_dir))
        return run_dir

    return call


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_table_shows_every_symbol_with_span_and_defects(check: Check, capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = check()
    said = lines(capsys)
    assert said[1:5] == [
        "symbol class bars first last segments wick kept",
        "AAA crypto 1,500 2018-01-01 2018-03-04 1 –",
        "BBB crypto 1,500 2018-01-01 2018-03-04 1 –",
        "CCC crypto 900 2018-02-01 late 2018-03-10 1 1",
    ]
    stored = pd.read_csv(run_dir / "bars.csv")
    assert stored["bars"].tolist() == [1500, 1500, 900]
    assert (run_dir / "defects.csv").read_text() == "symbol,defect,treatment,bar\nCCC,wick,kept,2018-02-03T22:00Z\n"
    assert (run_dir / "coverage.png").read_bytes().startswith(b"\x89PNG")


PRICES = ["open", "high", "low", "close"]


def test_steps_outliers_and_copies_are_named_and_refuse_nothing(
    check: Check, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check()
    assert not [line for line in lines(capsys) if line.startswith(("step", "outlier", "copy"))]
    split, pence = bars(), bars()
    split.loc[split.index >= 700, PRICES] /= 7.0
    pence.loc[300:301, PRICES] *= 100.0
    split.to_parquet(folder / "bars" / "BBB.parquet")
    pence.to_parquet(folder / "bars" / "AAA.parquet")
    check()
    said = [line for line in lines(capsys) if line.startswith(("step", "outlier", "copy"))]
    assert said[:2] == [
        "outlier AAA: all prices far from the bars around, 2018-01-13, 2018-01-13",
        "step BBB: lasting step, 2018-01-30 x0.1429: a split that is not adjusted for, or another unit (pence, lots)?",
    ]
    assert said[2].startswith("copy BBB has the same returns as AAA, in about ")
    assert len(said) == 3


def test_picture_goes_where_it_is_wanted(check: Check, folder: Path) -> None:
    run_dir = check(f"out={folder}/pictures/coverage.svg")
    assert "<svg" in (folder / "pictures" / "coverage.svg").read_text()[:500]
    assert not (run_dir / "coverage.png").exists()
    (folder / "blocked").write_text("")
    for out in (f"{folder}/blocked/a.png", f"{folder}/a.unknown"):
        with pytest.raises(OutputError, match=r"cannot be written.*out=FILE.png"):
            check(f"out={out}")


def test_files_that_are_refused_stand_in_the_table_before_the_refusal(
    check: Check, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_duplicate(bars()).to_parquet(folder / "bars" / "AAA.parquet")
    with_naive(bars()).to_parquet(folder / "bars" / "BBB.parquet")
    with pytest.raises(BarsError, match=r"(?s)AAA.parquet.*duplicate=drop.*BBB.parquet.*no time zone"):
        check()
    assert lines(capsys)[1:5] == [
        "symbol class bars first last segments duplicate refused wick kept",
        "AAA crypto – 2018-01-01 2018-03-04 – 2 –",
        "BBB crypto – – – – – –",
        "CCC crypto 900 2018-02-01 late 2018-03-10 1 – 1",
    ]
    check("source/on_defect=drop", "++symbols.without=[BBB]")
    assert lines(capsys)[1:3] == [
        "symbol class bars first last segments duplicate dropped wick dropped",
        "AAA crypto 1,500 2018-01-01 2018-03-04 1 1 –",
    ]


def test_a_folder_that_is_not_there_is_said_once(check: Check, folder: Path) -> None:
    with pytest.raises(SourceError) as refused:
        check(f"++source.root={folder}/nowhere")
    assert str(refused.value).count("is not a folder") == 1


def test_nothing_to_draw_is_no_crash(check: Check, folder: Path) -> None:
    for name in ("AAA", "BBB", "CCC"):
        with_naive(bars()).to_parquet(folder / "bars" / f"{name}.parquet")
    with pytest.raises(BarsError, match="no time zone"):
        check()


@pytest.fixture
def started(command: Command, folder: Path) -> Callable[..., Any]:
    def call(*arguments: str) -> Any:
        own = ("--config-dir", str(folder), "symbols=coins", "source=parquet", f"source.root={folder}/bars")
        return command("scripts/check_data.py", *own, f"paths.outputs={folder}/outputs", *arguments)

    return call


@pytest.mark.slow
def test_command_ends_with_status_2_where_a_file_would_be_refused(started: Callable[..., Any], folder: Path) -> None:
    with_duplicate(bars()).to_parquet(folder / "bars" / "AAA.parquet")
    refused = started()
    assert refused.returncode == 2
    assert "duplicate timestamp" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "CCC" in refused.stdout
    accepted = started("source.on_defect.duplicate=drop")
    assert accepted.returncode == 0
    wrong = started("source.on_defect.duplikate=drop", "source/on_defect=drpo")
    assert wrong.returncode == 2
    assert "did you mean 'duplicate'?" in wrong.stderr
    assert "there is no 'drpo', did you mean 'drop'? Options: default, drop, strict" in wrong.stderr


@pytest.mark.slow
def test_looking_at_bars_does_not_wait_for_torch() -> None:
    code = "import sys, multisymbol.cli.check_data; print({'torch', 'lightning', 'mlflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

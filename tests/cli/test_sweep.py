"""A sweep whose jobs do not all succeed: the others run, the failures are listed last."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from multisymbol.cli import train as training
from tests.conftest import Command
from tests.shaped import History, write_universe

QUICK = ("trainer.max_epochs=1", "labels=horizon", "window=4", "stride=3", "batch_size=256", "model.hidden=[4]")


@pytest.fixture
def sweep(called: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Sweep the own models of three members, the second of which has too few bars."""
    (tmp_path / "bars").mkdir()
    members = {name: History(asset_class="crypto", start="", end="") for name in ("ONE", "YOUNG", "TWO")}
    write_universe(tmp_path / "my", members)
    for place, name in enumerate(members):
        rows = 100 if name == "YOUNG" else 2500
        close = 100 * np.exp(np.cumsum(np.random.default_rng(place).normal(0, 0.006, rows)))
        opened = np.append(100.0, close[:-1])
        stamps = pd.date_range("2023-01-01", periods=rows, freq="1h", tz="UTC")
        prices = {"open": opened, "high": np.maximum(opened, close), "low": np.minimum(opened, close), "close": close}
        frame = pd.DataFrame({"timestamp": stamps, **prices, "volume": 1.0})
        frame.to_parquet(tmp_path / "bars" / f"{name}.parquet", index=False)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, **options: object) -> object:
        own = ("--config-dir", "my", "symbols=mine", "source=parquet", "source.root=bars", "source.timeframe=1h")
        return called("scripts/train.py", "-m", *own, "mode=single", *QUICK, *arguments, **options)

    return call  # type: ignore[return-value]


def test_a_refused_job_does_not_end_the_sweep(sweep: Command) -> None:
    done = sweep("symbol=ONE,YOUNG,TWO", "dry_run=true")
    assert done.returncode == 2
    assert done.stderr.count("too few bars") == 1
    assert done.stderr.endswith(
        "1 job of the sweep failed, the others are done:\n"
        "  job 2  symbol=YOUNG: bars/YOUNG.parquet has 1 kind of defect; nothing was written.\n"
    )
    assert done.stdout.count("job 3") == 1
    assert "TWO" in done.stdout.partition("job 3")[2].partition("\n")[2]


def test_a_job_that_breaks_keeps_its_traceback_and_the_sweep_continues(
    sweep: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = []

    def broken(values: dict[str, object], run_dir: Path) -> float:
        ran.append(values["symbol"])
        if values["symbol"] == "ONE":
            raise ZeroDivisionError
        return 0.0

    monkeypatch.setattr(training, "train", broken)
    done = sweep("symbol=ONE,TWO")
    assert done.returncode == 1
    assert ran == ["ONE", "TWO"]
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("  job 1  symbol=ONE: ZeroDivisionError\n")


def test_one_reason_of_all_jobs_is_told_once(sweep: Command) -> None:
    done = sweep("symbol=ONE,TWO", "windw=3")
    assert done.returncode == 2
    assert done.stderr.count("did you mean") == 1
    assert "2 jobs of the sweep failed" in done.stderr


@pytest.mark.slow
def test_the_jobs_after_a_refused_one_are_trained(sweep: Command) -> None:
    done = sweep("symbol=ONE,YOUNG,TWO")
    assert done.returncode == 2
    for name in ("ONE", "TWO"):
        assert f"sym.{name} version 1" in done.stdout
    assert "YOUNG" not in done.stdout.partition("sym.TWO version 1")[2]

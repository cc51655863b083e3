import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from multisymbol.markets.io.defects import OnDefect
from multisymbol.markets.io.parquet import ParquetSource
from multisymbol.markets.time import Period
from tests.markets.conftest import LIMITS, config_of

SCRIPT = Path(__file__).parents[2] / "scripts" / "generate_test_data.py"
SHORT = ["--start", "2018-01-01", "--end", "2018-03-01"]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_test_data", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_files_are_marked_synthetic_and_readable_with_their_universe(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bars"
    symbols = "AAPL,BRK.B,EUR/USD:forex"
    assert script.main(["--symbols", symbols, "--timeframe", "1h", "--out", str(out), *SHORT]) == 0
    source = ParquetSource(
        root=str(out),
        pattern="{slug}.parquet",
        timeframe="1h",
        stamped="open",
        min_bars=100,
        on_defect=OnDefect(),
        limits=LIMITS,
    )
    for symbol, asset_class in (("AAPL", "stock"), ("BRK.B", "stock"), ("EUR/USD", "forex")):
        assert source.read(config_of(symbol, asset_class), Period()).synthetic
    facts = json.loads((out / "SYNTHETIC.json").read_text())
    assert facts["synthetic"] is True
    assert facts["symbols"] == {"AAPL": "stock", "BRK.B": "stock", "EUR/USD": "forex"}
    universe = yaml.safe_load((out / "conf" / "symbols" / "generated.yaml").read_text())
    assert universe["members"]["EUR/USD"] == {"asset_class": "forex"}
    assert (universe["only"], universe["without"]) == (None, [])
    said = capsys.readouterr().out
    assert said.startswith("wrote   3 symbols, ")
    assert f"python scripts/train.py --config-dir {out}/conf symbols=generated source=parquet source.root={out}" in said
    assert """'source.pattern="{slug}.parquet"'""" in said


def test_the_same_market_may_be_written_again_and_another_only_on_demand(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--symbols", "AAPL,MSFT", "--out", str(tmp_path), *SHORT]
    assert script.main(command) == 0
    before = (tmp_path / "AAPL.parquet").read_bytes()
    assert script.main(command) == 0
    assert (tmp_path / "AAPL.parquet").read_bytes() == before
    other = ["--symbols", "AAPL", "--seed", "2", "--out", str(tmp_path), *SHORT]
    assert script.main(other) == 2
    assert "holds another synthetic market; add --overwrite" in capsys.readouterr().err
    assert script.main([*other, "--overwrite"]) == 0
    assert [path.name for path in sorted(tmp_path.glob("*.parquet"))] == ["AAPL.parquet"]


def test_foreign_files_are_left_alone(script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.parquet").write_text("precious")
    assert script.main(["--symbols", "AAPL", "--out", str(tmp_path), "--overwrite", *SHORT]) == 2
    assert "holds files that this script did not write" in capsys.readouterr().err
    assert (tmp_path / "mine.parquet").read_text() == "precious"


def test_wrong_symbols_are_all_named(script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main(["--symbols", "A:stok,B,B", "--out", str(tmp_path / "x"), *SHORT]) == 2
    said = capsys.readouterr().err
    assert "A: unknown asset class 'stok', did you mean 'stock'?" in said
    assert "B: named twice" in said
    assert not (tmp_path / "x").exists()

import json
from pathlib import Path

import pytest
import yaml

from multisymbol.cli.commands import generate_data
from multisymbol.markets.io.defects import OnDefect
from multisymbol.markets.io.files import ParquetSource
from multisymbol.markets.time import Period
from tests.markets.conftest import LIMITS, config_of

SHORT = ["--start", "2018-01-01", "--end", "2018-03-01"]


def test_files_are_marked_synthetic_and_readable_with_their_universe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bars"
    symbols = "AAPL,BRK.B,EUR/USD:forex"
    assert generate_data.run(["--symbols", symbols, "--timeframe", "1h", "--out", str(out), *SHORT]) == 0
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
    said = " ".join(capsys.readouterr().out.replace("\\\n", "").split())
    assert said.startswith("wrote 3 symbols, ")
    assert f"multisymbol train --config-dir {out}/conf symbols=generated source=parquet source.root={out}" in said
    assert """'source.pattern="{slug}.parquet"'""" in said


def test_the_same_market_may_be_written_again_and_another_only_on_demand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--symbols", "AAPL,MSFT", "--out", str(tmp_path), *SHORT]
    assert generate_data.run(command) == 0
    before = (tmp_path / "AAPL.parquet").read_bytes()
    assert generate_data.run(command) == 0
    assert (tmp_path / "AAPL.parquet").read_bytes() == before
    other = ["--symbols", "AAPL", "--seed", "2", "--out", str(tmp_path), *SHORT]
    assert generate_data.run(other) == 2
    assert "holds another synthetic market; add --overwrite" in capsys.readouterr().err
    assert generate_data.run([*other, "--overwrite"]) == 0
    assert [path.name for path in sorted(tmp_path.glob("*.parquet"))] == ["AAPL.parquet"]


def test_foreign_files_are_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.parquet").write_text("precious")
    assert generate_data.run(["--symbols", "AAPL", "--out", str(tmp_path), "--overwrite", *SHORT]) == 2
    assert "holds files that this command did not write" in capsys.readouterr().err
    assert (tmp_path / "mine.parquet").read_text() == "precious"


def test_wrong_symbols_are_all_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate_data.run(["--symbols", "A:stok,B,B", "--out", str(tmp_path / "x"), *SHORT]) == 2
    said = capsys.readouterr().err
    assert "A: unknown asset class 'stok', did you mean 'stock'?" in said
    assert "B: named twice" in said
    assert not (tmp_path / "x").exists()

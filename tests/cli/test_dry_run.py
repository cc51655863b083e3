"""A dry run: what it says is what a run uses, and nothing is built."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from multisymbol.cli.dry_run.train import dry_run, plan_table, planned
from multisymbol.cli.schema import config_problems
from multisymbol.cli.specs import data_spec, features_of
from multisymbol.config.build import plain
from multisymbol.errors import SourceError
from multisymbol.features.pipeline import history_bars
from multisymbol.markets.symbols import universe
from multisymbol.progress import Terminal
from multisymbol.reports.tables.table import show
from multisymbol.samples.dataset import prepare
from tests.conftest import SMALL, Command, Compose

Values = Callable[..., dict[str, Any]]
OWN = (
    "++symbols.members.SYN_A.indicators.rsi.period=21",
    "++symbols.members.SYN_A.labels.zigzag.sigmas=9",
    "++symbols.members.SYN_B.fuzzy.rsi.neutral={triangular: [20, 50, 80]}",
)


@pytest.fixture
def values(composed: Compose, tmp_path: Path) -> Values:
    def call(*overrides: str) -> dict[str, Any]:
        config = composed(*SMALL, f"++paths.outputs={tmp_path / 'outputs'}", *overrides)
        assert config_problems(config) == []
        return plain(config)

    return call


def cells(made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return symbol -> column -> cell."""
    table = plan_table(planned(made, Terminal(silent=True)), made)
    keys = [column.key for column in table.columns]
    return {str(row[0]): dict(zip(keys, row, strict=True)) for row in table.rows}


@pytest.mark.parametrize("stride", [1, 3])
def test_what_it_counts_is_what_a_run_finds(stride: int, values: Values) -> None:
    made = values("++source.end=2018-01-01", f"++stride={stride}", "++symbols.without=[SYN_C,SYN_E]", *OWN)
    rows = cells(made)
    prepared = prepare(data_spec(made), Terminal(silent=True))
    labels = prepared.panel.label
    for index, count in enumerate(prepared.ledger.counts):
        row, own = rows[count.symbol], prepared.panel.rows(index)
        unresolved_ends = int((labels[own][::stride] < 0)[-(-count.warmup // stride) :].sum())
        assert row["bars"] == count.bars
        assert row["warmup_bars"] == prepared.panel.warmup_bars[index]
        assert row["history_bars"] == row["warmup_bars"] + made["window"]
        assert 0 <= row["most_samples"] - count.samples <= unresolved_ends
        if stride == 1:
            assert row["most_samples"] == count.samples + count.unresolved


def test_it_shows_what_is_a_symbols_own(values: Values) -> None:
    rows = cells(values(*OWN))
    assert rows["SYN_A"]["indicators"] == "rsi.period=21"
    assert rows["SYN_A"]["label"] == "sigmas=9"
    assert (rows["SYN_B"]["indicators"], rows["SYN_B"]["fuzzy"]) == ("–", "1 of 10")
    assert rows["SYN_F"]["costs_bps"] == "7.5+0.5+1.5"
    assert rows["SYN_D"]["indicators"] == "moving_average.slow=120"


def test_label_shows_what_its_threshold_uses(values: Values, capsys: pytest.CaptureFixture[str]) -> None:
    own = "++symbols.members.SYN_A.labels.zigzag.threshold=percent"
    assert cells(values(*OWN, own))["SYN_A"]["label"] == "threshold=percent percent=4"
    assert {row["label"] for row in cells(values()).values()} == {"–"}
    dry_run(values())
    assert re.search(
        r"\nlabels +ZigZag\(threshold=volatility, sigmas=12, volatility_bars=100\)", capsys.readouterr().out
    )


def test_each_number_and_date_says_what_it_is(values: Values, capsys: pytest.CaptureFixture[str]) -> None:
    made = values("++symbols.only=[SYN_A]")
    dry_run(made)
    said = capsys.readouterr().out
    assert re.search(r"bars +first open +last close +warm-up +1st sample +samples ≤", said)
    (config,) = universe(made["symbol_configs"])
    needed = history_bars(config=config, spec=features_of(made), window=made["window"])
    assert f"one answer later on needs at most {needed:,} bars" in said
    assert cells(made)["SYN_A"]["history_bars"] == needed - 1023  # restart_bars=1024


def test_one_screen(values: Values, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    made = values("++split.test_from=2018-09-01", *OWN)
    dry_run(made)
    said = capsys.readouterr().out
    assert len(said.splitlines()) < 30
    assert said.startswith("SYNTHETIC")
    for part in (
        "test_from=2018-09-01",
        "window     4 bars, one ends every 3 bars",
        "Balanced(",
        "Mlp(",
        "29 membership",
        "at most",
    ):
        assert part in said
    assert re.search(r"\ndefects +drop: unfinished · keep: .*wick", said)
    assert "own ranges in 1 symbol (stock): rsi" in said
    assert not (tmp_path / "outputs").exists()


def test_files_are_shown_where_no_pattern_names_them_all(values: Values, tmp_path: Path) -> None:
    made = values()
    plans = planned(made, Terminal(silent=True))
    assert "synthetic" not in str(show(plan_table(plans, made)))
    renamed = [type(plan)(**{**_fields(plan), "origin": f"{place}.parquet"}) for place, plan in enumerate(plans)]
    assert "0.parquet" in str(show(plan_table(renamed, made)))


def _fields(plan: Any) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in plan.__slots__}


def test_what_is_absent_is_listed_for_all_symbols(composed: Compose, tmp_path: Path) -> None:
    (tmp_path / "bars").mkdir()
    (tmp_path / "bars" / "OTHER.parquet").write_bytes(b"")
    made = plain(composed("source=parquet", f"++source.root={tmp_path / 'bars'}"))
    with pytest.raises(SourceError, match=r"(?s)bars of SYN_A.*bars of SYN_F"):
        dry_run(made)


def test_the_command_leaves_nothing(called: Command, tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    done = called(
        "scripts/train.py",
        "dry_run=true",
        f"paths.outputs={outputs}",
        "source.start=2019-01-01",
        "symbols.only=[SYN_A]",
    )
    assert done.returncode == 0, done.stderr
    assert "SYN_A" in done.stdout
    assert not outputs.exists()


def test_symbols_whose_bars_go_into_the_warm_up_are_named(values: Values, capsys: pytest.CaptureFixture[str]) -> None:
    dry_run(values())
    assert "warm-up takes most" not in capsys.readouterr().out
    dry_run(values("++symbols.members.SYN_A.indicators.moving_average.slow=500"))
    said = capsys.readouterr().out
    assert re.search(r"short +SYN_A: the warm-up takes most of their bars \([0-9,]+ of [0-9,]+ of SYN_A\)", said)

"""A universe of hundreds in one file: what it becomes, what is said of a bad one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from multisymbol.cli.schema import config_problems
from multisymbol.config.build import plain
from multisymbol.errors import SymbolError
from multisymbol.markets.io.universe_file import member_lines, read_members
from multisymbol.markets.symbols import resolve_symbols
from tests.conftest import Command, Compose

CLASSES = ("stock", "forex", "crypto")
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def call(*lines: str, name: str = "universe.csv") -> Path:
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return call


def said(path: Path) -> list[str]:
    with pytest.raises(SymbolError) as caught:
        read_members(path, asset_classes=CLASSES)
    head, *lines = str(caught.value).splitlines()
    assert "nothing was started" in head
    return [line.strip().removeprefix(f"{path} ") for line in lines]


def test_csv_and_yaml_say_the_same(write: Write) -> None:
    table = write(
        "symbol,asset_class,indicators.rsi.period,costs.half_spread_bps,fuzzy.rsi.low,calendar,labels.zigzag.threshold",
        'AAPL,stock,21,,"{triangular: [20, 30, 40]}",24/7,percent',
        " BRK.B , stock ,,1.5,,,",
        "",
        "ON,forex,,-2e-1,,,",
    )
    page = write(
        "- symbol: AAPL",
        "  asset_class: stock",
        "  overrides:",
        "    indicators: {rsi: {period: 21}}",
        "    fuzzy: {rsi: {low: {triangular: [20, 30, 40]}}}",
        "    calendar: 24/7",
        "    labels: {zigzag: {threshold: percent}}",
        "- {symbol: BRK.B, asset_class: stock, overrides: {costs: {half_spread_bps: 1.5}}}",
        '- {symbol: "ON", asset_class: forex, overrides: {costs: {half_spread_bps: -0.2}}}',
        name="universe.yaml",
    )
    members = read_members(table, asset_classes=CLASSES)
    assert members == read_members(page, asset_classes=CLASSES)
    assert list(members) == ["AAPL", "BRK.B", "ON"]
    assert members["AAPL"]["indicators"] == {"rsi": {"period": 21}}
    assert type(members["AAPL"]["indicators"]["rsi"]["period"]) is int
    assert members["BRK.B"] == {"asset_class": "stock", "costs": {"half_spread_bps": 1.5}}
    assert member_lines(table) == {"AAPL": 2, "BRK.B": 3, "ON": 5}
    assert member_lines(page) == {"AAPL": 1, "BRK.B": 8, "ON": 9}


def test_all_problems_of_the_rows_are_listed_with_their_lines(write: Write) -> None:
    path = write(
        "symbol,asset_class,indicators.rsi.period,costs.slippage_bps",
        "AAPL,stock,14,",
        "MSFT,stok,14,",
        ",forex,,",
        'EURUSD,forex,"1,4",',
        "AAPL,forex,,",
        "GBPUSD,,,2bp",
        "USDJPY,forex,9",
    )
    assert said(path) == [
        "line 3: asset_class: expected one of stock, forex, crypto, got 'stok', did you mean 'stock'?",
        "line 4: symbol is empty",
        "line 5: indicators.rsi.period: '1,4' is not a number; write it like 14 or 0.5, without unit or thousands mark",
        "line 6: symbol 'AAPL' is there twice, first in line 2",
        "line 7: asset_class is empty, one of stock, forex, crypto",
        "line 7: costs.slippage_bps: '2bp' is not a number; write it like 14 or 0.5, without unit or thousands mark",
        "line 8: 3 cells, the header names 4 columns",
    ]


def test_a_word_among_numbers_is_unreadable_and_a_column_of_words_is_not(write: Write) -> None:
    path = write(
        "symbol,asset_class,indicators.rsi.period,labels.zigzag.threshold", "A,stock,14,percent", "B,stock,slow,percent"
    )
    assert [line.split(";")[0] for line in said(path)] == ["line 3: indicators.rsi.period: 'slow' is not a number"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Symbol,asset_class", ["line 1: unknown column 'Symbol', did you mean 'symbol'?"]),
        ("symbol,calendar", ["line 1: there is no column 'asset_class'"]),
        (
            "symbol,asset_class,indicator.rsi.period",
            ["line 1: unknown column 'indicator.rsi.period', did you mean 'indicators.rsi.period'?"],
        ),
        ("symbol,asset_class,calendar,calendar", ["line 1: column 'calendar' is there twice"]),
        (
            "symbol,asset_class,costs,costs.slippage_bps",
            ["line 1: columns 'costs' and 'costs.slippage_bps' overlap, keep one"],
        ),
        (
            "symbol;asset_class",
            ["line 1: expected cells separated by commas, got 'symbol;asset_class'"],
        ),
    ],
)
def test_wrong_header(header: str, expected: list[str], write: Write) -> None:
    assert sorted(said(write(header))) == sorted(expected)


def test_a_problem_of_many_rows_is_said_once(write: Write) -> None:
    path = write("symbol,asset_class", *(f"S{n},stocks" for n in range(300)))
    (line,) = said(path)
    assert line.startswith("lines 2, 3, 4 and 297 more: asset_class: expected one of stock, forex, crypto")


def test_bad_entries_of_a_yaml_list(write: Write) -> None:
    path = write(
        "- {symbol: ON, asset_class: stock}",
        "- AAPL",
        "- {symbol: MSFT, asset_class: stock, indicators: {rsi: {period: 3}}, overides: {}}",
        name="universe.yaml",
    )
    assert said(path) == [
        "line 1: a symbol is text, got True; put it in quotes as it is written (YAML reads NO and 1E5 as values)",
        "line 2: expected {symbol, asset_class, overrides}, got 'AAPL'",
        "line 3: unknown key 'indicators'; an override goes under `overrides`",
        "line 3: unknown key 'overides', did you mean 'overrides'?",
    ]


def test_files_that_are_no_table(write: Write, tmp_path: Path) -> None:
    assert "page with `members:`" in said(write("members: {}", name="page.yaml"))[0]
    assert "line 2: not readable as YAML" in said(write("- a: 1", "  - b", name="broken.yaml"))[0]
    assert said(write("symbol,asset_class", name="empty.csv")) == ["line 1: the table has no rows"]
    with pytest.raises(SymbolError, match=r"universe\.xlsx is none of \.csv, \.yaml, \.yml"):
        read_members(tmp_path / "universe.xlsx", asset_classes=CLASSES)
    with pytest.raises(SymbolError, match=r"pgae\.yaml cannot be read: No such file.*, did you mean 'page\.yaml'\?"):
        read_members(tmp_path / "pgae.yaml", asset_classes=CLASSES)


def use(path: Path) -> tuple[str, str, str]:
    return "symbols=table", f"symbols.file={path}", "source=synthetic"


def test_members_resolve_like_those_of_a_page_and_the_command_line_wins(write: Write, composed: Compose) -> None:
    path = write("symbol,asset_class,indicators.rsi.period,indicators.macd.fast", "A,stock,21,8", "B,forex,,")
    more = "++symbols.members={A: {indicators: {rsi: {period: 5}}}, C: {asset_class: crypto}}"
    config = composed(*use(path), more)
    assert config_problems(config) == []
    configs = plain(config)["symbol_configs"]
    assert list(configs) == ["A", "B", "C"]
    assert configs["A"]["indicators"]["rsi"] == {"period": 5}
    assert configs["A"]["indicators"]["macd"]["fast"] == 8
    assert list(plain(composed(*use(path), "symbols.without=[B]"))["symbol_configs"]) == ["A"]


def test_the_check_lists_wrong_overrides_with_the_lines_of_the_table(write: Write, composed: Compose) -> None:
    path = write(
        "symbol,asset_class,indicators.rsi.perod,costs.slippage_bps", "BRK.B,stock,21,1", "B,forex,8,-3", "C,forex,,"
    )
    found = config_problems(composed(*use(path), "++symbols.members={D: {}}"))
    assert [(problem.path, problem.text.split(",")[0]) for problem in found] == [
        ("symbols.members.D.asset_class", "missing"),
        (f"{path} lines 2, 3", "indicators.rsi.perod: unknown parameter"),
        (f"{path} line 3", "costs.slippage_bps: expected a number of 0 or more"),
    ]


def test_five_hundred_symbols_are_resolved_once_to_be_checked_and_once_to_be_used(
    write: Write, composed: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def counted(**given: Any) -> dict[str, dict[str, Any]]:
        calls.append(len(given["symbols"]))
        return resolve_symbols(**given)

    monkeypatch.setattr("multisymbol.cli.schema.resolve_symbols", counted)
    rows = (f"S{n},{CLASSES[n % 3]},{10 + n % 9}" for n in range(500))
    path = write("symbol,asset_class,indicators.rsi.period", *rows)
    config = composed(*use(path))
    assert config_problems(config) == []
    assert calls == [500]
    assert len(plain(config)["symbol_configs"]) == 500
    assert calls == [500, 500]


def test_a_bad_table_stops_the_command_before_anything_is_started(
    write: Write, called: Command, tmp_path: Path
) -> None:
    path = write("symbol,asset_class", "AAPL,stok")
    done = called("scripts/train.py", *use(path), f"paths.outputs={tmp_path / 'outputs'}")
    assert done.returncode == 2
    assert f"{path} line 2" in done.stderr
    assert "did you mean 'stock'?" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "outputs").rglob("*.*"))


def test_a_table_without_a_file_is_asked_for_one(composed: Compose) -> None:
    found: list[Any] = config_problems(composed("symbols=table"))
    assert [(problem.path, problem.text.split(":")[0]) for problem in found] == [("symbols.file", "missing")]

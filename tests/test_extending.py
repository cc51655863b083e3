"""docs/extending.md: every block is a file, all of it runs, and none of it without trust."""

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from multisymbol.cli.compose import SCHEMAS
from multisymbol.cli.schema import config_problems
from multisymbol.config.build import plain
from multisymbol.config.trust import trusting
from tests import composing
from tests.conftest import ROOT, prepared_outputs

PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCKS = re.findall(
    r"^```(?:python|yaml)\n# ((?:my/)?\w[\w/]*\.(?:py|yaml))\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL
)
COMMANDS = re.findall(r"^ {4}multisymbol (\w+) (?:--config-dir my )?(.*?) ?trust=\[(\w+)\]$", PAGE, re.MULTILINE)
SMALL = (
    "source.start=2018-01-01",
    "source.signal=0.12",
    "source.end=2019-01-01",
    "trainer.max_epochs=1",
    "batch_size=256",
    "window=4",
    "stride=6",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Work in a directory that holds the files of the page."""
    written: Path = tmp_path_factory.mktemp("extending")
    for name, text in BLOCKS:
        file = written / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    with chdir(written):
        yield written


def composed(folder: Path, page: str, *overrides: str) -> Any:
    own = folder / "my"
    groups = [text for text in overrides if composing._chooses_group(text, own)]
    values = [f"++{text}" for text in overrides if text not in groups]
    return composing.composed_page(page, *groups, *values, folder=own)


def chosen(command: str) -> list[str]:
    """Return the overrides of all of the page's commands of this kind, but the source's."""
    given = [text for kind, overrides, _ in COMMANDS for text in overrides.split() if kind == command]
    return [text for text in given if not text.startswith("source")]


def test_every_section_has_files_and_a_command() -> None:
    sections = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert len([name for name, _ in BLOCKS if name.endswith(".py")]) == len(sections)
    assert [module for _, _, module in COMMANDS if module not in PAGE[: PAGE.index("## ")]]
    assert len(COMMANDS) == len(sections) + 1  # and the one of the introduction


@pytest.mark.parametrize(("command", "overrides", "module"), [each for each in dict.fromkeys(COMMANDS) if each[1]])
def test_commands_pass_the_check_with_trust_alone(folder: Path, command: str, overrides: str, module: str) -> None:
    with trusting([module], folders=[folder]):
        assert config_problems(composed(folder, command, *overrides.split()), schema=SCHEMAS[command]) == []
    config = composed(folder, command, *overrides.split())
    text = " ".join(problem.text for problem in config_problems(config, schema=SCHEMAS[command]))
    assert module == "my_indicator" or f"trust=[{module}]" in text


@pytest.mark.slow
def test_all_extensions_together_train_and_trade(folder: Path, store_template: Path) -> None:
    from multisymbol import api

    outputs = prepared_outputs(folder, store_template)
    where = [*SMALL, f"paths.outputs={outputs}"]
    modules = list(dict.fromkeys(module for _, _, module in COMMANDS))
    with trusting(modules, folders=[folder]):
        config = api.load_config([*chosen("train"), *where], config_dir=folder / "my")
        training = api.train(config)
        assert 0 <= training.scores["confident_accuracy"].iloc[-1] <= 1
        same = [text for text in chosen("train") if text.startswith(("features", "labels"))]
        config = api.load_config([*chosen("backtest"), *same, *where], command="backtest", config_dir=folder / "my")
        traded = api.backtest(config)
        assert set(traded.first.traded) == {"SYN_A", "SYN_B", "SYN_C", "SYN_D", "SYN_E", "SYN_F"}


def test_own_source_has_the_bars_of_the_table(folder: Path) -> None:
    from multisymbol.config.build import build
    from multisymbol.markets.symbols import universe
    from multisymbol.markets.time import Period

    hours = pd.date_range("2020-01-06", periods=600, freq="h", tz="UTC")
    rows = pd.DataFrame({"symbol": "SYN_F", "timestamp": hours.astype(str), "open": 1.0, "high": 2.0, "low": 0.5})
    with sqlite3.connect(folder / "bars.db") as database:
        rows.assign(close=1.5, volume=1.0).to_sql("bars", database, index=False)
    with trusting(["my_source"], folders=[folder]):
        values: Mapping[str, Any] = plain(composed(folder, "train", "source=sqlite", "source.file=bars.db"))
        source = build(values["source"], role="source")
        (symbol,) = [each for each in universe(values["symbol_configs"]).configs if each.symbol == "SYN_F"]
        bars = source.read(symbol, Period())
    assert len(bars) == 600
    assert set(bars.close) == {1.5}


def test_own_section_stands_on_the_page(folder: Path) -> None:
    from multisymbol.config.build import build
    from multisymbol.reports.comparison import comparison_page
    from multisymbol.reports.page import page_html
    from tests.reports.comparisons import compared

    with trusting(["my_section"], folders=[folder]):
        values = plain(composed(folder, "compare", "experiment=decision"))
        own = [build(node, role="section") for node in values["sections"].values()]
        page = comparison_page(compared("universal"), sections=own)
    assert page.sections[-1].title == "Decision"
    assert "No change until the next comparison." in page_html(page)

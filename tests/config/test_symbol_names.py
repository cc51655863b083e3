"""Names of symbols that YAML or Hydra read as values, or refuse: they work, or are refused with the cure."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from multisymbol.cli.commands import generate_data, models
from multisymbol.cli.compose import load_config
from multisymbol.cli.schema import config_problems
from multisymbol.config.build import plain
from multisymbol.config.command_line import as_text, forced
from multisymbol.errors import ConfigError, MultisymbolError
from multisymbol.markets.symbols import LONGEST_SLUG, name_problem, slug, unslug
from tests.conftest import Command, compose_train

VALUES = ("NAN", "TRUE", "NULL", "1E5", "600519", "2330", "NO", "ON", "1_000", "0x10", ".5", "12:30", "007", "~", "2e3")
"""Names that YAML or Hydra take for a number, a truth value, a time of day or nothing."""
SIGNS = (
    "^GSPC",
    "BRK.B",
    "BTC/USDT",
    "EURUSD=X",
    "ES=F",
    "Ünïcode",
    "株式",
    "<b>bold</b>",
    "A&B",
    "a b",
    "$SPX",
    "@ES",
    "{x}",
)
REFUSED = ("X" * 300, "ESC\x1b[31m", "BELL\x07", "\u202eabc", "\x9b1m", " lead", "", "\n")
NAMES = (*VALUES, *SIGNS)

Written = Callable[[str], str]
COMMAND_LINE: dict[str, tuple[Written, Callable[[str], Any]]] = {
    "symbol": (lambda name: f"symbol={name}", lambda name: name),
    "symbols.only": (lambda name: f"symbols.only=[SYN_A,{name}]", lambda name: ["SYN_A", name]),
    "symbols.without": (lambda name: f"symbols.without=[{name}, SYN_B]", lambda name: [name, "SYN_B"]),
    "split.groups": (lambda name: f"split.groups=[[{name},A],[B]]", lambda name: [[name, "A"], ["B"]]),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("key", COMMAND_LINE)
@pytest.mark.parametrize("sign", ["", "+", "++"])
def test_the_command_line_takes_every_name_as_text(key: str, name: str, sign: str) -> None:
    write, read = COMMAND_LINE[key]
    given = f"{sign}{write(name)}"
    (override,) = OverridesParser.create().parse_overrides([as_text(given) if sign else forced(given)])
    assert override.key_or_group == key
    assert override.value() == read(name)


def test_what_is_no_name_is_left_alone() -> None:
    for text in (
        "symbol=null",
        "symbol='NAN'",
        'symbols.only=["a, b"]',
        "symbol=choice(A,B)",
        "symbols.only=${symbols.without}",
        "split.groups=3",
        "split.groups=asset_class",
        "seed=600519",
        "model=mlp",
    ):
        assert as_text(text) == text
    assert as_text("symbol=ONE,NAN,600519") == 'symbol=ONE,"NAN","600519"'


def page(folder: Path, text: str) -> Path:
    (folder / "symbols").mkdir(exist_ok=True)
    (folder / "symbols" / "mine.yaml").write_text(text, encoding="utf-8")
    return folder


def universe(names: Sequence[str], *, more: str = "") -> str:
    """Return a file of names as they are written."""
    return f"members: {{{', '.join(f'{name}: {{asset_class: stock}}' for name in names)}}}\n{more}\n"


@pytest.mark.parametrize("place", ["members", "only", "without"])
def test_a_file_takes_every_name_in_quotes(place: str, tmp_path: Path) -> None:
    quoted = [json.dumps(name, ensure_ascii=False) for name in NAMES]
    more = {"members": "", "only": f"only: [{', '.join(quoted)}]", "without": f"without: [{', '.join(quoted)}]"}
    folder = page(tmp_path, universe([*quoted, "LEFT"], more=more[place]))
    config = compose_train("symbols=mine", "source=parquet", "++source.root=bars", folder=folder)
    assert config_problems(config) == []
    expected = {"members": [*NAMES, "LEFT"], "only": [*NAMES], "without": ["LEFT"]}
    assert list(plain(config)["symbol_configs"]) == expected[place]


@pytest.mark.parametrize("place", ["members", "only", "without"])
def test_a_file_without_quotes_means_the_name_or_is_refused_with_the_cure(place: str, tmp_path: Path) -> None:
    bare = [name for name in VALUES if name not in {"NULL", "~"}]
    more = {"members": "", "only": f"only: [{', '.join(VALUES)}]", "without": f"without: [{', '.join(VALUES)}]"}
    members = bare if place == "members" else [json.dumps(name) for name in VALUES]
    folder = page(tmp_path, universe(members, more=more[place]))
    config = compose_train("symbols=mine", "source=parquet", "++source.root=bars", folder=folder)
    problems = [problem.text for problem in config_problems(config)]
    assert problems
    assert all("put it in quotes" in text for text in problems)
    if place == "members":
        read = list(plain(config, leave_out=["symbol_configs"])["symbols"]["members"])
        assert {key for key in read if isinstance(key, str)} <= set(bare)
        assert len(problems) == sum(not isinstance(key, str) for key in read) > 5


@pytest.mark.parametrize("name", ["NULL", "~"])
def test_a_key_that_is_read_as_nothing_has_the_cure(name: str, tmp_path: Path, called: Command) -> None:
    folder = page(tmp_path, universe([name]))
    with pytest.raises(ConfigError, match="a key of a file is no text; put it in quotes"):
        load_config(["symbols=mine"], config_dir=folder)
    done = called("scripts/train.py", "--config-dir", str(folder), "symbols=mine")
    assert (done.returncode, "put it in quotes" in done.stderr) == (2, True)


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_that_nothing_can_hold_is_refused(name: str, tmp_path: Path) -> None:
    assert name_problem(name) is not None
    folder = page(tmp_path, universe([json.dumps(name)]))
    problems = config_problems(compose_train("symbols=mine", folder=folder))
    assert len(problems) == 1
    assert len(problems[0].text) < 200


@pytest.mark.parametrize("name", NAMES)
def test_names_of_files_and_models_come_back(name: str) -> None:
    assert name_problem(name) is None
    assert unslug(slug(name)) == name
    assert len(slug(name)) <= LONGEST_SLUG


def test_keys_of_mappings_are_text_or_refused_with_the_cure() -> None:
    for given in ("sampling.symbol_weights={600519: 2.0}", "source.files={600519: a.csv}"):
        source = ["source=csv", "source.root=bars", "source.timezone=UTC", "source.timeframe=1h"]
        with pytest.raises(ConfigError, match=r"600519.*; put it in quotes .*KEY\.600519=VALUE"):
            load_config([*source, given], symbols={"600519": "stock"})
    one = load_config(["source=synthetic", "sampling.symbol_weights.600519=2.0"], symbols={"600519": "stock"})
    assert one.values["sampling"]["symbol_weights"] == {"600519": 2.0}


def test_generate_data_writes_a_universe_that_reads_back(tmp_path: Path) -> None:
    market = ["--start", "2018-01-01", "--end", "2018-01-05", "--out", str(tmp_path / "made")]
    named = ",".join(f"{name}:crypto" for name in NAMES)
    assert generate_data.run(["--symbols", named, *market]) == 0
    config = compose_train("symbols=generated", folder=tmp_path / "made" / "conf")
    assert list(plain(config)["symbol_configs"]) == list(NAMES)


def test_flags_of_other_commands_are_text() -> None:
    for name in NAMES:
        assert models.parser().parse_args(["list", f"--symbol={name}"]).symbol == name


def test_universes_of_the_python_api_take_every_name() -> None:
    config = load_config(["source=parquet", "source.root=bars"], symbols=dict.fromkeys(NAMES, "stock"))
    assert list(config.values["symbol_configs"]) == list(NAMES)
    with pytest.raises(MultisymbolError, match="text, got 600519"):
        load_config(symbols={600519: "stock"})  # type: ignore[dict-item]


def test_files_of_names_that_read_as_values_are_checked_and_prepared(
    called: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("NAN", "TRUE", "600519", "2330", "1E5", "^GSPC", "EURUSD=X")
    market = ["--start", "2018-01-01", "--end", "2018-03-01", "--out", str(tmp_path / "bars")]
    assert generate_data.run(["--symbols", ",".join(f"{name}:crypto" for name in names), *market]) == 0
    monkeypatch.chdir(tmp_path)
    files = ("symbols=generated", "source=parquet", "source.root=bars", "source.timeframe=1h")
    own = ("--config-dir", "bars/conf", *files, 'source.pattern="{slug}.parquet"')
    done = called("scripts/check_data.py", *own, f"symbols.only=[{','.join(names)}]")
    assert done.returncode == 0, done.stderr
    assert all(f"\n{name} " in done.stdout for name in names)
    done = called("scripts/train.py", *own, "mode=single", "symbol=600519", "symbols.only=[600519,NAN]", "dry_run=true")
    assert done.returncode == 0, done.stderr
    done = called("scripts/check_data.py", *own, "symbols.only=[NAN,2331]")
    assert (done.returncode, "did you mean '2330'" in done.stderr) == (2, True)

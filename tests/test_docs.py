"""What the pages name exists: files, configuration choices, commands and their keys; and no retired word occurs."""

import re
import shlex
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from multisymbol.cli.schema import SCHEMA, config_problems
from tests import composing
from tests.conftest import ROOT

PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md")] + sorted((ROOT / "docs").rglob("*.md"))
CONF_FILES = sorted([*(ROOT / "conf").rglob("*.yaml"), *(ROOT / "validation" / "conf").rglob("*.yaml")])
SCHEMAS = {
    "train": SCHEMA,
    "compare": "multisymbol.cli.schema.CompareConfig",
    "backtest": "multisymbol.cli.schema.BacktestConfig",
    "predict": "multisymbol.cli.predict.PredictConfig",
    "resolve": "multisymbol.cli.resolve.ResolveConfig",
    "check-data": "multisymbol.cli.check_data.CheckDataConfig",
    "trace": "multisymbol.cli.trace.TraceConfig",
}
WITHOUT_KEYS = {"models", "generate-data", "import-bars", "completion", "COMMAND"}

RETIRED = {
    r"leavings": "orphans",
    r"\bdoctor\b": "cleanup",
    r"\bforeign\b": "trust, unknown",
    r"\bseats?\b": "batch slots",
    r"\baskers?\b": "prediction sources",
    r"\bcanar(y|ies)\b": "leakage checks",
    r"relabellings?": "A/A test",
    r"\bdonors?\b": "source models",
    r"told apart": "distinguishable",
    r"\b(go|goes|went) out from": "start from",
    r"worth [\d.]+ independent|independent ones": "effective sample size",
    r"\bwalking\b": "walk-forward",
    r"\bfolding\b": "scoring folds",
    r"\bask(s|ed|ing)? (a|the|stored|five) models?": "predict",
    r"\b(is|are|was|were) asked about\b": "predict",
    r"\bgo(es)? on with\b": "continue",
    r"\bcoins?\b": "crypto, cryptocurrency",
    r"labels' own mechanics": "mechanical baseline",
    r"way of the data|way through the house": "data flow",
    r"has seen the world": "was trained on data through",
    r"teaches another": "leaks into",
}
"""Words that the project no longer uses -> the word of docs/glossary.md."""
KEYS = r"registry\.donors|^donors:"
"""Retired words that are still keys of the configuration."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A command as a page shows it."""

    page: str
    command: str
    arguments: tuple[str, ...]

    @property
    def overrides(self) -> list[str]:
        """`key=value` arguments; of a sweep its first job."""
        own = [text for text in self.arguments if "=" in text and not text.startswith("-")]
        return [_first_job(text) for text in own] if "-m" in self.arguments else own

    @property
    def config_dir(self) -> bool:
        return "--config-dir" in self.arguments


def _first_job(override: str) -> str:
    return override if "[" in override else override.split(",", maxsplit=1)[0]


def shown_commands(page: Path) -> Iterator[Shown]:
    """Find every `multisymbol COMMAND ...` in blocks and in running text."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for found in re.finditer(r"(?<![\w.`/-])(`?)(?:\$ )?multisymbol ([a-z-]+|COMMAND)\b([^\n]*)", text):
        ticked, command, rest = found.groups()
        rest = rest.split("`")[0] if ticked else re.split(r"\s{2,}|\s#\s", rest)[0] if "   " in rest else rest
        if command in SCHEMAS:
            yield Shown(page=page.name, command=command, arguments=tuple(shlex.split(rest, comments=True)))
        elif command in WITHOUT_KEYS:
            yield Shown(page=page.name, command=command, arguments=())


ALL_SHOWN = list(dict.fromkeys(shown for page in PAGES for shown in shown_commands(page)))
CHECKED = [
    shown
    for shown in ALL_SHOWN
    if shown.command in SCHEMAS and not any("[key" in text for text in shown.arguments)
    if shown.arguments or shown.command != "trace"  # named in running text; it has no default
    if not any(text.startswith("trust=") for text in shown.arguments)  # test_extending.py runs these
]


@pytest.fixture(scope="module")
def own_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a configuration folder with the universe that README.md writes."""
    folder: Path = tmp_path_factory.mktemp("my")
    (folder / "symbols").mkdir()
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    written = re.search(r"mine\.yaml <<'END'\n(.*?)\n *END", text, flags=re.DOTALL)
    assert written is not None
    indent = re.match(r" *", written[1])
    lines = [line.removeprefix(indent[0] if indent else "") for line in written[1].splitlines()]
    (folder / "symbols" / "mine.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_every_command_is_shown_by_some_page() -> None:
    assert {shown.command for shown in ALL_SHOWN} >= {*SCHEMAS, "models", "generate-data"}
    assert len(CHECKED) >= 30


@pytest.mark.parametrize(
    "shown", CHECKED, ids=lambda shown: f"{shown.page} {shown.command} {' '.join(shown.arguments)}"
)
def test_commands_of_the_pages_pass_the_check(shown: Shown, own_folder: Path) -> None:
    folder = own_folder if shown.config_dir else None
    overrides = [
        text if composing._chooses_group(text, folder) else f"++{text}"  # as the command line passes them on
        for text in shown.overrides
    ]
    config = composing.composed_page(shown.command.replace("-", "_"), *overrides, folder=folder)
    assert config_problems(config, schema=SCHEMAS[shown.command]) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"(?<![\w/.])((?:scripts|conf|tests|docs|benchmarks|src|validation|examples)/[\w./-]*\w)", text)
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_to_files(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_every_choice_is_listed() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    for group in ("source", "alignment", "labels", "sampling", "split", "model", "loss", "trainer", "arms", "decision"):
        (row,) = [line for line in text.splitlines() if line.startswith("|") and f"`{group}`" in line.split("|")[1]]
        for file in (ROOT / "conf" / group).glob("*.yaml"):
            assert f"`{file.stem}`" in row, f"{group}={file.stem} is not in docs/configuration.md"


@pytest.mark.parametrize("file", [*PAGES, *CONF_FILES], ids=lambda file: str(file.relative_to(ROOT)))
def test_no_retired_word_occurs(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    text = re.sub(KEYS, "", text, flags=re.MULTILINE)
    found = {match[0]: word for old, word in RETIRED.items() for match in re.finditer(old, text, flags=re.IGNORECASE)}
    assert found == {}, "these words are retired; docs/glossary.md has the words to use"


def test_no_retired_word_occurs_in_the_source() -> None:
    spared = {r"\bcoins?\b", "labels' own mechanics"}  # a coin is tossed; a stored description keeps its words
    kept = r"[\"']relabellings?[\"']|\"donors\"|donors: Literal"  # names in stored plans and configurations
    found = [
        f"{file.relative_to(ROOT)}: {match[0]}"
        for file in sorted((ROOT / "src").rglob("*.py"))
        for old in RETIRED.keys() - spared
        for match in re.finditer(old, re.sub(kept, "", file.read_text(encoding="utf-8")), flags=re.IGNORECASE)
    ]
    assert found == [], "these words are retired; docs/glossary.md has the words to use"


def test_sentences_are_short() -> None:
    """Ask for 25 words at most; a few more are allowed where a list of names makes the length."""
    long = [
        f"{page.name}: {sentence}"
        for page in PAGES
        for sentence in sentences(page.read_text(encoding="utf-8"))
        if len(sentence.split()) > 32
    ]
    assert long == []


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of running text: no tables, code, headings, quotes."""
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    for block in re.split(r"\n\s*\n|\n(?=[-*] |\d+\. )", text):
        if re.match(r"( {4}|\||#|>|!\[|<|--8<--|:::)", block):
            continue
        yield from re.split(r"(?<=[.!?:;])\s+", " ".join(block.split()))


@pytest.mark.slow
def test_python_of_the_readme_runs(tmp_path: Path) -> None:
    from multisymbol.cli.commands import generate_data

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    with chdir(tmp_path):
        span = ["--start", "2015-01-01", "--end", "2018-01-01"]
        generate_data.run(["--symbols", "AAPL,EURUSD:forex", *span, "--out", "bars"])
        names: dict[str, Any] = {}
        exec(block, names)
    assert set(names["training"].scores.index) == {"AAPL", "EURUSD", "all"}

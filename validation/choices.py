"""What choices do to the data: every combination of some groups' files, one line each, each in a process of its own."""

import json
import math
import multiprocessing
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from hydra import compose
from hydra.core.hydra_config import HydraConfig

from multisymbol.cli.schema import TrainConfig, config_problems
from multisymbol.cli.specs import data_spec, fit_spec
from multisymbol.config.build import plain
from multisymbol.errors import ConfigError, MultisymbolError
from multisymbol.labels.labels import CLASSES
from multisymbol.progress import Terminal
from multisymbol.reports.tables.table import ABSENT, Cell, Table, TableColumn, show, to_markdown
from multisymbol.samples.dataset import FoldDataset, prepare
from multisymbol.training.fit import fit_network

_OWN_KEYS = ("over", "out")


@dataclass(frozen=True, kw_only=True, slots=True)
class SurveyConfig(TrainConfig):
    """Every key of `validation/conf/survey.yaml`: those of a training, and two of its own.

    Args:
        over: Group -> its files to try.
        out: File the table is written to as Markdown.
    """

    over: dict[str, list[str]]
    out: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """What one combination does.

    Args:
        choice: One file per group.
        bars: Of all symbols; 0 where the combination is refused.
        samples: Window ends with a resolved label.
        dropped: Bars that are no sample.
        train: Train samples; likewise validation and test.
        purged: Samples left out at the cuts.
        draws: Samples of one epoch.
        share_min: Smallest share of a symbol, and the largest.
        passes_min: Fewest effective passes over a symbol in an epoch, and the most.
        classes: Share of BUY, HOLD and SELL among train samples.
        megabytes: Largest resident set of the process.
        prepare_seconds: From bars or cache to samples.
        epoch_seconds: One epoch and its validation.
        refused: Why it cannot be done; empty where it can.
    """

    choice: tuple[str, ...]
    bars: int = 0
    samples: int = 0
    dropped: int = 0
    train: int = 0
    validation: int = 0
    test: int = 0
    purged: int = 0
    draws: int = 0
    share_min: float = 0.0
    share_max: float = 0.0
    passes_min: float = 0.0
    passes_max: float = 0.0
    classes: tuple[float, ...] = ()
    megabytes: float = 0.0
    prepare_seconds: float = 0.0
    epoch_seconds: float = 0.0
    refused: str = ""


def survey(values: Mapping[str, Any]) -> tuple[Line, ...]:
    """Try every combination of `over` for one epoch and print a line for each.

    Args:
        values: Plain, checked configuration (`validation/conf/survey.yaml`).

    Raises:
        ConfigError: Every combination is refused; with each reason.
    """
    terminal = Terminal()
    groups = list(values["over"])
    choices = list(product(*(values["over"][group] for group in groups)))
    lines = []
    with terminal.progress("survey") as progress:
        for place, choice in enumerate(choices, start=1):
            lines.append(_apart(groups, choice))
            progress(" ".join(choice), place, len(choices))
    table = _table(groups, lines)
    terminal.show(show(table))
    if all(line.refused for line in lines):
        raise ConfigError("\n".join(_reasons(lines)))
    for reason in _reasons(lines):
        terminal.show("")
        terminal.fact("refused", reason)
    if values["out"]:
        Path(values["out"]).write_text(_page(values, table), encoding="utf-8")
        terminal.fact("written", str(values["out"]))
    return tuple(lines)


def _reasons(lines: Sequence[Line]) -> Iterator[str]:
    """Yield each reason once: how many combinations it refuses, the first of them, and all of what was said."""
    for reason, count in Counter(line.refused for line in lines if line.refused).items():
        first = next(" ".join(line.choice) for line in lines if line.refused == reason)
        yield f"{count} of {len(lines)} combinations are refused, the first is {first}:\n{reason}"


def _apart(groups: Sequence[str], choice: tuple[str, ...]) -> Line:
    """Try one combination in a forked process: its peak memory is its own, what is imported is not imported again."""
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder) / "line.json"
        values = _composed(groups, choice, folder)
        process = multiprocessing.get_context("fork").Process(target=_try, args=(values, choice, Path(folder), note))
        process.start()
        process.join()
        if not note.is_file():
            return Line(choice=choice, refused=f"the process ended with status {process.exitcode}")
        stored = json.loads(note.read_text(encoding="utf-8"))
    return Line(**{**stored, "choice": tuple(stored["choice"]), "classes": tuple(stored["classes"])})


def _composed(groups: Sequence[str], choice: Sequence[str], folder: str) -> dict[str, Any]:
    """Compose the training of one combination on top of the command line's own overrides."""
    given = [
        text
        for text in HydraConfig.get().overrides.task
        if text.lstrip("+").split("=")[0].split(".")[0] not in _OWN_KEYS
    ]
    chosen = [f"{group}={name}" for group, name in zip(groups, choice, strict=True)]
    # The page is the survey's: a primary page is not looked for where `hydra.searchpath` points.
    composed = compose("survey", [*given, *chosen, "++trainer.max_epochs=1", f"hydra.run.dir={folder}"])
    assert config_problems(composed, schema=f"{__name__}.{SurveyConfig.__name__}") == []
    return plain(composed)


def _try(values: Mapping[str, Any], choice: tuple[str, ...], folder: Path, note: Path) -> None:
    started = time.perf_counter()
    try:
        prepared = prepare(data_spec(values), Terminal(silent=True))
        prepare_seconds = time.perf_counter() - started
        fitted = fit_network(fit_spec(values), prepared, folder)[1]
        facts: dict[str, Any] = {
            **_facts(prepared),
            "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
            "prepare_seconds": prepare_seconds,
            "epoch_seconds": fitted.seconds,
        }
    except MultisymbolError as error:
        facts = {"refused": str(error), "classes": []}
    note.write_text(json.dumps({"choice": choice, **facts}), encoding="utf-8")


def _facts(prepared: FoldDataset) -> dict[str, Any]:
    counts, shares = prepared.parts.counts, prepared.shares
    trained = shares.rows > 0
    bars = sum(count.bars for count in prepared.ledger.counts)
    samples = len(prepared.ledger)
    labels = prepared.ledger.label[prepared.parts.part == 0]
    return {
        "bars": bars,
        "samples": samples,
        "dropped": bars - samples,
        **{name: sum(getattr(count, name) for count in counts) for name in ("train", "validation", "test", "purged")},
        "draws": int(shares.draws.sum()),
        "share_min": float(shares.share[trained].min()),
        "share_max": float(shares.share[trained].max()),
        "passes_min": float(shares.passes[trained].min()),
        "passes_max": float(shares.passes[trained].max()),
        "classes": (np.bincount(labels, minlength=len(CLASSES)) / len(labels)).tolist(),
    }


def _table(groups: Sequence[str], lines: Sequence[Line]) -> Table:
    numbers = ("samples", "dropped", "train", "purged", "draws")
    columns = (
        *(TableColumn(name=group, key=group) for group in groups),
        *(TableColumn(name=name, key=name, form=",d") for name in numbers),
        TableColumn(name="share %", key="share"),
        TableColumn(name="passes", key="passes"),
        TableColumn(name="BUY/HOLD/SELL %", key="classes"),
        TableColumn(name="MB", key="megabytes", form=",.0f"),
        TableColumn(name="prepare s", key="prepare_seconds", form=".1f"),
        TableColumn(name="epoch s", key="epoch_seconds", form=".1f"),
    )
    return Table(
        title="choices, one epoch each", columns=columns, rows=tuple(tuple(_cells(line, numbers)) for line in lines)
    )


def _cells(line: Line, numbers: Sequence[str]) -> Iterator[Cell]:
    yield from line.choice
    if line.refused:
        yield from (math.nan for _ in numbers)
        yield from (ABSENT, ABSENT, "refused")
        yield from (math.nan for _ in range(3))
        return
    for name in numbers:
        yield getattr(line, name)
    yield f"{100 * line.share_min:.1f} to {100 * line.share_max:.1f}"
    yield f"{line.passes_min:.2f} to {line.passes_max:.2f}"
    yield "/".join(f"{100 * share:.0f}" for share in line.classes)
    yield line.megabytes
    yield line.prepare_seconds
    yield line.epoch_seconds


def _page(values: Mapping[str, Any], table: Table) -> str:
    given = " ".join(_shown(text.lstrip("+")) for text in HydraConfig.get().overrides.task).strip()
    network = str(values["model"]["_target_"]).rpartition(".")[2]
    return f"""# Data choices

What alignment, sampling and labels do to the data.

Made by `python validation/survey.py {given}`: {len(values["symbol_configs"])} symbols, one epoch of `{network}`,
windows of {values["window"]} bars. Times are from one shared machine.

| Column | Meaning |
|---|---|
| dropped | bars that are not samples: warm-up, filling a window, other hours, unresolved labels |
| purged | samples left out at the cuts |
| passes | effective passes over a symbol's training samples in one epoch |
| MB | largest resident set of a process that did nothing else |

{to_markdown(table)}"""


def _shown(override: str) -> str:
    """Leave the folders of one machine out of the command that made the page."""
    key = override.partition("=")[0]
    if key.startswith("paths."):
        return ""
    return f"{key}=DIR" if key == "source.root" else "out=docs/choices.md" if key == "out" else override

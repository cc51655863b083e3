"""The verb `sizes`: how often each statistical test sees a difference where there is none."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from multisymbol.errors import ConfigError
from multisymbol.progress import Terminal
from multisymbol.reports.tables.table import Cell, Table, TableColumn, show, to_markdown
from multisymbol.seeding import named_seed
from multisymbol.statistics.aa_test import binomial_bounds, share_interval
from multisymbol.statistics.mean_tests import instants_problem
from validation.null_worlds import World, null_differentials
from validation.rejections import NAIVE, USED, Trial

_SEED_EFFECT = 0.03
"""Spread of true differences between seeds; over five of them about the error of 1,000 instants."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SizesConfig:
    """Every key of `validation/conf/sizes.yaml`.

    Args:
        worlds: Simulated for each length.
        instants: Lengths of the test span.
        symbols: In each world.
        seeds: Trainings of each arm.
        horizon: Bars a label looks ahead.
        draws: Resamples of an interval.
        alpha: Nominal size.
        seed: Of all chance.
        out: File the page is written to as Markdown; None: only shown.
        paths: Where a run would write.
    """

    worlds: int
    instants: list[int]
    symbols: int
    seeds: int
    horizon: int
    draws: int
    alpha: float
    seed: int
    out: str | None
    paths: dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """Rejections of one test at one length.

    Args:
        rejected: Worlds.
        tested: Worlds in which it could be made.
    """

    rejected: int
    tested: int

    @property
    def share(self) -> float:
        """Of tested worlds; NaN without any."""
        return self.rejected / self.tested if self.tested else math.nan


Sizes = Mapping[str, Sequence[Size]]
"""Name of a test to its size at each length."""


def sizes(values: Mapping[str, Any]) -> Sizes:
    """Simulate, show the table and write the page.

    Args:
        values: Plain, checked configuration (`validation/conf/sizes.yaml`).

    Raises:
        ConfigError: Lengths too short for the horizon, counts below what they must be.
    """
    _check(values)
    terminal = Terminal()
    with terminal.progress("worlds") as progress:
        columns = [
            _at_length(values, instants=instants, place=place, progress=progress)
            for place, instants in enumerate(values["instants"])
        ]
    found = {name: [column[name] for column in columns] for name in (*USED, *NAIVE)}
    for table in _tables(found, values):
        terminal.show(show(table))
        terminal.show("")
    if values["out"]:
        Path(values["out"]).write_text(page(found, values), encoding="utf-8")
        terminal.fact("written", str(values["out"]))
    return found


def _check(values: Mapping[str, Any]) -> None:
    least = {"worlds": 1, "symbols": 2, "seeds": 2, "horizon": 2, "draws": 100}
    problems = [
        f"{name}={values[name]}: expected at least {count}" for name, count in least.items() if values[name] < count
    ]
    if not 0 < values["alpha"] < 1:
        problems.append(f"alpha={values['alpha']}: expected a number above 0 and below 1")
    problems += [
        problem
        for instants in values["instants"]
        if (problem := instants_problem(instants, lag=values["horizon"] - 1, of=f"instants={instants}"))
    ]
    if problems:
        raise ConfigError("\n".join(problems))


def _at_length(
    values: Mapping[str, Any], *, instants: int, place: int, progress: Callable[[str, int, int], None]
) -> dict[str, Size]:
    """Count rejections over all worlds of one length."""
    worlds, lengths = values["worlds"], len(values["instants"])
    tests = {**USED, **NAIVE}
    p = np.full((worlds, len(tests)), np.nan)
    for number in range(worlds):
        trial = _trial(values, instants=instants, seed=named_seed(values["seed"], "world", instants, number))
        p[number] = [test(trial) for test in tests.values()]
        progress(f"{instants:,} instants", place * worlds + number + 1, lengths * worlds)
    rejected, tested = (p <= values["alpha"]).sum(axis=0), (~np.isnan(p)).sum(axis=0)
    counts = zip(tests, rejected.tolist(), tested.tolist(), strict=True)
    return {name: Size(rejected=hits, tested=count) for name, hits, count in counts}


def _trial(values: Mapping[str, Any], *, instants: int, seed: int) -> Trial:
    size = {name: values[name] for name in ("symbols", "seeds", "horizon")}
    other = World(instants=instants, seed_effect=_SEED_EFFECT, **size)
    return Trial(
        differentials=null_differentials(World(instants=instants, **size), seed=named_seed(seed, "market")),
        other_seeds=null_differentials(other, seed=named_seed(seed, "other market")),
        alpha=values["alpha"],
        draws=values["draws"],
        seed=seed,
    )


def _tables(found: Sizes, values: Mapping[str, Any]) -> tuple[Table, Table]:
    low, high = binomial_bounds(values["worlds"], share=values["alpha"])
    note = f"▲ above, ▼ below {100 * low:.1f} to {100 * high:.1f} %, the range that chance allows a correct test"
    nominal = f"rejections of {values['worlds']:,} worlds, %, at nominal {100 * values['alpha']:g} %"
    return (
        _table(f"tests that are used: {nominal}", note, list(USED), found, values),
        _table(f"tests that are not: {nominal}", note, list(NAIVE), found, values),
    )


def _table(title: str, note: str, names: Sequence[str], found: Sizes, values: Mapping[str, Any]) -> Table:
    columns = (
        TableColumn(name="test", key="test"),
        *(TableColumn(name=f"{instants:,} instants", key=f"instants_{instants}") for instants in values["instants"]),
    )
    rows: list[tuple[Cell, ...]] = [
        (name, *(_cell(size, alpha=values["alpha"]) for size in found[name])) for name in names
    ]
    return Table(title=title, note=note, columns=columns, rows=tuple(rows))


def _cell(size: Size, *, alpha: float) -> str:
    """Write the share with its exact 95 % interval, marked where chance does not explain the distance from nominal."""
    if size.tested == 0:
        return "not testable"
    low, high = binomial_bounds(size.tested, share=alpha)
    mark = " ▲" if size.share > high else " ▼" if size.share < low else ""
    ends = share_interval(size.rejected, size.tested)
    return f"{100 * size.share:.1f} ({100 * ends[0]:.1f} to {100 * ends[1]:.1f}){mark}"


def page(found: Sizes, values: Mapping[str, Any]) -> str:
    """Write the page of the documentation."""
    used, naive = _tables(found, values)
    given = " ".join(f"{name}={values[name]}" for name in ("worlds", "symbols", "seeds", "horizon", "draws", "seed"))
    return f"""# Test sizes

How often each test rejects when there is no difference. A test at 5 % should reject in 5 % of cases.

Made by `python validation/sizes.py out=docs/sizes.md` ({given}).

- Each simulated test span holds correlated symbols with histories of different length, scored by two
  arms that are equally good (`validation/null_worlds.py`).
- Labels look {values["horizon"]} bars ahead, at every bar.
- Cells: share of test spans with a rejection in %, exact 95 % interval in brackets.
- {used.note}. By chance alone, one correct test in twenty is marked.

## Tests behind verdicts

{to_markdown(used)}
## Naive tests

{to_markdown(naive)}"""

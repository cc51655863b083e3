"""The verb `prove`: worlds whose truth is known, each with its pass rule, as one table."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pydantic import PositiveInt

from multisymbol.cli.schema import CompareConfig
from multisymbol.errors import ConfigError, MultisymbolError
from multisymbol.progress import Terminal
from multisymbol.reports.tables.table import Table, TableColumn, show, to_markdown
from validation import leaks, mechanics, planted_signal, trading
from validation import no_signal as nothing
from validation.bench import Bench, Proved
from validation.planted_arms import Training
from validation.processes import Say, side_by_side


@dataclass(frozen=True, kw_only=True, slots=True)
class ProveConfig(CompareConfig):
    """Every key of `validation/conf/prove.yaml`: those of a comparison, and its own.

    Args:
        worlds: Numbers of the worlds; None: all.
        repeats: Markets of each; None: as many as the world says.
        surrogates: Surrogate markets of a verdict.
        first_seed: Of the first market.
        workers: Worlds that are run at the same time, each in a process of its own.
        out: File the table is written to as Markdown.
    """

    worlds: list[int] | None
    repeats: PositiveInt | None
    surrogates: PositiveInt
    first_seed: PositiveInt
    workers: PositiveInt
    out: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """A market and what must come of it.

    Args:
        title: What is planted.
        rule: When it passes.
        proof: Does it.
    """

    title: str
    rule: str
    proof: Callable[[Bench], Proved]


WORLDS: Mapping[int, World] = {
    1: World(
        title="shared signal, R2 2 %",
        rule="UNIVERSAL_BETTER in each market judged with surrogates and through compare; p < 0.01 in 95 % or more of "
        "60; gain of the universal least squares within 25 % of the closed form",
        proof=planted_signal.shared_signal,
    ),
    2: World(
        title="opposite signs by symbol",
        rule="SINGLE_BETTER in each market and through compare, universal never skilled, partial pooling (embedding) "
        "has 75 % or more of the single models' gain in each",
        proof=planted_signal.opposite_signs,
    ),
    3: World(
        title="slider of heterogeneity D, 0 to 2 p/n",
        rule="universal better at 0 and worse at 2 p/n, each with |t| > 2; the 95 % interval of the D at which the "
        "sign flips, no wider than 0.5 p/n, has a point within 25 % of p/n (least squares)",
        proof=planted_signal.slider,
    ),
    4: World(
        title="no signal, A/A: same arm, other seeds",
        rule="primary test rejects in 2.5 to 7.5 % of 400 markets over a tenth of the train span; claims (seeds agree) "
        "in 7.5 % at most, over the whole test span too",
        proof=nothing.same_arm,
    ),
    5: World(title="no signal, A/B", rule="NO_SKILL in 95 % or more", proof=nothing.no_signal),
    6: World(
        title="martingale, ZigZag labels",
        rule="NO_SKILL through compare, and in all markets but those that a gate of 5 % lets through, 3 of 20 at most; "
        "accuracy and retracement rule 0.75 +- 0.03; P&L before costs: t within 2 over all markets, beyond 2 in 3 of "
        "20 at most; gain outside its 90 % surrogate band in 4 of 20 at most",
        proof=mechanics.legs_of_a_martingale,
    ),
    7: World(
        title="correlated symbols, no signal",
        rule="calendar split 0.5 within 3 errors, wrong splits above 0.55 and caught every time, features of another "
        "symbol found out",
        proof=leaks.wrong_splits,
    ),
    8: World(title="planted look-ahead", rule="each detected and named, nothing else is", proof=leaks.planted_leaks),
    9: World(
        title="permuted labels",
        rule="skill shown no more often than 5 % allow, gain on the prior and importance below 0.002 nats",
        proof=mechanics.permuted_labels,
    ),
    10: World(
        title="new symbol with the shared b",
        rule="zero-shot equals seen (at most one 95 % interval without 0); own regressions lose below n = p/R2, gain "
        "above, monotone",
        proof=planted_signal.new_symbol,
    ),
    11: World(
        title="one short symbol with a b of its own",
        rule="a larger share lowers its loss; draws within one of p ~ n^(1/T) with the cap; nothing dropped",
        proof=mechanics.short_symbol,
    ),
    12: World(
        title="drift 15 to 30 minutes after the open, daylight saving ends",
        rule="in each market found with the session clock (gain above 0.05 nats), lost with the hour of UTC (below a "
        "quarter of it)",
        proof=mechanics.opening,
    ),
    13: World(
        title="signal smaller than cost",
        rule="in each market, through compare: skill, accuracy above the prior, gross above 0, net 0 or less, and the "
        "report says 'Skill, not tradable'",
        proof=trading.not_tradable,
    ),
    14: World(
        title="200 strategies of noise",
        rule="deflated Sharpe and PBO bless the best in 5 % of 100 repeats at most",
        proof=mechanics.many_trials,
    ),
    15: World(
        title="1, 2 and 4 processes; killed and resumed",
        rule="the same samples at every step; tests of processes and of resuming pass",
        proof=leaks.processes,
    ),
    16: World(
        title="registry drill",
        rule="right fallback or none for each situation, with reasons and, for none, the command that trains",
        proof=leaks.registry_drill,
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A world that was run.

    Args:
        number: Of the world.
        title: What was planted.
        rule: When it passes.
        measured: What was seen.
        seeds: Of its markets, `1-20`.
        seconds: It took.
        cpu: Seconds of one core that it took, without those of processes it started.
        passed: Whether the rule holds.
    """

    number: int
    title: str
    rule: str
    measured: str
    seeds: str
    seconds: float
    cpu: float
    passed: bool


def prove(values: Mapping[str, Any]) -> list[Line]:
    """Run the worlds one after another, show the table and write it.

    Args:
        values: Plain, checked configuration (`validation/conf/prove.yaml`).

    Raises:
        ConfigError: A number that is no world's.
    """
    numbers = list(WORLDS) if values["worlds"] is None else values["worlds"]
    _check(numbers)
    terminal = Terminal()
    lines = []
    for line in _lines(numbers, values, terminal):
        lines.append(line)
        for name, text in _said(line):
            terminal.fact(name, text)
        if values["out"]:  # after each: whoever stops the proof keeps what was proved
            Path(values["out"]).write_text(page(lines, values), encoding="utf-8")
    terminal.show(show(_table(lines, names=_SUMMARY)))
    if values["out"]:
        terminal.fact("written", str(values["out"]))
    return lines


def _check(numbers: Sequence[int]) -> None:
    unknown = [str(number) for number in numbers if number not in WORLDS]
    if unknown or not numbers:
        message = (
            f"worlds={list(numbers)}: there is no world {', '.join(unknown) or 'in it'}; there are 1 to {max(WORLDS)}"
        )
        raise ConfigError(message)


def _lines(numbers: Sequence[int], values: Mapping[str, Any], terminal: Terminal) -> Iterator[Line]:
    """Run worlds side by side, or one after another in this process; yield them in the order asked for."""
    run = partial(_line, values=values)
    with terminal.progress("worlds") as show:
        if min(values["workers"], len(numbers)) == 1:
            yield from (run(number, show) for number in numbers)
            return
        yield from side_by_side(run, numbers, workers=values["workers"], lost=_lost, show=show)


def _line(number: int, say: Say, *, values: Mapping[str, Any]) -> Line:
    """Run one world; one that cannot be run has failed, and says why."""
    torch.set_num_threads(1)  # the networks are too small to be worth more
    bench = Bench(
        values=values,
        seed=values["first_seed"],
        repeats=values["repeats"],
        draws=values["surrogates"],
        training=Training(),
        say=say,
    )
    started, computed = time.monotonic(), time.process_time()
    try:
        found = WORLDS[number].proof(bench)
    except MultisymbolError as error:
        found = Proved(passed=False, measured=f"not run to its end: {error}", seeds=range(0))
    return _line_of(number, found, seconds=time.monotonic() - started, cpu=time.process_time() - computed)


def _lost(number: int) -> Line:
    found = Proved(passed=False, measured="not run to its end: its process died (out of memory?)", seeds=range(0))
    return _line_of(number, found, seconds=0.0, cpu=0.0)


def _line_of(number: int, found: Proved, *, seconds: float, cpu: float) -> Line:
    return Line(
        number=number,
        title=WORLDS[number].title,
        rule=WORLDS[number].rule,
        measured=found.measured,
        seeds=_seeds(found.seeds),
        seconds=seconds,
        cpu=cpu,
        passed=bool(found.passed),
    )


def _seeds(seeds: range) -> str:
    if len(seeds) < 2:
        return "".join(map(str, seeds)) or "none"
    return f"{seeds[0]}-{seeds[-1]}"


def _said(line: Line) -> list[tuple[str, str]]:
    passed = "passed" if line.passed else "FAILED"
    return [(f"{line.number} {passed}", line.title), ("  must", line.rule), ("  measured", line.measured)]


_COLUMNS: Mapping[str, Callable[[Line], str]] = {
    "world": lambda line: str(line.number),
    "planted": lambda line: line.title,
    "must happen": lambda line: line.rule,
    "measured": lambda line: line.measured,
    "seeds": lambda line: line.seeds,
    "seconds": lambda line: f"{line.seconds:.0f}",
    "cpu": lambda line: f"{line.cpu:.0f}",
    "passed": lambda line: "yes" if line.passed else "NO",
}
_SUMMARY = ("world", "planted", "seeds", "seconds", "passed")


def _table(lines: Sequence[Line], *, names: Sequence[str] = tuple(_COLUMNS)) -> Table:
    passed = sum(line.passed for line in lines)
    return Table(
        title=f"known-truth markets: {passed} of {len(lines)} passed",
        columns=tuple(TableColumn(name=name, key=name.replace(" ", "_")) for name in names),
        rows=tuple(tuple(_COLUMNS[name](line) for name in names) for line in lines),
    )


def page(lines: Sequence[Line], values: Mapping[str, Any]) -> str:
    """Write the page of the documentation."""
    asked = " ".join(
        [
            *([] if values["worlds"] is None else [f"worlds={values['worlds']}".replace(" ", "")]),
            *([] if values["repeats"] is None else [f"repeats={values['repeats']}"]),
            "out=docs/proof.md",
        ]
    )
    cpu = sum(line.cpu for line in lines)
    return f"""# Known-truth markets

Sixteen worlds: kinds of synthetic market whose truth is known. Does the project find what is there, and
nothing where there is nothing?

Made by `python validation/prove.py {asked}` ({cpu / 60:.0f} minutes of one core, the sum of the column cpu).
The column seconds is wall time on a machine that may have had other work.

- **Code**: bars, features, labels, folds, training, losses, tests and verdicts are the project's own.
  `src/multisymbol/markets/planted.py` holds the planted signals.
- **Size**: ten symbols of 3,000 hourly bars unless a world needs others, networks of one hidden layer,
  three seeds. Where a verdict needs them, both arms are retrained on {values["surrogates"]} surrogate markets.
- **Full path**: worlds 1, 2, 6 and 13 also run *through compare*: the engine of `multisymbol compare`
  with the configuration of `conf/compare.yaml`.
- **Rules**: seeds and pass rules were fixed before the table was made. With fewer markets (`repeats`),
  results are held to what chance allows for their number.

{to_markdown(_table(lines))}
## Notes on the rules

- **World 1.** A network that stops early has no closed form, because it never pays the full price of
  its parameters. The closed form is that of least squares on the same samples: noise · p/n · (1 − 1/N).
- **World 3.** D is the variance of b in the population that symbols are drawn from. The drawn symbols
  deviate from their own mean by (1 − 1/N) D. The interval is a bootstrap over markets.
- **World 4.** Two trainings never give the same network, and the primary test takes trained networks as
  given. Over a test span of T instants after n of training, the variance of its statistic is about
  1 + T/n. By itself it rejects too often where the test span is long. A claim also requires that seeds
  agree, which errs on the safe side with three seeds.
- **World 6.** On a martingale, profit is zero before costs and minus the costs after them, so t is
  taken before costs. A single market's t exceeds 2 once in 22 times; hence the pooled t and the exact
  bound on how many may exceed it. A skill gate of 5 % lets one market in twenty through; hence the same
  bound on markets that are not `NO_SKILL`.
"""

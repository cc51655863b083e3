"""The verb `check_data`: what a universe's files hold and what looks wrong in them, before anything is trained."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from multisymbol.cli.schema import TrainConfig
from multisymbol.cli.specs import source_of
from multisymbol.errors import MultisymbolError, OutputError
from multisymbol.markets.io.download import DownloadSource
from multisymbol.markets.io.quality import Examined
from multisymbol.markets.io.source import ExaminedSource
from multisymbol.markets.jumps import Jump, jumps
from multisymbol.markets.resampling import Resampled
from multisymbol.markets.symbols import SymbolConfig, Universe, universe
from multisymbol.markets.time import Period, iso
from multisymbol.progress import Terminal, stepwise
from multisymbol.reports.coverage import SymbolCoverage, coverage_figure, coverage_table
from multisymbol.reports.tables.table import show, to_csv
from multisymbol.wording import short_path


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckDataConfig(TrainConfig):
    """Every key of `conf/check_data.yaml`: those of a training, and one of its own.

    Args:
        out: File of the picture (its ending is the format), None for `coverage.png` in the run's folder.
    """

    out: str | None


SCHEMA = f"{__name__}.CheckDataConfig"
_JUMPS_SHOWN = 3


def check_data(values: Mapping[str, Any], run_dir: Path) -> float:
    """Examine the bars of every symbol; show a table, write a picture and the table, and then refuse what is refused.

    Args:
        values: Plain, checked configuration (`conf/check_data.yaml`).
        run_dir: Folder of `bars.csv` and of the picture.

    Returns:
        NaN: there is no score.

    Raises:
        MultisymbolError: The files that a run would refuse, all at once.
        OutputError: The picture cannot be written.
    """
    terminal = Terminal()
    symbols = universe(values["symbol_configs"])
    source = source_of(values)
    _download(source, symbols, terminal)
    looked = look(source, symbols, Period(**values["period"]))
    found = [each.coverage for each in looked]
    problems = [each.problem for each in looked if each.problem is not None]
    show_findings(looked, terminal)
    run_dir.mkdir(parents=True, exist_ok=True)
    (run_dir / "bars.csv").write_text(to_csv(coverage_table(found)), encoding="utf-8")
    terminal.fact("table", short_path(run_dir / "bars.csv"))
    if any(each.opened_at.size for each in found):
        picture = Path(values["out"]) if values["out"] else run_dir / "coverage.png"
        with terminal.progress("picture"):
            _draw(found, source, picture)
        terminal.fact("picture", short_path(picture))
    if problems:
        raise type(problems[0])("\n".join(dict.fromkeys(map(str, problems)))) from problems[0]
    return math.nan


def _download(source: ExaminedSource, symbols: Universe, terminal: Terminal) -> None:
    """Fetch what is not there yet, where bars are downloads."""
    inner = source.source if isinstance(source, Resampled) else source
    if isinstance(inner, DownloadSource):
        with terminal.progress("download") as progress:
            for config in symbols:
                inner.download(config, progress=progress)


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """What was found of one symbol; `problem` is why its bars are refused, None where they are not."""

    coverage: SymbolCoverage
    jumps: Sequence[Jump] = ()
    problem: MultisymbolError | None = None


def look(source: ExaminedSource, symbols: Universe, period: Period) -> list[Looked]:
    """Examine the bars of every symbol, showing progress."""
    return [_look(source, config, period) for config in stepwise("bars", symbols, lambda config: config.symbol)]


def show_findings(looked: Sequence[Looked], terminal: Terminal) -> None:
    """Show a line for every symbol, and what a step of its prices may mean."""
    terminal.show(show(coverage_table([each.coverage for each in looked])))
    terminal.show("")
    for each in looked:
        if each.jumps:
            terminal.fact("jumps", _jump_text(each.coverage.symbol, each.jumps))


def _look(source: ExaminedSource, config: SymbolConfig, period: Period) -> Looked:
    """Examine one symbol; a file that cannot be judged has no rows."""
    try:
        examined = source.examine(config, period)
    except MultisymbolError as error:
        nothing = Examined(opened_at=np.empty(0, dtype=np.int64), bars=None, findings=(), refusal=None)
        return Looked(coverage=_of(config, nothing), problem=error)
    steps = jumps(examined.bars) if examined.bars is not None else ()
    return Looked(coverage=_of(config, examined), jumps=steps, problem=examined.refusal)


def _jump_text(symbol: str, found: Sequence[Jump]) -> str:
    """Name the largest steps that a split may have made; whether one did, the file cannot tell."""
    largest = sorted(found, key=lambda jump: jump.deviations, reverse=True)[:_JUMPS_SHOWN]
    named = ", ".join(f"{iso(jump.opened_at)[:10]} x{jump.ratio:.2f}" for jump in largest)
    more = f" and {len(found) - len(largest)} more" if len(found) > len(largest) else ""
    return f"{symbol}: an open is a split's ratio away from the close before, {named}{more}: prices not adjusted?"


def _of(config: SymbolConfig, examined: Examined) -> SymbolCoverage:
    bars = examined.bars
    return SymbolCoverage(
        symbol=config.symbol,
        asset_class=config.asset_class,
        calendar=config.calendar,
        opened_at=examined.opened_at,
        bars=None if bars is None else len(bars),
        segments=None if bars is None else len(bars.segments()),
        findings=examined.findings,
    )


def _draw(found: list[SymbolCoverage], source: ExaminedSource, picture: Path) -> None:
    try:
        picture.parent.mkdir(parents=True, exist_ok=True)
        coverage_figure(found, timeframe=source.timeframe).savefig(picture, dpi=150)
    except (OSError, ValueError) as error:
        message = f"{picture} cannot be written: {error}. Choose another file: out=FILE.png"
        raise OutputError(message) from error

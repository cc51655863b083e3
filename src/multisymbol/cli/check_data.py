"""The verb `check_data`: what a universe's files hold and what looks wrong in them, before anything is trained."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from multisymbol.cli.schema import TrainConfig
from multisymbol.cli.specs import source_of
from multisymbol.errors import MultisymbolError, OutputError, raise_all
from multisymbol.markets.io.download import downloads_of
from multisymbol.markets.io.quality import Examined, FileFinding
from multisymbol.markets.io.source import ExaminedSource
from multisymbol.markets.suspects import ReturnPrints, copies, return_prints
from multisymbol.markets.symbols import SymbolConfig, Universe, universe
from multisymbol.markets.time import Period, iso
from multisymbol.progress import Terminal, stepwise
from multisymbol.reports.coverage import SymbolCoverage, coverage_figure, coverage_table, defect_rows
from multisymbol.reports.run_summary import mark_source
from multisymbol.reports.tables.table import show, to_csv
from multisymbol.wording import short_path


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckDataConfig(TrainConfig):
    """Every key of `conf/check_data.yaml`: those of a training, and one of its own."""

    out: str | None  # file of the picture (its ending is the format), None for `coverage.png` in the run's folder


SCHEMA = f"{__name__}.CheckDataConfig"
_BARS_NAMED = 3
_NAMED = ("outlier", "step")


def check_data(values: Mapping[str, Any], run_dir: Path) -> float:
    """Examine the bars of every symbol; show a table, write a picture and the table, and then refuse what is refused.

    Args:
        values: Plain, checked configuration (`conf/check_data.yaml`).
        run_dir: Folder of `bars.csv`, `defects.csv` and the picture.

    Returns:
        NaN: there is no score.

    Raises:
        MultisymbolError: The files that a run would refuse, all at once.
        OutputError: The picture cannot be written.
    """
    terminal = Terminal()
    symbols = universe(values["symbol_configs"])
    source = source_of(values)
    mark_source(source, tuple(symbols), terminal)
    _download(source, symbols, terminal)
    looked = look(source, symbols, Period(**values["period"]))
    found = [each.coverage for each in looked]
    problems = [each.problem for each in looked if each.problem is not None]
    show_findings(looked, terminal)
    run_dir.mkdir(parents=True, exist_ok=True)
    (run_dir / "bars.csv").write_text(to_csv(coverage_table(found)), encoding="utf-8")
    terminal.fact("table", short_path(run_dir / "bars.csv"))
    if any(each.findings for each in found):
        (run_dir / "defects.csv").write_text(defect_rows(found), encoding="utf-8")
        terminal.fact("defects", f"{short_path(run_dir / 'defects.csv')} (each row with its time)")
    if any(each.opened_at.size for each in found):
        picture = Path(values["out"]) if values["out"] else run_dir / "coverage.png"
        with terminal.progress("picture"):
            _draw(found, source, picture)
        terminal.fact("picture", short_path(picture))
    raise_all(problems)
    return math.nan


def _download(source: ExaminedSource, symbols: Universe, terminal: Terminal) -> None:
    """Fetch what is not there yet, where bars are downloads; what a vendor refuses is found again by `look`."""
    inner = downloads_of(source)
    if inner is not None:
        with terminal.progress("download") as progress:
            for config in symbols:
                with suppress(MultisymbolError):
                    inner.download(config, progress=progress)


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """What was found of one symbol; `problem` is why its bars are refused, `late` that a download begins years late."""

    coverage: SymbolCoverage
    prints: ReturnPrints | None = None
    late: str = ""
    problem: MultisymbolError | None = None


def look(source: ExaminedSource, symbols: Universe, period: Period) -> list[Looked]:
    """Examine the bars of every symbol, showing progress."""
    return [_look(source, config, period) for config in stepwise("bars", symbols, lambda config: config.symbol)]


def show_findings(looked: Sequence[Looked], terminal: Terminal) -> None:
    """Show a line for every symbol, and what prices of it are odd or another symbol's."""
    terminal.show(show(coverage_table([each.coverage for each in looked])))
    terminal.show("")
    for each in looked:
        if each.late:
            terminal.fact("late", each.late)
        for finding in each.coverage.findings:
            if finding.key in _NAMED:
                terminal.fact(finding.key, _named(each.coverage.symbol, finding))
    for text in copies([each.prints for each in looked if each.prints is not None]):
        terminal.fact("copy", text)


def _look(source: ExaminedSource, config: SymbolConfig, period: Period) -> Looked:
    """Examine one symbol; a file that cannot be judged has no rows."""
    try:
        examined = source.examine(config, period)
    except MultisymbolError as error:
        nothing = Examined(opened_at=np.empty(0, dtype=np.int64), bars=None, findings=(), refusal=None)
        return Looked(coverage=_of(config, nothing), problem=error)
    inner = downloads_of(source)
    late = "" if inner is None else inner.late_start(config)
    prints = None if examined.bars is None else return_prints(examined.bars)
    return Looked(coverage=_of(config, examined), prints=prints, late=late, problem=examined.refusal)


def _named(symbol: str, finding: FileFinding) -> str:
    """Name the first bars with odd prices; whether they are wrong, the file cannot tell."""
    dates = ", ".join(iso(at)[:10] for at in finding.at[:_BARS_NAMED].tolist())
    more = f" and {finding.count - _BARS_NAMED} more" if finding.count > _BARS_NAMED else ""
    return f"{symbol}: {finding.kind}, {finding.note or dates}{more}"


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
        raise OutputError(f"{picture} cannot be written: {error}. Choose another file: out=FILE.png") from error

"""Who has data when: a table and a picture of a universe's bars, with all that looks wrong in them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from multisymbol.arrays import Floats
from multisymbol.markets.io.defects import KINDS
from multisymbol.markets.io.quality import FileFinding
from multisymbol.markets.sessions import session_clock
from multisymbol.markets.time import DAY, NEVER, Instants, Timeframe, iso
from multisymbol.reports.figures.canvas import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    RED,
    SPAN,
    canvas,
    dated,
    legend,
    lines,
    name_rows,
    say,
    write,
)
from multisymbol.reports.tables.table import Cell, Column, Table, column, tabulate

MISSING = "#555555"
_FAR = 0.05
"""Share of the universe's span by which a start or an end is away from the others' median to be marked."""

_BINS = 900
_SHORTEST_BIN = 7 * DAY
_SAID = {"raise": "refused", "drop": "dropped", "keep": "kept"}
_MARKS = {"wick": ORANGE, "flat": GREEN, "outside_hours": PURPLE, "gap": MISSING}
"""Oddities with a colour of their own where they are kept; others that are kept share GREY."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolCoverage:
    """What one symbol has."""

    symbol: str  # name; its class and the calendar of its sessions follow
    asset_class: str
    calendar: str
    opened_at: Instants  # start of each row of its file, ascending; empty where the file could not be read
    bars: int | None  # bars a run would use, in `segments` uninterrupted stretches; None where the file is refused
    segments: int | None
    findings: tuple[FileFinding, ...]  # defects, whatever the policy


def coverage_table(symbols: Sequence[SymbolCoverage]) -> Table:
    """Set the symbols under one another: bars, span, segments, and a column for each kind of defect there is.

    A start later, or an end earlier, than those of most others says so: it shortens what symbols have in common.
    """

    def day(name: str, place: int, mark: str) -> Column:
        far = _far(symbols, place=place)
        return column(name, of=lambda each: _day(each.opened_at, place, mark=mark if each.symbol in far else ""))

    return tabulate(
        "bars",
        symbols,
        column("symbol"),
        column("class", key="asset_class", spare=2),
        column("bars", ",d", of=lambda each: math.nan if each.bars is None else each.bars),
        day("first", 0, "late"),
        day("last", -1, "early"),
        column("segments", ",d", of=lambda each: math.nan if each.segments is None else each.segments, spare=1),
        *(
            column(heading, ",d", key=key or "other", of=partial(_count, key=key))
            for key, heading in _defect_columns(symbols).items()
        ),
        note="   ".join(_legend(symbols)),
    )


def _legend(symbols: Sequence[SymbolCoverage]) -> Iterator[str]:
    """Explain what the table has, and nothing else."""
    yield "first, last: a bar's open"
    if _far(symbols, place=0) or _far(symbols, place=-1):
        yield "late, early: far from the others"
    dash = ["none"] * any(each.findings for each in symbols)
    dash += ["the file is refused"] * any(each.bars is None for each in symbols)
    if dash:
        yield f"– {', or '.join(dash)}"


def defect_rows(symbols: Sequence[SymbolCoverage]) -> str:
    """Return CSV with a line for each row that has a defect, for a gap the bar after it."""
    lines = [
        f"{each.symbol},{finding.key or finding.kind},{_SAID[finding.policy]},{iso(at)}"
        for each in symbols
        for finding in each.findings
        for at in finding.at.tolist()
    ]
    return "\n".join(["symbol,defect,treatment,bar", *lines, ""])


def coverage_figure(symbols: Sequence[SymbolCoverage], *, timeframe: Timeframe) -> Figure:
    """Show one line per symbol over time: darker where more of the calendar's bars are there, defects as ticks.

    At least one of the symbols must have rows.
    """
    ordered = _by_class(symbols)
    edges = _edges(ordered, timeframe)
    figure, (axes,) = canvas(width=12.0, height=1.9 + 0.34 * len(ordered))
    common = _common(ordered)
    if common is not None and len(ordered) > 1:
        axes.axvspan(common[0] / DAY, common[1] / DAY, color=SPAN, linewidth=0, zorder=0)
    for row, each in enumerate(ordered):
        if each.opened_at.size:
            _draw_symbol(axes, each, row=row, edges=edges, timeframe=timeframe)
        _write_counts(axes, each, row=row)
    name_rows(axes, [each.symbol for each in ordered])
    axes.set_xlim(edges[0] / DAY, edges[-1] / DAY)
    dated(axes)
    lines(axes, of="x")
    _write_classes(axes, ordered)
    _date_far(axes, ordered)
    say(axes, _headline(ordered), facts=_facts(ordered, timeframe))
    legend(figure, list(_handles(ordered)), columns=7)
    return figure


def filled(opened_at: Instants, *, edges: Instants, calendar: str, timeframe: Timeframe) -> Floats:
    """Return the share of the calendar's bars that are there, between edges; 0 where the calendar has none.

    `opened_at` are the bars there are; `edges` are ascending, shape (bins + 1,).
    """
    there = np.histogram(opened_at, bins=edges)[0]
    clock = session_clock(calendar, start=int(edges[0]), end=int(edges[-1]))
    expected = clock.bars_between(edges[:-1], edges[1:], timeframe)
    share: Floats = np.minimum(there / np.maximum(expected, 1), 1.0)
    return share


def _defect_columns(symbols: Sequence[SymbolCoverage]) -> dict[str, str]:
    """Return kind -> heading with its policy, in the order of judgement; what has no policy comes last, under ""."""
    policies = {finding.key: finding.policy for each in symbols for finding in each.findings}
    others = sorted(key for key in policies if key and key not in KINDS)
    keys = [*(key for key in KINDS if key in policies), *others, *([""] if "" in policies else [])]
    return {key: f"{(key or 'other').replace('_', ' ')} {_SAID[policies[key]]}" for key in keys}


def _count(each: SymbolCoverage, *, key: str) -> Cell:
    found = [finding for finding in each.findings if finding.key == key]
    return sum(max(finding.count, 1) for finding in found) if found else math.nan


def _day(opened_at: Instants, place: int, *, mark: str) -> str:
    return f"{iso(int(opened_at[place]))[:10]} {mark}".rstrip() if opened_at.size else "–"


def _far(symbols: Sequence[SymbolCoverage], *, place: int) -> set[str]:
    """Name the symbols that start (place 0) far later, or end (-1) far earlier, than the others."""
    there = [each for each in symbols if each.opened_at.size]
    ends = np.array([each.opened_at[place] for each in there], dtype=np.int64)
    if ends.size == 0:
        return set()
    span = max(each.opened_at[-1] for each in there) - min(each.opened_at[0] for each in there)
    far = (1 if place == 0 else -1) * (ends - np.median(ends)) > _FAR * span
    return {each.symbol for each, is_far in zip(there, far, strict=True) if is_far}


def _by_class(symbols: Sequence[SymbolCoverage]) -> list[SymbolCoverage]:
    """Keep classes together, in the order in which they appear, the longest history first."""
    classes = list(dict.fromkeys(each.asset_class for each in symbols))

    def place(each: SymbolCoverage) -> tuple[int, int]:
        return classes.index(each.asset_class), int(each.opened_at[0]) if each.opened_at.size else NEVER

    return sorted(symbols, key=place)


def _edges(symbols: Sequence[SymbolCoverage], timeframe: Timeframe) -> Instants:
    """Cut the span of all into bins of a week or more."""
    first = min(int(each.opened_at[0]) for each in symbols if each.opened_at.size)
    span = max(int(each.opened_at[-1]) for each in symbols if each.opened_at.size) + timeframe.nanoseconds - first
    bins = min(max(span // _SHORTEST_BIN, 1), _BINS)
    return first + -(-span // bins) * np.arange(bins + 1)


def _common(symbols: Sequence[SymbolCoverage]) -> tuple[int, int] | None:
    """Return the span in which all that could be read have bars, None where there is none."""
    there = [each.opened_at for each in symbols if each.opened_at.size]
    start, end = max(int(rows[0]) for rows in there), min(int(rows[-1]) for rows in there)
    return (start, end) if start < end else None


def _draw_symbol(axes: Axes, each: SymbolCoverage, *, row: int, edges: Instants, timeframe: Timeframe) -> None:
    share = filled(each.opened_at, edges=edges, calendar=each.calendar, timeframe=timeframe)
    inside = (edges[1:] > each.opened_at[0]) & (edges[:-1] <= each.opened_at[-1])
    share[np.flatnonzero(inside)[[0, -1]]] = 1.0  # begun or ended within the bin
    first, last = each.opened_at[0] / DAY, each.opened_at[-1] / DAY
    axes.plot([first, last], [row, row], color=FAINT, linewidth=0.8, zorder=1)
    colour = np.array(to_rgb(BLUE if each.bars is not None else RED))
    depth = np.where(share > 0, 0.15 + 0.85 * share**2, 0.0)[:, None]
    image = np.concatenate([np.broadcast_to(colour, (len(share), 3)), depth], axis=1)[None]
    extent = (edges[0] / DAY, edges[-1] / DAY, row + 0.19, row - 0.19)
    axes.imshow(image, extent=extent, aspect="auto", interpolation="nearest", zorder=2)
    for finding in each.findings:
        above = finding.key != "gap"
        reach, width = ((row - 0.40, row - 0.25), 1.0) if above else ((row + 0.25, row + 0.32), 0.6)
        spots = np.unique(np.searchsorted(edges, finding.at), return_index=True)[1]  # one of those on the same spot
        axes.vlines(finding.at[spots] / DAY, *reach, color=_colour(finding), linewidth=width, zorder=3)


def _colour(finding: FileFinding) -> str:
    return RED if finding.policy != "keep" else _MARKS.get(finding.key, GREY)


def _write_counts(axes: Axes, each: SymbolCoverage, *, row: int) -> None:
    """Write bars and defects at the right end of the line."""
    counts: dict[str, int] = {}
    for finding in each.findings:
        counts[_short(finding)] = counts.get(_short(finding), 0) + finding.count
    bars = "refused" if each.bars is None else f"{each.bars:,}"
    short = " · ".join(f"{name} {count:,}" for name, count in counts.items())
    write(axes, bars, (1, row), offset=62, ha="right", colour=RED if each.bars is None else INK)
    write(axes, short, (1, row), offset=74, ha="left", colour=GREY, size=7)


def _date_far(axes: Axes, symbols: Sequence[SymbolCoverage]) -> None:
    """Write the month beside a start or an end far from the others'."""
    late, early = _far(symbols, place=0), _far(symbols, place=-1)
    for row, each in enumerate(symbols):
        if each.symbol in late:
            first = int(each.opened_at[0])
            write(axes, iso(first)[:7], (first / DAY, row), offset=-4, ha="right", colour=GREY, size=7, of_data=True)
        if each.symbol in early:
            last = int(each.opened_at[-1])
            write(axes, iso(last)[:7], (last / DAY, row), offset=4, ha="left", colour=GREY, size=7, of_data=True)


def _short(finding: FileFinding) -> str:
    names = {"gap": "missing", "outside_hours": "odd hours"}
    return names.get(finding.key, finding.key.replace("_", " ") or finding.kind)


def _write_classes(axes: Axes, symbols: Sequence[SymbolCoverage]) -> None:
    """Write each class beside its symbols, and a line between classes."""
    row = 0
    for name, members in groupby(symbols, key=lambda each: each.asset_class):
        count = len(list(members))
        if row:
            axes.axhline(row - 0.5, color=FAINT, linewidth=0.6)
        write(axes, name, (0, row + (count - 1) / 2), offset=-78, ha="center", colour=GREY, rotation=90 * (count > 1))
        row += count


def _headline(symbols: Sequence[SymbolCoverage]) -> str:
    there = [each for each in symbols if each.opened_at.size]
    first = iso(min(int(each.opened_at[0]) for each in there))[:10]
    last = iso(max(int(each.opened_at[-1]) for each in there))[:10]
    if len(there) == 1:
        return f"{there[0].symbol} has bars from {first} to {last}"
    common = _common(symbols)
    together = f"all at once from {iso(common[0])[:10]} to {iso(common[1])[:10]}" if common else "never all at once"
    return f"{len(there)} symbols have bars between {first} and {last}, {together}"


def _facts(symbols: Sequence[SymbolCoverage], timeframe: Timeframe) -> str:
    used = sum(each.bars or 0 for each in symbols)
    refused = sum(each.bars is None for each in symbols)
    missing = sum(finding.count for each in symbols for finding in each.findings if finding.key == "gap")
    parts = [f"{used:,} bars of {timeframe.text}", f"{missing:,} bars of the calendars are missing"]
    return " · ".join([*parts, *([f"{refused} of the files are refused"] if refused else [])])


def _handles(symbols: Sequence[SymbolCoverage]) -> Iterator[Patch | Line2D]:
    found = [finding for each in symbols for finding in each.findings]
    kept = {finding.key for finding in found if finding.policy == "keep"}
    yield Patch(color=BLUE, label="bars (paler: some are missing)")
    if any(each.bars is None for each in symbols):
        yield Patch(color=RED, label="refused")
    for key, label in (("wick", "wick"), ("flat", "flat run"), ("outside_hours", "odd hours")):
        if key in kept:
            yield _tick(_MARKS[key], label)
    if any(finding.policy != "keep" for finding in found):
        yield _tick(RED, "refused or dropped rows")
    if "gap" in kept:
        yield _tick(MISSING, "missing bars (below the line)")
    if len(symbols) > 1 and _common(symbols) is not None:
        yield Patch(color=SPAN, label="all symbols have bars")


def _tick(colour: str, label: str) -> Line2D:
    return Line2D([], [], color=colour, marker="|", linestyle="none", markersize=8, markeredgewidth=1.2, label=label)

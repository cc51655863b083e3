"""Figures of a training: functions that take plain results and return a Figure; saving is the caller's."""

import math
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from multisymbol.arrays import Codes, Floats, Ints
from multisymbol.labels.labels import CLASSES
from multisymbol.markets.time import DAY, NEVER, iso
from multisymbol.reports.figures.canvas import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PAPER,
    beside,
    canvas,
    dated,
    days,
    frame,
    headline,
    legend,
    lines,
    name_rows,
    say,
    write,
)
from multisymbol.samples.fold import PURGED, TEST, TRAIN, VALIDATION, FoldAssignment
from multisymbol.samples.ledger import Ledger
from multisymbol.samples.mixture import SamplingWeights

# Looking at bars takes pictures too, and should not wait for torch.
if TYPE_CHECKING:
    from multisymbol.serving.calibration import Reliability

MOST_PANELS = 20
"""Panels of a figure that has one for each symbol."""
PART_COLOURS = {"train": BLUE, "validation": ORANGE, "test": GREEN, "purged": GREY}
PART_OF = {TRAIN: "train", VALIDATION: "validation", TEST: "test", PURGED: "purged"}


def fold_figure(parts: FoldAssignment, ledger: Ledger) -> Figure:
    """Show which samples of each symbol train, validate, test or are purged, when, on the one clock all symbols share.

    A bar reaches from the first to the last decided_at of neighbouring samples of one part.
    """
    figure, (axes,) = canvas(width=10.0, height=1.7 + 0.3 * len(ledger.symbols))
    for row in range(len(ledger.symbols)):
        _draw_parts(axes, ledger.decided_at[ledger.symbol == row], parts.part[ledger.symbol == row], row=row)
    for at in (parts.fold.validation_from, parts.fold.test_from, parts.fold.test_until):
        if at != NEVER:
            axes.axvline(at / DAY, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=3)
    roles = {count.symbol: "" if count.role == "trained" else f" ({count.role})" for count in parts.counts}
    name_rows(axes, [f"{symbol}{role}" for symbol, role in roles.items()])
    dated(axes)
    legend(figure, {name: colour for name, colour in PART_COLOURS.items() if _count(parts, name)})
    say(axes, _fold_title(parts), facts=_fold_facts(parts))
    return figure


def sampling_figure(symbols: Sequence[str], shares: SamplingWeights) -> Figure:
    """Show each symbol's share of the train rows beside its share of an epoch's draws, and its passes."""
    figure, (axes,) = canvas(width=8.0, height=1.6 + 0.34 * len(symbols))
    places = np.arange(len(symbols))
    of_rows, of_draws = (100 * counts / max(counts.sum(), 1) for counts in (shares.rows, shares.draws))
    axes.barh(places - 0.19, of_rows, height=0.34, color=FAINT)
    axes.barh(places + 0.19, of_draws, height=0.34, color=BLUE)
    right = max(of_rows.max(initial=0), of_draws.max(initial=0), 1)
    for place, passes in zip(places, shares.passes, strict=True):
        text = f"{passes:.2f} passes" if passes else "not trained"
        write(axes, text, (right, int(place)), offset=10, of_data=True)
    name_rows(axes, symbols)
    axes.set_xlim(0, 1.15 * right)
    axes.set_xlabel("percent of all")
    legend(figure, {"train rows": FAINT, "draws per epoch": BLUE})
    facts = f"{int(shares.draws.sum()):,} draws per epoch from {int(shares.rows.sum()):,} train rows"
    trained = shares.rows > 0
    drawn, held = (_span(percent[trained], ".1f") for percent in (of_draws, of_rows))
    say(axes, f"Each symbol gets {drawn} % of the draws and has {held} % of the rows", facts=facts)
    return figure


def confusion_figure(confusions: Mapping[str, npt.ArrayLike], *, columns: int = 6) -> Figure:
    """Show, for each name, where the rows of each class went; of many names the first ones.

    Args:
        confusions: Name -> counts, labels down and decisions across. Integers, shape (3, 3).
        columns: Panels side by side at most.
    """
    of, confusions = len(confusions), dict(islice(confusions.items(), MOST_PANELS))
    across = min(columns, max(len(confusions), 1))
    down = -(-len(confusions) // across)
    figure = Figure(figsize=(max(1.0 + 1.9 * across, 4.2), 1.2 + 2.05 * down), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False)
    for axes in grid.flat[len(confusions) :]:
        axes.set_axis_off()
    for place, (axes, (name, counts)) in enumerate(zip(grid.flat, confusions.items(), strict=False)):
        _draw_confusion(axes, np.asarray(counts, dtype=np.int64), name=name)
        axes.set_yticks(range(3), CLASSES if place % across == 0 else [])
        axes.set_xticks(range(3), CLASSES if place + across >= len(confusions) else [])
    figure.supylabel("label", fontsize=9, color=INK)
    figure.supxlabel("decision", fontsize=9, color=INK)
    shown = f" (the first {len(confusions)} of {of} panels)" if of > len(confusions) else ""
    headline(figure, f"Where each label's rows went: percent and count{shown}")
    return figure


def calibration_figure(before: "Mapping[str, Reliability]", after: "Mapping[str, Reliability] | None" = None) -> Figure:
    """Show how often a class occurs at each predicted probability, in bins of equal mass.

    `before` maps a class to the table of the network's probabilities, `after` to that after temperature scaling.
    """
    figure = Figure(figsize=(0.8 + 3.1 * len(before), 4.4), layout="constrained")
    grid = figure.subplots(1, len(before), squeeze=False)
    tables = {"as trained": (before, ORANGE, "o")} | ({} if after is None else {"calibrated": (after, BLUE, "D")})
    for axes, name in zip(grid.flat, before, strict=True):
        frame(axes)
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, zorder=1)
        for reliability, colour, marker in tables.values():
            bins = reliability[name].bins
            predicted, observed = [each.predicted for each in bins], [each.observed for each in bins]
            axes.plot(predicted, observed, marker=marker, markersize=4, linewidth=1.2, color=colour, zorder=2)
        _zoom(axes, [reliability[name] for reliability, _, _ in tables.values()])
        errors = " · ".join(f"{label} {table[name].error:.3f}" for label, (table, _, _) in tables.items())
        share = sum(each.rows * each.observed for each in before[name].bins) / max(_rows(before[name]), 1)
        say(axes, f"{name}, {100 * share:.0f} % of rows", facts=f"error: {errors}")
        axes.set_xlabel("predicted probability")
    grid[0, 0].set_ylabel("observed frequency")
    legend(figure, {label: colour for label, (_, colour, _) in tables.items()})
    means = {label: np.mean([each.error for each in table.values()]) for label, (table, _, _) in tables.items()}
    errors = ", ".join(f"{label} {mean:.3f}" for label, mean in means.items())
    rows = max((_rows(table) for table in before.values()), default=0)
    headline(figure, f"Expected calibration error, mean over classes: {errors} ({rows:,} rows, bins of equal mass)")
    return figure


def score_figure(symbols: Sequence[str], *, model: Floats, no_skill: Floats, measure: str) -> Figure:
    """Show each symbol's loss beside that without skill (shape (s,), NaN: none), s >= 1: to the left is better."""
    figure, (axes,) = canvas(height=1.35 + 0.24 * len(symbols))
    rows = np.arange(len(symbols))
    axes.hlines(rows, model, no_skill, color=FAINT, linewidth=2.2, zorder=1)
    axes.plot(no_skill, rows, "|", markersize=11, markeredgewidth=2, color=GREY, zorder=2)
    axes.plot(model, rows, "o", markersize=6, color=BLUE, zorder=3)
    for row, skill in enumerate(1 - model / no_skill):
        beside(axes, f"{100 * skill:.0f} %" if math.isfinite(skill) else "–", row=row)
    name_rows(axes, symbols)
    lines(axes, of="x")
    axes.set_xlabel(f"{measure} on test rows; right: skill = 1 - model / no-skill")
    better = int((model < no_skill).sum())
    say(axes, f"Better than no skill on {better} of {len(symbols)} symbols")
    marks = [("model", "o", BLUE), ("no-skill", "|", GREY)]
    legend(figure, [Line2D([], [], linestyle="", marker=m, color=c, markeredgewidth=2, label=n) for n, m, c in marks])
    return figure


def _span(values: Floats, form: str) -> str:
    low, high = format(values.min(), form), format(values.max(), form)
    return low if low == high else f"{low} to {high}"


def _draw_parts(axes: Axes, decided_at: Ints, part: Codes, *, row: int) -> None:
    starts = np.flatnonzero(np.diff(part, prepend=np.int8(99)))
    ends = np.append(starts, len(part))[1:] - 1
    at = days(decided_at)
    for code, name in PART_OF.items():
        runs = part[starts] == code
        spans = list(zip(at[starts[runs]], at[ends[runs]] - at[starts[runs]], strict=True))
        # An edge keeps a run of a few samples visible on a page of many years.
        axes.broken_barh(
            spans, (row - 0.3, 0.6), facecolors=PART_COLOURS[name], edgecolors=PART_COLOURS[name], linewidth=0.8
        )


def _fold_title(parts: FoldAssignment) -> str:
    trained, tested = (sum(getattr(count, part) > 0 for count in parts.counts) for part in ("train", "test"))
    fold = parts.fold
    until = "" if fold.test_until == NEVER else f" to {iso(fold.test_until)[:10]}"
    return (
        f"{trained} of {len(parts.counts)} symbols train before {iso(fold.validation_from)[:10]}, "
        f"{tested} are tested from {iso(fold.test_from)[:10]}{until}"
    )


def _fold_facts(parts: FoldAssignment) -> str:
    counts = " · ".join(f"{name} {_count(parts, name):,}" for name in ("train", "validation", "test"))
    purged = "label known only past a cut, or past the test"
    return f"samples: {counts} · purged {_count(parts, 'purged'):,} ({purged})"


def _count(parts: FoldAssignment, name: str) -> int:
    return sum(int(getattr(count, name)) for count in parts.counts)


def _draw_confusion(axes: Axes, counts: Ints, *, name: str) -> None:
    totals = counts.sum(axis=1, keepdims=True)
    share = counts / np.maximum(totals, 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        text = f"{100 * share[row, column]:.0f} %\n{count:,}" if totals[row, 0] else "–"
        colour = PAPER if share[row, column] > 0.6 else INK
        axes.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)
    axes.set_title(f"{name} · {counts.sum():,} rows", fontsize=8, color=INK)
    axes.tick_params(length=0, labelsize=7, colors=INK)
    axes.spines[:].set_visible(False)


def _zoom(axes: Axes, tables: "Sequence[Reliability]") -> None:
    """Fit both axes to the same range, so that the diagonal keeps its meaning."""
    values = [value for table in tables for each in table.bins for value in (each.predicted, each.observed)]
    low, high = min(values, default=0.0), max(values, default=1.0)
    margin = max(0.08 * (high - low), 0.02)
    axes.set(xlim=(max(low - margin, 0), min(high + margin, 1)), ylim=(max(low - margin, 0), min(high + margin, 1)))
    axes.set_box_aspect(1)


def _rows(table: "Reliability") -> int:
    return sum(each.rows for each in table.bins)

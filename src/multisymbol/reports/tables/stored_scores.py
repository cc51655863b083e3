"""The test scores a stored model carries, set beside those without skill: tables and a picture."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from multisymbol.labels.labels import CLASSES
from multisymbol.registry.bundle.format import Bundle
from multisymbol.reports.figures.canvas import BLUE, FAINT, GREY, beside, canvas, legend, lines, listed, say
from multisymbol.reports.tables.table import ABSENT, ALL, Cell, Table, TableColumn

Scores: TypeAlias = Mapping[str, Any]
"""One entry of `test_by_symbol` in a bundle's metadata."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """One column of the tables of scores: the key in `test_by_symbol`, how it is called and shown."""

    key: str
    name: str
    form: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreKind:
    """What is scored of a kind of model.

    Args:
        forecast: What it gives, as in "a model of ...".
        loss: The measure it was trained for.
        reference: The same of a forecast without skill.
        without_skill: What that forecast is.
        others: Further measures; one that no symbol has is left out.
    """

    forecast: str
    loss: Measure
    reference: Measure
    without_skill: str
    others: tuple[Measure, ...]


DIRECTION = ScoreKind(
    forecast=", ".join(CLASSES[:-1]) + f" and {CLASSES[-1]}",
    loss=Measure(key="test_log_loss", name="log-loss", form=".3f"),
    reference=Measure(key="test_no_skill_log_loss", name="no-skill", form=".3f"),
    without_skill="the better of the symbol's own class shares (prior) and the labels' own mechanics (rule)",
    others=(
        Measure(key="test_prior_log_loss", name="prior", form=".3f"),
        Measure(key="test_rule_log_loss", name="rule", form=".3f"),
        Measure(key="test_skill", name="skill", form=".1%"),
        Measure(key="test_balanced_accuracy", name="bal.acc", form=".3f"),
        Measure(key="test_no_skill_balanced_accuracy", name="no-skill", form=".3f"),
        Measure(key="test_mcc", name="MCC", form=".3f"),
        Measure(key="test_brier", name="Brier", form=".3f"),
    ),
)
FORWARD_RETURN = ScoreKind(
    forecast="the forward return, in deviations of its horizon",
    loss=Measure(key="test_huber", name="Huber", form=".4f"),
    reference=Measure(key="test_zero_huber", name="zero", form=".4f"),
    without_skill="a forecast of zero",
    others=(
        Measure(key="test_skill", name="skill", form=".1%"),
        Measure(key="test_r2", name="R2 to zero", form=".4f"),
        Measure(key="test_ic", name="IC", form=".3f"),
        Measure(key="test_rank_ic", name="rank IC", form=".3f"),
        Measure(key="test_sign_accuracy", name="sign acc.", form=".3f"),
    ),
)


def task_of(bundle: Bundle) -> ScoreKind:
    """Return what the model forecasts; bundles that do not say forecast directions."""
    return FORWARD_RETURN if bundle.metadata.get("task") == "forward_return" else DIRECTION


def score(scores: Scores, key: str) -> float:
    """Return a score; NaN where there is none, or where it did not exist (null in a stored bundle)."""
    value = scores.get(key)
    return math.nan if value is None else float(value)


def score_figure(
    symbols: Sequence[str], *, model: npt.NDArray[np.float64], no_skill: npt.NDArray[np.float64], measure: str
) -> Figure:
    """Show each symbol's loss beside that without skill: to the left is better.

    Args:
        symbols: Names from top to bottom, s >= 1.
        model: Loss of the model, NaN where there is none. Shape (s,).
        no_skill: Loss without skill. Shape (s,).
        measure: Name of the loss.
    """
    figure, (axes,) = canvas(height=1.35 + 0.24 * len(symbols))
    rows = np.arange(len(symbols))
    axes.hlines(rows, model, no_skill, color=FAINT, linewidth=2.2, zorder=1)
    axes.plot(no_skill, rows, "|", markersize=11, markeredgewidth=2, color=GREY, zorder=2)
    axes.plot(model, rows, "o", markersize=6, color=BLUE, zorder=3)
    for row, skill in enumerate(1 - model / no_skill):
        beside(axes, f"{100 * skill:.0f} %" if math.isfinite(skill) else ABSENT, row=row)
    listed(axes, symbols)
    lines(axes, of="x")
    axes.set_xlabel(f"{measure} on test rows; right: skill = 1 - model / no-skill")
    better = int((model < no_skill).sum())
    say(axes, f"Better than no skill on {better} of {len(symbols)} symbols")
    marks = [("model", "o", BLUE), ("no-skill", "|", GREY)]
    legend(figure, [Line2D([], [], linestyle="", marker=m, color=c, markeredgewidth=2, label=n) for n, m, c in marks])
    return figure


def score_table(bundle: Bundle) -> Table:
    """Set the scores of each symbol under one another, and of all; measures nobody has are left out."""
    task, by_symbol = task_of(bundle), bundle.metadata["test_by_symbol"]
    others = [measure for measure in task.others if any(measure.key in each for each in by_symbol.values())]
    measures = [task.loss, task.reference, *others]
    return Table(
        title="test, by symbol",
        note="model and no-skill on the same rows",
        columns=(
            TableColumn(name="symbol", key="symbol"),
            TableColumn(name="rows", key="rows", form=",.0f"),
            *(TableColumn(name=measure.name, key=measure.key, form=measure.form) for measure in measures),
        ),
        rows=tuple(_score_row(symbol, scores, measures) for symbol, scores in by_symbol.items()),
        total=_score_row(ALL, bundle.metadata.get("test", {}), measures) if len(by_symbol) > 1 else None,
    )


def _score_row(symbol: str, scores: Scores, measures: Iterable[Measure]) -> tuple[Cell, ...]:
    return (symbol, score(scores, "test_rows"), *(score(scores, measure.key) for measure in measures))


def class_table(bundle: Bundle) -> Table:
    """Average both losses over the rows of a class; measures that are no averages of rows have no place here."""
    task, by_symbol = task_of(bundle), bundle.metadata["test_by_symbol"]
    members: dict[str, list[Scores]] = {}
    for symbol, scores in by_symbol.items():
        members.setdefault(bundle.symbols["symbols"][symbol]["asset_class"], []).append(scores)
    return Table(
        title="test, by class",
        note="mean over rows, each symbol beside its own no-skill",
        columns=(
            TableColumn(name="class", key="asset_class"),
            TableColumn(name="symbols", key="symbols", form="d"),
            TableColumn(name="rows", key="rows", form=",.0f"),
            *(
                TableColumn(name=measure.name, key=measure.key, form=measure.form)
                for measure in (task.loss, task.reference)
            ),
            TableColumn(name="skill", key="skill", form=".1%"),
        ),
        rows=tuple(_class_row(name, scores, task) for name, scores in sorted(members.items())),
    )


def _class_row(name: str, members: Sequence[Scores], task: ScoreKind) -> tuple[Cell, ...]:
    rows = np.array([score(each, "test_rows") for each in members])
    model, without = (
        float(np.array([score(each, measure.key) for each in members]) @ rows / rows.sum())
        for measure in (task.loss, task.reference)
    )
    return (name, len(members), float(rows.sum()), model, without, 1 - model / without)


def trained_symbols(bundle: Bundle) -> list[str]:
    """Return the symbols whose rows it learned from."""
    entries = bundle.symbols["symbols"].items()
    return [symbol for symbol, each in entries if each.get("role", "trained") in {"trained", "trains only"}]


def trained_classes(bundle: Bundle) -> list[str]:
    """Return their asset classes, sorted."""
    return sorted({bundle.symbols["symbols"][symbol]["asset_class"] for symbol in trained_symbols(bundle)})

"""Test scores set beside those without skill, by symbol and by class: of a run, and of a stored model."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from multisymbol.reports.tables.table import ALL, Cell, Table, column, tabulate
from multisymbol.serving.metrics import ScoreKind, ScoreMetric, Shown
from multisymbol.wording import group_by

Scores: TypeAlias = Mapping[str, Any]
"""Scores of one symbol as they are stored: `test_log_loss` and so on."""


def score(scores: Scores, key: str) -> float:
    """Return a score; NaN where there is none, or where it did not exist (null in a stored bundle)."""
    value = scores.get(key)
    return math.nan if value is None else float(value)


def score_table(
    kind: ScoreKind,
    by_symbol: Mapping[str, Scores],
    pooled: Scores,
    *,
    places: Sequence[Shown] = ("tables",),
    title: str | None = None,
    roles: Mapping[str, str] | None = None,
) -> Table:
    """Set the scores of each symbol under one another, and of all where there are several.

    `by_symbol` maps a symbol to its scores; metrics that no symbol has are left out, and those not shown in `places`.
    `roles` maps a symbol to its role in the fold, shown where symbols differ in it.
    """
    metrics = [each for each in kind.shown(*places) if any(each.key in scores for scores in by_symbol.values())]
    roles = {} if len(set((roles or {}).values())) < 2 else roles or {}
    return tabulate(
        kind.title if title is None else title,
        by_symbol.items(),
        column("symbol", of=lambda item: item[0]),
        *((column("role", of=lambda item: roles.get(item[0], "")),) if roles else ()),
        column("rows", ",d", of=lambda item: _rows(item[1])),
        *(_column(metric, spare=place) for place, metric in enumerate(metrics)),
        note=f"{kind.reference.heading} = {kind.without_skill}, same rows",
        total=(ALL, pooled) if len(by_symbol) > 1 else None,
    )


def _column(metric: ScoreMetric, *, spare: int) -> Any:
    return column(metric.heading, metric.form, key=metric.name, of=lambda item: score(item[1], metric.key), spare=spare)


def _rows(scores: Scores) -> Cell:
    rows = score(scores, "test_rows")
    return int(rows) if math.isfinite(rows) else rows


def class_table(kind: ScoreKind, by_symbol: Mapping[str, Scores], *, asset_classes: Mapping[str, str]) -> Table:
    """Average both losses over the rows of a class; metrics that are no averages of rows have no place here."""
    members = group_by(by_symbol, lambda symbol: asset_classes[symbol])

    def mean(item: tuple[str, list[str]], metric: ScoreMetric) -> float:
        rows, values = (
            np.array([score(by_symbol[symbol], key) for symbol in item[1]]) for key in ("test_rows", metric.key)
        )
        return float(values @ rows / rows.sum())

    return tabulate(
        "test, by class",
        sorted(members.items()),
        column("class", key="asset_class", of=lambda item: item[0]),
        column("symbols", "d", of=lambda item: len(item[1])),
        column("rows", ",.0f", of=lambda item: sum(score(by_symbol[symbol], "test_rows") for symbol in item[1])),
        column(kind.loss.heading, kind.loss.form, key=kind.loss.name, of=lambda item: mean(item, kind.loss)),
        column(
            kind.reference.heading,
            kind.reference.form,
            key=kind.reference.name,
            of=lambda item: mean(item, kind.reference),
        ),
        column("skill", ".1%", of=lambda item: 1 - mean(item, kind.loss) / mean(item, kind.reference)),
        note="mean over rows, each symbol beside its own no-skill",
    )

"""Tables a person reads: aligned text for the terminal, CSV and Markdown of the same rows for the run's artifacts."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rich.text import Text

# The registry's commands show tables too, and should not wait for torch or pandas.
if TYPE_CHECKING:
    import pandas as pd

    from multisymbol.samples.fold import FoldCount
    from multisymbol.samples.ledger import SymbolCount
    from multisymbol.samples.mixture import SamplingWeights
    from multisymbol.serving.return_scores import ReturnEvaluation, ReturnSkillScores
    from multisymbol.serving.scores import Evaluation, SkillScores

ABSENT = "–"
"""Shown for a number that does not exist, such as the MCC of a symbol without a BUY."""
ALL = "all"
GAP = "   "

Cell = str | int | float


@dataclass(frozen=True, kw_only=True, slots=True)
class TableColumn:
    """One column.

    Args:
        name: Heading; two columns may have the same one.
        key: Name in the CSV file, unique.
        form: Format of a number (`,d`, `.3f`); empty for text, which is set to the left.
    """

    name: str
    key: str
    form: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Values with the way to show them.

    Args:
        title: What the table says; may be empty.
        note: Stands at the right end of the title's line.
        columns: From left to right.
        rows: One cell per column; NaN where a number does not exist.
        total: A last row set off from the others, or None.
    """

    title: str
    columns: tuple[TableColumn, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    total: tuple[Cell, ...] | None = None

    def __post_init__(self) -> None:
        lines = (*self.rows, *(() if self.total is None else (self.total,)))
        assert all(len(line) == len(self.columns) for line in lines), f"{self.title}: a row of another length"


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolRow:
    """One symbol's line in the table of test scores; NaN where a score does not exist.

    Args:
        symbol: Name, or `all`.
        role: As in `FoldCount`.
        rows: Test rows.
        log_loss: Of the model, nats.
        no_skill_log_loss: Of the better of prior and rule, on the same rows.
        balanced_accuracy: Of the model.
        no_skill_balanced_accuracy: Of that no-skill forecast.
        mcc: Matthews correlation of the model.
        brier: Multi-class Brier score of the model.
    """

    symbol: str
    role: str
    rows: int
    log_loss: float
    no_skill_log_loss: float
    balanced_accuracy: float
    no_skill_balanced_accuracy: float
    mcc: float
    brier: float


def symbol_rows(evaluation: "Evaluation", *, roles: Mapping[str, str]) -> tuple[SymbolRow, ...]:
    """Return a line per scored symbol and, where there are several, one over all rows (role empty).

    Args:
        evaluation: The scores.
        roles: Symbol -> role in the fold.
    """
    rows = [_symbol_row(symbol, roles[symbol], worth) for symbol, worth in evaluation.by_symbol.items()]
    overall = [_symbol_row(ALL, "", evaluation.overall)] if len(rows) > 1 else []
    return (*rows, *overall)


def symbol_table(rows: Sequence[SymbolRow], *, title: str = "test") -> Table:
    """Set test scores beside those without skill; roles are shown where symbols differ in them."""
    roles = len({row.role for row in rows if row.symbol != ALL}) > 1
    columns = (
        TableColumn(name="symbol", key="symbol"),
        *((TableColumn(name="role", key="role"),) if roles else ()),
        TableColumn(name="rows", key="rows", form=",d"),
        TableColumn(name="log-loss", key="log_loss", form=".3f"),
        TableColumn(name="no-skill", key="no_skill_log_loss", form=".3f"),
        TableColumn(name="bal.acc", key="balanced_accuracy", form=".3f"),
        TableColumn(name="no-skill", key="no_skill_balanced_accuracy", form=".3f"),
        TableColumn(name="MCC", key="mcc", form=".3f"),
        TableColumn(name="Brier", key="brier", form=".3f"),
    )
    lines = {row.symbol: tuple(getattr(row, column.key) for column in columns) for row in rows}
    return Table(
        title=title,
        note="no-skill = the better of prior and rule, same rows",
        columns=columns,
        rows=tuple(line for symbol, line in lines.items() if symbol != ALL),
        total=lines.get(ALL),
    )


def return_table(evaluation: "ReturnEvaluation", *, roles: Mapping[str, str]) -> Table:
    """Set the test scores of forecasts of a return beside those of zero."""
    rows = tuple(_return_row(symbol, roles[symbol], worth) for symbol, worth in evaluation.by_symbol.items())
    numbers = ("Huber", "zero", "R2 to zero", "IC", "rank IC", "sign acc.")
    keys = ("huber", "zero_huber", "r2", "ic", "rank_ic", "sign_accuracy")
    return Table(
        title="test, forward return in deviations of its horizon",
        note="zero = a forecast of zero, same rows",
        columns=(
            TableColumn(name="symbol", key="symbol"),
            TableColumn(name="role", key="role"),
            TableColumn(name="rows", key="rows", form=",d"),
            *(TableColumn(name=name, key=key, form=".4f") for name, key in zip(numbers, keys, strict=True)),
        ),
        rows=rows,
        total=_return_row(ALL, "", evaluation.overall) if len(rows) > 1 else None,
    )


def _return_row(symbol: str, role: str, worth: "ReturnSkillScores") -> tuple[Cell, ...]:
    model = worth.model
    scored = (model.huber, worth.zero.huber, worth.r2, model.ic, worth.rank_ic, model.sign_accuracy)
    return (symbol, role, model.rows, *scored)


def one_line(table: Table, *, name: str) -> Table:
    """Return the table of the total alone (or of the only row), under another name and without a role."""
    line = table.rows[0] if table.total is None else table.total
    kept = [place for place, column in enumerate(table.columns) if column.key != "role"]
    columns = tuple(table.columns[place] for place in kept)
    return replace(table, columns=columns, rows=((name, *(line[place] for place in kept[1:])),), total=None)


def to_frame(table: Table) -> "pd.DataFrame":
    """Return a table as numbers: columns by key, the first as the index, the total as a last row."""
    import pandas as pd

    rows = [*table.rows, *([table.total] if table.total is not None else [])]
    frame = pd.DataFrame.from_records(rows, columns=[column.key for column in table.columns])
    return frame.set_index(table.columns[0].key)


def table_from_json(data: Mapping[str, Any]) -> Table:
    """Read what `dataclasses.asdict` and JSON made of a table."""
    columns = tuple(TableColumn(**column) for column in data["columns"])
    rows = tuple(tuple(row) for row in data["rows"])
    total = None if data["total"] is None else tuple(data["total"])
    return Table(title=data["title"], note=data["note"], columns=columns, rows=rows, total=total)


def sampling_table(symbols: Sequence[str], shares: "SamplingWeights") -> Table:
    """Say how often each symbol is drawn in an epoch."""
    values = zip(
        symbols, shares.rows.tolist(), shares.share.tolist(), shares.draws.tolist(), shares.passes.tolist(), strict=True
    )
    rows, draws = int(shares.rows.sum()), int(shares.draws.sum())
    return Table(
        title="sampling, one epoch",
        columns=(
            TableColumn(name="symbol", key="symbol"),
            TableColumn(name="train rows", key="train_rows", form=",d"),
            TableColumn(name="share", key="share", form=".1%"),
            TableColumn(name="draws", key="draws", form=",d"),
            TableColumn(name="passes", key="passes", form=".2f"),
        ),
        rows=tuple(values),
        total=(ALL, rows, float(shares.share.sum()), draws, draws / rows if rows else math.nan)
        if len(symbols) > 1
        else None,
    )


def fold_table(counts: "Sequence[FoldCount]", *, title: str = "fold") -> Table:
    """Say how many samples of each symbol train, validate and test, and how many were purged at the edges."""
    rows = tuple((row.symbol, row.role, row.train, row.validation, row.test, row.purged) for row in counts)
    return Table(
        title=title,
        columns=(
            TableColumn(name="symbol", key="symbol"),
            TableColumn(name="role", key="role"),
            *_numbers("train", "validation", "test", "purged"),
        ),
        rows=rows,
        total=(ALL, "", *_sums([row[2:] for row in rows])) if len(rows) > 1 else None,
    )


def drop_table(counts: "Sequence[SymbolCount]") -> Table:
    """Say where each symbol's bars went: bars = misaligned + warm-up + filling + unresolved + strided + samples."""
    names = ("bars", "misaligned", "warmup", "filling", "unresolved", "strided", "samples")
    rows = tuple((row.symbol, *(getattr(row, name) for name in names)) for row in counts)
    return Table(
        title="where the bars went",
        note="misaligned = outside the common hours; filling = too few bars for a window yet",
        columns=(
            TableColumn(name="symbol", key="symbol"),
            *_numbers("bars", "misaligned"),
            TableColumn(name="warm-up", key="warmup", form=",d"),
            *_numbers("filling", "unresolved", "strided", "samples"),
        ),
        rows=rows,
        total=(ALL, *_sums([row[1:] for row in rows])) if len(rows) > 1 else None,
    )


def show(table: Table, *, most: int | None = None) -> Text:
    """Align a table for the terminal; styles vanish where output is no terminal, no line is ever cut or wrapped.

    Args:
        table: What to show.
        most: Rows shown before the rest is only counted; None: all.
    """
    shown = table.rows[:most]
    lines = _aligned(table, [*shown, *(() if table.total is None else (table.total,))])
    left_out = len(table.rows) - len(shown)
    styled = [
        (_heading(table, width=max(map(len, lines))), "bold"),
        (lines[0], "dim"),
        *((line, "") for line in lines[1 : len(shown) + 1]),
        (f"… {left_out:,} more rows in the run's tables" if left_out else "", "dim"),
        *((line, "bold") for line in lines[len(shown) + 1 :]),
    ]
    parts = [Text(line, style=style) for line, style in styled if line]
    return Text("\n", no_wrap=True, overflow="ignore").join(parts)


def to_csv(table: Table) -> str:
    """Write all rows with their full precision, headed by the columns' keys; an absent number is an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(column.key for column in table.columns)
    writer.writerows(["" if _absent(cell) else cell for cell in row] for row in _lines(table))
    return out.getvalue()


def to_markdown(table: Table) -> str:
    """Write all rows as shown at the terminal, as a Markdown table."""
    dashes = ["---:" if column.form else ":---" for column in table.columns]
    lines = [[column.name for column in table.columns], dashes, *(_cells(table, row) for row in _lines(table))]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def formatted(cell: Cell, form: str) -> str:
    """Write a cell as it is shown everywhere; `form` as in `TableColumn`."""
    if _absent(cell):
        return ABSENT
    return format(cell, form) if form and not isinstance(cell, str) else str(cell)


def _heading(table: Table, *, width: int) -> str:
    gap = max(width - len(table.title) - len(table.note), len(GAP))
    return f"{table.title}{' ' * gap}{table.note}".rstrip()


def _symbol_row(symbol: str, role: str, worth: "SkillScores") -> SymbolRow:
    no_skill = worth.prior if worth.no_skill == "prior" else worth.rule
    return SymbolRow(
        symbol=symbol,
        role=role,
        rows=worth.model.rows,
        log_loss=worth.model.log_loss,
        no_skill_log_loss=no_skill.log_loss,
        balanced_accuracy=worth.model.balanced_accuracy,
        no_skill_balanced_accuracy=no_skill.balanced_accuracy,
        mcc=worth.model.mcc,
        brier=worth.model.brier,
    )


def _numbers(*names: str) -> tuple[TableColumn, ...]:
    return tuple(TableColumn(name=name, key=name, form=",d") for name in names)


def _sums(rows: Sequence[Sequence[int]]) -> list[int]:
    return [sum(column) for column in zip(*rows, strict=True)]


def _lines(table: Table) -> tuple[tuple[Cell, ...], ...]:
    return table.rows if table.total is None else (*table.rows, table.total)


def _aligned(table: Table, rows: Sequence[tuple[Cell, ...]]) -> list[str]:
    cells = [[column.name for column in table.columns], *(_cells(table, row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        GAP.join(
            f"{cell:>{width}}" if column.form else f"{cell:<{width}}"
            for cell, width, column in zip(line, widths, table.columns, strict=True)
        ).rstrip()
        for line in cells
    ]


def _cells(table: Table, row: Sequence[Cell]) -> list[str]:
    return [formatted(cell, column.form) for cell, column in zip(row, table.columns, strict=True)]


def _absent(cell: Cell) -> bool:
    return isinstance(cell, float) and math.isnan(cell)

"""Tables a person reads: aligned text for the terminal, CSV and Markdown of the same rows for the run's artifacts.

A table is declared column by column, each with its heading, its format and where its cells come from:

    tabulate("arms", comparison.arms, column("arm"), column("log-loss", ".4f"), column("gain", "+.4f"))
"""

import csv
import io
import math
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter, itemgetter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from rich.text import Text

from multisymbol.progress import screen_width, wrapped

# The registry's commands show tables too, and should not wait for torch or pandas.
if TYPE_CHECKING:
    import pandas as pd

    from multisymbol.samples.fold import FoldCount
    from multisymbol.samples.ledger import SymbolCount
    from multisymbol.samples.mixture import SamplingWeights

ABSENT = "–"
"""Shown for a number that does not exist, such as the MCC of a symbol without a BUY."""
ALL = "all"
GAP = "   "
_NARROW = "  "
_LEAST_TEXT, _ENOUGH_TEXT = 18, 30
"""Columns that a long text keeps at least; beyond how many no other column is left out for it."""
RIGHT = " "
"""Format of text that is set to the right."""

Cell = str | int | float


@dataclass(frozen=True, kw_only=True, slots=True)
class TableColumn:
    """One column."""

    name: str  # heading, unique in its table
    key: str  # name in the CSV file, unique
    form: str = ""  # format of a number (`,d`, `.3f`); empty for text, which is set to the left
    # 0 for a column that is always shown; where a screen is too narrow, those with the highest number go
    spare: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column declared with where its cells come from."""

    shown: TableColumn  # heading, key and format
    of: Callable[[Any], Cell]  # returns the cell of an item


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Values with the way to show them."""

    title: str  # what the table says; may be empty
    columns: tuple[TableColumn, ...]  # from left to right
    rows: tuple[tuple[Cell, ...], ...]  # one cell per column; NaN where a number does not exist
    note: str = ""  # stands at the right end of the title's line
    total: tuple[Cell, ...] | None = None  # a last row set off from the others, or None

    def __post_init__(self) -> None:
        lines = (*self.rows, *(() if self.total is None else (self.total,)))
        assert all(len(line) == len(self.columns) for line in lines), f"{self.title}: a row of another length"
        for names in ([column.name for column in self.columns], [column.key for column in self.columns]):
            assert len(names) == len(set(names)), f"{self.title}: two columns with the same heading or key: {names}"


def column(name: str, form: str = "", *, key: str = "", of: str | Callable[[Any], Cell] = "", spare: int = 0) -> Column:
    """Declare a column.

    Args:
        name: Heading.
        form: Format of a number (`,d`, `.3f`); `RIGHT` for text at the right; empty for text.
        key: Name in the CSV file; empty: the heading with `_` for blanks and hyphens.
        of: Attribute of an item that holds the cell, with dots for attributes of attributes, or a function of the
            item; empty: the attribute named by the key.
        spare: As in `TableColumn`.
    """
    key = key or name.replace(" ", "_").replace("-", "_")
    shown = TableColumn(name=name, key=key, form=form, spare=spare)
    return Column(shown=shown, of=of if callable(of) else attrgetter(of or key))


def columns(*names: str, form: str = "") -> tuple[Column, ...]:
    """Declare columns of one format that are called as the attributes they show."""
    return tuple(column(name, form) for name in names)


def tabulate(title: str, items: Iterable[Any], *declared: Column, note: str = "", total: Any = None) -> Table:
    """Make a table of one row per item, and a last one of the item `total`; `title` and `note` as in `Table`."""

    def row(item: Any) -> tuple[Cell, ...]:
        return tuple(each.of(item) for each in declared)

    return Table(
        title=title,
        note=note,
        columns=tuple(each.shown for each in declared),
        rows=tuple(row(item) for item in items),
        total=None if total is None else row(total),
    )


def plain_table(title: str, rows: Iterable[tuple[str, ...]], *names: str) -> Table:
    """Make a table of texts that are at hand."""
    return tabulate(title, rows, *(column(name, of=itemgetter(place)) for place, name in enumerate(names)))


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
    numbers = (each.tolist() for each in (shares.rows, shares.share, shares.draws, shares.passes))
    rows, draws = int(shares.rows.sum()), int(shares.draws.sum())
    total = (ALL, rows, float(shares.share.sum()), draws, draws / rows if rows else math.nan)
    return tabulate(
        "sampling, one epoch",
        zip(symbols, *numbers, strict=True),
        column("symbol", of=itemgetter(0)),
        column("train rows", ",d", of=itemgetter(1)),
        column("share", ".1%", of=itemgetter(2)),
        column("draws", ",d", of=itemgetter(3)),
        column("passes", ".2f", of=itemgetter(4)),
        total=total if len(symbols) > 1 else None,
    )


def fold_table(counts: "Sequence[FoldCount]") -> Table:
    """Say how many samples of each symbol train, validate and test, and how many were purged at the edges."""
    numbers = columns("train", "validation", "test", "purged", form=",d")
    return tabulate("fold", counts, *columns("symbol", "role"), *numbers, total=_sum(counts, numbers))


def drop_table(counts: "Sequence[SymbolCount]") -> Table:
    """Say where each symbol's bars went: bars = misaligned + warm-up + filling + unresolved + strided + samples."""
    numbers = (
        *columns("bars", "misaligned", form=",d"),
        column("warm-up", ",d", key="warmup"),
        *columns("filling", "unresolved", "strided", "samples", form=",d"),
    )
    return tabulate(
        "where the bars went",
        counts,
        column("symbol"),
        *numbers,
        note="misaligned = outside the common hours; filling = too few bars for a window yet",
        total=_sum(counts, numbers),
    )


def _sum(counts: Sequence[Any], numbers: Sequence[Column]) -> SimpleNamespace | None:
    """Add up several symbols' counts; None for one symbol."""
    sums = {each.shown.key: sum(int(each.of(count)) for count in counts) for each in numbers}
    return SimpleNamespace(symbol=ALL, role="", **sums) if len(counts) > 1 else None


def show(table: Table, *, most: int | None = None, width: int | None = None) -> Text:
    """Align a table for the terminal; styles vanish where output is no terminal.

    Where it is too wide, gaps shrink, then columns that can be spared go (named in the last line), then long texts end
    in the middle, a last column's wraps; what still does not fit follows below, behind the first column again.

    Args:
        table: What to show.
        most: Rows shown before the rest is only counted; None: all.
        width: Columns of the screen; None: what it has.
    """
    width = screen_width() if width is None else width
    left_out = len(table.rows) - len(table.rows[:most])
    shown, spared = _spared(replace(table, rows=table.rows[:most]), width)
    blocks = [_aligned(block, width) for block in _blocks(shown, width)]
    styled = [(_heading(table, widest=max(_longest(line) for block in blocks for line in block), width=width), "bold")]
    for head, *rows in blocks:
        total = [rows.pop()] if table.total is not None else []
        styled += [(head, "dim"), *((line, "") for line in rows)]
        styled += [(f"… {left_out:,} more rows in the run's tables", "dim")] if left_out else []
        styled += [(line, "bold") for line in total]
    styled += [(wrapped(f"not shown at this width: {', '.join(spared)}", width=width), "dim")] if spared else []
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


def _heading(table: Table, *, widest: int, width: int) -> str:
    gap = max(widest - len(table.title) - len(table.note), len(GAP) if table.title else 0)
    line = f"{table.title}{' ' * gap}{table.note}".rstrip()
    lines = [line] if len(line) <= width else [table.title, table.note]
    return "\n".join(wrapped(each, width=width) for each in lines if each)


def _lines(table: Table) -> tuple[tuple[Cell, ...], ...]:
    return table.rows if table.total is None else (*table.rows, table.total)


def _longest(text: str) -> int:
    return max(map(len, text.split("\n")), default=0)


def _spared(table: Table, screen: int) -> tuple[Table, list[str]]:
    """Leave out columns that can be spared until the others fit; return their names too."""
    spared: list[str] = []
    while sum(_needed(table)) + len(_NARROW) * (len(table.columns) - 1) > screen:
        place = max(range(len(table.columns)), key=lambda place: (table.columns[place].spare, place))
        if not table.columns[place].spare:
            break
        spared.insert(0, table.columns[place].name)
        table = _of_columns(table, [other for other in range(len(table.columns)) if other != place])
    return table, spared


def _blocks(table: Table, screen: int) -> list[Table]:
    """Cut a table that is too wide into some that are not, each with the first column."""
    least = [min(own, _LEAST_TEXT) if not column.form else own for own, column in _widths(table)]
    blocks: list[list[int]] = [[0]]
    for place in range(1, len(least)):
        if sum(least[each] + len(_NARROW) for each in blocks[-1]) + least[place] > screen and len(blocks[-1]) > 1:
            blocks.append([0])
        blocks[-1].append(place)
    return [_of_columns(table, block) for block in blocks] if len(blocks) > 1 else [table]


def _of_columns(table: Table, places: Sequence[int]) -> Table:
    total = None if table.total is None else tuple(table.total[place] for place in places)
    rows = tuple(tuple(row[place] for place in places) for row in table.rows)
    return replace(table, columns=tuple(table.columns[place] for place in places), rows=rows, total=total)


def _widths(table: Table) -> list[tuple[int, TableColumn]]:
    cells = [[column.name for column in table.columns], *(_cells(table, row) for row in _lines(table))]
    return [(max(map(len, texts)), own) for own, texts in zip(table.columns, zip(*cells, strict=True), strict=True)]


def _needed(table: Table) -> list[int]:
    return [width if column.form else min(width, _ENOUGH_TEXT) for width, column in _widths(table)]


def _aligned(table: Table, screen: int) -> list[str]:
    """Return heading and rows, each of one line, or of several where its last text is long."""
    widths = [width for width, _ in _widths(table)]
    gap = GAP if sum(widths) + len(GAP) * (len(widths) - 1) <= screen else _NARROW
    over = sum(widths) + len(gap) * (len(widths) - 1) - screen
    texts = [place for place, column in enumerate(table.columns) if not column.form]
    for place in sorted(texts, key=lambda place: (place == 0, place < len(widths) - 1, -widths[place])):
        cut = min(max(over, 0), max(widths[place] - _LEAST_TEXT, 0))
        widths[place] -= cut
        over -= cut
    last = table.columns[-1]
    lines = []
    for cells in ([column.name for column in table.columns], *(_cells(table, row) for row in _lines(table))):
        breaks = not last.form and max(map(len, cells[-1].split()), default=0) <= widths[-1]
        ends = (textwrap.wrap(cells[-1], widths[-1], break_on_hyphens=False) if breaks else []) or [cells[-1]]
        start = gap.join(map(_fitted, cells[:-1], widths, table.columns))
        hanging = " " * (len(start) + len(gap))
        first = gap.join(filter(None, (start, _fitted(ends[0], widths[-1], last)))).rstrip()
        lines.append("\n".join([first, *(hanging + end for end in ends[1:])]))
    return lines


def _fitted(cell: str, width: int, column: TableColumn) -> str:
    if column.form:
        return f"{cell:>{width}}"
    if len(cell) <= width:
        return f"{cell:<{width}}"
    start = width // 3
    return f"{cell[:start]}…{cell[len(cell) - width + start + 1 :]}"


def _cells(table: Table, row: Sequence[Cell]) -> list[str]:
    return [formatted(cell, column.form) for cell, column in zip(row, table.columns, strict=True)]


def _absent(cell: Cell) -> bool:
    return isinstance(cell, float) and math.isnan(cell)

"""A universe of hundreds in one file: a row per symbol with its asset class and what else is its own.

symbol,asset_class,indicators.rsi.period,costs.half_spread_bps        a further column is the dotted path of an
AAPL,stock,21,                                                        override, an empty cell none
BRK.B,stock,,1.5

- {symbol: AAPL, asset_class: stock, overrides: {indicators: {rsi: {period: 21}}}}        the same as a YAML list
- {symbol: BRK.B, asset_class: stock, overrides: {costs: {half_spread_bps: 1.5}}}
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from multisymbol.errors import SymbolError, nearest
from multisymbol.markets.symbols import AssetClass, name_problem
from multisymbol.wording import listed

NEEDED = ("symbol", "asset_class")
_OVERRIDES = tuple(entry.name for entry in fields(AssetClass))
_LINES_NAMED = 3
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The same, eight times faster, where PyYAML came with libyaml."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_LIKE_A_NUMBER = re.compile(r"[+-]?\.?\d")


@dataclass(frozen=True, kw_only=True, slots=True)
class Remark:
    """What is wrong, and in which line of the file (from 1)."""

    line: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """One symbol: the line it stands in, and the entry it becomes."""

    line: int
    symbol: Any
    entry: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cells:
    line: int
    cells: Sequence[str]


_Remarks: TypeAlias = list[Remark]


def read_members(path: Path, *, asset_classes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read a table of symbols.

    Args:
        path: A `.csv` file, or a `.yaml` or `.yml` file that holds a list; UTF-8.
        asset_classes: Names a row may use.

    Returns:
        Symbol -> `{asset_class: name, **overrides}`, in the order of the file: what `symbols.members` holds.

    Raises:
        SymbolError: The file is absent or cannot be read; or all problems of its rows at once, with their lines.
    """
    remarks: _Remarks = []
    rows = _read(path, remarks)
    remarks += [Remark(line=row.line, text=text) for row in rows for text in _row_problems(row, asset_classes)]
    remarks += _repeated(rows)
    if not rows and not remarks:
        remarks.append(Remark(line=1, text="the table has no rows"))
    if remarks:
        lines = located(remarks, path=path)
        count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
        raise SymbolError("\n  ".join([f"The table of symbols has {count}; nothing was started.", *lines]))
    return {row.symbol: row.entry for row in rows}


def member_lines(path: Path) -> dict[str, int]:
    """Return the line of each symbol in a table that `read_members` accepts."""
    return {row.symbol: row.line for row in _read(path, [])}


def located(remarks: Iterable[Remark], *, path: Path) -> list[str]:
    """Write `file line 7: text`, one line for all rows that share a text, in the order of the file."""
    by_text = sorted(remarks, key=lambda remark: remark.text)
    groups = [
        (sorted(remark.line for remark in group), text)
        for text, group in groupby(by_text, key=lambda remark: remark.text)
    ]
    return [f"{path} {_named(lines)}: {text}" for lines, text in sorted(groups)]


def _named(lines: Sequence[int]) -> str:
    return f"line{'s' if len(lines) > 1 else ''} {listed(lines, most=_LINES_NAMED)}"


def _read(path: Path, remarks: _Remarks) -> list[_Row]:
    readers: dict[str, Callable[[str, _Remarks], list[_Row]]] = {
        ".csv": _csv_rows,
        ".yaml": _yaml_rows,
        ".yml": _yaml_rows,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise SymbolError(f"\n  symbols.file: {path} is none of {', '.join(readers)}; write a CSV table or a YAML list")
    try:
        text = path.read_text(encoding="utf-8-sig")  # a spreadsheet may write a byte order mark
    except OSError as error:
        hint = nearest(path.name, [file.name for file in path.parent.glob("*")])
        message = f"\n  symbols.file: {path} cannot be read: {error.strerror}{hint} (relative to {Path.cwd()})"
        raise SymbolError(message) from error
    except UnicodeDecodeError as error:
        message = f"\n  symbols.file: {path} is not UTF-8 text: {error.reason} at byte {error.start}"
        raise SymbolError(message) from error
    return reader(text, remarks)


def _row_problems(row: _Row, asset_classes: Sequence[str]) -> Iterator[str]:
    if row.symbol in (None, ""):
        yield "symbol is empty"
    elif problem := name_problem(row.symbol):
        yield problem
    name, known = row.entry["asset_class"], ", ".join(asset_classes)
    if name in (None, ""):
        yield f"asset_class is empty, one of {known}"
    elif name not in asset_classes:
        yield f"asset_class: expected one of {known}, got {name!r}{nearest(str(name), asset_classes)}"


def _repeated(rows: Sequence[_Row]) -> Iterator[Remark]:
    first: dict[str, int] = {}
    for row in rows:
        if isinstance(row.symbol, str) and row.symbol and first.setdefault(row.symbol, row.line) != row.line:
            yield Remark(line=row.line, text=f"symbol {row.symbol!r} is there twice, first in line {first[row.symbol]}")


def _csv_rows(text: str, remarks: _Remarks) -> list[_Row]:
    header, *body = list(_cells(text, remarks)) or [_Cells(line=1, cells=())]
    columns = list(header.cells)
    remarks += [Remark(line=header.line, text=problem) for problem in _header_problems(columns)]
    if any(name not in columns for name in NEEDED):
        return []
    remarks += [
        Remark(line=row.line, text=f"{len(row.cells)} cells, the header names {len(columns)} columns")
        for row in body
        if len(row.cells) != len(columns)
    ]
    whole = [row for row in body if len(row.cells) == len(columns)]
    for place, column in enumerate(columns):
        if "." in column:
            remarks += _unreadable(column, [(row.line, row.cells[place]) for row in whole])
    return [_csv_row(row, columns, remarks) for row in whole]


def _cells(text: str, remarks: _Remarks) -> Iterator[_Cells]:
    """Yield the rows that are not blank, cells stripped; stop at one that is no CSV."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in reader:
            if cells:
                yield _Cells(line=reader.line_num, cells=[cell.strip() for cell in cells])
    except csv.Error as error:
        remarks.append(Remark(line=reader.line_num, text=f"not readable as CSV: {error}"))


def _header_problems(columns: Sequence[str]) -> Iterator[str]:
    if len(columns) == 1 and set(columns[0]) & set(";\t"):
        yield f"expected cells separated by commas, got {columns[0]!r}"
        return
    known = (*NEEDED, *_OVERRIDES)
    hints = {column: _column_hint(column, known) for column in columns if column.split(".")[0] not in known}
    offered = " ".join(hints.values())
    yield from (f"unknown column {column!r}{hint}" for column, hint in hints.items())
    for name in NEEDED:
        if name not in columns and f"'{name}'" not in offered:
            yield f"there is no column '{name}'"
    ordered = sorted(columns)
    yield from (f"column {left!r} is there twice" for left, right in pairwise(ordered) if left == right)
    yield from (
        f"columns {outer!r} and {inner!r} overlap, keep one"
        for outer in ordered
        for inner in ordered
        if inner.startswith(f"{outer}.")
    )


def _column_hint(column: str, known: Sequence[str]) -> str:
    first, dot, rest = column.partition(".")
    found = nearest(first.lower(), known)
    return found.replace("'?", f"{dot}{rest}'?")


def _unreadable(column: str, cells: Sequence[tuple[int, str]]) -> Iterator[Remark]:
    """Yield the cells that were meant as numbers: those that begin like one, and all where another cell is one."""
    given = [(line, cell) for line, cell in cells if cell]
    numbers = any(_NUMBER.fullmatch(cell) for _, cell in given)
    for line, cell in given:
        if not _NUMBER.fullmatch(cell) and (numbers or _LIKE_A_NUMBER.match(cell)):
            text = f"{column}: {cell!r} is not a number; write it like 14 or 0.5, without unit or thousands mark"
            yield Remark(line=line, text=text)


def _csv_row(row: _Cells, columns: Sequence[str], remarks: _Remarks) -> _Row:
    given = dict(zip(columns, row.cells, strict=True))
    entry: dict[str, Any] = {"asset_class": given["asset_class"]}
    for column, cell in given.items():
        if cell and column not in NEEDED:
            *branches, leaf = column.split(".")
            node = entry
            for branch in branches:
                node = node.setdefault(branch, {})
                if not isinstance(node, dict):  # an overlap the header was blamed for
                    break
            else:
                node[leaf] = _value(cell, Remark(line=row.line, text=f"{column}: {cell!r} is not readable"), remarks)
    return _Row(line=row.line, symbol=given["symbol"], entry=entry)


def _value(cell: str, complaint: Remark, remarks: _Remarks) -> Any:
    """Read a number, true or false, a list or mapping in braces; all else is text."""
    if _NUMBER.fullmatch(cell):
        return float(cell) if set(cell) & set(".eE") else int(cell)
    if cell.lower() in {"true", "false"}:
        return cell.lower() == "true"
    if cell[0] not in "[{":
        return cell
    try:
        return yaml.safe_load(cell)
    except yaml.YAMLError:
        remarks.append(complaint)
        return None


def _yaml_rows(text: str, remarks: _Remarks) -> list[_Row]:
    loader = _Loader(text)
    try:
        page = loader.get_single_node()
        if not isinstance(page, yaml.SequenceNode):
            form = "expected a list of {symbol: NAME, asset_class: NAME, overrides: {...}}"
            remarks.append(
                Remark(line=1, text=f"{form}; a page with `members:` goes into DIR/symbols, --config-dir DIR")
            )
            return []
        items = [(node.start_mark.line + 1, loader.construct_object(node, deep=True)) for node in page.value]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        remarks.append(Remark(line=line, text=f"not readable as YAML: {error.problem}"))
        return []
    found = [_yaml_row(line, item, remarks) for line, item in items]
    return [row for row in found if row is not None]


def _yaml_row(line: int, item: Any, remarks: _Remarks) -> _Row | None:
    keys = (*NEEDED, "overrides")
    if not isinstance(item, Mapping):
        remarks.append(Remark(line=line, text=f"expected {{{', '.join(keys)}}}, got {item!r}"))
        return None
    overrides = item.get("overrides") or {}
    remarks += [
        Remark(
            line=line, text=f"unknown key {key!r}{nearest(str(key), keys) or '; an override goes under `overrides`'}"
        )
        for key in item
        if key not in keys
    ]
    if not isinstance(overrides, Mapping):
        remarks.append(Remark(line=line, text=f"overrides: expected keys and values, got {overrides!r}"))
        overrides = {}
    return _Row(line=line, symbol=item.get("symbol"), entry={"asset_class": item.get("asset_class"), **overrides})

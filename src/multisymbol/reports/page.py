"""One page a person reads: HTML in a single file, or Markdown of the same parts.

The HTML asks for nothing: no script, no network, no file beside it (its content policy forbids them). It follows the
reader's light or dark, fits a phone and a sheet of paper. The same page gives the same bytes.
"""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import count, groupby
from typing import TypeAlias

from matplotlib.figure import Figure

from multisymbol.reports.figures.inline_svg import figure_headline, has_raster, inline_svg
from multisymbol.reports.tables.table import Cell, Table, TableColumn, formatted
from multisymbol.reports.tables.table import to_markdown as table_markdown

LONG = 30
"""Rows from which a table scrolls by itself under its headings."""

_FULL = 6.9
"""Inches from which a figure takes the whole width of the page."""
_LEAST = 0.58
"""Share of its own width below which a figure is scrolled, not shrunk, for its text would be too small to read."""
_POINTS_TO_PIXELS = 96 / 72

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Names with what is to be said of each."""

    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bullets:
    """Sentences that stand for themselves."""

    items: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Caution:
    """A paragraph that must not be overlooked."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Code:
    """Lines to be typed, as they are."""

    text: str


PlainPart: TypeAlias = str | Table | Facts | Bullets | Caution | Code
"""A str is a paragraph of plain text: nothing in it is markup."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Folded:
    """Parts that are read on demand; on paper they are open.

    Args:
        title: What is inside.
        parts: Shown when it is opened.
    """

    title: str
    parts: "tuple[Part, ...]"


Part: TypeAlias = PlainPart | Figure | Folded


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """One heading and what stands below it.

    Args:
        title: Heading.
        note: A quiet line below it; may be empty.
        parts: From top to bottom; figures that follow one another stand side by side where there is room.
    """

    title: str
    parts: tuple[Part, ...]
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What is to be read.

    Args:
        title: Heading of the page, and of the browser's tab.
        lead: The answer in a sentence or two: a reader who stops here must not go away with a wrong idea.
        sections: The rest.
        footer: Where the page comes from: run, command, hashes; may be empty.
    """

    title: str
    lead: str
    sections: tuple[Section, ...]
    footer: str = ""


def page_html(page: Page) -> str:
    """Write the page as one HTML file that needs nothing else."""
    prefixes = (f"f{number}" for number in count(1))
    head = (
        f'<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_safe(page.title)}</title>\n<style>\n{_stylesheet()}</style>\n"
    )
    body = "\n".join(
        [
            f"<header><h1>{_safe(page.title)}</h1>",
            f'<p class="lead">{_safe(page.lead)}</p></header>',
            *_navigation(page.sections),
            *(_section(each, number, prefixes) for number, each in enumerate(page.sections, start=1)),
            *([f"<footer>{_safe(page.footer)}</footer>"] if page.footer else []),
        ]
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n'
    )


def page_markdown(page: Page) -> str:
    """Write the same page as Markdown; of a figure only what it says of itself."""
    blocks = [f"# {_escaped(page.title)}", _escaped(page.lead)]
    for section in page.sections:
        blocks += [f"## {_escaped(section.title)}", *([_escaped(section.note)] if section.note else [])]
        blocks += map(_markdown, section.parts)
    blocks += ["---", _escaped(page.footer)] if page.footer else []
    return "\n\n".join(blocks) + "\n"


def _navigation(sections: Sequence[Section]) -> Iterator[str]:
    if len(sections) > 3:
        links = (f'<a href="#part-{number}">{_safe(each.title)}</a>' for number, each in enumerate(sections, start=1))
        yield f"<nav>{' '.join(links)}</nav>"


def _section(section: Section, number: int, prefixes: Iterator[str]) -> str:
    note = f'<p class="note">{_safe(section.note)}</p>\n' if section.note else ""
    return (
        f'<section id="part-{number}">\n<h2>{_safe(section.title)}</h2>\n{note}'
        f"{_parts(section.parts, prefixes)}\n</section>"
    )


def _parts(parts: Sequence[Part], prefixes: Iterator[str]) -> str:
    written = []
    for drawn, group in groupby(parts, key=lambda part: isinstance(part, Figure)):
        inside = "\n".join(_part(part, prefixes) for part in group)
        written.append(f'<div class="figures">\n{inside}\n</div>' if drawn else inside)
    return "\n".join(written)


def _part(part: Part, prefixes: Iterator[str]) -> str:
    if isinstance(part, Figure):
        return _figure(part, prefix=next(prefixes))
    if isinstance(part, Folded):
        return f"<details><summary>{_safe(part.title)}</summary>\n{_parts(part.parts, prefixes)}\n</details>"
    return _plain_part(part)


def _plain_part(part: PlainPart) -> str:
    match part:
        case Table():
            return _table(part)
        case Facts():
            pairs = (f"<dt>{_safe(name)}</dt><dd>{_safe(text)}</dd>" for name, text in part.items)
            return f'<dl class="facts">{"".join(pairs)}</dl>'
        case Bullets():
            return f"<ul>{''.join(f'<li>{_safe(item)}</li>' for item in part.items)}</ul>"
        case Caution():
            return f'<p class="warning">{_safe(part.text)}</p>'
        case Code():
            return f"<pre><code>{_safe(part.text)}</code></pre>"
    return f"<p>{_safe(part)}</p>"


def _figure(figure: Figure, *, prefix: str) -> str:
    """Give a figure its own size: shrunk on a phone as far as it can be read, then scrolled."""
    svg = inline_svg(figure, prefix=prefix)
    width = figure.get_figwidth()
    pixels = 72 * width * _POINTS_TO_PIXELS
    kind = " ".join((["wide"] if width > _FULL else []) + (["plate"] if has_raster(svg) else []))
    size = f"min-width:{_LEAST * pixels:.0f}px;max-width:{1.15 * pixels:.0f}px"
    return f'<figure class="{kind}">{svg.replace("<svg ", f"""<svg style="{size}" """, 1)}</figure>'


def _table(table: Table) -> str:
    wide = "long" if len(table.rows) > LONG else ""
    name = f'<p class="name">{_safe(table.title)}<span>{_safe(table.note)}</span></p>' if _named(table) else ""
    headings = "".join(f'<th{_kind(column)} scope="col">{_safe(column.name)}</th>' for column in table.columns)
    rows = "\n".join(_row(table.columns, row) for row in table.rows)
    total = "" if table.total is None else f"\n<tfoot>{_row(table.columns, table.total)}</tfoot>"
    return (
        f'<div class="table fit">{name}<div class="scroll {wide}" tabindex="0" role="region" '
        f'aria-label="{_safe(table.title or "table")}"><table>\n<thead><tr>{headings}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody>{total}</table></div></div>"
    )


def _named(table: Table) -> bool:
    return bool(table.title or table.note)


def _row(columns: Sequence[TableColumn], row: Sequence[Cell]) -> str:
    cells = [
        f"<td{_kind(column)}>{_safe(_number(cell, column))}</td>" for column, cell in zip(columns, row, strict=True)
    ]
    if not columns[0].form:
        cells[0] = f'<th scope="row">{_safe(_number(row[0], columns[0]))}</th>'
    return f"<tr>{''.join(cells)}</tr>"


def _kind(column: TableColumn) -> str:
    return ' class="n"' if column.form else ""


def _number(cell: Cell, column: TableColumn) -> str:
    """Write a cell, a negative number with a minus as wide as a plus."""
    text = formatted(cell, column.form)
    return re.sub(r"^-(?=[\d.])", "\N{MINUS SIGN}", text) if column.form else text


def _safe(text: str) -> str:
    return html.escape(text, quote=True)


@cache
def _stylesheet() -> str:
    return files("multisymbol.reports").joinpath("page.css").read_text(encoding="utf-8")


def _markdown(part: Part) -> str:
    if isinstance(part, Figure):
        return f"*Figure: {_escaped(figure_headline(part)) or 'without a title'} (drawn on the HTML page)*"
    if isinstance(part, Folded):
        return "\n\n".join([f"**{_escaped(part.title)}**", *map(_markdown, part.parts)])
    return _plain_markdown(part)


def _plain_markdown(part: PlainPart) -> str:
    match part:
        case Table():
            named = [f"**{_escaped(part.title)}** {_escaped(part.note)}".strip()] if _named(part) else []
            return "\n\n".join([*named, table_markdown(part).replace("<", "&lt;").rstrip("\n")])
        case Facts():
            return "\n".join(f"- {_escaped(name)}: {_escaped(text)}" for name, text in part.items)
        case Bullets():
            return "\n".join(f"- {_escaped(item)}" for item in part.items)
        case Caution():
            return f"> {_escaped(part.text)}"
        case Code():
            return f"```\n{part.text.rstrip()}\n```"
    return _escaped(part)


def _escaped(text: str) -> str:
    """Keep Markdown from reading markup into plain text; a paragraph stays one."""
    joined = " ".join(text.split())
    return re.sub(r"([\\`*\[\]|])|(?<!\w)_|_(?!\w)", lambda match: f"\\{match[0]}", joined).replace("<", "&lt;")

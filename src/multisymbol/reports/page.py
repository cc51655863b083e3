"""One page a person reads: HTML in a single file, or Markdown of the same parts.

The HTML asks for nothing: no script, no network, no file beside it (its content policy forbids them). It follows the
reader's light or dark, fits a phone and a sheet of paper. The same page gives the same bytes.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count, groupby
from typing import Any, Protocol, TypeAlias, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from multisymbol.reports.figures.inline_svg import figure_headline, inline_svg
from multisymbol.reports.tables.table import Cell, Table, TableColumn, formatted
from multisymbol.reports.tables.table import to_markdown as table_markdown

LONG = 30
"""Rows from which a table scrolls by itself under its headings."""

_FULL = 6.9
"""Inches from which a figure takes the whole width of the page."""
_LEAST = 0.58
"""Share of its own width below which a figure is scrolled, not shrunk, for its text would be too small to read."""
_POINTS_TO_PIXELS = 96 / 72


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Folded:
    """Parts that are read on demand, below their title; on paper they are open."""

    title: str
    parts: "tuple[Part, ...]"


Part: TypeAlias = str | Table | Facts | Bullets | Caution | Code | Figure | Folded
"""A str is a paragraph of plain text: nothing in it is markup."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """One heading and what stands below it."""

    title: str  # heading
    # From top to bottom; figures that follow one another stand side by side where there is room
    parts: tuple[Part, ...]
    note: str = ""  # a quiet line below it; may be empty


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What is to be read."""

    title: str  # heading of the page, and of the browser's tab
    lead: str  # the answer in a sentence or two: a reader who stops here must not go away with a wrong idea
    sections: tuple[Section, ...]  # the rest
    footer: str = ""  # where the page comes from: run, command, hashes; may be empty


Shown = TypeVar("Shown")


class OwnSection(Protocol):
    """A section of the user's own, named by the configuration's key `sections`.

    Args:
        page: Page it stands on, below all others: `card`, `comparison`, `backtest` or `arms`.
    """

    page: str

    def section(self, shown: Any, /) -> Section | None:
        """Make it of a `Card`, `ComparisonShown`, `BacktestShown` or `ArmsShown`; None leaves it out."""
        ...


def sections_of(
    page: str, shown: Shown, makers: Iterable[Callable[[Shown], Section | None]], own: Iterable[OwnSection]
) -> tuple[Section, ...]:
    """Make the sections of a page (see `OwnSection`): ours, then those of the user's own that are for this page."""
    made = [make(shown) for make in makers] + [each.section(shown) for each in own if each.page == page]
    return tuple(section for section in made if section is not None)


def page_html(page: Page) -> str:
    """Write the page as one HTML file that needs nothing else."""
    numbers = count(1)
    template = _templates().get_template("page.html.j2")
    return template.render(page=page, long=LONG, draw=lambda figure: _figure(figure, prefix=f"f{next(numbers)}"))


def page_markdown(page: Page) -> str:
    """Write the same page as Markdown; of a figure only what it says of itself."""
    blocks = [f"# {_escaped(page.title)}", _escaped(page.lead)]
    for section in page.sections:
        blocks += [f"## {_escaped(section.title)}", *([_escaped(section.note)] if section.note else [])]
        blocks += map(_markdown, section.parts)
    blocks += ["---", _escaped(page.footer)] if page.footer else []
    return "\n\n".join(blocks) + "\n"


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("multisymbol.reports", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {"kind": lambda part: type(part).__name__, "grouped": _grouped, "number": _number}
    return made


def _grouped(parts: Sequence[Part]) -> list[tuple[bool, list[Part]]]:
    """Put figures that follow one another together."""
    return [(drawn, list(group)) for drawn, group in groupby(parts, key=lambda part: isinstance(part, Figure))]


def _figure(figure: Figure, *, prefix: str) -> Markup:
    """Give a figure its own size: shrunk on a phone as far as it can be read, then scrolled."""
    svg = inline_svg(figure, prefix=prefix)
    width = figure.get_figwidth()
    pixels = 72 * width * _POINTS_TO_PIXELS
    # Pixels keep their colours, so the paper must stay light under them.
    kind = " ".join((["wide"] if width > _FULL else []) + (["plate"] if "<image" in svg else []))
    size = f"min-width:{_LEAST * pixels:.0f}px;max-width:{1.15 * pixels:.0f}px"
    label = escape(figure_headline(figure) or "figure")
    attributes = f'role="img" aria-label="{label}" style="{size}"'
    return Markup(f'<figure class="{kind}">{svg.replace("<svg ", f"<svg {attributes} ", 1)}</figure>')


def _number(cell: Cell, column: TableColumn) -> str:
    """Write a cell, a negative number with a minus as wide as a plus."""
    text = formatted(cell, column.form)
    return re.sub(r"^-(?=[\d.])", "\N{MINUS SIGN}", text) if column.form else text


def _markdown(part: Part) -> str:
    match part:
        case Figure():
            text = f"*Figure: {_escaped(figure_headline(part)) or 'without a title'} (drawn on the HTML page)*"
        case Folded():
            text = "\n\n".join([f"**{_escaped(part.title)}**", *map(_markdown, part.parts)])
        case Table():
            named = [f"**{_escaped(part.title)}** {_escaped(part.note)}".strip()] if part.title or part.note else []
            text = "\n\n".join([*named, table_markdown(part).replace("<", "&lt;").rstrip("\n")])
        case Facts():
            text = "\n".join(f"- {_escaped(name)}: {_escaped(said)}" for name, said in part.items)
        case Bullets():
            text = "\n".join(f"- {_escaped(item)}" for item in part.items)
        case Caution():
            text = f"> {_escaped(part.text)}"
        case Code():
            text = f"```\n{part.text.rstrip()}\n```"
        case str():
            text = _escaped(part)
    return text


def _escaped(text: str) -> str:
    """Keep Markdown from reading markup into plain text; a paragraph stays one."""
    joined = " ".join(text.split())
    return re.sub(r"([\\`*\[\]|])|(?<!\w)_|_(?!\w)", lambda match: f"\\{match[0]}", joined).replace("<", "&lt;")

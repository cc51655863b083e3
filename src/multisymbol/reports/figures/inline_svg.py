"""A figure as SVG inside an HTML page: its colours follow the page's, and it is the same bytes every time."""

import io
import re

import matplotlib as mpl
from matplotlib.figure import Figure

from multisymbol.reports.figures.canvas import BLUE, FAINT, GREEN, GREY, GRID, INK, ORANGE, PAPER, PURPLE, RED, SPAN

COLOURS = {
    INK: "--f-ink", GREY: "--f-grey", FAINT: "--f-faint", PAPER: "--paper", BLUE: "--f-blue", ORANGE: "--f-orange",
    GREEN: "--f-green", RED: "--f-red", PURPLE: "--f-purple", GRID: "--f-grid", SPAN: "--f-span",
    "#000000": "--f-ink",
}  # fmt: skip
"""Colours of our figures -> variables of page.css, which have another value on dark paper."""

_VARIABLES = {colour.lower(): f"var({variable}, {colour.lower()})" for colour, variable in COLOURS.items()}
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


def figure_headline(figure: Figure) -> str:
    """Return the figure's first title on one line; empty where it has none."""
    titles = [figure.get_suptitle(), *(axes.get_title(loc=side) for axes in figure.axes for side in ("left", "center"))]
    return next((" ".join(title.replace(r"\$", "$").split()) for title in titles if title.strip()), "")


def inline_svg(figure: Figure, *, prefix: str) -> str:
    """Draw a figure as the content of an `<svg>` element, from its opening tag's `viewBox` on.

    Text stays text. Colours of `COLOURS` become variables, unless the figure holds pixels. `prefix` must be unique in
    the page: matplotlib derives the ids of markers and clip paths from it.
    """
    out = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": prefix, "svg.fonttype": "none"}):
        figure.savefig(out, format="svg", metadata=_NO_METADATA)
    svg = out.getvalue()
    view = re.search(r'viewBox="[^"]*"', svg)
    assert view is not None, "matplotlib writes a viewBox"
    drawn = svg[svg.index(">", view.end()) + 1 :]
    # The ids of groups repeat from figure to figure, and nothing refers to them.
    drawn = re.sub(r'(?s)<(metadata|style)\b.*?</\1>|(?<=<g) id="[^"]*"|<!--.*?-->', "", drawn)
    if "<image" not in drawn:
        drawn = re.sub(r"#[0-9a-f]{6}\b(?=[;\"])", lambda match: _VARIABLES.get(match[0], match[0]), drawn)
    return f"<svg {view[0]}>{drawn}"

"""A figure as SVG inside an HTML page: names of its own, colours that follow the page's, the same bytes every time."""

import io
import re
from xml.etree import ElementTree as ET

import matplotlib as mpl
from matplotlib.figure import Figure

from multisymbol.reports.coverage import PURPLE, RED
from multisymbol.reports.figures.canvas import GRID
from multisymbol.reports.figures.training import BLUE, FAINT, GREEN, GREY, INK, ORANGE, PAPER

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"

COLOURS = {
    INK: "--f-ink",
    GREY: "--f-grey",
    FAINT: "--f-faint",
    PAPER: "--paper",
    BLUE: "--f-blue",
    ORANGE: "--f-orange",
    GREEN: "--f-green",
    RED: "--f-red",
    PURPLE: "--f-purple",
    GRID: "--f-grid",
    "#EEF4F8": "--f-span",
    "#000000": "--f-ink",
}
"""Colours of our figures -> variables of page.css, which have another value on dark paper."""

_VARIABLES = {colour.lower(): f"var({variable}, {colour.lower()})" for colour, variable in COLOURS.items()}
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


def figure_headline(figure: Figure) -> str:
    """Return what the figure says of itself: its first title, on one line; empty where it has none."""
    titles = [figure.get_suptitle(), *(axes.get_title(loc=side) for axes in figure.axes for side in ("left", "center"))]
    return next((" ".join(title.replace(r"\$", "$").split()) for title in titles if title.strip()), "")


def has_raster(svg: str) -> bool:
    """Whether pixels are part of it: they keep their colours, so the paper must stay light under them."""
    return "<image" in svg


def inline_svg(figure: Figure, *, prefix: str) -> str:
    """Draw a figure as one `<svg>` element that can stand in a page beside others.

    Text stays text. Every id begins with the prefix, for matplotlib gives the same ones to every figure. The colours of
    `COLOURS` become variables, unless the figure holds pixels.

    Args:
        figure: What to draw; its state is that after any drawing.
        prefix: Unique in the page: letters, digits, `-`.
    """
    root = ET.fromstring(_drawn(figure))
    pixels = root.find(f".//{{{SVG}}}image") is not None
    for parent in list(root.iter()):
        for child in [child for child in parent if child.tag in {f"{{{SVG}}}metadata", f"{{{SVG}}}style"}]:
            parent.remove(child)
    for element in root.iter():
        element.attrib = {key: _own(key, text, prefix=prefix) for key, text in element.attrib.items()}
        if not pixels and "style" in element.attrib:
            element.set("style", _with_variables(element.attrib["style"]))
    title = figure_headline(figure)
    root.attrib = {"viewBox": root.attrib["viewBox"], "role": "img", "aria-label": title or "figure"}
    return _text(root)


def _drawn(figure: Figure) -> str:
    out = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "multisymbol", "svg.fonttype": "none"}):
        figure.savefig(out, format="svg", metadata=_NO_METADATA)
    return out.getvalue()


def _own(key: str, text: str, *, prefix: str) -> str:
    """Prefix an id, and what points to one."""
    if key == "id":
        return f"{prefix}-{text}"
    if key in {f"{{{XLINK}}}href", "href"} and text.startswith("#"):
        return f"#{prefix}-{text[1:]}"
    return text.replace("url(#", f"url(#{prefix}-")


def _with_variables(style: str) -> str:
    return re.sub(r"#[0-9a-f]{6}\b", lambda match: _VARIABLES.get(match[0], match[0]), style)


def _text(root: ET.Element) -> str:
    """Write the element as HTML wants it: without namespaces' prefixes."""
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{SVG}}}")
        element.attrib = {key.replace(f"{{{XLINK}}}", ""): text for key, text in element.attrib.items()}
    return ET.tostring(root, encoding="unicode")

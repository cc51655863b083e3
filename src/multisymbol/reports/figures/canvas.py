"""The look of all figures: colours, frame, title, dates, and thinning of points no eye can tell apart.

Figures are made through matplotlib's objects, never through pyplot, so no state of the process changes and no window
opens. Colours are those of Okabe and Ito (2008), which people with any colour vision can tell apart.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.transforms import blended_transform_factory

from multisymbol.arrays import Floats, Ints
from multisymbol.markets.time import DAY

BLUE, ORANGE, GREEN, RED, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7"
INK, GREY, FAINT, PAPER, GRID, SPAN = "#333333", "#777777", "#B8B8B8", "#FFFFFF", "#EEEEEE", "#EEF4F8"

WIDTH = 6.0
"""Inches: half a wide page, a whole phone."""
TEXT, SMALL = 9.0, 8.5
"""Points."""

_MOST_POINTS = 1500


def canvas(
    *, height: float, width: float = WIDTH, panels: Sequence[float] = (1.0,), one_axis: bool = True
) -> tuple[Figure, list[Axes]]:
    """Open a figure (inches) with panels below one another.

    Args:
        height: Inches.
        width: Inches.
        panels: Relative heights, from the top.
        one_axis: Whether the panels share the x axis.
    """
    figure = Figure(figsize=(width, height), layout="constrained", facecolor=PAPER)
    grid = figure.subplots(len(panels), 1, sharex=one_axis, squeeze=False, height_ratios=list(panels))
    drawn: list[Axes] = list(grid[:, 0])
    for axes in drawn:
        frame(axes)
    return figure, drawn


def frame(axes: Axes) -> None:
    """Draw only the left and the bottom line, faint, with small labels."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, labelcolor=INK, color=FAINT, labelsize=SMALL)
    axes.xaxis.label.set(color=INK, fontsize=SMALL)
    axes.yaxis.label.set(color=INK, fontsize=SMALL)
    axes.set_axisbelow(True)


def say(axes: Axes, title: str, *, facts: str = "") -> None:
    """Head the axes with what they show, and a line of facts below."""
    axes.set_title(f"{title}\n" if facts else title, loc="left", fontsize=TEXT + 1, color=INK)
    if facts:
        axes.annotate(
            facts, (0, 1), (0, 5), xycoords="axes fraction", textcoords="offset points", fontsize=SMALL, color=INK
        )


def headline(figure: Figure, title: str) -> None:
    """Head a figure of several axes with what it shows."""
    figure.suptitle(title, x=0.01, ha="left", fontsize=TEXT + 1, color=INK)


def legend(figure: Figure, handles: Sequence[Artist] | Mapping[str, str], *, columns: int | None = None) -> None:
    """Set the key under the figure: artists, or name -> colour; all in one line unless `columns` says otherwise."""
    if isinstance(handles, Mapping):
        handles = [Patch(color=colour, label=name) for name, colour in handles.items()]
    figure.legend(
        handles=list(handles),
        loc="outside lower left",
        ncols=columns or len(handles),
        frameon=False,
        fontsize=SMALL,
        labelcolor=INK,
        handlelength=1.4,
        columnspacing=1.4,
    )


def lines(axes: Axes, *, of: Literal["x", "y"]) -> None:
    """Draw faint lines to read values by."""
    axes.grid(axis=of, color=GRID, linewidth=0.8)


def dated(axes: Axes) -> None:
    """Write dates below an x axis in days since 1970."""
    axes.xaxis_date("UTC")
    locator = AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]  # matplotlib.dates is untyped
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))  # type: ignore[no-untyped-call]


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Write names down the y axis, the first on top."""
    axes.set_yticks(range(len(names)), [plain_number(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def beside(axes: Axes, text: str, *, row: float) -> None:
    """Write at the right end of a row, outside the frame."""
    write(axes, text, (1, row), offset=6)


def write(
    axes: Axes,
    text: str,
    place: tuple[float, float],
    *,
    offset: float,
    ha: Literal["left", "center", "right"] = "left",
    colour: str = INK,
    size: float = SMALL,
    of_data: bool = False,
    rotation: float = 0,
) -> None:
    """Write at a place: x as a share of the axes (or of the data), y a row; `offset` points to the right."""
    axes.annotate(
        plain_number(text),
        place,
        (offset, 0),
        xycoords="data" if of_data else blended_transform_factory(axes.transAxes, axes.transData),
        textcoords="offset points",
        ha=ha,
        va="center",
        color=colour,
        fontsize=size,
        rotation=rotation,
        annotation_clip=False,
    )


def percent(share: float) -> str:
    """Write a share as `+12.3 %`; a dash where there is no number."""
    return "–" if not np.isfinite(share) else signed(100 * share, "+.1f") + " %"


def signed(value: float, form: str) -> str:
    """Write a number with a minus as wide as a plus, and no sign at all where it rounds to zero."""
    text = format(value, form)
    return text.lstrip("+-") if not text.strip("+-0.") else text.replace("-", "\N{MINUS SIGN}")


def plain_number(text: str) -> str:
    r"""Keep matplotlib from reading formulas into `$`."""
    return text.replace("$", r"\$")


def days(at: Ints) -> Floats:
    """Turn UTC nanoseconds into matplotlib's days since 1970. Same shape."""
    return at / DAY


def thinned(values: Floats, *, most: int = _MOST_POINTS) -> Ints:
    """Choose at most `most` (8 or more) points that draw the same line: ascending indices, all where there are no more.

    Of each of equal stretches they are the first, last, lowest and highest. NaN stays where it is first or last of a
    stretch, so holes of a stretch or more stay holes.
    """
    if len(values) <= most:
        return np.arange(len(values))
    edges = np.linspace(0, len(values), most // 4 + 1).astype(np.int64)
    low, high = np.where(np.isnan(values), np.inf, values), np.where(np.isnan(values), -np.inf, values)
    stretches = list(pairwise(edges))
    lowest = [start + int(np.argmin(low[start:stop])) for start, stop in stretches]
    highest = [start + int(np.argmax(high[start:stop])) for start, stop in stretches]
    return np.unique(np.concatenate([edges[:-1], edges[1:] - 1, lowest, highest]))

import re
from collections import Counter
from html.parser import HTMLParser

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from multisymbol.reports.figures.canvas import BLUE
from multisymbol.reports.figures.inline_svg import COLOURS, inline_svg
from multisymbol.reports.page import (
    LONG,
    Bullets,
    Caution,
    Code,
    Facts,
    Folded,
    Page,
    Part,
    Section,
    page_html,
    page_markdown,
)
from multisymbol.reports.tables.table import Table, TableColumn

HOSTILE = "<script>alert('x')</script> & \"quoted\" *bold* $5$ `code`"
VOID = {"meta", "link", "br", "hr", "img"}


class Reader(HTMLParser):
    """What a browser would see: tags that are open and closed in order, ids, references, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.references: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._seen(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._seen(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def _seen(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        for key, value in attrs:
            if key == "id":
                self.ids.append(value or "")
            if key in {"href", "src"}:
                self.references.append(value or "")
            self.references += [f"#{name}" for name in re.findall(r"url\(#([^)]+)\)", value or "")]


def figure(title: str = "One line", *, width: float = 6.0, raster: bool = False) -> Figure:
    drawn = Figure(figsize=(width, 3.0), layout="constrained")
    axes = drawn.subplots()
    axes.plot([0, 1, 2], [0, 1, 0], "o-", color=BLUE)
    if raster:
        axes.imshow(np.eye(3))
    axes.set_title(title, loc="left")
    return drawn


def table(rows: int = 2) -> Table:
    return Table(
        title="scores",
        note="same rows",
        columns=(TableColumn(name="symbol", key="symbol"), TableColumn(name="gain", key="gain", form=".2f")),
        rows=tuple((f"S{row}", -0.5) for row in range(rows)),
        total=("all", float("nan")),
    )


def page(*parts: Part, sections: int = 1) -> Page:
    return Page(
        title="A <title>",
        lead="The answer.",
        sections=tuple(Section(title=f"Part {n}", note="quiet", parts=parts) for n in range(sections)),
        footer="made by a test",
    )


ALL_PARTS: tuple[Part, ...] = (
    "a paragraph",
    Facts(items=(("seed", "1"),)),
    Bullets(items=("one", "two")),
    Caution(text="careful"),
    Code(text="python x.py"),
    table(),
    Folded(title="more", parts=("inside", table())),
    figure(),
)


def test_page_is_well_formed_and_refers_only_to_itself() -> None:
    seen = Reader(page_html(page(*ALL_PARTS, sections=4)))
    assert seen.open == []
    assert all(reference.startswith("#") for reference in seen.references)
    assert {reference[1:] for reference in seen.references} <= set(seen.ids)
    assert seen.tags["script"] == seen.tags["link"] == 0


def test_policy_forbids_scripts_and_network() -> None:
    assert "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\"" in page_html(page())


def test_ids_are_unique_with_several_figures() -> None:
    text = page_html(page(figure("a"), figure("b"), Folded(title="c", parts=(figure("d"),)), sections=2))
    ids = Reader(text).ids
    assert len(ids) > 20
    assert len(ids) == len(set(ids))


def test_same_page_gives_same_bytes() -> None:
    assert page_html(page(*ALL_PARTS[:-1], figure())) == page_html(page(*ALL_PARTS[:-1], figure()))


def test_no_date_and_no_version_of_a_library_gets_in() -> None:
    text = page_html(page(figure()))
    assert "metadata" not in text
    assert mpl.__version__ not in text


@pytest.mark.parametrize(
    "part",
    [
        HOSTILE,
        Facts(items=((HOSTILE, HOSTILE),)),
        Bullets(items=(HOSTILE,)),
        Caution(text=HOSTILE),
        Code(text=HOSTILE),
        Folded(title=HOSTILE, parts=(HOSTILE,)),
        Table(title=HOSTILE, note=HOSTILE, columns=(TableColumn(name=HOSTILE, key="k"),), rows=((HOSTILE,),)),
        figure(HOSTILE.replace("$", r"\$")),
    ],
    ids=lambda part: type(part).__name__,
)
def test_text_is_never_markup(part: Part) -> None:
    seen = Reader(page_html(page(part)))
    assert seen.tags["script"] == 0
    assert HOSTILE in "".join(seen.text)
    assert "<script" not in page_markdown(page(part)).replace("```\n" + HOSTILE, "")


def test_titles_notes_and_footer_are_text_too() -> None:
    sections = (Section(title=HOSTILE, note=HOSTILE, parts=()),)
    seen = Reader(page_html(Page(title=HOSTILE, lead=HOSTILE, sections=sections, footer=HOSTILE)))
    assert seen.tags["script"] == 0
    assert "".join(seen.text).count(HOSTILE) == 6  # the browser's tab has the title too


@settings(max_examples=30, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["C"]), min_size=1))
def test_any_paragraph_comes_back_from_the_html(text: str) -> None:
    written = page_html(Page(title="t", lead="l", sections=(Section(title="s", parts=(Caution(text=text),)),)))
    assert text in "".join(Reader(written).text)


def test_numbers_stand_right_with_a_true_minus() -> None:
    text = page_html(page(table()))
    assert '<td class="n">−0.50</td>' in text
    assert '<th scope="row">S0</th>' in text
    assert '<tfoot><tr><th scope="row">all</th><td class="n">–</td></tr></tfoot>' in text


def test_dates_and_names_keep_their_hyphens() -> None:
    rows = (("-x", "2018-06-01"),)
    columns = (TableColumn(name="a", key="a"), TableColumn(name="b", key="b"))
    text = page_html(page(Table(title="", columns=columns, rows=rows)))
    assert '<th scope="row">-x</th><td>2018-06-01</td>' in text


def test_only_long_tables_scroll_by_themselves() -> None:
    assert 'class="scroll long"' in page_html(page(table(LONG + 1)))
    assert 'class="scroll long"' not in page_html(page(table(LONG)))


def test_figures_that_follow_one_another_share_a_row() -> None:
    assert page_html(page(figure(), figure(), "text", figure())).count('<div class="figures">') == 2


def test_wide_figure_takes_the_whole_row() -> None:
    assert 'class="wide"' in page_html(page(figure(width=10.0)))
    assert 'class="wide"' not in page_html(page(figure(width=6.0)))


def test_navigation_needs_four_sections() -> None:
    assert "<nav>" not in page_html(page(sections=3))
    assert '<a href="#part-4">Part 3</a>' in page_html(page(sections=4))


def test_colours_follow_the_paper() -> None:
    svg = inline_svg(figure(), prefix="p")
    assert "var(--f-blue, #0072b2)" in svg
    assert not re.search(r": #0072b2", svg)


def test_pixels_keep_their_paper() -> None:
    text = page_html(page(figure(raster=True)))
    assert "plate" in re.findall(r'<figure class="([^"]*)"', text)[0]
    assert "var(--f-blue" not in text.partition("<figure")[2]


def test_stylesheet_knows_every_colour_in_light_dark_and_print() -> None:
    style = page_html(page()).partition("<style>")[2].partition("</style>")[0]
    assert {variable: style.count(f"{variable}:") for variable in COLOURS.values()} == dict.fromkeys(
        COLOURS.values(), 3
    )


def test_svg_says_its_headline_to_a_screen_reader() -> None:
    assert 'aria-label="Two lines"' in page_html(page(figure("Two\nlines")))


def test_drawing_leaves_settings_alone() -> None:
    before = dict(mpl.rcParams)
    inline_svg(figure(), prefix="p")
    assert dict(mpl.rcParams) == before


def test_markdown_of_a_whole_page() -> None:
    parts: tuple[Part, ...] = (
        "a_b and _c_ *d*",
        Facts(items=(("seed", "1"),)),
        Caution(text="careful"),
        Code(text="python x.py"),
        table(1),
        figure("What it shows"),
    )
    assert page_markdown(Page(title="T", lead="L.", sections=(Section(title="S", parts=parts),), footer="F")) == (
        "# T\n\nL.\n\n## S\n\na_b and \\_c\\_ \\*d\\*\n\n- seed: 1\n\n> careful\n\n```\npython x.py\n```\n\n"
        "**scores** same rows\n\n| symbol | gain |\n| :--- | ---: |\n| S0 | -0.50 |\n| all | – |\n\n"
        "*Figure: What it shows (drawn on the HTML page)*\n\n---\n\nF\n"
    )

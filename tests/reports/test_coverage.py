"""Who has data when: what the table and the picture of a universe say."""

import math
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from multisymbol.markets.io.quality import FileFinding
from multisymbol.markets.time import DAY, HOUR, Instants, Timeframe, instant
from multisymbol.reports.coverage import SymbolCoverage, coverage_figure, coverage_table, filled
from multisymbol.reports.figures.canvas import RED
from multisymbol.reports.tables.table import to_csv

HOURLY = Timeframe.parse("1h")


def hours(start: str, end: str) -> Instants:
    return np.arange(instant(start), instant(end), HOUR)


def finding(key: str, policy: Any = "keep", *, count: int = 2, at: tuple[str, ...] = ("2018-06-01",)) -> FileFinding:
    return FileFinding(
        key=key, kind=key or "wrong timeframe", policy=policy, count=count, at=np.array([instant(text) for text in at])
    )


def coverage(symbol: str, start: str = "2014-01-01", end: str = "2020-01-01", **changes: Any) -> SymbolCoverage:
    opened_at = hours(start, end)
    facts: dict[str, Any] = {
        "asset_class": "crypto",
        "calendar": "24/7",
        "opened_at": opened_at,
        "bars": len(opened_at),
        "segments": 1,
        "findings": (),
    }
    return SymbolCoverage(symbol=symbol, **{**facts, **changes})


UNIVERSE = (
    coverage("BTC", findings=(finding("wick"), finding("gap", count=30))),
    coverage("LATE", start="2018-01-01"),
    coverage("ETH"),
    coverage("GONE", end="2019-01-01", asset_class="metal"),
    coverage("BAD", bars=None, segments=None, findings=(finding("duplicate", "raise"), finding("", "raise", count=0))),
    coverage("NONE", bars=None, segments=None, opened_at=np.empty(0, dtype=np.int64)),
)


def test_table_has_a_column_for_each_kind_of_defect_with_its_policy() -> None:
    table = coverage_table(UNIVERSE)
    assert [column.name for column in table.columns][6:] == [
        "duplicate refused",
        "wick kept",
        "gap kept",
        "other refused",
    ]
    assert table.rows[0][6:] == pytest.approx((math.nan, 2, 30, math.nan), nan_ok=True)
    assert table.rows[4][6:] == pytest.approx((2, math.nan, math.nan, 1), nan_ok=True)
    assert [column.key for column in coverage_table(UNIVERSE[:4]).columns][6:] == ["wick", "gap"]


def test_start_and_end_far_from_the_others_are_marked() -> None:
    marks = {row[0]: (row[3], row[4]) for row in coverage_table(UNIVERSE).rows}
    assert marks["BTC"] == ("2014-01-01", "2019-12-31")
    assert marks["LATE"] == ("2018-01-01 late", "2019-12-31")
    assert marks["GONE"] == ("2014-01-01", "2018-12-31 early")
    assert marks["NONE"] == ("–", "–")


def test_table_is_written_with_its_keys() -> None:
    assert to_csv(coverage_table(UNIVERSE)).splitlines()[0] == (
        "symbol,asset_class,bars,first,last,segments,duplicate,wick,gap,other"
    )


def texts(figure: Figure) -> list[str]:
    axes = figure.axes[0]
    return [text.get_text() for text in axes.texts]


def test_picture_says_when_all_have_bars_together() -> None:
    figure = coverage_figure(UNIVERSE, timeframe=HOURLY)
    title = figure.axes[0].get_title(loc="left").strip()
    assert title == "5 symbols have bars between 2014-01-01 and 2019-12-31, all at once from 2018-01-01 to 2018-12-31"
    apart = (coverage("OLD", end="2015-01-01"), coverage("NEW", start="2016-01-01"))
    assert (
        coverage_figure(apart, timeframe=HOURLY).axes[0].get_title(loc="left").strip().endswith(", never all at once")
    )
    alone = coverage_figure(UNIVERSE[:1], timeframe=HOURLY).axes[0].get_title(loc="left").strip()
    assert alone == "BTC has bars from 2014-01-01 to 2019-12-31"


def test_lines_are_grouped_by_class_and_name_bars_and_defects() -> None:
    figure = coverage_figure(UNIVERSE, timeframe=HOURLY)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["BTC", "ETH", "BAD", "LATE", "NONE", "GONE"]
    said = texts(figure)
    assert f"{len(UNIVERSE[0].opened_at):,}" in said
    assert "wick 2 · missing 30" in said
    assert said.count("refused") == 2
    assert "2018-01" in said
    assert "2018-12" in said
    assert {"crypto", "metal"} <= set(said)


def test_rows_that_are_refused_are_red() -> None:
    axes = coverage_figure(UNIVERSE, timeframe=HOURLY).axes[0]
    ticks = [each for each in axes.collections if isinstance(each, LineCollection)]
    red = [each for each in ticks if to_hex(np.asarray(each.get_color())[0]) == RED.lower()]
    assert len(red) == 2
    days = red[0].get_segments()[0][0][0]
    assert days == instant("2018-06-01") / DAY


def test_share_is_of_the_bars_that_the_calendar_has() -> None:
    edges = np.array([instant(text) for text in ("2018-01-01", "2018-01-08", "2018-01-15", "2018-01-22")])
    rows = np.concatenate([hours("2018-01-01", "2018-01-08"), hours("2018-01-08", "2018-01-10")])
    assert filled(rows, edges=edges, calendar="24/7", timeframe=HOURLY).tolist() == [1.0, 2 / 7, 0.0]
    # a stock's five sessions of seven bars: 35, of which 7 are there; Martin Luther King's day in the third week
    monday = instant("2018-01-08T14:00Z") + np.arange(7) * HOUR
    share = filled(monday, edges=edges, calendar="XNYS", timeframe=HOURLY)
    assert share.tolist() == [0.0, 7 / 35, 0.0]


def test_hole_of_a_year_is_not_painted() -> None:
    rows = np.concatenate([hours("2014-01-01", "2016-01-01"), hours("2017-01-01", "2020-01-01")])
    axes = coverage_figure((coverage("BTC", opened_at=rows),), timeframe=HOURLY).axes[0]
    depth = np.asarray(axes.images[0].get_array())[0, :, 3]
    empty = np.flatnonzero(depth == 0)
    assert len(empty) == pytest.approx(len(depth) / 6, abs=2)
    assert (np.diff(empty) == 1).all()


def test_histories_of_hours_and_single_bars_are_drawn() -> None:
    short = coverage("BTC", start="2018-01-01", end="2018-01-01T05:00Z")
    single = coverage("ONE", opened_at=hours("2018-01-01", "2018-01-01T01:00Z"), bars=1)
    for drawn, bars in ((short, "5"), (single, "1")):
        figure = coverage_figure((drawn,), timeframe=HOURLY)
        (painted,) = figure.axes[0].images
        assert (np.asarray(painted.get_array())[..., 3] > 0).any(), "what is there is painted"
        assert bars in texts(figure)


def test_no_window_is_opened() -> None:
    coverage_figure(UNIVERSE, timeframe=HOURLY)
    assert pyplot.get_fignums() == []

"""Pictures of a backtest: pure functions of arrays that return a Figure; saving is the caller's.

Every array over bars is on the same n bars, `closed_at` in UTC nanoseconds, ascending. Money is in one currency.
"""

# n bars, k trades, m months, s symbols

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from multisymbol.arrays import Codes, Floats, Ints
from multisymbol.markets.time import DAY, Instants, iso
from multisymbol.reports.figures.canvas import (
    BLUE,
    FAINT,
    GREY,
    INK,
    ORANGE,
    RED,
    SMALL,
    beside,
    canvas,
    dated,
    days,
    headline,
    legend,
    lines,
    name_rows,
    percent,
    plain_number,
    say,
    thinned,
)

_LOG_FROM = 4.0
"""Times by which the highest growth exceeds the lowest from which equal ratios, not differences, are equal heights."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, kw_only=True, slots=True)
class TradeMarks:
    """What is drawn of k trades, in the order of their entries. Shape (k,) each."""

    entry_row: Ints  # bar of the entry; likewise `exit_row`
    exit_row: Ints  # bar of the exit
    side: Codes  # 1 long, -1 short
    entry_price: Floats  # filled at; likewise `exit_price`
    exit_price: Floats
    net: Floats  # profit after costs

    def __post_init__(self) -> None:
        assert len({getattr(self, each.name).shape for each in fields(self)}) == 1, "one value per trade"

    def __len__(self) -> int:
        return len(self.entry_row)

    def last(self, most: int) -> "TradeMarks":
        """Return the last ones alone."""
        kept = slice(max(len(self) - most, 0), None)
        return TradeMarks(**{each.name: getattr(self, each.name)[kept] for each in fields(self)})


@dataclass(frozen=True, kw_only=True, slots=True)
class MonthlyReturns:
    """Growth of an equity, month by month. Shape (m,)."""

    month: Ints  # months since January 1970, ascending, without holes
    value: Floats  # share won in the month; 0 in one without bars, NaN from where nothing is left


def equity_figure(
    closed_at: Instants, *, equity: Floats, buy_and_hold: Floats | None, capital: float, name: str
) -> Figure:
    """Show what the capital became, beside holding (None: left out), and below how far both were from their peaks.

    `equity` is after costs, at each close, shape (n,); NaN is a hole. `capital` is that before the first bar.
    """
    curves = {name: (equity / capital, BLUE)}
    if buy_and_hold is not None:
        curves["buy and hold"] = (buy_and_hold / capital, GREY)
    figure, (upper, lower) = canvas(height=4.4, panels=(2.4, 1.0))
    for growth, colour in reversed(curves.values()):
        _draw_line(upper, closed_at, growth, color=colour, linewidth=1.2)
        _draw_line(lower, closed_at, 100 * drawdown(growth), color=colour, linewidth=1.2)
    own = drawdown(equity / capital)
    lower.fill_between(days(closed_at)[(kept := thinned(own))], 100 * own[kept], color=BLUE, alpha=0.15, linewidth=0)
    upper.axhline(1, color=FAINT, linewidth=0.8, zorder=0)
    _scale_growth(upper, [growth for growth, _ in curves.values()])
    lines(upper, of="y")
    lines(lower, of="y")
    upper.set_ylabel("times the capital")
    lower.set_ylabel("drawdown, %")
    dated(lower)
    totals = [percent(_last(growth) - 1) for growth, _ in curves.values()]
    worst = [percent(float(np.fmin.reduce(drawdown(growth)))) for growth, _ in curves.values()]
    against = f", {totals[1]} by holding" if len(totals) > 1 else ""
    span = f"{iso(int(closed_at[0]))[:10]} to {iso(int(closed_at[-1]))[:10]}"
    facts = f"deepest loss from a peak {' against '.join(worst)} · {span}"
    say(upper, f"{plain_number(name)}: {totals[0]} after costs{against}", facts=facts)
    legend(figure, [Line2D([], [], color=colour, label=plain_number(label)) for label, (_, colour) in curves.items()])
    return figure


def drawdown(growth: Floats) -> Floats:
    """Return the share lost since the highest point so far, the start counting as 1; never above 0. Shape (n,).

    NaN stays NaN and is no peak.
    """
    peak = np.maximum(np.fmax.accumulate(growth), 1.0) if len(growth) else growth
    lost: Floats = growth / peak - 1
    return lost


def monthly_returns(closed_at: Instants, *, equity: Floats, capital: float) -> MonthlyReturns:
    """Cut an equity (finite, shape (n,)) into calendar months of UTC.

    A bar that closes on the stroke of midnight ends the month before; `capital` is that at the start.
    """
    of_bar = (closed_at - 1).astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
    month = np.arange(of_bar[0], of_bar[-1] + 1)
    ends = equity[np.searchsorted(of_bar, month, side="right") - 1]
    starts = np.concatenate([[capital], ends[:-1]])
    alive = np.minimum.accumulate(starts) > 0
    value = np.where(alive, ends / np.where(alive, starts, 1.0) - 1, np.nan)
    return MonthlyReturns(month=month, value=value)


def months_figure(closed_at: Instants, *, equity: Floats, capital: float) -> Figure:
    """Show the return of each calendar month, years below one another, and of each year: see `monthly_returns`."""
    months = monthly_returns(closed_at, equity=equity, capital=capital)
    year, place = 1970 + months.month // 12, months.month % 12
    years = np.unique(year)
    figure, (axes,) = canvas(height=1.15 + 0.27 * len(years))
    of_year = np.array([np.prod(1 + months.value[year == each]) - 1 for each in years])
    _draw_cells(axes, place.astype(np.float64), year - years[0], months.value)
    _draw_cells(axes, np.full(len(years), 12.4), np.arange(len(years)), of_year)
    name_rows(axes, [str(each) for each in years])
    axes.set_xlim(-0.5, 12.95)
    axes.set_xticks([*range(12), 12.4], [*_MONTHS, "year"])
    axes.tick_params(axis="x", length=0, labeltop=True, labelbottom=False)
    axes.spines["bottom"].set_visible(False)
    won, counted = int((months.value > 0).sum()), int(np.isfinite(months.value).sum())
    best, worst = percent(np.nanmax(months.value)), percent(np.nanmin(months.value))
    headline(figure, f"{won} of {counted} months won: best {best}, worst {worst}  (cells in %)")
    return figure


def trades_figure(closed_at: Instants, *, close: Floats, trades: TradeMarks, most: int = 60) -> Figure:
    """Show trades on the price; of many the last `most`, and below how many were entered when."""
    many = len(trades) > most
    figure, panels = canvas(height=4.6 if many else 3.4, panels=(2.6, 1.0) if many else (1.0,), one_axis=False)
    shown = trades.last(most)
    first, last = _around(shown, bars=len(close))
    within = slice(first, last + 1)
    _draw_line(panels[0], closed_at[within], close[within], color=GREY, linewidth=0.9, zorder=1)
    _draw_trades(panels[0], closed_at, shown)
    dated(panels[0])
    panels[0].set_ylabel("price")
    lines(panels[0], of="y")
    if many:
        _draw_density(panels[1], closed_at, trades, shown=(closed_at[first], closed_at[last]))
    say(panels[0], _trades_title(trades, shown), facts=_trades_facts(trades))
    marks = (("long, won", BLUE, "^"), ("short, won", BLUE, "v"), ("lost", ORANGE, "^"), ("exit", INK, "o"))
    legend(figure, [_mark(label, marker, color=colour, markersize=5) for label, colour, marker in marks])
    return figure


def cost_figure(multiple: Floats, *, net_return: Floats) -> Figure:
    """Show what is left of the return at several multiples of the assumed costs, ascending. Shape (c,) each, c >= 1."""
    figure, (axes,) = canvas(height=2.7)
    places = np.arange(len(multiple))
    axes.bar(places, 100 * net_return, width=0.62, color=[BLUE if won >= 0 else RED for won in net_return])
    for place, won in zip(places, net_return, strict=True):
        offset, va = ((0, 3), "bottom") if won >= 0 else ((0, -3), "top")
        look: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "fontsize": SMALL, "color": INK}
        axes.annotate(percent(won), (place, 100 * won), offset, va=va, **look)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.margins(y=0.16)
    axes.set_xticks(places, [f"{each:g}×" for each in multiple])
    axes.set_xlabel("times the assumed costs")
    axes.set_ylabel("return, %")
    axes.tick_params(axis="x", length=0)
    say(axes, _cost_title(multiple, net_return))
    return figure


def break_even(multiple: Floats, *, net_return: Floats) -> float:
    """Return the first multiple of the costs at which nothing is won, by a straight line; NaN where none is."""
    crossing = np.flatnonzero((net_return[:-1] > 0) & (net_return[1:] <= 0))
    if crossing.size == 0:
        return float("nan")
    at = int(crossing[0])
    part = net_return[at] / (net_return[at] - net_return[at + 1])
    return float(multiple[at] + part * (multiple[at + 1] - multiple[at]))


def symbols_figure(symbols: Sequence[str], *, net_return: Floats, gross_return: Floats, buy_and_hold: Floats) -> Figure:
    """Show the return of each symbol (s >= 1, from top to bottom) after costs, before them, and of holding it.

    All are shares won, shape (s,); NaN: not run.
    """
    figure, (axes,) = canvas(height=1.3 + 0.25 * len(symbols))
    rows = np.arange(len(symbols))
    net, gross, held = (100 * each for each in (net_return, gross_return, buy_and_hold))
    axes.barh(rows, net, height=0.56, color=[BLUE if won >= 0 else RED for won in net])
    axes.plot(gross, rows, linestyle="", marker="D", markersize=4, markerfacecolor="none", markeredgecolor=INK)
    axes.plot(held, rows, linestyle="", marker="|", markersize=13, markeredgewidth=1.6, color=INK)
    for row, won in enumerate(net_return):
        beside(axes, percent(won) if np.isfinite(won) else "not run", row=row)
    axes.axvline(0, color=INK, linewidth=0.8)
    name_rows(axes, symbols)
    axes.set_xlabel("return over the whole span, %")
    lines(axes, of="x")
    won, better = int((net > 0).sum()), int((net > held).sum())
    say(axes, f"After costs {won} of {len(symbols)} symbols won, {better} more than by holding")
    legend(
        figure,
        [
            Patch(color=BLUE, label="after costs"),
            _mark("before", "D", markersize=4, markerfacecolor="none", color=INK),
            _mark("holding", "|", markersize=9, markeredgewidth=1.6, color=INK),
        ],
    )
    return figure


def _draw_line(axes: Axes, closed_at: Instants, values: Floats, **look: Any) -> None:
    kept = thinned(values)
    axes.plot(days(closed_at)[kept], values[kept], **look)


def _scale_growth(axes: Axes, curves: Sequence[Floats]) -> None:
    values = np.concatenate(curves)
    low, high = np.nanmin(values), np.nanmax(values)
    if low > 0 and high / low > _LOG_FROM:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _last(growth: Floats) -> float:
    known = growth[np.isfinite(growth)]
    return float(known[-1]) if known.size else float("nan")


def _draw_cells(axes: Axes, column: Floats, row: Ints, value: Floats) -> None:
    """Draw one cell per value: its colour says won or lost, its depth how much. NaN is drawn as a dash."""
    size = np.abs(value[np.isfinite(value)])
    full = max(float(np.quantile(size, 0.95)) if size.size else 0.0, 1e-12)
    cells = [Rectangle((x - 0.47, y - 0.44), 0.94, 0.88) for x, y in zip(column, row, strict=True)]
    depth = np.nan_to_num(np.minimum(np.abs(value) / full, 1.0) * 0.6)
    collection = PatchCollection(cells, linewidth=0)
    collection.set_facecolor([(BLUE if v >= 0 else ORANGE, d) for v, d in zip(value, depth, strict=True)])
    axes.add_collection(collection)
    for x, y, v in zip(column, row, value, strict=True):
        text = percent(v).removesuffix(" %").lstrip("+")
        axes.text(x, y, text, ha="center", va="center", fontsize=7, color=INK)


def _around(trades: TradeMarks, *, bars: int) -> tuple[int, int]:
    """Return the first and the last row of the trades with a margin; all rows where there is no trade."""
    if len(trades) == 0:
        return 0, bars - 1
    first, last = int(trades.entry_row.min()), int(trades.exit_row.max())
    margin = max((last - first) // 12, 10)
    return max(first - margin, 0), min(last + margin, bars - 1)


def _draw_trades(axes: Axes, closed_at: Instants, trades: TradeMarks) -> None:
    """Join each entry to its exit; the entry's mark points the way the position looks."""
    at = days(closed_at)
    entry, leave = at[trades.entry_row], at[trades.exit_row]
    won = trades.net > 0
    ends = np.stack([[entry, leave], [trades.entry_price, trades.exit_price]]).T
    colours = [BLUE if each else ORANGE for each in won]
    axes.add_collection(LineCollection(list(ends), colors=colours, linewidths=1.4, zorder=2))
    for side, marker in ((1, "^"), (-1, "v")):
        for outcome, colour in ((True, BLUE), (False, ORANGE)):
            of = (np.sign(trades.side) == side) & (won == outcome)
            axes.plot(entry[of], trades.entry_price[of], marker, markersize=5, color=colour, zorder=3)
    axes.plot(leave, trades.exit_price, "o", markersize=3, color=INK, zorder=3)


def _draw_density(axes: Axes, closed_at: Instants, trades: TradeMarks, *, shown: tuple[np.int64, np.int64]) -> None:
    """Count entries in equal stretches of time: long ones upwards, short ones downwards."""
    edges = np.linspace(closed_at[0], closed_at[-1], 73)
    at = closed_at[trades.entry_row]
    width = (edges[1] - edges[0]) / DAY
    for side in (1, -1):
        counts = side * np.histogram(at[np.sign(trades.side) == side], bins=edges)[0]
        axes.bar(edges[:-1] / DAY, counts, width=0.9 * width, align="edge", color=GREY)
    axes.axvspan(float(shown[0]) / DAY, float(shown[1]) / DAY, color=BLUE, alpha=0.15, linewidth=0)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):g}"))
    axes.set_ylabel("short   long", fontsize=SMALL)
    axes.set_title("entries, all trades (shaded: shown above)", loc="left", fontsize=SMALL, color=INK)
    dated(axes)


def _trades_title(trades: TradeMarks, shown: TradeMarks) -> str:
    if len(trades) == 0:
        return "No trade was made"
    won = int((trades.net > 0).sum())
    which = f", the last {len(shown)} shown" if len(shown) < len(trades) else ""
    return f"{won:,} of {len(trades):,} trades won after costs{which}"


def _trades_facts(trades: TradeMarks) -> str:
    if len(trades) == 0:
        return ""
    longs, held = int((trades.side > 0).sum()), np.median(trades.exit_row - trades.entry_row)
    return f"{longs:,} long, {len(trades) - longs:,} short · held {held:,.0f} bars in the median"


def _mark(label: str, marker: str, **look: Any) -> Line2D:
    """Make an entry of a legend: a mark without a line."""
    return Line2D([], [], linestyle="", marker=marker, label=label, **look)


def _cost_title(multiple: Floats, net_return: Floats) -> str:
    at = break_even(multiple, net_return=net_return)
    if np.isfinite(at):
        return f"Nothing is left at {at:.1f} times the assumed costs"
    if (net_return <= 0).all():
        return "Nothing is won, even at the lowest costs shown"
    return f"Still won at {multiple[-1]:g} times the assumed costs"

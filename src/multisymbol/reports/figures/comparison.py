"""Figures of a comparison of two arms: pure functions of arrays that return a Figure; the caller saves it.

An effect is the loss of the second arm less that of the first, in nats: above 0 the first arm is better.
"""

# s symbols, n instants, f folds, r seeds

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Polygon
from matplotlib.ticker import FuncFormatter, NullLocator
from scipy.stats import spearmanr

from multisymbol.arrays import Flags, Floats, Ints
from multisymbol.markets.time import Instants, iso
from multisymbol.reports.figures.canvas import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    RED,
    beside,
    canvas,
    dated,
    days,
    legend,
    lines,
    name_rows,
    plain_number,
    say,
    signed,
    thinned,
)
from multisymbol.reports.figures.training import PART_COLOURS

_Style: TypeAlias = Literal["-", "--", ":"]

_Z = 1.959964
"""97.5 % quantile of the normal distribution."""
_SERIES = (BLUE, ORANGE, GREEN, PURPLE, RED, GREY)
_STYLES: tuple[_Style, ...] = ("-", "--", ":")
"""Colours repeat after six series, with another dash."""
_NAMED = 14
"""Largest number of points that a scatter plot names; more would overlap."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EffectSeries:
    """Effects of s rows with both ends of their intervals; NaN where there is none. Shape (s,) each."""

    value: Floats
    low: Floats
    high: Floats

    def __post_init__(self) -> None:
        assert self.value.shape == self.low.shape == self.high.shape, "an interval per effect"


def forest_figure(
    symbols: Sequence[str],
    *,
    effects: EffectSeries,
    band: EffectSeries | None,
    pooled: EffectSeries,
    verdicts: Sequence[str],
    smallest: float,
    arms: tuple[str, str],
) -> Figure:
    """Show the effect of each symbol and of all together, with intervals, in front of the surrogate band.

    Args:
        symbols: Names from top to bottom, s >= 1.
        effects: Effect of each symbol. Shape (s,).
        band: 5 % and 95 % quantiles of surrogate markets as low and high, value not drawn; the last row is that of all
            symbols together. Shape (s + 1,).
        pooled: Effect of all symbols together. Shape (1,).
        verdicts: Text at the right end of each row; the last one for all symbols together. Length s + 1.
        smallest: Smallest effect of interest, above 0; the range +-smallest is shaded.
        arms: Names of the first and the second arm.
    """
    rows = len(symbols) + 1
    figure, (axes,) = canvas(height=1.55 + 0.27 * rows)
    axes.axvspan(-smallest, smallest, color=FAINT, alpha=0.22, linewidth=0, zorder=0)
    axes.axvline(0, color=INK, linewidth=0.9, zorder=1)
    axes.axvline(pooled.value[0], color=BLUE, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    if band is not None:
        axes.barh(range(rows), band.high - band.low, left=band.low, height=0.62, color=ORANGE, alpha=0.4, zorder=2)
    for row in range(len(symbols)):
        _draw_effect(axes, effects, row=row)
    _draw_diamond(axes, pooled, row=rows - 1)
    axes.axhline(rows - 1.5, color=FAINT, linewidth=0.8)
    name_rows(axes, [*symbols, "all"])
    for row, text in enumerate(verdicts):
        beside(axes, text, row=row)
    axes.set_xlabel(plain_number(f"← {arms[1]} better     effect on log-loss, nats     {arms[0]} better →"))
    axes.xaxis.set_major_formatter(_NATS)
    say(axes, _forest_title(effects, band, arms=arms), facts=_forest_facts(pooled, band))
    legend(figure, _forest_handles(with_band=band is not None))
    return figure


def effect_over_time_figure(
    decided_at: Instants, *, effect: Floats, fold: Ints, names: Sequence[str], lag: int
) -> Figure:
    """Show the cumulative mean effect within each fold, with a band of 1.96 standard errors.

    `decided_at` (UTC nanoseconds, ascending within each fold), `effect` over all symbols and seeds and `fold`, an index
    into `names`: shape (n,). `lag` is the number of neighbours that an effect overlaps.
    """
    figure, (axes,) = canvas(height=3.4)
    ends, reach = [], []
    for place, name in enumerate(names):
        rows = np.flatnonzero(fold == place)
        mean, error = cumulative_mean(effect[rows], lag=lag)
        settled = slice(min(3 * max(lag, 1), len(rows) // 3), None)
        _draw_path(axes, decided_at[rows][settled], mean[settled], _Z * error[settled], place=place)
        ends.append(Line2D([], [], color=_colour(place), linestyle=_style(place), label=plain_number(name)))
        reach += [mean[settled] - 1.3 * _Z * error[settled], mean[settled] + 1.3 * _Z * error[settled]]
    axes.axhline(0, color=INK, linewidth=0.9)
    middle = np.concatenate([np.zeros(1), *reach])
    axes.set_ylim(*np.quantile(middle[np.isfinite(middle)], [0.02, 0.98]))
    axes.set_ylabel("cumulative mean effect, nats")
    axes.yaxis.set_major_formatter(_NATS)
    lines(axes, of="y")
    dated(axes)
    last = [float(np.mean(effect[fold == place])) for place in range(len(names))]
    above = sum(each > 0 for each in last)
    facts = f"band: 1.96 standard errors at lag {lag:,}; the first instants of a fold are left out"
    say(axes, f"The mean effect ends above 0 in {above} of {len(names)} folds", facts=facts)
    legend(figure, ends[:8])
    return figure


def cumulative_mean(effect: Floats, *, lag: int) -> tuple[Floats, Floats]:
    """Return the cumulative mean of effects in order of time, and its standard error at `lag`. Shape (n,) each.

    The long-run variance of all of them has Bartlett's weights (Newey and West 1987, eq. 5), so it is never negative.
    """
    count = np.arange(1, len(effect) + 1)
    mean: Floats = np.cumsum(effect) / count
    centred = effect - effect.mean() if len(effect) else effect
    weights = [1 - k / (lag + 1) for k in range(1, min(lag, len(effect) - 1) + 1)]
    covariances = [float(centred[k:] @ centred[:-k]) for k in range(1, len(weights) + 1)]
    total = float(centred @ centred) + 2 * sum(w * c for w, c in zip(weights, covariances, strict=True))
    return mean, np.sqrt(max(total, 0.0) / max(len(effect), 1) / count)


def folds_figure(names: Sequence[str], *, cuts: Instants) -> Figure:
    """Show when each fold trains, validates and tests.

    `cuts`: start of training, validation and test, and end of the test, ascending, UTC nanoseconds. Shape (f, 4).
    """
    figure, (axes,) = canvas(height=1.45 + 0.27 * len(names))
    colours = {part: PART_COLOURS[part] for part in ("train", "validation", "test")}
    for row, edges in enumerate(days(cuts)):
        spans = list(zip(edges[:-1], np.diff(edges), strict=True))
        axes.broken_barh(spans, (row - 0.3, 0.6), facecolors=list(colours.values()), linewidth=0)
    name_rows(axes, names)
    dated(axes)
    first, last = (iso(int(at))[:10] for at in (cuts[:, 2].min(), cuts[:, 3].max()))
    say(axes, f"{len(names)} fold{'s' if len(names) > 1 else ''}, tested from {first} to {last}")
    legend(figure, colours)
    return figure


def pooling_figure(symbols: Sequence[str], *, history: Ints, effects: EffectSeries, groups: Sequence[str]) -> Figure:
    """Show the effect of each symbol against the length of its own history, asset classes by colour and marker.

    `history`: training samples of each symbol, 1 or more. Shape (s,).
    """
    figure, (axes,) = canvas(height=3.4)
    kinds = list(dict.fromkeys(groups))
    for place, kind in enumerate(kinds):
        of = np.array([group == kind for group in groups])
        _draw_points(axes, history[of], effects, of=of, place=place)
    axes.axhline(0, color=INK, linewidth=0.9)
    _count_axis(axes, history)
    lines(axes, of="y")
    axes.set_ylabel("effect, nats")
    axes.yaxis.set_major_formatter(_NATS)
    if len(symbols) <= _NAMED:
        for name, x, y in zip(symbols, history, effects.value, strict=True):
            axes.annotate(plain_number(name), (x, y), (5, 4), textcoords="offset points", fontsize=7, color=INK)
    known = np.isfinite(effects.value)
    tau = rank_correlation(history[known].astype(np.float64), effects.value[known])
    correlation = "" if math.isnan(tau) else f"rank correlation {signed(tau, '+.2f')} · "
    facts = f"{correlation}one point per symbol, with its interval"
    say(axes, f"Gain from pooling against own history, {int(known.sum())} symbols", facts=facts)
    handles = [
        Line2D([], [], linestyle="", marker=_marker(i), color=_colour(i), label=plain_number(k))
        for i, k in enumerate(kinds)
    ]
    legend(figure, handles)
    return figure


def rank_correlation(first: Floats, second: Floats) -> float:
    """Return Spearman's rank correlation with mean ranks for ties; NaN below three pairs or if either is constant."""
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return math.nan
    return float(spearmanr(first, second).statistic)


def seed_figure(symbols: Sequence[str], *, effect: Floats, pooled: Floats) -> Figure:
    """Show how the effect of each symbol (shape (s, r), NaN: not run), and of all together, varies between r seeds."""
    values = np.concatenate([effect, pooled[None]])
    figure, (axes,) = canvas(height=1.35 + 0.25 * len(values))
    for row, of_seeds in enumerate(values):
        known = of_seeds[np.isfinite(of_seeds)]
        axes.plot(known, np.full(known.shape, row), "o", markersize=4, color=BLUE, alpha=0.55, markeredgewidth=0)
        if known.size:
            axes.plot([known.mean()], [row], "|", markersize=12, markeredgewidth=1.8, color=INK)
        beside(axes, f"±{known.std(ddof=1):.4f}" if known.size > 1 else "–", row=row)
    axes.axvline(0, color=INK, linewidth=0.9)
    axes.axhline(len(symbols) - 0.5, color=FAINT, linewidth=0.8)
    name_rows(axes, [*symbols, "all"])
    lines(axes, of="x")
    axes.xaxis.set_major_formatter(_NATS)
    axes.set_xlabel("effect, nats")
    signs = int(sum(len(set(np.sign(each[np.isfinite(each)]))) > 1 for each in effect))
    facts = "dot: one seed · tick: their mean · right: their standard deviation"
    say(axes, f"Effect changes sign between seeds for {signs} of {len(symbols)} symbols", facts=facts)
    return figure


_NATS = FuncFormatter(lambda value, _: signed(value, "+.3g") if abs(value) > 1e-12 else "0")


def _colour(place: int) -> str:
    return _SERIES[place % len(_SERIES)]


def _style(place: int) -> _Style:
    return _STYLES[place // len(_SERIES) % len(_STYLES)]


def _marker(place: int) -> str:
    return "osD^vP"[place % 6]


def _draw_effect(axes: Axes, effects: EffectSeries, *, row: int) -> None:
    value, low, high = (float(each[row]) for each in (effects.value, effects.low, effects.high))
    clear = low > 0 or high < 0
    axes.plot([low, high], [row, row], color=INK, linewidth=1.3, zorder=3)
    axes.plot([value], [row], "s", markersize=5.5, color=INK, markerfacecolor=INK if clear else "none", zorder=4)


def _draw_diamond(axes: Axes, pooled: EffectSeries, *, row: int) -> None:
    value, low, high = (float(each[0]) for each in (pooled.value, pooled.low, pooled.high))
    corners = [(low, row), (value, row - 0.3), (high, row), (value, row + 0.3)]
    axes.add_patch(Polygon(corners, closed=True, color=BLUE, linewidth=0, zorder=4))


def _forest_title(effects: EffectSeries, band: EffectSeries | None, *, arms: tuple[str, str]) -> str:
    """Count the intervals beyond 0 and, where it is known, beyond the surrogate band."""
    rows = len(effects.value)
    above = np.zeros(rows) if band is None else np.fmax(band.high[:rows], 0)
    below = np.zeros(rows) if band is None else np.fmin(band.low[:rows], 0)
    first, second = int((effects.low > above).sum()), int((effects.high < below).sum())
    where = "0" if band is None else "0 and the surrogate band"
    counts = f"{plain_number(arms[0])} {first}, {plain_number(arms[1])} {second}"
    return f"Effects beyond {where}: {counts}, neither {rows - first - second}"


def _forest_facts(pooled: EffectSeries, band: EffectSeries | None) -> str:
    value, low, high = (signed(float(each[0]), "+.4f") for each in (pooled.value, pooled.low, pooled.high))
    without = ""
    if band is not None:
        least, most = (signed(float(each[-1]), "+.4f") for each in (band.low, band.high))
        without = f" · surrogate band {least} to {most}"
    return f"all: {value} ({low} to {high}){without}"


def _forest_handles(*, with_band: bool) -> list[Line2D | Patch]:
    band = [Patch(color=ORANGE, alpha=0.4, label="surrogate band, 5–95 %")]
    return [
        Line2D([], [], color=INK, marker="s", markersize=5, label="effect, interval"),
        *(band if with_band else []),
        Patch(color=FAINT, alpha=0.22, label="below the smallest effect of interest"),
    ]


def _draw_path(axes: Axes, decided_at: Instants, mean: Floats, reach: Floats, *, place: int) -> None:
    kept = thinned(mean)
    at, mean, reach = days(decided_at)[kept], mean[kept], reach[kept]
    axes.fill_between(at, mean - reach, mean + reach, color=_colour(place), alpha=0.13, linewidth=0)
    axes.plot(at, mean, color=_colour(place), linestyle=_style(place), linewidth=1.3)


def _draw_points(axes: Axes, x: Ints, effects: EffectSeries, *, of: Flags, place: int) -> None:
    colour, value = _colour(place), effects.value[of]
    axes.vlines(x, effects.low[of], effects.high[of], color=colour, linewidth=1.0, alpha=0.6)
    axes.plot(x, value, linestyle="", marker=_marker(place), markersize=5, color=colour)


def _count_axis(axes: Axes, history: Ints) -> None:
    axes.set_xscale("log")
    axes.set_xlabel("training samples of the symbol")
    low, high = history.min() / 1.3, history.max() * 1.3
    bases = (1, 2, 5) if high < 300 * low else (1,)  # more would overlap
    ticks = [base * 10**power for power in range(12) for base in bases]
    axes.set_xticks([tick for tick in ticks if low <= tick <= high])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(low, high)

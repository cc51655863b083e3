import io

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from multisymbol.markets.time import DAY, HOUR, instant
from multisymbol.reports.figures.backtest import (
    TradeMarks,
    break_even,
    cost_figure,
    drawdown,
    equity_figure,
    monthly_returns,
    months_figure,
    symbols_figure,
    trades_figure,
)
from multisymbol.reports.figures.canvas import percent, signed, thinned

Floats = npt.NDArray[np.float64]
START = instant("2018-01-30T23:00Z")


def drawn(figure: Figure) -> Figure:
    """Draw it, as saving does: what cannot be drawn fails here."""
    figure.savefig(io.BytesIO(), format="png", dpi=30)
    return figure


def texts(axes: Axes) -> list[str]:
    return [each.get_text() for each in axes.texts] + [axes.get_title(loc="left")]


def trades(count: int, *, net: float = 1.0) -> TradeMarks:
    entry = 3 * np.arange(count)
    return TradeMarks(
        entry_row=entry,
        exit_row=entry + 2,
        side=np.where(np.arange(count) % 2, -1, 1).astype(np.int8),
        entry_price=np.full(count, 10.0),
        exit_price=np.full(count, 11.0),
        net=np.full(count, net),
    )


def clock(bars: int) -> npt.NDArray[np.int64]:
    return START + np.arange(1, bars + 1, dtype=np.int64) * HOUR


def test_drawdown_by_hand() -> None:
    growth = np.array([0.9, 1.2, 0.6, np.nan, 1.2, 1.5])
    assert drawdown(growth) == pytest.approx([-0.1, 0.0, -0.5, np.nan, 0.0, 0.0], nan_ok=True)


def test_month_ends_with_the_bar_that_closes_at_midnight() -> None:
    closed_at = np.array(
        [START, START + HOUR, instant("2018-02-01"), instant("2018-02-01T01:00Z"), instant("2018-03-05")]
    )
    months = monthly_returns(closed_at, equity=np.array([100.0, 110.0, 120.0, 60.0, 90.0]), capital=100.0)
    assert months.month.tolist() == [576, 577, 578]  # January, February, March 2018, since 1970
    assert months.value == pytest.approx([0.2, -0.5, 0.5])


def test_month_without_bars_wins_nothing() -> None:
    closed_at = np.array([instant("2018-01-05"), instant("2018-04-05")])
    months = monthly_returns(closed_at, equity=np.array([110.0, 121.0]), capital=100.0)
    assert months.value == pytest.approx([0.1, 0.0, 0.0, 0.1])


def test_nothing_is_said_of_months_after_ruin() -> None:
    closed_at = np.array([instant(f"2018-0{month}-05") for month in (1, 2, 3, 4)])
    months = monthly_returns(closed_at, equity=np.array([50.0, -10.0, 20.0, 40.0]), capital=100.0)
    assert months.value == pytest.approx([-0.5, -1.2, np.nan, np.nan], nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(arrays(np.float64, st.integers(1, 400), elements=st.floats(0.5, 2.0)))
def test_months_multiply_to_the_whole_return(steps: Floats) -> None:
    equity = 100.0 * np.exp(np.cumsum(np.log(steps) / 20))
    months = monthly_returns(START + DAY * np.arange(1, len(steps) + 1), equity=equity, capital=100.0)
    assert np.prod(1 + months.value) == pytest.approx(equity[-1] / 100.0)


def test_equity_says_its_return_beside_holding() -> None:
    figure = drawn(
        equity_figure(
            clock(3),
            equity=np.array([100.0, 90.0, 120.0]),
            buy_and_hold=np.array([100.0, 80.0, 110.0]),
            capital=100.0,
            name="$SPX$",
        )
    )
    said = " ".join(texts(figure.axes[0]))
    assert r"\$SPX\$: +20.0 % after costs, +10.0 % by holding" in said
    assert "−10.0 % against −20.0 %" in said


@pytest.mark.parametrize(("last", "scale"), [(390.0, "linear"), (410.0, "log"), (-5.0, "linear")])
def test_scale_is_of_ratios_where_growth_is_great(last: float, scale: str) -> None:
    figure = equity_figure(clock(2), equity=np.array([100.0, last]), buy_and_hold=None, capital=100.0, name="x")
    assert drawn(figure).axes[0].get_yscale() == scale


def test_long_curve_keeps_its_extremes() -> None:
    values = np.random.default_rng(0).normal(size=50_000)
    kept = thinned(values, most=400)
    assert len(kept) <= 404
    assert {int(values.argmin()), int(values.argmax()), 0, len(values) - 1} <= set(kept.tolist())
    assert (np.diff(kept) > 0).all()


def test_short_curve_keeps_every_point() -> None:
    assert thinned(np.zeros(10), most=10).tolist() == list(range(10))


def test_long_hole_stays_a_hole() -> None:
    values = np.concatenate([np.ones(5000), np.full(5000, np.nan), np.ones(5000)])
    assert np.isnan(values[thinned(values, most=200)]).sum() > 10


def test_each_month_has_its_cell_and_each_year_its_sum() -> None:
    closed_at = np.array([instant("2018-11-05"), instant("2018-12-05"), instant("2019-01-05")])
    figure = drawn(months_figure(closed_at, equity=np.array([110.0, 99.0, 108.9]), capital=100.0))
    assert [each.get_text() for each in figure.axes[0].texts] == ["10.0", "−10.0", "10.0", "−1.0", "10.0"]
    assert "2 of 3 months won" in figure.get_suptitle()


def test_few_trades_need_no_second_panel() -> None:
    figure = drawn(trades_figure(clock(400), close=np.full(400, 10.0), trades=trades(60)))
    assert len(figure.axes) == 1
    assert "60 of 60 trades won" in figure.axes[0].get_title(loc="left")


def test_of_many_trades_the_last_are_shown_and_all_are_counted() -> None:
    figure = drawn(trades_figure(clock(400), close=np.full(400, 10.0), trades=trades(100, net=-1.0), most=20))
    price, density = figure.axes
    assert "0 of 100 trades won after costs, the last 20 shown" in price.get_title(loc="left")
    assert price.get_xlim()[0] * DAY > clock(400)[200]
    assert sum(abs(bar.get_height()) for bar in density.patches[:144]) == 100  # type: ignore[attr-defined]


def test_no_trade_is_said() -> None:
    figure = drawn(trades_figure(clock(5), close=np.arange(5.0), trades=trades(0)))
    assert figure.axes[0].get_title(loc="left").startswith("No trade was made")


def test_trades_with_unequal_fields_are_refused() -> None:
    with pytest.raises(AssertionError, match="one value per trade"):
        TradeMarks(
            entry_row=np.array([1]),
            exit_row=np.array([2]),
            side=np.array([1], np.int8),
            entry_price=np.array([1.0]),
            exit_price=np.array([1.0]),
            net=np.zeros(2),
        )


def test_break_even_lies_on_the_straight_line() -> None:
    assert break_even(np.array([0.0, 1.0, 2.0, 4.0]), net_return=np.array([0.3, 0.2, 0.1, -0.1])) == pytest.approx(3.0)
    assert np.isnan(break_even(np.array([0.0, 1.0]), net_return=np.array([0.3, 0.1])))
    assert np.isnan(break_even(np.array([0.0, 1.0]), net_return=np.array([-0.3, -0.5])))


@pytest.mark.parametrize(
    ("returns", "said"),
    [
        ([0.2, -0.2], "Nothing is left at 0.5 times the assumed costs"),
        ([0.0, -0.2], "Nothing is won, even at the lowest costs shown"),
        ([0.2, 0.1], "Still won at 1 times the assumed costs"),
    ],
)
def test_costs_say_where_the_gain_ends(returns: list[float], said: str) -> None:
    figure = drawn(cost_figure(np.array([0.0, 1.0]), net_return=np.array(returns)))
    assert figure.axes[0].get_title(loc="left") == said


def test_symbol_that_was_not_run_says_so() -> None:
    figure = drawn(
        symbols_figure(
            ["A$", "B"],
            net_return=np.array([0.1, np.nan]),
            gross_return=np.array([0.2, np.nan]),
            buy_and_hold=np.array([0.05, 0.3]),
        )
    )
    assert texts(figure.axes[0]) == ["+10.0 %", "not run", "After costs 1 of 2 symbols won, 1 more than by holding"]


@pytest.mark.parametrize(("share", "text"), [(0.1234, "+12.3 %"), (-0.5, "−50.0 %"), (-0.0001, "0.0 %"), (np.nan, "–")])
def test_percent(share: float, text: str) -> None:
    assert percent(share) == text


def test_sign_is_kept_where_a_digit_is_left() -> None:
    assert [signed(-0.004, "+.2f"), signed(-0.006, "+.2f")] == ["0.00", "−0.01"]

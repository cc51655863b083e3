"""Tables of a backtest: results by symbol, costs, measures beside holding, money and models."""

import math
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter, itemgetter
from typing import NamedTuple

import numpy as np

from multisymbol.backtest.account import REASONS
from multisymbol.backtest.engine import FREE, Backtest, Traded
from multisymbol.backtest.performance import Against, Performance, against
from multisymbol.backtest.predictions import Predictor
from multisymbol.markets.time import DAY, NEVER, iso
from multisymbol.reports.figures.canvas import percent, signed
from multisymbol.reports.tables.table import ABSENT, RIGHT, Column, Table, column, tabulate

PORTFOLIO = "portfolio"


class Measure(NamedTuple):
    """One measure of a performance."""

    name: str  # attribute of `Performance`, and last part of the metric's name in MLflow
    heading: str  # its line in the table of measures; empty: not shown there
    text: Callable[[Performance], str] = str  # writes it
    logged: bool = True  # whether MLflow gets it
    each_symbol: bool = False  # whether MLflow gets it for each symbol and class too


def with_error(value: float, error: float, *, form: str = ".2f") -> str:
    """Write a ratio with its standard error; a dash where there is none."""
    return f"{signed(value, form)} ± {error:.2f}" if math.isfinite(value) else ABSENT


def _share(name: str, suffix: str = "") -> Callable[[Performance], str]:
    value = attrgetter(name)
    return lambda own: percent(value(own)).lstrip("+") + suffix


def _number(name: str, suffix: str = "") -> Callable[[Performance], str]:
    value = attrgetter(name)
    return lambda own: (signed(value(own), ".2f") if math.isfinite(value(own)) else ABSENT) + suffix


def _drawdown_days(own: Performance) -> str:
    if own.longest is None:
        return ABSENT
    ongoing = own.longest.recovered_at == NEVER
    ends = own.last_at if ongoing else own.longest.recovered_at
    return f"{(ends - own.longest.peak_at) / DAY:,.0f} days{', not recovered' if ongoing else ''}"


MEASURES = [
    Measure("total_return", "return", lambda own: percent(own.total_return), each_symbol=True),
    Measure("annual_return", "annual return", lambda own: percent(own.annual_return)),
    Measure("volatility", "annual volatility", _share("volatility")),
    Measure("sharpe", "Sharpe ratio", lambda own: with_error(own.sharpe, own.sharpe_error), each_symbol=True),
    Measure("sharpe_error", ""),
    Measure("sortino", "Sortino ratio", _number("sortino")),
    Measure("calmar", "Calmar ratio", _number("calmar")),
    Measure("max_drawdown", "maximum drawdown", _share("max_drawdown"), each_symbol=True),
    Measure("longest", "longest drawdown", _drawdown_days, logged=False),
    Measure("trades", "closed trades", lambda own: f"{own.trades:,}", each_symbol=True),
    Measure("hit_rate", "hit rate", _share("hit_rate")),
    Measure("profit_factor", "profit factor", _number("profit_factor")),
    Measure("exposure", "time in the market", _share("exposure")),
    Measure("mean_weight", "mean position", _share("mean_weight", " of equity"), logged=False),
    Measure("turnover", "annual turnover", lambda own: f"{own.turnover:,.1f} × equity"),
    Measure("net_profit", ""),
    Measure("cost_bps", "cost per side", _number("cost_bps", " bp")),
    Measure("break_even_bps", "break-even cost", _number("break_even_bps", " bp"), each_symbol=True),
]
"""Each measure once: its line in the table, and its metric in MLflow."""


def logged(own: Performance, prefix: str, *, each_symbol: bool = False) -> dict[str, float]:
    """Name the measures MLflow gets, all of them or those of a symbol or class."""
    names = [each.name for each in MEASURES if each.logged and (each.each_symbol or not each_symbol)]
    return {f"{prefix}/{name}": float(getattr(own, name)) for name in names}


class _Result(NamedTuple):
    symbol: str
    own: Performance
    held: Performance
    gross: float


def result_table(backtest: Backtest) -> Table:
    """Return a row per symbol, one per class where there are several, and the portfolio as total."""
    standing, held = backtest.standing, backtest.held
    rows = [
        _Result(symbol, own, held.by_symbol[symbol], gross_return(backtest.traded[symbol]))
        for symbol, own in standing.by_symbol.items()
    ]
    if len(standing.by_class) > 1:
        rows += [_Result(f"all {n}", own, held.by_class[n], math.nan) for n, own in standing.by_class.items()]
    free = backtest.at_costs.get(FREE)
    total = _Result(PORTFOLIO, standing.performance, held.performance, free.total_return if free else math.nan)
    return tabulate(
        titled("after costs", backtest),
        rows,
        column("symbol"),
        column("bars", ",d", of="own.bars", spare=4),
        column("net", "+.1%", key="net_return", of="own.total_return"),
        column("held", "+.1%", key="held_return", of="held.total_return"),
        column("before costs", "+.1%", key="gross_return", of="gross", spare=2),
        column("Sharpe", "+.2f", key="sharpe", of="own.sharpe"),
        column("±", ".2f", key="sharpe_error", of="own.sharpe_error"),
        column("drawdown", ".1%", key="max_drawdown", of="own.max_drawdown"),
        column("trades", ",d", of="own.trades"),
        column("hits", ".0%", key="hit_rate", of="own.hit_rate", spare=3),
        column("cost bp", ".1f", key="cost_bps", of="own.cost_bps", spare=1),
        column("break-even bp", "+.1f", key="break_even_bps", of="own.break_even_bps"),
        note="± standard error of the Sharpe ratio · held = bought and held · bp = per side of a trade",
        total=total if len(backtest.traded) > 1 else None,
    )


def cost_table(backtest: Backtest) -> Table:
    """Return what is left at each multiple of the assumed costs: a row per symbol, the portfolio as total."""
    multiples = list(backtest.at_costs)
    rows = [(symbol, *(total_return(each, one) for one in multiples)) for symbol, each in backtest.traded.items()]
    return tabulate(
        titled("return at several multiples of the assumed costs", backtest),
        rows,
        column("symbol", of=itemgetter(0)),
        *(column(f"{x:g}×", "+.1%", key=f"costs_{x:g}", of=itemgetter(i)) for i, x in enumerate(multiples, 1)),
        total=(PORTFOLIO, *(each.total_return for each in backtest.at_costs.values())) if len(rows) > 1 else None,
    )


def measure_table(backtest: Backtest) -> Table:
    """Return every measure of the portfolio beside those of holding."""
    own, held = backtest.standing.performance, backtest.held.performance
    return tabulate(
        titled("beside holding", backtest),
        [each for each in MEASURES if each.heading],
        column("measure", of="heading"),
        column("after costs", RIGHT, key="own", of=lambda each: each.text(own)),
        column("bought and held", RIGHT, key="held", of=lambda each: each.text(held)),
    )


def money_table(backtest: Backtest) -> Table:
    """Return where each symbol's money went, as shares of what its account started with."""

    def share(name: str) -> Column:
        amounts = attrgetter(f"account.trades.{name}")
        return column(name, "+.2%", of=lambda item: float(amounts(item[1]).sum()) / item[1].track.capital)

    return tabulate(
        titled("where the money went", backtest),
        backtest.traded.items(),
        column("symbol", of=itemgetter(0)),
        *map(share, ("gross", "commission", "spread", "slippage", "carry", "net")),
        note="shares of the initial capital of each account; gross - costs = net",
    )


class _Predicted(NamedTuple):
    symbol: str
    predictor: Predictor
    first: int
    bars: int
    predictions: int


def model_table(backtest: Backtest) -> Table:
    """Return which model predicted each symbol, from when on, and how often it gave a forecast."""
    known = ("never saw it", "trained on it")
    return tabulate(
        titled("models", backtest),
        (each for symbol, traded in backtest.traded.items() for each in _predicted(symbol, traded)),
        column("symbol"),
        column("model", of="predictor.name"),
        column("role", of="predictor.role"),
        column("symbol in training", of=lambda each: known[each.symbol in each.predictor.model.trained]),
        column("seen until", of=lambda each: iso(each.predictor.seen_until)),
        column("first asked", of=lambda each: iso(each.first)),
        column("bars", ",d"),
        column("forecasts", ",d", key="answers", of="predictions"),
    )


def _predicted(symbol: str, traded: Traded) -> Iterator[_Predicted]:
    predictions = traded.predictions
    for place, predictor in enumerate(predictions.predictors):
        asked = predictions.by == place
        if asked.any():
            outputs = predictions.outputs.reshape(len(asked), -1)[asked, 0]
            first = int(predictions.bars.closed_at[asked][0])
            yield _Predicted(symbol, predictor, first, int(asked.sum()), int(np.isfinite(outputs).sum()))


def reason_table(backtest: Backtest) -> Table:
    """Count why trades ended."""
    accounts = [each.account for each in backtest.traded.values()]
    counts = np.sum([np.bincount(each.trades.reason, minlength=len(REASONS)) for each in accounts], axis=0)
    void = sum(each.void_decisions for each in accounts)
    return tabulate(
        "why trades ended",
        ((name.replace("_", " "), int(count)) for name, count in zip(REASONS, counts, strict=True) if count),
        column("reason", of=itemgetter(0)),
        column("trades", ",d", of=itemgetter(1)),
        note=f"{void:,} decisions found no bar to be filled at" if void else "",
    )


class _Arms(NamedTuple):
    symbol: str
    arms: Mapping[str, Performance]
    first: Performance
    held: Performance
    beside: Against


def backtest_arm_table(arms: Mapping[str, Backtest]) -> Table:
    """Set two arms, the first against the second, beside one another, symbol by symbol, on the same bars."""
    one, other = arms.values()
    rows = [
        _Arms(
            symbol=symbol,
            arms={name: each.standing.by_symbol[symbol] for name, each in arms.items()},
            first=one.standing.by_symbol[symbol],
            held=one.held.by_symbol[symbol],
            beside=against(one.traded[symbol].track, other.traded[symbol].track),
        )
        for symbol in one.traded
    ]
    total = _Arms(
        symbol=PORTFOLIO,
        arms={name: each.standing.performance for name, each in arms.items()},
        first=one.standing.performance,
        held=one.held.performance,
        beside=against(one.standing.portfolio.track, other.standing.portfolio.track),
    )

    def of_arm(name: str, heading: str, key: str, form: str, of: str) -> Column:
        value, spare = attrgetter(of), {"sharpe": 1, "trades": 3}.get(key, 0)
        heading = f"{name} {heading}".strip()
        return column(heading, form, key=f"{name}_{key}", of=lambda row: value(row.arms[name]), spare=spare)

    return tabulate(
        f"{' against '.join(arms)}, after costs{mark(one) or mark(other)}",
        rows,
        column("symbol"),
        column("bars", ",d", of="first.bars", spare=2),
        *(of_arm(name, "", "return", "+.1%", "total_return") for name in arms),
        column("held", "+.1%", key="held_return", of="held.total_return"),
        *(of_arm(name, "Sharpe", "sharpe", "+.2f", "sharpe") for name in arms),
        *(of_arm(name, "trades", "trades", ",d", "trades") for name in arms),
        column("information", "+.2f", key="information_ratio", of="beside.information_ratio"),
        column("±", ".2f", key="information_error", of="beside.information_error"),
        note="information ratio of the difference ± its standard error",
        total=total if len(rows) > 1 else None,
    )


def gross_return(traded: Traded) -> float:
    """Return of an account without costs; NaN where that was not run."""
    return total_return(traded, FREE) if FREE in traded.at_costs else math.nan


def total_return(traded: Traded, multiple: float) -> float:
    """Return of an account at a multiple of the assumed costs."""
    track = traded.at_costs[multiple]
    return float(track.equity[-1]) / track.capital - 1.0


def mark(backtest: Backtest) -> str:
    """Mark numbers of models that have seen the bars they trade."""
    return " (MODEL HAS SEEN THESE BARS)" if backtest.seen_bars else ""


def titled(title: str, backtest: Backtest) -> str:
    """Mark a title likewise."""
    return f"{title}{mark(backtest)}"

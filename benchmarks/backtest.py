"""How fast a backtest is: the accounting against vectorbt's simulation of the same orders, in one run.

    pip install -e ".[benchmark]"          # vectorbt, for comparison only
    python benchmarks/backtest.py kernel

Bars are random walks; each symbol changes its wish about every 40 bars. Rates are per CPU second of this process, the
best of its rounds, both ways in turn; both give the same final equity, which is checked. vectorbt's rate is of
`from_orders` alone, which makes no equity curve yet; ours is of `simulate`, checks, trades and curve included.
"""

import argparse
import time
from collections.abc import Callable
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pandas as pd

from multisymbol.evaluation.accounting import Account, Prices, Rules, simulate
from multisymbol.markets.instants import HOUR
from multisymbol.markets.symbols import Costs

CAPITAL = 1e5
RULES = Rules(fill="next_open", units="fractional", stop=None, target=None, capital=CAPITAL)
COSTS = Costs(
    commission_bps=5.0,
    commission_per_unit=0.0,
    commission_minimum=0.0,
    half_spread_bps=1.0,
    slippage_bps=1.0,
    slippage_range_share=0.0,
    borrow_bps_per_year=0.0,
    funding_bps_per_year=0.0,
)
"""vectorbt knows no carry."""


def make_prices(symbol: int, *, bars: int) -> Prices:
    """A random walk of hourly bars."""
    rng = np.random.default_rng(symbol)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.002, bars)))
    opened = np.append(100.0, close[:-1]) * np.exp(rng.normal(0.0, 0.0005, bars))
    at = np.arange(bars) * HOUR
    return Prices(
        symbol=f"S{symbol}",
        opened_at=at,
        closed_at=at + HOUR,
        open=opened,
        high=np.maximum(opened, close) * 1.001,
        low=np.minimum(opened, close) * 0.999,
        close=close,
        segment=np.zeros(bars, np.int32),
    )


def make_weight(symbol: int, *, bars: int, every: int) -> npt.NDArray[np.float64]:
    """Decisions at random bars: short, flat or long, never the same twice in a row, none at the last bar."""
    rng = np.random.default_rng([symbol, 1])
    rows = np.sort(rng.choice(bars - 1, bars // every, replace=False))
    weight = np.full(bars, np.nan)
    weight[rows] = np.cumsum(rng.integers(1, 3, len(rows))) % 3 * 0.4 - 0.4
    return weight


def in_turn(ways: dict[str, Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """Run each way once for its compilation, then all in turn; return the least CPU seconds of each."""
    best = dict.fromkeys(ways, np.inf)
    for round_ in range(rounds + 1):
        for name, way in ways.items():
            started = time.process_time()
            kept = way()
            spent = time.process_time() - started
            best[name] = min(best[name], spent if round_ else np.inf)
            del kept
    return best


def orders_of(
    vectorbt: ModuleType, prices: list[Prices], weights: list[npt.NDArray[np.float64]]
) -> Callable[[], object]:
    """The same decisions as orders of vectorbt: sized at the close before, filled at the open, closed at the end."""
    close = pd.DataFrame(np.column_stack([one.close for one in prices]))
    price = pd.DataFrame(np.column_stack([one.open for one in prices]))
    size = pd.DataFrame(np.column_stack(weights)).shift(1)
    val_price = close.shift(1).fillna(100.0)
    return lambda: vectorbt.Portfolio.from_orders(
        close,
        size=size,
        size_type="targetpercent",
        price=price,
        val_price=val_price,
        fees=COSTS.commission_bps * 1e-4,
        slippage=(COSTS.half_spread_bps + COSTS.slippage_bps) * 1e-4,
        init_cash=CAPITAL,
    )


def measure_kernel(*, symbols: int, bars: int, every: int, rounds: int) -> None:
    """Compare and print."""
    import vectorbt

    prices = [make_prices(symbol, bars=bars) for symbol in range(symbols)]
    weights = [make_weight(symbol, bars=bars, every=every) for symbol in range(symbols)]

    def ours() -> list[Account]:
        return [simulate(one, weight, rules=RULES, costs=COSTS) for one, weight in zip(prices, weights, strict=True)]

    theirs = orders_of(vectorbt, prices, weights)
    spent = in_turn({"vectorbt from_orders": theirs, "simulate": ours}, rounds=rounds)
    print(f"{symbols} symbols x {bars:,} bars, {sum(len(one.trades) for one in ours()):,} trades")
    for name, seconds in spent.items():
        rate = symbols * bars / seconds / 1e6
        print(f"{name:<24}{seconds:>8.3f} CPU s{rate:>8.1f} M bars/s{spent['vectorbt from_orders'] / seconds:>7.1f} x")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["kernel"])
    for name, value in {"symbols": 50, "bars": 100_000, "every": 40, "rounds": 5}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    measure_kernel(symbols=given.symbols, bars=given.bars, every=given.every, rounds=given.rounds)


if __name__ == "__main__":
    main()

"""How fast a backtest is: the accounting against vectorbt's simulation of the same orders, in one run.

    pip install -e ".[benchmark]"          # vectorbt, for comparison only
    python benchmarks/backtest.py kernel
    python benchmarks/backtest.py run      # all of a backtest: the bars of 22 real hourly histories, with inference

Bars are random walks; each symbol decides about every 40 bars. CPU seconds of this process, medians over rounds in
which all ways take turns. `same results` are equity, cash and units at every bar and the trades, which `simulate`
returns at once; `orders alone` is vectorbt's `from_orders`, whose curves are computed when they are asked for.
`simulate` checks, finds fresh memory (half of its time here) and walks; `kernel` walks in memory that is there. That
both come to the same equity is printed, and tested in tests/backtest/test_against_vectorbt.py.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from multisymbol.backtest import account_kernel as kernel
from multisymbol.backtest.account import Account, Prices, Rules, simulate
from multisymbol.markets.symbols import Costs
from multisymbol.markets.time import HOUR

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


def in_turn(ways: dict[str, Callable[[], object]], *, rounds: int) -> dict[str, npt.NDArray[np.float64]]:
    """Run each way once for its compilation, then all in turn; return CPU seconds of each round."""
    spent = {name: np.empty(rounds) for name in ways}
    for turn in range(-1, rounds):  # what turn -1 writes is written again by the last one
        for name, way in ways.items():
            started = time.process_time()
            kept = way()
            spent[name][turn] = time.process_time() - started
            del kept
    return spent


def orders_of(vectorbt: ModuleType, prices: list[Prices], weights: list[npt.NDArray[np.float64]]) -> Callable[[], Any]:
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


def kernel_of(prices: list[Prices], weights: list[npt.NDArray[np.float64]]) -> Callable[[], None]:
    """The compiled walk alone, into memory that is there already."""
    bps = 1e-4
    charges = kernel.Charges(
        commission=COSTS.commission_bps * bps,
        per_unit=0.0,
        minimum=0.0,
        spread=COSTS.half_spread_bps * bps,
        slippage=COSTS.slippage_bps * bps,
        range_share=0.0,
        carry_long=0.0,
        carry_short=0.0,
    )
    terms = kernel.Terms(kernel.NEXT_OPEN, False, np.inf, np.inf, charges)  # noqa: FBT003
    markets = [
        kernel.KernelMarket(one.closed_at, one.open, one.high, one.low, one.close, one.segment) for one in prices
    ]
    curves, trades = np.empty((3, len(prices[0]))), np.empty(2 * len(prices[0]) + 1, kernel.TRADE)

    def walk() -> None:
        for market, weight in zip(markets, weights, strict=True):
            decided, written = kernel.Decided(weight, np.ones(1)), kernel.Written(trades, *curves)
            kernel.walk(market, decided, terms, kernel.opened(CAPITAL), written)

    return walk


def measure_kernel(*, symbols: int, bars: int, every: int, rounds: int) -> None:
    """Compare and print."""
    import vectorbt

    prices = [make_prices(symbol, bars=bars) for symbol in range(symbols)]
    weights = [make_weight(symbol, bars=bars, every=every) for symbol in range(symbols)]
    simulated = orders_of(vectorbt, prices, weights)

    def ours() -> list[Account]:
        return [simulate(one, weight, rules=RULES, costs=COSTS) for one, weight in zip(prices, weights, strict=True)]

    def theirs() -> tuple[object, ...]:
        portfolio = simulated()
        return portfolio.value(), portfolio.cash(), portfolio.assets(), portfolio.trades.records

    accounts, values = ours(), simulated().value().to_numpy()
    apart = max(float(np.abs(one.equity[:-1] / values[:-1, i] - 1.0).max()) for i, one in enumerate(accounts))
    print(f"{symbols} symbols x {bars:,} bars, {sum(len(one.trades) for one in accounts):,} trades")
    print(f"equity before the forced close: at most {apart:.1e} apart, relative")
    ways = {
        "vectorbt, orders alone": simulated,
        "vectorbt, with equity": lambda: simulated().value(),
        "vectorbt, same results": theirs,
        "simulate": ours,
        "kernel": kernel_of(prices, weights),
    }
    spent = in_turn(ways, rounds=rounds)
    print(f"{'way':<26}{'CPU s':>8}{'M bars/s':>10}{'simulate is faster by':>24}{'the kernel by':>16}")
    for name, seconds in spent.items():
        rate = symbols * bars / np.median(seconds) / 1e6
        ratios = [float(np.median(seconds / spent[base])) for base in ("simulate", "kernel")]
        print(f"{name:<26}{np.median(seconds):>8.3f}{rate:>10.1f}{ratios[0]:>22.1f} x{ratios[1]:>14.1f} x")


def composed(page: str, *overrides: str) -> dict[str, Any]:
    """Compose a verb's configuration as its command does."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    from multisymbol.config.build import plain
    from multisymbol.config.installation import conf_folder

    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        return plain(compose(page, list(overrides)))


def make_files(folder: Path, *, symbols: int, bars: int) -> None:
    """Write hourly random walks of a market that never closes."""
    folder.mkdir()
    for symbol in range(symbols):
        prices = make_prices(symbol, bars=bars)
        stamps = pd.date_range("2014-01-01", periods=bars, freq="1h", tz="UTC")
        columns = {name: getattr(prices, name) for name in ("open", "high", "low", "close")}
        pd.DataFrame({"timestamp": stamps, **columns, "volume": 1.0}).to_parquet(folder / f"S{symbol}.parquet")


def measure_run(*, symbols: int, bars: int) -> None:
    """Train a model for a moment, then time a backtest of all bars, twice: at first kernels are loaded."""
    from multisymbol.backtest.run import prediction_source, trade_all
    from multisymbol.cli.backtest import backtest_spec, record
    from multisymbol.cli.train import train
    from multisymbol.progress import Terminal

    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        make_files(home / "bars", symbols=symbols, bars=bars)
        members = ",".join(f"S{symbol}:{{asset_class:crypto}}" for symbol in range(symbols))
        given = (
            f"paths.outputs={home}/outputs",
            "symbols=table",
            "symbols.file=null",
            f"++symbols.members={{{members}}}",
            "source=parquet",
            f"source.root={home}/bars",
        )
        train(composed("train", *given, "trainer.max_epochs=1", "sampling.epoch_samples=20000"), home / "train")
        values = composed("backtest", *given, "from=newest", "allow_seen=true")
        for turn in ("first", "second"):
            marks = [(time.perf_counter(), time.process_time())]

            def mark(marks: list[tuple[float, float]] = marks) -> None:
                marks.append((time.perf_counter(), time.process_time()))

            spec = backtest_spec(values)
            source = prediction_source(spec.models, home / turn, Terminal(silent=True))
            mark()
            result = trade_all(source, settings=spec.settings)
            mark()
            record(result, values, home / turn)
            mark()
            spent = np.diff(np.array(marks), axis=0)
            parts = zip(("read the bars", "predict and trade", "page and record"), spent, strict=True)
            print(f"{turn} time, {symbols} symbols x {bars:,} bars")
            for part, (wall, cpu) in [*parts, ("whole", spent.sum(axis=0))]:
                print(f"  {part:<18}{wall:>8.2f} s wall{cpu:>8.2f} s CPU")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["kernel", "run"])
    for name, value in {"symbols": None, "bars": None, "every": 40, "rounds": 5}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    if given.part == "run":
        measure_run(symbols=given.symbols or 22, bars=given.bars or 36_000)
    else:
        sizes = {"symbols": given.symbols or 50, "bars": given.bars or 100_000}
        measure_kernel(**sizes, every=given.every, rounds=given.rounds)


if __name__ == "__main__":
    main()

"""The same decisions, fills and costs give the same equity in vectorbt; runs after `pip install -e ".[benchmark]"`."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from multisymbol.backtest.account import FillAt, Prices, Rules, simulate
from multisymbol.markets.time import HOUR
from tests.serving.markets import costs

vectorbt = pytest.importorskip("vectorbt", reason="an oracle outside the default suite")

BARS, CAPITAL = 5000, 1e5
CHARGED = costs(commission_bps=5.0, half_spread_bps=2.0, slippage_bps=1.5)


def market(seed: int) -> Prices:
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.003, BARS)))
    opened = np.append(100.0, close[:-1]) * np.exp(rng.normal(0.0, 0.001, BARS))
    at = np.arange(BARS) * HOUR
    return Prices(
        symbol="WALK",
        opened_at=at,
        closed_at=at + HOUR,
        open=opened,
        high=np.maximum(opened, close) * 1.001,
        low=np.minimum(opened, close) * 0.999,
        close=close,
        segment=np.zeros(BARS, np.int32),
    )


def wishes(seed: int) -> npt.NDArray[np.float64]:
    """Long, short, flat, more and less of either, never twice the same; flat before the end, as vectorbt ends open."""
    rng = np.random.default_rng([seed, 1])
    rows = np.sort(rng.choice(BARS - 10, 300, replace=False))
    weight = np.full(BARS, np.nan)
    weight[rows] = np.cumsum(rng.integers(1, 7, 300)) % 7 * 0.2 - 0.6
    weight[BARS - 5] = 0.0
    return weight


def theirs(prices: Prices, weight: npt.NDArray[np.float64], *, fill: FillAt) -> Any:
    """Orders for a share of equity valued at the close of the decision; a commission, and slippage of the price."""
    size, value, price = pd.Series(weight), pd.Series(prices.close), pd.Series(prices.close)
    if fill != "same_close":
        size, value = size.shift(1), value.shift(1).fillna(prices.open[0])
        price = pd.Series(prices.open if fill == "next_open" else prices.vwap)
    return vectorbt.Portfolio.from_orders(
        pd.Series(prices.close),
        size=size,
        size_type="targetpercent",
        price=price,
        val_price=value,
        fees=CHARGED.commission_bps * 1e-4,
        slippage=(CHARGED.half_spread_bps + CHARGED.slippage_bps) * 1e-4,
        init_cash=CAPITAL,
    )


@pytest.mark.parametrize("fill", ["next_open", "same_close", "next_vwap"])
@pytest.mark.parametrize("seed", range(5))
def test_equity_is_that_of_vectorbt_at_every_bar(fill: FillAt, seed: int) -> None:
    prices, weight = market(seed), wishes(seed)
    rules = Rules(fill=fill, units="fractional", stop=None, target=None, capital=CAPITAL)
    account = simulate(prices, weight, rules=rules, costs=CHARGED)
    portfolio = theirs(prices, weight, fill=fill)
    np.testing.assert_allclose(account.equity, portfolio.value().to_numpy(), rtol=1e-9)
    np.testing.assert_allclose(account.units, portfolio.assets().to_numpy(), rtol=1e-9, atol=1e-9)
    assert account.equity[-1] == pytest.approx(portfolio.final_value(), rel=1e-9)
    assert account.trades.net.sum() == pytest.approx(portfolio.final_value() - CAPITAL, abs=0.005)
    # A flip is one order there and two fills here.
    flips = (np.sign(account.units[1:]) * np.sign(account.units[:-1]) < 0).sum()
    assert len(portfolio.orders.records) > 250
    assert flips > 50

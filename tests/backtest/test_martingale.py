"""Where prices are a martingale nobody earns more than his costs; where an edge was planted, it comes back.

How the expected profit is known. The synthetic market makes the same random numbers into prices with and without its
signal (`multisymbol.markets.synthetic`), so the return of a bar with the signal less that without it is the drift that
was planted in this very bar, known before the bar began. Whatever a position earns is

    units * price * (drift + shock),    E[shock | all that is known before the bar] = 0

so gross profit less the sum of position * drift is a martingale, for any model and rule: it is 0 within its error.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from multisymbol.backtest.engine import Backtest, Traded, run_backtest
from multisymbol.backtest.predictions import Predictor, predict_history
from multisymbol.cli.specs import source_of
from multisymbol.config.build import plain
from multisymbol.markets.bars import Bars
from multisymbol.markets.symbols import SymbolConfig, universe
from multisymbol.markets.time import NEVER, Period, instant
from multisymbol.serving.served_model import Model
from tests.backtest.settings import settings
from tests.conftest import compose_train, prepared_outputs, train_small

SYMBOLS = "symbols.only=[SYN_A,SYN_D,SYN_F]"
SEEDS = range(100, 116)

SETTINGS = settings(enter=0.45, leave=0.35, smallest_change=0.05, volatility_bars=120, multiples=(0.0, 1.0))

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["0.0", "0.12"], ids=["trained on noise", "trained on the signal"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, store_template: Path) -> Model:
    """A model that was trained, with or without anything to find."""
    outputs = prepared_outputs(tmp_path_factory.mktemp("trained"), store_template)
    run_dir = train_small(outputs, SYMBOLS, f"source.signal={request.param}", "stride=1")
    return Model.read(run_dir / "model" / "bundle", name="trained", version=1)


def market(*, seed: int, signal: float) -> Iterator[tuple[SymbolConfig, Bars]]:
    values = plain(
        compose_train(
            SYMBOLS,
            f"source.seed={seed}",
            f"source.signal={signal}",
            "source.start=2018-01-01",
            "source.end=2019-06-01",
        )
    )
    source = source_of(values)
    for config in universe(values["symbol_configs"]):
        yield config, source.read(config, Period())


def backtest(model: Model, *, seed: int, signal: float) -> Backtest:
    asked = Predictor(
        model=model, name="trained", role="asked for", seen_until=0, after=instant("2018-03-01"), until=NEVER
    )
    predictions = [
        predict_history([asked], bars, config=config, reread=refused)
        for config, bars in market(seed=seed, signal=signal)
    ]
    return run_backtest(predictions, settings=SETTINGS, left_out={})


def refused(config: SymbolConfig) -> Bars:
    raise AssertionError(f"{config.symbol}: the model was trained on this history's settings")


def gross_by_bar(traded: Traded) -> npt.NDArray[np.float64]:
    """What the position earned before costs in each bar, on the capital; at no costs that is the change of equity."""
    track = traded.at_costs[0.0]
    return np.diff(track.equity, prepend=track.capital) / track.capital


def statistic(profit: npt.NDArray[np.float64]) -> float:
    """Sum over its error, the values being uncorrelated: a martingale's differences."""
    return float(profit.sum() / np.sqrt(np.square(profit).sum()))


def test_on_martingale_prices_any_model_loses_its_costs_within_error(model: Model) -> None:
    of_worlds, pooled, of_trades = [], [], []
    for seed in SEEDS:
        result = backtest(model, seed=seed, signal=0.0)
        each = np.concatenate([gross_by_bar(traded) for traded in result.traded.values()])
        assert sum(len(traded.account.trades) for traded in result.traded.values()) > 200
        of_worlds.append(statistic(each))
        pooled.append(each)
        # After costs the account has lost what was paid, but for what was won or lost before them.
        for traded in result.traded.values():
            trades = traded.account.trades
            assert trades.net.sum() == pytest.approx(trades.gross.sum() - trades.costs.sum())
            assert trades.costs.sum() > 0
            of_trades.append((trades.net + trades.costs) / traded.track.capital)
    # 16 worlds: more than 3 of them beyond 2 happen once in 200 where the statistic is normal.
    assert np.sum(np.abs(of_worlds) > 2) <= 3, of_worlds
    assert abs(statistic(np.concatenate(pooled))) < 2.5
    assert abs(statistic(np.concatenate(of_trades))) < 2.5  # net profit is minus the costs, within error
    assert np.std(of_worlds) == pytest.approx(1.0, abs=0.5)  # the error is of the right size, too


def test_a_planted_edge_comes_back_within_its_error(model: Model) -> None:
    found, expected = [], []
    for seed in SEEDS[:6]:
        result = backtest(model, seed=seed, signal=0.12)
        silent = {config.symbol: bars for config, bars in market(seed=seed, signal=0.0)}
        for symbol, traded in result.traded.items():
            earned, planted = earned_and_planted(traded, silent[symbol])
            found.append(earned)
            expected.append(planted)
    beyond = np.concatenate(found) - np.concatenate(expected)
    assert abs(statistic(beyond)) < 2.5
    whole = np.concatenate(expected).sum()
    error = np.sqrt(np.square(beyond).sum())
    assert whole > 5 * error, "an edge that is as small as its error proves nothing"
    assert np.concatenate(found).sum() == pytest.approx(whole, abs=2.5 * error)


def earned_and_planted(traded: Traded, silent: Bars) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Of each bar: what the position earned from open to close and over the gap before, and the drift's part of it.

    Both in shares of the equity before the bar, so that all bars count alike.
    """
    track, account, prices = traded.at_costs[0.0], traded.account, traded.prices
    first = traded.predictions.first
    other = slice(first, first + len(prices))
    assert np.array_equal(silent.closed_at[other], prices.closed_at)
    equity = np.concatenate([[track.capital], track.equity[:-1]])
    earned = np.diff(track.equity, prepend=track.capital) / equity
    drift = prices.close / prices.open - silent.close[other] / silent.open[other]
    # What is held from the open of a bar on is what is held at its close: fills are at opens, but for the last bar's.
    held = account.units / np.concatenate([[track.capital], account.equity[:-1]])
    held[-1] = account.units[-2] / account.equity[-2]
    return earned, held * prices.open * drift

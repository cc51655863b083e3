"""The page of a backtest: what it says first is true, what must not be overlooked is there."""

import re
from typing import Any, cast

import numpy as np
import pytest

from multisymbol.backtest.engine import Backtest, run_backtest
from multisymbol.backtest.predictions import Predictions, Predictor
from multisymbol.markets.bars import Bars
from multisymbol.markets.symbols import Gaps, SymbolConfig
from multisymbol.markets.time import HOUR, NEVER, Timeframe, instant
from multisymbol.reports.backtest import (
    Background,
    BacktestShown,
    arm_headline,
    arms_page,
    backtest_figures,
    backtest_headline,
    backtest_page,
    trade_figures,
)
from multisymbol.reports.page import Page, page_html, page_markdown
from multisymbol.reports.tables.backtest import backtest_arm_table, cost_table, measure_table, money_table, result_table
from multisymbol.serving.served_model import Model
from tests.backtest.settings import settings
from tests.serving.markets import costs

START = instant("2019-01-01")
BARS = 1500


class _Stub:
    """What a page asks of a model."""

    trained = ("AAA",)


def config(symbol: str, *, asset_class: str) -> SymbolConfig:
    return SymbolConfig(
        symbol=symbol,
        asset_class=asset_class,
        calendar="24/7",
        volume="none",
        costs=costs(half_spread_bps=5.0, commission_bps=1.0),
        gaps=Gaps(over_closed="carry", max_missing_hours=24.0),
        indicators={},
        fuzzy={},
        label={},
    )


def bars(symbol: str, *, seed: int, synthetic: bool = False) -> Bars:
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 0.01, BARS)))
    opened = np.append(100.0, close[:-1])
    at = START + HOUR * np.arange(BARS)
    return Bars(
        symbol=symbol,
        timeframe=Timeframe.parse("1h"),
        opened_at=at,
        closed_at=at + HOUR,
        open=opened,
        high=np.maximum(opened, close),
        low=np.minimum(opened, close),
        close=close,
        volume=np.full(BARS, np.nan),
        segment=np.zeros(BARS, dtype=np.int32),
        synthetic=synthetic,
        origin="made up",
    )


def predictions(
    symbol: str, *, asset_class: str = "stock", seed: int = 1, foresight: float, seen: bool = False
) -> Predictions:
    """Predictions that know the next bar's direction more or less often."""
    made = bars(symbol, seed=seed)
    ahead = np.sign(np.append(np.diff(np.log(made.close)), 0.0))
    right = np.where(np.random.default_rng(seed).random(BARS) < foresight, ahead, -ahead)
    outputs = np.where(right[:, None] > 0, (0.6, 0.2, 0.2), (0.2, 0.2, 0.6))
    first = 100
    predictor = Predictor(
        model=cast(Model, _Stub()),
        name="neuro.1h.universal version 3",
        role="universal",
        seen_until=int(made.closed_at[400]) if seen else START,
        after=int(made.closed_at[first]) - 1,
        until=NEVER,
    )
    by = np.where(np.arange(BARS) < first, -1, 0)
    whose = config(symbol, asset_class=asset_class)
    return Predictions(config=whose, bars=made, first=first, outputs=outputs, by=by, predictors=(predictor,))


SETTINGS = settings(enter=0.5, leave=0.4, rebalance="month", multiples=(0.0, 1.0, 2.0, 4.0))
BACKGROUND = Background(
    source="source bars",
    timeframe="1h",
    rule="Threshold: enter confidence 0.5",
    settings={"fills": "next open, fractional units"},
    command="multisymbol backtest from=newest",
    footer="Run backtest-1.",
)


def backtest(**given: Any) -> Backtest:
    """Of a stock and a coin, or of the stock alone."""
    left_out = given.pop("left_out", {})
    alone = given.pop("alone", False)
    both = [predictions("AAA", **given), predictions("B&B", asset_class="crypto", **{**given, "seed": 2})]
    return run_backtest(both[:1] if alone else both, settings=SETTINGS, left_out=left_out)


def page(result: Backtest) -> Page:
    return backtest_page(shown(result))


def shown(result: Backtest, *, name: str | None = None) -> BacktestShown:
    return BacktestShown(
        backtest=result,
        background=BACKGROUND,
        drawn=backtest_figures(result, name=name),
        trades=trade_figures(result),
    )


def test_the_first_sentence_says_won_only_where_money_was_won() -> None:
    won, lost = backtest(foresight=0.95), backtest(foresight=0.5)
    assert won.standing.performance.total_return > 0 > lost.standing.performance.total_return
    assert backtest_headline(won).startswith("The portfolio of 2 symbols won ")
    assert backtest_headline(lost).startswith("The portfolio of 2 symbols lost ")
    assert f"{abs(100 * lost.standing.performance.total_return):.1f} % after costs" in backtest_headline(lost)
    assert "not distinguishable from 0" not in backtest_headline(won)
    assert "break-even cost" in backtest_headline(won)


def test_a_ratio_within_two_errors_is_said_to_be_nothing() -> None:
    result = backtest(foresight=0.55, alone=True)
    own = result.standing.performance
    assert abs(own.sharpe) < 2 * own.sharpe_error
    assert "not distinguishable from 0" in backtest_headline(result)


def test_money_lost_even_for_free_is_said() -> None:
    result = backtest(foresight=0.1)
    assert result.at_costs[0.0].total_return < 0
    assert "it loses even without costs" in backtest_headline(result)


def test_the_table_has_symbols_classes_and_the_portfolio() -> None:
    table = result_table(backtest(foresight=0.7))
    assert [row[0] for row in table.rows] == ["AAA", "B&B", "all crypto", "all stock"]
    assert table.total is not None
    assert table.total[0] == "portfolio"
    alone = result_table(backtest(foresight=0.7, alone=True))
    assert [row[0] for row in alone.rows] == ["AAA"]
    assert alone.total is None


def test_costs_are_taken_from_what_was_won_before_them() -> None:
    result = backtest(foresight=0.7)
    rows = {row[0]: row[1:] for row in cost_table(result).rows}
    for symbol, returns in rows.items():
        assert list(returns) == sorted(set(returns), reverse=True)
        assert returns[1] == pytest.approx(result.standing.by_symbol[str(symbol)].total_return)
    for symbol, gross, *paid, net in money_table(result).rows:
        assert float(gross) - sum(map(float, paid)) == pytest.approx(float(net)), symbol
        assert float(net) == pytest.approx(result.standing.by_symbol[str(symbol)].total_return)


def test_every_measure_stands_beside_that_of_holding() -> None:
    table = measure_table(backtest(foresight=0.7))
    assert len(table.rows) > 12
    assert all(len(row) == 3 and row[1] and row[2] for row in table.rows)


def test_the_page_reads_whole() -> None:
    html = page_html(page(backtest(foresight=0.7)))
    for heading in ("Equity", "Measures", "Symbols", "Costs", "Trades", "Models", "Trading rules", "Run it again"):
        assert f">{heading}</h2>" in html
    assert "B&amp;B" in html
    assert "One model forecast all symbols: neuro.1h.universal version 3." in html
    assert "never saw it" in html
    assert "1 commission bps, 5 half spread bps" in html
    assert html.count("<figure") == 6  # equity, months, symbols, costs, trades of the best and the worst
    assert "HAVE SEEN" not in html


def test_a_page_of_one_symbol_does_not_speak_of_a_portfolio() -> None:
    text = page_markdown(page(backtest(foresight=0.7, alone=True)))
    assert "# Backtest of AAA, 1h" in text
    assert "portfolio" not in text


def test_what_was_seen_is_said_first_and_everywhere() -> None:
    result = backtest(foresight=0.9, seen=True)
    assert result.seen_bars == 2 * 301
    made = page(result)
    assert made.title.startswith("SEEN: ")
    assert made.lead.startswith("MODELS HAVE SEEN BARS THAT WERE TRADED HERE (allow_seen=true): 602 of 2,800 bars.")
    tables = (result_table(result), cost_table(result), measure_table(result), money_table(result))
    assert all("MODEL HAS SEEN THESE BARS" in table.title for table in tables)
    assert "portfolio (MODEL HAS SEEN THESE BARS)" in page_html(made)


def test_symbols_that_are_left_out_and_generated_bars_are_named() -> None:
    result = backtest(
        foresight=0.7, left_out={"CCC": "no model may answer for it", "DDD": "no model may answer for it"}
    )
    text = page_markdown(page(result))
    assert "Not included: CCC, DDD (no model may answer for it)." in text
    assert "generated" not in text


def test_arms_stand_side_by_side_on_the_same_bars() -> None:
    arms = {"universal": backtest(foresight=0.9), "own": backtest(foresight=0.6)}
    table = backtest_arm_table(arms)
    assert [row[0] for row in table.rows] == ["AAA", "B&B"]
    keys = [column.key for column in table.columns]
    row = dict(zip(keys, table.rows[0], strict=True))
    assert row["universal_return"] == pytest.approx(arms["universal"].standing.by_symbol["AAA"].total_return)
    assert row["own_return"] == pytest.approx(arms["own"].standing.by_symbol["AAA"].total_return)
    assert float(row["information_ratio"]) > 2 * float(row["information_error"])
    assert "did better for 2 of them. The difference is distinguishable from chance" in arm_headline(arms)
    html = page_html(arms_page({name: shown(each, name=name) for name, each in arms.items()}))
    assert re.search(r"Arm: universal</h2>.*Arm: own</h2>", html, flags=re.DOTALL)


def test_an_arm_against_itself_is_not_told_apart() -> None:
    same = backtest(foresight=0.7)
    assert "did better for 0 of them. There is no difference between them." in arm_headline(
        {"one": same, "other": same}
    )

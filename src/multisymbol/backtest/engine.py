"""A backtest: predictions on bars the models have not seen are decided on, filled, accounted for and measured.

    predictions ─> weights ─> account ─> track ─> measures       of each symbol, and of holding it
    (models)       (rule)     (fills, costs)└──> portfolio       of all

The decisions on a symbol are one series, however many models took turns at answering: the position that one leaves is
the next one's, no bar is traded twice, and nothing is closed and opened again where they take turns.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np

from multisymbol.arrays import Floats
from multisymbol.backtest.account import Account, Prices, Rules, prices_of, simulate
from multisymbol.backtest.decision import (
    DecisionContext,
    DecisionRule,
    Forecast,
    buy_and_hold,
    decision_context,
    stretches,
)
from multisymbol.backtest.performance import Against, Performance, Track, against, measure, track_of
from multisymbol.backtest.portfolio import Standing, Weighting, combine, standing
from multisymbol.backtest.predictions import NOBODY, Predictions
from multisymbol.errors import BacktestError, require
from multisymbol.markets.bars import bars_between
from multisymbol.markets.sessions import session_clock
from multisymbol.markets.symbols import Costs, SymbolConfig
from multisymbol.progress import stepwise

ELSEWHERE = "another arm cannot trade it"
"""Why a symbol is left out that has a model."""

FREE = 0.0
"""The multiple of the costs that shows what was won before them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BacktestSettings:
    """How predictions are traded, for all symbols alike.

    Raises:
        BacktestError: Multiples out of order or below 0, or without 1; too few bars for a volatility.
    """

    rule: DecisionRule | Forecast  # from predictions to weights
    # Fills, units, stop and target; the capital is that of the whole, each account starts with its equal part
    rules: Rules
    weighting: Weighting  # how the money is shared out among symbols
    # Returns in the trailing volatility that rules and stops are told; those of a return model's labels come before
    # it
    volatility_bars: int
    multiples: tuple[float, ...]  # of the costs that the account is kept at as well, ascending, such as 0, 1, 2, 4

    def __post_init__(self) -> None:
        ascending = all(one < other for one, other in pairwise(self.multiples))
        fine = ascending and 1.0 in self.multiples and min(self.multiples) >= 0.0
        shown = list(self.multiples)
        checks = {
            f"cost_multiples={shown}: expected ascending numbers from 0 on, 1 among them": fine,
            f"volatility_bars={self.volatility_bars}: expected 2 or more": self.volatility_bars >= 2,
        }
        require(BacktestError, checks, between="\n")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Traded:
    """What came of one symbol."""

    predictions: Predictions  # what it was traded on
    prices: Prices  # traded bars, m of them
    weight: Floats  # decided at each close, shape (m,)
    account: Account  # at the assumed costs; `track` measures it
    track: Track
    # Track of buying at the first close and holding, at the same costs; `against` sets the two side by side
    held: Track
    at_costs: Mapping[float, Track]  # multiple of the costs -> track
    against: Against

    @property
    def config(self) -> SymbolConfig:
        """The symbol's."""
        return self.predictions.config


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Backtest:
    """What came of all symbols."""

    traded: Mapping[str, Traded]  # symbol -> what came of it
    left_out: Mapping[str, str]  # symbol -> why it was not traded
    standing: Standing  # of the symbols, the classes and the portfolio
    held: Standing  # the same of holding; `against` sets the portfolio beside it
    against: Against
    at_costs: Mapping[float, Performance]  # multiple of the costs -> the portfolio
    capital: float  # of the portfolio

    @property
    def seen_bars(self) -> int:
        """Traded bars that the model that was asked had seen: 0 in an honest backtest."""
        return sum(int(each.predictions.seen.sum()) for each in self.traded.values())

    @property
    def bars(self) -> int:
        """Traded bars of all symbols."""
        return sum(len(each.prices) for each in self.traded.values())


def run_backtest(
    predictions: Iterable[Predictions], *, settings: BacktestSettings, left_out: Mapping[str, str]
) -> Backtest:
    """Trade every symbol's predictions, each with its equal part of the capital, and put the accounts together.

    Args:
        predictions: One for each symbol that is traded.
        settings: How they are traded.
        left_out: Symbols that are not, and why.

    Raises:
        BacktestError: No symbol, bars or rules that cannot be traded, or a rule for another kind of model.
    """
    asked = list(predictions)
    if not asked:
        reasons = [f"  {symbol}: {why}" for symbol, why in left_out.items()]
        raise BacktestError("\n".join(["no symbol can be traded", *reasons]))
    part = replace(settings.rules, capital=settings.rules.capital / len(asked))
    traded = {
        each.config.symbol: trade(each, settings=settings, rules=part)
        for each in stepwise("accounts", asked, lambda own: own.config.symbol)
    }
    return assemble(traded, settings=settings, left_out=left_out)


def trade(predictions: Predictions, *, settings: BacktestSettings, rules: Rules) -> Traded:
    """Trade one symbol from its first traded bar on, flat before; `rules` hold the capital of this account.

    Raises:
        BacktestError: As `run_backtest`.
    """
    _check_kind(predictions, settings.rule)
    costs = predictions.config.costs
    context = _context(predictions, settings=settings)
    prices = prices_of(bars_between(predictions.bars, predictions.first, len(predictions.bars)))
    weight = settings.rule.weights(predictions.outputs[predictions.first :], context=context)

    def kept(at: Costs) -> Account:
        return simulate(prices, weight, rules=rules, costs=at, volatility=context.volatility)

    def track_at(one: Account) -> Track:
        return track_of(one, prices=prices, rules=rules)

    account = kept(costs)
    # Holding buys at the first close, and again where the history was cut and every position closed.
    holding = replace(rules, stop=None, target=None)
    track, held = (
        track_at(account),
        track_at(simulate(prices, buy_and_hold(prices.segment), rules=holding, costs=costs)),
    )
    return Traded(
        predictions=predictions,
        prices=prices,
        weight=weight,
        account=account,
        track=track,
        held=held,
        at_costs={each: track if each == 1.0 else track_at(kept(costs.times(each))) for each in settings.multiples},
        against=against(track, held),
    )


def assemble(traded: Mapping[str, Traded], *, settings: BacktestSettings, left_out: Mapping[str, str]) -> Backtest:
    """Put the accounts of symbols together and measure them, at each multiple of the costs."""
    capital, weighting = settings.rules.capital, settings.weighting
    classes = {symbol: each.config.asset_class for symbol, each in traded.items()}
    own, held = (
        standing(tracks, asset_class=classes, weighting=weighting, capital=capital)
        for tracks in ({key: getattr(each, name) for key, each in traded.items()} for name in ("track", "held"))
    )

    def performance_at(multiple: float) -> Performance:
        tracks = {symbol: each.at_costs[multiple] for symbol, each in traded.items()}
        return measure(combine(tracks, weighting=weighting, capital=capital).track)

    return Backtest(
        traded=traded,
        left_out=left_out,
        standing=own,
        held=held,
        against=against(own.portfolio.track, held.portfolio.track),
        at_costs={each: own.performance if each == 1.0 else performance_at(each) for each in settings.multiples},
        capital=capital,
    )


def _context(predictions: Predictions, *, settings: BacktestSettings) -> DecisionContext:
    """Gather what the rule may know at each traded close; volatility knows the bars before the first one, too."""
    bars, config, costs = predictions.bars, predictions.config, predictions.config.costs
    clock = session_clock(config.calendar, start=int(bars.opened_at[0]), end=int(bars.closed_at[-1]))
    label = _label(predictions) if predictions.of_returns else {}
    whole = decision_context(
        bars,
        clock=clock,
        volatility_bars=int(label.get("volatility_bars", settings.volatility_bars)),
        horizon_bars=int(label.get("bars", 1)),
        fill=settings.rules.fill,
        round_trip_cost=2.0 * (costs.commission_bps + costs.half_spread_bps + costs.slippage_bps) * 1e-4,
    )
    # Where nobody is asked, nothing stays open: a rule begins there as it does where a history is cut.
    whole = replace(whole, segment=stretches(bars.segment, asked=predictions.by != NOBODY))
    arrays = [entry.name for entry in fields(DecisionContext) if isinstance(getattr(whole, entry.name), np.ndarray)]
    return replace(whole, **{name: getattr(whole, name)[predictions.first :] for name in arrays})


def _label(predictions: Predictions) -> Mapping[str, Any]:
    """Return the definition of what a model of returns forecasts."""
    config = predictions.config
    configs = (each.model.config_of(config.symbol, asset_class=config.asset_class) for each in predictions.predictors)
    labels = [each.label for each in configs]
    if any(each != labels[0] for each in labels):
        raise BacktestError(f"{config.symbol}: its models forecast returns over different horizons; use one at a time")
    return labels[0]


def _check_kind(predictions: Predictions, rule: DecisionRule | Forecast) -> None:
    name = predictions.predictors[0].name
    if predictions.of_returns and not isinstance(rule, Forecast):
        raise BacktestError(f"{name} forecasts returns, {type(rule).__name__} trades on classes; say decision=forecast")
    if not predictions.of_returns and isinstance(rule, Forecast):
        raise BacktestError(
            f"{name} forecasts BUY, HOLD and SELL, Forecast trades on returns; say decision=threshold, or another"
        )

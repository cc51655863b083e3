"""Two arms traded by the same rule, and the profit per trade of each after costs."""

# n bars, k decisions, S seed

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from multisymbol.arrays import Floats, Ints
from multisymbol.backtest.account import Rules, prices_of, rows_decided, simulate
from multisymbol.backtest.decision import DecisionContext, DecisionRule, decision_context, stretches
from multisymbol.comparison.result import TradeCounts, Trading
from multisymbol.comparison.scores import ArmScores
from multisymbol.markets.bars import Bars, bars_between
from multisymbol.markets.sessions import session_clock
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.samples.fold import Span
from multisymbol.seeding import named_seed
from multisymbol.statistics.bootstrap import Interval, functional_interval
from multisymbol.statistics.compare import Plan
from multisymbol.statistics.mean_tests import least_instants

VOLATILITY_BARS = 100
"""Number of returns in the trailing volatility that decision rules receive."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TradedMarket:
    """Bars of a symbol over the test span, and the costs of trading it."""

    config: SymbolConfig  # configuration of the symbol, with its costs
    bars: Bars  # bars from the first test decision on
    spans: tuple[Span, ...]  # test spans of the symbol, in order of time


@dataclass(frozen=True, kw_only=True, slots=True)
class _Closed:
    """The m closed trades of one symbol and seed; profits in basis points of the notional."""

    entered_at: Ints  # close of the bar whose decision led to the entry, UTC nanoseconds
    gross: Floats  # before costs
    net: Floats  # after costs


def trading(
    universal: ArmScores,
    single: ArmScores,
    *,
    markets: Mapping[str, TradedMarket],
    rule: DecisionRule,
    rule_text: str,
    capital: float,
    lag: int,
    plan: Plan,
) -> Trading:
    """Trade both arms on every symbol, separately for each seed: decisions at closes, fills at the next open.

    A position is held between two decisions when samples are a stride apart. It is closed at the end of a test span
    that the next one does not follow at once. Capital matters only for costs in money, such as a minimum commission;
    the lag is that of the primary test, for the interval.
    """
    both = [
        {name: _closed(arm.of([name]), markets[name], rule=rule, capital=capital) for name in arm.scored()}
        for arm in (universal, single)
    ]
    first, second = (_trades(found, seeds=len(universal.rows.seeds)) for found in both)
    difference = _difference(both, instants=np.unique(universal.rows.decided_at), lag=lag, plan=plan)
    return Trading(rule=rule_text, universal=first, single=second, difference=difference)


def _closed(scores: ArmScores, market: TradedMarket, *, rule: DecisionRule, capital: float) -> list[_Closed]:
    """Trade one symbol with the forecasts of each seed."""
    bars, config = market.bars, market.config
    prices = prices_of(bars)
    context = _context(market)
    place = rows_decided(prices, decided_at=scores.rows.decided_at)
    found = []
    for prob in scores.prob:
        laid = np.full((len(bars), prob.shape[1]), np.nan)
        laid[place] = prob
        rules = Rules(fill="next_open", units="fractional", stop=None, target=None, capital=capital)
        trades = simulate(prices, rule.weights(laid, context=context), rules=rules, costs=config.costs).trades
        notional = trades.quantity * trades.entry_price
        found.append(
            _Closed(
                entered_at=bars.closed_at[np.maximum(trades.entry_row - 1, 0)],
                gross=1e4 * trades.gross / notional,
                net=1e4 * trades.net / notional,
            )
        )
    return found


def _context(market: TradedMarket) -> DecisionContext:
    bars, config, costs = market.bars, market.config, market.config.costs
    clock = session_clock(config.calendar, start=int(bars.opened_at[0]), end=int(bars.closed_at[-1]))
    tested = np.any([(bars.closed_at >= span.start) & (bars.closed_at < span.stop) for span in market.spans], axis=0)
    context = decision_context(
        bars,
        clock=clock,
        volatility_bars=VOLATILITY_BARS,
        horizon_bars=1,
        fill="next_open",
        round_trip_cost=2.0 * (costs.commission_bps + costs.half_spread_bps + costs.slippage_bps) * 1e-4,
    )
    return replace(context, segment=stretches(bars.segment, asked=tested))


def _trades(found: Mapping[str, Sequence[_Closed]], *, seeds: int) -> TradeCounts:
    closed = [own for each in found.values() for own in each]
    gross, net = (np.concatenate([getattr(own, name) for own in closed]) for name in ("gross", "net"))
    return TradeCounts(
        trades=len(net) / seeds,
        gross_bps=_mean(gross),
        net_bps=_mean(net),
        by_symbol={name: _mean(np.concatenate([own.net for own in each])) for name, each in found.items()},
    )


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _difference(
    both: Sequence[Mapping[str, Sequence[_Closed]]], *, instants: Ints, lag: int, plan: Plan
) -> Interval | None:
    """Bootstrap the difference of mean profits over instants of decision; None where an arm does not trade."""
    columns = []
    for found in both:
        closed = [own for each in found.values() for own in each]
        at = np.searchsorted(instants, np.concatenate([own.entered_at for own in closed]))
        net = np.concatenate([own.net for own in closed])
        at = np.minimum(at, len(instants) - 1)
        columns += [np.bincount(at, weights=net, minlength=len(instants)), np.bincount(at, minlength=len(instants))]
    if len(instants) < least_instants(lag) or min(columns[1].sum(), columns[3].sum()) == 0:
        return None
    return functional_interval(
        np.column_stack(columns).astype(np.float64),
        functional=_mean_difference,
        lag=lag,
        draws=plan.draws,
        seed=named_seed(plan.seed, "bootstrap/trading"),
        level=plan.level,
    )


def _mean_difference(totals: Floats) -> Floats:
    """Return the mean of the first less that of the second; NaN where a resample lacks trades of either."""
    with np.errstate(divide="ignore", invalid="ignore"):
        means: Floats = totals[:, 0] / totals[:, 1] - totals[:, 2] / totals[:, 3]
    return np.where(np.isfinite(means), means, np.nan)


def decided_bars(bars: Bars, *, start: int, end: int) -> Bars:
    """Keep the bars that close from `start` to `end`, UTC nanoseconds, and one more: there the last decision fills."""
    begin, last = np.searchsorted(bars.closed_at, [start, end]).tolist()
    return bars_between(bars, begin, min(last + 2, len(bars)))

"""Several symbols' accounts as one, on one clock: every close of any of them.

    money in symbol i at t = money at the last rebalancing * equity_i[t] / equity_i there

A symbol without a bar at an instant keeps its last value; before its first bar it is in cash, after its last one too.
At a rebalancing all money is handed out anew by weights that use bars closed until then and no later ones; what is open
is scaled at no cost, and counted as traded. Between rebalancings nothing moves from one symbol to another.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeAlias, get_args

import numpy as np
from numba import njit

from multisymbol.arrays import Floats, Ints
from multisymbol.backtest.performance import YEAR, Performance, Track, TradeResults, measure
from multisymbol.errors import BacktestError
from multisymbol.markets.time import DAY, Instants

Rebalance: TypeAlias = Literal["never", "day", "week", "month"]


class Weighting(Protocol):
    """Shares the money out among symbols."""

    @property
    def rebalance(self) -> Rebalance:
        """How often."""

    def weights(self, tracks: Sequence[Track], *, at: Instants) -> Floats:
        """Return each symbol's share at each instant, from bars closed until then; rows sum to 1. Shape (J, N)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EqualWeight:
    """The same for every symbol."""

    # How often the shares are made equal again: at the first close of a UTC day, week (from Monday) or month, or
    # never. Raises BacktestError for another word
    rebalance: Rebalance

    def __post_init__(self) -> None:
        if self.rebalance not in get_args(Rebalance):
            raise BacktestError(f"equal weight: expected rebalance never, day, week or month, got {self.rebalance!r}")

    def weights(self, tracks: Sequence[Track], *, at: Instants) -> Floats:
        """See `Weighting`: 1 / N everywhere."""
        return np.full((len(at), len(tracks)), 1.0 / len(tracks))


@dataclass(frozen=True, kw_only=True, slots=True)
class InverseVolatility:
    """The calmer a symbol's account, the more money it gets: 1 / volatility, that of the past days.

    Volatility is the root of the sum of squared returns a year, of the bars closed within the last `days` days: symbols
    with few and with many bars a day compare. A symbol has none before its bars reach back so far, nor where nothing
    moved: it gets 1 / N, and the others share the rest.
    """

    # As in `EqualWeight`; `never` would know no volatility, and raises BacktestError
    rebalance: Literal["day", "week", "month"]
    days: float  # calendar days, above 0

    def __post_init__(self) -> None:
        if self.rebalance not in {"day", "week", "month"} or not 0.0 < self.days < math.inf:
            raise BacktestError(
                "inverse volatility: expected rebalance day, week or month and days above 0, "
                f"got {self.rebalance!r} and {self.days!r}"
            )

    def weights(self, tracks: Sequence[Track], *, at: Instants) -> Floats:
        """See `Weighting`: shares by volatility."""
        span_ns = round(self.days * DAY)
        volatility = np.stack([_volatility(track, at, span_ns=span_ns) for track in tracks], axis=1)
        known = volatility > 0.0
        inverse = np.divide(1.0, volatility, out=np.zeros_like(volatility), where=known)
        rest = known.mean(axis=1, keepdims=True)
        total = inverse.sum(axis=1, keepdims=True)
        shared = np.divide(inverse * rest, total, out=np.zeros_like(inverse), where=total > 0.0)
        return np.where(known, shared, 1.0 / len(tracks))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Portfolio:
    """N symbols' accounts as one."""

    symbols: tuple[str, ...]  # in order
    track: Track  # the whole, on the common clock; can be measured like any other
    rebalanced_at: Instants  # closes at which money was handed out, the first time before the first one, shape (J,)
    weights: Floats  # shares given then, rows sum to 1, shape (J, N)
    profit: Floats  # money each symbol earned; together the change of equity, shape (N,)


def combine(tracks: Mapping[str, Track], *, weighting: Weighting, capital: float) -> Portfolio:
    """Put accounts together; `capital` is the portfolio's, a track's own only sets the scale.

    Each symbol's account is scaled to the money it was given; one that is ruined keeps the money it still has. Net and
    costs of a trade are scaled as at its exit: where money was handed out anew while it was open, the trades add up to
    the change of equity in part only.

    Raises:
        BacktestError: No accounts.
    """
    if not tracks:
        raise BacktestError("a portfolio needs the account of one symbol at least")
    members = list(tracks.values())
    # A stable sort merges ascending clocks many times as fast as `np.unique`.
    merged = np.sort(np.concatenate([track.closed_at for track in members]), kind="stable")
    clock = merged[np.append(True, np.diff(merged) != 0)]
    rows = _rebalance_rows(clock, rebalance=weighting.rebalance)
    # The shares of the start know no bar: they are those of the instant before the first close.
    weights = weighting.weights(members, at=np.concatenate([clock[:1] - 1, clock[rows]]))
    places = [np.searchsorted(track.closed_at, clock, side="right") for track in members]
    growth = np.stack(
        [_known(track.equity / track.capital, place, 1.0) for track, place in zip(members, places, strict=True)]
    )
    shares = _share_out(growth, np.ascontiguousarray(weights), rows, capital)
    turn = np.searchsorted(rows, np.arange(len(clock)))
    parts = [
        _scaled(track, place, scale=_scale(track, shares.given[:, i], growth[i, rows]), rows=rows, turn=turn)
        for i, (track, place) in enumerate(zip(members, places, strict=True))
    ]
    return Portfolio(
        symbols=tuple(tracks),
        track=Track(
            closed_at=clock,
            equity=shares.equity,
            capital=capital,
            position=np.sum([part.position for part in parts], axis=0),
            traded=np.sum([part.traded for part in parts], axis=0),
            trades=_pooled([part.trades for part in parts]),
        ),
        rebalanced_at=clock[np.concatenate([[0], rows])],
        weights=weights,
        profit=shares.profit,
    )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Standing:
    """What a universe earned."""

    by_symbol: Mapping[str, Performance]  # each symbol's account, on its own clock
    by_class: Mapping[str, Performance]  # each asset class as a portfolio of its own
    # Money the symbols of each class earned within `portfolio`; together the change of its equity
    class_profit: Mapping[str, float]
    portfolio: Portfolio  # all symbols; `performance` measures it
    performance: Performance


def standing(
    tracks: Mapping[str, Track], *, asset_class: Mapping[str, str], weighting: Weighting, capital: float
) -> Standing:
    """Measure accounts one by one, by asset class and all together, each portfolio with the same weighting and capital.

    Raises:
        BacktestError: No accounts, or a symbol without a class.
    """
    homeless = [symbol for symbol in tracks if symbol not in asset_class]
    if homeless:
        raise BacktestError(f"no asset class is given for {', '.join(homeless)}")
    whole = combine(tracks, weighting=weighting, capital=capital)
    classes = sorted({asset_class[symbol] for symbol in tracks})
    within = {name: {each: track for each, track in tracks.items() if asset_class[each] == name} for name in classes}
    earned = dict(zip(whole.symbols, whole.profit.tolist(), strict=True))
    return Standing(
        by_symbol={symbol: measure(track) for symbol, track in tracks.items()},
        by_class={
            name: measure(combine(members, weighting=weighting, capital=capital).track)
            for name, members in within.items()
        },
        class_profit={name: math.fsum(earned[symbol] for symbol in members) for name, members in within.items()},
        portfolio=whole,
        performance=measure(whole.track),
    )


def _rebalance_rows(clock: Instants, *, rebalance: Rebalance) -> Ints:
    """Find the first close of each period but the first; a close at midnight belongs to the day that ends."""
    if rebalance == "never":
        return np.empty(0, dtype=np.int64)
    day = (clock - 1).astype("datetime64[ns]").astype("datetime64[D]")
    # Day 0 of the count, 1970-01-01, was a Thursday.
    period = {
        "day": day.astype(np.int64),
        "week": (day.astype(np.int64) + 3) // 7,
        "month": day.astype("datetime64[M]").astype(np.int64),
    }[rebalance]
    return np.flatnonzero(np.diff(period)) + 1


def _known(values: Floats, place: Ints, first: float) -> Floats:
    """Return the latest value at each instant, `first` where there is none; `place` counts those known. Shape (T,)."""
    return np.concatenate([[first], values])[place]


class _Shares(NamedTuple):
    """Equity of the whole, shape (T,); money given at each rebalancing, (J, N); what each symbol earned, (N,)."""

    equity: Floats
    given: Floats
    profit: Floats


@njit(cache=True)
def _share_out(growth: Floats, weights: Floats, rows: Ints, capital: float) -> _Shares:
    """Go through the stretches between rebalancings; `growth` is (N, T). What is ruined keeps what it has."""
    symbols, instants = growth.shape
    equity, given, profit = np.zeros(instants), np.zeros(weights.shape), np.zeros(symbols)
    money = capital
    for turn in range(len(weights)):
        start = 0 if turn == 0 else rows[turn - 1] + 1
        stop = rows[turn] + 1 if turn < len(rows) else instants
        worth = 0.0
        for i in range(symbols):
            before = 1.0 if turn == 0 else growth[i, start - 1]
            given[turn, i] = weights[turn, i] * money
            last = given[turn, i]
            for t in range(start, stop):
                last = given[turn, i] * (growth[i, t] / before) if min(before, money) > 0.0 else given[turn, i]
                equity[t] += last
            profit[i] += last - given[turn, i]
            worth += last
        money = worth
    return _Shares(equity, given, profit)


class _Part(NamedTuple):
    """What a symbol adds to the portfolio's track."""

    position: Floats
    traded: Floats
    trades: TradeResults


def _scale(track: Track, given: Floats, growth: Floats) -> Floats:
    """Divide the money given by the account's equity at each rebalancing; 0 for a ruined one. Shape (J,)."""
    worth = track.capital * np.concatenate([[1.0], growth])
    return np.divide(given, worth, out=np.zeros(len(given)), where=worth > 0.0)


def _scaled(track: Track, place: Ints, *, scale: Floats, rows: Ints, turn: Ints) -> _Part:
    """Scale what an account held and traded; `turn` is the rebalancing in force at each instant, shape (T,)."""
    held = _known(track.position, place, 0.0)
    own = np.flatnonzero(np.diff(place, prepend=0))
    traded = np.zeros(len(place))
    traded[own] = track.traded * scale[turn[own]]
    # A rebalancing comes after all that happened in its bar.
    traded[rows] += np.abs(np.diff(scale)) * held[rows]
    exits = own[track.trades.exit_row]
    return _Part(
        position=held * scale[turn], traded=traded, trades=track.trades.scaled(scale[turn[exits]], exit_row=exits)
    )


def _pooled(parts: Sequence[TradeResults]) -> TradeResults:
    """Put trades together in order of their exits."""
    order = np.argsort(np.concatenate([part.exit_row for part in parts]), kind="stable")
    names = TradeResults.__dataclass_fields__
    return TradeResults(**{name: np.concatenate([getattr(part, name) for part in parts])[order] for name in names})


def _volatility(track: Track, at: Instants, *, span_ns: int) -> Floats:
    """Return the root of squared returns a year over the span before each instant; NaN where it is cut. Shape (J,)."""
    starts, stops = (np.searchsorted(track.closed_at, instants, side="right") for instants in (at - span_ns, at))
    squares = _window_sums(np.square(track.returns()), starts, stops)
    return np.where(starts > 0, np.sqrt(squares * (YEAR / span_ns)), np.nan)


@njit(cache=True)
def _window_sums(values: Floats, starts: Ints, stops: Ints) -> Floats:
    """Add up each window by itself: taken from a running sum, one without a move would keep rounding errors."""
    sums = np.empty(len(starts))
    for j in range(len(starts)):
        sums[j] = np.sum(values[starts[j] : stops[j]])
    return sums

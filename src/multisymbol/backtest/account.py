r"""From decisions to money: fills, costs, trades and equity of one symbol, every cent of them accounted for.

    close t: weight      ─>  units = weight * equity / close  ─>  open t+1: fill  ─>  close t+1: equity
    (share of equity)        (whole ones toward zero)             + costs             = cash + units * close

**When it trades.** A decision trades where it differs from the latest one; the same weight again keeps the units that
are held, whatever their price has made of their share. NaN is no decision. After a stop or target the position stays
closed until the weight changes. Nothing limits what may be bought but the weight: cash below 0 is borrowed, without
interest but for `Costs.funding_bps_per_year`.

**Where it is filled.** `next_open`: at the open of the next bar. `next_vwap`: at (open + high + low + close) / 4 of the
next bar, an approximation of its volume-weighted average. `same_close`: at the close the decision is made of, which
nobody can have in full: for comparison. A fill needs a bar: over a weekend or a missing bar the order waits for the
next one. From one side to the other takes two fills, the end of one trade and the start of another.

**Where a history is cut** (`Bars.segment`), nobody knows at the last close before it that the cut comes. What is held
is closed at the first open after the cut (`segment_end`), and bears what the market did in between; an order that
waits is void, and counted. **At the last bar** what is held is closed at the close (`end`), its costs inside the last
equity point; a decision of that bar is void, and counted.

**Stop and target** are orders at the average entry price times (1 -+ distance), above and below the other way round for
a short. A bar that opens beyond one fills it at that open. Else the stop is filled at its price where the bar's low (a
short's high) reaches it, and the target likewise if the stop is not reached: nobody knows which came first in a bar
that reaches both, so the stop. They hold from the fill on, within the bar of the entry too; a fill at a close or an
average is watched from the next bar on. An order that waits is filled at the open before they are looked at.

**Costs** are paid in cash, and prices in the records are the market's: `gross` is at the reference price of the fill.
What is paid in effect, reference +- spread and slippage, may lie beyond the range of the bar. Targets pay slippage too.

**Trades.** Adding to a position moves its average entry price. Each fill that closes units, all or some, is one trade:
that part of the position with that part of all that its entry and its holding have cost, and all that the exit costs.
So every cost is in exactly one trade, and the net of all trades is the change of equity.

**Ruin.** Where equity at a close is 0 or less, the position is closed by the next fill, and nothing is traded again.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from multisymbol.arrays import Flags, Floats, Ints
from multisymbol.backtest import account_kernel as kernel
from multisymbol.backtest.account_kernel import Trades
from multisymbol.errors import BacktestError, require
from multisymbol.markets.bars import Bars
from multisymbol.markets.symbols import Costs
from multisymbol.markets.time import DAY, Instants, iso
from multisymbol.wording import listed

FillAt: TypeAlias = Literal["next_open", "same_close", "next_vwap"]
Units: TypeAlias = Literal["fractional", "whole"]
Distance: TypeAlias = Literal["fraction", "volatility"]

REASONS = ("decision", "flip", "stop", "target", "segment_end", "end", "ruin")
"""Why a trade ended; `Trades.reason` is a place in here."""

MAX_WEIGHT = 50.0
"""Most equity times one position may be: no broker lends more than 50 for 1. Beyond, it is a mistake of units."""

YEAR = 365 * DAY
"""Nanoseconds of the year that borrow and funding are quoted for."""

_FILL_CODES = {"next_open": kernel.NEXT_OPEN, "same_close": kernel.SAME_CLOSE, "next_vwap": kernel.NEXT_VWAP}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Prices:
    """What one symbol can be traded at, and when; n bars in order of time, shape (n,) each.

    Raises:
        BacktestError: No bars, lengths that differ, prices that nobody can trade at, bars out of order; all at once,
            each with its first row and instant.
    """

    symbol: str  # for messages
    opened_at: Instants  # nominal start of each bar
    closed_at: Instants  # when it is known, strictly ascending
    open: Floats  # first price, above 0; likewise high, low, close
    high: Floats
    low: Floats
    close: Floats
    segment: npt.NDArray[np.int32]  # number of the uninterrupted stretch each bar is in, never descending

    def __post_init__(self) -> None:
        found = list(_price_problems(self))
        if found:
            raise BacktestError("\n  ".join([f"{self.symbol}: these bars cannot be backtested.", *found]))

    def __len__(self) -> int:
        return len(self.closed_at)

    @property
    def vwap(self) -> Floats:
        """What `next_vwap` fills at. Shape (n,)."""
        return (self.open + self.high + self.low + self.close) / 4.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """How decisions become trades; raises BacktestError for values out of their range, all at once."""

    fill: FillAt  # where an order is filled
    units: Units  # whether parts of a unit can be traded; whole units are rounded toward zero
    # Distance at which a loss is taken, above 0; None for none. As a fraction of the entry price below 1
    stop: float | None
    target: float | None  # distance at which a gain is taken, above 0; None for none
    capital: float  # money at the start, above 0
    # What both distances are: a `fraction` of the entry price, or multiples of the `volatility` of one bar at the
    # decision that opened the position
    stop_in: Distance = "fraction"

    def __post_init__(self) -> None:
        choices = {"fill": get_args(FillAt), "units": get_args(Units), "stop_in": get_args(Distance)}
        checks = {
            f"{name}: expected one of {', '.join(known)}, got {getattr(self, name)!r}": getattr(self, name) in known
            for name, known in choices.items()
        }
        checks[f"capital: expected money above 0, got {self.capital!r}"] = 0.0 < self.capital < math.inf
        for name, distance in (("stop", self.stop), ("target", self.target)):
            fine = distance is None or 0.0 < distance < math.inf
            checks[f"{name}: expected a distance above 0, or null for none, got {distance!r}"] = fine
        whole = self.stop is not None and self.stop_in == "fraction" and 1.0 <= self.stop < math.inf
        checks[f"stop: expected a fraction of the entry price below 1, got {self.stop!r}; 2 % is 0.02"] = not whole
        require(BacktestError, checks, between="\n")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Account:
    """What came of the decisions on one symbol, at each bar's close after all that happened in it; shape (n,) each."""

    equity: Floats  # cash + units * close; the last point is after the forced close
    cash: Floats  # below 0 where borrowed
    units: Floats  # held, below 0 short
    trades: Trades
    # Decisions to hold something that no fill followed: the history was cut or ended
    void_decisions: int = field(default=0)


def prices_of(bars: Bars) -> Prices:
    """Take what can be traded at from bars; raises BacktestError as `Prices`."""
    return Prices(**{entry.name: getattr(bars, entry.name) for entry in fields(Prices)})


def rows_decided(prices: Prices, *, decided_at: Instants) -> Ints:
    """Find the rows of the bars at whose closes decisions are made, in the order of `decided_at`. Shape (k,).

    Raises:
        BacktestError: Two decisions for one bar, or one for a bar that is missing.
    """
    row = np.searchsorted(prices.closed_at, decided_at)
    missing = np.append(prices.closed_at, -1)[row] != decided_at
    twice = np.bincount(row[~missing], minlength=len(prices)) > 1

    def instants(at: Instants) -> str:
        return listed((iso(int(instant)) for instant in at), most=5)

    found = []
    if missing.any():
        found.append(
            f"{missing.sum():,} of {len(row):,} decisions are for bars that are missing: "
            f"{instants(decided_at[missing])}; decide at the closes of the bars that are traded, and at no others"
        )
    if twice.any():
        found.append(f"two decisions for one bar: {instants(prices.closed_at[twice])}; decide once at each close")
    if found:
        raise BacktestError(f"{prices.symbol}: " + "; ".join(found))
    return row


def simulate(
    prices: Prices, weight: Floats, *, rules: Rules, costs: Costs, volatility: Floats | None = None
) -> Account:
    """Trade one symbol by decisions made at its bars' closes; the rules are at the top of this file.

    A decision at a close sees nothing later: changing later prices changes no earlier point of the account.

    Args:
        prices: The bars.
        weight: Share of equity to hold, decided at each close, below 0 short; NaN for no decision. Shape (n,).
        rules: Fills, units, stop and target, and the capital.
        costs: Costs of fills and of holding.
        volatility: Of one bar's return, known at each close; only for `rules.stop_in: volatility`. Shape (n,).

    Raises:
        BacktestError: Lengths that differ, weights that are no shares, costs that cannot be, or no volatility where a
            position may be opened; all problems at once.
    """
    weight = _plain(weight, np.float64)
    changes, beyond = kernel.survey(weight, MAX_WEIGHT)
    found = [*_weight_problems(prices, weight, beyond), *_cost_problems(costs)]
    unit = _plain(np.ones(1), np.float64)
    if rules.stop_in == "volatility" and (rules.stop, rules.target) != (None, None):
        found += _volatility_problems(prices, weight, volatility)
        unit = unit if volatility is None else _plain(volatility, np.float64)
    if found:
        raise BacktestError("\n  ".join([f"{prices.symbol}: this cannot be backtested.", *found]))
    # After a cut the same weight is decided anew.
    decisions = changes + int(prices.segment[-1] - prices.segment[0])
    return _walk(
        prices, kernel.Decided(weight, unit), terms=_terms(rules, costs), capital=rules.capital, room=2 * decisions + 1
    )


def _walk(prices: Prices, decided: kernel.Decided, *, terms: kernel.Terms, capital: float, room: int) -> Account:
    books, table = kernel.opened(capital), np.empty(room, kernel.TRADE)
    equity, cash, units = np.empty((3, len(prices)))  # one block: malloc gives three back to the system at once
    kinds: dict[str, type[np.generic]] = {"closed_at": np.int64, "segment": np.int32}
    columns = (_plain(getattr(prices, name), kinds.get(name, np.float64)) for name in kernel.KernelMarket._fields)
    market = kernel.KernelMarket(*columns)
    kernel.walk(market, decided, terms, books, kernel.Written(table, equity, cash, units))
    done = table[: int(books["trades"][0])]
    trades = Trades(**{entry.name: done[entry.name].copy() for entry in fields(Trades)})
    return Account(equity=equity, cash=cash, units=units, trades=trades, void_decisions=int(books["void"][0]))


def _plain(array: npt.NDArray[Any], kind: type[np.generic]) -> npt.NDArray[Any]:
    """View an array as read-only and without strides: each other kind would be compiled anew, for seconds."""
    view = np.ascontiguousarray(array, dtype=kind).view()
    view.setflags(write=False)
    return view


def _terms(rules: Rules, costs: Costs) -> kernel.Terms:
    bps = 1e-4
    charges = kernel.Charges(
        commission=costs.commission_bps * bps,
        per_unit=float(costs.commission_per_unit),
        minimum=float(costs.commission_minimum),
        spread=costs.half_spread_bps * bps,
        slippage=costs.slippage_bps * bps,
        range_share=float(costs.slippage_range_share),
        carry_long=costs.funding_bps_per_year * bps / YEAR,
        carry_short=(costs.borrow_bps_per_year + costs.funding_bps_per_year) * bps / YEAR,
    )
    stop, target = (math.inf if distance is None else float(distance) for distance in (rules.stop, rules.target))
    return kernel.Terms(_FILL_CODES[rules.fill], rules.units == "whole", stop, target, charges)


def _price_problems(prices: Prices) -> Iterator[str]:
    arrays = {entry.name: np.asarray(getattr(prices, entry.name)) for entry in fields(Prices) if entry.name != "symbol"}
    if len(prices.closed_at) == 0:
        yield "there are no bars; choose a span that the symbol has"
    if len({array.shape for array in arrays.values()}) > 1:
        lengths = ", ".join(f"{name} {len(array):,}" for name, array in arrays.items())
        yield f"one value for each bar is needed, got {lengths}"
        return
    for name in ("open", "high", "low", "close"):
        bad = ~(np.isfinite(arrays[name]) & (arrays[name] > 0.0))
        yield from _at(prices, bad, what=f"{name} is not a price above 0", shown=arrays[name])
    with np.errstate(invalid="ignore"):
        outside = (prices.high < np.maximum(prices.open, prices.close)) | (
            prices.low > np.minimum(prices.open, prices.close)
        )
    yield from _at(prices, outside, what="open or close lies outside low .. high", shown=prices.close)
    orders = (("closed_at", "closed_at goes back or stands still", 1), ("segment", "segment goes back", 0))
    for name, what, least in orders:
        back = np.append(np.zeros(min(1, len(prices)), np.bool_), np.diff(arrays[name]) < least)
        yield from _at(prices, back, what=what, shown=arrays[name])


def _at(prices: Prices, bad: Flags, *, what: str, shown: npt.NDArray[np.generic]) -> Iterator[str]:
    """Name the first bad row, and the cure."""
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        yield (
            f"{what} in {bad.sum():,} of {len(bad):,} bars, first row {row:,} closed "
            f"{iso(int(prices.closed_at[row]))}: {shown[row]}; "
            "repair the file, or have such bars dropped (source.on_defect)"
        )


def _weight_problems(prices: Prices, weight: Floats, beyond: int) -> Iterator[str]:
    if len(weight) != len(prices):
        yield f"{len(weight):,} weights for {len(prices):,} bars; one for each bar is needed, NaN for no decision"
    if beyond >= 0:
        yield (
            f"weight {weight[beyond]} at row {beyond:,} closed {iso(int(prices.closed_at[beyond]))}; a weight is a "
            f"share of equity from {-MAX_WEIGHT:g} to {MAX_WEIGHT:g}: 0.5 holds half of it, -1 is short all of it"
        )


def _cost_problems(costs: Costs) -> Iterator[str]:
    for entry in fields(Costs):
        value = getattr(costs, entry.name)
        if not 0.0 <= value < math.inf:
            yield f"costs.{entry.name}: expected a number of 0 or more, got {value!r}"
    if costs.half_spread_bps + costs.slippage_bps >= 1e4:
        yield "costs.half_spread_bps and costs.slippage_bps make up the whole price; 10000 basis points are 100 %"


def _volatility_problems(prices: Prices, weight: Floats, volatility: Floats | None) -> Iterator[str]:
    if volatility is None:
        yield "stop and target are multiples of the volatility, and none is given; give it, or stop_in: fraction"
        return
    if len(volatility) != len(prices) or len(weight) != len(prices):
        yield f"{len(volatility):,} volatilities for {len(prices):,} bars; one for each bar is needed"
        return
    opens = ~np.isnan(weight) & (weight != 0.0)
    bad = opens & ~(np.isfinite(volatility) & (volatility > 0.0))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        yield (
            f"{bad.sum():,} decisions have no volatility above 0 for their stop and target, first row {row:,} closed "
            f"{iso(int(prices.closed_at[row]))}: {volatility[row]}; decide nothing there (NaN)"
        )

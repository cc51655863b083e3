"""The compiled walk over one symbol's bars behind `account.simulate`: orders, fills, costs and trades.

All of it is in this file on purpose: a function compiled on disk does not notice changes of one it calls elsewhere.
What every bar runs through takes numbers, never arrays: counting references to arrays at each call would take most of
the time. Numbers are float64. What happens within one bar, in this order:

    open    carry is paid for the time since the close before
            the first bar after a cut: what is held is closed here, the order is void
            else the order of the close before is filled, here or at the bar's average
    inside  stop, then target; extremes are seen
    close   the last bar: what is held is closed; else the decision becomes an order (filled at once by SAME_CLOSE)
"""

from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

from multisymbol.arrays import Floats, Ints

NEXT_OPEN, SAME_CLOSE, NEXT_VWAP = range(3)
DECISION, FLIP, STOP, TARGET, SEGMENT_END, END, RUIN = range(7)

ROUNDING = 1e-12  # a share of the units: 2.9999999999999996 of them are 3


compiled = njit(cache=True, error_model="numpy")


class KernelMarket(NamedTuple):
    """What is traded at, shape (n,) each, see `account.Prices`."""

    closed_at: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    segment: npt.NDArray[np.int32]


class Charges(NamedTuple):
    """`Costs` as the kernel uses them: shares of the notional instead of basis points, per nanosecond for years."""

    commission: float
    per_unit: float
    minimum: float
    spread: float
    slippage: float
    range_share: float
    carry_long: float
    carry_short: float


class Terms(NamedTuple):
    """How orders are filled and protected, and what they cost."""

    fill: int  # NEXT_OPEN, SAME_CLOSE or NEXT_VWAP
    whole: bool
    stop: float  # from the average entry price, in units of `Book.unit`; infinite for none
    target: float  # likewise
    charges: Charges


class Decided(NamedTuple):
    """What is known at each close, beside the prices."""

    weight: Floats  # share of equity to hold, NaN for no decision, shape (n,)
    unit: Floats  # of stop and target, as a share of the entry price, shape (n,); (1,) for the same always


class Written(NamedTuple):
    """What `walk` writes."""

    trades: npt.NDArray[Any]  # rows of `TRADE`: room for two for each decision and one more
    equity: Floats  # at each bar's close, shape (n,)
    cash: Floats
    units: Floats


class Book(Protocol):
    """The account in the middle of a bar: one record that the functions below change."""

    cash: float  # below 0 where more is bought than is owned
    units: float  # held; below 0 short
    notional: float  # of `units` at their average entry price, 0 or more
    commission: float  # paid at the entry of `units`; likewise `spread` and `slippage`
    spread: float
    slippage: float
    carry: float  # paid for `units` since their entry
    entry_row: int  # where the position was opened
    lowest: float  # price since then
    highest: float
    unit: float  # what stop and target are multiples of, as a share of the entry price
    wish: float  # latest weight that was decided
    order: float  # units to hold from the next fill on; NaN for no order
    order_unit: float  # `unit` of a position the order opens
    averaged_row: int  # latest bar whose extremes may lie before a fill in it
    trades: int  # so far
    void: int  # decisions to hold something that were never filled: the history was cut or ended
    ruined: int  # 1 from the close on at which nothing was left


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Trades:
    """Closed parts of positions in order of their exits; shape (m,) each, money in the account's currency."""

    entry_row: Ints  # bar of the fill that opened the position (for a part added later, too)
    exit_row: Ints  # bar of the fill that closed this part
    side: Ints  # 1 long, -1 short
    quantity: Floats  # units, above 0
    entry_price: Floats  # average reference price of the position
    exit_price: Floats
    gross: Floats  # side * quantity * (exit price - entry price)
    commission: Floats  # of this part's entry and of its exit; likewise spread, slippage
    spread: Floats
    slippage: Floats
    carry: Floats  # borrow and funding while it was held
    net: Floats  # gross - all costs; the sum over all trades is the change of equity
    bars_held: Ints
    # Worst price since the position was opened as a return on the entry price, 0 or less. Highs and lows count; of
    # the bar of an exit its open if held then, and the fill; of the bar of an entry what comes after it: all for a
    # fill at the open, only the close for one at the average
    mae: Floats
    mfe: Floats  # likewise the best, 0 or more
    reason: Ints  # place in `account.REASONS`

    def __len__(self) -> int:
        return len(self.net)

    @property
    def costs(self) -> Floats:
        """Commission, spread, slippage and carry together. Shape (m,)."""
        return self.commission + self.spread + self.slippage + self.carry


Trade: TypeAlias = Any
"""One row of the table of trades."""

BOOK = np.dtype([(name, np.int64 if kind is int else np.float64) for name, kind in Book.__annotations__.items()])
TRADE = np.dtype([(each.name, np.int64 if each.type is Ints else np.float64) for each in fields(Trades)])


class _Bar(NamedTuple):
    """One row of `KernelMarket` and `Decided`, and what lies between it and the row before."""

    row: int
    open: float
    high: float
    low: float
    close: float
    before: float  # close of the row before
    elapsed: int  # nanoseconds since then
    cut: bool  # whether the history was cut since then
    last: bool
    weight: float


class _Held(NamedTuple):
    """What stays as it is while nothing happens."""

    units: float
    wish: float
    waiting: bool  # whether an order waits
    below: float  # price at or below which stop or target are reached
    above: float
    carry_rate: float  # money per nanosecond for each unit of price


class _Moving(NamedTuple):
    """What a bar changes at which nothing happens; as in `Book`."""

    cash: float
    carry: float
    lowest: float
    highest: float


class _Fill(NamedTuple):
    """Where and why units change hands; `range` is the bar's high - low."""

    row: int
    price: float
    range: float
    reason: int


class _Fees(NamedTuple):
    commission: float
    spread: float
    slippage: float


class _Levels(NamedTuple):
    """Prices at which a position is left, and why."""

    below: float
    above: float
    reason_below: int
    reason_above: int


class _Exit(NamedTuple):
    """Price of a stop or target that was reached; NaN for none."""

    price: float
    reason: int


@compiled
def survey(weight: Floats, limit: float) -> tuple[int, int]:
    """Count the decisions that differ from the latest one, and find the first weight beyond `limit`, -1 for none."""
    changes, wish = 0, 0.0
    for row in range(len(weight)):
        if np.isnan(weight[row]) or weight[row] == wish:
            continue
        if abs(weight[row]) > limit:
            return changes, row
        changes += 1
        wish = weight[row]
    return changes, -1


def opened(capital: float) -> npt.NDArray[Any]:
    """Return the one record of an account that holds money and nothing else."""
    books = np.zeros(1, BOOK)
    books["cash"], books["order"], books["averaged_row"] = capital, np.nan, -1
    return books


@compiled
def walk(market: KernelMarket, decided: Decided, terms: Terms, books: npt.NDArray[Any], written: Written) -> None:
    """Walk all bars once; `books` holds one record, `opened` before and the account's end after.

    A bar at which nothing can happen but carry takes a short way, through numbers that stay in registers; the long way
    would come to the same, bit for bit.
    """
    # Arrays taken out of their tuples once: each time costs a count of references.
    closed_at, open_, high, low, close, segment = market
    weight, unit = decided
    trades, equity, cash, units = written
    book, last, unit_last = books[0], len(close) - 1, len(unit) - 1
    held, moving = _held(book, terms), _moving(book)
    before_at, before, stretch = closed_at[0], close[0], segment[0]
    for row in range(last + 1):
        elapsed, cut = closed_at[row] - before_at, segment[row] != stretch
        prices = (open_[row], high[row], low[row], close[row], before)
        bar = _Bar(row, *prices, elapsed, cut, row == last, weight[row])
        if _is_quiet(bar, held, moving):
            moving = _passed(bar, held, moving)
        else:
            book.cash, book.carry, book.lowest, book.highest = moving
            _open(book, trades[book.trades], bar, terms)
            _close(book, trades[book.trades], bar, terms, unit[min(row, unit_last)])
            held, moving = _held(book, terms), _moving(book)
        cash[row], units[row] = moving.cash, held.units
        equity[row] = moving.cash + held.units * bar.close
        before_at, before, stretch = closed_at[row], bar.close, segment[row]


@compiled
def _held(book: Book, terms: Terms) -> _Held:
    levels = _levels(book, terms)
    waiting = not np.isnan(book.order)
    return _Held(book.units, book.wish, waiting, levels.below, levels.above, _carry_rate(book.units, terms.charges))


@compiled
def _moving(book: Book) -> _Moving:
    return _Moving(book.cash, book.carry, book.lowest, book.highest)


@compiled
def _is_quiet(bar: _Bar, held: _Held, moving: _Moving) -> bool:
    """Return whether nothing can happen at this bar but carry."""
    if bar.cut or bar.last or held.waiting or not (np.isnan(bar.weight) or bar.weight == held.wish):
        return False
    inside = bar.low > held.below and bar.high < held.above
    return inside and _passed(bar, held, moving).cash + held.units * bar.close > 0.0


@compiled
def _passed(bar: _Bar, held: _Held, moving: _Moving) -> _Moving:
    paid = held.carry_rate * (bar.before * bar.elapsed)
    lowest, highest = min(moving.lowest, bar.low), max(moving.highest, bar.high)
    return _Moving(moving.cash - paid, moving.carry + paid, lowest, highest)


@compiled
def _carry_rate(units: float, charges: Charges) -> float:
    return abs(units) * (charges.carry_long if units > 0.0 else charges.carry_short)


@compiled
def _open(book: Book, trade: Trade, bar: _Bar, terms: Terms) -> None:
    """Pay for the time since the close before, and fill the order that was made there."""
    paid = _carry_rate(book.units, terms.charges) * (bar.before * bar.elapsed)
    book.carry += paid
    book.cash -= paid
    if bar.cut:
        _cut(book, trade, bar, terms.charges)
    if not np.isnan(book.order):
        price = bar.open
        if terms.fill == NEXT_VWAP:
            price = (bar.open + bar.high + bar.low + bar.close) / 4.0
            book.averaged_row = bar.row
        _execute(book, trade, _fill(bar, price, DECISION), terms.charges)


@compiled
def _close(book: Book, trade: Trade, bar: _Bar, terms: Terms, unit: float) -> None:
    """Take what is held after the open to the close, and decide there."""
    if book.units != 0.0:
        _live_through(book, trade, bar, terms)
    if bar.last:  # what is decided here can never be filled
        book.void += not (np.isnan(bar.weight) or bar.weight in (0.0, book.wish) or book.ruined)
        if book.units != 0.0:
            _reduce(book, trade, 0.0, _fill(bar, bar.close, END), terms.charges)
    elif _decide(book, bar, unit, terms.whole) and terms.fill == SAME_CLOSE:
        _execute(book, trade, _fill(bar, bar.close, DECISION), terms.charges)


@compiled
def _fill(bar: _Bar, price: float, reason: int) -> _Fill:
    return _Fill(bar.row, price, bar.high - bar.low, reason)


@compiled
def _cut(book: Book, trade: Trade, bar: _Bar, charges: Charges) -> None:
    """Start a new segment without a position, an order or a wish."""
    if not np.isnan(book.order):
        book.void += book.order != 0.0
        book.order = np.nan
    book.wish = 0.0
    if book.units != 0.0:
        _reduce(book, trade, 0.0, _fill(bar, bar.open, SEGMENT_END), charges)


@compiled
def _live_through(book: Book, trade: Trade, bar: _Bar, terms: Terms) -> None:
    """Take a position to the close, or to the stop or target on the way."""
    if book.averaged_row == bar.row:
        _see(book, bar.close)
        return
    left = _barrier(bar, _levels(book, terms))
    if np.isnan(left.price):
        _see(book, bar.high)
        _see(book, bar.low)
    else:
        _see(book, bar.open)
        _reduce(book, trade, 0.0, _fill(bar, left.price, left.reason), terms.charges)


@compiled
def _levels(book: Book, terms: Terms) -> _Levels:
    """Place stop and target around the average entry price; infinitely far without one or without a position."""
    if book.units == 0.0 or (np.isinf(terms.stop) and np.isinf(terms.target)):
        return _Levels(-np.inf, np.inf, STOP, STOP)
    entry = book.notional / abs(book.units)
    stop, target = terms.stop * book.unit, terms.target * book.unit
    if book.units > 0.0:
        return _Levels(entry * (1.0 - stop), entry * (1.0 + target), STOP, TARGET)
    return _Levels(entry * (1.0 - target), entry * (1.0 + stop), TARGET, STOP)


@compiled
def _barrier(bar: _Bar, levels: _Levels) -> _Exit:
    """Find the stop or target this bar reaches: the open comes before the extremes, the stop before the target."""
    if bar.open <= levels.below:
        return _Exit(bar.open, levels.reason_below)
    if bar.open >= levels.above:
        return _Exit(bar.open, levels.reason_above)
    under, over = bar.low <= levels.below, bar.high >= levels.above
    if under and (levels.reason_below == STOP or not over):
        return _Exit(levels.below, levels.reason_below)
    return _Exit(levels.above if over else np.nan, levels.reason_above)


@compiled
def _decide(book: Book, bar: _Bar, unit: float, whole: bool) -> bool:  # noqa: FBT001
    """Turn a changed wish into an order; where no equity is left, close and never trade again."""
    equity = book.cash + book.units * bar.close
    if equity <= 0.0:
        book.ruined = 1
        book.order = 0.0 if book.units != 0.0 else np.nan
        return book.units != 0.0
    if np.isnan(bar.weight) or bar.weight == book.wish or book.ruined:
        return False
    units = bar.weight * equity / bar.close
    book.wish, book.order_unit = bar.weight, unit
    book.order = np.trunc(units * (1.0 + ROUNDING)) if whole else units
    return True


@compiled
def _execute(book: Book, trade: Trade, fill: _Fill, charges: Charges) -> None:
    """Trade from what is held to the order's units; from one side to the other in two fills."""
    order, book.order = book.order, np.nan
    if book.units < 0.0 < order or order < 0.0 < book.units:
        _reduce(book, trade, 0.0, _Fill(fill.row, fill.price, fill.range, FLIP), charges)
    if abs(order) > abs(book.units):
        _add(book, order, fill, charges)
    elif abs(order) < abs(book.units):
        reason = RUIN if book.ruined else fill.reason
        _reduce(book, trade, order, _Fill(fill.row, fill.price, fill.range, reason), charges)


@compiled
def _fees(quantity: float, side: float, fill: _Fill, charges: Charges) -> _Fees:
    """Price one fill; `side` is 1 where units are bought."""
    notional = quantity * fill.price
    spread = notional * charges.spread
    slippage = notional * charges.slippage + quantity * fill.range * charges.range_share
    paid = max(0.0, notional + side * (spread + slippage))
    commission = max(charges.minimum, paid * charges.commission + quantity * charges.per_unit)
    return _Fees(commission, spread, slippage)


@compiled
def _add(book: Book, units: float, fill: _Fill, charges: Charges) -> None:
    """Open a position or add to it, up to `units`."""
    quantity = abs(units) - abs(book.units)
    side = 1.0 if units > 0.0 else -1.0
    fees = _fees(quantity, side, fill, charges)
    if book.units == 0.0:
        book.entry_row, book.unit = fill.row, book.order_unit
        book.lowest = book.highest = fill.price
    _see(book, fill.price)
    book.cash -= side * quantity * fill.price + fees.commission + fees.spread + fees.slippage
    book.notional += quantity * fill.price
    book.commission += fees.commission
    book.spread += fees.spread
    book.slippage += fees.slippage
    book.units = units


@compiled
def _reduce(book: Book, trade: Trade, units: float, fill: _Fill, charges: Charges) -> None:
    """Close a position down to `units` of the same side: a trade of that part of it, with that part of its costs."""
    held = abs(book.units)
    quantity = held - abs(units)
    side = 1.0 if book.units > 0.0 else -1.0
    fees = _fees(quantity, -side, fill, charges)
    _see(book, fill.price)
    book.trades += 1
    trade.entry_row, trade.exit_row, trade.bars_held = book.entry_row, fill.row, fill.row - book.entry_row
    trade.side, trade.reason, trade.quantity = int(side), fill.reason, quantity
    trade.entry_price, trade.exit_price = book.notional / held, fill.price
    # The worst and best price since the position was opened, as returns on its average entry price.
    worst, best = (book.lowest, book.highest) if side > 0.0 else (book.highest, book.lowest)
    trade.mae = min(0.0, side * (worst / trade.entry_price - 1.0))
    trade.mfe = max(0.0, side * (best / trade.entry_price - 1.0))
    _share_out(trade, book, quantity / held, fees)
    proceeds = quantity * fill.price
    trade.gross += side * proceeds
    trade.net = trade.gross - (trade.commission + trade.spread + trade.slippage + trade.carry)
    book.cash += side * proceeds - (fees.commission + fees.spread + fees.slippage)
    book.units = units


@compiled
def _share_out(trade: Trade, book: Book, part: float, fees: _Fees) -> None:
    """Move this part of what the position cost from the book to the trade; a whole position leaves exactly nothing."""
    side = float(trade.side)
    notional, carry = part * book.notional, part * book.carry
    commission, spread, slippage = part * book.commission, part * book.spread, part * book.slippage
    book.notional -= notional
    book.carry -= carry
    book.commission -= commission
    book.spread -= spread
    book.slippage -= slippage
    trade.gross = -side * notional
    trade.carry = carry
    trade.commission = commission + fees.commission
    trade.spread = spread + fees.spread
    trade.slippage = slippage + fees.slippage


@compiled
def _see(book: Book, price: float) -> None:
    book.lowest = min(book.lowest, price)
    book.highest = max(book.highest, price)

"""The compiled walk over one symbol's bars behind `accounting.simulate`: orders, fills, costs and trades.

All of it is in this file on purpose: a function compiled on disk does not notice changes of one it calls elsewhere.
What every bar runs through takes numbers, never arrays: counting references to arrays at each call would take most of
the time. Numbers are float64. What happens within one bar, in this order:

    open    carry is paid for the time since the close before
            the first bar after a cut: what is held is closed here, the order is void
            else the order of the close before is filled, here or at the bar's average
    inside  stop, then target; extremes are seen
    close   the last bar: what is held is closed; else the decision becomes an order (filled at once by SAME_CLOSE)
"""

from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

Floats: TypeAlias = npt.NDArray[np.float64]
Table: TypeAlias = npt.NDArray[Any]

NEXT_OPEN, SAME_CLOSE, NEXT_VWAP = range(3)
DECISION, FLIP, STOP, TARGET, SEGMENT_END, END, RUIN = range(7)

ROUNDING = 1e-12  # a share of the units: 2.9999999999999996 of them are 3


class Market(NamedTuple):
    """What is traded at, shape (n,) each, see `accounting.Prices`."""

    closed_at: npt.NDArray[np.int64]
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
    """How orders are filled and protected, and what they cost.

    Args:
        fill: NEXT_OPEN, SAME_CLOSE or NEXT_VWAP.
        whole: Whether units are whole.
        stop: Distance of the stop from the average entry price in units of `Book.unit`; infinite for none.
        target: Likewise of the target.
        charges: All costs.
    """

    fill: int
    whole: bool
    stop: float
    target: float
    charges: Charges


class Decided(NamedTuple):
    """What is known at each close, beside the prices.

    Args:
        weight: Share of equity to hold, NaN for no decision. Shape (n,).
        unit: Of stop and target, as a share of the entry price. Shape (n,), or (1,) for the same always.
    """

    weight: Floats
    unit: Floats


class Written(NamedTuple):
    """What `walk` writes.

    Args:
        trades: Rows of `TRADE`: room for two for each decision and one more.
        equity: At each bar's close. Shape (n,).
        cash: Likewise.
        units: Likewise.
    """

    trades: Table
    equity: Floats
    cash: Floats
    units: Floats


class Book(Protocol):
    """The account in the middle of a bar: one record that the functions below change.

    Args:
        cash: Below 0 where more is bought than is owned.
        units: Held; below 0 short.
        notional: Of `units` at their average entry price, 0 or more.
        commission: Paid at the entry of `units`; likewise `spread` and `slippage`.
        carry: Paid for `units` since their entry.
        entry_row: Where the position was opened.
        lowest: Price since then; likewise `highest`.
        unit: What stop and target are multiples of, as a share of the entry price.
        wish: Latest weight that was decided.
        order: Units to hold from the next fill on; NaN for no order.
        order_unit: `unit` of a position the order opens.
        averaged_row: Latest bar whose extremes may lie before a fill in it.
        trades: Number of trades so far.
        void: Decisions to hold something that were never filled, because the history was cut or ended.
        ruined: 1 from the close on at which nothing was left.
    """

    cash: float
    units: float
    notional: float
    commission: float
    spread: float
    slippage: float
    carry: float
    entry_row: int
    lowest: float
    highest: float
    unit: float
    wish: float
    order: float
    order_unit: float
    averaged_row: int
    trades: int
    void: int
    ruined: int


BOOK = np.dtype([(name, np.int64 if kind is int else np.float64) for name, kind in Book.__annotations__.items()])

TRADE = np.dtype(
    [
        ("entry_row", np.int64),
        ("exit_row", np.int64),
        ("bars_held", np.int64),
        *(
            (name, np.float64)
            for name in (
                "quantity",
                "entry_price",
                "exit_price",
                "gross",
                "commission",
                "spread",
                "slippage",
                "carry",
                "net",
                "mae",
                "mfe",
            )
        ),
        ("side", np.int8),
        ("reason", np.int8),
    ],
    align=True,
)
"""One row of the table of trades, see `accounting.Trades`."""


class _Bar(NamedTuple):
    """One row of `Market`."""

    row: int
    open: float
    high: float
    low: float
    close: float


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


class _Exit(NamedTuple):
    """Price of a stop or target that was reached; NaN for none."""

    price: float
    reason: int


@njit(cache=True)
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


@njit(cache=True)
def walk(market: Market, decided: Decided, terms: Terms, books: npt.NDArray[Any], written: Written) -> None:
    """Walk all bars once.

    Args:
        market: The bars.
        decided: At each close.
        terms: Of fills, barriers and costs.
        books: One record, see `BOOK`; `opened` before, the account's end after.
        written: Results.
    """
    book, trades = books[0], written.trades
    last = len(market.close) - 1
    for row in range(len(market.close)):
        bar = _Bar(row, market.open[row], market.high[row], market.low[row], market.close[row])
        if book.units != 0.0:
            _pay_carry(book, market.close[row - 1], market.closed_at[row] - market.closed_at[row - 1], terms.charges)
        if row > 0 and market.segment[row] != market.segment[row - 1]:
            _cut(book, trades, bar, terms.charges)
        if not np.isnan(book.order):
            _fill_order(book, trades, bar, terms)
        if book.units != 0.0:
            left = _live_through(book, bar, terms)
            if not np.isnan(left.price):
                _reduce(book, trades, 0.0, _Fill(row, left.price, bar.high - bar.low, left.reason), terms.charges)
        if row == last:
            _end(book, trades, bar, decided.weight[row], terms.charges)
        elif _decide(book, decided.weight[row], bar.close, terms.whole):
            book.order_unit = decided.unit[min(row, len(decided.unit) - 1)]
            if terms.fill == SAME_CLOSE:
                _execute(book, trades, _Fill(row, bar.close, bar.high - bar.low, DECISION), terms.charges)
        written.cash[row] = book.cash
        written.units[row] = book.units
        written.equity[row] = book.cash + book.units * bar.close


def opened(capital: float) -> npt.NDArray[Any]:
    """Return the one record of an account that holds money and nothing else."""
    books = np.zeros(1, BOOK)
    books["cash"], books["order"], books["averaged_row"] = capital, np.nan, -1
    return books


@njit(cache=True)
def _pay_carry(book: Book, close: float, elapsed: int, charges: Charges) -> None:
    """Charge what was held at the close before for the time until this one."""
    rate = charges.carry_long if book.units > 0.0 else charges.carry_short
    paid = abs(book.units) * close * rate * elapsed
    book.carry += paid
    book.cash -= paid


@njit(cache=True)
def _cut(book: Book, table: Table, bar: _Bar, charges: Charges) -> None:
    """Start a new segment without a position, an order or a wish."""
    if not np.isnan(book.order):
        book.void += book.order != 0.0
        book.order = np.nan
    book.wish = 0.0
    if book.units != 0.0:
        _reduce(book, table, 0.0, _Fill(bar.row, bar.open, bar.high - bar.low, SEGMENT_END), charges)


@njit(cache=True)
def _fill_order(book: Book, table: Table, bar: _Bar, terms: Terms) -> None:
    """Fill the order of the close before."""
    price = bar.open
    if terms.fill == NEXT_VWAP:
        price = (bar.open + bar.high + bar.low + bar.close) / 4.0
        book.averaged_row = bar.row
    _execute(book, table, _Fill(bar.row, price, bar.high - bar.low, DECISION), terms.charges)


@njit(cache=True)
def _live_through(book: Book, bar: _Bar, terms: Terms) -> _Exit:
    """Take a position from the open to the close, or to the stop or target on the way."""
    left = _Exit(np.nan, STOP)
    if book.averaged_row == bar.row:
        _see(book, bar.close)
        return left
    if np.isfinite(terms.stop) or np.isfinite(terms.target):
        left = _barrier(book, bar, terms)
    if np.isnan(left.price):
        _see(book, bar.high)
        _see(book, bar.low)
    else:
        _see(book, bar.open)
    return left


@njit(cache=True)
def _barrier(book: Book, bar: _Bar, terms: Terms) -> _Exit:
    """Find the stop or target this bar reaches: the open comes before the extremes, the stop before the target."""
    side = 1.0 if book.units > 0.0 else -1.0
    entry = book.notional / abs(book.units)
    stop, target = entry * (1.0 - side * terms.stop * book.unit), entry * (1.0 + side * terms.target * book.unit)
    worst, best = (bar.low, bar.high) if side > 0.0 else (bar.high, bar.low)
    if side * (bar.open - stop) <= 0.0:
        return _Exit(bar.open, STOP)
    if side * (bar.open - target) >= 0.0:
        return _Exit(bar.open, TARGET)
    if side * (worst - stop) <= 0.0:
        return _Exit(stop, STOP)
    return _Exit(target if side * (best - target) >= 0.0 else np.nan, TARGET)


@njit(cache=True)
def _decide(book: Book, weight: float, close: float, whole: bool) -> bool:  # noqa: FBT001
    """Turn a changed wish into an order; where no equity is left, close and never trade again."""
    equity = book.cash + book.units * close
    if equity <= 0.0:
        book.ruined = 1
        book.order = 0.0 if book.units != 0.0 else np.nan
        return book.units != 0.0
    if np.isnan(weight) or weight == book.wish or book.ruined:
        return False
    book.wish = weight
    units = weight * equity / close
    book.order = np.trunc(units * (1.0 + ROUNDING)) if whole else units
    return True


@njit(cache=True)
def _end(book: Book, table: Table, bar: _Bar, weight: float, charges: Charges) -> None:
    """Close at the last close; what is decided there can never be filled."""
    book.void += not (np.isnan(weight) or weight in (0.0, book.wish) or book.ruined)
    if book.units != 0.0:
        _reduce(book, table, 0.0, _Fill(bar.row, bar.close, bar.high - bar.low, END), charges)


@njit(cache=True)
def _execute(book: Book, table: Table, fill: _Fill, charges: Charges) -> None:
    """Trade from what is held to the order's units; from one side to the other in two fills."""
    order, book.order = book.order, np.nan
    if book.units < 0.0 < order or order < 0.0 < book.units:
        _reduce(book, table, 0.0, _Fill(fill.row, fill.price, fill.range, FLIP), charges)
    if abs(order) > abs(book.units):
        _add(book, order, fill, charges)
    elif abs(order) < abs(book.units):
        reason = RUIN if book.ruined else fill.reason
        _reduce(book, table, order, _Fill(fill.row, fill.price, fill.range, reason), charges)


@njit(cache=True)
def _fees(quantity: float, side: float, fill: _Fill, charges: Charges) -> _Fees:
    """Price one fill; `side` is 1 where units are bought."""
    notional = quantity * fill.price
    spread = notional * charges.spread
    slippage = notional * charges.slippage + quantity * fill.range * charges.range_share
    paid = max(0.0, notional + side * (spread + slippage))
    commission = max(charges.minimum, paid * charges.commission + quantity * charges.per_unit)
    return _Fees(commission, spread, slippage)


@njit(cache=True)
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


@njit(cache=True)
def _reduce(book: Book, table: Table, units: float, fill: _Fill, charges: Charges) -> None:
    """Close a position down to `units` of the same side: a trade of that part of it, with that part of its costs."""
    held = abs(book.units)
    quantity = held - abs(units)
    side = 1.0 if book.units > 0.0 else -1.0
    fees = _fees(quantity, -side, fill, charges)
    _see(book, fill.price)
    trade = table[book.trades]
    book.trades += 1
    trade.entry_row, trade.exit_row, trade.bars_held = book.entry_row, fill.row, fill.row - book.entry_row
    trade.side, trade.reason, trade.quantity = int(side), fill.reason, quantity
    trade.entry_price, trade.exit_price = book.notional / held, fill.price
    _excursions(trade, book, side)
    _share_out(trade, book, quantity / held, fees)
    proceeds = quantity * fill.price
    trade.gross += side * proceeds
    trade.net = trade.gross - (trade.commission + trade.spread + trade.slippage + trade.carry)
    book.cash += side * proceeds - (fees.commission + fees.spread + fees.slippage)
    book.units = units


@njit(cache=True)
def _share_out(trade: Any, book: Book, part: float, fees: _Fees) -> None:
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


@njit(cache=True)
def _excursions(trade: Any, book: Book, side: float) -> None:
    """Note the worst and best price since the position was opened, as returns on its average entry price."""
    worst, best = (book.lowest, book.highest) if side > 0.0 else (book.highest, book.lowest)
    trade.mae = min(0.0, side * (worst / trade.entry_price - 1.0))
    trade.mfe = max(0.0, side * (best / trade.entry_price - 1.0))


@njit(cache=True)
def _see(book: Book, price: float) -> None:
    book.lowest = min(book.lowest, price)
    book.highest = max(book.highest, price)

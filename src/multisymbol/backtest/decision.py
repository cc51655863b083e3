"""From what a model says at a bar's close to the position to hold: a rule's conviction and size, then discipline.

    probabilities ─> conviction, size ─> discipline ─> weights          (each rule its own)   (the same for all)

A conviction is signed: above `enter` it opens a long position, below -`enter` a short one. A position is left when
conviction no longer speaks for it (`exit`, at most `enter`). Weights are shares of equity as `account.simulate` wants
them: a number where something is decided, NaN where what is held stays as it is. Like the account, a rule starts every
segment of the history without a position. It knows of no stop or target: after one, it thinks it still holds.

Each class here raises BacktestError for values out of their range, all at once.
"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from numba import njit

from multisymbol.arrays import Flags, Floats, Ints
from multisymbol.backtest.performance import bars_per_year
from multisymbol.errors import BacktestError, require_fields
from multisymbol.labels.labels import BUY, CLASSES, SELL
from multisymbol.labels.volatility import trailing_deviation
from multisymbol.markets.bars import Bars
from multisymbol.markets.sessions import SessionClock
from multisymbol.markets.time import HOUR, MINUTE, Instants

_SUM_TOLERANCE = 1e-3
_NOWHERE = -1


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DecisionContext:
    """What else is known at the close of each of n bars of one symbol; arrays have shape (n,)."""

    closed_at: Instants  # when decisions are made, strictly ascending
    volatility: Floats  # trailing deviation of a bar's log return, this bar's included; NaN while there is none
    # Whether an order decided here can no longer be filled and closed again within the session, see `last_orders`
    session_end: Flags
    segment: npt.NDArray[np.int32]  # number of the uninterrupted stretch, see `Bars`
    bars_per_year: float  # of these bars; a fact of the calendar
    target_unit: Floats  # log return that one unit of a return model's target stands for, for `Forecast`
    round_trip_cost: float  # entry and exit together, share of the notional, for `Forecast`

    def __post_init__(self) -> None:
        names = ("closed_at", "volatility", "session_end", "segment", "target_unit")
        shapes = {name: getattr(self, name).shape for name in names}
        if any(shape != (len(self),) for shape in shapes.values()):
            found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
            raise BacktestError(f"a decision needs arrays of one length: {found}")

    def __len__(self) -> int:
        return len(self.closed_at)


def decision_context(
    bars: Bars,
    *,
    clock: SessionClock,
    volatility_bars: int,
    horizon_bars: int,
    fill: Literal["next_open", "same_close", "next_vwap"],
    round_trip_cost: float,
) -> DecisionContext:
    """Gather what rules may know of a symbol's bars.

    Args:
        bars: The symbol's.
        clock: Session clock of its calendar.
        volatility_bars: Log returns in the trailing deviation, which never reaches over the border of a segment; for a
            return model those of its labels.
        horizon_bars: Bars ahead that a return model forecasts; the unit of its target is the deviation of so many.
        fill: When orders are filled; decides which are the last of a session.
        round_trip_cost: Entry and exit, share of the notional.
    """
    volatility = np.full(len(bars), np.nan)
    for stretch in bars.segments():
        volatility[stretch] = trailing_deviation(bars.close[stretch], volatility_bars)
    delay_minutes = 0.0 if fill == "same_close" else bars.timeframe.nanoseconds / MINUTE
    return DecisionContext(
        closed_at=bars.closed_at,
        volatility=volatility,
        session_end=last_orders(bars.closed_at, clock=clock, delay_minutes=delay_minutes),
        segment=bars.segment,
        bars_per_year=bars_per_year(bars.closed_at),
        target_unit=volatility * math.sqrt(horizon_bars),
        round_trip_cost=round_trip_cost,
    )


def stretches(segment: npt.NDArray[np.int32], *, asked: Flags) -> npt.NDArray[np.int32]:
    """Number the stretches of a history that are cut by gaps or by nobody's being asked: rules begin anew in each.

    `segment` is that of `Bars`, `asked` whether a model is asked at each close; shape (n,) each, as what is returned.
    """
    cut = (np.diff(segment, prepend=0) != 0) | np.diff(asked, prepend=asked[:1])
    return np.cumsum(cut).astype(np.int32)


def last_orders(closed_at: Instants, *, clock: SessionClock, delay_minutes: float) -> Flags:
    """Mark the bars of a session from which on nothing may be opened, and at which what is open is to be closed.

    With fills at the next bar these are the last bar but one, whose order is filled at the open of the last, and the
    last itself, whose order would be filled in the next session. The calendar's close counts, early ones included,
    not where the bars happen to end. Shape (n,).

    Args:
        closed_at: Shape (n,).
        clock: Session clock of the symbol's calendar.
        delay_minutes: Length of a bar where orders are filled at the next, 0 where at the same close.
    """
    # A bar that ends with its session closes when the market is closed already: the instant before is inside.
    return clock.facts(closed_at - 1).minutes_to_close <= delay_minutes + 1e-3


@dataclass(frozen=True, kw_only=True, slots=True)
class PositionRules:
    """How convictions become positions, whatever the rule; nothing in it ever keeps an exit from being made."""

    # `long_only`: a sell only closes; `long_short`: it opens a short position too
    sides: Literal["long_only", "long_short"]
    # What a bar does to an open position whose side it does not support. `flat`: closes it, a position lives only
    # while conviction for it is above `exit`. `keep`: nothing, only conviction for the other side above `exit` closes
    # it
    hold_means: Literal["flat", "keep"]
    reverse_at_once: bool  # whether one decision may turn long into short; otherwise it closes, a later one opens
    max_weight: float  # most a position may be, share of equity, above 0; more than 1 is leverage
    smallest_change: float  # A change of size, an entry included, by less than this share of equity is not made
    # Bars from one entry to the next, 0 for no limit; an entry that has to wait is not made up for
    min_bars_between_entries: int
    # Hours from the bar in which the last entry or exit was filled (the one after its decision) to the next entry, 0
    # for no limit
    min_hours_after_fill: float
    flat_at_session_end: bool  # whether `session_end` bars close what is open, and open nothing

    def __post_init__(self) -> None:
        hours = self.min_hours_after_fill
        require_fields(
            BacktestError,
            self,
            "decision.discipline",
            ("sides", self.sides in {"long_only", "long_short"}, "long_only or long_short"),
            ("hold_means", self.hold_means in {"flat", "keep"}, "flat or keep"),
            ("max_weight", 0.0 < self.max_weight < math.inf, "a share of equity above 0"),
            ("smallest_change", 0.0 <= self.smallest_change < math.inf, "a share of equity, 0 or more"),
            ("min_bars_between_entries", self.min_bars_between_entries >= 0, "0 or more bars"),
            ("min_hours_after_fill", 0.0 <= hours < math.inf, "0 or more hours"),
        )


class DecisionRule(Protocol):
    """Turns a model's answers for the bars of one symbol into weights."""

    def weights(self, prob: Floats, *, context: DecisionContext) -> Floats:
        """Return the share of equity to hold, decided at each bar's close; NaN keeps what is held. Shape (n,).

        Args:
            prob: BUY, HOLD, SELL; a row of NaN is no forecast, and changes nothing. Shape (n, 3).
            context: Of the same bars.

        Raises:
            BacktestError: Rows that are no probabilities, or not as many as bars.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class Threshold:
    """The most likely class, if it is likely enough, always with the same weight.

    Conviction is +p(BUY) where BUY is likelier than both others, -p(SELL) where SELL is, 0 elsewhere (ties included).
    """

    enter_confidence: float  # A probability above it opens, 0 to 1; 1 never trades
    exit_confidence: float  # at most `enter_confidence`; see `PositionRules.hold_means`
    weight: float  # share of equity, above 0
    discipline: PositionRules  # the rest

    def __post_init__(self) -> None:
        require_fields(BacktestError, self, "decision.threshold", *_confidences(self), _within(self))

    def weights(self, prob: Floats, *, context: DecisionContext) -> Floats:
        """See `DecisionRule`."""
        between = (self.enter_confidence, self.exit_confidence)
        return _positions(self, _likeliest(_checked(prob, context)), size=self.weight, between=between, context=context)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbabilityWeighted:
    """The more likely BUY is than SELL, the larger the position.

    Conviction is p(BUY) - p(SELL), the weight `scale` times it, at most `PositionRules.max_weight`. While a position is
    open its size follows at every bar that supports it.
    """

    scale: float  # share of equity at a conviction of 1, above 0
    enter_edge: float  # A conviction beyond it opens, 0 to 1
    exit_edge: float  # at most `enter_edge`; see `PositionRules.hold_means`
    discipline: PositionRules  # the rest

    def __post_init__(self) -> None:
        enter, leave = self.enter_edge, self.exit_edge
        require_fields(
            BacktestError,
            self,
            "decision.probability_weighted",
            ("scale", 0.0 < self.scale < math.inf, "a share of equity above 0"),
            ("enter_edge", 0.0 <= enter <= 1.0, "a difference of probabilities, 0 to 1"),
            ("exit_edge", 0.0 <= leave <= enter, f"0 to enter_edge, {enter}"),
        )

    def weights(self, prob: Floats, *, context: DecisionContext) -> Floats:
        """See `DecisionRule`."""
        given = _checked(prob, context)
        edge = given[:, BUY] - given[:, SELL]
        between = (self.enter_edge, self.exit_edge)
        return _positions(self, edge, size=np.abs(edge) * self.scale, between=between, context=context)


@dataclass(frozen=True, kw_only=True, slots=True)
class VolatilityTarget:
    """Direction as `Threshold`; the calmer the market, the larger the position: the same risk at any time.

    The weight is the target over the trailing volatility known at the close, at most `PositionRules.max_weight`. At a
    bar without a volatility, or with one of 0, nothing is opened or resized.
    """

    target: float  # volatility of the position's log return, above 0: 0.1 a year is 10 %
    per: Literal["year", "bar"]  # `year` or `bar`; a year's is spread over its bars by the square root
    enter_confidence: float  # as in `Threshold`; likewise `exit_confidence`
    exit_confidence: float
    discipline: PositionRules  # the rest; `smallest_change` keeps small changes of volatility from being traded

    def __post_init__(self) -> None:
        require_fields(
            BacktestError,
            self,
            "decision.volatility_target",
            ("target", 0.0 < self.target < math.inf, "a volatility above 0"),
            ("per", self.per in {"year", "bar"}, "year or bar"),
            *_confidences(self),
        )

    def weights(self, prob: Floats, *, context: DecisionContext) -> Floats:
        """See `DecisionRule`; raises BacktestError also for a target per year without `bars_per_year`."""
        conviction, between = _likeliest(_checked(prob, context)), (self.enter_confidence, self.exit_confidence)
        return _positions(self, conviction, size=self._sizes(context), between=between, context=context)

    def _sizes(self, context: DecisionContext) -> Floats:
        if self.per == "year" and not context.bars_per_year > 0.0:
            raise BacktestError(
                f"a volatility target per year needs bars per year, got {context.bars_per_year}; give two bars or more"
            )
        target = self.target / math.sqrt(context.bars_per_year) if self.per == "year" else self.target
        known = context.volatility > 0.0
        unknown = np.full(len(context), np.nan)
        sizes: Floats = np.divide(target, context.volatility, out=unknown, where=known)
        return sizes


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """For models of returns: trade where the forecast return pays the round trip so many times over.

    Conviction is forecast * target_unit, a log return.
    """

    enter_costs: float  # round trips that a forecast must exceed to open, 0 or more
    exit_costs: float  # at most `enter_costs`; see `PositionRules.hold_means`
    weight: float  # share of equity, above 0
    discipline: PositionRules  # the rest

    def __post_init__(self) -> None:
        enter, leave = self.enter_costs, self.exit_costs
        require_fields(
            BacktestError,
            self,
            "decision.forecast",
            ("enter_costs", 0.0 <= enter < math.inf, "0 or more round trips"),
            ("exit_costs", 0.0 <= leave <= enter, f"0 to enter_costs, {enter}"),
            _within(self),
        )

    def weights(self, forecast: Floats, *, context: DecisionContext) -> Floats:
        """Decide at every bar's close, as `DecisionRule` does with probabilities.

        Args:
            forecast: In units of the target; NaN is no forecast. Shape (n,).
            context: Of the same bars.

        Raises:
            BacktestError: Not as many forecasts as bars, or infinite ones.
        """
        if forecast.shape != (len(context),) or np.isinf(forecast).any():
            raise BacktestError(f"expected {len(context)} finite forecasts, NaN for none, got shape {forecast.shape}")
        conviction, cost = forecast * context.target_unit, context.round_trip_cost
        between = (self.enter_costs * cost, self.exit_costs * cost)
        return _positions(self, conviction, size=self.weight, between=between, context=context)


def buy_and_hold(segment: npt.NDArray[np.int32]) -> Floats:
    """Return the weights of buying with all equity at the first close of each segment, and keeping it. Shape (n,)."""
    starts = np.diff(segment, prepend=-1) != 0
    return np.where(starts, 1.0, np.nan)


def _confidences(rule: Threshold | VolatilityTarget) -> list[tuple[str, bool, str]]:
    enter, leave = rule.enter_confidence, rule.exit_confidence
    return [
        ("enter_confidence", 0.0 <= enter <= 1.0, "a probability, 0 to 1"),
        ("exit_confidence", 0.0 <= leave <= enter, f"0 to enter_confidence, {enter}"),
    ]


def _within(rule: Threshold | Forecast) -> tuple[str, bool, str]:
    most = rule.discipline.max_weight
    return "weight", 0.0 < rule.weight <= most, f"a share of equity above 0, at most max_weight, {most}"


def _checked(prob: Floats, context: DecisionContext) -> Floats:
    """Return the probabilities, or say which rows are none."""
    if prob.shape != (len(context), len(CLASSES)):
        raise BacktestError(
            f"probabilities have shape {prob.shape}, expected {(len(context), len(CLASSES))}: BUY, HOLD, SELL a bar"
        )
    missing = np.isnan(prob).all(axis=1)
    with np.errstate(invalid="ignore"):
        fine = (prob >= 0.0).all(axis=1) & (np.abs(prob.sum(axis=1) - 1.0) <= _SUM_TOLERANCE)
    wrong = np.flatnonzero(~(missing | fine))
    if len(wrong):
        raise BacktestError(
            f"{len(wrong)} rows are no probabilities, first row {wrong[0]}: {prob[wrong[0]].tolist()}; expected numbers"
            " from 0 that sum to 1, or NaN in all three where there is no forecast"
        )
    return prob


def _likeliest(prob: Floats) -> Floats:
    """Return +p(BUY) where it is the largest, -p(SELL) where that is, 0 elsewhere; NaN stays. Shape (n,)."""
    buy, hold, sell = prob.T
    conviction = np.where(buy > np.maximum(hold, sell), buy, np.where(sell > np.maximum(hold, buy), -sell, 0.0))
    conviction[np.isnan(buy)] = np.nan
    return conviction


def _positions(
    rule: Threshold | ProbabilityWeighted | VolatilityTarget | Forecast,
    conviction: Floats,
    *,
    size: float | Floats,
    between: tuple[float, float],
    context: DecisionContext,
) -> Floats:
    """Apply a rule's discipline; `between`: the convictions beyond which it enters, and down to which it stays."""
    discipline, (enter, leave) = rule.discipline, between
    terms = _Terms(
        enter=float(enter),
        leave=float(leave),
        shorts=discipline.sides == "long_short",
        keeps=discipline.hold_means == "keep",
        reverses=discipline.reverse_at_once,
        smallest_change=float(discipline.smallest_change),
        entry_bars=int(discipline.min_bars_between_entries),
        wait_ns=round(discipline.min_hours_after_fill * HOUR),
    )
    bars = _Rows(
        closed_at=context.closed_at,
        conviction=conviction,
        size=np.minimum(np.full(len(context), size, dtype=np.float64), discipline.max_weight),
        closes=context.session_end & discipline.flat_at_session_end,
        starts=np.diff(context.segment, prepend=context.segment[:1]) != 0,
    )
    weights: Floats = _walk(bars, terms)
    return weights


class _Rows(NamedTuple):
    """What is known at each close: `closes` where nothing may stay open, `starts` where a segment begins."""

    closed_at: Ints
    conviction: Floats
    size: Floats
    closes: Flags
    starts: Flags


class _Terms(NamedTuple):
    """Thresholds and discipline, as numbers for the kernel."""

    enter: float
    leave: float
    shorts: bool
    keeps: bool
    reverses: bool
    smallest_change: float
    entry_bars: int
    wait_ns: int


@njit(cache=True)
def _walk(bars: _Rows, terms: _Terms) -> Floats:
    """Go through the bars once; each decision depends on its own bar and the position so far. Shape (n,)."""
    weights = np.full(len(bars.conviction), np.nan)
    held, entered, filled = 0.0, _NOWHERE, _NOWHERE
    for row in range(len(bars.conviction)):
        if bars.starts[row] and held != 0.0:
            held, filled, weights[row] = 0.0, row, 0.0
        if bars.closes[row]:
            target = 0.0
        elif np.isnan(bars.conviction[row]):
            continue
        else:
            target = _target(held, bars.conviction[row], bars.size[row], terms)
            if held * target <= 0.0 and not _may_enter(row, entered, filled, bars.closed_at, terms):
                target = 0.0
        if target == held and held != 0.0:
            continue
        if held * target <= 0.0 and target != held:
            filled = row + 1
            entered = row if target != 0.0 else entered
        held, weights[row] = target, target
    return weights


@njit(cache=True)
def _target(held: float, conviction: float, size: float, terms: _Terms) -> float:
    """Return the weight wanted when entries need not wait; `held` itself for no change."""
    side = np.sign(held)
    supported = side * conviction > terms.leave
    stays = not -side * conviction > terms.leave if terms.keeps else supported
    if held != 0.0 and stays:
        change = abs(side * size - held)
        return side * size if supported and size > 0.0 and change >= terms.smallest_change else held
    entry = np.sign(conviction) if abs(conviction) > terms.enter else 0.0
    if (entry < 0.0 and not terms.shorts) or (held != 0.0 and not terms.reverses):
        return 0.0
    return entry * size if size > 0.0 and size >= terms.smallest_change else 0.0


@njit(cache=True)
def _may_enter(row: int, entered: int, filled: int, closed_at: Ints, terms: _Terms) -> bool:
    """Whether enough bars have passed since the last entry, and enough time since the bar of the last fill."""
    if entered != _NOWHERE and row - entered < terms.entry_bars:
        return False
    return filled == _NOWHERE or terms.wait_ns == 0 or closed_at[row] - closed_at[filled] >= terms.wait_ns

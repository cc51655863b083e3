"""What an account's equity is worth: measures annualised by the bars that really were, nothing by a table of 252 days.

    r[t] = equity[t] / equity[t - 1] - 1,  equity[-1] = capital          n bars, n returns; cash earns nothing

A ratio whose divisor is 0 is NaN, and so is whatever takes more data than there are: no trades, a constant equity, one
bar. After ruin (equity of 0 or less) there are no returns: volatility and the ratios made of it are NaN.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from multisymbol.arrays import Floats, Ints
from multisymbol.backtest.account import Account, Prices, Rules
from multisymbol.errors import BacktestError
from multisymbol.markets.time import DAY, NEVER, Instants
from multisymbol.statistics.mean_tests import mean_error

YEAR = 365.25 * DAY
"""Nanoseconds."""

TRADING_COSTS = ("commission", "spread", "slippage")
"""Kinds of cost that are paid per side of a trade; carry is paid for holding."""

_CONSTANT = 1e-12
"""Deviation, as a share of the largest value, below which what varies is rounding error."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TradeResults:
    """The k closed trades of a track, in money of its account; shape (k,) each."""

    exit_row: Ints  # row of the bar in which each was closed
    net: Floats  # profit after all costs
    commission: Floats  # paid at entry and exit together, 0 or more; likewise spread and slippage
    spread: Floats
    slippage: Floats
    carry: Floats  # borrow and funding paid while it was open; negative where earned

    def __len__(self) -> int:
        return len(self.net)

    def scaled(self, factor: Floats, *, exit_row: Ints) -> "TradeResults":
        """Multiply the money of each trade, shape (k,), and move it to a row of another clock."""
        kinds = ("net", *TRADING_COSTS, "carry")
        return TradeResults(exit_row=exit_row, **{kind: getattr(self, kind) * factor for kind in kinds})

    def costs(self) -> dict[str, float]:
        """Return the total of each kind."""
        return {kind: float(getattr(self, kind).sum()) for kind in (*TRADING_COSTS, "carry")}


NO_TRADES = TradeResults(
    exit_row=np.empty(0, dtype=np.int64), **dict.fromkeys(("net", *TRADING_COSTS, "carry"), np.empty(0))
)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Track:
    """An account through n bars, of one symbol or of many; arrays have shape (n,).

    Raises:
        BacktestError: No bars, unequal lengths, values that are no numbers, instants out of order; all at once.
    """

    closed_at: Instants  # when each value was known, strictly ascending
    equity: Floats  # worth at each close, the last one after everything was closed
    capital: float  # worth before the first bar, above 0
    position: Floats  # market value of what is held at each close, longs and shorts both counted as positive
    traded: Floats  # notional bought and sold in each bar, 0 or more
    trades: TradeResults = field(default=NO_TRADES)

    def __post_init__(self) -> None:
        problems = [*self._unequal(), *self._impossible()]
        if problems:
            raise BacktestError("an account cannot be measured: " + "; ".join(problems))

    def __len__(self) -> int:
        return len(self.closed_at)

    def returns(self) -> Floats:
        """Return each bar's return; NaN from the bar after ruin on. Shape (n,)."""
        return _relative(self.equity, self) - 1.0

    def _unequal(self) -> list[str]:
        arrays = {name: getattr(self, name).shape for name in ("equity", "position", "traded")}
        wrong = {name: shape for name, shape in arrays.items() if shape != self.closed_at.shape}
        parts = {name: getattr(self.trades, name).shape for name in TradeResults.__dataclass_fields__}
        wrong |= {f"trades.{name}": shape for name, shape in parts.items() if shape != (len(self.trades),)}
        return [f"{name} has shape {shape}, expected one value a bar or trade" for name, shape in wrong.items()]

    def _impossible(self) -> list[str]:
        found = [] if len(self) else ["there are no bars"]
        if not 0.0 < self.capital < math.inf:
            found.append(f"the capital is {self.capital}, expected more than 0")
        if (np.diff(self.closed_at) <= 0).any():
            found.append(f"bars are out of order at row {int(np.argmax(np.diff(self.closed_at) <= 0)) + 1}")
        for name in ("equity", "position", "traded"):
            broken = np.flatnonzero(~np.isfinite(getattr(self, name)))
            found += [f"{name} is no number at {len(broken)} bars, first row {broken[0]}"] if len(broken) else []
        return found


def track_of(account: Account, *, prices: Prices, rules: Rules) -> Track:
    """Take what is measured from the account of one symbol.

    What was bought or sold in a bar follows from units held and trades: what changed the units and closed no trade was
    an order, filled where `rules.fill` says.
    """
    trades, rows = account.trades, len(prices)
    closed_units = np.bincount(trades.exit_row, weights=trades.side * trades.quantity, minlength=rows)
    closed = np.bincount(trades.exit_row, weights=trades.quantity * trades.exit_price, minlength=rows)
    opened_units = np.abs(np.diff(account.units, prepend=0.0) + closed_units)
    at = {"next_open": prices.open, "same_close": prices.close, "next_vwap": prices.vwap}[rules.fill]
    return Track(
        closed_at=prices.closed_at,
        equity=account.equity,
        capital=rules.capital,
        position=np.abs(account.units) * prices.close,
        traded=closed + opened_units * at,
        trades=TradeResults(**{name: getattr(trades, name) for name in TradeResults.__dataclass_fields__}),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawdown:
    """A stretch below an earlier peak of equity."""

    depth: float  # 1 - lowest equity / peak; above 1 where more was lost than there was
    peak_at: int  # close of the bar with the peak; the first bar's where it is the capital
    trough_at: int
    recovered_at: int  # close of the first bar at the peak again; NEVER where it was not reached
    bars: int  # from the peak to the recovery, or to the last bar


@dataclass(frozen=True, kw_only=True, slots=True)
class Performance:
    """Measures of one track; plain numbers all through (`dataclasses.asdict` gives JSON but for NaN)."""

    bars: int
    first_at: int  # close of the first bar; likewise last_at
    last_at: int
    bars_per_year: float
    years: float
    total_return: float  # share of the capital, 0.1 is 10 %; likewise all returns
    annual_return: float  # compounded; -1 after ruin. Of a span much shorter than a year it says little
    volatility: float  # deviation (n - 1) of returns, times sqrt(bars_per_year)
    sharpe: float  # mean return / deviation, times sqrt(bars_per_year); interest 0
    sharpe_error: float  # its standard error, see `sharpe_error`
    sortino: float  # mean return * bars_per_year / downside deviation a year, that of min(r, 0) from 0 over all bars
    calmar: float  # annual_return / max_drawdown
    max_drawdown: float  # depth of the deepest drawdown, 0 or more
    deepest: Drawdown | None  # the deepest drawdown, the earliest of equal ones; None where equity never fell
    longest: Drawdown | None  # the one with the most bars, likewise
    trades: int  # closed ones
    hit_rate: float  # share of them with a net profit above 0
    profit_factor: float  # sum of net profits / sum of net losses
    mean_trade: float  # mean net profit, money
    exposure: float  # share of bars at whose close something is held
    mean_weight: float  # mean over bars of what is held, share of equity
    turnover: float  # notional traded a year, both sides, in units of equity
    net_profit: float  # last equity - capital, money
    costs: Mapping[str, float]  # kind -> money paid; a negative carry was earned
    cost_bps: float  # trading costs paid per side, basis points of the notional traded
    break_even_bps: float  # what a side might cost at most, see `break_even_bps`; below `cost_bps` where money was lost
    ruined_at: int  # close of the bar whose equity is 0 or less; NEVER


@dataclass(frozen=True, kw_only=True, slots=True)
class Against:
    """A track beside a benchmark on the same bars; holding cash as the benchmark, all of it is the track's own.

    Excesses are differences of returns, the information ratio (with its standard error) is the Sharpe ratio of the
    difference, beta the slope of the track's returns on the benchmark's.
    """

    excess_return: float
    excess_annual: float
    information_ratio: float
    information_error: float
    beta: float
    correlation: float


def measure(track: Track) -> Performance:
    """Measure an account on its own clock."""
    returns, rate = track.returns(), bars_per_year(track.closed_at)
    years = len(track) / rate
    total = float(track.equity[-1]) / track.capital - 1.0
    annual = _annual(total, years)
    falls = drawdowns(track)
    deepest = max(falls, key=lambda fall: fall.depth, default=None)
    depth = deepest.depth if deepest else 0.0
    trades, invested = track.trades, _relative(track.position, track)
    ruined = np.flatnonzero(track.equity <= 0.0)
    return Performance(
        bars=len(track),
        first_at=int(track.closed_at[0]),
        last_at=int(track.closed_at[-1]),
        bars_per_year=rate,
        years=years,
        total_return=total,
        annual_return=annual,
        volatility=_deviation(returns) * math.sqrt(rate),
        sharpe=sharpe(returns, bars_per_year=rate),
        sharpe_error=sharpe_error(returns, bars_per_year=rate),
        sortino=sortino(returns, bars_per_year=rate),
        calmar=_ratio(annual, depth),
        max_drawdown=depth,
        deepest=deepest,
        longest=max(falls, key=lambda fall: fall.bars, default=None),
        trades=len(trades),
        hit_rate=_ratio(float((trades.net > 0.0).sum()), len(trades)),
        profit_factor=_ratio(float(trades.net[trades.net > 0.0].sum()), -float(trades.net[trades.net < 0.0].sum())),
        mean_trade=_ratio(float(trades.net.sum()), len(trades)),
        exposure=float((track.position != 0.0).mean()),
        mean_weight=float(invested.mean()),
        turnover=float(_relative(track.traded, track).sum()) / years,
        net_profit=float(track.equity[-1]) - track.capital,
        costs=trades.costs(),
        cost_bps=_paid_per_side(track) * 1e4,
        break_even_bps=break_even_bps(track),
        ruined_at=int(track.closed_at[ruined[0]]) if len(ruined) else NEVER,
    )


def against(track: Track, benchmark: Track) -> Against:
    """Compare a track with a benchmark; raises BacktestError unless they are on the same bars."""
    if not np.array_equal(track.closed_at, benchmark.closed_at):
        raise BacktestError(
            f"{len(track)} bars are compared with {len(benchmark)} others; measure both on the same bars"
        )
    own, other, rate = track.returns(), benchmark.returns(), bars_per_year(track.closed_at)
    years = len(track) / rate
    totals = [float(each.equity[-1]) / each.capital - 1.0 for each in (track, benchmark)]
    # One thread, as in `autocovariances`.
    together = np.einsum("i,i->", own - own.mean(), other - other.mean()) / (len(own) - 1) if len(own) > 1 else math.nan
    return Against(
        excess_return=totals[0] - totals[1],
        excess_annual=_annual(totals[0], years) - _annual(totals[1], years),
        information_ratio=sharpe(own - other, bars_per_year=rate),
        information_error=sharpe_error(own - other, bars_per_year=rate),
        beta=_ratio(together, _deviation(other) ** 2),
        correlation=_ratio(together, _deviation(own) * _deviation(other)),
    )


def bars_per_year(closed_at: Instants) -> float:
    """Count bars a year of 365.25 days from the instants themselves: (n - 1) / (last - first).

    A clock with sessions, holidays and gaps has as many as it really had; a span of a few days does not average over a
    weekend, and says so by its number. NaN for less than two bars.
    """
    if len(closed_at) < 2:
        return math.nan
    return float((len(closed_at) - 1) / (int(closed_at[-1] - closed_at[0]) / YEAR))


def sharpe(returns: Floats, *, bars_per_year: float) -> float:
    """Return mean / deviation (n - 1) * sqrt(bars_per_year); NaN where nothing varies or a return is none."""
    return _ratio(float(returns.mean()), _deviation(returns)) * math.sqrt(bars_per_year)


def sharpe_error(returns: Floats, *, bars_per_year: float) -> float:
    """Return the standard error of `sharpe`, valid for returns that are autocorrelated and not normal.

    A Sharpe ratio is a function of two moments; by the delta method its error is that of the mean of

        z / s - S / (2 s^2) (z^2 - s^2),    z = r - mean, s = deviation, S = mean / s

    taken with Bartlett weights over 4 (n / 100)^(2/9) lags. For independent normal returns: sqrt((1 + S^2 / 2) / n).

    Source: Lo 2002, Financial Analysts Journal 58(4), eq. 14 and appendix A (GMM); Newey and West 1987, lags as 1994.
    """
    deviation = _deviation(returns)
    if not deviation > 0.0:
        return math.nan
    z = (returns - returns.mean()) / deviation
    influence = z - float(returns.mean()) / deviation / 2.0 * (z * z - 1.0)
    lag = math.floor(4.0 * (len(returns) / 100.0) ** (2.0 / 9.0))
    return mean_error(influence, lag=lag) * math.sqrt(bars_per_year)


def sortino(returns: Floats, *, bars_per_year: float) -> float:
    """Return mean / sqrt(mean of min(r, 0)^2) * sqrt(bars_per_year); NaN where no return is below 0."""
    downside = math.sqrt(float(np.square(np.minimum(returns, 0.0)).mean()))
    return _ratio(float(returns.mean()), downside) * math.sqrt(bars_per_year)


def drawdowns(track: Track) -> list[Drawdown]:
    """List the stretches below an earlier peak, the capital being the first peak, in order of time."""
    curve = np.concatenate([[track.capital], track.equity])
    peak = np.maximum.accumulate(curve)
    under = np.concatenate([[False], curve < peak, [False]])
    starts, stops = (np.flatnonzero(change) for change in (under[1:] & ~under[:-1], under[:-1] & ~under[1:]))
    return [_drawdown(track, curve, int(start), int(stop)) for start, stop in zip(starts, stops, strict=True)]


def break_even_bps(track: Track) -> float:
    """Find what a side of a trade might cost, in basis points of its notional, for equity to end where it began.

    Trading costs are taken as if every side had cost the same share of its notional, c. Trades and gross returns stay
    what they were in units of equity (true up to products of costs and returns), so that with c + x in place of c

        sum over bars of log(1 + r[t] - x traded[t] / equity before[t]) = 0

    and the answer is c + x. Borrow and funding stay what they were.

    Returns:
        Below 0 where even free trading loses; NaN without a trade and after ruin.
    """
    returns = track.returns()
    ratio = _relative(track.traded, track)
    rows = ratio > 0.0
    if not rows.any() or not np.isfinite(returns).all() or track.equity[-1] <= 0.0:
        return math.nan
    rest = float(np.log1p(returns[~rows]).sum())
    return (_paid_per_side(track) + _extra_cost(1.0 + returns[rows], ratio[rows], rest=rest)) * 1e4


def _extra_cost(growth: Floats, ratio: Floats, *, rest: float) -> float:
    """Solve rest + sum log(growth - x ratio) = 0 by Newton's method.

    The sum is concave and falls. From the left of its zero a step goes too far, at most to half the way to where a bar
    would lose everything; from the right steps never go too far.
    """
    x, limit = 0.0, float((growth / ratio).min())
    for _ in range(100):
        left = growth - x * ratio
        step = (rest + float(np.log(left).sum())) / float((ratio / left).sum())
        step = min(step, (limit - x) / 2.0)
        x += step
        if abs(step) <= 1e-15 + 1e-13 * abs(x):
            break
    return x


def _drawdown(track: Track, curve: Floats, start: int, stop: int) -> Drawdown:
    """Describe the places start..stop-1 of the curve, which begins one bar before the track."""
    at, last = track.closed_at, len(track) - 1
    trough = start + int(np.argmin(curve[start:stop]))
    return Drawdown(
        depth=float(1.0 - curve[trough] / curve[start - 1]),
        peak_at=int(at[max(start - 2, 0)]),
        trough_at=int(at[trough - 1]),
        recovered_at=int(at[stop - 1]) if stop - 1 <= last else NEVER,
        bars=min(stop, last + 1) - (start - 1),
    )


def _relative(money: Floats, track: Track) -> Floats:
    """Divide by the equity before each bar; NaN after ruin. Shape (n,)."""
    before = np.concatenate([[track.capital], track.equity[:-1]])
    alive = np.minimum.accumulate(before) > 0.0
    shares: Floats = np.divide(money, before, out=np.full(len(track), np.nan), where=alive)
    return shares


def _paid_per_side(track: Track) -> float:
    paid = track.trades.costs()
    return _ratio(sum(paid[kind] for kind in TRADING_COSTS), float(track.traded.sum()))


def _annual(total: float, years: float) -> float:
    if math.isnan(years):
        return math.nan
    if total <= -1.0:
        return -1.0
    growth = math.log1p(total) / years
    return math.expm1(growth) if growth < 700.0 else math.inf


def _deviation(values: Floats) -> float:
    """Return the deviation (n - 1): NaN for less than two values, exactly 0 where they differ by rounding alone."""
    if len(values) < 2:
        return math.nan
    deviation = float(values.std(ddof=1))
    return 0.0 if deviation <= _CONSTANT * float(np.abs(values).max()) else deviation


def _ratio(numerator: float, divisor: float) -> float:
    return numerator / divisor if divisor != 0.0 else math.nan

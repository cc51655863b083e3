"""Similarity of two symbols, measured on past bars only: whose model may answer for a symbol that has none.

A profile is what the bars of one symbol up to an instant look like: numbers that do not depend on the level of price,
the hours the symbol trades, and its daily returns. The distance of two profiles is

    sqrt( sum of w_c * z_c^2  /  sum of w_c )   +   sqrt( (1 - rho) / 2 )
    profile part                                    correlation part, 0 (moves alike) to 1 (moves against)

with z_c the difference in component c, in robust standard deviations over the profiles of the registry, and rho the
shrunk correlation of daily returns. Two symbols of one class are 0.7 to 1.5 apart as a rule, of two classes 2 to 4.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from multisymbol.arrays import Flags, Floats, Ints
from multisymbol.errors import BundleError, ConfigError
from multisymbol.markets.time import DAY, HOUR, instant, iso
from multisymbol.registry.bundle.files import HASHES, parse, sha256

if TYPE_CHECKING:
    from multisymbol.markets.bars import Bars
    from multisymbol.markets.sessions import SessionClock


LEAST_RETURNS = 500
"""Below it no component that is estimated from returns exists: the tail alone needs 25 returns in its 5 %."""
LEAST_WEEKS = 26
"""Weeks needed to say how volatility itself varies: half a year."""
DAYS_KEPT = 750
"""Days of returns a profile carries: three years of stocks."""
LEAST_COMMON_DAYS = 250
"""Common days below which a correlation is not used.

The literature's rule says 250 common bars. Here it is days, also for hourly bars: correlation at short intervals is
biased to zero by trading that is not synchronous (Epps, 1979, JASA 74), and days are what a profile can carry.
"""

_LONGEST_CLOSURE = 14 * DAY  # longer than any exchange's holidays: bars are missing
_CURVE_HOURS = 24
_HOURS_OF_WEEK = 168
_USUAL_HOUR = (
    0.05  # an hour of the week belongs to the symbol's hours where at least this share of weeks has a bar in it
)
_TAIL_SHARE = 0.05
_CORRELATION_PRIOR_DAYS = 60  # shrinks as if so many days without any correlation had been seen too
_SCALE_PRIOR_PROFILES = 8  # the usual spread counts as much as so many profiles
_COMPARABLE_WEIGHT = 0.5  # share of the weights that must be there on both sides


@dataclass(frozen=True, kw_only=True, slots=True)
class Component:
    """One number of a profile."""

    name: str  # field of `Profile`
    # in the profile part. Volatility decides most on whether thresholds and costs fit, so it counts twice; noisy or
    # configured numbers count half. A judgement, not a measurement
    weight: float
    # spread among the symbols of several classes at hourly bars, 1.4826 times the median absolute deviation: stands in
    # for the registry's own spread while that has few profiles
    usual: float


COMPONENTS = (
    Component(name="log_volatility", weight=2.0, usual=0.5),
    Component(name="volatility_of_volatility", weight=1.0, usual=0.08),
    Component(name="autocorrelation", weight=1.0, usual=0.03),
    Component(name="absolute_autocorrelation", weight=1.0, usual=0.06),
    Component(name="tail", weight=0.5, usual=0.04),
    Component(name="jump_share", weight=0.5, usual=0.05),
    Component(name="relative_spread", weight=0.5, usual=0.4),
)
CURVE = Component(name="hour_curve", weight=1.0, usual=0.2)
HOURS = Component(name="hours", weight=1.0, usual=0.2)
_ALL = (*COMPONENTS, CURVE, HOURS)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Profile:
    """What the bars of one symbol up to an instant look like; None where there were too few bars to say."""

    symbol: str  # whose
    timeframe: str  # length of the bars; profiles of different lengths are not compared
    calendar: str  # the calendar the bars were read by
    first: int  # open of the first bar used
    until: int  # close of the last bar used: nothing later is in here
    bars: int  # bars used
    log_volatility: float | None  # natural logarithm of the standard deviation of a year's return
    volatility_of_volatility: float | None  # standard deviation of the logarithm of a week's volatility
    autocorrelation: float | None  # of returns, lag 1
    absolute_autocorrelation: float | None  # of absolute returns, lag 1: volatility clusters
    tail: float | None  # Hill's estimate of 1 / tail index; 1/3 for the cubic law of stocks, more is fatter
    jump_share: float | None  # share of the variance that comes in jumps, 0 to 1
    relative_spread: float  # log(1 + half the spread in basis points of price)
    # logarithm of the mean absolute return in each hour since the session's open, mean 0 over the hours there are; NaN
    # in others; None for bars of a day or more. Shape (24,)
    hour_curve: Floats | None
    hours: Flags  # which hours of the UTC week (Monday 00:00 is 0) have bars. bool, shape (168,)
    days: Ints  # UTC days since 1970 that have a return, ascending. int64, shape (days,), at most 750
    returns: Floats  # log return of each, from the close of the day before that has bars. Shape (days,)

    def to_json(self) -> dict[str, Any]:
        """Return plain data; days and returns as one line of text each, hours as hexadecimal bits."""
        curve = None if self.hour_curve is None else [_number(value) for value in self.hour_curve.tolist()]
        return {
            "symbol": self.symbol,
            "timeframe": self.timeframe,
            "calendar": self.calendar,
            "first": iso(self.first),
            "until": iso(self.until),
            "bars": self.bars,
            **{component.name: getattr(self, component.name) for component in COMPONENTS},
            "hour_curve": curve,
            "hours": np.packbits(self.hours).tobytes().hex(),
            "days": " ".join(map(str, self.days.tolist())),
            "returns": " ".join(f"{value:.6g}" for value in self.returns.tolist()),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Profile":
        """Read what `to_json` wrote.

        Raises:
            BundleError: Not of that form.
        """
        try:
            return cls(**_fields(data))
        except (KeyError, TypeError, ValueError, OverflowError, ConfigError) as error:
            message = f"similarity.json: the profile of {data.get('symbol')} is not of the form: {error}"
            raise BundleError(message) from error


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """What one unit of difference is, component by component."""

    spread: Mapping[str, float]  # component -> robust standard deviation over the profiles, shrunk to the usual one
    profiles: int  # how many there were


@dataclass(frozen=True, kw_only=True, slots=True)
class Distance:
    """How far two symbols are apart."""

    total: float  # the two parts together; infinite where too little can be compared
    profile: float  # weighted root mean square of the scaled differences
    correlation: float  # sqrt((1 - rho) / 2); as for rho = 0 where there are too few common days
    rho: float | None  # shrunk correlation of daily returns, None where there are too few common days
    common_days: int  # days with bars of both
    # component -> its share of the squared profile part, together 1 (all 0 where that part is 0)
    shares: Mapping[str, float]
    missing: tuple[str, ...]  # components that one of the two does not have


def profile(bars: "Bars", *, until: int, clock: "SessionClock", half_spread_bps: float) -> Profile:
    """Describe a symbol by its bars that closed at or before `until`; later ones are not looked at.

    Returns reach over scheduled closures but not over the borders of segments. What too few bars cannot tell is None
    (fewer than 500 returns, for the volatility of volatility 26 weeks); a price that never moves has no logarithm of
    volatility, no autocorrelation, no tail and no jump share.

    Args:
        bars: Of one symbol; volume is not used.
        until: Last instant known.
        clock: Sessions of its calendar over the bars.
        half_spread_bps: Half the spread in basis points of price.
    """
    count = int(np.searchsorted(bars.closed_at, until, side="right"))
    closed_at, close, segment = bars.closed_at[:count], bars.close[:count], bars.segment[:count]
    inside = segment[1:] == segment[:-1]
    change = np.where(inside, np.diff(np.log(close)), np.nan)  # NaN at the first bar of a segment
    returns = change[inside]
    enough = returns.size >= LEAST_RETURNS and bool(np.any(returns))
    days, daily = _daily(closed_at, close)
    return Profile(
        symbol=bars.symbol,
        timeframe=bars.timeframe.text,
        calendar=clock.calendar,
        first=int(bars.opened_at[0]) if count else until,
        until=int(closed_at[-1]) if count else until,
        bars=count,
        log_volatility=_log_volatility(returns, bars_per_year=_bars_per_year(bars, count)) if enough else None,
        volatility_of_volatility=_volatility_of_volatility(change, closed_at) if enough else None,
        autocorrelation=_autocorrelation(_clipped(change)) if enough else None,
        absolute_autocorrelation=_autocorrelation(np.abs(_clipped(change))) if enough else None,
        tail=_tail(returns) if enough else None,
        jump_share=_jump_share(change, closed_at) if enough else None,
        relative_spread=math.log1p(half_spread_bps),
        hour_curve=_hour_curve(change, closed_at, clock) if enough and bars.timeframe.intraday else None,
        hours=_hours(closed_at),
        days=days,
        returns=daily,
    )


def read_profiles(folder: Path) -> dict[str, Profile]:
    """Read the profiles stored in a bundle, symbol -> profile; of its files only theirs, so a thousand cost seconds.

    Raises:
        BundleError: The file is missing, not of the form, or was changed after it was written.
    """
    path = folder / "similarity.json"
    try:
        content, hashes = path.read_bytes(), (folder / HASHES).read_bytes()
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror or error}") from error
    if parse(folder / HASHES, hashes).get(path.name) != sha256(content):
        raise BundleError(f"{path} was changed after it was written")
    return {symbol: Profile.from_json(data) for symbol, data in parse(path, content).items()}


def fit_scale(profiles: Iterable[Profile]) -> Scale:
    """Take the robust spread of every component over the profiles.

    It is 1.4826 times the median absolute deviation (Hampel, 1974, JASA 69: the standard deviation of a normal, with
    half of the profiles free to be anything), shrunk in variance to the usual spread as if eight profiles had shown
    that: one symbol or two have no spread of their own, and equal symbols do not make the least difference infinite.
    """
    known = list(profiles)
    found = {component.name: _spread(_column(known, component.name)) for component in COMPONENTS}
    found[CURVE.name] = _curve_spread(known)
    usual = {component.name: component.usual for component in _ALL}
    spread = {name: _shrunk(*measured, usual=usual[name]) for name, measured in found.items()}
    return Scale(spread=spread | {HOURS.name: HOURS.usual}, profiles=len(known))


def distance(target: Profile, source: Profile, scale: Scale) -> Distance:
    """Measure how far two symbols are apart: symmetric, zero from a profile to itself.

    Components that one side lacks are left out and named; the others are weighed as if they were all. Where the rest
    makes up less than half of the weights, or the bars are of different length, the total is infinite. Too few common
    days count as no correlation: what is unknown is not near.
    """
    z = {c.name: gap / scale.spread[c.name] for c in _ALL if (gap := _difference(target, source, c)) is not None}
    weight = {component.name: component.weight for component in _ALL}
    terms = {name: weight[name] * value * value for name, value in z.items()}
    compared, squares = sum(weight[name] for name in z), sum(terms.values())
    part = math.sqrt(squares / compared)
    rho, common = _correlation(target, source)
    apart = math.sqrt((1.0 - (rho or 0.0)) / 2.0)
    comparable = target.timeframe == source.timeframe and compared >= _COMPARABLE_WEIGHT * sum(weight.values())
    return Distance(
        total=part + apart if comparable else math.inf,
        profile=part,
        correlation=apart,
        rho=rho,
        common_days=common,
        shares={name: term / squares if squares else 0.0 for name, term in terms.items()},
        missing=tuple(component.name for component in _ALL if component.name not in z),
    )


# --- Components ------------------------------------------------------------------------------------------------------


def _bars_per_year(bars: "Bars", count: int) -> float:
    """Count the bars of a year as the symbol really has them: 1,764 hourly ones of a stock, 8,766 of crypto.

    Closures are part of the year; stretches of more than two weeks without a bar are missing history and are not.
    """
    opened, closed = bars.opened_at[:count], bars.closed_at[:count]
    pause = opened[1:] - closed[:-1]
    elapsed = closed[-1] - opened[0] - pause[pause > _LONGEST_CLOSURE].sum()
    return float(count / (elapsed / (365.25 * DAY)))


def _log_volatility(returns: Floats, *, bars_per_year: float) -> float:
    """Realised volatility of a year: squared returns added up (Andersen et al., 2003, Econometrica 71)."""
    return float(0.5 * np.log(np.mean(returns**2) * bars_per_year))


def _volatility_of_volatility(change: Floats, closed_at: Ints) -> float | None:
    """Standard deviation of log realised volatility over weeks, which is near normal (Andersen et al., 2003).

    Weeks with less than half of the usual number of returns are left out, and those in which price did not move.
    """
    known = ~np.isnan(change)
    week = _week(closed_at[1:][known])
    counts = np.bincount(week)
    variance = np.bincount(week, weights=change[known] ** 2) / counts
    kept = variance[(counts >= 0.5 * np.median(counts)) & (variance > 0)]
    return float(np.std(0.5 * np.log(kept), ddof=1)) if kept.size >= LEAST_WEEKS else None


def _autocorrelation(change: Floats) -> float | None:
    """Sample autocorrelation at lag 1 over successive bars of one segment (Box and Jenkins, 1970, section 2.1)."""
    known = change[~np.isnan(change)]
    centred = change - known.mean()
    products = centred[1:] * centred[:-1]
    products = products[~np.isnan(products)]
    variance = np.mean((known - known.mean()) ** 2)
    return float(products.mean() / variance) if products.size and variance > 0 else None


def _clipped(change: Floats) -> Floats:
    """Cut returns back to their 99 % quantile: one crash would be the whole of an autocorrelation."""
    most = np.nanquantile(np.abs(change), 0.99)
    return np.clip(change, -most, most)


def _tail(returns: Floats) -> float | None:
    """Estimate 1 / tail index from the largest 5 % of absolute returns (Hill, 1975, Annals of Statistics 3)."""
    size = np.sort(np.abs(returns))[::-1]
    most = int(_TAIL_SHARE * size.size)
    return float(np.mean(np.log(size[:most] / size[most]))) if size[most] > 0 else None


def _jump_share(change: Floats, closed_at: Ints) -> float | None:
    """Mean share of a week's variance that bipower variation lacks (Barndorff-Nielsen and Shephard, 2004, JFEC 2).

    Both are taken over pairs of successive bars, so with constant volatility and no jump a week's share is about 0;
    below 0 is noise and counts as 0. By weeks, so that one event is not the whole number. A night counts as one bar.
    """
    pairs = ~np.isnan(change[1:]) & ~np.isnan(change[:-1])
    later, earlier = np.abs(change[1:][pairs]), np.abs(change[:-1][pairs])
    week = _week(closed_at[2:][pairs])
    realised = 0.5 * np.bincount(week, weights=later**2 + earlier**2)
    bipower = 0.5 * math.pi * np.bincount(week, weights=later * earlier)
    moved = realised > 0
    return float(np.mean(np.clip(1.0 - bipower[moved] / realised[moved], 0.0, 1.0))) if np.any(moved) else None


def _week(closed_at: Ints) -> Ints:
    """Number the weeks that have bars, from 0, in order."""
    return np.unique((closed_at - 1) // (7 * DAY), return_inverse=True)[1].astype(np.int64)


def _hour_curve(change: Floats, closed_at: Ints, clock: "SessionClock") -> Floats:
    """Volatility by time of day, in hours since the open (Andersen and Bollerslev, 1997, J. Empirical Finance 4).

    The session clock moves with the season, as trading does; UTC would smear the open over two hours.
    """
    known = ~np.isnan(change)
    at = closed_at[1:][known] - 1  # within the bar, also where it ends with the session
    hour = np.minimum(clock.facts(at).minutes_since_open // 60, _CURVE_HOURS - 1).astype(np.int64)
    counts = np.bincount(hour, minlength=_CURVE_HOURS)
    total = np.bincount(hour, weights=np.abs(change[known]), minlength=_CURVE_HOURS)
    usual = (counts >= _USUAL_HOUR * counts.max()) & (total > 0)
    curve = np.full(_CURVE_HOURS, np.nan)
    curve[usual] = np.log(total[usual] / counts[usual])
    return np.asarray(curve - np.nanmean(curve))


def _hours(closed_at: Ints) -> Flags:
    """Tell which hours of the UTC week have bars, in one week of twenty or more; both seasons of an exchange count."""
    hour = (closed_at - 1 + 3 * DAY) // HOUR  # 1970 began on a Thursday
    week, of_week = np.divmod(hour, _HOURS_OF_WEEK)
    weeks = np.unique(week * _HOURS_OF_WEEK + of_week) % _HOURS_OF_WEEK
    counts = np.bincount(weeks, minlength=_HOURS_OF_WEEK)
    return np.asarray(counts > _USUAL_HOUR * np.unique(week).size)


def _daily(closed_at: Ints, close: Floats) -> tuple[Ints, Floats]:
    """Return the last days with a return and the log returns, each from the close of the day before that has bars.

    They are rounded as `Profile.to_json` writes them, so that a stored profile is the same profile.
    """
    day = (closed_at - 1) // DAY
    last = np.flatnonzero(np.r_[day[1:] != day[:-1], True][: day.size])[-DAYS_KEPT - 1 :]
    returns = [float(f"{value:.6g}") for value in np.diff(np.log(close[last])).tolist()]
    return day[last][1:], np.asarray(returns, dtype=np.float64)


# --- Scale and distance ----------------------------------------------------------------------------------------------


def _column(profiles: Sequence[Profile], name: str) -> Floats:
    return np.asarray([value for each in profiles if (value := getattr(each, name)) is not None], dtype=np.float64)


def _spread(values: Floats) -> tuple[float, int]:
    """Return the robust standard deviation, and of how many values."""
    if values.size == 0:
        return 0.0, 0
    return 1.4826 * float(np.median(np.abs(values - np.median(values)))), values.size


def _curve_spread(profiles: Sequence[Profile]) -> tuple[float, int]:
    """Return the root mean square of the hours' robust spreads."""
    curves = [each.hour_curve for each in profiles if each.hour_curve is not None]
    if not curves:
        return 0.0, 0
    table = np.stack(curves)
    table = table[:, ~np.all(np.isnan(table), axis=0)]
    spread = 1.4826 * np.nanmedian(np.abs(table - np.nanmedian(table, axis=0)), axis=0)
    return float(np.sqrt(np.mean(spread**2))), len(curves)


def _shrunk(measured: float, count: int, *, usual: float) -> float:
    weight = _SCALE_PRIOR_PROFILES
    return math.sqrt((count * measured**2 + weight * usual**2) / (count + weight))


def _difference(one: Profile, other: Profile, component: Component) -> float | None:
    """Return how much two profiles differ in a component, None where one lacks it."""
    if component is HOURS:
        both, either = int(np.sum(one.hours & other.hours)), int(np.sum(one.hours | other.hours))
        return 1.0 - both / either if either else None
    if component is CURVE:
        return _curve_difference(one.hour_curve, other.hour_curve)
    a, b = getattr(one, component.name), getattr(other, component.name)
    return None if a is None or b is None else abs(a - b)


def _curve_difference(one: Floats | None, other: Floats | None) -> float | None:
    """Return the root mean square of what is left of the difference after its mean, over the hours both have."""
    if one is None or other is None:
        return None
    gap = one - other
    gap = gap[~np.isnan(gap)]
    return float(np.std(gap)) if gap.size else None


def _correlation(one: Profile, other: Profile) -> tuple[float | None, int]:
    """Correlate daily returns over common days, shrunk to 0 on Fisher's scale (Fisher, 1921, Metron 1).

    A perfect correlation stays perfect. A symbol moves with itself, however short its history.
    """
    first, second = _common(one, other)
    common = first.size
    if one.symbol == other.symbol:
        return 1.0, common
    if common < LEAST_COMMON_DAYS:
        return None, common
    x, y = first - first.mean(), second - second.mean()
    norm = math.sqrt(float(x @ x) * float(y @ y))
    if norm == 0:
        return None, common
    rho = float(np.clip(float(x @ y) / norm, -1.0, 1.0))
    if 1.0 - abs(rho) < 1e-9:  # rounding
        return math.copysign(1.0, rho), common
    return math.tanh(math.atanh(rho) * common / (common + _CORRELATION_PRIOR_DAYS)), common


def _common(one: Profile, other: Profile) -> tuple[Floats, Floats]:
    """Return the returns of two symbols from common day to common day.

    Where one of them has no bars on a day, the other's return over that day is part of its next one. Steps of more than
    two weeks are left out.
    """
    if np.array_equal(one.days, other.days):
        days, first, second = one.days, one.returns, other.returns
        steps = np.diff(days, prepend=days[:1])
    else:
        days, at, there = np.intersect1d(one.days, other.days, assume_unique=True, return_indices=True)
        first, second = (np.diff(np.cumsum(p.returns)[rows]) for p, rows in ((one, at), (other, there)))
        steps = np.diff(days)
    usual = steps * DAY <= _LONGEST_CLOSURE
    return first[usual], second[usual]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """Turn plain data into the fields of a profile."""
    curve = None if data["hour_curve"] is None else np.asarray(data["hour_curve"], dtype=np.float64)
    bits = np.frombuffer(bytes.fromhex(data["hours"]), dtype=np.uint8)
    days = np.asarray(str(data["days"]).split(), dtype=np.int64)
    returns = np.asarray(str(data["returns"]).split(), dtype=np.float64)
    shapes = [bits.size * 8, _CURVE_HOURS if curve is None else curve.size, returns.size]
    if shapes != [_HOURS_OF_WEEK, _CURVE_HOURS, days.size]:
        raise ValueError(f"hours of the week, hours of the curve and returns of {days.size} days are {shapes}")
    return {
        **{key: str(data[key]) for key in ("symbol", "timeframe", "calendar")},
        **{each.name: None if data[each.name] is None else float(data[each.name]) for each in COMPONENTS},
        "bars": int(data["bars"]),
        "first": instant(data["first"]),
        "until": instant(data["until"]),
        "hour_curve": curve,
        "hours": np.unpackbits(bits).astype(np.bool_),
        "days": days,
        "returns": returns,
    }

"""From bars to the columns a network sees: names and order (FeatureSpec), and their values (feature_rows)."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Literal, TypeVar

import numpy as np

from multisymbol.arrays import Flags, Floats, Ints, Singles
from multisymbol.errors import FeatureError, nearest
from multisymbol.features.clock import CLOCK_COLUMNS, FORMULAS, clock_columns
from multisymbol.features.fuzzy import Membership, read_membership, write_degrees
from multisymbol.features.indicators import BarSegment, Configured, configure
from multisymbol.markets.bars import Bars
from multisymbol.markets.sessions import SessionClock
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import iso

Kind = Literal["raw", "membership", "clock", "flag"]

HAS_VOLUME = "has_volume"
"""Flag: 1 where every bar the volume columns look at has a volume; 0 where one has none, and then they are all 0."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureColumn:
    """One feature: `raw` columns get scaled, memberships, clock columns and flags do not."""

    name: str
    kind: Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureSpec:
    """Names and order of the columns, common to all symbols; what a stored model demands of its input.

    Raises:
        FeatureError: Formulas of a later version than this package has.
    """

    columns: tuple[FeatureColumn, ...]  # in order
    restart_bars: int  # bar lengths between the instants at which every indicator begins anew, see `feature_rows`
    # Version of the formulas, see `features.clock`. No part of the digest: the columns are the same
    formulas: int = FORMULAS

    def __post_init__(self) -> None:
        if not 1 <= self.formulas <= FORMULAS:
            message = f"the features have formulas of version {self.formulas}, this multisymbol knows 1 to {FORMULAS}"
            raise FeatureError(f"{message}: update multisymbol to use the model")

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    @property
    def digest(self) -> str:
        """Return the first 16 hex digits of the SHA-256 over names, kinds, order and restarts."""
        text = json.dumps([[column.name, column.kind] for column in self.columns] + [self.restart_bars])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """Return plain data for a file."""
        columns = [{"name": column.name, "kind": column.kind} for column in self.columns]
        return {"columns": columns, "restart_bars": self.restart_bars, "formulas": self.formulas, "digest": self.digest}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "FeatureSpec":
        """Invert `to_json`; raise FeatureError when the stored digest does not fit the columns.

        Specs stored before there was a version have the first one.
        """
        try:
            columns = tuple(FeatureColumn(name=entry["name"], kind=entry["kind"]) for entry in data["columns"])
            stored, restart_bars = data["digest"], data["restart_bars"]
        except (KeyError, TypeError) as error:
            wanted = "`columns` (of name and kind), `restart_bars` and `digest`"
            raise FeatureError(f"a feature spec has {wanted}; got {data!r}") from error
        spec = cls(columns=columns, restart_bars=restart_bars, formulas=data.get("formulas", 1))
        if stored != spec.digest:
            message = f"the feature spec says digest {stored}, its {len(columns)} columns have {spec.digest}"
            raise FeatureError(f"{message}: the file was changed after it was written")
        return spec


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureRows:
    """Features of n bars, unscaled."""

    # Finite in every column of a ready row, NaN in every column of another. float32, shape (n, features)
    values: Singles
    ready: Flags  # whether the row is past the warm-up of its segment. Shape (n,)
    warmup_bars: int  # bars at the start of each segment that are not ready


def feature_spec(
    *,
    indicators: Mapping[str, Mapping[str, Any]],
    fuzzy: Mapping[str, Mapping[str, Any]],
    raw: Sequence[str] | None,
    restart_bars: int,
    clock: bool,
) -> FeatureSpec:
    """Derive the columns from the default configuration.

    Order: raw indicator outputs, memberships (`{column}_{membership}`), flags, clock columns.

    Args:
        indicators: `features.indicators`: name -> parameters, `type` where the name is not an indicator's.
        fuzzy: `features.fuzzy`: indicator column -> membership -> {shape: break points}.
        raw: Indicator columns that are inputs themselves; None means all, an empty list none.
        restart_bars: See `FeatureSpec`.
        clock: Whether the clock columns are part of it (alignment=clock_features).

    Raises:
        FeatureError: Unknown indicator, shape or column, two columns of one name, or none at all; all problems at once.
    """
    choice = _read(indicators=indicators, fuzzy=fuzzy, raw=raw)
    columns = [FeatureColumn(name=name, kind="raw") for name in choice.raw]
    columns += [FeatureColumn(name=name, kind="membership") for name in choice.membership_columns]
    if any(each.indicator.uses_volume for each in choice.feeding(column.name for column in columns)):
        columns.append(FeatureColumn(name=HAS_VOLUME, kind="flag"))
    if clock:
        columns += [FeatureColumn(name=name, kind=kind) for name, kind in CLOCK_COLUMNS.items()]
    if not columns:
        raise FeatureError("features: no column at all: `raw` is empty, there are no fuzzy sets and no clock columns")
    return FeatureSpec(columns=tuple(columns), restart_bars=restart_bars)


def history_bars(*, config: SymbolConfig, spec: FeatureSpec, window: int) -> int:
    """Return how many bars of unbroken history at most one answer needs: warm-up, stretch since a restart, and window.

    Fewer are enough when the last restart is not long ago, or the history begins with the symbol's own. Raises as
    `warmup_bars`.
    """
    return warmup_bars(config=config, spec=spec) + spec.restart_bars + window - 1


def warmup_bars(*, config: SymbolConfig, spec: FeatureSpec) -> int:
    """Return how many bars at the start of each segment are not ready for this symbol: the longest of its indicators.

    Raises:
        FeatureError: The symbol's indicators or fuzzy sets are wrong, or do not give the columns of `spec`.
    """
    return _plan(config, spec).warmup


def feature_rows(
    bars: Bars, *, config: SymbolConfig, spec: FeatureSpec, clock: SessionClock, from_start: bool
) -> FeatureRows:
    """Compute the columns of `spec`, each segment of `bars` by itself: a row uses its bar and earlier ones.

    The one code path for panels and for live calls (invariant 6): the rows of the first k bars are bit-equal to
    the first k rows of all bars. Recursive averages never forget quite; so every `spec.restart_bars` bar lengths of
    UTC all indicators begin anew, warmed up on the bars just before. A row thus depends on a bounded stretch of bars,
    and is the same to the bit however much history lies before it.

    Volume: a bar has none where it is NaN, and every bar where the symbol's class says `volume: none`. Where a bar that
    the volume columns look at has none, all of these and their memberships are 0, and so is the flag `has_volume`.

    `from_start` says that the bars begin where the symbol's history does. If not, rows of the first segment are ready
    from the first restart on that has its warm-up before it, where those of the whole history are the same.

    Raises:
        FeatureError: The symbol's indicators or fuzzy sets are wrong, or do not give the columns of `spec`; or the bars
            lead to a value that is not finite.
    """
    plan = _plan(config, spec)
    values = np.full((len(bars), len(spec.columns)), np.nan, dtype=np.float32)
    ready = np.zeros(len(bars), dtype=np.bool_)
    period = bars.closed_at // (spec.restart_bars * bars.timeframe.nanoseconds)
    for place, rows in enumerate(bars.segments()):
        for piece in _pieces(period, rows, warmup=plan.warmup, from_start=from_start or place > 0):
            _write_piece(values[piece], plan=plan, stretch=_stretch(bars, piece, with_volume=config.volume != "none"))
            ready[piece.start + plan.warmup : piece.stop] = True
    if not CLOCK_COLUMNS.keys().isdisjoint(plan.position):
        for name, column in clock_columns(bars.closed_at, clock, formulas=spec.formulas).items():
            values[ready, plan.position[name]] = column[ready]
    _refuse_nonfinite(values, ready=ready, bars=bars, spec=spec)
    return FeatureRows(values=values, ready=ready, warmup_bars=plan.warmup)


def _pieces(period: Ints, rows: slice, *, warmup: int, from_start: bool) -> list[slice]:
    """Cut a segment at the restarts; each piece begins with the `warmup` rows that its own rows need before them.

    `period` numbers the stretch between two restarts that each bar closes in, ascending; shape (n,).
    """
    restarts = rows.start + 1 + np.flatnonzero(np.diff(period[rows]))
    restarts = restarts[restarts >= rows.start + warmup]
    begins = [rows.start + warmup] * from_start + restarts.tolist()
    return [slice(own - warmup, stop) for own, stop in pairwise([*begins, rows.stop]) if own < stop]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Choice:
    """What a features configuration asks for, checked: its indicators, its fuzzy sets by column, its raw columns."""

    indicators: tuple[Configured, ...]
    fuzzy: Mapping[str, tuple[Membership, ...]]
    raw: tuple[str, ...]

    @property
    def membership_columns(self) -> tuple[str, ...]:
        """Names of all memberships, in the order of the indicators' columns."""
        return tuple(name for each in self.indicators for name in self.memberships_of(each))

    def memberships_of(self, configured: Configured) -> list[str]:
        """Return the names of the memberships on an indicator's columns."""
        return [f"{name}_{each.name}" for name in configured.columns for each in self.fuzzy.get(name, ())]

    def columns_of(self, configured: Configured) -> frozenset[str]:
        """Return the names of an indicator's columns and of the memberships on them."""
        return frozenset(configured.columns) | frozenset(self.memberships_of(configured))

    def feeding(self, names: Iterable[str]) -> tuple[Configured, ...]:
        """Return the indicators that have a part in any of these columns."""
        wanted = frozenset(names)
        return tuple(each for each in self.indicators if not wanted.isdisjoint(self.columns_of(each)))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """What is computed for one symbol to fill the columns of a spec.

    `indicators` feed a column, `position` is a column's index in the spec, `volume_positions` are those of all columns
    made from volume, which look at `volume_window` bars, the newest included.
    """

    indicators: tuple[Configured, ...]
    fuzzy: Mapping[str, tuple[Membership, ...]]
    position: Mapping[str, int]
    volume_positions: tuple[int, ...]
    warmup: int
    volume_window: int


def _read(
    *, indicators: Mapping[str, Mapping[str, Any]], fuzzy: Mapping[str, Mapping[str, Any]], raw: Sequence[str] | None
) -> _Choice:
    """Check a features configuration; raise FeatureError with the problems of all its entries."""
    problems: list[str] = []
    entries = [_attempt(partial(configure, key, entry), problems) for key, entry in indicators.items()]
    configured = tuple(entry for entry in entries if entry is not None)
    sets = {column: _read_sets(column, entry, problems) for column, entry in fuzzy.items()}
    outputs = tuple(name for each in configured for name in each.columns)
    if len(configured) == len(entries):  # else the columns of a broken entry would be reported as unknown too
        problems += _unknown(fuzzy, known=outputs, where="features.fuzzy")
        problems += _unknown(raw or (), known=outputs, where="features.raw")
    chosen = outputs if raw is None else tuple(name for name in outputs if name in raw)
    choice = _Choice(indicators=configured, fuzzy=sets, raw=chosen)
    counts = Counter((*outputs, *choice.membership_columns, HAS_VOLUME, *CLOCK_COLUMNS))
    problems += [f"features: {n} columns would be called '{name}'; rename one" for name, n in counts.items() if n > 1]
    if problems:
        raise FeatureError("\n".join(problems))
    return choice


def _attempt(read: Callable[[], T], problems: list[str]) -> T | None:
    """Return what `read` gives; add the message of a FeatureError to `problems` and return None."""
    try:
        return read()
    except FeatureError as error:
        problems.append(str(error))
        return None


def _read_sets(column: str, sets: object, problems: list[str]) -> tuple[Membership, ...]:
    if not isinstance(sets, Mapping):
        problems.append(
            f"features.fuzzy.{column}: expected fuzzy sets like {{low: {{left_shoulder: [30, 40]}}}}, got {sets!r}"
        )
        return ()
    read = [_attempt(partial(read_membership, column, name, definition), problems) for name, definition in sets.items()]
    return tuple(membership for membership in read if membership is not None)


def _unknown(names: Iterable[str], *, known: Sequence[str], where: str) -> list[str]:
    listed = ", ".join(known)
    return [
        f"{where}: there is no indicator column '{name}'{nearest(str(name), known)}; there are {listed}"
        for name in names
        if name not in known
    ]


def _plan(config: SymbolConfig, spec: FeatureSpec) -> _Plan:
    """Fit a symbol's own configuration to the columns wanted; raise FeatureError where it cannot fill them."""
    try:
        choice = _read(indicators=config.indicators, fuzzy=config.fuzzy, raw=None)
    except FeatureError as error:
        message = f"the features of {config.symbol} ({config.asset_class}) are wrong"
        raise FeatureError(f"{message}\n{error}") from error
    _refuse_other_columns(choice, config=config, spec=spec)
    position = {name: index for index, name in enumerate(spec.names)}
    used = choice.feeding(spec.names)
    on_volume = [each for each in used if each.indicator.uses_volume]
    volume_columns = [name for each in on_volume for name in choice.columns_of(each) if name in position]
    return _Plan(
        indicators=used,
        fuzzy=choice.fuzzy,
        position=position,
        volume_positions=tuple(position[name] for name in volume_columns),
        warmup=max((each.warmup for each in used), default=0),
        volume_window=1 + max((each.warmup for each in on_volume), default=0),
    )


def _refuse_other_columns(choice: _Choice, *, config: SymbolConfig, spec: FeatureSpec) -> None:
    memberships = choice.membership_columns
    known = {*choice.raw, *memberships, HAS_VOLUME, *CLOCK_COLUMNS}
    problems = [f"it has no column '{name}'{nearest(name, sorted(known))}" for name in spec.names if name not in known]
    problems += [f"its membership '{name}' is not among the columns" for name in memberships if name not in spec.names]
    if problems:
        message = f"the features of {config.symbol} ({config.asset_class}) do not fit the feature spec {spec.digest}"
        raise FeatureError("\n".join([message, *problems]))


def _stretch(bars: Bars, rows: slice, *, with_volume: bool) -> BarSegment:
    prices = {name: getattr(bars, name)[rows] for name in ("open", "high", "low", "close")}
    return BarSegment(**prices, volume=bars.volume[rows] if with_volume else np.full(rows.stop - rows.start, np.nan))


def _write_piece(out: Singles, *, plan: _Plan, stretch: BarSegment) -> None:
    """Fill the indicator columns of one piece from the end of its warm-up on. `out` has shape (n, features)."""
    body = out[plan.warmup :]
    for each in plan.indicators:
        for name, column in zip(each.columns, each.compute(stretch), strict=True):
            values = column[plan.warmup :]
            if name in plan.position:
                body[:, plan.position[name]] = values
            for membership in plan.fuzzy.get(name, ()):
                write_degrees(values, membership, body[:, plan.position[f"{name}_{membership.name}"]])
    if HAS_VOLUME in plan.position:
        has_volume = _without_gap(stretch.volume, window=plan.volume_window)[plan.warmup :]
        body[:, plan.position[HAS_VOLUME]] = has_volume
        for position in plan.volume_positions:
            body[~has_volume, position] = 0.0


def _without_gap(volume: Floats, *, window: int) -> Flags:
    """Whether the last `window` bars (or as many as there are) all have a volume. Shape (n,)."""
    row = np.arange(len(volume))
    latest_gap = np.maximum.accumulate(np.where(np.isfinite(volume), -1, row))
    return (latest_gap < 0) | (row - latest_gap >= window)


def _refuse_nonfinite(values: Singles, *, ready: Flags, bars: Bars, spec: FeatureSpec) -> None:
    finite = np.isfinite(values)
    broken = np.flatnonzero(ready & ~finite.all(axis=1))
    if len(broken):
        row = int(broken[0])
        names = ", ".join(name for name, good in zip(spec.names, finite[row], strict=True) if not good)
        message = f"{bars.symbol} ({bars.origin}): {len(broken)} rows have features that are not finite numbers"
        where = f"first the bar closed at {iso(int(bars.closed_at[row]))}, columns {names}"
        raise FeatureError(f"{message}, {where}; look at the prices and volumes just before it")

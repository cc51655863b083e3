"""From raw rows of one symbol to the windows a stored model looks at: what training did to bars, on a short history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from multisymbol.errors import BarsError, BundleError, CalendarError, SampleError
from multisymbol.features.pipeline import FeatureSpec, feature_rows, history_bars, warmup_bars
from multisymbol.features.scaling import Scaler
from multisymbol.labels.labels import UNRESOLVED
from multisymbol.markets.bars import Bars, bars_between
from multisymbol.markets.io.defects import Limits, OnDefect
from multisymbol.markets.io.quality import ReadOptions, examine_rows
from multisymbol.markets.resampling import coarser
from multisymbol.markets.sessions import session_clock
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import NEVER, Instants, Period, Timeframe, iso
from multisymbol.registry.bundle.format import Bundle
from multisymbol.samples.alignment import open_everywhere
from multisymbol.samples.ledger import Ledger

_ZONED = r".*[T ]\d{2}:\d{2}.*(Z|[+-]\d{2}(:?\d{2})?)"
"""An ISO timestamp that says its clock."""
_NAMED = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """What training did to bars, as far as a live call repeats it.

    Args:
        reading: How rows become bars: their length, what is stamped, what happens to defects.
        timeframe: Of the bars the model looks at; longer than the rows' where they are joined first (`resample`).
        common: Calendars that must all be open where windows are made of common hours alone; empty: all hours.
        spec: Columns.
        scaler: Fitted transforms.
        window: Bars per window.
    """

    reading: ReadOptions
    timeframe: Timeframe
    common: tuple[str, ...]
    spec: FeatureSpec
    scaler: Scaler
    window: int

    @property
    def rows_per_bar(self) -> int:
        """Rows that are joined to one bar, at most."""
        return self.timeframe.nanoseconds // self.reading.timeframe.nanoseconds

    def history_bars(self, config: SymbolConfig) -> int:
        """Return how many bars one answer needs at most (at least, where windows are made of common hours)."""
        return history_bars(config=config, spec=self.spec, window=self.window)

    def history_rows(self, config: SymbolConfig) -> int:
        """Return the same as rows: a joined bar that may have begun before them, and one not over, do not count."""
        bars = self.history_bars(config)
        return bars if self.rows_per_bar == 1 else (bars + 2) * self.rows_per_bar


@dataclass(frozen=True, kw_only=True, slots=True)
class Windows:
    """The windows of one symbol.

    Args:
        symbol: Whose.
        asset_class: Its class.
        rows: Scaled features of its bars, float32, shape (n, features); NaN where a bar is not ready.
        view: Rows that windows are made of, ascending. Shape (v,).
        ends: Rows at which a whole window ends, all of them or the newest. Shape (m,).
        decided_at: When those are known. Shape (m,).
    """

    symbol: str
    asset_class: str
    rows: npt.NDArray[np.float32]
    view: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    decided_at: Instants


def recipe_of(bundle: Bundle) -> Recipe:
    """Read from a bundle how its bars were made.

    Raises:
        BundleError: Its configuration does not say.
        MultisymbolError: It says something impossible.
    """
    config = bundle.config
    try:
        source, resample = config["source"], config.get("resample")
        reading = ReadOptions(
            timeframe=Timeframe.parse(source["timeframe"] if resample else bundle.metadata["timeframe"]),
            stamped=source.get("stamped", "open") if resample else bundle.metadata.get("stamped", "open"),
            min_bars=1,
            on_defect=OnDefect(**_without_target(source.get("on_defect") or {})),
            limits=_limits(source, config),
            timezone=source.get("timezone"),
        )
        common = config["alignment"]["hours"] == "common"
        calendars = dict.fromkeys(entry["calendar"] for entry in config["symbol_configs"].values())
    except (KeyError, TypeError, AttributeError) as error:
        message = f"config.json does not say how bars are read ({type(error).__name__}: {error})"
        raise BundleError(f"{message}; the model was stored by another version of multisymbol") from error
    return Recipe(
        reading=reading,
        timeframe=Timeframe.parse(bundle.metadata["timeframe"]),
        common=tuple(bundle.metadata.get("calendars", calendars)) if common else (),
        spec=bundle.spec,
        scaler=bundle.scaler,
        window=bundle.metadata["window"],
    )


def _limits(source: Mapping[str, Any], config: Mapping[str, Any]) -> Limits:
    """Read what counts as odd; a source of the user's own need not say, and then nothing but the flattest bars does."""
    given = source.get("limits")
    if given is None:
        return Limits(wick=dict.fromkeys(config["asset_class"], 1.0), flat_bars=1_000)
    return Limits(**_without_target(given))


def age_bars(decided_at: Instants, *, config: SymbolConfig, timeframe: Timeframe, now: int) -> npt.NDArray[np.int64]:
    """Return how many bars of the symbol's open market have ended since each decision. Shape (n,).

    Where its calendar does not reach so far, time that has passed counts.
    """
    try:
        clock = session_clock(config.calendar, start=int(decided_at.min()), end=max(now, int(decided_at.max())))
    except CalendarError:
        clock = session_clock("24/7", start=int(decided_at.min()), end=max(now, int(decided_at.max())))
    return clock.bars_ended(decided_at, now, timeframe)


def live_windows(
    rows: pd.DataFrame,
    *,
    config: SymbolConfig,
    recipe: Recipe,
    all_rows: bool,
    from_start: bool,
    until: int | None = None,
) -> Windows:
    """Make the newest window of a symbol, or all of them.

    For the newest, only the bars it depends on are computed with. A row is the panel's to the bit, or none.

    Args:
        rows: The symbol's, columns as in a file of bars; the timestamps with their zone, or ISO text with it.
        config: The symbol's.
        recipe: What is done.
        all_rows: Whether all windows are wanted.
        from_start: Whether the rows begin where the symbol's history does.
        until: Bars that close later are not looked at, UTC ns; None: bars that are not over are not.

    Raises:
        BarsError: The rows have defects, all of them named; row numbers count within the symbol.
        SampleError: Too few bars; says how many were given and how many are needed.
        FeatureError: The symbol's class was not trained on.
    """
    bars = _bars(rows, config=config, recipe=recipe, from_start=from_start, until=until)
    return bar_windows(bars, config=config, recipe=recipe, all_rows=all_rows, from_start=from_start)


def bar_windows(bars: Bars, *, config: SymbolConfig, recipe: Recipe, all_rows: bool, from_start: bool) -> Windows:
    """Make the newest window of a symbol, or all of them, of bars that were read and examined before.

    Args:
        bars: The symbol's, of the length the model looks at.
        config: The symbol's.
        recipe: What is done.
        all_rows: Whether all windows are wanted.
        from_start: Whether the bars begin where the symbol's history does.

    Raises:
        SampleError: Too few bars.
        FeatureError: The symbol's class was not trained on.
    """
    given, view = bars, np.flatnonzero(_kept(bars, recipe))
    if not all_rows and len(view) >= recipe.window:
        before = recipe.history_bars(config) - recipe.window
        begin = max(0, int(view[-recipe.window]) - before)
        bars, view, from_start = (
            bars_between(bars, begin, len(bars)),
            view[view >= begin] - begin,
            from_start and begin == 0,
        )
    clock = session_clock(config.calendar, start=int(bars.opened_at[0]), end=int(bars.closed_at[-1]))
    features = feature_rows(bars, config=config, spec=recipe.spec, clock=clock, from_start=from_start)
    ends = view[_whole(features.ready[view], bars.segment[view], window=recipe.window)]
    if len(ends) == 0 or not (all_rows or ends[-1] == view[-1]):
        raise SampleError(_too_few(given, config=config, recipe=recipe, from_start=from_start))
    ends = ends if all_rows else ends[-1:]
    return Windows(
        symbol=config.symbol,
        asset_class=config.asset_class,
        rows=recipe.scaler.transform(features.values, symbol=config.symbol, asset_class=config.asset_class),
        view=view,
        ends=ends,
        decided_at=bars.closed_at[ends],
    )


def live_ledger(parts: Sequence[Windows], *, window: int) -> tuple[npt.NDArray[np.float32], Ledger]:
    """Lay the rows of several symbols one after another and list their windows, as samples without a label.

    Returns:
        Features, shape (N, features), and the ledger on them.
    """
    starts = np.cumsum([0, *(len(part.rows) for part in parts)])
    counts = [len(part.ends) for part in parts]
    total = sum(counts)
    decided_at = np.concatenate([part.decided_at for part in parts])
    ledger = Ledger(
        symbols=tuple(part.symbol for part in parts),
        asset_classes=tuple(part.asset_class for part in parts),
        window=window,
        symbol=np.repeat(np.arange(len(parts), dtype=np.int32), counts),
        row=np.concatenate([start + part.ends for start, part in zip(starts, parts, strict=False)]),
        view=np.concatenate([start + part.view for start, part in zip(starts, parts, strict=False)]),
        window_start=decided_at,
        decided_at=decided_at,
        resolved_at=np.full(total, NEVER, dtype=np.int64),
        label=np.full(total, UNRESOLVED, dtype=np.int8),
        rule=np.full(total, UNRESOLVED, dtype=np.int8),
        target=np.full(total, np.nan, dtype=np.float32),
        weight=np.ones(total, dtype=np.float32),
        counts=(),
    )
    return np.concatenate([part.rows for part in parts]), ledger


def _bars(rows: pd.DataFrame, *, config: SymbolConfig, recipe: Recipe, from_start: bool, until: int | None) -> Bars:
    """Examine the rows and join them to the model's bars."""
    origin = f"{config.symbol} (its rows, from 0)"
    frame = rows.reset_index(drop=True)
    bars = examine_rows(
        frame.assign(timestamp=_instants(frame["timestamp"], origin=origin)),
        config=config,
        period=Period(end=None if until is None else iso(until)),
        reading=recipe.reading,
        synthetic=False,
        origin=origin,
    ).accepted()
    if recipe.rows_per_bar == 1:
        return bars
    return _joined(bars, config=config, recipe=recipe, from_start=from_start)


def _joined(bars: Bars, *, config: SymbolConfig, recipe: Recipe, from_start: bool) -> Bars:
    """Join rows to bars; the last one only when it is over, the first only when it is known to be whole."""
    clock = session_clock(config.calendar, start=int(bars.opened_at[0]), end=int(bars.closed_at[-1]))
    joined, _ = coarser(bars, timeframe=recipe.timeframe, clock=clock, until=int(bars.closed_at[-1]))
    whole = joined if from_start else bars_between(joined, min(1, len(joined)), len(joined))
    if len(whole) == 0:
        message = f"{config.symbol}: {len(bars)} rows of {bars.timeframe.text} make no whole bar of"
        raise SampleError(f"{message} {recipe.timeframe.text}; up to {recipe.history_rows(config):,} rows are needed")
    return whole


def _instants(stamps: pd.Series, *, origin: str) -> pd.Series:
    """Read ISO text with a zone; missing ones stay missing, and other types are left to the examination."""
    if pd.api.types.is_datetime64_any_dtype(stamps.dtype):
        return stamps
    texts = stamps[stamps.notna()].astype(str)
    zoned = texts.str.fullmatch(_ZONED)
    read = pd.to_datetime(texts.where(zoned), format="ISO8601", utc=True, errors="coerce")
    wrong = texts[read.isna()]
    if len(wrong):
        named = ", ".join(f"row {row} '{text}'" for row, text in wrong[:_NAMED].items())
        cure = "write 2018-06-01T14:30:00Z or 2018-06-01T10:30:00-04:00: which clock it is is not guessed"
        raise BarsError(f"{origin}: {len(wrong):,} timestamps name no instant: {named}; {cure}")
    return read.reindex(stamps.index)


def _kept(bars: Bars, recipe: Recipe) -> npt.NDArray[np.bool_]:
    if not recipe.common:
        return np.ones(len(bars), dtype=np.bool_)
    return open_everywhere(bars.opened_at, bars.closed_at, calendars=recipe.common, timeframe=recipe.timeframe)


def _whole(ready: npt.NDArray[np.bool_], segment: npt.NDArray[np.int32], *, window: int) -> npt.NDArray[np.bool_]:
    """Mark the bars at which a window of ready bars of one segment ends. Shape (v,), as both arguments."""
    place = np.arange(len(ready))
    begins = np.r_[True, np.diff(segment) != 0][: len(ready)]
    barred = np.maximum(np.where(ready, -1, place), np.where(begins, place - 1, -1))
    whole: npt.NDArray[np.bool_] = place - np.maximum.accumulate(barred) >= window
    return whole


def _too_few(bars: Bars, *, config: SymbolConfig, recipe: Recipe, from_start: bool) -> str:
    unbroken = bars.segments()[-1]
    since = ""
    if unbroken.start:
        gap = f"before which more than {config.gaps.max_missing_hours:g} hours of open market are missing"
        since = f", of which {unbroken.stop - unbroken.start:,} since {iso(int(bars.opened_at[unbroken.start]))}, {gap}"
    warmup = warmup_bars(config=config, spec=recipe.spec)
    needed = warmup + recipe.window if from_start or unbroken.start else recipe.history_bars(config)
    parts = f"a window of {recipe.window}, {warmup} to warm up"
    if not (from_start or unbroken.start):
        parts += f", up to {recipe.spec.restart_bars:,} since indicators began anew"
    hint = "" if from_start or unbroken.start else ", or say from_start=true where they begin with the symbol's own"
    kind = f"bars of {recipe.timeframe.text}"
    return (
        f"{config.symbol}: {len(bars):,} {kind} given{since}; "
        f"an answer at its newest needs up to {needed:,} unbroken ones ({parts}); give more{hint}"
    )


def _without_target(node: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if not key.startswith("_")}

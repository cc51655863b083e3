"""Does a pipeline look ahead? Found out by replay: with later bars taken away, or turned over, nothing may change.

    features    row t of all bars == row t of the bars up to t
    labels      what the bars up to t call known is what all bars say, and was known when it says so
    samples     which bars become samples, labels known, does not depend on how prices go on

Nothing is read from the code of a pipeline, so it may be anybody's.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from multisymbol.arrays import Flags, Floats
from multisymbol.labels.labels import HOLD, UNRESOLVED, Labels
from multisymbol.markets.bars import Bars
from multisymbol.markets.surrogate import mirrored

FARTHEST = 64
"""Bars after its own within which what a feature looks ahead for is searched; beyond, it is the whole sample."""
_TOLERANCE = 1e-6

Leak = Literal["feature", "label", "sample"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline:
    """What is checked: three functions of the bars of one symbol.

    Args:
        columns: Names of the features.
        features: Values of all bars, NaN where there are none. Shape (n, columns).
        labels: Labels of all bars.
        samples: Whether each bar becomes a sample that is trained or scored on. Shape (n,).
    """

    columns: Sequence[str]
    features: Callable[[Bars], npt.NDArray[np.floating[Any]]]
    labels: Callable[[Bars], Labels]
    samples: Callable[[Bars], Flags]


@dataclass(frozen=True, kw_only=True, slots=True)
class LeakageFinding:
    """One way in which the future gets in.

    Args:
        leak: Into what.
        name: Column, or what it is called.
        reach: Bars ahead that are looked at; inf for the whole sample, 0 where it is no number of bars.
        text: What was seen.
    """

    leak: Leak
    name: str
    reach: float
    text: str


def look_ahead(pipeline: Pipeline, bars: Bars, *, cuts: Sequence[int]) -> list[LeakageFinding]:
    """List every way in which later bars change what was known before.

    Args:
        pipeline: Features, labels and samples.
        bars: Of one symbol.
        cuts: Rows to replay at: each with history before, and more than `FARTHEST` bars after it.
    """
    return [
        *_feature_findings(pipeline, bars, cuts),
        *_label_findings(pipeline, bars, cuts),
        *_sample_findings(pipeline, bars, cuts),
    ]


def until(bars: Bars, count: int) -> Bars:
    """Return the first `count` bars."""
    return replace(
        bars,
        opened_at=bars.opened_at[:count],
        closed_at=bars.closed_at[:count],
        open=bars.open[:count],
        high=bars.high[:count],
        low=bars.low[:count],
        close=bars.close[:count],
        volume=bars.volume[:count],
        segment=bars.segment[:count],
    )


def otherwise(bars: Bars, *, after: int) -> Bars:
    """Return bars whose prices, from row `after + 1` on, go the other way."""
    sign = np.where(np.arange(len(bars)) <= after, 1.0, -1.0)
    return mirrored(bars, sign, drift="removed")


def _feature_findings(pipeline: Pipeline, bars: Bars, cuts: Sequence[int]) -> Iterator[LeakageFinding]:
    whole = np.asarray(pipeline.features(bars), dtype=np.float64)
    reach = np.zeros(len(pipeline.columns))
    for cut in cuts:
        open_ = np.ones(len(pipeline.columns), dtype=np.bool_)
        for ahead in range(FARTHEST + 1):
            seen = np.asarray(pipeline.features(until(bars, cut + 1 + ahead)), dtype=np.float64)[cut]
            open_ &= ~_same(seen, whole[cut])
            reach = np.where(open_, np.maximum(reach, ahead + 1), reach)
            if not open_.any():
                break
        reach = np.where(open_, math.inf, reach)
    for name, bars_ahead in zip(pipeline.columns, reach.tolist(), strict=True):
        if bars_ahead > 0:
            yield LeakageFinding(leak="feature", name=name, reach=bars_ahead, text=_ahead(name, bars_ahead))


def _same(one: Floats, other: Floats) -> Flags:
    return np.isclose(one, other, rtol=_TOLERANCE, atol=1e-12, equal_nan=True)


def _ahead(name: str, reach: float) -> str:
    if math.isinf(reach):
        return f"{name} changes with every later bar: something in it was fitted on the whole sample"
    if reach == 1:
        return f"{name} looks at the bar after its own"
    return f"{name} looks {reach:.0f} bars ahead: a window that is not trailing"


def _label_findings(pipeline: Pipeline, bars: Bars, cuts: Sequence[int]) -> Iterator[LeakageFinding]:
    whole = pipeline.labels(bars)
    early, filled, other = 0, 0, 0
    for cut in cuts:
        seen = pipeline.labels(until(bars, cut + 1))
        known = seen.value != UNRESOLVED
        differs = known & (seen.value != whole.value[: cut + 1])
        filled += int((differs & (seen.value == HOLD)).sum())
        other += int((differs & (seen.value != HOLD)).sum())
        due = (whole.value[: cut + 1] != UNRESOLVED) & (whole.resolved_at[: cut + 1] <= bars.closed_at[cut])
        early += int((due & ~known).sum())
    if filled:
        yield LeakageFinding(
            leak="label",
            name="HOLD at the end",
            reach=0.0,
            text=f"{filled:,} labels say HOLD at the end of the data and something else later: unknown is not HOLD",
        )
    if other:
        yield LeakageFinding(
            leak="label", name="changed labels", reach=0.0, text=f"{other:,} labels called known change with later bars"
        )
    if early:
        yield LeakageFinding(
            leak="label",
            name="known too early",
            reach=0.0,
            text=f"{early:,} labels are not known at the instant they say they are: purging by it lets the future in",
        )


def _sample_findings(pipeline: Pipeline, bars: Bars, cuts: Sequence[int]) -> Iterator[LeakageFinding]:
    kept, labels = pipeline.samples(bars), pipeline.labels(bars)
    changed = 0
    for cut in cuts:
        turned = otherwise(bars, after=cut)
        known = (labels.value != UNRESOLVED) & (pipeline.labels(turned).value != UNRESOLVED)
        changed += int((known & (pipeline.samples(turned) != kept))[: cut + 1].sum())
    if changed:
        yield LeakageFinding(
            leak="sample",
            name="filtered samples",
            reach=0.0,
            text=f"{changed:,} bars are samples or not by how prices went on after them",
        )

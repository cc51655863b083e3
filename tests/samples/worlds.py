"""Small worlds for the tests of this layer: panels made by hand, ledgers made by hand, bars from memory."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from multisymbol.features.pipeline import FeatureColumn, FeatureSpec
from multisymbol.markets.time import HOUR, NEVER, Instants, Timeframe, instant
from multisymbol.samples.combinatorial import CombinatorialPurged
from multisymbol.samples.cut import SingleCut
from multisymbol.samples.fold import Split
from multisymbol.samples.ledger import Ledger, SymbolCount
from multisymbol.samples.left_out import LeaveSymbolsOut
from multisymbol.samples.mixture import Balanced, Concat, Interleaved, Mixture, TemperatureMixture, Undersampled
from multisymbol.samples.panel import Panel
from multisymbol.samples.walk_forward import WalkForward

START = instant("2020-01-01")
HOURLY = Timeframe.parse("1h")
Way: TypeAlias = Literal["sampling", "loss_weights"]


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """One symbol's bars of a panel made by hand; bars last an hour."""

    features: npt.NDArray[np.float32]
    label: npt.NDArray[np.int8]
    resolved_at: Instants
    ready: npt.NDArray[np.bool_]
    segment: npt.NDArray[np.int32]
    opened_at: Instants
    warmup_bars: int = 0

    def __len__(self) -> int:
        return len(self.label)


def history(
    bars: int, *, width: int = 2, first: int = 0, warmup_bars: int = 0, span_bars: int = 1, seed: int = 0
) -> History:
    """One segment of random features and labels that resolve `span_bars` later; the last ones do not."""
    random = np.random.default_rng(seed)
    opened_at = START + HOUR * np.arange(first, first + bars)
    resolved_at = opened_at + HOUR * (1 + span_bars)
    known = np.arange(bars) < bars - span_bars
    return History(
        features=random.normal(size=(bars, width)).astype(np.float32),
        label=np.where(known, random.integers(0, 3, bars), -1).astype(np.int8),
        resolved_at=np.where(known, resolved_at, NEVER),
        ready=np.arange(bars) >= warmup_bars,
        segment=np.zeros(bars, dtype=np.int32),
        opened_at=opened_at,
        warmup_bars=warmup_bars,
    )


def hand_panel(histories: Sequence[History], *, folder: Path | None = None) -> Panel:
    """A panel of symbols S0, S1, ... that never was on disk."""
    names = tuple(f"S{index}" for index in range(len(histories)))
    opened_at = np.concatenate([own.opened_at for own in histories])
    columns = tuple(FeatureColumn(name=f"f{index}", kind="raw") for index in range(histories[0].features.shape[1]))
    return Panel(
        folder=folder or Path("never-written"),
        key="0" * 64,
        reused=False,
        spec=FeatureSpec(columns=columns, restart_bars=1024),
        symbols=names,
        asset_classes=("coins",) * len(names),
        offsets=np.cumsum([0, *map(len, histories)], dtype=np.int64),
        features=np.concatenate([own.features for own in histories]),
        opened_at=opened_at,
        closed_at=opened_at + HOUR,
        segment=np.concatenate([own.segment for own in histories]),
        ready=np.concatenate([own.ready for own in histories]),
        label=np.concatenate([own.label for own in histories]),
        resolved_at=np.concatenate([own.resolved_at for own in histories]),
        rule=np.full(len(opened_at), -1, dtype=np.int8),
        target=np.random.default_rng(7).normal(size=len(opened_at)).astype(np.float32),
        warmup_bars=np.array([own.warmup_bars for own in histories], dtype=np.int64),
        dropped={},
        kept_defects={},
        fingerprints=dict.fromkeys(names, ""),
    )


def hand_ledger(
    symbol: Sequence[int] | npt.NDArray[np.int32],
    *,
    decided_at: Instants,
    resolved_at: Instants,
    label: npt.NDArray[np.int8] | None = None,
    window_start: Instants | None = None,
    asset_classes: Sequence[str] | None = None,
) -> Ledger:
    """A ledger of samples; windows begin where they end, unless said; symbols S0, S1, ..."""
    number = np.asarray(symbol, dtype=np.int32)
    names = tuple(f"S{index}" for index in range(int(number.max()) + 1))
    rows = np.bincount(number).tolist()
    return Ledger(
        symbols=names,
        asset_classes=("coins",) * len(names) if asset_classes is None else tuple(asset_classes),
        window=1,
        symbol=number,
        row=np.arange(len(number)),
        window_start=decided_at if window_start is None else window_start,
        decided_at=decided_at,
        resolved_at=resolved_at,
        label=np.arange(len(number), dtype=np.int8) % 3 if label is None else label,
        rule=np.full(len(number), -1, dtype=np.int8),
        target=np.full(len(number), np.nan, dtype=np.float32),
        weight=np.ones(len(number), dtype=np.float32),
        counts=tuple(
            SymbolCount(symbol=name, bars=n, warmup=0, filling=0, unresolved=0, strided=0, samples=n)
            for name, n in zip(names, rows, strict=True)
        ),
    )


def single_cut(
    *,
    validation_from: str | None = None,
    test_from: str | None = None,
    test_until: str | None = None,
    validation_share: float = 0.2,
    test_share: float = 0.2,
    embargo_bars: int = 1,
    allow: bool = False,
    sealed_from: str | None = None,
    shares_of: Literal["rows", "time"] = "time",
) -> SingleCut:
    """The cut of `conf/split/single_cut.yaml` with other values."""
    return SingleCut(
        validation_from=validation_from,
        test_from=test_from,
        test_until=test_until,
        validation_share=validation_share,
        test_share=test_share,
        embargo_bars=embargo_bars,
        absent="allow" if allow else "refuse",
        sealed_from=sealed_from,
        shares_of=shares_of,
    )


def walk_forward(
    *,
    window: Literal["anchored", "rolling"] = "anchored",
    train: str = "40h",
    validation: str = "20h",
    test: str = "20h",
    step: str | None = None,
    count: int | None = None,
    embargo_bars: int = 1,
    allow: bool = True,
    sealed_from: str | None = None,
) -> WalkForward:
    return WalkForward(
        window=window,
        train=train,
        validation=validation,
        test=test,
        step=step,
        count=count,
        embargo_bars=embargo_bars,
        absent="allow" if allow else "refuse",
        sealed_from=sealed_from,
    )


def combinatorial(
    groups: int = 5,
    test_groups: int = 2,
    *,
    validation_share: float = 0.2,
    embargo_bars: int = 1,
    allow: bool = True,
    sealed_from: str | None = None,
) -> CombinatorialPurged:
    return CombinatorialPurged(
        groups=groups,
        test_groups=test_groups,
        validation_share=validation_share,
        embargo_bars=embargo_bars,
        absent="allow" if allow else "refuse",
        sealed_from=sealed_from,
    )


def leave_symbols_out(
    groups: Literal["asset_class"] | int | list[list[str]], *, cut: SingleCut, seed: int = 1
) -> LeaveSymbolsOut:
    return LeaveSymbolsOut(groups=groups, seed=seed, cut=cut)


def every_split(*, embargo_bars: int = 1, sealed_from: str | None = None) -> dict[str, Split]:
    """All of `conf/split`, for some hundred hours; symbols may be absent."""
    cut = single_cut(embargo_bars=embargo_bars, sealed_from=sealed_from, allow=True)
    return {
        "single cut": cut,
        "anchored": walk_forward(embargo_bars=embargo_bars, sealed_from=sealed_from),
        "rolling": walk_forward(
            window="rolling", test="15h", step="25h", count=2, embargo_bars=embargo_bars, sealed_from=sealed_from
        ),
        "combinatorial": combinatorial(embargo_bars=embargo_bars, sealed_from=sealed_from),
        "one group": combinatorial(6, 1, embargo_bars=embargo_bars, sealed_from=sealed_from),
        "symbols left out": leave_symbols_out(2, cut=cut),
        "classes left out": leave_symbols_out("asset_class", cut=cut),
    }


def concat(*, epoch_samples: int | None = None, how: Way = "sampling", stratum: str = "none") -> Concat:
    return Concat(epoch_samples=epoch_samples, how=how, symbol_weights=None, stratum=stratum)


def balanced(
    *, epoch_samples: int | None = None, max_passes: float = 4.0, how: Way = "sampling", stratum: str = "none"
) -> Balanced:
    return Balanced(epoch_samples=epoch_samples, max_passes=max_passes, how=how, symbol_weights=None, stratum=stratum)


def temperature(
    degrees: float,
    *,
    max_passes: float = math.inf,
    epoch_samples: int | None = None,
    how: Way = "sampling",
    weights: dict[str, float] | None = None,
) -> TemperatureMixture:
    return TemperatureMixture(
        temperature=degrees,
        max_passes=max_passes,
        epoch_samples=epoch_samples,
        how=how,
        symbol_weights=weights,
        stratum="none",
    )


def interleaved(
    *, epoch_samples: int | None = None, max_passes: float = 4.0, weights: dict[str, float] | None = None
) -> Interleaved:
    return Interleaved(epoch_samples=epoch_samples, max_passes=max_passes, symbol_weights=weights, stratum="none")


def undersampled(*, epoch_samples: int | None = None, how: Way = "sampling") -> Undersampled:
    return Undersampled(epoch_samples=epoch_samples, how=how, symbol_weights=None, stratum="none")


def _in_two_ways(how: Way) -> dict[str, Mixture]:
    return {
        "concat": concat(how=how),
        "undersampled": undersampled(how=how),
        "a long undersampled": undersampled(how=how, epoch_samples=300),
        "balanced": balanced(how=how),
        "a long balanced": balanced(how=how, epoch_samples=700, max_passes=2.5),
        "temperature": temperature(3.0, max_passes=4.0, how=how),
        "weighted temperature": temperature(5.0, how=how, weights={"S0": 0.5, "S1": 2.0}),
    }


EVERY_MIXTURE: dict[str, Mixture] = {
    "interleaved": interleaved(),
    "a short interleaved": interleaved(epoch_samples=100, weights={"S1": 3.0}),
    **{f"{name} by {how}": own for how in get_args(Way) for name, own in _in_two_ways(how).items()},
}
"""All of `conf/sampling`, in both ways where there are two."""

"""A universe whose bars live in memory: the real features, labels and scaling on tiny made-up histories."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from multisymbol.errors import SourceError
from multisymbol.features.pipeline import FeatureSpec, feature_spec
from multisymbol.features.scaling import Scaler, Scaling, fit_scaler
from multisymbol.labels.labels import Labeller
from multisymbol.labels.zigzag import ZigZag
from multisymbol.markets.bars import Bars
from multisymbol.markets.symbols import Costs, Gaps, SymbolConfig, Universe
from multisymbol.markets.time import HOUR, Period, Timeframe
from multisymbol.samples.fold import TRAIN, FoldAssignment
from multisymbol.samples.ledger import Ledger
from multisymbol.samples.panel import Panel, ensure_panel
from tests.samples.worlds import HOURLY, START

CLASSES = (("coins", "24/7"), ("forex", "FX"), ("stocks", "XNYS"))
FUZZY = {"rsi": {"low": {"left_shoulder": [30, 45]}, "high": {"right_shoulder": [55, 70]}}}


@dataclass
class MemorySource:
    """Bars by symbol; counts what is read.

    Args:
        bars: What there is.
        refuse: Symbol -> error that `read` raises for it.
        reads: Symbols read, in order.
    """

    bars: Mapping[str, Bars]
    refuse: Mapping[str, Exception] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)

    @property
    def timeframe(self) -> Timeframe:
        return HOURLY

    def fingerprint(self, config: SymbolConfig, period: Period) -> str:
        if config.symbol not in self.bars:
            message = f"there are no bars of {config.symbol}"
            raise SourceError(message)
        own = self.bars[config.symbol]
        return hashlib.sha256(own.closed_at.tobytes() + own.close.tobytes()).hexdigest()

    def read(self, config: SymbolConfig, period: Period) -> Bars:
        self.reads.append(config.symbol)
        if config.symbol in self.refuse:
            raise self.refuse[config.symbol]
        return self.bars[config.symbol]


def make_bars(symbol: str, *, bars: int, first: int = 0, seed: int = 0, gaps: tuple[int, ...] = ()) -> Bars:
    """A random walk; before the rows in `gaps` some days are missing and a new segment begins."""
    random = np.random.default_rng([seed, 1])
    missing = np.zeros(bars, dtype=np.int64)
    missing[list(gaps)] = 60
    opened_at = START + HOUR * (first + np.arange(bars) + np.cumsum(missing))
    close = 100 * np.exp(np.cumsum(random.normal(scale=0.01, size=bars)))
    open_ = close * np.exp(random.normal(scale=0.003, size=bars))
    return Bars(
        symbol=symbol,
        timeframe=HOURLY,
        opened_at=opened_at,
        closed_at=opened_at + HOUR,
        open=open_,
        high=np.maximum(open_, close) * 1.002,
        low=np.minimum(open_, close) * 0.998,
        close=close,
        volume=random.lognormal(size=bars),
        segment=np.cumsum(missing > 0, dtype=np.int32),
        synthetic=True,
        origin="memory",
    )


def changed_from(bars: Bars, *, instant: int) -> Bars:
    """The same history with other prices and volumes in every bar that closes after `instant`."""
    random = np.random.default_rng(99)
    later = bars.closed_at > instant
    factor = np.where(later, np.exp(random.normal(scale=0.1, size=len(bars))), 1.0)
    prices = {name: getattr(bars, name) * factor for name in ("open", "high", "low", "close", "volume")}
    return dataclasses.replace(bars, **prices)


def make_universe(symbols: int) -> Universe:
    """Symbols M0, M1, ... of three classes, each with periods of its own."""
    return Universe(configs=tuple(make_config(index) for index in range(symbols)))


def make_config(index: int) -> SymbolConfig:
    asset_class, calendar = CLASSES[index % 3]
    return SymbolConfig(
        symbol=f"M{index}",
        asset_class=asset_class,
        calendar=calendar,
        volume="optional",
        costs=Costs(**dict.fromkeys((entry.name for entry in dataclasses.fields(Costs)), 1.0)),
        gaps=Gaps(over_closed="carry", max_missing_hours=24.0),
        indicators={"rsi": {"period": 4 + index % 5}, "roc": {"period": 3 + index % 2}},
        fuzzy=FUZZY,
        label={"_target_": "multisymbol.labels.zigzag.ZigZag", "percent": 2.0 + 0.25 * (index % 4)},
    )


def make_source(symbols: int, *, bars: int = 320) -> MemorySource:
    """Ragged histories, some with gaps."""
    lengths = [bars - 23 * (index % 4) for index in range(symbols)]
    return MemorySource(
        bars={
            f"M{index}": make_bars(
                f"M{index}", bars=n, first=11 * index, seed=index, gaps=(n // 3,) if index % 2 else ()
            )
            for index, n in enumerate(lengths)
        }
    )


def make_spec() -> FeatureSpec:
    return feature_spec(indicators=make_config(0).indicators, fuzzy=FUZZY, raw=None, restart_bars=1024, clock=True)


def make_labellers(universe: Universe) -> dict[str, Labeller]:
    return {
        config.symbol: ZigZag(threshold="percent", percent=config.label["percent"], sigmas=1.0, volatility_bars=20)
        for config in universe
    }


def make_panel(
    cache: Path,
    *,
    universe: Universe,
    source: MemorySource,
    spec: FeatureSpec | None = None,
    period: Period | None = None,
    labellers: Mapping[str, Labeller] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Panel:
    return ensure_panel(
        cache,
        universe=universe,
        source=source,
        period=period or Period(),
        spec=spec or make_spec(),
        labellers=labellers or make_labellers(universe),
        progress=progress,
    )


def make_scaler(panel: Panel, *, ledger: Ledger, parts: FoldAssignment) -> Scaler:
    """Fitted on the last bars of the train windows."""
    train = {
        name: np.asarray(panel.features[ledger.row[own]])
        for name, own in zip(panel.symbols, parts.positions_by_symbol(TRAIN, ledger=ledger), strict=True)
        if len(own)
    }
    decided_at = ledger.decided_at[parts.positions(TRAIN)]
    return fit_scaler(
        train,
        asset_classes=dict(zip(panel.symbols, panel.asset_classes, strict=True)),
        spec=panel.spec,
        scaling=Scaling(method="class_shrunk", shrinkage_rows=50.0, clip=4.0),
        fitted_from=int(decided_at.min()),
        fitted_until=int(decided_at.max()),
    )

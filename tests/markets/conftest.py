from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from multisymbol.markets.io.defects import Limits
from multisymbol.markets.symbols import Costs, Gaps, SymbolConfig

KINDS = {"stock": ("XNYS", "required"), "forex": ("FX", "optional"), "crypto": ("24/7", "required")}

LIMITS = Limits(wick={"stock": 0.04, "forex": 0.02, "crypto": 0.2}, flat_bars=5)


def config_of(symbol: str, asset_class: str, **changes: Any) -> SymbolConfig:
    calendar, volume = KINDS[asset_class]
    config = SymbolConfig(
        symbol=symbol,
        asset_class=asset_class,
        calendar=calendar,
        volume=volume,  # type: ignore[arg-type]
        costs=Costs(**dict.fromkeys((entry.name for entry in fields(Costs)), 1.0)),
        gaps=Gaps(over_closed="carry", max_missing_hours=20.0),
        indicators={},
        fuzzy={},
        label={},
    )
    return replace(config, **changes)


@pytest.fixture
def stock() -> SymbolConfig:
    return config_of("AAPL", "stock")


@pytest.fixture
def coin() -> SymbolConfig:
    return config_of("BTCUSDT", "crypto")


@pytest.fixture
def hours() -> Callable[..., pd.DataFrame]:
    """Make n flawless hourly bars from 2019-01-07 on."""

    def make(n: int, *, start: str = "2019-01-07", freq: str = "1h", zone: str | None = "UTC") -> pd.DataFrame:
        timestamp = pd.date_range(start, periods=n, freq=freq, tz=zone).as_unit("ns")
        close = 100.0 + np.arange(n) % 5
        prices = {"open": close - 0.5, "high": close + 1.0, "low": close - 1.0, "close": close}
        return pd.DataFrame({"timestamp": timestamp, **prices, "volume": np.full(n, 10.0)})

    return make

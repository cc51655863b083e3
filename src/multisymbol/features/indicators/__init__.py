"""Indicators: pure functions of the bars of one stretch; importing this package fills the registry."""

from multisymbol.features.indicators import momentum, trend, volatility, volume
from multisymbol.features.indicators.registry import (
    INDICATORS,
    BarSegment,
    Configured,
    Indicator,
    configure,
    modules_of,
)

__all__ = [
    "INDICATORS", "BarSegment", "Configured", "Indicator", "configure", "modules_of", "momentum", "trend", "volatility",
    "volume",
]  # fmt: skip

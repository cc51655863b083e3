"""Indicators: pure functions of the bars of one stretch; importing this package fills the registry."""

from multisymbol.features.indicators import prices, volume
from multisymbol.features.indicators.registry import (
    INDICATORS,
    BarSegment,
    Configured,
    Indicator,
    configure,
    modules_of,
)

__all__ = ["INDICATORS", "BarSegment", "Configured", "Indicator", "configure", "modules_of", "prices", "volume"]

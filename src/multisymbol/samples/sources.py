"""Where the bars of a configuration come from."""

from collections.abc import Mapping
from typing import Any

from multisymbol.config.build import build
from multisymbol.markets.io.parquet import ExaminedSource
from multisymbol.markets.resampling import Resampled


def bar_source(values: Mapping[str, Any]) -> ExaminedSource:
    """Build the source, made coarser where `resample` names a timeframe.

    Args:
        values: Plain, checked configuration.

    Raises:
        ConfigError: The source refuses its arguments, or its bars cannot be made that coarse.
    """
    source: ExaminedSource = build(values["source"])
    timeframe = values["resample"]
    return source if timeframe is None else Resampled(source=source, timeframe=timeframe)

"""Small markets and costs for tests of the accounting."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from multisymbol.backtest.account import Prices
from multisymbol.markets.symbols import Costs
from multisymbol.markets.time import HOUR


def costs(**given: float) -> Costs:
    """Those costs and no others."""
    return Costs(**{**dict.fromkeys((entry.name for entry in fields(Costs)), 0.0), **given})


def prices(
    bars: Sequence[Sequence[float]],
    *,
    closed_at_hour: Sequence[int] | None = None,
    segment: Sequence[int] | None = None,
) -> Prices:
    """Bars of open, high, low and close; an hour each, one after the other, but where said otherwise."""
    table = np.array(bars, dtype=np.float64)
    closed_at = np.array(closed_at_hour or range(1, len(bars) + 1), dtype=np.int64) * HOUR
    return Prices(
        symbol="X",
        opened_at=closed_at - HOUR,
        closed_at=closed_at,
        open=table[:, 0].copy(),
        high=table[:, 1].copy(),
        low=table[:, 2].copy(),
        close=table[:, 3].copy(),
        segment=np.array(segment or [0] * len(bars), dtype=np.int32),
    )

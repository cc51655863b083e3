"""Scores of forecasts of a return, from sums that add up: over batches, symbols and processes."""

# B batch, S symbol, K sums

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch.nn import functional
from torchmetrics import Metric

from multisymbol.arrays import Floats

_CONSTANT = 1e-12
"""Share of the mean square below which a variance is rounding error."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReturnScores:
    """Scores on one set of rows, in units of the target (deviations of its horizon). NaN where there are no rows."""

    rows: int
    huber: float  # mean Huber loss
    mse: float  # mean squared error
    ic: float  # information coefficient: correlation (Pearson) of forecast and target; 0 where either is constant
    # Share of rows whose sign is right, among those whose target is not 0; a forecast of exactly 0 counts half. NaN
    # where no target moves
    sign_accuracy: float


class Sums(NamedTuple):
    """Sums over rows of forecast f and target y."""

    rows: float
    huber: float  # of the Huber loss
    square: float  # of (f - y)^2
    f: float
    y: float
    ff: float  # of f * f
    yy: float
    fy: float
    right: float  # of 1 where the signs agree, 0.5 where f is 0, over rows with y != 0
    moved: float  # of 1 where y != 0


COLUMNS = len(Sums._fields)


def row_sums(f_B: torch.Tensor, y_B: torch.Tensor, *, delta: float) -> torch.Tensor:
    """Return each row's part of every sum, in the order of `Sums`. float64, shape (B, K)."""
    f_B, y_B = f_B.double(), y_B.double()
    moved_B = (y_B != 0).double()
    # sign(f) * sign(y) is 1, 0 or -1: right, undecided, wrong.
    right_B = (1 + torch.sign(f_B) * torch.sign(y_B)) / 2 * moved_B
    huber_B = functional.huber_loss(f_B, y_B, delta=delta, reduction="none")
    products = (f_B, y_B, f_B * f_B, y_B * y_B, f_B * y_B)
    return torch.stack([torch.ones_like(f_B), huber_B, (f_B - y_B).square(), *products, right_B, moved_B], dim=1)


def return_scores(sums: Sums) -> ReturnScores:
    """Derive scores from sums."""
    if sums.rows == 0:
        return ReturnScores(rows=0, huber=math.nan, mse=math.nan, ic=math.nan, sign_accuracy=math.nan)
    return ReturnScores(
        rows=round(sums.rows),
        huber=sums.huber / sums.rows,
        mse=sums.square / sums.rows,
        ic=_correlation(sums),
        sign_accuracy=sums.right / sums.moved if sums.moved else math.nan,
    )


def _correlation(sums: Sums) -> float:
    f_variance = sums.ff - sums.f**2 / sums.rows
    y_variance = sums.yy - sums.y**2 / sums.rows
    if f_variance <= _CONSTANT * sums.ff or y_variance <= _CONSTANT * sums.yy:
        return 0.0
    # NaN goes through: a score that is no number must show.
    return (sums.fy - sums.f * sums.y / sums.rows) / math.sqrt(f_variance * y_variance)


class ReturnSums(Metric):
    """Sums per symbol (known by its number), over batches and processes; every score is derived from them."""

    full_state_update = False
    sums: torch.Tensor

    def __init__(self, *, symbols: int, delta: float) -> None:
        super().__init__()
        self.symbols = symbols
        self.delta = delta
        self.add_state("sums", torch.zeros(symbols, COLUMNS, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, forecast_B: torch.Tensor, target_B: torch.Tensor, symbol_B: torch.Tensor) -> None:
        """Add a batch: forecasts, targets and symbol numbers."""
        self.sums.index_add_(0, symbol_B, row_sums(forecast_B, target_B, delta=self.delta))

    def compute(self) -> torch.Tensor:
        """Return the sums over all processes, shape (S, K)."""
        return self.sums

    def by_symbol(self) -> list[ReturnScores]:
        """Return each symbol's scores, in order of their number; NaN scores for a symbol without rows."""
        return [return_scores(Sums(*row)) for row in self._array().tolist()]

    def overall(self) -> ReturnScores:
        """Return the scores over all rows, whatever their symbol."""
        return return_scores(Sums(*self._array().sum(axis=0).tolist()))

    def _array(self) -> Floats:
        # torchmetrics squeezes what compute returns: with one symbol it comes back without its dimension.
        return self.compute().cpu().numpy().reshape(self.symbols, COLUMNS)

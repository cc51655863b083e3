"""Loss differences of two arms that are equally good: the truth that every test must leave alone.

Two arms forecast the same forward returns with equally bad forecasts of their own,

    y_it = (r_i,t+1 + .. + r_i,t+h) / sqrt(h),      r: one common factor and one of each symbol's own, half and half
    f_ait = 0.1 (persistent forecast of arm a, correlation 0.9 from bar to bar + noise of the seed)
    d_its = (y - f_2)^2 - (y - f_1)^2,              mean zero

so neighbouring instants share most of the label, symbols share the factor, seeds share the market, and histories begin
at different instants.
"""

# T instant, N symbol, S seed, h horizon

import math
from dataclasses import dataclass

import numpy as np
from scipy import signal

from multisymbol.arrays import Floats
from multisymbol.markets.time import HOUR
from multisymbol.statistics.loss_differentials import LossDifferentials, label_lag, symbol_mean

_PERSISTENCE, _FORGOTTEN, _SIZE, _SEED_NOISE = 0.9, 100, 0.1, 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """Size of a world.

    Args:
        instants: T.
        symbols: N; all but the first begin somewhere in the first half.
        seeds: S.
        horizon: Bars a label looks ahead.
        seed_effect: Standard deviation of how much better one seed's first network truly is; mean zero over seeds.
    """

    instants: int
    symbols: int
    seeds: int
    horizon: int
    seed_effect: float = 0.0


def null_differentials(world: World, *, seed: int) -> LossDifferentials:
    """Draw a world in which no arm is better.

    Args:
        world: Its size.
        seed: Of all chance in it.
    """
    generator = np.random.default_rng(seed)
    by_seed_symbol = _losses(world, generator)
    start = (generator.random(world.symbols) * world.instants / 2).astype(np.int64)
    start[0] = 0
    early = np.arange(world.instants)[:, None] < start
    matrices = np.where(early, np.nan, by_seed_symbol)
    weights = np.full(world.symbols, 1 / world.symbols)
    instants = HOUR * np.arange(world.instants, dtype=np.int64)
    lag = label_lag(instants, decided_at=instants, resolved_at=instants + HOUR * world.horizon)
    return LossDifferentials(
        first="universal",
        second="single",
        symbols=tuple(f"S{number:02d}" for number in range(world.symbols)),
        seeds=tuple(range(world.seeds)),
        instants=instants,
        by_symbol=matrices.mean(axis=0),
        by_seed=np.stack([symbol_mean(matrix, weights=weights) for matrix in matrices]),
        symbol_by_seed=np.nanmean(matrices, axis=1),
        weights=weights,
        lag=lag,
        symbol_lags=np.full(world.symbols, lag),
    )


def _losses(world: World, generator: np.random.Generator) -> Floats:
    """Return d_its. Shape (S, T, N)."""
    shape = (world.instants, world.symbols)
    y = _forward_returns(world, generator)
    arms = [_persistent(shape, generator) for _ in range(2)]
    noise = generator.standard_normal((2, world.seeds, *shape))
    first, second = (_SIZE * (arm + _SEED_NOISE * own) for arm, own in zip(arms, noise, strict=True))
    skill = world.seed_effect * generator.standard_normal((world.seeds, 1, 1))
    losses: Floats = np.square(y - second) - np.square(y - first) + skill
    return losses


def _forward_returns(world: World, generator: np.random.Generator) -> Floats:
    bars = world.instants + world.horizon
    common = generator.standard_normal((bars, 1))
    returns = math.sqrt(0.5) * (common + generator.standard_normal((bars, world.symbols)))
    total = np.cumsum(returns, axis=0)
    forward: Floats = (total[world.horizon :] - total[: -world.horizon]) / math.sqrt(world.horizon)
    return forward


def _persistent(shape: tuple[int, int], generator: np.random.Generator) -> Floats:
    """Half common to all symbols, half each symbol's own; unit variance. Shape (T, N)."""
    shocks = generator.standard_normal((shape[0] + _FORGOTTEN, shape[1] + 1)) * math.sqrt(1 - _PERSISTENCE**2)
    level = signal.lfilter([1.0], [1.0, -_PERSISTENCE], shocks, axis=0)[_FORGOTTEN:]
    both: Floats = math.sqrt(0.5) * (level[:, 1:] + level[:, :1])
    return both

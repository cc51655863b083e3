"""Is the best of many trials luck? The deflated Sharpe ratio and the probability of backtest overfitting.

The best of 200 strategies without any skill has a Sharpe ratio that looks like skill. Two measures correct for that:

    deflated_sharpe            probability that the true ratio is above what luck gives the best of N trials
    overfitting_probability    how often the best trial of one half of time is below the median in the other half
"""

# T instant, N trial, K choice of blocks

import math
from itertools import combinations

import numpy as np
from scipy import stats

from multisymbol.arrays import Floats
from multisymbol.errors import ComparisonError


def sharpe_ratios(returns_TN: Floats) -> Floats:
    """Return the Sharpe ratio of each trial per instant, mean over deviation (n - 1); 0 for constants. Shape (N,)."""
    mean, deviation = returns_TN.mean(axis=0), returns_TN.std(axis=0, ddof=1)
    ratios: Floats = np.divide(mean, deviation, out=np.zeros_like(mean), where=deviation > 0)
    return ratios


def expected_best(trials: int, *, deviation: float) -> float:
    """Return the expected Sharpe ratio of the best of independent trials without skill, given the ratios' deviation.

    Source: Bailey and Lopez de Prado 2014, The Deflated Sharpe Ratio, eq. 1 (expected maximum of N normals).
    """
    if trials < 2:
        return 0.0
    first, second = stats.norm.ppf([1 - 1 / trials, 1 - 1 / (trials * math.e)])
    return deviation * float((1 - np.euler_gamma) * first + np.euler_gamma * second)


def probabilistic_sharpe(returns_T: Floats, *, benchmark: float) -> float:
    """Return the probability that the true Sharpe ratio is above a benchmark.

    Args:
        returns_T: Returns of one trial in order of time, not autocorrelated. Shape (T,).
        benchmark: Ratio per instant to exceed.

    Raises:
        ComparisonError: Fewer than 3 returns, or they do not vary.

    Source: Bailey and Lopez de Prado 2012, The Sharpe Ratio Efficient Frontier, eq. 11.
    """
    if len(returns_T) < 3 or np.ptp(returns_T) == 0:
        raise ComparisonError(f"a Sharpe ratio of {len(returns_T)} returns: needs 3 or more that differ")
    (ratio,) = sharpe_ratios(returns_T[:, None])
    skew, kurtosis = float(stats.skew(returns_T)), float(stats.kurtosis(returns_T, fisher=False))
    spread = 1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2
    return float(stats.norm.cdf((ratio - benchmark) * math.sqrt(len(returns_T) - 1) / math.sqrt(spread)))


def deflated_sharpe(returns_TN: Floats) -> float:
    """Return the probability that the best trial's true Sharpe ratio is above what luck gives the best of N.

    Args:
        returns_TN: Returns of every trial that was made, including those that were given up. Shape (T, N).

    Raises:
        ComparisonError: As `probabilistic_sharpe`, of the best trial.

    Source: Bailey and Lopez de Prado 2014, The Deflated Sharpe Ratio, eq. 2.
    """
    ratios = sharpe_ratios(returns_TN)
    deviation = float(ratios.std(ddof=1)) if len(ratios) > 1 else 0.0
    luck = expected_best(len(ratios), deviation=deviation)
    return probabilistic_sharpe(returns_TN[:, int(ratios.argmax())], benchmark=luck)


def overfitting_probability(returns_TN: Floats, *, blocks: int) -> float:
    """Return the probability of backtest overfitting, by combinatorially symmetric cross-validation.

    Time is cut into blocks; for every choice of half of them the trial with the best Sharpe ratio there is ranked on
    the other half. The probability is the share of choices in which it is at or below the median there.

    Args:
        returns_TN: Returns of every trial, in order of time. Shape (T, N).
        blocks: Number of blocks of time: even, 2 or more, at most T // 2.

    Raises:
        ComparisonError: Blocks that do not fit, or fewer than 2 trials.

    Source: Bailey, Borwein, Lopez de Prado and Zhu 2017, The Probability of Backtest Overfitting, section 3.
    """
    instants, trials = returns_TN.shape
    if blocks < 2 or blocks % 2 or blocks > instants // 2 or trials < 2:
        raise ComparisonError(
            f"blocks={blocks} of {instants} instants and {trials} trials: expected an even number of blocks, 2 or "
            "more, of 2 instants or more each, and 2 trials or more"
        )
    edges = np.arange(blocks + 1) * instants // blocks
    # Every Sharpe ratio over a choice of blocks follows from counts, sums and sums of squares per block.
    moments = (np.ones((instants, 1)), returns_TN, returns_TN**2)
    counts, sums, squares = (np.add.reduceat(each, edges[:-1], axis=0) for each in moments)
    chosen = np.array(list(combinations(range(blocks), blocks // 2)))
    inside = np.zeros((len(chosen), blocks))
    inside[np.arange(len(chosen))[:, None], chosen] = 1.0
    seen, unseen = (_ratios(part, counts, sums, squares) for part in (inside, 1 - inside))
    winner = unseen[np.arange(len(chosen)), seen.argmax(axis=1)]
    rank = (unseen < winner[:, None]).sum(axis=1) + ((unseen == winner[:, None]).sum(axis=1) + 1) / 2
    return float((rank / (trials + 1) <= 0.5).mean())


def _ratios(inside_KB: Floats, counts: Floats, sums: Floats, squares: Floats) -> Floats:
    """Return the Sharpe ratio of every trial over the blocks of each choice. Shape (K, N)."""
    n = inside_KB @ counts
    mean = inside_KB @ sums / n
    deviation = np.sqrt(np.maximum(inside_KB @ squares / n - mean**2, 0.0))
    ratios: Floats = np.divide(mean, deviation, out=np.zeros_like(mean), where=deviation > 1e-300)
    return ratios

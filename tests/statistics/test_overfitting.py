import math

import numpy as np
import pytest
from scipy import stats

from multisymbol.arrays import Floats
from multisymbol.errors import ComparisonError
from multisymbol.statistics.overfitting import (
    deflated_sharpe,
    expected_best,
    overfitting_probability,
    probabilistic_sharpe,
    sharpe_ratios,
)


def noise(*, instants: int = 400, trials: int = 100, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal((instants, trials))


def test_sharpe_ratio_by_hand_and_of_what_never_varies() -> None:
    returns = np.array([[1.0, 2.0], [3.0, 2.0]])
    np.testing.assert_allclose(sharpe_ratios(returns), [2 / math.sqrt(2), 0.0])


@pytest.mark.parametrize("trials", [10, 100, 1000])
def test_luck_of_the_best_is_what_simulation_says(trials: int) -> None:
    best = np.random.default_rng(1).standard_normal((4000, trials)).max(axis=1).mean()
    assert expected_best(trials, deviation=1.0) == pytest.approx(best, abs=0.06)
    assert expected_best(trials, deviation=0.02) == pytest.approx(0.02 * expected_best(trials, deviation=1.0))


def test_a_single_trial_needs_no_luck() -> None:
    assert expected_best(1, deviation=1.0) == 0.0


def test_probability_of_a_ratio_by_hand_of_the_published_formula() -> None:
    # Symmetric returns of three values: skew 0, kurtosis 1.5; mean 0.1, deviation sqrt(2/3 * n / (n - 1)).
    returns = np.tile([-1.0, 0.0, 1.0], 40) + 0.1
    ratio = 0.1 / math.sqrt(2 / 3 * 120 / 119)
    expected = stats.norm.cdf(ratio * math.sqrt(119) / math.sqrt(1 + 0.5 / 4 * ratio**2))
    assert probabilistic_sharpe(returns, benchmark=0.0) == pytest.approx(expected, rel=1e-12)
    assert probabilistic_sharpe(returns, benchmark=ratio) == pytest.approx(0.5)


def test_losses_in_a_long_tail_make_the_same_ratio_less_sure() -> None:
    tailed = np.r_[np.full(95, 0.2), np.full(5, -2.5)]
    mirrored = 2 * tailed.mean() - tailed
    assert probabilistic_sharpe(tailed, benchmark=0.0) < probabilistic_sharpe(mirrored, benchmark=0.0)


def test_the_best_of_many_without_skill_is_not_blessed_though_alone_it_would_be() -> None:
    blessed = naive = 0
    for seed in range(60):
        returns = noise(seed=seed)
        best = returns[:, sharpe_ratios(returns).argmax()]
        naive += probabilistic_sharpe(best, benchmark=0.0) > 0.95
        blessed += deflated_sharpe(returns) > 0.95
    assert naive == 60
    assert blessed <= 6  # 97.5 % of binomial outcomes at 5 %


def test_true_skill_among_many_is_blessed() -> None:
    returns = noise()
    returns[:, 7] += 0.35
    assert deflated_sharpe(returns) > 0.99


def test_backtest_overfitting_by_hand_of_two_trials_in_four_blocks() -> None:
    # One return a bar, two bars a block; the first trial earns in blocks 0 and 1, the other in blocks 2 and 3.
    good, bad = [1.0, 1.1], [-1.0, -1.1]
    returns = np.column_stack([[*good, *good, *bad, *bad], [*bad, *bad, *good, *good]])
    # Best in (0,1) is worst in (2,3), and the other way round: 2 of 6 choices; the 4 mixed ones are all but ties.
    found = overfitting_probability(returns, blocks=4)
    assert 2 / 6 <= found <= 1.0
    assert overfitting_probability(np.column_stack([np.tile(good, 4), np.tile(bad, 4)]), blocks=4) == 0.0


def test_overfitting_of_noise_is_a_coin_toss_and_of_skill_is_none() -> None:
    found = [overfitting_probability(noise(seed=seed), blocks=8) for seed in range(30)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.1)
    returns = noise()
    returns[:, 7] += 0.5
    assert overfitting_probability(returns, blocks=8) == 0.0


def test_the_order_of_trials_and_the_unit_of_returns_do_not_matter() -> None:
    returns = noise(trials=12)
    assert overfitting_probability(returns[:, ::-1], blocks=6) == overfitting_probability(returns, blocks=6)
    assert overfitting_probability(1000 * returns, blocks=6) == overfitting_probability(returns, blocks=6)
    assert deflated_sharpe(0.001 * returns) == pytest.approx(deflated_sharpe(returns))


@pytest.mark.parametrize("blocks", [3, 0, 202])
def test_blocks_that_do_not_fit_are_refused(blocks: int) -> None:
    with pytest.raises(ComparisonError, match=f"blocks={blocks} of 400 instants and 100 trials: expected an even"):
        overfitting_probability(noise(), blocks=blocks)


def test_one_trial_or_returns_that_never_vary_are_refused() -> None:
    with pytest.raises(ComparisonError, match="2 trials or more"):
        overfitting_probability(noise(trials=1), blocks=4)
    with pytest.raises(ComparisonError, match="needs 3 or more that differ"):
        probabilistic_sharpe(np.ones(50), benchmark=0.0)

"""Worlds 4 and 5: what is not there is not found."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from multisymbol.comparison.arms import FoldTask
from multisymbol.comparison.result import UNIVERSAL
from multisymbol.comparison.scores import ArmScores
from multisymbol.samples.fold import TRAIN
from multisymbol.seeding import named_seed
from multisymbol.statistics.aa_test import binomial_bounds
from multisymbol.statistics.loss_differentials import paired_differentials
from multisymbol.statistics.mean_tests import MeanTest, diebold_mariano
from multisymbol.statistics.seed_variance import p_with_seeds
from validation.bench import Bench, Proved
from validation.planted_arms import ARMS, SEEDS, SYMBOLS, fold_task, market, scores_of, scratch
from validation.planted_signal import judged

ALPHA = 0.05
NEAR = 0.1
"""Length of the nearer test span, as a share of the train span."""
_WANTED, _LAW = 400, (0.025, 0.075)
"""So many markets, and what share of rejections they may show; fewer are held to what chance allows them."""


def same_arm(bench: Bench) -> Proved:
    """World 4: three trainings of the universal model against three with other seeds, as if they were arms.

    The primary test takes trained networks as given. Two trainings are never the same network, so over a test span of T
    instants after n of training its statistic has a variance of about 1 + T / n, not 1: what two trainings took from
    chance in the n is a true difference on the T. Over a tenth of the train span that hardly shows; over a long one it
    does, and there the seeds' variance, which a verdict asks for besides, must keep claims rare.
    """
    seeds = bench.seeds(_WANTED)
    near, far = [], []
    for done, seed in enumerate(seeds):
        bench.say("4 A/A", done, len(seeds))
        task, six = _against_themselves(bench, seed=seed)
        near.append(tested(task, six, share=NEAR))
        far.append(tested(task, six, share=None))
    low, high = _LAW if len(seeds) >= _WANTED else binomial_bounds(len(seeds), share=ALPHA)
    primary, claims = _share(near, claim=False), max(_share(near, claim=True), _share(far, claim=True))
    return Proved(
        passed=low <= primary <= high and claims <= high,
        measured=f"primary test rejects {primary:.1%} of {len(seeds)} over {NEAR:g} of the train span (variance of "
        f"its statistic {_spread(near):.2f}), claims (seeds agree) {_share(near, claim=True):.1%}; over "
        f"{far[0].length:.1f} of it {_share(far, claim=False):.1%} ({_spread(far):.2f}), claims "
        f"{_share(far, claim=True):.1%}",
        seeds=seeds,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Tested:
    """The difference of two groups of trainings over a test span.

    Args:
        primary: Diebold-Mariano.
        p_seeds: With the seeds' variance.
        length: Of the test span, as a share of the train span's instants.
    """

    primary: MeanTest
    p_seeds: float
    length: float


def _share(tested: Sequence[Tested], *, claim: bool) -> float:
    """Return how often the primary test rejects; for a claim the seeds must agree."""
    return float(np.mean([max(own.primary.p, own.p_seeds if claim else 0.0) <= ALPHA for own in tested]))


def _spread(tested: Sequence[Tested]) -> float:
    return float(np.var([own.primary.statistic for own in tested]))


def _against_themselves(bench: Bench, *, seed: int) -> tuple[FoldTask, ArmScores]:
    """Train the universal model six times on a market."""
    training, seeds = replace(bench.training, epochs=6, hidden=4), range(2 * len(SEEDS))
    with scratch() as cache:
        values = market(bench.values, seed=seed, cache=cache, symbols=SYMBOLS[:5], bars=1800)
        task = fold_task(values, training=training, seeds=[named_seed(seed, "run", number) for number in seeds])
        return task, scores_of(task, {UNIVERSAL: ARMS[UNIVERSAL]})[UNIVERSAL]


def tested(task: FoldTask, six: ArmScores, *, share: float | None) -> Tested:
    """Test the first half of the networks against the second.

    Args:
        task: Their market.
        six: Their forecasts, one network for each seed.
        share: How much of the test span, as a share of the train span's instants; None: all of it.
    """
    ledger, at = task.whole.ledger, six.rows.decided_at
    instants, train = np.unique(at), len(np.unique(ledger.decided_at[task.whole.parts.positions(TRAIN)]))
    length = len(instants) if share is None else round(share * train)
    kept = six.only(at <= instants[length - 1])
    rows = replace(kept.rows, seeds=SEEDS)
    first, second = (
        ArmScores(arm=name, rows=rows, prob=prob).losses("overall")
        for name, prob in zip(("first", "second"), np.split(kept.prob, 2), strict=True)
    )
    found = paired_differentials(first, second)
    primary = diebold_mariano(found.series, lag=found.lag)
    return Tested(
        primary=primary,
        p_seeds=p_with_seeds(primary, effects=found.by_seed.mean(axis=1)),
        length=length / train,
    )


def no_signal(bench: Bench) -> Proved:
    """World 5. Surrogates are only drawn where an arm beats the prior: without that the verdict is NO_SKILL anyway."""
    seeds = bench.seeds(20)
    kinds = []
    ungated = 0
    for done, seed in enumerate(seeds):
        bench.say("5 no signal", done, len(seeds))
        found = judged(bench, effects={}, seed=seed, lazy=True)
        kinds.append(found.verdict.kind)
        ungated += found.primary.p <= ALPHA and found.differentials.effect > 0
    none = sum(kind == "NO_SKILL" for kind in kinds)
    return Proved(
        passed=none >= 0.95 * len(seeds),
        measured=f"NO_SKILL {none}/{len(seeds)}; without the skill gate log-loss would have said universal in "
        f"{ungated}/{len(seeds)}",
        seeds=seeds,
    )

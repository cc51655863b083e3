"""Worlds 1, 2, 3 and 10: what is planted is found."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from multisymbol.arrays import Floats
from multisymbol.cli.specs import fit_spec
from multisymbol.comparison.arms import FoldTask, Pooled, ZeroShot
from multisymbol.comparison.fit import windows_of
from multisymbol.comparison.result import PRIOR, SINGLE, UNIVERSAL
from multisymbol.comparison.scores import ArmScores
from multisymbol.samples.dataset import FoldDataset
from multisymbol.samples.fold import TEST, TRAIN
from multisymbol.seeding import named_seed
from multisymbol.statistics.compare import ComparisonResult
from multisymbol.statistics.loss_differentials import paired_differentials
from multisymbol.statistics.mean_tests import diebold_mariano
from multisymbol.statistics.verdict import Kind
from validation.bench import Bench, Proved
from validation.comparing import through_compare
from validation.planted_arms import (
    ARMS,
    SEEDS,
    SHARED,
    SMALLEST,
    SYMBOLS,
    Training,
    answer,
    fold_task,
    market,
    opposite,
    plan,
    prepared,
    scores_of,
    scratch,
    shared,
    surrogates,
)

OPPOSITE = 0.3
"""Size of b in world 2."""


def shared_signal(bench: Bench) -> Proved:
    """World 1: verdicts with surrogates on some markets, the primary test on many, the front door on the first."""
    seeds, many = bench.seeds(8), bench.seeds(60)
    verdicts = []
    for done, seed in enumerate(seeds):
        bench.say("1 shared signal", done, len(seeds))
        verdicts.append(judged(bench, effects=shared(SHARED), seed=seed))
    better = sum(each.verdict.kind == "UNIVERSAL_BETTER" for each in verdicts)
    p = np.array(_primary_ps(bench, effects=shared(SHARED), seeds=many))
    sure = float((p < LEVEL).mean())
    bench.say("1 least squares", 0, 1)
    measured, predicted = least_squares_gain(bench, seeds=range(bench.seed, bench.seed + 12))
    off = measured / predicted - 1
    bench.say("1 through compare", 0, 1)
    with scratch() as folder:
        values = market(bench.values, seed=bench.seed, cache=folder, effects=shared(SHARED))
        front = through_compare(bench, values, folder=folder)
    return Proved(
        passed=better == len(seeds) and sure >= 0.95 and abs(off) <= 0.25 and front.kind == "UNIVERSAL_BETTER",
        measured=f"networks: UNIVERSAL_BETTER {better}/{len(seeds)} ({bench.draws} retrained surrogates each), p < "
        f"{LEVEL} in {sure:.0%} of {len(many)} (largest {p.max():.1g}); least squares on the same samples "
        f"{measured:+.4f}, closed form {predicted:+.4f} ({off:+.0%}); {front.text}",
        seeds=many,
    )


LEVEL = 0.01
"""Of the primary test in world 1."""


def _primary_ps(bench: Bench, *, effects: Mapping[str, float], seeds: range) -> list[float]:
    """Return the primary test's p of each market."""
    found: list[float] = []
    for done, seed in enumerate(seeds):
        bench.say("1 primary test", done, len(seeds))
        with scratch() as cache:
            values = market(bench.values, seed=seed, cache=cache, effects=effects)
            both = {name: ARMS[name] for name in (UNIVERSAL, SINGLE)}
            made = scores_of(fold_task(values, training=bench.training), both)
        pair = paired_differentials(made[UNIVERSAL].losses("overall"), made[SINGLE].losses("overall"))
        found.append(diebold_mariano(pair.series, lag=pair.lag).p)
    return found


def opposite_signs(bench: Bench) -> Proved:
    """World 2."""
    seeds = bench.seeds(8)
    kinds: list[Kind] = []
    skilled, recovered = 0, []
    for done, seed in enumerate(seeds):
        bench.say("2 opposite signs", done, len(seeds))
        with scratch() as cache:
            values = market(bench.values, seed=seed, cache=cache, effects=opposite(OPPOSITE))
            task = fold_task(values, training=bench.training)
            made = scores_of(task)
            drawn = surrogates(task, draws=bench.draws, seed=seed)
            found = answer(made, plan(smallest=SMALLEST, seed=seed), [drawn])
            kinds.append(found.verdict.kind)
            skilled += "universal" in found.evidence.skilled
            recovered.append(_partial_pooling(values, task, made, training=bench.training))
    bench.say("2 through compare", 0, 1)
    with scratch() as folder:
        front = through_compare(bench, small_opposite(bench, cache=folder), folder=folder)
    single = sum(kind == "SINGLE_BETTER" for kind in kinds)
    return Proved(
        passed=single == len(seeds) and skilled == 0 and min(recovered) >= 0.75 and front.kind == "SINGLE_BETTER",
        measured=f"SINGLE_BETTER {single}/{len(seeds)} ({bench.draws} retrained surrogates each), universal skilled "
        f"{skilled}/{len(seeds)}; with an embedding it has {min(recovered):.0%} or more of the single models' gain; "
        f"{front.text}",
        seeds=seeds,
    )


def small_opposite(bench: Bench, *, cache: Path) -> dict[str, Any]:
    """Write the configuration of a market of four symbols, which is enough for the front door to tell."""
    few = SYMBOLS[:4]
    return market(bench.values, seed=bench.seed, cache=cache, effects=opposite(OPPOSITE, few), symbols=few, bars=2000)


def _partial_pooling(
    values: Mapping[str, Any], task: FoldTask, made: Mapping[str, ArmScores], *, training: Training
) -> float:
    """Return the gain of a universal network that knows the symbol, as a share of the single models' gain."""
    fit = fit_spec(replace(training, hidden=16, epochs=max(training.epochs, 12)).over(values))
    pooled = {"pooled": Pooled(embedding_dim=4, unknown_dropout=0.1)}
    loss = {name: own.losses("overall").loss.mean() for name, own in made.items()}
    found = scores_of(replace(task, fit=fit), pooled)["pooled"].losses("overall").loss.mean()
    return float((loss[PRIOR] - found) / (loss[PRIOR] - loss[SINGLE]))


def slider(bench: Bench) -> Proved:
    """World 3: where does the sign of the gain flip, and how sure is that? Markets are resampled for the interval."""
    seeds = bench.seeds(20)
    gains, edge = np.empty((len(seeds), len(MULTIPLES))), math.nan
    for place, seed in enumerate(seeds):
        bench.say("3 slider", place, len(seeds))
        gains[place], edge = _slid(bench, seed=seed)
    ends = [diebold_mariano(own, lag=0).statistic for own in (gains[:, 0], gains[:, -1])]
    random = np.random.default_rng(named_seed(bench.seed, "flip"))
    drawn = [flip(gains[random.integers(len(seeds), size=len(seeds))]) for _ in range(2000)]
    low, high = np.quantile(drawn, [0.025, 0.975]).tolist()
    mean = zip(MULTIPLES, gains.mean(axis=0), strict=True)
    return Proved(
        passed=ends[0] > 2 and ends[1] < -2 and low <= 1.25 and high >= 0.75 and high - low <= 0.5,
        measured=f"gain of the universal least squares at D / (p/n) = "
        f"{', '.join(f'{multiple:g}: {gain:+.4f}' for multiple, gain in mean)} (t {ends[0]:+.1f} and {ends[1]:+.1f} at "
        f"the ends); sign flips at {flip(gains):.2f} p/n, 95 % interval {low:.2f} to {high:.2f} (p/n = {edge:.4f})",
        seeds=seeds,
    )


MULTIPLES = (0.0, 0.5, 1.0, 1.5, 2.0)
"""Of D / (p/n)."""


def flip(gains: Floats) -> float:
    """Return where a straight line through the mean gains is zero. Shape (markets, multiples)."""
    slope, level = np.polyfit(MULTIPLES, gains.mean(axis=0), 1)
    return float(-level / slope)


def _slid(bench: Bench, *, seed: int) -> tuple[Floats, float]:
    """Return the universal regression's gain on a market at every D, and p/n.

    D is the variance of b among the symbols that could have been drawn, so the N that were deviate from their mean by
    (1 - 1/N) D: with that the closed form p/(nN) + (1 - 1/N) D = p/n says D = p/n.
    """
    gains, edge = [], 0.0
    for multiple in MULTIPLES:
        with scratch() as cache:
            effects = shared(0.15)
            if multiple > 0:
                spread = math.sqrt(multiple * edge * (1 - 1 / len(SYMBOLS)))
                effects = {name: 0.15 + off for name, off in opposite(spread).items()}
            values = market(bench.values, seed=seed, cache=cache, effects=effects, window=LEAST_SQUARES_WINDOW)
            found = fit_least_squares(prepared(values))
        gains.append(found.gain)
        edge = edge or found.parameters / found.rows
    return np.array(gains), edge


def judged(bench: Bench, *, effects: Mapping[str, float], seed: int, lazy: bool = False) -> ComparisonResult:
    """Train both arms on a planted market and give the verdict.

    Args:
        bench: What is worked with.
        effects: Symbol -> b.
        seed: Of the market.
        lazy: Draw surrogates only where the verdict may depend on them.
    """
    with scratch() as cache:
        task = fold_task(market(bench.values, seed=seed, cache=cache, effects=effects), training=bench.training)
        made = scores_of(task)
        if lazy:
            found = answer(made, plan(smallest=SMALLEST, seed=seed, exploratory=True))
            if found.verdict.kind == "NO_SKILL":
                return found
        drawn = surrogates(task, draws=bench.draws, seed=seed)
        return answer(made, plan(smallest=SMALLEST, seed=seed), [drawn])


LEAST_SQUARES_WINDOW = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class LeastSquares:
    """Linear regressions of the labels' target on the same samples the networks have.

    Args:
        gain: Mean squared error of the single regressions less that of the universal one, test samples.
        noise: Mean squared error of the universal one.
        parameters: Of one regression.
        rows: Train samples of a symbol.
    """

    gain: float
    noise: float
    parameters: int
    rows: float


def fit_least_squares(whole: FoldDataset) -> LeastSquares:
    """Fit one regression for all and one for each symbol."""
    x, y, owner = _design(whole, TRAIN)
    test_x, test_y, test_owner = _design(whole, TEST)
    pooled = (test_y - test_x @ _fitted(x, y)) ** 2
    single = np.empty_like(pooled)
    for index in range(len(whole.ledger.symbols)):
        own, rows = owner == index, test_owner == index
        single[rows] = (test_y[rows] - test_x[rows] @ _fitted(x[own], y[own])) ** 2
    return LeastSquares(
        gain=float((single - pooled).mean()),
        noise=float(pooled.mean()),
        parameters=_columns(whole),
        rows=_rows(whole),
    )


def least_squares_gain(bench: Bench, *, seeds: range) -> tuple[float, float]:
    """Return the universal regression's gain with a shared signal, measured and by the closed form."""
    found = []
    for seed in seeds:
        with scratch() as cache:
            values = market(bench.values, seed=seed, cache=cache, effects=shared(SHARED), window=LEAST_SQUARES_WINDOW)
            found.append(fit_least_squares(prepared(values)))
    predicted = [own.noise * own.parameters / own.rows * (1 - 1 / len(SYMBOLS)) for own in found]
    return float(np.mean([own.gain for own in found])), float(np.mean(predicted))


def _fitted(x: Floats, y: Floats) -> Floats:
    return np.asarray(np.linalg.lstsq(x, y, rcond=None)[0], dtype=np.float64)


def _design(whole: FoldDataset, part: int) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Return windows, flat and with a constant, targets and symbols of one part's samples."""
    return design_at(whole, whole.parts.positions(part))


def design_at(whole: FoldDataset, positions: npt.NDArray[np.int64]) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Return the same of samples by their ledger positions."""
    batch = windows_of(whole)[torch.from_numpy(positions)]
    flat = batch.x_BTF.flatten(1).double().numpy()
    x = np.column_stack([flat[:, flat.std(axis=0) > 0], np.ones(len(flat))])
    return x, batch.target_B.double().numpy(), batch.symbol_B.numpy()


def _columns(whole: FoldDataset) -> int:
    return int(_design(whole, TRAIN)[0].shape[1])


def _rows(whole: FoldDataset) -> float:
    return float(np.mean([count.train for count in whole.parts.counts]))


def new_symbol(bench: Bench) -> Proved:
    """World 10."""
    seeds = bench.seeds(4)
    strong = 0.2
    outside, apart, curves = 0, [], []
    for done, seed in enumerate(seeds):
        bench.say("10 new symbol", done, len(seeds))
        with scratch() as cache:
            values = market(bench.values, seed=seed, cache=cache, effects=shared(strong))
            task = fold_task(values, training=bench.training)
            found = _without_one(task)
            outside += not found[0] <= 0 <= found[1]
            apart.append((found[0] + found[1]) / 2)
            curves.append(_own_curve(task.whole, strength=strong**2))
    curve = np.mean(curves, axis=0)
    shown = ", ".join(f"{share:g}: {gain:+.4f}" for share, gain in zip(_SHARES, curve, strict=True))
    return Proved(
        passed=outside <= 1 and curve[0] < 0 < curve[-1] and bool((np.diff(curve) > 0).all()),
        measured=f"zero-shot less seen {np.mean(apart):+.5f} nats on the new symbol, 95 % interval without 0 in "
        f"{outside}/{len(seeds)}; gain of own least squares at n / (p / R2) = {shown}",
        seeds=seeds,
    )


_SHARES = (0.5, 1.0, 2.0, 4.0)


def _without_one(task: FoldTask) -> tuple[float, float]:
    """Return the interval of the loss of models that never saw the last symbol, less that of models that did."""
    arms = {UNIVERSAL: ARMS[UNIVERSAL], "zero_shot": ZeroShot(groups=len(SYMBOLS), seed=1)}
    found = scores_of(replace(task, compared=(len(SYMBOLS) - 1,)), arms)
    seen, zero_shot = (found[name].losses("overall").loss for name in arms)
    test = diebold_mariano((zero_shot - seen).reshape(len(SEEDS), -1).mean(axis=0), lag=0)
    return test.mean - 1.96 * test.error, test.mean + 1.96 * test.error


def _own_curve(whole: FoldDataset, *, strength: float) -> list[float]:
    """Return by how much own regressions beat the mean, fitted on so many multiples of p / R2 rows."""
    x, y, owner = _design(whole, TRAIN)
    test_x, test_y, test_owner = _design(whole, TEST)
    gains = []
    for share in _SHARES:
        rows = round(share * x.shape[1] / strength)
        own = []
        for index in range(len(whole.ledger.symbols)):
            chosen = np.flatnonzero(owner == index)[-rows:]
            test = test_owner == index
            error: Floats = test_y[test] - test_x[test] @ _fitted(x[chosen], y[chosen])
            own.append(float((test_y[test] ** 2 - error**2).mean()))
        gains.append(float(np.mean(own)))
    return gains

"""Worlds 1-5, 10 and 13: what is planted is found, what is not there is not."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from multisymbol.config import build
from multisymbol.evaluation.statistics.answers import Answer
from multisymbol.evaluation.statistics.mean_tests import diebold_mariano
from multisymbol.evaluation.statistics.relabelling import binomial_bounds
from multisymbol.evaluation.statistics.verdict import Kind
from multisymbol.evaluation.trading.accounting import Rules, prices_of, simulate, weights_on
from multisymbol.evaluation.trading.decision import Discipline, Threshold, decision_context
from multisymbol.learning.seeding import named_seed
from multisymbol.markets.instants import Period
from multisymbol.markets.sessions import session_clock
from multisymbol.samples.splits import PURGED, TEST, TRAIN
from multisymbol.samples.windows import WindowDataset
from multisymbol.workflows.preparation import Prepared
from multisymbol.workflows.proof_bench import Bench, Proved
from multisymbol.workflows.proof_markets import (
    SYMBOLS,
    Arms,
    Job,
    Training,
    arms,
    class_prior,
    forecasts,
    market,
    plan,
    prepared,
    scored,
    scratch,
    surrogates,
    test_rows,
    with_parts,
)

Floats = npt.NDArray[np.float64]
SEEDS = (1, 2, 3)
"""Trainings of each arm."""
SMALLEST = 0.0005
"""Smallest effect of interest of the proofs, nats."""
SHARED = 0.1414
"""b whose square, 2 %, is what can be known of the next bar."""


def shared(effect: float, symbols: Sequence[str] = SYMBOLS) -> dict[str, float]:
    """Return the same b for all."""
    return dict.fromkeys(symbols, effect)


def opposite(effect: float, symbols: Sequence[str] = SYMBOLS) -> dict[str, float]:
    """Return b of alternating sign."""
    return {name: effect * (-1) ** place for place, name in enumerate(symbols)}


def shared_signal(bench: Bench) -> Proved:
    """World 1."""
    seeds = bench.seeds(3)
    verdicts = []
    for done, seed in enumerate(seeds):
        bench.say("1 shared signal", done, len(seeds))
        verdicts.append(judged(bench, effects=shared(SHARED), seed=seed))
    better = sum(each.verdict.kind == "UNIVERSAL_BETTER" and each.primary.p < 0.01 for each in verdicts)
    measured, predicted = least_squares_gain(bench, seeds=range(bench.seed, bench.seed + 12))
    off = measured / predicted - 1
    worst = max(each.primary.p for each in verdicts)
    return Proved(
        passed=better >= 0.95 * len(seeds) and abs(off) <= 0.25,
        measured=f"UNIVERSAL_BETTER {better}/{len(seeds)} (largest p {worst:.1g}, networks, {bench.draws} retrained "
        f"surrogates); least squares on the same samples {measured:+.4f}, closed form {predicted:+.4f} ({off:+.0%})",
        seeds=seeds,
    )


def opposite_signs(bench: Bench) -> Proved:
    """World 2."""
    seeds = bench.seeds(2)
    kinds: list[Kind] = []
    skilled, recovered = 0, []
    for done, seed in enumerate(seeds):
        bench.say("2 opposite signs", done, len(seeds))
        with scratch() as cache:
            values = market(bench.values, seed=seed, cache=cache, effects=opposite(0.3))
            whole = prepared(values)
            made = arms(values, whole, seeds=SEEDS, training=bench.training)
            drawn = surrogates(values, draws=bench.draws, seeds=(1,), training=bench.training)
            found = made.answer(plan(smallest=SMALLEST, seed=seed), [drawn])
            kinds.append(found.verdict.kind)
            skilled += "universal" in found.evidence.skilled
            recovered.append(_partial_pooling(values, whole, made, training=bench.training))
    single = sum(kind == "SINGLE_BETTER" for kind in kinds)
    return Proved(
        passed=single >= 0.95 * len(seeds) and skilled == 0 and min(recovered) >= 0.75,
        measured=f"SINGLE_BETTER {single}/{len(seeds)}, universal skilled {skilled}/{len(seeds)}; with an embedding it "
        f"has {min(recovered):.0%} or more of the single models' gain",
        seeds=seeds,
    )


def _partial_pooling(values: Mapping[str, Any], whole: Prepared, made: Arms, *, training: Training) -> float:
    """Return the gain of a universal network that knows the symbol, as a share of the single models' gain."""
    pooled = replace(training, embedding="symbol", hidden=16, epochs=max(training.epochs, 12))
    jobs = [Job(name=f"pooled {seed}", data=whole, seed=seed) for seed in SEEDS]
    prob = np.stack(forecasts(jobs, values, training=pooled))
    label = whole.ledger.label[made.positions]
    gain = made.prior.loss.mean() - scored("pooled", prob, label, rows=made.prior.rows).loss.mean()
    return float(gain / (made.prior.loss.mean() - made.single.loss.mean()))


def slider(bench: Bench) -> Proved:
    """World 3."""
    seeds = bench.seeds(20)
    multiples = (0.0, 0.5, 1.0, 1.5, 2.0)
    gains, edge = [], math.nan
    for place, multiple in enumerate(multiples):
        bench.say("3 slider", place, len(multiples))
        found = [_slid(bench, multiple=multiple, seed=seed) for seed in seeds]
        gains.append(float(np.mean([gain for gain, _ in found])))
        edge = found[0][1]
    slope, level = np.polyfit(multiples, gains, 1)
    flip = -level / slope
    shown = ", ".join(f"{multiple:g}: {gain:+.4f}" for multiple, gain in zip(multiples, gains, strict=True))
    return Proved(
        passed=gains[0] > 0 > gains[-1] and 0.75 <= flip <= 1.25,
        measured=f"gain of the universal least squares at D / (p/n) = {shown}; sign flips at {flip:.2f} p/n "
        f"(p/n = {edge:.4f})",
        seeds=seeds,
    )


def _slid(bench: Bench, *, multiple: float, seed: int) -> tuple[float, float]:
    with scratch() as cache:
        first = prepared(market(bench.values, seed=seed, cache=cache, window=LEAST_SQUARES_WINDOW))
        edge = _columns(first) / _rows(first)
        spread = math.sqrt(multiple * edge)
        effects = {name: 0.15 + spread * (-1) ** place for place, name in enumerate(SYMBOLS)}
        values = market(bench.values, seed=seed, cache=cache, effects=effects, window=LEAST_SQUARES_WINDOW)
        return fit_least_squares(prepared(values)).gain, edge


def same_arm(bench: Bench) -> Proved:
    """World 4: the universal arm against itself with other seeds."""
    seeds = bench.seeds(40)
    training = replace(bench.training, epochs=6, hidden=4)
    rejected = claimed = 0
    for done, seed in enumerate(seeds):
        bench.say("4 A/A", done, len(seeds))
        with scratch() as cache:
            values = market(bench.values, seed=seed, cache=cache, symbols=SYMBOLS[:5], bars=1800)
            whole = prepared(values)
            found = _against_itself(values, whole, training=training, seed=seed)
        rejected += found.doubt.same_arm.share * 100 > 100 * found.doubt.same_arm.high
        claimed += found.evidence.p <= 0.05 and found.evidence.p_seeds <= 0.05
    low, high = binomial_bounds(len(seeds), share=0.05)
    share = claimed / len(seeds)
    return Proved(
        passed=share <= high,
        measured=f"rejections {share:.1%} of {len(seeds)} (bounds {low:.1%} to {high:.1%}; 2.5 to 7.5 % needs "
        f"repeats=400); relabelled A/A of each market outside its bounds {rejected}/{len(seeds)}",
        seeds=seeds,
    )


def _against_itself(values: Mapping[str, Any], whole: Prepared, *, training: Training, seed: int) -> Answer:
    """Compare trainings of seeds 1-3 with trainings of seeds 4-6, as if they were arms."""
    jobs = [Job(name=f"run {number}", data=whole, seed=named_seed(seed, "run", number)) for number in range(6)]
    prob = np.stack(forecasts(jobs, values, training=training))
    positions = whole.parts.positions(TEST)
    rows, label = test_rows(whole, positions=positions, seeds=SEEDS), whole.ledger.label[positions]
    prior = np.broadcast_to(class_prior(whole), prob[:3].shape)
    one, other, none = (
        scored(name, own, label, rows=rows)
        for name, own in (("universal", prob[:3]), ("single", prob[3:]), ("prior", prior))
    )
    made = Arms(universal=one, single=other, prior=none, prob=prob[:3], own_prob=prob[3:], positions=positions)
    return made.answer(plan(smallest=SMALLEST, seed=seed, exploratory=True))


def no_signal(bench: Bench) -> Proved:
    """World 5. Surrogates are only drawn where an arm beats the prior: without that the verdict is NO_SKILL anyway."""
    seeds = bench.seeds(20)
    kinds = []
    ungated = 0
    for done, seed in enumerate(seeds):
        bench.say("5 no signal", done, len(seeds))
        found = judged(bench, effects={}, seed=seed, lazy=True)
        kinds.append(found.verdict.kind)
        ungated += found.primary.p <= 0.05 and found.found.effect > 0
    none = sum(kind == "NO_SKILL" for kind in kinds)
    return Proved(
        passed=none >= 0.95 * len(seeds),
        measured=f"NO_SKILL {none}/{len(seeds)}; without the skill gate log-loss would have said universal in "
        f"{ungated}/{len(seeds)}",
        seeds=seeds,
    )


def judged(bench: Bench, *, effects: Mapping[str, float], seed: int, lazy: bool = False) -> Answer:
    """Train both arms on a planted market and give the verdict.

    Args:
        bench: What is worked with.
        effects: Symbol -> b.
        seed: Of the market.
        lazy: Draw surrogates only where the verdict may depend on them.
    """
    with scratch() as cache:
        values = market(bench.values, seed=seed, cache=cache, effects=effects)
        made = arms(values, prepared(values), seeds=SEEDS, training=bench.training)
        if lazy:
            found = made.answer(plan(smallest=SMALLEST, seed=seed, exploratory=True))
            if found.verdict.kind == "NO_SKILL":
                return found
        drawn = surrogates(values, draws=bench.draws, seeds=(1,), training=bench.training)
        return made.answer(plan(smallest=SMALLEST, seed=seed), [drawn])


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


def fit_least_squares(whole: Prepared) -> LeastSquares:
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


def _design(whole: Prepared, part: int) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Return windows, flat and with a constant, targets and symbols of one part's samples."""
    return design_at(whole, whole.parts.positions(part))


def design_at(whole: Prepared, positions: npt.NDArray[np.int64]) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Return the same of samples by their ledger positions."""
    dataset = WindowDataset(
        features=whole.features,
        ledger=whole.ledger,
        symbol_slots=whole.symbol_slots,
        class_slots=whole.class_slots,
    )
    batch = dataset[torch.from_numpy(positions)]
    flat = batch.x_BTF.flatten(1).double().numpy()
    x = np.column_stack([flat[:, flat.std(axis=0) > 0], np.ones(len(flat))])
    return x, batch.target_B.double().numpy(), batch.symbol_B.numpy()


def _columns(whole: Prepared) -> int:
    return int(_design(whole, TRAIN)[0].shape[1])


def _rows(whole: Prepared) -> float:
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
            whole = prepared(values)
            found = _without_one(values, whole, training=bench.training)
            outside += not found[0] <= 0 <= found[1]
            apart.append((found[0] + found[1]) / 2)
            curves.append(_own_curve(whole, strength=strong**2))
    curve = np.mean(curves, axis=0)
    shown = ", ".join(f"{share:g}: {gain:+.4f}" for share, gain in zip(_SHARES, curve, strict=True))
    return Proved(
        passed=outside <= 1 and curve[0] < 0 < curve[-1] and bool((np.diff(curve) > 0).all()),
        measured=f"zero-shot less seen {np.mean(apart):+.5f} nats on the new symbol, 95 % interval without 0 in "
        f"{outside}/{len(seeds)}; gain of own least squares at n / (p / R2) = {shown}",
        seeds=seeds,
    )


_SHARES = (0.5, 1.0, 2.0, 4.0)


def _without_one(values: Mapping[str, Any], whole: Prepared, *, training: Training) -> tuple[float, float]:
    """Return the interval of the loss of models that never saw the last symbol, less that of models that did."""
    newcomer = len(SYMBOLS) - 1
    unseen = with_parts(
        build(values["sampling"]),
        whole,
        np.where((whole.ledger.symbol == newcomer) & (whole.parts.part != TEST), PURGED, whole.parts.part).astype(
            np.int8
        ),
    )
    jobs = [
        Job(name=f"{name} {seed}", data=data, seed=seed)
        for seed in SEEDS
        for name, data in (("all", whole), ("rest", unseen))
    ]
    positions = whole.parts.positions(TEST)
    positions = positions[whole.ledger.symbol[positions] == newcomer]
    prob = forecasts(jobs, values, training=training, positions=[positions] * len(jobs))
    label = whole.ledger.label[positions]
    rows = test_rows(whole, positions=positions, seeds=SEEDS)
    seen, zero_shot = (
        scored(name, np.stack(own), label, rows=rows) for name, own in (("all", prob[::2]), ("rest", prob[1::2]))
    )
    series = (zero_shot.loss - seen.loss).reshape(len(SEEDS), -1).mean(axis=0)
    test = diebold_mariano(series, lag=0)
    return test.mean - 1.96 * test.error, test.mean + 1.96 * test.error


def _own_curve(whole: Prepared, *, strength: float) -> list[float]:
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


def not_tradable(bench: Bench) -> Proved:
    """World 13."""
    seeds = bench.seeds(2)
    lines, passed = [], True
    for done, seed in enumerate(seeds):
        bench.say("13 below cost", done, len(seeds))
        with scratch() as cache:
            values = market(bench.values, seed=seed, cache=cache, effects=shared(SHARED))
            whole = prepared(values)
            made = arms(values, whole, seeds=SEEDS, training=bench.training)
            found = made.answer(plan(smallest=SMALLEST, seed=seed, exploratory=True))
            gross, net = _traded(whole, made)
        accuracy, base = _accuracy(whole, made)
        skilled = "universal" in found.evidence.skilled
        passed &= skilled and accuracy > base and gross > 0 >= net
        lines.append(f"accuracy {accuracy:.3f} (prior {base:.3f}), gross {gross:+.2%}, net {net:+.2%} a symbol")
    return Proved(
        passed=passed, measured=f"{'; '.join(lines)}: {'skill, not tradable' if passed else 'not shown'}", seeds=seeds
    )


def _accuracy(whole: Prepared, made: Arms) -> tuple[float, float]:
    label = whole.ledger.label[made.positions]
    base = float((label == int(class_prior(whole).argmax())).mean())
    return float((made.prob[0].argmax(axis=1) == label).mean()), base


def _traded(whole: Prepared, made: Arms) -> tuple[float, float]:
    """Trade the universal model's likelier side; return the mean gross and net gain of a symbol."""
    discipline = Discipline(
        sides="long_short",
        hold_means="flat",
        reverse_at_once=True,
        max_weight=1.0,
        smallest_change=0.0,
        min_bars_between_entries=0,
        min_hours_after_fill=0.0,
        flat_at_session_end=False,
    )
    rule = Threshold(enter_confidence=0.36, exit_confidence=0.36, weight=1.0, discipline=discipline)
    rules = Rules(fill="next_open", units="fractional", stop=None, target=None, capital=100_000.0)
    gains = []
    for index, config in enumerate(whole.universe):
        bars = whole.source.read(config, Period())
        prices = prices_of(bars)
        clock = session_clock(config.calendar, start=int(bars.opened_at[0]), end=int(bars.closed_at[-1]))
        context = decision_context(
            bars, clock=clock, volatility_bars=50, horizon_bars=1, fill="next_open", round_trip_cost=0.0
        )
        own = whole.ledger.symbol[made.positions] == index
        prob = np.full((len(bars), 3), np.nan)
        rows = np.searchsorted(bars.closed_at, whole.ledger.decided_at[made.positions[own]])
        prob[rows] = made.prob[0][own]
        weight = np.where(np.isnan(prob[:, 0]), np.nan, rule.weights(prob, context=context))
        decided = weights_on(prices, decided_at=bars.closed_at[rows], weight=weight[rows])
        trades = simulate(prices, decided, rules=rules, costs=config.costs).trades
        gains.append((trades.gross.sum() / rules.capital, trades.net.sum() / rules.capital))
    gross, net = np.mean(gains, axis=0)
    return float(gross), float(net)

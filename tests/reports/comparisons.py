"""Constructed comparisons: simulated losses through the real statistics, one for each verdict and for what may lack."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from multisymbol.comparison.result import (
    PRIOR,
    SINGLE,
    UNIVERSAL,
    ArmOutcome,
    Budget,
    Comparison,
    FoldFacts,
    Hashes,
    NotRun,
    Preregistration,
    SubgroupEffect,
    SymbolFacts,
    TradeCounts,
    Trading,
)
from multisymbol.markets.time import DAY, HOUR, instant
from multisymbol.statistics.bootstrap import Interval
from multisymbol.statistics.compare import ComparisonResult, Plan, compare_arms
from multisymbol.statistics.loss_differentials import ArmLosses, Rows
from multisymbol.statistics.model_confidence_set import ConfidenceSet
from multisymbol.statistics.skill import Effects, Surrogates
from multisymbol.statistics.verdict import Question

Floats = npt.NDArray[np.float64]
World = Literal["universal", "single", "equivalent", "inconclusive", "no skill", "exploratory"]
WORLDS: tuple[World, ...] = ("universal", "single", "equivalent", "inconclusive", "no skill", "exploratory")

CLASSES = {
    "AAPL": "stock",
    "MSFT": "stock",
    "EURUSD": "forex",
    "GBPUSD": "forex",
    "BTCUSDT": "crypto",
    "NEW<1>": "stock",
}
SYMBOLS = tuple(CLASSES)
START = instant("2018-06-01")
INSTANTS, HORIZON = 900, 6
PLAN = Plan(
    smallest=0.005,
    alpha=0.05,
    level=0.95,
    power=0.8,
    draws=199,
    aa_draws=199,
    seed=1,
    weights=None,
    exploratory=False,
)


def losses(arm: str, gain: Floats, *, noise: float, seed: int, seeds: int) -> ArmLosses:
    """Losses around 0.7 less each symbol's gain; instants share the market; the last symbol has 30 instants."""
    steps = INSTANTS + HORIZON
    market = np.random.default_rng(0).standard_normal((steps, 1))
    own = np.random.default_rng(seed).standard_normal((seeds, steps, len(SYMBOLS)))
    shocks = np.cumsum(market + noise * own, axis=1)
    overlapping = 0.05 * (shocks[:, HORIZON:] - shocks[:, :-HORIZON])
    live = np.arange(INSTANTS)[:, None] >= [0, 0, 100, 100, 300, INSTANTS - 30]
    trained, at, symbol = np.nonzero(np.broadcast_to(live, (seeds, INSTANTS, len(SYMBOLS))))
    rows = Rows(
        symbols=SYMBOLS,
        symbol=symbol,
        decided_at=START + at * HOUR,
        resolved_at=START + (at + HORIZON) * HOUR,
        seed=trained,
    )
    return ArmLosses(arm=arm, rows=rows, loss=(0.7 - gain + overlapping)[trained, at, symbol])


def surrogates(kind: str, center: tuple[float, float, float], *, seed: int) -> Surrogates:
    generator = np.random.default_rng(seed)
    drawn = 0.002 * generator.standard_normal((20, len(SYMBOLS) + 1, 3)) + np.array(center)
    draws = tuple(Effects(symbols=SYMBOLS, overall=each[-1], by_symbol=each[:-1]) for each in drawn)
    return Surrogates(kind=kind, draws=draws)


def answered(question: Question, world: World) -> ComparisonResult:
    universal, single = {
        "universal": (0.05, 0.02),
        "single": (0.02, 0.05),
        "equivalent": (0.05, 0.05),
        "inconclusive": (0.05, 0.045),
        "no skill": (0.05, 0.03),
        "exploratory": (0.05, 0.02),
    }[world]
    noise = 2.5 if world == "inconclusive" else 0.3
    seeds = 2 if world == "exploratory" else 3
    center = (0.02, 0.05, 0.03) if world == "no skill" else (0.004, 0.0, 0.0)
    of = np.full(len(SYMBOLS), 1.0)
    kinds = (surrogates("drift kept", center, seed=5), surrogates("drift removed", center, seed=6))
    exploratory = world == "exploratory"
    return compare_arms(
        losses(UNIVERSAL, universal * of, noise=noise, seed=1, seeds=seeds),
        losses(SINGLE, single * of, noise=noise, seed=2, seeds=seeds),
        losses(PRIOR, 0 * of, noise=0.0, seed=3, seeds=seeds),
        question=question,
        surrogates=() if exploratory else kinds,
        classes=CLASSES,
        plan=replace(PLAN, exploratory=exploratory, smallest=0.03 if world == "equivalent" else PLAN.smallest),
    )


def interval(estimate: float, low: float, high: float) -> Interval:
    return Interval(estimate=estimate, low=low, high=high, error=0.001, level=0.95, block=12, method="studentised")


def group(name: str, effect: float) -> SubgroupEffect:
    return SubgroupEffect(
        group=name,
        instants=450,
        symbols=4,
        effect=effect,
        interval=interval(effect, effect - 0.01, effect + 0.01),
        p=0.012,
    )


def arm(name: str, what: str, *, against: float | None) -> ArmOutcome:
    other = None if against is None else interval(against, against - 0.01, against + 0.01)
    trains = name in {UNIVERSAL, SINGLE}
    return ArmOutcome(
        arm=name,
        what=what,
        budget=Budget(
            models=18 * trains,
            train_rows=120_000 * trains,
            epochs=7.5 * trains,
            best_epoch=4.2 * trains,
            steps=42_000 * trains,
            stopped_early=0.6 * trains,
        ),
        symbols=SYMBOLS,
        log_loss=0.95,
        activity=0.55,
        direction=0.40,
        balanced_accuracy=0.371,
        by_symbol=dict.fromkeys(SYMBOLS, 0.95),
        against_single=other,
        p_against_single=0.003 if other else float("nan"),
        against_universal=None,
        p_against_universal=float("nan"),
        gain=0.02,
    )


def fold(number: int) -> FoldFacts:
    begin = START + number * 450 * HOUR
    return FoldFacts(
        name=f"fold {number + 1}",
        train_from=START - 900 * DAY,
        validation_from=begin - 120 * DAY,
        test_from=begin,
        test_until=begin + 449 * HOUR,
        symbols=SYMBOLS,
        train_rows=120_000,
        test_rows=2_000,
    )


def trading(universal: float, single: float) -> Trading:
    def trades(net: float) -> TradeCounts:
        by_symbol = {name: net + place for place, name in enumerate(SYMBOLS)}
        return TradeCounts(trades=812.4, gross_bps=net + 2.1, net_bps=net, by_symbol=by_symbol)

    return Trading(
        rule="threshold 0.45, next open",
        universal=trades(universal),
        single=trades(single),
        difference=interval(universal - single, universal - single - 2.0, universal - single + 2.0),
    )


def facts() -> tuple[SymbolFacts, ...]:
    return tuple(
        SymbolFacts(
            symbol=name, asset_class=CLASSES[name], history=200 * 4**place, test_rows=900 - 100 * place, folds=2
        )
        for place, name in enumerate(SYMBOLS)
    )


def answers_of(world: World) -> Mapping[Question, ComparisonResult]:
    questions: tuple[Question, ...] = ("overall", "direction", "activity")
    worlds: tuple[World, ...] = (world, "exploratory" if world == "exploratory" else "equivalent", world)
    return {question: answered(question, of) for question, of in zip(questions, worlds, strict=True)}


@cache
def compared(world: World) -> Comparison:
    """Return a comparison with all its parts, made once for all tests."""
    declared = Preregistration(
        name="universal_vs_single-0a1b2c",
        digest="0123456789abcdef",
        content={"seeds": [1, 2, 3], "arms": ["universal", "single"], "note": "<script>alert(1)</script>"},
        primary="overall",
        test="Diebold-Mariano on the mean over live symbols",
        arms={UNIVERSAL: "one model", SINGLE: "one per symbol"},
        seeds=(1, 2) if world == "exploratory" else (1, 2, 3),
        surrogates={} if world == "exploratory" else {"drift kept": 20, "drift removed": 20},
        smallest=0.005,
        budget="epochs",
        folds=(fold(0), fold(1)),
    )
    return Comparison(
        declared=declared,
        results=answers_of(world),
        arms=(
            arm(UNIVERSAL, "one model for all symbols", against=0.03),
            arm(SINGLE, "one model per symbol", against=None),
            arm(PRIOR, "the class shares of each symbol's train part", against=-0.02),
        ),
        any_better=0.003,
        confidence_set=ConfidenceSet(
            arms=(UNIVERSAL, SINGLE, PRIOR), p=np.array([1.0, 0.02, 0.001]), kept=(UNIVERSAL,), block=12
        ),
        accuracy=interval(0.012, 0.004, 0.021),
        trading=trading(-1.2, -1.9),
        folds=(group("fold 1", 0.031), group("fold 2", -0.012)),
        classes=(group("stock", 0.03), group("forex", 0.02), group("crypto", 0.01)),
        sessions=(group("first quarter", 0.03), group("last quarter", 0.02)),
        symbols=facts(),
        unseen={} if world != "universal" else {"stock": answered("overall", "exploratory")},
        data_until=START + INSTANTS * HOUR,
        hashes=Hashes(
            plan="0123456789abcdef",
            data="da7a",
            features="fea7",
            labels="ZigZag(0.02)",
            code="c0ffee",
            results="beef",
        ),
        not_run=(NotRun(what="fine-tuned arm", why="not asked for"), NotRun(what="SPA", why="one rival only")),
    )

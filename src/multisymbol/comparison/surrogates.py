"""Both arms trained again on markets without signal, each draw for itself: what they gain there is mechanics.

Bars, features and labels are made again (`markets.surrogate`), the folds are cut at the real market's instants, and
one seed of each arm is trained. Of a draw only its effects are kept; a draw that is kept is not made again.
"""

import json
import multiprocessing
import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from multisymbol.comparison.arms import Arm, FoldTask
from multisymbol.comparison.fit import Progress
from multisymbol.comparison.result import PRIOR, SINGLE, UNIVERSAL, BudgetUnit
from multisymbol.comparison.score_folds import arm_scores
from multisymbol.comparison.scores import QUESTIONS, ArmScores
from multisymbol.comparison.spec import CompareSpec
from multisymbol.markets.io.source import ExaminedSource
from multisymbol.markets.resampling import Resampled
from multisymbol.markets.surrogate import Drift, SurrogateSource
from multisymbol.progress import Terminal
from multisymbol.samples.dataset import DataSpec, prepare_folds
from multisymbol.samples.fold import Fold
from multisymbol.statistics.skill import Effects, Surrogates, effects
from multisymbol.statistics.verdict import Question
from multisymbol.training.fit import FitSpec

_TEXT: Mapping[Drift, str] = {"kept": "drift kept", "removed": "drift removed"}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Draw:
    """One surrogate market to be made; it travels to another process, so it holds no more than is needed there.

    Args:
        kind: Whether the drift is kept or removed.
        seed: Seed of its signs.
        data: The real market's data.
        fit: How the universal arm's network is fitted.
        arms: The three arms that are trained on it, by name.
        training_seed: The one seed they are trained with.
        budget: What universal and single models have in equal number.
        weights: Symbol -> weight in the mean over symbols; None: all equal.
        folds: The real market's cuts.
        compared: Names of the symbols compared in each fold.
        file: Where its effects are kept.
    """

    kind: Drift
    seed: int
    data: DataSpec
    fit: FitSpec
    arms: Mapping[str, Arm]
    training_seed: int
    budget: BudgetUnit
    weights: Mapping[str, float] | None
    folds: tuple[Fold, ...]
    compared: tuple[tuple[str, ...], ...]
    file: Path


def surrogates(
    spec: CompareSpec,
    *,
    folds: Sequence[Fold],
    compared: Sequence[tuple[str, ...]],
    folder: Path,
    progress: Progress,
) -> dict[Question, tuple[Surrogates, ...]]:
    """Make all draws that are not kept yet, several at a time; return the effects of all.

    Args:
        spec: The comparison.
        folds: The real market's cuts.
        compared: Names of the symbols compared in each fold.
        folder: Where effects are kept.
        progress: Called after each draw.
    """
    draws = list(_draws(spec, folds=tuple(folds), compared=tuple(compared), folder=folder))
    missing = [draw for draw in draws if not draw.file.exists()]
    done = len(draws) - len(missing)
    for ended in _made(missing, workers=spec.surrogates.workers):
        done += 1
        progress(ended, done, len(draws))
    return {question: tuple(_read(draws, kind, question) for kind in spec.surrogates.draws) for question in QUESTIONS}


def _draws(
    spec: CompareSpec, *, folds: tuple[Fold, ...], compared: tuple[tuple[str, ...], ...], folder: Path
) -> Iterator[_Draw]:
    for kind, count in spec.surrogates.draws.items():
        for seed in range(spec.surrogates.seed, spec.surrogates.seed + count):
            yield _Draw(
                kind=kind,
                seed=seed,
                data=spec.data,
                fit=spec.fit,
                arms={name: spec.arms[name] for name in (UNIVERSAL, SINGLE, PRIOR)},
                training_seed=spec.seeds[0],
                budget=spec.budget,
                weights=spec.plan.weights,
                folds=folds,
                compared=compared,
                file=folder / f"{kind}-{seed}.json",
            )


def _made(draws: Sequence[_Draw], *, workers: int) -> Iterator[str]:
    """Make draws in processes of their own, and say which has ended; with one worker here, one after another."""
    if not draws:
        return
    draws[0].file.parent.mkdir(parents=True, exist_ok=True)
    if workers == 1:
        for draw in draws:
            yield _make(draw)
        return
    context = multiprocessing.get_context("spawn")  # a fork of a process with torch's threads may never wake up
    with ProcessPoolExecutor(min(workers, len(draws)), mp_context=context, initializer=_alone) as pool:
        waiting = [pool.submit(_make, draw) for draw in draws]
        try:
            for ended in as_completed(waiting):
                yield ended.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _alone() -> None:
    """Use one core, and end with whoever started this process, even where it was killed."""
    import torch

    torch.set_num_threads(1)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        assert parent is not None
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _make(draw: _Draw) -> str:
    """Train both arms on one surrogate market, and keep the effects; its panels go."""
    room = draw.file.with_suffix(".room")
    shutil.rmtree(room, ignore_errors=True)  # of a process that was killed
    try:
        found = _effects(draw, room)
    finally:
        shutil.rmtree(room, ignore_errors=True)
    temporary = draw.file.with_suffix(".part")
    temporary.write_text(json.dumps(found), encoding="utf-8")
    temporary.replace(draw.file)
    return f"{_TEXT[draw.kind]} {draw.seed}"


def _effects(draw: _Draw, room: Path) -> dict[str, Any]:
    data = surrogate_data(draw.data, seed=draw.seed, drift=draw.kind, cache=room)
    tasks = [
        FoldTask(data=data, fit=draw.fit, whole=fold, compared=(), seeds=(draw.training_seed,), budget=draw.budget)
        for fold in prepare_folds(data, Terminal(silent=True), folds=draw.folds)
    ]
    scores = arm_scores(tasks, compared=draw.compared, arms=draw.arms)
    return {question: _plain(scores, question, weights=draw.weights) for question in QUESTIONS}


def surrogate_data(data: DataSpec, *, seed: int, drift: Drift, cache: Path) -> DataSpec:
    """Return the same data on a surrogate of its market.

    Args:
        data: The real market's data.
        seed: Seed of the signs.
        drift: Whether each symbol's drift is kept or removed.
        cache: Folder of its panels.
    """
    finer = SurrogateSource(inner=data.finer_source, seed=seed, drift=drift)
    coarser = data.source.timeframe
    same = coarser == data.finer_source.timeframe
    source: ExaminedSource = finer if same else Resampled(source=finer, timeframe=coarser.text)
    return replace(
        data,
        source=source,
        finer_source=finer,
        cache=cache,
        least_class_share=0.0,  # the real market's labels have passed
    )


def _plain(
    scores: Mapping[str, ArmScores], question: Question, *, weights: Mapping[str, float] | None
) -> dict[str, Any]:
    found = effects(
        scores[UNIVERSAL].losses(question),
        scores[SINGLE].losses(question),
        scores[PRIOR].losses(question),
        weights=weights,
    )
    return {
        "symbols": list(found.symbols),
        "overall": found.overall.tolist(),
        "by_symbol": found.by_symbol.tolist(),
    }


def _read(draws: Sequence[_Draw], kind: Drift, question: Question) -> Surrogates:
    found = []
    for draw in draws:
        if draw.kind == kind:
            stored = json.loads(draw.file.read_text(encoding="utf-8"))[question]
            found.append(
                Effects(
                    symbols=tuple(stored["symbols"]),
                    overall=np.array(stored["overall"]),
                    by_symbol=np.array(stored["by_symbol"]).reshape(-1, 3),
                )
            )
    return Surrogates(kind=_TEXT[kind], draws=tuple(found))

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
from multisymbol.comparison.fit import Progress, score_once
from multisymbol.comparison.result import PRIOR, SINGLE, UNIVERSAL, BudgetUnit
from multisymbol.comparison.scores import QUESTIONS, ArmScores, fold_scores, joined, shared
from multisymbol.comparison.spec import CompareSpec
from multisymbol.errors import ComparisonError
from multisymbol.markets.io.source import ExaminedSource
from multisymbol.markets.resampling import Resampled
from multisymbol.markets.surrogate import Drift, SurrogateSource
from multisymbol.progress import Terminal
from multisymbol.samples.dataset import DataSpec, FoldDataset, prepare_folds
from multisymbol.samples.fold import TRAIN, VALIDATION, Fold
from multisymbol.samples.storage import write_whole
from multisymbol.statistics.skill import Effects, Surrogates, effects
from multisymbol.statistics.verdict import Question
from multisymbol.training.fit import FitSpec

_TEXT: Mapping[Drift, str] = {"kept": "drift kept", "removed": "drift removed"}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Draw:
    """One surrogate market to be made; it travels to another process, so it holds no more than is needed there."""

    kind: Drift
    seed: int  # of its signs
    data: DataSpec  # of the real market
    fit: FitSpec  # of the universal arm
    arms: Mapping[str, Arm]  # the three that are trained on it
    training_seed: int
    budget: BudgetUnit
    weights: Mapping[str, float] | None
    folds: tuple[Fold, ...]  # the real market's cuts
    compared: tuple[tuple[str, ...], ...]  # names of the symbols compared in each fold
    plan: str  # hash of the comparison's plan
    file: Path  # where its effects are kept


def surrogates(
    spec: CompareSpec,
    *,
    folds: Sequence[Fold],
    compared: Sequence[tuple[str, ...]],
    plan: str,
    folder: Path,
    progress: Progress,
) -> dict[Question, tuple[Surrogates, ...]]:
    """Make all draws that are not kept in the folder yet, several at a time; return the effects of all.

    Folds are the real market's cuts, `compared` names the symbols compared in each, `plan` is the hash of the
    comparison's plan.

    Raises:
        ComparisonError: A draw in the folder is another plan's.
    """
    draws = _draws(spec, folds=folds, compared=compared, plan=plan, folder=folder)
    missing = [draw for draw in draws if _kept(draw) is None]
    done = len(draws) - len(missing)
    for ended in _made(missing, workers=spec.surrogates.workers):
        done += 1
        progress(ended, done, len(draws))
    return {question: tuple(_read(draws, kind, question) for kind in spec.surrogates.draws) for question in QUESTIONS}


def _draws(
    spec: CompareSpec, *, folds: Sequence[Fold], compared: Sequence[tuple[str, ...]], plan: str, folder: Path
) -> list[_Draw]:
    first = spec.surrogates.seed
    return [
        _Draw(
            kind=kind,
            seed=seed,
            data=spec.data,
            fit=spec.fit,
            arms={name: spec.arms[name] for name in (UNIVERSAL, SINGLE, PRIOR)},
            training_seed=spec.seeds[0],
            budget=spec.budget,
            weights=spec.plan.weights,
            folds=tuple(folds),
            compared=tuple(compared),
            plan=plan,
            file=folder / f"{kind}-{seed}.json",
        )
        for kind, count in spec.surrogates.draws.items()
        for seed in range(first, first + count)
    ]


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
    write_whole(draw.file, json.dumps({"plan": draw.plan, **found}))
    return f"{_TEXT[draw.kind]} {draw.seed}"


def _effects(draw: _Draw, room: Path) -> dict[str, Any]:
    data = surrogate_data(draw.data, seed=draw.seed, drift=draw.kind, cache=room)
    parts: dict[str, list[ArmScores]] = {name: [] for name in draw.arms}
    folds = prepare_folds(data, Terminal(silent=True), folds=draw.folds)
    for number, (fold, names) in enumerate(zip(folds, draw.compared, strict=True)):
        seeds, compared = (draw.training_seed,), _possible(fold, names)
        task = FoldTask(data=data, fit=draw.fit, whole=fold, compared=compared, seeds=seeds, budget=draw.budget)
        for name, arm in draw.arms.items():
            parts[name].append(fold_scores(name, score_once(arm, task), task, number=number))
    scores = shared({name: joined(own) for name, own in parts.items()})
    return {question: _plain(scores, question, weights=draw.weights) for question in QUESTIONS}


def _possible(fold: FoldDataset, names: Sequence[str]) -> tuple[int, ...]:
    """Number the symbols that train and validate in this fold as well."""
    has = [set(fold.ledger.symbol[fold.parts.positions(part)].tolist()) for part in (TRAIN, VALIDATION)]
    return tuple(number for number in map(fold.ledger.symbols.index, names) if all(number in own for own in has))


def surrogate_data(data: DataSpec, *, seed: int, drift: Drift, cache: Path) -> DataSpec:
    """Return the same data on a surrogate of its market, signs drawn by the seed, with panels in a cache of its own."""
    finer = SurrogateSource(inner=data.finer_source, seed=seed, drift=drift)
    coarser = data.source.timeframe
    same = coarser == data.finer_source.timeframe
    source: ExaminedSource = finer if same else Resampled(source=finer, timeframe=coarser.text)
    # The real market's labels have passed the least share of each class.
    return replace(data, source=source, finer_source=finer, cache=cache, least_class_share=0.0)


def _plain(
    scores: Mapping[str, ArmScores], question: Question, *, weights: Mapping[str, float] | None
) -> dict[str, Any]:
    first, second, prior = (scores[name].losses(question) for name in (UNIVERSAL, SINGLE, PRIOR))
    found = effects(first, second, prior, weights=weights)
    symbols, overall, by_symbol = list(found.symbols), found.overall.tolist(), found.by_symbol.tolist()
    return {"symbols": symbols, "overall": overall, "by_symbol": by_symbol}


def _kept(draw: _Draw) -> dict[str, Any] | None:
    """Read the effects of a draw made before, None where there are none; those of an earlier release name no plan."""
    if not draw.file.exists():
        return None
    stored: dict[str, Any] = json.loads(draw.file.read_text(encoding="utf-8"))
    if stored.get("plan", draw.plan) != draw.plan:
        message = f"{draw.file} was drawn for plan {stored['plan']}, this is plan {draw.plan}"
        raise ComparisonError(f"{message}; remove it, and the draw is made again")
    return stored


def _read(draws: Sequence[_Draw], kind: Drift, question: Question) -> Surrogates:
    found = []
    for kept in (_kept(draw) for draw in draws if draw.kind == kind):
        assert kept is not None
        stored = kept[question]
        by_symbol = np.array(stored["by_symbol"]).reshape(-1, 3)
        found.append(
            Effects(symbols=tuple(stored["symbols"]), overall=np.array(stored["overall"]), by_symbol=by_symbol)
        )
    return Surrogates(kind=_TEXT[kind], draws=tuple(found))

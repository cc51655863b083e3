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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from multisymbol.comparison.fit import Progress
from multisymbol.comparison.preregistration import kinds_of
from multisymbol.comparison.result import PRIOR, SINGLE, UNIVERSAL
from multisymbol.comparison.score_folds import arm_scores
from multisymbol.comparison.scores import QUESTIONS, ArmScores
from multisymbol.config.build import build
from multisymbol.progress import Terminal
from multisymbol.samples.dataset import prepare_folds
from multisymbol.samples.fold import Fold
from multisymbol.statistics.skill import Effects, Surrogates, effects
from multisymbol.statistics.verdict import Question

_TEXT = {"kept": "drift kept", "removed": "drift removed"}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Draw:
    """One surrogate market to be made.

    Args:
        kind: Of drift.
        seed: Of its signs.
        values: Of the comparison.
        folds: The real market's cuts, and the symbols compared in each.
        compared: Names.
        file: Where its effects are kept.
    """

    kind: str
    seed: int
    values: Mapping[str, Any]
    folds: tuple[Fold, ...]
    compared: tuple[tuple[str, ...], ...]
    file: Path


def surrogates(
    values: Mapping[str, Any],
    *,
    folds: Sequence[Fold],
    compared: Sequence[tuple[str, ...]],
    folder: Path,
    progress: Progress,
) -> dict[Question, tuple[Surrogates, ...]]:
    """Make all draws that are not kept yet, several at a time; return the effects of all.

    Args:
        values: Plain configuration of the comparison.
        folds: The real market's cuts.
        compared: Names of the symbols compared in each.
        folder: Where effects are kept.
        progress: Called after each draw.
    """
    draws = list(_draws(values, folds=tuple(folds), compared=tuple(compared), folder=folder))
    missing = [draw for draw in draws if not draw.file.exists()]
    done = len(draws) - len(missing)
    for ended in _made(missing, workers=values["comparison"]["surrogates"]["workers"]):
        done += 1
        progress(ended, done, len(draws))
    return {question: tuple(_read(draws, kind, question) for kind in kinds_of(values)) for question in QUESTIONS}


def _draws(
    values: Mapping[str, Any], *, folds: tuple[Fold, ...], compared: tuple[tuple[str, ...], ...], folder: Path
) -> Iterator[_Draw]:
    first = values["comparison"]["surrogates"]["seed"]
    for kind, count in kinds_of(values).items():
        for number in range(count):
            seed = first + number
            file = folder / f"{kind}-{seed}.json"
            yield _Draw(kind=kind, seed=seed, values=values, folds=folds, compared=compared, file=file)


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
    values = _surrogate_values(draw, room)
    folds = prepare_folds(values, Terminal(silent=True), folds=draw.folds)
    arms = {name: build(values["arms"][name]) for name in (UNIVERSAL, SINGLE, PRIOR)}
    seeds = tuple(values["comparison"]["seeds"][:1])
    scores = arm_scores(values, folds, compared=draw.compared, seeds=seeds, arms=arms)
    weights = values["comparison"]["weights"]
    return {question: _plain(scores, question, weights=weights) for question in QUESTIONS}


def _surrogate_values(draw: _Draw, room: Path) -> dict[str, Any]:
    source = {
        "_target_": "multisymbol.markets.surrogate.SurrogateSource",
        "inner": draw.values["source"],
        "seed": draw.seed,
        "drift": draw.kind,
    }
    return {
        **draw.values,
        "source": source,
        "paths": {**draw.values["paths"], "cache": str(room)},
        "least_class_share": 0.0,  # what the real market's labels passed
    }


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


def _read(draws: Sequence[_Draw], kind: str, question: Question) -> Surrogates:
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

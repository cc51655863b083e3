"""What is written down before training: the comparison's plan, its hash, and the refusals that come with it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from multisymbol.arrays import Ints
from multisymbol.comparison.arms import FoldTask, ZeroShot
from multisymbol.comparison.result import (
    PRIOR,
    SINGLE,
    UNIVERSAL,
    FoldFacts,
    NotRun,
    Preregistration,
    digest,
)
from multisymbol.comparison.spec import CompareSpec
from multisymbol.config.names import current_form, stored_form
from multisymbol.config.record import ConfigRecord, differences
from multisymbol.errors import ComparisonError
from multisymbol.samples.dataset import FoldDataset, no_own_model
from multisymbol.samples.fold import TRAIN
from multisymbol.samples.storage import write_whole
from multisymbol.statistics.loss_differentials import label_lag
from multisymbol.statistics.mean_tests import instants_problem
from multisymbol.statistics.seed_variance import seeds_problem
from multisymbol.statistics.surrogate_null import draws_problem

PLAN = "plan.json"
"""Name of the plan in a comparison's folder and among its run's artifacts."""

TEST_TEXT = (
    "Diebold-Mariano on the mean difference of live symbols at each instant, lag: 95 % label span, small-sample "
    "correction; cross-check: batch means"
)

_STORED_KEYS = {"aa_draws": "relabellings"}
"""Key of `conf/comparison` -> its name in stored plans and configurations, where the two differ: a plan keeps its hash
when a key is renamed."""


def current_keys(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored configuration with the keys of `comparison` under their present names."""
    current = {stored: key for key, stored in _STORED_KEYS.items()}
    comparison = {current.get(key, key): value for key, value in stored.get("comparison", {}).items()}
    return {**stored, "comparison": comparison} if comparison else dict(stored)


def stored_keys(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of `comparison` under the names that plans are stored and hashed with."""
    return {_STORED_KEYS.get(key, key): value for key, value in comparison.items()}


def tasks_of(spec: CompareSpec, folds: Sequence[FoldDataset]) -> tuple[list[FoldTask], list[NotRun]]:
    """Say which symbols each fold compares, and why others are not compared.

    Raises:
        ComparisonError: A fold has none.
    """
    tasks, left_out = [], []
    for fold in folds:
        name, symbols = fold.parts.fold.name, fold.ledger.symbols
        reasons = {index: no_own_model(fold, index) for index in range(len(fold.universe.configs))}
        compared = tuple(index for index, why in reasons.items() if not why)
        left_out += [NotRun(what=f"{symbols[index]} in {name}", why=why) for index, why in reasons.items() if why]
        if not compared:
            lines = [f"  {symbols[index]}: {why}" for index, why in reasons.items()]
            raise ComparisonError("\n".join([f"{name}: no symbol can be compared; move the cuts (conf/split)", *lines]))
        tasks.append(fold_task(spec, fold, compared))
    return tasks, left_out


def fold_task(spec: CompareSpec, fold: FoldDataset, compared: tuple[int, ...]) -> FoldTask:
    """Return what all arms of a fold share, given the numbers of the symbols it compares."""
    return FoldTask(data=spec.data, fit=spec.fit, whole=fold, compared=compared, seeds=spec.seeds, budget=spec.budget)


def preregister(spec: CompareSpec, tasks: Sequence[FoldTask], *, name: str) -> Preregistration:
    """Write down what will be compared, in which folds and how, in a run of this name.

    Raises:
        ComparisonError: Too few seeds, draws or instants, or an arm missing; all problems at once.
    """
    problems = list(_problems(spec, tasks))
    if problems:
        raise ComparisonError("\n".join(["this comparison cannot be made; nothing was trained.", *problems]))
    content = _content(spec.run.record, tasks)
    return Preregistration(
        name=name,
        digest=digest(content),
        content=content,
        primary=spec.primary,
        test=TEST_TEXT,
        arms={key: arm.description for key, arm in spec.arms.items()},
        seeds=spec.seeds,
        surrogates={str(kind): count for kind, count in spec.surrogates.draws.items()},
        smallest=spec.plan.smallest,
        budget=spec.budget,
        folds=tuple(map(_facts, tasks)),
    )


def _problems(spec: CompareSpec, tasks: Sequence[FoldTask]) -> Iterator[str]:
    missing = [name for name in (UNIVERSAL, SINGLE, PRIOR) if name not in spec.arms]
    if missing:
        yield f"  arms: {', '.join(missing)} missing; every comparison is of universal and single, gated by prior"
    if spec.run.mode != "universal":
        yield f"  mode={spec.run.mode}: leave it out; both kinds of model are trained"
    if len(set(spec.seeds)) != len(spec.seeds):
        yield f"  comparison.seeds={list(spec.seeds)}: a seed twice is no seed more"
    if not spec.plan.exploratory:
        draws = list(spec.surrogates.draws.values()) or [0]
        found = [seeds_problem(len(spec.seeds)), *map(draws_problem, draws)]
        yield from (f"  {text}" for text in dict.fromkeys(filter(None, found)))
    for task in tasks:
        fold, cure = task.whole.parts.fold.name, " (conf/split, conf/labels)"
        text = instants_problem(len(instants_of(task)), lag=lag_of(task), of=fold, cure=cure)
        if text:
            yield f"  {text}"
    for key, arm in spec.arms.items():
        if isinstance(arm, ZeroShot) and not any(arm.unseen(task) for task in tasks):
            yield f"  arms.{key}: no compared symbol shares its asset class with another that trains; leave the arm out"
    twice = int((np.bincount(np.concatenate([task.rows for task in tasks])) > 1).sum())
    if twice:
        yield f"  split: {twice:,} rows would be tested in more folds than one; take split=walk_forward or single_cut"


def instants_of(task: FoldTask) -> Ints:
    """Return the instants of a fold's compared test rows, ascending."""
    return np.unique(task.whole.ledger.decided_at[task.rows])


def lag_of(task: FoldTask) -> int:
    """Return how many test instants the fold's labels overlap, as the primary test counts them."""
    ledger, rows = task.whole.ledger, task.rows
    return label_lag(instants_of(task), decided_at=ledger.decided_at[rows], resolved_at=ledger.resolved_at[rows])


def _facts(task: FoldTask) -> FoldFacts:
    whole, ledger = task.whole, task.whole.ledger
    train = whole.parts.positions(TRAIN)
    own = train[np.isin(ledger.symbol[train], task.compared)]
    decided = ledger.decided_at[task.rows]
    return FoldFacts(
        name=whole.parts.fold.name,
        train_from=int(ledger.decided_at[train].min()),
        validation_from=whole.parts.fold.validation_from,
        test_from=int(decided.min()),
        test_until=int(decided.max()),
        symbols=tuple(ledger.symbols[index] for index in task.compared),
        train_rows=len(own),
        test_rows=len(task.rows),
    )


def _content(record: ConfigRecord, tasks: Sequence[FoldTask]) -> dict[str, Any]:
    """Return plain data that decides every number: configuration, bars and folds."""
    content = record.deciding()
    content["comparison"] = stored_keys(content["comparison"])
    content["bars"] = dict(tasks[0].whole.panel.fingerprints)
    content["folds"] = []
    for task in tasks:
        fold, symbols = task.whole.parts.fold, task.whole.ledger.symbols
        cuts = {name: getattr(fold, name) for name in ("name", "validation_from", "test_from", "test_until")}
        compared = [symbols[index] for index in task.compared]
        content["folds"].append({**cuts, "compared": compared, "rows": len(task.rows)})
    plain: dict[str, Any] = json.loads(json.dumps(stored_form(content)))
    return plain


def as_kept(declared: Preregistration, folder: Path) -> Preregistration:
    """Return the same plan as the comparison's folder holds it, if it does: one under earlier names keeps its hash.

    Raises:
        ComparisonError: The folder's results were made by another plan; names what differs.
    """
    path = folder / PLAN
    if not path.exists():
        if (folder / "folds").exists() or (folder / "surrogates").exists():
            raise ComparisonError(
                f"{folder} holds results, but no {PLAN} that declares them; start a comparison in a folder of its own"
            )
        return declared
    before = json.loads(path.read_text(encoding="utf-8"))
    earlier, now = (stored_form(current_form(content)) for content in (before["content"], declared.content))
    if earlier == now and digest(before["content"]) == before["digest"]:
        return replace(declared, digest=before["digest"], content=before["content"])
    changed = [
        f"{key}: {old} declared, {new} now" for key, old, new in differences(current_keys(earlier), current_keys(now))
    ]
    opening = (
        f"{folder} holds results of plan {before['digest']}, this is plan {declared.digest}: what is reported must be "
        "what was declared before training. A metric, symbol, fold or seed chosen after training is none."
    )
    cure = "Report it as it was declared, or start a new comparison in a folder of its own"
    raise ComparisonError("\n".join([opening, *(f"  {line}" for line in changed[:12]), cure]))


def keep_plan(declared: Preregistration, folder: Path) -> None:
    """Write the plan, `as_kept`, into the comparison's folder, unless it is there."""
    path = folder / PLAN
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps({"digest": declared.digest, "content": declared.content}, indent=1))

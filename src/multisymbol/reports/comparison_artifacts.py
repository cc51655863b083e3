"""What a comparison leaves in the store: plan before training; then page, tables, figures, a run per training."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from multisymbol.comparison.arms import FoldTask
from multisymbol.comparison.fit import FoldForecasts
from multisymbol.comparison.preregistration import PLAN
from multisymbol.comparison.result import Comparison, Preregistration
from multisymbol.comparison.run import RESULT, ComparisonRun
from multisymbol.comparison.scores import balanced_accuracy
from multisymbol.config.record import ConfigRecord
from multisymbol.registry.store.store import Run
from multisymbol.reports.artifacts import log_figures, log_page, log_tables
from multisymbol.reports.comparison import comparison_figures, comparison_page
from multisymbol.reports.page import OwnSection
from multisymbol.reports.tables.comparison import arm_table, comparison_symbol_table, question_table
from multisymbol.reports.tables.table import to_markdown
from multisymbol.statistics.loss_differentials import row_losses
from multisymbol.training.mlflow_run import data_facts

PAGE = "comparison.html"
_CHILDREN = "children.txt"
"""Names of the child runs that are whole, a line each."""


def announce(run: Run, declared: Preregistration, record: ConfigRecord) -> None:
    """Note the plan and its hash in the store before anything is trained."""
    run.set_tags({"plan": declared.digest, "primary": declared.primary, "verb": "compare"})
    run.log_params({**record.params(), "plan": declared.digest, "seeds": ",".join(map(str, declared.seeds))})
    run.log_json({"digest": declared.digest, "content": dict(declared.content)}, path=PLAN)


def record_comparison(run: Run, done: ComparisonRun, *, sections: Sequence[OwnSection] = ()) -> Path:
    """Write the page, with the user's own sections, and log everything; return the page."""
    comparison = done.comparison
    arms, drawn = arm_table(comparison), comparison_figures(comparison)
    made = comparison_page(comparison, drawn=drawn, sections=sections)
    page = log_page(run, made, done.folder / PAGE, note=to_markdown(arms))
    run.log_inputs(data_facts(done.tasks[0].whole, source=done.spec.run.record.source), context="comparison")
    run.log_file(done.folder / RESULT)
    symbols, questions = comparison_symbol_table(comparison), question_table(comparison)
    log_tables(run, {"questions": questions, "symbols": symbols, "arms": arms})
    log_figures(run, drawn)
    run.log_metrics(_metrics(comparison), step=0)
    run.set_tags({"verdict": comparison.primary.verdict.kind, "results": comparison.hashes.results})
    _log_children(run, done)
    return page


def _metrics(comparison: Comparison) -> dict[str, float]:
    found: dict[str, float] = {}
    for question, own in comparison.results.items():
        found |= {
            f"{question}/effect": own.differentials.effect,
            f"{question}/p": own.primary.p,
            f"{question}/p_batch_means": own.cross_check.p,
            f"{question}/beyond_band": own.verdict.beyond,
        }
        if own.evidence.interval is not None:
            found |= {f"{question}/low": own.evidence.interval.low, f"{question}/high": own.evidence.interval.high}
    for arm in comparison.arms:
        found |= {f"arm/{arm.arm}/log_loss": arm.log_loss, f"arm/{arm.arm}/balanced_accuracy": arm.balanced_accuracy}
    return {key: value for key, value in found.items() if np.isfinite(value)}


def _log_children(run: Run, done: ComparisonRun) -> None:
    """Give every arm, symbol and seed a run of its own, those that have one already left out."""
    note = done.folder / _CHILDREN
    known = set(note.read_text(encoding="utf-8").split("\n")) if note.exists() else set()
    with note.open("a", encoding="utf-8") as file:
        for tags, steps in _children(done):
            name = "-".join((tags["arm"], tags["symbol"], tags["seed"]))
            if name in known:
                continue
            opened = done.spec.run.store.open_run(name, tags=tags, parent_run_id=run.run_id)
            opened.log_steps(steps)
            opened.finish()
            file.write(name + "\n")
            file.flush()


def _children(done: ComparisonRun) -> Iterator[tuple[dict[str, str], dict[int, dict[str, float]]]]:
    """Yield tags, and numbers fold by fold, of every arm, symbol and seed.

    Arms without networks have the same numbers with every seed: they are in the tables alone.
    """
    for arm, scored in done.scored.items():
        if not scored[0].took:
            continue
        steps: dict[tuple[str, int], dict[int, dict[str, float]]] = {}
        for fold, (own, task) in enumerate(zip(scored, done.tasks, strict=True), start=1):
            for key, numbers in _numbers(own, task):
                steps.setdefault(key, {})[fold] = numbers
        for (symbol, seed), own_steps in steps.items():
            yield {"arm": arm, "symbol": symbol, "seed": str(seed), "plan": done.comparison.declared.digest}, own_steps


def _numbers(scored: FoldForecasts, task: FoldTask) -> Iterator[tuple[tuple[str, int], dict[str, float]]]:
    ledger = task.whole.ledger
    took = {(own.symbol, own.seed): own for own in scored.took}
    symbol, label = ledger.symbol[scored.rows], ledger.label[scored.rows]
    for index in np.unique(symbol).tolist():
        mine, name = symbol == index, ledger.symbols[index]
        for place, seed in enumerate(task.seeds):
            losses = row_losses(scored.prob[place, mine], label[mine])
            numbers = {
                "test/log_loss": float(losses.total.mean()),
                "test/direction": float(losses.direction.mean()),
                "test/activity": float(losses.activity.mean()),
                "test/balanced_accuracy": balanced_accuracy(scored.prob[place, mine], label[mine]),
                "test/rows": float(mine.sum()),
            }
            own = took.get((name, seed)) or took.get(("", seed))
            if own is not None:
                numbers |= {
                    "best/val_log_loss": own.best_score,
                    "best/epoch": float(own.best_epoch),
                    "epochs": float(own.epochs),
                    "steps": float(own.steps),
                    "temperature": own.temperature,
                }
            yield (name, seed), numbers

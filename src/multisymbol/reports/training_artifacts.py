"""What stays of a training in its run: pictures, tables, scores and the test forecasts."""

from pathlib import Path

from multisymbol.markets.symbols import slug
from multisymbol.registry.store.store import Run
from multisymbol.reports.figures.training import fold_figure, sampling_figure
from multisymbol.reports.tables.table import Table, drop_table, fold_table, sampling_table, to_csv, to_markdown
from multisymbol.samples.dataset import FoldDataset
from multisymbol.training.result import EvaluationResult

PREDICTIONS = "predictions.parquet"

_PER_SYMBOL = ("test_log_loss", "test_huber", "test_ic", "test_skill")


def record_training(run: Run, outcome: EvaluationResult, prepared: FoldDataset, run_dir: Path) -> None:
    """Log tables, pictures, scores and the test forecasts."""
    run.log_metrics(_run_metrics(outcome), step=outcome.fitted.best_epoch)
    for name, table in tables(outcome, prepared).items():
        run.log_text(to_csv(table), path=f"tables/{name}.csv")
        run.log_text(to_markdown(table), path=f"tables/{name}.md")
    figures = {
        "fold": fold_figure(prepared.parts, prepared.ledger),
        "sampling": sampling_figure(prepared.universe.symbols, prepared.shares),
        **outcome.figures(),
    }
    for name, figure in figures.items():
        run.log_figure(figure, path=f"figures/{name}.png")
    file = run_dir / PREDICTIONS
    outcome.predictions(prepared).to_parquet(file)
    run.log_file(file)


def tables(outcome: EvaluationResult, prepared: FoldDataset) -> dict[str, Table]:
    """Return the tables of a run by name."""
    return {
        "test": outcome.table(prepared),
        "bars": drop_table(prepared.ledger.counts),
        "fold": fold_table(prepared.parts.counts),
        "sampling": sampling_table(prepared.universe.symbols, prepared.shares),
    }


def _run_metrics(outcome: EvaluationResult) -> dict[str, float]:
    """Name a run's final numbers: pooled, per symbol, and of the fit."""
    of_symbols = {
        f"test/{name.removeprefix('test_')}/{slug(symbol)}": value
        for symbol, scores in outcome.by_symbol().items()
        for name, value in scores.items()
        if name in _PER_SYMBOL
    }
    return {
        **{f"test/{name.removeprefix('test_')}": value for name, value in outcome.pooled().items()},
        **of_symbols,
        **outcome.more_metrics(),
        outcome.module.task.monitor.replace("val/", "best/val_"): outcome.fitted.best_score,
        "best/epoch": float(outcome.fitted.best_epoch),
        "windows_per_second": outcome.fitted.windows_per_second,
    }

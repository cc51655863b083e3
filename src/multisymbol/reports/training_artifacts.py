"""Artifacts of a training: figures, tables, scores, test forecasts and the model card."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from multisymbol.markets.symbols import slug
from multisymbol.registry.bundle.format import Bundle
from multisymbol.registry.store.store import Run
from multisymbol.reports.artifacts import log_figures, log_frame, log_tables
from multisymbol.reports.card import Card, model_card, summary
from multisymbol.reports.figures.training import calibration_figure, confusion_figure, fold_figure, sampling_figure
from multisymbol.reports.page import OwnSection, page_html, page_markdown
from multisymbol.reports.tables.scores import score_table
from multisymbol.reports.tables.table import Table, drop_table, fold_table, one_line, sampling_table, table_from_json
from multisymbol.samples.dataset import FoldDataset
from multisymbol.serving.metrics import ScoreMetric
from multisymbol.training.result import DirectionResult, EvaluationResult
from multisymbol.training.run import TrainedModel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PREDICTIONS = "predictions.parquet"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingReport:
    """Tables, figures and model cards of trainings, with metrics and sections of the user's own on the cards."""

    metrics: Sequence[ScoreMetric] = ()
    sections: Sequence[OwnSection] = ()

    def record(self, run: Run, result: EvaluationResult, dataset: FoldDataset, run_dir: Path) -> None:
        """Log tables, figures, scores and the test forecasts."""
        run.log_metrics(_run_metrics(result), step=result.fitted.best_epoch)
        log_tables(run, tables(result, dataset))
        fold = fold_figure(dataset.parts, dataset.ledger)
        sampling = sampling_figure(dataset.universe.symbols, dataset.shares)
        log_figures(run, {"fold": fold, "sampling": sampling, **result_figures(result)})
        log_frame(run, result.predictions(dataset), run_dir / PREDICTIONS)

    def line(self, result: EvaluationResult, dataset: FoldDataset, *, name: str) -> Mapping[str, Any]:
        """Return the test scores in one line, as JSON."""
        return asdict(one_line(run_score_table(result, dataset), name=name))

    def record_group(self, run: Run, models: Sequence[TrainedModel], run_dir: Path) -> None:
        """Log the lines of several models as one table, and their test forecasts as one file."""
        log_tables(run, {"test": model_scores_table(models)})
        parts = [pd.read_parquet(model.run_dir / PREDICTIONS).assign(model=model.name) for model in models]
        log_frame(run, pd.concat(parts, ignore_index=True), run_dir / PREDICTIONS)

    def card(self, bundle: Bundle, *, name: str, hashes: Mapping[str, str]) -> Mapping[str, str]:
        """Return the model card as HTML and Markdown."""
        card = Card(bundle=bundle, name=name, version=None, hashes=hashes, metrics=self.metrics)
        page = model_card(card, sections=self.sections)
        return {"card.html": page_html(page), "card.md": page_markdown(page)}

    def summary(self, bundle: Bundle) -> str:
        """Return the description of run and version."""
        return summary(bundle)


def model_scores_table(models: Sequence[TrainedModel]) -> Table:
    """Set the lines of several models under one another."""
    lines = [table_from_json(model.line) for model in models]
    return replace(lines[0], rows=tuple(line.rows[0] for line in lines))


def run_score_table(result: EvaluationResult, dataset: FoldDataset) -> Table:
    """Return the test scores: a row per symbol, and one over all where there are several."""
    roles = {count.symbol: count.role for count in dataset.parts.counts}
    return score_table(result.kind, result.by_symbol(), result.pooled(), roles=roles)


def result_figures(result: EvaluationResult) -> "dict[str, Figure]":
    """Return figures of the test scores by name; a model of returns has none yet."""
    if not isinstance(result, DirectionResult):
        return {}
    scores = {"all": result.evaluation.overall, **result.evaluation.by_symbol}
    return {
        "confusion": confusion_figure({name: own.confusion for name, own in scores.items()}),
        "calibration": calibration_figure(result.before.reliability, result.evaluation.reliability),
    }


def tables(result: EvaluationResult, dataset: FoldDataset) -> dict[str, Table]:
    """Return the tables of a run by name."""
    return {
        "test": run_score_table(result, dataset),
        "bars": drop_table(dataset.ledger.counts),
        "fold": fold_table(dataset.parts.counts),
        "sampling": sampling_table(dataset.universe.symbols, dataset.shares),
    }


def _run_metrics(result: EvaluationResult) -> dict[str, float]:
    """Name a run's final numbers: pooled, per symbol, and of the fit."""
    of_symbols = {
        f"test/{metric.name}/{slug(symbol)}": scores[metric.key]
        for symbol, scores in result.by_symbol().items()
        for metric in result.kind.metrics
        if metric.each_symbol
    }
    return {
        **{f"test/{name.removeprefix('test_')}": value for name, value in result.pooled().items()},
        **of_symbols,
        **result.more_metrics(),
        result.module.task.monitor.replace("val/", "best/val_"): result.fitted.best_score,
        "best/epoch": float(result.fitted.best_epoch),
        "windows_per_second": result.fitted.windows_per_second,
    }

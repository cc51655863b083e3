"""Tables of predictions: the newest decisions, and the models a backtest trained fold by fold."""

import math
from collections.abc import Iterator, Mapping, Sequence

from multisymbol.backtest.prediction_source import FoldModel, SymbolPredictions
from multisymbol.markets.provenance import synthetic_lines
from multisymbol.markets.time import iso
from multisymbol.progress import wrapped
from multisymbol.reports.tables.table import ABSENT, Column, Table, column, columns, show, tabulate
from multisymbol.serving.latest import PROBABILITIES, Prediction
from multisymbol.serving.metrics import ScoreMetric, kind_of


def prediction_table(predictions: Sequence[Prediction]) -> Table:
    """Set the decisions one below the other; columns nobody has a number for are left out.

    Where there is none, the row has the number of the reason in `reasons_for_none`.
    """
    names = [name for name in (*PROBABILITIES, "forecast") if any(name in each.outputs for each in predictions)]
    numbers = {reason: number for number, reason in enumerate(reasons_for_none(predictions), start=1)}
    as_of = predictions[0].resolution.request.as_of
    return tabulate(
        "newest decisions" if as_of is None else f"newest decisions as of {iso(as_of)}",
        predictions,
        column("symbol", of="resolution.request.symbol"),
        column("decided at", of=lambda each: ABSENT if each.decided_at is None else iso(each.decided_at)),
        column("age", key="age_bars", of=_age),
        *map(_output_column, names),
        column("decision", of=lambda each: _decision(each, numbers)),
        column("model", of=_model),
        column("why", key="reason", of=lambda each: _on_one_line(each.reason) if each.served else "", spare=1),
    )


def _output_column(name: str) -> Column:
    heading = name.upper() if name in PROBABILITIES else name
    return column(heading, ".3f", key=name, of=lambda each: each.outputs.get(name, math.nan))


def _age(each: Prediction) -> str:
    """Write the bars since the decision; more than a working feed has are marked."""
    return ABSENT if each.age_bars is None else f"{each.age_bars:,}{'!' * each.old}"


def _model(each: Prediction) -> str:
    chosen = each.resolution.chosen
    return ABSENT if chosen is None else f"{chosen.reference} ({each.resolution.standing})"


def _decision(each: Prediction, numbers: Mapping[str, int]) -> str:
    return (each.decision or ABSENT) if each.served else f"{ABSENT} ({numbers[_on_one_line(each.reason)]})"


def reasons_for_none(predictions: Sequence[Prediction]) -> list[str]:
    """Return why there is no decision, each reason once: they are long, and many symbols share one."""
    return list(dict.fromkeys(_on_one_line(each.reason) for each in predictions if not each.served))


def prediction_text(predictions: Sequence[Prediction]) -> str:
    """Return the table, the reasons and the warnings, as the terminal shows them."""
    seen = [each.resolution.request.symbol for each in predictions if each.served and each.seen]
    warning = [f"SEEN: trained past these bars, which proves nothing: {', '.join(seen)}"] if seen else []
    reasons = [wrapped(f"({number}) {reason}") for number, reason in enumerate(reasons_for_none(predictions), start=1)]
    chosen = [each.resolution.chosen for each in predictions if each.served]
    careful = dict.fromkeys(f"careful: {each.without_skill}" for each in chosen if each and each.without_skill)
    asked = [each.resolution.request for each in predictions]
    mark = synthetic_lines([each.symbol for each in asked if each.provenance == "synthetic"], of=len(asked))
    return "\n".join(
        [*mark, show(prediction_table(predictions)).plain, *_clock(predictions), *reasons, *warning, *careful]
    )


def _clock(predictions: Sequence[Prediction]) -> list[str]:
    """Say where ages are measured by another clock than the wall's, and what the mark means."""
    lines = [
        f"clock: {iso(each.clock)}, the end of the synthetic market"
        for each in predictions
        if each.synthetic and each.clock
    ]
    late = any(each.old for each in predictions)
    return lines[:1] + ["age: bars of open market since the decision; ! the bars end too long ago"] * late


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def fold_model_tables(predictions: Mapping[str, SymbolPredictions]) -> Iterator[Table]:
    """Yield the models that were trained for a backtest, arm (kind of model) by arm, and the symbols that have none."""
    for arm, each in predictions.items():
        if each.fold_models:
            yield _fold_models(each.fold_models, arm=arm)
        if each.without_model:
            shown = (*columns("fold", "symbol"), column("why", of="reason"))
            yield tabulate("no model of its own: nothing is held", each.without_model, *shown)


def _fold_models(models: Sequence[FoldModel], *, arm: str) -> Table:
    """Say how each model did on the samples of its test span."""
    metrics = [metric for metric in kind_of({"test": models[0].scores}).metrics[:2] if metric.key in models[0].scores]
    return tabulate(
        f"models trained, {arm}",
        models,
        column("model", of="predictor.name"),
        column("seen until", of=lambda each: iso(each.predictor.seen_until)[:10]),
        column("asked from", of=lambda each: iso(each.predictor.after + 1)[:10]),
        column("train rows", ",d", key="rows"),
        *map(_score_column, metrics),
    )


def _score_column(metric: ScoreMetric) -> Column:
    return column(metric.heading, ".4f", key=metric.key, of=lambda each: each.scores[metric.key])

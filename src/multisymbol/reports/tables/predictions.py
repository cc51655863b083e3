"""Tables of predictions: the newest decisions, and the models a backtest trained fold by fold."""

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from multisymbol.backtest.prediction_source import FoldModel, SymbolPredictions
from multisymbol.markets.time import iso
from multisymbol.reports.tables.table import Cell, Table, TableColumn, show
from multisymbol.serving.latest import PROBABILITIES, Prediction

_WIDTH = 116


def prediction_table(predictions: Sequence[Prediction]) -> Table:
    """Set the decisions one below the other; columns nobody has a number for are left out.

    Where there is none, the row has the number of the reason in `reasons_for_none`.
    """
    names = [name for name in (*PROBABILITIES, "forecast") if any(name in each.outputs for each in predictions)]
    columns = (
        TableColumn(name="symbol", key="symbol"),
        TableColumn(name="decided at", key="decided_at"),
        *(TableColumn(name=name.upper() if name in PROBABILITIES else name, key=name, form=".3f") for name in names),
        TableColumn(name="decision", key="decision"),
        TableColumn(name="model", key="model"),
        TableColumn(name="why", key="reason"),
    )
    numbers = {reason: number for number, reason in enumerate(reasons_for_none(predictions), start=1)}
    as_of = predictions[0].resolution.request.as_of
    return Table(
        title="newest decisions" if as_of is None else f"newest decisions as of {iso(as_of)}",
        columns=columns,
        rows=tuple(_row(each, names, numbers=numbers) for each in predictions),
    )


def reasons_for_none(predictions: Sequence[Prediction]) -> list[str]:
    """Return why there is no decision, each reason once: they are long, and many symbols share one."""
    return list(dict.fromkeys(_on_one_line(each.reason) for each in predictions if not each.served))


def prediction_text(predictions: Sequence[Prediction]) -> str:
    """Return the table, the reasons and the warnings, as the terminal shows them."""
    seen = [each.resolution.request.symbol for each in predictions if each.served and each.seen]
    warning = [f"SEEN: trained past these bars, which proves nothing: {', '.join(seen)}"] if seen else []
    reasons = [
        textwrap.fill(f"({number}) {reason}", _WIDTH, subsequent_indent="    ", break_on_hyphens=False)
        for number, reason in enumerate(reasons_for_none(predictions), start=1)
    ]
    chosen = [each.resolution.chosen for each in predictions if each.served]
    careful = dict.fromkeys(f"careful: {each.without_skill}" for each in chosen if each and each.without_skill)
    return "\n".join([show(prediction_table(predictions)).plain, *reasons, *warning, *careful])


def _row(each: Prediction, names: Sequence[str], *, numbers: Mapping[str, int]) -> tuple[Cell, ...]:
    chosen, alias = each.resolution.chosen, each.resolution.alias
    name = "–" if chosen is None else f"{chosen.name}/{chosen.version}" + (f" ({alias})" if alias else "")
    return (
        each.resolution.request.symbol,
        "–" if each.decided_at is None else iso(each.decided_at),
        *(each.outputs.get(column, math.nan) for column in names),
        each.decision or "–",
        name,
        _on_one_line(each.reason) if each.served else f"see ({numbers[_on_one_line(each.reason)]})",
    )


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def fold_model_tables(predictions: Mapping[str, SymbolPredictions]) -> Iterator[Table]:
    """Yield the models that were trained for a backtest, arm by arm, and the symbols that have none.

    Args:
        predictions: Kind of model -> its predictions.
    """
    for arm, each in predictions.items():
        if each.fold_models:
            yield _fold_models(each.fold_models, arm=arm)
        if each.without_model:
            yield Table(
                title="no model of its own: nothing is held",
                columns=tuple(TableColumn(name=name, key=name) for name in ("fold", "symbol", "why")),
                rows=tuple((none.fold, none.symbol, none.reason) for none in each.without_model),
            )


def _fold_models(models: Sequence[FoldModel], *, arm: str) -> Table:
    """Say how each model did on the samples of its test span."""
    keys = [
        key
        for key in ("test_log_loss", "test_no_skill_log_loss", "test_huber", "test_zero_huber")
        if key in models[0].scores
    ]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            each.predictor.name,
            iso(each.predictor.seen_until)[:10],
            iso(each.predictor.after + 1)[:10],
            each.rows,
            *(each.scores[key] for key in keys),
        )
        for each in models
    )
    return Table(
        title=f"models trained, {arm}",
        columns=(
            TableColumn(name="model", key="model"),
            TableColumn(name="seen until", key="seen_until"),
            TableColumn(name="asked from", key="asked_from"),
            TableColumn(name="train rows", key="rows", form=",d"),
            *(TableColumn(name=key.removeprefix("test_").replace("_", " "), key=key, form=".4f") for key in keys),
        ),
        rows=rows,
    )

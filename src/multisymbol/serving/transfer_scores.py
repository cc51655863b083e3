"""Transfer scores: what the models of similar symbols lose on the labels a symbol already has.

bars up to as_of ─> labels, resolved before it ─────┐
                └─> each model's windows ─> its forecasts, on the same rows ─> paired losses ─> TransferScore
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from multisymbol.arrays import Floats
from multisymbol.config.build import build
from multisymbol.errors import MultisymbolError
from multisymbol.labels.labels import CLASSES, UNRESOLVED, Labels, label_bars
from multisymbol.markets.bars import Bars
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import NEVER, Instants, iso
from multisymbol.registry.selection.candidates import trained_until
from multisymbol.registry.selection.transfer import Key, TransferScore, key_of
from multisymbol.registry.store.store import Store
from multisymbol.registry.store.versions import StoredVersion
from multisymbol.samples.ledger import average_uniqueness
from multisymbol.serving.live import bar_windows
from multisymbol.serving.served_model import Model
from multisymbol.statistics.loss_differentials import row_losses


@dataclass(frozen=True, kw_only=True, slots=True)
class _Forecasts:
    """What one model forecasts for the symbol.

    Args:
        version: The model.
        label: Definition of the labels it has learned.
        rows: Bars it answers for, ascending. Shape (m,).
        prob: BUY, HOLD, SELL. Shape (m, 3).
    """

    version: StoredVersion
    label: Mapping[str, Any]
    rows: npt.NDArray[np.int64]
    prob: Floats


def transfer_scores(
    models: Sequence[StoredVersion], *, store: Store, config: SymbolConfig, bars: Bars, as_of: int | None
) -> dict[Key, TransferScore | str]:
    """Let models of similar symbols forecast the symbol's past, and compare their losses on the same rows.

    A row counts if it was decided after the last instant any of the models has seen, so that none was fitted on that
    day, and its label was resolved before `as_of`.

    Args:
        models: Source models, nearest first.
        store: MLflow store that holds them.
        config: The symbol, for its name and class; each model's own configuration makes rows and labels.
        bars: The symbol's bars, from the beginning of its history.
        as_of: Only what was known at this instant counts; None: now.

    Returns:
        Score of each model, or why there is none: it forecasts returns, has other labels than the nearest that can be
        tried, cannot answer for the symbol, is left alone by that, or no row counts.
    """
    asked = {key_of(version): _forecasts(version, store=store, config=config, bars=bars) for version in models}
    found = {key: each for key, each in asked.items() if isinstance(each, _Forecasts)}
    label = next((each.label for each in found.values()), {})
    alike = {key: each for key, each in found.items() if each.label == label}
    others: dict[Key, TransferScore | str] = {
        key: each if isinstance(each, str) else "its labels are others" for key, each in asked.items()
    }
    if len(alike) < 2:
        return others | dict.fromkeys(alike, "no other source model can be tried")
    labels = label_bars(bars, build(label, role="label"))
    until, at = (time.time_ns(), "now") if as_of is None else (as_of, iso(as_of))
    since = max(trained_until(each.version) or NEVER for each in alike.values())
    rows = _rows(list(alike.values()), labels, bars.closed_at, since=since, until=until)
    if not rows.size:
        return others | dict.fromkeys(alike, f"no label was decided after {iso(since)} and known before {at}")
    return others | _scores(alike, labels, bars.closed_at, rows=rows)


def _forecasts(version: StoredVersion, *, store: Store, config: SymbolConfig, bars: Bars) -> _Forecasts | str:
    """Predict every bar, or say why the model cannot."""
    try:
        model = Model.read(store.download(version), name=version.name, version=version.version)
        if model.of_returns:
            return "it forecasts returns"
        own = model.config_of(config.symbol, asset_class=config.asset_class)
        windows = bar_windows(bars, config=own, recipe=model.recipe, all_rows=True, from_start=True)
    except MultisymbolError as error:
        return str(error)
    answers = model.answer([windows])
    prob = answers[[name.lower() for name in CLASSES]].to_numpy(np.float64)
    return _Forecasts(version=version, label=own.label, rows=windows.ends, prob=prob)


def _rows(
    found: Sequence[_Forecasts], labels: Labels, closed_at: Instants, *, since: int, until: int
) -> npt.NDArray[np.int64]:
    """Return the bars that count: all models answer, none has seen them, and the label was known."""
    counts = (closed_at > since) & (labels.value != UNRESOLVED) & (labels.resolved_at < until)
    for each in found:
        counts &= np.isin(np.arange(len(closed_at)), each.rows)
    return np.flatnonzero(counts)


def _scores(
    found: Mapping[Key, _Forecasts], labels: Labels, closed_at: Instants, *, rows: npt.NDArray[np.int64]
) -> dict[Key, TransferScore]:
    losses = np.stack(
        [row_losses(each.prob[np.searchsorted(each.rows, rows)], labels.value[rows]).total for each in found.values()]
    )
    differences = (losses - losses.mean(axis=0)).mean(axis=1).tolist()
    independent = float(average_uniqueness(closed_at[rows], labels.resolved_at[rows]).sum())
    return {
        key: TransferScore(difference=difference, labels=independent)
        for key, difference in zip(found, differences, strict=True)
    }

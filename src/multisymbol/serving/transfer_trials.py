"""Trials of donors: what the models of similar symbols lose on the labels a symbol already has.

bars up to as_of ─> labels, resolved before it ─┐
                └─> each donor's windows ─> its forecasts, on the same rows ─> paired losses ─> Trial
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
from multisymbol.samples.weights import average_uniqueness
from multisymbol.serving.live import bar_windows
from multisymbol.serving.served_model import Model
from multisymbol.statistics.loss_differentials import row_losses


@dataclass(frozen=True, kw_only=True, slots=True)
class _Said:
    """What one donor says of the symbol.

    Args:
        version: The donor.
        label: Definition of the labels it has learned.
        rows: Bars it answers for, ascending. Shape (m,).
        prob: BUY, HOLD, SELL. Shape (m, 3).
    """

    version: StoredVersion
    label: Mapping[str, Any]
    rows: npt.NDArray[np.int64]
    prob: Floats


def try_donors(
    donors: Sequence[StoredVersion], *, store: Store, config: SymbolConfig, bars: Bars, as_of: int | None
) -> dict[Key, TransferScore | str]:
    """Let donors forecast the symbol's past, and compare their losses on the same rows.

    A row counts if it was decided after the last instant any of the donors has seen, so that none of them was fitted on
    that day of the world, and its label was resolved before `as_of`.

    Args:
        donors: Nearest first.
        store: Where they are.
        config: The symbol's, for its name and class; rows and labels are made by each donor's own configuration.
        bars: The symbol's, from the beginning of its history.
        as_of: Only what was known then counts; None: now.

    Returns:
        A trial of each donor, or why there is none: it forecasts returns, has other labels than the nearest that can be
        tried, cannot answer for the symbol, is left alone by that, or no row counts.
    """
    asked = {key_of(version): _said(version, store=store, config=config, bars=bars) for version in donors}
    found = {key: said for key, said in asked.items() if isinstance(said, _Said)}
    label = next((said.label for said in found.values()), {})
    alike = {key: said for key, said in found.items() if said.label == label}
    others: dict[Key, TransferScore | str] = {
        key: said if isinstance(said, str) else "its labels are others" for key, said in asked.items()
    }
    if len(alike) < 2:
        return others | dict.fromkeys(alike, "no other donor can be tried")
    labels = label_bars(bars, build(label))
    until, at = (time.time_ns(), "now") if as_of is None else (as_of, iso(as_of))
    since = max(trained_until(said.version) or NEVER for said in alike.values())
    rows = _rows(list(alike.values()), labels, bars.closed_at, since=since, until=until)
    if not rows.size:
        return others | dict.fromkeys(alike, f"no label was decided after {iso(since)} and known before {at}")
    return others | _trials(alike, labels, bars.closed_at, rows=rows)


def _said(version: StoredVersion, *, store: Store, config: SymbolConfig, bars: Bars) -> _Said | str:
    """Ask a donor for every bar, or say why it cannot answer."""
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
    return _Said(version=version, label=own.label, rows=windows.ends, prob=prob)


def _rows(
    found: Sequence[_Said], labels: Labels, closed_at: Instants, *, since: int, until: int
) -> npt.NDArray[np.int64]:
    """Return the bars that count: all donors answer, none has seen them, and the label was known."""
    counts = (closed_at > since) & (labels.value != UNRESOLVED) & (labels.resolved_at < until)
    for said in found:
        counts &= np.isin(np.arange(len(closed_at)), said.rows)
    return np.flatnonzero(counts)


def _trials(
    found: Mapping[Key, _Said], labels: Labels, closed_at: Instants, *, rows: npt.NDArray[np.int64]
) -> dict[Key, TransferScore]:
    losses = np.stack(
        [row_losses(said.prob[np.searchsorted(said.rows, rows)], labels.value[rows]).total for said in found.values()]
    )
    differences = (losses - losses.mean(axis=0)).mean(axis=1).tolist()
    independent = float(average_uniqueness(closed_at[rows], labels.resolved_at[rows]).sum())
    return {
        key: TransferScore(difference=difference, labels=independent)
        for key, difference in zip(found, differences, strict=True)
    }

"""Strata: kinds of samples within each symbol that are drawn equally often: sessions, regimes of volatility."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from multisymbol.arrays import Codes, Singles
from multisymbol.errors import SampleError, nearest
from multisymbol.markets.sessions import session_clock
from multisymbol.samples.fold import TRAIN, FoldAssignment
from multisymbol.samples.ledger import Ledger
from multisymbol.samples.mixture import Mixture, SamplingWeights
from multisymbol.samples.panel import Panel

NONE, SESSION = "none", "session"
_QUARTER_HOURS = 6


def fold_shares(
    mixture: Mixture, *, panel: Panel, ledger: Ledger, parts: FoldAssignment, calendars: Sequence[str]
) -> SamplingWeights:
    """Return the mixture of a fold's train samples, with the strata it asks for.

    Raises:
        SampleError: As `Mixture.shares`; or the stratum is unknown.
    """
    rows = [count.train for count in parts.counts]
    shares = mixture.shares(rows, symbols=ledger.symbols)
    stratum = strata(mixture.stratum, panel=panel, ledger=ledger, parts=parts, calendars=calendars)
    return dataclasses.replace(shares, stratum=stratum)


def strata(kind: str, *, panel: Panel, ledger: Ledger, parts: FoldAssignment, calendars: Sequence[str]) -> Codes | None:
    """Return the stratum of each ledger row, or None for `none`. int8, shape (M,).

    `session`: the quarter of the day (0 to 5, 6 to 11, 12 to 17, 18 to 23 o'clock) on the symbol's own calendar's clock
    at the decision. Any other word is an unscaled feature column, `volatility` for one: the tercile of the symbol's
    value at the window's last bar, among the symbol's TRAIN samples; a symbol without any is all in stratum 0. Both
    are known when the sample is decided. `calendars` names the calendar of each symbol.

    Raises:
        SampleError: There is no such column; with the nearest right word.
    """
    if kind == NONE:
        return None
    if kind == SESSION:
        return _quarters(ledger, calendars)
    names = [column.name for column in panel.spec.columns]
    if kind not in names:
        raise SampleError(
            f"sampling.stratum={kind} is not known{nearest(kind, [NONE, SESSION, *names])}\n"
            f"  Take {NONE}, {SESSION}, or a feature column that measures volatility: {', '.join(names)}"
        )
    return _terciles(panel.features[ledger.row, names.index(kind)], ledger=ledger, parts=parts)


def _quarters(ledger: Ledger, calendars: Sequence[str]) -> Codes:
    quarter = np.zeros(len(ledger), dtype=np.int8)
    for index, calendar in enumerate(calendars):
        own = ledger.symbol == index
        if own.any():
            at = ledger.decided_at[own]
            clock = session_clock(calendar, start=int(at[0]), end=int(at[-1]))
            quarter[own] = clock.facts(at).local_hour // _QUARTER_HOURS
    return quarter


def _terciles(values: Singles, *, ledger: Ledger, parts: FoldAssignment) -> Codes:
    tercile = np.zeros(len(ledger), dtype=np.int8)
    for index, train in enumerate(parts.positions_by_symbol(TRAIN, ledger=ledger)):
        if len(train):
            own = ledger.symbol == index
            borders = np.quantile(values[train], [1 / 3, 2 / 3])
            tercile[own] = np.searchsorted(borders, values[own], side="right")
    return tercile

"""What models predict at the close of every bar of a history: the predictions a backtest trades.

The code path of training and of live calls, without the detour over the rows of a table.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from multisymbol.arrays import Flags, Floats, Ints
from multisymbol.errors import BacktestError, SampleError
from multisymbol.labels.labels import CLASSES
from multisymbol.markets.bars import Bars, bars_between
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import NEVER, Instants, iso
from multisymbol.serving.live import Windows, bar_windows, live_ledger
from multisymbol.serving.served_model import Model

Reread: TypeAlias = Callable[[SymbolConfig], Bars]
"""Reads a symbol's bars with a configuration of its history other than the command's."""

NOBODY = -1


@dataclass(frozen=True, kw_only=True, slots=True)
class Predictor:
    """A model and the stretch of time in which it is asked: at closes after `after`, up to `until`."""

    model: Model
    name: str  # for people: registered name and version, or the fold it was trained for
    role: str  # how it came to be asked, such as `universal`, `own` or `retrained`
    seen_until: int  # last instant it has seen anything of, training and validation
    after: int
    until: int = NEVER


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Predictions:
    """Predictions at the closes of one symbol's bars."""

    config: SymbolConfig  # the symbol's: costs, calendar, class
    bars: Bars  # all n of them up to the last traded one, those before the first included
    first: int  # row of the first traded bar
    # Probabilities of BUY, HOLD, SELL, shape (n, 3), or forecasts in units of the target, shape (n,); NaN where there
    # is no prediction
    outputs: Floats
    by: Ints  # place in `predictors` of the model asked at each close, `NOBODY` for none, shape (n,)
    predictors: tuple[Predictor, ...]  # in order of time

    @property
    def of_returns(self) -> bool:
        """Whether returns are forecast, not classes."""
        return self.outputs.ndim == 1

    @property
    def predicted(self) -> int:
        """Number of traded bars with a prediction."""
        rows = self.outputs[self.first :]
        return int(np.isfinite(rows.reshape(len(rows), -1)[:, 0]).sum())

    @property
    def seen(self) -> Flags:
        """Mark the traded bars that whoever was asked had seen. Shape (n - first,)."""
        until = np.array([*(each.seen_until for each in self.predictors), -NEVER])
        return self.bars.closed_at[self.first :] <= until[self.by[self.first :]]


def predict_history(
    predictors: Sequence[Predictor], bars: Bars, *, config: SymbolConfig, reread: Reread
) -> Predictions:
    """Let each model answer for its stretch of one symbol's bars; no model is shown a bar after its stretch.

    Args:
        predictors: In order of time, their stretches apart.
        bars: The symbol's, from the beginning of its history on.
        config: The symbol's.
        reread: For models whose training cut the history otherwise.

    Raises:
        BacktestError: A model is of another timeframe, models are of different kinds, or one answers at a close that
            the bars do not have.
        SampleError: No bar lies in a stretch, or the history is too short for a single answer.
        SymbolError: A model does not know the symbol's class.
        FeatureError: A model has no scaling for it.
    """
    _check_fit(predictors, bars)
    by = np.full(len(bars), NOBODY)
    for place, each in enumerate(predictors):
        by[(bars.closed_at > each.after) & (bars.closed_at <= each.until)] = place
    asked = np.flatnonzero(by != NOBODY)
    if len(asked) == 0:
        span = f"{iso(int(bars.opened_at[0]))} to {iso(int(bars.closed_at[-1]))}" if len(bars) else "there are none"
        until = "" if predictors[-1].until == NEVER else f" and up to {iso(predictors[-1].until)}"
        raise SampleError(f"{bars.symbol}: no bar closes after {iso(predictors[0].after)}{until}; its bars: {span}")
    bars, by = bars_between(bars, 0, int(asked[-1]) + 1), by[: asked[-1] + 1]
    outputs = np.full((len(bars), 1 if predictors[0].model.of_returns else len(CLASSES)), np.nan)
    for place, each in enumerate(predictors):
        rows = np.flatnonzero(by == place)
        if len(rows):
            outputs[rows] = _outputs(each, bars, rows=rows, config=config, reread=reread)
    outputs = outputs[:, 0] if predictors[0].model.of_returns else outputs
    predictions = Predictions(
        config=config, bars=bars, first=int(asked[0]), outputs=outputs, by=by, predictors=tuple(predictors)
    )
    if predictions.predicted == 0:
        message = f"{config.symbol}: its {len(bars):,} bars are too few for a single answer of {predictors[0].name}"
        raise SampleError(f"{message}; take a longer history (source), or a later start (period.start)")
    return predictions


def in_common(arms: Sequence[Predictions]) -> list[Predictions]:
    """Keep the bars of one symbol at which somebody is asked in every arm, so that none is traded longer than another.

    Returns each arm's predictions in the same order; none where there is no such bar.
    """
    asked = np.logical_and.reduce([each.by[: min(len(one.by) for one in arms)] != NOBODY for each in arms])
    rows = np.flatnonzero(asked)
    return [_kept(each, asked[: rows[-1] + 1]) for each in arms] if len(rows) else []


def _kept(predictions: Predictions, asked: Flags) -> Predictions:
    """Ask nobody at other bars than these, and leave the bars after them out."""
    stop = len(asked)
    outputs = predictions.outputs[:stop].copy()
    outputs[~asked] = np.nan
    return replace(
        predictions,
        bars=bars_between(predictions.bars, 0, stop),
        first=int(np.argmax(asked)),
        outputs=outputs,
        by=np.where(asked, predictions.by[:stop], NOBODY),
    )


def _outputs(each: Predictor, bars: Bars, *, rows: Ints, config: SymbolConfig, reread: Reread) -> Floats:
    """Return what a model says at the closes of rows that follow one another. Shape (rows, outputs)."""
    own = each.model.config_of(config.symbol, asset_class=config.asset_class)
    # The bars that the model's training would have read.
    same = (own.calendar, own.volume, own.gaps) == (config.calendar, config.volume, config.gaps)
    seen = bars if same else reread(own)
    windows = _windows(each.model, seen, own=own, start=int(bars.closed_at[rows[0]]), end=int(bars.closed_at[rows[-1]]))
    if windows is None:
        return np.full((len(rows), 1), np.nan)
    features, ledger = live_ledger([windows], window=each.model.recipe.window)
    outputs = each.model.forecasts(each.model.dataset(features, ledger)).reshape(len(ledger), -1)
    laid = np.full((len(rows), outputs.shape[1]), np.nan)
    laid[_places(bars.closed_at[rows], ledger.decided_at, symbol=config.symbol, name=each.name)] = outputs
    return laid


def _windows(model: Model, bars: Bars, *, own: SymbolConfig, start: int, end: int) -> Windows | None:
    """Make the windows that are decided from `start` to `end`, with the bars before that they depend on; None: none."""
    first, stop = np.searchsorted(bars.closed_at, start), np.searchsorted(bars.closed_at, end, side="right")
    # Windows of common hours reach back over any number of other bars.
    begin = 0 if model.recipe.common else max(0, int(first) - model.recipe.history_bars(own))
    try:
        windows = bar_windows(
            bars_between(bars, begin, int(stop)), config=own, recipe=model.recipe, all_rows=True, from_start=begin == 0
        )
    except SampleError:
        return None
    asked = windows.decided_at >= start
    return replace(windows, ends=windows.ends[asked], decided_at=windows.decided_at[asked]) if asked.any() else None


def _places(closed_at: Instants, decided_at: Instants, *, symbol: str, name: str) -> Ints:
    places = np.searchsorted(closed_at, decided_at)
    missing = np.append(closed_at, -NEVER)[places] != decided_at
    if missing.any():
        raise BacktestError(
            f"{symbol}: {missing.sum():,} of {len(decided_at):,} answers of {name} are for bars that are missing, first"
            f" {iso(int(decided_at[missing][0]))}: it was trained with another calendar than asset_class has now; "
            "use that of its training, or train again"
        )
    return places


def _check_fit(predictors: Sequence[Predictor], bars: Bars) -> None:
    for each in predictors:
        own = each.model.recipe.timeframe.text
        if own != bars.timeframe.text:
            cure = f"give it such bars (source.timeframe={own}, or resample={own}), or choose another model"
            raise BacktestError(f"{each.name} answers for bars of {own}, these are of {bars.timeframe.text}; {cure}")
    kinds = {each.model.of_returns for each in predictors}
    if len(kinds) > 1:
        names = ", ".join(dict.fromkeys(each.name for each in predictors))
        raise BacktestError(f"{names}: some forecast classes, some returns; one rule cannot trade on both")

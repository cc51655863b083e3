"""Walk-forward: models trained fold by fold, each asked about the time that follows its own training."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from multisymbol.backtest.prediction_source import Histories, SymbolPredictions, predict_all, read_histories
from multisymbol.backtest.predictions import Predictor
from multisymbol.cli.backtest_schema import OWN, UNIVERSAL
from multisymbol.errors import BacktestError
from multisymbol.markets.time import Period, iso
from multisymbol.progress import Terminal
from multisymbol.reports.tables.table import Cell, Table, TableColumn
from multisymbol.samples.dataset import FoldDataset, no_own_model, prepare_folds, single_arms
from multisymbol.serving.served_model import Model
from multisymbol.training.fit import assess, fit_network
from multisymbol.training.register import bundle_of, spans


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    """A model of one fold.

    Args:
        fold: Name of the fold.
        symbols: That it answers for: one for a symbol's own, else all of the fold.
        answerer: The model, with its stretch of time.
        rows: Train samples.
        scores: Of its test rows, by name.
    """

    fold: str
    symbols: tuple[str, ...]
    answerer: Predictor
    rows: int
    scores: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class RetrainedModels:
    """The folds of a universe, prepared once for all arms.

    Args:
        values: Plain, checked configuration (`conf/backtest.yaml`).
        folds: In order of time.
        histories: The bars.
        run_dir: Where checkpoints go.
        terminal: Shows how far it is.
    """

    values: Mapping[str, Any]
    folds: Sequence[FoldDataset]
    histories: Histories
    run_dir: Path
    terminal: Terminal

    @classmethod
    def prepare(cls, values: Mapping[str, Any], run_dir: Path, terminal: Terminal) -> "RetrainedModels":
        """Read the bars and cut the folds.

        Raises:
            BacktestError: They do not follow one another in time.
            MultisymbolError: As `prepare_folds`.
        """
        histories = read_histories(values, period=Period(**values["period"]), terminal=terminal)
        folds = prepare_folds(values, terminal)
        problems = list(_gaps(folds))
        if problems:
            cure = "say split=walk_forward split.step=null: each test then begins where the one before ends"
            raise BacktestError("\n".join(["the folds cannot be stitched", *problems, cure]))
        return cls(values=values, folds=folds, histories=histories, run_dir=run_dir, terminal=terminal)

    @property
    def arms(self) -> Sequence[str]:
        """See Askers."""
        return self.values["backtest"]["arms"] or [OWN if self.values["mode"] == "per_symbol" else UNIVERSAL]

    def ask(self, arm: str) -> SymbolPredictions:
        """See Askers: train one model for each fold, or one for each fold and symbol, and ask each about its test span.

        Raises:
            BacktestError: A model cannot answer for its bars.
        """
        fitted = self._fit_all(arm)
        symbols = self.histories.universe.symbols
        who = {symbol: [each.answerer for each in fitted if symbol in each.symbols] for symbol in symbols}
        silent = {symbol: "no fold trains a model for it" for symbol, answerers in who.items() if not answerers}
        asked = predict_all(
            {symbol: each for symbol, each in who.items() if each}, self.histories, terminal=self.terminal
        )
        return SymbolPredictions(
            answers=asked.answers,
            left_out={**silent, **asked.left_out},
            account="".join(f"{each.answerer.name}: seen until {iso(each.answerer.seen_until)}\n" for each in fitted),
            tables=tuple(self._tables(fitted, arm=arm)),
        )

    def _fit_all(self, arm: str) -> list[Fitted]:
        jobs = list(self._jobs(arm))
        fitted = []
        with self.terminal.progress(f"train {arm}") as progress:
            for done, (values, prepared) in enumerate(jobs, start=1):
                fitted.append(self._fit(values, prepared, arm=arm))
                progress(fitted[-1].answerer.name, done, len(jobs))
        return fitted

    def _jobs(self, arm: str) -> Iterator[tuple[Mapping[str, Any], FoldDataset]]:
        for fold in self.folds:
            without = [symbol for _, symbol, _ in _without_model([fold])]
            yield from single_arms(self.values, fold, without=without) if arm == OWN else [(self.values, fold)]

    def _tables(self, fitted: Sequence[Fitted], *, arm: str) -> Iterator[Table]:
        if fitted:
            yield predict_folds(fitted, arm=arm)
        rows = tuple(_without_model(self.folds)) if arm == OWN else ()
        if rows:
            columns = tuple(TableColumn(name=name, key=name) for name in ("fold", "symbol", "why"))
            yield Table(title="no model of its own: nothing is held", columns=columns, rows=rows)

    def _fit(self, values: Mapping[str, Any], prepared: FoldDataset, *, arm: str) -> Fitted:
        fold = prepared.parts.fold
        symbols = prepared.universe.symbols
        own = arm == OWN
        name = f"{symbols[0]}, {fold.name}" if own else fold.name
        whose = prepared.universe.configs[0].slug if own else arm
        folder = self.run_dir / "folds" / f"{whose}-{fold.name.replace(' ', '-')}"
        module, fit = fit_network(values, prepared, folder, run=None)
        outcome = assess(module, fit, values, prepared)
        bundle = bundle_of(outcome, values, prepared, similarity={})
        seen_until = spans(prepared)["train_until"]
        assert seen_until < fold.test_from, "a fold tests what it has seen"
        return Fitted(
            fold=fold.name,
            symbols=symbols,
            answerer=Predictor(
                model=Model.of(bundle, name=name, version=None),
                name=name,
                role="retrained",
                seen_until=seen_until,
                # A fold tests decisions from `test_from` on, before `test_until`.
                after=fold.test_from - 1,
                until=fold.test_until - 1,
            ),
            rows=sum(count.train for count in prepared.parts.counts),
            scores=outcome.pooled(),
        )


def predict_folds(fitted: Sequence[Fitted], *, arm: str) -> Table:
    """Say how each model did on the samples of its test span."""
    keys = [
        key
        for key in ("test_log_loss", "test_no_skill_log_loss", "test_huber", "test_zero_huber")
        if key in fitted[0].scores
    ]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            each.answerer.name,
            iso(each.answerer.seen_until)[:10],
            iso(each.answerer.after + 1)[:10],
            each.rows,
            *(each.scores[key] for key in keys),
        )
        for each in fitted
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


def _without_model(folds: Sequence[FoldDataset]) -> Iterator[tuple[str, str, str]]:
    """Say of which symbols that are tested in a fold none can be trained, and why."""
    for each in folds:
        for index, count in enumerate(each.parts.counts):
            why = no_own_model(each, index)
            if why and count.test:
                yield each.parts.fold.name, count.symbol, why


def _gaps(folds: Sequence[FoldDataset]) -> Iterator[str]:
    for each in (prepared.parts.fold for prepared in folds):
        if each.blocks or each.left_out:
            yield f"  {each.name} was cut to be tested, not to be traded: it leaves symbols or spans of time out"
    for before, after in pairwise(prepared.parts.fold for prepared in folds):
        if before.test_until != after.test_from:
            yield f"  {before.name} ends at {iso(before.test_until)}, {after.name} begins at {iso(after.test_from)}"

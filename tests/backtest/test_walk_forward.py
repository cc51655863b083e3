"""Several arms are traded on the same symbols and bars, whenever the models of each begin."""

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from multisymbol.backtest.prediction_source import (
    OWN,
    UNIVERSAL,
    Histories,
    StoredModels,
    StoredModelsSpec,
    SymbolPredictions,
)
from multisymbol.backtest.predictions import NOBODY, Predictions, in_common
from multisymbol.backtest.run import trade_all
from multisymbol.backtest.walk_forward import RetrainedModels, RetrainedModelsSpec
from multisymbol.cli.backtest import models_spec
from multisymbol.errors import BacktestError
from multisymbol.markets.time import DAY, NEVER
from multisymbol.progress import Terminal
from multisymbol.registry.store.versions import StoredVersion
from multisymbol.reports.tables.predictions import fold_model_tables
from multisymbol.serving.served_model import Model
from tests.cli.test_backtest import WALK, composed
from tests.reports.test_backtest_page import SETTINGS, predictions

FIRST = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Stub:
    """Arms with known predictions."""

    known: dict[str, list[Predictions]]

    @property
    def arms(self) -> list[str]:
        return list(self.known)

    @property
    def histories(self) -> Histories:
        return cast(Histories, None)

    def predict(self, arm: str) -> SymbolPredictions:
        return SymbolPredictions(predictions=self.known[arm], left_out={})


def silent(of: Predictions, rows: slice) -> Predictions:
    """Ask nobody at some bars."""
    by, outputs = of.by.copy(), of.outputs.copy()
    by[rows], outputs[rows] = NOBODY, np.nan
    return replace(of, by=by, outputs=outputs, first=int(np.argmax(by != NOBODY)))


def test_an_arm_whose_models_begin_later_is_set_against_the_other_from_then_on() -> None:
    universal = predictions("AAA", foresight=0.7)
    own = silent(silent(universal, slice(0, 600)), slice(900, 1000))
    outcome = trade_all(
        Stub(known={"universal": [universal, predictions("B&B", foresight=0.6)], "own": [own]}), settings=SETTINGS
    )
    one, other = (outcome.arms[arm].traded["AAA"] for arm in ("universal", "own"))
    assert one.prices.closed_at[0] == own.bars.closed_at[600]
    assert np.array_equal(one.prices.closed_at, other.prices.closed_at)
    # The same predictions at the same bars come to the same money.
    assert np.array_equal(one.account.equity, other.account.equity)
    assert (one.account.units[902 - 600 : 1000 - 600] == 0.0).all()
    assert outcome.arms["universal"].left_out == {"B&B": "another arm cannot trade it"}
    assert outcome.arms["universal"].standing.performance == outcome.arms["own"].standing.performance


def test_bars_after_the_last_common_one_are_left_out() -> None:
    whole = predictions("AAA", foresight=0.7)
    early = silent(whole, slice(700, None))
    one, other = in_common([whole, replace(early, bars=whole.bars)])
    assert len(one.bars) == len(other.bars) == len(one.outputs) == len(one.by) == 700
    assert (one.first, other.first) == (FIRST, FIRST)


def test_arms_without_a_common_bar_cannot_be_compared() -> None:
    whole = predictions("AAA", foresight=0.7)
    early, late = silent(whole, slice(700, None)), silent(whole, slice(0, 700))
    with pytest.raises(BacktestError, match="no symbol is traded by all of the arms universal, own"):
        trade_all(Stub(known={"universal": [early], "own": [late]}), settings=SETTINGS)


def test_a_model_without_skill_is_named_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Model, "read", lambda *_, **__: None)
    store = SimpleNamespace(download=lambda _: Path())
    models = StoredModels(
        spec=cast(StoredModelsSpec, None),
        histories=cast(Histories, None),
        resolver=cast(Any, SimpleNamespace(spec=SimpleNamespace(store=store))),
        named=None,
        terminal=Terminal(),
    )
    tags = {"test_log_loss": "1.2", "no_skill": "1.1"}
    version = StoredVersion(name="neuro.1h.universal", version=4, tags=tags, aliases=(), source="", run_id="")
    for after in (0, DAY):
        models._predictor(version, role="universal", after=after, until=NEVER)
    said = capsys.readouterr().out
    assert said.startswith(
        "careful    neuro.1h.universal version 4 has shown no skill: its test log-loss 1.2000 is above"
    )
    assert said.count("careful") == 1


def test_models_are_chosen_once_where_the_start_lies_after_all_bars() -> None:
    bars = predictions("AAA", foresight=0.7).bars
    end = int(bars.closed_at[-1])
    models = StoredModels(
        spec=cast(StoredModelsSpec, SimpleNamespace(every=30 * DAY)),
        histories=cast(Histories, SimpleNamespace(bars={"AAA": bars})),
        resolver=cast(Any, None),
        named=None,
        terminal=cast(Any, None),
    )
    assert models._dates(end - 40 * DAY) == [(end - 40 * DAY, end - 10 * DAY), (end - 10 * DAY, end + 20 * DAY)]
    assert models._dates(end) == [(end, NEVER)]


@pytest.mark.slow
def test_a_symbol_too_young_for_a_model_of_its_own_waits_and_is_named(tmp_path: Path) -> None:
    values = composed(
        "source=synthetic",
        "++symbols.members={AAPL:{asset_class:stock},MSFT:{asset_class:stock},"
        "EURUSD:{asset_class:forex},USDJPY:{asset_class:forex}}",
        "symbols.only=[AAPL,MSFT,EURUSD,USDJPY]",  # their starts fit this test
        "source.signal=0.12",
        "source.prices=null",
        *WALK,
        "split.train=100d",
        "split.validation=90d",
        "split.test=60d",
        "source.ragged=true",
        "source.seed=9",
        "least_class_share=0",
        f"paths.outputs={tmp_path}",
    )
    spec = models_spec(values)
    assert isinstance(spec, RetrainedModelsSpec)
    models = RetrainedModels.prepare(spec, tmp_path / "run", Terminal(silent=True))
    trained = [dataset.universe.symbols[0] for _, dataset in models.trainings(OWN)]
    assert trained[:3] == ["USDJPY", "AAPL", "USDJPY"]
    assert [trained.count(symbol) for symbol in ("AAPL", "MSFT", "EURUSD", "USDJPY")] == [5, 4, 3, 6]
    none = SymbolPredictions(predictions=[], left_out={}, without_model=models.without_model(OWN))
    (table,) = fold_model_tables({OWN: none})
    assert table.rows[:2] == (
        ("fold 1 of 6", "AAPL", "454 train samples, hardly any HOLD among them"),
        ("fold 1 of 6", "MSFT", "no train samples"),
    )
    assert models.without_model(UNIVERSAL) == ()

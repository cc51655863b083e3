"""The command backtest: the predictions of training, on unseen bars; what is wrong is refused, with the cure."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from multisymbol.backtest.run import BacktestResult, prediction_source, run
from multisymbol.cli.backtest import backtest, backtest_settings, backtest_spec, models_spec
from multisymbol.cli.schema import config_problems
from multisymbol.config.build import build, plain
from multisymbol.errors import BacktestError, BarsError, ModelNotFoundError, MultisymbolError, StoreError, SymbolError
from multisymbol.markets.time import HOUR, instant, iso
from multisymbol.progress import Terminal
from multisymbol.registry.bundle.format import read_bundle
from multisymbol.registry.store.runs import NOTE_TAG
from multisymbol.reports.tables.predictions import fold_model_tables
from tests.composing import composed_page
from tests.conftest import ROOT, SMALL, prepared_outputs, train_small

SCHEMA = "multisymbol.cli.schema.BacktestConfig"
CUT = ("split.validation_from=2018-05-01", "split.test_from=2018-08-01")
TWO = "symbols.only=[SYN_A,SYN_D]"
EASY = ("decision.enter_confidence=0.4", "decision.exit_confidence=0.34")
"""Models of two epochs are sure of little."""
FILES = sorted((ROOT / "conf" / "backtest").rglob("*.yaml"))


def composed(*overrides: str) -> dict[str, Any]:
    config = composed_page("backtest", *SMALL[:3], *overrides)
    assert config_problems(config, schema=SCHEMA) == []
    return plain(config)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory, store_template: Path) -> Path:
    """Outputs with a universal model of two symbols, and one of SYN_A's own."""
    folder = prepared_outputs(tmp_path_factory.mktemp("trained"), store_template)
    train_small(folder, TWO, *CUT, "stride=1", name="universal")
    train_small(folder, *CUT, "mode=single", "symbol=SYN_A", name="own")
    return folder


def values_of(outputs: Path, *overrides: str) -> dict[str, Any]:
    return composed(f"paths.outputs={outputs}", TWO, *EASY, *overrides)


def tried(outputs: Path, *overrides: str, run_dir: Path = Path()) -> BacktestResult:
    values = values_of(outputs, *overrides)
    return run(backtest_spec(values), run_dir, Terminal(silent=True))


@pytest.fixture(scope="module")
def done(outputs: Path) -> Path:
    """Folder of a whole backtest of both symbols."""
    run_dir = outputs / "runs" / "backtest"
    backtest(values_of(outputs, "from=newest"), run_dir)
    return run_dir


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT / "conf")))
def test_files_compose_and_what_they_name_can_be_built(file: Path) -> None:
    group = file.parent.relative_to(ROOT / "conf").as_posix()
    values = composed(f"{group}={file.stem}")
    build(values["backtest"]["weighting"], role="weighting")
    backtest_settings(values)
    first = file.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# ")
    assert len(first) > 20


def test_answers_are_those_of_the_training_to_the_bit(outputs: Path, done: Path) -> None:
    trained = pd.read_parquet(outputs / "runs" / "universal" / "predictions.parquet")
    traded = pd.read_parquet(done / "equity.parquet")
    both = trained.merge(traded, left_on=["symbol", "decided_at"], right_on=["symbol", "closed_at"])
    assert len(both) == len(trained) > 3000
    for name in ("buy", "hold", "sell"):
        assert np.array_equal(both[f"p_{name}"], both[name])


def test_bars_between_the_models_knowledge_and_its_test_are_traded_too(outputs: Path, done: Path) -> None:
    bundle = read_bundle(outputs / "runs" / "universal" / "model" / "bundle")
    seen_until = instant(bundle.metadata["spans"]["train_until"])
    traded = pd.read_parquet(done / "equity.parquet")
    closed_at = stamps(traded)
    assert seen_until < closed_at.min() < instant(bundle.metadata["spans"]["test_from"])
    of_symbols = traded[traded["symbol"] != "portfolio"]
    assert of_symbols["buy"].notna().all()  # the first one has an answer, too


def stamps(frame: pd.DataFrame) -> Any:
    return frame["closed_at"].dt.as_unit("ns").astype("int64")


def test_every_cent_is_in_the_files(done: Path) -> None:
    trades, equity = (pd.read_parquet(done / f"{name}.parquet") for name in ("trades", "equity"))
    assert set(equity["symbol"]) == {"SYN_A", "SYN_D", "portfolio"}
    assert not equity["seen"].eq(other=True).any()
    for symbol, rows in equity.groupby("symbol"):
        assert (np.diff(stamps(rows)) > 0).all()
        if symbol != "portfolio":
            mine = trades[trades["symbol"] == symbol]
            assert len(mine) > 20
            assert 5e4 + mine["net"].sum() == pytest.approx(rows["equity"].iloc[-1], abs=0.005)
            costs = mine[["commission", "spread", "slippage", "carry"]].sum(axis=1)
            assert (costs > 0).all()
            assert np.allclose(mine["gross"] - costs, mine["net"])
            assert rows["units"].iloc[-1] == 0


def test_the_run_holds_page_pictures_tables_and_numbers(outputs: Path, done: Path) -> None:
    client = MlflowClient(f"sqlite:///{outputs}/mlflow.db")
    run = client.get_run(json.loads((done / "run.json").read_text())["run_id"])
    assert run.info.status == "FINISHED"
    assert run.data.tags["seen"] == "no"
    assert run.data.tags["models"] == "neuro_fuzzy.1h.universal version 1"
    assert run.data.tags[NOTE_TAG].startswith("SYNTHETIC: ")
    page = (done / "backtest.html").read_text(encoding="utf-8")
    assert "HAVE SEEN" not in page
    assert "generated bars, no market" in page
    for name in ("portfolio/total_return", "portfolio/sharpe_error", "held/total_return", "costs/4x_return"):
        assert np.isfinite(run.data.metrics[name]), name
    assert np.isfinite(run.data.metrics["symbol/SYN_A/break_even_bps"])
    assert run.inputs is not None
    assert {each.dataset.name for each in run.inputs.dataset_inputs} == {"SYN_A", "SYN_D"}
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    wanted = {"backtest.html", "trades.parquet", "equity.parquet", "resolution.txt", "tables/result.csv"}
    assert wanted | {f"figures/{name}.png" for name in ("equity", "months", "costs", "symbols")} <= found


def test_costs_only_take(outputs: Path) -> None:
    (result,) = tried(outputs, "from=newest").arms.values()
    for traded in result.traded.values():
        ends = [track.equity[-1] for track in traded.at_costs.values()]
        assert ends == sorted(ends, reverse=True)
        assert len(set(ends)) == 4
        assert ends[1] == traded.track.equity[-1]


def test_what_comes_later_changes_nothing_before(outputs: Path) -> None:
    start = ("from=newest", "period.start=2018-08-01")
    (whole,) = tried(outputs, *start).arms.values()
    (part,) = tried(outputs, *start, "period.end=2018-10-01").arms.values()
    for symbol, traded in part.traded.items():
        bars = len(traded.prices)
        assert bars < len(whole.traded[symbol].prices)
        assert np.array_equal(traded.weight, whole.traded[symbol].weight[:bars], equal_nan=True)
        assert np.array_equal(traded.track.equity[:-1], whole.traded[symbol].track.equity[: bars - 1])


# --- What a model has seen -------------------------------------------------------------------------------------------


def test_bars_a_model_has_seen_are_refused(outputs: Path) -> None:
    with pytest.raises(BacktestError) as caught:
        tried(outputs, "from=newest", "period.start=2018-01-01")
    text = str(caught.value)
    assert "SYN_A: neuro_fuzzy.1h.universal version 1 was trained on data through 2018-07-31" in text
    assert "the first bar to be traded closes at 2018-01-0" in text
    assert "Start later (period.start=2018-07-31" in text
    assert "allow_seen=true trades them all the same; every output then says that it proves nothing" in text


def test_the_cure_of_the_message_cures(outputs: Path) -> None:
    with pytest.raises(BacktestError) as caught:
        tried(outputs, "from=newest", "period.start=2018-01-01")
    start = str(caught.value).split("Start later (")[1].split(")")[0]
    (result,) = tried(outputs, "from=newest", start).arms.values()
    assert result.seen_bars == 0


def test_allowed_it_is_said_in_every_output(outputs: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    backtest(values_of(outputs, "from=newest", "symbol=SYN_A", "period.start=2018-07-01", "allow_seen=true"), tmp_path)
    said = capsys.readouterr().out
    assert "SEEN       MODELS HAVE SEEN BARS THAT ARE TRADED HERE" in said
    assert "after costs (MODEL HAS SEEN THESE BARS)" in said
    page = (tmp_path / "backtest.html").read_text(encoding="utf-8")
    assert page.count("MODELS HAVE SEEN BARS THAT WERE TRADED HERE") == 2  # in the lead, and where it cannot be missed
    assert "<title>SYNTHETIC: SEEN: Backtest of SYN_A" in page
    assert "SYN_A (MODEL HAS SEEN THESE BARS)" in page
    for name in ("trades", "equity"):
        assert pd.read_parquet(tmp_path / f"{name}.parquet")["seen"].eq(other=True).any()
    run = MlflowClient(f"sqlite:///{outputs}/mlflow.db").get_run(
        json.loads((tmp_path / "run.json").read_text())["run_id"]
    )
    assert run.info.run_name.startswith("SEEN-backtest")
    assert run.data.tags["seen"] == "yes"
    assert run.data.metrics["seen_bars"] > 0


def test_a_sealed_span_stays_unread(outputs: Path) -> None:
    seal = ("from=newest", "period.start=2018-08-01", "split.sealed_from=2018-10-01")
    with pytest.raises(BacktestError, match=r"from 2018-10-01T00:00Z on are sealed.*\(period.end=2018-10-01T00:00Z\)"):
        tried(outputs, *seal)
    assert tried(outputs, *seal, "period.end=2018-09-30").arms
    assert tried(outputs, *seal, "open_sealed='does it trade?'").arms


# --- Who answers -----------------------------------------------------------------------------------------------------


def test_each_symbol_is_resolved_as_of_the_first_traded_bar(outputs: Path) -> None:
    (result,) = tried(outputs, "registry/policy=own_first", "period.start=2018-08-01").arms.values()
    names = {symbol: each.predictions.predictors[0].name for symbol, each in result.traded.items()}
    assert names == {"SYN_A": "neuro_fuzzy.1h.sym.SYN_A version 1", "SYN_D": "neuro_fuzzy.1h.universal version 1"}


def test_before_any_model_there_is_none(outputs: Path) -> None:
    with pytest.raises(
        ModelNotFoundError, match=r"(?s)SYN_A 1h as of 2018-01-01T00:00Z is served by no model.*past as_of"
    ):
        tried(outputs, "period.start=2018-01-01")
    with pytest.raises(ModelNotFoundError, match=r"start later: period\.start=\S+ is the first at") as refused:
        tried(outputs, "period.start=2018-01-01", "symbol=SYN_A")
    start = str(refused.value).partition("period.start=")[2].split()[0]
    before = iso(instant(start) - HOUR)
    with pytest.raises(ModelNotFoundError):
        tried(outputs, f"period.start='{before}'", "symbol=SYN_A")
    assert tried(outputs, f"period.start='{start}'", "symbol=SYN_A").arms


def test_without_a_start_it_is_the_first_bar_that_no_model_has_seen(outputs: Path) -> None:
    outcome = tried(outputs)
    (result,) = outcome.arms.values()
    for traded in result.traded.values():
        (predictor,) = traded.predictions.predictors
        assert predictor.after == predictor.seen_until
        assert traded.prices.closed_at[0] > predictor.seen_until
    assert "is served by neuro_fuzzy.1h.universal version 1" in next(iter(outcome.predictions.values())).account


def test_a_symbol_nobody_knows_is_left_out_and_named(outputs: Path) -> None:
    (result,) = tried(outputs, "symbols.only=[SYN_A,SYN_F]").arms.values()
    assert list(result.traded) == ["SYN_A"]
    assert result.left_out == {"SYN_F": "no model may answer for it"}
    with pytest.raises(MultisymbolError, match=r"never on crypto"):
        tried(outputs, "symbol=SYN_F", "symbols.only=null")


def test_arms_trade_the_same_bars(outputs: Path) -> None:
    outcome = tried(outputs, "backtest=arms")
    universal, own = outcome.arms["universal"], outcome.arms["own"]
    assert list(universal.traded) == list(own.traded) == ["SYN_A"]
    assert np.array_equal(universal.traded["SYN_A"].prices.closed_at, own.traded["SYN_A"].prices.closed_at)
    assert {each.predictions.predictors[0].role for each in own.traded.values()} == {"own"}
    assert own.left_out["SYN_D"] == "no model may answer for it"
    assert universal.traded["SYN_A"].track.equity[-1] != own.traded["SYN_A"].track.equity[-1]


def test_arms_are_runs_below_one(outputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    backtest(values_of(outputs, "backtest=arms"), tmp_path)
    assert "universal against own, after costs" in capsys.readouterr().out
    client = MlflowClient(f"sqlite:///{outputs}/mlflow.db")
    top, *children = [
        json.loads((folder / "run.json").read_text())["run_id"]
        for folder in (tmp_path, tmp_path / "universal", tmp_path / "own")
    ]
    assert [client.get_run(each).data.tags["mlflow.parentRunId"] for each in children] == [top, top]
    assert "own/portfolio/total_return" in client.get_run(top).data.metrics
    assert "universal against own" in (tmp_path / "backtest.html").read_text(encoding="utf-8")


def test_models_as_of_each_date_come_when_they_are_there_and_not_before(outputs: Path) -> None:
    start = "period.start=2018-07-01"
    (result,) = tried(outputs, "backtest=as_of", "backtest.every=7d", start).arms.values()
    for traded in result.traded.values():
        seen_until = traded.predictions.predictors[0].seen_until
        closed_at = traded.prices.closed_at
        assert result.seen_bars == 0
        assert closed_at[0] > seen_until > instant("2018-07-01")
        assert closed_at[0] - seen_until < 8 * 24 * 3600 * 10**9


# --- Walk-forward ----------------------------------------------------------------------------------------------------

WALK = (
    "backtest=walk_forward",
    "split.train=240d",
    "split.validation=60d",
    "split.test=120d",
    "trainer.max_epochs=1",
    "batch_size=256",
    "window=4",
    "sampling.epoch_samples=2048",
)


@pytest.fixture(scope="module")
def walked(outputs: Path) -> BacktestResult:
    return tried(outputs, *WALK, run_dir=outputs / "walk")


def test_folds_are_stitched_bar_by_bar(walked: BacktestResult) -> None:
    (result,) = walked.arms.values()
    assert result.seen_bars == 0
    for traded in result.traded.values():
        predictions = traded.predictions
        assert [each.name for each in predictions.predictors] == ["fold 1 of 3", "fold 2 of 3", "fold 3 of 3"]
        by = predictions.by[predictions.first :]
        assert (np.diff(by) >= 0).all()
        assert set(by) == {0, 1, 2}
        assert (np.diff(traded.prices.closed_at) > 0).all()
        for place, each in enumerate(predictions.predictors):
            mine = traded.prices.closed_at[by == place]
            assert each.seen_until < mine.min()
            assert each.after < mine.min() <= mine.max() <= each.until


def test_a_position_is_handed_from_fold_to_fold(walked: BacktestResult) -> None:
    (result,) = walked.arms.values()
    handed = 0
    for traded in result.traded.values():
        borders = np.flatnonzero(np.diff(traded.predictions.by[traded.predictions.first :])) + 1
        units, decided = traded.account.units, ~np.isnan(traded.weight)
        kept = borders[(units[borders] == units[borders - 1]) & (units[borders] != 0)]
        assert not decided[kept].any(), "what is handed on is not decided anew"
        handed += len(kept)
    assert handed > 0


def test_the_folds_are_told_of(walked: BacktestResult) -> None:
    (table,) = fold_model_tables(walked.predictions)
    assert [row[0] for row in table.rows] == ["fold 1 of 3", "fold 2 of 3", "fold 3 of 3"]


def test_folds_with_holes_between_them_are_refused(outputs: Path) -> None:
    with pytest.raises(BacktestError, match=r"(?s)fold 1 of 2 ends at .*split.step=null"):
        tried(outputs, *WALK, "split.step=150d", "split.count=2")


# --- Mistakes --------------------------------------------------------------------------------------------------------


def test_a_model_of_another_timeframe_is_refused(outputs: Path) -> None:
    with pytest.raises(BacktestError, match=r"version 1 answers for bars of 1h, these are of 4h; give it such bars"):
        tried(outputs, "from=neuro_fuzzy.1h.universal/1", "resample=4h")
    with pytest.raises(StoreError, match=r"there is no model neuro_fuzzy.4h.universal"):
        tried(outputs, "from=newest", "resample=4h")


def test_a_rule_for_another_kind_of_model_is_refused(outputs: Path) -> None:
    values = composed(f"paths.outputs={outputs}", TWO, "decision=forecast", "from=newest")
    with pytest.raises(BacktestError, match="forecasts BUY, HOLD and SELL, Forecast trades on returns; say decision="):
        run(backtest_spec(values), Path(), Terminal(silent=True))


def test_an_unknown_symbol_gets_the_nearest_name(outputs: Path) -> None:
    with pytest.raises(SymbolError, match=r"symbol=SYNA is no member of symbols.members, did you mean 'SYN_A'\?"):
        tried(outputs, "symbol=SYNA")


def test_a_span_without_bars_is_refused(outputs: Path) -> None:
    with pytest.raises(
        BacktestError, match=r"(?s)no symbol can be traded.*SYN_A: no bar closes after 2019-06-01T00:00Z"
    ):
        tried(outputs, "from=newest", "period.start=2019-06-01")


@pytest.mark.parametrize(
    ("defect", "error", "message"),
    [
        ("hole", BarsError, r"(?s)100 bars of the calendar are missing.*source.on_defect.gap=keep"),
        ("zero", BarsError, r"(?s)not positive.*source.on_defect.not_positive=drop"),
    ],
)
def test_bars_with_defects_are_refused(
    outputs: Path, tmp_path: Path, defect: str, error: type[Exception], message: str
) -> None:
    rows = 3000
    close = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, rows)))
    frame = pd.DataFrame(
        {
            "timestamp": pd.date_range("2018-07-01", periods=rows, freq="1h", tz="UTC"),
            **dict.fromkeys(("open", "high", "low", "close"), close),
            "volume": 1.0,
        }
    )
    frame = frame.drop(index=range(500, 600)) if defect == "hole" else frame
    if defect == "zero":
        frame.loc[700, ["open", "low", "close"]] = 0.0
    frame.to_parquet(tmp_path / "SYN_F.parquet")
    values = composed_of_files(outputs, tmp_path)
    with pytest.raises(error, match=message):
        prediction_source(models_spec(values), Path(), Terminal(silent=True))


def composed_of_files(outputs: Path, folder: Path) -> dict[str, Any]:
    files = ("source=parquet", f"source.root={folder}", "source/on_defect=strict", "source.on_defect.flat=keep")
    return plain(composed_page("backtest", f"paths.outputs={outputs}", *files, "symbols.only=[SYN_F]"))


@pytest.mark.parametrize("lost", ["costs", "costs.half_spread_bps"])
def test_missing_costs_are_refused_before_anything_starts(lost: str) -> None:
    config = composed_page("backtest", f"~asset_class.forex.{lost}")
    found = config_problems(config, schema=SCHEMA)
    cure = "what trading costs is never guessed; say it, 0 for none (conf/asset_class/stock.yaml shows every kind)"
    assert [(each.path, each.text) for each in found] == [(f"asset_class.forex.{lost}", f"missing: {cure}")]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("backtest.capital=0", "capital: expected money above 0"),
        ("backtest.stop=2", "2 % is 0.02"),
        ("backtest.cost_multiples=[0,2]", "expected ascending numbers from 0 on, 1 among them"),
        ("backtest.volatility_bars=1", "volatility_bars=1: expected 2 or more"),
        ("decision.exit_confidence=0.9", "exit_confidence"),
    ],
)
def test_values_out_of_range_are_refused(outputs: Path, override: str, message: str) -> None:
    with pytest.raises(MultisymbolError, match=message):
        backtest_settings(values_of(outputs, override))

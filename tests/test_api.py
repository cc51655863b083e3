"""The public API: a notebook does what the command line does, and gets objects back."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import multisymbol.api as ms
from multisymbol.errors import ConfigError
from multisymbol.markets.bars import Bars
from tests.conftest import SMALL, prepared_outputs


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, store_template: Path) -> ms.Config:
    outputs = prepared_outputs(tmp_path_factory.mktemp("api"), store_template)
    return ms.load_config(
        [*SMALL, "trainer.max_epochs=1", f"paths.outputs={outputs}"], symbols={"SYN_A": "stock", "SYN_D": "forex"}
    )


@pytest.fixture(scope="module")
def training(config: ms.Config) -> ms.TrainingResult:
    return ms.train(config)


def test_all_wrong_keys_are_named_at_once() -> None:
    with pytest.raises(ConfigError, match=r"(?s)2 problems.*optimizer\.lrr.*sed") as refused:
        ms.load_config(["optimizer.lrr=1", "sed=3"])
    assert "did you mean 'lr'" in str(refused.value)


def test_a_command_that_does_not_exist_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'train'"):
        ms.load_config(command="trian")


def test_a_universe_is_given_as_a_mapping(config: ms.Config) -> None:
    assert config.data.universe.symbols == ("SYN_A", "SYN_D")
    assert "lr:" in config.to_yaml()


def test_prepared_data_are_one_dataset_a_fold(config: ms.Config) -> None:
    (dataset,) = ms.prepare(config)
    assert dataset.trained == ("SYN_A", "SYN_D")
    assert dataset.features.shape == (len(dataset.panel.closed_at), len(dataset.panel.spec.columns))


def test_a_training_has_scores_predictions_and_figures(training: ms.TrainingResult) -> None:
    assert {"SYN_A", "SYN_D"} <= set(training.scores.index)
    assert np.isfinite(training.scores["log_loss"]).all()
    probabilities = training.predictions[["p_buy", "p_hold", "p_sell"]].sum(axis=1)
    np.testing.assert_allclose(probabilities, 1.0, rtol=1e-6)
    assert set(training.figures()) == {"confusion", "calibration"}
    assert training.folder.is_dir()


def test_a_stored_model_is_loaded_by_name_and_answers_raw_bars(config: ms.Config, training: ms.TrainingResult) -> None:
    name, version = training.models[0].version or ("", 0)
    model = ms.load_model(f"{name}/{version}", config)
    bars = config.data.source.read(config.data.universe.configs[0], config.data.period)
    frame = pd.DataFrame(
        {
            "symbol": "SYN_A",
            "timestamp": pd.to_datetime(bars.opened_at, unit="ns", utc=True),
            **{key: getattr(bars, key) for key in ("open", "high", "low", "close", "volume")},
        }
    )
    answer = model.predict(frame.tail(1500))
    assert set(answer["decision"]) <= {"BUY", "HOLD", "SELL"}


def asking(config: ms.Config, command: str) -> ms.Config:
    overrides = [*SMALL, "source=synthetic", f"paths.outputs={config.values['paths']['outputs']}"]
    return ms.load_config(overrides, command=command, symbols={"SYN_A": "stock", "SYN_D": "forex"})


def test_resolution_names_the_model_and_its_reasons(config: ms.Config, training: ms.TrainingResult) -> None:
    resolution = ms.resolve("SYN_A", asking(config, "resolve"))
    assert resolution.chosen is not None
    assert (resolution.chosen.name, resolution.chosen.version) == training.models[0].version
    stranger = ms.resolve("NVDA", asking(config, "resolve"), as_class="stock")
    assert stranger.request.symbol == "NVDA"


@pytest.mark.usefixtures("training")
def test_the_newest_decisions_are_a_frame_with_a_row_per_symbol(config: ms.Config) -> None:
    frame = ms.predict(asking(config, "predict"))
    assert frame["symbol"].tolist() == ["SYN_A", "SYN_D"]


@pytest.mark.usefixtures("training")
def test_a_backtest_returns_accounts(config: ms.Config) -> None:
    result = ms.backtest(asking(config, "backtest"))
    assert np.isfinite(result.first.standing.performance.sharpe)
    assert not result.seen


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_bars_are_read_from_one_file(ending: str, config: ms.Config, tmp_path: Path) -> None:
    bars = config.data.source.read(config.data.universe.configs[1], config.data.period)
    frame = pd.DataFrame(
        {
            "timestamp": pd.to_datetime(bars.opened_at, unit="ns", utc=True),
            **{key: getattr(bars, key) for key in ("open", "high", "low", "close", "volume")},
        }
    )
    file = tmp_path / f"SYN_D.{ending}"
    frame.to_parquet(file) if ending == "parquet" else frame.to_csv(file, index=False)
    read = ms.read_bars(file, asset_class="forex", timeframe="1h")
    assert isinstance(read, Bars)
    np.testing.assert_array_equal(read.close, bars.close)
    np.testing.assert_array_equal(read.opened_at, bars.opened_at)


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = ("torch", "lightning", "mlflow", "numpy", "pandas", "hydra")
    code = f"import sys, multisymbol; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

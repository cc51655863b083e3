import json
import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest

from multisymbol.errors import FeatureError
from multisymbol.features.pipeline import FeatureColumn, FeatureSpec
from multisymbol.features.scaling import Scaler, Scaling, fit_scaler

SPEC = FeatureSpec(
    columns=(
        FeatureColumn(name="rsi", kind="raw"),
        FeatureColumn(name="rsi_low", kind="membership"),
        FeatureColumn(name="still", kind="raw"),
    ),
    restart_bars=1024,
)
CLASSES = {"AAPL": "stock", "SPY": "stock", "EURUSD": "forex"}


def rows(seed: int, count: int, *, mean: float, deviation: float) -> npt.NDArray[np.float32]:
    random = np.random.default_rng(seed)
    return np.column_stack([random.normal(mean, deviation, count), random.random(count), np.full(count, 0.1)]).astype(
        np.float32
    )


ROWS = {
    "AAPL": rows(0, 300, mean=50.0, deviation=10.0),
    "SPY": rows(1, 100, mean=60.0, deviation=5.0),
    "EURUSD": rows(2, 200, mean=1.0, deviation=0.1),
}


def fit(
    train: Mapping[str, npt.NDArray[np.float32]] = ROWS,
    *,
    method: Literal["class_shrunk", "symbol", "none"] = "class_shrunk",
    shrinkage_rows: float = 100.0,
    clip: float = 8.0,
) -> Scaler:
    return fit_scaler(
        train,
        asset_classes=CLASSES,
        spec=SPEC,
        scaling=Scaling(method=method, shrinkage_rows=shrinkage_rows, clip=clip),
        fitted_from=1,
        fitted_until=2,
    )


def test_a_class_has_the_moments_of_all_its_rows() -> None:
    together = np.concatenate([ROWS["AAPL"], ROWS["SPY"]])[:, 0].astype(np.float64)
    stock = fit().by_class["stock"]
    assert stock.center[0] == pytest.approx(together.mean(), rel=1e-12)
    assert stock.spread[0] == pytest.approx(together.std(), rel=1e-12)


def test_a_symbol_is_shrunk_to_its_class_by_rows() -> None:
    own = ROWS["SPY"][:, 0].astype(np.float64)
    together = np.concatenate([ROWS["AAPL"], ROWS["SPY"]])[:, 0].astype(np.float64)
    spy = fit(shrinkage_rows=300.0).by_symbol["SPY"]  # 100 rows of its own: a quarter
    assert spy.center[0] == pytest.approx(0.25 * own.mean() + 0.75 * together.mean(), rel=1e-12)
    assert spy.spread[0] == pytest.approx(math.sqrt(0.25 * own.var() + 0.75 * together.var()), rel=1e-12)


def test_method_symbol_uses_its_own_statistics_alone() -> None:
    scaled = fit(method="symbol").transform(ROWS["SPY"], symbol="SPY", asset_class="stock")[:, 0]
    assert scaled.mean() == pytest.approx(0.0, abs=1e-6)
    assert scaled.std() == pytest.approx(1.0, abs=1e-6)


def test_method_none_changes_no_bit_and_cuts_nothing() -> None:
    scaler = fit(method="none")
    np.testing.assert_array_equal(scaler.transform(ROWS["AAPL"], symbol="AAPL", asset_class="stock"), ROWS["AAPL"])
    assert Scaler.from_json(json.loads(json.dumps(scaler.to_json(), allow_nan=False))).clip == math.inf


def test_only_raw_columns_are_scaled() -> None:
    scaled = fit().transform(ROWS["AAPL"], symbol="AAPL", asset_class="stock")
    np.testing.assert_array_equal(scaled[:, 1], ROWS["AAPL"][:, 1])


def test_a_column_that_never_varies_becomes_zero() -> None:
    scaler = fit()
    assert (scaler.transform(ROWS["AAPL"], symbol="AAPL", asset_class="stock")[:, 2] == 0.0).all()
    assert scaler.by_symbol["AAPL"].spread[2] == 1.0


def test_an_unseen_symbol_gets_its_class_and_no_other() -> None:
    scaler = fit()
    new = rows(5, 10, mean=55.0, deviation=1.0)
    stock = scaler.by_class["stock"]
    expected = (new[:, 0] - stock.center[0]) / stock.spread[0]
    np.testing.assert_allclose(scaler.transform(new, symbol="MSFT", asset_class="stock")[:, 0], expected, rtol=1e-6)
    with pytest.raises(FeatureError, match="no scaling for BTCUSDT: neither it nor its class crypto was trained on"):
        scaler.transform(new, symbol="BTCUSDT", asset_class="crypto")


def test_nothing_but_the_rows_given_matters() -> None:
    fewer = {symbol: values for symbol, values in ROWS.items() if symbol != "EURUSD"}
    np.testing.assert_array_equal(fit(fewer).by_symbol["AAPL"].center, fit().by_symbol["AAPL"].center)
    changed = {**ROWS, "SPY": ROWS["SPY"] + np.float32(1.0)}
    assert fit(changed).by_class["stock"].center[0] > fit().by_class["stock"].center[0]
    assert fit(fewer).digest != fit().digest != fit(changed).digest


def test_values_far_out_are_cut_and_nan_stays() -> None:
    far = np.array([[1e9, 0.5, 0.1], [-1e9, 0.5, 0.1], [np.nan, np.nan, np.nan]], dtype=np.float32)
    scaled = fit(clip=8.0).transform(far, symbol="AAPL", asset_class="stock")
    assert scaled[:2, 0].tolist() == [8.0, -8.0]
    assert np.isnan(scaled[2]).all()
    assert scaled.dtype == np.float32


def test_a_row_is_scaled_by_itself() -> None:
    scaler = fit()
    whole = scaler.transform(ROWS["AAPL"], symbol="AAPL", asset_class="stock")
    for row in (0, 17, 299):
        one = scaler.transform(ROWS["AAPL"][row : row + 1], symbol="AAPL", asset_class="stock")
        np.testing.assert_array_equal(one[0], whole[row])


def test_a_file_gives_back_every_bit() -> None:
    scaler = fit()
    back = Scaler.from_json(json.loads(json.dumps(scaler.to_json())))
    assert back.digest == scaler.digest
    for symbol in ROWS:
        np.testing.assert_array_equal(back.by_symbol[symbol].center, scaler.by_symbol[symbol].center)
        np.testing.assert_array_equal(back.by_symbol[symbol].spread, scaler.by_symbol[symbol].spread)
    assert (back.asset_classes, back.fitted_from, back.fitted_until) == (CLASSES, 1, 2)
    with pytest.raises(FeatureError, match="the stored scaler has no 'by_class'"):
        Scaler.from_json({"spec_digest": "", "by_symbol": {}})


def test_rows_that_cannot_be_fitted_are_all_named() -> None:
    bad = {
        "AAPL": np.full((2, 3), np.nan, np.float32),
        "SPY": np.zeros((0, 3), np.float32),
        "EURUSD": np.zeros((5, 2), np.float32),
    }
    with pytest.raises(FeatureError) as caught:
        fit(bad)
    text = str(caught.value)
    assert "AAPL: train rows that are not finite, in columns rsi, rsi_low, still" in text
    assert "SPY: expected rows of 3 columns, got an array of shape (0, 3)" in text
    assert "EURUSD: expected rows of 3 columns, got an array of shape (5, 2)" in text
    with pytest.raises(FeatureError, match="the scaler was fitted on 3 columns, got 2"):
        fit().transform(np.zeros((5, 2), np.float32), symbol="AAPL", asset_class="stock")


def test_an_unfit_choice_is_refused() -> None:
    with pytest.raises(FeatureError) as caught:
        Scaling(method="median", shrinkage_rows=-1.0, clip=0.5)  # type: ignore[arg-type]
    assert len(str(caught.value).splitlines()) == 3


def test_without_scaling_a_class_that_never_trained_passes_unchanged() -> None:
    spec = FeatureSpec(columns=(FeatureColumn(name="rsi", kind="raw"),), restart_bars=1024)
    rows = {"A": np.array([[1.0], [3.0]], dtype=np.float32)}
    scaling = Scaling(method="none", shrinkage_rows=1.0, clip=8.0)
    classes = {"A": "stock", "B": "crypto"}
    scaler = fit_scaler(rows, asset_classes=classes, spec=spec, scaling=scaling, fitted_from=0, fitted_until=1)
    values = np.array([[50.0], [-7.0]], dtype=np.float32)
    assert np.array_equal(scaler.transform(values, symbol="B", asset_class="crypto"), values)

import dataclasses
import json
import math

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.errors import SampleError
from multisymbol.markets.time import HOUR, instant
from multisymbol.samples.fold import TEST
from multisymbol.samples.ledger import Ledger
from multisymbol.serving.inference import predict_returns
from multisymbol.serving.return_scores import correlations, evaluate_regression, mean_ranks
from multisymbol.statistics.mean_tests import mean_error
from tests.learning.worlds import regression, world


def ledger(target: npt.NDArray[np.float64], *, horizon: int = 1) -> Ledger:
    """Rows of `target`, shape (instants, symbols): symbol after symbol, an hour apart; NaN: not there."""
    instants, symbols = target.shape
    symbol, at = np.divmod(np.arange(target.size), instants)
    there = ~np.isnan(target.T.ravel())
    symbol, at = symbol[there], at[there]
    decided_at = instant("2020-01-01") + HOUR * at
    rows = len(symbol)
    return Ledger(
        symbols=tuple(f"S{i}" for i in range(symbols)),
        asset_classes=("stock",) * symbols,
        window=1,
        symbol=symbol.astype(np.int32),
        row=np.arange(rows),
        window_start=decided_at - HOUR,
        decided_at=decided_at,
        resolved_at=decided_at + horizon * HOUR,
        label=np.zeros(rows, dtype=np.int8),
        rule=np.full(rows, -1, dtype=np.int8),
        target=target.T.ravel()[there].astype(np.float32),
        weight=np.ones(rows, dtype=np.float32),
        counts=(),
    )


def every(given: Ledger) -> npt.NDArray[np.int64]:
    return np.arange(len(given))


def test_worth_beside_zero_worked_by_hand() -> None:
    made = ledger(np.array([[1.0, 4.0], [-1.0, 0.5], [2.0, -0.5]]))
    forecast = np.array([0.5, -1.0, 1.0, 0.0, 0.0, 0.0])
    found = evaluate_regression(forecast, made, every(made), delta=1.0)
    first, second = found.by_symbol["S0"], found.by_symbol["S1"]
    # S0: errors 0.5, 0, 1 against 1, 1, 2 of zero.
    assert first.model.huber == pytest.approx((0.125 + 0 + 0.5) / 3)
    assert first.zero.huber == pytest.approx((0.5 + 0.5 + 1.5) / 3)
    assert first.skill == pytest.approx(1 - 0.625 / 2.5)
    assert first.r2 == pytest.approx(1 - 1.25 / 6)
    assert first.rank_ic == pytest.approx(1)
    assert first.model.sign_accuracy == 1
    assert (second.skill, second.r2, second.rank_ic, second.model.ic) == (0, 0, 0, 0)
    assert second.model == second.zero
    assert found.overall.model.rows == 6
    assert found.overall.zero.sign_accuracy == 0.5
    assert found.cross_section is None


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-3, 3)), min_size=1, max_size=40))
@settings(max_examples=50, deadline=None)
def test_ranks_equal_those_of_pandas_within_each_group(rows: list[tuple[int, int]]) -> None:
    group, values = (np.array(column) for column in zip(*rows, strict=True))
    expected = pd.Series(values).groupby(group).rank()
    np.testing.assert_allclose(mean_ranks(values.astype(np.float64), group=group), expected)


def test_correlations_equal_numpys_and_are_missing_where_nothing_varies() -> None:
    random = np.random.default_rng(0)
    group = np.repeat([0, 1, 2], [10, 20, 5])
    x, y = random.normal(size=35) + 1e4, random.normal(size=35)
    x[group == 2] = 0.1
    found = correlations(x, y, group=group)
    for g in (0, 1):
        assert found[g] == pytest.approx(np.corrcoef(x[group == g], y[group == g])[0, 1], rel=1e-6)
    assert math.isnan(found[2])


def test_cross_section_is_taken_where_eight_symbols_are_alive_and_over_symbols_alone() -> None:
    random = np.random.default_rng(1)
    target = random.normal(size=(30, 10))
    target[20:, 7:] = np.nan  # seven are left
    # At each instant the order is right; over time the level is upside down.
    level = np.linspace(50, -50, 30)[:, None]
    moved = target + level
    made = ledger(moved)
    forecast = (target - level).T.ravel()
    found = evaluate_regression(forecast[~np.isnan(forecast)], made, every(made), delta=1.0)
    cross = found.cross_section
    assert cross is not None
    assert (cross.instants, cross.symbols) == (20, 10)
    assert cross.ic == pytest.approx(1, abs=1e-6)
    assert cross.rank_ic == pytest.approx(1)
    assert all(worth.model.ic < -0.9 for worth in found.by_symbol.values())


def test_worthless_forecasts_are_within_two_errors_of_no_correlation_about_as_often_as_they_should() -> None:
    random = np.random.default_rng(2)
    inside = 0
    for _ in range(60):
        step = random.normal(size=(209, 8))
        overlapping = np.stack([step[i : i + 10].sum(axis=0) for i in range(200)])  # ten steps each
        slow = np.cumsum(random.normal(size=(200, 8)), axis=0)
        made = ledger(overlapping, horizon=10)
        cross = evaluate_regression(slow.T.ravel(), made, every(made), delta=1.0).cross_section
        assert cross is not None
        assert cross.lag == 9
        inside += abs(cross.ic) < 2 * cross.ic_error
    assert inside >= 50


def test_error_of_a_mean_worked_by_hand() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0])
    # Distances -1.5 -0.5 0.5 1.5: squares 5; products one apart 0.75 - 0.25 + 0.75 with weight 1/2, twice.
    assert mean_error(values, lag=0) == pytest.approx(math.sqrt(5) / 4)
    assert mean_error(values, lag=1) == pytest.approx(math.sqrt(5 + 1.25) / 4)
    assert mean_error(np.array([2.0]), lag=5) == 0


def test_evaluation_is_plain_numbers() -> None:
    made = ledger(np.random.default_rng(0).normal(size=(5, 8)))
    found = evaluate_regression(np.zeros(40) + np.arange(40), made, every(made), delta=1.0)
    assert json.loads(json.dumps(dataclasses.asdict(found)))["cross_section"]["instants"] == 5


def test_wrong_input_is_refused_all_at_once() -> None:
    made = ledger(np.ones((4, 1)))
    made.target[1] = np.nan
    with pytest.raises(SampleError, match=r"shape \(3,\), expected \(4,\); 1 rows have no forward return; take labels"):
        evaluate_regression(np.zeros(3), made, every(made), delta=1.0)
    with pytest.raises(SampleError, match="a forecast is no number, first at row 2"):
        evaluate_regression(np.array([0.0, 0.0, np.nan, 0.0]), made, every(made), delta=1.0)
    with pytest.raises(SampleError, match="no rows to score"):
        evaluate_regression(np.zeros(0), made, every(made)[:0], delta=1.0)


def test_forecasts_are_those_of_the_network_in_order_of_the_positions() -> None:
    made, module = world(), regression()
    positions = made.parts.positions(TEST)[::-1].copy()
    data = made.datamodule().dataset
    found = predict_returns(module.network, dataset=data, positions=positions, batch_size=16, device="cpu")
    batch = data[torch.from_numpy(positions)]
    with torch.no_grad():
        expected = module.network(batch.x_BTF, batch.symbol_slot_B, batch.class_slot_B).squeeze(1)
    np.testing.assert_allclose(found.forecast, expected.numpy(), rtol=1e-5, atol=1e-7)
    assert found.forecast.shape == positions.shape
    none = predict_returns(module.network, dataset=data, positions=positions[:0], batch_size=16, device="cpu")
    assert none.forecast.shape == (0,)

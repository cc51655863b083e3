import dataclasses
import json
import math

import numpy as np
import numpy.typing as npt
import pytest

from multisymbol.errors import SampleError
from multisymbol.markets.time import HOUR, instant
from multisymbol.samples.ledger import Ledger
from multisymbol.serving.scores import Evaluation, evaluate, prior_forecast, rule_forecast

BUY, HOLD, SELL = 0, 1, 2


def ledger(symbol: list[int], label: list[int], rule: list[int]) -> Ledger:
    rows = len(symbol)
    decided_at = instant("2020-01-01") + HOUR * np.arange(rows)
    return Ledger(
        symbols=("A", "B", "C"),
        asset_classes=("stock",) * 3,
        window=1,
        symbol=np.array(symbol, dtype=np.int32),
        row=np.arange(rows),
        window_start=decided_at - HOUR,
        decided_at=decided_at,
        resolved_at=decided_at + HOUR,
        label=np.array(label, dtype=np.int8),
        rule=np.array(rule, dtype=np.int8),
        target=np.full(rows, np.nan, dtype=np.float32),
        weight=np.ones(rows, dtype=np.float32),
        counts=(),
    )


# Train rows 0..9: A has BUY BUY BUY SELL HOLD, B has SELL x5; the rule says BUY on five rows, SELL on three.
# Scored rows 10..15: two of each symbol; C never trained; the rule is silent on the last.
SMALL = ledger(
    symbol=[0] * 5 + [1] * 5 + [0, 0, 1, 1, 2, 2],
    label=[BUY, BUY, BUY, SELL, HOLD] + [SELL] * 5 + [BUY, SELL, SELL, HOLD, BUY, SELL],
    rule=[0, 0, 0, 0, -1, 2, 2, 2, -1, 0, 0, 2, 0, 2, 0, -1],
)
TRAIN, SCORED = np.arange(10), np.arange(10, 16)


def test_prior_is_the_symbols_own_train_shares_smoothed_and_pooled_for_an_unseen_one() -> None:
    forecast = prior_forecast(SMALL, SCORED, TRAIN)
    own_a, own_b, pooled = [4 / 8, 2 / 8, 2 / 8], [1 / 8, 1 / 8, 6 / 8], [4 / 13, 2 / 13, 7 / 13]
    np.testing.assert_allclose(forecast, [own_a, own_a, own_b, own_b, pooled, pooled])


def test_rule_is_the_train_share_of_each_class_given_what_it_says_and_pooled_where_silent() -> None:
    forecast = rule_forecast(SMALL, SCORED, TRAIN)
    # Said BUY: labels BUY x3, SELL x2; said SELL: SELL x3; silent: all ten rows.
    says_buy, says_sell, silent = [4 / 8, 1 / 8, 3 / 8], [1 / 6, 1 / 6, 4 / 6], [4 / 13, 2 / 13, 7 / 13]
    np.testing.assert_allclose(forecast, [says_buy, says_sell, says_buy, says_sell, says_buy, silent])


def uniform(rows: int) -> npt.NDArray[np.float64]:
    return np.full((rows, 3), 1 / 3)


@pytest.fixture
def evaluated() -> Evaluation:
    return evaluate(uniform(6), SMALL, SCORED, TRAIN)


def test_no_skill_is_the_better_of_prior_and_rule_on_the_same_rows(evaluated: Evaluation) -> None:
    a = evaluated.by_symbol["A"]
    assert a.prior.log_loss == pytest.approx(-(math.log(4 / 8) + math.log(2 / 8)) / 2)
    assert a.rule.log_loss == pytest.approx(-(math.log(4 / 8) + math.log(4 / 6)) / 2)
    assert a.no_skill == "rule"
    assert a.skill == pytest.approx(1 - math.log(3) / a.rule.log_loss)
    b = evaluated.by_symbol["B"]
    assert (b.no_skill, b.prior.log_loss < b.rule.log_loss) == ("prior", True)
    assert b.skill == pytest.approx(1 - math.log(3) / b.prior.log_loss)


def test_overall_is_over_rows(evaluated: Evaluation) -> None:
    parts = list(evaluated.by_symbol.values())
    assert evaluated.overall.rule.log_loss == pytest.approx(np.mean([part.rule.log_loss for part in parts]))
    assert sum(part.model.rows for part in parts) == evaluated.overall.model.rows == 6
    assert evaluated.overall.support == (2, 1, 3)
    assert np.sum([part.confusion for part in parts], axis=0).tolist() == [list(r) for r in evaluated.overall.confusion]


def test_direction_and_activity_are_apart() -> None:
    p = np.array([[0.6, 0.1, 0.3], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7], [0.3, 0.4, 0.3], [0.5, 0.4, 0.1], [0.1, 0.1, 0.8]])
    overall = evaluate(p, SMALL, SCORED, TRAIN).overall
    # Labels BUY SELL SELL HOLD BUY SELL.
    right = [0.6 / 0.9, 0.3 / 0.5, 0.7 / 0.8, 0.5 / 0.6, 0.8 / 0.9]
    assert overall.direction.rows == 5
    assert overall.direction.model == pytest.approx(-np.mean(np.log(right)))
    assert overall.activity.rows == 6
    assert overall.activity.model == pytest.approx(-np.mean(np.log([0.9, 0.5, 0.8, 0.4, 0.6, 0.9])))
    whole = overall.activity.model * 6 + overall.direction.model * 5
    assert whole / 6 == pytest.approx(overall.model.log_loss)
    for answer in (overall.direction, overall.activity):
        better = min(answer.prior, answer.rule)
        assert answer.skill == pytest.approx(1 - answer.model / better)
        assert answer.no_skill == ("rule" if answer.rule == better else "prior")


def test_model_that_repeats_the_no_skill_forecast_has_no_skill() -> None:
    for forecast in (prior_forecast, rule_forecast):
        found = evaluate(forecast(SMALL, SCORED, TRAIN), SMALL, SCORED, TRAIN)
        assert found.overall.skill <= 1e-12
        assert all(worth.skill <= 1e-12 for worth in found.by_symbol.values())


def test_labels_of_scored_rows_do_not_reach_the_no_skill_forecasts() -> None:
    label = SMALL.label.copy()
    label[SCORED] = 2 - label[SCORED]
    changed = dataclasses.replace(SMALL, label=label)
    for forecast in (prior_forecast, rule_forecast):
        np.testing.assert_array_equal(forecast(changed, SCORED, TRAIN), forecast(SMALL, SCORED, TRAIN))


def test_symbol_without_moves_has_no_direction() -> None:
    still = ledger([0, 0, 0], [BUY, HOLD, HOLD], [-1, -1, -1])
    worth = evaluate(uniform(2), still, np.array([1, 2]), np.array([0])).by_symbol["A"]
    assert worth.direction.rows == 0
    assert math.isnan(worth.direction.model)
    assert math.isnan(worth.direction.skill)


def test_evaluation_is_plain_numbers(evaluated: Evaluation) -> None:
    text = json.dumps(dataclasses.asdict(evaluated))
    assert json.loads(text)["by_symbol"]["C"]["model"]["rows"] == 2
    assert set(json.loads(text)["reliability"]) == {"BUY", "HOLD", "SELL"}


def test_wrong_input_is_refused_all_at_once() -> None:
    with pytest.raises(SampleError, match=r"no train rows .*; probabilities have shape \(5, 3\), expected \(6, 3\)"):
        evaluate(uniform(5), SMALL, SCORED, np.array([], dtype=np.int64))
    with pytest.raises(SampleError, match="there are no rows to score"):
        evaluate(uniform(0), SMALL, SCORED[:0], TRAIN)
    broken = uniform(6)
    broken[4] = [np.nan, 0.5, 0.5]
    with pytest.raises(SampleError, match=r"do not sum to 1, first at row 4: \[nan, 0.5, 0.5\]"):
        evaluate(broken, SMALL, SCORED, TRAIN)

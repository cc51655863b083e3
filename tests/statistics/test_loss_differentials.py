import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.errors import ComparisonError
from multisymbol.labels.labels import BUY, HOLD, SELL
from multisymbol.markets.time import DAY, HOUR
from multisymbol.statistics.loss_differentials import ArmLosses, Rows, label_lag, paired_differentials, row_losses

NAN = math.nan


ROWS = Rows(
    symbols=("A", "gone", "B"),
    symbol=np.array([0, 0, 0, 2, 2] * 2),
    decided_at=HOUR * np.array([0, 1, 2, 1, 2] * 2),
    resolved_at=HOUR * np.array([2, 3, 4, 3, 4] * 2),
    seed=np.array([7] * 5 + [9] * 5),
)
"""Two seeds; A is live at hours 0, 1, 2, B at 1 and 2."""


def arm(name: str, loss: list[float]) -> ArmLosses:
    return ArmLosses(arm=name, rows=ROWS, loss=np.array(loss))


def chosen(losses: ArmLosses, places: npt.NDArray[np.int64]) -> ArmLosses:
    rows = replace(
        losses.rows,
        symbol=losses.rows.symbol[places],
        decided_at=losses.rows.decided_at[places],
        resolved_at=losses.rows.resolved_at[places],
        seed=losses.rows.seed[places],
    )
    return replace(losses, rows=rows, loss=losses.loss[places])


UNIVERSAL = arm("universal", [0.5, 0.5, 0.5, 0.5, 0.5] * 2)
#                           seed 7: A A A B B       seed 9: A A A B B
SINGLE = arm("single", [0.6, 0.7, 0.8, 0.5, 0.3, 0.8, 0.7, 0.6, 0.7, 0.3])


def test_differences_are_second_less_first_averaged_over_seeds_and_then_over_live_symbols() -> None:
    found = paired_differentials(UNIVERSAL, SINGLE)
    assert (found.symbols, found.seeds) == (("A", "B"), (7, 9))
    np.testing.assert_allclose(found.by_symbol, [[0.2, NAN], [0.2, 0.1], [0.2, -0.2]], atol=1e-15)
    np.testing.assert_allclose(found.series, [0.2, 0.15, 0.0], atol=1e-15)
    np.testing.assert_allclose(found.by_seed, [[0.1, 0.1, 0.05], [0.3, 0.2, -0.05]], atol=1e-15)
    np.testing.assert_allclose(found.symbol_by_seed, [[0.2, -0.1], [0.2, 0.0]], atol=1e-15)
    assert found.effect == pytest.approx(0.35 / 3)


def test_declared_weights_are_those_of_live_symbols_scaled_to_one() -> None:
    found = paired_differentials(UNIVERSAL, SINGLE, weights={"A": 3.0, "B": 1.0})
    np.testing.assert_allclose(found.series, [0.2, 0.75 * 0.2 + 0.25 * 0.1, 0.75 * 0.2 - 0.25 * 0.2], atol=1e-15)


def test_swapping_the_arms_changes_the_sign_alone() -> None:
    one, other = paired_differentials(UNIVERSAL, SINGLE), paired_differentials(SINGLE, UNIVERSAL)
    np.testing.assert_array_equal(one.by_symbol, -other.by_symbol)
    assert one.effect == -other.effect


@given(st.permutations(range(10)), st.permutations(range(10)))
@settings(max_examples=20, deadline=None)
def test_order_of_rows_does_not_matter(first: list[int], second: list[int]) -> None:
    def shuffled(losses: ArmLosses, order: list[int]) -> ArmLosses:
        return chosen(losses, np.array(order))

    found = paired_differentials(shuffled(UNIVERSAL, first), shuffled(SINGLE, second))
    np.testing.assert_array_equal(found.by_symbol, paired_differentials(UNIVERSAL, SINGLE).by_symbol)


def test_label_over_h_bars_overlaps_h_less_one_later_instants() -> None:
    instants = HOUR * np.arange(100, dtype=np.int64)
    assert label_lag(instants, decided_at=instants, resolved_at=instants + 20 * HOUR) == 19
    assert label_lag(instants, decided_at=instants, resolved_at=instants + HOUR) == 0


def test_lag_of_a_symbol_counts_its_own_bars() -> None:
    hours, days = HOUR * np.arange(240, dtype=np.int64), DAY * np.arange(10, dtype=np.int64)
    decided_at = np.concatenate([hours, days])

    rows = Rows(
        symbols=("coin", "stock"),
        symbol=np.repeat([0, 1], [240, 10]),
        decided_at=decided_at,
        resolved_at=decided_at + 2 * DAY,
        seed=np.zeros(250, dtype=np.int64),
    )
    universal, single = (ArmLosses(arm=name, rows=rows, loss=np.zeros(250)) for name in ("universal", "single"))
    found = paired_differentials(universal, single)
    assert found.lag == 47
    assert found.symbol_lags.tolist() == [47, 1]
    assert found.months == pytest.approx(239 * HOUR / (365.25 / 12 * DAY))
    assert found.months_of(1) == pytest.approx(9 * DAY / (365.25 / 12 * DAY))


def without(losses: ArmLosses, row: int) -> ArmLosses:
    return chosen(losses, np.delete(np.arange(len(losses.loss)), row))


def test_unmatched_arms_are_refused_with_the_rows_that_one_of_them_lacks() -> None:
    with pytest.raises(ComparisonError) as error:
        paired_differentials(without(UNIVERSAL, 3), without(SINGLE, 9))
    assert str(error.value) == (
        "arms universal and single are not matched: "
        "1 of 9 rows of universal are missing from single, first B at 1970-01-01T02:00Z, seed 9; "
        "1 of 9 rows of single are missing from universal, first B at 1970-01-01T01:00Z, seed 7. "
        "Score both on the same symbols, instants and seeds"
    )


def test_other_labels_are_refused() -> None:
    with pytest.raises(ComparisonError, match="resolve at different instants: they have different labels"):
        paired_differentials(UNIVERSAL, replace(SINGLE, rows=replace(ROWS, resolved_at=ROWS.resolved_at + HOUR)))


def test_a_row_scored_twice_is_refused() -> None:
    twice = replace(UNIVERSAL, rows=replace(ROWS, decided_at=HOUR * np.array([0, 1, 1, 1, 2] * 2)))
    with pytest.raises(ComparisonError, match="2 of 10 rows occur twice, first A at 1970-01-01T01:00Z, seed 7"):
        paired_differentials(twice, twice)


@pytest.mark.parametrize(("row", "seed"), [(9, 7), (4, 9)])
def test_rows_that_only_some_seeds_have_are_refused(row: int, seed: int) -> None:
    with pytest.raises(ComparisonError) as error:
        paired_differentials(without(UNIVERSAL, row), without(SINGLE, row))
    assert str(error.value).startswith(
        f"1 of 9 rows are missing for some seeds, first B at 1970-01-01T02:00Z, seed {seed}: seeds 7 and 9 do not both "
    )


def test_rows_and_losses_must_fit() -> None:
    with pytest.raises(ComparisonError, match=r"arm single: losses have shape \(9,\), expected \(10,\)"):
        arm("single", [0.5] * 9)
    with pytest.raises(ComparisonError, match=r"columns of rows have shapes \[\(9,\), \(10,\)\], expected one"):
        replace(ROWS, seed=ROWS.seed[1:])
    with pytest.raises(ComparisonError, match="no rows to compare arms on; move the cuts"):
        chosen(UNIVERSAL, np.array([], dtype=np.int64))


def test_losses_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(
        ComparisonError, match=r"arm single: losses are not finite in 1 of 10 rows, first in row 2 \(A at 1970"
    ):
        arm("single", [0.5, 0.5, math.inf] + [0.5] * 7)


def test_weights_must_be_given_for_every_scored_symbol() -> None:
    with pytest.raises(ComparisonError, match="weights of symbols: B missing; A not above 0"):
        paired_differentials(UNIVERSAL, SINGLE, weights={"A": 0.0})


def test_loss_splits_into_activity_and_direction() -> None:
    prob = np.array([[0.5, 0.2, 0.3], [0.5, 0.2, 0.3], [0.5, 0.2, 0.3]])
    losses = row_losses(prob, np.array([BUY, HOLD, SELL]))
    np.testing.assert_allclose(losses.total, -np.log([0.5, 0.2, 0.3]))
    np.testing.assert_allclose(losses.activity, -np.log([0.8, 0.2, 0.8]))
    np.testing.assert_allclose(losses.direction, -np.log([0.5 / 0.8, 1.0, 0.3 / 0.8]), atol=1e-15)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.integers(0, 2)), min_size=1))
@settings(max_examples=50, deadline=None)
def test_chain_rule_holds_for_every_row_also_where_a_probability_is_zero(
    forecasts: list[tuple[float, float, float, int]],
) -> None:
    weights = np.array([row[:3] for row in forecasts]) + 1e-300
    losses = row_losses(weights / weights.sum(axis=1, keepdims=True), np.array([row[3] for row in forecasts]))
    np.testing.assert_allclose(losses.activity + losses.direction, losses.total, atol=1e-12)
    assert (losses.direction >= 0).all()
    assert (losses.activity >= 0).all()

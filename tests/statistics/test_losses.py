"""The comparison of any models' losses: the same judge as the product's, and every mistake in the input named."""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from multisymbol.errors import ComparisonError
from multisymbol.markets.time import HOUR, instant
from multisymbol.statistics import Verdict, compare_losses, surrogate_effects
from multisymbol.statistics.compare import compare_arms
from multisymbol.statistics.loss_differentials import ArmLosses, mean_losses
from multisymbol.statistics.verdict import LossTerms
from tests.statistics.test_statistics import ALIKE, PLAN, QUIET, losses

START = instant("2018-06-01")
WORDS = {"loss_name": "log-loss", "unit": "nats"}
SIZES = {"draws": PLAN.draws, "aa_draws": PLAN.aa_draws, "seed": PLAN.seed}
CLASSES = {"A": "stock", "B": "stock", "C": "forex", "NEW": "forex"}


def dated(arm: ArmLosses) -> ArmLosses:
    """The losses from 2018 on."""
    rows = arm.rows
    moved = dataclasses.replace(rows, decided_at=rows.decided_at + START, resolved_at=rows.resolved_at + START)
    return dataclasses.replace(arm, rows=moved)


FIRST, SECOND, BASELINE = (
    dated(losses(name, gain, seed=seed))
    for name, gain, seed in (("mine", ALIKE, 1), ("theirs", ALIKE - 0.03, 2), ("naive", np.zeros(4), 3))
)
ROWS = FIRST.rows
COLUMNS: Mapping[str, Any] = {
    "time": pd.to_datetime(ROWS.decided_at, utc=True),
    "known": pd.to_datetime(ROWS.resolved_at, utc=True),
    "symbol": np.array(ROWS.symbols)[ROWS.symbol],
    "seed": ROWS.seed,
    "mine": FIRST.loss,
    "theirs": SECOND.loss,
    "naive": BASELINE.loss,
}
WIDE = pd.DataFrame(COLUMNS)
TALL = WIDE.melt(id_vars=["time", "known", "symbol", "seed"], var_name="model", value_name="loss")
SURROGATES = {kind.kind: kind.draws for kind in QUIET}


def judged(table: Any = WIDE, **changes: Any) -> Verdict:
    arguments: dict[str, Any] = {
        "timestamps": "time",
        "symbols": "symbol",
        "seeds": "seed",
        "arms": ("mine", "theirs"),
        "baseline": "naive",
        "resolved_at": "known",
        "smallest_effect": PLAN.smallest,
        "surrogates": SURROGATES,
        "classes": CLASSES,
        **SIZES,
        **WORDS,
    }
    return compare_losses(table, **{**arguments, **changes})


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """List the leaves of nested results."""
    if dataclasses.is_dataclass(value):
        value = {entry.name: getattr(value, entry.name) for entry in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from flat(each, f"{path}.{key}")
    elif isinstance(value, (list, tuple)):
        for number, each in enumerate(value):
            yield from flat(each, f"{path}[{number}]")
    else:
        yield path, value.tolist() if isinstance(value, np.ndarray) else value


def same(one: Any, other: Any) -> bool:
    return repr(list(flat(one))) == repr(list(flat(other)))


@pytest.fixture(scope="module")
def verdict() -> Verdict:
    return judged()


def test_it_is_the_judge_of_the_comparison(verdict: Verdict) -> None:
    terms = LossTerms(loss="log-loss", unit="nats", baseline="the baseline", form=".4g")
    expected = compare_arms(
        FIRST, SECOND, BASELINE, question="overall", surrogates=QUIET, classes=CLASSES, plan=PLAN, terms=terms
    )
    assert same(verdict.result, expected)
    assert (verdict.kind, verdict.better) == ("FIRST_BETTER", "mine")
    assert verdict.sentence.startswith("Over all symbols, the mine model loses 0.03")
    assert verdict.effect == expected.differentials.effect
    assert verdict.interval == expected.evidence.interval
    assert verdict.p_value == max(expected.primary.p, expected.diagnostics.split.p)


def test_wide_tall_and_bare_arrays_in_any_order_give_the_same_result(verdict: Verdict) -> None:
    shuffled = TALL.sample(frac=1.0, random_state=3)
    from_tall = judged(shuffled, arm_column="model")
    bare = judged(
        {"mine": COLUMNS["mine"], "theirs": COLUMNS["theirs"]},
        timestamps=ROWS.decided_at,
        symbols=list(COLUMNS["symbol"]),
        seeds=[f"seed {seed}" for seed in ROWS.seed.tolist()],
        arms=None,
        baseline=COLUMNS["naive"].tolist(),
        resolved_at=COLUMNS["known"].tz_localize(None),
    )
    for other in (from_tall, bare):
        assert other.kind == verdict.kind
        assert other.effect == pytest.approx(verdict.effect, rel=1e-12)
        assert other.p_value == pytest.approx(verdict.p_value, rel=1e-6)
        symbols = verdict.by_symbol()
        pd.testing.assert_frame_equal(
            other.by_symbol().loc[symbols.index].drop(columns=["low", "high"]),
            symbols.drop(columns=["low", "high"]),
            rtol=1e-6,
        )


def test_a_number_of_overlapping_timestamps_stands_for_the_resolving_instants(verdict: Verdict) -> None:
    by_lag = judged(resolved_at=None, lag=5)
    assert by_lag.result.differentials.lag == verdict.result.differentials.lag == 5
    assert same(by_lag.result.primary, verdict.result.primary)


def test_tables_hold_what_the_result_holds(verdict: Verdict) -> None:
    symbols, tests, arms = verdict.by_symbol(), verdict.tests(), verdict.arms()
    assert symbols.loc["A", "effect"] == verdict.result.by_symbol[0].test.effect
    assert symbols["verdict"].tolist() == ["FIRST_BETTER"] * 3 + ["INCONCLUSIVE"]
    assert symbols["low"].isna().tolist() == [False, False, False, True]
    assert tests.loc["diebold_mariano", "p"] == verdict.result.primary.p
    assert set(tests["of"]) == {"difference", "equivalence", "equal gains", "skill"}
    assert arms.loc["naive", "mean_loss"] == mean_losses(BASELINE).effect
    assert str(verdict) == "\n".join([verdict.sentence, *verdict.caveats])


def test_further_arms_are_put_into_a_confidence_set(verdict: Verdict) -> None:
    three = judged(
        WIDE.assign(copy=WIDE["mine"] + 1e-5 * np.sin(np.arange(len(WIDE)))), arms=("mine", "theirs", "copy")
    )
    assert same(three.result, verdict.result)
    assert three.arms()["in_confidence_set"].to_dict() == {"mine": True, "theirs": False, "copy": True, "naive": False}


def test_without_seeds_baseline_or_surrogates_nothing_is_claimed() -> None:
    one = WIDE[WIDE["seed"] == 0]
    alone = judged(one, seeds=None, baseline=None, surrogates=None)
    assert alone.kind == "FIRST_BETTER"
    assert alone.better is None
    assert alone.sentence.startswith("Exploratory, no claim: ")
    assert "There is no no-skill forecast beside the arms: whether either has skill was not tested." in alone.caveats
    assert alone.tests()["p"].isna()["with_seeds"]
    assert alone.p_value == alone.result.primary.p
    with pytest.raises(ComparisonError) as error:
        judged(one, seeds=None, baseline=None, surrogates=None, exploratory=False)
    assert [line.split()[0] for line in str(error.value).splitlines()] == ["there", "1", "0"]


def test_surrogate_markets_are_reduced_to_their_effects() -> None:
    found = surrogate_effects(WIDE, "time", "symbol", "seed", arms=("mine", "theirs"), baseline="naive")
    assert found.symbols == ROWS.symbols
    assert found.overall == pytest.approx([0.03, 0.05, 0.02], abs=0.01)
    again = judged(surrogates={"drift removed": [found] * 20})
    assert again.kind == "NO_SKILL"
    assert "beyond a forecast of fixed class shares" not in again.sentence


def test_squared_errors_are_told_in_their_own_unit() -> None:
    small = judged(
        WIDE.assign(mine=1e-6 * WIDE["mine"], theirs=1e-6 * WIDE["theirs"], naive=1e-6 * WIDE["naive"]),
        smallest_effect=5e-9,
        loss_name="squared error",
        unit="squared returns",
        surrogates=None,
    )
    assert "squared returns a forecast less than the theirs one" in small.sentence
    assert "0.0000" not in small.sentence


def broken(column: str, row: int, value: Any) -> pd.DataFrame:
    frame = WIDE.copy()
    frame[column] = frame[column].astype(object)
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"table": broken("mine", 7, math.nan)},
            r"arm mine: losses are not finite in 1 of .* first in row 7 \(A at 2018",
        ),
        ({"table": broken("mine", 7, "much")}, "mine: losses are object, expected numbers"),
        ({"table": broken("symbol", 3, None)}, "symbols: missing in 1 rows, first in row 3"),
        ({"table": broken("time", 4, None)}, "timestamps: missing in 1 rows, first in row 4"),
        ({"table": broken("time", 4, "yesterday-ish")}, "timestamps: not readable as timestamps"),
        ({"timestamps": np.arange(len(WIDE))}, "timestamps: row 0 is the integer 0, expected nanoseconds"),
        ({"timestamps": ROWS.decided_at[1:]}, r"symbols: 9,720 rows, but timestamps has 9,719"),
        ({"timestamps": "when"}, "timestamps: the losses have no column 'when'"),
        ({"arms": None}, r"arms: name the columns of the losses to compare, for example"),
        ({"arms": ("mine",)}, "arms: mine given, expected the names of two different arms"),
        ({"arms": ("mine", "mine")}, "arms: mine, mine given, expected the names of two different arms"),
        (
            {"table": pd.concat([WIDE, WIDE.iloc[:2]])},
            r"2 of .* rows occur twice, first A at 2018-06-01T00:00Z, seed 0",
        ),
        ({"table": WIDE.drop(index=0)}, r"1 of .* rows are missing for some seeds, first A at 2018-06-01T00:00Z"),
        ({"table": WIDE[WIDE["time"] < "2018-06-02"]}, "all symbols: 24 test instants are too few for labels"),
        ({"resolved_at": None}, "give either resolved_at .* or lag"),
        ({"lag": 5}, "give either resolved_at .* or lag"),
        ({"resolved_at": None, "lag": -1}, "lag=-1: expected 0 or more timestamps"),
        ({"resolved_at": ROWS.decided_at - HOUR}, r"resolved_at: earlier than the timestamp in .* first in row 0"),
        ({"smallest_effect": 0.0}, "smallest=0.0: expected the difference per forecast that would matter"),
        ({"classes": {"A": "stock"}}, "classes: B, C, NEW missing"),
        ({"baseline": None}, "surrogates without a baseline"),
        ({"symbols": np.zeros((2, 2))}, r"symbols: has shape \(2, 2\), expected one value for each row"),
        ({"table": TALL, "arm_column": "model", "arms": ("mine", "yours")}, "arms: yours not in column 'model'"),
        (
            {"table": TALL.drop(index=0), "arm_column": "model"},
            "are not matched: 1 of .* rows of theirs are missing from mine, first A at 2018-06-01T00:00Z, seed 0",
        ),
    ],
)
def test_mistakes_in_the_input_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ComparisonError, match=message):
        judged(**changes)

import dataclasses
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.backtest.account import Prices, Rules, simulate
from multisymbol.backtest.decision import (
    DecisionContext,
    DecisionRule,
    Forecast,
    PositionRules,
    ProbabilityWeighted,
    Threshold,
    VolatilityTarget,
    buy_and_hold,
    decision_context,
    last_orders,
)
from multisymbol.config.build import build, plain
from multisymbol.config.check import check
from multisymbol.errors import BacktestError
from multisymbol.labels.volatility import trailing_deviation
from multisymbol.markets.sessions import session_clock
from multisymbol.markets.symbols import Costs
from multisymbol.markets.time import HOUR, instant, iso
from tests.conftest import ROOT, Compose
from tests.labels.worlds import bars_of, walk

Floats = npt.NDArray[np.float64]
NO = np.nan
FREE = Costs(**dict.fromkeys((entry.name for entry in dataclasses.fields(Costs)), 0.0))
OPTIONS = sorted(file.stem for file in (ROOT / "conf" / "decision").glob("*.yaml"))


def discipline(**changes: Any) -> PositionRules:
    plain_one: dict[str, Any] = {
        "sides": "long_short",
        "hold_means": "flat",
        "reverse_at_once": True,
        "max_weight": 1.0,
        "smallest_change": 0.0,
        "min_bars_between_entries": 0,
        "min_hours_after_fill": 0.0,
        "flat_at_session_end": False,
    }
    return PositionRules(**plain_one | changes)


def threshold(enter: float = 0.5, leave: float = 0.4, *, weight: float = 1.0, **changes: Any) -> Threshold:
    return Threshold(enter_confidence=enter, exit_confidence=leave, weight=weight, discipline=discipline(**changes))


def context(rows: int, **changes: Any) -> DecisionContext:
    made = DecisionContext(
        closed_at=instant("2020-01-01") + HOUR * np.arange(1, rows + 1),
        volatility=np.full(rows, 0.01),
        session_end=np.zeros(rows, dtype=np.bool_),
        segment=np.zeros(rows, dtype=np.int32),
        bars_per_year=8766.0,
        target_unit=np.full(rows, 0.01),
        round_trip_cost=0.002,
    )
    return dataclasses.replace(made, **changes)


def prob(*said: float | None) -> Floats:
    """Rows from one number each: p(BUY), -p(SELL), 0 for a sure HOLD, None for no forecast; HOLD is half the rest."""
    rows = []
    for p in said:
        if p is None:
            rows.append([NO, NO, NO])
        elif p == 0:
            rows.append([0.05, 0.9, 0.05])
        else:
            rest = (1 - abs(p)) / 2
            rows.append([p, rest, rest] if p > 0 else [rest, rest, -p])
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def decide(rule: DecisionRule, *said: float | None, **changes: Any) -> list[float | None]:
    return told(rule.weights(prob(*said), context=context(len(said), **changes)))


def told(weights: Floats) -> list[float | None]:
    """Write no decision as None, which equals itself."""
    return [None if np.isnan(weight) else float(weight) for weight in weights]


def held(weights: Floats) -> Floats:
    """What is held after each decision."""
    found, now = [], 0.0
    for weight in weights:
        now = now if np.isnan(weight) else weight
        found.append(now)
    return np.array(found)


# --- worked by hand ---------------------------------------------------------------------------------------------------


def test_a_position_opens_above_the_one_threshold_and_closes_below_the_other() -> None:
    said = (0.45, 0.6, 0.45, 0.41, 0.4, 0.45, -0.6, None, -0.45, 0, 0.9)
    assert decide(threshold(), *said) == [0, 1, None, None, 0, 0, -1, None, None, 0, 1]


def test_hold_keeps_a_position_where_it_means_keep() -> None:
    said = (0.6, 0, None, 0.45, -0.4, -0.45, -0.45, -0.6, 0, 0.45, 0.6)
    assert decide(threshold(hold_means="keep"), *said) == [1, None, None, None, None, 0, 0, -1, None, 0, 1]


def test_opposite_signal_turns_the_position_at_once_or_closes_it_first() -> None:
    said = (0.6, -0.6, -0.6, 0.6)
    assert decide(threshold(), *said) == [1, -1, None, 1]
    assert decide(threshold(reverse_at_once=False), *said) == [1, 0, -1, 0]


def test_long_only_closes_where_long_short_turns() -> None:
    assert decide(threshold(sides="long_only"), -0.6, 0.6, -0.6, -0.6, 0.6) == [0, 1, 0, 0, 1]


def test_a_class_must_be_likelier_than_both_others_to_have_a_direction() -> None:
    tied = np.array([[0.45, 0.1, 0.45], [0.45, 0.45, 0.1], [0.1, 0.45, 0.45]])
    assert told(threshold(0.0, 0.0).weights(tied, context=context(3))) == [0, 0, 0]


def test_an_entry_waits_so_many_bars_and_an_exit_none() -> None:
    said = (0.6, 0, 0.6, 0.6, 0.6, -0.6, -0.6, -0.6, -0.6)
    rule = threshold(min_bars_between_entries=4)
    # In at 0, out at 1, in again at 4; the turn at 5 only closes, the short opens at 8.
    assert decide(rule, *said) == [1, 0, 0, 0, 1, 0, 0, 0, -1]


def test_an_entry_waits_so_many_hours_from_the_bar_of_the_last_fill() -> None:
    rule = threshold(min_hours_after_fill=2.0)
    # Out at 1, filled in bar 2; bar 4 closes two hours after it.
    assert decide(rule, 0.6, 0, 0.6, 0.6, 0.6) == [1, 0, 0, 0, 1]


def test_ktrdrs_rules_with_exits_that_do_not_wait(composed: Compose) -> None:
    rule = rule_of("ktrdr", composed)
    said = (-0.9, 0.6, -0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0, -0.49, -0.5, -0.51, *[-0.9] * 9)
    # SELL while flat does nothing. In at 1, out at 2 (KTRDR: not before 6), filled in bar 3; in again four hours later
    # at 7; HOLD and doubt keep; SELL above one half closes at 11, and no short ever opens.
    expected = [0, 0.25, 0, 0, 0, 0, 0, 0.25, None, None, None, 0, *[0] * 9]
    assert decide(rule, *said) == expected


def test_size_follows_the_difference_of_probabilities_where_the_change_is_worth_trading() -> None:
    rule = ProbabilityWeighted(scale=2.0, enter_edge=0.1, exit_edge=0.0, discipline=discipline(smallest_change=0.1))
    edge = np.array([0.08, 0.2, 0.22, 0.27, 0.9, NO, 0.03, -0.05, -0.3, -0.12])
    given_prob = np.stack([(1 + edge) / 3, (1 - edge) / 3, 1 / 3 - edge / 3], axis=1)
    given_prob[:, [0, 2]] = np.stack([0.5 + edge / 2, 0.5 - edge / 2], axis=1)
    given_prob[:, 1] = np.where(np.isnan(edge), NO, 0.0)
    found = rule.weights(given_prob, context=context(10))
    # 0.44 is too near 0.4; 0.06 is worth it; at -0.05 closed, beyond -0.1 short.
    np.testing.assert_allclose(found, [0, 0.4, NO, 0.54, 1.0, NO, 0.06, 0, -0.6, -0.24])


def test_an_entry_too_small_to_be_worth_it_is_not_made() -> None:
    rule = ProbabilityWeighted(scale=1.0, enter_edge=0.0, exit_edge=0.0, discipline=discipline(smallest_change=0.5))
    assert decide(rule, 0.5)[0] == 0.0  # p(BUY) - p(SELL) = 0.25
    assert decide(rule, 0.8)[0] == pytest.approx(0.7)


def test_conviction_that_no_longer_supports_a_kept_position_leaves_its_size_alone() -> None:
    rule = ProbabilityWeighted(scale=1.0, enter_edge=0.1, exit_edge=0.1, discipline=discipline(hold_means="keep"))
    assert decide(rule, 0.8, 0, 0.6, 0, -0.8) == pytest.approx([0.7, None, 0.4, None, -0.7])


def test_size_is_the_target_over_the_volatility_known_at_the_close() -> None:
    rule = VolatilityTarget(
        target=0.005, per="bar", enter_confidence=0.5, exit_confidence=0.4, discipline=discipline(smallest_change=0.05)
    )
    volatility = np.array([NO, 0.0, 0.01, 0.0101, 0.02, NO, 0.001])
    found = decide(rule, *[0.6] * 7, volatility=volatility)
    # Nothing to size by at first; 0.495 is too near 0.5; at most all of equity.
    assert found == pytest.approx([0, 0, 0.5, None, 0.25, None, 1.0])


def test_a_target_a_year_is_that_of_a_bar_times_the_root_of_its_bars() -> None:
    parts = {"enter_confidence": 0.5, "exit_confidence": 0.4, "discipline": discipline()}
    yearly = VolatilityTarget(target=0.005 * np.sqrt(8766.0), per="year", **parts)  # type: ignore[arg-type]
    assert decide(yearly, 0.6, -0.6) == pytest.approx([0.5, -0.5])


def test_a_forecast_is_traded_where_it_pays_the_round_trip_so_many_times() -> None:
    rule = Forecast(enter_costs=1.5, exit_costs=0.5, weight=0.5, discipline=discipline())
    # In deviations of 1 %; a round trip costs 0.2 %: above 0.3 opens, at most 0.1 closes.
    forecast = np.array([0.29, 0.31, 0.11, NO, 0.09, -0.31, 0.31, -0.2])
    found = rule.weights(forecast, context=context(8))
    np.testing.assert_array_equal(found, [0, 0.5, NO, NO, 0, -0.5, 0.5, 0])


def test_a_session_ends_without_a_position_with_or_without_a_forecast() -> None:
    ends = np.array([False, True, False, True, True, False])
    found = decide(threshold(flat_at_session_end=True), 0.6, 0.6, 0.6, None, 0.6, 0.6, session_end=ends)
    assert found == [1, 0, 1, 0, 0, 1]
    assert decide(threshold(), 0.6, 0.6, 0.6, None, 0.6, 0.6, session_end=ends) == [1, None, None, None, None, None]


def test_a_segment_of_the_history_starts_without_a_position() -> None:
    segment = np.array([0, 0, 1, 1, 1, 2], dtype=np.int32)
    assert decide(threshold(), 0.6, 0.6, None, 0.45, 0.6, 0.6, segment=segment) == [1, None, 0, 0, 1, 1]


def test_buy_and_hold_buys_once_in_every_segment() -> None:
    assert told(buy_and_hold(np.array([0, 0, 1, 1, 1], dtype=np.int32))) == [1, None, 1, None, None]
    assert len(buy_and_hold(np.empty(0, dtype=np.int32))) == 0


# --- properties -------------------------------------------------------------------------------------------------------


@st.composite
def sayings(draw: st.DrawFn) -> Floats:
    """Probabilities of which some rows are missing, and some sure."""
    rows = draw(st.integers(1, 40))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    drawn = generator.dirichlet([draw(st.sampled_from([0.3, 1.0, 4.0]))] * 3, rows)
    drawn[generator.random(rows) < draw(st.sampled_from([0.0, 0.3]))] = np.nan
    drawn[generator.random(rows) < 0.05] = [1.0, 0.0, 0.0]
    return drawn


@st.composite
def disciplines(draw: st.DrawFn) -> PositionRules:
    return discipline(
        sides=draw(st.sampled_from(["long_only", "long_short"])),
        hold_means=draw(st.sampled_from(["flat", "keep"])),
        reverse_at_once=draw(st.booleans()),
        max_weight=draw(st.sampled_from([0.2, 1.0, 3.0])),
        smallest_change=draw(st.sampled_from([0.0, 0.1])),
        min_bars_between_entries=draw(st.integers(0, 10)),
        min_hours_after_fill=float(draw(st.integers(0, 10))),
        flat_at_session_end=draw(st.booleans()),
    )


@st.composite
def rules(draw: st.DrawFn) -> Threshold | ProbabilityWeighted | VolatilityTarget:
    chosen = draw(disciplines())
    enter = draw(st.floats(0.0, 1.0))
    leave = enter * draw(st.floats(0.0, 1.0))
    kind = draw(st.sampled_from(["threshold", "weighted", "volatility"]))
    if kind == "threshold":
        weight = draw(st.floats(0.01, 1.0)) * chosen.max_weight
        return Threshold(enter_confidence=enter, exit_confidence=leave, weight=weight, discipline=chosen)
    if kind == "weighted":
        return ProbabilityWeighted(
            scale=draw(st.floats(0.1, 10.0)), enter_edge=enter, exit_edge=leave, discipline=chosen
        )
    return VolatilityTarget(
        target=draw(st.floats(0.001, 0.1)),
        per="bar",
        enter_confidence=enter,
        exit_confidence=leave,
        discipline=chosen,
    )


def world_of(given_prob: Floats, *, seed: int) -> DecisionContext:
    """Hours with a session's end here and there, and volatility that is missing at times."""
    rows, random = len(given_prob), np.random.default_rng(seed)
    volatility = random.uniform(0.001, 0.05, rows)
    volatility[random.random(rows) < 0.1] = np.nan
    segment = np.cumsum(random.random(rows) < 0.05).astype(np.int32)
    return context(rows, volatility=volatility, session_end=random.random(rows) < 0.1, segment=segment)


def conviction_of(rule: object, given_prob: Floats) -> Floats:
    """The rule's conviction, said once more and otherwise than the code does."""
    if isinstance(rule, ProbabilityWeighted):
        return np.asarray(given_prob[:, 0] - given_prob[:, 2])
    found = []
    for buy, hold, sell in given_prob:
        one = [(buy, buy), (hold, 0.0), (sell, -sell)]
        best = [signed for p, signed in one if p == max(buy, hold, sell)]
        found.append(np.nan if np.isnan(buy) else best[0] if len(best) == 1 else 0.0)
    return np.array(found)


@given(rule=rules(), given_prob=sayings(), seed=st.integers(0, 1000))
@settings(max_examples=150, deadline=None)
def test_an_exit_is_never_blocked(rule: Any, given_prob: Floats, seed: int) -> None:
    here = world_of(given_prob, seed=seed)
    weights = rule.weights(given_prob, context=here)
    leave = rule.exit_edge if isinstance(rule, ProbabilityWeighted) else rule.exit_confidence
    before, conviction = np.append(0.0, held(weights)[:-1]), conviction_of(rule, given_prob)
    before[np.diff(here.segment, prepend=0) != 0] = 0.0
    for row in np.flatnonzero(before):
        side = np.sign(before[row])
        gone = (
            -side * conviction[row] > leave if rule.discipline.hold_means == "keep" else side * conviction[row] <= leave
        )
        if gone or (rule.discipline.flat_at_session_end and here.session_end[row]):
            assert side * weights[row] <= 0.0  # NaN fails too


@given(rule=rules(), given_prob=sayings(), seed=st.integers(0, 1000))
@settings(max_examples=150, deadline=None)
def test_weights_stay_within_their_limits_and_are_missing_where_there_is_no_forecast(
    rule: Any, given_prob: Floats, seed: int
) -> None:
    here = world_of(given_prob, seed=seed)
    weights = rule.weights(given_prob, context=here)
    decided = weights[~np.isnan(weights)]
    assert (np.abs(decided) <= rule.discipline.max_weight).all()
    if rule.discipline.sides == "long_only":
        assert (decided >= 0.0).all()
    silent = np.isnan(given_prob[:, 0]) & ~(here.session_end & rule.discipline.flat_at_session_end)
    started = np.diff(here.segment, prepend=0) != 0
    assert np.isnan(weights[silent & ~started]).all()
    assert not np.nan_to_num(weights[silent]).any()


@given(rule=rules(), given_prob=sayings(), seed=st.integers(0, 1000), cut=st.integers(0, 40))
@settings(max_examples=100, deadline=None)
def test_what_is_said_later_changes_no_earlier_decision(rule: Any, given_prob: Floats, seed: int, cut: int) -> None:
    here = world_of(given_prob, seed=seed)
    whole = rule.weights(given_prob, context=here)
    cut = min(cut, len(given_prob))
    other = given_prob.copy()
    other[cut:] = [0.0, 0.0, 1.0]
    later = dataclasses.replace(here, volatility=np.where(np.arange(len(here)) < cut, here.volatility, 0.5))
    np.testing.assert_array_equal(rule.weights(other, context=later)[:cut], whole[:cut])
    by_bar = {name: getattr(here, name)[:cut] for name in ("closed_at", "volatility", "session_end", "segment")}
    short = dataclasses.replace(here, **by_bar, target_unit=here.target_unit[:cut])
    np.testing.assert_array_equal(rule.weights(given_prob[:cut], context=short), whole[:cut])


@given(given_prob=sayings(), chosen=disciplines(), seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_threshold_of_one_never_trades(given_prob: Floats, chosen: PositionRules, seed: int) -> None:
    rule = Threshold(enter_confidence=1.0, exit_confidence=0.0, weight=0.1, discipline=chosen)
    assert not np.nan_to_num(rule.weights(given_prob, context=world_of(given_prob, seed=seed))).any()


@given(given_prob=sayings(), bars=st.integers(2, 12), seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_entries_keep_their_distance(given_prob: Floats, bars: int, seed: int) -> None:
    rule = threshold(0.4, 0.35, min_bars_between_entries=bars)
    weights = held(rule.weights(given_prob, context=world_of(given_prob, seed=seed)))
    entries = np.flatnonzero((np.sign(weights) != np.sign(np.append(0.0, weights[:-1]))) & (weights != 0.0))
    assert all(after - before >= bars for before, after in pairwise(entries))


@given(given_prob=sayings(), enter=st.floats(0.0, 0.9))
@settings(max_examples=60, deadline=None)
def test_without_hysteresis_a_position_is_the_sign_of_the_latest_conviction(given_prob: Floats, enter: float) -> None:
    conviction = conviction_of(None, given_prob)
    direction = np.where(np.isnan(conviction), np.nan, np.sign(conviction) * (np.abs(conviction) > enter))
    flat = threshold(enter, enter).weights(given_prob, context=context(len(given_prob)))
    np.testing.assert_array_equal(held(flat), held(direction))
    keep = threshold(enter, enter, hold_means="keep").weights(given_prob, context=context(len(given_prob)))
    np.testing.assert_array_equal(held(keep), held(np.where(direction == 0.0, np.nan, direction)))


@given(rule=rules(), given_prob=sayings(), seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_rule_and_account_agree_about_what_is_held(rule: Any, given_prob: Floats, seed: int) -> None:
    here = world_of(given_prob, seed=seed)
    weights = rule.weights(given_prob, context=here)
    account = simulate(
        prices_on(here),
        weights,
        rules=Rules(fill="same_close", units="fractional", stop=None, target=None, capital=1e5),
        costs=FREE,
    )
    # The account closes what is open at the last bar.
    np.testing.assert_array_equal(np.sign(account.units)[:-1], np.sign(held(weights))[:-1])


def prices_on(here: DecisionContext) -> Prices:
    price = np.full(len(here), 100.0)
    by_bar = dict.fromkeys(("open", "high", "low", "close"), price)
    return Prices(symbol="A", opened_at=here.closed_at - HOUR, closed_at=here.closed_at, segment=here.segment, **by_bar)


# --- what is known at a close -----------------------------------------------------------------------------------------


def test_last_orders_of_a_session_follow_the_calendar_and_its_early_closes() -> None:
    clock = session_clock("XNYS", start=instant("2019-07-01"), end=instant("2019-07-08"))
    # A Tuesday until 16:00 New York, then the early close of 3 July at 13:00; UTC is four hours later.
    tuesday = instant("2019-07-02T14:30Z") + HOUR * np.arange(7)
    tuesday[-1] = instant("2019-07-02T20:00Z")
    wednesday = instant("2019-07-03T14:30Z") + HOUR * np.arange(4)
    wednesday[-1] = instant("2019-07-03T17:00Z")
    closed_at = np.concatenate([tuesday, wednesday])
    at_close = last_orders(closed_at, clock=clock, delay_minutes=0.0)
    assert [iso(at) for at in closed_at[at_close]] == ["2019-07-02T20:00Z", "2019-07-03T17:00Z"]
    at_open = last_orders(closed_at, clock=clock, delay_minutes=60.0)
    assert [iso(at) for at in closed_at[at_open]] == [
        "2019-07-02T19:30Z",
        "2019-07-02T20:00Z",
        "2019-07-03T16:30Z",
        "2019-07-03T17:00Z",
    ]


def test_a_context_knows_the_volatility_of_its_own_segment_alone() -> None:
    bars = bars_of(walk(60), segment=np.repeat([0, 1], 30).astype(np.int32))
    clock = session_clock("24/7", start=int(bars.opened_at[0]), end=int(bars.closed_at[-1]))
    here = decision_context(
        bars, clock=clock, volatility_bars=10, horizon_bars=4, fill="next_open", round_trip_cost=0.001
    )
    np.testing.assert_array_equal(here.volatility[:30], trailing_deviation(bars.close[:30], 10))
    np.testing.assert_array_equal(here.volatility[30:], trailing_deviation(bars.close[30:], 10))
    np.testing.assert_allclose(here.target_unit, 2.0 * here.volatility)
    assert here.bars_per_year == pytest.approx(365.25 * 24)
    assert here.session_end.sum() == 2 * 2  # the last two closes of each of two whole days, within 60 hours


# --- configuration and mistakes ---------------------------------------------------------------------------------------


def rule_of(option: str, composed: Compose) -> Any:
    return build(plain(composed(f"+decision={option}"), leave_out=("symbol_configs",))["decision"], role="decision")


@pytest.mark.parametrize("option", OPTIONS)
def test_every_file_of_the_group_passes_the_check_and_is_built(option: str, composed: Compose) -> None:
    node = plain(composed(f"+decision={option}"), leave_out=("symbol_configs",))["decision"]
    assert check(node, schema=node["_target_"]) == []
    rule = build(node, role="decision")
    assert isinstance(rule.discipline, PositionRules)
    said = np.full(3, np.nan) if option == "forecast" else prob(0.9, None, -0.9)
    assert len(rule.weights(said, context=context(3))) == 3


@pytest.mark.parametrize("file", sorted((ROOT / "conf" / "decision").rglob("*.yaml")), ids=lambda file: str(file.stem))
def test_every_file_of_the_group_says_what_choosing_it_means(file: Any) -> None:
    first = file.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# ")
    assert len(first) > 40


def test_all_wrong_values_of_a_discipline_are_named_at_once() -> None:
    with pytest.raises(BacktestError) as caught:
        discipline(sides="both", max_weight=0.0, smallest_change=-1.0, min_hours_after_fill=float("nan"))
    assert str(caught.value).splitlines() == [
        "decision.discipline.sides: expected long_only or long_short, got 'both'",
        "decision.discipline.max_weight: expected a share of equity above 0, got 0.0",
        "decision.discipline.smallest_change: expected a share of equity, 0 or more, got -1.0",
        "decision.discipline.min_hours_after_fill: expected 0 or more hours, got nan",
    ]


def test_an_exit_threshold_above_the_entrys_is_refused() -> None:
    with pytest.raises(BacktestError, match=r"exit_confidence: expected 0 to enter_confidence, 0.4, got 0.5"):
        threshold(0.4, 0.5)
    with pytest.raises(BacktestError, match=r"exit_edge: expected 0 to enter_edge, 0.1, got 0.2"):
        ProbabilityWeighted(scale=1.0, enter_edge=0.1, exit_edge=0.2, discipline=discipline())
    with pytest.raises(BacktestError, match=r"exit_costs: expected 0 to enter_costs, 1.0, got 2.0"):
        Forecast(enter_costs=1.0, exit_costs=2.0, weight=1.0, discipline=discipline())


def test_a_weight_beyond_the_largest_is_refused() -> None:
    with pytest.raises(
        BacktestError, match=r"weight: expected a share of equity above 0, at most max_weight, 1.0, got"
    ):
        threshold(weight=1.5)


def test_a_volatility_target_names_what_is_wrong() -> None:
    with pytest.raises(BacktestError) as caught:
        VolatilityTarget(
            target=0.0,
            per="month",  # type: ignore[arg-type]
            enter_confidence=2.0,
            exit_confidence=0.1,
            discipline=discipline(),
        )
    assert [line.split(":")[0].rsplit(".")[-1] for line in str(caught.value).splitlines()] == [
        "target",
        "per",
        "enter_confidence",
    ]
    rule = VolatilityTarget(target=0.1, per="year", enter_confidence=0.5, exit_confidence=0.4, discipline=discipline())
    with pytest.raises(BacktestError, match="needs bars per year, got nan"):
        decide(rule, 0.6, bars_per_year=float("nan"))


def test_rows_that_are_no_probabilities_are_named() -> None:
    wrong = prob(0.6, 0.6, None, 0.6)
    wrong[1] = [0.9, 0.9, 0.9]
    wrong[3] = [NO, 0.5, 0.5]
    with pytest.raises(BacktestError, match=r"2 rows are no probabilities, first row 1: \[0.9, 0.9, 0.9\]; expected"):
        threshold().weights(wrong, context=context(4))
    with pytest.raises(BacktestError, match=r"shape \(4, 3\), expected \(5, 3\)"):
        threshold().weights(wrong, context=context(5))


def test_forecasts_must_be_as_many_as_bars_and_finite() -> None:
    rule = Forecast(enter_costs=1.0, exit_costs=0.0, weight=1.0, discipline=discipline())
    for wrong in (np.zeros(2), np.array([0.0, np.inf, 0.0])):
        with pytest.raises(BacktestError, match="expected 3 finite forecasts"):
            rule.weights(wrong, context=context(3))


def test_a_context_of_unequal_arrays_is_refused() -> None:
    with pytest.raises(BacktestError, match=r"arrays of one length: closed_at \(3,\), volatility \(2,\)"):
        context(3, volatility=np.zeros(2))

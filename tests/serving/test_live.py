"""A live call computes what training computed, to the bit, at whatever point a short history is cut out."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multisymbol.errors import BarsError, SampleError
from multisymbol.markets.bars import Bars
from multisymbol.markets.time import Period
from multisymbol.serving.live import _bars, _whole, live_windows, recipe_of
from tests.serving.stored import SYMBOLS, World, world

COARSE = ("resample=4h", "symbols.only=[SYN_D,SYN_F]")
COMMON = ("alignment=common_hours",)
WAYS = [(), pytest.param(COARSE, marks=pytest.mark.slow), pytest.param(COMMON, marks=pytest.mark.slow)]
"""Bars as they are, joined to longer ones, and of common hours alone."""


def cuts(bars: Bars, *, count: int, seed: int = 0) -> Iterator[slice]:
    """Random stretches, short and long."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        end = int(random.integers(len(bars) // 5, len(bars) + 1))
        yield slice(int(end * random.random() ** 2), end)


def panel_rows(made: World, symbol: str) -> pd.DataFrame:
    """The scaled panel of a symbol by the instant each row is known."""
    own = made.prepared.panel.rows(made.prepared.panel.symbols.index(symbol))
    return pd.DataFrame(np.asarray(made.prepared.features[own]), index=np.asarray(made.prepared.panel.closed_at[own]))


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_features_of_any_stretch_are_the_panels_to_the_bit_or_missing(symbol: str) -> None:
    made = world()
    expected, bars = panel_rows(made, symbol), made.bars(symbol)
    recipe, config = recipe_of(made.bundle), made.model.config_of(symbol)
    compared = 0
    for cut in cuts(bars, count=25, seed=1):
        rows = made.rows(symbol, cut)
        try:
            live = live_windows(rows, config=config, recipe=recipe, all_rows=True, from_start=False)
        except SampleError:
            continue
        ready = ~np.isnan(live.rows).any(axis=1)
        there = expected.loc[bars.closed_at[cut]].to_numpy()
        np.testing.assert_array_equal(live.rows[ready], there[ready])
        compared += int(ready.sum())
    assert compared > 2000


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_the_bars_that_are_said_to_be_needed_are_enough(symbol: str) -> None:
    made = world()
    recipe, config, bars = recipe_of(made.bundle), made.model.config_of(symbol), made.bars(symbol)
    needed = recipe.history_rows(config)
    assert needed == made.model.history_bars(config)
    ends = [end for stretch in bars.segments() for end in range(stretch.start + needed, stretch.stop + 1)]
    chosen = ends[:: max(1, len(ends) // 15)]
    assert len(chosen) >= 10
    for end in chosen:
        rows = made.rows(symbol, slice(end - needed, end))
        live = live_windows(rows, config=config, recipe=recipe, all_rows=False, from_start=False)
        assert live.decided_at.tolist() == [bars.closed_at[end - 1]]


def test_the_newest_window_is_computed_from_the_bars_it_needs_alone() -> None:
    made = world()
    recipe, config = recipe_of(made.bundle), made.model.config_of("SYN_D")
    live = live_windows(made.rows("SYN_D"), config=config, recipe=recipe, all_rows=False, from_start=True)
    assert len(live.rows) == recipe.history_rows(config) < len(made.bars("SYN_D"))


@pytest.mark.parametrize("overrides", WAYS)
def test_answers_at_random_cuts_are_those_of_evaluation_to_the_bit(overrides: tuple[str, ...]) -> None:
    made = world(*overrides, stamped="open" if overrides else "close")
    ledger, known = made.prepared.ledger, made.answers()
    expected = {
        (ledger.symbols[ledger.symbol[at]], int(ledger.decided_at[at])): tuple(known.prob[at])
        for at in range(len(ledger))
    }
    found, refused = 0, 0
    for symbol in ledger.symbols:
        for cut in cuts(made.bars(symbol), count=24, seed=2):
            try:
                answer = made.model.predict(made.rows(symbol, cut)).iloc[0]
            except SampleError:
                refused += 1
                continue
            decided_at = pd.Timestamp(answer["decided_at"]).as_unit("ns").value
            if (symbol, decided_at) in expected:
                assert (answer["buy"], answer["hold"], answer["sell"]) == expected[symbol, decided_at]
                found += 1
    assert found >= 10
    assert refused > 0


@pytest.mark.parametrize("overrides", WAYS)
def test_a_history_from_its_start_has_every_answer_of_the_ledger(overrides: tuple[str, ...]) -> None:
    made = world(*overrides, stamped="open" if overrides else "close")
    ledger = made.prepared.ledger
    frame = pd.concat([made.rows(symbol) for symbol in ledger.symbols])
    answers = made.model.predict(frame, all_rows=True, from_start=True)
    at = {
        (symbol, pd.Timestamp(instant).as_unit("ns").value): place
        for place, (symbol, instant) in enumerate(zip(answers["symbol"], answers["decided_at"], strict=True))
    }
    places = [
        at[ledger.symbols[symbol], instant]
        for symbol, instant in zip(ledger.symbol.tolist(), ledger.decided_at.tolist(), strict=True)
    ]
    prob = answers[["buy", "hold", "sell"]].to_numpy()[places]
    np.testing.assert_array_equal(prob, made.answers().prob)
    assert len(answers) - len(places) < 200  # those whose labels are not known yet


@pytest.mark.slow
def test_a_joined_bar_that_is_not_over_is_not_decided_on() -> None:
    made = world(*COARSE, stamped="open")
    whole = made.rows("SYN_F")  # ends at midnight, as a 4h bar does
    newest = [made.model.predict(whole.iloc[: len(whole) - left])["decided_at"].iloc[0] for left in range(5)]
    end = whole["timestamp"].iloc[-1] + pd.Timedelta(hours=1)
    assert newest == [end, *[end - pd.Timedelta(hours=4)] * 4]


@pytest.mark.slow
def test_a_joined_bar_that_may_have_begun_before_is_left_out() -> None:
    made = world(*COARSE, stamped="open")
    recipe, config = recipe_of(made.bundle), made.model.config_of("SYN_D")
    all_bars = made.prepared.source.read(config, Period())
    place = {at: row for row, at in enumerate(all_bars.closed_at.tolist())}
    for begin in range(3000, 3008):
        rows = made.rows("SYN_D", slice(begin, 3200))
        bars = _bars(rows, config=config, recipe=recipe, from_start=False, until=None)
        same = [place[at] for at in bars.closed_at.tolist()]
        assert len(same) > 40
        for name in ("opened_at", "open", "high", "low", "close"):
            np.testing.assert_array_equal(getattr(bars, name), getattr(all_bars, name)[same])


@given(
    st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=12),
    st.integers(1, 4),
)
def test_a_whole_window_is_of_ready_bars_of_one_segment(bars: list[tuple[bool, bool]], window: int) -> None:
    ready = np.array([is_ready for is_ready, _ in bars])
    segment = np.cumsum([begins for _, begins in bars]).astype(np.int32)
    expected = [
        end + 1 >= window
        and bool(ready[end + 1 - window : end + 1].all())
        and len(set(segment[end + 1 - window : end + 1].tolist())) == 1
        for end in range(len(bars))
    ]
    assert _whole(ready, segment, window=window).tolist() == expected


@pytest.mark.slow
def test_windows_of_common_hours_end_at_the_newest_common_bar() -> None:
    made = world(*COMMON, stamped="open")
    answer = made.model.predict(made.rows("SYN_F"))
    assert str(answer["decided_at"].iloc[0]) == "2018-07-31 20:00:00+00:00"  # New York closes; the coin goes on


def test_too_few_bars_are_refused_with_the_number_given_and_needed() -> None:
    made = world()
    needed = made.model.history_bars(made.model.config_of("SYN_A"))
    with pytest.raises(SampleError) as caught:
        made.model.predict(made.rows("SYN_A", slice(0, 50)))
    warmup = needed - 200 - 7
    assert str(caught.value) == (
        f"SYN_A: 50 bars of 1h given; an answer at its newest needs up to {needed:,} unbroken ones (a window of 8, "
        f"{warmup} to warm up, up to 200 since indicators began anew); give more, or say from_start=true where they "
        "begin with the symbol's own"
    )


def test_a_gap_is_named_where_history_before_it_does_not_count() -> None:
    made = world()
    bars = made.bars("SYN_A")
    gap = bars.segments()[-1].start
    with pytest.raises(
        SampleError, match=r"of which 20 since 2018-\d\d-\d\dT\d\d:\d\dZ, before which more than 20 hours"
    ):
        made.model.predict(made.rows("SYN_A", slice(0, gap + 20)))


def test_every_symbol_with_too_few_bars_is_named_at_once() -> None:
    made = world()
    frame = pd.concat([made.rows("SYN_A", slice(0, 30)), made.rows("SYN_D", slice(0, 40)), made.rows("SYN_F")])
    with pytest.raises(SampleError) as caught:
        made.model.predict(frame)
    assert [line.split(" ")[:2] for line in str(caught.value).splitlines()] == [["SYN_A:", "30"], ["SYN_D:", "40"]]


def test_all_defects_of_all_symbols_are_named_with_row_and_value() -> None:
    made = world()
    stock, pair = made.rows("SYN_A"), made.rows("SYN_D")
    stock.loc[7, "high"] = -1.0
    stock.loc[9, "volume"] = np.nan
    pair.loc[3, "close"] = 99.0
    with pytest.raises(BarsError) as caught:
        made.model.predict(pd.concat([stock, pair]))
    text = str(caught.value)
    for part in (
        "SYN_A (its rows, from 0) has 3 kinds of defect in 2 of",
        "high is not positive",
        "high -1",
        "volume is missing",
        "row 9",
        "SYN_D (its rows, from 0) has 1 kind of defect in 1 of",
        "close 99",
    ):
        assert part in text


def test_text_with_a_zone_is_an_instant() -> None:
    made = world()
    rows = made.rows("SYN_A")
    zoned = rows["timestamp"].dt.tz_convert("America/New_York")
    expected = made.model.predict(rows)
    for texts in (zoned.map(lambda stamp: stamp.isoformat()), rows["timestamp"].astype(str)):
        pd.testing.assert_frame_equal(made.model.predict(rows.assign(timestamp=texts)), expected)


@pytest.mark.parametrize("text", ["2018-03-01 14:30", "2018-03-01", "01/03/2018 14:30Z", "soon", "1519914600"])
def test_text_that_names_no_instant_is_refused(text: str) -> None:
    made = world()
    rows = made.rows("SYN_A")
    texts = rows["timestamp"].astype(str)
    texts[4] = text
    with pytest.raises(BarsError, match=f"1 timestamps name no instant: row 4 '{text}'"):
        made.model.predict(rows.assign(timestamp=texts))


def test_instants_without_a_zone_are_refused() -> None:
    made = world()
    rows = made.rows("SYN_A")
    with pytest.raises(BarsError, match="column 'timestamp' has no time zone"):
        made.model.predict(rows.assign(timestamp=rows["timestamp"].dt.tz_localize(None)))


def test_a_missing_instant_is_a_defect_as_in_a_file() -> None:
    made = world()
    rows = made.rows("SYN_A")
    texts = rows["timestamp"].astype(str).astype(object)
    texts[4] = None
    with pytest.raises(BarsError, match=r"missing timestamp +row 4"):
        made.model.predict(rows.assign(timestamp=texts))

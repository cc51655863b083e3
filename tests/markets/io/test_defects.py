"""What happens to rows with a defect, and what counts as one."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.cli.schema import config_problems
from multisymbol.errors import BarsError, ConfigError
from multisymbol.markets.bars import Bars
from multisymbol.markets.io.defects import KINDS, Limits, OnDefect, allowed
from multisymbol.markets.io.quality import Examined, examine_rows
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import Period, Timeframe, instant, iso
from tests.conftest import Compose
from tests.markets.conftest import LIMITS, config_of
from tests.markets.test_bars import bars_of, defects, examined, reading

Hours = Callable[..., pd.DataFrame]
CONF = Path(__file__).parents[3] / "conf" / "source" / "on_defect"


def page(name: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    return {key: value for key, value in values.items() if key != "_target_"}


def test_every_kind_stands_in_the_configuration_with_the_policy_it_has_in_python() -> None:
    assert page("default") == asdict(OnDefect())
    assert page("strict") == dict.fromkeys(KINDS, "raise")
    assert set(page("drop").values()) == {"drop", "keep"}
    assert list(page("default")) == list(page("drop")) == list(KINDS)


def test_policy_that_a_kind_does_not_allow_is_refused_with_the_allowed_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        OnDefect(duplicate="keep", wick="dorp")  # type: ignore[arg-type]
    assert str(caught.value).splitlines() == [
        "source.on_defect.duplicate: expected raise or drop, got 'keep'",
        "source.on_defect.wick: expected raise or drop or keep, got 'dorp', did you mean 'drop'?",
    ]


def test_unknown_kind_and_policy_are_refused_before_anything_starts(composed: Compose) -> None:
    found = config_problems(composed("++source.on_defect.duplikate=drop", "++source.on_defect.gap=drop"))
    assert [problem.path for problem in found] == ["source.on_defect.gap", "source.on_defect.duplikate"]
    assert "'raise' or 'keep'" in found[0].text
    assert found[1].text == "unknown key, did you mean 'duplicate'?"


def test_limit_of_an_unknown_class_is_asked_for(hours: Hours, coin: SymbolConfig) -> None:
    with pytest.raises(ConfigError, match=r"no asset class 'cryptos', did you mean 'crypto'\?\n.*wick.cryptos=0.05"):
        bars_of(hours(3), replace(coin, asset_class="cryptos"))
    with pytest.raises(ConfigError, match=r"(?s)wick.stock=0: .*flat_bars=0: "):
        Limits(wick={"stock": 0}, flat_bars=0)


def with_value(frame: pd.DataFrame, row: int, **values: float) -> pd.DataFrame:
    for name, value in values.items():
        frame.loc[row, name] = value
    return frame


def with_stamp(frame: pd.DataFrame, row: int, stamp: Any) -> pd.DataFrame:
    stamps = frame["timestamp"].array.copy()
    stamps[row] = stamp
    return frame.assign(timestamp=stamps)


EDITS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "missing_timestamp": lambda frame: with_stamp(frame, 7, pd.NaT),
    "duplicate": lambda frame: with_stamp(frame, 7, frame["timestamp"][6]),
    "unsorted": lambda frame: with_stamp(frame, 7, frame["timestamp"][4] + pd.Timedelta("1min")),
    "not_a_number": lambda frame: with_value(frame, 7, high=np.inf),
    "not_positive": lambda frame: with_value(frame, 7, low=0.0),
    "high_below_low": lambda frame: with_value(frame, 7, high=90.0),
    "outside_range": lambda frame: with_value(frame, 7, close=150.0),
    "missing_volume": lambda frame: with_value(frame, 7, volume=np.nan),
    "bad_volume": lambda frame: with_value(frame, 7, volume=-1.0),
    "overlap": lambda frame: with_stamp(frame, 7, frame["timestamp"][6] + pd.Timedelta("20min")),
    "wick": lambda frame: with_value(frame, 7, low=10.0),
}


@pytest.mark.parametrize("kind", EDITS)
def test_dropped_row_is_gone_and_counted_and_all_others_stay(kind: str, hours: Hours, coin: SymbolConfig) -> None:
    frame = hours(30)
    policies = {**asdict(OnDefect()), kind: "drop"}
    bars = bars_of(EDITS[kind](frame.copy()), coin, on_defect=OnDefect(**policies))
    assert dict(bars.dropped) == {kind: 1}
    assert (bars.close == frame["close"].drop(index=7).to_numpy()).all()
    assert (np.diff(bars.closed_at) > 0).all()


@pytest.mark.parametrize("kind", [kind for kind in EDITS if kind != "wick"])
def test_refused_row_names_the_policy_that_would_let_it_pass(kind: str, hours: Hours, coin: SymbolConfig) -> None:
    lines = defects(EDITS[kind](hours(30)), coin)
    assert lines[-1] == f"Repair the file, or say what to do with such rows: source.on_defect.{kind}=drop"


def test_first_row_of_a_timestamp_stays_and_all_rows_of_it_are_named(hours: Hours, coin: SymbolConfig) -> None:
    frame = pd.concat([hours(30), hours(30)[12:13].assign(close=99.9, volume=1.0)]).sort_values(
        "timestamp", kind="stable", ignore_index=True
    )
    assert "duplicate timestamp rows 12, 13 first" in defects(frame, coin)[1]
    bars = bars_of(frame, coin, on_defect=OnDefect(duplicate="drop"))
    assert (bars.volume == 10.0).all()
    assert len(bars) == 30


def test_rows_that_come_late_are_dropped_not_sorted(hours: Hours, coin: SymbolConfig) -> None:
    frame = hours(10).iloc[[0, 1, 4, 2, 3, 5, 6, 7, 8, 9]].reset_index(drop=True)
    bars = bars_of(frame, coin, on_defect=OnDefect(unsorted="drop"))
    assert dict(bars.dropped) == {"unsorted": 2}
    assert (bars.close == hours(10)["close"].drop(index=[2, 3]).to_numpy()).all()


def test_rows_from_the_newest_on_are_to_be_turned_round_not_dropped(hours: Hours, coin: SymbolConfig) -> None:
    turned = hours(30).iloc[::-1].reset_index(drop=True)
    lines = defects(turned, coin)
    assert lines[2:] == [
        "The rows are in order, the newest first: source.on_defect.unsorted=drop would leave 1 of 30. No option sorts;",
        "write the file again with the oldest row first, in pandas: frame.iloc[::-1]",
    ]
    assert len(bars_of(turned, coin, on_defect=OnDefect(unsorted="drop"))) == 1
    assert len(bars_of(turned.iloc[::-1].reset_index(drop=True), coin)) == 30
    dropped = defects(turned, coin, min_bars=20, on_defect=OnDefect(unsorted="drop"))
    assert any("the newest first, and unsorted=drop left one" in line for line in dropped)


def test_rows_turned_round_still_name_what_else_is_wrong(hours: Hours, coin: SymbolConfig) -> None:
    turned = with_value(hours(30).iloc[::-1].reset_index(drop=True), 7, volume=-1.0)
    assert defects(turned, coin)[-1].endswith("what to do with such rows: source.on_defect.bad_volume=drop")
    nearly = hours(30).iloc[[*range(29, 1, -1), 0, 1]].reset_index(drop=True)
    assert defects(nearly, coin)[-1].endswith("source.on_defect.unsorted=drop")


def test_row_with_two_defects_is_counted_once(hours: Hours, coin: SymbolConfig) -> None:
    frame = with_value(hours(30), 7, high=np.nan, volume=-1.0)
    frame = with_value(frame, 9, volume=-1.0)
    both = OnDefect(not_a_number="drop", bad_volume="drop")
    assert dict(bars_of(frame, coin, on_defect=both).dropped) == {"not_a_number": 1, "bad_volume": 1}


def test_row_that_is_dropped_is_no_longer_a_reason_to_refuse_the_file(hours: Hours, coin: SymbolConfig) -> None:
    frame = with_value(hours(30), 7, high=np.nan, volume=-1.0)
    assert len(bars_of(frame, coin, on_defect=OnDefect(bad_volume="drop"))) == 29


def test_text_is_never_dropped(hours: Hours, coin: SymbolConfig) -> None:
    frame = with_value(hours(30).astype({"open": object}), 4, volume=-1.0)
    frame.loc[4, "open"] = "101.5"
    lines = defects(frame, coin, on_defect=OnDefect(**page("drop")))
    assert lines[1:] == [
        "text in open row 4 2019-01-07T04:00Z open '101.5'",
        "Repair the file: nothing is dropped, filled or clipped in silence.",
    ]


def test_min_bars_are_counted_after_dropping(hours: Hours, coin: SymbolConfig) -> None:
    frame = with_value(hours(30), 7, low=0.0)
    assert "29 bars in the period" in defects(frame, coin, min_bars=30, on_defect=OnDefect(not_positive="drop"))[1]


def test_rounding_of_an_adjusted_close_is_no_defect(hours: Hours, coin: SymbolConfig) -> None:
    frame = hours(30)
    frame["close"] = frame["high"] * (1 + 1e-13)
    assert len(bars_of(frame, coin)) == 30
    assert "close outside high and low" in defects(frame.assign(close=frame["high"] * 1.00001), coin)[1]


def test_kept_close_outside_the_range_is_counted(hours: Hours, coin: SymbolConfig) -> None:
    frame = with_value(hours(30), 7, close=105.0, open=106.0)
    assert dict(bars_of(frame, coin, on_defect=OnDefect(outside_range="keep")).kept_defects) == {"outside_range": 1}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_dropped_and_left_rows_add_up_whatever_is_wrong(data: st.DataObject) -> None:
    rows = 60
    stamps = pd.date_range("2019-01-07", periods=rows, freq="1h", tz="UTC").as_unit("ns")
    order = data.draw(st.lists(st.integers(0, rows - 1), min_size=30, max_size=rows))
    prices = {name: np.full(len(order), value) for name, value in zip("ohlc", (100.0, 101.0, 99.0, 100.5), strict=True)}
    for values in prices.values():
        for row in data.draw(st.lists(st.integers(0, len(order) - 1), max_size=4)):
            values[row] = data.draw(st.sampled_from([np.nan, np.inf, 0.0, -1.0, 10.0, 1000.0]))
    volume = np.array(
        data.draw(st.lists(st.sampled_from([1.0, np.nan, -1.0]), min_size=len(order), max_size=len(order)))
    )
    names = dict(zip("ohlc", ("open", "high", "low", "close"), strict=True))
    frame = pd.DataFrame({"timestamp": stamps[order], **{names[key]: prices[key] for key in prices}, "volume": volume})
    examination = examined(
        frame, config_of("BTC", "crypto"), on_defect=OnDefect(**page("drop")), timeframe=Timeframe.parse("1h")
    )
    if examination.bars is None:
        assert "too few bars" in str(examination.refusal) or "wrong timeframe" in str(examination.refusal)
        return
    bars = examination.bars
    assert len(bars) + sum(bars.dropped.values()) == len(order)
    assert (np.diff(bars.closed_at) > 0).all()
    assert (np.minimum(bars.open, bars.close) >= bars.low).all()
    assert (np.maximum(bars.open, bars.close) <= bars.high).all()
    assert (bars.low > 0).all()
    assert (bars.volume >= 0).all()


def kept(examination: Examined) -> dict[str, int]:
    return dict(examination.accepted().kept_defects)


def oddly(frame: pd.DataFrame, config: SymbolConfig, kind: str, **changes: Any) -> list[str]:
    """Return the starts of the bars of one kind of oddity."""
    findings = examined(frame, config, **changes).findings
    return [iso(int(at)) for finding in findings if finding.key == kind for at in finding.at]


def quiet(rows: int = 60, *, spread: float = 0.5) -> pd.DataFrame:
    """Return hourly bars around 100 whose usual range is `spread` %, in New York's morning."""
    day = pd.bdate_range("2019-06-03", periods=-(-rows // 6), tz="America/New_York")
    stamps = pd.DatetimeIndex([when + pd.Timedelta(hours=hour) for when in day for hour in range(10, 16)])[:rows]
    prices = {"open": 100.0, "high": 100 + spread / 2, "low": 100 - spread / 2, "close": 100.1}
    return pd.DataFrame({"timestamp": stamps.as_unit("ns"), **prices, "volume": 5.0})


@pytest.mark.parametrize(
    "values",
    [
        {"low": 10.0},  # a digit lost
        {"high": 1200.0},
        {"low": 93.0},  # 7 %, fourteen times the usual range
        {"open": 84.0, "low": 84.0},  # the session's first trade
        {"open": 106.0, "high": 106.0},
        {"close": 70.0, "low": 70.0},  # the session's last trade
        {"close": 70.0, "low": 0.005},
    ],
)
def test_single_price_far_from_all_around_it_is_found(values: dict[str, float], stock: SymbolConfig) -> None:
    frame = with_value(quiet(), 20, **values)
    stamp = frame["timestamp"][20].tz_convert("UTC").strftime("%Y-%m-%dT%H:%MZ")
    assert oddly(frame, stock, "wick") == [stamp]
    assert kept(examined(frame, stock)) == {"wick": 1, "gap": 9}  # the 09:30 bars of the sessions after the first
    assert "price far from all around it row 20" in defects(frame, stock, on_defect=OnDefect(wick="raise"))[1]


def test_move_that_stays_is_no_wick(stock: SymbolConfig) -> None:
    frame = quiet()
    frame.loc[20:, ["open", "high", "low", "close"]] *= 0.8  # an overnight gap
    assert oddly(frame, stock, "wick") == []


def test_price_that_the_next_bar_opens_at_is_no_wick(stock: SymbolConfig) -> None:
    frame = with_value(quiet(), 20, high=108.0)
    frame.loc[21:, ["open", "high", "low", "close"]] *= 1.08
    assert oddly(frame, stock, "wick") == []


def test_wick_below_the_class_limit_is_none(stock: SymbolConfig, coin: SymbolConfig) -> None:
    assert oddly(with_value(quiet(), 20, low=96.5), stock, "wick") == []
    assert oddly(with_value(quiet(), 20, low=95.5), stock, "wick") != []


def test_wild_bars_have_long_wicks(stock: SymbolConfig) -> None:
    frame = with_value(quiet(spread=4.0), 20, low=90.0)  # 10 %, but two and a half times the usual range
    assert oddly(frame, stock, "wick") == []


def test_first_and_last_bar_are_judged_by_what_they_have_beside_them(stock: SymbolConfig) -> None:
    frame = with_value(with_value(quiet(), 0, high=140.0), 59, low=60.0)
    assert len(oddly(frame, stock, "wick")) == 2
    assert oddly(quiet(1), stock, "wick") == []


def still(frame: pd.DataFrame, rows: slice) -> pd.DataFrame:
    price = frame["close"][rows.start - 1]
    frame.loc[rows.start : rows.stop - 1, ["open", "high", "low", "close"]] = price
    return frame


def test_runs_without_a_move_are_found_from_five_bars_on(hours: Hours, coin: SymbolConfig) -> None:
    assert oddly(still(hours(30), slice(10, 14)), coin, "flat") == []
    found = oddly(still(hours(30), slice(10, 15)), coin, "flat")
    assert found == [f"2019-01-07T{hour}:00Z" for hour in range(10, 15)]
    assert dict(bars_of(still(hours(30), slice(10, 15)), coin, on_defect=OnDefect(flat="drop")).dropped) == {"flat": 5}


def stock_hours(*days: str, skip: tuple[str, ...] = ()) -> pd.DataFrame:
    """Seven bars a day, stamped 09:00 to 15:00 New York, the first with half an hour of session in it."""
    stamps = [
        pd.Timestamp(f"{day} {hour:02d}:00", tz="America/New_York")
        for day in days
        for hour in range(9, 16)
        if f"{day} {hour:02d}" not in skip
    ]
    prices = {"open": 1.0, "high": 1.1, "low": 0.9, "close": 1.0, "volume": 1.0}
    return pd.DataFrame({"timestamp": pd.DatetimeIndex(stamps), **prices})


def test_prints_after_an_early_close_are_outside_hours(stock: SymbolConfig) -> None:
    frame = stock_hours("2017-06-30", "2017-07-03", "2017-07-05")  # 3 July closed at 13:00
    assert oddly(frame, stock, "outside_hours") == [f"2017-07-03T{hour}:00Z" for hour in (17, 18, 19)]
    assert dict(bars_of(frame, stock, on_defect=OnDefect(outside_hours="drop")).dropped) == {"outside_hours": 3}


def wall_times(zone: str, first: int, last: int) -> pd.DataFrame:
    """A year of hours from `first` to `last` by the wall clock of New York, called times of `zone`."""
    sessions = pd.bdate_range("2022-01-03", "2022-12-30")
    stamps = pd.DatetimeIndex(
        [day + pd.Timedelta(hours=hour, minutes=30) for day in sessions for hour in range(first, last)]
    )
    prices = {"open": 1.0, "high": 1.1, "low": 0.9, "close": 1.0, "volume": 1.0}
    return pd.DataFrame({"timestamp": stamps.tz_localize(zone), **prices})


@pytest.mark.parametrize("policy", ["keep", "drop", "raise"])
def test_wall_times_of_new_york_called_utc_are_a_wrong_time_zone(stock: SymbolConfig, policy: str) -> None:
    """62 % of the bars are outside the session; no policy lets the others pass."""
    choice = OnDefect(outside_hours=policy)  # type: ignore[arg-type]
    text = " ".join(defects(wall_times("UTC", 9, 16), stock, on_defect=choice))
    assert "wrong time zone" in text
    assert "63% of the bars lie while XNYS is closed, first 2022-01-03T09:30Z; correct the times" in text
    assert "outside_hours=drop" not in text
    assert "wrong" not in str(kept(examined(wall_times("America/New_York", 9, 16), stock)))


def test_hours_before_and_after_the_session_have_to_be_dropped_on_purpose(stock: SymbolConfig) -> None:
    frame = wall_times("America/New_York", 2, 22)
    assert "keep the calendar's hours alone: source.on_defect.outside_hours=drop" in " ".join(defects(frame, stock))
    dropping = bars_of(frame, stock, on_defect=OnDefect(outside_hours="drop"))
    assert len(dropping) == 7 * 251 - 3  # sessions of 2022, one of them of half a day
    assert not dropping.kept_defects


def test_days_of_a_local_clock_need_its_name(coin: SymbolConfig, hours: Hours) -> None:
    """Days of New York, of 23 hours in March and of 25 in November."""
    frame = hours(365, start="2021-01-01", freq="D", zone="America/New_York")
    daily: dict[str, Any] = {"timeframe": Timeframe.parse("1d")}
    text = " ".join(defects(frame, coin, **daily))
    assert "days of another clock" in text
    assert "rows 73, 311" in text
    assert "source.timezone=America/New_York" in text
    bars = bars_of(frame, coin, timezone="America/New_York", **daily)
    assert (bars.closed_at[:-1] == bars.opened_at[1:]).all()
    assert not bars.kept_defects
    stamped = bars_of(
        frame.assign(timestamp=frame["timestamp"] + pd.offsets.Day(1)),
        coin,
        timezone="America/New_York",
        stamped="close",
        **daily,
    )
    assert (stamped.opened_at == bars.opened_at).all()
    assert (stamped.closed_at == bars.closed_at).all()


@pytest.mark.parametrize("extra", ["2019-06-04 13:00", "2019-06-04 16:00", "2019-06-07 16:00", "2019-06-07 22:30"])
def test_two_daily_bars_of_one_session_overlap(extra: str, stock: SymbolConfig, hours: Hours) -> None:
    """A half of a day, or the last quote added to the day: on a Tuesday and on a Friday."""
    frame = hours(10, start="2019-06-03", freq="B", zone="America/New_York")
    again = frame[:1].assign(timestamp=pd.DatetimeIndex([pd.Timestamp(extra, tz="America/New_York")]).as_unit("ns"))
    doubled = pd.concat([frame, again]).sort_values("timestamp", ignore_index=True)
    text = " ".join(defects(doubled, stock, timeframe=Timeframe.parse("1d")))
    assert "bars overlap" in text
    assert "and of its session" in text
    assert not examined(frame, stock, timeframe=Timeframe.parse("1d")).findings


@pytest.mark.parametrize("timeframe", ["15m", "1h", "4h", "1d", "1w"])
@pytest.mark.parametrize("stamped", ["open", "close"])
def test_a_bar_that_has_not_ended_is_left_out_and_counted(
    coin: SymbolConfig, hours: Hours, timeframe: str, stamped: str
) -> None:
    length = Timeframe.parse(timeframe)
    frame = hours(30, freq=timeframe.replace("m", "min").replace("1w", "7D"))
    end = int(frame["timestamp"].iloc[-1].value) + (length.nanoseconds if stamped == "open" else 0)
    for now, left in ((end, 30), (end - 1, 29), (end - length.nanoseconds, 29)):
        bars = judged(frame, coin, now=now, timeframe=length, stamped=stamped).accepted()
        assert (len(bars), dict(bars.dropped)) == (left, {"unfinished": 30 - left} if left < 30 else {})
        assert (bars.closed_at <= now).all()
    strict = judged(frame, coin, now=end - 1, timeframe=length, stamped=stamped, on_defect=OnDefect(unfinished="raise"))
    assert "bar is not over" in str(strict.refusal)


def test_a_bar_that_begins_in_the_future_is_no_bar(coin: SymbolConfig, hours: Hours) -> None:
    refused = judged(hours(30), coin, now=instant("2019-01-07T12:30")).refusal
    assert "timestamp in the future" in str(refused)
    assert "it is 2019-01-07T12:30Z now; is the unit of the timestamps right?" in str(refused)


def judged(frame: pd.DataFrame, config: SymbolConfig, *, now: int, **changes: Any) -> Examined:
    return examine_rows(
        frame, config=config, period=Period(), reading=reading(**changes), synthetic=False, origin="bars", now=now
    )


@pytest.mark.parametrize(
    ("days", "skip", "missing"),
    [
        (("2019-06-03", "2019-06-04"), (), 0),
        (("2019-06-03", "2019-06-05"), (), 7),
        (("2019-06-28", "2019-07-05"), (), 7 + 7 + 4),  # 3 July closed at 13:00, 4 July was a holiday
        (("2019-06-03", "2019-06-04"), ("2019-06-04 09",), 1),
        (("2019-06-03", "2019-06-04"), ("2019-06-03 15", "2019-06-04 09", "2019-06-04 12"), 3),
    ],
)
def test_gaps_are_the_bars_that_the_calendar_has(
    days: tuple[str, ...], skip: tuple[str, ...], missing: int, stock: SymbolConfig
) -> None:
    frame = stock_hours(*days, skip=skip)
    assert kept(examined(frame, stock)).get("gap", 0) == missing


def test_daily_gaps_count_sessions(stock: SymbolConfig, hours: Hours) -> None:
    frame = hours(10, start="2019-06-03", freq="B", zone="America/New_York").drop(index=[3, 4, 8])
    assert kept(examined(frame, stock, timeframe=Timeframe.parse("1d"))) == {"gap": 3}


def test_gap_message_counts_the_bars_and_the_longest(hours: Hours, coin: SymbolConfig) -> None:
    lines = defects(hours(72).drop(index=[*range(20, 40), 50]), coin, on_defect=OnDefect(gap="raise"))
    assert lines[1] == (
        "gap before rows 20, 30 first 2019-01-08T16:00Z 21 bars of the calendar are missing, at most 20 in one place"
    )
    assert lines[2].endswith("source.on_defect.gap=keep")


def test_what_is_odd_is_judged_among_sound_rows_alone(hours: Hours, coin: SymbolConfig) -> None:
    frame = with_value(hours(30), 7, close=np.nan)
    frame = with_value(frame, 8, low=1.0)
    lines = defects(frame, coin, on_defect=OnDefect(wick="raise"))
    assert [line.split(" row")[0] for line in lines[1:3]] == ["close is not a number", "price far from all around it"]


def test_findings_say_when_whatever_the_policy(hours: Hours, coin: SymbolConfig) -> None:
    frame = with_value(with_value(hours(30), 7, close=np.nan), 20, low=1.0)
    examination = examined(frame, coin)
    assert examination.bars is None
    found = {
        finding.key: (finding.policy, finding.count, [iso(int(at)) for at in finding.at])
        for finding in examination.findings
    }
    assert found["not_a_number"] == ("raise", 1, ["2019-01-07T07:00Z"])
    assert found["wick"] == ("keep", 1, ["2019-01-07T20:00Z"])
    with pytest.raises(BarsError, match="close is not a number"):
        examination.accepted()


def flawless(bars: Bars) -> npt.NDArray[np.bool_]:
    return np.array([not bars.dropped, not bars.kept_defects])


def test_flawless_bars_have_no_counts_and_periods_hide_what_is_outside(hours: Hours, coin: SymbolConfig) -> None:
    assert flawless(bars_of(hours(30), coin)).all()
    frame = with_value(hours(30), 3, low=1.0)
    assert flawless(bars_of(frame, coin, period=Period(start="2019-01-07T05:00Z"))).all()


def test_every_kind_allows_to_refuse_and_has_another_choice() -> None:
    assert all(allowed(kind)[0] == "raise" and len(allowed(kind)) > 1 for kind in KINDS)
    assert LIMITS.wick_of("stock") == 0.04


def test_page_about_data_names_every_kind_with_its_default_and_its_choices() -> None:
    text = (Path(__file__).parents[3] / "docs" / "data.md").read_text()
    table = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    said = {
        name.strip(" `"): [cells[-2], *cells[-1].split(", ")]
        for cells in table
        if cells[-2] in {"raise", "drop", "keep"}
        for name in cells[0].split(", ")
    }
    assert list(said) == list(KINDS)
    for kind in KINDS:
        assert said[kind][0] == getattr(OnDefect(), kind)
        assert sorted(said[kind]) == sorted(allowed(kind))

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.errors import FeatureError
from multisymbol.features.clock import FORMULAS
from multisymbol.features.pipeline import (
    FeatureColumn,
    FeatureRows,
    FeatureSpec,
    feature_rows,
    feature_spec,
    history_bars,
    warmup_bars,
)
from multisymbol.markets.bars import Bars
from multisymbol.markets.sessions import session_clock
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import HOUR, instant
from tests.features.worlds import FUZZY, INDICATORS, after, bars_of, config, first, new_york, walk

SPEC = feature_spec(indicators=INDICATORS, fuzzy=FUZZY, raw=None, restart_bars=1024, clock=True)
VOLUME = ["obv_slope", "volume_ratio", "volume_zscore", "volume_ratio_thin", "volume_ratio_usual"]


def rows_of(
    bars: Bars, *, symbol: SymbolConfig | None = None, spec: FeatureSpec = SPEC, from_start: bool = True
) -> FeatureRows:
    return feature_rows(bars, config=symbol or config(), spec=spec, clock=new_york(), from_start=from_start)


def columns_of(
    rows: FeatureRows, *names: str, spec: FeatureSpec = SPEC
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return rows.values[:, [spec.names.index(name) for name in names]]


def test_columns_come_raw_then_memberships_then_flag_then_clock() -> None:
    spec = feature_spec(
        indicators={
            "rsi": {"period": 14},
            "macd": {"fast": 12, "slow": 26, "signal": 9},
            "volume_ratio": {"period": 5},
        },
        fuzzy={"rsi": {"low": {"left_shoulder": [30, 40]}}, "macd_line": {"up": {"right_shoulder": [0, 0.01]}}},
        raw=["macd_histogram", "volume_ratio", "rsi"],
        restart_bars=1024,
        clock=True,
    )
    assert spec.names[:7] == (
        "rsi",
        "macd_histogram",
        "volume_ratio",
        "rsi_low",
        "macd_line_up",
        "has_volume",
        "hour_sin",
    )
    kinds = {column.name: column.kind for column in spec.columns}
    assert [kinds[name] for name in ("rsi", "rsi_low", "has_volume", "hour_sin", "minutes_to_close")] == [
        "raw", "membership", "flag", "clock", "raw",
    ]  # fmt: skip


def test_the_volume_flag_is_there_where_a_volume_column_is() -> None:
    both = {"rsi": {"period": 14}, "volume_ratio": {"period": 5}}
    thin = {"volume_ratio": {"thin": {"left_shoulder": [-1, 0]}}}
    assert (
        "has_volume" not in feature_spec(indicators=both, fuzzy={}, raw=["rsi"], restart_bars=1024, clock=False).names
    )
    assert feature_spec(indicators=both, fuzzy=thin, raw=[], restart_bars=1024, clock=False).names == (
        "volume_ratio_thin",
        "has_volume",
    )


def test_the_digest_tells_names_kinds_order_and_restarts() -> None:
    columns = (FeatureColumn(name="a", kind="raw"), FeatureColumn(name="b", kind="raw"))
    specs = [
        FeatureSpec(columns=columns, restart_bars=64),
        FeatureSpec(columns=columns, restart_bars=65),
        FeatureSpec(columns=columns[::-1], restart_bars=64),
        FeatureSpec(columns=columns[:1], restart_bars=64),
        FeatureSpec(columns=(columns[0], FeatureColumn(name="b", kind="flag")), restart_bars=64),
    ]
    assert len({spec.digest for spec in specs}) == len(specs)
    assert all(len(spec.digest) == 16 for spec in specs)


def test_a_spec_survives_a_file_and_a_changed_file_is_refused() -> None:
    data = SPEC.to_json()
    assert FeatureSpec.from_json(data) == SPEC
    data["columns"][0]["name"] = "rsi_other"
    with pytest.raises(FeatureError, match="the file was changed after it was written"):
        FeatureSpec.from_json(data)
    with pytest.raises(FeatureError, match="has `columns`"):
        FeatureSpec.from_json({"columns": []})


def test_a_spec_keeps_the_formulas_it_was_stored_with() -> None:
    data = SPEC.to_json()
    older = {key: value for key, value in data.items() if key != "formulas"}
    assert FeatureSpec.from_json(older) == replace(SPEC, formulas=1)
    assert FeatureSpec.from_json(older).digest == SPEC.digest
    with pytest.raises(FeatureError, match="update multisymbol"):
        FeatureSpec.from_json({**data, "formulas": FORMULAS + 1})


def test_rows_follow_the_formulas_of_the_spec() -> None:
    """At 15:00 of Tokyo, 2024-11-06, the session of Asia is over by the first formulas, by the second it is not."""
    opened_at = np.array([instant("2024-11-06T05:00Z")])
    bars = replace(bars_of(walk(1)), opened_at=opened_at, closed_at=opened_at + HOUR)
    clock = session_clock("24/7", start=int(bars.opened_at[0]), end=int(bars.closed_at[0]))
    spec = feature_spec(indicators={}, fuzzy={}, raw=None, restart_bars=1024, clock=True)
    own, place = config(indicators={}, fuzzy={}), spec.names.index("session_asia")
    for formulas, inside in ((1, 0.0), (2, 1.0)):
        version = replace(spec, formulas=formulas)
        rows = feature_rows(bars, config=own, spec=version, clock=clock, from_start=True)
        assert rows.values[0, place] == inside


def test_all_problems_of_a_configuration_are_told_at_once() -> None:
    with pytest.raises(FeatureError) as caught:
        feature_spec(
            indicators={"rsi": {"period": 14}, "atr": {"period": 14}},
            fuzzy={"rsj": {"low": {"left_shoulder": [30, 40]}}, "atr": {"low": {"left": [3, 4]}}, "rsi": 3},  # type: ignore[dict-item]
            raw=["art"],
            restart_bars=1024,
            clock=True,
        )
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    assert any("features.fuzzy: there is no indicator column 'rsj', did you mean 'rsi'?" in line for line in lines)
    assert any("features.fuzzy.atr.low: there is no shape 'left'" in line for line in lines)
    assert any("features.fuzzy.rsi: expected fuzzy sets like" in line for line in lines)
    assert any("features.raw: there is no indicator column 'art', did you mean 'atr'?" in line for line in lines)


def test_a_broken_indicator_is_not_reported_twice() -> None:
    with pytest.raises(FeatureError) as caught:
        feature_spec(
            indicators={"rsi": {"priod": 14}},
            fuzzy={"rsi": {"low": {"left_shoulder": [1, 2]}}},
            raw=None,
            restart_bars=1024,
            clock=False,
        )
    assert all("features.indicators.rsi" in line for line in str(caught.value).splitlines())


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(FeatureError, match="2 columns would be called 'rsi_slow'"):
        feature_spec(
            indicators={"rsi": {"period": 14}, "rsi_slow": {"type": "rsi", "period": 28}},
            fuzzy={"rsi": {"slow": {"left_shoulder": [30, 40]}}},
            raw=None,
            restart_bars=1024,
            clock=False,
        )
    with pytest.raises(FeatureError, match="no column at all"):
        feature_spec(indicators={"rsi": {"period": 14}}, fuzzy={}, raw=[], restart_bars=1024, clock=False)


@given(count=st.integers(1, 400), seed=st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_rows_of_the_first_bars_are_bit_equal_to_the_first_rows(count: int, seed: int) -> None:
    stretch = walk(400, seed=seed)
    stretch.volume[120:130] = np.nan
    bars = bars_of(stretch, segment=np.repeat([0, 1, 2], [150, 20, 230]).astype(np.int32))
    whole, part = rows_of(bars), rows_of(first(bars, count))
    np.testing.assert_array_equal(part.values, whole.values[:count])
    np.testing.assert_array_equal(part.ready, whole.ready[:count])


@given(begin=st.integers(0, 390), seed=st.integers(0, 3), restart_bars=st.sampled_from([1, 7, 40, 200]))
@settings(max_examples=40, deadline=None)
def test_a_short_history_gives_the_rows_of_the_whole_one_to_the_bit_or_none(
    begin: int, seed: int, restart_bars: int
) -> None:
    spec = replace(SPEC, restart_bars=restart_bars)
    stretch = walk(400, seed=seed)
    stretch.volume[220:230] = np.nan
    bars = bars_of(stretch, segment=np.repeat([0, 1], [330, 70]).astype(np.int32))
    whole = rows_of(bars, spec=spec)
    short = rows_of(after(bars, begin), spec=spec, from_start=False)
    both = short.ready
    assert not np.any(both & ~whole.ready[begin:])
    np.testing.assert_array_equal(short.values[both], whole.values[begin:][both])
    enough = history_bars(config=config(), spec=spec, window=1)
    assert whole.ready[begin + enough - 1 : 330].all()
    assert both[enough - 1 : max(330 - begin, 0)].all()


def test_without_restarts_a_short_history_differs() -> None:
    bars = bars_of(walk(400, seed=1))
    spec = replace(SPEC, restart_bars=100_000)
    late = after(bars, 400 - warmup_bars(config=config(), spec=spec) - 1)
    assert not np.array_equal(rows_of(late, spec=spec).values[-1], rows_of(bars, spec=spec).values[-1])
    assert not rows_of(late, spec=spec, from_start=False).ready.any()


def test_indicators_begin_anew_at_instants_of_the_clock() -> None:
    bars = bars_of(walk(400, seed=1))
    spec = replace(SPEC, restart_bars=50)
    period = bars.closed_at // (50 * bars.timeframe.nanoseconds)
    warmup = warmup_bars(config=config(), spec=spec)
    restart = int(np.flatnonzero(np.diff(period))[4]) + 1
    alone = rows_of(after(bars, restart - warmup), spec=spec)
    np.testing.assert_array_equal(alone.values[warmup], rows_of(bars, spec=spec).values[restart])
    never = rows_of(bars, spec=replace(spec, restart_bars=100_000))
    assert not np.array_equal(never.values[restart], alone.values[warmup])
    assert np.abs(never.values - rows_of(bars, spec=spec).values)[warmup:].max() < 0.05


def test_later_prices_change_nothing() -> None:
    stretch = walk(300, seed=1)
    before = rows_of(bars_of(stretch)).values[:200]
    for prices in (stretch.open, stretch.high, stretch.low, stretch.close, stretch.volume):
        prices[200:] *= 3.0
    np.testing.assert_array_equal(rows_of(bars_of(stretch)).values[:200], before)


def test_prices_however_small_have_the_same_rows() -> None:
    stretch = walk(300, seed=1)
    prices = {name: np.ldexp(getattr(stretch, name), -60) for name in ("open", "high", "low", "close")}
    np.testing.assert_array_equal(rows_of(bars_of(replace(stretch, **prices))).values, rows_of(bars_of(stretch)).values)


def test_a_segment_knows_nothing_of_the_one_before() -> None:
    both = walk(500, seed=2)
    rows = rows_of(bars_of(both, segment=np.repeat([0, 1], [250, 250]).astype(np.int32)))
    alone = first(bars_of(both), 500)
    alone = replace(
        alone,
        **{name: getattr(alone, name)[250:] for name in (
            "opened_at", "closed_at", "open", "high", "low", "close", "volume", "segment",
        )},
    )  # fmt: skip
    np.testing.assert_array_equal(rows.values[250:], rows_of(alone).values)


def test_a_row_is_finite_in_every_column_or_in_none() -> None:
    rows = rows_of(bars_of(walk(400), segment=np.repeat([0, 1, 2], [150, 30, 220]).astype(np.int32)))
    warmup = rows.warmup_bars
    assert rows.values.dtype == np.float32
    assert 30 < warmup == warmup_bars(config=config(), spec=SPEC)
    expected = np.r_[np.arange(150) >= warmup, np.zeros(30, bool), np.arange(220) >= warmup]
    np.testing.assert_array_equal(rows.ready, expected)
    assert np.isfinite(rows.values[rows.ready]).all()
    assert np.isnan(rows.values[~rows.ready]).all()


def test_the_warm_up_is_that_of_the_slowest_indicator_in_use() -> None:
    indicators = {"rsi": {"period": 14}, "moving_average": {"fast": 10, "slow": 200}}
    symbol = config(indicators=indicators, fuzzy={})
    slow = feature_spec(indicators=indicators, fuzzy={}, raw=None, restart_bars=1024, clock=False)
    quick = feature_spec(indicators=indicators, fuzzy={}, raw=["rsi"], restart_bars=1024, clock=False)
    assert warmup_bars(config=symbol, spec=quick) == 14 + 125
    assert warmup_bars(config=symbol, spec=slow) > 900


def test_a_symbol_has_periods_and_ranges_of_its_own() -> None:
    bars = bars_of(walk(400))
    own = {**INDICATORS, "rsi": {"period": 12}}
    ranges = {**FUZZY, "rsi": {**FUZZY["rsi"], "low": {"left_shoulder": [90, 95]}}}
    usual, special = rows_of(bars), rows_of(bars, symbol=config(indicators=own, fuzzy=ranges))
    later = usual.ready & special.ready
    assert (columns_of(usual, "rsi")[later] != columns_of(special, "rsi")[later]).any()
    assert columns_of(special, "rsi_low")[later].mean() > 0.9 > columns_of(usual, "rsi_low")[later].mean()
    np.testing.assert_array_equal(columns_of(usual, "roc")[later], columns_of(special, "roc")[later])


def test_without_volume_its_columns_and_memberships_are_zero_and_a_flag_says_so() -> None:
    stretch = walk(300)
    told = rows_of(bars_of(stretch))
    assert (columns_of(told, "has_volume")[told.ready] == 1.0).all()
    for rows in (
        rows_of(bars_of(replace(stretch, volume=np.full(300, np.nan)))),
        rows_of(bars_of(stretch), symbol=config(volume="none")),
    ):
        assert (columns_of(rows, *VOLUME, "has_volume")[rows.ready] == 0.0).all()
        np.testing.assert_array_equal(columns_of(rows, "rsi", "rsi_mid"), columns_of(told, "rsi", "rsi_mid"))


def test_a_gap_in_volume_is_over_once_it_has_left_the_longest_window() -> None:
    stretch = walk(300, seed=9)
    told = rows_of(bars_of(stretch))
    gapped = walk(300, seed=9)
    gapped.volume[200] = np.nan
    rows = rows_of(bars_of(gapped))
    without = np.zeros(300, dtype=bool)
    without[200:207] = True  # obv_slope of 6 bars looks at 7
    assert (columns_of(rows, *VOLUME, "has_volume")[without] == 0.0).all()
    np.testing.assert_array_equal(rows.values[~without], told.values[~without])


def test_a_misfit_between_symbol_and_spec_is_named() -> None:
    bars = bars_of(walk(200))
    less = {key: entry for key, entry in INDICATORS.items() if key != "atr"}
    with pytest.raises(
        FeatureError,
        match=r"features of WALK \(stock\) do not fit the feature spec [0-9a-f]{16}\nit has no column 'atr'",
    ):
        rows_of(bars, symbol=config(indicators=less))
    more = {**FUZZY, "atr": {"high": {"right_shoulder": [0.01, 0.02]}}}
    with pytest.raises(FeatureError, match="its membership 'atr_high' is not among the columns"):
        rows_of(bars, symbol=config(fuzzy=more))
    with pytest.raises(FeatureError, match=r"features of WALK \(stock\) are wrong\nfeatures.indicators.rsi.period"):
        rows_of(bars, symbol=config(indicators={**INDICATORS, "rsi": {"period": "5"}}))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_value_that_is_no_number_is_refused_with_its_bar() -> None:
    stretch = walk(200)
    stretch.close[150] = np.inf
    message = r"WALK \(tests\): .* not finite numbers, first the bar closed at 2020-03-08T07:00Z, columns rsi, rsi_slow"
    with pytest.raises(FeatureError, match=message):
        rows_of(bars_of(stretch))


def test_no_bars_have_no_rows() -> None:
    rows = rows_of(first(bars_of(walk(10)), 0))
    assert rows.values.shape == (0, len(SPEC.columns))

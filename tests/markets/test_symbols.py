import copy
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.errors import SymbolError
from multisymbol.markets.symbols import Costs, resolve_symbols, slug, slugs, universe, unslug

FEATURES: dict[str, Any] = {
    "_target_": "somewhere",
    "indicators": {"rsi": {"period": 14}, "slow": {"type": "ema", "period": 50}, "obv": None},
    "fuzzy": {"rsi": {"low": {"left_shoulder": [30, 40]}, "high": {"right_shoulder": [60, 70]}}},
}
LABELS = {"_target_": "ZigZag", "percent": 2.0, "sigmas": 12.0}
CLASSES: dict[str, dict[str, Any]] = {
    "stock": {
        "_target_": "AssetClass",
        "calendar": "XNYS",
        "volume": "required",
        "costs": {**dict.fromkeys((entry.name for entry in fields(Costs)), 0), "half_spread_bps": 2, "slippage_bps": 3},
        "gaps": {"over_closed": "carry", "max_missing_hours": 20},
        "indicators": {"rsi": {"period": 10}},
        "fuzzy": {"rsi": {"low": {"triangular": [0, 20, 40]}}},
        "labels": {"zigzag": {"percent": 4.0}, "horizon": {"bars": 8}},
    }
}


def resolved(symbols: Mapping[Any, Any], classes: Mapping[str, Any] = CLASSES) -> dict[str, dict[str, Any]]:
    return resolve_symbols(
        symbols=symbols, asset_classes=classes, features=FEATURES, labels=LABELS, label_name="zigzag"
    )


def complaint(symbols: Mapping[Any, Any], classes: Mapping[str, Any] = CLASSES) -> list[str]:
    with pytest.raises(SymbolError) as caught:
        resolved(symbols, classes)
    return str(caught.value).split("\n")


def test_symbol_wins_over_class_wins_over_default() -> None:
    one = {"asset_class": "stock", "indicators": {"rsi": {"period": 7}}, "costs": {"slippage_bps": 9}}
    entries = resolved({"A": {"asset_class": "stock"}, "B": one})
    assert list(entries) == ["A", "B"]
    assert entries["A"]["indicators"] == {"rsi": {"period": 10}, "slow": {"type": "ema", "period": 50}, "obv": {}}
    assert entries["B"]["indicators"]["rsi"] == {"period": 7}
    assert entries["B"]["costs"] == {**entries["A"]["costs"], "half_spread_bps": 2.0, "slippage_bps": 9.0}
    assert entries["A"]["costs"]["slippage_bps"] == 3.0
    assert entries["A"]["label"] == {"_target_": "ZigZag", "percent": 4.0, "sigmas": 12.0}


def test_class_that_leaves_out_a_cost_is_told_which() -> None:
    costs = {key: value for key, value in CLASSES["stock"]["costs"].items() if key != "borrow_bps_per_year"}
    lines = complaint({"A": {"asset_class": "stock"}}, {"stock": {**CLASSES["stock"], "costs": costs}})
    assert [line.strip() for line in lines[1:]] == ["asset_classes.stock.costs.borrow_bps_per_year: missing"]


def test_costs_times_a_factor_are_every_one_of_them_times_it() -> None:
    costs = Costs(**{entry.name: float(place) for place, entry in enumerate(fields(Costs), start=1)})
    assert list(asdict(costs.times(2.0)).values()) == [2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0]
    assert costs.times(1.0) == costs
    assert set(asdict(costs.times(0.0)).values()) == {0.0}


def test_membership_override_replaces_its_definition_whole() -> None:
    entry = resolved({"A": {"asset_class": "stock"}})["A"]
    assert entry["fuzzy"]["rsi"] == {"low": {"triangular": [0, 20, 40]}, "high": {"right_shoulder": [60, 70]}}


def test_result_is_plain_and_shares_nothing_with_the_input() -> None:
    classes = copy.deepcopy(CLASSES)
    entry = resolved({"A": {"asset_class": "stock"}, "B": {"asset_class": "stock"}}, classes)
    entry["A"]["fuzzy"]["rsi"]["low"]["triangular"].append(1)
    entry["A"]["indicators"]["rsi"]["period"] = 0
    assert classes == CLASSES
    assert entry["B"]["fuzzy"]["rsi"]["low"] == {"triangular": [0, 20, 40]}
    assert json.loads(json.dumps(entry)) == entry


def test_universe_of_a_stored_resolution_is_the_same() -> None:
    entries = resolved({"A": {"asset_class": "stock"}, "B": {"asset_class": "stock", "gaps": {"over_closed": "reset"}}})
    assert universe(json.loads(json.dumps(entries))) == universe(entries)
    assert universe(entries).configs[1].gaps.over_closed == "reset"
    assert universe(entries).configs[1].gaps.max_missing_hours == 20.0


def test_all_problems_of_all_classes_and_symbols_come_at_once_with_the_nearest_name() -> None:
    classes = {**CLASSES, "forex": {"calendar": "FX", "volum": "none", "gaps": {"over_closed": "cary"}}}
    symbols = {
        "AAPL": {"asset_class": "stok", "indicators": {"rsi": {"perod": 1}, "rsy": {}}},
        "MSFT": {"asset_class": "stock", "fuzzy": {"rsi": {"lo": {"triangular": [1, 2, 3]}}, "macd": {}}},
        "IBM": {"asset_class": "stock", "labels": {"zigzag": {"percnt": 1}}, "costs": {"slipage_bps": 1}, "gap": {}},
        "GE": {"calendar": "XNYS"},
    }
    lines = complaint(symbols, classes)
    assert lines[0] == "The symbols have 14 problems; nothing was started."
    assert {line.strip() for line in lines[1:]} == {
        "asset_classes.forex.volum: unknown key, did you mean 'volume'?",
        "asset_classes.forex.gaps.over_closed: expected one of carry, reset, got 'cary', did you mean 'carry'?",
        "asset_classes.forex.volume: missing",
        "asset_classes.forex.costs: missing",
        "asset_classes.forex.gaps.max_missing_hours: missing",
        "symbols.AAPL.asset_class: expected one of stock, forex, got 'stok', did you mean 'stock'?",
        "symbols.AAPL.indicators.rsi.perod: unknown parameter, did you mean 'period'?",
        "symbols.AAPL.indicators.rsy: unknown indicator, did you mean 'rsi'?",
        "symbols.MSFT.fuzzy.rsi.lo: unknown membership, did you mean 'low'?",
        "symbols.MSFT.fuzzy.macd: unknown column",
        "symbols.IBM.labels.zigzag.percnt: unknown parameter, did you mean 'percent'?",
        "symbols.IBM.costs.slipage_bps: unknown cost, did you mean 'slippage_bps'?",
        "symbols.IBM.gap: unknown key, did you mean 'gaps'?",
        "symbols.GE.asset_class: missing, one of stock, forex",
    }


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ({"costs": {"slippage_bps": -1}}, "symbols.A.costs.slippage_bps: expected a number of 0 or more, got -1"),
        ({"costs": {"slippage_bps": True}}, "symbols.A.costs.slippage_bps: expected a number of 0 or more, got True"),
        ({"costs": 3}, "symbols.A.costs: expected a cost and its value, got 3"),
        ({"indicators": {"rsi": 7}}, "symbols.A.indicators.rsi: expected a parameter and its value, got 7"),
        (
            {"fuzzy": {"rsi": {"low": [1, 2]}}},
            "symbols.A.fuzzy.rsi.low: expected one shape and its points, {shape: points}, got [1, 2]",
        ),
        ({"labels": {"zigzag": {"_target_": "x"}}}, "symbols.A.labels.zigzag._target_: unknown parameter"),
        (
            {"indicators": {"slow": {"type": "sma"}}},
            "symbols.A.indicators.slow.type: expected 'ema' (the columns are common to all symbols), got 'sma'",
        ),
    ],
)  # fmt: skip
def test_wrong_values_are_named_with_their_place(override: dict[str, Any], line: str) -> None:
    assert [text.strip() for text in complaint({"A": {"asset_class": "stock", **override}})[1:]] == [line]


def test_symbol_that_yaml_read_as_something_else_is_refused() -> None:
    assert (
        "symbols.True: a symbol is text, got True; put it in quotes" in complaint({True: {"asset_class": "stock"}})[1]
    )


def test_symbol_without_anything_lacks_its_class() -> None:
    assert complaint({"A": None})[1].strip() == "symbols.A.asset_class: missing, one of stock"


def test_overrides_for_other_labels_serve_other_runs() -> None:
    entry = resolved({"A": {"asset_class": "stock", "labels": {"horizon": {"whatever": 1}}}})["A"]
    assert entry["label"]["percent"] == 4.0


def test_universe_refuses_none_and_names_that_differ_in_case_alone() -> None:
    with pytest.raises(SymbolError, match="the universe is empty"):
        universe({})
    entries = resolved({name: {"asset_class": "stock"} for name in ("spy", "AAPL", "SPY")})
    with pytest.raises(SymbolError, match="'spy' and 'SPY'"):
        universe(entries)


@pytest.mark.parametrize(
    ("symbol", "text"),
    [
        ("BRK.B", "BRK_2EB"),
        ("EUR/USD", "EUR_2FUSD"),
        ("BTC-USD", "BTC-USD"),
        ("^GSPC", "_5EGSPC"),
        ("A_2E", "A_5F2E"),
        ("SYN_A", "SYN_A"),
    ],
)
def test_slug_of_known_symbols(symbol: str, text: str) -> None:
    assert slug(symbol) == text


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=12), st.text(max_size=12))
def test_slug_is_one_to_one_and_safe(one: str, other: str) -> None:
    assert {unslug(text) for text in slugs(one)} == {one}, "also as earlier versions wrote it"
    assert (slug(one) == slug(other)) == (one == other)
    assert all(character.isascii() and (character.isalnum() or character in "-_") for character in slug(one))

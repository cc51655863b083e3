"""Which model answers: every policy in every situation, by hand; and what always holds, whatever is registered."""

import dataclasses
import json
import shlex
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf

from multisymbol.config.build import build, plain
from multisymbol.config.check import check
from multisymbol.errors import BundleError, ConfigError, ModelNotFoundError
from multisymbol.markets.symbols import slug
from multisymbol.markets.time import instant, iso
from multisymbol.registry.selection.candidates import nanoseconds
from multisymbol.registry.selection.policies import EvidencePolicy, FixedOrder
from multisymbol.registry.selection.resolve import (
    Policy,
    Request,
    Resolution,
    resolution_lines,
    resolve_model,
    train_command,
)
from multisymbol.registry.selection.similarity import Profile
from multisymbol.registry.store.versions import StoredVersion
from tests.conftest import ROOT

AS_OF = instant("2020-01-01")
BEFORE, AFTER = "2019-06-01T00:00Z", "2020-05-29T00:00Z"
UNIVERSAL = "neuro.1h.universal"
POLICIES: dict[str, Policy] = {
    "plan": FixedOrder(first="universal", limit=1.5),
    "own_first": FixedOrder(first="own", limit=1.5),
    "evidence": EvidencePolicy(limit=1.5),
}


def stored(name: str, version: int, *, aliases: Sequence[str] = (), **tags: str) -> StoredVersion:
    facts = {"strategy": "neuro", "timeframe": "1h", "feature_digest": "f00d", "label": "zigzag", "train_until": BEFORE}
    return StoredVersion(
        name=name, version=version, tags=facts | tags, aliases=tuple(aliases), source="s3://x", run_id="r"
    )


def universal(
    version: int = 1, *, symbols: Sequence[str] = ("MSFT", "SPY"), classes: Collection[str] = ("stock",), **given: Any
) -> StoredVersion:
    named = {"symbols": json.dumps(sorted(symbols)), "asset_classes": json.dumps(sorted(classes))}
    return stored(given.pop("name", UNIVERSAL), version, scope="universal", **named, **given)


def own(symbol: str = "MSFT", version: int = 1, *, asset_class: str = "stock", **given: Any) -> StoredVersion:
    named = {"symbols": json.dumps([symbol], ensure_ascii=False), "asset_classes": json.dumps([asset_class])}
    return stored(f"neuro.1h.sym.{slug(symbol)}", version, scope="single", **named, **given)


def judged(verdict: str, *, about: str = "MSFT", until: str = BEFORE, comparison: str = "finch-811") -> dict[str, Any]:
    said = {"symbol": about, "verdict": verdict, "data_until": until, "comparison": comparison, "effect": 0.01}
    return {f"verdict.{about}": json.dumps(said)}


def known_bars(symbol: str = "MSFT", volatility: float = 0.0, **given: Any) -> Profile:
    facts: dict[str, Any] = {
        "symbol": symbol,
        "timeframe": "1h",
        "calendar": "XNYS",
        "first": 0,
        "until": instant(BEFORE),
        "bars": 5000,
        "log_volatility": volatility,
        "volatility_of_volatility": 0.5,
        "autocorrelation": 0.0,
        "absolute_autocorrelation": 0.3,
        "tail": 0.4,
        "jump_share": 0.1,
        "relative_spread": 0.7,
        "hour_curve": None,
        "hours": np.arange(168) % 24 < 8,
        "days": np.arange(17000, 17500),
        "returns": np.tile([0.01, -0.01, 0.0], 167)[:500],  # the same for all: the correlation part is 0
    }
    return Profile(**{**facts, **given})


def asked(symbol: str = "MSFT", **given: Any) -> Request:
    facts: dict[str, Any] = {
        "asset_class": "stock",
        "timeframe": "1h",
        "strategy": "neuro",
        "feature_digest": None,
        "label": None,
        "as_of": AS_OF,
        "allow_seen": False,
        "profile": known_bars(symbol),
    }
    return Request(symbol=symbol, **{**facts, **given})


def never(version: StoredVersion) -> Mapping[str, Profile]:
    raise AssertionError(f"the profiles of {version.name} were read, though nobody needs them")


def reading(*profiles: Profile) -> Callable[[StoredVersion], Mapping[str, Profile]]:
    by_symbol = {each.symbol: each for each in profiles}

    def read(version: StoredVersion) -> Mapping[str, Profile]:
        return {name: by_symbol[name] for name in json.loads(version.tags["symbols"]) if name in by_symbol}

    return read


def answer(
    *versions: StoredVersion,
    policy: str = "plan",
    request: Request | None = None,
    profiles: Callable[[StoredVersion], Mapping[str, Profile]] = never,
) -> Resolution:
    return resolve_model(request or asked(), versions=versions, policy=POLICIES[policy], profiles=profiles)


def chain(resolution: Resolution) -> list[tuple[str, int | None, str]]:
    return [(step.place, step.version, step.outcome) for step in resolution.chain]


EVERY = pytest.mark.parametrize("policy", list(POLICIES))

# --- Every policy in every situation ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("policy", "role"), [("plan", "universal"), ("own_first", "own"), ("evidence", "universal")])
def test_policy_decides_where_both_kinds_pass(policy: str, role: str) -> None:
    found = answer(universal(3), own(version=2), policy=policy)
    assert found.role == role
    assert [step.outcome for step in found.chain] == ["taken", "not needed", "not needed"]
    second = found.chain[1]
    assert (second.place, second.version) == (("own", 2) if role == "universal" else ("universal", 3))
    assert found.policy == policy


@EVERY
def test_own_model_answers_where_there_is_no_universal_one(policy: str) -> None:
    found = answer(own(version=4), policy=policy)
    assert (found.role, found.require().version, found.distance) == ("own", 4, None)
    missing = next(step for step in found.chain if step.place == "universal")
    assert missing.outcome in {"none", "not needed"}
    assert missing.model is None


@EVERY
def test_universal_model_answers_for_a_symbol_it_never_saw_of_a_class_it_did(policy: str) -> None:
    found = answer(universal(2), policy=policy, request=asked("AAPL", profile=None))
    assert (found.role, found.require().version) == ("universal", 2)
    taken = next(step for step in found.chain if step.outcome == "taken")
    assert "AAPL unseen in training: class scaling, unknown slot" in taken.reason


@EVERY
def test_new_asset_class_is_served_by_nobody(policy: str) -> None:
    request = asked("BTCUSDT", asset_class="crypto", profile=known_bars("BTCUSDT"))
    found = answer(universal(1), own("SPY"), policy=policy, request=request)
    assert found.chosen is None
    assert found.role is None
    refused = next(step for step in found.chain if step.place == "universal")
    assert (refused.outcome, refused.reason) == ("refused", "trained on stock, never on crypto")
    assert found.chain[-1].reason == "no other symbol of its class has a model at 1h of strategy neuro"


@EVERY
def test_similar_symbol_answers_within_the_limit(policy: str) -> None:
    source_models = reading(known_bars("SPY", 0.1), known_bars("BAC", 0.2))
    found = answer(own("SPY"), own("BAC"), policy=policy, profiles=source_models)
    assert found.role == "similar"
    assert found.require().name == "neuro.1h.sym.SPY"
    assert [(step.place, step.outcome) for step in found.chain[-2:]] == [
        ("similar", "taken"),
        ("similar", "not needed"),
    ]
    assert found.distance == found.chain[-2].distance
    first, second = (step.distance or 0.0 for step in found.chain[-2:])
    assert 0 < first < second < 1.5


@EVERY
def test_similar_symbol_beyond_the_limit_is_refused(policy: str) -> None:
    found = answer(own("SPY"), policy=policy, profiles=reading(known_bars("SPY", 9.0)))
    assert found.chosen is None
    last = found.chain[-1]
    assert (last.place, last.outcome, last.reason) == ("similar", "refused", "beyond the limit 1.5")
    assert last.distance is not None
    assert last.distance > 1.5


@EVERY
def test_nothing_registered_is_said_place_by_place(policy: str) -> None:
    found = answer(policy=policy)
    assert [step.outcome for step in found.chain] == ["none"] * 3
    assert {step.place for step in found.chain} == {"universal", "own", "similar"}


@EVERY
@pytest.mark.parametrize(
    ("tags", "request_tags", "reason"),
    [
        ({"feature_digest": "beef"}, {"feature_digest": "f00d"}, "columns beef, asked for f00d"),
        ({"label": "horizon"}, {"label": "zigzag"}, "labels horizon, asked for zigzag"),
        ({"train_until": AFTER}, {}, "trained to 2020-05-29T00:00Z, past as_of 2020-01-01T00:00Z"),
        ({"retired": "2019-12-24T00:00Z"}, {}, "retired 2019-12-24T00:00Z"),
    ],
)
def test_every_hard_filter_refuses_and_says_why(
    policy: str, tags: dict[str, Any], request_tags: dict[str, Any], reason: str
) -> None:
    found = answer(
        universal(**tags),
        own(**tags),
        own("SPY", **tags),
        policy=policy,
        request=asked(**request_tags),
    )
    assert found.chosen is None
    assert [(step.outcome, step.reason) for step in found.chain] == [("refused", reason)] * 3


def test_all_that_is_wrong_with_a_version_is_said_at_once() -> None:
    found = answer(universal(retired="2019", train_until=AFTER, label="x"), request=asked(label="zigzag"))
    assert found.chain[0].reason.count(";") == 2


def test_own_model_of_another_class_is_refused() -> None:
    found = answer(own(asset_class="forex"), request=asked(profile=None))
    assert found.chain[1].reason == "trained on forex, never on stock"


@pytest.mark.parametrize("text", [None, "", "soon"])
def test_version_that_does_not_say_until_when_it_was_trained_is_refused(text: str | None) -> None:
    version = universal()
    tags = {key: value for key, value in version.tags.items() if key != "train_until"}
    tags |= {} if text is None else {"train_until": text}
    nameless = dataclasses.replace(version, tags=tags)
    for request in (asked(), asked(as_of=None), asked(allow_seen=True)):
        assert answer(nameless, request=request).chain[0].reason == "does not say until when it was trained"


def test_version_that_does_not_name_its_symbols_is_refused() -> None:
    odd = stored("odd", 1, scope="single", symbols="not json", asset_classes='["stock"]')
    found = answer(odd)
    assert found.chosen is None
    assert found.chain[-1].reason == "does not name its symbols"


def test_instants_without_a_zone_are_utc_wherever_the_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        assert nanoseconds("2020-01-01") == nanoseconds("2020-01-01T00:00Z") == AS_OF
        assert nanoseconds("2020-01-01T13:00:05.9+13:00") == AS_OF + 5 * 10**9
    finally:
        monkeypatch.undo()
        time.tzset()


def test_model_trained_to_the_very_instant_passes() -> None:
    assert answer(universal(train_until=iso(AS_OF))).role == "universal"
    assert answer(universal(train_until=iso(AS_OF + 10**9))).role is None


def test_other_timeframes_and_strategies_are_no_candidates_but_are_named() -> None:
    found = answer(universal(timeframe="4h"), universal(strategy="other"))
    assert found.chain[0].outcome == "none"
    assert found.chain[0].reason == "none registered at 1h of strategy neuro; there are some at 4h"


def test_models_of_others_in_the_same_store_are_not_looked_at() -> None:
    foreign = StoredVersion(name="iris", version=1, tags={}, aliases=("champion",), source="", run_id="")
    odd = stored("odd", 1, scope="single", symbols="not json", asset_classes='["stock"]')
    found = answer(foreign, odd, universal())
    assert found.require().name == UNIVERSAL


# --- Versions of one model -------------------------------------------------------------------------------------------


def test_champion_comes_before_a_newer_number() -> None:
    found = answer(universal(3, aliases=["champion"]), universal(4, aliases=["newest", "challenger"]))
    assert (found.require().version, found.alias) == (3, "champion")


def test_newest_number_answers_where_there_is_no_champion() -> None:
    found = answer(universal(9), universal(10, aliases=["newest"]))
    assert (found.require().version, found.alias) == (10, "newest")


def test_challenger_is_no_role_to_be_chosen_by() -> None:
    found = answer(universal(1, aliases=["challenger"]))
    assert (found.require().version, found.alias) == (1, None)


def test_older_version_answers_where_the_champion_has_seen_too_much() -> None:
    late = {"train_until": AFTER}
    found = answer(
        universal(2), universal(5, aliases=["champion"], **late), universal(6, aliases=["newest"], **late), universal(1)
    )
    assert chain(found)[:3] == [("universal", 5, "refused"), ("universal", 6, "refused"), ("universal", 2, "taken")]
    assert found.alias is None
    assert found.chain[2].reason.startswith("the newest that passes; covers stock, MSFT among its symbols")


def test_several_strategies_are_tried_champions_first_then_by_name() -> None:
    a = universal(7, name="a.1h.universal", strategy="a")
    b = universal(1, name="b.1h.universal", strategy="b", aliases=["champion"])
    anyone = asked(strategy=None)
    assert answer(a, b, request=anyone).require().name == "b.1h.universal"
    assert answer(a, dataclasses.replace(b, aliases=()), request=anyone).require().name == "a.1h.universal"


# --- What has been seen ----------------------------------------------------------------------------------------------


def test_model_that_has_seen_the_future_answers_only_if_allowed_and_then_says_so() -> None:
    version = universal(4, train_until=AFTER, aliases=["champion"])
    allowed = answer(version, request=asked(allow_seen=True))
    assert allowed.require().version == 4
    assert allowed.seen
    assert "HAS SEEN the bars it serves: trained to 2020-05-29T00:00Z" in allowed.chain[0].reason
    assert resolution_lines(allowed)[0].endswith("version 4 (champion), which HAS SEEN bars after as_of")
    assert answer(version).chosen is None


def test_allowing_it_does_not_call_an_older_model_seen() -> None:
    found = answer(universal(), request=asked(allow_seen=True))
    assert not found.seen
    assert "SEEN" not in found.chain[0].reason


def test_without_as_of_nothing_is_too_new() -> None:
    found = answer(universal(train_until="2099-01-01T00:00Z"), request=asked(as_of=None))
    assert found.role == "universal"
    assert not found.seen


@EVERY
def test_as_of_before_all_is_served_by_nobody(policy: str) -> None:
    request = asked(as_of=instant("2001-01-01"), profile=None)
    found = answer(universal(1), universal(2), own(), own("SPY"), policy=policy, request=request)
    assert found.chosen is None
    assert sorted(step.outcome for step in found.chain) == ["refused"] * 4


def test_profile_that_knows_the_future_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"MSFT 1h knows bars until 2020-05-29T00:00Z, past as_of 2020-01-01T00:00Z"):
        asked(profile=known_bars(until=instant(AFTER)))


def test_profile_of_another_symbol_or_timeframe_is_refused() -> None:
    with pytest.raises(ConfigError, match="is of SPY, not of MSFT and is of 4h, not of 1h"):
        asked(profile=known_bars("SPY", timeframe="4h"))


# --- Evidence --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "role"),
    [
        ("UNIVERSAL_BETTER", "universal"),
        ("EQUIVALENT", "universal"),
        ("SINGLE_BETTER", "own"),
        ("INCONCLUSIVE", "universal"),
        ("NO_SKILL", "universal"),
    ],
)
def test_last_verdict_decides(verdict: str, role: str) -> None:
    found = answer(universal(**judged(verdict)), own(), policy="evidence")
    assert found.role == role
    assert verdict in found.reason
    assert "comparison finch-811 (data until 2019-06-01T00:00Z) says of MSFT" in found.reason


def test_no_skill_is_said_plainly() -> None:
    found = answer(universal(**judged("NO_SKILL")), policy="evidence")
    assert "neither kind of model has shown any skill, its probabilities are no reason to trade" in found.reason


@pytest.mark.parametrize("verdict", ["NO_SKILL", "INCONCLUSIVE"])
def test_verdict_that_decides_nothing_leaves_the_order_without_evidence(verdict: str) -> None:
    forex = universal(classes=["forex"], **judged(verdict))
    assert answer(forex, own(), policy="evidence").role == "own"


def test_own_model_that_is_better_but_missing_leaves_the_universal_one() -> None:
    found = answer(universal(**judged("SINGLE_BETTER")), policy="evidence")
    assert chain(found)[:2] == [("own", None, "none"), ("universal", 1, "taken")]


def test_newest_verdict_counts_whichever_version_has_it() -> None:
    early = universal(1, **judged("SINGLE_BETTER", until="2018-01-01T00:00Z", comparison="early"))
    late = universal(2, **judged("UNIVERSAL_BETTER", until="2019-01-01T00:00Z", comparison="late"))
    assert answer(early, late, own(), policy="evidence").role == "universal"
    swapped = universal(2, **judged("UNIVERSAL_BETTER", until="2017-01-01T00:00Z", comparison="first"))
    assert answer(early, swapped, own(), policy="evidence").role == "own"


def test_verdict_newer_than_as_of_is_not_used_and_said_not_to_be() -> None:
    newer = universal(**judged("SINGLE_BETTER", until=AFTER))
    found = answer(newer, own(), policy="evidence")
    assert found.role == "universal"
    assert found.reason == (
        "no comparison has judged MSFT: universal, own, similar; comparison finch-811 is newer than as_of and not used"
    )
    assert answer(newer, own(), policy="evidence", request=asked(as_of=None)).role == "own"


def test_verdict_on_a_retired_version_is_evidence_still() -> None:
    retired = universal(1, retired="2019-07-01T00:00Z", **judged("SINGLE_BETTER"))
    assert answer(retired, universal(2), own(), policy="evidence").role == "own"


def test_verdict_on_unseen_symbols_counts_for_a_symbol_the_model_was_not_trained_on() -> None:
    version = universal(**judged("SINGLE_BETTER", about="unseen.stock"))
    found = answer(version, own("AAPL"), policy="evidence", request=asked("AAPL"))
    assert found.role == "own"
    assert "says of unseen stock SINGLE_BETTER" in found.reason
    assert answer(version, own(), policy="evidence").role == "universal"  # MSFT is among its symbols


def test_verdict_on_the_symbol_counts_before_one_on_its_class() -> None:
    tags = judged("UNIVERSAL_BETTER", about="AAPL", until="2018-01-01T00:00Z") | judged(
        "SINGLE_BETTER", about="unseen.stock", until="2019-01-01T00:00Z"
    )
    assert answer(universal(**tags), own("AAPL"), policy="evidence", request=asked("AAPL")).role == "universal"


def test_verdict_on_another_symbol_or_other_labels_is_no_evidence() -> None:
    of_spy = universal(**judged("SINGLE_BETTER", about="SPY"))
    assert answer(of_spy, own(), policy="evidence").reason.startswith("no comparison has judged MSFT")
    of_other = [universal(1, label="horizon", **judged("SINGLE_BETTER")), universal(2)]
    assert answer(*of_other, own(), policy="evidence", request=asked(label="zigzag")).role == "universal"


@pytest.mark.parametrize("text", ["{", "[]", '{"verdict": "BEST"}', '{"verdict": "NO_SKILL"}'])
def test_verdict_that_cannot_be_read_is_said_and_not_used(text: str) -> None:
    found = answer(universal(1, **{"verdict.MSFT": text}), own(), policy="evidence")
    assert found.role == "universal"
    assert f"tag verdict.MSFT of {UNIVERSAL} version 1 cannot be read" in found.reason


@pytest.mark.parametrize(("symbol", "about"), [("GC=F", "GC_3DF"), ("SYN_A", "SYN_A"), ("SYN_A", "SYN_5FA")])
def test_verdicts_are_found_under_slugs_of_today_and_of_earlier_versions(symbol: str, about: str) -> None:
    version = universal(symbols=[symbol], classes=["metal"], **judged("SINGLE_BETTER", about=about))
    request = asked(symbol, asset_class="metal", profile=None)
    assert answer(version, own(symbol, asset_class="metal"), policy="evidence", request=request).role == "own"


# --- Similar ---------------------------------------------------------------------------------------------------------


def test_without_bars_of_its_own_no_similar_symbol_is_looked_for() -> None:
    found = answer(own("SPY"), own("BAC"), request=asked(profile=None))
    assert found.chosen is None
    last = found.chain[-1]
    assert (last.outcome, last.reason) == ("refused", "MSFT has no bars to compare with those of 2 symbols")


def test_profiles_are_read_once_per_model_that_passes() -> None:
    read: list[tuple[str, int]] = []

    def counting(version: StoredVersion) -> Mapping[str, Profile]:
        read.append((version.name, version.version))
        return reading(known_bars("SPY", 0.1), known_bars("BAC", 0.2))(version)

    source_models = [own("SPY", 1), own("SPY", 2), own("BAC", 1), own("EURUSD", 1, asset_class="forex")]
    found = answer(*source_models, own("T", 1, train_until=AFTER), profiles=counting)
    assert sorted(read) == [("neuro.1h.sym.BAC", 1), ("neuro.1h.sym.SPY", 2)]
    assert found.require().version == 2
    assert ("similar", 1, "refused") in chain(found)  # T has seen too much


def test_source_model_without_a_profile_is_refused() -> None:
    found = answer(own("SPY"), own("BAC"), profiles=reading(known_bars("BAC", 0.1)))
    assert next((step.model, step.outcome, step.reason) for step in found.chain if step.place == "similar") == (
        "neuro.1h.sym.SPY",
        "refused",
        "no profile is stored with it",
    )
    assert found.require().name == "neuro.1h.sym.BAC"


def test_source_model_whose_files_are_broken_does_not_stop_the_others() -> None:
    def broken(version: StoredVersion) -> Mapping[str, Profile]:
        if version.name.endswith("SPY"):
            raise BundleError("weights.safetensors was changed")
        return reading(known_bars("BAC", 0.1))(version)

    found = answer(own("SPY"), own("BAC"), profiles=broken)
    assert found.require().name == "neuro.1h.sym.BAC"
    assert any("weights.safetensors was changed" in step.reason for step in found.chain)


def test_source_model_that_cannot_be_compared_is_refused() -> None:
    unknown: dict[str, Any] = dict.fromkeys(
        ("log_volatility", "autocorrelation", "absolute_autocorrelation", "tail"), None
    )
    found = answer(own("SPY"), profiles=reading(known_bars("SPY", **unknown)))
    assert found.chosen is None
    assert found.chain[-1].reason == (
        "cannot be compared: log_volatility, autocorrelation, absolute_autocorrelation, tail, hour_curve missing"
    )
    assert found.chain[-1].distance is None


def test_profile_of_a_source_model_that_knows_the_future_is_refused() -> None:
    source_models = reading(known_bars("SPY", until=instant(AFTER)))
    assert answer(own("SPY"), profiles=source_models).chosen is None
    assert answer(own("SPY"), profiles=source_models, request=asked(allow_seen=True)).role == "similar"


def test_equal_distances_are_settled_by_name() -> None:
    source_models = reading(known_bars("SPY", 0.1), known_bars("BAC", 0.1))
    assert answer(own("SPY"), own("BAC"), profiles=source_models).require().name == "neuro.1h.sym.BAC"


# --- Answers ---------------------------------------------------------------------------------------------------------


def test_chain_reads_as_a_page() -> None:
    version = universal(
        3, symbols=["SPY"], aliases=["champion"], **judged("EQUIVALENT", about="unseen.stock", comparison="owl-12")
    )
    found = answer(
        version,
        universal(2, symbols=["SPY"]),
        universal(4, symbols=["SPY"], train_until=AFTER, aliases=["newest"]),
        policy="evidence",
    )
    assert resolution_lines(found) == [
        f"MSFT 1h as of 2020-01-01T00:00Z is served by {UNIVERSAL} version 3 (champion)",
        "  policy evidence: comparison owl-12 (data until 2019-06-01T00:00Z) says of unseen stock EQUIVALENT, so the "
        "universal model answers",
        f"  1 universal   {UNIVERSAL} version 3 taken: champion; covers stock; MSFT unseen in training: class scaling, "
        "unknown slot",
        "  2 own         not needed: the universal model answers",
        "  3 similar     not needed: the universal model answers",
    ]


def test_long_chains_are_shortened_around_what_was_taken() -> None:
    late = [universal(number, train_until=AFTER) for number in range(2, 30)]
    lines = resolution_lines(answer(universal(1), *late))
    assert len(lines) < 12
    assert any("version 1 taken" in line for line in lines)
    assert any("and 24 more that did not answer" in line for line in lines)


def test_nobody_found_is_an_error_with_chain_and_command() -> None:
    found = answer(universal(1, train_until=AFTER))
    with pytest.raises(ModelNotFoundError) as caught:
        found.require()
    lines = str(caught.value).splitlines()
    assert lines[0] == "MSFT 1h as of 2020-01-01T00:00Z is served by no model"
    assert any("trained to 2020-05-29T00:00Z, past as_of 2020-01-01T00:00Z" in line for line in lines)
    assert lines[-1] == f"train one: {train_command(found.request)}"


@pytest.mark.parametrize("symbol", ["MSFT", "BRK.B", "GC=F", "EUR/USD", "BTC-USD", "A B", "X,Y"])
def test_command_that_trains_says_to_hydra_what_it_means(symbol: str) -> None:
    words = shlex.split(train_command(asked(symbol)))
    assert words[:2] == ["multisymbol", "train"]
    parsed = OverridesParser.create().parse_overrides(words[2:])
    values = {each.key_or_group: each.value() for each in parsed}
    assert str(values["symbol"]).strip("'") == symbol
    assert values["symbols.members"] == {symbol: {"asset_class": "stock"}}
    assert (values["mode"], values["strategy"], values["source.timeframe"]) == ("single", "neuro", "1h")


def test_answer_is_plain_data() -> None:
    found = answer(own("SPY"), profiles=reading(known_bars("SPY", 0.1)))
    data = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert data["model"] == "neuro.1h.sym.SPY"
    assert data["role"] == "similar"
    assert data["as_of"] == "2020-01-01T00:00Z"
    assert data["distance"] == found.distance
    assert [step["place"] for step in data["chain"]] == ["universal", "own", "similar"]
    assert answer().to_json()["model"] is None


@EVERY
def test_policy_can_be_built_from_its_page(policy: str) -> None:
    page = OmegaConf.load(ROOT / "conf" / "registry" / "policy" / f"{policy}.yaml")
    assert isinstance(page, DictConfig)
    node = plain(page)
    assert build(node, role="policy") == POLICIES[policy]
    assert POLICIES[policy].name == policy
    assert check({"policy": {**node, "limt": 1}}, schema=node["_target_"]) != []


# --- Whatever is registered ------------------------------------------------------------------------------------------

SYMBOLS = ("MSFT", "SPY", "BAC", "BTCUSDT")
CLASS_OF = {"MSFT": "stock", "SPY": "stock", "BAC": "stock", "BTCUSDT": "crypto"}
VERDICTS = ("UNIVERSAL_BETTER", "SINGLE_BETTER", "EQUIVALENT", "INCONCLUSIVE", "NO_SKILL")


@st.composite
def registries(draw: st.DrawFn) -> list[StoredVersion]:
    made = []
    for number in range(1, draw(st.integers(0, 7)) + 1):
        facts: dict[str, Any] = {
            "train_until": draw(st.sampled_from([BEFORE, AFTER])),
            "aliases": draw(st.sampled_from([(), ("champion",), ("newest",), ("challenger",)])),
            "label": draw(st.sampled_from(["zigzag", "horizon"])),
            "timeframe": draw(st.sampled_from(["1h", "1h", "4h"])),
        }
        facts |= draw(st.sampled_from([{}, {}, {"retired": "2019-01-01T00:00Z"}]))
        if draw(st.booleans()):
            names = draw(st.sets(st.sampled_from(SYMBOLS), min_size=1))
            verdict = judged(draw(st.sampled_from(VERDICTS)), until=draw(st.sampled_from([BEFORE, AFTER])))
            made.append(
                universal(number, symbols=sorted(names), classes={CLASS_OF[n] for n in names}, **facts, **verdict)
            )
        else:
            name = draw(st.sampled_from(SYMBOLS))
            made.append(own(name, number, asset_class=CLASS_OF[name], **facts))
    return made


PROFILES = reading(*(known_bars(name, 0.7 * place) for place, name in enumerate(SYMBOLS)))
REQUESTS = st.builds(
    asked,
    symbol=st.just("MSFT"),
    label=st.sampled_from([None, "zigzag"]),
    allow_seen=st.booleans(),
    as_of=st.sampled_from([AS_OF, None]),
)


@settings(max_examples=150, deadline=None)
@given(versions=registries(), request=REQUESTS, policy=st.sampled_from(list(POLICIES)))
def test_the_chosen_one_passes_every_filter_and_the_chain_is_complete(
    versions: list[StoredVersion], request: Request, policy: str
) -> None:
    found = answer(*versions, policy=policy, request=request, profiles=PROFILES)
    assert [step.outcome for step in found.chain].count("taken") == (found.chosen is not None)
    assert {step.place for step in found.chain} == {"universal", "own", "similar"}
    assert all(step.reason for step in found.chain)
    assert found.to_json() == json.loads(json.dumps(found.to_json()))
    assert resolution_lines(found)
    chosen = found.chosen
    if chosen is None:
        refused = {step.model for step in found.chain if step.outcome == "refused"}
        assert {each.name for each in versions if each.tags["timeframe"] == "1h" and _could_serve(each)} <= refused
        return
    taken = next(step for step in found.chain if step.outcome == "taken")
    assert (taken.model, taken.version, taken.place) == (chosen.name, chosen.version, found.role)
    assert chosen.tags["timeframe"] == "1h"
    assert "stock" in json.loads(chosen.tags["asset_classes"])
    assert "retired" not in chosen.tags
    assert request.label is None or chosen.tags["label"] == request.label
    late = request.as_of is not None and chosen.tags["train_until"] == AFTER
    assert found.seen == late
    assert request.allow_seen or not late
    assert (found.role == "similar") == (found.distance is not None)
    order = list(dict.fromkeys(step.place for step in found.chain))
    later = order[order.index(taken.place) + 1 :]
    assert [(step.place, step.outcome) for step in found.chain if step.place in later] == [
        (place, "not needed") for place in later
    ]


def _could_serve(version: StoredVersion) -> bool:
    """A universal model, MSFT's own, or one of another stock: all of these must have been tried."""
    return version.tags["scope"] == "universal" or "crypto" not in version.tags["asset_classes"]


@settings(max_examples=40, deadline=None)
@given(versions=registries(), request=REQUESTS, policy=st.sampled_from(list(POLICIES)), data=st.data())
def test_order_of_versions_does_not_matter(
    versions: list[StoredVersion], request: Request, policy: str, data: st.DataObject
) -> None:
    # A number is a version of one model once, as in a store.
    shuffled = data.draw(st.permutations(versions))
    one = answer(*versions, policy=policy, request=request, profiles=PROFILES)
    two = answer(*shuffled, policy=policy, request=request, profiles=PROFILES)
    assert one.to_json() == two.to_json()


def test_every_order_of_a_few_versions_gives_one_answer() -> None:
    versions = [universal(1), universal(2, aliases=["champion"]), own("SPY"), own(version=3)]
    answers = {json.dumps(answer(*order, profiles=PROFILES).to_json()) for order in permutations(versions)}
    assert len(answers) == 1

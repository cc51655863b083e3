"""Which source model answers: by profile with few labels, by losses with many; and what is said of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multisymbol.registry.selection.resolve import Resolution, resolution_lines, resolve_model
from multisymbol.registry.selection.transfer import MOST_TRIED, Key, SourceModel, TransferScore, by_evidence, key_of
from multisymbol.registry.store.versions import StoredVersion
from tests.registry.selection.test_resolve import POLICIES, asked, known_bars, own, reading

FAR = {"SPY": 0.1, "AAPL": 0.3, "QQQ": 0.6, "XLF": 5.0}
"""Difference in log-volatility to the symbol asked for; XLF is beyond the limit."""
BAD_NEAREST = {"SPY": 0.08, "AAPL": -0.05, "QQQ": -0.03}


def source_models(*names: str) -> list[SourceModel]:
    return [SourceModel(version=own(name), distance=float(place)) for place, name in enumerate(names, start=1)]


def table(losses: Mapping[str, float], *, labels: float) -> dict[Key, TransferScore | str]:
    return {key_of(own(name)): TransferScore(difference=loss, labels=labels) for name, loss in losses.items()}


def names(found: Sequence[SourceModel]) -> list[str]:
    return [source_model.version.name.rpartition(".")[2] for source_model in found]


def resolved(losses: Mapping[str, float] | None, *, labels: float = 200.0) -> tuple[Resolution, list[list[str]]]:
    """Ask for a symbol with source models at the distances `FAR`; return who was tried, too."""
    tried: list[list[str]] = []

    def trials(versions: Sequence[StoredVersion]) -> Mapping[Key, TransferScore | str]:
        tried.append([version.name.rpartition(".")[2] for version in versions])
        return table(losses or {}, labels=labels)

    found = resolve_model(
        asked(),
        versions=[own(name) for name in FAR],
        policy=POLICIES["plan"],
        profiles=reading(*(known_bars(name, far) for name, far in FAR.items())),
        trials=None if losses is None else trials,
    )
    return found, tried


@pytest.mark.parametrize(("labels", "weight"), [(0.0, 0.0), (50.0, 0.5), (450.0, 0.9)])
def test_fifty_labels_weigh_as_much_as_the_profile(labels: float, weight: float) -> None:
    assert TransferScore(difference=0.0, labels=labels).weight == pytest.approx(weight)


def test_with_many_labels_the_losses_rule_and_with_few_the_profile() -> None:
    near = source_models("SPY", "AAPL", "QQQ")
    assert names(by_evidence(near, table(BAD_NEAREST, labels=5.0))) == ["SPY", "AAPL", "QQQ"]
    assert names(by_evidence(near, table(BAD_NEAREST, labels=200.0))) == ["AAPL", "QQQ", "SPY"]


def test_profile_decides_between_equal_losses() -> None:
    equal = by_evidence(source_models("SPY", "AAPL"), table({"SPY": 0.0, "AAPL": 0.0}, labels=1e9))
    assert names(equal) == ["SPY", "AAPL"]


def test_profile_decides_where_both_weigh_the_same() -> None:
    assert names(by_evidence(source_models("SPY", "AAPL"), table({"SPY": 0.1, "AAPL": -0.1}, labels=50.0))) == [
        "SPY",
        "AAPL",
    ]


def test_source_model_that_was_not_tried_keeps_its_place_and_says_why() -> None:
    trials = table({"SPY": 0.1, "QQQ": -0.1}, labels=900.0) | {key_of(own("AAPL")): "it forecasts returns"}
    found = by_evidence(source_models("SPY", "AAPL", "QQQ"), trials)
    assert names(found) == ["QQQ", "AAPL", "SPY"]
    assert [source_model.trial is None for source_model in found] == [False, True, False]
    assert found[1].said == "not tried: it forecasts returns"


@given(
    st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=6),
    st.floats(0.0, 1e4),
)
def test_everybody_stays_and_the_first_is_no_worse_than_the_nearest_by_score(
    losses: list[float], labels: float
) -> None:
    near = source_models(*(f"S{place}" for place in range(len(losses))))
    by_name = {f"S{place}": loss for place, loss in enumerate(losses)}
    found = by_evidence(near, table(by_name, labels=labels))
    assert sorted(names(found)) == sorted(by_name)
    weight, ranked = labels / (labels + 50.0), sorted(losses)
    scores = [(1 - weight) * place + weight * (ranked.index(loss) + 1) for place, loss in enumerate(losses, start=1)]
    first = int(names(found)[0].removeprefix("S"))
    assert math.isclose(scores[first], min(scores))


def test_resolution_takes_the_right_source_model_where_the_nearest_is_a_bad_one() -> None:
    assert resolved(None)[0].require().name == "neuro.1h.sym.SPY"
    found, tried = resolved(BAD_NEAREST)
    assert found.require().name == "neuro.1h.sym.AAPL"
    assert tried == [["SPY", "AAPL", "QQQ"]]
    assert resolved(BAD_NEAREST, labels=5.0)[0].require().name == "neuro.1h.sym.SPY"


def test_chain_shows_distance_loss_and_shrinkage() -> None:
    found, _ = resolved(BAD_NEAREST)
    text = " ".join(" ".join(resolution_lines(found)).split())
    said = "by profile 2, by loss 1 of 3 (-0.0500 nats against their mean, 200 independent labels, weight 0.80)"
    assert f"neuro.1h.sym.AAPL version 1 at distance {found.distance:.2f} taken: {said}: score 1.20" in text
    assert "neuro.1h.sym.SPY version 1 at distance" in text
    assert "by profile 1, by loss 3 of 3 (+0.0800 nats" in text
    step = next(step for step in found.to_json()["chain"] if step["outcome"] == "taken")
    assert step["trial"] == {"loss_difference": -0.05, "independent_labels": 200.0, "weight": 0.8}


def test_source_model_beyond_the_limit_is_not_tried_however_good() -> None:
    found, tried = resolved({**BAD_NEAREST, "XLF": -9.0})
    assert "XLF" not in tried[0]
    refused = next(step for step in found.chain if step.model == "neuro.1h.sym.XLF")
    assert (refused.outcome, refused.trial) == ("not needed", None)


def test_nobody_is_tried_where_there_is_no_choice() -> None:
    def trials(versions: Sequence[StoredVersion]) -> Mapping[Key, TransferScore | str]:
        raise AssertionError(f"{len(versions)} source models were tried")

    one = resolve_model(
        asked(),
        versions=[own("SPY")],
        policy=POLICIES["plan"],
        profiles=reading(known_bars("SPY", 0.1)),
        trials=trials,
    )
    assert one.require().name == "neuro.1h.sym.SPY"


def test_only_the_nearest_are_tried() -> None:
    many = [f"S{place}" for place in range(MOST_TRIED + 2)]
    tried: list[int] = []

    def trials(versions: Sequence[StoredVersion]) -> Mapping[Key, TransferScore | str]:
        tried.append(len(versions))
        return {key_of(version): "it forecasts returns" for version in versions}

    found = resolve_model(
        replace(asked(), profile=known_bars()),
        versions=[own(name) for name in many],
        policy=POLICIES["plan"],
        profiles=reading(*(known_bars(name, 0.01 * place) for place, name in enumerate(many))),
        trials=trials,
    )
    assert tried == [MOST_TRIED]
    assert found.require().name == "neuro.1h.sym.S0"

"""The verb resolve: one answer with its chain, from the store's versions and the source's bars; else status 2."""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from multisymbol.cli.resolve import resolve_spec, show_resolution, symbol_config
from multisymbol.cli.schema import config_problems
from multisymbol.cli.specs import features_of, source_of
from multisymbol.config.build import plain
from multisymbol.config.record import ConfigRecord
from multisymbol.errors import ModelNotFoundError, StoreError, SymbolError
from multisymbol.features.pipeline import FeatureSpec, history_bars
from multisymbol.features.scaling import Affine, Scaler
from multisymbol.markets.bars import Bars
from multisymbol.markets.sessions import session_clock
from multisymbol.markets.symbols import universe
from multisymbol.markets.time import Period, instant
from multisymbol.registry.bundle.format import Bundle, write_bundle
from multisymbol.registry.selection.similarity import profile
from multisymbol.registry.selection.transfer import Key, TransferScore, key_of
from multisymbol.registry.store.store import BUNDLE_FOLDER, Store
from multisymbol.registry.store.versions import StoredVersion
from multisymbol.serving.resolver import Resolver
from tests.composing import composed_page
from tests.conftest import Command, train_small

Ask = Callable[..., dict[str, Any]]

SPAN = ("source.start=2017-01-01", "source.end=2019-01-01", "source.signal=0.12")
SCHEMA = "multisymbol.cli.resolve.ResolveConfig"


def composed(*overrides: str) -> dict[str, Any]:
    config = composed_page("resolve", *SPAN, *overrides)
    assert config_problems(config, schema=SCHEMA) == []
    return plain(config)


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Return what composes a question, with outputs of the test's own."""

    def values(*overrides: str) -> dict[str, Any]:
        return composed(f"paths.outputs={tmp_path}", *overrides)

    return values


def opened(values: Mapping[str, Any]) -> Resolver:
    return Resolver.open(resolve_spec(values))


def similarity(values: Mapping[str, Any], symbol: str, until: str) -> dict[str, Any]:
    config = symbol_config(values, symbol)
    bars = source_of(values).read(config, Period(end=until))
    clock = session_clock(config.calendar, start=int(bars.opened_at[0]), end=int(bars.closed_at[-1]))
    return profile(bars, until=instant(until), clock=clock, half_spread_bps=1.0).to_json()


def scaler_of(spec: FeatureSpec) -> Scaler:
    affine = Affine(center=np.zeros(len(spec.columns)), spread=np.ones(len(spec.columns)))
    return Scaler(
        spec_digest=spec.digest,
        by_symbol={},
        by_class={"stock": affine},
        asset_classes={},
        clip=5.0,
        fitted_from=0,
        fitted_until=1,
    )


def stored(
    folder: Path, values: Mapping[str, Any], *symbols: str, version: int = 1, trained_until: str = "2018-06-01"
) -> StoredVersion:
    """Write the files of a model that was never fitted, and return its version."""
    single = len(symbols) == 1
    scope = "single" if single else "universal"
    spec = features_of(values)
    name = f"neuro_fuzzy.1h.sym.{symbols[0]}" if single else "neuro_fuzzy.1h.universal"
    place = folder / f"{name}-{version}"
    place.mkdir()
    bundle = Bundle(
        weights={"bias": torch.zeros(3)},
        config={key: node for key, node in values.items() if key not in {"paths", "registry"}},
        spec=spec,
        symbols={"scope": scope, "timeframe": "1h", "symbols": {each: {"asset_class": "stock"} for each in symbols}},
        symbol_configs={each: values["symbol_configs"][each] for each in symbols},
        scaler=scaler_of(spec),
        similarity={each: similarity(values, each, trained_until) for each in symbols},
        metadata={
            "strategy": "neuro_fuzzy",
            "scope": scope,
            "timeframe": "1h",
            "seed": 1,
            "window": values["window"],
            "classes": ["BUY", "HOLD", "SELL"],
            "created_at": "2020-01-01T00:00Z",
        },
    )
    write_bundle(bundle, place / BUNDLE_FOLDER)
    tags = {
        "strategy": "neuro_fuzzy",
        "scope": scope,
        "timeframe": "1h",
        "symbols": json.dumps(sorted(symbols)),
        "asset_classes": '["stock"]',
        "feature_digest": spec.digest,
        "label": ConfigRecord(values).label,
        "train_until": f"{trained_until}T00:00Z",
    }
    return StoredVersion(name=name, version=version, tags=tags, aliases=("newest",), source=str(place), run_id="r")


@pytest.fixture
def holding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the store hold these versions."""

    def hold(*versions: StoredVersion) -> None:
        (tmp_path / "mlflow.db").touch()
        monkeypatch.setattr(Store, "versions", lambda _, *, strategy: [each for each in versions if strategy])

    return hold


def test_answer_is_printed_with_its_chain_and_the_bars_it_needs(
    ask: Ask, tmp_path: Path, holding: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    values = ask("symbol=SYN_B", "timeframe=1h")
    holding(stored(tmp_path, values, "SYN_B", "SYN_A"), stored(tmp_path, values, "SYN_B"))
    show_resolution(values)
    lines = capsys.readouterr().out.splitlines()
    config = universe(values["symbol_configs"]).configs[1]
    needed = history_bars(config=config, spec=features_of(values), window=values["window"])
    assert config.symbol == "SYN_B"
    assert lines[0].startswith("SYNTHETIC: ")
    assert lines[1] == "SYN_B 1h is served by neuro_fuzzy.1h.universal version 1 (newest, not promoted)"
    assert lines[-1] == f"bars of history needed for one answer: at most {needed:,}"
    assert any("own" in line and "neuro_fuzzy.1h.sym.SYN_B version 1 not needed" in line for line in lines)


def test_a_model_without_skill_is_named_under_its_chain(
    ask: Ask, tmp_path: Path, holding: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    values = ask("symbol=SYN_B")
    version = stored(tmp_path, values, "SYN_B", "SYN_A")
    holding(replace(version, tags={**version.tags, "test_log_loss": "1.2", "no_skill": "1.1"}))
    show_resolution(values)
    assert capsys.readouterr().out.splitlines()[-2] == (
        "careful: neuro_fuzzy.1h.universal version 1 has shown no skill: its test log-loss 1.2000 is above that of the "
        "forecast without skill, 1.1000"
    )
    show_resolution({**values, "output": "json"})
    assert "has shown no skill" in json.loads(capsys.readouterr().out)["careful"]


def test_models_at_another_length_of_bars_are_the_first_cure(
    ask: Ask, tmp_path: Path, holding: Callable[..., None]
) -> None:
    values = ask("symbol=SYN_B")
    version = stored(tmp_path, values, "SYN_B", "SYN_A")
    daily = replace(version, tags={**version.tags, "timeframe": "1d"})
    strange = replace(daily, version=2, tags={**daily.tags, "timeframe": "4h", "asset_classes": '["forex"]'})
    holding(daily, strange)
    with pytest.raises(ModelNotFoundError) as refused:
        show_resolution(values)
    first, then = str(refused.value).splitlines()[-2:]
    assert first == "a model answers at another length of bars: timeframe=1d"
    assert then.startswith("or train one: multisymbol train")


def test_policy_is_chosen_like_any_group(ask: Ask, tmp_path: Path, holding: Callable[..., None]) -> None:
    values = ask("symbol=SYN_B", "registry/policy=own_first")
    holding(stored(tmp_path, values, "SYN_B", "SYN_A"), stored(tmp_path, values, "SYN_B"))
    assert show_resolution(values).role == "own"


def test_json_is_the_answer_as_plain_data(
    ask: Ask, tmp_path: Path, holding: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    values = ask("source=synthetic", "symbol=NVDA", "as_class=stock", "output=json", "as_of=2018-09-01")
    holding(stored(tmp_path, values, "SYN_B", "SYN_A"))
    show_resolution(values)
    data = json.loads(capsys.readouterr().out)
    assert (data["model"], data["role"], data["as_of"]) == (
        "neuro_fuzzy.1h.universal",
        "universal",
        "2018-09-01T00:00Z",
    )
    assert data["history_bars"] > values["window"]
    assert [step["place"] for step in data["chain"]] == ["universal", "own", "similar"]


def test_bars_needed_by_an_unseen_symbol_are_those_of_its_class_in_the_model(
    ask: Ask, tmp_path: Path, holding: Callable[..., None]
) -> None:
    """The model was made with a longer average than today's configuration has."""
    longer = ask("source=synthetic", "symbol=NVDA", "as_class=stock", "features.indicators.moving_average.slow=500")
    version = stored(tmp_path, longer, "SYN_B", "SYN_A")
    values = ask("source=synthetic", "symbol=NVDA", "as_class=stock")
    holding(version)
    config = symbol_config(values, "NVDA")
    there = opened(values).history_bars(version, config)
    own = history_bars(config=config, spec=features_of(values), window=values["window"])
    assert there > own


def test_similar_symbol_is_found_by_bars_up_to_as_of(
    ask: Ask, tmp_path: Path, holding: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    values = ask("symbol=SYN_A", "as_of=2018-09-01")
    holding(stored(tmp_path, values, "SYN_B"), stored(tmp_path, values, "SYN_C"))
    found = show_resolution(values)
    assert found.role == "similar"
    assert found.request.profile is not None
    assert instant("2018-08-25") < found.request.profile.until <= instant("2018-09-01")
    assert sorted(step.outcome for step in found.chain if step.place == "similar") == ["not needed", "taken"]
    assert f"at distance {found.distance:.2f} taken" in capsys.readouterr().out


def test_changed_profile_is_refused_and_named(ask: Ask, tmp_path: Path, holding: Callable[..., None]) -> None:
    values = ask("symbol=SYN_A")
    version = stored(tmp_path, values, "SYN_B")
    file = Path(version.source) / BUNDLE_FOLDER / "similarity.json"
    file.write_text(file.read_text().replace('"bars": ', '"bars": 1'))
    holding(version)
    with pytest.raises(ModelNotFoundError, match=r"similarity.json\s+was changed after it was written"):
        show_resolution(values)


def test_symbol_without_bars_is_told_why_no_similar_one_was_looked_for(
    ask: Ask, tmp_path: Path, holding: Callable[..., None]
) -> None:
    values = ask("symbol=SYN_A", "as_of=2017-01-10")  # the market begins on the second: some dozens of bars
    holding(stored(tmp_path, values, "SYN_B", trained_until="2018-06-01"))
    with pytest.raises(ModelNotFoundError, match=r"past as_of\s+2017-01-10T00:00Z"):
        show_resolution(values)
    with pytest.raises(ModelNotFoundError, match=r"SYN_A has no bars to compare with those of 1 symbol:"):
        show_resolution({**values, "allow_seen": True})


def test_other_timeframe_than_the_source_has_is_resolved_without_its_bars(ask: Ask) -> None:
    found = opened(ask("symbol=SYN_B", "timeframe=4h"))
    assert found.timeframe == "4h"
    with pytest.raises(ModelNotFoundError, match=r"resample=4h mode=single symbol=SYN_B$"):
        show_resolution(ask("symbol=SYN_B", "timeframe=4h"))


def test_matching_the_configuration_demands_its_features_and_labels(
    ask: Ask, tmp_path: Path, holding: Callable[..., None]
) -> None:
    trained = ask("symbol=SYN_B")
    holding(stored(tmp_path, trained, "SYN_B", "SYN_A"))
    assert show_resolution(ask("symbol=SYN_B", "match=config")).role == "universal"
    assert show_resolution(ask("symbol=SYN_B", "labels=horizon")).role == "universal"
    with pytest.raises(ModelNotFoundError, match=r"(?s)labels ZigZag\(.*asked for\s+Horizon"):
        show_resolution(ask("symbol=SYN_B", "labels=horizon", "match=config"))
    with pytest.raises(ModelNotFoundError, match=r"refused: columns [0-9a-f]{16}, asked for"):
        show_resolution(ask("symbol=SYN_B", "alignment=none", "match=config"))


def test_store_that_was_never_used_has_no_models_and_stays_unmade(tmp_path: Path) -> None:
    values = composed(f"paths.outputs={tmp_path / 'new'}", "symbol=SYN_B")
    with pytest.raises(ModelNotFoundError, match="SYN_B 1h is served by no model"):
        show_resolution(values)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("what", ["text", "folder"])
def test_store_that_is_no_database_is_named(ask: Ask, tmp_path: Path, what: str) -> None:
    place = tmp_path / "mlflow.db"
    if what == "text":
        place.write_text("no database, but longer than the first hundred bytes at which one is recognised" * 3)
    else:
        place.mkdir()
    with pytest.raises(StoreError, match=r"mlflow\.db is (not a database|a folder, not a database)"):
        show_resolution(ask("symbol=SYN_B"))


def test_json_has_the_chain_also_where_nobody_serves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelNotFoundError):
        show_resolution(composed(f"paths.outputs={tmp_path}", "symbol=SYN_B", "output=json"))
    data = json.loads(capsys.readouterr().out)
    assert data["model"] is None
    assert [step["outcome"] for step in data["chain"]] == ["none"] * 3


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ((), "say who needs a model: symbol=SYN_A"),
        (("symbol=SYNB",), r"SYNB is no member of symbols.members, did you mean 'SYN_B'\? .*as_class=stock"),
        (("symbol=syn_b",), r"syn_b is no member of symbols.members, did you mean 'SYN_B'\?"),
        (("symbol=NVDA", "as_class=stok"), r"as_class=stok: no such class, did you mean 'stock'\?"),
        (("symbol=SYN_B", "as_class=forex"), "as_class=forex, but symbols.members says that SYN_B is of stock"),
    ],
)
def test_symbol_nobody_knows_is_asked_about(ask: Ask, overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(SymbolError, match=message):
        show_resolution(ask(*overrides))


def _last(said: str) -> str:
    """Return the last line, a command that is broken for the screen in one piece."""
    return said.replace("\\\n", "").splitlines()[-1]


def test_command_answers_in_one_screen_and_refuses_with_two(called: Command, tmp_path: Path) -> None:
    given = ("source=synthetic", "symbol=NVDA", "as_class=stock", f"paths.outputs={tmp_path}", *SPAN)
    done = called("scripts/resolve.py", *given)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    last = _last(done.stderr).removeprefix("train one: ")
    assert shlex.split(last) == [
        *("multisymbol", "train", "source=synthetic", f"paths.outputs={tmp_path}", *SPAN),
        *("mode=single", "symbol=NVDA", "symbols.members={NVDA:{asset_class:stock}}"),
    ]
    assert not (tmp_path / "runs").exists()


def test_offered_command_keeps_pages_of_ones_own_and_no_period(called: Command, tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    (pages / "symbols").mkdir(parents=True)
    (pages / "symbols" / "mine.yaml").write_text("members:\n  ZZZ: {asset_class: stock}\nonly: null\n")
    given = ("symbols=mine", "source=synthetic", "symbol=ZZZ", f"paths.outputs={tmp_path}/none", *SPAN)
    done = called("scripts/resolve.py", "--config-dir", str(pages), "period.start=2018-01-01", *given)
    last = _last(done.stderr).removeprefix("train one: ")
    own = ("--config-dir", str(pages), "symbols=mine", "source=synthetic", f"paths.outputs={tmp_path}/none", *SPAN)
    assert shlex.split(last) == ["multisymbol", "train", *own, "mode=single", "symbol=ZZZ"]


@pytest.mark.slow
def test_command_that_is_offered_trains_the_model_that_is_then_found(
    command: Command, tmp_path: Path, store_template: Path
) -> None:
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    (outputs / "mlflow.db").write_bytes(store_template.read_bytes())
    small = ("trainer.max_epochs=1", "model.hidden=[8]", "sampling.epoch_samples=1024", "stride=5")
    given = ("symbol='BRK.B'", "as_class=stock", "source=synthetic", f"paths.outputs={outputs}", *SPAN, *small)
    refused = command("scripts/resolve.py", *given)
    _, offer = refused.stderr.replace("\\\n", " ").split("train one:")
    program, name, *offered = shlex.split(offer)
    assert (program, name) == ("multisymbol", "train")
    trained = command("scripts/train.py", *offered)
    assert trained.returncode == 0, trained.stderr
    served = command("scripts/resolve.py", *given)
    assert served.returncode == 0, served.stderr
    served_by = "BRK.B 1h is served by neuro_fuzzy.1h.sym.BRK_2EB version 1 (newest, not promoted)"
    assert served.stdout.splitlines()[1] == served_by


@pytest.mark.slow
def test_real_models_are_resolved_by_every_policy(tmp_path: Path, store_template: Path) -> None:
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    (outputs / "mlflow.db").write_bytes(store_template.read_bytes())
    small = ("model.hidden=[8]", "trainer.max_epochs=1")
    train_small(outputs, "symbols.only=[SYN_A,SYN_C]", *small, name="universal")
    train_small(outputs, "mode=single", "symbol=SYN_B", *small, name="own")
    roles = {}
    for symbol, policy in (("SYN_A", "plan"), ("SYN_B", "own_first"), ("SYN_B", "evidence"), ("SYN_D", "evidence")):
        values = composed(f"paths.outputs={outputs}", f"symbol={symbol}", f"registry/policy={policy}")
        found = opened(values)
        roles[symbol, policy] = found.resolve(symbol_config(values, symbol)).role
    assert list(roles.values()) == ["universal", "own", "universal", None]
    values = composed(f"paths.outputs={outputs}", "symbol=SYN_C", "match=config", "strategy=neuro_fuzzy")
    versions = [each for each in opened(values).versions if each.tags["scope"] == "single"]
    alone = opened(values)
    profiles = alone.profiles(versions[0])
    assert set(profiles) == {"SYN_B"}


def test_source_models_are_scored_on_the_symbols_bars_where_evidence_is_asked_for(
    ask: Ask,
    tmp_path: Path,
    holding: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    values = ask("symbol=SYN_B", "timeframe=1h", "as_of=2018-09-01", "registry.policy.limit=9")
    versions = [stored(tmp_path, values, name) for name in ("SYN_A", "SYN_C")]
    holding(*versions)
    nearest = show_resolution(values).require()
    other = next(version for version in versions if version != nearest)

    def scored(models: Sequence[StoredVersion], *, bars: Bars, as_of: int, **_: Any) -> dict[Key, TransferScore | str]:
        assert sorted(map(key_of, models)) == sorted(map(key_of, versions))
        assert (bars.symbol, as_of) == ("SYN_B", instant("2018-09-01"))
        assert bars.closed_at[-1] <= as_of
        return {
            key_of(nearest): TransferScore(difference=0.02, labels=150.0),
            key_of(other): TransferScore(difference=-0.02, labels=150.0),
        }

    monkeypatch.setattr("multisymbol.serving.transfer_scores.transfer_scores", scored)
    assert show_resolution(values).require() == nearest
    capsys.readouterr()
    by_evidence = {**values, "registry": {**values["registry"], "donors": "evidence"}}
    assert show_resolution(by_evidence).require() == other
    said = " ".join(capsys.readouterr().out.split())
    assert "by loss 1 of 2 (-0.0200 nats against their mean, 150 independent labels, weight 0.75)" in said

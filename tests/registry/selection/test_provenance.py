"""Who may answer: every place of resolution, with every kind of bars, alias and way of registration; and names."""

import json
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow
import pytest
from pyarrow import parquet

from multisymbol.config.build import build, plain
from multisymbol.errors import SourceError, StoreError, SymbolError
from multisymbol.markets.io.tables import SYNTHETIC_KEY
from multisymbol.markets.provenance import check_served_by, common_provenance, configured_provenance, provenance_of
from multisymbol.markets.symbols import universe
from multisymbol.registry.selection.resolve import resolution_lines, resolve_model
from multisymbol.registry.selection.similarity import Profile
from multisymbol.registry.store.store import Store
from multisymbol.registry.store.versions import StoredVersion
from multisymbol.serving.resolver import Resolver, ResolveSpec
from tests.conftest import compose_train
from tests.registry.selection.test_resolve import POLICIES, asked, known_bars, own, stored, universal

PLACES = ("universal", "own", "similar")
KINDS = ("real", "synthetic")
ALIASES: tuple[tuple[str, ...], ...] = ((), ("newest",), ("challenger",), ("champion",), ("champion", "newest"))
CANDIDATES = (None, "sweep", "fold", "comparison", "import")
TABLE = list(product(PLACES, KINDS, (*KINDS, None), ALIASES, CANDIDATES, POLICIES))
"""Place, provenance of the symbol's bars, of the model's (None: an earlier release), aliases, registered by, policy."""


def version_of(place: str, **given: Any) -> StoredVersion:
    if place == "universal":
        return universal(**given)
    return own("MSFT" if place == "own" else "SPY", **given)


def profiles(version: StoredVersion) -> Mapping[str, Profile]:
    return {"SPY": known_bars("SPY")}


def test_a_version_answers_if_it_is_of_the_same_kind_and_no_candidate_that_nobody_promoted() -> None:
    assert len(TABLE) == 1350
    for place, bars, kind, aliases, candidate, policy in TABLE:
        tags = {key: text for key, text in (("provenance", kind), ("candidate", candidate)) if text is not None}
        version = version_of(place, aliases=aliases, **tags)
        found = resolve_model(
            asked(provenance=bars), versions=[version], policy=POLICIES[policy], profiles=profiles, trials=None
        )
        may = kind in {None, bars} and (candidate is None or "champion" in aliases)
        assert (found.chosen == version) is may, (place, bars, kind, aliases, candidate, policy)
        if found.chosen:
            assert ("not promoted" in found.standing) is ("champion" not in aliases)
            assert found.to_json()["promoted"] is ("champion" in aliases)
        assert resolution_lines(found)[0].startswith("SYNTHETIC: ") is (bars == "synthetic")


@pytest.mark.parametrize("bars", KINDS)
@pytest.mark.parametrize("source", ["synthetic", "parquet"])
def test_a_version_of_an_earlier_release_is_judged_by_its_stored_configuration(
    tmp_path: Path, bars: str, source: str
) -> None:
    values = plain(compose_train("source=synthetic"))
    market = build(values["source"], role="source")
    folder = tmp_path / "model" / "bundle"
    folder.mkdir(parents=True)
    targets = {
        "synthetic": "multisymbol.markets.synthetic.SyntheticSource",
        "parquet": "multisymbol.markets.io.parquet.ParquetSource",  # where it was at that time
    }
    (folder / "config.json").write_text(json.dumps({"source": {"_target_": targets[source]}}))
    version = StoredVersion(**{**_fields(stored("neuro.1h.universal", 1)), "source": str(tmp_path / "model")})
    store = Store(uri=f"sqlite:///{tmp_path}/mlflow.db", artifact_root=str(tmp_path), mlflow_experiment="none")
    spec = ResolveSpec(store=store, source=market, policy=POLICIES["plan"], strategy="neuro")
    tags = {"scope": "universal", "symbols": '["MSFT"]', "asset_classes": '["stock"]'}
    version = StoredVersion(**{**_fields(version), "tags": {**version.tags, **tags}})
    found = Resolver(spec=spec, versions=[version])._resolution(asked(provenance=bars, as_of=None, profile=None))
    kind = "synthetic" if source == "synthetic" else "real"
    assert store.known_provenance(version) == kind
    assert (found.chosen == version) is (kind == bars)


def _fields(version: StoredVersion) -> dict[str, Any]:
    return {name: getattr(version, name) for name in ("name", "version", "tags", "aliases", "source", "run_id")}


def write_bars(file: Path, *, generated: bool) -> None:
    rows = {"timestamp": pd.date_range("2020-01-01", periods=3, freq="h", tz="UTC"), "close": [1.0, 2.0, 3.0]}
    table = pyarrow.Table.from_pandas(pd.DataFrame(rows))
    parquet.write_table(table.replace_schema_metadata({SYNTHETIC_KEY: b"{}"}) if generated else table, file)


def test_a_source_says_of_each_symbol_whether_its_bars_are_real_and_a_mixture_is_refused(tmp_path: Path) -> None:
    values = plain(compose_train("source=parquet", f"source.root={tmp_path}"))
    files = build(values["source"], role="source")
    first, second, third, *_ = universe(values["symbol_configs"])
    write_bars(tmp_path / f"{first.symbol}.parquet", generated=True)
    assert provenance_of(files, first) == "synthetic"
    assert provenance_of(files, second) == "synthetic", "no file: of the kind that the folder's others are"
    write_bars(tmp_path / f"{third.symbol}.parquet", generated=False)
    assert provenance_of(files, third) == "real"
    assert common_provenance(files, [first]) == "synthetic"
    with pytest.raises(SourceError, match=r"bars of SYN_A are synthetic, those of SYN_C are real"):
        common_provenance(files, [first, third])
    assert provenance_of(object(), first) == "real", "a source of the user's own that says nothing"


@pytest.mark.parametrize(("trained_on", "bars"), product(KINDS, KINDS))
def test_a_model_that_is_named_answers_for_its_own_kind_alone(trained_on: Any, bars: str) -> None:
    values = plain(compose_train("source=synthetic"))
    source = build(values["source"], role="source") if bars == "synthetic" else object()
    config = universe(values["symbol_configs"]).configs[0]
    if trained_on == bars:
        check_served_by("m/1", trained_on, source=source, config=config)
        return
    with pytest.raises(SymbolError, match=r"m/1 was trained on (SYNTHETIC|real) bars, those of SYN_A are"):
        check_served_by("m/1", trained_on, source=source, config=config)


@pytest.mark.parametrize(("holds", "comes"), product(KINDS, KINDS))
def test_a_name_holds_versions_of_one_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holds: str, comes: Any
) -> None:
    (tmp_path / "mlflow.db").touch()
    store = Store(uri=f"sqlite:///{tmp_path}/mlflow.db", artifact_root=str(tmp_path), mlflow_experiment="none")
    monkeypatch.setattr(Store, "model_versions", lambda self, name: [universal(provenance=holds)])
    if holds == comes:
        store.check_provenance(["neuro.1h.universal"], comes)
        return
    with pytest.raises(StoreError, match=r"neuro.1h.universal holds models of .* bars; .*strategy=mine.*paths.outputs"):
        store.check_provenance(["neuro.1h.universal"], comes)


def test_configurations_say_what_their_source_was() -> None:
    assert configured_provenance({"source": {"_target_": "source:synthetic"}}) == "synthetic"
    assert configured_provenance({"source": {"_target_": "source:parquet"}}) == "real"
    assert configured_provenance({}) == "real"

"""Listing, roles, retirement and deletion of registered versions."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from multisymbol.errors import BundleError, StoreError
from multisymbol.markets.symbols import unslug
from multisymbol.registry.store.client import client
from multisymbol.registry.store.queries import _ask_versions, list_versions
from multisymbol.registry.store.store import Store, StoredVersion, model_name
from tests.registry.conftest import NAME, scored, the, version_tags

SYMBOLS = ("BRK.B", "GC=F", "^GSPC", "EUR/USD", "BTC-USD")


def aliases(store: Store) -> dict[int, tuple[str, ...]]:
    return {version.version: version.aliases for version in store.model_versions(NAME)}


# --- skill -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (
            {"test_log_loss": 1.2, "no_skill": 1.1},
            "log-loss 1.2000 is above that of the forecast without skill, 1.1000",
        ),
        ({"test_log_loss": 1.1, "no_skill": 1.1}, "log-loss 1.1000 is no better than that of the forecast without"),
        ({"test_log_loss": 1.0, "no_skill": 1.1}, None),
        ({"test_log_loss": None, "no_skill": None}, None),
        ({"test_log_loss": None, "no_skill": None, "test_huber": 0.3, "test_zero_huber": 0.2}, "Huber loss 0.3000"),
        ({"test_log_loss": None, "no_skill": None, "test_huber": 0.1, "test_zero_huber": 0.2}, None),
    ],
)
def test_version_says_that_it_has_shown_no_skill(scores: dict[str, float | None], said: str | None) -> None:
    tags = version_tags(**scores).to_tags()
    version = StoredVersion(name=NAME, version=4, tags=tags, aliases=(), source="", run_id="")
    if said is None:
        assert version.without_skill is None
    else:
        assert f"{NAME} version 4 has shown no skill: its test {said}" in str(version.without_skill)


# --- listing ---------------------------------------------------------------------------------------------------------


def test_listing_by_sql_is_what_mlflow_says(registered: Callable[..., int], store: Store) -> None:
    registered(role="champion")
    registered(role="challenger", tags=version_tags(parent="neuro.1h.universal/1"))
    registered("neuro.4h.universal", tags=version_tags(timeframe="4h", test_log_loss=None))
    store.delete_version(the(store.find(NAME, version=registered())))
    for name, tags in (
        (None, {}),
        (NAME, {}),
        (None, {"timeframe": "4h"}),
        (None, {"timeframe": "1h", "strategy": "neuro"}),
        (NAME, {"timeframe": "4h"}),
    ):
        assert list_versions(store.uri, name=name, tags=tags) == _ask_versions(store.uri, name=name, tags=tags)
    assert [(each.name, each.version, each.aliases) for each in store.versions()] == [
        (NAME, 1, ("champion",)),
        (NAME, 2, ("challenger", "newest")),
        ("neuro.4h.universal", 1, ("newest",)),
    ]


def test_versions_are_chosen_by_timeframe_and_strategy(registered: Callable[..., int], store: Store) -> None:
    registered()
    registered("other.4h.universal", tags=version_tags(timeframe="4h", strategy="other"))
    names = [
        {each.name for each in store.versions(**choice)} for choice in ({"timeframe": "4h"}, {"strategy": "neuro"})
    ]
    assert names == [{"other.4h.universal"}, {NAME}]
    assert store.versions(timeframe="4h", strategy="neuro") == []
    assert store.versions(timeframe="4h' OR '1' = '1") == []


def test_tables_of_another_mlflow_are_asked_through_mlflow(
    registered: Callable[..., int], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered()
    expected = store.versions()
    monkeypatch.setattr("multisymbol.registry.store.queries._ALIASES", "SELECT gone FROM registered_model_aliases")
    assert store.versions() == expected


def test_absent_facts_are_absent_tags(registered: Callable[..., int], store: Store) -> None:
    registered(tags=version_tags(test_log_loss=None, no_skill=float("nan"), parent=None))
    registered(tags=version_tags(parent="neuro.1h.universal/1"))
    first, second = store.model_versions(NAME)
    assert not {"test_log_loss", "no_skill", "parent"} & set(first.tags)
    assert (second.tags["parent"], second.tags["rows"]) == ("neuro.1h.universal/1", "1000")


def test_symbols_of_every_spelling_are_models_of_their_own(registered: Callable[..., int], store: Store) -> None:
    for symbol in SYMBOLS:
        name = model_name("neuro", timeframe="1h", symbol=symbol)
        registered(name, tags=version_tags(scope="single", symbols=(symbol,)), scores=[scored(symbol, 0.9)])
    found = store.versions()
    assert [unslug(each.name.removeprefix("neuro.1h.sym.")) for each in found] == sorted(
        SYMBOLS, key=lambda symbol: model_name("neuro", timeframe="1h", symbol=symbol)
    )
    assert all(each.tags["symbols"] == f'["{unslug(each.name.rpartition(".")[2])}"]' for each in found)
    experiment = client(store.uri).get_experiment_by_name("multisymbol")
    assert experiment is not None
    scores = [
        metric.dataset_name
        for model in client(store.uri).search_logged_models([experiment.experiment_id])
        for metric in model.metrics or []
        if metric.dataset_name
    ]
    assert sorted(map(unslug, scores)) == sorted(SYMBOLS)


# --- roles -----------------------------------------------------------------------------------------------------------


def test_alias_moves_from_version_to_version(registered: Callable[..., int], store: Store) -> None:
    first, second = (the(store.find(NAME, version=registered())) for _ in range(2))
    store.set_alias(second, "champion")
    store.set_alias(first, "champion")
    assert aliases(store) == {1: ("champion",), 2: ("newest",)}
    store.drop_alias(NAME, "champion")
    store.drop_alias(NAME, "champion")
    assert aliases(store) == {1: (), 2: ("newest",)}


def test_alias_of_a_deleted_version_is_refused(registered: Callable[..., int], store: Store) -> None:
    version = the(store.find(NAME, version=registered()))
    store.delete_version(version)
    with pytest.raises(StoreError, match=f"{NAME} version 1 is not in .* any more"):
        store.set_alias(version, "champion")


def test_verdicts_are_written_on_the_version(registered: Callable[..., int], store: Store) -> None:
    version = the(store.find(NAME, version=registered()))
    store.set_version_tags(version, {"verdict.GC_3DF": "{}", "verdict.unseen.metal": '{"effect": 1}'})
    store.set_version_tags(version, {"verdict.GC_3DF": "[]"})
    tags = the(store.find(NAME, version=1)).tags
    assert (tags["verdict.GC_3DF"], tags["verdict.unseen.metal"]) == ("[]", '{"effect": 1}')


def test_retired_version_has_no_role_until_it_is_reinstated(registered: Callable[..., int], store: Store) -> None:
    registered()
    registered(role="champion")
    second = the(store.find(NAME, version=2))
    store.retire(second)
    assert aliases(store) == {1: ("newest",), 2: ()}
    retired = the(store.find(NAME, version=2))
    assert retired.retired
    assert retired.tags["retired"].endswith("Z")
    with pytest.raises(StoreError, match="version 2 is retired; take that back first"):
        store.set_alias(second, "champion")
    store.reinstate(retired)
    assert aliases(store) == {1: (), 2: ("newest",)}
    assert not the(store.find(NAME, version=2)).retired


def test_newest_of_a_model_that_is_wholly_retired_is_nobody(registered: Callable[..., int], store: Store) -> None:
    store.retire(the(store.find(NAME, version=registered())))
    assert store.find(NAME, alias="newest") is None


# --- deletion --------------------------------------------------------------------------------------------------------


def test_deleted_version_is_gone_with_its_files_and_its_number(registered: Callable[..., int], store: Store) -> None:
    registered()
    second = the(store.find(NAME, version=registered(role="champion")))
    folder = store.model_folder(second)
    store.delete_version(second)
    assert not folder.exists()
    assert aliases(store) == {1: ("newest",)}
    assert store.model_folder(the(store.find(NAME, version=1))).exists()
    assert registered() == 3
    with pytest.raises(StoreError, match="version 2 is not in"):
        store.delete_version(second)


def test_files_that_another_version_uses_stay(registered: Callable[..., int], store: Store) -> None:
    first = the(store.find(NAME, version=registered()))
    client(store.uri).create_model_version(NAME, first.source, run_id=first.run_id, tags=dict(first.tags))
    store.delete_version(first)
    assert store.download(the(store.find(NAME, version=2))).is_dir()


def test_deleted_model_is_gone_whole(registered: Callable[..., int], store: Store) -> None:
    registered()
    registered()
    store.delete_model(NAME)
    assert store.versions() == []
    assert not list(Path(store.artifact_root).glob("models/*"))
    assert registered() == 1


def test_files_outside_the_store_are_never_deleted(
    registered: Callable[..., int], store: Store, tmp_path: Path
) -> None:
    version = the(store.find(NAME, version=registered()))
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(store.model_folder(version), elsewhere)
    with sqlite3.connect(store.uri.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE model_versions SET source = ?", (str(elsewhere),))
    store.delete_version(the(store.find(NAME, version=1)))
    assert elsewhere.is_dir()


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["card.md", "bundle/config.json", "added.txt"])
def test_files_that_are_not_those_registered_are_refused(
    registered: Callable[..., int], store: Store, change: str
) -> None:
    version = the(store.find(NAME, version=registered()))
    (store.model_folder(version) / change).write_text("{}")
    with pytest.raises(BundleError, match=rf"files of {NAME} version 1 in .* are not those that were registered"):
        store.download(version)


def test_link_in_a_model_s_folder_is_refused_before_anything_is_stored(
    registered: Callable[..., int], store: Store, model_folder: Path
) -> None:
    (model_folder / "card.html").symlink_to("/etc/hostname")
    with pytest.raises(BundleError, match=r"card.html is a link"):
        registered()
    assert store.versions() == []


def test_name_lookup_needs_no_mlflow(
    registered: Callable[..., int], store: Store, command_python: Callable[[str], str]
) -> None:
    registered()
    said = command_python(f"""
import sys
from multisymbol.registry.store.store import Store
store = Store(uri={store.uri!r}, artifact_root={store.artifact_root!r}, mlflow_experiment="multisymbol")
found = store.find({NAME!r}, alias="newest")
print(found.version, len(store.versions()), store.download(found).name, "mlflow" in sys.modules, "torch" in sys.modules)
""")
    assert said.split() == ["1", "1", "bundle", "False", "False"]

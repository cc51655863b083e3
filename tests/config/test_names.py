"""Every class of ours that a configuration can name has one name for good, and earlier paths still mean it."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from multisymbol.config.names import (
    EARLIER,
    EARLIER_LOADERS,
    LIBRARIES,
    LOADER,
    NESTED,
    OURS,
    PLACES,
    ROLES,
    current_form,
    named,
    registered,
    role_at,
    short_name,
    stored_form,
)

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"
PATHS = {path: f"{role}:{name}" for role in ROLES for name, path in named(role).items()}

BUILT_BY_CODE = {
    "source:surrogate": "src/multisymbol/comparison",
    "source:planted": "validation",
    "source:opening": "validation",
}
"""Classes that no page names -> where code makes such a node."""


def targets(page: Any) -> Iterator[str]:
    if isinstance(page, dict):
        for key, value in page.items():
            if key == "_target_":
                yield value
            else:
                yield from targets(value)


def shipped() -> set[str]:
    return {target for file in CONF.rglob("*.yaml") for target in targets(yaml.safe_load(file.read_text()))}


def test_every_class_a_page_names_is_registered() -> None:
    assert shipped() - set(PATHS) == set()


def test_no_name_of_ours_is_unused() -> None:
    ours = {path for classes in OURS.values() for path in classes.values()}
    unused = {PATHS[path] for path in ours - shipped()}
    assert unused == set(BUILT_BY_CODE)
    for name, folder in BUILT_BY_CODE.items():
        path = current_form({"_target_": name})["_target_"]
        module, _, built = path.rpartition(".")
        texts = [file.read_text(encoding="utf-8") for file in (ROOT / folder).rglob("*.py")]
        assert any(path in text or (f"from {module} import" in text and f"{built}(" in text) for text in texts), path


@pytest.mark.parametrize("path", sorted(PATHS))
def test_every_name_means_a_class_that_is_defined_where_its_path_says(path: str) -> None:
    module, _, name = path.rpartition(".")
    assert getattr(importlib.import_module(module), name).__module__ == module


def test_names_are_read_back_as_they_were_written() -> None:
    for path, name in PATHS.items():
        node = {"_target_": path, "inner": [{"_target_": path, "value": 1}]}
        assert stored_form(node) == {"_target_": name, "inner": [{"_target_": name, "value": 1}]}
        assert current_form(stored_form(node)) == node
        assert re.fullmatch(r"[a-z_]+:[a-z0-9_]+", name)


def test_earlier_paths_mean_what_they_meant_and_are_no_longer_written() -> None:
    assert not set(EARLIER) & set(PATHS)
    for earlier, name in EARLIER.items():
        assert registered(current_form({"_target_": earlier})["_target_"]) == name
        assert earlier.rpartition(".")[2] in {
            PATHS_BY_NAME[name].rpartition(".")[2],
            *("Discipline", "Evidence", "Temperature", "Rule"),
        }


PATHS_BY_NAME = {name: path for path, name in PATHS.items()}


def test_the_user_s_own_paths_stay_as_they_are() -> None:
    node = {"_target_": "mynet.Net", "_partial_": True, "layers": (1, 2)}
    assert stored_form(node) == current_form(node) == {"_target_": "mynet.Net", "_partial_": True, "layers": [1, 2]}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("torch.optim.SGD", "torch.optim.sgd.SGD"),
        ("torch.optim.AdamW", "torch.optim.adamw.AdamW"),
        ("lightning.Trainer", "lightning.pytorch.trainer.trainer.Trainer"),
        ("lightning.pytorch.callbacks.Timer", "lightning.pytorch.callbacks.timer.Timer"),
        ("network:mlp", "multisymbol.learning.networks.mlp.Mlp"),
    ],
)
def test_usual_spellings_are_understood(written: str, meant: str) -> None:
    assert current_form({"_target_": written}) == {"_target_": meant}


def test_short_names_are_the_pages_names() -> None:
    for file in (CONF / "labels").glob("*.yaml"):
        assert short_name(yaml.safe_load(file.read_text())) == file.stem
    assert short_name({"_target_": "multisymbol.workflows.arms.Rule"}) == "rule"
    assert short_name({"_target_": "mylabels.NextBar"}) == "next_bar"


def test_every_role_has_a_place_and_every_place_a_role() -> None:
    nested = {role for arguments in NESTED.values() for role in arguments.values()}
    of_the_user_alone = {"metric", "section"}
    assert {*PLACES.values(), *nested} == set(ROLES) == {*OURS, *LIBRARIES, *of_the_user_alone}
    assert role_at(("arms", "adapter")) == "arm"
    assert role_at(("symbol_configs", "BRK.B", "label")) == "label"
    assert role_at(("model", "hidden")) is None
    assert role_at(()) is None


def test_loaders_of_every_release_can_be_imported() -> None:
    assert LOADER == "multisymbol.serving"
    for name in (LOADER, *EARLIER_LOADERS):
        assert callable(importlib.import_module(name)._load_pyfunc)

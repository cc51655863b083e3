"""Nothing is instantiated that a role does not allow: not from a page, a command line, a run's file or a bundle."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from multisymbol.cli.schema import config_problems as checked
from multisymbol.config.build import build, plain
from multisymbol.config.names import NESTED, PLACES, ROLES, Role, current_form, named
from multisymbol.config.trust import (
    NEEDED,
    VARIABLE,
    allow,
    config_problems,
    is_trusted,
    load,
    stored_problems,
    trusted,
    trusting,
)
from multisymbol.errors import ConfigError
from tests.conftest import Compose

ATTACKS = (
    "os.system",
    "builtins.eval",
    "builtins.exec",
    "subprocess.Popen",
    "pickle.loads",
    "shutil.rmtree",
    "pandas.read_pickle",
    "joblib.load",
    "torch.load",
    "torch.hub.load",
    "numpy.load",
    "mlflow.pyfunc.load_model",
    "hydra.utils.instantiate",
    "lightning.pytorch.cli.LightningCLI",
    "lightning.pytorch.callbacks.model_checkpoint.ModelCheckpoint",
    "lightning.pytorch.loggers.csv_logs.CSVLogger",
    "multisymbol.samples.storage.shutil.rmtree",
    "multisymbol.learning.networks.mlp.torch.load",
    "multisymbol.learning.networks.mlp.nn.Linear",
    "multisymbol.learning.networks.recurrent.NetworkShape",
    "multisymbol.registry.bundle.format.write_bundle",
    "multisymbol.config.build.build",
    "multisymbol.config.trust.allow",
    "multisymbol.learning...networks.mlp.Mlp",
    "mypackage.networks.Net",
    "",
    None,
    7,
    ["os", "system"],
    {"_target_": "os.system"},
)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package of the user's own with a network, and with things that are none."""
    name = f"own_{tmp_path.name.replace('-', '_')}"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text("from os import system\nfrom .nets import Net\n")
    (folder / "nets.py").write_text(
        "import os\nfrom pathlib import Path\nfrom torch import nn\nfrom torch.nn import Linear\n"
        "class Plain(nn.Module):\n    pass\nclass Bare(nn.Module):\n    def __init__(self, width: int):\n        pass\n"
        "class Net(nn.Module):\n    def __init__(self, *, width: int, shape):\n        super().__init__()\n"
        "class Other:\n    def __init__(self, path):\n        Path(path).write_text('made')\n"
        "def delete(path):\n    Path(path).write_text('deleted')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    yield name
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[module]


def place_of(role: Role) -> tuple[str, ...]:
    """Return keys at which a role's class is named in a whole configuration, `*` filled in."""
    for path, found in PLACES.items():
        if found == role:
            return tuple("x" if key == "*" else key for key in path)
    outer, key = next((outer, key) for outer, inner in NESTED.items() for key, found in inner.items() if found == role)
    return (*place_of(outer), key)


def whole(path: tuple[str, ...], node: Any) -> dict[str, Any]:
    for key in reversed(path):
        node = {key: node}
    return dict(node)


@pytest.mark.parametrize("role", ROLES)
def test_nothing_but_a_role_s_classes_is_built(role: Role, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Any] = []
    monkeypatch.setattr("os.system", called.append)
    for target in ATTACKS:
        with pytest.raises(ConfigError):
            build({"_target_": target, "command": "true"}, role=role)
        with pytest.raises(ConfigError):
            load(target, role=role)  # type: ignore[arg-type]
    assert called == []


@pytest.mark.parametrize("role", ROLES)
def test_nothing_else_is_named_in_a_page_or_a_stored_configuration(role: Role) -> None:
    path = place_of(role)
    for target in ATTACKS:
        config = whole(path, {"_target_": target})
        if path not in {place_of(found) for found in PLACES.values()}:  # nested in a class that may be named
            outer = next(outer for outer, inner in NESTED.items() if role in inner.values())
            allowed = next(iter(named(outer).values()))
            config = whole(path[:-1], {"_target_": allowed, path[-1]: {"_target_": target}})
        found = config_problems(current_form(config))
        assert [problem.path for problem in found][:1] == [".".join((*path, "_target_"))]
        said = stored_problems(config, file="config.json")[0]
        assert said.startswith(f"config.json: {'.'.join(path)}._target_: ")


@pytest.mark.parametrize("role", ROLES)
def test_a_class_of_another_role_is_refused(role: Role) -> None:
    for other in ROLES:
        for target in named(other).values():
            if other != role:
                with pytest.raises(ConfigError, match=r"no |cannot be"):
                    load(target, role=role)


@pytest.mark.parametrize("key", ["hidden", "shape", "on_defect", "factory", "change"])
def test_no_class_is_nested_where_the_role_has_none(key: str) -> None:
    node = {"_target_": "multisymbol.learning.networks.mlp.Mlp", "_partial_": True}
    for value in ({"_target_": "os.system"}, [{"_target_": "os.system"}], {"a": [{"b": {"_target_": "x"}}]}):
        with pytest.raises(ConfigError, match=f"network.{key}.*_target_: no class may be named here"):
            build({**node, key: value}, role="network")


def test_no_class_is_named_outside_the_places_for_classes() -> None:
    for config in (
        {"seed": {"_target_": "os.system"}},
        {"symbols": {"members": {"AAPL": {"_target_": "os.system"}}}},
        {"features": {"raw": [{"_target_": "os.system"}]}},
        {"trust": [{"_target_": "os.system"}]},
        {"_target_": "os.system"},
        {"model": [{"_target_": "multisymbol.learning.networks.mlp.Mlp"}]},
        {"trainer": {"_target_": "lightning.pytorch.trainer.trainer.Trainer", "logger": {"_target_": "os.system"}}},
        {"arms": {"x": {"_target_": "multisymbol.comparison.arms.Finetuned", "change": {"a": {"_target_": "x"}}}}},
    ):
        assert "no class may be named here" in config_problems(config)[0].text


@pytest.mark.parametrize("key", ["_args_", "_convert_", "_recursive_"])
def test_keys_that_change_how_a_class_is_called_are_refused(key: str) -> None:
    node = {"_target_": "multisymbol.learning.finetuning.Adapter", "rank": 2}
    assert build(node, role="finetune").rank == 2
    with pytest.raises(ConfigError, match=f"finetune.{key}: is no key here"):
        build({**node, key: False}, role="finetune")


@pytest.mark.parametrize("value", [True, "yes", 1, None])
def test_only_what_a_run_completes_is_partial(value: Any) -> None:
    with pytest.raises(ConfigError, match="_partial_: expected no such key"):
        build({"_target_": "multisymbol.learning.finetuning.Adapter", "rank": 2, "_partial_": value}, role="finetune")


def test_a_configuration_nested_without_end_is_refused() -> None:
    node: Any = {"_target_": "os.system"}
    for _ in range(5_000):
        node = {"inner": node, "_target_": "multisymbol.markets.surrogate.SurrogateSource", "seed": 1, "drift": "kept"}
    deep: Any = 1
    for _ in range(5_000):
        deep = [deep]
    assert config_problems({"source": node})
    assert config_problems({"model": {"_target_": "multisymbol.learning.networks.mlp.Mlp", "hidden": deep}})
    assert config_problems({"features": deep})


def test_own_code_needs_trust_and_the_message_says_how(package: str) -> None:
    node = {"_target_": f"{package}.nets.Net", "_partial_": True, "width": 3}
    with pytest.raises(ConfigError, match=rf"trust=\[{package}\].*MULTISYMBOL_TRUST={package}"):
        build(node, role="network")
    assert package not in sys.modules
    with trusting([package]):
        assert build(node, role="network")(shape=None)
        assert build({**node, "_target_": f"{package}.Net"}, role="network")(shape=None)
        assert trusted() == (package,)
    assert not is_trusted(f"{package}.nets")
    with pytest.raises(ConfigError, match="is not trusted"):
        build(node, role="network")


@pytest.mark.parametrize(
    ("target", "role", "said"),
    [
        ("{0}.system", "network", "not defined in the trusted package, but in"),
        ("{0}.nets.os.system", "network", "cannot be imported"),
        ("{0}.nets.os", "network", "not defined in the trusted package"),
        ("{0}.nets.Linear", "network", "not defined in the trusted package, but in torch"),
        ("{0}.nets.Other", "network", "it lacks torch.nn.modules.module.Module"),
        ("{0}.nets.delete", "network", "it is no class"),
        ("{0}.nets.delete", "source", "it is no class"),
        ("{0}.nets.Other", "source", "it lacks fingerprint, read"),
        ("{0}.nets.Nothing", "network", "has no 'Nothing'"),
        ("{0}.nothing.Net", "network", "cannot be imported"),
        ("{0}.nets.Net", "asset_class", "cannot be code of your own"),
        ("{0}.nets.Net", "trainer", "cannot be code of your own"),
        ("{0}x.nets.Net", "network", "is not trusted"),
    ],
)
def test_trust_is_for_what_the_package_defines_and_the_role_needs(
    package: str, tmp_path: Path, target: str, role: Role, said: str
) -> None:
    written = tmp_path / "written"
    with trusting([package]), pytest.raises(ConfigError, match=said):
        build({"_target_": target.format(package), "path": str(written)}, role=role)
    assert not written.exists()


def test_both_environment_variables_grant_trust(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, f" {package} , another")
    monkeypatch.setenv("MULTISYMBOL_TRUSTED_PACKAGES", "earlier")
    assert trusted() == (package, "another", "earlier")
    assert is_trusted("earlier.module")
    assert not is_trusted("earliest")


@pytest.mark.parametrize("name", ["os", "sys", "multisymbol", "multisymbol.learning", "a b", "../x", "", 7, None])
def test_python_and_what_is_no_name_cannot_be_trusted(name: Any) -> None:
    before = dict(os.environ)
    with pytest.raises(ConfigError, match="trust: "):
        allow([name])
    assert dict(os.environ) == before


def test_a_stored_configuration_cannot_grant_trust_to_itself(package: str) -> None:
    config = {"trust": [package], "model": {"_target_": f"{package}.nets.Net"}}
    assert "is not trusted" in stored_problems(config, file="config.json")[0]
    assert config_problems(config)[0].path == "model._target_"
    assert package not in sys.modules


def test_check_names_key_value_and_cure_and_reads_the_signature_once_trusted(composed: Compose, package: str) -> None:
    own = (f"model._target_={package}.nets.Net", "~model.dropout", "++model.widht=3")
    (found,) = checked(composed(*own))
    assert found.path == "model._target_"
    assert f"'{package}.nets.Net'" in found.text
    assert f"trust=[{package}]" in found.text
    with trusting([package]):
        problems = checked(composed(*own, f"trust=[{package}]"))
        assert "model.widht: unknown key, did you mean 'width'?" in [f"{each.path}: {each.text}" for each in problems]
        wrong = checked(composed(f"model._target_={package}.nets.Nett"))
        assert any(f"there is no '{package}.nets.Nett'" in each.text for each in wrong)
    assert package not in sys.modules


def test_check_names_what_a_class_of_one_s_own_does_not_take(composed: Compose, package: str) -> None:
    def said(name: str, *overrides: str) -> list[str]:
        own = (f"model._target_={package}.nets.{name}", f"trust=[{package}]", *overrides)
        without = [
            f"~model.{key}" for key in ("dropout", "activation", "embedding", "embedding_dim", "unknown_dropout")
        ]
        return [f"{each.path}: {each.text}" for each in checked(composed(*own, *without, "~model.hidden"))]

    with trusting([package]):
        assert said("Net", "+model.width=3") == []
        assert said("Plain", "+model.anything=3") == []
        (found,) = said("Bare", "+model.width=3")
        assert found == f"model._target_: '{package}.nets.Bare' takes no `shape`, which the run gives it"
        assert said("Net", "+model.width=three")[0].startswith("model.width: expected")


def test_check_refuses_a_wrong_value_of_trust(composed: Compose) -> None:
    assert [each.path for each in checked(composed("trust=[os]"))] == ["trust"]
    assert "trust" in [each.path for each in checked(composed("trust=mypackage"))]


def test_the_trust_key_is_no_part_of_what_names_a_comparison() -> None:
    from multisymbol.comparison import preregistration

    source = Path(preregistration.__file__).read_text(encoding="utf-8")
    record = Path(preregistration.__file__).parents[1] / "config" / "record.py"
    assert '"trust"' in source + (record.read_text(encoding="utf-8") if record.is_file() else "")


def test_shipped_pages_pass(composed: Compose) -> None:
    values = plain(composed())
    assert config_problems(values) == []
    assert stored_problems(json.loads(json.dumps(values)), file="config.json") == []


def test_roles_open_to_own_code_are_those_that_say_what_a_class_needs() -> None:
    closed = {"asset_class", "defect_policy", "defect_limits", "alignment", "scaling", "scheduler", "position_rules"}
    assert set(ROLES) - set(NEEDED) == closed | {"trainer"}

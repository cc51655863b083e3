"""A foreign bundle gets no code run, no memory and no network but that of its weights."""

from typing import Any

import pytest
import torch

from multisymbol.config.build import build, plain
from multisymbol.errors import BundleError
from multisymbol.learning.networks.embedding import NetworkShape
from multisymbol.serving.rebuild import rebuild
from multisymbol.serving.served_model import Model
from tests.conftest import compose_train
from tests.serving.stored import bundle_of, changed, world

NETWORKS = ("mlp", "gru", "lstm", "tcn", "transformer")


def with_model(**changes: Any) -> Any:
    """The stored model with other arguments of its network."""
    bundle = world().bundle
    return changed(bundle, config={"model": {**bundle.config["model"], **changes}})


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_comes_back_as_it_was_without_touching_chance(name: str) -> None:
    made = world()
    config = {**made.bundle.config, "model": plain(compose_train(f"model={name}", "model.embedding=symbol"))["model"]}
    shape = NetworkShape(window=config["window"], classes=3, **made.bundle.metadata["shape"])
    network = build(config["model"], role="network")(shape=shape).eval()
    chance = torch.random.get_rng_state()
    back = rebuild(bundle_of(network, config, made.prepared))
    assert torch.equal(torch.random.get_rng_state(), chance)
    assert not back.training
    assert type(back) is type(network)
    assert {key: value.tolist() for key, value in back.state_dict().items()} == {
        key: value.tolist() for key, value in network.state_dict().items()
    }
    inputs = (torch.randn(5, shape.window, shape.features), torch.tensor([0, 1, 2, 3, 0]), torch.zeros(5).long())
    with torch.inference_mode():
        assert torch.equal(back(*inputs), network(*inputs))


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "builtins.eval",
        "subprocess.Popen",
        "multisymbol.config.build",
        "multisymbol.learning.networks",
        "multisymbol.learning.networks.mlp.torch.load",
        "multisymbol.learning.networks.mlp.init_hidden",
        "multisymbol.learning.networks.mlp.nn",
        "multisymbol.learning.networks.mlp.SymbolEmbedding",
        "multisymbol.learning.networks.none.Mlp",
        "multisymbol.learning.networks_of_others.Mlp",
        None,
    ],
)
def test_only_networks_of_this_package_are_built(target: str | None) -> None:
    with pytest.raises(
        BundleError,
        match=r"model cannot be built: network\._target_: (there is no network|'.*' is not|expected package)",
    ):
        rebuild(with_model(_target_=target))


def test_arguments_are_data_and_never_built(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr("os.system", called.append)
    with pytest.raises(BundleError, match=r"network\.hidden\._target_: no class may be named here"):
        rebuild(with_model(hidden={"_target_": "os.system", "command": "true"}))
    assert called == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden": [10**12, 32]}, "model.hidden.0: 1000000000000 is more than the"),
        ({"embedding_dim": 10**9}, "model.embedding_dim: 1000000000 is more than the"),
        ({"hidden": [4096, 4096]}, r"first.weight: float32 \[64, \d+\] stored, the network has float32 \[4096, \d+\]"),
        ({"hidden": [64] * 4000}, "it has more than the 8 stored tensors"),
        ({"hidden": [64]}, "body.2.weight does not belong to the network"),
        ({"hidden": []}, "hidden must list the width"),
        ({"activation": "exec"}, "activation must be one of"),
        ({"surprise": 1}, "unexpected keyword argument 'surprise'"),
    ],
)
def test_a_network_that_is_not_that_of_the_weights_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        rebuild(with_model(**changes))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"symbols": 10**10}, "shape.symbols: 10000000000 is more than"),
        ({"symbols": 4000}, r"embedding.vectors.weight: float32 \[5, 4\] stored, the network has float32 \[4001, 4\]"),
        ({"features": 5}, "the network takes 5 features, feature_spec.json has"),
        ({"asset_classes": "3"}, "must hold the numbers features, symbols, asset_classes"),
    ],
)
def test_a_shape_that_is_not_that_of_the_weights_is_refused(shape: dict[str, Any], message: str) -> None:
    bundle = world().bundle
    with pytest.raises(BundleError, match=message):
        rebuild(changed(bundle, shape={**bundle.metadata["shape"], **shape}))


@pytest.mark.parametrize(("window", "message"), [(10**12, "shape.window"), (9, "first.weight"), (0, "window must be")])
def test_a_window_that_is_not_that_of_the_weights_is_refused(window: int, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        rebuild(changed(world().bundle, window=window))


def test_weights_of_another_precision_are_refused() -> None:
    bundle = world().bundle
    halves = {name: tensor.half() for name, tensor in bundle.weights.items()}
    bundle = type(bundle)(**{**{name: getattr(bundle, name) for name in bundle.__slots__}, "weights": halves})
    with pytest.raises(BundleError, match="float16"):
        rebuild(bundle)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"temperature": 0}, "temperature must be a number above 0, got 0"),
        ({"temperature": None}, "temperature must be a number above 0, got None"),
        ({"log_class_weights": [0.0, 1.0]}, "log_class_weights must be 3 numbers"),
        ({"classes": ["SELL", "HOLD", "BUY"]}, "classes must be BUY, HOLD, SELL"),
        ({"asset_classes": {"stock": 9}}, "class stock has slot 9, the network has slots 0 to 3"),
        ({"task": "poetry"}, "task 'poetry' is none of direction, forward_return"),
    ],
)
def test_facts_that_would_make_answers_wrong_are_refused(facts: dict[str, Any], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        Model.of(changed(world().bundle, **facts), name=None, version=None)

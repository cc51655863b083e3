import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from multisymbol.errors import ConfigError
from multisymbol.learning.finetuning import Adapter, AllWeights, FineTuning, HeadOnly
from multisymbol.learning.networks.attention import Transformer
from multisymbol.learning.networks.convolution import Tcn
from multisymbol.learning.networks.embedding import NetworkShape
from multisymbol.learning.networks.mlp import Mlp
from multisymbol.learning.networks.recurrent import Gru, Lstm

SHAPE = NetworkShape(features=5, window=8, symbols=3, asset_classes=2)
KNOWN: dict[str, Any] = {
    "embedding": "symbol",
    "embedding_dim": 2,
    "unknown_dropout": 0.0,
    "dropout": 0.0,
    "shape": SHAPE,
}

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "mlp": lambda: Mlp(hidden=[6, 4], activation="relu", **KNOWN),
    "gru": lambda: Gru(hidden=6, layers=2, **KNOWN),
    "lstm": lambda: Lstm(hidden=6, layers=1, **KNOWN),
    "tcn": lambda: Tcn(channels=4, kernel=2, blocks=None, activation="relu", **KNOWN),
    "transformer": lambda: Transformer(width=8, heads=2, layers=1, patch=2, **KNOWN),
}
WAYS: dict[str, FineTuning] = {"head": HeadOnly(), "all": AllWeights(), "adapter": Adapter(rank=2)}
X_BTF = torch.randn(32, 8, 5, generator=torch.Generator().manual_seed(1))
SLOT_B = torch.arange(32) % 4


def answer(network: nn.Module) -> torch.Tensor:
    with torch.no_grad():
        logits_BC: torch.Tensor = network(X_BTF, SLOT_B, SLOT_B % 3)
    return logits_BC


def learn(network: nn.Module, steps: int = 3) -> None:
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.05, weight_decay=0.1)
    for _ in range(steps):
        loss = nn.functional.cross_entropy(network(X_BTF, SLOT_B, SLOT_B % 3), SLOT_B % 3)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("way", WAYS)
def test_opening_changes_no_answer_and_closing_keeps_what_was_learned(kind: str, way: str) -> None:
    torch.manual_seed(0)
    network = NETWORKS[kind]()
    before, names = answer(network), set(network.state_dict())
    WAYS[way].open(network)
    torch.testing.assert_close(answer(network), before, rtol=0, atol=1e-6)
    learn(network)
    learned = answer(network)
    assert (learned - before).abs().max() > 1e-3
    WAYS[way].close(network)
    assert set(network.state_dict()) == names
    torch.testing.assert_close(answer(network), learned, rtol=0, atol=1e-5)
    again = NETWORKS[kind]()
    again.load_state_dict(network.state_dict())
    torch.testing.assert_close(answer(again), learned, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("way", WAYS)
def test_an_opened_network_can_be_copied_and_its_copy_learns_as_it_does(kind: str, way: str) -> None:
    torch.manual_seed(0)
    network = NETWORKS[kind]()
    WAYS[way].open(network)
    copied = copy.deepcopy(network)
    for each in (network, copied):
        learn(each)
    assert torch.equal(answer(network), answer(copied))


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_head_alone_changes_nothing_but_the_output_layer(kind: str) -> None:
    torch.manual_seed(0)
    network = NETWORKS[kind]()
    before = copy.deepcopy(network.state_dict())
    HeadOnly().open(network)
    learn(network)
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    prefix = "output." if kind == "mlp" else "head.output."
    assert changed == {f"{prefix}weight", f"{prefix}bias"}


@pytest.mark.parametrize("kind", NETWORKS)
def test_an_adapter_changes_matrices_by_its_rank_and_no_bias(kind: str) -> None:
    torch.manual_seed(0)
    network = NETWORKS[kind]()
    before = copy.deepcopy(network.state_dict())
    way = Adapter(rank=1)
    way.open(network)
    learn(network)
    way.close(network)
    touched = 0
    for name, tensor in network.state_dict().items():
        if "output." in name:
            continue
        change = tensor - before[name]
        if tensor.dim() < 2:
            assert torch.equal(tensor, before[name]), name
        else:
            assert torch.linalg.matrix_rank(change.flatten(1), tol=1e-5) <= 1, name
            touched += int(change.abs().max() > 1e-4)
    assert touched >= 2


def test_a_rank_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="rank must be at least 1, got 0"):
        Adapter(rank=0)

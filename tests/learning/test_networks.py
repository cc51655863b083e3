from collections.abc import Callable

import pytest
import torch
from torch import nn

from multisymbol.errors import ConfigError
from multisymbol.learning.networks.embedding import EmbeddingKind, NetworkShape, SymbolEmbedding
from multisymbol.learning.networks.mlp import Mlp
from multisymbol.learning.networks.recurrent import Gru

SHAPE = NetworkShape(features=4, window=5, symbols=3, asset_classes=2)


def mlp(*, embedding: EmbeddingKind = "none", dropout: float = 0.0, hidden: tuple[int, ...] = (8, 6)) -> nn.Module:
    return Mlp(
        hidden=hidden,
        dropout=dropout,
        activation="gelu",
        embedding=embedding,
        embedding_dim=2,
        unknown_dropout=dropout,
        shape=SHAPE,
    )


def gru(*, embedding: EmbeddingKind = "none", dropout: float = 0.0, layers: int = 2) -> nn.Module:
    return Gru(
        hidden=6,
        layers=layers,
        dropout=dropout,
        embedding=embedding,
        embedding_dim=2,
        unknown_dropout=dropout,
        shape=SHAPE,
    )


def inputs(rows: int = 7) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return torch.randn(rows, 5, 4), torch.arange(rows) % 4, torch.arange(rows) % 3


@pytest.mark.parametrize("make", [mlp, gru])
@pytest.mark.parametrize("embedding", ["none", "symbol", "asset_class"])
def test_network_gives_one_row_of_logits_per_window(make: Callable[..., nn.Module], embedding: EmbeddingKind) -> None:
    assert make(embedding=embedding)(*inputs()).shape == (7, 3)


@pytest.mark.parametrize("make", [mlp, gru])
def test_windows_of_a_batch_do_not_touch_each_other(make: Callable[..., nn.Module]) -> None:
    network = make(embedding="symbol").train()
    x_BTF, symbol_B, class_B = inputs()
    x_BTF.requires_grad_()
    network(x_BTF, symbol_B, class_B)[2].sum().backward()
    assert x_BTF.grad is not None
    touched = x_BTF.grad.abs().sum(dim=(1, 2)) > 0
    assert touched.tolist() == [row == 2 for row in range(7)]


@pytest.mark.parametrize("make", [mlp, gru])
def test_every_bar_and_feature_of_the_window_is_seen(make: Callable[..., nn.Module]) -> None:
    x_BTF, symbol_B, class_B = inputs()
    x_BTF.requires_grad_()
    make()(x_BTF, symbol_B, class_B).square().sum().backward()
    assert x_BTF.grad is not None
    assert bool((x_BTF.grad != 0).any(dim=0).all())


@pytest.mark.parametrize("make", [mlp, gru])
@pytest.mark.parametrize(
    ("embedding", "symbol", "asset_class"), [("none", 0, 0), ("symbol", 1, 0), ("asset_class", 0, 1)]
)
def test_network_knows_of_the_symbol_what_embedding_says(
    make: Callable[..., nn.Module], embedding: EmbeddingKind, symbol: int, asset_class: int
) -> None:
    network = make(embedding=embedding).eval()
    x_BTF, slot_B = torch.randn(1, 5, 4), torch.ones(1, dtype=torch.int64)
    base = network(x_BTF, slot_B, slot_B)
    assert torch.equal(network(x_BTF, slot_B + 1, slot_B), base) == (not symbol)
    assert torch.equal(network(x_BTF, slot_B, slot_B + 1), base) == (not asset_class)


@pytest.mark.parametrize("make", [mlp, gru])
def test_untrained_network_is_near_equal_probabilities(make: Callable[..., nn.Module]) -> None:
    p = torch.softmax(make()(*inputs(200)), dim=1).detach()
    assert float((p - 1 / 3).abs().max()) < 0.15


@pytest.mark.parametrize("make", [mlp, gru])
def test_dropout_follows_torchs_seed_and_ends_with_training(make: Callable[..., nn.Module]) -> None:
    network, given = make(embedding="symbol", dropout=0.5).train(), inputs(64)
    torch.manual_seed(1)
    first = network(*given)
    second = network(*given)
    torch.manual_seed(1)
    assert torch.equal(network(*given), first)
    assert not torch.equal(second, first)
    network.eval()
    assert torch.equal(network(*given), network(*given))


def embedding(*, kind: EmbeddingKind = "symbol", unknown_dropout: float = 0.0) -> SymbolEmbedding:
    return SymbolEmbedding(kind=kind, dim=2, unknown_dropout=unknown_dropout, shape=SHAPE)


def test_unknown_starts_neutral_and_known_ones_apart() -> None:
    vectors = embedding().eval()(torch.arange(4), torch.zeros(4, dtype=torch.int64))
    assert vectors[0].tolist() == [0.0, 0.0]
    assert len(torch.unique(vectors, dim=0)) == 4


def test_unknown_slot_is_learned_with_the_given_probability() -> None:
    layer = embedding(unknown_dropout=0.25).train()
    slots = torch.ones(20_000, dtype=torch.int64)
    torch.manual_seed(0)
    unknown = (layer(slots, slots) == 0).all(dim=1).double().mean()
    assert float(unknown) == pytest.approx(0.25, abs=0.02)
    layer.eval()
    assert not (layer(slots, slots) == 0).all(dim=1).any()


def test_gradient_reaches_the_unknown_slot() -> None:
    layer = embedding(unknown_dropout=0.5).train()
    layer(torch.full((100,), 2), torch.full((100,), 1)).sum().backward()
    assert layer.vectors is not None
    gradient = layer.vectors.weight.grad
    assert gradient is not None
    assert (gradient.abs().sum(dim=1) > 0).tolist() == [True, False, True, False]


def test_embedding_of_nothing_has_no_columns_and_no_parameters() -> None:
    layer = embedding(kind="none")
    assert layer(torch.arange(4), torch.arange(4)).shape == (4, 0)
    assert list(layer.parameters()) == []


def test_wrong_values_are_refused_all_at_once() -> None:
    with pytest.raises(
        ConfigError, match=r"embedding must be one of none, symbol, asset_class, got 'ticker'; embedding_dim .* got 0"
    ):
        SymbolEmbedding(kind="ticker", dim=0, unknown_dropout=0.1, shape=SHAPE)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"hidden must list .* got \[\]; dropout must be .* got 1.0"):
        mlp(hidden=(), dropout=1.0)
    with pytest.raises(ConfigError, match="layers must be 1 or more, got 0; dropout"):
        gru(layers=0, dropout=-0.1)
    with pytest.raises(ConfigError, match="activation must be one of relu"):
        Mlp(
            hidden=[2],
            dropout=0.0,
            activation="swish",  # type: ignore[arg-type]
            embedding="none",
            embedding_dim=1,
            unknown_dropout=0.0,
            shape=SHAPE,
        )

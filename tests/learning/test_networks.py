from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from multisymbol.errors import ConfigError
from multisymbol.learning.networks.attention import Transformer
from multisymbol.learning.networks.convolution import Tcn, bars_seen, blocks_for
from multisymbol.learning.networks.embedding import EmbeddingKind, NetworkShape, SymbolEmbedding
from multisymbol.learning.networks.mlp import Mlp
from multisymbol.learning.networks.recurrent import Gru, Lstm

SHAPE = NetworkShape(features=4, window=5, symbols=3, asset_classes=2)

Maker = Callable[..., nn.Module]


def shape(window: int, classes: int = 3) -> NetworkShape:
    return NetworkShape(features=4, window=window, symbols=3, asset_classes=2, classes=classes)


def known(embedding: EmbeddingKind, dropout: float) -> dict[str, Any]:
    return {"embedding": embedding, "embedding_dim": 2, "unknown_dropout": dropout, "dropout": dropout}


def mlp(*, embedding: EmbeddingKind = "none", dropout: float = 0.0, shape: NetworkShape = SHAPE) -> Mlp:
    return Mlp(hidden=(8, 6), activation="gelu", shape=shape, **known(embedding, dropout))


def gru(*, embedding: EmbeddingKind = "none", dropout: float = 0.0, shape: NetworkShape = SHAPE) -> Gru:
    return Gru(hidden=6, layers=2, shape=shape, **known(embedding, dropout))


def lstm(*, embedding: EmbeddingKind = "none", dropout: float = 0.0, shape: NetworkShape = SHAPE) -> Lstm:
    return Lstm(hidden=6, layers=2, shape=shape, **known(embedding, dropout))


def tcn(
    *,
    embedding: EmbeddingKind = "none",
    dropout: float = 0.0,
    shape: NetworkShape = SHAPE,
    blocks: int | None = None,
    kernel: int = 2,
) -> Tcn:
    options = known(embedding, dropout)
    return Tcn(channels=6, kernel=kernel, blocks=blocks, activation="gelu", shape=shape, **options)


def transformer(
    *, embedding: EmbeddingKind = "none", dropout: float = 0.0, shape: NetworkShape = SHAPE, patch: int = 2
) -> Transformer:
    return Transformer(width=8, heads=2, layers=2, patch=patch, shape=shape, **known(embedding, dropout))


all_networks = pytest.mark.parametrize("make", [mlp, gru, lstm, tcn, transformer])


def inputs(rows: int = 7, *, window: int = 5) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return torch.randn(rows, window, 4), torch.arange(rows) % 4, torch.arange(rows) % 3


@all_networks
@pytest.mark.parametrize("embedding", ["none", "symbol", "asset_class"])
@pytest.mark.parametrize("window", [1, 5, 8])
@pytest.mark.parametrize("classes", [1, 3])
def test_network_gives_one_row_of_numbers_per_window(
    make: Maker, embedding: EmbeddingKind, window: int, classes: int
) -> None:
    network = make(embedding=embedding, shape=shape(window, classes))
    output = network(*inputs(window=window))
    assert output.shape == (7, classes)
    assert bool(torch.isfinite(output).all())


@all_networks
@pytest.mark.parametrize("embedding", ["none", "symbol", "asset_class"])
@pytest.mark.parametrize("window", [1, 5])
def test_gradient_reaches_every_parameter(make: Maker, embedding: EmbeddingKind, window: int) -> None:
    network = make(embedding=embedding, shape=shape(window)).train()
    network(*inputs(64, window=window)).square().sum().backward()
    untouched = [
        name for name, parameter in network.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    # A single bar leaves nothing to remember, to look back at or to choose from.
    alone = ("weight_hh", "query_key_value") if window == 1 else ()
    assert [name for name in untouched if not any(part in name for part in alone)] == []


@all_networks
def test_windows_of_a_batch_do_not_touch_each_other(make: Maker) -> None:
    network = make(embedding="symbol").train()
    x_BTF, symbol_B, class_B = inputs()
    x_BTF.requires_grad_()
    network(x_BTF, symbol_B, class_B)[2].sum().backward()
    assert x_BTF.grad is not None
    touched = x_BTF.grad.abs().sum(dim=(1, 2)) > 0
    assert touched.tolist() == [row == 2 for row in range(7)]


@all_networks
@pytest.mark.parametrize("window", [1, 2, 5, 16, 17])
def test_every_bar_and_feature_of_the_window_is_seen(make: Maker, window: int) -> None:
    x_BTF, symbol_B, class_B = inputs(window=window)
    x_BTF.requires_grad_()
    make(shape=shape(window))(x_BTF, symbol_B, class_B).square().sum().backward()
    assert x_BTF.grad is not None
    assert bool((x_BTF.grad != 0).any(dim=0).all())


def seen(states_BTH: torch.Tensor, x_BTF: torch.Tensor) -> torch.Tensor:
    """Whether output position i depends on bar j. Shape (positions, T)."""
    mixed_BT = states_BTH @ torch.randn(states_BTH.shape[2])  # a plain sum is constant after a layer norm
    rows = [
        torch.autograd.grad(mixed_BT[:, place].sum(), x_BTF, retain_graph=True)[0].abs().sum(dim=(0, 2)) > 0
        for place in range(states_BTH.shape[1])
    ]
    return torch.stack(rows)


@pytest.mark.parametrize("kernel", [2, 3, 5])
@pytest.mark.parametrize("window", [1, 7, 16, 33])
def test_convolution_sees_every_bar_up_to_its_own_and_none_later(kernel: int, window: int) -> None:
    x_BTF = torch.randn(3, window, 4, requires_grad=True)
    states_BTH = tcn(kernel=kernel, shape=shape(window)).states(x_BTF)
    assert torch.equal(seen(states_BTH, x_BTF), torch.ones(window, window).tril().bool())


@pytest.mark.parametrize(("window", "patch"), [(1, 1), (5, 1), (6, 2), (7, 3), (8, 16)])
def test_token_sees_every_bar_up_to_the_end_of_its_patch_and_none_later(window: int, patch: int) -> None:
    x_BTF = torch.randn(3, window, 4, requires_grad=True)
    states_BNH = transformer(patch=patch, shape=shape(window)).states(x_BTF)
    # Patches are counted from the decision backwards: the first one may be short.
    patch_of_bar = (torch.arange(window) + -window % patch) // patch
    expected = patch_of_bar[None, :] <= torch.arange(states_BNH.shape[1])[:, None]
    assert torch.equal(seen(states_BNH, x_BTF), expected)


def test_order_of_patches_matters() -> None:
    network = transformer(patch=1).eval()
    x_BTF, symbol_B, class_B = inputs()
    swapped = x_BTF[:, [1, 0, 2, 3, 4]]
    assert not torch.allclose(network(x_BTF, symbol_B, class_B), network(swapped, symbol_B, class_B))


@pytest.mark.parametrize(("window", "kernel", "blocks"), [(1, 3, 1), (5, 3, 1), (6, 3, 2), (13, 3, 2), (64, 2, 6)])
def test_fewest_blocks_that_see_the_window_worked_by_hand(window: int, kernel: int, blocks: int) -> None:
    # 1 + 2 * 2 * (2^k - 1): 5, 13, 29 bars with kernel 3; 1 + 2 * (2^k - 1): 3, 7, 15, 31, 63, 127 with kernel 2.
    assert blocks_for(window, kernel=kernel) == blocks
    assert len(tcn(kernel=kernel, shape=shape(window)).blocks) == blocks


@settings(max_examples=50, deadline=None)
@given(window=st.integers(1, 10_000), kernel=st.integers(2, 9))
def test_one_block_fewer_would_miss_a_bar(window: int, kernel: int) -> None:
    blocks = blocks_for(window, kernel=kernel)
    assert bars_seen(blocks, kernel=kernel) >= window
    assert blocks == 1 or bars_seen(blocks - 1, kernel=kernel) < window


def test_blocks_that_miss_bars_are_refused_with_a_cure() -> None:
    with pytest.raises(ConfigError, match=r"2 blocks of kernel 3 see 13 bars of a window of 64; take blocks=5, "):
        tcn(kernel=3, blocks=2, shape=shape(64))


@all_networks
@pytest.mark.parametrize(
    ("embedding", "symbol", "asset_class"), [("none", 0, 0), ("symbol", 1, 0), ("asset_class", 0, 1)]
)
def test_network_knows_of_the_symbol_what_embedding_says(
    make: Maker, embedding: EmbeddingKind, symbol: int, asset_class: int
) -> None:
    network = make(embedding=embedding).eval()
    x_BTF, slot_B = torch.randn(1, 5, 4), torch.ones(1, dtype=torch.int64)
    base = network(x_BTF, slot_B, slot_B)
    assert torch.equal(network(x_BTF, slot_B + 1, slot_B), base) == (not symbol)
    assert torch.equal(network(x_BTF, slot_B, slot_B + 1), base) == (not asset_class)


@all_networks
def test_unknown_slot_answers_as_if_there_were_no_embedding_while_unlearned(make: Maker) -> None:
    network = make(embedding="symbol").eval()
    x_BTF, unknown_B = torch.randn(6, 5, 4), torch.zeros(6, dtype=torch.int64)
    for layer in network.modules():
        if isinstance(layer, SymbolEmbedding) and layer.vectors is not None:
            before = network(x_BTF, unknown_B, unknown_B)
            torch.nn.init.normal_(layer.vectors.weight[1:])
            assert torch.equal(network(x_BTF, unknown_B, unknown_B), before)
            assert not torch.equal(network(x_BTF, unknown_B + 1, unknown_B), before)
            return
    pytest.fail("the network has no embedding")


@all_networks
def test_untrained_network_is_near_equal_probabilities(make: Maker) -> None:
    p = torch.softmax(make()(*inputs(200)), dim=1).detach()
    assert float((p - 1 / 3).abs().max()) < 0.15


@all_networks
def test_seed_fixes_the_weights(make: Maker) -> None:
    ends = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        ends.append(torch.cat([parameter.detach().flatten() for parameter in make(embedding="symbol").parameters()]))
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])


@all_networks
def test_dropout_follows_torchs_seed_and_ends_with_training(make: Maker) -> None:
    network, shown = make(embedding="symbol", dropout=0.5).train(), inputs(64)
    torch.manual_seed(1)
    first = network(*shown)
    second = network(*shown)
    torch.manual_seed(1)
    assert torch.equal(network(*shown), first)
    assert not torch.equal(second, first)
    network.eval()
    assert torch.equal(network(*shown), network(*shown))


@all_networks
def test_network_has_no_buffers_ranks_would_wait_for(make: Maker) -> None:
    assert list(make(embedding="symbol").buffers()) == []


@all_networks
def test_network_learns_what_the_first_and_the_last_bar_say_together(make: Maker) -> None:
    torch.manual_seed(3)
    network = make(shape=shape(5, 1)).train()
    x_BTF, symbol_B, class_B = inputs(256)
    target_B = torch.sign(x_BTF[:, 0, 0]) * x_BTF[:, -1, 1]
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(150):
        optimizer.zero_grad()
        loss = (network(x_BTF, symbol_B, class_B).squeeze(1) - target_B).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_forget_gates_start_open_and_all_other_biases_at_zero() -> None:
    biases = {name: tensor for name, tensor in lstm().recurrent.named_parameters() if name.startswith("bias")}
    for name, bias in biases.items():
        forget = 1.0 if name.startswith("bias_ih") else 0.0
        assert bias.tolist() == [0.0] * 6 + [forget] * 6 + [0.0] * 12
    assert all(not bias.any() for name, bias in gru().recurrent.named_parameters() if name.startswith("bias"))


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
        Mlp(hidden=(), activation="relu", shape=SHAPE, **known("none", 1.0))
    with pytest.raises(ConfigError, match=r"hidden must be 1 or more, got 0; layers must be 1 or more, got 0; dropout"):
        Gru(hidden=0, layers=0, shape=SHAPE, **known("none", -0.1))
    with pytest.raises(
        ConfigError, match=r"dropout must be at least 0 and below 1, got 1\.5; kernel must be 2 or more"
    ):
        tcn(kernel=1, dropout=1.5)
    with pytest.raises(ConfigError, match="patch must be 1 or more, got 0; width must be a multiple of heads, got 6"):
        Transformer(width=6, heads=4, layers=1, patch=0, shape=SHAPE, **known("none", 0.0))
    with pytest.raises(ConfigError, match="activation must be one of relu"):
        Mlp(hidden=[2], activation="swish", shape=SHAPE, **known("none", 0.0))  # type: ignore[arg-type]

"""What networks share: activations, first weights, ranges of numbers, and the end that gives the output."""

# B batch, H hidden, E embedding, C output

from collections.abc import Mapping
from typing import Literal, get_args

import torch
from torch import nn

from multisymbol.errors import ConfigError, require
from multisymbol.learning.networks.embedding import SymbolEmbedding

Activation = Literal["relu", "leaky_relu", "gelu", "silu", "tanh"]

_MODULES: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}


def activation_module(name: Activation) -> nn.Module:
    """Return a new activation; raise ConfigError for an unknown name."""
    if name not in _MODULES:
        raise ConfigError(f"model: activation must be one of {', '.join(get_args(Activation))}, got '{name}'")
    return _MODULES[name]()


def init_hidden(layer: nn.Linear | nn.Conv1d, *, activation: Activation) -> None:
    """Keep the variance of a signal through the layer and its activation (Glorot 2010 for tanh, He 2015 for others)."""
    if activation == "tanh":
        nn.init.xavier_uniform_(layer.weight, gain=nn.init.calculate_gain("tanh"))
    else:
        nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def init_output(layer: nn.Linear) -> None:
    """Start near equal probabilities, or a return of 0: a wide start costs steps to unlearn confident nonsense."""
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.zeros_(layer.bias)


class Head(nn.Module):
    """[dropout(state), embedding] -> linear.

    Args:
        embedding: What the network knows of the symbol; E columns.
        inputs: H, width of the state.
        dropout: Share of the state dropped in training, 0 <= p < 1.
        outputs: C.
    """

    def __init__(self, embedding: SymbolEmbedding, *, inputs: int, dropout: float, outputs: int) -> None:
        super().__init__()
        self.embedding = embedding
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(inputs + embedding.dim, outputs)
        init_output(self.output)

    def forward(self, state_BH: torch.Tensor, symbol_slot_B: torch.Tensor, class_slot_B: torch.Tensor) -> torch.Tensor:
        """Return the output, shape (B, C)."""
        vector_BE = self.embedding(symbol_slot_B, class_slot_B).to(state_BH.dtype)
        output_BC: torch.Tensor = self.output(torch.cat([self.dropout(state_BH), vector_BE], dim=1))
        return output_BC


def check_sizes(sizes: Mapping[str, int], *, dropout: float, further: str | None = None) -> None:
    """Raise ConfigError for sizes below 1, a dropout outside 0 <= p < 1 and a `further` problem, all at once."""
    checks = {f"{name} must be 1 or more, got {size}": size >= 1 for name, size in sizes.items()}
    checks[f"dropout must be at least 0 and below 1, got {dropout}"] = 0 <= dropout < 1
    checks |= {further: False} if further else {}
    require(ConfigError, checks, of="model: ")

"""A multilayer perceptron over the flattened window."""

# B batch, T time, F feature, E embedding, H hidden, C class

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from multisymbol.errors import ConfigError, require
from multisymbol.learning.networks.embedding import EmbeddingKind, NetworkShape, SymbolEmbedding
from multisymbol.learning.networks.parts import Activation, activation_module, init_hidden, init_output


class Mlp(nn.Module):
    """Window and embedding, then [linear, activation, dropout] per hidden layer, then logits.

    Args:
        hidden: Width of each hidden layer, at least one.
        dropout: Share of hidden units dropped in training, 0 <= p < 1.
        activation: After each hidden layer.
        embedding: What the network may know of the symbol; embedding_dim and unknown_dropout as in SymbolEmbedding.
        shape: What the data fix.

    Raises:
        ConfigError: A value outside its range.
    """

    def __init__(
        self,
        *,
        hidden: Sequence[int],
        dropout: float,
        activation: Activation,
        embedding: EmbeddingKind,
        embedding_dim: int,
        unknown_dropout: float,
        shape: NetworkShape,
    ) -> None:
        super().__init__()
        widths = f"hidden must list the width of at least one layer, each 1 or more, got {list(hidden)}"
        share = f"dropout must be at least 0 and below 1, got {dropout}"
        require(ConfigError, {widths: min(hidden, default=0) >= 1, share: 0 <= dropout < 1}, of="model: ")
        self.embedding = SymbolEmbedding(
            kind=embedding, dim=embedding_dim, unknown_dropout=unknown_dropout, shape=shape
        )
        # The first layer acts on (window, embedding); as two products the window is not copied to join them.
        self.first = nn.Linear(shape.window * shape.features, hidden[0])
        self.from_embedding = nn.Linear(self.embedding.dim, hidden[0], bias=False) if self.embedding.dim else None
        layers: list[nn.Module] = [activation_module(activation), nn.Dropout(dropout)]
        for inputs, outputs in pairwise(hidden):
            layers += [nn.Linear(inputs, outputs), activation_module(activation), nn.Dropout(dropout)]
        self.body = nn.Sequential(*layers)
        self.output = nn.Linear(hidden[-1], shape.classes)
        for layer in [self.first, *(layer for layer in layers if isinstance(layer, nn.Linear))]:
            init_hidden(layer, activation=activation)
        init_output(self.output)

    def forward(self, x_BTF: torch.Tensor, symbol_slot_B: torch.Tensor, class_slot_B: torch.Tensor) -> torch.Tensor:
        """Return logits, shape (B, C)."""
        hidden_BH = self.first(x_BTF.flatten(1))
        if self.from_embedding is not None:
            hidden_BH = hidden_BH + self.from_embedding(self.embedding(symbol_slot_B, class_slot_B))
        logits_BC: torch.Tensor = self.output(self.body(hidden_BH))
        return logits_BC

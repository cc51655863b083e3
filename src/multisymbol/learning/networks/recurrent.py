"""Gated recurrent networks that read the window bar by bar."""

# B batch, T time, F feature, H hidden, C output

from typing import ClassVar

import torch
from torch import nn

from multisymbol.learning.networks.embedding import EmbeddingKind, NetworkShape, SymbolEmbedding
from multisymbol.learning.networks.parts import Head, check_sizes


class Recurrent(nn.Module):
    """A recurrent network over the window; the last layer's final state and the embedding give the output.

    Args:
        hidden: Width of the state, >= 1.
        layers: Stacked layers, >= 1.
        dropout: Share of units dropped between layers and before the output in training, 0 <= p < 1.
        embedding: What the network may know of the symbol; embedding_dim and unknown_dropout as in SymbolEmbedding.
        shape: What the data fix.

    Raises:
        ConfigError: A value outside its range.
    """

    cell: ClassVar[type[nn.GRU] | type[nn.LSTM]]

    def __init__(
        self,
        *,
        hidden: int,
        layers: int,
        dropout: float,
        embedding: EmbeddingKind,
        embedding_dim: int,
        unknown_dropout: float,
        shape: NetworkShape,
    ) -> None:
        super().__init__()
        check_sizes({"hidden": hidden, "layers": layers}, dropout=dropout)
        # torch warns of dropout with a single layer, where there is nothing between layers to drop.
        between = dropout if layers > 1 else 0.0
        self.recurrent = self.cell(shape.features, hidden, num_layers=layers, dropout=between, batch_first=True)
        known = SymbolEmbedding(kind=embedding, dim=embedding_dim, unknown_dropout=unknown_dropout, shape=shape)
        self.head = Head(known, inputs=hidden, dropout=dropout, outputs=shape.classes)
        _init(self.recurrent)

    def forward(self, x_BTF: torch.Tensor, symbol_slot_B: torch.Tensor, class_slot_B: torch.Tensor) -> torch.Tensor:
        """Return the output, shape (B, C)."""
        state_BTH, _ = self.recurrent(x_BTF)
        output_BC: torch.Tensor = self.head(state_BTH[:, -1], symbol_slot_B, class_slot_B)
        return output_BC


class Gru(Recurrent):
    """Two gates, reset and update (Cho et al. 2014): a quarter fewer weights than an LSTM of the same width."""

    cell = nn.GRU


class Lstm(Recurrent):
    """A memory cell beside the state (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000)."""

    cell = nn.LSTM


def _init(recurrent: nn.RNNBase) -> None:
    """Make recurrent matrices orthogonal, gate by gate: a state neither fades nor explodes over a long window.

    An LSTM's forget gate starts open, its bias at 1: what is read early reaches the window's end from the first step on
    (Jozefowicz et al. 2015).
    """
    for name, parameter in recurrent.named_parameters():
        for place, gate in enumerate(torch.split(parameter, recurrent.hidden_size)):
            if name.startswith("weight_hh"):
                nn.init.orthogonal_(gate)
            elif name.startswith("weight_ih"):
                nn.init.xavier_uniform_(gate)
            else:
                # torch orders an LSTM's gates input, forget, cell, output, and adds two biases.
                forget = isinstance(recurrent, nn.LSTM) and name.startswith("bias_ih") and place == 1
                nn.init.constant_(gate, 1.0 if forget else 0.0)

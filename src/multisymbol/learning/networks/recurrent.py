"""A gated recurrent network that reads the window bar by bar."""

# B batch, T time, F feature, E embedding, H hidden, C class, L layer

import torch
from torch import nn

from multisymbol.errors import ConfigError
from multisymbol.learning.networks.activations import init_output
from multisymbol.learning.networks.embedding import EmbeddingKind, NetworkShape, SymbolEmbedding


class Gru(nn.Module):
    """GRU (Cho et al. 2014) over the window; the last layer's final state and the embedding give the logits.

    Args:
        hidden: Width of the state, >= 1.
        layers: Stacked GRU layers, >= 1.
        dropout: Share of units dropped between layers and before the output in training, 0 <= p < 1.
        embedding: What the network may know of the symbol.
        embedding_dim: As `dim` in SymbolEmbedding.
        unknown_dropout: As in SymbolEmbedding.
        shape: What the data fix.

    Raises:
        ConfigError: A value outside its range.
    """

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
        _check(hidden, layers, dropout)
        self.embedding = SymbolEmbedding(
            kind=embedding, dim=embedding_dim, unknown_dropout=unknown_dropout, shape=shape
        )
        # torch warns of dropout with a single layer, where there is nothing between layers to drop.
        between = dropout if layers > 1 else 0.0
        self.gru = nn.GRU(shape.features, hidden, num_layers=layers, dropout=between, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden + self.embedding.dim, shape.classes)
        _init_gru(self.gru)
        init_output(self.output)

    def forward(self, x_BTF: torch.Tensor, symbol_slot_B: torch.Tensor, class_slot_B: torch.Tensor) -> torch.Tensor:
        """Return logits, shape (B, C)."""
        _, state_LBH = self.gru(x_BTF)
        vector_BE = self.embedding(symbol_slot_B, class_slot_B).to(state_LBH.dtype)
        logits_BC: torch.Tensor = self.output(torch.cat([self.dropout(state_LBH[-1]), vector_BE], dim=1))
        return logits_BC


def _init_gru(gru: nn.GRU) -> None:
    """Make recurrent matrices orthogonal, gate by gate: a state neither fades nor explodes over a long window."""
    for name, parameter in gru.named_parameters():
        if name.startswith("weight_hh"):
            for gate in parameter.chunk(3):
                nn.init.orthogonal_(gate)
        elif name.startswith("weight_ih"):
            for gate in parameter.chunk(3):
                nn.init.xavier_uniform_(gate)
        else:
            nn.init.zeros_(parameter)


def _check(hidden: int, layers: int, dropout: float) -> None:
    problems = []
    if hidden < 1:
        problems.append(f"hidden must be 1 or more, got {hidden}")
    if layers < 1:
        problems.append(f"layers must be 1 or more, got {layers}")
    if not 0 <= dropout < 1:
        problems.append(f"dropout must be at least 0 and below 1, got {dropout}")
    if problems:
        raise ConfigError("model: " + "; ".join(problems))

"""The end every network over time shares: what it made of the window, and who is looked at, give the output."""

# B batch, H hidden, E embedding, C output

import torch
from torch import nn

from multisymbol.learning.networks.activations import init_output
from multisymbol.learning.networks.embedding import EmbeddingKind, NetworkShape, SymbolEmbedding


class Head(nn.Module):
    """[dropout(state), embedding] -> linear.

    Args:
        inputs: H, width of the state.
        dropout: Share of the state dropped in training, 0 <= p < 1.
        embedding: What the network may know of the symbol.
        embedding_dim: As `dim` in SymbolEmbedding.
        unknown_dropout: As in SymbolEmbedding.
        shape: What the data fix.
    """

    def __init__(
        self,
        *,
        inputs: int,
        dropout: float,
        embedding: EmbeddingKind,
        embedding_dim: int,
        unknown_dropout: float,
        shape: NetworkShape,
    ) -> None:
        super().__init__()
        self.embedding = SymbolEmbedding(
            kind=embedding, dim=embedding_dim, unknown_dropout=unknown_dropout, shape=shape
        )
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(inputs + self.embedding.dim, shape.classes)
        init_output(self.output)

    def forward(self, state_BH: torch.Tensor, symbol_slot_B: torch.Tensor, class_slot_B: torch.Tensor) -> torch.Tensor:
        """Return the output, shape (B, C)."""
        vector_BE = self.embedding(symbol_slot_B, class_slot_B).to(state_BH.dtype)
        output_BC: torch.Tensor = self.output(torch.cat([self.dropout(state_BH), vector_BE], dim=1))
        return output_BC

"""What networks share: ranges of their numbers, and the end that turns what was made of the window into the output."""

# B batch, H hidden, E embedding, C output

from collections.abc import Mapping

import torch
from torch import nn

from multisymbol.errors import ConfigError, require
from multisymbol.learning.networks.activations import init_output
from multisymbol.learning.networks.embedding import SymbolEmbedding


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

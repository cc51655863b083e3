"""What a network may know of the symbol it looks at: nothing, its number, or its asset class; slot 0 is `unknown`."""

# B batch, E embedding

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import nn

from multisymbol.errors import ConfigError, require


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkShape:
    """What the data fix about a network."""

    features: int  # F
    window: int  # T, bars
    symbols: int  # trained symbols, slots 1..symbols; likewise asset_classes
    asset_classes: int
    classes: int = 3  # C, numbers a network gives per window: one per label class, or a single one for a return


EmbeddingKind = Literal["none", "symbol", "asset_class"]


class SymbolEmbedding(nn.Module):
    """A learned vector per symbol or per asset class; slot 0 stands for one that was not trained on.

    In training each sample's slot is replaced by 0 with probability `unknown_dropout`, so that the vector of the
    unknown is the one that serves best when it is not known who is looked at. It starts at zero: neutral while
    unlearned. Chance comes from torch's generator.

    Args:
        kind: What is looked up; `none` gives no columns.
        dim: Columns, >= 1; without effect for `none`.
        unknown_dropout: 0 <= p < 1.
        shape: How many slots there are.

    Raises:
        ConfigError: A value outside its range.
    """

    def __init__(self, *, kind: EmbeddingKind, dim: int, unknown_dropout: float, shape: NetworkShape) -> None:
        super().__init__()
        kinds = get_args(EmbeddingKind)
        checks = {
            f"embedding must be one of {', '.join(kinds)}, got '{kind}'": kind in kinds,
            f"embedding_dim must be at least 1, got {dim} (embedding: none switches it off)": dim >= 1,
            f"unknown_dropout must be at least 0 and below 1, got {unknown_dropout}": 0 <= unknown_dropout < 1,
        }
        require(ConfigError, checks, of="model: ")
        self.kind = kind
        self.dim = 0 if kind == "none" else dim
        self.unknown_dropout = unknown_dropout
        slots = {"none": 0, "symbol": shape.symbols, "asset_class": shape.asset_classes}[kind]
        self.vectors = nn.Embedding(slots + 1, self.dim) if self.dim else None
        if self.vectors is not None:
            nn.init.normal_(self.vectors.weight, std=0.1)
            with torch.no_grad():
                self.vectors.weight[0] = 0.0

    def forward(self, symbol_slot_B: torch.Tensor, class_slot_B: torch.Tensor) -> torch.Tensor:
        """Return the vectors, shape (B, dim); (B, 0) for `none`."""
        if self.vectors is None:
            return torch.empty(len(symbol_slot_B), 0, device=symbol_slot_B.device)
        slot_B = symbol_slot_B if self.kind == "symbol" else class_slot_B
        if self.training and self.unknown_dropout > 0:
            slot_B = slot_B * (self._uniform(slot_B) >= self.unknown_dropout)
        vector_BE: torch.Tensor = self.vectors(slot_B)
        return vector_BE

    def _uniform(self, slot_B: torch.Tensor) -> torch.Tensor:
        return torch.rand(slot_B.shape, device=slot_B.device)

"""A small transformer over patches of the window: attention chooses which stretch of the past matters now."""

# B batch, T time, F feature, N token, A attention head, D width of a head, H width, C output

import torch
from torch import nn
from torch.nn import functional

from multisymbol.learning.networks.embedding import EmbeddingKind, NetworkShape, SymbolEmbedding
from multisymbol.learning.networks.parts import Head, check_sizes


class Transformer(nn.Module):
    """Patches of bars -> tokens with learned positions -> causal pre-norm blocks -> the last token gives the output.

    Attention costs the square of the tokens, and one bar says little by itself: `patch` bars make a token (Nie et al.
    2023). The last token ends at the decision; where the window is no multiple of the patch the first one is filled up
    with zeros on its past side, which is the mean of a scaled feature. Pre-norm needs no warm-up of the learning rate
    (Xiong et al. 2020).

    Args:
        width: H, a multiple of `heads`.
        heads: Attention heads, >= 1.
        layers: Blocks, >= 1.
        patch: Bars per token, >= 1; a window shorter than that is one token.
        dropout: Share of units dropped after attention, after the mlp and before the output in training, 0 <= p < 1.
        embedding: What the network may know of the symbol; embedding_dim and unknown_dropout as in SymbolEmbedding.
        shape: What the data fix.

    Raises:
        ConfigError: A value outside its range.
    """

    def __init__(
        self,
        *,
        width: int,
        heads: int,
        layers: int,
        patch: int,
        dropout: float,
        embedding: EmbeddingKind,
        embedding_dim: int,
        unknown_dropout: float,
        shape: NetworkShape,
    ) -> None:
        super().__init__()
        uneven = heads >= 1 and width % heads != 0
        check_sizes(
            {"width": width, "heads": heads, "layers": layers, "patch": patch},
            dropout=dropout,
            further=f"width must be a multiple of heads, got {width} and {heads}" if uneven else None,
        )
        self._filling = -shape.window % patch
        self._patches = (shape.window + self._filling) // patch
        self.tokens = nn.Linear(patch * shape.features, width)
        self.positions_NH = nn.Parameter(torch.randn(self._patches, width) * 0.02)
        self.blocks = nn.Sequential(*(AttentionBlock(width=width, heads=heads, dropout=dropout) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        known = SymbolEmbedding(kind=embedding, dim=embedding_dim, unknown_dropout=unknown_dropout, shape=shape)
        self.head = Head(known, inputs=width, dropout=dropout, outputs=shape.classes)

    def forward(self, x_BTF: torch.Tensor, symbol_slot_B: torch.Tensor, class_slot_B: torch.Tensor) -> torch.Tensor:
        """Return the output, shape (B, C)."""
        output_BC: torch.Tensor = self.head(self.states(x_BTF)[:, -1], symbol_slot_B, class_slot_B)
        return output_BC

    def states(self, x_BTF: torch.Tensor) -> torch.Tensor:
        """Return what the network knows at the end of each patch, from it and earlier ones. Shape (B, N, H)."""
        filled = functional.pad(x_BTF, (0, 0, self._filling, 0)) if self._filling else x_BTF
        token_BNH = self.tokens(filled.reshape(len(x_BTF), self._patches, -1)) + self.positions_NH
        state_BNH: torch.Tensor = self.norm(self.blocks(token_BNH))
        return state_BNH


class AttentionBlock(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)); a token attends to itself and earlier ones."""

    def __init__(self, *, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self._heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BNH: torch.Tensor) -> torch.Tensor:
        """Return the tokens, shape (B, N, H)."""
        x_BNH = x_BNH + self.dropout(self._attention(self.attention_norm(x_BNH)))
        mapped_BNH: torch.Tensor = x_BNH + self.dropout(self.mlp(self.mlp_norm(x_BNH)))
        return mapped_BNH

    def _attention(self, x_BNH: torch.Tensor) -> torch.Tensor:
        batch, tokens, width = x_BNH.shape
        split = self.query_key_value(x_BNH).view(batch, tokens, 3, self._heads, width // self._heads)
        query_BAND, key_BAND, value_BAND = split.permute(2, 0, 3, 1, 4)
        mixed_BAND = functional.scaled_dot_product_attention(query_BAND, key_BAND, value_BAND, is_causal=True)
        attended_BNH: torch.Tensor = self.attended(mixed_BAND.transpose(1, 2).reshape(batch, tokens, width))
        return attended_BNH

"""A network in a file of its own, beside the folder of pages."""

import torch
from torch import nn

from multisymbol.learning.networks.embedding import NetworkShape


class Last(nn.Module):
    """A linear layer on the last bar.

    Args:
        bias: Whether it has one.
        shape: What the data fix.
    """

    def __init__(self, *, bias: bool, shape: NetworkShape) -> None:
        super().__init__()
        self.output = nn.Linear(shape.features, shape.classes, bias=bias)

    def forward(self, x_BTF: torch.Tensor, symbol_slot_B: torch.Tensor, class_slot_B: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        del symbol_slot_B, class_slot_B
        result: torch.Tensor = self.output(x_BTF[:, -1])
        return result

"""Networks of the user's own."""

import torch
from torch import nn

from multisymbol.learning.networks.embedding import NetworkShape


class Normed(nn.Module):
    """Two layers with a batch norm between, and a buffer that is not saved.

    Args:
        width: Of the hidden layer.
        shape: What the data fix.
    """

    def __init__(self, *, width: int, shape: NetworkShape) -> None:
        super().__init__()
        inputs = shape.window * shape.features
        self.register_buffer("age", torch.linspace(0.5, 1.0, shape.window), persistent=False)
        self.first = nn.Linear(inputs, width)
        self.norm = nn.BatchNorm1d(width)
        self.output = nn.Linear(width, shape.classes)

    def forward(self, x_BTF: torch.Tensor, symbol_slot_B: torch.Tensor, class_slot_B: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        del symbol_slot_B, class_slot_B
        aged_BTF = x_BTF * self.get_buffer("age")[:, None]
        result: torch.Tensor = self.output(torch.relu(self.norm(self.first(aged_BTF.flatten(1)))))
        return result

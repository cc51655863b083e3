"""Losses of the user's own."""

import torch

from multisymbol.learning.losses import ClassLoss


class Brier(ClassLoss):
    """Squared distance of the probabilities from the label."""

    def rows(self, log_p_BC: torch.Tensor, y_B: torch.Tensor) -> torch.Tensor:
        """Return each row's loss."""
        truth_BC = torch.nn.functional.one_hot(y_B, log_p_BC.shape[1])
        return ((log_p_BC.exp() - truth_BC) ** 2).sum(dim=1)

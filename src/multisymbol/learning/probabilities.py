"""The one way from logits to probabilities: metrics while training, evaluation and serving all come here."""

# B batch, C class

import torch


def probabilities(logits_BC: torch.Tensor, log_weights: torch.Tensor, *, temperature: float = 1.0) -> torch.Tensor:
    """Turn logits of a network fitted with class weights into probabilities under the class shares of the mixture.

    Weights w make the network learn p_c w_c / sum p w; subtracting log w takes them out again (Elkan 2001).

    Args:
        logits_BC: Any float type.
        log_weights: Log of the class weights, zeros without. Shape (C,).
        temperature: > 0; above 1 flattens (fitted on validation).

    Returns:
        float64, shape (B, C): a small p must not round to 0 where its logarithm is taken.
    """
    corrected_BC = (logits_BC.double() - log_weights.to(logits_BC.device, torch.float64)) / temperature
    return torch.softmax(corrected_BC, dim=-1)

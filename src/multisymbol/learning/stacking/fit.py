"""Many networks trained as one: parameters with a leading model axis, everything else each model's own.

Each model sees the samples, the order, the learning rates, the dropout and the stopping it would have had alone
(`learning.trainer.fit`), and comes out with the same weights but for rounding. A model that has stopped leaves the
computation.
"""

# B batch, C output

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from multisymbol.arrays import Floats, Ints
from multisymbol.learning.checkpoints import AtomicCheckpointIO
from multisymbol.learning.stacking.evaluation import StackEvaluation
from multisymbol.learning.stacking.gather import Panels
from multisymbol.learning.stacking.members import (
    StackEpoch,
    StackMember,
    StackRecipe,
    StackResult,
    check_forecasts,
    check_members,
    check_recipe,
    scaled_forecast,
    stored_state,
)
from multisymbol.learning.stacking.network import StackedNetwork, Weights, layout_of
from multisymbol.learning.stacking.training import Training

__all__ = ["StackEpoch", "StackMember", "StackRecipe", "StackResult", "fit_stack", "predict_stack"]


def fit_stack(
    members: Sequence[StackMember],
    *,
    recipe: StackRecipe,
    checkpoint: Path | None,
    progress: Callable[[StackEpoch], None] | None = None,
) -> list[StackResult]:
    """Train all members; return what each came to, in their order.

    Args:
        members: At least one.
        recipe: The same for all.
        checkpoint: File that holds the whole stack after each epoch. Where it exists, training goes on from it, to the
            same end, bit for bit, as if nothing had happened. None: none is written.
        progress: Called after each epoch.

    Raises:
        ConfigError: Members or a recipe that cannot be stacked, or a checkpoint of another stack.
        LabelError: Samples hold nothing the loss could learn.
        SampleError: A member has no validation samples, or a score that is no number; names the members.
        OutputError: The checkpoint cannot be written.
    """
    check_recipe(recipe)
    check_members(members)
    training = Training(members, recipe)
    told = training.identity() if checkpoint is not None else ""
    if checkpoint is not None and checkpoint.exists():
        training.state.load_state_dict(stored_state(checkpoint, told, what="stack"))
    with sdpa_kernel(SDPBackend.MATH):  # torch's other ways to attend are not made for a model axis
        while training.state.running and training.state.epoch < recipe.epochs:
            ended = training.epoch()
            if checkpoint is not None:
                AtomicCheckpointIO().save_checkpoint({"identity": told, **training.state.state_dict()}, checkpoint)
            if progress is not None:
                progress(ended)
    return training.results()


def predict_stack(
    members: Sequence[StackMember],
    *,
    weights: Sequence[Weights],
    positions: Sequence[Ints],
    eval_batch_size: int,
    device: torch.device,
    temperatures: Sequence[float] | None = None,
) -> list[Floats]:
    """Run each member's network over samples of its own, in the order of its positions.

    Args:
        members: At least one; networks and losses as in `fit_stack`.
        weights: Each member's, such as `StackResult.weights`.
        positions: Ledger positions for each member, any order; none gives an empty result.
        eval_batch_size: Samples of all members together in one forward pass.
        device: Where.
        temperatures: Of the calibration of each; None: 1.

    Returns:
        For each member what its task forecasts: probabilities, shape (n, 3), or returns, shape (n,).

    Raises:
        SampleError: A forecast is no number; names the members.
    """
    check_members(members)
    layout = layout_of(members[0].network)
    rows = torch.stack([layout.row(own) for own in weights]).to(device)
    order = sorted(range(len(members)), key=lambda member: -len(positions[member]))
    evaluation = StackEvaluation(
        StackedNetwork(members[0].network, loss=members[0].loss, device=device),
        [members[member] for member in order],
        [torch.from_numpy(positions[member].copy()) for member in order],
        rows=rows[order],
        layout=layout,
        panels=Panels(device),
    )
    with sdpa_kernel(SDPBackend.MATH):
        outputs = evaluation.outputs(eval_batch_size)
    factors = temperatures or [1.0] * len(members)
    forecasts = {
        member: scaled_forecast(members[member].loss, output.double(), factors[member])
        for member, output in zip(order, outputs, strict=True)
    }
    found = [forecasts[member] for member in range(len(members))]
    check_forecasts(members, found)
    return found

"""Whether networks can be trained as a stack: asked of the network itself, on two of its samples, before training."""

# M model, B batch, C output

import copy

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from multisymbol.errors import ConfigError
from multisymbol.learning.stacking.members import StackMember, StackRecipe
from multisymbol.learning.stacking.network import Inputs, StackedNetwork, Weights, layout_of, unstackable_parts
from multisymbol.learning.stacking.noise import PerModelRNG
from multisymbol.learning.stacking.state import OptimizerState, optimizer_problem

_SAMPLES, _MODELS = 2, 2
_NEAR = {"rtol": 1e-2, "atol": 1e-3}
"""A stack rounds differently, by about 1e-6; a layer computed in another way differs by far more."""


def stack_problem(member: StackMember, recipe: StackRecipe) -> str:
    """Say in a few words why a network cannot be trained as a stack, such as `BatchNorm1d`; empty if it can.

    Raises:
        ConfigError: The network fails on its samples alone as well, or a schedule that no training could follow.
    """
    alone_BC = _alone(member)
    parts = [*unstackable_parts(member.network), optimizer_problem(recipe.optimizer)]
    if any(parts):
        return ", ".join(filter(None, parts))
    OptimizerState(recipe.optimizer, recipe.schedule)
    try:
        with torch.random.fork_rng(devices=[]), sdpa_kernel(SDPBackend.MATH):
            stacked_MBC = _stacked(member)
    except Exception as error:  # whatever a network of the user's own does that torch cannot vectorise
        text = str(error).strip() or type(error).__name__
        sentence = text.splitlines()[0].removeprefix("vmap: ").partition(". ")[0]
        return text if isinstance(error, ConfigError) else f"torch.vmap: {sentence}"
    near = torch.allclose(stacked_MBC, alone_BC.expand_as(stacked_MBC), **_NEAR, equal_nan=True)
    return "" if near else "its outputs differ in a stack"


def _inputs(member: StackMember) -> tuple[Inputs, torch.Tensor, torch.Tensor]:
    """Return the first samples, what outputs are compared with, and weights."""
    batch = member.dataset[next(iter(member.sampler))[:_SAMPLES]]
    inputs = Inputs(x=batch.x_BTF, symbol_slot=batch.symbol_slot_B, class_slot=batch.class_slot_B)
    return inputs, member.loss.task.truth(batch), batch.weight_B


def _alone(member: StackMember) -> torch.Tensor:
    """Return the network's own outputs, shape (B, C)."""
    inputs, _, _ = _inputs(member)
    network = copy.deepcopy(member.network).eval()
    try:
        with torch.no_grad():
            output_BC: torch.Tensor = network(*inputs)
        expected = (len(inputs.x), member.loss.task.outputs)
        if tuple(output_BC.shape) != expected:
            raise ValueError(f"returns a tensor of shape {tuple(output_BC.shape)}, expected {expected}")
    except Exception as error:  # whatever a network of the user's own raises, it is said before training
        raise ConfigError(
            f"model: {type(member.network).__name__} on windows of shape {tuple(inputs.x.shape)}: {error}"
        ) from error
    return output_BC


def _stacked(member: StackMember) -> torch.Tensor:
    """Make a training step's gradients and a forward pass of the same network twice; return outputs (M, B, C)."""
    device = torch.device("cpu")
    one, truth_B, weight_B = _inputs(member)
    inputs = Inputs(*(_beside(tensor) for tensor in one))
    network = StackedNetwork(member.network, loss=member.loss, device=device)
    dice = PerModelRNG(network.draws(inputs), seeds=[member.seed] * _MODELS, device=device)
    layout = layout_of(member.network)
    row = _beside(layout.row(dict(member.network.named_parameters())))
    weights: Weights = {name: view.detach().requires_grad_() for name, view in layout.views(row).items()}
    losses = network.losses(
        weights,
        inputs,
        truth_MB=_beside(truth_B),
        weight_MB=_beside(weight_B),
        numbers=dice.throw(_MODELS, epoch=0, step=0),
    )
    torch.autograd.grad(losses.sum(), list(weights.values()), allow_unused=True)
    return network.outputs({name: own.detach() for name, own in weights.items()}, inputs)


def _beside(tensor: torch.Tensor) -> torch.Tensor:
    return tensor[None].repeat(_MODELS, *[1] * tensor.dim())

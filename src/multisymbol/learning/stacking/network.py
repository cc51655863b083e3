"""One network for many models: parameters with a leading model axis, and a forward pass of all by `torch.vmap`."""

# M model, B batch, T time, F feature, C output, P numbers of one model

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd

from multisymbol.errors import ConfigError
from multisymbol.learning.losses import ClassLoss, Loss
from multisymbol.learning.networks.embedding import SymbolEmbedding
from multisymbol.learning.stacking.noise import Draw, NoiseTape, StackedDropout, StackedEmbedding
from multisymbol.learning.stacking.recurrence import Recurrence

_ALIGNED = 16
"""Floats in a cache line: each parameter starts at one."""

Weights = Mapping[str, torch.Tensor]
"""Parameters by name: of one model, or of all with a leading model axis."""


class Inputs(NamedTuple):
    """What a network takes, of M models: (M, B, T, F), (M, B), (M, B)."""

    x: torch.Tensor
    symbol_slot: torch.Tensor
    class_slot: torch.Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """Where each parameter lies in a model's row of P numbers; those between parameters are zero and stay zero."""

    # Of one model's parameters, by name, in the network's order; those that stay as they are come last
    shapes: Mapping[str, torch.Size]
    starts: Mapping[str, int]  # first number of each
    width: int  # P

    def views(self, row_MP: torch.Tensor) -> dict[str, torch.Tensor]:
        """See rows as parameters: views of them, with a leading model axis."""
        return {
            name: row_MP[:, self.starts[name] : self.starts[name] + shape.numel()].view(-1, *shape)
            for name, shape in self.shapes.items()
        }

    def row(self, weights: Weights) -> torch.Tensor:
        """Write one model's parameters into a row."""
        row = torch.zeros(1, self.width)
        for name, view in self.views(row).items():
            view.copy_(weights[name].detach()[None])
        return row[0]

    def weights(self, row: torch.Tensor) -> dict[str, torch.Tensor]:
        """Read one model's parameters from a row: copies, on the CPU."""
        return {name: view[0].cpu().clone() for name, view in self.views(row[None]).items()}


def layout_of(network: nn.Module, *, learning: bool = False) -> Layout:
    """Lay a network's parameters out, those that learn first; or those alone."""
    frozen = {name: own.shape for name, own in network.named_parameters() if not own.requires_grad}
    shapes = {**learning_shapes(network), **({} if learning else frozen)}
    starts, width = {}, 0
    for name, shape in shapes.items():
        starts[name] = width
        width += math.ceil(shape.numel() / _ALIGNED) * _ALIGNED
    return Layout(shapes=shapes, starts=starts, width=width)


def learning_shapes(network: nn.Module) -> dict[str, torch.Size]:
    """Return the shapes of the parameters that learn, by name."""
    return {name: own.shape for name, own in network.named_parameters() if own.requires_grad}


class StackedNetwork:
    """Forward passes and losses of M models at once, each with its own weights and samples.

    Of `network` only the architecture is used, of `loss` all but the class weights (`gather.samples` has them).

    Raises:
        ConfigError: The network holds what cannot be stacked.
    """

    def __init__(self, network: nn.Module, *, loss: Loss, device: torch.device) -> None:
        self._chance = NoiseTape()
        self._network = stackable(network, chance=self._chance).to(device)
        # Without class weights: one loss for all models, where the weights differ.
        self._loss = copy.deepcopy(loss)
        if isinstance(self._loss, ClassLoss):
            self._loss.weight_C = torch.ones_like(self._loss.weight_C, device=device)
        self._losses = torch.vmap(self._loss_of_one)
        self._outputs = torch.vmap(self._output_of_one)

    def draws(self, inputs: Inputs) -> list[Draw]:
        """Return what one model asks of chance in a training step with batches of this shape."""
        noted = self._chance.note()
        with torch.no_grad():
            self._network.train()(*(tensor[0] for tensor in inputs))
        self._chance.give([])
        return noted

    def losses(
        self,
        weights: Weights,
        inputs: Inputs,
        *,
        truth_MB: torch.Tensor,
        weight_MB: torch.Tensor,
        numbers: Sequence[torch.Tensor],
    ) -> torch.Tensor:
        """Return each model's loss of a training step, shape (M,).

        Args:
            weights: With a model axis.
            inputs: Of the step.
            truth_MB: What outputs are compared with.
            weight_MB: Of the sample, times that of its class.
            numbers: What `draws` asks for, (M, *shape) each.
        """
        self._network.train()
        return self._losses(dict(weights), inputs, truth_MB, weight_MB, list(numbers))

    def outputs(self, weights: Weights, inputs: Inputs) -> torch.Tensor:
        """Return outputs without dropout, shape (M, B, C); no gradients."""
        self._network.eval()
        with torch.no_grad():
            output_MBC: torch.Tensor = self._outputs(dict(weights), inputs)
        return output_MBC

    def _loss_of_one(
        self,
        weights: dict[str, torch.Tensor],
        inputs: Inputs,
        truth_B: torch.Tensor,
        weight_B: torch.Tensor,
        numbers: list[torch.Tensor],
    ) -> torch.Tensor:
        self._chance.give(numbers)
        return self._loss(self._output_of_one(weights, inputs), truth_B, weight_B)

    def _output_of_one(self, weights: dict[str, torch.Tensor], inputs: Inputs) -> torch.Tensor:
        output_BC: torch.Tensor = functional_call(self._network, weights, tuple(inputs))
        return output_BC


def stackable(network: nn.Module, *, chance: NoiseTape) -> nn.Module:
    """Return a copy with chance and recurrent layers in a form that can be stacked; ConfigError names what cannot."""
    others = unstackable_parts(network)
    if others:
        raise ConfigError(
            f"model: {', '.join(others)} cannot be stacked: a model alone would change it; train one by one"
        )
    made = copy.deepcopy(network)
    for name, module in list(made.named_modules()):
        replaced = _replaced(module, chance)
        if replaced is not None:
            parent, _, last = name.rpartition(".")
            setattr(made.get_submodule(parent), last, replaced)
    return made


def _replaced(module: nn.Module, chance: NoiseTape) -> nn.Module | None:
    if isinstance(module, nn.Dropout):
        return StackedDropout(module.p, chance=chance)
    if isinstance(module, nn.RNNBase):
        return Recurrence(module, chance=chance)
    return StackedEmbedding(module, chance=chance) if isinstance(module, SymbolEmbedding) else None


def unstackable_parts(network: nn.Module) -> list[str]:
    """Name what each model of a stack would have to change for itself: batch norms, other buffers, other dropouts."""
    modules = {
        name: type(module).__name__
        for name, module in network.named_modules()
        if isinstance(module, _NormBase) or (isinstance(module, _DropoutNd) and not isinstance(module, nn.Dropout))
    }
    buffers = [f"buffer {name}" for name, _ in network.named_buffers() if name.rpartition(".")[0] not in modules]
    return [*dict.fromkeys(modules.values()), *buffers]

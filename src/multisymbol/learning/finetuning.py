"""What of a trained network may still change when it is fitted to one symbol more."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.utils import parametrize

from multisymbol.errors import ConfigError


class FineTuning(Protocol):
    """Opens a trained network for further fitting, and closes it again."""

    @property
    def what(self) -> str:
        """Say what may change, for people."""

    def open(self, network: nn.Module) -> None:
        """Free what may be learned, freeze the rest; what the network computes stays the same."""

    def close(self, network: nn.Module) -> None:
        """Give the network the form it had, with what it has learned since."""
        _thaw(network)


@dataclass(frozen=True, kw_only=True)
class AllWeights(FineTuning):
    """Every weight goes on learning: needs the most bars, and forgets most of what the starting model knew."""

    what: ClassVar[str] = "every weight"

    def open(self, network: nn.Module) -> None:
        """See FineTuning."""
        _thaw(network)


@dataclass(frozen=True, kw_only=True)
class HeadOnly(FineTuning):
    """The output layer alone: few numbers, few bars; what the starting model sees in a window stays as it is."""

    what: ClassVar[str] = "the output layer alone"

    def open(self, network: nn.Module) -> None:
        """See FineTuning."""
        _freeze_all_but(_output(network), network)


@dataclass(frozen=True, kw_only=True)
class Adapter(FineTuning):
    """The output layer, and a change of low rank to every other matrix (Hu et al. 2022): W + up @ down.

    `up` starts at zero, so that nothing changes before something is learned; at the end the changes are added to the
    matrices, and the network has the form it had.

    Args:
        rank: Of the changes, >= 1; raises ConfigError below.
    """

    rank: int

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise ConfigError(f"finetune: rank must be at least 1, got {self.rank}")

    @property
    def what(self) -> str:
        """See FineTuning."""
        return f"the output layer, and all other matrices by rank {self.rank}"

    def open(self, network: nn.Module) -> None:
        """See FineTuning."""
        output = _output(network)
        _freeze_all_but(output, network)
        for module, name, matrix in list(_matrices(network, without=output)):
            parametrize.register_parametrization(module, name, LowRank(matrix, rank=self.rank))
        for module in network.modules():
            if isinstance(module, nn.RNNBase):
                module.register_forward_pre_hook(_renew_weights)
                with torch.no_grad():  # with a graph behind its weights it could not be copied
                    _renew_weights(module)

    def close(self, network: nn.Module) -> None:
        """See FineTuning."""
        for module in list(network.modules()):
            for name in list(getattr(module, "parametrizations", ())):
                parametrize.remove_parametrizations(module, name, leave_parametrized=True)
            if isinstance(module, nn.RNNBase):
                module._forward_pre_hooks.clear()
                _renew_weights(module)
        _thaw(network)


class LowRank(nn.Module):
    """Adds up @ down to a matrix; a tensor of more dimensions counts as the matrix of its first against the others."""

    def __init__(self, matrix: torch.Tensor, *, rank: int) -> None:
        super().__init__()
        outputs, inputs = matrix.flatten(1).shape
        self.up = nn.Parameter(torch.zeros(outputs, rank))
        self.down = nn.Parameter(torch.randn(rank, inputs) / inputs**0.5)

    def forward(self, matrix: torch.Tensor) -> torch.Tensor:
        """Return the changed matrix."""
        return matrix + (self.up @ self.down).view_as(matrix)


def _thaw(network: nn.Module) -> None:
    network.requires_grad_(requires_grad=True)
    for module in network.modules():
        for key, hook in list(module._forward_pre_hooks.items()):
            if hook is _keep_statistics:
                del module._forward_pre_hooks[key]


def _freeze_all_but(learned: nn.Module, network: nn.Module) -> None:
    network.requires_grad_(requires_grad=False)
    _thaw(learned)
    for module in set(network.modules()) - set(learned.modules()):
        if isinstance(module, _NormBase) and module.track_running_stats:
            module.register_forward_pre_hook(_keep_statistics)


def _keep_statistics(module: nn.Module, *_: Any) -> None:
    """Let a frozen normalisation use the running mean and variance it has, whatever mode the network is put in."""
    module.training = False


def _output(network: nn.Module) -> nn.Module:
    """Return the last layer, which every network of this package calls `output`, in its head where it has one."""
    output = getattr(getattr(network, "head", network), "output", None)
    if not isinstance(output, nn.Module):
        message = (
            f"finetune: {type(network).__name__} names no layer `output` (or `head.output`), the one that may change"
        )
        raise ConfigError(f"{message}; give the network's last layer that name, or change all weights: finetune=all")
    return output


def _matrices(network: nn.Module, *, without: nn.Module) -> Iterator[tuple[nn.Module, str, torch.Tensor]]:
    for module in network.modules():
        if module is without:
            continue
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.dim() >= 2:
                yield module, name, parameter


def _renew_weights(module: nn.Module, *_: Any) -> None:
    """Hand a recurrent layer its weights as they are now: it computes with a list made when they were last set."""
    assert isinstance(module, nn.RNNBase)
    module._flat_weights = [getattr(module, name) for name in module._flat_weights_names]

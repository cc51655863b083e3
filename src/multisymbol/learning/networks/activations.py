"""The activations a network may use, by the name they have in a configuration."""

from typing import Literal, get_args

from torch import nn

from multisymbol.errors import ConfigError

Activation = Literal["relu", "leaky_relu", "gelu", "silu", "tanh"]

_MODULES: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}


def activation_module(name: Activation) -> nn.Module:
    """Return a new activation; raise ConfigError for an unknown name."""
    if name not in _MODULES:
        raise ConfigError(f"model: activation must be one of {', '.join(get_args(Activation))}, got '{name}'")
    return _MODULES[name]()


def init_hidden(layer: nn.Linear | nn.Conv1d, *, activation: Activation) -> None:
    """Keep the variance of a signal through the layer and its activation (Glorot 2010 for tanh, He 2015 for others)."""
    if activation == "tanh":
        nn.init.xavier_uniform_(layer.weight, gain=nn.init.calculate_gain("tanh"))
    else:
        nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def init_output(layer: nn.Linear) -> None:
    """Start near equal probabilities, or a return of 0: a wide start costs steps to unlearn confident nonsense."""
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.zeros_(layer.bias)

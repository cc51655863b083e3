"""From a stored model to its network; nothing a bundle from elsewhere says is believed before it is checked.

A bundle names a class and its arguments. The class must be one of this package's networks, or of a package the user
trusts (`config.trust`). One of this package is built without memory (on torch's meta device), compared with the stored
tensors name by name, and only then given them; the user's own is called as it was in training.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.overrides import TorchFunctionMode

from multisymbol.config.build import build
from multisymbol.config.names import entries, registered
from multisymbol.errors import BundleError, ConfigError
from multisymbol.learning.networks.embedding import NetworkShape
from multisymbol.registry.bundle.format import Bundle

_TASK_OUTPUTS: Mapping[str, int] = {"direction": 3, "forward_return": 1}
_HARMLESS = 4096
"""A number up to this is no danger whatever it counts; a larger one must not exceed the stored numbers."""
_NAMED = 5


def rebuild(bundle: Bundle) -> nn.Module:
    """Build the network of a bundle with its stored weights, in evaluation mode.

    Raises:
        BundleError: The configuration names anything but a network of this package, or has arguments that it refuses,
            or a network of other tensors than the stored ones.
    """
    shape = _shape(bundle)
    node = bundle.config.get("model")
    if not isinstance(node, Mapping):
        raise BundleError("config.json names no network: there is no 'model'")
    sizes = {name: getattr(shape, name) for name in ("window", "symbols", "asset_classes")}
    stored = sum(tensor.numel() for tensor in bundle.weights.values())
    _refuse(_implausible({"model": node, "shape": sizes}, stored=stored))
    network = _built(node, shape=shape, tensors=len(bundle.weights))
    _refuse(_differences(network.state_dict(), bundle.weights))
    # Copies: torch aligns its own memory, that of a file lies anywhere, and products may differ in the last bits.
    copies = {name: tensor.clone() for name, tensor in bundle.weights.items()}
    network.load_state_dict(copies, assign=True)
    return network.requires_grad_(requires_grad=False).eval()


def outputs_of(bundle: Bundle) -> int:
    """Return how many numbers the network gives per window: one per class, or a single one for a return.

    Raises:
        BundleError: The task of the model is unknown.
    """
    task = bundle.metadata.get("task", "direction")
    if task not in _TASK_OUTPUTS:
        raise BundleError(f"metadata.json: task {task!r} is none of {', '.join(_TASK_OUTPUTS)}")
    return _TASK_OUTPUTS[task]


def _shape(bundle: Bundle) -> NetworkShape:
    stored, window = bundle.metadata.get("shape"), bundle.metadata["window"]
    keys = ("features", "symbols", "asset_classes")
    if not isinstance(stored, Mapping) or any(type(stored.get(key)) is not int for key in keys):
        raise BundleError(f"metadata.json: 'shape' must hold the numbers {', '.join(keys)}, got {stored!r}")
    if stored["features"] != len(bundle.spec.columns):
        message = f"the network takes {stored['features']} features, feature_spec.json has {len(bundle.spec.columns)}"
        raise BundleError(f"metadata.json: {message}")
    if type(window) is not int or window < 1:
        raise BundleError(f"metadata.json: window must be a number of bars, got {window!r}")
    return NetworkShape(**{key: stored[key] for key in keys}, window=window, classes=outputs_of(bundle))


def _implausible(node: Any, *, stored: int, path: str = "") -> list[str]:
    """List the numbers that cannot be an argument of a stored network: they are larger than all it holds."""
    is_number = isinstance(node, int | float) and not isinstance(node, bool)
    if is_number and not abs(node) <= max(_HARMLESS, stored):
        return [f"{path[1:]}: {node} is more than the {stored:,} numbers of the stored weights"]
    parts = (_implausible(value, stored=stored, path=f"{path}.{key}") for key, value in entries(node))
    return [problem for each in parts for problem in each]


def _built(node: Mapping[str, Any], *, shape: NetworkShape, tensors: int) -> nn.Module:
    """Judge and call the class a bundle names; chance is left as it was."""
    target = str(node.get("_target_"))
    try:
        with torch.random.fork_rng(devices=[]), _as_stored(target, tensors=tensors):
            network: nn.Module = build({**node, "_partial_": True}, role="network")(shape=shape)
    except (ConfigError, TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        raise BundleError(f"config.json: model cannot be built: {error}") from error
    return network


@contextmanager
def _as_stored(target: str, *, tensors: int) -> Iterator[None]:
    """Spare a network of this package memory and first values; a user's own may compute with them as it is made."""
    if registered(target) == target:
        yield
    else:
        with torch.device("meta"), _Unfilled(), _no_more_than(tensors):
            yield


class _Unfilled(TorchFunctionMode):
    """Leave new tensors as they are: the file has their values, and to draw some torch would load its compiler."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Answer a call of torch: one that would change values alone gives the tensor back."""
        named = kwargs or {}
        if func in (nn.init.normal_, torch.Tensor.normal_, torch.Tensor.mul):
            return args[0] if args else named["tensor"]
        return (torch.empty if func is torch.randn else func)(*args, **named)


@contextmanager
def _no_more_than(tensors: int) -> Iterator[None]:
    """Stop a network that takes more parameters than there are stored tensors: layers without end."""
    taken = 0

    def count(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal taken
        taken += parameter is not None and parameter.is_meta
        if taken > tensors:
            raise ValueError(f"it has more than the {tensors} stored tensors")

    handle = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        handle.remove()


def _differences(expected: Mapping[str, torch.Tensor], stored: Mapping[str, torch.Tensor]) -> list[str]:
    """List how stored tensors differ from those of the network."""
    lost = [f"{name} is missing" for name in expected if name not in stored]
    unknown = [f"{name} does not belong to the network" for name in stored if name not in expected]
    other = [
        f"{name}: {_form(tensor)} stored, the network has {_form(expected[name])}"
        for name, tensor in stored.items()
        if name in expected and _form(tensor) != _form(expected[name])
    ]
    return [*lost, *unknown, *other]


def _form(tensor: torch.Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def _refuse(problems: list[str]) -> None:
    if problems:
        more = [f"and {len(problems) - _NAMED} more"] if len(problems) > _NAMED else []
        heading = "the network of the stored model does not fit its weights; nothing was loaded"
        raise BundleError("\n  ".join([heading, *problems[:_NAMED], *more]))

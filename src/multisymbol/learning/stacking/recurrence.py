"""GRU and LSTM layers of many models at once, which torch's own kernels cannot do.

The backward pass is written out: it keeps what it needs and nothing else, and so costs less than that of torch's own
GRU on one core. Gates have torch's order and equations (`torch.nn.GRU`, `torch.nn.LSTM`).
"""

# M model, B batch, T time, F feature, H hidden, G gates * H

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from multisymbol.errors import ConfigError
from multisymbol.learning.stacking.noise import NoiseTape

_aten = torch.ops.aten


class _Weights(NamedTuple):
    """One layer's, of all models: (M, G, F), (M, G, H), (M, G), (M, G)."""

    input: torch.Tensor
    hidden: torch.Tensor
    input_bias: torch.Tensor
    hidden_bias: torch.Tensor


class _Slopes:
    """Sums over the bars of the gradients of one layer."""

    def __init__(self, x_MBTF: torch.Tensor, weights: _Weights, *, wants_x: bool) -> None:
        self._x_MBTF = x_MBTF
        self._weights = weights
        self._sums = _Weights(*(torch.zeros_like(tensor) for tensor in weights))
        self._x = torch.empty_like(x_MBTF, memory_format=torch.contiguous_format) if wants_x else None

    def add(self, bar: int, from_input_MBG: torch.Tensor, from_hidden_MBG: torch.Tensor, h_MBH: torch.Tensor) -> None:
        """Add one bar's, given the gradients of what its gates got from the input and from the state."""
        self._sums.input.baddbmm_(from_input_MBG.transpose(1, 2), self._x_MBTF[:, :, bar])
        self._sums.hidden.baddbmm_(from_hidden_MBG.transpose(1, 2), h_MBH)
        self._sums.input_bias.add_(from_input_MBG.sum(1))
        self._sums.hidden_bias.add_(from_hidden_MBG.sum(1))
        if self._x is not None:
            self._x[:, :, bar] = torch.bmm(from_input_MBG, self._weights.input)

    def all(self) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of input and weights."""
        return self._x, *self._sums


class GruLayer(Function):
    """h = n + z (h' - n), n = tanh(Wn x + r (Un h' + bn)), r and z = sigmoid(W x + U h')."""

    @staticmethod
    def forward(ctx: Any, x_MBTF: torch.Tensor, *given: torch.Tensor) -> torch.Tensor:
        """Return the states after each bar, shape (M, B, T, H)."""
        weights = _Weights(*given)
        models, batch, bars, _ = x_MBTF.shape
        width = weights.hidden.shape[2]
        rz = x_MBTF.new_empty(bars, models, batch, 2 * width)
        new = x_MBTF.new_empty(bars, models, batch, width)
        inner = torch.empty_like(new)
        h = x_MBTF.new_zeros(bars + 1, models, batch, width)
        for bar in range(bars):
            from_input = _affine(x_MBTF[:, :, bar], weights.input, weights.input_bias)
            from_hidden = _affine(h[bar], weights.hidden, weights.hidden_bias)
            torch.add(from_input[..., : 2 * width], from_hidden[..., : 2 * width], out=rz[bar]).sigmoid_()
            inner[bar] = from_hidden[..., 2 * width :]
            torch.addcmul(from_input[..., 2 * width :], rz[bar, ..., :width], inner[bar], out=new[bar]).tanh_()
            torch.lerp(new[bar], h[bar], rz[bar, ..., width:], out=h[bar + 1])
        ctx.save_for_backward(x_MBTF, *weights, rz, new, inner, h)
        return h[1:].permute(1, 2, 0, 3)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope_MBTH: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of input and weights."""
        x_MBTF, *given, rz, new, inner, h = ctx.saved_tensors
        weights = _Weights(*given)
        bars, models, batch, width = new.shape
        slopes = _Slopes(x_MBTF, weights, wants_x=ctx.needs_input_grad[0])
        from_input, from_hidden = (x_MBTF.new_empty(models, batch, 3 * width) for _ in range(2))
        dh = x_MBTF.new_zeros(models, batch, width)
        for bar in reversed(range(bars)):
            r, z = torch.split(rz[bar], width, dim=-1)
            dh = dh + slope_MBTH[:, :, bar]
            kept = dh * z
            dn = _aten.tanh_backward(dh - kept, new[bar])
            torch.mul(dn, inner[bar], out=from_input[..., :width])
            torch.mul(dh, h[bar] - new[bar], out=from_input[..., width : 2 * width])
            from_hidden[..., : 2 * width] = _aten.sigmoid_backward(from_input[..., : 2 * width], rz[bar])
            from_input[..., : 2 * width] = from_hidden[..., : 2 * width]
            from_input[..., 2 * width :] = dn
            torch.mul(dn, r, out=from_hidden[..., 2 * width :])
            slopes.add(bar, from_input, from_hidden, h[bar])
            dh = torch.baddbmm(kept, from_hidden, weights.hidden)
        return slopes.all()


class LstmLayer(Function):
    """c = f c' + i g, h = o tanh(c); i, f, o = sigmoid(W x + U h'), g = tanh(...)."""

    @staticmethod
    def forward(ctx: Any, x_MBTF: torch.Tensor, *given: torch.Tensor) -> torch.Tensor:
        """Return the states after each bar, shape (M, B, T, H)."""
        weights = _Weights(*given)
        models, batch, bars, _ = x_MBTF.shape
        width = weights.hidden.shape[2]
        gates = x_MBTF.new_empty(bars, models, batch, 4 * width)
        c, h = (x_MBTF.new_zeros(bars + 1, models, batch, width) for _ in range(2))
        bias = weights.input_bias + weights.hidden_bias
        for bar in range(bars):
            from_input = _affine(x_MBTF[:, :, bar], weights.input, bias)
            torch.baddbmm(from_input, h[bar], weights.hidden.transpose(1, 2), out=gates[bar])
            i, f, g, o = torch.split(gates[bar], width, dim=-1)
            gates[bar, ..., : 2 * width].sigmoid_()
            g.tanh_()
            o.sigmoid_()
            torch.addcmul(i * g, f, c[bar], out=c[bar + 1])
            torch.mul(o, c[bar + 1].tanh(), out=h[bar + 1])
        ctx.save_for_backward(x_MBTF, *weights, gates, c, h)
        return h[1:].permute(1, 2, 0, 3)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope_MBTH: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of input and weights."""
        x_MBTF, *given, gates, c, h = ctx.saved_tensors
        weights = _Weights(*given)
        _, models, batch, width = h.shape
        bars = len(gates)
        slopes = _Slopes(x_MBTF, weights, wants_x=ctx.needs_input_grad[0])
        slope = x_MBTF.new_empty(models, batch, 4 * width)
        dh, dc = (x_MBTF.new_zeros(models, batch, width) for _ in range(2))
        for bar in reversed(range(bars)):
            i, f, g, o = torch.split(gates[bar], width, dim=-1)
            squashed = c[bar + 1].tanh()
            dh = dh + slope_MBTH[:, :, bar]
            dc = dc + _aten.tanh_backward(dh * o, squashed)
            torch.mul(dc, g, out=slope[..., :width])
            torch.mul(dc, c[bar], out=slope[..., width : 2 * width])
            slope[..., : 2 * width] = _aten.sigmoid_backward(slope[..., : 2 * width], gates[bar, ..., : 2 * width])
            slope[..., 2 * width : 3 * width] = _aten.tanh_backward(dc * i, g)
            slope[..., 3 * width :] = _aten.sigmoid_backward(dh * squashed, o)
            slopes.add(bar, slope, slope, h[bar])
            dc = dc * f
            dh = torch.bmm(slope, weights.hidden)
        return slopes.all()


def _affine(x_MBF: torch.Tensor, weight_MGF: torch.Tensor, bias_MG: torch.Tensor) -> torch.Tensor:
    return torch.baddbmm(bias_MG[:, None], x_MBF, weight_MGF.transpose(1, 2))


class _OfOne(Function):
    """A layer of one model, which under `torch.vmap` becomes the layer of all."""

    @staticmethod
    def forward(layer: type[GruLayer | LstmLayer], x_BTF: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        """Return the states, shape (B, T, H)."""
        states: torch.Tensor = layer.apply(  # type: ignore[no-untyped-call]
            x_BTF[None], *(tensor[None] for tensor in weights)
        )
        return states[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        """Keep nothing: gradients are those of the layer of all."""

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], layer: type[GruLayer | LstmLayer], *tensors: torch.Tensor
    ) -> tuple[torch.Tensor, int]:
        """Return the states of all models, and that models are the first axis."""
        stacked = [
            tensor.expand(info.batch_size, *tensor.shape) if dim is None else tensor.movedim(dim, 0)
            for tensor, dim in zip(tensors, in_dims[1:], strict=True)
        ]
        return layer.apply(*stacked), 0  # type: ignore[no-untyped-call]


class Recurrence(nn.Module):
    """A `torch.nn.GRU` or `torch.nn.LSTM` as a stack can hold it: the same parameters, names and results.

    Its matrices may be parametrized (`torch.nn.utils.parametrize`), as `finetuning.Adapter` does. Raises ConfigError
    for other forms than batch_first, one direction, with biases, no projection.
    """

    def __init__(self, given: nn.RNNBase, *, chance: NoiseTape) -> None:
        super().__init__()
        plain = given.batch_first and given.bias and not (given.bidirectional or given.proj_size)
        if given.mode not in _LAYERS or not plain:
            raise ConfigError(
                f"model: {given} cannot be stacked; GRU and LSTM can, batch_first, in one direction, with biases"
            )
        self._layer = _LAYERS[given.mode]
        self._layers, self._dropout, self._chance = given.num_layers, given.dropout, chance
        for name, parameter in given.named_parameters(recurse=False):
            self.register_parameter(name, parameter)
        self.parametrizations = getattr(given, "parametrizations", nn.ModuleDict())

    def forward(self, x_BTF: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Return the top layer's states, shape (B, T, H), and nothing of the state inside."""
        for layer in range(self._layers):
            if layer and self.training and self._dropout:
                # torch drops between layers with time first.
                x_BTF = x_BTF * self._chance.kept(x_BTF.transpose(0, 1), p=self._dropout).transpose(0, 1)
            x_BTF = _OfOne.apply(self._layer, x_BTF, *self._weights(layer))  # type: ignore[no-untyped-call]
        return x_BTF, None

    def _weights(self, layer: int) -> Sequence[torch.Tensor]:
        names = (f"weight_ih_l{layer}", f"weight_hh_l{layer}", f"bias_ih_l{layer}", f"bias_hh_l{layer}")
        changed = self.parametrizations
        return [changed[name]() if name in changed else getattr(self, name) for name in names]


_LAYERS: dict[str, type[GruLayer | LstmLayer]] = {"GRU": GruLayer, "LSTM": LstmLayer}

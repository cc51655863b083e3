"""A temporal convolutional network: each position sees bars up to its own, twice as far back with every block."""

# B batch, T time, F feature, H channel, C output

import math

import torch
from torch import nn
from torch.nn import functional

from multisymbol.learning.networks.embedding import EmbeddingKind, NetworkShape, SymbolEmbedding
from multisymbol.learning.networks.parts import Activation, Head, activation_module, check_sizes, init_hidden


class Tcn(nn.Module):
    """Causal dilated residual convolutions (Bai, Kolter and Koltun 2018); the last position gives the output.

    Block k looks back in steps of 2^k bars, so that `blocks` blocks see 1 + 2 (kernel - 1) (2^blocks - 1) bars. A
    window longer than that would hold bars nobody looks at: it is refused.

    Args:
        channels: Width of each layer, >= 1.
        kernel: Taps of a convolution, >= 2.
        blocks: Residual blocks of two convolutions each; None: as few as see the whole window.
        dropout: Share of units dropped after each convolution and before the output in training, 0 <= p < 1.
        activation: After each convolution.
        embedding: What the network may know of the symbol; embedding_dim and unknown_dropout as in SymbolEmbedding.
        shape: What the data fix.

    Raises:
        ConfigError: A value outside its range, or blocks that do not see the whole window.
    """

    def __init__(
        self,
        *,
        channels: int,
        kernel: int,
        blocks: int | None,
        dropout: float,
        activation: Activation,
        embedding: EmbeddingKind,
        embedding_dim: int,
        unknown_dropout: float,
        shape: NetworkShape,
    ) -> None:
        super().__init__()
        count = blocks_for(shape.window, kernel=kernel) if blocks is None else blocks
        check_sizes(
            {"channels": channels, "blocks": count},
            dropout=dropout,
            further=_problem(count, kernel=kernel, window=shape.window),
        )
        inputs = [shape.features, *[channels] * (count - 1)]
        self.blocks = nn.Sequential(
            *(
                ConvolutionBlock(
                    inputs=width,
                    channels=channels,
                    kernel=kernel,
                    dilation=2**place,
                    dropout=dropout,
                    activation=activation,
                )
                for place, width in enumerate(inputs)
            )
        )
        known = SymbolEmbedding(kind=embedding, dim=embedding_dim, unknown_dropout=unknown_dropout, shape=shape)
        self.head = Head(known, inputs=channels, dropout=dropout, outputs=shape.classes)

    def forward(self, x_BTF: torch.Tensor, symbol_slot_B: torch.Tensor, class_slot_B: torch.Tensor) -> torch.Tensor:
        """Return the output, shape (B, C)."""
        output_BC: torch.Tensor = self.head(self.states(x_BTF)[:, -1], symbol_slot_B, class_slot_B)
        return output_BC

    def states(self, x_BTF: torch.Tensor) -> torch.Tensor:
        """Return what the network knows at each bar's close, from that bar and earlier ones. Shape (B, T, H)."""
        state_BHT: torch.Tensor = self.blocks(x_BTF.transpose(1, 2))
        return state_BHT.transpose(1, 2)


class ConvolutionBlock(nn.Module):
    """x + two causal convolutions of x; a 1 x 1 convolution brings x to the block's width where it has another."""

    def __init__(
        self, *, inputs: int, channels: int, kernel: int, dilation: int, dropout: float, activation: Activation
    ) -> None:
        super().__init__()
        self.first = nn.Conv1d(inputs, channels, kernel, dilation=dilation)
        init_hidden(self.first, activation=activation)
        self.second = nn.Conv1d(channels, channels, kernel, dilation=dilation)
        init_hidden(self.second, activation=activation)
        self.activation = activation_module(activation)
        self.dropout = nn.Dropout(dropout)
        self.skip = nn.Conv1d(inputs, channels, 1) if inputs != channels else nn.Identity()
        self._before = (kernel - 1) * dilation

    def forward(self, x_BFT: torch.Tensor) -> torch.Tensor:
        """Return the states, shape (B, H, T)."""
        hidden_BHT = self._convolved(self.first, x_BFT)
        state_BHT: torch.Tensor = self.skip(x_BFT) + self._convolved(self.second, hidden_BHT)
        return state_BHT

    def _convolved(self, convolution: nn.Conv1d, x_BFT: torch.Tensor) -> torch.Tensor:
        # Padded at the past end alone: a tap never lies after its position.
        padded = functional.pad(x_BFT, (self._before, 0))
        result: torch.Tensor = self.dropout(self.activation(convolution(padded)))
        return result


def blocks_for(window: int, *, kernel: int) -> int:
    """Return the fewest blocks, at least one, that see a window of so many bars."""
    reach = 2 * max(kernel - 1, 1)
    return max(1, math.ceil(math.log2((window - 1) / reach + 1)))


def bars_seen(blocks: int, *, kernel: int) -> int:
    """Return how many bars the last position sees, itself included."""
    return int(1 + 2 * (kernel - 1) * (2**blocks - 1))


def _problem(blocks: int, *, kernel: int, window: int) -> str | None:
    if kernel < 2:
        return f"kernel must be 2 or more, got {kernel}: a single tap sees no other bar"
    if blocks < 1 or bars_seen(blocks, kernel=kernel) >= window:
        return None
    return (
        f"{blocks} blocks of kernel {kernel} see {bars_seen(blocks, kernel=kernel)} bars of a window of {window}; take "
        f"blocks={blocks_for(window, kernel=kernel)}, blocks=null (as many as needed), or a shorter window"
    )

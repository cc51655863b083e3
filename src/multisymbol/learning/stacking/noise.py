"""Chance in a stack: every model draws what it would draw alone, from the generator it would have seeded."""

# M model, B batch

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import nn

from multisymbol.learning.networks.embedding import SymbolEmbedding
from multisymbol.seeding import named_seed


class Draw(NamedTuple):
    """One use of chance in a forward pass of one model, for numbers of a shape.

    `kept`: 0 with probability p, else 1 / (1 - p), as dropout multiplies with; `uniform`: in [0, 1).
    """

    kind: Literal["kept", "uniform"]
    shape: tuple[int, ...]
    p: float


class NoiseTape:
    """Hands out numbers drawn beforehand in the order of the forward pass; or notes which ones it asks for.

    Under `torch.vmap` nothing can be drawn per model, and a draw for all would depend on who else is in the stack.
    """

    def __init__(self) -> None:
        self._numbers: list[torch.Tensor] = []
        self._noted: list[Draw] | None = None

    def note(self) -> list[Draw]:
        """Note from here on what is asked for, in the list returned."""
        self._noted = []
        return self._noted

    def give(self, numbers: Sequence[torch.Tensor]) -> None:
        """Hand these out, one after another."""
        self._noted, self._numbers = None, list(reversed(numbers))

    def kept(self, like: torch.Tensor, *, p: float) -> torch.Tensor:
        """Return what dropout multiplies a tensor of this shape with."""
        return self._next(Draw("kept", tuple(like.shape), p), like)

    def uniform(self, shape: torch.Size, like: torch.Tensor) -> torch.Tensor:
        """Return uniform numbers."""
        return self._next(Draw("uniform", tuple(shape), 0.0), like)

    def _next(self, draw: Draw, like: torch.Tensor) -> torch.Tensor:
        if self._noted is None:
            return self._numbers.pop()
        self._noted.append(draw)
        return torch.ones(draw.shape, device=like.device)


class PerModelRNG:
    """Draws the numbers of one step for several models, each from its own seed, as `DirectionModule` seeds it.

    Numbers differ between kinds of devices, as they do for a network alone.
    """

    def __init__(self, draws: Sequence[Draw], *, seeds: Sequence[int], device: torch.device) -> None:
        self._draws = draws
        self._seeds = seeds
        self._generator = torch.Generator(device)
        self._numbers = [torch.empty(len(seeds), *draw.shape, device=device) for draw in draws]

    def throw(self, models: int, *, epoch: int, step: int) -> list[torch.Tensor]:
        """Return the numbers of the first so many models, each (models, *shape); they hold until the next throw."""
        if not self._draws:
            return []
        for model, seed in enumerate(self._seeds[:models]):
            self._generator.manual_seed(named_seed(seed, "dropout", epoch, step, 0))
            for draw, numbers in zip(self._draws, self._numbers, strict=True):
                if draw.kind == "kept":
                    numbers[model].bernoulli_(1 - draw.p, generator=self._generator)
                else:
                    numbers[model].uniform_(generator=self._generator)
        return [
            numbers[:models].div_(1 - draw.p) if draw.kind == "kept" else numbers[:models]
            for draw, numbers in zip(self._draws, self._numbers, strict=True)
        ]


class StackedDropout(nn.Module):
    """`torch.nn.Dropout` with numbers from a NoiseTape."""

    def __init__(self, p: float, *, chance: NoiseTape) -> None:
        super().__init__()
        self._p = p
        self._chance = chance

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the units that are kept, scaled up."""
        return x * self._chance.kept(x, p=self._p) if self.training and self._p > 0 else x


class StackedEmbedding(SymbolEmbedding):
    """`SymbolEmbedding` with numbers from a NoiseTape."""

    def __init__(self, given: SymbolEmbedding, *, chance: NoiseTape) -> None:
        nn.Module.__init__(self)
        self.kind, self.dim, self.unknown_dropout = given.kind, given.dim, given.unknown_dropout
        self.vectors = given.vectors
        self._chance = chance

    def _uniform(self, slot_B: torch.Tensor) -> torch.Tensor:
        return self._chance.uniform(slot_B.shape, slot_B)

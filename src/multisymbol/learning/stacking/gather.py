"""Samples of several models side by side: each model's own, from its own panel, gathered into one buffer."""

# M model, N sample of one model, B batch, T time, F feature

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch

from multisymbol.learning.losses import ClassLoss, Loss
from multisymbol.learning.stacking.network import Inputs
from multisymbol.samples.windows import WindowDataset, overlapping


@dataclass(frozen=True, kw_only=True, slots=True)
class Samples:
    """Samples of M models, in the order each takes them, filled up to the longest with what is never looked at."""

    counts: tuple[int, ...]  # how many each model has
    start: torch.Tensor  # first row of their windows in the model's features, int64, shape (M, N); likewise the others
    truth: torch.Tensor  # what outputs are compared with
    weight: torch.Tensor  # in the loss, that of the class included; float32
    symbol_slot: torch.Tensor
    class_slot: torch.Tensor

    def part(self, models: int, start: int, stop: int) -> "Samples":
        """Return samples start..stop of the first models."""
        counts = tuple(min(count, stop) - start for count in self.counts[:models])
        tensors = (each.name for each in fields(self) if each.name != "counts")
        return Samples(counts=counts, **{name: getattr(self, name)[:models, start:stop] for name in tensors})


def samples(
    datasets: Sequence[WindowDataset],
    positions: Sequence[torch.Tensor],
    *,
    losses: Sequence[Loss],
    device: torch.device,
) -> Samples:
    """Look up each model's samples, but for their windows."""
    batches = [dataset.without_windows(own) for dataset, own in zip(datasets, positions, strict=True)]
    truths = [loss.task.truth(batch) for loss, batch in zip(losses, batches, strict=True)]
    weights = [
        loss.weight_C.float().cpu()[batch.y_B] * batch.weight_B if isinstance(loss, ClassLoss) else batch.weight_B
        for loss, batch in zip(losses, batches, strict=True)
    ]

    def beside(rows: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True).to(device)

    return Samples(
        counts=tuple(map(len, positions)),
        start=beside([dataset.starts(own) for dataset, own in zip(datasets, positions, strict=True)]),
        truth=beside(truths),
        weight=beside(weights),
        symbol_slot=beside([batch.symbol_slot_B for batch in batches]),
        class_slot=beside([batch.class_slot_B for batch in batches]),
    )


class Panels:
    """Features on a device: each array once, however many models look at it."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._moved: dict[int, torch.Tensor] = {}

    def windows(self, dataset: WindowDataset) -> torch.Tensor:
        """Return every window of a dataset, overlapping, shape (rows, T * F)."""
        place = dataset.features.data_ptr()
        if place not in self._moved:
            self._moved[place] = dataset.features.to(self._device)
        return overlapping(self._moved[place], window=dataset.window)


class Gather:
    """Copies windows of several models, as `Panels` gives them, into one buffer, used again for every batch."""

    def __init__(self, windows: Sequence[torch.Tensor], *, width: int, rows: int) -> None:
        self._width = width
        self._buffer = windows[0].new_empty(len(windows) * rows, windows[0].shape[1])
        self._runs = list(_runs(windows))

    def __call__(self, part: Samples) -> Inputs:
        """Return what the network takes; it holds until the next call."""
        models, rows = part.start.shape
        for first, last, windows in self._runs:
            stop = min(last, models)
            if first >= stop:
                break
            target = self._buffer[first * rows : stop * rows]
            torch.index_select(windows, 0, part.start[first:stop].reshape(-1), out=target)
        x = self._buffer[: models * rows].view(models, rows, -1, self._width)
        return Inputs(x=x, symbol_slot=part.symbol_slot, class_slot=part.class_slot)


def _runs(windows: Sequence[torch.Tensor]) -> Sequence[tuple[int, int, torch.Tensor]]:
    """Return runs of neighbours with the same windows: first, one past the last, the windows."""
    starts = [
        index for index, own in enumerate(windows) if index == 0 or own.data_ptr() != windows[index - 1].data_ptr()
    ]
    return [(start, stop, windows[start]) for start, stop in zip(starts, [*starts[1:], len(windows)], strict=True)]

"""Forward passes of a stack without gradients: each model over samples of its own."""

# M model, B batch, C output
# ruff: noqa: N815 (fields carry shape letters)

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch

from multisymbol.learning.stacking.gather import Gather, Panels, samples
from multisymbol.learning.stacking.members import StackMember
from multisymbol.learning.stacking.network import Layout, StackedNetwork

ROWS_AT_ONCE = 2048
"""Samples in one pass on a CPU: more do not fit its caches, fewer pay for Python (measured)."""


class EvaluationBlock(NamedTuple):
    """Outputs of one forward pass: of which models and samples, (rows, C), (rows,), (rows,)."""

    output_BC: torch.Tensor
    model_B: torch.Tensor
    truth_B: torch.Tensor


class StackEvaluation:
    """Forward passes over samples of several members, without gradients.

    Args:
        network: Of any of the members.
        members: In the order of `rows`.
        positions: Of the samples of each.
        rows: Their weights, as `layout` has them. Shape (M, P).
        layout: Of a row.
        panels: Features on the device.
    """

    def __init__(
        self,
        network: StackedNetwork,
        members: Sequence[StackMember],
        positions: Sequence[torch.Tensor],
        *,
        rows: torch.Tensor,
        layout: Layout,
        panels: Panels,
    ) -> None:
        self._rows, self._layout = rows, layout
        self._network = network
        self._windows = [panels.windows(member.dataset) for member in members]
        self._width = members[0].dataset.features.shape[1]
        self._task = members[0].loss.task
        self._log_weights = torch.stack([member.loss.log_weights.cpu() for member in members])
        losses = [member.loss for member in members]
        self._samples = samples([each.dataset for each in members], positions, losses=losses, device=rows.device)

    def blocks(self, batch_size: int) -> Iterator[EvaluationBlock]:
        """Yield outputs, so many at a time at most; each model's in order."""
        device, counts = self._rows.device, self._samples.counts
        rows = min(batch_size, ROWS_AT_ONCE) if device.type == "cpu" else batch_size
        size = max(1, min(rows // len(counts), max(counts)))
        gather = Gather(self._windows, width=self._width, rows=size)
        for start in range(0, max(counts), size):
            models = max(model for model, count in enumerate(counts) if count > start) + 1
            part = self._samples.part(models, start, min(start + size, max(counts)))
            output_MBC = self._network.outputs(self._layout.views(self._rows[:models]), gather(part))
            held_M1 = torch.tensor(part.counts, device=device)[:, None]
            real_MB = torch.arange(part.start.shape[1], device=device) < held_M1
            yield EvaluationBlock(output_MBC[real_MB], real_MB.nonzero()[:, 0], part.truth[real_MB])

    def outputs(self, batch_size: int) -> list[torch.Tensor]:
        """Return each model's outputs, shape (n, C), on the CPU."""
        blocks = list(self.blocks(batch_size))
        output = torch.cat([torch.empty(0, self._task.outputs), *(block.output_BC.cpu() for block in blocks)])
        model = torch.cat([torch.empty(0, dtype=torch.int64), *(block.model_B.cpu() for block in blocks)])
        return [output[model == index] for index in range(len(self._samples.counts))]

    def scores(self, batch_size: int) -> list[float]:
        """Return each model's score, of those its task is watched by."""
        tally = self._task.tally(len(self._samples.counts))
        log_weights = self._log_weights
        for block in self.blocks(batch_size):
            forecast = self._task.forecast(block.output_BC.cpu(), log_weights[block.model_B.cpu()])
            tally.update(forecast, block.truth_B.cpu(), block.model_B.cpu())
        return [self._task.score(scores) for scores in tally.by_symbol()]

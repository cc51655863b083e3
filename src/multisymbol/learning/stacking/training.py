"""A stack on its way: its epochs, chunk by chunk."""

# M model

import copy
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from typing import NamedTuple

import torch

from multisymbol.learning.stacking.evaluation import ROWS_AT_ONCE, StackEvaluation
from multisymbol.learning.stacking.gather import Gather, Panels, samples
from multisymbol.learning.stacking.members import (
    StackEpoch,
    StackMember,
    StackRecipe,
    StackResult,
    check_finite,
    check_samples,
    identity,
)
from multisymbol.learning.stacking.network import StackedNetwork, layout_of
from multisymbol.learning.stacking.noise import Draw, PerModelRNG
from multisymbol.learning.stacking.state import Gradients, OptimizerState, StackState


class _Chunk(NamedTuple):
    """Places of the stack, start..stop, that are computed together: all with batches of `rows` samples."""

    start: int
    stop: int
    rows: int


class Training:
    """Members that are checked to be alike, and their state; raises as `fit_stack`."""

    def __init__(self, members: Sequence[StackMember], recipe: StackRecipe) -> None:
        self._members, self._recipe = members, recipe
        self._samplers = [copy.copy(member.sampler) for member in members]  # threads must not share an epoch
        self._layout, self._learning = layout_of(members[0].network), layout_of(members[0].network, learning=True)
        self._panels = Panels(recipe.device)
        first = [self._order(member, 0) for member in range(len(members))]
        check_samples(members, first)
        self._batches = [len(sampler) for sampler in self._samplers]
        self._rows = [len(order) // batches for order, batches in zip(first, self._batches, strict=True)]
        rows = torch.stack([self._layout.row(member.network.state_dict()) for member in members])
        self._networks: dict[int, StackedNetwork] = {}
        self._draws: dict[int, list[Draw]] = {}
        self.state = StackState(
            rows.to(recipe.device),
            learning=self._learning.width,
            paces=[OptimizerState(recipe.optimizer, recipe.schedule) for _ in members],
            running=sorted(range(len(members)), key=self._place),
        )

    def identity(self) -> str:
        """Return what tells this stack from another."""
        return identity(self._members, [self._order(member, 0) for member in range(len(self._members))], self._recipe)

    def epoch(self) -> StackEpoch:
        """Train and score all running members for an epoch; raises SampleError where a score is no number."""
        state, recipe = self.state, self._recipe
        ran = [self._members[member].name for member in state.running]
        chunks = self._chunks()
        with _cores(recipe.threads) as pool:
            parts = list(pool.map(self._chunk_epoch, chunks) if pool else map(self._chunk_epoch, chunks))
        losses, scores = zip(*(pair for part in parts for pair in part), strict=True)
        check_finite(ran, losses, scores)
        state.close_epoch(losses, scores, min_delta=recipe.min_delta)
        state.drop([member for member in state.running if state.progress[member].stopped(recipe.patience)])
        return StackEpoch(epoch=state.epoch, scores=dict(zip(ran, scores, strict=True)), running=len(state.running))

    def results(self) -> list[StackResult]:
        """Return what each member has come to."""
        return [
            history.result(member.name, self._layout.weights(best), batches=batches, patience=self._recipe.patience)
            for member, history, best, batches in zip(
                self._members, self.state.progress, self.state.best, self._batches, strict=True
            )
        ]

    def _place(self, member: int) -> tuple[int, int, int, int]:
        """Sort: equal batches and equal features beside each other, and last those whose epochs end first."""
        places = [other.dataset.features.data_ptr() for other in self._members]
        features = places.index(places[member])
        return -self._rows[member], -self._batches[member], features, member

    def _order(self, member: int, epoch: int) -> torch.Tensor:
        """Return the ledger positions of an epoch, batch after batch."""
        sampler = self._samplers[member]
        sampler.set_epoch(epoch)
        return torch.cat(list(sampler))

    def _chunks(self) -> list[_Chunk]:
        """Cut the stack where batches differ, and on a CPU into even parts that fit its caches."""
        sizes = [self._rows[member] for member in self.state.running]
        chunks = []
        for rows in sorted(set(sizes), reverse=True):
            first, count = sizes.index(rows), sizes.count(rows)
            most = max(1, ROWS_AT_ONCE // rows) if self._recipe.device.type == "cpu" else count
            parts = math.ceil(count / most)
            edges = [first + count * part // parts for part in range(parts + 1)]
            chunks += [_Chunk(start, stop, rows) for start, stop in pairwise(edges)]
        return chunks

    def _chunk_epoch(self, chunk: _Chunk) -> list[tuple[float, float]]:
        """Return each model's train loss and validation score."""
        members = [self._members[member] for member in self.state.running[chunk.start : chunk.stop]]
        losses = self._learn(chunk, members)
        evaluation = StackEvaluation(
            self._network(chunk),
            members,
            [torch.tensor(member.validation) for member in members],
            rows=self.state.weights[chunk.start : chunk.stop],
            layout=self._layout,
            panels=self._panels,
        )
        return list(zip(losses, evaluation.scores(self._recipe.eval_batch_size), strict=True))

    def _network(self, chunk: _Chunk) -> StackedNetwork:
        """Return a network for the chunk at this place: threads must not share one, since it is given weights."""
        if chunk.start not in self._networks:
            first = self._members[0]
            self._networks[chunk.start] = StackedNetwork(first.network, loss=first.loss, device=self._recipe.device)
        return self._networks[chunk.start]

    def _learn(self, chunk: _Chunk, members: Sequence[StackMember]) -> list[float]:
        """Make an epoch's steps; return the mean loss of each member."""
        device, epoch, size = self._recipe.device, self.state.epoch, chunk.rows
        numbers = self.state.running[chunk.start : chunk.stop]
        batches = [self._batches[number] for number in numbers]
        network = self._network(chunk)
        orders, losses = [self._order(number, epoch) for number in numbers], [member.loss for member in members]
        held = samples([member.dataset for member in members], orders, losses=losses, device=device)
        windows = [self._panels.windows(member.dataset) for member in members]
        gather = Gather(windows, width=members[0].dataset.features.shape[1], rows=size)
        if size not in self._draws:
            self._draws[size] = network.draws(gather(held.part(1, 0, size)))
        dice = PerModelRNG(self._draws[size], seeds=[member.seed for member in members], device=device)
        slopes = Gradients(self._learning, models=len(members), clip=self._recipe.clip, device=device)
        total = torch.zeros(len(members), dtype=torch.float64, device=device)
        for step in range(batches[0]):
            models = sum(count > step for count in batches)
            part = held.part(models, step * size, (step + 1) * size)
            views = self._layout.views(self.state.weights[chunk.start : chunk.start + models])
            learns = self._learning.shapes
            weights = {name: view.detach().requires_grad_(name in learns) for name, view in views.items()}
            loss_M = network.losses(
                weights,
                gather(part),
                truth_MB=part.truth,
                weight_MB=part.weight,
                numbers=dice.throw(models, epoch=epoch, step=step),
            )
            gradients = torch.autograd.grad(loss_M.sum(), [weights[name] for name in learns])
            self.state.step(chunk.start, slopes.rows(gradients))
            total[:models] += loss_M.detach()
        return (total.cpu() / torch.tensor(batches)).tolist()


@contextmanager
def _cores(threads: int) -> Iterator[ThreadPoolExecutor | None]:
    """Give a pool whose every thread uses one core; None for one thread."""
    if threads == 1:
        yield None
        return
    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(before)

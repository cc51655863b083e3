"""Networks that cannot be stacked: found before training, and trained one by one to what Lightning makes of each."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from multisymbol.errors import ConfigError, SampleError
from multisymbol.learning.finetuning import Adapter
from multisymbol.learning.schedules import Schedule
from multisymbol.learning.stacking import one_by_one
from multisymbol.learning.stacking.fit import StackRecipe, fit_stack
from multisymbol.learning.stacking.one_by_one import fit_one_by_one, predict_one_by_one
from multisymbol.learning.stacking.probe import stack_problem
from multisymbol.samples.fold import TEST
from multisymbol.serving.inference import predict_probabilities
from tests.learning.stacking.stacks import RECIPE, SHAPE, WORLD, alone, mlp, single, singles
from tests.learning.stacking.test_stack import NETWORKS, assert_close, members, opened, same_bits
from tests.learning.test_resuming import one_cycle, plateau

CPU = torch.device("cpu")


class Free(nn.Module):
    """A network as a user writes one: a hidden layer, and something in between."""

    def __init__(self, inner: nn.Module | None = None) -> None:
        super().__init__()
        self.hidden = nn.Linear(SHAPE.features * SHAPE.window, 6)
        self.inner = inner or nn.Identity()
        self.output = nn.Linear(6, 3)

    def forward(self, x_BTF: torch.Tensor, symbol_slot_B: torch.Tensor, class_slot_B: torch.Tensor) -> torch.Tensor:
        output_BC: torch.Tensor = self.output(torch.relu(self.inner(self.hidden(x_BTF.flatten(1)))))
        return output_BC


class Branching(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1 if x.sum().item() > 0 else x


class Noisy(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.rand_like(x) if self.training else x


class Doubling(nn.Dropout):
    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return 2 * input


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def batch_norm() -> nn.Module:
    return Free(nn.BatchNorm1d(6))


SGD = functools.partial(torch.optim.SGD, lr=0.1, momentum=0.9)


@pytest.mark.parametrize(
    ("make", "optimizer", "why"),
    [
        (mlp, RECIPE.optimizer, ""),
        *((own, RECIPE.optimizer, "") for own in (NETWORKS["lstm_dropout"], NETWORKS["transformer_dropout"], Free)),
        (opened(Adapter(rank=1), NETWORKS["gru"]), RECIPE.optimizer, ""),
        (batch_norm, RECIPE.optimizer, "BatchNorm1d"),
        (lambda: Free(Counting()), RECIPE.optimizer, "buffer inner.seen"),
        (lambda: Free(nn.AlphaDropout(0.1)), RECIPE.optimizer, "AlphaDropout"),
        (lambda: Free(Branching()), RECIPE.optimizer, "torch.vmap: It looks like you're calling .item() on a Tensor"),
        (lambda: Free(Noisy()), RECIPE.optimizer, "torch.vmap: called random operation"),
        (lambda: Free(Doubling(0.1)), RECIPE.optimizer, "its outputs differ in a stack"),
        (mlp, SGD, "optimizer SGD"),
        (mlp, functools.partial(torch.optim.AdamW, amsgrad=True), "optimizer AdamW(amsgrad)"),
        (batch_norm, SGD, "BatchNorm1d, optimizer SGD"),
    ],
)
def test_what_cannot_be_stacked_is_found_before_training(
    make: Callable[[], nn.Module], optimizer: Callable[..., torch.optim.Optimizer], why: str
) -> None:
    member = single(0, network=make).member
    before = torch.random.get_rng_state()
    found = stack_problem(member, dataclasses.replace(RECIPE, optimizer=optimizer))
    assert found.startswith(why) if why else found == ""
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_network_that_fails_alone_as_well_is_refused() -> None:
    member = single(0, network=lambda: Free(nn.Linear(5, 6))).member
    with pytest.raises(ConfigError, match=r"^model: Free on windows of shape \(2, \d, \d\): mat1 and mat2"):
        stack_problem(member, RECIPE)
    member = single(0, network=functools.partial(mlp, classes=2)).member
    with pytest.raises(ConfigError, match=r"returns a tensor of shape \(2, 2\), expected \(2, 3\)"):
        stack_problem(member, RECIPE)


@pytest.mark.parametrize("kind", ["mlp_dropout", "gru"])
def test_a_network_that_can_be_stacked_ends_the_same_both_ways(kind: str) -> None:
    given = members(singles(network=NETWORKS[kind]))
    stacked = fit_stack(given, recipe=RECIPE, checkpoint=None)
    for one, other in zip(fit_one_by_one(given, recipe=RECIPE, folder=None), stacked, strict=True):
        assert (one.name, one.best_epoch, one.epochs_run, one.stopped_early, one.steps) == (
            other.name,
            other.best_epoch,
            other.epochs_run,
            other.stopped_early,
            other.steps,
        )
        assert one.scores == pytest.approx(other.scores, rel=1e-5)
        assert one.train_losses == pytest.approx(other.train_losses, rel=1e-5)
        assert_close(one.weights, other.weights)


@pytest.mark.parametrize(
    ("make", "recipe"),
    [
        (batch_norm, RECIPE),
        (lambda: Free(Noisy()), RECIPE),
        (mlp, dataclasses.replace(RECIPE, optimizer=SGD)),
        (batch_norm, dataclasses.replace(RECIPE, optimizer=SGD, schedule=Schedule(factory=plateau, interval="epoch"))),
        (batch_norm, dataclasses.replace(RECIPE, schedule=Schedule(factory=one_cycle, interval="step"), clip=None)),
    ],
    ids=["batch_norm", "noise", "sgd", "both_plateau", "one_cycle"],
)
def test_each_ends_as_lightning_ends_with_it_alone(
    make: Callable[[], nn.Module], recipe: StackRecipe, tmp_path: Path
) -> None:
    given = singles(network=make)
    results = fit_one_by_one(members(given), recipe=recipe, folder=None)
    for each, result in zip(given, results, strict=True):
        fitted, weights = alone(each, tmp_path / each.member.name, recipe=recipe)
        assert (result.best_epoch, result.epochs_run, result.stopped_early, result.steps) == (
            fitted.best_epoch,
            fitted.epochs_run,
            fitted.stopped_early,
            fitted.steps,
        )
        assert result.best_score == pytest.approx(fitted.best_score, rel=1e-5)
        assert_close(result.weights, weights)


class Killed(Exception):  # noqa: N818 (nothing is wrong)
    pass


def test_killed_trainings_continue_to_the_same_bits_and_none_is_made_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = dataclasses.replace(RECIPE, optimizer=SGD, schedule=Schedule(factory=plateau, interval="epoch"))
    given = members(singles(network=batch_norm))
    whole = fit_one_by_one(given, recipe=recipe, folder=None)
    epochs = [result.epochs_run for result in whole]
    before, left = one_by_one._Training.epoch, [0]

    def counted(self: one_by_one._Training) -> None:
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        before(self)

    monkeypatch.setattr(one_by_one._Training, "epoch", counted)
    for ran in (1, epochs[0], sum(epochs) - epochs[0] - 2):
        left[0] = ran
        with pytest.raises(Killed):
            fit_one_by_one(given, recipe=recipe, folder=tmp_path)
    left[0] = 1
    assert same_bits(whole, fit_one_by_one(given, recipe=recipe, folder=tmp_path))
    assert same_bits(whole, fit_one_by_one(given, recipe=recipe, folder=tmp_path))
    with pytest.raises(ConfigError, match=r"0\.ckpt is of another training: .*remove it to start again"):
        fit_one_by_one(given, recipe=dataclasses.replace(recipe, clip=0.4), folder=tmp_path)


def test_progress_says_which_training_it_is() -> None:
    said: list[tuple[str, int, int]] = []
    recipe = dataclasses.replace(RECIPE, epochs=1)
    fit_one_by_one(members(singles()), recipe=recipe, folder=None, progress=lambda *told: said.append(told))
    names = [member.name for member in members(singles())]
    assert said == [*((name, number, 3) for number, name in enumerate(names)), (names[-1], 3, 3)]


def test_first_weights_are_left_alone() -> None:
    member = single(0, network=batch_norm).member
    before = {name: tensor.clone() for name, tensor in member.network.state_dict().items()}
    fit_one_by_one([member], recipe=RECIPE, folder=None)
    assert all(torch.equal(tensor, before[name]) for name, tensor in member.network.state_dict().items())


def test_a_diverged_training_is_named_with_a_cure() -> None:
    recipe = dataclasses.replace(RECIPE, optimizer=functools.partial(torch.optim.SGD, lr=1e30), clip=None)
    with pytest.raises(SampleError, match=r"^training of BRK\.B diverged: .*Lower optimizer\.lr"):
        fit_one_by_one(members(singles()), recipe=recipe, folder=None)


def test_forecasts_are_those_of_each_network() -> None:
    given = members(singles(network=batch_norm))
    results = fit_one_by_one(given, recipe=RECIPE, folder=None)
    rows = np.flatnonzero(WORLD.parts.part == TEST)[::-1]
    found = predict_one_by_one(
        given,
        weights=[result.weights for result in results],
        positions=[rows, rows[:0], rows[:7]],
        eval_batch_size=60,
        device=CPU,
    )
    assert [own.shape for own in found] == [(len(rows), 3), (0, 3), (7, 3)]
    network = batch_norm()
    network.load_state_dict(results[0].weights)
    expected = predict_probabilities(
        network,
        dataset=given[0].dataset,
        positions=rows,
        batch_size=64,
        log_weights=given[0].loss.log_weights,
        device=CPU,
    )
    np.testing.assert_allclose(found[0], expected.prob, rtol=1e-5)

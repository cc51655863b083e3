"""A stack comes out as its members would have come out alone."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from multisymbol.errors import ConfigError, LabelError, SampleError
from multisymbol.learning.finetuning import Adapter, FineTuning, HeadOnly
from multisymbol.learning.losses import ClassWeightedCrossEntropy, Focal, Huber, LabelSmoothing, Loss, Ordinal
from multisymbol.learning.networks.attention import Transformer
from multisymbol.learning.networks.convolution import Tcn
from multisymbol.learning.networks.recurrent import Gru, Lstm
from multisymbol.learning.schedules import Schedule
from multisymbol.learning.stacking.fit import StackEpoch, StackMember, StackResult, fit_stack, predict_stack
from multisymbol.learning.stacking.network import Inputs, StackedNetwork
from multisymbol.learning.stacking.noise import Draw, PerModelRNG
from multisymbol.learning.stacking.recurrence import GruLayer, LstmLayer
from multisymbol.samples.fold import TEST, VALIDATION
from multisymbol.seeding import named_seed
from multisymbol.serving.inference import predict_probabilities, predict_returns
from tests.learning.stacking.stacks import BATCH, RECIPE, SHAPE, WORLD, Single, alone, mlp, single, singles
from tests.learning.test_resuming import one_cycle, plateau

CPU = torch.device("cpu")
COMMON: dict[str, Any] = {"embedding": "symbol", "embedding_dim": 2, "shape": SHAPE}


def gru(*, dropout: float = 0.0, layers: int = 1) -> nn.Module:
    return Gru(hidden=6, layers=layers, dropout=dropout, unknown_dropout=dropout, **COMMON)


def lstm(*, dropout: float = 0.0, layers: int = 1) -> nn.Module:
    return Lstm(hidden=6, layers=layers, dropout=dropout, unknown_dropout=dropout, **COMMON)


def tcn() -> nn.Module:
    return Tcn(channels=4, kernel=2, blocks=None, dropout=0.2, activation="gelu", unknown_dropout=0.2, **COMMON)


def transformer() -> nn.Module:
    return Transformer(width=4, heads=2, layers=1, patch=1, dropout=0.2, unknown_dropout=0.2, **COMMON)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "mlp": mlp,
    "mlp_dropout": functools.partial(mlp, dropout=0.3),
    "gru": gru,
    "gru_dropout": functools.partial(gru, dropout=0.3, layers=2),
    "lstm_dropout": functools.partial(lstm, dropout=0.3, layers=2),
    "tcn_dropout": tcn,
    "transformer_dropout": transformer,
}


def members(given: list[Single]) -> list[StackMember]:
    return [each.member for each in given]


def assert_close(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor], *, within: float = 2e-5) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, other[name], rtol=within, atol=within)


def observable(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Leave out the bias of attention's keys: it moves all scores of a query alike, so its gradient is rounding."""
    kept = {name: tensor.clone() for name, tensor in weights.items()}
    for name, tensor in kept.items():
        if name.endswith("query_key_value.bias"):
            tensor[len(tensor) // 3 : 2 * len(tensor) // 3] = 0.0
    return kept


def same_bits(ones: list[StackResult], others: list[StackResult]) -> bool:
    def facts(result: StackResult) -> dict[str, Any]:
        return {
            field.name: getattr(result, field.name) for field in dataclasses.fields(result) if field.name != "weights"
        }

    return all(
        facts(one) == facts(other) and all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)
        for one, other in zip(ones, others, strict=True)
    )


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.slow if kind.startswith("t") else ()) for kind in NETWORKS],
)
def test_each_member_ends_as_it_would_have_alone(kind: str, tmp_path: Path) -> None:
    given = singles(network=NETWORKS[kind])
    results = fit_stack(members(given), recipe=RECIPE, checkpoint=None)
    assert len({result.steps for result in results}) == 3
    for each, result in zip(given, results, strict=True):
        fitted, weights = alone(each, tmp_path / each.member.name)
        assert (result.name, result.best_epoch, result.epochs_run, result.stopped_early, result.steps) == (
            each.member.name,
            fitted.best_epoch,
            fitted.epochs_run,
            fitted.stopped_early,
            fitted.steps,
        )
        assert result.best_score == pytest.approx(fitted.best_score, rel=1e-5)
        assert_close(observable(result.weights), observable(weights))


CHANGES: dict[str, FineTuning] = {"head": HeadOnly(), "adapter": Adapter(rank=2)}


def opened(change: FineTuning, network: Callable[[], nn.Module] = mlp) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        made = network()
        change.open(made)
        return made

    return make


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=() if kind in {"mlp_dropout", "gru"} else pytest.mark.slow)
        for kind in NETWORKS
        if kind != "mlp"
    ],
)
def test_a_network_that_is_opened_for_little_learns_that_alone_and_as_it_would_alone(
    kind: str, change: str, tmp_path: Path
) -> None:
    given = singles(network=opened(CHANGES[change], NETWORKS[kind]))
    results = fit_stack(members(given), recipe=RECIPE, checkpoint=None)
    for each, result in zip(given, results, strict=True):
        fitted, weights = alone(each, tmp_path / each.member.name)
        assert (result.best_epoch, result.epochs_run, result.steps) == (
            fitted.best_epoch,
            fitted.epochs_run,
            fitted.steps,
        )
        assert_close(observable(result.weights), observable(weights))
        before = each.member.network.state_dict()
        learning = {name for name, own in each.member.network.named_parameters() if own.requires_grad}
        changed = {name for name, own in result.weights.items() if not torch.equal(own, before[name])}
        assert changed <= learning
        assert {name for name in changed if "output.weight" in name or name.endswith(".up")}
        assert all("output" in name or name.endswith((".up", ".down")) for name in changed)


def test_what_stays_is_not_in_the_clipped_norm() -> None:
    given = [single(i, network=opened(HeadOnly())).member for i in range(2)]
    recipe = dataclasses.replace(RECIPE, epochs=1, clip=1e-3)
    for member, result in zip(given, fit_stack(given, recipe=recipe, checkpoint=None), strict=True):
        network = opened(HeadOnly())()
        network.load_state_dict(member.network.state_dict())
        optimizer = RECIPE.optimizer([own for own in network.parameters() if own.requires_grad])
        for positions in member.sampler:
            batch = member.dataset[positions]
            optimizer.zero_grad()
            output_BC = network(batch.x_BTF, batch.symbol_slot_B, batch.class_slot_B)
            member.loss(output_BC, batch.y_B, batch.weight_B).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_([own for own in network.parameters() if own.requires_grad], 1e-3)
            optimizer.step()
        assert_close(result.weights, network.state_dict())


def test_a_killed_stack_of_adapters_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    given = members(singles(network=opened(Adapter(rank=1), gru)))
    recipe = dataclasses.replace(RECIPE, epochs=3)
    whole = fit_stack(given, recipe=recipe, checkpoint=None)
    with pytest.raises(Killed):
        fit_stack(given, recipe=recipe, checkpoint=tmp_path / "cut.ckpt", progress=killed)
    assert same_bits(whole, fit_stack(given, recipe=recipe, checkpoint=tmp_path / "cut.ckpt"))


def test_members_that_may_change_in_other_parts_are_no_stack(tmp_path: Path) -> None:
    one, other = single(0).member, single(1, network=opened(HeadOnly())).member
    with pytest.raises(ConfigError, match="network of EURUSD is of another kind"):
        fit_stack([one, other], recipe=RECIPE, checkpoint=None)
    path = tmp_path / "stack.ckpt"
    fit_stack([one], recipe=RECIPE, checkpoint=path)
    HeadOnly().open(one.network)
    with pytest.raises(ConfigError, match="is of another stack"):
        fit_stack([one], recipe=RECIPE, checkpoint=path)


def test_members_stop_at_epochs_of_their_own() -> None:
    ended: list[StackEpoch] = []
    results = fit_stack(members(singles()), recipe=RECIPE, checkpoint=None, progress=ended.append)
    runs = [result.epochs_run for result in results]
    assert len(set(runs)) > 1
    assert [len(epoch.scores) for epoch in ended] == [sum(run > i for run in runs) for i in range(max(runs))]
    assert [epoch.epoch for epoch in ended] == list(range(1, max(runs) + 1))
    for result in results:
        assert result.scores == tuple(
            pytest.approx(epoch.scores[result.name]) for epoch in ended if result.name in epoch.scores
        )
        assert result.best_score == min(result.scores) == result.scores[result.best_epoch - 1]
        assert len(result.train_losses) == result.epochs_run


@pytest.mark.parametrize(
    "schedule",
    [Schedule(factory=plateau, interval="epoch"), Schedule(factory=one_cycle, interval="step")],
    ids=["plateau", "one_cycle"],
)
def test_learning_rates_are_each_members_own(schedule: Schedule, tmp_path: Path) -> None:
    given = singles()
    recipe = dataclasses.replace(RECIPE, schedule=schedule, patience=None, epochs=5)
    for each, result in zip(given, fit_stack(members(given), recipe=recipe, checkpoint=None), strict=True):
        fitted, weights = alone(each, tmp_path / each.member.name, recipe=recipe)
        assert (result.epochs_run, result.best_epoch) == (5, fitted.best_epoch)
        assert_close(result.weights, weights)


def test_returns_are_learned_as_alone(tmp_path: Path) -> None:
    given = singles(network=functools.partial(mlp, classes=1), loss=lambda symbol: Huber(delta=1.0))
    results = fit_stack(members(given), recipe=RECIPE, checkpoint=None)
    fitted, weights = alone(given[0], tmp_path)
    assert results[0].best_score == pytest.approx(fitted.best_score, rel=1e-5)
    assert_close(results[0].weights, weights)


def test_a_member_is_the_same_whoever_else_is_in_the_stack() -> None:
    given = members(singles(network=NETWORKS["mlp_dropout"]))
    together = fit_stack(given, recipe=RECIPE, checkpoint=None)
    backwards = fit_stack(given[::-1], recipe=RECIPE, checkpoint=None)[::-1]
    for index, result in enumerate(together):
        for other in (fit_stack([given[index]], recipe=RECIPE, checkpoint=None)[0], backwards[index]):
            assert (result.name, result.epochs_run) == (other.name, other.epochs_run)
            assert_close(result.weights, other.weights)


def test_seeds_of_one_symbol_share_its_features_and_nothing_else() -> None:
    twins = [single(0, seed=seed, network=NETWORKS["mlp_dropout"]).member for seed in (1, 2, 3)]
    shared = [dataclasses.replace(twin, name=f"{i}", dataset=twins[0].dataset) for i, twin in enumerate(twins)]
    results = fit_stack(shared, recipe=RECIPE, checkpoint=None)
    for member, result in zip(shared, results, strict=True):
        assert_close(result.weights, fit_stack([member], recipe=RECIPE, checkpoint=None)[0].weights)
    assert len({result.scores for result in results}) == 3


def test_threads_change_no_bit_and_chunks_change_rounding_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [
        dataclasses.replace(single(i % 2, seed=i, network=NETWORKS["mlp_dropout"]).member, name=f"{i}")
        for i in range(7)
    ]
    whole = fit_stack(given, recipe=RECIPE, checkpoint=None)
    monkeypatch.setattr("multisymbol.learning.stacking.training.ROWS_AT_ONCE", 2 * BATCH)
    parts = fit_stack(given, recipe=RECIPE, checkpoint=None)
    assert same_bits(parts, fit_stack(given, recipe=dataclasses.replace(RECIPE, threads=3), checkpoint=None))
    for one, other in zip(whole, parts, strict=True):
        assert one.epochs_run == other.epochs_run
        assert_close(one.weights, other.weights)


def test_first_weights_are_left_alone() -> None:
    given = members(singles())
    before = [{name: tensor.clone() for name, tensor in member.network.state_dict().items()} for member in given]
    fit_stack(given, recipe=RECIPE, checkpoint=None)
    for member, weights in zip(given, before, strict=True):
        assert all(torch.equal(tensor, weights[name]) for name, tensor in member.network.state_dict().items())


class Killed(Exception):  # noqa: N818 (nothing is wrong)
    pass


def killed(ended: StackEpoch) -> None:
    raise Killed


@pytest.mark.parametrize(
    "schedule",
    [RECIPE.schedule, Schedule(factory=plateau, interval="epoch"), Schedule(factory=one_cycle, interval="step")],
    ids=["exponential", "plateau", "one_cycle"],
)
def test_a_killed_stack_goes_on_to_the_same_bits(schedule: Schedule, tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, schedule=schedule, epochs=6)
    given = singles(network=NETWORKS["mlp_dropout"])
    whole = fit_stack(members(given), recipe=recipe, checkpoint=tmp_path / "whole.ckpt")

    times = 0
    for _ in range(max(result.epochs_run for result in whole)):
        with pytest.raises(Killed):
            fit_stack(members(given), recipe=recipe, checkpoint=tmp_path / "cut.ckpt", progress=killed)
        times += 1
    assert times >= 3
    assert same_bits(whole, fit_stack(members(given), recipe=recipe, checkpoint=tmp_path / "cut.ckpt", progress=killed))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.ckpt", "whole.ckpt"]


def test_a_checkpoint_of_another_stack_is_refused(tmp_path: Path) -> None:
    given, path = members(singles()), tmp_path / "stack.ckpt"
    fit_stack(given, recipe=RECIPE, checkpoint=path)
    others = {
        "recipe": (given, dataclasses.replace(RECIPE, clip=0.4)),
        "members": (given[:2], RECIPE),
        "weights": ([*given[:2], dataclasses.replace(given[2], network=mlp())], RECIPE),
        "seed": ([*given[:2], dataclasses.replace(given[2], seed=99)], RECIPE),
        "samples": ([*given[:2], dataclasses.replace(given[2], validation=given[2].validation[1:])], RECIPE),
    }
    for others_members, recipe in others.values():
        with pytest.raises(ConfigError, match=r"stack\.ckpt is of another stack: .*remove it to start again"):
            fit_stack(others_members, recipe=recipe, checkpoint=path)


LOSSES: dict[str, Callable[[list[float]], Loss]] = {
    "class_weighted": lambda counts: ClassWeightedCrossEntropy(class_counts=counts, power=0.5, cap=10.0),
    "focal": lambda counts: Focal(class_counts=counts, power=0.5, cap=10.0, gamma=2.0),
    "label_smoothing": lambda counts: LabelSmoothing(class_counts=counts, power=0.5, cap=10.0, epsilon=0.1),
    "ordinal": lambda counts: Ordinal(class_counts=counts, power=0.5, cap=10.0),
    "huber": lambda counts: Huber(delta=counts[1] / 50),
}


@pytest.mark.parametrize("kind", LOSSES)
def test_every_loss_weighs_classes_by_each_members_own_weights(kind: str) -> None:
    classes = 1 if kind == "huber" else 3
    counts = [[20.0, 50.0, 30.0], [5.0, 50.0, 45.0]]
    given = [
        single(symbol, network=functools.partial(mlp, classes=classes), loss=lambda i: LOSSES[kind](counts[i])).member
        for symbol in range(2)
    ]
    recipe = dataclasses.replace(RECIPE, epochs=1)
    results = fit_stack(given, recipe=recipe, checkpoint=None)
    for member, result in zip(given, results, strict=True):
        losses = []
        network = member.network.train()
        optimizer = RECIPE.optimizer(network.parameters())
        for positions in member.sampler:
            batch = member.dataset[positions]
            optimizer.zero_grad()
            output_BC = network(batch.x_BTF, batch.symbol_slot_B, batch.class_slot_B)
            loss = member.loss(output_BC, member.loss.task.truth(batch), batch.weight_B)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 0.3)
            optimizer.step()
            losses.append(loss.item())
        assert list(result.train_losses) == pytest.approx([float(np.mean(losses))], rel=1e-5)
        assert_close(result.weights, network.state_dict())


@pytest.mark.parametrize(("layer", "own"), [(GruLayer, nn.GRU), (LstmLayer, nn.LSTM)], ids=["gru", "lstm"])
def test_recurrent_layers_are_torchs_own_in_value_and_every_gradient(
    layer: type[GruLayer | LstmLayer], own: type[nn.GRU | nn.LSTM]
) -> None:
    torch.manual_seed(0)
    models = [own(3, 5, batch_first=True).double() for _ in range(4)]
    x_MBTF = torch.randn(4, 6, 7, 3, dtype=torch.float64, requires_grad=True)
    slope_MBTH = torch.randn(4, 6, 7, 5, dtype=torch.float64)
    weights = [list(model.parameters()) for model in models]
    stacked = [torch.stack(each).detach().requires_grad_() for each in zip(*weights, strict=True)]
    state_MBTH = layer.apply(x_MBTF, *stacked)  # type: ignore[no-untyped-call]
    gradients = torch.autograd.grad((state_MBTH * slope_MBTH).sum(), [x_MBTF, *stacked])
    for index, model in enumerate(models):
        x_BTF = x_MBTF[index].detach().requires_grad_()
        state_BTH, _ = model(x_BTF)
        torch.testing.assert_close(state_MBTH[index], state_BTH)
        expected = torch.autograd.grad((state_BTH * slope_MBTH[index]).sum(), [x_BTF, *weights[index]])
        for gradient, right in zip(gradients, expected, strict=True):
            torch.testing.assert_close(gradient[index], right)


def test_numbers_of_chance_are_those_dropout_draws_alone() -> None:
    draws = [Draw("kept", (5, 3), 0.3), Draw("uniform", (5,), 0.0), Draw("kept", (2, 5), 0.5)]
    given = PerModelRNG(draws, seeds=[3, 4], device=CPU).throw(2, epoch=1, step=6)
    for model, seed in enumerate((3, 4)):
        torch.manual_seed(named_seed(seed, "dropout", 1, 6, 0))
        assert torch.equal(given[0][model], nn.functional.dropout(torch.ones(5, 3), 0.3))
        assert torch.equal(given[1][model], torch.rand(5))
        assert torch.equal(given[2][model], nn.functional.dropout(torch.ones(2, 5), 0.5))


def test_forecasts_are_those_of_each_network_alone() -> None:
    given = members(singles())
    results = fit_stack(given, recipe=RECIPE, checkpoint=None)
    part = WORLD.parts.part
    positions = [np.flatnonzero(part == TEST)[::-1], np.array([], dtype=np.int64), np.flatnonzero(part == VALIDATION)]
    temperatures = [0.5, 1.0, 2.0]
    forecasts = predict_stack(
        given,
        weights=[result.weights for result in results],
        positions=positions,
        eval_batch_size=60,
        device=CPU,
        temperatures=temperatures,
    )
    for member, result, rows, temperature, forecast in zip(
        given, results, positions, temperatures, forecasts, strict=True
    ):
        network = mlp()
        network.load_state_dict(result.weights)
        expected = predict_probabilities(
            network,
            dataset=member.dataset,
            positions=rows,
            batch_size=64,
            log_weights=member.loss.log_weights,
            device=CPU,
            temperature=temperature,
        )
        assert forecast.shape == (len(rows), 3)
        np.testing.assert_allclose(forecast, expected.prob, rtol=1e-5)


def test_forecast_returns_are_those_of_each_network_alone() -> None:
    given = members(singles(network=functools.partial(mlp, classes=1), loss=lambda symbol: Huber(delta=1.0)))
    rows = np.arange(30)
    forecasts = predict_stack(
        given,
        weights=[member.network.state_dict() for member in given],
        positions=[rows] * 3,
        eval_batch_size=7,
        device=CPU,
    )
    for member, forecast in zip(given, forecasts, strict=True):
        expected = predict_returns(member.network, dataset=member.dataset, positions=rows, batch_size=64, device=CPU)
        np.testing.assert_allclose(forecast, expected.forecast, rtol=1e-5, atol=1e-7)


def test_a_diverged_member_is_named_with_a_cure() -> None:
    given = members(singles())
    recipe = dataclasses.replace(RECIPE, optimizer=functools.partial(torch.optim.AdamW, lr=1e30))
    with pytest.raises(SampleError, match=r"training of .*EURUSD.* diverged: .*Lower optimizer\.lr"):
        fit_stack(given, recipe=recipe, checkpoint=None)


def test_a_member_whose_validation_is_broken_is_named() -> None:
    given = members(singles())
    last = int(given[1].validation[-1])
    given[1].dataset.features[given[1].dataset.starts(torch.tensor([last]))] = torch.nan
    with pytest.raises(SampleError, match=r"^scores of EURUSD are no numbers"):
        fit_stack(given, recipe=RECIPE, checkpoint=None)


def test_members_without_validation_are_named() -> None:
    given = members(singles())
    given[2] = dataclasses.replace(given[2], validation=given[2].validation[:0])
    with pytest.raises(SampleError, match=r"^BTC-USD: no validation samples"):
        fit_stack(given, recipe=RECIPE, checkpoint=None)


def test_samples_without_a_return_are_refused_for_a_regression() -> None:
    target = WORLD.ledger.target.copy()
    target[WORLD.ledger.symbol == 1] = np.nan
    made = dataclasses.replace(WORLD, ledger=dataclasses.replace(WORLD.ledger, target=target))
    given = singles(network=functools.partial(mlp, classes=1), loss=lambda symbol: Huber(delta=1.0), made=made)
    with pytest.raises(LabelError, match=r"no forward return.*: \d+ of \d+ of EURUSD; .*take labels=horizon"):
        fit_stack(members(given), recipe=RECIPE, checkpoint=None)


def test_members_that_differ_in_more_than_weights_are_refused_all_at_once() -> None:
    one, two, three = members(singles())
    given = [
        one,
        dataclasses.replace(two, name=one.name, network=gru()),
        dataclasses.replace(three, loss=LOSSES["focal"]([1.0, 1.0, 1.0])),
    ]
    with pytest.raises(ConfigError) as caught:
        fit_stack(given, recipe=RECIPE, checkpoint=None)
    for problem in ("more than one is called BRK.B", "network of BRK.B", "loss of BTC-USD"):
        assert problem in str(caught.value)
    with pytest.raises(ConfigError, match="at least one member"):
        fit_stack([], recipe=RECIPE, checkpoint=None)


def test_a_recipe_out_of_range_is_refused_all_at_once() -> None:
    recipe = dataclasses.replace(RECIPE, epochs=0, patience=0, clip=0.0, eval_batch_size=0, threads=0)
    with pytest.raises(ConfigError, match=r"epochs .*patience .*clip .*eval_batch_size .*threads"):
        fit_stack(members(singles()), recipe=recipe, checkpoint=None)


@pytest.mark.parametrize(
    ("optimizer", "schedule"),
    [
        (functools.partial(torch.optim.SGD, lr=0.1), RECIPE.schedule),
        (functools.partial(torch.optim.AdamW, amsgrad=True), RECIPE.schedule),
        (RECIPE.optimizer, Schedule(factory=plateau, interval="step")),
    ],
)
def test_what_cannot_be_stepped_as_one_is_refused(optimizer: Any, schedule: Schedule) -> None:
    recipe = dataclasses.replace(RECIPE, optimizer=optimizer, schedule=schedule)
    with pytest.raises(ConfigError, match=r"AdamW without amsgrad|interval must be epoch"):
        fit_stack(members(singles()), recipe=recipe, checkpoint=None)


class Wrapped(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner


@pytest.mark.parametrize(
    "inner", [nn.BatchNorm1d(3), nn.AlphaDropout(0.1), nn.RNN(3, 4), nn.GRU(3, 4, bidirectional=True, batch_first=True)]
)
def test_networks_that_cannot_be_stacked_are_refused(inner: nn.Module) -> None:
    with pytest.raises(ConfigError, match="cannot be stacked"):
        StackedNetwork(Wrapped(inner), loss=Huber(delta=1.0), device=CPU)


def test_stopped_members_leave_the_computation(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    whole = StackedNetwork.losses

    def counted(self: StackedNetwork, weights: Any, inputs: Inputs, **given: Any) -> torch.Tensor:
        sizes.append(len(inputs.x))
        return whole(self, weights, inputs, **given)

    monkeypatch.setattr(StackedNetwork, "losses", counted)
    results = fit_stack(members(singles()), recipe=RECIPE, checkpoint=None)
    assert sum(sizes) == sum(result.steps for result in results)

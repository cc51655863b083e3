import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.errors import ConfigError, LabelError
from multisymbol.learning.losses import (
    ClassLoss,
    ClassWeightedCrossEntropy,
    Focal,
    Huber,
    LabelSmoothing,
    Ordinal,
    class_weights,
    completed,
    mixture_class_counts,
)
from multisymbol.learning.probabilities import probabilities
from multisymbol.learning.tasks import Direction, ForwardReturn
from multisymbol.serving.calibration import fit_temperature

counts = st.lists(st.integers(1, 10_000), min_size=2, max_size=5)


def test_weights_worked_by_hand() -> None:
    # Shares 0.5, 0.02, 0.48: the ratio to the commonest, to the power 0.5, is 1, 5, 1.0206; their mean 1.0899.
    weights = class_weights([500, 20, 480], power=0.5, cap=10)
    mean = 0.5 * 1 + 0.02 * 5 + 0.48 * (500 / 480) ** 0.5
    np.testing.assert_allclose(weights, np.array([1, 5, (500 / 480) ** 0.5]) / mean)


@given(counts=counts, power=st.floats(0, 1), cap=st.floats(1, 100))
@settings(max_examples=60, deadline=None)
def test_mean_weight_over_train_rows_is_one_and_none_passes_the_cap(
    counts: list[int], power: float, cap: float
) -> None:
    weights = class_weights(counts, power=power, cap=cap)
    assert weights @ np.array(counts) / sum(counts) == pytest.approx(1)
    assert weights.max() / weights[np.argmax(counts)] <= cap * (1 + 1e-12)


def test_power_one_gives_every_class_the_same_total_weight() -> None:
    np.testing.assert_allclose(class_weights([900, 10, 90], power=1, cap=1e9) * [900, 10, 90], 1000 / 3)


Maker = Callable[..., ClassLoss]
ONE = torch.ones


def focal(*, gamma: float = 2.0, counts: Sequence[float] = (1, 1, 1), power: float = 0.5) -> Focal:
    return Focal(class_counts=counts, power=power, cap=100, gamma=gamma)


def smoothing(*, epsilon: float = 0.1, counts: Sequence[float] = (1, 1, 1), power: float = 0.5) -> LabelSmoothing:
    return LabelSmoothing(class_counts=counts, power=power, cap=100, epsilon=epsilon)


def ordinal(*, counts: Sequence[float] = (1, 1, 1), power: float = 0.5) -> Ordinal:
    return Ordinal(class_counts=counts, power=power, cap=100)


def weighted(*, counts: Sequence[float] = (1, 1, 1), power: float = 0.5) -> ClassWeightedCrossEntropy:
    return ClassWeightedCrossEntropy(class_counts=counts, power=power, cap=100)


all_class_losses = pytest.mark.parametrize("make", [weighted, focal, smoothing, ordinal])


def test_power_zero_is_plain_cross_entropy() -> None:
    loss = ClassWeightedCrossEntropy(class_counts=[900, 10, 90], power=0, cap=10)
    logits, y = torch.randn(50, 3), torch.randint(3, (50,))
    torch.testing.assert_close(loss(logits, y, ONE(50)), torch.nn.functional.cross_entropy(logits, y))
    assert loss.log_weights.tolist() == [0, 0, 0]


P = torch.tensor([[0.5, 0.3, 0.2]])


@pytest.mark.parametrize(
    ("loss", "label", "expected"),
    [
        (weighted(), 0, math.log(2)),
        (focal(), 0, 0.25 * math.log(2)),  # (1 - 0.5)^2
        (focal(), 2, 0.64 * math.log(5)),  # (1 - 0.2)^2
        (focal(gamma=1.0), 1, 0.7 * -math.log(0.3)),
        # 0.9 of the label's and 0.1 of the mean of the three.
        (smoothing(), 0, 0.9 * math.log(2) + 0.1 * (math.log(2) - math.log(0.3) + math.log(5)) / 3),
        (ordinal(), 0, (0.5 - 1) ** 2 + (0.8 - 1) ** 2),
        (ordinal(), 1, 0.5**2 + (0.8 - 1) ** 2),
        (ordinal(), 2, 0.5**2 + 0.8**2),
    ],
)
def test_loss_of_a_row_worked_by_hand(loss: ClassLoss, label: int, expected: float) -> None:
    assert float(loss(P.log(), torch.tensor([label]), ONE(1))) == pytest.approx(expected, rel=1e-6)


def test_wrong_by_two_classes_costs_twice_as_much_as_by_one() -> None:
    sure = torch.tensor([[50.0, 0.0, 0.0]])
    right, one, two = (float(ordinal()(sure, torch.tensor([y]), ONE(1))) for y in (0, 1, 2))
    assert (right, one, two) == (0, 1, 2)
    equal = [float(weighted()(sure, torch.tensor([y]), ONE(1))) for y in (1, 2)]
    assert equal[0] == equal[1]


@pytest.mark.parametrize("loss", [focal(gamma=0.0), smoothing(epsilon=0.0)])
def test_focal_and_smoothing_at_zero_are_cross_entropy(loss: ClassLoss) -> None:
    logits, y, weight = torch.randn(50, 3), torch.randint(3, (50,)), torch.rand(50)
    torch.testing.assert_close(loss(logits, y, weight), weighted()(logits, y, weight))


def test_focal_has_a_finite_slope_where_a_row_is_certain() -> None:
    logits = torch.tensor([[80.0, 0.0, 0.0], [0.0, 80.0, 0.0]], requires_grad=True)
    focal(gamma=0.5)(logits, torch.tensor([0, 0]), ONE(2)).backward()
    assert logits.grad is not None
    assert bool(torch.isfinite(logits.grad).all())
    assert float(logits.grad[1, 0]) < -0.1


@all_class_losses
def test_class_and_sample_weights_multiply_the_row(make: Maker) -> None:
    loss, plain = make(counts=(90, 1, 9), power=1), make()
    logits, y, weight = torch.randn(6, 3), torch.tensor([0, 0, 1, 1, 2, 2]), torch.tensor([1.0, 2, 3, 0, 5, 6])
    rows = [float(plain(logits[i : i + 1], y[i : i + 1], ONE(1))) for i in range(6)]
    by_hand = [w * float(loss.weight_C[c]) * row for w, c, row in zip(weight, y, rows, strict=True)]
    assert float(loss(logits, y, weight)) == pytest.approx(sum(float(term) for term in by_hand) / 6, rel=1e-5)


def test_huber_worked_by_hand() -> None:
    loss = Huber(delta=1.0)
    # Errors 0.5, -3 and 1: 0.125, 3 - 0.5 and 0.5; with weights 1, 2, 0.
    value = loss(torch.tensor([[0.5], [-1.0], [1.0]]), torch.tensor([0.0, 2.0, 0.0]), torch.tensor([1.0, 2.0, 0.0]))
    assert float(value) == pytest.approx((0.125 + 5.0) / 3)
    assert loss.task == ForwardReturn(delta=1.0)
    assert loss.log_weights.tolist() == [0]


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("make", [weighted, focal, smoothing, ordinal, None])
def test_gradient_of_a_batch_is_the_mean_over_its_ranks(make: Maker | None, ranks: int) -> None:
    # The reason why it is not divided by the sum of the weights: the ranks hold other classes and weights.
    loss = make(counts=(900, 10, 90), power=1) if make else Huber(delta=0.5)
    logits = torch.randn(8, loss.task.outputs, requires_grad=True)
    truth = torch.tensor([0, 0, 0, 0, 1, 1, 2, 2]) if make else torch.randn(8)
    weight = torch.tensor([0.0, 1, 1, 1, 5, 1, 2, 1])
    (whole,) = torch.autograd.grad(loss(logits, truth, weight), logits)
    parts = [loss(logits[r::ranks], truth[r::ranks], weight[r::ranks]) for r in range(ranks)]
    (mean,) = torch.autograd.grad(torch.stack(parts).mean(), logits)
    torch.testing.assert_close(mean, whole)


def fitted(loss: ClassLoss, count: torch.Tensor) -> torch.Tensor:
    """Return the logits, shape (1, C), that minimise the loss on labels without features."""
    y = torch.repeat_interleave(torch.arange(3), count)
    logits = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=300, tolerance_grad=1e-10, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value: torch.Tensor = loss(logits.expand(len(y), 3), y, ONE(len(y)))
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return logits.detach()[None]


COUNT = torch.tensor([600, 50, 350])
SHARES = COUNT.double() / COUNT.sum()


@pytest.mark.parametrize("make", [weighted, ordinal])
@pytest.mark.parametrize("power", [0, 0.5, 1])
def test_correction_restores_the_true_class_shares_of_proper_losses(make: Maker, power: float) -> None:
    loss = make(counts=COUNT.tolist(), power=power)
    corrected = probabilities(fitted(loss, COUNT), loss.log_weights)[0]
    torch.testing.assert_close(corrected, SHARES, atol=1e-3, rtol=0)
    uncorrected = torch.softmax(fitted(loss, COUNT), 1)[0].double()
    assert bool(torch.allclose(uncorrected, SHARES, atol=1e-3)) == (power == 0)


def test_inverse_weights_make_the_network_see_equal_classes() -> None:
    logits = fitted(weighted(counts=COUNT.tolist(), power=1), COUNT)
    torch.testing.assert_close(torch.softmax(logits, 1)[0], torch.full((3,), 1 / 3), atol=1e-3, rtol=0)


def test_smoothing_learns_shares_moved_towards_equal_ones() -> None:
    found = torch.softmax(fitted(smoothing(epsilon=0.3), COUNT), 1)[0].double()
    torch.testing.assert_close(found, 0.7 * SHARES + 0.1, atol=1e-3, rtol=0)


def test_focal_learns_a_flatter_forecast_in_the_right_order() -> None:
    found = torch.softmax(fitted(focal(), COUNT), 1)[0].double()
    assert found.argsort().tolist() == SHARES.argsort().tolist()
    assert float(found.max()) < float(SHARES.max()) - 0.05
    assert float(found.min()) > float(SHARES.min()) + 0.03


@pytest.mark.parametrize("make", [focal, smoothing])
def test_temperature_makes_up_for_most_of_what_an_improper_loss_flattens(make: Maker) -> None:
    # Two states of the world with shares of their own, each fitted by itself; one temperature for both.
    loss, states = make(), [torch.tensor([700, 100, 200]), torch.tensor([150, 50, 800])]
    prob = torch.cat([probabilities(fitted(loss, count), loss.log_weights).expand(1000, 3) for count in states]).numpy()
    y = torch.cat([torch.repeat_interleave(torch.arange(3), count) for count in states]).numpy()
    found = fit_temperature(prob, y)
    best = -sum(float((c / 1000 * (c / 1000).log()).sum()) for c in states) / 2
    assert found.value < 1
    assert found.log_loss_after - best < 0.25 * (found.log_loss_before - best)


def test_file_of_a_loss_on_classes_is_given_the_class_counts_and_that_of_a_number_is_whole() -> None:
    made = completed(partial(Focal, power=1.0, cap=10.0, gamma=2.0), class_counts=[9, 1, 5])
    assert isinstance(made, Focal)
    assert made.task == Direction()
    assert made.log_weights.argmax() == 1
    huber = Huber(delta=1.0)
    assert completed(huber, class_counts=[9, 1, 5]) is huber


def test_absent_class_weighs_as_much_as_the_commonest() -> None:
    np.testing.assert_allclose(class_weights([50, 0, 50], power=0.5, cap=10), [1, 1, 1])


def test_probabilities_are_float64_and_sum_to_one() -> None:
    p = probabilities(torch.tensor([[100.0, -100.0, 0.0]]), torch.tensor([0.0, 1.0, 0.0]))
    assert p.dtype == torch.float64
    assert 0 < float(p[0, 1]) < 1e-86
    assert float(p.sum()) == pytest.approx(1, abs=1e-15)


def test_temperature_flattens_the_corrected_logits() -> None:
    logits, log_weights = torch.tensor([[2.0, 0.0, -1.0]]), torch.tensor([0.5, 0.0, -0.5])
    expected = torch.softmax((logits - log_weights).double() / 2, 1)
    torch.testing.assert_close(probabilities(logits, log_weights, temperature=2.0), expected)


@all_class_losses
def test_weights_move_with_the_module_but_are_no_buffer(make: Maker) -> None:
    loss = make(counts=[9, 1, 5])
    assert list(loss.buffers()) == []
    assert loss.to(torch.float64).weight_C.dtype == torch.float64
    assert loss.to("meta").weight_C.device.type == "meta"


def test_mixture_counts_are_the_expected_draws() -> None:
    labels = np.array([0, 0, 1, 2, 2, 2], dtype=np.int8)
    symbols = np.array([0, 0, 0, 0, 2, 2], dtype=np.int32)
    counts = mixture_class_counts(labels, symbols=symbols, draws=np.array([8, 0, 8]))
    assert counts.tolist() == [4, 2, 10]


def test_wrong_parameters_are_refused_all_at_once() -> None:
    with pytest.raises(ConfigError, match=r"power must be .* got 1\.5; cap must be 1 or more, got 0\.5"):
        class_weights([1, 1, 1], power=1.5, cap=0.5)
    with pytest.raises(ConfigError, match=r"gamma must be 0 \(cross entropy\) or more, got -1"):
        focal(gamma=-1)
    with pytest.raises(ConfigError, match=r"epsilon must be at least 0 \(cross entropy\) and below 1, got 1"):
        smoothing(epsilon=1)
    with pytest.raises(ConfigError, match="delta must be above 0, got 0"):
        Huber(delta=0)


@pytest.mark.parametrize("bad", [[0, 0, 0], [1, -1, 3], [1, float("nan"), 2]])
def test_counts_without_rows_are_refused(bad: list[float]) -> None:
    with pytest.raises(LabelError, match=r"class counts \(BUY, HOLD, SELL\) are"):
        class_weights(bad, power=0.5, cap=10)

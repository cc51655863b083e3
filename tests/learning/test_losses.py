import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from multisymbol.errors import ConfigError, LabelError
from multisymbol.learning.losses import (
    ClassWeightedCrossEntropy,
    class_weights,
    mixture_class_counts,
    probabilities,
)

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


def test_power_zero_is_plain_cross_entropy() -> None:
    loss = ClassWeightedCrossEntropy(class_counts=[900, 10, 90], power=0, cap=10)
    logits, y = torch.randn(50, 3), torch.randint(3, (50,))
    torch.testing.assert_close(loss(logits, y), torch.nn.functional.cross_entropy(logits, y))
    assert loss.log_weights.tolist() == [0, 0, 0]


def test_absent_class_weighs_as_much_as_the_commonest() -> None:
    np.testing.assert_allclose(class_weights([50, 0, 50], power=0.5, cap=10), [1, 1, 1])


def test_loss_of_a_batch_is_the_mean_over_its_parts() -> None:
    # The reason why it is not divided by the sum of the weights: the parts hold different classes.
    loss = ClassWeightedCrossEntropy(class_counts=[900, 10, 90], power=1, cap=100)
    logits, y = torch.randn(8, 3), torch.tensor([0, 0, 0, 0, 1, 1, 2, 2])
    parts = (loss(logits[:4], y[:4]) + loss(logits[4:], y[4:])) / 2
    torch.testing.assert_close(loss(logits, y), parts)


def test_correction_restores_the_true_class_shares() -> None:
    """Logits fitted with weights on labels without features give the class shares back."""
    count = torch.tensor([600, 50, 350])
    y = torch.repeat_interleave(torch.arange(3), count)
    loss = ClassWeightedCrossEntropy(class_counts=count.tolist(), power=1, cap=100)
    logits = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=100, tolerance_grad=1e-10)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value: torch.Tensor = loss(logits.expand(len(y), 3), y)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    fitted = logits.detach()[None]
    torch.testing.assert_close(torch.softmax(fitted, 1)[0], torch.full((3,), 1 / 3), atol=1e-3, rtol=0)
    corrected = probabilities(fitted, loss.log_weights)[0]
    torch.testing.assert_close(corrected, count.double() / count.sum(), atol=1e-3, rtol=0)


def test_probabilities_are_float64_and_sum_to_one() -> None:
    p = probabilities(torch.tensor([[100.0, -100.0, 0.0]]), torch.tensor([0.0, 1.0, 0.0]))
    assert p.dtype == torch.float64
    assert 0 < float(p[0, 1]) < 1e-86
    assert float(p.sum()) == pytest.approx(1, abs=1e-15)


def test_temperature_flattens_the_corrected_logits() -> None:
    logits, log_weights = torch.tensor([[2.0, 0.0, -1.0]]), torch.tensor([0.5, 0.0, -0.5])
    expected = torch.softmax((logits - log_weights).double() / 2, 1)
    torch.testing.assert_close(probabilities(logits, log_weights, temperature=2.0), expected)


def test_weights_move_with_the_module_but_are_no_buffer() -> None:
    loss = ClassWeightedCrossEntropy(class_counts=[9, 1, 5], power=1, cap=10)
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


@pytest.mark.parametrize("bad", [[0, 0, 0], [1, -1, 3], [1, float("nan"), 2]])
def test_counts_without_rows_are_refused(bad: list[float]) -> None:
    with pytest.raises(LabelError, match=r"class counts \(BUY, HOLD, SELL\) are"):
        class_weights(bad, power=0.5, cap=10)

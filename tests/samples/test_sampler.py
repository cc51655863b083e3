import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset

from multisymbol.errors import SampleError
from multisymbol.samples.mixture import Balanced, Concat, Mixture, Shares
from multisymbol.samples.sampler import EpochSampler, OrderedSampler, epoch_order

MIXTURES: list[Mixture] = [
    Concat(epoch_samples=None),
    Balanced(epoch_samples=None, max_passes=4.0),
    Balanced(epoch_samples=700, max_passes=2.5),
]


def ragged(rows: list[int]) -> list[npt.NDArray[np.int64]]:
    """Positions of symbols with so many train samples, with others in between that belong to no train part."""
    starts = np.cumsum([0, *[n + 7 for n in rows]])
    return [start + np.arange(n) for start, n in zip(starts, rows, strict=False)]


def steps(
    positions: list[npt.NDArray[np.int64]], shares: Shares, *, ranks: int, epoch: int = 0, batch_size: int = 16
) -> list[list[int]]:
    """Sorted samples of each global step, put together from all ranks."""
    samplers = [
        EpochSampler(positions=positions, shares=shares, seed=5, batch_size=batch_size, rank=rank, ranks=ranks)
        for rank in range(ranks)
    ]
    for sampler in samplers:
        sampler.set_epoch(epoch)
    parts = [list(sampler) for sampler in samplers]
    assert {len(part) for part in parts} == {len(samplers[0])}
    return [sorted(torch.cat(step).tolist()) for step in zip(*parts, strict=True)]


@pytest.mark.parametrize("mixture", MIXTURES)
@pytest.mark.parametrize("epoch", [0, 3])
def test_each_global_step_has_the_same_samples_on_1_2_and_4_ranks(mixture: Mixture, epoch: int) -> None:
    positions = ragged([200, 0, 31, 90])
    shares = mixture.shares([len(own) for own in positions])
    one = steps(positions, shares, ranks=1, epoch=epoch)
    assert one == steps(positions, shares, ranks=2, epoch=epoch) == steps(positions, shares, ranks=4, epoch=epoch)
    assert len(one) == shares.draws.sum() // 16


def test_ranks_share_no_draw_and_have_equal_parts() -> None:
    positions = ragged([64])
    shares = Concat(epoch_samples=None).shares([64])
    for step in steps(positions, shares, ranks=4):
        assert len(step) == len(set(step)) == 16


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.integers(0, 60), min_size=1, max_size=6).filter(any),
    mixture=st.sampled_from(MIXTURES),
    seed=st.integers(0, 2**40),
)
def test_realised_draws_are_the_shares_and_every_sample_comes_floor_or_ceil_of_passes_times(
    rows: list[int], mixture: Mixture, seed: int
) -> None:
    positions = ragged(rows)
    shares = mixture.shares(rows)
    order = epoch_order(positions, shares, seed=seed, epoch=1)
    times = np.bincount(order, minlength=1000)
    assert len(order) == shares.draws.sum() == times[np.concatenate(positions)].sum()
    for own, draws, passes in zip(positions, shares.draws, shares.passes, strict=True):
        assert times[own].sum() == draws
        assert set(times[own].tolist()) <= {int(np.floor(passes)), int(np.ceil(passes))}


def test_each_pass_over_a_symbol_is_whole_before_the_next_begins() -> None:
    shares = Balanced(epoch_samples=100, max_passes=4.0).shares([25, 75])
    order = epoch_order(ragged([25, 75]), shares, seed=0, epoch=0)
    first = order[order < 25]
    assert sorted(first[:25].tolist()) == sorted(first[25:].tolist()) == list(range(25))


def test_the_order_is_a_pure_function_of_seed_and_epoch() -> None:
    positions = ragged([50, 20])
    shares = MIXTURES[1].shares([50, 20])

    def order(seed: int, epoch: int) -> bytes:
        return epoch_order(positions, shares, seed=seed, epoch=epoch).tobytes()

    assert order(1, 2) == order(1, 2)
    assert len({order(seed, epoch) for seed in range(4) for epoch in range(4)}) == 16


def test_seeds_beyond_32_bits_are_told_apart_from_their_parts() -> None:
    positions = ragged([50])
    shares = Concat(epoch_samples=None).shares([50])
    one = epoch_order(positions, shares, seed=2**32, epoch=0)
    other = epoch_order(positions, shares, seed=0, epoch=1)
    assert one.tolist() != other.tolist()


def test_iterating_twice_gives_one_epoch_and_set_epoch_another() -> None:
    shares = Concat(epoch_samples=None).shares([64])
    sampler = EpochSampler(positions=ragged([64]), shares=shares, seed=1, batch_size=8, rank=0, ranks=1)
    first = torch.cat(list(sampler)).tolist()
    assert torch.cat(list(sampler)).tolist() == first
    sampler.set_epoch(1)
    assert torch.cat(list(sampler)).tolist() != first


def test_a_symbols_own_order_does_not_depend_on_the_others() -> None:
    with_others = epoch_order(ragged([40, 30]), Concat(epoch_samples=None).shares([40, 30]), seed=3, epoch=0)
    alone = epoch_order(ragged([40]), Concat(epoch_samples=None).shares([40]), seed=3, epoch=0)
    assert with_others[with_others < 40].tolist() == alone.tolist()


def test_each_batch_holds_close_to_each_symbols_share() -> None:
    rows = [4000, 1000, 2500, 500]
    shares = Balanced(epoch_samples=None, max_passes=4.0).shares(rows)
    assert shares.share.tolist() == [0.25] * 4
    owner = np.repeat(np.arange(4), [n + 7 for n in rows])
    order = epoch_order(ragged(rows), shares, seed=0, epoch=0)
    batches = owner[order].reshape(-1, 80)
    counts = np.stack([(batches == symbol).sum(axis=1) for symbol in range(4)])
    assert np.abs(counts - 20).max() <= 4  # a random order would have a standard deviation of 3.9


def test_every_rank_sees_every_symbol_close_to_its_share() -> None:
    """Draws at exactly regular instants would alternate, and of two ranks each would see one symbol only."""
    shares = Concat(epoch_samples=None).shares([4000, 4000])
    sampler = EpochSampler(positions=ragged([4000, 4000]), shares=shares, seed=0, batch_size=80, rank=0, ranks=2)
    assert torch.cat(list(sampler)).lt(4000).float().mean().item() == pytest.approx(0.5, abs=0.03)


def test_the_incomplete_last_batch_is_left_out_unless_it_is_the_only_one() -> None:
    shares = Concat(epoch_samples=None).shares([50])
    assert [len(step) for step in steps(ragged([50]), shares, ranks=2)] == [16, 16, 16]
    assert [len(step) for step in steps(ragged([50]), shares, ranks=2, batch_size=64)] == [50]


def test_a_batch_size_that_ranks_cannot_share_is_refused_with_one_that_they_can() -> None:
    shares = Concat(epoch_samples=None).shares([50])
    with pytest.raises(SampleError, match=r"batch size 10 is for all 4 processes together .* take 8"):
        EpochSampler(positions=ragged([50]), shares=shares, seed=1, batch_size=10, rank=0, ranks=4)


def test_fewer_samples_than_ranks_are_refused() -> None:
    shares = Concat(epoch_samples=None).shares([2])
    with pytest.raises(SampleError, match=r"2 samples per epoch for 4 processes"):
        EpochSampler(positions=ragged([2]), shares=shares, seed=1, batch_size=8, rank=0, ranks=4)


@pytest.mark.parametrize("ranks", [1, 2, 4])
@pytest.mark.parametrize("rows", [0, 1, 8, 45])
def test_ordered_ranks_together_see_every_row_once_in_order(ranks: int, rows: int) -> None:
    positions = 3 * np.arange(rows)
    samplers = [OrderedSampler(positions=positions, batch_size=8, rank=rank, ranks=ranks) for rank in range(ranks)]
    batches = [list(sampler) for sampler in samplers]
    assert [len(own) for own in batches] == [len(sampler) for sampler in samplers]
    merged = [own[step] for step in range(len(batches[0])) for own in batches if step < len(own)]
    assert [position for batch in merged for position in batch.tolist()] == positions.tolist()


class Echo(Dataset[torch.Tensor]):
    """Returns what it is asked for."""

    def __getitem__(self, positions: torch.Tensor) -> torch.Tensor:
        return positions


def test_a_loader_without_batching_hands_on_whole_tensors() -> None:
    shares = Concat(epoch_samples=None).shares([64])
    sampler = EpochSampler(positions=ragged([64]), shares=shares, seed=1, batch_size=16, rank=0, ranks=1)
    loader = DataLoader(Echo(), sampler=sampler, batch_size=None)
    assert [tuple(batch.shape) for batch in loader] == [(16,)] * 4
    assert len(loader) == 4

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset

from multisymbol.errors import SampleError
from multisymbol.samples.mixture import SamplingWeights, equal_draws
from multisymbol.samples.sampler import EpochSampler, OrderedSampler, epoch_order
from tests.samples.worlds import EVERY_MIXTURE, balanced, concat, interleaved, undersampled

SYMBOLS = tuple(f"S{index}" for index in range(6))


def shares_of(name: str, rows: list[int], *, strata: int = 1) -> SamplingWeights:
    """Shares of a mixture; with several strata, those of ledger positions are 0, 1, 2, 0, 1, 2, ..."""
    shares = EVERY_MIXTURE[name].shares(rows, symbols=SYMBOLS[: len(rows)])
    if strata == 1:
        return shares
    return dataclasses.replace(shares, stratum=(np.arange(2000) % strata).astype(np.int8))


def ragged(rows: list[int]) -> list[npt.NDArray[np.int64]]:
    """Positions of symbols with so many train samples, with others in between that belong to no train part."""
    starts = np.cumsum([0, *[n + 7 for n in rows]])
    return [start + np.arange(n) for start, n in zip(starts, rows, strict=False)]


def steps(
    positions: list[npt.NDArray[np.int64]], shares: SamplingWeights, *, ranks: int, epoch: int = 0, batch_size: int = 16
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


@pytest.mark.parametrize("strata", [1, 3])
@pytest.mark.parametrize("name", EVERY_MIXTURE)
def test_each_global_step_has_the_same_samples_on_1_2_and_4_ranks(name: str, strata: int) -> None:
    positions = ragged([200, 0, 31, 90])
    shares = shares_of(name, [200, 0, 31, 90], strata=strata)
    for epoch in (0, 3):
        one = steps(positions, shares, ranks=1, epoch=epoch)
        assert one == steps(positions, shares, ranks=2, epoch=epoch) == steps(positions, shares, ranks=4, epoch=epoch)
        assert len(one) == shares.draws.sum() // 16


def test_ranks_share_no_draw_and_have_equal_parts() -> None:
    positions = ragged([64])
    shares = concat().shares([64])
    for step in steps(positions, shares, ranks=4):
        assert len(step) == len(set(step)) == 16


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.integers(0, 60), min_size=2, max_size=6).filter(any),
    name=st.sampled_from(list(EVERY_MIXTURE)),
    strata=st.integers(1, 4),
    seed=st.integers(0, 2**40),
)
def test_realised_draws_are_the_shares_and_every_sample_comes_floor_or_ceil_of_passes_times(
    rows: list[int], name: str, strata: int, seed: int
) -> None:
    positions = ragged(rows)
    shares = shares_of(name, rows, strata=strata)
    order = epoch_order(positions, shares, seed=seed, epoch=1)
    times = np.bincount(order, minlength=2000)
    assert len(order) == shares.draws.sum() == times[np.concatenate(positions)].sum()
    kept = shares.rows - shares.dropped
    for own, draws, pool in zip(positions, shares.draws, kept, strict=True):
        assert times[own].sum() == draws
        seen = own[times[own] > 0] if pool < len(own) else own
        for stratum in range(strata):
            cell = times[seen[seen % strata == stratum]]
            assert len(cell) == 0 or cell.max() - cell.min() <= 1


def test_each_pass_over_a_symbol_is_whole_before_the_next_begins() -> None:
    shares = balanced(epoch_samples=100).shares([25, 75])
    order = epoch_order(ragged([25, 75]), shares, seed=0, epoch=0)
    first = order[order < 25]
    assert sorted(first[:25].tolist()) == sorted(first[25:].tolist()) == list(range(25))


@pytest.mark.parametrize("name", EVERY_MIXTURE)
def test_the_order_is_a_pure_function_of_seed_and_epoch(name: str) -> None:
    positions = ragged([50, 20])
    shares = shares_of(name, [50, 20], strata=2)

    def order(seed: int, epoch: int) -> bytes:
        return epoch_order(positions, shares, seed=seed, epoch=epoch).tobytes()

    assert order(1, 2) == order(1, 2)
    assert len({order(seed, epoch) for seed in range(4) for epoch in range(4)}) == 16


def test_interleaved_takes_one_sample_of_each_symbol_in_turn() -> None:
    positions = ragged([40, 0, 10, 25])
    shares = interleaved(max_passes=2.0).shares([40, 0, 10, 25])
    order = epoch_order(positions, shares, seed=3, epoch=0)
    owner = np.searchsorted([47, 54, 71], order, side="right")
    assert owner.tolist() == [0, 2, 3] * 20
    assert sorted(order[owner == 2].tolist()) == sorted(2 * positions[2].tolist())


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_with_interleaved_every_batch_of_every_rank_holds_each_symbol_equally_often(ranks: int) -> None:
    rows = [400, 90]
    shares = interleaved().shares(rows)
    for rank in range(ranks):
        sampler = EpochSampler(positions=ragged(rows), shares=shares, seed=1, batch_size=16, rank=rank, ranks=ranks)
        assert {int((batch < 400).sum()) for batch in sampler} == {8 // ranks}


def test_undersampled_draws_the_same_few_rows_in_every_epoch_and_others_with_another_seed() -> None:
    positions = ragged([60, 20, 0, 25])
    shares = undersampled().shares([60, 20, 0, 25])

    def rows(seed: int, epoch: int) -> list[int]:
        return sorted(epoch_order(positions, shares, seed=seed, epoch=epoch).tolist())

    assert len(set(rows(1, 0))) == 60
    assert rows(1, 0) == rows(1, 1) == rows(1, 2) != rows(2, 0)
    assert set(positions[1].tolist()) <= set(rows(1, 0))
    assert shares.dropped.tolist() == [40, 0, 0, 5]


def test_within_a_symbol_the_strata_are_drawn_equally_often_up_to_the_cap() -> None:
    # 60 draws over strata of 2, 28 and 30 samples: 20 each, but 4 passes over 2 are 8, which leaves 26 for the others.
    assert equal_draws(60, sizes=np.array([2, 28, 30]), max_passes=4.0).tolist() == [8, 26, 26]
    stratum = np.repeat(np.array([4, 1, 2], dtype=np.int8), [2, 28, 30])
    shares = dataclasses.replace(balanced().shares([60]), stratum=stratum)
    times = np.bincount(epoch_order([np.arange(60)], shares, seed=0, epoch=0), minlength=60)
    assert [times[stratum == code].sum() for code in (4, 1, 2)] == [8, 26, 26]


def test_strata_are_spread_over_the_epoch_like_symbols() -> None:
    stratum = np.repeat(np.array([0, 1], dtype=np.int8), [300, 900])
    shares = dataclasses.replace(concat().shares([1200]), stratum=stratum)
    order = epoch_order([np.arange(1200)], shares, seed=0, epoch=0)
    in_batches = (order < 300).reshape(-1, 60).sum(axis=1)
    assert np.abs(in_batches - 30).max() <= 3


def test_one_stratum_is_no_stratum_as_far_as_counts_go() -> None:
    positions = ragged([50, 20])
    shares = balanced().shares([50, 20])
    alike = dataclasses.replace(shares, stratum=np.zeros(100, dtype=np.int8))
    one, other = (np.bincount(epoch_order(positions, own, seed=1, epoch=0), minlength=100) for own in (shares, alike))
    assert [one[own].sum() for own in positions] == [other[own].sum() for own in positions]


def test_seeds_beyond_32_bits_are_told_apart_from_their_parts() -> None:
    positions = ragged([50])
    shares = concat().shares([50])
    one = epoch_order(positions, shares, seed=2**32, epoch=0)
    other = epoch_order(positions, shares, seed=0, epoch=1)
    assert one.tolist() != other.tolist()


def test_iterating_twice_gives_one_epoch_and_set_epoch_another() -> None:
    shares = concat().shares([64])
    sampler = EpochSampler(positions=ragged([64]), shares=shares, seed=1, batch_size=8, rank=0, ranks=1)
    first = torch.cat(list(sampler)).tolist()
    assert torch.cat(list(sampler)).tolist() == first
    sampler.set_epoch(1)
    assert torch.cat(list(sampler)).tolist() != first


def test_a_symbols_own_order_does_not_depend_on_the_others() -> None:
    with_others = epoch_order(ragged([40, 30]), concat().shares([40, 30]), seed=3, epoch=0)
    alone = epoch_order(ragged([40]), concat().shares([40]), seed=3, epoch=0)
    assert with_others[with_others < 40].tolist() == alone.tolist()


def test_each_batch_holds_close_to_each_symbols_share() -> None:
    rows = [4000, 1000, 2500, 500]
    shares = balanced().shares(rows)
    assert shares.share.tolist() == [0.25] * 4
    owner = np.repeat(np.arange(4), [n + 7 for n in rows])
    order = epoch_order(ragged(rows), shares, seed=0, epoch=0)
    batches = owner[order].reshape(-1, 80)
    counts = np.stack([(batches == symbol).sum(axis=1) for symbol in range(4)])
    assert np.abs(counts - 20).max() <= 4  # a random order would have a standard deviation of 3.9


def test_every_rank_sees_every_symbol_close_to_its_share() -> None:
    """Draws at exactly regular instants would alternate, and of two ranks each would see one symbol only."""
    shares = concat().shares([4000, 4000])
    sampler = EpochSampler(positions=ragged([4000, 4000]), shares=shares, seed=0, batch_size=80, rank=0, ranks=2)
    assert torch.cat(list(sampler)).lt(4000).float().mean().item() == pytest.approx(0.5, abs=0.03)


def test_the_incomplete_last_batch_is_left_out_unless_it_is_the_only_one() -> None:
    shares = concat().shares([50])
    assert [len(step) for step in steps(ragged([50]), shares, ranks=2)] == [16, 16, 16]
    assert [len(step) for step in steps(ragged([50]), shares, ranks=2, batch_size=64)] == [50]


def test_a_batch_size_that_ranks_cannot_share_is_refused_with_one_that_they_can() -> None:
    shares = concat().shares([50])
    with pytest.raises(SampleError, match=r"batch size 10 is for all 4 processes together .* take 8"):
        EpochSampler(positions=ragged([50]), shares=shares, seed=1, batch_size=10, rank=0, ranks=4)


def test_fewer_samples_than_ranks_are_refused() -> None:
    shares = concat().shares([2])
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
    shares = concat().shares([64])
    sampler = EpochSampler(positions=ragged([64]), shares=shares, seed=1, batch_size=16, rank=0, ranks=1)
    loader = DataLoader(Echo(), sampler=sampler, batch_size=None)
    assert [tuple(batch.shape) for batch in loader] == [(16,)] * 4
    assert len(loader) == 4

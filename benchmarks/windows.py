"""How fast batches of windows are made, against a bare gather and against memcpy, all in one run.

    python benchmarks/windows.py

The panel is a memory-mapped file, as in training. Rates are per CPU second of this process; each round times every
way once, and a ratio is taken within its round (medians), so that a busy machine disturbs all alike.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader

from multisymbol.samples.ledger import Ledger, SymbolCount
from multisymbol.samples.mixture import Balanced, Concat, Mixture
from multisymbol.samples.sampler import EpochSampler
from multisymbol.samples.windows import Batch, WindowDataset


def make_ledger(*, symbols: int, bars: int, window: int) -> Ledger:
    """Every whole window of `symbols` equally long histories is a sample."""
    row = np.arange(symbols * bars).reshape(symbols, bars)[:, window - 1 :].ravel()
    names = tuple(f"S{index}" for index in range(symbols))
    samples = bars - window + 1
    return Ledger(
        symbols=names,
        asset_classes=("none",) * symbols,
        window=window,
        symbol=(row // bars).astype(np.int32),
        row=row,
        window_start=row,
        decided_at=row,
        resolved_at=row,
        label=(row % 3).astype(np.int8),
        rule=np.full(len(row), -1, dtype=np.int8),
        target=np.full(len(row), np.nan, np.float32),
        weight=np.ones(len(row), np.float32),
        counts=tuple(
            SymbolCount(symbol=name, bars=bars, warmup=0, filling=window - 1, unresolved=0, strided=0, samples=samples)
            for name in names
        ),
    )


def loader(
    features: npt.NDArray[np.float32], ledger: Ledger, *, mixture: Mixture, batch_size: int
) -> DataLoader[Batch]:
    """The way of training: dataset, sampler and loader."""
    slots = np.arange(len(ledger.symbols))
    dataset = WindowDataset(features=features, ledger=ledger, symbol_slots=slots, class_slots=slots)
    positions = [np.flatnonzero(ledger.symbol == index) for index in range(len(ledger.symbols))]
    shares = mixture.shares([len(own) for own in positions])
    sampler = EpochSampler(positions=positions, shares=shares, seed=0, batch_size=batch_size, rank=0, ranks=1)
    return DataLoader(dataset, sampler=sampler, batch_size=None)


def bare_gather(features: npt.NDArray[np.float32], *, window: int, batch_size: int) -> Iterator[torch.Tensor]:
    """One `index_select` a batch from random starts, and nothing else."""
    rows, width = features.shape
    view = torch.from_numpy(features).as_strided((rows - window + 1, window * width), (width, 1))
    for start in torch.split(torch.randperm(len(view)), batch_size):
        yield view.index_select(0, start)


def memcpy(features: npt.NDArray[np.float32], *, window: int, batch_size: int) -> Iterator[torch.Tensor]:
    """Copy as many bytes as a batch has, from places far apart in the panel into fresh memory."""
    flat = torch.from_numpy(features).view(-1)
    size = batch_size * window * features.shape[1]
    while True:
        for start in range(0, len(flat) - size, size):
            yield flat[start : start + size].clone()


def rate(batches: Iterator[object], *, batches_timed: int, batch_size: int) -> float:
    """Windows per CPU second."""
    next(batches)  # the epoch's order is drawn here and timed by itself
    started = time.process_time()
    for _ in range(batches_timed):
        next(batches)
    return batches_timed * batch_size / (time.process_time() - started)


def measure(ways: dict[str, Callable[[], Iterator[object]]], *, rounds: int, batches: int, batch_size: int) -> None:
    """Time all ways in turn and print a table."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(rate(way(), batches_timed=batches, batch_size=batch_size))
    rates = {name: np.array(values) for name, values in found.items()}
    print(f"{'way':<28}{'windows/s':>12}{'of bare gather':>16}{'of memcpy':>12}")
    for name, values in rates.items():
        ratios = [float(np.median(values / rates[base])) for base in ("bare gather", "memcpy")]
        print(f"{name:<28}{np.median(values):>12,.0f}{ratios[0]:>16.1%}{ratios[1]:>12.1%}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in {
        "symbols": 20,
        "bars": 40_000,
        "features": 32,
        "window": 64,
        "batch": 1024,
        "rounds": 15,
    }.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "features.npy"
        np.save(path, np.random.default_rng(0).normal(size=(given.symbols * given.bars, given.features)).astype("f4"))
        features: npt.NDArray[np.float32] = np.load(path, mmap_mode="c")
        ledger = make_ledger(symbols=given.symbols, bars=given.bars, window=given.window)
        every_row = Concat(epoch_samples=None, how="sampling", symbol_weights=None, stratum="none")
        alike = Balanced(epoch_samples=None, max_passes=4.0, how="sampling", symbol_weights=None, stratum="none")
        concat = loader(features, ledger, mixture=every_row, batch_size=given.batch)
        balanced = loader(features, ledger, mixture=alike, batch_size=given.batch)
        bare = {"window": given.window, "batch_size": given.batch}
        ways: dict[str, Callable[[], Iterator[object]]] = {
            "memcpy": lambda: memcpy(features, **bare),
            "bare gather": lambda: bare_gather(features, **bare),
            "WindowDataset, concat": lambda: iter(concat),
            "WindowDataset, balanced": lambda: iter(balanced),
        }
        measure(ways, rounds=given.rounds, batches=40, batch_size=given.batch)
        started = time.process_time()
        next(iter(balanced))
        print(f"order of an epoch of {len(ledger):,} draws: {time.process_time() - started:.2f} CPU s, once per epoch")


if __name__ == "__main__":
    main()

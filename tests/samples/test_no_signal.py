"""World 7: where there is nothing to learn, every split of ours says so; three usual ones do not.

Correlated symbols without any signal and with ragged histories. A nearest-neighbour learner recognises the instant of a
test window among the train windows of the other symbols, whose labels it then repeats: skill on paper, none in life.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
import torch

from multisymbol.labels.labels import BUY, SELL
from multisymbol.markets.time import HOUR, NEVER
from multisymbol.samples.fold import TEST, TRAIN, Split
from multisymbol.samples.ledger import Ledger, build_ledger
from multisymbol.samples.panel import Panel
from multisymbol.samples.windows import WindowDataset
from tests.samples.worlds import (
    HOURLY,
    START,
    History,
    combinatorial,
    hand_panel,
    leave_symbols_out,
    single_cut,
    walk_forward,
)

BARS, WORLDS = 1500, 20
RETURN_CORRELATION = 0.8
HORIZON = 5
"""Bars a label looks ahead: labels of neighbouring bars overlap."""
WINDOW = 16
LIFETIMES = ((0, 1500), (0, 950), (550, 1500), (220, 1280), (0, 1200), (750, 1500))
"""Ragged: no two symbols live from the same bar to the same bar."""
SYMBOLS = len(LIFETIMES)

Pair = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""Ledger positions of train and test."""
Cut = Callable[[Ledger, np.random.Generator], list[Pair]]

CUT = single_cut(validation_share=0.02, test_share=0.2, allow=True)
OURS: dict[str, Split] = {
    "single cut": CUT,
    "anchored": walk_forward(train="720h", validation="24h", test="300h"),
    "rolling": walk_forward(window="rolling", train="600h", validation="24h", test="300h", count=2),
    "combinatorial": combinatorial(4, 1, validation_share=0.02),
    "symbols left out": leave_symbols_out([["S0", "S2", "S3"], ["S1", "S4", "S5"]], cut=CUT),
}


def correlated_panel(random: np.random.Generator) -> Panel:
    """Returns with one common factor; the label is the sign of the return over the next HORIZON bars."""
    common, own = random.normal(size=(BARS, 1)), random.normal(size=(BARS, SYMBOLS))
    returns = np.sqrt(RETURN_CORRELATION) * common + np.sqrt(1 - RETURN_CORRELATION) * own
    return hand_panel([lifetime(returns[first:last, i], first=first) for i, (first, last) in enumerate(LIFETIMES)])


def lifetime(returns: npt.NDArray[np.float64], *, first: int) -> History:
    bars = len(returns)
    opened_at = START + HOUR * np.arange(first, first + bars)
    path = np.concatenate([[0.0], np.cumsum(returns)])
    known = np.arange(bars) < bars - HORIZON
    ahead = path[np.minimum(np.arange(bars) + 1 + HORIZON, bars)] - path[1:]
    return History(
        features=returns[:, None].astype(np.float32),
        label=np.where(known, np.where(ahead > 0, BUY, SELL), -1).astype(np.int8),
        resolved_at=np.where(known, opened_at + HOUR * (1 + HORIZON), NEVER),
        ready=np.ones(bars, dtype=np.bool_),
        segment=np.zeros(bars, dtype=np.int32),
        opened_at=opened_at,
    )


def ours(split: Split) -> Cut:
    def cut(ledger: Ledger, random: np.random.Generator) -> list[Pair]:
        folds = split.folds(ledger, timeframe=HOURLY)
        return [(parts.positions(TRAIN), parts.positions(TEST)) for parts in folds]

    return cut


def shuffle_then_split(ledger: Ledger, random: np.random.Generator) -> list[Pair]:
    return [four_fifths(random.permutation(len(ledger)))]


def concat_then_split(ledger: Ledger, random: np.random.Generator) -> list[Pair]:
    return [four_fifths(np.arange(len(ledger)))]


def split_each_symbol(ledger: Ledger, random: np.random.Generator) -> list[Pair]:
    pairs = [four_fifths(np.flatnonzero(ledger.symbol == index)) for index in range(SYMBOLS)]
    return [(np.concatenate([train for train, _ in pairs]), np.concatenate([test for _, test in pairs]))]


def four_fifths(positions: npt.NDArray[np.int64]) -> Pair:
    border = len(positions) * 4 // 5
    return positions[:border], positions[border:]


def nearest_neighbour_accuracy(
    x: npt.NDArray[np.float32], y: npt.NDArray[np.int64], *, train: npt.NDArray[np.int64], test: npt.NDArray[np.int64]
) -> float:
    distance = (x[train] ** 2).sum(axis=1) - 2 * x[test] @ x[train].T  # squared, up to a term of the test row alone
    return float((y[train][distance.argmin(axis=1)] == y[test]).mean())


@dataclass(frozen=True, kw_only=True, slots=True)
class Accuracy:
    """Mean over independent worlds and its standard error: within a world, rows are anything but independent."""

    mean: float
    error: float


@pytest.fixture(scope="module")
def accuracy() -> dict[str, Accuracy]:
    cuts: dict[str, Cut] = {name: ours(split) for name, split in OURS.items()}
    cuts |= {cut.__name__: cut for cut in (shuffle_then_split, concat_then_split, split_each_symbol)}
    found: dict[str, list[float]] = {name: [] for name in cuts}
    slots = np.zeros(SYMBOLS, dtype=np.int64)
    for world in range(WORLDS):
        random = np.random.default_rng(world)
        panel = correlated_panel(random)
        ledger = build_ledger(panel, window=WINDOW, stride=1)
        windows = WindowDataset(features=panel.features, ledger=ledger, symbol_slots=slots, class_slots=slots)
        batch = windows[torch.arange(len(ledger))]
        x, y = batch.x_BTF.flatten(start_dim=1).numpy(), batch.y_B.numpy()
        for name, cut in cuts.items():
            scores = [nearest_neighbour_accuracy(x, y, train=train, test=test) for train, test in cut(ledger, random)]
            found[name].append(float(np.mean(scores)))
    return {
        name: Accuracy(mean=float(np.mean(values)), error=float(np.std(values, ddof=1) / np.sqrt(WORLDS)))
        for name, values in found.items()
    }


@pytest.mark.parametrize("name", OURS)
def test_our_splits_score_one_half_where_there_is_nothing_to_learn(accuracy: dict[str, Accuracy], name: str) -> None:
    found = accuracy[name]
    assert found.error < 0.008
    assert abs(found.mean - 0.5) < 3 * found.error


@pytest.mark.parametrize(
    ("wrong", "at_least"), [("shuffle_then_split", 0.70), ("concat_then_split", 0.70), ("split_each_symbol", 0.60)]
)
def test_the_usual_splits_find_skill_where_there_is_none(
    accuracy: dict[str, Accuracy], wrong: str, at_least: float
) -> None:
    found = accuracy[wrong]
    assert found.mean > at_least
    assert found.mean - 0.5 > 5 * found.error

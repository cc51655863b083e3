"""Suspects: what may be true, and is named before anyone trains on it: odd prices, and a symbol that repeats another.

Copies are found by fingerprints of returns, so prices in another unit are found, too. A fingerprint is the hash of six
returns in a row; one in eight is kept, chosen by its own value, so that two copies keep the same ones. Each is looked
up once, however many symbols there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from multisymbol.arrays import Ints
from multisymbol.markets.bars import Bars
from multisymbol.markets.time import DAY, HOUR, MINUTE, Instants
from multisymbol.wording import counted

_RETURNS, _KEPT_OF = 6, 8
_PRECISION = 1e-6
"""Returns are compared in these units: copies stored as float32 stay copies."""
_COPIED_AT_LEAST = 8
"""Fingerprints at one lag: about 64 bars in a row."""
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_ODD = {"outlier": ("bar", "wrong in all four prices"), "step": ("lasting step", "of a split or of another unit")}
"""Kind of odd price -> what is counted, and what is odd about it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReturnPrints:
    """Fingerprints of one symbol's returns."""

    symbol: str  # whose
    bars: int  # how many it has
    odd: dict[str, int]  # kind of odd price -> bars that have it and are kept
    hashes: npt.NDArray[np.uint64]  # ascending, each once. uint64, shape (n,)
    closed_at: Instants  # close of the last bar of each. Shape (n,)


def return_prints(bars: Bars) -> ReturnPrints:
    """Take the fingerprints of a symbol's returns; stretches in which the price hardly moves have none."""
    returns = np.rint(np.diff(np.log(bars.close)) / _PRECISION).astype(np.int64)
    count = max(len(returns) - _RETURNS + 1, 0)
    hashes, moves = np.zeros(count, dtype=np.uint64), np.zeros(count, dtype=np.int64)
    for place in range(_RETURNS):
        each = returns[place : place + count]
        hashes = (hashes ^ _mixed(each.view(np.uint64))) * _FACTOR
        moves += each != 0
    kept = np.flatnonzero((_mixed(hashes) % np.uint64(_KEPT_OF) == 0) & (moves >= _RETURNS - 1))
    unique, first = np.unique(hashes[kept], return_index=True)
    return ReturnPrints(
        symbol=bars.symbol,
        bars=len(bars),
        odd={key: count for key, count in bars.kept_defects.items() if key in _ODD},
        hashes=unique,
        closed_at=bars.closed_at[kept[first] + _RETURNS],
    )


def suspects(prints: Sequence[ReturnPrints]) -> list[str]:
    """Name the symbols with odd prices, and those that repeat the prices of an earlier one, at once or later."""
    return [*(_odd_text(each.symbol, key, n) for each in prints for key, n in each.odd.items()), *copies(prints)]


def _odd_text(symbol: str, key: str, count: int) -> str:
    what, why = _ODD[key]
    return f"{symbol}: {counted(count, what)} {why} ({key})"


def copies(prints: Sequence[ReturnPrints]) -> list[str]:
    """Name the symbols that repeat the returns of another one, at once or later, each once."""
    return [_copy_text(prints, *pair) for pair in _copies(prints)]


def _copies(prints: Sequence[ReturnPrints]) -> list[tuple[int, int, int, int]]:
    """Return (first symbol, other symbol, how much later the other is, fingerprints in common), once for each other."""
    if not prints:
        return []
    owner = np.repeat(np.arange(len(prints)), [len(each.hashes) for each in prints])
    hashes = np.concatenate([each.hashes for each in prints])
    closed_at = np.concatenate([each.closed_at for each in prints])
    order = np.lexsort((owner, hashes))
    begins = np.r_[True, np.diff(hashes[order]) != 0][: len(order)]
    first = order[np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))]
    again, first = order[~begins], first[~begins]
    found: Ints = np.stack([owner[first], owner[again], closed_at[again] - closed_at[first]], axis=1)
    pairs, counts = np.unique(found, axis=0, return_counts=True)
    best: dict[int, tuple[int, int, int, int]] = {}
    for (source, other, lag), count in zip(pairs.tolist(), counts.tolist(), strict=True):
        if count >= _COPIED_AT_LEAST and count > best.get(other, (0, 0, 0, 0))[3]:
            best[other] = (source, other, lag, count)
    return [best[other] for other in sorted(best)]


def _copy_text(prints: Sequence[ReturnPrints], first: int, other: int, lag: int, count: int) -> str:
    late, early = (other, first) if lag >= 0 else (first, other)
    share = count / min(len(prints[first].hashes), len(prints[other].hashes))
    how, when = ("has the same returns as", "") if lag == 0 else ("repeats", f" {_span(abs(lag))} later")
    return f"{prints[late].symbol} {how} {prints[early].symbol}{when}, in about {share:.0%} of its bars"


def _span(nanoseconds: int) -> str:
    for name, unit in (("d", DAY), ("h", HOUR)):
        if nanoseconds % unit == 0:
            return f"{nanoseconds // unit}{name}"
    return f"{nanoseconds / MINUTE:g}m"


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    mixed = (values ^ (values >> np.uint64(31))) * _FACTOR
    return mixed ^ (mixed >> np.uint64(29))

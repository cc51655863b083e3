"""Symbols left out: how good is a model for a symbol it was never trained on?"""

import dataclasses
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from multisymbol.errors import SplitError, nearest
from multisymbol.markets.time import Timeframe
from multisymbol.samples.cut import SingleCut
from multisymbol.samples.fold import Fold, FoldAssignment, cut_all, refuse_split
from multisymbol.samples.ledger import Ledger

_STREAM = zlib.crc32(b"samples.left_out.groups")
"""Sets these random numbers apart from others drawn from the same seed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaveSymbolsOut:
    """One cut in time, once per group of symbols: they alone are tested, the others alone train and validate.

    The left-out symbols are never trained or validated on, also not before the test begins, and the others' test time
    is not looked at: what a new listing would meet. `conf/split/leave_symbols_out.yaml`.

    Args:
        groups: Which symbols are left out together: lists of names; or a number of groups into which symbols are dealt
            by `seed`, each asset class spread over them, and one that is alone in its class always trains; or
            `asset_class`, each class for itself (then nothing of its kind was seen in training).
        seed: Deals the symbols; another one than the run's, so that runs of several seeds share their folds.
        cut: The instants, common to all symbols; its `absent` speaks of left-out symbols without test samples and of
            others without train samples.
    """

    groups: Literal["asset_class"] | int | list[list[str]]
    seed: int
    cut: SingleCut

    def __post_init__(self) -> None:
        problems = []
        if isinstance(self.groups, int) and self.groups < 2:
            problems.append(f"split: groups={self.groups} must be 2 or more: what is left out of one cannot train")
        if isinstance(self.groups, list):
            names = [name for group in self.groups for name in group]
            twice = sorted({name for name in names if names.count(name) > 1})
            problems += [f"split: groups name {name} more than once: it would be tested twice" for name in twice]
            if not names or not all(self.groups):
                problems.append("split: groups must not be empty lists")
        refuse_split(problems)

    @property
    def sealed_from(self) -> str | None:
        """See Split."""
        return self.cut.sealed_from

    def folds(self, ledger: Ledger, *, timeframe: Timeframe) -> tuple[FoldAssignment, ...]:
        """See Split; one per group.

        Raises:
            SplitError: Also where a group names a symbol there is not, or there are fewer symbols than groups.
        """
        return self._each(ledger, fold=self.cut.fold(ledger, timeframe=timeframe), name="without")

    def opened(self, ledger: Ledger, *, timeframe: Timeframe) -> tuple[FoldAssignment, ...]:
        """See Split; one per group."""
        return self._each(ledger, fold=self.cut.opened_fold(ledger, timeframe=timeframe), name="sealed without")

    def _each(self, ledger: Ledger, *, fold: Fold, name: str) -> tuple[FoldAssignment, ...]:
        folds = [
            dataclasses.replace(fold, name=f"{name} {whom}", left_out=group)
            for whom, group in self._named_groups(ledger).items()
        ]
        return cut_all(ledger, folds, absent=self.cut.absent)

    def _named_groups(self, ledger: Ledger) -> dict[str, tuple[str, ...]]:
        if self.groups == "asset_class":
            return _by_class(ledger)
        groups = (
            _listed(self.groups, ledger) if isinstance(self.groups, list) else dealt(ledger, self.groups, self.seed)
        )
        return {f"group {number} of {len(groups)}": group for number, group in enumerate(groups, start=1)}


def _by_class(ledger: Ledger) -> dict[str, tuple[str, ...]]:
    pairs = list(zip(ledger.symbols, ledger.asset_classes, strict=True))
    return {kind: tuple(name for name, own in pairs if own == kind) for kind in sorted(set(ledger.asset_classes))}


def _listed(groups: Sequence[Sequence[str]], ledger: Ledger) -> list[tuple[str, ...]]:
    unknown = [
        f"split: groups name {name}, and there is no such symbol{nearest(name, ledger.symbols) or ' in the universe'}"
        for group in groups
        for name in group
        if name not in ledger.symbols
    ]
    refuse_split(unknown)
    return [tuple(group) for group in groups]


def dealt(ledger: Ledger, groups: int, seed: int) -> list[tuple[str, ...]]:
    """Deal the symbols like cards, class after class, each shuffled, so that no class is ever left out as a whole."""
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_STREAM,)))
    several = [own for own in _by_class(ledger).values() if len(own) > 1]
    deck = [name for own in several for name in random.permutation(own).tolist()]
    if groups > len(deck):
        message = (
            f"split: groups={groups}, but {len(deck)} of {len(ledger.symbols)} symbols are not alone in their asset "
            "class; take fewer groups, or name them (split.groups=[[..],[..]])"
        )
        raise SplitError(message)
    return [tuple(sorted(deck[place::groups], key=ledger.symbols.index)) for place in range(groups)]

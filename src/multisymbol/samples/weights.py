"""Weights of samples whose labels overlap: the more labels say the same, the less each of them counts."""

import numpy as np

from multisymbol.arrays import Floats, Singles
from multisymbol.markets.time import Instants
from multisymbol.samples.ledger import Ledger


def uniqueness(ledger: Ledger) -> Singles:
    """Return the average uniqueness of each sample's span [decided_at, resolved_at] in its symbol, of mean 1. (M,).

    At an instant at which c labels of the symbol are open each is 1/c unique; a sample's uniqueness is the mean of that
    over the instants of its span at which a label of the symbol begins or ends: with a stride of 1, its bars.

    How many labels are open at an instant is known then, so a weight tells nothing from after the sample's own label;
    the scale (mean 1 over all samples of the symbol) is one number for the whole history.

    Source: Lopez de Prado 2018, Advances in Financial Machine Learning, sections 4.3 and 4.4.
    """
    weight = np.empty(len(ledger), dtype=np.float32)
    for index in range(len(ledger.symbols)):
        own = ledger.symbol == index
        if own.any():
            unique = average_uniqueness(ledger.decided_at[own], ledger.resolved_at[own])
            weight[own] = unique / unique.mean()
    return weight


def average_uniqueness(begins: Instants, ends: Instants) -> Floats:
    """Return the average uniqueness of the spans [begins, ends] of a symbol's labels, above 0, at most 1. Shape (m,).

    Their sum says how many independent labels they are worth.
    """
    instants = np.unique(np.concatenate([begins, ends]))
    first, after = np.searchsorted(instants, begins), np.searchsorted(instants, ends, side="right")
    count = len(instants) + 1
    still_open = np.cumsum(np.bincount(first, minlength=count) - np.bincount(after, minlength=count))
    # every instant begins or ends a label: none is 0
    summed = np.concatenate([[0.0], np.cumsum(1.0 / still_open[:-1])])
    average: Floats = (summed[after] - summed[first]) / (after - first)
    return average

"""A mixture, a split, a source and a decision rule of the user's own."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from multisymbol.backtest.decision import DecisionContext
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.synthetic import SyntheticSource
from multisymbol.markets.time import Period
from multisymbol.samples.cut import SingleCut
from multisymbol.samples.mixture import Balanced, Rows, SamplingWeights


class Halved(Balanced):
    """Balanced, half as many draws."""

    def shares(self, rows: Rows, *, symbols: Sequence[str] | None = None) -> SamplingWeights:
        """See Mixture."""
        half = Balanced(
            epoch_samples=None if self.epoch_samples is None else self.epoch_samples // 2,
            max_passes=self.max_passes,
            how=self.how,
            symbol_weights=self.symbol_weights,
            stratum=self.stratum,
        )
        return half.shares(rows, symbols=symbols)


class Cut(SingleCut):
    """One cut."""


class Market(SyntheticSource):
    """The synthetic market, under another name."""

    def fingerprint(self, config: SymbolConfig, period: Period) -> str:
        """See BarSource."""
        return f"lab-{super().fingerprint(config, period)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Half:
    """Half of the equity, long."""

    def weights(self, prob: npt.NDArray[np.float64], *, context: DecisionContext) -> npt.NDArray[np.float64]:
        """See DecisionRule."""
        del context
        return np.full(len(prob), 0.5)

"""Where bars come from: one protocol, a Parquet folder, the synthetic market."""

from pathlib import Path
from typing import Literal, Protocol

from multisymbol.markets.bars import Bars
from multisymbol.markets.instants import Period, Timeframe
from multisymbol.markets.symbols import SymbolConfig


class BarSource(Protocol):
    """Anything that has bars."""

    @property
    def timeframe(self) -> Timeframe:
        """Length of the bars it has."""
        ...

    def fingerprint(self, config: SymbolConfig, period: Period) -> str:
        """Return a hash that changes whenever `read` would return other bars; cheap (no parsing of rows).

        Raises:
            SourceError: There is nothing for this symbol.
        """
        ...

    def read(self, config: SymbolConfig, period: Period) -> Bars:
        """Read, validate and return the symbol's bars.

        Raises:
            SourceError: Nothing there for this symbol, or not readable.
            BarsError: The bars have defects.
        """
        ...


class ParquetSource:
    """A folder of Parquet files, one per symbol.

    Args:
        root: The folder.
        pattern: File name with `{symbol}`, `{slug}` and `{timeframe}` filled in, for example `{symbol}.parquet`.
        timeframe: Length of the bars, for example `1h`.
        stamped: Whether a timestamp is the bar's open or its close.
        min_bars: Fewer bars than this are refused.
    """

    def __init__(
        self, *, root: str, pattern: str, timeframe: str, stamped: Literal["open", "close"], min_bars: int
    ) -> None:
        self.root = Path(root)
        self.pattern = pattern
        self.timeframe = Timeframe.parse(timeframe)
        self.stamped = stamped
        self.min_bars = min_bars

"""What one training is: its data, its fit, its name and where it is kept."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from multisymbol.config.record import OF_ONE_SYMBOL, ConfigRecord
from multisymbol.markets.symbols import slug
from multisymbol.registry.store.store import Store
from multisymbol.registry.store.versions import Candidate
from multisymbol.samples.dataset import DataSpec
from multisymbol.training.finetune import Parent
from multisymbol.training.fit import FitSpec

Mode: TypeAlias = Literal["universal", "single", "per_symbol", "finetune"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepJob:
    """The sweep a run is a job of.

    Args:
        folder: The sweep's folder.
        over: Overrides that differ between its jobs.
    """

    folder: Path
    over: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSpec:
    """How a run is kept.

    Args:
        store: MLflow store of runs and models.
        strategy: First part of registered names.
        mode: Whose model is trained.
        symbol: The one symbol where the mode is single or finetune.
        symbols: All symbols of the run.
        network: Name of the network's class.
        open_sealed: The question a sealed span is opened for.
        record: The configuration as it is stored.
        sweep: The sweep it is a job of.
    """

    store: Store
    strategy: str
    mode: Mode
    symbol: str | None
    symbols: tuple[str, ...]
    network: str
    open_sealed: str | None
    record: ConfigRecord
    sweep: SweepJob | None = None

    @property
    def scope(self) -> Literal["universal", "single"]:
        """Whether the model is for one symbol or for many."""
        return "single" if self.mode in OF_ONE_SYMBOL else "universal"

    @property
    def name(self) -> str:
        """Whose model it is, and of which network."""
        whose = slug(self.symbol) if self.symbol is not None and self.mode in OF_ONE_SYMBOL else self.mode
        return f"{whose}-{self.network.lower()}"

    def of_symbol(self, symbol: str) -> "RunSpec":
        """Return the run of a symbol's own model among those of a universe."""
        return replace(self, mode="single", symbol=symbol, symbols=(symbol,), record=self.record.of_symbol(symbol))


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainSpec:
    """One command's trainings.

    Args:
        data: The samples.
        fit: How a network is fitted to them.
        run: How the result is kept.
        register: Whether the model becomes a registered version.
        parent: The stored model that is fitted further; None: the network starts from random weights.
        candidate: What the model is a candidate of; it then answers only once it is promoted. None: it is trained by a
            command of its own.
    """

    data: DataSpec
    fit: FitSpec
    run: RunSpec
    register: bool
    parent: Parent | None = None
    candidate: Candidate | None = None

    def of_symbol(self, symbol: str) -> "TrainSpec":
        """Return the training of a symbol's own model among those of a universe."""
        return replace(self, data=self.data.of_symbol(symbol), run=self.run.of_symbol(symbol))

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
    """The sweep a run is a job of."""

    folder: Path  # the sweep's folder
    over: tuple[str, ...]  # overrides that differ between its jobs


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSpec:
    """How a run is kept."""

    store: Store  # MLflow store of runs and models
    strategy: str  # first part of registered names
    mode: Mode  # whose model is trained
    symbol: str | None  # the one symbol where the mode is single or finetune
    symbols: tuple[str, ...]  # all symbols of the run
    network: str  # name of the network's class
    open_sealed: str | None  # the question a sealed span is opened for
    record: ConfigRecord  # the configuration as it is stored
    sweep: SweepJob | None = None  # the sweep it is a job of

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
    """One command's trainings."""

    data: DataSpec  # the samples
    fit: FitSpec  # how a network is fitted to them
    run: RunSpec  # how the result is kept
    register: bool  # whether the model becomes a registered version
    # the stored model that is fitted further; None: the network starts from random weights
    parent: Parent | None = None
    # what the model is a candidate of; it then answers only once it is promoted. None: it is trained by a command of
    # its own
    candidate: Candidate | None = None

    def of_symbol(self, symbol: str) -> "TrainSpec":
        """Return the training of a symbol's own model among those of a universe."""
        return replace(self, data=self.data.of_symbol(symbol), run=self.run.of_symbol(symbol))

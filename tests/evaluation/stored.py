"""Stored models over synthetic markets: real data, features and scalers, a network that was never trained."""

import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import torch

from multisymbol.config import build, plain
from multisymbol.evaluation.inference import Probabilities, predict
from multisymbol.evaluation.serving import Model
from multisymbol.labels.labels import CLASSES
from multisymbol.learning.networks.embedding import NetworkShape
from multisymbol.markets.bars import Bars
from multisymbol.markets.instants import Period
from multisymbol.registry.bundle import Bundle
from multisymbol.reports.terminal import Terminal
from multisymbol.samples.windows import WindowDataset
from multisymbol.workflows.preparation import Prepared, prepare
from tests.conftest import compose_train

LOG_WEIGHTS = [0.3, -0.2, 0.1]
TEMPERATURE = 1.3
DEFAULT = (
    "source.start=2017-10-01",
    "source.end=2018-08-01",
    "source.ragged=true",
    "symbols.only=[AAPL,EURUSD,BTCUSDT]",
    "features.restart_bars=200",
    "window=8",
    "stride=1",
    "model.embedding=symbol",
)
ADDRESSES = TemporaryDirectory(prefix="stored-")  # panels of this process; gone when it ends


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """What a training knew, and the model it stored.

    Args:
        prepared: Panel, ledger, scaler.
        bundle: The stored model.
        network: As it was in training.
    """

    prepared: Prepared
    bundle: Bundle
    network: torch.nn.Module

    @property
    def model(self) -> Model:
        """The stored model, to be asked."""
        return Model.of(self.bundle, name="neuro.1h.universal", version=3)

    def bars(self, symbol: str) -> Bars:
        """What the source has of a symbol."""
        return self.prepared.source.read(self.model.config_of(symbol), Period())

    def answers(self, *, batch_size: int = 4096) -> Probabilities:
        """What evaluation says of every sample of the ledger."""
        return predict(
            self.network,
            dataset=WindowDataset(
                features=self.prepared.features,
                ledger=self.prepared.ledger,
                symbol_slots=self.prepared.symbol_slots,
                class_slots=self.prepared.class_slots,
            ),
            positions=np.arange(len(self.prepared.ledger)),
            batch_size=batch_size,
            log_weights=torch.tensor(LOG_WEIGHTS),
            device="cpu",
            temperature=TEMPERATURE,
        )


@cache
def world(*overrides: str, model: str = "mlp") -> World:
    """A model of hourly bars of a stock, a currency pair and a coin over ten months."""
    config = plain(compose_train(*DEFAULT, f"model={model}", *overrides, f"paths.outputs={ADDRESSES.name}"))
    prepared = prepare(config, Terminal(silent=True))
    shape = NetworkShape(
        features=len(prepared.panel.spec.columns),
        window=config["window"],
        symbols=len(prepared.trained),
        asset_classes=len(prepared.trained_classes),
    )
    torch.manual_seed(4)
    network = build(config["model"])(shape=shape).eval()
    with torch.no_grad():
        for parameter in network.parameters():  # answers that are far from one another
            parameter.normal_(std=0.3)
    return World(prepared=prepared, bundle=bundle_of(network, config, prepared), network=network)


def bundle_of(network: torch.nn.Module, config: Mapping[str, Any], prepared: Prepared) -> Bundle:
    """Store a network, as a training does."""
    facts = zip(prepared.universe, prepared.symbol_slots.tolist(), prepared.class_slots.tolist(), strict=True)
    scope = {"scope": "universal", "timeframe": prepared.source.timeframe.text}
    return Bundle(
        weights={name: tensor.detach().clone() for name, tensor in network.state_dict().items()},
        config={key: value for key, value in config.items() if key not in {"paths", "registry"}},
        spec=prepared.panel.spec,
        symbols={
            **scope,
            "symbols": {
                each.symbol: {"slot": slot, "asset_class": each.asset_class, "class_slot": class_slot}
                for each, slot, class_slot in facts
            },
        },
        symbol_configs={name: config["symbol_configs"][name] for name in prepared.trained},
        scaler=prepared.scaler,
        similarity={},
        metadata={
            **scope,
            "strategy": "neuro",
            "seed": 1,
            "window": config["window"],
            "created_at": "2020-01-01T00:00Z",
            "task": "direction",
            "classes": list(CLASSES),
            "log_class_weights": LOG_WEIGHTS,
            "temperature": TEMPERATURE,
            "stamped": "open",
            "shape": {
                "features": len(prepared.panel.spec.columns),
                "symbols": len(prepared.trained),
                "asset_classes": len(prepared.trained_classes),
            },
            "asset_classes": {name: slot for slot, name in enumerate(prepared.trained_classes, start=1)},
            "git_commit": "c0ffee",
            "libraries": {name: importlib.metadata.version(name) for name in ("numpy", "torch")},
        },
    )


def changed(bundle: Bundle, *, config: Mapping[str, Any] | None = None, **metadata: Any) -> Bundle:
    """The bundle with other facts."""
    return replace(bundle, config={**bundle.config, **(config or {})}, metadata={**bundle.metadata, **metadata})


def raw(bars: Bars, rows: slice = slice(None), *, stamped: str = "open") -> pd.DataFrame:
    """Bars as a feed would give them."""
    late = bars.timeframe.nanoseconds if stamped == "close" else 0
    return pd.DataFrame(
        {
            "symbol": bars.symbol,
            "timestamp": pd.to_datetime(bars.opened_at[rows] + late, unit="ns", utc=True),
            **{name: getattr(bars, name)[rows] for name in ("open", "high", "low", "close", "volume")},
        }
    )


def store(made: World, folder: Path) -> Path:
    """Write the whole folder of a stored model, as it is uploaded."""
    from multisymbol.evaluation.serving import LOADER, requirements_of
    from multisymbol.registry.bundle import write_bundle
    from multisymbol.registry.flavour import write_flavour

    write_bundle(made.bundle, folder / "bundle")
    example = Model.of(made.bundle, name=None, version=None).example([made.bars("AAPL"), made.bars("EURUSD")])
    write_flavour(
        folder,
        loader_module=LOADER,
        example=example.rows,
        answer=example.answer,
        requirements=requirements_of(made.bundle),
    )
    return folder

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

from multisymbol.cli.specs import data_spec
from multisymbol.config.build import build, plain
from multisymbol.labels.labels import CLASSES
from multisymbol.learning.networks.embedding import NetworkShape
from multisymbol.markets.bars import Bars
from multisymbol.markets.resampling import Resampled
from multisymbol.markets.symbols import universe
from multisymbol.markets.synthetic import synthetic_frame
from multisymbol.markets.time import Period, Timeframe
from multisymbol.progress import Terminal
from multisymbol.registry.bundle.format import Bundle
from multisymbol.samples.dataset import FoldDataset, prepare
from multisymbol.samples.windows import WindowDataset
from multisymbol.serving.inference import Probabilities, predict_probabilities
from multisymbol.serving.served_model import Model
from tests.conftest import compose_train

LOG_WEIGHTS = [0.3, -0.2, 0.1]
TEMPERATURE = 1.3
SYMBOLS = ("SYN_A", "SYN_B", "SYN_D", "SYN_F")
SPAN = ("2017-10-01", "2018-08-01")
HOLES = {"close": (0.3, 0.62), "open": (0.1,)}
"""Where ten days are missing, as shares of the span."""
DEFAULT = (
    "source=parquet",
    f"symbols.only=[{','.join(SYMBOLS)}]",
    "features.restart_bars=200",
    "window=8",
    "stride=1",
    "model.embedding=symbol",
)
HOME = TemporaryDirectory(prefix="stored-")
"""Bars and panels of this process; gone when it ends."""


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """What a training knew, and the model it stored.

    Args:
        prepared: Panel, ledger, scaler.
        bundle: The stored model.
        network: As it was in training.
    """

    prepared: FoldDataset
    bundle: Bundle
    network: torch.nn.Module

    @property
    def model(self) -> Model:
        """The stored model, to be asked."""
        return Model.of(self.bundle, name="neuro.1h.universal", version=3)

    def bars(self, symbol: str) -> Bars:
        """What the source has of a symbol, as it lies in the file."""
        source = self.prepared.source
        if isinstance(source, Resampled):
            return source.source.examine(self.model.config_of(symbol), Period()).accepted()
        return source.read(self.model.config_of(symbol), Period())

    def rows(self, symbol: str, rows: slice = slice(None)) -> pd.DataFrame:
        """The same as a feed gives them."""
        return raw(self.bars(symbol), rows, stamped=self.bundle.config["source"]["stamped"])

    def answers(self, *, batch_size: int = 4096) -> Probabilities:
        """What evaluation says of every sample of the ledger."""
        return predict_probabilities(
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
def folder_of_bars(*, stamped: str) -> str:
    """Files of ten months of hourly bars; a few bars are missing here and there, and ten days at a time."""
    folder = Path(HOME.name) / f"bars-{stamped}"
    folder.mkdir()
    for config in universe(compose_train(f"symbols.only=[{','.join(SYMBOLS)}]").symbol_configs):
        frame = synthetic_frame(
            config,
            timeframe=Timeframe.parse("1h"),
            start=SPAN[0],
            end=SPAN[1],
            seed=3,
            signal=0.1,
            correlation=0.4,
            annual_volatility={"stock": 0.25, "forex": 0.08, "crypto": 0.8},
            ragged=False,
        )
        if stamped == "close":
            frame["timestamp"] += pd.Timedelta(hours=1)
        there = np.random.default_rng(5).random(len(frame)) > 0.002
        for share in HOLES[stamped]:
            there &= ~frame["timestamp"].between(
                frame["timestamp"].iloc[int(share * len(frame))],
                frame["timestamp"].iloc[int(share * len(frame))] + pd.Timedelta(days=10),
            )
        frame[there].to_parquet(folder / f"{config.symbol}.parquet")
    return str(folder)


@cache
def world(*overrides: str, stamped: str = "close") -> World:
    """A model of hourly bars of two stocks, a currency pair and a coin."""
    source = (f"source.root={folder_of_bars(stamped=stamped)}", f"source.stamped={stamped}")
    config = plain(compose_train(*DEFAULT, *source, *overrides, f"paths.outputs={HOME.name}"))
    prepared = prepare(data_spec(config), Terminal(silent=True))
    shape = NetworkShape(
        features=len(prepared.panel.spec.columns),
        window=config["window"],
        symbols=len(prepared.trained),
        asset_classes=len(prepared.trained_classes),
    )
    torch.manual_seed(4)
    network = build(config["model"], role="network")(shape=shape).eval()
    with torch.no_grad():
        for parameter in network.parameters():  # answers that are far from one another
            parameter.normal_(std=0.3)
    return World(prepared=prepared, bundle=bundle_of(network, config, prepared), network=network)


def bundle_of(network: torch.nn.Module, config: Mapping[str, Any], prepared: FoldDataset) -> Bundle:
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
            "stamped": config["source"]["stamped"],
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


def raw(bars: Bars, rows: slice = slice(None), *, stamped: str) -> pd.DataFrame:
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
    from multisymbol.config.names import LOADER
    from multisymbol.registry.bundle.flavor import write_flavour
    from multisymbol.registry.bundle.format import write_bundle
    from multisymbol.serving.served_model import requirements_of

    write_bundle(made.bundle, folder / "bundle")
    example = Model.of(made.bundle, name=None, version=None).example([made.bars("SYN_A"), made.bars("SYN_D")])
    write_flavour(
        folder,
        loader_module=LOADER,
        example=example.rows,
        answer=example.answer,
        requirements=requirements_of(made.bundle),
    )
    return folder

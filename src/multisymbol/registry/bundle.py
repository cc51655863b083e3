"""A stored model as plain files: safetensors weights and JSON facts; no pickle anywhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from multisymbol.features.pipeline import FeatureSpec
from multisymbol.features.scaling import Scaler


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """All that is needed to use a model on raw bars, and to know what it is.

    Files: `weights.safetensors`, `config.json` (resolved configuration of the run), `feature_spec.json`,
    `symbols.json` (scope, timeframe, trained symbols with slot, asset class and slot, rows per part),
    `symbol_configs.json`, `scalers.json`, `metadata.json` (strategy, scope, timeframe, seed, window, classes, class-weight
    correction, spans, scores per symbol with no-skill, hashes of data and code, library versions, created_at), and
    `hashes.json`: SHA-256 of every other file.

    Args:
        weights: State dict of the network alone.
        config: `config.json`.
        spec: Columns.
        symbols: `symbols.json`.
        symbol_configs: Symbol -> resolved configuration (`resolve` in markets.symbols).
        scaler: Fitted transforms with their span.
        metadata: `metadata.json`.
    """

    weights: Mapping[str, torch.Tensor]
    config: Mapping[str, Any]
    spec: FeatureSpec
    symbols: Mapping[str, Any]
    symbol_configs: Mapping[str, Any]
    scaler: Scaler
    metadata: Mapping[str, Any]


def write_bundle(bundle: Bundle, folder: Path) -> None:
    """Write the files into a new folder, whole or not at all (a temporary folder, then a rename).

    Raises:
        BundleError: The folder exists. OutputError: It cannot be written.
    """
    raise NotImplementedError


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle back after checking every hash; loads no pickle.

    Raises:
        BundleError: A file is missing, unexpected, changed (hash differs) or not of the form.
    """
    raise NotImplementedError

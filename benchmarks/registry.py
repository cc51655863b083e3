"""How fast a large registry is listed and asked: 1,000 models with 5 versions each, beside MLflow's own listing.

    python benchmarks/registry.py [--models 1000] [--versions 5]

One version is registered as a training does it (`Store.register`); writing 5,000 so would take minutes, so the rows of
the others are copied from those of that one by SQL, with names, numbers and symbols of their own. Times are wall time,
medians; the load of the machine is printed beside them.
"""

import argparse
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from multisymbol.features.pipeline import FeatureColumn, FeatureSpec
from multisymbol.features.scaling import Affine, Scaler
from multisymbol.registry.bundle.format import Bundle, read_bundle, write_bundle
from multisymbol.registry.store.queries import _ask_versions
from multisymbol.registry.store.store import Store, SymbolScores, VersionTags, model_name

SCRIPT = Path(__file__).parents[1] / "scripts" / "models.py"
SYMBOLS = ("AAPL", "MSFT", "GOOGL", "EURUSD", "USDJPY", "BTCUSDT", "BRK.B", "GC=F")


def bundle() -> Bundle:
    """Return a small model: 34 columns, 60,000 weights."""
    spec = FeatureSpec(columns=tuple(FeatureColumn(name=f"c{n}", kind="raw") for n in range(34)), restart_bars=500)
    affine = Affine(center=np.zeros(34), spread=np.ones(34))
    own = {"scope": "universal", "timeframe": "1h"}
    facts = {"strategy": "neuro", "seed": 1, "window": 16, "classes": ["BUY", "HOLD", "SELL"], "created_at": "2020"}
    return Bundle(
        weights={"head.weight": torch.zeros(200, 300)},
        config={"seed": 1},
        spec=spec,
        symbols={**own, "symbols": {name: {"slot": n} for n, name in enumerate(SYMBOLS, start=1)}},
        symbol_configs={name: {"asset_class": "stock"} for name in SYMBOLS},
        scaler=Scaler(
            spec_digest=spec.digest,
            by_symbol=dict.fromkeys(SYMBOLS, affine),
            by_class={"stock": affine},
            asset_classes=dict.fromkeys(SYMBOLS, "stock"),
            clip=5.0,
            fitted_from=0,
            fitted_until=1,
        ),
        similarity={},
        metadata={**own, **facts},
    )


def tags(symbol: str) -> VersionTags:
    """Return what a version of one symbol's model says of itself."""
    return VersionTags(
        strategy="neuro",
        scope="single",
        timeframe="1h",
        asset_classes=("stock",),
        symbols=(symbol,),
        feature_digest="f" * 16,
        label="ZigZag(threshold=volatility, percent=2.0, sigmas=12.0, volatility_bars=100)",
        train_from=0,
        train_until=10**18,
        test_from=10**18,
        test_until=2 * 10**18,
        data_digest="d" * 16,
        git_commit="c" * 40,
        rows=12_345,
        test_log_loss=0.981,
        no_skill=0.993,
        parent=None,
    )


def fill(store: Store, folder: Path, *, models: int, versions: int) -> float:
    """Register one version, copy its rows for all others; return the seconds one registration took."""
    write_bundle(bundle(), folder / "model" / "bundle")
    run = store.open_run("benchmark", tags={})
    scores = [SymbolScores(symbol=name, digest="d" * 64, metrics={"test_log_loss": 0.9}) for name in SYMBOLS]
    name = model_name("neuro", timeframe="1h", symbol="S0")
    choices: dict[str, Any] = {"name": name, "tags": tags("S0"), "scores": scores, "pooled": {}}
    store.register(run, folder / "model", **choices)
    start = time.perf_counter()
    store.register(run, folder / "model", **choices)
    seconds = time.perf_counter() - start
    store.delete_model(name)
    store.set_alias(store.register(run, folder / "model", **choices), "champion")
    database = store.database
    assert database is not None
    symbols = [f"S{number}" for number in range(models)]
    with sqlite3.connect(database) as connection:
        for table in ("registered_models", "registered_model_tags", "registered_model_aliases"):
            multiply(connection, table, symbols[1:], versions=(1,))
        for table in ("model_versions", "model_version_tags"):
            multiply(connection, table, symbols[:1], versions=range(2, versions + 1))
            multiply(connection, table, symbols[1:], versions=range(1, versions + 1))
    return seconds


def multiply(connection: sqlite3.Connection, table: str, symbols: Sequence[str], *, versions: Iterable[int]) -> None:
    """Insert the rows of the first version of the first model again, for other models and numbers."""
    asked = connection.execute(f"SELECT * FROM {table}")
    columns = [column[0] for column in asked.description]
    rows = [dict(zip(columns, row, strict=True)) for row in asked.fetchall()]
    name = model_name("neuro", timeframe="1h", symbol="S0")
    first = [row for row in rows if row["name"] == name and row.get("version", 1) == 1]
    made = [
        {**row, **changes(row, columns, symbol=symbol, version=version)}
        for symbol in symbols
        for version in versions
        for row in first
    ]
    places = ", ".join(f":{column}" for column in columns)
    connection.executemany(f"INSERT INTO {table} VALUES ({places})", made)


def changes(row: dict[str, Any], columns: Sequence[str], *, symbol: str, version: int) -> dict[str, Any]:
    """Return what is its own in a copied row."""
    own: dict[str, Any] = {"name": model_name("neuro", timeframe="1h", symbol=symbol)}
    if "version" in columns:
        own["version"] = version
    if row.get("key") == "symbols":
        own["value"] = f'["{symbol}"]'
    return own


def median(work: Callable[[], object], *, times: int) -> float:
    """Time a call several times; return the median in seconds."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def command(*arguments: str) -> None:
    """Run `multisymbol models` in a process of its own, quietly."""
    subprocess.run([sys.executable, str(SCRIPT), *arguments], check=True, stdout=subprocess.DEVNULL)


def report(store: Store, *, versions: int) -> None:
    """Time the questions a user asks, and MLflow's own answer to the first."""
    some = model_name("neuro", timeframe="1h", symbol="S7")
    place = ("--store", str(store.database))
    found = store.find(some, alias="champion")
    assert found is not None
    folder = store.download(found)
    cases: list[tuple[str, Callable[[], object], int]] = [
        (f"list {versions:,} versions with tags and aliases", store.versions, 7),
        ("the same, one timeframe and strategy", lambda: store.versions(timeframe="1h", strategy="neuro"), 7),
        ("the same through MLflow's API", lambda: _ask_versions(store.uri, name=None, tags={}), 3),
        ("resolve a name by alias", lambda: store.find(some, alias="champion"), 51),
        ("versions of one model", lambda: store.model_versions(some), 51),
        ("hash and hand out a version's files", lambda: store.download(found), 21),
        ("read its bundle", lambda: read_bundle(folder), 21),
        ("give a version a role", lambda: store.set_alias(found, "challenger"), 7),
        ("process: models.py list", lambda: command("list", *place), 3),
        ("process: models.py list --symbol S7", lambda: command("list", "--symbol", "S7", *place), 3),
        ("process: models.py promote", lambda: command("promote", f"{some}/2", *place), 3),
    ]
    for name, work, times in cases:
        print(f"{name:<50}{1000 * median(work, times=times):>10,.1f} ms", flush=True)


def main() -> None:
    """Build a store in a temporary folder, time it, remove it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--versions", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = Store(
            uri=f"sqlite:///{folder}/mlflow.db",
            artifact_root=str(folder / "artifacts"),
            mlflow_experiment="multisymbol",
        )
        store.prepare()
        seconds = fill(store, folder, models=options.models, versions=options.versions)
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        print(f"{'register a version':<50}{1000 * seconds:>10,.1f} ms")
        report(store, versions=options.models * options.versions)


if __name__ == "__main__":
    main()

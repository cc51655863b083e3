"""What one live call costs: python benchmarks/serving.py [--calls 30], or --model FOLDER (with MLmodel and bundle/).

Without a model, one of the default configuration is trained for a moment on the synthetic market and stored. Cold is a
new process, from its start to its first answer; warm are further calls in a process that has the model. One symbol is
asked about, with exactly the rows one answer needs. The bare call is the network alone, on one window that is there
already. Wall-clock milliseconds, medians; a busy machine shows.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

COLD = """
import time; began = time.perf_counter()
import json, sys
from pathlib import Path
{load}
loaded = time.perf_counter()
from multisymbol.registry.bundle.flavor import read_frame
rows = read_frame(Path({folder!r}) / "input_example.json")
model.predict(rows)
print(json.dumps([loaded - began, time.perf_counter() - loaded]))
"""
PLAIN = """
from multisymbol.serving.served_model import Model
model = Model.read(Path({folder!r}) / "bundle", name=None, version=None)
"""
MLFLOW = """
from mlflow import pyfunc
model = pyfunc.load_model({folder!r})
"""


def make_model(folder: Path) -> None:
    """Store a model of the default configuration, of one symbol a class."""
    from hydra import compose, initialize_config_dir

    from multisymbol.cli.train import train
    from multisymbol.config.build import plain
    from multisymbol.config.installation import conf_folder

    overrides = [
        f"paths.outputs={folder}",
        "symbols.only=[SYN_A,SYN_D,SYN_F]",
        "source.start=2016-01-01",
        "source.end=2019-01-01",
        "trainer.max_epochs=1",
        "sampling.epoch_samples=4096",
    ]
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        values = plain(compose("train", overrides))
    train(values, folder / "runs" / "benchmark")


def cold(folder: Path, load: str, *, rounds: int = 3) -> list[float]:
    """Median milliseconds of a new process until the model is there, and from then to its first answer."""
    code = COLD.format(load=load.format(folder=str(folder)), folder=str(folder))
    runs = []
    for _ in range(rounds):
        began = time.perf_counter()
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        loaded, answered = json.loads(ended.stdout.splitlines()[-1])
        runs.append([time.perf_counter() - began, loaded, answered])
    return [1e3 * statistics.median(column) for column in zip(*runs, strict=True)]


def median(call: Callable[[], Any], calls: int) -> float:
    """Median milliseconds of a call, after one that is not counted."""
    call()
    times = []
    for _ in range(calls):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return 1e3 * statistics.median(times)


def warm(folder: Path, calls: int) -> dict[str, float]:
    """Milliseconds of what is asked of a model that is there."""
    import torch
    from mlflow import pyfunc

    from multisymbol.registry.bundle.flavor import read_frame
    from multisymbol.serving.served_model import Model

    model = Model.read(folder / "bundle", name=None, version=None)
    served = pyfunc.load_model(str(folder))
    rows = read_frame(folder / "input_example.json")
    rows = rows[rows["symbol"] == rows["symbol"].iloc[0]]
    window = torch.zeros(1, model.recipe.window, len(model.bundle.spec.columns))
    slot = torch.zeros(1, dtype=torch.int64)
    with torch.inference_mode():
        return {
            "bare call of the network, one window": median(lambda: model.network(window, slot, slot), calls),
            f"answer from {len(rows):,} raw rows": median(lambda: model.predict(rows), calls),
            "the same through mlflow.pyfunc": median(lambda: served.predict(rows), calls),
            "self-test (the stored example)": median(model.check, calls),
            "read the bundle, build the network": median(
                lambda: Model.read(folder / "bundle", name=None, version=None), calls
            ),
        }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=30)
    parser.add_argument("--model", type=Path, default=None)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as room:
        folder = arguments.model
        if folder is None:
            make_model(Path(room))
            folder = Path(room) / "runs" / "benchmark" / "model"
        lines = warm(folder, arguments.calls)
        bare = next(iter(lines.values()))
        print("warm, ms")
        for name, value in lines.items():
            print(f"  {name:<44} {value:>9.2f}   {value / bare:>6.0f} x")
        print("cold, ms: new process, until loaded, first answer")
        for name, load in (("bundle (Model.read)", PLAIN), ("mlflow.pyfunc.load_model", MLFLOW)):
            whole, loaded, answered = cold(folder, load)
            print(f"  {name:<30} {whole:>9.0f} {loaded:>9.0f} {answered:>9.0f}")


if __name__ == "__main__":
    main()

"""Prove that a change of the code changes no number: train, compare, trade and predict with fixed seeds, and hash.

    python validation/equivalence.py out=after.json                                           compute and write
    python validation/equivalence.py against=validation/equivalence_625966f.json              compute and compare
    python validation/equivalence.py out=after.json against=before.json                       both
    python validation/equivalence.py from=after.json against=before.json                      compare two files

Start it in the root of a checkout, old or new: it runs the commands a user runs and reads the files they leave
(weights, metrics in the store, parquet files, comparison.json). It imports nothing from the package. Each difference is
one line, and a new name with the same value is told apart from a new value; the exit status is 1 if a value differs.
Processors round differently in the last bits, so both files must come from the same machine.
"""

import hashlib
import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

Numbers = dict[str, Any]

_SPLIT = Path("conf/split/single_cut.yaml")
SHARES = ("split.shares_of=time",) if "\nshares_of:" in _SPLIT.read_text(encoding="utf-8") else ()
"""What shares meant when there was no choice, where the checkout this is started in has one."""
_SOURCE = Path("conf/source/synthetic.yaml")
PRICES = ("source.prices=null",) if _SOURCE.exists() and "\nprices:" in _SOURCE.read_text(encoding="utf-8") else ()
"""The prices of earlier commits, whose market had no key for them."""
MARKET = (
    "symbols.members={AAPL:{asset_class:stock},MSFT:{asset_class:stock},EURUSD:{asset_class:forex}}",
    "symbols.only=[AAPL,MSFT,EURUSD]",
    "source=synthetic",
    "source.start=2017-03-01",
    "source.end=2018-09-01",
    "source.signal=0.3",
    *PRICES,
)
FIT = (
    "window=4",
    "stride=2",
    "batch_size=256",
    "optimizer.lr=0.003",
    "trainer.max_epochs=3",
)
CUT = (*FIT, "split.validation_share=0.2", *SHARES)
ZIGZAG = ("labels.sigmas=6", "least_class_share=0")
MLP = (*CUT, *ZIGZAG, "model.hidden=[16]", "model.embedding=symbol")
FOLDS = ("split.train=240d", "split.validation=60d", "split.test=90d", "split.count=2")
_CONF = Path("conf/comparison/default.yaml")
AA_DRAWS = "relabellings" if _CONF.exists() and "\nrelabellings:" in _CONF.read_text(encoding="utf-8") else "aa_draws"
"""Key of the A/A test's size in the checkout this is started in: earlier commits call it `relabellings`."""
COMPARISON = (
    "comparison=quick",
    "arms=[universal,single,pooled,finetuned,adapter,zero_shot,prior,rule]",
    "arms.finetuned.epochs=1",
    "arms.adapter.epochs=1",
    "arms.zero_shot.groups=2",
    "labels=horizon",
    *FOLDS,
    "window=3",
    "stride=3",
    "batch_size=256",
    "model.hidden=[6]",
    "trainer.max_epochs=2",
    "comparison.seeds=[1,2]",
    "comparison.draws=200",
    f"comparison.{AA_DRAWS}=100",
    "comparison.surrogates.kept=1",
    "comparison.surrogates.workers=1",
    "comparison.threads=1",
)
STEPS: Mapping[str, tuple[str, ...]] = {
    "mlp": ("train", *MARKET, *MLP),
    "gru": ("train", *MARKET, *CUT, "model=gru", "model.hidden=8", "labels=triple_barrier", "strategy=gru"),
    "returns": ("train", *MARKET, *CUT, "labels=horizon", "loss=huber", "sampling=temperature", "strategy=returns"),
    "per_symbol": (
        "train",
        *MARKET,
        *CUT,
        *ZIGZAG,
        "mode=per_symbol",
        "model.hidden=[8]",
        "sampling=concat",
        "scheduler=plateau",
    ),
    "finetune": (
        "train",
        *MARKET,
        "mode=finetune",
        "symbol=AAPL",
        "from=neuro_fuzzy.1h.universal/1",
        "finetune=adapter",
        "split.validation_from=2018-04-06T11:42Z",
        "split.test_from=2018-06-19T03:36Z",
        "trainer.max_epochs=2",
        "batch_size=128",
    ),
    "walk_forward": (
        "train",
        *MARKET,
        *FIT,
        *("model=tcn", "labels=horizon", "loss=focal", "split=walk_forward", *FOLDS, "strategy=walk"),
    ),
    "comparison": ("compare", *MARKET, *COMPARISON),
    "backtest": ("backtest", *MARKET, "from=neuro_fuzzy.1h.universal/1", "decision=probability_weighted"),
    "live": ("predict", *MARKET, "as_of=2018-08-30", "output=json"),
    "live_own": ("predict", *MARKET, "as_of=2018-08-30", "output=json", "registry/policy=own_first"),
}
"""Name -> script and overrides, in the order of execution: later steps use the models of the first."""

NOT_COMPARED = frozenset({"machine", "commit", "seconds", "commands"})
WORDS = frozenset({"words", "reason", "careful", "place", "role", "outcome", "labels", "label", "plan"})
"""Keys whose text is read by people or names code (the plan's hash covers such names); no number depends on it."""
TIMED = ("windows_per_second", "seconds", "throughput", "memory")
"""Parts of the names of metrics that are measured with a clock."""
OPTIONS = frozenset({"out", "against", "from", "work", "only"})


def main(arguments: Sequence[str]) -> int:
    """Compute, write and compare as the arguments say; return the exit status."""
    options = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    if set(options) - OPTIONS or len(options) != len(arguments) or not options:
        print(__doc__, file=sys.stderr)
        return 2
    numbers = read(Path(options["from"])) if "from" in options else compute(options)
    if "out" in options:
        Path(options["out"]).write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    elif "against" not in options:
        print(json.dumps(numbers, indent=1))
    return compare(read(Path(options["against"])), numbers) if "against" in options else 0


def read(path: Path) -> Numbers:
    """Read a JSON file."""
    numbers: Numbers = json.loads(path.read_text(encoding="utf-8"))
    return numbers


# Computing


def compute(options: Mapping[str, str]) -> Numbers:
    """Run the steps in an empty folder and collect their numbers.

    Args:
        options: `work`: folder to run in, kept afterwards. `only`: comma-separated steps, for a folder that already has
            the models of the earlier ones.
    """
    folder = Path(options["work"]).absolute() if "work" in options else Path(tempfile.mkdtemp(prefix="equivalence-"))
    numbers: Numbers = {"commit": commit(), "machine": machine(), "commands": {}, "seconds": {}}
    try:
        for name in options["only"].split(",") if "only" in options else STEPS:
            started = time.monotonic()
            numbers["commands"][name] = " ".join(STEPS[name])
            numbers[name] = step(name, folder)
            numbers["seconds"][name] = round(time.monotonic() - started, 1)
            print(f"{name:<14}{numbers['seconds'][name]:>6.1f} s", file=sys.stderr, flush=True)
    finally:
        if "work" not in options:
            shutil.rmtree(folder, ignore_errors=True)
    return numbers


def step(name: str, folder: Path) -> Numbers:
    """Run one step and return its numbers."""
    script, *overrides = STEPS[name]
    outputs = folder / "outputs"
    before = run_folders(outputs)
    printed = run(script, *overrides, f"paths.outputs={outputs}")
    if script == "predict":
        return {"answers": {row["symbol"]: row for row in json.loads(printed)}}
    (run_folder,) = outermost(run_folders(outputs) - before)
    if script == "compare":
        return comparison_numbers(run_folder)
    return {
        "weights": {place(file, run_folder): weights_hash(file) for file in files(run_folder, "weights.safetensors")},
        "metrics": {place(file, run_folder): metrics_of(file, outputs) for file in files(run_folder, "run.json")},
        "tables": {place(file, run_folder): columns(file) for file in files(run_folder, "*.parquet")},
    }


def files(folder: Path, pattern: str) -> list[Path]:
    """Find files below a folder, in order."""
    return sorted(folder.rglob(pattern))


def run(script: str, *overrides: str) -> str:
    """Run a command as a user does, from the checkout this was started in; return what it printed."""
    root = Path.cwd()
    file = root / "scripts" / f"{script}.py"
    # Every checkout so far has scripts; without them the installed package answers.
    command = [sys.executable, str(file)] if file.is_file() else [sys.executable, "-m", "multisymbol", script]
    paths = os.pathsep.join([str(root / "src"), str(root), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "COLUMNS": "160"}
    done = subprocess.run(
        [*command, *overrides], capture_output=True, text=True, check=False, env=environment, cwd=root
    )
    if done.returncode:
        sys.exit(f"{script} {' '.join(overrides)}\nended with status {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def run_folders(outputs: Path) -> set[Path]:
    """Find the folders of all runs."""
    return {note.parent for note in outputs.glob("runs/**/run.json")}


def outermost(folders: set[Path]) -> set[Path]:
    """Leave out those that lie in another one."""
    return {folder for folder in folders if not folders & set(folder.parents)}


def place(file: Path, run_folder: Path) -> str:
    """Return the model's folder within the run, and for a table its name; `model` where a run has one model."""
    parts = [part for part in file.relative_to(run_folder).parent.parts if part not in {"model", "bundle"}]
    table = [file.stem] if file.suffix == ".parquet" else []
    return "/".join([*parts, *table]) or "model"


def weights_hash(file: Path) -> str:
    """Hash names, types, shapes and bits of the tensors in a safetensors file, regardless of their order in it."""
    content = file.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8:end]), content[end:]
    digest = hashlib.sha256()
    for name in sorted(set(header) - {"__metadata__"}):
        first, last = header[name]["data_offsets"]
        digest.update(f"{name} {header[name]['dtype']} {header[name]['shape']}".encode() + data[first:last])
    return digest.hexdigest()[:16]


def metrics_of(note: Path, outputs: Path) -> Numbers:
    """Read the last value of each metric of a run from the store, except those measured with a clock."""
    run_id = json.loads(note.read_text(encoding="utf-8"))["run_id"]
    query = "SELECT key, value, is_nan FROM latest_metrics WHERE run_uuid = ? ORDER BY key"
    with closing(sqlite3.connect(outputs / "mlflow.db")) as connection:
        rows = connection.execute(query, (run_id,)).fetchall()
    return {key: "nan" if nan else value for key, value, nan in rows if not any(text in key for text in TIMED)}


def columns(file: Path) -> Numbers:
    """Hash a table column by column."""
    table = pq.read_table(file)
    hashes: Numbers = {"rows": table.num_rows}
    for name in table.column_names:
        text = "\n".join(map(repr, table.column(name).to_pylist()))
        hashes[name] = hashlib.sha256(text.encode()).hexdigest()[:16]
    return hashes


def comparison_numbers(folder: Path) -> Numbers:
    """Hash each part of the result, numbers and words separately; `hashes` has the hash of all forecasts."""
    result = read(folder / "comparison.json")
    hashes = {key: value for key, value in result.pop("hashes").items() if key != "code"}
    result.pop("provenance", None)  # earlier commits did not say it
    name = read(folder / "run.json")["name"]
    parts = {}
    for key, value in result.items():
        values = list(flat(value))
        parts[key] = {
            "numbers": hashed([leaf for leaf in values if not isinstance(leaf, str)]),
            "words": hashed([leaf for leaf in values if isinstance(leaf, str) and leaf != name]),
        }
    drawn = {file.stem: hashed(read(file)) for file in sorted(folder.glob("surrogates/*.json"))}
    return {"hashes": hashes, "parts": parts, "surrogates": drawn, "arms": folds_of(folder)}


def folds_of(folder: Path) -> Numbers:
    """Hash the forecasts of each trained arm in each fold."""
    hashes: Numbers = {}
    for file in sorted(folder.glob("folds/*/*.npz")):
        with np.load(file, allow_pickle=False) as stored:
            digest = hashlib.sha256(np.ascontiguousarray(stored["prob"]).tobytes()).hexdigest()[:16]
        hashes[f"{file.parent.name}/{file.stem}"] = digest
    return hashes


def flat(value: object) -> Iterator[object]:
    """List the leaves of plain data."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from flat(item)
    else:
        yield value


def hashed(value: object) -> str:
    """Hash plain data."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def commit() -> str:
    """Return the commit of the checkout."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def machine() -> Numbers:
    """Return what the last bits of a number depend on: processor and libraries."""
    libraries = {name: version(name) for name in ("torch", "numpy", "numba", "pandas", "TA-Lib")}
    return {"processor": processor(), "python": platform.python_version(), **libraries}


def processor() -> str:
    """Return the processor's model name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


# Comparing

VALUE, WORD, NAME = "value", "word", "name"


def compare(before: Numbers, after: Numbers) -> int:
    """Print one line per difference; return 1 if a value differs."""
    for key, value in before["machine"].items():
        if after["machine"].get(key) != value:
            print(f"note: {key} was {value}, is {after['machine'].get(key)}: last bits may differ for that alone")
    steps = [name for name in before if name not in NOT_COMPARED]
    missing = [name for name in steps if name not in after]
    kinds: Counter[str] = Counter()
    for name in steps:
        for line, kind in differences(before[name], after[name], path=name) if name in after else ():
            print(f"{kind:<8}{line}")
            kinds[kind] += 1
    for name in missing:
        print(f"value   {name}: not computed now")
    count = sum(leaves(before[name]) for name in steps if name in after)
    print(
        f"{count:,} numbers and hashes of {len(steps) - len(missing)} steps at {before['commit'][:7]} and "
        f"{after['commit'][:7]}: {kinds[VALUE]} values differ, {kinds[WORD]} words, {kinds[NAME]} have another name"
    )
    return int(bool(kinds[VALUE] or missing))


def differences(before: Any, after: Any, *, path: str) -> Iterator[tuple[str, str]]:
    """List differing leaves, each with its kind: another value, another wording, or only another name."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from other_keys(before, after, path=path)
        for key in before:
            if key in after:
                yield from differences(before[key], after[key], path=f"{path}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, path=f"{path}[{index}]")
    elif before != after:
        kind = WORD if path.rpartition(".")[2] in WORDS else VALUE
        yield f"{path}: {shown(before)} before, {shown(after)} now{by(before, after)}", kind


def other_keys(before: Mapping[str, Any], after: Mapping[str, Any], *, path: str) -> Iterator[tuple[str, str]]:
    """List keys that only one of two mappings has; a pair with the same value is one key that was renamed."""
    new = [key for key in after if key not in before]
    for key in (key for key in before if key not in after):
        twin = next((other for other in new if after[other] == before[key]), None)
        if twin is None:
            yield f"{path}.{key}: {shown(before[key])} before, not there now", VALUE
        else:
            new.remove(twin)
            yield f"{path}.{key}: is called {twin} now, same value", NAME
    for key in new:
        yield f"{path}.{key}: {shown(after[key])} now, not there before", VALUE


def by(before: object, after: object) -> str:
    """Return the relative difference of two numbers as text."""
    if isinstance(before, float) and isinstance(after, float) and before:
        return f" ({(after - before) / abs(before):+.1e} of it)"
    return ""


def shown(value: object) -> str:
    """Format a value, shortened to one line."""
    text = json.dumps(value)
    return text if len(text) <= 90 else f"{text[:87]}..."


def leaves(value: object) -> int:
    """Count numbers and texts."""
    if isinstance(value, Mapping):
        return sum(map(leaves, value.values()))
    return sum(map(leaves, value)) if isinstance(value, list) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

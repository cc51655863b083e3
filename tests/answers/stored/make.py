"""Make the stored things beside this file, with the code of commit 625966f and no other.

    git worktree add --detach ../base 625966f
    cd ../base
    PYTHONPATH=$PWD/src OMP_NUM_THREADS=1 python REPOSITORY/tests/answers/stored/make.py

Everything is made at /stored, so that this is the only place the files name; `tests/stored.py` puts another one there.
`expected.json` holds what the same commit answered with them, and what it resumed and fine-tuned them to.
"""

import argparse
import hashlib
import json
import os
import re
import runpy
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import patch

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[2]))

from tests.answers.stored.arithmetic import arithmetic  # noqa: E402  (this file is run as a script, elsewhere)

COMMIT = "625966f"
PLACE = Path("/stored")
OUTPUTS, BARS, EXPORTED = PLACE / "outputs", PLACE / "bars", PLACE / "exported"
STORE = ("--store", str(OUTPUTS))
UNIVERSAL, SINGLE = "neuro_fuzzy.1h.universal", "neuro_fuzzy.1h.sym.AAPL"

PLACES = (f"paths.root={PLACE}", f"paths.outputs={OUTPUTS}")
SOURCE = ("symbols.only=[AAPL,EURUSD]", "source=parquet", f"source.root={BARS}", "source.min_bars=100")
MARKET = (
    *SOURCE,
    "features.raw=[rsi,atr,roc,bollinger_position]",
    "features.restart_bars=720",
    "features.indicators.macd={fast: 6, slow: 12, signal: 4}",
    "features.indicators.moving_average={fast: 5, slow: 14}",
    *(f"features.indicators.{name}.period=10" for name in ("bollinger", "volatility", "obv_slope", "volume_ratio")),
    "features.indicators.adx.period=7",
    "asset_class.forex.indicators.moving_average.slow=18",
    *(f"~features.fuzzy.{name}" for name in ("stochastic_k", "bollinger_position", "adx_strength", "volume_ratio")),
    "labels=horizon",
    "labels.bars=2",
    "labels.volatility_bars=20",
)
FIT = ("split.absent=allow", "split.test_from=2018-04-10", "batch_size=64", "trainer.max_epochs=4", "optimizer.lr=0.01")
TRAINING = (*PLACES, *MARKET, *FIT, "window=3", "model.hidden=[4]")
FINETUNING = (*PLACES, *SOURCE, *FIT, "mode=finetune")
"""What is not said is the parent's."""
COMPARISON = (
    *PLACES,
    *MARKET,
    "comparison=quick",
    "arms=[universal,single,finetuned,prior,rule]",
    "arms.finetuned.epochs=1",
    "split.train=38d",
    "split.validation=12d",
    "split.test=21d",
    "split.count=2",
    "window=2",
    "model.hidden=[3]",
    "batch_size=128",
    "trainer.max_epochs=3",
    "optimizer.lr=0.01",
    "comparison.seeds=[1,2]",
    "comparison.draws=100",
    "comparison.relabellings=100",
    "comparison.surrogates.kept=1",
    "comparison.surrogates.workers=1",
    "comparison.threads=1",
)
QUESTION = (*PLACES, *MARKET, "as_of=2018-04-20", "output=json")
ASKED: dict[str, tuple[str, ...]] = {
    "listed": ("models", "list", "--json", *STORE),
    "resolved": ("resolve", *QUESTION, "symbol=AAPL"),
    "predicted": ("predict", *QUESTION),
    "predicted_own_first": ("predict", *QUESTION, "registry/policy=own_first"),
}
"""Name -> the command whose printed JSON is expected."""
LONG = 12_000
"""Characters of a part of a comparison's result above which its hash is kept instead."""


def main() -> None:
    """Make everything anew and replace what lies beside this file."""
    if sys.argv[1:2] == ["killed"]:
        killed(sys.argv[2], int(sys.argv[3]), sys.argv[4:])
        return
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    check_place()
    make_bars()
    make_models()
    unfinished = {"interrupted": make_interrupted_run(), "half_done": make_half_done_comparison()}
    leave_smallest_panel()
    kept = PLACE.with_name(f"{PLACE.name}.kept")
    shutil.copytree(PLACE, kept)
    expected = {
        "commit": COMMIT,
        "arithmetic": arithmetic(),
        "targets": targets(),
        **unfinished,
        **answers(),
        **endings(unfinished),
    }
    shutil.rmtree(PLACE)
    kept.rename(PLACE)
    keep(expected)


def check_place() -> None:
    """Refuse another commit, and a place that holds something."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout
    if not commit.startswith(COMMIT):
        sys.exit(f"start it in the root of a checkout of {COMMIT}; here is {commit}")
    if PLACE.exists():
        sys.exit(f"{PLACE} exists; remove it")
    PLACE.mkdir()


def script(name: str, *arguments: str) -> str:
    """Run a script of the checkout; return what it printed."""
    command = [sys.executable, f"scripts/{name}.py", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{name} {arguments}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def make_bars() -> None:
    """Write a short synthetic market, prices as a vendor would round them, so that every machine has the same bits."""
    import pandas as pd

    text = "--symbols AAPL:stock,EURUSD:forex --start 2018-01-01 --end 2018-04-21 --seed 3 --signal 0.5 --out"
    script("generate_test_data", *text.split(), str(BARS))
    for path in BARS.glob("*.parquet"):
        frame = pd.read_parquet(path)
        prices = ["open", "high", "low", "close"]
        frame[prices] = frame[prices].round(5 if frame["close"].mean() < 10 else 2)
        frame["volume"] = frame["volume"].round(0)
        frame.to_parquet(path, compression="zstd", index=False)


def make_models() -> None:
    """Register a universal, a single and a fine-tuned model, give two of them a role, and export one."""
    script("train", *TRAINING, "model.embedding=symbol")
    script("models", "promote", UNIVERSAL, *STORE)
    script("train", *TRAINING, "mode=single", "symbol=AAPL", "model=gru", "~model.hidden", "+model.hidden=3", "seed=2")
    script("models", "promote", SINGLE, "challenger", *STORE)
    script("train", *FINETUNING, "symbol=EURUSD", "from=champion", "finetune=adapter", "finetune.rank=1")
    for name in ("universal.zip", "universal"):
        script("models", "export", f"{UNIVERSAL}@champion", str(EXPORTED / name), *STORE)


def make_interrupted_run() -> str:
    """Kill a training within its third epoch; return its name."""
    steps = ("trainer.max_epochs=5", "callbacks.last_checkpoint.every_steps=3", "model.dropout=0.3")
    return die("last.ckpt", 20, "train", *TRAINING, *steps, "sampling=temperature", "strategy=interrupted")


def make_half_done_comparison() -> str:
    """Kill a comparison whose first fold is done, its second begun; return its name."""
    return die("folds/2/universal.ckpt", 2, "compare", *COMPARISON)


def die(file: str, writes: int, name: str, *arguments: str) -> str:
    """Run a script that is killed once it has written a checkpoint so often; return the name of its run."""
    before = set(OUTPUTS.glob("runs/*/*"))
    command = [sys.executable, __file__, "killed", file, str(writes), f"scripts/{name}.py", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != -signal.SIGKILL:
        sys.exit(f"{name} was not killed: {done.returncode}\n{done.stdout}\n{done.stderr}")
    (folder,) = set(OUTPUTS.glob("runs/*/*")) - before
    found: str = json.loads((folder / "run.json").read_text())["name"]
    return found


def killed(file: str, writes: int, arguments: Sequence[str]) -> None:
    """Run a script in this process, which ends as the kernel ends one that is out of memory."""
    from multisymbol.learning.checkpoints import AtomicCheckpointIO

    save, left = AtomicCheckpointIO.save_checkpoint, [writes]

    def save_and_die(self: Any, checkpoint: Any, path: Any, storage_options: Any = None) -> None:
        save(self, checkpoint, path, storage_options)
        left[0] -= str(path).endswith(file)
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.argv = list(arguments)
    sys.path.insert(0, "scripts")
    with patch.object(AtomicCheckpointIO, "save_checkpoint", save_and_die):
        runpy.run_path(arguments[0], run_name="__main__")


def leave_smallest_panel() -> None:
    """Remove all cached panels but one."""
    folders = sorted(OUTPUTS.glob("cache/panel-*/"), key=lambda path: (path / "features.npy").stat().st_size)
    for folder in folders[1:]:
        shutil.rmtree(folder)


def targets() -> dict[str, list[str]]:
    """Return what the pages of `conf/` name of the project, and with which arguments."""
    import yaml

    nodes = [node for path in Path("conf").rglob("*.yaml") for node in mappings(yaml.safe_load(path.read_text()))]
    found: dict[str, set[str]] = {}
    for node in nodes:
        if str(node.get("_target_")).startswith("multisymbol."):
            arguments = {key for key in node if key not in {"defaults", "_target_", "_partial_"}}
            found.setdefault(node["_target_"], set()).update(arguments)
    return {name: sorted(found[name]) for name in sorted(found)}


def mappings(data: object) -> Iterator[dict[str, Any]]:
    """List the mappings in plain data."""
    if isinstance(data, dict):
        yield data
    for item in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from mappings(item)


def answers() -> dict[str, Any]:
    """Ask the old code: what its commands print, and what its models say of every bar of their examples."""
    printed = {name: json.loads(script(*command)) for name, command in ASKED.items()}
    rows = {each["name"]: all_rows(each) for each in printed["listed"]}
    return {"asked": ASKED, "printed": printed, "all_rows": rows}


def all_rows(listed: dict[str, Any]) -> str:
    """Hash what a model says of all bars of its example, asked through MLflow."""
    import pandas as pd
    from mlflow import pyfunc

    folder = Path(listed["source"])
    frame = pd.DataFrame(**json.loads((folder / "input_example.json").read_text()))
    said = pyfunc.load_model(str(folder)).predict(frame, params={"all_rows": True, "from_start": True})
    return hashlib.sha256(said[["buy", "hold", "sell"]].to_numpy().tobytes()).hexdigest()


def endings(unfinished: dict[str, str]) -> dict[str, Any]:
    """Let the old code finish what was begun, and fine-tune what is stored."""
    commands = {
        "resumed_run": ("train", *PLACES, f"resume={unfinished['interrupted']}"),
        "resumed_comparison": ("compare", *PLACES, f"resume={unfinished['half_done']}"),
        "finetuned": ("train", *FINETUNING, "symbol=AAPL", f"from={UNIVERSAL}/1", "strategy=again"),
    }
    for command in commands.values():
        script(*command)
    (result,) = OUTPUTS.glob("runs/*/*/comparison.json")
    return {
        "finishing": commands,
        "resumed_run": weights_of(unfinished["interrupted"]),
        "resumed_comparison": shortened(json.loads(result.read_text())),
        "finetuned": weights_of(newest_run()),
    }


def shortened(comparison: dict[str, Any]) -> dict[str, Any]:
    """Replace what is long by its hash; leave out which code finished it."""
    comparison["hashes"].pop("code")
    return {key: value if len(json.dumps(value)) < LONG else digest(value) for key, value in comparison.items()}


def digest(value: object) -> str:
    """Hash plain data, in the order it has."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def newest_run() -> str:
    """Return the name of the run begun last."""
    note = max(OUTPUTS.glob("runs/*/*/run.json"), key=lambda path: path.stat().st_mtime_ns)
    name: str = json.loads(note.read_text())["name"]
    return name


def weights_of(name: str) -> str:
    """Return the hash of the weights that a run registered."""
    (note,) = (path for path in OUTPUTS.glob("runs/*/*/run.json") if json.loads(path.read_text())["name"] == name)
    return hashlib.sha256((note.parent / "model/bundle/weights.safetensors").read_bytes()).hexdigest()


def keep(expected: dict[str, Any]) -> None:
    """Copy what is to be kept beside this file: the store as text, no picture, no finished run's folder, no lock."""
    for name in ("bars", "exported", "outputs"):
        shutil.rmtree(HERE / name, ignore_errors=True)
    unfinished = {expected["interrupted"], expected["half_done"]}
    for note in OUTPUTS.glob("runs/*/*/run.json"):
        if json.loads(note.read_text())["name"] not in unfinished:
            shutil.rmtree(note.parent)
    dump_store()
    unwanted = shutil.ignore_patterns(
        "*.lock", "*.db*", "scaled-*", ".hydra", "figures", "predictions.parquet", "tables", "conf"
    )
    for name in ("bars", "exported", "outputs"):
        shutil.copytree(PLACE / name, HERE / name, ignore=unwanted)
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    shutil.rmtree(PLACE)


def dump_store() -> None:
    """Write the database as SQL; which machine made it is nobody's concern."""
    with closing(sqlite3.connect(OUTPUTS / "mlflow.db")) as connection:
        text = "\n".join(connection.iterdump())
    text = re.sub(r"'process','[^']*'", "'process','elsewhere pid:[1] 1 1'", text)
    (OUTPUTS / "mlflow.sql").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""The commands of `multisymbol`; nothing is imported before its command is given."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

from multisymbol.progress import Terminal, complain, first_process, loading

COMMANDS = {
    "train": "train a model: universal, one symbol's, one per symbol, or fine-tuned",
    "compare": "test the universal model against single-symbol models",
    "backtest": "trade the decisions of stored models, net of costs",
    "predict": "print the newest decision for every symbol",
    "resolve": "print which stored model serves a symbol, and why",
    "models": "manage stored models: list, show, compare, promote, retire, export, ...",
    "import-bars": "turn vendors' files into clean Parquet, one file per symbol",
    "check-data": "check the bars of a universe",
    "trace": "follow one sample from raw bars to its label",
    "generate-data": "write bars of a synthetic market",
    "completion": "print the shell's completion: bash or zsh",
}
"""Command -> its line in `multisymbol --help`."""

PAGES = {
    name: name.replace("-", "_")
    for name in ("train", "compare", "backtest", "predict", "resolve", "check-data", "trace")
}
"""Commands configured by Hydra -> their file in `conf/`, without `.yaml`."""


_PRINTS = {"-h", "--help", "--cfg", "-c", "--info", "-i"}
_FOR_PROGRAMS = {"output=json", "output=parquet", "--json"}


class Parser(argparse.ArgumentParser):
    """The parser of a command that Hydra does not configure; what it says fits the screen."""

    def _print_message(self, message: str, file: Any = None) -> None:
        (complain if file is sys.stderr else Terminal().say)(message.rstrip())


def run(name: str, arguments: Sequence[str]) -> int:
    """Run one command; return its exit status."""
    if name != "completion" and not _PRINTS & set(arguments) and first_process():
        loading(name, quiet=bool(_FOR_PROGRAMS & set(arguments)))
    if name in PAGES:
        from multisymbol.cli.commands.configured import run as run_configured

        return run_configured(name, arguments)
    status: int = command_module(name).run(arguments)
    return status


def command_module(name: str) -> ModuleType:
    """Import the module of a command that Hydra does not configure: `run(arguments)`, and `parser()` of argparse."""
    return import_module(f"multisymbol.cli.commands.{name.replace('-', '_')}")

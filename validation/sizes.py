"""Simulate the size of every test: python validation/sizes.py [key=value ...] (conf/sizes.yaml here)."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if sys.path[0] == str(HERE):  # started as a script: the package `validation` is one up
    sys.path[0] = str(HERE.parent)

import hydra
from omegaconf import DictConfig

from multisymbol.cli import command
from multisymbol.cli.main import exit_with

CONF = HERE / "conf"


def work(values: Mapping[str, Any], run_dir: Path) -> float:
    """Import what computes only once the configuration has been checked."""
    del run_dir  # nothing is recorded
    from validation.size_simulation import sizes

    sizes(values)
    return float("nan")


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="sizes")
def main(config: DictConfig) -> float:
    """Simulate every test."""
    return command.execute(work, config, schema="validation.size_simulation.SizesConfig", leaves=False)


if __name__ == "__main__":
    usage = "python validation/sizes.py"
    exit_with(lambda: command.start(main, page="sizes", arguments=sys.argv[1:], usage=usage, folders=[CONF]))

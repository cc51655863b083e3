"""Run the method on markets with known truth: python validation/prove.py [key=value ...] (conf/prove.yaml here)."""

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

failed: list[str] = []


def work(values: Mapping[str, Any], run_dir: Path) -> float:
    """Import torch only once the configuration has been checked."""
    del run_dir  # nothing is recorded
    from validation.proof import prove

    table = prove(values)
    failed.extend(line.title for line in table if not line.passed)
    return float(len(failed))


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="prove")
def main(config: DictConfig) -> float:
    """Run every market that is chosen."""
    return command.execute(work, config, schema="validation.proof.ProveConfig", leaves=False)


if __name__ == "__main__":
    usage = "python validation/prove.py"
    exit_with(
        lambda: command.start(main, page="prove", arguments=sys.argv[1:], usage=usage, folders=[CONF]) or bool(failed)
    )

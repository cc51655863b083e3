"""`multisymbol check-data`: check the bars of a universe before training (conf/check_data.yaml)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from multisymbol.cli import command
from multisymbol.config.installation import conf_folder


def work(values: Mapping[str, Any], run_dir: Path) -> float:
    """Import what reads and draws only once the configuration has been checked."""
    from multisymbol.cli.check_data import check_data

    return check_data(values, run_dir)


@hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="check_data")
def main(config: DictConfig) -> float:
    """Show what the files of a universe hold."""
    return command.execute(work, config, schema="multisymbol.cli.check_data.CheckDataConfig")


def run(arguments: Sequence[str]) -> int:
    """Run the command; return its exit status."""
    return command.start(main, page="check_data", arguments=arguments)

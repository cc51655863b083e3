"""Look at bars before training: python scripts/check_data.py symbols=hourly22 source=parquet source.root=DIR."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from multisymbol.cli import command


def work(values: Mapping[str, Any], run_dir: Path) -> float:
    """Load what reads and draws only once the configuration has been found good."""
    from multisymbol.cli.check_data import check_data

    return check_data(values, run_dir)


@hydra.main(version_base="1.3", config_path="../conf", config_name="check_data")
def main(config: DictConfig) -> float:
    """Show what the files of a universe hold."""
    return command.execute(work, config, schema="multisymbol.cli.check_data.CheckDataConfig")


if __name__ == "__main__":
    command.start(main)

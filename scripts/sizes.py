"""Measure the size of every test by simulation: python scripts/sizes.py [key=value ...] (conf/sizes.yaml)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from multisymbol.cli import command


def work(values: Mapping[str, Any], run_dir: Path) -> float:
    """Load what computes only once the configuration has been found good."""
    del run_dir  # a simulation is no run
    from validation.sizes import sizes

    sizes(values)
    return float("nan")


@hydra.main(version_base="1.3", config_path="../conf", config_name="sizes")
def main(config: DictConfig) -> float:
    """Simulate every test."""
    return command.execute(work, config, schema="validation.sizes.SizesConfig", leaves=False)


if __name__ == "__main__":
    command.start(main)

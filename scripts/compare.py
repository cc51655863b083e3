"""Compare universal with single models: python scripts/compare.py [key=value ...] (conf/compare.yaml)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from multisymbol.workflows import command


def work(values: Mapping[str, Any], run_dir: Path) -> float:
    """Load torch and Lightning only once the configuration has been found good."""
    from multisymbol.workflows.compare import run

    run(values, run_dir)
    return float("nan")


@hydra.main(version_base="1.3", config_path="../conf", config_name="compare")
def main(config: DictConfig) -> float:
    """Declare, train, answer and record."""
    return command.execute(work, config, schema="multisymbol.workflows.compare_settings.CompareSettings")


if __name__ == "__main__":
    command.start(main)

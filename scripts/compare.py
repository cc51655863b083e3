"""Compare universal with single models: python scripts/compare.py [key=value ...] (conf/compare.yaml)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from multisymbol.cli import command


def work(values: Mapping[str, Any], run_dir: Path) -> float:
    """Load torch and Lightning only once the configuration has been found good."""
    if values["dry_run"]:
        from multisymbol.cli.compare_dry_run import compare_dry_run

        return compare_dry_run(values, run_dir)
    from multisymbol.cli.compare import compare_command

    compare_command(values, run_dir)
    return float("nan")


@hydra.main(version_base="1.3", config_path="../conf", config_name="compare")
def main(config: DictConfig) -> float:
    """Declare, train, answer and record."""
    schema = "multisymbol.cli.compare_schema.CompareConfig"
    return command.execute(work, config, schema=schema, leaves=not (config.dry_run or config.resume))


if __name__ == "__main__":
    command.start(main)

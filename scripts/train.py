"""Train one model: python scripts/train.py [key=value ...] (conf/train.yaml explains the keys)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from multisymbol.cli import command


def work(values: Mapping[str, Any], run_dir: Path) -> float:
    """Load torch and Lightning only once the configuration has been found good."""
    if values["dry_run"]:
        from multisymbol.cli.dry_run import dry_run

        return dry_run(values)
    from multisymbol.cli.train import train

    return train(values, run_dir)


@hydra.main(version_base="1.3", config_path="../conf", config_name="train")
def main(config: DictConfig) -> float:
    """Run one training; returns the validation log-loss of the best epoch."""
    return command.execute(work, config, leaves=not (config.dry_run or config.resume))


if __name__ == "__main__":
    command.start(main)

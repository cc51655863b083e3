"""Prove the pipeline on worlds whose truth is known: python scripts/prove.py [key=value ...] (conf/prove.yaml)."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from multisymbol.cli import command

failed: list[str] = []


def work(values: Mapping[str, Any], run_dir: Path) -> float:
    """Load torch only once the configuration has been found good."""
    del run_dir  # a proof is no run
    from validation.prove import prove

    table = prove(values)
    failed.extend(line.title for line in table if not line.passed)
    return float(len(failed))


@hydra.main(version_base="1.3", config_path="../conf", config_name="prove")
def main(config: DictConfig) -> float:
    """Run every world that is asked for."""
    return command.execute(work, config, schema="validation.prove.ProveConfig", leaves=False)


if __name__ == "__main__":
    command.start(main)
    sys.exit(1 if failed else 0)

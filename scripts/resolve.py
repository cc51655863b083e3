"""Which stored model answers for a symbol, and why: python scripts/resolve.py symbol=MSFT (conf/resolve.yaml)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from multisymbol.cli import command


def work(values: Mapping[str, Any], run_dir: Path) -> float:
    """Load what reads the store only once the configuration has been found good."""
    del run_dir  # a question is no run
    from multisymbol.cli.resolve import show_resolution

    show_resolution(values)
    return float("nan")


@hydra.main(version_base="1.3", config_path="../conf", config_name="resolve")
def main(config: DictConfig) -> float:
    """Answer for one symbol; exit status 2 where no model may."""
    return command.execute(work, config, schema="multisymbol.cli.resolve.ResolveConfig", leaves=False)


if __name__ == "__main__":
    command.start(main)

"""`multisymbol resolve`: which stored model serves a symbol, and why (conf/resolve.yaml)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from multisymbol.cli import command
from multisymbol.config.installation import conf_folder


def work(values: Mapping[str, Any], run_dir: Path) -> float:
    """Import what reads the store only once the configuration has been checked."""
    del run_dir  # nothing is recorded
    from multisymbol.cli.resolve import show_resolution

    show_resolution(values)
    return float("nan")


@hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="resolve")
def main(config: DictConfig) -> float:
    """Resolve one symbol; exit status 2 where no model may serve it."""
    return command.execute(work, config, schema="multisymbol.cli.resolve.ResolveConfig", leaves=False)


def run(arguments: Sequence[str]) -> int:
    """Run the command; return its exit status."""
    return command.start(main, page="resolve", arguments=arguments)

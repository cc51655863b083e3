"""`multisymbol trace`: follow one sample from raw bars to its label (conf/trace.yaml)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from multisymbol.cli import command
from multisymbol.config.installation import conf_folder


def work(values: Mapping[str, Any], run_dir: Path) -> float:
    """Import what computes only once the configuration has been checked."""
    del run_dir  # nothing is recorded
    from multisymbol.cli.trace import trace

    trace(values, origin=command.origins())
    return float("nan")


@hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="trace")
def main(config: DictConfig) -> float:
    """Show one sample."""
    return command.execute(work, config, schema="multisymbol.cli.trace.TraceConfig", leaves=False)


def run(arguments: Sequence[str]) -> int:
    """Run the command; return its exit status."""
    return command.start(main, page="trace", arguments=arguments)

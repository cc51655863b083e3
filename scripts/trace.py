"""Follow one sample from raw bars to its label: python scripts/trace.py symbol=AAPL at=2015-06-01T15:00Z."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from multisymbol.cli import command


def work(values: Mapping[str, Any], run_dir: Path) -> float:
    """Load what computes only once the configuration has been found good."""
    del run_dir  # a trace is no run
    from multisymbol.cli.trace import trace

    trace(values, origin=command.origins())
    return float("nan")


@hydra.main(version_base="1.3", config_path="../conf", config_name="trace")
def main(config: DictConfig) -> float:
    """Show one sample."""
    return command.execute(work, config, schema="multisymbol.cli.trace.TraceConfig", leaves=False)


if __name__ == "__main__":
    command.start(main)

"""`multisymbol backtest`: trade the decisions of stored models on bars they have not seen (conf/backtest.yaml)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from multisymbol.cli import command
from multisymbol.config.installation import conf_folder, library_versions


def work(values: Mapping[str, Any], run_dir: Path) -> float:
    """Import torch and the kernels only once the configuration has been checked."""
    library_versions()
    from multisymbol.cli.backtest import backtest

    return backtest(values, run_dir)


@hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="backtest")
def main(config: DictConfig) -> float:
    """Run one backtest; return the portfolio's Sharpe ratio after costs."""
    return command.execute(work, config, schema="multisymbol.cli.schema.BacktestConfig")


def run(arguments: Sequence[str]) -> int:
    """Run the command; return its exit status."""
    return command.start(main, page="backtest", arguments=arguments)

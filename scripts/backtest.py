"""Trade on what stored models say of bars they have not seen: python scripts/backtest.py (conf/backtest.yaml)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from multisymbol.cli import command


def work(values: Mapping[str, Any], run_dir: Path) -> float:
    """Load torch and the kernels only once the configuration has been found good."""
    from multisymbol.backtest.run import backtest

    return backtest(values, run_dir)


@hydra.main(version_base="1.3", config_path="../conf", config_name="backtest")
def main(config: DictConfig) -> float:
    """Run one backtest; returns the portfolio's Sharpe ratio after costs."""
    return command.execute(work, config, schema="multisymbol.cli.backtest_schema.BacktestConfig")


if __name__ == "__main__":
    command.start(main)

"""The newest decision of the stored models on each symbol: python scripts/predict.py (conf/predict.yaml)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from multisymbol.cli import command


def work(values: Mapping[str, Any], run_dir: Path) -> float:
    """Load torch only once the configuration has been found good."""
    del run_dir  # a question is no run
    from multisymbol.cli.predict import show_predictions

    show_predictions(values)
    return float("nan")


@hydra.main(version_base="1.3", config_path="../conf", config_name="predict")
def main(config: DictConfig) -> float:
    """Answer for every symbol; exit status 2 where no model may answer for any."""
    return command.execute(work, config, schema="multisymbol.cli.predict.PredictConfig", leaves=False)


if __name__ == "__main__":
    command.start(main)

"""`multisymbol predict`: the newest decision of the stored models for each symbol (conf/predict.yaml)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from multisymbol.cli import command
from multisymbol.config.installation import conf_folder


def work(values: Mapping[str, Any], run_dir: Path) -> float:
    """Import torch only once the configuration has been checked."""
    del run_dir  # nothing is recorded
    from multisymbol.cli.predict import show_predictions

    show_predictions(values)
    return float("nan")


@hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="predict")
def main(config: DictConfig) -> float:
    """Predict for every symbol; exit status 2 where no model may serve any."""
    return command.execute(work, config, schema="multisymbol.cli.predict.PredictConfig", leaves=False)


def run(arguments: Sequence[str]) -> int:
    """Run the command; return its exit status."""
    return command.start(main, page="predict", arguments=arguments)
